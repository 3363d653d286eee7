//! Tests of the writer's inside.

mod config;
mod document;
mod ndjson;
mod post;
mod render;
