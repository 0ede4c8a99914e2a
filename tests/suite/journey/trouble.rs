//! Registries that answer badly, and lockfiles that disagree with them: said in full, and nothing is written.

use std::time::Duration;

use super::npm::{hashes, package_lock, registry, tarball};
use super::{Site, export_line};
use crate::http::{Response, Server};

#[test]
fn other_bytes_than_the_lockfile_states_are_refused() {
    let (server, site) = (registry(), Site::new());
    let lock = package_lock(&server, &["plain", "proven"]);
    site.write(
        "project/package-lock.json",
        lock.replace(&hashes(&tarball("plain")).0, &hashes(b"other").0),
    );
    let said = site.refused(&export_line("package-lock.json", "media"));
    for part in [
        "npm plain 1.0.0: ",
        "[lock-digest-mismatch]",
        "expected ",
        "found ",
        "plain-1.0.0.tgz",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        !said.contains("proven"),
        "what is right is not complained about: {said}"
    );
    // What was right is kept: the corrected lockfile fetches only the other.
    site.write("project/package-lock.json", lock);
    assert_eq!(site.export("package-lock.json", "media")["from"]["fetched"], 1);
}

/// A registry in front of the real one, that answers tarballs in its own way.
fn spoiled(answer: impl Fn() -> Response + Send + Sync + 'static) -> Server {
    Server::start(move |request| {
        if request.path.ends_with(".tgz") {
            answer()
        } else {
            Response::status(404)
        }
    })
}

#[test]
fn errors_of_registries_are_told_apart() {
    let site = Site::new();
    let export = |server: &Server| {
        site.write("project/package-lock.json", package_lock(server, &["plain"]));
        let ran = site.run(&export_line("package-lock.json", "media"));
        assert!(!site.path("media").exists());
        (ran.status, ran.stderr)
    };
    let (status, said) = export(&spoiled(|| Response::status(404)));
    assert_eq!(status, 1);
    assert!(said.contains("[artifact-not-found]"), "{said}");
    let (status, said) = export(&spoiled(|| Response::status(500)));
    assert_eq!(status, 3, "another run may succeed: {said}");
    assert!(
        said.contains("[upstream-failed]") && said.contains("answered 500"),
        "{said}"
    );
    assert!(said.contains("hint: try again later"), "{said}");
    // More bytes than the artifact has are other bytes.
    let (status, said) = export(&spoiled(|| Response::ok([tarball("plain"), vec![0; 9]].concat())));
    assert_eq!(status, 1);
    assert!(said.contains("[lock-digest-mismatch]"), "{said}");
}

#[test]
fn a_slow_registry_is_waited_for_and_a_broken_transfer_goes_on() {
    let site = Site::new();
    let slow = spoiled(|| Response {
        trickle: Some((40, Duration::from_millis(5))),
        ..Response::ok(tarball("plain"))
    });
    site.write("project/package-lock.json", package_lock(&slow, &["plain"]));
    assert_eq!(site.export("package-lock.json", "slow")["from"]["fetched"], 1);

    let site = Site::new();
    let cut = Server::start(|request| {
        if !request.path.ends_with(".tgz") {
            return Response::status(404);
        }
        let mut response = Response::ranged(request, &tarball("plain"), "one");
        if request.header("range").is_none() {
            response.cut_after = Some(50);
        }
        response
    });
    site.write("project/package-lock.json", package_lock(&cut, &["plain"]));
    assert_eq!(site.export("package-lock.json", "media")["from"]["fetched"], 1);
    let parts: Vec<_> = cut
        .requests()
        .into_iter()
        .filter(|request| request.path.ends_with(".tgz"))
        .collect();
    assert_eq!(
        parts.iter().map(|request| request.header("range")).collect::<Vec<_>>(),
        [None, Some("bytes=50-")]
    );
}
