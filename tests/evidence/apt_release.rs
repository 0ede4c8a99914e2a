//! The chain of an APT archive: real ones of the collection, and small ones of our own with one fault each.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::time::{Duration, SystemTime};

use sealift::evidence::{self, Context};
use sealift::model::{Anchor, Artifact, Doubt, Fault, Finding, Level, Material, Outcome, ScopePattern, SpeaksFor};
use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::CertBuilder;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::serialize::SerializeInto as _;
use sequoia_openpgp::serialize::stream::{Armorer, Message, Signer};
use sha2::{Digest as _, Sha256, Sha512};

use super::data::{Judged, Row};
use super::support::{DAY, anchor, artifact, certificates, judge, time};

const KIND: &str = "apt-release";

/// `debian/*` of 04-openpgp: a package of the real archive, its list and its signed index.
pub(crate) fn debian(row: &Row) -> Judged {
    let case = row.case.strip_prefix("debian/").unwrap();
    let (suite, list) = match case {
        "bookworm-backports" | "bookworm-backports-late" => ("bookworm-backports", "contrib/binary-amd64/Packages"),
        "bookworm-updates" | "wrong-key" => ("bookworm-updates", "main/binary-amd64/Packages"),
        "swapped-index" => (
            "bookworm-updates",
            "../bookworm-backports/contrib/binary-amd64/Packages",
        ),
        other => panic!("{other}"),
    };
    let (name, version, file) = match suite {
        "bookworm-backports" => (
            "diaspora-installer-mysql",
            "0.7.18.2+debian3~bpo12+1",
            "diaspora-installer-mysql_0.7.18.2+debian3~bpo12+1_all.deb",
        ),
        _ => (
            "python3-ldb-dev",
            "2:2.6.2+samba4.17.12+dfsg-0+deb12u2",
            "python3-ldb-dev_2%3a2.6.2+samba4.17.12+dfsg-0+deb12u2_amd64.deb",
        ),
    };
    let keyring = match case {
        "wrong-key" => "keys/debian-archive-bookworm-stable.gpg",
        _ => "keys/debian-archive-keyring.gpg",
    };
    let bytes = row.read(&format!("debian/{suite}/pool/{}", file.replace("%3a", "_")));
    let objects = vec![
        row.read(&format!("debian/{suite}/InRelease")),
        row.read(&format!("debian/{suite}/{list}")),
    ];
    let anchors = [anchor("debian", certificates(&row.read(keyring)))];
    let artifact = artifact("deb", name, version, file, &bytes);
    let now = if case.ends_with("-late") {
        "2026-11-27T00:00:00Z"
    } else {
        DAY
    };
    let findings = judge(KIND, objects.clone(), &artifact, &bytes, &anchors, now);
    let outcome = findings[0].outcome;
    match case {
        "bookworm-backports-late" => assert_eq!(outcome, Outcome::Contradicted(Fault::Expired)),
        "swapped-index" => assert_eq!(outcome, Outcome::Contradicted(Fault::SubjectDiffers)),
        "wrong-key" => assert_eq!(outcome, Outcome::Undecided(Doubt::UnknownSigner)),
        _ => {
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].signers.len(), 2, "{findings:?}");
            let mut other = bytes.clone();
            other.push(0);
            let artifact = Artifact {
                digest: sealift::model::Digest::of(&other),
                ..artifact
            };
            let findings = judge(KIND, objects, &artifact, &other, &anchors, now);
            assert_eq!(findings[0].outcome, Outcome::Contradicted(Fault::SubjectDiffers));
        }
    }
    Judged::Findings(findings)
}

const MADE: &str = "2026-11-19T12:00:00Z";

fn system(text: &str) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(time(text).seconds()).unwrap())
}

/// A key of our own.
struct Key(Cert);

impl Key {
    fn new(owner: &str) -> Self {
        let (cert, _) = CertBuilder::general_purpose(Some(owner))
            .set_creation_time(system("2026-01-01T00:00:00Z"))
            .set_validity_period(Duration::from_secs(3 * 365 * 86_400))
            .generate()
            .unwrap();
        Self(cert)
    }

    fn public(&self) -> String {
        String::from_utf8(self.0.clone().strip_secret_key_material().armored().to_vec().unwrap()).unwrap()
    }

