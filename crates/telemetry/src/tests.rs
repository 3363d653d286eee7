//! Logs, traces and metrics as others see them.

mod collector;
mod context;
mod logs;
mod metrics;

use crate::{Config, LogFormat};

fn config() -> Config {
    Config {
        service_name: "pressrun-test".to_owned(),
        filter: "info".to_owned(),
        format: LogFormat::Json,
        otlp_endpoint: None,
    }
}
