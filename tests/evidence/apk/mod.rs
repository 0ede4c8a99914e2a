//! Signed Android packages: the Android project's own test data, and our own with one thing wrong in each.

mod checks;
mod made;
mod manifest;

use std::io::Cursor;

use sealift::archive::zip::Zip;
use sealift::model::{Anchor, Doubt, Fault, Finding, Level, Material, Outcome, ScopePattern};

use crate::data::{Judged, Row};
use crate::forge::{self, Holder, How, Says, key_info, sha256, sign};
use crate::support::{DAY, anchor, artifact, judge};

const NOW: &str = "2027-01-01T00:00:00Z";
const CONFIRMED: Outcome = Outcome::Confirmed(Level::Publisher);
const MALFORMED: Outcome = Outcome::Contradicted(Fault::Malformed);
const DIFFERS: Outcome = Outcome::Contradicted(Fault::SubjectDiffers);
const CHAIN: Outcome = Outcome::Contradicted(Fault::ChainWrong);
const WRONG: Outcome = Outcome::Contradicted(Fault::SignatureWrong);

const V2: u32 = 0x7109_871a;
const V3: u32 = 0xf053_68c0;
const V31: u32 = 0x1b93_ad61;
const ECDSA: u32 = 0x0201;
const STRIPPING_PROTECTION: u32 = 0xbeef_f00d;
const PROOF_OF_ROTATION: u32 = 0x3ba0_6f8c;
const ROTATION_MIN_SDK: u32 = 0x559f_8b02;

const REAL_V1: &[u8] = include_bytes!("../../fixtures/apk/v1-only-two-signers.apk");
const REAL_V2: &[u8] = include_bytes!("../../fixtures/apk/v2-only-with-ecdsa-sha256-p256.apk");
const REAL_V3: &[u8] = include_bytes!("../../fixtures/apk/v3-only-with-rsa-pkcs1-sha256-2048.apk");
const REAL_LINEAGE: &[u8] = include_bytes!("../../fixtures/apk/v1v2v3-with-rsa-2048-lineage-3-signers.apk");

fn at(package: &[u8], anchors: &[Anchor], now: &str) -> Vec<Finding> {
    let artifact = artifact("files", "app.apk", "1", "app.apk", package);
    judge("apk-signature", Vec::new(), &artifact, package, anchors, now)
}

fn findings(package: &[u8], anchors: &[Anchor]) -> Vec<Finding> {
    at(package, anchors, NOW)
}

#[track_caller]
fn expect(package: &[u8], anchors: &[Anchor], outcome: Outcome) -> Finding {
    let mut found = findings(package, anchors);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].outcome, outcome, "{}", found[0].reason);
    found.remove(0)
}

fn held(der: &[u8]) -> Anchor {
    anchor("publisher", Material::Certificates(forge::pem_of(&[der])))
}

/// Every certificate that lies in a package: in its signing block, and in the blocks of its signed manifest.
fn certificates_inside(package: &[u8]) -> Vec<Vec<u8>> {
    use der::{Decode as _, Encode as _};

    let mut places = vec![package.to_vec()];
    if let Ok(mut zip) = Zip::open(Cursor::new(package)) {
        let names: Vec<String> = zip.entries().iter().map(|entry| entry.name().to_owned()).collect();
        for name in names.iter().filter(|name| name.starts_with("META-INF/")) {
            places.extend(zip.read(name, 1 << 20));
        }
    }
    let mut found: Vec<Vec<u8>> = Vec::new();
    for place in places {
        for start in 0..place.len().saturating_sub(4) {
            if place[start..start + 2] != [0x30, 0x82] {
                continue;
            }
            let length = usize::from(u16::from_be_bytes([place[start + 2], place[start + 3]])) + 4;
            let Some(der) = place.get(start..start + length) else {
                continue;
            };
            let whole = x509_cert::Certificate::from_der(der).and_then(|certificate| certificate.to_der());
            if whole.is_ok_and(|whole| whole == der) && !found.iter().any(|other| other == der) {
                found.push(der.to_vec());
            }
        }
    }
    found
}

