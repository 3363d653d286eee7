//! `pressrun import`: lines of a file to a writer.
//!
//! The file is sent in batches of lines, one request each and one after the other; each answer
//! settles a number of lines from the first on. A request that cannot be carried out now is tried
//! again from the first line that is not settled, which is safe: a line stored already changes
//! nothing. Memory holds one batch.
//!
//! One task does it all, so files are read and written where it stands.

mod batch;
mod failed;
mod line;
mod options;
mod resume;
mod send;
mod session;

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
    process::ExitCode,
};

use tokio::time::sleep;

pub(crate) use options::{Options, command};

use self::{
    batch::{Batch, Batches},
    resume::{Mark, Source},
    send::{Answer, Patience, Sender},
    session::{Session, Totals},
};
use crate::progress::{self, SOME_FAILED};

/// Why an import could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// A file could not be used.
    #[error("{}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The input broke off.
    #[error("standard input")]
    Input(#[source] io::Error),
    /// The file of `--resume` is about something else.
    #[error("{}: {reason}; delete it to start from the beginning", path.display())]
    Resume { path: PathBuf, reason: &'static str },
    /// No HTTP client could be made.
    #[error("no HTTP client")]
    Client(#[source] reqwest::Error),
    /// The token cannot be sent.
    #[error("the token has characters that no token has")]
    Token,
    /// The writer refuses, and trying again would not help.
    #[error("the writer refuses: {0}")]
    Refused(String),
    /// The writer was away for too long.
    #[error("line {line} and those after it are not acknowledged: {reason}")]
    GaveUp { line: u64, reason: String },
}

/// Imports and gives the exit status: 0, 1 where some lines failed, 2 where it could not go on.
pub(crate) async fn run(options: &Options) -> ExitCode {
    match import(options).await {
        Ok(totals) if totals.failed == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(SOME_FAILED),
        Err(error) => progress::report_failure(&error),
    }
}

async fn import(options: &Options) -> Result<Totals, ImportError> {
    let sender = Sender::new(options)?;
    let mut input = Input::open(options)?;
    let mut session = Session::start(options, input.mark.clone(), input.source.clone())?;
    let mut batches = Batches::new(options, session.place());
    loop {
        let read = batches.read(&mut input.octets);
        let Some(mut batch) = read.map_err(|error| unreadable(options, error))? else {
            return session.finish();
        };
        carry(&sender, &mut session, &mut batch).await?;
        session.finish_batch(batch)?;
    }
}

/// Sends a batch until all of its lines are settled.
async fn carry(
    sender: &Sender,
    session: &mut Session,
    batch: &mut Batch,
) -> Result<(), ImportError> {
    let mut patience = Patience::default();
    while batch.has_lines() {
        match sender.send(batch).await {
            Answer::Done(report) => {
                session.settle(batch, report)?;
                if batch.has_lines() {
                    let reason = "200, but lines are left: this is no writer".to_owned();
                    return Err(ImportError::Refused(reason));
                }
            }
            Answer::Refused(reason) => return Err(ImportError::Refused(reason)),
            Answer::Later {
                report,
                reason,
                retry_after,
            } => {
                let pause = patience.pause(report.lines_done > 0, retry_after);
                session.settle(batch, report)?;
                let Some(pause) = pause else {
                    let line = session.place().lines + 1;
                    return Err(ImportError::GaveUp { line, reason });
                };
                session.say_waiting(&reason);
                sleep(pause).await;
            }
        }
    }
    Ok(())
}

/// What is imported.
struct Input {
    octets: Box<dyn Read>,
    /// Where the last import of this file was left.
    mark: Mark,
    /// What `--resume` knows the file by.
    source: Option<Source>,
}

impl Input {
    fn open(options: &Options) -> Result<Self, ImportError> {
        let Some(path) = &options.file else {
            return Ok(Self {
                octets: Box::new(io::stdin().lock()),
                mark: Mark::default(),
                source: None,
            });
        };
        let failed = |source| ImportError::File {
            path: path.clone(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        let source = Source::of(&file, options).map_err(failed)?;
        let left = if options.resume {
            resume::read(path, &source)?
        } else {
            None
        };
        let mark = left.unwrap_or_default();
        resume::seek(&mut file, mark.place).map_err(failed)?;
        Ok(Self {
            octets: Box::new(file),
            mark,
            source: Some(source),
        })
    }
}

fn unreadable(options: &Options, source: io::Error) -> ImportError {
    match &options.file {
        Some(path) => ImportError::File {
            path: path.clone(),
            source,
        },
        None => ImportError::Input(source),
    }
}
