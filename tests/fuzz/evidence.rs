//! Every kind of evidence. An input is what the artifact is called, its bytes, and the proof's objects; the anchors are all that the
//! right inputs need.

use std::cell::OnceCell;
use std::io::Cursor;

use sealift::evidence;
use sealift::model::{Anchor, Digest, Finding};

use crate::case::Case;
use crate::driver::Target;
use crate::proofs::{NOW, anchors, inputs};
use crate::support;

/// Rounds for each kind, of which there are many.
const ROUNDS: u64 = 800;

/// Pinned roots and lists are read again in every round; compressed lists of packages may keep a window.
const MAX_BYTES: usize = 128 << 20;

/// A line of 2000 characters, of which some are escaped and some have several bytes.
const MAX_REASON: usize = 20_000;

/// A finding is kept for every artifact: what a proof claims of itself is bounded, too.
const MAX_FINDING: usize = 1 << 20;

/// Kinds by which not each of the artifact's bytes is signed: the signature lies within it, or is over what an archive holds.
const WITHIN: &[&str] = &[
    "apk-signature",
    "authenticode",
    "gem-signature",
    "jar-signature",
    "nuget-signature",
    "rpm-signature",
    "sumdb",
];

pub(crate) fn targets() -> Vec<Target> {
    evidence::ALL
        .iter()
        .map(|kind| Target {
            name: format!("evidence/{}", kind.id()),
            rounds: ROUNDS,
            max_bytes: MAX_BYTES,
            seeds: Box::new(move || inputs(kind.id())),
            read: {
                let known: OnceCell<(Vec<Digest>, Vec<Anchor>)> = OnceCell::new();
                Box::new(move |parts| {
                    let (signed, anchors) = known.get_or_init(|| {
                        // What is broken here, and measured elsewhere, must have been right.
                        assert!(Case::confirmed(*kind).findings.iter().any(Finding::is_confirmed));
                        let signed = inputs(kind.id()).iter().map(|input| Digest::of(&input[1])).collect();
                        (signed, anchors())
                    });
                    read(kind.id(), parts, signed, anchors);
                })
            },
        })
        .collect()
}

fn read(kind: &str, parts: &[Vec<u8>], signed: &[Digest], anchors: &[Anchor]) {
    let [called, content, objects @ ..] = parts else { return };
    let called = String::from_utf8_lossy(called);
    let mut words = called.split('\n');
    // catalog.md §3: 1 to 512 bytes each.
    let mut word = || -> String {
        let word = words.next().unwrap_or_default();
        word.chars()
            .scan(0, |length, character| {
                *length += character.len_utf8();
                (*length <= 512).then_some(character)
            })
            .collect()
    };
    let (ecosystem, name, version, file) = (word(), word(), word(), word());
    let artifact = support::artifact(&ecosystem, &name, &version, &file, content);
    let _ = evidence::find(kind).unwrap().lies_in(&file, &mut Cursor::new(content));
    let findings = support::judge(kind, objects.to_vec(), &artifact, content, anchors, NOW);
    for finding in &findings {
        let reason = &finding.reason;
        assert!(
            !reason.is_empty() && reason.len() < MAX_REASON && !reason.contains('\n'),
            "not a line for a person: {reason:?}"
        );
        let kept = serde_json::to_vec(finding).unwrap().len();
        assert!(kept < MAX_FINDING, "a finding of {kept} bytes");
        if finding.is_confirmed() {
            assert_eq!(support::stands_without(finding), None);
        }
        if finding.is_confirmed() && !WITHIN.contains(&kind) {
            assert!(
                signed.contains(&artifact.digest),
                "bytes that nobody signed are confirmed: {reason}"
            );
        }
    }
}
