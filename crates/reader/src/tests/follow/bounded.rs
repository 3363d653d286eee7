//! A reader whose budget is smaller than the set: what it does not hold it fetches.

use std::sync::{Arc, atomic::Ordering};

use bus::MemoryBus;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;

use super::{
    Origin, World,
    origin::BUCKETS,
    plane::{Plane, writers},
};
use crate::{
    fetch::{FetchCounts, WAITING_MAX, fetches},
    follow::WriterSource,
    http::{counters::ReadCounters, data::DataPlane},
};

const BUDGET: u64 = 16 * 1024;

/// Three times as many as the budget has room for.
const DOCUMENTS: u32 = 300;

/// A ready reader over its budget, and its data plane.
struct Bounded {
    world: World,
    plane: DataPlane,
    counts: Arc<FetchCounts>,
}

impl Bounded {
    async fn ready(per_second: u32) -> Self {
        Self::over(full_origin().await, None, per_second).await
    }

    async fn over(origin: Origin, writers: Option<WriterSource>, per_second: u32) -> Self {
        let (fetcher, asked) = fetches(per_second);
        let counts = asked.counts();
        let mut world = World::start(origin, writers, asked, Some(BUDGET));
        let plane = DataPlane::new(
            world.catalog.clone(),
            HeaderValue::from_static("no-cache"),
            Arc::new(|| false),
            Arc::<ReadCounters>::default(),
        );
        world.lead();
        world.until_ready().await;
        world.until_converged().await;
        assert!(
            world.now().partial,
            "{DOCUMENTS} are too many for the budget"
        );
        Self {
            world,
            plane: plane.fetching(fetcher),
            counts,
        }
    }

    async fn read(&self, id: &str) -> (StatusCode, String) {
        let uri = format!("/v1/posts/{id}").parse().unwrap();
        let headers = HeaderMap::new();
        let answering = self.plane.answer_fetching(&Method::GET, &uri, &headers);
        let answer = answering.await;
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
        }
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// An id that is not in memory.
    fn missing(&self) -> String {
        let missing = (0..DOCUMENTS).map(|id| id.to_string());
        let mut missing = missing.filter(|id| !self.world.holds(id));
        missing.next().expect("the set is larger than the budget")
    }

    fn kept(&self) -> u64 {
        self.counts.kept.load(Ordering::Relaxed)
    }
}

async fn full_origin() -> Origin {
    let origin = Origin::new(MemoryBus::new());
    origin.rebuild().await;
    for id in 0..DOCUMENTS {
        origin.put(&id.to_string(), &format!("first {id}")).await;
    }
    origin
}

