//! What `cosign sign-blob` and model signing leave beside plain files, from a folder to what an enclave finds it worth.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::key::PublicKey;
use sealift::model::Digest;
use serde_json::{Value, json};

use super::beside::{all_judged, fixture, pin, wrong_proof};
use super::{Site, proofs};

/// Somebody who signs with a key of cosign.
struct Cosign(EcdsaKeyPair);

impl Cosign {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    fn public(&self) -> String {
        PublicKey::p256(self.0.public_key().as_ref()).unwrap().to_pem()
    }

    /// What `--output-signature` writes.
    fn signs(&self, message: &[u8]) -> String {
        let signature = self.0.sign(&SystemRandom::new(), message).unwrap();
        format!("{}\n", STANDARD.encode(signature.as_ref()))
    }

    /// What `--bundle` writes where no log is asked.
    fn bundles(&self, message: &[u8]) -> String {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": "" } },
            "messageSignature": {
                "messageDigest": { "algorithm": "SHA2_256", "digest": STANDARD.encode(Digest::of(message).as_bytes()) },
                "signature": self.signs(message).trim(),
            },
        })
        .to_string()
    }
}

fn selection(sets: &[&str]) -> String {
    let entry = |name: &&str| format!("  - files: {name}\n    version: \"1\"\n    folder: {name}\n");
    let entries: String = sets.iter().map(entry).collect();
    format!("schema: sealift-selection/1\nselect:\n{entries}")
}

/// The only finding of a kind about a file, as its outcome and anchors.
fn found(site: &Site, path: &str, kind: &str) -> (Value, Vec<String>) {
    let all = all_judged(site, &format!("files/{path}"));
    let mut of_kind = all.iter().filter(|(own, ..)| own == kind);
    let (_, outcome, anchors) = of_kind.next().unwrap_or_else(|| panic!("{path}: {all:?}"));
    assert!(of_kind.next().is_none(), "{path}: {all:?}");
    (outcome.clone(), anchors.clone())
}

#[test]
fn bare_signatures_and_lists_under_bundles_are_judged_by_the_key_that_is_pinned() {
    let (site, cosign, other) = (Site::new(), Cosign::new(), Cosign::new());
    let list = format!("{}  a\n{}  sub/b\n", Digest::of(b"a").hex(), Digest::of(b"b").hex());
    for (name, bytes) in [
        ("tools/blob", b"blob".to_vec()),
        ("tools/blob.sig", cosign.signs(b"blob").into_bytes()),
        ("tools/raw", b"raw".to_vec()),
        ("tools/raw.sig", STANDARD.decode(cosign.signs(b"raw").trim()).unwrap()),
        ("tools/stranger", b"stranger".to_vec()),
        ("tools/stranger.sig", other.signs(b"stranger").into_bytes()),
        ("lists/a", b"a".to_vec()),
        ("lists/sub/b", b"b".to_vec()),
        ("lists/SHA256SUMS", list.clone().into_bytes()),
        (
            "lists/SHA256SUMS.sigstore.json",
            cosign.bundles(list.as_bytes()).into_bytes(),
        ),
        ("changed/a", b"a".to_vec()),
        (
            "changed/SHA256SUMS",
            format!("{}  a\n", Digest::of(b"b").hex()).into_bytes(),
        ),
    ] {
        site.write(&format!("project/{name}"), bytes);
    }
    site.write("cosign.pub", cosign.public());
    site.write("project/sealift.yaml", selection(&["tools", "lists"]));
    let exported = site.export("sealift.yaml", "media");
    assert_eq!(exported["artifacts"], 5, "{exported}");
    pin(
        &site,
        &[("ours", "--type public-key --from cosign.pub --scope files/*".to_owned())],
    );
    site.import("media");
    let confirmed = (json!({ "confirmed": "publisher" }), vec!["ours".to_owned()]);
    for (path, kind) in [
        ("tools/1/blob", "raw-signature"),
        ("tools/1/raw", "raw-signature"),
        ("lists/1/a", "signed-checksums"),
        ("lists/1/sub/b", "signed-checksums"),
    ] {
        assert_eq!(found(&site, path, kind), confirmed, "{path}");
    }
    let unknown = json!({ "undecided": "unknown-signer" });
    assert_eq!(found(&site, "tools/1/stranger", "raw-signature").0, unknown);
    let placed = |name: &str| std::fs::read(site.path("en/repository/files").join(name)).unwrap();
    let given = |name: &str| std::fs::read(site.path("project").join(name)).unwrap();
    assert_eq!(placed("tools/1/blob.cosign.sig"), given("tools/blob.sig"));
    assert_eq!(
        placed("lists/1/a.SHA256SUMS.sig"),
        given("lists/SHA256SUMS.sigstore.json")
    );

    // A list that is well signed, and about other bytes.
    let changed = given("changed/SHA256SUMS");
    site.write("project/changed/SHA256SUMS.sigstore.json", cosign.bundles(&changed));
    site.write("project/next.yaml", selection(&["changed"]));
    let ran = site.run(&super::export_line("next.yaml", "next"));
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("[lock-digest-mismatch]"), "{}", ran.stderr);
}

#[test]
fn a_model_is_vouched_for_file_by_file() {
    let site = Site::new();
    for (name, from) in [
        ("model/signme-1", "signme-1-by-key"),
        ("model/signme-2", "signme-2"),
        ("model/model.sig", "v1.0.1-elliptic-key.sig"),
    ] {
        site.write(&format!("project/{name}"), fixture(&format!("sigstore/models/{from}")));
    }
    site.write("project/model/ignore-me", "not of the model");
    site.write("model.pub", fixture("sigstore/models/signing-key-pub.pem"));
    site.write("project/sealift.yaml", selection(&["model"]));
    let exported = site.export("sealift.yaml", "media");
    // The signature is no file of its own.
    assert_eq!(exported["artifacts"], 3, "{exported}");
    pin(
        &site,
        &[(
            "ours",
            "--type public-key --from model.pub --scope files/model".to_owned(),
        )],
    );
    site.import("media");
    let confirmed = (json!({ "confirmed": "publisher" }), vec!["ours".to_owned()]);
    for file in ["signme-1", "signme-2"] {
        assert_eq!(found(&site, &format!("model/1/{file}"), "model-signing"), confirmed);
    }
    let listed = site.listed();
    let other = listed.iter().find(|one| one["file"] == "ignore-me").unwrap();
    assert!(
        proofs(other).iter().all(|(_, state, _)| *state == "not-served"),
        "{other}"
    );
    let placed = std::fs::read(site.path("en/repository/files/model/1/signme-1.model.sig")).unwrap();
    assert_eq!(placed, fixture("sigstore/models/v1.0.1-elliptic-key.sig"));

    // The same signature beside other bytes.
    site.write("project/model/signme-1", fixture("sigstore/models/signme-1"));
    let second = selection(&["model"]).replace("\"1\"", "\"2\"");
    site.write("project/next.yaml", second);
    site.export("next.yaml", "next");
    let said = wrong_proof(&site, "next");
    assert!(said.contains("model-signing: "), "{said}");
}
