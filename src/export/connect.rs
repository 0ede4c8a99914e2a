//! Puts the client together: who may be asked follows from the selection, its lockfiles, and the clients' own
//! configuration. There is no built-in upstream.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use super::select::{SelectError, Selected};
use crate::ecosystem::{ClientEnvironment, Ecosystem, UpstreamBase};
use crate::model::{Code, Refusal, Stop, Timestamp, Unable};
use crate::net::{Access, Cache, Client, Freshness, Limits, Netrc, PlainHttp, Proxies, ProxyError, Settings};

/// How to ask.
#[derive(Debug, Clone)]
pub struct Connection {
    /// A file of certificate authorities in PEM that count instead of the platform's.
    pub certificates: Option<PathBuf>,
    /// Whether documents may come from the cache.
    pub freshness: Freshness,
    /// Time and size limits.
    pub limits: Limits,
    /// The time to note beside documents.
    pub now: Timestamp,
}

/// The largest bundles of certificate authorities have some 250 KiB.
const MAX_CERTIFICATES_BYTES: u64 = 16 << 20;

/// Makes the client for a selection.
pub fn connect(
    selected: &Selected,
    ecosystems: &[&'static dyn Ecosystem],
    environment: &dyn ClientEnvironment,
    connection: &Connection,
    cache: &Cache,
) -> Result<Client, Stop> {
    let used: BTreeSet<&str> = selected.ecosystems();
    let mut bases: Vec<UpstreamBase> = selected.upstreams().to_vec();
    for ecosystem in ecosystems.iter().filter(|ecosystem| used.contains(ecosystem.id())) {
        bases.extend(ecosystem.upstreams(environment).map_err(SelectError::from)?);
    }
    let plain_http = if selected.plain_http().is_empty() {
        PlainHttp::LoopbackOnly
    } else {
        PlainHttp::AlsoFrom(
            selected
                .plain_http()
                .iter()
                .map(|host| host.to_ascii_lowercase())
                .collect(),
        )
    };
    let netrc = environment
        .variable("NETRC")
        .map(PathBuf::from)
        .or_else(|| Some(environment.home()?.join(".netrc")))
        .and_then(|path| environment.read(&path))
        .map(|text| Netrc::read(&text))
        .unwrap_or_default();
    let unusable = |error: ProxyError| {
        Unable::new(error.to_string()).hint("set it to such as `http://proxy.example.com:3128`, or unset it")
    };
    let proxies = Proxies::from_variables(&|name| environment.variable(name)).map_err(unusable)?;
    let mut proxies = proxies;
    for ecosystem in ecosystems.iter().filter(|ecosystem| used.contains(ecosystem.id())) {
        proxies = proxies.or_client(&ecosystem.transport(environment)).map_err(unusable)?;
    }
    let mut named: Vec<UpstreamBase> = bases.clone();
    for base in selected.lockfile_upstreams() {
        if !named.contains(base) {
            named.push(base.clone());
        }
    }
    let settings = Settings {
        access: Access::new(&named, selected.named_urls(), plain_http, netrc),
        bases,
        proxies,
        root_certificates: connection.certificates.as_ref().map(read_certificates).transpose()?,
        limits: connection.limits.clone(),
        freshness: connection.freshness,
        now: connection.now,
    };
    Client::new(settings, cache.clone()).map_err(|error| match &connection.certificates {
        Some(path) => Refusal::new(
            Code::SelectionMalformed,
            path.display().to_string(),
            "it holds no certificate in PEM",
        )
        .into(),
        None => Unable::new("the HTTPS client cannot be made").because(error).into(),
    })
}

fn read_certificates(path: &PathBuf) -> Result<Vec<u8>, Unable> {
    let failed = |error: std::io::Error| Unable::new(format!("cannot read {}", path.display())).because(error);
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(failed)?
        .take(MAX_CERTIFICATES_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}
