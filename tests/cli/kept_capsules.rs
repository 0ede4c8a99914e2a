//! Capsules of every release, in `tests/capsules`: each is written once, by `SEALIFT_WRITE_CAPSULE=1 cargo test --test cli kept_capsules`, under the
//! version that wrote it, and judged by every later one.

use std::fs::{self, File};
use std::io::Cursor;
use std::path::{Path, PathBuf};

use sealift::capsule::{Carry, Making, make};
use sealift::ecosystem;
use sealift::enclave::Enclave;
use sealift::evidence::{self, Context};
use sealift::import::open::Input;
use sealift::import::record::{self, Recorder, Signers};
use sealift::import::verify_objects::Silent;
use sealift::import::{Imported, Run, import_recorded};
use sealift::model::{Anchor, Artifact, Digest, IdentityPattern, Material, Signer};
use sealift::policy::{Ecosystems, Policy};
use sealift::report;
use sealift::scan::Scanners;
use sealift::trust::folder::{Confirmed, TrustFolder};
use sealift::trust::{Kind, TrustData};
use serde_json::{Value, json};

use crate::fixtures::{anchor, fixture, text};
use crate::people;
use crate::raw_bundle::{Edits, RawBundle, RawObject};
use crate::world::World;

/// Files that somebody signed, each with the kind of its proof: real data, from `tests/fixtures`.
const SIGNED: [(&str, &str, &str, &str); 5] = [
    ("a", "sigstore/a.txt", "sigstore", "sigstore/statement.sigstore.json"),
    ("orders", "signify/orders.txt", "signify", "signify/orders.txt.sig"),
    ("signed-data", "sshsig/signed-data", "sshsig", "sshsig/ed25519.sig"),
    (
        "test",
        "minisign/test.txt",
        "minisign",
        "minisign/test-prehashed.minisig",
    ),
    // The signature is another file's, and nothing else brings it: it is kept though its file is not.
    (
        "tampered",
        "signify/orders.txt",
        "minisign",
        "minisign/test-legacy.minisig",
    ),
];

/// What is wrong stays outside, and the rest comes in.
const POLICY: &str = "
schema: sealift-policy/1
id: plant-7
version: 1
profile: standard
on_refusal: keep-out
require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }
names: { first_seen: record, similar: record }
ecosystems: { files: { evidence: none } }
";

fn here(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(below)
}

/// The keys of the fixtures, and whoever the Sigstore bundle names.
fn anchors() -> Vec<Anchor> {
    let mut anchors = vec![
        anchor("minisign", Material::MinisignKey(text("minisign/test.pub"))),
        anchor("signify", Material::SignifyKey(text("signify/regresskey.pub"))),
        anchor(
            "sigstore",
            Material::SigstoreRoot(text("sigstore/public-trusted_root.json")),
        ),
        anchor(
            "sshsig",
            Material::AllowedSigners(format!("tester namespaces=\"unittest\" {}", text("sshsig/ed25519.pub"))),
        ),
    ];
    let bytes = fixture("sigstore/a.txt");
    let artifact = Artifact {
        digest: Digest::of(&bytes),
        ecosystem: "files".to_owned(),
        file: "a".to_owned(),
        name: "set".to_owned(),
        origin: "folder".to_owned(),
        proofs: Vec::new(),
        reason: "sealift.yaml".to_owned(),
        version: "1.0".to_owned(),
    };
    let context = Context {
        anchors: &anchors,
        now: people::now(),
        exported: people::now(),
        max_transit_seconds: 0,
    };
    let kind = evidence::find("sigstore").unwrap();
    let proof = kind
        .open(vec![fixture("sigstore/statement.sigstore.json")], &context)
        .unwrap();
    let findings = proof.judge(&artifact, &mut Cursor::new(bytes));
    drop(proof);
    let Some(Signer::Identity(identity)) = findings.iter().flat_map(|finding| &finding.signers).next() else {
        panic!("{findings:?}");
    };
    let pattern = IdentityPattern {
        issuer: identity.issuer.clone(),
        subject: Some(identity.subject.clone()),
        ..IdentityPattern::default()
    };
    anchors.push(anchor("the-publisher", Material::Identity(pattern)));
    anchors
}

