//! The contract on a Redis that sentinels lead to, and their failover.

use bus::{BusError, FeedEvent, PublishOutcome, RedisBus, Refusal};
use redis::aio::MultiplexedConnection;
use testkit::{builders::slot, eventually, redis::namespace, sentinel::SentinelSet};
use tokio::sync::OnceCell;

use crate::{
    contract::subject::{Subject, change, next_delivery, next_event, published},
    redis::by,
    redis_failover::{
        NEVER, PATIENCE, goes_on_at, published_through,
        what_a_killed_master_alone_had_is_published_again,
    },
};

contract! { open }

static SHARED: OnceCell<SentinelSet> = OnceCell::const_new();

async fn open() -> Subject {
    let set = SHARED.get_or_init(|| SentinelSet::start(NEVER)).await;
    on(set, &namespace())
}

/// A bus that finds its master by these sentinels; faults befall the first server.
fn on(set: &SentinelSet, namespace: &str) -> Subject {
    by(&set.url(), &set.servers[0], namespace)
}

/// Waits for another master than the one at this port, which is silent, and gives its index.
async fn promoted(set: &SentinelSet, before: u16) -> usize {
    set.set_patience(PATIENCE).await;
    let promoted = eventually("the sentinels promote a replica", async || {
        let named = set.named().await;
        let index = set.servers.iter().position(|one| one.port() == named)?;
        let is_master = set.servers[index].is_master().await?;
        (named != before && is_master).then_some(index)
    })
    .await;
    set.set_patience(NEVER).await;
    promoted
}

#[tokio::test]
async fn a_killed_master_is_replaced_and_what_it_alone_had_is_published_again() {
    let set = SentinelSet::start(NEVER).await;
    let bus = on(&set, "pressrun");
    let [master, replicas @ ..] = &set.servers[..] else {
        panic!("a master and its replicas");
    };
    let replicas: Vec<_> = replicas.iter().collect();
    what_a_killed_master_alone_had_is_published_again(&bus, master, &replicas, async || {
        &set.servers[promoted(&set, master.port()).await]
    })
    .await;
}

#[tokio::test]
async fn a_master_that_comes_back_as_a_replica_is_left_alone() {
    let set = SentinelSet::start(NEVER).await;
    let bus = on(&set, "pressrun");
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;
    let former = &set.servers[0];
    former.signal("STOP").expect("it runs");
    let after = promoted(&set, former.port()).await;
    former.signal("CONT").expect("it is there");
    eventually("the former master is a replica", async || {
        (!former.is_master().await?).then_some(())
    })
    .await;

    // It still answers, but is not the one to write to any more: nobody stays with it.
    while next_event(&mut feed).await.is_some() {}
    goes_on_at(&bus, build, 1, &set.servers[after]).await;
}

#[tokio::test]
async fn a_master_cut_off_from_all_others_is_left_once_it_refuses_writes() {
    let set = SentinelSet::start(NEVER).await;
    let bus = on(&set, "pressrun");
    let build = bus.complete_at(0).await;
    bus.publish(build, change(1, "a")).await;
    let isolated = &set.servers[0];
    // Who is connected stays so; sentinels and replicas are thrown out, and have no password.
    let mut connection = isolated.connection().await;
    for words in [
        "CONFIG SET min-replicas-to-write 1",
        "CONFIG SET requirepass unknown",
        "CLIENT KILL TYPE replica",
    ] {
        run::<redis::Value>(&mut connection, words).await;
    }
    let clients: String = run(&mut connection, "CLIENT LIST").await;
    for line in clients
        .lines()
        .filter(|line| line.contains("name=sentinel-"))
    {
        let id = line
            .split([' ', '='])
            .nth(1)
            .expect("each client has an id");
        run::<u64>(&mut connection, &format!("CLIENT KILL ID {id}")).await;
    }

    let after = promoted(&set, isolated.port()).await;
    let outcome = eventually("the bus leaves the old master", async || {
        bus.publisher.publish(build, &[change(2, "b")]).await.ok()
    })
    .await;

    assert!(
        [published(2), PublishOutcome::Duplicate].contains(&outcome[0]),
        "{outcome:?}"
    );
    let held = published_through(&set.servers[after]).await;
    assert_eq!(held, 2, "at the new master");
    let role: redis::Role = run(&mut connection, "ROLE").await;
    assert!(
        matches!(role, redis::Role::Primary { .. }),
        "the old one still thinks that it is the master: {role:?}"
    );
}

