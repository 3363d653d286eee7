//! What users of the bus rely on: one contract, run against both implementations, and what each
//! of them adds.

#[macro_use]
mod contract;

mod memory;
mod redis;
mod redis_acl;
mod redis_cluster;
mod redis_failover;
mod redis_faults;
mod redis_sentinel;
mod redis_tls;
