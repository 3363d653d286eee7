//! Room for one operation under way.

use std::{fmt, future::Future, pin::Pin};

/// At most one running operation. Putting another one in drops, and so cancels, the one before.
pub(super) struct Slot<T>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T> Slot<T> {
    pub(super) fn empty() -> Self {
        Self(None)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn put(&mut self, operation: impl Future<Output = T> + Send + 'static) {
        self.0 = Some(Box::pin(operation));
    }

    /// What the operation came to; never, while there is none.
    ///
    /// # Cancel safety
    /// Cancel safe: the operation stays where it is.
    pub(super) async fn finished(&mut self) -> T {
        let Some(operation) = &mut self.0 else {
            return std::future::pending().await;
        };
        let outcome = operation.await;
        self.0 = None;
        outcome
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() {
            "Slot(empty)"
        } else {
            "Slot(running)"
        })
    }
}
