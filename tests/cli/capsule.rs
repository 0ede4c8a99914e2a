//! Capsules: made in an enclave, judged without one, and refused where somebody touched them.

use std::fs;
use std::path::Path;
use std::process::Command;

use sealift::bundle::parts::PartsWriter;
use sealift::capsule::Index;
use sealift::crypto::dsse::Envelope;
use sealift::crypto::strict_json;
use sealift::model::{Digest, Part};
use sealift::report::{Head, Record};
use sealift::trust::{Kind, Revocation, Revocations, Revoked, TrustData};
use serde_json::{Value, json};

use crate::json_schema::faults;
use crate::judged;
use crate::people;
use crate::world::{PLAIN_POLICY, Ran, World, now};

/// A policy that decides, in an enclave of one person.
const ENFORCED: &str = "
schema: sealift-policy/1
id: plant-7
version: 1
profile: standard
require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }
names: { first_seen: record, similar: record }
ecosystems: { files: { evidence: none } }
";

/// Fails unless every line of an index that the program wrote fits its schema.
pub(crate) fn fits_schema(name: &str, index: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("bundle-spec/schemas/{name}.schema.json"));
    let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    for line in index.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let found = faults(&schema, &serde_json::from_slice(line).unwrap());
        assert_eq!(found, [""; 0], "{}", String::from_utf8_lossy(line));
    }
}

/// A capsule's parts, to be edited.
#[derive(Clone)]
pub(crate) struct Forged {
    pub(crate) index: Index,
    parts: Vec<(String, Vec<u8>)>,
}

impl Forged {
    pub(crate) fn read(world: &World, file: &str) -> Self {
        let bytes = fs::read(world.path(file)).unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut parts = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
            parts.push((name, content));
        }
        let (name, index) = parts.remove(0);
        assert_eq!(name, "index.ndjson");
        fits_schema("capsule-index", &index);
        let first = index.split(|byte| *byte == b'\n').next().unwrap();
        Self {
            index: strict_json::read(first).unwrap(),
            parts,
        }
    }

    pub(crate) fn part(&mut self, beginning: &str) -> &mut (String, Vec<u8>) {
        let found = self.parts.iter_mut().find(|(name, _)| name.starts_with(beginning));
        found.unwrap_or_else(|| panic!("there is no {beginning}"))
    }

    pub(crate) fn without(mut self, beginning: &str) -> Self {
        let before = self.parts.len();
        self.parts.retain(|(name, _)| !name.starts_with(beginning));
        assert!(self.parts.len() < before, "there is no {beginning}");
        self
    }

    pub(crate) fn with(mut self, name: &str, bytes: &[u8]) -> Self {
        self.parts.push((name.to_owned(), bytes.to_owned()));
        self.parts.sort();
        self
    }

    /// The report's head and its lines of records.
    pub(crate) fn report(&mut self) -> (Head, Vec<u8>) {
        let bytes = &self.part("report.ndjson").1;
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        let envelope = Envelope::read(&bytes[..end]).unwrap();
        (
            strict_json::read(&envelope.payload).unwrap(),
            bytes[end + 1..].to_owned(),
        )
    }

    /// Puts a report there that the enclave's own key has signed.
    pub(crate) fn sign(&mut self, head: &Head, records: &[u8]) {
        let payload = strict_json::write(head);
        self.index.report = Digest::of(&payload);
        let mut bytes = people::sealed(Kind::Report, &payload, &[people::STATION]).write();
        bytes.push(b'\n');
        bytes.extend(records);
        self.part("report.ndjson").1 = bytes;
    }

    /// The same with other lines and another head, and without a log: nothing holds such a report, but what it rests on.
    pub(crate) fn telling(&self, edit: &dyn Fn(&mut Head, &mut Record)) -> Self {
        let mut forged = self.clone();
        let (mut head, records) = forged.report();
        let mut lines = Vec::new();
        for line in records.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut record: Record = strict_json::read(line).unwrap();
            edit(&mut head, &mut record);
            lines.extend(strict_json::write(&record));
            lines.push(b'\n');
        }
        head.log = None;
        head.records.bytes = lines.len() as u64;
        head.records.digest = Digest::of(&lines);
        forged.sign(&head, &lines);
        forged
    }

    /// Writes it with an index that fits.
    pub(crate) fn write(mut self, world: &World, file: &str) {
        self.index.parts = self.parts.len() as u64;
        let mut index = strict_json::write(&self.index);
        index.push(b'\n');
        for (name, content) in &self.parts {
            index.extend(strict_json::write(&Part {
                bytes: content.len() as u64,
                digest: Digest::of(content),
                name: name.clone(),
            }));
            index.push(b'\n');
        }
        let mut writer = PartsWriter::new(Vec::new());
        writer.add("index.ndjson", index.len() as u64, &mut &index[..]).unwrap();
        for (name, content) in &self.parts {
            writer.add(name, content.len() as u64, &mut &content[..]).unwrap();
        }
        fs::write(world.path(file), writer.finish().unwrap()).unwrap();
    }
}

