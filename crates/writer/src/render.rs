//! Bodies to representations: everything a reader will ever send, made once.
//!
//! [`render`] is a function of the body and the set of codings; equal input gives equal octets,
//! and so equal entity tags, within one build. [`Renderer`] runs it, and any other work that only
//! computes, on threads of its own.
//!
//! # What it costs
//!
//! Chosen by measuring prose in JSON, one core of a 2-core server, microseconds (and what is left
//! of the octets) for bodies of 1 KB, 10 KB and 83 KB:
//!
//! | coding    | 1 KB      | 10 KB      | 83 KB       |
//! |-----------|-----------|------------|-------------|
//! | br 4      | 37 (63 %) | 175 (50 %) | 2100 (43 %) |
//! | **br 5**  | 48 (59 %) | 240 (47 %) | 2700 (41 %) |
//! | br 9      | 1500      | 9600 (47 %)| 40000 (40 %)|
//! | br 11     | 1500 (53 %)| 11300 (41 %)| 88000 (37 %)|
//! | **gzip 6**| 25 (63 %) | 120 (50 %) | 3400 (42 %) |
//! | **zstd 6**| 57 (65 %) | 140 (51 %) | 1050 (42 %) |
//! | zstd 9    | 145 (65 %)| 410 (51 %) | 1500 (42 %) |
//! | zstd 12   | 30000     | 31000      | 28000 (42 %)|
//!
//! The highest levels would save readers another tenth, but a rebuild renders every document, and
//! thirty times the cost would make minutes into hours.

mod codings;
mod encode;
mod renderer;

use bytes::Bytes;
use shared::{ContentCoding, Representation};

pub use codings::{Codings, CodingsError};
pub use renderer::Renderer;

/// Bodies below this many octets are sent as they are: one packet holds them in any coding, and
/// each coding costs memory in every reader.
pub const CODED_BYTES_MIN: usize = 512;

/// A coding is kept only where it saves at least one octet in this many.
const SAVED_FRACTION: usize = 10;

/// The representations of a body: identity first, then each of `codings` that is worth it.
///
/// Takes about as long as the module's table says. Equal input gives equal output.
pub fn render(body: &Bytes, codings: Codings) -> Vec<Representation> {
    let identity = Representation::of(ContentCoding::Identity, body.clone());
    let mut representations = vec![identity];
    if body.len() >= CODED_BYTES_MIN {
        let worthwhile = codings
            .iter()
            .filter_map(|coding| Some((coding, encode::encode(coding, body)?)))
            .filter(|(_, octets)| octets.len() + body.len().div_ceil(SAVED_FRACTION) <= body.len())
            .map(|(coding, octets)| Representation::of(coding, octets));
        representations.extend(worthwhile);
    }
    representations
}
