//! The client: one exchange at a time, redirects by hand, retries, and the documents' cache.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::access::{Access, Permit, Purpose};
use super::address::{Address, Origin};
use super::authorities::Authorities;
use super::cache::{Cache, Kept};
use super::error::ClientError;
use super::proxy::Proxies;
use super::transfer::Transfer;
use super::view::View;
use crate::ecosystem::{DocumentRequest, Fetched, UpstreamBase};
use crate::model::Timestamp;

/// What a client is made from.
pub struct Settings {
    /// The bases that [`Upstream::bases`](crate::ecosystem::Upstream::bases) gives, in order of preference; those of lockfiles come from each [`View`].
    pub bases: Vec<UpstreamBase>,
    /// Who may be contacted.
    pub access: Access,
    /// The proxies.
    pub proxies: Proxies,
    /// The certificate authorities that count.
    pub authorities: Authorities,
    /// Time and size limits.
    pub limits: Limits,
    /// Whether documents may come from the cache.
    pub freshness: Freshness,
    /// The time to note beside fetched documents.
    pub now: Timestamp,
}

/// Whether documents may come from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// What the cache has is enough.
    Cached,
    /// Each document is asked once in this run.
    Asked,
}

/// Limits on time and size.
#[derive(Debug, Clone)]
pub struct Limits {
    /// To resolve the name, connect and shake hands.
    pub connect: Duration,
    /// For each read.
    pub per_read: Duration,
    /// For the header of an answer.
    pub header: Duration,
    /// For a whole document.
    pub document: Duration,
    /// For a whole file, all attempts together.
    pub file: Duration,
    /// The window in which [`Limits::least_bytes`] have to come.
    pub window: Duration,
    /// The bytes that have to come within each window.
    pub least_bytes: u64,
    /// So many attempts without progress are made.
    pub attempts: u32,
    /// The pause before the second attempt; doubled for each further one.
    pub first_pause: Duration,
    /// The longest pause, whatever `Retry-After` asks for.
    pub longest_pause: Duration,
    /// The largest file.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    /// Generous to slow lines, and still an end to everything.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            per_read: Duration::from_secs(60),
            header: Duration::from_secs(120),
            document: Duration::from_secs(600),
            file: Duration::from_secs(24 * 3600),
            window: Duration::from_secs(60),
            least_bytes: 60 << 10,
            attempts: 5,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            // The largest files of public registries, models and disk images, stay under this.
            max_file_bytes: 1 << 40,
        }
    }
}

/// The HTTPS client.
pub struct Client {
    pub(super) bases: Vec<UpstreamBase>,
    access: Access,
    proxies: Proxies,
    agents: HashMap<Option<ureq::Proxy>, ureq::Agent>,
    pub(crate) limits: Limits,
    freshness: Freshness,
    now: Timestamp,
    pub(crate) cache: Cache,
    /// Each document that was asked in this run, so that it is asked once, also by two threads.
    asked: Mutex<HashMap<DocumentRequest, Arc<Mutex<Asked>>>>,
    led_to: Mutex<BTreeMap<String, BTreeSet<String>>>,
    given_up: Mutex<HashMap<Origin, u32>>,
    requests: AtomicU64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Asked {
    #[default]
    NotYet,
    InThisRun,
}

/// An answer's head, and its body to be read.
pub(crate) struct Answer {
    pub(crate) address: Address,
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: ureq::BodyReader<'static>,
}

/// Why an attempt failed, and whether it got further than the one before.
pub(crate) struct Failure {
    pub(crate) error: ClientError,
    pub(crate) progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    None,
    Some,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self {
            error,
            progress: Progress::None,
        }
    }
}

/// After so many requests in a row that all their attempts could not save, a host is down: hundreds more would each take
/// their time to fail.
const MAX_GIVEN_UP: u32 = 8;

/// Browsers follow 20, curl 50; registries need one or two.
const MAX_REDIRECTS: usize = 5;

