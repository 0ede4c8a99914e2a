//! Signed JAR files: jarsigner's, and our own with one thing wrong in each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::model::{Anchor, Doubt, Fault, Finding, Level, Material, Outcome};

use crate::cms::{clock, pinned};
use crate::forge::{self, Holder, How, SERVER, Says, timestamper};
use crate::support::{anchor, artifact, judge};

const NOW: &str = "2027-01-01T00:00:00Z";

fn findings(jar: &[u8], anchors: &[Anchor]) -> Vec<Finding> {
    let artifact = artifact("maven", "org.example:a", "1", "a-1.jar", jar);
    judge("jar-signature", Vec::new(), &artifact, jar, anchors, NOW)
}

#[track_caller]
fn expect(jar: &[u8], anchors: &[Anchor], outcome: Outcome) -> Finding {
    let mut found = findings(jar, anchors);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].outcome, outcome, "{}", found[0].reason);
    found.remove(0)
}

const CONFIRMED: Outcome = Outcome::Confirmed(Level::Publisher);
const DIFFERS: Outcome = Outcome::Contradicted(Fault::SubjectDiffers);
const MALFORMED: Outcome = Outcome::Contradicted(Fault::Malformed);

fn held(pem: &str) -> Anchor {
    anchor("publisher", Material::Certificates(pem.to_owned()))
}

const RSA: &str = include_str!("../fixtures/jar/rsa.pem");
const EC: &str = include_str!("../fixtures/jar/ec.pem");
const OTHER: &str = include_str!("../fixtures/jar/other.pem");
const RSA_JAR: &[u8] = include_bytes!("../fixtures/jar/rsa.jar");

#[test]
fn jars_of_jarsigner_are_confirmed() {
    expect(RSA_JAR, &[held(RSA)], CONFIRMED);
    expect(include_bytes!("../fixtures/jar/ec.jar"), &[held(EC)], CONFIRMED);
    expect(include_bytes!("../fixtures/jar/part.jar"), &[held(RSA)], CONFIRMED);
    expect(RSA_JAR, &[held(EC)], Outcome::Undecided(Doubt::UnknownSigner));
    expect(RSA_JAR, &[], Outcome::Undecided(Doubt::NoAnchor));
    let weak = include_bytes!("../fixtures/jar/sha1.jar");
    expect(weak, &[held(RSA)], Outcome::Contradicted(Fault::Weak));
    let two = findings(include_bytes!("../fixtures/jar/two.jar"), &[held(OTHER)]);
    let mut outcomes: Vec<String> = two.iter().map(|finding| format!("{:?}", finding.outcome)).collect();
    outcomes.sort();
    assert_eq!(outcomes, ["Confirmed(Publisher)", "Undecided(UnknownSigner)"]);
}

#[test]
fn no_byte_of_a_jar_may_change() {
    for position in (0..RSA_JAR.len()).step_by(3) {
        let mut changed = RSA_JAR.to_vec();
        changed[position] ^= 1;
        // Times, attributes and alignment of entries are nobody's content; everything else is refused.
        for finding in findings(&changed, &[held(RSA)]) {
            if finding.is_confirmed() {
                let same = |jar: &[u8]| -> Vec<(String, Vec<u8>)> {
                    let mut zip = sealift::archive::zip::Zip::open(std::io::Cursor::new(jar)).unwrap();
                    let names: Vec<String> = zip.entries().iter().map(|entry| entry.name().to_owned()).collect();
                    names
                        .into_iter()
                        .map(|name| (name.clone(), zip.read(&name, 1 << 20).unwrap()))
                        .collect()
                };
                assert_eq!(same(&changed), same(RSA_JAR), "byte {position}");
            }
        }
    }
    for length in (0..RSA_JAR.len()).step_by(17) {
        expect(&RSA_JAR[..length], &[held(RSA)], MALFORMED);
    }
}

fn digest(bytes: &[u8]) -> String {
    STANDARD.encode(forge::sha256(bytes))
}

/// A JAR in the making: its parts can be changed before they are put together.
struct Made {
    files: Vec<(String, Vec<u8>)>,
    manifest: String,
    signature: String,
    block: Vec<u8>,
}

