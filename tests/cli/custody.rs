//! Chain of custody: records that both sides sign, and what is found where one was removed, edited, reordered or put from elsewhere.

use std::fs;
use std::path::Path;

use sealift::crypto::dsse::Envelope;
use sealift::model::Digest;
use sealift::trust::{Kind, Revoked};
use serde_json::{Value, json};

use crate::judged;
use crate::people;
use crate::reports;
use crate::world::{World, now};

pub(crate) const TRUST: &str = "--trust en/trust";

/// A world with bundle 1 on `m1`, and the keys of dora, who exports, and of a stranger.
pub(crate) fn world() -> World {
    let world = World::new();
    world.medium(1, None);
    world.key(people::EXPORTER, "dora.pem");
    world.key(77, "stranger.pem");
    world
}

/// The names of the records in a folder, in their order.
pub(crate) fn records(world: &World, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(world.path(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.contains(".custody-")).collect();
    names.sort();
    names
}

/// So many hours ago: records of one second have no order of their own.
fn ago(hours: i64) -> String {
    now().plus_seconds(-hours * 3600).to_string()
}

fn by_dora(world: &World, hours: i64, more: &str) -> Value {
    let at = ago(hours);
    world.json(&format!(
        "custody add m1 {TRUST} --key dora.pem --at {at} --event {more}"
    ))
}

pub(crate) fn by_station(world: &World, hours: i64, more: &str) -> Value {
    let at = ago(hours);
    world.json(&format!(
        "custody add m1 {TRUST} --key en/keys/import.pem --at {at} --event {more}"
    ))
}

/// Sealed, handed over, received, opened.
pub(crate) fn carried(world: &World) {
    by_dora(
        world,
        9,
        "sealed --seal S-1 --disk-id usb-SanDisk_Ultra_4C53-0:0 --write-protection hardware",
    );
    by_dora(world, 8, "handed-over --to carl --place gate-3");
    by_station(world, 7, "received --from carl --seal S-1 --serial 4C53");
    by_station(world, 6, "opened --seal S-1");
}

pub(crate) fn show(world: &World) -> Value {
    world.json(&format!("custody show m1 {TRUST}"))
}

/// The codes of what does not fit together, where `custody show` finds something.
fn codes(world: &World, what: &str) -> Vec<String> {
    let ran = world.run(&format!("custody show {what} {TRUST} --json"));
    let troubles = ran.json()["troubles"].clone();
    let codes: Vec<String> = troubles
        .as_array()
        .unwrap()
        .iter()
        .map(|trouble| trouble["code"].as_str().unwrap().to_owned())
        .collect();
    let is_wrong = codes.iter().any(|code| code != "custody-record-unproven");
    assert_eq!(ran.status, i32::from(is_wrong), "{}", ran.stdout);
    if let Some((status, text)) = by_python(world, what) {
        assert_eq!(status, i32::from(is_wrong), "{codes:?}: {text}");
        for code in &codes {
            assert!(text.contains(&format!("[{code}]")), "{codes:?}: {text}");
        }
    }
    codes
}

/// What the program that shares no code with this one says; nothing where there is no Python.
fn by_python(world: &World, what: &str) -> Option<(i32, String)> {
    let output = std::process::Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/verify_bundle.py"))
        .arg("--root")
        .arg(world.path("en/trust/roots/1.dsse.json"))
        .arg("--custody")
        .args(what.split_whitespace().map(|path| world.path(path)))
        .output()
        .ok()?;
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    Some((output.status.code().unwrap(), text))
}

/// Signs an edited copy of a record, and puts it beside the others.
fn forged(world: &World, file: &str, edit: impl Fn(&mut Value), keys: &[u8]) {
    let path = world.path(&format!("m1/{file}"));
    let payload = Envelope::read(&fs::read(&path).unwrap()).unwrap().payload;
    let mut document: Value = serde_json::from_slice(&payload).unwrap();
    edit(&mut document);
    let sealed = people::sealed(Kind::Custody, &serde_json::to_vec(&document).unwrap(), keys);
    fs::write(path, sealed.write()).unwrap();
}

#[test]
fn both_sides_record_one_chain() {
    let world = world();
    carried(&world);
    let shown = show(&world);
    assert_eq!(shown["bundle"], "main 1");
    assert_eq!(shown["troubles"], json!([]));
    let links = shown["records"].as_array().unwrap();
    let events: Vec<&Value> = links.iter().map(|link| &link["record"]["event"]).collect();
    assert_eq!(events, ["sealed", "handed-over", "received", "opened"]);
    for (number, link) in links.iter().enumerate() {
        assert_eq!(link["word"], "counts");
        let before: Vec<&Value> = links[..number].last().iter().map(|link| &link["digest"]).collect();
        assert_eq!(link["record"]["previous"], json!(before));
    }
    assert_eq!(links[0]["persons"], json!(["dora"]));
    assert_eq!(links[2]["persons"], json!(["station-plant-7"]));
    assert_eq!(
        links[0]["record"]["medium"],
        json!({ "model": "Ultra", "serial": "4C53", "vendor": "SanDisk", "write_protection": "hardware" })
    );
    let schema = include_str!("../../bundle-spec/schemas/custody.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    for link in links {
        assert!(schema.is_valid(&link["record"]), "{link}");
    }
    assert_eq!(codes(&world, "m1"), [""; 0]);
    let text = world.run(&format!("custody show m1 {TRUST}")).done().stdout;
    for word in [
        "chain of custody of main 1",
        "SanDisk Ultra, serial 4C53",
        "S-1, intact",
        "carl",
        "gate-3",
        "dora",
    ] {
        assert!(text.replace("bundle main", "main").contains(word), "{word}: {text}");
    }
}

#[test]
fn records_outlive_their_medium() {
    let world = world();
    carried(&world);
    fs::create_dir(world.path("kept")).unwrap();
    for name in records(&world, "m1") {
        fs::rename(world.path(&format!("m1/{name}")), world.path(&format!("kept/{name}"))).unwrap();
    }
    let add = format!("custody add kept {TRUST} --key en/keys/import.pem --event");
    world
        .run(&format!("{add} destroyed --method shredded --certificate C-1"))
        .done();
    assert_eq!(codes(&world, "kept"), [""; 0]);
    // What is destroyed is not seen again.
    world.run(&format!("{add} inspected")).done();
    assert_eq!(codes(&world, "kept"), ["custody-chain-broken"]);
    world.unable(&format!("custody show m9 {TRUST}"));
    fs::create_dir(world.path("empty")).unwrap();
    world.unable(&format!("custody show empty {TRUST}"));
}

#[test]
fn what_was_removed_edited_or_reordered_is_found() {
    type Change = fn(&World, &[String]);
    let cases: [(&str, Change, &[&str]); 8] = [
        (
            "one is removed",
            |world, names| fs::remove_file(world.path(&format!("m1/{}", names[1]))).unwrap(),
            &["custody-chain-broken"],
        ),
        (
            "the first is removed",
            |world, names| fs::remove_file(world.path(&format!("m1/{}", names[0]))).unwrap(),
            &["custody-chain-broken"],
        ),
        (
            "one is edited by somebody without a key",
            |world, names| {
                forged(world, &names[1], |document| document["to"] = json!("mallory"), &[77]);
            },
            &["custody-chain-broken", "custody-record-unproven"],
        ),
        (
            "one is edited by somebody with a key",
            |world, names| {
                forged(
                    world,
                    &names[1],
                    |document| document["to"] = json!("mallory"),
                    &[people::EXPORTER],
                );
            },
            &["custody-chain-broken"],
        ),
        (
            "one is put before another",
            |world, names| {
                let first = fs::read(world.path(&format!("m1/{}", names[0]))).unwrap();
                let digest = Digest::of(&Envelope::read(&first).unwrap().payload);
                forged(
                    world,
                    &names[3],
                    |document| document["previous"] = json!([digest]),
                    &[people::STATION],
                );
            },
            &["custody-chain-broken"],
        ),
        (
            "the last is about another bundle",
            |world, names| {
                let other = Digest::of(b"another");
                forged(
                    world,
                    &names[3],
                    |document| document["manifest"] = json!(other),
                    &[people::STATION],
                );
            },
            &["custody-record-unproven"],
        ),
        (
            "time runs backwards",
            |world, names| {
                forged(
                    world,
                    &names[3],
                    |document| document["at"] = json!(ago(24 * 9)),
                    &[people::STATION],
                );
            },
            &["custody-chain-broken"],
        ),
        (
            "a time is to come",
            |world, names| {
                let later = now().plus_days(3);
                forged(
                    world,
                    &names[3],
                    |document| document["created"] = json!(later),
                    &[people::STATION],
                );
            },
            &["custody-chain-broken"],
        ),
    ];
    for (why, change, expected) in cases {
        let world = world();
        carried(&world);
        let names = records(&world, "m1");
        change(&world, &names);
        let mut found = codes(&world, "m1");
        found.sort();
        found.dedup();
        assert_eq!(found, expected, "{why}");
    }
}

#[test]
fn a_seal_or_medium_that_differs_is_found() {
    for (event, code) in [
        ("received --seal S-2", "custody-seal-differs"),
        ("received --seal S-1 --seal-state broken", "custody-seal-differs"),
        ("sealed --seal S-2", "custody-seal-differs"),
        ("received --serial 9999", "custody-medium-differs"),
    ] {
        let world = world();
        by_dora(&world, 9, "sealed --seal S-1 --serial 4C53");
        let added = by_station(&world, 8, event);
        // Whoever writes it down hears it at once.
        assert_eq!(added["troubles"][0]["code"], code, "{event}");
        assert_eq!(codes(&world, "m1"), [code], "{event}");
    }
    // Whoever opens it may seal it again, and who copies it has another medium.
    let world = world();
    by_dora(&world, 9, "sealed --seal S-1 --serial 4C53");
    by_station(&world, 8, "opened --seal S-1");
    by_station(&world, 7, "written --serial 9999");
    by_station(&world, 6, "sealed --seal S-2");
    by_station(&world, 5, "inspected --seal S-2 --serial 9999");
    assert_eq!(codes(&world, "m1"), [""; 0]);
}

#[test]
fn bytes_that_differ_between_two_records_are_found() {
    let world = world();
    let added = by_dora(&world, 9, "written --hash");
    let volume = fs::read_dir(world.path("m1"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "tar"))
        .unwrap();
    let bytes = fs::read(&volume).unwrap();
    assert_eq!(
        added["record"]["volumes"],
        json!([{ "digest": Digest::of(&bytes), "number": 1 }])
    );
    by_station(&world, 8, "received --hash");
    assert_eq!(codes(&world, "m1"), [""; 0]);
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&volume, other).unwrap();
    by_station(&world, 7, "inspected --hash");
    assert_eq!(codes(&world, "m1"), ["custody-medium-differs"]);
}

