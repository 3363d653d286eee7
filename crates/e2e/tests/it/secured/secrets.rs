//! Passwords in URLs, and where they do not turn up.

use fleet::{Fleet, Node, loopback};
use tempfile::TempDir;
use testkit::eventually;

use super::{reader, writer};

const DATABASE_PASSWORD: &str = "database-hunter2";
const BUS_PASSWORD: &str = "bus-hunter2";
const WRONG_PASSWORD: &str = "wrong-hunter2";

/// Two processes, told how to reach database and bus.
struct Told {
    writer: Node,
    reader: Node,
}

impl Told {
    fn of(directory: &TempDir, name: &str, database_url: &str, redis_url: &str) -> Self {
        let writer_arguments = [
            format!("--database-url={database_url}"),
            format!("--redis-url={redis_url}"),
            "--writer-migrate".to_owned(),
            "--allow-unauthenticated-writes".to_owned(),
        ];
        let writer = writer(
            directory.path(),
            &format!("writer-{name}"),
            &writer_arguments,
        );
        let reader_arguments = [
            format!("--redis-url={redis_url}"),
            format!("--writer-internal-url=http://{}", writer.admin),
        ];
        let reader = reader(
            directory.path(),
            &format!("reader-{name}"),
            &reader_arguments,
        );
        Self { writer, reader }
    }

    /// Until each has said so.
    async fn complain(&self, writer: &str, reader: &str) {
        for (node, words) in [(&self.writer, writer), (&self.reader, reader)] {
            eventually("the process complains", async || {
                node.process.log().contains(words).then_some(())
            })
            .await;
        }
    }
}

/// What processes tell is everything in their logs, and all their admin planes.
async fn told(fleet: &Fleet, node: &Node) -> String {
    let mut all = node.process.log();
    for path in ["/status", "/metrics", "/readyz", "/livez"] {
        let url = format!("http://{}{path}", node.admin);
        let answer = fleet.http.get(url).send().await.expect("an answer");
        all.push_str(&answer.text().await.expect("text"));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_are_told_nowhere_whether_servers_are_there_or_away_or_refuse() {
    let fleet = Fleet::start().await;
    let acl = ["ACL", "SETUSER", "press", "on", "~*", "&*", "+@all"];
    let password = format!(">{BUS_PASSWORD}");
    let _: () = fleet
        .redis
        .command(&[&acl[..], &[&password]].concat())
        .await;
    let directory = TempDir::with_prefix("secrets-").expect("a temporary directory");
    let database = fleet
        .database_url
        .replace("//postgres@", &format!("//postgres:{DATABASE_PASSWORD}@"));
    assert_ne!(database, fleet.database_url);
    let bus = |password, port| format!("redis://press:{password}@127.0.0.1:{port}");
    let port = fleet.redis.port();

    let there = Told::of(&directory, "there", &database, &bus(BUS_PASSWORD, port));
    // It leads from here on; of those that share its database, only it can reach the bus.
    for node in [&there.writer, &there.reader] {
        fleet.ready(node).await;
    }
    fleet.create(&there.writer, "a", "printed").await;
    fleet.until_served(&there.reader, "a", "printed").await;
    let nowhere = loopback();
    let away = Told::of(
        &directory,
        "away",
        &format!("postgres://postgres:{DATABASE_PASSWORD}@{nowhere}/pressrun"),
        &bus(BUS_PASSWORD, nowhere.port()),
    );
    let refused = Told::of(&directory, "refused", &database, &bus(WRONG_PASSWORD, port));
    away.complain("waiting for the database", "no subscription to the feed")
        .await;
    let words = "Password authentication failed";
    refused.complain(words, words).await;

    for pair in [there, away, refused] {
        for node in [&pair.writer, &pair.reader] {
            let told = told(&fleet, node).await;
            assert!(told.contains("starts"), "something is logged: {told}");
            for secret in [DATABASE_PASSWORD, BUS_PASSWORD, WRONG_PASSWORD] {
                assert!(!told.contains(secret), "{secret}: {told}");
            }
        }
    }
}
