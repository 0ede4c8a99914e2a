//! How long records are kept, what holds them, their removal and its tombstones, and seals made anew.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use sealift::crypto::dsse::Envelope;
use sealift::crypto::strict_json;
use sealift::model::{Anchor, Material, ScopePattern, SpeaksFor, Timestamp};
use sealift::trust::folder::TrustFolder;
use sealift::trust::{Kind, Revocation, Revocations, Revoked, Role, TrustData};
use serde_json::{Value, json};

use crate::json_schema;
use crate::log::{copy, report, three_attempts};
use crate::people;
use crate::world::{World, by_python, now};

/// Refusals, and what nobody finds any more, are not kept.
pub(crate) const AT_ONCE: &str = "
schema: sealift-policy/1
id: plant-7
version: 1
profile: evaluation
retention: { refusal_days: 0, artifact_days: 0, proof_days: 0, capsule_days: 0, approval_days: 0 }
";

/// Three attempts, the second of which is refused and over.
fn with_one_over() -> World {
    let world = three_attempts();
    world.policy(AT_ONCE);
    world
}

fn statement(world: &World, number: u64) -> PathBuf {
    let start = format!("{number:06}-");
    let names = fs::read_dir(world.path("en/statements")).unwrap();
    names
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            name.starts_with(&start) && name.ends_with(".dsse.json")
        })
        .unwrap()
}

/// Checks every statement by its schema.
fn statements_fit(world: &World) {
    let schema: Value = serde_json::from_str(include_str!("../../bundle-spec/schemas/statement.schema.json")).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(world.path("en/statements")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read(&path).unwrap();
        let (kind, documents) = match name.strip_suffix(".dsse.json") {
            Some(stem) => {
                let payload = Envelope::read(&text).unwrap().payload;
                (stem.split_once('-').unwrap().1.to_owned(), vec![payload])
            }
            None => {
                let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                ("renewed".to_owned(), lines.map(<[u8]>::to_vec).collect())
            }
        };
        let mut one = schema.clone();
        one.as_object_mut().unwrap().remove("oneOf");
        one["$ref"] = json!(format!("#/$defs/{kind}"));
        for document in documents {
            let document: Value = serde_json::from_slice(&document).unwrap();
            assert_eq!(json_schema::faults(&one, &document), [""; 0], "{name}: {document}");
            count += 1;
        }
    }
    assert!(count > 0);
    // The other reader takes them together with log and reports, what was pruned included.
    if let Some((status, text)) = by_python(world, &["--enclave", "en"]) {
        assert_eq!(status, 0, "{text}");
    }
}

/// The reports among what was removed.
fn reports_of(done: &Value) -> Vec<Value> {
    let entries = done["pruned"].as_array().unwrap().iter();
    entries.filter(|entry| entry["report"].is_object()).cloned().collect()
}

fn class<'d>(document: &'d Value, name: &str) -> &'d Value {
    let classes = document["classes"].as_array().unwrap();
    classes.iter().find(|class| class["class"] == name).unwrap()
}

fn differs(world: &World, file: &str, code: &str) {
    let ran = world.run("audit --enclave en");
    assert_eq!(ran.status, 1, "{file}: {ran:?}");
    let line = ran.stdout.lines().find(|line| line.contains(file));
    let line = line.unwrap_or_else(|| panic!("{file}: {}", ran.stdout));
    assert!(line.contains(&format!("[{code}]")), "{line}");
}

