//! What the program that shares no code with this one says of an enclave's records and of capsules, beyond what each part's own tests ask it.

use std::fs;

use sealift::crypto::dsse::Envelope;
use sealift::model::Timestamp;
use sealift::trust::{Kind, Revocation, Revocations, Revoked, Role};
use serde_json::json;

use crate::capsule::{Forged, capsule, reverify, same};
use crate::judged;
use crate::log::{copy, report};
use crate::people;
use crate::world::{World, by_python, now};

/// The number of a second key that the enclave's station has.
const SECOND: u8 = 31;

/// Lets it stand that something is no longer good, signed by ann and, where the root asks for two, by bob.
fn revoke(world: &World, what: Revoked, since: Option<Timestamp>) {
    let mut document = Revocations::empty(1, now());
    document.revoked.push(Revocation {
        invalid_since: since,
        reason: "lost".to_owned(),
        what,
    });
    let envelope = people::sealed(
        Kind::Revocations,
        &document.write().unwrap(),
        &[people::ANN, people::BOB],
    );
    fs::write(world.path("revocations"), envelope.write()).unwrap();
    world.run("trust install revocations --enclave en").done();
}

fn key(number: u8) -> Revoked {
    Revoked::Key(people::id(number).to_string())
}

/// Status and text of the other reader; the test is over where there is none.
macro_rules! python {
    ($world:expr, $($word:expr),+) => {
        match by_python($world, &[$($word),+]) {
            Some(said) => said,
            None => return,
        }
    };
}

#[test]
fn a_report_stands_by_a_renewal_there_too() {
    let mut root = people::root_without_approval();
    people::give(&mut root, Role::Import, "station-plant-7", SECOND);
    people::give(&mut root, Role::Log, "station-plant-7", SECOND);
    let world = World::of(root);
    let first = world.medium(1, None);
    world.medium(2, Some(first));
    world.run("import --enclave en m1").done();
    world.key(SECOND, "second.pem");
    copy(&world, "en", "before");
    let judged = || by_python(&world, &["--enclave", "en", "--revocations", "revocations"]);
    // Sealed anew in time, by another key; and the log goes on with that key.
    world.run("reseal --enclave en --key second.pem").done();
    revoke(&world, key(people::STATION), Some(now().plus_days(1)));
    world.run("import --enclave en m2 --key second.pem").done();
    world.run("audit --enclave en").done();
    let Some((status, text)) = judged() else { return };
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("it stands by the renewal in statement 1"), "{text}");
    // Another report in its place is covered by nothing.
    let path = world.path(&report(&world, 1));
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, good.replacen("{\"", "{ \"", 1)).unwrap();
    let (status, text) = judged().unwrap();
    assert!(status == 1 && text.contains("[key-revoked]"), "{text}");
    // Nor does a renewal help that came after, that is by the same key, or against a revocation for all times.
    for (key_file, since) in [
        ("second.pem", Some(now().plus_seconds(-3600))),
        ("en/keys/import.pem", Some(now().plus_days(1))),
        ("second.pem", None),
    ] {
        copy(&world, "before", "en");
        world.run(&format!("reseal --enclave en --key {key_file}")).done();
        revoke(&world, key(people::STATION), since);
        let (status, text) = judged().unwrap();
        assert!(
            status == 1 && text.contains("[key-revoked]"),
            "{key_file} {since:?}: {text}"
        );
    }
}

#[test]
fn what_lies_beside_reports_is_compared_there_too() {
    let world = judged::imported();
    let base = "en/reports/000001-main-1";
    // A refusal has something beside it, too, under the bundle's own label.
    world.write(
        "m5",
        &world.bundle(5, Some(sealift::model::Digest::of(b"4"))),
        &World::edits(|_| {}),
    );
    assert_eq!(world.run("import --enclave en m5").status, 1);
    assert!(world.path("en/reports/000002-main-5.basis/order.json").exists());
    let (status, text) = python!(&world, "--enclave", "en");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("files, each as its report names it"), "{text}");
    copy(&world, "en", "before");
    let refused = |what: &str, code: &str| {
        let (status, text) = by_python(&world, &["--enclave", "en"]).unwrap();
        assert!(status == 1 && text.contains(&format!("[{code}]")), "{what}: {text}");
        // As an audit tells it.
        let audit = world.run("audit --enclave en");
        assert!(
            audit.status == 1 && audit.stdout.contains(what),
            "{what}: {}",
            audit.stdout
        );
        copy(&world, "before", "en");
    };
    for name in [".basis/order.json", ".basis/catalog.ndjson.zst", ".journal.ndjson.zst"] {
        let path = world.path(&format!("{base}{name}"));
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        refused(name, "digest-mismatch");
        fs::remove_file(&path).unwrap();
        refused(name, "state-rolled-back");
    }
    fs::write(world.path(&format!("{base}.basis/more")), b"").unwrap();
    refused(".basis/more", "state-rolled-back");
}

