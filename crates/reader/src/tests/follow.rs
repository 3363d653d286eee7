//! The driver over the in-process bus, in paused time: it stands still while anything can run, so
//! nothing here depends on how fast the machine is.

mod boot;
mod bounded;
mod changes;
mod epochs;
mod frames;
mod local;
mod origin;
mod outages;
mod plane;
mod propagation;
mod scrub;
mod second_source;
mod undecodable;

use bus::MemoryBus;
use shared::Position;
use testkit::eventually;
use tokio::{
    task::{AbortHandle, JoinSet},
    time::Instant,
};

use crate::{
    catalog::{Catalog, CatalogConfig, Lookup, catalog},
    fetch::Asked,
    follow::{Following, WriterSource, follow},
    reached::{Reached, reached},
    replica::{State, Timing},
    status::{Progress, ReaderStatus, StatusCell},
};

use origin::Origin;

const READER: &str = "reader-1";

/// A reader that follows a bus, and the writer's side of that bus.
struct World {
    bus: MemoryBus,
    origin: Origin,
    catalog: Catalog,
    /// What reads wait for.
    reached: Reached,
    status: StatusCell,
    /// The reader and the leader's heartbeat; they end with the world.
    tasks: JoinSet<()>,
    beating: Option<AbortHandle>,
}

impl World {
    /// A reader of an empty bus, which nobody leads.
    fn alone() -> Self {
        Self::reading(Origin::new(MemoryBus::new()))
    }

    /// A reader of this bus; no heartbeat yet.
    fn reading(origin: Origin) -> Self {
        Self::with_writer(origin, None)
    }

    /// The same, with writers to ask.
    fn with_writer(origin: Origin, writers: Option<WriterSource>) -> Self {
        Self::start(origin, writers, Asked::nothing(), None)
    }

    fn start(
        origin: Origin,
        writers: Option<WriterSource>,
        asked: Asked,
        bytes_max: Option<u64>,
    ) -> Self {
        let (mut world, following) = Self::before(origin, writers, asked, bytes_max);
        world.tasks.spawn(follow(following));
        world
    }

    /// The same, before the reader begins.
    fn before(
        origin: Origin,
        writers: Option<WriterSource>,
        asked: Asked,
        bytes_max: Option<u64>,
    ) -> (Self, Following) {
        let (catalog, writer) = catalog(CatalogConfig { bytes_max });
        let progress = Progress::new(State::Connecting.as_str(), "memory");
        let status = StatusCell::new(READER, catalog.clone(), progress);
        let bus = origin.bus().clone();
        let (reaching, reached) = reached();
        let following = Following {
            bus: std::sync::Arc::new(bus.clone()),
            catalog: writer,
            asked,
            status: status.clone(),
            reaching,
            source: "memory",
            writer: writers,
            reader: READER.to_owned(),
            timing: Timing::DEFAULT,
            seed: 7,
        };
        let world = Self {
            bus,
            origin,
            catalog,
            reached,
            status,
            tasks: JoinSet::new(),
            beating: None,
        };
        (world, following)
    }

    /// A ready reader of a bus with `posts/a` = `first` at sequence 1, heartbeats coming.
    async fn ready() -> Self {
        let origin = Origin::new(MemoryBus::new());
        origin.rebuild().await;
        origin.put("a", "first").await;
        let mut world = Self::reading(origin);
        world.lead();
        world.until_ready().await;
        world.until_converged().await;
        assert_eq!(world.served("a").as_deref(), Some("first"));
        world
    }

    /// From now on heartbeats come.
    fn lead(&mut self) {
        self.beating = Some(self.tasks.spawn(self.origin.clone().beat()));
    }

    /// From now on none come.
    fn stop_leading(&mut self) {
        if let Some(beating) = self.beating.take() {
            beating.abort();
        }
    }

    async fn until_ready(&self) {
        self.until("the reader is ready", |now| now.ready).await;
    }

    /// Waits until the status is as asked, and gives it. It is told of with each tick, so it may
    /// be a moment behind the catalog.
    async fn until(&self, what: &str, is: impl Fn(&ReaderStatus) -> bool) -> ReaderStatus {
        eventually(what, async || Some(self.now()).filter(&is)).await
    }

    /// Waits until the reader holds everything that was committed.
    async fn until_converged(&self) {
        let head = self.origin.head();
        eventually("the reader's position is the head", async || {
            (self.position() == Some(head)).then_some(())
        })
        .await;
    }

    /// Waits until `posts/<id>` is served with this body.
    async fn until_served(&self, id: &str, body: &str) {
        eventually("the document is served", async || {
            (self.served(id).as_deref() == Some(body)).then_some(())
        })
        .await;
    }

    fn now(&self) -> ReaderStatus {
        self.status.status(Instant::now())
    }

    fn position(&self) -> Option<Position> {
        self.status.progress().position
    }

    /// The body that a read of `posts/<id>` is answered with; `None` is a 404.
    fn served(&self, id: &str) -> Option<String> {
        match self.catalog.lookup(("posts", id)) {
            Lookup::Hit(entry) => {
                let body = entry.representations().next().expect("identity");
                Some(String::from_utf8(body.octets().to_vec()).expect("text"))
            }
            Lookup::Absent => None,
            Lookup::Unknown => panic!("posts/{id} is not held by a set without a budget"),
            Lookup::NotReady => panic!("posts/{id} is not known: the reader is not ready"),
        }
    }

    /// Whether the catalog has an entry for `posts/<id>`, ready or not, tombstone or not.
    fn holds(&self, id: &str) -> bool {
        let mut held = false;
        self.catalog
            .for_each(|entry| held |= entry.key() == format!("posts/{id}"));
        held
    }
}
