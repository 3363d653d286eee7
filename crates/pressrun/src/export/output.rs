//! Where the lines of an export go.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use shared::{Change, Envelope};

use super::{ExportError, Options};

/// Lines to standard output, or to a file that takes its name once it is complete: a part is never
/// taken for the whole.
pub(super) struct Output {
    octets: BufWriter<Box<dyn Write>>,
    /// What takes its name at the end, and which.
    file: Option<(File, PathBuf)>,
    /// Whether lines name their collection.
    names_collection: bool,
    documents: u64,
}

impl Output {
    pub(super) fn open(options: &Options) -> Result<Self, ExportError> {
        let (octets, file): (Box<dyn Write>, _) = match &options.file {
            None => (Box::new(io::stdout().lock()), None),
            Some(path) => {
                let created = File::create(partial(path))
                    .and_then(|file| Ok((file.try_clone()?, file)))
                    .map_err(|source| ExportError::Output {
                        name: path.display().to_string(),
                        source,
                    });
                let (written, file) = created?;
                (Box::new(written), Some((file, path.clone())))
            }
        };
        Ok(Self {
            octets: BufWriter::with_capacity(256 * 1024, octets),
            file,
            names_collection: options.collection.is_none(),
            documents: 0,
        })
    }

    /// How many documents were written.
    pub(super) fn documents(&self) -> u64 {
        self.documents
    }

    /// Writes a document as it is stored. A tombstone has no line.
    pub(super) fn write(&mut self, envelope: &Envelope) -> Result<(), ExportError> {
        let Change::Put(representations) = &envelope.change else {
            return Ok(());
        };
        // Identity comes first, and is the stored body.
        let Some(body) = representations.first() else {
            return Ok(());
        };
        let key = &envelope.key;
        let written = (|| {
            let octets = &mut self.octets;
            octets.write_all(b"{")?;
            if self.names_collection {
                write!(octets, r#""collection":"{}","#, key.collection())?;
            }
            octets.write_all(br#""id":"#)?;
            serde_json::to_writer(&mut *octets, key.id())?;
            if let Some(at) = envelope.expires_at {
                write!(octets, r#","expires_at":"{at}""#)?;
            }
            octets.write_all(br#","body":"#)?;
            octets.write_all(&body.octets)?;
            octets.write_all(b"}\n")
        })();
        self.documents += 1;
        written.map_err(|source| self.error(source))
    }

    /// Completes the lines and gives their number.
    pub(super) fn finish(mut self) -> Result<u64, ExportError> {
        let finished = self.octets.flush().and_then(|()| match &self.file {
            // On the disk before it has its name: that may get there first.
            Some((file, path)) => file
                .sync_all()
                .and_then(|()| fs::rename(partial(path), path)),
            None => Ok(()),
        });
        finished.map_err(|source| self.error(source))?;
        Ok(self.documents)
    }

    fn error(&self, source: io::Error) -> ExportError {
        let name = match &self.file {
            Some((_, path)) => path.display().to_string(),
            None => "standard output".to_owned(),
        };
        ExportError::Output { name, source }
    }
}

fn partial(path: &std::path::Path) -> PathBuf {
    let mut partial = path.to_owned().into_os_string();
    partial.push(".pressrun-partial");
    partial.into()
}
