//! Tests of the writer's inside.

mod access;
mod config;
mod document;
mod ndjson;
mod post;
mod render;
