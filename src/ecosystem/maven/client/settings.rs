//! Maven's `settings.xml`: the user's, then the installation's.
//!
//! Source: Maven's documentation, "Settings Reference" and "Using Mirrors for Repositories".

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;

use super::super::pom::{self, Repository};
use super::super::xml;
use crate::ecosystem::{ClientEnvironment, SelectionError, Transport};

/// An address that stands for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirror {
    pub(super) id: String,
    pub(super) url: String,
    of: String,
}

struct Server {
    id: String,
    user: String,
}

/// What the files say together; the user's goes first.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) local_repository: Option<String>,
    pub(super) mirrors: Vec<Mirror>,
    pub(super) repositories: Vec<Repository>,
    pub(super) transport: Transport,
    servers: Vec<Server>,
    /// A file that is there and cannot be read: who configured a mirror shall not be led around it.
    pub(super) failure: Option<SelectionError>,
}

impl Settings {
    pub(super) fn read(client: &dyn ClientEnvironment) -> Self {
        let mut this = Self::default();
        let mut files: Vec<PathBuf> = client
            .home()
            .map(|home| home.join(".m2/settings.xml"))
            .into_iter()
            .collect();
        for variable in ["MAVEN_HOME", "M2_HOME"] {
            files.extend(
                client
                    .variable(variable)
                    .map(|home| PathBuf::from(home).join("conf/settings.xml")),
            );
        }
        for file in files {
            let Some(text) = client.read(&file) else {
                continue;
            };
            if let Err(reason) = this.add(&text, client, &file.display().to_string()) {
                this.failure.get_or_insert(SelectionError::Malformed {
                    file: file.display().to_string(),
                    reason,
                });
            }
        }
        this
    }

    fn add(&mut self, text: &str, client: &dyn ClientEnvironment, file: &str) -> Result<(), String> {
        let text = xml::decode(text.as_bytes())?;
        let document = xml::parse(&text, "settings")?;
        let root = document.root_element();
        let value = |node: Node<'_, '_>, name: &str| xml::text(node, name).map(|text| expand(&text, client));
        let all = |list: &'static str, item: &'static str| {
            xml::children(root, list).flat_map(move |list| xml::children(list, item).collect::<Vec<_>>())
        };
        self.local_repository = self.local_repository.take().or_else(|| value(root, "localRepository"));
        for mirror in all("mirrors", "mirror") {
            // One that blocks says where not to go (settings 1.2).
            let is_blocked = value(mirror, "blocked").is_some_and(|blocked| blocked == "true");
            if let (Some(url), Some(of), false) = (value(mirror, "url"), value(mirror, "mirrorOf"), is_blocked) {
                let id = value(mirror, "id").unwrap_or_default();
                self.mirrors.push(Mirror { id, url, of });
            }
        }
        for server in all("servers", "server") {
            let (id, user, password) = (
                value(server, "id"),
                value(server, "username"),
                value(server, "password"),
            );
            // `{…}` is encrypted with the user's master password, and `${…}` is a variable that is not set.
            let is_plain = |text: &String| !text.starts_with('{') && !text.contains("${");
            if let (Some(id), Some(user), Some(password)) = (id, user, password.filter(is_plain)) {
                let user = format!("{user}:{password}");
                self.servers.push(Server { id, user });
            }
        }
        let active: Vec<String> = all("activeProfiles", "activeProfile")
            .filter_map(|profile| Some(profile.text()?.trim().to_owned()))
            .collect();
        for profile in all("profiles", "profile") {
            let is_named = value(profile, "id").is_some_and(|id| active.contains(&id));
            let is_default = xml::child(profile, "activation")
                .and_then(|activation| xml::text(activation, "activeByDefault"))
                .is_some_and(|text| text == "true");
            if is_named || is_default {
                self.repositories
                    .extend(pom::repositories(profile).into_iter().map(|repository| Repository {
                        url: expand(&repository.url, client),
                        ..repository
                    }));
            }
        }
        if self.transport.proxy.is_none() {
            let proxy =
                all("proxies", "proxy").find(|proxy| value(*proxy, "active").is_none_or(|active| active == "true"));
            if let Some(proxy) = proxy {
                self.transport = transport(|name| value(proxy, name), file);
            }
        }
        Ok(())
    }

