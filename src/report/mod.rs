//! What an attempt to import came to, as one signed document, and everything that is rendered from it
//! (`bundle-spec/report.md`).
//!
//! A report is one file: a line with the sealed head, then a line for each artifact, which the head names by their digest. So
//! a report over a hundred thousand artifacts is written, verified and shown in bounded memory. Renderings are made from a
//! verified report alone, and carry its digest.
#![expect(clippy::disallowed_methods, reason = "reports lie in files of their own")]

mod attempt;
mod bound;
mod check;
pub mod controls;
mod custody;
mod error;
mod folder;
mod head;
mod log;
pub mod html;
mod pdf;
mod read;
mod record;
mod render;
mod summaries;
mod tally;
mod text;
mod write;

pub use attempt::{CryptoModule, Cryptography, Handling, Host, Keep, Program, SealedMap, Station, Verdict};
pub use bound::{Shortened, short};
pub use custody::{Custody, CustodyTrouble, NamedRecord};
pub use error::ReportError;
pub use folder::{ASIDE, Folder, Listed, check_order};
pub use head::{
    Bundle, Check, CheckResult, Consent, FORMAT, Head, KnownTime, LostReport, Method, Outcome, Person, Policy,
    Previous, Published, Records, Refused, ScannerRun, Standing, TrustThen, Version,
};
pub use log::{LogPart, Proven};
pub use pdf::PdfError;
pub use read::{Report, open, verify};
pub use record::{About, Absent, Decided, DecisionHit, LoweredHit, PublishedAt, Record, Scan};
pub(crate) use render::csv_row;
pub use render::{Format, RenderError, render, signed};
pub use summaries::{Summarized, SummaryError, verify_summaries};
pub use tally::{EcosystemTally, Tally, VoucherTally};
pub use text::summary;
pub(crate) use write::shorten;
pub use write::{Aside, MAX_REPORT_RECORD_BYTES};
