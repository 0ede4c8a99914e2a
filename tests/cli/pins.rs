//! Who is pinned for a name, and what raises its floor: an admission, and nothing that happens later to what is held.

use sealift::model::{Level, Name};

use crate::people;
use crate::reviews::review;
use crate::site::{FIRST, File, NO_NAMES, SECOND, Site, beside, file, signed};

const PINS: &str = "ecosystems: { files: { evidence: none, floor: ignore, identity: pin-on-first-import } }\n";

fn pinned(site: &Site, name: &str) -> usize {
    let ledger = sealift::enclave::read(&site.world.path("en")).unwrap();
    let name = Name {
        ecosystem: "files".to_owned(),
        name: name.to_owned(),
    };
    ledger.signers(&name).unwrap().len()
}

/// A file that somebody else signed, too.
fn by_both(name: &'static str, version: &'static str) -> File {
    let first = signed(name, version, FIRST);
    File {
        second: Some(beside(first.content.as_bytes())),
        ..first
    }
}

/// A file that only somebody else signed.
fn by_the_other(name: &'static str, version: &'static str) -> File {
    File {
        signature: None,
        ..by_both(name, version)
    }
}

#[test]
fn whoever_signs_beside_a_pinned_publisher_is_not_pinned() {
    let mut site = Site::new(&format!("{PINS}{NO_NAMES}"));
    site.takes(&[signed("tool", "1.0", FIRST)]);
    site.takes(&[by_both("tool", "1.1")]);
    assert_eq!(pinned(&site, "tool"), 1);
    // Nor does judging it again pin anybody, or telling all of it again.
    site.world.run("recheck --enclave en --record").done();
    assert_eq!(pinned(&site, "tool"), 1);
    site.world.run("rebuild --enclave en").done();
    assert_eq!(pinned(&site, "tool"), 1);
    site.world.run("audit --enclave en").done();
    site.refuses(&[by_the_other("tool", "1.2")], "publisher-changed");
    site.takes(&[signed("tool", "1.2", FIRST)]);
}

#[test]
fn all_publishers_of_a_names_first_signed_import_are_pinned() {
    let mut site = Site::new(&format!("{PINS}{NO_NAMES}"));
    site.takes(&[file("tool", "0.9")]);
    assert_eq!(pinned(&site, "tool"), 0);
    site.takes(&[signed("tool", "1.0", FIRST), signed("tool", "1.1", SECOND)]);
    assert_eq!(pinned(&site, "tool"), 2);
    site.takes(&[signed("tool", "1.2", SECOND)]);
}

#[test]
fn another_publisher_is_pinned_where_a_person_decided_so() {
    // Only there such a change is left to persons.
    let mut site = Site::new(&format!("mode: evaluate\n{PINS}{NO_NAMES}"));
    site.world.key(people::ANN, "ann.pem");
    site.takes(&[signed("tool", "1.0", FIRST)]);
    let folder = site.plain(&[signed("tool", "1.1", SECOND)]);
    site.refused(&folder, "publisher-changed");
    review(&site, "approve", "--all", "ann.pem").done();
    site.imports(&folder);
    assert_eq!(pinned(&site, "tool"), 2);
    site.takes(&[signed("tool", "1.2", SECOND)]);
}

#[test]
fn a_waiver_lets_one_version_pass_and_pins_nobody() {
    let other = signed("tool", "1.1", SECOND);
    let waiver = format!(
        "waivers: [{{ id: W-1, scope: \"files/tool@1.1\", codes: [publisher-changed], approved_by: [ann, bob], expires: \"{}\", digest: \"{}\", reason: \"CHG-1\" }}]\n",
        &crate::world::now().plus_days(60).to_string()[..10],
        other.digest()
    );
    let mut site = Site::new(&format!("{PINS}{NO_NAMES}"));
    site.takes(&[signed("tool", "1.0", FIRST)]);
    site.policy_by(&format!("{PINS}{NO_NAMES}{waiver}"), &[people::ANN, people::BOB]);
    site.takes(&[other]);
    assert_eq!(pinned(&site, "tool"), 1);
    site.refuses(&[signed("tool", "1.2", SECOND)], "publisher-changed");
}

#[test]
fn judging_again_raises_no_floor() {
    // Nobody's proof counts in this scope, so that an import reaches nothing.
    let mut site = Site::new(&format!(
        "ecosystems: {{ files: {{ evidence: none, scope: [nobody] }} }}\n{NO_NAMES}"
    ));
    site.takes(&[signed("tool", "1.0", FIRST)]);
    assert_eq!(site.floor("tool"), None);
    site.world.run("recheck --enclave en --record").done();
    assert_eq!(site.floor("tool"), None);
    site.takes(&[signed("tool", "1.1", FIRST)]);
    site.world.run("audit --enclave en").done();
    // What the policy counts raises it.
    site.policy(&format!("ecosystems: {{ files: {{ evidence: none }} }}\n{NO_NAMES}"));
    site.takes(&[signed("tool", "1.2", FIRST)]);
    assert_eq!(site.floor("tool"), Some(Level::Publisher));
}
