//! Signed NuGet packages: the collection's, and our own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::model::{Anchor, Doubt, Fault, Finding, Level, Material, Outcome, SpeaksFor};
use sha1::Digest as _;

use crate::cms::{clock, pinned};
use crate::data::{Judged, Row};
use crate::forge::{
    self, CODE, DATA, Holder, How, Info, Says, TOKEN, Tokened, attribute, names_certificate, octets, oid, seq,
    timestamper, tlv, token,
};
use crate::support::{DAY, anchor, artifact, judge};

const COMMITMENT: &str = "1.2.840.113549.1.9.16.2.16";
const ORIGIN: &str = "1.2.840.113549.1.9.16.6.1";
const RECEIPT: &str = "1.2.840.113549.1.9.16.6.2";
const COUNTERSIGNATURE: &str = "1.2.840.113549.1.9.6";

fn findings(package: &[u8], anchors: &[Anchor]) -> Vec<Finding> {
    let artifact = artifact("nuget", "example", "1.0.0", "example.1.0.0.nupkg", package);
    judge("nuget-signature", Vec::new(), &artifact, package, anchors, DAY)
}

/// The certificates that an archive's signature brings, as anchors of both kinds.
fn inside(signature: &[u8], is_clock: bool) -> Vec<Anchor> {
    use cms::cert::CertificateChoices;
    use cms::content_info::ContentInfo;
    use cms::signed_data::SignedData;
    use der::{Decode as _, Encode as _};
    let data: SignedData = ContentInfo::from_der(signature).unwrap().content.decode_as().unwrap();
    let certificates: Vec<Vec<u8>> = data
        .certificates
        .iter()
        .flat_map(|set| set.0.iter())
        .filter_map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => Some(certificate.to_der().unwrap()),
            CertificateChoices::Other(_) => None,
        })
        .collect();
    let pem = forge::pem_of(&certificates.iter().map(Vec::as_slice).collect::<Vec<_>>());
    vec![if is_clock {
        anchor("clock", Material::TimestampCertificates(pem))
    } else {
        anchor("inside", Material::Certificates(pem))
    }]
}

fn signature_of(package: &[u8]) -> Option<Vec<u8>> {
    let mut zip = sealift::archive::zip::Zip::open(std::io::Cursor::new(package)).ok()?;
    zip.read(".signature.p7s", 1 << 20).ok()
}

pub(crate) fn judge_row(row: &Row) -> Judged {
    let package = row.read(row.files.split(' ').next().unwrap());
    let signature = signature_of(&package).unwrap();
    let mut anchors = if row.root == "inside" {
        inside(&signature, false)
    } else {
        Vec::new()
    };
    let mut judged = findings(&package, &anchors);
    let outcome = judged[0].outcome;
    match row.case.as_str() {
        "nuget/TestPackage.AuthorSigned.1.0.0.nupkg" => {
            // Its certificate has ended, and its timestamp's authority is not pinned.
            assert_eq!(outcome, Outcome::Undecided(Doubt::NoProvenTime), "{judged:?}");
            anchors.extend(inside(&token_of(&signature), true));
            judged = findings(&package, &anchors);
            assert_eq!(judged[0].outcome, Outcome::Confirmed(Level::Publisher), "{judged:?}");
            assert!(judged[0].signed_at.as_ref().unwrap().source.is_proven());
        }
        "nuget/SignedPackage.1.0.0.nupkg" | "nuget/UntrustedTimestampPackage.nupkg" => {
            assert_eq!(outcome, Outcome::Undecided(Doubt::NoProvenTime), "{judged:?}");
        }
        _ => assert_eq!(outcome, Outcome::Contradicted(Fault::Malformed), "{judged:?}"),
    }
    Judged::Findings(judged)
}

/// The first timestamp token in a message.
fn token_of(signature: &[u8]) -> Vec<u8> {
    use cms::content_info::ContentInfo;
    use cms::signed_data::SignedData;
    use der::{Decode as _, Encode as _};
    let data: SignedData = ContentInfo::from_der(signature).unwrap().content.decode_as().unwrap();
    let info = data.signer_infos.0.iter().next().unwrap().clone();
    let attribute = info.unsigned_attrs.unwrap().iter().next().unwrap().clone();
    attribute.values.iter().next().unwrap().to_der().unwrap()
}