    fn anchor(&self) -> Anchor {
        Anchor {
            scope: vec![ScopePattern::new("deb/*")],
            speaks_for: SpeaksFor::Publisher,
            ..anchor("archive", Material::Openpgp(self.public()))
        }
    }

    fn pair(&self) -> sequoia_openpgp::crypto::KeyPair {
        let policy = StandardPolicy::new();
        let key = self
            .0
            .keys()
            .secret()
            .with_policy(&policy, system(MADE))
            .for_signing()
            .next()
            .unwrap();
        key.key().clone().into_keypair().unwrap()
    }
}

/// Signs a text within.
fn clear_signed(text: &str, keys: &[&Key]) -> Vec<u8> {
    let mut signed = Vec::new();
    let message = Message::new(&mut signed);
    let mut signer = Signer::new(message, keys[0].pair()).unwrap().cleartext();
    for key in &keys[1..] {
        signer = signer.add_signer(key.pair()).unwrap();
    }
    let mut message = signer.creation_time(system(MADE)).build().unwrap();
    message.write_all(text.as_bytes()).unwrap();
    message.finalize().unwrap();
    signed
}

/// Signs a text beside it.
fn signed_apart(text: &[u8], key: &Key) -> Vec<u8> {
    let mut signed = Vec::new();
    let message = Armorer::new(Message::new(&mut signed))
        .kind(sequoia_openpgp::armor::Kind::Signature)
        .build()
        .unwrap();
    sign_apart(message, text, key);
    signed
}

fn sign_apart(message: Message<'_>, text: &[u8], key: &Key) {
    let signer = Signer::new(message, key.pair()).unwrap().detached();
    let mut message = signer.creation_time(system(MADE)).build().unwrap();
    message.write_all(text).unwrap();
    message.finalize().unwrap();
}

/// An archive with one package, whose every part a test may change before it is signed.
struct Archive {
    deb: Vec<u8>,
    packages: Vec<u8>,
    path: String,
    head: String,
    lists: String,
    artifact: Artifact,
}

impl Archive {
    fn new() -> Self {
        let deb = b"!<arch>\nnot really".to_vec();
        let packages = stanza("towel", "1:4.2-1", "amd64", deb.len(), &Sha256::digest(&deb));
        let mut this = Self {
            artifact: artifact("deb", "towel", "1:4.2-1", "towel_1%3a4.2-1_amd64.deb", &deb),
            deb,
            packages: packages.into_bytes(),
            path: "main/binary-amd64/Packages".to_owned(),
            head: "Origin: Example\nSuite: stable\nCodename: towel\nDate: Thu, 19 Nov 2026 02:12:54 UTC\n\
                   Valid-Until: Thu, 26 Nov 2026 02:12:54 UTC\nAcquire-By-Hash: yes\n"
                .to_owned(),
            lists: String::new(),
        };
        this.list();
        this
    }

    /// Writes the lists of digests anew.
    fn list(&mut self) {
        let (size, path) = (self.packages.len(), &self.path);
        self.lists = format!(
            "SHA256:\n {} {size} {path}\nSHA512:\n {} {size} {path}\n",
            hex::encode(Sha256::digest(&self.packages)),
            hex::encode(Sha512::digest(&self.packages)),
        );
    }

    fn relist(mut self, packages: impl Into<Vec<u8>>) -> Self {
        self.packages = packages.into();
        self.list();
        self
    }

    fn release(&self) -> String {
        format!("{}{}", self.head, self.lists)
    }

    fn objects(&self, key: &Key) -> Vec<Vec<u8>> {
        vec![clear_signed(&self.release(), &[key]), self.packages.clone()]
    }

    fn judge(&self, objects: Vec<Vec<u8>>, anchors: &[Anchor]) -> Vec<Finding> {
        judge(KIND, objects, &self.artifact, &self.deb, anchors, DAY)
    }

    /// Signs and judges; the only finding's outcome.
    fn outcome(&self) -> Outcome {
        let key = Key::new("archive");
        let findings = self.judge(self.objects(&key), &[key.anchor()]);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(
            !findings[0].reason.is_empty() && !findings[0].reason.contains('\n'),
            "{findings:?}"
        );
        findings[0].outcome
    }
}

