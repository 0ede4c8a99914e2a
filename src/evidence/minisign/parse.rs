//! Keys and signatures of minisign (its manual, "Signature format" and "Public key format").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::key::{KeyError, PublicKey};

/// `Ed`: the file itself is signed.
const LEGACY: &[u8; 2] = b"Ed";
/// `ED`: BLAKE2b-512 of the file is signed.
const PREHASHED: &[u8; 2] = b"ED";

pub(super) const UNTRUSTED: &str = "untrusted comment:";
pub(super) const TRUSTED: &str = "trusted comment: ";

/// A key with the id by which signatures name it.
pub(crate) struct MinisignKey {
    pub(crate) id: [u8; 8],
    pub(crate) key: PublicKey,
}

/// What of a file is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Legacy,
    Prehashed,
}

/// A signature with its signed comment.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) form: Form,
    pub(crate) key_id: [u8; 8],
    pub(crate) signature: [u8; 64],
    pub(crate) comment: String,
    pub(crate) comment_signature: [u8; 64],
}

/// A key or signature cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormatError {
    #[error("line {0} is not what minisign writes there")]
    Line(usize),
    #[error("it does not have the lines that minisign writes")]
    Lines,
    #[error("the algorithm `{0}` is not known")]
    Algorithm(String),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Reads a key: its base64 line, or the file of two lines.
pub(crate) fn read_key(text: &str) -> Result<MinisignKey, FormatError> {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let line = match lines.as_slice() {
        [line] => line,
        [comment, line] if comment.starts_with(UNTRUSTED) => line,
        _ => return Err(FormatError::Lines),
    };
    let bytes: [u8; 42] = decode(line).ok_or(FormatError::Line(lines.len()))?;
    let (algorithm, rest) = bytes.split_at(2);
    let (id, key) = rest.split_at(8);
    // Keys are written as `Ed` whichever form they sign.
    if algorithm != LEGACY {
        return Err(unknown(algorithm));
    }
    Ok(MinisignKey {
        id: id.try_into().expect("8 bytes were split off"),
        key: PublicKey::ed25519(key)?,
    })
}

/// Reads a signature: four lines, and nothing after them.
pub(crate) fn read_signature(text: &str) -> Result<Signature, FormatError> {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let [untrusted, signature, trusted, comment_signature] = lines.as_slice() else {
        return Err(FormatError::Lines);
    };
    if !untrusted.starts_with(UNTRUSTED) {
        return Err(FormatError::Line(1));
    }
    let bytes: [u8; 74] = decode(signature).ok_or(FormatError::Line(2))?;
    let comment = trusted.strip_prefix(TRUSTED).ok_or(FormatError::Line(3))?;
    let comment_signature = decode(comment_signature).ok_or(FormatError::Line(4))?;
    let (algorithm, rest) = bytes.split_at(2);
    let (key_id, signature) = rest.split_at(8);
    let form = match algorithm {
        _ if algorithm == LEGACY => Form::Legacy,
        _ if algorithm == PREHASHED => Form::Prehashed,
        _ => return Err(unknown(algorithm)),
    };
    Ok(Signature {
        form,
        key_id: key_id.try_into().expect("8 bytes were split off"),
        signature: signature.try_into().expect("64 of 74 bytes are left"),
        comment: comment.to_owned(),
        comment_signature,
    })
}

/// A key's id as minisign shows it.
pub(crate) fn show_id(id: [u8; 8]) -> String {
    format!("{:016X}", u64::from_le_bytes(id))
}

fn unknown(algorithm: &[u8]) -> FormatError {
    FormatError::Algorithm(algorithm.escape_ascii().to_string())
}

fn decode<const N: usize>(line: &str) -> Option<[u8; N]> {
    STANDARD.decode(line).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1556193335\tfile:test\n\
        y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==\n";

    #[test]
    fn a_key_is_a_line_or_a_file() {
        assert_eq!(show_id(read_key(KEY).unwrap().id), "E7620F1842B4E81F");
        assert!(read_key(&format!("untrusted comment: minisign public key\n{KEY}\n")).is_ok());
        for wrong in ["", "x", &KEY[4..], &format!("{KEY}\n{KEY}"), &format!("a\nb\n{KEY}")] {
            assert!(read_key(wrong).is_err(), "{wrong}");
        }
        assert!(matches!(
            read_key(&KEY.replacen("RW", "RX", 1)),
            Err(FormatError::Algorithm(_))
        ));
        // The eight points of small order are no keys: the neutral element here.
        let mut bytes = STANDARD.decode(KEY).unwrap();
        bytes[10..].fill(0);
        bytes[10] = 1;
        assert!(matches!(
            read_key(&STANDARD.encode(bytes)),
            Err(FormatError::Key(KeyError::SmallOrder))
        ));
    }

    #[test]
    fn a_signature_has_its_four_lines_and_no_more() {
        let read = read_signature(SIGNATURE).unwrap();
        assert_eq!(
            (read.form, read.comment.as_str()),
            (Form::Prehashed, "timestamp:1556193335\tfile:test")
        );
        assert!(read_signature(&SIGNATURE.replace('\n', "\r\n")).is_ok());
        for (text, error) in [
            (format!("{SIGNATURE}more"), FormatError::Lines),
            (SIGNATURE[55..].to_owned(), FormatError::Lines),
            (SIGNATURE.replacen("untrusted", "trusted", 1), FormatError::Line(1)),
            (SIGNATURE.replacen("RUQ", "RU", 1), FormatError::Line(2)),
            (
                SIGNATURE.replacen("\ntrusted comment: ", "\ncomment: ", 1),
                FormatError::Line(3),
            ),
            (SIGNATURE.replacen("y/rU", "y/r", 1), FormatError::Line(4)),
            (
                SIGNATURE.replacen("RUQ", "RVQ", 1),
                FormatError::Algorithm("ET".to_owned()),
            ),
        ] {
            assert_eq!(read_signature(&text).unwrap_err(), error, "{text}");
        }
    }
}
