//! What is asked of whom.

use super::{sample::Sample, targets::Targets};

/// A server that takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Answers fixed octets by one read and one write: the baseline.
    Floor,
    /// Answers fixed octets.
    Nginx,
    /// Answers from its cache.
    Varnish,
    /// The reader's catalog behind axum.
    Axum,
    /// The reader's catalog behind hyper.
    Hyper,
    Reader,
    /// A reader of very many posts.
    Many,
    Redis,
    /// A gateway before the reader.
    Haproxy,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Nginx => "nginx",
            Self::Varnish => "Varnish",
            Self::Axum => "axum",
            Self::Hyper => "hyper",
            Self::Reader | Self::Many => "reader",
            Self::Redis => "Redis",
            Self::Haproxy => "HAProxy",
        }
    }
}

/// One kind of request, in a closed loop.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Short, for tables and the chart.
    pub(crate) name: &'static str,
    /// Whom wrk asks.
    pub(crate) asked: Role,
    /// Who works for an answer: their processor time is what it costs.
    pub(crate) costs: &'static [Role],
    /// What is asked for; where there are many, one of them.
    pub(crate) target: &'static str,
    pub(crate) targets: Targets,
    /// Requests that a connection sends at once.
    pub(crate) pipelined: u64,
    /// Header fields, as `Name: value`.
    pub(crate) fields: Vec<String>,
    /// The status that answers must have.
    pub(crate) status: u16,
    /// The Content-Encoding that answers must have.
    pub(crate) coding: Option<&'static str>,
}

/// The post that most scenarios ask for.
pub(crate) const POST: &str = "/post?id=post-0001";
/// The post that is long enough to be worth coding.
pub(crate) const LONG_POST: &str = "/post?id=long";
/// A post of 64 KiB.
pub(crate) const LONGEST_POST: &str = "/post?id=longest";
/// One of very many.
pub(crate) const FIRST_POST: &str = "/post?id=post-0000000";

const READER: &[Role] = &[Role::Reader];
const MANY: &[Role] = &[Role::Many];

/// All of them; the first is the baseline. `documents` is how many the reader of many holds. The gateway is asked where there is one.
pub(crate) fn all(sample: &Sample, documents: u64, has_gateway: bool) -> Vec<Scenario> {
    let mut all = baselines();
    all.extend(reads(sample, documents));
    all.extend([
        reader("`/post-marshal`", "/post-marshal?id=post-0001"),
        Scenario {
            costs: &[Role::Reader, Role::Redis],
            ..reader("`/post-redis`", "/post-redis?id=post-0001")
        },
    ]);
    if has_gateway {
        all.push(Scenario {
            asked: Role::Haproxy,
            costs: &[Role::Haproxy, Role::Reader],
            ..reader("`/post` through HAProxy", POST)
        });
    }
    all
}

/// What the reader is measured against. They are asked for what it is asked for.
fn baselines() -> Vec<Scenario> {
    let asked = |name, asked, costs| Scenario {
        asked,
        costs,
        ..reader(name, POST)
    };
    vec![
        asked("epoll floor", Role::Floor, &[Role::Floor]),
        asked("nginx `return 200`", Role::Nginx, &[Role::Nginx]),
        asked("Varnish, a hit", Role::Varnish, &[Role::Varnish]),
        asked("axum, one key", Role::Axum, &[Role::Axum]),
        asked("hyper, one key", Role::Hyper, &[Role::Hyper]),
        Scenario {
            pipelined: 16,
            ..asked("hyper, 16 pipelined", Role::Hyper, &[Role::Hyper])
        },
    ]
}

fn reads(sample: &Sample, documents: u64) -> Vec<Scenario> {
    let many = |name, targets| Scenario {
        asked: Role::Many,
        costs: MANY,
        targets,
        ..reader(name, FIRST_POST)
    };
    vec![
        reader("`/post`, one key", POST),
        Scenario {
            targets: Targets::Thousand,
            ..reader("`/post`, 1,000 keys", POST)
        },
        many("`/post`, Zipf", Targets::Zipf(documents)),
        many("`/post`, uniform", Targets::Uniform(documents)),
        Scenario {
            pipelined: 16,
            ..reader("`/post`, 16 pipelined", POST)
        },
        Scenario {
            fields: vec![format!("If-None-Match: {}", sample.tag)],
            status: 304,
            ..reader("`/post`, 304", POST)
        },
        reader("`/post`, 4 KiB", LONG_POST),
        Scenario {
            fields: vec!["Accept-Encoding: br".to_owned()],
            coding: Some("br"),
            ..reader("`/post`, 4 KiB as br", LONG_POST)
        },
        reader("`/post`, 64 KiB", LONGEST_POST),
        Scenario {
            fields: vec!["Accept-Encoding: br".to_owned()],
            coding: Some("br"),
            ..reader("`/post`, 64 KiB as br", LONGEST_POST)
        },
    ]
}

fn reader(name: &'static str, target: &'static str) -> Scenario {
    Scenario {
        name,
        asked: Role::Reader,
        costs: READER,
        target,
        targets: Targets::One,
        pipelined: 1,
        fields: Vec::new(),
        status: 200,
        coding: None,
    }
}
