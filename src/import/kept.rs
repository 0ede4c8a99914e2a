//! The objects that an attempt rested on and that no store takes in, because their artifacts were refused or kept out: one file beside the report
//! (`bundle-spec/capsule.md` §3), so that the decision can be judged again. Proofs and side data only: bytes that a site did not want do not stay.
//!
//! Threats, each with its defence:
//! - A bundle that fills the disk by being refused again and again: what is kept of an attempt is bounded, and the same file is kept once.
//! - Something of a refused bundle that a client could see: it lies in one file among the reports, and in no store.
#![expect(clippy::disallowed_methods, reason = "what is kept lies beside the reports")]

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::basis::{self, Basis};
use super::checks::Step;
use super::decide::Decided;
use super::needed::{Need, each_needed};
use super::packed::{self, Header, INDEX, MAX_INDEX_LINE_BYTES, cannot, mismatch, object_name, object_of, refusal};
use super::record::{Keeping, Recorder};
use super::verify_objects::{ExaminedReader, catalog_path, staged_path};
use crate::model::{Code, Digest, Part, Stop};

/// The format of the file.
pub const FORMAT: u64 = 1;

/// Objects that are kept of one attempt: two proofs for each of a hundred thousand artifacts, and their digests fit in memory.
pub const MAX_KEPT_OBJECTS: u64 = 1 << 18;

/// Their bytes: the proofs of a hundred thousand artifacts, or the advisories of a large ecosystem.
pub const MAX_KEPT_BYTES: u64 = 512 << 20;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) objects: u64,
    pub(super) bytes: u64,
}

/// The bound that counts.
pub(super) const BOUND: Bound = Bound {
    objects: MAX_KEPT_OBJECTS,
    bytes: MAX_KEPT_BYTES,
};

/// The first line of the file's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptIndex {
    /// The format's version.
    pub format: u64,
    /// What is beyond the bound, and was not kept.
    pub left_out: Beyond,
    /// How many objects follow.
    pub parts: u64,
}

/// Objects that are beyond the bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beyond {
    /// Their bytes.
    pub bytes: u64,
    /// How many there are.
    pub objects: u64,
}

impl Header for KeptIndex {
    const WHAT: &'static str = "the objects that were kept";
    const FORMAT: u64 = FORMAT;
    const MAX_PARTS: u64 = MAX_KEPT_OBJECTS;
    const MAX_INDEX_BYTES: u64 = (MAX_KEPT_OBJECTS + 1) * MAX_INDEX_LINE_BYTES as u64;

    fn format(&self) -> u64 {
        self.format
    }

    fn parts(&self) -> u64 {
        self.parts
    }
}

/// Keeps those objects that the parts of a basis need, that are wanted, and that lie in a staging folder: what does not is in the store. `earlier`
/// is the basis of an attempt before. Says what was left out.
pub(super) fn keep(
    basis: &mut Basis,
    staging: &Path,
    earlier: Option<&Path>,
    bound: Bound,
    is_wanted: &dyn Fn(&Digest) -> bool,
) -> Result<Beyond, Stop> {
    let mut kept: BTreeMap<Digest, u64> = BTreeMap::new();
    let (mut bytes, mut left_out, mut beyond) = (0_u64, Beyond::default(), HashSet::new());
    each_needed(basis.folder(), &mut |digest, need| {
        if need == Need::Content || kept.contains_key(&digest) || !is_wanted(&digest) {
            return Ok(());
        }
        let path = staged_path(staging, &digest);
        let size = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|error| cannot("read", &path, error))?.len(),
        };
        let fits = (kept.len() as u64) < bound.objects && bytes.saturating_add(size) <= bound.bytes;
        if fits {
            bytes += size;
            kept.insert(digest, size);
        } else if beyond.insert(digest) {
            left_out.bytes = left_out.bytes.saturating_add(size);
            left_out.objects += 1;
        }
        Ok(())
    })?;
    if kept.is_empty() && left_out.objects == 0 {
        return Ok(left_out);
    }
    let header = KeptIndex {
        format: FORMAT,
        left_out,
        parts: kept.len() as u64,
    };
    let parts = || {
        kept.iter().map(|(digest, size)| {
            let part = Part {
                bytes: *size,
                digest: *digest,
                name: object_name(digest),
            };
            Ok((part, staged_path(staging, digest)))
        })
    };
    let index = staging.join(INDEX);
    packed::write_index(&index, &header, parts())?;
    basis.write(basis::OBJECTS, |output| {
        packed::pack::<KeptIndex>(output, &index, parts())
    })?;
    if let Some(earlier) = earlier {
        share(&basis.folder().join(basis::OBJECTS), &earlier.join(basis::OBJECTS))?;
    }
    Ok(left_out)
}

