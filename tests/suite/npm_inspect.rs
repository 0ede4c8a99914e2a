//! What a tarball must hold to be the npm package that it stands for, and what is kept of it.

use std::io::Cursor;

use sealift::ecosystem::npm::Npm;
use sealift::ecosystem::{DocumentContent, Ecosystem as _, Mismatch};
use sealift::model::{Algorithm, Artifact, Claim, Digest, Document, MultiHasher};
use serde_json::{Value, json};

use crate::tgz::{Entry, tgz};

fn artifact(name: &str, version: &str) -> Artifact {
    Artifact {
        ecosystem: "npm".to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        file: "x.tgz".to_owned(),
        digest: Digest::of(b""),
        origin: "cache".to_owned(),
        reason: "test".to_owned(),
        proofs: Vec::new(),
    }
}

fn document(kind: &str, content: impl Into<Vec<u8>>) -> DocumentContent {
    let bytes = content.into();
    DocumentContent {
        document: Document {
            ecosystem: "npm".to_owned(),
            name: "x".to_owned(),
            kind: kind.to_owned(),
            digest: Digest::of(&bytes),
            origin: "https://registry.example.com/x".to_owned(),
        },
        bytes,
    }
}

fn packument(content: Value) -> DocumentContent {
    document("packument", content.to_string())
}

/// The integrity and shasum of a tarball.
fn hashes(tarball: &[u8]) -> (String, String) {
    let mut hasher = MultiHasher::new([Algorithm::Sha1, Algorithm::Sha512]);
    hasher.update(tarball);
    let (_, claims) = hasher.finish();
    let find = |algorithm| claims.iter().find(|claim| claim.algorithm() == algorithm).unwrap();
    (find(Algorithm::Sha512).integrity(), find(Algorithm::Sha1).hex())
}

fn package(json: Value) -> Vec<u8> {
    tgz(&[
        Entry::file("package/index.js", "x"),
        Entry::file("package/package.json", json.to_string()),
    ])
}

fn x(more: Value) -> Vec<u8> {
    let mut package_json = json!({"name": "x", "version": "1.0.0"});
    for (key, value) in more.as_object().unwrap() {
        package_json[key] = value.clone();
    }
    package(package_json)
}

fn inspect(tarball: &[u8], documents: &[DocumentContent]) -> Result<Value, Mismatch> {
    let mut content = Cursor::new(tarball);
    // Whoever read before may have left it anywhere.
    content.set_position(3);
    Npm.inspect(&artifact("x", "1.0.0"), &mut content, documents)
        .map(|facts| {
            assert!(facts.derived.is_empty());
            facts.json
        })
}

#[track_caller]
fn refused(tarball: &[u8], documents: &[DocumentContent], what: &str) -> Mismatch {
    match inspect(tarball, documents) {
        Err(mismatch) => {
            assert!(mismatch.reason.contains(what), "{mismatch:?}");
            mismatch
        }
        Ok(facts) => panic!("{facts}"),
    }
}

#[test]
fn a_published_tarball_has_the_integrity_that_was_attested() {
    let tarball = include_bytes!("../fixtures/npm/tarballs/gundam-visor-1.0.1.tgz");
    let facts = Npm
        .inspect(&artifact("gundam-visor", "1.0.1"), &mut Cursor::new(tarball), &[])
        .unwrap();
    // The subject of its provenance statement.
    let attested = "8d9d7972f676516c75014aa074e11ae604d98f0b64ec6725a61e2838ff3dab16\
                    2118fa71433fb31e1550d30bd0dec9d086ce032b94457b583900c507acf39c40";
    let subject = Claim::from_hex(Algorithm::Sha512, attested).unwrap();
    assert_eq!(facts.json["manifest"]["dist"]["integrity"], subject.integrity());
    assert_eq!(facts.json["manifest"]["license"], "ISC");
    // Handed on, so that whoever judges its proofs need not hash it again.
    assert!(facts.digests.contains(&subject));
}

