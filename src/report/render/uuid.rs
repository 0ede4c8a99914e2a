//! Names for parts of a rendering that formats want as UUIDs: the same report gives the same ones.

use sha1::{Digest as _, Sha1};

use crate::model::Digest;

/// The namespace of sealift's names (RFC 9562 §5.5): made once, at random.
const NAMESPACE: [u8; 16] = [
    0x5c, 0x1f, 0x2b, 0x77, 0x0e, 0x6b, 0x4d, 0x0a, 0x9b, 0x52, 0x3e, 0xd8, 0x41, 0xc7, 0x96, 0xa3,
];

/// The UUID of version 5 of a part of a report. SHA-1 only spreads names here, and proves nothing.
pub(super) fn uuid(report: &Digest, part: &str) -> String {
    let mut hasher = Sha1::new();
    hasher.update(NAMESPACE);
    hasher.update(format!("{report}/{part}"));
    let hash = hasher.finalize();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let text = hex::encode(bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_names_of_their_own() {
        let one = uuid(&Digest::of(b"a"), "x");
        assert_eq!(one, uuid(&Digest::of(b"a"), "x"));
        assert_ne!(one, uuid(&Digest::of(b"a"), "y"));
        assert_ne!(one, uuid(&Digest::of(b"b"), "x"));
        assert!(
            one.len() == 36 && &one[14..15] == "5" && "89ab".contains(&one[19..20]),
            "{one}"
        );
    }
}
