//! When the streams of an HTTP/2 connection stand still. The clock is paused.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, sleep};

use super::LIMITS;
use crate::{
    Limits,
    server::http2::{SLICE_BYTES_MAX, Sliced, Streams, stall},
};

#[tokio::test(start_paused = true)]
async fn response_that_is_taken_slowly_does_not_stand_still_until_it_does() {
    let limits = Limits {
        write_timeout: Duration::from_mins(1),
        ..LIMITS
    };
    let streams = Arc::new(Streams::default());
    let content = Full::new(Bytes::from(vec![7; 8 * SLICE_BYTES_MAX]));
    let mut response = Sliced::new(content, streams.begin());
    let taking = async {
        for _ in 0..4 {
            sleep(Duration::from_secs(40)).await;
            let slice = response.frame().await.expect("a slice").expect("content");
            assert_eq!(slice.into_data().expect("octets").len(), SLICE_BYTES_MAX);
        }
        Instant::now()
    };
    let began = Instant::now();
    let stalled = async {
        stall(&limits, &streams).await;
        Instant::now()
    };
    let (stalled, taken) = tokio::join!(stalled, taking);
    assert_eq!(taken - began, Duration::from_secs(160));
    assert!(stalled >= taken + limits.write_timeout);
    drop(response);
}
