//! Bytes that cannot be read to their end: whatever fails, and when, nothing is said about them but that.

use std::io::Read;

use sealift::archive::ArchiveError;
use sealift::archive::apt::read_packages;
use sealift::archive::ar;
use sealift::archive::inflate::{Compression, Inflated};
use sealift::archive::tar::{Limits, find_only_in_tar};
use sealift::archive::zip::{Zip, ZipError};
use sealift::ecosystem;
use sealift::model::{Artifact, Digest};

use crate::debian::{Key, Package, Signed, Suite};
use crate::failing::Failing;
use crate::raw_zip::{RawEntry, RawZip};
use crate::tgz::{Entry, gzip, tar, tgz};
use crate::wheel::{FakeWheel, tar_gz};
use crate::{cargo, deb, maven};

/// Inspects a good artifact with each operation failing in turn.
#[track_caller]
fn inspected(ecosystem: &str, name: &str, version: &str, file: &str, bytes: &[u8]) {
    let artifact = Artifact {
        digest: Digest::of(bytes),
        ecosystem: ecosystem.to_owned(),
        file: file.to_owned(),
        name: name.to_owned(),
        origin: "folder".to_owned(),
        proofs: Vec::new(),
        reason: "test".to_owned(),
        version: version.to_owned(),
    };
    let ecosystem = ecosystem::find(ecosystem).unwrap();
    let operations = Failing::each(bytes, |content| {
        match (ecosystem.inspect(&artifact, content, &[]), content.has_failed()) {
            (Ok(_), false) => {}
            // The archive's reader does not say why it could not read.
            (Err(mismatch), true) if mismatch.reason.contains("read") => {}
            (found, _) => panic!("{file} at {}: {found:?}", content.fails_at()),
        }
    });
    assert!(operations > 0, "{file}");
}

