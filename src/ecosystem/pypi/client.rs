//! What pip and uv have on a machine: indexes that they are configured for, caches that hold files as published; and the
//! lines that point them at the enclave.

use std::path::{Path, PathBuf};

use super::coordinate::read_file_name;
use super::{ID, url};
use crate::ecosystem::{
    ClientConfig, ClientEnvironment, NamedBy, NamedFile, RepositoryPlace, SelectionError, Transport, UpstreamBase,
    Wanted,
};

/// The indexes of the clients' configuration, strongest first: uv's, then pip's, each as the client itself orders them.
pub(super) fn upstreams(client: &dyn ClientEnvironment) -> Result<Vec<UpstreamBase>, SelectionError> {
    let mut found = Found::default();
    uv_environment(client, &mut found);
    for file in ["uv.toml", "pyproject.toml"] {
        let path = client.working_folder().join(file);
        if let Some(text) = client.read(&path) {
            uv_file(&path, &text, file == "pyproject.toml", client, &mut found)?;
        }
    }
    for folder in configuration_folders(client) {
        let path = folder.join("uv/uv.toml");
        if let Some(text) = client.read(&path) {
            uv_file(&path, &text, false, client, &mut found)?;
        }
    }

    if let Some(index) = client.variable("PIP_INDEX_URL") {
        found.add(&index, "PIP_INDEX_URL")?;
    }
    for index in words(client.variable("PIP_EXTRA_INDEX_URL")) {
        found.add(&index, "PIP_EXTRA_INDEX_URL")?;
    }
    for path in pip_files(client) {
        if let Some(text) = client.read(&path) {
            pip_file(&path, &text, &mut found)?;
        }
    }
    match found.failure {
        Some(failure) => Err(failure),
        None => Ok(found.bases),
    }
}

/// Indexes in order, each once.
#[derive(Default)]
struct Found {
    bases: Vec<UpstreamBase>,
    failure: Option<SelectionError>,
}

impl Found {
    fn add(&mut self, text: &str, place: &str) -> Result<(), SelectionError> {
        self.add_with(text, None, place)
    }

    fn add_with(&mut self, text: &str, authorization: Option<String>, place: &str) -> Result<(), SelectionError> {
        // A local folder is no upstream: its files come with `--from`.
        if text.starts_with("file:") || Path::new(text).is_absolute() || text.starts_with('.') {
            return Ok(());
        }
        // The text may hold a password: it is not shown.
        let (url, own) = url::without_credentials(text).ok_or_else(|| SelectionError::Malformed {
            file: place.to_owned(),
            reason: "an index is not an http or https URL".to_owned(),
        })?;
        let authorization = own.or(authorization);
        match self
            .bases
            .iter_mut()
            .find(|base| base.url.trim_end_matches('/') == url.trim_end_matches('/'))
        {
            Some(known) => known.authorization = known.authorization.take().or(authorization),
            None => self.bases.push(UpstreamBase {
                named_by: NamedBy::Client,
                ecosystem: ID,
                scope: None,
                url,
                authorization,
            }),
        }
        Ok(())
    }
}

fn words(value: Option<String>) -> Vec<String> {
    value
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(str::to_owned)
        .collect()
}

fn uv_environment(client: &dyn ClientEnvironment, found: &mut Found) {
    let mut add = |text: &str, variable: &str| {
        // uv writes `name=url`; a name has no colon.
        let (name, index) = match text.split_once('=') {
            Some((name, index)) if !name.contains(':') => (Some(name), index),
            _ => (None, text),
        };
        let authorization = name.and_then(|name| uv_credentials(name, client));
        if let Err(failure) = found.add_with(index, authorization, variable) {
            found.failure.get_or_insert(failure);
        }
    };
    for variable in ["UV_DEFAULT_INDEX", "UV_INDEX_URL"] {
        if let Some(index) = client.variable(variable) {
            add(&index, variable);
        }
    }
    for variable in ["UV_INDEX", "UV_EXTRA_INDEX_URL"] {
        for index in words(client.variable(variable)) {
            add(&index, variable);
        }
    }
}

/// `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD`, with the name in upper case and other characters as `_`.
fn uv_credentials(name: &str, client: &dyn ClientEnvironment) -> Option<String> {
    let key: String = name
        .chars()
        .map(|character| match character {
            character if character.is_ascii_alphanumeric() => character.to_ascii_uppercase(),
            _ => '_',
        })
        .collect();
    let user = client.variable(&format!("UV_INDEX_{key}_USERNAME"));
    let password = client.variable(&format!("UV_INDEX_{key}_PASSWORD"));
    if user.is_none() && password.is_none() {
        return None;
    }
    Some(url::basic(
        user.unwrap_or_default().as_bytes(),
        password.unwrap_or_default().as_bytes(),
    ))
}

