//! What an artifact's own content says.

use std::io::Cursor;

use sealift::ecosystem::{Facts, Mismatch};
use sealift::model::Digest;
use serde_json::json;

use super::{artifact, document, fixture, pypi};
use crate::wheel::{FakeWheel, tar_gz};

const WHEEL: &str = "foo_bar-1.0-py3-none-any.whl";

fn inspect(name: &str, version: &str, file: &str, bytes: &[u8]) -> Result<Facts, Mismatch> {
    pypi().inspect(&artifact(name, version, file, bytes), &mut Cursor::new(bytes), &[])
}

fn wheel() -> FakeWheel {
    FakeWheel::new("foo_bar", "1.0")
}

/// What is said of a wheel of foo-bar 1.0 that was bent.
fn fault(bend: impl FnOnce(&mut FakeWheel)) -> Mismatch {
    let mut wheel = wheel();
    bend(&mut wheel);
    inspect("foo-bar", "1.0", WHEEL, &wheel.bytes()).unwrap_err()
}

fn compared(mismatch: &Mismatch) -> (&str, &str) {
    (
        mismatch.expected.as_deref().unwrap(),
        mismatch.found.as_deref().unwrap(),
    )
}

#[test]
fn file_names_are_recognised() {
    let found = pypi().recognise("Foo_Bar-1.0-rc1.tar.gz");
    assert!(
        found.is_none(),
        "a dash belongs to the name: `Foo_Bar-1.0` is none with version `rc1`"
    );
    let found = pypi().recognise("Foo_Bar-01.0RC1-py3-none-any.whl").unwrap();
    assert_eq!((found.name.as_str(), found.version.as_str()), ("foo-bar", "1.0rc1"));
    assert_eq!(pypi().recognise("foo.tgz"), None);
}

#[test]
fn a_wheels_metadata_is_taken_exactly() {
    let mut made = wheel();
    let facts = inspect("foo-bar", "1.0.0", WHEEL, &made.bytes()).unwrap();
    assert_eq!(facts.json, json!({"requires-python": ">=3.8"}));
    assert_eq!(&facts.derived["metadata"], made.file("/METADATA"));
}

#[test]
fn real_distributions_are_read() {
    for (name, version, file, requires_python) in [
        (
            "six",
            "1.16.0",
            "six-1.16.0-py2.py3-none-any.whl",
            ">=2.7, !=3.0.*, !=3.1.*, !=3.2.*",
        ),
        ("rfc8785", "0.1.2", "rfc8785-0.1.2-py3-none-any.whl", ">=3.8"),
        (
            "pypi-attestations",
            "0.0.19",
            "pypi_attestations-0.0.19.tar.gz",
            ">=3.9",
        ),
    ] {
        let facts = inspect(name, version, file, &fixture(file)).unwrap();
        assert_eq!(facts.json["requires-python"], requires_python, "{file}");
        // The others name Apache's licence in a classifier that stands for all its versions.
        let licence = (name == "six").then(|| "MIT".to_owned());
        assert_eq!(pypi().stated(&facts.json).licence, licence, "{file}");
        assert_eq!(facts.derived.len(), usize::from(file.ends_with("whl")));
    }
}

#[test]
fn coordinates_must_agree_with_the_file_name() {
    let bytes = wheel().bytes();
    let reason = |name: &str, version: &str, file: &str| inspect(name, version, file, &bytes).unwrap_err().reason;
    assert_eq!(reason("other", "1.0", WHEEL), "its file name names another project");
    assert_eq!(reason("foo_bar", "1.0", WHEEL), "its file name names another project");
    assert_eq!(reason("foo-bar", "1.1", WHEEL), "its file name names another version");
    assert_eq!(reason("foo-bar", "x", WHEEL), "its version is not one by PEP 440");
    let grammar = "its file name is not that of a wheel or source distribution";
    for file in [
        "../foo_bar-1.0.tar.gz",
        "foo_bar-1.0.exe",
        "foo_bar-1.0-py3-none-any.whl.metadata",
        "",
    ] {
        assert_eq!(reason("foo-bar", "1.0", file), grammar);
    }
    let mut other = artifact("foo-bar", "1.0", WHEEL, &bytes);
    other.ecosystem = "npm".into();
    let mismatch = pypi().inspect(&other, &mut Cursor::new(&bytes), &[]).unwrap_err();
    assert_eq!(mismatch.reason, "it is of another ecosystem");
}

#[test]
fn metadata_must_agree_with_the_coordinate() {
    let replace = |from: &str, to: &str| {
        fault(|wheel| {
            let text = String::from_utf8(wheel.file("/METADATA").clone()).unwrap();
            *wheel.file("/METADATA") = text.replace(from, to).into();
        })
    };
    let name = replace("Name: foo_bar", "Name: evil");
    assert_eq!(
        (name.reason.as_str(), compared(&name)),
        ("its metadata names another project", ("foo-bar", "evil"))
    );
    let version = replace("Version: 1.0\n", "Version: 1.1\n");
    assert_eq!(
        (version.reason.as_str(), compared(&version)),
        ("its metadata names another version", ("1.0", "1.1"))
    );
    let twice = replace("Name:", "Name: evil\nName:");
    assert_eq!(twice.reason, "its metadata is malformed: Name is there twice");
}

