//! Digests of sets of documents: whether two sets are equal, without sending either.
//!
//! Documents are divided among buckets by [`bucket_of`], a bucket's digest is the number of its
//! documents and the sum of their fingerprints, so it does not depend on their order. Where two
//! digests differ, [`Listing`]s tell in what. Both travel as lines of text:
//!
//! ```text
//! position 17.3              position 17.3
//! buckets 4                  3 1 - 8f..2a posts/hello
//! 0 2 54..e1
//! ```
//!
//! A bucket is its number, its documents and the sum; a listed document is its sequence, its
//! version, its expiry in microseconds since 1970, its tag, and its key. Empty buckets are left out.

mod listing;
mod question;

use std::fmt::Write;

pub use self::{
    listing::Listing,
    question::{DIGEST_BUCKETS_MAX, LISTED_BUCKETS_MAX, Question, QuestionError},
};
use crate::{EntityTag, Position, Sequence, Timestamp, Version, key::bucket_of};

/// What tells one state of a document from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentState {
    /// The sequence of its last change.
    pub sequence: Sequence,
    /// Its version.
    pub version: Version,
    /// When it ends to be served, if it does.
    pub expires_at: Option<Timestamp>,
    /// The tag of its identity representation, made from the octets held; `None` where any
    /// representation's octets are not those that its tag names. Other codings' tags are no part
    /// of a state: two releases may compress the same body differently.
    pub tag: Option<EntityTag>,
}

impl DocumentState {
    /// 128 bits that two states share only if they and their keys are equal.
    fn fingerprint(&self, key: &str) -> u128 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.sequence.0.to_be_bytes());
        hasher.update(&self.version.0.to_be_bytes());
        hasher.update(&[
            u8::from(self.expires_at.is_some()),
            u8::from(self.tag.is_some()),
        ]);
        let expires_at = self.expires_at.map_or(0, |at| at.0);
        hasher.update(&expires_at.to_be_bytes());
        hasher.update(&self.tag.map_or([0; 16], |tag| tag.0));
        hasher.update(key.as_bytes());
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        u128::from_be_bytes(fingerprint)
    }
}

/// The digest of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BucketDigest {
    /// How many documents there are, tombstones not counted.
    pub documents: u64,
    /// The sum of their fingerprints, modulo 2^128.
    pub sum: u128,
}

/// The digests of all buckets of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// How the set relates to history; its maker says how.
    pub position: Position,
    /// By number; a power of two of them.
    pub buckets: Vec<BucketDigest>,
}

/// A text that is no [`Digest`] or [`Listing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {0} is not that of a digest or listing")]
pub struct DigestError(pub usize);

impl Digest {
    /// The digest of no documents, in so many buckets: a power of two.
    pub fn empty(position: Position, buckets: u32) -> Self {
        debug_assert!(buckets.is_power_of_two(), "buckets is a power of two");
        Self {
            position,
            buckets: vec![BucketDigest::default(); buckets as usize],
        }
    }

    /// Adds a document, whose key is `collection/id`. Costs a hash of about 300 octets.
    pub fn add(&mut self, key: &str, state: &DocumentState) {
        let buckets = u32::try_from(self.buckets.len()).unwrap_or(1);
        let bucket = &mut self.buckets[bucket_of(key, buckets) as usize];
        bucket.documents += 1;
        bucket.sum = bucket.sum.wrapping_add(state.fingerprint(key));
    }

    /// How many documents there are; the largest number where a text told of more.
    pub fn documents(&self) -> u64 {
        let documents = self.buckets.iter().map(|bucket| bucket.documents);
        documents.fold(0, u64::saturating_add)
    }

    /// The numbers of the buckets in which both differ. Both have equally many.
    pub fn differing(&self, other: &Self) -> Vec<u32> {
        (0..)
            .zip(self.buckets.iter().zip(&other.buckets))
            .filter(|(_number, (one, other))| one != other)
            .map(|(number, _digests)| number)
            .collect()
    }

    /// The text form.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "position {}\nbuckets {}\n",
            self.position,
            self.buckets.len()
        );
        for (number, bucket) in self.buckets.iter().enumerate() {
            if bucket.documents > 0 {
                // A String takes all that is written.
                let written = writeln!(text, "{number} {} {:032x}", bucket.documents, bucket.sum);
                debug_assert!(written.is_ok());
            }
        }
        text
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// The first line that is wrong, from 1.
    pub fn from_text(text: &str) -> Result<Self, DigestError> {
        let mut lines = (1..).zip(text.lines());
        let position = position_line(lines.next())?;
        let (_, line) = lines.next().ok_or(DigestError(2))?;
        let buckets = line.strip_prefix("buckets ").and_then(|it| it.parse().ok());
        let buckets: u32 = buckets.ok_or(DigestError(2))?;
        if !buckets.is_power_of_two() || buckets > DIGEST_BUCKETS_MAX {
            return Err(DigestError(2));
        }
        let mut digest = Self::empty(position, buckets);
        for (number, line) in lines {
            let (index, bucket) = bucket_line(line).ok_or(DigestError(number))?;
            *digest.buckets.get_mut(index).ok_or(DigestError(number))? = bucket;
        }
        Ok(digest)
    }
}

fn position_line(line: Option<(usize, &str)>) -> Result<Position, DigestError> {
    line.and_then(|(_, line)| line.strip_prefix("position "))
        .and_then(|position| position.parse().ok())
        .ok_or(DigestError(1))
}

fn bucket_line(line: &str) -> Option<(usize, BucketDigest)> {
    let mut words = line.split(' ');
    let index = words.next()?.parse().ok()?;
    // Empty ones are left out, so that equal digests have equal texts.
    let documents = words
        .next()?
        .parse()
        .ok()
        .filter(|&documents| documents > 0)?;
    let sum = u128::from_str_radix(words.next()?, 16).ok()?;
    words
        .next()
        .is_none()
        .then_some((index, BucketDigest { documents, sum }))
}
