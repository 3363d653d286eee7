//! Where failed lines go.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::ImportError;

/// A line that failed, as `--failed` writes it.
#[derive(Debug, Serialize)]
pub(super) struct FailedLine {
    /// Its number in the file, from 1.
    line: u64,
    /// What a single write would have been answered with.
    status: u16,
    detail: String,
    /// The line itself; what is not UTF-8 is replaced.
    text: String,
    /// Whether the line is longer than `text`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl FailedLine {
    pub(super) fn new(line: u64, status: u16, detail: String, text: &[u8]) -> Self {
        Self {
            line,
            status,
            detail,
            text: String::from_utf8_lossy(text.trim_ascii()).into_owned(),
            cut: false,
        }
    }

    /// The same line, of which `text` is only the beginning.
    pub(super) fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    /// How much of the line is held, in octets.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// For people.
    pub(super) fn summary(&self) -> String {
        format!("line {}: {} {}", self.line, self.status, self.detail)
    }
}

/// The file of `--failed`.
#[derive(Debug)]
pub(super) struct FailedFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl FailedFile {
    /// Opens it and drops what stands after `keep` octets: that was written for lines which are
    /// sent again.
    pub(super) fn open(path: &Path, keep: u64) -> Result<Self, ImportError> {
        let open = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            let bytes = keep.min(file.metadata()?.len());
            file.set_len(bytes)?;
            file.seek(SeekFrom::Start(bytes))?;
            Ok((file, bytes))
        };
        let (file, bytes) = open().map_err(|source| ImportError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
        })
    }

    /// Adds lines.
    pub(super) fn write(&mut self, lines: &[FailedLine]) -> Result<(), ImportError> {
        let mut content = Vec::new();
        for line in lines {
            // Cannot fail: texts and numbers, into memory.
            drop(serde_json::to_writer(&mut content, line));
            content.push(b'\n');
        }
        self.file
            .write_all(&content)
            .map_err(|source| self.error(source))?;
        self.bytes += content.len() as u64;
        Ok(())
    }

    /// How long it is, in octets.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn error(&self, source: io::Error) -> ImportError {
        ImportError::File {
            path: self.path.clone(),
            source,
        }
    }
}