fn section(name: &str, content: &[u8]) -> String {
    format!("Name: {name}\r\nSHA-256-Digest: {}\r\n\r\n", digest(content))
}

fn signature_file(manifest: &str) -> String {
    format!(
        "Signature-Version: 1.0\r\nSHA-256-Digest-Manifest: {}\r\n\r\n",
        digest(manifest.as_bytes())
    )
}

fn made(holder: &Holder) -> Made {
    let files = vec![
        ("a.class".to_owned(), b"a".to_vec()),
        ("META-INF/services/x".to_owned(), b"b".to_vec()),
    ];
    let mut manifest = "Manifest-Version: 1.0\r\n\r\n".to_owned();
    for (name, content) in &files {
        manifest.push_str(&section(name, content));
    }
    let signature = signature_file(&manifest);
    Made {
        files,
        manifest,
        block: forge::detached(holder, signature.as_bytes(), &How::default()),
        signature,
    }
}

impl Made {
    fn signed(mut self, holder: &Holder) -> Self {
        self.block = forge::detached(holder, self.signature.as_bytes(), &How::default());
        self
    }

    fn jar(&self) -> Vec<u8> {
        let mut entries: Vec<(&str, &[u8])> = vec![
            ("META-INF/MANIFEST.MF", self.manifest.as_bytes()),
            ("META-INF/ME.SF", self.signature.as_bytes()),
            ("META-INF/ME.EC", &self.block),
            ("folder/", b""),
        ];
        entries.extend(
            self.files
                .iter()
                .map(|(name, content)| (name.as_str(), content.as_slice())),
        );
        forge::archive(&entries)
    }
}

#[test]
fn files_are_held_to_the_manifest_and_it_to_the_signature() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    expect(&made(&leaf).jar(), &anchors, CONFIRMED);
    type Change<'a> = &'a dyn Fn(&mut Made);
    let cases: [(Change<'_>, Outcome); 9] = [
        (&|jar| jar.files[0].1 = b"z".to_vec(), DIFFERS),
        (&|jar| jar.files.push(("b.class".to_owned(), b"b".to_vec())), DIFFERS),
        (
            &|jar| jar.files.push(("META-INF/SIG-X".to_owned(), b"b".to_vec())),
            DIFFERS,
        ),
        // Below another folder, and no signature file.
        (
            &|jar| jar.files.push(("META-INF/more/ME.SF".to_owned(), b"b".to_vec())),
            DIFFERS,
        ),
        (
            &|jar| {
                jar.files.pop();
            },
            DIFFERS,
        ),
        (&|jar| jar.manifest.push_str("Name: more\r\nKey: v\r\n\r\n"), DIFFERS),
        (&|jar| jar.signature.push_str("\r\n"), DIFFERS),
        (
            &|jar| {
                jar.files
                    .push(("META-INF/ME2.SF".to_owned(), b"Signature-Version: 1.0\r\n\r\n".to_vec()))
            },
            MALFORMED,
        ),
        (
            &|jar| jar.files.push(("META-INF/ME2.RSA".to_owned(), b"x".to_vec())),
            MALFORMED,
        ),
    ];
    for (position, (change, outcome)) in cases.iter().enumerate() {
        let mut jar = made(&leaf);
        change(&mut jar);
        let found = findings(&jar.jar(), &anchors);
        assert_eq!(found[0].outcome, *outcome, "case {position}: {}", found[0].reason);
    }
    // An attribute that is as long as a digest's, and none.
    let mut noted = made(&leaf);
    let attribute = "\r\nSHA-256-Origin: here\r\nSHA-256-Digest";
    noted.manifest = noted.manifest.replacen("\r\nSHA-256-Digest", attribute, 1);
    noted.signature = signature_file(&noted.manifest);
    expect(&noted.signed(&leaf).jar(), &anchors, CONFIRMED);
    // More than is judged.
    let too_large = Outcome::Undecided(Doubt::TooLarge);
    for ending in ["SF", "EC"] {
        let mut many = made(&leaf);
        let more = (0..17).map(|number| (format!("META-INF/M{number}.{ending}"), Vec::new()));
        many.files.extend(more);
        expect(&many.jar(), &anchors, too_large);
    }
    let mut wide = made(&leaf);
    let attributes: String = (0..200).map(|number| format!("A{number}: b\r\n")).collect();
    wide.manifest = wide.manifest.replacen("\r\n\r\n", &format!("\r\n{attributes}\r\n"), 1);
    expect(&wide.jar(), &anchors, too_large);
    let mut long = made(&leaf);
    long.manifest
        .extend((0..200_000).map(|number| format!("Name: {number}\r\n\r\n")));
    expect(&long.jar(), &anchors, too_large);
    // A second manifest, in other letters.
    let twice = forge::insert(
        &made(&leaf).jar(),
        "meta-inf/manifest.mf",
        b"Manifest-Version: 1.0\r\n\r\n",
        false,
    );
    expect(&twice, &anchors, MALFORMED);
    expect(
        &forge::archive(&[("a", b"b")]),
        &anchors,
        Outcome::Undecided(Doubt::Incomplete),
    );
}

