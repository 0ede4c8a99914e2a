//! Answers that do not fit together, a client that waits no longer than it may, and a cache that takes nothing.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sealift::ecosystem::Upstream as _;
use sealift::net::{ClientError, FetchError, FileRequest, Freshness};

use super::{Setup, big, document, sha256};
use crate::http::{Request, Response, Server};

const CUT: usize = 2_000_000;

/// A whole answer that breaks off.
fn cut(request: &Request, body: &[u8]) -> Response {
    let mut response = Response::ranged(request, body, "v1");
    response.cut_after = Some(CUT);
    response
}

#[test]
fn another_part_than_was_asked_for_is_not_joined() {
    let body = big();
    let served = body.clone();
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| match count.fetch_add(1, Ordering::SeqCst) {
        0 | 2 => cut(request, &served),
        1 | 3 => {
            let mut response = Response::ranged(request, &served, "v1");
            let range = format!("bytes 0-{}/{}", served.len() - 1, served.len());
            response.headers.retain(|(name, _)| *name != "content-range");
            response.headers.push(("content-range", range));
            response
        }
        _ => Response::ranged(request, &served, "v1"),
    });
    let setup = Setup::new(&[server.url("/")]);
    setup.fetch(&server.url("/a"), &body).unwrap();
    assert_eq!(server.requests().len(), 5);
    assert_eq!(setup.leftovers(), 0);
}

#[test]
fn a_file_whose_parts_never_fit_is_given_up() {
    let (body, mut other) = (big(), big());
    other[CUT + 100_000] ^= 1;
    let served = body.clone();
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| match count.fetch_add(1, Ordering::SeqCst) {
        0 | 2 => cut(request, &served),
        1 | 3 => Response::ranged(request, &other, "v1"),
        _ => Response::ranged(request, &served, "v1"),
    });
    let setup = Setup::new(&[server.url("/")]);
    let error = setup.fetch(&server.url("/a"), &body).unwrap_err();
    assert!(matches!(error, FetchError::Digest { .. }), "{error}");
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn nobody_waits_beyond_the_time_that_there_is() {
    let server = Server::start(|_| Response::status(503));
    let mut setup = Setup::new(&[server.url("/")]);
    setup.limits.document = Duration::from_millis(20);
    setup.limits.first_pause = Duration::from_millis(60);
    setup.limits.longest_pause = Duration::from_millis(60);
    let client = setup.client();
    let asked = client.view(Freshness::Asked).document(&document(&server.url("/a")));
    assert!(asked.is_err());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_the_cache_does_not_take_was_not_fetched() {
    let server = Server::start(|_| Response::ok("good"));
    let setup = Setup::new(&[server.url("/")]);
    let client = setup.client();
    for name in ["objects", "documents"] {
        let path = setup.folder.path().join(name);
        fs::remove_dir(&path).unwrap();
        fs::write(path, "no folder").unwrap();
    }
    let asked = client.view(Freshness::Asked).document(&document(&server.url("/a")));
    assert!(asked.is_err());
    let claims = [sha256(b"good")];
    let request = FileRequest {
        url: &server.url("/a"),
        claims: &claims,
        size: None,
    };
    let fetched = client.fetch(&request, &|_| {});
    assert!(
        matches!(fetched, Err(FetchError::Client(ClientError::Cache(_)))),
        "{fetched:?}"
    );
}

#[test]
fn a_whole_file_that_is_another_is_not_asked_for_twice() {
    let server = Server::start(|_| Response::ok("evil"));
    let setup = Setup::new(&[server.url("/")]);
    let error = setup.fetch(&server.url("/a"), b"good").unwrap_err();
    assert!(matches!(error, FetchError::Digest { .. }), "{error}");
    assert_eq!(server.requests().len(), 1);
}
