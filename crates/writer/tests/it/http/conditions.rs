//! Conditional writes.

use http::StatusCode;
use shared::ContentCoding;
use writer::render::{Codings, render};

use super::site::{Answer, Site, request, send, site};

/// Compresses well, so that it has every representation.
fn long_document(letter: &str) -> String {
    format!("{{\"a\":\"{}\"}}", letter.repeat(2000))
}

#[track_caller]
fn check_failed(answer: &Answer) {
    answer.check_problem(412, "precondition-failed");
}

async fn body_of(site: &Site) -> String {
    let got = site.get("/v1/things/a").await;
    String::from_utf8(got.content().to_vec()).unwrap()
}

#[tokio::test]
async fn put_if_match_takes_the_tag_of_any_representation() {
    let site = site().await;
    for coding in ContentCoding::ALL {
        site.put("/v1/things/a", &long_document("x")).await;
        let body = long_document("x").into();
        let representations = render(&body, Codings::ALL);
        let one = representations.iter().find(|one| one.coding == coding);
        let tag = one.unwrap().tag.to_string();

        let put = site
            .put_if("/v1/things/a", &[("if-match", &tag)], &long_document("y"))
            .await;
        let late = site
            .put_if("/v1/things/a", &[("if-match", &tag)], &long_document("z"))
            .await;

        assert_eq!(put.status(), StatusCode::OK, "{coding:?}");
        check_failed(&late);
        assert_eq!(body_of(&site).await, long_document("y"));
    }
}

