//! Signed text and signed messages: only what the signature covers is read, and frames that readers read differently are refused.

use std::io::Write;

use sealift::model::{Anchor, Digest, Doubt, Fault, Finding, Level, Outcome};
use sequoia_openpgp::Packet;
use sequoia_openpgp::packet::{Literal, OnePassSig, Signature};
use sequoia_openpgp::types::{DataFormat, SignatureType};

use super::maker::{By, Maker, bytes, plain};
use super::signatures::one;
use crate::support::{DAY, anchor, artifact, judge};

const BORN: &str = "2024-01-01T00:00:00Z";
const SIGNED: &str = "2025-01-01T00:00:00Z";
const TOOL: &[u8] = b"the tool";
const GOOD: Outcome = Outcome::Confirmed(Level::Publisher);
const MALFORMED: Outcome = Outcome::Contradicted(Fault::Malformed);

fn maker() -> Maker {
    Maker::new(1, BORN)
}

fn pinned() -> [Anchor; 1] {
    [anchor("publisher", maker().material())]
}

fn line() -> String {
    format!("{}  tool-1.jar", Digest::of(TOOL).hex())
}

/// Judges a list that is a signed text.
fn text(document: impl Into<Vec<u8>>) -> Finding {
    let artifact = artifact("files", "tool", "1", "tool-1.jar", TOOL);
    one(judge(
        "signed-checksums",
        vec![document.into()],
        &artifact,
        TOOL,
        &pinned(),
        DAY,
    ))
}

#[test]
fn text_around_the_frame_is_not_read() {
    let inside = maker().cleartext(SIGNED, &line());
    assert_eq!(text(inside.clone()).outcome, GOOD);
    let lie = format!("{}  tool-1.jar\n", Digest::of(b"evil").hex());
    assert_eq!(text(format!("{lie}{inside}{lie}")).outcome, GOOD);
    // And the truth outside does not help a lie inside.
    let inside = maker().cleartext(SIGNED, lie.trim_end());
    let outside = format!("{}\n{inside}{}\n", line(), line());
    assert_eq!(text(outside).outcome, Outcome::Contradicted(Fault::SubjectDiffers));
}

#[test]
fn two_frames_are_refused() {
    let first = maker().cleartext(SIGNED, &line());
    let second = maker().cleartext(SIGNED, "other");
    assert_eq!(text(format!("{first}{second}")).outcome, MALFORMED);
}

#[test]
fn line_ends_and_trailing_blanks_do_not_matter() {
    let document = maker().cleartext(SIGNED, &format!("{}\n# a comment", line()));
    assert_eq!(text(document.replace('\n', "\r\n")).outcome, GOOD);
    assert_eq!(text(document.replace("# a comment", "# a comment \t ")).outcome, GOOD);
    // Whatever else is changed does.
    assert_eq!(
        text(document.replace("# a comment", "#  a comment")).outcome,
        Outcome::Contradicted(Fault::SignatureWrong)
    );
}

#[test]
fn dashes_are_escaped() {
    let list = format!("#\n{}\n# x", line());
    let document = maker().cleartext(SIGNED, &list.replace("# x", "#"));
    assert_eq!(text(document).outcome, GOOD);
    let with_dash = maker().cleartext(SIGNED, &format!("-dash\n{}", line()));
    assert!(with_dash.contains("\n- -dash\n"));
    // Well signed; and no list any more.
    assert_eq!(
        text(with_dash.clone()).outcome,
        Outcome::Undecided(Doubt::UnknownFormat)
    );
    assert_eq!(text(with_dash.replace("- -dash", "-dash")).outcome, MALFORMED);
}

#[test]
fn a_frame_is_what_the_standard_says() {
    let document = maker().cleartext(SIGNED, &line());
    for (broken, why) in [
        (
            document.replace("Hash: SHA256", "NotDashEscaped: yes"),
            "another header",
        ),
        (
            document.replace("Hash: SHA256", "Hash: SHA256\nComment: x"),
            "one more header",
        ),
        (document.replace("-----END PGP SIGNATURE-----", ""), "no end"),
        (
            document.replace("-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP SIG-----"),
            "no signature",
        ),
        (document.replace("  tool", "  \u{0}tool"), "a zero byte"),
        (document.replace("  tool", "  \rtool"), "a carriage return"),
    ] {
        assert_eq!(text(broken).outcome, MALFORMED, "{why}");
    }
    let cut = text(document.replace("-----END PGP SIGNATURE-----", ""));
    assert!(cut.reason.contains("ends before its signature"), "{}", cut.reason);
    // Anybody may add a header that reads like text: it is none.
    let smuggled = document.replace("Hash: SHA256\n", "Hash: SHA256\n evil\n");
    assert_eq!(text(smuggled).outcome, MALFORMED);
}

