//! Processes as the users of `deploy/redis/users.acl`.

use std::{fs, path::Path};

use fleet::Fleet;
use testkit::{eventually, redis::RedisServer};

const PASSWORD: &str = "secret";
const PASSWORD_SHA256: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

/// The file as an operator leaves it.
fn users() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/redis/users.acl");
    let text = fs::read_to_string(path).expect("the file is there");
    let words = text.split(' ').map(|word| match word.strip_prefix('#') {
        Some(_placeholder) => format!("#{PASSWORD_SHA256}"),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn users_with_least_rights_suffice_for_all_that_processes_do() {
    let mut fleet = Fleet::start().await;
    let file = fleet.file("users.acl");
    fs::write(&file, users()).expect("the file can be written");
    let file = file.display().to_string();
    fleet.redis = RedisServer::start_with(&["--aclfile", &file]).await;
    let port = fleet.redis.port();
    let url = |user: &str| format!("redis://pressrun-{user}:{PASSWORD}@127.0.0.1:{port}");
    let writer = fleet.writer_on("writer", &url("writer")).await;
    fleet.create(&writer, "a", "one").await;
    let redis = format!("--redis-url={}", url("reader"));
    let reader = fleet.reader_with("reader", &[redis]);
    fleet.ready(&reader).await;
    fleet.until_served(&reader, "a", "one").await;

    // Both need rights of their own: Redis is filled again, and a lost bucket is noticed.
    let build = rebuilt(&fleet, None).await;
    let () = fleet.redis.command(&["FLUSHALL"]).await;
    fleet.create(&writer, "a", "two").await;
    fleet.until_served(&reader, "a", "two").await;
    let build = rebuilt(&fleet, Some(build)).await;
    let words = ["KEYS", "{pressrun}:snap:*"];
    let buckets: Vec<String> = fleet.redis.command(&words).await;
    let lost: u64 = fleet.redis.command(&["DEL", &buckets[0]]).await;
    assert_eq!(lost, 1);
    rebuilt(&fleet, Some(build)).await;
    fleet.create(&writer, "a", "three").await;
    fleet.until_served(&reader, "a", "three").await;

    let refused: Vec<Vec<String>> = fleet.redis.command(&["ACL", "LOG"]).await;
    // The library says its name where Redis knows the command, and does not mind a refusal.
    let is_name = |one: &Vec<String>| one.iter().any(|word| word.contains("setinfo"));
    let unexpected = refused.iter().filter(|one| !is_name(one));
    assert_eq!(unexpected.count(), 0, "{refused:#?}");
}

/// Waits for a complete snapshot other than this one, and gives its build.
async fn rebuilt(fleet: &Fleet, before: Option<String>) -> String {
    eventually("there is another snapshot", async || {
        let words = ["HMGET", "{pressrun}:meta", "build", "complete"];
        let fields: Vec<Option<String>> = fleet.redis.command(&words).await;
        let [build, complete] = fields.try_into().ok()?;
        (build != before && complete? == "1").then_some(build?)
    })
    .await
}
