//! `Pressrun-At-Least`: reads that wait for a position.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use shared::Epoch;
use tokio::{
    task::JoinSet,
    time::{Instant, advance},
};
use tower::ServiceExt;

use super::{at, at_epoch, empty, holding, put, put_at};
use crate::{
    catalog::{CatalogConfig, CatalogWriter, catalog},
    fetch::{Fetched, fetches},
    http::{
        counters::{ReadCounters, ReadCounts},
        data::{DataPlane, service},
    },
    reached::{NotReached, Reaching, WAIT_MAX, WAITERS_MAX, reached},
};

const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

struct Reader {
    plane: DataPlane,
    writer: CatalogWriter,
    reaching: Reaching,
    counters: Arc<ReadCounters>,
}

/// A reader that holds `posts/a` as of sequence 5.
fn reader() -> Reader {
    let (catalog, writer) = holding(&[put("posts/a", 5, "fifth")]);
    let (reaching, reached) = reached();
    reaching.tell(Some(at(5)));
    let counters = Arc::new(ReadCounters::default());
    let plane = DataPlane::new(catalog, NO_CACHE, Arc::new(|| false), Arc::clone(&counters));
    Reader {
        plane: plane.reaching(reached),
        writer,
        reaching,
        counters,
    }
}

async fn ask(plane: DataPlane, target: &str, positions: &[&str]) -> (Response<()>, String) {
    let mut request = Request::get(target);
    for position in positions {
        request = request.header("Pressrun-At-Least", *position);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = service(plane).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let octets = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(octets.to_vec()).unwrap();
    (Response::from_parts(parts, ()), text)
}

/// Reads in the background, and lets half of the patience pass.
async fn waiting(
    reader: &Reader,
    position: &'static str,
) -> tokio::task::JoinHandle<(Response<()>, String)> {
    let plane = reader.plane.clone();
    let read = tokio::spawn(async move { ask(plane, "/v1/posts/a", &[position]).await });
    advance(WAIT_MAX / 2).await;
    assert!(!read.is_finished());
    read
}

async fn refuses(positions: &[&str], status: u16, slug: &str) {
    let (response, text) = ask(reader().plane, "/v1/posts/a", positions).await;
    assert_eq!(response.status().as_u16(), status, "{positions:?}: {text}");
    let kind = format!("urn:pressrun:problem:{slug}");
    assert!(text.contains(&kind), "{positions:?}: {text}");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
}

#[tokio::test(start_paused = true)]
async fn position_that_is_reached_is_answered_at_once() {
    let started = Instant::now();
    for position in ["7.5", "7.1", "7.0"] {
        let (response, text) = ask(reader().plane, "/v1/posts/a", &[position]).await;
        assert_eq!(response.status(), StatusCode::OK, "{position}");
        assert_eq!(text, "fifth");
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn read_waits_for_its_own_write() {
    let mut reader = reader();
    let read = waiting(&reader, "7.6").await;
    reader.writer.apply(&put("posts/a", 6, "sixth"), None);
    reader.reaching.tell(Some(at(6)));
    let (response, text) = read.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(text, "sixth");
}

#[tokio::test(start_paused = true)]
async fn position_that_is_not_reached_in_time_is_503_with_retry_after() {
    let reader = reader();
    let started = Instant::now();
    let (response, text) = ask(reader.plane, "/v1/posts/a", &["7.6"]).await;
    assert_eq!(started.elapsed().as_secs(), WAIT_MAX.as_secs());
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    assert!(text.contains("urn:pressrun:problem:behind"), "{text}");
    assert_eq!(ReadCounters::sum([&*reader.counters]).behind, 1);
}

#[tokio::test(start_paused = true)]
async fn position_of_an_ended_epoch_is_409() {
    refuses(&["6.1"], 409, "epoch-ended").await;
}

#[tokio::test(start_paused = true)]
async fn epoch_that_ends_meanwhile_is_409() {
    let reader = reader();
    let read = waiting(&reader, "7.6").await;
    reader.reaching.tell(Some(at_epoch(8, 1)));
    assert_eq!(read.await.unwrap().0.status(), StatusCode::CONFLICT);
    let expected = ReadCounts {
        epoch_ended: 1,
        ..ReadCounts::default()
    };
    assert_eq!(ReadCounters::sum([&*reader.counters]), expected);
}

#[tokio::test(start_paused = true)]
async fn epoch_that_begins_refuses_positions_before_its_documents_are_all_here() {
    let reader = reader();
    reader.reaching.begin_epoch(Epoch(8));
    let (response, text) = ask(reader.plane.clone(), "/v1/posts/a", &["7.5"]).await;
    assert_eq!(response.status(), StatusCode::CONFLICT, "{text}");
    let read = waiting(&reader, "8.5").await;
    reader.reaching.tell(Some(at_epoch(8, 5)));
    assert_eq!(read.await.unwrap().0.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn epoch_that_ends_while_a_document_is_fetched_is_409() {
    let bytes_max = Some(16 * 1024);
    let (catalog, mut writer) = catalog(CatalogConfig { bytes_max });
    for sequence in 1..=1000 {
        writer.apply(&put(&format!("posts/{sequence}"), sequence, "{}"), None);
        writer.settle(at(sequence));
    }
    writer.set_ready(true);
    let (reaching, reached) = reached();
    reaching.tell(Some(at(1000)));
    let (fetcher, mut asked) = fetches(1);
    let plane = DataPlane::new(catalog, NO_CACHE, Arc::new(|| false), Arc::default());
    let plane = plane.reaching(reached).fetching(fetcher);
    let read = tokio::spawn(async move { ask(plane, "/v1/posts/missing", &["7.9"]).await });

    let wanted = asked.asks.recv().await.expect("it is asked for");
    reaching.begin_epoch(Epoch(8));
    writer.apply(&put_at("posts/missing", at_epoch(8, 3), "next"), None);
    (wanted.reply)(Fetched::Held);

    let (response, text) = read.await.unwrap();
    assert_eq!(response.status(), StatusCode::CONFLICT, "{text}");
}

#[tokio::test(start_paused = true)]
async fn later_epoch_is_awaited() {
    let reader = reader();
    let read = waiting(&reader, "8.1").await;
    reader.reaching.tell(Some(at_epoch(8, 1)));
    assert_eq!(read.await.unwrap().0.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_one_position_is_400() {
    for malformed in [
        "",
        "7",
        "7.",
        ".5",
        "7.5.1",
        "-7.5",
        "7.x",
        "7.99999999999999999999",
    ] {
        refuses(&[malformed], 400, "malformed-request").await;
    }
    refuses(&["7.5", "7.5"], 400, "malformed-request").await;
}

#[tokio::test(start_paused = true)]
async fn other_routes_and_readers_that_are_not_ready_do_not_wait() {
    let started = Instant::now();
    let (response, _) = ask(reader().plane, "/health", &["7.6"]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let (response, _) = ask(reader().plane, "/none", &["7.6"]).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let (catalog, _writer) = empty();
    let plane = DataPlane::new(catalog, NO_CACHE, Arc::new(|| false), Arc::default());
    let (response, text) = ask(plane, "/v1/posts/a", &["7.6"]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("urn:pressrun:problem:not-ready"), "{text}");
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn waiters_are_bounded() {
    let (reaching, reached) = reached();
    let mut waiting = JoinSet::new();
    for _ in 0..WAITERS_MAX {
        let reached = reached.clone();
        waiting.spawn(async move { reached.at_least(at(1)).await });
    }
    for _ in 0..WAITERS_MAX {
        tokio::task::yield_now().await;
    }
    assert_eq!(reached.at_least(at(1)).await, Err(NotReached::TooMany));
    reaching.tell(Some(at(1)));
    let all = waiting.join_all().await;
    assert!(all.iter().all(Result::is_ok), "the others are answered");
    assert_eq!(reached.at_least(at(1)).await, Ok(()));
}
