//! Clients that write and read all the time, and note what was promised to them.
//!
//! Writers are asked for one document after the other by clients that own theirs, so it is known what
//! each acknowledged write left there. Readers are asked for documents that stay, which must be
//! there and be right; for documents that change, whose versions must not fall; and for documents at
//! least as new as an acknowledged write. What a reader says of its staleness is held against the
//! writes acknowledged before.

mod acks;
mod cut;
mod read;
mod tokens;
mod watch;
mod write;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::PgPool;
use tokio::{sync::watch::Sender, task::JoinSet, time::Instant};

pub(crate) use self::{
    acks::{Acks, Forgiven},
    read::steady_body,
    write::WRITES_PER_SECOND,
};
use self::{cut::Cuts, watch::Honesty};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One reader as clients see it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Whether it is dead or frozen by intention: then nothing that fails there counts.
    pub(crate) is_out: Arc<AtomicBool>,
}

impl Target {
    fn is_out(&self) -> bool {
        self.is_out.load(Ordering::SeqCst)
    }
}

/// What all clients need.
#[derive(Debug, Clone)]
struct Site {
    http: reqwest::Client,
    database: PgPool,
    acks: Arc<Acks>,
    cuts: Arc<Cuts>,
    stop: tokio::sync::watch::Receiver<bool>,
}

impl Site {
    fn is_over(&self) -> bool {
        *self.stop.borrow()
    }

    /// The database's epoch; `None` while it is away.
    async fn epoch(&self) -> Option<u64> {
        let epoch: Result<i64, _> = sqlx::query_scalar("SELECT epoch FROM feed")
            .fetch_one(&self.database)
            .await;
        epoch.ok()?.try_into().ok()
    }
}

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Sender<bool>,
    site: Site,
    writing: JoinSet<u64>,
    reading: JoinSet<Reads>,
    watching: JoinSet<Honesty>,
}

/// What readers answered.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Answered rightly.
    pub(crate) right: u64,
    /// Answered with what must not be.
    pub(crate) wrong: Vec<String>,
    /// Not answered, by a reader that was ready.
    pub(crate) failed: Vec<String>,
    /// Reads with a token that was not reached in time, and told so.
    pub(crate) refused: u64,
}

/// What clients met with.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) acks: Arc<Acks>,
    /// Writes that were not acknowledged.
    pub(crate) refused: u64,
    pub(crate) reads: Reads,
    /// The oldest answer that a ready reader admitted to.
    pub(crate) stalest: Duration,
}

impl Load {
    /// Begins. Documents `steady/0` to `steady/<n>` are there and stay.
    pub(crate) fn start(
        database: PgPool,
        writers: &[SocketAddr],
        readers: &[Target],
        steady: u32,
    ) -> Self {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let site = Site {
            http: client(),
            database,
            acks: Arc::default(),
            cuts: Arc::default(),
            stop: stopped,
        };
        let mut load = Self {
            stop,
            site: site.clone(),
            writing: JoinSet::new(),
            reading: JoinSet::new(),
            watching: JoinSet::new(),
        };
        for number in 0..write::CLIENTS {
            let writers = writers.to_vec();
            load.writing
                .spawn(write::write(site.clone(), writers, number));
        }
        for reader in readers {
            load.reading
                .spawn(read::read(site.clone(), reader.clone(), steady));
            load.reading
                .spawn(tokens::read(site.clone(), reader.clone()));
            load.watching
                .spawn(watch::watch(site.clone(), reader.clone()));
        }
        load
    }

    /// Lets so many more clients write as the others do.
    pub(crate) fn add_writing(&mut self, writers: &[SocketAddr], clients: u32) {
        for number in write::CLIENTS..write::CLIENTS + clients {
            let writing = write::write(self.site.clone(), writers.to_vec(), number);
            self.writing.spawn(writing);
        }
    }

    /// Lets so many more clients write, each as fast as it is answered.
    pub(crate) fn press(&mut self, writers: &[SocketAddr], clients: u32) {
        for number in write::CLIENTS..write::CLIENTS + clients {
            let pressing = write::press(self.site.clone(), writers.to_vec(), number);
            self.writing.spawn(pressing);
        }
    }

    /// How many writes were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.site.acks.count()
    }

    /// How many writes were under way at a writer at this moment, and never answered.
    pub(crate) fn cut_at(&self, writer: SocketAddr, moment: Instant) -> usize {
        self.site.cuts.at(writer, moment)
    }

    /// Ends every client after the request it is at.
    pub(crate) async fn stop(self) -> Tally {
        self.stop.send_replace(true);
        let mut reads = Reads::default();
        let refused = self.writing.join_all().await.into_iter().sum();
        for one in self.reading.join_all().await {
            reads.right += one.right;
            reads.refused += one.refused;
            reads.wrong.extend(one.wrong);
            reads.failed.extend(one.failed);
        }
        let mut stalest = Duration::ZERO;
        for honesty in self.watching.join_all().await {
            stalest = stalest.max(honesty.stalest);
            reads.wrong.extend(honesty.lies);
        }
        Tally {
            acks: self.site.acks,
            refused,
            reads,
            stalest,
        }
    }
}

fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy();
    client.build().expect("a client can be made")
}
