//! What publishers and registries really signed, from a registry on loopback to what an enclave finds it worth.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::model::Digest;
use serde_json::{Value, json};

use super::beside::{Person, all_judged, fixture, pin, wrong_proof};
use super::npm::hashes;
use super::{Site, files};
use crate::http::{Response, Server};
use crate::maven::{jar, pom};

const ACTIONS: &str = "https://token.actions.githubusercontent.com";

fn provenance() -> Value {
    json!({ "confirmed": "provenance" })
}

fn root(site: &Site) -> (&'static str, String) {
    site.write("root.json", fixture("sigstore/public-trusted_root.json"));
    ("sigstore", "--type sigstore-root --from root.json --scope *".to_owned())
}

/// The outcomes of one kind, each with the anchors that it rests on.
fn outcomes(site: &Site, path: &str, kind: &str) -> Vec<(Value, Vec<String>)> {
    let found = all_judged(site, path).into_iter();
    found
        .filter(|(own, ..)| own == kind)
        .map(|(_, outcome, anchors)| (outcome, anchors))
        .collect()
}

fn rest_on(found: &[(Value, Vec<String>)], outcome: &Value, anchors: &[&str]) {
    assert!(!found.is_empty());
    for (own, resting) in found {
        assert_eq!(own, outcome);
        for anchor in anchors {
            assert!(resting.iter().any(|one| one == anchor), "{anchor}: {resting:?}");
        }
    }
}

const SDIST: &str = "pypi_attestations-0.0.19.tar.gz";

fn python_index() -> Server {
    let bytes = fixture(&format!("pypi/{SDIST}"));
    let digest = Digest::of(&bytes).hex();
    Server::start(move |request| match request.path.as_str() {
        "/simple/pypi-attestations/" => {
            let page = json!({
                "meta": {"api-version": "1.3"}, "name": "pypi-attestations", "versions": ["0.0.19"],
                "files": [{"filename": SDIST, "url": format!("/files/{SDIST}"), "hashes": {"sha256": digest},
                    "size": bytes.len(), "provenance": "/provenance"}],
            });
            let mut response = Response::ok(page.to_string());
            let kind = "application/vnd.pypi.simple.v1+json".to_owned();
            response.headers.push(("content-type", kind));
            response
        }
        "/provenance" => Response::ok(fixture(&format!("pypi/{SDIST}.provenance"))),
        path if path == format!("/files/{SDIST}") => Response::ok(bytes.clone()),
        _ => Response::status(404),
    })
}

/// Exports one source distribution for an enclave that pins a subject for it.
fn python(subject: &str) -> Site {
    let (server, site) = (python_index(), Site::new());
    let digest = Digest::of(&fixture(&format!("pypi/{SDIST}"))).hex();
    site.write(
        "project/requirements.txt",
        format!(
            "--index-url {}\npypi-attestations==0.0.19 --hash=sha256:{digest}\n",
            server.url("/simple")
        ),
    );
    site.export("requirements.txt", "media");
    let publisher = format!("--type identity --issuer {ACTIONS} --subject {subject} --scope pypi/pypi-attestations");
    pin(&site, &[root(&site), ("publisher", publisher)]);
    site
}

#[test]
fn a_publisher_of_python_is_recognised_by_the_identity_that_is_pinned() {
    let workflow = "https://github.com/trailofbits/pypi-attestations/.github/workflows/release.yml@refs/tags";
    let place = format!("pypi/files/{SDIST}");
    let site = python(&format!("{workflow}/*"));
    site.import("media");
    let found = outcomes(&site, &place, "pypi-attestations");
    rest_on(&found, &provenance(), &["sigstore", "publisher"]);
    // Another workflow is pinned for this very name.
    let site = python(&format!("{}/*", workflow.replace("release.yml", "other.yml")));
    let volume = files(&site.path("media"))[0].display().to_string();
    let ran = site.run(&format!("import --enclave en {volume}"));
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("[identity-mismatch]"), "{}", ran.stderr);
    assert!(ran.stderr.contains("other.yml"), "{}", ran.stderr);
}

