//! Puts the client together: who may be asked follows from the selection, its lockfiles, and the clients' own
//! configuration. There is no built-in upstream.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::select::{SelectError, Selected};
use crate::ecosystem::{ClientEnvironment, Ecosystem, NamedFile, Transport, UpstreamBase};
use crate::model::{Code, Refusal, Stop, Timestamp, Unable};
use crate::net::{
    Access, Authorities, Cache, Client, Freshness, Limits, Netrc, PlainHttp, Proxies, ProxyError, Settings,
    has_certificates,
};

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
    let mut named_authorities = NamedAuthorities::default();
    for ecosystem in ecosystems.iter().filter(|ecosystem| used.contains(ecosystem.id())) {
        let transport = ecosystem.transport(environment);
        proxies = proxies.or_client(&transport).map_err(unusable)?;
        named_authorities.add(&transport);
    }
    let authorities = match &connection.certificates {
        Some(path) => given(path)?,
        None => named_authorities.read(environment)?,
    };
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
        authorities,
        limits: connection.limits.clone(),
        freshness: connection.freshness,
        now: connection.now,
    };
    Client::new(settings, cache.clone())
        .map_err(|error| Unable::new("the HTTPS client cannot be made").because(error).into())
}

/// The files of certificate authorities that the clients' configuration names.
#[derive(Default)]
struct NamedAuthorities {
    files: Vec<NamedFile>,
    /// Some client that is used has no authorities of its own, or adds some to the platform's.
    platform_counts: bool,
}

impl NamedAuthorities {
    fn add(&mut self, transport: &Transport) {
        self.platform_counts |= transport.authorities.is_none();
        for file in transport.authorities.iter().chain(&transport.more_authorities) {
            if !self.files.contains(file) {
                self.files.push(file.clone());
            }
        }
    }

    /// Reads them. One client's authorities count for the others' hosts, too: what those serve is judged by digests and proofs.
    fn read(self, environment: &dyn ClientEnvironment) -> Result<Authorities, Stop> {
        let mut pem = Vec::new();
        for NamedFile { path, setting } in &self.files {
            let hint = || format!("{setting} names it as the certificate authorities that count");
            let Some(text) = environment.read(path) else {
                return Err(Unable::new(format!("cannot read {}", path.display()))
                    .hint(hint())
                    .into());
            };
            check_certificates(path, text.as_bytes()).map_err(|refusal| refusal.hint(hint()))?;
            pem.extend_from_slice(text.as_bytes());
            pem.push(b'\n');
        }
        Ok(match (self.files.is_empty(), self.platform_counts) {
            (true, _) => Authorities::Platform,
            (false, true) => Authorities::PlatformAnd(pem),
            (false, false) => Authorities::Only(pem),
        })
    }
}

/// The authorities of the file that the operator names: they alone count.
fn given(path: &Path) -> Result<Authorities, Stop> {
    let pem = read_certificates(path)?;
    check_certificates(path, &pem)?;
    Ok(Authorities::Only(pem))
}

fn check_certificates(path: &Path, pem: &[u8]) -> Result<(), Refusal> {
    if has_certificates(pem) {
        return Ok(());
    }
    let subject = path.display().to_string();
    Err(Refusal::new(
        Code::SelectionMalformed,
        subject,
        "it holds no certificate in PEM",
    ))
}

fn read_certificates(path: &Path) -> Result<Vec<u8>, Unable> {
    let failed = |error: std::io::Error| Unable::new(format!("cannot read {}", path.display())).because(error);
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(failed)?
        .take(MAX_CERTIFICATES_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_alone_counts_holds_certificates() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let Err(Stop::Refused(refusals)) = given(file.path()) else {
            panic!("no authority at all counts");
        };
        assert_eq!(refusals[0].code, Code::SelectionMalformed);
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(file.path(), pem).unwrap();
        assert!(given(file.path()).is_ok());
    }

    #[test]
    fn certificates_that_cannot_be_read_are_not_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_certificates(folder.path()).is_err());
    }
}
