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
mod negotiate;
mod serve;
mod wire;
mod yardstick;

use bytes::Bytes;
use shared::{
    Change, ContentCoding, Envelope, Epoch, Link, Position, Representation, ResourceKey, Sequence,
    Timestamp, Version,
};

use crate::catalog::{Catalog, CatalogConfig, CatalogWriter};

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
