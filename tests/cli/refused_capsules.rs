//! Capsules of what was refused or kept out: the decision is judged again from what was kept of it, and nothing of that is anywhere else.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use sealift::bundle::parts::PartsWriter;
use sealift::crypto::strict_json;
use sealift::import::kept::{Beyond, KeptIndex};
use sealift::model::{Digest, Material, Part};
use sealift::report::{Head, Record};
use sealift::trust::folder::TrustFolder;
use sealift::trust::{Kind, Revocation, Revocations, Revoked, TrustData};
use serde_json::{Value, json};

use crate::capsule::{Forged, capsule, differences, fits_schema, refused, reverify, same};
use crate::fixtures::{anchor, fixture, text};
use crate::people;
use crate::raw_bundle::{Edits, RawBundle, RawObject};
use crate::world::{World, now, tree};

/// A proof is asked of every file, and most have none.
pub(crate) const PROOFS: &str = "
schema: sealift-policy/1
id: plant-7
version: 1
profile: standard
require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }
names: { first_seen: record, similar: record }
ecosystems: { files: { evidence: publisher } }
";

/// Files that somebody signed: one signature is over a digest, the other over the bytes themselves.
const SIGNED: [(&str, &str, &str, &str); 2] = [
    ("signed-data", "sshsig/signed-data", "sshsig", "sshsig/ed25519.sig"),
    (
        "test",
        "minisign/test.txt",
        "minisign",
        "minisign/test-prehashed.minisig",
    ),
];

fn bundle(world: &World, sequence: u64, previous: Option<Digest>) -> RawBundle {
    let mut bundle = world.bundle(sequence, previous);
    for (name, file, _, proof) in SIGNED {
        bundle.files.push((name.to_owned(), fixture(file)));
        bundle.objects.push(RawObject {
            content: fixture(proof),
            zstd: false,
        });
    }
    bundle
}

fn edits(edit: impl Fn(&mut Value) + 'static) -> Edits {
    Edits {
        records: Some(Box::new(|records: &mut Vec<Value>| {
            for (name, _, kind, proof) in SIGNED {
                let own = |record: &&mut Value| record["artifact"]["file"] == name;
                let record = records.iter_mut().find(own).unwrap();
                let object = Digest::of(&fixture(proof)).to_string();
                record["artifact"]["proofs"] = json!([{ "kind": kind, "objects": [object], "state": "present" }]);
            }
        })),
        ..World::edits(edit)
    }
}

/// An enclave that pins both keys, a policy, and a medium with what they signed.
pub(crate) fn world(policy: &str) -> World {
    let world = World::new();
    let mut data = TrustData::empty(1, now());
    data.put(anchor("minisign", Material::MinisignKey(text("minisign/test.pub"))));
    let allowed = format!("tester namespaces=\"unittest\" {}", text("sshsig/ed25519.pub"));
    data.put(anchor("sshsig", Material::AllowedSigners(allowed)));
    let sealed = people::sealed(Kind::TrustData, &data.write().unwrap(), &[people::ANN]).write();
    let mut trust = TrustFolder::open(&world.path("en/trust")).unwrap();
    let next = trust.judge_next(Kind::TrustData, &sealed, None).unwrap().unwrap();
    trust.stand(&next).unwrap();
    world.policy(policy);
    world.write("m1", &bundle(&world, 1, None), &edits(|_| {}));
    world
}

fn refuse(world: &World, code: &str) {
    let ran = world.run("import --enclave en m1 --json");
    assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.json()["refusals"][0]["code"], code, "{}", ran.stdout);
}

const KEPT: &str = "en/reports/000001-main-1.basis/objects.tar";

/// The names and contents of what was kept.
fn kept(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(bytes);
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        (name, content)
    };
    let mut entries: Vec<(String, Vec<u8>)> = archive.entries().unwrap().map(read).collect();
    fits_schema("kept-index", &entries.remove(0).1);
    entries
}

