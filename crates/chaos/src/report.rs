//! The table.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::PathBuf,
    thread::available_parallelism,
};

use crate::{Played, load::WRITES_PER_SECOND, scenarios::Scenario, stage::STEADY};

/// What was played so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    played: Vec<(&'static Scenario, Played)>,
}

/// What came of a scenario, in one line.
pub(crate) fn line(scenario: &Scenario, played: &Played) -> String {
    match played {
        Err(error) => format!("  NOT PLAYED: {error}"),
        Ok(verdict) => {
            let findings = verdict.findings();
            let result = if findings.is_empty() {
                "held".to_owned()
            } else {
                format!("BROKEN: {}", findings.join("; "))
            };
            format!(
                "  {result}: {}; {} writes acknowledged, {} reads, converged after {:.1?} ({})",
                verdict.seen, verdict.acknowledged, verdict.reads, verdict.converged, scenario.name
            )
        }
    }
}

impl Report {
    pub(crate) fn add(&mut self, scenario: &'static Scenario, played: Played) {
        self.played.push((scenario, played));
    }

    /// Whether everything was played, and every promise held.
    pub(crate) fn is_clean(&self) -> bool {
        let is_clean = |played: &Played| {
            let verdict = played.as_ref().ok();
            verdict.is_some_and(|verdict| verdict.findings().is_empty())
        };
        self.played.iter().all(|(_, played)| is_clean(played))
    }

    /// Writes it to a file, or to standard output.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&self, out: Option<&PathBuf>) -> io::Result<()> {
        let text = self.text();
        match out {
            Some(path) => fs::write(path, text),
            None => io::stdout().write_all(text.as_bytes()),
        }
    }

    fn text(&self) -> String {
        let mut text = String::from("# Chaos\n\n");
        let cores = available_parallelism().map_or(0, usize::from);
        let profile = if cfg!(debug_assertions) {
            "dev"
        } else {
            "release"
        };
        push(
            &mut text,
            &format!(
                "Two writers, three readers, PostgreSQL, Redis and all clients on {cores} cores, profile \
             {profile}. {STEADY} documents that stay; {WRITES_PER_SECOND} writes a second asked for, \
             a third of them, on half of the documents, deletions; each reader asked at most 85 times a \
             second. `make chaos` makes this table; `crates/chaos` says what is counted.\n"
            ),
        );
        push(
            &mut text,
            "| fault | writes acknowledged | refused | lost | reads | wrong | failed on ready readers | stalest answer | converged after | every reader, and a fresh one, equal to the database |",
        );
        push(&mut text, "|---|---|---|---|---|---|---|---|---|---|");
        for (scenario, played) in &self.played {
            push(&mut text, &row(scenario, played));
        }
        push(&mut text, "\nWhat was seen of each fault:\n");
        for (scenario, played) in &self.played {
            let seen = match played {
                Ok(verdict) => verdict.seen.clone(),
                Err(error) => format!("not played: {error}"),
            };
            push(&mut text, &format!("- {}: {seen}", scenario.name));
        }
        self.add_findings(&mut text);
        text
    }

    fn add_findings(&self, text: &mut String) {
        let verdicts = self
            .played
            .iter()
            .filter_map(|(_, played)| played.as_ref().ok());
        let broken: Vec<String> = verdicts
            .flat_map(|verdict| {
                let name = verdict.scenario.name;
                let findings = verdict.findings().into_iter();
                findings.map(move |finding| format!("- {name}: {finding}"))
            })
            .collect();
        if !broken.is_empty() {
            push(text, "\nPromises that did not hold:\n");
            push(text, &broken.join("\n"));
        }
    }
}

fn row(scenario: &Scenario, played: &Played) -> String {
    let fault = scenario.fault;
    let Ok(verdict) = played else {
        return format!("| {fault} | not played | | | | | | | | |");
    };
    let equal = if verdict.differences.is_none() {
        "yes"
    } else {
        "no"
    };
    format!(
        "| {fault} | {} | {} | {} | {} | {} | {} | {:.1} s | {:.1} s | {equal} |",
        verdict.acknowledged,
        verdict.refused,
        verdict.lost.len(),
        verdict.reads,
        verdict.wrong.len(),
        verdict.failed.len(),
        verdict.stalest.as_secs_f64(),
        verdict.converged.as_secs_f64(),
    )
}

fn push(text: &mut String, line: &str) {
    // A String takes all that is written.
    let written = writeln!(text, "{line}");
    debug_assert!(written.is_ok());
}
