//! The documents of a run: posts of prose.

use std::net::SocketAddr;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use service::process::BoxError;
use testkit::eventually;

/// How many short posts there are: `post-0001` and on.
pub(crate) const POSTS: usize = 1000;

/// What fills a short post up to about 400 octets of JSON.
const SHORT_CONTENT_BYTES: usize = 312;

/// What makes the long post about 4 KiB of JSON.
const LONG_CONTENT_BYTES: usize = 4000;

/// What makes the longest post about 64 KiB of JSON.
const LONGEST_CONTENT_BYTES: usize = 65_400;

/// What posts are made of: its words, drawn at random. Text that repeats itself would compress too
/// well.
const PROSE: &str = "A page is set once, in lead, and then printed as often as there are readers. \
    Whoever corrects it stops the press, changes a line and lets it run again; nobody sets the \
    page anew for each copy. What a reader holds in hand was finished before he asked for it, and \
    the man at the counter needs no press: he hands it over. ";

/// Writes all posts and waits until the reader serves the last one; it follows in order.
///
/// # Errors
/// The writer refuses one.
pub(crate) async fn write(
    http: &Client,
    writer: SocketAddr,
    reader: SocketAddr,
) -> Result<(), BoxError> {
    let url = format!("http://{writer}/create");
    let long = [
        post("long", LONG_CONTENT_BYTES, 0),
        post("longest", LONGEST_CONTENT_BYTES, 0),
    ];
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

/// Each post has its own words, the same in each run.
fn post(id: &str, content_bytes: usize, number: usize) -> Value {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let words: Vec<&str> = PROSE.split_ascii_whitespace().collect();
    let mut content = String::with_capacity(content_bytes + 16);
    while content.len() < content_bytes {
        content.push_str(words[random.usize(..words.len())]);
        content.push(' ');
    }
    content.truncate(content_bytes);
    json!({
        "id": id,
        "title": format!("Of printing, chapter {number}"),
        "content": content,
        "author": "Ada Lovelace",
    })
}

/// The id of one of very many posts.
pub(crate) fn id(number: u64) -> String {
    format!("post-{number:07}")
}

/// A short post as a writer stores it. Each change of it has other octets.
pub(crate) fn stored(number: u64, change: u64) -> Vec<u8> {
    let words = usize::try_from(number ^ (change << 24)).unwrap_or(0);
    post(&id(number), SHORT_CONTENT_BYTES, words)
        .to_string()
        .into_bytes()
}

/// The change of [`stored`] that made this text; `None` if it is no text of that post.
pub(crate) fn change_of(text: &str, number: u64) -> Option<u64> {
    let (_, rest) = text.split_once("chapter ")?;
    let (words, _) = rest.split_once('"')?;
    let words: u64 = words.parse().ok()?;
    (words & ((1 << 24) - 1) == number).then_some(words >> 24)
}

/// Where the `rank`-th of `count` posts lies: all over them, so that neighbours in popularity or time
/// are none in memory. Each of `count` ranks has a place of its own where `count` is no multiple of
/// that prime.
pub(crate) fn scattered(rank: u64, count: u64) -> u64 {
    const PRIME: u64 = 7_368_787;
    (rank % count) * PRIME % count
}
