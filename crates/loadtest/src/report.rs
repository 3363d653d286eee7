//! The report, in Markdown.

use crate::{
    config::Config,
    decimal::{grouped, one_decimal, two_decimals},
    machine::Machine,
    measure::Measured,
    processor::Cores,
    summary::Line,
};

/// Stands in reports that should be repeated.
const NOT_QUIET: &str = "- **To be repeated:** the machine was not quiet. Other work took part of both \
    cores, so rates and latencies are worse than they would be; processor time per request suffers \
    less, and ratios least.";

/// All that a report is made from.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) config: &'a Config,
    pub(crate) cores: &'a Cores,
    pub(crate) machine: &'a Machine,
    pub(crate) content_bytes: usize,
    pub(crate) lines: &'a [Line],
    pub(crate) rounds: &'a [Measured],
}

impl Report<'_> {
    pub(crate) fn to_markdown(&self) -> String {
        let Config {
            duration_secs,
            rounds,
            connections,
            name,
            ..
        } = self.config;
        let sections = [
            format!("# Load test: {name}"),
            self.circumstances(),
            format!(
                "Method: {rounds} rounds, in each of which every scenario runs for {duration_secs} s; \
                 medians over the rounds; a closed loop of {connections} connections without \
                 pipelining. A closed loop asks again only once it was answered, so it hides \
                 queueing: its percentiles say how long a full server takes, not what users wait \
                 at a given rate. Ratios are to the first line. [More](../README.md)."
            ),
            format!("![Requests per second, and processor time per request]({name}.svg)"),
            self.table(),
            "## Rounds".to_owned(),
            "Requests per second / processor microseconds per request.".to_owned(),
            self.raw(),
        ];
        sections.join("\n\n") + "\n"
    }

    fn circumstances(&self) -> String {
        let machine = self.machine;
        let mut lines = vec![
            format!(
                "- Machine: {} cores ({}), Linux {}; load average before the run: {}",
                self.cores.count(),
                machine.processor,
                machine.kernel,
                machine.load
            ),
            format!("- Build: {}", self.config.build),
            format!("- Short posts: {} octets of JSON", self.content_bytes),
        ];
        let versions = machine.versions.iter();
        lines.extend(versions.map(|version| format!("- {version}")));
        if !machine.is_quiet() {
            lines.push(NOT_QUIET.to_owned());
        }
        lines.join("\n")
    }

    /// The medians.
    pub(crate) fn table(&self) -> String {
        let mut lines = vec![
            "| scenario | requests/s | ratio | p50 ms | p99 ms | CPU µs/request | ratio | cores used |"
                .to_owned(),
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |".to_owned(),
        ];
        lines.extend(self.lines.iter().map(row));
        lines.join("\n")
    }

    fn raw(&self) -> String {
        let count = self.rounds.first().map_or(0, |first| first.rounds.len());
        let numbers: Vec<String> = (1..=count).map(|round| round.to_string()).collect();
        let mut lines = vec![
            format!("| scenario | {} |", numbers.join(" | ")),
            format!("| --- |{}", " ---: |".repeat(count)),
        ];
        for measured in self.rounds {
            let cells = measured.rounds.iter().map(|one| {
                let rate = grouped(one.requests_per_second());
                format!("{rate} / {}", one_decimal(one.cost_nanos()))
            });
            let cells: Vec<String> = cells.collect();
            lines.push(format!("| {} | {} |", measured.name, cells.join(" | ")));
        }
        lines.join("\n")
    }
}

fn row(line: &Line) -> String {
    let mut cost = one_decimal(line.cost_nanos);
    if let [_, _, ..] = line.costs_nanos[..] {
        let parts = line.costs_nanos.iter();
        let parts: Vec<String> = parts
            .map(|(role, nanos)| format!("{} {}", role.name(), one_decimal(*nanos)))
            .collect();
        cost = format!("{cost} ({})", parts.join(", "));
    }
    format!(
        "| {} | {} | {} | {} | {} | {cost} | {} | {} |",
        line.name,
        grouped(line.requests_per_second),
        two_decimals(line.speed_ratio),
        two_decimals(line.p50_micros),
        two_decimals(line.p99_micros),
        two_decimals(line.cost_ratio),
        two_decimals(line.busy),
    )
}
