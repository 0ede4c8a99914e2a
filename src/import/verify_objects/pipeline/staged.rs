//! Objects verified from what lies in the staging folder: those that span volumes, and those of earlier runs.

use std::fs::{self, File};
use std::io::{BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::hash_file;
use super::pool::BUFFER_BYTES;
use super::worker::Worker;
use crate::bundle::catalog::Object;
use crate::import::verify_objects::catalog::is_encoded;
use crate::import::verify_objects::{VOLUMES, write_failed};
use crate::model::{Code, Hasher, Refusal, Stop, Unable};

impl Worker<'_> {
    /// Verifies an object from what lies in the staging folder.
    pub(super) fn complete_object(&self, object: &Object) -> Result<(), Stop> {
        let (stored, staged) = (self.stored(object), self.staged(object));
        // What was whole before is hashed as it lies there. A volume that came again has left some of it beside.
        let mut wrong = None;
        if staged.is_file() {
            let found = hash_file(&staged)?;
            if found == object.digest {
                let _ = fs::remove_file(&stored);
                return Ok(());
            }
            let _ = fs::remove_file(&staged);
            wrong = Some(found);
        }
        if stored.is_file() {
            if is_encoded(object) {
                self.verify_stored_segments(object, &stored)?;
                return self.decode_stored(object);
            }
            let found = hash_file(&stored)?;
            if found != object.digest {
                let _ = fs::remove_file(&stored);
                self.forget_volumes();
                return Err(self.wrong_content(object, found).into());
            }
            return fs::rename(&stored, &staged).map_err(|error| write_failed(&stored, error).into());
        }
        if let Some(found) = wrong {
            self.forget_volumes();
            return Err(self.wrong_content(object, found).into());
        }
        if self.workspace.holds(&object.digest) {
            return Ok(());
        }
        self.forget_volumes();
        Err(Refusal::new(
            Code::ObjectMissing,
            format!("object {}", object.digest),
            "it is not in the staging folder any more",
        )
        .hint("give all volumes again")
        .into())
    }

    /// After an earlier run's work turned out damaged: the next run reads every volume again.
    fn forget_volumes(&self) {
        for number in 1..=self.manifest.volumes.len() {
            let _ = fs::remove_file(self.workspace.staging.join(VOLUMES).join(number.to_string()));
        }
    }

    /// Compares stored bytes that came in several runs with their segments' digests, before anything decodes them.
    fn verify_stored_segments(&self, object: &Object, path: &Path) -> Result<(), Stop> {
        let file =
            File::open(path).map_err(|error| Unable::new(format!("cannot read {}", path.display())).because(error))?;
        let size = self.manifest.segment_size;
        let mut buffer = vec![0; BUFFER_BYTES];
        for segment in 0..object.segment_count(size) {
            let mut hasher = Hasher::new();
            let (mut offset, mut rest) = (segment * size, object.segment_bytes(size, segment));
            while rest > 0 {
                let part = &mut buffer[..rest.min(BUFFER_BYTES as u64) as usize];
                file.read_exact_at(part, offset)
                    .map_err(|error| Unable::new(format!("cannot read {}", path.display())).because(error))?;
                hasher.update(part);
                offset += part.len() as u64;
                rest -= part.len() as u64;
            }
            let (expected, found) = (object.segment_digest(segment), hasher.finish());
            if expected != found {
                self.forget_volumes();
                return Err(self
                    .wrong_digest(&object.member_name(size, segment), expected, found)
                    .into());
            }
        }
        Ok(())
    }

    /// Decodes a large object's stored bytes, all of whose segments have been verified, and verifies the content.
    pub(super) fn decode_stored(&self, object: &Object) -> Result<(), Stop> {
        let path = self.stored(object);
        let file =
            File::open(&path).map_err(|error| Unable::new(format!("cannot read {}", path.display())).because(error))?;
        let aside = path.with_extension("content");
        let mut target = File::create(&aside).map_err(|error| write_failed(&aside, error))?;
        let found = self.decode(
            &mut Self::decoder()?,
            object,
            BufReader::with_capacity(BUFFER_BYTES, file),
            &aside,
            |bytes| target.write_all(bytes),
        )?;
        let _ = fs::remove_file(&path);
        if found != object.digest {
            let _ = fs::remove_file(&aside);
            return Err(self.wrong_content(object, found).into());
        }
        fs::rename(&aside, self.staged(object)).map_err(|error| write_failed(&aside, error).into())
    }
}