async fn run<T: redis::FromRedisValue>(connection: &mut MultiplexedConnection, line: &str) -> T {
    let mut words = line.split(' ');
    let mut command = redis::cmd(words.next().unwrap_or_default());
    command.arg(words.collect::<Vec<_>>());
    let answer = command.query_async(connection).await;
    answer.unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[tokio::test]
async fn a_new_master_that_may_evict_is_refused() {
    let set = SentinelSet::start(NEVER).await;
    let bus = on(&set, "pressrun");
    bus.complete_at(0).await;
    for replica in &set.servers[1..] {
        for (name, value) in [("maxmemory", "64mb"), ("maxmemory-policy", "allkeys-lru")] {
            let () = replica.command(&["CONFIG", "SET", name, value]).await;
        }
    }
    set.servers[0].kill();
    promoted(&set, set.servers[0].port()).await;
    let reason = eventually("the new master is looked at", async || {
        match bus.publisher.meta().await {
            Err(BusError::Unsuitable(reason)) => Some(reason),
            _ => None,
        }
    })
    .await;
    assert!(reason.contains("allkeys-lru"), "{reason}");
}

#[tokio::test]
async fn sentinels_that_are_away_or_silent_do_not_matter_while_one_answers() {
    let set = SentinelSet::start(NEVER).await;
    let bus = on(&set, "pressrun");
    set.sentinels[0].kill();
    set.sentinels[1].signal("STOP").expect("it runs");
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;
    bus.publish(build, change(1, "a")).await;
    assert_eq!(next_delivery(&mut feed).await.0, slot(1));

    set.sentinels[2].kill();

    // What is connected stays so; nobody can say where else to connect.
    bus.publish(build, change(2, "b")).await;
    assert!(matches!(
        next_event(&mut feed).await,
        Some(FeedEvent::Message(_))
    ));
    assert!(bus.follower.subscribe().await.is_err());
}

#[tokio::test]
async fn an_unknown_service_is_an_error_that_says_so() {
    let set = SHARED.get_or_init(|| SentinelSet::start(NEVER)).await;
    let url = set.url().replace("/pressrun", "/another");
    let bus = RedisBus::open(&url, "pressrun").expect("the URL is valid");
    let refused = bus::Publisher::meta(&bus).await;
    let Err(BusError::Redis { source, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(source.to_string().contains("service"), "{source}");
    let empty = on(set, "nobodys")
        .publish(bus::Build(1), change(1, "a"))
        .await;
    assert_eq!(empty, PublishOutcome::Refused(Refusal::NoMeta));
}

#[tokio::test]
async fn users_of_sentinels_and_of_redis_are_told_apart() {
    let set = SentinelSet::start(NEVER).await;
    for server in &set.servers {
        let () = server
            .command(&[
                "ACL",
                "SETUSER",
                "bus",
                "on",
                ">of redis",
                "~*",
                "&*",
                "+@all",
            ])
            .await;
    }
    for sentinel in &set.sentinels {
        let () = sentinel
            .command(&[
                "ACL",
                "SETUSER",
                "asker",
                "on",
                ">of sentinels",
                "+sentinel",
            ])
            .await;
    }
    let hosts = set.url().replace("redis+sentinel://", "");
    let url = |user: &str, query: &str| format!("redis+sentinel://{user}@{hosts}/2?{query}");
    let asker = "sentinel_user=asker&sentinel_password=of%20sentinels";
    let subject = by(&url("bus:of%20redis", asker), &set.servers[0], "pressrun");
    let build = subject.complete_at(0).await;
    let mut feed = subject.subscribe().await;
    subject.publish(build, change(1, "a")).await;
    assert_eq!(next_delivery(&mut feed).await.0, slot(1));
    let clients: String = set.servers[0].command(&["CLIENT", "LIST"]).await;
    let ours: Vec<&str> = clients
        .lines()
        .filter(|line| line.contains("user=bus"))
        .collect();
    assert!(
        !ours.is_empty() && ours.iter().all(|line| line.contains("db=2")),
        "{clients}"
    );

    for (user, query) in [
        ("bus:guess", asker),
        (
            "bus:of%20redis",
            "sentinel_user=asker&sentinel_password=guess",
        ),
    ] {
        let stranger = RedisBus::open(&url(user, query), "pressrun").expect("a valid URL");
        assert!(
            bus::Publisher::meta(&stranger).await.is_err(),
            "{user} {query}"
        );
    }
}