/// Keeps the same file of an earlier attempt at the same bundle once: whoever tries again and again fills no disk. Best effort, since not every file
/// system knows links.
fn share(own: &Path, earlier: &Path) -> Result<(), Stop> {
    let size = |path: &Path| fs::metadata(path).map(|metadata| metadata.len()).ok();
    if size(own) != size(earlier) || basis::weigh(own)? != basis::weigh(earlier)? {
        return Ok(());
    }
    let aside = own.with_file_name(format!("{}{}", crate::report::ASIDE, basis::OBJECTS));
    if fs::hard_link(earlier, &aside).is_ok() {
        fs::rename(&aside, own).map_err(|error| cannot("write", own, error))?;
    }
    Ok(())
}

impl Recorder<'_> {
    /// Keeps what a bundle that is refused rested on, and what nothing else keeps of it. That this fails does not change why it is refused.
    pub(super) fn keep_refused(&mut self, staging: &Path) {
        if let Err(stop) = self.try_keep_refused(staging) {
            self.note_problem(stop);
        }
    }

    fn try_keep_refused(&mut self, staging: &Path) -> Result<(), Stop> {
        let Some(keeping) = self.keeping.as_mut().filter(|keeping| keeping.reached >= Step::Intact) else {
            return Ok(());
        };
        let Some(basis) = &mut keeping.basis else {
            return Ok(());
        };
        if !basis.has(basis::CATALOG) {
            basis.copy(basis::CATALOG, &catalog_path(staging))?;
        }
        if !basis.has(basis::EXAMINED) {
            let mut lines = basis.lines(basis::EXAMINED)?;
            let mut examined = ExaminedReader::open(staging)?;
            while let Some(artifact) = examined.next()? {
                lines.write(&basis::Examined::unasked(&artifact))?;
            }
            basis.take(lines)?;
        }
        keeping.keep_objects(staging, &|_| true)
    }

    /// Keeps the proofs of artifacts that are kept out, while the others are published.
    pub(super) fn keep_kept_out(&mut self, decided: &Decided) -> Result<(), Stop> {
        match self.keeping.as_mut().filter(|keeping| keeping.kept_out > 0) {
            Some(keeping) => keeping.keep_objects(decided.intact().staging(), &|digest| decided.is_kept_out(digest)),
            None => Ok(()),
        }
    }
}

impl Keeping<'_> {
    fn keep_objects(&mut self, staging: &Path, is_wanted: &dyn Fn(&Digest) -> bool) -> Result<(), Stop> {
        let Some(basis) = &mut self.basis else {
            return Ok(());
        };
        let earlier = earlier(basis.folder(), self.folder.bases()?);
        let left_out = keep(basis, staging, earlier.as_deref(), BOUND, is_wanted)?;
        if left_out.objects > 0 {
            self.head.not_checked.push(format!(
                "whether {} objects of proofs of what is not published ({} bytes) say the same again: more than is kept of one attempt",
                left_out.objects, left_out.bytes
            ));
        }
        Ok(())
    }
}