#[test]
fn what_nobody_known_signed_is_shown_and_breaks_nothing() {
    let world = world();
    carried(&world);
    let at = ago(5);
    // What is called by another ending is no record.
    fs::write(world.path("m1/notes.custody-1.txt"), b"no record").unwrap();
    let ran = world
        .run(&format!(
            "custody add m1 {TRUST} --key stranger.pem --event inspected --seal S-9 --at {at}"
        ))
        .done();
    assert!(ran.stderr.contains("counts for nothing"), "{}", ran.stderr);
    fs::write(world.path("m1/x.custody-1.dsse.json"), b"no envelope").unwrap();
    fs::write(world.path("m1/y.custody-1.dsse.json"), vec![b' '; 300 << 10]).unwrap();
    let sealed = people::sealed(Kind::Approval, b"{}", &[people::EXPORTER]).write();
    fs::write(world.path("m1/z.custody-1.dsse.json"), sealed).unwrap();
    assert_eq!(codes(&world, "m1"), ["custody-record-unproven"; 4]);
    let shown = show(&world);
    let words: Vec<&Value> = shown["records"]
        .as_array()
        .unwrap()
        .iter()
        .skip(4)
        .map(|link| &link["word"])
        .collect();
    assert_eq!(words.iter().filter(|word| ***word == "unknown-signer").count(), 1);
    assert_eq!(words.iter().filter(|word| ***word == "unreadable").count(), 3);
    // The next record does not follow it either.
    by_station(&world, 4, "stored --place safe-2");
    assert_eq!(codes(&world, "m1").len(), 4);

    fs::remove_file(world.path("m1/notes.custody-1.txt")).unwrap();
    judged::revoke(&world, 1, vec![Revoked::Key(people::id(people::EXPORTER).to_string())]);
    let ran = world.run(&format!(
        "custody show {} {TRUST} --json",
        records(&world, "m1")
            .iter()
            .map(|name| format!("m1/{name}"))
            .collect::<Vec<_>>()
            .join(" ")
    ));
    let words = ran.json()["records"].to_string();
    assert!(words.contains("key-revoked"), "{words}");
}

