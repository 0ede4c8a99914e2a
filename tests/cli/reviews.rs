//! What the policy leaves to persons: it waits for their signed decisions, which count for one bundle, one policy and the codes that they saw.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::trust::{Kind, Role};
use serde_json::{Value, json};

use crate::people;
use crate::site::{Beside, FILES, Site, file};
use crate::world::World;

pub(crate) fn review(site: &Site, verb: &str, what: &str, key: &str) -> crate::world::Ran {
    site.world
        .run(&format!("review {verb} {what} --enclave en --key {key} --reason seen"))
}

#[test]
fn a_look_alike_waits_until_a_person_has_signed_for_it() {
    let mut site = Site::new(&format!("{FILES}names: {{ first_seen: allow, similar: review }}\n"));
    site.world.key(people::ANN, "ann.pem");
    site.world.key(people::STATION, "station.pem");
    let popular = Beside {
        popular_names: Some("files/requests\n".to_owned()),
        ..Beside::default()
    };
    let typo = file("reqeusts", "1.0");
    let folder = site.medium(&[file("reqeusts", "1.0"), file("tool", "1.0")], &popular);
    let said = site.refused(&folder, "similar-name");
    assert!(said.contains("`requests`") && said.contains("sealift review"), "{said}");
    let listed = site.world.json("review list --enclave en");
    let bundle = &listed["bundles"][0];
    assert_eq!(bundle["count"], 1);
    let waiting = &bundle["waiting"][0];
    assert_eq!(
        (&waiting["purl"], &waiting["state"], &waiting["codes"]),
        (&json!(typo.purl()), &json!("open"), &json!(["similar-name"]))
    );
    let shown = site.world.run("review list --enclave en").done().stdout;
    assert!(shown.contains("the name looks like `requests`"), "{shown}");

    // Whoever has neither role decides nothing, and what does not wait is not decided about.
    assert!(
        review(&site, "approve", "--all", "station.pem")
            .stderr
            .contains("[key-not-in-role]")
    );
    assert_eq!(review(&site, "approve", "pkg:generic/tool@1.0", "ann.pem").status, 3);
    let nothing = review(&site, "approve", "--all --code too-new", "ann.pem");
    assert!(
        nothing.status == 3 && nothing.stderr.contains("nothing that waits is meant"),
        "{nothing:?}"
    );
    site.refused(&folder, "similar-name");

    review(&site, "approve", "pkg:generic/reqeusts@1.0", "ann.pem").done();
    let listed = site.world.json("review list --enclave en");
    assert_eq!(listed["bundles"][0]["waiting"][0]["state"], "approved");
    let report = site.imports(&folder);
    assert_eq!(report["decisions"]["ecosystems"]["files"]["decisions"]["reviewed"], 1);
    let found = site.world.json("where --enclave en pkg:generic/reqeusts@1.0");
    assert_eq!(
        found["found"][0]["judgement"]["decision"]["reviewed_by"],
        json!(["ann"])
    );
    assert_eq!(
        site.world.run("review list --enclave en").done().stdout,
        "nothing waits\n"
    );
    // It is known now, and what looks like it is asked about.
    let folder = site.plain(&[file("reqeusts", "1.1"), file("reqeust", "1.0")]);
    let said = site.refused(&folder, "similar-name");
    assert!(!said.contains("reqeusts@1.1"), "{said}");
}

#[test]
fn a_first_seen_name_waits_and_a_known_one_does_not() {
    let mut site = Site::new(FILES);
    site.world.key(people::ANN, "ann.pem");
    let folder = site.plain(&[file("tool", "1.0")]);
    site.refused(&folder, "first-seen-name");
    // A check leaves nothing behind that persons could sign.
    review(&site, "approve", "--all --code first-seen-name", "ann.pem").done();
    site.imports(&folder);
    site.takes(&[file("tool", "1.1")]);
}

#[test]
fn reviews_count_for_one_bundle_one_policy_and_the_codes_that_were_seen() {
    let mut site = Site::new(FILES);
    site.world.key(people::ANN, "ann.pem");
    let folder = site.plain(&[file("tool", "1.0")]);
    site.refused(&folder, "first-seen-name");
    review(&site, "approve", "--all", "ann.pem").done();
    // The same bytes in another bundle.
    let other = site.plain(&[file("tool", "1.0"), file("more", "1.0")]);
    let said = site.refused(&other, "first-seen-name");
    assert!(said.contains("tool@1.0"), "{said}");
    // Another policy.
    site.policy(&format!("{FILES}licences: {{ allow: [MIT], unknown: review }}\n"));
    let said = site.refused(&folder, "licence-not-allowed");
    assert!(said.contains("first-seen-name"), "{said}");
    review(
        &site,
        "approve",
        &format!("--all --bundle {}", digest(&site, &folder)),
        "ann.pem",
    )
    .done();
    site.imports(&folder);
}

