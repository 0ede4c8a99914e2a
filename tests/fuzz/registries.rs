//! What registries answer, and what artifacts say about themselves.

use std::io::Cursor;
use std::sync::Mutex;

use sealift::ecosystem::{
    self, DocumentContent, DocumentRequest, Fetched, Held, NamedBy, NewDocument, Upstream, UpstreamBase, UpstreamError,
    Wanted,
};
use sealift::model::{Artifact, Claim, Digest, Document};
use serde_json::json;

use crate::driver::{Parts, Target};
use crate::proofs;
use crate::seeds::fixture;
use crate::support::artifact;
use crate::tgz::{Entry, tgz};
use crate::wheel::{FakeWheel, tar_gz};

/// Documents are read as trees; the decoders have their buffers.
const MAX_BYTES: usize = 48 << 20;

pub(crate) fn targets() -> Vec<Target> {
    let mut targets = of_ecosystems();
    targets.push(Target {
        name: "registry/cargo-kept".to_owned(),
        rounds: 2000,
        max_bytes: MAX_BYTES,
        seeds: Box::new(|| vec![vec![kept_by_cargo()]]),
        read: Box::new(recall),
    });
    targets
}

/// What Cargo keeps of its index about `lib`.
fn kept_by_cargo() -> Vec<u8> {
    let (_, lines) = document("cargo");
    let line = lines.split(|byte| *byte == b'\n').next().unwrap();
    let versions = [b"1.0.0\0", line, b"\x002.0.0\0", line, b"\0"].concat();
    let kept = [b"\x03\x02\0\0\0etag: \"1\"\0", &versions[..]].concat();
    assert!(recalled(&kept).is_some());
    kept
}

fn recalled(kept: &[u8]) -> Option<NewDocument> {
    let artifact = artifact("cargo", "lib", "1.0.0", "lib-1.0.0.crate", b"x");
    ecosystem::find("cargo").unwrap().recall(kept, &[artifact])
}

/// A document that is recalled is one that the registry could have given.
fn recall(parts: &[Vec<u8>]) {
    let [kept] = parts else { return };
    if let Some(document) = recalled(kept) {
        let text = String::from_utf8(document.bytes).unwrap();
        assert!(
            text.lines()
                .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
        );
    }
}

fn of_ecosystems() -> Vec<Target> {
    ecosystem::ALL
        .iter()
        .filter(|one| one.id() != "files")
        .flat_map(|one| {
            let id = one.id();
            [
                Target {
                    name: format!("content/{id}"),
                    rounds: 800,
                    max_bytes: MAX_BYTES,
                    seeds: Box::new(move || contents(id)),
                    read: Box::new(move |parts| inspect(id, parts)),
                },
                Target {
                    name: format!("registry/{id}"),
                    rounds: 800,
                    max_bytes: MAX_BYTES,
                    seeds: Box::new(move || answers(id)),
                    read: Box::new(move |parts| ask(id, parts)),
                },
            ]
        })
        .collect()
}

/// What a registry says about `lib` 1.0.0, by the kind of document.
fn document(id: &str) -> (&'static str, Vec<u8>) {
    let digest = Digest::of(b"x").hex();
    match id {
        "cargo" => {
            let line = json!({"name": "lib", "vers": "1.0.0", "deps": [{"name": "dep", "req": "^1", "features": ["a"], "optional": true,
                "default_features": true, "target": null, "kind": "normal", "package": "other"}], "cksum": digest, "features": {"f": ["dep:dep"]},
                "features2": {"g": ["dep?/x"]}, "yanked": false, "links": "z", "v": 2, "rust_version": "1.60"});
            ("index-lines", format!("{line}\n{line}\n").into_bytes())
        }
        "npm" => {
            let version = json!({"name": "lib", "version": "1.0.0", "dependencies": {"y": "^1"}, "dist": {"integrity":
                "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
                "shasum": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "tarball": "https://registry.example.com/lib/-/lib-1.0.0.tgz",
                "signatures": [{"keyid": "SHA256:a", "sig": "MEUC"}], "attestations": {"url": "https://registry.example.com/-/npm/v1/attestations/lib@1.0.0"}}});
            let page = json!({"name": "lib", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version, "2.0.0": version},
                "time": {"1.0.0": "2020-01-01T00:00:00.000Z", "modified": "2020-01-01T00:00:00.000Z"}});
            ("packument", page.to_string().into_bytes())
        }
        "pypi" => {
            let file = |name: &str| {
                json!({"filename": name, "url": format!("../../files/{name}"), "hashes": {"sha256": digest}, "size": 1,
                "requires-python": ">=3.8", "yanked": "broken", "core-metadata": {"sha256": digest}, "upload-time": "2020-01-01T00:00:00.000000Z",
                "provenance": "https://index.example.com/integrity/lib/1.0.0/x/provenance"})
            };
            let page = json!({"meta": {"api-version": "1.4"}, "name": "lib", "versions": ["1.0.0"], "files": [file("lib-1.0.0-py3-none-any.whl"), file("lib-1.0.0.tar.gz")]});
            ("simple-json", page.to_string().into_bytes())
        }
        "deb" => {
            let digest = Digest::of(&proofs::deb()).hex();
            let place = format!(
                "Archive: archive.example.com/debian\nFilename: pool/t/towel0_4.2-0_all.deb\nSHA256: {digest}\n"
            );
            ("apt-places", format!("{place}\n{place}").into_bytes())
        }
        _ => ("checksum", digest.into_bytes()),
    }
}

