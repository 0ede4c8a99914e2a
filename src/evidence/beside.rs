//! Proofs as an exporter comes upon them: files beside an artifact, lists of checksums with their signatures, and what lies within the
//! artifact.
//!
//! A name says only what a file may be about. Its kind is told by its bytes, by the kinds' own recognition: an `.asc` is `openpgp` if it is
//! an OpenPGP signature, and a `.sig` may be of five schemes. What is told wrongly costs nothing but a finding: it is judged by whoever
//! imports. What is not recognised is no proof.

use std::collections::BTreeSet;

use serde_json::Value;

use super::checksums::{self, Named};
use super::raw_signature::{self, RawSignature};
use super::{ALL, dsse, minisign, openpgp, signify, sigstore, sshsig, x509};
use crate::evidence::detached::Detached;
use crate::model::Content;

/// The endings of files that are about the file without it, as publishers use them. The longer of two comes first.
pub const ENDINGS: [&str; 13] = [
    ".intoto.jsonl",
    ".sigstore.json",
    ".cosign.bundle",
    ".sigstore",
    ".minisig",
    ".bundle",
    ".jsonl",
    ".sign",
    ".asc",
    ".gpg",
    ".p7s",
    ".prov",
    ".sig",
];

/// The endings that are asked for beside an address: those under which publishers of plain files offer signatures today.
pub const ASKED_ENDINGS: [&str; 7] = [
    ".asc",
    ".sig",
    ".minisig",
    ".sigstore.json",
    ".sigstore",
    ".p7s",
    ".intoto.jsonl",
];

/// The lists of checksums that are asked for beside an address.
pub const ASKED_LISTS: [&str; 2] = ["SHA256SUMS", "SHA512SUMS"];

/// The kinds that may be found under [`ASKED_ENDINGS`] and [`ASKED_LISTS`], ascending.
pub const ASKED_KINDS: [&str; 9] = [
    "cms",
    dsse::ID,
    "minisign",
    "openpgp",
    raw_signature::ID,
    SIGNED_CHECKSUMS,
    "signify",
    SIGSTORE,
    "sshsig",
];

/// The kind of a signed list.
pub const SIGNED_CHECKSUMS: &str = "signed-checksums";

/// The kind of a model's signature, which lists its files.
pub const MODEL_SIGNING: &str = "model-signing";

const SIGSTORE: &str = "sigstore";

/// The largest file beside an artifact that is looked at, in bytes: a signed list of 100,000 files. It is also what an upstream may send.
pub const MAX_BESIDE_BYTES: u64 = 16 << 20;

/// Names of lists, in lower case, beside those that end so: `SHA256SUMS`, `SHA256SUMS.txt`, `tool_1.0_SHA256SUMS`, `tool_1.0_checksums.txt`.
const LIST_ENDINGS: [&str; 8] = [
    "sha256sums",
    "sha512sums",
    "sha256sums.txt",
    "sha512sums.txt",
    "shasums256.txt",
    "checksums.txt",
    "checksums.sha256",
    "checksums.sha512",
];

/// Endings of lists about one file, which bears the name without it.
const OWN_LIST_ENDINGS: [&str; 4] = [".sha256", ".sha512", ".sha256sum", ".sha512sum"];

/// The name of the file that a file of this name is about, if it may be a proof, with the ending.
pub fn about(name: &str) -> Option<(&str, &'static str)> {
    ENDINGS.into_iter().find_map(|ending| {
        let stem = name.strip_suffix(ending)?;
        let is_name = !stem.is_empty() && !stem.ends_with('/');
        is_name.then_some((stem, ending))
    })
}

/// Whether a file of this name may be a list of checksums.
pub fn may_be_list(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    LIST_ENDINGS.iter().any(|ending| lower.ends_with(ending))
        || OWN_LIST_ENDINGS
            .iter()
            .any(|ending| lower.strip_suffix(ending).is_some_and(|stem| !stem.is_empty()))
}

