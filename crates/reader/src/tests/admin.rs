use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use shared::{
    Change, EntityTag,
    digest::{Digest, DocumentState, Listing},
};
use tokio::time::Instant;
use tower::ServiceExt;

use super::{at, at_epoch, delete, empty, put};
use crate::{
    catalog::{CatalogWriter, KeyRef},
    hot::{HotKeys, Sampler},
    http::admin::{AdminPlane, router},
    status::{Progress, STATUS_SCHEMA, StatusCell},
};

struct Fixture {
    plane: AdminPlane,
    writer: CatalogWriter,
    draining: Arc<AtomicBool>,
}

fn fixture() -> Fixture {
    let (catalog, writer) = empty();
    let draining = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&draining);
    let progress = Progress::new("connecting", "memory");
    let plane = AdminPlane {
        status: StatusCell::new("reader-1", catalog.clone(), progress),
        catalog,
        hot: Arc::from([HotKeys::default(), HotKeys::default()]),
        is_draining: Arc::new(move || flag.load(Ordering::Relaxed)),
        metrics: Arc::new(|| "# EOF\n".to_owned()),
    };
    Fixture {
        plane,
        writer,
        draining,
    }
}

async fn ask(plane: &AdminPlane, method: &str, target: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(target);
    let request = request.body(Body::empty()).unwrap();
    let response = router(plane.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let octets = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(octets.to_vec()).unwrap();
    (parts.status, parts.headers, text)
}

async fn check(plane: &AdminPlane, target: &str, expected: u16) {
    let (status, headers, text) = ask(plane, "GET", target).await;
    assert_eq!(status.as_u16(), expected, "{target}: {text}");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{target}");
}

#[tokio::test]
async fn livez_is_200_whatever_happens() {
    let fixture = fixture();
    check(&fixture.plane, "/livez", 200).await;
    fixture.draining.store(true, Ordering::Relaxed);
    check(&fixture.plane, "/livez", 200).await;
}

#[tokio::test]
async fn readyz_is_200_between_ready_and_draining() {
    let mut fixture = fixture();
    check(&fixture.plane, "/readyz", 503).await;
    fixture.writer.set_ready(true);
    check(&fixture.plane, "/readyz", 200).await;
    fixture.draining.store(true, Ordering::Relaxed);
    check(&fixture.plane, "/readyz", 503).await;
    let (_, headers, text) = ask(&fixture.plane, "GET", "/readyz").await;
    assert_eq!(headers[header::RETRY_AFTER], "1");
    assert!(text.contains("urn:pressrun:problem:not-ready"), "{text}");
}

#[tokio::test]
async fn metrics_are_what_the_closure_gives() {
    let (status, headers, text) = ask(&fixture().plane, "GET", "/metrics").await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, "# EOF\n"));
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(headers[header::CONTENT_TYPE], content_type);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let fixture = fixture();
    let (status, _, text) = ask(&fixture.plane, "GET", "/none").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        text.contains("urn:pressrun:problem:no-such-route"),
        "{text}"
    );
    for target in [
        "/livez",
        "/readyz",
        "/metrics",
        "/status",
        "/status/schema",
        "/hot",
        "/digest",
    ] {
        let (status, headers, text) = ask(&fixture.plane, "POST", target).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{target}");
        assert_eq!(headers.get_all(header::ALLOW).iter().count(), 1, "{target}");
        assert_eq!(headers[header::ALLOW], "GET, HEAD", "{target}");
        assert!(
            text.contains("urn:pressrun:problem:method-not-allowed"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn hot_tells_what_all_threads_were_asked_for() {
    let fixture = fixture();
    for (keys, key) in fixture.plane.hot.iter().zip(["posts/a", "posts/b"]) {
        let mut sampler = Sampler::new(keys.clone());
        for _ in 0..100_000 {
            sampler.pass(KeyRef::from("posts/both"));
            sampler.pass(KeyRef::from(key));
        }
    }
    let (status, headers, text) = ask(&fixture.plane, "GET", "/hot").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    let hottest: Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<&Value> = hottest["keys"].as_array().unwrap().iter().collect();
    assert_eq!(keys.len(), 3, "{text}");
    assert_eq!(keys[0]["key"], "posts/both", "{text}");
    let samples = keys.iter().map(|key| key["samples"].as_u64().unwrap());
    assert_eq!(samples.sum::<u64>(), hottest["samples"], "{text}");
}

async fn status_of(plane: &AdminPlane) -> Value {
    let (status, headers, text) = ask(plane, "GET", "/status").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn status_tells_position_head_and_lag() {
    let mut fixture = fixture();
    fixture.writer.apply(&put("posts/a", 1, "{}"), None);
    fixture.writer.apply(&delete("posts/b", 2), None);
    fixture.writer.set_ready(true);
    fixture.plane.status.set(Progress {
        position: Some(at(40)),
        head: Some(at(42)),
        confirmed_at: Some(Instant::now()),
        gaps: 5,
        silences: 4,
        ..Progress::new("following", "redis")
    });
    let status = status_of(&fixture.plane).await;
    for (name, expected) in [
        ("epoch", Value::from(7)),
        ("sequence", Value::from(40)),
        ("head", Value::from(42)),
        ("lag", Value::from(2)),
        ("state", Value::from("following")),
        ("source", Value::from("redis")),
        ("entries", Value::from(1)),
        ("tombstones", Value::from(1)),
        ("ready", Value::from(true)),
        ("gaps", Value::from(5)),
        ("silences", Value::from(4)),
        ("reader", Value::from("reader-1")),
    ] {
        assert_eq!(status[name], expected, "{name}");
    }
    assert!(status["bytes"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn digest_tells_what_is_held_at_the_position() {
    let mut fixture = fixture();
    check(&fixture.plane, "/digest?buckets=3", 400).await;
    check(&fixture.plane, "/digest?buckets=4", 503).await;
    fixture.writer.apply(&put("posts/a", 1, "{}"), None);
    fixture.writer.apply(&put("posts/b", 2, "{}"), None);
    fixture.writer.apply(&delete("posts/b", 3), None);
    fixture.plane.status.set(Progress {
        position: Some(at(3)),
        ..Progress::new("following", "redis")
    });
    let held = put("posts/a", 1, "{}");
    let state = DocumentState {
        sequence: held.position.sequence,
        version: held.version,
        expires_at: None,
        tag: Some(EntityTag::of(b"{}")),
    };

    let (status, _, text) = ask(&fixture.plane, "GET", "/digest?buckets=4").await;
    assert_eq!(status, StatusCode::OK);
    let mut expected = Digest::empty(at(3), 4);
    expected.add("posts/a", &state);
    assert_eq!(Digest::from_text(&text), Ok(expected));

    let bucket = held.key.bucket(4);
    for (asked, documents) in [(bucket, vec![(held.key, state)]), (bucket ^ 1, vec![])] {
        let target = format!("/digest?buckets=4&of={asked}");
        let (_, _, text) = ask(&fixture.plane, "GET", &target).await;
        let expected = Listing {
            position: at(3),
            documents: documents.into_iter().collect(),
        };
        assert_eq!(Listing::from_text(&text), Ok(expected), "{target}");
    }
}

#[tokio::test]
async fn digest_of_one_document_tells_what_reads_find() {
    let mut fixture = fixture();
    let held = put("posts/a/b", 2, "{}");
    fixture.writer.apply(&held, None);
    fixture.writer.apply(&delete("posts/gone", 1), None);
    check(&fixture.plane, "/digest/Posts/a", 400).await;
    check(&fixture.plane, "/digest/posts/%ff", 400).await;
    check(&fixture.plane, "/digest/posts/a%2Fb", 503).await;
    fixture.plane.status.set(Progress {
        position: Some(at(1)),
        ..Progress::new("following", "redis")
    });
    // Its data plane answers 503 too.
    check(&fixture.plane, "/digest/posts/a%2Fb", 503).await;
    fixture.writer.set_ready(true);

    let (status, headers, text) = ask(&fixture.plane, "GET", "/digest/posts/a%2Fb").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    let listing = Listing::from_text(&text).unwrap();
    assert_eq!(listing.position, at(2), "the later one");
    assert_eq!(listing.documents.len(), 1);
    assert_eq!(listing.documents[&held.key].sequence, at(2).sequence);

    for absent in ["gone", "never"] {
        let (_, _, text) = ask(&fixture.plane, "GET", &format!("/digest/posts/{absent}")).await;
        let nothing = Listing {
            position: at(1),
            documents: BTreeMap::new(),
        };
        assert_eq!(Listing::from_text(&text), Ok(nothing), "{absent}");
    }
}

#[tokio::test]
async fn digest_has_no_tag_of_octets_that_theirs_does_not_name() {
    let mut fixture = fixture();
    let mut damaged = put("posts/a", 1, "{}");
    let Change::Put(representations) = &mut damaged.change else {
        panic!("a put");
    };
    representations[0].tag = EntityTag::of(b"[]");
    fixture.writer.apply(&damaged, None);
    fixture.plane.status.set(Progress {
        position: Some(at(1)),
        ..Progress::new("following", "redis")
    });
    let (_, _, text) = ask(&fixture.plane, "GET", "/digest?buckets=1&of=0").await;
    let listing = Listing::from_text(&text).unwrap();
    assert_eq!(listing.documents[&damaged.key].tag, None);
}

#[test]
fn staleness_grows_though_nobody_writes() {
    let cell = fixture().plane.status;
    let confirmed_at = Instant::now();
    assert_eq!(cell.status(confirmed_at).staleness_ms, None);
    cell.set(Progress {
        confirmed_at: Some(confirmed_at),
        ..Progress::new("following", "redis")
    });
    let after = |ms| {
        cell.status(confirmed_at + Duration::from_millis(ms))
            .staleness_ms
    };
    assert_eq!(after(0), Some(0));
    assert_eq!(after(1500), Some(1500));
}

#[tokio::test]
async fn what_is_not_known_is_null() {
    let status = status_of(&fixture().plane).await;
    for name in ["epoch", "sequence", "head", "lag", "staleness_ms"] {
        assert_eq!(status[name], Value::Null, "{name}");
    }
    assert_eq!(status["ready"], false);
}

#[test]
fn lag_needs_one_epoch() {
    let check = |position, head, expected| {
        let progress = Progress {
            position,
            head,
            ..Progress::new("following", "memory")
        };
        assert_eq!(progress.lag(), expected, "{position:?} {head:?}");
    };
    check(Some(at(3)), Some(at(3)), Some(0));
    check(Some(at(3)), Some(at(9)), Some(6));
    check(Some(at(9)), Some(at(3)), Some(0));
    check(Some(at(3)), Some(at_epoch(8, 9)), None);
    check(None, Some(at(3)), None);
    check(Some(at(3)), None, None);
}

/// Whether a value has one of the types that a schema's `type` lists.
fn has_type(value: &Value, schema: &Value) -> bool {
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    types.iter().any(|name| match name.as_str().unwrap() {
        "integer" => value.is_u64(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the schema has the type {other}"),
    })
}

#[tokio::test]
async fn status_is_what_the_schema_says() {
    let fixture = fixture();
    let (_, headers, text) = ask(&fixture.plane, "GET", "/status/schema").await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/schema+json");
    assert_eq!(text, STATUS_SCHEMA);
    let schema: Value = serde_json::from_str(&text).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let names: Vec<&str> = properties.keys().map(String::as_str).collect();
    let mut required: Vec<&str> = schema["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    required.sort_unstable();
    assert_eq!(required, names);

    let unknown = status_of(&fixture.plane).await;
    fixture.plane.status.set(Progress {
        position: Some(at(1)),
        head: Some(at(1)),
        confirmed_at: Some(Instant::now()),
        ..Progress::new("following", "memory")
    });
    let known = status_of(&fixture.plane).await;
    for status in [unknown, known] {
        let status = status.as_object().unwrap();
        assert_eq!(status.keys().collect::<Vec<_>>(), names);
        for (name, value) in status {
            assert!(has_type(value, &properties[name]), "{name}: {value}");
        }
    }
}
