//! A site's scanners: what they find stays outside, and what they did not look at never counts as clean. The scanners are small scripts that print
//! what `clamscan` prints; `tests/clients/scanner.rs` asks the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::reports::check;
use crate::world::{World, now};

/// A file that holds this word is malware to the scripts.
const EVIL: &str = "a wholly harmless text that a test calls malware";

/// Reads the paths from a list, and says of each what it finds.
const HONEST: &str = "s=0; while read -r path; do if grep -q 'test calls malware' \"$path\"; then echo \"$path: Test.Evil FOUND\"; s=1; \
                      else echo \"$path: OK\"; fi; done < \"$1\"; exit $s";

const POLICY: &str = "
schema: sealift-policy/1
id: plant-7
version: 1
profile: standard
require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }
names: { first_seen: allow, similar: allow }
ecosystems: { files: { evidence: none } }
";

struct Site {
    world: World,
}

impl Site {
    fn new(more: &str) -> Self {
        let world = World::new();
        world.policy(&format!("{POLICY}{more}"));
        Self { world }
    }

    /// Names one scanner, which runs a script, and whose definitions are so many days old.
    fn scanner(&self, script: &str, days: i64) {
        self.scanner_saying(script, &format!("echo {} test-1", now().plus_seconds(-days * 86_400)));
    }

