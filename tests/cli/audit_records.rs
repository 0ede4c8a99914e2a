//! Records that somebody replaced, moved or put back: an audit and `sealift rebuild` tell which, each of them by itself.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sealift::bundle::frame;
use sealift::crypto::dsse::Envelope;
use sealift::crypto::{merkle, strict_json};
use sealift::enclave::{Enclave, Statement};
use sealift::trust::Kind;
use serde_json::{Value, json};

use crate::judged;
use crate::log::{copy, keep_state, put_state_back, report, three_attempts};
use crate::people;
use crate::reports::parts;
use crate::retention::AT_ONCE;
use crate::world::{World, now};

/// What an audit tells of a file: how it differs, its code, which what a killed run left does not have, and why.
fn told(world: &World, file: &str) -> Vec<[String; 3]> {
    let document = world.run("audit --enclave en --json").json();
    let found = document["differences"].as_array().unwrap().iter();
    found
        .filter(|found| found["file"] == file)
        .map(|found| ["how", "code", "reason"].map(|field| found[field].as_str().unwrap_or("-").to_owned()))
        .collect()
}

/// Fails unless an audit tells of a file in these words.
pub(crate) fn tells(world: &World, file: &str, how: &str, code: &str, reason: &str) {
    let told = told(world, file);
    assert!(
        told.iter()
            .any(|found| found[0] == how && found[1] == code && found[2].contains(reason)),
        "{file}: {told:?}"
    );
}

/// A rebuild that is refused, and that leaves state.db as it was.
pub(crate) fn not_rebuilt(world: &World, more: &str, code: &str, reason: &str) {
    let state = fs::read(world.path("en/state.db")).unwrap();
    let ran = world.run(&format!("rebuild --enclave en{more}"));
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(
        ran.stderr.contains(&format!("[{code}]")) && ran.stderr.contains(reason),
        "{reason}: {}",
        ran.stderr
    );
    assert_eq!(fs::read(world.path("en/state.db")).unwrap(), state);
}

/// The station writes a report anew in which it says something of which no leaf of the log tells.
fn written_anew(world: &World, path: &Path) {
    let (envelope, records) = parts(path);
    let mut head: Value = serde_json::from_slice(&envelope.payload).unwrap();
    head["generator"] = json!("another");
    let sealed = people::sealed(Kind::Report, &strict_json::write(&head), &[people::STATION]);
    fs::write(path, [&sealed.write()[..], b"\n", &records].concat()).unwrap();
    let ran = world.run(&format!("report verify {} --enclave en", path.display()));
    assert_eq!(ran.status, 0, "it verifies by itself: {ran:?}");
}

