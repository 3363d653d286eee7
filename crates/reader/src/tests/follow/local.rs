//! The local snapshot: written while following and at the end, and what starts from it. In real
//! time, because files are.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::channel,
    },
    time::Duration,
};

use shared::{Link, Timestamp};
use testkit::eventually;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{Origin, World};
use crate::{
    catalog::Lookup,
    fetch::Asked,
    follow::{Keeping, follow_until},
    local::{Header, LocalConfig, LocalCounters, Pace, wall_clock, write},
    replica::Tip,
    status::ReaderStatus,
    tests::{at, holding, put},
};

const ORIGIN: u64 = 42;
const HOUR: i64 = 3_600_000_000;

/// A reader that keeps a local snapshot.
struct Kept {
    world: World,
    counters: Arc<LocalCounters>,
    close: oneshot::Sender<()>,
    following: JoinHandle<()>,
}

impl Kept {
    fn start(origin: &Origin, directory: &Path, interval: Duration) -> Self {
        Self::bounded(origin, directory, interval, None)
    }

    fn bounded(
        origin: &Origin,
        directory: &Path,
        interval: Duration,
        bytes_max: Option<u64>,
    ) -> Self {
        let (world, following) = World::before(origin.clone(), None, Asked::nothing(), bytes_max);
        let counters = Arc::new(LocalCounters::default());
        let keeping = Keeping {
            config: LocalConfig {
                directory: directory.to_owned(),
                interval,
                origin: ORIGIN,
            },
            counters: Arc::clone(&counters),
        };
        let (close, closed) = oneshot::channel();
        // A test that fails drops the other end.
        let closing = async move { drop(closed.await) };
        let patience = Duration::from_secs(10);
        let following = follow_until(following, Some(keeping), closing, patience);
        Self {
            world,
            counters,
            close,
            following: tokio::spawn(following),
        }
    }

    /// Ends it as a signal does.
    async fn close(self) -> World {
        self.close.send(()).expect("it follows");
        self.following.await.expect("it does not panic");
        self.world
    }
}

const NEVER: Duration = Duration::from_hours(1);

async fn until_counted(what: &str, counter: &AtomicU64) {
    eventually(what, async || {
        (0 < counter.load(Ordering::Relaxed)).then_some(())
    })
    .await;
}

