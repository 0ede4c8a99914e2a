//! Two readers that share no code give the same verdict: this program, and `scripts/verify_bundle.py`. The vectors hold one
//! case for each check; here are many spellings around each, that only have to be judged alike.

use std::fs;

use sealift::crypto::dsse::Envelope;
use sealift::model::Digest;

use crate::by_hand::{passes, python};
use crate::people::{self, ANN, APPROVER, BOB};
use crate::raw_bundle::{Edits, RawBundle};
use crate::vectors::{Case, approval, case_text, judge};

/// One change of a frame.
type FrameChange = fn(&mut Vec<u8>);

/// Cases as the vectors have them, in a temporary folder, with this program's verdicts.
pub(crate) struct Cases {
    folder: tempfile::TempDir,
    pub(crate) verdicts: Vec<String>,
}

impl Cases {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            verdicts: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, why: String, volume: &[u8], approvals: &[Vec<u8>], root: &[u8]) {
        let place = self.folder.path().join(self.verdicts.len().to_string());
        fs::create_dir(&place).unwrap();
        fs::write(place.join("main-1.vol001of001.tar"), volume).unwrap();
        fs::write(place.join("root.dsse.json"), root).unwrap();
        for (index, approval) in approvals.iter().enumerate() {
            fs::write(place.join(format!("main-1.approval-{index}.dsse.json")), approval).unwrap();
        }
        // Escaped, since a case's text is TOML.
        let why = why.escape_default().to_string();
        let mut case = Case {
            why,
            now: people::now().to_string(),
            ..Case::default()
        };
        let staging = tempfile::tempdir().unwrap();
        case.verdict = judge(&case, &place, staging.path());
        assert!(!case.verdict.starts_with("unable"), "{}: {}", case.why, case.verdict);
        fs::write(place.join("case.toml"), case_text(&case)).unwrap();
        self.verdicts.push(case.verdict);
    }

    /// A record that is signed, or what looks like one, by the root of the tests.
    pub(crate) fn record(&mut self, mut case: Case, files: &[(&str, Vec<u8>)]) {
        let place = self.folder.path().join(self.verdicts.len().to_string());
        fs::create_dir(&place).unwrap();
        fs::write(place.join("root.dsse.json"), sealed_root()).unwrap();
        for (name, bytes) in files {
            fs::write(place.join(name), bytes).unwrap();
        }
        case.now = people::now().to_string();
        let staging = tempfile::tempdir().unwrap();
        case.verdict = judge(&case, &place, staging.path());
        assert!(!case.verdict.starts_with("unable"), "{}: {}", case.why, case.verdict);
        fs::write(place.join("case.toml"), case_text(&case)).unwrap();
        self.verdicts.push(case.verdict);
    }

    /// A bundle that is approved as it is.
    pub(crate) fn bundle(&mut self, why: String, bundle: &RawBundle, edits: &Edits) {
        let volume = bundle.build(edits).swap_remove(0);
        let approvals: Vec<_> = manifest_in(&volume)
            .map(|manifest| approval(&manifest, APPROVER))
            .into_iter()
            .collect();
        self.add(why, &volume, &approvals, &sealed_root());
    }

    /// Asks the other reader; there are accepted and refused cases.
    pub(crate) fn compare(self) {
        assert!(self.verdicts.iter().any(|verdict| verdict == "accepted"));
        assert!(self.verdicts.iter().filter(|verdict| *verdict != "accepted").count() > 3);
        if let Some(output) = python(&["--vectors", self.folder.path().to_str().unwrap()]) {
            passes(&output);
        }
    }
}

pub(crate) fn sealed_root() -> Vec<u8> {
    people::sealed_root(&people::root(), &[ANN, BOB])
}

pub(crate) fn manifest_in(volume: &[u8]) -> Option<Digest> {
    let size = usize::from_str_radix(std::str::from_utf8(volume.get(124..135)?).ok()?, 8).ok()?;
    let envelope = Envelope::read(volume.get(512..512 + size)?).ok()?;
    Some(Digest::of(&envelope.payload))
}

