//! A connection to PostgreSQL that breaks around COMMIT.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// The simple query that ends a transaction, as it stands on the wire.
const COMMIT: &[u8] = b"COMMIT\0";

/// What becomes of the next COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The server carries it out; the answer is lost with the connection.
    LoseAnswer,
    /// It is lost with the connection.
    LoseCommit,
    /// As [`Self::LoseAnswer`]; then [`Self::Down`].
    LoseAnswerAndNetwork,
    /// No connection comes through any more.
    Down,
}

/// Forwards connections to a server. Dropping it cuts them all.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    fault: Arc<Mutex<Fault>>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fault = Arc::new(Mutex::new(Fault::None));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, server, Arc::clone(&fault)));
        Self {
            port,
            fault,
            _accepting: accepting,
        }
    }

    /// The same database, through here.
    pub(crate) fn url(&self, url: &str) -> String {
        let database = url.rsplit('/').next().unwrap();
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    pub(crate) fn arm(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

async fn accept(listener: TcpListener, server: u16, fault: Arc<Mutex<Fault>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _address)) = listener.accept().await {
        let fault = Arc::clone(&fault);
        connections.spawn(async move {
            // Either side may end a connection at any time.
            drop(forward(client, server, &fault).await);
        });
    }
}

async fn forward(mut client: TcpStream, server: u16, fault: &Mutex<Fault>) -> io::Result<()> {
    if *fault.lock().unwrap() == Fault::Down {
        return Ok(());
    }
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    let (mut sent, mut answered) = (vec![0; 16_384], vec![0; 16_384]);
    loop {
        tokio::select! {
            count = client.read(&mut sent) => {
                let message = &sent[..count?];
                let is_commit = message.windows(COMMIT.len()).any(|part| part == COMMIT);
                let fault = if is_commit { strike(fault) } else { Fault::None };
                if message.is_empty() || fault == Fault::LoseCommit {
                    return Ok(());
                }
                server.write_all(message).await?;
                if fault != Fault::None {
                    // Once the server answers, it has committed.
                    return server.read_u8().await.map(|_octet| ());
                }
            }
            count = server.read(&mut answered) => {
                let message = &answered[..count?];
                if message.is_empty() {
                    return Ok(());
                }
                client.write_all(message).await?;
            }
        }
    }
}

/// The fault for this COMMIT; the next one is spared.
fn strike(fault: &Mutex<Fault>) -> Fault {
    let mut fault = fault.lock().unwrap();
    let now = *fault;
    *fault = match now {
        Fault::LoseAnswerAndNetwork | Fault::Down => Fault::Down,
        Fault::None | Fault::LoseAnswer | Fault::LoseCommit => Fault::None,
    };
    now
}
