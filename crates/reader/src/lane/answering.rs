//! From octets read to octets to send: every plain request at the front of a buffer, in turn.

use std::sync::Arc;

use shared::Position;

use super::{
    compose::{self, Composer},
    connection::LeftContent,
    request::{Front, Plain, front},
};
use crate::{
    catalog::Catalog,
    http::{
        counters::{ReadCounters, ReadCounts},
        data::DataPlane,
        serve::{Answer, decide},
    },
    reached::Reached,
};

/// Octets of answers that are collected before they are sent; those of the last request may pass
/// it.
const OUT_BYTES_MAX: usize = 64 * 1024;

/// Answers plain requests from the catalog. Each lane has one.
#[derive(Debug)]
pub(crate) struct Answering {
    catalog: Catalog,
    reached: Reached,
    composer: Composer,
    /// This lane's own, told to the admin plane by [`Self::publish_counts`].
    counts: ReadCounts,
    counters: Arc<ReadCounters>,
    /// Used again with each call.
    out: Vec<u8>,
}

/// Why [`Answering::answer`] came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nothing is left, or the beginning of a request.
    Partial,
    /// What follows is no plain request.
    Other,
    /// What was answered must be sent first.
    Full,
}

/// What came of some octets.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Requests answered.
    pub(crate) requests: u64,
    /// Octets that these had.
    pub(crate) read: usize,
    /// To be sent after [`Answering::out`].
    pub(crate) content: Option<LeftContent>,
    pub(crate) stop: Stop,
}

impl Answering {
    pub(crate) fn new(plane: &DataPlane, counters: Arc<ReadCounters>) -> Self {
        Self {
            catalog: plane.catalog().clone(),
            reached: plane.reached().clone(),
            composer: Composer::new(
                plane.cache_control().clone(),
                plane.absent_response(),
                plane.not_ready_response(),
            ),
            counts: ReadCounts::default(),
            counters,
            out: Vec::new(),
        }
    }

    /// To be called when the second changes.
    pub(crate) fn set_date(&mut self, date: &str) {
        self.composer.set_date(date);
    }

    /// Tells the admin plane of everything counted so far.
    pub(crate) fn publish_counts(&self) {
        self.counters.publish(&self.counts);
    }

    /// The answers to what was given to [`Self::answer`] last.
    pub(crate) fn out(&self) -> &[u8] {
        &self.out
    }

    /// Answers the requests at the front of `octets`.
    pub(crate) fn answer(&mut self, octets: &[u8]) -> Answered {
        self.out.clear();
        let mut answered = Answered {
            requests: 0,
            read: 0,
            content: None,
            stop: Stop::Partial,
        };
        while answered.read < octets.len() {
            if self.out.len() >= OUT_BYTES_MAX {
                answered.stop = Stop::Full;
                break;
            }
            let (plain, len) = match front(&octets[answered.read..]) {
                Front::Plain(plain, len) if self.has_reached(&plain) => (plain, len),
                Front::Partial => break,
                Front::Plain(..) | Front::Other => {
                    answered.stop = Stop::Other;
                    break;
                }
            };
            answered.content = self.write(&plain);
            answered.read += len;
            answered.requests += 1;
            if answered.content.is_some() {
                answered.stop = Stop::Full;
                break;
            }
        }
        answered
    }

    /// Reads that have to wait, or ask for no position, are not for a lane.
    fn has_reached(&self, plain: &Plain<'_>) -> bool {
        let Some(field) = plain.at_least else {
            return true;
        };
        let text = str::from_utf8(field).unwrap_or_default();
        text.parse::<Position>()
            .is_ok_and(|asked| self.reached.has(asked))
    }

    fn write(&mut self, plain: &Plain<'_>) -> Option<LeftContent> {
        let answer = decide(
            &self.catalog,
            (&*plain.key.0, &*plain.key.1),
            plain.accept_encoding,
            plain.if_none_match,
        );
        let out = &mut self.out;
        match answer {
            Answer::Document(selected) => {
                self.counts.hit += 1;
                let content = self.composer.document(&selected, plain.is_head, out);
                (content == compose::Content::Left)
                    .then(|| LeftContent::new(selected.content().clone()))
            }
            Answer::NotModified(selected) => {
                self.counts.not_modified += 1;
                self.composer.not_modified(&selected, out);
                None
            }
            Answer::Absent => {
                self.counts.absent += 1;
                self.composer.absent(plain.is_head, out);
                None
            }
            Answer::Unknown => {
                self.counts.not_ready += 1;
                self.composer.not_ready(plain.is_head, out);
                None
            }
        }
    }
}
