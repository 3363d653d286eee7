//! Why the truth could not be written or read.

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, busy beyond its deadlines, or answered with an error; a transaction
    /// that was under way was rolled back or never began.
    #[error("{operation} failed")]
    Unavailable {
        /// What was being done.
        operation: &'static str,
        /// The database's own word.
        #[source]
        source: sqlx::Error,
    },
    /// COMMIT was sent and no answer came, and looking the batch's link up failed as well: whether
    /// the batch is stored is unknown.
    #[error("the outcome of a commit is unknown")]
    CommitUnknown(#[source] sqlx::Error),
    /// The database is well and refuses what the batch holds, e.g. text that is not JSON. The whole
    /// batch was rolled back; its other mutations will succeed without the one at fault.
    #[error("the database refuses the batch")]
    Refused(#[source] sqlx::Error),
    /// The database is not fit to hold the truth, e.g. `synchronous_commit` is off.
    #[error("{0}")]
    Unsuitable(String),
    /// The schema is not the one this version needs.
    #[error("migrations failed")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The database holds what this version never writes.
    #[error("unexpected {0} in the database")]
    Unexpected(&'static str),
}

impl StoreError {
    /// For `map_err`: the database's word on an operation that changed nothing.
    pub(super) fn unavailable(operation: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Unavailable { operation, source }
    }
}
