//! The index that clients read.

use std::collections::BTreeMap;
use std::io::Cursor;

use sealift::ecosystem::{Held, Mismatch, PlacedContent, PlacedFile};
use sealift::model::{Digest, Proof, ProofState};
use serde_json::json;

use super::{artifact, fixture, pypi};

/// Holds an artifact as an enclave does after `inspect`.
fn hold(name: &str, version: &str, file: &str, bytes: &[u8]) -> Held {
    let artifact = artifact(name, version, file, bytes);
    let facts = pypi().inspect(&artifact, &mut Cursor::new(bytes), &[]).unwrap();
    let derived = facts.derived.iter();
    Held {
        derived: derived
            .map(|(label, bytes)| (label.clone(), (Digest::of(bytes), bytes.len() as u64)))
            .collect(),
        facts: facts.json,
        size: bytes.len() as u64,
        artifact,
    }
}

fn six() -> Held {
    let file = "six-1.16.0-py2.py3-none-any.whl";
    hold("six", "1.16.0", file, &fixture(file))
}

/// A held source distribution with made-up content.
fn made(name: &str, version: &str, file: &str, facts: serde_json::Value) -> Held {
    Held {
        artifact: artifact(name, version, file, file.as_bytes()),
        size: 7,
        facts,
        derived: BTreeMap::new(),
    }
}

fn page(placed: &[PlacedFile], path: &str) -> String {
    let file = placed.iter().find(|file| file.path.as_str() == path).unwrap();
    let PlacedContent::Bytes(bytes) = &file.content else {
        panic!("{path} is an object")
    };
    String::from_utf8(bytes.clone()).unwrap()
}

fn object(placed: &[PlacedFile], path: &str) -> Digest {
    let file = placed.iter().find(|file| file.path.as_str() == path).unwrap();
    let PlacedContent::Object(digest) = file.content else {
        panic!("{path} is a page")
    };
    digest
}

fn refused(name: &str, held: &[Held]) -> Mismatch {
    pypi().layout(name, held).unwrap_err()
}

#[test]
fn a_project_has_two_pages_and_its_files() {
    let mut held = six();
    let provenance = Digest::of(b"provenance");
    held.artifact.proofs.push(Proof {
        kind: "pypi-attestations".into(),
        state: ProofState::Present,
        objects: vec![provenance],
    });
    let placed = pypi().layout("six", &[held.clone()]).unwrap();
    let paths: Vec<&str> = placed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "simple/six/index.html",
            "simple/six/index.json",
            "files/six-1.16.0-py2.py3-none-any.whl.metadata",
            "files/six-1.16.0-py2.py3-none-any.whl.provenance",
            "files/six-1.16.0-py2.py3-none-any.whl",
        ]
    );
    let metadata = held.derived["metadata"].0;
    assert_eq!(object(&placed, paths[2]), metadata);
    assert_eq!(object(&placed, paths[3]), provenance);
    assert_eq!(object(&placed, paths[4]), held.artifact.digest);

    let reference = "../../files/six-1.16.0-py2.py3-none-any.whl";
    let (wheel, metadata) = (held.artifact.digest.hex(), metadata.hex());
    assert_eq!(
        page(&placed, "simple/six/index.html"),
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"pypi:repository-version\" content=\"1.3\">\n<title>Links for six</title>\n</head>\n<body>\n\
             <h1>Links for six</h1>\n<a href=\"{reference}#sha256={wheel}\" data-core-metadata=\"sha256={metadata}\" \
             data-dist-info-metadata=\"sha256={metadata}\" \
             data-requires-python=\"&gt;=2.7, !=3.0.*, !=3.1.*, !=3.2.*\" \
             data-provenance=\"{reference}.provenance\">six-1.16.0-py2.py3-none-any.whl</a><br>\n</body>\n</html>\n"
        )
    );
    let json: serde_json::Value = serde_json::from_str(&page(&placed, "simple/six/index.json")).unwrap();
    assert_eq!(
        json,
        json!({
            "meta": {"api-version": "1.3"},
            "name": "six",
            "versions": ["1.16.0"],
            "files": [{
                "filename": "six-1.16.0-py2.py3-none-any.whl",
                "url": reference,
                "hashes": {"sha256": wheel},
                "size": 11053,
                "requires-python": ">=2.7, !=3.0.*, !=3.1.*, !=3.2.*",
                "yanked": false,
                "core-metadata": {"sha256": metadata},
                "dist-info-metadata": {"sha256": metadata},
                "provenance": format!("{reference}.provenance"),
            }],
        })
    );
}

#[test]
fn proofs_that_are_not_here_are_not_offered() {
    let mut held = six();
    for state in [ProofState::Absent, ProofState::NotServed, ProofState::NotAsked] {
        held.artifact.proofs = vec![Proof {
            kind: "pypi-attestations".into(),
            state,
            objects: Vec::new(),
        }];
        let placed = pypi().layout("six", &[held.clone()]).unwrap();
        assert_eq!(placed.len(), 4);
        assert!(!page(&placed, "simple/six/index.json").contains("provenance"));
    }
}

