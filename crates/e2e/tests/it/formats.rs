//! Formats mixed during a rolling deploy: envelopes of a newer one under processes of this release,
//! and those of every format ever released under a reader of it.

use std::{collections::HashMap, fs, net::SocketAddr, path::PathBuf};

use bus::{Begin, Build, Publisher, RedisBus};
use bytes::Bytes;
use fleet::{Fleet, Node, loopback};
use serde_json::Value;
use shared::{
    Change, Heartbeat, Timestamp,
    codec::{self, DecodeError, FORMAT},
};
use testkit::{
    cable::{Cable, Weather},
    eventually,
};

/// Where an envelope of any format has its number.
const FORMAT_OFFSET: usize = 4;

/// The bucket and the octets of a document in the snapshot.
async fn held(fleet: &Fleet, key: &str) -> (String, Vec<u8>) {
    let buckets: Vec<String> = fleet.redis.command(&["KEYS", "{pressrun}:snap:*"]).await;
    for bucket in buckets {
        let mut held: HashMap<String, Vec<u8>> = fleet.redis.command(&["HGETALL", &bucket]).await;
        if let Some(envelope) = held.remove(key) {
            return (bucket, envelope);
        }
    }
    panic!("{key} is in the snapshot");
}

/// Gives a document's envelope in the snapshot the next format's number, as a writer of the next
/// release would.
async fn make_newer(fleet: &Fleet, key: &str) -> Vec<u8> {
    let (bucket, mut envelope) = held(fleet, key).await;
    assert_eq!(envelope[FORMAT_OFFSET], FORMAT);
    envelope[FORMAT_OFFSET] = FORMAT + 1;
    let decoded = codec::decode(&Bytes::from(envelope.clone()));
    assert_eq!(decoded, Err(DecodeError::Format(FORMAT + 1)));
    fleet.redis.store_field(&bucket, key, &envelope).await;
    envelope
}

/// Waits until a reader is not ready for this reason, and `/readyz` says so.
async fn until_unready(fleet: &Fleet, reader: &Node, reason: &str) {
    eventually("it is not ready and says why", async || {
        let status = fleet.status(reader).await?;
        let told = status["unready"].as_str()?;
        (status["ready"] == false && told.contains(reason)).then_some(())
    })
    .await;
    let url = format!("http://{}/readyz", reader.admin);
    let answer = fleet.http.get(url).send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    let problem: Value = answer.json().await.expect("a problem");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains(reason), "{detail}");
}

/// A counter of the writer's metrics.
async fn counter(fleet: &Fleet, writer: &Node, name: &str) -> u64 {
    let url = format!("http://{}/metrics", writer.admin);
    let answer = fleet.http.get(url).send().await.expect("an answer");
    let text = answer.text().await.expect("a text");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.trim().parse().ok());
    number.unwrap_or_else(|| panic!("{name} is a metric: {text}"))
}

