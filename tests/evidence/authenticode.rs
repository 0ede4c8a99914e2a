//! Programs with Authenticode signatures: osslsigncode's, and our own with one thing wrong in each.

use sealift::model::{Anchor, Doubt, Fault, Finding, Level, Material, Outcome};

use crate::cms::{clock, pinned};
use crate::data::{Judged, Row};
use crate::forge::{
    self, CODE, Holder, How, Info, SERVER, SHA1_OID, SHA256_OID, Says, Tokened, attribute, octets, oid, seq,
    timestamper, tlv, token,
};
use crate::support::{DAY, anchor, artifact, judge};

const NOW: &str = "2027-01-01T00:00:00Z";
const INDIRECT: &str = "1.3.6.1.4.1.311.2.1.4";
const IMAGE: &str = "1.3.6.1.4.1.311.2.1.15";
const CONFIRMED: Outcome = Outcome::Confirmed(Level::Publisher);
const MALFORMED: Outcome = Outcome::Contradicted(Fault::Malformed);
const DIFFERS: Outcome = Outcome::Contradicted(Fault::SubjectDiffers);
const SIGNED: &[u8] = include_bytes!("../fixtures/authenticode/signed.exe");
const NESTED: &[u8] = include_bytes!("../fixtures/authenticode/nested.exe");
const SIGNER: &str = include_str!("../fixtures/authenticode/signer.pem");

