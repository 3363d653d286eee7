//! The contract on Redis.

use async_trait::async_trait;
use bus::{Build, RedisBus};
use testkit::redis::{RedisServer, connect, namespace};

use crate::contract::subject::{Faults, LOG_SEGMENTS, Subject};

contract! { open }

async fn open() -> Subject {
    on(RedisServer::shared().await, &namespace())
}

/// A bus in a namespace of a server.
pub(crate) fn on(server: &RedisServer, namespace: &str) -> Subject {
    by(&server.url(), server, namespace)
}

/// A bus by this URL; faults befall its namespace on `server`.
pub(crate) fn by(url: &str, server: &RedisServer, namespace: &str) -> Subject {
    let bus = RedisBus::open(url, namespace).expect("the test's URL is valid");
    subject(&bus, server, namespace)
}

/// This bus, with as much log as tests count on; faults befall its namespace on `server`.
pub(crate) fn subject(bus: &RedisBus, server: &RedisServer, namespace: &str) -> Subject {
    let bus = bus.clone().with_log_segments(LOG_SEGMENTS);
    Subject {
        publisher: Box::new(bus.clone()),
        follower: Box::new(bus),
        faults: faults(server, namespace),
    }
}

/// What befalls a namespace of a server.
pub(crate) fn faults(server: &RedisServer, namespace: &str) -> Box<dyn Faults> {
    Box::new(RedisFaults {
        url: server.url(),
        namespace: namespace.to_owned(),
    })
}

struct RedisFaults {
    url: String,
    namespace: String,
}

impl RedisFaults {
    async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let connection = connect(&self.url).await;
        let mut connection = connection.expect("the test's Redis answers");
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let answer = command.query_async(&mut connection).await;
        answer.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }
}

#[async_trait]
impl Faults for RedisFaults {
    async fn lose_everything(&self) {
        let pattern = format!("{{{}}}:*", self.namespace);
        let keys: Vec<String> = self.command(&["KEYS", &pattern]).await;
        for key in keys {
            let () = self.command(&["DEL", &key]).await;
        }
    }

    async fn lose_bucket(&self, build: Build, bucket: u32) {
        let key = format!("{{{}}}:snap:{:016x}:{bucket}", self.namespace, build.0);
        let lost: u32 = self.command(&["DEL", &key]).await;
        assert_eq!(lost, 1, "{key} was there");
    }
}
