//! HTTP: the data plane, which answers from the catalog, and the admin plane, which tells about it.
//!
//! A read is [`data`] (route, key) and then four small files in this order: the catalog's look-up,
//! [`negotiate`], [`conditional`], and [`serve`], which decides; [`respond`] makes a response of that. [`yardstick`] is there to
//! be compared with that.

pub mod admin;
pub mod at_least;
pub mod conditional;
pub mod counters;
pub mod data;
mod digest;
pub mod freshness;
pub mod negotiate;
pub(crate) mod openapi;
pub mod respond;
pub mod serve;
mod unstored;
pub mod yardstick;

use std::sync::Arc;

use axum::response::IntoResponse;
use bytes::Bytes;
use http::{Response, header};
use http_body_util::Full;
use service::Problem;

/// Says whether the process is draining. Asked by health checks only, never by reads.
pub type DrainCheck = Arc<dyn Fn() -> bool + Send + Sync>;

/// An answer of the data plane. Its content is whole and in memory.
pub type DataResponse = Response<Full<Bytes>>;

/// A problem as the data plane answers it, with its Content-Length.
fn problem_response(problem: Problem) -> DataResponse {
    let json = Bytes::from(problem.to_json());
    let (mut parts, _same_json) = problem.into_response().into_parts();
    parts
        .headers
        .insert(header::CONTENT_LENGTH, json.len().into());
    Response::from_parts(parts, Full::new(json))
}
