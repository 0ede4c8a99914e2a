//! minisign, signify and SSHSIG: `08-minisign-signify-sshsig`, and each check by itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blake2::{Blake2b512, Digest as _};
use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::Signer as _;
use sealift::model::{Doubt, Fault, Finding, Level, Material, Outcome, Signer, TimeSource};

use crate::data::{Judged, Row};
use crate::support::{DAY, anchor, artifact, judge, outcome, scoped, until};
use crate::{fixtures, support};

const CONFIRMED: Outcome = Outcome::Confirmed(Level::Publisher);

fn contradicted(fault: Fault) -> Outcome {
    Outcome::Contradicted(fault)
}

fn undecided(doubt: Doubt) -> Outcome {
    Outcome::Undecided(doubt)
}

fn by(kind: &str, signature: &[u8], message: &[u8], material: Material) -> Vec<Finding> {
    let artifact = artifact("files", "test", "1", "test", message);
    judge(
        kind,
        vec![signature.to_vec()],
        &artifact,
        message,
        &[anchor("pinned", material)],
        DAY,
    )
}

/// Judges a row of the collection: its files are `message + signature`.
pub(crate) fn collection(row: &Row) -> Judged {
    let (family, case) = row.case.split_once('/').unwrap();
    let read = |name: &str| row.read(&format!("{family}/{name}"));
    let key = row.text(&row.root);
    Judged::Findings(match (family, case) {
        ("sshsig", _) => {
            let (message, signature) = row.files.split_once(" + ").unwrap();
            let message = read(message.trim_end_matches(" (the file)"));
            let namespace = row.expected.strip_prefix("namespace ").unwrap();
            let signers = format!("tester namespaces=\"{namespace}\" {key}");
            by("sshsig", &read(signature), &message, Material::AllowedSigners(signers))
        }
        ("minisign", "mixed-comment") => {
            let (legacy, prehashed) = (read("test-legacy.minisig"), read("test-prehashed.minisig"));
            let half = |bytes: &[u8], from: usize| {
                let text = std::str::from_utf8(bytes).unwrap();
                let lines: Vec<&str> = text.lines().skip(from).take(2).collect();
                lines.join("\n")
            };
            let mixed = format!("{}\n{}\n", half(&prehashed, 0), half(&legacy, 2));
            by(
                "minisign",
                mixed.as_bytes(),
                &read("test.txt"),
                Material::MinisignKey(key),
            )
        }
        ("minisign", _) => {
            let (message, signature) = row.files.split_once(" + ").unwrap();
            by("minisign", &read(signature), &read(message), Material::MinisignKey(key))
        }
        ("signify", _) => by(
            "signify",
            &read("orders.txt.sig"),
            &read("orders.txt"),
            Material::SignifyKey(key),
        ),
        _ => panic!("{}", row.case),
    })
}

fn minisign(form: &[u8; 2], id: u8, signature: &[u8], comment: &str, comment_signature: &[u8]) -> Vec<u8> {
    let line = STANDARD.encode([form, &[id; 8][..], signature].concat());
    let comment_line = STANDARD.encode(comment_signature);
    format!("untrusted comment: x\n{line}\ntrusted comment: {comment}\n{comment_line}\n").into_bytes()
}

fn minisign_key(key: &FileKey, id: u8) -> Material {
    Material::MinisignKey(STANDARD.encode([&b"Ed"[..], &[id; 8], key.public().bytes()].concat()))
}

#[test]
fn minisign_confirms_both_forms_and_tells_them_apart() {
    let key = || Material::MinisignKey(fixtures::text("minisign/test.pub"));
    let message = fixtures::bytes("minisign/test.txt");
    let findings = by(
        "minisign",
        &fixtures::bytes("minisign/test-prehashed.minisig"),
        &message,
        key(),
    );
    assert_eq!(outcome(&findings), CONFIRMED);
    let finding = &findings[0];
    assert_eq!(finding.anchors, ["pinned"]);
    assert_eq!(finding.algorithm.as_deref(), Some("Ed25519 over BLAKE2b-512"));
    let signed_at = finding.signed_at.as_ref().unwrap();
    assert_eq!(
        (signed_at.time.seconds(), signed_at.source),
        (1_556_193_335, TimeSource::Signer)
    );
    assert!(matches!(&finding.signers[0], Signer::Key { fingerprint, .. } if fingerprint == "E7620F1842B4E81F"));
    assert!(finding.notes.is_empty());
    let findings = by(
        "minisign",
        &fixtures::bytes("minisign/test-legacy.minisig"),
        &message,
        key(),
    );
    assert_eq!(outcome(&findings), CONFIRMED);
    assert!(
        findings[0].notes.iter().any(|note| note.contains("legacy")),
        "{findings:?}"
    );
}

