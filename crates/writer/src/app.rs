//! The writer put together: sockets bound, the database waited for, then everything started.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use bus::Publisher;
use service::{
    Lifecycle,
    server::{Limits, ReusePort, Server, bind},
};
use tokio::{
    task::{JoinError, JoinSet},
    time::sleep,
};
use tracing::{info, warn};

use crate::{
    access::{Access, TokenFile},
    config::WriterConfig,
    engine::{Engine, Parts},
    gate::Gate,
    http::{
        self, Backend, Inspect,
        internal::{self, Internal},
    },
    inspect::Inspector,
    leader::audit::Audit,
    render::Renderer,
    store::{Store, StoreError},
};

/// The first and the longest pause before the database is tried again.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// A writer whose sockets are bound: clients can connect and wait. Nothing runs yet.
#[derive(Debug)]
pub struct App {
    config: WriterConfig,
    access: Access,
    audit: Option<Audit>,
    bus: Arc<dyn Publisher>,
    lifecycle: Lifecycle,
    public: TcpListener,
    admin: TcpListener,
}

/// Why a writer ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database cannot be used, and waiting would not help.
    #[error("the database cannot be used")]
    Store(#[source] StoreError),
    /// A listener could not be served.
    #[error("a listener cannot be served")]
    Listener(#[source] io::Error),
    /// A task ended that should not.
    #[error("a task ended by a defect")]
    Task(#[source] Option<JoinError>),
}

/// The planes, before and after the database is there.
#[derive(Debug, Clone)]
struct Planes {
    public: Gate,
    internal: Gate,
    public_server: Server,
    internal_server: Server,
}

impl Planes {
    fn new(lifecycle: &Lifecycle) -> Self {
        Self {
            public: Gate::new(),
            internal: Gate::live(),
            public_server: Server::new(Limits::STANDARD, lifecycle.clone()),
            internal_server: Server::new(Limits::STANDARD, lifecycle.clone()),
        }
    }

    fn open(&self, parts: &Parts, bus: Arc<dyn Publisher>, access: Access, lifecycle: &Lifecycle) {
        let connections = self.public_server.counters();
        let inspect: Arc<dyn Inspect> = Arc::new(Inspector::new(
            parts.clone(),
            access.clone(),
            lifecycle.clone(),
            &connections,
        ));
        self.public.open(http::router(Backend {
            store: Arc::clone(&parts.store),
            access,
            committer: parts.committer.clone(),
            renderer: parts.renderer.clone(),
            inspect: Arc::clone(&inspect),
        }));
        // After the public plane: it is what says that the writer is ready.
        self.internal.open(internal::router(Internal {
            store: Arc::clone(&parts.store),
            renderer: Renderer::new(parts.renderer.codings(), NonZeroUsize::MIN),
            bus,
            inspect,
        }));
    }
}

impl App {
    /// Binds the sockets of both planes, and reads who may write.
    ///
    /// # Errors
    /// An address cannot be bound, or the file of tokens cannot be used; the message names it. Or
    /// the system lacks what a client of readers needs.
    pub fn build(
        config: WriterConfig,
        bus: Arc<dyn Publisher>,
        lifecycle: Lifecycle,
    ) -> io::Result<Self> {
        let access = open_access(&config)?;
        let audit = config.audit_samples_per_second.map(Audit::new);
        let audit = audit.transpose().map_err(io::Error::other)?;
        let public = bind(config.listen, ReusePort::No)
            .map_err(|error| name_address("WRITER_LISTEN", config.listen, &error))?;
        let admin = bind(config.admin_listen, ReusePort::No)
            .map_err(|error| name_address("WRITER_ADMIN_LISTEN", config.admin_listen, &error))?;
        Ok(Self {
            config,
            access,
            audit,
            bus,
            lifecycle,
            public,
            admin,
        })
    }

    /// The public plane's address.
    ///
    /// # Errors
    /// The system cannot tell.
    pub fn listen_address(&self) -> io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// The internal plane's address.
    ///
    /// # Errors
    /// The system cannot tell.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves until the lifecycle closes: 503 until `open_store` has given the database, which is
    /// tried again for as long as that is away. Then finishes the requests in flight, the batch,
    /// and what is to be published.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn run(
        self,
        open_store: impl AsyncFn() -> Result<Arc<dyn Store>, StoreError>,
    ) -> Result<(), AppError> {
        let planes = Planes::new(&self.lifecycle);
        let mut servers = JoinSet::new();
        servers.spawn(serve(
            planes.public_server.clone(),
            self.public,
            planes.public.clone(),
        ));
        servers.spawn(serve(
            planes.internal_server.clone(),
            self.admin,
            planes.internal.clone(),
        ));
        // Ends with this function.
        let mut following = JoinSet::<()>::new();
        if let Access::Tokens(file) = &self.access {
            let file = Arc::clone(file);
            following.spawn(async { file.follow().await });
        }
        let store = tokio::select! {
            store = wait_for_store(open_store) => store.map_err(AppError::Store)?,
            ended = all_ended(&mut servers) => return ended,
        };
        let WriterConfig {
            codings,
            changes_kept,
            ..
        } = self.config;
        let bus = Arc::clone(&self.bus);
        let mut engine = Engine::start(codings, changes_kept, self.audit, store, bus).await;
        planes.open(engine.parts(), self.bus, self.access, &self.lifecycle);
        info!("taking writes");
        tokio::select! {
            ended = all_ended(&mut servers) => ended?,
            failed = engine.failed() => return Err(AppError::Task(failed)),
        }
        engine
            .finish()
            .await
            .map_err(|error| AppError::Task(Some(error)))
    }
}

fn open_access(config: &WriterConfig) -> io::Result<Access> {
    let Some(path) = &config.tokens_file else {
        return Ok(Access::Open);
    };
    let file = TokenFile::open(path.clone()).map_err(|error| {
        io::Error::other(format!("WRITER_TOKENS_FILE: {}: {error}", path.display()))
    })?;
    Ok(Access::Tokens(Arc::new(file)))
}

async fn serve(server: Server, listener: TcpListener, gate: Gate) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    server.serve(listener, gate.router()).await;
    Ok(())
}

/// Waits until every server has ended, or the first one that failed.
async fn all_ended(servers: &mut JoinSet<io::Result<()>>) -> Result<(), AppError> {
    while let Some(joined) = servers.join_next().await {
        joined
            .map_err(|error| AppError::Task(Some(error)))?
            .map_err(AppError::Listener)?;
    }
    Ok(())
}

/// Opens the database, again and again while it is away.
async fn wait_for_store(
    open_store: impl AsyncFn() -> Result<Arc<dyn Store>, StoreError>,
) -> Result<Arc<dyn Store>, StoreError> {
    let mut pause = RETRY_MIN;
    loop {
        match open_store().await {
            Err(error @ StoreError::Unavailable { .. }) => {
                let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                warn!(
                    error = %telemetry::chain(&error),
                    retry_ms, "waiting for the database"
                );
                sleep(pause).await;
                pause = RETRY_MAX.min(pause * 2);
            }
            opened => return opened,
        }
    }
}

fn name_address(setting: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    let message = format!("{setting}: cannot listen on {address}: {error}");
    io::Error::new(error.kind(), message)
}
