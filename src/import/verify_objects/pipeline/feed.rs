//! Reads a volume in order and hands out work.

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::thread;

use crossbeam_channel::{Sender, bounded, unbounded};

use super::job::{Chunk, Job, Member};
use super::pool::{BUFFER_BYTES, Buffer, Pool};
use super::worker::Worker;
use crate::bundle::catalog::Object;
use crate::bundle::container::{self, BLOCK};
use crate::import::verify_objects::catalog::{Records, is_encoded};
use crate::import::volume::VolumeReader;
use crate::model::{Hasher, Stop, Unable};

#[derive(Default)]
pub(super) struct Batch {
    buffer: Option<Buffer>,
    used: usize,
    members: Vec<Member>,
}

/// Reads the volume and hands out work.
pub(super) struct Feeder<'scope, 'env, 'a> {
    pub(super) reader: &'a mut VolumeReader,
    pub(super) pool: &'a Pool,
    pub(super) jobs: &'a Sender<Job>,
    pub(super) worker: &'a Worker<'a>,
    pub(super) scope: &'scope thread::Scope<'scope, 'env>,
    pub(super) batch: Batch,
}

impl<'scope> Feeder<'scope, '_, '_> {
    pub(super) fn feed(&mut self, number: usize, catalog: &Path) -> Result<(), Stop> {
        let manifest = self.worker.manifest;
        let size = manifest.segment_size;
        let start: u64 = manifest.volumes[..number - 1]
            .iter()
            .map(|volume| volume.segments)
            .sum();
        let end = start + manifest.volumes[number - 1].segments;
        let mut records = Records::open(catalog)?;
        let mut next = 0;
        while next < end {
            let Some(object) = records.next_object()? else { break };
            let count = object.segment_count(size);
            let (from, to) = (start.max(next), end.min(next + count));
            if from < to {
                let object = Arc::new(object);
                let range = (from - next)..(to - next);
                if range.end - range.start == 1
                    && container::member_bytes(object.segment_bytes(size, range.start)) <= BUFFER_BYTES as u64
                    && object.stored() <= size
                {
                    self.small(Member {
                        segment: range.start,
                        size: object.segment_bytes(size, range.start),
                        object,
                    })?;
                } else {
                    self.flush()?;
                    self.large(&object, range)?;
                }
                if self.worker.findings.full() {
                    return Ok(());
                }
            }
            next += count;
        }
        self.flush()
    }

    /// Adds a member to the current batch.
    fn small(&mut self, member: Member) -> Result<(), Stop> {
        // Bounded by the caller: at most one buffer.
        let bytes = container::member_bytes(member.size) as usize;
        if self.batch.used + bytes > BUFFER_BYTES {
            self.flush()?;
        }
        let pool = self.pool;
        let buffer = self.batch.buffer.get_or_insert_with(|| pool.take());
        self.reader
            .exact(&mut buffer.bytes[self.batch.used..self.batch.used + bytes])?;
        self.worker.workspace.progress.advance(bytes as u64);
        self.worker.workspace.progress.proceed()?;
        self.batch.used += bytes;
        self.batch.members.push(member);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stop> {
        let batch = std::mem::take(&mut self.batch);
        if let Some(buffer) = batch.buffer {
            self.send(Job::Batch(buffer, batch.members))?;
        }
        Ok(())
    }

    fn send(&self, job: Job) -> Result<(), Stop> {
        self.jobs
            .send(job)
            .map_err(|_| Unable::new("the threads that hash have ended").into())
    }

    /// Reads an object's segments in pieces, each segment for one thread; a further one hashes the content where it is
    /// the stored bytes of several segments.
    fn large(&mut self, object: &Arc<Object>, segments: std::ops::Range<u64>) -> Result<(), Stop> {
        let size = self.worker.manifest.segment_size;
        let count = object.segment_count(size);
        let whole = segments.start == 0 && segments.end == count;
        let large = Arc::new(self.worker.open_large(object, whole, segments.end - segments.start)?);
        let content = (whole && count > 1 && !is_encoded(object)).then(|| {
            let (sender, pieces) = unbounded::<Arc<Chunk>>();
            let (answer, digest) = bounded(1);
            *large.content.lock().unwrap_or_else(PoisonError::into_inner) = Some(digest);
            self.scope.spawn(move || {
                let mut hasher = Hasher::new();
                for piece in pieces {
                    hasher.update(&piece.buffer.bytes[..piece.length]);
                }
                let _ = answer.send(hasher.finish());
            });
            sender
        });
        for segment in segments {
            let bytes = object.segment_bytes(size, segment);
            self.reader.expect(&object.member_name(size, segment), bytes)?;
            self.worker
                .workspace
                .progress
                .advance(BLOCK + container::padding(bytes));
            let (sender, chunks) = unbounded();
            let member = Member {
                object: Arc::clone(object),
                segment,
                size: bytes,
            };
            self.send(Job::Segment {
                member,
                chunks,
                large: Arc::clone(&large),
            })?;
            let mut rest = bytes;
            while rest > 0 {
                let mut buffer = self.pool.take();
                let length = rest.min(BUFFER_BYTES as u64) as usize;
                self.reader.exact(&mut buffer.bytes[..length])?;
                self.worker.workspace.progress.advance(length as u64);
                self.worker.workspace.progress.proceed()?;
                let chunk = Arc::new(Chunk { buffer, length });
                if let Some(content) = &content {
                    let _ = content.send(Arc::clone(&chunk));
                }
                let _ = sender.send(chunk);
                rest -= length as u64;
            }
            self.reader.padding(bytes)?;
        }
        Ok(())
    }
}
