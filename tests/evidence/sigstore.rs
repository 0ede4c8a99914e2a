//! Sigstore bundles, and what holds them: PyPI's attestations, npm's, model signatures, provenance, bundles about images.

use sealift::model::{Anchor, Artifact, Fault, Finding, IdentityPattern, Level, Material, Outcome, ScopePattern};

use crate::data::{Judged, Row};
use crate::support::{self, DAY, anchor, artifact};

/// The identity that the conformance suite's cases expect.
const BEACON: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ACTIONS: &str = "https://token.actions.githubusercontent.com";

/// An anchor that pins an identity for one name.
fn pin(subject: &str, issuer: &str, ecosystem: &str, name: &str) -> Anchor {
    let mut anchor = anchor(
        "the publisher",
        Material::Identity(IdentityPattern {
            issuer: issuer.to_owned(),
            subject: Some(subject.to_owned()),
            ..IdentityPattern::default()
        }),
    );
    anchor.scope = vec![ScopePattern::new(format!("{ecosystem}/{name}"))];
    anchor
}

fn root(json: String) -> Anchor {
    anchor("the root", Material::SigstoreRoot(json))
}

/// What a row's column of identities says: `subject / issuer`.
fn expected(row: &Row) -> Option<(String, String)> {
    match row.expected.as_str() {
        "default" => Some((BEACON.to_owned(), ACTIONS.to_owned())),
        "any" | "-" | "key" => None,
        text => {
            let (subject, issuer) = text.split_once(" / ").unwrap_or((text, ACTIONS));
            let subject = match subject.strip_prefix("GitHub ") {
                // `GitHub owner/repository, workflow[, tag name]`
                Some(words) => {
                    let words: Vec<&str> = words.split(", ").collect();
                    let tag = words.get(2).map_or("*", |tag| tag.strip_prefix("tag ").unwrap());
                    format!(
                        "https://github.com/{}/.github/workflows/{}@refs/tags/{tag}",
                        words[0], words[1]
                    )
                }
                None => subject.to_owned(),
            };
            Some((subject, issuer.to_owned()))
        }
    }
}

/// Judges with the identity that the row expects, or where it expects none with whichever is found.
fn judge(
    kind: &str,
    row: &Row,
    objects: Vec<Vec<u8>>,
    artifact: &Artifact,
    bytes: &[u8],
    mut anchors: Vec<Anchor>,
) -> Vec<Finding> {
    if let Some((subject, issuer)) = expected(row) {
        anchors.push(pin(&subject, &issuer, &artifact.ecosystem, &artifact.name));
    } else if row.expected == "any" || row.expected == "-" {
        for finding in support::judge(kind, objects.clone(), artifact, bytes, &anchors, DAY) {
            for signer in finding.signers {
                if let sealift::model::Signer::Identity(identity) = signer {
                    anchors.push(pin(
                        &identity.subject,
                        &identity.issuer,
                        &artifact.ecosystem,
                        &artifact.name,
                    ));
                }
            }
        }
    }
    support::judge(kind, objects, artifact, bytes, &anchors, DAY)
}

fn file(bytes: &[u8]) -> Artifact {
    artifact("files", "a", "1", "a.txt", bytes)
}

