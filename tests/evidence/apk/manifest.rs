//! Packages whose only signature is the one of their manifest.

use super::made::*;
use super::*;

/// A package with a signed manifest, and what its signature file and its own manifest say.
fn v1(holder: &Holder, others: &str, document: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(sha256(bytes));
    let manifest = format!(
        "Manifest-Version: 1.0\r\n\r\nName: {ANDROID}\r\nSHA-256-Digest: {}\r\n\r\n",
        encode(document)
    );
    let signature = format!(
        "Signature-Version: 1.0\r\n{others}SHA-256-Digest-Manifest: {}\r\n\r\n",
        encode(manifest.as_bytes())
    );
    let block = forge::detached(holder, signature.as_bytes(), &How::default());
    forge::archive(&[
        ("META-INF/MANIFEST.MF", manifest.as_bytes()),
        ("META-INF/ME.SF", signature.as_bytes()),
        ("META-INF/ME.EC", &block),
        (ANDROID, document),
    ])
}

#[test]
fn a_signed_manifest_counts_where_nothing_newer_was_there() {
    const SDK: u32 = 0x0101_0270;
    const SANDBOX: u32 = 0x0101_054c;
    let (holder, anchors) = alone();
    let plain = document(&[]);
    let finding = expect(&v1(&holder, "", &plain), &anchors, CONFIRMED);
    assert!(finding.reason.starts_with("v1: "), "{}", finding.reason);
    expect(&v1(&holder, "", &plain), &[], Outcome::Undecided(Doubt::NoAnchor));
    for others in ["2", "3", "2, 3", "1, 31"] {
        let line = format!("X-Android-APK-Signed: {others}\r\n");
        expect(&v1(&holder, &line, &plain), &anchors, DIFFERS);
    }
    expect(&v1(&holder, "X-Android-APK-Signed: 1\r\n", &plain), &anchors, CONFIRMED);
    for (id, kind, value, outcome) in [
        (SDK, 0x10, 29, CONFIRMED),
        (SDK, 0x10, 30, DIFFERS),
        (SDK, 0x11, 35, DIFFERS),
        (SANDBOX, 0x10, 1, CONFIRMED),
        (SANDBOX, 0x10, 2, DIFFERS),
        (SANDBOX, 0x03, 2, CONFIRMED),
        (7, 0x10, 99, CONFIRMED),
    ] {
        expect(
            &v1(&holder, "", &document(&[(7, 0x10, 0), (id, kind, value)])),
            &anchors,
            outcome,
        );
    }
    // Nobody's document, cut documents, and lengths that lie.
    let whole = document(&[(SDK, 0x10, 30)]);
    expect(&v1(&holder, "", b"<manifest/>"), &anchors, MALFORMED);
    for at in [0, 2] {
        let mut other = plain.clone();
        other[at] += 1;
        expect(&v1(&holder, "", &other), &anchors, MALFORMED);
    }
    // Part of a document: its kind, its head's length and its own, and what follows.
    let holding = |head: u16, size: u32, rest: &[u8]| {
        let length = u32::try_from(16 + rest.len()).unwrap().to_le_bytes();
        let part = [&9_u16.to_le_bytes()[..], &head.to_le_bytes(), &size.to_le_bytes(), rest];
        [&[3, 0, 8, 0], &length[..], &part.concat()].concat()
    };
    for (head, size, rest, outcome) in [
        (8, 8, &[][..], CONFIRMED),
        (9, 8, &[], MALFORMED),
        (8, 9, &[], MALFORMED),
        // Shorter than what tells its length: the second part begins within the first.
        (0, 4, &[8, 0, 0, 0], MALFORMED),
    ] {
        expect(&v1(&holder, "", &holding(head, size, rest)), &anchors, outcome);
    }
    for length in 0..whole.len() {
        let mut cut = whole[..length].to_vec();
        expect(&v1(&holder, "", &cut), &anchors, MALFORMED);
        if length >= 8 {
            cut[4..8].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
            drop(findings(&v1(&holder, "", &cut), &anchors));
        }
        let mut lying = whole.clone();
        lying[length] = 0xff;
        drop(findings(&v1(&holder, "", &lying), &anchors));
    }
    // Objects beside a package have no meaning.
    let package = v1(&holder, "", &plain);
    let artifact = artifact("files", "app.apk", "1", "app.apk", &package);
    let beside = judge("apk-signature", vec![vec![1]], &artifact, &package, &anchors, NOW);
    assert_eq!(beside[0].outcome, MALFORMED);
    expect(
        &forge::archive(&[(ANDROID, &plain)]),
        &anchors,
        Outcome::Undecided(Doubt::Incomplete),
    );
}
