//! Which reasons of a refusal a rendering has: each of them, and none twice.

use sealift::crypto::strict_json;
use sealift::trust::Kind;
use serde_json::{Value, json};

use crate::judged;
use crate::people;
use crate::reports::{parts, reports};
use crate::world::World;

fn show(world: &World, report: &str, format: &str) -> String {
    world
        .run(&format!("report show {report} --enclave en --format {format}"))
        .done()
        .stdout
}

/// The codes of a rendering's results, and how many rows of the table are refusals.
fn shown(world: &World, report: &str) -> (Vec<String>, usize) {
    let log: Value = serde_json::from_str(&show(world, report, "sarif")).unwrap();
    let codes = log["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["ruleId"].as_str().unwrap().to_owned())
        .collect();
    let table = show(world, report, "csv");
    let refusals = table.lines().filter(|line| line.starts_with("refusal,")).count();
    (codes, refusals)
}

#[test]
fn what_the_policy_keeps_out_is_told_once_and_what_came_later_is_told_too() {
    let world = judged::imported();
    assert_eq!(world.run("import --enclave en m2").status, 1);
    let document = world.json("report show 2 --enclave en");
    let refusals = document["head"]["refusals"].as_array().unwrap();
    assert!(
        refusals
            .iter()
            .any(|one| one["subject"].as_str().unwrap().starts_with("pkg:"))
    );
    // Each artifact's hits, and the bundle's own reasons.
    let hits: usize = document["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| artifact["decision"]["hits"].as_array().unwrap().len())
        .sum();
    let own = refusals
        .iter()
        .filter(|one| !one["subject"].as_str().unwrap().starts_with("pkg:"))
        .count();
    let (codes, rows) = shown(&world, "2");
    let of_records = codes.iter().filter(|code| !code.starts_with("check/")).count();
    let noted = document["head"]["policy"]["bundle"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|hit| hit["verdict"] != "deny")
        .count();
    assert_eq!((of_records, rows), (hits + own + noted, own));

    // The same attempt, had the policy passed and the publication failed.
    let (envelope, records) = parts(&reports(&world)[1]);
    let mut head: Value = serde_json::from_slice(&envelope.payload).unwrap();
    for check in head["checks"].as_array_mut().unwrap() {
        let id = check["id"].as_str().unwrap().to_owned();
        check["codes"] = json!([]);
        check["result"] = json!(if id == "publication" { "fail" } else { "pass" });
    }
    head["refusals"] = json!([{
        "code": "version-bytes-differ",
        "expected": null,
        "found": null,
        "hint": null,
        "reason": "it is held with other bytes",
        "subject": "pkg:generic/set@1.0?file_name=test",
    }]);
    let sealed = people::sealed(Kind::Report, &strict_json::write(&head), &[people::STATION]);
    let bytes = [&sealed.write()[..], b"\n", &records].concat();
    std::fs::write(world.path("later.ndjson"), bytes).unwrap();
    let (codes, rows) = shown(&world, "later.ndjson");
    assert!(codes.contains(&"version-bytes-differ".to_owned()), "{codes:?}");
    assert_eq!(rows, 1);
}