const POM: &str = r#"<?xml version="1.0"?>
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<parent><groupId>org.example</groupId><artifactId>parent</artifactId><version>1</version></parent>
<groupId>org.example</groupId><artifactId>lib</artifactId><version>1.0.0</version><packaging>jar</packaging>
<properties><v>2</v></properties><licenses><license><name>MIT</name></license></licenses>
<dependencies><dependency><groupId>org.example</groupId><artifactId>dep</artifactId><version>${v}</version></dependency></dependencies>
</project>
"#;

/// What an artifact is called, its content, and a document about it.
fn contents(id: &str) -> Vec<Parts> {
    let manifest = "[package]\nname = \"lib\"\nversion = \"1.0.0\"\nlicense = \"MIT\"\nlinks = \"z\"\n\n[dependencies]\ndep = { version = \"1\", optional = true }\n\n[features]\nf = [\"dep:dep\"]\n";
    let package =
        json!({"name": "lib", "version": "1.0.0", "bin": {"a": "b.js"}, "dependencies": {"y": "^1"}, "license": "MIT"})
            .to_string();
    let made = match id {
        "cargo" => vec![(
            "lib",
            "lib-1.0.0.crate",
            tgz(&[Entry::file("lib-1.0.0/Cargo.toml", manifest)]),
        )],
        "npm" => vec![
            (
                "lib",
                "lib-1.0.0.tgz",
                tgz(&[Entry::file("package/package.json", &package)]),
            ),
            (
                "gundam-visor",
                "gundam-visor-1.0.1.tgz",
                fixture("npm/tarballs/gundam-visor-1.0.1.tgz"),
            ),
        ],
        "pypi" => vec![
            (
                "lib",
                "lib-1.0.0-py3-none-any.whl",
                FakeWheel::new("lib", "1.0.0").bytes(),
            ),
            (
                "rfc8785",
                "rfc8785-0.1.2-py3-none-any.whl",
                fixture("pypi/rfc8785-0.1.2-py3-none-any.whl"),
            ),
            (
                "lib",
                "lib-1.0.0.tar.gz",
                tar_gz(&[
                    (
                        "lib-1.0.0/PKG-INFO",
                        "Metadata-Version: 2.1\nName: lib\nVersion: 1.0.0\n",
                    ),
                    ("lib-1.0.0/setup.py", ""),
                ]),
            ),
        ],
        "deb" => vec![("towel0", "towel0_4.2-0_all.deb", proofs::deb())],
        _ => vec![
            ("org.example:lib", "lib-1.0.0.pom", POM.as_bytes().to_vec()),
            ("org.example:lib", "lib-1.0.0.jar", fixture("jar/rsa.jar")),
        ],
    };
    made.into_iter()
        .map(|(name, file, content)| {
            let version = if name == "towel0" {
                "1:4.2-0"
            } else if name == "gundam-visor" {
                "1.0.1"
            } else if name == "rfc8785" {
                "0.1.2"
            } else {
                "1.0.0"
            };
            vec![
                format!("{name}\n{version}\n{file}").into_bytes(),
                content,
                document(id).1,
            ]
        })
        .collect()
}

fn called(id: &str, called: &[u8], content: &[u8]) -> Artifact {
    let called = String::from_utf8_lossy(called);
    let mut words = called.split('\n');
    let mut word = || words.next().unwrap_or_default().to_owned();
    let (name, version, file) = (word(), word(), word());
    artifact(id, &name, &version, &file, content)
}

