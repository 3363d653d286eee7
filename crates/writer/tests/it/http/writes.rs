//! What writes answer.

use http::StatusCode;
use serde_json::json;
use shared::EntityTag;

use super::site::site;

const POST: &str = r#"{"id":"a","title":"t","content":"c","author":"w"}"#;

#[tokio::test]
async fn create_answers_201_then_200_with_the_receipt() {
    let site = site().await;
    let tag = EntityTag::of(POST.as_bytes()).to_string();

    let created = site.post("/create", POST).await;

    let position = site.tip().await.position.to_string();
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(
        created.json(),
        json!({"id": "a", "version": 1, "etag": tag, "position": position})
    );
    assert_eq!(created.field("location"), "/v1/posts/a");
    assert_eq!(created.field("etag"), tag);
    assert_eq!(created.field("pressrun-position"), position);
    assert_eq!(created.field("pressrun-document-version"), "1");
    assert_eq!(created.field("content-type"), "application/json");
    assert_eq!(created.field("cache-control"), "no-store");
    assert_eq!(created.field("x-content-type-options"), "nosniff");

    let updated = site.post("/create", &POST.replace("\"c\"", "\"d\"")).await;

    assert_eq!(updated.status(), StatusCode::OK);
    assert_eq!(updated.json()["version"], 2);
    assert_ne!(updated.field("pressrun-position"), position);
}

#[tokio::test]
async fn create_without_an_id_makes_a_uuid_of_version_7() {
    let site = site().await;

    let created = site
        .post("/create", r#"{"title":"t","content":"c","author":"w"}"#)
        .await;

    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 7);
    let path = format!("/v1/posts/{id}");
    assert_eq!(created.field("location"), path);
    assert_eq!(site.get(&path).await.json()["id"], *id);
}

#[tokio::test]
async fn put_creates_updates_and_leaves_equal_content_alone() {
    let site = site().await;

    let created = site.put("/v1/things/a", r#"{"n":1.0}"#).await;
    let updated = site.put("/v1/things/a", r#"{"n":1.00}"#).await;
    let unchanged = site.put("/v1/things/a", r#" { "n" : 1.00 } "#).await;

    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(updated.status(), StatusCode::OK);
    assert_eq!(updated.json()["version"], 2);
    assert_eq!(unchanged.status(), StatusCode::OK);
    assert_eq!(unchanged.json(), updated.json());
    assert_eq!(created.field("location"), "/v1/things/a");
}

#[tokio::test]
async fn put_sends_its_entity_tag_only_if_it_stored_what_was_sent() {
    let site = site().await;

    let as_sent = site.put("/v1/things/a", r#"{"n":1}"#).await;
    let minified = site.put("/v1/things/b", r#"{"n": 1}"#).await;

    let tag = EntityTag::of(br#"{"n":1}"#).to_string();
    assert_eq!(as_sent.field("etag"), tag);
    // RFC 9110 §9.3.4
    assert_eq!(minified.field("etag"), "");
    assert_eq!(minified.json()["etag"], tag);
}

#[tokio::test]
async fn both_routes_store_a_post_alike() {
    let site = site().await;
    let created = site.post("/create", POST).await;

    let put = site
        .put(
            "/v1/posts/a",
            r#"{"author":"w","content":"c","title":"\u0074"}"#,
        )
        .await;

    assert_eq!(put.status(), StatusCode::OK);
    assert_eq!(put.json(), created.json());
    assert_eq!(site.get("/v1/posts/a").await.content(), POST);
}

#[tokio::test]
async fn post_to_a_collection_makes_the_id() {
    let site = site().await;

    let first = site.post("/v1/things", r#"{"n":1}"#).await;
    let second = site.post("/v1/things", r#"{"n":1}"#).await;

    assert_eq!(first.status(), StatusCode::CREATED);
    assert_eq!(second.status(), StatusCode::CREATED);
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 7);
    assert!(second.json()["id"].as_str().unwrap() > id.as_str());
    assert_eq!(
        site.get(first.field("location")).await.content(),
        r#"{"n":1}"#
    );
}

#[tokio::test]
async fn delete_answers_204_then_404_both_with_a_position() {
    let site = site().await;
    site.put("/v1/things/a", "{}").await;

    let deleted = site.delete_if("/v1/things/a", &[]).await;
    let again = site.delete_if("/v1/things/a", &[]).await;

    let position = site.tip().await.position.to_string();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert!(deleted.content().is_empty());
    assert_eq!(deleted.field("pressrun-position"), position);
    again.check_problem(404, "no-such-document");
    assert_eq!(again.field("pressrun-position"), position);
    site.get("/v1/things/a")
        .await
        .check_problem(404, "no-such-document");
}

#[tokio::test]
async fn ids_are_decoded_once_and_encoded_in_locations() {
    let site = site().await;
    for (segment, id) in [
        ("a%2Fb", "a/b"),
        ("%2541", "%41"),
        ("a%20b+c", "a b+c"),
        ("%C3%A9", "é"),
        ("a%22%5C", "a\"\\"),
        ("...", "..."),
    ] {
        let path = format!("/v1/things/{segment}");

        let created = site.put(&path, "{}").await;

        assert_eq!(created.json()["id"], id);
        let location = created.field("location");
        assert!(
            !location.contains('+') && !location.contains("//"),
            "{location}"
        );
        assert_eq!(site.get(location).await.status(), StatusCode::OK);
        assert_eq!(site.get(&path).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn json_is_taken_with_a_charset_of_utf_8() {
    let site = site().await;
    for media_type in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "Application/JSON ; profile=x",
    ] {
        let fields = [
            ("content-type", media_type),
            ("content-encoding", "identity"),
        ];
        let put = super::site::request("PUT", "/v1/things/a", &fields, "{}");
        let answer = super::site::send(&site.public, put).await;
        assert!(answer.status().is_success(), "{media_type}");
    }
}

#[tokio::test]
async fn health_follows_readiness_and_a_panic_is_one_requests_own() {
    use std::sync::atomic::Ordering::Relaxed;
    let site = site().await;
    let healthy = site.get("/health").await;
    assert_eq!(healthy.status(), StatusCode::OK);
    assert_eq!(healthy.json(), json!({"status": "ok"}));

    site.inspected.is_down.store(true, Relaxed);
    site.get("/health").await.check_problem(503, "not-ready");

    site.inspected.panics.store(true, Relaxed);
    site.get("/health").await.check_problem(500, "internal");
    assert_eq!(
        site.put("/v1/things/a", "{}").await.status(),
        StatusCode::CREATED
    );
}
