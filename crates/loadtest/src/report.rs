//! The report, in Markdown: where it was, then the sections.

use std::{fs, io, path::PathBuf};

use crate::{config::Config, machine::Machine, processor::Cores, section::Section};

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
    pub(crate) sections: &'a [Section],
}

impl Report<'_> {
    /// Writes the report and its charts, and says where the report is.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn write(&self) -> io::Result<PathBuf> {
        let Config { results, name, .. } = self.config;
        fs::create_dir_all(results)?;
        for chart in self.sections.iter().filter_map(|one| one.chart.as_ref()) {
            fs::write(results.join(chart.file(name)), &chart.svg)?;
        }
        let path = results.join(format!("{name}.md"));
        fs::write(&path, self.to_markdown())?;
        Ok(path)
    }

    fn to_markdown(&self) -> String {
        let Config {
            duration_secs,
            rounds,
            name,
            ..
        } = self.config;
        let mut parts = vec![
            format!("# Load test: {name}"),
            self.circumstances(),
            format!(
                "{rounds} rounds of {duration_secs} s for each measurement where nothing else is \
                 said; figures are medians over the rounds. [Method](../README.md)."
            ),
        ];
        parts.extend(self.sections.iter().map(|one| one.to_markdown(name)));
        parts.join("\n\n") + "\n"
    }

    fn circumstances(&self) -> String {
        let machine = self.machine;
        let mut lines = vec![
            format!(
                "- Machine: {} cores ({}), Linux {}; busy with other work just before the run: {} %",
                self.cores.count(),
                machine.processor,
                machine.kernel,
                machine.busy
            ),
            format!("- Build: {}", self.config.build),
        ];
        let versions = machine.versions.iter();
        lines.extend(versions.map(|version| format!("- {version}")));
        if !machine.is_quiet() {
            lines.push(NOT_QUIET.to_owned());
        }
        lines.join("\n")
    }
}
