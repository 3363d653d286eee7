//! Redis without a library: the least that a client can do.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// Octets read at once.
const BUFFER: usize = 256 * 1024;

/// The answer that ends a pipelined read.
const END: &[u8] = b"+PONG\r\n";

/// A command of these words.
pub(super) fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut octets = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        octets.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        octets.extend_from_slice(word);
        octets.extend_from_slice(b"\r\n");
    }
    octets
}

/// A connection to the server on this port of loopback.
pub(super) fn connect(port: u16) -> io::Result<TcpStream> {
    let connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_nodelay(true)?;
    Ok(connection)
}

/// Reads all of these hashes over one connection, every command sent ahead, and throws the answers
/// away. Gives how long it took and how many octets came.
pub(super) fn read_hashes(port: u16, hashes: &[String]) -> io::Result<(Duration, u64)> {
    let mut connection = connect(port)?;
    let mut commands: Vec<u8> = hashes
        .iter()
        .flat_map(|hash| command(&[b"HGETALL", hash.as_bytes()]))
        .collect();
    commands.extend_from_slice(&command(&[b"PING"]));
    let mut buffer = vec![0; BUFFER];
    let begun = Instant::now();
    let mut sending = connection.try_clone()?;
    let sender = thread::spawn(move || sending.write_all(&commands));
    let mut octets = 0;
    let mut tail = Vec::new();
    while tail != END {
        let read = connection.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        octets += read as u64;
        tail.extend_from_slice(&buffer[read.saturating_sub(END.len())..read]);
        tail.drain(..tail.len().saturating_sub(END.len()));
    }
    let took = begun.elapsed();
    sender
        .join()
        .map_err(|_panic| io::Error::other("the sender panicked"))??;
    Ok((took, octets))
}

/// Subscribes to a channel and waits for the confirmation.
pub(super) fn subscribe(port: u16, channel: &str) -> io::Result<TcpStream> {
    let mut connection = connect(port)?;
    connection.write_all(&command(&[b"SUBSCRIBE", channel.as_bytes()]))?;
    let mut buffer = [0; 256];
    connection.read(&mut buffer).map(|_read| connection)
}

/// Reads and throws away until the server or the other half ends the connection.
pub(super) fn discard(mut connection: TcpStream) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = vec![0; BUFFER];
        while matches!(connection.read(&mut buffer), Ok(1..)) {}
    })
}
