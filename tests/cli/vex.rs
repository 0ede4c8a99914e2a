//! What a publisher signs about vulnerabilities travels, lowers what an advisory asks for, and is told of wherever somebody looks; what nobody signed whom
//! the site names for it changes nothing.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::model::Digest;
use serde_json::{Value, json};

use crate::decided::advisory;
use crate::site::{Beside, FIRST, Site, TELLER, file, lenient, signature};

fn document(purl: &str, status: &str, time: &str) -> String {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": format!("https://vex.example.com/{status}/{time}"),
        "author": "Acme", "version": 1, "timestamp": time,
        "statements": [{
            "vulnerability": { "name": "CVE-2026-1" }, "products": [{ "@id": purl }],
            "status": status, "justification": "vulnerable_code_not_present",
        }],
    })
    .to_string()
}

/// A line as it travels.
fn carried(document: &str, signature: Option<Vec<u8>>) -> String {
    let signatures: Vec<Value> = signature
        .into_iter()
        .map(|bytes| json!({ "bytes": STANDARD.encode(bytes), "kind": "minisign" }))
        .collect();
    json!({ "document": STANDARD.encode(document), "name": "acme.openvex.json", "signatures": signatures }).to_string()
}

fn signed(document: &str, by: u8) -> String {
    carried(document, Some(signature(document.as_bytes(), by)))
}

fn critical(name: &str) -> String {
    advisory(
        "OSV-2026-1",
        name,
        "\"aliases\":[\"CVE-2026-1\"],\"database_specific\":{\"severity\":\"CRITICAL\"},",
    )
}

fn beside(lines: &[String]) -> Beside {
    Beside {
        advisories: Some(critical("tool")),
        vex: Some(lines.join("\n")),
        ..Beside::default()
    }
}

const TOOL: &str = "pkg:generic/tool@1.0";
const EARLY: &str = "2025-01-01T00:00:00Z";
const LATE: &str = "2025-02-01T00:00:00Z";

fn good() -> String {
    signed(&document(TOOL, "not_affected", EARLY), TELLER)
}

#[test]
fn a_statement_by_somebody_named_for_it_lowers_an_advisory_and_is_told_everywhere() {
    let mut site = Site::new(&lenient(""));
    let without = site.medium(&[file("tool", "1.0")], &beside(&[]));
    site.refused(&without, "known-vulnerable");
    let tool = crate::site::signed("tool", "1.0", FIRST);
    let folder = site.medium(&[tool], &beside(&[good()]));
    let report = site.imports(&folder);
    assert_eq!(
        report["decisions"]["ecosystems"]["files"]["decisions"]["allowed"], 1,
        "{report}"
    );
    fs::write(
        site.world.path("policy.yaml"),
        "schema: sealift-policy/1\nid: plant-7\nversion: 1\nprofile: standard\n",
    )
    .unwrap();
    let lowered = "lowered from deny by key";
    let of = "https://vex.example.com/not_affected/";
    for line in [
        format!("where --enclave en {TOOL}"),
        format!("policy explain {TOOL} --policy policy.yaml --enclave en"),
    ] {
        let told = site.world.run(&line).done().stdout;
        assert!(
            told.contains(lowered) && told.contains(of) && told.contains(EARLY),
            "{line}: {told}"
        );
    }
    let found = site
        .world
        .json(&format!("policy explain {TOOL} --policy policy.yaml --enclave en"));
    let hit = &found["decided"][0]["decision"]["decision"]["hits"][0]["lowered"];
    assert_eq!(
        (&hit["from"], &hit["status"], &hit["stated"]),
        (&json!("deny"), &json!("not_affected"), &json!(EARLY))
    );
    // Who asks about the author's key, which signed no artifact, finds it.
    let key = hit["signer"]["key"]["fingerprint"].as_str().unwrap();
    let told = site.world.run(&format!("where --enclave en --key {key}")).done().stdout;
    assert!(told.contains("1 artifacts rest on") && told.contains(lowered), "{told}");
    // Who asks about the key that signed the artifact is told of that alone.
    let signer = format!("{FIRST:02X}").repeat(8);
    let told = site
        .world
        .run(&format!("where --enclave en --key {signer}"))
        .done()
        .stdout;
    assert!(
        told.contains("1 artifacts rest on") && !told.contains(lowered),
        "{told}"
    );
    let report = "report show en/reports/000003-main-1.report.ndjson --enclave en";
    let sarif = site.world.run(&format!("{report} --format sarif")).done().stdout;
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(
        results
            .iter()
            .any(|result| result["suppressions"].to_string().contains(of)),
        "{sarif}"
    );
    // What is held is asked about again with what is at hand.
    fs::write(site.world.path("osv"), critical("tool")).unwrap();
    fs::create_dir(site.world.path("vex")).unwrap();
    let text = document(TOOL, "not_affected", EARLY);
    fs::write(site.world.path("vex/acme.openvex.json"), &text).unwrap();
    fs::write(
        site.world.path("vex/acme.openvex.json.minisig"),
        signature(text.as_bytes(), TELLER),
    )
    .unwrap();
    assert_eq!(site.world.run("recheck --enclave en --advisories osv").status, 1);
    site.world.run("recheck --enclave en --advisories osv --vex vex").done();
    fs::remove_file(site.world.path("vex/acme.openvex.json.minisig")).unwrap();
    let ran = site.world.run("recheck --enclave en --advisories osv --vex vex");
    assert!(
        ran.status == 1 && ran.stderr.contains("no signature lies beside"),
        "{}",
        ran.stderr
    );
}

