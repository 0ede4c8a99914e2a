//! Crates: from an artifact to the files that Cargo reads.

#![expect(clippy::unwrap_used, reason = "a test that panics fails, and says where")]

use std::collections::BTreeMap;
use std::io::Cursor;

use sealift::ecosystem::cargo::Cargo;
use sealift::ecosystem::{DocumentContent, Ecosystem, Facts, Files, Held, Mismatch, PlacedContent, SelectionError};
use sealift::model::{Artifact, Digest, Document};
use serde_json::{Value, json};

use crate::tgz::{Entry, tgz};

pub(crate) const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(crate) fn crate_with(name: &str, version: &str, manifest: &str) -> Vec<u8> {
    tgz(&[
        Entry::file(&format!("{name}-{version}/src/lib.rs"), ""),
        Entry::file(&format!("{name}-{version}/Cargo.toml"), manifest),
    ])
}

pub(crate) fn plain_crate(name: &str, version: &str) -> Vec<u8> {
    crate_with(
        name,
        version,
        &format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\n"),
    )
}

pub(crate) fn artifact(name: &str, version: &str, bytes: &[u8]) -> Artifact {
    Artifact {
        ecosystem: "cargo".to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        file: format!("{name}-{version}.crate"),
        digest: Digest::of(bytes),
        origin: "cache".to_owned(),
        reason: "Cargo.lock".to_owned(),
        proofs: Vec::new(),
    }
}

pub(crate) fn inspect(artifact: &Artifact, bytes: &[u8], documents: &[DocumentContent]) -> Result<Facts, Mismatch> {
    Cargo.inspect(artifact, &mut Cursor::new(bytes), documents)
}

fn index_lines(name: &str, bytes: &[u8]) -> DocumentContent {
    DocumentContent {
        document: Document {
            ecosystem: "cargo".to_owned(),
            name: name.to_owned(),
            kind: "index-lines".to_owned(),
            digest: Digest::of(bytes),
            origin: "https://index.example.com/fo/o-/foo-dep".to_owned(),
        },
        bytes: bytes.to_vec(),
    }
}

pub(crate) fn line(facts: &Facts) -> Value {
    serde_json::from_str(facts.json["line"].as_str().unwrap()).unwrap()
}

fn held(artifact: Artifact, facts: Facts) -> Held {
    Held {
        artifact,
        size: 1,
        facts: facts.json,
        derived: BTreeMap::new(),
    }
}

fn held_plain(name: &str, version: &str) -> Held {
    let bytes = plain_crate(name, version);
    let artifact = artifact(name, version, &bytes);
    let facts = inspect(&artifact, &bytes, &[]).unwrap();
    held(artifact, facts)
}

const MANIFEST: &str = r#"
[package]
name = "foo-dep"
version = "1.2.3"
links = "foo"
rust-version = "1.70"

[features]
default = ["std"]
std = ["serde?/std"]
plain = []
hidden = ["dep:other"]

[dependencies]
old = ">= 0.4, < 0.6"

[dependencies.serde]
version = "1.0"
optional = true
default-features = false
features = ["derive"]

[dependencies.other]
version = "=2.0.0-rc.1"
optional = true
package = "real-other"

[dev-dependencies.tester]
version = "0.3"

[build-dependencies.cc]
version = "1"
default_features = false

[target."cfg(windows)".dependencies.win]
version = "0.*"
"#;