fn replace(bytes: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains(from), "{from}");
    *bytes = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn about_changed_bytes() {
    let mut cases = Cases::new();
    let volume = RawBundle::sample().build(&Edits::default()).swap_remove(0);
    let good = approval(&manifest_in(&volume).unwrap(), APPROVER);
    cases.add(
        "nothing is changed".to_owned(),
        &volume,
        std::slice::from_ref(&good),
        &sealed_root(),
    );
    for (index, at) in (0..volume.len()).step_by(211).enumerate() {
        let mut changed = volume.clone();
        changed[at] ^= 1 << (index % 8);
        cases.add(
            format!("byte {at} of the volume"),
            &changed,
            std::slice::from_ref(&good),
            &sealed_root(),
        );
        cases.add(
            format!("cut off at byte {at}"),
            &volume[..at],
            std::slice::from_ref(&good),
            &sealed_root(),
        );
    }
    for (index, at) in (0..good.len()).step_by(13).enumerate() {
        let mut changed = good.clone();
        changed[at] ^= 1 << (index % 8);
        cases.add(
            format!("byte {at} of the approval"),
            &volume,
            &[changed],
            &sealed_root(),
        );
    }
    cases.compare();
}

#[test]
fn about_manifests() {
    let mut cases = Cases::new();
    for (from, to) in [
        ("\"base\":null,", ""),
        ("\"previous\":null,", ""),
        ("\"format\":1", "\"critical\":[],\"format\":1"),
        ("\"format\":1", "\"critical\":null,\"format\":1"),
        ("\"format\":1", "\"format\":0"),
        ("\"epoch\":1", "\"epoch\":0"),
        ("\"stream\":\"main\"", "\"stream\":\"m\\u0061in\""),
        ("\"stream\":\"main\"", "\"stream\":\"main.\""),
        ("\"stream\":\"main\"", "\"stream\":\".main\""),
        ("\"stream\":\"main\"", "\"stream\":\"main\\n\""),
        ("\"stream\":\"main\"", "\"stream\":\"\\ud800\""),
        ("\"stream\":\"main\"", "\"str\\u0065am\":\"main\""),
        ("\"stream\":\"main\"", "\"str\\u0065am\":\"main\",\"stream\":\"main\""),
        ("\"sequence\":1", "\"sequence\": 1"),
        ("\"sequence\":1", "\"sequence\":1e0"),
        ("\"sequence\":1", "\"sequence\":-0"),
        ("\"sequence\":1", "\"sequence\":01"),
        ("\"sequence\":1", "\"sequence\":true"),
        ("\"sequence\":1", "\"sequence\":null"),
        ("\"sequence\":1", "\"sequence\":\"1\""),
        ("\"sequence\":1", "\"sequence\":NaN"),
        ("\"generator\":\"raw", "\"generator\":\"\\u0000\\ufeff"),
        ("\"generator\":\"raw", "\"generator\":\"\u{85}\u{2028}"),
        ("\"generator\":\"raw", "\"generator\":\"\t"),
        ("\"generator\":\"raw", "\"generator\":\"\\x41"),
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:60Z"),
        ("2026-11-20T12:00:00Z", "2026-02-30T12:00:00Z"),
        ("2026-11-20T12:00:00Z", "2026-11-20t12:00:00z"),
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00+00:00"),
        ("2026-11-20T12:00:00Z", "1969-12-31T23:59:59Z"),
        ("2026-12-20T12:00:00Z", "9999-12-30T00:00:00Z"),
        ("2026-12-20T12:00:00Z", "+010000-01-01T00:00:00Z"),
        ("2026-11-20T12:00:00Z", "2026-11-22T12:00:00Z"),
        ("2026-11-20T12:00:00Z", "2026-11-22T12:00:01Z"),
        ("2026-12-20T12:00:00Z", "2026-11-21T12:00:00Z"),
        ("2026-12-20T12:00:00Z", "2026-11-21T11:59:59Z"),
        (
            "\"recipients\":[",
            "\"recipients\":[\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",",
        ),
        (
            "\"recipients\":[",
            "\"recipients\":[\"sha256:000000000000000000000000000000000000000000000000000000000000000\",",
        ),
        ("\"segment_size\":4096", "\"segment_size\":2048"),
        ("\"segment_size\":4096", "\"segment_size\":2147483648"),
        ("\"segment_size\":4096", "\"segment_size\":8192"),
        ("\"version\":1}", "\"version\":0}"),
        ("\"version\":1}", "\"version\":2}"),
        ("\"catalog\":{", "\"catalog\":{\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]],"),
    ] {
        let edits = Edits {
            payload: Some(Box::new(move |bytes| replace(bytes, from, to))),
            ..Edits::default()
        };
        cases.bundle(format!("{from} became {to}"), &RawBundle::sample(), &edits);
    }
    cases.compare();
}

