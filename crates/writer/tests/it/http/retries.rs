//! `Idempotency-Key`.

use std::fs;

use futures_util::future::join_all;
use http::StatusCode;
use shared::{Sequence, Timestamp};
use testkit::eventually;
use writer::{
    access::{Access, TokenFile, TokenHash},
    http::KEY_BYTES_MAX,
};

use super::site::{Answer, Site, request, send, site, site_for};

const POST: &str = r#"{"title":"t","content":"c","author":"w"}"#;

async fn post(site: &Site, path: &str, fields: &[(&str, &str)], content: &str) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend(fields);
    send(
        &site.public,
        request("POST", path, &all, content.to_owned()),
    )
    .await
}

/// What a retry must be told again.
fn told(answer: &Answer) -> (StatusCode, Vec<String>, Vec<u8>) {
    let names = [
        "etag",
        "location",
        "pressrun-position",
        "pressrun-document-version",
    ];
    let fields = names.map(|name| answer.field(name).to_owned());
    assert!(fields.iter().all(|field| !field.is_empty()), "{answer:?}");
    (answer.status(), fields.to_vec(), answer.content().to_vec())
}

#[tokio::test]
async fn a_repeated_post_is_answered_as_the_first_time() {
    let site = site().await;
    for (path, content) in [("/create", POST), ("/v1/things", r#"{"n":1}"#)] {
        let key = [("idempotency-key", "\"8e03978e\"")];
        let first = post(&site, path, &key, content).await;
        assert_eq!(first.status(), StatusCode::CREATED);
        assert_eq!(first.field("idempotent-replayed"), "");
        let before = site.tip().await;

        let again = post(&site, path, &key, content).await;
        assert_eq!(told(&again), told(&first), "{path}");
        assert_eq!(again.field("idempotent-replayed"), "true");
        assert_eq!(site.tip().await, before);

        let without = post(&site, path, &[], content).await;
        assert_ne!(without.field("location"), first.field("location"));
    }
}

#[tokio::test]
async fn a_key_is_refused_for_another_request() {
    let site = site().await;
    let key = ("idempotency-key", "k");
    post(&site, "/v1/things", &[key], "{}").await;
    let before = site.tip().await;
    let expires = ("pressrun-expires-at", "2999-01-01T00:00:00Z");
    for (fields, content) in [
        (&[key][..], r#"{"n":1}"#),
        (&[key], "{ }"),
        (&[key, expires], "{}"),
        (&[key, ("if-none-match", "*")], "{}"),
    ] {
        let answer = post(&site, "/v1/things", fields, content).await;
        answer.check_problem(422, "idempotency-key-reused");
    }
    assert_eq!(site.tip().await, before);
    // Routes and collections have keys of their own.
    let other = post(&site, "/v1/others", &[key], "{}").await;
    assert_eq!(other.status(), StatusCode::CREATED);
    let create = post(&site, "/create", &[key], POST).await;
    assert_eq!(create.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn conditions_that_held_the_first_time_are_not_judged_again() {
    let site = site().await;
    let named = r#"{"id":"a","title":"t","content":"c","author":"w"}"#;
    let absent = [("idempotency-key", "1"), ("if-none-match", "*")];
    let created = post(&site, "/create", &absent, named).await;
    let again = post(&site, "/create", &absent, named).await;
    assert_eq!(told(&again), told(&created));

    let tag = created.field("etag").to_owned();
    let changed = r#"{"id":"a","title":"t2","content":"c","author":"w"}"#;
    let matches = [("idempotency-key", "2"), ("if-match", tag.as_str())];
    let updated = post(&site, "/create", &matches, changed).await;
    assert_eq!(updated.status(), StatusCode::OK);
    let again = post(&site, "/create", &matches, changed).await;
    assert_eq!(told(&again), told(&updated));
    let reused = post(&site, "/create", &matches, named).await;
    reused.check_problem(422, "idempotency-key-reused");
    let stale = [("idempotency-key", "3"), ("if-match", tag.as_str())];
    let failed = post(&site, "/create", &stale, named).await;
    failed.check_problem(412, "precondition-failed");
}

#[tokio::test]
async fn of_requests_at_once_with_one_key_one_is_carried_out() {
    let site = site().await;
    let key = [("idempotency-key", "k")];
    let posts = (0..16).map(|_| post(&site, "/v1/things", &key, "{}"));
    let answers = join_all(posts).await;
    let replayed = answers
        .iter()
        .filter(|answer| answer.field("idempotent-replayed") == "true");
    assert_eq!(replayed.count(), 15);
    for answer in &answers {
        assert_eq!(told(answer), told(&answers[0]));
    }
    assert_eq!(site.tip().await.position.sequence, Sequence(1));
}

#[tokio::test]
async fn a_retry_after_the_expiry_it_asks_for_is_answered_as_the_first_time() {
    let site = site().await;
    for (path, content) in [("/create", POST), ("/v1/things", "{}")] {
        let now = site.store.feed().await.unwrap().now.0;
        let soon = Timestamp(now + 2_000_000).to_string();
        let fields = [
            ("idempotency-key", "k"),
            ("pressrun-expires-at", soon.as_str()),
        ];
        let first = post(&site, path, &fields, content).await;
        assert_eq!(first.status(), StatusCode::CREATED);
        eventually("the document expires", async || {
            let read = site.get(first.field("location")).await;
            (read.status() == StatusCode::NOT_FOUND).then_some(())
        })
        .await;
        let again = post(&site, path, &fields, content).await;
        assert_eq!(told(&again), told(&first), "{path}");
        assert_eq!(again.field("idempotent-replayed"), "true");
        // Nothing else gets through.
        let other = [("idempotency-key", "other"), fields[1]];
        for late in [&fields[1..], &other] {
            let answer = post(&site, path, late, content).await;
            answer.check_problem(422, "invalid-document");
        }
    }
}

#[tokio::test]
async fn tokens_have_keys_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    let lines = ["one", "two"].map(|name| {
        let hash = TokenHash::of(name.as_bytes());
        format!("{name} *:write {hash}\n")
    });
    fs::write(&path, lines.concat()).unwrap();
    let file = TokenFile::open(path).unwrap();
    let site = site_for(Access::Tokens(file.into())).await;
    let as_ = |token| [("idempotency-key", "k"), ("authorization", token)];
    let one = post(&site, "/v1/things", &as_("Bearer one"), "{}").await;
    let two = post(&site, "/v1/things", &as_("Bearer two"), "{}").await;
    assert_eq!(two.status(), StatusCode::CREATED);
    assert_ne!(one.field("location"), two.field("location"));
    let again = post(&site, "/v1/things", &as_("Bearer one"), "{}").await;
    assert_eq!(told(&again), told(&one));
}

#[tokio::test]
async fn malformed_keys_are_refused_before_anything_is_done() {
    let site = site().await;
    let before = site.tip().await;
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    let once = |key| [("idempotency-key", key)];
    for fields in [
        &once("")[..],
        &once(&long),
        &once("a\tb"),
        &once("\u{e9}"),
        &[("idempotency-key", "a"), ("idempotency-key", "a")],
    ] {
        let answer = post(&site, "/v1/things", fields, "{}").await;
        answer.check_problem(400, "malformed-request");
    }
    let lines = [
        ("content-type", "application/x-ndjson"),
        ("idempotency-key", "a"),
    ];
    let import = request("POST", "/v1/things/import", &lines, "");
    send(&site.public, import)
        .await
        .check_problem(400, "malformed-request");
    assert_eq!(site.tip().await, before);
    let longest = "k".repeat(KEY_BYTES_MAX);
    let answer = post(&site, "/v1/things", &once(&longest), "{}").await;
    assert_eq!(answer.status(), StatusCode::CREATED);
}
