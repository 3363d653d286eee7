//! Errors in log lines.

use std::{error::Error, fmt};

/// An error and what caused it, for a field of a log line: their messages joined by colons, without
/// those that one before has told already. Many errors of libraries repeat their causes.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a>(&'a (dyn Error + 'static));

/// See [`Chain`].
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> Chain<'a> {
    Chain(error)
}

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.0.to_string();
        f.write_str(&told)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let message = error.to_string();
            if !told.contains(&message) {
                write!(f, ": {message}")?;
                told = message;
            }
            cause = error.source();
        }
        Ok(())
    }
}
