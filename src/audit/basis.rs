//! What attempts were judged by, beside their reports: each file the one that its report names, and no others.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::{Found, Part as Where, Tell};
use crate::import::basis;
use crate::model::{Code, Difference, Part, Stop, Unable};

/// Compares a folder with the parts that its report names.
pub(super) fn compare(folder: &Path, parts: &[Part], tell: Tell<'_>) -> Result<(), Stop> {
    let mut other = |code, difference| tell(Found::new(Where::Reports, code, difference));
    for part in parts {
        let path = folder.join(&part.name);
        match basis::weigh(&path)? {
            Some((_, found)) if found == part.digest => {}
            Some((_, found)) => {
                let reason = format!("has the digest {found}, and its report says {}", part.digest);
                other(Code::DigestMismatch, Difference::other(path, reason));
            }
            None => other(Code::StateRolledBack, Difference::missing(path, "its report names it")),
        }
    }
    let named: BTreeSet<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let failed = |error| Unable::new(format!("cannot read {}", folder.display())).because(error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
            let difference = Difference::extra(entry.path(), "its report does not name it");
            other(Code::StateRolledBack, difference);
        }
    }
    Ok(())
}
