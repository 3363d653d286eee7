//! A client that asks in the same way each time: 64 connections that are kept, one request on each,
//! then all answers, and again.
//!
//! What each request bears is a matter of [`Shape`].

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use service::process::BoxError;

const CONNECTIONS: u64 = 64;

/// How long an answer may take: a reader under callgrind or strace is slow.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Octets of an answer, at most.
const ANSWER_BYTES_MAX: usize = 4096;

/// What requests bear beside their target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Host, and nothing else.
    Bare,
    /// What APISIX passes on, with `request-id` and `opentelemetry` on: some fields differ each time.
    /// None asks for a trace.
    Gateway,
}

impl Shape {
    /// A request for `target`, the `nth` of its client.
    fn request(self, server: SocketAddr, target: &str, nth: u64) -> String {
        let line = format!("GET {target} HTTP/1.1\r\nHost: {server}\r\n");
        match self {
            Self::Bare => format!("{line}\r\n"),
            Self::Gateway => {
                // Spread over all digits, as what is drawn at random is.
                let drawn =
                    u128::from(nth + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
                let (trace, span) = (drawn, drawn >> 64 | 1);
                let id = uuid(drawn.rotate_left(32));
                format!(
                    "{line}X-Real-IP: 192.0.2.7\r\nX-Forwarded-For: 192.0.2.7\r\n\
                     X-Forwarded-Proto: http\r\nX-Forwarded-Host: {server}\r\n\
                     X-Forwarded-Port: 9080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\
                     X-Request-Id: {id}\r\ntraceparent: 00-{trace:032x}-{span:016x}-00\r\n\r\n"
                )
            }
        }
    }
}

fn uuid(drawn: u128) -> String {
    let digits = format!("{drawn:032x}");
    let (head, rest) = digits.split_at(8);
    format!(
        "{head}-{}-{}-{}-{}",
        &rest[..4],
        &rest[4..8],
        &rest[8..12],
        &rest[12..]
    )
}

/// Its connections, and what it sends on each.
#[derive(Debug)]
pub(super) struct Client {
    connections: Vec<TcpStream>,
    server: SocketAddr,
    target: String,
    shape: Shape,
    /// Requests made.
    made: u64,
    /// Octets of one answer; all are alike.
    answer_len: usize,
}

impl Client {
    /// Connects and asks once for the length of an answer.
    ///
    /// # Errors
    /// The server does not answer 200 with a Content-Length.
    pub(super) fn connect(
        server: SocketAddr,
        target: &str,
        shape: Shape,
    ) -> Result<Self, BoxError> {
        let connect = || -> io::Result<TcpStream> {
            let stream = TcpStream::connect(server)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            Ok(stream)
        };
        let connections = (0..CONNECTIONS).map(|_| connect());
        let mut connections = connections.collect::<io::Result<Vec<_>>>()?;
        let request = shape.request(server, target, 0);
        let answer_len = answer_len(&mut connections[0], &request)?;
        Ok(Self {
            connections,
            server,
            target: target.to_owned(),
            shape,
            made: 1,
            answer_len,
        })
    }

    /// How many requests so many rounds are.
    pub(super) const fn requests(rounds: u64) -> u64 {
        rounds * CONNECTIONS
    }

    /// Asks so many times on each connection, on a thread apart: the feed goes on meanwhile.
    ///
    /// # Errors
    /// A connection fails or answers anything else than before.
    pub(super) async fn rounds(mut self, rounds: u64) -> Result<Self, BoxError> {
        tokio::task::spawn_blocking(move || {
            for _ in 0..rounds {
                self.round()?;
            }
            Ok(self)
        })
        .await?
    }

    fn round(&mut self) -> Result<(), BoxError> {
        for stream in &mut self.connections {
            let request = self.shape.request(self.server, &self.target, self.made);
            self.made += 1;
            stream.write_all(request.as_bytes())?;
        }
        let mut answer = vec![0; self.answer_len];
        for stream in &mut self.connections {
            stream.read_exact(&mut answer)?;
            if !answer.starts_with(b"HTTP/1.1 200 ") {
                return Err("an answer differs from the first one".into());
            }
        }
        Ok(())
    }
}

fn answer_len(stream: &mut TcpStream, request: &str) -> Result<usize, BoxError> {
    stream.write_all(request.as_bytes())?;
    let mut answer = vec![0; ANSWER_BYTES_MAX];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut answer[filled..])?;
        if read == 0 {
            return Err("the server closed, or its answer is too long".into());
        }
        filled += read;
        let text = String::from_utf8_lossy(&answer[..filled]);
        let Some((head, _content)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse::<usize>())
        });
        let length = length.ok_or("the server tells no Content-Length")??;
        let whole = head.len() + 4 + length;
        if filled >= whole {
            return Ok(whole);
        }
    }
}
