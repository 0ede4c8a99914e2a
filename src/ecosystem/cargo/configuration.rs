//! Reads what Cargo's own configuration says about sources and registries (Cargo reference, "Configuration",
//! "Source replacement", "Registry authentication").
//!
//! Environment variables named `CARGO_REGISTRIES_<NAME>_INDEX` and `…_TOKEN` count for the names that a configuration
//! or credentials file mentions. `CARGO_SOURCE_…` variables do nothing in Cargo, and nothing here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{CRATES_IO, ID, toml_reason};
use crate::ecosystem::{ClientEnvironment, NamedBy, NamedFile, SelectionError, Transport, UpstreamBase};

/// Replacements of replacements are followed so far; a longer chain is a circle.
const MAX_REPLACEMENTS: usize = 16;

/// What the configuration files say, the nearest first.
#[derive(Default)]
pub(crate) struct Configuration {
    sources: BTreeMap<String, Source>,
    registries: BTreeMap<String, Registry>,
    proxy: Option<String>,
    authorities: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
struct ConfigurationFile {
    #[serde(default)]
    source: BTreeMap<String, Source>,
    #[serde(default)]
    registries: BTreeMap<String, Registry>,
    #[serde(default)]
    http: Http,
}

#[derive(Default, Deserialize)]
struct Http {
    proxy: Option<String>,
    cainfo: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Source {
    registry: Option<String>,
    replace_with: Option<String>,
    local_registry: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
struct Registry {
    index: Option<String>,
    token: Option<String>,
}

/// Where a lockfile's source is served in the end.
enum Served<'a> {
    /// A sparse index, with its trailing slash.
    Sparse(String),
    /// A folder in the local-registry form.
    Folder(&'a Path),
    /// A git index, a vendored folder, or nothing that is named.
    Elsewhere,
}

/// `$CARGO_HOME`, or `.cargo` in the home folder.
pub(crate) fn cargo_home(client: &dyn ClientEnvironment) -> Option<PathBuf> {
    match client.variable("CARGO_HOME").filter(|value| !value.is_empty()) {
        Some(folder) => Some(client.working_folder().join(folder)),
        None => client.home().map(|home| home.join(".cargo")),
    }
}

impl Configuration {
    /// Reads `.cargo/config.toml` from the working folder upward, then the one in Cargo's home; the nearest wins for
    /// each key. Then credentials and environment.
    pub(crate) fn read(client: &dyn ClientEnvironment) -> Result<Self, SelectionError> {
        let mut this = Self::default();
        let home = cargo_home(client);
        let working = client.working_folder();
        let mut folders: Vec<PathBuf> = working.ancestors().map(|folder| folder.join(".cargo")).collect();
        if let Some(home) = &home
            && !folders.contains(home)
        {
            folders.push(home.clone());
        }
        for folder in &folders {
            // Cargo prefers the old name where both are there.
            for name in ["config", "config.toml"] {
                if let Some(text) = client.read(&folder.join(name)) {
                    this.add(parse(&folder.join(name), &text)?, folder.parent().unwrap_or(folder));
                    break;
                }
            }
        }
        for name in ["credentials", "credentials.toml"] {
            let Some(path) = home.as_ref().map(|home| home.join(name)) else {
                break;
            };
            if let Some(text) = client.read(&path) {
                let credentials = parse(&path, &text)?;
                for (name, registry) in credentials.registries {
                    let known = this.registries.entry(name).or_default();
                    known.token = known.token.take().or(registry.token);
                }
                break;
            }
        }
        for (name, registry) in &mut this.registries {
            let name = name.to_uppercase().replace('-', "_");
            if let Some(index) = client.variable(&format!("CARGO_REGISTRIES_{name}_INDEX")) {
                registry.index = Some(index);
            }
            if let Some(token) = client.variable(&format!("CARGO_REGISTRIES_{name}_TOKEN")) {
                registry.token = Some(token);
            }
        }
        Ok(this)
    }

    /// Adds a file that is further away: what is known already stays. Relative paths start at `base`.
    fn add(&mut self, file: ConfigurationFile, base: &Path) {
        for (name, source) in file.source {
            let known = self.sources.entry(name).or_default();
            known.registry = known.registry.take().or(source.registry);
            known.replace_with = known.replace_with.take().or(source.replace_with);
            known.local_registry = known
                .local_registry
                .take()
                .or(source.local_registry.map(|path| base.join(path)));
        }
        self.proxy = self.proxy.take().or(file.http.proxy);
        self.authorities = self.authorities.take().or(file.http.cainfo.map(|path| base.join(path)));
        for (name, registry) in file.registries {
            let known = self.registries.entry(name).or_default();
            known.index = known.index.take().or(registry.index);
            known.token = known.token.take().or(registry.token);
        }
    }

    /// The sparse indexes that serve something, each with the lockfile source that it serves as its scope.
    pub(crate) fn bases(&self) -> Vec<UpstreamBase> {
        let mut bases: Vec<UpstreamBase> = Vec::new();
        for (name, source) in self.lock_sources() {
            let Served::Sparse(url) = self.served(name) else {
                continue;
            };
            if bases.iter().any(|base| base.scope.as_ref() == Some(&source)) {
                continue;
            }
            bases.push(UpstreamBase {
                named_by: NamedBy::Client,
                ecosystem: ID,
                scope: Some(source),
                authorization: self.token(&url),
                url,
            });
        }
        bases
    }

    /// `http.proxy` and `http.cainfo`, and their variables.
    pub(crate) fn transport(&self, client: &dyn ClientEnvironment) -> Transport {
        const VARIABLE: &str = "CARGO_HTTP_PROXY";
        let variable = client.variable(VARIABLE).map(|proxy| (proxy, VARIABLE.to_owned()));
        let setting = || Some((self.proxy.clone()?, "http.proxy".to_owned()));
        const AUTHORITIES: &str = "CARGO_HTTP_CAINFO";
        let named = |path: PathBuf, setting: &str| NamedFile {
            path,
            setting: setting.to_owned(),
        };
        let of_variable = client
            .variable(AUTHORITIES)
            .filter(|path| !path.is_empty())
            .map(|path| named(client.working_folder().join(path), AUTHORITIES));
        let of_file = || Some(named(self.authorities.clone()?, "http.cainfo"));
        Transport {
            proxy: variable.or_else(setting).filter(|(proxy, _)| !proxy.is_empty()),
            authorities: of_variable.or_else(of_file),
            ..Transport::default()
        }
    }

    /// The local-registry folders that stand in for sources.
    pub(crate) fn folders(&self) -> Vec<&Path> {
        let mut folders = Vec::new();
        for (name, _) in self.lock_sources() {
            if let Served::Folder(folder) = self.served(name)
                && !folders.contains(&folder)
            {
                folders.push(folder);
            }
        }
        folders
    }

    /// Every source by name, with the text that a lockfile has for it.
    fn lock_sources(&self) -> impl Iterator<Item = (&str, String)> {
        let sources = self.sources.iter().filter_map(|(name, source)| {
            let text = match &source.registry {
                // The default registry keeps its name in lockfiles whatever serves it.
                _ if name == "crates-io" => CRATES_IO.to_owned(),
                Some(registry) => lock_source(registry),
                None => return None,
            };
            Some((name.as_str(), text))
        });
        let registries = self
            .registries
            .iter()
            .filter_map(|(name, registry)| Some((name.as_str(), lock_source(registry.index.as_ref()?))));
        sources.chain(registries)
    }

    /// Follows the replacements of a source.
    fn served(&self, name: &str) -> Served<'_> {
        let mut name = name;
        for _ in 0..MAX_REPLACEMENTS {
            let source = self.sources.get(name);
            if let Some(next) = source.and_then(|source| source.replace_with.as_deref()) {
                name = next;
                continue;
            }
            if let Some(folder) = source.and_then(|source| source.local_registry.as_deref()) {
                return Served::Folder(folder);
            }
            let url = source
                .and_then(|source| source.registry.as_deref())
                .or_else(|| self.registries.get(name)?.index.as_deref());
            // A registry may be named in one table and replaced in another, by its URL.
            if let Some(url) = url
                && let Some(replaced) = self.replacement_of(url)
            {
                name = replaced;
                continue;
            }
            return match url.and_then(|url| url.strip_prefix("sparse+")) {
                Some(url) => Served::Sparse(with_slash(url)),
                None => Served::Elsewhere,
            };
        }
        Served::Elsewhere
    }

    /// What replaces the source of this URL, where a table of any name says so.
    fn replacement_of(&self, url: &str) -> Option<&str> {
        self.sources.values().find_map(|source| {
            let same = source.registry.as_deref() == Some(url);
            source.replace_with.as_deref().filter(|_| same)
        })
    }

    /// The token of the registry whose index this is. The default registry's own token (`[registry]`) is for
    /// publishing there, and is never sent to whatever replaces it.
    fn token(&self, url: &str) -> Option<String> {
        self.registries.values().find_map(|registry| {
            let index = registry.index.as_deref()?.strip_prefix("sparse+")?;
            registry.token.clone().filter(|_| with_slash(index) == url)
        })
    }
}

/// A registry's URL as lockfiles write it.
fn lock_source(url: &str) -> String {
    if url.starts_with("sparse+") {
        url.to_owned()
    } else {
        format!("registry+{url}")
    }
}

/// A sparse index's URL as Cargo uses it: it always ends in a slash.
pub(crate) fn with_slash(url: &str) -> String {
    if url.ends_with('/') {
        url.to_owned()
    } else {
        format!("{url}/")
    }
}

/// The message never quotes the file, since it may hold a token.
fn parse(path: &Path, text: &str) -> Result<ConfigurationFile, SelectionError> {
    let malformed = |reason| SelectionError::Malformed {
        file: path.display().to_string(),
        reason,
    };
    let table: toml::Table = toml::from_str(text).map_err(|error| malformed(toml_reason(text, &error)))?;
    table
        .try_into()
        .map_err(|_| malformed("an `http`, `source` or `registries` table is not as Cargo reads it".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client whose files and variables are given.
    struct Client(BTreeMap<PathBuf, &'static str>, BTreeMap<&'static str, &'static str>);

    impl ClientEnvironment for Client {
        fn variable(&self, name: &str) -> Option<String> {
            self.1.get(name).map(|value| (*value).to_owned())
        }
        fn home(&self) -> Option<PathBuf> {
            Some("/home/u".into())
        }
        fn working_folder(&self) -> PathBuf {
            "/w/project".into()
        }
        fn read(&self, path: &Path) -> Option<String> {
            self.0.get(path).map(|text| (*text).to_owned())
        }
    }

    fn client(files: &[(&str, &'static str)], variables: &[(&'static str, &'static str)]) -> Client {
        Client(
            files.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect(),
            variables.iter().copied().collect(),
        )
    }

    #[test]
    fn nothing_configured_names_nothing() {
        assert!(Configuration::read(&client(&[], &[])).unwrap().bases().is_empty());
        let plain = "[source.crates-io]\n[registries.git]\nindex = \"https://git.example.com/index\"\n";
        let read = Configuration::read(&client(&[("/w/.cargo/config.toml", plain)], &[])).unwrap();
        assert!(read.bases().is_empty());
    }

    #[test]
    fn replacements_are_followed_and_the_nearest_file_wins() {
        let near = "[source.crates-io]\nreplace-with = \"mirror\"\n";
        let far = r#"
            [source.crates-io]
            replace-with = "other"
            [source.mirror]
            registry = "sparse+https://index.example.com/cargo"
            [registries.corp]
            index = "sparse+https://registry.example.com/index/"
            token = "far"
        "#;
        let read = Configuration::read(&client(
            &[
                ("/w/project/.cargo/config.toml", near),
                ("/home/u/.cargo/config.toml", far),
            ],
            &[("CARGO_REGISTRIES_CORP_TOKEN", "from-environment")],
        ))
        .unwrap();
        let bases = read.bases();
        assert_eq!(bases[0].scope.as_deref(), Some(CRATES_IO));
        assert_eq!(bases[0].url, "https://index.example.com/cargo/");
        assert_eq!(bases[0].authorization, None);
        let corp = bases
            .iter()
            .find(|base| base.url.contains("registry.example.com"))
            .unwrap();
        assert_eq!(
            corp.scope.as_deref(),
            Some("sparse+https://registry.example.com/index/")
        );
        assert_eq!(corp.authorization.as_deref(), Some("from-environment"));
    }

    #[test]
    fn credentials_go_with_their_own_registry_only() {
        let config = r#"
            [source.crates-io]
            replace-with = "mirror"
            [registries.mirror]
            index = "sparse+https://index.example.com/"
            [registries.corp]
            index = "sparse+https://registry.example.com/"
        "#;
        let credentials = "[registry]\ntoken = \"publish\"\n[registries.corp]\ntoken = \"corp\"\n";
        let read = Configuration::read(&client(
            &[
                ("/home/u/.cargo/config.toml", config),
                ("/home/u/.cargo/credentials.toml", credentials),
            ],
            &[],
        ))
        .unwrap();
        for base in read.bases() {
            let expected = base.url.contains("registry.example.com").then_some("corp");
            assert_eq!(base.authorization.as_deref(), expected, "{}", base.url);
        }
    }

    #[test]
    fn a_registry_may_be_replaced_by_its_url() {
        let config = r#"
            [registries.corp]
            index = "https://registry.example.com/git"
            [source.corp-index]
            registry = "https://registry.example.com/git"
            replace-with = "mirror"
            [source.mirror]
            registry = "sparse+https://mirror.example.com/"
        "#;
        let read = Configuration::read(&client(&[("/w/.cargo/config.toml", config)], &[])).unwrap();
        assert!(matches!(read.served("corp"), Served::Sparse(url) if url == "https://mirror.example.com/"));
        let scope = "registry+https://registry.example.com/git";
        let bases = read.bases();
        assert!(
            bases
                .iter()
                .any(|base| base.scope.as_deref() == Some(scope) && base.url == "https://mirror.example.com/")
        );
    }

    #[test]
    fn local_registries_are_folders_beside_their_configuration() {
        let config = "[source.crates-io]\nreplace-with = \"l\"\n[source.l]\nlocal-registry = \"crates\"\n";
        let read = Configuration::read(&client(&[("/w/.cargo/config.toml", config)], &[])).unwrap();
        assert_eq!(read.folders(), [Path::new("/w/crates")]);
        assert!(read.bases().is_empty());
    }

    #[test]
    fn the_proxy_is_cargo_s_own() {
        let near = ("/w/.cargo/config.toml", "http.proxy = \"http://near.example.com\"\n");
        let far = (
            "/home/u/.cargo/config.toml",
            "[http]\nproxy = \"http://far.example.com\"\n",
        );
        let proxy = |client: &Client| Configuration::read(client).unwrap().transport(client).proxy;
        let found = |text: &str, setting: &str| Some((text.to_owned(), setting.to_owned()));
        assert_eq!(
            proxy(&client(&[near, far], &[])),
            found("http://near.example.com", "http.proxy")
        );
        let variable = ("CARGO_HTTP_PROXY", "http://variable.example.com");
        let expected = found("http://variable.example.com", "CARGO_HTTP_PROXY");
        assert_eq!(proxy(&client(&[near], &[variable])), expected);
        assert_eq!(proxy(&client(&[], &[])), None);
        // An empty one is none, and keeps the others away.
        assert_eq!(proxy(&client(&[near], &[("CARGO_HTTP_PROXY", "")])), None);
    }

    #[test]
    fn the_authorities_are_cargo_s_own() {
        let near = ("/w/.cargo/config.toml", "http.cainfo = \"ca.pem\"\n");
        let far = ("/home/u/.cargo/config.toml", "[http]\ncainfo = \"/etc/far.pem\"\n");
        let of = |client: &Client| {
            let named = Configuration::read(client).unwrap().transport(client).authorities;
            named.map(|named| (named.path.display().to_string(), named.setting))
        };
        let found = |path: &str, setting: &str| Some((path.to_owned(), setting.to_owned()));
        // Beside the folder of the file that names it, as Cargo takes paths.
        assert_eq!(of(&client(&[near, far], &[])), found("/w/ca.pem", "http.cainfo"));
        assert_eq!(of(&client(&[far], &[])), found("/etc/far.pem", "http.cainfo"));
        let variable = ("CARGO_HTTP_CAINFO", "/v.pem");
        assert_eq!(of(&client(&[near], &[variable])), found("/v.pem", "CARGO_HTTP_CAINFO"));
        let empty = ("CARGO_HTTP_CAINFO", "");
        assert_eq!(of(&client(&[near], &[empty])), found("/w/ca.pem", "http.cainfo"));
        assert_eq!(of(&client(&[], &[])), None);
    }

    #[test]
    fn a_circle_ends() {
        let config = "[source.crates-io]\nreplace-with = \"a\"\n[source.a]\nreplace-with = \"crates-io\"\n";
        let read = Configuration::read(&client(&[("/w/.cargo/config.toml", config)], &[])).unwrap();
        assert!(read.bases().is_empty());
    }

    #[test]
    fn a_malformed_file_is_named_and_not_quoted() {
        let text = "[registries.corp]\ntoken = \"secret\n";
        let error = Configuration::read(&client(&[("/home/u/.cargo/credentials.toml", text)], &[]))
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("credentials.toml") && error.contains("line 2"),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
        let text = "registries.corp = \"secret\"\n";
        let error = Configuration::read(&client(&[("/home/u/.cargo/credentials.toml", text)], &[])).err();
        assert!(!error.unwrap().to_string().contains("secret"));
    }

    #[test]
    fn an_empty_home_of_cargo_is_none() {
        for (value, expected) in [("", "/home/u/.cargo"), ("cargo", "/w/project/cargo"), ("/c", "/c")] {
            let home = cargo_home(&client(&[], &[("CARGO_HOME", value)]));
            assert_eq!(home.as_deref(), Some(Path::new(expected)), "{value}");
        }
    }

    #[test]
    fn only_the_default_registry_keeps_its_name_in_lockfiles() {
        let config = "[source.corp]\nregistry = \"https://registry.example.com/git\"\nreplace-with = \"mirror\"\n\
                      [source.mirror]\nregistry = \"sparse+https://mirror.example.com/\"\n";
        let read = Configuration::read(&client(&[("/w/.cargo/config.toml", config)], &[])).unwrap();
        let bases = read.bases();
        let scopes: Vec<_> = bases.iter().filter_map(|base| base.scope.as_deref()).collect();
        assert_eq!(
            scopes,
            [
                "registry+https://registry.example.com/git",
                "sparse+https://mirror.example.com/"
            ]
        );
    }
}
