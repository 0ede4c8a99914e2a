//! Signed indexes: what the archive lists now, and what apt's own copies list where it is not asked or does not answer.

use std::collections::BTreeMap;

use sealift::ecosystem::deb::Deb;
use sealift::ecosystem::{Ecosystem, NamedBy, UpstreamBase};
use sealift::export::collect::CollectedParts;
use sealift::export::select::{Request as Wish, Selected, select};
use sealift::model::{Artifact, Code, Digest, ProofState, Stop, Timestamp};

use super::{Desk, line, refusals};
use crate::debian::{Key, Package, Signed, Suite};
use crate::fake_ecosystem::Fake;
use crate::http::{Response, Server};

const BOTH: &[&dyn Ecosystem] = &[&Deb, &Fake];

fn day(number: i64) -> Timestamp {
    let first: Timestamp = "2026-11-19T02:12:54Z".parse().unwrap();
    first.plus_seconds(number * 86_400)
}

fn towel() -> Package {
    Package::new("towel", "1:4.2-1", "amd64", "")
}

fn hat() -> Package {
    Package::new("hat", "1.0", "all", "")
}

/// What an archive serves of a suite that was made on some day.
fn served(number: i64, packages: &[Package]) -> BTreeMap<String, Vec<u8>> {
    Suite::new("stable", day(number), packages).files(&Key::new(day(0)), Signed::Within)
}

/// An archive at `/debian`.
fn archive(files: BTreeMap<String, Vec<u8>>) -> Server {
    Server::start(move |request| {
        let path = request.path.strip_prefix("/debian/");
        let found = path.and_then(|path| files.get(path));
        found.map_or_else(|| Response::status(404), |bytes| Response::ok(bytes.clone()))
    })
}

/// An archive that answers nothing.
fn broken() -> Server {
    Server::start(|_| Response::status(500))
}

/// A desk whose apt has only what a test writes, and packages in the folder `from`.
fn desk(packages: &[Package]) -> Desk {
    let mut desk = Desk::new();
    desk.ecosystems = BOTH;
    let root = desk.folder.path().join("apt");
    let configuration = desk.write("apt.conf", format!("Dir \"{}\";\n", root.display()));
    desk.surroundings.set("APT_CONFIG", configuration.display().to_string());
    desk.write("from/other", "no package");
    for package in packages {
        desk.write(&format!("from/{}", package.file()), &package.bytes);
    }
    desk
}

/// apt's own copies of an archive's index, as it keeps them: lists are not compressed.
fn copies(desk: &Desk, server: &Server, number: i64, packages: &[Package]) {
    let host = &server.address;
    let write = |path: &str, bytes: &[u8]| {
        let name = format!("{host}/debian/dists/stable/{path}").replace('/', "_");
        desk.write(&format!("apt/var/lib/apt/lists/{name}"), bytes);
    };
    write("InRelease", &served(number, packages)["dists/stable/InRelease"]);
    for (path, bytes) in Suite::new("stable", day(number), packages).lists() {
        if !path.ends_with(".gz") {
            write(&path, &bytes);
        }
    }
}

/// The archive as the selection names it, beside an upstream of another ecosystem.
fn upstreams(server: &Server) -> Vec<UpstreamBase> {
    let base = |ecosystem, scope: Option<&str>, path| UpstreamBase {
        ecosystem,
        scope: scope.map(str::to_owned),
        url: server.url(path),
        authorization: None,
        named_by: NamedBy::Operator,
    };
    vec![
        base("fake", None, "/"),
        base("deb", Some("[arch=amd64] stable main"), "/debian"),
    ]
}

/// Selects packages that a list of apt's names.
fn list(desk: &Desk, lines: &[String], upstreams: Vec<UpstreamBase>) -> Selected {
    desk.write("apt-list.txt", lines.join("\n"));
    let wish = Wish::from_arguments(&["apt-list.txt".into()], desk.folder.path(), BOTH).unwrap();
    let wish = Wish {
        from: vec![desk.folder.path().join("from")],
        upstreams,
        ..wish
    };
    select(wish, BOTH).unwrap()
}

fn by_name(package: &Package) -> String {
    format!("{}={}", package.name, package.version)
}

/// As `apt-get --print-uris` does.
fn by_digest(package: &Package) -> String {
    let digest = Digest::of(&package.bytes).hex();
    let (file, size) = (package.file(), package.bytes.len());
    format!(
        "'https://a.example.com/{}' {file} {size} SHA256:{digest}",
        package.path()
    )
}

