//! The writer's settings.

use std::{net::SocketAddr, num::NonZeroU32, ops::RangeInclusive, path::PathBuf};

use bus::RedisBus;
use service::config::{
    ConfigExit, Environment, Process, Program, RedactedUrl, Rejected, Setting, Settings, process,
    values::{self, Parsed},
};

use crate::{
    render::{Codings, CodingsError},
    store::postgres::PostgresStore,
};

/// The settings of [`WriterConfig`].
pub const SETTINGS: &[Setting] = &[
    Setting::new(
        "WRITER_LISTEN",
        Some("127.0.0.1:8080"),
        "Address and port that documents are written to",
    ),
    Setting::new(
        "WRITER_ADMIN_LISTEN",
        Some("127.0.0.1:9180"),
        "Address and port of the internal plane: liveness, metrics, status, feed, snapshot",
    ),
    Setting::new(
        "CODINGS",
        Some("br,gzip,zstd"),
        "Content codings made beside identity, separated by commas; none for none",
    ),
    Setting::new(
        "CHANGES_KEPT",
        Some("100000"),
        "How many of the last changes the database keeps, 1000 to 1000000000; then tombstones go",
    ),
    Setting::new(
        "AUDIT_SAMPLES_PER_SECOND",
        Some("4"),
        "Changes that the leader asks every reader for, 0.1, 1 and 5 s after their commit; 0 to 100, 0 for none",
    ),
    Setting::new(
        "WRITER_TOKENS_FILE",
        None,
        "Who may write: lines NAME SCOPE[,SCOPE..] blake3:HASH, as pressrun token new prints them; read again \
         within a second of a change",
    ),
    Setting::switch(
        "ALLOW_UNAUTHENTICATED_WRITES",
        "Let anybody who reaches WRITER_LISTEN write, even where it is not loopback",
    ),
];

/// The servers of a writer that runs apart from its readers.
pub const SERVER_SETTINGS: &[Setting] = &[
    Setting::secret(
        "DATABASE_URL",
        "PostgreSQL, as postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE; over TLS with \
         ?sslmode=verify-full, and &sslrootcert=FILE for an authority of one's own",
    ),
    Setting::secret(
        "REDIS_URL",
        "Redis, as redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE] or redis+unix:///PATH; by its \
         sentinels, redis+sentinel://HOST[:PORT][,...]/SERVICE; a Cluster, \
         redis+cluster://HOST[:PORT][,...]; over TLS with rediss in place of redis",
    ),
    Setting::new(
        "REDIS_TLS_CA_FILE",
        None,
        "Certificates, PEM, of the authorities believed over rediss://, in place of this system's",
    ),
    Setting::switch(
        "WRITER_MIGRATE",
        "Bring the database's schema up to date at the start",
    ),
];

/// The command `writer`.
pub const PROGRAM: Program = Program {
    name: "writer",
    version: env!("CARGO_PKG_VERSION"),
    about: "Commits documents, renders them once and publishes them.\n\n\
            `writer healthcheck`, given the same settings, asks the writer that runs here whether it is \
            ready.",
    tables: &[SETTINGS, SERVER_SETTINGS, process::SETTINGS],
};

/// What `CHANGES_KEPT` may be.
const CHANGES_KEPT_RANGE: RangeInclusive<u64> = 1000..=1_000_000_000;

/// What `AUDIT_SAMPLES_PER_SECOND` may be.
const AUDIT_SAMPLES_RANGE: RangeInclusive<u64> = 0..=100;

/// What a writer is told, whatever its database and bus are.
#[derive(Debug, Clone)]
pub struct WriterConfig {
    /// `WRITER_LISTEN`: the public plane. Default `127.0.0.1:8080`; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// `WRITER_ADMIN_LISTEN`: the internal plane. Default `127.0.0.1:9180`.
    pub admin_listen: SocketAddr,
    /// `CODINGS` made beside identity. Default br, gzip and zstd.
    pub codings: Codings,
    /// `CHANGES_KEPT`: how many of the last changes the database keeps, 1,000 to 1,000,000,000.
    /// Default 100,000. A bus that lacks more of them is rebuilt rather than swept.
    pub changes_kept: u64,
    /// `AUDIT_SAMPLES_PER_SECOND`: changes that readers are asked for while this process leads, 1
    /// to 100 a second; fewer where the fleet is large, see [`crate::leader::audit`]. Default 4;
    /// `None` for 0: nothing is asked.
    pub audit_samples_per_second: Option<NonZeroU32>,
    /// `WRITER_TOKENS_FILE`: who may write; see [`crate::access::TokenSet::parse`]. Without it
    /// anybody may who reaches the public plane.
    pub tokens_file: Option<PathBuf>,
}