const AUTHOR_SIGNED: &[u8] = include_bytes!("../fixtures/nuget/TestPackage.AuthorSigned.1.0.0.nupkg");

#[test]
fn a_real_package_is_confirmed_at_its_proven_time_and_no_byte_may_change() {
    let signature = signature_of(AUTHOR_SIGNED).unwrap();
    let mut anchors = inside(&signature, false);
    anchors.extend(inside(&token_of(&signature), true));
    let found = findings(AUTHOR_SIGNED, &anchors);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].outcome,
        Outcome::Confirmed(Level::Publisher),
        "{}",
        found[0].reason
    );
    assert_eq!(found[0].anchors, ["inside", "clock"]);
    let at = found[0].signed_at.as_ref().unwrap().time.to_string();
    assert!(at.starts_with("2018-02-28"), "{at}");
    // The signature's own entry is not hashed: neither its header, nor its record, nor the unsigned attributes within.
    let start = AUTHOR_SIGNED
        .windows(14)
        .position(|window| window == b".signature.p7s")
        .unwrap()
        - 30;
    for position in (0..start).step_by(7) {
        let mut changed = AUTHOR_SIGNED.to_vec();
        changed[position] ^= 1;
        let found = findings(&changed, &anchors);
        assert!(!found[0].is_confirmed(), "byte {position}");
    }
}

fn unsigned() -> Vec<u8> {
    forge::archive(&[("example.nuspec", b"<package/>"), ("lib/a.dll", b"MZ")])
}

fn content(hash: &[u8]) -> Vec<u8> {
    format!("Version:1\n\n2.16.840.1.101.3.4.2.1-Hash:{}\n\n", STANDARD.encode(hash)).into_bytes()
}

fn commitment(kind: &str) -> Vec<u8> {
    attribute(COMMITMENT, seq(&[oid(kind)]))
}

fn service(url: &str) -> Vec<u8> {
    attribute("1.3.6.1.4.1.311.84.2.1.1.1", tlv(0x16, url.as_bytes()))
}

fn owners(names: &[&str]) -> Vec<u8> {
    let names: Vec<Vec<u8>> = names.iter().map(|name| tlv(0x0c, name.as_bytes())).collect();
    attribute("1.3.6.1.4.1.311.84.2.1.1.2", seq(&names))
}

/// The signed attributes of an author.
fn by_author(holder: &Holder) -> Vec<Vec<u8>> {
    vec![names_certificate(&holder.certificate), commitment(ORIGIN)]
}

fn by_repository(holder: &Holder) -> Vec<Vec<u8>> {
    vec![
        names_certificate(&holder.certificate),
        commitment(RECEIPT),
        service("https://registry.example.com/v3/index.json"),
        owners(&["ann", "bob"]),
    ]
}

fn package(signature: &[u8]) -> Vec<u8> {
    forge::insert(&unsigned(), ".signature.p7s", signature, false)
}

fn primary(holder: &Holder, signed: Vec<Vec<u8>>, content: &[u8]) -> Info {
    let how = How {
        signed,
        ..How::default()
    };
    Info::new(holder, content, &how)
}

fn sign(holder: &Holder, signed: Vec<Vec<u8>>, content: &[u8]) -> Vec<u8> {
    let info = primary(holder, signed, content).finish(&[]);
    package(&forge::message(DATA, Some(octets(content)), &[holder], &[info]))
}

fn right_content() -> Vec<u8> {
    content(&forge::sha256(&unsigned()))
}

#[track_caller]
fn expect(package: &[u8], anchors: &[Anchor], outcome: Outcome) -> Finding {
    let mut found = findings(package, anchors);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].outcome, outcome, "{}", found[0].reason);
    found.remove(0)
}

