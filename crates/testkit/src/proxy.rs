//! A TCP proxy that can hold back what clients send.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinHandle,
};

/// Octets that each connection holds back at most; beyond it the client is made to wait.
const HELD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Forwards connections from a port of its own to a server, until dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    /// Octets of each connection that go on; the others are kept. `None`: all go on.
    going_on: watch::Sender<Option<usize>>,
    held_bytes: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy to `server`, on a free port of loopback.
    ///
    /// # Panics
    /// No port can be bound.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let (going_on, _) = watch::channel(None);
        let held_bytes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&held_bytes);
        let accepting = tokio::spawn(accept(listener, server, going_on.clone(), counted));
        Self {
            address,
            going_on,
            held_bytes,
            accepting,
        }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Octets that are held back now, over all connections.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// From now on keeps what clients send, even beyond their end.
    pub fn hold(&self) {
        self.hold_after(0);
    }

    /// From now on keeps what clients send beyond so many octets of each connection.
    pub fn hold_after(&self, bytes: usize) {
        self.going_on.send_replace(Some(bytes));
    }

    /// Sends what was kept, and everything that follows at once.
    pub fn release(&self) {
        self.going_on.send_replace(None);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    going_on: watch::Sender<Option<usize>>,
    held_bytes: Arc<AtomicUsize>,
) {
    while let Ok((client, _)) = listener.accept().await {
        if let Ok(server) = TcpStream::connect(server).await {
            let (from_client, mut to_client) = client.into_split();
            let (mut from_server, to_server) = server.into_split();
            tokio::spawn(forward_held(
                from_client,
                to_server,
                going_on.subscribe(),
                Arc::clone(&held_bytes),
            ));
            tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
        }
    }
}

/// Reads what the client sends, and forwards it while nothing is to be held.
async fn forward_held(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut going_on: watch::Receiver<Option<usize>>,
    held_bytes: Arc<AtomicUsize>,
) {
    let (mut kept, mut gone) = (Vec::new(), 0_usize);
    let mut is_open = true;
    while is_open || !kept.is_empty() {
        let may_go = *going_on.borrow_and_update();
        let may_go = may_go.map_or(usize::MAX, |bytes| bytes.saturating_sub(gone));
        let len = may_go.min(kept.len());
        if len > 0 {
            let written = to.write_all(&kept[..len]).await;
            held_bytes.fetch_sub(len, Ordering::Relaxed);
            kept.drain(..len);
            gone += len;
            if written.is_err() {
                return;
            }
            continue;
        }
        let mut buffer = [0; 16 * 1024];
        tokio::select! {
            read = from.read(&mut buffer), if is_open && kept.len() < HELD_BYTES_MAX => match read {
                Ok(0) | Err(_) => is_open = false,
                Ok(len) => {
                    kept.extend_from_slice(&buffer[..len]);
                    held_bytes.fetch_add(len, Ordering::Relaxed);
                }
            },
            changed = going_on.changed() => if changed.is_err() {
                return;
            },
        }
    }
}
