//! A program's command line, made from its settings tables.

use clap::{Arg, Command};

use super::{Setting, Shape};

/// A program and its settings.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The command's name, as in its help.
    pub name: &'static str,
    /// What `--version` prints.
    pub version: &'static str,
    /// One line for the help.
    pub about: &'static str,
    /// The settings. A name that stands in several tables counts once, as it first stands.
    pub tables: &'static [&'static [Setting]],
}

impl Program {
    /// Every setting, each name once, in the order of the tables.
    pub fn settings(&self) -> impl Iterator<Item = &'static Setting> + use<> {
        let all: Vec<&'static Setting> = self.tables.iter().copied().flatten().collect();
        let mut unique: Vec<&'static Setting> = Vec::with_capacity(all.len());
        for setting in all {
            if unique.iter().all(|known| known.env != setting.env) {
                unique.push(setting);
            }
        }
        unique.into_iter()
    }

    /// The command line that understands every setting as a flag. Programs with subcommands hang
    /// it below their own command and then call [`super::Settings::from_matches`].
    pub fn command(&self) -> Command {
        Command::new(self.name)
            .version(self.version)
            .about(self.about)
            .after_help(
                "A flag beats its environment variable, which beats the default. Durations and \
                 sizes carry a unit: 250ms, 5s, 2m; 64KiB, 1GB.",
            )
            .args(self.settings().map(argument))
    }
}

fn argument(setting: &Setting) -> Arg {
    let default = setting
        .default
        .map(|default| format!(" [default: {default}]"))
        .unwrap_or_default();
    let argument = Arg::new(setting.env)
        .long(setting.flag())
        .value_name("VALUE")
        .help(format!("{} [env: {}]{default}", setting.help, setting.env));
    match setting.shape {
        Shape::Plain | Shape::Secret => argument.num_args(1),
        Shape::Switch => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
    }
}