fn at(program: &[u8], anchors: &[Anchor], now: &str) -> Finding {
    let artifact = artifact("files", "tool.exe", "1", "tool.exe", program);
    let mut found = judge("authenticode", Vec::new(), &artifact, program, anchors, now);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[track_caller]
fn expect(program: &[u8], anchors: &[Anchor], outcome: Outcome) -> Finding {
    let finding = at(program, anchors, NOW);
    assert_eq!(finding.outcome, outcome, "{}", finding.reason);
    finding
}

pub(crate) fn judge_row(row: &Row) -> Judged {
    let program = row.read(row.files.split(' ').next().unwrap());
    let finding = at(&program, &[held()], DAY);
    let expected = if row.verdict == "valid" {
        // Its only hash is SHA-1: a known divergence.
        Outcome::Contradicted(Fault::Weak)
    } else {
        Outcome::Undecided(Doubt::Incomplete)
    };
    assert_eq!(finding.outcome, expected, "{}", finding.reason);
    Judged::Findings(vec![finding])
}

fn held() -> Anchor {
    anchor("publisher", Material::Certificates(SIGNER.to_owned()))
}

#[test]
fn programs_are_confirmed_and_no_byte_may_change() {
    let finding = expect(SIGNED, &[held()], CONFIRMED);
    assert_eq!(finding.algorithm.as_deref(), Some("RSA 2048 PKCS#1 v1.5 with SHA-256"));
    expect(SIGNED, &[], Outcome::Undecided(Doubt::NoAnchor));
    let nested = expect(NESTED, &[held()], CONFIRMED);
    assert!(
        nested.notes.iter().any(|note| note.contains("outer")),
        "{:?}",
        nested.notes
    );
    let checksum = u32::from_le_bytes(SIGNED[0x3c..0x40].try_into().unwrap()) as usize + 24 + 64;
    // Before the table: a message of CMS has fields that nobody signs, such as its version.
    for position in (0..10_752 + 8).step_by(3) {
        let mut changed = SIGNED.to_vec();
        changed[position] ^= 1;
        let confirmed = at(&changed, &[held()], NOW).is_confirmed();
        assert_eq!(
            confirmed,
            (checksum..checksum + 4).contains(&position),
            "byte {position}"
        );
    }
    for length in (2..SIGNED.len()).step_by(101) {
        assert!(!at(&SIGNED[..length], &[held()], NOW).is_confirmed());
    }
    expect(b"#!/bin/sh", &[held()], Outcome::Undecided(Doubt::UnknownFormat));
}

/// A program of nothing but headers, for 32 or 64 bits.
fn program(wide: bool) -> Vec<u8> {
    let mut bytes = vec![0; 0x200];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x40;
    bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
    bytes[0x54..0x56].copy_from_slice(&240_u16.to_le_bytes());
    bytes[0x58..0x5a].copy_from_slice(if wide { b"\x0b\x02" } else { b"\x0b\x01" });
    let count = 0x58 + if wide { 108 } else { 92 };
    bytes[count] = 16;
    bytes
}

fn place(wide: bool) -> usize {
    0x58 + if wide { 112 } else { 96 } + 32
}

/// The hash of a program that has no table yet.
fn hash(program: &[u8], wide: bool) -> Vec<u8> {
    let (checksum, place) = (0x58 + 64, place(wide));
    forge::sha256(
        &[
            &program[..checksum],
            &program[checksum + 4..place],
            &program[place + 8..],
        ]
        .concat(),
    )
}

/// Appends a table that holds these bytes.
fn with_table(program: &[u8], wide: bool, table: &[u8]) -> Vec<u8> {
    let mut bytes = program.to_vec();
    let place = place(wide);
    let offset = u32::try_from(bytes.len()).unwrap();
    bytes[place..place + 4].copy_from_slice(&offset.to_le_bytes());
    bytes[place + 4..place + 8].copy_from_slice(&u32::try_from(table.len()).unwrap().to_le_bytes());
    bytes.extend(table);
    bytes
}

fn table(message: &[u8], after: &[u8]) -> Vec<u8> {
    let mut body = [message, after].concat();
    let length = u32::try_from(body.len() + 8).unwrap();
    while body.len() % 8 != 0 {
        body.push(0);
    }
    [&length.to_le_bytes()[..], &[0, 2, 2, 0], &body].concat()
}

/// What a signature is about; the defaults are right.
struct About {
    image: &'static str,
    kind: &'static str,
    hash: &'static str,
    digest: Vec<u8>,
}

fn about() -> About {
    About {
        image: IMAGE,
        kind: INDIRECT,
        hash: SHA256_OID,
        digest: hash(&program(true), true),
    }
}

impl About {
    fn content(&self) -> Vec<u8> {
        seq(&[
            seq(&[oid(self.image), seq(&[tlv(3, &[0])])]),
            seq(&[seq(&[oid(self.hash)]), octets(&self.digest)]),
        ])
    }

    fn message(&self, holder: &Holder, unsigned: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> Vec<u8> {
        let content = self.content();
        // What is digested is what the sequence holds; all of these are longer than 127 bytes or not.
        let head = if content[1] < 0x80 { 2 } else { 3 };
        let how = How {
            content_type: self.kind,
            ..How::default()
        };
        let info = Info::new(holder, &content[head..], &how);
        let unsigned = unsigned(&info.value);
        forge::message(self.kind, Some(content), &[holder], &[info.finish(&unsigned)])
    }

    fn program(&self, holder: &Holder) -> Vec<u8> {
        with_table(&program(true), true, &table(&self.message(holder, |_| Vec::new()), b""))
    }
}

#[test]
fn the_table_closes_the_file_and_holds_one_message() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let message = about().message(&leaf, |_| Vec::new());
    let right = about().program(&leaf);
    expect(&right, &anchors, CONFIRMED);
    let narrow = About {
        digest: hash(&program(false), false),
        ..about()
    };
    let narrow = with_table(
        &program(false),
        false,
        &table(&narrow.message(&leaf, |_| Vec::new()), b""),
    );
    expect(&narrow, &anchors, CONFIRMED);
    expect(&program(true), &anchors, Outcome::Undecided(Doubt::Incomplete));
    let mut few = right.clone();
    few[0x58 + 108] = 4;
    expect(&few, &anchors, Outcome::Undecided(Doubt::Incomplete));
    // A header that ends before the table's place; one that reaches into the table; another format.
    let mut short = right.clone();
    short[0x54..0x56].copy_from_slice(&151_u16.to_le_bytes());
    expect(&short, &anchors, Outcome::Undecided(Doubt::Incomplete));
    let mut long = program(true);
    long[0x54..0x56].copy_from_slice(&0x1f0_u16.to_le_bytes());
    let about_long = About {
        digest: hash(&long, true),
        ..about()
    };
    let about_long = table(&about_long.message(&leaf, |_| Vec::new()), b"");
    expect(&with_table(&long, true, &about_long), &anchors, MALFORMED);
    let mut other = right.clone();
    other[0x43] = 1;
    expect(&other, &anchors, Outcome::Undecided(Doubt::UnknownFormat));
    let mut longer = right.clone();
    longer.extend([0; 8]);
    expect(&longer, &anchors, MALFORMED);
    // Bytes that nobody hashed: behind the message, within the table.
    for after in [&b"payload!"[..], b"\0\0\0\0\0\0\0\0\0", b"x"] {
        let stuffed = with_table(&program(true), true, &table(&message, after));
        expect(&stuffed, &anchors, MALFORMED);
    }
    let two = [table(&message, b""), table(&message, b"")].concat();
    expect(&with_table(&program(true), true, &two), &anchors, MALFORMED);
    for (byte, value) in [(4, 1), (5, 1), (6, 1), (0, 0xff)] {
        let mut wrong = table(&message, b"");
        wrong[byte] = value;
        expect(&with_table(&program(true), true, &wrong), &anchors, MALFORMED);
    }
    let mut within = right.clone();
    let place = place(true);
    within[place..place + 4].copy_from_slice(&8_u32.to_le_bytes());
    within[place + 4..place + 8].copy_from_slice(&u32::try_from(right.len() - 8).unwrap().to_le_bytes());
    expect(&within, &anchors, MALFORMED);
    let mut odd = program(true);
    odd.extend(b"odd");
    expect(&with_table(&odd, true, &table(&message, b"")), &anchors, MALFORMED);
    let mut huge = right;
    huge[place + 4..place + 8].copy_from_slice(&u32::MAX.to_le_bytes());
    expect(&huge, &anchors, Outcome::Undecided(Doubt::TooLarge));
}

#[test]
fn the_message_is_about_this_program() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let cases = [
        (
            About {
                digest: vec![0; 32],
                ..about()
            },
            DIFFERS,
        ),
        (
            About {
                image: "1.3.6.1.4.1.311.2.1.25",
                ..about()
            },
            MALFORMED,
        ),
        (
            About {
                kind: forge::DATA,
                ..about()
            },
            MALFORMED,
        ),
        (
            About {
                hash: SHA1_OID,
                digest: vec![0; 20],
                ..about()
            },
            Outcome::Contradicted(Fault::Weak),
        ),
        (
            About {
                hash: "2.16.840.1.101.3.4.2.3",
                digest: vec![0; 64],
                ..about()
            },
            MALFORMED,
        ),
    ];
    for (position, (about, outcome)) in cases.into_iter().enumerate() {
        let finding = at(&about.program(&leaf), &anchors, NOW);
        assert_eq!(finding.outcome, outcome, "case {position}: {}", finding.reason);
    }
    for purposes in [None, Some((false, &[SERVER][..]))] {
        let other = root.issue(&Says {
            purposes,
            ..Says::default()
        });
        expect(
            &about().program(&other),
            &anchors,
            Outcome::Contradicted(Fault::ChainWrong),
        );
    }
    let content = about().content();
    let how = How {
        content_type: INDIRECT,
        ..How::default()
    };
    let head = if content[1] < 0x80 { 2 } else { 3 };
    let info = || Info::new(&leaf, &content[head..], &how).finish(&[]);
    // Signed as about a program, in a message that says that it holds something else.
    let relabelled = forge::message(forge::DATA, Some(content.clone()), &[&leaf], &[info()]);
    expect(
        &with_table(&program(true), true, &table(&relabelled, b"")),
        &anchors,
        MALFORMED,
    );
    let twice = forge::message(INDIRECT, Some(content.clone()), &[&leaf], &[info(), info()]);
    expect(
        &with_table(&program(true), true, &table(&twice, b"")),
        &anchors,
        MALFORMED,
    );
}

