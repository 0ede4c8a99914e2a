//! Lists of packages as archives may also write them: by SHA-512 alone, or in compressions that are not known.

use std::collections::BTreeMap;

use sealift::ecosystem::UpstreamError;
use sealift::model::{Algorithm, ProofState};
use sha2::{Digest as _, Sha512};

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
    let lists: BTreeMap<String, Vec<u8>> = lists
        .iter()
        .map(|(path, bytes)| ((*path).to_owned(), bytes.clone()))
        .collect();
    let text = change(Suite::new("stable", time(DAY), &[]).release(&lists));
    let folder = format!("{ARCHIVE}/dists/stable");
    let signed = Key::new(time(DAY)).signed_within(&text, time(DAY));
    let registry = Registry::default().with(&format!("{folder}/InRelease"), signed);
    let registry = lists.into_iter().fold(registry, |registry, (path, bytes)| {
        registry.with(&format!("{folder}/{path}"), bytes)
    });
    registry.at("deb", Some("[arch=amd64] stable main"), ARCHIVE)
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