/// Neither has another source than Redis: a writer of this release would give them its own format.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_wait_at_a_newer_format_and_say_so_and_the_leader_leaves_it_alone() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    fleet.create(&writer, "old", "as ever").await;
    let redis = SocketAddr::from(([127, 0, 0, 1], fleet.redis.port()));
    let cable = Cable::start(redis).await;
    let url = format!("redis://{}", cable.address());
    let running = fleet.reader_over("running", &url, &[], loopback(), loopback());
    fleet.until_served(&running, "old", "as ever").await;
    let rebuilds = counter(&fleet, &writer, "pressrun_leader_rebuilds_total ").await;

    // It misses the change itself, so that it meets the document's envelope in the log's replay.
    cable.set(Weather::Cut);
    fleet.create(&writer, "new", "of a later release").await;
    eventually("the change is published", async || {
        let status = fleet.status(&writer).await?;
        (status["published_through"] == status["head"]).then_some(())
    })
    .await;
    let newer = make_newer(&fleet, "posts/new").await;
    cable.set(Weather::Clear);
    let reason = format!("format {} is newer than {FORMAT}", FORMAT + 1);
    until_unready(&fleet, &running, &reason).await;
    eventually("it knows of more and holds its position", async || {
        let status = fleet.status(&running).await?;
        (status["lag"] == 1 && status["sequence"] == 1).then_some(())
    })
    .await;
    let started = fleet.reader_over("started", &fleet.redis.url(), &[], loopback(), loopback());
    until_unready(&fleet, &started, "a newer format").await;

    // Two more passes of the comparison, at least, each of both documents.
    let compared = counter(&fleet, &writer, "pressrun_upkeep_compared_total ").await;
    eventually("the leader has compared all documents", async || {
        let now = counter(&fleet, &writer, "pressrun_upkeep_compared_total ").await;
        (now >= compared + 4).then_some(())
    })
    .await;
    assert_eq!(held(&fleet, "posts/new").await.1, newer, "left alone");
    let mended = counter(&fleet, &writer, "pressrun_upkeep_mended_total ").await;
    assert_eq!(mended, 0);
    let rebuilt = counter(&fleet, &writer, "pressrun_leader_rebuilds_total ").await;
    assert_eq!(rebuilt, rebuilds);

    // The deploy is taken back: the document is written by this release again.
    fleet.create(&writer, "new", "of this release").await;
    for reader in [&running, &started] {
        fleet.ready(reader).await;
        fleet.until_served(reader, "new", "of this release").await;
        fleet.until_served(reader, "old", "as ever").await;
        let status = fleet.status(reader).await.expect("a status");
        assert_eq!(status["unready"], Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_tell_what_they_write_and_what_every_reader_reads() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    let status = fleet.status(&writer).await.expect("a status");
    assert_eq!(
        (&status["format"], &status["readers_format"]),
        (&FORMAT.into(), &Value::Null)
    );
    let reader = fleet.reader("reader-1");
    fleet.ready(&reader).await;
    eventually("the reader has registered", async || {
        let status = fleet.status(&writer).await?;
        (status["readers_format"] == FORMAT).then_some(())
    })
    .await;
    // As one of a release that did not tell, and one of the next.
    for (name, told) in [("silent", "{}"), ("next", r#"{"format": 2}"#)] {
        let key = format!("{{pressrun}}:reader:{name}");
        let () = fleet.redis.command(&["SET", &key, told]).await;
    }
    // While Redis is slow to tell of readers, the writer knows of none.
    let status = eventually("the writer knows of all of them", async || {
        let status = fleet.status(&writer).await?;
        (status["readers"].as_array()?.len() == 3).then_some(status)
    })
    .await;
    assert_eq!(status["readers_format"], 1);
}

/// The octets of every released format that a document may have, by file.
fn golden() -> Vec<(String, Bytes)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/src/tests/golden");
    let mut all = Vec::new();
    for format in fs::read_dir(root).expect("the golden folder") {
        let format = format.expect("an entry").path();
        for name in ["put.bin", "put_expires_at.bin", "put_extensions.bin"] {
            let path = format.join(name);
            let octets = fs::read(&path).expect("a golden file");
            all.push((path.display().to_string(), octets.into()));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_serves_the_octets_of_every_released_format() {
    let fleet = Fleet::start().await;
    let bus = RedisBus::open(&fleet.redis.url(), RedisBus::NAMESPACE).expect("a bus");
    let golden = golden();
    assert!(golden.len() >= 3 * usize::from(FORMAT), "{golden:?}");
    for (number, (name, octets)) in (1_u64..).zip(golden) {
        let envelope = codec::decode(&octets).expect("it decodes for ever");
        let () = fleet.redis.command(&["FLUSHALL"]).await;
        snapshot_of(&bus, number, &octets).await;
        let reader = fleet.reader(&format!("reader-{number}"));
        eventually("the reader is ready", async || {
            let heartbeat = Heartbeat {
                // Only a heartbeat that repeats the reader's own nonce makes it ready.
                probes: bus.probes().await.ok()?,
                head: envelope.position,
                link: envelope.link,
                database_time: Timestamp(envelope.updated_at.0 + 1),
            };
            bus.heartbeat(&heartbeat).await.ok()?;
            let status = fleet.status(&reader).await?;
            (status["ready"] == true).then_some(())
        })
        .await;

        let Change::Put(representations) = envelope.change else {
            panic!("{name} is a put");
        };
        for one in representations {
            let url = format!("http://{}/v1/posts/hello%2Fw%C3%B6rld", reader.listen);
            let coding = one.coding.token();
            let request = fleet.http.get(url).header("accept-encoding", coding);
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{name} {coding}");
            assert_eq!(
                answer.bytes().await.expect("a body"),
                one.octets,
                "{name} {coding}"
            );
        }
    }
}

/// A snapshot of one document, at its position.
async fn snapshot_of(bus: &RedisBus, number: u64, octets: &Bytes) {
    let envelope = codec::decode(octets).expect("an envelope");
    let build = Build(number);
    let begin = Begin {
        term: number,
        epoch: envelope.position.epoch,
        build,
        head: envelope.position.sequence,
        link: envelope.link,
        buckets: 1,
    };
    bus.begin(&begin).await.expect("Redis").expect("begun");
    let chunk = [(envelope.key, octets.clone())];
    bus.chunk(build, 0, &chunk)
        .await
        .expect("Redis")
        .expect("stored");
    bus.finish(build, 1)
        .await
        .expect("Redis")
        .expect("finished");
}
