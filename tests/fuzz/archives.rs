//! Readers of the artifacts' own containers, and of the indexes that list them.

use std::io::{self, Cursor, Read as _, Write};

use sealift::archive::apt::{Release, read_packages, signed_part};
use sealift::archive::ar;
use sealift::archive::inflate::Compression;
use sealift::archive::oci::{self, Check, Document, LayoutFiles};
use sealift::archive::tar::{Limits, find_in_tgz, find_only_in_tar};
use sealift::archive::zip::Zip;
use sealift::evidence::image_layout;
use sealift::model::Digest;

use crate::driver::{Parts, Target};
use crate::seeds::fixture;
use crate::tgz::{Entry, gzip, tar, tgz};
use crate::{forge, maker, proofs, support};

/// Inflated bytes of one round: enough to pass every bound that counts bytes, and few enough for many rounds.
const INFLATED: u64 = 16 << 20;

pub(crate) fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "archive/zip".to_owned(),
            rounds: 1500,
            max_bytes: 32 << 20,
            seeds: Box::new(zips),
            read: Box::new(|parts| read_zip(&parts[0])),
        },
        Target {
            name: "archive/tar".to_owned(),
            rounds: 1500,
            // The decoders of xz and bzip2 keep their windows.
            max_bytes: 96 << 20,
            seeds: Box::new(tars),
            read: Box::new(|parts| read_tar(&parts[0])),
        },
        Target {
            name: "archive/ar".to_owned(),
            rounds: 1500,
            max_bytes: 16 << 20,
            seeds: Box::new(|| vec![vec![proofs::deb()]]),
            read: Box::new(|parts| read_ar(&parts[0])),
        },
        Target {
            name: "archive/oci".to_owned(),
            rounds: 1500,
            max_bytes: 16 << 20,
            seeds: Box::new(layout_documents),
            read: Box::new(|parts| {
                let _ = Document::alone(parts[0].clone());
                if let Ok(layout) = oci::read(&OneDocument(&parts[0]), Check::Documents) {
                    for image in layout.images() {
                        let _ = image_layout::proofs(&layout, &image.descriptor.digest);
                    }
                }
            }),
        },
        Target {
            name: "archive/apt-packages".to_owned(),
            rounds: 1500,
            max_bytes: 96 << 20,
            seeds: Box::new(|| {
                let list = proofs::packages(b"towel");
                let zstd = zstd::bulk::compress(list.as_bytes(), 1).unwrap();
                vec![vec![gzip(list.as_bytes())], vec![list.into_bytes()], vec![zstd]]
            }),
            read: Box::new(|parts| {
                let mut listed = 0_u64;
                let compression = Compression::of_bytes(&parts[0]);
                let _ = read_packages(compression, &mut parts[0].as_slice(), &mut |_| listed += 1);
            }),
        },
        Target {
            name: "archive/apt-release".to_owned(),
            rounds: 1500,
            max_bytes: 16 << 20,
            seeds: Box::new(|| {
                let release = proofs::release(proofs::packages(b"towel").as_bytes());
                let signed = maker::Maker::new(1, "2020-01-01T00:00:00Z").cleartext(support::DAY, &release);
                vec![vec![release.into_bytes()], vec![signed.into_bytes()]]
            }),
            read: Box::new(|parts| {
                let text = String::from_utf8_lossy(&parts[0]);
                if let Ok(release) = Release::read(&text) {
                    let _ = release.is_called("stable");
                }
                if let Some(signed) = signed_part(&text) {
                    let _ = Release::read(&signed);
                }
            }),
        },
    ]
}

/// An image layout whose every blob is the same document, named with what it has: its index is parsed, and so is what it leads to.
struct OneDocument<'a>(&'a [u8]);

impl LayoutFiles for OneDocument<'_> {
    fn open(&self, path: &str) -> io::Result<Box<dyn io::Read + '_>> {
        Ok(match path {
            "oci-layout" => Box::new(br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice()),
            "index.json" => Box::new(Cursor::new(self.index())),
            _ => Box::new(self.0),
        })
    }
}

