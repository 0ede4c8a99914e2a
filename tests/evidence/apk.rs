//! Signed Android packages: the Android project's own test data, and our own with one thing wrong in each.

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

const REAL_V1: &[u8] = include_bytes!("../fixtures/apk/v1-only-two-signers.apk");
const REAL_V2: &[u8] = include_bytes!("../fixtures/apk/v2-only-with-ecdsa-sha256-p256.apk");
const REAL_V3: &[u8] = include_bytes!("../fixtures/apk/v3-only-with-rsa-pkcs1-sha256-2048.apk");
const REAL_LINEAGE: &[u8] = include_bytes!("../fixtures/apk/v1v2v3-with-rsa-2048-lineage-3-signers.apk");

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

// Our own packages.

fn part(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_le_bytes()[..], bytes].concat()
}

fn list(parts: &[Vec<u8>]) -> Vec<u8> {
    part(&parts.iter().map(|one| part(one)).collect::<Vec<_>>().concat())
}

fn pair(id: u32, value: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &part(value)].concat()
}

fn attribute(id: u32, value: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], value].concat()
}

/// A signer in the making; the defaults are right.
#[derive(Clone)]
struct Made {
    digests: Vec<(u32, Vec<u8>)>,
    certificates: Vec<Vec<u8>>,
    /// The range that is signed, and the one that stands outside; none in v2.
    ranges: Option<[(u32, u32); 2]>,
    attributes: Vec<Vec<u8>>,
    /// What follows the attributes.
    tail: Vec<u8>,
    key: Vec<u8>,
    /// The algorithms of the signatures; each is made as ECDSA with SHA-256.
    algorithms: Vec<u32>,
    /// Whether the signature's last byte is turned.
    spoilt: bool,
}

impl Made {
    fn new(holder: &Holder, digest: &[u8], version: u32) -> Self {
        Self {
            digests: vec![(ECDSA, digest.to_vec())],
            certificates: vec![holder.certificate.clone()],
            ranges: (version != V2).then_some([(28, 99); 2]),
            attributes: Vec::new(),
            tail: Vec::new(),
            key: key_info(&holder.key),
            algorithms: vec![ECDSA],
            spoilt: false,
        }
    }

    fn bytes(&self, holder: &Holder) -> Vec<u8> {
        let range = |(from, to): (u32, u32)| [from.to_le_bytes(), to.to_le_bytes()].concat();
        let digests: Vec<Vec<u8>> = self.digests.iter().map(|(id, digest)| pair(*id, digest)).collect();
        let mut signed = [list(&digests), list(&self.certificates)].concat();
        if let Some([inner, _]) = self.ranges {
            signed.extend(range(inner));
        }
        signed.extend(list(&self.attributes));
        signed.extend(&self.tail);
        let mut value = sign(&holder.key, &signed);
        if self.spoilt {
            value = sign(&holder.key, b"other");
        }
        let signatures: Vec<Vec<u8>> = self.algorithms.iter().map(|id| pair(*id, &value)).collect();
        let mut bytes = part(&signed);
        if let Some([_, outer]) = self.ranges {
            bytes.extend(range(outer));
        }
        bytes.extend(list(&signatures));
        bytes.extend(part(&self.key));
        bytes
    }
}

const ANDROID: &str = "AndroidManifest.xml";

/// A binary manifest with these attributes, whose values are numbers of the given type.
fn document(attributes: &[(u32, u8, u32)]) -> Vec<u8> {
    let chunk = |kind: u16, head: u16, rest: Vec<u8>| {
        let size = u32::try_from(8 + rest.len()).unwrap();
        [&kind.to_le_bytes()[..], &head.to_le_bytes(), &size.to_le_bytes(), &rest].concat()
    };
    let map: Vec<u8> = attributes.iter().flat_map(|(id, ..)| id.to_le_bytes()).collect();
    let mut element = vec![0; 16];
    for number in [20, 20, u16::try_from(attributes.len()).unwrap(), 0, 0, 0] {
        element.extend(number.to_le_bytes());
    }
    for (position, (_, kind, value)) in attributes.iter().enumerate() {
        element.extend([0; 4]);
        element.extend(u32::try_from(position).unwrap().to_le_bytes());
        element.extend([0xff, 0xff, 0xff, 0xff, 8, 0, 0, *kind]);
        element.extend(value.to_le_bytes());
    }
    chunk(3, 8, [chunk(0x0180, 8, map), chunk(0x0102, 16, element)].concat())
}

fn unsigned() -> Vec<u8> {
    forge::archive(&[(ANDROID, &document(&[])), ("classes.dex", b"dex")])
}