pub(crate) fn reverify(world: &World, file: &str) -> Ran {
    world.run(&format!("reverify {file} --root en/trust/roots/1.dsse.json --json"))
}

/// What a capsule's judgement differs in from its report.
pub(crate) fn differences(ran: &Ran) -> Vec<String> {
    let document = ran.json();
    let found = document["differences"].as_array();
    let word = |differs: &Value| {
        assert_eq!(differs["code"], "reverify-differs");
        differs["what"].as_str().unwrap().to_owned()
    };
    found.unwrap_or_else(|| panic!("{document}")).iter().map(word).collect()
}

/// Judges a capsule that must be refused with a code, by the program that shares no code with this one too.
pub(crate) fn refused(world: &World, file: &str, code: &str) {
    refused_by_reverify(world, file, code);
    if let Some((status, text)) = by_python(world, &["--capsule", file]) {
        assert_eq!(status, 1, "{code}: {text}");
        assert!(text.contains(&format!("[{code}]")), "{code}: {text}");
    }
}

/// Runs the program that shares no code with this one; nothing where there is no Python.
fn by_python(world: &World, arguments: &[&str]) -> Option<(i32, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/verify_bundle.py");
    let mut root = world.path("en/trust/roots/1.dsse.json");
    if !root.exists() {
        root = world.path("root.json");
    }
    let output = Command::new("python3")
        .arg(script)
        .arg("--root")
        .arg(root)
        .args(arguments)
        .current_dir(world.path(""))
        .output()
        .ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.code().unwrap(), String::from_utf8(text).unwrap()))
}

/// Judges a capsule that must be refused with a code for what only judging once more shows.
pub(crate) fn refused_by_reverify(world: &World, file: &str, code: &str) {
    let ran = reverify(world, file);
    assert_eq!(ran.status, 1, "{code}: {}{}", ran.stdout, ran.stderr);
    let found = ran.json()["refusals"][0]["code"].clone();
    assert_eq!(found, code, "{}", ran.stdout);
}

/// Judges a capsule that must come to what its report says, and gives what that came to.
pub(crate) fn same(world: &World, file: &str) -> Value {
    let document = reverify(world, file).done().json();
    if let Some((status, text)) = by_python(world, &["--capsule", file]) {
        assert_eq!(status, 0, "{text}");
    }
    assert_eq!(document["differences"], json!([]));
    document["total"].clone()
}

pub(crate) fn capsule(world: &World, line: &str) -> Value {
    world.json(&format!("report capsule --enclave en {line}"))
}

