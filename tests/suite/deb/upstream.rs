//! What archives are asked, and what is found in their indexes.

use std::collections::BTreeMap;

use sealift::ecosystem::{Indexed, Upstream, UpstreamError, Wanted};
use sealift::model::{Artifact, Digest, ProofState};

use super::{DAY, artifact, deb, index_version, of_package, time};
use crate::debian::{Key, Package, Signed, Suite};
use crate::registry::Registry;

const ARCHIVE: &str = "https://a.example.com/debian";

fn wanted(name: &str, version: &str) -> Wanted {
    deb()
        .read_coordinates(&[format!("{name}={version}")])
        .unwrap()
        .wanted
        .remove(0)
}

fn towel() -> Package {
    Package::new("towel", "1:4.2-1", "amd64", "")
}

fn suite(packages: &[Package]) -> Suite {
    Suite::new("stable", time(DAY), packages)
}

fn key() -> Key {
    Key::new(time(DAY))
}

/// An archive that serves a suite.
fn serving(registry: Registry, archive: &str, suite: &Suite, signed: Signed) -> Registry {
    suite
        .files(&key(), signed)
        .into_iter()
        .fold(registry, |registry, (path, bytes)| {
            registry.with(&format!("{archive}/{path}"), bytes)
        })
}

fn registry(suite: &Suite) -> Registry {
    serving(Registry::default(), ARCHIVE, suite, Signed::Within).at("deb", Some("[arch=amd64] stable main"), ARCHIVE)
}

fn pin(one: Wanted, upstream: &dyn Upstream) -> Result<Wanted, UpstreamError> {
    let mut all = [one];
    deb().pin(&mut all, upstream)?;
    let [one] = all;
    Ok(one)
}

fn find(artifacts: &[Artifact], upstream: &dyn Upstream) -> Indexed {
    deb().index(artifacts, upstream).unwrap()
}

fn state(indexed: &Indexed, artifact: &Artifact) -> ProofState {
    let key = (artifact.name.clone(), artifact.version.clone(), artifact.file.clone());
    indexed.found[&key].state
}

#[test]
fn a_name_and_a_version_are_found_in_the_signed_index() {
    let suite = suite(&[towel(), Package::new("towel", "1:4.1-1", "amd64", "")]);
    let registry = registry(&suite);
    let pinned = pin(wanted("towel", "1:4.2-1"), &registry).unwrap();
    assert_eq!(pinned.file.as_deref(), Some("towel_1%3a4.2-1_amd64.deb"));
    assert_eq!(pinned.size, Some(towel().bytes.len() as u64));
    assert_eq!(pinned.claims[0].bytes(), Digest::of(&towel().bytes).as_bytes());
    assert_eq!(
        pinned.urls,
        [format!("{ARCHIVE}/pool/main/t/towel/towel_4.2-1_amd64.deb")]
    );
    // By the digest, so that an archive that just changes is no trouble.
    let asked = registry.asked();
    assert_eq!(asked[0], format!("{ARCHIVE}/dists/stable/InRelease"));
    assert!(
        asked[1].starts_with(&format!("{ARCHIVE}/dists/stable/main/binary-amd64/by-hash/SHA256/")),
        "{asked:?}"
    );
    assert_eq!(asked.len(), 2);
    // What is known is where the file is fetched.
    let located = deb().locate(&pinned, &registry).unwrap();
    assert_eq!(
        (located[0].url.as_str(), &located[0].claims),
        (pinned.urls[0].as_str(), &pinned.claims)
    );
    assert!(matches!(
        deb().locate(&wanted("towel", "1"), &registry),
        Err(UpstreamError::NoUpstream { .. })
    ));
}

#[test]
fn what_no_index_lists_stays_open() {
    let registry = registry(&suite(&[towel()]));
    for (name, version) in [("towel", "1:4.3-1"), ("towel", "4.2-1"), ("hat", "1:4.2-1")] {
        assert!(
            pin(wanted(name, version), &registry).unwrap().claims.is_empty(),
            "{name} {version}"
        );
    }
    let mut other_size = wanted("towel", "1:4.2-1");
    other_size.size = Some(5);
    assert!(pin(other_size, &registry).unwrap().claims.is_empty());
    let mut other_architecture = wanted("towel", "1:4.2-1");
    other_architecture.file = Some("towel_1%3a4.2-1_arm64.deb".to_owned());
    assert!(pin(other_architecture, &registry).unwrap().claims.is_empty());
}

