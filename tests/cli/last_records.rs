//! Last custody records that were taken away: found by whoever knows which was the last, when the records are shown and when the bundle is imported.

use std::fs;

use sealift::model::Digest;
use serde_json::{Value, json};

use crate::capsule::{capsule, same};
use crate::custody::{TRUST, by_station, carried, records, show, world};
use crate::reports::check;
use crate::world::{World, by_python};

/// The last record's digest and its twelve words, joined for a command line.
fn last(world: &World) -> (String, String) {
    let digest = show(world)["last"][0].as_str().unwrap().to_owned();
    let shown = world.run(&format!("custody show m1 {TRUST}")).done().stdout;
    let mut lines = shown.lines().skip_while(|line| !line.contains("ends with "));
    assert!(lines.next().unwrap().contains(&digest), "{shown}");
    let phrase = lines.next().unwrap().trim().replace(' ', "-");
    assert_eq!(phrase.split('-').count(), 12);
    (digest, phrase)
}

/// Removes the last records of the medium: what is left is a good chain.
fn cut(world: &World, count: usize) {
    let names = records(world, "m1");
    for name in &names[names.len() - count..] {
        fs::remove_file(world.path(&format!("m1/{name}"))).unwrap();
    }
    world.run(&format!("custody show m1 {TRUST}")).done();
}

#[test]
fn who_looks_at_the_records_finds_it() {
    let world = world();
    carried(&world);
    let (digest, phrase) = last(&world);
    let asked = |named: &str| format!("custody show m1 {TRUST} --last {named}");
    world.run(&asked(&digest)).done();
    world.run(&asked(&phrase)).done();
    // What comes later names it, and so it is still there.
    by_station(&world, 5, "wiped --method overwritten --certificate W-1");
    world.run(&asked(&digest)).done();
    let newest = show(&world)["last"][0].as_str().unwrap().to_owned();
    assert_ne!(newest, digest);
    cut(&world, 2);
    for named in [&digest, &phrase, &newest] {
        world.refused(&asked(named), "custody-chain-broken");
    }
    // Words that are no words, and too few of them, are told as that.
    let first = phrase.split('-').take(4).collect::<Vec<_>>().join("-");
    for (named, why) in [
        (first.as_str(), "4 words where 12 are needed"),
        ("sha256:00", "1 words where 12"),
        ("-", "0 words"),
        (&phrase.replacen(|_: char| true, "0", 1), "is not in the list"),
    ] {
        let ran = world.run(&asked(named));
        assert_eq!(ran.status, 2, "{named}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{named}: {}", ran.stderr);
    }
}

fn named(world: &World, report: u64) -> Value {
    world.json(&format!("report show {report} --enclave en"))["head"]["custody"]["named"].clone()
}

#[test]
fn an_import_that_is_told_the_last_one_refuses_without_it_and_says_so_for_good() {
    let world = world();
    carried(&world);
    let (digest, phrase) = last(&world);
    cut(&world, 1);
    for named in [&digest, &phrase] {
        let said = world.refused(
            &format!("verify m1 --enclave en --last {named}"),
            "custody-chain-broken",
        );
        assert!(said.contains(&named.replace('-', " ")), "{said}");
    }
    let before = world.published();
    let ran = world.run(&format!("import m1 --enclave en --last {phrase}"));
    assert_eq!((ran.status, world.published()), (1, before), "{}", ran.stderr);
    assert!(ran.stderr.contains("[custody-chain-broken]"), "{}", ran.stderr);
    // The report says what was named, which check failed, and nothing behind it.
    let said = phrase.replace('-', " ");
    assert_eq!(named(&world, 1), json!([{ "digest": null, "said": said }]));
    let document = world.json("report show 1 --enclave en");
    let result = |id: &str| check(&document, id)["result"].clone();
    assert_eq!(
        (result("evidence"), result("custody"), result("policy")),
        (json!("pass"), json!("fail"), json!("not-reached"))
    );
    for format in ["text", "html"] {
        let shown = world
            .run(&format!("report show 1 --enclave en --format {format}"))
            .done()
            .stdout;
        let words = format!("named by another way as the last, and not here: {said}");
        assert!(shown.contains(&words), "{format}: {shown}");
    }
    // The same comes out of the capsule, and the other reader takes both.
    capsule(&world, "1 --out a.tar");
    assert_eq!(same(&world, "a.tar")["outcome"], "refused");
    if let Some((status, text)) = by_python(&world, &["--capsule", "a.tar"]) {
        assert_eq!(status, 0, "{text}");
    }
    // What is there still is imported, and the report says that it is there.
    let (digest, phrase) = last(&world);
    world.run(&format!("verify m1 --enclave en --last {phrase}")).done();
    world
        .run(&format!("import m1 --enclave en --last {digest} --last {phrase}"))
        .done();
    let said = phrase.replace('-', " ");
    assert_eq!(
        named(&world, 2),
        json!([{ "digest": digest, "said": digest }, { "digest": digest, "said": said }])
    );
    let text = world.run("report show 2 --enclave en").done().stdout;
    assert!(text.contains(&format!("as the last, and here: {digest}")), "{text}");
    capsule(&world, "2 --out b.tar");
    assert_eq!(same(&world, "b.tar")["outcome"], "imported");
}

#[test]
fn where_no_record_came_at_all_the_named_one_is_missed() {
    let world = world();
    let named = Digest::of(b"the last");
    let said = world.refused(
        &format!("verify m1 --enclave en --last {named}"),
        "custody-chain-broken",
    );
    assert!(said.contains("no record that counts"), "{said}");
    let ran = world.run(&format!("import m1 --enclave en --last {named}"));
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let document = world.json("report show 1 --enclave en");
    assert_eq!(document["head"]["custody"]["records"], json!([]));
    assert_eq!(document["head"]["refusals"][0]["code"], "custody-chain-broken");
    world.run("import m1 --enclave en").done();
}

#[test]
fn while_volumes_are_missing_it_is_said_that_nothing_was_compared() {
    let world = world();
    let mut bundle = world.bundle(1, None);
    bundle.segments_per_volume = Some(4);
    fs::remove_dir_all(world.path("m1")).unwrap();
    world.write("m1", &bundle, &World::edits(|_| {}));
    let named = Digest::of(b"the last");
    for line in ["import --enclave en", "verify --enclave en"] {
        let ran = world
            .run(&format!("{line} m1/main-1.vol001of002.tar --last {named}"))
            .done();
        assert!(ran.stderr.contains("name the last one again then"), "{}", ran.stderr);
    }
    let ran = world.run(&format!("import --enclave en m1/main-1.vol002of002.tar --last {named}"));
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    world.run("import --enclave en m1/main-1.vol002of002.tar").done();
}
