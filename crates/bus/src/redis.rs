//! The bus over Redis.

/// The bus over Redis.
#[derive(Debug, Clone)]
pub struct RedisBus;
