//! A base backup and the WAL, recovered up to the moment before a mistake.

use testkit::{Postgres, eventually};

use fleet::Fleet;

use super::{FILE, Site};
use crate::executed::{Document, Shell};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archived_wal_brings_back_everything_up_to_the_mistake() {
    let runbook = Document::read(FILE);
    let (mut old, mut new) = (Postgres::dedicated().await, Postgres::dedicated().await);
    let files = |name: &str| old.directory().join(name).display().to_string();
    let old_url = old.create_database().await;
    let restored_url = old_url.replace(&old.port().to_string(), &new.port().to_string());
    // PostgreSQL's own user: what it recovers from must be its own.
    let shell = Shell::started_by(old.user())
        .finding(old.programs())
        .with("DATABASE_URL", &old_url)
        .with("SERVER_URL", &old.url("postgres"))
        .with("BASE", &files("base"))
        .with("ARCHIVE", &files("archive"))
        .with("PGDATA", &new.data().display())
        .with("COLLECTION", &"mistakes");
    shell.run("mkdir \"$ARCHIVE\"").await;
    let [archive, base_backup] = runbook.blocks("Back up: to a point in time");
    shell.run(archive).await;
    old.restart().await;

    let mut site = Site::start(Fleet::over(old_url).await).await;
    for number in 0..10 {
        site.put("kept", &number.to_string(), "in the base backup")
            .await;
    }
    shell.run(base_backup).await;
    for number in 5..20 {
        site.put("kept", &number.to_string(), "in the WAL").await;
    }
    let saved = site.truth().await;
    let mistaken = site.put("mistakes", "1", "a mistake").await;
    site.put("kept", "0", "a consequence").await;
    let before = site.truth().await;

    site.stop_writers();
    let [find, last_wal, recover] = runbook.blocks("Restore to a point in time");
    let moment = shell.run(find).await.output;
    shell.run(last_wal).await;
    new.stop();
    shell.run("find \"$PGDATA\" -mindepth 1 -delete").await;
    shell
        .clone()
        .with("MOMENT", &moment.trim())
        .run(recover)
        .await;
    new.restart().await;
    site.fleet.use_database(&restored_url);
    eventually("the new server is a primary", async || {
        let query = sqlx::query_scalar("SELECT NOT pg_is_in_recovery()");
        let is_primary: bool = query.fetch_one(&site.fleet.database).await.ok()?;
        is_primary.then_some(())
    })
    .await;

    let shell = Shell::new().with("RESTORED_URL", &restored_url).with(
        "WRITER_INTERNAL_URL",
        &format!("http://{}", site.writer_planes[1]),
    );
    let [new_epoch, verify] = runbook.blocks("Take the fleet along");
    shell.run(new_epoch).await;
    site.start_writers(&restored_url).await;
    site.verify(&shell, verify).await;

    let after = site.truth().await;
    assert!(after.epoch > before.epoch);
    assert_eq!(after.live, saved.live);
    for reader in &site.readers {
        assert_eq!(site.read(reader, "mistakes/1", None).await, 404);
        assert_eq!(site.read(reader, "kept/0", Some(&mistaken)).await, 409);
    }
}