fn stanza(package: &str, version: &str, architecture: &str, size: usize, sha256: &[u8]) -> String {
    format!(
        "Package: {package}\nVersion: {version}\nArchitecture: {architecture}\nFilename: pool/t/x.deb\nSize: {size}\n\
         SHA256: {}\n",
        hex::encode(sha256)
    )
}

const GOOD: Outcome = Outcome::Confirmed(Level::Registry);
const DIFFERS: Outcome = Outcome::Contradicted(Fault::SubjectDiffers);

#[test]
fn a_whole_chain_is_confirmed_and_says_who_vouches() {
    let (key, archive) = (Key::new("archive"), Archive::new());
    let findings = archive.judge(archive.objects(&key), &[key.anchor()]);
    // A publisher's anchor makes no publisher of an archive.
    assert_eq!(findings[0].outcome, GOOD);
    assert_eq!(findings[0].anchors, ["archive"]);
    assert_eq!(findings[0].signed_at.as_ref().unwrap().time, time(MADE));
    let claims = &findings[0].claims;
    assert!(
        claims.contains(&("codename".to_owned(), "towel".to_owned())),
        "{claims:?}"
    );
    assert!(
        findings[0].reason.contains("main/binary-amd64/Packages lists it"),
        "{}",
        findings[0].reason
    );
    // The signature beside the text proves as much.
    let release = archive.release().into_bytes();
    let objects = vec![release.clone(), signed_apart(&release, &key), archive.packages.clone()];
    assert_eq!(archive.judge(objects, &[key.anchor()])[0].outcome, GOOD);
    // An archive that never runs out is confirmed, and the finding says so.
    let mut endless = Archive::new();
    endless.head = endless.head.replace("Valid-Until: Thu, 26 Nov 2026 02:12:54 UTC\n", "");
    let findings = endless.judge(endless.objects(&key), &[key.anchor()]);
    assert_eq!(findings[0].outcome, GOOD);
    assert!(findings[0].notes.iter().any(|note| note.contains("never runs out")));
}

#[test]
fn debians_releases_are_named_as_advisories_name_them() {
    let key = Key::new("archive");
    for (head, expected) in [
        ("Origin: Debian\nVersion: 12.11\n", Some("12")),
        ("Origin: Debian\nVersion: 13\n", Some("13")),
        ("Origin: Debian\n", None),
        ("Origin: Debian\nVersion: sid\n", None),
        ("Origin: Debian\nVersion: 12-x\n", None),
        ("Origin: Debian\nVersion: 2026.1\n", None),
        ("Origin: Debian\nVersion: .1\n", None),
        ("Origin: Debian Backports\nVersion: 12\n", None),
        ("Origin: Ubuntu\nVersion: 24.04\n", None),
        ("Version: 12\n", None),
    ] {
        let mut archive = Archive::new();
        archive.head = archive.head.replace("Origin: Example\n", head);
        let findings = archive.judge(archive.objects(&key), &[key.anchor()]);
        let claims = &findings[0].claims;
        let said = claims.iter().find(|(claim, _)| claim == "release");
        assert_eq!(said.map(|(_, release)| release.as_str()), expected, "{head}");
    }
}

#[test]
fn only_a_pinned_key_counts_within_its_scope_window_and_suites() {
    let (key, other, archive) = (Key::new("archive"), Key::new("other"), Archive::new());
    let with = |anchors: &[Anchor]| archive.judge(archive.objects(&key), anchors)[0].outcome;
    assert_eq!(with(&[]), Outcome::Undecided(Doubt::NoAnchor));
    assert_eq!(with(&[other.anchor()]), Outcome::Undecided(Doubt::UnknownSigner));
    let out = Outcome::Undecided(Doubt::OutOfScope);
    for (scope, expected) in [
        ("deb/to*", GOOD),
        ("deb", GOOD),
        ("deb/hat", out),
        ("pypi/*", out),
        ("rpm", out),
    ] {
        let anchor = Anchor {
            scope: vec![ScopePattern::new(scope)],
            ..key.anchor()
        };
        assert_eq!(with(&[anchor]), expected, "{scope}");
    }
    for (suite, expected) in [
        ("stable", GOOD),
        ("towel", GOOD),
        ("Example", GOOD),
        ("Example/towel", GOOD),
        ("Example/testing", out),
        ("testing", out),
        ("Examples", out),
        ("", out),
    ] {
        let anchor = Anchor {
            suites: vec![suite.to_owned()],
            ..key.anchor()
        };
        assert_eq!(with(&[anchor]), expected, "{suite}");
    }
    for (from, until, expected) in [
        (None, Some("2026-11-19T00:00:00Z"), out),
        (Some("2026-11-20T00:00:00Z"), None, out),
        (Some("2026-11-01T00:00:00Z"), Some("2026-12-01T00:00:00Z"), GOOD),
    ] {
        let anchor = Anchor {
            valid_from: from.map(time),
            valid_until: until.map(time),
            ..key.anchor()
        };
        assert_eq!(with(&[anchor]), expected, "{from:?} {until:?}");
    }
}

