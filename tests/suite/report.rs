//! What a reader of reports says at once: its limits, and what the head alone proves. The rest is in the vectors.

use std::fs;

use sealift::crypto::dsse::MAX_ENVELOPE_BYTES;
use sealift::model::Code;
use sealift::report::{self, MAX_REPORT_RECORD_BYTES, Report, ReportError, SummaryError};
use serde_json::json;

use crate::people;
use crate::raw_records::{RawEnclave, ReportEdits};

/// A report of three artifacts.
fn written(edits: &ReportEdits) -> Vec<u8> {
    RawEnclave::new().report(3, edits)
}

/// Asks something of a report in a file.
fn with<T>(bytes: &[u8], ask: impl FnOnce(&std::path::Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.ndjson");
    fs::write(&path, bytes).unwrap();
    ask(&path)
}

fn verified(bytes: &[u8], visit: impl FnMut(report::Record) -> Result<(), ReportError>) -> Result<Report, ReportError> {
    let roots = [people::pinned(&people::root())];
    with(bytes, |path| report::verify(path, &roots, None, visit))
}

fn error(edits: &ReportEdits) -> ReportError {
    verified(&written(edits), |_| Ok(())).unwrap_err()
}

#[test]
fn no_line_is_longer_than_its_limit() {
    let head = |length: usize| ReportEdits {
        envelope: Some(Box::new(move |bytes| *bytes = vec![b' '; length])),
        ..ReportEdits::default()
    };
    let record = |length: usize| ReportEdits {
        lines: Some(Box::new(move |bytes| *bytes = vec![b' '; length])),
        ..ReportEdits::default()
    };
    assert!(matches!(error(&head(MAX_ENVELOPE_BYTES)), ReportError::Envelope(_)));
    let too_long = error(&head(MAX_ENVELOPE_BYTES + 1));
    assert!(matches!(too_long, ReportError::HeadTooLarge { .. }), "{too_long:?}");
    let fits = error(&record(MAX_REPORT_RECORD_BYTES));
    assert!(matches!(fits, ReportError::Record { number: 1, .. }), "{fits:?}");
    let too_long = error(&record(MAX_REPORT_RECORD_BYTES + 1));
    assert!(
        matches!(too_long, ReportError::RecordTooLarge { number: 1, .. }),
        "{too_long:?}"
    );
}

#[test]
fn what_follows_the_last_record_is_not_read() {
    let more = ReportEdits {
        lines: Some(Box::new(|bytes| bytes.extend_from_within(..))),
        ..ReportEdits::default()
    };
    // The first that is too many, of three.
    match error(&more) {
        ReportError::RecordsCount { expected: 3, found: 4 } => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_record_is_shown_to_who_asked() {
    let good = written(&ReportEdits::default());
    let mut seen = 0;
    verified(&good, |_| {
        seen += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, 3);
    let stopped = verified(&good, |_| Err(ReportError::UnknownFormat { found: 7 }));
    assert!(matches!(stopped, Err(ReportError::UnknownFormat { found: 7 })));
}

#[test]
fn leaves_beyond_the_tree_are_refused_before_any_record_is_read() {
    let edits = ReportEdits {
        sealed: Some(Box::new(|head| {
            head["log"]["first"] = 8.into();
            head["log"]["subtrees"] = json!([sealift::model::Digest::of(b"a tree of eight leaves").to_string()]);
        })),
        ..ReportEdits::default()
    };
    let roots = [people::pinned(&people::root())];
    let opened = with(&written(&edits), |path| report::open(path, &roots, None));
    match opened.unwrap_err().stop("the report") {
        sealift::model::Stop::Refused(refusals) => assert_eq!(refusals[0].code, Code::LogInconsistent),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_summary_is_no_longer_than_an_envelope() {
    let roots = [people::pinned(&people::root())];
    let said = |length: usize| {
        with(&written(&ReportEdits::default()), |path| {
            let report = report::open(path, &roots, None).unwrap();
            let summaries = path.with_extension("vsa");
            fs::write(&summaries, [vec![b' '; length], vec![b'\n']].concat()).unwrap();
            report::verify_summaries(&summaries, report, &roots, None).unwrap_err()
        })
    };
    let fits = said(MAX_ENVELOPE_BYTES);
    assert!(matches!(fits, SummaryError::Envelope { line: 1, .. }), "{fits:?}");
    let too_long = said(MAX_ENVELOPE_BYTES + 1);
    assert!(matches!(too_long, SummaryError::TooLong { line: 1 }), "{too_long:?}");
}

#[test]
fn summaries_that_cannot_be_read_are_not_too_few() {
    let roots = [people::pinned(&people::root())];
    with(&written(&ReportEdits::default()), |path| {
        let report = report::open(path, &roots, None).unwrap();
        // A folder is opened, and not read.
        let said = report::verify_summaries(path.parent().unwrap(), report, &roots, None);
        assert!(matches!(said, Err(SummaryError::File { .. })), "{said:?}");
    });
}
