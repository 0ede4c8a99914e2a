//! A rendering of which some part could not be written is no rendering: whatever write fails, it is told.

use std::collections::BTreeSet;
use std::io::{self, Write};

use sealift::report::{CustodyTrouble, DecisionHit, Format, Head, Refused, render};
use sealift::trust::folder::TrustFolder;

use crate::custody;
use crate::people;
use crate::reports::{reports, rewritten_as, rewritten_with, varied};

/// So many artifacts a page lists in any case.
const MOST_ROWS: usize = 2000;

/// Takes everything but one write, as a medium does that has one bad spot.
struct BadSpot {
    at: usize,
    writes: Vec<Vec<u8>>,
}

impl Write for BadSpot {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.push(bytes.to_vec());
        if self.writes.len() == self.at {
            return Err(io::Error::other("a bad spot"));
        }
        Ok(bytes.len())
    }

    /// The last of all.
    fn flush(&mut self) -> io::Result<()> {
        self.write(b"").map(|_| ())
    }
}

/// A head that has something of everything that a rendering shows.
fn fill(head: &mut Head) {
    let custody = head.custody.as_mut().unwrap();
    assert!(!custody.records.is_empty() && !custody.named.is_empty(), "{custody:?}");
    custody.records_left_out = 1;
    custody.troubles.push(CustodyTrouble {
        code: "custody-seal-differs".to_owned(),
        message: "the seal is another one".to_owned(),
        subject: custody.records[0].file.clone(),
    });
    let policy = head.policy.as_mut().unwrap();
    policy.bundle.push(DecisionHit {
        approved_by: Vec::new(),
        counts_from: None,
        lowered: None,
        code: "custody-incomplete".to_owned(),
        message: "nobody received it".to_owned(),
        rule: "custody".to_owned(),
        solution: "add the record".to_owned(),
        verdict: "review".to_owned(),
        waived_by: None,
    });
    let refused = Refused {
        code: "evidence-too-low".to_owned(),
        expected: Some("publisher".to_owned()),
        found: Some("none".to_owned()),
        hint: Some("ask its makers".to_owned()),
        reason: "nobody signed it".to_owned(),
        subject: "pkg:generic/tool@1".to_owned(),
    };
    head.refusals.extend(vec![refused; 10]);
    (head.refusals_left_out, head.vouchers_left_out) = (1, 1);
    head.trust.changes = vec!["`tests-key` is pinned".to_owned()];
    head.trust.changes_left_out = 1;
    head.trust.new_roots = vec![head.trust.root];
}

#[test]
fn no_write_of_a_rendering_fails_unnoticed() {
    let world = custody::world();
    custody::carried(&world);
    let gone = ["sand"; 12].join("-");
    world.refused(&format!("import m1 --enclave en --last {gone}"), "custody-chain-broken");
    let records = [0, 4, 6, 8, 9].into_iter().map(varied);
    rewritten_with(&world, "varied.ndjson", records, fill);
    let trust = TrustFolder::open(&world.path("en/trust")).unwrap();
    let key = people::key(people::STATION);
    for format in Format::ALL {
        for report in [&world.path("varied.ndjson"), &reports(&world)[0]] {
            let tried = |at: usize| {
                let mut out = BadSpot { at, writes: Vec::new() };
                let rendered = render(format, report, trust.roots(), None, Some(&key), &mut out);
                (rendered.map(|_| ()), out.writes)
            };
            let (whole, writes) = tried(0);
            whole.unwrap();
            // A page has thousands. What a call writes in several parts fails with its markup; and markup that follows the same as
            // before is one place in a row of them.
            let mut known = BTreeSet::new();
            let mut behind = None;
            for at in 1..=writes.len() {
                let bytes = &writes[at - 1];
                if format == Format::Html && !bytes.is_empty() && !bytes.contains(&b'<') {
                    continue;
                }
                if !known.insert((behind.replace(bytes), bytes)) {
                    continue;
                }
                let (rendered, _) = tried(at);
                let said = format!("{rendered:?}");
                assert!(
                    rendered.is_err() && said.contains("a bad spot"),
                    "{} of {}, write {at} of {}: {said}",
                    format.word(),
                    report.display(),
                    writes.len()
                );
            }
        }
    }
}

#[test]
fn that_a_page_does_not_list_all_is_written_or_told() {
    let world = custody::world();
    world.run("import m1 --enclave en").done();
    rewritten_as(&world, "long.ndjson", (0..=MOST_ROWS).map(|number| varied(10 * number)));
    let trust = TrustFolder::open(&world.path("en/trust")).unwrap();
    let page = |at: usize| {
        let mut out = BadSpot { at, writes: Vec::new() };
        let report = world.path("long.ndjson");
        let rendered = render(Format::Html, &report, trust.roots(), None, None, &mut out);
        (rendered.map(|_| ()), out.writes)
    };
    let (whole, writes) = page(0);
    whole.unwrap();
    let says = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).contains("more artifacts");
    let at = writes.iter().position(says).unwrap();
    let (rendered, _) = page(at + 1);
    assert!(format!("{rendered:?}").contains("a bad spot"), "{rendered:?}");
}

#[test]
fn what_was_published_is_listed_whole_or_it_is_told() {
    let world = custody::world();
    world.run("import m1 --enclave en").done();
    let trust = TrustFolder::open(&world.path("en/trust")).unwrap();
    for format in [Format::CycloneDx, Format::Spdx] {
        let tried = |at: usize| {
            let mut out = BadSpot { at, writes: Vec::new() };
            let rendered = render(format, &reports(&world)[0], trust.roots(), None, None, &mut out);
            (rendered.map(|_| ()), out.writes.len())
        };
        let (whole, count) = tried(0);
        whole.unwrap();
        for at in 1..=count {
            let said = format!("{:?}", tried(at).0);
            assert!(
                said.contains("a bad spot"),
                "{}, write {at} of {count}: {said}",
                format.word()
            );
        }
    }
}
