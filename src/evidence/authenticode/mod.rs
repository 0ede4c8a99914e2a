//! Authenticode signatures in PE files ("Windows Authenticode Portable Executable Signature Format", 2008; PE Format,
//! "The Attribute Certificate Table").
//!
//! Threats: bytes that are in the file and not in the hash (everything is hashed but the checksum, the table's place and the table
//! itself, and the table ends the file, holds one entry and nothing after its message, `pe.rs`), hashes that no longer prove
//! anything, and what `x509` lists.

mod pe;
mod verify;

use super::embedded::{Embedded, EmbeddedKind};
use super::{Context, EvidenceKind};
use crate::model::{Artifact, Content, Finding};

/// The kind.
pub const AUTHENTICODE: &dyn EvidenceKind = &EmbeddedKind(&Authenticode);

const ID: &str = "authenticode";

struct Authenticode;

impl Embedded for Authenticode {
    fn id(&self) -> &'static str {
        ID
    }

    fn place(&self) -> &'static str {
        "a program's signature lies in the program"
    }

    fn lies_in(&self, file: &str, untrusted: &mut dyn Content) -> bool {
        const ENDINGS: [&str; 5] = [".exe", ".dll", ".sys", ".efi", ".ocx"];
        let lower = file.to_ascii_lowercase();
        ENDINGS.iter().any(|ending| lower.ends_with(ending)) && pe::has_table(untrusted)
    }

    fn judge(&self, artifact: &Artifact, content: &mut dyn Content, context: &Context<'_>) -> Vec<Finding> {
        vec![verify::judge(artifact, content, context).unwrap_or_else(|refusal| refusal.into_finding(ID))]
    }
}
