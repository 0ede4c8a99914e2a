//! Work for one thread: a batch of small members, or one large segment.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use crossbeam_channel::Receiver;

use super::pool::Buffer;
use crate::bundle::catalog::Object;
use crate::model::Digest;

/// One segment as a member of the volume.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) object: Arc<Object>,
    pub(super) segment: u64,
    pub(super) size: u64,
}

/// Work for one thread.
pub(super) enum Job {
    /// Whole members, headers and padding included, in one buffer.
    Batch(Buffer, Vec<Member>),
    /// A large segment, whose bytes follow in pieces.
    Segment {
        member: Member,
        chunks: Receiver<Arc<Chunk>>,
        large: Arc<Large>,
    },
}

pub(super) struct Chunk {
    pub(super) buffer: Buffer,
    pub(super) length: usize,
}

/// An object that does not fit one buffer, shared by the threads that work on its segments.
pub(super) struct Large {
    pub(super) target: Option<File>,
    pub(super) target_path: PathBuf,
    pub(super) remaining: AtomicU64,
    pub(super) failed: AtomicBool,
    pub(super) whole: bool,
    pub(super) content: Mutex<Option<Receiver<Digest>>>,
}
