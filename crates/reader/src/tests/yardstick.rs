//! The yardsticks: their routes, and that there are none unless they are asked for.

use std::{collections::BTreeMap, convert::Infallible, num::NonZero, sync::Arc, time::Duration};

use axum::body::Body;
use bus::{Begin, Build, Follower, MemoryBus, Publisher, RedisBus};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt;
use service::{Lifecycle, config::Settings};
use shared::{ContentCoding, Envelope, Epoch, Link, Sequence, codec::encode};
use testkit::{
    eventually,
    redis::{RedisServer, namespace},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::{ServiceExt, util::BoxCloneService};

use super::{EPOCH, delete, empty, holding, put, put_coded};
use crate::{
    App,
    catalog::Catalog,
    config::{PROGRAM, ReaderConfig},
    http::{
        DataResponse,
        counters::{ReadCounters, ReadCounts},
        data::{self, DataPlane},
        yardstick::{self, Yardsticks},
    },
};

const JSON: &str = r#"{"b":1,"a":[true,null,"x"]}"#;

type Asked = BoxCloneService<Request<Body>, DataResponse, Infallible>;

fn plane_of(catalog: Catalog, counters: &Arc<ReadCounters>) -> DataPlane {
    let no_cache = HeaderValue::from_static("no-cache");
    DataPlane::new(catalog, no_cache, Arc::new(|| false), Arc::clone(counters))
}

/// A complete snapshot of these and nothing else.
async fn fill(bus: &dyn Publisher, envelopes: &[Envelope]) {
    let build = Build(1);
    let begin = Begin {
        term: 1,
        epoch: Epoch(EPOCH),
        build,
        head: Sequence(9),
        link: Link(9),
        buckets: 4,
    };
    let chunk: Vec<_> = envelopes
        .iter()
        .map(|one| (one.key.clone(), encode(one).unwrap()))
        .collect();
    bus.begin(&begin).await.unwrap().unwrap();
    bus.chunk(build, 0, &chunk).await.unwrap().unwrap();
    bus.finish(build, 1).await.unwrap().unwrap();
}

struct Fixture {
    service: Asked,
    bus: MemoryBus,
    counters: Arc<ReadCounters>,
}

/// Bus and catalog hold different documents, so that an answer tells which one was asked.
async fn fixture() -> Fixture {
    let bus = MemoryBus::new();
    let on_bus = [
        put("posts/bus", 1, JSON),
        put_coded(
            "posts/coded",
            2,
            &[(ContentCoding::Identity, 600), (ContentCoding::Brotli, 10)],
        ),
        delete("posts/gone", 3),
    ];
    fill(&bus, &on_bus).await;
    let catalog = holding(&[put("posts/memory", 1, JSON), delete("posts/gone", 3)]).0;
    let counters = Arc::default();
    let plane = plane_of(catalog, &counters);
    let yardsticks = Yardsticks::new(plane, Arc::new(bus.clone()));
    Fixture {
        service: Asked::new(yardstick::service(yardsticks)),
        bus,
        counters,
    }
}

async fn ask(service: &Asked, method: &str, target: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(target);
    let request = request
        .header(header::ACCEPT_ENCODING, "br")
        .body(Body::empty())
        .unwrap();
    let (parts, body) = service.clone().oneshot(request).await.unwrap().into_parts();
    let octets = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(octets.to_vec()).unwrap();
    (parts.status, parts.headers, text)
}

async fn refuses(service: &Asked, method: &str, target: &str, status: u16, slug: &str) {
    let (answered, headers, text) = ask(service, method, target).await;
    assert_eq!(answered.as_u16(), status, "{method} {target}: {text}");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{target}");
    let r#type = format!("urn:pressrun:problem:{slug}");
    assert!(text.contains(&r#type), "{target}: {text}");
}

#[tokio::test]
async fn post_redis_answers_what_the_bus_holds() {
    let service = fixture().await.service;
    let (status, headers, text) = ask(&service, "GET", "/post-redis?id=bus").await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, JSON));
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(headers[header::CONTENT_LENGTH], JSON.len().to_string());
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    let (status, headers, text) = ask(&service, "GET", "/post-redis?id=coded").await;
    assert_eq!((status, text.len()), (StatusCode::OK, 600), "identity only");
    assert!(!headers.contains_key(header::CONTENT_ENCODING));
    refuses(
        &service,
        "GET",
        "/post-redis?id=memory",
        404,
        "no-such-document",
    )
    .await;
}

#[tokio::test]
async fn post_redis_asks_anew_each_time() {
    let Fixture { service, bus, .. } = fixture().await;
    let (status, ..) = ask(&service, "GET", "/post-redis?id=bus").await;
    assert_eq!(status, StatusCode::OK);
    bus.lose_document(&testkit::builders::key("bus"));
    refuses(
        &service,
        "GET",
        "/post-redis?id=bus",
        404,
        "no-such-document",
    )
    .await;
    bus.go_away();
    refuses(&service, "GET", "/post-redis?id=bus", 503, "not-ready").await;
    let (_, headers, _) = ask(&service, "GET", "/post-redis?id=bus").await;
    assert_eq!(headers[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn post_marshal_serialises_what_memory_holds() {
    let Fixture { service, bus, .. } = fixture().await;
    bus.go_away();
    let (status, headers, text) = ask(&service, "GET", "/post-marshal?id=memory").await;
    assert_eq!(status, StatusCode::OK);
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        parsed,
        serde_json::from_str::<serde_json::Value>(JSON).unwrap()
    );
    // The octets may differ from those that the document's tag names.
    assert!(!headers.contains_key(header::ETAG));
    refuses(
        &service,
        "GET",
        "/post-marshal?id=bus",
        404,
        "no-such-document",
    )
    .await;
}

#[tokio::test]
async fn yardsticks_have_the_rules_of_post() {
    let Fixture {
        service, counters, ..
    } = fixture().await;
    for path in ["/post-redis", "/post-marshal"] {
        for query in ["", "?id=", "?id=a&id=b", "?id=%2", "?id=.."] {
            let target = format!("{path}{query}");
            refuses(&service, "GET", &target, 400, "malformed-request").await;
        }
        let gone = format!("{path}?id=gone");
        refuses(&service, "GET", &gone, 404, "no-such-document").await;
        refuses(&service, "POST", &gone, 405, "method-not-allowed").await;
        let long = format!("{path}?id={}", "a".repeat(data::TARGET_BYTES_MAX));
        refuses(&service, "GET", &long, 414, "uri-too-long").await;
    }
    let (status, _, text) = ask(&service, "HEAD", "/post-marshal?id=memory").await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, ""));
    let expected = ReadCounts {
        hit: 1,
        absent: 2,
        bad_request: 14,
        ..ReadCounts::default()
    };
    assert_eq!(ReadCounters::sum([counters.as_ref()]), expected);
}

#[tokio::test]
async fn post_marshal_is_503_before_readiness() {
    let plane = plane_of(empty().0, &Arc::default());
    let yardsticks = Yardsticks::new(plane, Arc::new(MemoryBus::new()));
    let service = Asked::new(yardstick::service(yardsticks));
    refuses(&service, "GET", "/post-marshal?id=a", 503, "not-ready").await;
}

#[tokio::test]
async fn documents_are_served_beside_the_yardsticks() {
    let service = fixture().await.service;
    let (status, headers, text) = ask(&service, "GET", "/post?id=memory").await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, JSON));
    assert!(headers.contains_key(header::ETAG));
    let (status, ..) = ask(&service, "GET", "/health").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn without_the_setting_there_are_no_yardsticks() {
    let catalog = holding(&[put("posts/a", 1, JSON)]).0;
    let service = Asked::new(data::service(plane_of(catalog, &Arc::default())));
    for path in ["/post-redis?id=a", "/post-marshal?id=a"] {
        refuses(&service, "GET", path, 404, "no-such-route").await;
    }
}

