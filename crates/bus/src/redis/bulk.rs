//! A connection for reads of whole snapshots, used from a thread that may wait.
//!
//! The library hands out connections that make a value of its own, with an allocation, of each
//! field; of a million documents that alone takes longer than Redis does to send them. Here answers
//! stay in the octets that came from the socket, and a hash is given in parts, because nobody knows
//! how large it is. Everything else goes through the library: URL, commands, errors.

use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use redis::{Cmd, ConnectionAddr, ConnectionInfo, RedisError};
use rustls::ClientConfig;

use super::{
    deadline::{CONNECT_TIMEOUT, OPERATION_TIMEOUT, failed},
    received::Received,
    resp::{Beginning, Malformed, Pairs, Scan, Strings, beginning},
    tls::{self, TlsStream},
};
use crate::BusError;

/// Octets of a part of a hash, beside its last pair. Some of them wait between here and whoever
/// applies them.
const PART_BYTES: usize = 256 * 1024;

/// One connection. After an error it is of no more use.
pub(super) struct BulkConnection {
    stream: Box<dyn Stream>,
    received: Received,
}

/// A hash that is still being taken, to its last part before anything else.
#[derive(Debug)]
pub(super) struct HashAnswer {
    operation: &'static str,
    /// How long a part may take.
    limit: Duration,
    pairs: Pairs,
}

/// Fields, each followed by its value.
#[derive(Debug)]
pub(super) struct HashPart {
    pub(super) octets: Bytes,
    strings: u64,
    /// Whether the hash ends with it.
    pub(super) is_last: bool,
}

impl HashPart {
    pub(super) fn strings(&self) -> Strings<'_> {
        Strings::of(&self.octets, self.strings)
    }
}

/// A socket, of whichever family, or TLS over one.
trait Stream: Read + Write + Send {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }
}

impl Stream for TlsStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.sock.set_timeout(timeout)
    }
}

impl Stream for UnixStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }
}

impl BulkConnection {
    /// Connects, and says who we are and which database is meant.
    pub(super) fn open(
        info: &ConnectionInfo,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, BusError> {
        let operation = "connecting to Redis";
        let stream = connect(info.addr(), tls).map_err(|error| io_failed(operation, error))?;
        let mut connection = Self {
            stream,
            received: Received::default(),
        };
        let settings = info.redis_settings();
        if let Some(password) = settings.password() {
            let mut auth = redis::cmd("AUTH");
            auth.arg(settings.username()).arg(password);
            connection.ask(operation, OPERATION_TIMEOUT, &auth)?;
        }
        if settings.db() != 0 {
            let mut select = redis::cmd("SELECT");
            select.arg(settings.db());
            connection.ask(operation, OPERATION_TIMEOUT, &select)?;
        }
        Ok(connection)
    }

    /// Sends one command and gives its answer.
    pub(super) fn ask(
        &mut self,
        operation: &'static str,
        limit: Duration,
        command: &Cmd,
    ) -> Result<Bytes, BusError> {
        self.send(operation, &command.get_packed_command())?;
        self.answer(operation, limit)
    }

    /// Sends commands, whose answers are then due in their order.
    pub(super) fn send(
        &mut self,
        operation: &'static str,
        commands: &[u8],
    ) -> Result<(), BusError> {
        self.stream
            .set_timeout(OPERATION_TIMEOUT)
            .and_then(|()| self.stream.write_all(commands))
            .map_err(|error| io_failed(operation, error))
    }

    /// The next answer, whole.
    ///
    /// # Errors
    /// It does not come within `limit`, or says that the command failed.
    pub(super) fn answer(
        &mut self,
        operation: &'static str,
        limit: Duration,
    ) -> Result<Bytes, BusError> {
        let deadline = Instant::now() + limit;
        let mut scan = Scan::new();
        loop {
            if let Some(end) = scan.end(self.received.octets()).map_err(unexpected)? {
                let answer = self.received.take(end);
                return check(operation, answer);
            }
            let missing = scan.missing(self.received.octets().len());
            self.receive_by(deadline, operation, missing)?;
        }
    }

    /// Begins to take the next answer, a hash, in parts.
    ///
    /// # Errors
    /// It does not begin within `limit`, says that the command failed, or is something else.
    pub(super) fn hash(
        &mut self,
        operation: &'static str,
        limit: Duration,
    ) -> Result<HashAnswer, BusError> {
        let deadline = Instant::now() + limit;
        loop {
            match beginning(self.received.octets()).map_err(unexpected)? {
                Some(Beginning::Array(strings, at)) => {
                    self.received.skip(at);
                    return Ok(HashAnswer {
                        operation,
                        limit,
                        pairs: Pairs::new(strings, PART_BYTES).map_err(unexpected)?,
                    });
                }
                Some(Beginning::Other) => {
                    self.answer(operation, limit)?;
                    return Err(BusError::Unexpected("answer"));
                }
                None => self.receive_by(deadline, operation, 0)?,
            }
        }
    }

    /// The next part of that hash.
    ///
    /// # Errors
    /// It does not come within the limit.
    pub(super) fn part(&mut self, hash: &mut HashAnswer) -> Result<HashPart, BusError> {
        let deadline = Instant::now() + hash.limit;
        loop {
            if let Some(part) = hash
                .pairs
                .part(self.received.octets())
                .map_err(unexpected)?
            {
                return Ok(HashPart {
                    octets: self.received.take(part.len),
                    strings: part.strings,
                    is_last: part.is_last,
                });
            }
            let missing = hash.pairs.missing(self.received.octets().len());
            self.receive_by(deadline, hash.operation, missing)?;
        }
    }

    fn receive_by(
        &mut self,
        deadline: Instant,
        operation: &'static str,
        missing: usize,
    ) -> Result<(), BusError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(BusError::Timeout(operation));
        }
        self.stream
            .set_timeout(left)
            .and_then(|()| self.received.read_from(&mut self.stream, missing))
            .map_err(|error| io_failed(operation, error))
    }
}

fn connect(
    address: &ConnectionAddr,
    tls: Option<&Arc<ClientConfig>>,
) -> io::Result<Box<dyn Stream>> {
    match (address, tls) {
        (ConnectionAddr::Tcp(host, port), _) => Ok(Box::new(connect_tcp(host, *port)?)),
        (ConnectionAddr::TcpTls { host, port, .. }, Some(tls)) => {
            let tcp = connect_tcp(host, *port)?;
            tcp.set_timeout(CONNECT_TIMEOUT)?;
            Ok(Box::new(tls::connect(tls, host, tcp)?))
        }
        (ConnectionAddr::Unix(path), _) => Ok(Box::new(UnixStream::connect(path)?)),
        _ => Err(io::Error::new(
            ErrorKind::Unsupported,
            "addresses of this kind are not supported",
        )),
    }
}

fn connect_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The answer, unless it says that the command failed.
fn check(operation: &'static str, answer: Bytes) -> Result<Bytes, BusError> {
    if answer.first() != Some(&b'-') {
        return Ok(answer);
    }
    let error = redis::parse_redis_value(&answer).and_then(redis::Value::extract_error);
    match error {
        Ok(_) => Err(BusError::Unexpected("error")),
        Err(error) => Err(failed(operation)(error)),
    }
}

fn unexpected(_malformed: Malformed) -> BusError {
    BusError::Unexpected("octets")
}

fn io_failed(operation: &'static str, error: io::Error) -> BusError {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => BusError::Timeout(operation),
        _ => failed(operation)(RedisError::from(error)),
    }
}

impl fmt::Debug for BulkConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkConnection")
            .field("received", &self.received.octets().len())
            .finish_non_exhaustive()
    }
}