/// The file that a list of this name is about, if it holds a digest alone.
pub fn about_alone(list_name: &str) -> Option<&str> {
    let mut stems = OWN_LIST_ENDINGS
        .iter()
        .filter_map(|ending| list_name.strip_suffix(ending));
    stems.find(|stem| !stem.is_empty())
}

/// The kind of proof that a file beside an artifact is, by its bytes.
pub fn recognise(untrusted: &[u8]) -> Option<&'static str> {
    recognise_signature(untrusted)
        .or_else(|| recognise_json(untrusted))
        .or_else(|| is_helm_provenance(untrusted).then_some("helm-provenance"))
}

/// The scheme of a detached signature, by its bytes: over a file, or over a list of files.
pub fn recognise_signature(untrusted: &[u8]) -> Option<&'static str> {
    const TEXTS: [&dyn Detached; 3] = [&minisign::Minisign, &signify::Signify, &sshsig::Sshsig];
    if let Some(scheme) = TEXTS.iter().find(|scheme| scheme.recognises(untrusted)) {
        return Some(scheme.id());
    }
    let is_armored = untrusted.trim_ascii_start().starts_with(b"-----");
    // One byte tells little: the packets must also end with the file.
    if openpgp::Openpgp.recognises(untrusted) && (is_armored || are_packets(untrusted)) {
        return Some(openpgp::Openpgp.id());
    }
    let others: [&dyn Detached; 3] = [x509::CMS, &RawSignature, &sigstore::Message];
    let found = others.iter().find(|scheme| scheme.recognises(untrusted));
    found.map(|scheme| scheme.id())
}

/// Whether bytes are signature packets from the first to the last (RFC 9580 §4.2).
fn are_packets(untrusted: &[u8]) -> bool {
    const SIGNATURE: u8 = 2;
    let mut rest = untrusted;
    while let Some((&header, after)) = rest.split_first() {
        let old = header & 0xc0 == 0x80;
        let tag = if old { header >> 2 & 0xf } else { header & 0x3f };
        if header & 0x80 == 0 || tag != SIGNATURE {
            return false;
        }
        let octets = match (old, header & 3, after.first()) {
            (true, kind @ 0..=2, _) => 1 << kind,
            (false, _, Some(0..=191)) => 1,
            (false, _, Some(192..=223)) => 2,
            (false, _, Some(255)) => 5,
            _ => return false,
        };
        let Some((length, after)) = after.split_at_checked(octets) else {
            return false;
        };
        let number = |bytes: &[u8]| bytes.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let length = match (old, length) {
            (false, [first, second]) => ((usize::from(*first) - 192) << 8) + usize::from(*second) + 192,
            (false, [255, length @ ..]) => number(length),
            (_, length) => number(length),
        };
        match after.get(length..) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    !untrusted.is_empty()
}

/// A bare envelope, or the first of several one a line.
fn recognise_json(untrusted: &[u8]) -> Option<&'static str> {
    // The library's depth is bounded; the size is by whoever read the bytes.
    let mut texts = serde_json::Deserializer::from_slice(untrusted).into_iter::<Value>();
    let first = texts.next()?.ok()?;
    let text = |field: &str| first.get(field).and_then(Value::as_str);
    let is_envelope = text("payloadType").is_some() && text("payload").is_some() && first.get("signatures").is_some();
    is_envelope.then_some(dsse::ID)
}

/// A signed text in two documents, of which the second lists files (helm.sh/docs/topics/provenance).
fn is_helm_provenance(untrusted: &[u8]) -> bool {
    openpgp::text_of(untrusted).is_some_and(|text| {
        let mut lines = text.split(|byte| *byte == b'\n');
        lines.any(|line| line == b"...") && lines.next() == Some(b"files:")
    })
}

/// A list of checksums with its signatures, as far as it can be told without judging it.
#[derive(Debug, Clone)]
pub struct SignedList {
    named: Named,
}

