//! Who has to sign for a waiver to count: wherever a policy's signers are known, all who approved it.

use std::fs;

use serde_json::json;

use crate::capsule::{capsule, reverify};
use crate::people;
use crate::reports::validate;
use crate::site::{FILES, File, PLAIN, Site, file, lenient};
use crate::world::now;

const WHY: &str = "waiver W-1 is not approved by bob: bob did not sign this policy";

fn waiver(file: &File) -> String {
    let expires = now().plus_days(60).to_string();
    format!(
        "ecosystems: {{ files: {{ evidence: publisher }} }}\nwaivers: [{{ id: W-1, scope: \"files/{}@{}\", codes: [evidence-too-low], approved_by: [ann, \
         bob], expires: \"{}\", digest: \"{}\", reason: \"CHG-1\" }}]\nnames: {{ first_seen: allow, similar: allow }}\n",
        file.name,
        file.version,
        &expires[..10],
        file.digest()
    )
}

/// An import, what is held, and what was kept of the import come to one answer.
#[test]
fn a_waiver_counts_if_all_who_approved_it_signed_the_policy() {
    let tool = || file("tool", "1.0");
    let mut site = Site::new(&lenient(""));
    site.policy_by(&waiver(&tool()), &[people::ANN]);
    let said = site.refuses(&[tool()], "evidence-too-low");
    assert!(said.contains(WHY), "{said}");
    site.policy_by(&waiver(&tool()), &[people::ANN, people::CYD]);
    let said = site.refuses(&[tool()], "evidence-too-low");
    assert!(said.contains(WHY), "{said}");
    site.policy_by(&waiver(&tool()), &[people::ANN, people::BOB]);
    site.takes(&[tool()]);

    let world = &site.world;
    let number = fs::read_dir(world.path("en/reports")).unwrap().count();
    let number = (1..=number)
        .find(|number| {
            let shown = world.run(&format!("report show {number} --enclave en --json"));
            shown.status == 0 && shown.json()["head"]["outcome"] == "imported"
        })
        .unwrap();
    let report = world.json(&format!("report show {number} --enclave en"));
    validate(&report);
    let hit = &report["artifacts"][0]["decision"]["hits"][0];
    assert_eq!(
        (&hit["waived_by"], &hit["approved_by"]),
        (&json!("W-1"), &json!(["ann", "bob"]))
    );
    let text = world.run("where --enclave en pkg:generic/tool@1.0").done().stdout;
    assert!(
        text.contains("lifted by the waiver W-1, approved by ann, bob"),
        "{text}"
    );
    capsule(world, &format!("{number} --out a.tar"));
    let again = reverify(world, "a.tar");
    assert_eq!(again.status, 0, "{}{}", again.stdout, again.stderr);
    assert_eq!(world.run("recheck --enclave en").done().status, 0);

    // By a policy that bob has not signed it would not be admitted any more.
    site.policy_by(&waiver(&tool()), &[people::ANN, people::CYD]);
    let world = &site.world;
    let ran = world.run("recheck --enclave en");
    assert_eq!(ran.status, 1, "{}", ran.stdout);
    assert!(ran.stdout.contains(WHY), "{}", ran.stdout);
    // What the import was decided by is what it was.
    assert_eq!(reverify(world, "a.tar").status, 0);
    let version = site.policies;
    fs::copy(
        site.world.path(&format!("en/trust/policies/{version}.dsse.json")),
        site.world.path("given.dsse.json"),
    )
    .unwrap();
    let today = |policy: &str| {
        let line = format!("reverify a.tar --root en/trust/roots/1.dsse.json --today --policy {policy}");
        site.world.run(&line)
    };
    let ran = today("given.dsse.json");
    assert_eq!(ran.status, 1, "{}", ran.stdout);
    assert!(ran.stdout.contains(WHY), "{}", ran.stdout);
    // Nobody can have signed what is only written.
    fs::write(
        site.world.path("given.yaml"),
        format!("{}{}", PLAIN.replace("VERSION", "9"), waiver(&tool())),
    )
    .unwrap();
    assert_eq!(today("given.yaml").status, 0);
}

#[test]
fn what_passes_with_a_remark_passes_by_no_waiver() {
    let mut site = Site::new(&format!("{FILES}names: {{ first_seen: record, similar: record }}\n"));
    let folder = site.plain(&[file("tool", "1.0")]);
    let checked = site.world.json(&format!("verify --enclave en {folder}"));
    assert_eq!(checked["decisions"]["waived"], 0);
    site.imports(&folder);
    let report = site.world.json("report show 1 --enclave en");
    assert_eq!(
        report["artifacts"][0]["decision"]["hits"][0]["verdict"], "allow",
        "{report}"
    );
}

/// Who checks, tests or signs a policy is told who else must sign, and one with a waiver that would not count is not installed.
#[test]
fn a_policy_with_a_waiver_that_would_not_count_does_not_stand() {
    let site = Site::new(&lenient(""));
    let world = &site.world;
    for (number, name) in [(people::ANN, "ann.pem"), (people::BOB, "bob.pem")] {
        world.key(number, name);
    }
    let yaml = format!("{}{}", PLAIN.replace("VERSION", "2"), waiver(&file("tool", "1.0")));
    fs::write(world.path("site.yaml"), &yaml).unwrap();
    fs::write(
        world.path("site.tests.yaml"),
        "schema: sealift-policy-tests/1\nnow: \"2026-11-21T12:00:00Z\"\ntests: []\n",
    )
    .unwrap();
    let told = "waiver W-1 counts in an enclave once ann and bob have signed this policy";
    for line in ["policy check site.yaml", "policy test site.yaml"] {
        let ran = world.run(line).done();
        assert!(ran.stderr.contains(told), "{line}: {}{}", ran.stdout, ran.stderr);
    }
    let checked = world.json("policy check site.yaml");
    assert_eq!(
        checked["waivers"],
        json!([{ "id": "W-1", "to_be_signed_by": ["ann", "bob"] }])
    );
    // What is said of an ecosystem that there is, misspells none.
    fs::write(
        world.path("own.yaml"),
        format!("{}{FILES}", PLAIN.replace("VERSION", "2")),
    )
    .unwrap();
    assert_eq!(world.json("policy check own.yaml")["unknown_ecosystems"], json!([]));
    world.run("policy draft site.yaml policy.dsse.json").done();
    let signed = world.run("policy sign policy.dsse.json --key ann.pem").done();
    assert!(signed.stderr.contains(told), "{}", signed.stderr);
    let said = world.refused("policy install policy.dsse.json --enclave en", "waiver-invalid");
    assert!(said.contains(WHY), "{said}");
    world.run("policy sign policy.dsse.json --key bob.pem").done();
    world.run("policy install policy.dsse.json --enclave en").done();
    // One that has ended keeps no policy from standing.
    let ended = yaml.replace("version: 2", "version: 3");
    let at = ended.find("expires: \"").unwrap() + "expires: \"".len();
    let ended = format!("{}2026-01-01{}", &ended[..at], &ended[at + 10..]);
    fs::write(world.path("ended.yaml"), ended).unwrap();
    world.run("policy draft ended.yaml ended.dsse.json").done();
    world.run("policy sign ended.dsse.json --key ann.pem").done();
    world.run("policy install ended.dsse.json --enclave en").done();
}
