//! What is rendered from a report, for people and for other programs (`bundle-spec/report.md` §5).
//!
//! A rendering is made from a report that was verified to its end before its first byte is written, carries the report's
//! digest, and proves nothing itself. It is written as a stream: whatever a report holds, one record is in memory.
//!
//! Threats: text from outside that a reader of the rendering takes for its own language (each format escapes for itself, and
//! [`crate::model::escaped`] removes controls first), and a report that is exchanged between the two readings (its digest is
//! compared, and its records are verified again while they are rendered).

mod csv;
mod cyclonedx;
mod json;
mod junit;
mod oscal;
mod sarif;
mod spdx;
mod text;
mod uuid;
mod vsa;

pub(crate) use csv::row as csv_row;
pub use text::signed;
pub(crate) use vsa::{PAYLOAD_TYPE, PREDICATE, REPORT_FIELD, STATEMENT, passes};

use std::io::{self, Write};
use std::path::Path;

use super::pdf::{self, PdfError};
use super::{CheckResult, Head, Outcome, Record, Report, ReportError, html};
use crate::crypto::key::{SignError, Signer};
use crate::model::{Code, Finding, Refusal, Stop, Unable};
use crate::trust::{Revocations, TrustedRoot};

/// What a report is rendered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A summary in words.
    Text,
    /// The whole report as one JSON document.
    Json,
    /// One page for a browser or a printer.
    Html,
    /// A row for each artifact and each reason (RFC 4180).
    Csv,
    /// What was refused, waits or is wrong, as SARIF 2.1.0.
    Sarif,
    /// A test case for each check and each artifact, as JUnit's XML.
    Junit,
    /// A verification summary for each artifact, one a line (SLSA).
    Vsa,
    /// What clients find, as a bill of materials in CycloneDX 1.6.
    CycloneDx,
    /// What clients find, as a document in SPDX 2.3.
    Spdx,
    /// The checks and the controls that they answer, as OSCAL assessment results.
    Oscal,
    /// A document for paper and archives, PDF/A-3, with the signed report attached.
    Pdf,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 11] = [
        Self::Text,
        Self::Json,
        Self::Html,
        Self::Csv,
        Self::Sarif,
        Self::Junit,
        Self::Vsa,
        Self::CycloneDx,
        Self::Spdx,
        Self::Oscal,
        Self::Pdf,
    ];

    /// The word on a command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Vsa => "vsa",
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
            Self::Oscal => "oscal",
            Self::Pdf => "pdf",
        }
    }

    /// What it is, in a line of help.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Text => "A summary in words",
            Self::Json => "The whole report as one document, as with --json",
            Self::Html => "One page for a browser or a printer, without script",
            Self::Csv => "A row for each artifact and each reason, for a spreadsheet",
            Self::Sarif => "What was refused, waits or is wrong, as SARIF 2.1.0",
            Self::Junit => "A test case for each check and each artifact, as JUnit's XML",
            Self::Vsa => "A verification summary (SLSA) for each artifact, one a line; unsigned without --sign",
            Self::CycloneDx => "What clients find, as a bill of materials in CycloneDX 1.6",
            Self::Spdx => "What clients find, as a document in SPDX 2.3",
            Self::Oscal => "The checks and the controls that they answer, as OSCAL assessment results",
            Self::Pdf => "A document for paper and archives, PDF/A-3, with the signed report attached; needs --out",
        }
    }
}

