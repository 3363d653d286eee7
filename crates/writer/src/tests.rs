//! Tests of the writer's inside.

mod document;
mod ndjson;
mod post;
mod render;
