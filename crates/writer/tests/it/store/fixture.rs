//! Stores to test and mutations to test them with.

use std::sync::Arc;

use bytes::Bytes;
use shared::{Link, Position, ResourceKey};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use testkit::Postgres;
use writer::store::{
    Action, Batch, Committed, Document, Mutation, Outcome, Precondition, RECEIPTS_KEPT, Store, Tip,
    postgres::{PostgresOptions, PostgresStore},
    sqlite::{DATABASE_FILE, SqliteStore},
};

/// One empty database.
pub(crate) struct Home {
    pub(crate) store: Arc<dyn Store>,
    /// The same database through another handle, where it allows two.
    pub(crate) other: Arc<dyn Store>,
    database: Database,
}

/// Where it is, to be reached behind the store's back.
enum Database {
    Sqlite(TempDir),
    Postgres(String),
}

pub(crate) async fn sqlite() -> Home {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
    Home {
        other: Arc::clone(&store),
        store,
        database: Database::Sqlite(directory),
    }
}

pub(crate) async fn postgres() -> Home {
    let url = Postgres::shared().await.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    Home {
        store: Arc::new(connect(&url).await),
        other: Arc::new(connect(&url).await),
        database: Database::Postgres(url),
    }
}

impl Home {
    /// Makes all receipts older than they are kept.
    pub(crate) async fn age_receipts(&self) {
        let kept_micros = i64::try_from(RECEIPTS_KEPT.as_micros()).unwrap();
        match &self.database {
            Database::Sqlite(directory) => {
                let file = directory.path().join(DATABASE_FILE);
                let options = SqliteConnectOptions::new().filename(file);
                let mut connection = options.connect().await.unwrap();
                sqlx::query("UPDATE receipts SET at = at - ?1")
                    .bind(kept_micros)
                    .execute(&mut connection)
                    .await
                    .unwrap();
                connection.close().await.unwrap();
            }
            Database::Postgres(url) => {
                let age = format!(
                    "UPDATE receipts SET at = at - {kept_micros} * interval '1 microsecond'"
                );
                Postgres::shared().await.execute(url, &age).await;
            }
        }
    }
}

pub(crate) async fn connect(url: &str) -> PostgresStore {
    let options = PostgresOptions {
        connections_max: 4,
        ..PostgresOptions::default()
    };
    PostgresStore::connect(url, options).await.unwrap()
}

pub(crate) fn key(id: &str) -> ResourceKey {
    ResourceKey::parse("posts", id).unwrap()
}

pub(crate) fn put(id: &str, body: &str) -> Mutation {
    Mutation {
        key: key(id),
        action: Action::Put {
            body: Bytes::copy_from_slice(body.as_bytes()),
            expires_at: None,
        },
        precondition: Precondition::None,
        retry: None,
    }
}

pub(crate) fn delete(id: &str) -> Mutation {
    Mutation {
        key: key(id),
        action: Action::Delete,
        precondition: Precondition::None,
        retry: None,
    }
}

pub(crate) fn only_if(precondition: Precondition, mutation: Mutation) -> Mutation {
    Mutation {
        precondition,
        ..mutation
    }
}

/// JSON text of `size` octets.
pub(crate) fn body_of(size: usize) -> String {
    format!(r#"{{"a":"{}"}}"#, "x".repeat(size - r#"{"a":""}"#.len()))
}

pub(crate) async fn commit(store: &dyn Store, batch: &[Mutation]) -> Batch {
    store.commit(None, batch).await.unwrap()
}

pub(crate) async fn commit_one(store: &dyn Store, mutation: Mutation) -> Outcome {
    let batch = commit(store, &[mutation]).await;
    batch.outcomes[0].clone()
}

/// The change that the mutation must make.
pub(crate) async fn change(store: &dyn Store, mutation: Mutation) -> Committed {
    let outcome = commit_one(store, mutation).await;
    *outcome.committed().expect("a change was made")
}

pub(crate) async fn document(store: &dyn Store, id: &str) -> Document {
    store.document(&key(id)).await.unwrap().expect("a document")
}

pub(crate) async fn tip(store: &dyn Store) -> Tip {
    store.feed().await.unwrap().tip
}

/// The same place in a history that this database never had.
pub(crate) fn foreign(tip: Tip) -> Tip {
    Tip {
        link: Link(!tip.link.0),
        ..tip
    }
}

/// A place further on in the same epoch.
pub(crate) fn ahead(tip: Tip, by: u64) -> Tip {
    let sequence = shared::Sequence(tip.position.sequence.0 + by);
    Tip {
        position: Position::new(tip.position.epoch, sequence),
        link: Link(7),
    }
}
