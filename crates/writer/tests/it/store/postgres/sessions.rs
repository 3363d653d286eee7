//! What is checked before and while a database is used, and what people see in it.

use sqlx::{Connection, PgConnection};
use testkit::Postgres;
use writer::store::{
    Store, StoreError,
    postgres::{PostgresOptions, PostgresStore},
};

use crate::store::fixture::{change, connect, delete, put};

async fn refusal(url: &str) -> String {
    match PostgresStore::connect(url, PostgresOptions::default()).await {
        Err(StoreError::Unsuitable(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn synchronous_commit_off_is_refused_at_the_start() {
    let server = Postgres::shared().await;
    let url = server.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let name = url.rsplit('/').next().unwrap();
    let off = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    server.execute(&url, &off).await;

    assert!(refusal(&url).await.contains("synchronous_commit"));
}

#[tokio::test]
async fn synchronous_commit_turned_off_later_is_refused_at_the_next_batch() {
    let server = Postgres::shared().await;
    let url = server.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let store = connect(&url).await;
    change(&store, put("a", "{}")).await;
    let name = url.rsplit('/').next().unwrap();
    let off = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    server.execute(&url, &off).await;
    server.end_sessions(&url).await;

    let refused = store.commit(None, &[put("b", "{}")]).await;

    assert!(
        matches!(refused, Err(StoreError::Unsuitable(_))),
        "{refused:?}"
    );
    assert_eq!(store.count().await.unwrap(), 1);
}

#[tokio::test]
async fn database_without_the_schema_is_refused() {
    let url = Postgres::shared().await.create_database().await;
    let message = refusal(&url).await;
    assert!(message.contains("lacks migration 1"), "{message}");
    assert!(message.contains("WRITER_MIGRATE"), "{message}");
}

#[tokio::test]
async fn text_that_is_no_url_is_refused() {
    assert!(refusal("127.0.0.1:5432").await.contains("URL"));
}

#[tokio::test]
async fn migrations_of_several_writers_and_of_newer_ones_agree() {
    let server = Postgres::shared().await;
    let url = server.create_database().await;
    let migrate = || PostgresStore::migrate(&url);
    tokio::try_join!(migrate(), migrate(), migrate()).unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum,
        execution_time) VALUES (9999, 'newer', true, '', 0)";
    server.execute(&url, newer).await;

    migrate().await.unwrap();

    change(&connect(&url).await, put("a", "{}")).await;
}

#[tokio::test]
async fn serializable_default_does_not_break_commits() {
    let server = Postgres::shared().await;
    let url = server.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let name = url.rsplit('/').next().unwrap();
    let set = format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'");
    server.execute(&url, &set).await;
    let store = connect(&url).await;
    let bodies: Vec<String> = (0..16).map(|n| format!("[{n}]")).collect();
    let writes = bodies.iter().map(|body| change(&store, put("a", body)));
    let changes = futures_util::future::join_all(writes).await;
    assert_eq!(changes.len(), 16);
}

#[tokio::test]
async fn view_posts_shows_live_posts() {
    let url = Postgres::shared().await.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let store = connect(&url).await;
    let body = r#"{"author":"Ann","title":"T\u00e9a","content":"Now"}"#;
    change(&store, put("a", body)).await;
    change(&store, put("b", body)).await;
    change(&store, delete("b")).await;

    let mut session = PgConnection::connect(&url).await.unwrap();
    let posts: Vec<(String, String, String, String)> =
        sqlx::query_as("SELECT id, title, content, author FROM posts")
            .fetch_all(&mut session)
            .await
            .unwrap();

    let expected = ["a", "Téa", "Now", "Ann"].map(str::to_owned);
    assert_eq!(posts, [expected.into()]);
}