/// A rendering could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The report cannot be read or believed.
    #[error("the report cannot be believed")]
    Report(#[from] ReportError),
    /// The report was exchanged after it was verified.
    #[error("it was changed while it was read")]
    Changed,
    /// The rendering cannot be written.
    #[error("the rendering cannot be written")]
    Write(#[from] io::Error),
    /// The key would not sign.
    #[error("the rendering cannot be signed")]
    Sign(#[from] SignError),
    /// The document for paper could not be made.
    #[error("the document cannot be made")]
    Pdf(#[from] PdfError),
}

impl RenderError {
    /// Ends a run: what is wrong with a report refuses it, all else could not be done.
    pub fn stop(self, subject: String) -> Stop {
        match self {
            Self::Report(error) => error.stop(subject),
            Self::Changed | Self::Pdf(PdfError::Changed) => {
                Refusal::new(Code::MediumChanged, subject, "it was changed while it was read").into()
            }
            Self::Write(error) => Unable::new(format!("cannot render {subject}")).because(error).into(),
            Self::Pdf(error) => Unable::new(format!("cannot render {subject}")).because(error).into(),
            Self::Sign(error) => Unable::new(format!("cannot sign what is made of {subject}"))
                .because(error)
                .into(),
        }
    }
}

/// How many records came to what, counted while the report was verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Totals {
    /// Records whose artifact is not published.
    kept_out: u64,
}

/// A verified report, as renderings see it.
struct Subject<'a> {
    report: &'a Report,
    totals: Totals,
}

impl<'a> Subject<'a> {
    fn head(&self) -> &'a Head {
        &self.report.head
    }

    fn is_published(&self, record: &Record) -> bool {
        is_published(self.head(), record)
    }

    fn own_refusals(&self) -> impl Iterator<Item = &'a super::Refused> + use<'a> {
        own_refusals(self.head())
    }
}

/// The reasons of a head that no record repeats. What the policy keeps out is in the records, with all its hits; a head has the
/// first of them only. What a later check finds wrong with an artifact is in no record.
fn own_refusals(head: &Head) -> impl Iterator<Item = &super::Refused> {
    let is_policys = head.outcome == Outcome::Imported
        || head
            .checks
            .iter()
            .any(|check| check.id == "policy" && check.result == CheckResult::Fail);
    let repeats = is_policys && head.records.count > 0;
    head.refusals
        .iter()
        .filter(move |refusal| !(repeats && refusal.subject.starts_with("pkg:")))
}

/// Whether clients find a record's artifact: it was admitted, and the whole bundle too.
fn is_published(head: &Head, record: &Record) -> bool {
    head.outcome == Outcome::Imported && record.decision.as_ref().is_some_and(super::Decided::is_admitted)
}

/// Whether an origin is an address, and not a word such as `cache`.
fn is_address(origin: &str) -> bool {
    origin.starts_with("https://") || origin.starts_with("http://")
}

/// What a proof that is wrong or could not be judged says, in one line.
fn finding_words(finding: &Finding) -> String {
    let word = if finding.is_confirmed() {
        "confirmed"
    } else if finding.is_contradicted() {
        "wrong"
    } else {
        "not judged"
    };
    format!("{} {word}: {}", finding.kind, finding.reason)
}

/// What a check came to, in one line.
fn check_words(check: &super::Check) -> String {
    let mut words = check.title.clone();
    let compared = check.compared().unwrap_or_default();
    for more in [compared.as_str(), &check.note, &check.codes.join(", ")] {
        if !more.is_empty() {
            words.push_str(": ");
            words.push_str(more);
        }
    }
    words
}

/// A result that says neither yes nor no.
const fn is_open(result: CheckResult) -> bool {
    matches!(
        result,
        CheckResult::NotApplicable | CheckResult::MethodNotAvailable | CheckResult::NotReached
    )
}

/// A rendering whose beginning is written. The records follow, and the end after the last of them.
trait Rendering {
    fn record(&mut self, record: &Record, out: &mut dyn Write) -> Result<(), RenderError>;

    fn end(self: Box<Self>, out: &mut dyn Write) -> Result<(), RenderError>;
}

/// Renders a report, which is first verified to its end. `roots` are in their order; the signer is for verification summaries.
///
/// # Errors
/// [`RenderError`]; what was written until then is worth nothing.
pub fn render(
    format: Format,
    path: &Path,
    roots: &[TrustedRoot],
    revocations: Option<&Revocations>,
    signer: Option<&dyn Signer>,
    out: &mut dyn Write,
) -> Result<Report, RenderError> {
    let mut first = super::open(path, roots, revocations)?;
    let mut totals = Totals::default();
    while let Some(record) = first.next()? {
        totals.kept_out += u64::from(!is_published(&first.head, &record));
    }
    let mut again = super::open(path, roots, revocations)?;
    if again.digest != first.digest {
        return Err(RenderError::Changed);
    }
    let subject = Subject { report: &first, totals };
    let mut rendering = begin(format, subject, path, signer, out)?;
    while let Some(record) = again.next()? {
        rendering.record(&record, out)?;
    }
    rendering.end(out)?;
    out.flush()?;
    Ok(first)
}

