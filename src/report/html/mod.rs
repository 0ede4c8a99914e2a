//! A report as one page: self-contained, without script, for a screen of any width and for paper.
//!
//! Threat: names, reasons and signers in a report come from outside. Every value goes through `text`, nothing is ever put into
//! a style, a link or a script, and the page forbids itself everything but its own style (Content Security Policy).

mod controls;
mod custody;
mod picture;
mod sections;

use std::io::{self, Write};

use super::{About, Head, Outcome, Record, Report};
use crate::model::{Finding, Level, Signer, escaped};

const STYLE: &str = include_str!("style.css");

/// Artifacts that are listed whatever they came to; a browser shows that many rows with ease, and paper some fifty pages of them.
const MAX_ROWS: u64 = 2000;

/// Artifacts beyond those that are listed because something is wrong with them.
const MAX_TROUBLED_ROWS: u64 = 2000;

/// A page that is being written.
#[derive(Debug)]
pub struct Page {
    rows: u64,
    troubled: u64,
    left_out: u64,
    foot: String,
}

/// A text from outside as text of the page.
pub(super) fn text(untrusted: &str) -> String {
    let mut out = String::with_capacity(untrusted.len());
    for character in escaped(untrusted).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

impl Page {
    /// Writes everything that the head says. The report's records follow, and [`Page::end`] only after the last of them is verified.
    pub fn begin(report: &Report, out: &mut dyn Write) -> io::Result<Self> {
        let head = &report.head;
        let title = format!("Report {}: {}", head.number, subject(head));
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"generator\" content=\"{generator}\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
            generator = text(&head.generator),
            title = text(&title),
        )?;
        sections::header(head, out)?;
        writeln!(out, "<main>")?;
        sections::facts(head, out)?;
        // Whoever opens the report of a refusal asks why, first.
        sections::refusals(head, out)?;
        sections::journey(head, out)?;
        custody::custody(head, out)?;
        picture::levels(&head.ecosystems, out)?;
        sections::vouchers(head, out)?;
        sections::trust_changes(head, out)?;
        sections::not_checked(head, out)?;
        controls::controls(head, out)?;
        if head.records.count > 0 {
            write!(
                out,
                "<section><h2>Artifacts</h2>\n<table class=\"artifacts\"><thead><tr><th>Artifact</th><th>Level</th>\
                 <th>Vouched for by</th><th>Decision</th></tr></thead><tbody>\n"
            )?;
        }
        Ok(Self {
            rows: 0,
            troubled: 0,
            left_out: 0,
            foot: sections::foot(report),
        })
    }

    /// Writes one artifact.
    pub fn record(&mut self, record: &Record, out: &mut dyn Write) -> io::Result<()> {
        let is_troubled = record.findings.iter().any(Finding::is_contradicted)
            || record.decision.as_ref().is_some_and(|decision| !decision.is_admitted());
        if self.rows >= MAX_ROWS {
            if !is_troubled || self.troubled >= MAX_TROUBLED_ROWS {
                self.left_out += 1;
                return Ok(());
            }
            self.troubled += 1;
        }
        self.rows += 1;
        writeln!(
            out,
            "<tr{}><td data-label=\"Artifact\"><span class=\"name\">{}</span><span class=\"digest\">{}</span>{}</td>\
             <td data-label=\"Level\">{}</td><td data-label=\"Vouched for by\">{}</td><td data-label=\"Decision\">{}</td></tr>",
            if is_troubled { " class=\"troubled\"" } else { "" },
            text(&record.purl),
            text(&record.digest.to_string()),
            about(record),
            level(record),
            findings(record),
            decision(record),
        )
    }

    /// Writes the end.
    pub fn end(self, out: &mut dyn Write) -> io::Result<()> {
        if self.rows > 0 {
            writeln!(out, "</tbody></table>")?;
            if self.left_out > 0 {
                writeln!(
                    out,
                    "<p class=\"quiet\">{} more artifacts are in the report itself; of those with a wrong proof or a decision \
                     against them, the first {MAX_TROUBLED_ROWS} are listed here.</p>",
                    self.left_out
                )?;
            }
            writeln!(out, "</section>")?;
        }
        write!(out, "</main>\n{}</body>\n</html>\n", self.foot)
    }
}

fn subject(head: &Head) -> String {
    let (word, anonymous) = match head.outcome {
        Outcome::Imported => ("Imported", "a bundle"),
        Outcome::Refused => ("Refused", "a bundle that nobody vouched for"),
    };
    let bundle = head
        .bundle
        .as_ref()
        .map_or_else(|| anonymous.to_owned(), |bundle| format!("bundle {}", bundle.label));
    format!("{word}: {bundle}")
}

