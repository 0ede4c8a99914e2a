//! Signed gems: RubyGems' own, and what changes in them.

use std::io::Write as _;

use sealift::evidence::{Context, gem};
use sealift::model::{Anchor, Doubt, Fault, Finding, Level, Material, Outcome, ScopePattern};

use crate::data::{Judged, Row};
use crate::forge::{self, Holder, Says};
use crate::support::{DAY, anchor, artifact, judge, time};

const NOW: &str = "2027-01-01T00:00:00Z";
const CONFIRMED: Outcome = Outcome::Confirmed(Level::Publisher);
const MALFORMED: Outcome = Outcome::Contradicted(Fault::Malformed);
const SOLO: &[u8] = include_bytes!("../fixtures/gem/solo.gem");
const CHAIN: &[u8] = include_bytes!("../fixtures/gem/chain.gem");
const SOLO_PEM: &str = include_str!("../fixtures/gem/solo.pem");
const ROOT_PEM: &str = include_str!("../fixtures/gem/root.pem");
const PUBLIC: &str = include_str!("../fixtures/gem/public_cert.pem");
const CHILD: &str = include_str!("../fixtures/gem/child_cert.pem");

fn held(pem: &str) -> Anchor {
    anchor("publisher", Material::Certificates(pem.to_owned()))
}

fn chain(pem: &str, anchors: &[Anchor], now: &str) -> Finding {
    let context = Context {
        anchors,
        now: time(now),
        exported: time(now),
        max_transit_seconds: 0,
    };
    gem::judge_chain(pem, &artifact("gem", "demo", "1.0.0", "demo-1.0.0.gem", b""), &context)
}

pub(crate) fn judge_row(row: &Row) -> Judged {
    let root = row.text("gem-certs/public_cert.pem");
    let own = match row.case.as_str() {
        "gem/child" => "gem-certs/child_cert.pem",
        "gem/expired" => "gem-certs/expired_cert.pem",
        _ => "gem-certs/wrong_key_cert.pem",
    };
    let own = row.text(own);
    // As the row says, under the trusted one; and alone, as a root that it is not.
    let finding = chain(&format!("{root}{own}"), &[held(&root)], DAY);
    if row.verdict == "invalid" {
        assert_eq!(chain(&own, &[held(&root)], DAY).outcome, alone(&row.case));
    }
    Judged::Findings(vec![finding])
}

fn alone(case: &str) -> Outcome {
    match case {
        // It has the name and the key of the trusted one.
        "gem/expired" => Outcome::Undecided(Doubt::NoProvenTime),
        _ => Outcome::Undecided(Doubt::UnknownSigner),
    }
}

