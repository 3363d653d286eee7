//! The figures of this suite, in Markdown.

use super::{
    measure::{Measured, Measurement},
    scenario::{CLIENT_ROWS, Load, POOL, ROWS},
};
use crate::{
    decimal::{grouped, one_decimal, ratio, two_decimals},
    reads::summary::median,
};

/// The medians.
pub(crate) fn medians(all: &[Measured]) -> String {
    let mut rows = vec![
        "| scenario | writes/s | p50 ms | p99 ms | writes/batch | CPU µs/write: writer | PostgreSQL | \
         Redis |"
            .to_owned(),
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |".to_owned(),
    ];
    rows.extend(all.iter().map(row));
    rows.join("\n")
}

fn row(measured: &Measured) -> String {
    let of = |value: fn(&Measurement) -> u64| median(measured.rounds.iter().map(value).collect());
    let is_http = matches!(measured.scenario.load, Load::Http(_));
    let only_http = |text: String| if is_http { text } else { String::new() };
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} |",
        measured.scenario.name,
        grouped(of(|one| one.per_kilosecond / 1000)),
        only_http(two_decimals(of(|one| one.p50_micros.unwrap_or(0)))),
        only_http(two_decimals(of(|one| one.p99_micros.unwrap_or(0)))),
        one_decimal(of(|one| ratio(one.writes, one.batches))),
        only_http(one_decimal(of(|one| one.used.writer / one.writes))),
        one_decimal(of(|one| one.used.postgres / one.writes)),
        only_http(one_decimal(of(|one| one.used.redis / one.writes))),
    )
}

/// What the scenarios through HTTP come to, round by round, as parts of the baselines.
pub(crate) fn goals(all: &[Measured]) -> String {
    let mut rows = vec![
        "| scenario | times a transaction each, 64 connections | 8 connections | part of \
         PostgreSQL's batches of 64 | of 512 |"
            .to_owned(),
        "| --- | ---: | ---: | ---: | ---: |".to_owned(),
    ];
    for measured in all {
        if let Load::Http(_) = measured.scenario.load {
            rows.push(format!(
                "| {} | {} | {} | {} | {} |",
                measured.scenario.name,
                two_decimals(median_ratio(measured, find(all, Load::Single(CLIENT_ROWS)))),
                two_decimals(median_ratio(measured, find(all, Load::Single(POOL)))),
                two_decimals(median_ratio(measured, find(all, Load::Batch(CLIENT_ROWS)))),
                two_decimals(median_ratio(measured, find(all, Load::Batch(ROWS)))),
            ));
        }
    }
    rows.join("\n")
}

fn find(all: &[Measured], load: Load) -> &[Measurement] {
    let found = all.iter().find(|one| one.scenario.load == load);
    found.map_or(&[], |one| &one.rounds)
}

/// Rates of the same round are compared: the machine was about as busy for both.
fn median_ratio(measured: &Measured, baseline: &[Measurement]) -> u64 {
    let rounds = measured.rounds.iter().zip(baseline);
    median(
        rounds
            .map(|(one, base)| ratio(one.per_kilosecond, base.per_kilosecond))
            .collect(),
    )
}

/// Each round.
pub(crate) fn rounds(all: &[Measured]) -> String {
    let count = all.first().map_or(0, |first| first.rounds.len());
    let numbers: Vec<String> = (1..=count).map(|round| round.to_string()).collect();
    let mut rows = vec![
        format!("| scenario | {} |", numbers.join(" | ")),
        format!("| --- |{}", " ---: |".repeat(count)),
    ];
    for measured in all {
        let rounds = measured.rounds.iter();
        let cells: Vec<String> = rounds
            .map(|one| grouped(one.per_kilosecond / 1000))
            .collect();
        rows.push(format!(
            "| {} | {} |",
            measured.scenario.name,
            cells.join(" | ")
        ));
    }
    rows.join("\n")
}