fn npm_registry() -> Server {
    Server::start(|request| {
        let base = format!("http://{}", request.host);
        let packument = |name: &str, version: &str, time: &str, proofs: Value| {
            let tarball = format!("{name}-{version}.tgz");
            let (integrity, shasum) = hashes(&fixture(&format!("npm/tarballs/{tarball}")));
            let mut dist =
                json!({"integrity": integrity, "shasum": shasum, "tarball": format!("{base}/{name}/-/{tarball}")});
            for (key, value) in proofs.as_object().unwrap() {
                dist[key] = value.clone();
            }
            let document = json!({
                "name": name, "dist-tags": {"latest": version}, "time": {version: time},
                "versions": {version: {"name": name, "version": version, "dist": dist}},
            });
            Response::ok(document.to_string())
        };
        let path = request.path.as_str();
        match path {
            "/async" => {
                let signed: Value = serde_json::from_slice(&fixture("npm/dist/async-2.5.0.json")).unwrap();
                let proofs = json!({"signatures": signed["dist"]["signatures"]});
                packument("async", "2.5.0", "2017-06-25T00:00:00.000Z", proofs)
            }
            "/gundam-visor" => {
                let url = format!("{base}/-/npm/v1/attestations/gundam-visor@1.0.1");
                let proofs = json!({"attestations": {"url": url, "provenance": {}}});
                packument("gundam-visor", "1.0.1", "2024-06-01T00:00:00.000Z", proofs)
            }
            "/-/npm/v1/keys" => Response::ok(fixture("npm/registry-keys.json")),
            "/-/npm/v1/attestations/gundam-visor@1.0.1" => {
                Response::ok(fixture("sigstore/npm-gundam-visor-1.0.1.json"))
            }
            _ => match path.rsplit_once("/-/") {
                Some((_, tarball)) => Response::ok(fixture(&format!("npm/tarballs/{tarball}"))),
                None => Response::status(404),
            },
        }
    })
}

#[test]
fn a_registrys_signature_and_a_publishers_provenance_come_from_npm() {
    let (server, site) = (npm_registry(), Site::new());
    let entry = |name: &str, version: &str| {
        let tarball = format!("{name}-{version}.tgz");
        let integrity = hashes(&fixture(&format!("npm/tarballs/{tarball}"))).0;
        json!({"version": version, "resolved": server.url(&format!("/{name}/-/{tarball}")), "integrity": integrity})
    };
    let lock = json!({"name": "app", "lockfileVersion": 3, "packages": {
        "": {"name": "app"},
        "node_modules/async": entry("async", "2.5.0"),
        "node_modules/gundam-visor": entry("gundam-visor", "1.0.1"),
    }});
    site.write("project/package-lock.json", lock.to_string());
    site.export("package-lock.json", "media");
    site.write("keys.json", fixture("npm/registry-keys.json"));
    let workflow = "https://github.com/ramonpetgrave64/gundam-visor/.github/workflows/npm-publish.yml@refs/tags/*";
    pin(
        &site,
        &[
            root(&site),
            (
                "registry",
                "--type npm-keys --from keys.json --scope npm/* --speaks-for registry".to_owned(),
            ),
            (
                "publisher",
                format!("--type identity --issuer {ACTIONS} --subject {workflow} --scope npm/gundam-visor"),
            ),
        ],
    );
    site.import("media");
    let registry = json!({ "confirmed": "registry" });
    let found = outcomes(&site, "npm/async/-/async-2.5.0.tgz", "npm-signature");
    rest_on(&found, &registry, &["registry"]);
    let found = outcomes(&site, "npm/gundam-visor/-/gundam-visor-1.0.1.tgz", "npm-attestations");
    assert_eq!(found.len(), 2, "{found:?}");
    rest_on(&found[..1], &registry, &["registry"]);
    rest_on(&found[1..], &provenance(), &["sigstore", "publisher"]);
}

/// A bundle about bytes by a key that its owner keeps, without a log.
fn bundle(key: &EcdsaKeyPair, bytes: &[u8]) -> Vec<u8> {
    let signature = key.sign(&SystemRandom::new(), bytes).unwrap();
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": []},
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": STANDARD.encode(Digest::of(bytes).as_bytes())},
            "signature": STANDARD.encode(signature.as_ref()),
        },
    })
    .to_string()
    .into_bytes()
}

