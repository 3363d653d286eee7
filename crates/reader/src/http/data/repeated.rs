//! Answers without parts that differ, rendered once.

use http::{HeaderValue, header};
use http_body_util::Full;
use service::{Kind, Problem};

use crate::http::{DataResponse, problem_response};

/// Such answers.
pub(super) struct Repeated {
    pub(super) absent: DataResponse,
    pub(super) not_ready: DataResponse,
    pub(super) unknown: DataResponse,
    pub(super) healthy: DataResponse,
}

impl Repeated {
    pub(super) fn render() -> Self {
        let absent = Problem::new(Kind::NoSuchDocument, "there is no such document");
        let not_ready = Problem::new(
            Kind::NotReady,
            "this reader does not hold the documents yet",
        );
        let unknown = Problem::new(
            Kind::Unfetched,
            "the document is not in memory and cannot be fetched now",
        );
        let mut healthy = DataResponse::new(Full::from(r#"{"status":"healthy"}"#));
        for (name, value) in [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-store"),
            (header::CONTENT_LENGTH, "20"),
        ] {
            let value = HeaderValue::from_static(value);
            healthy.headers_mut().insert(name, value);
        }
        Self {
            absent: problem_response(absent),
            not_ready: problem_response(not_ready),
            unknown: problem_response(unknown),
            healthy,
        }
    }
}