#[test]
fn an_artifact_that_cannot_be_read_has_no_facts() {
    inspected(
        "cargo",
        "foo",
        "1.0.0",
        "foo-1.0.0.crate",
        &cargo::plain_crate("foo", "1.0.0"),
    );

    let towel = Package::new("towel", "1:4.2-1", "amd64", "hat");
    inspected("deb", "towel", "1:4.2-1", &towel.file(), &towel.bytes);
    let day = deb::time(deb::DAY);
    let suite = Suite::new("stable", day, &[towel]);
    let key = Key::new(day);
    let index = "a.example.com/debian/dists/stable";
    for (file, signed) in [("InRelease", Signed::Within), ("Release", Signed::Apart)] {
        let bytes = &suite.files(&key, signed)[&format!("dists/stable/{file}")];
        inspected("deb", index, &deb::index_version(day, bytes), file, bytes);
    }
    let list = "main/binary-amd64/Packages";
    inspected("deb", index, &deb::index_version(day, b""), list, &suite.lists()[list]);

    let properties = "version=1.0\n".repeat(300);
    let jar = maven::jar(&[
        ("META-INF/maven/org.example/lib/pom.properties", &properties),
        ("META-INF/maven/org.example/lib/pom.xml", "<project/>"),
        ("META-INF/maven/plugin.xml", "<plugin/>"),
    ]);
    let pom = maven::pom("org.example", "lib", "1.0", &" ".repeat(3000));
    let module = r#"{"component": {"group": "org.example", "module": "lib", "version": "1.0"}}"#;
    for (file, bytes) in [
        ("lib-1.0.jar", jar.as_slice()),
        ("lib-1.0.pom", pom.as_bytes()),
        ("lib-1.0.module", module.as_bytes()),
        ("lib-1.0.txt", pom.as_bytes()),
    ] {
        inspected("maven", "org.example:lib", "1.0", file, bytes);
    }

    let package = tgz(&[
        Entry::file("package/index.js", "x"),
        Entry::file("package/package.json", r#"{"name": "x", "version": "1.0.0"}"#),
    ]);
    // What follows the last member is hashed, too.
    let package = [package, gzip(b"")].concat();
    inspected("npm", "x", "1.0.0", "x-1.0.0.tgz", &package);

    let mut wheel = FakeWheel::new("foo_bar", "1.0");
    inspected("pypi", "foo-bar", "1.0", "foo_bar-1.0-py3-none-any.whl", &wheel.bytes());
    let info = "Metadata-Version: 2.1\nName: foo-bar\nVersion: 1.0\n";
    wheel.files = vec![("foo_bar-1.0/PKG-INFO".to_owned(), info.into())];
    inspected("pypi", "foo-bar", "1.0", "foo_bar-1.0.zip", &wheel.bytes());
    let noise: String = (0..4000_u32)
        .map(|number| format!("{:08x}", number.wrapping_mul(2_654_435_761)))
        .collect();
    let source = tar_gz(&[("foo_bar-1.0/setup.py", &noise), ("foo_bar-1.0/PKG-INFO", info)]);
    inspected("pypi", "foo-bar", "1.0", "foo_bar-1.0.tar.gz", &source);
}

fn fixture(path: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(folder.join(path)).unwrap()
}

#[test]
fn an_archive_that_cannot_be_read_is_not_called_malformed() {
    let unreadable = |name: &str, bytes: &[u8], read: &dyn Fn(&mut Failing<'_>) -> Result<(), ArchiveError>| {
        let operations = Failing::each(bytes, |content| match (read(content), content.has_failed()) {
            (Ok(()), false) | (Err(ArchiveError::Unreadable { .. }), true) => {}
            (other, _) => panic!("{name} at {}: {other:?}", content.fails_at()),
        });
        assert!(operations > 1, "{name}");
    };
    let members = tar(&[Entry::file("a", "x".repeat(3000)), Entry::file("b", "y")]);
    for (compression, bytes) in [
        (Compression::None, members.clone()),
        (Compression::Gzip, gzip(&members)),
        (Compression::Bzip2, bzip2(&members)),
        (Compression::Zstd, zstd::bulk::compress(&members, 1).unwrap()),
    ] {
        unreadable(&format!("a tar, {compression:?}"), &bytes, &|content| {
            find_only_in_tar(compression, content, &mut |name| name == "b", &Limits::default()).map(drop)
        });
    }
    unreadable("a list in xz", &fixture("rpm/primary.xml.xz"), &|content| {
        let mut inflated = Inflated::new(Compression::Xz, content, &Limits::default())?;
        let mut buffer = [0; 4096];
        while inflated.fill(&mut buffer)? > 0 {}
        Ok(())
    });
    let towel = Package::new("towel", "1:4.2-1", "amd64", "hat");
    unreadable("an ar", &towel.bytes, &|content| {
        for member in ar::members(content, 3)? {
            let read = ar::open(content, &member)?.read_to_end(&mut Vec::new());
            read.map_err(|source| ArchiveError::Unreadable { source })?;
        }
        Ok(())
    });
}

#[test]
fn a_zip_that_cannot_be_read_is_not_called_malformed() {
    let mut raw = RawZip::of([
        RawEntry::deflated("a", b"one one one one one one"),
        RawEntry::stored("b", &[b'b'; 3000]),
        RawEntry::deflated("c", b"later later later").described(),
    ]);
    for zip64 in [false, true] {
        raw.zip64 = zip64;
        Failing::each(&raw.bytes(), |content| {
            let read = Zip::open(&mut *content).and_then(|mut zip| {
                ["a", "b", "c"]
                    .iter()
                    .try_for_each(|name| zip.read(name, 3000).map(drop))
            });
            match (read, content.has_failed()) {
                (Ok(()), false) | (Err(ZipError::Read(_)), true) => {}
                (other, _) => panic!("at {}: {other:?}", content.fails_at()),
            }
        });
    }
}

#[test]
fn a_list_of_packages_that_cannot_be_read_is_not_told_as_a_whole() {
    let towels: String = (0..200)
        .map(|number| Package::new(&format!("towel{number}"), "1:4.2-1", "amd64", "").paragraph() + "\n")
        .collect();
    for (compression, bytes) in [
        (Compression::None, towels.clone().into_bytes()),
        (Compression::Gzip, gzip(towels.as_bytes())),
    ] {
        Failing::each(&bytes, |content| {
            let mut seen = 0;
            let read = read_packages(compression, content, &mut |_| seen += 1);
            assert_eq!(read.is_err(), content.has_failed());
            assert_eq!(seen == 200, !content.has_failed());
        });
    }
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    let mut encoder = bzip2::read::BzEncoder::new(bytes, bzip2::Compression::best());
    encoder.read_to_end(&mut compressed).unwrap();
    compressed
}
