//! Files of which nobody states a digest that counts.

use std::sync::atomic::{AtomicUsize, Ordering};

use sealift::model::{Algorithm, Claim, Digest, MultiHasher};
use sealift::net::{AccessError, ClientError, FetchError, FetchedFile, FileRequest};

use super::{Setup, big, sha256};
use crate::http::{Response, Server};

fn sha1(body: &[u8]) -> Claim {
    let mut hasher = MultiHasher::new([Algorithm::Sha1]);
    hasher.update(body);
    let (_, claims) = hasher.finish();
    claims
        .into_iter()
        .find(|claim| claim.algorithm() == Algorithm::Sha1)
        .unwrap()
}

fn fetch(setup: &Setup, url: &str, claims: &[Claim]) -> Result<FetchedFile, FetchError> {
    let request = FileRequest {
        url,
        claims,
        size: None,
    };
    setup.client().fetch_unpinned(&request, &|_| {})
}

#[test]
fn the_upstreams_own_checksum_is_compared_whatever_it_is() {
    let server = Server::start(|_| Response::ok("good"));
    let setup = Setup::new(&[server.url("/")]);
    let url = server.url("/a");
    let bare = fetch(&setup, &url, &[]).unwrap();
    assert_eq!((bare.digest, bare.claim), (Digest::of(b"good"), sha256(b"good")));
    let weak = fetch(&setup, &url, &[sha1(b"good")]).unwrap();
    assert_eq!((weak.digest, weak.claim), (Digest::of(b"good"), sha1(b"good")));
    for wrong in [sha1(b"other"), sha256(b"other")] {
        let error = fetch(&setup, &url, &[wrong]).unwrap_err();
        assert!(matches!(error, FetchError::Digest { .. }), "{error}");
    }
    assert_eq!(setup.leftovers(), 0);
}

/// With a digest the parts of two answers may be joined: it tells whether they fit. Here nothing would.
#[test]
fn a_broken_transfer_begins_again() {
    let body = big();
    let served = body.clone();
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let mut response = Response::ranged(request, &served, "v1");
        if count.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            response.cut_after = Some(2_000_000);
        }
        response
    });
    let mut setup = Setup::new(&[server.url("/")]);
    let url = server.url("/a");
    assert_eq!(fetch(&setup, &url, &[]).unwrap().digest, Digest::of(&body));
    // Nor does a later run go on with what an earlier one left.
    setup.limits.attempts = 1;
    assert!(fetch(&setup, &url, &[]).is_err());
    assert_eq!(fetch(&setup, &url, &[]).unwrap().digest, Digest::of(&body));
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.header("range").is_none())
    );
    assert_eq!(setup.leftovers(), 0);
}

#[test]
fn every_host_on_the_way_must_be_named() {
    let server = Server::start(|request| match request.path.as_str() {
        "/near" => Response::redirect("http://files.example.com/a"),
        "/far" => Response::redirect("http://other.example.com/a"),
        _ => Response::ok("good"),
    });
    let setup = Setup::through(&server, &["registry.example.com", "files.example.com"]);
    fetch(&setup, "http://registry.example.com/near", &[]).unwrap();
    for url in ["http://registry.example.com/far", "http://other.example.com/a"] {
        let error = fetch(&setup, url, &[sha256(b"good")]).unwrap_err();
        let is_refused = matches!(
            &error,
            FetchError::Client(ClientError::Access {
                source: AccessError::NotNamed { host },
                ..
            }) if host == "other.example.com"
        );
        assert!(is_refused, "{error:?}");
        // The same with a digest that counts is fine.
        let request = FileRequest {
            url,
            claims: &[sha256(b"good")],
            size: None,
        };
        setup.client().fetch(&request, &|_| {}).unwrap();
    }
}
