//! A report on paper: PDF/A-3 (ISO 19005-3, conformance level B) with the signed report itself attached, so that whoever has the
//! paper's file can verify what it was made of.
//!
//! Threat: a name that draws what it likes. Only glyphs of this program's own fonts are drawn; what they lack is shown by its number.
//! A document is held in memory, so artifacts beyond some thousands are counted and not listed, and a report that is larger than
//! [`MAX_ATTACHED_BYTES`] is named by its digest and not attached.

mod content;
mod font;
mod sheet;

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;

use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::embed::{AssociationKind, EmbeddedFile, MimeType};
use krilla::metadata::{DateTime, Metadata};
use krilla::{Document, SerializeSettings};

use super::{Record, Report};
use crate::crypto::dsse::Envelope;
use crate::model::{Digest, Timestamp};
use sheet::Sheet;

/// The largest report that is attached: tens of thousands of artifacts, and a few times as much in memory.
const MAX_ATTACHED_BYTES: u64 = 32 << 20;

/// Artifacts that are listed: some two hundred pages.
const MAX_ROWS: u64 = 2000;

/// Artifacts beyond those that are listed because something is wrong with them.
const MAX_TROUBLED_ROWS: u64 = 2000;

/// A document could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PdfError {
    /// The program's own font cannot be read.
    #[error("the font cannot be read")]
    Font,
    /// A page cannot be laid out.
    #[error("a page cannot be laid out")]
    Layout,
    /// The document would not keep to PDF/A-3.
    #[error("the document does not keep to PDF/A-3: {0}")]
    Standard(String),
    /// The report is not the one that was verified.
    #[error("the report was changed while it was read")]
    Changed,
    /// The report or the document cannot be read or written.
    #[error("cannot read the report or write the document")]
    File(#[from] io::Error),
}

/// A document that is being filled.
pub(super) struct Paper {
    sheet: Sheet,
    attached: Option<Vec<u8>>,
    name: String,
    created: Timestamp,
    rows: u64,
    troubled: u64,
    left_out: u64,
    closing: Vec<String>,
}

impl Paper {
    /// Lays out everything that the head says, and takes the report's own bytes if they are few enough.
    pub(super) fn begin(report: &Report, path: &Path) -> Result<Self, PdfError> {
        let head = &report.head;
        let configuration = ConfigurationBuilder::new()
            .with_archival_validator(Archival::A3_B)
            .finish()
            .map_err(|error| PdfError::Standard(format!("{error:?}")))?;
        let mut document = Document::new_with(SerializeSettings {
            configuration,
            enable_tagging: false,
            ..SerializeSettings::default()
        });
        let title = content::title(head);
        document.set_metadata(
            Metadata::new()
                .title(title.clone())
                .language("en".to_owned())
                .creator(head.generator.clone())
                .producer(head.generator.clone())
                .creation_date(date(head.created))
                .document_id(report.digest.to_string()),
        );
        let attached = attached(report, path)?;
        let name = format!("report-{:06}.ndjson", head.number);
        let foot = format!("Report {} of {} · {}", head.number, head.station.name, report.digest);
        let mut sheet = Sheet::new(document, &foot)?;
        content::head(report, &mut sheet);
        let closing = content::closing(report, attached.is_some().then_some(name.as_str()));
        Ok(Self {
            sheet,
            attached,
            name,
            created: head.created,
            rows: 0,
            troubled: 0,
            left_out: 0,
            closing,
        })
    }

    /// Lays out one artifact.
    pub(super) fn record(&mut self, record: &Record) {
        let is_troubled = content::is_troubled(record);
        if self.rows >= MAX_ROWS {
            if !is_troubled || self.troubled >= MAX_TROUBLED_ROWS {
                self.left_out += 1;
                return;
            }
            self.troubled += 1;
        }
        if self.rows == 0 {
            self.sheet.heading("Artifacts");
        }
        self.rows += 1;
        content::artifact(record, is_troubled, &mut self.sheet);
    }

    /// Attaches the report and writes the document.
    pub(super) fn end(mut self, out: &mut dyn Write) -> Result<(), PdfError> {
        if self.left_out > 0 {
            let words = format!(
                "{} more artifacts are in the report itself; of those with a wrong proof or a decision against them, the first \
                 {MAX_TROUBLED_ROWS} are listed here.",
                self.left_out
            );
            self.sheet.paragraph(sheet::Text::small(words));
        }
        self.sheet.gap(14.0);
        for words in &self.closing {
            self.sheet.paragraph(sheet::Text::small(words.as_str()));
        }
        let mut document = self.sheet.finish();
        if let Some(bytes) = self.attached {
            document.embed_file(EmbeddedFile {
                path: self.name,
                mime_type: MimeType::new("application/x-ndjson"),
                description: Some("The signed report that this document was made of".to_owned()),
                association_kind: AssociationKind::Source,
                data: bytes.into(),
                modification_date: Some(date(self.created)),
                compress: Some(true),
                location: None,
            });
        }
        let bytes = document
            .finish()
            .map_err(|error| PdfError::Standard(error.to_string()))?;
        Ok(out.write_all(&bytes)?)
    }
}

/// The report's bytes, if they are few enough: those that were verified.
fn attached(report: &Report, path: &Path) -> Result<Option<Vec<u8>>, PdfError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_ATTACHED_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_ATTACHED_BYTES {
        return Ok(None);
    }
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(PdfError::Changed)?;
    let (line, records) = bytes.split_at(end);
    let envelope = Envelope::read(line).map_err(|_| PdfError::Changed)?;
    let is_the_same = Digest::of(&envelope.payload) == report.digest
        && records.get(1..).map(Digest::of) == Some(report.head.records.digest);
    if !is_the_same {
        return Err(PdfError::Changed);
    }
    Ok(Some(bytes))
}

/// A time as PDF has it; the parts of the text that a timestamp writes.
fn date(time: Timestamp) -> DateTime {
    let text = time.to_string();
    let part = |from: usize, to: usize| {
        text.get(from..to)
            .and_then(|digits| digits.parse::<u16>().ok())
            .unwrap_or(1)
    };
    let small = |from: usize| u8::try_from(part(from, from + 2)).unwrap_or(1);
    DateTime::new(part(0, 4))
        .month(small(5))
        .day(small(8))
        .hour(small(11))
        .minute(small(14))
        .second(small(17))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::TrustedRoot;

    #[test]
    fn only_the_report_that_was_verified_is_attached() {
        let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle-spec/vectors");
        let root = TrustedRoot::pinned(&std::fs::read(vectors.join("root.dsse.json")).unwrap()).unwrap();
        let [one, other] = ["by_another_role_too", "codes_of_several_refusals"]
            .map(|case| vectors.join("report").join(case).join("report.ndjson"));
        let report = crate::report::open(&one, &[root], None).unwrap();
        let bytes = std::fs::read(&one).unwrap();
        assert_eq!(attached(&report, &one).unwrap().as_deref(), Some(&*bytes));
        assert!(matches!(attached(&report, &other), Err(PdfError::Changed)));
        // The same head, and other records.
        let changed = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(changed.path(), [&bytes[..], b"\n"].concat()).unwrap();
        assert!(matches!(attached(&report, changed.path()), Err(PdfError::Changed)));
        // A folder is opened, and not read.
        assert!(matches!(attached(&report, &vectors), Err(PdfError::File(_))));
    }
}
