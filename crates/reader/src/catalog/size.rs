//! How large a catalog may become, and what its cache is told of that.

use quick_cache::{Options, OptionsBuilder};
use shared::limits::ENVELOPE_BYTES_MAX;

/// How a catalog is sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogConfig {
    /// Upper bound on [`Catalog::bytes`](super::Catalog::bytes). `None`, the default, keeps every
    /// document. With a bound, cold entries are evicted and misses become
    /// [`Lookup::Unknown`](super::Lookup::Unknown). What is above
    /// [`CatalogWriter::settle`](super::CatalogWriter::settle)'s line stays, and may pass the bound.
    pub bytes_max: Option<u64>,
}

/// Upper bound on the shards, each with its lock. Many, because a shard that grows moves all it
/// holds while its readers wait: of a million documents, 4,096 at once.
const SHARDS_MAX: u64 = 256;

/// Lower bound on a shard's share of a budget, in octets: several of the largest entries.
const SHARD_BYTES_MIN: u64 = 8 * ENVELOPE_BYTES_MAX as u64;

/// Capacity without a budget, in octets. No machine has as much memory, and sums of weights stay
/// far from overflowing.
const UNLIMITED_BYTES: u64 = 1 << 60;

/// Sizes the shards and what the cache remembers of evicted keys; no limit.
const DOCUMENTS_EXPECTED: u64 = 1 << 20;

/// With a budget, documents are expected to cost this much, in octets. The cache remembers half as
/// many evicted keys as documents are expected, for 50 octets or so each: 3 % of the budget.
const DOCUMENT_BYTES_EXPECTED: u64 = 1024;

/// Of a budget, what snapshots fill. The rest is for what is written while they are read, which
/// cannot be evicted before the position has passed it.
pub(super) const fn filled_bytes_max(bytes_max: u64) -> u64 {
    bytes_max / 8 * 7
}

pub(super) fn options(config: CatalogConfig) -> Options {
    let bytes_max = config.bytes_max.unwrap_or(UNLIMITED_BYTES);
    let shards = (bytes_max / SHARD_BYTES_MIN).clamp(1, SHARDS_MAX);
    let documents = match config.bytes_max {
        None => DOCUMENTS_EXPECTED,
        Some(bytes_max) => bytes_max / DOCUMENT_BYTES_EXPECTED,
    };
    OptionsBuilder::new()
        .shards(usize::try_from(shards).unwrap_or(1))
        .estimated_items_capacity(usize::try_from(documents).unwrap_or(usize::MAX))
        .weight_capacity(bytes_max)
        .build()
        .unwrap_or_else(|error| unreachable!("both mandatory options are set: {error}"))
}
