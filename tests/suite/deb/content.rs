//! What a package's own control file and a signed index must say.

use super::{DAY, artifact, held, index_version, of_package, places, time};
use crate::debian::{Key, Package, Signed, Suite, ar, parts};
use crate::tgz::{Entry, tgz};

fn towel() -> Package {
    Package::new("towel", "1:4.2-1", "amd64", "hat")
}

fn check(members: &[(&str, Vec<u8>)]) -> Result<(), String> {
    let bytes = ar(members);
    let towel = towel();
    held(artifact("towel", "1:4.2-1", &towel.file(), &bytes), &bytes, &[])
        .map(|_| ())
        .map_err(|mismatch| mismatch.to_string())
}

fn with_control(control: &str) -> Result<(), String> {
    check(&parts("towel", "1:4.2-1", control))
}

#[test]
fn a_package_is_what_its_control_file_says() {
    let towel = towel();
    held(of_package(&towel), &towel.bytes, &[]).unwrap();
    for (from, to) in [
        ("Package: towel", "Package: hat"),
        ("Version: 1:4.2-1", "Version: 4.2-1"),
        ("Version: 1:4.2-1", "Version: 1:4.2-01"),
        ("Architecture: amd64", "Architecture: all"),
        ("Package: towel\n", ""),
        ("Version: 1:4.2-1\n", ""),
        ("Architecture: amd64\n", ""),
        ("Package: towel", "Package: towel\nPackage: towel"),
        ("Package: towel", "nonsense"),
        ("Package: towel", "Package: towel\n\nOther: x"),
    ] {
        let changed = towel.control.replace(from, to);
        assert_ne!(changed, towel.control);
        assert!(with_control(&changed).is_err(), "{changed}");
    }
    with_control(&format!("{}\n", towel.control)).unwrap();
    let file = "hat_1%3a4.2-1_amd64.deb";
    assert!(held(artifact("towel", "1:4.2-1", file, &towel.bytes), &towel.bytes, &[]).is_err());
    assert!(
        held(
            artifact("towel", "1:4.2-2", &towel.file(), &towel.bytes),
            &towel.bytes,
            &[]
        )
        .is_err()
    );
}

