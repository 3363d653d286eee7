//! One request to one writer.

use std::time::Duration;

use http::StatusCode;
use reqwest::{Client, redirect};
use service::config::RedactedUrl;
use shared::Position;
use tokio::time::timeout;

use super::{
    frames::{Frames, StreamError},
    head_of,
};

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a writer may take until its answer begins, the connection included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// What a writer answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// Frames follow.
    Stream(Frames),
    /// It cannot continue from there: 409 or 410. With the database's head, if it tells.
    Refused(Option<Position>),
}

/// A client of internal planes: plain HTTP, straight to them.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
}

pub(super) async fn ask(
    client: &Client,
    writer: &RedactedUrl,
    target: &str,
) -> Result<Answer, StreamError> {
    let url = format!("{}{target}", writer.expose().trim_end_matches('/'));
    let response = timeout(ANSWER_TIMEOUT, client.get(url).send())
        .await
        .map_err(|_elapsed| StreamError::Silent)?
        .map_err(StreamError::request)?;
    match response.status() {
        StatusCode::OK => Ok(Answer::Stream(Frames::new(response))),
        StatusCode::CONFLICT | StatusCode::GONE => Ok(Answer::Refused(head_of(response.headers()))),
        status => Err(StreamError::Status(status)),
    }
}