#[test]
fn one_good_key_of_several_is_enough_and_the_others_are_told() {
    let (key, other, archive) = (Key::new("archive"), Key::new("other"), Archive::new());
    let objects = vec![
        clear_signed(&archive.release(), &[&other, &key]),
        archive.packages.clone(),
    ];
    let findings = archive.judge(objects.clone(), &[key.anchor()]);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].outcome, GOOD);
    assert!(
        findings[0].notes.iter().any(|note| note.contains("did not count")),
        "{findings:?}"
    );
    let both = [
        key.anchor(),
        Anchor {
            name: "second".to_owned(),
            ..other.anchor()
        },
    ];
    let findings = archive.judge(objects, &both);
    assert_eq!(findings[0].signers.len(), 2);
    assert_eq!(findings[0].anchors.len(), 2);
    // Two keys of one anchor are one anchor.
    let keys = [key.public(), other.public()].concat();
    let one = anchor("archive", Material::Openpgp(keys));
    let findings = archive.judge(
        vec![
            clear_signed(&archive.release(), &[&other, &key]),
            archive.packages.clone(),
        ],
        &[one],
    );
    assert_eq!(findings[0].signers.len(), 2);
    assert_eq!(findings[0].anchors, ["archive"]);
}

#[test]
fn a_changed_text_is_contradicted() {
    let (key, archive) = (Key::new("archive"), Archive::new());
    let wrong = Outcome::Contradicted(Fault::SignatureWrong);
    let good = String::from_utf8(clear_signed(&archive.release(), &[&key])).unwrap();
    let changed = good.replace("Suite: stable", "Suite: Stable").into_bytes();
    let judged = archive.judge(vec![changed, archive.packages.clone()], &[key.anchor()]);
    assert_eq!(judged[0].outcome, wrong);
    let release = archive.release();
    let apart = signed_apart(release.as_bytes(), &key);
    let changed = release.replace("Suite: stable", "Suite: Stable").into_bytes();
    let judged = archive.judge(vec![changed.clone(), apart, archive.packages.clone()], &[key.anchor()]);
    assert_eq!(judged[0].outcome, wrong);
    // Another key's that fits, beside it, neither outweighs it nor vouches with it.
    let other = Key::new("other");
    let mut packets = Vec::new();
    sign_apart(Message::new(&mut packets), &changed, &key);
    sign_apart(Message::new(&mut packets), release.as_bytes(), &other);
    let objects = vec![release.into_bytes(), packets, archive.packages.clone()];
    let judged = archive.judge(objects, &[key.anchor(), other.anchor()]);
    assert_eq!((judged[0].outcome, judged[0].signers.len()), (wrong, 1), "{judged:?}");
    let told = |note: &String| note.contains("another signature did not count");
    assert!(judged[0].notes.iter().any(told), "{judged:?}");
}

