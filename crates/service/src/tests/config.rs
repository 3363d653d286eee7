//! Settings: where values come from, and what is said about bad ones.

mod exit;
mod secret;
mod sources;
mod values;

use std::collections::HashMap;

use crate::config::{Program, Setting};

const TABLE: &[Setting] = &[
    Setting::new(
        "READER_LISTEN",
        Some("127.0.0.1:8081"),
        "Address of the data plane",
    ),
    Setting::new("DRAIN", Some("5s"), "How long to drain; 0 to 1h"),
    Setting::new("THREADS", None, "Number of threads; 1 to 64"),
    Setting::secret("DATABASE_URL", "Where the database is"),
    Setting::switch("YARDSTICKS", "Serve the yardsticks too"),
];

// The same name in a second table counts once, as it first stands.
const MORE: &[Setting] = &[
    Setting::new("DRAIN", Some("9s"), "Other words"),
    Setting::new("LAST", None, "Last"),
];

const PROGRAM: Program = Program {
    name: "reader",
    version: "1.2.3",
    about: "Serves documents",
    tables: &[TABLE, MORE],
};

fn environment(variables: &[(&str, &str)]) -> HashMap<String, String> {
    let owned = variables
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()));
    owned.collect()
}
