//! `pressrun migrate` prepares a database for writers that do not.

use std::process::{Command, Output};

use fleet::{Fleet, binary, loopback};

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
    let more = ["--writer-migrate=false".to_owned()];
    let writer = fleet.writer_with("writer-1", &more).await;
    fleet.create(&writer, "a", "after the migration").await;
}

#[test]
fn a_database_that_is_away_fails_without_telling_its_password() {
    let output = migrate(&format!("postgres://u:hidden@{}/d", loopback()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!said.is_empty() && !said.contains("hidden"), "{said}");
}
