//! Renderings of reports, each validated by its public schema, and what must not be in them.

use std::collections::BTreeSet;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::dsse::Envelope;
use sealift::crypto::key::Signer as _;
use sealift::report::Format;
use sealift::trust::{Revoked, Role};
use serde_json::{Value, json};

use crate::judged;
use crate::people;
use crate::public_schema::{validate, validate_junit};
use crate::reports::{rewritten, rewritten_as, varied};
use crate::world::World;

/// A world with a report over some hundred artifacts of all levels and decisions, `varied.ndjson`, and one of a refusal.
fn world() -> World {
    let world = judged::imported();
    rewritten_as(&world, "varied.ndjson", (0..320).map(varied));
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    world
}

fn show(world: &World, report: &str, format: &str) -> String {
    world
        .run(&format!("report show {report} --enclave en --format {format}"))
        .done()
        .stdout
}

fn digest(world: &World, report: &str) -> String {
    world.json(&format!("report verify {report} --enclave en"))["digest"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// How many checks an import makes.
fn checks(world: &World) -> usize {
    let document = world.json("report show 1 --enclave en");
    document["head"]["checks"].as_array().unwrap().len()
}

/// The cells of a text, as RFC 4180 §2 has them.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(characters.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(cell.is_empty() && row.is_empty(), "the last line has its end");
    rows
}

#[test]
fn a_table_has_a_row_for_each_artifact_and_computes_nothing() {
    let world = world();
    let table = rows(&show(&world, "varied.ndjson", "csv"));
    assert_eq!(table.len(), 321);
    assert!(table.iter().all(|row| row.len() == table[0].len()));
    let column = |name: &str| table[0].iter().position(|column| column == name).unwrap();
    let digest = digest(&world, "varied.ndjson");
    assert!(table[1..].iter().all(|row| row[column("report")] == digest));
    let of = |word: &str| table[1..].iter().filter(|row| row[column("admission")] == word).count();
    assert_eq!(
        (of("allowed"), of("reviewed"), of("waiting"), of("denied")),
        (192, 64, 32, 32)
    );
    assert_eq!(table[1][column("name")], "'@acme/left-pad");
    assert_eq!(table[1][column("purl")], "pkg:npm/@acme/left-pad@1.0.0");
    assert!(table[10][column("wrong")].starts_with("openpgp: "));
    // Each proof stands in the column of what it came to, and in no other.
    for (row, filled) in [(1, "confirmed"), (9, "not_judged"), (10, "wrong")] {
        for name in ["confirmed", "wrong", "not_judged"] {
            assert_eq!(table[row][column(name)].is_empty(), name != filled, "{row} {name}");
        }
    }
    // A refusal has no artifacts, and says why.
    let table = rows(&show(&world, "2", "csv"));
    assert_eq!(table.len(), 2);
    assert_eq!(
        (table[1][0].as_str(), table[1][column("codes")].as_str()),
        ("refusal", "unknown-format")
    );
    let listed = world.json("report list --enclave en");
    assert_eq!(
        (&listed["reports"][0]["codes"], &listed["reports"][1]["codes"]),
        (&json!([]), &json!(["unknown-format"]))
    );
    rewritten(&world, "hostile.ndjson", 2, "=cmd|' /C calc'!A0", "-2+3\r\n=1");
    let table = rows(&show(&world, "hostile.ndjson", "csv"));
    assert_eq!(table[1][column("name")], "'=cmd|' /C calc'!A0");
    for cell in table.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
    }
}

