//! A client that asks in the same way each time: 64 connections that are kept, one request on each,
//! then all answers, and again.

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

/// Its connections, and what it sends on each.
#[derive(Debug)]
pub(super) struct Client {
    connections: Vec<TcpStream>,
    request: String,
    /// Octets of one answer; all are alike.
    answer_len: usize,
}

impl Client {
    /// Connects and asks once for the length of an answer.
    ///
    /// # Errors
    /// The server does not answer 200 with a Content-Length.
    pub(super) fn connect(server: SocketAddr, target: &str) -> Result<Self, BoxError> {
        let connect = || -> io::Result<TcpStream> {
            let stream = TcpStream::connect(server)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            Ok(stream)
        };
        let connections = (0..CONNECTIONS).map(|_| connect());
        let mut connections = connections.collect::<io::Result<Vec<_>>>()?;
        let request = format!("GET {target} HTTP/1.1\r\nHost: {server}\r\n\r\n");
        let answer_len = answer_len(&mut connections[0], &request)?;
        Ok(Self {
            connections,
            request,
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
            stream.write_all(self.request.as_bytes())?;
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