impl OneDocument<'_> {
    fn index(&self) -> Vec<u8> {
        let (digest, size) = (Digest::of(self.0), self.0.len());
        let of = |form: &str| {
            format!(r#"{{"mediaType":"application/vnd.oci.image.{form}.v1+json","digest":"{digest}","size":{size}}}"#)
        };
        format!(
            r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
            of(if self.0.len().is_multiple_of(2) {
                "index"
            } else {
                "manifest"
            })
        )
        .into_bytes()
    }
}

fn layout_documents() -> Vec<Parts> {
    let digest = Digest::of(b"");
    let blob = format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":0}}"#);
    vec![
        vec![format!(r#"{{"schemaVersion":2,"config":{blob},"layers":[{blob}],"subject":{blob}}}"#).into_bytes()],
        vec![format!(r#"{{"schemaVersion":2,"manifests":[{blob}],"annotations":{{}}}} "#).into_bytes()],
    ]
}

fn zips() -> Vec<Parts> {
    [
        "zip/archive-with-backslashes.zip",
        "zip/files_and_dirs.zip",
        "zip/test_read_format_zip_malformed1.zip",
        "zip/zip64_magic_in_filename_1.zip",
        "jar/rsa.jar",
        "nuget/TestPackage.AuthorSigned.1.0.0.nupkg",
        "pypi/rfc8785-0.1.2-py3-none-any.whl",
    ]
    .map(|name| vec![fixture(name)])
    .into_iter()
    .chain([vec![forge::archive(&[("a", b"a"), ("b/c", b"cc"), ("b/", b"")])]])
    .collect()
}

/// Takes so many bytes, and refuses the next.
struct Bounded(u64);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::other("enough"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read_zip(bytes: &[u8]) {
    let Ok(mut zip) = Zip::open(Cursor::new(bytes)) else {
        return;
    };
    let names: Vec<(String, u64)> = zip
        .entries()
        .iter()
        .map(|entry| (entry.name().to_owned(), entry.size()))
        .collect();
    for (position, (name, size)) in names.iter().enumerate().take(64) {
        if *size < INFLATED {
            let mut out = Bounded(INFLATED);
            if zip.copy(position, &mut out).is_ok() {
                assert_eq!(INFLATED - out.0, *size, "another size than the directory says");
            }
        }
        let _ = zip.read(name, 1 << 16);
    }
}

fn tars() -> Vec<Parts> {
    let entries = || {
        [
            Entry::file("package/index.js", "x"),
            Entry::pax(b'x', &[("path", "package/a very long name")]),
            Entry::file("package/short", "y"),
            Entry::of_kind(b'L', "././@LongLink", "package/another long name\0"),
            Entry::file("package/other", "z"),
            Entry::file("package/package.json", "{}"),
        ]
    };
    vec![
        vec![tgz(&entries())],
        vec![tar(&entries())],
        vec![zstd::bulk::compress(&tar(&entries()), 1).unwrap()],
        vec![fixture("npm/tarballs/gundam-visor-1.0.1.tgz")],
        vec![fixture("helm/hashtest-1.2.3.tgz")],
        vec![fixture("gem/solo.gem")],
        vec![fixture("rpm/primary.xml.xz")],
    ]
}

fn read_tar(bytes: &[u8]) {
    let limits = Limits {
        inflated_bytes: INFLATED,
        ..Limits::default()
    };
    let _ = find_in_tgz(&mut &*bytes, &mut |name| name == "package/package.json", &limits);
    for compression in [Compression::of_bytes(bytes), Compression::None] {
        let found = find_only_in_tar(compression, &mut &*bytes, &mut |name| name.ends_with(".json"), &limits);
        if let Ok(Some((_, content))) = found {
            assert!(content.len() as u64 <= limits.member_bytes, "more than the limit");
        }
    }
}

fn read_ar(bytes: &[u8]) {
    let mut content = Cursor::new(bytes);
    let Ok(members) = ar::members(&mut content, 16) else {
        return;
    };
    for member in &members {
        let mut out = Vec::new();
        ar::open(&mut content, member).unwrap().read_to_end(&mut out).unwrap();
        assert_eq!(out.len() as u64, member.size, "a member that is not there");
    }
}
