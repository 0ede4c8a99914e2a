//! Ceremonies: several persons on machines of their own, keys in an ssh-agent, and several who export.

use std::fs;

use serde_json::json;

use crate::cli_trust::Desk;
use crate::crypto::Agent;

/// Gives a person a copy to sign on their own machine.
fn sign_a_copy(desk: &Desk, verb: &str, file: &str, person: &str) -> String {
    let copy = format!("{person}-{file}");
    fs::copy(desk.path().join(file), desk.path().join(&copy)).unwrap();
    desk.json(&format!("{verb} sign {copy} --key {person}.pem"));
    copy
}

#[test]
fn a_root_that_persons_signed_apart_is_joined() {
    let desk = Desk::standard();
    let [ann, bob] = ["ann", "bob"].map(|person| sign_a_copy(&desk, "root", "r1.json", person));
    let pin = |file: &str| format!("root pin {file} --folder en --words {}", desk.words("r1.json"));
    for copy in [&ann, &bob] {
        desk.refused(&pin(copy), "root-chain-broken");
    }
    // What is no copy of it adds nothing, and neither does what comes beside it.
    let before = fs::read(desk.path().join("r1.json")).unwrap();
    desk.json(
        "root create --name plant-7 --enclave-key en/keys/import.pub.pem --profile standard -o other.json \
         --root ann=ann.pub.pem --root bob=bob.pub.pem --root gus=gus.pub.pem \
         --export dora=ex/keys/export.pub.pem --approve eve=eve.pub.pem",
    );
    desk.json("root sign other.json --key bob.pem");
    let line = format!("root join r1.json {ann} other.json");
    desk.refused(&line, "digest-mismatch");
    let ran = desk.run(&line);
    assert!(
        ran.stderr.contains("other.json: it is no copy of r1.json"),
        "{}",
        ran.stderr
    );
    assert!(
        desk.unable(&format!("root join r1.json {ann} absent"))
            .contains("cannot read")
    );
    desk.refused(&format!("root join r1.json {ann} ann.pub.pem"), "json-not-strict");
    assert_eq!(desk.run("root join r1.json").status, 2);
    assert_eq!(fs::read(desk.path().join("r1.json")).unwrap(), before);

    let ran = desk.run(&format!("root join r1.json {ann}"));
    assert_eq!(ran.stdout, "signed by    ann (1 more of bob, cyd needed)\n");
    desk.refused(&pin("r1.json"), "root-chain-broken");
    let shown = desk.json(&format!("root join r1.json {ann} {bob}"));
    assert_eq!(
        shown["signatures"],
        json!({ "signed": ["ann", "bob"], "open": ["cyd"], "missing": 0 })
    );
    let joined = fs::read(desk.path().join("r1.json")).unwrap();
    desk.json(&format!("root join r1.json {bob}"));
    assert_eq!(
        fs::read(desk.path().join("r1.json")).unwrap(),
        joined,
        "each signature stands once"
    );
    desk.json(&pin("r1.json"));

    // The next one, by the persons of both.
    desk.json("root rotate r1.json --remove bob --root gus=gus.pub.pem --trust gus=gus.pub.pem --policy gus=gus.pub.pem -o r2.json");
    let copies: Vec<String> = ["ann", "gus"]
        .map(|person| sign_a_copy(&desk, "root", "r2.json", person))
        .into();
    fs::copy(desk.path().join("r2.json"), desk.path().join("bob-r2.json")).unwrap();
    desk.json("root sign bob-r2.json --key bob.pem --previous r1.json");
    let ran = desk.run(&format!(
        "root join r2.json bob-r2.json {} --previous r1.json",
        copies.join(" ")
    ));
    assert_eq!(
        ran.stdout,
        "signed by    ann, gus (enough)\nof root 1    ann, bob (enough)\n"
    );
    desk.json(&format!(
        "root pin r2.json --folder en --words {}",
        desk.words("r2.json")
    ));
}

#[test]
fn whoever_signs_a_root_has_seen_it_before_the_key_is_opened() {
    let desk = Desk::standard();
    // The key cannot be opened, and the root has been shown.
    fs::write(desk.path().join("wrong"), "wrong").unwrap();
    let shown = desk.unable("root sign r1.json --key ann.pem --passphrase-file wrong");
    let fingerprint = desk.json("root show r1.json")["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} in {shown}"));
    assert!(at(&fingerprint) < at("the passphrase is wrong"), "{shown}");
    at("export       1 of 1: dora");
    let ran = desk.run("root sign r1.json --key ann.pem");
    assert!(ran.stderr.contains(&fingerprint));
    assert_eq!(ran.stdout, "signed by    ann (1 more of bob, cyd needed)\n");
}

#[test]
fn trust_data_and_policies_that_persons_signed_apart_are_joined() {
    let desk = Desk::commissioned();
    let policy = "schema: sealift-policy/1\nid: plant-7\nversion: 1\nprofile: standard\necosystems: { files: { evidence: none } }\n";
    fs::write(desk.path().join("policy.yaml"), policy).unwrap();
    desk.json("trust new trust.json");
    desk.json("policy draft policy.yaml policy.dsse.json");
    for (verb, file) in [("trust", "trust.json"), ("policy", "policy.dsse.json")] {
        let [ann, bob] = ["ann", "bob"].map(|person| sign_a_copy(&desk, verb, file, person));
        let install = |file: &str| format!("{verb} install {file} --enclave en");
        for copy in [&ann, &bob] {
            assert_eq!(desk.run(&install(copy)).status, 1, "{copy}");
        }
        desk.refused(&format!("{verb} join {file} {ann} r1.json"), "digest-mismatch");
        desk.json(&format!("{verb} join {file} {ann} {bob}"));
        desk.json(&install(file));
    }
}