/// A level as a mark with its word.
pub(super) fn mark(level: Level) -> String {
    format!("<span class=\"level {0}\">{0}</span>", level.word())
}

fn about(record: &Record) -> String {
    let words = record.about.as_ref().map(About::words);
    words.map_or_else(String::new, |words| format!("<small>{}</small>", text(&words)))
}

fn level(record: &Record) -> String {
    let mut cell = mark(record.level);
    if let Some(required) = record.required {
        cell.push_str(&format!("<small>asked: {required}</small>"));
    }
    if let Some(floor) = record.floor.filter(|floor| *floor > Level::None) {
        cell.push_str(&format!("<small>before: {floor}</small>"));
    }
    cell
}

fn findings(record: &Record) -> String {
    let mut cell = String::new();
    for finding in &record.findings {
        let (class, word) = if finding.is_confirmed() {
            ("good", "✓")
        } else if finding.is_contradicted() {
            ("bad", "✕")
        } else {
            ("open", "?")
        };
        cell.push_str(&format!(
            "<div class=\"finding {class}\"><b>{word}</b> {}: {}",
            text(&finding.kind),
            text(&finding.reason)
        ));
        for signer in finding.signers.iter().filter(|_| finding.is_confirmed()) {
            cell.push_str(&format!("<small>{}</small>", text(&signer_words(signer))));
        }
        if let Some(signed) = &finding.signed_at {
            cell.push_str(&format!("<small>signed {}</small>", signed.time));
        }
        cell.push_str("</div>");
    }
    for absent in &record.absent {
        cell.push_str(&format!(
            "<div class=\"finding none\"><b>–</b> {}: {}</div>",
            text(&absent.kind),
            absent.state.word()
        ));
    }
    if cell.is_empty() {
        cell.push_str("<span class=\"quiet\">nobody</span>");
    }
    for scan in &record.scans {
        cell.push_str(&format!("<small>scan: {}</small>", text(&scan.words())));
    }
    cell
}

fn decision(record: &Record) -> String {
    let Some(decision) = &record.decision else {
        return "<span class=\"quiet\">not asked</span>".to_owned();
    };
    let mut cell = format!("<b class=\"verdict\">{}</b>", text(&decision.admission));
    if !decision.reviewed_by.is_empty() {
        cell.push_str(&format!("<small>by {}</small>", text(&decision.reviewed_by.join(", "))));
    }
    for hit in &decision.hits {
        cell.push_str(&format!(
            "<small>{} [{}] {}</small>",
            text(&hit.message),
            text(&hit.code),
            text(&hit.rule)
        ));
    }
    cell
}

fn signer_words(signer: &Signer) -> String {
    super::tally::signer_words(signer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Doubt, Fault, Level, Signer};

    #[test]
    fn nobody_is_shown_to_vouch_by_a_proof_that_is_not_confirmed() {
        let of = |finding: crate::model::Finding| findings(&Record::plain(vec![finding]));
        assert!(of(crate::model::Finding::confirmed("minisign", Level::Publisher, "signed")).contains("finding good"));
        assert!(of(crate::model::Finding::contradicted("minisign", Fault::Revoked, "wrong")).contains("finding bad"));
        assert!(of(crate::model::Finding::undecided("minisign", Doubt::NoAnchor, "open")).contains("finding open"));
        let shown = |finding: crate::model::Finding| {
            let record = Record::plain(vec![finding.by(Signer::key("K1".to_owned(), None))]);
            findings(&record).contains("K1")
        };
        assert!(shown(crate::model::Finding::confirmed(
            "minisign",
            Level::Publisher,
            "signed"
        )));
        assert!(!shown(crate::model::Finding::contradicted(
            "minisign",
            Fault::SignatureWrong,
            "wrong"
        )));
        assert!(!shown(crate::model::Finding::undecided(
            "minisign",
            Doubt::NoAnchor,
            "open"
        )));
    }

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let hostile = "<script>alert('x')</script>\" onload=\"y\u{202e}\u{1b}[2J&";
        let shown = text(hostile);
        for forbidden in ['<', '>', '"', '\'', '\u{202e}', '\u{1b}'] {
            assert!(!shown.contains(forbidden), "{shown}");
        }
        assert!(
            shown.contains("&lt;script&gt;") && shown.contains("\\u{202e}") && shown.ends_with("&amp;"),
            "{shown}"
        );
    }
}