/// Reads `uv.toml`, or the tables of uv, Poetry and PDM in `pyproject.toml`.
fn uv_file(
    path: &Path,
    text: &str,
    is_project: bool,
    client: &dyn ClientEnvironment,
    found: &mut Found,
) -> Result<(), SelectionError> {
    let place = path.display().to_string();
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| SelectionError::Malformed {
            file: place.clone(),
            reason: error.message().to_owned(),
        })?;
    let tool = |name: &str| {
        table
            .get("tool")
            .and_then(|tool| tool.get(name))
            .and_then(toml::Value::as_table)
    };
    let uv = if is_project { tool("uv") } else { Some(&table) };

    let mut add_all = |entries: Option<&toml::Value>| -> Result<(), SelectionError> {
        let entries = entries.and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
        // uv asks the default index last; here it stands first, as the one that has most.
        let is_default = |entry: &&toml::Value| entry.get("default").and_then(toml::Value::as_bool) == Some(true);
        let ordered = entries
            .iter()
            .filter(is_default)
            .chain(entries.iter().filter(|entry| !is_default(entry)));
        for entry in ordered {
            // An explicit index is asked only for packages that are bound to it: the lockfile names it for those.
            let is_explicit = entry.get("explicit").and_then(toml::Value::as_bool) == Some(true)
                || entry.get("priority").and_then(toml::Value::as_str) == Some("explicit");
            if is_explicit {
                continue;
            }
            if let Some(index) = entry.get("url").and_then(toml::Value::as_str) {
                let name = entry.get("name").and_then(toml::Value::as_str);
                let authorization = name.and_then(|name| uv_credentials(name, client));
                found.add_with(index, authorization, &place)?;
            }
        }
        Ok(())
    };
    add_all(uv.and_then(|uv| uv.get("index")))?;
    if is_project {
        add_all(tool("poetry").and_then(|poetry| poetry.get("source")))?;
        add_all(tool("pdm").and_then(|pdm| pdm.get("source")))?;
    }
    for uv in uv
        .iter()
        .copied()
        .chain(uv.and_then(|uv| uv.get("pip")).and_then(toml::Value::as_table))
    {
        if let Some(index) = uv.get("index-url").and_then(toml::Value::as_str) {
            found.add(index, &place)?;
        }
        let extra = uv.get("extra-index-url").and_then(toml::Value::as_array);
        for index in extra.into_iter().flatten().filter_map(toml::Value::as_str) {
            found.add(index, &place)?;
        }
    }
    Ok(())
}

/// `$XDG_CONFIG_HOME` or its default, then `$XDG_CONFIG_DIRS`, then `/etc`.
fn configuration_folders(client: &dyn ClientEnvironment) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    match client.variable("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()) {
        Some(folder) => folders.push(PathBuf::from(folder)),
        None => folders.extend(client.home().map(|home| home.join(".config"))),
    }
    let shared = client.variable("XDG_CONFIG_DIRS").filter(|folders| !folders.is_empty());
    folders.extend(shared.as_deref().unwrap_or("/etc/xdg").split(':').map(PathBuf::from));
    folders.push(PathBuf::from("/etc"));
    folders
}

/// pip's files, strongest first (pip's documentation, "Configuration", "Precedence").
fn pip_files(client: &dyn ClientEnvironment) -> Vec<PathBuf> {
    let named = client.variable("PIP_CONFIG_FILE").filter(|file| !file.is_empty());
    let mut files = Vec::new();
    match named.as_deref() {
        // pip reads no file at all then.
        Some("/dev/null") => return files,
        Some(file) => files.push(PathBuf::from(file)),
        None => {}
    }
    if let Some(environment) = client.variable("VIRTUAL_ENV").filter(|folder| !folder.is_empty()) {
        files.push(PathBuf::from(environment).join("pip.conf"));
    }
    let mut folders = configuration_folders(client).into_iter();
    files.extend(folders.next().map(|folder| folder.join("pip/pip.conf")));
    if let Some(home) = client.home() {
        files.push(home.join("Library/Application Support/pip/pip.conf"));
        files.push(home.join(".pip/pip.conf"));
    }
    files.extend(
        folders
            .filter(|folder| folder != Path::new("/etc"))
            .map(|folder| folder.join("pip/pip.conf")),
    );
    files.push(PathBuf::from("/etc/pip.conf"));
    files
}

/// Reads `index-url` and `extra-index-url` out of pip's ini file.
fn pip_file(path: &Path, text: &str, found: &mut Found) -> Result<(), SelectionError> {
    let place = path.display().to_string();
    let values = pip_settings(&place, text)?;
    for wanted in ["index-url", "extra-index-url"] {
        for (_, value) in values.iter().filter(|(key, _)| key == wanted) {
            for index in value.split_ascii_whitespace() {
                found.add(index, &place)?;
            }
        }
    }
    Ok(())
}

