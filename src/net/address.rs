//! Addresses that may be asked: absolute, http or https, without credentials.

use std::fmt;
use std::net::IpAddr;

/// An absolute http or https address without user, password and fragment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    origin: Origin,
    /// Path and query; begins with a slash.
    target: String,
}

/// Scheme, host and port: what credentials are bound to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Origin {
    pub(crate) secure: Scheme,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// A text is not an address that may be asked. It is not repeated here, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not `http://` or `https://`.
    #[error("the address is neither http nor https")]
    Scheme,
    /// The address carries a user or password.
    #[error("the address carries credentials")]
    Credentials,
    /// The host or port is missing or malformed.
    #[error("the address's host or port is malformed")]
    Host,
    /// It holds a space, a control, a backslash or a character outside ASCII, or is too long.
    #[error("the address holds a character that addresses may not hold, or is longer than 8 KiB")]
    Characters,
}

/// RFC 9110 §4.1 wants at least 8000 octets supported; nothing real is longer.
const MAX_ADDRESS_BYTES: usize = 8192;

impl Address {
    /// Reads an absolute address.
    pub fn read(text: &str) -> Result<Self, AddressError> {
        check_characters(text)?;
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(AddressError::Scheme),
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let (authority, target) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(AddressError::Credentials);
        }
        let (host, port) = read_authority(authority, secure)?;
        let target = if target.starts_with('/') {
            target.to_owned()
        } else {
            format!("/{target}")
        };
        Ok(Self {
            origin: Origin { secure, host, port },
            target: without_dot_segments(&target),
        })
    }

    /// Reads a reference, such as a `Location` header, relative to this address (RFC 3986 §5.2).
    pub fn join(&self, reference: &str) -> Result<Self, AddressError> {
        check_characters(reference)?;
        let reference = reference.split('#').next().unwrap_or(reference);
        if reference.contains("://") && !reference.starts_with(['/', '?']) {
            return Self::read(reference);
        }
        if reference.starts_with("//") {
            return Self::read(&format!("{}:{reference}", self.origin.secure.word()));
        }
        let path = self.target.split('?').next().unwrap_or("/");
        let target = if reference.starts_with('/') {
            reference.to_owned()
        } else if reference.starts_with('?') {
            format!("{path}{reference}")
        } else {
            // A first component with a colon would be another scheme, such as `javascript:`.
            if reference
                .split(['/', '?'])
                .next()
                .is_some_and(|first| first.contains(':'))
            {
                return Err(AddressError::Scheme);
            }
            let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
            format!("{folder}{reference}")
        };
        Ok(Self {
            origin: self.origin.clone(),
            target: without_dot_segments(&target),
        })
    }

    /// The whole address, with its query: to be asked, and not to be told.
    pub fn full(&self) -> String {
        format!("{}{}", self.origin, self.target)
    }

    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The host, in lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.origin.host
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl Scheme {
    const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Origin {
    /// The host as an IP address, where it is written as one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Whether it is this very machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

fn check_characters(text: &str) -> Result<(), AddressError> {
    let fits = text.len() <= MAX_ADDRESS_BYTES
        && text
            .bytes()
            .all(|byte| (0x21..0x7f).contains(&byte) && !matches!(byte, b'\\' | b'<' | b'>' | b'"'));
    if fits { Ok(()) } else { Err(AddressError::Characters) }
}

fn read_authority(authority: &str, secure: Scheme) -> Result<(String, u16), AddressError> {
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']').ok_or(AddressError::Host)?;
        let (host, rest) = authority.split_at(end + 1);
        let inner = &host[1..end];
        inner.parse::<std::net::Ipv6Addr>().map_err(|_| AddressError::Host)?;
        match rest {
            "" => (host, None),
            _ => (host, Some(rest.strip_prefix(':').ok_or(AddressError::Host)?)),
        }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if host.is_empty() || !host.starts_with('[') && !host.bytes().all(plain) {
        return Err(AddressError::Host);
    }
    let port = match port {
        None | Some("") => secure.port(),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map_err(|_| AddressError::Host)?
        }
        Some(_) => return Err(AddressError::Host),
    };
    // `host.` and `host` are one host; two spellings would be two entries in the list of allowed ones.
    Ok((host.trim_end_matches('.').to_ascii_lowercase(), port))
}

