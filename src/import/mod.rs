//! The receiving side, one file per step, in the order of the data. `verify` is `import` stopped before `stage`.

pub mod open;
pub mod authenticate;
pub mod verify_objects;
