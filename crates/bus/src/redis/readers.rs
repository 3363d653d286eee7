//! What readers have registered.

use std::collections::BTreeMap;

use super::{RedisBus, deadline::OPERATION_TIMEOUT};
use crate::{
    BusError, Registration,
    limits::{READERS_MAX, STATUS_BYTES_MAX},
};

/// Keys that one step looks at, and statuses that one step reads.
const STEP: usize = 512;

/// Looking for them, for errors.
const LISTING: &str = "listing readers";

impl RedisBus {
    /// Walks through all keys: readers are few, and an index of them would outlive them.
    pub(super) async fn list_readers(&self) -> Result<Vec<Registration>, BusError> {
        let pattern = self.inner.keys.readers_pattern();
        // A key may be met twice.
        let mut readers = BTreeMap::new();
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern);
            scan.arg("COUNT").arg(STEP);
            let (next, found): (u64, Vec<String>) = self.read(scan).await?;
            if !found.is_empty() {
                let mut get = redis::cmd("MGET");
                get.arg(&found);
                let statuses: Vec<Option<String>> = self.read(get).await?;
                let is_within = |status: &String| status.len() <= STATUS_BYTES_MAX;
                let named = found.into_iter().zip(statuses);
                readers.extend(named.filter_map(|(key, status)| {
                    let status = status.filter(is_within)?;
                    Some((key, status))
                }));
            }
            if next == 0 || readers.len() >= READERS_MAX {
                break;
            }
            cursor = next;
        }
        let keys = &self.inner.keys;
        let registrations = readers.into_iter().filter_map(|(key, status)| {
            let reader = keys.reader_of(&key)?.to_owned();
            Some(Registration { reader, status })
        });
        Ok(registrations.take(READERS_MAX).collect())
    }

    async fn read<T: redis::FromRedisValue + Send>(
        &self,
        command: redis::Cmd,
    ) -> Result<T, BusError> {
        self.inner
            .connection
            .run(LISTING, OPERATION_TIMEOUT, |mut connection| async move {
                command.query_async(&mut connection).await
            })
            .await
    }
}
