//! Documents that end to be served.

use std::{sync::Arc, time::Duration};

use bus::{Begin, Build, MemoryBus, Publisher};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use shared::{Envelope, Epoch, Heartbeat, Link, Position, Sequence, Timestamp};
use tokio::time::advance;

use super::{Read, empty, put, respond};
use crate::{
    catalog::{Catalog, CatalogWriter, Lookup},
    follow::{Following, follow},
    http::{DataResponse, freshness::CacheControl, respond::EXPIRES_AT},
    replica::Timing,
    status::{Progress, StatusCell},
};

const KEY: &str = "posts/a";

/// 2026-10-01T12:00:00Z
const NOON: Timestamp = Timestamp(1_790_856_000_000_000);

fn before_noon(seconds: i64) -> Timestamp {
    Timestamp(NOON.0 - seconds * 1_000_000)
}

fn until_noon() -> Envelope {
    Envelope {
        expires_at: Some(NOON),
        ..put(KEY, 1, "{}")
    }
}

/// A ready catalog with one document that expires at noon.
fn holding() -> (Catalog, CatalogWriter) {
    let (catalog, mut writer) = empty();
    writer.apply(&until_noon(), None);
    writer.set_ready(true);
    (catalog, writer)
}

fn ask(catalog: &Catalog, cache_control: &'static str, held: Option<&HeaderValue>) -> Read {
    let mut headers = HeaderMap::new();
    if let Some(tag) = held {
        headers.insert(header::IF_NONE_MATCH, tag.clone());
    }
    let cache_control = CacheControl::from(HeaderValue::from_static(cache_control));
    respond(catalog, &cache_control, KEY, &headers, &Method::GET)
}

