//! Reading the file: once to judge it, once to give it.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom},
    path::Path,
};

use bytes::Bytes;
use shared::{
    Envelope,
    codec::{self, FRAME_BYTES_MAX, LENGTH_BYTES},
};

use super::{
    LocalError, file_in,
    header::{HEADER_BYTES, Header},
};

/// Octets read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// Most envelopes of a chunk, and about how many octets they have at most.
const CHUNK_ENVELOPES: usize = 512;
const CHUNK_BYTES: usize = 1024 * 1024;

/// A local snapshot that was read from end to end and found whole.
#[derive(Debug)]
pub(crate) struct LocalSnapshot {
    header: Header,
    documents: u64,
    file: BufReader<File>,
}

impl LocalSnapshot {
    /// Opens and judges the file in this directory; `None` where there is none. Reads all of it.
    ///
    /// # Errors
    /// It cannot be read, or is not to be believed.
    pub(crate) fn open(directory: &Path, origin: u64) -> Result<Option<Self>, LocalError> {
        let file = match File::open(file_in(directory)) {
            Ok(file) => BufReader::with_capacity(BUFFER_BYTES, file),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LocalError::File("it cannot be opened", error)),
        };
        let mut snapshot = Self::begin(file, origin)?;
        snapshot.judge()?;
        let start = SeekFrom::Start(HEADER_BYTES as u64);
        let again = snapshot.file.seek(start);
        again.map_err(|error| LocalError::File("it cannot be read twice", error))?;
        Ok(Some(snapshot))
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// How many entries it has, tombstones among them.
    pub(crate) fn documents(&self) -> u64 {
        self.documents
    }

    /// The next envelopes; none after the last.
    ///
    /// # Errors
    /// The file has changed since it was judged, or cannot be read.
    pub(crate) fn next_chunk(&mut self) -> Result<Vec<Envelope>, LocalError> {
        let mut chunk = Vec::new();
        let mut octets = 0;
        while chunk.len() < CHUNK_ENVELOPES && octets < CHUNK_BYTES {
            let frame = self.next_frame()?;
            if codec::is_trailer(&frame) {
                // It is met again by the next call, which finds nothing before it.
                let back = i64::try_from(frame.len() + LENGTH_BYTES).unwrap_or_default();
                let sought = self.file.seek_relative(-back);
                sought.map_err(|error| LocalError::File("it cannot be read", error))?;
                break;
            }
            octets += frame.len();
            chunk.push(codec::decode(&frame).map_err(LocalError::Damaged)?);
        }
        Ok(chunk)
    }

    fn begin(mut file: BufReader<File>, origin: u64) -> Result<Self, LocalError> {
        let mut octets = [0; HEADER_BYTES];
        read_exact(&mut file, &mut octets)?;
        let header = Header::decode(&octets)?;
        if header.origin != origin {
            return Err(LocalError::OtherBus);
        }
        Ok(Self {
            header,
            documents: 0,
            file,
        })
    }

    fn judge(&mut self) -> Result<(), LocalError> {
        let epoch = self.header.tip.position.epoch;
        let mut found = 0;
        let trailer = loop {
            let frame = self.next_frame()?;
            if codec::is_trailer(&frame) {
                break codec::decode_trailer(&frame).map_err(LocalError::Damaged)?;
            }
            let envelope = codec::decode(&frame).map_err(LocalError::Damaged)?;
            if envelope.position.epoch != epoch {
                return Err(LocalError::Epochs);
            }
            found += 1;
        };
        let told = trailer.items;
        if told != found {
            return Err(LocalError::Count { told, found });
        }
        if trailer.epoch != epoch {
            return Err(LocalError::Epochs);
        }
        self.documents = found;
        match self.file.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(LocalError::Trailing),
            Err(error) => Err(LocalError::File("it cannot be read", error)),
        }
    }

    fn next_frame(&mut self) -> Result<Bytes, LocalError> {
        let mut length = [0; LENGTH_BYTES];
        read_exact(&mut self.file, &mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(LocalError::Damaged(codec::DecodeError::Invalid("length")));
        }
        let mut frame = vec![0; length];
        read_exact(&mut self.file, &mut frame)?;
        Ok(frame.into())
    }
}

fn read_exact(file: &mut impl Read, octets: &mut [u8]) -> Result<(), LocalError> {
    file.read_exact(octets).map_err(|error: io::Error| {
        if error.kind() == ErrorKind::UnexpectedEof {
            LocalError::Cut
        } else {
            LocalError::File("it cannot be read", error)
        }
    })
}
