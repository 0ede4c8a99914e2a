//! The sending side, one file per step, in the order of the data.

pub mod select;
pub mod connect;
pub mod collect;
pub mod source;
pub mod describe;
pub mod sign;
pub mod pack;
