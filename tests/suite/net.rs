//! The client against a server that misbehaves.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic, and then the test fails")]

mod authorities;
mod broken;
mod unpinned;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sealift::ecosystem::{DocumentRequest, NamedBy, Upstream, UpstreamBase, UpstreamError};
use sealift::model::{Algorithm, Claim, Digest, MultiHasher, Timestamp};
use sealift::net::{
    Access, Authorities, Cache, Client, ClientError, FetchError, FetchedFile, FileRequest, Freshness, Limits, Netrc,
    PlainHttp, Proxies, Settings,
};

use crate::http::{Request, Response, Server};

const NEVER: Timestamp = Timestamp::from_seconds(0);

pub(crate) fn quick() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        per_read: Duration::from_secs(5),
        header: Duration::from_secs(5),
        document: Duration::from_secs(20),
        file: Duration::from_secs(20),
        attempts: 3,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(20),
        ..Limits::default()
    }
}

struct Setup {
    folder: tempfile::TempDir,
    bases: Vec<UpstreamBase>,
    named: Vec<String>,
    plain_http: BTreeSet<String>,
    netrc: String,
    proxy: Option<String>,
    no_proxy: String,
    limits: Limits,
    freshness: Freshness,
    certificates: Option<Vec<u8>>,
}

impl Setup {
    fn new(named: &[String]) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            bases: Vec::new(),
            named: named.to_vec(),
            plain_http: BTreeSet::new(),
            netrc: String::new(),
            proxy: None,
            no_proxy: String::new(),
            limits: quick(),
            freshness: Freshness::Cached,
            certificates: None,
        }
    }

    /// Hosts of any name, all answered by one server.
    fn through(server: &Server, hosts: &[&str]) -> Self {
        let named: Vec<String> = hosts.iter().map(|host| format!("http://{host}/")).collect();
        Self {
            proxy: Some(server.url("")),
            plain_http: [
                "registry.example.com",
                "index.example.com",
                "files.example.com",
                "other.example.com",
            ]
            .map(str::to_owned)
            .into(),
            ..Self::new(&named)
        }
    }

    fn cache(&self) -> Cache {
        Cache::open(self.folder.path()).unwrap()
    }

    fn client(&self) -> Client {
        let proxies = Proxies::from_variables(&|name| match name {
            "http_proxy" => self.proxy.clone(),
            "no_proxy" => Some(self.no_proxy.clone()),
            _ => None,
        })
        .unwrap();
        let plain_http = PlainHttp::AlsoFrom(self.plain_http.clone());
        let settings = Settings {
            bases: self.bases.clone(),
            access: Access::new(
                &self.bases,
                self.named.iter().map(String::as_str),
                plain_http,
                Netrc::read(&self.netrc),
            ),
            proxies,
            authorities: self
                .certificates
                .clone()
                .map_or(Authorities::Platform, Authorities::Only),
            limits: self.limits.clone(),
            freshness: self.freshness,
            now: NEVER,
        };
        Client::new(settings, self.cache()).unwrap()
    }

    fn fetch(&self, url: &str, body: &[u8]) -> Result<FetchedFile, FetchError> {
        let claims = [sha256(body)];
        let request = FileRequest {
            url,
            claims: &claims,
            size: None,
        };
        self.client().fetch(&request, &|_| {})
    }

    fn leftovers(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("partial")).unwrap().count()
    }
}

fn sha256(body: &[u8]) -> Claim {
    Claim::new(Algorithm::Sha256, Digest::of(body).as_bytes().to_vec()).unwrap()
}

fn document(url: &str) -> DocumentRequest {
    DocumentRequest {
        url: url.to_owned(),
        accept: None,
        max_bytes: 1000,
    }
}

fn big() -> Vec<u8> {
    (0..3_000_000_u32)
        .flat_map(|number| (number / 7).to_le_bytes())
        .take(3_000_000)
        .collect()
}

