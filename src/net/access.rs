//! Who may be contacted, over what, and with which credentials.

use std::collections::BTreeSet;
use std::fmt;

use super::address::{Address, Origin, Scheme};
use super::netrc::Netrc;
use crate::ecosystem::UpstreamBase;

/// What decides before every request and every redirect.
#[derive(Debug)]
pub struct Access {
    named: BTreeSet<String>,
    plain_http: PlainHttp,
    bases: Vec<Base>,
    netrc: Netrc,
}

/// Where unencrypted http is accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// On this machine only.
    #[default]
    LoopbackOnly,
    /// Also from these hosts, which the selection names for it.
    AlsoFrom(BTreeSet<String>),
}

/// A host may not be contacted, or not so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Nobody named the host.
    #[error("the host {host} is named by no lockfile, client configuration or selection")]
    NotNamed {
        /// The host.
        host: String,
    },
    /// http without TLS.
    #[error("{host} is reached over plain http, which the selection does not allow")]
    PlainHttp {
        /// The host.
        host: String,
    },
    /// A redirect leads from https to http.
    #[error("{from} redirects from https to http")]
    Downgrade {
        /// The address that redirects.
        from: String,
    },
    /// A host that only an answer names is a bare IP address.
    #[error("an answer leads to the bare address {host}, which nobody named")]
    BareAddress {
        /// The address.
        host: String,
    },
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A registry document: nothing but its host vouches for it.
    Document,
    /// A file whose digest is known beforehand, so that it does not matter who serves it.
    CheckedFile,
}

/// How a host may be contacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Somebody named it: credentials bound to it may be sent.
    Named,
    /// Only an answer of a named host names it: never with credentials; reported.
    NamedByAnswer,
}

struct Base {
    address: Address,
    authorization: Option<String>,
}

/// Never prints the credentials.
impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)
    }
}

impl Access {
    /// Takes the bases from arguments, selection and client configuration, the addresses that lockfiles name, and the
    /// user's netrc. Addresses that cannot be read allow nothing.
    pub fn new<'a>(
        bases: &[UpstreamBase],
        named: impl IntoIterator<Item = &'a str>,
        plain_http: PlainHttp,
        netrc: Netrc,
    ) -> Self {
        let bases: Vec<Base> = bases
            .iter()
            .filter_map(|base| {
                Some(Base {
                    address: Address::read(strip_protocol(&base.url)).ok()?,
                    authorization: base.authorization.clone(),
                })
            })
            .collect();
        let named = named
            .into_iter()
            .filter_map(|text| Address::read(strip_protocol(text)).ok())
            .map(|address| address.host().to_owned())
            .chain(bases.iter().map(|base| base.address.host().to_owned()))
            .collect();
        Self {
            named,
            plain_http,
            bases,
            netrc,
        }
    }

    /// Decides about the first request for something.
    pub(crate) fn first(&self, address: &Address, purpose: Purpose) -> Result<Permit, AccessError> {
        self.check_scheme(address.origin())?;
        if self.named.contains(address.host()) {
            return Ok(Permit::Named);
        }
        match purpose {
            Purpose::Document => Err(AccessError::NotNamed {
                host: address.host().to_owned(),
            }),
            // An index on this machine may name files on this machine; one elsewhere may not.
            Purpose::CheckedFile => {
                let all_are_near = !self.named.is_empty() && self.named.iter().all(|host| is_loopback_name(host));
                self.unnamed(address, all_are_near)
            }
        }
    }

    /// Decides about following a redirect.
    pub(crate) fn redirect(&self, from: &Address, to: &Address, purpose: Purpose) -> Result<Permit, AccessError> {
        if from.origin().secure == Scheme::Https && to.origin().secure == Scheme::Http {
            return Err(AccessError::Downgrade { from: from.to_string() });
        }
        self.check_scheme(to.origin())?;
        if self.named.contains(to.host()) {
            return Ok(Permit::Named);
        }
        match purpose {
            Purpose::Document => Err(AccessError::NotNamed {
                host: to.host().to_owned(),
            }),
            Purpose::CheckedFile => self.unnamed(to, from.origin().is_loopback()),
        }
    }

    /// The `Authorization` header's value for an address: that of the base with the longest common path on the same
    /// scheme, host and port; else the netrc's.
    pub(crate) fn authorization(&self, address: &Address) -> Option<&str> {
        self.bases
            .iter()
            .filter(|base| base.authorization.is_some() && base.address.origin() == address.origin())
            .max_by_key(|base| common_length(base.address.target(), address.target()))
            .and_then(|base| base.authorization.as_deref())
            .or_else(|| self.netrc.authorization(address.host().trim_matches(['[', ']'])))
    }

    /// A registry's answer must not make us talk to machines that only we can reach.
    fn unnamed(&self, address: &Address, asker_is_loopback: bool) -> Result<Permit, AccessError> {
        let near = address.origin().is_loopback();
        if near && asker_is_loopback || !near && address.origin().ip().is_none() {
            return Ok(Permit::NamedByAnswer);
        }
        Err(AccessError::BareAddress {
            host: address.host().to_owned(),
        })
    }

    fn check_scheme(&self, origin: &Origin) -> Result<(), AccessError> {
        let allowed = match (origin.secure, &self.plain_http) {
            (Scheme::Https, _) => true,
            (Scheme::Http, _) if origin.is_loopback() => true,
            (Scheme::Http, PlainHttp::LoopbackOnly) => false,
            (Scheme::Http, PlainHttp::AlsoFrom(hosts)) => hosts.contains(&origin.host),
        };
        if allowed {
            Ok(())
        } else {
            Err(AccessError::PlainHttp {
                host: origin.host.clone(),
            })
        }
    }
}

