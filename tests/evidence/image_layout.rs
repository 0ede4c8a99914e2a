//! OCI image layouts: `07-oci/layouts`, and layouts of our own whose images are signed in each of the ways in which signatures are attached.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::archive::oci::{self, Check, Layout, LayoutError, LayoutFiles};
use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::Signer as _;
use sealift::evidence::image_layout::{self, ImageProof};
use sealift::model::{Digest, Fault, Level, Material, Outcome};
use serde_json::{Value, json};

use crate::data::{Judged, Row};
use crate::support::{DAY, anchor, artifact, judge, outcome};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const NAME: &str = "registry.example.com/acme/tool";

struct Folder(PathBuf);

impl LayoutFiles for Folder {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(File::open(self.0.join(path))?))
    }
}

/// A layout in memory.
#[derive(Clone, Default)]
pub(crate) struct Files {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) entries: Vec<Value>,
}

impl LayoutFiles for Files {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        let bytes = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Cursor::new(bytes)))
    }
}

/// A layout of which one read, by its number, fails.
struct Broken {
    files: Files,
    fails_at: usize,
    reads: Cell<usize>,
}

impl LayoutFiles for Broken {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(BrokenFile {
            layout: self,
            file: self.files.open(path)?,
        }))
    }
}

struct BrokenFile<'a> {
    layout: &'a Broken,
    file: Box<dyn Read + 'a>,
}

impl Read for BrokenFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let number = self.layout.reads.replace(self.layout.reads.get() + 1);
        if number == self.layout.fails_at {
            return Err(io::Error::other("the disk cannot be read here"));
        }
        self.file.read(buffer)
    }
}