#[test]
fn volumes_may_go_different_ways() {
    let world = World::new();
    world.key(people::EXPORTER, "dora.pem");
    let mut bundle = world.bundle(1, None);
    bundle.segments_per_volume = Some(1);
    bundle
        .files
        .push(("large".to_owned(), crate::raw_bundle::noise(3, 40_000)));
    world.write("m1", &bundle, &World::edits(|_| {}));
    by_dora(&world, 9, "written");
    by_dora(&world, 8, "sealed --seal S-1 --volume 1");
    by_dora(&world, 7, "sealed --seal S-2 --volume 2");
    by_dora(&world, 6, "handed-over --to carl --volume 1");
    by_dora(&world, 5, "handed-over --to cleo --volume 2");
    by_station(&world, 4, "received --seal S-2 --volume 2");
    by_station(&world, 3, "received --seal S-1 --volume 1");
    by_station(&world, 2, "inspected");
    assert_eq!(codes(&world, "m1"), [""; 0]);
    let shown = show(&world);
    let last = shown["records"].as_array().unwrap().last().unwrap()["record"]["previous"].clone();
    assert!(last.as_array().unwrap().len() >= 3, "{last}");
    // Seals that changed places are found.
    by_station(&world, 1, "inspected --seal S-1 --volume 2");
    assert_eq!(codes(&world, "m1"), ["custody-seal-differs"]);
    world.unable(&format!(
        "custody add m1 {TRUST} --key dora.pem --event stored --volume 999"
    ));
}