#[test]
fn without_a_packument_the_tarball_says_all() {
    let tarball = x(json!({
        "description": "d", "bin": "cli.js", "main": "ignored", "scripts": {"test": "x", "postinstall": "y"},
        "dependencies": {"y": "^1"}, "peerDependencies": [], "engines": {"node": 7}, "os": ["linux"], "license": null,
        "dist": {"tarball": "https://elsewhere"}, "hasInstallScript": false,
    }));
    let (integrity, shasum) = hashes(&tarball);
    assert_eq!(
        inspect(&tarball, &[]).unwrap(),
        json!({"manifest": {
            "name": "x", "version": "1.0.0", "description": "d", "bin": {"x": "cli.js"}, "dependencies": {"y": "^1"},
            "os": ["linux"], "hasInstallScript": true, "dist": {"integrity": integrity, "shasum": shasum},
        }})
    );
    // Documents of other kinds, and a packument without the version, change nothing.
    let others = [
        document("registry-keys", "not JSON"),
        packument(json!({"name": "other", "versions": {"2.0.0": {}}})),
    ];
    assert_eq!(inspect(&tarball, &others), inspect(&tarball, &[]));
}

#[test]
fn the_packument_is_kept_as_far_as_it_is_known() {
    let tarball = x(json!({"dependencies": {"y": "^1", "o": "1"}, "optionalDependencies": {"o": "1"}}));
    let (integrity, shasum) = hashes(&tarball);
    let object = json!({
        "name": "x", "version": "1.0.0", "deprecated": "use y", "dependencies": {"y": "^1"}, "optionalDependencies": {"o": "1"},
        "peerDependencies": {"z": "2"}, "_npmUser": {"name": "somebody"}, "scripts": {"x": "y"}, "hasInstallScript": true,
        "dist": {
            "integrity": integrity, "shasum": shasum.to_uppercase(), "tarball": "https://elsewhere.example.com/x.tgz",
            "signatures": [{"keyid": "k", "sig": "s"}], "fileCount": 2, "unpackedSize": 9, "other": 1,
        },
    });
    let document = packument(json!({
        "name": "x", "dist-tags": {"latest": "2.0.0", "old": "1.0.0", "lts": "1.0.0", "next": "3.0.0"},
        "versions": {"2.0.0": {}, "1.0.0": object},
        "time": {"created": "2020-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z", "1.0.0": "2020-01-01T00:00:01.000Z"},
    }));
    assert_eq!(
        inspect(&tarball, &[document]).unwrap(),
        json!({
            "manifest": {
                "name": "x", "version": "1.0.0", "deprecated": "use y", "dependencies": {"y": "^1"},
                "optionalDependencies": {"o": "1"}, "peerDependencies": {"z": "2"}, "hasInstallScript": true,
                "dist": {
                    "integrity": integrity, "shasum": shasum, "signatures": [{"keyid": "k", "sig": "s"}],
                    "fileCount": 2, "unpackedSize": 9,
                },
            },
            "published": "2020-01-01T00:00:01.000Z", "created": "2020-01-01T00:00:00.000Z",
            "modified": "2024-01-01T00:00:00.000Z", "latest": "2.0.0", "tags": ["lts", "old"],
            "differs": ["peerDependencies"],
        })
    );
    // The newest is told apart, and is no tag of its own.
    let newest = packument(json!({"dist-tags": {"latest": "1.0.0", "lts": "1.0.0"}, "versions": {"1.0.0": {}}}));
    let facts = inspect(&tarball, &[newest]).unwrap();
    assert_eq!((&facts["latest"], &facts["tags"]), (&json!("1.0.0"), &json!(["lts"])));
    // What is not a time is not served as one.
    let odd = packument(json!({
        "versions": {"1.0.0": {}}, "time": {"1.0.0": "yesterday", "unpublished": {"by": "x"}}, "modified": "2024-01-01T00:00:00Z",
    }));
    let facts = inspect(&tarball, &[odd]).unwrap();
    assert_eq!(facts.get("published"), None);
    assert_eq!(facts["modified"], "2024-01-01T00:00:00Z");
}

