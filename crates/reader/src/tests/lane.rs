//! Lanes over real loopback sockets, spoken to in octets.

mod answering;
mod differential;
mod ends;
mod http2;
mod line;
mod parked;
mod pipeline;
mod request;
mod sections;
mod slow;
mod traced;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use http::HeaderValue;
use service::{
    Lifecycle,
    server::{Handover, Limits, ReusePort, Server, ServerCounters, bind},
};
use shared::ContentCoding::{Brotli, Gzip, Identity, Zstd};
use tokio::runtime::{self, Runtime};

use super::{at, holding, put, put_coded};
use crate::{
    catalog::{Catalog, CatalogWriter},
    fetch::Fetcher,
    http::{
        counters::{ReadCounters, ReadCounts},
        data::{DataPlane, service},
    },
    lane::{LaneCounts, LatencyHistogram, spawn, wake_on_phases},
    reached::{Reaching, reached},
};

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// No test meets these by accident.
const LIMITS: Limits = Limits {
    connections_max: 64,
    head_timeout: PATIENCE,
    idle_timeout: PATIENCE,
    content_timeout: PATIENCE,
    write_timeout: PATIENCE,
    ..Limits::STANDARD
};

/// Length of the document `/post?id=large`, far beyond what the kernel buffers.
const LARGE_BYTES: usize = 16 << 20;

/// A lane with its server, and a server alone, over one catalog.
struct Pair {
    lane: SocketAddr,
    server: SocketAddr,
    lifecycle: Lifecycle,
    counters: Arc<ServerCounters>,
    counts: LaneCounts,
    uncommon: Arc<ReadCounters>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
    reaching: Reaching,
    writer: CatalogWriter,
    runtime: Option<Runtime>,
}

fn documents() -> (Catalog, CatalogWriter) {
    let lengths = [(Identity, 1000), (Gzip, 400), (Brotli, 300), (Zstd, 350)];
    holding(&[
        put("posts/plain", 1, r#"{"a":1}"#),
        put_coded("posts/coded", 2, &lengths),
        put_coded("posts/large", 3, &[(Identity, LARGE_BYTES)]),
        put("posts/a b", 4, r#"{"b":1}"#),
        put("flags/ä", 5, r#"{"c":1}"#),
    ])
}

impl Pair {
    fn start() -> Self {
        Self::with(LIMITS)
    }

    fn with(limits: Limits) -> Self {
        Self::over(documents(), limits, None)
    }

    fn over(
        (catalog, writer): (Catalog, CatalogWriter),
        limits: Limits,
        fetcher: Option<Fetcher>,
    ) -> Self {
        let lifecycle = Lifecycle::new(Duration::ZERO, PATIENCE);
        let uncommon = Arc::<ReadCounters>::default();
        let (reaching, reached) = reached();
        reaching.tell(Some(at(5)));
        let draining = lifecycle.clone();
        let plane = DataPlane::new(
            catalog,
            HeaderValue::from_static("no-cache"),
            Arc::new(move || !draining.is_serving()),
            Arc::clone(&uncommon),
        )
        .reaching(reached);
        let plane = match fetcher {
            Some(fetcher) => plane.fetching(fetcher),
            None => plane,
        };
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listen = || bind(([127, 0, 0, 1], 0).into(), ReusePort::No).unwrap();
        let (lane_listener, listener) = (listen(), listen());
        let lane = lane_listener.local_addr().unwrap();
        let server = listener.local_addr().unwrap();

        let handing = Server::new(limits, lifecycle.clone());
        let counters = handing.counters();
        let handover = Handover::default();
        let counts = LaneCounts::default();
        let intake = handing.intake(&handover);
        let spawned = spawn(0, lane_listener, intake, &plane, counts.clone()).unwrap();
        runtime.spawn(wake_on_phases(lifecycle.clone(), vec![spawned.waker]));
        runtime.spawn(handing.serve_handed(handover, service(plane.clone())));
        let alone = Server::new(limits, lifecycle.clone());
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            alone.serve(listener, service(plane)).await;
        });
        Self {
            lane,
            server,
            lifecycle,
            counters,
            counts,
            uncommon,
            thread: Some(spawned.thread),
            reaching,
            writer,
            runtime: Some(runtime),
        }
    }

    fn connect(&self) -> TcpStream {
        connect(self.lane)
    }

    /// What the lane itself has answered.
    fn by_lane(&self) -> ReadCounts {
        ReadCounters::sum([&*self.counts.reads])
    }

    /// What the server has answered on its behalf, and on its own.
    fn by_server(&self) -> ReadCounts {
        ReadCounters::sum([&*self.uncommon])
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.lifecycle.close();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            // Tests may be asynchronous themselves.
            if let Some(runtime) = self.runtime.take() {
                runtime.shutdown_background();
            }
            if !std::thread::panicking() {
                ended.unwrap().unwrap();
            }
        }
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A request for a post with a Host and these lines.
fn get(id: &str, lines: &str) -> String {
    format!("GET /post?id={id} HTTP/1.1\r\nHost: x\r\n{lines}\r\n")
}

/// One answer: its head, and its content by Content-Length.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reply {
    status: u16,
    /// In lower case, sorted, without Date, which must be there.
    fields: Vec<(String, String)>,
    content: Vec<u8>,
}

impl Reply {
    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let found = fields.find(|(known, _)| known == name)?;
        Some(&found.1)
    }
}

