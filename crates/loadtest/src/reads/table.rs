//! The figures of this suite, in Markdown.

use super::{measure::Measured, summary::Line};
use crate::decimal::{grouped, two_decimals};

/// The medians.
pub(crate) fn medians(lines: &[Line]) -> String {
    let mut rows = vec![
        "| scenario | requests/s | ratio | p50 ms | p99 ms | CPU µs/request | ratio | cores used | wrk's | octets |"
            .to_owned(),
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |".to_owned(),
    ];
    rows.extend(lines.iter().map(row));
    rows.join("\n")
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
        let cells = measured.rounds.iter().map(|one| {
            let rate = grouped(one.requests_per_second());
            format!("{rate} / {}", two_decimals(one.cost_nanos()))
        });
        let cells: Vec<String> = cells.collect();
        rows.push(format!("| {} | {} |", measured.name, cells.join(" | ")));
    }
    rows.join("\n")
}

fn row(line: &Line) -> String {
    let mut cost = two_decimals(line.cost_nanos);
    if let [_, _, ..] = line.costs_nanos[..] {
        let parts = line.costs_nanos.iter();
        let parts: Vec<String> = parts
            .map(|(role, nanos)| format!("{} {}", role.name(), two_decimals(*nanos)))
            .collect();
        cost = format!("{cost} ({})", parts.join(", "));
    }
    format!(
        "| {} | {} | {} | {} | {} | {cost} | {} | {} | {} | {} |",
        line.name,
        grouped(line.requests_per_second),
        two_decimals(line.speed_ratio),
        wait(line.p50_micros),
        wait(line.p99_micros),
        two_decimals(line.cost_ratio),
        two_decimals(line.busy),
        two_decimals(line.client_busy),
        grouped(line.answer_bytes),
    )
}

/// wrk tells none of some pipelined loops.
fn wait(micros: u64) -> String {
    if micros == 0 {
        "-".to_owned()
    } else {
        two_decimals(micros)
    }
}
