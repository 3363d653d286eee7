//! Waiting on levels.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};

/// How long [`eventually`] waits: far above what any awaited state takes, so that only a fault
/// reaches it.
pub const DEADLINE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(10);

/// Asks `probe` again and again until it gives a value.
///
/// # Panics
/// It gives none within [`DEADLINE`]; the message says `what` was awaited.
pub async fn eventually<T, F, Fut>(what: &str, mut probe: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        sleep(PAUSE).await;
    }
}
