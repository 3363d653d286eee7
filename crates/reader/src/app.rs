//! The reader put together: sockets bound, then threads for reads, for the feed and for
//! administration.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::{self, JoinHandle},
};

use bus::{BusError, Follower};
use service::{
    Lifecycle,
    server::{Limits, ReusePort, Server, bind},
};
use tokio::{runtime, task::JoinSet};

use crate::{
    catalog::{CatalogConfig, CatalogWriter, catalog},
    config::ReaderConfig,
    follow::{Following, WriterSource, follow},
    http::{
        DrainCheck,
        admin::{self, AdminPlane},
        counters::ReadCounters,
        data::{self, DataPlane},
        yardstick::{self, Yardsticks},
    },
    lane,
    metrics::metrics,
    reached::{Reached, Reaching, reached},
    replica::{State, Timing},
    status::{Progress, StatusCell},
};

/// A reader whose sockets are bound: clients can connect and wait. Nothing runs yet.
#[derive(Debug)]
pub struct App {
    config: ReaderConfig,
    bus: Arc<dyn Follower>,
    source: &'static str,
    writer: Option<WriterSource>,
    lifecycle: Lifecycle,
    lanes: Vec<TcpListener>,
    /// One for each lane, or none where the yardsticks are off.
    lane_buses: Vec<Arc<dyn Follower>>,
    admin: TcpListener,
}

/// A reader that runs on threads of its own.
#[derive(Debug)]
pub struct Running(Vec<JoinHandle<io::Result<()>>>);

/// The parts that several threads share.
struct Parts {
    catalog: CatalogWriter,
    status: StatusCell,
    reaching: Reaching,
    reached: Reached,
    is_draining: DrainCheck,
    data: Server,
    counters: Vec<Arc<ReadCounters>>,
}

impl App {
    /// Binds the sockets of both planes. `source` says in one word what `bus` is.
    ///
    /// # Errors
    /// An address cannot be bound, and the message names it; or the system lacks what a client of
    /// writers needs.
    pub fn build(
        config: ReaderConfig,
        bus: Arc<dyn Follower>,
        source: &'static str,
        lifecycle: Lifecycle,
    ) -> io::Result<Self> {
        let lanes = lane::bind_all(config.listen, config.threads)
            .map_err(|error| name_address("READER_LISTEN", config.listen, &error))?;
        let admin = bind(config.admin_listen, ReusePort::No)
            .map_err(|error| name_address("READER_ADMIN_LISTEN", config.admin_listen, &error))?;
        let urls = config.writer_internal_urls.clone();
        let writer = (!urls.is_empty()).then(|| WriterSource::new(urls));
        Ok(Self {
            config,
            bus,
            source,
            writer: writer.transpose().map_err(io::Error::other)?,
            lifecycle,
            lanes,
            lane_buses: Vec::new(),
            admin,
        })
    }

    /// Serves the yardsticks too, if `YARDSTICKS` says so; else this does nothing. `open` is called
    /// for each lane, because a bus connects on the runtime that first uses it.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn with_yardsticks(
        mut self,
        open: impl Fn() -> Result<Arc<dyn Follower>, BusError>,
    ) -> Result<Self, BusError> {
        if self.config.yardsticks {
            let opened = self.lanes.iter().map(|_lane| open());
            self.lane_buses = opened.collect::<Result<_, _>>()?;
        }
        Ok(self)
    }

    /// The data plane's address.
    ///
    /// # Errors
    /// The system cannot tell.
    pub fn listen_address(&self) -> io::Result<SocketAddr> {
        self.lanes[0].local_addr()
    }

    /// The admin plane's address.
    ///
    /// # Errors
    /// The system cannot tell.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Starts every thread. They end by themselves once the lifecycle closes.
    ///
    /// # Errors
    /// A thread or its runtime cannot be made.
    pub fn spawn(self) -> io::Result<Running> {
        let parts = self.parts();
        let mut threads = vec![self.spawn_admin(&parts)?];
        let mut lane_buses = self.lane_buses.into_iter();
        for (index, listener) in self.lanes.into_iter().enumerate() {
            let plane = DataPlane::new(
                parts.catalog.catalog().clone(),
                self.config.cache_control.clone(),
                Arc::clone(&parts.is_draining),
                Arc::clone(&parts.counters[index]),
            )
            .reaching(parts.reached.clone());
            let server = parts.data.clone();
            threads.push(match lane_buses.next() {
                None => lane::spawn(index, listener, server, data::service(plane)),
                Some(bus) => {
                    let yardsticks = Yardsticks::new(plane, bus);
                    lane::spawn(index, listener, server, yardstick::service(yardsticks))
                }
            }?);
        }
        let following = Following {
            bus: self.bus,
            catalog: parts.catalog,
            status: parts.status,
            reaching: parts.reaching,
            source: self.source,
            writer: self.writer,
            reader: self.config.id,
            timing: Timing::DEFAULT,
            seed: fastrand::u64(..),
        };
        threads.push(spawn_follower(following, self.lifecycle)?);
        Ok(Running(threads))
    }

    fn parts(&self) -> Parts {
        let (reading, writing) = catalog(CatalogConfig { bytes_max: None });
        let progress = Progress::new(State::Connecting.as_str(), self.source);
        let lifecycle = self.lifecycle.clone();
        let (reaching, reached) = reached();
        Parts {
            reaching,
            reached,
            status: StatusCell::new(&self.config.id, reading, progress),
            catalog: writing,
            is_draining: Arc::new(move || !lifecycle.is_serving()),
            data: Server::new(Limits::STANDARD, self.lifecycle.clone()),
            counters: self.lanes.iter().map(|_| Arc::default()).collect(),
        }
    }

    fn spawn_admin(&self, parts: &Parts) -> io::Result<JoinHandle<io::Result<()>>> {
        let catalog = parts.catalog.catalog().clone();
        let metrics = metrics(
            &parts.status,
            parts.counters.clone(),
            &parts.data.counters(),
        );
        let router = admin::router(AdminPlane {
            catalog,
            status: parts.status.clone(),
            is_draining: Arc::clone(&parts.is_draining),
            metrics: Arc::new(move || metrics.to_text()),
        });
        let server = Server::new(Limits::STANDARD, self.lifecycle.clone());
        let listener = self.admin.try_clone()?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let listener = tokio::net::TcpListener::from_std(listener)?;
                    server.serve(listener, router).await;
                    Ok(())
                })
            })
    }
}

impl Running {
    /// Waits until every thread has ended, or the first one that failed.
    ///
    /// # Errors
    /// A thread panicked, or a listener could not be served.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn ended(self) -> io::Result<()> {
        let mut threads = JoinSet::new();
        for thread in self.0 {
            threads.spawn_blocking(move || {
                let name = thread.thread().name().unwrap_or("unnamed").to_owned();
                let panicked = |_payload| io::Error::other(format!("thread {name} panicked"));
                thread.join().map_err(panicked).flatten()
            });
        }
        while let Some(joined) = threads.join_next().await {
            joined.map_err(io::Error::other).flatten()?;
        }
        Ok(())
    }
}

fn spawn_follower(
    following: Following,
    lifecycle: Lifecycle,
) -> io::Result<JoinHandle<io::Result<()>>> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("follow".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = follow(following) => {}
                    () = lifecycle.closing() => {}
                }
            });
            Ok(())
        })
}

fn name_address(setting: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("{setting}: cannot listen on {address}: {error}"),
    )
}
