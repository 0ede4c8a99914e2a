//! Where a policy keeps out what waits for persons, and publishes the rest: what they approve comes in when the very same bundle comes once more,
//! and nothing else changes.

use std::fs;

use serde_json::json;

use crate::capsule::{capsule, same};
use crate::kill::{can_trace, kill_at, points};
use crate::log::copy;
use crate::people;
use crate::reports::check;
use crate::reviews::{digest, review};
use crate::site::{Beside, FILES, Site, file};
use crate::world::{World, by_python};

const KEEP_OUT: &str = "names: { first_seen: allow, similar: review }\non_refusal: keep-out\n";

/// Two names that look like popular ones, and one that does not.
fn popular() -> Beside {
    Beside {
        popular_names: Some("files/numerical\nfiles/requests\n".to_owned()),
        ..Beside::default()
    }
}

/// An enclave into which a bundle came of which two artifacts wait.
pub(crate) fn waiting() -> (Site, String) {
    let mut site = Site::new(&format!("{FILES}{KEEP_OUT}"));
    site.world.key(people::ANN, "ann.pem");
    let files = [file("numerlcal", "1.0"), file("reqeusts", "1.0"), file("tool", "1.0")];
    let folder = site.medium(&files, &popular());
    let report = site.imports(&folder);
    let decided = &report["decisions"]["ecosystems"]["files"]["decisions"];
    assert_eq!((&decided["allowed"], &decided["waiting"]), (&json!(1), &json!(2)));
    (site, folder)
}

fn volume(folder: &str) -> String {
    format!("{folder}/main-1.vol001of001.tar")
}