fn one(bytes: &[u8], anchors: &[Anchor]) -> Finding {
    let artifact = artifact("gem", "demo", "1.0.0", "demo-1.0.0.gem", bytes);
    let mut found = judge("gem-signature", Vec::new(), &artifact, bytes, anchors, NOW);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[track_caller]
fn expect(bytes: &[u8], anchors: &[Anchor], outcome: Outcome) {
    let finding = one(bytes, anchors);
    assert_eq!(finding.outcome, outcome, "{}", finding.reason);
}

#[test]
fn gems_are_confirmed_by_pinned_certificates() {
    expect(SOLO, &[held(SOLO_PEM)], CONFIRMED);
    expect(CHAIN, &[held(ROOT_PEM)], CONFIRMED);
    assert_eq!(
        one(SOLO, &[held(SOLO_PEM)]).algorithm.as_deref(),
        Some("RSA 2048 PKCS#1 v1.5 with SHA-256")
    );
    expect(SOLO, &[held(ROOT_PEM)], Outcome::Undecided(Doubt::UnknownSigner));
    expect(SOLO, &[], Outcome::Undecided(Doubt::NoAnchor));
    let mut elsewhere = held(SOLO_PEM);
    elsewhere.scope = vec![ScopePattern::new("gem/other")];
    expect(SOLO, &[elsewhere], Outcome::Undecided(Doubt::OutOfScope));
}

/// Where a member's header lies.
fn header(gem: &[u8], name: &str) -> usize {
    let mut wanted = name.as_bytes().to_vec();
    wanted.push(0);
    gem.windows(wanted.len()).position(|window| window == wanted).unwrap()
}

/// Writes a header's sum again.
fn sum(gem: &mut [u8], at: usize) {
    gem[at + 148..at + 156].fill(b' ');
    let sum: u32 = gem[at..at + 512].iter().map(|byte| u32::from(*byte)).sum();
    gem[at + 148..at + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn every_member_is_signed_and_as_it_was() {
    let anchors = [held(SOLO_PEM)];
    for name in ["metadata.gz", "data.tar.gz", "checksums.yaml.gz"] {
        let mut changed = SOLO.to_vec();
        // The operating system in the header of gzip: nobody's content, and still signed.
        changed[header(SOLO, name) + 512 + 9] ^= 1;
        expect(&changed, &anchors, Outcome::Contradicted(Fault::SignatureWrong));
        let mut signature = SOLO.to_vec();
        signature[header(SOLO, &format!("{name}.sig")) + 600] ^= 1;
        expect(&signature, &anchors, Outcome::Contradicted(Fault::SignatureWrong));
        // Without its signature.
        let at = header(SOLO, &format!("{name}.sig"));
        let without = [&SOLO[..at], &SOLO[at + 1024..]].concat();
        expect(&without, &anchors, Outcome::Contradicted(Fault::SubjectDiffers));
        // Twice.
        let twice = [&SOLO[..at + 1024], &SOLO[at..]].concat();
        assert!(one(&twice, &anchors).reason.contains("twice"));
        expect(&twice, &anchors, MALFORMED);
        let start = header(SOLO, name);
        let twice = [&SOLO[..at], &SOLO[start..]].concat();
        assert!(one(&twice, &anchors).reason.contains("twice"));
        expect(&twice, &anchors, MALFORMED);
        // It and its signature are gone.
        let gone = [&SOLO[..start], &SOLO[at + 1024..]].concat();
        expect(&gone, &anchors, MALFORMED);
        // Larger than any.
        for (name, size, outcome) in [
            (format!("{name}.sig"), 4097, MALFORMED),
            (
                "metadata.gz".to_owned(),
                (16 << 20) + 1,
                Outcome::Undecided(Doubt::TooLarge),
            ),
        ] {
            let at = header(SOLO, &name);
            let mut large = SOLO[..at + 512].to_vec();
            large[at + 124..at + 136].copy_from_slice(format!("{size:011o}\0").as_bytes());
            sum(&mut large, at);
            large.resize(large.len() + 5120, 0);
            large.extend(&SOLO[at + 1024..]);
            expect(&large, &anchors, outcome);
        }
    }
    // Metadata that unpack to more than is judged.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..=16 {
        packed.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let packed = packed.finish().unwrap();
    let (at, end) = (header(SOLO, "metadata.gz"), header(SOLO, "metadata.gz.sig"));
    let mut bomb = SOLO[..at + 512].to_vec();
    bomb[at + 124..at + 136].copy_from_slice(format!("{:011o}\0", packed.len()).as_bytes());
    sum(&mut bomb, at);
    bomb.extend(&packed);
    bomb.resize(bomb.len().next_multiple_of(512), 0);
    bomb.extend(&SOLO[end..]);
    expect(&bomb, &anchors, Outcome::Undecided(Doubt::TooLarge));
    let mut other = SOLO.to_vec();
    other[header(SOLO, "metadata.gz") + 512] = 0;
    let finding = one(&other, &anchors);
    assert_eq!(finding.reason, "the gem has metadata that are no gzip");
    assert_eq!(finding.outcome, MALFORMED);
    let at = header(SOLO, "data.tar.gz");
    let end = header(SOLO, "data.tar.gz.sig");
    expect(&[&SOLO[..at], &SOLO[end..]].concat(), &anchors, MALFORMED);
    let mut unsigned = SOLO.to_vec();
    for name in ["metadata.gz", "data.tar.gz", "checksums.yaml.gz"] {
        let at = header(&unsigned, &format!("{name}.sig"));
        unsigned.drain(at..at + 1024);
    }
    expect(&unsigned, &anchors, Outcome::Undecided(Doubt::Incomplete));
}

#[test]
fn a_tar_that_readers_take_differently_is_refused() {
    let anchors = [held(SOLO_PEM)];
    let at = header(SOLO, "data.tar.gz");
    let with = |change: &dyn Fn(&mut Vec<u8>), sums: bool| {
        let mut gem = SOLO.to_vec();
        change(&mut gem);
        if sums {
            sum(&mut gem, at);
        }
        gem
    };
    expect(&with(&|_| {}, true), &anchors, CONFIRMED);
    for change in [
        &(|gem: &mut Vec<u8>| gem[at] = b'X') as &dyn Fn(&mut Vec<u8>),
        &|gem| gem[at + 156] = b'2',
        &|gem| gem[at + 157] = b'x',
        &|gem| gem[at + 345] = b'x',
        &|gem| gem[at + 124] = 0x80,
        &|gem| gem[at + 124] = b'7',
        &|gem| gem[at + 124] = b'+',
    ] {
        expect(&with(change, true), &anchors, MALFORMED);
    }
    expect(&with(&|gem| gem[at + 100] ^= 1, false), &anchors, MALFORMED);
    expect(&with(&|gem| gem.push(1), false), &anchors, MALFORMED);
    expect(&with(&|gem| gem.extend([0; 65_536]), false), &anchors, MALFORMED);
    for length in (0..header(SOLO, "checksums.yaml.gz.sig") + 1024).step_by(97) {
        expect(&SOLO[..length], &anchors, MALFORMED);
    }
    // Within a member, and within the bytes that fill its last block.
    for (name, bytes) in [
        ("metadata.gz", 5),
        ("metadata.gz.sig", 5),
        ("metadata.gz.sig", 300),
        ("data.tar.gz", 5),
    ] {
        let finding = one(&SOLO[..header(SOLO, name) + 512 + bytes], &anchors);
        assert_eq!(finding.reason, "the gem ends within a member", "{name}");
    }
    for position in (0..SOLO.len()).step_by(5) {
        let mut flipped = SOLO.to_vec();
        flipped[position] ^= 0x81;
        drop(one(&flipped, &anchors));
    }
}

#[test]
fn chains_are_held_from_the_pinned_certificate_on() {
    let both = format!("{PUBLIC}{CHILD}");
    assert_eq!(chain(&both, &[held(PUBLIC)], NOW).outcome, CONFIRMED);
    assert_eq!(chain(CHILD, &[held(CHILD)], NOW).outcome, CONFIRMED);
    let turned = format!("{CHILD}{PUBLIC}");
    assert_eq!(
        chain(&turned, &[held(CHILD)], NOW).outcome,
        Outcome::Contradicted(Fault::ChainWrong)
    );
    assert_eq!(chain("", &[held(PUBLIC)], NOW).outcome, MALFORMED);
    let many = PUBLIC.repeat(17);
    assert_eq!(
        chain(&many, &[held(PUBLIC)], NOW).outcome,
        Outcome::Undecided(Doubt::TooLarge)
    );
    assert_eq!(
        chain(PUBLIC, &[held(PUBLIC)], "2011-01-01T00:00:00Z").outcome,
        Outcome::Contradicted(Fault::NotValidThen)
    );
    // It has ended, and nothing proves that it had not when it was used.
    let short = Holder::alone(&Says {
        until: "2026-12-31T23:59:59Z",
        ..Says::default()
    });
    let pem = forge::pem(&[&short]);
    assert_eq!(
        chain(&pem, &[held(&pem)], NOW).outcome,
        Outcome::Undecided(Doubt::NoProvenTime)
    );
    assert_eq!(chain(&pem, &[held(&pem)], "2026-12-31T23:59:59Z").outcome, CONFIRMED);
    // Who is no authority certifies nobody.
    let root = Holder::alone(&Says::default());
    let leaf = root.issue(&Says {
        name: "Below",
        ..Says::default()
    });
    let pem = forge::pem(&[&root, &leaf]);
    let anchors = [held(&forge::pem(&[&root]))];
    assert_eq!(
        chain(&pem, &anchors, NOW).outcome,
        Outcome::Contradicted(Fault::ChainWrong)
    );
    // One that may sign certificates by its key's use, and is no authority.
    let root = Holder::alone(&Says {
        usage: Some(0x04),
        ..Says::default()
    });
    let pem = forge::pem(&[&root, &root.issue(&Says::default())]);
    let anchors = [held(&forge::pem(&[&root]))];
    assert_eq!(
        chain(&pem, &anchors, NOW).outcome,
        Outcome::Contradicted(Fault::ChainWrong)
    );
    // One that says itself that it is none.
    let root = Holder::alone(&Says {
        usage: Some(0x04),
        more: vec![forge::extension("2.5.29.19", true, &forge::seq(&[]))],
        ..Says::default()
    });
    let pem = forge::pem(&[&root, &root.issue(&Says::default())]);
    let anchors = [held(&forge::pem(&[&root]))];
    assert_eq!(
        chain(&pem, &anchors, NOW).outcome,
        Outcome::Contradicted(Fault::ChainWrong)
    );
    // One of another name, whose key signed.
    let root = Holder::alone(&Says::authority("Root"));
    let key = forge::key();
    let other = forge::certify(&Says::default(), &key, "Other", &root.key);
    let pem = format!("{}{}", forge::pem(&[&root]), forge::pem_of(&[&other]));
    let anchors = [held(&forge::pem(&[&root]))];
    assert_eq!(
        chain(&pem, &anchors, NOW).outcome,
        Outcome::Contradicted(Fault::ChainWrong)
    );
    // One of the right name, whose key did not sign.
    let namesake = Holder::alone(&Says::authority("Root"));
    let pem = forge::pem(&[&root, &namesake.issue(&Says::default())]);
    assert_eq!(
        chain(&pem, &anchors, NOW).outcome,
        Outcome::Contradicted(Fault::ChainWrong)
    );
    // The pinned key under another name is another holder's.
    let renamed = forge::certify(&Says::authority("Other"), &root.key, "Other", &root.key);
    assert_eq!(
        chain(&forge::pem_of(&[&renamed]), &anchors, NOW).outcome,
        Outcome::Undecided(Doubt::UnknownSigner)
    );
    // A key that no longer proves anything, though it is pinned.
    let short = forge::certify_info(&Says::default(), &forge::rsa_info(&[0xc1; 128]), "Root", &root.key);
    let pem = forge::pem_of(&[&short]);
    assert_eq!(
        chain(&pem, &[held(&pem)], NOW).outcome,
        Outcome::Contradicted(Fault::Weak)
    );
    let root = Holder::alone(&Says {
        usage: Some(0x80),
        ..Says::authority("Root")
    });
    let leaf = root.issue(&Says::default());
    let pem = forge::pem(&[&root, &leaf]);
    let anchors = [held(&forge::pem(&[&root]))];
    assert_eq!(
        chain(&pem, &anchors, NOW).outcome,
        Outcome::Contradicted(Fault::ChainWrong)
    );
}
