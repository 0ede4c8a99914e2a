//! Lists of packages as archives may also write them: by SHA-512 alone, or in compressions that are not known.

use std::collections::BTreeMap;

use sealift::ecosystem::UpstreamError;
use sealift::model::{Algorithm, Claim, ProofState};
use sha2::{Digest as _, Sha256, Sha512};

use super::{DAY, deb, of_package, time};
use crate::debian::{Key, Package, Suite};
use crate::registry::Registry;

const ARCHIVE: &str = "https://a.example.com/debian";
const LIST: &str = "main/binary-amd64/Packages";

/// An archive whose suite has these lists.
fn registry(lists: &[(&str, Vec<u8>)]) -> Registry {
    registry_saying(lists, |release| release)
}

/// The same, of which something else is signed.
fn registry_saying(lists: &[(&str, Vec<u8>)], change: impl FnOnce(String) -> String) -> Registry {
    serving(lists, change).at("deb", Some("[arch=amd64] stable main"), ARCHIVE)
}

/// What such an archive serves.
fn serving(lists: &[(&str, Vec<u8>)], change: impl FnOnce(String) -> String) -> Registry {
    let lists: BTreeMap<String, Vec<u8>> = lists
        .iter()
        .map(|(path, bytes)| ((*path).to_owned(), bytes.clone()))
        .collect();
    let text = change(Suite::new("stable", time(DAY), &[]).release(&lists));
    let folder = format!("{ARCHIVE}/dists/stable");
    let signed = Key::new(time(DAY)).signed_within(&text, time(DAY));
    let registry = Registry::default().with(&format!("{folder}/InRelease"), signed);
    lists.into_iter().fold(registry, |registry, (path, bytes)| {
        registry.with(&format!("{folder}/{path}"), bytes)
    })
}

fn towel() -> Package {
    Package::new("towel", "1:4.2-1", "amd64", "")
}

#[test]
fn a_package_may_be_listed_by_sha512_alone() {
    let towel = towel();
    let listed = towel.paragraph();
    let sha256 = listed.lines().find(|line| line.starts_with("SHA256")).unwrap();
    let sha512 = Sha512::digest(&towel.bytes).to_vec();
    let strong = listed.replace(sha256, &format!("SHA512: {}", hex::encode(&sha512)));
    let weak = listed.replace(sha256, "SHA1: 00");
    let wanted = || deb().read_coordinates(&["towel=1:4.2-1".to_owned()]).unwrap().wanted;

    let archive = registry(&[(LIST, strong.into_bytes())]);
    let mut pinned = wanted();
    deb().pin(&mut pinned, &archive).unwrap();
    assert_eq!(pinned[0].claims.len(), 1);
    assert_eq!(pinned[0].claims[0].algorithm(), Algorithm::Sha512);
    assert_eq!(pinned[0].claims[0].bytes(), sha512);
    let artifact = of_package(&towel);
    let indexed = deb().index(std::slice::from_ref(&artifact), &archive).unwrap();
    let found = indexed.found.values().next().unwrap();
    assert_eq!(found.state, ProofState::Present);
    // Where it lies is told by the digest that names it here.
    let places = String::from_utf8(indexed.documents[0].1.bytes.clone()).unwrap();
    assert!(
        places.contains(&format!("SHA256: {}\n", artifact.digest.hex())),
        "{places}"
    );

    let archive = registry(&[(LIST, weak.into_bytes())]);
    let mut pinned = wanted();
    deb().pin(&mut pinned, &archive).unwrap();
    assert!(pinned[0].claims.is_empty());
    // Nor is it taken as the package that is wanted.
    assert_eq!((pinned[0].size, &pinned[0].file), (None, &None));
}

#[test]
fn a_list_has_the_size_that_its_release_states() {
    let list = towel().paragraph().into_bytes();
    let stated = format!(" {} {LIST}\n", list.len());
    let mut wanted = deb().read_coordinates(&["towel=1:4.2-1".to_owned()]).unwrap().wanted;
    let lists = [(LIST, list)];
    deb().pin(&mut wanted.clone(), &registry(&lists)).unwrap();
    let wrong = registry_saying(&lists, |text| text.replace(&stated, &format!(" 7 {LIST}\n")));
    assert!(deb().pin(&mut wanted, &wrong).is_err());
}

#[test]
fn a_list_that_cannot_be_read_is_told_with_its_place() {
    let list = b"Package towel\n".to_vec();
    let error = deb()
        .index(&[of_package(&towel())], &registry(&[(LIST, list)]))
        .unwrap_err();
    let UpstreamError::Malformed { url, reason } = error else {
        panic!("{error}");
    };
    assert!(url.ends_with(LIST) && !reason.is_empty(), "{url}: {reason}");
}

