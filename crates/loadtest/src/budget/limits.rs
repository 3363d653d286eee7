//! The committed budget.

use std::{fs, path::Path};

use serde::Deserialize;
use service::process::BoxError;

/// The file.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    hot_get: Costs,
    gateway_get: Costs,
}

/// What was counted, by the same names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Counted {
    pub(crate) hot_get: Costs,
    pub(crate) gateway_get: Costs,
}

/// What one request costs, or may cost.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Costs {
    /// Instructions of user code.
    pub(crate) instructions: f64,
    /// Calls of the allocator that ask for memory.
    pub(crate) allocations: f64,
    /// System calls but `waits`.
    pub(crate) system_calls: f64,
    /// System calls that wait for, or are about, many connections at once.
    pub(crate) waits: f64,
}

impl Costs {
    const fn named(self) -> [(&'static str, f64); 4] {
        [
            ("instructions", self.instructions),
            ("allocations", self.allocations),
            ("system calls", self.system_calls),
            ("waits", self.waits),
        ]
    }
}

impl Limits {
    /// # Errors
    /// The file is missing or not of this form.
    pub(crate) fn read(file: &Path) -> Result<Self, BoxError> {
        let text = fs::read_to_string(file).map_err(|error| name(file, &error))?;
        Ok(toml::from_str(&text).map_err(|error| name(file, &error))?)
    }

    /// Costs beside their limits.
    pub(crate) fn table(&self, counted: &Counted) -> String {
        let mut rows = vec![
            "| for each | | counted | budget | |".to_owned(),
            "| --- | --- | ---: | ---: | --- |".to_owned(),
        ];
        rows.extend(self.compared(counted).map(|one| {
            let Compared {
                of,
                name,
                cost,
                limit,
            } = one;
            let verdict = if one.is_over() { "**over**" } else { "" };
            format!("| {of} | {name} | {cost:.2} | {limit:.2} | {verdict} |")
        }));
        rows.join("\n")
    }

    /// # Errors
    /// Something costs more than its limit.
    pub(crate) fn check(&self, counted: &Counted) -> Result<(), BoxError> {
        let over: Vec<String> = self
            .compared(counted)
            .filter(Compared::is_over)
            .map(|one| format!("{} of a {}", one.name, one.of))
            .collect();
        if over.is_empty() {
            Ok(())
        } else {
            Err(format!("over budget: {}", over.join(", ")).into())
        }
    }

    fn compared(&self, counted: &Counted) -> impl Iterator<Item = Compared> {
        let requests = [
            ("hot GET", counted.hot_get, self.hot_get),
            ("gateway's GET", counted.gateway_get, self.gateway_get),
        ];
        requests.into_iter().flat_map(|(of, costs, limits)| {
            let pairs = costs.named().into_iter().zip(limits.named());
            pairs.map(move |((name, cost), (_, limit))| Compared {
                of,
                name,
                cost,
                limit,
            })
        })
    }
}

/// One cost beside its limit.
struct Compared {
    of: &'static str,
    name: &'static str,
    cost: f64,
    limit: f64,
}

impl Compared {
    fn is_over(&self) -> bool {
        self.cost > self.limit
    }
}

fn name(file: &Path, error: &dyn std::error::Error) -> String {
    format!("{}: {error}", file.display())
}
