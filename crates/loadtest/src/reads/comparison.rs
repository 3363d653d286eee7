//! Lines held against each other: what was aimed at, and what the network is spared.

use super::summary::Line;
use crate::decimal::{grouped, ratio, two_decimals};

/// Which line over which.
struct Aim {
    name: &'static str,
    of: &'static str,
    over: &'static str,
    figure: Figure,
    goal: &'static str,
}

enum Figure {
    /// Processor time of a request.
    Cost,
    /// Requests a second.
    Rate,
}

const AIMS: &[Aim] = &[
    Aim {
        name: "CPU against the epoll floor",
        of: "`/post`, one key",
        over: "epoll floor",
        figure: Figure::Cost,
        goal: "at most 1.08",
    },
    Aim {
        name: "CPU against nginx `return 200`",
        of: "`/post`, one key",
        over: "nginx `return 200`",
        figure: Figure::Cost,
        goal: "at most 0.90",
    },
    Aim {
        name: "CPU over very many posts, Zipf, against the floor",
        of: "`/post`, Zipf",
        over: "epoll floor",
        figure: Figure::Cost,
        goal: "at most 1.15",
    },
    Aim {
        name: "CPU of 304 against 200",
        of: "`/post`, 304",
        over: "`/post`, one key",
        figure: Figure::Cost,
        goal: "below 1.00",
    },
    Aim {
        name: "rate of 16 pipelined against hyper",
        of: "`/post`, 16 pipelined",
        over: "hyper, 16 pipelined",
        figure: Figure::Rate,
        goal: "at least 2.00",
    },
    Aim {
        name: "CPU of 16 pipelined against hyper",
        of: "`/post`, 16 pipelined",
        over: "hyper, 16 pipelined",
        figure: Figure::Cost,
        goal: "at most 0.50",
    },
];

/// Answers that spare the network something, and those in whose place they are sent.
const SPARED: &[(&str, &str)] = &[
    ("`/post`, 304", "`/post`, one key"),
    ("`/post`, 4 KiB as br", "`/post`, 4 KiB"),
    ("`/post`, 64 KiB as br", "`/post`, 64 KiB"),
];

/// Ratios of medians beside what is aimed at.
pub(crate) fn aims(lines: &[Line]) -> String {
    let mut rows = vec![
        "| | ratio | goal |".to_owned(),
        "| --- | ---: | --- |".to_owned(),
    ];
    rows.extend(AIMS.iter().filter_map(|aim| {
        let (of, over) = (named(lines, aim.of)?, named(lines, aim.over)?);
        let ratio = match aim.figure {
            Figure::Cost => ratio(of.cost_nanos, over.cost_nanos),
            Figure::Rate => ratio(of.requests_per_second, over.requests_per_second),
        };
        let (name, goal) = (aim.name, aim.goal);
        Some(format!("| {name} | {} | {goal} |", two_decimals(ratio)))
    }));
    rows.join("\n")
}

/// Octets on the wire, heads included.
pub(crate) fn spared(lines: &[Line]) -> String {
    let mut rows = vec![
        "| answer | octets | instead of | spared |".to_owned(),
        "| --- | ---: | ---: | ---: |".to_owned(),
    ];
    rows.extend(SPARED.iter().filter_map(|(of, over)| {
        let (of, over) = (named(lines, of)?, named(lines, over)?);
        let left = ratio(of.answer_bytes, over.answer_bytes);
        Some(format!(
            "| {} | {} | {} | {} % |",
            of.name,
            grouped(of.answer_bytes),
            grouped(over.answer_bytes),
            1000_u64.saturating_sub(left) / 10,
        ))
    }));
    rows.join("\n")
}

fn named<'a>(lines: &'a [Line], name: &str) -> Option<&'a Line> {
    lines.iter().find(|line| line.name == name)
}
