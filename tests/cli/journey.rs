//! Order, volumes, approvals and roots, from the medium to what clients read.

use std::fs;

use sealift::enclave;
use sealift::ledger::Ledger;
use sealift::model::Digest;
use sealift::trust::Role;
use serde_json::json;

use crate::people;
use crate::raw_bundle::{Edits, RawBundle};
use crate::reports::check;
use crate::world::{PLAIN_POLICY, World, now, tree};

fn imported(sequences: u64) -> (World, Digest) {
    let world = World::new();
    let mut last = None;
    for sequence in 1..=sequences {
        last = Some(world.medium(sequence, last));
        world.run(&format!("import --enclave en m{sequence}")).done();
    }
    (world, last.unwrap())
}

#[test]
fn bundles_follow_each_other_and_the_same_one_again_changes_nothing() {
    let (world, _) = imported(2);
    for file in ["only-in-1", "only-in-2", "large.bin", "empty"] {
        assert!(
            world.path(&format!("en/repository/files/set/1.0/{file}")).is_file(),
            "{file}"
        );
    }
    for (medium, generation) in [("m2", "as generation 2"), ("m1", "as generation 1")] {
        let before = tree(&world.path("en"), &["lock"]);
        let ran = world.run(&format!("import --enclave en {medium}")).done();
        assert!(ran.stdout.contains("nothing changed"), "{}", ran.stdout);
        assert!(ran.stdout.contains(generation), "{}", ran.stdout);
        assert_eq!(
            world.json(&format!("import --enclave en {medium}"))["outcome"],
            "already-imported"
        );
        assert_eq!(
            world.json(&format!("verify --enclave en {medium}"))["outcome"],
            "already-imported"
        );
        // Nothing of them waits, so nothing can be done about it.
        assert_eq!(
            world.json(&format!("import --enclave en {medium}"))["hint"],
            json!(null)
        );
        assert_eq!(tree(&world.path("en"), &["lock"]), before);
    }
}

#[test]
fn numbers_that_never_came_stand_in_the_report() {
    let world = World::new();
    world.policy(&PLAIN_POLICY.replace("sequence_gap: refuse", "sequence_gap: record, approvals: 0"));
    let told = |number: u64, previous: Option<Digest>| {
        let digest = world.medium(number, previous);
        world.run(&format!("import --enclave en m{number}")).done();
        let report = world.json("report show --enclave en");
        (digest, report["head"]["not_checked"].to_string())
    };
    let (first, said) = told(1, None);
    assert!(!said.contains("never came"), "{said}");
    let (_, said) = told(2, Some(first));
    assert!(!said.contains("never came"), "{said}");
    let (_, said) = told(5, Some(Digest::of(b"four")));
    assert!(said.contains("numbers 3 to 4 of the stream: they never came"), "{said}");
}

#[test]
fn a_bundle_out_of_order_is_refused_and_changes_nothing() {
    let (world, last) = imported(2);
    let write = |folder: &str, sequence: u64, previous: Option<Digest>| {
        world.write(folder, &world.bundle(sequence, previous), &World::edits(|_| {}));
    };
    // An unseen bundle with an old number: number 1 was imported with other content.
    world.write(
        "reused",
        &world.bundle(1, None),
        &World::edits(|manifest| manifest["generator"] = json!("another")),
    );
    let text = world.refused("import --enclave en reused", "sequence-reused");
    assert!(
        text.contains("refused: bundle main 1: another bundle with this number was imported before"),
        "{text}"
    );
    write("gap", 4, Some(Digest::of(b"three")));
    let text = world.refused("import --enclave en gap", "sequence-gap");
    assert!(text.contains("bundle main 4"), "{text}");
    write("jump", 1000, Some(Digest::of(b"999")));
    world.refused("import --enclave en jump", "sequence-jump");
    write("fork", 3, Some(Digest::of(b"another second")));
    world.refused("import --enclave en fork", "sequence-reused");
    world.write(
        "epoch",
        &world.bundle(3, Some(last)),
        &World::edits(|manifest| manifest["epoch"] = json!(2)),
    );
    let text = world.refused("import --enclave en epoch", "sequence-jump");
    assert!(text.contains("bundle main 2/3"), "{text}");
    for medium in ["reused", "gap", "jump", "fork", "epoch"] {
        let import = world.run(&format!("import --enclave en {medium}"));
        let verify = world.run(&format!("verify --enclave en {medium}"));
        // Of a check there is no report.
        let (report, said) = import.stderr.split_once('\n').unwrap();
        assert!(report.starts_with("the report is en/reports/"), "{report}");
        assert_eq!(
            (import.status, said),
            (verify.status, verify.stderr.as_str()),
            "the very same steps"
        );
        assert!(world.staging().is_empty());
    }
    // After all of that the right one is still taken.
    write("m3", 3, Some(last));
    world.run("import --enclave en m3").done();
}

