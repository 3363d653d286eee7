//! Lines of one request.

use std::{
    collections::VecDeque,
    io::{self, Read},
    ops::Range,
};

use bytes::{Bytes, BytesMut};
use writer::ndjson::{Content, LINE_BYTES_MAX, Line, Lines};

use super::{
    Options,
    failed::FailedLine,
    line::{Ready, Refusal, Shape},
    resume::Place,
};

/// Upper bound on the octets of one request, unless a single line has more; and on those of lines beside
/// it that are refused before they are sent.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How much is read at once, in octets.
const CHUNK_BYTES: usize = 256 * 1024;

/// Divides the input into batches.
#[derive(Debug)]
pub(super) struct Batches {
    shape: Shape,
    lines_max: usize,
    lines: Lines,
    chunk: Vec<u8>,
    is_ended: bool,
    /// The line that the last batch had no place for.
    left: Option<Entry>,
}

/// Lines that go to one collection, in the order of the file.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) collection: String,
    content: Bytes,
    /// Those that are not settled.
    entries: VecDeque<Entry>,
    sent_left: usize,
    /// The end of its last line, blank or not.
    end: Place,
}

/// A line that is not blank.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) number: u64,
    /// Where it ends in the file.
    pub(super) end: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Unplaced(Ready),
    /// Where it stands in the content, and the line of the file within that.
    Sent {
        start: usize,
        original: Range<usize>,
    },
    Refused(FailedLine),
}

impl Batches {
    /// From where an import was left.
    pub(super) fn new(options: &Options, place: Place) -> Self {
        Self {
            shape: Shape::of(options),
            lines_max: options.lines_per_request,
            lines: Lines::starting_at(LINE_BYTES_MAX, place.lines, place.bytes),
            chunk: vec![0; CHUNK_BYTES],
            is_ended: false,
            left: None,
        }
    }

    /// The next lines; `None` at the end of the input.
    pub(super) fn read(&mut self, input: &mut impl Read) -> io::Result<Option<Batch>> {
        let mut making = Making::default();
        loop {
            let entry = match self.left.take() {
                Some(entry) => entry,
                None => match self.take(input)? {
                    Some(line) => {
                        making.end = Some(Place {
                            bytes: line.end,
                            lines: line.number,
                        });
                        match self.entry(&line) {
                            Some(entry) => entry,
                            None => continue,
                        }
                    }
                    None => break,
                },
            };
            if let Some(entry) = making.add(entry) {
                self.left = Some(entry);
                break;
            }
            let bytes = making.content.len().max(making.refused_bytes);
            if making.entries.len() >= self.lines_max || bytes >= BATCH_BYTES_MAX {
                break;
            }
        }
        Ok(making.finish())
    }