#[tokio::test(start_paused = true)]
async fn every_document_is_answered_though_few_are_held() {
    let bounded = Bounded::ready(1000).await;
    for id in 0..DOCUMENTS {
        let expected = (StatusCode::OK, format!("first {id}"));
        assert_eq!(bounded.read(&id.to_string()).await, expected);
    }
    assert_eq!(bounded.read("none").await.0, StatusCode::NOT_FOUND);
    let now = bounded.world.now();
    assert!(now.bytes <= BUDGET && now.entries < DOCUMENTS.into());
    assert!(bounded.kept() > 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_served_whether_it_was_held_or_not() {
    let bounded = Bounded::ready(1_000_000).await;
    for id in 0..DOCUMENTS {
        let id = id.to_string();
        bounded.world.origin.put(&id, "second").await;
        bounded.world.until_converged().await;
        assert_eq!(
            bounded.read(&id).await,
            (StatusCode::OK, "second".to_owned())
        );
    }
    for id in 0..DOCUMENTS {
        let id = id.to_string();
        bounded.world.origin.delete(&id).await;
        bounded.world.until_converged().await;
        assert_eq!(bounded.read(&id).await.0, StatusCode::NOT_FOUND, "{id}");
    }
    assert_eq!(bounded.world.now().hydrations, 1);
}

#[tokio::test(start_paused = true)]
async fn many_reads_of_one_document_fetch_it_once() {
    let bounded = Bounded::ready(1000).await;
    let id = bounded.missing();
    let answers = join_all((0..100).map(|_| bounded.read(&id))).await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK));
    assert_eq!(bounded.kept(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_bus_is_away_what_is_not_held_is_503_never_404() {
    let bounded = Bounded::ready(1000).await;
    let id = bounded.missing();
    let mut held = (0..DOCUMENTS).map(|id| id.to_string());
    let held = held.find(|id| bounded.world.holds(id)).unwrap();
    bounded.world.bus.go_away();
    assert_eq!(bounded.read(&id).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        bounded.read("none").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(bounded.read(&held).await.0, StatusCode::OK);
    bounded.world.bus.come_back();
    assert_eq!(bounded.read(&id).await.0, StatusCode::OK);
    assert_eq!(bounded.read("none").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn while_the_bus_is_away_a_writer_is_asked() {
    let origin = full_origin().await;
    let plane = Plane::of(&origin).await;
    let asked = Some(writers(&[plane.address]));
    let bounded = Bounded::over(origin, asked, 1_000_000).await;
    bounded.world.bus.go_away();
    for id in 0..DOCUMENTS {
        let expected = (StatusCode::OK, format!("first {id}"));
        assert_eq!(bounded.read(&id.to_string()).await, expected);
    }
    assert_eq!(bounded.read("none").await.0, StatusCode::NOT_FOUND);

    let id = bounded.missing();
    bounded.world.origin.commit_delete(&id);
    bounded.world.until_converged().await;
    assert_eq!(bounded.read(&id).await.0, StatusCode::NOT_FOUND);

    // Cut before its end, an answer says nothing.
    plane.cuts.store(true, Ordering::Relaxed);
    assert_eq!(
        bounded.read("none").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn a_writer_of_another_history_is_not_believed() {
    let empty = Origin::new(MemoryBus::new());
    let plane = Plane::of(&empty).await;
    let asked = Some(writers(&[plane.address]));
    let bounded = Bounded::over(full_origin().await, asked, 1000).await;
    bounded.world.bus.go_away();
    let id = bounded.missing();
    assert_eq!(bounded.read(&id).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_has_gone_back_is_not_believed() {
    let bounded = Bounded::ready(1000).await;
    let id = bounded.missing();
    let checkpoint = bounded.world.bus.checkpoint();
    bounded.world.origin.put(&id, "second").await;
    bounded.world.origin.put("later", "new").await;
    bounded.world.until_converged().await;
    bounded.world.bus.roll_back(&checkpoint);
    let other = bounded.missing();
    assert_eq!(
        bounded.read(&other).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        bounded.read("none").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_bucket_is_not_believed() {
    let bounded = Bounded::ready(1000).await;
    for index in 0..BUCKETS {
        bounded.world.bus.lose_bucket(index);
    }
    let id = bounded.missing();
    assert_eq!(bounded.read(&id).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        bounded.read("none").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_ids_that_nobody_has_costs_a_bounded_rate() {
    let bounded = Bounded::ready(10).await;
    let ids: Vec<String> = (0..100).map(|n| format!("none-{n}")).collect();
    let answers = join_all(ids.iter().map(|id| bounded.read(id))).await;
    let absent = |(status, _): &&(StatusCode, String)| *status == StatusCode::NOT_FOUND;
    assert_eq!(answers.iter().filter(absent).count(), 10);
    assert_eq!(bounded.counts.refused.load(Ordering::Relaxed), 90);
    assert_eq!(bounded.counts.absent.load(Ordering::Relaxed), 10);
}

#[tokio::test(start_paused = true)]
async fn no_more_reads_wait_than_there_is_room_for() {
    let bounded = Bounded::ready(1_000_000).await;
    let count = |count: usize| join_all((0..count).map(|_| bounded.read("none")));
    let is_absent = |(status, _): &(StatusCode, String)| *status == StatusCode::NOT_FOUND;
    assert!(count(WAITING_MAX).await.iter().all(is_absent));
    let over = count(WAITING_MAX + 1).await;
    assert_eq!(
        over.iter().filter(|one| is_absent(one)).count(),
        WAITING_MAX
    );
}
