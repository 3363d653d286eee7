//! Tests of the writer's inside.

mod config;
mod document;
mod post;
mod render;
