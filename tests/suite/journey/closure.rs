//! What the artifacts of a bundle cannot do without: in it, in the enclave, or missing.

use sealift::model::Digest;
use serde_json::json;

use super::Site;
use crate::cargo::{crate_with, plain_crate};
use crate::tgz::{Entry, tgz};

const POLICY: &str = "
schema: sealift-policy/1
id: plant-7
version: 1
profile: standard
require: { approvals: 0, release_by_other_person: false, revocations_max_age_days: none, advisories_max_age_days: none, max_age_days: 3650, closure: CLOSURE }
names: { first_seen: allow, similar: allow }
ecosystems: { cargo: { evidence: none, min_age_days: 0 }, npm: { evidence: none, min_age_days: 0 } }
";

const APP: &str = "
[package]
name = \"app\"
version = \"1.0.0\"
[dependencies]
renamed = { package = \"lib\", version = \"1.2\" }
maybe = { version = \"1\", optional = true }
[build-dependencies]
lib = \"1\"
[dev-dependencies]
tester = \"1\"
[target.'cfg(windows)'.dependencies]
win = \"1\"
";

/// A site whose policy counts, and which carries a folder of packages.
fn site(closure: &str) -> Site {
    let site = Site::new();
    site.stand_policy(&POLICY.replace("CLOSURE", closure), "en/trust");
    site.write(
        "project/sealift.yaml",
        "schema: sealift-selection/1\nselect:\n  - folder: packages\n",
    );
    site
}

#[test]
fn what_a_crate_cannot_do_without_is_in_the_bundle_or_in_the_enclave() {
    let site = site("strict");
    site.write("project/packages/app-1.0.0.crate", crate_with("app", "1.0.0", APP));
    // Another version is not the one that is asked for; what is optional, for tests or for one platform is not asked for.
    site.write("project/packages/lib-1.1.0.crate", plain_crate("lib", "1.1.0"));
    site.export("sealift.yaml", "m1");
    for verb in ["verify", "import"] {
        let ran = site.run(&format!("{verb} --enclave en m1"));
        assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
        let said = ran.stderr;
        assert!(said.contains("[incomplete-closure]"), "{said}");
        assert!(
            said.contains("cargo/lib ^1.2, for pkg:cargo/app@1.0.0, is needed"),
            "{said}"
        );
        assert_eq!(said.matches("is needed").count(), 1, "{said}");
    }
    site.write("project/packages/lib-1.3.0.crate", plain_crate("lib", "1.3.0"));
    site.export("sealift.yaml", "m2");
    site.import("m2");
    // What the enclave holds need not come again.
    for old in ["app-1.0.0", "lib-1.1.0", "lib-1.3.0"] {
        std::fs::remove_file(site.path(&format!("project/packages/{old}.crate"))).unwrap();
    }
    let next = APP.replace("version = \"1.0.0\"", "version = \"1.0.1\"");
    site.write("project/packages/app-1.0.1.crate", crate_with("app", "1.0.1", &next));
    site.export("sealift.yaml", "m3");
    site.import("m3");
    // What it holds of another version does not do.
    std::fs::remove_file(site.path("project/packages/app-1.0.1.crate")).unwrap();
    let newer = APP.replace("\"1.0.0\"", "\"1.0.2\"").replace("\"1.2\"", "\"2\"");
    site.write("project/packages/app-1.0.2.crate", crate_with("app", "1.0.2", &newer));
    site.export("sealift.yaml", "m4");
    let ran = site.run("import --enclave en m4");
    assert!(
        ran.status == 1 && ran.stderr.contains("cargo/lib ^2, for pkg:cargo/app@1.0.2, is needed"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    // Nobody without an enclave's memory knows.
    let checked = site.json("verify --trust en/trust m3");
    let not_asked = checked["decisions"]["not_asked"].to_string();
    assert!(
        not_asked.contains("only the enclave knows what it holds"),
        "{not_asked}"
    );
}

#[test]
fn what_an_npm_package_cannot_do_without_is_asked_for_by_name() {
    let site = site("record");
    let manifest = json!({"name": "app", "version": "1.0.0",
        "dependencies": {"inner": "^1", "alias": "npm:@real/one@^2", "here": "1", "opt": "1", "packed": "1", "git": "git+https://example.com/x.git",
            "short": "user/repository"},
        "optionalDependencies": {"opt": "1"}, "bundleDependencies": ["packed"], "peerDependencies": {"peer": "1"}});
    let package = |manifest: &serde_json::Value| tgz(&[Entry::file("package/package.json", manifest.to_string())]);
    site.write("project/packages/app-1.0.0.tgz", package(&manifest));
    let here = json!({"name": "here", "version": "1.0.0"});
    site.write("project/packages/here-1.0.0.tgz", package(&here));
    site.export("sealift.yaml", "m1");
    let imported = site.json("import --enclave en m1");
    let missing: Vec<&str> = imported["decisions"]["bundle"]["hits"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|hit| hit["code"] == "incomplete-closure")
        .map(|hit| hit["message"].as_str().unwrap().split(',').next().unwrap())
        .collect();
    assert_eq!(missing, ["npm/@real/one", "npm/inner"]);
}

/// What a lockfile fills with something else is not missing: nobody who patches a crate could import it otherwise.
#[test]
fn what_a_lockfile_has_from_elsewhere_is_not_missing_and_is_named() {
    let site = site("strict");
    let app = crate_with("app", "1.0.0", APP);
    site.write("project/packages/app-1.0.0.crate", &app);
    let sum = Digest::of(&app).hex();
    let lock = |version: &str| {
        format!(
            "version = 4\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\n\
             source = \"registry+https://index.example.com/git\"\nchecksum = \"{sum}\"\ndependencies = [\"lib\"]\n\
             [[package]]\nname = \"lib\"\nversion = \"{version}\"\n"
        )
    };
    site.write(
        "project/sealift.yaml",
        "schema: sealift-selection/1\nselect:\n  - lockfile: Cargo.lock\nfrom: [packages]\n",
    );
    // One that the requirement does not take is not it.
    site.write("project/Cargo.lock", lock("0.9.0"));
    site.export("sealift.yaml", "m1");
    let ran = site.run("verify --enclave en m1");
    assert!(
        ran.stderr.contains("[incomplete-closure]"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    site.write("project/Cargo.lock", lock("1.2.3"));
    site.export("sealift.yaml", "m2");
    let imported = site.json("import --enclave en m2");
    let not_asked = imported["decisions"]["not_asked"].to_string();
    assert!(
        not_asked.contains("where a lockfile has it from elsewhere: cargo/lib"),
        "{not_asked}"
    );
}
