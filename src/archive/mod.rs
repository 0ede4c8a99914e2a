//! Strict, bounded readers of the artifacts' own containers: zip and tar.

pub mod zip;
