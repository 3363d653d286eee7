//! `pressrun settings`: every setting of `writer`, `reader` and `pressrun dev`, as a table in Markdown.
//!
//! The README's table is this one; a test holds them together.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use clap::Command;
use service::config::{Program, Setting};

use crate::{config, progress};

/// Who reads settings, and what the table calls them.
const PROGRAMS: [(&str, Program); 3] = [
    ("writer", writer::config::PROGRAM),
    ("reader", reader::config::PROGRAM),
    ("dev", config::PROGRAM),
];

const HEAD: &str = "| variable | flag | default | of | meaning |\n|---|---|---|---|---|";

/// `pressrun settings`.
pub(crate) fn command() -> Command {
    Command::new("settings")
        .about("Print every setting of writer, reader and `pressrun dev`, as a table in Markdown")
}

/// Prints the table.
pub(crate) fn run() -> ExitCode {
    match io::stdout().write_all(table().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => progress::report_failure(&error),
    }
}

/// One line of the table.
struct Row {
    setting: &'static Setting,
    /// Who reads it, by the table's names, with the default of each.
    readers: Vec<(&'static str, Option<&'static str>)>,
}

fn table() -> String {
    let lines: Vec<String> = rows().iter().map(Row::to_string).collect();
    format!("{HEAD}\n{}\n", lines.join("\n"))
}

/// Each name once, in the order in which the programs tell of them.
fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (name, program) in PROGRAMS {
        for setting in program.settings() {
            let reader = (name, setting.default);
            match rows.iter_mut().find(|row| row.setting.env == setting.env) {
                Some(row) => row.readers.push(reader),
                None => rows.push(Row {
                    setting,
                    readers: vec![reader],
                }),
            }
        }
    }
    rows
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (variable, flag) = (self.setting.env, self.setting.flag());
        let (defaults, names) = (self.defaults(), self.names());
        let help = self.setting.help.replace('|', "\\|");
        write!(
            f,
            "| `{variable}` | `--{flag}` | {defaults} | {names} | {help} |"
        )
    }
}

impl Row {
    /// The default, and those of programs that have another one.
    fn defaults(&self) -> String {
        let quoted = |default: Option<&str>| default.map(|text| format!("`{text}`"));
        let own = quoted(self.setting.default).unwrap_or_default();
        let others = self
            .readers
            .iter()
            .filter(|(_, default)| *default != self.setting.default);
        let others = others.map(|(name, default)| {
            let default = quoted(*default).unwrap_or_else(|| "none".to_owned());
            format!("; {name}: {default}")
        });
        [own].into_iter().chain(others).collect()
    }

    fn names(&self) -> String {
        if self.readers.len() == PROGRAMS.len() {
            return "all".to_owned();
        }
        let names: Vec<&str> = self.readers.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }
}
