//! Crates: where registries serve them, and what comes along.

#![expect(clippy::unwrap_used, reason = "a test that panics fails, and says where")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sealift::ecosystem::cargo::Cargo;
use sealift::ecosystem::{
    ClientEnvironment, DocumentRequest, Ecosystem, Fetched, NamedBy, Upstream, UpstreamBase, UpstreamError, Wanted,
};
use sealift::model::{Algorithm, Claim, Digest};
use serde_json::json;

use super::cargo::{CRATES_IO, artifact, inspect, line, plain_crate};

/// A registry that serves documents from memory, and keeps what it was asked.
#[derive(Default)]
struct Registry {
    bases: Vec<UpstreamBase>,
    documents: BTreeMap<String, Vec<u8>>,
    asked: Mutex<Vec<String>>,
}

impl Registry {
    fn base(mut self, scope: Option<&str>, url: &str) -> Self {
        self.bases.push(UpstreamBase {
            named_by: NamedBy::Client,
            ecosystem: "cargo",
            scope: scope.map(str::to_owned),
            url: url.to_owned(),
            authorization: None,
        });
        self
    }

    /// A registry as the lockfile names it for the crate in question.
    fn locked(mut self, source: &str) -> Self {
        self.bases.push(UpstreamBase {
            ecosystem: "cargo",
            scope: None,
            url: source.to_owned(),
            authorization: None,
            named_by: NamedBy::LockfileForName,
        });
        self
    }

