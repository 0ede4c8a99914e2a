//! The policy decides: what it refuses stays outside, what it leaves to persons waits for their signatures, and what the enclave remembers of a
//! name is held against the next version. Each test fails if its rule is not asked.

use std::fs;

use sealift::model::{Digest, Level};
use sealift::trust::Role;
use serde_json::{Value, json};

use crate::people;
use crate::reports::check;
use crate::reviews::{digest, review};
use crate::site::{Beside, FILES, FIRST, File, NO_NAMES, PLAIN, SECOND, Site, file, lenient, signed};
use crate::world::{World, now};

#[test]
fn what_no_rule_names_is_not_admitted() {
    let mut site = Site::new("ecosystems: { npm: { evidence: none } }\n");
    let said = site.refuses(&[file("tool", "1.0")], "no-rule-matches");
    assert!(said.contains("pkg:generic/tool@1.0"), "{said}");
    site.policy(&lenient(""));
    let report = site.takes(&[file("tool", "1.0")]);
    assert_eq!(report["decisions"]["ecosystems"]["files"]["decisions"]["allowed"], 1);
    assert_eq!(report["decisions"]["policy"]["version"], 2);
}

#[test]
fn the_level_that_is_asked_for_is_reached_by_a_pinned_publisher_only() {
    let mut site = Site::new(&format!(
        "ecosystems: {{ files: {{ evidence: publisher }} }}\n{NO_NAMES}"
    ));
    site.refuses(&[file("tool", "1.0")], "evidence-too-low");
    site.refuses(&[signed("tool", "1.0", 62)], "evidence-too-low");
    // One that is short of it is enough to stop.
    site.refuses(
        &[signed("tool", "1.0", FIRST), file("other", "1.0")],
        "evidence-too-low",
    );
    site.takes(&[signed("tool", "1.0", FIRST)]);
    assert_eq!(site.floor("tool"), Some(Level::Publisher));
}

#[test]
fn a_proof_that_is_wrong_refuses_even_where_none_is_asked_for() {
    let mut site = Site::new(&lenient(""));
    let mut changed = signed("tool", "1.0", FIRST);
    changed.content.push('!');
    let said = site.refuses(&[changed], "evidence-invalid");
    assert!(said.contains("minisign"), "{said}");
    let report = site.world.json("report show --enclave en");
    let evidence = check(&report, "evidence");
    assert_eq!(evidence["result"], "warn");
    assert_eq!(evidence["note"], "1 artifacts bring a proof that is wrong");
    site.takes(&[signed("tool", "1.0", FIRST)]);
}

#[test]
fn a_wrong_proof_is_told_where_the_rest_comes_in() {
    let mut site = Site::new(&lenient("on_refusal: keep-out\n"));
    let mut changed = signed("tool", "1.0", FIRST);
    changed.content.push('!');
    let folder = site.plain(&[changed, file("other", "1.0")]);
    let ran = site.world.run(&format!("import --enclave en {folder}")).done();
    assert!(
        ran.stderr.contains("1 artifacts bring a proof that is wrong"),
        "{ran:?}"
    );
    let report = site.world.json("report show --enclave en");
    let policy = check(&report, "policy");
    assert_eq!(policy["result"], "warn");
    assert_eq!(policy["note"], "1 artifacts are kept out, and the others are published");
}