#[test]
fn a_text_needs_a_text_signature() {
    let document = maker().cleartext_as(SignatureType::Binary, SIGNED, &line());
    assert_eq!(text(document).outcome, MALFORMED);
}

#[test]
fn a_huge_text_is_not_read() {
    let document = maker().cleartext(SIGNED, &line());
    let huge = document
        .into_bytes()
        .into_iter()
        .chain(vec![b'x'; 16 << 20])
        .collect::<Vec<u8>>();
    assert_eq!(text(huge).outcome, Outcome::Undecided(Doubt::TooLarge));
}

const MANIFEST: &[u8] = b"{}";

fn payload() -> String {
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"team/tool:1"}},"image":{{"docker-manifest-digest":"{}"}},"type":"atomic container signature"}},"optional":{{"creator":"x","timestamp":1}}}}"#,
        Digest::of(MANIFEST)
    )
}

/// Judges a signature of a container image.
fn image(message: Vec<u8>) -> Outcome {
    image_as(message, "team/tool", "1")
}

fn image_as(message: Vec<u8>, name: &str, version: &str) -> Outcome {
    let artifact = artifact("oci", name, version, "manifest.json", MANIFEST);
    one(judge(
        "simple-signing",
        vec![message],
        &artifact,
        MANIFEST,
        &pinned(),
        DAY,
    ))
    .outcome
}

fn literal(content: &[u8]) -> Packet {
    let mut literal = Literal::new(DataFormat::Binary);
    literal.set_body(content.to_vec());
    literal.into()
}

fn announcement(signature: &Signature, last: bool) -> Packet {
    let mut announcement = OnePassSig::try_from(signature).unwrap();
    announcement.set_last(last);
    announcement.into()
}

fn signature(content: &[u8], when: &str) -> Signature {
    maker().signature(By::Primary, SignatureType::Binary, when, content, plain)
}

fn message(content: &str) -> Vec<u8> {
    message_by(&maker(), content)
}

fn message_by(maker: &Maker, content: &str) -> Vec<u8> {
    let signature = maker.signature(By::Primary, SignatureType::Binary, SIGNED, content.as_bytes(), plain);
    bytes(&[
        announcement(&signature, true),
        literal(content.as_bytes()),
        signature.into(),
    ])
}

