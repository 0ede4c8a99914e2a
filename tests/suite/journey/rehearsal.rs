//! An exporter asks the enclave's policy before anything is packed.

use serde_json::json;

use super::{Site, export_line};

pub(super) const PLAIN: &str = "
schema: sealift-policy/1
id: plant-7
version: 1
profile: standard
require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none, max_age_days: 3650 }
names: { first_seen: allow, similar: allow }
ecosystems: { files: { evidence: none } }
";

fn with_files() -> Site {
    let site = Site::new();
    site.write("project/set/good.txt", "good\n");
    site.write(
        "project/sealift.yaml",
        "schema: sealift-selection/1\nselect:\n  - files: set\n    version: '1'\n    folder: set\n",
    );
    site
}

fn line(more: &str) -> String {
    format!("{} {more}", export_line("sealift.yaml", "media"))
}

#[test]
fn what_the_enclave_would_refuse_is_refused_before_it_is_packed() {
    let site = with_files();
    site.write(
        "deny.yaml",
        format!("{PLAIN}deny: [{{ match: \"files/set@1\", reason: withdrawn }}]\n"),
    );
    let said = site.refused(&line("--policy deny.yaml"));
    assert!(said.contains("[denylisted]") && said.contains("withdrawn"), "{said}");
    let said = site.refused(&line("--policy deny.yaml --dry-run"));
    assert!(said.contains("[denylisted]"), "{said}");
    site.write("plain.yaml", PLAIN);
    let decided = site.json(&line("--policy plain.yaml --dry-run"));
    // The plan, and what the policy would decide about it.
    assert_eq!(decided["schema"], "sealift-export-plan/1");
    assert_eq!((&decided["at_hand"], &decided["volumes"]), (&json!(1), &json!(1)));
    let planned = site.succeeds(&line("--policy plain.yaml --dry-run"));
    for text in ["the policy would decide", "1 artifacts that are at hand", "1 volume"] {
        assert!(planned.stdout.contains(text), "{}", planned.stdout);
    }
    assert_eq!(decided["decisions"]["policy"]["origin"], "given");
    assert_eq!(decided["decisions"]["ecosystems"]["files"]["decisions"]["allowed"], 1);
    let not_asked = decided["decisions"]["not_asked"].to_string();
    assert!(
        not_asked.contains("floors") && not_asked.contains("approvals"),
        "{not_asked}"
    );
    assert!(!site.path("media").exists());
    // Nothing of the rehearsals stays, and they used no number.
    let left: Vec<_> = super::files(&site.path("ex/cache"))
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("rehearsal"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let exported = site.json(&line("--policy plain.yaml"));
    assert_eq!(exported["bundle"]["sequence"], 1);
}

#[test]
fn an_exporter_may_pack_all_the_same_and_is_told() {
    let site = with_files();
    site.write(
        "none.yaml",
        PLAIN.replace("files: { evidence: none }", "npm: { evidence: none }"),
    );
    site.refused(&line("--policy none.yaml"));
    let ran = site.succeeds(&line("--policy none.yaml --despite-policy"));
    assert!(
        ran.stderr.contains("the enclave will refuse pkg:generic/set@1"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("[no-rule-matches]"), "{}", ran.stderr);
}

#[test]
fn what_waits_for_a_person_and_what_is_kept_out_stop_no_export() {
    let site = with_files();
    site.write("project/set/bad.txt", "bad\n");
    let bad = sealift::model::Digest::of(b"bad\n");
    let review = format!("{PLAIN}licences: {{ allow: [MIT], unknown: review }}\n");
    site.write("review.yaml", &review);
    let decided = site.json(&line("--policy review.yaml --dry-run"));
    assert_eq!(decided["decisions"]["ecosystems"]["files"]["decisions"]["waiting"], 2);
    let deny = format!("{review}deny: [{{ digest: \"{bad}\", reason: test }}]\n");
    site.write("stop.yaml", &deny);
    // Only what is denied is named, not what waits.
    let said = site.refused(&line("--policy stop.yaml"));
    assert_eq!(said.matches("refused: ").count(), 1, "{said}");
    site.write("keep-out.yaml", format!("{deny}on_refusal: keep-out\n"));
    let ran = site.succeeds(&line("--policy keep-out.yaml"));
    assert!(ran.stdout.contains("1 denied"), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("kept out: ") && ran.stderr.contains("bad.txt"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_policy_that_stands_at_the_exporters_is_asked_by_itself() {
    let site = with_files();
    let policy = PLAIN.replace("files: { evidence: none }", "npm: { evidence: none }");
    site.stand_policy(&policy, "ex/trust/plant-7");
    let said = site.refused(&line(""));
    assert!(said.contains("[no-rule-matches]"), "{said}");
    // What is named on the command line is asked instead.
    site.write("plain.yaml", PLAIN);
    let decided = site.json(&line("--policy plain.yaml --dry-run"));
    assert_eq!(decided["decisions"]["policy"]["signed_by"], json!([]));
}
