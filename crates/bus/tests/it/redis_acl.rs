//! The contract as the users of `deploy/redis/users.acl`, and what these users may not do.

use std::{collections::BTreeSet, fs, path::Path};

use bus::{Begin, RedisBus};
use redis::{ErrorKind, ServerErrorKind};
use shared::{Epoch, Heartbeat, Link, Position, Sequence, Timestamp, limits::PROBES_MAX};
use testkit::{
    builders::key,
    cluster::Cluster,
    redis::{RedisServer, connect, namespace},
    sentinel::SentinelSet,
};
use tokio::sync::OnceCell;

use crate::{
    contract::{
        self,
        subject::{LOG_SEGMENTS, Subject, begin_at, change},
    },
    redis::faults,
    redis_failover::NEVER,
};

contract! { open }

const WRITER: &str = "pressrun-writer";
const READER: &str = "pressrun-reader";

/// What is for one way to reach Redis alone, and not for that of most tests here.
const ELSEWHERE: [&str; 4] = ["role", "exists", "spublish", "ssubscribe"];

static SHARED: OnceCell<RedisServer> = OnceCell::const_new();

async fn open() -> Subject {
    let server = SHARED.get_or_init(|| async {
        let server = RedisServer::start().await;
        grant(&server, "{test-*}").await;
        server
    });
    on(server.await, &namespace())
}

/// Writers and readers each as their user.
fn on(server: &RedisServer, namespace: &str) -> Subject {
    by(&server.url(), server, namespace)
}

/// The same by any URL without a user; faults befall this server.
fn by(url: &str, server: &RedisServer, namespace: &str) -> Subject {
    let bus = |user: &str| {
        RedisBus::open(&url_of(url, user), namespace)
            .expect("the test's URL is valid")
            .with_log_segments(LOG_SEGMENTS)
    };
    Subject {
        publisher: Box::new(bus(WRITER)),
        follower: Box::new(bus(READER)),
        faults: faults(server, namespace),
    }
}

fn url_of(url: &str, user: &str) -> String {
    url.replacen("://", &format!("://{user}:of%20{user}@"), 1)
}

/// The users of the file, word by word.
fn users() -> Vec<Vec<String>> {
    let path = "../../deploy/redis/users.acl";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    let text = text.expect("the file is there");
    let words = |line: &str| line.split(' ').skip(1).map(str::to_owned).collect();
    text.lines().map(words).collect()
}

/// Makes the users, for keys that begin so in place of `{pressrun}`.
async fn grant(server: &RedisServer, tag: &str) {
    for user in users() {
        let password = format!(">of {}", user[0]);
        let words: Vec<String> = user
            .iter()
            .map(|word| match word.strip_prefix('#') {
                Some(_) => password.clone(),
                None => word.replace("{pressrun}", tag),
            })
            .collect();
        let mut set = vec!["ACL", "SETUSER"];
        set.extend(words.iter().map(String::as_str));
        let () = server.command(&set).await;
    }
}

#[tokio::test]
async fn users_do_by_sentinels_what_they_do_elsewhere() {
    let set = SentinelSet::start(NEVER).await;
    for server in &set.servers {
        grant(server, "{pressrun}").await;
    }
    let subject = || by(&set.url(), &set.servers[0], "pressrun");
    contract::feed::every_subscription_gets_every_message(subject()).await;
    contract::snapshot::snapshot_holds_every_document_once(subject()).await;
}

#[tokio::test]
async fn users_do_in_a_cluster_what_they_do_elsewhere() {
    let cluster = Cluster::start(NEVER).await;
    for node in &cluster.nodes {
        grant(node, "{pressrun}").await;
    }
    let master = cluster.master_of("{pressrun}:meta").await;
    let subject = || by(&cluster.url(), &cluster.nodes[master], "pressrun");
    contract::feed::every_subscription_gets_every_message(subject()).await;
    contract::snapshot::snapshot_holds_every_document_once(subject()).await;
    contract::feed::heartbeat_and_probes_travel(subject()).await;
}

