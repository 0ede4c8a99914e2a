//! What the clients' own surroundings say: caches, and the registries that their configuration names.
//!
//! pnpm's store keeps the files of packages one by one and not the tarballs, and Yarn 2 and later keep zips of their
//! own: nothing there has the digest that the registry published, so neither is looked at.
//!
//! Source: npm's documentation, "npmrc" and "Registry authentication"; cacache's `lib/content/path.js`; Yarn 1's
//! documentation, "yarnrc", and its `src/config.js`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::coordinate;
use crate::ecosystem::ClientConfig;
use crate::ecosystem::{
    ClientEnvironment, NamedBy, NamedFile, RepositoryPlace, SelectionError, Transport, UpstreamBase, Wanted,
};
use crate::model::Algorithm;

/// Where the clients' caches would hold the wanted tarball.
pub(crate) fn cached(wanted: &Wanted, client: &dyn ClientEnvironment) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    if let Some(cache) = npm_cache(client) {
        for claim in &wanted.claims {
            let digits = claim.hex();
            let (first, rest) = digits.split_at(2);
            let (second, rest) = rest.split_at(2);
            let folder = cache.join("_cacache/content-v2").join(claim.algorithm().name());
            paths.push(folder.join(first).join(second).join(rest));
        }
    }
    paths.extend(yarn_mirror(wanted, client));
    let uids = wanted
        .claims
        .iter()
        .filter(|claim| claim.algorithm() == Algorithm::Sha1);
    for uid in uids {
        let slug = wanted.name.replace('/', "-");
        for suffix in ["-integrity", ""] {
            let entry = format!("v6/npm-{slug}-{}-{}{suffix}", wanted.version, uid.hex());
            for cache in yarn_caches(client) {
                let package = cache.join(&entry).join("node_modules").join(&wanted.name);
                paths.push(package.join(".yarn-tarball.tgz"));
            }
        }
    }
    paths
}

fn npm_cache(client: &dyn ClientEnvironment) -> Option<PathBuf> {
    let settings = Settings::read(client);
    if let Some(cache) = settings.setting("cache") {
        return Some(at_home(cache, client));
    }
    match client.variable("LOCALAPPDATA") {
        Some(folder) if cfg!(windows) => Some(PathBuf::from(folder).join("npm-cache")),
        _ => client.home().map(|home| home.join(".npm")),
    }
}

fn yarn_caches(client: &dyn ClientEnvironment) -> Vec<PathBuf> {
    if let Some(folder) = client.variable("YARN_CACHE_FOLDER") {
        return vec![client.working_folder().join(folder)];
    }
    let mut caches = Vec::new();
    caches.extend(
        client
            .variable("XDG_CACHE_HOME")
            .map(|folder| PathBuf::from(folder).join("yarn")),
    );
    if let Some(home) = client.home() {
        caches.push(home.join(".cache/yarn"));
        caches.push(home.join("Library/Caches/Yarn"));
    }
    // Where Yarn keeps the cache of the superuser.
    caches.push(PathBuf::from("/usr/local/share/.cache/yarn"));
    caches
}

/// The folder that `.yarnrc` names as offline mirror holds the tarballs as published.
fn yarn_mirror(wanted: &Wanted, client: &dyn ClientEnvironment) -> Vec<PathBuf> {
    let file = match wanted.name.strip_prefix('@').and_then(|name| name.split_once('/')) {
        Some((scope, base)) => format!("@{scope}-{base}-{}.tgz", wanted.version),
        None => format!("{}-{}.tgz", wanted.name, wanted.version),
    };
    yarnrc(client, "yarn-offline-mirror")
        .into_iter()
        .map(|(folder, mirror)| folder.join(mirror).join(&file))
        .collect()
}

/// The values of a key in the `.yarnrc` of the working folder and of the home folder, with the folder of each file.
fn yarnrc(client: &dyn ClientEnvironment, key: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in [Some(client.working_folder()), client.home()].into_iter().flatten() {
        let Some(text) = client.read(&folder.join(".yarnrc")) else {
            continue;
        };
        for line in text.lines() {
            let Some((name, value)) = line.trim().split_once([' ', '\t']) else {
                continue;
            };
            if unquote(name).trim_end_matches(':') == key {
                found.push((folder.clone(), unquote(value.trim()).to_owned()));
            }
        }
    }
    found
}

