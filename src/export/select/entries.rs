//! Takes the entries of a lockfile or list: which of them are pinned, and whom they may be asked from.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::inputs::{find, upstreams_of};
use super::{Gathered, SelectError};
use crate::ecosystem::{Ecosystem, Selection, Unpinned, UpstreamBase};
use crate::model::Claim;

/// Takes artifacts that are named one by one.
pub(super) fn coordinates(
    ecosystem: &str,
    coordinates: &[String],
    ecosystems: &[&'static dyn Ecosystem],
    gathered: &mut Gathered,
) -> Result<Value, SelectError> {
    let found = find(ecosystems, ecosystem)?;
    let selection = found.read_coordinates(coordinates)?;
    match take(selection, found, "selection", Path::new("."), gathered).pop() {
        Some(error) => Err(error),
        None => Ok(json!({ "kind": "coordinates", "ecosystem": ecosystem, "coordinates": coordinates })),
    }
}

/// Takes what a lockfile or list asks for; its paths are relative to `beside`. Gives what is not pinned.
pub(super) fn take(
    selection: Selection,
    ecosystem: &dyn Ecosystem,
    written: &str,
    beside: &Path,
    gathered: &mut Gathered,
) -> Vec<SelectError> {
    let mut errors = Vec::new();
    let for_one: BTreeSet<String> = selection
        .wanted
        .iter()
        .filter_map(|wanted| wanted.registry.clone())
        .collect();
    // What no entry names as its own registry holds for every entry, as with `--extra-index-url`.
    let for_all: Vec<UpstreamBase> = selection
        .upstreams
        .iter()
        .filter(|base| !for_one.contains(&base.url))
        .cloned()
        .collect();
    let elsewhere = selection.elsewhere.into_iter().map(|one| (ecosystem.id(), one));
    gathered.elsewhere.extend(elsewhere);
    let mut unpinned = 0_u64;
    for mut wanted in selection.wanted {
        let is_pinned = Claim::strongest(&wanted.claims).is_some();
        let is_taken_as_served = wanted.claims.is_empty() && ecosystem.unpinned() != Unpinned::Refused;
        if !is_pinned && !is_taken_as_served {
            errors.push(SelectError::Unpinned {
                artifact: format!("{} {} {}", wanted.ecosystem, wanted.name, wanted.version),
                asked_by: written.to_owned(),
            });
            continue;
        }
        wanted.path = wanted.path.map(|path| beside.join(path));
        let upstreams = upstreams_of(&wanted, &selection.upstreams, &for_all);
        if is_pinned || ecosystem.unpinned() == Unpinned::FromIndex {
            gathered.add(wanted, written, upstreams);
        } else {
            unpinned += 1;
            gathered.add(wanted, &format!("{written} (without a digest)"), upstreams);
        }
    }
    if unpinned > 0 {
        gathered.warnings.push(format!(
            "{written}: {unpinned} entries have no digest: their files are taken as the upstream serves them, and only TLS and \
             the upstream's own checksums vouch for them"
        ));
    }
    gathered
        .left_out
        .extend(selection.left_out.into_iter().map(|what| format!("{written}: {what}")));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecosystem::Wanted;
    use crate::model::Algorithm;

    #[test]
    fn a_weak_digest_is_worse_than_none() {
        let claim = |algorithm: Algorithm| Claim::new(algorithm, vec![1; algorithm.length()]).unwrap();
        let (weak, strong) = (claim(Algorithm::Sha1), claim(Algorithm::Sha256));
        for (id, claims, is_taken) in [
            ("maven", Vec::new(), true),
            ("maven", vec![strong.clone()], true),
            ("maven", vec![weak.clone(), strong], true),
            ("maven", vec![weak.clone()], false),
            ("deb", vec![weak], false),
            ("npm", Vec::new(), false),
        ] {
            let ecosystem = crate::ecosystem::find(id).unwrap();
            let wanted = Wanted {
                ecosystem: ecosystem.id(),
                name: "a".to_owned(),
                version: "1".to_owned(),
                file: None,
                claims,
                urls: Vec::new(),
                registry: None,
                path: None,
                size: None,
            };
            let selection = Selection {
                wanted: vec![wanted],
                ..Selection::default()
            };
            let mut gathered = Gathered::default();
            let errors = take(selection, ecosystem, "list", Path::new("."), &mut gathered);
            assert_eq!(
                (errors.is_empty(), gathered.choices.len() == 1),
                (is_taken, is_taken),
                "{id}"
            );
        }
    }
}
