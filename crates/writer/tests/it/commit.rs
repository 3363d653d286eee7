//! Group commit.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its helpers do; Clippy knows only test functions by itself"
)]

mod batching;
mod faults;
mod outbox;

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
};

use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use testkit::eventually;
use tokio::task::{JoinHandle, yield_now};
use writer::{
    commit::{CommitLoop, Committed, Committer, QUEUE_MAX, WriteError, outbox},
    store::{
        Mutation, Outcome, Store, Tip,
        sqlite::{DATABASE_FILE, SqliteStore},
    },
};

type Written = JoinHandle<Result<Outcome, WriteError>>;

/// A committer on an empty SQLite database, its loop not running yet: so tests decide what has
/// queued by the time it runs.
struct Bench {
    committer: Committer,
    commit_loop: CommitLoop,
    committed: Committed,
    store: Arc<SqliteStore>,
    directory: TempDir,
}

#[derive(Clone, Copy)]
struct Options {
    queue_max: usize,
    known: Option<Tip>,
    batches_max: usize,
}

const OPTIONS: Options = Options {
    queue_max: QUEUE_MAX,
    known: None,
    batches_max: 1024,
};

async fn bench(options: Options) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
    let (outbox, committed) = outbox(options.batches_max);
    let shared: Arc<dyn Store> = Arc::<SqliteStore>::clone(&store);
    let (committer, commit_loop) = Committer::new(shared, options.queue_max, options.known, outbox);
    Bench {
        committer,
        commit_loop,
        committed,
        store,
        directory,
    }
}

/// Queues a write and comes back once it waits.
async fn queue(committer: &Committer, mutation: Mutation) -> Written {
    let depth = committer.queue_depth();
    let committer = committer.clone();
    let writing = committer.clone();
    let written = tokio::spawn(async move { writing.write(mutation, Vec::new()).await });
    while committer.queue_depth() == depth && !written.is_finished() {
        yield_now().await;
    }
    written
}

/// Keeps the database from taking a batch until it is dropped.
async fn block(directory: &Path) -> SqliteConnection {
    let url = format!("sqlite://{}", directory.join(DATABASE_FILE).display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut connection)
        .await
        .unwrap();
    connection
}

/// Waits until the loop has taken what was queued.
async fn until_taken(committer: &Committer) {
    eventually("the queue to be taken", || async {
        (committer.queue_depth() == 0).then_some(())
    })
    .await;
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
