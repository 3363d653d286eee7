//! The documents of a run.

use std::net::SocketAddr;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use service::process::BoxError;
use testkit::eventually;

/// How many short posts there are: `post-0001` and on. `many.lua` knows them.
const POSTS: usize = 1000;

/// What fills a short post up to about 400 octets of JSON.
const SHORT_CONTENT_BYTES: usize = 312;

/// What makes the long post about 4 KiB of JSON.
const LONG_CONTENT_BYTES: usize = 4000;

/// Written over and over: prose, because what repeats itself would compress too well.
const PROSE: &str = "A page is set once, in lead, and then printed as often as there are readers. \
    Whoever corrects it stops the press, changes a line and lets it run again; nobody sets the \
    page anew for each copy. What a reader holds in hand was finished before he asked for it, and \
    the man at the counter needs no press: he hands it over. ";

/// Writes all posts and waits until the reader serves the last one; it follows in order.
///
/// # Errors
/// The writer refuses one.
pub(super) async fn write(
    http: &Client,
    writer: SocketAddr,
    reader: SocketAddr,
) -> Result<(), BoxError> {
    let url = format!("http://{writer}/create");
    let long = [post("long", LONG_CONTENT_BYTES, 0)];
    let short = (1..=POSTS).map(|number| {
        let id = format!("post-{number:04}");
        post(&id, SHORT_CONTENT_BYTES, number)
    });
    for post in long.into_iter().chain(short) {
        let request = http.post(&url).header("Content-Type", "application/json");
        let answer = request.body(post.to_string()).send().await?;
        if answer.status() != StatusCode::CREATED {
            return Err(format!("the writer answered {}", answer.status()).into());
        }
    }
    let last = format!("http://{reader}/post?id=post-{POSTS:04}");
    eventually("the reader has all posts", async || {
        let answer = http.get(&last).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    Ok(())
}

/// Each post begins elsewhere in the prose.
fn post(id: &str, content_bytes: usize, number: usize) -> Value {
    let content: String = PROSE
        .chars()
        .cycle()
        .skip(number % PROSE.len())
        .take(content_bytes)
        .collect();
    json!({
        "id": id,
        "title": format!("Of printing, chapter {number}"),
        "content": content,
        "author": "Ada Lovelace",
    })
}
