//! The envelope of SSHSIG (OpenSSH's PROTOCOL.sshsig, §2 and §3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::wire::{Fields, WireError};

pub(super) const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// What stands before everything, in the envelope and in what is signed.
pub(super) const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;

/// An envelope.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) key: Vec<u8>,
    pub(super) namespace: String,
    pub(super) hash: String,
    pub(super) signature: Vec<u8>,
}

/// The envelope cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EnvelopeError {
    #[error("not an armored SSH signature")]
    Armor,
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("version {0} is not known")]
    Version(u32),
    #[error("it uses the reserved field, which no version gives a meaning")]
    Reserved,
    #[error("it has no namespace")]
    NoNamespace,
}

/// Reads an armored envelope.
pub(super) fn read(text: &str) -> Result<Envelope, EnvelopeError> {
    let inner = text
        .trim_end()
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END))
        .ok_or(EnvelopeError::Armor)?;
    let joined: String = inner.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(joined).map_err(|_| EnvelopeError::Armor)?;
    let mut fields = Fields(bytes.strip_prefix(MAGIC).ok_or(EnvelopeError::Armor)?);
    let version = fields.u32()?;
    if version != VERSION {
        return Err(EnvelopeError::Version(version));
    }
    let key = fields.string()?.to_vec();
    let namespace = fields.text()?;
    // ssh-keygen signs over an empty field whatever stands here, so other content would be nobody's word.
    if !fields.string()?.is_empty() {
        return Err(EnvelopeError::Reserved);
    }
    let hash = fields.text()?;
    let signature = fields.string()?.to_vec();
    fields.end()?;
    if namespace.is_empty() {
        return Err(EnvelopeError::NoNamespace);
    }
    Ok(Envelope {
        key,
        namespace,
        hash,
        signature,
    })
}

#[cfg(test)]
mod tests {
    use super::super::wire::put_string;
    use super::*;

    fn envelope(magic: &[u8], version: u32, namespace: &[u8], reserved: &[u8], rest: &[u8]) -> String {
        let mut bytes = magic.to_vec();
        bytes.extend_from_slice(&version.to_be_bytes());
        for part in [b"key", namespace, reserved, b"sha512", b"signature"] {
            put_string(&mut bytes, part);
        }
        bytes.extend_from_slice(rest);
        format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(bytes))
    }

    #[test]
    fn each_field_is_checked() {
        assert_eq!(read(&envelope(MAGIC, 1, b"file", b"", b"")).unwrap().hash, "sha512");
        for (text, error) in [
            (envelope(b"SSHSIH", 1, b"file", b"", b""), EnvelopeError::Armor),
            (envelope(MAGIC, 2, b"file", b"", b""), EnvelopeError::Version(2)),
            (envelope(MAGIC, 1, b"", b"", b""), EnvelopeError::NoNamespace),
            (envelope(MAGIC, 1, b"file", b"x", b""), EnvelopeError::Reserved),
            (
                envelope(MAGIC, 1, b"file", b"", b"x"),
                EnvelopeError::Wire(WireError::Malformed),
            ),
            (
                envelope(MAGIC, 1, &[0xff], b"", b""),
                EnvelopeError::Wire(WireError::Malformed),
            ),
            (
                format!("x{}", envelope(MAGIC, 1, b"file", b"", b"")),
                EnvelopeError::Armor,
            ),
            (String::new(), EnvelopeError::Armor),
        ] {
            assert_eq!(read(&text).unwrap_err(), error, "{text}");
        }
    }
}