#[test]
fn an_index_is_judged_as_of_its_export_if_that_was_not_too_long_ago() {
    let (key, archive) = (Key::new("archive"), Archive::new());
    let anchors = [key.anchor()];
    let judged = |exported: &str, now: &str, days: u64| {
        let context = Context {
            anchors: &anchors,
            now: time(now),
            exported: time(exported),
            max_transit_seconds: days * 86_400,
        };
        let kind = evidence::find(KIND).unwrap();
        let evidence = kind.open(archive.objects(&key), &context).unwrap();
        evidence.judge(&archive.artifact, &mut Cursor::new(&archive.deb))[0].outcome
    };
    let expired = Outcome::Contradicted(Fault::Expired);
    assert_eq!(judged("2026-11-26T00:00:00Z", "2026-12-05T00:00:00Z", 10), GOOD);
    assert_eq!(judged("2026-11-26T00:00:00Z", "2026-12-07T00:00:00Z", 10), expired);
    assert_eq!(judged("2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z", 0), expired);
    assert_eq!(judged("2026-11-26T02:12:54Z", "2026-11-26T02:12:54Z", 0), GOOD);
    assert_eq!(judged("2026-11-26T02:12:55Z", "2026-11-26T02:12:55Z", 0), expired);
    let mut early = Archive::new();
    early.head = early.head.replace("19 Nov 2026 02", "22 Nov 2026 02");
    assert_eq!(early.outcome(), Outcome::Contradicted(Fault::TimeWrong));
}

#[test]
fn a_release_that_lists_by_weak_digests_proves_nothing() {
    let mut archive = Archive::new();
    archive.lists = format!(
        "MD5Sum:\n d41d8cd98f00b204e9800998ecf8427e {size} {path}\nSHA1:\n {sha1} {size} {path}\n",
        size = archive.packages.len(),
        path = archive.path,
        sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    );
    assert_eq!(archive.outcome(), Outcome::Contradicted(Fault::Weak));
    // Weak digests in the list of packages itself: then no entry vouches for the package.
    let stanza = "Package: towel\nVersion: 1:4.2-1\nArchitecture: amd64\nFilename: x.deb\nSize: 18\nMD5sum: 00\n";
    let weak = Outcome::Undecided(Doubt::UnknownAlgorithm);
    assert_eq!(Archive::new().relist(stanza).outcome(), weak);
}

#[test]
fn a_list_is_the_one_that_the_release_names() {
    let key = Key::new("archive");
    let anchors = [key.anchor()];
    let mut archive = Archive::new();
    let objects = |archive: &Archive, packages: Vec<u8>| vec![clear_signed(&archive.release(), &[&key]), packages];
    let mut other = archive.packages.clone();
    other.extend_from_slice(b"\n");
    assert_eq!(archive.judge(objects(&archive, other), &anchors)[0].outcome, DIFFERS);
    let good = archive.lists.clone();
    // The right digests and another size; one right digest of two.
    archive.lists = good.replace(&format!(" {} main", archive.packages.len()), " 7 main");
    assert_eq!(archive.outcome(), DIFFERS);
    for algorithm in [64, 128] {
        archive.lists = good
            .lines()
            .map(|line| match line.trim_start().split(' ').next() {
                Some(digest) if digest.len() == algorithm => {
                    format!(" {}{}\n", "0".repeat(algorithm), &line[algorithm + 1..])
                }
                _ => format!("{line}\n"),
            })
            .collect();
        assert_eq!(archive.outcome(), DIFFERS, "{algorithm}");
    }
    // One strong digest alone is enough.
    for list in ["SHA256:", "SHA512:"] {
        let at = good.find("SHA512:").unwrap();
        archive.lists = if list == "SHA256:" {
            good[..at].to_owned()
        } else {
            good[at..].to_owned()
        };
        assert_eq!(archive.outcome(), GOOD, "{list}");
    }
    // The bytes of some other file that the release names are no list of packages.
    archive.lists = good.replace("binary-amd64/Packages", "binary-amd64/Release");
    assert_eq!(archive.outcome(), DIFFERS);
    // Without its list, the index proves nothing of a package.
    archive.lists = good;
    let alone = vec![clear_signed(&archive.release(), &[&key])];
    assert_eq!(
        archive.judge(alone, &anchors)[0].outcome,
        Outcome::Undecided(Doubt::Incomplete)
    );
}

#[test]
fn every_compression_of_a_list_is_read() {
    let plain = Archive::new().packages;
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&plain).unwrap();
        encoder.finish().unwrap()
    };
    let bzip2 = {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        encoder.write_all(&plain).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::stream::encode_all(plain.as_slice(), 3).unwrap();
    for (extension, bytes) in [(".gz", gzip), (".bz2", bzip2), (".zst", zstd)] {
        let mut archive = Archive::new();
        archive.path.push_str(extension);
        assert_eq!(archive.relist(bytes).outcome(), GOOD, "{extension}");
    }
}