#[test]
fn the_sources_say_which_architecture_comes_first() {
    let arm = Package::new("towel", "1:4.2-1", "arm64", "");
    let suite = suite(&[towel(), arm.clone()]);
    let serve =
        |scope: &str| serving(Registry::default(), ARCHIVE, &suite, Signed::Within).at("deb", Some(scope), ARCHIVE);
    for (scope, file, expected) in [
        ("[arch=amd64] stable main", None, Some("amd64")),
        ("[arch=arm64] stable main", None, Some("arm64")),
        ("[arch=amd64,arm64] stable main", None, Some("amd64")),
        ("[arch=arm64,amd64] stable main", None, Some("arm64")),
        ("[arch=amd64,arm64] stable main", Some("arm64"), Some("arm64")),
        ("[arch=amd64] stable main", Some("arm64"), None),
        // Sources that say nothing: what is asked for.
        ("stable main", Some("arm64"), Some("arm64")),
        ("stable main", None, Some("amd64")),
        ("[arch=amd64] stable contrib", None, None),
    ] {
        let mut one = wanted("towel", "1:4.2-1");
        one.file = file.map(|architecture| format!("towel_1%3a4.2-1_{architecture}.deb"));
        let pinned = pin(one, &serve(scope)).unwrap();
        let found = (!pinned.claims.is_empty()).then(|| pinned.file.unwrap());
        let expected = expected.map(|architecture| format!("towel_1%3a4.2-1_{architecture}.deb"));
        assert_eq!(found, expected, "{scope} {file:?}");
    }
}

#[test]
fn of_two_sources_the_first_that_lists_it_counts() {
    let other = "https://b.example.com/debian";
    let mut changed = towel();
    changed.bytes.push(b'\n');
    let changed = suite(&[changed]);
    let both = serving(registry(&suite(&[towel()])), other, &changed, Signed::Within);
    let both = both.at("deb", Some("[arch=amd64] stable main"), other);
    let pinned = pin(wanted("towel", "1:4.2-1"), &both).unwrap();
    assert!(pinned.urls[0].starts_with(ARCHIVE), "{:?}", pinned.urls);
    // One that fails or has nothing is passed over, as long as another lists it.
    for registry in [
        serving(Registry::default(), other, &changed, Signed::Within)
            .failing(&format!("{ARCHIVE}/dists/stable/InRelease"), 500),
        serving(Registry::default(), other, &changed, Signed::Within),
    ] {
        let registry = registry.at("deb", Some("[arch=amd64] stable main"), ARCHIVE);
        let registry = registry.at("deb", Some("[arch=amd64] stable main"), other);
        let pinned = pin(wanted("towel", "1:4.2-1"), &registry).unwrap();
        assert!(pinned.urls[0].starts_with(other), "{:?}", pinned.urls);
    }
    let failing = Registry::default()
        .failing(&format!("{ARCHIVE}/dists/stable/InRelease"), 500)
        .at("deb", Some("[arch=amd64] stable main"), ARCHIVE);
    assert!(matches!(
        pin(wanted("towel", "1:4.2-1"), &failing),
        Err(UpstreamError::Status { status: 500, .. })
    ));
}

#[test]
fn a_list_has_the_bytes_that_its_release_names() {
    let suite = suite(&[towel()]);
    let folder = format!("{ARCHIVE}/dists/stable/main/binary-amd64");
    let files = suite.files(&key(), Signed::Within);
    let by_hash = files.keys().find(|path| path.contains("by-hash")).unwrap();
    let by_hash = format!("{ARCHIVE}/{by_hash}");
    let lists = suite.lists();
    let (plain, gzip) = (
        &lists["main/binary-amd64/Packages"],
        &lists["main/binary-amd64/Packages.gz"],
    );
    let serve = |answers: &[(&str, &[u8])]| {
        let registry = Registry::default()
            .with(
                &format!("{ARCHIVE}/dists/stable/InRelease"),
                files["dists/stable/InRelease"].clone(),
            )
            .at("deb", Some("[arch=amd64] stable main"), ARCHIVE);
        answers
            .iter()
            .fold(registry, |registry, (url, bytes)| registry.with(url, *bytes))
    };
    let plain_url = format!("{folder}/Packages");
    let gzip_url = format!("{folder}/Packages.gz");
    let good = |answers: &[(&str, &[u8])]| {
        let pinned = pin(wanted("towel", "1:4.2-1"), &serve(answers)).unwrap();
        assert!(!pinned.claims.is_empty());
    };
    good(&[(&gzip_url, gzip)]);
    good(&[(&by_hash, b"<html>"), (&gzip_url, gzip)]);
    good(&[(&by_hash, b"<html>"), (&plain_url, plain)]);
    // A client may keep a list in a compression of its own.
    good(&[(&plain_url, &crate::tgz::gzip(plain))]);
    let refused = |answers: &[(&str, &[u8])]| pin(wanted("towel", "1:4.2-1"), &serve(answers)).unwrap_err();
    let mut cut = gzip.clone();
    cut.pop();
    let mut longer = plain.clone();
    longer.push(b'\n');
    let same_length = vec![b'x'; plain.len()];
    for wrong in [
        vec![(gzip_url.as_str(), cut.as_slice())],
        vec![(&plain_url, &longer)],
        vec![(&plain_url, &same_length)],
        vec![(&plain_url, &crate::tgz::gzip(&longer))],
        vec![(&plain_url, b"")],
    ] {
        assert!(
            matches!(refused(&wrong), UpstreamError::Malformed { reason, .. } if reason.contains("other bytes")),
            "{wrong:?}"
        );
    }
    assert!(matches!(refused(&[]), UpstreamError::NotListed { .. }));
}

