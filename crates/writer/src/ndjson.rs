//! Octets to lines, wherever the chunks that bring them are cut.
//!
//! A line ends with LF; a CR before it is white space to JSON and stays. The last line may lack its
//! LF. Memory holds one chunk and one line: what is longer than the limit is not kept but counted,
//! and given as [`Content::TooLong`] once its end is found.

use bytes::{Buf, Bytes, BytesMut};
use shared::limits::BODY_BYTES_MAX;

/// Upper bound on one line of an import, in octets without its LF: a body at its own limit, an id
/// of 256 octets with every one escaped, the members' names and some white space.
pub const LINE_BYTES_MAX: usize = BODY_BYTES_MAX + 4096;

/// How much is kept of a line that is too long, in octets: enough to recognise it by.
pub const CUT_BYTES: usize = 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// 1 for the first one; blank ones count.
    pub number: u64,
    /// Octets from the start of the input to the end of this line, its LF included.
    pub end: u64,
    /// What stands on it.
    pub content: Content,
}

/// What stands on a line, without its LF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// All of it; possibly a slice of the chunk that brought it.
    Whole(Bytes),
    /// The first [`CUT_BYTES`] of more octets than are allowed.
    TooLong(Bytes),
}

impl Content {
    /// Whether nothing stands there but white space.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Whole(octets) => octets.trim_ascii().is_empty(),
            Self::TooLong(_) => false,
        }
    }
}

/// Divides input into lines: give it a chunk by [`Self::push`], take its lines by [`Self::take`]
/// until there are none, and so on; at the end of the input take the last line by [`Self::finish`].
#[derive(Debug)]
pub struct Lines {
    line_bytes_max: usize,
    /// What is not divided yet.
    chunk: Bytes,
    /// The beginning of a line whose end is not here yet; cut once it is too long.
    begun: BytesMut,
    /// How long that line is so far, in octets.
    begun_len: usize,
    taken: u64,
    end: u64,
}

impl Lines {
    /// For input from its first octet, whose lines have at most `line_bytes_max` octets.
    pub fn new(line_bytes_max: usize) -> Self {
        Self::starting_at(line_bytes_max, 0, 0)
    }

    /// For the rest of an input of which `lines` lines, which end at octet `end`, were taken before.
    pub fn starting_at(line_bytes_max: usize, lines: u64, end: u64) -> Self {
        Self {
            line_bytes_max,
            chunk: Bytes::new(),
            begun: BytesMut::new(),
            begun_len: 0,
            taken: lines,
            end,
        }
    }

    /// Adds the next octets. All lines of the chunk before must have been taken.
    pub fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "the chunk before is used up");
        self.chunk = chunk;
    }

    /// The next line whose end is here.
    pub fn take(&mut self) -> Option<Line> {
        if let Some(len) = self.chunk.iter().position(|&octet| octet == b'\n') {
            let rest_of_line = self.chunk.split_to(len);
            self.chunk.advance(1);
            self.end += 1;
            return Some(self.end_line(rest_of_line));
        }
        let part = std::mem::take(&mut self.chunk);
        self.begin(&part);
        None
    }

    /// The line that the input ended with, if that has no LF.
    pub fn finish(&mut self) -> Option<Line> {
        (self.begun_len > 0).then(|| self.end_line(Bytes::new()))
    }

    /// How many lines were taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    fn end_line(&mut self, rest: Bytes) -> Line {
        let content = if self.begun_len == 0 && rest.len() <= self.line_bytes_max {
            self.end += rest.len() as u64;
            Content::Whole(rest)
        } else {
            self.begin(&rest);
            let octets = std::mem::take(&mut self.begun).freeze();
            if self.begun_len > self.line_bytes_max {
                Content::TooLong(octets)
            } else {
                Content::Whole(octets)
            }
        };
        self.begun_len = 0;
        self.taken += 1;
        Line {
            number: self.taken,
            end: self.end,
            content,
        }
    }

    /// Adds octets to the line that has begun, as far as they are kept.
    fn begin(&mut self, part: &[u8]) {
        let is_too_long_already = self.begun_len > self.line_bytes_max;
        self.begun_len += part.len();
        self.end += part.len() as u64;
        if self.begun_len <= self.line_bytes_max {
            self.begun.extend_from_slice(part);
        } else if !is_too_long_already {
            let missing = CUT_BYTES.saturating_sub(self.begun.len()).min(part.len());
            let mut cut = BytesMut::with_capacity(CUT_BYTES);
            cut.extend_from_slice(&self.begun[..self.begun.len().min(CUT_BYTES)]);
            cut.extend_from_slice(&part[..missing]);
            // Gives back the memory of what was kept so far.
            self.begun = cut;
        }
    }
}
