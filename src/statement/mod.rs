//! What is signed about an enclave's own records: holds and their releases, tombstones of what was removed, renewals of old seals, losses that
//! persons have taken note of, and what persons who had no part in an import say of its report (`bundle-spec/retention.md`).
//!
//! Each is one document in an envelope, has a leaf in the log and a row in state.db, and so cannot be taken away or slipped in without being found.
//!
//! Threats, each with its defence:
//! - A statement that somebody removes, edits or adds: its digest stands in state.db and in the log, and its signatures are counted again whenever it is read.
//! - A statement of another enclave: it names the enclave's id.
//! - A key that is lost later: a hold by such a key still holds, and nothing else that it signed counts. What was held stays held.
//! - A person who accepts what they did themselves: whoever signed a report, or exported its bundle, cannot countersign it.
//! - A person who ends what others began: a release, and a loss, ask for as many persons as the role `trust` does.

#![expect(clippy::disallowed_methods, reason = "what was sealed anew are files")]

mod absent;
mod countersignature;
mod document;
mod holds;
mod load;
mod loss;
mod renewal;
mod scope;
mod tombstone;

pub use absent::{Absent, AbsentReport, Gone, Place};
pub use countersignature::{Countersignature, Countersigned, Parties, ReportNamed, Said, check_report};
pub use document::{Body, FORMAT, Hold, Release, StatementError, check_texts};
pub use holds::{Held, Holds};
pub use load::{Stated, Statements, judge_alone, judge_new, of_enclave, role_of};
pub use loss::Loss;
pub use renewal::{Covered, Renewal, Renewals, RenewedFile, check_list};
pub use scope::Scope;
pub use tombstone::{MAX_PRUNED, PolicyNamed, Pruned, Tombstone};
