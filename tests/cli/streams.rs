//! Bundles from standard input, in one pass.

use std::fs;

use crate::raw_bundle::Edits;
use crate::world::World;

#[test]
fn a_volume_comes_from_standard_input() {
    let world = World::new();
    world.medium(1, None);
    let bytes = fs::read(world.path("m1/main-1.vol001of001.tar")).unwrap();
    let checked = world.feed("verify --enclave en - --json", &bytes).done().json();
    assert_eq!(checked["outcome"], "verified");
    assert_eq!(
        world
            .feed("import --enclave en - --json", &bytes[..bytes.len() - 700])
            .status,
        1
    );
    assert_eq!(world.feed("import --enclave en -", b"").status, 1);
    let imported = world.feed("import --enclave en - --json", &bytes).done().json();
    assert_eq!(imported["outcome"], "imported");
}

/// The volumes in `all`, in their order.
fn volumes_of(world: &World) -> Vec<Vec<u8>> {
    volumes_in(world, "all")
}

fn volumes_in(world: &World, folder: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(world.path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn volumes_come_one_behind_the_other_from_standard_input() {
    let world = World::new();
    let mut bundle = world.bundle(1, None);
    bundle.segments_per_volume = Some(2);
    world.write("all", &bundle, &World::edits(|_| {}));
    let volumes = volumes_of(&world);
    assert!(volumes.len() >= 4);
    let (whole, reversed) = (
        volumes.concat(),
        volumes.iter().rev().flatten().copied().collect::<Vec<_>>(),
    );

    // What follows a volume is another volume of the same bundle, once each, and whole.
    let other = world.bundle(2, None);
    world.write("other", &other, &World::edits(|_| {}));
    let other = fs::read(world.path("other/main-2.vol001of001.tar")).unwrap();
    for (wrong, says) in [
        ([&whole[..], b"x"].concat(), "do not begin another volume"),
        ([&whole[..], &[0; 1024]].concat(), "do not begin another volume"),
        ([&volumes[0][..], &other].concat(), "does not belong to the same bundle"),
        ([&volumes[0][..], &volumes[0]].concat(), "volume 1 was given twice"),
    ] {
        for command in ["verify", "import"] {
            let ran = world.feed(&format!("{command} --enclave en -"), &wrong);
            assert_eq!(ran.status, 1, "{}", ran.stderr);
            assert!(
                ran.stderr.contains(says) && ran.stderr.contains("[container-not-exact]"),
                "{}",
                ran.stderr
            );
        }
    }
    // Its roots are those that the signed manifest lists.
    let edits = Edits {
        members: Some(Box::new(|volumes| {
            for root in volumes[1].iter_mut().filter(|member| member.name.starts_with("roots/")) {
                root.data.push(b'\n');
            }
        })),
        ..World::edits(|_| {})
    };
    world.write("rooted", &bundle, &edits);
    let rooted = volumes_in(&world, "rooted");
    let swapped = [&rooted[0][..], &rooted[1]].concat();
    for command in ["verify", "import"] {
        let ran = world.feed(&format!("{command} --enclave en -"), &swapped);
        assert!(
            ran.stderr.contains("its roots are not those that the manifest lists"),
            "{}",
            ran.stderr
        );
        assert!(
            ran.status == 1 && ran.stderr.contains("[container-not-exact]"),
            "{}",
            ran.stderr
        );
    }
    let cut = world.feed("verify --enclave en -", &whole[..whole.len() - 700]);
    assert!(cut.stderr.contains("[object-missing]"), "{}", cut.stderr);
    // Behind a file's end nothing stands, be it a volume.
    fs::create_dir(world.path("joined")).unwrap();
    fs::write(world.path("joined/main-1.tar"), &whole).unwrap();
    world.refused("verify --enclave en joined", "container-not-exact");

    for bytes in [&whole, &reversed] {
        let checked = world.feed("verify --enclave en - --json", bytes).done().json();
        assert_eq!(checked["outcome"], "verified");
    }
    // What came whole of a stream that was refused behind it is kept; here nothing came before.
    let world = World::new();
    world.write("all", &bundle, &World::edits(|_| {}));
    let volumes = volumes_of(&world);
    let reversed: Vec<u8> = volumes.iter().rev().flatten().copied().collect();
    let half = world.feed("import --enclave en - --json", &volumes[..2].concat());
    assert_eq!(half.done().json()["outcome"], "incomplete");
    let imported = world.feed("import --enclave en - --json", &reversed).done().json();
    assert_eq!(imported["outcome"], "imported");
    assert!(world.staging().is_empty());
}