#[test]
fn a_line_is_derived_from_the_manifest() {
    let bytes = crate_with("foo-dep", "1.2.3", MANIFEST);
    let artifact = artifact("foo-dep", "1.2.3", &bytes);
    let facts = inspect(&artifact, &bytes, &[]).unwrap();
    assert_eq!(facts.json["from"], "manifest");
    let dependency = |name: &str, req: &str, kind: &str| {
        json!({"name": name, "req": req, "features": [], "optional": false, "default_features": true,
            "target": null, "kind": kind})
    };
    let mut serde = dependency("serde", "^1.0", "normal");
    serde["optional"] = json!(true);
    serde["default_features"] = json!(false);
    serde["features"] = json!(["derive"]);
    let mut other = dependency("other", "=2.0.0-rc.1", "normal");
    other["optional"] = json!(true);
    other["package"] = json!("real-other");
    let mut cc = dependency("cc", "^1", "build");
    cc["default_features"] = json!(false);
    let mut win = dependency("win", "0.*", "normal");
    win["target"] = json!("cfg(windows)");
    assert_eq!(
        line(&facts),
        json!({
            "name": "foo-dep", "vers": "1.2.3", "cksum": artifact.digest.hex(), "yanked": false,
            "deps": [cc, dependency("old", ">=0.4, <0.6", "normal"), other, serde,
                dependency("tester", "^0.3", "dev"), win],
            "features": {"plain": []},
            // `default` enables a feature that old Cargos cannot read, so it stands with them.
            "features2": {"default": ["std"], "hidden": ["dep:other"], "std": ["serde?/std"]},
            "v": 2, "links": "foo", "rust_version": "1.70",
        })
    );
}

#[test]
fn crates_outside_the_default_registry_say_where_their_dependencies_are() {
    let manifest = "[package]\nname = \"foo\"\nversion = \"1.0.0\"\n[dependencies.a]\nversion = \"1\"\n\
        [dependencies.b]\nversion = \"1\"\nregistry-index = \"sparse+https://registry.example.com/\"\n";
    let bytes = crate_with("foo", "1.0.0", manifest);
    let line = line(&inspect(&artifact("foo", "1.0.0", &bytes), &bytes, &[]).unwrap());
    assert_eq!(line["deps"][0]["registry"], CRATES_IO.trim_start_matches("registry+"));
    assert_eq!(line["deps"][1]["registry"], "sparse+https://registry.example.com/");
}