#[test]
fn about_catalogs() {
    let mut cases = Cases::new();
    for (from, to) in [
        ("{\"object\":{", "{ \"object\" : {"),
        ("{\"object\":{", " {\"object\":{"),
        ("{\"object\":{", "[{\"object\":{"),
        ("{\"object\":", "{\"object\":{},\"document\":"),
        ("{\"object\":", "{\"objects\":"),
        (
            "\"encoding\":\"identity\"",
            "\"encoding\":\"identity\",\"stored_size\":null",
        ),
        ("\"encoding\":\"identity\"", "\"encoding\":\"Identity\""),
        ("\"encoding\":\"identity\"", "\"encoding\":\"zstd\""),
        ("\"size\":", "\"size\":8796093022209,\"y\":"),
        ("\"proofs\":[]", "\"proofs\":null"),
        ("\"proofs\":[],", ""),
        ("\"origin\":\"folder\"", "\"origin\":\"\""),
        ("\"reason\":\"sealift.yaml\"", "\"reason\":\"\""),
        ("\"name\":\"set\"", "\"name\":\"seu\""),
        ("\"name\":\"set\"", "\"name\":\"ses\""),
        ("\"ecosystem\":\"files\"", "\"ecosystem\":\"npm\""),
        ("\n", "\r\n"),
        ("\n", "\n\n"),
        (
            "{\"artifact\":",
            "{\"document\":{\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\
             \"ecosystem\":\"files\",\"kind\":\"k\",\"name\":\"n\",\"origin\":\"\"}}\n{\"artifact\":",
        ),
    ] {
        let edits = Edits {
            catalog_text: Some(Box::new(move |bytes| replace(bytes, from, to))),
            ..Edits::default()
        };
        cases.bundle(format!("{from} became {to}"), &RawBundle::sample(), &edits);
    }
    cases.compare();
}

#[test]
fn about_frames() {
    let checked = |bytes: &[u8]| {
        let text = zstd::bulk::decompress(bytes, 1 << 20).unwrap();
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        std::io::Write::write_all(&mut encoder, &text).unwrap();
        encoder.finish().unwrap()
    };
    let changes: [(&str, FrameChange); 9] = [
        ("nothing", |_| ()),
        ("three bytes", |bytes| bytes.truncate(3)),
        ("a header alone", |bytes| *bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0]),
        ("an empty frame", |bytes| {
            *bytes = sealift::bundle::frame::encode(b"").unwrap()
        }),
        ("the last byte is missing", |bytes| bytes.truncate(bytes.len() - 1)),
        ("a reserved bit", |bytes| bytes[4] |= 8),
        ("a dictionary", |bytes| {
            bytes[4] |= 1;
            let at = 5 + usize::from(bytes[4] & 0x20 == 0);
            bytes.insert(at, 7);
        }),
        ("a block of the reserved kind", |bytes| {
            *bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 0x0f, 0, 0, 0]
        }),
        ("a last skippable frame", |bytes| {
            bytes.extend_from_slice(&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0])
        }),
    ];
    let mut cases = Cases::new();
    for (why, change) in changes {
        let edits = Edits {
            catalog_frame: Some(Box::new(change)),
            ..Edits::default()
        };
        cases.bundle(why.to_owned(), &RawBundle::sample(), &edits);
    }
    for flip in [0, 1] {
        let edits = Edits {
            catalog_frame: Some(Box::new(move |bytes| {
                *bytes = checked(bytes);
                *bytes.last_mut().unwrap() ^= flip;
            })),
            ..Edits::default()
        };
        cases.bundle(
            format!("a frame with a checksum, changed by {flip}"),
            &RawBundle::sample(),
            &edits,
        );
    }
    cases.compare();
}
