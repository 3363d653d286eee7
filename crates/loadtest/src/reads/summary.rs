//! What the rounds come to: medians, and ratios to the baseline.

use super::{
    measure::{Measured, Measurement},
    scenario::Role,
};
use crate::decimal::ratio;

/// One scenario over all rounds. Every number is a median of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) requests_per_second: u64,
    pub(crate) p50_micros: u64,
    pub(crate) p99_micros: u64,
    /// Processor time of all that worked, in nanoseconds for each request.
    pub(crate) cost_nanos: u64,
    /// The same for each of them.
    pub(crate) costs_nanos: Vec<(Role, u64)>,
    /// How many cores those that worked have used, in thousandths: near 1,000 where the server
    /// was what limited the rate.
    pub(crate) busy: u64,
    /// The same for wrk: near 1,000 the client was what limited the rate.
    pub(crate) client_busy: u64,
    /// Octets of one answer, its head included.
    pub(crate) answer_bytes: u64,
    /// `requests_per_second` over the baseline's, in thousandths.
    pub(crate) speed_ratio: u64,
    /// `cost_nanos` over the baseline's, in thousandths.
    pub(crate) cost_ratio: u64,
}

/// One line for each scenario. The first one is the baseline.
pub(crate) fn summarise(all: &[Measured]) -> Vec<Line> {
    let mut lines: Vec<Line> = all.iter().map(line).collect();
    if let Some(baseline) = lines.first().cloned() {
        for line in &mut lines {
            line.speed_ratio = ratio(line.requests_per_second, baseline.requests_per_second);
            line.cost_ratio = ratio(line.cost_nanos, baseline.cost_nanos);
        }
    }
    lines
}

fn line(measured: &Measured) -> Line {
    let rounds = &measured.rounds;
    let of = |value: &dyn Fn(&Measurement) -> u64| median(rounds.iter().map(value).collect());
    let roles = rounds.first().map_or(&[][..], |first| &first.used);
    Line {
        name: measured.name,
        requests_per_second: of(&Measurement::requests_per_second),
        p50_micros: of(&|one| one.seen.p50_micros),
        p99_micros: of(&|one| one.seen.p99_micros),
        cost_nanos: of(&Measurement::cost_nanos),
        costs_nanos: (0..roles.len())
            .map(|at| {
                (
                    roles[at].0,
                    of(&|one| one.used[at].1 / one.seen.requests.max(1)),
                )
            })
            .collect(),
        busy: of(&|one| ratio(one.used_nanos() / 1000, one.seen.duration_micros)),
        client_busy: of(&|one| ratio(one.client_nanos / 1000, one.seen.duration_micros)),
        answer_bytes: of(&|one| one.seen.bytes / one.seen.requests.max(1)),
        speed_ratio: 0,
        cost_ratio: 0,
    }
}

impl Measurement {
    pub(crate) fn requests_per_second(&self) -> u64 {
        (self.seen.requests * 1_000_000)
            .checked_div(self.seen.duration_micros)
            .unwrap_or(0)
    }

    pub(crate) fn cost_nanos(&self) -> u64 {
        self.used_nanos() / self.seen.requests.max(1)
    }

    fn used_nanos(&self) -> u64 {
        self.used.iter().map(|(_, nanos)| nanos).sum()
    }
}

/// The middle one; of an even number the higher of the two in the middle.
pub(crate) fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
