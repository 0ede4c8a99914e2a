//! A tiny ecosystem, for tests of the steps that work for all of them.
//!
//! - `fake.lock`: a line per artifact: name, version, file or `-`, address or `-`, digests between commas
//! - artifacts are named `NAME-VERSION.fake`; the client's cache is `~/.fake/*/NAME-VERSION.fake`
//! - an index at `$FAKE_INDEX`: `index/NAME` lists `FILE URL sha256:…`, `about/NAME` is a document, `proof/FILE` a proof
#![expect(clippy::unwrap_used, reason = "a helper of tests may panic, and then the test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sealift::ecosystem::{
    ClientConfig, ClientEnvironment, Companions, Content, Coordinate, DocumentContent, DocumentRequest, Ecosystem,
    Facts, Files, Held, Located, Mismatch, NamedBy, NewDocument, NewProof, PlacedFile, RepositoryPlace, Selection,
    SelectionError, Upstream, UpstreamBase, UpstreamError, Wanted,
};
use sealift::model::{Artifact, Claim, Proof, ProofState};

pub(crate) struct Fake;

/// The fake one, and plain files.
pub(crate) const ALL: &[&dyn Ecosystem] = &[&Fake, &sealift::ecosystem::files::PlainFiles];

impl Ecosystem for Fake {
    fn id(&self) -> &'static str {
        "fake"
    }

    fn is_lockfile(&self, file_name: &str) -> bool {
        file_name == "fake.lock"
    }

    fn read_lockfile(&self, file_name: &str, text: &str, files: &dyn Files) -> Result<Selection, SelectionError> {
        let mut selection = Selection::default();
        for line in text.lines() {
            let words: Vec<_> = line.split_ascii_whitespace().collect();
            match words.as_slice() {
                ["include", other] => {
                    let inner = self.read_lockfile(other, &files.read(other)?, files)?;
                    selection.wanted.extend(inner.wanted);
                }
                ["skip", what] => selection.left_out.push((*what).to_owned()),
                [name, version, file, url, digests] => selection.wanted.push(Wanted {
                    ecosystem: "fake",
                    name: (*name).to_owned(),
                    version: (*version).to_owned(),
                    file: (*file != "-").then(|| (*file).to_owned()),
                    claims: digests
                        .split(',')
                        .filter(|digest| *digest != "-")
                        .map(|digest| Claim::from_hex_option(digest).unwrap())
                        .collect(),
                    urls: (*url != "-").then(|| (*url).to_owned()).into_iter().collect(),
                    registry: None,
                    path: None,
                    size: None,
                }),
                _ => {
                    return Err(SelectionError::Malformed {
                        file: file_name.to_owned(),
                        reason: format!("line `{line}`"),
                    });
                }
            }
        }
        Ok(selection)
    }

    fn recognise(&self, file_name: &str) -> Option<Coordinate> {
        let (name, version) = file_name.strip_suffix(".fake")?.split_once('-')?;
        // Several files of one version differ behind a plus.
        let version = version.split('+').next()?;
        Some(Coordinate {
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }

    fn cached(&self, wanted: &Wanted, client: &dyn ClientEnvironment) -> Vec<PathBuf> {
        let file = format!("{}-{}.fake", wanted.name, wanted.version);
        client
            .home()
            .map(|home| home.join(".fake/*").join(file))
            .into_iter()
            .collect()
    }

    fn upstreams(&self, client: &dyn ClientEnvironment) -> Result<Vec<UpstreamBase>, SelectionError> {
        Ok(client
            .variable("FAKE_INDEX")
            .map(|url| UpstreamBase {
                named_by: NamedBy::Client,
                ecosystem: "fake",
                scope: None,
                url,
                authorization: client.variable("FAKE_AUTHORIZATION"),
            })
            .into_iter()
            .collect())
    }

    fn locate(&self, wanted: &Wanted, upstream: &dyn Upstream) -> Result<Vec<Located>, UpstreamError> {
        if let Some(url) = wanted.urls.first() {
            let file = format!("{}-{}.fake", wanted.name, wanted.version);
            return Ok(vec![Located {
                file: wanted.file.clone().unwrap_or(file),
                url: url.clone(),
                claims: Vec::new(),
                size: None,
            }]);
        }
        let url = format!("{}index/{}", base(upstream)?, wanted.name);
        let page = upstream
            .document(&request(&url))?
            .map(|page| page.bytes)
            .unwrap_or_default();
        let located: Vec<Located> = String::from_utf8(page)
            .unwrap()
            .lines()
            .filter_map(|line| {
                let words: Vec<_> = line.split_ascii_whitespace().collect();
                let claim = Claim::from_hex_option(words[2]).unwrap();
                wanted.claims.contains(&claim).then(|| Located {
                    file: words[0].to_owned(),
                    url: words[1].to_owned(),
                    claims: vec![claim],
                    size: None,
                })
            })
            .collect();
        if located.is_empty() {
            return Err(UpstreamError::NotListed {
                url,
                what: wanted.name.clone(),
            });
        }
        Ok(located)
    }

    fn accompany(
        &self,
        name: &str,
        artifacts: &[Artifact],
        upstream: &dyn Upstream,
    ) -> Result<Companions, UpstreamError> {
        let base = base(upstream)?;
        let mut companions = Companions::default();
        let about = format!("{base}about/{name}");
        if let Some(document) = upstream.document(&request(&about))? {
            companions.documents.push(NewDocument {
                kind: "about",
                origin: document.url,
                bytes: document.bytes,
            });
        }
        for artifact in artifacts {
            let proof = upstream.document(&request(&format!("{base}proof/{}", artifact.file)))?;
            let proof = proof.map_or_else(
                || {
                    NewProof::Without(Proof {
                        kind: "fake-proof".to_owned(),
                        state: ProofState::Absent,
                        objects: Vec::new(),
                    })
                },
                |proof| NewProof::Present("fake-proof", vec![proof.bytes]),
            );
            companions.proofs.insert(artifact.file.clone(), vec![proof]);
        }
        Ok(companions)
    }

    fn remembered(&self, name: &str, client: &dyn ClientEnvironment) -> Vec<PathBuf> {
        let home = client.home().into_iter();
        home.map(|home| home.join(".fake/*/about").join(name)).collect()
    }

    /// A file counts that has the digest of an artifact in it.
    fn recall(&self, untrusted: &[u8], artifacts: &[Artifact]) -> Option<NewDocument> {
        let text = std::str::from_utf8(untrusted).ok()?;
        let fits = artifacts.iter().any(|artifact| text.contains(&artifact.digest.hex()));
        fits.then(|| NewDocument {
            kind: "about",
            origin: "cache".to_owned(),
            bytes: untrusted.to_owned(),
        })
    }

    fn proof_kinds(&self) -> &'static [&'static str] {
        &["fake-proof"]
    }

    fn inspect(
        &self,
        _artifact: &Artifact,
        _content: &mut dyn Content,
        _documents: &[DocumentContent],
    ) -> Result<Facts, Mismatch> {
        Ok(Facts::default())
    }

    fn layout(&self, _name: &str, _held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
        Ok(Vec::new())
    }

    fn client_config(&self, _place: &RepositoryPlace) -> Vec<ClientConfig> {
        Vec::new()
    }
}

fn base(upstream: &dyn Upstream) -> Result<String, UpstreamError> {
    let base = upstream.bases("fake").into_iter().next();
    base.map(|base| base.url).ok_or_else(|| UpstreamError::NoUpstream {
        ecosystem: "fake".to_owned(),
    })
}

fn request(url: &str) -> DocumentRequest {
    DocumentRequest {
        url: url.to_owned(),
        accept: Some("text/plain"),
        max_bytes: 1000,
    }
}

/// Surroundings of a client that a test makes up.
#[derive(Default)]
pub(crate) struct Surroundings {
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) home: PathBuf,
}

impl Surroundings {
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }
}

impl ClientEnvironment for Surroundings {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn home(&self) -> Option<PathBuf> {
        Some(self.home.clone())
    }

    fn working_folder(&self) -> PathBuf {
        self.home.clone()
    }

    fn read(&self, path: &Path) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }
}
