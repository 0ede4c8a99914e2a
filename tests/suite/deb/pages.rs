//! The files that apt finds, and the lines that lead it there.

use std::path::PathBuf;

use sealift::ecosystem::{Held, Mismatch, PlacedContent, RepositoryPlace};
use sealift::model::Code;

use super::{DAY, artifact, deb, held, index, of_package, places, time};
use crate::debian::{Key, Package, Signed, Suite};

const NAME: &str = "a.example.com/debian/dists/stable";
const LIST: &str = "main/binary-amd64/Packages.gz";
const ARM: &str = "main/binary-arm64/Packages.gz";

fn paths(name: &str, held: &[Held]) -> Result<Vec<String>, Mismatch> {
    let files = deb().layout(name, held)?;
    Ok(files.iter().map(|file| file.path.to_string()).collect())
}

fn packages(version: &str) -> Vec<Package> {
    vec![
        Package::new("towel", version, "amd64", ""),
        Package::new("towel", "1", "arm64", ""),
    ]
}

fn shows(held: &[Held], file: &str) -> Option<PlacedContent> {
    let files = deb().layout(NAME, held).unwrap();
    let path = format!("{NAME}/{file}");
    files
        .into_iter()
        .find(|placed| placed.path.as_str() == path)
        .map(|placed| placed.content)
}

#[test]
fn an_index_stands_under_its_path_and_its_digests() {
    let suite = Suite::new("stable", time(DAY), &packages("1"));
    let all = index(
        NAME,
        &suite,
        &Key::new(time(DAY)),
        Signed::Within,
        &["InRelease", LIST, "main/binary-amd64/Packages"],
    );
    let placed = paths(NAME, &all).unwrap();
    assert_eq!(placed.len(), 7, "{placed:?}");
    for (at, name) in [(1, "Packages.gz"), (2, "Packages")] {
        let own = PlacedContent::Object(all[at].artifact.digest);
        assert_eq!(shows(&all, &format!("main/binary-amd64/{name}")), Some(own.clone()));
        let digest = all[at].artifact.digest.hex();
        assert_eq!(
            shows(&all, &format!("main/binary-amd64/by-hash/SHA256/{digest}")),
            Some(own.clone())
        );
        let digest = all[at].facts["sha512"].as_str().unwrap();
        assert_eq!(
            shows(&all, &format!("main/binary-amd64/by-hash/SHA512/{digest}")),
            Some(own)
        );
    }
    let apart = index(
        NAME,
        &suite,
        &Key::new(time(DAY)),
        Signed::Apart,
        &["Release", "Release.gpg", LIST],
    );
    let placed = paths(NAME, &apart).unwrap();
    assert_eq!(placed.len(), 5, "{placed:?}");
    assert!(placed.contains(&format!("{NAME}/Release.gpg")));
}

#[test]
fn the_newest_whole_index_is_shown_with_the_lists_that_it_names() {
    let key = Key::new(time(DAY));
    let older = Suite::new("stable", time(DAY), &packages("1"));
    let newer = Suite::new("stable", time(DAY).plus_seconds(60), &packages("2"));
    let old = index(NAME, &older, &key, Signed::Within, &["InRelease", LIST, ARM]);
    let new = index(NAME, &newer, &key, Signed::Within, &["InRelease", LIST]);
    let both: Vec<Held> = old.iter().chain(&new).cloned().collect();
    let is =
        |file: &str, held: &Held| assert_eq!(shows(&both, file), Some(PlacedContent::Object(held.artifact.digest)));
    is("InRelease", &new[0]);
    is(LIST, &new[1]);
    // It did not change since.
    is(ARM, &old[2]);
    let digest = old[1].artifact.digest.hex();
    assert_eq!(
        shows(&both, &format!("main/binary-amd64/by-hash/SHA256/{digest}")),
        None
    );
    let mut turned = both.clone();
    turned.reverse();
    assert_eq!(deb().layout(NAME, &turned).unwrap(), deb().layout(NAME, &both).unwrap());

    // A text without its signature, or the other way round, is not whole.
    for file in ["Release", "Release.gpg"] {
        let half = index(NAME, &newer, &key, Signed::Apart, &[file]);
        let with: Vec<Held> = old.iter().chain(&half).cloned().collect();
        assert_eq!(
            shows(&with, "InRelease"),
            Some(PlacedContent::Object(old[0].artifact.digest))
        );
        assert_eq!(shows(&with, file), None);
        assert!(paths(NAME, &half).unwrap().is_empty());
    }
    // Lists without any signed text are not shown.
    assert!(paths(NAME, &old[1..]).unwrap().is_empty());
    let apart = index(NAME, &newer, &key, Signed::Apart, &["Release", "Release.gpg"]);
    let with: Vec<Held> = old.iter().chain(&apart).cloned().collect();
    assert_eq!(shows(&with, "InRelease"), None, "apt would believe the older one");
    assert!(shows(&with, "Release.gpg").is_some());
}

