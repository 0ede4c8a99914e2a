//! One reader, all cores: members are read in order into a fixed number of buffers; workers compare headers, hash, and
//! write what they have verified to the staging folder. Memory is bounded by the buffers, whatever the bundle's size.

use std::fs::{self, File};
use std::io::{BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::catalog::{Records, frame_refusal, is_encoded};
use super::{STORED, VOLUMES, Workspace, staged_path, write_failed};
use crate::bundle::catalog::Object;
use crate::bundle::container::{self, BLOCK};
use crate::bundle::frame::{self, DecodeError};
use crate::bundle::manifest::Manifest;
use crate::import::open::{VolumeReader, describe};
use crate::model::{Code, Digest, Hasher, Refusal, Stop, Unable};

/// One buffer, in bytes: large enough that a read is not dominated by its call, small enough for a core's cache.
const BUFFER_BYTES: usize = 1 << 20;

/// How many buffers there are: 64 MiB in all, so that two large segments can be hashed side by side.
const BUFFERS: usize = 64;

/// How many refusals are collected before the rest of a volume is left unread.
const MAX_REFUSALS: usize = 20;

/// Verifies one volume's objects.
pub(super) fn verify_volume(
    reader: &mut VolumeReader,
    number: usize,
    manifest: &Manifest,
    catalog: &Path,
    workspace: &Workspace<'_>,
) -> Result<(), Stop> {
    let pool = Pool::new();
    let findings = Findings::default();
    let (jobs, queue) = bounded::<Job>(2 * workspace.threads);
    let worker = Worker {
        volume: reader.name().to_owned(),
        manifest,
        workspace,
        findings: &findings,
    };
    let read = thread::scope(|scope| {
        for _ in 0..workspace.threads.max(1) {
            let queue = queue.clone();
            let worker = &worker;
            scope.spawn(move || {
                for job in queue {
                    worker.run(job);
                }
            });
        }
        drop(queue);
        let mut feeder = Feeder {
            reader,
            pool: &pool,
            jobs: &jobs,
            worker: &worker,
            scope,
            batch: Batch::default(),
        };
        let read = feeder.feed(number, catalog);
        drop(jobs);
        read
    });
    findings.into_result()?;
    read
}

/// Verifies what spans volumes or was verified in an earlier run, from the staging folder.
pub(super) fn complete(
    manifest: &Manifest,
    catalog: &Path,
    fresh: &[bool],
    workspace: &Workspace<'_>,
) -> Result<(), Stop> {
    let findings = Findings::default();
    let worker = Worker {
        volume: "staging".to_owned(),
        manifest,
        workspace,
        findings: &findings,
    };
    let (sender, queue) = bounded::<Object>(64);
    let read = thread::scope(|scope| {
        for _ in 0..workspace.threads.max(1) {
            let queue = queue.clone();
            let worker = &worker;
            scope.spawn(move || {
                for object in queue {
                    if let Err(stop) = worker.complete_object(&object) {
                        worker.findings.add(stop);
                    }
                }
            });
        }
        drop(queue);
        let result = select_incomplete(manifest, catalog, fresh, &sender, &findings);
        drop(sender);
        result
    });
    findings.into_result()?;
    read
}

/// Sends the objects that no single volume of this run held whole.
fn select_incomplete(
    manifest: &Manifest,
    catalog: &Path,
    fresh: &[bool],
    sender: &Sender<Object>,
    findings: &Findings,
) -> Result<(), Stop> {
    if manifest.volumes.len() == 1 && fresh[0] {
        return Ok(());
    }
    let mut records = Records::open(catalog)?;
    let mut segment = 0;
    let ends: Vec<u64> = manifest
        .volumes
        .iter()
        .scan(0, |sum, volume| {
            *sum += volume.segments;
            Some(*sum)
        })
        .collect();
    while let Some(object) = records.next_object()? {
        let count = object.segment_count(manifest.segment_size);
        let first = ends.partition_point(|end| *end <= segment);
        let last = ends.partition_point(|end| *end < segment + count);
        segment += count;
        if (first != last || !fresh[first]) && (findings.full() || sender.send(object).is_err()) {
            break;
        }
    }
    Ok(())
}

/// Buffers that go round: a reader that is ahead waits for one to come back.
struct Pool {
    home: Sender<Vec<u8>>,
    free: Receiver<Vec<u8>>,
}

/// A buffer on loan.
struct Buffer {
    bytes: Vec<u8>,
    home: Sender<Vec<u8>>,
}

impl Pool {
    fn new() -> Self {
        let (home, free) = unbounded();
        for _ in 0..BUFFERS {
            // The receiver is held by the pool itself, so this cannot fail.
            let _ = home.send(Vec::new());
        }
        Self { home, free }
    }

    fn take(&self) -> Buffer {
        let mut bytes = self.free.recv().unwrap_or_default();
        bytes.resize(BUFFER_BYTES, 0);
        Buffer {
            bytes,
            home: self.home.clone(),
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let _ = self.home.send(std::mem::take(&mut self.bytes));
    }
}

/// What workers found wrong.
#[derive(Default)]
struct Findings {
    refusals: Mutex<Vec<Refusal>>,
    unable: Mutex<Option<Stop>>,
    stop: AtomicBool,
}

impl Findings {
    fn add(&self, stop: Stop) {
        match stop {
            Stop::Refused(new) => {
                let mut refusals = self.refusals.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                refusals.extend(new);
                if refusals.len() >= MAX_REFUSALS {
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
            unable => {
                self.unable
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .get_or_insert(unable);
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    fn full(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn into_result(self) -> Result<(), Stop> {
        if let Some(unable) = self
            .unable
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
        {
            return Err(unable);
        }
        let mut refusals = self
            .refusals
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if refusals.is_empty() {
            return Ok(());
        }
        refusals.sort_by(|left, right| (left.code.family(), &left.subject).cmp(&(right.code.family(), &right.subject)));
        refusals.truncate(MAX_REFUSALS);
        Err(Stop::Refused(refusals))
    }
}

/// One segment as a member of the volume.
#[derive(Clone)]
struct Member {
    object: Arc<Object>,
    segment: u64,
    size: u64,
}

/// Work for one thread.
enum Job {
    /// Whole members, headers and padding included, in one buffer.
    Batch(Buffer, Vec<Member>),
    /// A large segment, whose bytes follow in pieces.
    Segment {
        member: Member,
        chunks: Receiver<Arc<Chunk>>,
        large: Arc<Large>,
    },
}

struct Chunk {
    buffer: Buffer,
    length: usize,
}

/// An object that does not fit one buffer, shared by the threads that work on its segments.
struct Large {
    target: Option<File>,
    target_path: PathBuf,
    remaining: AtomicU64,
    failed: AtomicBool,
    whole: bool,
    content: Mutex<Option<Receiver<Digest>>>,
}

#[derive(Default)]
struct Batch {
    buffer: Option<Buffer>,
    used: usize,
    members: Vec<Member>,
}

/// Reads the volume and hands out work.
struct Feeder<'scope, 'env, 'a> {
    reader: &'a mut VolumeReader,
    pool: &'a Pool,
    jobs: &'a Sender<Job>,
    worker: &'a Worker<'a>,
    scope: &'scope thread::Scope<'scope, 'env>,
    batch: Batch,
}

impl<'scope> Feeder<'scope, '_, '_> {
    fn feed(&mut self, number: usize, catalog: &Path) -> Result<(), Stop> {
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
            *large.content.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(digest);
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

/// Compares, hashes and writes.
struct Worker<'a> {
    volume: String,
    manifest: &'a Manifest,
    workspace: &'a Workspace<'a>,
    findings: &'a Findings,
}

impl Worker<'_> {
    fn run(&self, job: Job) {
        match job {
            Job::Batch(buffer, members) => {
                let mut start = 0;
                for member in &members {
                    let end = start + container::member_bytes(member.size) as usize;
                    if let Err(stop) = self.small(&buffer.bytes[start..end], member) {
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
    fn small(&self, member_bytes: &[u8], member: &Member) -> Result<(), Stop> {
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
            self.write_decoded(object, data)
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
        let content = large
            .content
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(digest) = content {
            let found = digest
                .recv()
                .map_err(|_| Unable::new("the thread that hashes has ended"))?;
            if found != object.digest {
                return Err(self.wrong_content(object, found).into());
            }
        }
        if large.target.is_some() {
            fs::rename(&large.target_path, self.staged(object)?)
                .map_err(|error| write_failed(&large.target_path, error))?;
        }
        Ok(())
    }

    /// Opens what a large object's stored bytes are written to.
    fn open_large(&self, object: &Object, whole: bool, segments: u64) -> Result<Large, Stop> {
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

    /// Verifies an object from what lies in the staging folder.
    fn complete_object(&self, object: &Object) -> Result<(), Stop> {
        let (stored, staged) = (self.stored(object), self.staged(object)?);
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
        if staged.is_file() {
            let found = hash_file(&staged)?;
            if found != object.digest {
                let _ = fs::remove_file(&staged);
                self.forget_volumes();
                return Err(self.wrong_content(object, found).into());
            }
            return Ok(());
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
    fn decode_stored(&self, object: &Object) -> Result<(), Stop> {
        let path = self.stored(object);
        let file =
            File::open(&path).map_err(|error| Unable::new(format!("cannot read {}", path.display())).because(error))?;
        let aside = path.with_extension("content");
        let mut target = File::create(&aside).map_err(|error| write_failed(&aside, error))?;
        let found = self.decode(object, BufReader::with_capacity(BUFFER_BYTES, file), &aside, |bytes| {
            target.write_all(bytes)
        })?;
        let _ = fs::remove_file(&path);
        if found != object.digest {
            let _ = fs::remove_file(&aside);
            return Err(self.wrong_content(object, found).into());
        }
        fs::rename(&aside, self.staged(object)?).map_err(|error| write_failed(&aside, error).into())
    }

    /// Decodes a small object's stored bytes, which have been verified, verifies the content and writes it.
    fn write_decoded(&self, object: &Object, data: &[u8]) -> Result<(), Stop> {
        let path = self.staged(object)?;
        let mut target = if self.workspace.holds(&object.digest) {
            None
        } else {
            Some(File::create(&path).map_err(|error| write_failed(&path, error))?)
        };
        let found = self.decode(object, data, &path, |bytes| {
            target.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
        })?;
        if found != object.digest {
            let _ = fs::remove_file(&path);
            return Err(self.wrong_content(object, found).into());
        }
        Ok(())
    }

    fn decode(
        &self,
        object: &Object,
        stored: impl std::io::BufRead,
        path: &Path,
        mut sink: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<Digest, Stop> {
        let mut hasher = Hasher::new();
        frame::decode(stored, object.size, |bytes| {
            hasher.update(bytes);
            sink(bytes)
        })
        .map_err(|error| match error {
            DecodeError::Frame(frame) => frame_refusal(&format!("object {} in {}", object.digest, self.volume), &frame),
            DecodeError::Sink(source) => write_failed(path, source).into(),
        })?;
        Ok(hasher.finish())
    }

    fn write_object(&self, digest: &Digest, data: &[u8]) -> Result<(), Stop> {
        if self.workspace.holds(digest) {
            return Ok(());
        }
        let path = staged_path(&self.workspace.staging, digest)?;
        fs::write(&path, data).map_err(|error| write_failed(&path, error).into())
    }

    fn staged(&self, object: &Object) -> Result<PathBuf, Stop> {
        staged_path(&self.workspace.staging, &object.digest)
    }

    fn stored(&self, object: &Object) -> PathBuf {
        self.workspace.staging.join(STORED).join(object.digest.hex())
    }

    fn refusal(&self, code: Code, member: &str, reason: &str) -> Refusal {
        Refusal::new(code, format!("{} in {}", member, self.volume), reason)
    }

    fn wrong_digest(&self, member: &str, expected: Digest, found: Digest) -> Refusal {
        self.refusal(
            Code::DigestMismatch,
            member,
            "it does not have the digest that the catalog lists",
        )
        .comparing(expected, found)
        .hint("copy the volume again from the sending side")
    }

    fn wrong_content(&self, object: &Object, found: Digest) -> Refusal {
        Refusal::new(
            Code::DigestMismatch,
            format!("object {} in {}", object.digest, self.volume),
            "its content is not what its name says",
        )
        .comparing(object.digest, found)
        .hint("every segment is as signed, so the exporter packed it wrongly: export again")
    }
}

/// Hashes a file of the staging folder.
pub(super) fn hash_file(path: &Path) -> Result<Digest, Stop> {
    let mut hasher = Hasher::new();
    let mut file =
        File::open(path).map_err(|error| Unable::new(format!("cannot read {}", path.display())).because(error))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = std::io::Read::read(&mut file, &mut buffer)
            .map_err(|error| Unable::new(format!("cannot read {}", path.display())).because(error))?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..count]);
    }
}