#[test]
fn evidence_never_declines_and_a_waiver_alone_lifts_that() {
    let mut site = Site::new(&lenient(""));
    site.takes(&[signed("tool", "1.0", FIRST)]);
    let said = site.refuses(&[file("tool", "1.1")], "evidence-downgraded");
    assert!(said.contains("`publisher`"), "{said}");
    assert_eq!(site.floor("tool"), Some(Level::Publisher));
    // Another name has its own floor.
    site.takes(&[file("other", "1.1")]);

    let waived = file("tool", "1.1");
    let expires = now().plus_days(60).to_string();
    let waiver = |codes: &str| {
        format!(
            "waivers: [{{ id: W-1, scope: \"files/tool@1.1\", codes: [{codes}], approved_by: [ann, bob], expires: \"{}\", digest: \"{}\", reason: \"CHG-1\" }}]\n",
            &expires[..10],
            waived.digest()
        )
    };
    // The persons who approve it sign the policy, too.
    let both = &[people::ANN, people::BOB];
    site.policy_by(&lenient(&waiver("too-new")), both);
    site.refuses(&[file("tool", "1.1")], "evidence-downgraded");
    site.policy_by(&lenient(&waiver("evidence-downgraded")), both);
    // Other bytes are another matter.
    let mut others = file("tool", "1.1");
    others.content.push('!');
    site.refuses(&[others], "evidence-downgraded");
    let report = site.takes(&[file("tool", "1.1")]);
    assert_eq!(report["decisions"]["waived"], 1);
    let found = site.world.json("where --enclave en pkg:generic/tool@1.1");
    let decision = &found["found"][0]["judgement"]["decision"];
    assert_eq!(decision["decision"]["hits"][0]["waived_by"], "W-1", "{found}");
    // An auditor asks for it the other way round.
    let admitted = |more: &str| site.world.json(&format!("ask admitted --enclave en {more}"))["rows"].clone();
    let rows = admitted("--waiver W-1");
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(
        (&rows[0]["version"], &rows[0]["why"]),
        (&json!("1.1"), &json!("waiver W-1: evidence-downgraded"))
    );
    assert_eq!(admitted(""), rows);
    assert_eq!(admitted("--waiver W-2"), json!([]));
    let rule = decision["decision"]["hits"][0]["rule"].as_str().unwrap();
    assert!(
        !admitted(&format!("--rule {rule}")).as_array().unwrap().is_empty(),
        "{rule}"
    );
    assert_eq!(admitted("--rule nothing"), json!([]));
    // What was let pass once lowers nothing.
    assert_eq!(site.floor("tool"), Some(Level::Publisher));
    site.refuses(&[file("tool", "1.2")], "evidence-downgraded");
}

#[test]
fn a_publisher_is_pinned_by_the_first_import() {
    let pins = format!(
        "ecosystems: {{ files: {{ evidence: none, floor: ignore, identity: pin-on-first-import }} }}\n{NO_NAMES}"
    );
    let mut site = Site::new(&pins);
    site.takes(&[signed("tool", "1.0", FIRST)]);
    site.refuses(&[signed("tool", "1.1", SECOND)], "publisher-changed");
    site.takes(&[signed("tool", "1.1", FIRST)]);
    // A name of its own is its own.
    site.takes(&[signed("other", "1.0", SECOND)]);
    site.refuses(&[signed("other", "1.1", FIRST)], "publisher-changed");
}