fn public(key: &EcdsaKeyPair) -> String {
    // RFC 5480: id-ecPublicKey and P-256 before the point.
    const HEAD: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let info = [hex::decode(HEAD).unwrap(), key.public_key().as_ref().to_vec()].concat();
    let text = STANDARD.encode(info);
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n",
        &text[..64],
        &text[64..]
    )
}

/// The same files, from a repository that is asked and from a local one in which the proofs lie beside them.
#[test]
fn makers_of_java_are_recognised_by_their_keys() {
    let (ann, eve) = (Person::new("ann"), Person::new("eve"));
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let parent = pom("org.example", "lib", "1.0", "").into_bytes();
    let library = jar(&[("Lib.class", "x")]);
    let files = [
        ("lib-1.0.pom.asc", ann.signs(&parent)),
        ("lib-1.0.jar.asc", eve.signs(&library)),
        ("lib-1.0.jar.sigstore.json", bundle(&key, &library)),
        ("lib-1.0.pom", parent),
        ("lib-1.0.jar", library),
    ];
    let judge = |site: &Site| {
        site.write("ann.asc", ann.certificate());
        site.write("key.pem", public(&key));
        let scope = "--scope maven/org.example:lib";
        pin(
            site,
            &[
                ("ann", format!("--type openpgp --from ann.asc {scope}")),
                ("key", format!("--type public-key --from key.pem {scope}")),
            ],
        );
        site.import("media");
        let publisher = json!({ "confirmed": "publisher" });
        let of = |file: &str, kind: &str| outcomes(site, &format!("maven/org/example/lib/1.0/{file}"), kind);
        rest_on(&of("lib-1.0.pom", "openpgp"), &publisher, &["ann"]);
        rest_on(&of("lib-1.0.jar", "sigstore"), &publisher, &["key"]);
        rest_on(
            &of("lib-1.0.jar", "openpgp"),
            &json!({ "undecided": "unknown-signer" }),
            &[],
        );
        for ending in ["asc", "sigstore.json"] {
            let place = site.path("en/repository/maven/org/example/lib/1.0");
            let placed = std::fs::read(place.join(format!("lib-1.0.jar.{ending}"))).unwrap();
            let own = files
                .iter()
                .find(|(name, _)| *name == format!("lib-1.0.jar.{ending}"))
                .unwrap();
            assert_eq!(placed, own.1);
        }
    };

    let site = Site::new();
    for (name, bytes) in &files {
        site.write(&format!("m2/org/example/lib/1.0/{name}"), bytes);
    }
    let line = "--json export --exporter ex --select m2 --out media --created 2026-11-01T00:00:00Z --offline";
    let planned: Value = serde_json::from_str(&site.succeeds(&format!("{line} --dry-run")).stdout).unwrap();
    assert_eq!(planned["left_out"], json!([]), "{planned}");
    let exported: Value = serde_json::from_str(&site.succeeds(line).stdout).unwrap();
    assert_eq!(exported["artifacts"], 2, "{exported}");
    judge(&site);
    // A bundle of the same key about other bytes.
    site.write(
        "m2/org/example/lib/1.0/lib-1.0.pom.sigstore.json",
        bundle(&key, b"another pom"),
    );
    site.succeeds(&line.replace("--out media", "--out next"));
    let said = wrong_proof(&site, "next");
    assert!(said.contains("sigstore: "), "{said}");

    let served = files.clone();
    let server = Server::start(move |request| {
        let name = request
            .path
            .strip_prefix("/m2/org/example/lib/1.0/")
            .unwrap_or_default();
        match served.iter().find(|(own, _)| *own == name) {
            Some((_, bytes)) => Response::ok(bytes.clone()),
            None => Response::status(404),
        }
    });
    let site = Site::new();
    site.write(
        "project/sealift.yaml",
        format!(
            "schema: sealift-selection/1\nselect:\n  - ecosystem: maven\n    coordinates: [\"org.example:lib:1.0\"]\nupstreams:\n  - ecosystem: maven\n    url: {}\n",
            server.url("/m2")
        ),
    );
    site.export("sealift.yaml", "media");
    judge(&site);
}
