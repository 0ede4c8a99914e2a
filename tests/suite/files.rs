//! Plain files: the sets' names and what is placed for them.

use std::collections::BTreeMap;

use sealift::ecosystem::files::PlainFiles;
use sealift::ecosystem::{Ecosystem, Facts, Held, PlacedContent};
use sealift::model::{Artifact, Digest, Proof, ProofState};
use serde_json::Value;

fn artifact(name: &str, version: &str, file: &str) -> Artifact {
    Artifact {
        ecosystem: "files".to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        file: file.to_owned(),
        digest: Digest::of(file.as_bytes()),
        origin: "folder".to_owned(),
        reason: "selection".to_owned(),
        proofs: Vec::new(),
    }
}

fn held(name: &str, version: &str, file: &str) -> Held {
    Held {
        artifact: artifact(name, version, file),
        size: 1,
        facts: Value::Null,
        derived: BTreeMap::new(),
    }
}

#[test]
fn each_version_has_its_files_and_their_list() {
    let all = [
        held("tools", "2", "b.tar.gz"),
        held("tools", "1", "x64/Setup.exe"),
        held("tools", "2", "a.txt"),
    ];
    let placed = PlainFiles.layout("tools", &all).unwrap();
    let paths: Vec<_> = placed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "tools/1/SHA256SUMS",
            "tools/1/x64/Setup.exe",
            "tools/2/SHA256SUMS",
            "tools/2/a.txt",
            "tools/2/b.tar.gz",
        ]
    );
    let expected = format!(
        "{}  a.txt\n{}  b.tar.gz\n",
        Digest::of(b"a.txt").hex(),
        Digest::of(b"b.tar.gz").hex()
    );
    assert_eq!(placed[2].content, PlacedContent::Bytes(expected.into_bytes()));
    assert_eq!(placed[3].content, PlacedContent::Object(Digest::of(b"a.txt")));
}

#[test]
fn proofs_stand_beside_their_file_and_never_in_another_s_place() {
    let digest = |text: &str| Digest::of(text.as_bytes());
    let with = |file: &str, proofs: &[(&str, &[&str])]| {
        let mut held = held("s", "1", file);
        let proof = |(kind, objects): &(&str, &[&str])| Proof {
            kind: (*kind).to_owned(),
            state: ProofState::Present,
            objects: objects.iter().map(|object| digest(object)).collect(),
        };
        held.artifact.proofs = proofs.iter().map(proof).collect();
        held
    };
    let all = [
        with(
            "d/a",
            &[
                ("cms", &["c"]),
                // Within the file itself, and of a kind that nobody puts beside files.
                ("jar-signature", &["d/a"]),
                ("openpgp", &["p", "q"]),
                ("signed-checksums", &["list", "one", "two"]),
                ("unknown", &["u"]),
            ],
        ),
        with("b", &[("minisign", &["m"]), ("sigstore", &["s"])]),
        // Files of the set keep their names, in whatever case.
        with("B.MINISIG", &[]),
        with("b.sigstore.json/x", &[("openpgp", &["b.sigstore.json/x"])]),
    ];
    let placed = PlainFiles.layout("s", &all).unwrap();
    let found: Vec<_> = placed.iter().map(|file| (file.path.as_str(), &file.content)).collect();
    let object = |path: &'static str, text: &str| (path, PlacedContent::Object(digest(text)));
    let expected = [
        object("s/1/B.MINISIG", "B.MINISIG"),
        object("s/1/b", "b"),
        object("s/1/b.sigstore.json/x", "b.sigstore.json/x"),
        object("s/1/d/a", "d/a"),
        object("s/1/d/a.2.SHA256SUMS.sig", "two"),
        object("s/1/d/a.2.asc", "q"),
        object("s/1/d/a.SHA256SUMS", "list"),
        object("s/1/d/a.SHA256SUMS.sig", "one"),
        object("s/1/d/a.asc", "p"),
        object("s/1/d/a.p7s", "c"),
    ];
    let list = found.iter().find(|(path, _)| *path == "s/1/SHA256SUMS").unwrap();
    let PlacedContent::Bytes(list) = list.1 else {
        panic!("the list is a page");
    };
    assert_eq!(String::from_utf8(list.clone()).unwrap().lines().count(), 4);
    let others: Vec<_> = found
        .into_iter()
        .filter(|(path, _)| *path != "s/1/SHA256SUMS")
        .collect();
    assert_eq!(
        others,
        expected
            .iter()
            .map(|(path, content)| (*path, content))
            .collect::<Vec<_>>()
    );
}

#[test]
fn files_that_cannot_stand_side_by_side_are_refused() {
    for (one, other, words) in [
        ("a", "a", "two files are a"),
        ("a", "A", "upper and lower case"),
        ("d/a", "D/a", "upper and lower case"),
        ("a", "a/b", "is a file, and the folder"),
        ("A", "a/b/c", "is a file, and the folder"),
        ("x", "SHA256SUMS", "writes that list itself"),
        ("x", "sha256sums", "writes that list itself"),
        ("x", "SHA256SUMS/a", "is a file, and the folder"),
        ("x", "../y", "cannot be a path"),
    ] {
        let refused = PlainFiles.layout("s", &[held("s", "1", one), held("s", "1", other)]);
        let reason = refused.unwrap_err().reason;
        assert!(reason.contains(words), "{one} {other}: {reason}");
        PlainFiles
            .layout("s", &[held("s", "1", "a"), held("s", "2", "a")])
            .unwrap();
    }
    assert!(PlainFiles.layout("s", &[held("other", "1", "a")]).is_err());
    let mut set = PlainFiles.placing("s").unwrap().unwrap();
    set.take(held("s", "1", "a")).unwrap();
    assert!(set.take(held("other", "1", "a")).is_err());
    assert!(PlainFiles.layout("S", &[]).is_err());
    assert!(PlainFiles.layout("s", &[held("s", "1/2", "a")]).is_err());
}

#[test]
fn names_are_checked_before_anything_is_kept() {
    let inspect = |artifact: &Artifact| PlainFiles.inspect(artifact, &mut std::io::Cursor::new(b"x"), &[]);
    assert_eq!(inspect(&artifact("s", "1", "a/b")).unwrap(), Facts::default());
    for (name, version, file) in [
        ("S", "1", "a"),
        ("..", "1", "a"),
        ("s", "", "a"),
        ("s", "1", "a/../b"),
        ("s", "1", "SHA256SUMS"),
    ] {
        assert!(
            inspect(&artifact(name, version, file)).is_err(),
            "{name} {version} {file}"
        );
    }
}
