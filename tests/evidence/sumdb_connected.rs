//! Proofs that a checksum database's tree goes with others, as an answer may carry them behind its tiles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::merkle::{consistency_proof, leaf_hash, subtree_root};
use sealift::model::{Artifact, Digest, Finding};

use crate::sumdb::{database, judged, root};
use crate::support::artifact;

/// The other head's text and the hashes, for trees over these leaves.
fn connection(leaves: &[Digest], sizes: [usize; 2], other: usize) -> Vec<u8> {
    let mut node = |level: u32, index: u64| {
        let (width, index) = (1 << level, usize::try_from(index).unwrap());
        Ok::<_, ()>(subtree_root(&leaves[index * width..(index + 1) * width]))
    };
    let [earlier, later] = sizes.map(|size| u64::try_from(size).unwrap());
    let hashes = consistency_proof(earlier, later, &mut node).unwrap();
    let encoded = |digest: &Digest| format!("{}\n", STANDARD.encode(digest.as_bytes()));
    let hashes: String = hashes.iter().map(encoded).collect();
    let head = format!("go.sum database tree\n{other}\n{}", encoded(&root(&leaves[..other])));
    format!("{head}\n{hashes}").into_bytes()
}

fn with(connections: Vec<Vec<u8>>) -> Finding {
    let database = database();
    let mut proof = database.proof(2);
    proof.extend(connections);
    judged(proof, &[database.anchor()]).remove(0)
}

fn goes_with(finding: &Finding) -> Vec<&str> {
    let claims = finding.claims.iter().filter(|(name, _)| name == "tree-goes-with");
    claims.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn trees_that_hold_each_other_are_claimed_and_shown() {
    let mut leaves = database().leaves();
    let size = leaves.len();
    // The database grows: the answer's tree is a part of the larger ones.
    leaves.extend(["six", "seven"].map(|record| leaf_hash(record.as_bytes())));
    for other in (1..size).chain([size + 1, leaves.len()]) {
        let sizes = [size.min(other), size.max(other)];
        let finding = with(vec![connection(&leaves, sizes, other)]);
        assert!(finding.is_confirmed() && finding.notes.is_empty(), "{finding:?}");
        let root = STANDARD.encode(root(&leaves[..other]).as_bytes());
        assert_eq!(goes_with(&finding), [format!("{other} {root}")]);
        let shown = sealift::evidence::find("sumdb").unwrap().shows(&any(), &finding);
        assert_eq!(shown[0].goes_with, [(u64::try_from(other).unwrap(), root)]);
    }
}

#[test]
fn what_connects_nothing_is_noted_and_claims_nothing() {
    let leaves = database().leaves();
    let size = leaves.len();
    let good = String::from_utf8(connection(&leaves, [3, size], 3)).unwrap();
    let other_root = STANDARD.encode(root(&leaves[..4]).as_bytes());
    let own_root = STANDARD.encode(root(&leaves[..3]).as_bytes());
    let empty = format!("go.sum database tree\n0\n{own_root}\n\n");
    for (wrong, is_noted) in [
        (good.replace("\n3\n", "\n2\n"), true),
        (good.replacen(&own_root, &other_root, 1), true),
        (good.lines().take(5).map(|line| format!("{line}\n")).collect(), true),
        (format!("{good}{own_root}\n"), true),
        (good.replace("\n\n", "\n"), true),
        (format!("{good}x\n"), true),
        (format!("{good}{}", " ".repeat(9000)), true),
        // The empty tree is a part of every tree, under any root.
        (empty, false),
    ] {
        let finding = with(vec![wrong.clone().into_bytes()]);
        assert!(finding.is_confirmed(), "{wrong}: {finding:?}");
        assert_eq!(goes_with(&finding), [""; 0], "{wrong}");
        assert_eq!(finding.notes.len(), usize::from(is_noted), "{wrong}: {finding:?}");
    }
    let finding = with(vec![good.into_bytes(); 65]);
    assert_eq!(goes_with(&finding).len(), 64);
    assert!(finding.notes[0].contains("more than 64"), "{finding:?}");
}

fn any() -> Artifact {
    artifact("golang", "example.com/Tool", "v1.2.3", "v1.2.3.zip", b"")
}
