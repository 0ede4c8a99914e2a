//! From a request's path to what is asked for. The only place that reads a path from outside.

use crate::ecosystem::decode;
use crate::model::RelativePath;

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// A file of the repository, below the ecosystem's folder.
    File(RelativePath, Content),
    /// Cargo's `config.json`, made for the host that asks.
    CargoConfig,
    /// The list of all names in Python's simple index.
    SimpleRoot,
    /// One name's page in Python's simple index.
    SimplePage(String),
    /// A packument, whose URLs are made for the host that asks.
    Packument(RelativePath),
    /// npm's "are you there".
    NpmPing,
    /// The same under its proper path, as a relative reference: it names no host, and keeps a prefix before us.
    Redirect(String),
    /// There is no such thing.
    Unknown,
    /// The path is not one: an escape that cannot be read, `..`, NUL, a backslash or another control.
    Bad,
}

/// What a file is to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// It changes with generations.
    Page(&'static str),
    /// Its bytes never change under its name.
    Artifact(&'static str),
}

const BYTES: &str = "application/octet-stream";
const TEXT: &str = "text/plain; charset=utf-8";

/// Reads a path as it stands in the request line. Escapes are decoded once and before anything else, so `%2f` parts
/// segments exactly as `/` does.
pub(super) fn route(raw: &str) -> Route {
    let Some(path) = decode(raw) else {
        return Route::Bad;
    };
    let Some(path) = path.strip_prefix('/') else {
        return Route::Bad;
    };
    if path
        .chars()
        .any(|character| character.is_control() || character == '\\')
        || path.split('/').any(|segment| segment == ".." || segment == ".")
    {
        return Route::Bad;
    }
    let segments: Vec<&str> = path.split('/').collect();
    match segments[..] {
        ["cargo", ref rest @ ..] => cargo(rest),
        ["pypi", ref rest @ ..] => pypi(rest),
        ["maven", ref rest @ ..] => maven(rest),
        ["npm", ref rest @ ..] => npm(rest),
        ["deb", ref rest @ ..] => deb(rest),
        ["files", ref rest @ ..] => {
            let content = match rest.last() {
                Some(&"SHA256SUMS") => Content::Page(TEXT),
                _ => Content::Artifact(BYTES),
            };
            file("files", &rest.join("/"), content)
        }
        _ => Route::Unknown,
    }
}

fn file(ecosystem: &str, path: &str, content: Content) -> Route {
    // The empty path would be the ecosystem's folder itself; RelativePath refuses it with every other trick.
    match RelativePath::new(path).and_then(|_| RelativePath::new(format!("{ecosystem}/{path}"))) {
        Ok(path) => Route::File(path, content),
        Err(_) => Route::Unknown,
    }
}

/// An archive's indexes change with generations, but not under their digests; packages never change.
fn deb(segments: &[&str]) -> Route {
    let is_fixed = segments.contains(&"by-hash") || segments.last().is_some_and(|last| last.ends_with(".deb"));
    let content = if is_fixed {
        Content::Artifact(BYTES)
    } else {
        Content::Page(BYTES)
    };
    file("deb", &segments.join("/"), content)
}

fn cargo(segments: &[&str]) -> Route {
    match segments {
        ["index", "config.json"] => Route::CargoConfig,
        ["index", rest @ ..] => file("cargo", &format!("index/{}", rest.join("/")), Content::Page(TEXT)),
        ["crates", name] if name.ends_with(".crate") => file("cargo", name, Content::Artifact(BYTES)),
        _ => Route::Unknown,
    }
}

fn pypi(segments: &[&str]) -> Route {
    match segments {
        ["simple"] => Route::Redirect("simple/".to_owned()),
        ["simple", ""] => Route::SimpleRoot,
        ["simple", name] => match normal(name) {
            Some(normal) => Route::Redirect(format!("{normal}/")),
            None => Route::Unknown,
        },
        ["simple", name, ""] => match normal(name) {
            Some(normal) if normal == *name => Route::SimplePage(normal),
            Some(normal) => Route::Redirect(format!("../{normal}/")),
            None => Route::Unknown,
        },
        ["files", name] => {
            let kind = if name.ends_with(".metadata") { TEXT } else { BYTES };
            file("pypi", &format!("files/{name}"), Content::Artifact(kind))
        }
        _ => Route::Unknown,
    }
}

/// A tree of files; what is no file of it is unknown.
fn maven(segments: &[&str]) -> Route {
    let name = segments.last().copied().unwrap_or_default();
    let is_checksum = [".sha1", ".sha256", ".sha512"]
        .iter()
        .any(|ending| name.ends_with(ending));
    let kind = match name.rsplit_once('.') {
        _ if is_checksum => TEXT,
        Some((_, "pom" | "xml")) => "application/xml",
        _ => BYTES,
    };
    let content = match name.starts_with("maven-metadata.xml") {
        true => Content::Page(kind),
        false => Content::Artifact(kind),
    };
    file("maven", &segments.join("/"), content)
}

/// A project's name in its normal form (PEP 503); `None` where it cannot be one.
fn normal(name: &str) -> Option<String> {
    if name.is_empty()
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    {
        return None;
    }
    let mut normal = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            other => normal.push(other.to_ascii_lowercase()),
        }
    }
    Some(normal)
}

