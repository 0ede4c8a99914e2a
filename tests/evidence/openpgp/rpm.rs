//! Packages and indexes of RPM, made here and broken one thing at a time.

use std::io::Write;

use base64::Engine as _;
use sealift::model::{Anchor, Digest, Doubt, Fault, Finding, Level, Outcome};

use super::maker::{Maker, armor};
use super::signatures::one;
use crate::support::{DAY, anchor, artifact, judge};

const BORN: &str = "2024-01-01T00:00:00Z";
const SIGNED: &str = "2025-01-01T00:00:00Z";
const PAYLOAD: &[u8] = b"payload";
const GOOD: Outcome = Outcome::Confirmed(Level::Registry);
const DIFFERS: Outcome = Outcome::Contradicted(Fault::SubjectDiffers);
const MALFORMED: Outcome = Outcome::Contradicted(Fault::Malformed);

fn maker() -> Maker {
    Maker::new(1, BORN)
}

fn pinned() -> [Anchor; 1] {
    [anchor("distribution", maker().material())]
}

/// A tag, its type, its count and its data.
type Tag = (u32, u32, u32, Vec<u8>);

fn text(tag: u32, value: &str) -> Tag {
    (tag, 6, 1, [value.as_bytes(), b"\0"].concat())
}

fn texts(tag: u32, values: &[&str]) -> Tag {
    let data = values
        .iter()
        .flat_map(|value| [value.as_bytes(), b"\0"].concat())
        .collect();
    (tag, 8, values.len().try_into().unwrap(), data)
}

fn number(tag: u32, value: u32) -> Tag {
    (tag, 4, 1, value.to_be_bytes().to_vec())
}

fn binary(tag: u32, value: Vec<u8>) -> Tag {
    (tag, 7, value.len().try_into().unwrap(), value)
}

fn header(tags: &[Tag]) -> Vec<u8> {
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for (tag, kind, count, data) in tags {
        for field in [*tag, *kind, u32::try_from(store.len()).unwrap(), *count] {
            index.extend(field.to_be_bytes());
        }
        store.extend_from_slice(data);
    }
    let mut bytes = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
    bytes.extend(u32::try_from(tags.len()).unwrap().to_be_bytes());
    bytes.extend(u32::try_from(store.len()).unwrap().to_be_bytes());
    [bytes, index, store].concat()
}

fn main_tags() -> Vec<Tag> {
    vec![
        text(1000, "tool"),
        text(1001, "1.2"),
        text(1002, "3"),
        text(1022, "noarch"),
        texts(5092, &[&Digest::of(PAYLOAD).hex()]),
        number(5093, 8),
    ]
}

fn package(signatures: &[Tag], main: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut lead = vec![0; 96];
    lead[..4].copy_from_slice(&[0xed, 0xab, 0xee, 0xdb]);
    let mut front = [lead, header(signatures)].concat();
    front.resize(front.len().next_multiple_of(8), 0);
    [front, main.to_vec(), payload.to_vec()].concat()
}

fn signed(main: &[Tag]) -> Vec<u8> {
    let main = header(main);
    package(&[binary(268, maker().sign(SIGNED, &main))], &main, PAYLOAD)
}

fn asked(package: &[u8], name: &str, version: &str) -> Vec<Finding> {
    let artifact = artifact("rpm", name, version, "tool.rpm", package);
    judge("rpm-signature", Vec::new(), &artifact, package, &pinned(), DAY)
}

fn outcome(package: &[u8]) -> Outcome {
    one(asked(package, "tool", "1.2-3")).outcome
}

/// The main header's tags with one of them changed.
fn with(tag: Tag) -> Vec<Tag> {
    let mut tags = main_tags();
    tags.retain(|(known, ..)| *known != tag.0);
    tags.push(tag);
    tags
}