#[test]
fn the_registrys_line_is_kept_as_it_came() {
    let bytes = crate_with("foo-dep", "1.2.3", MANIFEST);
    let artifact = artifact("foo-dep", "1.2.3", &bytes);
    let mut real = line(&inspect(&artifact, &bytes, &[]).unwrap());
    // Harmless differences: order, spaces, spelling of a requirement, development dependencies, what a crate cannot know.
    real["deps"].as_array_mut().unwrap().reverse();
    real["deps"][1] = json!({"name": "another", "req": "^9", "features": [], "optional": false,
        "default_features": true, "target": null, "kind": "dev"});
    real["deps"][0]["target"] = json!("cfg( windows )");
    real["deps"][0]["req"] = json!("^0");
    real["features2"]["std"] = json!(["serde?/std"]);
    real["yanked"] = json!(true);
    real["pubtime"] = json!("2026-01-01T00:00:00Z");
    let text = serde_json::to_string_pretty(&real).unwrap().replace('\n', " ");
    let mut other_version = real.clone();
    other_version["vers"] = json!("1.2.4");
    let page = format!("{other_version}\nnot json\n{text}\n");
    let facts = inspect(&artifact, &bytes, &[index_lines("foo-dep", page.as_bytes())]).unwrap();
    assert_eq!(facts.json["from"], "registry");
    assert_eq!(facts.json["line"], Value::from(text));
    let stated = Cargo.stated(&facts.json);
    assert_eq!(stated.published.unwrap().to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(stated.licence, None);
}

#[test]
fn a_crate_states_its_licence_in_its_manifest() {
    let licence = |line: &str| {
        let manifest = format!("[package]\nname = \"foo\"\nversion = \"1.0.0\"\n{line}\n");
        let bytes = crate_with("foo", "1.0.0", &manifest);
        let facts = inspect(&artifact("foo", "1.0.0", &bytes), &bytes, &[]).unwrap();
        let stated = Cargo.stated(&facts.json);
        // No crate holds the time at which it was published.
        assert_eq!(stated.published, None);
        stated.licence
    };
    assert_eq!(
        licence("license = \"MIT/Apache-2.0\"").as_deref(),
        Some("MIT/Apache-2.0")
    );
    for nothing in [
        "",
        "license-file = \"LICENSE\"",
        "license = 1",
        "license = { workspace = true }",
        &format!("license = \"{}\"", "x".repeat(5000)),
    ] {
        assert_eq!(licence(nothing), None, "{nothing}");
    }
}

#[test]
fn a_line_that_contradicts_the_crate_is_not_served() {
    let bytes = crate_with("foo-dep", "1.2.3", MANIFEST);
    let artifact = artifact("foo-dep", "1.2.3", &bytes);
    let honest = line(&inspect(&artifact, &bytes, &[]).unwrap());
    let evil = json!({"name": "evil", "req": "*", "features": [], "optional": false, "default_features": true,
        "target": null, "kind": "normal"});
    type Change = fn(&mut Value, &Value);
    let changes: [(&str, Change); 11] = [
        ("another dependency", |line, evil| {
            line["deps"].as_array_mut().unwrap().push(evil.clone());
        }),
        ("a dependency less", |line, _| {
            line["deps"].as_array_mut().unwrap().remove(0);
        }),
        ("the last dependency less", |line, _| {
            line["deps"].as_array_mut().unwrap().pop();
        }),
        ("another requirement", |line, _| line["deps"][0]["req"] = json!("^2")),
        ("another crate under the name", |line, _| {
            line["deps"][0]["package"] = json!("evil");
        }),
        ("another registry", |line, _| {
            line["deps"][0]["registry"] = json!("https://index.example.com/git");
        }),
        ("another feature", |line, _| line["features"]["plain"] = json!(["std"])),
        ("another target", |line, _| {
            line["deps"][0]["target"] = json!("cfg(any())")
        }),
        ("a binary", |line, _| line["deps"][0]["artifact"] = json!(["bin"])),
        ("a version that Cargo passes over", |line, _| line["v"] = json!(3)),
        ("another library", |line, _| line["links"] = json!("bar")),
    ];
    for (what, change) in changes {
        let mut lying = honest.clone();
        change(&mut lying, &evil);
        lying["yanked"] = json!(true);
        lying["pubtime"] = json!("2026-01-01T00:00:00Z");
        let page = index_lines("foo-dep", lying.to_string().as_bytes());
        let facts = inspect(&artifact, &bytes, &[page]).unwrap();
        assert_eq!(facts.json["from"], "manifest-against-registry", "{what}");
        let mut expected = honest.clone();
        expected["yanked"] = json!(true);
        expected["pubtime"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(line(&facts), expected, "{what}");
    }
}

#[test]
fn lines_of_other_registries_fit_their_manifests() {
    let manifest = "[package]\nname = \"foo\"\nversion = \"1.0.0\"\n[dependencies.a]\nversion = \"1\"\n";
    let corp = "registry-index = \"sparse+https://registry.example.com/\"\n";
    let default = CRATES_IO.trim_start_matches("registry+");
    for (manifest, registry, from) in [
        (manifest.to_owned(), None, "registry"),
        (manifest.to_owned(), Some(default), "registry"),
        (
            manifest.to_owned(),
            Some("https://other.example.com/git"),
            "manifest-against-registry",
        ),
        (format!("{manifest}{corp}"), None, "registry"),
        (
            format!("{manifest}{corp}"),
            Some("sparse+https://registry.example.com/"),
            "registry",
        ),
        (format!("{manifest}{corp}"), Some(default), "manifest-against-registry"),
    ] {
        let bytes = crate_with("foo", "1.0.0", &manifest);
        let artifact = artifact("foo", "1.0.0", &bytes);
        let mut real = line(&inspect(&artifact, &bytes, &[]).unwrap());
        real["deps"][0]["registry"] = json!(registry);
        let page = index_lines("foo", real.to_string().as_bytes());
        let facts = inspect(&artifact, &bytes, &[page]).unwrap();
        assert_eq!(facts.json["from"], from, "{manifest} {registry:?}");
    }
}

#[test]
fn lines_about_something_else_do_not_count() {
    let bytes = plain_crate("foo", "1.0.0");
    let artifact = artifact("foo", "1.0.0", &bytes);
    let honest = line(&inspect(&artifact, &bytes, &[]).unwrap());
    for (key, value) in [
        ("name", json!("Foo")),
        ("vers", json!("1.0.1")),
        ("cksum", json!(Digest::of(b"other").hex())),
        ("deps", json!("none")),
    ] {
        let mut other = honest.clone();
        other[key] = value;
        // The checksum stands somewhere in the line all the same.
        other["note"] = json!(artifact.digest.hex());
        let page = index_lines("foo", other.to_string().as_bytes());
        assert_eq!(
            inspect(&artifact, &bytes, &[page]).unwrap().json["from"],
            "manifest",
            "{key}"
        );
    }
    let mut page = index_lines("foo", honest.to_string().as_bytes());
    assert_eq!(
        inspect(&artifact, &bytes, &[page.clone()]).unwrap().json["from"],
        "registry"
    );
    let long = honest
        .to_string()
        .replacen('{', &format!("{{{}", " ".repeat(4 << 20)), 1);
    let long = index_lines("foo", long.as_bytes());
    assert_eq!(inspect(&artifact, &bytes, &[long]).unwrap().json["from"], "manifest");
    page.document.kind = "other".to_owned();
    assert_eq!(
        inspect(&artifact, &bytes, &[page.clone()]).unwrap().json["from"],
        "manifest"
    );
    page.document.kind = "index-lines".to_owned();
    page.document.name = "bar".to_owned();
    assert_eq!(inspect(&artifact, &bytes, &[page]).unwrap().json["from"], "manifest");
}

#[test]
fn content_that_is_not_what_the_name_says_is_refused() {
    let package = "[package]\nname = \"foo\"\nversion = \"1.0.0\"\n";
    let inside = |folder: &str, manifest: &str| tgz(&[Entry::file(&format!("{folder}/Cargo.toml"), manifest)]);
    for (bytes, words) in [
        (b"not an archive".to_vec(), "its archive cannot be read"),
        (Vec::new(), "its archive cannot be read"),
        (tgz(&[]), "has no `foo-1.0.0/Cargo.toml`"),
        (inside("foo-1.0.1", package), "has no `foo-1.0.0/Cargo.toml`"),
        (inside("./foo-1.0.0", package), "has no `foo-1.0.0/Cargo.toml`"),
        (
            tgz(&[Entry::of_kind(b'2', "foo-1.0.0/Cargo.toml", "")]),
            "its archive cannot be read",
        ),
        (inside("foo-1.0.0", &package.replace("foo", "bar")), "has another name"),
        (inside("foo-1.0.0", &package.replace("foo", "Foo")), "has another name"),
        (
            inside("foo-1.0.0", &package.replace("1.0.0", "1.0.1")),
            "has another version",
        ),
        (inside("foo-1.0.0", "[package"), "its Cargo.toml cannot be read: line 1"),
        (inside("foo-1.0.0", "[features]\n"), "its Cargo.toml cannot be read"),
        (
            inside("foo-1.0.0", &format!("{package}[dependencies]\na = \"one\"\n")),
            "asks for `one`",
        ),
        (
            inside(
                "foo-1.0.0",
                &format!("{package}[target.\"cfg(unix)\".dependencies]\na = \"one\"\n"),
            ),
            "asks for `one`",
        ),
        (
            inside(
                "foo-1.0.0",
                &format!("{package}[dependencies]\na = {{ version = \"1\", artifact = \"bin\" }}\n"),
            ),
            "on a binary",
        ),
        (
            tgz(&[Entry::file("foo-1.0.0/Cargo.toml", b"name = \"\xff\"")]),
            "is not UTF-8",
        ),
    ] {
        let mismatch = inspect(&artifact("foo", "1.0.0", &bytes), &bytes, &[]).unwrap_err();
        assert!(mismatch.reason.contains(words), "{words}: {mismatch}");
    }
    let bytes = plain_crate("foo", "1.0.0");
    let mut misnamed = artifact("foo", "1.0.0", &bytes);
    for file in [
        "foo-1.0.1.crate",
        "foo-1.0.0.tgz",
        "../foo-1.0.0.crate",
        "Foo-1.0.0.crate",
    ] {
        misnamed.file = file.to_owned();
        let mismatch = inspect(&misnamed, &bytes, &[]).unwrap_err();
        assert_eq!(mismatch.expected.as_deref(), Some("foo-1.0.0.crate"), "{file}");
    }
}

#[test]
fn a_local_registry_is_laid_out() {
    let versions = ["1.10.0", "1.2.0", "1.2.0-rc.1", "1.2.0+build"];
    let all: Vec<Held> = versions.iter().map(|version| held_plain("Foo-dep", version)).collect();
    let placed = Cargo.layout("Foo-dep", &all).unwrap();
    let mut reversed = all.clone();
    reversed.reverse();
    assert_eq!(
        Cargo.layout("Foo-dep", &reversed).unwrap(),
        placed,
        "the order of what is held does not matter"
    );
    let paths: Vec<_> = placed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "Foo-dep-1.10.0.crate",
            "Foo-dep-1.2.0+build.crate",
            "Foo-dep-1.2.0-rc.1.crate",
            "Foo-dep-1.2.0.crate",
            "index/fo/o-/foo-dep",
        ]
    );
    assert_eq!(placed[0].content, PlacedContent::Object(all[0].artifact.digest));
    let PlacedContent::Bytes(index) = &placed[4].content else {
        panic!("the index is a page");
    };
    let order: Vec<_> = std::str::from_utf8(index)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["vers"].clone())
        .collect();
    assert_eq!(order, ["1.2.0-rc.1", "1.2.0", "1.2.0+build", "1.10.0"]);
    assert!(Cargo.layout("foo", &[]).unwrap().is_empty());
}

