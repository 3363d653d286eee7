//! Readiness as latches: ready once every part has let go.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Whether every part of a process is ready. Cloning it is one atomic increment.
///
/// Once [`Self::is_ready`] returns true, it never returns false again: new latches come from
/// held ones only. What may come and go (a drain, a reader that lost its place) is judged beside
/// it.
#[derive(Clone)]
pub struct Readiness {
    shared: Arc<Shared>,
}

/// Held by a part that is not ready yet; dropping it says that it is.
#[must_use = "dropping a latch says that its part is ready"]
pub struct Latch {
    shared: Arc<Shared>,
    part: &'static str,
}

struct Shared {
    held: AtomicUsize,
    /// The parts that hold a latch, one entry for each.
    parts: Mutex<Vec<&'static str>>,
}

impl Readiness {
    /// Readiness that waits for one part, named as operators know it.
    pub fn awaiting(part: &'static str) -> (Self, Latch) {
        let shared = Arc::new(Shared {
            held: AtomicUsize::new(0),
            parts: Mutex::new(Vec::new()),
        });
        let latch = Latch::hold(Arc::clone(&shared), part);
        (Self { shared }, latch)
    }

    /// Whether every part is ready. One atomic load.
    pub fn is_ready(&self) -> bool {
        self.shared.held.load(Ordering::Acquire) == 0
    }

    /// The parts that are not ready yet, in the order in which they began to wait.
    pub fn waiting_for(&self) -> Vec<&'static str> {
        let parts = self.shared.parts.lock();
        parts.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Latch {
    /// A latch for another part. Only who is not ready yet can make more wait.
    pub fn and(&self, part: &'static str) -> Self {
        Self::hold(Arc::clone(&self.shared), part)
    }

    /// Says that this part is ready. The same as dropping the latch.
    pub fn release(self) {}

    fn hold(shared: Arc<Shared>, part: &'static str) -> Self {
        shared.held.fetch_add(1, Ordering::AcqRel);
        let parts = shared.parts.lock();
        parts.unwrap_or_else(PoisonError::into_inner).push(part);
        Self { shared, part }
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        let parts = self.shared.parts.lock();
        let mut parts = parts.unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = parts.iter().position(|part| *part == self.part) {
            parts.remove(index);
        }
        self.shared.held.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("waiting_for", &self.waiting_for())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Latch").field(&self.part).finish()
    }
}