    fn scanner_saying(&self, script: &str, version: &str) {
        for (name, text) in [("scan.sh", script), ("version.sh", version)] {
            let path = self.world.path(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let yaml = format!(
            "schema: sealift-scanners/1\nscanners:\n  - engine: clamav\n    command: [\"{}\", \"{{list}}\"]\n    definitions: [\"{}\"]\n    files: 3\n",
            self.world.path("scan.sh").display(),
            self.world.path("version.sh").display(),
        );
        fs::write(self.world.path("en/scanners.yaml"), yaml).unwrap();
    }

    /// The sample bundle, with one more file.
    fn medium(&self, content: &str) {
        let mut bundle = self.world.bundle(1, None);
        bundle.files.push(("zz-last".to_owned(), content.as_bytes().to_vec()));
        self.world.write("m1", &bundle, &World::edits(|_| {}));
    }

    fn refused(&self, code: &str) -> String {
        self.world.refused("verify --enclave en m1", code);
        self.world.refused("import --enclave en m1", code)
    }

    fn imports(&self) -> Value {
        self.world.json("import --enclave en m1")
    }

    /// The newest report.
    fn report(&self) -> Value {
        self.world.json("report show --enclave en")
    }
}

#[test]
fn what_is_clean_is_imported_and_the_report_says_who_looked() {
    let site = Site::new("scan: [{ engine: clamav, side: import, definitions_max_age_days: 3 }]\n");
    site.medium("harmless");
    // Nobody looked.
    let said = site.refused("scan-missing");
    assert!(
        said.contains("clamav has not scanned it (scan[clamav import])"),
        "{said}"
    );
    assert_eq!(check(&site.report(), "malware")["result"], "method-not-available");

    site.scanner(HONEST, 3);
    let verified = site.world.json("verify --enclave en m1");
    let run = &verified["decisions"]["scanners"][0];
    assert_eq!(
        (&run["found"], &run["unclear"], &run["problem"]),
        (&json!(0), &json!(0), &Value::Null)
    );
    // The plan is an object, too.
    let artifacts = verified["artifacts"].as_u64().unwrap();
    assert!(run["objects"].as_u64().unwrap() > artifacts, "{run}");
    let imported = site.imports();
    assert_eq!(imported["decisions"]["scanners"][0]["version"], "test-1");
    let report = site.report();
    assert_eq!(check(&report, "malware")["result"], "pass");
    assert_eq!(report["head"]["scanners"][0]["engine"], "clamav");
    for artifact in report["artifacts"].as_array().unwrap() {
        assert_eq!(artifact["scans"], json!([{ "engine": "clamav", "result": "clean" }]));
    }
    let not_checked = report["head"]["not_checked"].to_string();
    assert!(!not_checked.contains("malware"), "{not_checked}");
    assert!(site.world.staging().is_empty());
}

#[test]
fn what_is_found_is_refused_whether_a_rule_asks_or_not() {
    let site = Site::new("");
    site.medium(EVIL);
    site.scanner(HONEST, 0);
    let said = site.refused("scan-positive");
    assert!(said.contains("clamav found Test.Evil"), "{said}");
    let report = site.report();
    assert_eq!(check(&report, "malware")["result"], "fail");
    assert_eq!(check(&report, "malware")["codes"], json!(["scan-positive"]));
    assert_eq!(report["head"]["scanners"][0]["found"], 1);
    let infected = report["artifacts"].as_array().unwrap().iter().filter(|artifact| {
        artifact["scans"] == json!([{ "detail": "Test.Evil", "engine": "clamav", "result": "found" }])
    });
    assert_eq!(infected.count(), 1);
}

#[test]
fn what_is_found_is_kept_out_where_the_rest_may_go_on() {
    let site = Site::new("on_refusal: keep-out\n");
    site.medium(EVIL);
    site.scanner(HONEST, 0);
    let imported = site.imports();
    assert_eq!(imported["decisions"]["kept_out"], 1);
    assert_eq!(imported["decisions"]["kept_out_first"][0]["code"], "scan-positive");
}

#[test]
fn what_is_found_beside_the_artifacts_refuses_the_bundle() {
    let site = Site::new("on_refusal: keep-out\n");
    let mut bundle = site.world.bundle(1, None);
    bundle.plan = format!("{{\"{EVIL}\":1}}").into_bytes();
    site.world.write("m1", &bundle, &World::edits(|_| {}));
    site.scanner(HONEST, 0);
    let said = site.refused("scan-positive");
    assert!(said.contains("which is no artifact's"), "{said}");
}

#[test]
fn a_scanner_that_did_not_look_is_no_scan() {
    let rule = "scan: [{ engine: clamav, side: import, definitions_max_age_days: 3 }]\n";
    // Each script, and what is said of it.
    let cases = [
        ("exit 40", "ended with status 40"),
        ("exit 0", "said nothing about it"),
        (
            "while read -r path; do echo \"$path: OK\"; done < \"$1\"; exit 1",
            "ended with status 1",
        ),
        (
            "while read -r path; do echo \"$path: OK\"; done < \"$1\"; kill -9 $$",
            "ended with a signal",
        ),
        (
            "while read -r path; do echo \"$path: Can't open file ERROR\"; done < \"$1\"; exit 2",
            "Can't open file",
        ),
        (
            "while read -r path; do echo \"$path: Heuristics.Limits.Exceeded.MaxFileSize FOUND\"; done < \"$1\"; exit 1",
            "not scanned whole",
        ),
        ("echo no database >&2; exit 2", "no database"),
    ];
    for (script, words) in cases {
        let site = Site::new(rule);
        site.medium("harmless");
        site.scanner(script, 0);
        let said = site.refused("scan-missing");
        assert!(said.contains(words), "{script}: {said}");
    }
    // The same without a rule is for a person, and with a rule that does not require it goes by, with a warning.
    let site = Site::new("");
    site.medium("harmless");
    site.scanner("exit 40", 0);
    let said = site.refused("scan-missing");
    assert!(said.contains("`sealift review`"), "{said}");
    let site = Site::new("scan: [{ engine: clamav, side: import, required: false }]\n");
    site.medium("harmless");
    site.scanner("exit 40", 0);
    let ran = site.world.run("import --enclave en m1").done();
    assert!(ran.stderr.contains("nothing counts as clean"), "{}", ran.stderr);
    assert_eq!(check(&site.report(), "malware")["result"], "warn");
}

#[test]
fn a_list_that_a_scanner_leaves_as_something_else_ends_the_run() {
    let site = Site::new("");
    site.medium("harmless");
    site.scanner("rm \"$1\"; mkdir \"$1\"", 0);
    let said = site.world.unable("import --enclave en m1");
    assert!(
        said.contains("cannot be removed") || said.contains("directory"),
        "{said}"
    );
}

#[test]
fn definitions_must_be_as_new_as_the_policy_asks() {
    let site = Site::new("scan: [{ engine: clamav, side: import, definitions_max_age_days: 3 }]\n");
    site.medium("harmless");
    site.scanner(HONEST, 4);
    assert!(site.refused("scan-missing").contains("4 days old; 3 days is the most"));
    site.scanner_saying(HONEST, "echo ClamAV 1.4.6");
    assert!(
        site.refused("scan-missing")
            .contains("does not say when its definitions were made")
    );
    // A date that is still to come is none.
    site.scanner(HONEST, -3);
    assert!(site.refused("scan-missing").contains("does not say when"));
    site.scanner_saying(HONEST, "exit 1");
    assert!(site.refused("scan-missing").contains("ended with status 1"));
    site.scanner_saying(HONEST, "true");
    assert!(site.refused("scan-missing").contains("does not say which definitions"));
}

#[test]
fn scanners_are_named_on_this_machine_alone() {
    let site = Site::new("");
    site.medium(EVIL);
    site.scanner(HONEST, 0);
    // A file that others may write names nothing that is run; one that cannot be read is no site without scanners.
    let own = site.world.path("en/scanners.yaml");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o666)).unwrap();
    let said = site.world.unable("import --enclave en m1");
    assert!(said.contains("chmod go-w"), "{said}");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o644)).unwrap();
    let good = fs::read_to_string(&own).unwrap();
    fs::write(&own, "schema: sealift-scanners/1\nscanners: [{}]\n").unwrap();
    site.world.unable("import --enclave en m1");
    fs::write(&own, good.replace("command: [\"/", "command: [\"")).unwrap();
    assert!(site.world.unable("verify --enclave en m1").contains("no absolute path"));
    fs::remove_file(&own).unwrap();
    std::os::unix::fs::symlink("nowhere", &own).unwrap();
    site.world.unable("import --enclave en m1");
    fs::remove_file(&own).unwrap();

    fs::write(site.world.path("mine.yaml"), good).unwrap();
    site.world
        .refused("import --enclave en m1 --scanners mine.yaml", "scan-positive");
    site.world
        .refused("verify --trust en/trust m1 --scanners mine.yaml", "scan-positive");
    site.imports();
}