#[test]
fn the_order_of_what_is_held_does_not_matter() {
    let held = [
        made("foo", "1.10", "foo-1.10.tar.gz", json!({})),
        made(
            "foo",
            "1.9",
            "foo-1.9.tar.gz",
            json!({"upload-time": "2024-01-02T03:04:05.678901Z"}),
        ),
        made("foo", "1.9.0", "Foo-1.9.0.zip", json!({})),
        made("foo", "2rc1", "foo-2rc1.tar.gz", json!({"yanked": ""})),
        made(
            "foo",
            "2",
            "foo-2.tar.gz",
            json!({"yanked": "a \"bad\" one\n<script>&"}),
        ),
    ];
    let placed = pypi().layout("foo", &held).unwrap();
    let mut turned = held.clone();
    turned.reverse();
    turned.rotate_left(2);
    assert_eq!(pypi().layout("foo", &turned).unwrap(), placed);

    let json: serde_json::Value = serde_json::from_str(&page(&placed, "simple/foo/index.json")).unwrap();
    assert_eq!(json["versions"], json!(["1.9", "1.10", "2rc1", "2"]));
    let column = |key: &str| -> Vec<serde_json::Value> {
        json["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file[key].clone())
            .collect()
    };
    assert_eq!(
        column("filename"),
        [
            "Foo-1.9.0.zip",
            "foo-1.9.tar.gz",
            "foo-1.10.tar.gz",
            "foo-2rc1.tar.gz",
            "foo-2.tar.gz"
        ]
    );
    assert_eq!(
        column("yanked"),
        [
            json!(false),
            json!(false),
            json!(false),
            json!(true),
            json!("a \"bad\" one\n<script>&")
        ]
    );
    assert_eq!(column("upload-time")[1], "2024-01-02T03:04:05.678901Z");
    let html = page(&placed, "simple/foo/index.html");
    assert!(html.contains(" data-yanked=\"\">foo-2rc1.tar.gz</a>"));
    assert!(html.contains(" data-yanked=\"a &quot;bad&quot; one &lt;script&gt;&amp;\">foo-2.tar.gz</a>"));
}

#[test]
fn references_are_encoded() {
    let held = made("foo", "1!2+cu1", "foo-1!2+cu1.tar.gz", json!({}));
    let placed = pypi().layout("foo", &[held]).unwrap();
    assert!(page(&placed, "simple/foo/index.html").contains("href=\"../../files/foo-1%212%2Bcu1.tar.gz#sha256="));
    assert!(
        placed
            .iter()
            .any(|file| file.path.as_str() == "files/foo-1!2+cu1.tar.gz")
    );
}

#[test]
fn a_name_without_artifacts_has_no_files() {
    assert_eq!(pypi().layout("foo", &[]).unwrap(), []);
}

#[test]
fn held_artifacts_are_checked_again() {
    let foo = made("foo", "1", "foo-1.tar.gz", json!({}));
    let other = made("bar", "1", "bar-1.tar.gz", json!({}));
    let mismatch = refused("foo", &[foo.clone(), other]);
    assert_eq!(mismatch.reason, "it belongs to another project");
    assert_eq!(
        refused("foo", &[made("foo", "1", "../foo-1.tar.gz", json!({}))])
            .expected
            .as_deref(),
        Some("name-version.tar.gz or name-version-tags.whl")
    );
    assert_eq!(
        refused("foo", &[made("foo", "2", "foo-1.tar.gz", json!({}))]).reason,
        "its file name names another version"
    );
    assert_eq!(
        refused("con", &[made("con", "1", "con-1.tar.gz", json!({}))]).reason,
        "\"simple/con/index.html\" cannot be a path: a component is a device name of Windows"
    );
    let unknown = refused("foo", &[made("foo", "1", "foo-1.tar.gz", json!({"more": 1}))]);
    assert!(
        unknown
            .reason
            .starts_with("its facts cannot be read: unknown field `more`"),
        "{unknown}"
    );
    let mut wheel = six();
    wheel.derived.clear();
    assert_eq!(refused("six", &[wheel]).reason, "its derived metadata is missing");
    let twice = refused("foo", &[foo.clone(), foo]);
    assert_eq!(twice.reason, "two of its files have names that differ in case at most");
    let cases = [
        made("foo", "1", "foo-1.tar.gz", json!({})),
        made("foo", "1", "Foo-1.tar.gz", json!({})),
    ];
    let cases = refused("foo", &cases);
    assert_eq!(
        (cases.expected.as_deref(), cases.found.as_deref()),
        (Some("Foo-1.tar.gz"), Some("foo-1.tar.gz"))
    );
}