/// The last of an enclave's statements.
pub(crate) fn last_statement(world: &World) -> PathBuf {
    let mut paths: Vec<PathBuf> = fs::read_dir(world.path("en/statements"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.pop().unwrap()
}

pub(crate) fn payload(path: &Path) -> Value {
    serde_json::from_slice(&Envelope::read(&fs::read(path).unwrap()).unwrap().payload).unwrap()
}

#[test]
fn a_report_that_was_written_anew_is_not_the_one_that_the_next_names() {
    let world = three_attempts();
    copy(&world, "en", "good");
    let first = report(&world, 1);
    let second = report(&world, 2);
    written_anew(&world, &world.path(&first));
    tells(&world, &second, "other", "state-rolled-back", "");
    not_rebuilt(&world, "", "state-rolled-back", "report 2");
    copy(&world, "good", "en");
    // Also where the next is gone, and only its tombstone names the one before.
    world.policy(AT_ONCE);
    world.run("prune --enclave en").done();
    assert!(!world.path(&second).exists());
    world.run("rebuild --enclave en").done();
    written_anew(&world, &world.path(&first));
    tells(&world, &second, "other", "state-rolled-back", "");
    not_rebuilt(&world, "", "state-rolled-back", "report 2");
}

#[test]
fn a_report_lies_under_its_own_number_and_once() {
    let world = three_attempts();
    copy(&world, "en", "good");
    copy(
        &world,
        &report(&world, 2),
        "en/reports/000002-again-refused.report.ndjson",
    );
    not_rebuilt(&world, "", "state-rolled-back", "or twice");
    copy(&world, "good", "en");
    fs::rename(
        world.path(&report(&world, 3)),
        world.path("en/reports/000009-main-2.report.ndjson"),
    )
    .unwrap();
    not_rebuilt(
        &world,
        "",
        "state-rolled-back",
        "report 9 lies there under another number",
    );
    copy(&world, "good", "en");
    // None of them, and a log that somebody has signed.
    fs::remove_dir_all(world.path("en/reports")).unwrap();
    not_rebuilt(&world, "", "state-rolled-back", "no report is there");
}

#[test]
fn nothing_is_made_from_records_that_were_put_back_together() {
    let world = three_attempts();
    copy(&world, "en", "old");
    world.run("import --enclave en m3").done();
    copy(&world, &report(&world, 4), "kept.ndjson");
    world.run("rebuild --enclave en --report kept.ndjson").done();
    copy(&world, "old", "en");
    not_rebuilt(
        &world,
        " --report kept.ndjson",
        "state-rolled-back",
        "kept.ndjson speaks of",
    );
    for _ in 0..7 {
        assert_eq!(world.run("import --enclave en other.tar").status, 1);
    }
    not_rebuilt(&world, " --report kept.ndjson", "log-inconsistent", "give another root");
    world.run("rebuild --enclave en").done();
}

#[test]
fn what_no_record_names_is_told_where_it_lies() {
    // There is no log yet.
    let world = World::new();
    fs::create_dir_all(world.path("en/log")).unwrap();
    fs::write(world.path("en/log/notes"), "mine").unwrap();
    tells(&world, "en/log/notes", "extra", "state-rolled-back", "");
    // Journals of judgements that nobody made.
    let world = three_attempts();
    fs::create_dir_all(world.path("en/rechecks")).unwrap();
    let named = "en/rechecks/00000001.journal.ndjson.zst";
    fs::write(world.path(named), "mine").unwrap();
    tells(
        &world,
        named,
        "extra",
        "state-rolled-back",
        "no leaf of the log names it",
    );
    fs::remove_file(world.path(named)).unwrap();
    for left in ["00009999.journal.ndjson.zst", "notes"] {
        let file = format!("en/rechecks/{left}");
        fs::write(world.path(&file), "mine").unwrap();
        tells(&world, &file, "leftover", "-", "did not commit");
        fs::remove_file(world.path(&file)).unwrap();
    }
    world.run("audit --enclave en").done();
}

#[test]
fn checkpoint_and_state_are_of_one_age() {
    let world = three_attempts();
    copy(&world, "en/log/checkpoint", "old");
    keep_state(&world, "before");
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    copy(&world, "en", "good");
    // The older checkpoint is one of the same log, and the next run puts the later one in its place.
    copy(&world, "old", "en/log/checkpoint");
    tells(&world, "en/log/checkpoint", "leftover", "-", "state.db has a later one");
    assert_eq!(world.json("audit --enclave en")["total"]["leftovers"], 1);
    world.run("import --enclave en m3").done();
    world.run("audit --enclave en").done();
    copy(&world, "good", "en");
    put_state_back(&world, "before");
    tells(
        &world,
        "en/state.db",
        "other",
        "state-rolled-back",
        "leaves that are signed, and the log's checkpoint has",
    );
    tells(
        &world,
        "en/state.db",
        "other",
        "state-rolled-back",
        "knows report 3 as the last one, and 4 lies there",
    );
}

#[test]
fn a_generation_of_another_root_and_a_damaged_file_are_named_as_that() {
    let world = three_attempts();
    copy(&world, "en", "good");
    let connection = Connection::open(world.path("en/state.db")).unwrap();
    connection
        .execute("UPDATE generations SET root = zeroblob(32) WHERE number = 1", [])
        .unwrap();
    drop(connection);
    tells(
        &world,
        "en/state.db",
        "other",
        "state-rolled-back",
        "generation 1 shows sha256:0000",
    );
    copy(&world, "good", "en");
    // The database's header says how many pages are free, and no list of them is there (SQLite file format §1.3).
    let path = world.path("en/state.db");
    let mut bytes = fs::read(&path).unwrap();
    assert_eq!(bytes[36..40], [0; 4]);
    bytes[39] = 1;
    fs::write(&path, bytes).unwrap();
    tells(
        &world,
        "en/state.db",
        "other",
        "state-rolled-back",
        "SQLite finds it damaged",
    );
}

#[test]
fn what_was_pruned_and_lies_there_again_is_told() {
    let world = three_attempts();
    world.policy(AT_ONCE);
    let file = report(&world, 2);
    let kept = fs::read(world.path(&file)).unwrap();
    world.run("prune --enclave en").done();
    fs::write(world.path(&file), kept).unwrap();
    tells(&world, &file, "leftover", "-", "it was pruned");
    world.run("prune --enclave en").done();
    assert!(!world.path(&file).exists());
    assert_eq!(world.json("audit --enclave en")["total"]["leftovers"], 0);
}

#[test]
fn a_lost_report_between_others_is_known_by_what_the_next_says_of_it() {
    let world = three_attempts();
    world.key(people::ANN, "ann.pem");
    let expected = world.json("report show 3 --enclave en")["head"]["previous"]["digest"].clone();
    fs::remove_file(world.path(&report(&world, 2))).unwrap();
    copy(&world, "en", "good");
    let waive = "audit waive 2 --enclave en --reason burnt --key ann.pem";
    // Not by a log that somebody touched.
    let mut entries: Vec<PathBuf> = fs::read_dir(world.path("en/log/tile/entries/000.p"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort_by_key(|path| fs::metadata(path).unwrap().len());
    let newest = entries.pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let place = bytes.windows(10).position(|part| part == b"\"decision\"").unwrap();
    bytes[place + 12] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let ran = world.run(waive);
    assert!(ran.status == 1 && ran.stderr.contains("[log-inconsistent]"), "{ran:?}");
    copy(&world, "good", "en");
    assert_eq!(world.json(waive)["taken"], true);
    let stated = payload(&last_statement(&world));
    assert_eq!(stated["reports"].as_array().unwrap().len(), 1, "{stated}");
    let lost = &stated["reports"][0];
    assert_eq!(
        (&lost["number"], &lost["digest"], &lost["outcome"]),
        (&json!(2), &expected, &json!("refused"))
    );
    world.run("audit --enclave en").done();
    world.run("rebuild --enclave en").done();
    world.run("report list --enclave en").done();
}

#[test]
fn a_station_that_signs_another_generation_for_what_it_pruned_is_found() {
    let world = three_attempts();
    let short = AT_ONCE.replace("refusal_days: 0", "report_days: 0");
    world.policy(&short);
    copy(&world, "en", "before");
    world.run("prune --enclave en").done();
    world.run("rebuild --enclave en").done();
    let mut stated = payload(&last_statement(&world));
    let _ = fs::remove_dir_all(world.path("en"));
    copy(&world, "before", "en");
    let entries = stated["entries"].as_array_mut().unwrap();
    for entry in entries.iter_mut() {
        fs::remove_file(world.path("en").join(entry["path"].as_str().unwrap())).unwrap();
        if entry["report"].is_object() {
            assert_eq!(entry["report"]["generation"], 1);
            entry["report"]["generation"] = json!(7);
        }
    }
    let envelope = people::sealed(Kind::Tombstone, &strict_json::write(&stated), &[people::STATION]);
    let enclave = Enclave::open(&world.path("en"), "a test").unwrap();
    let statement = Statement {
        what: Kind::Tombstone.name(),
        envelope: &envelope,
        pruned: &[],
        list: None,
    };
    enclave.state(&statement, now()).unwrap();
    drop(enclave);
    not_rebuilt(
        &world,
        "",
        "state-rolled-back",
        "report 1 tells of generation 7, and the ones before give 1",
    );
}

#[test]
fn judgements_are_told_only_when_their_whole_journal_is_the_one_that_is_named() {
    let world = judged::imported();
    world.run("recheck --enclave en --record").done();
    let path = fs::read_dir(world.path("en/rechecks"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .next()
        .unwrap();
    let size = zstd::decode_all(&fs::read(&path).unwrap()[..]).unwrap().len();
    // As long, and no journal: it is refused for its digest before a line of it is read.
    let mut content = vec![b'x'; size - 1];
    content.push(b'\n');
    fs::write(&path, frame::encode(&content).unwrap()).unwrap();
    not_rebuilt(&world, "", "digest-mismatch", "rechecks/");
}

#[test]
fn what_a_killed_import_left_beside_its_report_goes_with_the_next() {
    let world = three_attempts();
    let journal = "en/reports/000004-main-9.journal.ndjson.zst";
    let basis = "en/reports/000004-main-9.basis";
    fs::write(world.path(journal), "half").unwrap();
    fs::create_dir(world.path(basis)).unwrap();
    fs::write(world.path(basis).join("order.json"), "half").unwrap();
    for file in [journal, basis] {
        tells(&world, file, "leftover", "-", "of an import that did not commit");
    }
    world.run("import --enclave en m3").done();
    assert!(!world.path(journal).exists() && !world.path(basis).exists());
    assert_eq!(world.json("audit --enclave en")["total"]["leftovers"], 0);
    world.run("audit --enclave en").done();
}

#[test]
fn a_log_whose_older_leaves_were_rewritten_says_of_nothing_that_it_is_lost() {
    let world = World::new();
    let mut bundle = world.bundle(1, None);
    let many = (0..260).map(|number| (format!("many-{number}"), format!("many {number}\n").into_bytes()));
    bundle.files.extend(many);
    world.write("m1", &bundle, &World::edits(|_| {}));
    world.run("import --enclave en m1").done();
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    world.key(people::ANN, "ann.pem");
    fs::remove_file(world.path(&report(&world, 2))).unwrap();
    // The first leaf with the hash that stands for it; above a full tile nothing is read of it when the log is opened (C2SP tlog-tiles).
    let (entries, hashes) = (world.path("en/log/tile/entries/000"), world.path("en/log/tile/0/000"));
    let mut bytes = fs::read(&entries).unwrap();
    let end = 2 + usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    let place = bytes.windows(8).position(|part| part == b"\"purl\":\"").unwrap();
    // A letter of its type.
    assert!(place < end);
    bytes[place + 12] ^= 1;
    let mut tile = fs::read(&hashes).unwrap();
    tile[..32].copy_from_slice(merkle::leaf_hash(&bytes[2..end]).as_bytes());
    fs::write(&entries, bytes).unwrap();
    fs::write(&hashes, tile).unwrap();
    let ran = world.run("audit waive 2 --enclave en --reason burnt --key ann.pem");
    assert!(
        ran.status == 1 && ran.stderr.contains("so it cannot say what is missing"),
        "{ran:?}"
    );
}

#[test]
fn a_report_that_was_kept_elsewhere_is_held_against_an_enclave_that_has_no_log_any_more() {
    let world = World::new();
    copy(&world, "en", "new");
    // What cannot be read is no report of which nothing is to be said.
    assert_eq!(world.run("audit --enclave en --report missing.ndjson").status, 3);
    assert_eq!(world.run("rebuild --enclave en --report missing.ndjson").status, 3);
    world.medium(1, None);
    world.run("import --enclave en m1").done();
    copy(&world, &report(&world, 1), "kept.ndjson");
    // Nor is that passed over where the rest is wrong by itself.
    fs::remove_file(world.path(&report(&world, 1))).unwrap();
    assert_eq!(world.run("audit --enclave en").status, 1);
    assert_eq!(world.run("audit --enclave en --report missing.ndjson").status, 3);
    copy(&world, "new", "en");
    world.run("audit --enclave en").done();
    let ran = world.run("audit --enclave en --report kept.ndjson");
    assert!(
        ran.status == 1 && ran.stdout.contains("leaves, and the log has 0"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("kept.ndjson") && ran.stdout.contains("[state-rolled-back]"));
    let reason = "leaves, and no report is there";
    not_rebuilt(&world, " --report kept.ndjson", "state-rolled-back", reason);
}
