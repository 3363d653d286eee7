//! What a valid document body is.
