//! What a checksum database answers about a module (golang.org/x/mod/sumdb `lookup`, sumdb/tlog `ParseRecord` and `ParseTree`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::merkle::Head;
use crate::evidence::sigstore::refusal::Refusal;
use crate::model::Digest;

/// A record has two lines; this many are a module whose go.mod changed names many times over.
const MAX_LINES: usize = 64;
/// A head, and twice as many hashes as a tree has levels.
const MAX_CONNECTION_BYTES: usize = 8 << 10;
const TREE: &str = "go.sum database tree";

/// An answer of which nothing is believed.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    /// The record's place in the tree.
    pub(super) index: u64,
    /// The record, as the tree holds it.
    pub(super) record: &'a str,
    /// The tree's head, signed.
    pub(super) note: &'a [u8],
}

/// A line of a record: as in go.sum.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) module: &'a str,
    /// The version; for a go.mod it ends in `/go.mod`.
    pub(super) version: &'a str,
    /// SHA-256 in base64, after `h1:`.
    pub(super) hash: Digest,
}

impl<'a> Answer<'a> {
    /// Takes an answer apart: the record's number, its lines, an empty line, the note.
    pub(super) fn read(untrusted: &'a [u8]) -> Result<Self, Refusal> {
        let malformed = |what: &str| Refusal::malformed(format!("the database's answer {what}"));
        let text = std::str::from_utf8(untrusted).map_err(|_| malformed("is not in UTF-8"))?;
        let (number, rest) = text.split_once('\n').ok_or_else(|| malformed("is cut off"))?;
        let index = decimal(number).ok_or_else(|| malformed("does not begin with a record's number"))?;
        let end = rest.find("\n\n").ok_or_else(|| malformed("has no signed tree"))?;
        Ok(Self {
            index,
            record: &rest[..=end],
            note: &untrusted[number.len() + 1 + end + 2..],
        })
    }
}

/// Reads a record's lines.
pub(super) fn lines(record: &str) -> Result<Vec<Line<'_>>, Refusal> {
    let malformed = || Refusal::malformed("the record has a line that is not `module version h1:hash`");
    let mut lines = Vec::new();
    for line in record.trim_end_matches('\n').split('\n') {
        if lines.len() == MAX_LINES {
            return Err(Refusal::malformed(format!(
                "the record has more than {MAX_LINES} lines"
            )));
        }
        let mut parts = line.split(' ');
        let (Some(module), Some(version), Some(hash), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        let hash = hash.strip_prefix("h1:").and_then(digest).ok_or_else(malformed)?;
        if module.is_empty() || version.is_empty() {
            return Err(malformed());
        }
        lines.push(Line { module, version, hash });
    }
    Ok(lines)
}

/// Reads a tree's head out of a note's text; lines after the third are for later versions.
pub(super) fn head(text: &str) -> Result<Head, Refusal> {
    let malformed = || Refusal::malformed("the signed note is no head of a checksum database's tree");
    let mut lines = text.split('\n');
    if lines.next() != Some(TREE) {
        return Err(malformed());
    }
    let size = lines.next().and_then(decimal).ok_or_else(malformed)?;
    let root = lines.next().and_then(digest).ok_or_else(malformed)?;
    Ok(Head { size, root })
}

/// Whether an object is a proof about another tree, and no tile: those are hashes.
pub(super) fn is_connection(object: &[u8]) -> bool {
    object
        .strip_prefix(TREE.as_bytes())
        .is_some_and(|rest| rest.first() == Some(&b'\n'))
}

/// Reads the head of another tree, and the hashes that connect it.
pub(super) fn connection(untrusted: &[u8]) -> Result<(Head, Vec<Digest>), Refusal> {
    let malformed = || Refusal::malformed("it is no head with hashes");
    if untrusted.len() > MAX_CONNECTION_BYTES {
        return Err(malformed());
    }
    let text = std::str::from_utf8(untrusted).map_err(|_| malformed())?;
    let (other, hashes) = text.split_once("\n\n").ok_or_else(malformed)?;
    let other = head(&format!("{other}\n"))?;
    let hashes: Option<Vec<Digest>> = hashes.lines().map(digest).collect();
    Ok((other, hashes.ok_or_else(malformed)?))
}

/// A number without signs and leading zeros, so that it has one spelling.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    // Go's numbers are signed.
    (number.to_string() == text && i64::try_from(number).is_ok()).then_some(number)
}

fn digest(encoded: &str) -> Option<Digest> {
    let bytes = STANDARD.decode(encoded).ok()?;
    Some(Digest::from_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "nWzN20+pwMt62p7jbv1/NlN95ePTlHijabv5zO/s36w=";

    #[test]
    fn an_answer_is_taken_apart() {
        let record = format!("example.com/a v1.0.0 h1:{HASH}\nexample.com/a v1.0.0/go.mod h1:{HASH}\n");
        let text = format!("17\n{record}\nnote\n\nrest\n");
        let answer = Answer::read(text.as_bytes()).unwrap();
        assert_eq!(
            (answer.index, answer.record, answer.note),
            (17, record.as_str(), &b"note\n\nrest\n"[..])
        );
        let read = lines(answer.record).unwrap();
        assert_eq!((read[0].module, read[1].version), ("example.com/a", "v1.0.0/go.mod"));
        for wrong in [
            "",
            "17",
            "17\n",
            "17\na\n",
            "017\na\n\nb",
            "+1\na\n\nb",
            "x\na\n\nb",
            "9223372036854775808\na\n\nb",
        ] {
            assert!(Answer::read(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert!(Answer::read(b"1\n\xff\n\n").is_err());
    }

    #[test]
    fn lines_have_one_form() {
        for wrong in [
            String::new(),
            "a v1\n".to_owned(),
            format!("a v1 h1:{HASH} x\n"),
            format!("a  v1 h1:{HASH}\n"),
            format!("a  h1:{HASH}\n"),
            format!("a v1 h2:{HASH}\n"),
            format!(" v1 h1:{HASH}\n"),
            "a v1 h1:AAAA\n".to_owned(),
            format!("a v1 h1:{HASH}\n").repeat(65),
        ] {
            assert!(lines(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_head_has_its_three_lines() {
        let good = format!("{TREE}\n5\n{HASH}\n");
        assert_eq!(head(&good).unwrap().size, 5);
        assert_eq!(head(&format!("{good}later\n")).unwrap().size, 5);
        for wrong in [
            good.replace("tree\n", "tree!\n"),
            good.replace('5', "05"),
            good.replace('5', "-5"),
            good.replace("nWzN", "nWz"),
            format!("{TREE}\n5\n"),
        ] {
            assert!(head(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_connects_two_trees_is_no_longer_than_any_tree_is_high() {
        let object = |hashes: usize| format!("{TREE}\n7\n{HASH}\n\n{}", format!("{HASH}\n").repeat(hashes));
        assert!(object(180).len() <= MAX_CONNECTION_BYTES);
        assert_eq!(connection(object(180).as_bytes()).unwrap().1.len(), 180);
        assert!(connection(object(181).as_bytes()).is_err());
    }

    #[test]
    fn a_connection_begins_with_a_line_that_is_a_trees_first() {
        assert!(is_connection(format!("{TREE}\n7\n").as_bytes()));
        for other in [TREE.to_owned(), format!("{TREE}s\n7\n"), format!(" {TREE}\n7\n")] {
            assert!(!is_connection(other.as_bytes()), "{other:?}");
        }
    }
}
