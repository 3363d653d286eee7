//! What an outbox has room for.

use bytes::Bytes;
use shared::{ContentCoding, Representation};
use telemetry::Span;
use testkit::builders::{key, slot};

use super::*;

fn change(bytes: usize) -> CommittedChange {
    let octets = Bytes::from(vec![b'x'; bytes]);
    CommittedChange {
        key: key("a"),
        slot: slot(1),
        version: shared::Version(1),
        updated_at: shared::Timestamp(0),
        expires_at: None,
        change: Change::Put(vec![Representation::of(ContentCoding::Identity, octets)]),
        step: Span::none(),
    }
}

#[tokio::test]
async fn as_many_octets_fit_as_are_allowed_and_one_more_does_not() {
    let (outbox, mut committed) = outbox(8);
    let level = outbox.level();
    assert!(outbox.put(vec![change(OUTBOX_BYTES_MAX - 10)]).is_ok());
    assert!(outbox.put(vec![change(4), change(6)]).is_ok());
    assert_eq!((level.batches(), level.bytes()), (2, OUTBOX_BYTES_MAX));
    let refused = outbox.put(vec![change(1)]).expect_err("no room");
    assert_eq!(refused.len(), 1);

    let mut taken = committed.next().await.expect("it was put in");
    taken.append(committed.try_next().expect("so was this"));

    assert_eq!(taken.changes.len(), 3);
    assert_eq!(taken.bytes(), OUTBOX_BYTES_MAX);
    assert_eq!(level.batches(), 0);
    assert!(outbox.put(vec![change(1)]).is_err(), "it is not published");
    drop(taken);
    assert_eq!(level.bytes(), 0);
    assert!(outbox.put(vec![change(1)]).is_ok());
}

#[tokio::test]
async fn a_batch_above_the_limit_fits_alone() {
    let (outbox, mut committed) = outbox(8);
    assert!(outbox.put(vec![change(1)]).is_ok());
    assert!(outbox.put(vec![change(OUTBOX_BYTES_MAX + 1)]).is_err());
    drop(committed.next().await);
    assert!(outbox.put(vec![change(OUTBOX_BYTES_MAX + 1)]).is_ok());
    assert!(outbox.put(vec![change(1)]).is_err());
}