    /// The first mirror that stands for a repository: one that names it exactly goes before patterns.
    pub(super) fn mirror_of(&self, repository: &Repository) -> Option<&Mirror> {
        let exact = self.mirrors.iter().find(|mirror| mirror.of == repository.id);
        exact.or_else(|| self.mirrors.iter().find(|mirror| covers(&mirror.of, repository)))
    }

    /// The credentials of the server of that id.
    pub(super) fn authorization(&self, id: &str) -> Option<String> {
        let server = self.servers.iter().find(|server| server.id == id)?;
        basic(&server.user)
    }
}

/// `*`, `external:*`, `external:http:*`, names and `!name`, between commas.
fn covers(pattern: &str, repository: &Repository) -> bool {
    let host = repository
        .url
        .split_once("://")
        .map(|(_, rest)| rest.split(['/', ':']).next().unwrap_or_default());
    let is_external = !repository.url.starts_with("file:") && !matches!(host, Some("localhost" | "127.0.0.1"));
    let mut is_covered = false;
    for item in pattern.split(',').map(str::trim) {
        if item.strip_prefix('!') == Some(repository.id.as_str()) {
            return false;
        }
        is_covered |= item == repository.id
            || item == "*"
            || item == "external:*" && is_external
            || item == "external:http:*" && is_external && repository.url.starts_with("http:");
    }
    is_covered
}

fn transport(value: impl Fn(&str) -> Option<String>, file: &str) -> Transport {
    let Some(host) = value("host") else {
        return Transport::default();
    };
    let port = value("port").unwrap_or_else(|| "8080".to_owned());
    let user = match (value("username"), value("password")) {
        (Some(user), Some(password)) => format!("{}:{}@", escaped(&user), escaped(&password)),
        _ => String::new(),
    };
    // `*.example.com` and `.example.com` are the same to us.
    let direct = value("nonProxyHosts").map(|list| {
        list.split(['|', ','])
            .map(|host| host.trim().trim_start_matches('*').trim_end_matches('*'))
            .filter(|host| !host.is_empty())
            .collect::<Vec<_>>()
            .join(",")
    });
    Transport {
        proxy: Some((format!("http://{user}{host}:{port}"), format!("proxy in {file}"))),
        no_proxy: direct,
        ..Transport::default()
    }
}

/// Percent-encodes what would end the user information of an address.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

/// The header for `user:password`, if it can stand in one.
pub(super) fn basic(user: &str) -> Option<String> {
    (!user.is_empty()).then(|| format!("Basic {}", STANDARD.encode(user)))
}

/// Puts variables in the place of `${env.NAME}` and `${user.home}`; anything else stays.
fn expand(text: &str, client: &dyn ClientEnvironment) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(end) = rest[start..].find('}').map(|end| start + end) else {
            break;
        };
        let name = &rest[start + 2..end];
        let value = match name.strip_prefix("env.") {
            Some(variable) => client.variable(variable),
            None if name == "user.home" => client.home().map(|home| home.display().to_string()),
            None => None,
        };
        expanded.push_str(&rest[..start]);
        expanded.push_str(value.as_deref().unwrap_or(&rest[start..=end]));
        rest = &rest[end + 1..];
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_covers_what_its_pattern_names() {
        let covered = |pattern: &str, url: &str| {
            let repository = Repository {
                id: "corp".to_owned(),
                url: url.to_owned(),
            };
            covers(pattern, &repository)
        };
        let (web, plain, disk) = ("https://a.example.com/m2", "http://a.example.com/m2", "file:///srv/m2");
        for (pattern, url, expected) in [
            ("corp", disk, true),
            ("other", web, false),
            ("other", plain, false),
            ("*", disk, true),
            ("external:*", web, true),
            ("external:*", disk, false),
            ("external:*", "http://localhost:8081/m2", false),
            ("external:http:*", plain, true),
            ("external:http:*", web, false),
            ("external:http:*", "http://127.0.0.1/m2", false),
            ("external:*,!corp", web, false),
            ("!other, *", web, true),
        ] {
            assert_eq!(covered(pattern, url), expected, "{pattern} {url}");
        }
    }

    #[test]
    fn hosts_without_a_proxy_have_names() {
        let value = |name: &str| match name {
            "host" => Some("proxy.example.com".to_owned()),
            "nonProxyHosts" => Some("*.example.com||*|localhost".to_owned()),
            _ => None,
        };
        assert_eq!(
            transport(value, "x").no_proxy.as_deref(),
            Some(".example.com,localhost")
        );
    }
}
