//! Other people's programs that some tests need: found where `scripts/clients` or the machine put them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Finds a program, or says that its test is skipped. A machine that promises all clients must have it.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let mut places = folders().into_iter().map(|folder| folder.join(name));
    places.find(|path| path.is_file()).or_else(|| skip(name, "not found"))
}

/// Whether a program is there.
pub(crate) fn has(name: &str) -> bool {
    find(name).is_some()
}

/// What `scripts/clients` prepared beside programs, or a word that the test is skipped.
pub(crate) fn prepared(name: &str) -> Option<PathBuf> {
    let path = target()?.join("clients").join(name);
    path.exists().then_some(path).or_else(|| skip(name, "not prepared"))
}

/// The folders with programs: those of `scripts/clients`, the toolchain that runs this test, and `PATH`.
pub(crate) fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = target().iter().map(|target| target.join("clients/bin")).collect();
    if let Some(cargo) = std::env::var_os("CARGO") {
        folders.extend(Path::new(&cargo).parent().map(Path::to_owned));
    }
    if let Some(path) = std::env::var_os("PATH") {
        folders.extend(std::env::split_paths(&path));
    }
    folders
}

/// The folder `target`: `CARGO_TARGET_TMPDIR` is `target/tmp`.
fn target() -> Option<&'static Path> {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent()
}

fn skip(name: &str, why: &str) -> Option<PathBuf> {
    assert!(
        std::env::var_os("SEALIFT_ALL_CLIENTS").is_none_or(|value| value != "1"),
        "{name} {why}, and SEALIFT_ALL_CLIENTS=1 wants every client"
    );
    let _ = writeln!(std::io::stderr(), "skipped: {name} {why}");
    None
}
