//! An artifact's bytes.

use std::io::{Read, Seek};

/// An artifact's bytes, verified to be those listed, for reading.
pub trait Content: Read + Seek {}

impl<T: Read + Seek> Content for T {}
