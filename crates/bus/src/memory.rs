//! The bus within one process.

/// The in-process bus: both sides of the seam over one shared state.
#[derive(Debug, Clone, Default)]
pub struct MemoryBus;