#[test]
fn the_hash_is_that_of_the_package_before_it_was_signed() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let content = right_content();
    let info = primary(&leaf, by_author(&leaf), &content).finish(&[]);
    let signature = forge::message(DATA, Some(octets(&content)), &[&leaf], &[info]);
    for first in [false, true] {
        let package = forge::insert(&unsigned(), ".signature.p7s", &signature, first);
        expect(&package, &anchors, Outcome::Confirmed(Level::Publisher));
    }
    let more = forge::insert(&package(&signature), "lib/b.dll", b"MZ", false);
    expect(&more, &anchors, Outcome::Contradicted(Fault::SubjectDiffers));
    let other = sign(&leaf, by_author(&leaf), &self::content(&[0; 32]));
    expect(&other, &anchors, Outcome::Contradicted(Fault::SubjectDiffers));
    let text = String::from_utf8(content.clone()).unwrap();
    for broken in [text.replacen("\n\n", "\nmore\n", 1), text.replacen("\n\n", "\n", 1)] {
        let broken = sign(&leaf, by_author(&leaf), broken.as_bytes());
        expect(&broken, &anchors, Outcome::Contradicted(Fault::Malformed));
    }
    // The signature's own entry is not hashed, so nothing may be said in its header.
    let mut flagged = package(&signature);
    for (head, flags) in [(&b"PK\x03\x04"[..], 6), (b"PK\x01\x02", 8)] {
        let at = flagged.windows(4).rposition(|window| window == head).unwrap();
        flagged[at + flags + 1] |= 0x08;
    }
    expect(&flagged, &anchors, Outcome::Contradicted(Fault::Malformed));
    expect(&unsigned(), &anchors, Outcome::Undecided(Doubt::Incomplete));
    expect(b"no zip", &anchors, Outcome::Contradicted(Fault::Malformed));
}

