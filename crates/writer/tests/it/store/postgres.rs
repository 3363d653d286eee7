//! PostgreSQL keeps the contract, and promises of its own.

mod commits;
mod histories;
mod leases;
mod plans;
pub(crate) mod proxy;
mod sessions;
mod tls;

use super::{contract::contract_tests, fixture::postgres};

contract_tests!(postgres);
