//! The server over real loopback sockets, spoken to in octets.

mod accept;
mod drain;
mod heads;
mod pace;
mod serving;
mod streams;
mod watchdog;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    routing::{get, post},
};
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};

use crate::{Lifecycle, Limits, ReusePort, Server, ServerCounters, bind};

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Short enough to wait for, long enough for a busy machine to send something meanwhile.
const SHORT: Duration = Duration::from_millis(500);

/// No test meets these by accident.
const LIMITS: Limits = Limits {
    connections_max: 8,
    http2_connections_max: 8,
    http2_requests_max: 8,
    head_bytes_max: 1024,
    target_bytes_max: 256,
    head_timeout: PATIENCE,
    idle_timeout: PATIENCE,
    content_timeout: PATIENCE,
    content_bytes_min: 4,
    write_timeout: PATIENCE,
};

struct Harness {
    address: SocketAddr,
    lifecycle: Lifecycle,
    counters: Arc<ServerCounters>,
    /// Lets one request for `/gate` go.
    gate: Arc<Notify>,
    served: JoinHandle<()>,
}

impl Harness {
    fn start(limits: Limits) -> Self {
        Self::with_grace(limits, PATIENCE)
    }

    fn with_grace(limits: Limits, grace: Duration) -> Self {
        let lifecycle = Lifecycle::new(PATIENCE, grace);
        let gate = Arc::new(Notify::new());
        let server = Server::new(limits, lifecycle.clone());
        let counters = server.counters();
        let listener = bind(([127, 0, 0, 1], 0).into(), ReusePort::No).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let served = tokio::spawn(server.serve(listener, router(Arc::clone(&gate))));
        Self {
            address,
            lifecycle,
            counters,
            gate,
            served,
        }
    }

    async fn connect(&self) -> Client {
        Client {
            stream: TcpStream::connect(self.address).await.unwrap(),
            unread: Vec::new(),
        }
    }

    /// Sends these octets on a new connection and gives the one response.
    async fn ask(&self, octets: &[u8]) -> Answer {
        let mut client = self.connect().await;
        client.send(octets).await;
        client.receive().await
    }

    async fn end(self) {
        self.lifecycle.close();
        timeout(PATIENCE, self.served).await.unwrap().unwrap();
    }
}

fn router(gate: Arc<Notify>) -> Router {
    let passed = async move || {
        gate.notified().await;
        "passed"
    };
    // Enough for no send buffer to take it whole.
    let large = Bytes::from(vec![b'x'; 64 << 20]);
    Router::new()
        .route("/", get(async || "hello"))
        .route("/gate", get(passed))
        .route("/echo", post(async |content: Bytes| content))
        .route(
            "/length",
            post(async |content: Bytes| content.len().to_string()),
        )
        .route("/ignore", post(async || "ignored"))
        .route(
            "/panic",
            get(async |_: Request| -> &'static str { panic!("on request") }),
        )
        .route("/large", get(async move || large))
}

struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    content: Vec<u8>,
}

impl Client {
    async fn send(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes())
            .await;
        self.receive().await
    }

    /// The next response, which must have a length.
    async fn receive(&mut self) -> Answer {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more().await;
        };
        let head = String::from_utf8(self.unread.drain(..end).collect()).unwrap();
        let head = head.to_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        while self.unread.len() < length {
            self.read_more().await;
        }
        Answer {
            status: head[9..12].parse().unwrap(),
            content: self.unread.drain(..length).collect(),
            head,
        }
    }

    async fn read_more(&mut self) {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.unread)).await;
        let octets = read.expect("the server answers").unwrap();
        assert_ne!(
            octets,
            0,
            "closed after {:?}",
            String::from_utf8_lossy(&self.unread)
        );
    }

    /// Waits until the server closes, having sent nothing more.
    async fn closed(&mut self) {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.unread)).await;
        let octets = read.expect("the server closes").unwrap();
        assert_eq!(
            (octets, self.unread.len()),
            (0, 0),
            "{:?}",
            String::from_utf8_lossy(&self.unread)
        );
    }
}

impl Answer {
    fn text(&self) -> &str {
        str::from_utf8(&self.content).unwrap()
    }

    fn closes(&self) -> bool {
        self.head.contains("\r\nconnection: close\r\n")
    }

    /// The detail of a problem that ended its connection.
    #[track_caller]
    fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        let length = format!("\r\ncontent-length: {}\r\n", self.content.len());
        for field in [
            "\r\ncontent-type: application/problem+json\r\n",
            "\r\ndate: ",
            &length,
        ] {
            assert!(
                self.head.contains(field),
                "{field:?} is not in {:?}",
                self.head
            );
        }
        let problem: serde_json::Value = serde_json::from_slice(&self.content).unwrap();
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}