#[test]
fn a_bundle_that_the_policy_refused_is_decided_about_again() {
    let world = world(PROOFS);
    let before = (world.published(), tree(&world.path("en/store"), &[]));
    refuse(&world, "evidence-too-low");
    // Nothing of it is where clients or later imports look.
    assert_eq!(before, (world.published(), tree(&world.path("en/store"), &[])));
    assert!(world.staging().is_empty());
    let names: Vec<Vec<u8>> = kept(&fs::read(world.path(KEPT)).unwrap())
        .into_iter()
        .map(|(_, content)| content)
        .collect();
    // The plan and both proofs; no byte of a file that is not wanted here.
    assert_eq!(names.len(), 3);
    for (_, file, _, proof) in SIGNED {
        assert!(names.contains(&fixture(proof)));
        assert!(!names.contains(&fixture(file)));
    }

    let made = capsule(&world, "1 --out a.tar");
    assert_eq!(made["left_out"], json!({ "content": 1, "missing": 0 }));
    let total = same(&world, "a.tar");
    assert_eq!((&total["outcome"], &total["artifacts"]), (&json!("refused"), &json!(7)));
    assert_eq!(total["not_judged_again"], json!([]));
    // One signature is over the bytes, which were not wanted.
    assert_eq!(total["method_not_available"], json!({ "minisign": 1 }));

    world.run("gc --enclave en").done();
    world.run("audit --enclave en").done();
    capsule(&world, "1 --out b.tar");
    assert_eq!(
        fs::read(world.path("a.tar")).unwrap(),
        fs::read(world.path("b.tar")).unwrap()
    );
}

#[test]
fn a_check_refuses_what_comes_for_the_first_time_by_what_the_policy_says_of_it() {
    // Nothing at all is admitted, which of a bundle that was here before would be no news.
    let world = World::new();
    world.policy(PROOFS);
    world.medium(1, None);
    world.refused("verify --enclave en m1", "evidence-too-low");
}

#[test]
fn whoever_tells_another_story_of_a_refusal_is_found() {
    let world = world(PROOFS);
    refuse(&world, "evidence-too-low");
    capsule(&world, "1 --out a.tar");
    let whole = Forged::read(&world, "a.tar");
    let lie = |edit: &dyn Fn(&mut Head, &mut Record)| {
        whole.telling(edit).write(&world, "forged.tar");
        differences(&reverify(&world, "forged.tar"))
    };
    assert_eq!(lie(&|_, _| {}), Vec::<String>::new());
    // The proof that was good.
    let whats = lie(&|_, record| {
        if record.file == "signed-data" {
            record.findings.clear();
        }
    });
    assert_eq!(whats, ["findings"]);
    // What was decided, and why all of it was refused.
    let whats = lie(&|_, record| {
        if record.file == "empty"
            && let Some(decision) = &mut record.decision
        {
            decision.hits.clear();
        }
    });
    assert_eq!(whats, ["decision"]);
    let whats = lie(&|head, _| "the dog ate it".clone_into(&mut head.refusals[0].reason));
    assert_eq!(whats, ["refusals"]);
    let whats = lie(&|head, _| head.refusals.truncate(1));
    assert_eq!(whats, ["refusals"]);
}

/// Objects as they are kept, with an index that fits unless it is edited.
fn packed(parts: &[(String, Vec<u8>)], edit: impl Fn(&mut KeptIndex)) -> Vec<u8> {
    let mut header = KeptIndex {
        format: 1,
        left_out: Beyond::default(),
        parts: parts.len() as u64,
    };
    edit(&mut header);
    let mut index = strict_json::write(&header);
    index.push(b'\n');
    for (name, content) in parts {
        index.extend(strict_json::write(&Part {
            bytes: content.len() as u64,
            digest: Digest::of(content),
            name: name.clone(),
        }));
        index.push(b'\n');
    }
    let mut writer = PartsWriter::new(Vec::new());
    writer.add("index.ndjson", index.len() as u64, &mut &index[..]).unwrap();
    for (name, content) in parts {
        writer.add(name, content.len() as u64, &mut &content[..]).unwrap();
    }
    writer.finish().unwrap()
}

fn name_of(content: &[u8]) -> String {
    sealift::import::packed::object_name(&Digest::of(content))
}