#[tokio::test]
async fn if_match_compares_strongly() {
    let site = site().await;
    let tag = site
        .put("/v1/things/a", "{}")
        .await
        .field("etag")
        .to_owned();
    let weak = format!("W/{tag}");
    check_failed(
        &site
            .put_if("/v1/things/a", &[("if-match", &weak)], r#"{"a":1}"#)
            .await,
    );
    check_failed(&site.delete_if("/v1/things/a", &[("if-match", &weak)]).await);
    assert_eq!(body_of(&site).await, "{}");
}

#[tokio::test]
async fn if_match_takes_lists_and_several_lines() {
    let site = site().await;
    let tag = site
        .put("/v1/things/a", "{}")
        .await
        .field("etag")
        .to_owned();
    let list = format!("\"x\" , {tag}");
    let put = site
        .put_if("/v1/things/a", &[("if-match", &list)], r#"{"a":1}"#)
        .await;
    assert_eq!(put.status(), StatusCode::OK);
    let tag = put.field("etag").to_owned();
    let lines = [("if-match", "\"x\""), ("if-match", tag.as_str())];
    let deleted = site.delete_if("/v1/things/a", &lines).await;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn if_match_any_needs_a_document() {
    let site = site().await;
    let any = [("if-match", "*")];
    check_failed(&site.put_if("/v1/things/a", &any, "{}").await);
    site.get("/v1/things/a")
        .await
        .check_problem(404, "no-such-document");

    site.put("/v1/things/a", "{}").await;
    let put = site.put_if("/v1/things/a", &any, r#"{"a":1}"#).await;
    assert_eq!(put.status(), StatusCode::OK);
    let deleted = site.delete_if("/v1/things/a", &any).await;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    check_failed(&site.put_if("/v1/things/a", &any, "{}").await);
}

#[tokio::test]
async fn if_none_match_any_creates_once() {
    let site = site().await;
    let any = [("if-none-match", "*")];
    let created = site.put_if("/v1/things/a", &any, "{}").await;
    assert_eq!(created.status(), StatusCode::CREATED);
    check_failed(&site.put_if("/v1/things/a", &any, r#"{"a":1}"#).await);
    check_failed(&site.put_if("/v1/things/a", &any, "{}").await);
    check_failed(&site.delete_if("/v1/things/a", &any).await);
    assert_eq!(body_of(&site).await, "{}");

    site.delete_if("/v1/things/a", &[]).await;
    let again = site.put_if("/v1/things/a", &any, "{}").await;
    assert_eq!(again.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn if_none_match_with_tags_writes_over_anything_else() {
    let site = site().await;
    let tag = site
        .put("/v1/things/a", "{}")
        .await
        .field("etag")
        .to_owned();
    let fields = [("if-none-match", tag.as_str())];
    check_failed(&site.put_if("/v1/things/a", &fields, r#"{"a":1}"#).await);
    site.put("/v1/things/a", r#"{"a":2}"#).await;
    let put = site.put_if("/v1/things/a", &fields, r#"{"a":1}"#).await;
    assert_eq!(put.status(), StatusCode::OK);
    let absent = site.put_if("/v1/things/b", &fields, "{}").await;
    assert_eq!(absent.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn create_honours_conditions_too() {
    let site = site().await;
    let post = r#"{"id":"a","title":"t","content":"c","author":"w"}"#;
    let fields = [("content-type", "application/json"), ("if-none-match", "*")];
    let first = send(&site.public, request("POST", "/create", &fields, post)).await;
    let second = send(&site.public, request("POST", "/create", &fields, post)).await;
    assert_eq!(first.status(), StatusCode::CREATED);
    check_failed(&second);
}

#[tokio::test]
async fn conditions_on_deleting_what_is_not_there_do_not_matter() {
    let site = site().await;
    for field in ["*", "\"x\""] {
        let answer = site.delete_if("/v1/things/a", &[("if-match", field)]).await;
        answer.check_problem(404, "no-such-document");
    }
}

#[tokio::test]
async fn malformed_conditions_are_refused_before_anything_is_done() {
    let site = site().await;
    site.put("/v1/things/a", "{}").await;
    let before = site.tip().await;
    for name in ["if-match", "if-none-match"] {
        for field in [
            "",
            "x",
            "\"x",
            "\"x\" \"y\"",
            "*, \"x\"",
            "\"x\", *",
            "w/\"x\"",
            ",",
        ] {
            let fields = [(name, field)];
            let put = site.put_if("/v1/things/a", &fields, r#"{"a":1}"#).await;
            put.check_problem(400, "malformed-request");
            let deleted = site.delete_if("/v1/things/a", &fields).await;
            deleted.check_problem(400, "malformed-request");
        }
    }
    assert_eq!(site.tip().await, before);
}

#[tokio::test]
async fn of_racing_writes_with_one_tag_exactly_one_goes_through() {
    let site = site().await;
    let tag = site
        .put("/v1/things/a", "{}")
        .await
        .field("etag")
        .to_owned();
    let contents: Vec<String> = (0..16).map(|n| format!("{{\"n\":{n}}}")).collect();

    let fields = [("if-match", tag.as_str())];
    let writes = contents
        .iter()
        .map(|content| site.put_if("/v1/things/a", &fields, content));
    let answers = futures_util::future::join_all(writes).await;

    let written = answers.iter().filter(|one| one.status() == StatusCode::OK);
    assert_eq!(written.count(), 1);
    let failed = answers
        .iter()
        .filter(|one| one.status() == StatusCode::PRECONDITION_FAILED);
    assert_eq!(failed.count(), 15);
}

#[tokio::test]
async fn a_condition_that_holds_but_never_wins_the_race_is_503() {
    let site = site().await;
    site.put("/v1/things/a", "{}").await;
    // One write to a key per batch, so each try queues behind all of these.
    let others = (0..16).map(|writer| {
        let site = &site;
        async move {
            for n in 0_u64.. {
                let content = format!("{{\"writer\":{writer},\"n\":{n}}}");
                let put = site.put("/v1/things/a", &content).await;
                assert_eq!(put.status(), StatusCode::OK);
            }
        }
    });
    let others = futures_util::future::join_all(others);
    let conditional = site.put_if("/v1/things/a", &[("if-match", "*")], r#"{"won":true}"#);

    // The others first: what is polled first is rendered, and queued, before the rest.
    let answer = tokio::select! {
        biased;
        _ = others => unreachable!("they write for ever"),
        answer = conditional => answer,
    };

    answer.check_problem(503, "contended");
    assert_eq!(answer.field("retry-after"), "1");
    assert_ne!(body_of(&site).await, r#"{"won":true}"#);
}
