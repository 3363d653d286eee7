//! Envelopes and slots for tests, with everything that a test does not name filled in.

use bytes::Bytes;
use shared::{
    Change, ContentCoding, Envelope, Epoch, Extension, Link, Position, Representation, ResourceKey,
    Sequence, Slot, Timestamp, Version, codec::encode,
};

/// The epoch of envelopes and slots that name no other: microseconds, as in production, where a
/// double needs all its digits.
pub const EPOCH: Epoch = Epoch(1_790_000_000_000_001);

/// Builds an [`Envelope`].
#[derive(Debug, Clone)]
#[must_use]
pub struct EnvelopeBuilder {
    envelope: Envelope,
}

/// An envelope of `posts/a` with an empty object, at sequence 1 of [`EPOCH`].
pub fn envelope() -> EnvelopeBuilder {
    EnvelopeBuilder {
        envelope: Envelope {
            position: Position::new(EPOCH, Sequence(1)),
            prev_link: link(0),
            link: link(1),
            version: Version(1),
            updated_at: Timestamp(1_790_000_000_000_000),
            expires_at: None,
            key: key("a"),
            change: put(b"{}"),
            extensions: Vec::new(),
        },
    }
}

/// The key `posts/<id>`, or the one that the text spells with its collection.
///
/// # Panics
/// It is not a valid key.
pub fn key(text: &str) -> ResourceKey {
    let key = if text.contains('/') {
        ResourceKey::from_text(text)
    } else {
        ResourceKey::parse("posts", text)
    };
    key.expect("the test's key is valid")
}

/// The link of change `sequence` in the one history that tests take for granted: all 64 bits in
/// use, [`Link::ZERO`] at 0.
pub const fn link(sequence: u64) -> Link {
    Link(sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Slot `sequence` of [`EPOCH`], with the links of [`link`].
///
/// # Panics
/// `sequence` is 0.
pub const fn slot(sequence: u64) -> Slot {
    assert!(sequence > 0, "the first change is 1");
    Slot {
        position: Position::new(EPOCH, Sequence(sequence)),
        prev_link: link(sequence - 1),
        link: link(sequence),
    }
}

impl EnvelopeBuilder {
    /// Sets the key; see [`key()`].
    ///
    /// # Panics
    /// It is not a valid key.
    pub fn key(mut self, text: &str) -> Self {
        self.envelope.key = key(text);
        self
    }

    /// Sets the epoch.
    pub fn epoch(mut self, epoch: Epoch) -> Self {
        self.envelope.position.epoch = epoch;
        self
    }

    /// Sets the sequence, and the links that [`link`] gives it.
    pub fn sequence(mut self, sequence: u64) -> Self {
        self.envelope.position.sequence = Sequence(sequence);
        self.links(link(sequence.saturating_sub(1)), link(sequence))
    }

    /// Sets the links.
    pub fn links(mut self, prev_link: Link, link: Link) -> Self {
        self.envelope.prev_link = prev_link;
        self.envelope.link = link;
        self
    }

    /// Sets the version.
    pub fn version(mut self, version: u64) -> Self {
        self.envelope.version = Version(version);
        self
    }

    /// Sets the database's time of the change.
    pub fn updated_at(mut self, at: Timestamp) -> Self {
        self.envelope.updated_at = at;
        self
    }

    /// Sets when the document ends to be served.
    pub fn expires_at(mut self, at: Timestamp) -> Self {
        self.envelope.expires_at = Some(at);
        self
    }

    /// Makes it a part of a trace.
    pub fn traced(mut self) -> Self {
        let context = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        self.envelope.extensions.push(Extension {
            id: Extension::TRACE_CONTEXT,
            octets: Bytes::from_static(context),
        });
        self
    }

    /// Makes it a put of these octets, in the identity coding only.
    pub fn put(mut self, octets: &[u8]) -> Self {
        self.envelope.change = put(octets);
        self
    }

    /// Makes it a tombstone.
    pub fn delete(mut self) -> Self {
        self.envelope.change = Change::Delete;
        self
    }

    /// The envelope.
    pub fn build(self) -> Envelope {
        self.envelope
    }

    /// The envelope's frame.
    ///
    /// # Panics
    /// It breaks a limit of the codec.
    pub fn encode(&self) -> Bytes {
        encode(&self.envelope).expect("the test's envelope keeps the limits")
    }
}

fn put(octets: &[u8]) -> Change {
    let octets = Bytes::copy_from_slice(octets);
    Change::Put(vec![Representation::of(ContentCoding::Identity, octets)])
}