fn directory(zip: &[u8]) -> usize {
    let end = zip.len() - 22;
    u32::from_le_bytes(zip[end + 16..end + 20].try_into().unwrap()) as usize
}

/// The digest by SHA-256, of a package that has no block yet and no section above a megabyte.
fn digest(zip: &[u8]) -> Vec<u8> {
    let (at, end) = (directory(zip), zip.len() - 22);
    let chunk = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        sha256(&[&[0xa5], &length[..], bytes].concat())
    };
    let chunks = [chunk(&zip[..at]), chunk(&zip[at..end]), chunk(&zip[end..])].concat();
    sha256(&[&[0x5a, 3, 0, 0, 0], &chunks[..]].concat())
}

/// The block of pairs; each value is a list of signers already.
fn block(pairs: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (id, value) in pairs {
        body.extend((value.len() as u64 + 4).to_le_bytes());
        body.extend(attribute(*id, value));
    }
    let size = (body.len() as u64 + 24).to_le_bytes();
    [&size[..], &body, &size, b"APK Sig Block 42"].concat()
}

/// Puts these bytes before the directory.
fn with_block(zip: &[u8], block: &[u8]) -> Vec<u8> {
    let at = directory(zip);
    let mut package = [&zip[..at], block, &zip[at..]].concat();
    let moved = u32::try_from(at + block.len()).unwrap().to_le_bytes();
    let end = package.len() - 22;
    package[end + 16..end + 20].copy_from_slice(&moved);
    package
}

fn packed(pairs: &[(u32, Vec<u8>)]) -> Vec<u8> {
    with_block(&unsigned(), &block(pairs))
}

/// A package with one signer of one scheme, changed.
fn signed(holder: &Holder, version: u32, change: &dyn Fn(&mut Made)) -> Vec<u8> {
    let mut made = Made::new(holder, &digest(&unsigned()), version);
    change(&mut made);
    packed(&[(version, list(&[made.bytes(holder)]))])
}

fn alone() -> (Holder, Vec<Anchor>) {
    let holder = Holder::alone(&Says::default());
    let anchors = vec![held(&holder.certificate)];
    (holder, anchors)
}

