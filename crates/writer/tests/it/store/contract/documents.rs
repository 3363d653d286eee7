//! What is kept of a document.

use shared::{ResourceKey, Timestamp, Version, limits::BODY_BYTES_MAX};
use writer::store::{Action, Mutation, Outcome, Precondition};

use crate::store::fixture::{
    Home, body_of, change, commit_one, delete, document, key, only_if, put,
};

pub(crate) async fn body_keeps_its_text(home: &Home) {
    for body in [
        r#"{"b":1.00,"a":1e2,"b2":0.10,"c":-0,"d":1E+2}"#,
        r#"{"n":123456789012345678901234567890.000000000000000000001}"#,
        r#"{"t":"\u00e9\ud83d\ude00é😀\/\"\\"}"#,
        r#"{"":{"z":[],"y":[null,true,false]}}"#,
    ] {
        change(&*home.store, put("a", body)).await;
        let stored = document(&*home.store, "a").await;
        assert_eq!(stored.body.unwrap(), body);
    }
}

pub(crate) async fn body_of_1_mib_is_kept(home: &Home) {
    let body = body_of(BODY_BYTES_MAX);
    change(&*home.store, put("a", &body)).await;
    assert_eq!(document(&*home.store, "a").await.body.unwrap(), body);
    let again = commit_one(&*home.store, put("a", &body)).await;
    assert_eq!(again.committed(), None);
}

pub(crate) async fn ids_keep_their_octets(home: &Home) {
    let ids = [
        "é/ü/😀",
        "a/b//c",
        r#"'"; DROP TABLE documents; --"#,
        r"back\slash %41 $1 {} ,",
        " ",
        "NULL",
        &"x".repeat(256),
    ];
    for id in ids {
        change(&*home.store, put(id, "{}")).await;
    }
    for id in ids {
        assert_eq!(document(&*home.store, id).await.key, key(id));
    }
    let page = home.store.documents(None, 100).await.unwrap();
    assert_eq!(page.documents.len(), ids.len());
    // Same id, other collection: another document.
    let other = ResourceKey::parse("pages", " ").unwrap();
    assert_eq!(home.store.document(&other).await.unwrap(), None);
}

pub(crate) async fn absent_document_is_none(home: &Home) {
    assert_eq!(home.store.document(&key("a")).await.unwrap(), None);
}

fn expiring(id: &str, micros: i64) -> Mutation {
    Mutation {
        action: Action::Put {
            body: "{}".into(),
            expires_at: Some(Timestamp(micros)),
        },
        ..put(id, "{}")
    }
}

pub(crate) async fn expiry_is_kept_to_the_microsecond(home: &Home) {
    // Near the epoch, now, and in the year 9999, beyond what a double counts exactly.
    for micros in [-1, 0, 1, 1_764_000_000_123_457, 253_402_300_799_999_999] {
        commit_one(&*home.store, expiring("a", micros)).await;
        let stored = document(&*home.store, "a").await;
        assert_eq!(stored.expires_at, Some(Timestamp(micros)));
    }
}

pub(crate) async fn expired_documents_are_found(home: &Home) {
    let now = home.store.feed().await.unwrap().now.0;
    change(&*home.store, expiring("second", now - 1_000_000)).await;
    change(&*home.store, expiring("first", now - 2_000_000)).await;
    change(&*home.store, expiring("later", now + 3_600_000_000)).await;
    change(&*home.store, put("never", "{}")).await;

    let expired = home.store.expired(10).await.unwrap();

    let expected = [(key("first"), Version(1)), (key("second"), Version(1))];
    assert_eq!(expired, expected);
    assert_eq!(home.store.expired(1).await.unwrap(), expected[..1]);
}

pub(crate) async fn deleted_document_does_not_expire(home: &Home) {
    change(&*home.store, expiring("a", 1)).await;
    let expired = home.store.expired(10).await.unwrap();
    let version = expired[0].1;

    change(
        &*home.store,
        only_if(Precondition::Version(version), delete("a")),
    )
    .await;

    assert_eq!(home.store.expired(10).await.unwrap(), []);
    assert_eq!(document(&*home.store, "a").await.expires_at, None);
}

pub(crate) async fn expired_document_is_live_no_more(home: &Home) {
    let now = home.store.feed().await.unwrap().now.0;
    change(&*home.store, expiring("gone", now)).await;
    change(&*home.store, expiring("later", now + 3_600_000_000)).await;
    change(&*home.store, put("never", "{}")).await;
    change(&*home.store, put("deleted", "{}")).await;
    change(&*home.store, delete("deleted")).await;

    for (id, is_live) in [
        ("gone", false),
        ("later", true),
        ("never", true),
        ("deleted", false),
        ("absent", false),
    ] {
        let live = home.store.live(&key(id)).await.unwrap();
        assert_eq!(live.is_some(), is_live, "{id}");
    }
    assert!(document(&*home.store, "gone").await.body.is_some());
}

pub(crate) async fn expired_document_is_absent_but_to_its_version(home: &Home) {
    let now = home.store.feed().await.unwrap().now.0;
    for id in ["a", "b", "c", "d"] {
        change(&*home.store, expiring(id, now - 1)).await;
    }

    let deleted = commit_one(&*home.store, delete("a")).await;
    let put_anew = commit_one(&*home.store, put("b", "{}")).await;
    let put_if_absent =
        commit_one(&*home.store, only_if(Precondition::Absent, put("c", "{}"))).await;
    let by_version = only_if(Precondition::Version(Version(1)), delete("d"));
    let deleted_by_version = commit_one(&*home.store, by_version).await;

    assert_eq!(deleted, Outcome::NotFound);
    assert!(matches!(put_anew, Outcome::Created(_)), "{put_anew:?}");
    assert!(
        matches!(put_if_absent, Outcome::Created(_)),
        "{put_if_absent:?}"
    );
    assert!(
        matches!(deleted_by_version, Outcome::Deleted(_)),
        "{deleted_by_version:?}"
    );
    let stored = document(&*home.store, "b").await;
    assert_eq!(stored.version, Version(2));
    assert_eq!(stored.created_at, stored.updated_at);
}
