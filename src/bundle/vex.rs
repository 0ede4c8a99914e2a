//! VEX documents as they travel: one a line of JSON, with the signatures that lay beside each (`bundle-spec/manifest.md` §7).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The longest line, in bytes: a document of 16 MiB and its signatures, in base64.
pub const MAX_LINE_BYTES: usize = 32 << 20;

/// The most signatures of a document.
pub const MAX_SIGNATURES: usize = 32;

/// The most documents that travel: those of a large vendor about all of its products.
pub const MAX_DOCUMENTS: usize = 100_000;

/// The longest name of a document's file, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// A document with the signatures that lay beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedVex {
    /// Its bytes, as they were signed.
    pub document: Vec<u8>,
    /// The name of its file, for people.
    pub name: String,
    /// The signatures, each with the kind that judges it.
    pub signatures: Vec<CarriedSignature>,
}

/// A signature over a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedSignature {
    /// The evidence kind's id.
    pub kind: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A line is not of the form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarriedError {
    /// It is no JSON, or has other fields.
    #[error("it is no document with its signatures")]
    Form(#[from] serde_json::Error),
    /// Bytes are not in base64.
    #[error("`{field}` is not in standard base64")]
    Base64 {
        /// The field.
        field: &'static str,
    },
    /// There are too many signatures.
    #[error("it has more than {MAX_SIGNATURES} signatures")]
    TooMany,
    /// The name cannot be shown.
    #[error("its name is empty, longer than {MAX_NAME_BYTES} bytes, or holds a control character")]
    Name,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    document: String,
    name: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    bytes: String,
    kind: String,
}

impl CarriedVex {
    /// Reads a line.
    pub fn read(untrusted_line: &[u8]) -> Result<Self, CarriedError> {
        let line: Line = serde_json::from_slice(untrusted_line)?;
        if line.name.is_empty() || line.name.len() > MAX_NAME_BYTES || line.name.contains(char::is_control) {
            return Err(CarriedError::Name);
        }
        if line.signatures.len() > MAX_SIGNATURES {
            return Err(CarriedError::TooMany);
        }
        let decoded = |field, text: &str| STANDARD.decode(text).map_err(|_| CarriedError::Base64 { field });
        let signatures = line.signatures.into_iter().map(|signature| {
            Ok(CarriedSignature {
                bytes: decoded("bytes", &signature.bytes)?,
                kind: signature.kind,
            })
        });
        Ok(Self {
            document: decoded("document", &line.document)?,
            name: line.name,
            signatures: signatures.collect::<Result<_, CarriedError>>()?,
        })
    }

    /// Writes the line, with its end. Fails where [`CarriedVex::read`] would.
    pub fn write(&self) -> Result<Vec<u8>, CarriedError> {
        let line = Line {
            document: STANDARD.encode(&self.document),
            name: self.name.clone(),
            signatures: self
                .signatures
                .iter()
                .map(|signature| Signature {
                    bytes: STANDARD.encode(&signature.bytes),
                    kind: signature.kind.clone(),
                })
                .collect(),
        };
        let mut written = serde_json::to_vec(&line)?;
        Self::read(&written)?;
        written.push(b'\n');
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_and_others_are_refused() {
        let carried = CarriedVex {
            document: b"{ }\n".to_vec(),
            name: "acme.json".to_owned(),
            signatures: vec![CarriedSignature {
                kind: "minisign".to_owned(),
                bytes: vec![0, 255],
            }],
        };
        let line = carried.write().unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(CarriedVex::read(&line).unwrap(), carried);
        let text = String::from_utf8(line).unwrap();
        for (from, to) in [
            ("\"document\"", "\"document\":\"\",\"document\""),
            ("\"name\"", "\"more\":1,\"name\""),
            ("acme.json", ""),
            ("acme.json", "a\\u0007"),
            ("eyB9Cg==", "eyB9Cg"),
            ("AP8=", "*"),
        ] {
            let wrong = text.replacen(from, to, 1);
            assert_ne!(wrong, text);
            assert!(CarriedVex::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        for (length, counts) in [(MAX_NAME_BYTES, true), (MAX_NAME_BYTES + 1, false)] {
            let named = text.replacen("acme.json", &"n".repeat(length), 1);
            assert_eq!(CarriedVex::read(named.as_bytes()).is_ok(), counts, "{length}");
        }
        let many = CarriedVex {
            signatures: vec![carried.signatures[0].clone(); MAX_SIGNATURES + 1],
            ..carried
        };
        assert!(matches!(many.write(), Err(CarriedError::TooMany)));
    }
}
