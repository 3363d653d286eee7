//! The feed's suite: how quickly documents get into readers, and what that costs Redis.
//!
//! Each figure stands beside its baseline, measured in the same run. Nothing is pinned: a
//! hydration or a stream of changes keeps Redis busy on one core and the reader on another.

mod apply;
mod distribution;
mod follower;
mod hydrate;
mod process;
mod propagate;
mod publish;
mod stage;
mod stream;
mod wire;

use std::path::Path;

use service::process::BoxError;

/// Measures everything and tells it as Markdown: one table for each question. `binaries` is the
/// directory that holds `reader`; `documents` is the size of the set that is hydrated.
///
/// # Errors
/// A server does not start or answer, or a reader does not become ready.
pub(crate) async fn measure(binaries: &Path, documents: u64) -> Result<String, BoxError> {
    let parts = [
        apply::measure(),
        hydrate::measure(binaries, documents).await?,
        stream::measure(binaries).await?,
        publish::measure().await?,
        propagate::measure().await?,
    ];
    Ok(parts.join("\n"))
}
