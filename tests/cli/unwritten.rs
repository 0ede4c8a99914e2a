//! What cannot be written is told, and nothing says that it was done.

use std::fs;
use std::path::Path;

use sealift::model::Digest;

use crate::people;
use crate::world::{PLAIN_POLICY, World};

/// A file that can be read, and in whose folder nobody can make another: what stands on the standard input (Linux, proc(5)).
const FIXED: &str = "/proc/self/fd/0";

#[test]
fn a_signature_or_a_change_counts_once_it_is_written() {
    let world = World::new();
    world.key(people::ANN, "ann.pem");
    fs::write(world.path("site.yaml"), PLAIN_POLICY).unwrap();
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/minisign/test.pub");
    fs::copy(key, world.path("minisign.pub")).unwrap();
    world.run("trust new empty.json").done();
    fs::copy(world.path("empty.json"), world.path("td.json")).unwrap();
    let add = "tool --type minisign-key --from minisign.pub --scope files/tool --note phone";
    world.run(&format!("trust add td.json {add}")).done();
    world.run("trust new rv.json --revocations").done();
    world.run("policy draft site.yaml policy.json").done();
    let root = "en/trust/roots/1.dsse.json";
    let bundle = Digest::of(b"a bundle");
    for (file, line) in [
        (root, format!("root sign {FIXED} --key ann.pem")),
        (root, format!("root join {FIXED} {root}")),
        ("empty.json", format!("trust add {FIXED} {add}")),
        ("td.json", format!("trust remove {FIXED} tool")),
        ("td.json", format!("trust sign {FIXED} --key ann.pem")),
        ("td.json", format!("trust join {FIXED} td.json")),
        (
            "rv.json",
            format!("trust revoke {FIXED} --reason lost --bundle {bundle}"),
        ),
        ("policy.json", format!("policy sign {FIXED} --key ann.pem")),
    ] {
        let ran = world.feed(&line, &fs::read(world.path(file)).unwrap());
        assert_eq!(ran.status, 3, "{line}: {ran:?}");
        assert!(
            ran.stderr.contains(&format!("cannot write `{FIXED}`")),
            "{line}: {ran:?}"
        );
    }
}

#[test]
fn what_is_there_is_not_overwritten() {
    let world = World::standard();
    world.key(people::APPROVER, "eve.pem");
    let manifest = world.medium(1, None);
    fs::write(world.path("site.yaml"), PLAIN_POLICY).unwrap();
    fs::write(world.path("taken"), "mine").unwrap();
    for line in [
        "trust new taken".to_owned(),
        "policy draft site.yaml taken".to_owned(),
        format!("approve m1 --trust en/trust --key eve.pem --manifest {manifest} --reason seen -o taken"),
    ] {
        let said = world.unable(&line);
        assert!(said.contains("hint: it exists already"), "{line}: {said}");
        assert_eq!(fs::read(world.path("taken")).unwrap(), b"mine", "{line}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let world = World::standard();
    for (number, file) in [(people::ANN, "ann.pem"), (people::EXPORTER, "dora.pem")] {
        world.key(number, file);
    }
    world.medium(1, None);
    fs::write(world.path("taken"), "mine").unwrap();
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    world
        .run("hold add h --everything --enclave en --reason r --key dora.pem")
        .done();
    // What only one of two persons has signed waits for the other there.
    fs::write(world.path("en/open"), "mine").unwrap();
    let said = world.unable("hold release h --enclave en --reason over --key ann.pem");
    assert!(said.contains("cannot make `en/open`"), "{said}");
    let label = "media label m1 --trust en/trust";
    assert!(
        world
            .unable(&format!("{label} --out taken"))
            .contains("cannot make `taken`")
    );
    // A folder stands where the file should be.
    assert!(world.unable(&format!("{label} --svg m1")).contains("cannot write `m1`"));
}