#[tokio::test]
async fn what_is_not_needed_is_refused() {
    let server = RedisServer::start().await;
    grant(&server, "{pressrun}").await;
    let bus = on(&server, "pressrun");
    bus.complete_at(0).await;
    let () = server.command(&["SET", "others", "x"]).await;
    let for_all = [
        "FLUSHALL",
        "FLUSHDB",
        "KEYS *",
        "CONFIG GET *",
        "CONFIG SET maxmemory 1",
        "CONFIG REWRITE",
        "ACL LIST",
        "SHUTDOWN",
        "REPLICAOF NO ONE",
        "CLIENT LIST",
        "CLIENT KILL TYPE pubsub",
        "SCRIPT FLUSH",
        "EVAL return 0",
        "FUNCTION LIST",
        "MONITOR",
        "SELECT 1",
        "DEL {pressrun}:meta",
        "RENAME {pressrun}:meta {pressrun}:other",
        "GET others",
        "HGET others a",
        "HSET others a b",
        "HMGET {pressrun2}:meta a",
        "SET others a",
        "UNLINK others",
        "MGET others",
    ];
    let for_writer = [
        "PUBLISH others x",
        "SUBSCRIBE {pressrun}:feed",
        "SET {pressrun}:reader:a b",
    ];
    let for_reader = [
        "PUBLISH {pressrun}:feed x",
        "SUBSCRIBE others",
        "HSET {pressrun}:snap:0:0 a b",
        "HSET {pressrun}:log:0:0 1 b",
        "SET {pressrun}:meta b",
        "HDEL {pressrun}:meta epoch",
        "UNLINK {pressrun}:meta",
        "SCAN 0",
    ];
    for (user, only) in [(WRITER, &for_writer[..]), (READER, &for_reader[..])] {
        let mut connection = connect(&url_of(&server.url(), user)).await;
        let connection = connection.as_mut().expect("Redis answers");
        for line in for_all.iter().chain(only) {
            let mut words = line.split(' ');
            let mut command = redis::cmd(words.next().unwrap_or_default());
            command.arg(words.collect::<Vec<_>>());
            let refused = command.exec_async(connection).await.expect_err(line);
            let no_right = ErrorKind::Server(ServerErrorKind::NoPerm);
            assert_eq!(refused.kind(), no_right, "{user}: {line}: {refused}");
        }
    }
    let held: String = server.command(&["GET", "others"]).await;
    assert_eq!(held, "x");
    assert_eq!(bus.published_through().await, 0);
}

#[tokio::test]
async fn no_right_is_granted_that_nothing_uses() {
    let server = RedisServer::start().await;
    grant(&server, "{pressrun}").await;
    let bus = on(&server, "pressrun");
    let reset = async || -> () { server.command(&["CONFIG", "RESETSTAT"]).await };
    let used = async || -> BTreeSet<String> {
        let told: String = server.command(&["INFO", "commandstats"]).await;
        let names = told.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            Some(name.to_owned())
        });
        names.collect()
    };

    // What the writer then reads.
    let follower = &bus.follower;
    follower.probe("r1", 1).await.expect("Redis answers");
    follower.register("r1", "{}").await.expect("Redis answers");
    let () = server.command(&["SCRIPT", "FLUSH"]).await;
    reset().await;
    let build = write_everything(&bus).await;
    assert_granted(WRITER, &used().await);

    let bus = on(&server, "pressrun");
    let follower = &bus.follower;
    let () = server.command(&["DEL", "{pressrun}:probes"]).await;
    let () = server.command(&["SCRIPT", "FLUSH"]).await;
    reset().await;
    let _feed = bus.subscribe().await;
    let mut snapshot = bus.follower.snapshot().await.expect("Redis answers");
    snapshot.meta().await.expect("Redis answers");
    let buckets = snapshot.buckets(build, &[0]).await;
    buckets.expect("Redis answers");
    bus.replay(0).await;
    bus.held("a").await;
    follower.report_lost(build, 0).await.expect("Redis answers");
    for number in 0..=PROBES_MAX {
        let reader = format!("r{number}");
        follower.probe(&reader, 1).await.expect("Redis answers");
    }
    follower.register("r2", "{}").await.expect("Redis answers");
    assert_granted(READER, &used().await);
}

/// Everything that a writer does.
async fn write_everything(bus: &Subject) -> bus::Build {
    let begin: Begin = begin_at(0);
    bus.begin(&begin_at(0)).await;
    bus.begin(&begin).await;
    let build = begin.build;
    let documents = [(key("a"), change(1, "a").envelope)];
    assert_eq!(bus.chunk(build, 0, &documents).await, Ok(()));
    bus.finish(build, 1).await;
    for number in [2, 1] {
        bus.publish(build, change(number, "a")).await;
    }
    let writer = &bus.publisher;
    let mended = writer.mend(1, build, &documents).await;
    mended.expect("Redis answers").expect("not refused");
    let purged = writer.purge(1, build, &[(key("a"), Sequence(9))]).await;
    purged.expect("Redis answers").expect("not refused");
    writer
        .held(build, &[key("a")])
        .await
        .expect("Redis answers")
        .expect("not refused");
    writer
        .names(build, 0, 9)
        .await
        .expect("Redis answers")
        .expect("not refused");
    writer.probes().await.expect("Redis answers");
    assert_eq!(writer.readers().await.expect("Redis answers").len(), 1);
    let heartbeat = Heartbeat {
        head: Position::new(Epoch(1), Sequence(2)),
        link: Link(1),
        database_time: Timestamp(0),
        probes: Vec::new(),
    };
    writer.heartbeat(&heartbeat).await.expect("Redis answers");
    build
}

/// Every command that a user may run is among those that were.
fn assert_granted(name: &str, used: &BTreeSet<String>) {
    let user = users().into_iter().find(|user| user[0] == name);
    let user = user.expect("the file has that user");
    let granted = user
        .iter()
        .filter_map(|word| word.trim_start_matches('(').strip_prefix('+'));
    let unused: Vec<&str> = granted
        .filter(|command| !used.contains(*command) && !ELSEWHERE.contains(command))
        .collect();
    assert!(unused.is_empty(), "{name}: {unused:?} of {used:?}");
}