/// An origin with `a`, `b` and `gone`, and a directory with what a reader kept of it at its end.
async fn left_behind() -> (Origin, tempfile::TempDir) {
    let origin = Origin::new(bus::MemoryBus::new());
    origin.rebuild().await;
    for id in ["a", "b", "gone"] {
        origin.put(id, "first").await;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut reader = Kept::start(&origin, directory.path(), NEVER);
    reader.world.lead();
    reader.world.until_ready().await;
    reader.world.until_converged().await;
    let counters = Arc::clone(&reader.counters);
    let mut world = reader.close().await;
    world.stop_leading();
    assert_eq!(counters.written.load(Ordering::Relaxed), 1, "at the end");
    (origin, directory)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_starts_from_its_file_while_nobody_answers_and_converges_later() {
    let (origin, directory) = left_behind().await;
    origin.bus().go_away();

    let mut reader = Kept::start(&origin, directory.path(), NEVER);

    reader.world.until_ready().await;
    for id in ["a", "b", "gone"] {
        assert_eq!(reader.world.served(id).as_deref(), Some("first"));
    }
    let now = reader
        .world
        .until("it says so", |now| now.source == "local")
        .await;
    assert_eq!(now.staleness_ms, None, "nobody knows");
    assert!(now.snapshot_age_ms.is_some());
    assert_eq!((now.sequence, now.entries), (Some(3), 3));

    // What happened while it was away: more than the log has.
    origin.bus().come_back();
    origin.bus().lose_everything();
    origin.commit_put("a", "second");
    origin.commit_delete("gone");
    origin.rebuild().await;
    reader.world.lead();

    reader.world.until_served("a", "second").await;
    reader.world.until_converged().await;
    eventually("what is gone is dropped", async || {
        reader.world.served("gone").is_none().then_some(())
    })
    .await;
    assert_eq!(reader.world.served("b").as_deref(), Some("first"));
    let now = reader
        .world
        .until("it is fresh", |now| now.staleness_ms.is_some())
        .await;
    assert_eq!((now.source.as_str(), now.snapshot_age_ms), ("memory", None));
    reader.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_is_written_every_so_often() {
    let origin = Origin::new(bus::MemoryBus::new());
    origin.rebuild().await;
    origin.put("a", "first").await;
    let directory = tempfile::tempdir().unwrap();
    let mut reader = Kept::start(&origin, directory.path(), Duration::from_millis(50));
    reader.world.lead();
    reader.world.until_ready().await;
    until_counted("a file is written", &reader.counters.written).await;
    let file = directory.path().join("reader.snapshot");
    let first = fs::read(&file).unwrap();
    origin.put("b", "second").await;
    eventually("the next one is", async || {
        (fs::read(&file).ok()? != first).then_some(())
    })
    .await;
    assert_eq!(reader.counters.failed.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn directory_that_cannot_be_written_harms_nobody() {
    let origin = Origin::new(bus::MemoryBus::new());
    origin.rebuild().await;
    origin.put("a", "first").await;
    let directory = tempfile::tempdir().unwrap();
    let taken = directory.path().join("taken");
    fs::write(&taken, "").unwrap();
    let mut reader = Kept::start(&origin, &taken, Duration::from_millis(50));
    reader.world.lead();
    until_counted("it fails", &reader.counters.failed).await;
    reader.world.until_ready().await;
    reader.world.until_served("a", "first").await;
    origin.put("a", "second").await;
    reader.world.until_served("a", "second").await;
    reader.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_file_is_not_served() {
    let (origin, directory) = left_behind().await;
    let file = directory.path().join("reader.snapshot");
    let mut octets = fs::read(&file).unwrap();
    let last_body = octets.len() - 60;
    octets[last_body] ^= 1;
    fs::write(&file, octets).unwrap();
    origin.bus().go_away();

    let mut reader = Kept::start(&origin, directory.path(), NEVER);

    until_counted("it is refused", &reader.counters.refused).await;
    assert!(!reader.world.holds("a"));
    assert!(!reader.world.now().ready);
    origin.bus().come_back();
    reader.world.lead();
    reader.world.until_ready().await;
    reader.world.until_served("a", "first").await;
}

/// Room for some thirty of [`many`]'s.
const BUDGET: u64 = 16 * 1024;

const MANY: u64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_larger_than_the_budget_leaves_misses_unknown_and_is_not_written_anew() {
    let (directory, origin) = (tempfile::tempdir().unwrap(), many().await);
    let mut whole = Kept::start(&origin, directory.path(), NEVER);
    whole.world.lead();
    whole.world.until_converged().await;
    let mut world = whole.close().await;
    world.stop_leading();
    let file = directory.path().join("reader.snapshot");
    let written = fs::read(&file).unwrap();
    origin.bus().go_away();

    let often = Duration::from_millis(50);
    let mut reader = Kept::bounded(&origin, directory.path(), often, Some(BUDGET));

    reader.world.until_ready().await;
    let now = reader
        .world
        .until("it is local", |now| now.source == "local");
    let now = now.await;
    assert!(now.partial && 0 < now.entries && now.entries < MANY);
    assert!(now.bytes <= BUDGET, "{}", now.bytes);
    let id = |id: u64| format!("posts/{id}");
    let of = |looked_up: fn(&Lookup) -> bool| {
        let all = (0..MANY).map(|one| reader.world.catalog.lookup(&*id(one)));
        u64::try_from(all.filter(looked_up).count()).unwrap()
    };
    assert_eq!(of(|one| matches!(one, Lookup::Hit(_))), now.entries);
    assert_eq!(of(|one| matches!(one, Lookup::Unknown)), MANY - now.entries);

    // It follows again, and long enough for a writing to be due.
    origin.bus().come_back();
    reader.world.lead();
    origin.put("0", "second").await;
    reader.world.until_converged().await;
    reader.world.until_served("0", "second").await;
    let fresh = |now: &ReaderStatus| now.source == "memory" && now.staleness_ms.is_some();
    reader.world.until("it is fresh", fresh).await;
    let counters = Arc::clone(&reader.counters);
    reader.close().await;
    for one in [&counters.written, &counters.failed] {
        assert_eq!(one.load(Ordering::Relaxed), 0);
    }
    assert_eq!(fs::read(&file).unwrap(), written, "the whole one stays");
}

/// An origin of more documents than [`BUDGET`] has room for.
async fn many() -> Origin {
    let origin = Origin::new(bus::MemoryBus::new());
    origin.rebuild().await;
    for id in 0..MANY {
        origin.put(&id.to_string(), "first").await;
    }
    origin
}

/// A reader of a file with a document that expires an hour after it was taken.
async fn of_expiring(database_time: Option<Timestamp>, taken_at: Timestamp) -> Kept {
    let began = Timestamp(1_700_000_000_000_000);
    let mut expiring = put("posts/expiring", 1, "{}");
    expiring.expires_at = Some(Timestamp(began.0 + HOUR));
    let (catalog, _writer) = holding(&[expiring, put("posts/stays", 2, "{}")]);
    let header = Header {
        origin: ORIGIN,
        tip: Tip {
            position: at(2),
            link: Link(2),
        },
        database_time: database_time.map(|_known| began),
        taken_at,
        confirmed_at: None,
    };
    let directory = tempfile::tempdir().unwrap();
    let (_going_on, cancel) = channel();
    write(directory.path(), &catalog, &header, Pace::Full, &cancel).unwrap();
    let origin = Origin::new(bus::MemoryBus::new());
    origin.bus().go_away();
    let reader = Kept::start(&origin, directory.path(), NEVER);
    reader.world.until_ready().await;
    assert_eq!(reader.world.served("stays").as_deref(), Some("{}"));
    reader
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_expired_since_the_file_was_taken_stays_away() {
    let now = wall_clock();
    let known = Some(Timestamp(0));
    let fresh = of_expiring(known, Timestamp(now.0 - HOUR / 2)).await;
    assert_eq!(fresh.world.served("expiring").as_deref(), Some("{}"));
    let expired = of_expiring(known, Timestamp(now.0 - 2 * HOUR)).await;
    assert_eq!(expired.world.served("expiring"), None);
    // A wall clock that has gone back says nothing; the database's time does not.
    let back = of_expiring(known, Timestamp(now.0 + 2 * HOUR)).await;
    assert_eq!(back.world.served("expiring").as_deref(), Some("{}"));
    assert_eq!(back.world.now().snapshot_age_ms, None);
    let unknown = of_expiring(None, now).await;
    let looked_up = unknown.world.catalog.lookup("posts/expiring");
    assert!(matches!(looked_up, Lookup::NotReady), "{looked_up:?}");
}
