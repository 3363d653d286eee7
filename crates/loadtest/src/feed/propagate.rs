//! From a commit to its visibility on three readers, against plain PUBLISH and SUBSCRIBE.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use service::process::BoxError;

use super::{
    distribution::{Distribution, ms, ratio},
    follower,
    stage::{Stage, change},
    wire,
};

const READERS: usize = 3;

/// Documents in the snapshot.
const DOCUMENTS: u64 = 10_000;

/// Changes published one by one, at this interval: 500 a second.
const CHANGES: u64 = 5_000;
const INTERVAL: Duration = Duration::from_millis(2);

const CHANNEL: &str = "plain";

pub(super) async fn measure() -> Result<String, BoxError> {
    let stage = Stage::with(DOCUMENTS).await?;
    let plain = plain(&stage).await?;
    let ours = ours(&stage).await?;
    Ok(format!(
        "### Propagation

{CHANGES} changes of about 570 octets, one every 2 ms, to {READERS} readers; the time is that of the last of
them. Plain is PUBLISH of as many octets to subscribers that do nothing else. Ours is from the
moment a commit is handed to the bus until it can be read.

| | p50 | p99 |
|---|---|---|
| plain PUBLISH and SUBSCRIBE | {} | {} |
| visible on {READERS} readers | {} | {} |
| against plain | {} | {} |
",
        ms(plain.percentile(50)),
        ms(plain.percentile(99)),
        ms(ours.percentile(50)),
        ms(ours.percentile(99)),
        ratio(ours.percentile(50), plain.percentile(50)),
        ratio(ours.percentile(99), plain.percentile(99)),
    ))
}

async fn plain(stage: &Stage) -> Result<Distribution, BoxError> {
    let port = stage.server.port();
    let octets = change(1, 1).envelope;
    let seen = (0..READERS)
        .map(|_| {
            let connection = wire::subscribe(port, CHANNEL)?;
            receive(connection, message_len(octets.len()))
        })
        .collect::<io::Result<Vec<_>>>()?;
    let message = wire::command(&[b"PUBLISH", CHANNEL.as_bytes(), &octets]);
    let mut connection = wire::connect(port)?;
    let mut sent = Vec::new();
    let mut ticks = tokio::time::interval(INTERVAL);
    for _ in 0..CHANGES {
        ticks.tick().await;
        sent.push(Instant::now());
        connection.write_all(&message)?;
        // `:3` and the end of the line.
        connection.read_exact(&mut [0; 4])?;
    }
    last_of(&sent, &seen)
}

async fn ours(stage: &Stage) -> Result<Distribution, BoxError> {
    let (first, last) = (DOCUMENTS + 1, DOCUMENTS + CHANGES);
    let seen = (0..READERS)
        .map(|number| {
            // Each tells of what it hydrates first: then it follows.
            let name = format!("reader-{number}");
            follower::spawn(&stage.server.url(), name, DOCUMENTS, last)
        })
        .collect::<Result<Vec<_>, _>>()?;
    for one in &seen {
        one.recv()?;
    }
    let changes: Vec<_> = (first..=last)
        .map(|number| change(number, 1 + number * 31 % DOCUMENTS))
        .collect();
    let mut sent = Vec::new();
    let mut ticks = tokio::time::interval(INTERVAL);
    for one in changes.chunks(1) {
        ticks.tick().await;
        sent.push(Instant::now());
        stage.publish(one).await?;
    }
    last_of(&sent, &seen)
}

/// From each sending to the last receipt of it.
fn last_of(sent: &[Instant], seen: &[mpsc::Receiver<Instant>]) -> Result<Distribution, BoxError> {
    let mut took = Vec::with_capacity(sent.len());
    for at in sent {
        let mut last = *at;
        for one in seen {
            last = last.max(one.recv()?);
        }
        took.push(last - *at);
    }
    Ok(Distribution::of(took))
}

/// Tells when each message of this many octets has come whole.
fn receive(mut connection: TcpStream, len: usize) -> io::Result<mpsc::Receiver<Instant>> {
    let (sender, seen) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        let mut message = vec![0; len];
        while connection.read_exact(&mut message).is_ok() {
            if sender.send(Instant::now()).is_err() {
                return;
            }
        }
    })?;
    Ok(seen)
}

/// Octets that Redis sends for a message of this length.
fn message_len(len: usize) -> usize {
    let message = wire::command(&[b"message", CHANNEL.as_bytes(), &vec![0; len]]);
    message.len()
}