impl Files {
    pub(crate) fn new() -> Self {
        let mut this = Self::default();
        this.put("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
        this
    }

    pub(crate) fn put(&mut self, path: &str, bytes: Vec<u8>) {
        self.files.insert(path.to_owned(), bytes);
    }

    /// Adds a blob, and gives its descriptor.
    pub(crate) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        self.put(&oci::blob_path(&digest), bytes.to_vec());
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    pub(crate) fn document(&mut self, media_type: &str, document: &Value) -> Value {
        self.blob(media_type, document.to_string().as_bytes())
    }

    pub(crate) fn manifest(&mut self, layers: &Value, more: &[(&str, Value)]) -> Value {
        let config = self.blob("application/vnd.oci.image.config.v1+json", b"{}");
        let mut document = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        for (name, value) in more {
            document[*name] = value.clone();
        }
        self.document(MANIFEST, &document)
    }

    /// An image with one layer.
    pub(crate) fn image(&mut self) -> Value {
        let layer = self.blob("application/vnd.oci.image.layer.v1.tar", b"a layer");
        self.manifest(&json!([layer]), &[])
    }

    /// cosign's manifest of one signature about an image, with a subject or without.
    pub(crate) fn signature(&mut self, key: &FileKey, image: &Value, more: &[(&str, Value)]) -> Value {
        let payload = json!({"critical": {"identity": {"docker-reference": NAME},
            "image": {"docker-manifest-digest": image["digest"]}, "type": "cosign container image signature"}});
        let payload = payload.to_string().into_bytes();
        let mut layer = self.blob(SIMPLE, &payload);
        let signature = STANDARD.encode(key.sign(&payload).unwrap());
        layer["annotations"] = json!({"dev.cosignproject.cosign/signature": signature});
        self.manifest(&json!([layer]), more)
    }

    pub(crate) fn list(&mut self, descriptor: &Value, annotations: Value) {
        let mut entry = descriptor.clone();
        entry["annotations"] = annotations;
        self.entries.push(entry);
    }

    pub(crate) fn read_with(&self, check: Check) -> (Self, Result<Layout, LayoutError>) {
        let mut this = self.clone();
        let index = json!({"schemaVersion": 2, "manifests": self.entries});
        this.files
            .entry("index.json".to_owned())
            .or_insert_with(|| index.to_string().into_bytes());
        let layout = oci::read(&this, check);
        (this, layout)
    }

    fn read(&self) -> Result<Layout, LayoutError> {
        self.read_with(Check::EveryBlob).1
    }

    fn proofs(&self, image: &Value) -> Vec<ImageProof> {
        image_layout::proofs(&self.read().unwrap(), &digest(image))
    }
}

pub(crate) fn digest(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().unwrap().parse().unwrap()
}

pub(crate) fn tag(image: &Value) -> Value {
    json!({"org.opencontainers.image.ref.name": format!("sha256-{}.sig", digest(image).hex())})
}

/// Lists an image and its signature.
type Attach = fn(&mut Files, &FileKey, &Value);

/// Judges a row of the collection.
pub(crate) fn collection(row: &Row) -> Judged {
    let folder = Folder(row.path(row.files.trim_end_matches('/')).clone());
    let folder = if folder.0.is_dir() {
        folder
    } else {
        Folder(row.path(&row.case))
    };
    let read = oci::read(&folder, Check::EveryBlob);
    if row.case == "layouts/test_index" {
        let layout = read.as_ref().unwrap();
        // Two images, one in an index of each of the two forms; nobody signed them.
        assert_eq!(layout.entries.len(), 4);
        for image in layout.images() {
            assert!(image_layout::proofs(layout, &image.descriptor.digest).is_empty());
        }
    }
    Judged::Answer(read.map(|_| ()).map_err(|error| error.to_string()))
}

#[test]
fn a_signature_is_found_however_it_is_attached_and_judged_by_its_kind() {
    let key = FileKey::from_seed(&[1; 32]);
    let attach: [(&str, Attach); 4] = [
        ("by its tag", |files, key, image| {
            let signature = files.signature(key, image, &[]);
            files.list(image, json!({}));
            files.list(&signature, tag(image));
        }),
        ("by its subject", |files, key, image| {
            let signature = files.signature(key, image, &[("subject", image.clone())]);
            files.list(image, json!({}));
            files.list(&signature, json!({}));
        }),
        ("by cosign save", |files, key, image| {
            let signature = files.signature(key, image, &[]);
            let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [signature]});
            let list = files.document(INDEX, &list);
            files.list(image, json!({"kind": "dev.cosignproject.cosign/image"}));
            files.list(&list, json!({"kind": "dev.cosignproject.cosign/sigs"}));
        }),
        ("within an index", |files, key, image| {
            let signature = files.signature(key, image, &[("subject", image.clone())]);
            let list = json!({"schemaVersion": 2, "manifests": [image, signature]});
            let list = files.document(INDEX, &list);
            files.list(&list, json!({}));
        }),
    ];
    for (how, attach) in attach {
        let mut files = Files::new();
        let image = files.image();
        attach(&mut files, &key, &image);
        let (files, layout) = files.read_with(Check::EveryBlob);
        let layout = layout.unwrap();
        let proofs = image_layout::proofs(&layout, &digest(&image));
        assert_eq!(proofs.len(), 1, "{how}");
        assert_eq!(proofs[0].kind, "cosign", "{how}");
        let objects = image_layout::objects(&layout, &files, &proofs[0]).unwrap();
        let manifest = &files.files[&oci::blob_path(&digest(&image))];
        let anchors = [anchor("key", Material::PublicKey(key.public().to_pem()))];
        for (ecosystem, name, expected) in [
            ("oci", NAME, Outcome::Confirmed(Level::Publisher)),
            (
                "oci",
                "registry.example.com/acme/other",
                Outcome::Contradicted(Fault::SubjectDiffers),
            ),
            // A file of a set has no registry's name.
            ("files", "tool", Outcome::Confirmed(Level::Publisher)),
        ] {
            let own = artifact(ecosystem, name, "1", "manifest.json", manifest);
            let findings = judge("cosign", objects.clone(), &own, manifest, &anchors, DAY);
            assert_eq!(outcome(&findings), expected, "{how} {name}");
        }
        let other = artifact("files", "tool", "1", "manifest.json", b"{}");
        let findings = judge("cosign", objects, &other, b"{}", &anchors, DAY);
        assert_eq!(
            outcome(&findings),
            Outcome::Contradicted(Fault::SubjectDiffers),
            "{how}"
        );
        // The signatures' own manifest is nobody's image but where only the place tells it.
        assert!(
            layout
                .images()
                .any(|document| document.descriptor.digest == digest(&image))
        );
    }
}

#[test]
fn kinds_are_told_by_media_types() {
    let mut files = Files::new();
    let image = files.image();
    let other = files.manifest(&json!([]), &[]);
    files.list(&image, json!({}));
    files.list(&other, json!({}));
    let subject = ("subject", image.clone());
    for (media_type, artifact_type) in [
        ("application/jose+json", "application/vnd.cncf.notary.signature"),
        (
            "application/vnd.dev.sigstore.bundle.v0.3+json",
            "application/vnd.dev.sigstore.bundle.v0.3+json",
        ),
        ("application/spdx+json", "application/spdx+json"),
    ] {
        let layer = files.blob(media_type, media_type.as_bytes());
        let manifest = files.manifest(
            &json!([layer]),
            &[subject.clone(), ("artifactType", json!(artifact_type))],
        );
        files.list(&manifest, json!({}));
    }
    let found: Vec<(&str, usize)> = files
        .proofs(&image)
        .iter()
        .map(|proof| (proof.kind, proof.objects.len()))
        .collect();
    assert_eq!(found, [("notation", 1), ("sigstore", 1)]);
    assert!(files.proofs(&other).is_empty());
    // With two images nobody knows whose saved signatures are.
    let mut files = Files::new();
    let image = files.image();
    let other = files.manifest(&json!([]), &[]);
    let signature = files.signature(&FileKey::from_seed(&[1; 32]), &image, &[]);
    for (descriptor, kind) in [(&image, "image"), (&other, "image"), (&signature, "sigs")] {
        files.list(descriptor, json!({"kind": format!("dev.cosignproject.cosign/{kind}")}));
    }
    assert!(files.proofs(&image).is_empty());
}

