//! A reader whose budget is a quarter of the set answers for every document, while documents change.

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    ops::Range,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use fleet::{Fleet, Node, binary};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use testkit::eventually;
use tokio::task::JoinSet;

use crate::{
    load::report,
    truth::{Truth, known},
};

const BUDGET_BYTES: u64 = 16 * 1024 * 1024;

/// Of some 4 KiB each in memory, with their codings.
const DOCUMENTS: u64 = 16_800;

const TEXT_BYTES: usize = 1500;

/// Large ones, few enough for one bucket of the snapshot, and together three budgets.
const LARGE_DOCUMENTS: u64 = 400;
const LARGE_TEXT_BYTES: usize = 128 * 1024;

/// Clients that write a document and then read it, each documents of its own.
const WRITERS: u64 = 4;
const WRITES_OF_EACH: u64 = 300;

/// Clients that read any document.
const READERS: u64 = 4;
const READS_OF_EACH: u64 = 2000;

/// What a budget allows the process beside, and what else it may have, in octets.
const OVERHEAD: f64 = 1.3;
const BESIDE_BYTES: f64 = 32.0 * 1024.0 * 1024.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_over_its_budget_answers_every_id_under_updates() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    import(&fleet, &writer, DOCUMENTS, TEXT_BYTES).await;
    let whole = fleet.reader("whole");
    fleet.ready(&whole).await;
    let bounded = fleet.reader_with("bounded", &["--catalog-bytes-max=16MiB".to_owned()]);
    fleet.ready(&bounded).await;
    let set_bytes = bytes_of(&fleet, &whole).await;
    assert!(set_bytes >= 4 * BUDGET_BYTES, "{set_bytes}");

    let versions = Arc::new(Versions::default());
    let mut clients = JoinSet::new();
    for number in 0..WRITERS {
        clients.spawn(write_and_read(
            fleet.http.clone(),
            addresses(&writer, &bounded),
            number,
        ));
    }
    for _ in 0..READERS {
        let versions = Arc::clone(&versions);
        clients.spawn(read(
            fleet.http.clone(),
            addresses(&writer, &bounded),
            versions,
        ));
    }
    let mut highest = 0;
    while let Some(done) = clients.join_next().await {
        done.expect("every answer was right");
        highest = highest.max(resident_bytes(&bounded));
    }
    let truth = Truth::read(&fleet).await;
    truth.check_reader(&fleet, &bounded).await;
    highest = highest.max(resident_bytes(&bounded));

    let status = fleet.status(&bounded).await.expect("it answers");
    assert!(status["bytes"].as_u64() <= Some(BUDGET_BYTES), "{status}");
    assert!(status["evictions"].as_u64() > Some(0), "{status}");
    assert_eq!(status["repairs"], 0, "{status}");
    let unknown = format!("http://{}/v1/docs/none", bounded.listen);
    let answer = fleet.http.get(unknown).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    report(&format!("set {set_bytes}, resident {highest}, {status}"));
    check_resident(highest);

    verify(&writer, &bounded);
    without_redis_a_writer_tells_and_without_both_nobody(&fleet, writer, &bounded).await;
}

/// Nobody knows how large a bucket is: there may be too few of them for a while, or large documents
/// in each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_has_room_for_a_bucket_larger_than_its_budget() {
    let fleet = Fleet::start().await;
    let plain = ["--codings=none".to_owned()];
    let writer = fleet.writer_with("writer-1", &plain).await;
    import(&fleet, &writer, LARGE_DOCUMENTS, LARGE_TEXT_BYTES).await;
    let bounded = fleet.reader_with("bounded", &["--catalog-bytes-max=16MiB".to_owned()]);
    fleet.ready(&bounded).await;
    let buckets = ["HGET", "{pressrun}:meta", "buckets"];
    let buckets: u32 = fleet.redis.command(&buckets).await;
    assert_eq!(buckets, 1);

    let highest = AtomicU64::new(resident_bytes(&bounded));
    let look = || highest.fetch_max(resident_bytes(&bounded), Ordering::SeqCst);
    for id in 0..LARGE_DOCUMENTS {
        let url = format!("http://{}/v1/docs/{id}", bounded.listen);
        let (status, ..) = known(fleet.http.get(url)).await;
        assert_eq!(status, StatusCode::OK, "{id}");
        look();
    }
    let status = eventually("the bucket was read again, twice", async || {
        look();
        let status = fleet.status(&bounded).await?;
        (Some(2) <= status["scrubs"].as_u64()).then_some(status)
    })
    .await;
    assert_eq!(status["repairs"], 0, "{status}");
    assert!(status["bytes"].as_u64() <= Some(BUDGET_BYTES), "{status}");
    report(&format!("resident {highest:?}, {status}"));
    check_resident(highest.into_inner());
}

fn check_resident(highest: u64) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let (highest, budget) = (highest as f64, BUDGET_BYTES as f64);
    assert!(highest <= OVERHEAD * budget + BESIDE_BYTES, "{highest}");
}

