//! What a second run takes from the first, and what it must ask anew; and a cache that takes nothing.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use sealift::evidence::beside::ASKED_KINDS;
use sealift::export::collect::plan;
use sealift::export::select::{Input, Place, Request as Wish, select};
use sealift::model::{Algorithm, Claim, Code, Digest, ProofState, Stop};

use super::{Desk, codes, line, refusals};
use crate::fake_ecosystem::ALL;
use crate::http::{Response, Server};

/// A registry whose index of `one` lists these contents.
fn listing(contents: &Arc<Mutex<Vec<&'static str>>>) -> Server {
    let contents = Arc::clone(contents);
    Server::start(move |request| {
        if let Some(content) = request.path.strip_prefix("/files/") {
            return Response::ok(content);
        }
        if request.path != "/index/one" {
            return Response::status(404);
        }
        let lines = contents.lock().unwrap();
        let lines = lines.iter().map(|content| {
            let digest = Digest::of(content.as_bytes());
            format!(
                "one-1.0+{content}.fake http://{}/files/{content} {digest}\n",
                request.host
            )
        });
        Response::ok(lines.collect::<String>())
    })
}

#[test]
fn an_index_that_lists_too_little_is_asked_anew() {
    let contents = Arc::new(Mutex::new(vec!["a"]));
    let server = listing(&contents);
    let desk = Desk::with_index(&server);
    desk.lock(&[line("one", None, &[b"a"])]);
    assert_eq!(desk.collect(desk.select(&[])).unwrap().artifacts.len(), 1);
    contents.lock().unwrap().push("b");
    desk.lock(&[line("one", None, &[b"a", b"b"])]);
    assert_eq!(desk.collect(desk.select(&[])).unwrap().artifacts.len(), 2);
}

#[test]
fn a_file_of_another_name_or_version_is_not_taken_for_it() {
    for name in ["two-1.0.fake", "one-2.0.fake", "unknown"] {
        let desk = Desk::new();
        desk.write(&format!("from/{name}"), "one");
        desk.lock(&[line("one", None, &[b"one"])]);
        let wrong = refusals(desk.collect_offline(desk.select(&["from"])));
        assert_eq!(codes(&wrong), [("fake one 1.0", Code::ArtifactNotFound)], "{name}");
    }
    let desk = Desk::new();
    desk.write("from/one-1.0.fake", "one");
    desk.lock(&[line("one", None, &[b"one"])]);
    desk.collect_offline(desk.select(&["from"])).unwrap();
}

#[test]
fn a_dry_run_that_asks_nobody_stops_where_nothing_is_found() {
    let desk = Desk::new();
    desk.lock(&[line("one", None, &[b"a", b"b"])]);
    let planned = || {
        let selected = desk.select(&["from"]);
        desk.with_sources(None, |sources| plan(&selected, sources))
    };
    fs::create_dir(desk.folder.path().join("from")).unwrap();
    assert!(matches!(planned(), Err(Stop::Refused(_))));
    // A part of it is enough.
    desk.write("from/one-1.0.fake", "a");
    assert_eq!(planned().unwrap().at_hand, 1);
}

#[test]
fn a_dry_run_of_what_is_all_there_asks_for_no_address() {
    let server = listing(&Arc::default());
    let desk = Desk::with_index(&server);
    desk.write("home/.fake/r/one-1.0.fake", "one");
    desk.lock(&[line("one", None, &[b"one"])]);
    assert_eq!(desk.plan().unwrap().to_fetch, 0);
    assert!(!server.paths().iter().any(|path| path.starts_with("/index/")));
}

/// The folders below a cache's into which a run puts its files.
fn shards(desk: &Desk) -> Vec<PathBuf> {
    let cache = desk.folder.path().join("cache");
    let kinds = ["objects", "documents", "records"].map(|kind| cache.join(kind));
    let entries = kinds.iter().flat_map(|kind| fs::read_dir(kind).unwrap());
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path().strip_prefix(&cache).unwrap().to_owned())
        .collect();
    paths.sort();
    paths
}

