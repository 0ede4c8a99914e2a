//! What npm's registries are asked, and what their answers become.

use sealift::ecosystem::npm::Npm;
use sealift::ecosystem::{Companions, Ecosystem as _, NewProof, UpstreamError, Wanted};
use sealift::model::{Artifact, Claim, Digest, ProofState};

use crate::registry::Registry;

const BASE: &str = "https://registry.example.com";

fn wanted(name: &str, urls: &[&str], registry: Option<&str>) -> Wanted {
    Wanted {
        ecosystem: "npm",
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        file: None,
        claims: vec![Claim::from_hex_option(&format!("sha512:{}", "00".repeat(64))).unwrap()],
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        registry: registry.map(str::to_owned),
        path: None,
        size: Some(7),
    }
}

fn artifact(name: &str, version: &str, origin: &str) -> Artifact {
    Artifact {
        ecosystem: "npm".to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        file: format!("{}-{version}.tgz", name.rsplit('/').next().unwrap()),
        digest: Digest::of(b""),
        origin: origin.to_owned(),
        reason: "test".to_owned(),
        proofs: Vec::new(),
    }
}

fn located(wanted: &Wanted, registry: &Registry) -> Vec<String> {
    let located = Npm.locate(wanted, registry).unwrap();
    for place in &located {
        assert_eq!(place.file, "x-1.0.0.tgz");
        assert_eq!(place.claims, wanted.claims);
        assert_eq!(place.size, Some(7));
    }
    located.into_iter().map(|place| place.url).collect()
}

