//! Compares headers, hashes, and writes what is verified to the staging folder.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Receiver;

use super::findings::Findings;
use super::job::{Chunk, Job, Large, Member};
use crate::bundle::catalog::Object;
use crate::bundle::container::{self, BLOCK};
use crate::bundle::frame::{DecodeError, Decoder};
use crate::bundle::manifest::Manifest;
use crate::import::verify_objects::catalog::{frame_refusal, is_encoded};
use crate::import::verify_objects::{STORED, Workspace, staged_path, write_failed};
use crate::import::volume::describe;
use crate::model::{Code, Digest, Hasher, Refusal, Stop, Unable};

/// Compares, hashes and writes.
pub(super) struct Worker<'a> {
    pub(super) volume: String,
    pub(super) manifest: &'a Manifest,
    pub(super) workspace: &'a Workspace<'a>,
    pub(super) findings: &'a Findings,
}

impl Worker<'_> {
    /// Does one job. The decoder is the thread's own.
    pub(super) fn run(&self, job: Job, decoder: &mut Decoder) {
        match job {
            Job::Batch(buffer, members) => {
                let mut start = 0;
                for member in &members {
                    let end = start + container::member_bytes(member.size) as usize;
                    if let Err(stop) = self.small(&buffer.bytes[start..end], member, decoder) {
                        self.findings.add(stop);
                    }
                    start = end;
                }
            }
            Job::Segment { member, chunks, large } => {
                if let Err(stop) = self.segment(&member, chunks, &large) {
                    large.failed.store(true, Ordering::Relaxed);
                    self.findings.add(stop);
                }
            }
        }
    }

    /// Verifies one whole member that lies in memory.
    fn small(&self, member_bytes: &[u8], member: &Member, decoder: &mut Decoder) -> Result<(), Stop> {
        let object = &member.object;
        let (header, rest) = member_bytes.split_at(BLOCK as usize);
        let (data, padding) = rest.split_at(member.size as usize);
        let name = object.member_name(self.manifest.segment_size, member.segment);
        if header != container::header(&name, member.size) {
            let mut block = [0; 512];
            block.copy_from_slice(header);
            return Err(self
                .refusal(
                    Code::ContainerNotExact,
                    &name,
                    "its header is not the one that the signed catalog determines",
                )
                .comparing(format!("member `{name}` of {} bytes", member.size), describe(&block))
                .into());
        }
        if padding.iter().any(|byte| *byte != 0) {
            return Err(self
                .refusal(Code::ContainerNotExact, &name, "the padding after it is not zero")
                .into());
        }
        let found = Digest::of(data);
        let expected = object.segment_digest(member.segment);
        if found != expected {
            return Err(self.wrong_digest(&name, expected, found).into());
        }
        if is_encoded(object) {
            self.write_decoded(object, data, decoder)
        } else {
            self.write_object(&object.digest, data)
        }
    }

    /// Verifies one large segment as its pieces come.
    fn segment(&self, member: &Member, chunks: Receiver<Arc<Chunk>>, large: &Large) -> Result<(), Stop> {
        let mut hasher = Hasher::new();
        let mut offset = member.segment * self.manifest.segment_size;
        let mut received = 0;
        for chunk in chunks {
            let bytes = &chunk.buffer.bytes[..chunk.length];
            hasher.update(bytes);
            if let Some(file) = &large.target {
                file.write_all_at(bytes, offset)
                    .map_err(|error| write_failed(&large.target_path, error))?;
            }
            offset += bytes.len() as u64;
            received += bytes.len() as u64;
        }
        if received < member.size {
            // The reader has stopped, and says why itself.
            large.failed.store(true, Ordering::Relaxed);
            return Ok(());
        }
        let (expected, found) = (member.object.segment_digest(member.segment), hasher.finish());
        if expected != found {
            let name = member.object.member_name(self.manifest.segment_size, member.segment);
            return Err(self.wrong_digest(&name, expected, found).into());
        }
        if large.remaining.fetch_sub(1, Ordering::AcqRel) == 1 && large.whole && !large.failed.load(Ordering::Relaxed) {
            self.finish_large(&member.object, large)?;
        }
        Ok(())
    }

    /// Ends an object whose every segment has been verified.
    fn finish_large(&self, object: &Object, large: &Large) -> Result<(), Stop> {
        if is_encoded(object) {
            return self.decode_stored(object);
        }
        let content = large.content.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(digest) = content {
            let found = digest
                .recv()
                .map_err(|_| Unable::new("the thread that hashes has ended"))?;
            if found != object.digest {
                return Err(self.wrong_content(object, found).into());
            }
        }
        if large.target.is_some() {
            fs::rename(&large.target_path, self.staged(object))
                .map_err(|error| write_failed(&large.target_path, error))?;
        }
        Ok(())
    }

    /// Opens what a large object's stored bytes are written to.
    pub(super) fn open_large(&self, object: &Object, whole: bool, segments: u64) -> Result<Large, Stop> {
        let target_path = self.stored(object);
        let skip = self.workspace.holds(&object.digest) && !is_encoded(object);
        let target = if skip {
            None
        } else {
            let file = fs::OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&target_path);
            Some(file.map_err(|error| write_failed(&target_path, error))?)
        };
        Ok(Large {
            target,
            target_path,
            remaining: AtomicU64::new(segments),
            failed: AtomicBool::new(false),
            whole,
            content: Mutex::new(None),
        })
    }

    /// Decodes a small object's stored bytes, which have been verified, verifies the content and writes it.
    fn write_decoded(&self, object: &Object, data: &[u8], decoder: &mut Decoder) -> Result<(), Stop> {
        let path = self.staged(object);
        let mut target = if self.workspace.holds(&object.digest) {
            None
        } else {
            Some(File::create(&path).map_err(|error| write_failed(&path, error))?)
        };
        let found = self.decode(decoder, object, data, &path, |bytes| {
            target.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
        })?;
        if found != object.digest {
            let _ = fs::remove_file(&path);
            return Err(self.wrong_content(object, found).into());
        }
        Ok(())
    }

    pub(super) fn decode(
        &self,
        decoder: &mut Decoder,
        object: &Object,
        stored: impl std::io::BufRead,
        path: &Path,
        mut sink: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<Digest, Stop> {
        let mut hasher = Hasher::new();
        let decoded = decoder.decode(stored, object.size, |bytes| {
            hasher.update(bytes);
            sink(bytes)
        });
        decoded.map_err(|error| match error {
            DecodeError::Frame(frame) => frame_refusal(&format!("object {} in {}", object.digest, self.volume), &frame),
            DecodeError::Sink(source) => write_failed(path, source).into(),
            DecodeError::Stored(source) => {
                let what = format!("cannot read the stored bytes of object {}", object.digest);
                Unable::new(what).because(source).into()
            }
        })?;
        Ok(hasher.finish())
    }

    fn write_object(&self, digest: &Digest, data: &[u8]) -> Result<(), Stop> {
        if self.workspace.holds(digest) {
            return Ok(());
        }
        let path = staged_path(&self.workspace.staging, digest);
        fs::write(&path, data).map_err(|error| write_failed(&path, error).into())
    }

    pub(super) fn staged(&self, object: &Object) -> PathBuf {
        staged_path(&self.workspace.staging, &object.digest)
    }

    pub(super) fn stored(&self, object: &Object) -> PathBuf {
        self.workspace.staging.join(STORED).join(object.digest.hex())
    }

    fn refusal(&self, code: Code, member: &str, reason: &str) -> Refusal {
        Refusal::new(code, format!("{} in {}", member, self.volume), reason)
    }

    /// A decoder for one thread.
    pub(super) fn decoder() -> Result<Decoder, Stop> {
        Ok(Decoder::new().map_err(|error| Unable::new("cannot begin to decode zstd frames").because(error))?)
    }

    pub(super) fn wrong_digest(&self, member: &str, expected: Digest, found: Digest) -> Refusal {
        self.refusal(
            Code::DigestMismatch,
            member,
            "it does not have the digest that the catalog lists",
        )
        .comparing(expected, found)
        .hint("copy the volume again from the sending side")
    }

    pub(super) fn wrong_content(&self, object: &Object, found: Digest) -> Refusal {
        Refusal::new(
            Code::DigestMismatch,
            format!("object {} in {}", object.digest, self.volume),
            "its content is not what its name says",
        )
        .comparing(object.digest, found)
        .hint("every segment is as signed, so the exporter packed it wrongly: export again")
    }
}
