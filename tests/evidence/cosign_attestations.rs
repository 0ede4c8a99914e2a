//! Attestations that cosign attached to images: layouts made for these tests, by keys and by identities of an instance of our own; and a real one of the collection, in the older form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::archive::oci::{self, Check};
use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::Signer as _;
use sealift::evidence::image_layout;
use sealift::model::{Anchor, Digest, Doubt, Fault, Finding, Level, Material, Outcome};
use serde_json::{Value, json};

use crate::image_layout::{Files, INDEX, digest};
use crate::instance::{Instance, NOW, Named, PROVENANCE, SIGNED, base64, envelope, envelope_message, one, statement};
use crate::support::{DAY, anchor, artifact, judge, outcome};
use crate::{forge, instance};

const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
const PUBLISHER: Outcome = Outcome::Confirmed(Level::Publisher);

/// Lists an image and what is attached to it: its layer is given.
type Attach = fn(&mut Files, &Value, Value);

/// Every way in which an attestation is attached.
const WAYS: &[(&str, Attach)] = &[
    ("by its tag", |files, image, layer| {
        let manifest = files.manifest(&json!([layer]), &[]);
        files.list(image, json!({}));
        let name = format!("sha256-{}.att", digest(image).hex());
        files.list(&manifest, json!({"org.opencontainers.image.ref.name": name}));
    }),
    ("by cosign save", |files, image, layer| {
        let manifest = files.manifest(&json!([layer]), &[]);
        files.list(image, json!({"kind": "dev.cosignproject.cosign/image"}));
        files.list(&manifest, json!({"kind": "dev.cosignproject.cosign/atts"}));
    }),
    ("as a referrer", |files, image, layer| {
        let more = [("subject", image.clone()), ("artifactType", json!(ENVELOPE))];
        let manifest = files.manifest(&json!([layer]), &more);
        files.list(image, json!({}));
        files.list(&manifest, json!({}));
    }),
    ("in the fallback list of referrers", |files, image, layer| {
        let manifest = files.manifest(&json!([layer]), &[("subject", image.clone())]);
        let list = files.document(INDEX, &json!({"schemaVersion": 2, "manifests": [manifest]}));
        files.list(image, json!({}));
        let name = format!("sha256-{}", digest(image).hex());
        files.list(&list, json!({"org.opencontainers.image.ref.name": name}));
    }),
];

fn provenance(image: &Value) -> Value {
    let digests = json!({"sha256": digest(image).hex()});
    statement(
        PROVENANCE,
        "registry.example.com/acme/tool",
        digests,
        json!({"runDetails": {}}),
    )
}

fn by_key(key: &FileKey, statement: &Value) -> Value {
    let payload = statement.to_string().into_bytes();
    envelope(&payload, &key.sign(&envelope_message(&payload)).unwrap())
}

fn pinned(key: &FileKey) -> Anchor {
    anchor("key", Material::PublicKey(key.public().to_pem()))
}

/// The layer of an envelope, as cosign writes it.
fn layer(files: &mut Files, envelope: &Value, annotations: &[(&str, Value)]) -> Value {
    let mut layer = files.blob(ENVELOPE, envelope.to_string().as_bytes());
    layer["annotations"] = json!({"dev.cosignproject.cosign/signature": "", "predicateType": PROVENANCE});
    for (name, value) in annotations {
        layer["annotations"][*name] = value.clone();
    }
    layer
}

/// What is found about an image in a layout, judged by the kind that is named.
fn judged(files: &Files, image: &Value, anchors: &[Anchor], now: &str) -> Vec<Finding> {
    let (files, layout) = files.read_with(Check::EveryBlob);
    let layout = layout.unwrap();
    let proofs = image_layout::proofs(&layout, &digest(image));
    assert_eq!(proofs.len(), 1, "one proof is found: {proofs:?}");
    assert_eq!(proofs[0].kind, "cosign");
    let objects = image_layout::objects(&layout, &files, &proofs[0]).unwrap();
    let manifest = &files.files[&oci::blob_path(&digest(image))];
    let own = artifact("files", "tool", "1", "manifest.json", manifest);
    judge("cosign", objects, &own, manifest, anchors, now)
}

/// What stands beside a layer: names and texts.
type Annotations = Vec<(&'static str, Value)>;

/// The annotations of a keyless attestation, out of a bundle.
fn annotations(bundle: &Value, certificate: &str) -> Annotations {
    let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
    let number = |name: &str| entry[name].as_str().unwrap().parse::<u64>().unwrap();
    let log = STANDARD.decode(entry["logId"]["keyId"].as_str().unwrap()).unwrap();
    let log = json!({
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": number("integratedTime"),
            "logIndex": number("logIndex"),
            "logID": hex::encode(log),
        },
    });
    vec![
        ("dev.sigstore.cosign/certificate", json!(certificate)),
        ("dev.sigstore.cosign/chain", json!("")),
        ("dev.sigstore.cosign/bundle", json!(log.to_string())),
    ]
}

