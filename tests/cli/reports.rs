//! Reports of imports and refusals: written, listed, verified, shown, and refused where somebody touched them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealift::crypto::dsse::Envelope;
use sealift::crypto::key::Signer as _;
use sealift::crypto::strict_json;
use sealift::model::{Digest, Fault, Finding, Level, Signer};
use sealift::report::{Aside, Head, Record, Records};
use sealift::trust::{Kind, Revoked, Role};
use serde_json::{Value, json};

use crate::judged;
use crate::people;
use crate::public_schema;
use crate::world::{World, by_python, tree};

/// An enclave and two media that follow each other.
fn plain() -> World {
    let world = World::new();
    let first = world.medium(1, None);
    world.medium(2, Some(first));
    world
}

pub(crate) fn reports(world: &World) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(world.path("en/reports"))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    paths.retain(|path| {
        let name = path.to_str().unwrap();
        !name.ends_with(".journal.ndjson.zst") && !name.ends_with(".basis")
    });
    paths.sort();
    paths
}

fn names(world: &World) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    reports(world).iter().map(name).collect()
}

/// Checks a document by the schema of reports, with a validator of others.
pub(crate) fn validate(document: &Value) {
    let schema = include_str!("../../bundle-spec/schemas/report.schema.json");
    public_schema::validate_by(&serde_json::from_str(schema).unwrap(), document);
}

/// Fails unless a part of a report has the fields that the closed schema asks for, and no others.
fn has_the_fields_of(part: &Value, definition: &str) {
    let schema = include_str!("../../bundle-spec/schemas/report.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let definition = &schema["$defs"][definition];
    assert_eq!(definition["additionalProperties"], false);
    let required: BTreeSet<&str> = definition["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let known: BTreeSet<&str> = definition["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let found: BTreeSet<&str> = part.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(required.is_subset(&found), "{:?}", required.difference(&found));
    assert!(found.is_subset(&known), "{:?}", found.difference(&known));
}

/// What a report says of one check.
pub(crate) fn check<'a>(report: &'a Value, id: &str) -> &'a Value {
    let checks = report["head"]["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap()
}

fn checks(document: &Value) -> Vec<(&str, &str)> {
    document["head"]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["id"].as_str().unwrap(), check["result"].as_str().unwrap()))
        .collect()
}

#[test]
fn an_import_leaves_a_report_that_says_who_vouched_for_what() {
    let world = judged::imported();
    assert_eq!(names(&world), ["000001-main-1.report.ndjson"]);
    let document = world.json("report show 1 --enclave en");
    validate(&document);
    let head = &document["head"];
    for (part, definition) in [
        (head, "head"),
        (&head["bundle"], "bundle"),
        (&head["checks"][0], "check"),
        (&head["ecosystems"][0], "ecosystem"),
        (&head["trust"]["trust_data"], "standing"),
        (&head["trust"]["root"], "version"),
        (&document["artifacts"][5], "artifact"),
        (&document["artifacts"][5]["findings"][0], "finding"),
        (&document["artifacts"][5]["decision"], "decision"),
        (&document["artifacts"][5]["decision"]["hits"][0], "hit"),
    ] {
        has_the_fields_of(part, definition);
    }
    assert_eq!(head["outcome"], "imported");
    assert_eq!(head["published"]["generation"], 1);
    assert_eq!(
        head["people"],
        json!([{ "approval": null, "keys": [people::id(people::EXPORTER)], "person": "dora", "role": "export" }])
    );
    assert_eq!(head["trust"]["trust_data"]["version"], 1);
    assert_eq!(head["station"]["profile"], "evaluation");
    let status = world.json("status --enclave en");
    assert_eq!(head["bundle"]["manifest"], status["last_bundle"]["manifest"]);
    assert_eq!(head["published"]["repository"], status["generation"]["root"]);
    assert!(
        checks(&document)
            .iter()
            .all(|(_, result)| *result != "fail" && *result != "not-reached")
    );
    assert_eq!(head["vouchers"][0]["anchors"], json!(["tests-key"]));
    assert_eq!(head["vouchers"][0]["artifacts"], 1);
    let artifacts = document["artifacts"].as_array().unwrap();
    assert_eq!(artifacts.len(), 6);
    let signed = artifacts.iter().find(|artifact| artifact["file"] == "test").unwrap();
    assert_eq!(signed["level"], "publisher");
    assert_eq!(signed["findings"][0]["signers"][0]["key"]["fingerprint"], judged::KEY);

    let verified = world.json("report verify 1 --enclave en");
    assert_eq!(verified["digest"], document["digest"]);
    assert_eq!(verified["signers"], json!(["station-plant-7"]));
    assert_eq!(world.json("report verify --enclave en"), verified);
    if let Some((status, text)) = by_python(&world, &["--report", reports(&world)[0].to_str().unwrap()]) {
        assert_eq!(status, 0, "{text}");
        assert!(text.contains(document["digest"].as_str().unwrap()), "{text}");
    }
    // Away from the enclave, a pinned root is enough.
    fs::copy(&reports(&world)[0], world.path("carried.ndjson")).unwrap();
    assert_eq!(
        world.json("report verify carried.ndjson --trust en/trust")["digest"],
        document["digest"]
    );
    let text = world.run("report show 1 --enclave en").done().stdout;
    assert!(text.contains("publisher by minisign: key E7620F1842B4E81F"), "{text}");
    assert!(text.contains("not checked: custody"), "{text}");
}