/// Takes one answer off the front. `None` where it is not whole.
fn take_reply(octets: &mut Vec<u8>, has_content: bool) -> Option<Reply> {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&octets[..end]).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status_line = lines.next().unwrap();
    let status: u16 = status_line.split(' ').nth(1).unwrap().parse().unwrap();
    let mut fields: Vec<_> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_lowercase(), value.trim().to_owned())
        })
        .collect();
    fields.sort();
    let before = fields.len();
    fields.retain(|(name, _)| name != "date");
    assert_eq!(before, fields.len() + 1, "one Date: {head}");
    let reply = Reply {
        status,
        fields,
        content: Vec::new(),
    };
    let len = match reply.field("content-length") {
        Some(len) if has_content && status != 304 => len.parse().unwrap(),
        _ => 0,
    };
    if octets.len() < end + len {
        return None;
    }
    let content = octets[end..end + len].to_vec();
    octets.drain(..end + len);
    Some(Reply { content, ..reply })
}

/// Reads one answer with content.
fn read_reply(stream: &mut TcpStream) -> Reply {
    read_replies(stream, 1).remove(0)
}

/// Reads so many answers with content, and nothing behind them.
fn read_replies(stream: &mut TcpStream, count: usize) -> Vec<Reply> {
    let (mut octets, mut replies) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; 1 << 20];
    while replies.len() < count {
        if let Some(reply) = take_reply(&mut octets, true) {
            replies.push(reply);
            continue;
        }
        let len = stream.read(&mut buffer).unwrap();
        assert_ne!(
            len,
            0,
            "closed after {:?}",
            String::from_utf8_lossy(&octets)
        );
        octets.extend_from_slice(&buffer[..len]);
    }
    assert_eq!(octets, b"", "nothing else was asked for");
    replies
}

fn ask(stream: &mut TcpStream, request: &str) -> Reply {
    stream.write_all(request.as_bytes()).unwrap();
    read_reply(stream)
}

/// Everything that comes once our side is closed.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    // It may be closed already.
    drop(stream.shutdown(Shutdown::Write));
    let mut octets = Vec::new();
    if let Err(error) = stream.read_to_end(&mut octets) {
        // A reset after the last answer is an end, too.
        assert_eq!(
            error.kind(),
            ErrorKind::ConnectionReset,
            "after {:?}",
            String::from_utf8_lossy(&octets)
        );
    }
    octets
}
