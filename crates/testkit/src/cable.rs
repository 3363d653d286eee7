//! A TCP proxy whose network has weather: cut, silent, slow, or led to another server.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

/// What is read from one side before it goes to the other.
const CHUNK_BYTES: usize = 64 * 1024;

/// What the network is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Everything arrives at once.
    Clear,
    /// Connections end, and new ones end as soon as they are made.
    Cut,
    /// Connections stay, and new ones can be made, but nothing arrives any more: both ends are half
    /// open.
    Silent,
    /// Each chunk arrives so much later, in both directions.
    Slow(Duration),
}

/// Leads connections from a port of its own to a server, until dropped.
#[derive(Debug)]
pub struct Cable {
    address: SocketAddr,
    line: watch::Sender<Line>,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

/// What connections go by.
#[derive(Debug, Clone, Copy)]
struct Line {
    weather: Weather,
    server: SocketAddr,
    /// Connections made before it rose have ended.
    generation: u64,
}

#[derive(Debug, Default)]
struct Counts {
    ended: AtomicU64,
    hindered: AtomicU64,
}

impl Cable {
    /// A cable to `server`, on a free port of loopback.
    ///
    /// # Panics
    /// No port can be bound.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let (line, _) = watch::channel(Line {
            weather: Weather::Clear,
            server,
            generation: 0,
        });
        let counts = Arc::new(Counts::default());
        let accepting = tokio::spawn(accept(listener, line.subscribe(), Arc::clone(&counts)));
        Self {
            address,
            line,
            counts,
            accepting,
        }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the network is like this.
    pub fn set(&self, weather: Weather) {
        self.line.send_modify(|line| {
            line.weather = weather;
            line.generation += u64::from(weather == Weather::Cut);
        });
    }

    /// Ends all connections, and leads new ones to another server.
    pub fn lead_to(&self, server: SocketAddr) {
        self.line.send_modify(|line| {
            line.server = server;
            line.generation += 1;
        });
    }

    /// Connections that this cable has ended, or never let begin.
    pub fn ended(&self) -> u64 {
        self.counts.ended.load(Ordering::Relaxed)
    }

    /// Chunks that were held back or came late.
    pub fn hindered(&self) -> u64 {
        self.counts.hindered.load(Ordering::Relaxed)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, line: watch::Receiver<Line>, counts: Arc<Counts>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(carry(client, line.clone(), Arc::clone(&counts)));
    }
}

/// Carries one connection until either side or the cable ends it.
async fn carry(client: TcpStream, mut line: watch::Receiver<Line>, counts: Arc<Counts>) {
    let generation = line.borrow_and_update().generation;
    let mut ends = line.clone();
    let is_over = |line: &Line| line.weather == Weather::Cut || line.generation > generation;
    let ended = async { ends.wait_for(is_over).await.is_ok() };
    tokio::select! {
        // A failure is an end like any other: both sides see it.
        _ = carry_on(client, line, &counts) => {}
        _ = ended => {
            counts.ended.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn carry_on(
    client: TcpStream,
    mut line: watch::Receiver<Line>,
    counts: &Counts,
) -> io::Result<()> {
    let server = pass(&mut line, counts).await;
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        ended = pump(from_client, to_server, line.clone(), counts) => ended,
        ended = pump(from_server, to_client, line.clone(), counts) => ended,
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
    counts: &Counts,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let len = from.read(&mut chunk).await?;
        pass(&mut line, counts).await;
        if len == 0 {
            return Ok(());
        }
        to.write_all(&chunk[..len]).await?;
    }
}

/// Waits as long as the weather asks, and gives the server.
async fn pass(line: &mut watch::Receiver<Line>, counts: &Counts) -> SocketAddr {
    let weather = line.borrow_and_update().weather;
    if weather != Weather::Clear {
        counts.hindered.fetch_add(1, Ordering::Relaxed);
    }
    if let Weather::Slow(late) = weather {
        sleep(late).await;
    }
    // The sender lives as long as the cable, and the task with it.
    let clear = line.wait_for(|line| line.weather != Weather::Silent).await;
    let server = clear.ok().map(|line| line.server);
    match server {
        Some(server) => server,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventually;

    /// A server that sends back what it gets, preceded by a letter of its own.
    async fn echo(letter: u8) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut got = [0];
                    while client.read_exact(&mut got).await.is_ok() {
                        client.write_all(&[letter, got[0]]).await.unwrap();
                    }
                });
            }
        });
        address
    }

    async fn answer(client: &mut TcpStream) -> io::Result<[u8; 2]> {
        let mut answer = [0; 2];
        client.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn silence_holds_and_keeps_what_is_sent() {
        let cable = Cable::start(echo(b'a').await).await;
        let mut client = TcpStream::connect(cable.address()).await.unwrap();
        client.write_all(b"1").await.unwrap();
        assert_eq!(answer(&mut client).await.unwrap(), *b"a1");
        cable.set(Weather::Silent);
        client.write_all(b"2").await.unwrap();
        eventually("it is held", async || (cable.hindered() > 0).then_some(())).await;
        cable.set(Weather::Clear);
        assert_eq!(answer(&mut client).await.unwrap(), *b"a2");
        assert_eq!(cable.ended(), 0);
    }

    #[tokio::test]
    async fn cut_ends_connections_and_lets_none_begin() {
        let cable = Cable::start(echo(b'a').await).await;
        let mut before = TcpStream::connect(cable.address()).await.unwrap();
        before.write_all(b"1").await.unwrap();
        assert_eq!(answer(&mut before).await.unwrap(), *b"a1");
        cable.set(Weather::Cut);
        assert!(answer(&mut before).await.is_err());
        let mut amid = TcpStream::connect(cable.address()).await.unwrap();
        assert!(answer(&mut amid).await.is_err());
        cable.set(Weather::Clear);
        let mut after = TcpStream::connect(cable.address()).await.unwrap();
        after.write_all(b"2").await.unwrap();
        assert_eq!(answer(&mut after).await.unwrap(), *b"a2");
        assert_eq!(cable.ended(), 2);
    }

    #[tokio::test]
    async fn connections_end_when_led_elsewhere() {
        let cable = Cable::start(echo(b'a').await).await;
        let mut before = TcpStream::connect(cable.address()).await.unwrap();
        before.write_all(b"1").await.unwrap();
        assert_eq!(answer(&mut before).await.unwrap(), *b"a1");
        cable.lead_to(echo(b'b').await);
        assert!(answer(&mut before).await.is_err());
        let mut after = TcpStream::connect(cable.address()).await.unwrap();
        after.write_all(b"2").await.unwrap();
        assert_eq!(answer(&mut after).await.unwrap(), *b"b2");
    }
}
