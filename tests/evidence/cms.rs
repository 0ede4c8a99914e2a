//! Detached CMS signatures: what the kinds on X.509 share is tested here, check by check, with messages of our own making.

use sealift::evidence::Detached as _;
use sealift::evidence::x509::{self, CMS};
use sealift::model::{Anchor, Doubt, Fault, Finding, Level, Material, Outcome, ScopePattern, SpeaksFor, TimeSource};

use crate::forge::{
    self, CODE, DATA, Holder, How, Info, MAIL, SERVER, SHA1_OID, STAMP, Says, TOKEN, Tokened, attribute, detached,
    detached_at, extension, int, message, names_certificate, octets, oid, pem, seq, timestamper, tlv, token,
};
use crate::support::{anchor, artifact, judge, time};

pub(crate) const BYTES: &[u8] = b"the artifact's bytes";
const NOW: &str = "2026-11-20T12:00:00Z";

pub(crate) fn pinned(holders: &[&Holder]) -> Anchor {
    anchor("publisher", Material::Certificates(pem(holders)))
}

pub(crate) fn clock(holders: &[&Holder]) -> Anchor {
    anchor("clock", Material::TimestampCertificates(pem(holders)))
}

fn findings(signature: &[u8], anchors: &[Anchor]) -> Vec<Finding> {
    over(signature, BYTES, anchors)
}

fn over(signature: &[u8], bytes: &[u8], anchors: &[Anchor]) -> Vec<Finding> {
    let artifact = artifact("files", "tool", "1", "tool", bytes);
    judge("cms", vec![signature.to_vec()], &artifact, bytes, anchors, NOW)
}

#[track_caller]
pub(crate) fn one(signature: &[u8], anchors: &[Anchor]) -> Finding {
    let mut findings = findings(signature, anchors);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

#[track_caller]
pub(crate) fn expect(signature: &[u8], anchors: &[Anchor], outcome: Outcome) -> Finding {
    let finding = one(signature, anchors);
    assert_eq!(finding.outcome, outcome, "{}", finding.reason);
    finding
}

const CONFIRMED: Outcome = Outcome::Confirmed(Level::Publisher);

fn wrong(fault: Fault) -> Outcome {
    Outcome::Contradicted(fault)
}

fn unsure(doubt: Doubt) -> Outcome {
    Outcome::Undecided(doubt)
}

#[test]
fn a_chain_to_a_pinned_root_is_confirmed() {
    let (root, leaf) = Holder::pair();
    let signature = detached(&leaf, BYTES, &How::default());
    let finding = expect(&signature, &[pinned(&[&root])], CONFIRMED);
    assert_eq!(finding.anchors, ["publisher"]);
    assert_eq!(finding.algorithm.as_deref(), Some("ECDSA P-256 with SHA-256"));
    assert_eq!(finding.signers.len(), 1);
    assert!(finding.reason.contains("CN=Someone"), "{}", finding.reason);
    assert!(CMS.recognises(&signature));
    assert!(!CMS.recognises(b"-----BEGIN PGP SIGNATURE-----"));
}

#[test]
fn a_pinned_certificate_needs_no_chain() {
    let (_, leaf) = Holder::pair();
    expect(&detached(&leaf, BYTES, &How::default()), &[pinned(&[&leaf])], CONFIRMED);
}

#[test]
fn a_signature_without_attributes_or_in_pem_will_do() {
    let (root, leaf) = Holder::pair();
    let how = How {
        attributes: false,
        ..How::default()
    };
    let bare = detached(&leaf, BYTES, &how);
    expect(&bare, &[pinned(&[&root])], CONFIRMED);
    let text = |name: &str, after: &str| {
        use base64::Engine as _;
        let body = base64::engine::general_purpose::STANDARD.encode(&bare);
        format!("-----BEGIN {name}-----\n{body}\n-----END {name}-----\n{after}").into_bytes()
    };
    expect(&text("CMS", ""), &[pinned(&[&root])], CONFIRMED);
    expect(&text("PKCS7", ""), &[pinned(&[&root])], CONFIRMED);
    expect(&text("CMS", "more"), &[pinned(&[&root])], wrong(Fault::Malformed));
}

#[test]
fn the_level_is_that_of_the_anchor() {
    let (root, leaf) = Holder::pair();
    let mut registry = pinned(&[&root]);
    registry.speaks_for = SpeaksFor::Registry;
    expect(
        &detached(&leaf, BYTES, &How::default()),
        &[registry],
        Outcome::Confirmed(Level::Registry),
    );
}

#[test]
fn other_bytes_are_not_what_was_signed() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let signature = detached(&leaf, b"other bytes", &How::default());
    expect(&signature, &anchors, wrong(Fault::SubjectDiffers));
    let how = How {
        attributes: false,
        ..How::default()
    };
    expect(
        &detached(&leaf, b"other bytes", &how),
        &anchors,
        wrong(Fault::SignatureWrong),
    );
}

