//! Where failed lines go.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
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
    /// sent again. A pipe or terminal takes what comes.
    ///
    /// # Errors
    /// It cannot be written, or is what is imported.
    pub(super) fn open(
        path: &Path,
        keep: u64,
        imported: Option<&Path>,
    ) -> Result<Self, ImportError> {
        let open = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Ok((file, 0));
            }
            if let Some(imported) = imported {
                let imported = fs::metadata(imported)?;
                let names = |one: &Metadata| (one.dev(), one.ino());
                if names(&imported) == names(&metadata) {
                    return Err(io::Error::other("these lines are what is imported"));
                }
            }
            let bytes = keep.min(metadata.len());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_imported_is_not_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link] = ["lines", "link"].map(|name| directory.path().join(name));
        fs::write(&file, "one\n").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&file, &link] {
            FailedFile::open(path, 0, Some(&file)).unwrap_err();
            assert_eq!(fs::read_to_string(&file).unwrap(), "one\n");
        }
    }

    #[test]
    fn what_is_no_file_takes_what_comes() {
        let line = FailedLine::new(1, 422, "why".to_owned(), b"one");
        let mut failed = FailedFile::open(Path::new("/dev/null"), 7, None).unwrap();
        failed.write(&[line]).unwrap();
    }
}
