//! The catalog: written record by record into a file, with the very checks that a reader makes.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::store::Stored;
use super::{Hashing, Since, cannot_spool};
use crate::bundle::catalog::{Checker, Record, Totals};
use crate::bundle::frame;
use crate::ecosystem::{self, Ecosystem};
use crate::export::source::Source;
use crate::model::{Digest, Document, Stop, Unable};

/// A written catalog.
pub(super) struct Written {
    pub(super) catalog: Source,
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) totals: Totals,
    /// Its length before it was compressed, in bytes.
    pub(super) content_size: u64,
}

/// Writes the catalog.
pub(super) fn write_catalog(
    stored: &Stored,
    documents: Vec<Document>,
    named: impl Iterator<Item = (&'static str, Digest)>,
    since: Option<&Since>,
    spool: &Path,
) -> Result<Written, Stop> {
    let failed = |error: io::Error| cannot_spool(spool, error);
    let file = Arc::new(tempfile::tempfile_in(spool).map_err(failed)?);
    let proof_kinds = |id: &str| ecosystem::find(id).map(Ecosystem::proof_kinds);
    let elsewhere = |digest: &Digest| since.is_some_and(|since| since.holds(digest));
    let mut writer = Writer {
        checker: Checker::new(stored.segment_size(), &proof_kinds, &elsewhere),
        segment_size: stored.segment_size(),
        totals: Totals::default(),
        encoder: zstd::stream::Encoder::new(Hashing::new(&file), frame::LEVEL).map_err(failed)?,
        line: Vec::new(),
        content_size: 0,
        spool,
    };
    for at in 0..stored.len() {
        writer.record(&Record::Object(stored.object(at)?))?;
    }
    for document in documents {
        writer.record(&Record::Document(document))?;
    }
    for artifact in stored.holdings().artifacts() {
        writer.record(&Record::Artifact(artifact))?;
    }
    let Writer {
        checker,
        totals,
        encoder,
        content_size,
        ..
    } = writer;
    checker.finish(named, totals).map_err(refused)?;
    let (digest, size) = encoder.finish().and_then(Hashing::finish).map_err(failed)?;
    Ok(Written {
        catalog: Source::Spooled(Arc::clone(&file), 0, size),
        digest,
        size,
        totals,
        content_size,
    })
}

fn refused(error: crate::bundle::catalog::RecordError) -> Unable {
    Unable::new("the catalog would be refused").because(error)
}

struct Writer<'a> {
    checker: Checker<'a>,
    segment_size: u64,
    totals: Totals,
    encoder: zstd::stream::Encoder<'static, Hashing<'a>>,
    line: Vec<u8>,
    content_size: u64,
    spool: &'a Path,
}

