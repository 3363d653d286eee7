//! A file of tokens that may change while the writer runs.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::MissedTickBehavior};
use tracing::{error, info, warn};

use super::{AccessCounters, TokenError, TokenSet, set::TOKENS_MAX};

/// Upper bound on a file of tokens, in octets. Larger ones are refused.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// How often the file is looked at: so long at most may a token be good after it was removed.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Why a file of tokens cannot be used. It never repeats what the file says.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It is too large.
    #[error("it has more than {FILE_BYTES_MAX} octets")]
    TooLarge,
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It has too many tokens.
    #[error("it has more than {TOKENS_MAX} tokens")]
    TooMany,
    /// A line is no token.
    #[error("line {line}: {source}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// Why not.
        source: TokenError,
    },
    /// A line has the name or the hash of one before it.
    #[error("line {line}: another line has the same name or hash")]
    Repeated {
        /// Its number, from 1.
        line: usize,
    },
}

/// The tokens that count now, and where they come from.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    state: RwLock<State>,
    counters: AccessCounters,
}

#[derive(Debug)]
struct State {
    tokens: Arc<TokenSet>,
    /// What the file was when it was last looked at.
    seen: Seen,
    /// What is wrong with the file as it is now; older tokens count then.
    fault: Option<String>,
}

/// Tells one look at the file from another.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Content(blake3::Hash),
    Unreadable(io::ErrorKind),
}

impl TokenFile {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be used as it is.
    pub fn open(path: PathBuf) -> Result<Self, TokenFileError> {
        let content = read(&path)?;
        let tokens = parse(&content)?;
        if tokens.is_empty() {
            warn!(path = %path.display(), "the file of tokens has none: nobody may write");
        }
        Ok(Self {
            path,
            state: RwLock::new(State {
                tokens: Arc::new(tokens),
                seen: Seen::Content(blake3::hash(&content)),
                fault: None,
            }),
            counters: AccessCounters::default(),
        })
    }

    /// The tokens that count now.
    pub fn tokens(&self) -> Arc<TokenSet> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&state.tokens)
    }

    /// What is wrong with the file as it is now, if anything is: then older tokens count.
    pub fn fault(&self) -> Option<String> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.fault.clone()
    }

    /// What has happened so far.
    pub fn counters(&self) -> &AccessCounters {
        &self.counters
    }

    /// Looks at the file every [`LOOK_INTERVAL`], until it is dropped.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn follow(self: Arc<Self>) -> ! {
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let file = Arc::clone(&self);
            let looked = spawn_blocking(move || file.look()).await;
            if let Err(failed) = looked {
                error!(error = %failed, "the file of tokens was not looked at");
            }
        }
    }

    /// Reads the file and takes its tokens where they have changed. The whole of it is read, not
    /// its times: a small file costs nothing, and no change can hide behind a coarse clock. What
    /// cannot be used leaves the tokens as they are, and is logged once.
    pub fn look(&self) {
        let read = read(&self.path);
        let seen = match &read {
            Ok(content) => Seen::Content(blake3::hash(content)),
            Err(TokenFileError::Unreadable(error)) => Seen::Unreadable(error.kind()),
            Err(_too_large) => Seen::Unreadable(io::ErrorKind::FileTooLarge),
        };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.seen == seen {
            return;
        }
        state.seen = seen;
        match read.and_then(|content| parse(&content)) {
            Ok(tokens) => {
                info!(path = %self.path.display(), tokens = tokens.len(), "tokens taken");
                state.tokens = Arc::new(tokens);
                state.fault = None;
                AccessCounters::count(&self.counters.reloads);
            }
            Err(fault) => {
                error!(
                    path = %self.path.display(),
                    error = %fault,
                    "the file of tokens cannot be used: the tokens before it stay"
                );
                state.fault = Some(fault.to_string());
                AccessCounters::count(&self.counters.reloads_failed);
            }
        }
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, TokenFileError> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content))
        .map_err(TokenFileError::Unreadable)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(TokenFileError::TooLarge);
    }
    Ok(content)
}

fn parse(content: &[u8]) -> Result<TokenSet, TokenFileError> {
    let text = std::str::from_utf8(content).or(Err(TokenFileError::NotUtf8))?;
    TokenSet::parse(text)
}
