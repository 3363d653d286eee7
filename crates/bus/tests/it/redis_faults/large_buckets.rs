//! What Redis has to hold for whoever reads a snapshot.

use bus::Build;
use testkit::{
    builders::{envelope, key, slot},
    redis::RedisServer,
};
use tokio::sync::mpsc;

use super::open;
use crate::contract::subject::{Subject, begin_at, publication};

const BUCKETS: u32 = 8;

/// Octets of each bucket, beside what is not the documents' bodies.
const BUCKET_BYTES: usize = 4 * 1024 * 1024;

/// Documents in each.
const DOCUMENTS: usize = 8;

#[tokio::test]
async fn large_buckets_are_not_all_asked_for_at_once() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = large_buckets(&bus).await;
    let mut snapshot = bus.follower.snapshot().await.expect("Redis answers");

    let (sink, mut read) = mpsc::channel(1);
    let reading = snapshot.each_bucket(build, (0..BUCKETS).collect(), sink);
    let taking = async {
        let mut most = 0;
        while read.recv().await.is_some() {
            most = most.max(waiting_bytes(&server).await);
        }
        most
    };
    let (done, most) = tokio::join!(reading, taking);

    done.expect("Redis answers");
    assert!(most > 0, "answers wait for their reader");
    assert!(most <= 4 * BUCKET_BYTES, "{most} of 8 times {BUCKET_BYTES}");
}

/// Octets of answers that clients have not taken.
async fn waiting_bytes(server: &RedisServer) -> usize {
    let clients: String = server.command(&["CLIENT", "LIST"]).await;
    let waiting = clients.split_whitespace().filter_map(|word| {
        let octets = word.strip_prefix("omem=")?;
        Some(octets.parse::<usize>().expect("a number"))
    });
    waiting.sum()
}

async fn large_buckets(bus: &Subject) -> Build {
    let mut begin = begin_at(0);
    begin.buckets = BUCKETS;
    bus.begin(&begin).await;
    bus.finish(begin.build, 0).await;
    let body = vec![b'x'; BUCKET_BYTES / DOCUMENTS];
    let mut left = [DOCUMENTS; BUCKETS as usize];
    let mut number = 0;
    for id in (0_u32..).map(|id| id.to_string()) {
        if left.iter().all(|left| *left == 0) {
            break;
        }
        let bucket = &mut left[key(&id).bucket(BUCKETS) as usize];
        if *bucket > 0 {
            *bucket -= 1;
            number += 1;
            let large = envelope().key(&id).sequence(number).put(&body);
            bus.publish(begin.build, publication(slot(number), &large))
                .await;
        }
    }
    begin.build
}