#[test]
fn a_new_epoch_starts_the_numbers_again_and_ends_the_old_ones() {
    let (world, last) = imported(2);
    let mut next = world.root().clone();
    (next.version, next.epoch) = (2, 2);
    let mut bundle = world.bundle(1, None);
    bundle
        .roots
        .push((2, people::sealed_root(&next, &[people::ANN, people::BOB])));
    world.write(
        "epoch-2",
        &bundle,
        &World::edits(|manifest| manifest["epoch"] = json!(2)),
    );
    let text = world.run("import --enclave en epoch-2").done().stdout;
    assert!(text.starts_with("imported bundle main 2/1 as generation 3"), "{text}");
    let report = world.json("report show --enclave en");
    let expected = "the first bundle of its stream and epoch";
    assert_eq!(check(&report, "order")["expected"], expected);
    let text = world.run("status --enclave en").done().stdout;
    assert!(text.contains("stream      main at bundle main 2/1"), "{text}");
    // The next bundle of the old epoch came too late.
    world.medium(3, Some(last));
    let text = world.refused("import --enclave en m3", "rollback");
    assert!(
        text.contains("bundle main 3: it belongs to an earlier epoch than the root's"),
        "{text}"
    );
    assert!(
        text.contains("expected epoch 2") && text.contains("found    epoch 1"),
        "{text}"
    );
}

#[test]
fn recipient_and_times_are_judged() {
    let (world, last) = imported(1);
    let write = |folder: &str, edits: Edits| world.write(folder, &world.bundle(2, Some(last)), &edits);
    let elsewhere = Digest::of(b"another enclave").to_string();
    write(
        "foreign",
        World::edits(move |manifest| manifest["recipients"] = json!([elsewhere])),
    );
    let text = world.refused("import --enclave en foreign", "wrong-enclave");
    assert!(text.contains("it was not made for this enclave, plant-7"), "{text}");
    let (made, end) = (now().plus_seconds(-7200), now().plus_seconds(-3600));
    write(
        "expired",
        World::edits(move |manifest| {
            manifest["created"] = json!(made);
            manifest["not_after"] = json!(end);
        }),
    );
    world.refused("import --enclave en expired", "bundle-expired");
    let future = now().plus_days(2);
    write(
        "future",
        World::edits(move |manifest| manifest["created"] = json!(future)),
    );
    world.refused("import --enclave en future", "time-implausible");

    // The enclave has seen proof of a later time than this machine shows.
    write("good", World::edits(|_| {}));
    let ledger = Ledger::open(&world.path("en/state.db")).unwrap();
    ledger.raise_known_time(now().plus_days(1), "bundle main 1").unwrap();
    drop(ledger);
    let text = world.refused("import --enclave en good", "clock-behind");
    assert!(
        text.contains("it shows an earlier time than bundle main 1 proves"),
        "{text}"
    );
}

