//! `pressrun verify`: does every reader hold what the database holds?
//!
//! Writes may go on meanwhile. The database is read, then the reader, at or above the position of
//! the database's answer, then the database again: where both answers of the database agree, the
//! document was not written in between, and a reader that has another one is wrong. First digests of
//! buckets are compared, then the documents of those that differ. A difference counts once it was
//! met so twice: what goes through the reader's set while entries come and go may miss one.

mod ask;
mod compare;

use std::{process::ExitCode, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use shared::{Position, ResourceKey, digest::DocumentState};

use self::{
    ask::{Asked, Client, ReaderNode},
    compare::{Finding, compare},
};
use crate::{
    arguments::base_url,
    progress::{self, DIFFERS, STOPPED, say},
};

/// What `pressrun verify` is told.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The writer's internal plane, without a slash at its end.
    pub(crate) url: String,
    /// The readers' admin planes; none: those registered.
    pub(crate) readers: Vec<String>,
    /// How long a reader may take to reach the database's head.
    pub(crate) wait: Duration,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    /// A process cannot be reached, or went away.
    #[error("{0} cannot be asked")]
    Http(String, #[source] reqwest::Error),
    /// A process refuses.
    #[error("{0} refuses: {1}")]
    Refused(String, String),
    /// An answer is not what this version reads.
    #[error("{0} answers with what is no digest")]
    Damaged(String),
    /// A reader does not reach the position in time.
    #[error("{reader} has not reached {goal} within {seconds} s; it stands at {position}")]
    Behind {
        reader: String,
        goal: Position,
        seconds: u64,
        position: String,
    },
    /// No reader to be verified.
    #[error("no reader is registered; name them with --reader")]
    NoReaders,
    /// The bus is away, so readers are not known.
    #[error("the writer cannot ask the bus for readers; name them with --reader")]
    BusAway,
    /// A registered reader cannot be reached.
    #[error(
        "{0} does not tell where it is reached; set READER_ADMIN_URL there, or name it with --reader"
    )]
    NoAddress(String),
    /// Writes were too fast for these documents.
    #[error("{0} documents were written over and over meanwhile; try again")]
    Unsettled(usize),
}

/// A document that a reader holds otherwise than the database does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Which.
    pub(crate) key: ResourceKey,
    /// In the database; `None` where it does not exist or is deleted.
    pub(crate) database: Option<DocumentState>,
    /// In the reader.
    pub(crate) reader: Option<DocumentState>,
}

/// `pressrun verify`.
pub(crate) fn command() -> Command {
    Command::new("verify")
        .about("Compare every reader with the database, document by document where they differ")
        .after_help(
            "Writes may go on meanwhile. The exit status is 0 where every reader holds what the \
             database does, 1 where one does not, and the documents are named on standard output, \
             2 where it cannot be told, 64 for a command line that cannot be used.",
        )
        .arg(
            Arg::new("url")
                .long("url")
                .value_name("URL")
                .default_value("http://127.0.0.1:9180")
                .value_parser(base_url)
                .help("A writer's internal plane"),
        )
        .arg(
            Arg::new("reader")
                .long("reader")
                .value_name("URL")
                .action(ArgAction::Append)
                .value_parser(base_url)
                .help(
                    "A reader's admin plane, as often as needed; without it, all registered ones",
                ),
        )
        .arg(
            Arg::new("wait")
                .long("wait")
                .value_name("SECONDS")
                .default_value("30")
                .value_parser(value_parser!(u64).range(0..=3600))
                .help("How long a reader may take to reach the database's head"),
        )
}

impl Options {
    /// Reads what [`command`] has parsed.
    pub(crate) fn read(given: &ArgMatches) -> Self {
        let readers = given.get_many::<String>("reader").unwrap_or_default();
        let wait = given.get_one::<u64>("wait").copied().unwrap_or_default();
        Self {
            url: given.get_one::<String>("url").cloned().unwrap_or_default(),
            readers: readers.cloned().collect(),
            wait: Duration::from_secs(wait),
        }
    }
}

/// Verifies and gives the exit status: 0, 1 where readers differ, 2 where that cannot be told.
pub(crate) async fn run(options: &Options) -> ExitCode {
    match verify(options).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => progress::report_failure(&error),
    }
}

/// A reader that cannot be compared does not keep the others from being compared.
async fn verify(options: &Options) -> Result<u8, VerifyError> {
    let client = Client::new(&options.url)?;
    let readers = readers(&client, options).await?;
    let mut code = 0;
    for reader in readers {
        let compared = async {
            let reader = reader?;
            let finding = compare(&client, &reader, options.wait).await?;
            Ok::<_, VerifyError>(report(&reader, &finding))
        };
        code = match compared.await {
            Ok(found) => code.max(found),
            Err(error) => {
                progress::report_failure(&error);
                STOPPED
            }
        };
    }
    Ok(code)
}

async fn readers(
    client: &Client,
    options: &Options,
) -> Result<Vec<Result<ReaderNode, VerifyError>>, VerifyError> {
    if options.readers.is_empty() {
        return client.registered().await;
    }
    let named = |url: &String| {
        Ok(ReaderNode {
            name: url.clone(),
            url: url.clone(),
        })
    };
    Ok(options.readers.iter().map(named).collect())
}

/// Tells what was found, differences on standard output, and gives the exit status.
fn report(reader: &ReaderNode, finding: &Finding) -> u8 {
    let Finding {
        position,
        documents,
        held,
        differences,
    } = finding;
    let name = &reader.name;
    if let (true, Some(held)) = (differences.is_empty(), held) {
        say(format_args!(
            "{name} holds {held} of {documents} documents at {position}, as the database does; the \
             others, which it fetches when asked, were not compared"
        ));
        return 0;
    }
    if differences.is_empty() {
        say(format_args!(
            "{name} holds what the database does: {documents} documents at {position}"
        ));
        return 0;
    }
    for difference in differences {
        progress::print(format_args!("{name}\t{}", describe(difference)));
    }
    let count = differences.len();
    say(format_args!(
        "{name} differs from the database in {count} of {documents} documents, or more, at {position}"
    ));
    DIFFERS
}

fn describe(difference: &Difference) -> String {
    let Difference {
        key,
        database,
        reader,
    } = difference;
    let (database, reader) = (describe_state(*database), describe_state(*reader));
    format!("{key}\tdatabase: {database}\treader: {reader}")
}

fn describe_state(state: Option<DocumentState>) -> String {
    let Some(state) = state else {
        return "none".to_owned();
    };
    let (sequence, version) = (state.sequence, state.version.0);
    let tag = state
        .tag
        .map_or_else(|| "damaged".to_owned(), |tag| tag.to_string());
    match state.expires_at {
        None => format!("sequence {sequence}, version {version}, {tag}"),
        Some(at) => format!(
            "sequence {sequence}, version {version}, expires at {} us, {tag}",
            at.0
        ),
    }
}
