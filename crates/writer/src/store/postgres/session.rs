//! Connections to PostgreSQL: deadlines and checks.

use std::{future::Future, io, str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, FromRow,
    postgres::{PgConnectOptions, PgConnection},
};

use crate::store::StoreError;

/// How long one statement may run on the server. It is cancelled beyond that.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a statement may wait for the feed lock, or any other.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a session may hold a transaction open without a word before the server ends it.
///
/// This is the longest that a writer which froze or vanished amid a batch keeps the others from
/// writing. Below [`LOCK_TIMEOUT`], so that those who wait get their turn.
pub const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(5);

/// How long this side waits for an operation (a batch up to its COMMIT, COMMIT's answer, a page):
/// above [`STATEMENT_TIMEOUT`], so that it bites only where the network does not answer.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(12);

/// How long to wait for a connection of the pool, or for a new one while the database restarts.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long to wait for a connection outside the pool.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a leader may go without a beat before the server ends its session.
pub const LEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a leader waits for a beat's answer before it gives the lease up.
pub const BEAT_TIMEOUT: Duration = Duration::from_secs(1);

/// Upper bound on connections that carry batches: one for the committer, which has one batch in
/// flight, and one for whoever confirms the history meanwhile.
pub const COMMIT_CONNECTIONS_MAX: u32 = 2;

/// What an operator may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Upper bound on pooled connections. Defaults to 8. Batches have
    /// [`COMMIT_CONNECTIONS_MAX`] of their own; leadership and resolving a lost COMMIT answer take
    /// one more each.
    pub connections_max: u32,
    /// How long to try to find out what became of a batch whose COMMIT answer was lost. Defaults to
    /// 20 s. Beyond it clients are told that the outcome is unknown.
    pub resolve_timeout: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            connections_max: 8,
            resolve_timeout: Duration::from_secs(20),
        }
    }
}

/// Options for ordinary connections.
///
/// They have the server's deadlines, and the isolation level that waiting for the feed lock needs,
/// whatever the database defaults to. Plans are made anew each time: one that is kept from when a
/// table was small scans it when it has grown a thousandfold. Compiling plans costs more than any
/// of them takes.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    Ok(untimed_options(url)?.options([
        ("statement_timeout", milliseconds(STATEMENT_TIMEOUT)),
        ("lock_timeout", milliseconds(LOCK_TIMEOUT)),
        (
            "idle_in_transaction_session_timeout",
            milliseconds(IDLE_IN_TRANSACTION_TIMEOUT),
        ),
        ("default_transaction_isolation", "read committed".to_owned()),
        ("plan_cache_mode", "force_custom_plan".to_owned()),
        ("jit", "off".to_owned()),
    ]))
}

/// Options for connections that carry batches.
///
/// Their statements are the same each time, and planning one costs as much as applying thirty
/// rows. So their plans are kept, and made in a way that no table outgrows: by index, however
/// small a table was when the plan was made.
///
/// The one row of `feed` is still read by a sequential scan, there being no other way, at a cost
/// that the setting makes high enough for `jit`, were that not off.
pub(super) fn commit_options(ordinary: PgConnectOptions) -> PgConnectOptions {
    ordinary.options([
        ("plan_cache_mode", "force_generic_plan"),
        ("enable_seqscan", "off"),
    ])
}

/// Options without deadlines, for migrations.
pub(super) fn untimed_options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = parse(url).map_err(|complaint| {
        StoreError::Unsuitable(format!("the database's URL cannot be used: {complaint}"))
    })?;
    Ok(options
        .application_name("pressrun-writer")
        .disable_statement_logging())
}

/// What is wrong never has the password in it.
pub(super) fn parse(url: &str) -> Result<PgConnectOptions, String> {
    PgConnectOptions::from_str(url).map_err(|error| {
        // Each layer says the same before it.
        let complaint = error.to_string();
        let complaint = complaint.rsplit("error with configuration: ").next();
        complaint.unwrap_or_default().to_owned()
    })
}

/// A PostgreSQL setting's value.
pub(super) fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// A connection outside the pool.
pub(super) async fn open(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    within("connecting", CONNECT_TIMEOUT, options.connect()).await
}

/// Checks what must hold of every session before it may write.
pub(super) async fn check(connection: &mut PgConnection) -> Result<(), StoreError> {
    #[derive(FromRow)]
    struct Settings {
        synchronous_commit: String,
        is_standby: bool,
    }
    let query = sqlx::query_as(
        "SELECT current_setting('synchronous_commit') AS synchronous_commit,
            pg_is_in_recovery() AS is_standby",
    );
    let settings: Settings = within(
        "checking the session",
        OPERATION_TIMEOUT,
        query.fetch_one(connection),
    )
    .await?;
    refuse_asynchronous_commit(&settings.synchronous_commit)?;
    refuse_standby(settings.is_standby)
}

/// With `off`, PostgreSQL acknowledges commits that a crash loses. The setting is what server, role,
/// database and URL make of it; it is never changed here, because somebody chose it.
pub(super) fn refuse_asynchronous_commit(setting: &str) -> Result<(), StoreError> {
    if setting == "off" {
        return Err(StoreError::Unsuitable(
            "the database has synchronous_commit off: it would acknowledge writes that a crash \
             loses; set it to on for this database and role"
                .to_owned(),
        ));
    }
    Ok(())
}

/// What a standby says of the head is old.
pub(super) fn refuse_standby(is_standby: bool) -> Result<(), StoreError> {
    if is_standby {
        return Err(StoreError::Unsuitable(
            "the database is a standby; the writer needs the primary".to_owned(),
        ));
    }
    Ok(())
}

/// Waits for the database at most `deadline`.
pub(super) async fn within<T>(
    operation: &'static str,
    deadline: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    in_time(deadline, work)
        .await
        .map_err(StoreError::unavailable(operation))
}

/// As [`within`], for those who have yet to find out what an error means.
pub(super) async fn in_time<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(deadline, work).await {
        Ok(result) => result,
        Err(elapsed) => Err(sqlx::Error::Io(io::Error::new(
            io::ErrorKind::TimedOut,
            elapsed,
        ))),
    }
}
