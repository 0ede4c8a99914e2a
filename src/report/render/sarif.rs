//! What was refused, waits for a decision or is wrong, as SARIF 2.1.0, which code scanning and editors show.
//!
//! A result's rule is the stable code. What a waiver lifts is there, and suppressed (SARIF 2.1.0 §3.35); checks that passed and
//! artifacts without a finding are not.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::Items;
use super::{RenderError, Rendering, Subject, check_words, finding_words};
use crate::model::{Code, Family};
use crate::report::{CheckResult, DecisionHit, Head, Record};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0-rtm.5.json";

pub(super) struct Log<'a> {
    subject: Subject<'a>,
    results: Items,
    rules: BTreeSet<String>,
}

pub(super) fn begin<'a>(subject: Subject<'a>, out: &mut dyn Write) -> io::Result<Log<'a>> {
    out.write_all(b"{")?;
    let mut fields = Items::default();
    fields.field(out, "$schema", &SCHEMA)?;
    fields.field(out, "version", &"2.1.0")?;
    fields.name(out, "runs")?;
    // Results come first, so that the rules which follow are those that were used.
    out.write_all(b"[{\"results\":[")?;
    let mut log = Log {
        subject,
        results: Items::default(),
        rules: BTreeSet::new(),
    };
    log.head(out)?;
    Ok(log)
}

impl Log<'_> {
    fn head(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let head = self.subject.head();
        let bundle = head
            .bundle
            .as_ref()
            .map_or_else(|| "the bundle".to_owned(), |bundle| format!("bundle {}", bundle.label));
        for refusal in self.subject.own_refusals() {
            let mut message = format!("{}: {}", refusal.subject, refusal.reason);
            for (word, text) in [("expected", &refusal.expected), ("found", &refusal.found)] {
                if let Some(text) = text {
                    message.push_str(&format!("; {word} {text}"));
                }
            }
            self.result(out, &refusal.code, "error", &message, &place(&refusal.subject, None))?;
        }
        for hit in told_beside_refusals(head) {
            self.hit(out, hit, &bundle, None)?;
        }
        for check in head
            .checks
            .iter()
            .filter(|check| matches!(check.result, CheckResult::Warn | CheckResult::Waived))
        {
            let rule = format!("check/{}", check.id);
            self.result(out, &rule, "warning", &check_words(check), &place(&bundle, None))?;
        }
        Ok(())
    }

    fn hit(&mut self, out: &mut dyn Write, hit: &DecisionHit, subject: &str, purl: Option<&str>) -> io::Result<()> {
        let level = match hit.verdict.as_str() {
            "deny" => "error",
            "review" => "warning",
            _ => "note",
        };
        let mut more = place(subject, purl);
        if let Some(waiver) = &hit.waived_by {
            more["suppressions"] = json!([{
                "kind": "external",
                "status": "accepted",
                "justification": format!("waiver {waiver}"),
            }]);
        }
        if let Some(lowered) = &hit.lowered {
            more["suppressions"] = json!([{
                "kind": "external",
                "status": "accepted",
                "justification": format!("{} by {} in {}", lowered.status, lowered.by, lowered.document),
            }]);
        }
        more["properties"] = json!({ "rule": hit.rule, "solution": hit.solution });
        self.result(out, &hit.code, level, &format!("{subject}: {}", hit.message), &more)
    }

    fn result(&mut self, out: &mut dyn Write, rule: &str, level: &str, message: &str, more: &Value) -> io::Result<()> {
        // A report names codes of this program's own list, and checks; their number is bounded.
        self.rules.insert(rule.to_owned());
        let mut result = json!({ "ruleId": rule, "level": level, "message": { "text": message } });
        if let (Some(result), Some(more)) = (result.as_object_mut(), more.as_object()) {
            result.extend(more.clone());
        }
        self.results.item(out, &result)
    }
}

/// Where a result is: an artifact, which has a package URL, or something that only has a name.
fn place(subject: &str, purl: Option<&str>) -> Value {
    let mut location = json!({ "logicalLocations": [{
        "fullyQualifiedName": purl.unwrap_or(subject),
        "kind": if purl.is_some() { "package" } else { "resource" },
    }] });
    if let Some(purl) = purl {
        location["physicalLocation"] = json!({ "artifactLocation": { "uri": purl } });
    }
    json!({ "locations": [location] })
}