#[test]
fn a_list_in_an_unknown_compression_says_nothing() {
    for extension in [".lzma", ".lz4", ".br"] {
        let mut archive = Archive::new();
        archive.path.push_str(extension);
        let unknown = Outcome::Undecided(Doubt::UnknownFormat);
        assert_eq!(
            archive.relist(vec![0x5d, 0, 0, 0x80, 0]).outcome(),
            unknown,
            "{extension}"
        );
    }
    // Beside a list that is read it does not disturb.
    let (key, mut archive) = (Key::new("archive"), Archive::new());
    let other = b"\x04\x22\x4d\x18".to_vec();
    let digest = hex::encode(Sha256::digest(&other));
    let line = format!("SHA256:\n {digest} {} {}.lz4\n", other.len(), archive.path);
    archive.lists = archive.lists.replacen("SHA256:\n", &line, 1);
    let mut objects = archive.objects(&key);
    objects.insert(1, other);
    assert_eq!(archive.judge(objects, &[key.anchor()])[0].outcome, GOOD);
}

#[test]
fn an_entry_counts_by_each_strong_digest_that_it_has() {
    let deb = Archive::new().deb;
    let entry = |digests: &str| {
        let whole = stanza("towel", "1:4.2-1", "amd64", deb.len(), b"");
        whole.replace("SHA256: \n", digests)
    };
    let own256 = format!("SHA256: {}\n", hex::encode(Sha256::digest(&deb)));
    let own512 = format!("SHA512: {}\n", hex::encode(Sha512::digest(&deb)));
    let other256 = format!("SHA256: {}\n", hex::encode(Sha256::digest(b"x")));
    let other512 = format!("SHA512: {}\n", hex::encode(Sha512::digest(b"x")));
    for (digests, expected) in [
        (own512.clone(), GOOD),
        (other512.clone(), DIFFERS),
        (format!("{own256}{own512}"), GOOD),
        (format!("{own256}{other512}"), DIFFERS),
        (format!("{other256}{own512}"), DIFFERS),
        // It is listed, and nothing that counts vouches for its bytes.
        (
            "MD5sum: 00\nSHA1: 00\n".to_owned(),
            Outcome::Undecided(Doubt::UnknownAlgorithm),
        ),
    ] {
        assert_eq!(Archive::new().relist(entry(&digests)).outcome(), expected, "{digests}");
    }
    let smaller = stanza("towel", "1:4.2-1", "amd64", deb.len() - 1, b"").replace("SHA256: \n", &own512);
    assert_eq!(Archive::new().relist(smaller).outcome(), DIFFERS);
}

#[test]
fn the_package_is_the_one_that_the_list_names() {
    let deb = Archive::new().deb;
    let sha256 = Sha256::digest(&deb);
    for (what, stanza) in [
        ("name", stanza("hat", "1:4.2-1", "amd64", deb.len(), &sha256)),
        ("version", stanza("towel", "4.2-1", "amd64", deb.len(), &sha256)),
        ("architecture", stanza("towel", "1:4.2-1", "arm64", deb.len(), &sha256)),
        ("size", stanza("towel", "1:4.2-1", "amd64", deb.len() + 1, &sha256)),
        (
            "smaller size",
            stanza("towel", "1:4.2-1", "amd64", deb.len() - 1, &sha256),
        ),
        (
            "digest",
            stanza("towel", "1:4.2-1", "amd64", deb.len(), &Sha256::digest(b"x")),
        ),
        ("nothing", String::new()),
    ] {
        assert_eq!(Archive::new().relist(stanza).outcome(), DIFFERS, "{what}");
    }
    // A rebuild of the same version may stand beside it.
    let both = format!(
        "{}\n{}",
        stanza("towel", "1:4.2-1", "amd64", 5, &Sha256::digest(b"other")),
        stanza("towel", "1:4.2-1", "amd64", deb.len(), &sha256)
    );
    assert_eq!(Archive::new().relist(both).outcome(), GOOD);
    let mut odd = Archive::new();
    odd.artifact.file = "towel".to_owned();
    assert_eq!(odd.outcome(), DIFFERS);
}

