//! Names, versions, file names and URLs as npm's registries have them.
//!
//! Source: npm's package.json documentation, "name" and "version"; the rules for names of old packages in
//! `validate-npm-package-name`.

use semver::Version;

use crate::ecosystem::Coordinate;
use crate::model::{Algorithm, Claim};

/// npm's own bound on names.
const MAX_NAME_BYTES: usize = 214;

/// npm's own bound on versions.
const MAX_VERSION_BYTES: usize = 256;

/// Says why a text is not a package's name; `None` where it is one.
///
/// Old packages may have upper-case letters. The handful with `!'()*` in their names are not carried.
pub(crate) fn name_fault(name: &str) -> Option<&'static str> {
    if name.len() > MAX_NAME_BYTES {
        return Some("the name is longer than 214 bytes");
    }
    let base = match name.strip_prefix('@') {
        Some(scoped) => {
            let Some((scope, base)) = scoped.split_once('/') else {
                return Some("the name has a scope and nothing else");
            };
            if let Some(fault) = part_fault(scope) {
                return Some(fault);
            }
            base
        }
        None => name,
    };
    if matches!(name, "node_modules" | "favicon.ico") {
        return Some("the name is reserved");
    }
    part_fault(base)
}

fn part_fault(part: &str) -> Option<&'static str> {
    if part.is_empty() {
        return Some("a part of the name is empty");
    }
    if part.starts_with(['.', '_', '-']) {
        return Some("a part of the name starts with a dot, an underscore or a hyphen");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~');
    if !part.bytes().all(plain) {
        return Some("the name holds a character that names do not have");
    }
    None
}

/// Reads a version in its one spelling.
pub(crate) fn version(text: &str) -> Option<Version> {
    if text.len() > MAX_VERSION_BYTES {
        return None;
    }
    Version::parse(text).ok().filter(|version| version.to_string() == text)
}

/// Brings a version from a package.json into the spelling that the registry gives it on publication.
pub(crate) fn published_version(text: &str) -> Option<Version> {
    let text = text.trim();
    version(text.trim_start_matches(['=', 'v', ' ']))
}

/// The name without its scope.
pub(crate) fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The scope with its `@`.
pub(crate) fn scope(name: &str) -> Option<&str> {
    name.starts_with('@').then(|| name.split('/').next()).flatten()
}

/// Splits `name@rest`, where the name may have a scope.
pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
    let at = text.get(1..)?.find('@')? + 1;
    Some((&text[..at], &text[at + 1..]))
}

/// The tarball's file name: the registry's own pattern, whatever URL an upstream serves it at.
pub(crate) fn file_name(name: &str, version: &str) -> String {
    format!("{}-{version}.tgz", base_name(name))
}

/// The name in a URL's path: one component, as registries expect it.
pub(crate) fn url_name(name: &str) -> String {
    name.replace('/', "%2f")
}

/// The registry's base URL, read off a tarball's URL of the usual form `<base>/<name>/-/<file>`, without a slash at
/// its end.
pub(crate) fn registry_of<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (before, _) = url.split_once("/-/")?;
    let before = match before.strip_suffix(name) {
        Some(before) => before,
        None => {
            let start = before.len().checked_sub(name.len() + 2)?;
            let tail = before.get(start..)?;
            tail.eq_ignore_ascii_case(&url_name(name)).then(|| &before[..start])?
        }
    };
    before.strip_suffix('/').filter(|base| is_web_url(base))
}

/// Whether a text is an HTTP or HTTPS URL with a host.
pub(crate) fn is_web_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(|byte| (0x21..0x7f).contains(&byte))
    })
}

/// Takes user name and password out of a URL.
pub(crate) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// Reads Subresource Integrity (W3C SRI §3.5): every hash in it of an algorithm that sealift checks.
pub(crate) fn claims(integrity: &str) -> Vec<Claim> {
    let mut claims: Vec<Claim> = integrity
        .split_ascii_whitespace()
        .filter_map(|item| Claim::from_integrity(item).ok())
        .collect();
    claims.sort();
    claims.dedup();
    claims
}

/// Whether any of the claims is strong enough to pin an artifact: SHA-1 is not.
pub(crate) fn pins(claims: &[Claim]) -> bool {
    claims.iter().any(|claim| claim.algorithm() > Algorithm::Sha1)
}

