//! One reader, all cores: members are read in order into a fixed number of buffers; workers compare headers, hash, and
//! write what they have verified to the staging folder. Memory is bounded by the buffers, whatever the bundle's size.

mod feed;
mod findings;
mod job;
mod pool;
mod staged;
mod worker;

use std::fs::File;
use std::path::Path;
use std::thread;

use crossbeam_channel::{Sender, bounded};

use super::Workspace;
use super::catalog::Records;
use crate::bundle::catalog::Object;
use crate::bundle::manifest::Manifest;
use crate::import::volume::VolumeReader;
use crate::model::{Digest, Hasher, Stop, Unable};
use feed::{Batch, Feeder};
use findings::Findings;
use job::Job;
use pool::{BUFFER_BYTES, Pool};
use worker::Worker;

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
            scope.spawn(move || match Worker::decoder() {
                Ok(mut decoder) => queue.into_iter().for_each(|job| worker.run(job, &mut decoder)),
                Err(stop) => worker.findings.add(stop),
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