#[test]
fn a_wheel_has_one_dist_info_folder_its_own() {
    let add = |name: &str| {
        fault(|wheel| {
            wheel.files.push((name.to_owned(), b"x".to_vec()));
            wheel.record();
        })
    };
    let one = "it does not have exactly one .dist-info folder";
    assert_eq!(add("evil-1.0.dist-info/METADATA").reason, one);
    assert_eq!(fault(|wheel| wheel.files.truncate(1)).reason, one);
    for other in ["evil-1.0", "foo_bar-1.1", "foo_bar"] {
        let mismatch = fault(|wheel| {
            for (name, _) in &mut wheel.files {
                *name = name.replace("foo_bar-1.0.dist-info", &format!("{other}.dist-info"));
            }
            wheel.record();
        });
        assert_eq!(mismatch.reason, "its .dist-info folder is another distribution's");
        assert_eq!(
            compared(&mismatch),
            ("foo_bar-1.0.dist-info", format!("{other}.dist-info").as_str())
        );
    }
    let missing = fault(|wheel| {
        wheel.files.remove(1);
        wheel.record();
    });
    assert_eq!(
        missing.reason,
        "it is malformed: the zip has no entry `foo_bar-1.0.dist-info/METADATA`"
    );
}

#[test]
fn record_lists_what_the_wheel_holds() {
    let hidden = fault(|wheel| wheel.files.push(("hidden.pth".to_owned(), b"import os".to_vec())));
    assert_eq!(hidden.reason, "it holds a file that its RECORD does not list");
    assert_eq!(hidden.found.as_deref(), Some("hidden.pth"));
    let missing = fault(|wheel| drop(wheel.files.remove(0)));
    assert_eq!(missing.reason, "its RECORD lists a file that it does not hold");
    assert_eq!(missing.expected.as_deref(), Some("foo_bar/__init__.py"));
    let none = fault(|wheel| drop(wheel.files.pop()));
    assert_eq!(
        none.reason,
        "it is malformed: the zip has no entry `foo_bar-1.0.dist-info/RECORD`"
    );
    assert_eq!(
        fault(|wheel| *wheel.file("/RECORD") = vec![0xff]).reason,
        "its RECORD is not UTF-8"
    );
    for line in ["\"open", "\"a\"b,,"] {
        let broken = fault(|wheel| *wheel.file("/RECORD") = line.into());
        assert_eq!(broken.reason, "its RECORD is not CSV");
    }
    // Quoted names, folders, blank lines and signatures of RECORD itself are as they should be.
    let mut good = wheel();
    good.files.push(("foo_bar/a,\"b.txt".to_owned(), Vec::new()));
    good.record();
    let record = String::from_utf8(good.file("/RECORD").clone()).unwrap();
    *good.file("/RECORD") = record
        .replace("foo_bar/a,\"b.txt,,", "\"foo_bar/a,\"\"b.txt\",,\r\n")
        .into();
    good.files.push(("foo_bar/sub/".to_owned(), Vec::new()));
    good.files
        .push(("foo_bar-1.0.dist-info/RECORD.jws".to_owned(), b"{}".to_vec()));
    inspect("foo-bar", "1.0", WHEEL, &good.bytes()).unwrap();
}

#[test]
fn an_ambiguous_zip_is_no_wheel() {
    let bytes = [wheel().bytes(), b"more".to_vec()].concat();
    assert_eq!(
        inspect("foo-bar", "1.0", WHEEL, &bytes).unwrap_err().reason,
        "it is malformed: the zip does not close with an end record without comment"
    );
}

#[test]
fn source_distributions_are_read() {
    let file = "foo_bar-1.0.tar.gz";
    let info = "Metadata-Version: 2.1\nName: Foo.Bar\nVersion: 1.0\n";
    let read = |files: &[(&str, &str)]| inspect("foo-bar", "1.0", file, &tar_gz(files));
    let facts = read(&[("foo_bar-1.0/setup.py", "x"), ("foo_bar-1.0/PKG-INFO", info)]).unwrap();
    assert_eq!(
        facts,
        Facts {
            json: json!({}),
            ..Facts::default()
        }
    );
    let other = read(&[("foo_bar-1.0/PKG-INFO", &info.replace("Foo.Bar", "evil"))]).unwrap_err();
    assert_eq!(other.reason, "its metadata names another project");
    for files in [
        &[("foo_bar-1.0/setup.py", "x")][..],
        &[
            ("PKG-INFO", info),
            ("evil-1.0/PKG-INFO", info),
            ("foo_bar-1.0/foo.egg-info/PKG-INFO", info),
        ],
    ] {
        let missing = read(files).unwrap_err();
        assert_eq!(missing.reason, "it has no PKG-INFO");
        assert_eq!(missing.expected.as_deref(), Some("foo_bar-1.0/PKG-INFO"));
    }
    for bytes in [
        b"not gzip".to_vec(),
        tar_gz(&[("foo_bar-1.0/PKG-INFO", info)])[..40].to_vec(),
    ] {
        let reason = inspect("foo-bar", "1.0", file, &bytes).unwrap_err().reason;
        assert!(reason.starts_with("it is malformed: "), "{reason}");
    }
    let large = " ".repeat((8 << 20) + 1);
    let reason = read(&[("foo_bar-1.0/PKG-INFO", &large)]).unwrap_err().reason;
    assert_eq!(reason, "its PKG-INFO has more than 8388608 bytes");

    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder
        .append_link(&mut header, "foo_bar-1.0/PKG-INFO", "/etc/hostname")
        .unwrap();
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    assert_eq!(
        inspect("foo-bar", "1.0", file, &bytes).unwrap_err().reason,
        "its PKG-INFO is not a file"
    );
}

