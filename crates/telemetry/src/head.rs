//! Which requests are traced: decided at their head, before anything is made of them.
//!
//! A request that comes with a `traceparent` is traced if that says so; of the others a share is.
//! Everything below such a request is traced with it, and nothing else.

use crate::{context::TraceParent, installed::installed};

/// What decides. `Copy`, and without effect where traces go nowhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head {
    /// None where traces go nowhere.
    ratio: Option<f64>,
}

/// Where the trace of a request begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// With the request.
    Here,
    /// With whoever sent it.
    Remote(TraceParent),
}

impl Head {
    /// Traces nothing.
    pub const OFF: Self = Self { ratio: None };

    /// As this process was set up by [`crate::init()`]; [`Self::OFF`] where it was not, or sends no
    /// traces.
    pub fn of_process() -> Self {
        Self {
            ratio: installed().map(|installed| installed.ratio),
        }
    }

    /// Traces this share, 0 to 1, of requests without a `traceparent`.
    pub const fn with_ratio(ratio: f64) -> Self {
        Self { ratio: Some(ratio) }
    }

    /// Whether a request with this `traceparent` field, if it has one, is traced, and from where.
    /// Draws a random number where it must.
    pub fn decide(self, traceparent: Option<&[u8]>) -> Option<Origin> {
        let ratio = self.ratio?;
        match traceparent.and_then(TraceParent::parse) {
            Some(parent) => parent.is_sampled().then_some(Origin::Remote(parent)),
            None => (fastrand::f64() < ratio).then_some(Origin::Here),
        }
    }

    /// Whether a `traceparent` alone asks for a trace. Draws nothing.
    pub fn is_asked_by(self, traceparent: &[u8]) -> bool {
        self.ratio.is_some() && TraceParent::asks(traceparent)
    }

    /// The same share for whoever cannot afford a random number for each request.
    pub fn countdown(self) -> Countdown {
        let mut countdown = Countdown {
            ratio: self.ratio.unwrap_or(0.0),
            left: 0,
        };
        countdown.restart();
        countdown
    }
}

/// Counts down to the next request that is traced: a subtraction for each.
///
/// The distances are drawn as if each request had been drawn for by itself, so no pattern of
/// requests is seen more often than another.
#[derive(Debug, Clone)]
pub struct Countdown {
    ratio: f64,
    left: u64,
}

impl Countdown {
    /// Counts a request, and says whether it is one to trace. [`Self::restart`] must follow where it
    /// is.
    #[inline]
    pub fn is_due(&mut self) -> bool {
        self.left -= 1;
        self.left == 0
    }

    /// Begins anew.
    pub fn restart(&mut self) {
        self.left = if self.ratio <= 0.0 {
            // Some thousand years of requests.
            u64::MAX
        } else if self.ratio >= 1.0 {
            1
        } else {
            let drawn = 1.0 - fastrand::f64();
            distance(drawn.ln() / (-self.ratio).ln_1p())
        };
    }

    /// The request that was due is not traced now: the next one is.
    pub fn postpone(&mut self) {
        self.left = 1;
    }
}

/// Of a geometric distribution, by inversion.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast to an integer saturates"
)]
fn distance(drawn: f64) -> u64 {
    (drawn as u64).saturating_add(1)
}
