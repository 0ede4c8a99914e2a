//! On what a delta builds, and who says what its receiver holds.

use serde::{Deserialize, Serialize};

use super::Digest;

/// Who says what the receiver of a delta holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaseSource {
    /// The receiver, in a signed receipt.
    Receipt,
    /// The exporter, who has heard that bundles were imported. It is weaker: nobody has signed it.
    Memory,
}

impl BaseSource {
    /// What people read of it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Receipt => "as its enclave said in a signed receipt",
            Self::Memory => "as the exporter alone remembers, which nobody signed: weaker than a receipt",
        }
    }
}

/// What a delta brings, in words.
pub fn delta_words(base: &Digest, source: Option<BaseSource>) -> String {
    let source = source.map_or("and it does not say how that was known", BaseSource::words);
    format!("only what changed since manifest {base}, {source}")
}
