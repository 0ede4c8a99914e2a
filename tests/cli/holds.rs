//! Holds that name something that is there keep it: what is over and held stays, and goes once it is released.

use std::fs;

use sealift::trust::Revoked;
use serde_json::{Value, json};

use crate::judged;
use crate::log::copy;
use crate::people;
use crate::retention::AT_ONCE;
use crate::world::World;

/// A refusal about files of which one is signed by the key that the site pins, and which is over at once.
fn with_one_refused() -> World {
    let world = judged::pinned();
    world.policy(
        "schema: sealift-policy/1\nid: plant-7\nversion: 1\nprofile: standard\n\
         require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }\n\
         ecosystems: { files: { evidence: publisher } }\n",
    );
    assert_eq!(world.run("import --enclave en m1").status, 1);
    // The newest report stays whatever it is.
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    world.policy(&AT_ONCE.replace("version: 1", "version: 2"));
    world.key(people::ANN, "ann.pem");
    world
}

fn removed(done: &Value) -> Vec<String> {
    let entries = done["pruned"].as_array().unwrap_or_else(|| panic!("{done}"));
    entries
        .iter()
        .map(|entry| entry["path"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_a_package_url_or_a_key_names_stays_with_all_that_lies_beside_it() {
    let world = with_one_refused();
    let exporter = people::id(people::EXPORTER).to_string();
    for (scope, is_held) in [
        ("--purl pkg:generic/set".to_owned(), true),
        ("--purl pkg:generic/set@1.0".to_owned(), true),
        (format!("--purl {}", judged::SIGNED), true),
        ("--purl pkg:generic/set@2.0".to_owned(), false),
        (format!("--resting-on {}", judged::KEY), true),
        (format!("--resting-on {}", judged::KEY.to_lowercase()), true),
        ("--resting-on 00112233445566AA".to_owned(), false),
        (format!("--resting-on {exporter}"), true),
        (
            format!(
                "--resting-on {}",
                exporter.to_uppercase().replacen("SHA256", "sha256", 1)
            ),
            true,
        ),
    ] {
        copy(&world, "en", "kept");
        world
            .run(&format!(
                "hold add one {scope} --enclave en --reason case-9 --key ann.pem"
            ))
            .done();
        let gone = removed(&world.json("prune --enclave en"));
        let is_gone = gone.iter().any(|path| path.starts_with("reports/000001"));
        assert_eq!(is_gone, !is_held, "{scope}: {gone:?}");
        let beside = world.path("en/reports/000001-main-1.basis/objects.tar").exists();
        assert_eq!(beside, is_held, "{scope}");
        world.run("audit --enclave en").done();
        if is_held {
            world
                .run("hold release one --enclave en --reason over --key ann.pem")
                .done();
            let gone = removed(&world.json("prune --enclave en"));
            assert!(
                gone.iter().any(|path| path.ends_with("objects.tar")),
                "{scope}: {gone:?}"
            );
            world.run("audit --enclave en").done();
        }
        copy(&world, "kept", "en");
    }
}

#[test]
fn a_hold_by_a_key_outlives_the_revocation_of_that_key() {
    let world = with_one_refused();
    world
        .run(&format!(
            "hold add one --resting-on {} --enclave en --reason r --key ann.pem",
            judged::KEY
        ))
        .done();
    judged::revoke(&world, 1, vec![Revoked::Key(judged::KEY.to_lowercase())]);
    assert_eq!(removed(&world.json("prune --enclave en")), Vec::<String>::new());
}

#[test]
fn whose_key_is_revoked_does_not_begin_what_others_would_sign() {
    let world = World::standard();
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    world.key(people::ANN, "ann.pem");
    let line = "--enclave en --reason r --key";
    world
        .run(&format!("hold add one --everything {line} en/keys/import.pem"))
        .done();
    judged::revoke(&world, 1, vec![Revoked::Key(people::id(people::ANN).to_string())]);
    world.refused(&format!("hold release one {line} ann.pem"), "key-revoked");
    assert!(!world.path("en/open").exists());
}

/// An enclave whose first import waits for a review, and the key with which ann reviews.
pub(crate) fn awaiting_review() -> World {
    let world = judged::pinned();
    let policy = "schema: sealift-policy/1\nid: plant-7\nversion: 1\nprofile: standard\n\
         require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }\n\
         names: { first_seen: review }\necosystems: { files: { evidence: none } }\n";
    world.policy(policy);
    assert_eq!(world.run("import --enclave en m1").status, 1);
    world.key(people::ANN, "ann.pem");
    world
}

#[test]
fn reviews_go_when_they_are_over_and_not_while_their_artifact_is_held() {
    let world = awaiting_review();
    let waiting = world.json("review list --enclave en");
    let manifest = waiting["bundles"][0]["bundle"]["manifest"]
        .as_str()
        .unwrap_or_else(|| panic!("{waiting}"));
    world
        .run("review approve --all --enclave en --key ann.pem --reason looked")
        .done();
    world.run("import --enclave en m1").done();
    let reviews = || {
        let folder = world.path("en/reviews").join(manifest.trim_start_matches("sha256:"));
        fs::read_dir(folder).map_or(0, |entries| {
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.ends_with(".dsse.json")).count()
        })
    };
    assert_eq!(reviews(), 1);
    let over = AT_ONCE
        .replace("version: 1", "version: 2")
        .replace("refusal_days: 0", "refusal_days: 0, review_days: 0, report_days: 0");
    world.policy(&over);
    let line = "hold add one --purl pkg:generic/set --enclave en --reason r --key ann.pem";
    world.run(line).done();
    world.json("prune --enclave en");
    assert_eq!(reviews(), 1);
    world.run("audit --enclave en").done();
    world
        .run("hold release one --enclave en --reason over --key ann.pem")
        .done();
    let gone = removed(&world.json("prune --enclave en"));
    assert!(gone.iter().any(|path| path.starts_with("reviews/")), "{gone:?}");
    assert!(gone.iter().any(|path| path.starts_with("reports/000001")), "{gone:?}");
    assert_eq!(reviews(), 0);
    // The decision of the import that they led to can still be judged again: its report kept them.
    world.run("audit --enclave en").done();
    world.run("report capsule 2 --enclave en --out a.tar").done();
    let total = world.json("reverify a.tar --root en/trust/roots/1.dsse.json")["total"].clone();
    assert_eq!(
        (&total["differences"], &total["not_judged_again"]),
        (&json!(0), &json!([]))
    );
}
