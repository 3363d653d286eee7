//! The committed budget.

use std::{fs, path::Path};

use serde::Deserialize;
use service::process::BoxError;

/// The file.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    hot_get: Costs,
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
    pub(crate) fn table(&self, costs: &Costs) -> String {
        let mut rows = vec![
            "| for each hot GET | counted | budget | |".to_owned(),
            "| --- | ---: | ---: | --- |".to_owned(),
        ];
        rows.extend(self.compared(costs).map(|(name, cost, limit)| {
            let verdict = if cost > limit { "**over**" } else { "" };
            format!("| {name} | {cost:.2} | {limit:.2} | {verdict} |")
        }));
        rows.join("\n")
    }

    /// # Errors
    /// Something costs more than its limit.
    pub(crate) fn check(&self, costs: &Costs) -> Result<(), BoxError> {
        let over: Vec<&str> = self
            .compared(costs)
            .filter(|(_, cost, limit)| cost > limit)
            .map(|(name, ..)| name)
            .collect();
        if over.is_empty() {
            Ok(())
        } else {
            Err(format!("over budget: {}", over.join(", ")).into())
        }
    }

    fn compared(&self, costs: &Costs) -> impl Iterator<Item = (&'static str, f64, f64)> {
        let limits = self.hot_get.named();
        let pairs = costs.named().into_iter().zip(limits);
        pairs.map(|((name, cost), (_, limit))| (name, cost, limit))
    }
}

fn name(file: &Path, error: &dyn std::error::Error) -> String {
    format!("{}: {error}", file.display())
}