fn inspect(id: &str, parts: &[Vec<u8>]) {
    let [name, content, documents @ ..] = parts else { return };
    let artifact = called(id, name, content);
    let one = ecosystem::find(id).unwrap();
    let documents: Vec<DocumentContent> = documents
        .iter()
        .map(|bytes| DocumentContent {
            document: Document {
                digest: Digest::of(bytes),
                ecosystem: id.to_owned(),
                kind: document(id).0.to_owned(),
                name: artifact.name.clone(),
                origin: "https://registry.example.com/".to_owned(),
            },
            bytes: bytes.clone(),
        })
        .collect();
    let Ok(facts) = one.inspect(&artifact, &mut Cursor::new(content), &documents) else {
        return;
    };
    let derived = facts.derived.iter();
    let held = [Held {
        size: content.len() as u64,
        derived: derived
            .map(|(label, bytes)| (label.clone(), (Digest::of(bytes), bytes.len() as u64)))
            .collect(),
        facts: facts.json,
        artifact: artifact.clone(),
    }];
    let Ok(placed) = one.layout(&artifact.name, &held) else {
        return;
    };
    let mut paths: Vec<&str> = placed.iter().map(|placed| placed.path.as_str()).collect();
    paths.sort_unstable();
    assert!(
        paths.windows(2).all(|two| two[0] != two[1]),
        "one path twice: {paths:?}"
    );
    if let Ok(shared) = one.shared(&artifact.name, &held) {
        for shared in &shared {
            let _ = one.layout_shared(&shared.name, &held);
        }
    }
}

/// What is wanted, and what the registry answers to one request after the other.
fn answers(id: &str) -> Vec<Parts> {
    let (_, page) = document(id);
    let file = contents(id)[0][0].clone();
    let config =
        br#"{"dl": "https://crates.example.com/{crate}/{version}/download", "api": "https://crates.example.com"}"#
            .to_vec();
    let html = b"<!DOCTYPE html><html><head><meta name=\"pypi:repository-version\" content=\"1.0\"></head><body><a href=\"../../files/lib-1.0.0.tar.gz#sha256=00\" data-requires-python=\"&gt;=3.8\" data-yanked>lib-1.0.0.tar.gz</a></body></html>".to_vec();
    let list = proofs::packages(b"x").into_bytes();
    let release = proofs::release(&list).into_bytes();
    let mut seeds = vec![
        vec![file.clone(), release.clone(), release, list],
        vec![file.clone(), page.clone(), page.clone(), page.clone()],
        vec![file.clone(), config, page.clone(), page],
        vec![file.clone(), POM.as_bytes().to_vec(), POM.as_bytes().to_vec()],
        vec![file.clone(), html.clone(), html],
    ];
    for proof in [
        "sigstore/npm-gundam-visor-1.0.1.json",
        "pypi/pypi_attestations-0.0.19.tar.gz.provenance",
        "npm/registry-keys.json",
    ] {
        let mut input = seeds[1].clone();
        input.insert(2, fixture(proof));
        seeds.push(input);
    }
    seeds
}

/// Answers every request with the next part, over and over; an empty one is a 404.
struct Answers<'a> {
    parts: &'a [Vec<u8>],
    next: Mutex<usize>,
}

/// More requests for one name are a loop.
const MAX_REQUESTS: usize = 2000;

impl Upstream for Answers<'_> {
    fn document(&self, request: &DocumentRequest) -> Result<Option<Fetched>, UpstreamError> {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        assert!(*next < MAX_REQUESTS, "it asks and asks");
        let bytes = &self.parts[*next % self.parts.len()];
        let media_type = if bytes.starts_with(b"<!DOCTYPE html") {
            "text/html"
        } else if request.accept.is_some_and(|accept| accept.contains("simple.v1")) {
            "application/vnd.pypi.simple.v1+json"
        } else {
            "application/json"
        };
        Ok((!bytes.is_empty()).then(|| Fetched {
            url: request.url.clone(),
            media_type: media_type.to_owned(),
            bytes: bytes.clone(),
        }))
    }

    fn bases(&self, ecosystem: &str) -> Vec<UpstreamBase> {
        let id = ecosystem::find(ecosystem).unwrap().id();
        vec![UpstreamBase {
            ecosystem: id,
            scope: None,
            url: "https://registry.example.com/".to_owned(),
            authorization: None,
            named_by: NamedBy::Operator,
        }]
    }
}

fn ask(id: &str, parts: &[Vec<u8>]) {
    let [name, answers @ ..] = parts else { return };
    if answers.is_empty() {
        return;
    }
    let upstream = Answers {
        parts: answers,
        next: Mutex::new(0),
    };
    let artifact = called(id, name, b"x");
    let one = ecosystem::find(id).unwrap();
    let sha256 = Claim::from_hex_option(&artifact.digest.to_string()).unwrap();
    let mut wanted = Wanted {
        ecosystem: one.id(),
        name: artifact.name.clone(),
        version: artifact.version.clone(),
        file: None,
        claims: vec![sha256],
        urls: Vec::new(),
        registry: None,
        path: None,
        size: None,
    };
    let _ = one.locate(&wanted, &upstream);
    wanted.file = Some(artifact.file.clone());
    let _ = one.locate(&wanted, &upstream);
    let _ = one.accompany(&artifact.name.clone(), &[artifact], &upstream);
}
