//! Whether a Redis server may be used at all.

use redis::{ErrorKind, InfoDict, ServerErrorKind, aio::MultiplexedConnection};

use super::deadline::{OPERATION_TIMEOUT, within};
use crate::BusError;

/// Refuses servers that may evict keys: with parts of the snapshot gone unnoticed, readers would
/// serve holes as documents that do not exist. Looked at when connecting; by INFO, because
/// managed servers often forbid CONFIG.
///
/// A server that forbids INFO too is used, with a warning.
///
/// # Errors
/// The server evicts, or does not answer.
pub(super) async fn check(connection: &mut MultiplexedConnection) -> Result<(), BusError> {
    let mut info = redis::cmd("INFO");
    let answer = info.arg("memory").query_async::<InfoDict>(connection);
    let operation = "asking Redis for its memory policy";
    let info = match within(OPERATION_TIMEOUT, operation, answer).await {
        Err(BusError::Redis { source, .. })
            if source.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) =>
        {
            tracing::warn!("Redis does not let this user see whether it may evict keys (INFO)");
            return Ok(());
        }
        answer => answer?,
    };
    let has_limit = info.get::<u64>("maxmemory").is_some_and(|limit| limit > 0);
    match info.get::<String>("maxmemory_policy") {
        Some(policy) if has_limit && policy != "noeviction" => Err(BusError::Unsuitable(format!(
            "Redis may evict keys: maxmemory is set and maxmemory-policy is {policy}; set it to noeviction"
        ))),
        _ => Ok(()),
    }
}
