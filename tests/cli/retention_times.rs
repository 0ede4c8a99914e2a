//! From when on a record's days are counted, what keeps an object that others name too, and removals that no single tombstone holds.

use std::fs;

use sealift::crypto::dsse::Envelope;
use sealift::crypto::strict_json;
use sealift::model::Digest;
use sealift::trust::Kind;
use serde_json::{Value, json};

use crate::holds::awaiting_review;
use crate::log::{report, three_attempts};
use crate::people;
use crate::retention::AT_ONCE;
use crate::world::{World, now};

/// The paths of what a run removed.
fn pruned(world: &World) -> Vec<String> {
    let done = world.json("prune --enclave en");
    let entries = done["pruned"].as_array().unwrap_or_else(|| panic!("{done}"));
    entries
        .iter()
        .map(|entry| entry["path"].as_str().unwrap().to_owned())
        .collect()
}

fn manifest(world: &World, report: u64) -> Digest {
    let shown = world.json(&format!("report show {report} --enclave en"));
    shown["head"]["bundle"]["manifest"].as_str().unwrap().parse().unwrap()
}

/// Where an object lies, below the enclave's folder.
fn object(content: &[u8]) -> String {
    let hex = Digest::of(content).to_string();
    let hex = hex.trim_start_matches("sha256:");
    format!("store/objects/{}/{}", &hex[..2], &hex[2..])
}

#[test]
fn a_report_stays_as_long_as_what_it_was_judged_by() {
    let world = three_attempts();
    let first = report(&world, 1);
    world.policy(&AT_ONCE.replace("refusal_days: 0", "refusal_days: 30, report_days: 0"));
    assert!(pruned(&world).contains(&first["en/".len()..].to_owned()));
    assert!(!world.path(&first).exists());
    let world = three_attempts();
    let later = AT_ONCE.replace("refusal_days: 0", "refusal_days: 30, report_days: 0");
    world.policy(&later.replace("capsule_days: 0", "capsule_days: 30"));
    assert_eq!(pruned(&world), Vec::<String>::new());
    assert!(world.path(&first).exists());
}

#[test]
fn the_days_of_a_review_begin_with_its_import_or_when_it_was_signed() {
    let world = awaiting_review();
    world
        .run("review approve --all --enclave en --key ann.pem --reason looked")
        .done();
    world.run("import --enclave en m1").done();
    let folder = fs::read_dir(world.path("en/reviews")).unwrap().next().unwrap().unwrap();
    let paths = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let path = paths
        .into_iter()
        .find(|path| path.to_str().unwrap().ends_with(".dsse.json"))
        .unwrap();
    let mut review: Value =
        serde_json::from_slice(&Envelope::read(&fs::read(&path).unwrap()).unwrap().payload).unwrap();
    let mut signed = |days: i64| {
        let created = now().plus_seconds(days * 86_400);
        review["created"] = json!(created);
        review["expires"] = json!(created.plus_days(30));
        let sealed = people::sealed(Kind::Review, &strict_json::write(&review), &[people::ANN]);
        fs::write(&path, sealed.write()).unwrap();
    };
    let days = |version: u64, days: u64| {
        let days = format!("review_days: {days}, refusal_days: 30");
        let policy = AT_ONCE.replace("refusal_days: 0", &days);
        world.policy(&policy.replace("version: 1", &format!("version: {version}")));
    };
    // By a clock that is behind: the bundle came when the enclave's said so.
    days(2, 30);
    signed(-60);
    assert_eq!(pruned(&world), Vec::<String>::new());
    // And by one that is ahead.
    days(3, 0);
    signed(10);
    assert_eq!(pruned(&world), Vec::<String>::new());
    signed(-60);
    assert_eq!(pruned(&world).len(), 1);
    assert!(!path.exists());
}

#[test]
fn an_object_goes_when_nobody_finds_it_for_long_enough_and_nothing_else_names_it() {
    let world = three_attempts();
    // What came second holds the bytes of what came first, under another name.
    let mut bundle = world.bundle(3, Some(manifest(&world, 3)));
    bundle.files.push(("same-as-in-1".to_owned(), b"number 1\n".to_vec()));
    world.write("shared", &bundle, &World::edits(|_| {}));
    world.run("import --enclave en shared").done();
    world.run("rollback --enclave en --to 1 --reason test").done();
    world.run("gc --enclave en --keep 1").done();
    world.policy(&AT_ONCE.replace("artifact_days: 0", "artifact_days: 30"));
    let objects = |paths: Vec<String>| -> Vec<String> {
        let mut objects: Vec<String> = paths.into_iter().filter(|path| path.starts_with("store/")).collect();
        objects.sort();
        objects
    };
    assert_eq!(objects(pruned(&world)), Vec::<String>::new());
    world.policy(&AT_ONCE.replace("version: 1", "version: 2"));
    let mut gone = vec![object(b"number 2\n"), object(b"number 3\n")];
    gone.sort();
    assert_eq!(objects(pruned(&world)), gone);
    world.run("audit --enclave en").done();
    // What comes again is here to stay.
    let mut bundle = world.bundle(4, Some(manifest(&world, 4)));
    bundle.files.push(("only-in-2".to_owned(), b"number 2\n".to_vec()));
    world.write("again", &bundle, &World::edits(|_| {}));
    world.run("import --enclave en again").done();
    assert_eq!(objects(pruned(&world)), Vec::<String>::new());
    assert!(world.path("en").join(object(b"number 2\n")).exists());
    world.run("audit --enclave en").done();
    world.run("rebuild --enclave en").done();
    world.run("audit --enclave en").done();
}

#[test]
fn generations_that_show_a_held_artifact_are_kept() {
    let world = three_attempts();
    world.run("import --enclave en m3").done();
    let listed = world.json("list --enclave en --all");
    let artifacts = listed["artifacts"].as_array().unwrap();
    let second = artifacts.iter().find(|one| one["file"] == "only-in-2").unwrap();
    let purl = second["purl"].as_str().unwrap();
    world
        .run(&format!(
            "hold add one --purl {purl} --enclave en --reason r --key en/keys/import.pem"
        ))
        .done();
    assert_eq!(
        world.json("gc --enclave en --keep 1")["generations"],
        json!([1]),
        "{purl}"
    );
    world.run("audit --enclave en").done();
}

#[test]
fn what_one_tombstone_does_not_hold_goes_by_several() {
    const MANY: usize = 2_050;
    let world = World::new();
    let first = world.medium(1, None);
    let mut bundle = world.bundle(2, Some(first));
    let many = (0..MANY).map(|number| (format!("many-{number}"), format!("many {number}\n").into_bytes()));
    bundle.files.extend(many);
    world.write("m2", &bundle, &World::edits(|_| {}));
    world.run("import --enclave en m1").done();
    world.run("import --enclave en m2").done();
    world.run("rollback --enclave en --to 1 --reason test").done();
    world.run("gc --enclave en --keep 1").done();
    world.policy(&AT_ONCE.replace("capsule_days: 0", "capsule_days: 30"));
    let done = world.json("prune --enclave en");
    assert_eq!(done["pruned"].as_array().unwrap().len(), MANY + 1);
    assert_eq!(done["statements"], json!([1, 2]));
    world.run("audit --enclave en").done();
    assert_eq!(pruned(&world), Vec::<String>::new());
}
