//! What is told of decisions where there are many, what is told of those that cannot be asked yet, and what becomes of objects that two artifacts share.
//! Each test fails if its check is left out.

use std::fs;

use sealift::model::Digest;
use sealift::trust::{Kind, Revocations};
use serde_json::{Value, json};

use crate::capsule::{capsule, same};
use crate::decided::advisory;
use crate::export::sending;
use crate::people;
use crate::raw_bundle::{Edits, RawObject};
use crate::reviews::review;
use crate::site::{Beside, FILES, File, NO_NAMES, PLAIN, Site, file, lenient};
use crate::world::{World, now};

/// Names wait for a person the first time, and nothing else does.
const FIRST_SEEN: &str = "names: { first_seen: review, similar: allow }\n";

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// So many files of as many names, in the catalog's order.
fn many(count: usize) -> Vec<File> {
    (0..count)
        .map(|number| file(leaked(format!("f{number:03}")), "1.0"))
        .collect()
}

/// The refusals of an import that must be refused.
fn refusals(site: &Site, folder: &str) -> Vec<Value> {
    let ran = site
        .world
        .run(&format!("import --enclave en {folder}/{} --json", site.volume()));
    assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
    ran.json()["refusals"].as_array().unwrap().clone()
}

#[test]
fn a_hundred_that_are_not_admitted_are_named_the_denied_first_and_the_rest_is_counted() {
    let deny = "deny: [{ match: \"files/zz@1.0\", reason: hijacked }]\n";
    let mut site = Site::new(&format!("{FILES}{FIRST_SEEN}{deny}"));
    let mut files = many(102);
    files.push(file("zz", "1.0"));
    let folder = site.plain(&files);
    let said = refusals(&site, &folder);
    assert_eq!(said.len(), 101);
    assert_eq!(
        (&said[0]["code"], &said[0]["subject"]),
        (&json!("denylisted"), &json!(files[102].purl()))
    );
    for (refusal, file) in said[1..100].iter().zip(&files) {
        assert_eq!(
            (&refusal["code"], &refusal["subject"]),
            (&json!("first-seen-name"), &json!(file.purl()))
        );
    }
    assert_eq!(
        said[100]["reason"],
        "3 more artifacts are not admitted: 1 are denied, and 102 wait for a decision"
    );
    // All that waits is kept for persons, and what is denied is not.
    let listed = site.world.json("review list --enclave en");
    assert_eq!(listed["bundles"][0]["count"], 102, "{listed}");

    // Of a hundred nothing is left to count.
    let folder = site.plain(&many(100));
    let said = refusals(&site, &folder);
    assert_eq!(said.len(), 100);
    assert!(said.iter().all(|refusal| refusal["code"] == "first-seen-name"));
    let folder = site.plain(&many(101));
    assert_eq!(refusals(&site, &folder).len(), 101);
}

#[test]
fn a_hundred_that_no_plan_names_are_named_and_the_rest_is_counted() {
    let plan = Beside {
        plan: Some("{\"wanted\":[{\"ecosystem\":\"files\",\"name\":\"f000\",\"version\":\"1.0\"}]}".to_owned()),
        ..Beside::default()
    };
    let mut site = Site::new(&lenient(""));
    let mut unasked = |count: usize| -> Vec<String> {
        let folder = site.medium(&many(count), &plan);
        let said = refusals(&site, &folder);
        assert!(said.iter().all(|refusal| refusal["code"] == "not-in-plan"), "{said:?}");
        said.iter()
            .map(|refusal| refusal["reason"].as_str().unwrap().to_owned())
            .collect()
    };
    let says = |what: String| format!("{what}: nothing in the plan asks for it (require.closure)");
    let files = many(101);
    let hundred: Vec<String> = files[1..].iter().map(|file| says(file.purl())).collect();
    assert_eq!(unasked(101), hundred);
    let said = unasked(103);
    assert_eq!(said[..100], hundred);
    assert_eq!(said[100..], [says("2 more".to_owned())]);
}

