//! The little that an index needs of URLs (RFC 3986): credentials split off, references resolved, names encoded.

use base64::Engine as _;

/// The most that an index or a lockfile may give as a URL; servers refuse longer ones.
const MAX_URL_BYTES: usize = 8192;

/// An absolute `http` or `https` URL, taken apart.
struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    host: &'a str,
    /// From the first slash of the path on, without the fragment; may be empty.
    rest: &'a str,
}

fn split(url: &str) -> Option<Parts<'_>> {
    let printable = |byte: u8| (0x21..0x7f).contains(&byte) && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'`');
    if url.len() > MAX_URL_BYTES || !url.bytes().all(printable) {
        return None;
    }
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let rest = rest.split('#').next().unwrap_or(rest);
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    (!host.is_empty()).then_some(Parts {
        scheme,
        user,
        host,
        rest,
    })
}

/// A URL without credentials and fragment, and the `Authorization` header that the credentials make.
/// `None` where it is not an absolute HTTP URL.
pub(crate) fn without_credentials(url: &str) -> Option<(String, Option<String>)> {
    let parts = split(url)?;
    let plain = format!(
        "{}://{}{}",
        parts.scheme.to_ascii_lowercase(),
        parts.host.to_ascii_lowercase(),
        parts.rest
    );
    let authorization = parts.user.filter(|user| !user.is_empty()).map(|user| {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        basic(&decode(name), &decode(password))
    });
    Some((plain, authorization))
}

/// The value of an `Authorization` header (RFC 7617).
pub(crate) fn basic(user: &[u8], password: &[u8]) -> String {
    let pair = [user, b":", password].concat();
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

/// Scheme, host and port, as they are written.
pub(crate) fn origin(url: &str) -> Option<String> {
    let parts = split(url)?;
    Some(format!("{}://{}", parts.scheme, parts.host).to_ascii_lowercase())
}

/// Resolves a reference against the URL of the page it stands in (RFC 3986 §5.2); credentials are dropped.
pub(crate) fn join(page: &str, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or(reference);
    if split(reference).is_some() {
        return without_credentials(reference).map(|(url, _)| url);
    }
    let parts = split(page)?;
    let origin = format!(
        "{}://{}",
        parts.scheme.to_ascii_lowercase(),
        parts.host.to_ascii_lowercase()
    );
    let path = parts.rest.split('?').next().unwrap_or(parts.rest);
    let joined = if let Some(rest) = reference.strip_prefix("//") {
        return without_credentials(&format!("{}://{rest}", parts.scheme)).map(|(url, _)| url);
    } else if reference.starts_with('/') {
        reference.to_owned()
    } else if reference
        .split(['/', '?'])
        .next()
        .is_some_and(|first| first.contains(':'))
    {
        // Another scheme: `file:`, `javascript:`, …
        return None;
    } else {
        let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
        format!("{folder}{reference}")
    };
    let (path, query) = match joined.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (joined.as_str(), None),
    };
    let mut url = format!("{origin}{}", without_dots(path));
    if let Some(query) = query {
        url.push('?');
        url.push_str(query);
    }
    split(&url)?;
    Some(url)
}

/// Removes `.` and `..` (RFC 3986 §5.2.4); what would climb above the root stays at the root.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            part => kept.push(part),
        }
    }
    format!("/{}", kept.join("/"))
}

/// The last component of a URL's path, decoded: the name of the file it serves.
pub(crate) fn file_name(url: &str) -> Option<String> {
    let parts = split(url)?;
    let path = parts.rest.split('?').next().unwrap_or(parts.rest);
    let (_, last) = path.rsplit_once('/')?;
    String::from_utf8(decode(last)).ok().filter(|name| !name.is_empty())
}

/// Percent-decodes once; what is no escape stays.
fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).and_then(|digits| {
            let mut byte = [0];
            hex::decode_to_slice(digits, &mut byte).ok()?;
            Some(byte[0])
        });
        match escape {
            Some(byte) if bytes[at] == b'%' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    decoded
}

/// Percent-encodes all but the unreserved characters (RFC 3986 §2.3) and those that `keep` names.
pub(crate) fn encode(text: &str, keep: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_split_off() {
        for (url, plain, authorization) in [
            (
                "https://index.example.com/simple",
                "https://index.example.com/simple",
                None,
            ),
            (
                "https://user:p%40ss@Index.example.com:8443/simple/#frag",
                "https://index.example.com:8443/simple/",
                Some("Basic dXNlcjpwQHNz"),
            ),
            (
                "HTTPS://token@index.example.com",
                "https://index.example.com",
                Some("Basic dG9rZW46"),
            ),
            ("https://@index.example.com/", "https://index.example.com/", None),
        ] {
            let (found, header) = without_credentials(url).unwrap();
            assert_eq!((found.as_str(), header.as_deref()), (plain, authorization));
        }
        let long = format!("https://a/{}", "a".repeat(9000));
        for wrong in [
            "",
            "simple/",
            "file:///x",
            "ftp://a/b",
            "https://",
            "https:///x",
            "https://a/b c",
            &long,
        ] {
            assert_eq!(without_credentials(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn references_are_resolved() {
        let page = "https://index.example.com/a/simple/foo/?x";
        for (reference, url) in [
            ("../../files/f.whl#sha256=00", "https://index.example.com/a/files/f.whl"),
            ("f.whl", "https://index.example.com/a/simple/foo/f.whl"),
            ("/f.whl?x=../y", "https://index.example.com/f.whl?x=../y"),
            ("../../../../../f.whl", "https://index.example.com/f.whl"),
            ("//files.example.com/f.whl", "https://files.example.com/f.whl"),
            (
                "https://u:p@files.example.com/./f.whl",
                "https://files.example.com/./f.whl",
            ),
        ] {
            assert_eq!(join(page, reference).as_deref(), Some(url), "{reference}");
        }
        for wrong in ["file:///etc/passwd", "javascript:x", "a b", "ftp://x/y", "a\\b"] {
            assert_eq!(join(page, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn file_names_are_decoded_once() {
        assert_eq!(
            file_name("https://files.example.com/a%2Fb/foo-1.0%2Bcu1-py3.whl?x=/y").as_deref(),
            Some("foo-1.0+cu1-py3.whl")
        );
        assert_eq!(file_name("https://files.example.com/%252e").as_deref(), Some("%2e"));
        assert_eq!(
            file_name("https://files.example.com/100%.%zz%4").as_deref(),
            Some("100%.%zz%4")
        );
        assert_eq!(file_name("https://files.example.com/a/"), None);
        assert_eq!(file_name("https://files.example.com"), None);
        assert_eq!(encode("foo-1!2+a b", b""), "foo-1%212%2Ba%20b");
    }
}
