//! The sources that make apt read the enclave's repository (sources.list(5)).

use std::collections::{BTreeMap, BTreeSet};

use super::coordinate::Suite;
use super::inspect::IndexVersion;
use super::{ID, index_file};
use crate::ecosystem::{ClientConfig, Held, RepositoryPlace};

const FILE: &str = "etc/apt/sources.list.d/enclave.sources";

const HEAD: &str = "\
# The distributions' own signed indexes, unchanged: apt verifies them with their own keys. They list more packages than
# the enclave carries; apt says \"File not found\" for those. `sealift list --ecosystem deb` says which are here.
# Indexes that have run out are refused by apt unless told otherwise: sealift judged their age when they came in.
";

/// A paragraph for each suite that is held, or one to fill in where none is known.
pub(super) fn config(place: &RepositoryPlace, indexes: &[Held]) -> Vec<ClientConfig> {
    let base = match &place.url {
        Some(url) => format!("{url}/{ID}"),
        None => format!("file:{}", escaped(&place.folder.to_string_lossy())),
    };
    let mut suites: BTreeMap<Suite, Shown> = BTreeMap::new();
    for held in indexes {
        let artifact = &held.artifact;
        let (Some(suite), Some(version)) = (Suite::read(&artifact.name), IndexVersion::read(&artifact.version)) else {
            continue;
        };
        let shown = suites.entry(suite).or_default();
        if let Some((component, architecture)) = component_of(&artifact.file) {
            shown.components.insert(component.to_owned());
            if architecture != "all" {
                shown.architectures.insert(architecture.to_owned());
            }
        }
        if held.facts.get("date").is_some() && version.date >= shown.newest.as_str() {
            version.date.clone_into(&mut shown.newest);
            shown.runs_out = held.facts.get("valid_until").is_some_and(|until| !until.is_null());
        }
    }
    let mut text = HEAD.to_owned();
    for (suite, shown) in &suites {
        text.push('\n');
        text.push_str(&shown.paragraph(&base, suite));
    }
    if suites.is_empty() {
        text.push_str(&format!(
            "\n# Types: deb\n# URIs: {base}/ARCHIVE\n# Suites: SUITE\n# Components: main\n# Targets: Packages\n\
             # Signed-By: /usr/share/keyrings/KEYRING.gpg\n"
        ));
    }
    vec![ClientConfig {
        client: "apt",
        file: FILE,
        text,
    }]
}

/// What a suite's paragraph says.
#[derive(Default)]
struct Shown {
    components: BTreeSet<String>,
    architectures: BTreeSet<String>,
    newest: String,
    runs_out: bool,
}

impl Shown {
    fn paragraph(&self, base: &str, suite: &Suite) -> String {
        let list = |words: &BTreeSet<String>| words.iter().cloned().collect::<Vec<_>>().join(" ");
        let mut lines = vec![
            "Types: deb".to_owned(),
            format!("URIs: {base}/{}", suite.archive),
            format!("Suites: {}", suite.suite),
        ];
        if !suite.is_flat() {
            lines.push(format!("Components: {}", list(&self.components)));
        }
        if !self.architectures.is_empty() {
            lines.push(format!("Architectures: {}", list(&self.architectures)));
        }
        // Translations, contents and the rest are listed by the index, and are not carried.
        lines.push("Targets: Packages".to_owned());
        if self.runs_out {
            lines.push("Check-Valid-Until: no".to_owned());
        }
        lines.push("# Signed-By: the keyring of this distribution, such as /usr/share/keyrings/NAME.gpg".to_owned());
        lines.push(String::new());
        lines.join("\n")
    }
}

/// Component and architecture of `main/binary-amd64/Packages.xz`.
fn component_of(file: &str) -> Option<(&str, &str)> {
    let (component, architecture) = index_file(file)?.strip_suffix('/')?.rsplit_once("/binary-")?;
    Some((component, architecture))
}

/// Percent-encodes what would part a field's words or be read as an escape (RFC 3986 §2.1).
fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'%' | 0..=0x20 | 0x7f.. | b'#' | b'?' | b'[' | b']' => escaped.push_str(&format!("%{byte:02x}")),
            plain => escaped.push(char::from(plain)),
        }
    }
    escaped
}