#[test]
fn of_several_compressions_one_that_is_known_is_taken() {
    let towel = towel();
    let unknown = format!("{LIST}.lzma");
    let plain = towel.paragraph().into_bytes();
    let both = registry(&[(&unknown, b"unknown".to_vec()), (LIST, plain)]);
    let artifacts = [of_package(&towel)];
    let indexed = deb().index(&artifacts, &both).unwrap();
    assert!(indexed.indexes.iter().any(|index| index.file == LIST));
    assert!(indexed.indexes.iter().all(|index| index.file != unknown));
    // What is listed and cannot be read is said, and is not taken for a list that there is not.
    let alone = registry(&[(&unknown, b"unknown".to_vec())]);
    let error = deb().index(&artifacts, &alone).unwrap_err();
    assert!(matches!(error, UpstreamError::Malformed { .. }), "{error}");
    assert!(error.to_string().contains("compression") || format!("{error:?}").contains("compression"));
}

/// What pins the package where the release says something else of its only list.
fn pinned_where(change: impl FnOnce(String) -> String) -> Result<usize, UpstreamError> {
    let mut wanted = deb().read_coordinates(&["towel=1:4.2-1".to_owned()]).unwrap().wanted;
    let lists = [(LIST, towel().paragraph().into_bytes())];
    deb().pin(&mut wanted, &registry_saying(&lists, change))?;
    Ok(wanted[0].claims.len())
}

#[test]
fn a_list_that_is_too_large_is_not_asked_for() {
    let list = towel().paragraph().into_bytes();
    let stated = |size: u64, extension: &str| {
        let now = format!(" {} {LIST}\n", list.len());
        let stated = format!(" {size} {LIST}{extension}\n");
        pinned_where(move |text: String| text.replace(&now, &stated))
    };
    assert!(matches!(stated(64 << 20, ""), Err(UpstreamError::Malformed { .. })));
    assert_eq!(stated((64 << 20) + 1, "").unwrap(), 0);
    assert_eq!(stated((64 << 20) + 1, ".gz").unwrap(), 0);
}

#[test]
fn what_stands_below_a_list_is_no_list_in_another_compression() {
    for name in ["Packages.diff/Index", "Packages.d.lzma"] {
        let other = format!("main/binary-amd64/{name}");
        let found = pinned_where(|text| text.replace(&format!("{LIST}\n"), &format!("{other}\n")));
        assert_eq!(found.unwrap(), 0, "{name}");
    }
}

#[test]
fn each_strong_digest_of_a_list_counts_by_itself() {
    let list = towel().paragraph().into_bytes();
    let wrong = |digest: String| {
        let zeros = "0".repeat(digest.len());
        pinned_where(move |text| text.replace(&digest, &zeros))
    };
    assert!(wrong(hex::encode(Sha256::digest(&list))).is_err());
    assert!(wrong(hex::encode(Sha512::digest(&list))).is_err());
    assert_eq!(pinned_where(|text| text).unwrap(), 1);
}

#[test]
fn packages_for_all_architectures_name_none_to_ask_for() {
    let hat = Package::new("hat", "1.0", "all", "");
    let lists = [(LIST, hat.paragraph().into_bytes())];
    let archive = serving(&lists, |release| release).at("deb", Some("stable main"), ARCHIVE);
    let mut wanted = deb().read_coordinates(&["hat:all=1.0".to_owned()]).unwrap().wanted;
    deb().pin(&mut wanted, &archive).unwrap();
    assert_eq!(wanted[0].claims.len(), 1);
}

#[test]
fn the_same_bytes_under_another_name_are_another_package() {
    let archive = registry(&[(LIST, towel().paragraph().into_bytes())]);
    let good = of_package(&towel());
    let mut other_name = good.clone();
    other_name.name = "hat".to_owned();
    other_name.file = "hat_1%3a4.2-1_amd64.deb".to_owned();
    let mut other_architecture = good.clone();
    other_architecture.file = "towel_1%3a4.2-1_arm64.deb".to_owned();
    for (artifact, expected) in [
        (good, ProofState::Present),
        (other_name, ProofState::Absent),
        (other_architecture, ProofState::Absent),
    ] {
        let indexed = deb().index(std::slice::from_ref(&artifact), &archive).unwrap();
        let found: Vec<ProofState> = indexed.found.values().map(|proof| proof.state).collect();
        assert_eq!(found, [expected], "{}", artifact.file);
    }
}

#[test]
fn what_has_a_digest_keeps_it_and_no_other_is_added() {
    let archive = registry(&[(LIST, towel().paragraph().into_bytes())]);
    let mut known = deb().read_coordinates(&["towel=1:4.2-1".to_owned()]).unwrap().wanted;
    let claims = vec![Claim::new(Algorithm::Sha256, vec![0; 32]).unwrap()];
    known[0].claims.clone_from(&claims);
    deb().pin(&mut known, &archive).unwrap();
    assert_eq!(known[0].claims, claims);
}