    fn take(&mut self, input: &mut impl Read) -> io::Result<Option<Line>> {
        loop {
            if let Some(line) = self.lines.take() {
                return Ok(Some(line));
            }
            if self.is_ended {
                return Ok(self.lines.finish());
            }
            match input.read(&mut self.chunk) {
                Ok(0) => self.is_ended = true,
                Ok(len) => self.lines.push(Bytes::copy_from_slice(&self.chunk[..len])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn entry(&self, line: &Line) -> Option<Entry> {
        let kind = match &line.content {
            content if content.is_blank() => return None,
            Content::Whole(octets) => match self.shape.ready(octets) {
                Ok(ready) => Kind::Unplaced(ready),
                Err(Refusal { status, detail }) => {
                    Kind::Refused(FailedLine::new(line.number, status, detail, octets))
                }
            },
            Content::TooLong(cut) => {
                let detail = format!("the line has more than {LINE_BYTES_MAX} octets");
                Kind::Refused(FailedLine::new(line.number, 413, detail, cut).cut())
            }
        };
        Some(Entry {
            number: line.number,
            end: line.end,
            kind,
        })
    }
}

/// A batch that grows.
#[derive(Debug, Default)]
struct Making {
    collection: Option<String>,
    content: BytesMut,
    entries: VecDeque<Entry>,
    sent: usize,
    refused_bytes: usize,
    end: Option<Place>,
}

impl Making {
    /// Adds a line, or gives it back where it belongs into another request.
    fn add(&mut self, entry: Entry) -> Option<Entry> {
        let Entry { number, end, kind } = entry;
        let kind = match kind {
            Kind::Unplaced(ready) => match self.place(&ready) {
                Some(placed) => placed,
                None => {
                    return Some(Entry {
                        number,
                        end,
                        kind: Kind::Unplaced(ready),
                    });
                }
            },
            Kind::Refused(failed) => {
                self.refused_bytes += failed.text_bytes();
                Kind::Refused(failed)
            }
            placed @ Kind::Sent { .. } => placed,
        };
        self.entries.push_back(Entry { number, end, kind });
        None
    }

    fn place(&mut self, ready: &Ready) -> Option<Kind> {
        let collection = self
            .collection
            .get_or_insert_with(|| ready.collection.clone());
        if *collection != ready.collection {
            return None;
        }
        let start = self.content.len();
        self.content.extend_from_slice(&ready.sent);
        self.content.extend_from_slice(b"\n");
        self.sent += 1;
        let original = start + ready.original.start..start + ready.original.end;
        Some(Kind::Sent { start, original })
    }

    fn finish(self) -> Option<Batch> {
        // A line that was left over stands after the end of the batch.
        let last = self.entries.back().map(|entry| Place {
            bytes: entry.end,
            lines: entry.number,
        });
        Some(Batch {
            collection: self.collection.unwrap_or_default(),
            content: self.content.freeze(),
            end: last.or(self.end)?,
            entries: self.entries,
            sent_left: self.sent,
        })
    }
}

impl Batch {
    /// Whether the writer has yet to settle lines of it.
    pub(super) fn has_lines(&self) -> bool {
        self.sent_left > 0
    }

    /// What is to be sent: from the first line that is not settled.
    pub(super) fn unsettled(&self) -> Bytes {
        let first = self.entries.iter().find_map(|entry| match entry.kind {
            Kind::Sent { start, .. } => Some(start),
            Kind::Unplaced(_) | Kind::Refused(_) => None,
        });
        self.content.slice(first.unwrap_or(self.content.len())..)
    }

    /// Takes the first line off, if the writer has settled it or it was never sent; `sent_settled`
    /// counts those down. `None` where the next one is not settled.
    pub(super) fn settle_first(&mut self, sent_settled: &mut u64) -> Option<Settled> {
        let is_sent = match self.entries.front()?.kind {
            Kind::Sent { .. } if *sent_settled == 0 => return None,
            Kind::Sent { .. } => true,
            Kind::Unplaced(_) | Kind::Refused(_) => false,
        };
        let entry = self.entries.pop_front()?;
        let place = Place {
            bytes: entry.end,
            lines: entry.number,
        };
        if is_sent {
            *sent_settled -= 1;
            self.sent_left -= 1;
        }
        let line = match entry.kind {
            Kind::Sent { original, .. } => SettledLine::Sent(self.content.slice(original)),
            Kind::Refused(failed) => SettledLine::Refused(failed),
            // Never in a batch: it is placed or left.
            Kind::Unplaced(_) => return None,
        };
        Some(Settled { place, line })
    }

    /// The end of its last line.
    pub(super) fn end(&self) -> Place {
        self.end
    }
}

/// A line that is done with.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) place: Place,
    pub(super) line: SettledLine,
}

#[derive(Debug)]
pub(super) enum SettledLine {
    /// The line of the file; the writer's report tells what became of it.
    Sent(Bytes),
    Refused(FailedLine),
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn long_lines_that_are_refused_are_divided_too() {
        let options = Options {
            collection: None,
            lines_per_request: 100,
            ..Options::example(Path::new("lines"))
        };
        let line = format!("{{\"text\":\"{}\"}}\n", "x".repeat(LINE_BYTES_MAX - 100));
        let input = line.repeat(20);
        let mut input = input.as_bytes();
        let mut batches = Batches::new(&options, Place::default());
        let mut lens = Vec::new();
        while let Some(batch) = batches.read(&mut input).unwrap() {
            assert!(!batch.has_lines(), "no line names a collection");
            lens.push(batch.entries.len());
        }
        assert_eq!(lens, [8, 8, 4]);
    }
}