/// `01-sigstore-bundles/`.
pub(crate) fn bundles(row: &Row) -> Judged {
    let (group, case) = row.case.split_once('/').unwrap();
    let folder = match (group, case) {
        ("conformance", _) => row.case.clone(),
        ("pair", _) => "conformance/happy-path-v0.1".to_owned(),
        _ => String::new(),
    };
    let bundle = match group {
        "conformance" | "pair" => row.read(&format!("{folder}/bundle.sigstore.json")),
        _ => row.read(&row.case),
    };
    let trusted = match row.root.as_str() {
        "prod" => row.text("roots/prod-trusted_root.json"),
        "staging" => row.text("roots/staging-trusted_root.json"),
        _ => row.text(&format!("{folder}/trusted_root.json")),
    };
    let bytes = match row.files.as_str() {
        "own artifact" => row.read(&format!("{folder}/artifact")),
        "(DSSE; payload inside)" => {
            // The package lies in another folder; the one case of `go/` is about a package that is not at hand.
            let npm = row.path("../03-npm/tarballs/sigstore-1.0.0.tgz");
            std::fs::read(npm).unwrap()
        }
        file if group == "python" => row.read(file),
        _ => row.read("a.txt"),
    };
    let mut anchors = vec![root(trusted)];
    if row.root.contains("key.pub") {
        anchors.push(anchor(
            "the key",
            Material::PublicKey(row.text(&format!("{folder}/key.pub"))),
        ));
    }
    let findings = judge("sigstore", row, vec![bundle], &file(&bytes), &bytes, anchors);
    if group == "go" {
        return Judged::Answer(good_about_other_bytes(findings));
    }
    Judged::Findings(findings)
}

/// Whether everything was verified but that the statement is about the bytes at hand.
fn good_about_other_bytes(findings: Vec<Finding>) -> Result<(), String> {
    let [finding] = findings.as_slice() else {
        return Err(format!("{} findings", findings.len()));
    };
    let verified = finding.anchors.contains(&"the root".to_owned())
        && finding.log.is_some()
        && finding.signed_at.as_ref().is_some_and(|at| at.source.is_proven());
    match finding.outcome {
        Outcome::Contradicted(Fault::SubjectDiffers) if verified => Ok(()),
        _ => Err(format!("{finding:?}")),
    }
}

/// `02-pypi-attestations/`.
pub(crate) fn pypi(row: &Row) -> Judged {
    let (distribution, proof) = row.files.split_once(" + ").unwrap();
    let proof = if proof.starts_with('.') {
        format!("{distribution}{proof}")
    } else {
        proof.to_owned()
    };
    let bytes = row.read(distribution);
    let (stem, _) = distribution
        .split_once(".tar.gz")
        .or_else(|| distribution.split_once("-py3"))
        .unwrap();
    let (name, version) = stem.rsplit_once('-').unwrap();
    let artifact = artifact("pypi", &name.replace('_', "-"), version, distribution, &bytes);
    let trusted = root(row.text(&format!("roots/{}-trusted_root.json", row.root)));
    Judged::Findings(judge(
        "pypi-attestations",
        row,
        vec![row.read(&proof)],
        &artifact,
        &bytes,
        vec![trusted],
    ))
}

/// Name and version of a tarball.
fn npm_artifact(file: &str, bytes: &[u8]) -> Artifact {
    let (name, version) = match file {
        "slsa-gundam-visor-cli-v1-tag.tgz" => ("gundam-visor", "1.0.1"),
        "slsa-provenance-npm-test-cli-v02-prega.tgz" => ("@laurentsimon/provenance-npm-test", "1.0.3"),
        other => other.strip_suffix(".tgz").unwrap().rsplit_once('-').unwrap(),
    };
    let base = name.rsplit('/').next().unwrap();
    artifact("npm", name, version, &format!("{base}-{version}.tgz"), bytes)
}

/// `03-npm/attestations/` and the pairings with them.
pub(crate) fn npm(row: &Row) -> Judged {
    let (proof, tarball) = row.files.split_once(" + tarballs/").unwrap();
    let bytes = row.read(&format!("tarballs/{tarball}"));
    let artifact = npm_artifact(tarball, &bytes);
    let mut anchors = vec![root(row.text("roots/prod-trusted_root.json"))];
    if row.root.contains("keys.json") {
        anchors.push(anchor("the registry", Material::NpmKeys(row.text("keys.json"))));
    }
    let (kind, proof) = match proof {
        "…bundle.json" => ("sigstore", format!("{}.bundle.json", row.case)),
        proof => ("npm-attestations", proof.to_owned()),
    };
    let findings = judge(kind, row, vec![row.read(&proof)], &artifact, &bytes, anchors);
    if row.verdict == "valid" && kind == "npm-attestations" {
        // The registry's statement and the publisher's, both.
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().all(Finding::is_confirmed), "{findings:?}");
        assert!(findings.iter().any(|finding| finding.level() == Level::Registry));
    }
    Judged::Findings(findings)
}

