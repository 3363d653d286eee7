//! Bodies to representations.