#[test]
fn a_signature_by_another_key_is_wrong() {
    let (root, leaf) = Holder::pair();
    let mut other = root.issue(&Says::default());
    other.certificate = leaf.certificate.clone();
    let signature = detached(&other, BYTES, &How::default());
    expect(&signature, &[pinned(&[&root])], wrong(Fault::SignatureWrong));
}

#[test]
fn signed_attributes_are_held_to_the_letter() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let cases = [
        (
            How {
                stated_type: Some(""),
                ..How::default()
            },
            Fault::Malformed,
        ),
        (
            How {
                stated_type: Some("1.2.840.113549.1.7.2"),
                ..How::default()
            },
            Fault::Malformed,
        ),
        (
            How {
                names_digest: false,
                ..How::default()
            },
            Fault::Malformed,
        ),
        (
            How {
                signed: vec![attribute("1.2.840.113549.1.9.4", octets(&[0; 32]))],
                ..How::default()
            },
            Fault::Malformed,
        ),
        (
            How {
                signed: vec![names_certificate(&root.certificate)],
                ..How::default()
            },
            Fault::IdentityDiffers,
        ),
        (
            How {
                signed: vec![attribute("1.2.840.113549.1.9.5", octets(b"noon"))],
                ..How::default()
            },
            Fault::Malformed,
        ),
        (
            How {
                digest_algorithm: SHA1_OID,
                ..How::default()
            },
            Fault::Weak,
        ),
        (
            How {
                digest_algorithm: "2.16.840.1.101.3.4.2.3",
                ..How::default()
            },
            Fault::Malformed,
        ),
        (
            How {
                algorithm: "1.2.840.10045.4.1",
                ..How::default()
            },
            Fault::Weak,
        ),
        (
            How {
                algorithm: "1.2.840.113549.1.1.11",
                ..How::default()
            },
            Fault::Malformed,
        ),
    ];
    for (position, (how, fault)) in cases.iter().enumerate() {
        let finding = one(&detached(&leaf, BYTES, how), &anchors);
        assert_eq!(finding.outcome, wrong(*fault), "case {position}: {}", finding.reason);
    }
    let right = How {
        signed: vec![
            names_certificate(&leaf.certificate),
            attribute("1.2.840.113549.1.9.5", forge::time("2026-01-01T00:00:00Z")),
        ],
        ..How::default()
    };
    let finding = expect(&detached(&leaf, BYTES, &right), &anchors, CONFIRMED);
    let at = finding.signed_at.unwrap();
    assert_eq!((at.time, at.source), (time("2026-01-01T00:00:00Z"), TimeSource::Signer));
    let unknown = How {
        algorithm: "1.2.3.4",
        ..How::default()
    };
    expect(
        &detached(&leaf, BYTES, &unknown),
        &anchors,
        unsure(Doubt::UnknownAlgorithm),
    );
}

