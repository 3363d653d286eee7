//! Reads that are traced: the branch that hardly any read takes.
//!
//! Which ones is decided at their head. For those without a `traceparent` a lane counts down to the
//! next, a subtraction for each read; without traces, or at a ratio of 0, it never gets there. A
//! `traceparent` is looked at where it is not octet for octet the one of a section that was kept: no
//! section is kept whose own asks for a trace.

use std::time::Instant;

use service::traces::{Asked, answered};
use telemetry::{Head, Kind, Span};

use super::{
    answering::{Answering, First, has_reached},
    request::{Front, Plain, Room, front},
};
use crate::http::data::route_template;

impl Answering {
    /// Answers the request to which the lane has counted down, and traces it unless its `traceparent`
    /// says otherwise.
    #[cold]
    pub(super) fn answer_chosen(&mut self, octets: &[u8]) -> First {
        self.countdown.restart();
        let first = match front(octets, &mut Room::new()) {
            Front::Plain(plain, len) => self.answer_traced(octets, &plain, len),
            Front::Partial => First::Partial,
            Front::Other => First::Other,
        };
        if !matches!(first, First::Answered(..)) {
            self.countdown.postpone();
        }
        first
    }

    /// Answers a request that is chosen: by the countdown or by its `traceparent`.
    #[cold]
    pub(super) fn answer_traced(
        &mut self,
        octets: &[u8],
        plain: &Plain<'_, '_>,
        len: usize,
    ) -> First {
        if !has_reached(&self.reached, &plain.fields) {
            return First::Other;
        }
        let (begun, at) = (Instant::now(), self.answers.out.len());
        let was_fetched = self.answers.fetched.is_some();
        let key = (&*plain.key.0, &*plain.key.1);
        let Ok(content) = self.answers.write(key, plain.is_head, &plain.fields) else {
            return First::Unknown;
        };
        if let Some(origin) = Head::with_ratio(1.0).decide(plain.traceparent) {
            let asked = asked(octets, plain);
            let span = Span::begun_before(begun.elapsed(), origin, Kind::Server, asked.name());
            asked.describe(&span);
            span.set("pressrun.fetched", was_fetched);
            answered(&span, status(&self.answers.out[at..]));
        }
        First::Answered(len, content)
    }
}

fn asked<'a>(octets: &'a [u8], plain: &Plain<'_, '_>) -> Asked<'a> {
    let mut words = octets.split(|&octet| octet == b' ');
    let target = words.nth(1).and_then(|word| str::from_utf8(word).ok());
    let target = target.unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    Asked {
        method: if plain.is_head { "HEAD" } else { "GET" },
        path,
        query,
        route: route_template(path),
        version: "1.1",
    }
}

/// That of an answer as it was written.
fn status(answer: &[u8]) -> u16 {
    let digits = answer.get(b"HTTP/1.1 ".len()..).unwrap_or_default();
    let digits = digits.iter().take(3);
    digits.fold(0, |status, digit| {
        status * 10 + u16::from(digit.wrapping_sub(b'0'))
    })
}