#[test]
fn what_was_kept_is_read_exactly_even_where_the_enclaves_own_key_signed_something_else() {
    let world = world(PROOFS);
    refuse(&world, "evidence-too-low");
    capsule(&world, "1 --out a.tar");
    let whole = Forged::read(&world, "a.tar");
    let before = whole.clone().part("basis/objects.tar").1.clone();
    let parts = kept(&before);
    let same_bytes = packed(&parts, |_| {});
    assert!(same_bytes == before);
    let forge = |code: &str, bytes: Vec<u8>| {
        let mut forged = whole.clone();
        let (mut head, records) = forged.report();
        for part in head.basis.iter_mut().filter(|part| part.name == "objects.tar") {
            (part.bytes, part.digest) = (bytes.len() as u64, Digest::of(&bytes));
        }
        head.log = None;
        forged.part("basis/objects.tar").1 = bytes;
        forged.sign(&head, &records);
        forged.write(&world, "forged.tar");
        refused(&world, "forged.tar", code);
    };
    let with = |name: &str, content: &[u8]| {
        let mut parts = parts.clone();
        parts.push((name.to_owned(), content.to_owned()));
        parts.sort();
        packed(&parts, |_| {})
    };
    forge("object-not-listed", with(&name_of(b"added"), b"added"));
    forge("digest-mismatch", with(&name_of(b"added"), b"other"));
    forge("unsafe-name", with("basis/order.json", b"{}"));
    forge("unsafe-name", with("objects/../../escaped", b"{}"));
    forge("container-not-exact", with(&parts[0].0, &parts[0].1));
    forge("unknown-format", packed(&parts, |header| header.format = 2));
    forge("container-not-exact", packed(&parts, |header| header.parts += 1));
    forge("size-exceeded", packed(&parts, |header| header.parts = 262_145));
    forge("object-missing", before[..before.len() - 512].to_vec());
    forge("container-not-exact", [&before[..], b"\0"].concat());

    // Without the report's word for it.
    let mut forged = whole.clone();
    forged.part("basis/objects.tar").1 = packed(&parts[..2], |_| {});
    forged.write(&world, "forged.tar");
    refused(&world, "forged.tar", "digest-mismatch");
    whole.clone().without("basis/objects.tar").write(&world, "forged.tar");
    refused(&world, "forged.tar", "object-missing");
    // And beside it once more.
    let (name, content) = &parts[0];
    whole.clone().with(name, content).write(&world, "forged.tar");
    refused(&world, "forged.tar", "container-not-exact");
}

#[test]
fn what_was_kept_belongs_to_its_report() {
    let world = world(PROOFS);
    refuse(&world, "evidence-too-low");
    let before = fs::read(world.path(KEPT)).unwrap();
    let found = |what: &str| {
        let audit = world.run("audit --enclave en");
        assert_eq!(audit.status, 1, "{}", audit.stdout);
        assert!(
            audit.stdout.contains("objects.tar") && audit.stdout.contains(what),
            "{}",
            audit.stdout
        );
    };
    fs::write(world.path(KEPT), b"x").unwrap();
    found("has the digest");
    world.refused("report capsule 1 --enclave en --out x.tar", "digest-mismatch");
    fs::remove_file(world.path(KEPT)).unwrap();
    found("its report names it");
    world.refused("report capsule 1 --enclave en --out x.tar", "state-rolled-back");
    fs::write(world.path(KEPT), &before).unwrap();
    world.run("audit --enclave en").done();

    // Whoever tries again and again fills no disk.
    refuse(&world, "evidence-too-low");
    let again = "en/reports/000002-main-1.basis/objects.tar";
    let of = |path: &str| fs::metadata(world.path(path)).unwrap();
    assert_eq!(of(KEPT).ino(), of(again).ino());
    world.run("audit --enclave en").done();

    // It goes with its report, and not without a record of that.
    let line = "retention show --enclave en --all --json";
    let shown = world.run(line).done().stdout;
    assert!(shown.contains("000001-main-1"), "{shown}");
    world.policy(&crate::retention::AT_ONCE.replace("version: 1", "version: 2"));
    let pruned = world.run("prune --enclave en --json").done().stdout;
    assert!(pruned.contains("objects.tar"), "{pruned}");
    assert!(!world.path(KEPT).exists());
    assert!(world.path(again).exists());
    world.run("audit --enclave en").done();
    capsule(&world, "2 --out a.tar");
    same(&world, "a.tar");
}

