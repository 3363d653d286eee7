//! Processes and the servers that they need.

use testkit::{eventually, postgres::Postgres};

use super::logged;
use fleet::{Fleet, loopback};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_wait_for_servers_that_are_not_there_yet() {
    let mut postgres = Postgres::dedicated().await;
    let mut fleet = Fleet::over(postgres.create_database().await).await;
    postgres.stop();
    fleet.redis.kill();

    let writer = fleet.start_writer("writer-1", &fleet.redis.url());
    // It knows no writer: from that it would have all that it needs, without Redis.
    let url = fleet.redis.url();
    let reader = fleet.reader_over("reader-1", &url, &[], loopback(), loopback());
    eventually("the writer has tried twice", async || {
        (logged(&writer, "waiting for the database") >= 2).then_some(())
    })
    .await;
    eventually("the reader has tried twice", async || {
        (logged(&reader, "no subscription to the feed") >= 2).then_some(())
    })
    .await;
    for node in [&writer, &reader] {
        assert_eq!(fleet.asked(node, "/livez").await, 200);
        assert_eq!(fleet.asked(node, "/readyz").await, 503, "{}", node.listen);
    }
    let read = format!("http://{}/v1/posts/a", reader.listen);
    let answer = fleet.http.get(read).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(answer.headers().contains_key("retry-after"));

    // The database alone is enough to write.
    postgres.restart().await;
    fleet.ready(&writer).await;
    fleet.create(&writer, "a", "before the bus").await;
    assert_eq!(fleet.asked(&reader, "/readyz").await, 503);

    fleet.redis.restart().await;
    fleet.ready(&reader).await;
    fleet.until_served(&reader, "a", "before the bus").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed_redis_is_filled_again() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    let reader = fleet.reader("reader-1");
    for n in 0..50 {
        fleet.create(&writer, &n.to_string(), "before").await;
    }
    fleet.ready(&reader).await;
    fleet.until_served(&reader, "49", "before").await;
    let keys: u64 = fleet.redis.command(&["DBSIZE"]).await;
    assert!(keys > 0);

    let _: () = fleet.redis.command(&["FLUSHALL"]).await;
    fleet.create(&writer, "after", "after").await;

    fleet.until_served(&reader, "after", "after").await;
    assert_eq!(fleet.asked(&reader, "/readyz").await, 200);
    let late = fleet.reader("reader-2");
    fleet.ready(&late).await;
    for n in 0..50 {
        fleet.until_served(&late, &n.to_string(), "before").await;
    }
    fleet.until_served(&late, "after", "after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_and_two_readers_agree() {
    let fleet = Fleet::start().await;
    let writers = [
        fleet.writer("writer-1").await,
        fleet.writer("writer-2").await,
    ];
    let readers = [fleet.reader("reader-1"), fleet.reader("reader-2")];
    for reader in &readers {
        fleet.ready(reader).await;
    }
    // Every document through both writers, by turns.
    for n in 0..100 {
        let writer = &writers[n % 2];
        let id = (n / 4).to_string();
        fleet.create(writer, &id, &format!("version {n}")).await;
    }
    for reader in &readers {
        for id in 0..25 {
            let last = format!("version {}", id * 4 + 3);
            fleet.until_served(reader, &id.to_string(), &last).await;
        }
    }
    // Between one that has lost the lead and the next, nobody leads.
    eventually("one of them leads", async || {
        let mut leaders = 0;
        for writer in &writers {
            let status = fleet.status(writer).await?;
            assert_eq!(status["ready"], true);
            leaders += usize::from(status["leader"] == true);
        }
        (leaders == 1).then_some(())
    })
    .await;
    // Changes of two writers may overtake each other, and the position follows the last one.
    eventually("both stand at the same position", async || {
        let position = async |reader| {
            let status = fleet.status(reader).await?;
            Some((status["epoch"].as_u64()?, status["sequence"].as_u64()?))
        };
        let (one, other) = (position(&readers[0]).await?, position(&readers[1]).await?);
        (one == other && one.1 == 100).then_some(())
    })
    .await;
}
