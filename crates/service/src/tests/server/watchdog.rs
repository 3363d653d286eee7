//! The watchdog without sockets and without waiting.

use std::time::Duration;

use tokio::time::Instant;

use super::LIMITS;
use crate::{
    Limits,
    server::{
        meter::{Reading, Stage},
        watchdog::Watchdog,
    },
};

const MILLI: Duration = Duration::from_millis(1);

const PACE: Limits = Limits {
    head_timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(75),
    content_timeout: Duration::from_secs(11),
    content_bytes_min: 100,
    write_timeout: Duration::from_mins(1),
    ..LIMITS
};

fn reading(stage: Stage) -> Reading {
    Reading {
        stage,
        requests: 1,
        received: 1000,
        sent: 1000,
    }
}

#[test]
fn each_stage_has_its_limit() {
    let start = Instant::now();
    for (stage, limit) in [
        (Stage::Waiting, PACE.idle_timeout),
        (Stage::Head, PACE.head_timeout),
        (Stage::Content, PACE.content_timeout),
        (Stage::Blocked, PACE.write_timeout),
    ] {
        let mut watchdog = Watchdog::new(PACE);
        let deadline = watchdog.observe(reading(stage), || start);
        assert_eq!(deadline, Some(start + limit), "{stage:?}");
        let early = watchdog.judge(reading(stage), start + limit - MILLI);
        assert_eq!(early, Ok(deadline), "{stage:?}");
        assert_eq!(watchdog.judge(reading(stage), start + limit), Err(stage));
    }
    let mut watchdog = Watchdog::new(PACE);
    assert_eq!(watchdog.observe(reading(Stage::Working), || start), None);
    assert_eq!(watchdog.judge(reading(Stage::Working), start), Ok(None));
}

#[test]
fn a_new_connection_may_be_silent_as_long_as_a_head_may_take() {
    let start = Instant::now();
    let mut watchdog = Watchdog::new(PACE);
    let silent = Reading {
        requests: 0,
        ..reading(Stage::Waiting)
    };
    let deadline = watchdog.observe(silent, || start);
    assert_eq!(deadline, Some(start + PACE.head_timeout));
}

#[test]
fn a_busy_connection_reads_no_clock() {
    let start = Instant::now();
    let mut watchdog = Watchdog::new(PACE);
    watchdog.observe(reading(Stage::Waiting), || start);
    for requests in 2..100 {
        for stage in [Stage::Working, Stage::Waiting] {
            let busy = Reading {
                requests,
                ..reading(stage)
            };
            assert_eq!(
                watchdog.observe(busy, || panic!("the clock was read")),
                None
            );
        }
    }
}

#[test]
fn progress_begins_a_new_period() {
    let start = Instant::now();
    for (stage, progress) in [
        (
            Stage::Waiting,
            Reading {
                requests: 2,
                ..reading(Stage::Waiting)
            },
        ),
        (
            Stage::Head,
            Reading {
                requests: 2,
                ..reading(Stage::Head)
            },
        ),
        (
            Stage::Content,
            Reading {
                received: 1100,
                ..reading(Stage::Content)
            },
        ),
        (
            Stage::Content,
            Reading {
                requests: 2,
                ..reading(Stage::Content)
            },
        ),
        (
            Stage::Blocked,
            Reading {
                sent: 1001,
                ..reading(Stage::Blocked)
            },
        ),
    ] {
        let mut watchdog = Watchdog::new(PACE);
        let first = watchdog.observe(reading(stage), || start).unwrap();
        let second = watchdog.judge(progress, first).unwrap().unwrap();
        assert_eq!(second - first, first - start, "{stage:?}");
        assert_eq!(watchdog.judge(progress, second), Err(stage));
    }
}

#[test]
fn too_little_progress_is_none() {
    let start = Instant::now();
    let trickle = |stage| Reading {
        received: 1099,
        ..reading(stage)
    };
    for stage in [Stage::Content, Stage::Head] {
        let mut watchdog = Watchdog::new(PACE);
        let deadline = watchdog.observe(reading(stage), || start).unwrap();
        assert_eq!(watchdog.judge(trickle(stage), deadline), Err(stage));
    }
}

#[test]
fn another_stage_has_a_deadline_of_its_own() {
    let start = Instant::now();
    let mut watchdog = Watchdog::new(PACE);
    watchdog.observe(reading(Stage::Waiting), || start);
    let later = start + 5 * MILLI;
    let head = watchdog.observe(reading(Stage::Head), || later);
    assert_eq!(head, Some(later + PACE.head_timeout));
    let content = watchdog.observe(reading(Stage::Content), || later);
    assert_eq!(content, Some(later + PACE.content_timeout));
    // Back to work: what is armed may fire, and breaks nothing.
    assert_eq!(watchdog.observe(reading(Stage::Working), || later), None);
    assert_eq!(
        watchdog.judge(reading(Stage::Working), content.unwrap()),
        Ok(None)
    );
}