#[test]
fn a_file_enters_the_cache_only_with_its_digest() {
    let server = Server::start(|_| Response::ok("good"));
    let setup = Setup::new(&[server.url("/")]);
    let fetched = setup.fetch(&server.url("/a"), b"good").unwrap();
    assert_eq!(fetched.size, 4);
    assert_eq!(std::fs::read(setup.cache().path(&fetched.digest)).unwrap(), b"good");

    let error = setup.fetch(&server.url("/a"), b"other").unwrap_err();
    assert!(matches!(error, FetchError::Digest { .. }), "{error}");
    assert!(!setup.cache().contains(&Digest::of(b"other")));
    assert_eq!(setup.leftovers(), 0);
}

#[test]
fn sha1_alone_is_not_enough() {
    let server = Server::start(|_| Response::ok("good"));
    let setup = Setup::new(&[server.url("/")]);
    let mut hasher = MultiHasher::new([Algorithm::Sha1]);
    hasher.update(b"good");
    let sha1: Vec<_> = hasher
        .finish()
        .1
        .into_iter()
        .filter(|claim| claim.algorithm() == Algorithm::Sha1)
        .collect();
    let url = server.url("/a");
    for claims in [&sha1[..], &[]] {
        let request = FileRequest {
            url: &url,
            claims,
            size: None,
        };
        let error = setup.client().fetch(&request, &|_| {}).unwrap_err();
        assert!(matches!(error, FetchError::Digest { .. }), "{error}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_file_longer_than_stated_is_cut_off() {
    let server = Server::start(|_| Response::ok(big()));
    let mut setup = Setup::new(&[server.url("/")]);
    let url = server.url("/a");
    let claims = [sha256(&big())];
    let request = FileRequest {
        url: &url,
        claims: &claims,
        size: Some(100_000),
    };
    let error = setup.client().fetch(&request, &|_| {}).unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::Client(ClientError::TooLarge { max_bytes: 100_000, .. })
        ),
        "{error}"
    );
    setup.limits.max_file_bytes = 200_000;
    assert!(setup.fetch(&url, &big()).is_err());
    assert_eq!(setup.leftovers(), 0);
}

#[test]
fn errors_that_may_pass_are_repeated_and_others_are_not() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.path.as_str() {
        "/twice" if count.fetch_add(1, Ordering::SeqCst) < 2 => Response::status(500),
        "/always" => Response::status(503),
        "/late" => Response {
            headers: vec![("retry-after", "86400".to_owned())],
            ..Response::status(429)
        },
        "/forbidden" => Response::status(403),
        "/gone" => Response::status(404),
        _ => Response::ok("good"),
    });
    let setup = Setup::new(&[server.url("/")]);
    assert!(setup.fetch(&server.url("/twice"), b"good").is_ok());
    assert_eq!(server.requests().len(), 3);
    let began = Instant::now();
    for (path, requests) in [("/always", 3), ("/late", 3), ("/forbidden", 1), ("/gone", 1)] {
        let before = server.requests().len();
        let error = setup.fetch(&server.url(path), b"x").unwrap_err();
        assert_eq!(server.requests().len() - before, requests, "{path}: {error}");
        assert_eq!(matches!(error, FetchError::Absent { status: 404, .. }), path == "/gone");
    }
    // `Retry-After` is heeded up to the longest pause, not for a day.
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_host_that_is_down_is_given_up() {
    let server = Server::start(|request| match request.path.as_str() {
        "/good" => Response::ok("good"),
        _ => Response::status(500),
    });
    let setup = Setup::new(&[server.url("/")]);
    let client = setup.client();
    let ask = |path: &str| client.document(&document(&server.url(path)));
    // One that answers in between is not down.
    for number in 0..7 {
        assert!(ask(&format!("/{number}")).is_err());
    }
    assert!(ask("/good").is_ok());
    for number in 10..18 {
        assert!(matches!(
            ask(&format!("/{number}")),
            Err(UpstreamError::Status { status: 500, .. })
        ));
    }
    let before = server.requests().len();
    let error = ask("/20").unwrap_err();
    assert!(error.to_string().contains("8 times in a row"), "{error}");
    assert_eq!(server.requests().len(), before);
}

