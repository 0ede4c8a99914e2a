//! One line of an index file: one version of a crate (Cargo reference, "Registry index", "JSON schema").
//!
//! The registry's own line is kept byte for byte where it fits the crate. Where there is none, the line is derived from
//! the crate's manifest. A derived line differs from a registry's only where Cargo does not care: the order of
//! dependencies and features, spaces within `cfg(…)`, and the time of publishing, which no crate holds.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Op, VersionReq};
use serde::{Deserialize, Serialize};

use super::manifest::{Dependency, DependencyTable, Manifest, Tables};
use crate::ecosystem::Mismatch;
use crate::model::{Artifact, Digest};

/// The longest real lines, of crates with thousands of features, stay under a megabyte.
const MAX_LINE_BYTES: usize = 4 << 20;

/// The newest version of lines that Cargo reads; it passes over newer ones.
const NEWEST_VERSION: u32 = 2;

/// Features by name, with what each enables.
type Features = BTreeMap<String, Vec<String>>;

/// One version in an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexLine {
    pub(crate) name: String,
    pub(crate) vers: String,
    pub(crate) deps: Vec<IndexDependency>,
    pub(crate) cksum: String,
    #[serde(default)]
    pub(crate) features: Features,
    /// Features in the syntax that old Cargos do not read (`dep:`, `?/`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) features2: Option<Features>,
    #[serde(default)]
    pub(crate) yanked: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) links: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rust_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pubtime: Option<String>,
    /// 2 where `features2` counts; Cargo passes over lines of a version that it does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) v: Option<u32>,
}

/// A dependency in an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct IndexDependency {
    pub(crate) name: String,
    pub(crate) req: String,
    #[serde(default)]
    pub(crate) features: Vec<String>,
    pub(crate) optional: bool,
    pub(crate) default_features: bool,
    pub(crate) target: Option<String>,
    pub(crate) kind: Option<Kind>,
    /// Absent: the registry of the crate itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) registry: Option<String>,
    /// The crate's real name, where the dependency is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) package: Option<String>,
    /// Unstable: a dependency on another crate's binary. Read so that it is noticed, and never derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact: Option<Vec<String>>,
}

impl IndexDependency {
    /// Whether no build of the crate does without it.
    pub(crate) fn is_always_needed(&self) -> bool {
        !self.optional && self.target.is_none() && self.kind != Some(Kind::Dev)
    }
}

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// Reads one line; `None` where Cargo would not read it either.
pub(crate) fn parse(line: &str) -> Option<IndexLine> {
    serde_json::from_str(line).ok()
}

/// Finds the line for exactly this artifact in an index file as a registry served it: name, version and checksum must
/// fit.
pub(crate) fn find<'a>(untrusted_file: &'a [u8], artifact: &Artifact) -> Option<(&'a str, IndexLine)> {
    let checksum = artifact.digest.hex();
    untrusted_file.split(|byte| *byte == b'\n').find_map(|line| {
        let line = std::str::from_utf8(line).ok()?.trim();
        // A cheap look first: an index file has a line for every version that ever was.
        if line.len() > MAX_LINE_BYTES || !line.contains(&checksum) {
            return None;
        }
        let read = parse(line)?;
        let fits = read.name == artifact.name && read.vers == artifact.version && read.cksum == checksum;
        fits.then_some((line, read))
    })
}

/// Derives the line from the crate's own manifest, as Cargo does when it publishes
/// (Cargo: `src/ops/registry/publish.rs`, `transmit`) and the registry when it takes it in.
pub(crate) fn derive(manifest: &Manifest, digest: &Digest) -> Result<IndexLine, Mismatch> {
    let mut deps = Vec::new();
    add_tables(&mut deps, &manifest.tables, None)?;
    for (target, tables) in &manifest.target {
        add_tables(&mut deps, tables, Some(target))?;
    }
    // A crate that names registries for some dependencies was published outside the default registry; the others of
    // its dependencies are from there.
    if deps.iter().any(|dependency| dependency.registry.is_some()) {
        for dependency in &mut deps {
            dependency.registry.get_or_insert_with(|| default_registry().to_owned());
        }
    }
    deps.sort();
    let (features, features2) = split_features(manifest.features.clone());
    let features2 = Some(features2).filter(|features| !features.is_empty());
    Ok(IndexLine {
        name: manifest.package.name.clone(),
        vers: manifest.package.version.clone(),
        deps,
        cksum: digest.hex(),
        features,
        v: features2.as_ref().map(|_| 2),
        features2,
        yanked: Some(false),
        links: manifest.package.links.clone(),
        rust_version: manifest.package.rust_version.clone(),
        pubtime: None,
    })
}

