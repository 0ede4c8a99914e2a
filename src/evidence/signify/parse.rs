//! Keys and signatures of signify: a comment line, and a line of base64 (signify(1); `signify.c`, structures `pubkey` and `sig`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::key::{KeyError, PublicKey};

/// The one algorithm.
const ALGORITHM: &[u8; 2] = b"Ed";

pub(super) const COMMENT: &str = "untrusted comment: ";

/// A key with the number by which signatures name it.
pub(crate) struct SignifyKey {
    pub(crate) id: [u8; 8],
    pub(crate) key: PublicKey,
}

/// A signature.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) key_id: [u8; 8],
    pub(super) signature: [u8; 64],
}

/// A key or signature cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormatError {
    #[error("it is not a comment and one line of base64")]
    Lines,
    #[error("the base64 has not the length of what it should hold")]
    Length,
    #[error("the algorithm `{0}` is not known")]
    Algorithm(String),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Reads a key: its base64 line, or the file of two lines.
pub(crate) fn read_key(text: &str) -> Result<SignifyKey, FormatError> {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let line = match lines.as_slice() {
        [line] => line,
        [comment, line] if comment.starts_with(COMMENT) => line,
        _ => return Err(FormatError::Lines),
    };
    let (id, key) = decode::<32>(line)?;
    Ok(SignifyKey {
        id,
        key: PublicKey::ed25519(&key)?,
    })
}

/// Reads a signature: two lines, and nothing after them.
pub(super) fn read_signature(text: &str) -> Result<Signature, FormatError> {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let [comment, line] = lines.as_slice() else {
        return Err(FormatError::Lines);
    };
    if !comment.starts_with(COMMENT) {
        return Err(FormatError::Lines);
    }
    let (key_id, signature) = decode(line)?;
    Ok(Signature { key_id, signature })
}

fn decode<const N: usize>(line: &str) -> Result<([u8; 8], [u8; N]), FormatError> {
    let bytes = STANDARD.decode(line).map_err(|_| FormatError::Length)?;
    let (algorithm, rest) = bytes.split_at_checked(2).ok_or(FormatError::Length)?;
    let (id, content) = rest.split_at_checked(8).ok_or(FormatError::Length)?;
    let content = content.try_into().map_err(|_| FormatError::Length)?;
    if algorithm != ALGORITHM {
        return Err(FormatError::Algorithm(algorithm.escape_ascii().to_string()));
    }
    Ok((id.try_into().expect("8 bytes were split off"), content))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "RWTAeKJJ1MTF3YCo0ivtKH8kuiFWJuLpNoUmpDd6iTFYhn6/tRu5qKJe";
    const SIGNATURE: &str = "untrusted comment: signature from signify secret key\n\
        RWTAeKJJ1MTF3UpxzBCu6NaM6HPJNTj5CZ+M5XNJKNeEHBLQSsstzHGbSo8rPYNgw3Z98pN7WKiIwBIyRrKuIdKBRA6qlaci6wI=\n";

    #[test]
    fn keys_and_signatures_have_their_lines_and_lengths() {
        let key = read_key(KEY).unwrap();
        assert_eq!(key.id, read_signature(SIGNATURE).unwrap().key_id);
        assert!(read_key(&format!("untrusted comment: k\n{KEY}\n")).is_ok());
        for wrong in ["", "x", &KEY[4..], &format!("{KEY}\n{KEY}")] {
            assert!(read_key(wrong).is_err(), "{wrong}");
        }
        for (text, error) in [
            (format!("{SIGNATURE}embedded message"), FormatError::Lines),
            (SIGNATURE[54..].to_owned(), FormatError::Lines),
            (SIGNATURE.replacen("untrusted", "trusted", 1), FormatError::Lines),
            (SIGNATURE.replacen("RWT", "RW", 1), FormatError::Length),
            (format!("{COMMENT}x\n{KEY}"), FormatError::Length),
            (
                SIGNATURE.replacen("RWT", "RXT", 1),
                FormatError::Algorithm("Et".to_owned()),
            ),
        ] {
            assert_eq!(read_signature(&text).unwrap_err(), error, "{text}");
        }
    }
}
