//! apt's own configuration (apt.conf(5)): where its sources, lists and archives lie, and how it reaches archives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::sources::{self, Named};
use crate::ecosystem::{ClientEnvironment, NamedFile, SelectionError, Transport, UpstreamBase};

/// Options by their lower-case names, and lists (`Name:: "value"`) in their order.
#[derive(Default)]
pub(super) struct Configuration {
    values: BTreeMap<String, String>,
    lists: BTreeMap<String, Vec<String>>,
}

/// apt-transport-https(1).
const AUTHORITIES: &str = "acquire::https::cainfo";

/// Options are nested some five levels deep.
const MAX_DEPTH: usize = 32;

impl Configuration {
    /// Reads the files that apt reads, in its order: the one that `APT_CONFIG` names, the folder, the main file. What cannot be read is
    /// passed over from there on, as nothing that is asked here is worth a refusal.
    pub(super) fn read(client: &dyn ClientEnvironment) -> Self {
        let mut this = Self::default();
        if let Some(path) = client.variable("APT_CONFIG") {
            this.take_file(Path::new(&path), client);
        }
        let folder = this.path(&["dir", "dir::etc", "dir::etc::parts"]);
        for path in client.list(&folder) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if is_part(name, &["conf"]) || !name.contains('.') && is_part(&format!("{name}.conf"), &["conf"]) {
                this.take_file(&path, client);
            }
        }
        let main = this.path(&["dir", "dir::etc", "dir::etc::main"]);
        this.take_file(&main, client);
        this
    }

    fn take_file(&mut self, path: &Path, client: &dyn ClientEnvironment) {
        if let Some(text) = client.read(path) {
            self.take(&text);
        }
    }

    /// `Name "value";`, `Name { … };`, and comments of three kinds.
    fn take(&mut self, text: &str) {
        let mut scopes: Vec<String> = Vec::new();
        let mut words: Vec<String> = Vec::new();
        for token in Tokens(text) {
            match token {
                Token::Word(word) => words.push(word),
                Token::Open => {
                    if scopes.len() >= MAX_DEPTH {
                        return;
                    }
                    scopes.push(words.first().cloned().unwrap_or_default());
                    words.clear();
                }
                Token::Close => {
                    scopes.pop();
                    words.clear();
                }
                Token::End => {
                    self.set(&scopes, &words);
                    words.clear();
                }
            }
        }
    }

    fn set(&mut self, scopes: &[String], words: &[String]) {
        let (name, value) = match words {
            [name, value] => (name.as_str(), value),
            // A value alone is one more of the list that its scope names.
            [value] if !scopes.is_empty() => ("", value),
            _ => return,
        };
        let mut parts: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let is_list = name.is_empty() || name.ends_with("::");
        if !name.is_empty() {
            parts.push(name.trim_end_matches("::"));
        }
        let key = parts.join("::").to_ascii_lowercase();
        if is_list {
            self.lists.entry(key).or_default().push(value.clone());
        } else {
            self.values.insert(key, value.clone());
        }
    }

    /// A path: each option is relative to the one before, as apt composes them.
    fn path(&self, keys: &[&str]) -> PathBuf {
        let mut path = PathBuf::new();
        for key in keys {
            let value = self.values.get(*key).map(String::as_str);
            // An absolute value takes the place of what was before.
            path.push(value.unwrap_or_else(|| usual(key)));
        }
        path
    }

    /// The folder of the client's copies of indexes.
    pub(super) fn lists(&self) -> PathBuf {
        self.path(&["dir", "dir::state", "dir::state::lists"])
    }

    /// The folder of downloaded packages.
    pub(super) fn archives(&self) -> PathBuf {
        self.path(&["dir", "dir::cache", "dir::cache::archives"])
    }

    /// The architectures that the client wants, its own first.
    pub(super) fn architectures(&self) -> Vec<String> {
        let own = self.values.get("apt::architecture").cloned();
        let own = own.unwrap_or_else(|| of_machine(std::env::consts::ARCH).to_owned());
        let mut all = vec![own];
        for more in self.lists.get("apt::architectures").into_iter().flatten() {
            if !all.contains(more) {
                all.push(more.clone());
            }
        }
        all
    }

    /// The upstreams that its sources name.
    pub(super) fn upstreams(&self, client: &dyn ClientEnvironment) -> Result<Vec<UpstreamBase>, SelectionError> {
        let mut named: Vec<Named> = Vec::new();
        let main = self.path(&["dir", "dir::etc", "dir::etc::sourcelist"]);
        if let Some(text) = client.read(&main) {
            named.extend(sources::read_list(&main.display().to_string(), &text)?);
        }
        for path in client.list(&self.path(&["dir", "dir::etc", "dir::etc::sourceparts"])) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let place = path.display().to_string();
            if !is_part(name, &["list", "sources"]) {
                continue;
            }
            let Some(text) = client.read(&path) else { continue };
            named.extend(match name.ends_with(".list") {
                true => sources::read_list(&place, &text)?,
                false => sources::read_sources(&place, &text)?,
            });
        }
        let native = self.architectures();
        let mut bases: Vec<UpstreamBase> = Vec::new();
        for base in named.into_iter().map(|named| named.into_base(&native)) {
            if !bases.contains(&base) {
                bases.push(base);
            }
        }
        Ok(bases)
    }

    /// The proxy for all hosts, which apt takes from its configuration before the environment, and the authorities of their certificates.
    pub(super) fn transport(&self) -> Transport {
        let proxy = ["acquire::https::proxy", "acquire::http::proxy"]
            .into_iter()
            .find_map(|key| Some((self.values.get(key)?.clone(), key)))
            .filter(|(proxy, _)| !proxy.eq_ignore_ascii_case("direct") && !proxy.is_empty());
        Transport {
            proxy: proxy.map(|(proxy, key)| (proxy, key.to_owned())),
            authorities: self.values.get(AUTHORITIES).map(|path| NamedFile {
                path: path.into(),
                setting: AUTHORITIES.to_owned(),
            }),
            ..Transport::default()
        }
    }
}

