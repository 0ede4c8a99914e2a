//! Authenticode signatures in PE files ("Windows Authenticode Portable Executable Signature Format", 2008; PE Format,
//! "The Attribute Certificate Table").
//!
//! Threats: bytes that are in the file and not in the hash (everything is hashed but the checksum, the table's place and the table
//! itself, and the table ends the file, holds one entry and nothing after its message, `pe.rs`), hashes that no longer prove
//! anything, and what `x509` lists.

mod pe;
mod verify;

use super::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Fault, Finding};

/// The kind.
pub const AUTHENTICODE: &dyn EvidenceKind = &Authenticode;

const ID: &str = "authenticode";

struct Authenticode;

impl EvidenceKind for Authenticode {
    fn id(&self) -> &'static str {
        ID
    }

    /// The proof lies in the artifact; objects beside it have no meaning.
    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        if !objects.is_empty() {
            let finding = Finding::contradicted(ID, Fault::Malformed, "a program's signature lies in the program");
            return Err(Box::new(finding));
        }
        Ok(Box::new(Inside { context }))
    }

    fn lies_in(&self, file: &str, untrusted: &mut dyn Content) -> bool {
        const ENDINGS: [&str; 5] = [".exe", ".dll", ".sys", ".efi", ".ocx"];
        let lower = file.to_ascii_lowercase();
        ENDINGS.iter().any(|ending| lower.ends_with(ending)) && pe::has_table(untrusted)
    }
}

struct Inside<'a> {
    context: &'a Context<'a>,
}

impl Evidence for Inside<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        vec![verify::judge(artifact, content, self.context).unwrap_or_else(|refusal| refusal.into_finding(ID))]
    }
}
