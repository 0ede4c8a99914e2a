//! A crate's own `Cargo.toml`, as far as the index repeats it (Cargo reference, "The manifest format").
//!
//! Cargo writes it anew when it packs a crate; crates from before 2017 carry what their authors wrote.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What the index needs of a manifest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Manifest {
    #[serde(alias = "project")]
    pub(crate) package: Package,
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    pub(crate) tables: Tables,
    #[serde(default)]
    pub(crate) target: BTreeMap<String, Tables>,
}

/// `[package]`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) links: Option<String>,
    pub(crate) rust_version: Option<String>,
    /// A text; anything else is left alone, for it decides nothing about the crate.
    pub(crate) license: Option<toml::Value>,
}

/// The dependency tables of the package, or of one target. Both spellings count, the dashed one first.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Tables {
    #[serde(default)]
    pub(crate) dependencies: BTreeMap<String, Dependency>,
    #[serde(default, rename = "dev-dependencies")]
    pub(crate) dev: Option<BTreeMap<String, Dependency>>,
    #[serde(default, rename = "dev_dependencies")]
    pub(crate) dev_old: Option<BTreeMap<String, Dependency>>,
    #[serde(default, rename = "build-dependencies")]
    pub(crate) build: Option<BTreeMap<String, Dependency>>,
    #[serde(default, rename = "build_dependencies")]
    pub(crate) build_old: Option<BTreeMap<String, Dependency>>,
}

/// A dependency: a version requirement, or a table.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Dependency {
    Requirement(String),
    Table(Box<DependencyTable>),
}

/// A dependency's table.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct DependencyTable {
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) features: Vec<String>,
    #[serde(default)]
    pub(crate) optional: bool,
    pub(crate) default_features: Option<bool>,
    #[serde(rename = "default_features")]
    pub(crate) default_features_old: Option<bool>,
    pub(crate) package: Option<String>,
    pub(crate) registry_index: Option<String>,
    /// Unstable: a dependency on another crate's binary.
    pub(crate) artifact: Option<toml::Value>,
}
