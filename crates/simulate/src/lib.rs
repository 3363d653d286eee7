//! One deterministic world of faults: writers, a database, a bus and readers on one thread and in
//! virtual time, everything in it drawn from one seed.
//!
//! # What is real, and what is a model
//!
//! Real: the readers' state machine (`reader::replica`) and the judgement of token reads
//! (`reader::reached`); the memory bus with its faults; of the writer the group commit, the
//! publisher and the whole leader (lease, heartbeat, sweep, rebuild, comparison, walk, retention);
//! the envelope's coding.
//!
//! Modelled: the database (`database`, behind the real `Store` trait), the reader's driver and
//! catalog (`reader`), the writer's internal plane (`reader::writer_side`), the network.
//!
//! # Rules
//!
//! Every [`Rule`] can be taken away. It is always taken away at a seam of the model (the database,
//! the lines to the bus, the reader's driver), so that what is shipped has no switch in it.
//!
//! # Determinism
//!
//! A world runs on a runtime of its own with paused time. Every delay, fault and choice comes from
//! the seed: what is drawn inside the writer (builds) comes from the thread's generator, which is
//! seeded too.

mod campaign;
mod database;
mod ground;
mod history;
mod line;
mod reader;
mod rules;
mod store;
mod weather;
mod world;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use campaign::{Report, campaign};
pub use rules::{Rule, Rules};
pub use world::Ending;
use world::World;

/// What is told of each world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// How it ended.
    Ending,
    /// Everything that happened in it.
    Trace,
}

/// Runs the world of a seed, on this thread. The same seed and rules give the same world.
pub fn simulate(seed: u64, rules: Rules, detail: Detail) -> Ending {
    let run = || {
        fastrand::seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap_or_else(|error| {
                unreachable!("time alone needs nothing of the system: {error}")
            });
        runtime.block_on(async { World::new(seed, rules, detail == Detail::Trace).run().await })
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_panic| Ending {
        broken: Some("panicked".to_owned()),
        converged_after: std::time::Duration::ZERO,
        was_damaged: false,
        trace: Vec::new(),
    })
}