#[test]
fn each_check_of_minisign_fails_alone() {
    let key = FileKey::from_seed(&[1; 32]);
    let other = FileKey::from_seed(&[2; 32]);
    let message = b"message";
    let hash = Blake2b512::digest(message);
    let sign = |bytes: &[u8]| key.sign(bytes).unwrap();
    let signature = sign(&hash);
    let comment_signature = sign(&[&signature[..], b"file:test"].concat());
    let good = minisign(b"ED", 5, &signature, "file:test", &comment_signature);
    let pinned = || minisign_key(&key, 5);
    let told = |proof: &[u8], message: &[u8], material: Material| outcome(&by("minisign", proof, message, material));

    assert_eq!(told(&good, message, pinned()), CONFIRMED);
    assert_eq!(told(&good, b"messagf", pinned()), contradicted(Fault::SignatureWrong));
    // The comment is another, and only its signature tells.
    let commented = minisign(b"ED", 5, &signature, "file:toast", &comment_signature);
    assert_eq!(told(&commented, message, pinned()), contradicted(Fault::SignatureWrong));
    // The key's id is pinned, its key is another.
    assert_eq!(
        told(&good, message, minisign_key(&other, 5)),
        contradicted(Fault::SignatureWrong)
    );
    // The key is pinned under another id.
    assert_eq!(
        told(&good, message, minisign_key(&key, 6)),
        undecided(Doubt::UnknownSigner)
    );
    let algorithm = minisign(b"EX", 5, &signature, "file:test", &comment_signature);
    assert_eq!(told(&algorithm, message, pinned()), undecided(Doubt::UnknownAlgorithm));
    for garbage in [
        &b""[..],
        b"\xff\xfe",
        b"untrusted comment: x\n",
        &good[..good.len() - 9],
        &[&good[..], b"x\n"].concat(),
    ] {
        assert_eq!(told(garbage, message, pinned()), contradicted(Fault::Malformed));
    }
    assert_eq!(
        told(&vec![b'a'; 16 * 1024 + 1], message, pinned()),
        undecided(Doubt::TooLarge)
    );
    assert_eq!(
        told(&good, message, Material::SignifyKey(String::new())),
        undecided(Doubt::NoAnchor)
    );
    // An anchor that cannot be read is none, and is told of.
    let findings = by("minisign", &good, message, Material::MinisignKey("x".to_owned()));
    assert_eq!(outcome(&findings), undecided(Doubt::NoAnchor));
    assert!(findings[0].notes[0].contains("anchor `pinned` cannot be used"));
}

#[test]
fn a_prehashed_signature_relabelled_as_legacy_proves_nothing() {
    // The algorithm's letters are not signed: what was signed are 64 bytes, and a file could be made of them.
    let key = FileKey::from_seed(&[1; 32]);
    let hash = Blake2b512::digest(b"message");
    let signature = key.sign(&hash).unwrap();
    let comment_signature = key.sign(&[&signature[..], b"x"].concat()).unwrap();
    let relabelled = minisign(b"Ed", 5, &signature, "x", &comment_signature);
    let findings = by("minisign", &relabelled, &hash, minisign_key(&key, 5));
    assert_eq!(outcome(&findings), contradicted(Fault::Weak));
}

#[test]
fn a_name_under_which_a_file_was_signed_is_noted() {
    let key = FileKey::from_seed(&[1; 32]);
    let signature = key.sign(&Blake2b512::digest(b"message")).unwrap();
    let comment_signature = key.sign(&[&signature[..], b"file:other"].concat()).unwrap();
    let findings = by(
        "minisign",
        &minisign(b"ED", 5, &signature, "file:other", &comment_signature),
        b"message",
        minisign_key(&key, 5),
    );
    assert_eq!(outcome(&findings), CONFIRMED);
    assert!(findings[0].notes[0].contains("`other`"), "{findings:?}");
}