impl SignedList {
    /// Reads a list that is a signed text itself.
    pub fn inline(untrusted: &[u8]) -> Option<Self> {
        let text = openpgp::text_of(untrusted)?;
        Self::beside(&text)
    }

    /// Reads a list whose signatures lie beside it.
    pub fn beside(untrusted: &[u8]) -> Option<Self> {
        checksums::named(untrusted).map(|named| Self { named })
    }

    /// Whether the list of that name speaks of a file.
    pub fn names(&self, list_name: &str, file: &str) -> bool {
        match &self.named {
            Named::Files(files) => files.contains(file),
            Named::Alone => about_alone(list_name) == Some(file),
        }
    }

    /// The files that it names.
    pub fn files(&self) -> Option<&BTreeSet<String>> {
        match &self.named {
            Named::Files(files) => Some(files),
            Named::Alone => None,
        }
    }
}

/// The files that a model's signature lists, by their paths below its folder, as far as it can be told without judging it; `None` for anything
/// else.
pub fn named_in_model(untrusted: &[u8]) -> Option<BTreeSet<String>> {
    sigstore::named_in_model(untrusted)
}

/// The kinds of which an artifact of this file name holds a proof within itself, ascending. Its bytes are touched only where the name is of
/// a format that can.
pub fn inside(file: &str, untrusted: &mut dyn Content) -> Vec<&'static str> {
    let mut kinds: Vec<&'static str> = ALL
        .iter()
        .filter(|kind| kind.lies_in(file, untrusted))
        .map(|kind| kind.id())
        .collect();
    kinds.sort_unstable();
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_a_file_may_be_about() {
        for (name, expected) in [
            ("a.tar.gz.asc", Some(("a.tar.gz", ".asc"))),
            ("a.intoto.jsonl", Some(("a", ".intoto.jsonl"))),
            ("a.jsonl", Some(("a", ".jsonl"))),
            ("a.sigstore.json", Some(("a", ".sigstore.json"))),
            (".asc", None),
            ("a/.asc", None),
            ("asc", None),
            ("a.json", None),
            ("a.pem", None),
        ] {
            assert_eq!(about(name), expected, "{name}");
        }
        for name in [
            "SHA256SUMS",
            "sha512sums.txt",
            "tool_1.0_SHA256SUMS",
            "tool_1.0_checksums.txt",
            "a.tar.sha256",
        ] {
            assert!(may_be_list(name), "{name}");
        }
        for name in ["SHA256SUMS.asc", ".sha256", "sums", "SHA256SUMS2", "MD5SUMS"] {
            assert!(!may_be_list(name), "{name}");
        }
        assert_eq!(about_alone("a.sha256"), Some("a"));
        assert_eq!(about_alone(".sha256"), None);
    }

    #[test]
    fn bytes_tell_the_kind() {
        const MINISIGN: &str = "untrusted comment: signature\nRUQ=\ntrusted comment: timestamp:1\nAA==\n";
        for (bytes, expected) in [
            (MINISIGN.as_bytes(), Some("minisign")),
            (b"untrusted comment: verify with a.pub\nRWQ=\n", Some("signify")),
            (b"untrusted comment: verify with a.pub\nRWQ=\nthe message\n", None),
            (b"trusted comment: verify with a.pub\nRWQ=\n", None),
            (b"comment: a\nRUQ=\ntrusted comment: a\nAA==\n", None),
            (b"untrusted comment: a\nRUQ=\ncomment: a\nAA==\n", None),
            (b"-----BEGIN SSH SIGNATURE-----\n", Some("sshsig")),
            (b"-----BEGIN PGP SIGNATURE-----\n", Some("openpgp")),
            (&[0x88, 2, 4, 0], Some("openpgp")),
            (&[0xc2, 1, 4, 0xc2, 2, 4, 4], Some("openpgp")),
            (&[0x89, 0, 2, 4, 0], Some("openpgp")),
            // Cut off, with something behind, of another packet.
            (&[0x88, 3, 4, 0], None),
            (&[0x88, 1, 4, 0], None),
            (&[0x88, 1, 4, 0x99, 0, 0], None),
            (&[0xc2, 0xff, 0xff, 0xff, 0xff, 0xff], None),
            (&[0xc2], None),
            (&[0xc2, 1, 4, 0x42, 1, 4], None),
            (&[0xc2, 0xe0, 0], None),
            ("\u{a7} a text".as_bytes(), None),
            (b"", None),
            (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", None),
            (b"a signature by hand\n", None),
            (
                b"{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\"}",
                Some("sigstore"),
            ),
            (
                b"\n{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\"}\n{}",
                Some("sigstore"),
            ),
            (b"{\"base64Signature\":\"\"}", Some("sigstore")),
            (
                b"{\"payloadType\":\"\",\"payload\":\"\",\"signatures\":[]}",
                Some("dsse"),
            ),
            (b"{\"payloadType\":\"\",\"payload\":\"\"}", None),
            (b"{\"payloadType\":\"\",\"signatures\":[]}", None),
            (b"{\"payload\":\"\",\"signatures\":[]}", None),
            (b"MAYCAQECAQE=\n", Some("raw-signature")),
            (&[0x30, 6, 2, 1, 1, 2, 1, 1], Some("raw-signature")),
            (&[0x30, 6, 2, 1, 1, 2, 1, 0x81], None),
            (b"{\"mediaType\":\"text/plain\"}", None),
            (b"{\"mediaType\":1}", None),
            (b"[]", None),
            (b"{", None),
        ] {
            assert_eq!(recognise(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(recognise("[".repeat(100_000).as_bytes()), None);
        assert!(ASKED_KINDS.is_sorted());
        assert!(ASKED_KINDS.iter().all(|kind| super::super::find(kind).is_some()));
        for longer in 0..ENDINGS.len() {
            assert!(
                !ENDINGS[longer + 1..]
                    .iter()
                    .any(|later| later.ends_with(ENDINGS[longer]))
            );
        }
    }

    #[test]
    fn lists_tell_whom_they_name() {
        const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let list = SignedList::beside(format!("{SUM}  a\n{SUM} *./b\nSHA256 (c/d) = {SUM}\n").as_bytes()).unwrap();
        for file in ["a", "b", "c/d"] {
            assert!(list.names("SHA256SUMS", file), "{file}");
        }
        for file in ["d", "./b", "e"] {
            assert!(!list.names("SHA256SUMS", file), "{file}");
        }
        let alone = SignedList::beside(SUM.as_bytes()).unwrap();
        assert!(alone.names("a.sha256", "a") && !alone.names("a.sha256", "b") && !alone.names("SHA256SUMS", "a"));
        for wrong in ["", "no list", "\n"] {
            assert!(SignedList::beside(wrong.as_bytes()).is_none(), "{wrong:?}");
        }
        let framed = |text: &str| {
            format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{text}\n-----BEGIN PGP SIGNATURE-----\n")
        };
        let inline = SignedList::inline(framed(&format!("{SUM}  a")).as_bytes()).unwrap();
        assert!(inline.names("SHA256SUMS", "a"));
        assert!(SignedList::inline(format!("{SUM}  a").as_bytes()).is_none());
        let helm = "name: a\nversion: 1\n\n...\nfiles:\n  a-1.tgz: sha256:00";
        assert_eq!(recognise(framed(helm).as_bytes()), Some("helm-provenance"));
        for other in ["a: b", "files:\n  a: b", "a: b\n...\nimages:\n  a: b"] {
            assert_eq!(recognise(framed(other).as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn no_bytes_are_no_packets() {
        assert!(are_packets(&[0x88, 1, 4]));
        assert!(!are_packets(b""));
    }
}