#[test]
fn roles_bound_the_level() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let mut registry = pinned(&[&root]);
    registry.speaks_for = SpeaksFor::Registry;
    let content = right_content();
    expect(
        &sign(&leaf, by_author(&leaf), &content),
        &[registry],
        Outcome::Confirmed(Level::Registry),
    );
    let finding = expect(
        &sign(&leaf, by_repository(&leaf), &content),
        &anchors,
        Outcome::Confirmed(Level::Registry),
    );
    assert_eq!(
        finding.claims,
        [
            ("repository", "https://registry.example.com/v3/index.json"),
            ("owner", "ann"),
            ("owner", "bob"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn attributes_that_must_be_there_are() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let content = right_content();
    let malformed = Outcome::Contradicted(Fault::Malformed);
    let named = names_certificate(&leaf.certificate);
    // The older attribute names the right certificate by SHA-1 (RFC 2634 §5.4).
    let older = octets(&sha1::Sha1::digest(&leaf.certificate));
    let older = attribute("1.2.840.113549.1.9.16.2.12", seq(&[seq(&[seq(&[older])])]));
    // Content of another type than the attributes state.
    let info = primary(&leaf, by_author(&leaf), &content).finish(&[]);
    let other = forge::message("1.3.6.1.4.1.311.2.1.4", Some(octets(&content)), &[&leaf], &[info]);
    expect(&package(&other), &anchors, malformed);
    let cases = [
        (vec![named.clone(), commitment(ORIGIN), older], malformed),
        (vec![], malformed),
        (vec![commitment(ORIGIN)], malformed),
        (vec![named.clone()], malformed),
        (
            vec![named.clone(), commitment("1.2.3.4")],
            Outcome::Undecided(Doubt::UnknownFormat),
        ),
        (
            vec![names_certificate(&root.certificate), commitment(ORIGIN)],
            Outcome::Contradicted(Fault::IdentityDiffers),
        ),
        (vec![named.clone(), commitment(RECEIPT)], malformed),
        (
            vec![
                named.clone(),
                commitment(RECEIPT),
                service("http://registry.example.com/"),
            ],
            malformed,
        ),
        (
            vec![
                named.clone(),
                commitment(RECEIPT),
                service("https://registry.example.com/"),
                attribute("1.3.6.1.4.1.311.84.2.1.1.2", oid(CODE)),
            ],
            malformed,
        ),
        (
            vec![
                named,
                commitment(ORIGIN),
                attribute("1.2.840.113549.1.9.16.2.12", seq(&[seq(&[])])),
            ],
            malformed,
        ),
    ];
    for (position, (signed, outcome)) in cases.into_iter().enumerate() {
        let found = findings(&sign(&leaf, signed, &content), &anchors);
        assert_eq!(found[0].outcome, outcome, "case {position}: {}", found[0].reason);
    }
    // Two primary signatures, or none over the content inside.
    let info = primary(&leaf, by_author(&leaf), &content).finish(&[]);
    let second = primary(&leaf, by_author(&leaf), &content).finish(&[]);
    let twice = forge::message(DATA, Some(octets(&content)), &[&leaf], &[info.clone(), second]);
    expect(&package(&twice), &anchors, malformed);
    let empty = forge::message(DATA, None, &[&leaf], &[info]);
    expect(&package(&empty), &anchors, malformed);
    expect(&package(b"content"), &anchors, malformed);
    let mut damaged = sign(&leaf, by_author(&leaf), &content);
    let at = damaged.windows(2).rposition(|window| window == b"PK").unwrap();
    let record = damaged[..at]
        .windows(4)
        .rposition(|window| window == b"PK\x01\x02")
        .unwrap();
    damaged[record - 1] ^= 1;
    assert!(!findings(&damaged, &anchors)[0].is_confirmed());
}

#[test]
fn certificates_are_for_code_and_not_for_a_lifetime() {
    let root = Holder::alone(&Says::authority("Root"));
    let anchors = [pinned(&[&root])];
    for purposes in [None, Some((false, &[CODE, "1.3.6.1.4.1.311.10.3.13"][..]))] {
        let leaf = root.issue(&Says {
            purposes,
            ..Says::default()
        });
        let package = sign(&leaf, by_author(&leaf), &right_content());
        expect(&package, &anchors, Outcome::Contradicted(Fault::ChainWrong));
    }
}

#[test]
fn a_repository_countersigns_an_author() {
    let (root, leaf) = Holder::pair();
    let repository = Holder::alone(&Says {
        name: "Repository",
        until: "2026-01-01T00:00:00Z",
        serial: 9,
        ..Says::default()
    });
    let authority = timestamper();
    let mut held = anchor("repository", Material::Certificates(forge::pem(&[&repository])));
    held.speaks_for = SpeaksFor::Registry;
    let anchors = [pinned(&[&root]), held, clock(&[&authority])];
    let content = right_content();
    let with = |message: Option<&[u8]>, signed: Vec<Vec<u8>>| {
        let info = primary(&leaf, by_author(&leaf), &content);
        let how = How {
            signed,
            stated_type: Some(""),
            ..How::default()
        };
        let counter = Info::new(&repository, message.unwrap_or(&info.value), &how);
        let token = token(&authority, &counter.value, "2025-06-01T00:00:00Z", &Tokened::default());
        let counter = counter.finish(&[attribute(TOKEN, token)]);
        let info = info.finish(&[attribute(COUNTERSIGNATURE, counter)]);
        package(&forge::message(
            DATA,
            Some(octets(&content)),
            &[&leaf, &repository],
            &[info],
        ))
    };
    let found = findings(&with(None, by_repository(&repository)), &anchors);
    let outcomes: Vec<Outcome> = found.iter().map(|finding| finding.outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Confirmed(Level::Publisher),
            Outcome::Confirmed(Level::Registry)
        ],
        "{found:?}"
    );
    assert_eq!(found[1].anchors, ["repository", "clock"]);
    let found = findings(&with(Some(b"another"), by_repository(&repository)), &anchors);
    assert_eq!(found[1].outcome, Outcome::Contradicted(Fault::SubjectDiffers));
    // A countersignature that is no repository's says nothing.
    assert_eq!(findings(&with(None, Vec::new()), &anchors).len(), 1);
    assert_eq!(findings(&with(None, by_author(&repository)), &anchors).len(), 1);
}

#[test]
fn objects_beside_the_package_are_refused() {
    let package = unsigned();
    let artifact = artifact("nuget", "example", "1.0.0", "example.1.0.0.nupkg", &package);
    let found = judge("nuget-signature", vec![Vec::new()], &artifact, &package, &[], DAY);
    assert_eq!(found[0].outcome, Outcome::Contradicted(Fault::Malformed));
}
