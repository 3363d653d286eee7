//! Writing the file, on a thread of its own.

use std::{
    fs::{self, File, TryLockError},
    io::{BufWriter, Write},
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use shared::{
    Change, Envelope, Link, Representation, ResourceKey, Timestamp,
    codec::{self, Trailer},
};

use super::{LocalError, TEMPORARY, file_in, header::Header};
use crate::{catalog::Catalog, entry::Entry};

/// Octets written at once, and between two looks at whether to go on.
const BUFFER_BYTES: usize = 1024 * 1024;

/// Says that a writing is to end: by a word, or by having gone away.
pub(crate) type Cancel = Receiver<()>;

/// How fast to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Half of the time, so that a core that also answers reads has the other half.
    Half,
    /// As fast as it goes.
    Full,
}

/// Writes what the catalog holds to the file in this directory, which is made if need be. Gives the
/// file's size in octets. What happens to the catalog meanwhile must only add and replace: whoever
/// drops documents from it cancels this.
///
/// # Errors
/// The file cannot be written, and the one before stays; or it was cancelled.
pub(crate) fn write(
    directory: &Path,
    catalog: &Catalog,
    header: &Header,
    pace: Pace,
    cancel: &Cancel,
) -> Result<u64, LocalError> {
    let failed = |what| move |error| LocalError::File(what, error);
    fs::create_dir_all(directory).map_err(failed("the directory cannot be made"))?;
    let locked = File::open(directory).map_err(failed("the directory cannot be opened"))?;
    match locked.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(LocalError::Locked),
        Err(TryLockError::Error(error)) => {
            return Err(LocalError::File("the directory cannot be locked", error));
        }
    }
    let temporary = directory.join(TEMPORARY);
    let written = write_whole(&temporary, catalog, header, pace, cancel).and_then(|bytes| {
        fs::rename(&temporary, file_in(directory)).map_err(failed("it cannot be renamed"))?;
        // So that the new name is on the disk as well.
        locked
            .sync_all()
            .map_err(failed("the directory cannot be flushed"))?;
        Ok(bytes)
    });
    if written.is_err() {
        // Where that fails too, the next writing begins with it.
        drop(fs::remove_file(&temporary));
    }
    written
}

fn write_whole(
    path: &Path,
    catalog: &Catalog,
    header: &Header,
    pace: Pace,
    cancel: &Cancel,
) -> Result<u64, LocalError> {
    let failed = |what| move |error| LocalError::File(what, error);
    let file = File::create(path).map_err(failed("it cannot be made"))?;
    let mut output = Output {
        file: BufWriter::with_capacity(BUFFER_BYTES, file),
        bytes: 0,
        items: 0,
        since_pause: 0,
        resumed_at: Instant::now(),
    };
    output.put(&header.encode())?;
    let epoch = header.tip.position.epoch;
    catalog.try_for_each(|entry| {
        if entry.position().epoch != epoch {
            return Err(LocalError::Epochs);
        }
        output.put_frame(&encode(entry)?)?;
        output.items += 1;
        output.pause(pace, cancel)
    })?;
    if catalog.is_partial() {
        return Err(LocalError::Partial);
    }
    let items = output.items;
    output.put_frame(&codec::encode_trailer(&Trailer { epoch, items }))?;
    let file = output.file.into_inner();
    let file =
        file.map_err(|error| LocalError::File("it cannot be written", error.into_error()))?;
    file.sync_all().map_err(failed("it cannot be flushed"))?;
    if is_cancelled(cancel) {
        return Err(LocalError::Cancelled);
    }
    Ok(output.bytes)
}

struct Output {
    file: BufWriter<File>,
    bytes: u64,
    items: u64,
    since_pause: usize,
    resumed_at: Instant,
}

impl Output {
    fn put_frame(&mut self, frame: &[u8]) -> Result<(), LocalError> {
        self.put(&codec::encode_length(frame.len()))?;
        self.put(frame)
    }

    fn put(&mut self, octets: &[u8]) -> Result<(), LocalError> {
        self.bytes += octets.len() as u64;
        self.since_pause += octets.len();
        let put = self.file.write_all(octets);
        put.map_err(|error| LocalError::File("it cannot be written", error))
    }

    /// Leaves others as much time as the last octets took, and looks whether to go on.
    fn pause(&mut self, pace: Pace, cancel: &Cancel) -> Result<(), LocalError> {
        if self.since_pause < BUFFER_BYTES {
            return Ok(());
        }
        self.since_pause = 0;
        let pause = match pace {
            Pace::Half => self.resumed_at.elapsed().min(Duration::from_secs(1)),
            Pace::Full => Duration::ZERO,
        };
        match cancel.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => {
                self.resumed_at = Instant::now();
                Ok(())
            }
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(LocalError::Cancelled),
        }
    }
}

fn is_cancelled(cancel: &Cancel) -> bool {
    cancel.try_recv() != Err(TryRecvError::Empty)
}

/// The envelope of an entry, but for what an entry does not keep: links and the time of its change.
fn encode(entry: &Entry) -> Result<Bytes, LocalError> {
    let refused = |error: &dyn std::error::Error| LocalError::Encode(error.to_string());
    let key = ResourceKey::from_text(entry.key()).map_err(|error| refused(&error))?;
    let change = if entry.is_tombstone() {
        Change::Delete
    } else {
        let representations = entry.representations().map(|one| Representation {
            coding: one.coding(),
            tag: one.tag(),
            octets: Bytes::copy_from_slice(one.octets()),
        });
        Change::Put(representations.collect())
    };
    let envelope = Envelope {
        position: entry.position(),
        prev_link: Link(0),
        link: Link(0),
        version: entry.version(),
        updated_at: Timestamp(0),
        expires_at: entry.expires_at(),
        key,
        change,
        extensions: Vec::new(),
    };
    codec::encode(&envelope).map_err(|error| refused(&error))
}
