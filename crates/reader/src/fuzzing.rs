//! A door for the crate `properties` to a lane without its sockets. Not for anybody else.

use crate::{
    http::data::DataPlane,
    lane::{
        LaneCounts,
        answering::{Answering, Stop},
        sections::Place,
    },
};

/// What a lane answers by itself, over any octets.
#[derive(Debug)]
pub struct Lane(Answering);

/// What came of the octets of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answered {
    /// The answers, one behind another.
    pub answers: Vec<u8>,
    /// Octets that were answered.
    pub read: usize,
    /// Whether what follows is left to the server, rather than waited for to become more.
    pub is_left: bool,
}

impl Lane {
    /// A lane that answers from this plane, at this date.
    pub fn new(plane: &DataPlane, date: &str) -> Self {
        let mut answering = Answering::new(plane, LaneCounts::default());
        answering.set_date(date);
        Self(answering)
    }

    /// Answers all plain requests at the front of `octets`, as often as a connection has its turn.
    ///
    /// # Panics
    /// A document has more than 16 KiB: a lane does not write such content together with its head.
    pub fn answer(&mut self, octets: &[u8]) -> Answered {
        let mut all = Answered::default();
        let mut place = Place::default();
        loop {
            let answered = self.0.answer(&octets[all.read..], &mut place);
            assert!(answered.content.is_none(), "a document is too long");
            all.answers.extend_from_slice(self.0.out());
            all.read += answered.read;
            match answered.stop {
                Stop::Full => {}
                Stop::Partial => return all,
                Stop::Other | Stop::Unknown => {
                    all.is_left = true;
                    return all;
                }
            }
        }
    }
}
