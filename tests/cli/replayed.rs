//! What judging once more refuses by itself: a report that the enclave's own key signed does not make up for what is missing or was exchanged.

use std::fs;

use sealift::bundle::frame;
use sealift::crypto::dsse::Envelope;
use sealift::crypto::strict_json;
use sealift::import::basis;
use sealift::model::Digest;
use sealift::report::{CheckResult, Outcome, Verdict};
use sealift::trust::approval::MAX_APPROVALS;
use sealift::trust::{Kind, Revoked};
use serde_json::{Value, json};

use crate::capsule::{Forged, capsule, differences, refused_by_reverify, reverify, same};
use crate::judged;
use crate::people::{self, ANN, EXPORTER};
use crate::trust_data::{install, sealed_revocations};
use crate::world::World;

/// A capsule in which parts of the basis are exchanged or left out, under a report that names them so.
struct Rebased(Forged);

impl Rebased {
    fn exchange(mut self, name: &str, bytes: Vec<u8>) -> Self {
        let (mut head, records) = self.0.report();
        for part in head.basis.iter_mut().filter(|part| part.name == name) {
            (part.bytes, part.digest) = (bytes.len() as u64, Digest::of(&bytes));
        }
        head.log = None;
        if let (basis::MANIFEST, Some(bundle)) = (name, &mut head.bundle) {
            bundle.manifest = Digest::of(&Envelope::read(&bytes).unwrap().payload);
        }
        self.0.part(&format!("basis/{name}")).1 = bytes;
        self.0.sign(&head, &records);
        self
    }

    fn leave_out(mut self, name: &str) -> Self {
        let (mut head, records) = self.0.report();
        head.basis.retain(|part| part.name != name);
        head.log = None;
        self.0.sign(&head, &records);
        Self(self.0.without(&format!("basis/{name}")))
    }

    /// Without objects, which are refused where nothing names them any more.
    fn without_objects(self) -> Self {
        Self(self.0.without("objects/"))
    }

    /// A report that names nobody: a difference that is found before anything after the seal is.
    fn nobody(mut self) -> Self {
        let (mut head, records) = self.0.report();
        head.people.clear();
        head.log = None;
        self.0.sign(&head, &records);
        self
    }

    fn refused(self, world: &World, code: &str, says: &str) {
        self.0.write(world, "forged.tar");
        refused_by_reverify(world, "forged.tar", code);
        let said = reverify(world, "forged.tar").stdout;
        assert!(said.contains(says), "{said}");
    }
}

/// The artifacts' lines of a catalog, edited.
fn edited(catalog: &[u8], content_size: u64, edit: impl Fn(&mut Vec<Value>)) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    frame::decode(catalog, content_size, |bytes| {
        text.extend_from_slice(bytes);
        Ok(())
    })
    .unwrap();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut records: Vec<Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    edit(&mut records);
    let text: Vec<u8> = records
        .iter()
        .flat_map(|record| [strict_json::write(record), b"\n".to_vec()].concat())
        .collect();
    (frame::encode(&text).unwrap(), text.len())
}

#[test]
fn an_import_is_judged_again_from_all_that_it_was_judged_by() {
    let world = World::new();
    world.medium(1, None);
    world.run("import --enclave en m1").done();
    capsule(&world, "1 --out a.tar");
    same(&world, "a.tar");
    let whole = || Rebased(Forged::read(&world, "a.tar"));
    let part = |name: &str| Forged::read(&world, "a.tar").part(name).1.clone();
    let envelope = Envelope::read(&part("basis/manifest.dsse.json")).unwrap();
    let mut manifest: Value = serde_json::from_slice(&envelope.payload).unwrap();
    let size = manifest["catalog"]["content_size"].as_u64().unwrap();
    let catalog = |edit: fn(&mut Vec<Value>)| edited(&part("basis/catalog.ndjson.zst"), size, edit);

    whole().leave_out(basis::MANIFEST).without_objects().refused(
        &world,
        "object-missing",
        "an older version kept none of it",
    );
    whole()
        .leave_out(basis::CATALOG)
        .without_objects()
        .refused(&world, "object-missing", "is left out");

    // A catalog that nobody signed, though it is about the same files.
    let (other, _) = catalog(|records| records.last_mut().unwrap()["artifact"]["origin"] = json!("elsewhere"));
    whole()
        .exchange(basis::CATALOG, other.clone())
        .refused(&world, "digest-mismatch", "not the one that was signed");
    // What was found to differ before the refusal is not half of a second document.
    whole()
        .nobody()
        .exchange(basis::CATALOG, other)
        .refused(&world, "digest-mismatch", "not the one that was signed");
    // One that was signed, and that no import takes.
    let (other, size) = catalog(|records| {
        let last = records.len() - 1;
        records.swap(last, last - 1);
    });
    manifest["catalog"]["content_size"] = json!(size);
    manifest["catalog"]["digest"] = json!(Digest::of(&other).to_string());
    manifest["catalog"]["size"] = json!(other.len());
    let sealed = people::sealed(Kind::Manifest, &strict_json::write(&manifest), &[EXPORTER]).write();
    whole()
        .exchange(basis::CATALOG, other)
        .exchange(basis::MANIFEST, sealed)
        .refused(&world, "container-not-exact", "out of order");
}

