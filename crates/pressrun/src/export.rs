//! `pressrun export`: every document of a writer, one a line.
//!
//! Documents come from the writer's internal plane, `/internal/snapshot`, in key order, all of one
//! epoch, each as it was at the export's position or later: what is written meanwhile may be among
//! them or not, and changes of two documents may be seen apart. So the lines are everything up to
//! the position, which is told at the end, and importing them again gives just these bodies, octet
//! for octet.

mod frames;
mod output;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Arg, ArgMatches, Command, value_parser};
use reqwest::{Client, redirect};
use shared::{Change, Envelope, Heartbeat, Position, codec::DecodeError};

use self::{
    frames::{Frame, Frames},
    output::Output,
};
use crate::{
    arguments::{base_url, collection},
    progress::{self, Progress, say},
};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the writer may be silent amid the stream.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// What `pressrun export` is told.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The file; `None` for standard output.
    pub(crate) file: Option<PathBuf>,
    /// The writer's internal plane, without a slash at its end.
    pub(crate) url: String,
    /// The only collection to be exported, if not all.
    collection: Option<String>,
}

/// Why an export could not be made. What was written then is not all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The writer cannot be reached, or went away.
    #[error("the writer went away")]
    Http(#[source] reqwest::Error),
    /// The writer refuses.
    #[error("the writer refuses: {0}")]
    Refused(String),
    /// The stream ended before its trailer.
    #[error("the stream was cut; try again")]
    Cut,
    /// The stream is not what this version reads.
    #[error("the stream cannot be read")]
    Decode(#[source] DecodeError),
    /// The stream has frames in an order that no writer sends.
    #[error("the stream is damaged: {0}")]
    Damaged(&'static str),
    /// The lines could not be written.
    #[error("{name} cannot be written")]
    Output {
        name: String,
        #[source]
        source: std::io::Error,
    },
}

/// `pressrun export`.
pub(crate) fn command() -> Command {
    Command::new("export")
        .about("Write every document of a writer, one a line: {\"id\": .., \"body\": {..}}")
        .after_help(
            "The lines are everything up to the position told at the end; what is written \
             meanwhile may be among them or not. They can be imported as they are. The exit \
             status is 0 where all documents are written, 2 where not, 64 for a command line that \
             cannot be used. FILE appears once it is complete.",
        )
        .arg(
            Arg::new("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Where to; - or nothing for standard output"),
        )
        .arg(
            Arg::new("url")
                .long("url")
                .value_name("URL")
                .default_value("http://127.0.0.1:9180")
                .value_parser(base_url)
                .help("The writer's internal plane"),
        )
        .arg(
            Arg::new("collection")
                .long("collection")
                .value_name("NAME")
                .value_parser(collection)
                .help("Only this collection; without it, all, and each line names its own"),
        )
}

impl Options {
    /// Reads what [`command`] has parsed.
    pub(crate) fn read(given: &ArgMatches) -> Self {
        let text = |name| given.get_one::<String>(name).cloned();
        let file = given.get_one::<PathBuf>("FILE").cloned();
        Self {
            file: file.filter(|path| path.as_os_str() != "-"),
            url: text("url").unwrap_or_default(),
            collection: text("collection"),
        }
    }
}

/// Exports and gives the exit status: 0, or 2 where something is missing.
pub(crate) async fn run(options: &Options) -> ExitCode {
    match export(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => progress::report_failure(&error),
    }
}

async fn export(options: &Options) -> Result<(), ExportError> {
    let mut frames = open(options).await?;
    let Frame::Heartbeat(head) = frames.next().await? else {
        return Err(ExportError::Damaged("it does not begin with a heartbeat"));
    };
    let mut output = Output::open(options)?;
    let mut progress = Progress::start(None, 0, 0);
    let mut items = 0;
    let trailer = loop {
        match frames.next().await? {
            Frame::Envelope(envelope) => {
                items += 1;
                if is_wanted(&envelope, options, &head) {
                    output.write(&envelope)?;
                }
                progress.update(frames.bytes(), output.documents(), "");
            }
            Frame::Trailer(trailer) => break trailer,
            Frame::Heartbeat(_) => return Err(ExportError::Damaged("a heartbeat amid it")),
        }
    };
    if trailer.items != items || trailer.epoch != head.head.epoch {
        return Err(ExportError::Damaged("it does not have what its end says"));
    }
    let documents = output.finish()?;
    report(documents, &progress, head.head);
    Ok(())
}

fn report(documents: u64, progress: &Progress, position: Position) {
    let took = progress.finish(documents);
    say(format_args!(
        "{documents} documents {took}: everything up to position {position}"
    ));
}

/// Neither a tombstone nor expired, and of the collection asked for.
fn is_wanted(envelope: &Envelope, options: &Options, head: &Heartbeat) -> bool {
    let is_served = envelope
        .expires_at
        .is_none_or(|expires_at| expires_at > head.database_time);
    let is_of_collection = options
        .collection
        .as_ref()
        .is_none_or(|collection| collection == envelope.key.collection());
    matches!(envelope.change, Change::Put(_)) && is_served && is_of_collection
}

async fn open(options: &Options) -> Result<Frames, ExportError> {
    let http = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        // A writer is reached directly, and never sends elsewhere.
        .no_proxy()
        .redirect(redirect::Policy::none())
        .build()
        .map_err(ExportError::Http)?;
    let url = format!("{}/internal/snapshot", options.url);
    let answer = http.get(url).send().await.map_err(ExportError::Http)?;
    let status = answer.status();
    if status.is_success() {
        Ok(Frames::new(answer))
    } else {
        Err(ExportError::Refused(status.to_string()))
    }
}