#[test]
fn a_signed_package_is_the_distributions() {
    let package = signed(&main_tags());
    let finding = one(asked(&package, "tool", "1.2-3"));
    assert_eq!(finding.outcome, GOOD, "{}", finding.reason);
    assert_eq!(finding.claims, [("package".to_owned(), "tool-1.2-3.noarch".to_owned())]);
    for version in ["0:1.2-3", "1.2-3.noarch", "0:1.2-3.noarch"] {
        assert_eq!(one(asked(&package, "tool", version)).outcome, GOOD);
    }
    for (name, version) in [
        ("other", "1.2-3"),
        ("tool", "1.2-4"),
        ("tool", "1:1.2-3"),
        ("tool", "1.2-3.x86_64"),
    ] {
        assert_eq!(one(asked(&package, name, version)).outcome, DIFFERS, "{name} {version}");
    }
    let with_epoch = signed(&with(number(1003, 2)));
    assert_eq!(one(asked(&with_epoch, "tool", "2:1.2-3")).outcome, GOOD);
    assert_eq!(one(asked(&with_epoch, "tool", "1.2-3")).outcome, DIFFERS);
}

#[test]
fn the_signature_covers_the_header_and_its_digest_the_payload() {
    let main = header(&main_tags());
    let signature = || vec![binary(268, maker().sign(SIGNED, &main))];
    let mut changed = main.clone();
    *changed.last_mut().unwrap() ^= 1;
    let wrong = outcome(&package(&signature(), &changed, PAYLOAD));
    assert_eq!(wrong, Outcome::Contradicted(Fault::SignatureWrong));
    for payload in [&b"Payload"[..], b"payloa", b"payload ", b""] {
        assert_eq!(outcome(&package(&signature(), &main, payload)), DIFFERS);
    }
}

#[test]
fn a_header_that_leaves_the_payload_free_proves_nothing() {
    let without: Vec<Tag> = main_tags().into_iter().filter(|(tag, ..)| *tag != 5092).collect();
    assert_eq!(outcome(&signed(&without)), Outcome::Undecided(Doubt::Incomplete));
    assert_eq!(
        outcome(&signed(&with(number(5093, 2)))),
        Outcome::Contradicted(Fault::Weak)
    );
    assert_eq!(
        outcome(&signed(&with(number(5093, 99)))),
        Outcome::Undecided(Doubt::UnknownAlgorithm)
    );
    assert_eq!(outcome(&signed(&with(number(5093, 10)))), MALFORMED);
    let digest = Digest::of(PAYLOAD).hex();
    assert_eq!(outcome(&signed(&with(texts(5092, &[&digest, &digest])))), MALFORMED);
    assert_eq!(outcome(&signed(&with(text(5092, &digest)))), MALFORMED);
    let nameless: Vec<Tag> = main_tags().into_iter().filter(|(tag, ..)| *tag != 1000).collect();
    assert_eq!(outcome(&signed(&nameless)), MALFORMED);
}

#[test]
fn every_place_for_signatures_is_looked_at() {
    let main = header(&main_tags());
    let signature = maker().sign(SIGNED, &main);
    let encoded = base64::engine::general_purpose::STANDARD.encode(&signature);
    let package_of = |tags: &[Tag]| package(tags, &main, PAYLOAD);
    assert_eq!(outcome(&package_of(&[binary(267, signature.clone())])), GOOD);
    assert_eq!(outcome(&package_of(&[texts(278, &[&encoded])])), GOOD);
    assert_eq!(outcome(&package_of(&[texts(278, &["!"])])), MALFORMED);
    // The same signature twice is one; a stranger's beside it is undecided.
    let stranger = Maker::new(2, BORN).sign(SIGNED, &main);
    let stranger = base64::engine::general_purpose::STANDARD.encode(stranger);
    let both = package_of(&[binary(268, signature.clone()), texts(278, &[&encoded, &stranger])]);
    let findings = asked(&both, "tool", "1.2-3");
    assert_eq!(findings.len(), 2);
    assert_eq!(findings[0].outcome, GOOD);
    assert_eq!(findings[1].outcome, Outcome::Undecided(Doubt::UnknownSigner));
    // Without signature, or with one of the old form only.
    assert_eq!(
        outcome(&package_of(&[text(273, "00")])),
        Outcome::Undecided(Doubt::Incomplete)
    );
    for tag in [1002, 1005] {
        let legacy = package_of(&[binary(tag, signature.clone())]);
        assert_eq!(outcome(&legacy), Outcome::Undecided(Doubt::UnknownFormat));
    }
    // Two readers could take different ones.
    let twice = package_of(&[binary(268, signature.clone()), binary(268, signature.clone())]);
    assert_eq!(outcome(&twice), MALFORMED);
    assert_eq!(outcome(&package_of(&[(268, 6, 1, signature)])), MALFORMED);
}