/// What the reader holds is compared, and no more is claimed.
fn verify(writer: &Node, bounded: &Node) {
    let mut command = Command::new(binary("pressrun"));
    command.args(["verify", "--url", &format!("http://{}", writer.admin)]);
    command.args(["--reader", &format!("http://{}", bounded.admin)]);
    let output = command.output().expect("pressrun runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let of_all = format!("of {DOCUMENTS} documents");
    assert!(
        said.contains(&of_all) && said.contains("not compared"),
        "{said}"
    );
}

async fn without_redis_a_writer_tells_and_without_both_nobody(
    fleet: &Fleet,
    writer: Node,
    bounded: &Node,
) {
    fleet.redis.kill();
    for id in 0..200 {
        let url = format!("http://{}/v1/docs/{id}", bounded.listen);
        let (status, ..) = known(fleet.http.get(url)).await;
        assert_eq!(status, StatusCode::OK, "{id}");
    }
    let none = format!("http://{}/v1/docs/none", bounded.listen);
    let (status, ..) = known(fleet.http.get(none)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    drop(writer);
    let answered = statuses(fleet, bounded, 0..400).await;
    assert_eq!(answered, [200, 503]);
}

async fn statuses(fleet: &Fleet, bounded: &Node, ids: Range<u64>) -> Vec<u16> {
    let mut answered = BTreeSet::new();
    for id in ids {
        let url = format!("http://{}/v1/docs/{id}", bounded.listen);
        let answer = fleet.http.get(url).send().await.expect("an answer");
        answered.insert(answer.status().as_u16());
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(answer.headers()["retry-after"], "1");
        }
    }
    answered.into_iter().collect()
}

/// The highest version that any answer has shown of each document.
#[derive(Debug)]
struct Versions(Vec<AtomicU64>);

impl Default for Versions {
    fn default() -> Self {
        Self((0..DOCUMENTS).map(|_| AtomicU64::new(0)).collect())
    }
}

fn addresses(writer: &Node, reader: &Node) -> (String, String) {
    let url = |address| format!("http://{address}/v1/docs");
    (url(writer.listen), url(reader.listen))
}

async fn write_and_read(http: Client, (writer, reader): (String, String), number: u64) {
    for write in 0..WRITES_OF_EACH {
        let id = fastrand::u64(..DOCUMENTS / WRITERS) * WRITERS + number;
        let body = json!({"text": text(TEXT_BYTES), "write": write});
        let sent = http.put(format!("{writer}/{id}")).json(&body).send();
        let acknowledged = sent.await.expect("the writer answers");
        assert!(
            acknowledged.status().is_success(),
            "{}",
            acknowledged.status()
        );
        let position = acknowledged.headers()["pressrun-position"].clone();
        let asked = http.get(format!("{reader}/{id}"));
        let (status, _headers, body) = known(asked.header("pressrun-at-least", position)).await;
        assert_eq!(status, StatusCode::OK, "{id}");
        let read: Value = serde_json::from_slice(&body).expect("a document");
        assert_eq!(read["write"], write, "{id}: what this client alone writes");
    }
}

async fn read(http: Client, (_, reader): (String, String), versions: Arc<Versions>) {
    for _ in 0..READS_OF_EACH {
        let id = fastrand::u64(..DOCUMENTS);
        let shown = &versions.0[usize::try_from(id).expect("few")];
        let before = shown.load(Ordering::SeqCst);
        let (status, headers, _body) = known(http.get(format!("{reader}/{id}"))).await;
        assert_eq!(status, StatusCode::OK, "{id}");
        let version = headers["pressrun-document-version"].to_str();
        let version: u64 = version.expect("digits").parse().expect("a number");
        assert!(
            before <= version,
            "{id} went back from {before} to {version}"
        );
        shown.fetch_max(version, Ordering::SeqCst);
    }
}

async fn import(fleet: &Fleet, writer: &Node, documents: u64, text_bytes: usize) {
    let url = format!("http://{}/v1/docs/import", writer.listen);
    let at_once = documents / 20;
    for first in (0..documents).step_by(usize::try_from(at_once).expect("few")) {
        let mut lines = String::new();
        for id in first..first + at_once {
            let body = json!({"text": text(text_bytes), "write": null});
            let line = json!({"id": id.to_string(), "body": body});
            writeln!(lines, "{line}").expect("a string takes everything");
        }
        let import = fleet.http.post(&url).body(lines);
        let import = import.header("content-type", "application/x-ndjson").send();
        let status = import.await.expect("the writer answers").status();
        assert!(status.is_success(), "{status}");
    }
}

/// Digits that no coding makes much shorter than half.
fn text(bytes: usize) -> String {
    (0..bytes).map(|_| fastrand::digit(16)).collect()
}

async fn bytes_of(fleet: &Fleet, reader: &Node) -> u64 {
    eventually("the reader holds all", async || {
        let status = fleet.status(reader).await?;
        let holds_all = status["entries"].as_u64()? == DOCUMENTS;
        holds_all.then(|| status["bytes"].as_u64()).flatten()
    })
    .await
}

/// `RssAnon` of its process: all that it has allocated. The pages of an unoptimised program's own file
/// (some 18 MB) are not its set's; the load test counts those of an optimised one as well.
fn resident_bytes(node: &Node) -> u64 {
    let pid = node.process.pid().expect("it runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.expect("RssAnon").parse().expect("a number");
    kibibytes * 1024
}