/// What the command `writer` is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The writer itself.
    pub writer: WriterConfig,
    /// `DATABASE_URL`: the truth.
    pub database_url: RedactedUrl,
    /// `WRITER_MIGRATE`: whether to bring the schema up to date at the start. Default no.
    pub migrate: bool,
    /// `REDIS_URL`: the bus.
    pub redis_url: RedactedUrl,
    /// `REDIS_TLS_CA_FILE`: who is believed over TLS. Default: whom the system believes.
    pub redis_ca_file: Option<PathBuf>,
    /// Logs, traces and the end of the process.
    pub process: Process,
}

impl Config {
    /// Reads arguments (the program's name first) and environment.
    ///
    /// # Errors
    /// Help or version was asked for, or some values cannot be used: all problems together.
    pub fn read<A>(
        arguments: impl IntoIterator<Item = A>,
        environment: &impl Environment,
    ) -> Result<Self, ConfigExit>
    where
        A: Into<std::ffi::OsString> + Clone,
    {
        let mut settings = Settings::gather(&PROGRAM, arguments, environment)?;
        let writer = WriterConfig::read(&mut settings);
        let database_url = settings.required("DATABASE_URL", database_url);
        let migrate = settings.switch("WRITER_MIGRATE");
        let redis_url = settings.required("REDIS_URL", redis_url);
        let redis_ca_file = settings.optional("REDIS_TLS_CA_FILE", values::path);
        let process = Process::read(&mut settings);
        settings.finish(|| {
            Ok(Self {
                writer: writer?,
                database_url: database_url?,
                migrate: migrate?,
                redis_url: redis_url?,
                redis_ca_file: redis_ca_file?,
                process: process?,
            })
        })
    }
}

impl WriterConfig {
    /// Reads the settings of [`SETTINGS`].
    ///
    /// # Errors
    /// At least one is refused; all problems are noted.
    pub fn read(settings: &mut Settings) -> Result<Self, Rejected> {
        let listen = settings.address("WRITER_LISTEN");
        let admin_listen = settings.address("WRITER_ADMIN_LISTEN");
        let codings = settings.required("CODINGS", codings);
        let changes_kept = settings.required("CHANGES_KEPT", values::count_in(CHANGES_KEPT_RANGE));
        let samples = values::count_in(AUDIT_SAMPLES_RANGE);
        let audit_samples_per_second = settings.required("AUDIT_SAMPLES_PER_SECOND", |text| {
            samples(text).map(|count| u32::try_from(count).ok().and_then(NonZeroU32::new))
        });
        let tokens_file = settings.optional("WRITER_TOKENS_FILE", values::path);
        let open = settings.switch("ALLOW_UNAUTHENTICATED_WRITES");
        let listen = listen.and_then(|listen| match (&open, &tokens_file) {
            (Ok(true), Ok(Some(_))) => Err(settings.reject(
                "ALLOW_UNAUTHENTICATED_WRITES",
                "contradicts WRITER_TOKENS_FILE, which says who may write",
            )),
            (Ok(false), Ok(None)) if !listen.ip().is_loopback() => Err(settings.reject(
                "WRITER_LISTEN",
                "is not loopback, so anybody could write; give WRITER_TOKENS_FILE, or \
                 --allow-unauthenticated-writes where something in front of the writer checks who may",
            )),
            _ => Ok(listen),
        });
        Ok(Self {
            listen: listen?,
            admin_listen: admin_listen?,
            codings: codings?,
            changes_kept: changes_kept?,
            audit_samples_per_second: audit_samples_per_second?,
            tokens_file: tokens_file?,
        })
    }
}

/// An empty value counts as not given, so there is a word for identity alone.
fn codings(text: &str) -> Parsed<Codings> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Codings::NONE);
    }
    text.parse()
        .map_err(|error: CodingsError| format!("has an unknown member: {error}"))
}

/// A URL of PostgreSQL, as far as that shows without a connection.
///
/// # Errors
/// The text is not one. The complaint never repeats it.
pub fn database_url(text: &str) -> Parsed<RedactedUrl> {
    let url = values::url_of(&["postgres", "postgresql"])(text)?;
    PostgresStore::check_url(text)?;
    Ok(url)
}

/// A URL that the bus takes.
fn redis_url(text: &str) -> Parsed<RedactedUrl> {
    let url = values::url_of(RedisBus::SCHEMES)(text)?;
    RedisBus::check_url(text)?;
    Ok(url)
}
