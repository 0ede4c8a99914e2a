//! What comes with a bundle beside its artifacts is kept whole, or the import says what it could not write: a newer root, trust data and revocations,
//! approvals, records of custody, what is kept out and what waits. Where a plain import writes is tried in `faults`.

use std::collections::BTreeSet;
use std::fs;

use sealift::trust::Role;

use crate::custody::carried;
use crate::faults::{Command, places};
use crate::kill::{can_trace, two_media};
use crate::log::copy;
use crate::people;
use crate::site::{Beside, FILES, Site, file};
use crate::trust_data::{medium, sealed_data, sealed_revocations};
use crate::world::World;

/// Where a plain import writes.
fn known() -> BTreeSet<String> {
    let (world, mut known) = (two_media(), BTreeSet::new());
    let plain = Command::new("en", "import --enclave k m1 --threads 1");
    plain.begin(&world);
    places(&world, &plain, &mut known);
    known
}

/// An enclave, and a medium `m1` of two volumes with a newer root, trust data, revocations, an approval and custody records.
pub(crate) fn bringing() -> World {
    let mut root = people::root_without_approval();
    people::give(&mut root, Role::Approve, "eve", people::APPROVER);
    let world = World::of(root);
    world.key(people::EXPORTER, "dora.pem");
    world.key(people::APPROVER, "eve.pem");
    let mut next = world.root().clone();
    next.version = 2;
    let mut bundle = world.bundle(1, None);
    bundle
        .roots
        .push((2, people::sealed_root(&next, &[people::ANN, people::BOB])));
    bundle.segments_per_volume = Some(6);
    let side_data = [
        ("revocations", sealed_revocations(1, &[], &[people::ANN])),
        ("trust-data", sealed_data(1, &["a"], &[people::ANN])),
    ];
    let manifest = medium(&world, "m1", bundle, &side_data);
    world
        .run(&format!(
            "approve m1 --trust en/trust --key eve.pem --manifest {manifest} --reason reviewed"
        ))
        .done();
    carried(&world);
    world
}

#[test]
fn an_import_that_brings_trust_says_what_it_could_not_write() {
    if !can_trace() {
        return;
    }
    let world = bringing();
    let mut known = known();
    Command::new("en", "import --enclave k m1 --threads 1").fails(&world, &mut known);
    // Where volumes are still to come, what came beside the first is kept until then.
    copy(&world, "m1", "first");
    fs::remove_file(world.path("first/main-1.vol002of002.tar")).unwrap();
    Command {
        only: "/staging/",
        ..Command::new("en", "import --enclave k first --threads 1")
    }
    .fails(&world, &mut known);
}

/// An enclave and a bundle of which one artifact is kept out and waits, and the line that imports it into `k`.
pub(crate) fn kept_out() -> (Site, String) {
    let mut site = Site::new(&format!(
        "{FILES}names: {{ first_seen: allow, similar: review }}\non_refusal: keep-out\n"
    ));
    let popular = Beside {
        popular_names: Some("files/requests\n".to_owned()),
        ..Beside::default()
    };
    let folder = site.medium(&[file("reqeusts", "1.0"), file("tool", "1.0")], &popular);
    let line = format!("import --enclave k {folder}/{} --threads 1", site.volume());
    (site, line)
}

#[test]
fn an_import_that_keeps_some_out_says_what_it_could_not_write() {
    if !can_trace() {
        return;
    }
    let (site, line) = kept_out();
    Command::new("en", &line).fails(&site.world, &mut known());
}