#[test]
fn a_capsule_comes_to_what_its_report_says_with_no_enclave() {
    let world = judged::imported();
    let made = capsule(&world, "1 --out a.tar");
    assert_eq!(made["left_out"], json!({ "content": 0, "missing": 0 }));
    capsule(&world, "1 --out b.tar");
    assert_eq!(
        fs::read(world.path("a.tar")).unwrap(),
        fs::read(world.path("b.tar")).unwrap()
    );
    let again = world.unable("report capsule 1 --enclave en --out a.tar");
    assert!(again.contains("`a.tar` exists already"), "{again}");
    capsule(&world, "1 --out less.tar --without-content");
    fs::copy(world.path("en/trust/roots/1.dsse.json"), world.path("root.json")).unwrap();
    fs::remove_dir_all(world.path("en")).unwrap();

    let ran = world.run("reverify a.tar --root root.json").done();
    assert!(
        ran.stdout.contains("it comes to what the report says"),
        "{}",
        ran.stdout
    );
    let total = world.json("reverify a.tar --root root.json")["total"].clone();
    assert_eq!(total["artifacts"], 6);
    assert_eq!(total["method_not_available"], json!({}));
    assert_eq!(total["not_judged_again"], json!([]));

    // The signature is over the file's own bytes: without them it is believed, and that is said.
    let document = world.json("reverify less.tar --root root.json");
    assert_eq!(document["total"]["method_not_available"], json!({ "minisign": 1 }));
    assert_eq!(document["differences"], json!([]));
    let ran = world.run("reverify less.tar --root root.json").done();
    assert!(ran.stdout.contains("method not available  minisign"), "{}", ran.stdout);
}

#[test]
fn a_capsule_that_somebody_touched_is_refused() {
    let world = judged::imported();
    // Another report of the same enclave, of a refusal.
    assert_eq!(world.run("import --enclave en m2").status, 1);
    capsule(&world, "1 --out a.tar");
    capsule(&world, "2 --out other.tar");
    let whole = Forged::read(&world, "a.tar");
    let bytes = fs::read(world.path("a.tar")).unwrap();
    let write = |bytes: &[u8]| fs::write(world.path("forged.tar"), bytes).unwrap();
    let forge = |code: &str, edit: &dyn Fn(&mut Forged)| {
        let mut forged = whole.clone();
        edit(&mut forged);
        forged.write(&world, "forged.tar");
        refused(&world, "forged.tar", code);
    };

    // The file.
    forge_nothing(&world, &whole);
    write(&bytes[..bytes.len() - 512]);
    refused(&world, "forged.tar", "object-missing");
    write(&[&bytes[..], b"\0"].concat());
    refused(&world, "forged.tar", "container-not-exact");
    let mut flipped = bytes.clone();
    let place = flipped.len() - 2048;
    flipped[place] ^= 1;
    write(&flipped);
    refused(&world, "forged.tar", "digest-mismatch");

    // Parts that are missing, added, twice there, or lead elsewhere.
    for name in ["basis/order.json", "basis/examined.ndjson.zst", "trust/anchors/"] {
        whole.clone().without(name).write(&world, "forged.tar");
        refused(&world, "forged.tar", "object-missing");
    }
    for (name, code) in [
        ("basis/other", "unsafe-name"),
        ("../escaped", "unsafe-name"),
        ("trust/policies/1.dsse.json", "object-not-listed"),
    ] {
        whole.clone().with(name, b"{}").write(&world, "forged.tar");
        refused(&world, "forged.tar", code);
    }
    let hex = Digest::of(b"added").hex();
    let added = format!("objects/{}/{}", &hex[..2], &hex[2..]);
    whole.clone().with(&added, b"added").write(&world, "forged.tar");
    refused(&world, "forged.tar", "object-not-listed");
    whole.clone().with(&added, b"other").write(&world, "forged.tar");
    refused(&world, "forged.tar", "digest-mismatch");
    let order = whole.clone().part("basis/order.json").1.clone();
    whole
        .clone()
        .with("basis/order.json", &order)
        .write(&world, "forged.tar");
    refused(&world, "forged.tar", "container-not-exact");

    // The proof that was published is gone: nobody may hide what it says.
    let signature = "untrusted comment";
    let mut forged = whole.clone();
    forged
        .parts
        .retain(|(name, content)| !(name.starts_with("objects/") && content.starts_with(signature.as_bytes())));
    assert_eq!(forged.parts.len() + 1, whole.parts.len());
    forged.write(&world, "forged.tar");
    refused_by_reverify(&world, "forged.tar", "object-missing");

    // The report.
    forge("digest-mismatch", &|forged| {
        let report = Forged::read(&world, "other.tar").part("report.ndjson").1.clone();
        forged.part("report.ndjson").1 = report;
    });
    forge("digest-mismatch", &|forged| {
        let mut other = Forged::read(&world, "other.tar");
        let (head, records) = other.report();
        forged.sign(&head, &records);
    });
    forge("digest-mismatch", &|forged| {
        let bytes = &mut forged.part("report.ndjson").1;
        let place = bytes.windows(12).rposition(|window| window == b"sealift.yaml").unwrap();
        bytes[place] = b'S';
    });
    forge("key-not-in-role", &|forged| {
        let (mut head, records) = forged.report();
        head.number = 7;
        let payload = strict_json::write(&head);
        forged.index.report = Digest::of(&payload);
        let envelope = people::sealed(Kind::Report, &payload, &[people::EXPORTER]).write();
        forged.part("report.ndjson").1 = [&envelope[..], b"\n", &records[..]].concat();
    });
}

