//! What writer and readers are asked.

use std::time::Duration;

use reqwest::redirect;
use serde_json::Value;
use shared::{
    Epoch, Position, Sequence,
    digest::{Digest, DigestError, Listing, Question},
};
use tokio::time::{Instant, sleep};

use super::VerifyError;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may take: the writer reads the whole database for one.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(10);

/// How often a reader is asked for its position.
const PAUSE: Duration = Duration::from_millis(50);

/// A reader to be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReaderNode {
    /// Its id, or its URL where only that is known.
    pub(super) name: String,
    /// Its admin plane.
    pub(super) url: String,
}

/// What a [`Question`] is answered with.
pub(super) trait Asked: Sized {
    /// Reads an answer.
    fn from_text(text: &str) -> Result<Self, DigestError>;
}

impl Asked for Digest {
    fn from_text(text: &str) -> Result<Self, DigestError> {
        Self::from_text(text)
    }
}

impl Asked for Listing {
    fn from_text(text: &str) -> Result<Self, DigestError> {
        Self::from_text(text)
    }
}

/// Asks a writer and readers.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    writer: String,
}

impl Client {
    pub(super) fn new(writer: &str) -> Result<Self, VerifyError> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| VerifyError::Http(writer.to_owned(), error))?;
        Ok(Self {
            http,
            writer: writer.to_owned(),
        })
    }

    /// The readers that the bus knows, as far as they tell where they are reached.
    pub(super) async fn registered(
        &self,
    ) -> Result<Vec<Result<ReaderNode, VerifyError>>, VerifyError> {
        nodes(&self.json(&self.writer, "status").await?)
    }

    /// What the database holds.
    pub(super) async fn database<T: Asked>(&self, question: &Question) -> Result<T, VerifyError> {
        let path = format!("internal/digest?{}", question.to_query());
        self.answer(&self.writer, &path).await
    }

    /// What a reader holds.
    pub(super) async fn reader<T: Asked>(
        &self,
        reader: &ReaderNode,
        question: &Question,
    ) -> Result<T, VerifyError> {
        let path = format!("digest?{}", question.to_query());
        self.answer(&reader.url, &path).await
    }

    /// Whether a reader does not hold all documents, by design.
    pub(super) async fn is_partial(&self, reader: &ReaderNode) -> Result<bool, VerifyError> {
        let status = self.json(&reader.url, "status").await?;
        Ok(status["partial"].as_bool().unwrap_or(false))
    }

    /// Waits until a reader has reached `goal`, or a later epoch.
    pub(super) async fn reached(
        &self,
        reader: &ReaderNode,
        goal: Position,
        wait: Duration,
    ) -> Result<(), VerifyError> {
        let began = Instant::now();
        loop {
            let status = self.json(&reader.url, "status").await?;
            let number = |name: &str| status[name].as_u64();
            let position = number("epoch").zip(number("sequence"));
            let position =
                position.map(|(epoch, sequence)| Position::new(Epoch(epoch), Sequence(sequence)));
            if position.is_some_and(|position| goal <= position) {
                return Ok(());
            }
            if wait <= began.elapsed() {
                return Err(VerifyError::Behind {
                    reader: reader.name.clone(),
                    goal,
                    seconds: wait.as_secs(),
                    position: position.map_or_else(|| "none".to_owned(), |it| it.to_string()),
                });
            }
            sleep(PAUSE).await;
        }
    }

    async fn answer<T: Asked>(&self, base: &str, path: &str) -> Result<T, VerifyError> {
        let text = self.text(base, path).await?;
        T::from_text(&text).or(Err(VerifyError::Damaged(base.to_owned())))
    }

    async fn json(&self, base: &str, path: &str) -> Result<Value, VerifyError> {
        let text = self.text(base, path).await?;
        serde_json::from_str(&text).or(Err(VerifyError::Damaged(base.to_owned())))
    }

    async fn text(&self, base: &str, path: &str) -> Result<String, VerifyError> {
        let unreachable = |error| VerifyError::Http(base.to_owned(), error);
        let answer = self.http.get(format!("{base}/{path}")).send().await;
        let answer = answer.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(VerifyError::Refused(
                base.to_owned(),
                format!("{status} {text}"),
            ))
        }
    }
}

/// The readers in a writer's status.
fn nodes(status: &Value) -> Result<Vec<Result<ReaderNode, VerifyError>>, VerifyError> {
    let readers = status["readers"].as_array().ok_or(VerifyError::BusAway)?;
    if readers.is_empty() {
        return Err(VerifyError::NoReaders);
    }
    let node = |status: &Value| {
        let name = status["reader"].as_str().unwrap_or("a reader").to_owned();
        match status["admin_url"].as_str() {
            Some(url) => Ok(ReaderNode {
                name,
                url: url.to_owned(),
            }),
            None => Err(VerifyError::NoAddress(name)),
        }
    };
    Ok(readers.iter().map(node).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reader_without_an_address_hides_no_other() {
        let status = json!({"readers": [
            {"reader": "a"},
            {"reader": "b", "admin_url": "http://b:1"},
        ]});
        let nodes = nodes(&status).unwrap();
        let [Err(VerifyError::NoAddress(name)), Ok(node)] = &nodes[..] else {
            panic!("{nodes:?}");
        };
        assert_eq!((name.as_str(), node.url.as_str()), ("a", "http://b:1"));
        assert!(matches!(
            super::nodes(&json!({"readers": null})),
            Err(VerifyError::BusAway)
        ));
    }
}
