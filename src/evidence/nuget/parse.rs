//! The signed content: which hash the package has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::ObjectIdentifier;

use crate::evidence::x509::{Hash, Refusal};
use crate::model::Doubt;

/// Version and one or more hashes take a few hundred bytes.
const MAX_BYTES: usize = 4096;

/// Reads `Version:1`, an empty line, then `<oid>-Hash:<base64>` lines.
pub(super) fn read_hashes(untrusted: &[u8]) -> Result<Vec<(Hash, Vec<u8>)>, Refusal> {
    let broken = || Refusal::malformed("the signature's content is not `Version:1` and the package's hash");
    let text = std::str::from_utf8(untrusted)
        .ok()
        .filter(|text| text.len() <= MAX_BYTES)
        .ok_or_else(broken)?;
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    match lines.next() {
        Some("Version:1") => {}
        Some(other) if other.starts_with("Version:") => {
            return Err(Refusal::unsure(
                Doubt::UnknownFormat,
                "the signature's content is of another version than 1",
            ));
        }
        _ => return Err(broken()),
    }
    if lines.next() != Some("") {
        return Err(broken());
    }
    let mut hashes = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(broken)?;
        let oid: ObjectIdentifier = name
            .strip_suffix("-Hash")
            .and_then(|oid| oid.parse().ok())
            .ok_or_else(broken)?;
        let hash = Hash::from_oid(&oid)?;
        let value = STANDARD.decode(value).map_err(|_| broken())?;
        if hashes.iter().any(|(known, _)| *known == hash) || value.len() != hash.length() {
            return Err(broken());
        }
        hashes.push((hash, value));
    }
    if hashes.is_empty() || lines.any(|line| !line.is_empty()) {
        return Err(broken());
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fault, Outcome};

    const HASH: &str = "iE3ZQtuK4/T1fP5vDSWnLGcXOY2vCjDNV5a/4e/8Sg==";

    fn outcome(text: &str) -> Outcome {
        read_hashes(text.as_bytes()).unwrap_err().outcome()
    }

    #[test]
    fn a_hash_is_read_from_either_kind_of_lines() {
        let hash = STANDARD.encode([7; 32]);
        for text in [
            format!("Version:1\n\n2.16.840.1.101.3.4.2.1-Hash:{hash}\n\n"),
            format!("Version:1\r\n\r\n2.16.840.1.101.3.4.2.1-Hash:{hash}\r\n\r\n"),
        ] {
            assert_eq!(read_hashes(text.as_bytes()), Ok(vec![(Hash::Sha256, vec![7; 32])]));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let hash = STANDARD.encode([7; 32]);
        let line = format!("2.16.840.1.101.3.4.2.1-Hash:{hash}\n");
        for text in [
            String::new(),
            "Version:1".to_owned(),
            "Version:1\n\n\n".to_owned(),
            format!("Version:1\n{line}\n"),
            format!("Version:1\n\n{line}{line}\n"),
            format!("Version:1\n\n{line}\nmore\n"),
            format!("Version:1\n\n2.16.840.1.101.3.4.2.3-Hash:{hash}\n\n"),
            format!("Version:1\n\n2.16.840.1.101.3.4.2.1:{hash}\n\n"),
            format!("Version:1\n\n2.16.840.1.101.3.4.2.1-Hash:{HASH}!\n\n"),
            format!("Version:1\n\n{line}\n{}", "\n".repeat(5000)),
        ] {
            assert_eq!(outcome(&text), Outcome::Contradicted(Fault::Malformed), "{text:?}");
        }
        assert_eq!(
            outcome(&format!("Version:2\n\n{line}\n")),
            Outcome::Undecided(Doubt::UnknownFormat)
        );
        assert_eq!(
            outcome(&format!("Version:1\n\n1.3.14.3.2.26-Hash:{hash}\n\n")),
            Outcome::Contradicted(Fault::Weak)
        );
    }
}
