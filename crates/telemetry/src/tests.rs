//! Logs, traces and metrics as others see them.

mod chain;
mod collector;
mod context;
mod export;
mod head;
mod logs;
mod metrics;
mod throttle;

use crate::{Config, LogFormat};

fn config() -> Config {
    Config {
        service_name: "pressrun-test".to_owned(),
        instance: "test-1".to_owned(),
        filter: "info".to_owned(),
        format: LogFormat::Json,
        otlp_endpoint: None,
        trace_ratio: 1.0,
    }
}