/// RFC 5035 §3: by its hash, and where that is said by its issuer and number.
#[test]
fn the_certificate_that_is_named_is_the_one_that_signed() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    for older in [false, true] {
        let named = |der: &[u8], issuer: &str, serial: u64| {
            let how = How {
                signed: vec![forge::names_certificate_of(older, der, issuer, serial)],
                ..How::default()
            };
            one(&detached(&leaf, BYTES, &how), &anchors).outcome
        };
        let other = wrong(Fault::IdentityDiffers);
        assert_eq!(named(&leaf.certificate, &leaf.issuer, leaf.serial), CONFIRMED);
        assert_eq!(named(&root.certificate, &leaf.issuer, leaf.serial), other);
        assert_eq!(named(&leaf.certificate, "Somebody else", leaf.serial), other);
        assert_eq!(named(&leaf.certificate, &leaf.issuer, leaf.serial + 1), other);
    }
}

/// Ed25519 signs no digest, and a message without attributes is only there as one.
#[test]
fn ed25519_needs_signed_attributes() {
    let (root, leaf) = Holder::pair();
    let how = How {
        attributes: false,
        algorithm: "1.3.101.112",
        ..How::default()
    };
    let signature = detached(&leaf, BYTES, &how);
    expect(&signature, &[pinned(&[&root])], unsure(Doubt::UnknownAlgorithm));
}

#[test]
fn attributes_are_no_message() {
    // What somebody signed as attributes, offered as the message of a signature without attributes.
    let (root, leaf) = Holder::pair();
    let attributes = forge::set(&[
        attribute("1.2.840.113549.1.9.3", oid(DATA)),
        attribute("1.2.840.113549.1.9.4", octets(&forge::sha256(b"something else"))),
    ]);
    let how = How {
        attributes: false,
        ..How::default()
    };
    let signature = detached(&leaf, &attributes, &how);
    let findings = over(&signature, &attributes, &[pinned(&[&root])]);
    assert_eq!(findings[0].outcome, wrong(Fault::Malformed), "{}", findings[0].reason);
}

#[test]
fn a_content_of_its_own_is_the_artifact_or_refused() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let info = Info::new(&leaf, BYTES, &How::default()).finish(&[]);
    let with = |content: &[u8]| message(DATA, Some(octets(content)), &[&leaf], std::slice::from_ref(&info));
    expect(&with(BYTES), &anchors, CONFIRMED);
    expect(&with(b"other"), &anchors, wrong(Fault::SubjectDiffers));
    let other_type = message("1.2.840.113549.1.9.16.1.4", None, &[&leaf], std::slice::from_ref(&info));
    expect(&other_type, &anchors, wrong(Fault::Malformed));
}

#[test]
fn every_signer_has_a_finding() {
    let (root, leaf) = Holder::pair();
    let stranger = Holder::alone(&Says {
        name: "Stranger",
        ..Says::default()
    });
    let infos = [
        Info::new(&leaf, BYTES, &How::default()).finish(&[]),
        Info::new(&stranger, BYTES, &How::default()).finish(&[]),
    ];
    let both = message(DATA, None, &[&leaf, &stranger], &infos);
    let findings = findings(&both, &[pinned(&[&root])]);
    let mut outcomes: Vec<Outcome> = findings.iter().map(|finding| finding.outcome).collect();
    outcomes.sort_by_key(|outcome| format!("{outcome:?}"));
    assert_eq!(outcomes, [CONFIRMED, unsure(Doubt::UnknownSigner)]);
    expect(
        &message(DATA, None, &[&leaf], &[]),
        &[pinned(&[&root])],
        wrong(Fault::Malformed),
    );
}

