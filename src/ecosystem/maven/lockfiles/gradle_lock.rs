//! `gradle.lockfile`: `group:artifact:version=configurations`, a line each, without digests.
//!
//! Source: Gradle's documentation, "Locking Versions", "Lock state file".

use super::{malformed, wanted, without_doubles};
use crate::ecosystem::{Selection, SelectionError};

pub(super) fn read(file: &str, text: &str) -> Result<Selection, SelectionError> {
    let mut selection = Selection::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let wrong = |reason: &dyn std::fmt::Display| malformed(file, format!("line {}", index + 1), reason);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (coordinate, configurations) = line
            .split_once('=')
            .ok_or_else(|| wrong(&"it is not `group:artifact:version=configurations`"))?;
        if coordinate == "empty" {
            continue;
        }
        let (name, version) = coordinate
            .rsplit_once(':')
            .ok_or_else(|| wrong(&format_args!("{coordinate:?} is not `group:artifact:version`")))?;
        let one = wanted(name, version, None, Vec::new())
            .map_err(|mismatch| wrong(&format_args!("{coordinate:?}: {}", mismatch.reason)))?;
        if configurations.is_empty() {
            selection
                .left_out
                .push(format!("{coordinate}: no configuration has it"));
        } else {
            selection.wanted.push(one);
        }
    }
    without_doubles(&mut selection);
    selection.left_out.push(
        "parents, platforms, plugins and their markers are in no lockfile of Gradle's: take `caches/modules-2/files-2.1`, which a \
         build has filled"
            .to_owned(),
    );
    Ok(selection)
}
