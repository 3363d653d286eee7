//! The data plane's routes and every answer of theirs, through the plain function and the router.

mod bad_input;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use serde_json::Value;
use shared::ContentCoding::{Brotli, Gzip, Identity};
use tower::ServiceExt;

use super::{delete, empty, holding, put, put_coded};
use crate::{
    catalog::Catalog,
    http::{
        DataResponse,
        counters::{ContentCounts, ReadCounters, ReadCounts},
        data::{DataPlane, service},
        openapi,
    },
};

const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

fn plane_of(catalog: Catalog) -> DataPlane {
    DataPlane::new(catalog, NO_CACHE, Arc::new(|| false), Arc::default())
}

fn plane() -> DataPlane {
    let envelopes = [
        put("posts/a", 1, "a"),
        put("posts/a b", 2, "space"),
        put("posts/a+b", 3, "plus"),
        put("posts/a/b", 4, "slash"),
        put("posts/é", 5, "accent"),
        put("posts/100%", 6, "percent"),
        put("posts/%2F", 7, "encoded"),
        put("flags/a", 8, "flag"),
        delete("posts/gone", 9),
    ];
    plane_of(holding(&envelopes).0)
}

async fn content<B: BodyExt<Data = bytes::Bytes>>(response: Response<B>) -> String
where
    B::Error: std::fmt::Debug,
{
    let octets = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(octets.to_vec()).unwrap()
}

/// Asks both forms of the plane, which must agree, and gives the plain one's answer.
async fn ask(plane: &DataPlane, method: &str, target: &str) -> (DataResponse, String) {
    let method: Method = method.parse().unwrap();
    let uri: Uri = target.parse().unwrap();
    let plain = plane.answer(&method, &uri, &HeaderMap::new());
    let request = Request::builder().method(method).uri(uri);
    let request = request.body(Body::empty()).unwrap();
    let routed = service(plane.clone()).oneshot(request).await.unwrap();
    assert_eq!(routed.status(), plain.status(), "{target}");
    assert_eq!(routed.headers(), plain.headers(), "{target}");
    let text = content(plain.clone()).await;
    assert_eq!(content(routed).await, text, "{target}");
    (plain, text)
}

async fn finds(target: &str, expected: &str) {
    let (response, text) = ask(&plane(), "GET", target).await;
    assert_eq!(response.status(), StatusCode::OK, "{target}: {text}");
    assert_eq!(text, expected, "{target}");
}

