//! Proofs that lie beside files in a folder: `X.asc`, `X.sigstore.json` and their kin beside `X`, signed lists of checksums, and a model's signature,
//! which lists its files.
//!
//! They are proofs of `X` and no artifacts of their own; whatever is not recognised stays an ordinary file. A link is not followed, and
//! what cannot be read, or is larger than a proof, is not recognised.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::archive::oci::{self, Check, LayoutError, LayoutFiles};
use crate::evidence::beside::{self, MAX_BESIDE_BYTES, MODEL_SIGNING, SIGNED_CHECKSUMS, SignedList};
use crate::evidence::image_layout;

/// The proofs in one folder.
#[derive(Debug, Default)]
pub(super) struct Beside {
    folder: PathBuf,
    /// By the file that they are about: kinds, and the names of the files that hold them.
    about: BTreeMap<String, Vec<(&'static str, String)>>,
    /// Signed lists: their names, what they name, and their signatures' names.
    lists: Vec<(String, SignedList, Vec<String>)>,
    /// Signatures of models: their names, and the files that they list.
    models: Vec<(String, BTreeSet<String>)>,
    /// Images of a layout by their paths, with the proofs that the layout holds.
    images: ImageProofs,
    /// The names of all files that are proofs.
    proofs: BTreeSet<String>,
    /// What an image layout lacks, in words.
    lacking: Option<String>,
}

/// A proof of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The kind.
    pub(super) kind: &'static str,
    /// The files that are its objects, in their order.
    pub(super) paths: Vec<PathBuf>,
}

impl Beside {
    /// Looks into one folder, and into none below it.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        // A folder may hold a million files: only the names of those that may be proofs are kept.
        let mut signatures = BTreeSet::new();
        let mut lists = BTreeSet::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let is_signature = beside::about(&name).is_some();
            let is_list = beside::may_be_list(&name);
            if (is_signature || is_list) && entry.file_type()?.is_file() {
                if is_list {
                    lists.insert(name.clone());
                }
                if is_signature {
                    signatures.insert(name);
                }
            }
        }
        let mut this = Self {
            folder: folder.to_owned(),
            ..Self::default()
        };
        if this.is_file("oci-layout") {
            match image_proofs(folder) {
                Ok((images, lacking)) => (this.images, this.lacking) = (images, lacking),
                Err(error) => {
                    let text = format!("the image layout is not whole, and no signature in it is taken: {error}");
                    this.lacking = Some(text);
                }
            }
        }
        for name in &lists {
            this.take_list(name, &signatures);
        }
        for name in &signatures {
            this.take_signature(name);
        }
        Ok(this)
    }

    /// Takes a list that is signed, and names a file that is there.
    fn take_list(&mut self, name: &str, signatures: &BTreeSet<String>) {
        let Some(bytes) = self.bytes(name) else {
            return;
        };
        let beside: Vec<String> = signatures
            .iter()
            .filter(|signature| {
                beside::about(signature).is_some_and(|(about, _)| about == name)
                    && self
                        .bytes(signature)
                        .is_some_and(|bytes| beside::recognise_signature(&bytes).is_some())
            })
            .cloned()
            .collect();
        let list = match beside.is_empty() {
            true => SignedList::inline(&bytes),
            false => SignedList::beside(&bytes),
        };
        if let Some(list) = list.filter(|list| self.is_about_something(name, list)) {
            self.keep_list(name, list, beside);
        }
    }

    fn keep_list(&mut self, name: &str, list: SignedList, signatures: Vec<String>) {
        self.proofs.insert(name.to_owned());
        self.proofs.extend(signatures.iter().cloned());
        self.lists.push((name.to_owned(), list, signatures));
    }

    fn take_signature(&mut self, name: &str) {
        let Some((about, _)) = beside::about(name) else {
            return;
        };
        if self.proofs.contains(name) {
            return;
        }
        let Some(bytes) = self.bytes(name) else {
            return;
        };
        // `model.sig`, or whatever it is called: it is about the files that it lists, and not about one called `model`.
        if let Some(files) = beside::named_in_model(&bytes)
            && files.iter().any(|file| self.is_file(file))
        {
            self.proofs.insert(name.to_owned());
            self.models.push((name.to_owned(), files));
            return;
        }
        // `SHA256SUMS.asc` may be the list itself, as a signed text.
        if beside::may_be_list(about)
            && let Some(list) = SignedList::inline(&bytes).filter(|list| self.is_about_something(about, list))
        {
            self.keep_list(name, list, Vec::new());
            return;
        }
        if !self.is_file(about) {
            return;
        }
        if let Some(kind) = beside::recognise(&bytes) {
            self.proofs.insert(name.to_owned());
            let found = self.about.entry(about.to_owned()).or_default();
            found.push((kind, name.to_owned()));
        }
    }

    fn is_about_something(&self, name: &str, list: &SignedList) -> bool {
        match list.files() {
            Some(files) => files.iter().any(|file| self.is_file(file)),
            None => beside::about_alone(name).is_some_and(|file| self.is_file(file)),
        }
    }

    fn is_file(&self, name: &str) -> bool {
        use std::path::Component;
        // A list's author names what he likes; it is about this folder or about nothing.
        let within = Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        within && fs::symlink_metadata(self.folder.join(name)).is_ok_and(|metadata| metadata.is_file())
    }

    /// A file's bytes, if it can be a proof.
    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(self.folder.join(name)).ok()?;
        file.take(MAX_BESIDE_BYTES + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= MAX_BESIDE_BYTES).then_some(bytes)
    }

    /// What an image layout lacks, in words.
    pub(super) fn lacking(&self) -> Option<&str> {
        self.lacking.as_deref()
    }

    /// Whether a file of this folder is a proof of others.
    pub(super) fn is_proof(&self, name: &str) -> bool {
        self.proofs.contains(name)
    }

    /// The proofs of a file of this folder, ascending by kind.
    pub(super) fn of(&self, name: &str) -> Vec<Found> {
        let mut found: BTreeMap<&'static str, Vec<PathBuf>> = BTreeMap::new();
        for (kind, proof) in self.about.get(name).into_iter().flatten() {
            found.entry(kind).or_default().push(self.folder.join(proof));
        }
        self.with_lists(name, found)
    }

    /// What this folder says of a file below it, by its path: lists and models that name it, and signatures of images in a layout.
    pub(super) fn of_below(&self, path: &str) -> Vec<Found> {
        let found = self.images.get(path).into_iter().flatten();
        self.with_lists(path, found.map(|found| (found.kind, found.paths.clone())).collect())
    }

    /// One list of several that name a file is enough: a proof's objects are one list with its signatures.
    fn with_lists(&self, name: &str, mut found: BTreeMap<&'static str, Vec<PathBuf>>) -> Vec<Found> {
        let list = self.lists.iter().find(|(own, list, _)| list.names(own, name));
        if let Some((own, _, signatures)) = list {
            let names = std::iter::once(own).chain(signatures);
            found.insert(SIGNED_CHECKSUMS, names.map(|name| self.folder.join(name)).collect());
        }
        let models = self.models.iter().filter(|(_, files)| files.contains(name));
        let models: Vec<PathBuf> = models.map(|(own, _)| self.folder.join(own)).collect();
        if !models.is_empty() {
            found.insert(MODEL_SIGNING, models);
        }
        let found = found.into_iter();
        found.map(|(kind, paths)| Found { kind, paths }).collect()
    }
}

