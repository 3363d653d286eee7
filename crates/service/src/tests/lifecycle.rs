use std::{process::Command, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use crate::{Lifecycle, Phase, Signals, lifecycle::SignalSource};

const DELAY: Duration = Duration::from_secs(5);

fn lifecycle() -> Lifecycle {
    Lifecycle::new(DELAY, Duration::from_secs(10))
}

struct Sent(mpsc::UnboundedReceiver<&'static str>);

impl SignalSource for Sent {
    async fn next(&mut self) -> &'static str {
        self.0.recv().await.expect("the test sends")
    }
}

/// Follows signals sent on a channel, and tells when it is over.
fn follow(lifecycle: &Lifecycle) -> (mpsc::UnboundedSender<&'static str>, mpsc::Receiver<()>) {
    let (send, signals) = mpsc::unbounded_channel();
    let (over, ended) = mpsc::channel(1);
    let lifecycle = lifecycle.clone();
    tokio::spawn(async move {
        lifecycle.follow(Sent(signals)).await;
        over.send(()).await.unwrap();
    });
    (send, ended)
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_drains_and_the_delay_closes() {
    let lifecycle = lifecycle();
    let (signal, mut ended) = follow(&lifecycle);
    assert_eq!(lifecycle.phase(), Phase::Serving);
    signal.send("SIGTERM").unwrap();
    lifecycle.draining().await;
    assert_eq!(lifecycle.phase(), Phase::Draining);
    let start = Instant::now();
    lifecycle.closing().await;
    assert_eq!(lifecycle.phase(), Phase::Closing);
    assert!(start.elapsed() >= DELAY, "{:?}", start.elapsed());
    assert!(
        timeout(DELAY, ended.recv()).await.is_err(),
        "ended by itself"
    );
    signal.send("SIGINT").unwrap();
    ended.recv().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_during_the_delay_ends_at_once() {
    let lifecycle = lifecycle();
    let (signal, mut ended) = follow(&lifecycle);
    let start = Instant::now();
    signal.send("SIGTERM").unwrap();
    lifecycle.draining().await;
    signal.send("SIGTERM").unwrap();
    ended.recv().await.unwrap();
    assert!(start.elapsed() < DELAY);
}

#[tokio::test]
async fn phases_only_rise_and_are_seen_late_too() {
    let lifecycle = lifecycle();
    let twin = lifecycle.clone();
    lifecycle.close();
    lifecycle.drain();
    assert_eq!(twin.phase(), Phase::Closing);
    assert!(!twin.is_serving());
    twin.draining().await;
    twin.closing().await;
}

#[tokio::test]
async fn both_signals_are_heard() {
    let mut signals = Signals::listen().unwrap();
    for (flag, name) in [("-TERM", "SIGTERM"), ("-INT", "SIGINT")] {
        let pid = std::process::id().to_string();
        let sent = Command::new("kill").args([flag, &pid]).status().unwrap();
        assert!(sent.success());
        assert_eq!(signals.next().await, name);
    }
}