#[test]
fn layouts_that_cannot_be_right_are_refused() {
    let good = held_plain("foo", "1.0.0");
    let refused = |held: &[Held]| Cargo.layout("foo", held).unwrap_err().reason;
    assert!(refused(&[good.clone(), good.clone()]).contains("two artifacts are version 1.0.0"));
    assert!(refused(&[held_plain("Foo", "1.0.0")]).contains("two names"));
    let change = |change: fn(&mut Held)| {
        let mut held = good.clone();
        change(&mut held);
        refused(&[held])
    };
    assert!(change(|held| held.artifact.file = "x/../foo-1.0.0.crate".to_owned()).contains("file's name"));
    assert!(change(|held| held.facts = Value::Null).contains("no index line"));
    assert!(change(|held| held.facts = json!({"line": "{}"})).contains("no index line"));
    assert!(change(|held| held.artifact.digest = Digest::of(b"other")).contains("something else"));
    let two_lines = |held: &mut Held| {
        let line = held.facts["line"].as_str().unwrap().replace(',', ",\n");
        held.facts = json!({ "line": line });
    };
    assert!(change(two_lines).contains("no index line"));
    let other_name = |held: &mut Held| {
        let line = held.facts["line"].as_str().unwrap().replace("\"foo\"", "\"bar\"");
        held.facts = json!({ "line": line });
    };
    assert!(change(other_name).contains("something else"));
    let version_alone = |held: &mut Held| {
        let line = held.facts["line"].as_str().unwrap().replace("1.0.0", "1.0.1");
        held.facts = json!({ "line": line });
    };
    assert!(change(version_alone).contains("something else"));
    let other_version = |held: &mut Held| held.facts = held_plain("foo", "1.0.1").facts;
    assert!(change(other_version).contains("something else"));
    for name in ["", "../x", "a/b", "é", "1a"] {
        assert!(Cargo.layout(name, &[]).is_err(), "{name}");
    }
    // A device name of Windows cannot be an index file.
    assert!(Cargo.layout("nul", &[held_plain("nul", "1.0.0")]).is_err());
}