#[test]
fn signatures_that_must_lie_in_memory_are_bounded() {
    let large = vec![0; (64 << 20) + 1];
    let legacy = fixtures::bytes("minisign/test-legacy.minisig");
    let key = Material::MinisignKey(fixtures::text("minisign/test.pub"));
    assert_eq!(
        outcome(&by("minisign", &legacy, &large, key)),
        undecided(Doubt::TooLarge)
    );
    let signify = fixtures::bytes("signify/orders.txt.sig");
    let key = Material::SignifyKey(fixtures::text("signify/regresskey.pub"));
    assert_eq!(
        outcome(&by("signify", &signify, &large, key)),
        undecided(Doubt::TooLarge)
    );
}

#[test]
fn each_check_of_signify_fails_alone() {
    let proof = fixtures::bytes("signify/orders.txt.sig");
    let message = fixtures::bytes("signify/orders.txt");
    let pinned = || Material::SignifyKey(fixtures::text("signify/regresskey.pub"));
    let told = |proof: &[u8], message: &[u8], material: Material| outcome(&by("signify", proof, message, material));
    assert_eq!(told(&proof, &message, pinned()), CONFIRMED);
    assert_eq!(
        told(&proof, b"Attack at dusk!\n", pinned()),
        contradicted(Fault::SignatureWrong)
    );
    let line = |text: &str| text.lines().nth(1).unwrap().to_owned();
    let mut key = STANDARD
        .decode(line(&fixtures::text("signify/regresskey.pub")))
        .unwrap();
    key[5] ^= 1;
    let renumbered = Material::SignifyKey(STANDARD.encode(&key));
    assert_eq!(told(&proof, &message, renumbered), undecided(Doubt::UnknownSigner));
    let text = String::from_utf8(proof.clone()).unwrap();
    assert_eq!(
        told(text.replacen("RWT", "RXT", 1).as_bytes(), &message, pinned()),
        undecided(Doubt::UnknownAlgorithm)
    );
    for garbage in [&b""[..], b"\xff", &proof[..40], &[&proof[..], b"x"].concat()] {
        assert_eq!(told(garbage, &message, pinned()), contradicted(Fault::Malformed));
    }
    assert_eq!(told(&[b'a'; 4097], &message, pinned()), undecided(Doubt::TooLarge));
    let minisign = Material::MinisignKey(fixtures::text("signify/regresskey.pub"));
    assert_eq!(told(&proof, &message, minisign), undecided(Doubt::NoAnchor));
}

#[test]
fn anchors_count_within_scope_and_window() {
    let cases: [(&str, Vec<u8>, Vec<u8>, Material); 3] = [
        (
            "minisign",
            fixtures::bytes("minisign/test-prehashed.minisig"),
            fixtures::bytes("minisign/test.txt"),
            Material::MinisignKey(fixtures::text("minisign/test.pub")),
        ),
        (
            "signify",
            fixtures::bytes("signify/orders.txt.sig"),
            fixtures::bytes("signify/orders.txt"),
            Material::SignifyKey(fixtures::text("signify/regresskey.pub")),
        ),
        (
            "sshsig",
            fixtures::bytes("sshsig/ed25519.sig"),
            fixtures::bytes("sshsig/signed-data"),
            Material::AllowedSigners(format!(
                "tester namespaces=\"unittest\" {}",
                fixtures::text("sshsig/ed25519.pub")
            )),
        ),
    ];
    for (kind, proof, message, material) in cases {
        let artifact = artifact("files", "test", "1", "test", &message);
        let told = |anchors: &[sealift::model::Anchor], message: &[u8]| {
            outcome(&judge(kind, vec![proof.clone()], &artifact, message, anchors, DAY))
        };
        let good = anchor("good", material.clone());
        let elsewhere = scoped("elsewhere", "files/other", material.clone());
        let ended = until("ended", "2026-11-20T11:59:59Z", material.clone());
        assert_eq!(
            told(std::slice::from_ref(&elsewhere), &message),
            undecided(Doubt::OutOfScope),
            "{kind}"
        );
        assert_eq!(
            told(std::slice::from_ref(&ended), &message),
            undecided(Doubt::OutOfScope),
            "{kind}"
        );
        assert_eq!(told(&[elsewhere.clone(), ended, good], &message), CONFIRMED, "{kind}");
        // Whoever is pinned for other names has no say against this one.
        assert_eq!(
            told(std::slice::from_ref(&elsewhere), b"other"),
            undecided(Doubt::UnknownSigner),
            "{kind}"
        );
        assert_eq!(told(&[], &message), undecided(Doubt::NoAnchor), "{kind}");
        let registry = sealift::model::Anchor {
            speaks_for: sealift::model::SpeaksFor::Registry,
            ..anchor("registry", material)
        };
        assert_eq!(
            told(&[registry], &message),
            Outcome::Confirmed(Level::Registry),
            "{kind}"
        );
    }
}

