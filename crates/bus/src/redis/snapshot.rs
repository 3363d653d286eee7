//! Reads of a whole snapshot.

use async_trait::async_trait;
use bytes::Bytes;
use redis::ConnectionInfo;
use shared::codec::decode;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    RedisBus,
    ahead::Ahead,
    bulk::{BulkConnection, HashPart},
    deadline::{BULK_TIMEOUT, OPERATION_TIMEOUT},
    keys::build_text,
    meta::{self, Fields},
    resp::{Malformed, strings},
};
use crate::{BucketRead, Build, BusError, Meta, SnapshotReader};

/// Reading buckets, for errors.
const READING: &str = "reading buckets";

/// One connection that reads one snapshot and fails with it. Waits on a thread of the runtime's
/// blocking pool, where envelopes are decoded too.
#[derive(Debug)]
pub(super) struct RedisSnapshot {
    bus: RedisBus,
    /// None while it is in use, and after an operation that failed or was abandoned.
    connection: Option<BulkConnection>,
}

impl RedisSnapshot {
    pub(super) async fn open(bus: RedisBus, info: ConnectionInfo) -> Result<Self, BusError> {
        let tls = bus.inner.connection.master().tls();
        let connection = on_a_thread(move || BulkConnection::open(&info, tls.as_ref())).await?;
        Ok(Self {
            bus,
            connection: Some(connection),
        })
    }

    /// Does `work` with the connection, which is lost with an error.
    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut BulkConnection) -> Result<T, BusError> + Send + 'static,
    ) -> Result<T, BusError> {
        let mut connection = self.connection.take().ok_or(BusError::Away)?;
        let (connection, done) = on_a_thread(move || {
            let done = work(&mut connection)?;
            Ok((connection, done))
        })
        .await?;
        self.connection = Some(connection);
        Ok(done)
    }
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BusError> + Send + 'static,
) -> Result<T, BusError> {
    // It fails only where the work panicked or the runtime ends.
    spawn_blocking(work).await.or(Err(BusError::Away))?
}

#[async_trait]
impl SnapshotReader for RedisSnapshot {
    async fn meta(&mut self) -> Result<Option<Meta>, BusError> {
        let read = meta::read(&self.bus.inner.keys);
        let answer =
            self.with(move |connection| connection.ask("reading meta", OPERATION_TIMEOUT, &read));
        meta::parse(&fields(&answer.await?).ok_or(BusError::Unexpected("meta"))?)
    }

    async fn each_bucket(
        &mut self,
        build: Build,
        indexes: Vec<u32>,
        sink: mpsc::Sender<BucketRead>,
    ) -> Result<(), BusError> {
        let bus = self.bus.clone();
        self.with(move |connection| read_buckets(connection, &bus, build, &indexes, &sink))
            .await
    }
}

/// Reads buckets in their order and hands each over, in parts, until nobody wants any more.
fn read_buckets(
    connection: &mut BulkConnection,
    bus: &RedisBus,
    build: Build,
    indexes: &[u32],
    sink: &mpsc::Sender<BucketRead>,
) -> Result<(), BusError> {
    let mark = build_text(build);
    let ask = |indexes: &[u32]| {
        let mut commands = Vec::new();
        for &index in indexes {
            redis::cmd("HGETALL")
                .arg(bus.inner.keys.bucket(build, index))
                .write_packed_command(&mut commands);
        }
        commands
    };
    let mut ahead = Ahead::default();
    let mut asked = ahead.room().min(indexes.len());
    connection.send(READING, &ask(&indexes[..asked]))?;
    for read in 1..=indexes.len() {
        let mut size_bytes = 0;
        let mut hash = connection.hash(READING, BULK_TIMEOUT)?;
        let mut bucket = Bucket::default();
        loop {
            let part = connection.part(&mut hash)?;
            size_bytes += part.octets.len();
            if part.is_last {
                ahead.note(size_bytes);
                // So many are on their way still.
                let until = (read + ahead.room()).clamp(asked, indexes.len());
                if asked < until {
                    connection.send(READING, &ask(&indexes[asked..until]))?;
                    asked = until;
                }
            }
            let read = bucket.read(&part, mark.as_bytes());
            let read = read.map_err(|Malformed| BusError::Unexpected("answer"))?;
            if sink.blocking_send(read).is_err() {
                // What is still on its way would be taken for answers to what is asked next.
                return Err(BusError::Away);
            }
            if part.is_last {
                break;
            }
        }
    }
    Ok(())
}

/// What is known of a bucket of which some parts have come.
#[derive(Debug, Default)]
struct Bucket {
    is_marked: bool,
    undecodable: usize,
}

impl Bucket {
    /// Takes one more part: fields, each followed by its value.
    fn read(&mut self, part: &HashPart, mark: &[u8]) -> Result<BucketRead, Malformed> {
        let octets = &part.octets;
        let mut envelopes = Vec::new();
        let mut strings = part.strings();
        while let Some(field) = strings.next() {
            let field = &octets[field?.ok_or(Malformed)?];
            let value = strings.next().ok_or(Malformed)??.ok_or(Malformed)?;
            if field.is_empty() {
                self.is_marked = &octets[value] == mark;
                continue;
            }
            match decode(&octets.slice(value)) {
                Ok(envelope) if envelope.key.as_str().as_bytes() == field => {
                    envelopes.push(envelope);
                }
                Ok(_) | Err(_) => self.undecodable += 1,
            }
        }
        Ok(match (part.is_last, self.is_marked) {
            (false, _) => BucketRead::Part(envelopes),
            (true, true) => BucketRead::Intact {
                envelopes,
                undecodable: self.undecodable,
            },
            (true, false) => BucketRead::Lost,
        })
    }
}

/// As many strings as meta has fields.
fn fields(answer: &Bytes) -> Option<Fields> {
    let mut fields = Vec::new();
    for string in strings(answer).ok()? {
        fields.push(string.ok()?.map(|string| answer[string].to_vec()));
    }
    fields.try_into().ok()
}