/// Proofs by the blob that they are about.
type ImageProofs = BTreeMap<String, Vec<Found>>;

/// The proofs that an image layout holds about its images, and what it lacks, in words. Its blobs stay files of the set: clients read the folder as it is.
fn image_proofs(folder: &Path) -> Result<(ImageProofs, Option<String>), LayoutError> {
    let layout = oci::read(&LayoutFolder(folder), Check::Documents)?;
    let mut images = BTreeMap::new();
    for document in layout.images() {
        let image = document.descriptor.digest;
        let found: Vec<Found> = image_layout::proofs(&layout, &image)
            .into_iter()
            .map(|proof| Found {
                kind: proof.kind,
                paths: proof
                    .objects
                    .iter()
                    .map(|digest| folder.join(oci::blob_path(digest)))
                    .collect(),
            })
            .collect();
        images.insert(oci::blob_path(&image), found);
    }
    for (named, proof) in image_layout::contents(&layout) {
        let paths = proof.objects.iter().map(|digest| folder.join(oci::blob_path(digest)));
        images.entry(oci::blob_path(&named)).or_default().push(Found {
            kind: proof.kind,
            paths: paths.collect(),
        });
    }
    let layers = layout.documents.values().flat_map(|document| &document.layers);
    let missing: BTreeSet<String> = layers
        .map(|layer| (oci::blob_path(&layer.digest), layer.size))
        .filter(|(path, size)| {
            let found = fs::symlink_metadata(folder.join(path));
            !found.is_ok_and(|found| found.is_file() && found.len() == *size)
        })
        .map(|(path, _)| path)
        .collect();
    let lacking = missing.first().map(|first| {
        let count = missing.len();
        format!("the image layout is not whole: blobs that its manifests name are not there with their size: {count}, the first {first}")
    });
    Ok((images, lacking))
}

struct LayoutFolder<'a>(&'a Path);