fn unquote(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// The registries that `.npmrc`, `.yarnrc` and the environment name. There is no other default.
pub(crate) fn upstreams(client: &dyn ClientEnvironment) -> Result<Vec<UpstreamBase>, SelectionError> {
    let settings = Settings::read(client);
    let mut bases = Vec::new();
    let mut add = |scope: Option<&str>, url: &str, file: &str| {
        if !coordinate::is_web_url(url) {
            let url = coordinate::without_credentials(url);
            return Err(SelectionError::Malformed {
                file: file.to_owned(),
                reason: format!("the registry {url:?} is not a URL"),
            });
        }
        let base = UpstreamBase {
            named_by: NamedBy::Client,
            ecosystem: super::ID,
            scope: scope.map(str::to_owned),
            url: coordinate::without_credentials(url).trim_end_matches('/').to_owned(),
            authorization: settings.authorization(url),
        };
        if !bases.contains(&base) {
            bases.push(base);
        }
        Ok(())
    };
    for (scope, url, file) in settings.scoped_registries() {
        add(Some(scope), url, file)?;
    }
    if let Some((url, file)) = settings.find("registry") {
        add(None, url, file)?;
    }
    for (folder, url) in yarnrc(client, "registry") {
        add(None, &url, &folder.join(".yarnrc").display().to_string())?;
    }
    Ok(bases)
}

/// npm asks every registry through `https-proxy`, or else `proxy` (`npm-registry-fetch`: `src/index.js`), and takes certificate authorities from `cafile`;
/// Node adds those that its own variable names.
pub(crate) fn transport(client: &dyn ClientEnvironment) -> Transport {
    let settings = Settings::read(client);
    let is_set = |(value, _): &(&str, &str)| !matches!(*value, "" | "null" | "false");
    let proxy = ["https-proxy", "proxy"].into_iter().find_map(|key| {
        settings
            .find(key)
            .filter(is_set)
            .map(|(value, file)| (value, format!("{key} in {file}")))
    });
    Transport {
        proxy: proxy.map(|(value, setting)| (value.to_owned(), setting)),
        no_proxy: settings.setting("noproxy").map(str::to_owned),
        authorities: settings.find("cafile").filter(is_set).map(|(path, file)| NamedFile {
            path: at_home(path, client),
            setting: format!("cafile in {file}"),
        }),
        more_authorities: client
            .variable(NODE_AUTHORITIES)
            .filter(|path| !path.is_empty())
            .map(|path| NamedFile {
                path: at_home(&path, client),
                setting: NODE_AUTHORITIES.to_owned(),
            }),
    }
}

const NODE_AUTHORITIES: &str = "NODE_EXTRA_CA_CERTS";

/// A path as npm takes it: `~/` is the home folder, what is relative begins at the working folder.
fn at_home(path: &str, client: &dyn ClientEnvironment) -> PathBuf {
    match (path.strip_prefix("~/"), client.home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => client.working_folder().join(path),
    }
}

/// npm's settings, strongest first: environment, the project's `.npmrc`, the user's.
struct Settings {
    entries: Vec<Setting>,
}

struct Setting {
    key: String,
    value: String,
    file: String,
}

impl Settings {
    fn read(client: &dyn ClientEnvironment) -> Self {
        let variable = |key: &str| {
            let name = format!("npm_config_{key}");
            client.variable(&name).or_else(|| client.variable(&name.to_uppercase()))
        };
        let mut entries = Vec::new();
        for key in ["registry", "cache", "proxy", "https-proxy", "noproxy", "cafile"] {
            entries.extend(
                variable(&key.replace('-', "_"))
                    .filter(|value| !value.is_empty())
                    .map(|value| Setting {
                        key: key.to_owned(),
                        value,
                        file: format!("npm_config_{key}"),
                    }),
            );
        }
        let user = variable("userconfig")
            .map(PathBuf::from)
            .or_else(|| client.home().map(|home| home.join(".npmrc")));
        for path in [Some(client.working_folder().join(".npmrc")), user]
            .into_iter()
            .flatten()
        {
            let Some(text) = client.read(&path) else {
                continue;
            };
            let file = path.display().to_string();
            // Within a file the last one counts.
            entries.extend(text.lines().rev().filter_map(|line| {
                // What is no setting, such as a comment, has a key that nobody asks for.
                let (key, value) = line.trim().split_once('=')?;
                Some(Setting {
                    key: expand(unquote(key.trim()), client),
                    value: expand(unquote(uncommented(value)), client),
                    file: file.clone(),
                })
            }));
        }
        Self { entries }
    }

    fn find(&self, key: &str) -> Option<(&str, &str)> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| (entry.value.as_str(), entry.file.as_str()))
    }

    fn setting(&self, key: &str) -> Option<&str> {
        self.find(key).map(|(value, _)| value)
    }

    fn scoped_registries(&self) -> Vec<(&str, &str, &str)> {
        let mut found: Vec<(&str, &str, &str)> = Vec::new();
        for entry in &self.entries {
            let Some(scope) = entry
                .key
                .strip_suffix(":registry")
                .filter(|scope| scope.starts_with('@'))
            else {
                continue;
            };
            if !found.iter().any(|(known, _, _)| *known == scope) {
                found.push((scope, &entry.value, &entry.file));
            }
        }
        found
    }

    /// The `Authorization` for a URL: the settings of the longest `//host/path/` that leads to it, as npm looks for them.
    fn authorization(&self, url: &str) -> Option<String> {
        let place = coordinate::without_credentials(url);
        let place = place.split_once("//")?.1;
        let mut place = format!("//{}/", place.trim_end_matches('/'));
        while place.len() > 2 {
            if let Some(value) = self.authorization_at(&place) {
                return Some(value);
            }
            let shorter = match place.strip_suffix('/') {
                Some(shorter) => shorter.len(),
                None => place.rfind('/')? + 1,
            };
            place.truncate(shorter);
        }
        None
    }

    fn authorization_at(&self, place: &str) -> Option<String> {
        // A variable that is not set is left as it is written, and is no secret.
        let secret = |key: &str| {
            self.setting(&format!("{place}:{key}"))
                .filter(|value| !value.contains("${"))
        };
        if let Some(token) = secret("_authToken") {
            return header_value(format!("Bearer {token}"));
        }
        if let Some(encoded) = secret("_auth") {
            return header_value(format!("Basic {encoded}"));
        }
        let password = STANDARD.decode(secret("_password")?).ok()?;
        let both = [secret("username")?.as_bytes(), b":", &password].concat();
        header_value(format!("Basic {}", STANDARD.encode(both)))
    }
}

