//! Hostile and broken media, disks without room, folders without rights, and two processes at once.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sealift::repository::Lock;

use crate::raw_bundle::noise;
use crate::world::{Ran, World, say, tree};

/// Runs a line that must not wait for anybody, and stops it if it does.
fn promptly(world: &World, line: &str) -> Ran {
    let mut child = world
        .command(line)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("`{line}` hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ran::of(child.wait_with_output().unwrap())
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn only_plain_files_are_read_from_a_medium() {
    let world = World::new();
    world.medium(1, None);
    let volume = world.path("m1/main-1.vol001of001.tar");
    let place = |folder: &str| {
        fs::create_dir_all(world.path(folder)).unwrap();
        world.path(folder).join("main-1.vol001of001.tar")
    };
    std::os::unix::fs::symlink(&volume, place("link")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", place("device")).unwrap();
    fifo(&place("fifo"));
    fs::create_dir_all(place("folder")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place("socket")).unwrap();
    std::os::unix::fs::symlink(world.path("m1"), world.path("link-to-folder")).unwrap();
    for (folder, found) in [
        ("link", "a symbolic link"),
        ("device", "a symbolic link"),
        ("fifo", "a pipe"),
        ("folder", "a folder"),
        ("socket", "a socket"),
    ] {
        let text = world.refused(&format!("import --enclave en {folder}"), "special-file");
        assert!(
            text.contains("main-1.vol001of001.tar") && text.contains(&format!("found    {found}")),
            "{text}"
        );
        if folder != "folder" {
            world.refused(
                &format!("verify --enclave en {folder}/main-1.vol001of001.tar"),
                "special-file",
            );
        }
    }
    let text = world.refused("import --enclave en link-to-folder", "special-file");
    assert!(text.contains("a symbolic link"), "{text}");
    let text = world.refused("import --enclave en /dev/zero", "special-file");
    assert!(text.contains("found    a device"), "{text}");
    for line in [
        "import --enclave en fifo",
        "verify --enclave en fifo/main-1.vol001of001.tar",
        "approve fifo --trust en/trust --key k",
    ] {
        assert_eq!(promptly(&world, line).status, 1, "{line}");
    }
    // A pipe that calls itself an approval.
    fifo(&world.path("m1/main-1-1.approval-eve.dsse.json"));
    world.refused("import --enclave en m1", "special-file");
    assert!(!world.path("en/staging").exists() || world.staging().is_empty());
}

#[test]
fn a_medium_without_volumes_is_said_to_have_none() {
    let world = World::new();
    fs::create_dir(world.path("empty")).unwrap();
    for line in ["import --enclave en empty", "verify --enclave en empty"] {
        let text = world.unable(line);
        assert!(
            text.contains("no volume was given") && text.contains("hint: "),
            "{text}"
        );
    }
    let text = world.unable("import --enclave en absent.tar");
    assert!(
        text.contains("cannot read absent.tar") && text.contains("because No such file"),
        "{text}"
    );
}

#[test]
fn names_that_differ_only_in_case_are_refused() {
    let world = World::new();
    let mut bundle = world.bundle(1, None);
    bundle.files.push(("README.TXT".to_owned(), b"another".to_vec()));
    let first = world.write("m1", &bundle, &World::edits(|_| {}));
    world.refused("import --enclave en m1", "name-collision");
    assert!(world.staging().is_empty());
    // And where the other one came in an earlier bundle.
    let good = world.medium(1, None);
    assert_ne!(first, good);
    world.run("import --enclave en m1").done();
    let mut bundle = world.bundle(2, Some(good));
    bundle.files = vec![("README.TXT".to_owned(), b"another".to_vec())];
    world.write("m2", &bundle, &World::edits(|_| {}));
    world.refused("import --enclave en m2", "name-collision");
    assert!(world.staging().is_empty());
}

#[test]
fn a_version_never_changes_its_bytes() {
    let world = World::new();
    let first = world.medium(1, None);
    world.run("import --enclave en m1").done();
    let mut bundle = world.bundle(2, Some(first));
    bundle.files[1].1 = b"other bytes".to_vec();
    world.write("m2", &bundle, &World::edits(|_| {}));
    let text = world.refused("import --enclave en m2", "version-bytes-differ");
    assert!(
        text.contains("expected sha256:") && text.contains("found    sha256:"),
        "{text}"
    );
    assert!(world.staging().is_empty());
}

#[test]
fn what_one_bundle_writes_on_a_terminal_is_escaped() {
    let world = World::new();
    let mut bundle = world.bundle(1, None);
    bundle.files.push(("\u{1b}[2Jx".to_owned(), b"x".to_vec()));
    world.write("m1", &bundle, &World::edits(|_| {}));
    for line in ["import --enclave en m1", "import --enclave en m1 --color always --json"] {
        let ran = world.run(line);
        assert_eq!(ran.status, 1);
        assert!(
            !format!("{}{}", ran.stdout, ran.stderr).contains("\u{1b}[2J"),
            "{ran:?}"
        );
    }
    // A right-to-left override and a C1 control, as a file's name on the medium.
    let name = "evil\u{202e}\u{9b}2J.tar";
    fs::create_dir(world.path("odd")).unwrap();
    fs::write(world.path("odd").join(name), vec![b'x'; 2048]).unwrap();
    for line in ["import --enclave en odd", "import --enclave en odd --json"] {
        let ran = world.run(line);
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        let text = format!("{}{}", ran.stdout, ran.stderr);
        assert!(
            text.contains("202e") && !text.contains('\u{202e}') && !text.contains('\u{9b}'),
            "{text}"
        );
    }
}

/// Whether this process may do everything, and so can become somebody who may not.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Somebody without rights here.
const NOBODY: u32 = 65_534;

#[test]
fn unreadable_files_and_unwritable_folders_are_named() {
    if !is_root() {
        say("skipped: only root can run the program as somebody else");
        return;
    }
    let world = World::new();
    world.medium(1, None);
    let mode = |path: &str, mode: u32| {
        fs::set_permissions(world.path(path), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    mode("", 0o755);
    mode("m1", 0o755);
    let program = world.path("sealift");
    fs::copy(env!("CARGO_BIN_EXE_sealift"), &program).unwrap();
    mode("sealift", 0o755);
    let as_nobody = |line: &str| {
        let mut command = Command::new(&program);
        command.args(line.split_whitespace());
        world.surround(&mut command);
        command.uid(NOBODY).gid(NOBODY);
        // Another test's child may hold the copy open for writing for a moment after its fork.
        loop {
            match command.output() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
                output => return Ran::of(output.unwrap()),
            }
        }
    };
    mode("m1/main-1.vol001of001.tar", 0o600);
    let ran = as_nobody("verify --trust en/trust m1");
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("error: cannot read m1/main-1.vol001of001.tar\n  because Permission denied"),
        "{}",
        ran.stderr
    );
    mode("m1/main-1.vol001of001.tar", 0o644);
    let ran = as_nobody("verify --trust en/trust m1");
    assert_eq!(ran.status, 0, "anyone with the public trust can verify: {}", ran.stderr);
    let before = tree(&world.path("en"), &[]);
    let ran = as_nobody("import --enclave en m1");
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("Permission denied") && ran.stderr.contains("en/"),
        "{}",
        ran.stderr
    );
    assert_eq!(tree(&world.path("en"), &[]), before);
    world.run("import --enclave en m1").done();
    let before = tree(&world.path("en"), &[]);
    for line in [
        "import --enclave en m1",
        "rollback --enclave en --reason x",
        "gc --enclave en",
    ] {
        let ran = as_nobody(line);
        assert_eq!(ran.status, 3, "{line}: {}", ran.stderr);
        assert_eq!(tree(&world.path("en"), &[]), before, "{line}");
    }
}

#[test]
fn an_enclave_that_is_in_use_is_left_alone() {
    let world = World::new();
    let first = world.medium(1, None);
    world.run("import --enclave en m1").done();
    world.medium(2, Some(first));
    let lock = Lock::take(&world.path("en"), "a test").unwrap();
    for line in [
        "import --enclave en m2",
        "gc --enclave en",
        "rollback --enclave en --reason x",
    ] {
        let text = world.unable(line);
        assert!(
            text.contains("is in use by a test") && text.contains("hint: wait"),
            "{text}"
        );
    }
    // Asking is possible meanwhile.
    world.run("verify --enclave en m2").done();
    world.run("list --enclave en").done();
    drop(lock);
    world.run("import --enclave en m2").done();
}

/// A small disk, unmounted when dropped.
pub(crate) struct Disk(std::path::PathBuf);

impl Disk {
    pub(crate) fn mount(path: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mounted = is_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("{size},mode=755"), "tmpfs"])
                .arg(path)
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
        if !mounted {
            assert_ne!(
                std::env::var("SEALIFT_ALL_CLIENTS").as_deref(),
                Ok("1"),
                "a small disk cannot be mounted here"
            );
            say("skipped: only root can mount a small disk");
            return None;
        }
        Some(Self(path.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_changes_nothing_and_room_mends_it() {
    let world = World::new();
    let Some(_disk) = Disk::mount(&world.path("disk"), "size=4m") else {
        return;
    };
    let moved = Command::new("cp")
        .args(["-r", "en", "disk/en"])
        .current_dir(world.path(""))
        .status()
        .unwrap();
    assert!(moved.success());
    let mut bundle = world.bundle(1, None);
    bundle.files.push(("big.bin".to_owned(), noise(7, 3 << 20)));
    bundle.segment_size = 1 << 20;
    world.write("m1", &bundle, &World::edits(|_| {}));
    fs::write(world.path("disk/ballast"), vec![1; 2 << 20]).unwrap();
    // Found before anything is written.
    let before = world.path("disk/en/staging");
    let ran = world.run("import --enclave disk/en m1");
    assert_eq!(ran.status, 3, "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains("this bundle needs") && ran.stderr.contains("hint: make room"),
        "{}",
        ran.stderr
    );
    assert!(!before.exists() || fs::read_dir(&before).unwrap().next().is_none());
    fs::remove_file(world.path("disk/ballast")).unwrap();
    world.run("import --enclave disk/en m1").done();

    // Found only while it is written: room is taken away from a limit on files' sizes, which the program cannot foresee.
    let world = World::new();
    world.write("m1", &bundle_of(&world), &World::edits(|_| {}));
    let before = world.published();
    for blocks in [16, 64, 200, 600] {
        let line = format!("ulimit -f {blocks}; trap '' XFSZ; exec \"$0\" import --enclave en m1");
        let mut command = Command::new("bash");
        command.args(["-c", &line, env!("CARGO_BIN_EXE_sealift")]);
        world.surround(&mut command);
        let ran = Ran::of(command.output().unwrap());
        assert_eq!(ran.status, 3, "{blocks}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("error: "), "{}", ran.stderr);
        assert_eq!(world.published(), before, "{blocks}");
        assert!(world.staging().is_empty(), "{blocks}");
    }
    world.run("import --enclave en m1").done();
}

fn bundle_of(world: &World) -> crate::raw_bundle::RawBundle {
    let mut bundle = world.bundle(1, None);
    bundle.files.push(("big.bin".to_owned(), noise(7, 3 << 20)));
    bundle.segment_size = 1 << 20;
    bundle
}

#[test]
fn a_disk_that_fills_up_while_it_is_written_changes_nothing() {
    let world = World::new();
    let Some(_disk) = Disk::mount(&world.path("disk"), "size=32m,nr_inodes=900") else {
        return;
    };
    let copied = Command::new("cp")
        .args(["-r", "en", "disk/en"])
        .current_dir(world.path(""))
        .status()
        .unwrap();
    assert!(copied.success());
    // Hundreds of small files: inodes, links and the ledger take more than the estimate of blocks would see.
    let first = world.medium(1, None);
    world.run("import --enclave disk/en m1").done();
    let mut bundle = world.bundle(2, Some(first));
    bundle
        .files
        .extend((0..300).map(|number| (format!("small-{number}"), noise(number, 9_000))));
    world.write("m2", &bundle, &World::edits(|_| {}));
    let facade = crate::world::facade(&world.path("disk/en"));
    let status = || world.json("status --enclave disk/en");
    let before = status();
    let limited = |blocks: u32| {
        let script = format!("ulimit -f {blocks}; trap '' XFSZ; exec \"$0\" import --enclave disk/en m2");
        let mut command = Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_sealift")]);
        world.surround(&mut command);
        Ran::of(command.output().unwrap())
    };
    // The ledger's own file hits the limit: the catalog and the objects are smaller.
    for blocks in [40, 60, 100] {
        let ran = limited(blocks);
        assert_eq!(ran.status, 3, "{blocks}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(crate::world::facade(&world.path("disk/en")), facade, "{blocks}");
        assert_eq!(status(), before, "{blocks}");
    }
    // The disk has blocks and no inode left, which no look at its free bytes foresees.
    let ran = world.run("import --enclave disk/en m2");
    assert_eq!(ran.status, 3, "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains("because No space left on device") && ran.stderr.contains("hint: make room"),
        "{}",
        ran.stderr
    );
    assert_eq!(crate::world::facade(&world.path("disk/en")), facade);
    assert_eq!(status(), before);
    assert!(fs::read_dir(world.path("disk/en/staging")).unwrap().next().is_none());
    let remounted = Command::new("mount")
        .args(["-o", "remount,size=32m,nr_inodes=9000"])
        .arg(world.path("disk"))
        .status();
    assert!(remounted.unwrap().success());
    world.run("import --enclave disk/en m2").done();
    assert!(world.path("disk/en/repository/files/set/1.0/small-299").is_file());
}
