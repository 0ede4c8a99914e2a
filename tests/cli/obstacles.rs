//! What stands in the way: folders where files should be, files where folders should be, and files that end too soon. Whoever meets one says so.

use std::fs;
use std::path::{Path, PathBuf};

use sealift::model::Digest;
use serde_json::json;

use crate::fixtures::fixture;
use crate::holds::awaiting_review;
use crate::judged;
use crate::log::{copy, report, three_attempts};
use crate::once_more;
use crate::reviews::review;
use crate::world::World;

/// Puts a folder, with something in it, where a file was or would be.
fn put_folder(path: &Path) {
    let _ = fs::remove_file(path);
    fs::create_dir_all(path.join("x")).unwrap();
}

/// The only entry of a folder.
fn only_in(folder: &Path) -> PathBuf {
    let mut entries = fs::read_dir(folder).unwrap();
    let only = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none());
    only
}

#[test]
fn what_an_attempt_left_beside_its_report_is_removed_or_named() {
    let world = World::new();
    world.medium(1, None);
    fs::create_dir(world.path("en/reports")).unwrap();
    for name in [".aside-left", "000009-main-9.journal.ndjson.zst"] {
        copy(&world, "en", "k");
        put_folder(&world.path("k/reports").join(name));
        let ran = world.run("import --enclave k m1");
        assert!(ran.status == 3 && ran.stderr.contains(name), "{ran:?}");
    }
    copy(&world, "en", "k");
    fs::write(world.path("k/reports/000009-main-9.basis"), "no folder").unwrap();
    let ran = world.run("import --enclave k m1");
    assert!(ran.status == 3 && ran.stderr.contains("000009-main-9.basis"), "{ran:?}");
}

#[test]
fn what_waits_is_listed_or_the_import_does_not_go_on() {
    // Where all of it waits.
    let world = awaiting_review();
    put_folder(&only_in(&world.path("en/reviews")).join("waiting.new"));
    let ran = world.run("import --enclave en m1");
    assert!(ran.status == 3 && ran.stderr.contains("waiting.new"), "{ran:?}");
    // Where some waits, and the same comes again.
    let (site, folder) = once_more::waiting();
    review(&site, "reject", "pkg:generic/reqeusts@1.0", "ann.pem").done();
    let reviews = only_in(&site.world.path("en/reviews"));
    put_folder(&reviews.join("waiting.new"));
    let ran = site
        .world
        .run(&format!("import --enclave en {folder}/main-1.vol001of001.tar"));
    assert!(ran.status == 3 && ran.stderr.contains("waiting.new"), "{ran:?}");
}

#[test]
fn what_lies_in_the_staging_folder_goes_with_an_import_that_is_done() {
    let world = World::new();
    world.medium(1, None);
    world.run("import --enclave en m1").done();
    fs::write(world.path("en/staging/left"), "no folder").unwrap();
    let ran = world.run("import --enclave en m1");
    assert!(ran.status == 3 && ran.stderr.contains("staging/left"), "{ran:?}");
}

#[test]
fn bytes_that_cannot_be_read_are_not_judged() {
    let world = judged::imported();
    let digest = Digest::of(&fixture("minisign/test.txt")).hex();
    put_folder(&world.path(&format!("en/store/objects/{}/{}", &digest[..2], &digest[2..])));
    let ran = world.run("recheck --enclave en --json");
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let changes = &ran.json()["changes"];
    let said = changes[0]["unreadable"].as_str().unwrap_or_else(|| panic!("{changes}"));
    assert!(said.contains("cannot read"), "{said}");
}

#[test]
fn a_volume_that_ends_too_soon_is_not_passed_over() {
    let world = World::new();
    world.medium(1, None);
    let whole = fs::read(world.path("m1/main-1.vol001of001.tar")).unwrap();
    let line = "custody add m1 --trust en/trust --key en/keys/import.pem --event inspected";
    world.run(line).done();
    // Behind its catalog a volume says which one it is.
    let mut archive = tar::Archive::new(whole.as_slice());
    let catalog = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| entry.path().unwrap().starts_with("catalog.ndjson.zst"));
    let length = usize::try_from(catalog.unwrap().raw_file_position()).unwrap();
    fs::write(world.path("m1/main-1.vol002of002.tar"), &whole[..length]).unwrap();
    let ran = world.run(line);
    assert!(ran.status == 3 && ran.stderr.contains("vol002of002"), "{ran:?}");
}

#[test]
fn what_does_not_stand_as_it_was_signed_is_neither_shown_nor_compared() {
    let world = three_attempts();
    // A report that nothing is rendered of is not what an empty file holds.
    let whole = fs::read_to_string(world.path(&report(&world, 1))).unwrap();
    let cut = whole.trim_end().rsplit_once('\n').unwrap().0;
    fs::write(world.path("cut.ndjson"), format!("{cut}\n")).unwrap();
    fs::write(world.path("empty"), "").unwrap();
    let ran = world.run("report show cut.ndjson --enclave en --compare empty");
    assert_ne!(ran.status, 0, "{ran:?}");
    // What stands in the trust folder was signed by whom the root names.
    judged::pin(&world, 1);
    world.run("trust list --enclave en").done();
    fs::write(world.path("en/trust/anchors/1.dsse.json"), json!({}).to_string()).unwrap();
    let ran = world.run("trust list --enclave en");
    assert_ne!(ran.status, 0, "{ran:?}");
}

#[test]
fn a_record_that_cannot_be_read_has_no_end_of_its_keeping() {
    let world = three_attempts();
    world.run("retention show --enclave en").done();
    fs::create_dir_all(world.path("en/reviews/x/000001.dsse.json")).unwrap();
    let ran = world.run("retention show --enclave en");
    assert_eq!(ran.status, 3, "{ran:?}");
}
