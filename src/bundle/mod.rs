//! The bytes of our own format, version 1; one file per chapter of `bundle-spec/`.

pub mod catalog;
pub mod container;
pub mod frame;
pub mod limits;
pub mod manifest;
pub mod parts;
pub mod vex;
pub mod volumes;