#[test]
fn queries_are_sent_and_not_told() {
    let server = Server::start(|request| {
        assert!(request.path.ends_with("?token=s3cret"));
        Response::status(404)
    });
    let setup = Setup::new(&[server.url("/")]);
    let error = setup.fetch(&server.url("/a?token=s3cret"), b"x").unwrap_err();
    assert!(matches!(error, FetchError::Absent { .. }));
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

/// Serves one body over TLS, with a certificate of an authority that no platform knows.
fn secure_server() -> (String, Arc<AtomicUsize>) {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../fixtures/tls/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../fixtures/tls/server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            // A client that refuses the certificate goes away here.
            if tls.read(&mut [0; 4096]).is_ok() {
                let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ngood");
            }
        }
    });
    (url, connections)
}

#[test]
fn only_certificates_of_trusted_authorities_count() {
    let (url, connections) = secure_server();
    let mut setup = Setup::new(std::slice::from_ref(&url));
    let error = setup.fetch(&url, b"good").unwrap_err();
    assert!(
        matches!(error, FetchError::Client(ClientError::Insecure { .. })),
        "{error:?}"
    );
    // Trying again would not help.
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    setup.certificates = Some(include_bytes!("../fixtures/tls/ca.pem").to_vec());
    assert!(setup.fetch(&url, b"good").is_ok());
    // The certificate is for 127.0.0.1, not for every name of this machine.
    let other = url.replace("127.0.0.1", "localhost");
    setup.named.push(other.clone());
    let error = setup.fetch(&other, b"other").unwrap_err();
    assert!(
        matches!(error, FetchError::Client(ClientError::Insecure { .. })),
        "{error:?}"
    );
}

#[test]
fn a_broken_transfer_goes_on_where_it_broke() {
    let body = big();
    let count = AtomicUsize::new(0);
    let served = body.clone();
    let server = Server::start(move |request| {
        let mut response = Response::ranged(request, &served, "v1");
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            response.cut_after = Some(2_000_000);
        }
        response
    });
    let setup = Setup::new(&[server.url("/")]);
    let fetched = setup.fetch(&server.url("/a"), &body).unwrap();
    assert_eq!(fetched.digest, Digest::of(&body));
    assert_eq!(server.body_bytes(), body.len());
    let second = &server.requests()[1];
    assert_eq!(second.header("range"), Some("bytes=2000000-"));
    assert_eq!(second.header("if-range"), Some("\"v1\""));
    assert_eq!(setup.leftovers(), 0);
}

#[test]
fn a_later_run_goes_on_where_an_earlier_one_broke() {
    let body = big();
    let served = body.clone();
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let mut response = Response::ranged(request, &served, "v1");
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => response.cut_after = Some(1_000_000),
            1..=2 => return Response::status(500),
            _ => {}
        }
        response
    });
    let mut setup = Setup::new(&[server.url("/")]);
    setup.limits.attempts = 2;
    assert!(setup.fetch(&server.url("/a"), &body).is_err());
    assert_eq!(server.body_bytes(), 1_000_000);
    setup.limits.attempts = 3;
    assert!(setup.fetch(&server.url("/a"), &body).is_ok());
    assert_eq!(server.body_bytes(), body.len());
}

#[test]
fn what_changed_meanwhile_is_fetched_anew() {
    let body = big();
    let old = vec![7; body.len()];
    let served = body.clone();
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Response {
            cut_after: Some(1_000_000),
            ..Response::ranged(request, &old, "v1")
        },
        // This server does not look at `If-Range`: only the digest tells.
        1 => {
            let mut careless = request.clone();
            careless.headers.retain(|(name, _)| name != "if-range");
            Response::ranged(&careless, &served, "v2")
        }
        _ => Response::ranged(request, &served, "v2"),
    });
    let setup = Setup::new(&[server.url("/")]);
    assert!(setup.fetch(&server.url("/a"), &body).is_ok());
    assert_eq!(server.requests().len(), 3);
    assert_eq!(server.requests()[2].header("range"), None);
}

#[test]
fn a_part_that_nobody_asked_for_is_refused() {
    let server = Server::start(|_| Response {
        headers: vec![("content-range", "bytes 0-3/4".to_owned())],
        ..Response {
            status: 206,
            ..Response::ok("good")
        }
    });
    let setup = Setup::new(&[server.url("/")]);
    assert!(setup.fetch(&server.url("/a"), b"good").is_err());
    assert!(setup.client().document(&document(&server.url("/a"))).is_err());
}

