//! Proofs within artifacts, as an exporter comes upon them.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use sealift::evidence::beside::inside;
use sealift::model::Content;

use crate::fixtures;

#[test]
fn a_signed_file_says_so_and_an_unsigned_one_does_not() {
    let found = |name: &str, bytes: Vec<u8>| inside(name, &mut Cursor::new(bytes));
    for (fixture, kind) in [
        ("apk/v1-only-two-signers.apk", "apk-signature"),
        ("apk/v2-only-with-ecdsa-sha256-p256.apk", "apk-signature"),
        ("authenticode/signed.exe", "authenticode"),
        ("gem/solo.gem", "gem-signature"),
        ("jar/rsa.jar", "jar-signature"),
        ("nuget/TestPackage.AuthorSigned.1.0.0.nupkg", "nuget-signature"),
        ("rpm/rpm-basic-with-ed25519-2.3.4-5.el9.noarch.rpm", "rpm-signature"),
    ] {
        let bytes = fixtures::bytes(fixture);
        assert_eq!(found(fixture, bytes.clone()), [kind], "{fixture}");
        // The name says which format it is.
        assert!(found("a.bin", bytes.clone()).is_empty(), "{fixture}");
        // What cannot be read holds nothing.
        let ending = fixture.rsplit_once('.').unwrap().1;
        for garbage in [&b""[..], b"PK\x05\x06", &bytes[..bytes.len() / 3]] {
            let name = format!("a.{ending}");
            assert!(
                found(&name, garbage.to_vec()).is_empty() || garbage.len() > 1000,
                "{name}"
            );
        }
    }
    let plain = fixtures::bytes("zip/files_and_dirs.zip");
    for ending in ["jar", "apk", "nupkg"] {
        assert!(found(&format!("a.{ending}"), plain.clone()).is_empty(), "{ending}");
    }
    // A gem whose signatures are taken out, each a member of two blocks.
    let mut gem = fixtures::bytes("gem/solo.gem");
    for member in ["metadata.gz.sig", "data.tar.gz.sig", "checksums.yaml.gz.sig"] {
        let name = [member.as_bytes(), &[0]].concat();
        let at = gem.windows(name.len()).position(|window| window == name).unwrap();
        gem.drain(at..at + 1024);
    }
    assert!(found("a.gem", gem).is_empty());
    // A program whose table is taken out.
    let mut program = fixtures::bytes("authenticode/signed.exe");
    let pe = u32::from_le_bytes(program[0x3c..0x40].try_into().unwrap()) as usize;
    let place = pe
        + 24
        + if program[pe + 24] == 0x0b && program[pe + 25] == 1 {
            128
        } else {
            144
        };
    program[place..place + 8].fill(0);
    assert!(found("a.exe", program).is_empty());
}

/// Content that nobody may touch.
struct Untouched;

impl Read for Untouched {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("it was read");
    }
}

impl Seek for Untouched {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        panic!("it was sought in");
    }
}

impl Content for Untouched {}

#[test]
fn bytes_are_touched_only_where_the_name_is_of_such_a_format() {
    for name in [
        "a",
        "a.tar.gz",
        "a.crate",
        "a-1.0-py3-none-any.whl",
        "a.tgz",
        "jar",
        "a.deb",
    ] {
        assert!(inside(name, &mut Untouched).is_empty());
    }
}
