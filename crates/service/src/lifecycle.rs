//! Serve, drain, close: how a process ends without failing anybody.
//!
//! A gateway needs a moment to notice that a process goes away. So the first signal only makes it
//! say so (`/health` and readiness fail, answers carry `Connection: close`) while it serves on;
//! after the drain delay it stops accepting and finishes what is in flight within the grace
//! period. A second signal ends it at once.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Where a process stands between its start and its end. Only ever rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving, and says so.
    Serving = 0,
    /// Serving, but no longer ready: nobody should send more.
    Draining = 1,
    /// Accepting nothing, finishing what is in flight.
    Closing = 2,
}

/// A handle on the phase of this process. Cloning it is one atomic increment.
#[derive(Clone)]
pub struct Lifecycle {
    shared: Arc<Shared>,
}

struct Shared {
    /// Asked with each answer. Set before anybody is woken.
    phase: AtomicU8,
    /// Whether the process drains, and whether it closes. Two channels, so that whoever waits for
    /// its end is woken once: a wake-up for the drain would use a waker up that closing needs.
    draining: watch::Sender<bool>,
    closing: watch::Sender<bool>,
    drain_delay: Duration,
    grace: Duration,
}

impl Lifecycle {
    /// A process that serves. `drain_delay` is how long it serves on once it drains, `grace` how
    /// long requests in flight may take once it closes.
    pub fn new(drain_delay: Duration, grace: Duration) -> Self {
        Self {
            shared: Arc::new(Shared {
                phase: AtomicU8::new(Phase::Serving as u8),
                draining: watch::Sender::new(false),
                closing: watch::Sender::new(false),
                drain_delay,
                grace,
            }),
        }
    }

    /// The phase now. One atomic load.
    pub fn phase(&self) -> Phase {
        match self.shared.phase.load(Ordering::Acquire) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Closing,
        }
    }

    /// Whether the process serves and says so.
    pub fn is_serving(&self) -> bool {
        self.phase() == Phase::Serving
    }

    /// How long requests in flight may take once the process closes.
    pub fn grace(&self) -> Duration {
        self.shared.grace
    }

    /// Moves on to draining, unless the process is further already.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Moves on to closing.
    pub fn close(&self) {
        self.advance(Phase::Closing);
    }

    /// Waits until the process drains, or is further.
    ///
    /// # Cancel safety
    /// Nothing is lost by dropping it.
    pub async fn draining(&self) {
        told(&self.shared.draining).await;
    }

    /// Waits until the process closes.
    ///
    /// # Cancel safety
    /// Nothing is lost by dropping it.
    pub async fn closing(&self) {
        told(&self.shared.closing).await;
    }

    /// Drains on the first signal, closes after the drain delay, and returns on the second
    /// signal, which asks to end at once. Run it beside the servers: they return by themselves
    /// once they are closed.
    pub async fn follow_signals(&self, signals: Signals) {
        self.follow(signals).await;
    }

    pub(crate) async fn follow(&self, mut signals: impl SignalSource) {
        let name = signals.next().await;
        let delay = self.shared.drain_delay;
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(signal = name, delay_ms, "draining");
        self.drain();
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            name = signals.next() => {
                tracing::warn!(signal = name, "ending at once");
                return;
            }
        }
        tracing::info!("closing");
        self.close();
        let name = signals.next().await;
        tracing::warn!(signal = name, "ending at once");
    }

    fn advance(&self, to: Phase) {
        self.shared.phase.fetch_max(to as u8, Ordering::AcqRel);
        self.shared.draining.send_replace(true);
        if to == Phase::Closing {
            self.shared.closing.send_replace(true);
        }
    }
}

async fn told(channel: &watch::Sender<bool>) {
    let mut receiver = channel.subscribe();
    let told = receiver.wait_for(|told| *told).await;
    debug_assert!(told.is_ok(), "the caller holds the sender");
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lifecycle").field(&self.phase()).finish()
    }
}

/// Where signals come from: the system, or a test.
pub(crate) trait SignalSource {
    /// Waits for the next signal and gives its name.
    fn next(&mut self) -> impl Future<Output = &'static str> + Send;
}

impl SignalSource for Signals {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// SIGTERM and SIGINT.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes both signals over from now on; they no longer end the process by themselves.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}
