//! The reader's settings.

use std::{net::SocketAddr, num::NonZero, ops::RangeInclusive, path::PathBuf, time::Duration};

use bus::RedisBus;
use http::HeaderValue;
use service::config::{
    ConfigExit, Environment, Process, Program, RedactedUrl, Rejected, Setting, Settings, process,
    values,
};
use shared::limits::READER_ID_BYTES_MAX;

use crate::local::{LocalConfig, origin_of};

/// The settings of [`ReaderConfig`].
pub const SETTINGS: &[Setting] = &[
    Setting::new(
        "READER_LISTEN",
        Some("127.0.0.1:8081"),
        "Address and port that documents are read from",
    ),
    Setting::new(
        "READER_ADMIN_LISTEN",
        Some("127.0.0.1:9181"),
        "Address and port of liveness, readiness, metrics and status",
    ),
    Setting::new(
        "READER_ADMIN_URL",
        None,
        "The admin plane as the fleet reaches it, http://HOST[:PORT]; by default READER_ADMIN_LISTEN \
         where that names one address",
    ),
    Setting::new(
        "READER_THREADS",
        None,
        "Threads that answer reads, 1 to 1024; by default one per core",
    ),
    Setting::new(
        "READER_CACHE_CONTROL",
        Some("no-cache"),
        "The Cache-Control of documents; no-cache means: store, but ask again",
    ),
    Setting::new(
        "READER_ID",
        None,
        "The reader's name in the fleet, 1 to 64 visible characters; by default drawn at random",
    ),
    Setting::new(
        "CATALOG_BYTES_MAX",
        None,
        "Memory for documents, 8MiB or more, such as 512MiB; what is not in it is fetched from Redis \
         when it is asked for; by default all documents are held",
    ),
    Setting::new(
        "CATALOG_FETCHES_MAX",
        Some("5000"),
        "Documents fetched in a second at most, 1 to 1000000; more are answered 503",
    ),
    Setting::secret(
        "WRITER_INTERNAL_URL",
        "Internal planes of writers, asked while the bus is away: up to 16 of http://HOST[:PORT]",
    ),
    Setting::switch(
        "YARDSTICKS",
        "Serve /post-redis and /post-marshal too, to measure /post against; not for production",
    ),
];

/// The bus of a reader that runs apart from its writer.
pub const BUS_SETTINGS: &[Setting] = &[
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
    Setting::new(
        "SNAPSHOT_DIR",
        None,
        "Directory of this reader's own for a snapshot to start from while Redis and writers are away",
    ),
    Setting::new(
        "SNAPSHOT_INTERVAL",
        Some("5m"),
        "How often that is written, where anything has changed, 1s to 1d",
    ),
];

/// Limits of `SNAPSHOT_INTERVAL`.
const SNAPSHOT_INTERVAL: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(24);

/// The command `reader`.
pub const PROGRAM: Program = Program {
    name: "reader",
    version: env!("CARGO_PKG_VERSION"),
    about: "Holds every document in memory as finished bytes and serves it.\n\n\
            `reader healthcheck`, given the same settings, asks the reader that runs here whether it is \
            ready.",
    tables: &[SETTINGS, BUS_SETTINGS, process::SETTINGS],
};

/// Least memory for documents, in octets: several of the largest.
const CATALOG_BYTES_MIN: u64 = 8 * 1024 * 1024;

/// Most data threads.
const THREADS_MAX: u64 = 1024;

/// Most writers to ask.
const WRITERS_MAX: usize = 16;

/// What a reader is told, whatever its bus is.
#[derive(Debug, Clone)]
pub struct ReaderConfig {
    /// `READER_LISTEN`: the data plane. Default `127.0.0.1:8081`; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// `READER_ADMIN_LISTEN`: the admin plane. Default `127.0.0.1:9181`.
    pub admin_listen: SocketAddr,
    /// `READER_ADMIN_URL`: where the rest of the fleet reaches the admin plane. Default: its own
    /// address, or none where it listens on all of them.
    pub admin_url: Option<String>,
    /// `READER_THREADS`: data threads, 1 to 1024. Default: the cores this process may use.
    pub threads: NonZero<usize>,
    /// `READER_CACHE_CONTROL` on documents. Default `no-cache`.
    pub cache_control: HeaderValue,
    /// `READER_ID`: 1 to 64 visible ASCII characters. Default: `reader-` and 8 random digits.
    pub id: String,
    /// `CATALOG_BYTES_MAX`: upper bound on what documents may cost in memory, at least 8 MiB.
    /// Default: none, every document is held.
    pub catalog_bytes_max: Option<u64>,
    /// `CATALOG_FETCHES_MAX`: documents fetched in a second because they were not in memory, 1 to
    /// 1,000,000; further reads of such are refused. Default 5,000.
    pub catalog_fetches_max: u32,
    /// `WRITER_INTERNAL_URL`: up to 16 URLs between commas, asked in turn. Default: none, so that
    /// nothing new comes while the bus is away.
    pub writer_internal_urls: Vec<RedactedUrl>,
    /// `YARDSTICKS`: whether [`crate::http::yardstick`] is served too. Default: no.
    pub yardsticks: bool,
}

