//! One question to one reader.

use std::time::Duration;

use reqwest::{StatusCode, Url, redirect};
use shared::{ResourceKey, digest::Listing};
use tokio::time::timeout;

/// How long a reader may take to answer, the connection included.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Upper bound on an answer, in octets: a position, and one document's key and state.
const ANSWER_BYTES_MAX: usize = 4096;

/// Asks admin planes: plain HTTP, straight to them.
#[derive(Debug, Clone)]
pub(super) struct Client(reqwest::Client);

impl Client {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(ANSWER_TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self(client))
    }

    /// What the reader whose admin plane this is holds of a document; `None` where it does not tell
    /// in time.
    pub(super) async fn held(&self, admin: &Url, key: &ResourceKey) -> Option<Listing> {
        let text = timeout(ANSWER_TIMEOUT, self.text(target(admin, key)?)).await;
        Listing::from_text(&text.ok()??).ok()
    }

    async fn text(&self, url: Url) -> Option<String> {
        let mut response = self.0.get(url).send().await.ok()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        let mut octets = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            if octets.len() + chunk.len() > ANSWER_BYTES_MAX {
                return None;
            }
            octets.extend_from_slice(&chunk);
        }
        String::from_utf8(octets).ok()
    }
}

/// Ids may have any character in them, so each is one coded segment.
pub(super) fn target(admin: &Url, key: &ResourceKey) -> Option<Url> {
    let mut url = admin.clone();
    url.path_segments_mut()
        .ok()?
        .pop_if_empty()
        .extend(["digest", key.collection(), key.id()]);
    Some(url)
}
