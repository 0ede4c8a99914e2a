//! Disks that do less than ours, or hold more: renames that may replace what is there, and files that no member of a container can hold.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use sealift::bundle::container::MAX_MEMBER_BYTES;
use serde_json::json;

use crate::judged;
use crate::kill::{can_trace, strace};
use crate::world::{Ran, World};

#[test]
fn objects_are_stored_where_no_rename_refuses_to_replace() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    let import = |folder: &str| {
        let mut options = ["-e", "inject=renameat2:error=EINVAL", "-o"]
            .map(str::to_owned)
            .to_vec();
        options.push(world.path("trace").display().to_string());
        Ran::of(strace(&world, &options, &format!("import --enclave en {folder}"))).done();
        let trace = fs::read_to_string(world.path("trace")).unwrap();
        assert!(trace.contains("(INJECTED)"), "{trace}");
        world.run("audit --enclave en").done();
    };
    let first = world.medium(1, None);
    import("m1");
    // Most of the second's objects are the first's.
    world.medium(2, Some(first));
    import("m2");
}

#[test]
fn an_object_that_no_member_can_hold_stays_out_of_a_capsule() {
    let world = judged::imported();
    let shards = fs::read_dir(world.path("en/store/objects")).unwrap();
    for object in shards.flat_map(|shard| fs::read_dir(shard.unwrap().path()).unwrap()) {
        let path = object.unwrap().path();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        // A hole takes no room.
        file.set_len(MAX_MEMBER_BYTES + 1).unwrap();
    }
    let made = world.json("report capsule 1 --enclave en --out a.tar");
    assert_eq!(made["left_out"], json!({ "content": 1, "missing": 2 }));
}
