//! What a signed image names: layers, configurations, manifests of an index. The layouts are made for these tests; the collection has no signed layout with its layers.

use sealift::archive::oci::{self, Check, Document, LayoutError};
use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::Signer as _;
use sealift::evidence::image_layout::{self, ImageProof};
use sealift::model::{Artifact, Digest, Doubt, Fault, Finding, Level, Material, Outcome};
use serde_json::{Value, json};

use crate::image_layout::{Files, INDEX, MANIFEST, digest, tag};
use crate::support::{DAY, anchor, artifact, judge, outcome};

const KIND: &str = "oci-content";
const LAYER: &[u8] = b"a layer";
const CONFIG: &[u8] = b"{}";
const PUBLISHER: Outcome = Outcome::Confirmed(Level::Publisher);
const DIFFERS: Outcome = Outcome::Contradicted(Fault::SubjectDiffers);

fn key() -> FileKey {
    FileKey::from_seed(&[1; 32])
}

/// A layout whose image is signed.
fn signed() -> (Files, Value) {
    let mut files = Files::new();
    let image = files.image();
    let signature = files.signature(&key(), &image, &[]);
    files.list(&image, json!({}));
    files.list(&signature, tag(&image));
    (files, image)
}

/// A layout whose index of one image is signed, and not the image itself.
fn signed_index() -> (Files, Value, Value) {
    let mut files = Files::new();
    let image = files.image();
    let index = files.document(
        INDEX,
        &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [image]}),
    );
    let signature = files.signature(&key(), &index, &[]);
    files.list(&index, json!({}));
    files.list(&signature, tag(&index));
    (files, image, index)
}

fn proof(files: &Files, named: &[u8]) -> Option<ImageProof> {
    let layout = files.read_with(Check::EveryBlob).1.unwrap();
    image_layout::contents(&layout).remove(&Digest::of(named))
}

fn objects(files: &Files, proof: &ImageProof) -> Vec<Vec<u8>> {
    let blob = |digest: &Digest| files.files[&oci::blob_path(digest)].clone();
    proof.objects.iter().map(blob).collect()
}

fn own(bytes: &[u8]) -> Artifact {
    artifact("files", "tool", "1", "layer", bytes)
}

fn judged(objects: Vec<Vec<u8>>, bytes: &[u8]) -> Vec<Finding> {
    let anchors = [anchor("key", Material::PublicKey(key().public().to_pem()))];
    judge(KIND, objects, &own(bytes), bytes, &anchors, DAY)
}

#[test]
fn a_layer_reaches_the_level_of_the_manifest_that_names_it() {
    let (files, image) = signed();
    for bytes in [LAYER, CONFIG] {
        let proof = proof(&files, bytes).unwrap();
        assert_eq!((proof.kind, proof.objects[0]), (KIND, digest(&image)));
        let findings = judged(objects(&files, &proof), bytes);
        assert_eq!(outcome(&findings), PUBLISHER, "{findings:?}");
        assert_eq!(
            (findings.len(), findings[0].kind.as_str(), findings[0].signers.len()),
            (1, KIND, 1)
        );
        let words = format!("named by the manifest {}, which is signed (cosign)", digest(&image));
        assert!(findings[0].reason.starts_with(&words), "{}", findings[0].reason);
        assert!(findings[0].notes.is_empty() && findings[0].anchors == ["key"]);
    }
    // What the image does not name has nothing by it: the image itself, and its signature.
    let manifest = &files.files[&oci::blob_path(&digest(&image))];
    assert_eq!(proof(&files, manifest), None);
    // Where a key is not pinned nothing is proven, and where nobody signed there is no proof.
    let all = objects(&files, &proof(&files, LAYER).unwrap());
    let findings = judge(KIND, all, &own(LAYER), LAYER, &[], DAY);
    assert!(matches!(outcome(&findings), Outcome::Undecided(_)), "{findings:?}");
    assert!(findings[0].reason.contains("could not be judged"), "{findings:?}");
    let mut unsigned = Files::new();
    let image = unsigned.image();
    unsigned.list(&image, json!({}));
    assert_eq!(proof(&unsigned, LAYER), None);
}

