//! `FILE.pressrun-resume`: how far the import of a file is.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use super::{ImportError, Options, session::Totals};

/// A place between two lines of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Place {
    /// Octets before it.
    pub(super) bytes: u64,
    /// Lines before it.
    pub(super) lines: u64,
}

/// Where an import was left.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Mark {
    #[serde(flatten)]
    pub(super) place: Place,
    /// What was counted up to there.
    pub(super) totals: Totals,
    /// How long the file of `--failed` was, in octets.
    pub(super) failed_bytes: u64,
}

/// What is imported: a mark holds for the same only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    file_bytes: u64,
    /// Nanoseconds since 1970, where the system tells.
    modified: Option<u128>,
    url: String,
    collection: Option<String>,
    id_field: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    source: Source,
    mark: Mark,
}

impl Source {
    pub(super) fn of(file: &File, options: &Options) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let modified = metadata.modified().ok();
        Ok(Self {
            file_bytes: metadata.len(),
            modified: modified
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                .map(|since| since.as_nanos()),
            url: options.url.clone(),
            collection: options.collection.clone(),
            id_field: options.id_field.clone(),
        })
    }

    /// Octets of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.file_bytes
    }
}

/// The mark of an import of `file`, if there is one.
///
/// # Errors
/// It cannot be read, or it is about another file, or the same with other contents or options.
pub(super) fn read(file: &Path, source: &Source) -> Result<Option<Mark>, ImportError> {
    let path = path_of(file);
    let content = match fs::read(&path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ImportError::File { path, source }),
    };
    match serde_json::from_slice::<Saved>(&content) {
        Ok(saved) if saved.source == *source => Ok(Some(saved.mark)),
        Ok(_) => Err(ImportError::Resume {
            path,
            reason: "FILE, --url, --collection or --id-field have changed since",
        }),
        Err(_) => Err(ImportError::Resume {
            path,
            reason: "it cannot be read",
        }),
    }
}

/// Replaces the mark at once: whoever reads it later finds the old or the new one.
pub(super) fn save(file: &Path, source: &Source, mark: &Mark) -> Result<(), ImportError> {
    let path = path_of(file);
    let saved = Saved {
        source: source.clone(),
        mark: mark.clone(),
    };
    let mut new = path.clone().into_os_string();
    new.push(".new");
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(&saved)?)?;
        file.sync_all()?;
        fs::rename(&new, &path)
    };
    write().map_err(|source: io::Error| ImportError::File { path, source })
}

/// Removes the mark of an import that is done.
pub(super) fn remove(file: &Path) -> Result<(), ImportError> {
    let path = path_of(file);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(ImportError::File { path, source })
        }
        _ => Ok(()),
    }
}

/// Moves `input` to where an import was left. What stands at its beginning may be a pipe.
pub(super) fn seek(input: &mut File, place: Place) -> io::Result<()> {
    if place.bytes == 0 {
        return Ok(());
    }
    input.seek(SeekFrom::Start(place.bytes)).map(drop)
}

fn path_of(file: &Path) -> PathBuf {
    let mut path = OsString::from(file);
    path.push(".pressrun-resume");
    path.into()
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn a_pipe_is_read_from_its_beginning() {
        let (pipe, mut other) = io::pipe().unwrap();
        other.write_all(b"one\n").unwrap();
        drop(other);
        let mut input = File::from(OwnedFd::from(pipe));
        seek(&mut input, Place::default()).unwrap();
        assert_eq!(io::read_to_string(&input).unwrap(), "one\n");
    }

    #[test]
    fn a_mark_holds_for_the_same_file_and_options_only() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lines");
        fs::write(&file, "one\ntwo\n").unwrap();
        let options = Options::example(&file);
        let source = Source::of(&File::open(&file).unwrap(), &options).unwrap();
        assert!(read(&file, &source).unwrap().is_none());
        let mark = Mark {
            place: Place { bytes: 4, lines: 1 },
            failed_bytes: 3,
            ..Mark::default()
        };
        save(&file, &source, &mark).unwrap();
        save(&file, &source, &mark).unwrap();

        let found = read(&file, &source).unwrap().unwrap();
        assert_eq!((found.place, found.failed_bytes), (mark.place, 3));
        let elsewhere = Source {
            collection: Some("others".to_owned()),
            ..source.clone()
        };
        assert!(read(&file, &elsewhere).is_err());
        let longer = Source {
            file_bytes: 9,
            ..source.clone()
        };
        assert!(read(&file, &longer).is_err());
        fs::write(path_of(&file), "{").unwrap();
        assert!(read(&file, &source).is_err());

        remove(&file).unwrap();
        remove(&file).unwrap();
        assert!(read(&file, &source).unwrap().is_none());
    }
}
