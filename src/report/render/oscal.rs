//! The checks of an import as observations, and the control map's rows of NIST SP 800-53 as findings, in OSCAL assessment results.
//!
//! OSCAL knows `satisfied` and `not-satisfied`; a control that is covered in part is not satisfied, with the reason `partial`.
//! An artifact that was kept out, or brings a proof that is wrong, is an observation of its own.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::Items;
use super::uuid::uuid;
use super::{RenderError, Rendering, Subject, check_words, finding_words};
use crate::model::{Digest, escaped};
use crate::report::controls::{self, Answer, Status};
use crate::report::{Head, Method, Record};

/// The version of OSCAL: nothing newer is used. Schemas of 1.2 read it too.
const VERSION: &str = "1.1.3";

/// The catalog whose controls the findings are about, as the control map calls it.
const REGIME: &str = "sp-800-53-r5";

/// Properties that only this program knows have a namespace of their own (OSCAL, `prop/@ns`). It is no address: some readers take no
/// URN here.
const NAMESPACE: &str = "https://sealift.invalid/ns/oscal/1";

pub(super) struct Results<'a> {
    subject: Subject<'a>,
    observations: Items,
    number: u64,
}

/// A text from outside within Markdown, which OSCAL's titles and descriptions are: nothing in it is markup.
fn plain(untrusted: &str) -> String {
    let mut text = String::with_capacity(untrusted.len());
    for character in escaped(untrusted).chars() {
        if character.is_ascii_punctuation() && !matches!(character, '.' | ',' | ':' | ';' | '/' | '@' | '%' | '?' | '=')
        {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

fn property(name: &str, value: &str) -> Value {
    // A property's value neither begins nor ends with a space (OSCAL, `StringDatatype`).
    let value = escaped(value);
    let value = value.trim();
    json!({ "name": name, "ns": NAMESPACE, "value": if value.is_empty() { "-" } else { value } })
}

fn reviewed() -> Vec<Value> {
    covered_regime()
        .filter_map(|control| catalog_id(control.id))
        .map(|id| json!({ "control-id": id }))
        .collect()
}

fn covered_regime() -> impl Iterator<Item = &'static controls::Control> {
    controls::REGIMES
        .iter()
        .filter(|regime| regime.id == REGIME)
        .flat_map(|regime| regime.controls)
}

/// A control's name as the catalog has it: `SI-7(15)` is `si-7.15`; nothing for a row about several.
fn catalog_id(id: &str) -> Option<String> {
    (!id.contains(',')).then(|| id.to_ascii_lowercase().replace('(', ".").replace(')', ""))
}

fn check_uuid(report: &Digest, id: &str) -> String {
    uuid(report, &format!("oscal/check/{id}"))
}

pub(super) fn begin<'a>(subject: Subject<'a>, out: &mut dyn Write) -> io::Result<Results<'a>> {
    let head = subject.head();
    let report = &subject.report.digest;
    let bundle = head.bundle.as_ref().map_or_else(
        || "a bundle that nobody vouched for".to_owned(),
        |bundle| format!("bundle {}", bundle.label),
    );
    let title = format!("Import of {bundle}: {}", head.outcome.word());
    out.write_all(b"{\"assessment-results\":{")?;
    let mut fields = Items::default();
    fields.field(out, "uuid", &uuid(report, "oscal"))?;
    fields.field(
        out,
        "metadata",
        &json!({
            "title": plain(&title),
            "last-modified": head.created,
            "version": head.number.to_string(),
            "oscal-version": VERSION,
            "props": [property("report", &report.to_string()), property("generator", &head.generator)],
        }),
    )?;
    fields.field(
        out,
        "import-ap",
        &json!({ "href": format!("#{}", uuid(report, "oscal/plan")) }),
    )?;
    fields.name(out, "results")?;
    out.write_all(b"[{")?;
    let mut fields = Items::default();
    fields.field(out, "uuid", &uuid(report, "oscal/result"))?;
    fields.field(out, "title", &plain(&title))?;
    let description = format!(
        "What enclave {} checked when it was given {bundle}. Not checked: {}",
        head.station.name,
        head.not_checked.join("; ")
    );
    fields.field(out, "description", &plain(&description))?;
    fields.field(out, "start", &head.created)?;
    fields.field(out, "end", &head.ended())?;
    fields.field(
        out,
        "props",
        &json!([
            property("outcome", head.outcome.word()),
            property("enclave", &head.station.enclave.to_string()),
            property("profile", &head.station.profile),
            property("control-map", &controls::MAP_VERSION.to_string()),
        ]),
    )?;
    fields.field(
        out,
        "reviewed-controls",
        &json!({ "control-selections": [{ "include-controls": reviewed() }] }),
    )?;
    fields.name(out, "observations")?;
    out.write_all(b"[")?;
    let mut observations = Items::default();
    for check in &head.checks {
        let method = match check.method {
            Method::Test => "TEST",
            Method::Examine => "EXAMINE",
        };
        let mut props = vec![property("check", &check.id), property("result", check.result.word())];
        props.extend(check.codes.iter().map(|code| property("code", code)));
        observations.item(
            out,
            &json!({
                "uuid": check_uuid(report, &check.id),
                "title": plain(&check.id),
                "description": plain(&check_words(check)),
                "props": props,
                "methods": [method],
                "collected": check.ended.unwrap_or(head.created),
                "relevant-evidence": [evidence(report)],
            }),
        )?;
    }
    Ok(Results {
        subject,
        observations,
        number: 0,
    })
}

