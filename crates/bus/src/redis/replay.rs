//! Replays: the log first, then the documents that its slots name.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use redis::{Pipeline, RedisError, aio::MultiplexedConnection};
use shared::{
    Delivery, Envelope, Position, ResourceKey, Sequence, Slot,
    codec::{DecodeError, decode},
};

use super::{
    RedisBus,
    deadline::BULK_TIMEOUT,
    keys::Keys,
    meta::{self, Fields, link},
    segment_of,
};
use crate::{
    BusError, Meta, Replay,
    limits::{LOG_SEGMENT_SLOTS, REPLAY_BYTES_MAX, REPLAY_SLOTS_MAX},
    stored::sequence_of,
};

impl RedisBus {
    /// Four round trips at most, all over one connection: a page that cannot be read whole is an
    /// error, never a page with a hole.
    pub(super) async fn replay_page(&self, after: Position) -> Result<Replay, BusError> {
        let keys = &self.inner.keys;
        self.inner
            .connection
            .run("replaying", BULK_TIMEOUT, |connection| {
                read_page(keys, connection, after)
            })
            .await?
    }
}

/// Inside: whether what the bus holds makes sense, which says nothing about the connection.
type Page = Result<Replay, BusError>;

async fn read_page(
    keys: &Keys,
    mut connection: MultiplexedConnection,
    after: Position,
) -> Result<Page, RedisError> {
    let fields: Fields = meta::read(keys).query_async(&mut connection).await?;
    let meta = match meta::parse(&fields) {
        Ok(meta) => meta,
        Err(error) => return Ok(Err(error)),
    };
    let mut replay = Replay {
        meta,
        deliveries: Vec::new(),
        more: false,
    };
    let reaches = |meta: &Meta| meta.epoch == after.epoch && meta.log_from <= after.sequence;
    let Some(meta) = meta.filter(reaches) else {
        return Ok(Ok(replay));
    };
    let mut entries = read_log(keys, &mut connection, &meta, after.sequence).await?;
    let is_full = entries.len() as u64 == REPLAY_SLOTS_MAX;
    let logged = entries.len();
    fit(keys, &mut connection, &meta, &mut entries).await?;
    replay.more = is_full || entries.len() < logged;
    let documents = read_documents(keys, &mut connection, &meta, &entries).await?;
    let deliverable = entries.len();
    replay.deliveries = deliver(entries, &documents);
    replay.more &= replay.deliveries.len() == deliverable;
    Ok(Ok(replay))
}

/// One slot of the log.
struct Entry {
    slot: Slot,
    key: ResourceKey,
}

/// The slots above `after`, as far as there is no hole.
async fn read_log(
    keys: &Keys,
    connection: &mut MultiplexedConnection,
    meta: &Meta,
    after: Sequence,
) -> Result<Vec<Entry>, RedisError> {
    let first = after.next().0;
    let last = after.0 + REPLAY_SLOTS_MAX;
    let mut read = Pipeline::with_capacity(2);
    for segment in segment_of(first)..=segment_of(last) {
        let begin = first.max(segment * LOG_SEGMENT_SLOTS);
        let end = last.min((segment + 1) * LOG_SEGMENT_SLOTS - 1);
        let slots: Vec<u64> = (begin..=end).collect();
        read.cmd("HMGET")
            .arg(keys.log_segment(meta.build, segment))
            .arg(slots);
    }
    let segments: Vec<Vec<Option<Vec<u8>>>> = read.query_async(connection).await?;
    let entries = segments.into_iter().flatten();
    Ok((first..=last)
        .zip(entries)
        .map_while(|(number, entry)| parse_entry(meta, number, &entry?))
        .collect())
}

/// `prev_link` 8 | link 8 | key.
fn parse_entry(meta: &Meta, number: u64, entry: &[u8]) -> Option<Entry> {
    let (prev_link, rest) = entry.split_at_checked(8)?;
    let (own_link, key) = rest.split_at_checked(8)?;
    Some(Entry {
        slot: Slot {
            position: Position::new(meta.epoch, Sequence(number)),
            prev_link: link(prev_link)?,
            link: link(own_link)?,
        },
        key: ResourceKey::from_text(str::from_utf8(key).ok()?).ok()?,
    })
}

/// Ends the page where its documents pass [`REPLAY_BYTES_MAX`], though not before the first.
async fn fit(
    keys: &Keys,
    connection: &mut MultiplexedConnection,
    meta: &Meta,
    entries: &mut Vec<Entry>,
) -> Result<(), RedisError> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut measure = Pipeline::with_capacity(entries.len());
    for entry in entries.iter() {
        measure
            .cmd("HSTRLEN")
            .arg(bucket_of(keys, meta, &entry.key))
            .arg(entry.key.as_str());
    }
    let sizes: Vec<usize> = measure.query_async(connection).await?;
    let mut octets = 0;
    let fitting = sizes
        .iter()
        .take_while(|&&size| {
            octets += size;
            octets <= REPLAY_BYTES_MAX
        })
        .count();
    entries.truncate(fitting.max(1));
    Ok(())
}

/// A document's value with its sequence, each document once.
type Documents = HashMap<ResourceKey, (u64, Result<Envelope, DecodeError>)>;

async fn read_documents(
    keys: &Keys,
    connection: &mut MultiplexedConnection,
    meta: &Meta,
    entries: &[Entry],
) -> Result<Documents, RedisError> {
    let mut by_bucket: HashMap<u32, Vec<&ResourceKey>> = HashMap::new();
    let mut distinct = HashSet::new();
    for entry in entries {
        if distinct.insert(&entry.key) {
            let bucket = entry.key.bucket(meta.buckets);
            by_bucket.entry(bucket).or_default().push(&entry.key);
        }
    }
    if by_bucket.is_empty() {
        return Ok(Documents::new());
    }
    let by_bucket: Vec<(u32, Vec<&ResourceKey>)> = by_bucket.into_iter().collect();
    let mut read = Pipeline::with_capacity(by_bucket.len());
    for (bucket, of_bucket) in &by_bucket {
        let fields: Vec<&str> = of_bucket.iter().map(|key| key.as_str()).collect();
        read.cmd("HMGET")
            .arg(keys.bucket(meta.build, *bucket))
            .arg(fields);
    }
    let values: Vec<Vec<Option<Vec<u8>>>> = read.query_async(connection).await?;
    let keys = by_bucket.into_iter().flat_map(|(_, of_bucket)| of_bucket);
    Ok(keys
        .zip(values.into_iter().flatten())
        .filter_map(|(key, value)| {
            // Each value is an allocation of its own and of its exact size.
            let value = Bytes::from(value?);
            Some((key.clone(), (sequence_of(&value)?, decode(&value))))
        })
        .collect())
}

fn bucket_of(keys: &Keys, meta: &Meta, key: &ResourceKey) -> String {
    keys.bucket(meta.build, key.bucket(meta.buckets))
}

/// The slots with their documents, up to the first whose document is missing or older than it.
fn deliver(entries: Vec<Entry>, documents: &Documents) -> Vec<Delivery> {
    entries
        .into_iter()
        .map_while(|Entry { slot, key }| {
            let (sequence, envelope) = documents.get(&key)?;
            (*sequence >= slot.position.sequence.0).then(|| Delivery {
                slot,
                envelope: envelope.clone(),
            })
        })
        .collect()
}
