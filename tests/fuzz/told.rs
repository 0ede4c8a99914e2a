//! What persons, scanners and publishers say beside proofs: reviews, answers and definitions of scanners, summaries of a report, licences, lists of popular names.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;

use sealift::crypto::strict_json;
use sealift::ecosystem;
use sealift::evidence;
use sealift::evidence::beside::{self, SignedList};
use sealift::import::read_popular_names;
use sealift::model::{Digest, Unable};
use sealift::policy::{Ecosystems, Fixtures, KnownNames, Policy};
use sealift::report;
use sealift::scan::{self, Answer, Scanners};
use sealift::trust::TrustedRoot;
use sealift::trust::review::Review;
use serde_json::json;

use crate::driver::Target;
use crate::people;
use crate::seeds::file;

const MAX_BYTES: usize = 32 << 20;

const ECOSYSTEMS: Ecosystems = Ecosystems {
    compare_versions: ecosystem::compare_versions,
    key: ecosystem::collision_key,
    spelling: ecosystem::spelling,
};

const SCANNERS: &str = "\
schema: sealift-scanners/1
scanners:
  - engine: clamav
    command: [\"/usr/bin/clamscan\", --no-summary, --alert-exceeds-max=yes, \"--file-list={list}\"]
    definitions: [\"/usr/bin/clamscan\", --version]
    files: 500
    minutes: 30
";

const LICENCES: [&str; 5] = [
    "MIT",
    "MIT OR Apache-2.0",
    "(MIT AND BSD-3-Clause) OR GPL-2.0-or-later WITH Classpath-exception-2.0",
    "LicenseRef-Own AND Apache-2.0+",
    "MIT/Apache-2.0",
];

pub(crate) fn targets() -> Vec<Target> {
    vec![
        reviews(),
        scanners(),
        answers(),
        definitions(),
        summaries(),
        licences(),
        popular_names(),
        beside_files(),
    ]
}

fn target(
    name: &str,
    rounds: u64,
    seeds: impl Fn() -> Vec<Vec<Vec<u8>>> + 'static,
    read: impl Fn(&[Vec<u8>]) + 'static,
) -> Target {
    Target {
        name: format!("told/{name}"),
        rounds,
        max_bytes: MAX_BYTES,
        seeds: Box::new(seeds),
        read: Box::new(read),
    }
}

fn text(part: &[u8]) -> String {
    String::from_utf8_lossy(part).into_owned()
}

fn reviews() -> Target {
    let right = || {
        let digest = Digest::of(b"x");
        let review = json!({
            "artifacts": [{"codes": ["evidence-too-low", "name-first-seen"], "digest": digest, "purl": "pkg:npm/left-pad@1.3.0"}],
            "created": "2026-11-20T12:00:00Z", "critical": [], "decision": "approved", "expires": "2026-11-27T12:00:00Z",
            "manifest": digest, "policy": digest, "reason": "looked at", "ticket": "CHG-1",
        });
        strict_json::write(&review)
    };
    target(
        "review",
        1500,
        move || vec![vec![right()]],
        move |parts| {
            let read = Review::read(&parts[0]);
            assert!(
                read.is_ok() || parts[0] != right(),
                "a right review is refused: {read:?}"
            );
            if let Ok(review) = read {
                let signed = review.sign(&people::key(1)).unwrap();
                assert_eq!(Review::read(&signed.payload).unwrap(), review);
            }
        },
    )
}

fn scanners() -> Target {
    target(
        "scanners",
        1500,
        || vec![vec![SCANNERS.as_bytes().to_vec()]],
        |parts| {
            let read = Scanners::from_yaml(&text(&parts[0]));
            assert!(
                read.is_ok() || parts[0] != SCANNERS.as_bytes(),
                "a right file is refused: {read:?}"
            );
        },
    )
}

fn answers() -> Target {
    let lines = "/a/one: OK\n/a/two: Eicar-Signature FOUND\n/a/three: Can't open file ERROR\n";
    target(
        "answers",
        2000,
        move || {
            vec![
                vec![lines.as_bytes().to_vec(), vec![1]],
                vec![b"/a/one: OK\n".to_vec(), vec![0]],
            ]
        },
        |parts| {
            let paths = ["/a/one", "/a/two", "/a/three"];
            let places: BTreeMap<String, usize> = paths
                .iter()
                .zip(0..)
                .map(|(path, at)| ((*path).to_owned(), at))
                .collect();
            let status = parts
                .get(1)
                .and_then(|status| status.first())
                .map(|status| i32::from(*status));
            let Ok(answers) = scan::read_answers(parts[0].clone(), status, &places) else {
                return;
            };
            assert_eq!(answers.len(), paths.len());
            for (path, answer) in paths.iter().zip(&answers) {
                // Only a line of its own makes a file clean.
                let own = format!("{path}: OK");
                let is_said = parts[0]
                    .split(|byte| *byte == b'\n')
                    .any(|line| line.trim_ascii() == own.as_bytes());
                assert!(
                    *answer != Answer::Clean || is_said,
                    "{path} is clean and nobody said so"
                );
            }
        },
    )
}

fn definitions() -> Target {
    let lines = [
        "ClamAV 1.4.6/27500/Fri Nov 20 09:35:12 2026\n",
        "ClamAV 1.4.6\n",
        "2026-11-20T09:35:12Z own rules\n",
    ];
    target(
        "definitions",
        2000,
        move || lines.iter().map(|line| vec![line.as_bytes().to_vec()]).collect(),
        |parts| {
            if let Some(read) = scan::read_definitions(&parts[0]) {
                assert!(!read.version.contains(char::is_control));
            }
        },
    )
}

fn summaries() -> Target {
    let of = |name: &str| file(&format!("bundle-spec/vectors/{name}"));
    let right = of("report/vsa/vsa.intoto.jsonl");
    let report = of("report/vsa/report.ndjson");
    let root = TrustedRoot::pinned(&of("root.dsse.json")).unwrap();
    let seed = right.clone();
    target(
        "summaries",
        400,
        move || vec![vec![seed.clone()]],
        move |parts| {
            let folder = tempfile::tempdir().unwrap();
            let (lines, whole) = (folder.path().join("vsa"), folder.path().join("report"));
            fs::write(&lines, &parts[0]).unwrap();
            fs::write(&whole, &report).unwrap();
            let roots = std::slice::from_ref(&root);
            let opened = report::open(&whole, roots, None).unwrap();
            let verified = report::verify_summaries(&lines, opened, roots, None);
            assert!(
                verified.is_ok() || parts[0] != right,
                "right summaries are refused: {verified:?}"
            );
        },
    )
}

fn licences() -> Target {
    let policy = "schema: sealift-policy/1\nid: plant\nversion: 1\nprofile: standard\nlicences: {allow: [MIT, Apache-2.0, BSD-3-Clause]}\n";
    let policy = Policy::from_yaml(policy, people::now(), &ECOSYSTEMS).unwrap();
    target(
        "licences",
        3000,
        || {
            LICENCES
                .iter()
                .map(|licence| vec![licence.as_bytes().to_vec()])
                .collect()
        },
        move |parts| {
            // In JSON, which is YAML, so that whatever an artifact states is one text.
            let tests = json!({
                "schema": "sealift-policy-tests/1", "now": "2026-11-20T12:00:00Z",
                "tests": [{"name": "one", "artifact": "npm/left-pad@1.3.0", "licence": text(&parts[0]), "expect": "deny"}],
            });
            if let Ok(fixtures) = Fixtures::from_yaml(&tests.to_string()) {
                fixtures.run(&policy, &ECOSYSTEMS).unwrap();
            }
        },
    )
}

fn popular_names() -> Target {
    let list = "npm/left-pad\nnpm/@corp/tool\npypi/requests\nmaven/org.example:lib\n";
    target(
        "popular-names",
        2000,
        move || vec![vec![list.as_bytes().to_vec()]],
        move |parts| {
            let mut names = KnownNames::new();
            let failed = |error: std::io::Error| Unable::new("cannot read it").because(error);
            let read = read_popular_names(Cursor::new(&parts[0]), &failed, &mut names);
            assert!(read.is_ok() || parts[0] != list.as_bytes(), "a right list is refused");
            let _ = names.similar("npm", "left-pod", &[sealift::policy::CompareWith::Popular].into());
        },
    )
}

/// Files that lie beside others, of which an exporter asks what they are.
fn beside_files() -> Target {
    const ARMOR: &str = "-----BEGIN PGP SIGNATURE-----\n";
    let list = format!("{}  a\n{} *d/e\n", "0".repeat(64), "1".repeat(128));
    let framed = format!("-----BEGIN PGP SIGNED MESSAGE-----\n\n{list}{ARMOR}");
    let model = crate::seeds::text("sigstore/message.sigstore.json");
    let texts = [list, framed, ARMOR.to_owned(), model];
    target(
        "beside",
        2000,
        move || texts.iter().map(|text| vec![text.as_bytes().to_vec()]).collect(),
        |parts| {
            let untrusted = &parts[0];
            let kind = beside::recognise(untrusted);
            assert!(kind.is_none_or(|kind| evidence::find(kind).is_some()));
            let _ = beside::recognise_signature(untrusted);
            let _ = beside::named_in_model(untrusted);
            let lists = [SignedList::inline(untrusted), SignedList::beside(untrusted)];
            for list in lists.into_iter().flatten() {
                let _ = list.names("SHA256SUMS", "a");
            }
        },
    )
}