#[test]
fn a_signer_is_what_its_parts_agree_on() {
    let (holder, anchors) = alone();
    let other = forge::key();
    for version in [V2, V3, V31] {
        expect(&signed(&holder, version, &|_| {}), &anchors, CONFIRMED);
        type Change<'a> = &'a dyn Fn(&mut Made);
        let cases: [(Change<'_>, Outcome); 13] = [
            (&|made| made.spoilt = true, WRONG),
            (&|made| made.digests[0].1[0] ^= 1, DIFFERS),
            (&|made| made.certificates.clear(), MALFORMED),
            (
                &|made| made.key = key_info(&other),
                Outcome::Contradicted(Fault::IdentityDiffers),
            ),
            (
                &|made| made.algorithms = vec![0x0301],
                Outcome::Contradicted(Fault::Weak),
            ),
            (
                &|made| made.algorithms = vec![0x0421],
                Outcome::Undecided(Doubt::UnknownAlgorithm),
            ),
            (
                &|made| made.algorithms.clear(),
                Outcome::Undecided(Doubt::UnknownAlgorithm),
            ),
            (&|made| made.algorithms.push(0x0421), MALFORMED),
            (&|made| made.digests.push((0x0421, vec![0; 32])), MALFORMED),
            (
                &|made| made.certificates = vec![made.certificates[0].clone(); 33],
                Outcome::Undecided(Doubt::TooLarge),
            ),
            (&|made| made.tail = vec![1, 0, 0, 0], MALFORMED),
            (&|made| made.tail = vec![0; 5], MALFORMED),
            (&|made| made.attributes.push(vec![1]), MALFORMED),
        ];
        for (position, (change, outcome)) in cases.iter().enumerate() {
            let found = findings(&signed(&holder, version, *change), &anchors);
            assert_eq!(found[0].outcome, *outcome, "case {position}: {}", found[0].reason);
        }
        expect(
            &signed(&holder, version, &|made| made.tail = vec![0; 4]),
            &anchors,
            CONFIRMED,
        );
    }
    // An algorithm that is not judged, beside one that is: both lists name both.
    let beside = |made: &mut Made| {
        made.algorithms.push(0x0421);
        made.digests.push((0x0421, vec![0; 32]));
    };
    expect(&signed(&holder, V2, &beside), &anchors, CONFIRMED);
    // Two digests of one hash that differ cannot both be the package's.
    let twice = |made: &mut Made| {
        made.algorithms.push(ECDSA);
        made.digests.push((ECDSA, vec![0; 32]));
    };
    expect(&signed(&holder, V2, &twice), &anchors, DIFFERS);
    let ranges = |made: &mut Made| made.ranges = Some([(28, 99), (24, 99)]);
    expect(&signed(&holder, V3, &ranges), &anchors, MALFORMED);

    let digest = digest(&unsigned());
    let one = Made::new(&holder, &digest, V2).bytes(&holder);
    expect(&packed(&[(V2, list(&[]))]), &anchors, MALFORMED);
    let more = [list(std::slice::from_ref(&one)), vec![0]].concat();
    expect(&packed(&[(V2, more)]), &anchors, MALFORMED);
    let longer = [one.clone(), vec![0]].concat();
    expect(&packed(&[(V2, list(&[longer]))]), &anchors, MALFORMED);
    // A wrong one beside a right one.
    let mut wrong = Made::new(&holder, &digest, V2);
    wrong.spoilt = true;
    expect(
        &packed(&[(V2, list(&[one.clone(), wrong.bytes(&holder)]))]),
        &anchors,
        WRONG,
    );
    let found = findings(&packed(&[(V2, list(&[one.clone(), one]))]), &anchors);
    assert_eq!(found.len(), 2);
}

#[test]
fn newer_schemes_may_not_be_stripped() {
    let (holder, anchors) = alone();
    let digest = digest(&unsigned());
    let with = |version: u32, id: u32, value: u32| {
        let mut made = Made::new(&holder, &digest, version);
        made.attributes = vec![attribute(id, &value.to_le_bytes())];
        (version, list(&[made.bytes(&holder)]))
    };
    let plain = |version: u32| (version, list(&[Made::new(&holder, &digest, version).bytes(&holder)]));
    let v2 = with(V2, STRIPPING_PROTECTION, 3);
    let v3 = with(V3, ROTATION_MIN_SDK, 33);
    expect(&packed(std::slice::from_ref(&v2)), &anchors, DIFFERS);
    expect(&packed(&[with(V2, STRIPPING_PROTECTION, 7)]), &anchors, CONFIRMED);
    expect(&packed(std::slice::from_ref(&v3)), &anchors, DIFFERS);
    let whole = findings(&packed(&[v2.clone(), v3.clone(), plain(V31)]), &anchors);
    assert!(whole.len() == 3 && whole.iter().all(Finding::is_confirmed), "{whole:?}");
    assert_eq!(
        findings(&packed(&[v2.clone(), v3]), &anchors)[0].outcome,
        DIFFERS,
        "v3.1 is gone"
    );
    let both = findings(&packed(&[v2, plain(V3)]), &anchors);
    assert!(both.iter().all(Finding::is_confirmed), "{both:?}");
}

/// One level of a lineage: the certificate, the flags, the algorithm of the next signature, and by whom with what this is signed.
fn level(holder: &Holder, by: Option<&Holder>, own: u32, flags: u32, next: u32) -> Vec<u8> {
    let signed = [part(&holder.certificate), own.to_le_bytes().to_vec()].concat();
    let signature = by.map(|by| sign(&by.key, &signed)).unwrap_or_default();
    [
        part(&signed),
        flags.to_le_bytes().to_vec(),
        next.to_le_bytes().to_vec(),
        part(&signature),
    ]
    .concat()
}

#[test]
fn a_lineage_is_signed_level_by_level() {
    let holders: Vec<Holder> = (0..3).map(|_| Holder::alone(&Says::default())).collect();
    let [first, second, third] = holders.as_slice() else {
        unreachable!("three were made");
    };
    let package = |version: u32, levels: &[Vec<u8>]| {
        let body: Vec<u8> = levels.iter().flat_map(|one| part(one)).collect();
        let lineage = [&version.to_le_bytes()[..], &body].concat();
        signed(third, V3, &|made| {
            made.attributes = vec![attribute(PROOF_OF_ROTATION, &lineage)]
        })
    };
    let right = |flags: [u32; 3]| {
        vec![
            level(first, None, 0, flags[0], ECDSA),
            level(second, Some(first), ECDSA, flags[1], ECDSA),
            level(third, Some(second), ECDSA, flags[2], 0),
        ]
    };
    let pinned = |holder: &Holder| vec![held(&holder.certificate)];
    for holder in &holders {
        expect(&package(1, &right([1, 1, 1])), &pinned(holder), CONFIRMED);
    }
    let unknown = Outcome::Undecided(Doubt::UnknownSigner);
    // The first agreed not to be followed, so the second only is followed; or the second did not, which cuts off both.
    expect(&package(1, &right([0, 1, 1])), &pinned(first), unknown);
    expect(&package(1, &right([0, 1, 1])), &pinned(second), CONFIRMED);
    expect(&package(1, &right([1, 0, 1])), &pinned(first), unknown);
    expect(&package(1, &right([1, 0, 1])), &pinned(second), unknown);
    expect(&package(1, &right([6, 6, 6])), &pinned(second), unknown);
    expect(
        &package(2, &right([1, 1, 1])),
        &pinned(third),
        Outcome::Undecided(Doubt::UnknownFormat),
    );
    let changed = |at: usize, level: Vec<u8>| {
        let mut levels = right([1, 1, 1]);
        levels[at] = level;
        package(1, &levels)
    };
    expect(
        &changed(1, level(second, Some(third), ECDSA, 1, ECDSA)),
        &pinned(third),
        CHAIN,
    );
    expect(
        &changed(1, level(second, Some(first), 0x0202, 1, ECDSA)),
        &pinned(third),
        CHAIN,
    );
    expect(&changed(0, level(first, None, 0, 1, 0x0202)), &pinned(third), CHAIN);
    expect(
        &changed(2, level(first, Some(second), ECDSA, 1, 0)),
        &pinned(third),
        CHAIN,
    );
    expect(&package(1, &right([1, 1, 1])[..2]), &pinned(third), CHAIN);
    expect(&package(1, &[]), &pinned(third), CHAIN);
    let mut longer = level(second, Some(first), ECDSA, 1, ECDSA);
    longer.push(0);
    expect(&changed(1, longer), &pinned(third), MALFORMED);
    let again = vec![
        level(third, None, 0, 1, ECDSA),
        level(second, Some(third), ECDSA, 1, ECDSA),
        level(third, Some(second), ECDSA, 1, 0),
    ];
    expect(&package(1, &again), &pinned(third), CHAIN);
    let endless: Vec<Vec<u8>> = vec![level(first, None, 0, 1, ECDSA); 33];
    expect(
        &package(1, &endless),
        &pinned(third),
        Outcome::Undecided(Doubt::TooLarge),
    );
}

#[test]
fn the_block_is_found_as_it_was_written() {
    let (holder, anchors) = alone();
    let zip = unsigned();
    let value = list(&[Made::new(&holder, &digest(&zip), V2).bytes(&holder)]);
    let right = packed(&[(V2, value.clone())]);
    let at = directory(&zip);
    let foot = directory(&right) - 24;
    expect(&right, &anchors, CONFIRMED);
    // Parts that are nobody's.
    expect(
        &packed(&[(0x4272_6577, vec![0; 99]), (V2, value.clone())]),
        &anchors,
        CONFIRMED,
    );
    expect(
        &packed(&[(V2, value.clone()), (V2, value.clone())]),
        &anchors,
        MALFORMED,
    );
    let mut many = vec![(1, Vec::new()); 64];
    many.push((V2, value.clone()));
    expect(&packed(&many), &anchors, Outcome::Undecided(Doubt::TooLarge));

    let with = |at: usize, bytes: &[u8]| {
        let mut package = right.clone();
        package[at..at + bytes.len()].copy_from_slice(bytes);
        package
    };
    expect(&with(at, &99_u64.to_le_bytes()), &anchors, MALFORMED);
    for size in [0, 23, directory(&right) as u64] {
        expect(&with(foot, &size.to_le_bytes()), &anchors, MALFORMED);
    }
    expect(
        &with(foot, &u64::MAX.to_le_bytes()),
        &anchors,
        Outcome::Undecided(Doubt::TooLarge),
    );
    // A part that is longer than the block.
    expect(&with(at + 8, &u64::MAX.to_le_bytes()), &anchors, MALFORMED);
    expect(&with(at + 8, &2_u64.to_le_bytes()), &anchors, MALFORMED);
    expect(&with(right.len() - 2, &[1, 0]), &anchors, MALFORMED);
    expect(&with(right.len() - 10, &[1]), &anchors, MALFORMED);
    expect(&with(right.len() - 22, b"PK\x01\x02"), &anchors, MALFORMED);
    expect(&[right.clone(), vec![0; 30]].concat(), &anchors, MALFORMED);
    expect(&right[..20], &anchors, MALFORMED);
    expect(b"", &anchors, MALFORMED);
    // Without its magic it is no block, and nothing else is signed.
    expect(&with(foot + 8, b"APK Sig Block 43"), &anchors, MALFORMED);
    // Every section is signed: the contents, the directory, the end record.
    expect(&with(31, b"x"), &anchors, DIFFERS);
    expect(&with(directory(&right) + 10, &[9]), &anchors, DIFFERS);
    expect(&with(right.len() - 14, &[9]), &anchors, DIFFERS);
}

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