#[test]
fn an_attempt_is_judged_again_there_as_far_as_approvals() {
    let world = World::standard();
    let first = world.medium(1, None);
    world.medium(2, Some(first));
    world.key(people::APPROVER, "eve.pem");
    let approve = |number: u64, manifest: &str, more: &str| {
        world
            .run(&format!(
                "approve m{number} --trust en/trust --key eve.pem --manifest {manifest} --reason reviewed {more}"
            ))
            .done();
    };
    approve(1, &first.to_string(), "");
    world.run("import --enclave en m1").done();
    assert_eq!(world.run("import --enclave en m2").status, 1);
    let judged = |file: &str| by_python(&world, &["--capsule", file]);
    for (number, outcome) in [(1, "imported"), (2, "refused")] {
        let file = format!("{number}.tar");
        capsule(&world, &format!("{number} --out {file}"));
        assert_eq!(same(&world, &file)["outcome"], outcome);
        let Some((status, text)) = judged(&file) else { return };
        assert_eq!(status, 0, "{text}");
        assert!(text.contains("approvals come to what the report says"), "{text}");
    }
    // A report that says otherwise of persons, approvals, order or time is found by both.
    let lie = |file: &str, edit: &dyn Fn(&mut sealift::report::Head), approvals: Option<&[u8]>| {
        let mut forged = Forged::read(&world, file);
        let (mut head, records) = forged.report();
        head.log = None;
        // It says until when the report is kept, from its time on.
        head.retention = None;
        edit(&mut head);
        if let Some(bytes) = approvals {
            forged.part("basis/approvals.ndjson").1 = bytes.to_vec();
            for named in head.basis.iter_mut().filter(|part| part.name == "approvals.ndjson") {
                (named.bytes, named.digest) = (bytes.len() as u64, sealift::model::Digest::of(bytes));
            }
        }
        forged.sign(&head, &records);
        forged.write(&world, "forged.tar");
        let ran = reverify(&world, "forged.tar");
        let (status, text) = judged("forged.tar").unwrap();
        assert_eq!(ran.status, status, "{text}{}", ran.stdout);
        if status == 1 {
            assert!(text.contains("[reverify-differs]"), "{text}");
        }
        status
    };
    assert_eq!(lie("1.tar", &|_| {}, None), 0);
    assert_eq!(lie("1.tar", &|_| {}, Some(b"")), 1);
    assert_eq!(
        lie("1.tar", &|head| head.people[0].person = "mallory".to_owned(), None),
        1
    );
    assert_eq!(lie("1.tar", &|head| head.people.truncate(1), None), 1);
    assert_eq!(lie("1.tar", &|head| head.created = head.created.plus_days(90), None), 1);
    assert_eq!(lie("2.tar", &|_| {}, None), 0);
    assert_eq!(
        lie("2.tar", &|head| head.refusals[0].code = "rollback".to_owned(), None),
        1
    );
}

#[test]
fn a_refusal_by_what_approvers_said_comes_out_the_same_again() {
    let world = World::standard();
    let first = world.medium(1, None);
    world.key(people::APPROVER, "eve.pem");
    world
        .run(&format!(
            "approve m1 --trust en/trust --key eve.pem --manifest {first} --reason wrong --reject"
        ))
        .done();
    let path = world.path("m1/main-1-1.approval-eve.dsse.json");
    let refused = |number: u64, code: &str| {
        let ran = world.run("import --enclave en m1");
        assert!(ran.stderr.contains(&format!("[{code}]")), "{}", ran.stderr);
        capsule(&world, &format!("{number} --out {number}.tar"));
        same(&world, &format!("{number}.tar"))["not_judged_again"].clone()
    };
    // Rejected by who was asked.
    assert_eq!(refused(1, "approvals-missing"), json!([]));
    // Signed by the key of who exported, over what eve approved.
    let rejected = Envelope::read(&fs::read(&path).unwrap()).unwrap().payload;
    let approved = String::from_utf8(rejected)
        .unwrap()
        .replace("\"rejected\"", "\"approved\"");
    let both = [people::APPROVER, people::EXPORTER];
    fs::write(
        &path,
        people::sealed(Kind::Approval, approved.as_bytes(), &both).write(),
    )
    .unwrap();
    assert_eq!(refused(2, "roles-not-separate"), json!([]));
    // What is no envelope is not kept, and that is said.
    fs::write(&path, b"{}").unwrap();
    let said = refused(3, "json-not-strict");
    assert_eq!(said, json!(["the approvals: those that came were not kept"]));
}

#[test]
fn revoked_keys_sign_no_bundle_there_either() {
    let world = World::standard();
    let manifest = world.medium(1, None);
    world.key(people::APPROVER, "eve.pem");
    world
        .run(&format!(
            "approve m1 --trust en/trust --key eve.pem --manifest {manifest} --reason reviewed"
        ))
        .done();
    let (status, text) = python!(&world, "m1");
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("not checked: whether a key that signed it has been revoked"),
        "{text}"
    );
    copy(&world, "en", "before");
    for (what, code) in [
        (key(people::EXPORTER), "key-revoked"),
        (key(people::APPROVER), "approvals-missing"),
        (Revoked::Bundle(manifest), "bundle-voided"),
    ] {
        revoke(&world, what, None);
        let (status, text) = by_python(&world, &["--revocations", "revocations", "m1"]).unwrap();
        assert!(status == 1 && text.contains(&format!("[{code}]")), "{code}: {text}");
        world.refused("verify --enclave en m1", code);
        copy(&world, "before", "en");
    }
}
