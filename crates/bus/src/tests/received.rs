//! What comes from a socket, in pieces.

use std::io::{self, Read};

use crate::redis::received::Received;

/// Gives octets in pieces of this length, and leaves a trace wherever it was allowed to write.
struct Pieces {
    left: Vec<u8>,
    piece_bytes: usize,
    /// Octets of room that had no trace: they were made zero since, or are new.
    zeroed: usize,
}

const TRACE: u8 = 0xaa;

impl Pieces {
    fn new(octets: &[u8], piece_bytes: usize) -> Self {
        Self {
            left: octets.to_vec(),
            piece_bytes,
            zeroed: 0,
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.zeroed += buf.iter().filter(|&&octet| octet != TRACE).count();
        buf.fill(TRACE);
        let len = self.piece_bytes.min(self.left.len()).min(buf.len());
        buf[..len].copy_from_slice(&self.left[..len]);
        self.left.drain(..len);
        Ok(len)
    }
}

fn octets(len: u32) -> Vec<u8> {
    (0..len).map(|number| (number % 100) as u8).collect()
}

#[test]
fn room_of_a_large_value_is_made_zero_once() {
    let value = octets(4 * 1024 * 1024);
    let mut pieces = Pieces::new(&value, 64 * 1024);
    let mut received = Received::default();
    while received.octets().len() < value.len() {
        let missing = value.len() - received.octets().len();
        received.read_from(&mut pieces, missing).unwrap();
    }
    assert_eq!(received.octets(), value);
    assert!(
        pieces.zeroed < value.len() + value.len() / 4,
        "{} for {}",
        pieces.zeroed,
        value.len()
    );
}

#[test]
fn what_comes_is_taken_in_order_whatever_was_kept_before() {
    let sent = octets(3_000_000);
    let mut pieces = Pieces::new(&sent, 70_001);
    let mut received = Received::default();
    let (mut taken, mut kept) = (Vec::new(), Vec::new());
    while !pieces.left.is_empty() {
        received.read_from(&mut pieces, 0).unwrap();
        let len = received.octets().len();
        // A few are thrown away, some wait for the next piece, and what was taken is kept.
        taken.extend_from_slice(&received.octets()[..10]);
        received.skip(10);
        let part = received.take((len - 10) * 2 / 3);
        taken.extend_from_slice(&part);
        kept.push(part);
    }
    taken.extend_from_slice(received.octets());
    assert_eq!(taken, sent);
    let kept: usize = kept.iter().map(bytes::Bytes::len).sum();
    assert!(kept > sent.len() / 2);
}

#[test]
fn an_end_is_an_error_and_an_interruption_is_none() {
    struct Interrupted;
    impl Read for Interrupted {
        fn read(&mut self, _buf: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::Interrupted.into())
        }
    }
    let mut received = Received::default();
    received.read_from(&mut &b"abc"[..], 0).unwrap();
    received.read_from(&mut Interrupted, 0).unwrap();
    let ended = received.read_from(&mut &b""[..], 0).unwrap_err();
    assert_eq!(ended.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(received.octets(), b"abc");
}