#[test]
fn a_package_without_a_signature_holds_no_proof() {
    let found = |package: Vec<u8>| sealift::evidence::beside::inside("tool.rpm", &mut std::io::Cursor::new(package));
    assert_eq!(found(signed(&main_tags())), ["rpm-signature"]);
    let digest = binary(1004, vec![0; 16]);
    assert!(found(package(&[digest], &header(&main_tags()), PAYLOAD)).is_empty());
}

#[test]
fn objects_beside_a_package_are_not_its_proof() {
    let package = signed(&main_tags());
    let artifact = artifact("rpm", "tool", "1.2-3", "tool.rpm", &package);
    let finding = one(judge(
        "rpm-signature",
        vec![vec![0]],
        &artifact,
        &package,
        &pinned(),
        DAY,
    ));
    assert_eq!(finding.outcome, Outcome::Undecided(Doubt::UnknownFormat));
}

#[test]
fn no_damaged_package_ends_the_run() {
    let good = signed(&main_tags());
    for length in 0..good.len() {
        assert!(
            !asked(&good[..length], "tool", "1.2-3")
                .iter()
                .any(Finding::is_confirmed),
            "cut at {length}"
        );
    }
    // Everything but the lead and reserved, padding and unhashed bytes counts; nothing panics.
    for place in 0..good.len() {
        let mut damaged = good.clone();
        damaged[place] ^= 0xff;
        let _ = asked(&damaged, "tool", "1.2-3");
    }
    // Sizes that the file does not have allocate nothing.
    for (place, value) in [
        (104, u32::MAX),
        (108, u32::MAX),
        (104, 0xffff),
        (108, 16 << 20),
        (104, 0),
    ] {
        let mut huge = good.clone();
        huge[place..place + 4].copy_from_slice(&value.to_be_bytes());
        assert!(!asked(&huge, "tool", "1.2-3").iter().any(Finding::is_confirmed));
    }
    // Offsets and counts outside of the store.
    for tag in [
        (1000, 6, 1, b"no end".to_vec()),
        (5092, 8, u32::MAX, b"x\0".to_vec()),
        (5093, 4, 2, vec![0; 8]),
        (5093, 4, 1, vec![0]),
    ] {
        assert_eq!(outcome(&signed(&with(tag))), MALFORMED);
    }
}

const RPM: &[u8] = b"the package";

fn primary() -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://example.com/common" xmlns:rpm="http://example.com/rpm" packages="2">
<package type="rpm"><name>other</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/><checksum type="sha256" pkgid="YES">{}</checksum><packager>Somebody</packager></package>
<package type="rpm">
  <name>tool</name>
  <arch>x86_64</arch>
  <version epoch="1" ver="1.2" rel="3"/>
  <checksum type="sha256" pkgid="YES">{}</checksum>
  <format><rpm:license>MIT</rpm:license><rpm:provides><rpm:entry name="tool"/></rpm:provides></format>
</package>
</metadata>
"#,
        Digest::of(b"other").hex(),
        Digest::of(RPM).hex()
    )
}

fn repomd(list: &[u8]) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://example.com/repo" xmlns:rpm="http://example.com/rpm">
  <revision>1700000000</revision>
  <tags><repo>baseos</repo><distro cpeid="cpe:/o:example:9">Example 9</distro></tags>
  <data type="filelists"><checksum type="sha256">00</checksum></data>
  <data type="primary"><checksum type="sha256">{}</checksum><location href="repodata/primary.xml.gz"/></data>
</repomd>
"#,
        Digest::of(list).hex()
    )
}

