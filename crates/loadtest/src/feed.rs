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

use service::process::BoxError;

use crate::{section::Section, suite::Bench};

/// Measures everything: one table for each question.
///
/// # Errors
/// A server does not start or answer, or a reader does not become ready.
pub(crate) async fn measure(bench: &Bench<'_>) -> Result<Section, BoxError> {
    let binaries = bench.binaries();
    let parts = [
        apply::measure(),
        hydrate::measure(binaries, bench.config.documents).await?,
        stream::measure(binaries).await?,
        publish::measure().await?,
        propagate::measure().await?,
    ];
    Ok(Section {
        title: "Feed".to_owned(),
        text: parts.join("\n"),
        chart: None,
    })
}