#[test]
fn an_attestation_is_found_however_it_is_attached_and_judged_by_a_pinned_key() {
    let key = FileKey::from_seed(&[1; 32]);
    let other = FileKey::from_seed(&[2; 32]);
    for (how, attach) in WAYS {
        let told = |change: &dyn Fn(&mut Value), anchors: &[Anchor]| {
            let mut files = Files::new();
            let image = files.image();
            let mut envelope = by_key(&key, &provenance(&image));
            change(&mut envelope);
            let layer = layer(&mut files, &envelope, &[]);
            attach(&mut files, &image, layer);
            one(judged(&files, &image, anchors, DAY))
        };
        let finding = told(&|_| {}, &[pinned(&key)]);
        assert_eq!(finding.outcome, PUBLISHER, "{how}: {finding:?}");
        assert_eq!(finding.kind, "cosign");
        assert_eq!(finding.anchors, ["key"]);
        let by_other = told(&|_| {}, &[pinned(&other)]).outcome;
        assert_eq!(by_other, Outcome::Undecided(Doubt::UnknownSigner), "{how}");
        let unpinned = told(&|_| {}, &[]).outcome;
        assert_eq!(unpinned, Outcome::Undecided(Doubt::NoAnchor), "{how}");
        let of_other = |envelope: &mut Value| {
            let about = json!({"digest": Digest::of(b"another image")});
            *envelope = by_key(&key, &provenance(&about));
        };
        let of_other = told(&of_other, &[pinned(&key)]).outcome;
        assert_eq!(of_other, Outcome::Contradicted(Fault::SubjectDiffers), "{how}");
        let empty = told(&|envelope| *envelope = json!({}), &[pinned(&key)]).outcome;
        assert_eq!(empty, Outcome::Contradicted(Fault::Malformed), "{how}");
    }
}

#[test]
fn signatures_and_attestations_of_one_image_are_each_judged() {
    let key = FileKey::from_seed(&[1; 32]);
    let mut files = Files::new();
    let image = files.image();
    let attestation = by_key(&key, &provenance(&image));
    let layer = layer(&mut files, &attestation, &[("dev.sigstore.cosign/bundle", json!("{}"))]);
    WAYS[0].1(&mut files, &image, layer);
    let signature = files.signature(&key, &image, &[]);
    files.list(&signature, crate::image_layout::tag(&image));
    let findings = judged(&files, &image, &[pinned(&key)], DAY);
    assert_eq!(findings.len(), 2);
    assert!(
        findings.iter().all(|finding| finding.outcome == PUBLISHER),
        "{findings:?}"
    );
    let unchecked = |finding: &&Finding| {
        finding
            .notes
            .iter()
            .any(|note| note.contains("log entry was not checked"))
    };
    assert_eq!(findings.iter().filter(unchecked).count(), 1);
}

#[test]
fn what_an_attested_image_names_is_vouched_for() {
    let key = FileKey::from_seed(&[1; 32]);
    let mut files = Files::new();
    let image = files.image();
    let attestation = by_key(&key, &provenance(&image));
    let layer = layer(&mut files, &attestation, &[]);
    WAYS[0].1(&mut files, &image, layer);
    let (files, layout) = files.read_with(Check::EveryBlob);
    let bytes = b"a layer";
    let proof = image_layout::contents(&layout.unwrap())
        .remove(&Digest::of(bytes))
        .unwrap();
    let objects = proof
        .objects
        .iter()
        .map(|digest| files.files[&oci::blob_path(digest)].clone());
    let own = artifact("files", "tool", "1", "layer", bytes);
    let findings = judge("oci-content", objects.collect(), &own, bytes, &[pinned(&key)], DAY);
    assert_eq!(outcome(&findings), PUBLISHER, "{findings:?}");
}

