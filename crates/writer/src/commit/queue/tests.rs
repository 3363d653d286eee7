//! When a batch leaves. Time is paused: it goes on by itself where all wait.

use std::time::Duration;
use telemetry::Span;

use bytes::Bytes;
use shared::{ContentCoding, Representation, ResourceKey};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::{QUEUE_BYTES_MAX, Queue, Queued, Taken, WriteError};
use crate::store::{Action, Mutation, Outcome, Precondition};

/// What the last commit took, in these tests: 8 ms.
const COMMIT: Duration = Duration::from_millis(8);

type Answer = oneshot::Receiver<Result<Outcome, WriteError>>;

/// Queues a write to a key that this number names.
fn push(queue: &Queue, number: usize) -> Answer {
    try_push(queue, number, Bytes::new()).unwrap()
}

/// The same with octets to be published.
fn try_push(queue: &Queue, number: usize, octets: Bytes) -> Result<Answer, WriteError> {
    let (answer, answered) = oneshot::channel();
    queue.push(Queued {
        mutation: Mutation {
            key: ResourceKey::parse("posts", &number.to_string()).unwrap(),
            action: Action::Delete,
            precondition: Precondition::None,
            retry: None,
        },
        representations: vec![Representation::of(ContentCoding::Identity, octets)],
        request: Span::none(),
        step: Span::none(),
        answer,
    })?;
    Ok(answered)
}

fn push_all(queue: &Queue, numbers: std::ops::Range<usize>) -> Vec<Answer> {
    numbers.map(|number| push(queue, number)).collect()
}

/// The next batch's length, and how long it took to leave.
async fn take(queue: &Queue) -> (usize, Duration) {
    let begun = Instant::now();
    let Taken { batch, .. } = queue.take().await.unwrap();
    (batch.len(), begun.elapsed())
}

/// A batch whose clients do not come back.
async fn take_in_vain(queue: &Queue) -> Duration {
    queue.expect(10, COMMIT);
    let _waiting = push(queue, 0);
    take(queue).await.1
}

#[tokio::test(start_paused = true)]
async fn octets_that_wait_are_bounded_until_a_batch_takes_them_or_nobody_waits() {
    const LONG: usize = QUEUE_BYTES_MAX / 8;
    let queue = Queue::new(100);
    // Shared by all, so that the test needs an eighth of what it tells of.
    let long = Bytes::from(vec![b'x'; LONG]);
    let mut waiting: Vec<Answer> = (0..7)
        .map(|number| try_push(&queue, number, long.clone()).unwrap())
        .collect();
    waiting.push(try_push(&queue, 7, long.slice(1..)).unwrap());
    waiting.push(try_push(&queue, 8, long.clone()).expect("one octet less than the limit waits"));
    let refused = try_push(&queue, 9, Bytes::new());
    assert_eq!(refused.unwrap_err(), WriteError::QueueFull);
    assert_eq!(queue.bytes(), 9 * LONG - 1);

    assert_eq!(take(&queue).await.0, 9);
    assert_eq!(queue.bytes(), 0);
    drop(waiting);
    let abandoned = try_push(&queue, 10, long.clone()).expect("there is room again");
    drop(abandoned);
    let waiting: Vec<Answer> = (11..18)
        .map(|number| try_push(&queue, number, long.clone()).unwrap())
        .collect();
    let refused = try_push(&queue, 18, Bytes::new());
    assert_eq!(refused.unwrap_err(), WriteError::QueueFull);
    assert_eq!(take(&queue).await.0, waiting.len());
    let all_room = (20..28).map(|number| try_push(&queue, number, long.clone()));
    assert!(all_room.collect::<Vec<_>>().iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_waited_for_before_the_first_commit() {
    let queue = Queue::new(100);
    let _waiting = push_all(&queue, 0..3);

    assert_eq!(take(&queue).await, (3, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn batch_waits_for_those_just_answered_and_no_longer() {
    let queue = Queue::new(100);
    let _waiting = push_all(&queue, 0..3);
    queue.expect(4, COMMIT);
    let coming_back = async {
        sleep(Duration::from_millis(2)).await;
        let first = push_all(&queue, 3..6);
        sleep(Duration::from_millis(1)).await;
        (first, push(&queue, 6))
    };

    let (taken, _answers) = tokio::join!(take(&queue), coming_back);

    assert_eq!(taken, (7, Duration::from_millis(3)));
}

#[tokio::test(start_paused = true)]
async fn batch_leaves_without_those_who_stay_away() {
    let queue = Queue::new(100);
    queue.expect(10, COMMIT);
    let _waiting = push_all(&queue, 0..3);

    assert_eq!(take(&queue).await, (3, COMMIT));
}

#[tokio::test(start_paused = true)]
async fn lone_client_never_waits() {
    let queue = Queue::new(100);
    for number in 0..3 {
        queue.expect(1, COMMIT);
        let _waiting = push(&queue, number);
        assert_eq!(take(&queue).await, (1, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn write_long_after_a_commit_is_taken_at_once() {
    let queue = Queue::new(100);
    queue.expect(64, COMMIT);
    sleep(Duration::from_secs(1)).await;
    let _waiting = push(&queue, 0);

    assert_eq!(take(&queue).await, (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn each_wait_in_vain_halves_the_next_down_to_a_sixteenth() {
    let queue = Queue::new(100);
    let mut lengths = Vec::new();
    for _ in 0..6 {
        lengths.push(take_in_vain(&queue).await);
    }

    // Timers are no finer than a millisecond.
    assert_eq!(lengths, [8, 4, 2, 1, 1, 1].map(Duration::from_millis));

    queue.expect(3, COMMIT);
    let _all = push_all(&queue, 0..3);
    assert_eq!(take(&queue).await, (3, Duration::ZERO));
    assert_eq!(take_in_vain(&queue).await, COMMIT);
}

#[tokio::test(start_paused = true)]
async fn slow_commit_makes_nobody_wait_for_more_than_10_ms() {
    let queue = Queue::new(100);
    queue.expect(10, Duration::from_secs(5));
    let _waiting = push(&queue, 0);

    assert_eq!(take(&queue).await, (1, Duration::from_millis(10)));
}

#[tokio::test(start_paused = true)]
async fn batch_that_left_as_many_behind_is_followed_at_once() {
    for (taken, waits) in [(1, Duration::ZERO), (2, COMMIT)] {
        let queue = Queue::new(100);
        let _waiting = push_all(&queue, 0..taken);
        let _again = push(&queue, 0);
        assert_eq!(take(&queue).await, (taken, Duration::ZERO));

        queue.expect(taken, COMMIT);

        assert_eq!(take(&queue).await, (1, waits));
    }
}

#[tokio::test(start_paused = true)]
async fn full_batch_leaves_at_once() {
    let queue = Queue::new(1000);
    let _waiting = push_all(&queue, 0..512);
    queue.expect(100, COMMIT);

    assert_eq!(take(&queue).await, (512, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn closed_queue_waits_for_nobody() {
    let queue = Queue::new(100);
    queue.expect(10, COMMIT);
    let _waiting = push(&queue, 0);
    queue.close();

    assert_eq!(take(&queue).await, (1, Duration::ZERO));
    assert!(queue.take().await.is_none());
}