/// Parts the features that old Cargos read from the others: those in the new syntax, and those that enable one of them.
fn split_features(mut old: Features) -> (Features, Features) {
    let mut new = Features::new();
    loop {
        let (moved, stay): (Features, Features) = old.into_iter().partition(|(_, values)| {
            values
                .iter()
                .any(|value| is_new_syntax(value) || new.contains_key(value))
        });
        old = stay;
        if moved.is_empty() {
            return (old, new);
        }
        new.extend(moved);
    }
}

/// Feature values that Cargos before 1.60 do not read.
fn is_new_syntax(value: &str) -> bool {
    value.starts_with("dep:") || value.contains("?/")
}

fn add_tables(deps: &mut Vec<IndexDependency>, tables: &Tables, target: Option<&String>) -> Result<(), Mismatch> {
    let dev = tables.dev.as_ref().or(tables.dev_old.as_ref());
    let build = tables.build.as_ref().or(tables.build_old.as_ref());
    for (kind, table) in [
        (Kind::Normal, Some(&tables.dependencies)),
        (Kind::Build, build),
        (Kind::Dev, dev),
    ] {
        for (name, dependency) in table.into_iter().flatten() {
            deps.push(index_dependency(name, dependency, kind, target)?);
        }
    }
    Ok(())
}

fn index_dependency(
    name: &str,
    dependency: &Dependency,
    kind: Kind,
    target: Option<&String>,
) -> Result<IndexDependency, Mismatch> {
    let from_text;
    let table = match dependency {
        Dependency::Table(table) => table,
        Dependency::Requirement(version) => {
            from_text = DependencyTable {
                version: Some(version.clone()),
                ..DependencyTable::default()
            };
            &from_text
        }
    };
    if table.artifact.is_some() {
        return Err(Mismatch::new(format!(
            "its dependency `{name}` is on a binary, an unstable form that only the registry's index line can describe"
        )));
    }
    // A dependency by path alone lost its path when the crate was packed, and any version fits.
    let text = table.version.as_deref().unwrap_or("*");
    let requirement = VersionReq::parse(text).map_err(|_| {
        Mismatch::new(format!(
            "its dependency `{name}` asks for `{text}`, which is no version"
        ))
    })?;
    Ok(IndexDependency {
        name: name.to_owned(),
        req: requirement.to_string(),
        features: table.features.clone(),
        optional: table.optional,
        default_features: table.default_features.or(table.default_features_old).unwrap_or(true),
        target: target.cloned(),
        kind: Some(kind),
        registry: table.registry_index.clone(),
        package: table.package.clone(),
        artifact: None,
    })
}

/// The default registry as index lines and manifests name it: lockfiles put its kind before the URL.
fn default_registry() -> &'static str {
    super::CRATES_IO.trim_start_matches("registry+")
}

impl IndexLine {
    /// Whether a registry's line makes Cargo resolve and build the same as the line derived from the crate: all but
    /// dependencies for development, which Cargo does not use. A line of a version that Cargo does not know, or with
    /// unstable dependencies, does not.
    pub(crate) fn agrees_with(&self, derived: &Self) -> bool {
        let (deps, derived_deps) = (self.resolved_deps(), derived.resolved_deps());
        self.v.unwrap_or(1) <= NEWEST_VERSION
            && self.links == derived.links
            && self.resolved_features() == derived.resolved_features()
            && deps.len() == derived_deps.len()
            && deps
                .iter()
                .zip(&derived_deps)
                .all(|((one, registry), (other, derived))| {
                    one == other && registry_fits(registry.as_deref(), derived.as_deref())
                })
    }

    /// All features that Cargo sees, without order.
    fn resolved_features(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut features: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, values) in self.features.iter().chain(self.features2.iter().flatten()) {
            let values = values.iter().map(String::as_str);
            features.entry(name).or_default().extend(values);
        }
        features
    }

    /// The dependencies that Cargo uses, sorted and in one spelling, each with its registry apart.
    fn resolved_deps(&self) -> Vec<(IndexDependency, Option<String>)> {
        let mut deps: Vec<_> = self
            .deps
            .iter()
            .filter(|dependency| dependency.kind != Some(Kind::Dev))
            .map(IndexDependency::resolved)
            .collect();
        deps.sort();
        deps
    }
}

