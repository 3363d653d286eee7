//! One line to one document.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{error::Category, value::RawValue};
use service::Kind;
use shared::{Representation, ResourceKey, Timestamp};

use super::report::LineError;
use crate::{
    document,
    http::error::kind_of,
    ndjson::{self, Content, LINE_BYTES_MAX},
    render::{Codings, render},
};

/// Upper bound on what a report says about one line, in octets. What libraries say of a line may
/// repeat parts of it.
const DETAIL_BYTES_MAX: usize = 300;

/// What a line has. Other members are refused: dropping what a client sent would lose it. The body
/// stays as it is spelt.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    /// What `Pressrun-Expires-At` is to a single write.
    #[serde(borrow)]
    expires_at: Option<Cow<'a, str>>,
    /// As an export of several collections has it: the one of the URL.
    #[serde(borrow)]
    collection: Option<Cow<'a, str>>,
}

/// A line, as far as it can be judged by itself.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) number: u64,
    pub(crate) verdict: Verdict,
}

#[derive(Debug)]
pub(crate) enum Verdict {
    /// Nothing stands there.
    Blank,
    /// A document, ready to be committed.
    Document {
        key: ResourceKey,
        body: Bytes,
        expires_at: Option<Timestamp>,
        representations: Vec<Representation>,
    },
    Invalid(LineError),
}

/// Judges a line and renders its body. `now` is what the expiry of a single write is held against.
pub(crate) fn judge(
    line: &ndjson::Line,
    collection: &str,
    codings: Codings,
    now: Timestamp,
) -> Judged {
    let number = line.number;
    let verdict = match &line.content {
        content if content.is_blank() => Verdict::Blank,
        Content::TooLong(_) => {
            let detail = format!("the line has more than {LINE_BYTES_MAX} octets");
            Verdict::Invalid(failure(number, None, Kind::ContentTooLarge, &detail))
        }
        Content::Whole(octets) => document(number, octets, collection, (codings, now))
            .unwrap_or_else(|error| Verdict::Invalid(*error)),
    };
    Judged { number, verdict }
}

fn document(
    number: u64,
    octets: &[u8],
    collection: &str,
    (codings, now): (Codings, Timestamp),
) -> Result<Verdict, Box<LineError>> {
    let invalid = |id, kind, detail: &str| Box::new(failure(number, id, kind, detail));
    // To serde an array is a struct without names.
    if octets.trim_ascii_start().starts_with(b"[") {
        return Err(invalid(
            None,
            Kind::InvalidDocument,
            "a line is a JSON object",
        ));
    }
    let members: Members<'_> = serde_json::from_slice(octets).map_err(|error| {
        let kind = match error.classify() {
            Category::Data => Kind::InvalidDocument,
            Category::Syntax | Category::Eof | Category::Io => Kind::MalformedRequest,
        };
        invalid(None, kind, &complaint(&error))
    })?;
    let missing = |id, member| {
        let detail = format!("the line needs the member {member}");
        invalid(id, Kind::InvalidDocument, &detail)
    };
    let id = members.id.ok_or_else(|| missing(None, "id"))?;
    let key = ResourceKey::parse(collection, &id)
        .map_err(|error| invalid(None, Kind::InvalidDocument, &error.to_string()))?;
    let named = || Some(key.id().to_owned());
    let other = members.collection.filter(|one| one != collection);
    if other.is_some() {
        let detail = "the member collection, if given, is the collection in the URL";
        return Err(invalid(named(), Kind::InvalidDocument, detail));
    }
    let expires_at = members.expires_at.map(|text| expiry(&text, now));
    let expires_at = expires_at
        .transpose()
        .map_err(|detail| invalid(named(), Kind::InvalidDocument, &detail))?;
    let body = members.body.ok_or_else(|| missing(named(), "body"))?;
    let body = document::parse(&key, body.get().as_bytes())
        .map_err(|error| invalid(named(), kind_of(&error), &error.to_string()))?
        .into_octets();
    Ok(Verdict::Document {
        representations: render(&body, codings),
        key,
        body,
        expires_at,
    })
}

fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match text.parse::<Timestamp>() {
        Ok(at) if now < at => Ok(at),
        Ok(_passed) => Err("expires_at has passed; delete the document instead".to_owned()),
        Err(error) => Err(format!("expires_at {error}")),
    }
}

/// Why a line failed.
pub(super) fn failure(line: u64, id: Option<String>, kind: Kind, detail: &str) -> LineError {
    let cut = detail.floor_char_boundary(DETAIL_BYTES_MAX);
    LineError {
        line,
        id,
        status: kind.status().as_u16(),
        detail: detail[..cut].to_owned(),
    }
}

/// What the parser says, with its own line and column as about where in this line.
fn complaint(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let suffix = format!(" at line {} column {}", error.line(), error.column());
    let reason = text.strip_suffix(&suffix).unwrap_or(&text);
    let at = error.column();
    format!(r#"the line is not {{"id": .., "body": {{..}}}} near octet {at}: {reason}"#)
}
