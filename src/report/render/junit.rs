//! Each check and each artifact as a test case, in the XML that build servers read. There is no standard; this keeps to the schema of
//! the xUnit plugin of Jenkins (`junit-10.xsd`).

use std::io::{self, Write};

use super::{RenderError, Rendering, Subject, check_words, finding_words, is_open};
use crate::model::escaped;
use crate::report::{CheckResult, Record};

pub(super) struct Suites<'a> {
    subject: Subject<'a>,
}

/// A text from outside within an attribute or an element. XML 1.0 §2.2 has no place for two characters that are no controls.
fn xml(untrusted: &str) -> String {
    let mut out = String::with_capacity(untrusted.len());
    for character in escaped(untrusted).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.extend(character.escape_unicode()),
            other => out.push(other),
        }
    }
    out
}

pub(super) fn begin<'a>(subject: Subject<'a>, out: &mut dyn Write) -> io::Result<Suites<'a>> {
    let head = subject.head();
    let count = |is_meant: fn(CheckResult) -> bool| head.checks.iter().filter(|check| is_meant(check.result)).count();
    let failed = count(|result| result == CheckResult::Fail);
    let skipped = count(is_open);
    let bundle = head
        .bundle
        .as_ref()
        .map_or("nobody vouched for", |bundle| bundle.label.as_str());
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"sealift report {}\" tests=\"{}\" failures=\"{}\" errors=\"0\">",
        head.number,
        head.checks.len() as u64 + head.records.count,
        failed as u64 + subject.totals.kept_out,
    )?;
    writeln!(
        out,
        "<testsuite name=\"checks\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" timestamp=\"{}\" hostname=\"{}\">",
        head.checks.len(),
        // Without a zone, as readers of this format expect it; the report's times are UTC.
        head.created.to_string().trim_end_matches('Z'),
        xml(&head.station.name),
    )?;
    writeln!(out, "<properties>")?;
    for (name, value) in [
        ("report", subject.report.digest.to_string().as_str()),
        ("bundle", bundle),
        ("outcome", head.outcome.word()),
        ("generator", &head.generator),
    ] {
        writeln!(out, "<property name=\"{name}\" value=\"{}\"/>", xml(value))?;
    }
    writeln!(out, "</properties>")?;
    for check in &head.checks {
        write!(out, "<testcase classname=\"checks\" name=\"{}\">", xml(&check.id))?;
        let words = xml(&check_words(check));
        match check.result {
            CheckResult::Fail => {
                write!(
                    out,
                    "<failure type=\"{}\" message=\"{words}\">",
                    xml(&check.codes.join(" "))
                )?;
                for refusal in head.refusals.iter().filter(|one| check.codes.contains(&one.code)) {
                    writeln!(
                        out,
                        "{}: {} [{}]",
                        xml(&refusal.subject),
                        xml(&refusal.reason),
                        xml(&refusal.code)
                    )?;
                }
                write!(out, "</failure>")?;
            }
            result if is_open(result) => {
                write!(out, "<skipped message=\"{}: {words}\"/>", result.word())?;
            }
            result => write!(out, "<system-out>{}: {words}</system-out>", result.word())?,
        }
        writeln!(out, "</testcase>")?;
    }
    writeln!(out, "</testsuite>")?;
    writeln!(
        out,
        "<testsuite name=\"artifacts\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" timestamp=\"{}\" hostname=\"{}\">",
        head.records.count,
        subject.totals.kept_out,
        head.created.to_string().trim_end_matches('Z'),
        xml(&head.station.name),
    )?;
    Ok(Suites { subject })
}

impl Rendering for Suites<'_> {
    fn record(&mut self, record: &Record, out: &mut dyn Write) -> Result<(), RenderError> {
        write!(
            out,
            "<testcase classname=\"{}.{}\" name=\"{}\">",
            xml(&record.ecosystem),
            xml(&record.name),
            xml(&record.purl)
        )?;
        if !self.subject.is_published(record) {
            let hits = record.decision.iter().flat_map(|decision| &decision.hits);
            let codes: Vec<&str> = hits.clone().map(|hit| hit.code.as_str()).collect();
            let word = match &record.decision {
                Some(decision) if decision.is_admitted() => "admitted, and the bundle was refused",
                Some(decision) => decision.admission.as_str(),
                None => "not decided",
            };
            write!(
                out,
                "<failure type=\"{}\" message=\"{}\">",
                xml(&codes.join(" ")),
                xml(word)
            )?;
            for hit in hits {
                writeln!(out, "{} [{}] {}", xml(&hit.message), xml(&hit.code), xml(&hit.rule))?;
            }
            write!(out, "</failure>")?;
        }
        write!(out, "<system-out>level {}", record.level)?;
        for finding in &record.findings {
            write!(out, "\n{}", xml(&finding_words(finding)))?;
        }
        for scan in &record.scans {
            write!(out, "\n{}", xml(&scan.words()))?;
        }
        Ok(writeln!(out, "</system-out></testcase>")?)
    }

    fn end(self: Box<Self>, out: &mut dyn Write) -> Result<(), RenderError> {
        Ok(writeln!(out, "</testsuite>\n</testsuites>")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup_or_no_xml() {
        let text = xml("<a b=\"c\">&\u{0}\u{ffff}\u{fffe}]]>");
        assert_eq!(text, "&lt;a b=&quot;c&quot;&gt;&amp;\\u{0}\\u{ffff}\\u{fffe}]]&gt;");
        assert!(roxmltree::Document::parse(&format!("<a>{text}</a>")).is_ok());
    }
}
