//! Imports: input to lines, lines to documents.

use std::iter;

use bytes::Bytes;
use shared::ContentCoding;
use writer::{
    document,
    fuzzing::{Judged, judge},
    ndjson::{CUT_BYTES, Content, Line, Lines},
    render::Codings,
};

use crate::json::Json;

/// The longest line that is taken here, in octets: low, so that lines pass it.
pub const IMPORT_LINE_BYTES_MAX: usize = CUT_BYTES + 64;

const COLLECTION: &str = "things";

/// Input is divided into the same lines wherever its chunks are cut.
///
/// Each line gets a verdict, and what is taken from it is its own `id` and the value of its `body`.
pub fn imports(octets: &[u8]) {
    let lines = divide(octets, []);
    assert_eq!(lines, expected(octets));
    // Lengths that depend on the input, so that any comes up: 0 too, and any beside any.
    let own = octets.iter().map(|&octet| 13 * usize::from(octet));
    assert_eq!(divide(octets, own.clone()), lines, "in chunks of its own");
    let sum: usize = own.sum();
    for chunk in [1, 1 + sum % 97] {
        let chunks = iter::repeat(chunk);
        assert_eq!(divide(octets, chunks), lines, "in chunks of {chunk}");
    }
    for line in &lines {
        check(line);
    }
}

/// The lines of `input`, given in chunks of these lengths, the rest as one.
fn divide(input: &[u8], chunks: impl IntoIterator<Item = usize>) -> Vec<Line> {
    let mut lines = Lines::new(IMPORT_LINE_BYTES_MAX);
    let mut taken = Vec::new();
    let mut rest = input;
    for len in chunks.into_iter().chain([usize::MAX]) {
        let (chunk, after) = rest.split_at(len.min(rest.len()));
        lines.push(Bytes::copy_from_slice(chunk));
        taken.extend(iter::from_fn(|| lines.take()));
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    taken.extend(lines.finish());
    assert_eq!(lines.taken(), taken.len() as u64);
    taken
}

/// The lines, told by the standard library.
fn expected(input: &[u8]) -> Vec<Line> {
    let mut end = 0;
    let pieces = input.split_inclusive(|&octet| octet == b'\n');
    pieces
        .zip(1..)
        .map(|(piece, number)| {
            end += piece.len() as u64;
            let octets = piece.strip_suffix(b"\n").unwrap_or(piece);
            let content = if octets.len() > IMPORT_LINE_BYTES_MAX {
                Content::TooLong(Bytes::copy_from_slice(&octets[..CUT_BYTES]))
            } else {
                Content::Whole(Bytes::copy_from_slice(octets))
            };
            Line {
                number,
                end,
                content,
            }
        })
        .collect()
}

fn check(line: &Line) {
    let judged = judge(line, COLLECTION, Codings::NONE);
    let Content::Whole(octets) = &line.content else {
        assert!(matches!(judged, Judged::Invalid { status: 413, .. }));
        return;
    };
    match judged {
        Judged::Blank => assert!(octets.trim_ascii().is_empty()),
        Judged::Invalid { status, detail } => {
            assert!(matches!(status, 400 | 413 | 422), "{status}");
            assert!(!detail.is_empty());
        }
        Judged::Document {
            key,
            body,
            representations,
        } => {
            let value = Json::read(octets).expect("it was taken for JSON");
            assert_eq!(key.collection(), COLLECTION);
            assert_eq!(value.member("id"), Some(&Json::Text(key.id().to_owned())));
            let stored = Json::read(&body).expect("a document is JSON");
            assert_eq!(value.member("body"), Some(&stored), "another value");
            let alone = document::parse(&key, &body).map(document::Body::into_octets);
            assert_eq!(alone.as_ref(), Ok(&body), "another by its own route");
            let [identity] = &representations[..] else {
                panic!("one representation was asked for");
            };
            assert_eq!(identity.coding, ContentCoding::Identity);
            assert_eq!(identity.octets, body);
        }
    }
}