    fn serving(mut self, url: &str, body: impl AsRef<[u8]>) -> Self {
        self.documents.insert(url.to_owned(), body.as_ref().to_vec());
        self
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Upstream for Registry {
    fn document(&self, request: &DocumentRequest) -> Result<Option<Fetched>, UpstreamError> {
        self.asked.lock().unwrap().push(request.url.clone());
        Ok(self.documents.get(&request.url).map(|bytes| Fetched {
            url: request.url.clone(),
            media_type: "text/plain".to_owned(),
            bytes: bytes.clone(),
        }))
    }

    fn bases(&self, _ecosystem: &str) -> Vec<UpstreamBase> {
        self.bases.clone()
    }
}

fn wanted(name: &str, source: &str) -> Wanted {
    Wanted {
        ecosystem: "cargo",
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        file: Some(format!("{name}-1.0.0.crate")),
        claims: vec![Claim::from_hex(Algorithm::Sha256, &"ab".repeat(32)).unwrap()],
        urls: Vec::new(),
        registry: Some(source.to_owned()),
        path: None,
        size: None,
    }
}

#[test]
fn download_templates_are_filled() {
    let digits = "ab".repeat(32);
    for (template, url) in [
        (
            "https://dl.example.com/crates",
            "https://dl.example.com/crates/Foo-dep/1.0.0/download".to_owned(),
        ),
        (
            "https://dl.example.com/{crate}-{version}.crate",
            "https://dl.example.com/Foo-dep-1.0.0.crate".to_owned(),
        ),
        (
            "https://dl.example.com/{prefix}/{lowerprefix}/x",
            "https://dl.example.com/Fo/o-/fo/o-/x".to_owned(),
        ),
        (
            "https://dl.example.com/{sha256-checksum}",
            format!("https://dl.example.com/{digits}"),
        ),
    ] {
        let registry = Registry::default()
            .base(Some(CRATES_IO), "https://index.example.com")
            .serving(
                "https://index.example.com/config.json",
                json!({ "dl": template, "api": null }).to_string(),
            );
        let mut wanted = wanted("Foo-dep", CRATES_IO);
        // A digest of another algorithm never stands for the checksum.
        wanted
            .claims
            .insert(0, Claim::from_hex(Algorithm::Sha512, &"cd".repeat(64)).unwrap());
        let located = Cargo.locate(&wanted, &registry).unwrap();
        assert_eq!(located.len(), 1);
        assert_eq!(located[0].url, url);
        assert_eq!(located[0].file, "Foo-dep-1.0.0.crate");
        assert_eq!(located[0].claims[1].hex(), digits);
    }
}

#[test]
fn a_registry_is_asked_for_its_own_source_only() {
    let corp = "sparse+https://registry.example.com/";
    let config = r#"{"dl":"https://dl.example.com"}"#;
    let registry = Registry::default()
        .base(Some(corp), "https://registry.example.com/")
        .serving("https://registry.example.com/config.json", config);
    let error = Cargo.locate(&wanted("foo", CRATES_IO), &registry).unwrap_err();
    assert!(matches!(error, UpstreamError::NoUpstream { .. }), "{error}");
    assert!(registry.asked().is_empty());
    assert!(Cargo.hint_without_upstream().unwrap().contains("cargo fetch --locked"));
    Cargo.locate(&wanted("foo", corp), &registry).unwrap();

    for name in ["é", "../x", ""] {
        let error = Cargo.locate(&wanted(name, corp), &registry).unwrap_err();
        assert!(matches!(error, UpstreamError::NotListed { .. }), "{name}: {error}");
    }

    let mut versionless = wanted("foo", corp);
    versionless.version = "../1".to_owned();
    assert!(Cargo.locate(&versionless, &registry).is_err());

    // The lockfile itself names a sparse registry; a mirror that was configured for it comes instead of it.
    let named = Registry::default().serving("https://registry.example.com/config.json", config);
    Cargo.locate(&wanted("foo", corp), &named).unwrap();
    let mirrored = Registry::default()
        .base(Some(corp), "https://mirror.example.com/")
        .serving("https://registry.example.com/config.json", config);
    assert!(matches!(
        Cargo.locate(&wanted("foo", corp), &mirrored).unwrap_err(),
        UpstreamError::NotListed { .. }
    ));
    assert_eq!(mirrored.asked(), ["https://mirror.example.com/config.json"]);

    // The next one is asked where the first does not answer as it should.
    let second = Registry::default()
        .base(None, "https://broken.example.com/")
        .base(None, "sparse+https://index.example.com/")
        .serving("https://broken.example.com/config.json", "<html>")
        .serving("https://index.example.com/config.json", config);
    Cargo.locate(&wanted("foo", CRATES_IO), &second).unwrap();
    let broken = Registry::default()
        .base(None, "https://broken.example.com/")
        .serving("https://broken.example.com/config.json", "<html>");
    assert!(matches!(
        Cargo.locate(&wanted("foo", CRATES_IO), &broken).unwrap_err(),
        UpstreamError::Malformed { .. }
    ));
}

#[test]
fn the_index_file_comes_along_where_it_knows_the_crate() {
    let bytes = plain_crate("foo", "1.0.0");
    let artifact = artifact("foo", "1.0.0", &bytes);
    let page = line(&inspect(&artifact, &bytes, &[]).unwrap()).to_string();
    let other = page.replace(&artifact.digest.hex(), &Digest::of(b"other").hex());
    let registry = Registry::default()
        .base(None, "https://none.example.com/")
        .base(None, "https://other.example.com/")
        .base(None, "https://index.example.com/")
        .base(None, "https://later.example.com/")
        .serving("https://other.example.com/3/f/foo", &other)
        .serving("https://index.example.com/3/f/foo", &page)
        .serving("https://later.example.com/3/f/foo", &page);
    let companions = Cargo
        .accompany("foo", std::slice::from_ref(&artifact), &registry)
        .unwrap();
    assert_eq!(companions.documents.len(), 1);
    assert_eq!(companions.documents[0].kind, "index-lines");
    assert_eq!(companions.documents[0].origin, "https://index.example.com/3/f/foo");
    assert_eq!(companions.documents[0].bytes, page.as_bytes());
    assert_eq!(registry.asked().len(), 3, "nobody is asked for what is there");
    // No kind of proof exists, so there is none to list.
    assert!(Cargo.proof_kinds().is_empty());
    assert!(companions.proofs["foo-1.0.0.crate"].is_empty());
    let odd = Cargo
        .accompany("éa", std::slice::from_ref(&artifact), &registry)
        .unwrap();
    assert!(odd.documents.is_empty());
    let nobody = Cargo.accompany("foo", &[artifact], &Registry::default()).unwrap();
    assert!(nobody.documents.is_empty());
}

#[test]
fn a_private_crate_is_told_to_its_own_registry_only() {
    let bytes = plain_crate("foo", "1.0.0");
    let artifact = artifact("foo", "1.0.0", &bytes);
    let corp = "sparse+https://registry.example.com/";
    let accompany = |registry: &Registry| {
        let found = Cargo
            .accompany("foo", std::slice::from_ref(&artifact), registry)
            .unwrap();
        (found.documents.len(), registry.asked())
    };
    let configured = || {
        Registry::default()
            .base(Some(CRATES_IO), "https://public.example.com/")
            .base(Some("sparse+https://other.example.com/"), "https://other.example.com/")
    };
    let page = line(&inspect(&artifact, &bytes, &[]).unwrap()).to_string();
    let served = configured()
        .locked(corp)
        .serving("https://registry.example.com/3/f/foo", &page);
    let own = "https://registry.example.com/3/f/foo".to_owned();
    assert_eq!(accompany(&served), (1, vec![own]));
    let public = "https://public.example.com/3/f/foo".to_owned();
    assert_eq!(accompany(&configured().locked(CRATES_IO)), (0, vec![public]));
    // Of a loose crate nobody knows where it came from.
    assert_eq!(accompany(&configured()), (0, Vec::new()));
    let sparse = configured().base(Some(corp), corp);
    assert_eq!(accompany(&sparse), (0, Vec::new()));
}

/// A client with one configuration file.
struct Client(&'static str);

impl ClientEnvironment for Client {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "CARGO_HOME").then(|| "/c".to_owned())
    }
    fn home(&self) -> Option<PathBuf> {
        None
    }
    fn working_folder(&self) -> PathBuf {
        "/w".into()
    }
    fn read(&self, path: &Path) -> Option<String> {
        (path == Path::new("/c/config.toml")).then(|| self.0.to_owned())
    }
}

#[test]
fn caches_are_cargos_and_configured_folders() {
    let config = "[source.crates-io]\nreplace-with = \"l\"\n[source.l]\nlocal-registry = \"/crates\"\n";
    let paths = Cargo.cached(&wanted("foo", CRATES_IO), &Client(config));
    assert_eq!(
        paths,
        [
            PathBuf::from("/c/registry/cache/*/foo-1.0.0.crate"),
            PathBuf::from("/crates/foo-1.0.0.crate"),
        ]
    );
    assert!(Cargo.cached(&wanted("../foo", CRATES_IO), &Client("")).is_empty());
    assert!(Cargo.upstreams(&Client("[source")).is_err());
}