/// Reads a loose tarball's name: `<base>-<version>.tgz`, or `@<scope>-<base>-<version>.tgz` as Yarn's offline mirror
/// has it. `npm pack` writes `<scope>-<base>-<version>.tgz` for scoped packages, which cannot be told from a name without
/// a scope; the content decides later.
pub(crate) fn recognise(file_name: &str) -> Option<Coordinate> {
    let stem = file_name.strip_suffix(".tgz")?;
    let (name, text) = stem
        .match_indices('-')
        .map(|(at, _)| (&stem[..at], &stem[at + 1..]))
        .find(|(_, text)| version(text).is_some())?;
    let name = match name.strip_prefix('@') {
        // Scopes and names may hold hyphens: more than one leaves the border open.
        Some(scoped) => match scoped.split_once('-') {
            Some((scope, base)) if !base.contains('-') => format!("@{scope}/{base}"),
            _ => return None,
        },
        None => name.to_owned(),
    };
    name_fault(&name).is_none().then(|| Coordinate {
        name,
        version: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for right in ["ms", "is-odd", "JSONStream", "@types/node", "@S/x.y_z~1", "a..b"] {
            assert_eq!(name_fault(right), None, "{right}");
        }
        let long = "a".repeat(215);
        for wrong in [
            "",
            "@",
            "@s",
            "@s/",
            "@/x",
            "@s/x/y",
            ".x",
            "_x",
            "-x",
            "@s/.x",
            "@.s/x",
            "../x",
            "a/b",
            "a b",
            "a%2fb",
            "a\\b",
            "é",
            "x*",
            "node_modules",
            "favicon.ico",
            &long,
        ] {
            assert!(name_fault(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn versions() {
        assert!(version("1.0.0-rc.1+build").is_some());
        let long = |bytes: usize| format!("{:x<bytes$}", "1.0.0-");
        assert!(version(&long(256)).is_some());
        assert!(version(&long(257)).is_none());
        for wrong in [
            "1",
            "1.0",
            "v1.0.0",
            " 1.0.0",
            "01.0.0",
            "1.0.0/../x",
            "https://x",
            &"1".repeat(300),
        ] {
            assert!(version(wrong).is_none(), "{wrong}");
        }
        assert_eq!(published_version(" v1.2.3 "), version("1.2.3"));
        assert_eq!(published_version("=1.2.3"), version("1.2.3"));
        assert!(published_version("1.2").is_none());
    }

    #[test]
    fn loose_files() {
        let name = |file| recognise(file).map(|found| format!("{} {}", found.name, found.version));
        assert_eq!(name("is-odd-3.0.1.tgz").as_deref(), Some("is-odd 3.0.1"));
        assert_eq!(name("x-1.0.0-rc.1.tgz").as_deref(), Some("x 1.0.0-rc.1"));
        assert_eq!(name("@types-node-20.0.0.tgz").as_deref(), Some("@types/node 20.0.0"));
        for wrong in [
            "@a-b-c-1.0.0.tgz",
            "@x-1.0.0.tgz",
            "x.tgz",
            "x-1.0.tgz",
            "x-1.0.0.zip",
            "-1.0.0.tgz",
            "1.0.0.tgz",
        ] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn urls() {
        for (url, name, base) in [
            (
                "https://registry.example.com/ms/-/ms-1.0.0.tgz",
                "ms",
                Some("https://registry.example.com"),
            ),
            ("https://h/npm/x/@s/n/-/n-1.0.0.tgz", "@s/n", Some("https://h/npm/x")),
            ("https://h/@s%2Fn/-/n-1.0.0.tgz", "@s/n", Some("https://h")),
            ("https://h/@s%2fn/-/n-1.0.0.tgz", "@s/n", Some("https://h")),
            ("https://h/other/-/ms-1.0.0.tgz", "ms", None),
            ("https://h/forms/-/ms-1.0.0.tgz", "ms", None),
            ("https://h/download/ms/1.0.0.tgz", "ms", None),
            ("ms/-/ms-1.0.0.tgz", "ms", None),
            ("https:///ms/-/ms-1.0.0.tgz", "ms", None),
            ("é/-/x", "a", None),
        ] {
            assert_eq!(registry_of(url, name), base, "{url}");
        }
        assert_eq!(without_credentials("https://u:p@h/x@1"), "https://h/x@1");
        assert_eq!(without_credentials("https://h/x@1"), "https://h/x@1");
        assert_eq!(without_credentials("https://u@h?a@b"), "https://h?a@b");
        assert!(
            !is_web_url("file:///x") && !is_web_url("https://") && !is_web_url("https://a b") && is_web_url("http://h")
        );
    }

    #[test]
    fn name_and_rest() {
        assert_eq!(split("@s/x@1@2"), Some(("@s/x", "1@2")));
        assert_eq!(split("x@"), Some(("x", "")));
        for wrong in ["", "@", "x", "@s/x", "é"] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn integrity() {
        let sha512 = "sha512-ISl80N0xiDxvQxbG2YnahKmS/4x8AvdZM5Cl0yvSYM0xHTsn1Af0NGqCAXTlkuCxlvB03VvSoM7VkK2B63vPJQ==";
        assert_eq!(
            claims(&format!("sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0= {sha512} {sha512} md5-xx")).len(),
            2
        );
        assert!(pins(&claims(sha512)));
        assert!(!pins(&claims("sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=")));
        assert!(claims("sha512-AAAA nothing").is_empty());
    }

    #[test]
    fn a_registry_is_read_off_a_url_that_names_the_package() {
        for (url, name, expected) in [
            (
                "https://r.example.com/ms/-/ms-1.0.0.tgz",
                "ms",
                Some("https://r.example.com"),
            ),
            (
                "https://r.example.com/a/@s%2Fx/-/x-1.0.0.tgz",
                "@s/x",
                Some("https://r.example.com/a"),
            ),
            ("https://r.example.com/abcd/-/ms-1.0.0.tgz", "ms", None),
            ("https:///ms/-/ms-1.0.0.tgz", "ms", None),
            ("ms/-/ms-1.0.0.tgz", "ms", None),
        ] {
            assert_eq!(registry_of(url, name), expected, "{url}");
        }
        assert!(is_web_url("https://r.example.com") && !is_web_url("https:///ms"));
    }

    #[test]
    fn a_plain_name_has_no_scope() {
        assert_eq!((scope("@s/x"), scope("ms")), (Some("@s"), None));
    }
}