#[test]
fn the_signed_text_alone_shows_when_an_index_was_made() {
    let (key, archive) = (Key::new("archive"), Archive::new());
    let finding = archive.judge(archive.objects(&key), &[key.anchor()]).remove(0);
    let shown = |name: &str, file: &str| {
        let shown = evidence::find(KIND)
            .unwrap()
            .shows(&artifact("deb", name, "1", file, b""), &finding);
        shown
            .into_iter()
            .map(|state| (state.subject, state.place))
            .collect::<Vec<_>>()
    };
    let made = u64::try_from(time("2026-11-19T02:12:54Z").seconds()).unwrap();
    for file in ["InRelease", "Release"] {
        assert_eq!(shown("a/dists/towel", file), [("a/dists/towel".to_owned(), made)]);
        // A package of that name.
        assert_eq!(shown("towel", file), []);
    }
    for file in ["Release.gpg", "main/binary-amd64/Packages"] {
        assert_eq!(shown("a/dists/towel", file), [], "{file}");
    }
}

#[test]
fn the_index_itself_is_an_artifact_of_its_suite() {
    let (key, archive) = (Key::new("archive"), Archive::new());
    let anchors = [key.anchor()];
    let objects = archive.objects(&key);
    // As an import judges it: the artifact's own bytes are not among the objects.
    let judged = |name: &str, file: &str, bytes: &[u8], objects: &[Vec<u8>]| {
        let artifact = artifact("deb", name, "20261119T021254Z.0123456789ab", file, bytes);
        let beside: Vec<_> = objects.iter().filter(|object| *object != bytes).cloned().collect();
        let outcome = judge(KIND, beside, &artifact, bytes, &anchors, DAY)[0].outcome;
        let whole = judge(KIND, objects.to_vec(), &artifact, bytes, &anchors, DAY)[0].outcome;
        assert_eq!(outcome, whole, "{name} {file}");
        outcome
    };
    let list = "main/binary-amd64/Packages";
    for name in [
        "a.example.com/dists/towel",
        "a/dists/stable",
        "a/dists/towel/updates",
        "a::./",
    ] {
        assert_eq!(judged(name, "InRelease", &objects[0], &objects[..1]), GOOD, "{name}");
        assert_eq!(judged(name, list, &objects[1], &objects), GOOD, "{name}");
    }
    for name in [
        "a/dists/testing",
        "a/dists/towel/x",
        "a/dists/",
        "a/dists/testing/updates",
        "a/dists/updates",
    ] {
        assert_eq!(judged(name, "InRelease", &objects[0], &objects[..1]), DIFFERS, "{name}");
        assert_eq!(judged(name, list, &objects[1], &objects), DIFFERS, "{name}");
    }
    let name = "a/dists/towel";
    let renamed = artifact("deb", name, "1", "Release", &objects[0]);
    assert_eq!(
        judge(KIND, objects[..1].to_vec(), &renamed, &objects[0], &anchors, DAY)[0].outcome,
        DIFFERS
    );
    assert_eq!(
        judge(KIND, Vec::new(), &renamed, &objects[0], &anchors, DAY)[0].outcome,
        Outcome::Undecided(Doubt::Incomplete)
    );
    assert_eq!(judged(name, "InRelease", b"other", &objects[..1]), DIFFERS);
    assert_eq!(
        judged(name, "contrib/binary-amd64/Packages", &objects[1], &objects),
        DIFFERS
    );
    assert_eq!(judged(name, list, b"other", &objects), DIFFERS);
    // Both strong digests, and the size, are those of the list itself.
    for (from, to) in [
        (hex::encode(Sha512::digest(&objects[1])), "0".repeat(128)),
        (format!(" {} main", objects[1].len()), " 7 main".to_owned()),
    ] {
        let mut archive = Archive::new();
        archive.lists = archive.lists.replace(&from, &to);
        let signed = [clear_signed(&archive.release(), &[&key]), objects[1].clone()];
        assert_eq!(judged(name, list, &objects[1], &signed), DIFFERS, "{to}");
    }
    let release = archive.release().into_bytes();
    let apart = [release.clone(), signed_apart(&release, &key)];
    assert_eq!(judged(name, "Release", &apart[0], &apart), GOOD);
    assert_eq!(judged(name, "Release.gpg", &apart[1], &apart), GOOD);
    let other_file = artifact("deb", name, "1", "InRelease", &apart[0]);
    let judged = judge(KIND, apart[1..].to_vec(), &other_file, &apart[0], &anchors, DAY)[0].outcome;
    assert_eq!(judged, Outcome::Undecided(Doubt::Incomplete));
}