fn index_of(repomd: &str, list: &[u8], anchors: &[Anchor], version: &str) -> Finding {
    let artifact = artifact("rpm", "tool", version, "tool.rpm", RPM);
    let signature = armor(&maker().sign(SIGNED, repomd.as_bytes())).into_bytes();
    let objects = vec![repomd.as_bytes().to_vec(), signature, list.to_vec()];
    one(judge("repomd", objects, &artifact, RPM, anchors, DAY))
}

/// Judges with a list of packages that the index names.
fn index(list: &[u8]) -> Finding {
    index_of(&repomd(list), list, &pinned(), "1:1.2-3")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_signed_index_lists_packages() {
    let list = primary();
    let list = list.as_bytes();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    bzip2.write_all(list).unwrap();
    // The same text, since the library is built without its writer.
    let xz = include_bytes!("../../fixtures/rpm/primary.xml.xz").to_vec();
    for packed in [
        list.to_vec(),
        gzip(list),
        zstd::encode_all(list, 3).unwrap(),
        bzip2.finish().unwrap(),
        xz,
    ] {
        let finding = index(&packed);
        assert_eq!(finding.outcome, GOOD, "{}", finding.reason);
        assert_eq!(
            finding.claims,
            [
                ("package".to_owned(), "tool-1:1.2-3.x86_64".to_owned()),
                ("revision".to_owned(), "1700000000".to_owned())
            ]
        );
    }
}

#[test]
fn the_chain_holds_from_the_signature_to_the_package() {
    let list = gzip(primary().as_bytes());
    let repomd = repomd(&list);
    let artifact = artifact("rpm", "tool", "1:1.2-3", "tool.rpm", RPM);
    let signature = maker().sign(SIGNED, repomd.as_bytes());
    let asked = |objects: Vec<Vec<u8>>, bytes: &[u8]| {
        let artifact = sealift::model::Artifact {
            digest: Digest::of(bytes),
            ..artifact.clone()
        };
        one(judge("repomd", objects, &artifact, bytes, &pinned(), DAY)).outcome
    };
    let objects = || vec![repomd.clone().into_bytes(), signature.clone(), list.clone()];
    assert_eq!(asked(objects(), RPM), GOOD);
    assert_eq!(asked(objects(), b"another package"), DIFFERS);
    let mut changed = objects();
    changed[0].push(b' ');
    assert_eq!(asked(changed, RPM), Outcome::Contradicted(Fault::SignatureWrong));
    let mut changed = objects();
    changed[2] = gzip(primary().replace("MIT", "Mit").as_bytes());
    assert_eq!(asked(changed, RPM), DIFFERS);
    let mut short = objects();
    short.pop();
    assert_eq!(asked(short, RPM), Outcome::Undecided(Doubt::Incomplete));
    let mut huge = objects();
    huge[0] = vec![b' '; (1 << 20) + 1];
    assert_eq!(asked(huge, RPM), Outcome::Undecided(Doubt::TooLarge));
    assert_eq!(index_of(&repomd, &list, &pinned(), "1:1.2-4").outcome, DIFFERS);
    assert_eq!(index_of(&repomd, &list, &pinned(), "1.2-3").outcome, DIFFERS);
}

#[test]
fn an_anchor_for_some_repositories_counts_for_these() {
    let list = gzip(primary().as_bytes());
    let with_suites = |suites: &[&str]| {
        let mut anchors = pinned();
        anchors[0].suites = suites.iter().map(|suite| (*suite).to_owned()).collect();
        index_of(&repomd(&list), &list, &anchors, "1:1.2-3").outcome
    };
    assert_eq!(with_suites(&["appstream", "baseos"]), GOOD);
    assert_eq!(with_suites(&["cpe:/o:example:9"]), GOOD);
    assert_eq!(with_suites(&["appstream"]), Outcome::Undecided(Doubt::OutOfScope));
    assert_eq!(with_suites(&["base"]), Outcome::Undecided(Doubt::OutOfScope));
}

#[test]
fn an_index_of_another_form_is_refused() {
    let list = primary();
    let list = list.as_bytes();
    let good = repomd(list);
    for (from, to, expected) in [
        ("type=\"primary\"", "type=\"secondary\"", MALFORMED),
        ("type=\"filelists\"", "type=\"primary\"", MALFORMED),
        ("</repomd>", "", MALFORMED),
        ("<repomd ", "<!DOCTYPE repomd [<!ENTITY a \"b\">]><repomd ", MALFORMED),
    ] {
        let broken = good.replacen(from, to, 1);
        assert_ne!(broken, good);
        assert_eq!(index_of(&broken, list, &pinned(), "1:1.2-3").outcome, expected, "{to}");
    }
    let other = good.replace("repomd", "metadata");
    assert_eq!(index_of(&other, list, &pinned(), "1:1.2-3").outcome, MALFORMED);
    let primary_at = good.find("type=\"primary\"").unwrap();
    let (front, back) = good.split_at(primary_at);
    let weak = format!("{front}{}", back.replacen("sha256", "sha", 1));
    let finding = index_of(&weak, list, &pinned(), "1:1.2-3");
    assert_eq!(finding.outcome, Outcome::Contradicted(Fault::Weak));
    let unknown = format!("{front}{}", back.replacen("sha256", "blake3", 1));
    let finding = index_of(&unknown, list, &pinned(), "1:1.2-3");
    assert_eq!(finding.outcome, Outcome::Undecided(Doubt::UnknownAlgorithm));
    let nodes = good.replacen("<tags>", &format!("<tags>{}", "<x/>".repeat(30_000)), 1);
    assert_eq!(index_of(&nodes, list, &pinned(), "1:1.2-3").outcome, MALFORMED);
}

#[test]
fn a_list_of_packages_of_another_form_is_refused() {
    let good = primary();
    for (from, to, expected) in [
        ("<name>tool</name>", "<name>tool</name><name>other</name>", MALFORMED),
        ("ver=\"1.2\" ", "", MALFORMED),
        ("</package>\n</metadata>", "", MALFORMED),
        ("</package>\n</metadata>\n", "</package >", MALFORMED),
        ("rpm:license", "other:license", MALFORMED),
        ("<metadata ", "<other ", MALFORMED),
        (
            "<format>",
            "<format><!-- <package -->",
            Outcome::Undecided(Doubt::UnknownFormat),
        ),
        (
            "<metadata ",
            "<!DOCTYPE x><metadata ",
            Outcome::Undecided(Doubt::UnknownFormat),
        ),
        ("type=\"sha256\"", "type=\"sha512\"", MALFORMED),
        ("type=\"sha256\"", "type=\"md5\"", Outcome::Contradicted(Fault::Weak)),
        // The same bytes under two names.
        (&Digest::of(b"other").hex(), &Digest::of(RPM).hex(), MALFORMED),
        (&Digest::of(RPM).hex(), &Digest::of(b"evil").hex(), DIFFERS),
    ] {
        let broken = good.replacen(from, to, 1);
        assert_ne!(broken, good);
        let finding = index(broken.as_bytes());
        assert_eq!(finding.outcome, expected, "{to}: {}", finding.reason);
    }
    assert_eq!(index(b"garbage").outcome, Outcome::Undecided(Doubt::UnknownFormat));
    let cut = gzip(good.as_bytes());
    assert_eq!(index(&cut[..cut.len() / 2]).outcome, MALFORMED);
    let long = good.replacen("Somebody", &"x".repeat(40 << 20), 1);
    assert_eq!(
        index(&gzip(long.as_bytes())).outcome,
        Outcome::Undecided(Doubt::TooLarge)
    );
    let deep = good.replacen("Somebody", &"<x>".repeat(200_000), 1);
    assert_eq!(index(deep.as_bytes()).outcome, MALFORMED);
    let deep = "<x>".repeat(900_000) + &"</x>".repeat(900_000);
    let deep = good.replacen("Somebody", &deep, 1);
    assert!(!matches!(
        index(deep.as_bytes()).outcome,
        Outcome::Undecided(Doubt::NoAnchor)
    ));
}