fn names(site: &Site) -> Vec<String> {
    let listed = site.world.json("list --enclave en");
    let artifacts = listed["artifacts"].as_array().unwrap();
    artifacts
        .iter()
        .map(|artifact| artifact["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_waits_is_taken_from_the_same_bundle_once_it_is_approved() {
    let (site, folder) = waiting();
    let import = format!("import --enclave en {}", volume(&folder));
    let listed = site.world.json("review list --enclave en");
    assert_eq!(listed["bundles"][0]["count"], 2, "{listed}");
    // As long as nobody has decided nothing changes, and what to do is said.
    let before = site.world.published();
    let said = site.world.json(&import);
    assert_eq!(said["outcome"], "already-imported");
    assert!(said["reason"].as_str().unwrap().contains("wait"), "{said}");
    assert!(said["hint"].as_str().unwrap().contains("sealift review list"), "{said}");
    assert_eq!(before, site.world.published());

    review(&site, "approve", "pkg:generic/reqeusts@1.0", "ann.pem").done();
    // Beside a decision somebody may keep notes.
    let reviews = fs::read_dir(site.world.path("en/reviews")).unwrap();
    for folder in reviews.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        fs::write(folder.join("notes.txt"), b"asked its makers").unwrap();
    }
    let checked = site.world.json(&format!("verify --enclave en {}", volume(&folder)));
    assert_eq!(checked["outcome"], "verified");
    let report = site.world.json(&import);
    assert_eq!(
        (&report["outcome"], &report["taken_again"]),
        (&json!("imported"), &json!(1))
    );
    let decided = &report["decisions"]["ecosystems"]["files"]["decisions"];
    assert_eq!(
        (&decided["allowed"], &decided["reviewed"], &decided["waiting"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(report["ecosystems"]["files"]["artifacts"], 1);
    assert_eq!(report["generation"], 2);
    assert_eq!(names(&site), ["reqeusts", "tool"]);
    assert!(site.world.path("en/repository/files/reqeusts").exists());
    let status = site.world.json("status --enclave en");
    assert_eq!(status["bundles"], 1, "{status}");
    // The report says what it was.
    let shown = site.world.json("report show --enclave en");
    let order = check(&shown, "order");
    assert!(
        order["note"].as_str().unwrap().contains("once more for 1 artifacts"),
        "{order}"
    );
    assert_eq!(shown["head"]["result"], "passed-with-waivers");

    // The other one waits on, and the same again changes nothing.
    let listed = site.world.json("review list --enclave en");
    assert_eq!(listed["bundles"][0]["count"], 1, "{listed}");
    let before = site.world.published();
    assert_eq!(site.world.json(&import)["outcome"], "already-imported");
    assert_eq!(before, site.world.published());
    review(&site, "approve", "--all", "ann.pem").done();
    assert_eq!(site.world.json(&import)["generation"], 3);
    assert_eq!(names(&site), ["numerlcal", "reqeusts", "tool"]);
    assert_eq!(
        site.world.run("review list --enclave en").done().stdout,
        "nothing waits\n"
    );
    let said = site.world.json(&import);
    assert!(
        said["reason"].as_str().unwrap().ends_with("; nothing changed"),
        "{said}"
    );
    assert_eq!(said["hint"], json!(null));
    sound(&site.world);
}

/// The records are whole, give the same state.db again, and each report is judged again from its capsule.
fn sound(world: &World) {
    world.run("audit --enclave en").done();
    world.run("rebuild --enclave en").done();
    world.run("audit --enclave en").done();
    let reports = world.json("report list --enclave en")["reports"]
        .as_array()
        .unwrap()
        .len();
    assert!(reports > 1);
    for number in 1..=reports {
        capsule(world, &format!("{number} --out {number}.tar"));
        same(world, &format!("{number}.tar"));
    }
    if let Some((status, text)) = by_python(world, &["--enclave", "en"]) {
        assert_eq!(status, 0, "{text}");
    }
}

#[test]
fn what_a_person_rejected_or_nobody_approved_stays_out() {
    let (site, folder) = waiting();
    let import = format!("import --enclave en {}", volume(&folder));
    review(&site, "reject", "pkg:generic/reqeusts@1.0", "ann.pem").done();
    let before = site.world.published();
    let checked = site.world.json(&format!("verify --enclave en {}", volume(&folder)));
    assert_eq!(checked["outcome"], "already-imported");
    assert_eq!(site.world.json(&import)["outcome"], "already-imported");
    assert_eq!(before, site.world.published());
    assert_eq!(names(&site), ["tool"]);
}

#[test]
fn two_versions_of_a_new_name_are_decided_about_each_by_itself() {
    let mut site = Site::new(&format!(
        "{FILES}on_refusal: keep-out\ndeny: [{{ match: \"files/bad\", reason: no }}]\n"
    ));
    site.world.key(people::ANN, "ann.pem");
    let folder = site.plain(&[
        file("tool", "1.0"),
        file("tool", "1.1"),
        file("tool", "1.2"),
        file("zeta", "1.0"),
    ]);
    // All are new: where nothing is left the import stops.
    site.refused(&folder, "first-seen-name");
    review(&site, "approve", "pkg:generic/zeta@1.0", "ann.pem").done();
    site.imports(&folder);
    let import = format!("import --enclave en {}", volume(&folder));
    review(&site, "reject", "pkg:generic/tool@1.1", "ann.pem").done();
    review(&site, "approve", "pkg:generic/tool@1.0", "ann.pem").done();
    site.world.run(&import).done();
    // That the name is known by now lets neither of the others in.
    let before = site.world.published();
    assert_eq!(site.world.json(&import)["outcome"], "already-imported");
    assert_eq!(before, site.world.published());
    review(&site, "approve", "pkg:generic/tool@1.2", "ann.pem").done();
    site.world.run(&import).done();
    let listed = site.world.json("list --enclave en");
    let versions: Vec<_> = listed["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| artifact["version"].as_str().unwrap())
        .collect();
    assert_eq!(versions, ["1.0", "1.2", "1.0"]);
    sound(&site.world);
}

#[test]
fn only_the_last_bundle_of_its_stream_comes_once_more() {
    let (mut site, folder) = waiting();
    let import = format!("import --enclave en {}", volume(&folder));
    site.takes(&[file("tool", "1.1")]);
    let manifest = digest(&site, &folder);
    review(&site, "approve", &format!("--all --bundle {manifest}"), "ann.pem").done();
    let before = site.world.published();
    let said = site.world.json(&import);
    assert_eq!(said["outcome"], "already-imported");
    assert!(said["hint"].as_str().unwrap().contains("newer bundle"), "{said}");
    assert_eq!(before, site.world.published());
}

#[test]
fn what_was_rolled_back_does_not_come_back_with_it() {
    let (mut site, _) = waiting();
    let files = [
        file("numerical-two", "1.0"),
        file("reqeusts", "2.0"),
        file("tool", "1.1"),
    ];
    let folder = site.medium(&files, &popular());
    site.imports(&folder);
    site.world.run("rollback --enclave en --to 1 --reason test").done();
    let manifest = digest(&site, &folder);
    review(&site, "approve", &format!("--all --bundle {manifest}"), "ann.pem").done();
    site.world
        .run(&format!("import --enclave en {folder}/main-2.vol001of001.tar"))
        .done();
    let listed = site.world.json("list --enclave en");
    let found: Vec<_> = listed["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| {
            format!(
                "{}@{}",
                artifact["name"].as_str().unwrap(),
                artifact["version"].as_str().unwrap()
            )
        })
        .collect();
    assert!(found.contains(&"reqeusts@2.0".to_owned()), "{found:?}");
    assert!(!found.contains(&"tool@1.1".to_owned()), "{found:?}");
    site.world.run("audit --enclave en").done();
}

#[test]
fn killed_at_any_write_it_has_happened_or_not() {
    if !can_trace() {
        return;
    }
    let (site, folder) = waiting();
    review(&site, "approve", "pkg:generic/reqeusts@1.0", "ann.pem").done();
    let world = &site.world;
    let import = format!("import --enclave en {}", volume(&folder));
    copy(world, "en", "before");
    let places = points(world, &import, 24);
    for point in places {
        fs::remove_dir_all(world.path("en")).unwrap();
        copy(world, "before", "en");
        kill_at(world, &import, &point);
        let said = world.run(&format!("{import} --json")).done().json();
        let outcome = said["outcome"].as_str().unwrap();
        assert!(["imported", "already-imported"].contains(&outcome), "{point:?}: {said}");
        assert_eq!(names(&site), ["reqeusts", "tool"], "{point:?}");
        assert_eq!(
            world.json("status --enclave en")["generation"]["number"],
            2,
            "{point:?}"
        );
        assert_eq!(
            world.json("review list --enclave en")["bundles"][0]["count"],
            1,
            "{point:?}"
        );
        assert!(world.staging().is_empty(), "{point:?}");
        world.run("audit --enclave en").done();
    }
}