impl Writer<'_> {
    fn record(&mut self, record: &Record) -> Result<(), Stop> {
        self.checker.take(record).map_err(refused)?;
        match record {
            Record::Object(object) => {
                self.totals.objects += 1;
                self.totals.object_bytes += object.size;
                self.totals.segments += object.segment_count(self.segment_size);
            }
            Record::Document(_) => self.totals.documents += 1,
            Record::Artifact(_) => self.totals.artifacts += 1,
        }
        self.line.clear();
        // Strict JSON as it stands: a record's fields are in the order of their names.
        serde_json::to_writer(&mut self.line, record)
            .map_err(io::Error::from)
            .and_then(|()| {
                self.line.push(b'\n');
                self.encoder.write_all(&self.line)
            })
            .map_err(|error| cannot_spool(self.spool, error))?;
        self.content_size += self.line.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::catalog::{Encoding, Object};
    use crate::bundle::manifest::tests::sample;
    use crate::crypto::strict_json;
    use crate::export::describe::Held;
    use crate::export::memory::Sent;
    use crate::model::{Artifact, Proof, ProofState, Timestamp};

    /// Writes the catalog of one object; with another that stands before it in a list that nobody sorted.
    fn write_one(named: Digest, is_twice: bool) -> Result<(), Stop> {
        let folder = tempfile::tempdir().unwrap();
        let mut holdings = crate::export::holdings::Holdings::default();
        holdings.add_companions([crate::export::source::SourceObject {
            digest: Digest::of(b"x"),
            size: 1,
            source: Source::Memory(b"x".to_vec()),
            compressible: false,
        }]);
        holdings.arrange_objects();
        let stored = crate::export::describe::store_all(holdings, 4096, folder.path(), 1)?;
        let document = Document {
            digest: Digest::of(b"x"),
            ecosystem: "npm".to_owned(),
            kind: "packument".to_owned(),
            name: "a".to_owned(),
            origin: "https://registry.example.com/a".to_owned(),
        };
        let documents = vec![document; if is_twice { 2 } else { 1 }];
        let named = std::iter::once(("the plan", named));
        write_catalog(&stored, documents, named, None, folder.path()).map(|_| ())
    }

    #[test]
    fn no_catalog_is_written_that_a_reader_would_refuse() {
        write_one(Digest::of(b"x"), false).unwrap();
        // A record that is wrong by itself, and a name of something that no record lists.
        for (result, why) in [
            (write_one(Digest::of(b"x"), true), "listed twice"),
            (write_one(Digest::of(b"y"), false), "which the catalog does not list"),
        ] {
            let Err(Stop::Unable(unable)) = result else {
                panic!("it was written");
            };
            assert_eq!(unable.what, "the catalog would be refused");
            let source = unable.source.unwrap().to_string();
            assert!(source.ends_with(why), "{source}");
        }
    }

    #[test]
    fn records_written_at_once_are_canonical() {
        let text = || "z \u{7f}\"\\ü".to_owned();
        let digest = Digest::of(b"");
        let object = Object {
            digest,
            encoding: Encoding::Zstd,
            segments: vec![digest],
            size: 7,
            stored_size: Some(6),
        };
        let plain = Object {
            encoding: Encoding::Identity,
            segments: Vec::new(),
            stored_size: None,
            ..object.clone()
        };
        let document = Document {
            digest,
            ecosystem: text(),
            kind: text(),
            name: text(),
            origin: text(),
        };
        let proof = |state, objects| Proof {
            kind: text(),
            state,
            objects,
        };
        let artifact = Artifact {
            origin: text(),
            proofs: vec![
                proof(ProofState::Present, vec![digest]),
                proof(ProofState::NotAsked, Vec::new()),
            ],
            reason: text(),
            ..Artifact::plain(&text(), &text(), &text(), &text(), digest)
        };
        for record in [
            Record::Object(object),
            Record::Object(plain),
            Record::Document(document),
            Record::Artifact(artifact),
        ] {
            assert_eq!(serde_json::to_vec(&record).unwrap(), strict_json::write(&record));
        }
    }

    #[test]
    fn a_catalog_whose_file_takes_no_more_is_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        let read_only = std::fs::File::open(path).unwrap();
        let mut writer = Writer {
            checker: Checker::new(4096, &|_| None, &|_| false),
            segment_size: 4096,
            totals: Totals::default(),
            encoder: zstd::stream::Encoder::new(Hashing::new(&read_only), frame::LEVEL).unwrap(),
            line: Vec::new(),
            content_size: 0,
            spool: folder.path(),
        };
        let mut digests: Vec<Digest> = (0_u32..20_000)
            .map(|number| Digest::of(&number.to_be_bytes()))
            .collect();
        digests.sort_unstable();
        let written = digests.into_iter().try_for_each(|digest| {
            writer.record(&Record::Object(Object {
                digest,
                encoding: Encoding::Identity,
                segments: Vec::new(),
                size: 1,
                stored_size: None,
            }))
        });
        assert!(written.is_err());
    }

    #[test]
    fn only_what_the_receiver_holds_may_be_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let sent = Sent::of(folder.path(), "main");
        let held = Digest::of(b"held");
        let draft = sent.draft(std::iter::once(held)).unwrap();
        sent.keep(draft, &sample(), Digest::of(b"manifest")).unwrap();
        let carried = sent.carried(1, 1).unwrap().unwrap();
        sent.acknowledge(&carried, Timestamp::from_seconds(1000)).unwrap();
        let since = Since {
            base: carried.manifest,
            held: Held::Memory(Arc::new(sent.remembered(1, 2).unwrap().unwrap())),
        };
        let stored = || {
            let mut holdings = crate::export::holdings::Holdings::default();
            holdings.arrange_objects();
            crate::export::describe::store_all(holdings, 4096, folder.path(), 1).unwrap()
        };
        for (named, is_written) in [(held, true), (Digest::of(b"other"), false)] {
            let named = std::iter::once(("the plan", named));
            let written = write_catalog(&stored(), Vec::new(), named, Some(&since), folder.path());
            assert_eq!(written.is_ok(), is_written);
        }
    }
}