/// pip's `proxy` and `cert`, and their variables. A file that cannot be read is reported by [`upstreams`].
pub(super) fn transport(client: &dyn ClientEnvironment) -> Transport {
    let of_variable = |name: &str| {
        let value = client.variable(name).filter(|value| !value.is_empty())?;
        Some((value, name.to_owned()))
    };
    let in_files = |wanted: &str| {
        pip_files(client).into_iter().find_map(|path| {
            let place = path.display().to_string();
            let values = pip_settings(&place, &client.read(&path)?).ok()?;
            let (_, value) = values.into_iter().rfind(|(key, _)| key == wanted)?;
            Some((value, format!("{wanted} in {place}")))
        })
    };
    // After pip's own setting come the variables of the library that it asks with.
    let authorities = of_variable("PIP_CERT")
        .or_else(|| in_files("cert"))
        .or_else(|| of_variable("REQUESTS_CA_BUNDLE"))
        .or_else(|| of_variable("CURL_CA_BUNDLE"));
    Transport {
        proxy: of_variable("PIP_PROXY").or_else(|| in_files("proxy").filter(|(proxy, _)| !proxy.is_empty())),
        authorities: authorities.map(|(path, setting)| NamedFile {
            path: client.working_folder().join(path),
            setting,
        }),
        ..Transport::default()
    }
}

/// The settings of installing and downloading in pip's ini file; those of other sections have no key.
fn pip_settings(place: &str, text: &str) -> Result<Vec<(String, String)>, SelectionError> {
    let mut section = String::new();
    let mut key = String::new();
    let mut values: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() || line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            if !key.is_empty() {
                values.push((key.clone(), line.trim().to_owned()));
            }
            continue;
        }
        if let Some(name) = line.trim().strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.trim().to_ascii_lowercase();
            key.clear();
            continue;
        }
        let Some((name, value)) = line.split_once(['=', ':']) else {
            return Err(SelectionError::Malformed {
                file: place.to_owned(),
                reason: "a line is neither a section nor a setting".to_owned(),
            });
        };
        key = name.trim().to_ascii_lowercase().replace('_', "-");
        if !matches!(section.as_str(), "global" | "install" | "download") {
            key.clear();
        }
        values.push((key.clone(), value.trim().to_owned()));
    }
    Ok(values)
}

/// Poetry keeps downloaded files under their own names, four folders deep (its `artifacts` cache). pip keeps response
/// bodies under the SHA-224 of their URL (`http-v2`, since pip 23.3). uv keeps wheels unpacked only: their bytes are gone.
pub(super) fn cached(wanted: &Wanted, client: &dyn ClientEnvironment) -> Vec<PathBuf> {
    let folder_of = |variable: &str, name: &str| {
        let own = client
            .variable(variable)
            .filter(|folder| !folder.is_empty())
            .map(PathBuf::from);
        let shared = client
            .variable("XDG_CACHE_HOME")
            .filter(|folder| !folder.is_empty())
            .map(PathBuf::from);
        own.or_else(|| {
            shared
                .or_else(|| Some(client.home()?.join(".cache")))
                .map(|folder| folder.join(name))
        })
    };
    let mut paths = Vec::new();
    let is_plain = |file: &&String| read_file_name(file).is_some();
    if let Some(file) = wanted.file.as_ref().filter(is_plain)
        && let Some(folder) = folder_of("POETRY_CACHE_DIR", "pypoetry")
    {
        paths.push(folder.join("artifacts/*/*/*/*").join(file));
    }
    if let Some(folder) = folder_of("PIP_CACHE_DIR", "pip") {
        for url in &wanted.urls {
            use sha2::Digest as _;
            let key = hex::encode(sha2::Sha224::digest(url.as_bytes()));
            let mut path = folder.join("http-v2");
            path.extend(key.chars().take(5).map(|digit| digit.to_string()));
            path.push(format!("{key}.body"));
            paths.push(path);
        }
    }
    paths
}

/// The lines for pip and uv. One index only: a second one beside it would invite dependency confusion.
pub(super) fn client_config(place: &RepositoryPlace) -> Vec<ClientConfig> {
    let index = match &place.url {
        Some(url) => format!("{}/pypi/simple/", url.trim_end_matches('/')),
        None => format!("{}/simple/", file_url(&place.folder)),
    };
    let mut pip = format!("[global]\nindex-url = {index}\n");
    // pip ignores an index over plain HTTP off loopback that is not named so.
    if let Some(host) = plain_host(&index) {
        pip.push_str(&format!("trusted-host = {host}\n"));
    }
    vec![
        ClientConfig {
            client: "pip",
            file: "pip.conf",
            text: pip,
        },
        ClientConfig {
            client: "uv",
            file: "uv.toml",
            text: format!("[[index]]\nurl = \"{index}\"\ndefault = true\n"),
        },
    ]
}

fn file_url(folder: &Path) -> String {
    // Paths that are not UTF-8 cannot stand in either client's configuration file.
    format!("file://{}", url::encode(&folder.to_string_lossy(), b"/"))
}

/// Host and port of a plain HTTP URL that does not stay on this machine.
fn plain_host(index: &str) -> Option<&str> {
    let host = index.strip_prefix("http://")?.split('/').next()?;
    let name = match host.strip_prefix('[') {
        Some(address) => address.split(']').next()?,
        None => host.split(':').next()?,
    };
    let is_loopback = match name.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    };
    (!is_loopback).then_some(host)
}