#[test]
fn every_strong_digest_of_a_list_counts() {
    let suite = suite(&[towel()]);
    let key = key();
    let release = suite.release(&suite.lists());
    let at = release.find("SHA512:").unwrap();
    let wrong: String = release[at..]
        .lines()
        .map(|line| match line.strip_prefix(' ') {
            Some(rest) => format!(" {}{}\n", "0".repeat(128), &rest[128..]),
            None => format!("{line}\n"),
        })
        .collect();
    let signed = key.signed_within(&format!("{}{wrong}", &release[..at]), time(DAY));
    let registry = registry(&suite).with(&format!("{ARCHIVE}/dists/stable/InRelease"), signed);
    assert!(matches!(
        pin(wanted("towel", "1:4.2-1"), &registry),
        Err(UpstreamError::Malformed { .. })
    ));
}

#[test]
fn a_release_may_be_signed_beside_it() {
    let suite = suite(&[towel()]);
    let apart = serving(Registry::default(), ARCHIVE, &suite, Signed::Apart);
    let registry = apart.at("deb", Some("[arch=amd64] stable main"), ARCHIVE);
    assert!(!pin(wanted("towel", "1:4.2-1"), &registry).unwrap().claims.is_empty());
    let indexed = find(&[of_package(&towel())], &registry);
    let files: Vec<&str> = indexed.indexes.iter().map(|index| index.file.as_str()).collect();
    assert_eq!(files, ["Release", "Release.gpg", "main/binary-amd64/Packages.gz"]);
    assert_eq!(indexed.found.values().next().unwrap().indexes, [0, 1, 2]);
    // The artifact's own proof: the text and its signature; for a list all three.
    assert_eq!(indexed.indexes[0].proof.indexes, [0, 1]);
    assert_eq!(indexed.indexes[2].proof.indexes, [0, 1, 2]);

    // A release that nobody signed is none.
    let files = suite.files(&key(), Signed::Apart);
    let unsigned = files
        .into_iter()
        .filter(|(path, _)| !path.ends_with("Release.gpg"))
        .fold(Registry::default(), |registry, (path, bytes)| {
            registry.with(&format!("{ARCHIVE}/{path}"), bytes)
        })
        .at("deb", Some("[arch=amd64] stable main"), ARCHIVE);
    assert!(pin(wanted("towel", "1:4.2-1"), &unsigned).unwrap().claims.is_empty());
    assert_eq!(
        state(&find(&[of_package(&towel())], &unsigned), &of_package(&towel())),
        ProofState::NotServed
    );
}

#[test]
fn what_cannot_be_read_is_said() {
    let in_release = format!("{ARCHIVE}/dists/stable/InRelease");
    let good = suite(&[towel()]);
    let text = good.release(&good.lists());
    let signed = key().signed_within(&text, time(DAY));
    let weak = key().signed_within(
        "Origin: x\nDate: Thu, 19 Nov 2026 02:12:54 UTC\nMD5Sum:\n 00 5 main/x\n",
        time(DAY),
    );
    let twice = [signed.clone(), signed.clone()].concat();
    let around = [b"Suite: other\n".to_vec(), signed].concat();
    for wrong in [
        text.clone().into_bytes(),
        weak,
        twice,
        around,
        b"<html>".to_vec(),
        b"\xff".to_vec(),
        Vec::new(),
    ] {
        let registry = registry(&good).with(&in_release, wrong.clone());
        assert!(
            matches!(
                pin(wanted("towel", "1:4.2-1"), &registry),
                Err(UpstreamError::Malformed { .. })
            ),
            "{}",
            String::from_utf8_lossy(&wrong)
        );
    }
    for scope in [None, Some("stable"), Some("[arch=amd64 stable main"), Some("../x main")] {
        let registry = Registry::default().at("deb", scope, ARCHIVE);
        assert!(
            matches!(
                pin(wanted("towel", "1:4.2-1"), &registry),
                Err(UpstreamError::Malformed { .. })
            ),
            "{scope:?}"
        );
    }
    assert!(matches!(
        pin(wanted("towel", "1:4.2-1"), &Registry::default()),
        Err(UpstreamError::NoUpstream { .. })
    ));
    assert!(matches!(
        deb().index(&[of_package(&towel())], &Registry::default()),
        Err(UpstreamError::NoUpstream { .. })
    ));
}

