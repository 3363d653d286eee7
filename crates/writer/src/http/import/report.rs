//! What became of an import, as its client hears it.

use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use service::{Kind, Problem};
use shared::Position;
use utoipa::ToSchema;

use crate::{commit::WriteError, http::answer, http::error::write_problem};

/// The content of the answer: totals over the first [`Self::lines_done`] lines.
///
/// Reads from any problem, too: one that has none of the members settled no line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Report {
    /// Lines read, blank ones among them.
    pub lines: u64,
    /// So many lines from the first one on are settled: committed, failed or blank. Equal to
    /// [`Self::lines`] unless the import stopped. Lines after them may be stored or not.
    pub lines_done: u64,
    /// Lines with nothing on them.
    pub blank: u64,
    /// Documents that were not there before.
    pub created: u64,
    /// Documents that have changed.
    pub updated: u64,
    /// Documents that had this very body.
    pub unchanged: u64,
    /// Lines that are not valid documents.
    pub failed: u64,
    /// The highest position of the documents above, `<epoch>.<sequence>`; `null` where there are
    /// none.
    pub position: Option<String>,
    /// The first failed lines, as many as the request asked for.
    pub errors: Vec<LineError>,
    /// Failed lines that are not named.
    pub errors_omitted: u64,
    #[serde(skip)]
    pub(super) highest: Option<Position>,
}

/// One failed line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineError {
    /// Its number, from 1.
    pub line: u64,
    /// Its document, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What a single write would have been answered with.
    pub status: u16,
    /// What is wrong, for people. Octets count from the body's first where the body is at fault.
    pub detail: String,
}

/// Why an import ended before its input.
#[derive(Debug)]
pub(super) enum Stop {
    /// A line was not acknowledged.
    Write(WriteError),
    /// The content broke off.
    Content,
    /// The token may not write there any more.
    Revoked,
    /// A put was answered as if it were something else.
    Defect,
}

impl Report {
    /// Takes note of a position.
    pub(super) fn reach(&mut self, position: Position) {
        self.highest = self.highest.max(Some(position));
    }

    /// The answer: 200, or the problem that ended the import.
    pub(super) fn answer(mut self, stop: Option<&Stop>) -> Response {
        self.position = self.highest.map(|position| position.to_string());
        let highest = self.highest;
        let answer = match stop {
            None => answer::json(&self),
            Some(stop) => stop.problem().with_members(self.members()).into_response(),
        };
        match highest {
            Some(position) => answer::at_position(answer, position),
            None => answer,
        }
    }

    fn members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            // Cannot be: a struct of numbers and texts.
            _ => Map::new(),
        }
    }
}

impl Stop {
    fn problem(&self) -> Problem {
        let problem = match self {
            Self::Write(error) => write_problem(*error).kind(),
            Self::Content => Kind::MalformedRequest,
            Self::Revoked => Kind::Forbidden,
            Self::Defect => Kind::Internal,
        };
        let detail = match self {
            Self::Write(WriteError::QueueFull) => "too many writes wait",
            Self::Write(WriteError::Unavailable) => "the database cannot take writes now",
            Self::Write(WriteError::ShuttingDown) => "this writer is ending",
            Self::Write(WriteError::CommitUnknown) => "the outcome of a line is unknown",
            // Never stops an import: it fails one line.
            Self::Write(WriteError::Refused) => "the database refuses a document",
            Self::Content => "the content ended before its time",
            Self::Revoked => "this token may not write here any more",
            Self::Defect => "the store answered a put as if it were something else",
        };
        let detail = format!("{detail}; the first lines_done lines are settled, go on after them");
        Problem::new(problem, detail)
    }
}