/// What apt takes where nothing is said (apt.conf(5), "Directories").
fn usual(key: &str) -> &'static str {
    match key {
        "dir" => "/",
        "dir::etc" => "etc/apt",
        "dir::etc::main" => "apt.conf",
        "dir::etc::parts" => "apt.conf.d",
        "dir::etc::sourcelist" => "sources.list",
        "dir::etc::sourceparts" => "sources.list.d",
        "dir::state" => "var/lib/apt",
        "dir::state::lists" => "lists",
        "dir::cache" => "var/cache/apt",
        _ => "archives",
    }
}

/// Debian's word for a machine; others are called alike.
fn of_machine(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "i386",
        "arm" => "armhf",
        "powerpc64" => "ppc64el",
        other => other,
    }
}

/// Whether apt reads a file of this name in its folders (sources.list(5)).
fn is_part(name: &str, extensions: &[&str]) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    name.bytes().all(plain)
        && name
            .rsplit_once('.')
            .is_some_and(|(stem, extension)| !stem.is_empty() && extensions.contains(&extension))
}

enum Token {
    Word(String),
    Open,
    Close,
    End,
}

/// The words of a configuration file.
struct Tokens<'a>(&'a str);

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.0 = self.0.trim_ascii_start();
            let rest = self.0;
            if rest.starts_with('#') || rest.starts_with("//") {
                self.0 = rest.split_once('\n').map_or("", |(_, after)| after);
            } else if let Some(comment) = rest.strip_prefix("/*") {
                self.0 = comment.split_once("*/").map_or("", |(_, after)| after);
            } else {
                break;
            }
        }
        let rest = self.0;
        let (token, after) = match rest.chars().next()? {
            '{' => (Token::Open, &rest[1..]),
            '}' => (Token::Close, &rest[1..]),
            ';' => (Token::End, &rest[1..]),
            '"' => {
                let (value, after) = rest[1..].split_once('"').unwrap_or((&rest[1..], ""));
                (Token::Word(value.to_owned()), after)
            }
            _ => {
                let end = rest
                    .find(|character: char| character.is_ascii_whitespace() || "{};\"".contains(character))
                    .unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), &rest[end..])
            }
        };
        self.0 = after;
        Some(token)
    }
}

/// The name under which apt keeps the document of an address in its lists: without scheme and user, odd characters escaped, and
/// slashes as `_` (apt: `URItoFileName`).
pub(super) fn list_name(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let mut name = String::with_capacity(rest.len());
    for character in rest.chars() {
        match character {
            '/' => name.push('_'),
            '\\' | '|' | '{' | '}' | '[' | ']' | '<' | '>' | '"' | '^' | '~' | '_' | '=' | '!' | '@' | '#' | '$'
            | '%' | '&' | '*' => name.push_str(&format!("%{:02x}", u32::from(character))),
            plain if plain.is_ascii_graphic() => name.push(plain),
            _ => return None,
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Configuration {
        let mut this = Configuration::default();
        this.take(text);
        this
    }

    #[test]
    fn options_are_read_in_every_spelling() {
        let configuration = read(
            "// a comment\n# another\n/* a\n third */ Dir \"/srv/root\";\nDir::State { lists \"my-lists\"; };\n\
             DIR::Cache::Archives \"/else/where\";\nAPT { Architecture \"riscv64\"; Architectures:: \"riscv64\"; \
             Architectures { \"i386\"; }; };\nAcquire::http::Proxy \"http://proxy.example.com:3128\"; broken { \"",
        );
        assert_eq!(configuration.lists(), Path::new("/srv/root/var/lib/apt/my-lists"));
        assert_eq!(configuration.archives(), Path::new("/else/where"));
        assert_eq!(configuration.architectures(), ["riscv64", "i386"]);
        let proxy = configuration.transport().proxy.unwrap();
        assert_eq!(proxy.0, "http://proxy.example.com:3128");
        let plain = read("");
        assert_eq!(plain.lists(), Path::new("/var/lib/apt/lists"));
        assert_eq!(plain.archives(), Path::new("/var/cache/apt/archives"));
        assert_eq!(plain.architectures().len(), 1);
        assert!(plain.transport().proxy.is_none());
        assert!(read("Acquire::http::Proxy \"DIRECT\";").transport().proxy.is_none());
        assert!(read("Acquire::http::Proxy \"\";").transport().proxy.is_none());
        read(&"a {".repeat(1000));
    }

    #[test]
    fn lists_are_named_as_apt_names_them() {
        for (url, name) in [
            (
                "https://a.example.com/debian/dists/stable/InRelease",
                "a.example.com_debian_dists_stable_InRelease",
            ),
            (
                "http://a.example.com:8080/x_y/~z/./Packages",
                "a.example.com:8080_x%5fy_%7ez_._Packages",
            ),
        ] {
            assert_eq!(list_name(url).as_deref(), Some(name));
        }
        assert_eq!(list_name("x"), None);
        assert_eq!(list_name("http://a/ b"), None);
    }

    #[test]
    fn only_plain_names_are_parts() {
        assert!(is_part("debian.sources", &["list", "sources"]));
        assert!(!is_part("debian.sources.save", &["list", "sources"]));
        assert!(!is_part(".sources", &["list", "sources"]));
        assert!(!is_part("a b.list", &["list", "sources"]));
    }
}
