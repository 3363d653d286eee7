//! Why the bus could not do what was asked.

/// A failed bus operation. Nothing is known about its effect, unless the variant says so.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Redis answered with an error, or the connection to it failed.
    #[error("{operation} failed")]
    Redis {
        /// What was being done.
        operation: &'static str,
        /// Redis' own word.
        #[source]
        source: ::redis::RedisError,
    },
    /// No answer within the operation's deadline.
    #[error("{0} took too long")]
    Timeout(&'static str),
    /// What the bus holds is not what this version writes.
    #[error("unexpected {0} in the bus")]
    Unexpected(&'static str),
    /// The bus is unusable as configured, e.g. it may evict keys.
    #[error("{0}")]
    Unsuitable(String),
    /// A fault that a test switched on in the memory bus.
    #[error("the bus is away")]
    Away,
}