/// The folder of the attempt before at the same bundle, by its name.
fn earlier(own: &Path, bases: Vec<(u64, PathBuf)>) -> Option<PathBuf> {
    let label = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        Some(name.split_once('-')?.1.to_owned())
    };
    let others = bases
        .into_iter()
        .filter(|(_, path)| path != own && label(path) == label(own));
    others.max().map(|(_, path)| path)
}

/// The objects that were kept of an attempt, as the index in the folder of its basis names them, which is written aside for that. None where
/// nothing was kept.
pub fn objects(folder: &Path, index: &Path) -> Result<HashSet<Digest>, Stop> {
    let mut objects = HashSet::new();
    let Some(file) = open(folder)? else {
        return Ok(objects);
    };
    let mut parts = packed::index_of::<KeptIndex>(file, index)?;
    while let Some(part) = parts.next()? {
        objects.insert(part.digest);
    }
    Ok(objects)
}

/// Unpacks what was kept, to where an import lays objects aside, and says which these are. None may lie there already.
pub fn unpack(folder: &Path, visit: &mut dyn FnMut(Digest)) -> Result<(), Stop> {
    let Some(file) = open(folder)? else {
        return Ok(());
    };
    let place = &mut |part: &Part| {
        let path = place(part, folder)?;
        visit(part.digest);
        Ok(path)
    };
    packed::unpack::<KeptIndex>(file, &folder.join(INDEX), place)?;
    Ok(())
}

fn open(folder: &Path) -> Result<Option<File>, Stop> {
    let path = folder.join(basis::OBJECTS);
    match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some).map_err(|error| cannot("read", &path, error)),
    }
}

