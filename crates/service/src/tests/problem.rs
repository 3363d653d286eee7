//! Problem details, kind by kind.

use axum::{body, response::IntoResponse};
use http::{StatusCode, header};

use crate::{Kind, Problem};

const KINDS: [(Kind, u16, &str); 23] = [
    (Kind::MalformedRequest, 400, "malformed-request"),
    (Kind::Unauthorized, 401, "unauthorized"),
    (Kind::Forbidden, 403, "forbidden"),
    (Kind::NoSuchRoute, 404, "no-such-route"),
    (Kind::NoSuchDocument, 404, "no-such-document"),
    (Kind::MethodNotAllowed, 405, "method-not-allowed"),
    (Kind::RequestTimeout, 408, "request-timeout"),
    (Kind::EpochEnded, 409, "epoch-ended"),
    (Kind::PreconditionFailed, 412, "precondition-failed"),
    (Kind::ContentTooLarge, 413, "content-too-large"),
    (Kind::UriTooLong, 414, "uri-too-long"),
    (Kind::UnsupportedMediaType, 415, "unsupported-media-type"),
    (Kind::InvalidDocument, 422, "invalid-document"),
    (Kind::KeyReused, 422, "idempotency-key-reused"),
    (Kind::HeadersTooLarge, 431, "headers-too-large"),
    (Kind::Internal, 500, "internal"),
    (Kind::QueueFull, 503, "queue-full"),
    (Kind::CommitUnknown, 503, "commit-unknown"),
    (Kind::StoreUnavailable, 503, "store-unavailable"),
    (Kind::NotReady, 503, "not-ready"),
    (Kind::Unfetched, 503, "unfetched"),
    (Kind::Behind, 503, "behind"),
    (Kind::TooManyConnections, 503, "too-many-connections"),
];

#[tokio::test]
async fn every_kind_has_its_status_type_and_fields() {
    for (kind, status, slug) in KINDS {
        let response = Problem::new(kind, "what \"was\" wrong").into_response();
        assert_eq!(response.status().as_u16(), status, "{kind:?}");
        let headers = response.headers().clone();
        assert_eq!(
            headers[header::CONTENT_TYPE],
            "application/problem+json",
            "{kind:?}"
        );
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{kind:?}");
        assert_eq!(
            headers[header::X_CONTENT_TYPE_OPTIONS],
            "nosniff",
            "{kind:?}"
        );
        let unavailable = response.status() == StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(
            headers.contains_key(header::RETRY_AFTER),
            unavailable,
            "{kind:?}"
        );
        let unauthorized = kind == Kind::Unauthorized;
        assert_eq!(
            headers.contains_key(header::WWW_AUTHENTICATE),
            unauthorized,
            "{kind:?}"
        );

        let body = body::to_bytes(response.into_body(), 4096).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body["type"],
            format!("urn:pressrun:problem:{slug}"),
            "{kind:?}"
        );
        assert_eq!(body["status"], status, "{kind:?}");
        assert_eq!(body["detail"], "what \"was\" wrong", "{kind:?}");
        assert!(body["title"].is_string(), "{kind:?}");
    }
}

#[test]
fn method_not_allowed_names_the_allowed_ones() {
    let response = Problem::method_not_allowed("GET, HEAD").into_response();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[header::ALLOW], "GET, HEAD");
}

#[test]
fn a_challenge_takes_the_place_of_the_plain_one() {
    let challenge = r#"Bearer error="invalid_token""#;
    let problem = Problem::new(Kind::Unauthorized, "x").challenging(challenge);
    let response = problem.into_response();
    let fields = response.headers().get_all(header::WWW_AUTHENTICATE);
    assert_eq!(fields.iter().collect::<Vec<_>>(), [challenge]);
}