async fn refuses(plane: &DataPlane, method: &str, target: &str, status: u16, slug: &str) {
    let (response, text) = ask(plane, method, target).await;
    let shown = target.get(..80).unwrap_or(target);
    assert_eq!(
        response.status().as_u16(),
        status,
        "{method} {shown}: {text}"
    );
    let field = |name| {
        response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    assert_eq!(
        field(header::CONTENT_TYPE),
        Some("application/problem+json"),
        "{shown}"
    );
    assert_eq!(field(header::CACHE_CONTROL), Some("no-store"), "{shown}");
    if method != "HEAD" {
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            problem["type"],
            format!("urn:pressrun:problem:{slug}"),
            "{shown}"
        );
        assert_eq!(problem["status"], status, "{shown}");
        let length = text.len().to_string();
        assert_eq!(
            field(header::CONTENT_LENGTH),
            Some(length.as_str()),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn posts_are_found_by_query() {
    finds("/post?id=a", "a").await;
    finds("/post?other=x&id=a&more", "a").await;
    finds("/post?id=a+b", "space").await;
    finds("/post?id=a%20b", "space").await;
    finds("/post?id=a%2Bb", "plus").await;
    finds("/post?id=a/b", "slash").await;
    finds("/post?id=a%2Fb", "slash").await;
    finds("/post?id=%C3%A9", "accent").await;
}

#[tokio::test]
async fn documents_are_found_by_path() {
    finds("/v1/posts/a", "a").await;
    finds("/v1/flags/a", "flag").await;
    finds("/v1/posts/a%20b", "space").await;
    finds("/v1/posts/a+b", "plus").await;
    finds("/v1/posts/a%2Fb", "slash").await;
    finds("/v1/posts/%c3%a9", "accent").await;
    finds("/v1/posts/a?id=ignored&id=twice", "a").await;
}

#[tokio::test]
async fn ids_are_decoded_once() {
    finds("/v1/posts/100%25", "percent").await;
    finds("/v1/posts/%252F", "encoded").await;
    finds("/post?id=%252F", "encoded").await;
}

#[tokio::test]
async fn what_does_not_exist_is_404() {
    for target in [
        "/v1/posts/none",
        "/v1/posts/gone",
        "/post?id=none",
        "/v1/none/a",
    ] {
        refuses(&plane(), "GET", target, 404, "no-such-document").await;
        refuses(&plane(), "HEAD", target, 404, "no-such-document").await;
    }
}

#[tokio::test]
async fn before_readiness_every_read_is_503() {
    let (catalog, mut writer) = empty();
    writer.apply(&put("posts/a", 1, "a"), None);
    let plane = plane_of(catalog);
    for target in ["/v1/posts/a", "/v1/posts/none", "/post?id=a", "/health"] {
        refuses(&plane, "GET", target, 503, "not-ready").await;
        let (response, _) = ask(&plane, "GET", target).await;
        assert_eq!(response.headers()[header::RETRY_AFTER], "1", "{target}");
    }
    writer.set_ready(true);
    let (response, _) = ask(&plane, "GET", "/v1/posts/a").await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn health_is_200_once_ready_and_503_while_draining() {
    let draining = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&draining);
    let is_draining = Arc::new(move || flag.load(Ordering::Relaxed));
    let catalog = holding(&[put("posts/a", 1, "a")]).0;
    let plane = DataPlane::new(catalog, NO_CACHE, is_draining, Arc::default());
    let (response, text) = ask(&plane, "GET", "/health").await;
    assert_eq!(
        (response.status(), text.as_str()),
        (StatusCode::OK, r#"{"status":"healthy"}"#)
    );
    assert_eq!(
        response.headers()[header::CONTENT_LENGTH],
        text.len().to_string()
    );
    draining.store(true, Ordering::Relaxed);
    refuses(&plane, "GET", "/health", 503, "not-ready").await;
    let (response, _) = ask(&plane, "GET", "/v1/posts/a").await;
    assert_eq!(response.status(), StatusCode::OK, "reads go on");
}

#[tokio::test]
async fn head_has_the_fields_of_get_for_errors_too() {
    for target in [
        "/v1/posts/a",
        "/v1/posts/none",
        "/v1/posts/.",
        "/none",
        "/health",
    ] {
        let (get, _) = ask(&plane(), "GET", target).await;
        let (head, text) = ask(&plane(), "HEAD", target).await;
        assert_eq!(head.status(), get.status(), "{target}");
        assert_eq!(head.headers(), get.headers(), "{target}");
        assert_eq!(text, "", "{target}");
    }
}

#[tokio::test]
async fn not_modified_has_no_content_length() {
    for method in [Method::GET, Method::HEAD] {
        let request = Request::builder().method(method).uri("/v1/posts/a");
        let request = request
            .header(header::IF_NONE_MATCH, "*")
            .body(Body::empty())
            .unwrap();
        let response = service(plane()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert!(!response.headers().contains_key(header::CONTENT_LENGTH));
        assert_eq!(content(response).await, "");
    }
}

#[test]
fn each_read_is_counted_once() {
    let counters = [Arc::new(ReadCounters::default()), Arc::default()];
    let counting = |catalog, counters: &Arc<ReadCounters>| {
        DataPlane::new(catalog, NO_CACHE, Arc::new(|| false), Arc::clone(counters))
    };
    let unready = counting(empty().0, &counters[1]);
    let plane = counting(plane().catalog().clone(), &counters[0]);
    let read = |plane: &DataPlane, target: &'static str, if_none_match: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::IF_NONE_MATCH,
            HeaderValue::from_static(if_none_match),
        );
        plane.answer(&Method::GET, &Uri::from_static(target), &headers);
    };
    for _ in 0..3 {
        read(&plane, "/v1/posts/a", "");
    }
    read(&plane, "/v1/posts/a", "*");
    read(&plane, "/v1/posts/none", "");
    read(&plane, "/v1/posts/.", "");
    read(&plane, "/none", "");
    read(&plane, "/health", "");
    read(&unready, "/v1/posts/a", "");
    let expected = ReadCounts {
        hit: 3,
        not_modified: 1,
        absent: 1,
        behind: 0,
        epoch_ended: 0,
        not_ready: 1,
        unfetched: 0,
        bad_request: 2,
        content: ContentCounts {
            hits: [3, 0, 0, 0],
            sent_bytes: [3, 0, 0, 0],
            unmodified_bytes: 1,
            coded_bytes: 0,
        },
    };
    assert_eq!(
        ReadCounters::sum(counters.iter().map(AsRef::as_ref)),
        expected
    );
}

#[test]
fn octets_of_content_are_counted_sent_and_spared() {
    let lengths = [(Identity, 1000), (Gzip, 400), (Brotli, 1010)];
    let counters = Arc::<ReadCounters>::default();
    let catalog = holding(&[put_coded("posts/a", 1, &lengths)]).0;
    let plane = DataPlane::new(catalog, NO_CACHE, Arc::new(|| false), Arc::clone(&counters));
    let read = |method: Method, coding: &'static str, if_none_match: &'static str| {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (header::ACCEPT_ENCODING, coding),
            (header::IF_NONE_MATCH, if_none_match),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        plane.answer(&method, &Uri::from_static("/v1/posts/a"), &headers);
    };
    read(Method::GET, "identity", "");
    read(Method::GET, "gzip", "");
    read(Method::GET, "gzip", "*");
    read(Method::HEAD, "gzip", "");
    read(Method::HEAD, "gzip", "*");
    read(Method::GET, "br;q=1, identity;q=0.1", "");
    let expected = ContentCounts {
        hits: [1, 2, 1, 0],
        sent_bytes: [1000, 400, 1010, 0],
        unmodified_bytes: 400,
        // The longer one spares nothing.
        coded_bytes: 600,
    };
    assert_eq!(ReadCounters::sum([&*counters]).content, expected);
}

#[tokio::test]
async fn described_methods_are_routed_and_no_others() {
    let description = serde_json::to_value(openapi::description()).unwrap();
    let plane = plane();
    let paths = description["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 3, "{paths:?}");
    for (path, described) in paths {
        let target = match path.as_str() {
            "/post" => "/post?id=a",
            "/v1/{collection}/{id}" => "/v1/posts/a",
            path => path,
        };
        for method in ["GET", "HEAD", "PUT", "POST", "DELETE"] {
            let (response, _) = ask(&plane, method, target).await;
            let is_described = described.get(method.to_lowercase()).is_some();
            assert_eq!(
                response.status().is_success(),
                is_described,
                "{method} {path}"
            );
        }
    }
}
