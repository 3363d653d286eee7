//! Tests of the reader's internals, and what they share.

mod admin;
mod at_least;
mod catalog;
mod conditional;
mod config;
mod data;
mod entry;
mod expiry;
mod follow;
mod hot;
mod lane;
mod local;
mod negotiate;
mod serve;
mod wire;
mod yardstick;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use shared::{
    Change, ContentCoding, Envelope, Epoch, Link, Position, Representation, ResourceKey, Sequence,
    Timestamp, Version,
};

use crate::{
    catalog::{Catalog, CatalogConfig, CatalogWriter},
    http::{
        DataResponse,
        freshness::CacheControl,
        negotiate::Preferences,
        respond,
        serve::{Answer, decide},
    },
};

const EPOCH: u64 = 7;

fn at(sequence: u64) -> Position {
    Position::new(Epoch(EPOCH), Sequence(sequence))
}

fn at_epoch(epoch: u64, sequence: u64) -> Position {
    Position::new(Epoch(epoch), Sequence(sequence))
}

fn envelope(key: &str, position: Position, change: Change) -> Envelope {
    Envelope {
        position,
        prev_link: Link(position.sequence.0 - 1),
        link: Link(position.sequence.0),
        version: Version(3),
        updated_at: Timestamp(0),
        expires_at: None,
        key: ResourceKey::from_text(key).unwrap(),
        change,
        extensions: Vec::new(),
    }
}

fn put_at(key: &str, position: Position, body: &'static str) -> Envelope {
    let octets = Bytes::from_static(body.as_bytes());
    let identity = Representation::of(ContentCoding::Identity, octets);
    envelope(key, position, Change::Put(vec![identity]))
}

fn put(key: &str, sequence: u64, body: &'static str) -> Envelope {
    put_at(key, at(sequence), body)
}

/// Octets that tell their coding and length; nothing here looks into them.
fn put_coded(key: &str, sequence: u64, lengths: &[(ContentCoding, usize)]) -> Envelope {
    let representations = lengths.iter().map(|&(coding, len)| {
        let octets = coding.token().bytes().cycle().take(len).collect();
        Representation::of(coding, octets)
    });
    envelope(key, at(sequence), Change::Put(representations.collect()))
}

fn delete(key: &str, sequence: u64) -> Envelope {
    envelope(key, at(sequence), Change::Delete)
}

fn empty() -> (Catalog, CatalogWriter) {
    crate::catalog::catalog(CatalogConfig { bytes_max: None })
}

/// A ready catalog of these.
fn holding(envelopes: &[Envelope]) -> (Catalog, CatalogWriter) {
    let (catalog, mut writer) = empty();
    for one in envelopes {
        writer.apply(one, None);
    }
    writer.set_ready(true);
    (catalog, writer)
}

/// A decided read, as hyper's responses.
#[derive(Debug)]
enum Read {
    Document(DataResponse),
    NotModified(DataResponse),
    Absent,
    NotReady,
}

fn respond(
    catalog: &Catalog,
    cache_control: &CacheControl,
    key: &str,
    headers: &HeaderMap,
    method: &Method,
) -> Read {
    let values = |name| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let preferences = || Preferences::parse(values(header::ACCEPT_ENCODING));
    match decide(catalog, key, preferences, values(header::IF_NONE_MATCH)) {
        Answer::Document(selected) => {
            Read::Document(respond::document(cache_control, &selected, method))
        }
        Answer::NotModified(selected) => {
            Read::NotModified(respond::not_modified(cache_control, &selected))
        }
        Answer::Absent => Read::Absent,
        Answer::NotReady => Read::NotReady,
        Answer::Unknown => unreachable!("the set is whole"),
    }
}