#[test]
fn proofs_of_what_is_kept_out_stay_while_the_rest_comes_in() {
    let policy = PROOFS
        .replace("names:", "on_refusal: keep-out\nnames:")
        .replace("evidence: publisher", "evidence: none");
    let world = world(&policy);
    fs::remove_dir_all(world.path("m1")).unwrap();
    let mut bundle = bundle(&world, 1, None);
    for (_, content) in bundle.files.iter_mut().filter(|(name, _)| name == "signed-data") {
        content.extend(b"and more");
    }
    world.write("m1", &bundle, &edits(|_| {}));
    world.run("import --enclave en m1").done();
    let head = world.json("report show 1 --enclave en");
    assert_eq!(head["head"]["refusals"].as_array().map_or(0, Vec::len), 1);
    let contents: Vec<Vec<u8>> = kept(&fs::read(world.path(KEPT)).unwrap())
        .into_iter()
        .map(|(_, content)| content)
        .collect();
    assert_eq!(contents, [fixture("sshsig/ed25519.sig")]);
    capsule(&world, "1 --out a.tar");
    let total = same(&world, "a.tar");
    assert_eq!(
        (&total["outcome"], &total["not_judged_again"]),
        (&json!("imported"), &json!([]))
    );
    assert_eq!(total["method_not_available"], json!({}));
    world.run("audit --enclave en").done();
}

#[test]
fn what_refused_a_bundle_before_its_decision_is_judged_again() {
    // It brings the revocation of the key that sealed it.
    let world = world(PROOFS);
    let mut revocations = Revocations::empty(1, now());
    revocations.revoked.push(Revocation {
        invalid_since: None,
        reason: "it was stolen".to_owned(),
        what: Revoked::Key(people::id(people::EXPORTER).to_string()),
    });
    let sealed = people::sealed(Kind::Revocations, &revocations.write().unwrap(), &[people::ANN]).write();
    let side_data = |world: &World, kind: &'static str, content: Vec<u8>| {
        let mut bundle = bundle(world, 1, None);
        let digest = Digest::of(&content).to_string();
        bundle.objects.push(RawObject { content, zstd: false });
        fs::remove_dir_all(world.path("m1")).unwrap();
        world.write(
            "m1",
            &bundle,
            &edits(move |manifest| manifest["side_data"] = json!({ kind: digest })),
        );
    };
    side_data(&world, "revocations", sealed);
    refuse(&world, "key-revoked");
    capsule(&world, "1 --out a.tar");
    let total = same(&world, "a.tar");
    assert_eq!(
        (&total["outcome"], &total["not_judged_again"]),
        (&json!("refused"), &json!([]))
    );

    // It brings advisories that nobody can read.
    let world = self::world(PROOFS);
    side_data(&world, "advisories", b"no record\n".to_vec());
    let ran = world.run("import --enclave en m1 --json");
    assert_eq!(ran.status, 1);
    let code = ran.json()["refusals"][0]["code"].clone();
    capsule(&world, "1 --out a.tar");
    let total = same(&world, "a.tar");
    assert_eq!(total["not_judged_again"], json!([]), "{code}");
    let mut forged = Forged::read(&world, "a.tar");
    let (mut head, records) = forged.report();
    head.log = None;
    "the dog ate it".clone_into(&mut head.refusals[0].reason);
    forged.sign(&head, &records);
    forged.write(&world, "forged.tar");
    assert_eq!(
        reverify(&world, "forged.tar").json()["differences"][0]["what"],
        "refusals"
    );
}

#[test]
fn nothing_is_kept_of_what_nobody_vouched_for_or_is_not_as_listed() {
    let parts = |world: &World| -> Vec<String> {
        let folder = world.path("en/reports/000001-main-1.basis");
        let mut names: Vec<String> = fs::read_dir(folder)
            .map(|entries| {
                entries
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect()
            })
            .unwrap_or_default();
        names.sort();
        names
    };
    // Sealed by somebody else.
    let world = world(PROOFS);
    fs::remove_dir_all(world.path("m1")).unwrap();
    let stranger = Edits {
        signers: Some(vec![people::STATION]),
        ..edits(|_| {})
    };
    world.write("m1", &bundle(&world, 1, None), &stranger);
    refuse(&world, "export-signature-invalid");
    assert_eq!(parts(&world), Vec::<String>::new());
    assert!(
        !tree(&world.path("en/reports"), &[])
            .keys()
            .any(|path| path.ends_with("objects.tar"))
    );

    // A byte that is not as listed.
    let world = self::world(PROOFS);
    let path = world.path("m1/main-1.vol001of001.tar");
    let mut bytes = fs::read(&path).unwrap();
    let signature = fixture("minisign/test-prehashed.minisig");
    let place = bytes
        .windows(signature.len())
        .position(|window| window == signature)
        .unwrap();
    bytes[place] ^= 1;
    fs::write(&path, bytes).unwrap();
    refuse(&world, "digest-mismatch");
    assert_eq!(parts(&world), ["approvals.ndjson", "manifest.dsse.json", "order.json"]);
}
