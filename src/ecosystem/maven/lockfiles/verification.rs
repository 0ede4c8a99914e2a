//! `gradle/verification-metadata.xml`: digests, and the OpenPGP keys that the project trusts, file by file.
//!
//! Source: Gradle's documentation, "Verifying dependencies"; the schema `dependency-verification-1.3.xsd`.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::super::coordinate;
use super::super::xml;
use super::{malformed, wanted};
use crate::ecosystem::{Selection, SelectionError};
use crate::model::{Algorithm, Claim};

/// The digests that count; `sha1` and `md5` are passed over.
const DIGESTS: [(&str, Algorithm); 2] = [("sha256", Algorithm::Sha256), ("sha512", Algorithm::Sha512)];

pub(super) fn read(file: &str, text: &str) -> Result<Selection, SelectionError> {
    let text = xml::decode(text.as_bytes()).map_err(|reason| malformed(file, "the file", reason))?;
    let document = xml::parse(&text, "verification-metadata").map_err(|reason| malformed(file, "the file", reason))?;
    let root = document.root_element();
    let mut selection = Selection::default();
    let mut keys = BTreeSet::new();
    for components in xml::children(root, "components") {
        for component in xml::children(components, "component") {
            read_component(file, component, &mut selection, &mut keys)?;
        }
    }
    for trusted in root
        .descendants()
        .filter(|node| node.tag_name().name() == "trusted-key")
    {
        keys.extend(trusted.attribute("id").map(str::to_owned));
    }
    if !keys.is_empty() {
        selection.left_out.push(format!(
            "{} OpenPGP keys that the project trusts: signatures are carried, and count by the keys that the enclave has pinned",
            keys.len()
        ));
    }
    Ok(selection)
}

fn read_component(
    file: &str,
    component: Node<'_, '_>,
    selection: &mut Selection,
    keys: &mut BTreeSet<String>,
) -> Result<(), SelectionError> {
    let attribute = |name: &str| component.attribute(name).unwrap_or_default();
    let (name, version) = (
        format!("{}:{}", attribute("group"), attribute("name")),
        attribute("version"),
    );
    let place = format!("{name}:{version}");
    let wrong = |reason: &dyn std::fmt::Display| malformed(file, &place, reason);
    for artifact in xml::children(component, "artifact") {
        let own = artifact.attribute("name").unwrap_or_default();
        for key in xml::children(artifact, "pgp") {
            keys.extend(key.attribute("value").map(str::to_owned));
        }
        let claims = claims(artifact).map_err(|reason| wrong(&format_args!("{own}: {reason}")))?;
        if claims.is_empty() {
            selection
                .left_out
                .push(format!("{place}: {own} has no digest stronger than SHA-1"));
            continue;
        }
        let (_, id) = coordinate::split(&name).map_err(|mismatch| wrong(&mismatch.reason))?;
        // A module's metadata may give its files names of their own; where they are served stands only there.
        match coordinate::kind_of(id, version, own) {
            Err(_) => selection
                .left_out
                .push(format!("{place}: {own} is not named after artifact and version")),
            Ok(kind) => selection
                .wanted
                .push(wanted(&name, version, Some(&kind), claims).map_err(|mismatch| wrong(&mismatch.reason))?),
        }
    }
    Ok(())
}

/// The digests of an artifact, with those of `also-trust`.
fn claims(artifact: Node<'_, '_>) -> Result<Vec<Claim>, String> {
    let mut claims = Vec::new();
    for (tag, algorithm) in DIGESTS {
        for digest in xml::children(artifact, tag) {
            let others = xml::children(digest, "also-trust");
            for stated in std::iter::once(digest).chain(others) {
                let digits = stated.attribute("value").unwrap_or_default().to_ascii_lowercase();
                claims.push(Claim::from_hex(algorithm, &digits).map_err(|error| error.to_string())?);
            }
        }
    }
    Ok(claims)
}
