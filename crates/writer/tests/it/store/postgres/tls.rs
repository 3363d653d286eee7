//! TLS to PostgreSQL.

use std::error::Error;

use testkit::{Authority, Postgres};
use writer::store::{
    Outcome, Store, StoreError,
    postgres::{PostgresOptions, PostgresStore},
};

use crate::store::fixture::{commit_one, connect, put};

/// A URL that asks for TLS from whom this authority has certified.
fn over_tls(url: &str, mode: &str, authority: &Authority) -> String {
    let file = authority.certificate_file();
    format!("{url}?sslmode={mode}&sslrootcert={}", file.display())
}

#[tokio::test]
async fn batches_and_leadership_go_over_tls() {
    let authority = Authority::new();
    let postgres = Postgres::with_tls(&authority).await;
    let database = postgres.create_database().await;
    let url = over_tls(&database, "verify-full", &authority);
    PostgresStore::migrate(&url).await.unwrap();
    let store = connect(&url).await;
    let lease = store.lead().await.unwrap();
    let created = commit_one(&store, put("a", "{}")).await;
    assert!(matches!(created, Outcome::Created(_)), "{created:?}");

    // Fails unless all of the writer's sessions are coded.
    let check = "DO $$ BEGIN
        ASSERT (SELECT count(*) >= 2 AND bool_and(s.ssl)
            FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
            WHERE a.application_name = 'pressrun-writer');
        END $$";
    postgres.execute(&database, check).await;
    assert!(lease.is_some());
}

#[tokio::test]
async fn a_server_that_is_not_believed_gets_no_session() {
    let authority = Authority::new();
    let postgres = Postgres::with_tls(&authority).await;
    let database = postgres.create_database().await;
    PostgresStore::migrate(&database).await.unwrap();
    let stranger = Authority::new();
    for mode in ["verify-ca", "verify-full"] {
        let url = over_tls(&database, mode, &stranger);
        let refused = PostgresStore::connect(&url, PostgresOptions::default()).await;
        let Err(error @ StoreError::Unavailable { .. }) = refused else {
            panic!("{mode}: {refused:?}")
        };
        let mut causes = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            causes = format!("{causes}: {next}");
            cause = next.source();
        }
        assert!(causes.contains("UnknownIssuer"), "{mode}: {causes}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let database = Postgres::shared().await.create_database().await;
    PostgresStore::migrate(&database).await.unwrap();
    let url = format!("{database}?sslmode=require");
    let refused = PostgresStore::connect(&url, PostgresOptions::default()).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable { .. })),
        "{refused:?}"
    );
}
