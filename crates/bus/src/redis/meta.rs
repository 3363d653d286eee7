//! The `meta` record in Redis: a hash of decimal numbers, a build's name and a link's octets.

use redis::Cmd;
use shared::{Epoch, Link, Sequence, limits::NUMBER_MAX};

use super::keys::Keys;
use crate::{Build, BusError, Meta, limits::BUCKETS_MAX};

/// The fields, in the order that [`parse`] wants them.
const FIELDS: [&str; 9] = [
    "epoch",
    "term",
    "build",
    "buckets",
    "built",
    "complete",
    "published_through",
    "log_from",
    "tip",
];

/// What [`read`]'s command is answered.
pub(super) type Fields = [Option<Vec<u8>>; FIELDS.len()];

/// The command that reads meta.
pub(super) fn read(keys: &Keys) -> Cmd {
    let mut read = redis::cmd("HMGET");
    read.arg(keys.meta()).arg(&FIELDS[..]);
    read
}

/// Meta; `None` where none of its fields is there.
///
/// # Errors
/// Some fields are there, but not all, or not as the scripts write them.
pub(super) fn parse(fields: &Fields) -> Result<Option<Meta>, BusError> {
    if fields.iter().all(Option::is_none) {
        return Ok(None);
    }
    parse_fields(fields)
        .map(Some)
        .ok_or(BusError::Unexpected("meta"))
}

fn parse_fields(fields: &Fields) -> Option<Meta> {
    let [
        epoch,
        term,
        build,
        buckets,
        built,
        complete,
        published_through,
        log_from,
        tip,
    ] = fields.each_ref().map(Option::as_deref);
    let buckets = u32::try_from(number(buckets?)?).ok()?;
    if !buckets.is_power_of_two() || buckets > BUCKETS_MAX {
        return None;
    }
    Some(Meta {
        epoch: Epoch(number(epoch?)?),
        term: number(term?)?,
        build: Build(u64::from_str_radix(str::from_utf8(build?).ok()?, 16).ok()?),
        buckets,
        built: number(built?)?,
        complete: number(complete?)? == 1,
        published_through: Sequence(number(published_through?)?),
        log_from: Sequence(number(log_from?)?),
        tip: link(tip?)?,
    })
}

/// A link as it stands in Redis: its eight octets, which scripts compare as they are.
pub(super) fn link(octets: &[u8]) -> Option<Link> {
    Some(Link(u64::from_be_bytes(octets.try_into().ok()?)))
}

fn number(digits: &[u8]) -> Option<u64> {
    let number = str::from_utf8(digits).ok()?.parse().ok()?;
    (number <= NUMBER_MAX).then_some(number)
}