#[test]
fn the_tarball_decides_what_runs_on_installation() {
    let silent = || packument(json!({"versions": {"1.0.0": {"hasInstallScript": false}}}));
    let runs = |tarball: &[u8]| {
        inspect(tarball, &[silent()]).unwrap()["manifest"]
            .get("hasInstallScript")
            .cloned()
    };
    for script in ["preinstall", "install", "postinstall"] {
        assert_eq!(runs(&x(json!({"scripts": {script: "x"}}))), Some(Value::Bool(true)));
        assert_eq!(runs(&x(json!({"scripts": {script: ""}}))), None);
    }
    assert_eq!(runs(&x(json!({"scripts": {"test": "x"}}))), None);
    let with =
        |file: &str, json: Value| tgz(&[Entry::file(file, "{}"), Entry::file("p/package.json", json.to_string())]);
    let plain = || json!({"name": "x", "version": "1.0.0"});
    assert_eq!(runs(&with("p/binding.gyp", plain())), Some(Value::Bool(true)));
    assert_eq!(runs(&with("p/sub/binding.gyp", plain())), None);
    let without_build = json!({"name": "x", "version": "1.0.0", "gypfile": false});
    assert_eq!(runs(&with("p/binding.gyp", without_build)), None);

    let wrapped = inspect(&with("p/npm-shrinkwrap.json", plain()), &[silent()]).unwrap();
    assert_eq!(wrapped["manifest"]["_hasShrinkwrap"], true);
    let claimed = packument(json!({"versions": {"1.0.0": {"_hasShrinkwrap": true}}}));
    assert_eq!(
        inspect(&x(json!({})), &[claimed]).unwrap()["manifest"].get("_hasShrinkwrap"),
        None
    );
}

#[test]
fn another_package_or_version_is_refused() {
    let mismatch = refused(&package(json!({"name": "y", "version": "1.0.0"})), &[], "another name");
    assert_eq!(
        (mismatch.expected.as_deref(), mismatch.found.as_deref()),
        (Some("x"), Some("y"))
    );
    let mismatch = refused(
        &package(json!({"name": "x", "version": "1.0.1"})),
        &[],
        "another version",
    );
    assert_eq!(
        (mismatch.expected.as_deref(), mismatch.found.as_deref()),
        (Some("1.0.0"), Some("1.0.1"))
    );
    for wrong in [
        json!({"name": "X", "version": "1.0.0"}),
        json!({"name": "@s/x", "version": "1.0.0"}),
        json!({"version": "1.0.0"}),
        json!({"name": ["x"], "version": "1.0.0"}),
    ] {
        refused(&package(wrong), &[], "another name");
    }
    for wrong in ["", "1", "1.0.0-rc", "https://x"] {
        refused(&package(json!({"name": "x", "version": wrong})), &[], "another version");
    }
    // The registry trims, and drops build metadata.
    for right in ["1.0.0", " v1.0.0 ", "=1.0.0", "1.0.0+build"] {
        inspect(&package(json!({"name": " x ", "version": right})), &[]).unwrap();
    }
    let build = artifact("x", "1.0.0+build");
    let same = package(json!({"name": "x", "version": "1.0.0+build"}));
    assert!(Npm.inspect(&build, &mut Cursor::new(same), &[]).is_ok());
    let other = package(json!({"name": "x", "version": "1.0.0+other"}));
    assert!(Npm.inspect(&build, &mut Cursor::new(other), &[]).is_err());
}

