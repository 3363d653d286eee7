//! The one connection that commands share.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, ErrorKind, RedisError, ServerErrorKind, aio::MultiplexedConnection,
};
use tokio::time::{Instant, timeout_at};

use super::{
    deadline::{CONNECT_TIMEOUT, within},
    master::Master,
    suitability,
};
use crate::BusError;

/// Makes connections, and keeps one for commands.
pub(super) struct Connection {
    master: Master,
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
    pub(super) fn new(master: Master) -> Self {
        Self {
            master,
            current: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// Where connections lead.
    pub(super) fn master(&self) -> &Master {
        &self.master
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

    /// A connection to the master of this moment that nobody else uses. It never reconnects.
    pub(super) async fn dedicated(&self) -> Result<MultiplexedConnection, BusError> {
        // Deadlines are kept around whole operations, not here around single answers.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None);
        let client = self.master.find_client().await?;
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let connection = within(CONNECT_TIMEOUT, "connecting to Redis", connecting).await?;
        tracing::info!(address = %client.get_connection_info().addr(), "connected to Redis");
        Ok(connection)
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
/// longer the master, or not of our slot, or that has lost its replicas and may be cut off from
/// those who have chosen another master.
fn is_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.code() == Some("NOREPLICAS")
        || matches!(
            error.kind(),
            ErrorKind::Io
                | ErrorKind::Server(
                    ServerErrorKind::ReadOnly
                        | ServerErrorKind::MasterDown
                        | ServerErrorKind::Moved
                        | ServerErrorKind::ClusterDown
                )
        )
}
