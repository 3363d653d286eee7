//! Asking for documents that are not in memory.
//!
//! Reads ask here, whoever follows the feed fetches ([`follow`](mod@crate::follow)): each key once
//! for all that wait for it. An answer says that the read may be tried again, or that there is no
//! such document; never what the document is, because by then there may be a newer one.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use shared::ResourceKey;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// Reads that may wait to be looked at; one more is refused. As many again may wait for what is
/// being fetched.
pub const WAITING_MAX: usize = 1024;

/// Documents that are fetched at once. More wait.
pub const AT_ONCE_MAX: usize = 64;

/// How often a document is asked for before its readers are refused.
pub const ATTEMPTS_MAX: u32 = 3;

/// How long one attempt may take.
pub const ATTEMPT_MAX: Duration = Duration::from_secs(1);

/// How long a read waits in all: a little longer than all attempts and the pauses between them.
const WAIT_MAX: Duration = Duration::from_secs(4);

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// It is in memory now, or was a moment ago: look up again.
    Held,
    /// There is no such document, as of some moment since it was asked for.
    Absent,
    /// It cannot be known now.
    Refused,
}

/// Called once with the outcome, on any thread; dropped where the reader ends.
pub(crate) type Reply = Box<dyn FnOnce(Fetched) + Send>;

/// One read that waits.
pub(crate) struct Ask {
    pub(crate) key: ResourceKey,
    pub(crate) reply: Reply,
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Asks. Cloning it shares the queue.
#[derive(Debug, Clone)]
pub struct Fetcher(mpsc::Sender<Ask>);

/// What is asked for. There is one, held by whoever follows the feed.
#[derive(Debug)]
pub struct Asked {
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) counts: Arc<FetchCounts>,
    /// Documents that may be fetched in a second.
    pub(crate) per_second: u32,
}

/// Fetches since the start, by outcome. Relaxed.
#[derive(Debug, Default)]
pub struct FetchCounts {
    /// Documents put into the set.
    pub kept: AtomicU64,
    /// There was no such document.
    pub absent: AtomicU64,
    /// The bus was away, or what it said could not be used; each attempt counts.
    pub failed: AtomicU64,
    /// Reads refused: too many waited, or too much was fetched in a second.
    pub refused: AtomicU64,
}

impl FetchCounts {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Both ends of the queue; at most so many documents are fetched in a second.
pub fn fetches(per_second: u32) -> (Fetcher, Asked) {
    let (sender, asks) = mpsc::channel(WAITING_MAX);
    let asked = Asked {
        asks,
        counts: Arc::default(),
        per_second,
    };
    (Fetcher(sender), asked)
}

impl Asked {
    /// Nobody asks: for a set that is always whole.
    pub fn nothing() -> Self {
        fetches(1).1
    }

    /// What was fetched.
    pub fn counts(&self) -> Arc<FetchCounts> {
        Arc::clone(&self.counts)
    }
}

impl Fetcher {
    /// Asks for a document; `reply` hears of it unless the queue is full, which is the error.
    ///
    /// # Errors
    /// Too many wait, or nobody fetches any more.
    pub(crate) fn ask(&self, key: ResourceKey, reply: Reply) -> Result<(), Fetched> {
        let ask = Ask { key, reply };
        self.0.try_send(ask).or(Err(Fetched::Refused))
    }

    /// Asks for a document and waits, for some seconds at most.
    pub async fn fetch(&self, key: ResourceKey) -> Fetched {
        let (sender, outcome) = oneshot::channel();
        let reply = Box::new(move |fetched| {
            if sender.send(fetched).is_err() {
                tracing::debug!("nobody waits for a fetched document any more");
            }
        });
        if let Err(refused) = self.ask(key, reply) {
            return refused;
        }
        match timeout(WAIT_MAX, outcome).await {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(_)) | Err(_) => Fetched::Refused,
        }
    }
}
