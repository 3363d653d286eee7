//! Envelopes of a format that this version does not know.

use bus::{MemoryBus, Publication};
use bytes::Bytes;
use shared::codec::{DecodeError, FORMAT, decode};

use super::{Origin, World};

/// Where the codec keeps the number of the format.
const FORMAT_OFFSET: usize = 4;

/// The same change as a newer release would write it.
fn newer(change: &Publication) -> Publication {
    let mut frame = change.envelope.to_vec();
    assert_eq!(frame[FORMAT_OFFSET], FORMAT);
    frame[FORMAT_OFFSET] = FORMAT + 1;
    let envelope = Bytes::from(frame);
    assert_eq!(decode(&envelope), Err(DecodeError::Format(FORMAT + 1)));
    Publication {
        envelope,
        ..change.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_format_holds_the_position_and_unreadies_the_reader() {
    let world = World::ready().await;
    let change = world.origin.commit_put("a", "second");
    world.origin.publish(&newer(&change)).await;

    world.until("it is not ready", |now| !now.ready).await;
    world.until("it says why", |now| now.undecodable > 0).await;
    world.origin.put("b", "after").await;
    // Live, and then by replays that do not get past it either.
    world.until("many replays", |now| now.replays > 20).await;
    assert!(world.holds("b"));
    let now = world.now();
    assert_eq!((now.ready, now.sequence), (false, Some(1)));
    let reason = now.unready.unwrap();
    let told = format!("format {} is newer than {FORMAT}", FORMAT + 1);
    assert!(
        reason.contains(".2 cannot be read: ") && reason.contains(&told),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn next_change_of_that_document_in_a_known_format_readies_the_reader_again() {
    let world = World::ready().await;
    let change = world.origin.commit_put("a", "second");
    world.origin.publish(&newer(&change)).await;
    world.until("it is not ready", |now| !now.ready).await;

    // Slot 2 is then delivered as the document's current envelope, which is of slot 3.
    world.origin.put("a", "third").await;

    world.until_ready().await;
    world.until_converged().await;
    assert_eq!(world.now().unready, None);
    assert_eq!(world.served("a").as_deref(), Some("third"));
}

#[tokio::test(start_paused = true)]
async fn snapshot_with_an_unknown_format_keeps_the_reader_from_becoming_ready() {
    let origin = Origin::new(MemoryBus::new());
    origin.rebuild().await;
    let change = origin.commit_put("a", "first");
    origin.publish(&newer(&change)).await;
    let mut world = World::reading(origin);
    world.lead();

    let now = world.until("a head is heard of", |now| now.head == Some(1));
    assert!(!now.await.ready);
    world
        .until("it tries again and again", |now| now.state == "hydrating")
        .await;
    assert_eq!(world.now().hydrations, 0);
    let reason = world.now().unready.unwrap();
    assert!(
        reason.starts_with("the snapshot has a document"),
        "{reason}"
    );

    world.origin.rebuild().await;
    world.until_ready().await;
    assert_eq!(world.served("a").as_deref(), Some("first"));
}