/// An edit that changes nothing is none.
fn forge_nothing(world: &World, whole: &Forged) {
    whole.clone().write(world, "forged.tar");
    assert_eq!(
        fs::read(world.path("forged.tar")).unwrap(),
        fs::read(world.path("a.tar")).unwrap()
    );
    same(world, "forged.tar");
}

#[test]
fn an_operator_who_signs_something_else_is_found() {
    let world = judged::imported();
    capsule(&world, "1 --out a.tar");
    let whole = Forged::read(&world, "a.tar");

    // The log does not hold another report.
    let mut forged = whole.clone();
    let (mut head, records) = forged.report();
    head.not_checked.clear();
    head.outcome = sealift::report::Outcome::Refused;
    head.result = Some(sealift::report::Verdict::Failed);
    head.retention = None;
    forged.sign(&head, &records);
    forged.write(&world, "forged.tar");
    refused(&world, "forged.tar", "log-inconsistent");
    let mut forged = whole.clone();
    let (mut head, records) = forged.report();
    let log = head.log.as_mut().unwrap();
    log.first += 1;
    forged.sign(&head, &records);
    forged.write(&world, "forged.tar");
    refused(&world, "forged.tar", "log-inconsistent");

    let lie = |edit: &dyn Fn(&mut Record)| {
        whole.telling(&|_, record| edit(record)).write(&world, "forged.tar");
        let ran = reverify(&world, "forged.tar");
        (ran.status, differences(&ran))
    };
    assert_eq!(lie(&|_| {}), (0, vec![]));
    let signed = |record: &Record| record.file == "test";
    let (status, whats) = lie(&|record| {
        if signed(record) {
            record.level = sealift::model::Level::Provenance;
        }
    });
    assert_eq!((status, whats), (1, vec!["level".to_owned()]));
    let (status, whats) = lie(&|record| {
        if signed(record) {
            record.findings.clear();
        }
    });
    assert_eq!((status, whats), (1, vec!["findings".to_owned()]));
    let (status, whats) = lie(&|record| {
        if signed(record) {
            record.about = Some(sealift::report::About {
                licence: Some("MIT".to_owned()),
                ..Default::default()
            });
        }
    });
    assert_eq!((status, whats), (1, vec!["about".to_owned()]));
    let (status, whats) = lie(&|record| {
        if !signed(record)
            && let Some(decision) = &mut record.decision
        {
            decision.hits.clear();
        }
    });
    assert_eq!(status, 1);
    assert_eq!(whats, vec!["decision"; 5]);
}

