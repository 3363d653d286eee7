//! A bounded set of threads for work that only computes.

use std::{num::NonZeroUsize, sync::Arc};

use bytes::Bytes;
use shared::Representation;
use tokio::{sync::Semaphore, task};

use super::{CODED_BYTES_MIN, Codings, render};

/// Runs [`render`] on threads of its own, so that compressing one large document never keeps the
/// async workers from answering others.
///
/// Cheap to clone; clones share the threads.
#[derive(Debug, Clone)]
pub struct Renderer {
    codings: Codings,
    /// One permit per thread in use. Who finds none waits in line; how many can wait is bounded
    /// by the connections the server accepts.
    permits: Arc<Semaphore>,
}

impl Renderer {
    /// A renderer that uses at most `threads` of the runtime's blocking threads at once.
    pub fn new(codings: Codings, threads: NonZeroUsize) -> Self {
        Self {
            codings,
            permits: Arc::new(Semaphore::new(threads.get())),
        }
    }

    /// The codings it renders in.
    pub fn codings(&self) -> Codings {
        self.codings
    }

    /// The representations of a body; see [`render`].
    ///
    /// # Panics
    /// If an encoder panics.
    ///
    /// # Cancel safety
    /// Dropping it gives up the result; work that has begun is finished first.
    pub async fn render(&self, body: Bytes) -> Vec<Representation> {
        let codings = self.codings;
        self.press(body.len(), move || render(&body, codings)).await
    }

    /// Runs `work` whose cost is that of pressing a body of `body_bytes`: at once, on the caller's
    /// thread, where the body is too short to be compressed. That takes a few microseconds, less
    /// than it takes to change threads and back.
    ///
    /// # Panics
    /// If `work` panics, with its panic.
    ///
    /// # Cancel safety
    /// As [`Self::run`].
    pub async fn press<T, F>(&self, body_bytes: usize, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if body_bytes < CODED_BYTES_MIN {
            work()
        } else {
            self.run(work).await
        }
    }

    /// Runs `work` on one of the threads, e.g. to parse a body and render it in one go.
    ///
    /// # Panics
    /// If `work` panics, with its panic.
    ///
    /// # Cancel safety
    /// Dropping it gives up the result; work that has begun is finished first, and holds its
    /// thread until then.
    pub async fn run<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        // The semaphore is never closed; without a permit the work would still be right.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let job = task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        match job.await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_cancelled) => ended().await,
            },
        }
    }
}

/// The runtime is shutting down and dropped the job unrun. It drops this task next.
async fn ended<T>() -> T {
    std::future::pending().await
}