/// What the command `reader` is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The reader itself.
    pub reader: ReaderConfig,
    /// `REDIS_URL`: the bus.
    pub redis_url: RedactedUrl,
    /// `REDIS_TLS_CA_FILE`: who is believed over TLS. Default: whom the system believes.
    pub redis_ca_file: Option<PathBuf>,
    /// `SNAPSHOT_DIR` and `SNAPSHOT_INTERVAL`: the local snapshot. Default: none.
    pub local: Option<LocalConfig>,
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
        let reader = ReaderConfig::read(&mut settings);
        let redis_url = settings.required("REDIS_URL", redis_url);
        let redis_ca_file = settings.optional("REDIS_TLS_CA_FILE", values::path);
        let directory = settings.optional("SNAPSHOT_DIR", values::path);
        let interval =
            settings.required("SNAPSHOT_INTERVAL", values::duration_in(SNAPSHOT_INTERVAL));
        let process = Process::read(&mut settings);
        settings.finish(|| {
            let (redis_url, interval) = (redis_url?, interval?);
            let local = directory?.map(|directory| LocalConfig {
                directory,
                interval,
                origin: origin_of(redis_url.expose()),
            });
            Ok(Self {
                reader: reader?,
                redis_url,
                redis_ca_file: redis_ca_file?,
                local,
                process: process?,
            })
        })
    }
}

impl ReaderConfig {
    /// Reads the settings of [`SETTINGS`].
    ///
    /// # Errors
    /// At least one is refused; all problems are noted.
    pub fn read(settings: &mut Settings) -> Result<Self, Rejected> {
        let listen = settings.address("READER_LISTEN");
        let admin_listen = settings.address("READER_ADMIN_LISTEN");
        let admin_url = settings.optional("READER_ADMIN_URL", admin_url);
        let threads = settings.optional("READER_THREADS", threads);
        let cache_control = settings.required("READER_CACHE_CONTROL", header_value);
        let id = settings.optional("READER_ID", reader_id);
        let budget = values::bytes_in(CATALOG_BYTES_MIN..=1 << 50);
        let catalog_bytes_max = settings.optional("CATALOG_BYTES_MAX", budget);
        let catalog_fetches_max = settings.required("CATALOG_FETCHES_MAX", fetches);
        let writers = settings.optional("WRITER_INTERNAL_URL", writer_urls);
        let yardsticks = settings.switch("YARDSTICKS");
        Ok(Self {
            listen: listen?,
            admin_listen: admin_listen?,
            admin_url: admin_url?,
            threads: threads?.unwrap_or_else(cores),
            cache_control: cache_control?,
            id: id?.unwrap_or_else(|| format!("reader-{:08x}", fastrand::u32(..))),
            catalog_bytes_max: catalog_bytes_max?,
            catalog_fetches_max: catalog_fetches_max?,
            writer_internal_urls: writers?.unwrap_or_default(),
            yardsticks: yardsticks?,
        })
    }
}

fn admin_url(text: &str) -> Result<String, String> {
    let url = values::url_of(&["http"])(text)?;
    Ok(url.expose().trim_end_matches('/').to_owned())
}

fn fetches(text: &str) -> Result<u32, String> {
    let count = values::count_in(1..=1_000_000)(text)?;
    u32::try_from(count).map_err(|_never| "is too large".to_owned())
}

fn threads(text: &str) -> Result<NonZero<usize>, String> {
    let count = values::count_in(1..=THREADS_MAX)(text)?;
    usize::try_from(count)
        .ok()
        .and_then(NonZero::new)
        .ok_or_else(|| "is not a number of threads".to_owned())
}

fn cores() -> NonZero<usize> {
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_invalid| "is not the value of a header field".to_owned())
}

fn writer_urls(text: &str) -> Result<Vec<RedactedUrl>, String> {
    let urls = values::list_of(values::url_of(&["http"]))(text)?;
    if urls.len() > WRITERS_MAX {
        return Err(format!("has more than {WRITERS_MAX} members"));
    }
    if urls
        .iter()
        .any(|url| reqwest::Url::parse(url.expose()).is_err())
    {
        return Err("has a member that is not a URL".to_owned());
    }
    Ok(urls)
}

fn reader_id(text: &str) -> Result<String, String> {
    let visible = text.bytes().all(|octet| octet.is_ascii_graphic());
    if visible && (1..=READER_ID_BYTES_MAX).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "is not 1 to {READER_ID_BYTES_MAX} visible ASCII characters"
        ))
    }
}

/// A URL that the bus takes.
fn redis_url(text: &str) -> Result<RedactedUrl, String> {
    let url = values::url_of(RedisBus::SCHEMES)(text)?;
    RedisBus::check_url(text)?;
    Ok(url)
}