#[test]
fn another_root_trust_or_policy_is_refused() {
    let world = judged::pinned();
    world.policy(PLAIN_POLICY.replace("standard", "evaluation").as_str());
    world.run("import --enclave en m1").done();
    capsule(&world, "1 --out a.tar");
    same(&world, "a.tar");
    let whole = Forged::read(&world, "a.tar");
    // Trust data of the same version, signed by the same person.
    let mut forged = whole.clone();
    let other = TrustData::empty(1, now()).write().unwrap();
    forged.part("trust/anchors/").1 = people::sealed(Kind::TrustData, &other, &[people::ANN]).write();
    forged.write(&world, "forged.tar");
    refused(&world, "forged.tar", "digest-mismatch");
    // A policy that somebody signed who may.
    let mut forged = whole.clone();
    let policy = forged.part("trust/policies/").1.clone();
    let mut payload: Value = serde_json::from_slice(&Envelope::read(&policy).unwrap().payload).unwrap();
    payload["id"] = json!("plant-8");
    let payload = strict_json::write(&payload);
    forged.part("trust/policies/").1 = people::sealed(Kind::Policy, &payload, &[people::ANN]).write();
    forged.write(&world, "forged.tar");
    refused(&world, "forged.tar", "digest-mismatch");
    // And one that nobody signed.
    let mut forged = whole.clone();
    forged.part("trust/policies/").1 = people::sealed(Kind::Policy, &payload, &[people::EXPORTER]).write();
    forged.write(&world, "forged.tar");
    assert_ne!(reverify(&world, "forged.tar").status, 0);

    // Another one even if it was made in the same second.
    let other = World::standard();
    fs::copy(other.path("en/trust/roots/1.dsse.json"), world.path("other.json")).unwrap();
    let ran = world.run("reverify a.tar --root other.json --json");
    assert_eq!(ran.status, 1, "{}", ran.stdout);
    assert_eq!(ran.json()["refusals"][0]["code"], "not-rooted-in-pin");
}

