//! The reading half of a hydration: meta, every bucket in random order, meta again.

use std::sync::Arc;

use bus::{BucketRead, Build, BusError, Follower, Meta, SnapshotReader};
use shared::Envelope;
use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    catalog::Hydration,
    replica::{Input, SnapshotFailure},
};

/// Buckets, or parts of large ones, that may wait between the bus, which reads ahead, and the
/// machine.
const PARTS_AHEAD: usize = 2;

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
            warn!(error = %telemetry::chain(&error), "hydration failed");
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
    let (sink, mut parts) = mpsc::channel(PARTS_AHEAD);
    let reading = snapshot.each_bucket(meta.build, order.clone(), sink);
    let telling = async move {
        let mut order = order.into_iter();
        let mut index = order.next()?;
        // Where one is missing, the reading has failed.
        while let Some(part) = parts.recv().await {
            let is_last = !matches!(part, BucketRead::Part(_));
            match chunk(meta.build, index, part) {
                Ok(envelopes) => tell(inputs, Input::SnapshotChunk(attempt, envelopes)).await,
                Err(failure) => return Some(failure),
            }
            if is_last {
                index = order.next()?;
            }
        }
        None
    };
    let (read, failure) = tokio::join!(reading, telling);
    match failure {
        // The reading ended with it.
        Some(failure) => Ok(Some(failure)),
        None => read.map(|()| None),
    }
}

/// What a part of a bucket holds, unless it says that not all of the bucket can be had. Those before
/// it are applied by then, as are other buckets: such a hydration drops nothing and is begun again.
fn chunk(build: Build, index: u32, part: BucketRead) -> Result<Vec<Envelope>, SnapshotFailure> {
    match part {
        BucketRead::Lost => Err(SnapshotFailure::BucketLost(build, index)),
        BucketRead::Intact { undecodable, .. } if undecodable > 0 => {
            Err(SnapshotFailure::Undecodable)
        }
        BucketRead::Part(envelopes) | BucketRead::Intact { envelopes, .. } => Ok(envelopes),
    }
}

async fn tell(inputs: &mpsc::Sender<Input>, input: Input) {
    // Only a driver that has ended no longer listens.
    drop(inputs.send(input).await);
}