impl LayoutFiles for LayoutFolder<'_> {
    fn open(&self, path: &str) -> io::Result<Box<dyn io::Read + '_>> {
        let path = self.0.join(path);
        // A link may lead anywhere.
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Box::new(File::open(path)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARMOR: &str = "-----BEGIN PGP SIGNATURE-----\n";
    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Beside) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let beside = Beside::read(folder.path()).unwrap();
        (folder, beside)
    }

    fn names(found: &[Found]) -> Vec<(&'static str, Vec<String>)> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let found = found.iter();
        found
            .map(|found| (found.kind, found.paths.iter().map(name).collect()))
            .collect()
    }

    #[test]
    fn what_lies_beside_a_file_is_told_by_its_bytes() {
        let (_folder, beside) = folder(&[
            ("a", "x"),
            ("a.asc", ARMOR),
            ("a.sig", "-----BEGIN SSH SIGNATURE-----\n"),
            ("a.sign", ARMOR),
            // Not recognised, about nothing, not a proof at all.
            ("a.p7s", "no signature"),
            ("b.asc", ARMOR),
            ("c", "x"),
        ]);
        assert_eq!(
            names(&beside.of("a")),
            [
                ("openpgp", vec!["a.asc".to_owned(), "a.sign".to_owned()]),
                ("sshsig", vec!["a.sig".to_owned()]),
            ]
        );
        assert!(beside.of("c").is_empty() && beside.of("b").is_empty());
        for (name, is_proof) in [
            ("a.asc", true),
            ("a.sig", true),
            ("a.sign", true),
            ("a.p7s", false),
            ("b.asc", false),
            ("a", false),
        ] {
            assert_eq!(beside.is_proof(name), is_proof, "{name}");
        }
    }

    #[test]
    fn signed_lists_are_proofs_of_what_they_name() {
        let list = format!("{SUM}  a\n{SUM}  d/e\n");
        let own = |name: &str| name.to_owned();
        let (_folder, beside) = folder(&[
            ("a", "x"),
            ("b", "x"),
            ("d/e", "x"),
            ("SHA256SUMS", &list),
            ("SHA256SUMS.asc", ARMOR),
            ("SHA256SUMS.gpg", ARMOR),
            // Signed, and about nothing here; not signed.
            ("other_checksums.txt", &format!("{SUM}  z\n")),
            ("other_checksums.txt.asc", ARMOR),
            ("sha512sums.txt", &list),
            ("b.sha256", SUM),
            ("b.sha256.asc", ARMOR),
            ("gone.sha256", SUM),
            ("gone.sha256.asc", ARMOR),
        ]);
        let expected = (
            "signed-checksums",
            vec![own("SHA256SUMS"), own("SHA256SUMS.asc"), own("SHA256SUMS.gpg")],
        );
        assert_eq!(names(&beside.of("a")), std::slice::from_ref(&expected));
        assert_eq!(names(&beside.of_below("d/e")), [expected]);
        assert_eq!(
            names(&beside.of("b")),
            [("signed-checksums", vec![own("b.sha256"), own("b.sha256.asc")])]
        );
        for (name, is_proof) in [
            ("SHA256SUMS", true),
            ("SHA256SUMS.asc", true),
            ("b.sha256", true),
            ("other_checksums.txt", false),
            ("sha512sums.txt", false),
            ("gone.sha256", false),
        ] {
            assert_eq!(beside.is_proof(name), is_proof, "{name}");
        }
        // It is a file of its own with a signature, whatever it lists.
        assert_eq!(
            names(&beside.of("other_checksums.txt")),
            [("openpgp", vec![own("other_checksums.txt.asc")])]
        );

        let framed = format!("-----BEGIN PGP SIGNED MESSAGE-----\n\n{list}{ARMOR}");
        for name in ["SHA256SUMS", "SHA256SUMS.asc"] {
            let (_folder, beside) = folder(&[("a", "x"), (name, &framed)]);
            assert_eq!(names(&beside.of("a")), [("signed-checksums", vec![own(name)])]);
            assert!(beside.is_proof(name));
        }
    }

    #[test]
    fn a_link_in_a_layout_leads_nowhere() {
        let (outside, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret"), "x").unwrap();
        fs::write(folder.path().join("blob"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("link")).unwrap();
        let layout = LayoutFolder(folder.path());
        assert!(layout.open("blob").is_ok());
        for path in ["link", ".", "none"] {
            assert!(layout.open(path).is_err(), "{path}");
        }
    }

    #[test]
    fn an_image_layout_says_whose_its_signatures_are() {
        let blob = |bytes: &str, media_type: &str| {
            let digest = crate::model::Digest::of(bytes.as_bytes());
            let descriptor = format!(
                r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}"#,
                bytes.len()
            );
            (oci::blob_path(&digest), descriptor)
        };
        const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
        let image = format!(
            r#"{{"schemaVersion":2,"config":{}}},"layers":[]}}"#,
            blob("{}", "a/b").1
        );
        let (image_path, image_descriptor) = blob(&image, MANIFEST);
        let (envelope_path, envelope) = blob("{\"payload\":\"\"}", "application/jose+json");
        let signature = format!(
            r#"{{"schemaVersion":2,"artifactType":"application/vnd.cncf.notary.signature","config":{}}},"layers":[{envelope}}}],"subject":{image_descriptor}}}}}"#,
            blob("{}", "a/b").1
        );
        let (signature_path, signature_descriptor) = blob(&signature, MANIFEST);
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{image_descriptor}}},{signature_descriptor}}}]}}"#);
        let files = [
            ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#),
            ("index.json", index.as_str()),
            (image_path.as_str(), image.as_str()),
            (signature_path.as_str(), signature.as_str()),
            (envelope_path.as_str(), "{\"payload\":\"\"}"),
        ];
        let (_folder, beside) = folder(&files);
        let envelope = envelope_path.rsplit('/').next().unwrap().to_owned();
        assert_eq!(
            names(&beside.of_below(&image_path)),
            [("notation", vec![envelope.clone()])]
        );
        // What the image names has its signatures too, behind the image itself.
        let (config_path, _) = blob("{}", "a/b");
        let image_name = image_path.rsplit('/').next().unwrap().to_owned();
        assert_eq!(
            names(&beside.of_below(&config_path)),
            [("oci-content", vec![image_name, envelope])]
        );
        assert!(beside.of_below(&signature_path).is_empty());
        // Everything stays a file of the set; a layout that is not what it says tells nothing.
        assert!(!beside.is_proof("index.json"));
        // Its configuration is named and not there.
        assert!(
            beside
                .lacking()
                .is_some_and(|text| text.contains("size: 1, the first") && text.ends_with(&config_path)),
            "{:?}",
            beside.lacking()
        );
        let (_folder, whole) = folder(&[&files[..], &[(config_path.as_str(), "{}")]].concat());
        assert_eq!(whole.lacking(), None);
        let (_folder, beside) = folder(&files[..3]);
        assert!(beside.of_below(&image_path).is_empty());
        let lacking = beside.lacking().unwrap();
        assert!(
            lacking.ends_with(&format!("{signature_path} is named and not there")),
            "{lacking}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_and_large_files_are_no_proofs() {
        let (folder, _) = folder(&[("a", "x"), ("elsewhere", ARMOR)]);
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), folder.path().join("a.asc")).unwrap();
        let large = format!("{ARMOR}{}", " ".repeat(usize::try_from(MAX_BESIDE_BYTES).unwrap()));
        fs::write(folder.path().join("a.sig"), large).unwrap();
        let beside = Beside::read(folder.path()).unwrap();
        assert!(beside.of("a").is_empty());
        assert!(Beside::read(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_list_is_about_plain_files_of_its_own_folder() {
        for (named, is_about) in [("a", true), ("d", false), ("../elsewhere", false), ("d/../a", false)] {
            let outside = tempfile::tempdir().unwrap();
            let within = outside.path().join("within");
            fs::create_dir_all(within.join("d")).unwrap();
            let list = format!("{SUM}  {named}\n");
            for (name, text) in [
                ("within/a", "x"),
                ("elsewhere", "x"),
                ("within/SHA256SUMS", &list),
                ("within/SHA256SUMS.asc", ARMOR),
            ] {
                fs::write(outside.path().join(name), text).unwrap();
            }
            let beside = Beside::read(&within).unwrap();
            assert_eq!(beside.is_proof("SHA256SUMS"), is_about, "{named}");
            assert_eq!(beside.is_file(named), is_about, "{named}");
            assert_eq!(beside.bytes("d"), None);
        }
    }

    #[test]
    fn a_signed_text_is_a_list_whatever_else_lies_beside_it() {
        let framed = format!("-----BEGIN PGP SIGNED MESSAGE-----\n\n{SUM}  a\n{ARMOR}");
        let (_folder, beside) = folder(&[("a", "x"), ("SHA256SUMS", &framed), ("SHA256SUMS.sig", "no signature")]);
        assert_eq!(
            names(&beside.of("a")),
            [("signed-checksums", vec!["SHA256SUMS".to_owned()])]
        );
    }

    #[test]
    fn a_model_s_signature_is_about_files_that_are_there() {
        let fixture =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sigstore/models/v1.1.0-certificate.sig");
        let signature = fs::read_to_string(fixture).unwrap();
        let named = beside::named_in_model(signature.as_bytes()).unwrap();
        let file = named.first().unwrap();
        let (_folder, without) = folder(&[("model.sig", &signature), ("other", "x")]);
        assert!(!without.is_proof("model.sig"));
        let (_folder, with) = folder(&[("model.sig", &signature), (file, "x")]);
        assert!(with.is_proof("model.sig"));
    }
}