/// Makes an enclave, imports the files at a fixed time, and writes the capsule of that with its root.
fn write(capsule: &Path, pinned: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let enclave_folder = folder.path().join("en");
    let envelope = people::sealed_root(&people::root_without_approval(), &[people::ANN, people::BOB]);
    let root = sealift::trust::TrustedRoot::pinned(&envelope).unwrap();
    let trust_path = enclave_folder.join("trust");
    let mut trust = TrustFolder::pin(&trust_path, root, Confirmed::MadeHere, people::now()).unwrap();
    let mut data = TrustData::empty(1, people::now());
    for anchor in anchors() {
        data.put(anchor);
    }
    let sealed = people::sealed(Kind::TrustData, &data.write().unwrap(), &[people::ANN]).write();
    let ecosystems = Ecosystems {
        compare_versions: ecosystem::compare_versions,
        key: ecosystem::collision_key,
        spelling: ecosystem::spelling,
    };
    let policy = Policy::from_yaml(POLICY, people::now(), &ecosystems).unwrap();
    let policy = people::sealed(Kind::Policy, &policy.to_bytes(), &[people::ANN]).write();
    for (kind, envelope) in [(Kind::TrustData, sealed), (Kind::Policy, policy)] {
        let next = trust.judge_next(kind, &envelope, None).unwrap().unwrap();
        trust.stand(&next).unwrap();
    }

    let mut bundle = RawBundle::sample();
    bundle.roots = vec![(1, envelope.clone())];
    for (name, file, _, proof) in SIGNED {
        bundle.files.push((name.to_owned(), fixture(file)));
        bundle.objects.push(RawObject {
            content: fixture(proof),
            zstd: false,
        });
    }
    let edits = Edits {
        records: Some(Box::new(|records: &mut Vec<Value>| {
            for (name, _, kind, proof) in SIGNED {
                let own = |record: &&mut Value| record["artifact"]["file"] == name;
                let record = records.iter_mut().find(own).unwrap();
                let object = Digest::of(&fixture(proof)).to_string();
                record["artifact"]["proofs"] = json!([{ "kind": kind, "objects": [object], "state": "present" }]);
            }
        })),
        ..Edits::default()
    };
    let volume = bundle.build(&edits).swap_remove(0);
    let station = people::key(people::STATION);
    let mut enclave = Enclave::create(&enclave_folder, "a test").unwrap();
    let signers = Signers {
        report: Some(&station),
        log: Some(&station),
    };
    let current = trust.current().clone();
    let mut recorder = Recorder::of(
        &enclave_folder,
        &current,
        &enclave.ledger,
        &signers,
        &[],
        people::now(),
        Default::default(),
    )
    .unwrap();
    let run = Run {
        now: people::now(),
        threads: 2,
        progress: &Silent,
        scanners: &Scanners::none(),
        named: &[],
    };
    let media = vec![Input::Stream(Box::new(Cursor::new(volume)))];
    let imported = import_recorded(media, &enclave_folder, &mut enclave, &mut trust, &run, &mut recorder);
    match imported {
        Ok(Imported::Committed(_)) => {}
        Ok(Imported::Incomplete(incomplete)) => panic!("{incomplete:?}"),
        Err(stop) => panic!("{stop:?}"),
    }
    drop(enclave);

    let path = record::folder(&enclave_folder).list().unwrap().remove(0).path;
    let report = report::open(&path, trust.roots(), None).unwrap();
    let making = Making {
        enclave: &enclave_folder,
        report: &path,
        head: &report.head,
        digest: report.digest,
        countersigned: Default::default(),
        trust: &trust,
        carry: Carry::Content,
        scratch: folder.path(),
    };
    let made = make(&making, File::create_new(capsule).unwrap()).unwrap();
    assert_eq!((made.left_out.content, made.left_out.missing), (0, 0));
    fs::write(pinned, envelope).unwrap();
}

/// The capsules that are kept, with their roots.
fn kept() -> Vec<(PathBuf, PathBuf)> {
    let mut found: Vec<PathBuf> = fs::read_dir(here("capsules"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(".capsule.tar"))
        .collect();
    found.sort();
    let root = |path: &PathBuf| PathBuf::from(path.to_str().unwrap().replace(".capsule.tar", ".root.dsse.json"));
    found.into_iter().map(|path| (path.clone(), root(&path))).collect()
}

#[test]
fn capsules_of_every_release_come_to_what_their_reports_say() {
    let version = env!("CARGO_PKG_VERSION");
    let own = (
        here(&format!("capsules/{version}.capsule.tar")),
        here(&format!("capsules/{version}.root.dsse.json")),
    );
    if std::env::var_os("SEALIFT_WRITE_CAPSULE").is_some() && !own.0.exists() {
        write(&own.0, &own.1);
    }
    let kept = kept();
    assert!(
        kept.contains(&own),
        "SEALIFT_WRITE_CAPSULE=1 writes the one of {version}"
    );
    let world = World::new();
    for (capsule, root) in kept {
        let line = format!("reverify {} --root {}", capsule.display(), root.display());
        let document = world.json(&line);
        assert_eq!(document["differences"], json!([]), "{}", capsule.display());
        assert_eq!(document["total"]["method_not_available"], json!({}));
        assert_eq!(document["total"]["not_judged_again"], json!([]));
        assert_eq!(document["total"]["artifacts"], 9);
        // Nothing of it has been revoked, and no signature runs out by lying here.
        let today = world.json(&format!("{line} --today --at 2036-11-21"));
        assert_eq!((&today["total"]["judged"], &today["changes"]), (&json!(8), &json!([])));
    }
}

/// What a release wrote is what this one writes from the same, so a change of the format is seen.
#[test]
fn the_same_import_gives_the_same_capsule() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let path = folder.path().join(name);
        write(&path, &folder.path().join(format!("{name}.root")));
        fs::read(path).unwrap()
    };
    assert!(make("one") == make("two"));
}