#[test]
fn a_trickle_is_too_slow() {
    let server = Server::start(|_| Response {
        trickle: Some((10, Duration::from_millis(50))),
        ..Response::ok(vec![1; 1000])
    });
    let mut setup = Setup::new(&[server.url("/")]);
    setup.limits.window = Duration::from_millis(200);
    setup.limits.least_bytes = 10_000;
    setup.limits.attempts = 1;
    let error = setup.fetch(&server.url("/a"), &[1; 1000]).unwrap_err();
    assert!(error.to_string().contains("bytes came within"), "{error}");
    let error = setup.client().document(&document(&server.url("/a"))).unwrap_err();
    assert!(error.to_string().contains("bytes came within"), "{error}");
    setup.limits.window = Duration::from_secs(60);
    setup.limits.document = Duration::from_millis(200);
    let error = setup.client().document(&document(&server.url("/a"))).unwrap_err();
    assert!(error.to_string().contains("longer than allowed"), "{error}");
}

#[test]
fn documents_are_bounded_whole_and_not_encoded() {
    let server = Server::start(|request| match request.path.as_str() {
        "/big" => Response::ok(vec![b'x'; 1001]),
        "/cut" => Response {
            cut_after: Some(10),
            ..Response::ok(vec![b'x'; 100])
        },
        "/encoded" => Response {
            headers: vec![("content-encoding", "gzip".to_owned())],
            ..Response::ok("x")
        },
        "/none" => Response::status(404),
        _ => Response::ok(vec![b'x'; 1000]),
    });
    let client = Setup::new(&[server.url("/")]).client();
    let ask = |path: &str| client.document(&document(&server.url(path)));
    assert!(matches!(ask("/big"), Err(UpstreamError::Malformed { .. })));
    assert!(matches!(ask("/cut"), Err(UpstreamError::Transport { .. })));
    assert!(matches!(ask("/encoded"), Err(UpstreamError::Malformed { .. })));
    assert_eq!(ask("/none").unwrap(), None);
    assert_eq!(ask("/right").unwrap().unwrap().bytes.len(), 1000);
    let request = server.requests().pop().unwrap();
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert!(request.header("user-agent").unwrap().starts_with("sealift/"));
}

