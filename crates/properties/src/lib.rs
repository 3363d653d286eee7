//! What must hold of whatever octets arrive, one function per door at which they do.
//!
//! Each takes any octets and panics where its property does not hold. `tests/it` runs them
//! over the inputs in `fuzz/corpus`, the fuzz targets in `fuzz/fuzz_targets` over whatever libFuzzer
//! makes of these: `make fuzz`.
//!
//! In reading order: [`frames()`] and [`texts()`] come from the bus and between planes; [`requests()`],
//! [`negotiation()`] and [`conditions()`] from clients of readers; [`documents()`] and [`imports()`] from
//! clients of writers.

#![expect(
    clippy::missing_panics_doc,
    reason = "to panic is how a property says that it does not hold"
)]

mod conditions;
mod documents;
mod frames;
mod imports;
mod json;
mod lines;
mod negotiation;
mod requests;
mod texts;

pub use self::{
    conditions::conditions,
    documents::documents,
    frames::frames,
    imports::{IMPORT_LINE_BYTES_MAX, imports},
    negotiation::negotiation,
    requests::requests,
    texts::texts,
};

/// Panics where a property does not hold of these octets.
pub type Property = fn(&[u8]);

/// All properties, by the name of their fuzz target and of their folder in the corpus.
pub const ALL: &[(&str, Property)] = &[
    ("conditions", conditions),
    ("documents", documents),
    ("frames", frames),
    ("imports", imports),
    ("negotiation", negotiation),
    ("requests", requests),
    ("texts", texts),
];
