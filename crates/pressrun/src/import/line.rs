//! A line of the file to a line of the request.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Options;
use crate::arguments::check_collection;

/// How lines are read.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    collection: Option<String>,
    id_field: Option<String>,
}

/// A line to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) collection: String,
    /// What is sent, without an LF.
    pub(super) sent: Vec<u8>,
    /// Where in it the line of the file stands.
    pub(super) original: Range<usize>,
}

/// Why a line cannot be sent, as the writer would say it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) detail: String,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    collection: Option<Cow<'a, str>>,
}

impl Shape {
    pub(super) fn of(options: &Options) -> Self {
        Self {
            collection: options.collection.clone(),
            id_field: options.id_field.clone(),
        }
    }

    /// Makes a line ready. What the writer checks anyway is left to it.
    pub(super) fn ready(&self, line: &[u8]) -> Result<Ready, Refusal> {
        let line = line.trim_ascii();
        let collection = match &self.collection {
            Some(collection) => collection.clone(),
            None => collection_of(line)?,
        };
        let Some(id_field) = &self.id_field else {
            return Ok(Ready {
                collection,
                sent: line.to_vec(),
                original: 0..line.len(),
            });
        };
        let mut sent = Vec::with_capacity(line.len() + 64);
        sent.extend_from_slice(br#"{"id":"#);
        sent.extend_from_slice(id_in(line, id_field)?.as_bytes());
        sent.extend_from_slice(br#","body":"#);
        let start = sent.len();
        sent.extend_from_slice(line);
        let original = start..sent.len();
        sent.push(b'}');
        Ok(Ready {
            collection,
            sent,
            original,
        })
    }
}

fn collection_of(line: &[u8]) -> Result<String, Refusal> {
    let named: Named<'_> = serde_json::from_slice(line).map_err(|error| malformed(&error))?;
    let Some(collection) = named.collection else {
        let detail = "the line needs the member collection, or the command --collection";
        return Err(invalid(detail));
    };
    check_collection(&collection).map_err(|error| invalid(&error))?;
    Ok(collection.into_owned())
}

/// The id of a document, as a JSON string. A number's spelling is its id.
fn id_in(document: &[u8], id_field: &str) -> Result<String, Refusal> {
    let members: BTreeMap<Cow<'_, str>, &RawValue> =
        serde_json::from_slice(document).map_err(|error| malformed(&error))?;
    let value = members
        .get(id_field)
        .ok_or_else(|| invalid(&format!("the document needs the member {id_field}")))?
        .get();
    match value.as_bytes().first() {
        Some(b'"') => Ok(value.to_owned()),
        Some(b'-' | b'0'..=b'9') => Ok(format!("\"{value}\"")),
        _ => {
            let detail = format!("{id_field} is neither a string nor a number");
            Err(invalid(&detail))
        }
    }
}

fn malformed(error: &serde_json::Error) -> Refusal {
    Refusal {
        status: if error.is_data() { 422 } else { 400 },
        detail: format!("the line is not a JSON object as expected: {error}"),
    }
}

fn invalid(detail: &str) -> Refusal {
    Refusal {
        status: 422,
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(collection: Option<&str>, id_field: Option<&str>) -> Shape {
        Shape {
            collection: collection.map(str::to_owned),
            id_field: id_field.map(str::to_owned),
        }
    }

    #[track_caller]
    fn check(shape: &Shape, line: &str, collection: &str, sent: &str) {
        let ready = shape.ready(line.as_bytes()).unwrap();
        assert_eq!(ready.collection, collection);
        assert_eq!(String::from_utf8(ready.sent.clone()).unwrap(), sent);
        assert_eq!(&ready.sent[ready.original], line.trim().as_bytes());
    }

    #[test]
    fn lines_go_out_as_they_are() {
        let given = shape(Some("things"), None);
        check(&given, " nonsense\r", "things", "nonsense");
        let line = r#"{"collection":"a","id":"b","body":{"n":1.0}}"#;
        check(&shape(None, None), line, "a", line);
    }

    #[test]
    fn a_document_becomes_a_body_and_its_member_an_id() {
        let by_sku = shape(Some("things"), Some("sku"));
        let line = r#"{"n":1.50,"sku":"a\"b"}"#;
        let sent = r#"{"id":"a\"b","body":{"n":1.50,"sku":"a\"b"}}"#;
        check(&by_sku, line, "things", sent);
        let numbered = r#"{"sku":12345678901234567890}"#;
        let sent = r#"{"id":"12345678901234567890","body":{"sku":12345678901234567890}}"#;
        check(&by_sku, numbered, "things", sent);
    }

    #[test]
    fn what_has_no_id_or_collection_is_refused() {
        let by_sku = shape(Some("things"), Some("sku"));
        let unnamed = shape(None, None);
        for (shape, line, status) in [
            (&by_sku, "{}", 422),
            (&by_sku, r#"{"sku":null}"#, 422),
            (&by_sku, r#"{"sku":["a"]}"#, 422),
            (&by_sku, "[]", 422),
            (&by_sku, "nonsense", 400),
            (&unnamed, r#"{"id":"a","body":{}}"#, 422),
            (&unnamed, r#"{"collection":"../x"}"#, 422),
            (&unnamed, "nonsense", 400),
        ] {
            let refusal = shape.ready(line.as_bytes()).unwrap_err();
            assert_eq!(refusal.status, status, "{line}: {}", refusal.detail);
        }
    }
}