#[test]
fn what_is_kept_out_pins_nobody_and_raises_no_floor() {
    let policy = |more: &str| {
        format!(
            "ecosystems: {{ files: {{ evidence: none, identity: pin-on-first-import }} }}\n{NO_NAMES}on_refusal: keep-out\n{more}"
        )
    };
    let bad = signed("tool", "1.0", SECOND);
    let mut site = Site::new(&policy("deny: [{ match: \"files/tool@1.0\", reason: hijacked }]\n"));
    let report = site.takes(&[signed("tool", "1.0", SECOND), file("other", "1.0")]);
    assert_eq!(report["decisions"]["kept_out"], 1);
    let kept_out = &report["decisions"]["kept_out_first"][0];
    assert_eq!(kept_out["code"], "denylisted");
    assert_eq!(kept_out["subject"], bad.purl());
    assert!(kept_out["reason"].as_str().unwrap().contains("hijacked"));
    let names: Vec<Value> = site.world.json("list --enclave en")["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| artifact["name"].clone())
        .collect();
    assert_eq!(names, [json!("other")]);
    assert_eq!(site.floor("tool"), None);
    for digest in [bad.digest(), Digest::of(bad.signature.as_ref().unwrap())] {
        let hex = digest.hex();
        let path = format!("en/store/objects/{}/{}", &hex[..2], &hex[2..]);
        assert!(!site.world.path(&path).exists(), "{path}");
    }
    assert!(!site.world.path("en/repository/files/tool").exists());
    site.takes(&[signed("tool", "1.1", FIRST)]);
    // Where nothing is left, nothing is imported.
    site.refuses(&[signed("tool", "1.0", SECOND)], "denylisted");
}

#[test]
fn names_of_the_site_itself_never_come_from_outside() {
    let own = file("corp-tool", "1.0");
    let waiver = format!(
        "waivers: [{{ id: W-1, scope: \"files/corp-tool@1.0\", codes: [denylisted, first-seen-name], approved_by: [ann, bob], expires: \"{}\", digest: \"{}\", reason: \"CHG-1\" }}]\n",
        &now().plus_days(60).to_string()[..10],
        own.digest()
    );
    let mut site = Site::new(&lenient(&format!("internal: [\"files/corp-*\"]\n{waiver}")));
    site.refuses(&[signed("corp-tool", "1.0", FIRST)], "internal-name");
    site.refuses(&[own], "internal-name");
    site.takes(&[file("corporation", "1.0")]);
}

#[test]
fn the_deny_list_names_versions_and_bytes() {
    let bytes = file("other", "2.0").digest();
    let deny = format!(
        "deny: [{{ match: \"files/tool@1.0\", reason: malicious }}, {{ digest: \"{bytes}\", reason: test }}]\n"
    );
    let mut site = Site::new(&lenient(&deny));
    site.refuses(&[signed("tool", "1.0", FIRST)], "denylisted");
    let renamed = File {
        content: file("other", "2.0").content,
        ..file("renamed", "3.0")
    };
    site.refuses(&[renamed], "denylisted");
    site.takes(&[file("tool", "1.1")]);
}

pub(crate) fn advisory(id: &str, name: &str, more: &str) -> String {
    json!({
        "id": id, "modified": now().to_string(),
        "affected": [{ "package": { "ecosystem": "files", "name": name }, "versions": ["1.0"] }],
    })
    .to_string()
    .replacen('{', &format!("{{{more}"), 1)
}

fn advised(lines: &[String]) -> Beside {
    Beside {
        advisories: Some(lines.join("\n")),
        ..Beside::default()
    }
}

#[test]
fn advisories_that_travel_are_asked() {
    let mut site = Site::new(&lenient(""));
    let bad = advised(&[advisory("OTHER-1", "other", ""), advisory("MAL-2026-1", "tool", "")]);
    let folder = site.medium(&[signed("tool", "1.0", FIRST)], &bad);
    let said = site.refused(&folder, "known-malicious");
    assert!(said.contains("MAL-2026-1"), "{said}");
    let critical = advisory("A-1", "tool", "\"database_specific\":{\"severity\":\"CRITICAL\"},");
    let folder = site.medium(&[file("tool", "1.0")], &advised(&[critical]));
    site.refused(&folder, "known-vulnerable");
    let withdrawn = advisory("MAL-2026-1", "tool", "\"withdrawn\":\"2026-01-01T00:00:00Z\",");
    let folder = site.medium(&[file("tool", "1.0")], &advised(&[withdrawn]));
    site.imports(&folder);
}

#[test]
fn side_data_that_cannot_be_read_refuses_the_bundle() {
    let mut site = Site::new(&lenient(""));
    let cut = advised(&[advisory("MAL-2026-1", "other", ""), "{\"id\":\"MAL-2026-2\"".to_owned()]);
    let folder = site.medium(&[file("tool", "1.0")], &cut);
    let said = site.refused(&folder, "side-data-malformed");
    assert!(said.contains("line 2"), "{said}");
    let names = Beside {
        popular_names: Some("requests\n".to_owned()),
        ..Beside::default()
    };
    let folder = site.medium(&[file("tool", "1.0")], &names);
    site.refused(&folder, "side-data-malformed");
}

#[test]
fn what_is_asked_of_the_bundle_is_asked() {
    let with = |from: &str, to: &str| {
        let plain = PLAIN.replace("VERSION", "1").replace(from, to);
        let world = World::new();
        world.policy(&format!("{plain}{FILES}{NO_NAMES}"));
        Site {
            world,
            last: None,
            number: 0,
            policies: 1,
        }
    };
    let mut site = with("advisories_max_age_days: none", "advisories_max_age_days: 7");
    site.refuses(&[file("tool", "1.0")], "side-data-stale");
    let old = advisory("A-1", "other", "").replace(&now().to_string(), "2020-01-01T00:00:00Z");
    let folder = site.medium(&[file("tool", "1.0")], &advised(&[old]));
    site.refused(&folder, "side-data-stale");
    let folder = site.medium(&[file("tool", "1.0")], &advised(&[advisory("A-1", "other", "")]));
    site.imports(&folder);

    let mut site = with("revocations_max_age_days: none", "revocations_max_age_days: 14");
    site.refuses(&[file("tool", "1.0")], "side-data-stale");
    let mut site = with("approvals: 0", "approvals: 1");
    site.refuses(&[file("tool", "1.0")], "approvals-missing");

    let plan = |version: &str| Beside {
        plan: Some(format!(
            "{{\"wanted\":[{{\"ecosystem\":\"files\",\"name\":\"tool\",\"version\":\"{version}\"}}]}}"
        )),
        ..Beside::default()
    };
    let mut site = with("none", "none");
    let folder = site.medium(&[file("tool", "1.0")], &plan("2.0"));
    site.refused(&folder, "not-in-plan");
    let folder = site.medium(&[file("tool", "1.0")], &plan("1.0"));
    site.imports(&folder);
}

#[test]
fn whoever_imports_has_not_exported() {
    let mut root = people::root_without_approval();
    people::give(&mut root, Role::Import, "dora", people::EXPORTER);
    let mut site = Site::of(World::of(root), &[people::ANN], &lenient(""));
    site.refuses(&[file("tool", "1.0")], "roles-not-separate");
}

#[test]
fn what_nobody_dates_is_too_new_where_the_policy_says_so() {
    let rule = |days: u32| format!("ecosystems: {{ files: {{ evidence: none, min_age_days: {days} }} }}\n{NO_NAMES}");
    let mut site = Site::new(&rule(7));
    let said = site.refuses(&[file("tool", "1.0")], "too-new");
    assert!(said.contains("nobody who counts states"), "{said}");
    site.policy(&rule(0));
    site.takes(&[file("tool", "1.0")]);
}

/// Reviews by a person with a key.

#[test]
fn an_evaluation_shows_what_would_be_and_publishes_nothing_that_is_wrong() {
    let world = World::new();
    let mut site = Site {
        world,
        last: None,
        number: 0,
        policies: 0,
    };
    let folder = site.plain(&[file("tool", "1.0")]);
    let report = site.imports(&folder);
    let decisions = &report["decisions"];
    assert_eq!(decisions["policy"]["mode"], "evaluate");
    assert_eq!(decisions["rules_say"], json!({ "deny": 1 }));
    assert_eq!(decisions["ecosystems"]["files"]["decisions"]["evaluation"], 1);

    let mut site = Site::new(&lenient("mode: evaluate\n"));
    site.world.key(people::ANN, "ann.pem");
    let mut changed = signed("tool", "1.0", FIRST);
    changed.content.push('!');
    let folder = site.plain(&[changed]);
    site.refused(&folder, "evidence-invalid");
    review(&site, "approve", "--all", "ann.pem").done();
    site.imports(&folder);
    site.policy(&lenient("mode: evaluate\ninternal: [\"files/corp-*\"]\n"));
    site.refuses(&[file("corp-x", "1.0")], "internal-name");
}

#[test]
fn a_policy_that_only_shows_admits_nothing_by_itself_elsewhere() {
    let policy = lenient("mode: evaluate\n");
    let mut site = Site::of(World::of(people::root()), &[people::ANN, people::BOB], &policy);
    let folder = site.plain(&[file("tool", "1.0")]);
    site.world.key(people::APPROVER, "eve.pem");
    let manifest = digest(&site, &folder);
    let volume = format!("{folder}/{}", site.volume());
    site.world
        .run(&format!(
            "approve {volume} --trust en/trust --key eve.pem --manifest {manifest} --reason seen --output {folder}/a.approval-eve.dsse.json"
        ))
        .done();
    site.world.refused(
        &format!("import --enclave en {volume} {folder}/a.approval-eve.dsse.json"),
        "review-needed",
    );
}

#[test]
fn a_check_without_the_enclave_says_what_it_did_not_ask() {
    let mut site = Site::new(&format!("{FILES}names: {{ first_seen: deny }}\n"));
    let folder = site.plain(&[file("tool", "1.0")]);
    site.refused(&folder, "first-seen-name");
    let checked = site
        .world
        .json(&format!("verify --trust en/trust {folder}/{}", site.volume()));
    let not_asked = checked["decisions"]["not_asked"].to_string();
    assert!(not_asked.contains("floors"), "{not_asked}");
}

#[test]
fn a_policy_counts_once_enough_persons_have_signed_it_and_never_goes_back() {
    let mut site = Site::of(World::of(people::root()), &[people::ANN, people::BOB], &lenient(""));
    for (number, name) in [
        (people::ANN, "ann.pem"),
        (people::BOB, "bob.pem"),
        (people::APPROVER, "eve.pem"),
    ] {
        site.world.key(number, name);
    }
    let world = &site.world;
    let yaml = |version: u64| {
        format!(
            "{}ecosystems: {{ npm: {{ evidence: registry }} }}\n",
            PLAIN.replace("VERSION", &version.to_string())
        )
    };
    fs::write(world.path("site.yaml"), yaml(2)).unwrap();
    world.run("policy draft site.yaml policy.dsse.json").done();
    let sign = |key: &str| world.run(&format!("policy sign policy.dsse.json --key {key}")).done();
    sign("ann.pem");
    sign("eve.pem");
    assert!(
        world
            .run("policy install policy.dsse.json --enclave en")
            .stderr
            .contains("[key-not-in-role]")
    );
    sign("bob.pem");
    let installed = world.json("policy install policy.dsse.json --enclave en");
    assert_eq!(installed["signed_by"], json!(["ann", "bob"]));
    let changes = installed["differences"].to_string();
    assert!(changes.contains("ecosystems.files"), "{changes}");
    assert!(
        world
            .run("policy show policy.dsse.json")
            .done()
            .stdout
            .contains("ecosystems.npm.evidence")
    );
    // The same version with other content does not count, and neither does an older one.
    for (version, more) in [(2, "on_refusal: keep-out\n"), (1, "")] {
        fs::write(world.path("again.yaml"), yaml(version) + more).unwrap();
        let file = format!("again-{version}.dsse.json");
        world.run(&format!("policy draft again.yaml {file}")).done();
        for key in ["ann.pem", "bob.pem"] {
            world.run(&format!("policy sign {file} --key {key}")).done();
        }
        let said = world.run(&format!("policy install {file} --enclave en")).stderr;
        assert!(said.contains("[trust-version-out-of-order]"), "{said}");
    }
    // What was put back by hand is found.
    fs::remove_file(world.path("en/trust/policies/2.dsse.json")).unwrap();
    let folder = site.plain(&[file("tool", "1.0")]);
    let said = site
        .world
        .unable(&format!("import --enclave en {folder}/{}", site.volume()));
    assert!(said.contains("[state-rolled-back]"), "{said}");
}