#[test]
fn nothing_else_changes_anything() {
    let mut site = Site::new(&lenient(""));
    let text = document(TOOL, "not_affected", EARLY);
    let changed = text.replace("2026-1", "2026-2");
    for (what, line) in [
        ("unsigned", carried(&text, None)),
        ("signed by a publisher of artifacts", signed(&text, FIRST)),
        ("signed by nobody who is known", signed(&text, 99)),
        (
            "other bytes",
            carried(&text, Some(signature(changed.as_bytes(), TELLER))),
        ),
        ("another vulnerability", signed(&changed, TELLER)),
        (
            "another version",
            signed(&document("pkg:generic/tool@1.1", "not_affected", EARLY), TELLER),
        ),
        (
            "any version",
            signed(&document("pkg:generic/tool", "not_affected", EARLY), TELLER),
        ),
        (
            "a part",
            signed(&document("pkg:generic/tool@1.0#sub", "not_affected", EARLY), TELLER),
        ),
        (
            "somewhere",
            signed(
                &document("pkg:generic/tool@1.0?vcs_url=x", "not_affected", EARLY),
                TELLER,
            ),
        ),
        (
            "other bytes of the version",
            signed(
                &document(&format!("{TOOL}?checksum=sha256:{}", "0".repeat(64)), "fixed", EARLY),
                TELLER,
            ),
        ),
        (
            "under investigation",
            signed(&document(TOOL, "under_investigation", EARLY), TELLER),
        ),
        ("affected", signed(&document(TOOL, "affected", EARLY), TELLER)),
        (
            "dated ahead",
            signed(&document(TOOL, "fixed", "2099-01-01T00:00:00Z"), TELLER),
        ),
        ("no VEX", signed("{}", TELLER)),
    ] {
        let folder = site.medium(&[file("tool", "1.0")], &beside(&[line]));
        let volume = format!("verify --enclave en {folder}/{}", site.volume());
        let said = site.world.refused(&volume, "known-vulnerable");
        assert!(said.contains("OSV-2026-1"), "{what}: {said}");
    }
    // A later word of the same author.
    for status in ["affected", "under_investigation"] {
        let later = signed(&document(TOOL, status, LATE), TELLER);
        let folder = site.medium(&[file("tool", "1.0")], &beside(&[good(), later]));
        site.refused(&folder, "known-vulnerable");
    }
    // Another tool, for which the author was not named.
    let other = signed(&document("pkg:generic/other@1.0", "not_affected", EARLY), TELLER);
    let of_other = Beside {
        advisories: Some(critical("other")),
        ..beside(&[other])
    };
    let folder = site.medium(&[file("other", "1.0")], &of_other);
    site.refused(&folder, "known-vulnerable");
    // Where the policy does not listen.
    site.policy(&lenient("advisories: { honour_vex: never }\n"));
    let folder = site.medium(&[file("tool", "1.0")], &beside(&[good()]));
    site.refused(&folder, "known-vulnerable");
}

#[test]
fn a_malicious_version_is_not_cleared_and_what_changes_nothing_is_told() {
    let mut site = Site::new(&lenient(""));
    let malicious = Beside {
        advisories: Some(advisory("MAL-2026-1", "tool", "\"aliases\":[\"CVE-2026-1\"],")),
        ..beside(&[good()])
    };
    let folder = site.medium(&[file("tool", "1.0")], &malicious);
    site.refused(&folder, "known-malicious");
    let quiet = Beside {
        advisories: Some(critical("other")),
        ..beside(&[carried(&document(TOOL, "fixed", EARLY), None)])
    };
    let folder = site.medium(&[file("tool", "1.0")], &quiet);
    let report = site.imports(&folder);
    let told = report["decisions"].to_string();
    assert!(
        told.contains("a VEX document changes nothing: acme.openvex.json") && told.contains("vex/…"),
        "{report}"
    );
}

#[test]
fn what_is_not_of_the_form_refuses_the_bundle() {
    let mut site = Site::new(&lenient(""));
    for wrong in ["{", "{}", &good().replacen("\"name\"", "\"more\":1,\"name\"", 1)] {
        let folder = site.medium(&[file("tool", "1.0")], &beside(&[good(), wrong.to_owned()]));
        let said = site.refused(&folder, "side-data-malformed");
        assert!(said.contains("line 2"), "{said}");
    }
}

#[test]
fn an_exporter_carries_documents_with_what_lies_beside_them() {
    let world = crate::export::sending();
    fs::create_dir(world.path("vex")).unwrap();
    let text = document("pkg:generic/set@1.0", "fixed", EARLY);
    fs::write(world.path("vex/a.json"), &text).unwrap();
    fs::write(world.path("vex/a.json.minisig"), signature(text.as_bytes(), TELLER)).unwrap();
    fs::write(world.path("vex/a.json.sig"), "no signature at all").unwrap();
    fs::write(world.path("vex/read.me"), "x").unwrap();
    let export = "export --exporter ex --select sealift.yaml --offline --threads 1";
    let ran = world.run(&format!("{export} --vex vex --out m")).done();
    assert!(!ran.stderr.contains("no signature lies beside"), "{}", ran.stderr);
    world.run("import --enclave en m").done();
    let line = signed(&text, TELLER).replace("acme.openvex.json", "a.json");
    let digest = Digest::of(format!("{line}\n").as_bytes()).to_string();
    let report = "report show en/reports/000001-main-1.report.ndjson --enclave en --json";
    let report = world.run(report).done().stdout;
    assert!(report.contains(&digest), "{report}");
    for (wrong, what) in [
        ("vex/read.me", "cannot carry `vex/read.me` as VEX"),
        ("set", "no VEX document lies in `set`"),
        ("absent", "cannot read `absent`"),
    ] {
        let said = world.unable(&format!("{export} --vex {wrong} --out m2"));
        assert!(said.contains(what), "{said}");
    }
}
