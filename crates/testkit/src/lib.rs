//! Private servers, builders and waiting, for tests.
//!
//! Nothing here uses a server that it finds: each test binary starts its own PostgreSQL, Redis and
//! `HAProxy` on free ports in temporary directories, and they end with it, however it ends.

pub mod builders;
pub mod cable;
pub mod clock;
pub mod cluster;
pub mod haproxy;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod sentinel;
pub mod tls;
pub mod wait;

pub use postgres::Postgres;
pub use tls::Authority;
pub use wait::eventually;