fn evidence(report: &Digest) -> Value {
    json!({ "href": format!("#{}", uuid(report, "oscal/report")), "description": "The signed report." })
}

/// A finding about one control of the catalog.
fn finding(answer: &Answer, id: &str, report: &Digest, head: &Head) -> Value {
    let (state, reason) = match answer.status {
        Status::Satisfied => ("satisfied", "pass"),
        Status::Partial => ("not-satisfied", "partial"),
        Status::NotCovered => ("not-satisfied", "not-covered"),
    };
    let mut description = format!("{}: {}.", answer.asks, answer.status.word());
    for said in &answer.checks {
        description.push_str(&format!(" {}: {}.", said.check, said.result));
    }
    for lacks in &answer.lacks {
        description.push_str(&format!(" Not covered: {lacks}."));
    }
    description.push_str(&format!(" The control's text: {}.", answer.text.words()));
    let mut finding = json!({
        "uuid": uuid(report, &format!("oscal/finding/{id}")),
        "title": answer.control,
        "description": plain(&description),
        "target": {
            "type": "statement-id",
            "target-id": format!("{id}_smt"),
            "status": { "state": state, "reason": reason },
        },
    });
    let related: Vec<Value> = answer
        .checks
        .iter()
        .filter(|said| head.checks.iter().any(|check| check.id == said.check))
        .map(|said| json!({ "observation-uuid": check_uuid(report, &said.check) }))
        .collect();
    if !related.is_empty() {
        finding["related-observations"] = json!(related);
    }
    finding
}

impl Rendering for Results<'_> {
    fn record(&mut self, record: &Record, out: &mut dyn Write) -> Result<(), RenderError> {
        self.number += 1;
        let wrong = || record.findings.iter().filter(|finding| finding.is_contradicted());
        if self.subject.is_published(record) && wrong().next().is_none() {
            return Ok(());
        }
        let report = &self.subject.report.digest;
        let mut words: Vec<String> = wrong().map(finding_words).collect();
        let mut props = vec![
            property("purl", &record.purl),
            property("digest", &record.digest.to_string()),
            property("level", record.level.word()),
        ];
        if let Some(decision) = &record.decision {
            props.push(property("admission", &decision.admission));
            words.extend(
                decision
                    .hits
                    .iter()
                    .map(|hit| format!("{} ({})", hit.message, hit.code)),
            );
        }
        let description = format!("{}: {}", record.purl, words.join("; "));
        Ok(self.observations.item(
            out,
            &json!({
                "uuid": uuid(report, &format!("oscal/artifact/{}", self.number)),
                "title": plain(&format!("{} {}", record.name, record.version)),
                "description": plain(&description),
                "props": props,
                "methods": ["TEST"],
                "collected": self.subject.head().created,
                "relevant-evidence": [evidence(report)],
            }),
        )?)
    }

    fn end(self: Box<Self>, out: &mut dyn Write) -> Result<(), RenderError> {
        let head = self.subject.head();
        let report = &self.subject.report.digest;
        out.write_all(b"\n],\"findings\":[")?;
        let mut findings = Items::default();
        for answer in controls::answers(head).filter(|answer| answer.regime == REGIME) {
            if let Some(id) = catalog_id(answer.control) {
                findings.item(out, &finding(&answer, &id, report, head))?;
            }
        }
        out.write_all(b"\n]}],")?;
        let plan = "The checks of an import are the same each time, and listed in bundle-spec/report.md of sealift; which of them \
                    answers a control is in the control map.";
        let mut fields = Items::default();
        fields.field(
            out,
            "back-matter",
            &json!({ "resources": [
                {
                    "uuid": uuid(report, "oscal/plan"),
                    "title": "The assessment plan",
                    "description": plain(plan),
                },
                {
                    "uuid": uuid(report, "oscal/report"),
                    "title": plain(&format!("Report {} of enclave {}", head.number, head.station.name)),
                    "description": "The report is the record: this document is made from it, and proves nothing.",
                    "props": [property("digest", &report.to_string())],
                },
            ] }),
        )?;
        Ok(out.write_all(b"\n}}\n")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_are_no_markup() {
        assert_eq!(
            plain("<b>[x](y) `z`\u{1b}&amp;"),
            "\\<b\\>\\[x\\]\\(y\\) \\`z\\`\\\\u\\{1b\\}\\&amp;"
        );
        assert_eq!(property("a", " \u{a0} ")["value"], "-");
    }

    #[test]
    fn controls_have_the_catalogs_names() {
        assert_eq!(catalog_id("SI-7(15)").as_deref(), Some("si-7.15"));
        assert_eq!(catalog_id("AC-4").as_deref(), Some("ac-4"));
        assert_eq!(catalog_id("SI-2(7), SA-15(13)"), None);
    }
}