#[test]
fn a_signature_file_may_sign_section_by_section() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let main = |main: &str| {
        format!(
            "Signature-Version: 1.0\r\nSHA-256-Digest-Manifest-Main-Attributes: {}\r\n\r\n",
            digest(main.as_bytes())
        )
    };
    let with = |sections: &[usize], head: &str, wrong: bool| {
        let mut jar = made(&leaf);
        jar.signature = main(head);
        for at in sections {
            let (name, content) = &jar.files[*at];
            let own = section(name, content);
            let bytes = if wrong { "x".to_owned() } else { own };
            jar.signature.push_str(&format!(
                "Name: {name}\r\nSHA-256-Digest: {}\r\n\r\n",
                digest(bytes.as_bytes())
            ));
        }
        jar.signed(&leaf).jar()
    };
    let head = "Manifest-Version: 1.0\r\n\r\n";
    expect(&with(&[0, 1], head, false), &anchors, CONFIRMED);
    expect(
        &with(&[0, 1], "Manifest-Version: 2.0\r\n\r\n", false),
        &anchors,
        DIFFERS,
    );
    expect(&with(&[0, 1], head, true), &anchors, DIFFERS);
    expect(
        &with(&[0], head, false),
        &anchors,
        Outcome::Undecided(Doubt::Incomplete),
    );
    let mut version = made(&leaf);
    version.signature = version.signature.replace("1.0", "2.0");
    expect(&version.signed(&leaf).jar(), &anchors, MALFORMED);
    let mut weak = made(&leaf);
    weak.signature = weak.signature.replace("SHA-256-", "SHA1-");
    expect(&weak.signed(&leaf).jar(), &anchors, Outcome::Contradicted(Fault::Weak));
}

#[test]
fn the_block_is_a_signature_over_the_signature_file() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let jar = |block: Vec<u8>| Made { block, ..made(&leaf) }.jar();
    expect(
        &jar(forge::detached(&leaf, b"other", &How::default())),
        &anchors,
        DIFFERS,
    );
    expect(&jar(b"nothing".to_vec()), &anchors, MALFORMED);
    let content = made(&leaf).signature.into_bytes();
    let info = forge::Info::new(&leaf, &content, &How::default()).finish(&[]);
    let inside = forge::message(forge::DATA, Some(forge::octets(&content)), &[&leaf], &[info]);
    expect(&jar(inside), &anchors, MALFORMED);
    let server = root.issue(&Says {
        purposes: Some((false, &[SERVER])),
        ..Says::default()
    });
    expect(&made(&server).jar(), &anchors, Outcome::Contradicted(Fault::ChainWrong));
    let old = root.issue(&Says {
        until: "2026-01-01T00:00:00Z",
        ..Says::default()
    });
    let authority = timestamper();
    let anchors = [pinned(&[&root]), clock(&[&authority])];
    expect(&made(&old).jar(), &anchors, Outcome::Undecided(Doubt::NoProvenTime));
    let mut stamped = made(&old);
    stamped.block = forge::detached_at(&old, stamped.signature.as_bytes(), &authority, "2025-01-01T00:00:00Z");
    expect(&stamped.jar(), &anchors, CONFIRMED);
}
