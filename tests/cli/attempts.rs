//! What a report says of the attempt itself: with what, where, for what and when it was made, and what is known of the artifacts beside their
//! proofs.

use std::fs;

use sealift::crypto::strict_json;
use sealift::model::{Digest, Fault, Finding, Signer, Timestamp};
use sealift::report::{DecisionHit, Refused};
use serde_json::{Value, json};

use crate::capsule::{capsule, same};
use crate::judged;
use crate::raw_bundle::{Edits, RawObject};
use crate::reports::{check, reports, rewritten_as, rewritten_with, validate, varied};
use crate::site::{PLAIN, lenient};
use crate::tgz::{Entry, tgz};
use crate::world::{World, now};

const IMPORT: &str = "import --enclave en m1 --ticket CHG-17 --baseline BL-2026.4 --marking INTERNAL";

fn pinned() -> World {
    let world = judged::pinned();
    world.write("m1", &judged::bundle(&world, 1, None), &judged::edits());
    world
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn a_report_says_with_what_where_and_for_what_it_was_made() {
    let world = pinned();
    let begun = now();
    world.run(IMPORT).done();
    let document = world.json("report show 1 --enclave en");
    validate(&document);
    let head = &document["head"];
    assert_eq!(
        head["handling"],
        json!({ "baseline": "BL-2026.4", "marking": "INTERNAL", "ticket": "CHG-17" })
    );
    let program = fs::read(env!("CARGO_BIN_EXE_sealift")).unwrap();
    assert_eq!(
        head["program"],
        json!({ "bytes": program.len(), "digest": Digest::of(&program) })
    );
    let name = fs::read_to_string("/proc/sys/kernel/hostname");
    if let Ok(name) = &name {
        assert_eq!(head["station"]["host"]["name"], name.trim());
    }
    let system = head["station"]["host"]["system"].as_str().unwrap();
    assert!(system.ends_with(std::env::consts::ARCH), "{system}");
    let modules = head["cryptography"]["modules"].as_array().unwrap();
    assert!(modules.iter().all(|module| module["certificate"].is_null()));
    assert!(modules.iter().any(|module| module["name"] == "aws-lc-rs"));
    assert_eq!(
        head["retention"],
        json!({ "class": "report", "days": 3653, "until": time(&head["created"]).plus_days(3653) })
    );
    // What was sealed is the map that the document shows.
    assert_eq!(
        head["control_map"],
        json!({ "digest": Digest::of(&strict_json::write(&document["controls"])), "map": document["controls"]["map"] })
    );
    let checks = head["checks"].as_array().unwrap();
    let mut before = begun;
    for check in checks {
        let (started, ended) = (time(&check["started"]), time(&check["ended"]));
        assert!(before <= started && started <= ended, "{check}");
        before = started;
    }
    assert!(before <= now());

    let text = world.run("report show 1 --enclave en").done().stdout;
    let digest = head["program"]["digest"].as_str().unwrap();
    for said in [
        "marking INTERNAL; ticket CHG-17; baseline BL-2026.4",
        digest,
        "as a report for 3653 days",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    world
        .run("report show 1 --enclave en --format html --out page.html")
        .done();
    let page = fs::read_to_string(world.path("page.html")).unwrap();
    for said in [
        "ticket CHG-17",
        digest,
        "not a validated module",
        "as a report for 3653 days",
        system,
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn a_result_tells_what_passed_by_the_rules_from_what_persons_let_pass() {
    let world = pinned();
    world.policy(&format!("{}{}", PLAIN.replace("VERSION", "1"), lenient("")));
    world.run("import --enclave en m1").done();
    let head = world.json("report show 1 --enclave en")["head"].take();
    assert_eq!((&head["result"], &head["waived"]), (&json!("passed"), &json!(0)));
    assert!(head.get("handling").is_none(), "nobody said what it belongs to");
    // What only shows what it would do lets pass what no rule admits.
    let world = pinned();
    world.run("import --enclave en m1").done();
    let document = world.json("report show 1 --enclave en");
    let excepted = document["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|artifact| artifact["decision"]["admission"] != "allowed")
        .count();
    let head = &document["head"];
    assert_eq!(
        (&head["result"], &head["waived"]),
        (&json!("passed-with-waivers"), &json!(excepted))
    );
    assert!(excepted > 0);
    let text = world.run("report show 1 --enclave en").done().stdout;
    assert!(
        text.contains(&format!("passed with waivers: {excepted} artifacts")),
        "{text}"
    );
}

#[test]
fn a_check_that_passed_says_what_it_had_to_go_by() {
    // Nobody pins anything, and what stands as a policy only shows what it would do.
    let world = World::new();
    world.medium(1, None);
    let imported = world.json("import --enclave en m1");
    assert_eq!(
        imported["decisions"]["waived"], 0,
        "what a rule found and nobody waived is not waived"
    );
    let report = world.json("report show 1 --enclave en");
    let said = |id: &str| {
        let check = check(&report, id);
        (
            check["result"].as_str().unwrap(),
            check["note"].as_str().unwrap_or_default(),
        )
    };
    assert_eq!(said("approvals"), ("not-applicable", "the root asks for no approval"));
    assert_eq!(
        said("trust"),
        ("warn", "no trust data stands: nobody outside is believed")
    );
    assert_eq!(said("policy"), ("warn", "this policy only shows what it would do"));
    assert!(check(&report, "malware").get("expected").is_none(), "nobody scanned");
    let observed = check(&report, "policy")["observed"].as_str().unwrap();
    assert!(!observed.contains(" 0 ") && !observed.starts_with("0 "), "{observed}");
    // With both there is nothing to warn of.
    let world = pinned();
    world.policy(&format!("{}{}", PLAIN.replace("VERSION", "1"), lenient("")));
    world.run("import --enclave en m1").done();
    let report = world.json("report show 1 --enclave en");
    assert_eq!(check(&report, "trust")["result"], "pass");
    assert_eq!(check(&report, "policy")["result"], "pass");
}

#[test]
fn the_report_of_a_refusal_says_so_and_when_it_ended() {
    let world = World::new();
    let elsewhere = Digest::of(b"another enclave").to_string();
    world.write(
        "m1",
        &world.bundle(1, None),
        &World::edits(move |manifest| manifest["recipients"] = json!([elsewhere])),
    );
    world.refused(IMPORT, "wrong-enclave");
    let document = world.json("report show 1 --enclave en");
    validate(&document);
    let head = &document["head"];
    assert_eq!((&head["result"], &head["waived"]), (&json!("failed"), &json!(0)));
    assert_eq!(head["handling"]["ticket"], "CHG-17");
    assert_eq!(
        head["retention"],
        json!({ "class": "refusal", "days": 1096, "until": time(&head["created"]).plus_days(1096) })
    );
    for check in head["checks"].as_array().unwrap() {
        let is_reached = check["result"] != "not-reached";
        assert_eq!(check.get("started").is_some(), is_reached, "{check}");
        assert_eq!(check.get("ended").is_some(), is_reached, "{check}");
    }
}

#[test]
fn what_an_import_belongs_to_is_one_line_that_prints() {
    let world = pinned();
    let long = "x".repeat(201);
    for (text, why) in [
        ("", "it is empty"),
        (" ", "it is empty"),
        (long.as_str(), "longer than 200 bytes"),
        ("a\u{202e}b", "do not print"),
        ("a\nb", "do not print"),
    ] {
        for argument in ["--ticket", "--baseline", "--marking"] {
            let mut command = world.command("import --enclave en m1");
            let output = command.args([argument, text]).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{argument} {text:?}: {said}");
            assert!(said.contains(why), "{argument} {text:?}: {said}");
        }
    }
    assert!(reports(&world).is_empty());
}

/// Writes a medium `m1` with a package of npm that needs these, and the page that its registry has of it; and with that in its manifest.
pub(crate) fn with_a_page(world: &World, needs: &Value, beside: &[Vec<u8>], edit: impl Fn(&mut Value) + 'static) {
    let mut package = json!({ "name": "left", "version": "1.0.0", "license": "MIT OR Apache-2.0" });
    if !needs.is_null() {
        package["dependencies"] = needs.clone();
    }
    let tarball = tgz(&[Entry::file("package/package.json", package.to_string())]);
    let integrity = {
        use base64::Engine as _;
        use sha2::Digest as _;
        base64::engine::general_purpose::STANDARD.encode(sha2::Sha512::digest(&tarball))
    };
    let packument = json!({
        "name": "left",
        "time": { "1.0.0": "2026-02-03T04:05:06.789Z" },
        "versions": { "1.0.0": {
            "name": "left", "version": "1.0.0", "license": "MIT OR Apache-2.0",
            "dist": { "integrity": format!("sha512-{integrity}"), "tarball": "https://registry.example.com/left/-/left-1.0.0.tgz" },
        } },
    })
    .to_string()
    .into_bytes();
    let page = Digest::of(&packument).to_string();
    let mut bundle = world.bundle(1, None);
    bundle.files.push(("left-1.0.0.tgz".to_owned(), tarball));
    let objects = beside.iter().cloned().chain([packument]);
    bundle
        .objects
        .extend(objects.map(|content| RawObject { content, zstd: false }));
    let edits = Edits {
        records: Some(Box::new(move |records: &mut Vec<Value>| {
            let is_ours = |record: &Value| record["artifact"]["file"] == "left-1.0.0.tgz";
            let place = records.iter().position(is_ours).unwrap();
            let mut ours = records.remove(place);
            ours["artifact"]["ecosystem"] = "npm".into();
            ours["artifact"]["name"] = "left".into();
            ours["artifact"]["version"] = "1.0.0".into();
            ours["artifact"]["proofs"] = json!([
                { "kind": "npm-signature", "state": "absent" },
                { "kind": "npm-attestations", "state": "not-served" },
            ]);
            records.push(ours);
            let first = records
                .iter()
                .position(|record| record.get("artifact").is_some())
                .unwrap();
            let document =
                json!({ "digest": page, "ecosystem": "npm", "kind": "packument", "name": "left", "origin": "folder" });
            records.insert(first, json!({ "document": document }));
        })),
        ..World::edits(edit)
    };
    world.write("m1", &bundle, &edits);
}

#[test]
fn records_say_what_an_artifact_states_of_itself_and_when_it_was_published() {
    let world = World::new();
    with_a_page(&world, &Value::Null, &[], |_| {});
    world.run("import --enclave en m1").done();
    let document = world.json("report show 1 --enclave en");
    validate(&document);
    let artifacts = document["artifacts"].as_array().unwrap();
    let ours = artifacts
        .iter()
        .find(|artifact| artifact["ecosystem"] == "npm")
        .unwrap();
    assert_eq!(
        ours["about"],
        json!({ "licence": "MIT OR Apache-2.0", "published": { "by": "registry", "time": "2026-02-03T04:05:06Z" } })
    );
    let others = artifacts.iter().filter(|artifact| artifact["ecosystem"] != "npm");
    assert!(others.clone().count() > 0 && others.clone().all(|artifact| artifact.get("about").is_none()));

    let rendered = |format: &str| {
        world
            .run(&format!("report show 1 --enclave en --format {format}"))
            .done()
            .stdout
    };
    let cyclonedx: Value = serde_json::from_str(&rendered("cyclonedx")).unwrap();
    let components = cyclonedx["components"].as_array().unwrap();
    let component = components.iter().find(|component| component["name"] == "left").unwrap();
    assert_eq!(
        component["licenses"],
        json!([{ "license": { "name": "MIT OR Apache-2.0", "acknowledgement": "declared" } }])
    );
    let spdx: Value = serde_json::from_str(&rendered("spdx")).unwrap();
    let packages = spdx["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "left").unwrap();
    assert_eq!(package["releaseDate"], "2026-02-03T04:05:06Z");
    assert_eq!(package["licenseComments"], "its own metadata states: MIT OR Apache-2.0");
    let csv = rendered("csv");
    let row = csv.lines().find(|row| row.contains("pkg:npm/left@1.0.0")).unwrap();
    assert!(
        row.contains(",MIT OR Apache-2.0,2026-02-03T04:05:06Z,registry,"),
        "{row}"
    );
    let page = rendered("html");
    assert!(page.contains("licence MIT OR Apache-2.0; published 2026-02-03T04:05:06Z as the registry says"));

    // Judged again it is said again.
    capsule(&world, "1 --out a.tar");
    same(&world, "a.tar");
}

#[test]
fn no_rendering_lets_vouch_who_made_a_proof_that_is_wrong() {
    let world = judged::imported();
    let mut record = varied(4);
    let mallory = Signer::key("K-MALLORY".to_owned(), None);
    let wrong = Finding::contradicted("minisign", Fault::SignatureWrong, "the signature is wrong");
    record.findings.push(wrong.by(mallory));
    rewritten_as(&world, "two.ndjson", [record].into_iter());
    for format in ["text", "html", "cyclonedx", "spdx", "csv", "junit"] {
        let line = format!("report show two.ndjson --enclave en --format {format}");
        let shown = world.run(&line).done().stdout;
        assert!(!shown.contains("MALLORY"), "{format}: {shown}");
    }
    // The record itself says whose proof was wrong.
    let document = world.json("report show two.ndjson --enclave en");
    assert!(document["artifacts"][0].to_string().contains("K-MALLORY"));
}

#[test]
fn what_a_policy_says_of_a_bundle_stands_once_in_a_log_of_results() {
    let world = judged::imported();
    let hit = |verdict: &str| DecisionHit {
        approved_by: Vec::new(),
        code: "custody-incomplete".to_owned(),
        counts_from: None,
        lowered: None,
        message: format!("nobody received it, says {verdict}"),
        rule: "custody".to_owned(),
        solution: "add the record".to_owned(),
        verdict: verdict.to_owned(),
        waived_by: None,
    };
    rewritten_with(&world, "none.ndjson", std::iter::empty(), |head| {
        let policy = head.policy.as_mut().unwrap();
        policy.bundle = vec![hit("deny"), hit("review")];
        head.refusals = vec![Refused {
            code: "evidence-too-low".to_owned(),
            expected: None,
            found: None,
            hint: None,
            reason: "nobody signed it".to_owned(),
            subject: "pkg:generic/tool@1".to_owned(),
        }];
    });
    let shown = world
        .run("report show none.ndjson --enclave en --format sarif")
        .done()
        .stdout;
    // What denies it is among the refusals; and where there are no records, none of them repeats a refusal.
    for (words, expected) in [("says review", 1), ("says deny", 0), ("nobody signed it", 1)] {
        assert_eq!(shown.matches(words).count(), expected, "{words}: {shown}");
    }
}
