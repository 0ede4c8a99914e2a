//! The floor: the least work that a program of our kind must do, as a bare program to measure sealift against.
//!
//! `floor export FOLDER FILE [sync]`: one read of every file, one SHA-256 on all cores, one write of one file.
//! `floor import FILE FOLDER`: one read, one SHA-256 on all cores, one write of every file, and one `syncfs` at the end.
//!
//! No signature, no names judged, no catalog, no store, no generations, no message. Large files are hashed in parts of
//! 64 MiB, as segments are, so that all cores count there too. The file is: contents, one line of index for each part,
//! and the index's offset in its last eight bytes.
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads, writes and measures by itself"
)]
#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a measuring rod, and no part of the program: where something fails it ends"
)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{env, thread};

use sha2::{Digest as _, Sha256};

/// A file is hashed in parts of this many bytes: sealift's own segment.
const PART_BYTES: u64 = 64 << 20;

/// Read at a time, in bytes: the best of 64 KiB to 4 MiB on the machine on which this was written.
const BUFFER_BYTES: usize = 256 << 10;

/// One read, one hash and one write of one thread.
struct Part {
    path: PathBuf,
    /// Where the bytes lie in their file.
    offset: u64,
    /// Where they lie in the one file.
    place: u64,
    size: u64,
    digest: [u8; 32],
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["export", folder, file] => export(Path::new(folder), Path::new(file), false),
        ["export", folder, file, "sync"] => export(Path::new(folder), Path::new(file), true),
        ["import", file, folder] => import(Path::new(file), Path::new(folder)),
        _ => {
            eprintln!("usage: floor export FOLDER FILE [sync] | floor import FILE FOLDER");
            std::process::exit(2);
        }
    }
}

fn export(folder: &Path, file: &Path, sync: bool) {
    let mut parts = Vec::new();
    let mut place = 0;
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.unwrap();
        if !entry.file_type().is_file() {
            continue;
        }
        let size = entry.metadata().unwrap().len();
        let mut offset = 0;
        loop {
            let part = (size - offset).min(PART_BYTES);
            parts.push(Part {
                path: entry.path().to_owned(),
                offset,
                place,
                size: part,
                digest: [0; 32],
            });
            offset += part;
            place += part;
            if offset == size {
                break;
            }
        }
    }
    let target = File::create(file).unwrap();
    on_all_cores(&mut parts, |part, buffer| {
        let source = File::open(&part.path).unwrap();
        part.digest = copy((&source, part.offset), (&target, part.place), part.size, buffer);
    });
    let mut index = String::new();
    for part in &parts {
        let path = part.path.strip_prefix(folder).unwrap();
        let digest = hex::encode(part.digest);
        index.push_str(&format!(
            "{} {} {} {digest} {}\n",
            part.offset,
            part.place,
            part.size,
            path.to_str().unwrap()
        ));
    }
    target.write_all_at(index.as_bytes(), place).unwrap();
    target
        .write_all_at(&place.to_be_bytes(), place + index.len() as u64)
        .unwrap();
    if sync {
        target.sync_all().unwrap();
    }
}

fn import(file: &Path, folder: &Path) {
    let source = File::open(file).unwrap();
    let end = source.metadata().unwrap().len() - 8;
    let mut start = [0; 8];
    source.read_exact_at(&mut start, end).unwrap();
    let start = u64::from_be_bytes(start);
    let mut index = vec![0; usize::try_from(end - start).unwrap()];
    source.read_exact_at(&mut index, start).unwrap();
    let mut parts = Vec::new();
    let mut made: Option<PathBuf> = None;
    for line in String::from_utf8(index).unwrap().lines() {
        let fields: Vec<&str> = line.splitn(5, ' ').collect();
        let [offset, place, size] = [0, 1, 2].map(|field: usize| fields[field].parse().unwrap());
        let mut digest = [0; 32];
        hex::decode_to_slice(fields[3], &mut digest).unwrap();
        let path = folder.join(fields[4]);
        let parent = path.parent().unwrap();
        if made.as_deref() != Some(parent) {
            fs::create_dir_all(parent).unwrap();
            made = Some(parent.to_owned());
        }
        parts.push(Part {
            path,
            offset,
            place,
            size,
            digest,
        });
    }
    let wrong = AtomicBool::new(false);
    on_all_cores(&mut parts, |part, buffer| {
        let target = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&part.path)
            .unwrap();
        let digest = copy((&source, part.place), (&target, part.offset), part.size, buffer);
        if digest != part.digest {
            wrong.store(true, Ordering::Relaxed);
        }
    });
    assert!(!wrong.into_inner(), "a digest differs");
    let handle = File::open(folder).unwrap();
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(&handle).unwrap();
    #[cfg(not(target_os = "linux"))]
    handle.sync_all().unwrap();
}

/// Copies and hashes; the bytes pass through one buffer that stays in the core's cache.
fn copy(from: (&File, u64), to: (&File, u64), size: u64, buffer: &mut [u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut done = 0;
    while done < size {
        let count = usize::try_from(size - done).unwrap_or(usize::MAX).min(buffer.len());
        let bytes = &mut buffer[..count];
        from.0.read_exact_at(bytes, from.1 + done).unwrap();
        hasher.update(&*bytes);
        to.0.write_all_at(bytes, to.1 + done).unwrap();
        done += count as u64;
    }
    hasher.finalize().into()
}

/// Every part on some thread; neighbours stay together, so that the file is read and written nearly in order.
fn on_all_cores(parts: &mut [Part], work: impl Fn(&mut Part, &mut [u8]) + Sync) {
    let threads = thread::available_parallelism().unwrap().get();
    let shares = parts.iter_mut().map(std::sync::Mutex::new).collect::<Vec<_>>();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffer = vec![0; BUFFER_BYTES];
                while let Some(part) = shares.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(&mut part.lock().unwrap(), &mut buffer);
                }
            });
        }
    });
}