fn inside(package: &[u8]) -> Vec<Anchor> {
    let ders = certificates_inside(package);
    let ders: Vec<&[u8]> = ders.iter().map(Vec::as_slice).collect();
    vec![anchor("inside", Material::Certificates(forge::pem_of(&ders)))]
}

pub(crate) fn judge_row(row: &Row) -> Judged {
    let package = row.read(&row.files);
    Judged::Findings(at(&package, &inside(&package), DAY))
}

#[test]
fn real_packages_are_confirmed_for_the_pinned_certificate() {
    let v2 = expect(REAL_V2, &inside(REAL_V2), CONFIRMED);
    assert!(v2.reason.starts_with("v2: "), "{}", v2.reason);
    assert_eq!(v2.algorithm.as_deref(), Some("ECDSA P-256 with SHA-256"));
    assert_eq!(v2.signers.len(), 1);
    let v3 = expect(REAL_V3, &inside(REAL_V3), CONFIRMED);
    assert!(v3.reason.starts_with("v3: "), "{}", v3.reason);
    let v1 = findings(REAL_V1, &inside(REAL_V1));
    assert!(v1.len() == 2 && v1.iter().all(Finding::is_confirmed), "{v1:?}");

    expect(REAL_V2, &[], Outcome::Undecided(Doubt::NoAnchor));
    expect(REAL_V2, &inside(REAL_V3), Outcome::Undecided(Doubt::UnknownSigner));
    let mut elsewhere = inside(REAL_V2);
    elsewhere[0].scope = vec![ScopePattern::new("files/other")];
    expect(REAL_V2, &elsewhere, Outcome::Undecided(Doubt::OutOfScope));
    let mut later = inside(REAL_V2);
    later[0].valid_from = Some("2030-01-01T00:00:00Z".parse().unwrap());
    expect(REAL_V2, &later, Outcome::Undecided(Doubt::OutOfScope));
    for one in certificates_inside(REAL_V1) {
        let found = findings(REAL_V1, &[held(&one)]);
        let confirmed = found.iter().filter(|finding| finding.is_confirmed()).count();
        assert_eq!(confirmed, 1, "{found:?}");
    }
}

#[test]
fn a_lineage_leads_from_a_pinned_certificate_to_the_newer_one() {
    let all = inside(REAL_LINEAGE);
    let newest = findings(REAL_LINEAGE, &all);
    assert!(newest.iter().all(Finding::is_confirmed), "{newest:?}");
    // Whichever of the three is pinned, the signer of v3 is confirmed by it.
    let mut followed = 0;
    for one in certificates_inside(REAL_LINEAGE) {
        let found = findings(REAL_LINEAGE, &[held(&one)]);
        let v3 = found.iter().find(|finding| finding.reason.starts_with("v3: ")).unwrap();
        assert!(v3.is_confirmed(), "{}", v3.reason);
        followed += usize::from(v3.notes.iter().any(|note| note.contains("follows the pinned one")));
    }
    assert_eq!(followed, 2);
}

#[test]
fn no_byte_of_a_package_may_change() {
    let anchors = inside(REAL_V2);
    let end = REAL_V2.len() - 22;
    let directory = u32::from_le_bytes(REAL_V2[end + 16..end + 20].try_into().unwrap()) as usize;
    let magic = directory - 16;
    let size = u64::from_le_bytes(REAL_V2[magic - 8..magic].try_into().unwrap());
    let block = directory - 8 - usize::try_from(size).unwrap();
    for position in (0..block).step_by(13).chain(block..REAL_V2.len()) {
        let mut changed = REAL_V2.to_vec();
        changed[position] ^= 1;
        let confirmed = findings(&changed, &anchors).iter().any(Finding::is_confirmed);
        // Parts of the block of other identifiers are nobody's: a padding, for instance.
        if confirmed {
            assert!(block + 8 < position && position < magic - 8, "byte {position}");
        }
    }
    for length in (0..REAL_V2.len()).step_by(101) {
        let found = findings(&REAL_V2[..length], &anchors);
        assert!(!found.iter().any(Finding::is_confirmed), "{length} bytes");
    }
}
