//! A row for each artifact and for each reason that is about no artifact, with the columns always the same (RFC 4180).
//!
//! Threat: a spreadsheet computes a cell that begins like a formula (OWASP, "CSV Injection"). Such a cell gets an apostrophe before
//! it, which spreadsheets show as text; so a name that begins with `@` has one too, and the package URL beside it has not.

use std::io::{self, Write};

use super::{RenderError, Rendering, Subject};
use crate::model::{Finding, Level, escaped};
use crate::report::tally::signer_words;
use crate::report::{Decided, Record, Scan};

/// The columns: their names are stable, whatever their order comes to be.
const COLUMNS: [&str; 38] = [
    "row",
    "number",
    "ecosystem",
    "name",
    "version",
    "file",
    "purl",
    "digest",
    "size",
    "level",
    "required",
    "floor",
    "admission",
    "verdict",
    "rules_say",
    "reviewed_by",
    "codes",
    "reasons",
    "waivers",
    "confirmed",
    "wrong",
    "not_judged",
    "signers",
    "signed_at",
    "log",
    "absent",
    "origin",
    "asked_for_by",
    "scans",
    "licence",
    "published",
    "published_by",
    "identity_verified_by",
    "integrity_verified_by",
    "method_available",
    "bundle",
    "outcome",
    "report",
];

/// Parts within one cell.
const BETWEEN: &str = "; ";

pub(super) struct Rows<'a> {
    subject: Subject<'a>,
    number: u64,
}

pub(super) fn begin<'a>(subject: Subject<'a>, out: &mut dyn Write) -> io::Result<Rows<'a>> {
    row(out, COLUMNS.iter().map(|name| (*name).to_owned()))?;
    Ok(Rows { subject, number: 0 })
}

impl Rendering for Rows<'_> {
    fn record(&mut self, record: &Record, out: &mut dyn Write) -> Result<(), RenderError> {
        self.number += 1;
        let level = |level: Option<Level>| level.map_or_else(String::new, |level| level.word().to_owned());
        let decision = record.decision.as_ref();
        let decided = |of: fn(&Decided) -> String| decision.map_or_else(String::new, of);
        let findings = |is_meant: fn(&Finding) -> bool| {
            join(record.findings.iter().filter(|finding| is_meant(finding)), |finding| {
                format!("{}: {}", finding.kind, finding.reason)
            })
        };
        let confirmed = || record.findings.iter().filter(|finding| finding.is_confirmed());
        let about = record.about.as_ref();
        let published = about.and_then(|about| about.published.as_ref());
        let cells = [
            "artifact".to_owned(),
            self.number.to_string(),
            record.ecosystem.clone(),
            record.name.clone(),
            record.version.clone(),
            record.file.clone(),
            record.purl.clone(),
            record.digest.to_string(),
            record.size.to_string(),
            level(Some(record.level)),
            level(record.required),
            level(record.floor),
            decided(|decision| decision.admission.clone()),
            decided(|decision| decision.verdict.clone()),
            decided(|decision| decision.rules_say.clone()),
            decided(|decision| decision.reviewed_by.join(BETWEEN)),
            decided(|decision| join(decision.hits.iter(), |hit| hit.code.clone())),
            decided(|decision| join(decision.hits.iter(), |hit| hit.message.clone())),
            decided(|decision| {
                join(
                    decision.hits.iter().filter_map(|hit| hit.waived_by.as_ref()),
                    String::clone,
                )
            }),
            findings(Finding::is_confirmed),
            findings(Finding::is_contradicted),
            findings(|finding| !finding.is_confirmed() && !finding.is_contradicted()),
            join(confirmed().flat_map(|finding| &finding.signers), signer_words),
            join(confirmed().filter_map(|finding| finding.signed_at.as_ref()), |signed| {
                signed.time.to_string()
            }),
            join(confirmed().filter_map(|finding| finding.log.as_ref()), |log| {
                format!("{} {}", log.id, log.index)
            }),
            join(record.absent.iter(), |absent| {
                format!("{}: {}", absent.kind, absent.state.word())
            }),
            record.origin.clone(),
            record.reason.clone(),
            join(record.scans.iter(), Scan::words),
            about.and_then(|about| about.licence.clone()).unwrap_or_default(),
            published.map_or_else(String::new, |published| published.time.to_string()),
            published.map_or_else(String::new, |published| published.by.clone()),
            join(record.identity_verified_by(), str::to_owned),
            join(record.integrity_verified_by(), str::to_owned),
            if record.has_method() { "yes" } else { "no" }.to_owned(),
        ];
        Ok(row(out, cells.into_iter().chain(self.about_the_report()))?)
    }

    fn end(self: Box<Self>, out: &mut dyn Write) -> Result<(), RenderError> {
        for refusal in self.subject.own_refusals() {
            let mut cells = vec![String::new(); COLUMNS.len() - 3];
            let place = |name: &str| COLUMNS.iter().position(|column| *column == name);
            for (column, cell) in [
                ("row", "refusal"),
                ("name", refusal.subject.as_str()),
                ("codes", &refusal.code),
                ("reasons", &refusal.reason),
            ] {
                if let Some(place) = place(column).and_then(|place| cells.get_mut(place)) {
                    *place = cell.to_owned();
                }
            }
            row(out, cells.into_iter().chain(self.about_the_report()))?;
        }
        Ok(())
    }
}

impl Rows<'_> {
    /// The last three columns: rows are sorted and filtered, and must lead back to their report alone.
    fn about_the_report(&self) -> [String; 3] {
        let head = self.subject.head();
        [
            head.bundle
                .as_ref()
                .map_or_else(String::new, |bundle| bundle.label.clone()),
            head.outcome.word().to_owned(),
            self.subject.report.digest.to_string(),
        ]
    }
}

fn join<T>(items: impl Iterator<Item = T>, words: impl Fn(T) -> String) -> String {
    items.map(words).collect::<Vec<_>>().join(BETWEEN)
}

/// Writes one row, whose cells nothing computes.
pub(crate) fn row(out: &mut dyn Write, cells: impl Iterator<Item = String>) -> io::Result<()> {
    let cells: Vec<String> = cells.map(|untrusted| cell(&untrusted)).collect();
    write!(out, "{}\r\n", cells.join(","))
}

/// A text as a cell that nothing computes, quoted where RFC 4180 §2 asks for it.
fn cell(untrusted: &str) -> String {
    let mut text = escaped(untrusted);
    // Before controls were escaped, a tab or line end at the beginning could hide what follows from this test.
    let begins = |text: &str| {
        text.trim_start()
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    };
    if begins(&text) || begins(untrusted) || untrusted.starts_with(['\t', '\r', '\n']) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"']) || text.starts_with(' ') || text.ends_with(' ') {
        text = format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_like_a_formula() {
        for begin in ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\t=", "\u{a0}=", "＝"] {
            let shown = cell(&format!("{begin}1+1"));
            assert!(shown.trim_start_matches('"').starts_with('\''), "{begin:?}: {shown}");
        }
        assert_eq!(cell("=HYPERLINK(\"x\",1)"), "\"'=HYPERLINK(\"\"x\"\",1)\"");
        assert_eq!(cell("plain 1-2"), "plain 1-2");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("a\r\nb\u{202e}"), "a\\u{d}\\u{a}b\\u{202e}");
    }
}
