//! `sealift audit` names each file that somebody touched, whatever part of the enclave it is of.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::log::{copy, keep_state, put_state_back, report, three_attempts};
use crate::world::{World, by_python, tree};

fn audit(world: &World, more: &str) -> (i32, Value) {
    let ran = world.run(&format!("audit --enclave en --json{more}"));
    (ran.status, ran.json())
}

/// Part, code, how and file of each difference.
fn told(document: &Value) -> Vec<[String; 4]> {
    let text = |found: &Value, field: &str| found[field].as_str().unwrap_or("-").to_owned();
    document["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| ["part", "code", "how", "file"].map(|field| text(found, field)))
        .collect()
}

fn is_clean(world: &World) {
    let (status, document) = audit(world, "");
    assert_eq!((status, told(&document)), (0, Vec::new()));
    assert_eq!(document["total"]["leftovers"], 0);
}

/// Fails unless an audit tells of a file, and says so in words too.
fn differs(world: &World, more: &str, part: &str, code: &str, how: &str, file: &str) {
    let (status, document) = audit(world, more);
    assert_eq!(status, 1, "{document}");
    let wanted = [part, code, how, file].map(str::to_owned);
    assert!(told(&document).contains(&wanted), "{wanted:?}: {:?}", told(&document));
    let ran = world.run(&format!("audit --enclave en{more}"));
    assert_eq!(ran.status, 1);
    assert!(ran.stdout.contains(&format!("[{code}]")), "{}", ran.stdout);
    assert!(ran.stdout.contains(file), "{}", ran.stdout);
}

/// What lies below a folder and is wanted, as paths below the world's folder.
fn below(world: &World, folder: &str, wanted: impl Fn(&Path) -> bool) -> Vec<String> {
    let top = world.path("en").parent().unwrap().to_owned();
    let mut found: Vec<String> = walkdir::WalkDir::new(world.path(folder))
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| wanted(path))
        .map(|path| path.strip_prefix(&top).unwrap().display().to_string())
        .collect();
    found.sort();
    found
}

fn plain(world: &World, folder: &str) -> Vec<String> {
    below(world, folder, |path| {
        fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
    })
}