fn is_loopback_name(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// Cargo writes `sparse+https://…` and `registry+https://…`.
fn strip_protocol(url: &str) -> &str {
    match url.split_once('+') {
        Some((prefix, rest)) if prefix.bytes().all(|byte| byte.is_ascii_alphabetic()) => rest,
        _ => url,
    }
}

fn common_length(left: &str, right: &str) -> usize {
    left.split('/')
        .zip(right.split('/'))
        .take_while(|(left, right)| left == right)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecosystem::NamedBy;

    fn base(url: &str, authorization: Option<&str>) -> UpstreamBase {
        UpstreamBase {
            named_by: NamedBy::Client,
            ecosystem: "pypi",
            scope: None,
            url: url.to_owned(),
            authorization: authorization.map(str::to_owned),
        }
    }

    fn address(text: &str) -> Address {
        Address::read(text).unwrap()
    }

    fn access() -> Access {
        Access::new(
            &[
                base("https://registry.example.com/one/simple/", Some("Bearer one")),
                base("https://registry.example.com/two/simple/", Some("Bearer two")),
                base("sparse+https://crates.example.com/index/", None),
            ],
            ["https://files.example.com/x", "not an address"],
            PlainHttp::LoopbackOnly,
            Netrc::read("machine files.example.com login u password p"),
        )
    }

    #[test]
    fn only_named_hosts_give_documents() {
        let access = access();
        let first = |url: &str, purpose| access.first(&address(url), purpose);
        assert_eq!(
            first("https://crates.example.com/a", Purpose::Document),
            Ok(Permit::Named)
        );
        assert!(first("https://other.example.com/a", Purpose::Document).is_err());
        assert!(first("https://a.registry.example.com/a", Purpose::Document).is_err());
        assert!(first("http://registry.example.com/a", Purpose::Document).is_err());
        assert_eq!(
            first("https://other.example.com/a", Purpose::CheckedFile),
            Ok(Permit::NamedByAnswer)
        );
        for inner in [
            "https://10.0.0.1/",
            "https://[fe80::1]/",
            "http://127.0.0.1/",
            "http://localhost/",
            "https://localhost/",
        ] {
            assert!(first(inner, Purpose::CheckedFile).is_err(), "{inner}");
        }
    }

    #[test]
    fn redirects_do_not_lead_down_or_inwards() {
        let access = access();
        let from = address("https://registry.example.com/one/simple/");
        let to = |url: &str, purpose| access.redirect(&from, &address(url), purpose);
        assert_eq!(to("https://files.example.com/y", Purpose::Document), Ok(Permit::Named));
        assert!(matches!(
            to("https://other.example.com/y", Purpose::Document),
            Err(AccessError::NotNamed { .. })
        ));
        assert_eq!(
            to("https://other.example.com/y", Purpose::CheckedFile),
            Ok(Permit::NamedByAnswer)
        );
        assert!(matches!(
            to("http://registry.example.com/", Purpose::CheckedFile),
            Err(AccessError::Downgrade { .. })
        ));
        assert!(matches!(
            to("https://169.254.169.254/", Purpose::CheckedFile),
            Err(AccessError::BareAddress { .. })
        ));
        // From this machine to a host that was named, and not for that.
        let from = address("http://127.0.0.1/");
        for purpose in [Purpose::Document, Purpose::CheckedFile] {
            let to = address("http://files.example.com/y");
            assert!(matches!(
                access.redirect(&from, &to, purpose),
                Err(AccessError::PlainHttp { .. })
            ));
        }
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        let access = access();
        let of = |url: &str| access.authorization(&address(url)).map(str::to_owned);
        assert_eq!(
            of("https://registry.example.com/two/files/x").as_deref(),
            Some("Bearer two")
        );
        assert_eq!(
            of("https://registry.example.com/one/simple/x").as_deref(),
            Some("Bearer one")
        );
        assert_eq!(of("https://registry.example.com:8443/one/simple/x"), None);
        assert_eq!(of("http://registry.example.com/one/simple/x"), None);
        assert_eq!(of("https://files.example.com/x").as_deref(), Some("Basic dTpw"));
        assert_eq!(of("https://other.example.com/x"), None);
        assert!(!format!("{access:?}").contains("Bearer"));
    }

    #[test]
    fn plain_http_needs_to_be_named() {
        let access = Access::new(
            &[
                base("http://old.example.com/", None),
                base("http://older.example.com/", None),
            ],
            [],
            PlainHttp::AlsoFrom(["old.example.com".to_owned()].into()),
            Netrc::default(),
        );
        assert!(
            access
                .first(&address("http://old.example.com/"), Purpose::Document)
                .is_ok()
        );
        assert!(matches!(
            access.first(&address("http://older.example.com/"), Purpose::Document),
            Err(AccessError::PlainHttp { .. })
        ));
    }

    #[test]
    fn only_an_index_on_this_machine_leads_to_this_machine() {
        for (named, to, is_permitted) in [
            (Some("http://127.0.0.1:8080/"), "http://127.0.0.2/", true),
            (Some("http://localhost/"), "http://127.0.0.2/", true),
            (Some("https://10.0.0.1/"), "https://127.0.0.1/", false),
            (None, "https://127.0.0.1/", false),
            (None, "https://files.example.com/", true),
        ] {
            let access = Access::new(&[], named, PlainHttp::LoopbackOnly, Netrc::default());
            let found = access.first(&address(to), Purpose::CheckedFile);
            assert_eq!(found.is_ok(), is_permitted, "{named:?} {to}: {found:?}");
        }
    }
}
