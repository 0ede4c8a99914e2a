//! The read-only HTTP server of the current generation.
