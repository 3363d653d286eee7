//! `pressrun token new`: a secret for who is to write, and the line that lets its bearer.

use std::{
    fmt::Write as _,
    io::{self, Write},
    process::ExitCode,
};

use clap::{Arg, ArgAction, ArgMatches, Command, error::ErrorKind, value_parser};
use writer::access::{Scope, Token, TokenHash};

use crate::progress::{self, say};

/// Octets from the system's own source that a secret is made of: nobody guesses 256 bits.
const SECRET_BYTES: usize = 32;

/// What secrets begin with, so that people and scanners know them where they should not be.
const SECRET_PREFIX: &str = "pressrun_";

/// What `pressrun token new` is told.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    name: String,
    scopes: Vec<Scope>,
}

/// `pressrun token`.
pub(crate) fn command() -> Command {
    let new = Command::new("new")
        .about("Make a token: its line to standard output, its secret, this once, to standard error")
        .after_help(
            "Append the line to the writer's WRITER_TOKENS_FILE, which is read again within a second, and \
             give the secret to who is to write: Authorization: Bearer SECRET.",
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .required(true)
                .help("Who it is for: 1 to 64 of a-z, A-Z, 0-9, _, . and -"),
        )
        .arg(
            Arg::new("scope")
                .long("scope")
                .value_name("SCOPE")
                .required(true)
                .action(ArgAction::Append)
                .value_delimiter(',')
                .value_parser(value_parser!(Scope))
                .help("What it may do: COLLECTION:write, PREFIX*:write or *:write; several are allowed"),
        );
    Command::new("token")
        .about("Make tokens for those who write")
        .subcommand_required(true)
        .subcommand(new)
}

impl Options {
    /// Reads what [`command`] has parsed; `root` words the complaint.
    ///
    /// # Errors
    /// The name is not one, or there are too many scopes.
    pub(crate) fn read(root: &mut Command, given: &ArgMatches) -> Result<Self, clap::Error> {
        // There is no other command below.
        let given = given.subcommand().map_or(given, |(_new, given)| given);
        let options = Self {
            name: given.get_one::<String>("name").cloned().unwrap_or_default(),
            scopes: given
                .get_many("scope")
                .map(|scopes| scopes.cloned().collect())
                .unwrap_or_default(),
        };
        match options.token(b"any") {
            Ok(_) => Ok(options),
            Err(error) => Err(root.error(ErrorKind::ValueValidation, error)),
        }
    }

    fn token(&self, secret: &[u8]) -> Result<Token, writer::access::TokenError> {
        Token::new(&self.name, self.scopes.clone(), TokenHash::of(secret))
    }
}

/// Makes one token and shows it.
pub(crate) fn run(options: &Options) -> ExitCode {
    match make(options) {
        Ok((secret, line)) => {
            if let Err(error) = writeln!(io::stdout(), "{line}") {
                return progress::report_failure(&error);
            }
            say(format_args!(
                "The secret, which is shown this once:\n{secret}"
            ));
            ExitCode::SUCCESS
        }
        Err(error) => progress::report_failure(&*error),
    }
}

fn make(options: &Options) -> Result<(String, String), Box<dyn std::error::Error>> {
    let mut random = [0; SECRET_BYTES];
    getrandom::fill(&mut random)?;
    let mut secret = SECRET_PREFIX.to_owned();
    for octet in random {
        write!(secret, "{octet:02x}")?;
    }
    let line = options.token(secret.as_bytes())?.to_string();
    Ok((secret, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_admits_its_secret_and_no_two_are_alike() {
        let options = Options {
            name: "importer".to_owned(),
            scopes: vec!["shop-*:write".parse().unwrap()],
        };
        let (secret, line) = make(&options).unwrap();
        assert!(line.starts_with("importer shop-*:write blake3:"), "{line}");
        assert!(!line.contains(&secret[SECRET_PREFIX.len()..]));
        let token: Token = line.parse().unwrap();
        assert_eq!(*token.hash(), TokenHash::of(secret.as_bytes()));
        assert_eq!(secret.len(), SECRET_PREFIX.len() + 2 * SECRET_BYTES);
        assert_ne!(make(&options).unwrap().0, secret);
    }
}
