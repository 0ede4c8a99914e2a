//! Chain of custody: signed records of what happened to a bundle's media, each naming those before it
//! (`bundle-spec/custody.md` §4, §5).
//!
//! Threats, each with its defence:
//! - A record that somebody removed, put elsewhere, edited or took from another bundle: each names the bundle by its manifest's digest, and the
//!   last record about each of its volumes by that record's digest. Only the last ones of all can go without a trace; a policy asks for those that
//!   must be there, and somebody who knows which was the last can name it.
//! - A record by somebody whom nobody here knows: it is shown as that, and counts for nothing.
//! - A file that is put there to stop an import: what does not count is said, and breaks no chain.
//! - Files without end: their number and size are bounded before anything is read.

mod chain;
mod named;
mod record;
mod words;

pub use chain::{About, Chain, Link, Trouble, Word};
pub use named::Named;
pub use record::{
    CustodyError, MAX_CUSTODY_BYTES, MAX_CUSTODY_NOTE_BYTES, MAX_CUSTODY_SCANS, MAX_CUSTODY_TEXT_BYTES,
    MAX_CUSTODY_TOLD, Medium, Record, Sanitisation, ScanTold, ScannedBy, Seal, SealState, TimeBy, Told, VolumeOf,
    WriteProtection,
};

/// Records that are read of one bundle: media that change hands once a day for a year, and some.
pub const MAX_CUSTODY_RECORDS: usize = 500;
