//! The one connection that commands share.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError,
    ServerErrorKind, TlsCertificates, aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use tokio::time::{Instant, timeout_at};

use super::{
    deadline::{CONNECT_TIMEOUT, failed, within},
    suitability, tls,
};
use crate::BusError;

/// Makes connections, and keeps one for commands.
pub(super) struct Connection {
    client: Client,
    /// For connections that the library does not make.
    tls: Option<Arc<rustls::ClientConfig>>,
    current: Mutex<Current>,
    /// Held by whoever connects; the others wait for that connection.
    connecting: tokio::sync::Mutex<()>,
}

/// The connection in use.
#[derive(Default)]
struct Current {
    /// How many there have been: tells a connection from those after it.
    number: u64,
    handle: Option<MultiplexedConnection>,
}

impl Connection {
    /// `ca`: authorities to be believed in place of the system's, PEM; over TLS only.
    pub(super) fn open(url: &str, ca: Option<&[u8]>) -> Result<Self, BusError> {
        let info = url
            .into_connection_info()
            .map_err(failed("parsing the URL of Redis"))?;
        // The library leaves Nagle's algorithm on: it would hold the last part of a batch back
        // until the parts before are acknowledged.
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let is_tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        let client = match ca {
            None => Client::open(info),
            Some(ca) => Client::build_with_tls(
                info,
                TlsCertificates {
                    client_tls: None,
                    root_cert: Some(ca.to_vec()),
                },
            ),
        };
        let tls = is_tls.then(|| tls::config(ca)).transpose();
        Ok(Self {
            client: client.map_err(failed("parsing the URL of Redis"))?,
            tls: tls.map_err(failed("preparing TLS to Redis"))?,
            current: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn tls(&self) -> Option<Arc<rustls::ClientConfig>> {
        self.tls.clone()
    }

    /// Does `work` on the shared connection within `limit`, connecting first if need be. After a
    /// timeout or a failure of the connection the next operation connects anew.
    pub(super) async fn run<T, F, Work>(
        &self,
        operation: &'static str,
        limit: Duration,
        work: F,
    ) -> Result<T, BusError>
    where
        F: FnOnce(MultiplexedConnection) -> Work + Send,
        Work: Future<Output = Result<T, RedisError>> + Send,
    {
        let deadline = Instant::now() + limit;
        let connecting = timeout_at(deadline, self.shared());
        let (number, handle) = connecting.await.or(Err(BusError::Timeout(operation)))??;
        match timeout_at(deadline, work(handle)).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(source)) => {
                if is_broken(&source) {
                    self.discard(number);
                }
                Err(BusError::Redis { operation, source })
            }
            Err(_elapsed) => {
                // Its answers may come late, or never: half-open connections look like this.
                self.discard(number);
                Err(BusError::Timeout(operation))
            }
        }
    }

    /// A connection that nobody else uses. It never reconnects.
    pub(super) async fn dedicated(&self) -> Result<MultiplexedConnection, BusError> {
        // Deadlines are kept around whole operations, not here around single answers.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None);
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        within(CONNECT_TIMEOUT, "connecting to Redis", connecting).await
    }

    async fn shared(&self) -> Result<(u64, MultiplexedConnection), BusError> {
        if let Some(shared) = self.current() {
            return Ok(shared);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(shared) = self.current() {
            return Ok(shared);
        }
        let mut handle = self.dedicated().await?;
        suitability::check(&mut handle).await?;
        let mut current = self.lock();
        current.number += 1;
        current.handle = Some(handle.clone());
        Ok((current.number, handle))
    }

    fn current(&self) -> Option<(u64, MultiplexedConnection)> {
        let current = self.lock();
        Some((current.number, current.handle.clone()?))
    }

    fn discard(&self, number: u64) {
        let mut current = self.lock();
        if current.number == number {
            current.handle = None;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether another connection may do better: this one is lost, or leads to a server that is no
/// longer the primary.
fn is_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::Io
                | ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        )
}
