//! What has come from a socket and was not taken yet.

use std::io::{self, ErrorKind, Read};

use bytes::{Buf, Bytes, BytesMut};

/// Octets asked of the socket at once, at least.
const READ_BYTES: usize = 128 * 1024;

/// Octets in the order in which they came, and room for more behind them.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// The first `len` have come. The rest is room, which stays as it is between two reads: a value
    /// of several MiB takes many, and making all of its room zero for each would be the most of all
    /// work.
    octets: BytesMut,
    len: usize,
}

impl Received {
    /// What has come.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    /// Takes the first ones.
    ///
    /// # Panics
    /// Not so many have come.
    pub(crate) fn take(&mut self, len: usize) -> Bytes {
        self.len -= len;
        self.octets.split_to(len).freeze()
    }

    /// Throws the first ones away.
    ///
    /// # Panics
    /// As [`Self::take`].
    pub(crate) fn skip(&mut self, len: usize) {
        self.len -= len;
        self.octets.advance(len);
    }

    /// Reads once, with room for what is `missing` at least.
    ///
    /// # Errors
    /// The stream has ended or failed. Not where reading was interrupted: then nothing has come.
    pub(crate) fn read_from(
        &mut self,
        stream: &mut (impl Read + ?Sized),
        missing: usize,
    ) -> io::Result<()> {
        let needed = self.len + missing.max(READ_BYTES);
        if needed > self.octets.len() {
            if needed > self.octets.capacity() {
                // What moves to more room is what has come alone.
                self.octets.truncate(self.len);
            }
            self.octets.resize(needed, 0);
        }
        match stream.read(&mut self.octets[self.len..]) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                self.len += read;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}
