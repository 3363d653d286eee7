//! A private PostgreSQL.

mod install;

use std::{
    ffi::OsString,
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep, timeout},
};

use self::install::{as_server_user, data, give_to_server, initialise, programs};
use crate::{
    Authority, eventually,
    process::{ServerProcess, free_port},
};

/// How long one start may take, crash recovery included.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to start again, on another port or until an earlier server's remains are gone: how long
/// the processes of one that was killed take to end, the machine decides.
const LAUNCH_TIMEOUT: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(20);

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

/// A PostgreSQL server of this test binary, on loopback, that ends with it.
///
/// Its disk is not synced (`fsync` off) unless it is [`Self::durable`]: it survives the death of its
/// processes, not of the machine.
#[derive(Debug)]
pub struct Postgres {
    /// `None` while it is stopped.
    server: Option<ServerProcess>,
    programs: PathBuf,
    directory: PathBuf,
    /// Removes the directory of a dedicated server; the shared one's watchdog does it.
    remover: Option<TempDir>,
    port: u16,
    databases: AtomicU32,
    settings: &'static [&'static str],
}

/// For tests: small, and quick to write.
const VOLATILE: &[&str] = &["shared_buffers=16MB", "fsync=off", "full_page_writes=off"];

/// The same, with the certificate and key in the server's own directory.
const TLS: &[&str] = &[
    "shared_buffers=16MB",
    "fsync=off",
    "full_page_writes=off",
    "ssl=on",
];