pub(crate) fn digest(site: &Site, folder: &str) -> String {
    fs::read_to_string(site.world.path(&format!("{folder}/digest"))).unwrap()
}

#[test]
fn as_many_persons_as_the_policy_says_decide_and_no_exporter_does() {
    let mut root = people::root();
    people::give(&mut root, Role::Policy, "dora", people::EXPORTER);
    let world = World::of(root);
    let policy = format!("{FILES}review_persons: 2\n").replace("approvals: 0", "approvals: 1");
    let mut site = Site::of(world, &[people::ANN, people::BOB], &policy);
    for (number, name) in [
        (people::ANN, "ann.pem"),
        (people::EXPORTER, "dora.pem"),
        (people::APPROVER, "eve.pem"),
    ] {
        site.world.key(number, name);
    }
    let folder = site.plain(&[file("tool", "1.0")]);
    let manifest = digest(&site, &folder);
    let volume = format!("{folder}/{}", site.volume());
    site.world
        .run(&format!(
            "approve {volume} --trust en/trust --key eve.pem --manifest {manifest} --reason seen --output {folder}/a.approval-eve.dsse.json"
        ))
        .done();
    let import = format!("import --enclave en {volume} {folder}/a.approval-eve.dsse.json");
    site.world.refused(&import, "first-seen-name");
    let said = review(&site, "approve", "--all", "dora.pem");
    assert!(said.stderr.contains("[roles-not-separate]"), "{}", said.stderr);
    review(&site, "approve", "--all", "ann.pem").done();
    review(&site, "approve", "--all", "ann.pem").done();
    site.world.refused(&import, "first-seen-name");
    review(&site, "approve", "--all", "eve.pem").done();
    let report = site.world.json(&import);
    assert_eq!(report["decisions"]["ecosystems"]["files"]["decisions"]["reviewed"], 1);
}

#[test]
fn one_rejection_denies() {
    let mut site = Site::new(FILES);
    let mut root = site.world.root().clone();
    root.version = 2;
    site.world.key(people::ANN, "ann.pem");
    let folder = site.plain(&[file("tool", "1.0")]);
    site.refused(&folder, "first-seen-name");
    review(&site, "approve", "--all", "ann.pem").done();
    review(&site, "reject", "--all", "ann.pem").done();
    let said = site.refused(&folder, "review-rejected");
    assert!(said.contains("ann rejected it: seen"), "{said}");
}

#[test]
fn a_review_that_was_changed_or_has_expired_is_passed_over() {
    let mut site = Site::new(FILES);
    site.world.key(people::ANN, "ann.pem");
    let folder = site.plain(&[file("tool", "1.0")]);
    site.refused(&folder, "first-seen-name");
    review(&site, "approve", "--all", "ann.pem").done();
    let reviews = site
        .world
        .path(&format!("en/reviews/{}", &digest(&site, &folder)["sha256:".len()..]));
    let path = fs::read_dir(&reviews)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().ends_with(".dsse.json"))
        .unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let mut envelope: Value = serde_json::from_str(&good).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let mut review: Value = serde_json::from_slice(&payload).unwrap();
    review["reason"] = json!("another");
    envelope["payload"] = json!(STANDARD.encode(sealift::crypto::strict_json::write(&review)));
    fs::write(&path, sealift::crypto::strict_json::write(&envelope)).unwrap();
    site.refused(&folder, "first-seen-name");
    // Signed by the right person, and over.
    review["created"] = json!("2026-01-01T00:00:00Z");
    review["expires"] = json!("2026-01-02T00:00:00Z");
    let payload = sealift::crypto::strict_json::write(&review);
    fs::write(&path, people::sealed(Kind::Review, &payload, &[people::ANN]).write()).unwrap();
    site.refused(&folder, "first-seen-name");
    let listed = site.world.json("review list --enclave en");
    assert!(
        listed["bundles"][0]["not_counted"][0]
            .as_str()
            .unwrap()
            .contains("expired"),
        "{listed}"
    );
    fs::write(&path, good).unwrap();
    site.imports(&folder);
}