#[test]
fn without_an_anchor_or_with_another_it_is_undecided() {
    let (root, leaf) = Holder::pair();
    let (other, _) = Holder::pair();
    let renamed = Holder::alone(&Says::authority("Other"));
    let signature = detached(&leaf, BYTES, &How::default());
    expect(&signature, &[], unsure(Doubt::NoAnchor));
    let finding = expect(&signature, &[pinned(&[&renamed])], unsure(Doubt::UnknownSigner));
    assert!(finding.reason.contains("CN=Someone"), "{}", finding.reason);
    // The same name, and another key: the chain claims what is not so.
    expect(&signature, &[pinned(&[&other])], wrong(Fault::ChainWrong));
    // A timestamp authority's certificates never say who signed.
    expect(&signature, &[clock(&[&root])], unsure(Doubt::NoAnchor));
    // Left out of the message, the certificate may be pinned.
    let info = Info::new(&leaf, BYTES, &How::default()).finish(&[]);
    let without = message(DATA, None, &[], &[info]);
    expect(&without, &[pinned(&[&leaf])], CONFIRMED);
    expect(&without, &[pinned(&[&root])], unsure(Doubt::UnknownSigner));
}

#[test]
fn scope_and_window_bound_an_anchor() {
    let (root, leaf) = Holder::pair();
    let signature = detached(&leaf, BYTES, &How::default());
    let mut elsewhere = pinned(&[&root]);
    elsewhere.scope = vec![ScopePattern::new("npm")];
    expect(&signature, &[elsewhere.clone()], unsure(Doubt::OutOfScope));
    let mut past = pinned(&[&root]);
    past.valid_until = Some(time("2026-01-01T00:00:00Z"));
    expect(&signature, &[past.clone()], unsure(Doubt::OutOfScope));
    let mut future = pinned(&[&root]);
    future.valid_from = Some(time("2026-12-01T00:00:00Z"));
    expect(&signature, &[future], unsure(Doubt::OutOfScope));
    expect(&signature, &[elsewhere, pinned(&[&root])], CONFIRMED);
    // A proven time within the window counts, whatever the time now.
    let authority = timestamper();
    let stamped = detached_at(&leaf, BYTES, &authority, "2025-06-01T00:00:00Z");
    expect(&stamped, &[past, clock(&[&authority])], CONFIRMED);
}

