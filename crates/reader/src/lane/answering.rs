//! From octets read to octets to send: every plain request at the front of a buffer, in turn.

use std::sync::Arc;

use shared::{Position, ResourceKey};
use telemetry::{Countdown, Head};

use super::{
    LaneCounts,
    compose::{self, Composer},
    connection::LeftContent,
    line::{self, UsualLine},
    request::{Fields, Front, Room, front},
    sections::{Place, Sections},
};
use crate::{
    catalog::{Catalog, KeyRef},
    fetch::Fetched,
    hot::Sampler,
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
    pub(super) reached: Reached,
    sections: Sections,
    pub(super) answers: Answers,
    counters: Arc<ReadCounters>,
    head: Head,
    /// To the next read that is traced.
    pub(super) countdown: Countdown,
}

/// What answers are made of and where they go.
#[derive(Debug)]
pub(super) struct Answers {
    catalog: Catalog,
    composer: Composer,
    /// This lane's own, told to the admin plane by [`Answering::publish_counts`].
    counts: ReadCounts,
    sampler: Sampler,
    /// Used again with each call.
    pub(super) out: Vec<u8>,
    /// What became of the fetch that the next request has waited for.
    pub(super) fetched: Option<Fetched>,
    unknown: Option<ResourceKey>,
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
    /// What follows is for a document that is not in memory; see [`Answering::take_unknown`].
    Unknown,
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
    pub(crate) fn new(plane: &DataPlane, counts: LaneCounts) -> Self {
        Self {
            reached: plane.reached().clone(),
            sections: Sections::new(),
            answers: Answers {
                catalog: plane.catalog().clone(),
                composer: Composer::new(
                    plane.cache_control().clone(),
                    plane.absent_response(),
                    plane.not_ready_response(),
                    plane.unfetched_response(),
                ),
                counts: ReadCounts::default(),
                sampler: Sampler::new(counts.hot),
                out: Vec::new(),
                fetched: None,
                unknown: None,
            },
            counters: counts.reads,
            head: plane.head(),
            countdown: plane.head().countdown(),
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

    /// Whether a section lies at `place`.
    #[cfg(test)]
    pub(crate) fn knows(&self, place: Place, section: &[u8]) -> bool {
        self.sections.known(place, section).is_some()
    }

    /// The document at which [`Stop::Unknown`] stopped.
    pub(super) fn take_unknown(&mut self) -> Option<ResourceKey> {
        self.answers.unknown.take()
    }

    /// What became of the fetch that the first request of the next [`Self::answer`] has waited for,
    /// if it has.
    pub(super) fn set_fetched(&mut self, fetched: Option<Fetched>) {
        self.answers.fetched = fetched;
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
                First::Unknown => {
                    answered.stop = Stop::Unknown;
                    break;
                }
            }
            self.answers.fetched = None;
            if answered.content.is_some() {
                answered.stop = Stop::Full;
                break;
            }
        }
        answered
    }

    fn answer_first(&mut self, octets: &[u8], place: &mut Place) -> First {
        if self.countdown.is_due() {
            return self.answer_chosen(octets);
        }
        let line = line::usual(octets);
        if let Some(UsualLine {
            collection,
            id,
            len,
        }) = line
            && let Some((fields, section_len)) = self.sections.known(*place, &octets[len..])
        {
            let (reached, len) = (&self.reached, len + section_len);
            return self
                .answers
                .answer(reached, (collection, id), false, &fields, len);
        }
        self.answer_other(octets, line, place)
    }

    /// Answers a request whose section is not the last one of its connection, octet for octet. Apart
    /// from the others, which would pay for it.
    #[inline(never)]
    fn answer_other(
        &mut self,
        octets: &[u8],
        line: Option<UsualLine<'_>>,
        place: &mut Place,
    ) -> First {
        if let Some(line) = line
            && let Some(alike) = self.sections.alike(*place, &octets[line.len..])
            && !self.is_asked_for_trace(alike.traceparent)
        {
            let (key, len) = ((line.collection, line.id), line.len + alike.len);
            let (answers, reached) = (&mut self.answers, &self.reached);
            return answers.answer_apart(reached, key.into(), false, &alike.fields, len);
        }
        let mut room = Room::new();
        let (plain, len) = match front(octets, &mut room) {
            Front::Plain(plain, len) => (plain, len),
            Front::Partial => return First::Partial,
            Front::Other => return First::Other,
        };
        if self.is_asked_for_trace(plain.traceparent) {
            return self.answer_traced(octets, &plain, len);
        }
        if let Some(line) = line {
            let section = &octets[line.len..len];
            self.sections.keep(section, &plain, place);
        }
        let key = (&*plain.key.0, &*plain.key.1).into();
        let (answers, reached) = (&mut self.answers, &self.reached);
        answers.answer_apart(reached, key, plain.is_head, &plain.fields, len)
    }