impl Rendering for Log<'_> {
    fn record(&mut self, record: &Record, out: &mut dyn Write) -> Result<(), RenderError> {
        let purl = Some(record.purl.as_str());
        for hit in record.decision.iter().flat_map(|decision| &decision.hits) {
            self.hit(out, hit, &record.purl, purl)?;
        }
        for finding in record.findings.iter().filter(|finding| finding.is_contradicted()) {
            let mut more = place(&record.purl, purl);
            more["properties"] = json!({ "outcome": finding.outcome, "notes": finding.notes });
            let message = format!("{}: {}", record.purl, finding_words(finding));
            // The proof is wrong whatever the policy makes of it.
            self.result(out, Code::EvidenceInvalid.name(), "warning", &message, &more)?;
        }
        Ok(())
    }

    fn end(self: Box<Self>, out: &mut dyn Write) -> Result<(), RenderError> {
        let head = self.subject.head();
        out.write_all(b"\n],")?;
        let rules: Vec<Value> = self.rules.iter().map(|id| rule(id, head)).collect();
        let mut fields = Items::default();
        fields.field(
            out,
            "tool",
            &json!({ "driver": { "name": "sealift", "fullName": head.generator, "rules": rules } }),
        )?;
        fields.field(
            out,
            "automationDetails",
            &json!({ "id": format!("sealift/report/{}", head.number) }),
        )?;
        fields.field(
            out,
            "invocations",
            &json!([{ "executionSuccessful": true, "startTimeUtc": head.created, "endTimeUtc": head.ended() }]),
        )?;
        fields.field(
            out,
            "properties",
            &json!({
                "report": self.subject.report.digest,
                "outcome": head.outcome,
                "notChecked": head.not_checked,
                "reasonsLeftOut": head.refusals_left_out,
            }),
        )?;
        Ok(out.write_all(b"\n}]\n}\n")?)
    }
}

/// What the policy found about the bundle, but for what it denies: that is among the refusals.
fn told_beside_refusals(head: &Head) -> impl Iterator<Item = &DecisionHit> {
    let hits = head.policy.iter().flat_map(|policy| &policy.bundle);
    hits.filter(|hit| hit.verdict != "deny" || hit.waived_by.is_some())
}

/// What a rule asks, from the one list of codes.
fn rule(id: &str, head: &Head) -> Value {
    if let Some(code) = Code::ALL.iter().find(|code| code.name() == id) {
        let lines: Vec<&str> = code
            .lines()
            .iter()
            .map(|line| line.trim())
            .filter(|line| !line.is_empty())
            .collect();
        let short = lines.first().copied().unwrap_or(id);
        return json!({
            "id": id,
            "shortDescription": { "text": short },
            "help": { "text": lines.join("\n") },
            "properties": { "tags": [family(code.family())] },
        });
    }
    let title = head
        .checks
        .iter()
        .find(|check| id.strip_prefix("check/") == Some(&check.id))
        .map_or(id, |check| check.title.as_str());
    json!({ "id": id, "shortDescription": { "text": title } })
}

const fn family(family: Family) -> &'static str {
    match family {
        Family::Container => "container",
        Family::Integrity => "integrity",
        Family::Authenticity => "authenticity",
        Family::Order => "order",
        Family::Trust => "trust",
        Family::Evidence => "evidence",
        Family::State => "state",
        Family::Publication => "publication",
        Family::Selection => "selection",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::controls::tests::head;

    #[test]
    fn what_is_denied_of_a_bundle_is_told_once() {
        let hit = |rule: &str, verdict: &str, waived_by: Option<&str>| DecisionHit {
            approved_by: Vec::new(),
            code: Code::Denylisted.name().to_owned(),
            counts_from: None,
            lowered: None,
            message: String::new(),
            rule: rule.to_owned(),
            solution: String::new(),
            verdict: verdict.to_owned(),
            waived_by: waived_by.map(str::to_owned),
        };
        let mut head = head();
        head.policy = Some(crate::report::Policy {
            bundle: vec![
                hit("denied", "deny", None),
                hit("waived", "deny", Some("w")),
                hit("open", "review", None),
            ],
            digest: crate::model::Digest::of(b""),
            id: "plant-7".to_owned(),
            mode: "enforce".to_owned(),
            signed_by: Vec::new(),
            version: 1,
        });
        let told: Vec<&str> = told_beside_refusals(&head).map(|hit| hit.rule.as_str()).collect();
        assert_eq!(told, ["waived", "open"]);
    }

    #[test]
    fn a_rule_is_described_by_its_own_words() {
        let mut head = head();
        let policy = head.checks.iter_mut().find(|check| check.id == "policy").unwrap();
        policy.title = "the policy admits every artifact".to_owned();
        let said = |id: &str| rule(id, &head)["shortDescription"]["text"].clone();
        assert_eq!(said("check/policy"), "the policy admits every artifact");
        assert_eq!(said("check/seal"), "seal");
        assert_eq!(said("check/none"), "check/none");
        for code in Code::ALL {
            let rule = rule(code.name(), &head);
            let help = rule["help"]["text"].as_str().unwrap();
            assert!(
                !help.is_empty() && help.lines().all(|line| !line.is_empty()),
                "{help:?}"
            );
        }
    }
}