#[test]
fn what_a_capsule_lacks_is_told_when_it_is_made_and_refused_when_it_is_judged() {
    let world = World::new();
    world.medium(1, None);
    world.run("import --enclave en m1").done();
    capsule(&world, "1 --out a.tar");
    let manifest = Forged::read(&world, "a.tar").part("basis/manifest.dsse.json").1.clone();
    let payload: Value = serde_json::from_slice(&Envelope::read(&manifest).unwrap().payload).unwrap();
    let hex = payload["plan"].as_str().unwrap().replace("sha256:", "");
    fs::remove_file(world.path(&format!("en/store/objects/{}/{}", &hex[..2], &hex[2..]))).unwrap();
    let made = world.run("report capsule 1 --enclave en --out b.tar").done().stdout;
    assert!(made.contains("missing   1 objects"), "{made}");
    refused_by_reverify(&world, "b.tar", "object-missing");
}

/// What was voided before a bundle came is refused without its manifest being kept, so only whoever forges a report can bring it before the replay.
#[test]
fn a_voided_bundle_does_not_pass_for_one_that_was_refused_for_something_else() {
    let world = World::new();
    let late = |generator: &'static str| {
        World::edits(move |manifest| {
            manifest["created"] = json!("2020-01-01T00:00:00Z");
            manifest["not_after"] = json!("2020-02-01T00:00:00Z");
            manifest["generator"] = json!(generator);
        })
    };
    let void = world.write("void", &world.bundle(1, None), &late("another"));
    install(&world, &sealed_revocations(1, &[Revoked::Bundle(void)], &[ANN]));
    world.write("m1", &world.bundle(1, None), &late("one"));
    let ran = world.run("import --enclave en m1 --json");
    assert_eq!(ran.json()["refusals"][0]["code"], "bundle-expired", "{}", ran.stdout);
    capsule(&world, "1 --out a.tar");
    assert_eq!(same(&world, "a.tar")["not_judged_again"], json!([]));
    let volume = fs::read(world.path("void/main-1.vol001of001.tar")).unwrap();
    let size = usize::from_str_radix(std::str::from_utf8(&volume[124..135]).unwrap(), 8).unwrap();
    let exchanged =
        || Rebased(Forged::read(&world, "a.tar")).exchange(basis::MANIFEST, volume[512..512 + size].to_vec());
    // Nor where the approvals that came were not kept: it was not refused for want of them.
    for forged in [exchanged(), exchanged().leave_out(basis::APPROVALS)] {
        forged.0.write(&world, "forged.tar");
        let ran = reverify(&world, "forged.tar");
        let found = ran.json()["differences"][0]["found"].clone();
        assert_eq!(
            (ran.status, &found),
            (1, &json!("refused: bundle-voided")),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn a_report_about_other_bytes_than_the_catalog_s_is_not_judged_at_all() {
    let world = judged::imported();
    capsule(&world, "1 --out a.tar");
    let forged = Forged::read(&world, "a.tar").telling(&|_, record| {
        if record.file == "test" {
            record.digest = Digest::of(b"other");
        }
    });
    forged.write(&world, "forged.tar");
    let says = "its records are not about the artifacts of the catalog";
    for today in ["", " --today"] {
        let line = format!("reverify forged.tar --root en/trust/roots/1.dsse.json{today}");
        let said = world.refused(&line, "reverify-differs");
        assert!(said.contains(says), "{line}: {said}");
    }
}

#[test]
fn an_import_that_is_told_as_a_refusal_is_found() {
    let world = judged::imported();
    capsule(&world, "1 --out a.tar");
    let whole = Forged::read(&world, "a.tar");
    let told = |check: &str| {
        let forged = whole.telling(&|head, _| {
            head.outcome = Outcome::Refused;
            (head.result, head.waived, head.retention) = (Some(Verdict::Failed), Some(0), None);
            for check in head.checks.iter_mut().filter(|own| own.id == check) {
                check.result = CheckResult::Fail;
            }
        });
        forged.write(&world, "forged.tar");
        let ran = reverify(&world, "forged.tar");
        let not_judged = ran.json()["total"]["not_judged_again"].as_array().unwrap().len();
        (differences(&ran), not_judged)
    };
    assert_eq!(told("none"), (vec!["outcome".to_owned()], 0));
    assert_eq!(told("policy"), (vec!["outcome".to_owned()], 0));
    // What stands in the way of a publication only the enclave knows.
    assert_eq!(told("publication"), (vec![], 1));
}

/// An enclave whose bundles must be approved, a bundle, and the command that approves it.
fn to_be_approved() -> (World, String) {
    let world = World::standard();
    let manifest = world.medium(1, None);
    world.key(people::APPROVER, "eve.pem");
    let line = format!("approve m1 --trust en/trust --key eve.pem --manifest {manifest} --reason reviewed");
    (world, line)
}

#[test]
fn more_approvals_than_are_ever_counted_are_not_kept() {
    let (world, approve) = to_be_approved();
    world.run(&approve).done();
    let mut names = fs::read_dir(world.path("m1")).unwrap();
    let approval = names
        .find_map(|entry| Some(entry.unwrap().path()).filter(|path| path.to_string_lossy().contains(".approval-")))
        .unwrap();
    for number in 0..MAX_APPROVALS {
        let copied = world.path(&format!("m1/{number}.approval-eve.dsse.json"));
        fs::copy(&approval, copied).unwrap();
    }
    let ran = world.run("import --enclave en m1 --json");
    assert_eq!(
        ran.json()["refusals"][0]["code"],
        "preauth-limit-exceeded",
        "{}",
        ran.stdout
    );
    capsule(&world, "1 --out a.tar");
    assert_eq!(
        same(&world, "a.tar")["not_judged_again"],
        json!(["the approvals: those that came were not kept"])
    );
}

#[test]
fn whoever_loses_a_key_after_an_approval_brings_nothing_down_that_others_exported() {
    let (world, approve) = to_be_approved();
    world.run(&approve).done();
    world.run("import --enclave en m1").done();
    capsule(&world, "1 --out whole.tar");
    // Should a report name the approvers' keys as it does the exporters'.
    let named = Forged::read(&world, "whole.tar").telling(&|head, _| {
        for person in head.people.iter_mut().filter(|person| person.role == "approve") {
            person.keys = vec![people::id(people::APPROVER).to_string()];
        }
    });
    named.write(&world, "a.tar");
    for (number, status) in [(people::APPROVER, 0), (EXPORTER, 1)] {
        let revoked = Revoked::Key(people::id(number).to_string());
        let sealed = sealed_revocations(1, &[revoked], &[ANN, people::BOB]);
        fs::write(world.path("revocations.dsse.json"), sealed).unwrap();
        let line = "reverify a.tar --root en/trust/roots/1.dsse.json --today --trust revocations.dsse.json";
        let ran = world.run(line);
        assert_eq!(ran.status, status, "{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn a_bundle_that_needs_more_room_than_there_is_stops_every_command_that_unpacks_it() {
    let large = |world: &World| {
        let edits = World::edits(|manifest| manifest["catalog"]["object_bytes"] = json!((1_u64 << 53) - 1));
        world.write("m1", &world.bundle(1, None), &edits)
    };
    let (world, standard) = (World::new(), World::standard());
    large(&world);
    let manifest = large(&standard);
    standard.key(people::APPROVER, "eve.pem");
    let approve = format!("approve m1 --trust en/trust --key eve.pem --manifest {manifest} --reason reviewed");
    for said in [world.unable("verify --enclave en m1"), standard.unable(&approve)] {
        assert!(
            said.contains("has room for") && said.contains("hint: make room"),
            "{said}"
        );
    }
}