fn config(arguments: &[&str]) -> ReaderConfig {
    let nothing = BTreeMap::<String, String>::new();
    let arguments = ["reader", "--redis-url=redis://unused"]
        .iter()
        .chain(arguments);
    let mut settings = Settings::gather(&PROGRAM, arguments, &nothing).unwrap();
    ReaderConfig::read(&mut settings).unwrap()
}

#[test]
fn yardsticks_are_off_by_default() {
    assert!(!config(&[]).yardsticks);
    assert!(config(&["--yardsticks"]).yardsticks);
}

/// Asks over a connection of its own, which the kernel gives to any of the lanes.
async fn status_of(address: std::net::SocketAddr, target: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.get(9..12).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn each_lane_asks_redis_on_its_own() {
    let redis = RedisServer::start().await;
    let name = namespace();
    let open = || RedisBus::open(&redis.url(), &name);
    fill(&open().unwrap(), &[put("posts/bus", 1, JSON)]).await;
    let mut config = config(&[
        "--reader-listen=127.0.0.1:0",
        "--reader-admin-listen=127.0.0.1:0",
    ]);
    config.threads = NonZero::new(3).unwrap();
    config.yardsticks = true;
    let lifecycle = Lifecycle::new(Duration::ZERO, Duration::ZERO);
    let handle = || Ok(Arc::new(open()?) as Arc<dyn Follower>);
    let app = App::build(config, handle().unwrap(), "redis", lifecycle.clone()).unwrap();
    let app = app.with_yardsticks(handle).unwrap();
    let address = app.listen_address().unwrap();
    let running = app.spawn().unwrap();
    for _ in 0..24 {
        assert_eq!(status_of(address, "/post-redis?id=bus").await, "200");
    }
    redis.kill();
    eventually("the killed Redis is noticed", async || {
        (status_of(address, "/post-redis?id=bus").await == "503").then_some(())
    })
    .await;
    lifecycle.close();
    running.ended().await.unwrap();
}
