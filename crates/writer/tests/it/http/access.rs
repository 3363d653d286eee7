//! Bearer tokens on the public plane.

use std::{fs, sync::Arc};

use axum::body::Body;
use futures_util::stream;
use http::StatusCode;
use tempfile::TempDir;
use testkit::eventually;
use tokio::sync::mpsc;
use writer::access::{Access, TokenFile, TokenHash};

use super::site::{Answer, Site, request, send, site_for};

/// A writer with one token for posts and one for everything.
struct Guarded {
    site: Site,
    file: Arc<TokenFile>,
    directory: TempDir,
}

const POSTS: &str = "Bearer posts-secret";
const ALL: &str = "bearer all-secret";

fn line(name: &str, scope: &str, secret: &str) -> String {
    format!("{name} {scope} {}\n", TokenHash::of(secret.as_bytes()))
}

async fn guarded() -> Guarded {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    let lines = [
        line("editor", "posts:write", "posts-secret"),
        line("importer", "*:write", "all-secret"),
    ];
    fs::write(&path, lines.concat()).unwrap();
    let file = Arc::new(TokenFile::open(path).unwrap());
    let site = site_for(Access::Tokens(Arc::clone(&file))).await;
    Guarded {
        site,
        file,
        directory,
    }
}

impl Guarded {
    async fn write(&self, (method, path): (&str, &str), authorization: &[&str]) -> Answer {
        let media_type = if path.ends_with("/import") && method == "POST" {
            "application/x-ndjson"
        } else {
            "application/json"
        };
        let mut fields = vec![("content-type", media_type)];
        fields.extend(authorization.iter().map(|&field| ("authorization", field)));
        let content = match path {
            "/create" => r#"{"id":"a","title":"t","content":"c","author":"w"}"#,
            _ if media_type == "application/json" => "{}",
            _ => "{\"id\":\"b\",\"body\":{}}\n",
        };
        send(&self.site.public, request(method, path, &fields, content)).await
    }
}

/// Every route that writes, to posts and to something else.
const TO_POSTS: [(&str, &str); 2] = [("POST", "/create"), ("DELETE", "/v1/posts/a")];
const TO_THINGS: [(&str, &str); 6] = [
    ("PUT", "/v1/things/a"),
    ("PUT", "/v1/things/import"),
    ("DELETE", "/v1/things/a"),
    ("POST", "/v1/things"),
    ("POST", "/v1/things/import"),
    ("PUT", "/v1/%74hings/a"),
];

#[tokio::test]
async fn writes_without_a_known_token_are_401_and_change_nothing() {
    let guarded = guarded().await;
    let before = guarded.site.tip().await;
    let invalid = r#"Bearer error="invalid_token""#;
    for route in TO_POSTS.into_iter().chain(TO_THINGS) {
        for (authorization, challenge) in [
            (&[][..], "Bearer"),
            (&["Basic cG9zdHMtc2VjcmV0"], "Bearer"),
            (&["posts-secret"], "Bearer"),
            (&["Bearer guess"], invalid),
            (&["Bearer posts-secre"], invalid),
            (&["Bearer posts-secrets"], invalid),
        ] {
            let answer = guarded.write(route, authorization).await;
            answer.check_problem(401, "unauthorized");
            assert_eq!(answer.field("www-authenticate"), challenge, "{route:?}");
        }
        for malformed in [&["Bearer"][..], &["Bearer  "], &["Bearer a b"], &[ALL, ALL]] {
            let answer = guarded.write(route, malformed).await;
            answer.check_problem(400, "malformed-request");
            let challenge = r#"Bearer error="invalid_request""#;
            assert_eq!(answer.field("www-authenticate"), challenge, "{route:?}");
        }
    }
    assert_eq!(guarded.site.tip().await, before);
}