#[test]
fn what_is_not_what_it_says_is_refused() {
    let refused = |change: &dyn Fn(&mut Files, Value)| {
        let mut files = Files::new();
        let image = files.image();
        files.list(&image, json!({}));
        assert!(files.read().is_ok());
        change(&mut files, image);
        files.read().map(|_| ()).unwrap_err().to_string()
    };
    let of = |image: &Value| oci::blob_path(&digest(image));
    let layer = oci::blob_path(&Digest::of(b"a layer"));
    for (words, change) in [
        (
            "not there",
            &(|files: &mut Files, image: Value| drop(files.files.remove(&of(&image)))) as &dyn Fn(&mut Files, Value),
        ),
        ("not there", &|files, _| drop(files.files.remove(&layer))),
        ("not there", &|files, _| drop(files.files.remove("oci-layout"))),
        ("another digest", &|files, _| files.put(&layer, b"b layer".to_vec())),
        ("another size", &|files, _| {
            files.put(&layer, b"a layer and more".to_vec())
        }),
        ("another size", &|files, _| files.put(&layer, b"a".to_vec())),
        ("another digest", &|files, image| {
            let changed = String::from_utf8(files.files[&of(&image)].clone()).unwrap();
            files.put(&of(&image), changed.replace("layer.v1", "layer.v2").into_bytes());
        }),
        ("another size", &|files, _| {
            files.entries[0]["size"] = json!(1);
        }),
        ("version", &|files, _| {
            files.put("oci-layout", br#"{"imageLayoutVersion":"2.0.0"}"#.to_vec())
        }),
        ("no image index", &|files, _| {
            files.put("index.json", br#"{"schemaVersion":1}"#.to_vec())
        }),
        ("malformed", &|files, _| files.put("index.json", vec![b'['; 1 << 20])),
        ("more than 4194304 bytes", &|files, _| {
            files.put("index.json", vec![b' '; (4 << 20) + 1])
        }),
        ("more than 4194304 bytes", &|files, _| {
            let large = files.blob(INDEX, &vec![b' '; (4 << 20) + 1]);
            files.list(&large, json!({}));
        }),
        // What one reader takes for a manifest and another for an index.
        ("not of the form", &|files, _| {
            let both = json!({"schemaVersion": 2, "config": files.entries[0], "layers": [], "manifests": []});
            let both = files.document(MANIFEST, &both);
            files.list(&both, json!({}));
        }),
        ("not of the form", &|files, image| {
            let mut as_index = image.clone();
            as_index["mediaType"] = json!(INDEX);
            files.entries = vec![as_index];
        }),
        ("its own media type", &|files, image| {
            let config = files.blob("application/vnd.oci.image.config.v1+json", b"{}");
            let torn = json!({"schemaVersion": 2, "mediaType": INDEX, "config": config, "layers": [image]});
            let torn = files.document(MANIFEST, &torn);
            files.list(&torn, json!({}));
        }),
        ("as a manifest and as an index", &|files, image| {
            files.entries[0]["mediaType"] = json!(MANIFEST);
            let mut as_index = image;
            as_index["mediaType"] = json!(INDEX);
            files.list(&as_index, json!({}));
        }),
        ("duplicate field", &|files, _| {
            let twice = files.blob(INDEX, br#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#);
            files.list(&twice, json!({}));
        }),
        ("indexes within indexes", &|files, image| {
            let mut inner = image;
            for _ in 0..9 {
                inner = files.document(INDEX, &json!({"schemaVersion": 2, "manifests": [inner]}));
            }
            files.list(&inner, json!({}));
        }),
    ] {
        let said = refused(change);
        assert!(said.contains(words), "{words}: {said}");
    }
    // Who looks at documents alone leaves layers to others, and no document.
    let mut files = Files::new();
    let image = files.image();
    files.list(&image, json!({}));
    files.files.remove(&layer);
    assert!(files.read_with(Check::Documents).1.is_ok());
    files.files.remove(&of(&image));
    assert!(files.read_with(Check::Documents).1.is_err());
}

#[test]
fn a_layout_that_cannot_be_read_is_not_called_wrong() {
    let mut files = Files::new();
    let image = files.image();
    files.list(&image, json!({}));
    let files = files.read_with(Check::EveryBlob).0;
    let read = |fails_at| {
        let reads = Cell::new(0);
        let files = files.clone();
        let broken = Broken { files, fails_at, reads };
        let read = oci::read(&broken, Check::EveryBlob);
        (read, broken.reads.get())
    };
    let (whole, reads) = read(usize::MAX);
    assert!(whole.is_ok());
    for number in 0..reads {
        let error = read(number).0.unwrap_err();
        assert!(matches!(error, LayoutError::Unreadable { .. }), "{number}: {error}");
    }
}
