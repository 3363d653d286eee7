//! How PostgreSQL finds what batches name.

use sqlx::{Connection, PgConnection};
use testkit::{Postgres, eventually};
use writer::store::{Store, postgres::PostgresStore};

use crate::store::fixture::{connect, put};

/// Rows inserted into a table so far, and how often it was read from end to end.
async fn read(session: &mut PgConnection, table: &str) -> (i64, i64) {
    sqlx::query_as("SELECT n_tup_ins, seq_scan FROM pg_stat_user_tables WHERE relname = $1")
        .bind(table)
        .fetch_one(session)
        .await
        .unwrap()
}

#[tokio::test]
async fn batches_find_documents_by_key_in_tables_of_any_size() {
    const BATCHES: i64 = 40;
    const ROWS: i64 = 100;
    let url = Postgres::shared().await.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let store = connect(&url).await;
    let mut session = PgConnection::connect(&url).await.unwrap();
    let (_, before) = read(&mut session, "documents").await;

    // The plan of the first batch is kept, and the table was empty then.
    for batch in 0..BATCHES {
        let ids: Vec<String> = (0..ROWS).map(|row| format!("{batch}-{row}")).collect();
        let batch: Vec<_> = ids.iter().map(|id| put(id, "{}")).collect();
        store.commit(None, &batch).await.unwrap();
    }
    // A session tells what it did when it ends, if not before.
    drop(store);

    let after = eventually("the sessions' counts", || async {
        let mut session = PgConnection::connect(&url).await.ok()?;
        let (inserted, scanned) = read(&mut session, "documents").await;
        (inserted == BATCHES * ROWS).then_some(scanned)
    })
    .await;
    assert_eq!(after, before, "no batch reads the whole table");
}
