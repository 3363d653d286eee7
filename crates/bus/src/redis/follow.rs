//! The readers' side of the bus over Redis.

use async_trait::async_trait;
use shared::{Position, ResourceKey, limits::PROBES_MAX};

use super::{
    RedisBus, deadline::OPERATION_TIMEOUT, keys::build_text, scripts, snapshot::RedisSnapshot,
    subscription,
};
use crate::{
    Build, BusError, Follower, Lookup, Refusal, Replay, SnapshotReader, Subscription,
    stored::{check_reader_id, check_status},
};

/// After how many seconds all probes are forgotten, those of readers gone among them. Living
/// readers lose at most one renewal of theirs, 250 ms.
const PROBES_FORGOTTEN_S: u64 = 60;

/// For how many seconds a reader's registration stands.
const REGISTRATION_S: u64 = 5;

#[async_trait]
impl Follower for RedisBus {
    async fn subscribe(&self) -> Result<Subscription, BusError> {
        subscription::subscribe(self.inner.connection.master(), self.inner.keys.feed()).await
    }

    async fn snapshot(&self) -> Result<Box<dyn SnapshotReader>, BusError> {
        let info = self.inner.connection.master().find().await?;
        Ok(Box::new(RedisSnapshot::open(self.clone(), info).await?))
    }

    async fn replay(&self, after: Position) -> Result<Replay, BusError> {
        self.replay_page(after).await
    }

    async fn lookup(&self, key: &ResourceKey) -> Result<Lookup, BusError> {
        self.look_up(key).await
    }

    async fn report_lost(&self, build: Build, bucket: u32) -> Result<(), BusError> {
        let keys = &self.inner.keys;
        let script = &self.inner.scripts.report_lost;
        let mut call = scripts::call(script, &[&keys.meta()]);
        call.arg(build_text(build))
            .arg(bucket)
            .arg(keys.bucket(build, bucket));
        let reported = self
            .answer("reporting a lost bucket", OPERATION_TIMEOUT, script, call)
            .await?;
        expect_no_refusal(reported.done())
    }

    async fn probe(&self, reader: &str, nonce: u64) -> Result<(), BusError> {
        check_reader_id(reader)?;
        let script = &self.inner.scripts.probe;
        let mut call = scripts::call(script, &[&self.inner.keys.probes()]);
        call.arg(reader)
            .arg(nonce)
            .arg(PROBES_MAX)
            .arg(PROBES_FORGOTTEN_S);
        let left = self
            .answer("leaving a probe", OPERATION_TIMEOUT, script, call)
            .await?;
        expect_no_refusal(left.done())
    }

    async fn register(&self, reader: &str, status: &str) -> Result<(), BusError> {
        check_reader_id(reader)?;
        check_status(status)?;
        let mut set = redis::cmd("SET");
        set.arg(self.inner.keys.reader(reader))
            .arg(status)
            .arg("EX")
            .arg(REGISTRATION_S);
        self.inner
            .connection
            .run(
                "registering",
                OPERATION_TIMEOUT,
                |mut connection| async move { set.exec_async(&mut connection).await },
            )
            .await
    }
}

/// For scripts that refuse nothing.
fn expect_no_refusal(answer: Result<(), Refusal>) -> Result<(), BusError> {
    answer.or(Err(BusError::Unexpected("answer of a script")))
}
