//! Changes as fast as they can be published, into a reader that serves meanwhile.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bus::Publication;
use service::process::BoxError;

use super::{
    distribution::{Distribution, ms, rate},
    process::ReaderProcess,
    stage::{Stage, change},
};

/// Documents in the snapshot.
const DOCUMENTS: u64 = 100_000;

/// Changes published.
const CHANGES: u64 = 200_000;

/// Changes handed to the bus at once: what a writer takes together.
const BATCH: usize = 512;

/// How often a read is asked for.
const READ_INTERVAL: Duration = Duration::from_millis(1);

pub(super) async fn measure(binaries: &Path) -> Result<String, BoxError> {
    let stage = Stage::with(DOCUMENTS).await?;
    let reader = ReaderProcess::start(binaries, &stage.server.url())?;
    reader.ready().await?;
    let changes: Vec<Publication> = (1..=CHANGES)
        .map(|number| change(DOCUMENTS + number, 1 + number * 7919 % DOCUMENTS))
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let reads = read_meanwhile(reader.listen, Arc::clone(&stop))?;

    let begun = Instant::now();
    for batch in changes.chunks(BATCH) {
        stage.publish(batch).await?;
    }
    let published = begun.elapsed();
    let (applied, gaps) = loop {
        let (sequence, gaps) = reader.progress().await?;
        if sequence == DOCUMENTS + CHANGES {
            break (begun.elapsed(), gaps);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    stop.store(true, Ordering::Relaxed);
    let answers = reads.join().map_err(|_panic| "the client panicked")??;
    Ok(format!(
        "### Stream

{CHANGES} changes of {DOCUMENTS} documents over a local Redis, handed over {BATCH} at a time, to a reader
that answers 1,000 reads a second meanwhile. Gaps met: {gaps}.

| | |
|---|---|
| published | {} |
| applied by the reader, from the first publication to the last position | {} |
| reads meanwhile, p50 / p99 | {} / {} |
",
        rate(CHANGES, published),
        rate(CHANGES, applied),
        ms(answers.percentile(50)),
        ms(answers.percentile(99)),
    ))
}

/// Reads one document after another, each at its time, and gives how long the answers took.
#[expect(
    clippy::disallowed_methods,
    reason = "each read is asked for at its time"
)]
fn read_meanwhile(
    listen: SocketAddr,
    stop: Arc<AtomicBool>,
) -> io::Result<thread::JoinHandle<io::Result<Distribution>>> {
    let mut connection = TcpStream::connect(listen)?;
    connection.set_nodelay(true)?;
    Ok(thread::spawn(move || {
        let mut answers = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        let begun = Instant::now();
        let mut due = Duration::ZERO;
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(due.saturating_sub(begun.elapsed()));
            let document = 1 + (answers.len() as u64 * 31) % DOCUMENTS;
            write!(
                connection,
                "GET /v1/posts/post-{document:08} HTTP/1.1\r\nhost: feed\r\n\r\n"
            )?;
            let read = connection.read(&mut buffer)?;
            if !buffer[..read].starts_with(b"HTTP/1.1 200") {
                let answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
                return Err(io::Error::other(answer));
            }
            // From when it was due: a late one counts its wait.
            answers.push(begun.elapsed().saturating_sub(due));
            due += READ_INTERVAL;
        }
        Ok(Distribution::of(answers))
    }))
}
