//! An enclave that pins a key, holds what that key signed, and judges it again.

use std::fs;

use sealift::model::{Digest, Finding, Material};
use sealift::trust::folder::TrustFolder;
use sealift::trust::{Kind, Revocation, Revocations, Revoked, TrustData};
use serde_json::json;

use crate::fixtures::{anchor, fixture, text};
use crate::people;
use crate::raw_bundle::{Edits, RawBundle, RawObject};
use crate::world::{World, now};

/// The key in `tests/fixtures/minisign`, as findings show it.
pub(crate) const KEY: &str = "E7620F1842B4E81F";

/// The file that it signed.
pub(crate) const SIGNED: &str = "pkg:generic/set@1.0?file_name=test";

/// The sample bundle with one file more, which somebody signed.
pub(crate) fn bundle(world: &World, sequence: u64, previous: Option<Digest>) -> RawBundle {
    let mut bundle = world.bundle(sequence, previous);
    bundle.files.push(("test".to_owned(), fixture("minisign/test.txt")));
    bundle.objects.push(RawObject {
        content: fixture("minisign/test-prehashed.minisig"),
        zstd: false,
    });
    bundle
}

/// Edits that name the proof.
pub(crate) fn edits() -> Edits {
    let proof = Digest::of(&fixture("minisign/test-prehashed.minisig")).to_string();
    Edits {
        records: Some(Box::new(move |records| {
            for record in records {
                if record["artifact"]["file"] == "test" {
                    record["artifact"]["proofs"] =
                        json!([{ "kind": "minisign", "objects": [proof], "state": "present" }]);
                }
            }
        })),
        ..World::edits(|_| {})
    }
}

/// Lets a document stand that ann and bob have signed.
fn stand(world: &World, kind: Kind, payload: &[u8]) {
    let mut trust = TrustFolder::open(&world.path("en/trust")).unwrap();
    let envelope = people::sealed(kind, payload, &[people::ANN, people::BOB]).write();
    let next = trust.judge_next(kind, &envelope, None).unwrap().unwrap();
    trust.stand(&next).unwrap();
}

/// Pins the key for everything.
pub(crate) fn pin(world: &World, version: u64) {
    let mut data = TrustData::empty(version, now());
    data.put(anchor("tests-key", Material::MinisignKey(text("minisign/test.pub"))));
    stand(world, Kind::TrustData, &data.write().unwrap());
}

/// Revokes something, with what was revoked before.
pub(crate) fn revoke(world: &World, version: u64, what: Vec<Revoked>) {
    let mut document = Revocations::empty(version, now());
    document.revoked = what
        .into_iter()
        .map(|what| Revocation {
            invalid_since: None,
            reason: "it was stolen".to_owned(),
            what,
        })
        .collect();
    stand(world, Kind::Revocations, &document.write().unwrap());
}

/// An enclave that pins the key, and media of which the first holds what it signed.
pub(crate) fn pinned() -> World {
    let world = World::new();
    pin(&world, 1);
    let first = world.write("m1", &bundle(&world, 1, None), &edits());
    world.medium(2, Some(first));
    world
}

/// The same with the first medium imported.
pub(crate) fn imported() -> World {
    let world = pinned();
    world.run("import --enclave en m1").done();
    world
}

