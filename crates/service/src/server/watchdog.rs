//! When a connection has used up its time. Pure: it reads no clock unless it must arm, and sets
//! no timer.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Limits,
    meter::{Reading, Stage},
};

/// Judges a connection's readings.
///
/// It is lazy, so that a busy connection never touches a timer: the deadline armed while a
/// connection waited for its first request stays armed over the requests that follow, and is
/// only judged when it fires. So a stage may last up to twice its limit, never less than it.
#[derive(Debug)]
pub(crate) struct Watchdog {
    limits: Limits,
    armed: Option<Armed>,
}

#[derive(Debug)]
struct Armed {
    /// What it looked like then.
    then: Reading,
    deadline: Instant,
}

impl Watchdog {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            armed: None,
        }
    }

    /// To be called with each reading. Gives a deadline where the timer is to be set anew; only
    /// then is the clock read.
    pub(crate) fn observe(
        &mut self,
        reading: Reading,
        now: impl FnOnce() -> Instant,
    ) -> Option<Instant> {
        // What is armed is judged when it fires, whatever happened since.
        let same = |armed: &Armed| armed.then.stage == reading.stage;
        if reading.stage == Stage::Working || self.armed.as_ref().is_some_and(same) {
            return None;
        }
        self.arm(reading, now())
    }

    /// To be called when the timer has fired. Gives the stage whose limit is broken, or a
    /// deadline for the timer, or neither where nothing is limited now.
    pub(crate) fn judge(
        &mut self,
        reading: Reading,
        now: Instant,
    ) -> Result<Option<Instant>, Stage> {
        let Some(Armed { then, deadline }) = self.armed.take() else {
            return Ok(None);
        };
        if now < deadline {
            self.armed = Some(Armed { then, deadline });
            return Ok(Some(deadline));
        }
        let broken = then.stage == reading.stage
            && match reading.stage {
                Stage::Waiting | Stage::Head => then.requests == reading.requests,
                Stage::Content => {
                    reading.received - then.received < self.limits.content_bytes_min
                        && then.requests == reading.requests
                }
                Stage::Blocked => then.sent == reading.sent,
                Stage::Working => false,
            };
        if broken {
            return Err(reading.stage);
        }
        Ok(self.arm(reading, now))
    }

    fn arm(&mut self, reading: Reading, now: Instant) -> Option<Instant> {
        let limit = self.limit(reading)?;
        let deadline = now + limit;
        self.armed = Some(Armed {
            then: reading,
            deadline,
        });
        Some(deadline)
    }

    fn limit(&self, reading: Reading) -> Option<Duration> {
        match reading.stage {
            // Nobody opens a connection to say nothing.
            Stage::Waiting if reading.requests == 0 => Some(self.limits.head_timeout),
            Stage::Waiting => Some(self.limits.idle_timeout),
            Stage::Head => Some(self.limits.head_timeout),
            Stage::Content => Some(self.limits.content_timeout),
            Stage::Blocked => Some(self.limits.write_timeout),
            Stage::Working => None,
        }
    }
}
