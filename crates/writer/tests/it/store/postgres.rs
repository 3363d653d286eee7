//! PostgreSQL keeps the contract.

use super::{contract::contract_tests, fixture::postgres};

contract_tests!(postgres);
