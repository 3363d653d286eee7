//! Requests to the writer.

use std::{fs, time::Duration};

use reqwest::{
    Client, StatusCode,
    header::{self, HeaderValue},
    redirect,
};
use serde::Deserialize;
use writer::http::Report;

use super::{ImportError, Options, batch::Batch, options::TokenSource};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one request may take: far above what its lines need of a database that is slow.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(10);

/// Tries in a row that settle no line.
const TRIES_MAX: u32 = 10;

/// The first and the longest pause between two tries.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Sends batches to one writer.
#[derive(Debug)]
pub(super) struct Sender {
    http: Client,
    url: String,
    errors: usize,
    authorization: Option<HeaderValue>,
}

/// What a request came to.
#[derive(Debug)]
pub(super) enum Answer {
    /// All of its lines are settled.
    Done(Report),
    /// The first `lines_done` of the report are settled; the others should be sent later.
    Later {
        report: Report,
        reason: String,
        retry_after: Option<Duration>,
    },
    /// Trying again would not help.
    Refused(String),
}

/// The part of a problem that people should read.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Detail {
    detail: Option<String>,
}

impl Sender {
    pub(super) fn new(options: &Options) -> Result<Self, ImportError> {
        let authorization = options.token.as_ref().map(authorization).transpose()?;
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            // A writer is reached directly, and never sends elsewhere.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()
            .map_err(ImportError::Client)?;
        Ok(Self {
            authorization,
            http,
            url: options.url.clone(),
            errors: options.lines_per_request,
        })
    }

    /// Sends what is not settled of a batch.
    pub(super) async fn send(&self, batch: &Batch) -> Answer {
        let Self {
            http, url, errors, ..
        } = self;
        let collection = &batch.collection;
        let mut request = http
            .post(format!("{url}/v1/{collection}/import?errors={errors}"))
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .body(batch.unsettled());
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization.clone());
        }
        let answered = async {
            let answer = request.send().await?;
            let status = answer.status();
            let retry_after = retry_after(answer.headers());
            Ok::<_, reqwest::Error>((status, retry_after, answer.bytes().await?))
        };
        match answered.await {
            Ok((status, retry_after, content)) => understand(status, retry_after, &content),
            Err(error) => Answer::Later {
                report: Report::default(),
                reason: with_causes(&error),
                retry_after: None,
            },
        }
    }
}

/// The field that bears the token; nothing shows what is in it.
fn authorization(token: &TokenSource) -> Result<HeaderValue, ImportError> {
    let secret = match token {
        TokenSource::Variable(secret) => secret.expose().to_owned(),
        TokenSource::File(path) => {
            fs::read_to_string(path).map_err(|source| ImportError::File {
                path: path.clone(),
                source,
            })?
        }
    };
    let field = HeaderValue::try_from(format!("Bearer {}", secret.trim()));
    let mut field = field.or(Err(ImportError::Token))?;
    field.set_sensitive(true);
    Ok(field)
}

fn understand(status: StatusCode, retry_after: Option<Duration>, content: &[u8]) -> Answer {
    let report: Option<Report> = serde_json::from_slice(content).ok();
    let detail: Detail = serde_json::from_slice(content).unwrap_or_default();
    let said = detail.detail.unwrap_or_default();
    let reason = format!("{status}: {said}");
    match (status, report) {
        (StatusCode::OK, Some(report)) => Answer::Done(report),
        (
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT,
            report,
        ) => Answer::Later {
            report: report.unwrap_or_default(),
            reason,
            retry_after,
        },
        _ => Answer::Refused(reason),
    }
}

/// RFC 9110 §10.2.3, in seconds; a date counts as none.
fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// Tries of one batch.
#[derive(Debug, Default)]
pub(super) struct Patience {
    tries: u32,
}

impl Patience {
    /// How long to wait before the next try: `None` once there were [`TRIES_MAX`] in a row that
    /// settled nothing.
    pub(super) fn pause(
        &mut self,
        settled_some: bool,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        self.tries = if settled_some { 0 } else { self.tries + 1 };
        if self.tries >= TRIES_MAX {
            return None;
        }
        let pause = (PAUSE_MIN * 2_u32.pow(self.tries.min(16))).min(PAUSE_MAX);
        // A writer that asks for more gets it, within limits.
        Some(
            pause
                .max(retry_after.unwrap_or_default())
                .min(2 * PAUSE_MAX),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(answer: Answer) -> (&'static str, u64) {
        match answer {
            Answer::Done(report) => ("done", report.lines_done),
            Answer::Later { report, .. } => ("later", report.lines_done),
            Answer::Refused(_) => ("refused", 0),
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let report = br#"{"lines":2,"lines_done":2,"detail":"x"}"#;
        for (status, content, expected) in [
            (200, &report[..], ("done", 2)),
            (200, b"<html>", ("refused", 0)),
            (503, report, ("later", 2)),
            (
                503,
                br#"{"detail":"the database is not there yet"}"#,
                ("later", 0),
            ),
            (502, b"<html>", ("later", 0)),
            (415, report, ("refused", 0)),
            (401, b"", ("refused", 0)),
            (307, b"", ("refused", 0)),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let found = settled(understand(status, None, content));
            assert_eq!(found, expected, "{status}");
        }
    }

    #[test]
    fn patience_grows_ends_and_is_renewed_by_progress() {
        let mut patience = Patience::default();
        let hour = Some(Duration::from_hours(1));
        assert_eq!(patience.pause(false, hour), Some(Duration::from_mins(1)));
        let pauses: Vec<_> = std::iter::from_fn(|| patience.pause(false, None)).collect();
        assert_eq!(pauses.len(), TRIES_MAX as usize - 2);
        assert!(pauses.is_sorted() && pauses.last() == Some(&PAUSE_MAX));
        assert_eq!(patience.pause(true, None), Some(PAUSE_MIN));
    }
}
