//! The reading half of a hydration: meta, every bucket in random order, meta again.

use std::sync::Arc;

use bus::{BucketRead, BusError, Follower, Meta, SnapshotReader};
use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    catalog::Hydration,
    replica::{Input, SnapshotFailure},
};

/// Buckets asked for by one round trip. At about 512 documents each, one reply has some 2 MB.
const BUCKETS_PER_READ: usize = 8;

/// Reads one snapshot and tells the machine of it, over one connection made for it. Waits while
/// the machine has not taken what it was told.
pub(super) async fn hydrate(
    bus: Arc<dyn Follower>,
    attempt: Hydration,
    inputs: mpsc::Sender<Input>,
) {
    let last = match read(&*bus, attempt, &inputs).await {
        Ok(last) => last,
        Err(error) => {
            warn!(error = &error as &dyn std::error::Error, "hydration failed");
            Input::SnapshotFailed(attempt, SnapshotFailure::Unavailable)
        }
    };
    tell(&inputs, last).await;
}

async fn read(
    bus: &dyn Follower,
    attempt: Hydration,
    inputs: &mpsc::Sender<Input>,
) -> Result<Input, BusError> {
    let mut snapshot = bus.snapshot().await?;
    let begun = snapshot.meta().await?;
    let Some(meta) = begun else {
        return Ok(Input::SnapshotBegin(attempt, None));
    };
    tell(inputs, Input::SnapshotBegin(attempt, begun)).await;
    if let Some(failure) = read_buckets(&mut *snapshot, attempt, &meta, inputs).await? {
        return Ok(Input::SnapshotFailed(attempt, failure));
    }
    Ok(Input::SnapshotEnd(attempt, snapshot.meta().await?))
}

/// Reads the buckets in an order of its own, so that readers that start together do not ask for
/// the same ones at the same time.
async fn read_buckets(
    snapshot: &mut dyn SnapshotReader,
    attempt: Hydration,
    meta: &Meta,
    inputs: &mpsc::Sender<Input>,
) -> Result<Option<SnapshotFailure>, BusError> {
    let mut order: Vec<u32> = (0..meta.buckets).collect();
    fastrand::shuffle(&mut order);
    for indexes in order.chunks(BUCKETS_PER_READ) {
        let buckets = snapshot.buckets(meta.build, indexes).await?;
        for (bucket, &index) in buckets.into_iter().zip(indexes) {
            match bucket {
                BucketRead::Lost => {
                    return Ok(Some(SnapshotFailure::BucketLost(meta.build, index)));
                }
                BucketRead::Intact { undecodable, .. } if undecodable > 0 => {
                    return Ok(Some(SnapshotFailure::Undecodable));
                }
                BucketRead::Intact { envelopes, .. } => {
                    tell(inputs, Input::SnapshotChunk(attempt, envelopes)).await;
                }
            }
        }
    }
    Ok(None)
}

async fn tell(inputs: &mpsc::Sender<Input>, input: Input) {
    // Only a driver that has ended no longer listens.
    drop(inputs.send(input).await);
}
