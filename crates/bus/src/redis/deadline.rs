//! How long Redis may take to answer.

use std::{future::Future, time::Duration};

use redis::RedisError;
use tokio::time::timeout;

use crate::BusError;

/// How long making a connection may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an ordinary operation may take, waiting for the connection included.
pub(super) const OPERATION_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a step of a rebuild, or a read of many documents, may take.
pub(super) const BULK_TIMEOUT: Duration = Duration::from_secs(5);

/// Waits for an answer of Redis, but not for ever.
pub(super) async fn within<T>(
    limit: Duration,
    operation: &'static str,
    work: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, BusError> {
    match timeout(limit, work).await {
        Ok(answer) => answer.map_err(failed(operation)),
        Err(_elapsed) => Err(BusError::Timeout(operation)),
    }
}

/// Names the operation that failed.
pub(super) fn failed(operation: &'static str) -> impl FnOnce(RedisError) -> BusError {
    move |source| BusError::Redis { operation, source }
}
