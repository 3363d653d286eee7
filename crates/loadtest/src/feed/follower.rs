//! A reader's driver on a thread of its own, which tells when a position is visible.

use std::{
    io,
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use bus::RedisBus;
use reader::{
    catalog::{CatalogConfig, catalog},
    fetch,
    follow::{Following, follow},
    reached::{Reached, reached},
    replica::{State, Timing},
    status::{Progress, StatusCell},
};
use service::process::BoxError;

use super::stage::position;

/// Starts a reader's driver, which ends with this process. It tells of `first` once it is there,
/// and of each later position as soon as it is; then of no more after `last`.
pub(super) fn spawn(
    url: &str,
    name: String,
    first: u64,
    last: u64,
) -> Result<mpsc::Receiver<Instant>, BoxError> {
    let bus = RedisBus::open(url, RedisBus::NAMESPACE)?;
    let (sender, seen) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new().name(name.clone()).spawn(move || {
        let (reading, writing) = catalog(CatalogConfig { bytes_max: None });
        let (reaching, reached) = reached();
        let progress = Progress::new(State::Connecting.as_str(), "redis");
        let following = Following {
            bus: Arc::new(bus),
            catalog: writing,
            asked: fetch::Asked::nothing(),
            status: StatusCell::new(&name, reading, progress),
            reaching,
            source: "redis",
            writer: None,
            reader: name,
            timing: Timing::DEFAULT,
            seed: 1,
        };
        runtime.block_on(async {
            tokio::select! {
                () = follow(following) => {}
                () = watch(reached, sender, first, last) => {}
            }
        });
        io::Result::Ok(())
    })?;
    Ok(seen)
}

async fn watch(reached: Reached, seen: mpsc::Sender<Instant>, first: u64, last: u64) {
    for number in first..=last {
        while reached.at_least(position(number)).await.is_err() {
            // It waits a second at most, and holds nothing before it has hydrated.
            tokio::task::yield_now().await;
        }
        if seen.send(Instant::now()).is_err() {
            return;
        }
    }
}