#[test]
fn a_record_that_keeps_no_rules_is_not_written() {
    let world = world();
    let add = format!("custody add m1 {TRUST} --key dora.pem --event");
    for line in [
        "sealed".to_owned(),
        "sealed --seal S-1 --seal-state broken".to_owned(),
        "handed-over".to_owned(),
        "stored --method burnt".to_owned(),
        format!("stored --at {}", now().plus_days(1)),
        format!("stored --note {}", "x".repeat(3000)),
        "stored --hash --volume 2".to_owned(),
    ] {
        world.unable(&format!("{add} {line}"));
    }
    assert!(world.unable(&format!("{add} scanned")).contains("no scanner is named"));
    for line in [
        "lost",
        "stored --write-protection maybe",
        "stored --disk-id sdb",
        "stored --seal-state broken",
    ] {
        assert_eq!(world.run(&format!("{add} {line}")).status, 2, "{line}");
    }
    assert_eq!(records(&world, "m1"), [""; 0]);
    // A bundle that nobody vouches for gets no records.
    fs::write(world.path("m1/fake.tar"), vec![0; 2048]).unwrap();
    world.refused(&format!("{add} stored"), "unknown-format");
}

const POLICY: &str = "
schema: sealift-policy/1
id: plant-7
version: 1
profile: standard
require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }
names: { first_seen: allow, similar: allow }
ecosystems: { files: { evidence: none } }
";

