//! From octets read to octets to send: every plain request at the front of a buffer, in turn.

use std::sync::Arc;

use shared::Position;

use super::{
    compose::{self, Composer},
    connection::LeftContent,
    line::{self, UsualLine},
    request::{Fields, Front, front},
    sections::{Place, Sections},
};
use crate::{
    catalog::{Catalog, KeyRef},
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
    reached: Reached,
    sections: Sections,
    answers: Answers,
    counters: Arc<ReadCounters>,
}

/// What answers are made of and where they go.
#[derive(Debug)]
struct Answers {
    catalog: Catalog,
    composer: Composer,
    /// This lane's own, told to the admin plane by [`Answering::publish_counts`].
    counts: ReadCounts,
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
            reached: plane.reached().clone(),
            sections: Sections::new(),
            answers: Answers {
                catalog: plane.catalog().clone(),
                composer: Composer::new(
                    plane.cache_control().clone(),
                    plane.absent_response(),
                    plane.not_ready_response(),
                ),
                counts: ReadCounts::default(),
                out: Vec::new(),
            },
            counters,
        }
    }

    /// To be called when the second changes.
    pub(crate) fn set_date(&mut self, date: &str) {
        self.answers.composer.set_date(date);
    }

    /// Tells the admin plane of everything counted so far.
    pub(crate) fn publish_counts(&self) {
        self.counters.publish(&self.answers.counts);
    }

    /// The answers to what was given to [`Self::answer`] last.
    pub(crate) fn out(&self) -> &[u8] {
        &self.answers.out
    }

    /// Answers the requests at the front of `octets`. `place` is where the section of the last
    /// request of their connection is.
    pub(crate) fn answer(&mut self, octets: &[u8], place: &mut Place) -> Answered {
        self.answers.out.clear();
        let mut answered = Answered {
            requests: 0,
            read: 0,
            content: None,
            stop: Stop::Partial,
        };
        while answered.read < octets.len() {
            if self.answers.out.len() >= OUT_BYTES_MAX {
                answered.stop = Stop::Full;
                break;
            }
            match self.answer_first(&octets[answered.read..], place) {
                First::Answered(len, content) => {
                    answered.read += len;
                    answered.requests += 1;
                    answered.content = content;
                }
                First::Partial => break,
                First::Other => {
                    answered.stop = Stop::Other;
                    break;
                }
            }
            if answered.content.is_some() {
                answered.stop = Stop::Full;
                break;
            }
        }
        answered
    }

    fn answer_first(&mut self, octets: &[u8], place: &mut Place) -> First {
        let line = line::usual(octets);
        if let Some(UsualLine {
            collection,
            id,
            len,
        }) = line
            && let Some((fields, section_len)) = self.sections.known(*place, &octets[len..])
        {
            if !has_reached(&self.reached, &fields) {
                return First::Other;
            }
            let content = self.answers.write((collection, id), false, &fields);
            return First::Answered(len + section_len, content);
        }
        let (plain, len) = match front(octets) {
            Front::Plain(plain, len) => (plain, len),
            Front::Partial => return First::Partial,
            Front::Other => return First::Other,
        };
        if let Some(line) = line {
            let section = &octets[line.len..len];
            self.sections.keep(section, &plain.fields, place);
        }
        if !has_reached(&self.reached, &plain.fields) {
            return First::Other;
        }
        let key = (&*plain.key.0, &*plain.key.1);
        let content = self.answers.write(key, plain.is_head, &plain.fields);
        First::Answered(len, content)
    }
}

/// What came of the request at the front.
enum First {
    /// It had so many octets. The content is to be sent after what was written.
    Answered(usize, Option<LeftContent>),
    Partial,
    Other,
}

/// Reads that have to wait, or ask for no position, are not for a lane.
fn has_reached(reached: &Reached, fields: &Fields<'_>) -> bool {
    let Some(field) = fields.at_least else {
        return true;
    };
    let text = str::from_utf8(field).unwrap_or_default();
    text.parse::<Position>()
        .is_ok_and(|asked| reached.has(asked))
}

impl Answers {
    fn write<'a>(
        &mut self,
        key: impl Into<KeyRef<'a>>,
        is_head: bool,
        fields: &Fields<'_>,
    ) -> Option<LeftContent> {
        let preferences = || fields.preferences;
        let answer = decide(&self.catalog, key, preferences, fields.if_none_match);
        let out = &mut self.out;
        match answer {
            Answer::Document(selected) => {
                self.counts.hit += 1;
                let content = self.composer.document(&selected, is_head, out);
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
                self.composer.absent(is_head, out);
                None
            }
            Answer::Unknown => {
                self.counts.not_ready += 1;
                self.composer.not_ready(is_head, out);
                None
            }
        }
    }
}
