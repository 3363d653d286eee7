//! The command `floor ADDRESS FILE`: answers whatever it reads with the octets of a file.
//!
//! One thread, one epoll; for each request one read and one write, and nothing else: no parsing, no
//! look-up, no timeout, no limit. It is what a request costs at least on a machine, as a yardstick
//! for the load test, and serves nothing else. It takes one read for one request, so clients must
//! not pipeline.

use std::{
    collections::HashMap,
    env, fs,
    io::{self, Read, Write},
    net::SocketAddr,
    process::ExitCode,
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

/// Longer than what the load test asks; a request must come whole.
const REQUEST_BYTES_MAX: usize = 4096;

/// Events taken from the kernel at once.
const EVENTS: usize = 1024;

/// The listener; connections count up from the next.
const LISTENER: Token = Token(0);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let served = match &arguments[..] {
        [address, file] => serve(address, file),
        _ => Err(io::Error::other("usage: floor ADDRESS FILE")),
    };
    let Err(error) = served;
    // Nobody listening to the complaint is no reason to do anything else.
    drop(writeln!(io::stderr(), "floor: {error}"));
    ExitCode::FAILURE
}

fn serve(address: &str, file: &str) -> io::Result<std::convert::Infallible> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let answer = fs::read(file)?;
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(EVENTS);
    let mut connections: HashMap<Token, TcpStream> = HashMap::new();
    let mut buffer = [0; REQUEST_BYTES_MAX];
    let mut next = LISTENER.0;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Some(mut stream) = accepted(&listener)? {
                    next += 1;
                    let token = Token(next);
                    stream.set_nodelay(true)?;
                    poll.registry()
                        .register(&mut stream, token, Interest::READABLE)?;
                    connections.insert(token, stream);
                }
                continue;
            }
            let Some(stream) = connections.get_mut(&event.token()) else {
                continue;
            };
            if !answered(stream, &mut buffer, &answer) {
                connections.remove(&event.token());
            }
        }
    }
}

fn accepted(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _peer)) => Ok(Some(stream)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the connection goes on. A read shorter than the buffer has emptied the socket, so the
/// next request is an event of its own; see epoll(7).
fn answered(stream: &mut TcpStream, buffer: &mut [u8], answer: &[u8]) -> bool {
    match stream.read(buffer) {
        Ok(0) => false,
        Ok(_request) => stream.write_all(answer).is_ok(),
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}