/// The files whose judgement a recheck changes, with their levels before and now.
fn changes(world: &World, status: i32) -> Vec<(String, String, String)> {
    let ran = world.run("recheck --enclave en --json");
    assert_eq!(ran.status, status, "{}{}", ran.stdout, ran.stderr);
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    ran.json()["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["fell"] == true || change["gained"] != json!([]))
        .map(|change| {
            (
                word(&change["artifact"]["file"]),
                word(&change["was"]),
                word(&change["now"]),
            )
        })
        .collect()
}

/// The files that today's policy would not admit, with the worst code, and whether that is news.
fn not_admitted(world: &World, more: &str) -> Vec<(String, String, bool)> {
    let document = world.run(&format!("recheck --enclave en --json {more}")).json();
    let changes = document["changes"].as_array().unwrap().iter();
    let found: Vec<_> = changes
        .filter(|change| !change["not_admitted"].is_null())
        .map(|change| {
            let found = &change["not_admitted"];
            let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            (
                word(&change["artifact"]["file"]),
                word(&found["hits"][0]["code"]),
                found["news"].as_bool().unwrap(),
            )
        })
        .collect();
    let news = found.iter().filter(|(.., is_news)| *is_news).count();
    assert_eq!(document["total"]["not_admitted"], news, "{document}");
    found
}

#[test]
fn an_import_says_how_many_proofs_were_not_judged() {
    let world = World::new();
    world.write("m1", &bundle(&world, 1, None), &edits());
    let ran = world.run("import --enclave en m1").done();
    assert!(ran.stdout.contains("not judged: proofs of 1 artifacts"), "{ran:?}");
}

#[test]
fn what_todays_policy_would_not_admit_is_told_with_rule_and_code() {
    let world = imported();
    assert_eq!(not_admitted(&world, ""), []);
    let before = world.published();
    let policy = |version: u64, more: &str| {
        world.policy(&format!(
            "schema: sealift-policy/1\nid: plant-7\nversion: {version}\nprofile: standard\n\
             require: {{ approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }}\n\
             names: {{ first_seen: deny, similar: deny }}\n{more}"
        ));
    };
    // What the bundle lacks, and that names were new once, is not asked again.
    policy(1, "ecosystems: { files: { evidence: none } }\n");
    assert_eq!(not_admitted(&world, ""), []);
    assert_eq!(changes(&world, 0), []);

    policy(2, "ecosystems: { files: { evidence: publisher } }\n");
    let found = not_admitted(&world, "");
    assert_eq!(found.len(), 5, "{found:?}");
    // In the evaluation it had been told already that they are short of it.
    assert!(
        found
            .iter()
            .all(|(file, code, is_news)| file != "test" && code == "evidence-too-low" && !is_news)
    );
    assert_eq!(changes(&world, 0), []);

    policy(
        3,
        "ecosystems: { files: { evidence: none } }\ndeny: [{ match: \"files/set@1.0\", reason: hijacked }]\n",
    );
    let found = not_admitted(&world, "");
    assert_eq!(found.len(), 6);
    assert!(
        found.iter().all(|(_, code, is_news)| code == "denylisted" && *is_news),
        "{found:?}"
    );
    let ran = world.run("recheck --enclave en");
    assert_eq!(ran.status, 1);
    for words in [
        "held pkg:generic/set@1.0",
        "would be denied today",
        "[denylisted]",
        "hijacked",
        "(deny[",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    // Asking admits nothing and removes nothing.
    assert_eq!(world.run("recheck --enclave en --record").status, 1);
    assert_eq!(not_admitted(&world, "").len(), 6);
    assert_eq!(before, world.published());
}

#[test]
fn advisories_at_hand_are_asked_and_those_that_cannot_be_read_refused() {
    let world = imported();
    world.policy(
        "schema: sealift-policy/1\nid: plant-7\nversion: 1\nprofile: standard\n\
         require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }\n\
         ecosystems: { files: { evidence: none } }\n",
    );
    let advisory = |name: &str| {
        json!({
            "id": "MAL-2026-1", "modified": now(), "summary": "steals",
            "affected": [{ "package": { "ecosystem": "files", "name": name }, "versions": ["1.0"] }],
        })
        .to_string()
    };
    for (name, count) in [("other", 0), ("set", 6)] {
        fs::write(world.path("osv"), advisory(name)).unwrap();
        let found = not_admitted(&world, "--advisories osv");
        assert_eq!(found.len(), count, "{found:?}");
        assert!(
            found
                .iter()
                .all(|(_, code, is_news)| code == "known-malicious" && *is_news)
        );
    }
    assert_eq!(not_admitted(&world, ""), []);
    fs::write(world.path("osv"), "{").unwrap();
    world.refused("recheck --enclave en --advisories osv", "side-data-malformed");
}

fn fell(file: &str, was: &str) -> (String, String, String) {
    (file.to_owned(), was.to_owned(), "none".to_owned())
}

#[test]
fn what_rests_on_a_revoked_key_falls_and_nothing_else() {
    let world = imported();
    assert_eq!(changes(&world, 0), []);
    let rows = |asked: &str| {
        let table = world.run(&format!("where --enclave en {asked} --csv")).done().stdout;
        table.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let resting = rows(&format!("--key {KEY}"));
    assert_eq!(
        resting[0],
        "is,of,digest,level,clients_find_it,first_bundle,last_bundle"
    );
    assert!(
        resting.len() == 2 && resting[1].starts_with("resting,pkg:"),
        "{resting:?}"
    );
    let signed = rows(SIGNED);
    assert!(signed[1].starts_with("artifact,pkg:"), "{signed:?}");
    assert_eq!(
        world.json(&format!("where --enclave en --key {KEY}"))["found"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let other = Revoked::Key("00112233445566AA".to_owned());
    revoke(&world, 1, vec![other.clone()]);
    assert_eq!(changes(&world, 0), []);

    revoke(&world, 2, vec![other, Revoked::Key(KEY.to_lowercase())]);
    let before = world.published();
    assert_eq!(changes(&world, 1), [fell("test", "publisher")]);
    // Asking changes nothing, so that the second answer is the first.
    assert_eq!(changes(&world, 1), [fell("test", "publisher")]);
    let shown = world.run("recheck --enclave en");
    assert!(shown.stdout.contains("it was stolen"), "{}", shown.stdout);
    assert_eq!(before, world.published());

    assert_eq!(world.run("recheck --enclave en --record").status, 1);
    // Nothing changes any more, and it is still there: the policy goes on saying so.
    assert_eq!(changes(&world, 1), []);
    assert_eq!(
        not_admitted(&world, ""),
        [("test".to_owned(), "revoked".to_owned(), true)]
    );
    let found = world.json(&format!("where --enclave en {SIGNED}"));
    assert_eq!(found["found"][0]["judgement"]["level"], "none");
    let findings: Vec<Finding> = serde_json::from_value(found["found"][0]["judgement"]["findings"].clone()).unwrap();
    assert!(findings.iter().any(Finding::is_contradicted), "{findings:?}");
    // Whoever asks about a stolen key finds what rested on it, and clients find what they found.
    let resting = world.json(&format!("where --enclave en --key {KEY}"));
    assert_eq!(resting["found"].as_array().unwrap().len(), 1);
    let told = world.run(&format!("where --enclave en --key {KEY}")).done().stdout;
    assert!(told.contains("its signer is revoked: it was stolen"), "{told}");
    assert_eq!(before, world.published());
}

#[test]
fn revoked_bytes_bundles_and_exporters_fall_with_all_that_they_brought() {
    let readme = b"carried across the gap\n".repeat(40);
    let cases = [
        (Revoked::Artifact(Digest::of(&readme)), 1),
        (Revoked::Key(people::id(people::EXPORTER).to_string()), 6),
    ];
    for (what, count) in cases {
        let world = imported();
        revoke(&world, 1, vec![what.clone()]);
        let found = changes(&world, 1);
        assert_eq!(found.len(), count, "{what:?}: {found:?}");
        assert!(found.iter().all(|(_, _, now)| now == "none"), "{what:?}: {found:?}");
    }
    let world = imported();
    let status = world.json("status --enclave en");
    let manifest: Digest = status["last_bundle"]["manifest"].as_str().unwrap().parse().unwrap();
    revoke(&world, 1, vec![Revoked::Bundle(manifest)]);
    let found = changes(&world, 1);
    assert_eq!(found.len(), 6, "{found:?}");
    assert!(found.contains(&fell("test", "publisher")));
    // The exporter's key leads to what it brought, too.
    let key = people::id(people::EXPORTER);
    let brought = world.json(&format!("where --enclave en --key {key}"));
    assert_eq!(brought["found"].as_array().unwrap().len(), 6);
}

#[test]
fn a_key_that_is_pinned_later_confirms_what_came_before() {
    let world = World::new();
    world.write("m1", &bundle(&world, 1, None), &edits());
    world.run("import --enclave en m1").done();
    assert_eq!(changes(&world, 0), []);
    pin(&world, 1);
    let rose = ("test".to_owned(), "none".to_owned(), "publisher".to_owned());
    assert_eq!(changes(&world, 0), [rose]);
    world.run("recheck --enclave en --record").done();
    assert_eq!(changes(&world, 0), []);
    assert_eq!(
        world.json(&format!("where --enclave en {SIGNED}"))["found"][0]["judgement"]["level"],
        "publisher"
    );
}

#[test]
fn a_proof_that_is_gone_stops_nothing_else() {
    let world = imported();
    let proof = Digest::of(&fixture("minisign/test-prehashed.minisig")).hex();
    fs::remove_file(world.path(&format!("en/store/objects/{}/{}", &proof[..2], &proof[2..]))).unwrap();
    let ran = world.run("recheck --enclave en --json");
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let document = ran.json();
    assert_eq!(document["total"]["judged"], 6);
    assert_eq!(document["changes"].as_array().unwrap().len(), 1);
    assert!(
        document["changes"][0]["unreadable"]
            .as_str()
            .unwrap()
            .contains("cannot read")
    );
}

#[test]
fn more_artifacts_than_are_judged_side_by_side_are_all_judged() {
    let world = World::new();
    let mut many = bundle(&world, 1, None);
    // The signed one stands last by name, behind a whole round and before the end of another.
    many.files
        .extend((0..300).map(|number| (format!("file-{number:03}"), format!("number {number}\n").into_bytes())));
    let count = many.files.len();
    world.write("m1", &many, &edits());
    world.run("import --enclave en m1").done();
    pin(&world, 1);
    let rose = ("test".to_owned(), "none".to_owned(), "publisher".to_owned());
    assert_eq!(changes(&world, 0), [rose]);
    assert_eq!(
        world.run("recheck --enclave en --json").done().json()["total"]["judged"],
        count
    );
}