#[test]
fn packages_lie_where_the_index_says() {
    let towel = Package::new("towel", "1:4.2-1", "amd64", "");
    let place = |archive: &str, path: &str| {
        let digest = of_package(&towel).digest.hex();
        format!("Archive: {archive}\nFilename: {path}\nSHA256: {digest}\n")
    };
    let two = format!("{}\n{}", place("a/debian", "pool/t.deb"), place("b", "pool/t.deb"));
    let listed = held(of_package(&towel), &towel.bytes, &[places("towel", &two)]).unwrap();
    assert_eq!(
        paths("towel", std::slice::from_ref(&listed)).unwrap(),
        ["a/debian/pool/t.deb", "b/pool/t.deb"]
    );
    let loose = held(of_package(&towel), &towel.bytes, &[]).unwrap();
    assert_eq!(
        paths("towel", std::slice::from_ref(&loose)).unwrap(),
        ["loose/towel_1%3a4.2-1_amd64.deb"]
    );

    assert_eq!(
        paths("hat", std::slice::from_ref(&loose)).unwrap_err().code,
        Code::NameCollision
    );
    // Two that want one place.
    let other = Package::new("towel", "1:4.2-2", "amd64", "");
    let digest = of_package(&other).digest.hex();
    let same = format!("Archive: b\nFilename: pool/t.deb\nSHA256: {digest}\n");
    let other = held(of_package(&other), &other.bytes, &[places("towel", &same)]).unwrap();
    assert_eq!(
        paths("towel", &[listed.clone(), other]).unwrap_err().code,
        Code::NameCollision
    );
    let mut renamed = loose.clone();
    renamed.artifact.file = "towel.deb".to_owned();
    assert!(paths("towel", &[renamed]).is_err());
    let mut climbing = loose;
    climbing.facts = serde_json::json!({"places": ["../x.deb"]});
    assert!(paths("towel", &[climbing]).is_err());
    let odd = Held {
        artifact: artifact(NAME, "1", "InRelease", b"x"),
        ..listed
    };
    assert!(paths(NAME, &[odd]).is_err());
}

#[test]
fn the_lines_name_every_suite_that_is_held() {
    let key = Key::new(time(DAY));
    let mut stable = Suite::new("stable", time(DAY), &packages("1"));
    stable.valid_days = None;
    let updates = Suite::new("stable-updates", time(DAY), &packages("1"));
    let flat = Suite::new("flat", time(DAY), &packages("1"));
    let held: Vec<Held> = [
        index(NAME, &stable, &key, Signed::Within, &["InRelease", LIST, ARM]),
        index(
            "a.example.com/debian/dists/stable-updates",
            &updates,
            &key,
            Signed::Within,
            &["InRelease", LIST],
        ),
        index("a.example.com::./", &flat, &key, Signed::Within, &["InRelease"]),
    ]
    .concat();
    let text = |url: Option<&str>| {
        let place = RepositoryPlace {
            folder: PathBuf::from("/srv/the enclave/deb"),
            url: url.map(str::to_owned),
        };
        let configs = deb().client_config_of(&place, &held);
        assert_eq!((configs.len(), configs[0].client), (1, "apt"));
        configs[0].text.clone()
    };
    let files = text(None);
    let paragraphs: Vec<&str> = files.split("\n\n").skip(1).collect();
    assert_eq!(paragraphs.len(), 3, "{files}");
    let find = |suite: &str| {
        *paragraphs
            .iter()
            .find(|text| text.contains(&format!("Suites: {suite}\n")))
            .unwrap()
    };
    let stable = find("stable");
    assert!(
        stable.contains("URIs: file:/srv/the%20enclave/deb/a.example.com/debian\n"),
        "{stable}"
    );
    assert!(
        stable.contains("Components: main\nArchitectures: amd64 arm64\nTargets: Packages\n"),
        "{stable}"
    );
    assert!(!stable.contains("Check-Valid-Until"), "{stable}");
    assert!(find("stable-updates").contains("Check-Valid-Until: no\n"));
    let flat = find("./");
    assert!(
        !flat.contains("Components") && flat.contains("/deb/a.example.com\n"),
        "{flat}"
    );
    let served = text(Some("http://127.0.0.1:8080"));
    assert!(
        served.contains("URIs: http://127.0.0.1:8080/deb/a.example.com/debian\n"),
        "{served}"
    );
    let place = RepositoryPlace {
        folder: PathBuf::from("/srv/deb"),
        url: None,
    };
    let empty = deb().client_config(&place)[0].text.clone();
    assert!(
        empty.lines().all(|line| line.is_empty() || line.starts_with('#')),
        "{empty}"
    );
}