/// RFC 3986 §5.2.4. The query is left alone.
fn without_dot_segments(target: &str) -> String {
    let (path, query) = match target.find('?') {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.secure.word(), self.host)?;
        if self.port != self.secure.port() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

/// The address as it may be told: a query may carry a signature or token, and is left out.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            self.origin,
            self.target.split('?').next().unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_per_host() {
        for (text, plain) in [
            (
                "HTTPS://Registry.Example.com:443/a/../b",
                "https://registry.example.com/b",
            ),
            ("https://registry.example.com.", "https://registry.example.com/"),
            ("http://127.0.0.1:8080?x#y", "http://127.0.0.1:8080/?x"),
            ("http://[::1]:81/a/./b/", "http://[::1]:81/a/b/"),
            (
                "https://registry.example.com/%2e/@s%2fx",
                "https://registry.example.com/%2e/@s%2fx",
            ),
        ] {
            assert_eq!(Address::read(text).unwrap().full(), plain);
        }
    }

    #[test]
    fn a_query_is_asked_and_not_told() {
        let address = Address::read("https://files.example.com/a?token=s3cret").unwrap();
        assert_eq!(address.to_string(), "https://files.example.com/a");
        assert_eq!(address.target(), "/a?token=s3cret");
    }

    #[test]
    fn tricks_are_refused() {
        for wrong in [
            "",
            "registry.example.com/x",
            "ftp://registry.example.com/",
            "file:///etc/passwd",
            "https:///x",
            "https://user:secret@registry.example.com/",
            "https://registry.example.com\\@other.example.com/",
            "https://registry.example.com:99999/",
            "https://registry.example.com:+80/",
            "https://registry.example.com/a b",
            "https://registry.example.com/\r\nX: y",
            "https://r\u{e9}gistry.example.com/",
            "https://[::1/",
            "https://[::1]x/",
            "https://[::g]/",
            "https://[registry.example.com]/",
            "https://[127.0.0.1]/",
            "https://registry,example.com/",
            "https://registry%2eexample.com/",
        ] {
            assert!(Address::read(wrong).is_err(), "{wrong:?}");
        }
        // What to do about a password is told, and not that the host is none.
        let secret = Address::read("https://user:secret@registry.example.com/");
        assert!(matches!(secret, Err(AddressError::Credentials)), "{secret:?}");
        assert!(Address::read(&format!("https://registry.example.com/{}", "a".repeat(9000))).is_err());
    }

    #[test]
    fn references_follow_rfc_3986() {
        let base = Address::read("https://index.example.com/simple/foo/?x=1").unwrap();
        for (reference, joined) in [
            ("../../files/foo.whl", "https://index.example.com/files/foo.whl"),
            ("/x?y", "https://index.example.com/x?y"),
            ("?z", "https://index.example.com/simple/foo/?z"),
            ("//files.example.com/a", "https://files.example.com/a"),
            ("http://files.example.com/a#b", "http://files.example.com/a"),
            ("bar#frag", "https://index.example.com/simple/foo/bar"),
            ("../../../../..", "https://index.example.com/"),
        ] {
            assert_eq!(base.join(reference).unwrap().full(), joined, "{reference}");
        }
        assert!(base.join("javascript:alert(1)").is_err());
        assert!(base.join("https://u:p@files.example.com/").is_err());
        for wrong in ["a b", "a\r\nX: y", "..\\x", "/\u{e9}", "?<", &"a".repeat(9000)] {
            assert!(base.join(wrong).is_err(), "{wrong:?}");
        }
    }
}
