//! Writes that were under way when their connection ended.

use std::{net::SocketAddr, sync::Mutex};

use tokio::time::Instant;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) writer: SocketAddr,
    pub(super) began_at: Instant,
    pub(super) ended_at: Instant,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Cuts(Mutex<Vec<Cut>>);

impl Cuts {
    pub(super) fn note(&self, cut: Cut) {
        let mut cuts = self.0.lock().expect("no client panicked with it");
        cuts.push(cut);
    }

    /// How many were under way at a writer at this moment.
    pub(super) fn at(&self, writer: SocketAddr, moment: Instant) -> usize {
        let cuts = self.0.lock().expect("no client panicked with it");
        let was_under_way =
            |cut: &&Cut| cut.writer == writer && cut.began_at < moment && moment < cut.ended_at;
        cuts.iter().filter(was_under_way).count()
    }
}