#[test]
fn certificates_are_for_their_purpose() {
    let root = Holder::alone(&Says::authority("Root"));
    let anchors = [pinned(&[&root])];
    let cases: [(Says<'_>, Option<Fault>); 8] = [
        (
            Says {
                purposes: None,
                ..Says::default()
            },
            None,
        ),
        (
            Says {
                purposes: Some((false, &[SERVER, MAIL])),
                ..Says::default()
            },
            None,
        ),
        (
            Says {
                usage: None,
                ..Says::default()
            },
            None,
        ),
        (
            Says {
                purposes: Some((false, &[SERVER])),
                ..Says::default()
            },
            Some(Fault::ChainWrong),
        ),
        (
            Says {
                usage: Some(0x20),
                ..Says::default()
            },
            Some(Fault::ChainWrong),
        ),
        (
            Says {
                authority: Some(None),
                ..Says::default()
            },
            Some(Fault::ChainWrong),
        ),
        (
            Says {
                more: vec![extension("1.2.3.4", true, &[5, 0])],
                ..Says::default()
            },
            Some(Fault::ChainWrong),
        ),
        (
            Says {
                more: vec![extension("2.5.29.37", false, &seq(&[oid(SERVER)]))],
                ..Says::default()
            },
            Some(Fault::Malformed),
        ),
    ];
    for (position, (says, fault)) in cases.iter().enumerate() {
        let leaf = root.issue(says);
        let finding = one(&detached(&leaf, BYTES, &How::default()), &anchors);
        let expected = fault.map_or(CONFIRMED, wrong);
        assert_eq!(finding.outcome, expected, "case {position}: {}", finding.reason);
    }
}

/// A chain of three with peculiarities in the middle.
pub(crate) fn through(middle: &Says<'_>, leaf: &Says<'_>) -> (Holder, Vec<u8>) {
    let root = Holder::alone(&Says::authority("Root"));
    let middle = root.issue(middle);
    let leaf = middle.issue(leaf);
    let info = Info::new(&leaf, BYTES, &How::default()).finish(&[]);
    let signature = message(DATA, None, &[&leaf, &middle], &[info]);
    (root, signature)
}

#[test]
fn every_certificate_on_the_way_is_told() {
    let between = Says {
        serial: 2,
        ..Says::authority("Between")
    };
    let (root, signature) = through(&between, &Says::default());
    let finding = expect(&signature, &[pinned(&[&root])], CONFIRMED);
    let described = |holder: &Holder| x509::describe(&pem(&[holder])).unwrap()[0].fingerprint.clone();
    let certificates: Vec<&str> = finding.signers[0].certificates().collect();
    assert_eq!(certificates.len(), 3, "{certificates:?}");
    assert_eq!(certificates[2], described(&root));
    assert!(certificates[0] != certificates[1] && certificates[1] != certificates[2]);
    // So is who proves the time, whom another anchor pins.
    let (root, leaf) = Holder::pair();
    let authority = timestamper();
    let stamped = detached_at(&leaf, BYTES, &authority, "2025-06-01T00:00:00Z");
    let finding = expect(&stamped, &[pinned(&[&root]), clock(&[&authority])], CONFIRMED);
    assert_eq!(finding.signers[0].certificates().last().unwrap(), described(&root));
    let through: Vec<&str> = finding
        .through
        .iter()
        .flat_map(|signer| signer.certificates())
        .collect();
    assert_eq!(through, [described(&authority)]);
    // A pinned signer has nobody above, and where nothing is confirmed nothing is told.
    let alone = expect(&detached(&leaf, BYTES, &How::default()), &[pinned(&[&leaf])], CONFIRMED);
    assert_eq!(alone.signers[0].certificates().count(), 1);
    let open = one(&stamped, &[clock(&[&authority])]);
    assert!(
        open.through.is_empty() && open.signers[0].certificates().count() == 1,
        "{open:?}"
    );
}

#[test]
fn authorities_on_the_way_are_held_to_their_constraints() {
    let between = Says {
        serial: 2,
        ..Says::authority("Between")
    };
    let leaf = Says::default();
    // Only names below one directory may be certified (RFC 5280 §4.2.1.10).
    let constrained = extension(
        "2.5.29.30",
        true,
        &seq(&[tlv(
            0xa0,
            &seq(&[tlv(
                0xa4,
                &seq(&[forge::set(&[seq(&[oid("2.5.4.3"), tlv(0x0c, b"Else")])])]),
            )]),
        )]),
    );
    let cases: [(Says<'_>, Says<'_>, Option<Fault>); 8] = [
        (between.clone(), leaf.clone(), None),
        (
            Says {
                authority: None,
                ..between.clone()
            },
            leaf.clone(),
            Some(Fault::ChainWrong),
        ),
        (
            Says {
                usage: Some(0x80),
                ..between.clone()
            },
            leaf.clone(),
            Some(Fault::ChainWrong),
        ),
        (
            Says {
                purposes: Some((false, &[SERVER])),
                ..between.clone()
            },
            leaf.clone(),
            Some(Fault::ChainWrong),
        ),
        (
            Says {
                purposes: Some((false, &[SERVER, CODE])),
                ..between.clone()
            },
            leaf.clone(),
            None,
        ),
        (
            Says {
                more: vec![constrained],
                ..between.clone()
            },
            leaf.clone(),
            Some(Fault::ChainWrong),
        ),
        (
            Says {
                from: "2026-12-01T00:00:00Z",
                ..between.clone()
            },
            leaf.clone(),
            Some(Fault::NotValidThen),
        ),
        (
            between,
            Says {
                from: "2026-12-01T00:00:00Z",
                ..leaf
            },
            Some(Fault::NotValidThen),
        ),
    ];
    for (position, (middle, leaf, fault)) in cases.iter().enumerate() {
        let (root, signature) = through(middle, leaf);
        let finding = one(&signature, &[pinned(&[&root])]);
        let expected = fault.map_or(CONFIRMED, wrong);
        assert_eq!(finding.outcome, expected, "case {position}: {}", finding.reason);
    }
    // An authority that may have none below itself.
    let root = Holder::alone(&Says {
        authority: Some(Some(0)),
        ..Says::authority("Root")
    });
    let middle = root.issue(&Says {
        authority: Some(Some(0)),
        serial: 2,
        ..Says::authority("Middle")
    });
    let lower = middle.issue(&Says {
        serial: 3,
        ..Says::authority("Lower")
    });
    let leaf = lower.issue(&Says::default());
    let info = Info::new(&leaf, BYTES, &How::default()).finish(&[]);
    let signature = message(DATA, None, &[&leaf, &middle, &lower], &[info]);
    expect(&signature, &[pinned(&[&root])], wrong(Fault::ChainWrong));
    // A pinned end entity is no authority, though its key signs certificates.
    let (root, leaf) = Holder::pair();
    let below = leaf.issue(&Says {
        name: "Below",
        ..Says::default()
    });
    let info = Info::new(&below, BYTES, &How::default()).finish(&[]);
    let signature = message(DATA, None, &[&below, &leaf], &[info]);
    expect(&signature, &[pinned(&[&root])], wrong(Fault::ChainWrong));
    let found = expect(&signature, &[pinned(&[&leaf])], wrong(Fault::ChainWrong));
    assert!(found.reason.contains("may not sign certificates"), "{}", found.reason);
}

#[test]
fn a_certificate_that_has_ended_needs_a_proven_time() {
    let root = Holder::alone(&Says::authority("Root"));
    let leaf = root.issue(&Says {
        until: "2026-01-01T00:00:00Z",
        ..Says::default()
    });
    let authority = timestamper();
    let anchors = [pinned(&[&root]), clock(&[&authority])];
    expect(
        &detached(&leaf, BYTES, &How::default()),
        &anchors,
        unsure(Doubt::NoProvenTime),
    );
    let finding = expect(
        &detached_at(&leaf, BYTES, &authority, "2025-06-01T00:00:00Z"),
        &anchors,
        CONFIRMED,
    );
    assert_eq!(finding.anchors, ["publisher", "clock"]);
    assert_eq!(finding.signed_at.unwrap().source, TimeSource::TimestampAuthority);
    expect(
        &detached_at(&leaf, BYTES, &authority, "2026-06-01T00:00:00Z"),
        &anchors,
        wrong(Fault::NotValidThen),
    );
    expect(
        &detached_at(&leaf, BYTES, &authority, "2019-06-01T00:00:00Z"),
        &anchors,
        wrong(Fault::TimeWrong),
    );
    // Its own word, or an authority that is not pinned, proves no time.
    let finding = expect(
        &detached_at(&leaf, BYTES, &authority, "2025-06-01T00:00:00Z"),
        &anchors[..1],
        unsure(Doubt::NoProvenTime),
    );
    assert!(
        finding.notes.iter().any(|note| note.contains("timestamp")),
        "{:?}",
        finding.notes
    );
    // Pinned itself, a certificate still ends.
    expect(
        &detached(&leaf, BYTES, &How::default()),
        &[pinned(&[&leaf])],
        unsure(Doubt::NoProvenTime),
    );
}

/// A detached signature with a token over it, made by `make` from the signature's value.
fn with_token(leaf: &Holder, make: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let info = Info::new(leaf, BYTES, &How::default());
    let token = make(&info.value);
    message(DATA, None, &[leaf], &[info.finish(&[attribute(TOKEN, token)])])
}

#[test]
fn timestamps_are_wrong_each_in_its_way() {
    const AT: &str = "2025-06-01T00:00:00Z";
    let (root, leaf) = Holder::pair();
    let authority = timestamper();
    let anchors = [pinned(&[&root]), clock(&[&authority])];
    let right = Tokened::default();
    let check = |make: &dyn Fn(&[u8]) -> Vec<u8>, outcome: Outcome| {
        expect(&with_token(&leaf, make), &anchors, outcome);
    };
    check(&|value| token(&authority, value, AT, &right), CONFIRMED);
    check(&|_| token(&authority, b"another", AT, &right), wrong(Fault::TimeWrong));
    check(
        &|value| token(&authority, value, "2027-01-01T00:00:00Z", &right),
        wrong(Fault::TimeWrong),
    );
    check(
        &|value| {
            let mut bytes = token(&authority, value, AT, &right);
            *bytes.last_mut().unwrap() ^= 1;
            bytes
        },
        wrong(Fault::TimeWrong),
    );
    check(
        &|value| {
            let peculiar = Tokened {
                names_certificate: false,
                ..Tokened::default()
            };
            token(&authority, value, AT, &peculiar)
        },
        wrong(Fault::TimeWrong),
    );
    for serial in [octets(b"1234"), oid("1.2.3"), tlv(2, &[])] {
        let numbered = Tokened {
            serial,
            ..Tokened::default()
        };
        check(
            &|value| token(&authority, value, AT, &numbered),
            wrong(Fault::TimeWrong),
        );
    }
    check(&|_| octets(b"no token"), wrong(Fault::TimeWrong));
    check(
        &|value| detached(&authority, value, &How::default()),
        wrong(Fault::TimeWrong),
    );
    // Each is signed as it is, and is no token of RFC 3161.
    for (peculiar, says) in [
        (
            Tokened {
                content_type: DATA,
                ..Tokened::default()
            },
            "about something else",
        ),
        (
            Tokened {
                tag: 0x30,
                ..Tokened::default()
            },
            "about something else",
        ),
        (
            Tokened {
                attributes: false,
                ..Tokened::default()
            },
            "lacks the signed attributes",
        ),
        (
            Tokened {
                policy: int(1),
                ..Tokened::default()
            },
            "not of RFC 3161",
        ),
        (
            Tokened {
                after: vec![5, 0],
                ..Tokened::default()
            },
            "not of RFC 3161",
        ),
    ] {
        let signature = with_token(&leaf, |value| token(&authority, value, AT, &peculiar));
        let finding = expect(&signature, &anchors, wrong(Fault::TimeWrong));
        assert!(finding.reason.contains(says), "{says}: {}", finding.reason);
    }
    // What is not known here proves nothing, and the certificate is judged as of now.
    for peculiar in [
        Tokened {
            version: 2,
            ..Tokened::default()
        },
        Tokened {
            imprint: SHA1_OID.to_owned(),
            ..Tokened::default()
        },
        Tokened {
            more: vec![tlv(0xa1, &extension("1.2.3.4", true, &[5, 0]))],
            ..Tokened::default()
        },
    ] {
        let signature = with_token(&leaf, |value| token(&authority, value, AT, &peculiar));
        let finding = expect(&signature, &anchors, CONFIRMED);
        assert_eq!(finding.signed_at, None);
        assert_eq!(finding.anchors, ["publisher"]);
    }
    // Accuracy widens the time: an hour before the certificate's end, give or take two.
    let short = root.issue(&Says {
        until: "2025-06-01T00:59:59Z",
        ..Says::default()
    });
    for (seconds, outcome) in [(60, CONFIRMED), (7200, wrong(Fault::NotValidThen))] {
        let peculiar = Tokened {
            more: vec![seq(&[int(seconds)])],
            ..Tokened::default()
        };
        let signature = with_token(&short, |value| token(&authority, value, AT, &peculiar));
        expect(&signature, &anchors, outcome);
    }
    // Authorities that are for more than timestamps, or do not say so critically.
    for purposes in [
        Some((false, &[STAMP][..])),
        Some((true, &[STAMP, CODE][..])),
        Some((true, &[CODE][..])),
        None,
    ] {
        let other = Holder::alone(&Says {
            name: "Clock",
            purposes,
            ..Says::default()
        });
        let signature = with_token(&leaf, |value| token(&other, value, AT, &Tokened::default()));
        expect(
            &signature,
            &[pinned(&[&root]), clock(&[&other])],
            wrong(Fault::TimeWrong),
        );
    }
    // A clock's scope is a scope.
    let mut elsewhere = clock(&[&authority]);
    elsewhere.scope = vec![ScopePattern::new("npm")];
    let finding = expect(
        &detached_at(&leaf, BYTES, &authority, AT),
        &[pinned(&[&root]), elsewhere],
        CONFIRMED,
    );
    assert_eq!(finding.signed_at, None);
    // More tokens than anybody needs.
    let info = Info::new(&leaf, BYTES, &How::default());
    let tokens: Vec<Vec<u8>> = (0..5)
        .map(|hour| token(&authority, &info.value, &format!("2025-06-01T0{hour}:00:00Z"), &right))
        .map(|token| attribute(TOKEN, token))
        .collect();
    let many = message(DATA, None, &[&leaf], &[info.finish(&tokens)]);
    expect(&many, &anchors, unsure(Doubt::TooLarge));
}

#[test]
fn garbage_is_malformed_and_never_a_panic() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let right = detached_at(&leaf, BYTES, &timestamper(), "2025-06-01T00:00:00Z");
    for length in 0..right.len() {
        expect(&right[..length], &anchors, wrong(Fault::Malformed));
    }
    let mut longer = right.clone();
    longer.push(0);
    expect(&longer, &anchors, wrong(Fault::Malformed));
    expect(b"hello", &anchors, wrong(Fault::Malformed));
    expect(
        &seq(&[oid(DATA), tlv(0xa0, &octets(b"x"))]),
        &anchors,
        wrong(Fault::Malformed),
    );
    // No flipped byte may turn a signature over other bytes into one that is confirmed, nor panic.
    for position in 0..right.len() {
        let mut flipped = right.clone();
        flipped[position] ^= 0x55;
        for finding in over(&flipped, b"other bytes", &anchors) {
            assert!(!finding.is_confirmed(), "byte {position}");
        }
    }
    // Too large, too deep, and a set that would be sorted for hours.
    expect(&vec![0x30; (4 << 20) + 1], &anchors, unsure(Doubt::TooLarge));
    let mut deep = Vec::new();
    for _ in 0..100 {
        deep = tlv(0x30, &deep);
    }
    expect(&deep, &anchors, unsure(Doubt::TooLarge));
    let wide = tlv(0x31, &int(5).repeat(100_000));
    expect(
        &seq(&[oid("1.2.840.113549.1.7.2"), tlv(0xa0, &seq(&[int(1), wide]))]),
        &anchors,
        unsure(Doubt::TooLarge),
    );
}

#[test]
fn a_pinned_text_is_described_for_people() {
    let (root, leaf) = Holder::pair();
    let described = sealift::evidence::x509::describe(&pem(&[&root, &leaf])).unwrap();
    assert_eq!(described.len(), 2);
    assert_eq!(described[0].subject, "CN=Root");
    assert!(described[0].is_authority && !described[1].is_authority);
    assert_eq!(described[1].valid_until, time("2030-01-01T00:00:00Z"));
    for broken in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
    ] {
        assert!(sealift::evidence::x509::describe(broken).is_err(), "{broken}");
    }
    // An anchor that cannot be read pins nothing.
    let signature = detached(&leaf, BYTES, &How::default());
    let broken = anchor("broken", Material::Certificates("nonsense".to_owned()));
    expect(&signature, &[broken], unsure(Doubt::NoAnchor));
}
