//! Which proxy stands between us and a host.

use std::net::IpAddr;

use super::address::{Origin, Scheme};
use crate::ecosystem::Transport;

/// Proxies by scheme, and the hosts that are asked directly.
#[derive(Clone, Default)]
pub struct Proxies {
    https: Option<ureq::Proxy>,
    http: Option<ureq::Proxy>,
    direct: Vec<Direct>,
}

/// A proxy's address cannot be used. It is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proxy that `{variable}` names is not an address that can be used")]
pub struct ProxyError {
    /// The variable or setting.
    pub variable: String,
}

/// One item of NO_PROXY.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Direct {
    All,
    /// The host itself and every host below it, at one port or all.
    Host(String, Option<u16>),
    Network(IpAddr, u8),
}

impl Proxies {
    /// Reads `HTTPS_PROXY`, `http_proxy`, `ALL_PROXY` and `NO_PROXY`, in lower case first, as curl does.
    /// `HTTP_PROXY` in upper case is not read: a CGI request could set it.
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ProxyError> {
        let named = |names: &[&str]| -> Result<Option<ureq::Proxy>, ProxyError> {
            for name in names {
                if let Some(text) = variable(name).filter(|text| !text.trim().is_empty()) {
                    return read_proxy(text.trim()).map(Some).ok_or_else(|| ProxyError {
                        variable: (*name).to_owned(),
                    });
                }
            }
            Ok(None)
        };
        let https = named(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?;
        let http = named(&["http_proxy", "all_proxy", "ALL_PROXY"])?;
        let list = variable("no_proxy")
            .or_else(|| variable("NO_PROXY"))
            .unwrap_or_default();
        Ok(Self {
            https,
            http,
            direct: list.split([',', ' ']).filter_map(read_direct).collect(),
        })
    }

    /// Takes what a client's configuration names, where the environment names no proxy at all.
    pub fn or_client(self, transport: &Transport) -> Result<Self, ProxyError> {
        let (None, None, Some((text, setting))) = (&self.https, &self.http, &transport.proxy) else {
            return Ok(self);
        };
        let proxy = read_proxy(text.trim()).ok_or_else(|| ProxyError {
            variable: setting.clone(),
        })?;
        let mut direct = self.direct;
        let list = transport.no_proxy.as_deref().unwrap_or_default();
        direct.extend(list.split([',', ' ']).filter_map(read_direct));
        Ok(Self {
            https: Some(proxy.clone()),
            http: Some(proxy),
            direct,
        })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = ureq::Proxy> + '_ {
        [&self.https, &self.http].into_iter().flatten().cloned()
    }

    /// The proxy for an origin; `None` where it is asked directly. Loopback never goes through a proxy unless the
    /// proxy stands on loopback too.
    pub(crate) fn proxy_for(&self, origin: &Origin) -> Option<&ureq::Proxy> {
        if self.direct.iter().any(|item| item.covers(origin)) {
            return None;
        }
        let proxy = match origin.secure {
            Scheme::Https => self.https.as_ref(),
            Scheme::Http => self.http.as_ref(),
        }?;
        let proxy_is_near =
            proxy.host() == "localhost" || proxy.host().parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        (!origin.is_loopback() || proxy_is_near).then_some(proxy)
    }
}

impl Direct {
    fn covers(&self, origin: &Origin) -> bool {
        match self {
            Self::All => true,
            Self::Host(name, port) => {
                port.is_none_or(|port| port == origin.port)
                    && origin
                        .host
                        .strip_suffix(name.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Self::Network(network, bits) => origin.ip().is_some_and(|ip| in_network(ip, *network, *bits)),
        }
    }
}

fn read_proxy(text: &str) -> Option<ureq::Proxy> {
    let proxy = ureq::Proxy::new(text).ok()?;
    // Built without SOCKS: ureq would fail on it late, with less to say.
    matches!(proxy.protocol(), ureq::ProxyProtocol::Http | ureq::ProxyProtocol::Https).then_some(proxy)
}

fn read_direct(item: &str) -> Option<Direct> {
    let item = item.trim().to_ascii_lowercase();
    if item == "*" {
        return Some(Direct::All);
    }
    if let Some((network, bits)) = item.split_once('/') {
        return Some(Direct::Network(network.parse().ok()?, bits.parse().ok()?));
    }
    if let Ok(ip) = item.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(Direct::Network(ip, 128));
    }
    let (host, port) = match item.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (item.as_str(), None),
    };
    let host = host
        .trim_start_matches('*')
        .trim_start_matches('.')
        .trim_end_matches('.');
    (!host.is_empty()).then(|| Direct::Host(host.to_owned(), port))
}

/// `bits` beyond the address's length mean the whole address.
fn in_network(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    let same = |left: &[u8], right: &[u8]| {
        left.iter().zip(right).enumerate().all(|(index, (left, right))| {
            let left_bits = usize::from(bits).saturating_sub(index * 8).min(8);
            let mask = u8::try_from(0xff00_u16 >> left_bits & 0xff).unwrap_or(0xff);
            left & mask == right & mask
        })
    };
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => same(&ip.octets(), &network.octets()),
        (IpAddr::V6(ip), IpAddr::V6(network)) => same(&ip.octets(), &network.octets()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Address;
    use super::*;

    fn proxied(proxies: &Proxies, url: &str) -> bool {
        proxies.proxy_for(Address::read(url).unwrap().origin()).is_some()
    }

    #[test]
    fn no_proxy_covers_hosts_ports_and_networks() {
        let proxies = Proxies::from_variables(&|name| match name {
            "HTTPS_PROXY" => Some("http://user:secret@proxy.example.com:3128".into()),
            "NO_PROXY" => Some("corp.example.com, .inner.example.com,10.0.0.0/9,192.0.2.7,one.example.com:8443".into()),
            _ => None,
        })
        .unwrap();
        for (url, expected) in [
            ("https://registry.example.com/", true),
            ("http://registry.example.com/", false),
            ("https://corp.example.com/", false),
            ("https://a.corp.example.com/", false),
            ("https://notcorp.example.com/", true),
            ("https://a.inner.example.com/", false),
            ("https://10.127.0.1/", false),
            ("https://10.128.0.1/", true),
            ("https://192.0.2.7/", false),
            ("https://192.0.2.8/", true),
            ("https://one.example.com:8443/", false),
            ("https://one.example.com/", true),
            ("https://localhost/", false),
        ] {
            assert_eq!(proxied(&proxies, url), expected, "{url}");
        }
    }

    #[test]
    fn a_client_s_proxy_counts_where_the_environment_names_none() {
        let transport = |proxy: &str| Transport {
            proxy: Some((proxy.to_owned(), ".npmrc".to_owned())),
            no_proxy: Some("corp.example.com".to_owned()),
            ..Transport::default()
        };
        let client = transport("http://client.example.com:3128");
        let read = |variables: &dyn Fn(&str) -> Option<String>| Proxies::from_variables(variables).unwrap();
        let of = |proxies: &Proxies, url: &str| {
            let address = Address::read(url).unwrap();
            proxies.proxy_for(address.origin()).map(|proxy| proxy.host().to_owned())
        };
        let proxies = read(&|_| None).or_client(&client).unwrap();
        for url in ["https://registry.example.com/", "http://registry.example.com/"] {
            assert_eq!(of(&proxies, url).as_deref(), Some("client.example.com"), "{url}");
        }
        assert_eq!(of(&proxies, "https://a.corp.example.com/"), None);
        assert_eq!(of(&proxies, "http://127.0.0.1/"), None);
        // The second client's does not replace the first one's.
        let second = proxies.or_client(&transport("http://second.example.com:1")).unwrap();
        assert_eq!(
            of(&second, "https://registry.example.com/").as_deref(),
            Some("client.example.com")
        );

        let environment = read(&|name| (name == "HTTPS_PROXY").then(|| "http://env.example.com:3128".into()));
        let proxies = environment.or_client(&client).unwrap();
        assert_eq!(
            of(&proxies, "https://corp.example.com/").as_deref(),
            Some("env.example.com")
        );
        assert_eq!(of(&proxies, "http://registry.example.com/"), None);

        let Err(error) = read(&|_| None).or_client(&transport("socks5://u:secret@h:1")) else {
            panic!("SOCKS is not built in");
        };
        assert_eq!(error.variable, ".npmrc");
    }

    #[test]
    fn unusable_proxies_are_named_without_their_password() {
        let error = Proxies::from_variables(&|name| (name == "https_proxy").then(|| "socks5://u:secret@h:1".into()))
            .err()
            .unwrap();
        assert_eq!(error.variable, "https_proxy");
        assert!(!format!("{error} {error:?}").contains("secret"));
        let upper =
            Proxies::from_variables(&|name| (name == "HTTP_PROXY").then(|| "http://p.example.com".into())).unwrap();
        assert!(!proxied(&upper, "http://registry.example.com/"));
    }

    #[test]
    fn this_machine_is_asked_through_a_proxy_of_this_machine_alone() {
        for (proxy, is_asked) in [("http://127.0.0.1:3128", true), ("http://192.0.2.1:3128", false)] {
            let proxies = Proxies::from_variables(&|name| (name == "http_proxy").then(|| proxy.into())).unwrap();
            assert_eq!(proxied(&proxies, "http://127.0.0.1/"), is_asked, "{proxy}");
            assert!(proxied(&proxies, "http://registry.example.com/"), "{proxy}");
        }
    }
}
