//! Tests of the writer's inside.

mod document;
mod post;
mod render;
