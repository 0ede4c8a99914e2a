//! How long an enclave's records are kept, and what becomes of them then: which are over, what holds them, their removal, which is a record
//! itself, and the sealing anew of those that stay (`bundle-spec/retention.md`).
//!
//! Threats, each with its defence:
//! - A record removed before its time, or while it is held: what is removed is computed here, from signed policy and signed holds, and nothing is removed of which
//!   no signed tombstone was taken before.
//! - A clock that somebody moves: what is removed, and at which time that was judged, stands in the tombstone and in the log for good.
//! - A tombstone that names what lies elsewhere: its paths lie where records lie, and only bytes with the digest that it names are removed.
#![expect(clippy::disallowed_methods, reason = "records are files")]

mod items;
mod prune;
mod reseal;

pub use items::{Item, Looking, items};
pub use prune::{Done, MAX_AT_ONCE, Pruning, finish, over, prune};
pub use reseal::{Resealed, reseal};