#[test]
fn an_index_that_lists_something_travels_as_artifacts_of_its_suite() {
    let hat = Package::new("hat", "1.0", "all", "");
    let stable = suite(&[towel(), hat.clone()]);
    let updates = Suite::new("stable-updates", time(DAY), std::slice::from_ref(&hat));
    let unused = Suite::new("other", time(DAY), &[Package::new("fish", "1", "amd64", "")]);
    let mut registry = registry(&stable);
    for suite in [&updates, &unused] {
        registry = serving(registry, ARCHIVE, suite, Signed::Within);
        registry = registry.at("deb", Some(&format!("[arch=amd64] {} main", suite.name)), ARCHIVE);
    }
    let packages = [towel(), hat];
    let artifacts = packages.each_ref().map(of_package);
    let indexed = find(&artifacts, &registry);
    let carried: Vec<(&str, &str)> = indexed
        .indexes
        .iter()
        .map(|index| (index.name.as_str(), index.file.as_str()))
        .collect();
    assert_eq!(
        carried,
        [
            ("a.example.com/debian/dists/stable", "InRelease"),
            ("a.example.com/debian/dists/stable", "main/binary-amd64/Packages.gz"),
            ("a.example.com/debian/dists/stable-updates", "InRelease"),
            (
                "a.example.com/debian/dists/stable-updates",
                "main/binary-amd64/Packages.gz"
            ),
        ]
    );
    assert_eq!(
        indexed.indexes[0].version,
        index_version(time(DAY), &indexed.indexes[0].bytes)
    );
    for index in &indexed.indexes {
        let own = artifact(&index.name, &index.version, &index.file, &index.bytes);
        super::held(own, &index.bytes, &[]).unwrap();
        assert!(deb().is_index(&index.name));
    }
    // The first chain that lists it is its proof; each archive's places are told.
    for (artifact, package) in artifacts.iter().zip(&packages) {
        let key = (artifact.name.clone(), artifact.version.clone(), artifact.file.clone());
        assert_eq!(indexed.found[&key].state, ProofState::Present);
        assert_eq!(indexed.found[&key].indexes, [0, 1]);
        let (_, document) = indexed
            .documents
            .iter()
            .find(|(name, _)| *name == artifact.name)
            .unwrap();
        let text = String::from_utf8(document.bytes.clone()).unwrap();
        let held = super::held(
            artifact.clone(),
            &package.bytes,
            &[super::places(&artifact.name, &text)],
        );
        let held = held.unwrap();
        assert_eq!(held.facts["places"].as_array().unwrap().len(), 1, "{text}");
    }
}

#[test]
fn what_an_index_does_not_list_so_is_absent() {
    let registry = registry(&suite(&[towel()]));
    let good = of_package(&towel());
    let hat = Package::new("hat", "1", "amd64", "");
    let mut other_bytes = good.clone();
    other_bytes.digest = Digest::of(b"other");
    let mut other_version = good.clone();
    other_version.version = "1:4.3-1".to_owned();
    other_version.file = "towel_1%3a4.3-1_amd64.deb".to_owned();
    for odd in [of_package(&hat), other_bytes, other_version] {
        let indexed = find(&[good.clone(), odd.clone()], &registry);
        let key = (odd.name.clone(), odd.version.clone(), odd.file.clone());
        if key != (good.name.clone(), good.version.clone(), good.file.clone()) {
            assert_eq!(state(&indexed, &good), ProofState::Present);
        }
        let indexed = find(std::slice::from_ref(&odd), &registry);
        assert_eq!(state(&indexed, &odd), ProofState::Absent, "{odd:?}");
        assert!(indexed.indexes.is_empty() && indexed.documents.is_empty());
    }
    let nobody = Registry::default().at("deb", Some("[arch=amd64] stable main"), ARCHIVE);
    assert_eq!(
        state(&find(std::slice::from_ref(&good), &nobody), &good),
        ProofState::NotServed
    );
    // One of several that fails is told, unless all was found elsewhere.
    let failing = Registry::default()
        .failing(&format!("{ARCHIVE}/dists/stable/InRelease"), 500)
        .at("deb", Some("[arch=amd64] stable main"), ARCHIVE);
    assert!(deb().index(&[good], &failing).is_err());
}