#[test]
fn a_url_in_the_lock_needs_no_question() {
    let registry = Registry::default();
    let url = "https://registry.example.com/x/-/x-1.0.0.tgz";
    let with_fragment = format!("{url}#a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(located(&wanted("x", &[&with_fragment], Some(BASE)), &registry), [url]);
    // A configured mirror goes first where the lock names another registry, but not for a URL of no registry's form.
    let mirror = Registry::default()
        .at("npm", None, "https://mirror.example.com/npm/")
        .at("npm", Some("@corp"), "https://corp.example.com");
    assert_eq!(
        located(&wanted("x", &[url], Some(BASE)), &mirror),
        ["https://mirror.example.com/npm/x/-/x-1.0.0.tgz", url]
    );
    assert_eq!(
        located(&wanted("x", &[url], Some("https://corp.example.com")), &mirror),
        [url]
    );
    assert_eq!(located(&wanted("x", &[url], None), &mirror), [url]);
    // A scope's own registry alone hears of its names.
    assert_eq!(
        located(&wanted("@corp/x", &[url], Some(BASE)), &mirror),
        ["https://corp.example.com/@corp/x/-/x-1.0.0.tgz", url]
    );
    assert!(registry.asked().is_empty() && mirror.asked().is_empty());
}

#[test]
fn without_a_url_the_packument_says_where() {
    let packument = |dist: &str| format!(r#"{{"name":"x","versions":{{"1.0.0":{{"dist":{dist}}}}}}}"#);
    let at = |dist: &str| {
        Registry::default()
            .at("npm", None, BASE)
            .with(&format!("{BASE}/x"), packument(dist))
    };
    let x = wanted("x", &[], None);
    assert_eq!(
        located(&x, &at(r#"{"tarball":"https://u:p@files.example.com/x-1.tgz"}"#)),
        ["https://files.example.com/x-1.tgz"]
    );
    assert_eq!(located(&x, &at("{}")), ["https://registry.example.com/x/-/x-1.0.0.tgz"]);

    let scoped = Registry::default()
        .at("npm", None, BASE)
        .at("npm", Some("@corp"), "https://corp.example.com/")
        .with("https://corp.example.com/@corp%2fx", packument("{}"));
    assert_eq!(
        located(&wanted("@corp/x", &[], None), &scoped),
        ["https://corp.example.com/@corp/x/-/x-1.0.0.tgz"]
    );
    assert_eq!(scoped.asked(), ["https://corp.example.com/@corp%2fx"]);

    let error = |registry: &Registry, wanted: &Wanted| Npm.locate(wanted, registry).unwrap_err().to_string();
    assert_eq!(error(&Registry::default(), &x), "no upstream is named for npm");
    let other = Registry::default().at("npm", None, BASE);
    assert_eq!(
        error(&other, &x),
        "https://registry.example.com/x does not list x@1.0.0"
    );
    let later = Wanted {
        version: "2.0.0".to_owned(),
        ..x.clone()
    };
    assert_eq!(
        error(&at("{}"), &later),
        "https://registry.example.com/x does not list x@2.0.0"
    );
    assert!(error(&at(r#"{"tarball":"file:///etc/passwd"}"#), &x).contains("is not a tarball's URL"));
    assert!(error(&at("7"), &x).contains("https://registry.example.com/x: invalid type"));
    let page = Registry::default()
        .at("npm", None, BASE)
        .with(&format!("{BASE}/x"), "<html>");
    assert!(error(&page, &x).contains("expected value"));
    let twice = Registry::default()
        .at("npm", None, BASE)
        .with(&format!("{BASE}/x"), r#"{"versions":{"1.0.0":{},"1.0.0":{}}}"#);
    assert!(error(&twice, &x).contains("\"1.0.0\" stands twice"));
    assert!(
        error(
            &Registry::default()
                .at("npm", None, BASE)
                .failing(&format!("{BASE}/x"), 500),
            &x
        )
        .contains("answered 500")
    );
}

const SIGNED: &str = include_str!("../fixtures/npm/dist/sigstore-1.0.0.json");

/// A packument with the real signed version, one that is attested too, and one that has neither.
fn packument() -> String {
    let signed: serde_json::Value = serde_json::from_str(SIGNED).unwrap();
    let mut attested = signed.clone();
    attested["dist"]["attestations"] = serde_json::json!({
        "url": "https://elsewhere.example.com/-/npm/v1/attestations/sigstore@2.0.0",
        "provenance": {"predicateType": "https://slsa.dev/provenance/v1"},
    });
    serde_json::json!({
        "name": "sigstore",
        "versions": {"1.0.0": signed, "2.0.0": attested, "0.1.0": {"dist": {"signatures": []}}},
    })
    .to_string()
}

fn accompany(registry: &Registry, versions: &[&str]) -> Companions {
    let artifacts: Vec<Artifact> = versions
        .iter()
        .map(|version| artifact("sigstore", version, "cache"))
        .collect();
    Npm.accompany("sigstore", &artifacts, registry).unwrap()
}

fn states(companions: &Companions, version: &str) -> Vec<(&'static str, &'static str)> {
    companions.proofs[&format!("sigstore-{version}.tgz")]
        .iter()
        .map(|proof| match proof {
            NewProof::Present(kind, objects) => {
                assert_eq!(objects.len(), 1);
                (*kind, ProofState::Present.word())
            }
            NewProof::InDocument(kind, "packument") => (*kind, ProofState::Present.word()),
            NewProof::InDocument(..) => panic!("there is no such document"),
            NewProof::Without(proof) => {
                assert!(proof.objects.is_empty());
                let kinds = Npm.proof_kinds();
                (
                    *kinds.iter().find(|kind| **kind == proof.kind).unwrap(),
                    proof.state.word(),
                )
            }
        })
        .collect()
}

#[test]
fn documents_and_proofs_are_kept_as_they_came() {
    let keys = r#"{"keys":[]}"#;
    let attestations = r#"{"attestations":[]}"#;
    let registry = Registry::default()
        .at("npm", None, BASE)
        .with(&format!("{BASE}/sigstore"), packument())
        .with(&format!("{BASE}/-/npm/v1/keys"), keys)
        .with(&format!("{BASE}/-/npm/v1/attestations/sigstore@2.0.0"), attestations);
    let companions = accompany(&registry, &["1.0.0", "2.0.0", "0.1.0", "9.0.0"]);
    let documents: Vec<_> = companions
        .documents
        .iter()
        .map(|document| (document.kind, document.origin.as_str(), document.bytes.as_slice()))
        .collect();
    assert_eq!(
        documents,
        [
            (
                "packument",
                "https://registry.example.com/sigstore",
                packument().as_bytes()
            ),
            (
                "registry-keys",
                "https://registry.example.com/-/npm/v1/keys",
                keys.as_bytes()
            ),
        ]
    );
    assert_eq!(
        states(&companions, "1.0.0"),
        [("npm-signature", "present"), ("npm-attestations", "absent")]
    );
    assert_eq!(
        states(&companions, "2.0.0"),
        [("npm-signature", "present"), ("npm-attestations", "present")]
    );
    assert_eq!(
        states(&companions, "0.1.0"),
        [("npm-signature", "absent"), ("npm-attestations", "absent")]
    );
    assert_eq!(
        states(&companions, "9.0.0"),
        [("npm-signature", "not-served"), ("npm-attestations", "not-served")]
    );
    match companions.proofs["sigstore-2.0.0.tgz"].as_slice() {
        [NewProof::InDocument(..), NewProof::Present(_, found)] => {
            assert_eq!(*found, [attestations.as_bytes().to_vec()]);
        }
        other => panic!("{other:?}"),
    }
    // The packument names another host for attestations, which nobody asked for.
    assert_eq!(
        registry.asked(),
        [
            "https://registry.example.com/sigstore",
            "https://registry.example.com/-/npm/v1/keys",
            "https://registry.example.com/-/npm/v1/attestations/sigstore@2.0.0",
        ]
    );
}

#[test]
fn what_a_mirror_strips_is_not_served() {
    let bare = r#"{"name":"sigstore","versions":{"1.0.0":{"dist":{}},"2.0.0":{}}}"#;
    let mirror = || {
        Registry::default()
            .at("npm", None, BASE)
            .with(&format!("{BASE}/sigstore"), bare)
    };
    let not_served = [("npm-signature", "not-served"), ("npm-attestations", "not-served")];
    assert_eq!(states(&accompany(&mirror(), &["1.0.0"]), "1.0.0"), not_served);
    // Keys alone do not show that it serves proofs.
    let with_keys = mirror().with(&format!("{BASE}/-/npm/v1/keys"), "{}");
    assert_eq!(states(&accompany(&with_keys, &["1.0.0"]), "1.0.0"), not_served);

    // Signatures without keys say nothing about attestations.
    let signed = format!(r#"{{"name":"sigstore","versions":{{"1.0.0":{SIGNED}}}}}"#);
    let keyless = || {
        Registry::default()
            .at("npm", None, BASE)
            .with(&format!("{BASE}/sigstore"), signed.clone())
    };
    let half = [("npm-signature", "present"), ("npm-attestations", "not-served")];
    assert_eq!(states(&accompany(&keyless(), &["1.0.0"]), "1.0.0"), half);
    // With keys, the registry is taken to say that there are none.
    let keyed = keyless().with(&format!("{BASE}/-/npm/v1/keys"), "{}");
    let none = [("npm-signature", "present"), ("npm-attestations", "absent")];
    assert_eq!(states(&accompany(&keyed, &["1.0.0"]), "1.0.0"), none);
    // Nor do a client error or a page for people where the keys would be.
    for registry in [
        keyless().failing(&format!("{BASE}/-/npm/v1/keys"), 401),
        keyless().with(&format!("{BASE}/-/npm/v1/keys"), "<html>"),
    ] {
        let companions = accompany(&registry, &["1.0.0"]);
        assert_eq!(states(&companions, "1.0.0"), half);
        assert_eq!(companions.documents.len(), 1);
    }
    // Attestations that are announced and not to be had.
    let announced = Registry::default()
        .at("npm", None, BASE)
        .with(&format!("{BASE}/sigstore"), packument());
    assert_eq!(
        states(&accompany(&announced, &["2.0.0"]), "2.0.0")[1],
        ("npm-attestations", "not-served")
    );
    // No packument at all.
    let empty = Registry::default().at("npm", None, BASE);
    let companions = accompany(&empty, &["1.0.0"]);
    assert_eq!(states(&companions, "1.0.0"), not_served);
    assert!(companions.documents.is_empty());
}

#[test]
fn a_failing_upstream_is_not_an_answer() {
    let registry = || {
        Registry::default()
            .at("npm", None, BASE)
            .with(&format!("{BASE}/sigstore"), packument())
    };
    let artifacts = [artifact("sigstore", "2.0.0", "cache")];
    for (url, status) in [
        ("-/npm/v1/keys", 500),
        ("-/npm/v1/keys", 429),
        ("-/npm/v1/attestations/sigstore@2.0.0", 503),
        ("sigstore", 403),
    ] {
        let failing = registry().failing(&format!("{BASE}/{url}"), status);
        let error = Npm.accompany("sigstore", &artifacts, &failing).unwrap_err();
        assert!(
            matches!(error, UpstreamError::Status { status: found, .. } if found == status),
            "{error}"
        );
    }
    let broken = Registry::default()
        .at("npm", None, BASE)
        .with(&format!("{BASE}/sigstore"), "{");
    assert!(matches!(
        Npm.accompany("sigstore", &artifacts, &broken),
        Err(UpstreamError::Malformed { .. })
    ));
    let odd = Registry::default().at("npm", None, BASE).with(
        &format!("{BASE}/sigstore"),
        r#"{"versions":{"2.0.0":{"dist":{"tarball":7}}}}"#,
    );
    assert!(matches!(
        Npm.accompany("sigstore", &artifacts, &odd),
        Err(UpstreamError::Malformed { .. })
    ));
}

#[test]
fn where_an_artifact_came_from_is_asked_when_nothing_is_configured() {
    let name = "@isaacs/namespace-test";
    let origin = format!("{BASE}/npm/{name}/-/namespace-test-1.0.0.tgz");
    let signed = include_str!("../fixtures/npm/dist/isaacs-namespace-test-1.0.0.json");
    let registry = Registry::default().with(
        &format!("{BASE}/npm/@isaacs%2fnamespace-test"),
        format!(r#"{{"name":"{name}","versions":{{"1.0.0":{signed}}}}}"#),
    );
    let companions = Npm
        .accompany(name, &[artifact(name, "1.0.0", &origin)], &registry)
        .unwrap();
    assert!(matches!(
        companions.proofs["namespace-test-1.0.0.tgz"][0],
        NewProof::InDocument("npm-signature", _)
    ));
    let error = Npm
        .accompany(name, &[artifact(name, "1.0.0", "cache")], &registry)
        .unwrap_err();
    assert!(matches!(error, UpstreamError::NoUpstream { .. }));
    // Bytes from a cache, and a lockfile that says which registry they are of.
    let locked = Registry::default().locked("npm", &format!("{BASE}/npm/")).with(
        &format!("{BASE}/npm/@isaacs%2fnamespace-test"),
        format!(r#"{{"name":"{name}","versions":{{"1.0.0":{signed}}}}}"#),
    );
    let companions = Npm
        .accompany(name, &[artifact(name, "1.0.0", "cache")], &locked)
        .unwrap();
    assert!(matches!(
        companions.proofs["namespace-test-1.0.0.tgz"][0],
        NewProof::InDocument("npm-signature", _)
    ));
    // A lockfile's registry for one name does not make it the configured one, and is asked after it.
    let mirrored = Registry::default()
        .at("npm", Some("@isaacs"), "https://mirror.example.com")
        .at("npm", None, "https://public.example.com")
        .locked("npm", &format!("{BASE}/npm/"));
    let url = format!("{BASE}/npm/{name}/-/namespace-test-1.0.0.tgz");
    let found = Npm
        .locate(&wanted(name, &[&url], Some(&format!("{BASE}/npm"))), &mirrored)
        .unwrap();
    let urls: Vec<_> = found.into_iter().map(|located| located.url).collect();
    let file = "@isaacs/namespace-test/-/namespace-test-1.0.0.tgz";
    assert_eq!(urls, [format!("https://mirror.example.com/{file}"), url]);
    Npm.accompany(name, &[artifact(name, "1.0.0", "cache")], &mirrored)
        .unwrap();
    assert_eq!(
        mirrored.asked(),
        [
            "https://mirror.example.com/@isaacs%2fnamespace-test".to_owned(),
            format!("{BASE}/npm/@isaacs%2fnamespace-test"),
        ]
    );
    // A second base is asked where the first does not have the name.
    let two = Registry::default()
        .at("npm", None, "https://first.example.com")
        .at("npm", None, BASE)
        .with(&format!("{BASE}/sigstore"), packument());
    assert_eq!(
        states(&accompany(&two, &["1.0.0"]), "1.0.0")[0],
        ("npm-signature", "present")
    );
}
