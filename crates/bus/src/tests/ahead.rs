//! How many buckets are asked for ahead.

use crate::redis::ahead::{AHEAD_BUCKETS_MAX, AHEAD_BYTES_MAX, Ahead};

/// The room after buckets of these sizes.
fn room_after(sizes: impl IntoIterator<Item = usize>) -> usize {
    let mut ahead = Ahead::default();
    for size in sizes {
        ahead.note(size);
    }
    ahead.room()
}

#[test]
fn small_buckets_are_asked_for_ahead_up_to_the_limit_and_no_faster_than_they_are_known() {
    let rooms: Vec<usize> = (0..20).map(|read| room_after(vec![1000; read])).collect();
    let expected: Vec<usize> = (1..=20).map(|room| room.min(AHEAD_BUCKETS_MAX)).collect();
    assert_eq!(rooms, expected);
}

#[test]
fn what_is_asked_for_has_at_most_the_octets_allowed() {
    let at = AHEAD_BYTES_MAX / AHEAD_BUCKETS_MAX;
    assert_eq!(room_after(vec![at; 20]), AHEAD_BUCKETS_MAX);
    assert_eq!(room_after(vec![at + 1; 20]), AHEAD_BUCKETS_MAX - 1);
    assert_eq!(room_after(vec![AHEAD_BYTES_MAX / 2; 20]), 2);
    assert_eq!(room_after(vec![AHEAD_BYTES_MAX / 2 + 1; 20]), 1);
    assert_eq!(room_after(vec![usize::MAX; 20]), 1, "or nothing would come");
    assert_eq!(room_after(vec![0; 20]), AHEAD_BUCKETS_MAX);
}

#[test]
fn one_large_bucket_is_forgotten_once_as_many_small_ones_as_are_asked_for_were_read() {
    let after = |small: usize| {
        let sizes = std::iter::once(AHEAD_BYTES_MAX).chain(vec![1000; small]);
        room_after(sizes)
    };
    assert_eq!(after(AHEAD_BUCKETS_MAX - 1), 1);
    assert_eq!(after(AHEAD_BUCKETS_MAX), AHEAD_BUCKETS_MAX);
}