#[test]
fn zipped_source_distributions_are_read_strictly() {
    let file = "foo_bar-1.0.zip";
    let mut made = wheel();
    made.files = vec![(
        "foo_bar-1.0/PKG-INFO".to_owned(),
        b"Metadata-Version: 1.0\nName: foo-bar\nVersion: 1.0\n".to_vec(),
    )];
    assert!(
        inspect("foo-bar", "1.0", file, &made.bytes())
            .unwrap()
            .derived
            .is_empty()
    );
    made.files[0].0 = "other/PKG-INFO".to_owned();
    assert_eq!(
        inspect("foo-bar", "1.0", file, &made.bytes()).unwrap_err().reason,
        "it is malformed: the zip has no entry `foo_bar-1.0/PKG-INFO`"
    );
    let spoilt = [b"#!".to_vec(), made.bytes()].concat();
    let reason = inspect("foo-bar", "1.0", file, &spoilt).unwrap_err().reason;
    assert_eq!(
        reason,
        "it is malformed: the zip has a directory that does not reach its end record"
    );
}

#[test]
fn the_index_page_adds_its_statements() {
    let bytes = wheel().bytes();
    let artifact = artifact("foo-bar", "1.0", WHEEL, &bytes);
    let page = |digest: Digest| {
        format!(
            r#"{{"meta":{{"api-version":"1.1"}},"name":"foo-bar","files":[{{"filename":"{WHEEL}","url":"x",
            "hashes":{{"sha256":"{}"}},"yanked":"broken","upload-time":"2024-01-02T03:04:05.678901Z"}}]}}"#,
            digest.hex()
        )
    };
    let inspect = |documents: &[_]| pypi().inspect(&artifact, &mut Cursor::new(&bytes), documents);
    let good = document("foo-bar", "simple-json", page(artifact.digest).as_bytes());
    let expected =
        json!({"requires-python": ">=3.8", "yanked": "broken", "upload-time": "2024-01-02T03:04:05.678901Z"});
    assert_eq!(inspect(std::slice::from_ref(&good)).unwrap().json, expected);
    // A page of HTML says less; what the other says stays.
    let html = format!("<a href='{WHEEL}#sha256={}'>x</a>", artifact.digest.hex());
    let html = document("foo-bar", "simple-html", html.as_bytes());
    assert_eq!(inspect(&[html.clone(), good.clone()]).unwrap().json, expected);
    // What the page says of other files, and by digests of other kinds, is not about these bytes.
    let json = |files: &str| {
        let text = format!(r#"{{"meta":{{"api-version":"1.1"}},"name":"foo-bar","files":[{files}]}}"#);
        document("foo-bar", "simple-json", text.as_bytes())
    };
    let zeros = "0".repeat(128);
    let other = format!(
        r#"{{"filename":"foo_bar-0.tar.gz","url":"x","hashes":{{"sha256":"{}"}},"yanked":"no"}}"#,
        &zeros[..64]
    );
    let long = format!(r#"{{"filename":"{WHEEL}","url":"x","hashes":{{"sha512":"{zeros}"}}}}"#);
    let unsaid = json!({"requires-python": ">=3.8"});
    assert_eq!(inspect(&[json(&format!("{other},{long}"))]).unwrap().json, unsaid);
    // Pages of other projects, and pages without this file, say nothing.
    let elsewhere = document("other", "simple-json", b"{");
    assert_eq!(inspect(&[elsewhere]).unwrap().json, json!({"requires-python": ">=3.8"}));
    assert_eq!(inspect(&[html]).unwrap().json, json!({"requires-python": ">=3.8"}));

    let contradiction = inspect(&[document(
        "foo-bar",
        "simple-json",
        page(Digest::of(b"other")).as_bytes(),
    )])
    .unwrap_err();
    assert_eq!(
        contradiction.reason,
        "its index page gives another digest for its file name"
    );
    assert_eq!(
        compared(&contradiction),
        (
            Digest::of(b"other").to_string().as_str(),
            artifact.digest.to_string().as_str()
        )
    );
    let broken = inspect(&[document("foo-bar", "simple-json", b"{")]).unwrap_err();
    assert!(
        broken
            .reason
            .starts_with("its registry document is malformed: the page is not simple-index JSON")
    );
    let unknown = inspect(&[document("foo-bar", "packument", b"{}")]).unwrap_err();
    assert_eq!(unknown.reason, "its registry document is of an unknown kind");
}