#[test]
fn what_is_signed_and_cannot_be_read_is_malformed() {
    let malformed = Outcome::Contradicted(Fault::Malformed);
    for head in [
        "Origin: Example\n",
        "Date: today\n",
        "Date: Thu, 19 Nov 2026 02:12:54 UTC\nDate: Thu, 19 Nov 2026 02:12:54 UTC\n",
        "Date: Thu, 19 Nov 2026 02:12:54 UTC\n\nOrigin: x\n",
        "nonsense\n",
    ] {
        let mut archive = Archive::new();
        archive.head = head.to_owned();
        assert_eq!(archive.outcome(), malformed, "{head}");
    }
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..80 {
        bomb.write_all(&vec![b'\n'; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let mut many = String::new();
    for number in 0..600 {
        writeln!(many, "F{number}: x").unwrap();
    }
    for (extension, list) in [
        ("", b"Package: towel\n".to_vec()),
        ("", b"nonsense".to_vec()),
        ("", b"a: \xff\n".to_vec()),
        ("", many.into_bytes()),
        (".gz", b"not gzip".to_vec()),
        (".xz", b"\xfd7zXZ\0".to_vec()),
        (".zst", b"\x28\xb5\x2f\xfd".to_vec()),
        (".gz", bomb),
    ] {
        let mut archive = Archive::new();
        archive.path.push_str(extension);
        assert_eq!(archive.relist(list).outcome(), malformed, "{extension}");
    }
}

#[test]
fn garbage_is_a_finding_and_never_a_panic() {
    let (key, archive) = (Key::new("archive"), Archive::new());
    let anchors = [key.anchor()];
    let objects = archive.objects(&key);
    let incomplete = Outcome::Undecided(Doubt::Incomplete);
    assert_eq!(archive.judge(Vec::new(), &anchors)[0].outcome, incomplete);
    assert_eq!(
        archive.judge(vec![archive.release().into_bytes()], &anchors)[0].outcome,
        incomplete
    );
    let huge = vec![0; usize::try_from(evidence::MAX_PROOF_BYTES).unwrap() + 1];
    let too_large = Outcome::Undecided(Doubt::TooLarge);
    assert_eq!(
        archive.judge(vec![objects[0].clone(), huge], &anchors)[0].outcome,
        too_large
    );
    assert_eq!(
        archive.judge(vec![objects[0].clone(); 100], &anchors)[0].outcome,
        too_large
    );
    for cut in (0..objects[0].len()).step_by(37) {
        let cut = vec![objects[0][..cut].to_vec(), objects[1].clone()];
        for finding in archive.judge(cut, &anchors) {
            assert!(!finding.is_confirmed());
        }
    }
    for at in (0..objects[0].len()).step_by(11) {
        let mut flipped = objects.clone();
        flipped[0][at] ^= 0x04;
        let findings = archive.judge(flipped.clone(), &anchors);
        // The frame has lines that nobody signs: its headers and the armor's checksum.
        let text = String::from_utf8_lossy(&flipped[0]).into_owned();
        let end_of_text = text.find("-----BEGIN PGP SIGNATURE").unwrap_or(0);
        let start_of_text = text.find("\n\n").unwrap_or(0);
        if findings.iter().any(Finding::is_confirmed) {
            assert!(
                at > end_of_text || at < start_of_text,
                "a flipped byte at {at} went unnoticed"
            );
        }
    }
    for noise in [&b""[..], b"\0", b"-----BEGIN PGP SIGNED MESSAGE-----\n", &[0xff; 1000]] {
        for finding in archive.judge(vec![noise.to_vec(), noise.to_vec(), noise.to_vec()], &anchors) {
            assert!(!finding.is_confirmed());
        }
    }
}
