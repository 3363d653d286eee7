//! The values given, and the problems found so far.

use std::{
    ffi::{OsStr, OsString},
    net::SocketAddr,
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use clap::ArgMatches;

use super::{
    ConfigExit, Environment, Program, RedactedUrl, Secret, Setting, Shape,
    values::{self, Parsed},
};

/// What was given for each setting of a program, read step by step.
///
/// Getters give a value or [`Rejected`], and note the problem; [`Self::finish`] gives the
/// configuration, or all problems together. Getters of settings without a default ask for a
/// value; wrap those that may be left out in [`Self::optional`].
#[derive(Debug)]
#[must_use = "problems are reported by finish"]
pub struct Settings {
    given: Vec<Given>,
    problems: Vec<String>,
}

/// A value was refused; the problem is noted already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected(
    // Made by whoever notes a problem, and nowhere else.
    (),
);

struct Given {
    setting: &'static Setting,
    source: Source,
    value: Option<OsString>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Flag,
    Environment,
    Default,
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the value: it may be a secret.
        f.write_str(self.setting.env)
    }
}

impl Settings {
    /// Reads the arguments (program name first) and the environment.
    ///
    /// # Errors
    /// Help or version was asked for (status 0), or a flag is unknown, repeated or lacks its
    /// value (status 64).
    pub fn gather<A>(
        program: &Program,
        arguments: A,
        environment: &impl Environment,
    ) -> Result<Self, ConfigExit>
    where
        A: IntoIterator,
        A::Item: Into<OsString> + Clone,
    {
        let matches = program
            .command()
            .try_get_matches_from(arguments)
            .map_err(|error| ConfigExit::from(&error))?;
        Ok(Self::from_matches(program, &matches, environment))
    }

    /// Reads flags that a command made from [`Program::command`] has parsed.
    pub fn from_matches(
        program: &Program,
        matches: &ArgMatches,
        environment: &impl Environment,
    ) -> Self {
        let given = program
            .settings()
            .map(|setting| {
                let flag = matches.get_one::<String>(setting.env).map(OsString::from);
                let variable = || environment.variable(setting.env);
                let (source, value) = if let Some(value) = flag.filter(|one| !one.is_empty()) {
                    (Source::Flag, Some(value))
                } else if let Some(value) = variable().filter(|one| !one.is_empty()) {
                    (Source::Environment, Some(value))
                } else {
                    (Source::Default, setting.default.map(OsString::from))
                };
                Given {
                    setting,
                    source,
                    value,
                }
            })
            .collect();
        Self {
            given,
            problems: Vec::new(),
        }
    }

    /// The configuration, or every problem noted since the start, one a line.
    ///
    /// # Errors
    /// At least one value was refused; status 64.
    pub fn finish<C>(self, build: impl FnOnce() -> Result<C, Rejected>) -> Result<C, ConfigExit> {
        match build() {
            Ok(config) if self.problems.is_empty() => Ok(config),
            _ => Err(ConfigExit::usage(self.problems.join("\n"))),
        }
    }

    /// Notes a problem that no single value shows, e.g. two settings that contradict each other.
    /// `problem` follows the setting's name and a colon.
    pub fn reject(&mut self, name: &str, problem: &str) -> Rejected {
        self.problems.push(format!("{name}: {problem}"));
        Rejected(())
    }

    /// Whether a flag or the environment gives a value.
    pub fn is_given(&self, name: &str) -> bool {
        self.given
            .iter()
            .any(|given| given.setting.env == name && given.source != Source::Default)
    }

    /// A setting that may be left out, by any parser of [`values`] or one like them.
    ///
    /// # Errors
    /// The value is not what the parser reads.
    pub fn optional<T>(
        &mut self,
        name: &str,
        parser: impl FnOnce(&str) -> Parsed<T>,
    ) -> Result<Option<T>, Rejected> {
        let Some(given) = self.given.iter().find(|given| given.setting.env == name) else {
            return Err(self.reject(name, "is in no settings table; please report this defect"));
        };
        let Some(value) = &given.value else {
            return Ok(None);
        };
        let parsed = match value.to_str() {
            Some(text) => parser(text.trim()),
            None => Err("is not UTF-8".to_owned()),
        };
        parsed.map(Some).map_err(|complaint| {
            let line = given.problem(value, &complaint);
            self.problems.push(line);
            Rejected(())
        })
    }

    /// A setting that needs a value, by any parser of [`values`] or one like them.
    ///
    /// # Errors
    /// There is no value, or it is not what the parser reads.
    pub fn required<T>(
        &mut self,
        name: &str,
        parser: impl FnOnce(&str) -> Parsed<T>,
    ) -> Result<T, Rejected> {
        match self.optional(name, parser)? {
            Some(value) => Ok(value),
            None => Err(self.reject(name, "is not set, and has no default")),
        }
    }

    /// An address and port; see [`values::address`].
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn address(&mut self, name: &str) -> Result<SocketAddr, Rejected> {
        self.required(name, values::address)
    }

    /// A duration within limits; see [`values::duration_in`].
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn duration(
        &mut self,
        name: &str,
        limits: RangeInclusive<Duration>,
    ) -> Result<Duration, Rejected> {
        self.required(name, values::duration_in(limits))
    }

    /// A size in octets within limits; see [`values::bytes_in`].
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn bytes(&mut self, name: &str, limits: RangeInclusive<u64>) -> Result<u64, Rejected> {
        self.required(name, values::bytes_in(limits))
    }

    /// A whole number within limits; see [`values::count_in`].
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn count(&mut self, name: &str, limits: RangeInclusive<u64>) -> Result<u64, Rejected> {
        self.required(name, values::count_in(limits))
    }

    /// Yes or no; see [`values::switch`].
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn switch(&mut self, name: &str) -> Result<bool, Rejected> {
        self.required(name, values::switch)
    }

    /// One of these; see [`values::one_of`].
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn choice<T: Clone>(&mut self, name: &str, all: &[(&str, T)]) -> Result<T, Rejected> {
        self.required(name, values::one_of(all))
    }

    /// Any text.
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn text(&mut self, name: &str) -> Result<String, Rejected> {
        self.required(name, values::text)
    }

    /// A text that is never shown.
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn secret(&mut self, name: &str) -> Result<Secret, Rejected> {
        self.required(name, |text| Ok(Secret::new(text)))
    }

    /// A path; whether anything is there is not looked at.
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn path(&mut self, name: &str) -> Result<PathBuf, Rejected> {
        self.required(name, values::path)
    }

    /// A URL of one of these schemes; see [`values::url_of`].
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn url(&mut self, name: &str, schemes: &[&str]) -> Result<RedactedUrl, Rejected> {
        self.required(name, values::url_of(schemes))
    }
}

impl Given {
    fn problem(&self, value: &OsStr, complaint: &str) -> String {
        let name = self.setting.env;
        let flag = match self.source {
            Source::Flag => format!(" (--{})", self.setting.flag()),
            Source::Environment | Source::Default => String::new(),
        };
        match self.setting.shape {
            Shape::Secret => format!("{name}{flag}: the value (not shown) {complaint}"),
            Shape::Plain | Shape::Switch => {
                format!("{name}{flag}: {:?} {complaint}", value.to_string_lossy())
            }
        }
    }
}
