//! The read-only server, asked byte by byte.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::error::Error as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::thread::JoinHandle;

use sealift::model::{Name, RelativePath};
use sealift::repository::{NameFiles, Repository, RootNode};
use sealift::serve::{Options, ServeError, Server, TlsFiles};

#[path = "../support/http_client.rs"]
mod http;

use http::{Reply, connect, exchange, read_reply, request};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

struct Site {
    folder: tempfile::TempDir,
    repository: Repository,
    root: RootNode,
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Site {
    fn new() -> Self {
        Self::with(&[], None)
    }

    fn with(hosts: &[&str], tls: Option<TlsFiles>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::open(folder.path()).unwrap();
        let files = |ecosystem: &str, name: &str, files: &[(&str, &str)]| NameFiles {
            name: Name {
                ecosystem: ecosystem.to_owned(),
                name: name.to_owned(),
            },
            files: files
                .iter()
                .map(|(path, text)| {
                    let digest = repository.store().put_bytes(text.as_bytes()).unwrap();
                    (RelativePath::new(*path).unwrap(), digest)
                })
                .collect(),
        };
        let large = "0123456789".repeat(100_000);
        let staged = repository
            .stage(
                None,
                &[
                    files(
                        "cargo",
                        "serde",
                        &[
                            ("index/se/rd/serde", "{\"name\":\"serde\"}\n"),
                            ("serde-1.0.0.crate", "crate"),
                        ],
                    ),
                    files(
                        "pypi",
                        "foo-bar",
                        &[
                            (
                                "simple/foo-bar/index.html",
                                "<a href=\"../../files/F-1.whl\">F-1.whl</a>",
                            ),
                            ("simple/foo-bar/index.json", "{\"name\":\"foo-bar\"}"),
                            ("files/F-1.whl", "wheel bytes"),
                            ("files/F-1.whl.metadata", "Name: F"),
                        ],
                    ),
                    files(
                        "npm",
                        "@s/name",
                        &[
                            (
                                "@s/name/packument.json",
                                "{\"tarball\":\"{{registry}}/@s/name/-/name-1.0.0.tgz\"}",
                            ),
                            ("@s/name/-/name-1.0.0.tgz", "tgz"),
                        ],
                    ),
                    files("npm", "JSONStream", &[("!j!s!o!n!stream/packument.json", "{}")]),
                    files(
                        "files",
                        "tool",
                        &[
                            ("tool/1/large", &large),
                            ("tool/1/page.html", "<script>1</script>"),
                            ("tool/1/empty", ""),
                        ],
                    ),
                ],
            )
            .unwrap();
        repository.switch(1, &staged).unwrap();
        let options = Options {
            listen: "127.0.0.1:0".parse().unwrap(),
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            tls,
        };
        let server = Server::bind(folder.path(), options).unwrap();
        let address = server.address();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let server = std::thread::spawn(move || {
            server.run(async {
                let _ = stopped.await;
            })
        });
        Self {
            folder,
            repository,
            root: staged.root(),
            address,
            stop: Some(stop),
            server: Some(server),
        }
    }

    fn ask(&self, method: &str, path: &str, lines: &[&str]) -> Reply {
        exchange(self.address, &request(self.address, method, path, lines))
    }

    fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[])
    }

    fn status(&self, path: &str) -> u16 {
        self.get(path).status
    }

    fn stop(&mut self) {
        if let (Some(stop), Some(server)) = (self.stop.take(), self.server.take()) {
            let _ = stop.send(());
            server.join().unwrap().unwrap();
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

#[test]
fn cargo_finds_its_index_and_crates() {
    let site = Site::new();
    let config = site.get("/cargo/index/config.json");
    assert_eq!(
        config.text(),
        format!(
            "{{\"dl\":\"http://{}/cargo/crates/{{crate}}-{{version}}.crate\"}}",
            site.address
        )
    );
    let line = site.get("/cargo/index/se/rd/serde");
    assert_eq!((line.status, line.text()), (200, "{\"name\":\"serde\"}\n"));
    assert_eq!(line.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(line.header("cache-control"), Some("no-cache"));
    let file = site.get("/cargo/crates/serde-1.0.0.crate");
    assert_eq!(
        (file.text(), file.header("content-type")),
        ("crate", Some("application/octet-stream"))
    );
    assert!(file.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(site.status("/cargo/index/un/kn/unknown"), 404);
}

#[test]
fn pip_finds_pages_in_the_form_it_asks_for() {
    let site = Site::new();
    let html = site.get("/pypi/simple/foo-bar/");
    assert_eq!(html.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(html.header("vary"), Some("Accept"));
    assert!(html.text().starts_with("<a href"));
    let json = site.ask(
        "GET",
        "/pypi/simple/foo-bar/",
        &[&format!("Accept: {JSON}, text/html;q=0.01")],
    );
    assert_eq!(
        (json.header("content-type"), json.text()),
        (Some(JSON), "{\"name\":\"foo-bar\"}")
    );
    assert_ne!(html.header("etag"), json.header("etag"));
    assert_eq!(
        site.ask("GET", "/pypi/simple/foo-bar/", &["Accept: image/png"]).status,
        406
    );
    assert_eq!(site.get("/pypi/files/F-1.whl").text(), "wheel bytes");
    assert_eq!(site.get("/pypi/files/F-1.whl.metadata").text(), "Name: F");
    assert_eq!(site.status("/pypi/simple/pip/"), 404);
}

#[test]
fn the_simple_root_lists_what_the_generation_has() {
    let site = Site::new();
    let html = site.get("/pypi/simple/");
    assert!(
        html.text().contains("<a href=\"foo-bar/\">foo-bar</a>"),
        "{}",
        html.text()
    );
    let json = site.ask("GET", "/pypi/simple/", &[&format!("Accept: {JSON}")]);
    assert_eq!(
        json.text(),
        "{\"meta\":{\"api-version\":\"1.0\"},\"projects\":[{\"name\":\"foo-bar\"}]}"
    );
    let gone = NameFiles {
        name: Name {
            ecosystem: "pypi".to_owned(),
            name: "foo-bar".to_owned(),
        },
        files: Vec::new(),
    };
    let staged = site.repository.stage(Some(site.root), &[gone]).unwrap();
    site.repository.switch(2, &staged).unwrap();
    let json = site.ask("GET", "/pypi/simple/", &[&format!("Accept: {JSON}")]);
    assert_eq!(json.text(), "{\"meta\":{\"api-version\":\"1.0\"},\"projects\":[]}");
    assert_eq!(site.status("/pypi/simple/foo-bar/"), 404, "a switch shows at once");
}

#[test]
fn redirects_name_no_host() {
    let site = Site::new();
    for (path, to) in [
        ("/pypi/simple", "simple/"),
        ("/pypi/simple/foo-bar", "foo-bar/"),
        ("/pypi/simple/Foo.Bar/", "../foo-bar/"),
        ("/pypi/simple//evil.example.com/", ""),
    ] {
        let reply = site.get(path);
        if to.is_empty() {
            assert_eq!(reply.status, 404, "{path}");
        } else {
            assert_eq!((reply.status, reply.header("location")), (301, Some(to)), "{path}");
        }
    }
}

#[test]
fn npm_finds_packuments_in_every_spelling_with_its_own_urls() {
    let site = Site::new();
    for path in ["/npm/@s%2fname", "/npm/@s%2Fname", "/npm/@s/name", "/npm/%40s/name"] {
        let reply = site.get(path);
        assert_eq!(
            reply.text(),
            format!(
                "{{\"tarball\":\"http://{}/npm/@s/name/-/name-1.0.0.tgz\"}}",
                site.address
            ),
            "{path}"
        );
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
    assert_eq!(site.get("/npm/@s/name/-/name-1.0.0.tgz").text(), "tgz");
    assert_eq!(site.get("/npm/@s%2fname/-/name-1.0.0.tgz").text(), "tgz");
    assert_eq!(site.get("/npm/JSONStream").text(), "{}");
    assert_eq!(site.status("/npm/jsonstream"), 404);
    assert_eq!(site.get("/npm/-/ping").text(), "{}");
    assert_eq!((site.status("/npm/npm"), site.status("/npm/pnpm")), (404, 404));
    assert_eq!(
        site.ask("POST", "/npm/-/npm/v1/security/advisories/bulk", &["Content-Length: 0"])
            .status,
        404
    );
}

#[test]
fn only_our_own_host_is_answered() {
    let site = Site::with(&["mirror.example.com"], None);
    let port = site.address.port();
    let ask = |host: &str| site.ask("GET", "/npm/@s/name", &[&format!("Host: {host}")]);
    for host in [
        format!("localhost:{port}"),
        "mirror.example.com".to_owned(),
        format!("mirror.example.com:{port}"),
    ] {
        let reply = ask(&host);
        assert!(
            reply.text().contains(&format!("http://{host}/npm/")),
            "{}",
            reply.text()
        );
    }
    let tags = (ask("mirror.example.com"), ask(&format!("localhost:{port}")));
    assert_ne!(tags.0.header("etag"), tags.1.header("etag"), "the page differs by host");
    for host in ["evil.example.com", "127.0.0.1", "mirror.example.com\"", ""] {
        assert_eq!(ask(host).status, 421, "{host}");
    }
    let none = exchange(site.address, b"GET /npm/-/ping HTTP/1.1\r\n\r\n");
    assert_eq!(none.status, 400);
    let two = format!(
        "GET /npm/-/ping HTTP/1.1\r\nHost: {0}\r\nHost: {0}\r\n\r\n",
        site.address
    );
    assert_eq!(exchange(site.address, two.as_bytes()).status, 400);
}

#[test]
fn nothing_but_get_and_head_is_answered() {
    let site = Site::new();
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        let reply = site.ask(method, "/files/tool/1/empty", &["Content-Length: 0"]);
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, Some("GET, HEAD")),
            "{method}"
        );
    }
    assert_eq!(
        site.ask("POST", "/files/tool/1/empty", &["Content-Length: 0"]).status,
        404
    );
}

#[test]
fn head_is_get_without_its_body() {
    let site = Site::new();
    for path in [
        "/files/tool/1/large",
        "/npm/@s/name",
        "/pypi/simple/",
        "/files/none",
        "/cargo/index/config.json",
    ] {
        let (get, head) = (site.get(path), site.ask("HEAD", path, &[]));
        assert_eq!(get.status, head.status, "{path}");
        for name in ["content-length", "content-type", "etag"] {
            assert_eq!(get.header(name), head.header(name), "{path} {name}");
        }
    }
}

#[test]
fn what_a_client_has_is_not_sent_again() {
    let site = Site::new();
    for path in [
        "/files/tool/1/large",
        "/npm/@s/name",
        "/pypi/simple/",
        "/cargo/index/se/rd/serde",
    ] {
        let tag = site.get(path).header("etag").unwrap().to_owned();
        for value in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let reply = site.ask("GET", path, &[&format!("If-None-Match: {value}")]);
            assert_eq!(
                (reply.status, reply.header("etag")),
                (304, Some(&*tag)),
                "{path} {value}"
            );
        }
        assert_eq!(
            site.ask("GET", path, &["If-None-Match: \"other\""]).status,
            200,
            "{path}"
        );
    }
}

#[test]
fn a_part_of_a_file_is_sent() {
    let site = Site::new();
    let path = "/files/tool/1/large";
    let part = |range: &str| site.ask("GET", path, &[&format!("Range: {range}")]);
    let reply = part("bytes=10-19");
    assert_eq!((reply.status, reply.text()), (206, "0123456789"));
    assert_eq!(reply.header("content-range"), Some("bytes 10-19/1000000"));
    assert_eq!(part("bytes=-4").text(), "6789");
    let rest = part("bytes=500000-");
    assert_eq!((rest.status, rest.body.len()), (206, 500_000));
    let none = part("bytes=1000000-");
    assert_eq!(
        (none.status, none.header("content-range")),
        (416, Some("bytes */1000000"))
    );
    assert_eq!(part("bytes=0-1,3-4").status, 200);
    assert_eq!(part("lines=0-1").status, 200);
    let tag = site.get(path).header("etag").unwrap().to_owned();
    assert_eq!(
        site.ask("GET", path, &["Range: bytes=0-1", &format!("If-Range: {tag}")])
            .status,
        206
    );
    assert_eq!(
        site.ask("GET", path, &["Range: bytes=0-1", "If-Range: \"other\""])
            .status,
        200
    );
    assert_eq!(site.ask("HEAD", path, &["Range: bytes=0-1"]).status, 200);
}

#[test]
fn large_and_empty_files_come_whole() {
    let site = Site::new();
    let reply = site.get("/files/tool/1/large");
    assert_eq!(reply.text(), "0123456789".repeat(100_000));
    let empty = site.get("/files/tool/1/empty");
    assert_eq!((empty.status, empty.header("content-length")), (200, Some("0")));
}

#[test]
fn paths_that_lead_out_are_refused() {
    let site = Site::new();
    fs::write(site.folder.path().join("secret"), "secret").unwrap();
    for path in [
        "/files/../../secret",
        "/files/%2e%2e/%2e%2e/secret",
        "/files/..%2f..%2fsecret",
        "/files/%5c..%5csecret",
        "/files/tool/1/empty%00",
        "/..",
        "/files/%zz",
    ] {
        assert_eq!(site.status(path), 400, "{path}");
    }
    for path in [
        "/",
        "/files",
        "/files/",
        "/files/tool",
        "/files/tool/",
        "/files/tool/1",
        "/files/tool/1/",
        "/secret",
        "/files//etc/passwd",
        "//etc/passwd",
        "/files/%252e%252e/secret",
        "/state.db",
        "/.now",
        "/files/.now",
        "/repository/files/tool/1/empty",
        "/pypi/files/",
        "/cargo/index/",
        "/v2/",
        &format!("/files/{}", "a".repeat(300)),
    ] {
        assert_eq!(site.status(path), 404, "{path}");
    }
    // The whole address in the request line (RFC 9112 §3.2.2): its path counts.
    let bytes = format!(
        "GET http://elsewhere.example.com/npm/-/ping HTTP/1.1\r\nHost: {}\r\n\r\n",
        site.address
    );
    assert_eq!(exchange(site.address, bytes.as_bytes()).status, 200);
}

#[test]
fn every_answer_tells_browsers_to_run_nothing() {
    let site = Site::new();
    for path in ["/files/tool/1/page.html", "/pypi/simple/", "/none", "/files/%zz"] {
        let reply = site.get(path);
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(
            reply.header("content-security-policy").unwrap().contains("sandbox"),
            "{path}"
        );
    }
    let page = site.get("/files/tool/1/page.html");
    assert_eq!(page.header("content-type"), Some("application/octet-stream"));
    assert_eq!(page.header("content-disposition"), Some("attachment"));
}

#[test]
fn a_tls_hello_on_the_plain_port_ends_at_once() {
    let site = Site::new();
    let mut stream = connect(site.address);
    stream.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).unwrap();
    let mut rest = Vec::new();
    // An end or a reset, and no byte of an answer.
    let _ = stream.read_to_end(&mut rest);
    assert_eq!(rest, b"");
    assert_eq!(site.status("/npm/-/ping"), 200);
}

#[test]
fn a_head_that_is_too_large_or_no_http_is_refused() {
    let site = Site::new();
    let mut bytes = format!("GET /npm/-/ping HTTP/1.1\r\nHost: {}\r\nX: ", site.address).into_bytes();
    bytes.extend(vec![b'a'; 100_000]);
    let mut stream = connect(site.address);
    let _ = stream.write_all(&bytes);
    assert!(read_reply(&mut stream, false).is_none_or(|reply| reply.status == 431));
    let mut stream = connect(site.address);
    stream.write_all(b"SSH-2.0-x\r\n\r\n").unwrap();
    assert!(read_reply(&mut stream, false).is_none_or(|reply| reply.status == 400));
}

#[test]
fn a_connection_is_kept_for_further_requests() {
    let site = Site::new();
    let mut stream = connect(site.address);
    for _ in 0..3 {
        stream
            .write_all(&request(site.address, "GET", "/files/tool/1/large", &[]))
            .unwrap();
        assert_eq!(read_reply(&mut stream, false).unwrap().body.len(), 1_000_000);
    }
}

#[test]
fn an_open_request_ends_before_the_server_does() {
    let mut site = Site::new();
    let address = site.address;
    let mut stream = connect(address);
    stream
        .write_all(&request(address, "GET", "/files/tool/1/large", &[]))
        .unwrap();
    let mut first = [0; 100];
    stream.read_exact(&mut first).unwrap();
    let reader = std::thread::spawn(move || {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        rest
    });
    site.stop();
    let rest = reader.join().unwrap();
    assert!(rest.ends_with(b"0123456789") && rest.len() > 999_000, "{}", rest.len());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn tls_with_the_sites_certificate() {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    let certificate = fs::read("tests/fixtures/serve/certificate.pem").unwrap();
    let files = TlsFiles {
        key: fs::read("tests/fixtures/serve/key.pem").unwrap(),
        certificate: certificate.clone(),
    };
    assert_eq!(format!("{files:?}"), "TlsFiles", "a key is never printed");
    let site = Site::with(&[], Some(files));
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(&certificate).unwrap())
        .unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let session = rustls::ClientConnection::new(config.into(), "127.0.0.1".try_into().unwrap()).unwrap();
    let mut stream = rustls::StreamOwned::new(session, connect(site.address));
    stream
        .write_all(&request(site.address, "GET", "/npm/@s/name", &[]))
        .unwrap();
    let reply = read_reply(&mut stream, false).unwrap();
    assert!(
        reply.text().contains(&format!("https://{}/npm/", site.address)),
        "{}",
        reply.text()
    );
    // A client that speaks plain HTTP here gets no answer in the clear.
    let mut plain = connect(site.address);
    plain
        .write_all(&request(site.address, "GET", "/npm/-/ping", &[]))
        .unwrap();
    assert!(read_reply(&mut plain, false).is_none());
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let site = Site::new();
    let options = |listen, tls| Options {
        listen,
        hosts: Vec::new(),
        tls,
    };
    let bound = |folder, options| Server::bind(folder, options).err().unwrap();
    let error = |folder, options| bound(folder, options).to_string();
    let free = "127.0.0.1:0".parse().unwrap();
    let taken = error(site.folder.path(), options(site.address, None));
    assert_eq!(taken, format!("cannot listen on {}", site.address));
    let empty = tempfile::tempdir().unwrap();
    assert!(error(empty.path(), options(free, None)).starts_with("there is no repository in "));
    let no_certificate = "the certificate file holds no certificate";
    let no_key = "the key file holds no unencrypted private key in PEM";
    for (certificate, key, why) in [
        ("", "", no_certificate),
        ("x", "y", no_certificate),
        (include_str!("../fixtures/serve/certificate.pem"), "", no_key),
    ] {
        let files = TlsFiles {
            certificate: certificate.into(),
            key: key.into(),
        };
        let error = bound(site.folder.path(), options(free, Some(files)));
        assert_eq!(error.to_string(), "cannot use the certificate and key");
        assert_eq!(error.source().unwrap().to_string(), why);
    }
}
