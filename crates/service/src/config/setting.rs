//! One line of a settings table.

/// A setting: a variable, a flag, a default and a line of help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable, e.g. `READER_LISTEN`. The flag is made from it.
    pub env: &'static str,
    /// The value where none is given; shown in the help.
    pub default: Option<&'static str>,
    /// One line: what it is for, its unit and its limits.
    pub help: &'static str,
    /// How it is written and whether it may be shown.
    pub shape: Shape,
}

/// How a setting's value is written and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A value: `--reader-listen 127.0.0.1:8081`.
    Plain,
    /// A value that no message, log or Debug output may repeat.
    Secret,
    /// A switch: `--yardsticks` means true; `--yardsticks=false` and the variable work too.
    Switch,
}

impl Setting {
    /// A plain setting.
    pub const fn new(env: &'static str, default: Option<&'static str>, help: &'static str) -> Self {
        Self {
            env,
            default,
            help,
            shape: Shape::Plain,
        }
    }

    /// A setting whose value is never shown.
    pub const fn secret(env: &'static str, help: &'static str) -> Self {
        Self {
            env,
            default: None,
            help,
            shape: Shape::Secret,
        }
    }

    /// A switch, off unless given.
    pub const fn switch(env: &'static str, help: &'static str) -> Self {
        Self {
            env,
            default: Some("false"),
            help,
            shape: Shape::Switch,
        }
    }

    /// The flag without its dashes: `READER_LISTEN` gives `reader-listen`.
    pub fn flag(&self) -> String {
        self.env.to_ascii_lowercase().replace('_', "-")
    }
}