/// `07-oci/bundles/`.
pub(crate) fn image(row: &Row) -> Judged {
    // The image is not at hand; its digest is, and a statement is compared with nothing else.
    let mut image = artifact("oci", "repo", "latest", "manifest.json", b"");
    image.digest = "sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4"
        .parse()
        .unwrap();
    let trusted = root(row.text(&row.root));
    let bytes = row.read(&row.files);
    let bundle = serde_json::from_slice(&bytes).unwrap();
    let (subject, issuer) = expected(row).unwrap();
    let anchors = [trusted.clone(), pin(&subject, &issuer, "files", "tool")];
    crate::cosign_attestations::real(&bundle, &anchors);
    Judged::Findings(judge("sigstore", row, vec![bytes], &image, b"", vec![trusted]))
}

/// `10-provenance-models-osv/slsa/`.
pub(crate) fn provenance(row: &Row) -> Judged {
    let (file, proof) = match row.case.as_str() {
        "slsa/swapped" => (
            "slsa/delegator-v13.0.30.artifact".to_owned(),
            "slsa/maven-v14.att.json".to_owned(),
        ),
        case => (format!("{case}.artifact"), format!("{case}.att.json")),
    };
    let bytes = row.read(&file);
    let trusted = root(row.text("roots/prod-trusted_root.json"));
    let findings = judge(
        "sigstore",
        row,
        vec![row.read(&proof)],
        &self::file(&bytes),
        &bytes,
        vec![trusted],
    );
    if row.verdict == "valid" {
        assert_eq!(findings[0].level(), Level::Provenance);
    }
    Judged::Findings(findings)
}

/// `10-provenance-models-osv/models/`: every file that is signed, and what lies beside.
pub(crate) fn model(row: &Row) -> Judged {
    let (folder, signature) = match row.case.as_str() {
        "models/changed-file" => ("models/v1.1.0-certificate", "models/v1.1.0-certificate"),
        "models/swapped-signature" => ("models/v1.0.1-elliptic-key", "models/v1.1.0-certificate"),
        "models/wrong-identity" => ("models/v1.0.0-sigstore", "models/v1.0.0-sigstore"),
        case => (case, case),
    };
    let anchors = match row.root.as_str() {
        "prod" => vec![root(row.text("roots/prod-trusted_root.json"))],
        key if key.ends_with("pub.pem") => vec![anchor("the key", Material::PublicKey(row.text(key)))],
        authority => vec![anchor("the authority", Material::Certificates(row.text(authority)))],
    };
    let proof = row.read(&format!("{signature}/model.sig"));
    let mut findings = Vec::new();
    for file in ["signme-1", "signme-2"] {
        let mut bytes = row.read(&format!("{folder}/{file}"));
        if row.case == "models/changed-file" && file == "signme-1" {
            bytes[0] ^= 1;
        }
        let artifact = artifact("huggingface", "org/model", "1", file, &bytes);
        let judged = if row.root == "prod" {
            judge(
                "model-signing",
                row,
                vec![proof.clone()],
                &artifact,
                &bytes,
                anchors.clone(),
            )
        } else {
            support::judge("model-signing", vec![proof.clone()], &artifact, &bytes, &anchors, DAY)
        };
        assert_eq!(judged.len(), 1);
        if row.verdict == "valid" {
            assert_eq!(judged[0].level(), Level::Publisher, "{judged:?}");
        }
        findings.extend(judged);
    }
    Judged::Findings(findings)
}
