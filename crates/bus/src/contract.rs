//! What every implementation of the bus promises, as a list of behaviours to run against it.