/// The same world, with a policy that asks for something.
fn asking(more: &str) -> World {
    let world = world();
    world.policy(&format!("{POLICY}{more}"));
    world
}

fn report(world: &World) -> Value {
    world.json("report show --enclave en")
}

fn check(report: &Value) -> &Value {
    reports::check(report, "custody")
}

fn not_checked(report: &Value) -> String {
    report["head"]["not_checked"].to_string()
}

#[test]
fn the_report_of_an_import_says_who_had_the_media() {
    let world =
        asking("custody: { events: [sealed, handed-over, received], seals: both-sides, write_protected: true }\n");
    carried(&world);
    let verified = world.json("verify --enclave en m1");
    assert_eq!(verified["custody"]["records"].as_array().unwrap().len(), 4);
    world.run("import --enclave en m1").done();
    let report = report(&world);
    assert_eq!(check(&report)["result"], "pass");
    assert!(!not_checked(&report).contains("who carried the media"));
    let custody = &report["head"]["custody"];
    assert_eq!(custody["troubles"], json!([]));
    assert_eq!(custody["records"][1]["record"]["to"], "carl");
    assert_eq!(custody["records"][2]["roles"], json!(["import", "log"]));
    let control = report["controls"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|answer| answer["control"] == "MP-5");
    assert!(
        control.is_none_or(|answer| answer["status"] == "partial"),
        "{control:?}"
    );
    world
        .run("report verify en/reports/000001-main-1.report.ndjson --trust en/trust")
        .done();
    let page = world.run("report show --enclave en --format html").done().stdout;
    for word in ["Who had the media", "SanDisk Ultra", "carl", "S-1, intact"] {
        assert!(page.contains(word), "{word}");
    }
    let text = world.run("report show --enclave en").done().stdout;
    assert!(text.contains("4 records of who had the media"), "{text}");
    // The records are kept with the seal and the approvals.
    for name in records(&world, "m1") {
        let digest = Digest::of(&fs::read(world.path(&format!("m1/{name}"))).unwrap());
        let store = sealift::store::Store::open(world.path("en/store")).unwrap();
        assert!(store.contains(&digest), "{name}");
    }
    world.run("audit --enclave en").done();
}

#[test]
fn what_the_policy_asks_for_and_nobody_recorded_refuses() {
    let rule = "custody: { events: [sealed, received], seals: both-sides, write_protected: true }\n";
    type Record = fn(&World);
    let cases: [(&str, Record); 6] = [
        ("nobody recorded anything", |_| {}),
        ("nobody received it", |world| {
            by_dora(world, 9, "sealed --seal S-1 --write-protection hardware");
        }),
        ("the exporter says that it was received", |world| {
            by_dora(world, 9, "sealed --seal S-1 --write-protection hardware");
            by_dora(world, 8, "received --seal S-1");
        }),
        ("nobody looked at the seal", |world| {
            by_dora(world, 9, "sealed --seal S-1 --write-protection hardware");
            by_station(world, 8, "received");
        }),
        ("it was sealed again since", |world| {
            by_dora(world, 9, "sealed --seal S-1 --write-protection hardware");
            by_station(world, 8, "received --seal S-1");
            by_station(world, 7, "opened --seal S-1");
            by_station(world, 6, "sealed --seal S-2");
        }),
        ("it can be written to", |world| {
            by_dora(world, 9, "sealed --seal S-1 --write-protection hardware");
            by_station(world, 8, "received --seal S-1 --write-protection none");
        }),
    ];
    for (why, record) in cases {
        let world = asking(rule);
        record(&world);
        let said = world.refused("verify --enclave en m1", "custody-incomplete");
        assert!(said.contains("custody."), "{why}: {said}");
    }
    let world = asking(rule);
    world.refused("import --enclave en m1", "custody-incomplete");
    assert_eq!(check(&report(&world))["result"], "fail");
    assert!(not_checked(&report(&world)).contains("who carried the media"));
}