#[test]
fn refusals_have_capsules_as_far_as_they_got() {
    // By its order.
    let world = World::new();
    let first = world.medium(1, None);
    world.run("import --enclave en m1").done();
    world.medium(2, Some(first));
    world.run("import --enclave en m2").done();
    // Its number was another bundle's.
    fs::remove_dir_all(world.path("m2")).unwrap();
    let mut bundle = world.bundle(2, Some(first));
    bundle.files.push(("more".to_owned(), b"more".to_vec()));
    world.write("m2", &bundle, &World::edits(|_| {}));
    assert_eq!(world.run("import --enclave en m2").status, 1);
    capsule(&world, "3 --out order.tar");
    let total = same(&world, "order.tar");
    assert_eq!(
        (&total["outcome"], &total["not_judged_again"]),
        (&json!("refused"), &json!([]))
    );
    // A report that names another reason is found.
    let mut forged = Forged::read(&world, "order.tar");
    let (mut head, records) = forged.report();
    head.log = None;
    "the dog ate it".clone_into(&mut head.refusals[0].reason);
    forged.sign(&head, &records);
    forged.write(&world, "forged.tar");
    let ran = reverify(&world, "forged.tar");
    assert_eq!(
        (ran.status, &ran.json()["differences"][0]["what"]),
        (1, &json!("refusals"))
    );

    // Nothing was sealed.
    fs::create_dir(world.path("m9")).unwrap();
    fs::write(world.path("m9/main-9.vol001of001.tar"), [0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en m9").status, 1);
    capsule(&world, "4 --out unknown.tar");
    let total = same(&world, "unknown.tar");
    assert!(
        total["not_judged_again"][0].as_str().unwrap().contains("no seal"),
        "{total}"
    );
}

#[test]
fn approvals_and_what_is_remembered_are_judged_again() {
    let world = World::standard();
    let first = world.medium(1, None);
    let second = world.medium(2, Some(first));
    world.key(people::APPROVER, "eve.pem");
    for (number, manifest) in [(1, first), (2, second)] {
        world
            .run(&format!(
                "approve m{number} --trust en/trust --key eve.pem --manifest {manifest} --reason reviewed"
            ))
            .done();
        world.run(&format!("import --enclave en m{number}")).done();
        capsule(&world, &format!("{number} --out {number}.tar"));
        let total = same(&world, &format!("{number}.tar"));
        assert_eq!(total["not_judged_again"], json!([]));
    }
    // Without the approval it would have been refused.
    let mut forged = Forged::read(&world, "2.tar");
    let (mut head, records) = forged.report();
    let part = forged.part("basis/approvals.ndjson");
    part.1.clear();
    head.log = None;
    for named in head.basis.iter_mut().filter(|part| part.name == "approvals.ndjson") {
        (named.bytes, named.digest) = (0, Digest::of(b""));
    }
    forged.sign(&head, &records);
    forged.write(&world, "forged.tar");
    let ran = reverify(&world, "forged.tar");
    assert_eq!(ran.status, 1, "{}", ran.stdout);
    assert_eq!(ran.json()["differences"][0]["found"], "refused: approvals-missing");
}

#[test]
fn an_enclave_whose_basis_was_touched_makes_no_capsule() {
    let world = judged::imported();
    let place = "en/reports/000001-main-1.basis/order.json";
    let before = fs::read(world.path(place)).unwrap();
    fs::write(world.path(place), b"{}").unwrap();
    world.refused("report capsule 1 --enclave en --out a.tar", "digest-mismatch");
    let audit = world.run("audit --enclave en");
    assert!(
        audit.status == 1 && audit.stdout.contains("order.json"),
        "{}",
        audit.stdout
    );
    fs::remove_file(world.path(place)).unwrap();
    world.refused("report capsule 1 --enclave en --out a.tar", "state-rolled-back");
    fs::write(world.path(place), &before).unwrap();
    fs::write(world.path("en/reports/000001-main-1.basis/more"), b"").unwrap();
    let audit = world.run("audit --enclave en");
    assert!(audit.stdout.contains("its report does not name it"), "{}", audit.stdout);
    assert!(!world.path("a.tar").exists());
}

/// What a capsule's artifacts come to today, with the files and codes of what changes.
fn today(world: &World, more: &str) -> (i32, Vec<(String, String)>) {
    let ran = world.run(&format!(
        "reverify a.tar --root en/trust/roots/1.dsse.json --today --json {more}"
    ));
    let document = ran.json();
    let changes = document["changes"]
        .as_array()
        .unwrap_or_else(|| panic!("{document}{}", ran.stderr));
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let found = changes.iter().map(|change| {
        (
            word(&change["artifact"]["file"]),
            word(&change["not_admitted"]["hits"][0]["code"]),
        )
    });
    (ran.status, found.collect())
}

#[test]
fn what_would_not_be_admitted_today_is_told_with_its_reason() {
    let world = judged::imported();
    capsule(&world, "1 --out a.tar");
    assert_eq!(today(&world, ""), (0, vec![]));

    // A key was revoked since.
    let mut revocations = Revocations::empty(1, now());
    revocations.revoked.push(Revocation {
        invalid_since: None,
        reason: "it was stolen".to_owned(),
        what: Revoked::Key(judged::KEY.to_lowercase()),
    });
    let payload = revocations.write().unwrap();
    let sealed = people::sealed(Kind::Revocations, &payload, &[people::ANN]).write();
    fs::write(world.path("revocations.dsse.json"), sealed).unwrap();
    let fell = ("test".to_owned(), "revoked".to_owned());
    assert_eq!(today(&world, "--trust revocations.dsse.json"), (1, vec![fell.clone()]));
    let line = "reverify a.tar --root en/trust/roots/1.dsse.json --today";
    let ran = world.run(&format!("{line} --trust revocations.dsse.json"));
    assert!(ran.stdout.contains("it was stolen"), "{}", ran.stdout);
    assert!(ran.stdout.contains("publisher -> none"), "{}", ran.stdout);
    // Also where the signature itself cannot be judged again.
    fs::rename(world.path("a.tar"), world.path("whole.tar")).unwrap();
    capsule(&world, "1 --out a.tar --without-content");
    assert_eq!(today(&world, "--trust revocations.dsse.json"), (1, vec![fell]));
    fs::rename(world.path("whole.tar"), world.path("a.tar")).unwrap();
    // Nobody who may has signed that.
    let sealed = people::sealed(Kind::Revocations, &payload, &[people::EXPORTER]).write();
    fs::write(world.path("forged.dsse.json"), sealed).unwrap();
    world.refused(&format!("{line} --trust forged.dsse.json"), "key-not-in-role");
    let receipt = people::sealed(Kind::Receipt, &payload, &[people::STATION]).write();
    fs::write(world.path("receipt.dsse.json"), receipt).unwrap();
    world.refused(&format!("{line} --trust receipt.dsse.json"), "wrong-document-kind");

    // Another policy, and an advisory.
    let policy = "schema: sealift-policy/1\nid: plant-7\nversion: 9\nprofile: standard\n\
         require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }\n\
         ecosystems: { files: { evidence: none } }\n";
    fs::write(world.path("policy.yaml"), policy).unwrap();
    assert_eq!(today(&world, "--policy policy.yaml"), (0, vec![]));
    let denied = format!("{policy}deny: [{{ match: \"files/set@1.0\", reason: hijacked }}]\n");
    fs::write(world.path("denied.yaml"), denied).unwrap();
    let (status, found) = today(&world, "--policy denied.yaml");
    assert_eq!((status, found.len()), (1, 6));
    assert!(found.iter().all(|(_, code)| code == "denylisted"), "{found:?}");
    let advisory = json!({
        "id": "MAL-2026-1", "modified": now(), "summary": "steals",
        "affected": [{ "package": { "ecosystem": "files", "name": "set" }, "versions": ["1.0"] }],
    });
    fs::write(world.path("osv"), advisory.to_string()).unwrap();
    let (status, found) = today(&world, "--policy policy.yaml --advisories osv --at 2040-01-01");
    assert_eq!((status, found.len()), (1, 6));
    assert!(found.iter().all(|(_, code)| code == "known-malicious"), "{found:?}");
}

#[test]
fn verification_summaries_are_checked_by_this_and_another_program() {
    let world = judged::pinned();
    world.policy(ENFORCED);
    world.run("import --enclave en m1").done();
    let line = "report show 1 --enclave en --format vsa --sign --out vsa.ndjson";
    world.run(line).done();
    let report = "en/reports/000001-main-1.report.ndjson";
    let verified = world.run("report verify 1 --enclave en --vsa vsa.ndjson").done().stdout;
    assert!(
        verified.contains("summaries 6 passed, 0 failed, signed by station-plant-7"),
        "{verified}"
    );
    let python = by_python(&world, &["--vsa", "vsa.ndjson", "--report", report]);
    if let Some((status, text)) = &python {
        assert_eq!(*status, 0, "{text}");
        assert!(text.contains("6 passed, 0 failed"), "{text}");
    }
    let lines = fs::read_to_string(world.path("vsa.ndjson")).unwrap();
    let first: Vec<&str> = lines.lines().collect();
    let refused = |text: String, code: &str| {
        fs::write(world.path("forged"), text).unwrap();
        world.refused("report verify 1 --enclave en --vsa forged", code);
        if python.is_none() {
            return;
        }
        let (status, said) = by_python(&world, &["--vsa", "forged", "--report", report]).unwrap();
        assert_eq!(status, 1, "{said}");
        assert!(said.contains(&format!("[{code}]")), "{code}: {said}");
    };
    refused(first[1..].join("\n"), "digest-mismatch");
    refused(format!("{}\n{}\n", first[1], first[0]), "digest-mismatch");
    refused(lines.replacen("\"sig\":\"", "\"sig\":\"AAAA", 1), "key-not-in-role");
    let report_line = fs::read_to_string(world.path(report)).unwrap();
    refused(report_line.lines().next().unwrap().to_owned(), "wrong-document-kind");
    refused("{}\n".to_owned(), "json-not-strict");
}