impl Client {
    /// Makes a client over a cache.
    pub fn new(settings: Settings, cache: Cache) -> Result<Self, ClientError> {
        let roots = settings.authorities.certificates()?;
        let tls = ureq::tls::TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        let agent = |proxy: Option<ureq::Proxy>| {
            ureq::Agent::config_builder()
                .tls_config(tls.clone())
                .proxy(proxy)
                .user_agent(concat!("sealift/", env!("CARGO_PKG_VERSION")))
                // Bytes are kept as they come; so nothing may be encoded on the way.
                .accept_encoding("identity")
                .http_status_as_error(false)
                .max_redirects(0)
                .timeout_connect(Some(settings.limits.connect))
                .timeout_resolve(Some(settings.limits.connect))
                .timeout_per_read(Some(settings.limits.per_read))
                .timeout_per_write(Some(settings.limits.per_read))
                .timeout_recv_response(Some(settings.limits.header))
                .max_idle_connections_per_host(8)
                .build()
                .new_agent()
        };
        let agents = std::iter::once(None)
            .chain(settings.proxies.all().map(Some))
            .map(|proxy| (proxy.clone(), agent(proxy)))
            .collect();
        Ok(Self {
            bases: settings.bases,
            access: settings.access,
            proxies: settings.proxies,
            agents,
            limits: settings.limits,
            freshness: settings.freshness,
            now: settings.now,
            cache,
            asked: Mutex::default(),
            led_to: Mutex::default(),
            given_up: Mutex::default(),
            requests: AtomicU64::new(0),
        })
    }