    fn is_asked_for_trace(&self, traceparent: Option<&[u8]>) -> bool {
        traceparent.is_some_and(|field| self.head.is_asked_by(field))
    }
}

/// What came of the request at the front.
pub(super) enum First {
    /// It had so many octets. The content is to be sent after what was written.
    Answered(usize, Option<LeftContent>),
    Partial,
    Other,
    /// Its document is not in memory.
    Unknown,
}

/// The document is not in memory.
pub(super) struct Unknown;

/// Reads that have to wait, or ask for no position, are not for a lane.
pub(super) fn has_reached(reached: &Reached, fields: &Fields<'_>) -> bool {
    let Some(field) = fields.at_least else {
        return true;
    };
    let text = str::from_utf8(field).unwrap_or_default();
    text.parse::<Position>()
        .is_ok_and(|asked| reached.has(asked))
}

impl Answers {
    /// Answers a request of so many octets.
    #[inline]
    fn answer<'a>(
        &mut self,
        reached: &Reached,
        key: impl Into<KeyRef<'a>>,
        is_head: bool,
        fields: &Fields<'_>,
        len: usize,
    ) -> First {
        if !has_reached(reached, fields) {
            return First::Other;
        }
        match self.write(key, is_head, fields) {
            Ok(content) => First::Answered(len, content),
            Err(Unknown) => First::Unknown,
        }
    }

    /// The same, so that it is in the place of [`Self::answer`] only where that counts.
    #[inline(never)]
    fn answer_apart(
        &mut self,
        reached: &Reached,
        key: KeyRef<'_>,
        is_head: bool,
        fields: &Fields<'_>,
        len: usize,
    ) -> First {
        self.answer(reached, key, is_head, fields, len)
    }

    pub(super) fn write<'a>(
        &mut self,
        key: impl Into<KeyRef<'a>>,
        is_head: bool,
        fields: &Fields<'_>,
    ) -> Result<Option<LeftContent>, Unknown> {
        let key = key.into();
        self.sampler.pass(key);
        let preferences = || fields.preferences;
        let answer = decide(&self.catalog, key, preferences, fields.if_none_match);
        let out = &mut self.out;
        Ok(match answer {
            Answer::Document(selected) => {
                self.counts.hit += 1;
                self.counts.content.document(&selected, is_head);
                let content = self.composer.document(&selected, is_head, out);
                (content == compose::Content::Left)
                    .then(|| LeftContent::new(selected.content().clone()))
            }
            Answer::NotModified(selected) => {
                self.counts.not_modified += 1;
                self.counts.content.not_modified(&selected, is_head);
                self.composer.not_modified(&selected, out);
                None
            }
            Answer::Absent => {
                self.counts.absent += 1;
                self.composer.absent(is_head, out);
                None
            }
            Answer::NotReady => {
                self.counts.not_ready += 1;
                self.composer.not_ready(is_head, out);
                None
            }
            Answer::Unknown => {
                self.write_unknown(key, is_head)?;
                None
            }
        })
    }

    /// The answer where the document is not in memory, if there can be one.
    #[cold]
    fn write_unknown(&mut self, key: KeyRef<'_>, is_head: bool) -> Result<(), Unknown> {
        match self.fetched {
            Some(Fetched::Absent) => {
                self.counts.absent += 1;
                self.composer.absent(is_head, &mut self.out);
                Ok(())
            }
            Some(Fetched::Refused) => {
                self.counts.unfetched += 1;
                self.composer.unfetched(is_head, &mut self.out);
                Ok(())
            }
            Some(Fetched::Held) | None => {
                self.unknown = key.to_key();
                Err(Unknown)
            }
        }
    }
}
