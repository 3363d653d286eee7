//! What a look-up costs.

use std::{error::Error, time::Instant};

use reader::catalog::{CatalogConfig, Hydration, Lookup, catalog};

use crate::{
    Apply,
    feed::{Feed, Shape, key},
};

/// Documents to look up among, all of them; fewer where `LOOK_DOCUMENTS` says so, for callgrind.
const DOCUMENTS: u64 = 1_000_000;

const LOOKS: usize = 2_000_000;

/// Looks up random documents and reads from each what an answer needs, but for its octets.
pub(crate) fn ups() -> Result<(), Box<dyn Error>> {
    let documents = match std::env::var("LOOK_DOCUMENTS") {
        Ok(text) => text.parse()?,
        Err(_unset) => DOCUMENTS,
    };
    let (catalog, mut writer) = catalog(CatalogConfig { bytes_max: None });
    let mut feed = Feed::new(Shape::Plain);
    while feed.documents() < documents {
        let frames = feed.create(documents - feed.documents());
        frames.apply(&mut writer, Some(Hydration(0)))?;
    }
    writer.set_ready(true);
    let mut random = fastrand::Rng::with_seed(1);
    let keys: Vec<_> = (0..LOOKS.min(usize::try_from(documents)?))
        .map(|_| key(random.usize(..usize::try_from(documents).unwrap_or(usize::MAX))))
        .collect();
    let begun = Instant::now();
    let mut sum = 0;
    for key in &keys {
        sum += look_up(&catalog, key);
    }
    let took = begun.elapsed();
    println!(
        "look         {documents:>9} documents, {} random look-ups: {} ns each ({sum})",
        keys.len(),
        took.as_nanos() / keys.len() as u128
    );
    Ok(())
}

/// A symbol of its own, for callgrind.
#[inline(never)]
fn look_up(catalog: &reader::catalog::Catalog, key: &shared::ResourceKey) -> u64 {
    match catalog.lookup(key) {
        Lookup::Hit(entry) => {
            let one = entry.representations().next();
            entry.version().0 + one.map_or(0, |one| one.octets_len() as u64)
        }
        Lookup::Absent | Lookup::Unknown | Lookup::NotReady => 0,
    }
}
