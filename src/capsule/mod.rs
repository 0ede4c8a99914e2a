//! Capsules: everything that is needed to judge one attempt again, in one file (`bundle-spec/capsule.md`). Made in the enclave, judged anywhere:
//! what is believed of it rests on the signatures of its parts, and on the report, which names the others by digest.

mod index;
mod make;
mod open;
mod unpack;

pub use index::{FORMAT, Index, LeftOut, MAX_INDEX_BYTES, MAX_PARTS};
pub use make::{Carry, Made, Making, make};
pub use open::{Capsule, open};
pub use unpack::{Unpacked, unpack};