#[test]
fn keys_in_an_ssh_agent_do_all_that_keys_in_files_do() {
    let desk = Desk::new();
    let Some(agent) = Agent::start(desk.path()) else { return };
    desk.json("init enclave en --name plant-7 --profile standard");
    desk.json("init exporter ex");
    for person in ["ann", "bob", "cyd", "dora", "eve"] {
        agent.add(desk.path(), "ed25519", person);
    }
    let with = |person: &str| format!("--agent agent.sock --public-key {person}.pub");
    assert_eq!(
        desk.json("key show --agent agent.sock")["keys"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    desk.json(
        "root create --name plant-7 --enclave-key en/keys/import.pub.pem --profile standard -o r1.json \
         --root ann=ann.pub --root bob=bob.pub --root cyd=cyd.pub --export dora=dora.pub --approve eve=eve.pub",
    );
    desk.json(&format!("root sign r1.json {}", with("ann")));
    desk.json(&format!("root sign r1.json {}", with("bob")));
    let words = desk.words("r1.json");
    for folder in ["en", "ex"] {
        desk.json(&format!("root pin r1.json --folder {folder} --words {words}"));
    }
    let policy = "schema: sealift-policy/1\nid: plant-7\nversion: 1\nprofile: standard\n\
                  require: { revocations_max_age_days: none, advisories_max_age_days: none }\n\
                  names: { first_seen: record, similar: record }\necosystems: { files: { evidence: none } }\n";
    fs::write(desk.path().join("policy.yaml"), policy).unwrap();
    desk.json("policy draft policy.yaml policy.dsse.json");
    for person in ["ann", "bob"] {
        desk.json(&format!("policy sign policy.dsse.json {}", with(person)));
    }
    desk.json("policy install policy.dsse.json --enclave en");

    fs::create_dir(desk.path().join("set")).unwrap();
    fs::write(desk.path().join("set/a.txt"), "a").unwrap();
    let selection = "schema: sealift-selection/1\nselect:\n  - files: set\n    version: \"1\"\n    folder: set\n";
    fs::write(desk.path().join("sealift.yaml"), selection).unwrap();
    let export = "export --exporter ex --select sealift.yaml --offline --out media";
    // The exporter's own key, and that of an approver, have not the role.
    for line in [export.to_owned(), format!("{export} {}", with("eve"))] {
        desk.refused(&line, "key-not-in-role");
    }
    assert!(!desk.path().join("media").exists());
    let exported = desk.json(&format!("{export} {}", with("dora")));
    let manifest = exported["bundle"]["manifest"].as_str().unwrap();
    desk.refused("import --enclave en media", "approvals-missing");
    desk.json(&format!(
        "approve media --trust en/trust --reason seen --manifest {manifest} {}",
        with("eve")
    ));
    let imported = desk.json("import --enclave en media");
    assert_eq!(imported["outcome"], "imported");
}

#[test]
fn a_bundle_is_sealed_by_as_many_as_the_root_asks_for() {
    let desk = Desk::new();
    desk.json("init enclave en --name plant-7 --profile standard");
    desk.json("init exporter ex");
    for person in ["ann", "bob", "cyd", "eve", "gus"] {
        desk.json(&format!("key new {person}.pem"));
    }
    desk.json(
        "root create --name plant-7 --enclave-key en/keys/import.pub.pem --profile standard -o r1.json \
         --root ann=ann.pub.pem --root bob=bob.pub.pem --root cyd=cyd.pub.pem --approve eve=eve.pub.pem \
         --export dora=ex/keys/export.pub.pem --export gus=gus.pub.pem --threshold export=2",
    );
    for person in ["ann", "bob"] {
        desk.json(&format!("root sign r1.json --key {person}.pem"));
    }
    for folder in ["en", "ex"] {
        desk.json(&format!(
            "root pin r1.json --folder {folder} --words {}",
            desk.words("r1.json")
        ));
    }
    fs::create_dir(desk.path().join("set")).unwrap();
    fs::write(desk.path().join("set/a.txt"), "a").unwrap();
    let selection = "schema: sealift-selection/1\nselect:\n  - files: set\n    version: \"1\"\n    folder: set\n";
    fs::write(desk.path().join("sealift.yaml"), selection).unwrap();
    let export = "export --exporter ex --select sealift.yaml --offline --out media";
    // Found before anything is written, and before the number is used.
    for keys in ["", "--key gus.pem", "--key gus.pem --key gus.pem"] {
        desk.refused(&format!("{export} {keys}"), "export-signature-invalid");
    }
    desk.refused(&format!("{export} --key gus.pem --key eve.pem"), "key-not-in-role");
    assert!(!desk.path().join("media").exists());
    let exported = desk.json(&format!("{export} --key gus.pem --key ex/keys/export.pem"));
    assert_eq!(exported["bundle"]["sequence"], 1);
    let manifest = exported["bundle"]["manifest"].as_str().unwrap();
    let approved = desk.run(&format!(
        "approve media --trust en/trust --reason seen --manifest {manifest} --key eve.pem"
    ));
    assert_eq!(approved.status, 0, "{}", approved.stderr);
    assert!(
        approved.stderr.contains("exported by  dora, gus"),
        "{}",
        approved.stderr
    );
}