/// Keeps a secret only where it can stand in a header: no line break may end it.
fn header_value(text: String) -> Option<String> {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte)).then_some(text)
}

/// Takes a comment off a value that is not quoted.
fn uncommented(value: &str) -> &str {
    let value = value.trim();
    if value.starts_with(['"', '\'']) {
        return value;
    }
    match value.find([';', '#']) {
        Some(at) => value[..at].trim_end(),
        None => value,
    }
}

/// Puts variables in the place of `${NAME}` and `${NAME?}`; what is not set stays, or is empty with the question mark.
fn expand(text: &str, client: &dyn ClientEnvironment) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(end) = rest[start..].find('}').map(|end| start + end) else {
            break;
        };
        expanded.push_str(&rest[..start]);
        let name = &rest[start + 2..end];
        match (client.variable(name.trim_end_matches('?')), name.ends_with('?')) {
            (Some(value), _) => expanded.push_str(&value),
            (None, true) => {}
            (None, false) => expanded.push_str(&rest[start..=end]),
        }
        rest = &rest[end + 1..];
    }
    expanded + rest
}

/// The lines that point the clients at the repository. None of them reads a registry from files.
pub(crate) fn config(place: &RepositoryPlace) -> Vec<ClientConfig> {
    let Some(url) = &place.url else {
        return Vec::new();
    };
    let host = url.split("//").nth(1).unwrap_or(url);
    let host = host.split(['/', ':']).next().unwrap_or(host);
    let unsafe_http = match url.strip_prefix("http://") {
        Some(_) => format!("unsafeHttpWhitelist:\n  - \"{host}\"\n"),
        None => String::new(),
    };
    vec![
        ClientConfig {
            client: "npm and pnpm",
            file: ".npmrc",
            text: format!(
                "registry={url}/npm/\n; locks that name another registry's host work unchanged\nreplace-registry-host=always\n; \
                 for each scope with a registry of its own: @scope:registry={url}/npm/\n"
            ),
        },
        ClientConfig {
            client: "yarn 1",
            file: ".yarnrc",
            text: format!(
                "registry \"{url}/npm/\"\n# yarn 1 goes to the hosts that yarn.lock names: write this URL in their place\n"
            ),
        },
        ClientConfig {
            client: "yarn 2 and later",
            file: ".yarnrc.yml",
            text: format!("npmRegistryServer: \"{url}/npm/\"\n{unsafe_http}"),
        },
    ]
}