#[test]
fn whatever_the_cache_does_not_take_ends_the_run() {
    let server = Server::start(|request| match request.path.as_str() {
        "/index/one" => {
            let digest = Digest::of(b"one");
            Response::ok(format!("one-1.0.fake http://{}/files/one {digest}\n", request.host))
        }
        "/files/one" => Response::ok("one"),
        "/about/one" => Response::ok("about one"),
        _ => Response::status(404),
    });
    let fresh = || {
        let desk = Desk::with_index(&server);
        desk.lock(&[line("one", None, &[b"one"])]);
        desk
    };
    let whole = fresh();
    whole.collect(whole.select(&[])).unwrap();
    let shards = shards(&whole);
    assert!(shards.len() > 4, "{shards:?}");
    for shard in &shards {
        let desk = fresh();
        // A file where a folder should be.
        desk.write(&format!("cache/{}", shard.display()), "");
        let collected = desk.collect(desk.select(&[]));
        assert!(
            matches!(collected, Err(Stop::Unable(_))),
            "{}: {collected:?}",
            shard.display()
        );
    }
}

#[test]
fn a_loose_file_that_has_gone_is_asked_of_nobody() {
    let server = listing(&Arc::default());
    let desk = Desk::with_index(&server);
    let path = desk.write("down/one-1.0.fake", "one");
    let wish = Wish::from_arguments(&["down".into()], desk.folder.path(), ALL).unwrap();
    let selected = select(wish, ALL).unwrap();
    fs::remove_file(path).unwrap();
    let wrong = refusals(desk.collect(selected));
    assert_eq!(codes(&wrong), [("fake one 1.0", Code::ArtifactNotFound)]);
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn what_lies_beside_a_file_counts_in_a_folder_that_was_named() {
    let proofs = |place: &str, from: &[&str]| -> Vec<String> {
        let desk = Desk::new();
        desk.write(&format!("{place}/one-1.0.fake"), "one");
        desk.write(&format!("{place}/one-1.0.fake.asc"), "-----BEGIN PGP SIGNATURE-----\n");
        fs::create_dir_all(desk.folder.path().join("from")).unwrap();
        desk.lock(&[line("one", None, &[b"one"])]);
        let parts = desk.collect_offline(desk.select(from)).unwrap();
        let present = parts.artifacts[0]
            .proofs
            .iter()
            .filter(|proof| proof.state == ProofState::Present);
        present.map(|proof| proof.kind.clone()).collect()
    };
    assert_eq!(proofs("from", &["from"]), ["openpgp"]);
    assert_eq!(proofs("home/.fake/r", &[]), [""; 0]);
}

#[test]
fn that_nothing_was_obtained_settles_nothing() {
    let contents = Arc::new(Mutex::new(vec!["a"]));
    let server = listing(&contents);
    let desk = Desk::with_index(&server);
    desk.lock(&[line("one", None, &[b"a"])]);
    let key = format!("fake\none\n1.0\n\n{}", Digest::of(b"a"));
    desk.cache().settle(&key, &[]).unwrap();
    assert_eq!(desk.collect(desk.select(&[])).unwrap().artifacts.len(), 1);
}

#[test]
fn a_folder_that_nobody_looked_into_lacks_nothing() {
    let server = Server::start(|request| match request.path.as_str() {
        "/d/tool" => Response::ok("tool"),
        _ => Response::status(404),
    });
    let desk = Desk::new();
    let wish = Wish {
        inputs: vec![Input::File {
            name: "tools".to_owned(),
            version: "1".to_owned(),
            file: "tool".to_owned(),
            place: Place::Url(server.url("/d/tool")),
            claim: Claim::new(Algorithm::Sha256, Digest::of(b"tool").as_bytes().to_vec()).unwrap(),
        }],
        ..Wish::default()
    };
    let selected = || select(wish.clone(), ALL).unwrap();
    let asked = desk.collect(selected()).unwrap();
    let states: Vec<ProofState> = asked.artifacts[0].proofs.iter().map(|proof| proof.state).collect();
    assert_eq!(states, [ProofState::NotServed; ASKED_KINDS.len()]);
    // It lies in our cache by now, and nobody is asked what there is beside it.
    let offline = desk.collect_offline(selected()).unwrap();
    assert_eq!(offline.artifacts[0].origin, server.url("/d/tool"));
    assert!(offline.artifacts[0].proofs.is_empty());
}
