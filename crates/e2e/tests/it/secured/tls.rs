//! Processes that reach PostgreSQL and Redis over TLS alone.

use std::path::Path;

use fleet::{Fleet, Node};
use tempfile::TempDir;
use testkit::{Authority, Postgres, eventually, redis::RedisServer};

use super::{reader, writer};

/// PostgreSQL and Redis that one authority has certified. Redis speaks nothing but TLS on its port.
struct Servers {
    fleet: Fleet,
    authority: Authority,
    redis_url: String,
    directory: TempDir,
    postgres: Postgres,
}

impl Servers {
    async fn start() -> Self {
        let authority = Authority::new();
        let postgres = Postgres::with_tls(&authority).await;
        let mut fleet = Fleet::over(postgres.create_database().await).await;
        let (redis, redis_url) = RedisServer::with_tls(&authority).await;
        fleet.redis = redis;
        Self {
            fleet,
            authority,
            redis_url,
            directory: TempDir::with_prefix("tls-").expect("a temporary directory"),
            postgres,
        }
    }

    /// A writer that believes these authorities.
    fn writer(&self, name: &str, database: &Authority, bus: &Authority) -> Node {
        let root = database.certificate_file();
        let arguments = [
            format!(
                "--database-url={}?sslmode=verify-full&sslrootcert={}",
                self.fleet.database_url,
                root.display()
            ),
            format!("--redis-url={}", self.redis_url),
            believing(&bus.certificate_file()),
            "--writer-migrate".to_owned(),
            "--allow-unauthenticated-writes".to_owned(),
        ];
        writer(self.directory.path(), name, &arguments)
    }

    /// A reader that believes this authority.
    fn reader(&self, name: &str, bus: &Path) -> Node {
        let arguments = [format!("--redis-url={}", self.redis_url), believing(bus)];
        reader(self.directory.path(), name, &arguments)
    }
}

fn believing(file: &Path) -> String {
    format!("--redis-tls-ca-file={}", file.display())
}

async fn complains(node: &Node, words: &str) {
    eventually("the process complains", async || {
        node.process.log().contains(words).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_go_from_writer_to_readers_over_tls() {
    let servers = Servers::start().await;
    let (fleet, authority) = (&servers.fleet, &servers.authority);
    let writer = servers.writer("writer-1", authority, authority);
    let early = servers.reader("reader-1", &authority.certificate_file());
    for node in [&writer, &early] {
        fleet.ready(node).await;
    }
    fleet.create(&writer, "a", "printed").await;
    fleet.until_served(&early, "a", "printed").await;
    // Not sent as a message but fetched; and enough for many records of TLS.
    let long = "x".repeat(300_000);
    fleet.create(&writer, "long", &long).await;
    fleet.until_served(&early, "long", &long).await;
    let late = servers.reader("reader-2", &authority.certificate_file());
    fleet.ready(&late).await;
    fleet.until_served(&late, "long", &long).await;

    let port = servers.redis_url.rsplit(':').next().expect("a port");
    let clients: String = fleet.redis.command(&["CLIENT", "LIST"]).await;
    let over_tls = format!("laddr=127.0.0.1:{port} ");
    let (ours, test) = clients
        .lines()
        .partition::<Vec<_>, _>(|line| line.contains(&over_tls));
    assert!(ours.len() >= 3, "{clients}");
    assert_eq!(
        test.len(),
        1,
        "nobody but this test came without TLS: {clients}"
    );
    let sessions = "DO $$ BEGIN
        ASSERT (SELECT count(*) >= 2 AND bool_and(s.ssl)
            FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
            WHERE a.application_name = 'pressrun-writer');
        END $$";
    servers
        .postgres
        .execute(&fleet.database_url, sessions)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_not_believed_are_refused_in_so_many_words() {
    let servers = Servers::start().await;
    let (fleet, authority) = (&servers.fleet, &servers.authority);
    let stranger = Authority::new();
    let no_database = servers.writer("no-database", &stranger, authority);
    let no_bus = servers.writer("no-bus", authority, &stranger);
    let reader = servers.reader("reader-1", &stranger.certificate_file());
    for node in [&no_database, &no_bus, &reader] {
        complains(node, "UnknownIssuer").await;
    }
    assert_eq!(fleet.asked(&no_database, "/readyz").await, 503);
    assert_eq!(fleet.asked(&reader, "/readyz").await, 503);
    // The database alone is enough to write; what is written waits for a bus that is believed.
    fleet.ready(&no_bus).await;
    fleet.create(&no_bus, "a", "printed").await;
    let keys: u64 = fleet.redis.command(&["DBSIZE"]).await;
    assert_eq!(keys, 0, "nothing was said to who is not believed");

    // It leads, and gives that up for one whom the bus hears.
    let believing = servers.writer("writer-1", authority, authority);
    let reader = servers.reader("reader-2", &authority.certificate_file());
    for node in [&believing, &reader] {
        fleet.ready(node).await;
    }
    fleet.until_served(&reader, "a", "printed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_authorities_that_is_not_there_ends_the_process_with_its_name() {
    let directory = TempDir::with_prefix("tls-").expect("a temporary directory");
    let missing = directory.path().join("ca.pem");
    let arguments = [
        "--redis-url=rediss://127.0.0.1:1".to_owned(),
        believing(&missing),
    ];
    let reader = reader(directory.path(), "reader-1", &arguments);
    complains(&reader, "ca.pem cannot be read").await;
    assert_eq!(reader.process.status().expect("it ends"), Some(1));
}
