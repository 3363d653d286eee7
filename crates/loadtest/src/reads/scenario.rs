//! What is asked of whom.

use super::servers::Sample;

/// A server that takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Answers fixed octets: the baseline.
    Nginx,
    Reader,
    Redis,
    /// A gateway before the reader.
    Haproxy,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Reader => "reader",
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
    pub(crate) target: &'static str,
    /// Header fields, as `Name: value`.
    pub(crate) fields: Vec<String>,
    pub(crate) script: &'static str,
    /// The status that answers must have.
    pub(crate) status: u16,
    /// The Content-Encoding that answers must have.
    pub(crate) coding: Option<&'static str>,
}

/// The post that most scenarios ask for.
pub(crate) const POST: &str = "/post?id=post-0001";
/// The post that is long enough to be worth coding.
pub(crate) const LONG_POST: &str = "/post?id=long";

const ONE: &str = "report.lua";
const MANY: &str = "many.lua";

/// All of them; the first is the baseline. The gateway is asked where there is one.
pub(crate) fn all(sample: &Sample, has_gateway: bool) -> Vec<Scenario> {
    const READER: &[Role] = &[Role::Reader];
    let reader = |name, target| Scenario {
        name,
        asked: Role::Reader,
        costs: READER,
        target,
        fields: Vec::new(),
        script: ONE,
        status: 200,
        coding: None,
    };
    let mut all = vec![
        Scenario {
            asked: Role::Nginx,
            costs: &[Role::Nginx],
            ..reader("nginx `return 200`", "/")
        },
        reader("`/post`, one key", POST),
        Scenario {
            script: MANY,
            ..reader("`/post`, 1,000 keys", "/")
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
        reader("`/post-marshal`", "/post-marshal?id=post-0001"),
        Scenario {
            costs: &[Role::Reader, Role::Redis],
            ..reader("`/post-redis`", "/post-redis?id=post-0001")
        },
    ];
    if has_gateway {
        all.push(Scenario {
            asked: Role::Haproxy,
            costs: &[Role::Haproxy, Role::Reader],
            ..reader("`/post` through HAProxy", POST)
        });
    }
    all
}