#[test]
fn an_index_that_is_signed_vouches_for_its_manifests_and_what_they_name() {
    let (files, image, index) = signed_index();
    let manifest = files.files[&oci::blob_path(&digest(&image))].clone();
    for (bytes, chain) in [
        (manifest.as_slice(), vec![digest(&index)]),
        (LAYER, vec![digest(&index), digest(&image)]),
    ] {
        let proof = proof(&files, bytes).unwrap();
        assert_eq!(proof.objects[..chain.len()], chain);
        let findings = judged(objects(&files, &proof), bytes);
        assert_eq!(outcome(&findings), PUBLISHER, "{findings:?}");
        assert!(
            findings[0].reason.contains(&format!("the index {}", digest(&index))),
            "{findings:?}"
        );
    }
    // Of two ways the shorter one: the image is signed as well.
    let mut both = files;
    let signature = both.signature(&key(), &image, &[]);
    both.list(&image, json!({}));
    both.list(&signature, tag(&image));
    assert_eq!(proof(&both, LAYER).unwrap().objects[0], digest(&image));
}

#[test]
fn every_link_is_held_against_the_one_before() {
    let (files, _) = signed();
    let all = objects(&files, &proof(&files, LAYER).unwrap());
    assert_eq!(outcome(&judged(all.clone(), LAYER)), PUBLISHER);
    let found = |objects: &[Vec<u8>], bytes: &[u8]| outcome(&judged(objects.to_vec(), bytes));
    // Other bytes, which the manifest does not name.
    assert_eq!(found(&all, b"b layer"), DIFFERS);
    // A manifest that was never signed.
    let mut changed = all.clone();
    changed[0] = String::from_utf8(changed[0].clone())
        .unwrap()
        .replace("layer.v1", "layer.v2")
        .into_bytes();
    assert_eq!(found(&changed, LAYER), DIFFERS);
    // The right digest under another size, signed as it is.
    let mut sized = Files::new();
    let mut layer = sized.blob("application/vnd.oci.image.layer.v1.tar", LAYER);
    layer["size"] = json!(LAYER.len() + 1);
    let wrong = sized.manifest(&json!([layer]), &[]);
    let signature = sized.signature(&key(), &wrong, &[]);
    let mut objects: Vec<Vec<u8>> = [&wrong, &signature]
        .map(|named| sized.files[&oci::blob_path(&digest(named))].clone())
        .into();
    objects.push(all[2].clone());
    let findings = judged(objects, LAYER);
    assert!(
        findings[0].reason.contains("with 8 bytes, and it has 7"),
        "{findings:?}"
    );
    assert_eq!(outcome(&findings), DIFFERS);
    // A manifest between that the signed index does not name: it is taken for a signature, and the index does not name the layer.
    let (indexed, ..) = signed_index();
    let chain = self::objects(&indexed, &proof(&indexed, LAYER).unwrap());
    let mut foreign = chain.clone();
    foreign[1] = changed[0].clone();
    assert_eq!(found(&foreign, LAYER), DIFFERS);
    let mut without = chain.clone();
    without.remove(1);
    assert_eq!(found(&without, LAYER), DIFFERS);
    // One that it names with another size.
    let named = String::from_utf8(chain[0].clone()).unwrap();
    let size = format!("\"size\":{}", chain[1].len());
    assert!(named.contains(&size));
    let mut resized = chain;
    resized[0] = named.replace(&size, "\"size\":1").into_bytes();
    let findings = judged(resized, LAYER);
    assert_eq!(outcome(&findings), DIFFERS);
    assert!(findings[0].reason.contains("with 1 bytes, and it has"), "{findings:?}");
}