fn document(catalog: &Catalog, cache_control: &'static str) -> DataResponse {
    match ask(catalog, cache_control, None) {
        Read::Document(response) => response,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn document_is_served_until_its_expiry_and_not_from_then_on() {
    let (catalog, mut writer) = holding();
    writer.hear_time(before_noon(60));
    advance(Duration::from_millis(59_999)).await;
    assert!(matches!(catalog.lookup(KEY), Lookup::Hit(_)));
    let tag = document(&catalog, "no-cache").headers()[header::ETAG].clone();
    let held = ask(&catalog, "no-cache", Some(&tag));
    assert!(matches!(held, Read::NotModified(_)), "{held:?}");

    advance(Duration::from_millis(1)).await;

    assert!(matches!(catalog.lookup(KEY), Lookup::Absent));
    for held in [None, Some(&tag)] {
        assert!(matches!(ask(&catalog, "no-cache", held), Read::Absent));
    }
}

#[tokio::test(start_paused = true)]
async fn guess_by_the_wall_clock_counts_until_the_first_heartbeat() {
    let (catalog, mut writer) = holding();
    writer.guess_time(Timestamp(NOON.0 + 1));
    assert!(matches!(catalog.lookup(KEY), Lookup::Absent));

    writer.hear_time(before_noon(60));

    assert!(matches!(catalog.lookup(KEY), Lookup::Hit(_)));
    // From then on neither a guess nor a late heartbeat sets it.
    writer.guess_time(Timestamp(NOON.0 + 1));
    writer.hear_time(before_noon(120));
    advance(Duration::from_millis(59_999)).await;
    assert!(matches!(catalog.lookup(KEY), Lookup::Hit(_)));
    advance(Duration::from_millis(1)).await;
    assert!(matches!(catalog.lookup(KEY), Lookup::Absent));
}

#[tokio::test(start_paused = true)]
async fn before_any_heartbeat_nobody_knows_whether_a_document_has_expired() {
    let (catalog, mut writer) = holding();
    writer.apply(&put("posts/b", 2, "{}"), None);
    assert_eq!(catalog.database_time(), None);
    assert!(matches!(catalog.lookup(KEY), Lookup::NotReady));
    assert!(matches!(catalog.lookup("posts/b"), Lookup::Hit(_)));
}

#[tokio::test(start_paused = true)]
async fn late_heartbeat_brings_no_expired_document_back() {
    let (catalog, mut writer) = holding();
    writer.hear_time(NOON);
    assert!(matches!(catalog.lookup(KEY), Lookup::Absent));

    for late in [60, 40, 20, 1] {
        writer.hear_time(before_noon(late));
        assert!(
            matches!(catalog.lookup(KEY), Lookup::Absent),
            "{late} s late"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn database_clock_that_was_set_back_is_believed_after_a_while() {
    let (catalog, mut writer) = holding();
    writer.hear_time(NOON);

    for second in 0..10 {
        writer.hear_time(before_noon(3600 - second));
        assert!(catalog.database_time() >= Some(NOON));
        advance(Duration::from_secs(1)).await;
    }
    writer.hear_time(before_noon(3590));

    assert_eq!(catalog.database_time(), Some(before_noon(3590)));
    assert!(matches!(catalog.lookup(KEY), Lookup::Hit(_)));
}

#[tokio::test(start_paused = true)]
async fn expiry_is_shown_on_200_and_304() {
    let (catalog, mut writer) = holding();
    writer.hear_time(before_noon(60));
    let full = document(&catalog, "no-cache");
    let held = ask(&catalog, "no-cache", Some(&full.headers()[header::ETAG]));
    let Read::NotModified(not_modified) = held else {
        panic!("{held:?}")
    };
    assert_eq!(not_modified.status(), StatusCode::NOT_MODIFIED);
    for response in [full, not_modified] {
        assert_eq!(response.headers()[EXPIRES_AT], "2026-10-01T12:00:00Z");
    }
}

#[tokio::test(start_paused = true)]
async fn no_cache_may_keep_a_document_beyond_its_expiry() {
    let (catalog, mut writer) = holding();
    writer.hear_time(Timestamp(before_noon(60).0 + 1));
    for (configured, sent) in [
        ("no-cache", "no-cache"),
        ("no-store", "no-store"),
        ("max-age=30", "max-age=30"),
        (
            "public, max-age=600, s-maxage=30",
            "public, max-age=59, s-maxage=30",
        ),
        ("Max-Age=\"60\" , S-MaxAge=86400", "max-age=59, s-maxage=59"),
        ("max-age=99999999999999999999", "max-age=59"),
        ("max-age=never", "max-age=0"),
        ("s-maxage=10", "s-maxage=10, max-age=59"),
        ("public", "public, max-age=59"),
        (
            "max-age=5, stale-while-revalidate=600, stale-if-error=600",
            "max-age=5",
        ),
        (
            "private=\"a, b\", max-age=600",
            "private=\"a, b\", max-age=59",
        ),
    ] {
        let response = document(&catalog, configured);
        assert_eq!(
            response.headers()[header::CACHE_CONTROL],
            sent,
            "{configured}"
        );
    }
    writer.apply(&put(KEY, 2, "{}"), None);
    let kept = document(&catalog, "public, stale-if-error=9");
    assert_eq!(
        kept.headers()[header::CACHE_CONTROL],
        "public, stale-if-error=9"
    );
}

#[tokio::test(start_paused = true)]
async fn heartbeats_tell_the_time() {
    let bus = MemoryBus::new();
    let begin = Begin {
        term: 1,
        epoch: Epoch(1),
        build: Build(1),
        head: Sequence::ZERO,
        link: Link::ZERO,
        buckets: 1,
    };
    bus.begin(&begin).await.unwrap().unwrap();
    bus.finish(begin.build, 0).await.unwrap().unwrap();
    let (catalog, writer) = empty();
    let progress = Progress::new("connecting", "memory");
    let following = tokio::spawn(follow(Following {
        bus: Arc::new(bus.clone()),
        catalog: writer,
        asked: crate::fetch::Asked::nothing(),
        status: StatusCell::new("r", catalog.clone(), progress),
        reaching: crate::reached::reached().0,
        writer: None,
        source: "memory",
        reader: "r".to_owned(),
        timing: Timing::DEFAULT,
        seed: 1,
    }));

    let told = testkit::eventually("the time is told", async || {
        let heartbeat = Heartbeat {
            head: Position::new(begin.epoch, begin.head),
            link: begin.link,
            database_time: NOON,
            probes: Vec::new(),
        };
        bus.heartbeat(&heartbeat).await.unwrap();
        catalog.database_time()
    })
    .await;

    assert!(NOON <= told);
    following.abort();
}
