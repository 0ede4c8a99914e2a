//! What is written as a stream fails where its output does, whichever call that is: also where only one fails, and those after it would do.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::thread;

use sealift::bundle::frame;
use sealift::bundle::parts::{PartsReader, PartsWriter};
use sealift::model::Digest;
use sealift::report::{self, Format, RenderError};
use serde_json::json;

use crate::people;
use crate::raw_records::{RawEnclave, ReportEdits};

/// Fails in one of its calls.
struct FailsOnce {
    calls: usize,
    fails_at: usize,
}

impl FailsOnce {
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.calls.checked_sub(1) == Some(self.fails_at) {
            return Err(io::Error::other("no room"));
        }
        Ok(())
    }
}

impl Write for FailsOnce {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.call().map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.call()
    }
}

/// Writes something as often as it makes calls, each of which fails once.
fn every_call_counts<E>(what: &str, write: impl Fn(&mut FailsOnce) -> Result<(), E>) {
    let mut all = FailsOnce {
        calls: 0,
        fails_at: usize::MAX,
    };
    assert!(write(&mut all).is_ok(), "{what}");
    assert!(all.calls > 0, "{what} writes nothing");
    for fails_at in 0..all.calls {
        let mut output = FailsOnce { calls: 0, fails_at };
        assert!(
            write(&mut output).is_err(),
            "{what}: call {fails_at} of {} failed, and nobody heard of it",
            all.calls
        );
    }
}

/// A report that was refused, of artifacts of which the first brings a proof that is wrong.
fn written(path: &Path, artifacts: usize) {
    let edits = ReportEdits {
        records: Some(Box::new(|records| {
            let Some(record) = records.first_mut() else { return };
            record["decision"]["hits"] = json!([{
                "code": "evidence-invalid", "message": "minisign: the signature is wrong", "rule": "evidence", "solution": "ask its makers",
                "verdict": "deny",
            }]);
        })),
        ..ReportEdits::default()
    };
    fs::write(path, RawEnclave::new().report(artifacts, &edits)).unwrap();
}

#[test]
fn frames_and_parts_are_whole_or_they_fail() {
    // More than libzstd gives at once.
    let content: Vec<u8> = (0..40_000_u32)
        .flat_map(|number| Digest::of(&number.to_be_bytes()).as_bytes()[..8].to_vec())
        .collect();
    every_call_counts("a frame", |output| {
        frame::encode_stream(&content[..], content.len() as u64, output)
    });
    every_call_counts("parts", |output| {
        let mut parts = PartsWriter::new(output);
        parts.add("one", content.len() as u64, &mut &content[..])?;
        parts.add("two", 3, &mut &b"two"[..])?;
        parts.finish().map(|_| ())
    });
    let mut parts = PartsWriter::new(Vec::new());
    parts.add("one", content.len() as u64, &mut &content[..]).unwrap();
    let whole = parts.finish().unwrap();
    every_call_counts("a part that is read", |output| {
        PartsReader::new(&whole[..])
            .next("one", content.len() as u64, output)
            .map(|_| ())
    });
}

#[test]
fn a_report_that_is_exchanged_between_two_readings_is_not_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let roots = [people::pinned(&people::root())];
    let [first, other, path] = ["first", "other", "report"].map(|name| folder.path().join(name));
    written(&first, 2);
    written(&other, 1);
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let rendered = thread::scope(|scope| {
        // Who opens the path for the first time reads the one, and finds the other there when the first is read.
        scope.spawn(|| {
            let mut pipe = fs::OpenOptions::new().write(true).open(&path).unwrap();
            fs::rename(&other, &path).unwrap();
            pipe.write_all(&fs::read(&first).unwrap()).unwrap();
        });
        report::render(Format::Text, &path, &roots, None, None, &mut Vec::new())
    });
    assert!(matches!(rendered, Err(RenderError::Changed)), "{rendered:?}");
}
