//! The shape of an ASN.1 structure, bounded before a library reads it.
//!
//! The library sorts sets by insertion and descends by recursion: a message that holds one set of a hundred thousand elements
//! would cost hours, one that nests a hundred thousand deep the stack.

use super::Refusal;
use crate::model::{Doubt, Fault};

/// The deepest real proof (a timestamp token in a signer's attributes, with its certificates) has about 25 levels.
const MAX_DEPTH: usize = 48;

/// Elements of one set, or of what is tagged like one: certificates, signers, attributes. The largest real one holds 12.
const MAX_SET: usize = 128;

/// Elements in all: a proof with a revocation list of ten thousand entries stays below.
const MAX_ELEMENTS: usize = 100_000;

/// Walks a structure of definite lengths (X.690 §10.1) without recursion, and checks that it fills `bytes` and keeps the bounds.
pub(crate) fn check_shape(bytes: &[u8]) -> Result<(), Refusal> {
    let broken = || Refusal::malformed("it is no whole ASN.1 structure");
    let large = |what: &str| Refusal::unsure(Doubt::TooLarge, format!("its ASN.1 structure has too many {what}"));

    // Where each open structure ends, and how many elements it may still hold.
    let mut open: Vec<(usize, usize)> = vec![(bytes.len(), 1)];
    let mut at = 0;
    let mut elements = 0;
    while let Some((end, room)) = open.last_mut() {
        if at == *end {
            open.pop();
            continue;
        }
        elements += 1;
        if *room == 0 {
            return Err(if open.len() == 1 {
                Refusal::malformed("bytes follow its ASN.1 structure")
            } else {
                large("elements in one set")
            });
        }
        if elements > MAX_ELEMENTS {
            return Err(large("elements"));
        }
        *room -= 1;
        let end = *end;
        let tag = *bytes.get(at).ok_or_else(broken)?;
        if tag & 0x1f == 0x1f {
            return Err(broken());
        }
        let first = *bytes.get(at + 1).ok_or_else(broken)?;
        if first == 0x80 {
            return Err(Refusal::unsure(
                Doubt::UnknownFormat,
                "it is BER with indefinite lengths, and only DER is judged",
            ));
        }
        let more = usize::from(if first < 0x80 { 0 } else { first & 0x7f });
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let octets = bytes
                .get(at + 2..at + 2 + more)
                .filter(|_| more <= 4)
                .ok_or_else(broken)?;
            octets
                .iter()
                .fold(0_usize, |sum, octet| (sum << 8) | usize::from(*octet))
        };
        let content = at + 2 + more;
        let content_end = content.checked_add(length).filter(|to| *to <= end).ok_or_else(broken)?;
        if tag & 0x20 == 0 {
            at = content_end;
            continue;
        }
        if open.len() >= MAX_DEPTH {
            return Err(large("levels"));
        }
        let room = if tag == 0x30 { usize::MAX } else { MAX_SET };
        open.push((content_end, room));
        at = content;
    }
    if elements == 0 {
        return Err(Refusal::wrong(Fault::Malformed, "it is empty"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    fn outcome(bytes: &[u8]) -> Outcome {
        check_shape(bytes).unwrap_err().outcome()
    }

    fn long(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag, 0x84];
        bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        bytes.extend(content);
        bytes
    }

    #[test]
    fn a_plain_structure_passes() {
        assert_eq!(check_shape(&[0x30, 5, 0x31, 0, 2, 1, 7]), Ok(()));
    }

    #[test]
    fn what_is_cut_or_followed_is_malformed() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 5, 2, 1],
            &[0x30, 3, 2, 4, 0],
            &[0x30, 0, 0],
            &[0x1f, 0, 0],
            // A tag of several octets, which would otherwise be read as a length and one octet.
            &[0x1f, 1, 0],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(outcome(bytes), Outcome::Contradicted(Fault::Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn indefinite_lengths_are_another_format() {
        assert_eq!(outcome(&[0x30, 0x80, 0, 0]), Outcome::Undecided(Doubt::UnknownFormat));
    }

    #[test]
    fn depth_sets_and_elements_are_bounded() {
        let mut deep = vec![5, 0];
        for _ in 0..60 {
            deep = long(0x30, &deep);
        }
        assert_eq!(outcome(&deep), Outcome::Undecided(Doubt::TooLarge));
        assert_eq!(
            outcome(&long(0x31, &[5, 0].repeat(129))),
            Outcome::Undecided(Doubt::TooLarge)
        );
        assert_eq!(check_shape(&long(0x31, &[5, 0].repeat(128))), Ok(()));
        assert_eq!(check_shape(&long(0x30, &[5, 0].repeat(5_000))), Ok(()));
        assert_eq!(
            outcome(&long(0x30, &[5, 0].repeat(100_001))),
            Outcome::Undecided(Doubt::TooLarge)
        );
    }
}
