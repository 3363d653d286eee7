//! The reading half of a scrub: meta, one bucket, meta again.
//!
//! Nothing of a bucket is applied before all of it was read and meta again, and it may have more
//! than the reader has room for. So its parts are compared as they come, and what the catalog has
//! already goes at once.

use std::sync::Arc;

use bus::{BucketRead, BusError, Follower, Meta, SnapshotReader};
use shared::{Envelope, Epoch};
use tokio::sync::mpsc;
use tracing::debug;

use crate::{
    catalog::Catalog,
    replica::{ComparedBucket, Input, ScrubAttempt, ScrubbedBucket},
};

/// Parts that may wait between the bus and the comparison.
const PARTS_AHEAD: usize = 1;

/// What a scrub came to.
#[derive(Debug)]
pub(super) struct Outcome {
    /// To be told to the machine.
    pub(super) input: Input,
    /// The connection, for the next one; none if it failed.
    pub(super) reader: Option<Box<dyn SnapshotReader>>,
}

/// Reads the bucket whose turn it is, over the connection kept from the scrub before or a new one.
pub(super) async fn scrub(
    bus: Arc<dyn Follower>,
    kept: Option<Box<dyn SnapshotReader>>,
    catalog: Catalog,
    attempt: ScrubAttempt,
    turn: u32,
) -> Outcome {
    let failed = Input::ScrubFailed(attempt);
    match read(&*bus, kept, catalog, turn).await {
        Ok((reader, read)) => Outcome {
            input: read.map_or(failed, |bucket| Input::Scrubbed(attempt, bucket)),
            reader: Some(reader),
        },
        Err(error) => {
            debug!(error = %telemetry::chain(&error), "a scrub failed");
            Outcome {
                input: failed,
                reader: None,
            }
        }
    }
}

/// The bucket, unless there is no snapshot.
async fn read(
    bus: &dyn Follower,
    kept: Option<Box<dyn SnapshotReader>>,
    catalog: Catalog,
    turn: u32,
) -> Result<(Box<dyn SnapshotReader>, Option<ScrubbedBucket>), BusError> {
    let mut reader = match kept {
        Some(reader) => reader,
        None => bus.snapshot().await?,
    };
    let begun = reader.meta().await?.filter(|meta| meta.buckets > 0);
    let Some(begun) = begun else {
        return Ok((reader, None));
    };
    let index = turn % begun.buckets;
    let comparing = Comparing::new(catalog, begun.epoch);
    let bucket = read_bucket(&mut *reader, &begun, index, comparing).await?;
    let ended = reader.meta().await?;
    let read = ScrubbedBucket {
        begun,
        index,
        bucket,
        ended,
    };
    Ok((reader, Some(read)))
}

async fn read_bucket(
    reader: &mut dyn SnapshotReader,
    meta: &Meta,
    index: u32,
    mut comparing: Comparing,
) -> Result<Option<ComparedBucket>, BusError> {
    let (sink, mut parts) = mpsc::channel(PARTS_AHEAD);
    let reading = reader.each_bucket(meta.build, vec![index], sink);
    let taking = async move {
        while let Some(part) = parts.recv().await {
            match part {
                BucketRead::Part(envelopes) => comparing.take(envelopes),
                BucketRead::Intact {
                    envelopes,
                    undecodable,
                } => {
                    comparing.take(envelopes);
                    comparing.compared.undecodable = undecodable;
                    return Some(comparing.compared);
                }
                BucketRead::Lost => return None,
            }
        }
        None
    };
    let (read, compared) = tokio::join!(reading, taking);
    read.map(|()| compared)
}

/// A bucket whose parts are being compared with the catalog.
struct Comparing {
    catalog: Catalog,
    epoch: Epoch,
    compared: ComparedBucket,
    scratch: Vec<u8>,
}

impl Comparing {
    fn new(catalog: Catalog, epoch: Epoch) -> Self {
        Self {
            catalog,
            epoch,
            compared: ComparedBucket::default(),
            scratch: Vec::new(),
        }
    }

    fn take(&mut self, envelopes: Vec<Envelope>) {
        for envelope in envelopes {
            let is_of_epoch = envelope.position.epoch == self.epoch;
            if is_of_epoch && self.catalog.gains_nothing(&envelope, &mut self.scratch) {
                self.compared.alike.push(envelope.key);
            } else {
                self.compared.envelopes.push(envelope);
            }
        }
    }
}
