//! The faults, one after the other. Each gives back once the fault has healed, with what was seen of
//! it; where it did not happen, it panics.

mod bus;
mod calm;
mod clocks;
mod database;
mod failover;
mod network;
mod processes;

use std::{future::Future, pin::Pin, time::Duration};

use crate::{play::Proof, redis::Deployment, stage::Stage};

/// A scenario at work.
type Acting<'a> = Pin<Box<dyn Future<Output = Proof> + Send + 'a>>;

/// One fault.
pub(crate) struct Scenario {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What befalls whom.
    pub(crate) fault: &'static str,
    /// What Redis is while it happens.
    pub(crate) deployment: Deployment,
    /// How long everything may take to converge after the fault has healed.
    pub(crate) converges_within: Duration,
    /// Makes it happen and heals it.
    pub(crate) act: for<'a> fn(&'a mut Stage) -> Acting<'a>,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Where nothing has to be loaded anew.
const SOON: Duration = Duration::from_secs(5);

/// Where Redis is filled again, or readers are.
const LOADED: Duration = Duration::from_secs(30);

const fn scenario(
    name: &'static str,
    fault: &'static str,
    converges_within: Duration,
    act: for<'a> fn(&'a mut Stage) -> Acting<'a>,
) -> Scenario {
    Scenario {
        name,
        fault,
        deployment: Deployment::Single,
        converges_within,
        act,
    }
}

impl Scenario {
    /// The same with another Redis.
    const fn on(self, deployment: Deployment) -> Self {
        Self { deployment, ..self }
    }
}

/// All of them, in the order of design: the bus, the database, processes, the network.
pub(crate) const ALL: &[Scenario] = &[
    scenario(
        "calm",
        "none, with 500 writes a second for a minute",
        SOON,
        |stage| Box::pin(calm::audited(stage)),
    ),
    scenario(
        "redis-killed",
        "Redis killed, restarted empty",
        LOADED,
        |stage| Box::pin(bus::killed(stage)),
    ),
    scenario("redis-flushed", "FLUSHALL", LOADED, |stage| {
        Box::pin(bus::flushed(stage))
    }),
    scenario("redis-bucket-lost", "one bucket deleted", LOADED, |stage| {
        Box::pin(bus::bucket_lost(stage))
    }),
    scenario(
        "redis-rolled-back",
        "Redis set back by 4 s",
        LOADED,
        |stage| Box::pin(bus::rolled_back(stage)),
    ),
    scenario(
        "replica-promoted",
        "failover to a replica that lacks the last writes",
        LOADED,
        |stage| Box::pin(bus::replica_promoted(stage)),
    ),
    scenario(
        "sentinel-failover",
        "the master killed, its replicas without the last writes; sentinels promote one",
        LOADED,
        |stage| Box::pin(failover::master_killed(stage)),
    )
    .on(Deployment::Sentinels),
    scenario(
        "cluster-failover",
        "the slot's master killed, its replica without the last writes; the Cluster promotes it",
        LOADED,
        |stage| Box::pin(failover::master_killed(stage)),
    )
    .on(Deployment::Cluster),
    scenario("redis-paused", "Redis frozen for 6 s", SOON, |stage| {
        Box::pin(bus::paused(stage))
    }),
    scenario(
        "redis-away",
        "Redis away for 15 s, back empty",
        LOADED,
        |stage| Box::pin(bus::away(stage)),
    ),
    scenario("redis-full", "Redis out of memory for 6 s", SOON, |stage| {
        Box::pin(bus::full(stage))
    }),
    scenario(
        "pubsub-killed",
        "CLIENT KILL TYPE pubsub, ten times",
        SOON,
        |stage| Box::pin(bus::subscribers_killed(stage)),
    ),
    scenario(
        "clients-killed",
        "CLIENT KILL of all connections, ten times",
        SOON,
        |stage| Box::pin(bus::clients_killed(stage)),
    ),
    scenario(
        "reader-too-slow",
        "a frozen reader's subscription cut off by Redis",
        SOON,
        |stage| Box::pin(bus::subscriber_cut_off(stage)),
    ),
    scenario(
        "postgres-killed",
        "PostgreSQL killed mid-batch, restarted",
        SOON,
        |stage| Box::pin(database::killed(stage)),
    ),
    scenario("postgres-away", "PostgreSQL away for 10 s", SOON, |stage| {
        Box::pin(database::away(stage))
    }),
    scenario(
        "postgres-sessions-ended",
        "all sessions ended, ten times",
        SOON,
        |stage| Box::pin(database::sessions_ended(stage)),
    ),
    scenario(
        "postgres-restored",
        "PostgreSQL restored from a backup",
        LOADED,
        |stage| Box::pin(database::restored(stage)),
    ),
    scenario(
        "writers-killed",
        "writers killed in turn, six times",
        SOON,
        |stage| Box::pin(processes::writers_killed(stage)),
    ),
    scenario(
        "writers-killed-200",
        "a writer killed two hundred times, as soon as it is back",
        SOON,
        |stage| Box::pin(processes::writers_killed_over_and_over(stage)),
    ),
    scenario(
        "leader-frozen",
        "the leader frozen for 8 s while the other takes over",
        SOON,
        |stage| Box::pin(processes::leader_frozen(stage)),
    ),
    scenario(
        "reader-killed",
        "a reader killed and restarted amid a rebuild",
        LOADED,
        |stage| Box::pin(processes::reader_killed(stage)),
    ),
    scenario("reader-frozen", "a reader frozen for 20 s", SOON, |stage| {
        Box::pin(processes::reader_frozen(stage))
    }),
    scenario(
        "clocks-jump",
        "the clocks of both writers and of a reader a day ahead, then a day behind",
        SOON,
        |stage| Box::pin(clocks::jump(stage)),
    ),
    scenario(
        "reader-alone",
        "one reader cut off from everything for 6 s",
        SOON,
        |stage| Box::pin(network::reader_alone(stage)),
    ),
    scenario(
        "network-cut",
        "everybody but one reader cut off from Redis for 6 s",
        SOON,
        |stage| Box::pin(network::cut(stage)),
    ),
    scenario(
        "network-flapping",
        "connections to Redis cut twenty times",
        SOON,
        |stage| Box::pin(network::flapping(stage)),
    ),
    scenario(
        "network-slow",
        "300 ms more to Redis, each way, for 8 s",
        SOON,
        |stage| Box::pin(network::slow(stage)),
    ),
    scenario(
        "network-half-open",
        "connections to Redis half open for 8 s",
        SOON,
        |stage| Box::pin(network::half_open(stage)),
    ),
];
