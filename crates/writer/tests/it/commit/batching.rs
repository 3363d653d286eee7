//! What shares a transaction, and in which order.

use shared::{Version, limits::BODY_BYTES_MAX};
use telemetry::Metrics;
use tokio::task::JoinSet;
use writer::{
    commit::{BATCH_BYTES_MAX, WriteError},
    store::{BATCH_MAX, Outcome, Store},
};

use super::{OPTIONS, Options, Written, bench, count, queue};
use crate::store::fixture::{body_of, delete, put};

async fn outcomes(written: Vec<Written>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for one in written {
        outcomes.push(one.await.unwrap().unwrap());
    }
    outcomes
}

#[tokio::test]
async fn writes_that_wait_share_a_batch() {
    let bench = bench(OPTIONS).await;
    let mut written = Vec::new();
    for n in 0..100 {
        written.push(queue(&bench.committer, put(&n.to_string(), "{}")).await);
    }

    tokio::spawn(bench.commit_loop.run());

    let outcomes = outcomes(written).await;
    let are_created = |outcome: &Outcome| matches!(outcome, Outcome::Created(_));
    assert!(outcomes.iter().all(are_created));
    let counters = bench.committer.counters();
    assert_eq!(count(&counters.batches), 1);
    assert_eq!(count(&counters.mutations), 100);
    assert_eq!(count(&counters.changes), 100);
    let mut metrics = Metrics::new();
    metrics
        .area("commit")
        .durations("latency", "", &counters.latency);
    let text = metrics.to_text();
    let counted = "pressrun_commit_latency_seconds_count 1\n";
    assert!(text.contains(counted), "one a batch: {text}");
}

#[tokio::test]
async fn concurrent_writes_take_fewer_batches_than_writes() {
    let bench = bench(OPTIONS).await;
    tokio::spawn(bench.commit_loop.run());
    let mut writers = JoinSet::new();
    for writer in 0..50 {
        let committer = bench.committer.clone();
        writers.spawn(async move {
            for n in 0..10 {
                let mutation = put(&format!("{writer}-{n}"), "{}");
                committer.write(mutation, Vec::new()).await.unwrap();
            }
        });
    }
    writers.join_all().await;

    let counters = bench.committer.counters();
    assert_eq!(count(&counters.changes), 500);
    let batches = count(&counters.batches);
    assert!(batches <= 250, "{batches} batches");
    assert_eq!(bench.store.count().await.unwrap(), 500);
}

#[tokio::test]
async fn full_queue_refuses_at_once() {
    let options = Options {
        queue_max: 4,
        ..OPTIONS
    };
    let bench = bench(options).await;
    let mut written = Vec::new();
    for n in 0..4 {
        written.push(queue(&bench.committer, put(&n.to_string(), "{}")).await);
    }
    assert_eq!(bench.committer.queue_depth(), 4);

    let refused = bench.committer.write(put("4", "{}"), Vec::new()).await;

    assert_eq!(refused, Err(WriteError::QueueFull));
    tokio::spawn(bench.commit_loop.run());
    assert_eq!(outcomes(written).await.len(), 4);
    assert_eq!(count(&bench.committer.counters().rejected), 1);
    assert_eq!(bench.store.count().await.unwrap(), 4);
}

#[tokio::test]
async fn writes_to_one_key_keep_their_order_in_batches_of_their_own() {
    let bench = bench(OPTIONS).await;
    let mut written = Vec::new();
    for n in 0..5 {
        written.push(queue(&bench.committer, put("a", &format!("[{n}]"))).await);
        written.push(queue(&bench.committer, put(&n.to_string(), "{}")).await);
    }
    written.push(queue(&bench.committer, delete("a")).await);

    tokio::spawn(bench.commit_loop.run());

    let outcomes = outcomes(written).await;
    let versions = outcomes.iter().map(|one| one.committed().unwrap().version);
    let expected = [1, 1, 2, 1, 3, 1, 4, 1, 5, 1, 6].map(Version);
    assert_eq!(versions.collect::<Vec<_>>(), expected);
    assert!(matches!(outcomes[10], Outcome::Deleted(_)));
    assert_eq!(count(&bench.committer.counters().batches), 6);
}

#[tokio::test]
async fn batch_ends_at_512_mutations() {
    let bench = bench(OPTIONS).await;
    let mut written = Vec::new();
    for n in 0..=BATCH_MAX {
        written.push(queue(&bench.committer, put(&n.to_string(), "{}")).await);
    }

    tokio::spawn(bench.commit_loop.run());

    assert_eq!(outcomes(written).await.len(), BATCH_MAX + 1);
    assert_eq!(count(&bench.committer.counters().batches), 2);
}

#[tokio::test]
async fn batch_ends_at_8_mib_of_bodies() {
    for (count_of_bodies, batches) in [(8, 1), (9, 2)] {
        assert_eq!(BATCH_BYTES_MAX, 8 * BODY_BYTES_MAX);
        let bench = bench(OPTIONS).await;
        let mut written = Vec::new();
        let body = body_of(BODY_BYTES_MAX);
        for n in 0..count_of_bodies {
            written.push(queue(&bench.committer, put(&n.to_string(), &body)).await);
        }

        tokio::spawn(bench.commit_loop.run());

        assert_eq!(outcomes(written).await.len(), count_of_bodies);
        assert_eq!(count(&bench.committer.counters().batches), batches);
    }
}
