//! What the clients' own surroundings say: caches, repositories, proxies; and the lines that point them at the enclave.

mod settings;

use std::path::PathBuf;

use super::{coordinate, pom, xml};
use crate::ecosystem::{
    ClientConfig, ClientEnvironment, NamedBy, RepositoryPlace, SelectionError, Transport, UpstreamBase, Wanted,
};
use settings::Settings;

/// Where Maven's local repository and Gradle's cache would hold a file.
pub(super) fn cached(wanted: &Wanted, client: &dyn ClientEnvironment) -> Vec<PathBuf> {
    let Some(file) = &wanted.file else {
        return Vec::new();
    };
    let (Ok((group, id)), Ok(path)) = (
        coordinate::split(&wanted.name),
        coordinate::path(&wanted.name, &wanted.version, file),
    ) else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    let settings = Settings::read(client);
    let local = settings.local_repository.map(PathBuf::from);
    let local = local.or_else(|| client.home().map(|home| home.join(".m2/repository")));
    paths.extend(local.map(|local| path.under(&local)));
    let gradle = client.variable("GRADLE_USER_HOME").map(PathBuf::from);
    let gradle = gradle.or_else(|| client.home().map(|home| home.join(".gradle")));
    paths.extend(gradle.map(|gradle| {
        gradle
            .join("caches/modules-2/files-2.1")
            .join(group)
            .join(id)
            .join(&wanted.version)
            .join("*")
            .join(file)
    }));
    paths
}

/// The repositories that Maven's settings, the project's pom and its Gradle files name, each through the mirror that
/// stands for it. Maven has one more of its own, and that is not ours.
pub(super) fn upstreams(client: &dyn ClientEnvironment) -> Result<Vec<UpstreamBase>, SelectionError> {
    let settings = Settings::read(client);
    if let Some(failure) = settings.failure {
        return Err(failure);
    }
    let mut named = settings.repositories.clone();
    if let Some(text) = client.read(&client.working_folder().join("pom.xml")) {
        // A pom that cannot be read is the project's matter, and names no repository.
        named.extend(pom::all_repositories(text.as_bytes()).unwrap_or_default());
    }
    for file in [
        "settings.gradle",
        "settings.gradle.kts",
        "build.gradle",
        "build.gradle.kts",
    ] {
        if let Some(text) = client.read(&client.working_folder().join(file)) {
            named.extend(gradle_repositories(&text));
        }
    }
    let mut bases: Vec<UpstreamBase> = Vec::new();
    let mut add = |id: &str, url: &str| {
        let Some((url, inline)) = web_url(url) else {
            return;
        };
        let base = UpstreamBase {
            ecosystem: super::ID,
            scope: None,
            authorization: settings.authorization(id).or(inline),
            url,
            named_by: NamedBy::Client,
        };
        if !bases.iter().any(|known| known.url == base.url) {
            bases.push(base);
        }
    };
    // A mirror may stand for the repository that Maven has of its own, so it counts though nobody names that.
    for mirror in &settings.mirrors {
        add(&mirror.id, &mirror.url);
    }
    for repository in &named {
        if settings.mirror_of(repository).is_none() {
            add(&repository.id, &repository.url);
        }
    }
    Ok(bases)
}

pub(super) fn transport(client: &dyn ClientEnvironment) -> Transport {
    Settings::read(client).transport
}

/// An address over http or https, without user information, which goes into a header instead.
fn web_url(url: &str) -> Option<(String, Option<String>)> {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "http" | "https") || rest.is_empty() || url.contains("${") {
        return None;
    }
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((user, host)) = authority.rsplit_once('@') else {
        return Some((url.to_owned(), None));
    };
    let user = crate::ecosystem::decode(user)?;
    Some((format!("{scheme}://{host}{path}"), settings::basic(&user)))
}

/// The addresses in `maven { url … }` and `maven("…")`, where they stand there as they are: a build file is a program, and
/// what it computes is not seen.
fn gradle_repositories(text: &str) -> Vec<pom::Repository> {
    let text: String = text
        .lines()
        .map(|line| match line.trim_start().starts_with("//") {
            true => "\n",
            false => line,
        })
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = Vec::new();
    for (at, _) in text.match_indices("maven") {
        let is_word = !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '.');
        let rest = text[at + "maven".len()..].trim_start();
        if !is_word || !rest.starts_with(['{', '(']) {
            continue;
        }
        let close = if rest.starts_with('{') { '}' } else { ')' };
        let block = rest.split(close).next().unwrap_or(rest);
        let Some(quote) = block.find(['"', '\'']) else {
            continue;
        };
        let mark = &block[quote..=quote];
        if let Some(url) = block[quote + 1..].split(mark).next() {
            found.push(pom::Repository {
                id: String::new(),
                url: url.to_owned(),
            });
        }
    }
    found
}

