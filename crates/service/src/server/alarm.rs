//! What wakes a connection besides its socket: the time, and the process's end.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::{
    Limits,
    meter::{Meter, Stage},
    watchdog::Watchdog,
};
use crate::{Lifecycle, Phase};

/// How long a connection without a request stays once the process closes: a request that is in
/// the kernel's buffers already should be answered, not reset.
const LAST_CALL: Duration = Duration::from_millis(100);

/// A watchdog and its timer.
#[derive(Debug)]
pub(super) struct Timer {
    watchdog: Watchdog,
    /// Set to the watchdog's deadline; none while it has none.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            watchdog: Watchdog::new(limits),
            sleep: None,
        }
    }

    /// Ready with the stage whose limit is broken. To be polled whenever the meter may have moved.
    pub(super) fn poll(&mut self, meter: &Meter, cx: &mut Context<'_>) -> Poll<Stage> {
        let mut deadline = self.watchdog.observe(meter.read(), Instant::now);
        loop {
            if let Some(deadline) = deadline {
                match &mut self.sleep {
                    Some(sleep) => sleep.as_mut().reset(deadline),
                    None => self.sleep = Some(Box::pin(sleep_until(deadline))),
                }
            }
            let Some(sleep) = &mut self.sleep else {
                return Poll::Pending;
            };
            ready!(sleep.as_mut().poll(cx));
            match self.watchdog.judge(meter.read(), Instant::now()) {
                Err(stage) => return Poll::Ready(stage),
                Ok(Some(next)) => deadline = Some(next),
                Ok(None) => {
                    self.sleep = None;
                    return Poll::Pending;
                }
            }
        }
    }
}

/// Becomes ready once, [`LAST_CALL`] after the process closes.
pub(super) struct Closing {
    lifecycle: Lifecycle,
    /// None once it has been told.
    reached: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The phase in which the waker was last registered. Each change of phase uses it up.
    registered_in: Option<Phase>,
}

impl Closing {
    pub(super) fn of(lifecycle: &Lifecycle) -> Self {
        let waiting = lifecycle.clone();
        Self {
            lifecycle: lifecycle.clone(),
            reached: Some(Box::pin(async move {
                waiting.closing().await;
                sleep(LAST_CALL).await;
            })),
            registered_in: None,
        }
    }

    /// To be polled by one task only: its waker is registered once per phase, because registering
    /// takes a lock that all connections share. After that an atomic load tells whether to look.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let phase = self.lifecycle.phase();
        if self.registered_in == Some(phase) && phase < Phase::Closing {
            return Poll::Pending;
        }
        let Some(reached) = &mut self.reached else {
            return Poll::Pending;
        };
        self.registered_in = Some(phase);
        ready!(reached.as_mut().poll(cx));
        self.reached = None;
        Poll::Ready(())
    }
}

impl fmt::Debug for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Closing").field(&self.lifecycle).finish()
    }
}
