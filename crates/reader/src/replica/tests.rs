//! The machine against a model of the database, the bus and the catalog.

mod rules;
mod world;