fn begin<'a>(
    format: Format,
    subject: Subject<'a>,
    path: &Path,
    signer: Option<&'a dyn Signer>,
    out: &mut dyn Write,
) -> Result<Box<dyn Rendering + 'a>, RenderError> {
    Ok(match format {
        Format::Text => Box::new(text::begin(&subject, out)?),
        Format::Json => Box::new(json::begin(&subject, out)?),
        Format::Html => Box::new(html::Page::begin(subject.report, out)?),
        Format::Csv => Box::new(csv::begin(subject, out)?),
        Format::Sarif => Box::new(sarif::begin(subject, out)?),
        Format::Junit => Box::new(junit::begin(subject, out)?),
        Format::Vsa => Box::new(vsa::begin(subject, signer)),
        Format::CycloneDx => Box::new(cyclonedx::begin(subject, out)?),
        Format::Spdx => Box::new(spdx::begin(subject, out)?),
        Format::Oscal => Box::new(oscal::begin(subject, out)?),
        Format::Pdf => Box::new(pdf::Paper::begin(subject.report, path)?),
    })
}

impl Rendering for html::Page {
    fn record(&mut self, record: &Record, out: &mut dyn Write) -> Result<(), RenderError> {
        Ok(html::Page::record(self, record, out)?)
    }

    fn end(self: Box<Self>, out: &mut dyn Write) -> Result<(), RenderError> {
        Ok(html::Page::end(*self, out)?)
    }
}

impl Rendering for pdf::Paper {
    fn record(&mut self, record: &Record, _: &mut dyn Write) -> Result<(), RenderError> {
        pdf::Paper::record(self, record);
        Ok(())
    }

    fn end(self: Box<Self>, out: &mut dyn Write) -> Result<(), RenderError> {
        Ok(pdf::Paper::end(*self, out)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Doubt, Fault, Level};
    use crate::report::controls::tests::head;

    #[test]
    fn a_proof_says_what_it_came_to() {
        for (finding, word) in [
            (Finding::confirmed("minisign", Level::Publisher, "signed"), "confirmed"),
            (Finding::contradicted("minisign", Fault::Revoked, "revoked"), "wrong"),
            (
                Finding::undecided("minisign", Doubt::NoAnchor, "nobody is pinned"),
                "not judged",
            ),
        ] {
            let said = finding_words(&finding);
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn what_clients_find_was_admitted_with_its_whole_bundle() {
        let record = |admission: &str| Record {
            decision: Some(crate::report::Decided {
                admission: admission.to_owned(),
                hits: Vec::new(),
                required_by: String::new(),
                reviewed_by: Vec::new(),
                rules_say: "allow".to_owned(),
                verdict: "allow".to_owned(),
            }),
            ..Record::plain(Vec::new())
        };
        let mut head = head();
        assert!(is_published(&head, &record("allowed")));
        assert!(!is_published(&head, &record("waiting")));
        assert!(!is_published(&head, &Record::plain(Vec::new())));
        head.outcome = Outcome::Refused;
        assert!(!is_published(&head, &record("allowed")));
    }

    #[test]
    fn a_reason_that_a_record_repeats_is_told_once() {
        let refused = |subject: &str| crate::report::Refused {
            code: Code::Denylisted.name().to_owned(),
            expected: None,
            found: None,
            hint: None,
            reason: "denied".to_owned(),
            subject: subject.to_owned(),
        };
        let mut head = head();
        head.refusals = vec![refused("pkg:npm/a@1"), refused("the policy")];
        let told = |head: &Head| own_refusals(head).count();
        assert_eq!(told(&head), 1);
        head.outcome = Outcome::Refused;
        assert_eq!(told(&head), 2, "a later check finds what no record has");
        let policy = head.checks.iter_mut().find(|check| check.id == "policy").unwrap();
        policy.result = CheckResult::Fail;
        assert_eq!(told(&head), 1);
        head.records.count = 0;
        assert_eq!(told(&head), 2, "where there is no record none repeats it");
    }

    #[test]
    fn an_origin_is_an_address_or_a_word() {
        assert!(is_address("https://registry.example.com/a") && is_address("http://registry.example.com/a"));
        assert!(!is_address("cache") && !is_address("folder"));
    }
}