#[test]
fn alike_names_share_a_collision_key() {
    assert_eq!(Cargo.collision_key("foo-bar"), Cargo.collision_key("Foo_bar"));
    assert_ne!(Cargo.collision_key("foo-bar"), Cargo.collision_key("foobar"));
}

#[test]
fn the_projects_own_lockfile_is_read() {
    let text = include_str!("../../Cargo.lock");
    assert!(Cargo.is_lockfile("Cargo.lock") && !Cargo.is_lockfile("Cargo.toml"));
    let selection = Cargo.read_lockfile("Cargo.lock", text, &NoFiles).unwrap();
    assert_eq!(selection.wanted.len(), text.matches("\nchecksum = ").count());
    assert_eq!(
        selection.left_out.len(),
        1,
        "the project itself: {:?}",
        selection.left_out
    );
    for wanted in &selection.wanted {
        assert_eq!(wanted.registry.as_deref(), Some(CRATES_IO));
        let read = Cargo.recognise(wanted.file.as_deref().unwrap()).unwrap();
        assert_eq!((read.name, read.version), (wanted.name.clone(), wanted.version.clone()));
    }
}

/// No files beside the lockfile.
struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, SelectionError> {
        Err(SelectionError::Unreadable {
            path: path.to_owned(),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }
}

proptest::proptest! {
    #[test]
    fn file_names_are_read_as_they_are_made(name in "[A-Za-z][A-Za-z0-9_-]{0,63}", numbers in "[1-9]\\.0\\.[1-9]{1,3}",
        tail in "(-[a-z][a-z0-9.-]{0,8}[a-z])?(\\+[a-z0-9-]{1,8})?") {
        let version = format!("{numbers}{tail}");
        proptest::prop_assume!(!version.contains(".."));
        let read = Cargo.recognise(&format!("{name}-{version}.crate"));
        // `a.00` and the like are no versions.
        if let Some(read) = read {
            proptest::prop_assert_eq!(read.name, name);
            proptest::prop_assert_eq!(read.version, version);
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,200}", bytes in proptest::collection::vec(0u8.., 0..200)) {
        let _ = Cargo.recognise(&text);
        let _ = Cargo.read_lockfile("Cargo.lock", &text, &NoFiles);
        let _ = Cargo.layout(&text, &[held_plain("foo", "1.0.0")]);
        let _ = sealift::ecosystem::files::checksums::read(&text);
        let crate_bytes = crate_with("foo", "1.0.0", &text);
        let _ = inspect(&artifact("foo", "1.0.0", &crate_bytes), &crate_bytes, &[]);
        let whole = plain_crate("foo", "1.0.0");
        let whole_artifact = artifact("foo", "1.0.0", &whole);
        let facts = inspect(&whole_artifact, &whole, &[index_lines("foo", &bytes)]).unwrap();
        proptest::prop_assert_eq!(facts.json["from"].as_str(), Some("manifest"));
    }

    #[test]
    fn a_changed_byte_never_makes_another_crate(at in 0usize..400, flip in 1u8..) {
        let mut bytes = crate_with("foo-dep", "1.2.3", MANIFEST);
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(facts) = inspect(&artifact("foo-dep", "1.2.3", &bytes), &bytes, &[]) {
            let line = line(&facts);
            proptest::prop_assert_eq!(&line["name"], "foo-dep");
            proptest::prop_assert_eq!(&line["cksum"], &Value::from(Digest::of(&bytes).hex()));
        }
    }
}
