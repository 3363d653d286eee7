//! The command line of `pressrun import`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, error::ErrorKind, value_parser};
use service::config::{Environment, Secret};
use writer::http::ERRORS_MAX;

use crate::arguments::{base_url, collection};

/// Lines of one request unless told otherwise: ten batches of the writer, so that it waits for the
/// next request for a small part of the time.
const LINES_PER_REQUEST: u16 = 5000;

/// Most lines of one request: as many as can be named if all fail.
#[expect(clippy::cast_possible_truncation, reason = "10,000 fits")]
const LINES_PER_REQUEST_MAX: i64 = ERRORS_MAX as u16 as i64;

/// What `pressrun import` is told.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The file; `None` for standard input.
    pub(crate) file: Option<PathBuf>,
    /// The writer's public plane, without a slash at its end.
    pub(crate) url: String,
    /// Where all documents go; `None` where each line names its own.
    pub(crate) collection: Option<String>,
    /// Lines are the documents themselves, and this member of them is the id.
    pub(crate) id_field: Option<String>,
    /// Whether to go on where the last import of the file was left, and to note how far this one is.
    pub(crate) resume: bool,
    /// Where failed lines go.
    pub(crate) failed: Option<PathBuf>,
    /// The writer's token, or where it stands.
    pub(crate) token: Option<TokenSource>,
    /// 1 to 10,000.
    pub(crate) lines_per_request: usize,
}

/// Where the token comes from.
#[derive(Debug, Clone)]
pub(crate) enum TokenSource {
    /// The content of a file, white space around it dropped.
    File(PathBuf),
    /// The environment.
    Variable(Secret),
}

/// The variable that may hold the token.
const TOKEN_VARIABLE: &str = "PRESSRUN_TOKEN";

/// `pressrun import`.
pub(crate) fn command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("import")
        .about("Send documents to a writer, one a line: {\"id\": .., \"body\": {..}}")
        .after_help(
            "The exit status is 0 where every line is stored, 1 where some failed, 2 where the \
             import could not go on, 64 for a command line that cannot be used. A line that was \
             stored before changes nothing, so an import can always be repeated.",
        )
        .arg(
            Arg::new("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The lines; - or nothing for standard input"),
        )
        .arg(
            option("url", "URL", "The writer's public plane")
                .default_value("http://127.0.0.1:8080")
                .value_parser(base_url),
        )
        .arg(
            option("collection", "NAME", "Where the documents go; without it each line has a member collection, as exports do")
                .value_parser(collection),
        )
        .arg(
            option("id-field", "NAME", "The lines are documents, and this member of each, a string or a number, is its id")
                .requires("collection"),
        )
        .arg(
            option("resume", "", "Note in FILE.pressrun-resume how far the import is, and go on from there if it is there")
                .action(ArgAction::SetTrue),
        )
        .arg(
            option("failed", "FILE", "Where to write the lines that failed, each with its reason, as NDJSON")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            option("token-file", "FILE", "A file with the token that the writer wants; without it the variable PRESSRUN_TOKEN, if it is set")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            option("lines-per-request", "N", "Lines of one request, 1 to 10000; a request has at most 8 MiB besides")
                .value_parser(value_parser!(u16).range(1..=LINES_PER_REQUEST_MAX)),
        )
}

impl Options {
    /// Reads what [`command`] has parsed; `root` words the complaint.
    ///
    /// # Errors
    /// Standard input cannot be resumed.
    pub(crate) fn read(
        root: &mut Command,
        given: &ArgMatches,
        environment: &impl Environment,
    ) -> Result<Self, clap::Error> {
        let variable = || environment.variable(TOKEN_VARIABLE)?.into_string().ok();
        let text = |name| given.get_one::<String>(name).cloned();
        let path = |name| given.get_one::<PathBuf>(name).cloned();
        let options = Self {
            file: path("FILE").filter(|path| path.as_os_str() != "-"),
            url: text("url").unwrap_or_default(),
            collection: text("collection"),
            id_field: text("id-field"),
            resume: given.get_flag("resume"),
            failed: path("failed"),
            token: path("token-file").map(TokenSource::File).or_else(|| {
                let token = variable().filter(|token| !token.is_empty())?;
                Some(TokenSource::Variable(Secret::new(token)))
            }),
            lines_per_request: given
                .get_one("lines-per-request")
                .map_or(LINES_PER_REQUEST, |lines: &u16| *lines)
                .into(),
        };
        if options.resume && options.file.is_none() {
            let complaint = "--resume needs a FILE: standard input cannot be read again";
            return Err(root.error(ErrorKind::ArgumentConflict, complaint));
        }
        Ok(options)
    }
}

#[cfg(test)]
impl Options {
    /// An import of `file` into `things`.
    pub(super) fn example(file: &std::path::Path) -> Self {
        Self {
            file: Some(file.to_owned()),
            url: "http://127.0.0.1:1".to_owned(),
            collection: Some("things".to_owned()),
            id_field: None,
            resume: true,
            failed: None,
            token: None,
            lines_per_request: 10,
        }
    }
}
