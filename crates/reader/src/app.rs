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
    server::{Handover, Limits, ReusePort, Server, bind},
};
use telemetry::Head;
use tokio::{runtime, task::JoinSet};

use crate::{
    catalog::{CatalogConfig, CatalogWriter, catalog},
    config::ReaderConfig,
    fetch::{Asked, Fetcher, fetches},
    follow::{Following, Keeping, WriterSource, follow_until},
    hot::HotKeys,
    http::{
        admin::{self, AdminPlane},
        counters::ReadCounters,
        data::{self, DataPlane},
        yardstick::{self, Yardsticks},
    },
    lane::{self, LaneCounts},
    local::LocalConfig,
    metrics::{Measured, metrics},
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
    /// None where no local snapshot is kept.
    keeping: Option<Keeping>,
    /// None where the yardsticks are off.
    yardstick_bus: Option<Arc<dyn Follower>>,
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
    fetcher: Fetcher,
    asked: Asked,
    data: Server,
    counts: Vec<LaneCounts>,
    /// Of requests that lanes leave to the server.
    uncommon: Arc<ReadCounters>,
    uncommon_hot: HotKeys,
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
            keeping: None,
            yardstick_bus: None,
            admin,
        })
    }

    /// Keeps a local snapshot, if one is configured, and starts from it while nobody answers.
    #[must_use]
    pub fn keeping(mut self, local: Option<LocalConfig>) -> Self {
        self.keeping = local.map(|config| Keeping {
            config,
            counters: Arc::default(),
        });
        self
    }

    /// Serves the yardsticks too, if `YARDSTICKS` says so; else this does nothing. They have a bus
    /// of their own, because a bus connects on the runtime that first uses it.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn with_yardsticks(
        mut self,
        open: impl FnOnce() -> Result<Arc<dyn Follower>, BusError>,
    ) -> Result<Self, BusError> {
        if self.config.yardsticks {
            self.yardstick_bus = Some(open()?);
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

    /// How others reach the admin plane, as far as that is known.
    fn admin_url(&self) -> Option<String> {
        self.config.admin_url.clone().or_else(|| {
            let address = self.admin_address().ok()?;
            let is_one = !address.ip().is_unspecified();
            is_one.then(|| format!("http://{address}"))
        })
    }

    /// Starts every thread. They end by themselves once the lifecycle closes.
    ///
    /// # Errors
    /// A thread or its runtime cannot be made.
    pub fn spawn(self) -> io::Result<Running> {
        let parts = self.parts();
        let mut threads = vec![self.spawn_admin(&parts)?];
        threads.extend(self.spawn_data(&parts)?);
        let following = Following {
            bus: self.bus,
            catalog: parts.catalog,
            asked: parts.asked,
            status: parts.status,
            reaching: parts.reaching,
            source: self.source,
            writer: self.writer,
            reader: self.config.id,
            timing: Timing::DEFAULT,
            seed: fastrand::u64(..),
        };
        threads.push(spawn_follower(following, self.keeping, self.lifecycle)?);
        Ok(Running(threads))
    }

    fn parts(&self) -> Parts {
        let (reading, writing) = catalog(CatalogConfig {
            bytes_max: self.config.catalog_bytes_max,
        });
        let (fetcher, asked) = fetches(self.config.catalog_fetches_max);
        let progress = Progress::new(State::Connecting.as_str(), self.source);
        let (reaching, reached) = reached();
        let status = StatusCell::new(&self.config.id, reading, progress);
        Parts {
            reaching,
            reached,
            fetcher,
            asked,
            status: match self.admin_url() {
                Some(url) => status.reached_at(&url),
                None => status,
            },
            catalog: writing,
            data: Server::new(Limits::STANDARD, self.lifecycle.clone()),
            counts: self.lanes.iter().map(|_| LaneCounts::default()).collect(),
            uncommon: Arc::default(),
            uncommon_hot: HotKeys::default(),
        }
    }

    /// The lanes, and the server for what they leave to it.
    fn spawn_data(&self, parts: &Parts) -> io::Result<Vec<JoinHandle<io::Result<()>>>> {
        let lifecycle = self.lifecycle.clone();
        let plane = DataPlane::new(
            parts.catalog.catalog().clone(),
            self.config.cache_control.clone(),
            Arc::new(move || !lifecycle.is_serving()),
            Arc::clone(&parts.uncommon),
        )
        .reaching(parts.reached.clone())
        .sampling(parts.uncommon_hot.clone())
        .fetching(parts.fetcher.clone())
        .tracing(Head::of_process());
        let handover = Handover::default();
        let (mut threads, mut wakers) = (Vec::new(), Vec::new());
        for (index, listener) in self.lanes.iter().enumerate() {
            let intake = parts.data.intake(&handover);
            let counts = parts.counts[index].clone();
            let lane = lane::spawn(index, listener.try_clone()?, intake, &plane, counts)?;
            threads.push(lane.thread);
            wakers.push(lane.waker);
        }
        let waking = lane::wake_on_phases(self.lifecycle.clone(), wakers);
        let server = parts.data.clone();
        let yardsticks = self.yardstick_bus.clone();
        threads.push(self.spawn_server(async move {
            tokio::spawn(waking);
            match yardsticks {
                None => server.serve_handed(handover, data::service(plane)).await,
                Some(bus) => {
                    let yardsticks = Yardsticks::new(plane, bus);
                    let service = yardstick::service(yardsticks);
                    server.serve_handed(handover, service).await;
                }
            }
        })?);
        Ok(threads)
    }

    /// As many threads as lanes: where much is uncommon, no lane has to wait for another's.
    fn spawn_server(
        &self,
        serving: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<JoinHandle<io::Result<()>>> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(self.lanes.len())
            .thread_name("http")
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                runtime.block_on(serving);
                Ok(())
            })
    }

    fn spawn_admin(&self, parts: &Parts) -> io::Result<JoinHandle<io::Result<()>>> {
        let catalog = parts.catalog.catalog().clone();
        let lifecycle = self.lifecycle.clone();
        let reads = parts.counts.iter().map(|lane| Arc::clone(&lane.reads));
        let reads = reads.chain([Arc::clone(&parts.uncommon)]).collect();
        let hot = parts.counts.iter().map(|lane| lane.hot.clone());
        let hot: Arc<[HotKeys]> = hot.chain([parts.uncommon_hot.clone()]).collect();
        let latencies = parts.counts.iter().map(|lane| lane.latency.clone());
        let local = self.keeping.as_ref().map(|it| Arc::clone(&it.counters));
        let metrics = metrics(Measured {
            status: parts.status.clone(),
            local: local.unwrap_or_default(),
            fetches: parts.asked.counts(),
            reads,
            latencies: latencies.collect(),
            hot: Arc::clone(&hot),
            connections: parts.data.counters(),
            connections_max: self.lanes.len() * Limits::STANDARD.connections_max,
        });
        let router = admin::router(AdminPlane {
            catalog,
            status: parts.status.clone(),
            hot,
            is_draining: Arc::new(move || !lifecycle.is_serving()),
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
    keeping: Option<Keeping>,
    lifecycle: Lifecycle,
) -> io::Result<JoinHandle<io::Result<()>>> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("follow".to_owned())
        .spawn(move || {
            // Half of the grace period: requests in flight end beside it.
            let patience = lifecycle.grace() / 2;
            runtime.block_on(follow_until(
                following,
                keeping,
                lifecycle.closing(),
                patience,
            ));
            Ok(())
        })
}

fn name_address(setting: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("{setting}: cannot listen on {address}: {error}"),
    )
}