/// Whether a registry's line names the registry that the manifest means. A line leaves out its own registry, whatever
/// that is; a manifest leaves out the default one.
fn registry_fits(line: Option<&str>, derived: Option<&str>) -> bool {
    match (line, derived) {
        (None, _) => true,
        (Some(line), Some(derived)) => line == derived,
        (Some(line), None) => line == default_registry(),
    }
}

impl IndexDependency {
    fn resolved(&self) -> (Self, Option<String>) {
        let mut this = self.clone();
        this.features.sort();
        this.features.dedup();
        this.kind = Some(self.kind.unwrap_or(Kind::Normal));
        this.req = VersionReq::parse(&self.req).map_or_else(|_| self.req.clone(), plain_requirement);
        this.target = self.target.as_deref().map(plain_target);
        this.package = self.package.clone().filter(|package| *package != self.name);
        let registry = this.registry.take();
        (this, registry)
    }
}

/// Writes a target without what means nothing in `cfg(…)`: spaces outside strings, and a last comma.
fn plain_target(target: &str) -> String {
    let mut plain = String::with_capacity(target.len());
    for (number, part) in target.split('"').enumerate() {
        if number > 0 {
            plain.push('"');
        }
        // Every second part stands within quotation marks.
        if number % 2 == 0 {
            plain.push_str(&part.replace(' ', "").replace(",)", ")"));
        } else {
            plain.push_str(part);
        }
    }
    plain
}

/// Writes a requirement in one of its spellings: `1.*` is `^1`, and `1.2.*` is `~1.2`.
fn plain_requirement(mut requirement: VersionReq) -> String {
    for comparator in &mut requirement.comparators {
        if comparator.op == Op::Wildcard {
            comparator.op = if comparator.minor.is_none() {
                Op::Caret
            } else {
                Op::Tilde
            };
        }
    }
    requirement.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_compared_without_their_spaces() {
        let plain = plain_target("cfg(any(unix, target_os = \"wasi\",))");
        assert_eq!(plain, plain_target("cfg(any(unix,target_os=\"wasi\"))"));
        assert_ne!(plain, plain_target("cfg(any(unix,target_os=\"wa si\"))"));
    }

    #[test]
    fn requirements_are_compared_by_their_meaning() {
        let plain = |text: &str| plain_requirement(VersionReq::parse(text).unwrap());
        for (one, other) in [
            ("0.*", "0"),
            ("1.2.*", "~1.2"),
            (">= 1, < 2", ">=1,<2"),
            ("= 1.0.0", "=1.0.0"),
        ] {
            assert_eq!(plain(one), plain(other));
        }
        for (one, other) in [("1.2.*", "1.2"), ("*", "0"), ("1", "=1")] {
            assert_ne!(plain(one), plain(other));
        }
    }

    fn derived(manifest: &str) -> IndexLine {
        let manifest = format!("package = {{ name = \"a\", version = \"1.0.0\" }}\n{manifest}");
        derive(&toml::from_str(&manifest).unwrap(), &Digest::of(b"")).unwrap()
    }

    #[test]
    fn features_in_the_old_syntax_stay_where_old_cargos_read_them() {
        let old = derived("[features]\none = [\"two\", \"dep/three\"]\ntwo = []\n");
        assert_eq!(old.features.len(), 2);
        assert_eq!((old.features2, old.v), (None, None));
        let both = derived(
            "[features]\nold = [\"serde/std\"]\nnew = [\"dep:serde\"]\nweak = [\"serde?/std\"]\nover = [\"new\"]\n",
        );
        assert_eq!(both.features.keys().collect::<Vec<_>>(), ["old"]);
        assert_eq!(
            both.features2.unwrap().keys().collect::<Vec<_>>(),
            ["new", "over", "weak"]
        );
        assert_eq!(both.v, Some(2));
    }

    #[test]
    fn a_dependency_renamed_to_its_own_name_is_not_renamed() {
        let plain = derived("[dependencies]\nserde = \"1\"\n");
        let named = |package: &str| {
            let mut line = plain.clone();
            line.deps[0].package = Some(package.to_owned());
            line.agrees_with(&plain)
        };
        assert!(named("serde"));
        assert!(!named("other"));
    }
}