#[test]
fn what_an_artifact_that_is_admitted_shares_with_one_that_is_not_is_published() {
    let deny = "on_refusal: keep-out\ndeny: [{ match: \"files/bad@1.0\", reason: hijacked }, { match: \"files/tool@1.0\", reason: old }]\n";
    let mut site = Site::new(&lenient(deny));
    let twin = File {
        content: file("bad", "1.0").content,
        ..file("good", "1.0")
    };
    let report = site.takes(&[file("bad", "1.0"), twin, file("tool", "1.0"), file("tool", "1.1")]);
    assert_eq!(report["decisions"]["kept_out"], 2);
    let kept = |content: &str| {
        let hex = Digest::of(content.as_bytes()).hex();
        site.world
            .path(&format!("en/store/objects/{}/{}", &hex[..2], &hex[2..]))
            .exists()
    };
    // The bytes of both, since one of them is wanted.
    assert!(kept(&file("bad", "1.0").content));
    assert!(!kept(&file("tool", "1.0").content));
    assert!(kept(&file("tool", "1.1").content));
    let names: Vec<String> = site.world.json("list --enclave en")["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| {
            format!(
                "{} {}",
                artifact["name"].as_str().unwrap(),
                artifact["version"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(names, ["good 1.0", "tool 1.1"]);
    let shows = |path: &str| site.world.path(&format!("en/repository/files/{path}")).exists();
    assert!(shows("good") && shows("tool") && !shows("bad"));
}

#[test]
fn what_comes_after_the_export_is_not_asked_before_it_and_that_is_said() {
    let world = sending();
    let not_asked = |more: &str, approvals: u32| {
        let policy = PLAIN
            .replace("VERSION", "1")
            .replace("approvals: 0", &format!("approvals: {approvals}, max_age_days: 3650"));
        fs::write(world.path("policy.yaml"), format!("{policy}{FILES}{NO_NAMES}{more}")).unwrap();
        let decided =
            world.json(
                "export --exporter ex --select sealift.yaml --offline --out media --policy policy.yaml --dry-run",
            )["decisions"]
                .take();
        // Nobody has approved it, or scanned it, or handed it over.
        assert_eq!(decided["bundle"]["hits"], json!([]), "{decided}");
        assert_eq!(decided["kept_out"], 0, "{decided}");
        decided["not_asked"].to_string()
    };
    let later = [
        "approvals, gaps",
        "scans: they come later",
        "custody of the media: it comes later",
    ];
    let said = not_asked("", 0);
    assert_eq!(later.map(|text| said.contains(text)), [true, false, true], "{said}");
    let said = not_asked(
        "scan: [{ engine: clamav, side: import, definitions_max_age_days: 3 }]\ncustody: { events: [sealed] }\n",
        1,
    );
    assert_eq!(later.map(|text| said.contains(text)), [true; 3], "{said}");
    assert!(said.contains("floors, pinned publishers"), "{said}");
    // Nothing here needs anything.
    assert!(!said.contains("what the artifacts need"), "{said}");
}

#[test]
fn where_everything_can_be_asked_nothing_is_said_to_be_left_out() {
    let mut site = Site::new(&lenient(""));
    let plan = Beside {
        plan: Some("{\"wanted\":[{\"ecosystem\":\"files\",\"name\":\"tool\",\"version\":\"1.0\"}]}".to_owned()),
        advisories: Some(advisory("A-1", "other", "")),
        ..Beside::default()
    };
    let folder = site.medium(&[file("tool", "1.0")], &plan);
    let report = site.imports(&folder);
    assert_eq!(report["decisions"]["not_asked"], json!([]));
    // A plan that names nothing is not one that asks for all.
    let report = site.takes(&[file("tool", "1.1")]);
    assert_eq!(
        report["decisions"]["not_asked"],
        json!([
            "advisories: the bundle carries none",
            "whether the plan asked for each artifact: the plan names none, or is too large"
        ])
    );
    // Each list that the policy would ask is named, and no other.
    site.policy(&format!(
        "{FILES}names: {{ first_seen: allow, similar: review }}\nadvisories: {{ malicious: allow, critical: allow, high: allow, medium: allow, low: allow, unknown: allow }}\n"
    ));
    let report = site.takes(&[file("tool", "1.2")]);
    let popular = "whether new names look like popular ones: the bundle carries no list of them";
    assert_eq!(report["decisions"]["not_asked"][0], popular);
    let shown = site.world.json("report show --enclave en");
    assert!(shown["head"]["not_checked"].to_string().contains(popular), "{shown}");
    let named = Beside {
        popular_names: Some("files/requests\n".to_owned()),
        ..Beside::default()
    };
    let folder = site.medium(&[file("tool", "1.3")], &named);
    let report = site.imports(&folder);
    assert_eq!(report["decisions"]["not_asked"].as_array().unwrap().len(), 1);
}

#[test]
fn a_snapshot_of_a_time_to_come_is_not_fresh() {
    let fresh = |modified: &str| {
        let policy = PLAIN
            .replace("VERSION", "2")
            .replace("advisories_max_age_days: none", "advisories_max_age_days: 7");
        let mut site = Site::new(&lenient(""));
        site.world.policy(&format!("{policy}{FILES}{NO_NAMES}"));
        let record = |id: &str, time: &str| {
            format!(
                "{{\"id\":\"{id}\",\"modified\":\"{time}\",\"affected\":[{{\"package\":{{\"ecosystem\":\"files\",\"name\":\"other\"}},\"versions\":[\"1.0\"]}}]}}\n"
            )
        };
        let beside = Beside {
            advisories: Some(record("A-1", "2020-01-01T00:00:00Z") + &record("A-2", modified)),
            ..Beside::default()
        };
        let folder = site.medium(&[file("tool", "1.0")], &beside);
        (site, folder)
    };
    let (site, folder) = fresh("2999-01-01T00:00:00Z");
    site.refused(&folder, "side-data-stale");
    let (mut site, folder) = fresh(&now().to_string());
    site.imports(&folder);
}

#[test]
fn revocations_that_have_grown_old_refuse_an_import_and_are_told_by_a_recheck() {
    let mut site = Site::new(&lenient(""));
    site.takes(&[file("tool", "1.0")]);
    let document = Revocations::empty(1, now().plus_days(20).plus_seconds(-40 * 86_400));
    let envelope = people::sealed(Kind::Revocations, &document.write().unwrap(), &[people::ANN]);
    fs::write(site.world.path("revocations"), envelope.write()).unwrap();
    site.world.run("trust install revocations --enclave en").done();
    site.world.run("recheck --enclave en").done();
    let policy = PLAIN
        .replace("VERSION", "2")
        .replace("revocations_max_age_days: none", "revocations_max_age_days: 14");
    site.world.policy(&format!("{policy}{FILES}{NO_NAMES}"));
    let text = "the revocations that count are 20 days old; 14 days is the most";
    let said = site.refuses(&[file("tool", "1.1")], "side-data-stale");
    assert!(said.contains(text), "{said}");
    let ran = site.world.run("recheck --enclave en");
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stdout.contains(&format!("{text} [side-data-stale]")), "{ran:?}");
}

/// A capsule has no enclave: of the names that were there then, it holds the one that the new one looks like.
#[test]
fn a_look_alike_of_a_name_that_is_here_is_one_in_the_capsule_as_well() {
    let mut site = Site::new(&lenient(""));
    site.takes(&[file("requests", "1.0"), file("other", "1.0")]);
    site.policy(&format!("{FILES}names: {{ first_seen: allow, similar: review }}\n"));
    site.world.key(people::ANN, "ann.pem");
    let folder = site.plain(&[file("reqeusts", "1.0")]);
    let said = site.refused(&folder, "similar-name");
    assert!(said.contains("`requests`"), "{said}");
    capsule(&site.world, "2 --out refused.tar");
    assert_eq!(same(&site.world, "refused.tar")["outcome"], "refused");
    review(&site, "approve", "--all", "ann.pem").done();
    site.imports(&folder);
    let number = site.world.json("report show --enclave en")["head"]["number"].clone();
    capsule(&site.world, &format!("{number} --out taken.tar"));
    assert_eq!(same(&site.world, "taken.tar")["artifacts"], 1);
}

/// Registries' documents are no artifacts, and as many as are shown are named.
#[test]
fn a_hundred_findings_beside_the_artifacts_are_named() {
    let world = World::new();
    world.policy(&format!(
        "{}{}",
        PLAIN.replace("VERSION", "1"),
        lenient("on_refusal: keep-out\n")
    ));
    let documents: Vec<Vec<u8>> = (0..102)
        .map(|number| format!("{{\"evil\":{number}}}").into_bytes())
        .collect();
    let mut bundle = world.bundle(1, None);
    let mut records: Vec<Value> = Vec::new();
    for (number, content) in documents.iter().enumerate() {
        records.push(json!({ "document": {
            "digest": Digest::of(content), "ecosystem": "files", "kind": "note", "name": format!("n{number:03}"),
            "origin": "https://registry.example.com/note"
        } }));
        bundle.objects.push(RawObject {
            content: content.clone(),
            zstd: false,
        });
    }
    let edits = Edits {
        records: Some(Box::new(move |all: &mut Vec<Value>| {
            let first = all.iter().position(|record| record.get("artifact").is_some()).unwrap();
            all.splice(first..first, records.clone());
        })),
        ..World::edits(|_| {})
    };
    world.write("m1", &bundle, &edits);
    let script = "#!/bin/sh\ns=0; while read -r path; do if grep -q evil \"$path\"; then echo \"$path: Test.Evil FOUND\"; s=1; \
                  else echo \"$path: OK\"; fi; done < \"$1\"; exit $s\n";
    fs::write(world.path("scan.sh"), script).unwrap();
    fs::write(world.path("version.sh"), format!("echo {} test-1\n", now())).unwrap();
    let yaml = format!(
        "schema: sealift-scanners/1\nscanners:\n  - engine: clamav\n    command: [\"/bin/sh\", \"{}\", \"{{list}}\"]\n    definitions: [\"/bin/sh\", \"{}\"]\n",
        world.path("scan.sh").display(),
        world.path("version.sh").display(),
    );
    fs::write(world.path("en/scanners.yaml"), yaml).unwrap();
    let ran = world.run("verify --enclave en m1 --json");
    assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
    let document = ran.json();
    let said = document["refusals"].as_array().unwrap();
    assert_eq!(said.len(), 100);
    assert!(
        said.iter().all(|refusal| refusal["code"] == "scan-positive"),
        "{said:?}"
    );
}