fn place(part: &Part, folder: &Path) -> Result<PathBuf, Stop> {
    let Some(digest) = object_of(&part.name) else {
        return Err(refusal::<KeptIndex>(Code::UnsafeName, &part.name, "it is not the name of an object").into());
    };
    if digest != part.digest {
        return Err(mismatch::<KeptIndex>(part, digest));
    }
    let path = staged_path(folder, &digest);
    if path.exists() {
        let reason = "it is there twice: among what was kept, and beside it";
        return Err(refusal::<KeptIndex>(Code::ContainerNotExact, &part.name, reason).into());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::frame;
    use crate::crypto::dsse::Envelope;
    use crate::crypto::strict_json;
    use serde_json::json;

    /// A basis whose catalog names these objects as proofs, one artifact each, and a staging folder that holds some of them.
    fn basis(folder: &Path, proofs: &[&[u8]], staged: &[&[u8]]) -> (Basis, PathBuf) {
        let staging = folder.join("staging");
        for content in staged {
            let path = staged_path(&staging, &Digest::of(content));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::create_dir_all(&staging).unwrap();
        let mut basis = Basis::begin(folder.join("000002-main-1.basis")).unwrap();
        let (zero, one) = (Digest::of(b"plan"), json!("2026-01-01T00:00:00Z"));
        let manifest = json!({
            "base": null, "created": one, "epoch": 1, "format": 1, "generator": "test", "not_after": one,
            "catalog": { "artifacts": 1, "content_size": 1, "digest": zero, "documents": 0, "object_bytes": 1, "objects": 1, "size": 1 },
            "plan": zero, "previous": null, "recipients": [], "roots": [], "segment_size": 4096, "sequence": 1,
            "side_data": { "vex": zero }, "stream": "main", "volumes": [],
        });
        let envelope = Envelope {
            payload_type: "test".to_owned(),
            payload: strict_json::write(&manifest),
            signatures: Vec::new(),
        };
        basis.put(basis::MANIFEST, &envelope.write()).unwrap();
        let (mut catalog, mut examined) = (Vec::new(), Vec::new());
        for proof in proofs {
            let artifact = json!({
                "digest": zero, "ecosystem": "files", "file": "f", "name": "n", "origin": "folder", "reason": "r", "version": "1",
                "proofs": [{ "kind": "sshsig", "objects": [Digest::of(proof)], "state": "present" }],
            });
            catalog.extend([strict_json::write(&json!({ "artifact": artifact })), b"\n".to_vec()].concat());
            examined.extend(b"{\"content\":true,\"digests\":[],\"facts\":null,\"size\":1}\n");
        }
        basis.put(basis::CATALOG, &frame::encode(&catalog).unwrap()).unwrap();
        basis.put(basis::EXAMINED, &frame::encode(&examined).unwrap()).unwrap();
        (basis, staging)
    }

    fn kept_in(folder: &Path) -> HashSet<Digest> {
        let scratch = tempfile::tempdir().unwrap();
        objects(folder, &scratch.path().join("index")).unwrap()
    }

    #[test]
    fn no_more_is_kept_than_the_bound_and_what_is_beyond_is_counted_once() {
        let proofs: [&[u8]; 5] = [b"1234", b"12345678", b"12345678", b"12", b"in the store"];
        let cases = [
            ((10, 100), vec![&b"1234"[..], b"12345678", b"12"], (0, 0)),
            ((10, 6), vec![&b"1234"[..], b"12"], (1, 8)),
            ((1, 100), vec![&b"1234"[..]], (2, 10)),
            ((0, 0), vec![], (3, 14)),
        ];
        for ((objects, bytes), expected, beyond) in cases {
            let folder = tempfile::tempdir().unwrap();
            let (mut basis, staging) = basis(folder.path(), &proofs, &proofs[..4]);
            let left_out = keep(&mut basis, &staging, None, Bound { objects, bytes }, &|_| true).unwrap();
            assert_eq!((left_out.objects, left_out.bytes), beyond);
            assert_eq!(kept_in(basis.folder()), expected.into_iter().map(Digest::of).collect());
            let mut unpacked = HashSet::new();
            unpack(basis.folder(), &mut |digest| {
                unpacked.insert(digest);
            })
            .unwrap();
            assert_eq!(unpacked, kept_in(basis.folder()));
        }
    }

    /// The plan, what travelled beside it, a proof, and what the proof reads.
    #[test]
    fn whoever_hears_what_is_needed_may_end_it() {
        let folder = tempfile::tempdir().unwrap();
        let (basis, _) = basis(folder.path(), &[b"one"], &[]);
        for last in 0..=4 {
            let mut heard = 0;
            let ended = each_needed(basis.folder(), &mut |_, _| {
                heard += 1;
                if heard == last + 1 {
                    return Err(cannot("read", folder.path(), io::Error::other("no more")));
                }
                Ok(())
            });
            assert_eq!((ended.is_ok(), heard), (last == 4, 4.min(last + 1)));
        }
    }

    #[test]
    fn only_what_is_wanted_is_kept_and_nothing_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let (mut basis, staging) = basis(folder.path(), &[b"one", b"two"], &[b"one", b"two"]);
        keep(&mut basis, &staging, None, BOUND, &|_| false).unwrap();
        assert!(!basis.has(basis::OBJECTS));
        assert_eq!(kept_in(basis.folder()), HashSet::new());
        keep(&mut basis, &staging, None, BOUND, &|digest| {
            *digest == Digest::of(b"two")
        })
        .unwrap();
        assert_eq!(kept_in(basis.folder()), HashSet::from([Digest::of(b"two")]));
    }

    #[test]
    fn only_an_attempt_at_the_same_bundle_is_shared_with() {
        let bases = |names: &[&str]| -> Vec<(u64, PathBuf)> {
            let numbered = names.iter().zip(1..);
            numbered.map(|(name, number)| (number, PathBuf::from(name))).collect()
        };
        let found = |names: &[&str]| earlier(Path::new("000009-main-1.basis"), bases(names));
        assert_eq!(found(&["000001-main-2.basis", "000009-main-1.basis", "other"]), None);
        let names = ["000001-main-1.basis", "000003-main-1.basis", "000009-main-1.basis"];
        assert_eq!(found(&names), Some(PathBuf::from("000003-main-1.basis")));
    }
}
