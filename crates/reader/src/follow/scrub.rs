//! The reading half of a scrub: meta, one bucket, meta again.

use std::sync::Arc;

use bus::{BucketRead, BusError, Follower, SnapshotReader};
use tracing::debug;

use crate::replica::{Input, ScrubAttempt, ScrubbedBucket};

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
    attempt: ScrubAttempt,
    turn: u32,
) -> Outcome {
    let failed = Input::ScrubFailed(attempt);
    match read(&*bus, kept, turn).await {
        Ok((reader, read)) => Outcome {
            input: read.map_or(failed, |bucket| Input::Scrubbed(attempt, bucket)),
            reader: Some(reader),
        },
        Err(error) => {
            debug!(error = &error as &dyn std::error::Error, "a scrub failed");
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
    let mut buckets = reader.buckets(begun.build, &[index]).await?;
    let bucket = buckets.pop().unwrap_or(BucketRead::Lost);
    let ended = reader.meta().await?;
    let read = ScrubbedBucket {
        begun,
        index,
        bucket,
        ended,
    };
    Ok((reader, Some(read)))
}