fn npm(segments: &[&str]) -> Route {
    let (name, tarball) = match segments {
        ["-", "ping"] => return Route::NpmPing,
        // npm puts this server in the place of the host that a lock names, and keeps the path that led to the package
        // there: whatever stands before the name is passed over.
        [before @ .., "-", file] => match before {
            _ if before.iter().any(|segment| matches!(*segment, "" | "-")) => return Route::Unknown,
            [.., scope, name] if scope.starts_with('@') => (format!("{scope}/{name}"), Some(file)),
            [.., name] => ((*name).to_owned(), Some(file)),
            [] => return Route::Unknown,
        },
        [scope, name] if scope.starts_with('@') => (format!("{scope}/{name}"), None),
        [name] => ((*name).to_owned(), None),
        _ => return Route::Unknown,
    };
    // A scope alone is no package.
    if name.starts_with('@') != name.contains('/') {
        return Route::Unknown;
    }
    let path = |below: &str| RelativePath::new(format!("npm/{}/{below}", escape_case(&name)));
    match tarball {
        None => path("packument.json").map_or(Route::Unknown, Route::Packument),
        Some(file) if file.ends_with(".tgz") => path(&format!("-/{}", escape_case(file)))
            .map_or(Route::Unknown, |path| Route::File(path, Content::Artifact(BYTES))),
        Some(_) => Route::Unknown,
    }
}

