//! Which `Host` a request may name. Absolute URLs in answers are built from it, so it must be ours.

use std::net::SocketAddr;
use std::str::FromStr;

/// A host under which clients may ask: a name or address, with or without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    name: String,
    port: Option<u16>,
}

/// A text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a host name or address, with or without a port")]
pub struct HostError {
    text: String,
}

impl FromStr for AllowedHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let error = || HostError {
            text: text.chars().take(300).collect(),
        };
        let (name, port) = split(text).ok_or_else(error)?;
        Ok(Self { name, port })
    }
}

/// Parts a host and its port: RFC 3986 §3.2.2, without user information or escapes.
fn split(text: &str) -> Option<(String, Option<u16>)> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            let port = if rest.is_empty() {
                None
            } else {
                Some(rest.strip_prefix(':')?)
            };
            (&text[..address.len() + 2], port)
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if name.is_empty() || !(name.starts_with('[') || name.bytes().all(is_plain)) {
        return None;
    }
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
    };
    Some((name.to_ascii_lowercase(), port))
}

/// Whether a `Host` header names the address of the connection itself, `localhost` on loopback, or an allowed host.
pub(super) fn is_allowed(host: &str, local: SocketAddr, default_port: u16, allowed: &[AllowedHost]) -> bool {
    let Some((name, port)) = split(host) else {
        return false;
    };
    let port = port.unwrap_or(default_port);
    let address = match local {
        SocketAddr::V4(local) => local.ip().to_string(),
        SocketAddr::V6(local) => match local.ip().to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => format!("[{}]", local.ip()),
        },
    };
    let is_loopback = local.ip().to_canonical().is_loopback();
    if port == local.port() && (name == address || (is_loopback && name == "localhost")) {
        return true;
    }
    // Behind a proxy the client's port is the proxy's, so a name without a port allows every port.
    allowed
        .iter()
        .any(|host| host.name == name && host.port.is_none_or(|allowed| allowed == port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_count() {
        let local: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let allowed: Vec<AllowedHost> = vec!["mirror.example.com".parse().unwrap(), "other:99".parse().unwrap()];
        let check = |host| is_allowed(host, local, 80, &allowed);
        for right in [
            "127.0.0.1:8080",
            "localhost:8080",
            "LOCALHOST:8080",
            "mirror.example.com",
            "mirror.example.com:8443",
            "other:99",
        ] {
            assert!(check(right), "{right}");
        }
        for wrong in [
            "",
            "127.0.0.1",
            "localhost",
            "127.0.0.2:8080",
            "evil.example.com:8080",
            "other",
            "other:98",
            "127.0.0.1:8080@evil",
            "a b",
            "127.0.0.1:8080/x",
            "127.0.0.1:+8080",
            "127.0.0.1:",
            "[::1",
            "mirror.example.com.evil",
        ] {
            assert!(!check(wrong), "{wrong}");
        }
        let public: SocketAddr = "192.0.2.1:80".parse().unwrap();
        assert!(is_allowed("192.0.2.1", public, 80, &[]));
        assert!(!is_allowed("localhost", public, 80, &[]));
        let six: SocketAddr = "[::1]:80".parse().unwrap();
        assert!(is_allowed("[::1]", six, 80, &[]) && is_allowed("[::1]:80", six, 80, &[]));
    }

    #[test]
    fn a_url_is_no_host() {
        for wrong in ["http://x", "x/y", "user@x", "", "x:y", "[x]", "x:70000"] {
            let error = wrong.parse::<AllowedHost>().unwrap_err();
            assert!(error.to_string().contains("is not a host name"), "{error}");
        }
    }
}