#[test]
fn timestamps_outlive_a_certificate_unless_it_is_for_life() {
    const AT: &str = "2025-06-01T00:00:00Z";
    let root = Holder::alone(&Says::authority("Root"));
    let authority = timestamper();
    let anchors = [pinned(&[&root]), clock(&[&authority])];
    for (purposes, outcome) in [
        (&[CODE][..], CONFIRMED),
        (
            &[CODE, "1.3.6.1.4.1.311.10.3.13"],
            Outcome::Undecided(Doubt::NoProvenTime),
        ),
    ] {
        let leaf = root.issue(&Says {
            until: "2026-01-01T00:00:00Z",
            purposes: Some((false, purposes)),
            ..Says::default()
        });
        let message = about().message(&leaf, |value| {
            vec![attribute(
                "1.3.6.1.4.1.311.3.3.1",
                token(&authority, value, AT, &Tokened::default()),
            )]
        });
        expect(
            &with_table(&program(true), true, &table(&message, b"")),
            &anchors,
            outcome,
        );
    }
    // The old form proves nothing.
    let leaf = root.issue(&Says::default());
    let message = about().message(&leaf, |_| vec![attribute("1.2.840.113549.1.9.6", seq(&[]))]);
    let finding = expect(
        &with_table(&program(true), true, &table(&message, b"")),
        &anchors,
        CONFIRMED,
    );
    assert!(
        finding.notes.iter().any(|note| note.contains("old form")),
        "{:?}",
        finding.notes
    );
}