#[test]
fn a_check_says_what_it_asked_for_and_what_it_found() {
    let world = World::new();
    let first = world.medium(1, None);
    world.run("import --enclave en m1").done();
    let other = Digest::of(b"another enclave").to_string();
    let named = other.clone();
    let both = move |manifest: &mut Value| {
        let own = manifest["recipients"][0].as_str().unwrap().to_owned();
        let mut recipients = [own, named.clone()];
        recipients.sort();
        manifest["recipients"] = json!(recipients);
    };
    world.write("m2", &world.bundle(2, Some(first)), &World::edits(both));
    world.run("import --enclave en m2").done();
    let document = world.json("report show 2 --enclave en");
    let head = &document["head"];
    let said = |id: &str| {
        let check = check(&document, id);
        [&check["expected"], &check["observed"]].map(|text| text.as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(said("container"), ["bundle format 1", "bundle format 1 on 1 volume"]);
    assert_eq!(said("seal"), ["1 person with the role export", "dora"]);
    assert_eq!(said("approvals"), ["nobody with the role approve", "nobody"]);
    assert_eq!(said("order"), ["what follows bundle main 1", "bundle main 2"]);
    let [expected, observed] = said("recipient");
    assert_eq!(head["station"]["enclave"], json!(expected));
    assert!(observed.contains(&expected) && observed.contains(&other), "{observed}");
    assert_eq!(said("policy")[0], "every artifact admitted");
    let published = head["published"]["repository"].as_str().unwrap();
    assert!(said("publication")[1].contains(published), "{:?}", said("publication"));
}

#[test]
fn a_refusal_leaves_a_report_of_why() {
    let world = judged::imported();
    let other = Digest::of(b"another enclave").to_string();
    let first = world.json("status --enclave en")["last_bundle"]["manifest"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    world.write(
        "foreign",
        &world.bundle(2, Some(first)),
        &World::edits(move |manifest| manifest["recipients"] = json!([other])),
    );
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    for line in ["import --enclave en foreign", "import --enclave en other.tar"] {
        assert_eq!(world.run(line).status, 1, "{line}");
    }
    let mut flipped = fs::read(world.path("m2/main-2.vol001of001.tar")).unwrap();
    let at = (0..flipped.len())
        .step_by(512)
        .rfind(|at| flipped[*at..].starts_with(b"objects/") && &flipped[at + 124..at + 135] != b"00000000000")
        .unwrap();
    flipped[at + 512] ^= 1;
    fs::write(world.path("flipped.tar"), flipped).unwrap();
    assert_eq!(world.run("import --enclave en flipped.tar").status, 1);
    assert_eq!(
        names(&world),
        [
            "000001-main-1.report.ndjson",
            "000002-main-2-refused.report.ndjson",
            "000003-unknown-refused.report.ndjson",
            "000004-main-2-refused.report.ndjson",
        ]
    );
    let expected = [
        (2, "recipient", "wrong-enclave"),
        (3, "container", "unknown-format"),
        (4, "objects", "digest-mismatch"),
    ];
    for (number, check, code) in expected {
        let document = world.json(&format!("report show {number} --enclave en"));
        validate(&document);
        assert_eq!(document["head"]["outcome"], "refused");
        assert_eq!(document["head"]["published"], Value::Null);
        assert_eq!(document["head"]["refusals"][0]["code"], code);
        assert_eq!(document["head"]["trust"]["trust_data"]["version"], 1);
        let checks = checks(&document);
        let at = checks.iter().position(|(_, result)| *result == "fail").unwrap();
        assert_eq!(checks[at].0, check);
        let failed = &document["head"]["checks"][at];
        let refusal = &document["head"]["refusals"][0];
        assert_eq!(
            (failed.get("expected"), failed.get("observed")),
            (
                refusal.get("expected").filter(|text| !text.is_null()),
                refusal.get("found").filter(|text| !text.is_null())
            )
        );
        assert!(
            checks[..at]
                .iter()
                .all(|(_, result)| !["fail", "not-reached"].contains(result))
        );
        assert!(checks[at + 1..].iter().all(|(_, result)| *result == "not-reached"));
        let text = world.run(&format!("report show {number} --enclave en")).done().stdout;
        assert!(text.contains(&format!("[{code}]")), "{text}");
    }
    // What nobody has sealed is not repeated.
    assert_eq!(
        world.json("report show 2 --enclave en")["head"]["bundle"]["label"],
        "main 2"
    );
    assert_eq!(world.json("report show 3 --enclave en")["head"]["bundle"], Value::Null);
    assert_eq!(
        world.json("report list --enclave en")["reports"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn what_the_policy_refused_is_listed_with_its_rules() {
    let world = judged::imported();
    // The name once came signed, and now comes without.
    assert_eq!(world.run("import --enclave en m2").status, 1);
    let document = world.json("report show 2 --enclave en");
    validate(&document);
    let head = &document["head"];
    assert_eq!(head["bundle"]["sequence"], 2);
    assert_eq!(head["published"], Value::Null);
    let policy: Vec<_> = checks(&document)
        .into_iter()
        .filter(|(_, result)| *result == "fail")
        .collect();
    assert_eq!(policy, [("policy", "fail")]);
    let check = |id: &str| check(&document, id);
    // A code stands once, however many artifacts it is about.
    let codes: Vec<&str> = check("policy")["codes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        codes.iter().filter(|code| **code == "evidence-too-low").count(),
        1,
        "{codes:?}"
    );
    assert_eq!(check("evidence")["result"], "pass");
    // What the policy refuses is counted, since the refusals compare nothing.
    assert_eq!(check("policy")["expected"], "every artifact admitted");
    assert_eq!(check("policy")["observed"], "5 waiting");
    let codes: Vec<&Value> = head["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refusal| &refusal["code"])
        .collect();
    assert!(codes.contains(&&json!("evidence-too-low")), "{codes:?}");
    let artifacts = document["artifacts"].as_array().unwrap();
    assert_eq!(artifacts.len(), 5);
    for artifact in artifacts {
        assert_eq!(artifact["floor"], "publisher");
        assert!(["waiting", "denied"].contains(&artifact["decision"]["admission"].as_str().unwrap()));
        let hits = artifact["decision"]["hits"].as_array().unwrap();
        assert!(hits.iter().any(|hit| hit["code"] == "evidence-downgraded"), "{hits:?}");
    }
    assert_eq!(head["ecosystems"][0]["artifacts"], 5);
    // What was admitted says so, too.
    let first = world.json("report show 1 --enclave en");
    for artifact in first["artifacts"].as_array().unwrap() {
        assert!(["allowed", "evaluation"].contains(&artifact["decision"]["admission"].as_str().unwrap()));
    }
    assert_eq!(first["head"]["policy"]["signed_by"], json!([]));
}

/// A report in its two parts.
pub(crate) fn parts(path: &Path) -> (Envelope, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    (Envelope::read(&bytes[..end]).unwrap(), bytes[end + 1..].to_vec())
}

fn write(path: &Path, envelope: &Envelope, records: &[u8]) {
    fs::write(path, [&envelope.write()[..], b"\n", records].concat()).unwrap();
}

#[test]
fn a_report_is_verified_with_nothing_but_itself_and_a_root() {
    let world = judged::imported();
    let path = reports(&world)[0].clone();
    fs::create_dir(world.path("elsewhere")).unwrap();
    fs::copy(&path, world.path("elsewhere/report")).unwrap();
    fs::rename(world.path("en/trust/roots/1.dsse.json"), world.path("elsewhere/root")).unwrap();
    fs::rename(world.path("en"), world.path("gone")).unwrap();
    let line = "report verify elsewhere/report --root elsewhere/root";
    let said = world.run(line).done().stdout;
    assert!(
        said.contains("verified report 1") && said.contains("has been revoked since"),
        "{said}"
    );
    // The root of an enclave with another key.
    let mut other = people::root();
    other.enclave.id = people::key(people::CYD).public().id();
    other.roles.remove(&Role::Import);
    people::give(&mut other, Role::Import, "station-plant-7", people::CYD);
    let other = people::sealed_root(&other, &[people::ANN, people::BOB]);
    fs::write(world.path("elsewhere/root"), other).unwrap();
    assert_eq!(world.run(line).status, 1);
    assert_eq!(world.run("report verify elsewhere/report --root nothing").status, 3);
}

#[test]
fn a_report_that_somebody_touched_is_refused() {
    let world = judged::imported();
    let path = &reports(&world)[0];
    let (envelope, records) = parts(path);
    let refused = |name: &str, code: &str, envelope: &Envelope, records: &[u8]| {
        let path = world.path(name);
        write(&path, envelope, records);
        for verb in ["verify", "show"] {
            world.refused(&format!("report {verb} {name} --enclave en"), code);
        }
        let ran = world.run(&format!(
            "report show {name} --enclave en --format html --out {name}.html"
        ));
        assert_eq!(ran.status, 1, "{name}: {}", ran.stderr);
        assert!(!world.path(&format!("{name}.html")).exists(), "{name}");
        if let Some((status, text)) = by_python(&world, &["--report", path.to_str().unwrap()]) {
            assert_eq!(status, 1, "{name}: {text}");
            assert!(text.contains(&format!("[{code}]")), "{name}: {text}");
        }
        fs::remove_file(path).unwrap();
    };
    // The head, edited, and signed by somebody who may not.
    let mut head: Value = serde_json::from_slice(&envelope.payload).unwrap();
    head["vouchers"][0]["signer"] = json!("somebody else");
    let payload = strict_json::write(&head);
    let mut edited = envelope.clone();
    edited.payload = payload.clone();
    refused("edited", "key-not-in-role", &edited, &records);
    let forged = people::sealed(Kind::Report, &payload, &[people::EXPORTER]);
    refused("forged", "key-not-in-role", &forged, &records);
    let unsigned = people::sealed(Kind::Report, &envelope.payload, &[]);
    refused("unsigned", "key-not-in-role", &unsigned, &records);
    let receipt = people::sealed(Kind::Receipt, &envelope.payload, &[people::STATION]);
    refused("receipt", "wrong-document-kind", &receipt, &records);
    // The records: one edited, one gone, one twice, none, and one with a line end less.
    let text = String::from_utf8(records.clone()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    refused(
        "record",
        "digest-mismatch",
        &envelope,
        text.replacen("publisher", "provenance", 1).as_bytes(),
    );
    refused("gone", "digest-mismatch", &envelope, lines[1..].concat().as_bytes());
    refused(
        "twice",
        "digest-mismatch",
        &envelope,
        format!("{text}{}", lines[0]).as_bytes(),
    );
    refused("none", "digest-mismatch", &envelope, b"");
    refused("cut", "digest-mismatch", &envelope, text.trim_end().as_bytes());
    // Validly signed, and not a report.
    let mut head: Value = serde_json::from_slice(&envelope.payload).unwrap();
    head["surprise"] = json!(1);
    let sealed = people::sealed(Kind::Report, &strict_json::write(&head), &[people::STATION]);
    refused("open", "json-not-strict", &sealed, &records);
    head.as_object_mut().unwrap().remove("surprise");
    head["format"] = json!(2);
    let sealed = people::sealed(Kind::Report, &strict_json::write(&head), &[people::STATION]);
    refused("later", "unknown-format", &sealed, &records);
    let long = [text.as_bytes(), &vec![b'x'; (8 << 20) + 1]].concat();
    refused("long", "size-exceeded", &envelope, &long);

    judged::revoke(&world, 1, vec![Revoked::Key(people::id(people::STATION).to_string())]);
    world.refused("report verify 1 --enclave en", "key-revoked");
}

#[test]
fn reports_that_are_missing_or_exchanged_are_found() {
    let world = plain();
    world.run("import --enclave en m1").done();
    world.run("import --enclave en m2").done();
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    let paths = reports(&world);
    assert_eq!(paths.len(), 3);
    world.run("report list --enclave en").done();
    for path in &paths[..2] {
        let bytes = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        world.refused("report list --enclave en", "state-rolled-back");
        fs::write(path, bytes).unwrap();
    }
    let (first, second) = (fs::read(&paths[0]).unwrap(), fs::read(&paths[1]).unwrap());
    fs::write(&paths[0], second).unwrap();
    world.refused("report list --enclave en", "state-rolled-back");
    fs::write(&paths[0], first).unwrap();
    world.run("report list --enclave en").done();
}

#[test]
fn without_a_key_nothing_is_imported_unless_that_is_asked_for() {
    let world = plain();
    fs::rename(world.path("en/keys/import.pem"), world.path("away.pem")).unwrap();
    let text = world.unable("import --enclave en m1");
    assert!(text.contains("--unsigned-report"), "{text}");
    world.key(people::EXPORTER, "dora.pem");
    world.refused("import --enclave en m1 --key dora.pem", "key-not-in-role");
    assert_eq!(names(&world), Vec::<String>::new());
    world.run("import --enclave en m1 --unsigned-report").done();
    world.refused("report verify 1 --enclave en", "key-not-in-role");
    let unsigned = "who wrote this report: it is not signed";
    let says_so = |number: u64| {
        let shown = fs::read_to_string(world.path(&crate::log::report(&world, number))).unwrap();
        let envelope = sealift::trust::Envelope::read(shown.lines().next().unwrap().as_bytes()).unwrap();
        String::from_utf8(envelope.payload).unwrap().contains(unsigned)
    };
    assert!(says_so(1));
    world.run("import --enclave en m2 --key away.pem").done();
    assert!(!says_so(2));
    world.run("report verify 2 --enclave en").done();
    // The same again changes nothing, and is no attempt that needs a report.
    world.run("import --enclave en m2 --key away.pem").done();
    assert_eq!(names(&world).len(), 2);
}

#[test]
fn a_key_that_cannot_be_opened_ends_the_import_before_anything_is_kept() {
    let world = World::new();
    let mut volumes = world.bundle(1, None);
    volumes.segments_per_volume = Some(2);
    world.write("all", &volumes, &World::edits(|_| {}));
    world.medium(1, None);
    let mut next = world.root().clone();
    next.version = 2;
    let mut with_root = world.bundle(1, None);
    with_root
        .roots
        .push((2, people::sealed_root(&next, &[people::ANN, people::BOB])));
    world.write("with-root", &with_root, &World::edits(|_| {}));
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    fs::write(world.path("wrong"), "another passphrase\n").unwrap();
    let trust = |world: &World| tree(&world.path("en/trust"), &[]);
    let before = (world.published(), trust(&world));
    let first_volume = fs::read_dir(world.path("all"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .file_name();
    let first_volume = format!("all/{}", first_volume.to_str().unwrap());
    for medium in ["m1", "with-root", "other.tar", &first_volume] {
        let text = world.unable(&format!("import --enclave en {medium} --passphrase-file wrong"));
        assert!(text.contains("passphrase"), "{medium}: {text}");
        // Nothing is said of what it came to.
        assert!(!text.contains("report could not be written"), "{medium}: {text}");
        assert_eq!((world.published(), trust(&world)), before, "{medium}");
        assert_eq!(names(&world), Vec::<String>::new(), "{medium}");
        assert_eq!(world.json("status --enclave en")["unfinished"], json!([]), "{medium}");
    }
    world.run("import --enclave en with-root").done();
    world.run("audit --enclave en").done();
    // Also where nothing is left to be done.
    world.unable("import --enclave en with-root --passphrase-file wrong");
}

#[test]
fn the_report_of_a_killed_import_is_shown_or_gone() {
    let world = plain();
    world.run("import --enclave en m1").done();
    let shown = reports(&world).remove(0);
    let folder = world.path("en/reports");
    let pending = |name: &str| folder.join(format!(".pending-{name}"));
    // Killed after the commit, and before the report was shown.
    fs::rename(&shown, pending("000001-main-1.report.ndjson")).unwrap();
    // Killed before a commit that never came, and while records were written.
    let (mut envelope, records) = parts(&pending("000001-main-1.report.ndjson"));
    let mut head: Value = serde_json::from_slice(&envelope.payload).unwrap();
    head["bundle"]["manifest"] = json!(Digest::of(b"never"));
    envelope.payload = strict_json::write(&head);
    write(&pending("000002-main-2.report.ndjson"), &envelope, &records);
    fs::write(folder.join(".aside-x"), b"half").unwrap();
    fs::write(folder.join("notes.txt"), b"not ours").unwrap();
    world.run("import --enclave en m2").done();
    assert_eq!(
        names(&world),
        [
            "000001-main-1.report.ndjson",
            "000002-main-2.report.ndjson",
            "notes.txt"
        ]
    );
    world.run("report list --enclave en").done();
}

/// A record with whatever name and reason.
pub(crate) fn record(number: usize, name: &str, reason: &str) -> Record {
    let finding = Finding::confirmed("sigstore", Level::Provenance, reason)
        .by(Signer::key(format!("{:040X}", number % 1000), Some(name.to_owned())));
    Record {
        about: None,
        absent: Vec::new(),
        decision: None,
        digest: Digest::of(&number.to_le_bytes()),
        ecosystem: "npm".to_owned(),
        file: format!("{name}-{number}.tgz"),
        findings: vec![finding, Finding::contradicted("openpgp", Fault::SignatureWrong, reason)],
        floor: None,
        level: Level::Provenance,
        name: name.to_owned(),
        origin: "https://registry.example.com/x".to_owned(),
        purl: format!("pkg:npm/{name}@1.0.{number}"),
        reason: "package-lock.json".to_owned(),
        required: Some(Level::Registry),
        scans: Vec::new(),
        size: 1000,
        version: format!("1.0.{number}"),
    }
}

/// Writes a report with other records than the one that an import left.
pub(crate) fn rewritten(world: &World, to: &str, count: usize, name: &str, reason: &str) {
    rewritten_as(world, to, (0..count).map(|number| record(number, name, reason)));
}

/// Writes a report with these records.
pub(crate) fn rewritten_as(world: &World, to: &str, records: impl Iterator<Item = Record>) {
    rewritten_with(world, to, records, |_| ());
}

/// Writes a report with these records, whose head is changed.
pub(crate) fn rewritten_with(
    world: &World,
    to: &str,
    records: impl Iterator<Item = Record>,
    change: impl FnOnce(&mut Head),
) {
    let (envelope, _) = parts(&reports(world)[0]);
    let mut head: Head = strict_json::read(&envelope.payload).unwrap();
    let mut aside = Aside::begin(&world.path("aside")).unwrap();
    for record in records {
        aside.add(record).unwrap();
    }
    head.ecosystems = aside.tally().ecosystems();
    (head.vouchers, head.vouchers_left_out) = aside.tally().vouchers();
    head.records = Records {
        bytes: 0,
        count: 0,
        digest: Digest::of(b""),
    };
    // Its leaves are in no log.
    head.log = None;
    change(&mut head);
    let key = people::key(people::STATION);
    aside.finish(&mut head, Some(&key), &world.path(to)).unwrap();
}

#[test]
fn hostile_names_reach_no_terminal_and_no_page() {
    let world = judged::imported();
    let hostile = "<img src=x onerror=alert(1)>\"'&\u{1b}[2J\u{202e}";
    rewritten(&world, "hostile.ndjson", 3, hostile, hostile);
    let text = world.run("report show hostile.ndjson --enclave en").done().stdout;
    let json = world.run("report show hostile.ndjson --enclave en --json").done();
    validate(&json.json());
    world
        .run("report show hostile.ndjson --enclave en --format html --out page.html")
        .done();
    let page = fs::read_to_string(world.path("page.html")).unwrap();
    for shown in [&text, &json.stdout, &page] {
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown}");
    }
    assert!(!page.contains("<img") && page.contains("&lt;img"), "{page}");
    assert!(
        !page.contains("<script") && !page.contains("http://") && !page.contains("<a "),
        "{page}"
    );
    assert!(page.contains("default-src 'none'"));
    // Nothing is overwritten unasked.
    assert_eq!(
        world
            .run("report show hostile.ndjson --enclave en --format html --out page.html")
            .status,
        3
    );
}

#[test]
fn a_report_over_a_hundred_thousand_artifacts_needs_little_memory() {
    let world = judged::imported();
    let count = 100_000;
    rewritten(&world, "large.ndjson", count, "left-pad", &"because ".repeat(40));
    let size = fs::metadata(world.path("large.ndjson")).unwrap().len();
    assert!(size > 100 << 20, "{size}");
    // The address space of the whole process, its own code included, is smaller than the report.
    let line = "report show large.ndjson --enclave en --format html --out large.html";
    let command = world.command(line);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -v 98304; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args());
    world.surround(&mut shell);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = fs::read_to_string(world.path("large.html")).unwrap();
    assert!(page.len() < 16 << 20, "{}", page.len());
    assert!(
        page.contains(&format!("{} more artifacts", count - 4000)),
        "the rest is counted"
    );
}

/// An artifact of a small world: levels, signers and decisions as they come together.
pub(crate) fn varied(number: usize) -> Record {
    let (ecosystem, name) = [
        ("npm", "@acme/left-pad"),
        ("pypi", "requests"),
        ("maven", "org.example:tool"),
        ("deb", "libc6"),
    ][number % 4];
    let mut record = record(number, name, "");
    record.ecosystem = ecosystem.to_owned();
    record.purl = format!("pkg:{ecosystem}/{name}@{}", record.version);
    let key = |fingerprint: &str, owner: &str| Signer::key(fingerprint.to_owned(), Some(owner.to_owned()));
    let identity = Signer::Identity(sealift::model::Identity {
        issuer: "https://token.actions.example.com".to_owned(),
        subject: "https://forge.example.com/acme/left-pad/.github/workflows/release.yml@refs/tags/v1".to_owned(),
        fields: Default::default(),
    });
    let (finding, admission) = match number % 10 {
        0..=3 => (
            Finding::confirmed("sigstore", Level::Provenance, "signed by the pinned workflow").by(identity),
            "allowed",
        ),
        4 | 5 => (
            Finding::confirmed(
                "openpgp",
                Level::Publisher,
                "signed by key 4AEE18F83AFDEB23 of anchor `maintainers`",
            )
            .by(key("4AEE18F83AFDEB23", "Pat Maintainer <pat@example.com>"))
            .resting_on("maintainers"),
            "allowed",
        ),
        6 | 7 => (
            Finding::confirmed(
                "npm-signature",
                Level::Registry,
                "the registry signed name, version and digest",
            )
            .by(key("SHA256:jl3bwswu80PjjokCgh0o2w5c2U4LhQAE57gj9cz1kzA", "registry"))
            .resting_on("npm-registry"),
            "reviewed",
        ),
        8 => (
            Finding::undecided(
                "openpgp",
                sealift::model::Doubt::UnknownSigner,
                "no anchor has key 00112233445566FF",
            ),
            "waiting",
        ),
        _ => (
            Finding::contradicted(
                "openpgp",
                Fault::SignatureWrong,
                "the signature does not fit these bytes",
            ),
            "denied",
        ),
    };
    record.level = finding.level();
    record.findings = vec![finding];
    record.decision = Some(sealift::report::Decided {
        admission: admission.to_owned(),
        hits: if number % 10 < 8 {
            Vec::new()
        } else {
            vec![sealift::report::DecisionHit {
                code: "evidence-too-low".to_owned(),
                counts_from: None,
                lowered: None,
                message: "it reaches none, and publisher is asked for".to_owned(),
                rule: "ecosystems.pypi.require".to_owned(),
                solution: "ask the publisher".to_owned(),
                verdict: "review".to_owned(),
                approved_by: Vec::new(),
                waived_by: None,
            }]
        },
        required_by: "ecosystems.pypi.require".to_owned(),
        reviewed_by: Vec::new(),
        rules_say: "allow".to_owned(),
        verdict: "allow".to_owned(),
    });
    record
}

#[test]
fn a_page_shows_levels_signers_and_what_was_kept_out() {
    let world = judged::imported();
    rewritten_as(&world, "varied.ndjson", (0..320).map(varied));
    validate(&world.json("report show varied.ndjson --enclave en"));
    world
        .run("report show varied.ndjson --enclave en --format html --out page.html")
        .done();
    world
        .run("report show 1 --enclave en --format html --out small.html")
        .done();
    assert_eq!(world.run("import --enclave en m1/../other").status, 3);
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    world
        .run("report show 2 --enclave en --format html --out refused.html")
        .done();
    let page = fs::read_to_string(world.path("page.html")).unwrap();
    for ecosystem in ["deb", "maven", "npm", "pypi"] {
        assert!(page.contains(&format!("aria-label=\"{ecosystem}: ")), "{ecosystem}");
    }
    assert_eq!(page.matches("<tr class=\"troubled\">").count(), 64);
    for words in [
        "bring a proof that is wrong</b>",
        "bring a proof that could not be judged",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(page.contains("Pat Maintainer &lt;pat@example.com&gt;") && page.contains("EVALUATION"));
    assert!(
        page.contains(
            world.json("report verify varied.ndjson --enclave en")["digest"]
                .as_str()
                .unwrap()
        )
    );
    let refused = fs::read_to_string(world.path("refused.html")).unwrap();
    assert!(
        refused.contains("Refused, and why") && refused.contains("unknown-format"),
        "{refused}"
    );
    // For whoever wants to look at them in a browser.
    if let Some(folder) = std::env::var_os("SEALIFT_KEEP_PAGES") {
        for name in ["page.html", "small.html", "refused.html"] {
            fs::copy(world.path(name), Path::new(&folder).join(name)).unwrap();
        }
    }
}