#[test]
fn advisories_know_a_package_by_its_source() {
    let towel = towel();
    let stated = |source: &str| {
        let control = towel.control.replace("Version:", &format!("{source}Version:"));
        let bytes = ar(&parts("towel", "1:4.2-1", &control));
        let held = held(artifact("towel", "1:4.2-1", &towel.file(), &bytes), &bytes, &[]);
        held.map(|held| super::deb().stated(&held.facts).advised_as.unwrap())
    };
    let own = |name: &str, version: &str| (name.to_owned(), version.to_owned());
    assert_eq!(stated("").unwrap(), own("towel", "1:4.2-1"));
    assert_eq!(stated("Source:\n").unwrap(), own("towel", "1:4.2-1"));
    assert_eq!(stated("Source: galaxy\n").unwrap(), own("galaxy", "1:4.2-1"));
    assert_eq!(stated("Source: galaxy (42-1)\n").unwrap(), own("galaxy", "42-1"));
    for wrong in [
        "Source: Galaxy\n",
        "Source: galaxy (\n",
        "Source: galaxy ()\n",
        "Source: galaxy (1) (2)\n",
        "Source: (1)\n",
    ] {
        assert!(stated(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn members_are_those_of_a_package_in_their_order() {
    let control = towel().control;
    let good = parts("towel", "1:4.2-1", &control);
    check(&good).unwrap();
    let mut signed = good.clone();
    signed.push(("_gpgorigin", b"x".to_vec()));
    check(&signed).unwrap();
    let renamed = |at: usize, name: &'static str| {
        let mut members = good.clone();
        members[at].0 = name;
        members
    };
    let swapped = |one: usize, other: usize| {
        let mut members = good.clone();
        members.swap(one, other);
        members
    };
    let mut other_format = good.clone();
    other_format[0].1 = b"3.0\n".to_vec();
    let mut longer_format = good.clone();
    longer_format[0].1 = b"2.0\nmore\n".to_vec();
    let mut more = good.clone();
    more.push(("control.tar.xz", b"x".to_vec()));
    let many: Vec<_> = good
        .iter()
        .cloned()
        .chain(
            [
                "_a", "_b", "_c", "_d", "_e", "_f", "_g", "_h", "_i", "_j", "_k", "_l", "_m", "_n",
            ]
            .map(|name| (name, Vec::new())),
        )
        .collect();
    for (what, members) in [
        ("no data", good[..2].to_vec()),
        ("no members", Vec::new()),
        ("swapped", swapped(1, 2)),
        ("format last", swapped(0, 1)),
        ("odd control", renamed(1, "control.tar.odd")),
        ("control in lzma", renamed(1, "control.tar.lzma")),
        ("control in bzip2", renamed(1, "control.tar.bz2")),
        ("not what its name says", renamed(1, "control.tar.xz")),
        ("no control", renamed(1, "data.tar")),
        ("odd data", renamed(2, "data.zip")),
        ("oddly compressed data", renamed(2, "data.tar.odd")),
        ("another format's name", renamed(0, "debian-source")),
        ("another control's name", renamed(1, "other.tar.gz")),
        ("other format", other_format),
        ("longer format", longer_format),
        ("two controls", more),
        ("many", many),
    ] {
        assert!(check(&members).is_err(), "{what}");
    }
    // What could be read, and dpkg would not.
    for (name, compressed) in [
        (
            "control.tar.bz2",
            bzip2(&crate::tgz::tar(&[Entry::file("./control", &control)])),
        ),
        (
            "control.tar.lzma",
            crate::tgz::tar(&[Entry::file("./control", &control)]),
        ),
    ] {
        let mut members = renamed(1, name);
        members[1].1 = compressed;
        let reason = check(&members).unwrap_err();
        assert!(reason.contains("is not a compression of control archives"), "{reason}");
    }
    for bytes in [&b""[..], b"!<arch>\n", b"not an archive", &towel().bytes[..100]] {
        assert!(held(artifact("towel", "1:4.2-1", &towel().file(), bytes), bytes, &[]).is_err());
    }
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_control_archive_has_one_control_file() {
    let control = towel().control;
    let good = parts("towel", "1:4.2-1", &control);
    let with = |entries: &[Entry]| {
        let mut members = good.clone();
        members[1].1 = tgz(entries);
        check(&members)
    };
    let file = |name: &str| Entry::file(name, &control);
    with(&[file("./control"), Entry::file("./md5sums", "")]).unwrap();
    with(&[file("control")]).unwrap();
    assert!(with(&[]).is_err());
    assert!(with(&[file("./control"), file("control")]).is_err());
    assert!(with(&[file("./control"), file("./control")]).is_err());
    assert!(with(&[file("./sub/control")]).is_err());
    assert!(with(&[Entry::of_kind(b'2', "./control", "")]).is_err());
    assert!(with(&[Entry::file("./control", b"Package: \xff\n")]).is_err());
    assert!(with(&[Entry::file("./control", " ".repeat(5 << 20))]).is_err());
}

#[test]
fn a_package_lies_where_signed_indexes_say() {
    let towel = towel();
    let digest = of_package(&towel).digest.hex();
    let stands = |text: &str| {
        held(of_package(&towel), &towel.bytes, &[places("towel", text)]).map(|held| held.facts["places"].clone())
    };
    let good = format!("Archive: a/debian\nFilename: {}\nSHA256: {digest}\n", towel.path());
    let other = format!("Archive: a/debian\nFilename: pool/x.deb\nSHA256: {}\n", "0".repeat(64));
    let place = format!("a/debian/{}", towel.path());
    assert_eq!(
        stands(&format!("{good}\n{other}\n{good}")).unwrap(),
        serde_json::json!([place])
    );
    assert_eq!(stands(&other).unwrap(), serde_json::json!([]));
    assert_eq!(stands(&format!("{good}\n\n\n")).unwrap(), serde_json::json!([place]));
    for (from, to) in [
        ("Archive: a/debian\n", ""),
        ("Filename:", "File:"),
        ("SHA256:", "MD5:"),
        ("Archive: a/debian", "Archive: ../debian"),
        ("Archive: a/debian", "nonsense"),
        ("Filename: pool", "Filename: /pool"),
        ("Filename: pool", "Filename: dists"),
        ("Filename: pool", "Filename: ../pool"),
        (".deb", ".sh"),
    ] {
        assert!(stands(&good.replace(from, to)).is_err(), "{to}");
    }
    // Documents of other kinds say nothing about places.
    let mut unknown = places("towel", "nonsense");
    unknown.document.kind = "other".to_owned();
    held(of_package(&towel), &towel.bytes, &[unknown]).unwrap();
}

const INDEX: &str = "a.example.com/debian/dists/stable";

#[test]
fn an_index_is_of_the_version_that_it_says() {
    let suite = Suite::new("stable", time(DAY), &[towel()]);
    let key = Key::new(time(DAY));
    let signed = suite
        .files(&key, Signed::Within)
        .remove("dists/stable/InRelease")
        .unwrap();
    let version = index_version(time(DAY), &signed);
    let check =
        |name: &str, version: &str, file: &str, bytes: &[u8]| held(artifact(name, version, file, bytes), bytes, &[]);
    let facts = check(INDEX, &version, "InRelease", &signed).unwrap().facts;
    assert_eq!(facts["date"], DAY);
    assert_eq!(facts["valid_until"], "2026-11-26T02:12:54Z");
    assert_eq!(facts["indexes"].as_object().unwrap().len(), 2);
    // Only lists of packages are shown: a release names much else.
    let mut all = suite.lists();
    all.insert("main/source/Sources.xz".to_owned(), Vec::new());
    let more = suite.release(&all).into_bytes();
    let facts = check(INDEX, &index_version(time(DAY), &more), "Release", &more)
        .unwrap()
        .facts;
    assert_eq!(facts["indexes"].as_object().unwrap().len(), 2);
    let list = &suite.lists()["main/binary-amd64/Packages"];
    check(INDEX, &version, "main/binary-amd64/Packages", list).unwrap();
    check(INDEX, &version, "Release.gpg", b"x").unwrap();

    for (name, version, file) in [
        ("a.example.com/debian/stable", version.as_str(), "InRelease"),
        ("a.example.com//dists/stable", &version, "InRelease"),
        ("../dists/stable", &version, "InRelease"),
        ("/dists/stable", &version, "InRelease"),
        (INDEX, "20261119T021254Z", "InRelease"),
        (INDEX, "20261119T021254Z.000000000000", "InRelease"),
        (INDEX, "20261119T021254Z", "main/binary-amd64/Packages"),
        (INDEX, "1.0", "Release.gpg"),
        (INDEX, &version.replace("2026", "2027"), "InRelease"),
        (INDEX, &version.replace('Z', "X"), "InRelease"),
        (INDEX, &version, "Release"),
        (INDEX, &version, "Packages.diff"),
        (INDEX, &version, "../InRelease"),
        (INDEX, &version, "main/binary-amd64/../Packages"),
        (INDEX, &version, "main/source/Sources"),
    ] {
        assert!(check(name, version, file, &signed).is_err(), "{name} {version} {file}");
    }
    for wrong in [
        suite.release(&suite.lists()).into_bytes(),
        [signed.clone(), b"x\n".to_vec()].concat(),
        b"\xff".to_vec(),
        vec![b' '; (8 << 20) + 1],
    ] {
        let version = index_version(time(DAY), &wrong);
        assert!(check(INDEX, &version, "InRelease", &wrong).is_err());
    }
    // One of exactly so many bytes, and of one more.
    let long = |bytes: usize| {
        let release = suite.release(&suite.lists());
        let text = format!("Changelogs: {}\n{release}", "x".repeat(bytes - release.len() - 13)).into_bytes();
        assert_eq!(text.len(), bytes);
        check(INDEX, &index_version(time(DAY), &text), "Release", &text).map(drop)
    };
    assert_eq!(long(8 << 20), Ok(()));
    assert_eq!(long((8 << 20) + 1).unwrap_err().reason, "it is larger than the limit");
}
