//! What cannot be read, is damaged or does not count, where a command only shows, compares or signs.

use std::fs;

use sealift::trust::Revoked;

use crate::log::three_attempts;
use crate::people;
use crate::reports::reports;
use crate::trust_data::sealed_revocations;
use crate::world::World;

#[test]
fn whose_key_is_revoked_releases_nothing() {
    let world = World::standard();
    world.medium(1, None);
    // What is refused begins the log, too.
    assert_eq!(world.run("import --enclave en m1").status, 1);
    world.key(people::ANN, "ann.pem");
    world.key(people::EXPORTER, "dora.pem");
    world
        .run("hold add h --everything --enclave en --reason r --key dora.pem")
        .done();
    world
        .run("hold release h --enclave en --reason over --key ann.pem")
        .done();
    let revoked = Revoked::Key(people::id(people::ANN).to_string());
    let revocations = sealed_revocations(1, &[revoked], &[people::ANN, people::BOB]);
    fs::write(world.path("revocations.json"), revocations).unwrap();
    world.run("trust install revocations.json --enclave en").done();
    // What was signed before counts no more than what would be signed now.
    world.key(people::BOB, "bob.pem");
    let ran = world.run("hold release h --enclave en --key bob.pem");
    assert!(ran.status == 1 && ran.stderr.contains("revoked"), "{ran:?}");
}

#[test]
fn who_shows_trust_that_cannot_be_read_is_told() {
    let world = World::new();
    fs::create_dir_all(world.path("en/trust/anchors/1.dsse.json")).unwrap();
    let said = world.unable("trust list --enclave en");
    assert!(said.contains("anchors"), "{said}");
}

#[test]
fn a_report_that_is_damaged_is_not_compared() {
    let world = three_attempts();
    world.run("report show 1 --enclave en --format csv --out shown").done();
    let report = reports(&world).remove(0);
    let mut bytes = fs::read(&report).unwrap();
    *bytes.last_mut().unwrap() = b' ';
    fs::write(&report, bytes).unwrap();
    let ran = world.run("report show 1 --enclave en --format csv --compare shown");
    assert!(ran.status == 1 && !ran.stderr.contains("rendering-differs"), "{ran:?}");
}
