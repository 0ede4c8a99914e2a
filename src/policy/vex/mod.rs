//! VEX: what publishers say of vulnerabilities in their own products (OpenVEX 0.2.0; CSAF 2.0 §4.5 and 2.1 §4.5, profile VEX; CycloneDX 1.4 to 1.6,
//! `vulnerabilities`; `bundle-spec/policy.md` §6).
//!
//! Threats, each with its defence:
//! - A document that exhausts memory or the stack: [`MAX_VEX_BYTES`], [`MAX_VEX_CLAIMS`], the JSON library's depth of 128.
//! - A field that stands twice, so that two readers see two documents: it is refused.
//! - A statement about a product that only holds the artifact, or about any version: it lowers nothing ([`VexProduct::is_narrow`]).
//! - A "not affected" without a reason that a machine can read: it lowers nothing ([`VexStatement::lowers`]).
//! - A draft: it has no statements.
//!
//! Who signed a document is not looked at here.

mod csaf;
mod cyclonedx;
mod openvex;
mod said;
mod vers;

use serde::Deserialize;

use crate::model::{Digest, Timestamp};

pub(crate) use said::{Answer, answer};
pub use said::{Lowered, VexSaid};
pub use vers::{MAX_CONSTRAINTS, VersionRange};

/// The largest real documents list every build of a distribution: 10 MB.
pub const MAX_VEX_BYTES: usize = 16 << 20;

/// The most pairs of statement and product of one document: a thousand vulnerabilities in some hundred builds.
pub const MAX_VEX_CLAIMS: usize = 200_000;

/// The most other names of one vulnerability; real ones have a handful.
const MAX_NAMES: usize = 100;

/// The longest text that is kept of a document, in bytes: an address as its id.
const MAX_TEXT_BYTES: usize = 1000;

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VexDocument {
    /// What it calls itself.
    pub id: String,
    /// Its format, as people call it.
    pub format: &'static str,
    /// Its statements. None in a draft.
    pub statements: Vec<VexStatement>,
}

/// What a document says of a vulnerability in some products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VexStatement {
    /// The names of the vulnerability: at least one.
    pub names: Vec<String>,
    /// What is said.
    pub status: VexStatus,
    /// Why it is not affected, in the format's own word.
    pub justification: Option<String>,
    /// When it was said.
    pub time: Timestamp,
    /// Of which products.
    pub products: Vec<VexProduct>,
}

/// What is said of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VexStatus {
    /// The vulnerability does nothing there.
    NotAffected,
    /// It was mended there.
    Fixed,
    /// Nobody knows yet.
    UnderInvestigation,
    /// It is there.
    Affected,
}

impl VexStatus {
    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotAffected => "not_affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
            Self::Affected => "affected",
        }
    }
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VexProduct {
    /// Its package URL.
    pub purl: String,
    /// The versions, where they do not stand in the URL.
    pub range: Option<VersionRange>,
    /// The digest of its bytes, where one is stated.
    pub sha256: Option<Digest>,
    /// Whether it is about less, or about more, than the package itself: a part of it, the package as a part of something, or bytes whose digest cannot be
    /// compared.
    pub is_narrow: bool,
}

/// The reasons for "not affected" that say something about the code itself (OpenVEX 0.2.0, "Status Justifications"; CSAF 2.0 §3.2.3.5).
const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "inline_mitigations_already_exist",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_not_present",
];

impl VexStatement {
    /// Whether it can lower what an advisory asks for.
    pub fn lowers(&self) -> bool {
        lowers(self.status, self.justification.as_deref())
    }
}

fn lowers(status: VexStatus, justification: Option<&str>) -> bool {
    match status {
        VexStatus::Fixed => true,
        VexStatus::NotAffected => justification.is_some_and(|word| JUSTIFICATIONS.contains(&word)),
        VexStatus::UnderInvestigation | VexStatus::Affected => false,
    }
}

/// Bytes are no VEX document that can be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VexError {
    /// It is over the bound.
    #[error("the document has {found} bytes, more than {MAX_VEX_BYTES}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// It says too much.
    #[error("the document has more than {MAX_VEX_CLAIMS} pairs of statement and product")]
    TooMany,
    /// It is no JSON, or not of its format.
    #[error("the document is not of its format")]
    Format(#[from] serde_json::Error),
    /// It is of no format that is known here.
    #[error("the document is neither OpenVEX nor CSAF's profile VEX nor CycloneDX")]
    Unknown,
    /// A field says nothing that can be used.
    #[error("`{field}` {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
}

/// Only what tells the formats apart.
#[derive(Deserialize)]
struct Mark {
    #[serde(rename = "@context", default)]
    context: Option<serde_json::Value>,
    #[serde(rename = "bomFormat", default)]
    bom_format: Option<serde_json::Value>,
    #[serde(default)]
    document: Option<CsafMark>,
}

#[derive(Deserialize)]
struct CsafMark {
    #[serde(default)]
    csaf_version: Option<serde_json::Value>,
}

impl VexDocument {
    /// Reads a document of any format that is known here.
    pub fn read(untrusted_json: &[u8]) -> Result<Self, VexError> {
        if untrusted_json.len() > MAX_VEX_BYTES {
            return Err(VexError::TooLong {
                found: untrusted_json.len(),
            });
        }
        let mark: Mark = serde_json::from_slice(untrusted_json)?;
        let document = if mark.context.is_some() {
            openvex::read(untrusted_json)
        } else if mark.bom_format.is_some() {
            cyclonedx::read(untrusted_json)
        } else if mark.document.is_some_and(|document| document.csaf_version.is_some()) {
            csaf::read(untrusted_json)
        } else {
            Err(VexError::Unknown)
        }?;
        let claims = document.statements.iter().map(|statement| statement.products.len());
        if claims.sum::<usize>() > MAX_VEX_CLAIMS {
            return Err(VexError::TooMany);
        }
        Ok(document)
    }
}

const fn fault(field: &'static str, problem: &'static str) -> VexError {
    VexError::Field { field, problem }
}

fn time(field: &'static str, text: &str) -> Result<Timestamp, VexError> {
    text.parse::<jiff::Timestamp>()
        .map(|time| Timestamp::from_seconds(time.as_second()))
        .map_err(|_| fault(field, "is no time"))
}

/// A text that is kept and shown.
fn text(field: &'static str, text: String) -> Result<String, VexError> {
    if text.is_empty() || text.len() > MAX_TEXT_BYTES {
        return Err(fault(field, "is empty or longer than 1000 bytes"));
    }
    Ok(text)
}

/// The names of a vulnerability, each once.
fn names(field: &'static str, all: impl IntoIterator<Item = String>) -> Result<Vec<String>, VexError> {
    let mut names: Vec<String> = Vec::new();
    for name in all {
        let name = text(field, name)?;
        if !names.contains(&name) {
            names.push(name);
        }
        if names.len() > MAX_NAMES {
            return Err(fault(field, "has more than 100 names"));
        }
    }
    if names.is_empty() {
        return Err(fault(field, "has no name"));
    }
    Ok(names)
}