#[tokio::test]
async fn a_token_writes_within_its_scopes_only() {
    let guarded = guarded().await;
    for route in TO_POSTS.into_iter().chain(TO_THINGS) {
        let answer = guarded.write(route, &[ALL]).await;
        assert!(answer.status().is_success(), "{route:?}: {answer:?}");
    }
    for route in TO_POSTS {
        let answer = guarded.write(route, &[POSTS]).await;
        assert!(answer.status().is_success(), "{route:?}: {answer:?}");
    }
    let before = guarded.site.tip().await;
    for route in TO_THINGS {
        let answer = guarded.write(route, &[POSTS]).await;
        answer.check_problem(403, "forbidden");
        let challenge = r#"Bearer error="insufficient_scope", scope="things:write""#;
        assert_eq!(answer.field("www-authenticate"), challenge, "{route:?}");
    }
    assert_eq!(guarded.site.tip().await, before);
}

#[tokio::test]
async fn reads_need_no_token_and_what_is_not_there_is_told_to_anybody() {
    let guarded = guarded().await;
    guarded.write(("PUT", "/v1/things/a"), &[ALL]).await;
    for path in ["/v1/things/a", "/health"] {
        assert_eq!(guarded.site.get(path).await.status(), StatusCode::OK);
        let head = request("HEAD", path, &[], "");
        let answer = send(&guarded.site.public, head).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let answer = guarded.write(("POST", "/nowhere"), &[]).await;
    answer.check_problem(404, "no-such-route");
    // A bad target is told once the token is right, whatever its scope.
    let bad = ("PUT", "/v1/Things/a");
    let answer = guarded.write(bad, &[]).await;
    answer.check_problem(401, "unauthorized");
    let answer = guarded.write(bad, &[POSTS]).await;
    answer.check_problem(400, "malformed-request");
}

#[tokio::test]
async fn a_removed_token_is_refused_soon() {
    let guarded = guarded().await;
    let file = Arc::clone(&guarded.file);
    let following = tokio::spawn(async { file.follow().await });
    let answer = guarded.write(TO_THINGS[0], &[ALL]).await;
    assert_eq!(answer.status(), StatusCode::CREATED);

    let kept = line("editor", "posts:write", "posts-secret");
    let path = guarded.directory.path().join("tokens");
    fs::write(&path, &kept).unwrap();
    eventually("the removed token is refused", async || {
        let answer = guarded.write(TO_THINGS[0], &[ALL]).await;
        (answer.status() == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    let answer = guarded.write(TO_POSTS[0], &[POSTS]).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    tokio::task::JoinHandle::<()>::abort(&following);
}

#[tokio::test]
async fn an_import_under_way_ends_once_its_token_is_removed() {
    let guarded = guarded().await;
    let (pieces, content) = mpsc::channel::<Result<&'static str, std::io::Error>>(1);
    let content = stream::unfold(content, async |mut content| {
        content.recv().await.map(|piece| (piece, content))
    });
    let fields = [
        ("content-type", "application/x-ndjson"),
        ("authorization", ALL),
    ];
    let import = request(
        "POST",
        "/v1/things/import",
        &fields,
        Body::from_stream(content),
    );
    let public = guarded.site.public.clone();
    let importing = tokio::spawn(async move { send(&public, import).await });
    pieces
        .send(Ok("{\"id\":\"a\",\"body\":{}}\n"))
        .await
        .unwrap();
    eventually("the first line is stored", async || {
        let read = guarded.site.get("/v1/things/a").await;
        (read.status() == StatusCode::OK).then_some(())
    })
    .await;

    let kept = line("editor", "posts:write", "posts-secret");
    fs::write(guarded.directory.path().join("tokens"), kept).unwrap();
    guarded.file.look();
    pieces
        .send(Ok("{\"id\":\"b\",\"body\":{}}\n"))
        .await
        .unwrap();
    drop(pieces);

    let answer = importing.await.unwrap();
    answer.check_problem(403, "forbidden");
    assert_eq!(answer.json()["lines_done"], 1);
    assert_eq!(answer.json()["created"], 1);
    let after = guarded.site.get("/v1/things/b").await;
    assert_eq!(after.status(), StatusCode::NOT_FOUND);
}