const KEY_FILE: &str = "sshsig/ed25519.pub";

fn sshsig(signers: &str) -> Finding {
    let proof = fixtures::bytes("sshsig/ed25519.sig");
    let message = fixtures::bytes("sshsig/signed-data");
    by("sshsig", &proof, &message, Material::AllowedSigners(signers.to_owned())).remove(0)
}

#[test]
fn a_line_of_allowed_signers_says_for_what_and_when() {
    let key = fixtures::text(KEY_FILE);
    let told = |options: &str| sshsig(&format!("me@example.com {options} {key}")).outcome;
    assert_eq!(told("namespaces=\"unittest\""), CONFIRMED);
    assert_eq!(told("namespaces=\"git,unit*\""), CONFIRMED);
    assert_eq!(told(""), contradicted(Fault::SubjectDiffers));
    assert_eq!(told("namespaces=\"file\""), contradicted(Fault::SubjectDiffers));
    assert_eq!(told("namespaces=\"unittest\",valid-after=\"20261120Z\""), CONFIRMED);
    assert_eq!(
        told("namespaces=\"unittest\",valid-after=\"20261121Z\""),
        undecided(Doubt::OutOfScope)
    );
    assert_eq!(
        told("namespaces=\"unittest\",valid-before=\"20261120Z\""),
        undecided(Doubt::OutOfScope)
    );
    assert_eq!(told("cert-authority"), undecided(Doubt::NoAnchor));
    // One line that fits is enough.
    let lines = format!("a namespaces=\"file\" {key}\nb namespaces=\"unittest\" {key}");
    let finding = sshsig(&lines);
    assert_eq!(finding.outcome, CONFIRMED);
    assert!(
        matches!(&finding.signers[0], Signer::Key { fingerprint, owner: Some(owner), .. }
        if owner == "b" && fingerprint.starts_with("SHA256:"))
    );
}

#[test]
fn each_check_of_sshsig_fails_alone() {
    let message = fixtures::bytes("sshsig/signed-data");
    let pinned = || {
        let key = fixtures::text(KEY_FILE);
        Material::AllowedSigners(format!("me namespaces=\"unittest\" {key}"))
    };
    let told = |proof: &[u8], message: &[u8]| outcome(&by("sshsig", proof, message, pinned()));
    let armor = |bytes: &[u8]| {
        let text = STANDARD.encode(bytes);
        format!("-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----\n").into_bytes()
    };
    let good = {
        let text = fixtures::text("sshsig/ed25519.sig");
        let inner: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(inner).unwrap()
    };
    assert_eq!(told(&armor(&good), &message), CONFIRMED);
    assert_eq!(told(&armor(&good), b"other"), contradicted(Fault::SignatureWrong));
    let replaced = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).position(|window| window == from).unwrap();
        armor(&[&good[..at], to, &good[at + from.len()..]].concat())
    };
    // The namespace is signed.
    assert_eq!(
        told(&replaced(b"unittest", b"unitless"), &message),
        contradicted(Fault::SignatureWrong)
    );
    assert_eq!(
        told(&replaced(b"sha512", b"sha256"), &message),
        contradicted(Fault::SignatureWrong)
    );
    assert_eq!(
        told(&replaced(b"sha512", b"sha999"), &message),
        undecided(Doubt::UnknownAlgorithm)
    );
    let namespace = b"unittest\0\0\0\0";
    assert_eq!(
        told(&replaced(namespace, b"unittest\0\0\0\x01x"), &message),
        undecided(Doubt::UnknownFormat)
    );
    assert_eq!(
        told(&replaced(b"SSHSIG\0\0\0\x01", b"SSHSIG\0\0\0\x02"), &message),
        undecided(Doubt::UnknownFormat)
    );
    // More behind the signature's bytes, within its length.
    let at = good.windows(11).rposition(|window| window == b"ssh-ed25519").unwrap() - 8;
    let inner = u32::from_be_bytes(good[at..at + 4].try_into().unwrap());
    let longer = [&good[..at], &(inner + 1).to_be_bytes(), &good[at + 4..], &[0]].concat();
    assert_eq!(told(&armor(&longer), &message), contradicted(Fault::Malformed));
    // The signature's own algorithm, not the key's.
    let at = good.windows(11).rposition(|window| window == b"ssh-ed25519").unwrap();
    let mut other = good.clone();
    other[at..at + 11].copy_from_slice(b"ssh-ed25518");
    assert_eq!(told(&armor(&other), &message), contradicted(Fault::SignatureWrong));
    // A key that nobody pinned, as it stands in the envelope: an own byte, and no key of Ed25519 at all.
    let at = good.windows(11).position(|window| window == b"ssh-ed25519").unwrap();
    let mut other = good.clone();
    other[at..at + 11].copy_from_slice(b"ssh-future1");
    assert_eq!(told(&armor(&other), &message), undecided(Doubt::UnknownAlgorithm));
    assert_eq!(
        told(&fixtures::bytes("sshsig/rsa.sig"), &message),
        undecided(Doubt::UnknownSigner)
    );
    for garbage in [
        &b""[..],
        b"\xff",
        &armor(&good[..60]),
        &armor(&[&good[..], &[0]].concat()),
        &armor(b""),
    ] {
        assert_eq!(told(garbage, &message), contradicted(Fault::Malformed));
    }
    assert_eq!(told(&armor(&[0; 20_000]), &message), undecided(Doubt::TooLarge));
}