#[test]
fn documents_come_from_the_cache_unless_asked_anew() {
    let server = Server::start(|request| match request.path.as_str() {
        "/none" => Response::status(404),
        _ => Response::ok("x"),
    });
    let mut setup = Setup::new(&[server.url("/")]);
    for _ in 0..2 {
        let client = setup.client();
        for path in ["/a", "/none", "/a"] {
            client.document(&document(&server.url(path))).unwrap();
        }
    }
    assert_eq!(server.requests().len(), 2);
    setup.freshness = Freshness::Asked;
    let client = setup.client();
    for path in ["/a", "/none", "/a"] {
        client.document(&document(&server.url(path))).unwrap();
    }
    // Asked anew, and still only once each.
    assert_eq!(server.requests().len(), 4);
    setup.freshness = Freshness::Cached;
    let client = setup.client();
    client
        .view(Freshness::Asked)
        .document(&document(&server.url("/a")))
        .unwrap();
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn hosts_that_nobody_named_are_not_contacted() {
    let server = Server::start(|_| Response::ok("x"));
    let client = Setup::through(&server, &["registry.example.com"]).client();
    let error = client.document(&document("http://other.example.com/x")).unwrap_err();
    assert!(error.to_string().contains("other.example.com"), "{error}");
    assert!(server.requests().is_empty());
    assert!(client.document(&document("http://registry.example.com/x")).is_ok());
    let request = server.requests().pop().unwrap();
    assert!(request.is_proxied);
    assert!(request.host.starts_with("registry.example.com"));
}

#[test]
fn plain_http_is_refused_where_it_is_not_allowed() {
    let server = Server::start(|_| Response::ok("x"));
    let mut setup = Setup::through(&server, &["registry.example.com"]);
    setup.plain_http.clear();
    assert!(
        setup
            .client()
            .document(&document("http://registry.example.com/x"))
            .is_err()
    );
    assert!(server.requests().is_empty());
}

fn redirecting(request: &Request) -> Response {
    match request.path.as_str() {
        "/away" => Response::redirect("http://other.example.com/x"),
        "/near" => Response::redirect("x"),
        "/round" => Response::redirect("/round"),
        "/inside" => Response::redirect("http://127.0.0.1:9/x"),
        "/nowhere" => Response::status(302),
        _ => Response::ok("good"),
    }
}

#[test]
fn files_may_come_from_elsewhere_and_documents_may_not() {
    let server = Server::start(redirecting);
    let setup = Setup {
        netrc: "machine registry.example.com login u password p\nmachine other.example.com login u password p"
            .to_owned(),
        ..Setup::through(&server, &["registry.example.com"])
    };
    let url = |path: &str| format!("http://registry.example.com{path}");
    let client = setup.client();
    assert!(client.document(&document(&url("/away"))).is_err());
    assert!(client.document(&document(&url("/near"))).is_ok());
    assert!(client.document(&document(&url("/round"))).is_err());
    assert!(client.led_to().is_empty());

    let claims = [sha256(b"good")];
    let fetch = |path: &str| {
        client.fetch(
            &FileRequest {
                url: &url(path),
                claims: &claims,
                size: None,
            },
            &|_| {},
        )
    };
    assert!(fetch("/away").is_ok());
    assert!(fetch("/inside").is_err());
    assert!(fetch("/nowhere").is_err());
    let elsewhere: Vec<_> = client.led_to().into_iter().collect();
    let expected = (
        "other.example.com".to_owned(),
        BTreeSet::from(["registry.example.com".to_owned()]),
    );
    assert_eq!(elsewhere, [expected]);
    for request in server.requests() {
        let is_named = request.host.starts_with("registry.");
        assert_eq!(request.header("authorization").is_some(), is_named, "{request:?}");
    }
}

#[test]
fn credentials_go_with_their_base_only() {
    let server = Server::start(redirecting);
    let base = |url: &str, authorization: Option<&str>| UpstreamBase {
        named_by: NamedBy::Client,
        ecosystem: "fake",
        scope: None,
        url: url.to_owned(),
        authorization: authorization.map(str::to_owned),
    };
    let setup = Setup {
        bases: vec![
            base("http://index.example.com/", Some("Bearer t0ken")),
            base("http://files.example.com/", None),
        ],
        ..Setup::through(&server, &[])
    };
    let client = setup.client();
    for host in ["index", "files"] {
        client
            .document(&document(&format!("http://{host}.example.com/x")))
            .unwrap();
    }
    let sent: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(sent, [Some("Bearer t0ken".to_owned()), None]);
    assert_eq!(client.bases("fake").len(), 2);
    assert!(client.bases("pypi").is_empty());
}

#[test]
fn passwords_in_addresses_are_neither_sent_nor_printed() {
    let server = Server::start(|_| Response::ok("good"));
    let setup = Setup::new(&[server.url("/")]);
    let url = format!("http://user:s3cret@{}/a", server.address);
    let error = setup.fetch(&url, b"good").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    let error = setup.client().document(&document(&url)).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    assert!(server.requests().is_empty());
}

#[test]
fn no_proxy_is_heeded() {
    let proxy = Server::start(|_| Response::ok("from the proxy"));
    let server = Server::start(|_| Response::ok("direct"));
    let mut setup = Setup {
        proxy: Some(proxy.url("")),
        ..Setup::new(&[server.url("/")])
    };
    setup.client().document(&document(&server.url("/1"))).unwrap();
    assert_eq!((proxy.requests().len(), server.requests().len()), (1, 0));
    setup.no_proxy = "127.0.0.0/8".to_owned();
    setup.client().document(&document(&server.url("/2"))).unwrap();
    assert_eq!((proxy.requests().len(), server.requests().len()), (1, 1));
}

#[test]
fn certificate_authorities_must_be_readable() {
    let setup = Setup::new(&[]);
    for pem in ["", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        let settings = Settings {
            bases: Vec::new(),
            access: Access::new(&[], [], PlainHttp::LoopbackOnly, Netrc::default()),
            proxies: Proxies::default(),
            authorities: Authorities::Only(pem.as_bytes().to_vec()),
            limits: quick(),
            freshness: Freshness::Cached,
            now: NEVER,
        };
        assert!(matches!(
            Client::new(settings, setup.cache()),
            Err(ClientError::Certificates)
        ));
    }
}
