//! Objects on disk, named by digest.
