//! What waits for a collector, and what does not.

use std::sync::{
    Arc, Mutex,
    mpsc::{Receiver, SyncSender, sync_channel},
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};

use crate::{
    Kind, Origin, Span,
    export::{QUEUE_MAX, SpanCounts, provider_by},
};

/// Says when it has a batch, and keeps it until it is told what to say of it.
#[derive(Debug)]
struct Held {
    begun: SyncSender<usize>,
    answers: Mutex<Receiver<OTelSdkResult>>,
}

impl SpanExporter for Held {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.begun.send(batch.len()).unwrap();
        self.answers.lock().unwrap().recv().unwrap()
    }
}

struct Stage {
    provider: SdkTracerProvider,
    counts: Arc<SpanCounts>,
    begun: Receiver<usize>,
    answer: SyncSender<OTelSdkResult>,
}

impl Stage {
    fn new() -> Self {
        let (begun_sender, begun) = sync_channel(64);
        let (answer, answers) = sync_channel(64);
        let counts = Arc::default();
        let exporter = Held {
            begun: begun_sender,
            answers: Mutex::new(answers),
        };
        Self {
            provider: provider_by(exporter, Resource::builder_empty().build(), &counts),
            counts,
            begun,
            answer,
        }
    }

    fn make(&self, count: usize) {
        let tracer = self.provider.tracer("test");
        for _ in 0..count {
            Span::begin_by(&tracer, Origin::Here, Kind::Server, "step".into(), None).end();
        }
    }

    /// Sent, failed and dropped.
    fn counted(&self) -> [u64; 3] {
        [0, 1, 2].map(|index| self.counts.get(index))
    }
}

#[test]
fn a_collector_that_hangs_costs_spans_and_no_time() {
    let stage = Stage::new();
    stage.make(512);
    assert_eq!(stage.begun.recv().unwrap(), 512, "a batch is under way");
    // It is not answered: this would hang if anybody waited for it.
    stage.make(QUEUE_MAX - 512);
    assert_eq!(stage.counted(), [0, 0, 0]);
    stage.make(10);
    assert_eq!(stage.counted(), [0, 0, 10]);

    stage.answer.send(Ok(())).unwrap();
    assert_eq!(stage.begun.recv().unwrap(), 512);
    assert_eq!(stage.counted(), [512, 0, 10]);
    stage.make(512);
    assert_eq!(stage.counted(), [512, 0, 10], "there is room again");
    for _ in 0..8 {
        stage.answer.send(Ok(())).unwrap();
    }
    stage.provider.shutdown().unwrap();
    assert_eq!(stage.counted(), [QUEUE_MAX as u64 + 512, 0, 10]);
}

#[test]
fn what_a_collector_refuses_is_counted() {
    let stage = Stage::new();
    stage.make(3);
    let refused = OTelSdkError::InternalFailure("503".to_owned());
    stage.answer.send(Err(refused)).unwrap();
    assert!(stage.provider.force_flush().is_err());
    assert_eq!(stage.counted(), [0, 3, 0]);
}