#[test]
fn volumes_come_one_at_a_time_in_any_order_over_several_runs() {
    let world = World::new();
    let mut bundle = world.bundle(1, None);
    // The large file has three segments and crosses volumes.
    bundle.segments_per_volume = Some(2);
    world.write("all", &bundle, &World::edits(|_| {}));
    let mut volumes: Vec<String> = fs::read_dir(world.path("all"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    volumes.sort();
    assert!(volumes.len() >= 4, "{volumes:?}");
    let count = volumes.len();
    let before = world.published();
    for (came, index) in (0..count).rev().enumerate() {
        // Without the volumes that were given earlier.
        let line = format!("import --enclave en all/{}", volumes[index]);
        let verified = world.json(&format!("verify --enclave en all/{}", volumes[index]));
        assert_eq!(verified["present"], json!([index + 1]), "each can be checked alone");
        let ran = world.json(&line);
        if index == 0 {
            assert_eq!(ran["outcome"], "imported");
            break;
        }
        assert_eq!(
            (&ran["schema"], &ran["outcome"]),
            (&json!("sealift-incomplete/1"), &json!("incomplete"))
        );
        assert_eq!(ran["missing"], json!((1..=index).collect::<Vec<_>>()));
        assert_eq!(ran["present"].as_array().unwrap().len(), came + 1);
        assert_eq!(world.published(), before);
        let text = world.run(&line).done().stdout;
        let missing = match index {
            1 => "1".to_owned(),
            last => format!("1 to {last}"),
        };
        assert!(text.contains(&format!("still missing: {missing}")), "{text}");
        let status = world.run("status --enclave en").done().stdout;
        assert!(status.contains("waiting     for more of bundle"), "{status}");
        assert_eq!(world.staging().len(), 1, "what came is kept");
    }
    assert!(world.staging().is_empty());
    let large = bundle.files.iter().find(|(name, _)| name == "large.bin").unwrap();
    assert_eq!(
        fs::read(world.path("en/repository/files/set/1.0/large.bin")).unwrap(),
        large.1
    );
    assert_eq!(world.json("status --enclave en")["unfinished"], json!([]));
}

#[test]
fn a_bad_volume_keeps_the_good_ones() {
    let world = World::new();
    let mut bundle = world.bundle(1, None);
    bundle.segments_per_volume = Some(4);
    world.write("good", &bundle, &World::edits(|_| {}));
    let names: Vec<String> = {
        let mut names: Vec<_> = fs::read_dir(world.path("good"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let mut bytes = fs::read(world.path("good").join(&names[1])).unwrap();
    let holds_bytes = |at: usize| bytes[at..].starts_with(b"objects/") && &bytes[at + 124..at + 135] != b"00000000000";
    let member = (0..bytes.len()).step_by(512).rfind(|at| holds_bytes(*at)).unwrap();
    bytes[member + 512] ^= 1;
    fs::write(world.path("bad.tar"), &bytes).unwrap();
    world.json(&format!("import --enclave en good/{}", names[0]));
    world.refused("import --enclave en bad.tar", "digest-mismatch");
    assert_eq!(world.staging().len(), 1);
    let rest: Vec<String> = names[1..].iter().map(|name| format!("good/{name}")).collect();
    assert_eq!(
        world.json(&format!("import --enclave en {}", rest.join(" ")))["outcome"],
        "imported"
    );
    assert!(world.staging().is_empty());
}

#[test]
fn verify_leaves_enclave_and_medium_untouched() {
    let (world, last) = imported(1);
    world.medium(2, Some(last));
    let (enclave, medium) = (tree(&world.path("en"), &[]), tree(&world.path("m2"), &[]));
    for line in ["verify --enclave en m2", "verify --trust en/trust m2"] {
        let ran = world.run(line).done();
        assert!(
            ran.stdout.contains("verified bundle main 2: nothing was changed"),
            "{}",
            ran.stdout
        );
    }
    assert_eq!(tree(&world.path("en"), &[]), enclave);
    assert_eq!(tree(&world.path("m2"), &[]), medium);
    // A check by someone without the enclave's memory says what it could not judge.
    let document = world.json("verify --trust en/trust m1");
    assert!(
        document["not_checked"][0].as_str().unwrap().starts_with("order: "),
        "{document}"
    );
    // And of a fresh enclave, into which nothing was imported.
    let fresh = World::new();
    fresh.medium(1, None);
    let before = tree(&fresh.path("en"), &[]);
    fresh.run("verify --enclave en m1").done();
    assert_eq!(tree(&fresh.path("en"), &[]), before);
}

#[test]
fn a_medium_may_be_read_only() {
    let world = World::new();
    world.medium(1, None);
    let read_only = |mode| {
        let permissions: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(world.path("m1"), permissions).unwrap();
    };
    fs::set_permissions(
        world.path("m1/main-1.vol001of001.tar"),
        std::os::unix::fs::PermissionsExt::from_mode(0o444),
    )
    .unwrap();
    read_only(0o555);
    let before = tree(&world.path("m1"), &[]);
    world.run("verify --enclave en m1").done();
    world.run("import --enclave en m1").done();
    assert_eq!(tree(&world.path("m1"), &[]), before);
    read_only(0o755);
}

#[test]
fn of_several_who_seal_each_is_told_with_the_own_key() {
    let mut root = people::root_without_approval();
    people::give(&mut root, Role::Export, "gus", 14);
    people::set_threshold(&mut root, Role::Export, 2);
    let world = World::of(root);
    let edits = Edits {
        signers: Some(vec![people::EXPORTER, 14]),
        ..World::edits(|_| {})
    };
    world.write("m1", &world.bundle(1, None), &edits);
    world.run("import --enclave en m1").done();
    let report = world.json("report show --enclave en");
    let told = |at: usize| {
        let person = &report["head"]["people"][at];
        (person["person"].clone(), person["keys"].clone())
    };
    let of = |name: &str, number| (json!(name), json!([people::id(number)]));
    assert_eq!([told(0), told(1)], [of("dora", people::EXPORTER), of("gus", 14)]);
}

#[test]
fn approvals_of_other_persons_are_asked_for() {
    let world = World::standard();
    let manifest = world.medium(1, None);
    world.key(people::EXPORTER, "dora.pem");
    world.key(people::APPROVER, "eve.pem");
    world.key(people::SECOND_APPROVER, "fay.pem");
    world.key(people::ANN, "ann.pem");
    world.refused("import --enclave en m1", "approvals-missing");
    world.refused("verify --enclave en m1", "approvals-missing");
    assert!(world.staging().is_empty());
    let approve =
        |key: &str| format!("approve m1 --trust en/trust --key {key} --manifest {manifest} --reason reviewed");
    world.refused(&approve("dora.pem"), "roles-not-separate");
    world.refused(&approve("ann.pem"), "approvals-missing");
    // A rejection by one counts above the approval of another.
    world.run(&approve("eve.pem")).done();
    world.run(&format!("{} --reject", approve("fay.pem"))).done();
    world.refused("import --enclave en m1", "approvals-missing");
    fs::remove_file(world.path("m1/main-1-1.approval-fay.dsse.json")).unwrap();
    // An approval of another bundle does not count.
    let other = World::standard();
    other.write(
        "m1",
        &other.bundle(1, None),
        &World::edits(|manifest| manifest["generator"] = json!("another")),
    );
    fs::copy(
        world.path("m1/main-1-1.approval-eve.dsse.json"),
        other.path("m1/x.approval-eve.dsse.json"),
    )
    .unwrap();
    other.refused("import --enclave en m1", "approvals-missing");
    let imported = world.json("import --enclave en m1");
    assert_eq!(
        (&imported["exporters"], &imported["approvers"]),
        (&json!(["dora"]), &json!(["eve"]))
    );
    // The report keeps who approved, and why; those of the refusals before say what failed.
    let report = world.json("report show --enclave en");
    let approvals = check(&report, "approvals");
    assert_eq!(
        (&approvals["result"], &approvals["observed"]),
        (&json!("pass"), &json!("eve"))
    );
    let eve = &report["head"]["people"][1];
    assert_eq!((&eve["person"], &eve["role"]), (&json!("eve"), &json!("approve")));
    assert_eq!(eve["approval"]["reason"], "reviewed");
    let text = world.run("report show --enclave en").done().stdout;
    assert!(text.contains("eve approved") && text.contains("reviewed"), "{text}");
    let refused = world.json("report show 1 --enclave en");
    let approvals = check(&refused, "approvals");
    assert_eq!(
        (&approvals["result"], &approvals["codes"]),
        (&json!("fail"), &json!(["approvals-missing"]))
    );
}

#[test]
fn a_root_comes_along_and_stays_even_if_the_bundle_is_refused() {
    let world = World::new();
    let mut next = world.root().clone();
    next.version = 2;
    people::give(&mut next, Role::Export, "gus", 11);
    let rotated = |sequence: u64| {
        let mut bundle: RawBundle = world.bundle(sequence, None);
        bundle
            .roots
            .push((2, people::sealed_root(&next, &[people::ANN, people::BOB])));
        bundle
    };
    let by_gus = || Edits {
        signers: Some(vec![11]),
        ..World::edits(|_| {})
    };
    // Signed by a key that only the new root names, with a gap: the bundle is refused, and the root stays.
    let text = {
        world.write("gap", &rotated(3), &by_gus());
        let before = world.published();
        let ran = world.run("import --enclave en gap");
        assert_eq!((ran.status, world.published()), (1, before));
        ran.stderr
    };
    assert!(
        text.contains("[sequence-gap]") || text.contains("[json-not-strict]"),
        "{text}"
    );
    assert_eq!(world.json("root show en/trust")["version"], 2);
    world.write("m1", &rotated(1), &by_gus());
    let imported = world.json("import --enclave en m1");
    assert_eq!(
        (&imported["root_version"], &imported["exporters"]),
        (&json!(2), &json!(["gus"]))
    );
    // Old roots that come again are no step back.
    let first = world.write(
        "m2",
        &world.bundle(2, Some(world_digest(&imported))),
        &World::edits(|_| {}),
    );
    world.run("import --enclave en m2").done();
    assert_eq!(
        enclave::read(&world.path("en"))
            .unwrap()
            .stream("main")
            .unwrap()
            .unwrap()
            .manifest,
        first
    );
    assert_eq!(world.json("root show en/trust")["version"], 2);
    // `verify` with the enclave's trust changes nothing about roots.
    let fresh = World::new();
    fresh.write(
        "m1",
        &{
            let mut bundle = fresh.bundle(1, None);
            let mut next = fresh.root().clone();
            next.version = 2;
            bundle
                .roots
                .push((2, people::sealed_root(&next, &[people::ANN, people::BOB])));
            bundle
        },
        &World::edits(|_| {}),
    );
    fresh.run("verify --enclave en m1").done();
    assert_eq!(fresh.json("root show en/trust")["version"], 1);
}

fn world_digest(imported: &serde_json::Value) -> Digest {
    imported["bundle"]["manifest"].as_str().unwrap().parse().unwrap()
}
