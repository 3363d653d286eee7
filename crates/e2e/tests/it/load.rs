//! Steady writes and reads, until told to stop.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde_json::json;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use fleet::Fleet;

/// Clients that write, each documents of its own.
const WRITERS: u32 = 8;

/// Documents of each.
const DOCUMENTS_PER_WRITER: u32 = 40;

/// How often each reader is read.
const READ_INTERVAL: Duration = Duration::from_millis(20);

/// A document that is there for as long as the load runs.
const STEADY: &str = "steady";

/// Tells a figure to whoever runs with `--nocapture`. Figures decide nothing here.
#[expect(clippy::print_stderr, reason = "tests have no other output")]
pub(crate) fn report(figure: &str) {
    eprintln!("{figure}");
}

/// Clients at work.
pub(crate) struct Load {
    stop: watch::Sender<bool>,
    writing: JoinSet<Writes>,
    reading: JoinSet<Reads>,
}

/// What clients met with.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Of each post that a write was acknowledged for: whether it lives. Those whose last write
    /// was refused are left out: either may hold.
    pub(crate) acknowledged: BTreeMap<String, bool>,
    /// Writes acknowledged.
    pub(crate) writes: u64,
    /// Writes that were not.
    pub(crate) writes_failed: Vec<String>,
    /// Reads answered rightly.
    pub(crate) reads: u64,
    /// Reads that were not: failed, or went back.
    pub(crate) reads_failed: Vec<String>,
}

#[derive(Debug, Default)]
struct Writes {
    acknowledged: BTreeMap<String, bool>,
    done: u64,
    failed: Vec<String>,
}

#[derive(Debug, Default)]
struct Reads {
    done: u64,
    failed: Vec<String>,
}

impl Load {
    /// Writes at `writes_per_second` over all `writers`, and reads from each of `readers` 50 times
    /// a second.
    ///
    /// # Panics
    /// That document cannot be created, or does not reach every reader.
    pub(crate) async fn start(
        fleet: &Fleet,
        writers: &[SocketAddr],
        writes_per_second: u32,
        readers: &[SocketAddr],
    ) -> Self {
        let http = &fleet.http;
        let created = write(http, writers[0], STEADY, true).await;
        created.expect("the document that is read can be created");
        for reader in readers {
            testkit::eventually("every reader has the document", async || {
                read(http, *reader, STEADY).await.ok()?
            })
            .await;
        }
        let (stop, stopped) = watch::channel(false);
        let mut writing = JoinSet::new();
        let pause = Duration::from_secs(1) * WRITERS / writes_per_second;
        for client in 0..WRITERS {
            let (http, writers) = (http.clone(), writers.to_vec());
            writing.spawn(write_on(http, writers, client, pause, stopped.clone()));
        }
        let mut reading = JoinSet::new();
        for reader in readers {
            reading.spawn(read_on(http.clone(), *reader, stopped.clone()));
        }
        Self {
            stop,
            writing,
            reading,
        }
    }

    /// Ends every client after the request it is at.
    pub(crate) async fn stop(self) -> Tally {
        self.stop.send_replace(true);
        let mut tally = Tally::default();
        for writes in self.writing.join_all().await {
            tally.acknowledged.extend(writes.acknowledged);
            tally.writes += writes.done;
            tally.writes_failed.extend(writes.failed);
        }
        for reads in self.reading.join_all().await {
            tally.reads += reads.done;
            tally.reads_failed.extend(reads.failed);
        }
        tally
    }
}

async fn write_on(
    http: reqwest::Client,
    writers: Vec<SocketAddr>,
    client: u32,
    pause: Duration,
    stopped: watch::Receiver<bool>,
) -> Writes {
    let mut random = fastrand::Rng::with_seed(u64::from(client));
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut writes = Writes::default();
    while !*stopped.borrow() {
        ticks.tick().await;
        let id = format!("w{client}-{}", random.u32(0..DOCUMENTS_PER_WRITER));
        let live = random.u8(0..5) > 0;
        let writer = writers[random.usize(0..writers.len())];
        match write(&http, writer, &id, live).await {
            Ok(()) => {
                writes.done += 1;
                writes.acknowledged.insert(id, live);
            }
            Err(error) => {
                writes.failed.push(error);
                writes.acknowledged.remove(&id);
            }
        }
    }
    writes
}

async fn write(
    http: &reqwest::Client,
    writer: SocketAddr,
    id: &str,
    live: bool,
) -> Result<(), String> {
    let request = if live {
        let post = json!({"id": id, "title": id, "content": fastrand::u64(..).to_string(),
            "author": "load"});
        http.post(format!("http://{writer}/create")).json(&post)
    } else {
        http.delete(format!("http://{writer}/v1/posts/{id}"))
    };
    let answer = request.send().await.map_err(|error| error.to_string())?;
    match (live, answer.status().as_u16()) {
        (true, 200 | 201) | (false, 204 | 404) => Ok(()),
        (_, status) => Err(format!("{id}: {status}")),
    }
}

/// Reads the steady document and those that are written, in turn. The steady one must be there; of
/// the others no version may ever be below one that this reader has served before.
async fn read_on(
    http: reqwest::Client,
    reader: SocketAddr,
    stopped: watch::Receiver<bool>,
) -> Reads {
    let mut ticks = interval(READ_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reads = Reads::default();
    let mut served = BTreeMap::new();
    while !*stopped.borrow() {
        ticks.tick().await;
        let steady = fastrand::bool();
        let id = if steady { STEADY.to_owned() } else { any_id() };
        match read(&http, reader, &id).await {
            Ok(Some(version)) => {
                let highest = served.entry(id.clone()).or_insert(version);
                if version < *highest {
                    let error = format!("{reader}: {id} went back from {highest} to {version}");
                    reads.failed.push(error);
                }
                *highest = version.max(*highest);
                reads.done += 1;
            }
            Ok(None) if steady => reads.failed.push(format!("{reader}: {id} is not there")),
            Ok(None) => reads.done += 1,
            Err(error) => reads.failed.push(error),
        }
    }
    reads
}

fn any_id() -> String {
    let (client, document) = (
        fastrand::u32(0..WRITERS),
        fastrand::u32(0..DOCUMENTS_PER_WRITER),
    );
    format!("w{client}-{document}")
}

/// The version served of a post; `None` where there is none.
async fn read(http: &reqwest::Client, reader: SocketAddr, id: &str) -> Result<Option<u64>, String> {
    let url = format!("http://{reader}/v1/posts/{id}");
    let answer = http
        .get(url)
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let version = || {
        let field = answer.headers().get("pressrun-document-version")?;
        field.to_str().ok()?.parse().ok()
    };
    match answer.status().as_u16() {
        200 => version()
            .map(Some)
            .ok_or_else(|| format!("{id}: no version")),
        404 => Ok(None),
        status => Err(format!("{reader}: {status}")),
    }
}

impl Tally {
    /// No write was refused, no read failed or went back.
    pub(crate) fn check(&self) {
        assert_eq!(self.writes_failed, [""; 0], "of {} writes", self.writes);
        assert_eq!(self.reads_failed, [""; 0], "of {} reads", self.reads);
        assert!(self.writes > 100 && self.reads > 100, "the load ran");
    }
}
