//! The figures of this suite.

use super::{Measured, oha::Waits};
use crate::{
    bars::{self, Bar},
    decimal::{grouped, ratio, two_decimals},
    reads::summary::median,
    section::Chart,
};

/// Medians over the rounds; ratios are to the first line.
pub(crate) fn medians(all: &[Measured]) -> String {
    let mut rows = vec![
        "| asked | answers/s | p50 ms | p99 ms | p99.9 ms | p99 to the floor's |".to_owned(),
        "| --- | ---: | ---: | ---: | ---: | ---: |".to_owned(),
    ];
    let floor = all
        .first()
        .map_or(0, |first| of(first, |one| one.p99_micros));
    rows.extend(all.iter().map(|measured| {
        let p99 = of(measured, |one| one.p99_micros);
        format!(
            "| {} | {} | {} | {} | {} | {} |",
            measured.name,
            grouped(of(measured, |one| one.requests_per_second)),
            two_decimals(of(measured, |one| one.p50_micros)),
            two_decimals(p99),
            two_decimals(of(measured, |one| one.p999_micros)),
            two_decimals(ratio(p99, floor)),
        )
    }));
    rows.join("\n")
}

/// Each round.
pub(crate) fn rounds(all: &[Measured]) -> String {
    let mut rows = vec![
        "| asked | round | answers/s | p50 ms | p99 ms | p99.9 ms |".to_owned(),
        "| --- | ---: | ---: | ---: | ---: | ---: |".to_owned(),
    ];
    for measured in all {
        for (round, one) in (1..).zip(&measured.rounds) {
            rows.push(format!(
                "| {} | {round} | {} | {} | {} | {} |",
                measured.name,
                grouped(one.requests_per_second),
                two_decimals(one.p50_micros),
                two_decimals(one.p99_micros),
                two_decimals(one.p999_micros),
            ));
        }
    }
    rows.join("\n")
}

/// p50 and p99 as bars.
pub(crate) fn chart(all: &[Measured]) -> Chart {
    let bars: Vec<Bar> = all
        .iter()
        .flat_map(|measured| {
            [
                ("p50", of(measured, |one| one.p50_micros)),
                ("p99", of(measured, |one| one.p99_micros)),
                ("p99.9", of(measured, |one| one.p999_micros)),
            ]
            .map(|(percentile, micros)| Bar {
                name: format!("{}, {percentile}", measured.name),
                value: micros,
                shown: format!("{} ms", two_decimals(micros)),
            })
        })
        .collect();
    Chart {
        name: "latency",
        description: "How long clients wait at half of the peak rate",
        svg: bars::draw("wait at half of the peak rate (less is better)", &bars),
    }
}

fn of(measured: &Measured, value: impl Fn(&Waits) -> u64) -> u64 {
    median(measured.rounds.iter().map(value).collect())
}