#[test]
fn a_keyless_attestation_is_judged_as_the_bundle_that_its_annotations_make() {
    let instance = Instance::new();
    let signer = instance.signer(&Named::default());
    let told = |change: &dyn Fn(&mut Value, &mut Annotations), anchors: &[Anchor]| {
        let mut files = Files::new();
        let image = files.image();
        let bundle = instance.stated(&provenance(&image), &signer, SIGNED);
        let mut notes = annotations(&bundle, &forge::pem(&[&signer]));
        let mut envelope = bundle["dsseEnvelope"].clone();
        change(&mut envelope, &mut notes);
        let layer = layer(&mut files, &envelope, &notes);
        WAYS[0].1(&mut files, &image, layer);
        one(judged(&files, &image, anchors, NOW))
    };
    let anchors = instance.anchors();
    let good = told(&|_, _| {}, &anchors);
    // The log promised, and proved nothing: no provenance, whatever the statement says.
    assert_eq!(good.outcome, PUBLISHER, "{good:?}");
    assert_eq!(good.kind, "cosign");
    assert!(good.signed_at.is_some() && good.log.is_some());

    let others = [
        anchors[0].clone(),
        instance::pin("https://forge.example.com/acme/other@refs/tags/v1"),
    ];
    assert!(told(&|_, _| {}, &others).is_contradicted());
    let unknown = told(&|_, _| {}, &anchors[..1]).outcome;
    assert_eq!(unknown, Outcome::Undecided(Doubt::UnknownSigner));
    assert_eq!(told(&|_, _| {}, &[]).outcome, Outcome::Undecided(Doubt::NoAnchor));
    let of_other = told(
        &|envelope, notes| {
            let about = json!({"digest": Digest::of(b"another image")});
            let bundle = instance.stated(&provenance(&about), &signer, SIGNED);
            *envelope = bundle["dsseEnvelope"].clone();
            *notes = annotations(&bundle, &forge::pem(&[&signer]));
        },
        &anchors,
    );
    assert_eq!(of_other.outcome, Outcome::Contradicted(Fault::SubjectDiffers));
    // The entry is another statement's, or was promised for another time.
    let other_entry = told(
        &|_, notes| {
            let about = json!({"digest": Digest::of(b"another image")});
            let bundle = instance.stated(&provenance(&about), &signer, SIGNED);
            *notes = annotations(&bundle, &forge::pem(&[&signer]));
        },
        &anchors,
    );
    assert!(other_entry.is_contradicted(), "{other_entry:?}");
    let late = told(
        &|_, notes| {
            let mut log: Value = serde_json::from_str(notes[2].1.as_str().unwrap()).unwrap();
            log["Payload"]["integratedTime"] = (SIGNED + 1).into();
            notes[2].1 = json!(log.to_string());
        },
        &anchors,
    );
    assert_eq!(late.outcome, Outcome::Contradicted(Fault::LogWrong));
    let changed = told(
        &|envelope, _| {
            let about = json!({"digest": Digest::of(b"another image")});
            envelope["payload"] = json!(base64(provenance(&about).to_string()));
        },
        &anchors,
    );
    assert!(changed.is_contradicted(), "{changed:?}");
    let unlogged = told(&|_, notes| notes.truncate(2), &anchors);
    assert_eq!(unlogged.outcome, Outcome::Undecided(Doubt::NoProvenTime));
    let broken = told(&|_, notes| notes[2].1 = json!("{}"), &anchors);
    assert_eq!(broken.outcome, Outcome::Contradicted(Fault::Malformed));
    assert!(broken.reason.starts_with("cosign's annotations"), "{}", broken.reason);
}

/// The collection has a real attestation as a bundle; the same certificate, promise and envelope stand in annotations here, and the image itself is not at hand.
pub(crate) fn real(bundle: &Value, anchors: &[Anchor]) {
    let raw = bundle["verificationMaterial"]["certificate"]["rawBytes"]
        .as_str()
        .unwrap();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{raw}\n-----END CERTIFICATE-----\n");
    let payload = STANDARD
        .decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap())
        .unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    let mut files = Files::new();
    let layer = layer(&mut files, &bundle["dsseEnvelope"], &annotations(bundle, &pem));
    let manifest = json!({"schemaVersion": 2, "layers": [layer]}).to_string().into_bytes();
    let objects = vec![manifest, bundle["dsseEnvelope"].to_string().into_bytes()];
    let told = |hex: &str| {
        let mut own = artifact("files", "tool", "1", "manifest.json", b"");
        own.digest = format!("sha256:{hex}").parse().unwrap();
        one(judge("cosign", objects.clone(), &own, b"", anchors, DAY))
    };
    let stated = statement["subject"][0]["digest"]["sha256"].as_str().unwrap();
    let finding = told(stated);
    assert_eq!(finding.outcome, PUBLISHER, "{finding:?}");
    assert_eq!(
        told(&"0".repeat(64)).outcome,
        Outcome::Contradicted(Fault::SubjectDiffers)
    );
}