impl Postgres {
    /// The server that this binary's tests share, started by the first one to ask.
    ///
    /// # Panics
    /// It is not installed, or does not start.
    pub async fn shared() -> &'static Self {
        SHARED
            .get_or_init(|| async {
                let mut postgres = Self::prepare(VOLATILE);
                // A static is never dropped.
                if let Some(directory) = postgres.remover.take() {
                    postgres.directory = directory.keep();
                }
                postgres.launch().await;
                postgres
            })
            .await
    }

    /// A server of one's own, to be killed, frozen and restarted.
    ///
    /// # Panics
    /// It is not installed, or does not start.
    pub async fn dedicated() -> Self {
        let mut postgres = Self::prepare(VOLATILE);
        postgres.launch().await;
        postgres
    }

    /// As [`Self::dedicated`], but with PostgreSQL's own defaults for memory and disk, which is
    /// synced: to be measured.
    ///
    /// # Panics
    /// It is not installed, or does not start.
    pub async fn durable() -> Self {
        let mut postgres = Self::prepare(&[]);
        postgres.launch().await;
        postgres
    }

    /// As [`Self::dedicated`], speaking TLS to those who ask for it.
    ///
    /// # Panics
    /// It is not installed, or does not start.
    pub async fn with_tls(authority: &Authority) -> Self {
        let mut postgres = Self::prepare(TLS);
        for (from, to) in [
            (authority.server_certificate_file(), "server.crt"),
            (authority.server_key_file(), "server.key"),
        ] {
            let to = data(&postgres.directory).join(to);
            let content = std::fs::read(from).expect("the authority's files are there");
            std::fs::write(&to, content).expect("the server's directory can be written");
            std::fs::set_permissions(&to, Permissions::from_mode(0o600)).expect("it is ours");
            give_to_server(&to);
        }
        postgres.launch().await;
        postgres
    }

    /// Makes an empty database and gives its URL.
    ///
    /// # Panics
    /// The server does not answer.
    pub async fn create_database(&self) -> String {
        let name = self.new_name();
        self.execute(&self.url("postgres"), &format!("CREATE DATABASE {name}"))
            .await;
        self.url(&name)
    }

    /// Makes a copy of a database, as a backup would, and gives its URL. Ends all sessions of the
    /// original.
    ///
    /// # Panics
    /// The server does not answer.
    pub async fn copy_database(&self, url: &str) -> String {
        let original = url.rsplit('/').next().unwrap_or_default();
        let copy = self.new_name();
        let create = &format!("CREATE DATABASE {copy} TEMPLATE {original}");
        let creating = eventually("the database to be copied", || async move {
            let mut connection = connect(&self.url("postgres")).await?;
            let created = connection.execute(AssertSqlSafe(create.clone())).await;
            created.ok()
        });
        // It lets no new session in, and waits for those that came just before. A round that is under
        // way when the copy is there ends too: the server would go on with one that is dropped, and
        // end sessions that come after the copy.
        let copied = AtomicBool::new(false);
        let ending = async {
            while !copied.load(Ordering::Relaxed) {
                self.end_sessions(url).await;
                sleep(PAUSE).await;
            }
        };
        let creating = async {
            creating.await;
            copied.store(true, Ordering::Relaxed);
        };
        tokio::join!(creating, ending);
        self.url(&copy)
    }

    /// Puts a copy made by [`Self::copy_database`] in the place of a database, as restoring a backup
    /// does. Ends all sessions of the database that goes.
    ///
    /// # Panics
    /// The server does not answer.
    pub async fn replace_database(&self, url: &str, copy: &str) {
        let original = url.rsplit('/').next().unwrap_or_default();
        let copy = copy.rsplit('/').next().unwrap_or_default();
        let postgres = self.url("postgres");
        self.execute(&postgres, &format!("DROP DATABASE {original} WITH (FORCE)"))
            .await;
        self.execute(
            &postgres,
            &format!("ALTER DATABASE {copy} RENAME TO {original}"),
        )
        .await;
    }

    /// Ends all sessions of a database but the one that does it, as a crash of each would.
    ///
    /// # Panics
    /// The server does not answer.
    pub async fn end_sessions(&self, url: &str) {
        let database = url.rsplit('/').next().unwrap_or_default();
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        );
        self.execute(&self.url("postgres"), &end).await;
    }

    /// Runs one statement in the database of `url`, as a superuser.
    ///
    /// # Panics
    /// It fails.
    pub async fn execute(&self, url: &str, statement: &str) {
        let mut connection = eventually("a session", || connect(url)).await;
        let executed = connection
            .execute(AssertSqlSafe(statement.to_owned()))
            .await;
        if let Err(error) = executed {
            panic!("{statement}: {error}");
        }
    }

    /// The URL of a database of this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on loopback. It stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its programs are: `psql`, `pg_dump` and the others.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// The directory of the user who runs it; its own files are in [`Self::data`] below.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What PostgreSQL calls its data directory.
    pub fn data(&self) -> PathBuf {
        data(&self.directory)
    }

    /// What starts a command with the rights of the user who runs it: nothing, where that is us.
    pub fn user(&self) -> Vec<OsString> {
        as_server_user()
    }

    /// The server's first process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().and_then(ServerProcess::pid)
    }

    /// Sends a signal to the server's first process: `"STOP"` keeps it from accepting, `"QUIT"` ends
    /// all of it as a crash would, `"KILL"` ends that process at once and the others soon after.
    ///
    /// # Panics
    /// It is not running.
    pub fn signal(&self, signal: &str) {
        let server = self.server.as_ref().expect("the server runs");
        if let Err(error) = server.signal(signal) {
            panic!("{error}");
        }
    }

    /// Ends the server as a crash would. What was committed is there after [`Self::restart`].
    pub fn stop(&mut self) {
        drop(self.server.take());
    }

    /// Starts it again on the same port and directory.
    ///
    /// # Panics
    /// It does not start.
    pub async fn restart(&mut self) {
        self.stop();
        self.launch().await;
    }

    /// Starts it again as a standby that follows nobody: it answers reads until `pg_promote()` makes
    /// it a primary on a timeline of its own.
    ///
    /// # Panics
    /// It does not start.
    pub async fn restart_as_standby(&mut self) {
        self.stop();
        let signal = data(&self.directory).join("standby.signal");
        if let Err(error) = std::fs::write(&signal, "") {
            panic!("{}: {error}", signal.display());
        }
        give_to_server(&signal);
        self.launch().await;
    }

    /// Everything but a running server.
    fn prepare(settings: &'static [&'static str]) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("pressrun-postgres-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary directory can be made");
        let programs = programs();
        initialise(&programs, directory.path());
        Self {
            server: None,
            programs,
            directory: directory.path().to_owned(),
            remover: Some(directory),
            port: 0,
            databases: AtomicU32::new(0),
            settings,
        }
    }

    async fn launch(&mut self) {
        let is_first = self.port == 0;
        let deadline = Instant::now() + LAUNCH_TIMEOUT;
        loop {
            if is_first {
                self.port = free_port().expect("a port is free");
            }
            let server = self.spawn();
            if self.becomes_ready(&server).await {
                self.server = Some(server);
                return;
            }
            let log = server.log();
            drop(server);
            assert!(
                Instant::now() < deadline,
                "PostgreSQL does not start:\n{log}"
            );
            sleep(PAUSE).await;
        }
    }

    fn spawn(&self) -> ServerProcess {
        let mut command = as_server_user();
        command.push(self.programs.join("postgres").into());
        command.push("-D".into());
        command.push(data(&self.directory).into());
        for setting in [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=200".to_owned(),
            // In the directory, so that nothing stays behind in shared memory.
            "dynamic_shared_memory_type=mmap".to_owned(),
        ]
        .into_iter()
        .chain(self.settings.iter().map(|&setting| setting.to_owned()))
        {
            command.push("-c".into());
            command.push(setting.into());
        }
        let remove = self.remover.is_none().then_some(self.directory.as_path());
        let pid_file = self.directory.join("server.pid");
        ServerProcess::start(&command, &pid_file, remove).expect("a shell can be started")
    }

    /// Whether it accepts sessions before it gives up or the time is over.
    async fn becomes_ready(&self, server: &ServerProcess) -> bool {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if self.is_mine().await {
                return true;
            }
            let log = server.log();
            // The port was taken, or a killed server's processes have not all ended yet.
            let has_given_up = [
                "could not create any TCP",
                "pre-existing shared",
                "lock file",
            ];
            if has_given_up.iter().any(|words| log.contains(words)) {
                return false;
            }
            sleep(PAUSE).await;
        }
        false
    }

    /// Whether a server answers, and is this one: another one may have taken the port first.
    async fn is_mine(&self) -> bool {
        let Some(mut session) = connect(&self.url("postgres")).await else {
            return false;
        };
        let query = sqlx::query_scalar("SELECT current_setting('data_directory')");
        let directory: Result<String, _> = query.fetch_one(&mut session).await;
        directory.is_ok_and(|directory| Path::new(&directory) == self.data())
    }

    fn new_name(&self) -> String {
        format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed))
    }
}

async fn connect(url: &str) -> Option<PgConnection> {
    let connected = timeout(Duration::from_secs(5), PgConnection::connect(url)).await;
    connected.ok()?.ok()
}