#[test]
fn a_tarball_with_no_one_package_json_is_refused() {
    let good = json!({"name": "x", "version": "1.0.0"}).to_string();
    let entry = |path: &str| Entry::file(path, &good);
    for path in [
        "x-1.0.0/package.json",
        "./package.json",
        "/package.json",
        "package//package.json",
        "a/./package.json",
    ] {
        inspect(&tgz(&[entry(path)]), &[]).unwrap();
    }
    for path in [
        "package.json",
        "package/sub/package.json",
        "package/package.json5",
        "package/../package.json",
    ] {
        refused(&tgz(&[entry(path)]), &[], "holds no package.json");
    }
    refused(&tgz(&[entry("package/PACKAGE.json")]), &[], "holds no package.json");
    refused(&tgz(&[]), &[], "holds no package.json");
    for second in [
        "other/package.json",
        "package/./package.json",
        "package/Package.JSON",
        "package/package.j\u{17f}on",
        "p\\package.json",
    ] {
        refused(&tgz(&[entry("package/package.json"), entry(second)]), &[], "besides");
    }
    refused(
        &tgz(&[Entry::of_kind(b'2', "package/package.json", "")]),
        &[],
        "is not a plain file",
    );
    refused(&tgz(&[Entry::file("p/package.json", "{")]), &[], "p/package.json: EOF");
    refused(
        &tgz(&[Entry::file("p/package.json", "[]")]),
        &[],
        "p/package.json: invalid type",
    );
    refused(b"not a tarball", &[], "the archive is malformed");
    refused(
        &tgz(&[Entry::file("p/package.json", vec![b' '; 5 << 20])]),
        &[],
        "bytes in one member",
    );
    // npm drops a byte order mark.
    inspect(&tgz(&[Entry::file("p/package.json", format!("\u{feff}{good}"))]), &[]).unwrap();
}

#[test]
fn a_packument_of_other_bytes_is_refused() {
    let tarball = x(json!({}));
    let (integrity, shasum) = hashes(&tarball);
    let (other_integrity, other_shasum) = hashes(b"other bytes");
    let dist = |dist: Value| packument(json!({"name": "x", "versions": {"1.0.0": {"dist": dist}}}));
    let mismatch = refused(
        &tarball,
        &[dist(json!({"integrity": other_integrity, "shasum": shasum}))],
        "integrity of other",
    );
    assert_eq!(mismatch.found, Some(integrity.clone()));
    refused(
        &tarball,
        &[dist(json!({"integrity": format!("{integrity} {other_integrity}")}))],
        "integrity of other",
    );
    // Each algorithm counts, the weak one too.
    let weak = Claim::from_hex(Algorithm::Sha1, &other_shasum).unwrap().integrity();
    refused(
        &tarball,
        &[dist(json!({"integrity": format!("{integrity} {weak}")}))],
        "integrity of other",
    );
    refused(
        &tarball,
        &[dist(json!({"integrity": integrity, "shasum": other_shasum}))],
        "shasum of other",
    );
    refused(&tarball, &[dist(json!({"shasum": ""}))], "shasum of other");
    for right in [
        json!({}),
        json!({"integrity": "sha384-x"}),
        json!({"shasum": shasum}),
        json!(null),
    ] {
        inspect(&tarball, &[dist(right)]).unwrap();
    }
}

#[test]
fn a_packument_about_something_else_is_refused() {
    let tarball = x(json!({}));
    refused(
        &tarball,
        &[packument(json!({"name": "y", "versions": {"1.0.0": {}}}))],
        "packument is another package's",
    );
    let object = |object: Value| packument(json!({"name": "x", "versions": {"1.0.0": object}}));
    refused(&tarball, &[object(json!({"name": "y"}))], "packument has another name");
    refused(
        &tarball,
        &[object(json!({"version": "1.0.1"}))],
        "packument has another version",
    );
    refused(&tarball, &[object(json!([]))], "packument cannot be read");
    refused(&tarball, &[document("packument", "{")], "packument cannot be read");
    refused(
        &tarball,
        &[document("packument", r#"{"versions":{"1.0.0":{},"1.0.0":{}}}"#)],
        "stands twice",
    );
    refused(
        &tarball,
        &[object(json!({"description": "x".repeat(3 << 20)}))],
        "version object is too large",
    );
}