/// Old names with upper case stand as `!x` in the repository, so that no two names are one folder (facts of npm's layout).
fn escape_case(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(character.to_ascii_lowercase());
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(raw: &str) -> Option<String> {
        match route(raw) {
            Route::File(path, _) | Route::Packument(path) => Some(path.to_string()),
            _ => None,
        }
    }

    #[test]
    fn every_ecosystem_has_its_paths() {
        for (raw, path) in [
            ("/cargo/index/se/rd/serde", "cargo/index/se/rd/serde"),
            ("/cargo/index/1/a", "cargo/index/1/a"),
            ("/cargo/crates/serde-1.0.0.crate", "cargo/serde-1.0.0.crate"),
            ("/cargo/crates/x-1.0.0%2Bb.crate", "cargo/x-1.0.0+b.crate"),
            ("/pypi/files/A_b-1.whl", "pypi/files/A_b-1.whl"),
            ("/pypi/files/A_b-1.whl.metadata", "pypi/files/A_b-1.whl.metadata"),
            ("/npm/left", "npm/left/packument.json"),
            ("/npm/@s%2fname", "npm/@s/name/packument.json"),
            ("/npm/@s%2Fname", "npm/@s/name/packument.json"),
            ("/npm/%40s/name", "npm/@s/name/packument.json"),
            ("/npm/@s/name/-/name-1.0.0.tgz", "npm/@s/name/-/name-1.0.0.tgz"),
            ("/npm/@s%2fname/-/name-1.0.0.tgz", "npm/@s/name/-/name-1.0.0.tgz"),
            (
                "/npm/JSONStream/-/JSONStream-1.0.0.tgz",
                "npm/!j!s!o!n!stream/-/!j!s!o!n!stream-1.0.0.tgz",
            ),
            ("/npm/far/away/name/-/name-1.0.0.tgz", "npm/name/-/name-1.0.0.tgz"),
            ("/npm/far/@s/name/-/name-1.0.0.tgz", "npm/@s/name/-/name-1.0.0.tgz"),
            ("/files/tool/1.0/tool.tar", "files/tool/1.0/tool.tar"),
            (
                "/deb/a.example.com/debian/dists/stable/InRelease",
                "deb/a.example.com/debian/dists/stable/InRelease",
            ),
            ("/deb/a/pool/x%2b%2b_1%7e2_all.deb", "deb/a/pool/x++_1~2_all.deb"),
            (
                "/maven/org/x/lib/1.0%2Bb/lib-1.0%2Bb.jar",
                "maven/org/x/lib/1.0+b/lib-1.0+b.jar",
            ),
        ] {
            assert_eq!(found(raw).as_deref(), Some(path), "{raw}");
        }
        for (raw, content) in [
            ("/maven/o/lib/maven-metadata.xml", Content::Page("application/xml")),
            ("/maven/o/lib/maven-metadata.xml.sha1", Content::Page(TEXT)),
            ("/maven/o/lib/1/lib-1.pom", Content::Artifact("application/xml")),
            ("/maven/o/lib/1/lib-1.jar.sha512", Content::Artifact(TEXT)),
            ("/maven/o/lib/1/lib-1.jar", Content::Artifact(BYTES)),
        ] {
            assert!(matches!(route(raw), Route::File(_, found) if found == content), "{raw}");
        }
        assert_eq!(route("/cargo/index/config.json"), Route::CargoConfig);
        assert_eq!(route("/npm/-/ping"), Route::NpmPing);
        assert_eq!(route("/pypi/simple/"), Route::SimpleRoot);
        assert_eq!(route("/pypi/simple/a-b/"), Route::SimplePage("a-b".to_owned()));
    }

    #[test]
    fn other_spellings_are_redirected_without_a_host() {
        for (raw, to) in [
            ("/pypi/simple", "simple/"),
            ("/pypi/simple/Foo__Bar.baz", "foo-bar-baz/"),
            ("/pypi/simple/Foo_Bar/", "../foo-bar/"),
            ("/pypi/simple/a", "a/"),
        ] {
            assert_eq!(route(raw), Route::Redirect(to.to_owned()), "{raw}");
        }
    }

    #[test]
    fn tricks_are_bad_and_the_rest_is_unknown() {
        for bad in [
            "",
            "x",
            "/files/../state.db",
            "/files/%2e%2e/state.db",
            "/files/%2e%2e%2fstate.db",
            "/files/a/./b",
            "/files/a%00b",
            "/files/a%5cb",
            "/files/a\\b",
            "/files/%",
            "/files/%g0",
            "/files/%ff",
            "/files/a%0ab",
            "/..",
            "/files/x/..",
        ] {
            assert_eq!(route(bad), Route::Bad, "{bad}");
        }
        for unknown in [
            "/",
            "/files",
            "/files/",
            "/files//x",
            "/files/x/",
            "/cargo",
            "/cargo/index/",
            "/cargo/index",
            "/cargo/crates/x",
            "/cargo/x.crate",
            "/cargo/index/.now/x/",
            "/pypi",
            "/pypi/",
            "/pypi/files/",
            "/pypi/files/a/b",
            "/pypi/simple/a/b/",
            "/pypi/simple/a%3Cb/",
            "/maven",
            "/maven/",
            "/maven/o/",
            "/maven//o",
            "/npm",
            "/npm/",
            "/npm/@s",
            "/npm/a/b",
            "/npm/a/-/x.zip",
            "/npm/-/v1/search",
            "/npm/a/-/-/x.tgz",
            "/npm/-/x.tgz",
            "/npm/@s/-/x.tgz",
            "/npm/far//name/-/x.tgz",
            "/npm/far/name",
            "/npm/far/@s/name",
            "/npm/a/-/far/b/-/x.tgz",
            "/repository/files/x",
            "/generations/current",
            "/files/con",
            "/files/a:b",
            "/v2/",
        ] {
            assert_eq!(route(unknown), Route::Unknown, "{unknown}");
        }
        // Decoded once: what is still an escape then is a name of its own.
        assert_eq!(found("/files/%252e%252e/x").as_deref(), Some("files/%2e%2e/x"));
        // The link to the current generation lies above every ecosystem's folder.
        assert_eq!(found("/files/.now/x").as_deref(), Some("files/.now/x"));
    }

    #[test]
    fn a_project_has_a_name() {
        assert_eq!(normal("Foo_.Bar").as_deref(), Some("foo-bar"));
        for wrong in ["", "a b", "a/b", "\u{e4}"] {
            assert_eq!(normal(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_archive_s_indexes_are_asked_for_anew_and_its_packages_are_not() {
        for (raw, is_kept) in [
            ("/deb/a/dists/stable/InRelease", false),
            ("/deb/a/dists/stable/main/binary-all/Packages.xz", false),
            ("/deb/a/dists/stable/main/binary-all/by-hash/SHA256/00", true),
            ("/deb/a/pool/x_1_all.deb", true),
        ] {
            let Route::File(_, content) = route(raw) else {
                panic!("{raw}");
            };
            assert_eq!(matches!(content, Content::Artifact(_)), is_kept, "{raw}");
        }
    }
}
