//! Artifacts, documents and proofs are collected from folders, caches and upstreams.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic, and then the test fails")]

mod once_more;
mod signed_indexes;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sealift::ecosystem::Ecosystem;
use sealift::export::collect::{CollectedParts, Event, Plan, Sources, Stamp, collect, plan};
use sealift::export::connect::{Connection, connect};
use sealift::export::select::{Request as Wish, Selected, select};
use sealift::model::{Code, Digest, ProofState, Refusal, Stop, Timestamp};
use sealift::net::{Cache, Client, Freshness};
use sha2::{Digest as _, Sha512};

use crate::fake_ecosystem::{ALL, Surroundings};
use crate::http::{Response, Server};

/// An exporter with its project, home and cache.
struct Desk {
    folder: tempfile::TempDir,
    surroundings: Surroundings,
    freshness: Freshness,
    ecosystems: &'static [&'static dyn Ecosystem],
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            surroundings: Surroundings {
                home: folder.path().join("home"),
                ..Surroundings::default()
            },
            folder,
            freshness: Freshness::Cached,
            ecosystems: ALL,
        }
    }

    fn with_index(server: &Server) -> Self {
        let mut this = Self::new();
        this.surroundings.set("FAKE_INDEX", server.url("/"));
        this
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn lock(&self, lines: &[String]) {
        self.write("fake.lock", lines.concat());
    }

    fn select(&self, from: &[&str]) -> Selected {
        let mut wish = Wish::from_arguments(&["fake.lock".into()], self.folder.path(), ALL).unwrap();
        wish.from = from.iter().map(|name| self.folder.path().join(name)).collect();
        select(wish, ALL).unwrap()
    }

    fn cache(&self) -> Cache {
        Cache::open(self.folder.path().join("cache")).unwrap()
    }

    fn client(&self, selected: &Selected) -> Client {
        let connection = Connection {
            certificates: None,
            freshness: self.freshness,
            limits: crate::net::quick(),
            now: Timestamp::from_seconds(0),
        };
        connect(
            selected,
            self.ecosystems,
            &self.surroundings,
            &connection,
            &self.cache(),
        )
        .unwrap()
    }

    fn with_sources<R>(&self, client: Option<&Client>, work: impl FnOnce(&Sources<'_>) -> R) -> R {
        work(&Sources {
            ecosystems: self.ecosystems,
            environment: &self.surroundings,
            cache: &self.cache(),
            client,
            threads: NonZeroUsize::new(2).unwrap(),
            progress: &|_| {},
        })
    }

    fn collect(&self, selected: Selected) -> Result<CollectedParts, Stop> {
        let client = self.client(&selected);
        self.with_sources(Some(&client), |sources| {
            collect(selected, sources).map(|collected| collected.into_parts())
        })
    }

    fn collect_offline(&self, selected: Selected) -> Result<CollectedParts, Stop> {
        self.with_sources(None, |sources| {
            collect(selected, sources).map(|collected| collected.into_parts())
        })
    }

    fn plan(&self) -> Result<Plan, Stop> {
        let selected = self.select(&[]);
        let client = self.client(&selected);
        self.with_sources(Some(&client), |sources| plan(&selected, sources))
    }
}

fn line(name: &str, url: Option<&str>, contents: &[&[u8]]) -> String {
    let digests: Vec<_> = contents.iter().map(|bytes| Digest::of(bytes).to_string()).collect();
    format!("{name} 1.0 - {} {}\n", url.unwrap_or("-"), digests.join(","))
}

fn refusals(result: Result<CollectedParts, Stop>) -> Vec<Refusal> {
    match result {
        Err(Stop::Refused(refusals)) => refusals,
        other => panic!("expected a refusal: {other:?}"),
    }
}

fn codes(refusals: &[Refusal]) -> Vec<(&str, Code)> {
    refusals
        .iter()
        .map(|refusal| (refusal.subject.as_str(), refusal.code))
        .collect()
}

fn states(parts: &CollectedParts) -> Vec<(&str, ProofState)> {
    parts
        .artifacts
        .iter()
        .map(|artifact| (artifact.name.as_str(), artifact.proofs[0].state))
        .collect()
}

/// An index of the names `one` (with a proof), `two` and `three`, each with one file.
fn registry() -> Server {
    Server::start(|request| {
        let host = request.header("host").unwrap_or_default().to_owned();
        let page = |name: &str| {
            let file = format!("{name}-1.0.fake");
            let digest = Digest::of(name.as_bytes());
            Response::ok(format!("{file} http://{host}/files/{file} {digest}\n"))
        };
        match request.path.as_str() {
            "/index/one" => page("one"),
            "/index/two" => page("two"),
            "/index/three" => page("three"),
            "/files/one-1.0.fake" => Response::ok("one"),
            "/files/two-1.0.fake" => Response::ok("two"),
            "/files/three-1.0.fake" => Response::ok("three"),
            "/proof/one-1.0.fake" => Response::ok("a proof of one"),
            "/about/one" => Response::ok("about one"),
            _ => Response::status(404),
        }
    })
}

#[test]
fn everything_is_found_where_it_is_and_the_second_run_asks_nobody() {
    let server = registry();
    let desk = Desk::with_index(&server);
    desk.lock(&[
        line("three", None, &[b"three"]),
        line("one", None, &[b"one"]),
        line("two", None, &[b"two"]),
    ]);
    let in_folder = desk.write("mirror/two-1.0.fake", "two");
    let in_cache = desk.write("home/.fake/registry-1/three-1.0.fake", "three");
    let first = desk.collect(desk.select(&["mirror"])).unwrap();

    let origins: Vec<_> = first
        .artifacts
        .iter()
        .map(|artifact| (artifact.name.as_str(), artifact.origin.clone()))
        .collect();
    assert_eq!(
        origins,
        [
            ("one", server.url("/files/one-1.0.fake")),
            ("three", "cache".to_owned()),
            ("two", "folder".to_owned()),
        ]
    );
    assert_eq!(
        states(&first),
        [
            ("one", ProofState::Present),
            ("three", ProofState::Absent),
            ("two", ProofState::Absent),
        ]
    );
    assert_eq!(first.artifacts[0].proofs[0].objects, [Digest::of(b"a proof of one")]);
    assert_eq!(first.documents.len(), 1);
    assert_eq!(first.documents[0].digest, Digest::of(b"about one"));
    let counts = &first.counts;
    assert_eq!(
        (
            counts.from_folders,
            counts.from_client_caches,
            counts.fetched,
            counts.fetched_bytes
        ),
        (1, 1, 1, 3)
    );

    // Every named object is there once, with its bytes; what lay on this machine was not copied.
    let mut named: Vec<Digest> = first.artifacts.iter().map(|artifact| artifact.digest).collect();
    named.extend([Digest::of(b"a proof of one"), Digest::of(b"about one")]);
    named.sort();
    assert_eq!(
        first.objects.iter().map(|object| object.digest).collect::<Vec<_>>(),
        named
    );
    for object in &first.objects {
        let bytes = std::fs::read(&object.path).unwrap();
        assert_eq!((Digest::of(&bytes), bytes.len() as u64), (object.digest, object.size));
        assert_eq!(object.stamp, Stamp::of(&std::fs::metadata(&object.path).unwrap()));
    }
    let path_of = |digest| {
        first
            .objects
            .iter()
            .find(|object| object.digest == digest)
            .unwrap()
            .path
            .clone()
    };
    assert_eq!(path_of(Digest::of(b"two")), in_folder.canonicalize().unwrap());
    assert_eq!(path_of(Digest::of(b"three")), in_cache);

    let requests = server.requests().len();
    let second = desk.collect(desk.select(&["mirror"])).unwrap();
    assert_eq!(server.requests().len(), requests);
    assert_eq!(
        (second.counts.from_cache, second.counts.fetched, second.counts.requests),
        (1, 0, 0)
    );
    assert_eq!(second.artifacts, first.artifacts);
    assert_eq!(second.documents, first.documents);
    assert_eq!(second.objects, first.objects);
    assert_eq!(second.plan, first.plan);

    // Without a client the same artifacts come, and nobody was asked for proofs.
    let offline = desk.collect_offline(desk.select(&["mirror"])).unwrap();
    assert_eq!(offline.artifacts.len(), 3);
    assert!(states(&offline).iter().all(|(_, state)| *state == ProofState::NotAsked));
    assert!(offline.documents.is_empty());
}

#[test]
fn what_the_client_remembers_counts_where_no_registry_gave_a_document() {
    let server = registry();
    let desk = Desk::with_index(&server);
    desk.lock(&[line("one", None, &[b"one"]), line("two", None, &[b"two"])]);
    for name in ["one", "two"] {
        desk.write(&format!("home/.fake/r/{name}-1.0.fake"), name);
        let fits = format!("kept about {}", Digest::of(name.as_bytes()).hex());
        // Two registries that say the same, and one that speaks of another artifact of this name.
        desk.write(&format!("home/.fake/a/about/{name}"), "kept about another");
        desk.write(&format!("home/.fake/b/about/{name}"), &fits);
        desk.write(&format!("home/.fake/c/about/{name}"), &fits);
    }
    let told = |parts: &CollectedParts| -> Vec<(String, String, Digest)> {
        let documents = parts.documents.iter();
        documents
            .map(|document| (document.name.clone(), document.origin.clone(), document.digest))
            .collect()
    };
    let kept = |name: &str| {
        let bytes = format!("kept about {}", Digest::of(name.as_bytes()).hex());
        (name.to_owned(), "cache".to_owned(), Digest::of(bytes.as_bytes()))
    };
    let offline = desk.collect_offline(desk.select(&[])).unwrap();
    assert_eq!(told(&offline), [kept("one"), kept("two")]);
    let digests: Vec<Digest> = offline.objects.iter().map(|object| object.digest).collect();
    assert!(told(&offline).iter().all(|(.., digest)| digests.contains(digest)));
    // The registry has a document about one of them.
    let asked = desk.collect(desk.select(&[])).unwrap();
    let url = server.url("/about/one");
    assert_eq!(
        told(&asked),
        [("one".to_owned(), url, Digest::of(b"about one")), kept("two")]
    );
}

#[test]
fn documents_are_asked_anew_for_a_new_version_or_on_request() {
    let server = registry();
    let mut desk = Desk::with_index(&server);
    desk.write("home/.fake/r/one-1.0.fake", "one");
    desk.write("home/.fake/r/one-2.0.fake", "new");
    desk.lock(&[line("one", None, &[b"one"])]);
    let about = |server: &Server| server.paths().iter().filter(|path| *path == "/about/one").count();
    desk.collect(desk.select(&[])).unwrap();
    desk.collect(desk.select(&[])).unwrap();
    assert_eq!(about(&server), 1);
    desk.lock(&[
        line("one", None, &[b"one"]),
        format!("one 2.0 - - {}\n", Digest::of(b"new")),
    ]);
    desk.collect(desk.select(&[])).unwrap();
    assert_eq!(about(&server), 2);
    desk.collect(desk.select(&[])).unwrap();
    assert_eq!(about(&server), 2);
    desk.freshness = Freshness::Asked;
    desk.collect(desk.select(&[])).unwrap();
    assert_eq!(about(&server), 3);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let server = Server::start(|request| match request.path.as_str() {
        "/evil" => Response::ok("evil"),
        "/broken" => Response::status(500),
        "/forbidden" => Response::status(403),
        "/good" => Response::ok("good"),
        _ => Response::status(404),
    });
    let desk = Desk::new();
    let at = |path: &str| server.url(path);
    desk.lock(&[
        line("a-evil", Some(&at("/evil")), &[b"good"]),
        line("b-gone", Some(&at("/gone")), &[b"good"]),
        line("c-broken", Some(&at("/broken")), &[b"good"]),
        line("d-forbidden", Some(&at("/forbidden")), &[b"good"]),
        line("e-nowhere", None, &[b"good"]),
        line("f-good", Some(&at("/good")), &[b"good"]),
        line("g-unreadable", Some("ftp://files.example.com/x"), &[b"good"]),
    ]);
    let wrong = refusals(desk.collect(desk.select(&[])));
    assert_eq!(
        codes(&wrong),
        [
            ("fake a-evil 1.0", Code::LockDigestMismatch),
            ("fake b-gone 1.0", Code::ArtifactNotFound),
            ("fake c-broken 1.0", Code::UpstreamFailed),
            ("fake d-forbidden 1.0", Code::UpstreamFailed),
            ("fake e-nowhere 1.0", Code::ArtifactNotFound),
            ("fake g-unreadable 1.0", Code::SelectionMalformed),
        ]
    );
    assert_eq!(wrong[0].expected, Some(Digest::of(b"good").to_string()));
    assert_eq!(wrong[0].found, Some(Digest::of(b"evil").to_string()));
    assert!(wrong[0].reason.contains("/evil"), "{}", wrong[0].reason);
    assert!(wrong[3].hint.as_deref().unwrap().contains("netrc"));
    // What did come is kept.
    assert!(desk.cache().contains(&Digest::of(b"good")));
    assert!(!desk.cache().contains(&Digest::of(b"evil")));
}

/// The index knows the digest, and serves it under another name than the lockfile's.
#[test]
fn a_file_that_upstream_does_not_serve_under_its_name_is_not_found() {
    let server = registry();
    let desk = Desk::with_index(&server);
    let entry = |file: &str| format!("one 1.0 {file} - {}\n", Digest::of(b"one"));
    desk.lock(&[entry("other.fake")]);
    let wrong = refusals(desk.collect(desk.select(&[])));
    assert_eq!(codes(&wrong), [("fake one 1.0", Code::ArtifactNotFound)]);
    assert!(
        wrong[0].reason.contains("no file that the lockfile names"),
        "{}",
        wrong[0].reason
    );
    desk.lock(&[entry("one-1.0.fake")]);
    assert_eq!(desk.collect(desk.select(&[])).unwrap().artifacts.len(), 1);
}

#[test]
fn failures_of_upstream_alone_are_no_refusal() {
    let server = Server::start(|_| Response::status(500));
    let desk = Desk::new();
    desk.lock(&[line("one", Some(&server.url("/x")), &[b"one"])]);
    let Err(Stop::Unable(unable)) = desk.collect(desk.select(&[])) else {
        panic!("another run may succeed");
    };
    assert_eq!(unable.code, Some(Code::UpstreamFailed));
    assert!(unable.source.unwrap().to_string().contains("answered 500"));
    assert_eq!(server.requests().len(), 3);

    // So it is when only the proofs cannot be asked: a missing proof is told from an unanswered question.
    let server = Server::start(|request| match request.path.as_str() {
        "/about/one" => Response::status(503),
        _ => Response::status(404),
    });
    let desk = Desk::with_index(&server);
    desk.write("home/.fake/r/one-1.0.fake", "one");
    desk.lock(&[line("one", None, &[b"one"])]);
    assert!(matches!(desk.collect(desk.select(&[])), Err(Stop::Unable(_))));
}

#[test]
fn a_damaged_cache_is_named_and_passed_over() {
    let server = registry();
    let desk = Desk::with_index(&server);
    desk.write("home/.fake/r/one-1.0.fake", "damaged");
    desk.write("mirror/one-1.0.fake", "stale");
    desk.lock(&["one 1.0 one-1.0.fake - ".to_owned() + &format!("{}\n", Digest::of(b"one"))]);
    let parts = desk.collect(desk.select(&["mirror"])).unwrap();
    assert_eq!(parts.counts.fetched, 1);
    assert_eq!(parts.warnings.len(), 2);
    for (warning, place) in parts.warnings.iter().zip(["mirror", "home"]) {
        assert!(
            warning.contains(place) && warning.contains(&Digest::of(b"one").to_string()),
            "{warning}"
        );
    }
    // Where nobody else has it, that is what is wrong.
    std::fs::remove_dir_all(desk.folder.path().join("cache")).unwrap();
    let wrong = refusals(desk.collect_offline(desk.select(&[])));
    assert_eq!(codes(&wrong), [("fake one 1.0", Code::LockDigestMismatch)]);
    assert!(wrong[0].reason.contains("home"), "{}", wrong[0].reason);
}

#[test]
fn an_object_that_was_exchanged_in_our_cache_is_fetched_again() {
    let server = registry();
    let desk = Desk::with_index(&server);
    desk.lock(&[line("one", None, &[b"one"])]);
    desk.collect(desk.select(&[])).unwrap();
    std::fs::write(desk.cache().path(&Digest::of(b"one")), "evil").unwrap();
    let parts = desk.collect(desk.select(&[])).unwrap();
    assert_eq!(parts.counts.fetched, 1);
    assert_eq!(
        std::fs::read(&parts.objects[0].path).unwrap().len() as u64,
        parts.objects[0].size
    );
    let object = parts
        .objects
        .iter()
        .find(|object| object.digest == Digest::of(b"one"))
        .unwrap();
    assert_eq!(std::fs::read(&object.path).unwrap(), b"one");
}

#[test]
fn one_name_with_several_files_is_carried_whole() {
    let server = Server::start(|request| {
        let host = request.header("host").unwrap_or_default().to_owned();
        match request.path.as_str() {
            "/index/one" => {
                let lines = ["linux", "mac"].map(|system| {
                    let digest = Digest::of(system.as_bytes());
                    format!("one-1.0+{system}.fake http://{host}/files/{system} {digest}\n")
                });
                Response::ok(lines.concat())
            }
            "/files/linux" => Response::ok("linux"),
            "/files/mac" => Response::ok("mac"),
            _ => Response::status(404),
        }
    });
    let desk = Desk::with_index(&server);
    desk.write("mirror/one-1.0+mac.fake", "mac");
    desk.lock(&[line("one", None, &[b"linux", b"mac", b"withdrawn"])]);
    let files =
        |parts: &CollectedParts| -> Vec<_> { parts.artifacts.iter().map(|artifact| artifact.file.clone()).collect() };
    // Nobody else is at hand: what lies here is carried, and what does not is said.
    let parts = desk.collect_offline(desk.select(&["mirror"])).unwrap();
    assert_eq!(files(&parts), ["one-1.0+mac.fake"]);
    assert_eq!(
        parts.left_out,
        ["fake one 1.0: 2 of the 3 files whose digests the lockfile states are not carried"]
    );
    let parts = desk.collect(desk.select(&[])).unwrap();
    assert_eq!(files(&parts), ["one-1.0+linux.fake", "one-1.0+mac.fake"]);
    assert_eq!(parts.left_out.len(), 1);
    // That one file is served no more was found out once.
    let before = server.requests().len();
    let parts = desk.collect(desk.select(&[])).unwrap();
    assert_eq!(files(&parts), ["one-1.0+linux.fake", "one-1.0+mac.fake"]);
    assert_eq!(server.requests().len(), before);
}

#[test]
fn an_index_cannot_bring_in_other_bytes() {
    // The index gives, for a digest of the lockfile, a file of other content, and a file whose digest only it states.
    let server = Server::start(|request| {
        let host = request.header("host").unwrap_or_default().to_owned();
        match request.path.as_str() {
            "/index/one" => Response::ok(format!("one-1.0.fake http://{host}/evil {}\n", Digest::of(b"one"))),
            "/evil" => Response::ok("evil"),
            _ => Response::status(404),
        }
    });
    let desk = Desk::with_index(&server);
    desk.lock(&[line("one", None, &[b"one"])]);
    let wrong = refusals(desk.collect(desk.select(&[])));
    assert_eq!(codes(&wrong), [("fake one 1.0", Code::LockDigestMismatch)]);
}

#[test]
fn one_file_with_two_contents_is_refused() {
    let desk = Desk::new();
    desk.write("mirror/a/one-1.0.fake", "first");
    desk.write("mirror/b/one-1.0.fake", "second");
    desk.lock(&[line("one", None, &[b"first"]), line("one", None, &[b"second"])]);
    let wrong = refusals(desk.collect_offline(desk.select(&["mirror"])));
    assert_eq!(codes(&wrong), [("fake one 1.0", Code::NameCollision)]);
}

#[test]
fn netrc_and_configuration_give_credentials() {
    let server = registry();
    let desk = {
        let mut desk = Desk::with_index(&server);
        desk.write("home/.netrc", "machine 127.0.0.1 login ann password s3cret\n");
        desk.lock(&[line("one", None, &[b"one"])]);
        desk.surroundings.set("http_proxy", "");
        desk
    };
    desk.collect(desk.select(&[])).unwrap();
    for request in server.requests() {
        assert_eq!(request.header("authorization"), Some("Basic YW5uOnMzY3JldA=="));
    }
    let mut desk = Desk::with_index(&server);
    desk.surroundings.set("FAKE_AUTHORIZATION", "Bearer t0ken");
    desk.lock(&[line("two", None, &[b"two"])]);
    desk.collect(desk.select(&[])).unwrap();
    assert_eq!(
        server.requests().last().unwrap().header("authorization"),
        Some("Bearer t0ken")
    );
}

#[test]
fn loose_files_need_no_digest_and_are_nowhere_else() {
    let desk = Desk::new();
    desk.write("down/one-1.0.fake", "one");
    let wish = Wish::from_arguments(&["down".into()], desk.folder.path(), ALL).unwrap();
    let parts = desk.collect(select(wish.clone(), ALL).unwrap()).unwrap();
    assert_eq!(parts.artifacts[0].origin, "folder");
    let selected = select(wish, ALL).unwrap();
    std::fs::remove_file(desk.folder.path().join("down/one-1.0.fake")).unwrap();
    let wrong = refusals(desk.collect(selected));
    assert_eq!(codes(&wrong), [("fake one 1.0", Code::ArtifactNotFound)]);
}

#[test]
fn a_dry_run_fetches_no_artifact() {
    let server = registry();
    let desk = Desk::with_index(&server);
    desk.write("home/.fake/r/two-1.0.fake", "two");
    desk.lock(&[line("one", None, &[b"one"]), line("two", None, &[b"two"])]);
    let plan = desk.plan().unwrap();
    assert_eq!((plan.at_hand, plan.bytes_at_hand), (1, 3));
    assert_eq!((plan.to_fetch, plan.of_unknown_size), (1, 1));
    assert_eq!(plan.companions, (2, 23));
    assert_eq!(plan.without_proof().collect::<Vec<_>>(), ["fake two 1.0 two-1.0.fake"]);
    assert!(plan.proof_unknown.is_empty());
    // What has no SHA-256 before it is here cannot be asked about, and has no lack of proof yet.
    let claim = format!("sha512:{}", hex::encode(Sha512::digest("far")));
    let far = format!("far 1.0 - {} {claim}\n", server.url("/files/far"));
    desk.lock(&[far, line("two", None, &[b"two"])]);
    let plan = desk.plan().unwrap();
    assert_eq!((plan.at_hand, plan.to_fetch), (1, 1));
    assert_eq!(plan.proof_unknown, ["fake far 1.0 far-1.0.fake"]);
    assert_eq!(plan.without_proof().collect::<Vec<_>>(), ["fake two 1.0 two-1.0.fake"]);
    assert!(!server.paths().iter().any(|path| path.starts_with("/files/")));
    // It stops where the export would.
    desk.lock(&[line("none", None, &[b"none"])]);
    assert!(matches!(desk.plan(), Err(Stop::Refused(_))));
}

#[test]
fn progress_adds_up() {
    let server = registry();
    let desk = Desk::with_index(&server);
    desk.write("home/.fake/r/two-1.0.fake", "two");
    desk.lock(&[line("one", None, &[b"one"]), line("two", None, &[b"two"])]);
    let selected = desk.select(&[]);
    let client = desk.client(&selected);
    let events = Mutex::new(Vec::new());
    let (hashed, fetched) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let sources = Sources {
        ecosystems: ALL,
        environment: &desk.surroundings,
        cache: &desk.cache(),
        client: Some(&client),
        threads: NonZeroUsize::new(2).unwrap(),
        progress: &|event| match event {
            Event::Hashed { bytes } => drop(hashed.fetch_add(bytes as usize, Ordering::SeqCst)),
            Event::Fetched { bytes } => drop(fetched.fetch_add(bytes as usize, Ordering::SeqCst)),
            event => events.lock().unwrap().push(event),
        },
    };
    collect(selected, &sources).unwrap();
    assert_eq!(
        *events.lock().unwrap(),
        [
            Event::Looking { artifacts: 2 },
            Event::Looked,
            Event::Looked,
            Event::Fetching { artifacts: 1, bytes: 0 },
            Event::Arrived,
            Event::Asking { names: 2 },
            Event::Asked,
            Event::Asked,
        ]
    );
    assert_eq!((hashed.into_inner(), fetched.into_inner()), (3, 3));
}

#[test]
fn a_folder_that_is_not_there_is_this_run_s_trouble() {
    let desk = Desk::new();
    desk.lock(&[line("one", None, &[b"one"])]);
    assert!(matches!(
        desk.collect_offline(desk.select(&["none"])),
        Err(Stop::Unable(_))
    ));
    assert!(!Path::new("none").exists());
}
