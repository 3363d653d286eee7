//! Leadership among several writers.

use std::time::Duration;

use testkit::{Postgres, eventually};
use tokio::time::{Instant, interval};
use writer::store::{
    Lease, Store,
    postgres::{LEASE_TIMEOUT, PostgresStore},
};

use crate::store::fixture::{connect, postgres};

/// Waits until the leadership is free, and takes it.
async fn lead(store: &dyn Store) -> Box<dyn Lease> {
    eventually("the leadership", || async { store.lead().await.unwrap() }).await
}

#[tokio::test]
async fn second_leader_is_refused_while_the_first_beats() {
    let home = postgres().await;
    let mut first = lead(&*home.store).await;

    // For longer than a session may be idle.
    let until = Instant::now() + LEASE_TIMEOUT + Duration::from_millis(500);
    let refused = async {
        while Instant::now() < until {
            assert!(home.other.lead().await.unwrap().is_none());
        }
    };
    let beating = async {
        let mut beats = interval(LEASE_TIMEOUT / 8);
        loop {
            beats.tick().await;
            first.beat().await.unwrap();
        }
    };
    tokio::select! {
        () = refused => {}
        () = beating => {}
    }

    drop(first);
    assert_eq!(lead(&*home.other).await.term(), 2);
}

#[tokio::test]
async fn frozen_leader_loses_its_lease() {
    let home = postgres().await;
    let mut frozen = lead(&*home.store).await;
    frozen.beat().await.unwrap();

    let next = lead(&*home.other).await;

    assert!(next.term() > frozen.term());
    assert!(frozen.beat().await.is_err());
    assert!(frozen.beat().await.is_err());
}

#[tokio::test]
async fn leader_whose_session_is_killed_loses_its_lease() {
    let server = Postgres::shared().await;
    let url = server.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let store = connect(&url).await;
    let mut lease = lead(&store).await;

    server.end_sessions(&url).await;

    assert!(lease.beat().await.is_err());
    assert_eq!(lead(&store).await.term(), lease.term() + 1);
}

#[tokio::test]
async fn leaders_of_two_databases_do_not_meet() {
    let (one, two) = (postgres().await, postgres().await);
    let _first = lead(&*one.store).await;
    assert!(two.store.lead().await.unwrap().is_some());
}