/// Replaces a file that nobody may write, as whoever has the disk can.
fn replace(path: &Path, bytes: &[u8]) {
    let mode = fs::metadata(path).unwrap().permissions().mode();
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn edit_in_place(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    // The worlds hold an empty object too, which can only grow.
    match bytes.get_mut(middle) {
        Some(byte) => *byte ^= 1,
        None => bytes.push(1),
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_enclave_as_it_should_be_has_no_difference_and_nothing_is_changed() {
    let world = three_attempts();
    let before = tree(&world.path("en"), &["lock", "state.db-wal", "state.db-shm"]);
    is_clean(&world);
    assert_eq!(
        tree(&world.path("en"), &["lock", "state.db-wal", "state.db-shm"]),
        before
    );
    let (_, document) = audit(&world, "");
    let total = &document["total"];
    assert_eq!(
        (&total["reports"], &total["generations"]),
        (&Value::from(3), &Value::from(2))
    );
    assert_eq!(total["checkpoint_signers"], serde_json::json!(["station-plant-7"]));
    let text = world.run("audit --enclave en").done().stdout;
    assert!(text.contains("nothing differs"), "{text}");
    // Also after what leaves no report.
    world.run("rollback --enclave en --to 1 --reason test").done();
    is_clean(&world);
    world.run("gc --enclave en --keep 1").done();
    is_clean(&world);
    world.run("import --enclave en m3").done();
    is_clean(&world);
}

#[test]
fn a_new_enclave_and_one_with_a_refusal_alone_have_no_difference() {
    let world = World::new();
    is_clean(&world);
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    is_clean(&world);
}

#[test]
fn files_of_the_repository_and_the_store_that_differ_are_named() {
    let world = three_attempts();
    copy(&world, "en", "good");
    let restore = || copy(&world, "good", "en");
    let code = "enclave-differs";
    // Every object: edited where it lies, and every file of the tree that is not a link to one.
    for file in &plain(&world, "en/store/objects") {
        edit_in_place(&world.path(file));
        differs(&world, "", "store", code, "other", file);
        restore();
        fs::remove_file(world.path(file)).unwrap();
        differs(&world, "", "store", code, "missing", file);
        restore();
    }
    for file in plain(&world, "en/tree").iter().step_by(5) {
        replace(&world.path(file), b"other bytes");
        differs(&world, "", "repository", code, "other", file);
        restore();
        fs::remove_file(world.path(file)).unwrap();
        differs(&world, "", "repository", code, "missing", file);
        restore();
    }
    let links: Vec<String> = below(&world, "en/repository/files", |path| path.is_symlink());
    assert!(links.len() > 3, "{links:?}");
    for file in links.iter().step_by(2) {
        let path = world.path(file);
        fs::remove_file(&path).unwrap();
        differs(&world, "", "repository", code, "missing", file);
        // Another package in its place, and a file of one's own.
        std::os::unix::fs::symlink("../../../../etc/hostname", &path).unwrap();
        differs(&world, "", "repository", code, "other", file);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        differs(&world, "", "repository", code, "extra", file);
        restore();
    }
    for file in [
        "en/repository/files/mine",
        "en/store/objects/00/mine",
        "en/generations/9",
    ] {
        fs::write(world.path(file), "mine").unwrap();
        let part = if file.contains("store") { "store" } else { "repository" };
        differs(&world, "", part, code, "extra", file);
        fs::remove_file(world.path(file)).unwrap();
    }
    // A link to what is there, at a path that it does not have.
    let swapped = fs::read_link(world.path(&links[0])).unwrap();
    fs::remove_file(world.path(&links[1])).unwrap();
    std::os::unix::fs::symlink(swapped, world.path(&links[1])).unwrap();
    let (status, document) = audit(&world, "");
    assert_eq!(status, 1, "{document}");
    restore();
    // The switch.
    fs::remove_file(world.path("en/generations/current")).unwrap();
    std::os::unix::fs::symlink("1", world.path("en/generations/current")).unwrap();
    differs(&world, "", "repository", code, "other", "en/generations/current");
    restore();
    is_clean(&world);
}

#[test]
fn a_log_or_a_report_that_was_touched_is_named() {
    let world = three_attempts();
    copy(&world, "en", "good");
    let restore = || copy(&world, "good", "en");
    for file in plain(&world, "en/log/tile") {
        edit_in_place(&world.path(&file));
        let (status, document) = audit(&world, "");
        // Of an earlier tree's beginning nobody speaks any more but those who hold its checkpoint.
        let is_last = told(&document).iter().any(|found| found[1] == "log-inconsistent");
        let size = document["total"]["leaves"].as_u64().unwrap();
        assert_eq!(
            (status, is_last),
            (if file.ends_with(&size.to_string()) {
                (1, true)
            } else {
                (0, false)
            }),
            "{file}"
        );
        restore();
    }
    fs::write(world.path("en/log/notes"), "mine").unwrap();
    differs(&world, "", "log", "log-inconsistent", "extra", "en/log/notes");
    restore();
    for number in 1..=3 {
        let file = report(&world, number);
        edit_in_place(&world.path(&file));
        let (status, document) = audit(&world, "");
        assert_eq!(status, 1, "{number}");
        assert!(
            told(&document)
                .iter()
                .any(|found| found[0] == "reports" && found[3] == file),
            "{document}"
        );
        restore();
        fs::remove_file(world.path(&file)).unwrap();
        let named = format!("en/reports/{number:06}");
        differs(&world, "", "reports", "state-rolled-back", "missing", &named);
        restore();
    }
    let journal = "en/reports/000003-main-2.journal.ndjson.zst";
    edit_in_place(&world.path(journal));
    differs(&world, "", "reports", "digest-mismatch", "other", journal);
    fs::remove_file(world.path(journal)).unwrap();
    differs(&world, "", "reports", "state-rolled-back", "missing", journal);
    restore();
    let extra = "en/reports/000001-main-7.journal.ndjson.zst";
    copy(&world, journal, extra);
    differs(&world, "", "reports", "state-rolled-back", "extra", extra);
    restore();
    let checkpoint = world.path("en/log/checkpoint");
    let text = fs::read_to_string(&checkpoint).unwrap();
    fs::write(&checkpoint, text.replacen("sealift/plant-7", "sealift/plant-8", 1)).unwrap();
    differs(&world, "", "log", "log-inconsistent", "other", "en/log/checkpoint");
    fs::remove_file(&checkpoint).unwrap();
    differs(&world, "", "log", "log-inconsistent", "missing", "en/log/checkpoint");
    restore();
    is_clean(&world);
}

#[test]
fn everything_put_back_together_is_found_by_a_report_that_was_kept_elsewhere() {
    let world = three_attempts();
    copy(&world, "en", "old");
    world.run("import --enclave en m3").done();
    copy(&world, &report(&world, 4), "kept.ndjson");
    copy(&world, &report(&world, 1), "first.ndjson");
    let (status, document) = audit(&world, " --report kept.ndjson --report first.ndjson");
    assert_eq!((status, told(&document)), (0, Vec::new()));
    // All of the enclave is as it was before, and whole in itself.
    copy(&world, "old", "en");
    is_clean(&world);
    differs(
        &world,
        " --report kept.ndjson",
        "reports",
        "state-rolled-back",
        "other",
        "kept.ndjson",
    );
    if let Some((status, text)) = by_python(&world, &["--report", "kept.ndjson", "--log", "en/log"]) {
        assert_eq!(status, 1, "{text}");
        assert!(text.contains("[state-rolled-back]"), "{text}");
    }
    // And then something else was written in its place: a fork.
    for _ in 0..7 {
        assert_eq!(world.run("import --enclave en other.tar").status, 1);
    }
    is_clean(&world);
    differs(
        &world,
        " --report kept.ndjson",
        "reports",
        "log-inconsistent",
        "other",
        "kept.ndjson",
    );
    if let Some((status, text)) = by_python(&world, &["--report", "kept.ndjson", "--log", "en/log"]) {
        assert_eq!(status, 1, "{text}");
        assert!(text.contains("[log-inconsistent]"), "{text}");
    }
    let (status, _) = audit(&world, " --report first.ndjson");
    assert_eq!(status, 0);
}

#[test]
fn an_old_state_is_named() {
    let world = three_attempts();
    keep_state(&world, "old");
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    put_state_back(&world, "old");
    differs(&world, "", "state", "state-rolled-back", "other", "en/state.db");
    let ran = world.run("audit --enclave en --report missing.ndjson");
    assert!(ran.status == 3 && ran.stderr.contains("missing.ndjson"), "{ran:?}");
}

#[test]
fn what_a_killed_run_left_is_told_apart() {
    let world = three_attempts();
    fs::write(world.path("en/log/.adding"), "").unwrap();
    fs::write(world.path("en/log/tile/0/001"), vec![0; 8192]).unwrap();
    fs::rename(
        world.path(&report(&world, 3)),
        world.path("en/reports/.pending-000003-main-2.report.ndjson"),
    )
    .unwrap();
    let (status, document) = audit(&world, "");
    assert_eq!(status, 0, "{document}");
    // The mark, the tile, the report, the journal that it names, and what it was judged by.
    assert_eq!(document["total"]["leftovers"], 5, "{document}");
    world.run("import --enclave en m3").done();
    is_clean(&world);
}