#[test]
fn a_wrong_signature_and_a_proof_that_is_not_whole_say_so() {
    let (files, _) = signed();
    let all = objects(&files, &proof(&files, LAYER).unwrap());
    let found = |objects: Vec<Vec<u8>>| judged(objects, LAYER);
    let mut wrong = all.clone();
    let signature = String::from_utf8(wrong[1].clone()).unwrap();
    let at = signature.find("cosignproject.cosign/signature\":\"").unwrap() + 40;
    let other = if &signature[at..=at] == "A" { "B" } else { "A" };
    wrong[1] = format!("{}{other}{}", &signature[..at], &signature[at + 1..]).into_bytes();
    let findings = found(wrong);
    assert!(!findings.iter().any(Finding::is_confirmed), "{findings:?}");
    let incomplete = Outcome::Undecided(Doubt::Incomplete);
    assert_eq!(outcome(&found(Vec::new())), incomplete);
    assert_eq!(outcome(&found(all[..1].to_vec())), incomplete);
    assert_eq!(outcome(&found(vec![b"{".to_vec()])), incomplete);
    let many: Vec<Vec<u8>> = all.iter().cloned().chain((0..300).map(|_| b"{}".to_vec())).collect();
    assert_eq!(outcome(&found(many)), incomplete);
    // Indexes above indexes.
    let mut deep = Files::new();
    let mut top = deep.image();
    let mut chain = vec![top.clone()];
    for _ in 0..9 {
        top = deep.document(
            INDEX,
            &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [top]}),
        );
        chain.insert(0, top.clone());
    }
    let objects = chain
        .iter()
        .map(|named| deep.files[&oci::blob_path(&digest(named))].clone())
        .collect();
    assert_eq!(outcome(&found(objects)), Outcome::Undecided(Doubt::TooLarge));
}

#[test]
fn layers_that_lie_elsewhere_are_noted() {
    for layer in [
        json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "urls": ["https://registry.example.com/x"]}),
        json!({"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}),
        json!({"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar"}),
    ] {
        let mut files = Files::new();
        let here = files.blob("application/vnd.oci.image.layer.v1.tar", LAYER);
        let mut elsewhere = files.blob("x/y", b"elsewhere");
        for (name, value) in layer.as_object().unwrap() {
            elsewhere[name] = value.clone();
        }
        let image = files.manifest(&json!([here, elsewhere]), &[]);
        let signature = files.signature(&key(), &image, &[]);
        files.list(&image, json!({}));
        files.list(&signature, tag(&image));
        let findings = judged(objects(&files, &proof(&files, LAYER).unwrap()), LAYER);
        assert_eq!(outcome(&findings), PUBLISHER);
        assert!(
            findings[0].notes[0].contains("1 layers that lie elsewhere"),
            "{findings:?}"
        );
    }
}

#[test]
fn a_document_that_stands_alone_is_one_thing() {
    let config = json!({"mediaType": "a/b", "digest": Digest::of(b"x"), "size": 1});
    let read = |document: &Value| Document::alone(document.to_string().into_bytes());
    assert!(read(&json!({"schemaVersion": 2, "config": config, "layers": []})).is_ok());
    assert!(read(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []})).is_ok());
    for wrong in [
        json!({}),
        json!({"schemaVersion": 1, "config": config, "layers": []}),
        json!({"schemaVersion": 2, "config": config, "layers": [], "manifests": []}),
        json!({"schemaVersion": 2, "mediaType": INDEX, "config": config, "layers": []}),
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "manifests": []}),
        json!({"schemaVersion": 2, "mediaType": "a/b", "manifests": []}),
        json!({"schemaVersion": 2, "layers": []}),
    ] {
        assert!(read(&wrong).is_err(), "{wrong}");
    }
    let long = vec![b' '; usize::try_from(oci::MAX_DOCUMENT_BYTES).unwrap() + 1];
    assert!(matches!(Document::alone(long), Err(LayoutError::OverLimit { .. })));
}