    /// The client as an upstream whose documents are at least so fresh.
    pub const fn view(&self, freshness: Freshness) -> View<'_> {
        View {
            client: self,
            freshness,
            lockfiles: &[],
        }
    }

    /// The cache.
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// How many requests were sent, redirects and retries counted.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Hosts that nobody named and that served files whose digests were known: each with the hosts that led there.
    pub fn led_to(&self) -> BTreeMap<String, BTreeSet<String>> {
        locked(&self.led_to).clone()
    }

    /// One exchange, redirects followed as [`Access`] allows. Gives statuses that are answers to the question:
    /// 200, 206, 404, 410, 416; others are errors.
    pub(crate) fn exchange(
        &self,
        address: &Address,
        purpose: Purpose,
        headers: &[(&'static str, String)],
    ) -> Result<Answer, ClientError> {
        let refused = |address: &Address, source| ClientError::Access {
            url: address.to_string(),
            source,
        };
        let mut address = address.clone();
        let mut permit = self
            .access
            .first(&address, purpose)
            .map_err(|error| refused(&address, error))?;
        let mut asker = None;
        for _ in 0..=MAX_REDIRECTS {
            if permit == Permit::NamedByAnswer {
                let by = asker.take().unwrap_or_else(|| "a registry's document".to_owned());
                locked(&self.led_to)
                    .entry(address.host().to_owned())
                    .or_default()
                    .insert(by);
            }
            let response = self.send(&address, &permit, headers)?;
            let status = response.status().as_u16();
            let (parts, body) = response.into_parts();
            match status {
                200 | 206 | 404 | 410 | 416 => {
                    return Ok(Answer {
                        address,
                        status,
                        headers: parts.headers,
                        body: body.into_reader(),
                    });
                }
                301 | 302 | 303 | 307 | 308 => {
                    let next = header(&parts.headers, "location").ok_or_else(|| ClientError::Answer {
                        url: address.to_string(),
                        reason: "it redirects without saying where to",
                    })?;
                    let next = address.join(next)?;
                    permit = self
                        .access
                        .redirect(&address, &next, purpose)
                        .map_err(|error| refused(&next, error))?;
                    asker = Some(address.host().to_owned());
                    address = next;
                }
                _ => {
                    return Err(ClientError::Status {
                        url: address.to_string(),
                        status,
                        retry_after: header(&parts.headers, "retry-after")
                            .and_then(|text| text.trim().parse().ok())
                            .map(Duration::from_secs),
                    });
                }
            }
        }
        Err(ClientError::Answer {
            url: address.to_string(),
            reason: "it redirects too often",
        })
    }

    /// Repeats an attempt after failures that may pass. Progress starts the count again.
    pub(crate) fn repeat<T>(
        &self,
        address: &Address,
        deadline: Instant,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, ClientError> {
        let given_up = || locked(&self.given_up).get(address.origin()).copied().unwrap_or(0);
        if given_up() >= MAX_GIVEN_UP {
            return Err(ClientError::Transport {
                url: address.to_string(),
                reason: format!("{} has failed {MAX_GIVEN_UP} times in a row", address.host()),
            });
        }
        let mut failed = 0;
        loop {
            let failure = match attempt() {
                Ok(done) => {
                    locked(&self.given_up).remove(address.origin());
                    return Ok(done);
                }
                Err(failure) => failure,
            };
            failed = match failure.progress {
                Progress::Some => 1,
                Progress::None => failed + 1,
            };
            let pause = self.pause(&failure.error, failed);
            if !failure.error.may_pass() {
                return Err(failure.error);
            }
            if failed >= self.limits.attempts || Instant::now() + pause >= deadline {
                *locked(&self.given_up).entry(address.origin().clone()).or_default() += 1;
                return Err(failure.error);
            }
            std::thread::sleep(pause);
        }
    }

    fn send(
        &self,
        address: &Address,
        permit: &Permit,
        headers: &[(&'static str, String)],
    ) -> Result<ureq::http::Response<ureq::Body>, ClientError> {
        let proxy = self.proxies.proxy_for(address.origin()).cloned();
        let url = address.to_string();
        let full = address.full();
        let agent = self.agents.get(&proxy).ok_or_else(|| ClientError::Transport {
            url: url.clone(),
            reason: "its proxy is not set up".to_owned(),
        })?;
        let mut request = agent.get(&full);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if *permit == Permit::Named
            && let Some(authorization) = self.access.authorization(address)
        {
            request = request.header("authorization", authorization);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        request.call().map_err(|error| {
            let reason = error.to_string();
            if is_insecure(&error) {
                ClientError::Insecure { url, reason }
            } else {
                ClientError::Transport { url, reason }
            }
        })
    }

    fn pause(&self, error: &ClientError, failed: u32) -> Duration {
        let asked_for = match error {
            ClientError::Status { retry_after, .. } => *retry_after,
            _ => None,
        };
        asked_for
            .unwrap_or_else(|| self.limits.first_pause.saturating_mul(1 << (failed - 1).min(16)))
            .min(self.limits.longest_pause)
    }

    pub(super) fn document(
        &self,
        request: &DocumentRequest,
        freshness: Freshness,
    ) -> Result<Option<Fetched>, ClientError> {
        let slot = Arc::clone(locked(&self.asked).entry(request.clone()).or_default());
        let mut asked = locked(&slot);
        let cache_is_enough =
            *asked == Asked::InThisRun || freshness == Freshness::Cached && self.freshness == Freshness::Cached;
        if cache_is_enough && let Some(kept) = self.cache.document(request) {
            return Ok(kept.fetched);
        }
        let address = Address::read(&request.url)?;
        let accept: Vec<_> = request
            .accept
            .map(|accept| ("accept", accept.to_owned()))
            .into_iter()
            .collect();
        let deadline = Instant::now() + self.limits.document;
        let fetched = self.repeat(&address, deadline, || {
            let answer = self.exchange(&address, Purpose::Document, &accept)?;
            Ok(read_document(answer, request.max_bytes, deadline, &self.limits)?)
        })?;
        let kept = Kept { fetched, at: self.now };
        self.cache.keep_document(request, &kept)?;
        *asked = Asked::InThisRun;
        Ok(kept.fetched)
    }
}

/// Reads a document whole, up to its limit. What the library makes sure of is not taken on trust.
fn read_document(
    mut answer: Answer,
    max_bytes: u64,
    deadline: Instant,
    limits: &Limits,
) -> Result<Option<Fetched>, ClientError> {
    let url = answer.address.to_string();
    let wrong = |reason| ClientError::Answer {
        url: url.clone(),
        reason,
    };
    match answer.status {
        404 | 410 => return Ok(None),
        200 => {}
        _ => return Err(wrong("it answers with a part that nobody asked for")),
    }
    if header(&answer.headers, "content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(wrong("it sends an encoded document though none was accepted"));
    }
    let length: Option<u64> = header(&answer.headers, "content-length").and_then(|text| text.parse().ok());
    if length.is_some_and(|length| length > max_bytes) {
        return Err(ClientError::TooLarge { url, max_bytes });
    }
    let mut bytes = Vec::new();
    let began = Instant::now();
    let mut transfer = Transfer::new(&url, began, deadline, limits);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = transfer.read(&mut answer.body, &mut buffer)?;
        if count == 0 {
            break;
        }
        if bytes.len() as u64 + count as u64 > max_bytes {
            return Err(ClientError::TooLarge { url, max_bytes });
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
    if length.is_some_and(|length| length != bytes.len() as u64) {
        return Err(ClientError::Transport {
            url,
            reason: "the transfer broke off".to_owned(),
        });
    }
    Ok(Some(Fetched {
        url: answer.address.full(),
        media_type: header(&answer.headers, "content-type").unwrap_or_default().to_owned(),
        bytes,
    }))
}

/// Whether TLS refused; trying again would end the same.
fn is_insecure(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => true,
        // So the handshake's errors come through.
        ureq::Error::Io(error) => error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
        _ => false,
    }
}

pub(crate) fn header<'a>(headers: &'a ureq::http::HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Nothing that holds these locks leaves them half changed, so a panic elsewhere does not spoil them.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An answer as the library might give it, with a length that its head promises.
    pub(crate) fn answer(body: &'static [u8], promised: Option<u64>) -> Answer {
        let mut headers = ureq::http::HeaderMap::new();
        if let Some(promised) = promised {
            headers.insert("content-length", promised.into());
        }
        Answer {
            address: Address::read("https://registry.example.com/a").unwrap(),
            status: 200,
            headers,
            body: ureq::Body::builder().data(body).into_reader(),
        }
    }

    #[test]
    fn a_document_is_as_long_as_promised_and_no_longer_than_asked_for() {
        let deadline = Instant::now() + Duration::from_secs(60);
        let read =
            |promised, max_bytes| read_document(answer(b"four", promised), max_bytes, deadline, &Limits::default());
        for promised in [None, Some(4)] {
            assert_eq!(read(promised, 4).unwrap().unwrap().bytes, b"four");
        }
        // With a promise that is too large, and without one.
        for promised in [Some(4), None] {
            assert!(matches!(
                read(promised, 3),
                Err(ClientError::TooLarge { max_bytes: 3, .. })
            ));
        }
        // The promise alone is enough, whatever comes.
        assert!(matches!(
            read(Some(9), 5),
            Err(ClientError::TooLarge { max_bytes: 5, .. })
        ));
        for promised in [3, 5] {
            assert!(matches!(read(Some(promised), 9), Err(ClientError::Transport { .. })));
        }
    }

    #[test]
    fn only_what_tls_refuses_is_insecure() {
        let of = |error: std::io::Error| is_insecure(&ureq::Error::Io(error));
        assert!(of(std::io::Error::other(rustls::Error::DecryptError)));
        assert!(!of(std::io::Error::other("the line is cut")));
        assert!(!of(std::io::ErrorKind::ConnectionReset.into()));
        assert!(!is_insecure(&ureq::Error::HostNotFound));
    }
}
