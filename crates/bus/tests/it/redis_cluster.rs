//! The contract on a Redis Cluster, its failover, and slots that move.

use bus::{BusError, RedisBus};
use shared::Sequence;
use testkit::{builders::slot, cluster::Cluster, eventually, redis::namespace};
use tokio::sync::OnceCell;

use crate::{
    contract::subject::{Subject, change, next_delivery, next_event, published},
    redis::by,
    redis_failover::{
        NEVER, PATIENCE, goes_on_at, what_a_killed_master_alone_had_is_published_again,
    },
};

contract! { open }

const META: &str = "{pressrun}:meta";

static SHARED: OnceCell<Cluster> = OnceCell::const_new();

/// Namespaces fall into slots of all masters.
async fn open() -> Subject {
    let cluster = SHARED.get_or_init(|| Cluster::start(NEVER)).await;
    on(cluster, &namespace()).await
}

/// A bus on this Cluster; faults befall the master of its slot.
async fn on(cluster: &Cluster, namespace: &str) -> Subject {
    let master = cluster.master_of(&format!("{{{namespace}}}:meta")).await;
    by(&cluster.url(), &cluster.nodes[master], namespace)
}

#[tokio::test]
async fn a_killed_master_is_replaced_and_what_it_alone_had_is_published_again() {
    let cluster = Cluster::start(NEVER).await;
    let bus = on(&cluster, "pressrun").await;
    let master = cluster.master_of(META).await;
    let replica = cluster.replica_of(master).await;
    what_a_killed_master_alone_had_is_published_again(
        &bus,
        &cluster.nodes[master],
        &[&cluster.nodes[replica]],
        async || {
            cluster.set_patience(PATIENCE).await;
            let after = cluster.master_of(META).await;
            cluster.set_patience(NEVER).await;
            assert_eq!(after, replica, "it has taken the slot over");
            &cluster.nodes[after]
        },
    )
    .await;
}

#[tokio::test]
async fn a_failover_by_command_is_followed_though_the_former_master_answers() {
    let cluster = Cluster::start(NEVER).await;
    let bus = on(&cluster, "pressrun").await;
    let before = cluster.master_of(META).await;
    let replica = cluster.replica_of(before).await;
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 3).await;

    let () = cluster.nodes[replica]
        .command(&["CLUSTER", "FAILOVER"])
        .await;

    eventually("the replica is the master", async || {
        (cluster.master_of(META).await == replica).then_some(())
    })
    .await;
    // The connection for commands still leads to the former master, which sends us on.
    goes_on_at(&bus, build, 4, &cluster.nodes[replica]).await;
}

#[tokio::test]
async fn a_slot_that_moves_to_another_master_ends_subscriptions_and_is_found_there() {
    let cluster = Cluster::start(NEVER).await;
    let bus = on(&cluster, "pressrun").await;
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 3).await;
    let mut feed = bus.subscribe().await;

    let target = move_slot(&cluster, META).await;

    assert_eq!(next_event(&mut feed).await, None, "the feed moved away");
    let meta = eventually("the bus follows", async || {
        bus.publisher.meta().await.ok()?
    });
    assert_eq!(meta.await.published_through, Sequence(3), "nothing is lost");
    let mut feed = bus.subscribe().await;
    assert_eq!(bus.publish(build, change(4, "a")).await, published(4));
    assert_eq!(next_delivery(&mut feed).await.0, slot(4));
    assert_eq!(cluster.master_of(META).await, target);
}

/// Moves the slot of a key, with all that is in it, to the next master.
async fn move_slot(cluster: &Cluster, key: &str) -> usize {
    let from = cluster.master_of(key).await;
    let to = (from + 1) % 3;
    let (source, target) = (&cluster.nodes[from], &cluster.nodes[to]);
    let number: u16 = source.command(&["CLUSTER", "KEYSLOT", key]).await;
    let number = number.to_string();
    let source_id: String = source.command(&["CLUSTER", "MYID"]).await;
    let target_id: String = target.command(&["CLUSTER", "MYID"]).await;
    let set = ["CLUSTER", "SETSLOT", &number];
    let () = target
        .command(&[&set[..], &["IMPORTING", &source_id]].concat())
        .await;
    let () = source
        .command(&[&set[..], &["MIGRATING", &target_id]].concat())
        .await;
    let keys: Vec<String> = source
        .command(&["CLUSTER", "GETKEYSINSLOT", &number, "1000"])
        .await;
    let port = target.port().to_string();
    let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "10000", "KEYS"];
    words.extend(keys.iter().map(String::as_str));
    let () = source.command(&words).await;
    for node in [target, source] {
        let () = node
            .command(&[&set[..], &["NODE", &target_id]].concat())
            .await;
    }
    to
}

#[tokio::test]
async fn nodes_that_are_away_do_not_matter_while_one_that_is_named_answers() {
    let cluster = Cluster::start(NEVER).await;
    let master = cluster.master_of(META).await;
    // Not those that serve the slot, and not for long enough to be thought dead.
    let others: Vec<_> = (0..3).filter(|index| *index != master).collect();
    cluster.nodes[others[0]].signal("STOP").expect("it runs");
    let bus = on(&cluster, "pressrun").await;
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;
    bus.publish(build, change(1, "a")).await;
    assert_eq!(next_delivery(&mut feed).await.0, slot(1));
    cluster.nodes[others[0]]
        .signal("CONT")
        .expect("it is there");
}

#[tokio::test]
async fn messages_stay_in_the_shard_of_their_slot() {
    let cluster = Cluster::start(NEVER).await;
    let bus = on(&cluster, "pressrun").await;
    let master = cluster.master_of(META).await;
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;
    let sent = async |index: usize, kind: &str| -> u64 {
        let told: String = cluster.nodes[index].command(&["CLUSTER", "INFO"]).await;
        let name = format!("cluster_stats_messages_{kind}_sent:");
        let line = told.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |number| number.parse().expect("a number"))
    };
    let before = sent(master, "publishshard").await;
    bus.publish_range(build, 1, 20).await;
    assert_eq!(next_delivery(&mut feed).await.0, slot(1));
    assert!(
        sent(master, "publishshard").await > before,
        "to its replica"
    );
    assert_eq!(sent(master, "publish").await, 0, "to all nodes");
}

#[tokio::test]
async fn a_plain_url_on_a_cluster_is_an_error_that_says_so() {
    let cluster = SHARED.get_or_init(|| Cluster::start(NEVER)).await;
    let master = cluster.master_of("{elsewhere}:meta").await;
    let other = &cluster.nodes[(master + 1) % 3];
    let bus = RedisBus::open(&other.url(), "elsewhere").expect("the URL is valid");
    let refused = bus::Publisher::meta(&bus).await;
    let Err(BusError::Redis { source, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(source.to_string().starts_with("Moved"), "{source}");
}