#[test]
fn what_does_not_fit_together_refuses_and_what_nobody_signed_does_not() {
    // The profile's own values.
    let world = asking("");
    by_dora(&world, 9, "sealed --seal S-1");
    by_station(&world, 8, "received --seal S-7");
    let said = world.refused("import --enclave en m1", "custody-seal-differs");
    assert!(said.contains("the seal is S-7, and was S-1"), "{said}");
    let report = report(&world);
    assert_eq!(check(&report)["codes"], json!(["custody-seal-differs"]));
    assert_eq!(report["head"]["custody"]["troubles"][0]["code"], "custody-seal-differs");

    let world = asking("");
    carried(&world);
    fs::remove_file(world.path(&format!("m1/{}", records(&world, "m1")[1]))).unwrap();
    world.refused("import --enclave en m1", "custody-chain-broken");
    // Where the site only wants to know, it is in the report.
    let world = asking("custody: { chain: record, seals: record }\n");
    carried(&world);
    fs::remove_file(world.path(&format!("m1/{}", records(&world, "m1")[1]))).unwrap();
    by_station(&world, 1, "inspected --seal S-8");
    by_station(&world, 0, "sealed --seal S-9");
    world.run("import --enclave en m1").done();
    assert_eq!(check(&self::report(&world))["result"], "warn");

    let world = asking("");
    fs::write(world.path("m1/x.custody-1.dsse.json"), b"no envelope").unwrap();
    world
        .run(&format!(
            "custody add m1 {TRUST} --key stranger.pem --event sealed --seal S-9"
        ))
        .done();
    world.run("import --enclave en m1").done();
    let report = self::report(&world);
    assert_eq!(check(&report)["result"], "warn");
    let words: Vec<&Value> = report["head"]["custody"]["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| &link["word"])
        .collect();
    assert_eq!(words.len(), 2, "{words:?}");
    assert!(not_checked(&report).contains("who carried the media"));
    let hits = report["head"]["policy"]["bundle"].to_string();
    assert!(hits.contains("custody-record-unproven"), "{hits}");
}

#[test]
fn records_that_came_with_an_earlier_volume_count() {
    let world = World::new();
    world.policy(&format!("{POLICY}custody: {{ events: [sealed] }}\n"));
    world.key(people::EXPORTER, "dora.pem");
    let mut bundle = world.bundle(1, None);
    bundle.segments_per_volume = Some(4);
    world.write("m1", &bundle, &World::edits(|_| {}));
    by_dora(&world, 9, "sealed --seal S-1");
    let name = &records(&world, "m1")[0];
    world
        .run(&format!("import --enclave en m1/main-1.vol001of002.tar m1/{name}"))
        .done();
    let all: Vec<String> = fs::read_dir(world.path("m1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tar"))
        .map(|name| format!("m1/{name}"))
        .collect();
    world.run(&format!("import --enclave en {}", all.join(" "))).done();
    assert_eq!(
        report(&world)["head"]["custody"]["records"].as_array().unwrap().len(),
        1
    );
}

/// Writes a scanner of the sending side that finds a word.
fn scanner(world: &World) {
    use std::os::unix::fs::PermissionsExt as _;
    let honest = "s=0; while read -r path; do if grep -q 'test calls malware' \"$path\"; then echo \"$path: Test.Evil FOUND\"; s=1; \
                  else echo \"$path: OK\"; fi; done < \"$1\"; exit $s";
    for (name, text) in [
        ("scan.sh", honest.to_owned()),
        ("version.sh", format!("echo {} test-1", now())),
    ] {
        fs::write(world.path(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(world.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let yaml = format!(
        "schema: sealift-scanners/1\nscanners:\n  - engine: clamav\n    command: [\"{}\", \"{{list}}\"]\n    definitions: [\"{}\"]\n",
        world.path("scan.sh").display(),
        world.path("version.sh").display(),
    );
    fs::write(world.path("scanners.yaml"), yaml).unwrap();
}

#[test]
fn a_scan_on_the_sending_side_counts_where_the_policy_trusts_who_signed_it() {
    let world = asking("scan: [{ engine: clamav, side: export, definitions_max_age_days: 3 }]\n");
    scanner(&world);
    world.refused("import --enclave en m1", "scan-missing");
    let add = format!("custody add m1 {TRUST} --scanners scanners.yaml --event scanned --key");
    // Nobody asked the station, and nobody knows the stranger.
    world.run(&format!("{add} en/keys/import.pem")).done();
    world.run(&format!("{add} stranger.pem")).done();
    world.refused("import --enclave en m1", "scan-missing");
    let both =
        "scan: [{ engine: clamav, side: export, definitions_max_age_days: 3 }]\ncustody: { scan_max_age_days: 2 }\n";
    world.policy(&format!("{POLICY}{both}").replace("version: 1", "version: 2"));
    world.refused("import --enclave en m1", "custody-incomplete");
    let added = world.json(&format!("{add} dora.pem"));
    let scan = &added["record"]["scans"][0];
    assert_eq!((&scan["found"], &scan["engine"]), (&json!(0), &json!("clamav")));
    assert!(scan["objects"].as_u64().unwrap() > 4, "{scan}");
    world.run("import --enclave en m1").done();
    for artifact in report(&world)["artifacts"].as_array().unwrap() {
        assert_eq!(
            artifact["scans"],
            json!([{ "engine": "clamav", "result": "clean", "side": "export" }])
        );
    }
}

#[test]
fn what_was_found_on_the_sending_side_is_refused() {
    let world = asking("");
    scanner(&world);
    let mut bundle = world.bundle(1, None);
    bundle
        .files
        .push(("zz".to_owned(), b"a harmless text that a test calls malware".to_vec()));
    fs::remove_dir_all(world.path("m1")).unwrap();
    world.write("m1", &bundle, &World::edits(|_| {}));
    let added = world.json(&format!(
        "custody add m1 {TRUST} --scanners scanners.yaml --event scanned --key dora.pem"
    ));
    let scan = &added["record"]["scans"][0];
    assert_eq!(
        (&scan["found"], &scan["told"][0]["detail"]),
        (&json!(1), &json!("Test.Evil"))
    );
    let said = world.refused("import --enclave en m1", "scan-positive");
    assert!(said.contains("clamav found Test.Evil"), "{said}");
    assert_eq!(codes(&world, "m1"), [""; 0]);
}

#[test]
fn two_persons_who_record_the_same_in_one_second_are_one_record_of_both() {
    let world = world();
    by_dora(&world, 9, "sealed --seal S-1");
    let first = records(&world, "m1");
    // The very same, to the second, by another person's key.
    let envelope = Envelope::read(&fs::read(world.path(&format!("m1/{}", first[0]))).unwrap()).unwrap();
    let other = people::sealed(Kind::Custody, &envelope.payload, &[people::STATION]).write();
    fs::write(world.path("m1/main-1-1.custody-other.dsse.json"), other).unwrap();
    assert_eq!(records(&world, "m1").len(), 2);
    let shown = show(&world);
    let links = shown["records"].as_array().unwrap();
    assert_eq!(links.len(), 1, "{shown}");
    assert_eq!(links[0]["persons"], json!(["dora", "station-plant-7"]));
    assert_eq!(links[0]["keys"].as_array().unwrap().len(), 2);
    assert_eq!(links[0]["roles"], json!(["export", "import", "log"]));
    assert_eq!(shown["troubles"], json!([]));
    // What follows names it once, and an import bears all of it out.
    by_station(&world, 7, "received --from carl --seal S-1");
    assert_eq!(show(&world)["records"].as_array().unwrap().len(), 2);
    let written = |line: &str| {
        world.json(&format!("custody add m1 {TRUST} {line}"))["file"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let at = ago(5);
    let one = written(&format!("--key dora.pem --at {at} --event stored --place gate"));
    let two = written(&format!(
        "--key en/keys/import.pem --at {at} --event stored --place gate"
    ));
    assert_ne!(one, two, "neither writes over the other");
    world.run("import --enclave en m1").done();
    world.run("audit --enclave en").done();
}
