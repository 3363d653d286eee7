//! The contract on the in-process bus, and what befalls it at a test's command.

use async_trait::async_trait;
use bus::{Build, BusError, Follower, MemoryBus, Publisher};
use testkit::builders::{key, slot};

use crate::contract::{
    rebuild,
    subject::{Faults, LOG_SEGMENTS, Subject, change, next_delivery, next_event, published},
};

contract! { open }

async fn open() -> Subject {
    on(&MemoryBus::with_log_segments(LOG_SEGMENTS))
}

fn on(bus: &MemoryBus) -> Subject {
    Subject {
        publisher: Box::new(bus.clone()),
        follower: Box::new(bus.clone()),
        faults: Box::new(bus.clone()),
    }
}

#[async_trait]
impl Faults for MemoryBus {
    async fn lose_everything(&self) {
        Self::lose_everything(self);
    }

    async fn lose_bucket(&self, _build: Build, bucket: u32) {
        Self::lose_bucket(self, bucket);
    }
}

#[tokio::test]
async fn away_bus_answers_nothing_and_ends_subscriptions() {
    let bus = MemoryBus::new();
    let subject = on(&bus);
    let build = subject.complete_at(0).await;
    let mut feed = subject.subscribe().await;
    let mut snapshot = bus.snapshot().await.expect("the bus is here");

    bus.go_away();

    assert_eq!(next_event(&mut feed).await, None);
    assert!(matches!(Publisher::meta(&bus).await, Err(BusError::Away)));
    let published_away = bus.publish(build, &[change(1, "a")]).await;
    assert!(matches!(published_away, Err(BusError::Away)));
    assert!(matches!(bus.subscribe().await, Err(BusError::Away)));
    assert!(matches!(bus.snapshot().await, Err(BusError::Away)));
    assert!(matches!(snapshot.meta().await, Err(BusError::Away)));
    assert!(matches!(bus.probe("r", 1).await, Err(BusError::Away)));

    bus.come_back();

    assert_eq!(subject.publish(build, change(1, "a")).await, published(1));
}

#[tokio::test]
async fn rolled_back_bus_holds_what_it_held_and_ends_subscriptions() {
    let bus = MemoryBus::new();
    let subject = on(&bus);
    let build = subject.complete_at(0).await;
    subject.publish(build, change(1, "a")).await;
    let checkpoint = bus.checkpoint();
    let mut feed = subject.subscribe().await;
    subject.publish(build, change(2, "a")).await;
    next_delivery(&mut feed).await;

    bus.roll_back(&checkpoint);

    assert_eq!(next_event(&mut feed).await, None);
    assert_eq!(subject.published_through().await, 1);
    assert_eq!(subject.held_sequence("a").await, Some(1));
    assert_eq!(subject.publish(build, change(2, "a")).await, published(2));
}

#[tokio::test]
async fn lost_document_goes_unnoticed_and_lost_meta_does_not() {
    let bus = MemoryBus::new();
    let subject = on(&bus);
    let build = subject.complete_at(0).await;
    subject.publish(build, change(1, "a")).await;

    bus.lose_document(&key("a"));
    assert_eq!(subject.held("a").await, None);
    assert!(subject.meta().await.complete);

    bus.lose_meta();
    assert_eq!(Publisher::meta(&bus).await.expect("the bus is here"), None);
}

#[tokio::test]
async fn disconnected_follower_sees_the_end_and_may_subscribe_again() {
    let bus = MemoryBus::new();
    let subject = on(&bus);
    let build = subject.complete_at(0).await;
    let mut feed = subject.subscribe().await;

    bus.disconnect_all();

    assert_eq!(next_event(&mut feed).await, None);
    let mut again = subject.subscribe().await;
    subject.publish(build, change(1, "a")).await;
    assert_eq!(next_delivery(&mut again).await.0, slot(1));
}

#[tokio::test]
async fn dropped_subscription_is_forgotten_with_the_next_message() {
    let bus = MemoryBus::new();
    let subject = on(&bus);
    let build = subject.complete_at(0).await;
    let feed = subject.subscribe().await;
    assert_eq!(bus.subscriptions(), 1);
    drop(feed);
    subject.publish(build, change(1, "a")).await;
    assert_eq!(bus.subscriptions(), 0);
}

#[tokio::test]
async fn fewest_and_most_buckets_are_usable() {
    rebuild::fewest_and_most_buckets_are_usable(on(&MemoryBus::new())).await;
}
