//! A dump, restored beside the database that it was made of; and the way back.

use tempfile::TempDir;
use testkit::Postgres;

use fleet::Fleet;

use super::{FILE, Site};
use crate::{
    executed::{Document, Shell},
    truth::Truth,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_brings_the_documents_back_and_a_wrong_restore_is_undone() {
    let mut site = Site::start(Fleet::start().await).await;
    let postgres = Postgres::shared().await;
    let directory = TempDir::with_prefix("backup-").expect("a temporary directory");
    let old_url = site.fleet.database_url.clone();
    let restored_url = format!("{old_url}_restored");
    let shell = Shell::new()
        .finding(postgres.programs())
        .with("DATABASE_URL", &old_url)
        .with("SERVER_URL", &postgres.url("postgres"))
        .with("RESTORED_URL", &restored_url)
        .with("BACKUP", &directory.path().join("backup").display())
        .with(
            "WRITER_INTERNAL_URL",
            &format!("http://{}", site.writer_planes[1]),
        );
    let runbook = Document::read(FILE);

    for number in 0..20 {
        site.put("kept", &number.to_string(), "first").await;
    }
    site.delete("kept", "19").await;
    let saved = site.truth().await;
    let [dump, how_far] = runbook.blocks("Back up: a dump");
    shell.run(dump).await;
    let feed = shell.run(how_far).await.output;
    assert!(feed.contains(&saved.epoch.to_string()), "{feed}");

    let lost_position = write_after_the_backup(&site).await;
    let before = site.truth().await;

    site.stop_writers();
    assert_eq!(site.read(&site.readers[0], "lost/1", None).await, 200);
    let [restore, look] = runbook.blocks("Restore a dump");
    shell.run(restore).await;
    let seen = shell.run(look).await.output;
    assert!(seen.contains(&saved.head.to_string()), "{seen}");
    let [new_epoch, verify] = runbook.blocks("Take the fleet along");
    let begun = shell.run(new_epoch).await.output;
    site.start_writers(&restored_url).await;
    site.verify(&shell, verify).await;

    let after = site.truth().await;
    assert_eq!(begun.trim(), format!("{}.{}", after.epoch, after.head));
    assert!(after.epoch > before.epoch);
    assert_eq!((&after.live, &after.deleted), (&saved.live, &saved.deleted));
    check_what_clients_see(&site, &lost_position).await;

    go_back(&mut site, &shell, &runbook, &old_url, &before).await;
}

/// New documents, a new version, and a document deleted again that the backup has.
async fn write_after_the_backup(site: &Site) -> String {
    for number in 0..30 {
        site.put("lost", &number.to_string(), "lost").await;
    }
    site.delete("kept", "1").await;
    site.put("kept", "0", "second").await
}

async fn check_what_clients_see(site: &Site, lost_position: &str) {
    for reader in &site.readers {
        assert_eq!(site.read(reader, "lost/1", None).await, 404);
        let asked = site.read(reader, "kept/0", Some(lost_position)).await;
        assert_eq!(asked, 409, "its write is gone");
        let url = format!("http://{}/metrics", reader.admin);
        let answer = site.fleet.http.get(url).send().await.expect("an answer");
        let metrics = answer.text().await.expect("text");
        let counted = "pressrun_reads_requests_total{outcome=\"epoch_ended\"} 1";
        assert!(metrics.contains(counted), "{metrics}");
    }
    let position = site.put("kept", "new", "after").await;
    for reader in &site.readers {
        assert_eq!(site.read(reader, "kept/new", Some(&position)).await, 200);
    }
}

/// The restore was a mistake.
async fn go_back(
    site: &mut Site,
    shell: &Shell,
    runbook: &Document,
    old_url: &str,
    before: &Truth,
) {
    let wrong = Truth::read(&site.fleet).await;
    let [new_epoch, verify] = runbook.blocks("The way back");
    site.stop_writers();
    shell.run(new_epoch).await;
    site.start_writers(old_url).await;
    site.verify(shell, verify).await;

    let back = site.truth().await;
    assert!(back.epoch > wrong.epoch);
    assert_eq!((&back.live, &back.deleted), (&before.live, &before.deleted));
    for reader in &site.readers {
        assert_eq!(site.read(reader, "lost/1", None).await, 200);
        assert_eq!(site.read(reader, "kept/new", None).await, 404);
    }
}