/// The state of each artifact's first proof, by its file.
fn states(parts: &CollectedParts) -> BTreeMap<String, ProofState> {
    let one = |artifact: &Artifact| (artifact.file.clone(), artifact.proofs[0].state);
    parts.artifacts.iter().map(one).collect()
}

fn expected<const N: usize>(states: [(&str, ProofState); N]) -> BTreeMap<String, ProofState> {
    states.map(|(file, state)| (file.to_owned(), state)).into()
}

#[test]
fn copies_pin_and_prove_what_they_list_and_say_nothing_of_the_rest() {
    let server = broken();
    let desk = desk(&[towel(), hat()]);
    copies(&desk, &server, 0, &[towel()]);
    let selected = list(&desk, &[by_name(&towel()), by_digest(&hat())], upstreams(&server));
    let parts = desk.collect_offline(selected).unwrap();
    assert_eq!(
        states(&parts),
        expected([
            ("InRelease", ProofState::Present),
            ("main/binary-amd64/Packages", ProofState::Present),
            ("hat_1.0_all.deb", ProofState::NotAsked),
            ("towel_1%3a4.2-1_amd64.deb", ProofState::Present),
        ])
    );
    assert!(server.paths().is_empty());
}

#[test]
fn what_no_index_lists_is_refused_with_where_it_was_looked_for() {
    let server = archive(served(0, &[hat()]));
    let desk = desk(&[towel()]);
    copies(&desk, &server, 0, &[hat()]);
    let reason = |upstreams: Vec<UpstreamBase>, is_asked: bool| {
        let selected = list(&desk, &[by_name(&towel())], upstreams);
        let wrong = refusals(match is_asked {
            true => desk.collect(selected),
            false => desk.collect_offline(selected),
        });
        assert_eq!((wrong.len(), wrong[0].code), (1, Code::ArtifactNotFound));
        wrong[0].reason.clone()
    };
    let named = || upstreams(&server);
    assert!(reason(named(), true).contains("no signed index of the named upstreams"));
    assert!(reason(named(), false).contains("no copy of a signed index on this machine"));
    assert!(reason(Vec::new(), false).contains("no upstream is at hand"));
}

#[test]
fn an_archive_that_fails_is_no_trouble_where_copies_list_all() {
    let server = broken();
    let desk = desk(&[towel(), hat()]);
    copies(&desk, &server, 0, &[towel()]);
    let collect = |packages: &[Package]| {
        let lines: Vec<String> = packages.iter().map(by_digest).collect();
        desk.collect(list(&desk, &lines, upstreams(&server)))
    };
    let parts = collect(&[towel()]).unwrap();
    assert_eq!(states(&parts)["towel_1%3a4.2-1_amd64.deb"], ProofState::Present);
    assert!(matches!(collect(&[towel(), hat()]), Err(Stop::Unable(_))));
}

#[test]
fn copies_are_not_looked_into_for_what_the_archive_lists() {
    let server = archive(served(1, &[towel()]));
    let desk = desk(&[towel()]);
    copies(&desk, &server, 0, &[towel()]);
    let parts = desk
        .collect(list(&desk, &[by_name(&towel())], upstreams(&server)))
        .unwrap();
    // The index of now alone.
    let indexes: Vec<&Artifact> = parts.artifacts.iter().filter(|one| one.name != "towel").collect();
    assert_eq!(indexes.len(), 2, "{indexes:?}");
    assert!(indexes.iter().all(|index| index.version.starts_with("20261120T")));
}

#[test]
fn an_archive_is_asked_about_its_own_packages_alone() {
    let server = archive(served(0, &[towel()]));
    let desk = desk(&[towel()]);
    desk.write("home/.fake/r/one-1.0.fake", "one");
    desk.lock(&[line("one", None, &[b"one"])]);
    desk.write("apt-list.txt", by_name(&towel()));
    let inputs = ["apt-list.txt".into(), "fake.lock".into()];
    let wish = Wish {
        upstreams: upstreams(&server),
        ..Wish::from_arguments(&inputs, desk.folder.path(), BOTH).unwrap()
    };
    let parts = desk.collect(select(wish, BOTH).unwrap()).unwrap();
    let fake = parts.artifacts.iter().find(|one| one.ecosystem == "fake").unwrap();
    let kinds: Vec<&str> = fake.proofs.iter().map(|proof| proof.kind.as_str()).collect();
    assert_eq!(kinds, ["fake-proof"]);
    assert_eq!(states(&parts)["towel_1%3a4.2-1_amd64.deb"], ProofState::Present);
}