#[test]
fn sarif_has_what_is_wrong_and_nothing_else() {
    let world = world();
    let log: Value = serde_json::from_str(&show(&world, "varied.ndjson", "sarif")).unwrap();
    validate("sarif-2.1.0-rtm.5.json", &log);
    let run = &log["runs"][0];
    assert_eq!(run["properties"]["report"], digest(&world, "varied.ndjson"));
    let results = run["results"].as_array().unwrap();
    let of = |rule: &str| results.iter().filter(|result| result["ruleId"] == rule).count();
    // 32 wait, 32 are denied, and those bring a proof that is wrong.
    assert_eq!((of("evidence-too-low"), of("evidence-invalid")), (64, 32));
    let rules: BTreeSet<&str> = run["tool"]["driver"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    assert!(
        results
            .iter()
            .all(|result| rules.contains(result["ruleId"].as_str().unwrap()))
    );
    let wrong = results
        .iter()
        .find(|result| result["ruleId"] == "evidence-invalid")
        .unwrap();
    assert_eq!(
        wrong["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "pkg:pypi/requests@1.0.9"
    );
    let refused: Value = serde_json::from_str(&show(&world, "2", "sarif")).unwrap();
    validate("sarif-2.1.0-rtm.5.json", &refused);
    let results = refused["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 1, "{results:?}");
    assert_eq!(
        (&results[0]["ruleId"], &results[0]["level"]),
        (&"unknown-format".into(), &"error".into())
    );
}

#[test]
fn each_check_and_each_artifact_is_a_test_case() {
    let world = world();
    for (report, artifacts, failures) in [("varied.ndjson", 320, 64), ("2", 0, 1)] {
        let cases = checks(&world) + artifacts;
        let text = show(&world, report, "junit");
        validate_junit(&text);
        let document = roxmltree::Document::parse(&text).unwrap();
        let count = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count();
        assert_eq!((count("testcase"), count("failure")), (cases, failures), "{report}");
        let root = document.root_element();
        assert_eq!(root.attribute("tests"), Some(cases.to_string().as_str()));
        assert_eq!(root.attribute("failures"), Some(failures.to_string().as_str()));
        let sum: usize = root
            .children()
            .filter_map(|suite| suite.attribute("failures"))
            .map(|text| text.parse::<usize>().unwrap())
            .sum();
        assert_eq!(sum, failures);
        let reference = document
            .descendants()
            .find(|node| node.attribute("name") == Some("report"))
            .unwrap();
        assert_eq!(reference.attribute("value"), Some(digest(&world, report).as_str()));
    }
    rewritten(
        &world,
        "hostile.ndjson",
        2,
        "</testcase>\u{1b}\u{ffff}&\"'",
        "]]>\u{0}<!--",
    );
    let text = show(&world, "hostile.ndjson", "junit");
    validate_junit(&text);
    assert!(text.contains("&lt;/testcase&gt;\\u{1b}\\u{ffff}&amp;&quot;'"), "{text}");
}

/// The statements of a rendering, one a line.
fn statements(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_summary_says_what_the_findings_prove_and_no_more() {
    let world = world();
    let summaries = statements(&show(&world, "varied.ndjson", "vsa"));
    assert_eq!(summaries.len(), 320);
    let report = digest(&world, "varied.ndjson");
    for (number, summary) in summaries.iter().enumerate() {
        let record = varied(number);
        let admission = record.decision.unwrap().admission;
        assert_eq!(summary["_type"], "https://in-toto.io/Statement/v1");
        assert_eq!(summary["predicateType"], "https://slsa.dev/verification_summary/v1");
        assert_eq!(summary["subject"][0]["digest"]["sha256"], record.digest.hex());
        let predicate = &summary["predicate"];
        for field in [
            "verifier",
            "timeVerified",
            "resourceUri",
            "policy",
            "verificationResult",
            "verifiedLevels",
        ] {
            assert!(!predicate[field].is_null(), "{field}");
        }
        assert_eq!(predicate["resourceUri"], record.purl);
        assert_eq!(
            format!(
                "sha256:{}",
                predicate["urn:sealift:report"]["digest"]["sha256"].as_str().unwrap()
            ),
            report
        );
        let expected = match admission.as_str() {
            "allowed" | "reviewed" => {
                let level = format!("SEALIFT_EVIDENCE_{}", record.level.word().to_uppercase());
                ("PASSED", json!(["SLSA_BUILD_LEVEL_UNEVALUATED", level]))
            }
            _ => ("FAILED", json!(["FAILED"])),
        };
        assert_eq!(
            (&predicate["verificationResult"], &predicate["verifiedLevels"]),
            (&json!(expected.0), &expected.1)
        );
    }
    let ran = world.run("report show varied.ndjson --enclave en --format vsa");
    assert!(ran.stderr.contains("not signed"), "{}", ran.stderr);
}

#[test]
fn what_a_policy_only_shows_is_no_pass() {
    let world = judged::imported();
    let says = |number: usize| {
        let mut record = varied(number);
        let decision = record.decision.as_mut().unwrap();
        let (admission, rules_say) = [
            ("allowed", "allow"),
            ("reviewed", "review"),
            ("allowed", "deny"),
            ("allowed", "review"),
            ("evaluation", "review"),
            ("evaluation", "deny"),
            ("reviewed", "deny"),
            ("waiting", "review"),
            ("denied", "deny"),
        ][number];
        decision.admission = admission.to_owned();
        decision.rules_say = rules_say.to_owned();
        record
    };
    rewritten_as(&world, "shows.ndjson", (0..9).map(says));
    let results: Vec<String> = statements(&show(&world, "shows.ndjson", "vsa"))
        .iter()
        .map(|summary| summary["predicate"]["verificationResult"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(results[..2], ["PASSED", "PASSED"]);
    assert!(results[2..].iter().all(|result| result == "FAILED"), "{results:?}");
    // Whatever was decided of its artifacts, a bundle that was refused brought nothing.
    assert_eq!(world.run("import --enclave en m2").status, 1);
    let refused = statements(&show(&world, "2", "vsa"));
    assert!(!refused.is_empty());
    for summary in refused {
        assert_eq!(summary["predicate"]["verificationResult"], "FAILED");
    }
}

#[test]
fn a_signed_summary_is_an_envelope_that_the_enclaves_key_signed() {
    let world = world();
    let unsigned = show(&world, "1", "vsa");
    let signed = world.run("report show 1 --enclave en --format vsa --sign").done();
    assert!(!signed.stderr.contains("not signed"), "{}", signed.stderr);
    assert_eq!(signed.stdout.lines().count(), unsigned.lines().count());
    let key = people::key(people::STATION);
    for (line, statement) in signed.stdout.lines().zip(statements(&unsigned)) {
        let wire: Value = serde_json::from_str(line).unwrap();
        assert_eq!(wire["payloadType"], "application/vnd.in-toto+json");
        assert_eq!(wire["signatures"].as_array().unwrap().len(), 1);
        let envelope = Envelope::read(line.as_bytes()).unwrap();
        key.public()
            .verify(&envelope.pae(), &envelope.signatures[0].bytes)
            .unwrap();
        let payload = STANDARD.decode(wire["payload"].as_str().unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap(), statement);
    }
    // Only by whom the root lets sign reports, and only what has a place for it.
    world.key(people::EXPORTER, "dora.pem");
    let forged = world.run("report show 1 --enclave en --format vsa --sign --key dora.pem");
    assert_eq!((forged.status, forged.stdout.as_str()), (1, ""));
    assert!(forged.stderr.contains("[key-not-in-role]"), "{}", forged.stderr);
    assert_eq!(world.run("report show 1 --enclave en --format csv --sign").status, 3);
    assert_eq!(
        world
            .run("report show 1 --enclave en --format vsa --key dora.pem")
            .status,
        2
    );
    let away = world
        .run("report show 1 --enclave en --format vsa --sign --key en/keys/import.pem")
        .done();
    assert_eq!(away.stdout, signed.stdout);
}

#[test]
fn a_revoked_key_signs_no_summary() {
    let second = 42;
    let mut root = people::root_without_approval();
    people::give(&mut root, Role::Import, "second-station", second);
    let world = World::of(root);
    world.medium(1, None);
    world.run("import --enclave en m1").done();
    world.key(second, "second.pem");
    let line = "report show 1 --enclave en --format vsa --sign --key second.pem";
    world.run(line).done();
    judged::revoke(&world, 1, vec![Revoked::Key(people::id(second).to_string())]);
    let ran = world.run(line);
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("[key-revoked]"), "{}", ran.stderr);
}

#[test]
fn bills_of_materials_have_what_clients_find() {
    let world = world();
    let bom: Value = serde_json::from_str(&show(&world, "varied.ndjson", "cyclonedx")).unwrap();
    validate("bom-1.6.SNAPSHOT.schema.json", &bom);
    let spdx: Value = serde_json::from_str(&show(&world, "varied.ndjson", "spdx")).unwrap();
    validate("spdx-schema-v2.3.json", &spdx);
    let published: Vec<_> = (0..320)
        .map(varied)
        .filter(|record| record.decision.as_ref().unwrap().is_admitted())
        .collect();
    assert_eq!(published.len(), 256);
    let components = bom["components"].as_array().unwrap();
    let packages = spdx["packages"].as_array().unwrap();
    assert_eq!((components.len(), packages.len()), (256, 256));
    for ((record, component), package) in published.iter().zip(components).zip(packages) {
        assert_eq!(component["purl"], record.purl);
        assert_eq!(component["hashes"][0]["content"], record.digest.hex());
        assert_eq!(package["externalRefs"][0]["referenceLocator"], record.purl);
        assert_eq!(package["checksums"][0]["checksumValue"], record.digest.hex());
    }
    let unique = |values: Vec<&Value>| {
        let count = values.len();
        values.into_iter().map(Value::to_string).collect::<BTreeSet<_>>().len() == count
    };
    assert!(unique(components.iter().map(|one| &one["bom-ref"]).collect()));
    assert!(unique(packages.iter().map(|one| &one["SPDXID"]).collect()));
    assert_eq!(spdx["relationships"].as_array().unwrap().len(), 256);
    let report = digest(&world, "varied.ndjson");
    assert!(
        bom["metadata"]["properties"]
            .as_array()
            .unwrap()
            .contains(&json!({ "name": "sealift:report", "value": report }))
    );
    assert!(spdx["creationInfo"]["comment"].as_str().unwrap().contains(&report));
    // Another report has another name.
    let other: Value = serde_json::from_str(&show(&world, "1", "cyclonedx")).unwrap();
    assert_ne!(other["serialNumber"], bom["serialNumber"]);
    // A refusal brought nothing, and hostile names are only names.
    for report in ["2", "hostile.ndjson"] {
        if report != "2" {
            rewritten(&world, report, 3, "<a>\u{1b}\"&", "=x");
        }
        let bom: Value = serde_json::from_str(&show(&world, report, "cyclonedx")).unwrap();
        validate("bom-1.6.SNAPSHOT.schema.json", &bom);
        assert_eq!(bom["components"], json!([]));
        let spdx: Value = serde_json::from_str(&show(&world, report, "spdx")).unwrap();
        validate("spdx-schema-v2.3.json", &spdx);
    }
}

#[test]
fn assessment_results_have_the_checks_and_never_more() {
    let world = world();
    rewritten(&world, "hostile.ndjson", 3, "<a>[x](y)\u{1b}\"&", " \n ");
    for report in ["varied.ndjson", "1", "2", "hostile.ndjson"] {
        let document: Value = serde_json::from_str(&show(&world, report, "oscal")).unwrap();
        validate("oscal_assessment-results_schema.json", &document);
        validate("oscal-ar-1.1.2_schema.json", &document);
        let results = &document["assessment-results"]["results"][0];
        let observations = results["observations"].as_array().unwrap();
        let found: BTreeSet<&str> = observations.iter().map(|one| one["uuid"].as_str().unwrap()).collect();
        assert_eq!(found.len(), observations.len());
        if report == "varied.ndjson" {
            // The checks, and what waits or is denied.
            assert_eq!(observations.len(), checks(&world) + 64);
        }
        for finding in results["findings"].as_array().unwrap() {
            for related in finding["related-observations"].as_array().into_iter().flatten() {
                assert!(found.contains(related["observation-uuid"].as_str().unwrap()));
            }
            // One person with one key may do everything in this world.
            assert_eq!(finding["target"]["status"]["state"], "not-satisfied");
        }
        let plan = document["assessment-results"]["import-ap"]["href"].as_str().unwrap();
        let resources = document["assessment-results"]["back-matter"]["resources"]
            .as_array()
            .unwrap();
        assert!(
            resources
                .iter()
                .any(|one| format!("#{}", one["uuid"].as_str().unwrap()) == plan)
        );
        assert_eq!(
            document["assessment-results"]["metadata"]["props"][0]["value"],
            digest(&world, report)
        );
    }
}

#[test]
fn controls_stand_in_the_page_the_words_and_the_document() {
    let world = judged::imported();
    let document = world.json("report show 1 --enclave en");
    let answers = document["controls"]["answers"].as_array().unwrap();
    assert!(answers.len() > 100, "{}", answers.len());
    let one = |control: &str| answers.iter().find(|answer| answer["control"] == control).unwrap();
    assert_eq!(one("MP-5")["status"], "not-covered");
    assert_eq!(one("SI-7")["status"], "partial");
    assert_eq!(
        one("SI-7")["checks"][0],
        json!({ "check": "objects", "result": "pass" })
    );
    assert_eq!(one("CIP-010-4 R1 1.6.1")["text"], "not-verified");
    // The table names no check that an import does not make.
    let made: BTreeSet<&str> = document["head"]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["id"].as_str().unwrap())
        .collect();
    let named = answers
        .iter()
        .flat_map(|answer| answer["checks"].as_array().unwrap())
        .map(|said| said["check"].as_str().unwrap());
    for check in named.filter(|check| !check.contains('.')) {
        assert!(made.contains(check), "{check}");
    }
    let page = show(&world, "1", "html");
    for words in [
        "CIP-010-4 R1 1.6.1",
        "not verified in a primary text",
        "who carried the media",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let text = show(&world, "1", "text");
    assert!(text.contains("NERC CIP-003, CIP-007, CIP-010-4, CIP-013-2"), "{text}");
}

#[test]
fn no_rendering_is_made_of_a_report_that_somebody_touched() {
    let world = world();
    let text = fs::read_to_string(world.path("varied.ndjson")).unwrap();
    let at = text.rfind("\"size\":1000").unwrap();
    let mut touched = text.clone();
    touched.replace_range(at..at + 11, "\"size\":1001");
    fs::write(world.path("touched.ndjson"), touched).unwrap();
    for format in Format::ALL
        .into_iter()
        .filter(|format| *format != Format::Pdf)
        .map(Format::word)
    {
        let ran = world.run(&format!("report show touched.ndjson --enclave en --format {format}"));
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{format}");
        assert!(ran.stderr.contains("[digest-mismatch]"), "{format}: {}", ran.stderr);
        let line = format!("report show touched.ndjson --enclave en --format {format} --out out.{format}");
        assert_eq!(world.run(&line).status, 1);
        assert!(!world.path(&format!("out.{format}")).exists(), "{format}");
        // The same report gives the same bytes.
        assert_eq!(
            show(&world, "varied.ndjson", format),
            show(&world, "varied.ndjson", format)
        );
    }
    // Nothing is overwritten unasked.
    world
        .run("report show 1 --enclave en --format csv --out out.csv")
        .done();
    assert_eq!(
        world
            .run("report show 1 --enclave en --format csv --out out.csv")
            .status,
        3
    );
    assert_eq!(world.run("report show 1 --enclave en --format csv --json").status, 2);
}

#[test]
fn a_rendering_that_somebody_edited_is_found() {
    let world = world();
    let compare = |format: &str, file: &str| {
        world.run(&format!(
            "report show 1 --enclave en --format {format} --compare {file}"
        ))
    };
    for format in [
        "text",
        "json",
        "html",
        "csv",
        "sarif",
        "junit",
        "vsa",
        "cyclonedx",
        "spdx",
        "oscal",
        "pdf",
    ] {
        world
            .run(&format!("report show 1 --enclave en --format {format} --out shown"))
            .done();
        compare(format, "shown").done();
        let good = fs::read(world.path("shown")).unwrap();
        let mut edited = good.clone();
        edited[good.len() / 2] ^= 1;
        let longer = [&good[..], b"\n"].concat();
        let cut = &good[..good.len() - 1];
        for bytes in [&edited[..], &longer, cut, b""] {
            fs::write(world.path("edited"), bytes).unwrap();
            let ran = compare(format, "edited");
            assert_eq!(ran.status, 1, "{format}: {}", ran.stdout);
            assert!(ran.stderr.contains("[rendering-differs]"), "{format}: {}", ran.stderr);
        }
        fs::remove_file(world.path("shown")).unwrap();
    }
    // What another report gives is no rendering of this one.
    world.run("report show 1 --enclave en --format csv --out shown").done();
    assert_eq!(compare("html", "shown").status, 1);
    assert_eq!(compare("html", "nothing").status, 3);
}
