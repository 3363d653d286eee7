//! What writers and readers make of variables that a deployment gives them.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use service::config::{Process, Setting};

/// What a program takes from its variables.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Its public or data plane.
    pub(crate) listen: SocketAddr,
    /// Its internal or admin plane.
    pub(crate) admin: SocketAddr,
    /// Where a reader tells the fleet that its admin plane is, where it does.
    pub(crate) admin_url: Option<String>,
    /// The end of its process.
    pub(crate) process: Process,
    /// What a reader may hold, in octets, where that is not everything.
    pub(crate) catalog_bytes_max: Option<u64>,
}

/// Lets `writer` or `reader` read these variables as it does when it starts.
///
/// # Panics
/// One is no setting of the program, or it refuses a value.
pub(crate) fn take(program: &str, variables: &HashMap<String, String>) -> Taken {
    match program {
        "writer" => {
            check_names(program, variables, writer::config::PROGRAM.settings());
            let config = writer::config::Config::read([program], variables);
            let config = config.expect("the writer takes its settings");
            Taken {
                listen: config.writer.listen,
                admin: config.writer.admin_listen,
                admin_url: None,
                process: config.process,
                catalog_bytes_max: None,
            }
        }
        "reader" => {
            check_names(program, variables, reader::config::PROGRAM.settings());
            let config = reader::config::Config::read([program], variables);
            let config = config.expect("the reader takes its settings");
            Taken {
                listen: config.reader.listen,
                admin: config.reader.admin_listen,
                admin_url: config.reader.admin_url,
                process: config.process,
                catalog_bytes_max: config.reader.catalog_bytes_max,
            }
        }
        other => panic!("{other} is no program"),
    }
}

impl Taken {
    /// The longest that it may take from SIGTERM to its end.
    pub(crate) fn end(&self) -> Duration {
        self.process.drain_delay + self.process.shutdown_grace
    }
}

fn check_names(
    program: &str,
    variables: &HashMap<String, String>,
    known: impl Iterator<Item = &'static Setting>,
) {
    let known: Vec<&str> = known.map(|setting| setting.env).collect();
    for name in variables.keys() {
        assert!(
            known.contains(&name.as_str()),
            "{name} is no setting of {program}"
        );
    }
}

#[test]
#[should_panic(expected = "READER_LISTENS is no setting of reader")]
fn a_variable_of_no_program_is_noticed() {
    let variables = [("READER_LISTENS", "0.0.0.0:1"), ("REDIS_URL", "redis://r")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    take("reader", &HashMap::from(variables));
}
