//! Capsules of an enclave whose root was renewed: they are believed from the first root on, and what follows is taken from the last.

use std::fs;

use serde_json::json;

use crate::capsule::{capsule, same};
use crate::log::three_attempts;
use crate::people;
use crate::put_back::next_root;
use crate::world::World;

#[test]
fn a_capsule_leads_from_the_first_root_to_the_last() {
    let world = three_attempts();
    let last = |world: &World, report: u64| {
        let shown = world.json(&format!("report show {report} --enclave en"));
        shown["head"]["bundle"]["manifest"].as_str().unwrap().parse().unwrap()
    };
    let mut bundle = world.bundle(3, Some(last(&world, 3)));
    bundle.roots.push((2, next_root(&world)));
    world.write("with-root", &bundle, &World::edits(|_| {}));
    world.run("import --enclave en with-root").done();
    let mut bundle = world.bundle(4, Some(last(&world, 4)));
    bundle.roots.push((2, next_root(&world)));
    world.write("m4", &bundle, &World::edits(|_| {}));
    world.run("import --enclave en m4").done();
    let shown = world.json("report show 5 --enclave en");
    assert_eq!(shown["head"]["trust"]["root"]["version"], 2, "{shown}");
    capsule(&world, "5 --out a.tar");
    same(&world, "a.tar");
    // And from there on: the root that comes after the last one.
    let mut third = world.root().clone();
    third.version = 3;
    let third = people::sealed_root(&third, &[people::ANN, people::BOB]);
    fs::write(world.path("3.dsse.json"), third).unwrap();
    let line = "reverify a.tar --root en/trust/roots/1.dsse.json --today --trust 3.dsse.json";
    let found = world.json(line);
    assert_eq!(found["changes"], json!([]), "{found}");
    let mut fourth = world.root().clone();
    fourth.version = 4;
    let fourth = people::sealed_root(&fourth, &[people::ANN, people::BOB]);
    fs::write(world.path("3.dsse.json"), fourth).unwrap();
    world.refused(line, "trust-version-out-of-order");
}