/// A compressed data packet of indeterminate length, as GnuPG writes it.
fn compressed(algorithm: u8, body: &[u8]) -> Vec<u8> {
    [&[0xa3, algorithm], body].concat()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_signed_message_is_read_in_every_wrapping() {
    let message = message(&payload());
    assert_eq!(image(message.clone()), GOOD);
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    deflate.write_all(&message).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    bzip2.write_all(&message).unwrap();
    for wrapped in [
        compressed(1, &deflate.finish().unwrap()),
        compressed(2, &zlib(&message)),
        compressed(3, &bzip2.finish().unwrap()),
    ] {
        assert_eq!(image(wrapped), GOOD);
    }
}

#[test]
fn a_message_of_another_shape_is_refused() {
    let content = payload();
    let content = content.as_bytes();
    let (first, second) = (signature(content, SIGNED), signature(content, "2025-01-02T00:00:00Z"));
    let good = message(&payload());
    let cases: [(&str, Vec<u8>, Outcome); 11] = [
        (
            "no signature",
            bytes(&[literal(content)]),
            Outcome::Undecided(Doubt::Incomplete),
        ),
        (
            "a signature that is not announced",
            bytes(&[
                announcement(&first, true),
                literal(content),
                first.clone().into(),
                second.clone().into(),
            ]),
            MALFORMED,
        ),
        (
            "an announcement without its signature",
            bytes(&[
                announcement(&first, false),
                announcement(&second, true),
                literal(content),
                second.clone().into(),
            ]),
            MALFORMED,
        ),
        (
            "an announcement that others should follow",
            bytes(&[announcement(&first, false), literal(content), first.clone().into()]),
            MALFORMED,
        ),
        (
            "an announcement behind the content",
            bytes(&[
                announcement(&first, true),
                literal(content),
                announcement(&second, true),
                second.clone().into(),
                first.clone().into(),
            ]),
            MALFORMED,
        ),
        (
            "a signature over a signed message",
            bytes(&[
                announcement(&first, true),
                announcement(&second, true),
                literal(content),
                second.clone().into(),
                first.clone().into(),
            ]),
            Outcome::Undecided(Doubt::UnknownFormat),
        ),
        (
            "two literals",
            bytes(&[
                announcement(&first, true),
                literal(content),
                literal(b"other"),
                first.clone().into(),
            ]),
            MALFORMED,
        ),
        (
            "something behind it",
            [good.clone(), bytes(&[literal(b"other")])].concat(),
            MALFORMED,
        ),
        (
            "compression within compression",
            compressed(2, &zlib(&compressed(2, &zlib(&good)))),
            Outcome::Undecided(Doubt::UnknownFormat),
        ),
        (
            "an unknown compression",
            compressed(9, &good),
            Outcome::Undecided(Doubt::UnknownFormat),
        ),
        ("damaged compression", compressed(2, b"\x78\x9cgarbage"), MALFORMED),
    ];
    for (why, message, expected) in cases {
        assert_eq!(image(message), expected, "{why}");
    }
    // Two announced signatures by one certificate are fine, and count once.
    let both = bytes(&[
        announcement(&second, false),
        announcement(&first, true),
        literal(content),
        first.into(),
        second.into(),
    ]);
    assert_eq!(image(both), GOOD);
}

#[test]
fn a_bomb_is_not_unpacked() {
    let zeros = vec![0; 64 << 20];
    let message = compressed(2, &zlib(&bytes(&[literal(&zeros)])));
    assert!(message.len() < 1 << 20);
    assert_eq!(image(message), Outcome::Undecided(Doubt::TooLarge));
}

#[test]
fn a_message_is_about_one_manifest_under_one_name() {
    let differs = Outcome::Contradicted(Fault::SubjectDiffers);
    let good = message(&payload());
    assert_eq!(image_as(good.clone(), "team/other", "1"), differs);
    assert_eq!(image_as(good.clone(), "registry.example.com/team/tool", "1"), differs);
    assert_eq!(image_as(good.clone(), "team/tool", "2"), differs);
    assert_eq!(image_as(good, "team/tool", &Digest::of(MANIFEST).to_string()), GOOD);
    let other = payload().replace(&Digest::of(MANIFEST).hex(), &Digest::of(b"other").hex());
    assert_eq!(image(message(&other)), differs);
}

#[test]
fn the_signed_document_is_strict() {
    for (from, to) in [
        ("atomic container signature", "cosign container image signature"),
        (r#""type":"#, r#""more":1,"type":"#),
        (r#""optional":"#, r#""critical":{},"optional":"#),
        (r#""optional":"#, r#""else":1,"optional":"#),
        ("sha256:", "sha1:"),
        (r#","type":"atomic container signature""#, ""),
    ] {
        let broken = payload().replacen(from, to, 1);
        assert_ne!(broken, payload());
        assert_eq!(image(message(&broken)), MALFORMED, "{to}");
    }
    // White space around it is no part of it.
    assert_eq!(image(message(&format!("{}\n", payload()))), GOOD);
}

#[test]
fn one_signature_about_another_name_leaves_the_other() {
    let other = message(&payload().replace("team/tool:1", "team/tool:2"));
    let [publisher] = pinned();
    let second = Maker::new(2, BORN);
    let anchors = [publisher, anchor("second", second.material())];
    let asked = |objects: &[&Vec<u8>]| -> Vec<bool> {
        let artifact = artifact("oci", "team/tool", "1", "manifest.json", MANIFEST);
        let objects = objects.iter().map(|object| object.to_vec()).collect();
        let findings = judge("simple-signing", objects, &artifact, MANIFEST, &anchors, DAY);
        findings.iter().map(|finding| finding.outcome == GOOD).collect()
    };
    let good = message(&payload());
    assert_eq!(asked(&[&other, &good, &good]), [false, true]);
    // What is wrong is told after what is good too, and each signer counts.
    assert_eq!(asked(&[&good, &other, &good]), [true, false]);
    let by_second = message_by(&second, &payload());
    assert_eq!(asked(&[&good, &by_second, &good]), [true, true]);
}

#[test]
fn a_handful_of_signatures_is_judged() {
    let artifact = artifact("oci", "team/tool", "1", "manifest.json", MANIFEST);
    let asked = |objects| one(judge("simple-signing", objects, &artifact, MANIFEST, &pinned(), DAY)).outcome;
    assert_eq!(asked(Vec::new()), Outcome::Undecided(Doubt::Incomplete));
    let good = message(&payload());
    assert_eq!(asked(vec![good.clone(); 64]), GOOD);
    assert_eq!(asked(vec![good; 65]), Outcome::Undecided(Doubt::TooLarge));
}

#[test]
fn a_signature_without_a_tag_says_so_where_a_tag_was_asked_for() {
    let notes = |reference: &str, version: &str| {
        let artifact = artifact("oci", "team/tool", version, "manifest.json", MANIFEST);
        let message = message(&payload().replace("team/tool:1", reference));
        let finding = one(judge(
            "simple-signing",
            vec![message],
            &artifact,
            MANIFEST,
            &pinned(),
            DAY,
        ));
        assert_eq!(finding.outcome, GOOD, "{reference} {version}");
        finding.notes
    };
    let (digest, none) = (Digest::of(MANIFEST).to_string(), Vec::<String>::new());
    assert_eq!(notes("team/tool", "1"), ["the signature says no tag"]);
    assert_eq!(notes("team/tool:1", "1"), none);
    assert_eq!(notes("team/tool", &digest), none);
    assert_eq!(notes("team/tool:1", &digest), none);
}
