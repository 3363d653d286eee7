//! `pressrun verify` as a process, against readers that are right and one that is not.

use std::{collections::HashMap, net::SocketAddr, process::Command};

use bytes::Bytes;
use fleet::{Fleet, Node, binary, loopback};
use shared::{Change, ContentCoding, Representation, codec};
use testkit::{
    cable::{Cable, Weather},
    eventually,
};

/// How `pressrun verify` ended, and what it said on standard output and error.
struct Verified {
    code: Option<i32>,
    output: String,
    said: String,
}

async fn verify(writer: &Node, readers: &[&Node]) -> Verified {
    let mut arguments = vec![
        "verify".to_owned(),
        format!("--url=http://{}", writer.admin),
    ];
    arguments.extend(
        readers
            .iter()
            .map(|reader| format!("--reader=http://{}", reader.admin)),
    );
    let run = move || Command::new(binary("pressrun")).args(arguments).output();
    let output = tokio::task::spawn_blocking(run).await.expect("no panic");
    let output = output.expect("pressrun can be started");
    Verified {
        code: output.status.code(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

async fn registered(fleet: &Fleet, writer: &Node, count: usize) {
    eventually("the readers are registered", async || {
        let status = fleet.status(writer).await?;
        let readers = status["readers"].as_array()?;
        (readers.len() == count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registered_readers_that_are_right_are_verified_amid_writes() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    let readers = [fleet.reader("reader-1"), fleet.reader("reader-2")];
    for reader in &readers {
        fleet.ready(reader).await;
    }
    registered(&fleet, &writer, 2).await;
    for number in 0..50 {
        fleet.create(&writer, &format!("p{number}"), "x").await;
    }
    let writing = async {
        for number in 0_u32.. {
            let id = format!("p{}", number % 50);
            fleet.create(&writer, &id, &number.to_string()).await;
        }
    };
    let verified = tokio::select! {
        () = writing => unreachable!("there is always another number"),
        verified = verify(&writer, &[]) => verified,
    };

    assert_eq!(verified.code, Some(0), "{}", verified.said);
    assert_eq!(verified.output, "");
    for name in ["reader-1", "reader-2"] {
        let line = format!("{name} holds what the database does: 50 documents");
        assert!(verified.said.contains(&line), "{}", verified.said);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_that_read_a_tampered_bus_is_told_with_the_key() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    let redis = SocketAddr::from(([127, 0, 0, 1], fleet.redis.port()));
    let cable = Cable::start(redis).await;
    let url = format!("redis://{}", cable.address());
    let internal = [format!("http://{}", writer.admin)];
    let right = fleet.reader_over("right", &url, &internal, loopback(), loopback());
    fleet.ready(&right).await;
    for id in ["a", "b", "c"] {
        fleet.create(&writer, id, "right").await;
        fleet.until_served(&right, id, "right").await;
    }
    // A scrub would tell it what the bus will say. It follows the writer from here on.
    cable.set(Weather::Cut);
    let misled = misled_reader(&fleet).await;

    let verified = verify(&writer, &[&misled, &right]).await;

    assert_eq!(verified.code, Some(1), "{}", verified.said);
    let lines: Vec<&str> = verified.output.lines().collect();
    let [line] = lines.as_slice() else {
        panic!("{}", verified.output);
    };
    assert!(
        line.starts_with(&format!("http://{}\tposts/b\tdatabase: ", misled.admin)),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_told_is_no_difference() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    let none = verify(&writer, &[]).await;
    assert_eq!(none.code, Some(2), "{}", none.said);
    assert!(
        none.said.contains("no reader is registered"),
        "{}",
        none.said
    );
}

/// A reader that holds a wrong document. The leader may mend the bus before it has read it there:
/// then another one is started.
async fn misled_reader(fleet: &Fleet) -> Node {
    for attempt in 0..10 {
        tamper(fleet, "posts/b").await;
        let reader = fleet.reader(&format!("misled-{attempt}"));
        fleet.ready(&reader).await;
        let url = format!("http://{}/v1/posts/b", reader.listen);
        let answer = fleet.http.get(url).send().await.expect("an answer");
        if answer.text().await.expect("a body").contains("wrong") {
            return reader;
        }
    }
    panic!("the leader mended the bus each time before a reader had read it");
}

/// Gives a document another body in the snapshot, in an envelope that is valid otherwise.
async fn tamper(fleet: &Fleet, key: &str) {
    let mut tampered = 0;
    let buckets: Vec<String> = fleet.redis.command(&["KEYS", "{pressrun}:snap:*"]).await;
    for bucket in buckets {
        let held: HashMap<String, Vec<u8>> = fleet.redis.command(&["HGETALL", &bucket]).await;
        let Some(envelope) = held.get(key) else {
            continue;
        };
        let mut envelope = codec::decode(&Bytes::from(envelope.clone())).expect("an envelope");
        let body = Bytes::from_static(br#"{"content":"wrong"}"#);
        envelope.change = Change::Put(vec![Representation::of(ContentCoding::Identity, body)]);
        let octets = codec::encode(&envelope).expect("within the limits");
        fleet.redis.store_field(&bucket, key, &octets).await;
        tampered += 1;
    }
    assert_eq!(tampered, 1);
}
