//! `pressrun migrate` prepares a database for writers that do not.

use std::process::{Command, Output};

use fleet::{Fleet, Node, binary, loopback, start};
use tempfile::TempDir;

fn migrate(database_url: &str) -> Output {
    Command::new(binary("pressrun"))
        .arg("migrate")
        .env("DATABASE_URL", database_url)
        .output()
        .expect("pressrun runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migrated_database_takes_writers_that_migrate_nothing() {
    let fleet = Fleet::start().await;
    for _ in 0..2 {
        let output = migrate(&fleet.database_url);
        assert!(output.status.success(), "{output:?}");
    }
    let directory = TempDir::with_prefix("migrate-").expect("a temporary directory");
    let (listen, admin) = (loopback(), loopback());
    let arguments = [
        format!("--database-url={}", fleet.database_url),
        format!("--redis-url={}", fleet.redis.url()),
        format!("--writer-listen={listen}"),
        format!("--writer-admin-listen={admin}"),
        "--drain-delay=0".to_owned(),
    ];
    let writer = Node {
        process: start("writer", &arguments, &directory.path().join("writer")),
        listen,
        admin,
    };
    fleet.ready(&writer).await;
    fleet.create(&writer, "a", "after the migration").await;
}

#[test]
fn a_database_that_is_away_fails_without_telling_its_password() {
    let output = migrate(&format!("postgres://u:hidden@{}/d", loopback()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!said.is_empty() && !said.contains("hidden"), "{said}");
}
