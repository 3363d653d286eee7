use std::time::{Duration, Instant};

use crate::Throttle;

const INTERVAL: Duration = Duration::from_secs(5);

#[test]
fn the_first_line_goes_through_and_then_one_in_each_interval_with_a_count() {
    let throttle = Throttle::new(INTERVAL);
    let begun = Instant::now();
    let admitted = [0, 1, 2, 4999, 5000, 5001, 10_000, 15_000]
        .map(|millis| throttle.admit(begun + Duration::from_millis(millis)));
    let expected = [Some(0), None, None, None, Some(3), None, Some(1), Some(0)];
    assert_eq!(admitted, expected);
}

#[test]
fn after_a_reset_the_next_line_is_the_first() {
    let throttle = Throttle::new(INTERVAL);
    let now = Instant::now();
    assert_eq!(throttle.reset(), None, "nothing was let through");
    assert_eq!(throttle.admit(now), Some(0));
    assert_eq!(throttle.admit(now), None);
    assert_eq!(throttle.reset(), Some(1));
    assert_eq!(throttle.reset(), None, "told already");
    assert_eq!(throttle.admit(now), Some(0));
}
