//! How many buckets Redis is asked for ahead of the one that is read. It is a function of the sizes
//! seen.

/// Octets of answers that Redis should hold for one reader at most, unless a single bucket has more.
/// Redis makes an answer whole before it sends any of it, and keeps what the reader has not taken.
pub(crate) const AHEAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Buckets asked for at once, at most. Redis is never idle between two of them; of documents of 1 KiB
/// this is some 10 MB.
pub(crate) const AHEAD_BUCKETS_MAX: usize = 16;

/// What the last buckets had. A bucket's documents are drawn by a hash, so the next ones are like
/// them.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Octets of the last ones, each at its number modulo their count.
    sizes: [usize; AHEAD_BUCKETS_MAX],
    /// How many have been read.
    read: usize,
}

impl Ahead {
    /// A bucket of so many octets has been read.
    pub(crate) fn note(&mut self, bytes: usize) {
        self.sizes[self.read % AHEAD_BUCKETS_MAX] = bytes;
        self.read += 1;
    }

    /// How many buckets may be asked for and not read yet; one at least. Of those to come not many
    /// more are taken to be small than have been.
    pub(crate) fn room(&self) -> usize {
        let largest = self.sizes.iter().copied().max().unwrap_or(0).max(1);
        (AHEAD_BYTES_MAX / largest)
            .min(AHEAD_BUCKETS_MAX)
            .min(self.read + 1)
            .max(1)
    }
}