#[test]
fn sshsig_by_rsa_refuses_sha1_and_short_keys() {
    let message = fixtures::bytes("sshsig/signed-data");
    let proof = fixtures::text("sshsig/rsa.sig");
    let key = fixtures::text("sshsig/rsa.pub");
    let pinned = |key: &str| Material::AllowedSigners(format!("me namespaces=\"unittest\" {key}"));
    assert_eq!(
        outcome(&by("sshsig", proof.as_bytes(), &message, pinned(&key))),
        CONFIRMED
    );
    // The same bytes under the name of the algorithm with SHA-1.
    let inner: String = proof.lines().filter(|line| !line.starts_with('-')).collect();
    let bytes = STANDARD.decode(inner).unwrap();
    let named = b"\0\0\x01\x94\0\0\0\x0crsa-sha2-512";
    let at = bytes.windows(named.len()).position(|window| window == named).unwrap();
    let sha1 = [
        &bytes[..at],
        &b"\0\0\x01\x8f\0\0\0\x07ssh-rsa"[..],
        &bytes[at + named.len()..],
    ]
    .concat();
    let text = STANDARD.encode(sha1);
    let armored = format!("-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----");
    assert_eq!(
        outcome(&by("sshsig", armored.as_bytes(), &message, pinned(&key))),
        contradicted(Fault::Weak)
    );
    // A pinned key of 1024 bits, and an envelope that names it.
    let mut weak = Vec::new();
    for part in [&b"ssh-rsa"[..], &[1, 0, 1], &[&[0][..], &[0xff; 128]].concat()] {
        weak.extend_from_slice(&(part.len() as u32).to_be_bytes());
        weak.extend_from_slice(part);
    }
    let mut envelope = b"SSHSIG\0\0\0\x01".to_vec();
    for part in [&weak[..], b"unittest", b"", b"sha512", &bytes[at + 4..]] {
        envelope.extend_from_slice(&(part.len() as u32).to_be_bytes());
        envelope.extend_from_slice(part);
    }
    let armored = format!(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----",
        STANDARD.encode(envelope)
    );
    let line = format!("ssh-rsa {}", STANDARD.encode(&weak));
    let findings = by("sshsig", armored.as_bytes(), &message, pinned(&line));
    assert_eq!(outcome(&findings), contradicted(Fault::Weak));
    assert!(findings[0].reason.contains("1024 bits"), "{findings:?}");
}

#[test]
fn a_proof_without_a_signature_is_incomplete() {
    let artifact = artifact("files", "test", "1", "test", b"");
    for kind in ["minisign", "signify", "sshsig"] {
        let findings = support::judge(kind, Vec::new(), &artifact, b"", &[], DAY);
        assert_eq!(outcome(&findings), undecided(Doubt::Incomplete));
    }
}