/// Settings for Maven, and an init script for Gradle.
pub(super) fn config(place: &RepositoryPlace) -> Vec<ClientConfig> {
    let url = match &place.url {
        Some(url) => format!("{url}/maven/"),
        None => file_url(&place.folder.to_string_lossy()),
    };
    vec![
        ClientConfig {
            client: "maven",
            file: ".m2/settings.xml",
            text: format!(
                "<settings xmlns=\"http://maven.apache.org/SETTINGS/1.0.0\">\n  \
                 <!-- Call `mvn -C`: without it Maven only warns of wrong checksums. -->\n  \
                 <mirrors>\n    <mirror>\n      <id>enclave</id>\n      <mirrorOf>*</mirrorOf>\n      \
                 <url>{}</url>\n    </mirror>\n  </mirrors>\n</settings>\n",
                xml::escape(&url)
            ),
        },
        ClientConfig {
            client: "gradle",
            file: ".gradle/init.d/enclave.gradle",
            text: init_script(&url),
        },
    ]
}

/// Puts the enclave in the place of every repository, of projects, of builds and of plugins.
fn init_script(url: &str) -> String {
    let quoted = url.replace('\\', "\\\\").replace('\'', "\\'").replace('$', "\\$");
    let insecure = match url.starts_with("http://") {
        true => "; allowInsecureProtocol = true",
        false => "",
    };
    format!(
        "def enclave = {{ repositories ->\n\
         \x20   repositories.all {{ repository ->\n\
         \x20       if (!(repository instanceof FlatDirectoryArtifactRepository) && repository.name != 'enclave') {{\n\
         \x20           repositories.remove(repository)\n\
         \x20       }}\n\
         \x20   }}\n\
         \x20   repositories.maven {{ name = 'enclave'; url = uri('{quoted}'){insecure} }}\n\
         }}\n\
         settingsEvaluated {{ settings ->\n\
         \x20   enclave(settings.pluginManagement.repositories)\n\
         \x20   if (settings.hasProperty('dependencyResolutionManagement')) {{\n\
         \x20       enclave(settings.dependencyResolutionManagement.repositories)\n\
         \x20   }}\n\
         }}\n\
         allprojects {{\n\
         \x20   enclave(buildscript.repositories)\n\
         \x20   enclave(repositories)\n\
         }}\n"
    )
}

/// A folder as a URL: what a path may hold and a URL may not is escaped.
fn file_url(folder: &str) -> String {
    let mut url = String::from("file://");
    for byte in folder.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(
            web_url("https://u%40x:p@maven.example.com/r"),
            Some((
                "https://maven.example.com/r".to_owned(),
                Some("Basic dUB4OnA=".to_owned())
            ))
        );
        // Nobody is no user.
        let nobody = Some(("https://maven.example.com/r".to_owned(), None));
        assert_eq!(web_url("https://@maven.example.com/r"), nobody);
        for none in [
            "file:///srv",
            "https://",
            "${repo}",
            "https://${host}/x",
            "ftp://x",
            "https://%zz@maven.example.com",
            "",
            "https:x",
        ] {
            assert_eq!(web_url(none), None, "{none}");
        }
        assert_eq!(file_url("/srv/a b%$"), "file:///srv/a%20b%25%24");
    }

    #[test]
    fn build_files_name_addresses() {
        let text = "repositories {\n mavenCentral()\n maven { url 'https://a.example.com/m' }\n\
            // maven { url 'https://no.example.com' }\n maven {\n  name = x\n  url = uri(\"https://b.example.com\")\n }\n\
            maven(\"https://c.example.com\")\n maven { url computed }\n my.maven { url 'https://no.example.com' }\n\
            my_maven { url 'https://no.example.com' }\n mymaven { url 'https://no.example.com' } }";
        let found: Vec<String> = gradle_repositories(text).into_iter().map(|found| found.url).collect();
        assert_eq!(
            found,
            [
                "https://a.example.com/m",
                "https://b.example.com",
                "https://c.example.com"
            ]
        );
        assert!(gradle_repositories("maven { maven( maven").is_empty());
    }
}