#[test]
fn each_class_says_how_long_it_is_kept() {
    let world = three_attempts();
    let shown = world.json("retention show --enclave en --all");
    assert_eq!(shown["said_by"], "default");
    assert_eq!(class(&shown, "report")["days"], 3653);
    assert_eq!(class(&shown, "refusal")["days"], 1096);
    assert_eq!(class(&shown, "artifact")["days"], Value::Null);
    assert_eq!(
        (&class(&shown, "report")["count"], &class(&shown, "refusal")["count"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(class(&shown, "refusal")["over"], 0);
    let later = world.json("retention show --enclave en --at 2099-01-01");
    // The newest report stays: the next one names it.
    assert_eq!(
        (&class(&later, "report")["over"], &class(&later, "report")["may_go"]),
        (&json!(2), &json!(1))
    );
    world.policy(AT_ONCE);
    let shown = world.json("retention show --enclave en");
    assert_eq!(shown["said_by"], "policy");
    assert_eq!(class(&shown, "refusal")["may_go"], 1);
    assert_eq!(class(&shown, "report")["days"], 3653);
    let text = world.run("retention show --enclave en --all").done().stdout;
    assert!(text.contains("refusal"), "{text}");
}

#[test]
fn what_is_removed_is_a_record_itself() {
    let world = with_one_over();
    let gone = world.path(&report(&world, 2));
    let dry = world.json("prune --enclave en --dry-run");
    assert_eq!(dry["pruned"].as_array().unwrap().len(), 1);
    assert!(gone.exists());
    world.unable("prune --enclave en --at 2099-01-01");
    let done = world.json("prune --enclave en");
    assert_eq!(done["statements"], json!([1]));
    let entry = &reports_of(&done)[0];
    assert_eq!(
        (&entry["class"], &entry["report"]["number"]),
        (&json!("refusal"), &json!(2))
    );
    assert!(!gone.exists());
    let listed = world.json("report list --enclave en");
    assert_eq!(listed["reports"][1]["outcome"], "pruned");
    assert_eq!(world.json("report verify 2 --enclave en")["outcome"], "pruned");
    world.run("audit --enclave en").done();
    assert_eq!(world.json("prune --enclave en")["statements"], json!([]));
    // The enclave goes on, and its memory is made again with the report gone.
    world.run("import --enclave en m3").done();
    let list = world.json("list --enclave en --all");
    world.run("rebuild --enclave en").done();
    assert_eq!(world.json("list --enclave en --all"), list);
    world.run("audit --enclave en").done();
    world.run("report list --enclave en").done();
    statements_fit(&world);
    // Reports of imports go too, and what state.db took in stays beside them.
    let short = AT_ONCE
        .replace("version: 1", "version: 2")
        .replace("refusal_days: 0", "report_days: 0");
    world.policy(&short);
    assert_eq!(reports_of(&world.json("prune --enclave en")).len(), 2);
    world.run("audit --enclave en").done();
    world.run("rebuild --enclave en").done();
    assert_eq!(world.json("list --enclave en --all"), list);
    world.run("audit --enclave en").done();
}

#[test]
fn a_report_that_goes_without_a_tombstone_is_missed() {
    let world = with_one_over();
    let first = world.path(&report(&world, 1));
    let kept = fs::read(&first).unwrap();
    world.run("prune --enclave en").done();
    fs::remove_file(&first).unwrap();
    differs(&world, "reports/000001", "state-rolled-back");
    world.refused("report list --enclave en", "state-rolled-back");
    fs::write(&first, kept).unwrap();
    world.run("audit --enclave en").done();
}

#[test]
fn a_tombstone_that_somebody_forges_is_refused() {
    let world = with_one_over();
    let gone = world.path(&report(&world, 1));
    world.run("prune --enclave en").done();
    copy(&world, "en", "good");
    let path = statement(&world, 1);
    let envelope = Envelope::read(&fs::read(&path).unwrap()).unwrap();
    // Another entry, signed by the station itself: the log knows what was signed.
    let mut document: Value = serde_json::from_slice(&envelope.payload).unwrap();
    document["entries"][0]["size"] = json!(1);
    let forged = people::sealed(Kind::Tombstone, &strict_json::write(&document), &[people::STATION]);
    fs::write(&path, forged.write()).unwrap();
    differs(&world, "000001-tombstone", "state-rolled-back");
    world.refused("prune --enclave en", "state-rolled-back");
    world.refused("import --enclave en m3", "state-rolled-back");
    // The very same, signed by somebody who may not.
    let stranger = people::sealed(Kind::Tombstone, &envelope.payload, &[people::ANN]);
    fs::write(&path, stranger.write()).unwrap();
    differs(&world, "000001-tombstone", "key-not-in-role");
    fs::write(
        &path,
        people::sealed(Kind::Report, &envelope.payload, &[people::STATION]).write(),
    )
    .unwrap();
    differs(&world, "000001-tombstone", "wrong-document-kind");
    fs::remove_file(&path).unwrap();
    differs(&world, "000001-tombstone", "state-rolled-back");
    world.refused("rebuild --enclave en", "state-rolled-back");
    copy(&world, "good", "en");
    // One that nobody took: no leaf of the log tells of it.
    fs::write(world.path("en/statements/000002-tombstone.dsse.json"), forged.write()).unwrap();
    differs(&world, "000002-tombstone", "enclave-differs");
    fs::remove_file(&gone).unwrap();
    differs(&world, "reports/000001", "state-rolled-back");
    copy(&world, "good", "en");
    // A row for it, put into state.db, is none in the log.
    fs::write(world.path("en/statements/000002-tombstone.dsse.json"), forged.write()).unwrap();
    let connection = Connection::open(world.path("en/state.db")).unwrap();
    let digest = sealift::model::Digest::of(&forged.payload);
    connection
        .execute(
            "INSERT INTO statements VALUES (2, 'tombstone', ?1, 1)",
            [digest.as_bytes()],
        )
        .unwrap();
    drop(connection);
    differs(&world, "state.db", "state-rolled-back");
}

#[test]
fn what_is_held_stays() {
    let world = with_one_over();
    world.key(people::ANN, "ann.pem");
    for (name, scope, held) in [
        ("all", "--everything".to_owned(), true),
        ("days", "--from 2020-01-01 --until 2098-01-01".to_owned(), true),
        ("past", "--from 2020-01-01 --until 2020-01-02".to_owned(), false),
        ("name", "--purl pkg:generic/other".to_owned(), false),
    ] {
        copy(&world, "en", "kept");
        let line = format!("hold add {name} {scope} --enclave en --reason case-9 --key ann.pem");
        world.run(&line).done();
        world.unable(&line);
        let listed = world.json("hold list --enclave en");
        assert_eq!(listed["holds"][0]["persons"], json!(["ann"]));
        let may_go = if held { 0 } else { 1 };
        let shown = world.json("retention show --enclave en --all");
        assert_eq!(class(&shown, "refusal")["may_go"], may_go, "{name}");
        let done = world.json("prune --enclave en");
        assert_eq!(reports_of(&done).len(), may_go, "{name}");
        world.run("audit --enclave en").done();
        if held {
            world
                .run(&format!("hold release {name} --enclave en --reason over --key ann.pem"))
                .done();
            assert!(
                world.json("hold list --enclave en")["holds"]
                    .as_array()
                    .unwrap()
                    .is_empty()
            );
            assert_eq!(reports_of(&world.json("prune --enclave en")).len(), 1);
            world.run("audit --enclave en").done();
        }
        let _ = fs::remove_dir_all(world.path("en"));
        copy(&world, "kept", "en");
    }
}

#[test]
fn a_generation_that_is_held_is_not_swept() {
    let world = with_one_over();
    let first = world.json("report show 1 --enclave en")["head"]["bundle"]["manifest"]
        .as_str()
        .unwrap()
        .to_owned();
    world.run("import --enclave en m3").done();
    let add = format!("hold add one --bundle {first} --enclave en --reason r --key en/keys/import.pem");
    world.run(&add).done();
    let swept = world.json("gc --enclave en --keep 1");
    assert_eq!(swept["generations"], json!([2]));
    world.run("audit --enclave en").done();
    world.run("rollback --enclave en --to 1 --reason test").done();
    world
        .run("hold add all --everything --enclave en --reason r --key en/keys/import.pem")
        .done();
    assert_eq!(world.json("gc --enclave en --keep 1")["generations"], json!([]));
    world.run("audit --enclave en").done();
    world.run("rebuild --enclave en").done();
    assert_eq!(
        world.json("hold list --enclave en")["holds"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn as_many_persons_release_as_the_root_asks_for() {
    let world = World::standard();
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    for (number, file) in [
        (people::ANN, "ann"),
        (people::BOB, "bob"),
        (people::EXPORTER, "dora"),
        (99, "eve"),
    ] {
        world.key(number, file);
    }
    let text = world.run("hold add h --everything --enclave en --reason r --key eve");
    assert_eq!(text.status, 1, "{text:?}");
    world
        .run("hold add h --everything --enclave en --reason r --key dora")
        .done();
    let release = "hold release h --enclave en --reason over --key";
    let ran = world.run(&format!("{release} dora"));
    assert!(ran.status == 1 && ran.stderr.contains("[key-not-in-role]"), "{ran:?}");
    assert_eq!(world.json(&format!("{release} ann"))["missing"], 1);
    // The same person again is still one person, and who may not sign adds nothing to what others signed.
    assert_eq!(world.json(&format!("{release} ann"))["taken"], false);
    let open = world.path("en/open/release-h.dsse.json");
    let signed = fs::read(&open).unwrap();
    let ran = world.run(&format!("{release} dora"));
    assert!(ran.status == 1 && ran.stderr.contains("[key-not-in-role]"), "{ran:?}");
    assert_eq!(fs::read(&open).unwrap(), signed);
    assert_eq!(
        world.json("hold list --enclave en")["holds"].as_array().unwrap().len(),
        1
    );
    world.run("audit --enclave en").done();
    // What lies there to be signed is looked at: another hold's release is not signed.
    let envelope = Envelope::read(&fs::read(&open).unwrap()).unwrap();
    let kept = fs::read(&open).unwrap();
    let mut other: Value = serde_json::from_slice(&envelope.payload).unwrap();
    other["hold"] = json!(sealift::model::Digest::of(b"another").to_string());
    fs::write(
        &open,
        people::sealed(Kind::Release, &strict_json::write(&other), &[people::ANN]).write(),
    )
    .unwrap();
    let ran = world.run(&format!("{release} bob"));
    assert!(
        ran.status == 1 && ran.stderr.contains("[wrong-document-kind]"),
        "{ran:?}"
    );
    fs::write(&open, kept).unwrap();
    let done = world.json(&format!("{release} bob"));
    assert_eq!(
        (&done["taken"], &done["persons"]),
        (&json!(true), &json!(["ann", "bob"]))
    );
    assert!(
        world.json("hold list --enclave en")["holds"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        world.json("hold list --enclave en --all")["holds"][0]["released"]["persons"],
        json!(["ann", "bob"])
    );
    assert!(!open.exists());
    statements_fit(&world);
    world.run("audit --enclave en").done();
}

#[test]
fn a_hold_that_somebody_takes_away_is_missed() {
    let world = with_one_over();
    world
        .run("hold add h --everything --enclave en --reason r --key en/keys/import.pem")
        .done();
    let path = statement(&world, 1);
    let kept = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    for line in [
        "prune --enclave en",
        "gc --enclave en",
        "import --enclave en m3",
        "hold list --enclave en",
    ] {
        world.refused(line, "state-rolled-back");
    }
    differs(&world, "000001-hold", "state-rolled-back");
    // A release that one person made up, of the right kind and under the right name.
    let hold = Envelope::read(&kept).unwrap();
    fs::write(&path, &kept).unwrap();
    let release = json!({
        "created": "2026-11-21T12:00:00Z", "critical": [], "format": 1, "reason": "r",
        "enclave": world.root().enclave.id.digest().to_string(),
        "hold": sealift::model::Digest::of(&hold.payload).to_string(),
    });
    let forged = people::sealed(Kind::Release, &strict_json::write(&release), &[people::EXPORTER]);
    fs::write(world.path("en/statements/000002-release.dsse.json"), forged.write()).unwrap();
    assert_eq!(
        world.json("hold list --enclave en")["holds"].as_array().unwrap().len(),
        1
    );
    let connection = Connection::open(world.path("en/state.db")).unwrap();
    let digest = sealift::model::Digest::of(&forged.payload);
    connection
        .execute(
            "INSERT INTO statements VALUES (2, 'release', ?1, 1)",
            [digest.as_bytes()],
        )
        .unwrap();
    drop(connection);
    world.refused("prune --enclave en", "key-not-in-role");
}

#[test]
fn objects_that_nobody_finds_any_more_go_and_come_again() {
    let world = three_attempts();
    world.run("rollback --enclave en --to 1 --reason test").done();
    world.run("gc --enclave en --keep 1").done();
    world.policy(AT_ONCE);
    let shown = world.json("retention show --enclave en --all");
    assert_eq!(class(&shown, "artifact")["may_go"], 1, "{shown}");
    let done = world.json("prune --enclave en");
    let objects: Vec<String> = done["pruned"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["class"] == "artifact")
        .map(|entry| entry["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(objects.len(), 1);
    assert!(!world.path("en").join(&objects[0]).exists());
    world.run("audit --enclave en").done();
    world.run("gc --enclave en").done();
    world.run("recheck --enclave en").done();
    world.run("rebuild --enclave en").done();
    world.run("audit --enclave en").done();
    statements_fit(&world);
    // Taken away without a tombstone, an object is still missed.
    let kept = fs::read_dir(world.path("en/store/objects")).unwrap();
    let other = kept
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .next()
        .unwrap();
    fs::remove_file(&other).unwrap();
    let ran = world.run("audit --enclave en");
    assert_eq!(ran.status, 1, "{ran:?}");
}

/// Revokes a key of the enclave, as ann signs it, from a time on or for all times.
fn revoke(world: &World, key: u8, since: Option<Timestamp>) {
    let mut document = Revocations::empty(1, now());
    document.revoked.push(Revocation {
        invalid_since: since,
        reason: "lost".to_owned(),
        what: Revoked::Key(people::id(key).to_string()),
    });
    let envelope = people::sealed(Kind::Revocations, &document.write().unwrap(), &[people::ANN]).write();
    let mut trust = TrustFolder::open(&world.path("en/trust")).unwrap();
    let standing = trust.judge_next(Kind::Revocations, &envelope, None).unwrap().unwrap();
    trust.stand(&standing).unwrap();
}

/// The number of a second key that the enclave's station has.
const SECOND: u8 = 31;

/// An enclave with two keys, and a report by the first.
fn with_two_keys() -> World {
    let mut root = people::root_without_approval();
    people::give(&mut root, Role::Import, "station-plant-7", SECOND);
    let world = World::of(root);
    world.medium(1, None);
    world.run("import --enclave en m1").done();
    world.key(SECOND, "second.pem");
    copy(&world, "en", "fresh");
    world
}

#[test]
fn an_old_seal_is_sealed_anew_and_stands_when_its_key_is_lost_later() {
    let world = with_two_keys();
    let sealed = world.json("reseal --enclave en --key second.pem");
    assert_eq!(sealed["left_out"], json!([]));
    assert!(sealed["files"].as_u64().unwrap() >= 3);
    let verified = world.json("report verify 1 --enclave en");
    assert_eq!(verified["renewals"].as_array().unwrap().len(), 1);
    assert_eq!(verified["stands_by_renewal"], Value::Null);
    world.run("audit --enclave en").done();
    // A second renewal covers the first, and the chain is checked.
    world.run("reseal --enclave en --key second.pem").done();
    assert_eq!(
        world.json("report verify 1 --enclave en")["renewals"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let text = world.run("report verify 1 --enclave en").done().stdout;
    assert!(text.contains("resealed"), "{text}");
    world.run("rebuild --enclave en").done();
    statements_fit(&world);
    revoke(&world, people::STATION, Some(now().plus_days(1)));
    let verified = world.json("report verify 1 --enclave en");
    assert_eq!(verified["stands_by_renewal"], 1);
    world.run("report list --enclave en").done();
    let ran = world.run("audit --enclave en");
    assert!(!ran.stdout.contains("reports/000001"), "{ran:?}");
    // A rebuild and a capsule come to the same judgement.
    let before = world.published();
    assert_eq!(world.json("rebuild --enclave en")["imports"], 1);
    assert_eq!(before, world.published());
    let kept = report(&world, 1);
    world.run(&format!("rebuild --enclave en --report {kept}")).done();
    let ran = world.run("audit --enclave en");
    assert!(
        !ran.stdout.contains("reports/000001") && !ran.stdout.contains("state.db"),
        "{ran:?}"
    );
    world.run("report capsule 1 --enclave en --out renewed.tar").done();
    let again = world.json("reseal --enclave en --key second.pem");
    assert!(!again["left_out"].to_string().contains("reports/000001"), "{again}");
    // Another report in its place is covered by nothing.
    let path = world.path(&report(&world, 1));
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(b'\n');
    fs::write(&path, bytes).unwrap();
    let ran = world.run("report verify 1 --enclave en");
    assert!(ran.status == 1 && ran.stderr.contains("[key-revoked]"), "{ran:?}");
}

#[test]
fn a_new_seal_gives_back_no_trust() {
    let world = with_two_keys();
    let refused = |what: &str| {
        let ran = world.run("report verify 1 --enclave en");
        assert!(
            ran.status == 1 && ran.stderr.contains("[key-revoked]"),
            "{what}: {ran:?}"
        );
        // Whoever else judges it comes to the same.
        differs(&world, "reports/000001", "key-revoked");
        for line in ["rebuild --enclave en", "report capsule 1 --enclave en --out x.tar"] {
            let ran = world.run(line);
            assert!(
                ran.status == 1 && ran.stderr.contains("[key-revoked]"),
                "{what}: {ran:?}"
            );
        }
        ran.stderr
    };
    // Sealed anew before, and revoked for all times, or since before that.
    for since in [None, Some(now().plus_seconds(-3600))] {
        world.run("reseal --enclave en --key second.pem").done();
        revoke(&world, people::STATION, since);
        let text = refused("revoked for all times, or earlier");
        assert!(text.contains("gives back no trust"), "{text}");
        // What does not verify is not sealed anew either.
        let again = world.json("reseal --enclave en --key second.pem");
        assert!(again["left_out"].to_string().contains("reports/000001"), "{again}");
        copy(&world, "fresh", "en");
    }
    // Sealed anew by the very key.
    world.run("reseal --enclave en").done();
    revoke(&world, people::STATION, Some(now().plus_days(1)));
    refused("the same key");
    copy(&world, "fresh", "en");
    // Sealed anew after it was revoked: it is left out.
    revoke(&world, people::STATION, Some(now().plus_seconds(-10)));
    world.run("reseal --enclave en --key second.pem").done();
    refused("afterwards");
}

#[test]
fn a_renewal_that_somebody_touches_is_refused() {
    let world = with_two_keys();
    world.run("reseal --enclave en --key second.pem").done();
    world.run("reseal --enclave en --key second.pem").done();
    copy(&world, "en", "good");
    let list = world.path("en/statements/000001-renewal.list.ndjson");
    let text = fs::read_to_string(&list).unwrap();
    for other in [
        text.replacen("sha256:", "sha256:0", 1),
        format!("{text}{text}"),
        String::new(),
    ] {
        fs::write(&list, other).unwrap();
        let ran = world.run("report verify 1 --enclave en");
        assert!(ran.status == 1 && ran.stderr.contains("[digest-mismatch]"), "{ran:?}");
        differs(&world, "000001-renewal.list", "digest-mismatch");
    }
    fs::remove_file(&list).unwrap();
    let ran = world.run("report verify 1 --enclave en");
    assert!(ran.status == 1 && ran.stderr.contains("[state-rolled-back]"), "{ran:?}");
    copy(&world, "good", "en");
    // A list that says what it should, under another seal.
    let path = statement(&world, 2);
    let envelope = Envelope::read(&fs::read(&path).unwrap()).unwrap();
    fs::write(
        &path,
        people::sealed(Kind::Renewal, &envelope.payload, &[people::ANN]).write(),
    )
    .unwrap();
    differs(&world, "000002-renewal.dsse", "key-not-in-role");
}

#[test]
fn what_is_truly_lost_is_borne_by_persons_and_shown_ever_after() {
    let world = three_attempts();
    world.key(people::ANN, "ann.pem");
    let path = world.path(&report(&world, 3));
    let kept = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    world.refused("import --enclave en m3", "state-rolled-back");
    world.unable("audit waive 2 --enclave en --reason burnt --key ann.pem");
    world.unable("audit waive 3 --enclave en --key ann.pem");
    let ran = world.run("audit waive 3 --enclave en --reason burnt --key en/keys/import.pem");
    assert!(ran.status == 1 && ran.stderr.contains("[key-not-in-role]"), "{ran:?}");
    let done = world.json("audit waive 3 --enclave en --reason burnt --key ann.pem");
    assert_eq!((&done["taken"], &done["persons"]), (&json!(true), &json!(["ann"])));
    world.run("audit --enclave en").done();
    world.run("import --enclave en m3").done();
    let shown = world.json("report show 4 --enclave en");
    let lost = &shown["head"]["lost"][0];
    assert_eq!(
        (&lost["number"], &lost["persons"], &lost["reason"]),
        (&json!(3), &json!(["ann"]), &json!("burnt"))
    );
    assert!(
        shown["head"]["not_checked"].to_string().contains("they are lost"),
        "{shown}"
    );
    crate::reports::validate(&world.run("report show 4 --enclave en --format json").done().json());
    assert_eq!(world.json("report list --enclave en")["reports"][2]["outcome"], "lost");
    assert_eq!(world.json("report verify 3 --enclave en")["outcome"], "lost");
    statements_fit(&world);
    world.run("audit --enclave en").done();
    let list = world.json("list --enclave en --all");
    world.run("rebuild --enclave en").done();
    assert_eq!(world.json("list --enclave en --all"), list);
    world.run("audit --enclave en").done();
    // Another one that goes is missed all the same.
    copy(&world, "en", "good");
    fs::remove_file(world.path(&report(&world, 4))).unwrap();
    world.refused("import --enclave en m1", "state-rolled-back");
    copy(&world, "good", "en");
    // What is found again counts again.
    fs::write(&path, kept).unwrap();
    assert_eq!(world.json("report verify 3 --enclave en")["outcome"], "verified");
    world.run("audit --enclave en").done();
}

#[test]
fn nobody_bears_a_loss_alone_where_the_root_asks_for_two() {
    let world = World::standard();
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    for _ in 0..2 {
        assert_eq!(world.run("import --enclave en other.tar").status, 1);
    }
    for (number, file) in [(people::ANN, "ann"), (people::BOB, "bob")] {
        world.key(number, file);
    }
    fs::remove_file(world.path(&report(&world, 2))).unwrap();
    let waive = "audit waive 2 --enclave en --reason burnt --key";
    assert_eq!(world.json(&format!("{waive} ann"))["missing"], 1);
    world.refused("report list --enclave en", "state-rolled-back");
    // What one has signed, put where statements lie, counts for nothing.
    copy(&world, "en", "before");
    let open = fs::read(world.path("en/open/loss-2.dsse.json")).unwrap();
    fs::create_dir_all(world.path("en/statements")).unwrap();
    fs::write(world.path("en/statements/000001-loss.dsse.json"), &open).unwrap();
    let digest = sealift::model::Digest::of(&Envelope::read(&open).unwrap().payload);
    let connection = Connection::open(world.path("en/state.db")).unwrap();
    connection
        .execute("INSERT INTO statements VALUES (1, 'loss', ?1, 1)", [digest.as_bytes()])
        .unwrap();
    drop(connection);
    world.refused("report list --enclave en", "key-not-in-role");
    copy(&world, "before", "en");
    assert_eq!(world.json(&format!("{waive} bob"))["taken"], true);
    world.run("report list --enclave en").done();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    assert_eq!(world.json("report show 3 --enclave en")["head"]["lost"][0]["number"], 2);
    world.run("audit --enclave en").done();
}

/// Lets trust data stand that pin a key of notes for a scope, as ann signs it.
pub(crate) fn pin_witness(world: &World, version: u64, key: &str, scope: &str) {
    let mut data = TrustData::empty(version, now());
    data.put(Anchor {
        material: Material::NoteKey(key.to_owned()),
        name: "witness".to_owned(),
        note: "by hand".to_owned(),
        scope: vec![ScopePattern::new(scope)],
        speaks_for: SpeaksFor::Registry,
        suites: Vec::new(),
        valid_from: None,
        valid_until: None,
    });
    let envelope = people::sealed(Kind::TrustData, &data.write().unwrap(), &[people::ANN]).write();
    let mut trust = TrustFolder::open(&world.path("en/trust")).unwrap();
    let standing = trust.judge_next(Kind::TrustData, &envelope, None).unwrap().unwrap();
    trust.stand(&standing).unwrap();
}

#[test]
fn a_witness_that_is_pinned_signs_the_checkpoint_and_no_other_does() {
    let world = three_attempts();
    let checkpoint = || fs::read_to_string(world.path("en/log/checkpoint")).unwrap();
    let text = checkpoint();
    let (pinned, line) = crate::witness::witness_line(&text, "witness.example.com", 70);
    let (_, stranger) = crate::witness::witness_line(&text, "other.example.com", 71);
    let (_, same_name) = crate::witness::witness_line(&text, "witness.example.com", 71);
    fs::write(world.path("signed"), format!("{text}{line}\n")).unwrap();
    let refused = |file: &str, content: String| {
        fs::write(world.path(file), content).unwrap();
        let ran = world.run(&format!("log witness add {file} --enclave en"));
        assert!(
            ran.status == 1 && ran.stderr.contains("[key-not-in-role]"),
            "{file}: {ran:?}"
        );
        assert_eq!(checkpoint(), text);
    };
    refused("unpinned", line.clone());
    // What is pinned for artifacts is no witness.
    pin_witness(&world, 1, &pinned, "*");
    refused("everything", line.clone());
    pin_witness(&world, 2, &pinned, "log/another");
    refused("another", line.clone());
    pin_witness(&world, 3, &pinned, "log/plant-7");
    let listed = world.json("log witness list --enclave en");
    assert_eq!(
        listed["witnesses"],
        json!([{ "name": listed["witnesses"][0]["name"], "pinned": true, "time": null }])
    );
    refused("stranger", stranger.clone());
    refused("same-name", same_name);
    refused("both", format!("{line}\n{stranger}"));
    refused("other-log", format!("{}{line}\n", text.replace("plant-7", "plant-8")));
    let mut wrong = line.clone().into_bytes();
    let place = wrong.len() - 10;
    wrong[place] = if wrong[place] == b'A' { b'B' } else { b'A' };
    refused("wrong", String::from_utf8(wrong).unwrap());
    let added = world.json("log witness add signed --enclave en");
    assert_eq!(added["witnesses"][0]["pinned"], true);
    assert!(added["witnesses"][0]["time"].is_string(), "{added}");
    assert_eq!(checkpoint(), format!("{text}{line}\n"));
    world.run("log witness add signed --enclave en").done();
    assert_eq!(checkpoint(), format!("{text}{line}\n"));
    // It is kept, carried on in the next report, and shown without a key on the command line.
    let audited = world.json("audit --enclave en");
    assert!(audited["total"]["witnesses"][0]["time"].is_string(), "{audited}");
    world.run("import --enclave en m3").done();
    let verified = world.json("report verify 4 --enclave en");
    assert!(verified["log"]["witnesses"][0]["time"].is_string(), "{verified}");
    world.run("rebuild --enclave en").done();
    world.run("audit --enclave en").done();
}
