//! Doors for the crate `properties` to what is private here. Not for anybody else.

use bytes::Bytes;
use http::HeaderMap;
use shared::{EntityTag, Representation, ResourceKey, Timestamp};

use crate::{
    http::{
        conditions,
        import::line::{self, Verdict},
    },
    ndjson::Line,
    render::Codings,
};

/// What became of a line of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// Nothing stands there.
    Blank,
    /// A document.
    Document {
        /// Its key.
        key: ResourceKey,
        /// What is stored.
        body: Bytes,
        /// What is published.
        representations: Vec<Representation>,
    },
    /// No document.
    Invalid {
        /// What a single write would have been answered with.
        status: u16,
        /// What is wrong.
        detail: String,
    },
}

/// Judges a line of an import into `collection`, as the route does.
pub fn judge(line: &Line, collection: &str, codings: Codings) -> Judged {
    match line::judge(line, collection, codings, Timestamp(0)).verdict {
        Verdict::Blank => Judged::Blank,
        Verdict::Document {
            key,
            body,
            representations,
            expires_at: _,
        } => Judged::Document {
            key,
            body,
            representations,
        },
        Verdict::Invalid(error) => Judged::Invalid {
            status: error.status,
            detail: error.detail,
        },
    }
}

/// If-Match and If-None-Match of a write.
#[derive(Debug)]
pub struct Conditions(conditions::Conditions);

impl Conditions {
    /// `None` where one is not well formed.
    pub fn parse(headers: &HeaderMap) -> Option<Self> {
        conditions::Conditions::parse(headers).ok().map(Self)
    }

    /// Whether If-Match holds of a document with these tags; `None`: there is no document.
    pub fn if_match_holds(&self, current: Option<&[EntityTag]>) -> bool {
        self.0.if_match_holds(current)
    }

    /// Whether If-None-Match holds.
    pub fn if_none_match_holds(&self, current: Option<&[EntityTag]>) -> bool {
        self.0.if_none_match_holds(current)
    }
}