#[test]
fn an_index_never_leads_a_package_out_of_its_archive() {
    for path in [
        "/etc/x.deb",
        "../x.deb",
        "dists/stable/x.deb",
        "pool/x.txt",
        "pool/../../x.deb",
    ] {
        let mut suite = suite(&[towel()]);
        let good = suite.packages[0].path();
        let text = suite.packages[0].paragraph().replace(&good, path);
        // A list of one's own, signed as all others.
        let list = crate::tgz::gzip(text.as_bytes());
        suite.by_hash = false;
        let lists = [("main/binary-amd64/Packages.gz".to_owned(), list.clone())].into();
        let signed = key().signed_within(&suite.release(&lists), time(DAY));
        let registry = Registry::default()
            .with(&format!("{ARCHIVE}/dists/stable/InRelease"), signed)
            .with(&format!("{ARCHIVE}/dists/stable/main/binary-amd64/Packages.gz"), list)
            .at("deb", Some("[arch=amd64] stable main"), ARCHIVE);
        let indexed = find(&[of_package(&towel())], &registry);
        assert_eq!(state(&indexed, &of_package(&towel())), ProofState::Absent, "{path}");
    }
}

#[test]
fn packages_for_all_architectures_may_stand_in_a_list_of_their_own() {
    let hat = Package::new("hat", "1.0", "all", "");
    let lists: BTreeMap<String, Vec<u8>> = [
        ("main/binary-all/Packages".to_owned(), hat.paragraph().into_bytes()),
        (
            "main/binary-amd64/Packages".to_owned(),
            towel().paragraph().into_bytes(),
        ),
    ]
    .into();
    let mut suite = suite(&[]);
    suite.by_hash = false;
    let together = suite.release(&lists);
    let apart = together.replace("No-Support-for-Architecture-all: Packages\n", "");
    let serve = |text: &str| {
        lists
            .iter()
            .fold(Registry::default(), |registry, (path, bytes)| {
                registry.with(&format!("{ARCHIVE}/dists/stable/{path}"), bytes.clone())
            })
            .with(
                &format!("{ARCHIVE}/dists/stable/InRelease"),
                key().signed_within(text, time(DAY)),
            )
            .at("deb", Some("[arch=amd64] stable main"), ARCHIVE)
    };
    assert!(!pin(wanted("hat", "1.0"), &serve(&apart)).unwrap().claims.is_empty());
    assert!(
        !pin(wanted("towel", "1:4.2-1"), &serve(&apart))
            .unwrap()
            .claims
            .is_empty()
    );
    assert!(pin(wanted("hat", "1.0"), &serve(&together)).unwrap().claims.is_empty());
    let indexed = find(&[of_package(&hat)], &serve(&apart));
    assert_eq!(state(&indexed, &of_package(&hat)), ProofState::Present);
    // Both lists travel: clients ask for both.
    assert_eq!(indexed.indexes.len(), 3);
}

#[test]
fn an_archive_without_suites_has_its_list_at_its_root() {
    let list = crate::tgz::gzip(towel().paragraph().as_bytes());
    let plain = Suite::new("flat", time(DAY), &[]);
    let lists = [("Packages.gz".to_owned(), list.clone())].into();
    let signed = key().signed_within(&plain.release(&lists), time(DAY));
    let registry = Registry::default()
        .with(&format!("{ARCHIVE}/InRelease"), signed)
        .with(&format!("{ARCHIVE}/Packages.gz"), list)
        .at("deb", Some("./"), ARCHIVE);
    let pinned = pin(wanted("towel", "1:4.2-1"), &registry).unwrap();
    assert_eq!(pinned.urls, [format!("{ARCHIVE}/{}", towel().path())]);
    let indexed = find(&[of_package(&towel())], &registry);
    let names: Vec<&str> = indexed.indexes.iter().map(|index| index.name.as_str()).collect();
    assert_eq!(names, ["a.example.com/debian::./", "a.example.com/debian::./"]);
}
