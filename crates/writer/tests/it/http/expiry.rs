//! Documents that end to be served.

use http::StatusCode;
use shared::{Timestamp, Version};
use writer::store::{Action, Mutation, Precondition};

use super::site::{Site, request, send, site};

const FAR: &str = "2100-01-01T00:00:00.5Z";
const FAR_SHOWN: &str = "2100-01-01T00:00:00.500000Z";
const EXPIRES: &str = "pressrun-expires-at";

/// Stores `things/a`, expired a second ago by the database's clock.
async fn store_expired(site: &Site) {
    let now = site.store.feed().await.unwrap().now.0;
    let put = Mutation {
        key: shared::ResourceKey::parse("things", "a").unwrap(),
        action: Action::Put {
            body: "{}".into(),
            expires_at: Some(Timestamp(now - 1_000_000)),
        },
        precondition: Precondition::None,
        retry: None,
    };
    site.store.commit(None, &[put]).await.unwrap();
}

#[tokio::test]
async fn expiry_is_stored_and_shown_on_answers() {
    let site = site().await;

    let created = site.put_if("/v1/things/a", &[(EXPIRES, FAR)], "{}").await;
    let again = site.put_if("/v1/things/a", &[(EXPIRES, FAR)], "{}").await;
    let read = site.get("/v1/things/a").await;
    let tag = [("if-none-match", read.field("etag"))];
    let not_modified = send(&site.public, request("GET", "/v1/things/a", &tag, "")).await;

    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(not_modified.status(), StatusCode::NOT_MODIFIED);
    for answer in [&created, &again, &read, &not_modified] {
        assert_eq!(answer.field(EXPIRES), FAR_SHOWN);
        assert_eq!(answer.field("pressrun-document-version"), "1");
    }
}

#[tokio::test]
async fn put_without_expiry_takes_it_away() {
    let site = site().await;
    site.put_if("/v1/things/a", &[(EXPIRES, FAR)], "{}").await;

    let put = site.put("/v1/things/a", "{}").await;

    assert_eq!(put.json()["version"], 2);
    assert_eq!(put.field(EXPIRES), "");
    assert_eq!(site.get("/v1/things/a").await.field(EXPIRES), "");
}

#[tokio::test]
async fn both_kinds_of_post_take_an_expiry() {
    let site = site().await;
    let post = r#"{"title":"t","content":"c","author":"w"}"#;
    for (path, content) in [("/create", post), ("/v1/things", "{}")] {
        let fields = [("content-type", "application/json"), (EXPIRES, FAR)];
        let created = send(&site.public, request("POST", path, &fields, content)).await;
        assert_eq!(created.status(), StatusCode::CREATED, "{path}");
        assert_eq!(created.field(EXPIRES), FAR_SHOWN);
        assert_eq!(
            site.get(created.field("location")).await.field(EXPIRES),
            FAR_SHOWN
        );
    }
}

#[tokio::test]
async fn malformed_expiry_is_400_and_a_past_one_422_and_nothing_is_stored() {
    let site = site().await;
    for (expiry, status, problem) in [
        ("in an hour", 400, "malformed-request"),
        ("2100-01-01T00:00:00+01:00", 400, "malformed-request"),
        ("4102444800", 400, "malformed-request"),
        ("2001-01-01T00:00:00Z", 422, "invalid-document"),
    ] {
        let put = site
            .put_if("/v1/things/a", &[(EXPIRES, expiry)], "{}")
            .await;
        put.check_problem(status, problem);
    }
    assert_eq!(site.tip().await.position.sequence.0, 0);
}

#[tokio::test]
async fn expired_document_is_absent_before_anybody_deletes_it() {
    let site = site().await;
    store_expired(&site).await;

    site.get("/v1/things/a")
        .await
        .check_problem(404, "no-such-document");
    let any = [("if-none-match", "*")];
    let read = send(&site.public, request("GET", "/v1/things/a", &any, "")).await;
    read.check_problem(404, "no-such-document");
    let deleted = site.delete_if("/v1/things/a", &[]).await;
    deleted.check_problem(404, "no-such-document");
    let matched = site
        .put_if("/v1/things/a", &[("if-match", "*")], "{}")
        .await;
    matched.check_problem(412, "precondition-failed");

    let created = site.put_if("/v1/things/a", &any, "{}").await;
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(created.json()["version"], 2);
}

#[tokio::test]
async fn expired_document_is_deleted_by_its_version_only() {
    let site = site().await;
    store_expired(&site).await;
    let expired = site.store.expired(10).await.unwrap();
    let [(key, version)] = expired.as_slice() else {
        panic!("{expired:?}")
    };
    for (wanted, sequence) in [(Version(version.0 + 1), 1), (*version, 2)] {
        let deletion = Mutation {
            key: key.clone(),
            action: Action::Delete,
            precondition: Precondition::Version(wanted),
            retry: None,
        };
        site.store.commit(None, &[deletion]).await.unwrap();
        assert_eq!(site.tip().await.position.sequence.0, sequence);
    }
}
