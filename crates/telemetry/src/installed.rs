//! What this process was set up with, for all who make spans.

use std::sync::{Arc, OnceLock};

use opentelemetry_sdk::trace::SdkTracer;

use crate::export::SpanCounts;

/// What every span of this process is made with.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) tracer: SdkTracer,
    pub(crate) ratio: f64,
    pub(crate) counts: Arc<SpanCounts>,
}

static INSTALLED: OnceLock<Installed> = OnceLock::new();

/// None where traces go nowhere.
pub(crate) fn installed() -> Option<&'static Installed> {
    INSTALLED.get()
}

/// Once per process; [`crate::init()`] sees to that.
pub(crate) fn install(installed: Installed) -> bool {
    INSTALLED.set(installed).is_ok()
}
