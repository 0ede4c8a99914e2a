//! The parts of the page, from top to bottom.

use std::io::{self, Write};

use super::{mark, picture, subject, text};
use crate::model::{Digest, Timestamp};
use crate::report::attempt::of_day;
use crate::report::{Check, CheckResult, Head, Outcome, Report, Standing};

/// The stations of the journey, each with its checks.
const STATIONS: [(&str, &[&str]); 8] = [
    ("Open", &["container"]),
    ("Seal", &["seal", "recipient"]),
    ("Order", &["order", "freshness", "approvals"]),
    ("Bytes", &["objects", "contents"]),
    ("Proofs", &["trust", "evidence"]),
    ("Scan", &["malware"]),
    ("Policy", &["custody", "policy"]),
    ("Publish", &["publication"]),
];

pub(super) fn header(head: &Head, out: &mut dyn Write) -> io::Result<()> {
    let (class, word) = match head.outcome {
        Outcome::Imported => ("good", "✓"),
        Outcome::Refused => ("bad", "✕"),
    };
    write!(
        out,
        "<header class=\"{class}\"><p class=\"stamp\" aria-hidden=\"true\">{word}</p>\n<div><h1>{}</h1>\n\
         <p>Report {} of enclave <b>{}</b>, written {} by {}</p></div></header>\n",
        text(&subject(head)),
        head.number,
        text(&head.station.name),
        head.created,
        text(&head.generator),
    )?;
    if head.station.profile == "evaluation" {
        writeln!(
            out,
            "<p class=\"banner\">EVALUATION: in this enclave one person and one key may do everything.</p>"
        )?;
    }
    Ok(())
}

pub(super) fn facts(head: &Head, out: &mut dyn Write) -> io::Result<()> {
    let mut facts: Vec<(&str, String)> = Vec::new();
    let mut attempt = head.attempt_facts();
    let about_the_machine = attempt.split_off(attempt.iter().take_while(|(name, _)| is_first(name)).count());
    let lines = |(name, said): (&'static str, Vec<String>)| {
        let said: Vec<String> = said
            .iter()
            .map(|line| match line.parse::<Digest>() {
                Ok(digest) => code(&digest.to_string()),
                Err(_) => format!("<div>{}</div>", text(line)),
            })
            .collect();
        (name, said.join(""))
    };
    facts.extend(attempt.into_iter().map(lines));
    if let Some(bundle) = &head.bundle {
        facts.push(("Bundle", code(&bundle.manifest.to_string())));
        facts.push((
            "Made",
            format!(
                "{}, to be used before {}, by {}",
                bundle.created,
                bundle.not_after,
                text(&bundle.generator)
            ),
        ));
        facts.push((
            "Content",
            format!(
                "{} artifacts and {} registry documents in {} objects, {}, on {} {}",
                bundle.artifacts,
                bundle.documents,
                bundle.objects,
                size(bundle.object_bytes),
                bundle.volumes,
                if bundle.volumes == 1 { "volume" } else { "volumes" }
            ),
        ));
        facts.extend(bundle.delta_words().map(|words| ("Brings", text(&words))));
        facts.push(("Asked for", code(&bundle.plan.to_string())));
    }
    for (role, title) in [("export", "Exported by"), ("approve", "Approved by")] {
        let people: Vec<String> = head
            .people
            .iter()
            .filter(|person| person.role == role)
            .map(|person| {
                let keys: String = person.keys.iter().map(|key| code(key)).collect();
                let said = person.approval.as_ref().map_or_else(String::new, |approval| {
                    let ticket = approval
                        .ticket
                        .as_ref()
                        .map_or_else(String::new, |ticket| format!(", ticket {ticket}"));
                    let said = format!("{}, {}{ticket}", approval.created, approval.reason);
                    format!("<small>{}</small>", text(&said))
                });
                format!("<div><b>{}</b>{keys}{said}</div>", text(&person.person))
            })
            .collect();
        let nobody = || "<span class=\"quiet\">nobody</span>".to_owned();
        facts.push((title, if people.is_empty() { nobody() } else { people.join("") }));
    }
    if let Some(published) = &head.published {
        facts.push((
            "Published",
            format!(
                "generation {}, {} new objects, {}{}",
                published.generation,
                published.new_objects,
                size(published.new_bytes),
                code(&published.repository.to_string())
            ),
        ));
    }
    if let Some(log) = &head.log {
        facts.push(("Log", text(&log.said())));
    }
    let root = &head.trust.root;
    facts.push((
        "Root",
        format!("version {}{}", root.version, code(&root.digest.to_string())),
    ));
    facts.push((
        "Trust data",
        standing(head.trust.trust_data.as_ref(), ["anchor", "anchors"]),
    ));
    facts.push((
        "Revocations",
        standing(head.trust.revocations.as_ref(), ["entry", "entries"]),
    ));
    if let Some(policy) = &head.policy {
        let signed = if policy.signed_by.is_empty() {
            "what the root's profile brings; nobody signed it".to_owned()
        } else {
            format!(
                "version {}, signed by {}",
                policy.version,
                text(&policy.signed_by.join(", "))
            )
        };
        let mode = if policy.mode == "evaluate" {
            "; it only shows what it would do"
        } else {
            ""
        };
        let digest = code(&policy.digest.to_string());
        facts.push(("Policy", format!("<b>{}</b>, {signed}{mode}{digest}", text(&policy.id))));
    }
    for run in &head.scanners {
        facts.push(("Scanned", text(&run.words())));
    }
    if let Some(time) = &head.known_time {
        facts.push((
            "Time",
            format!(
                "this machine's clock; {} was proven before by {}",
                time.time,
                text(&time.source)
            ),
        ));
    }
    facts.extend(about_the_machine.into_iter().map(lines));
    writeln!(out, "<section><h2>The transfer</h2><dl>")?;
    for (title, value) in facts {
        writeln!(out, "<dt>{title}</dt><dd>{value}</dd>")?;
    }
    writeln!(out, "</dl></section>")
}

/// What of the attempt itself everybody asks for first.
fn is_first(name: &str) -> bool {
    matches!(name, "Result" | "Belongs to")
}

fn standing(standing: Option<&Standing>, [one, many]: [&str; 2]) -> String {
    standing.map_or_else(
        || "<span class=\"quiet\">none</span>".to_owned(),
        |standing| {
            format!(
                "version {} of {}, {} {}, signed by {}{}",
                standing.version,
                standing.created,
                standing.entries,
                if standing.entries == 1 { one } else { many },
                text(&standing.persons.join(", ")),
                code(&standing.digest.to_string())
            )
        },
    )
}

pub(super) fn journey(head: &Head, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<section><h2>The journey and its checks</h2>\n<ol class=\"journey\">"
    )?;
    for (title, ids) in STATIONS {
        let checks = head.checks.iter().filter(|check| ids.contains(&check.id.as_str()));
        let worst = checks.max_by_key(|check| rank(check.result)).map(|check| check.result);
        let (class, sign, word) = shown(worst.unwrap_or(CheckResult::NotReached));
        writeln!(
            out,
            "<li class=\"{class}\"><span class=\"sign\">{sign}</span><b>{title}</b><small>{word}</small></li>"
        )?;
    }
    writeln!(out, "</ol>\n<table class=\"checks\"><tbody>")?;
    for check in &head.checks {
        row(check, head.created, out)?;
    }
    writeln!(out, "</tbody></table></section>")
}

fn row(check: &Check, created: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let (class, sign, word) = shown(check.result);
    let mut said = text(&check.title);
    for more in check
        .compared()
        .iter()
        .chain(Some(&check.note).filter(|note| !note.is_empty()))
    {
        said.push_str(&format!("<small>{}</small>", text(more)));
    }
    if !check.codes.is_empty() {
        said.push_str(&format!(
            "<small class=\"codes\">[{}]</small>",
            text(&check.codes.join(", "))
        ));
    }
    let when = check.ended.map_or_else(String::new, |ended| {
        format!("<small>{}</small>", of_day(ended, created))
    });
    writeln!(
        out,
        "<tr class=\"{class}\"><td><span class=\"sign\">{sign}</span></td><th scope=\"row\">{}</th><td>{said}</td><td>{word}{when}</td></tr>",
        text(&check.id)
    )
}

const fn rank(result: CheckResult) -> u8 {
    match result {
        CheckResult::NotApplicable => 0,
        CheckResult::Pass => 1,
        CheckResult::MethodNotAvailable => 2,
        CheckResult::Waived => 3,
        CheckResult::Warn => 4,
        CheckResult::NotReached => 5,
        CheckResult::Fail => 6,
    }
}

/// A result as a class, a sign and a word: colour never says anything alone.
const fn shown(result: CheckResult) -> (&'static str, &'static str, &'static str) {
    match result {
        CheckResult::Pass => ("good", "✓", "passed"),
        CheckResult::Fail => ("bad", "✕", "failed"),
        CheckResult::Warn => ("warn", "!", "passed, look at it"),
        CheckResult::Waived => ("warn", "!", "waived"),
        CheckResult::NotApplicable => ("none", "–", "nothing to check"),
        CheckResult::MethodNotAvailable => ("none", "○", "not checked"),
        CheckResult::NotReached => ("none", "·", "not reached"),
    }
}

pub(super) fn refusals(head: &Head, out: &mut dyn Write) -> io::Result<()> {
    if head.refusals.is_empty() {
        return Ok(());
    }
    let title = match head.outcome {
        Outcome::Imported => "Kept out, and why",
        Outcome::Refused => "Refused, and why",
    };
    writeln!(out, "<section><h2>{title}</h2>")?;
    picture::reasons(head, out)?;
    writeln!(out, "<ul class=\"refusals\">")?;
    for refusal in &head.refusals {
        write!(
            out,
            "<li><b>{}</b> <code>{}</code><p>{}</p>",
            text(&refusal.subject),
            text(&refusal.code),
            text(&refusal.reason)
        )?;
        for (title, value) in [("expected", &refusal.expected), ("found", &refusal.found)] {
            if let Some(value) = value {
                write!(out, "<small>{title} {}</small>", text(value))?;
            }
        }
        if let Some(hint) = &refusal.hint {
            write!(out, "<p class=\"hint\">{}</p>", text(hint))?;
        }
        writeln!(out, "</li>")?;
    }
    writeln!(out, "</ul>")?;
    if head.refusals_left_out > 0 {
        writeln!(
            out,
            "<p class=\"quiet\">and {} more reasons</p>",
            head.refusals_left_out
        )?;
    }
    writeln!(out, "</section>")
}

pub(super) fn vouchers(head: &Head, out: &mut dyn Write) -> io::Result<()> {
    if head.ecosystems.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section><h2>Who vouched for what</h2>")?;
    if head.vouchers.is_empty() {
        return writeln!(
            out,
            "<p class=\"quiet\">Nobody: no proof was confirmed that names a signer.</p></section>"
        );
    }
    writeln!(
        out,
        "<table class=\"vouchers\"><thead><tr><th>Artifacts</th><th>Ecosystem</th><th>Level</th><th>Signer</th></tr></thead><tbody>"
    )?;
    let most = head.vouchers.iter().map(|voucher| voucher.artifacts).max().unwrap_or(1);
    for voucher in &head.vouchers {
        let pinned = if voucher.anchors.is_empty() {
            String::new()
        } else {
            format!(", pinned as {}", voucher.anchors.join(", "))
        };
        writeln!(
            out,
            "<tr><td class=\"number\" data-label=\"Artifacts\">{}{}</td><td data-label=\"Ecosystem\">{}</td><td data-label=\"Level\">{}</td>\
             <td data-label=\"Signer\">{}<small>{}{}</small></td></tr>",
            voucher.artifacts,
            picture::length(voucher.artifacts, most, voucher.level.word()),
            text(&voucher.ecosystem),
            mark(voucher.level),
            text(&voucher.signer),
            text(&voucher.kind),
            text(&pinned)
        )?;
    }
    writeln!(out, "</tbody></table>")?;
    if head.vouchers_left_out > 0 {
        writeln!(
            out,
            "<p class=\"quiet\">and {} more; the report lists them artifact by artifact</p>",
            head.vouchers_left_out
        )?;
    }
    writeln!(out, "</section>")
}

pub(super) fn trust_changes(head: &Head, out: &mut dyn Write) -> io::Result<()> {
    let trust = &head.trust;
    if trust.changes.is_empty() && trust.new_roots.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section><h2>What the bundle changed of what is trusted</h2><ul>")?;
    for root in &trust.new_roots {
        writeln!(out, "<li>root version {} counts from now on</li>", root.version)?;
    }
    for change in &trust.changes {
        writeln!(out, "<li>{}</li>", text(change))?;
    }
    if trust.changes_left_out > 0 {
        writeln!(
            out,
            "<li class=\"quiet\">and {} more changes</li>",
            trust.changes_left_out
        )?;
    }
    writeln!(out, "</ul></section>")
}

pub(super) fn not_checked(head: &Head, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<section><h2>Not checked</h2><ul class=\"open\">")?;
    for line in &head.not_checked {
        writeln!(out, "<li>{}</li>", text(line))?;
    }
    writeln!(out, "</ul></section>")
}

/// What leads from the page back to the report, which alone is the record.
pub(super) fn foot(report: &Report) -> String {
    format!(
        "<footer><p>Made from report {}, whose seal and records were verified: signed by <b>{}</b> under root version {}. \
         This page is no record; the report is.</p><p>{}</p></footer>\n",
        report.head.number,
        text(&report.persons.join(", ")),
        report.root_version,
        code(&report.digest.to_string())
    )
}

fn code(value: &str) -> String {
    format!("<code>{}</code>", text(value))
}

/// A count of bytes with three digits and a decimal unit.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut divisor = 1000_u64;
    let mut unit = 0;
    while unit + 1 < UNITS.len() && bytes / divisor >= 1000 {
        divisor *= 1000;
        unit += 1;
    }
    let tenths = bytes / (divisor / 10);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::controls::tests::head;
    use crate::report::{Host, Person, Refused, Verdict};

    fn shown_of(write: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn who_exported_and_who_approved_are_told_apart_and_the_result_comes_first() {
        let mut head = head();
        let person = |name: &str, role: &str| Person {
            approval: None,
            keys: Vec::new(),
            person: name.to_owned(),
            role: role.to_owned(),
        };
        head.people = vec![person("dora", "export"), person("eve", "approve")];
        head.result = Some(Verdict::Passed);
        head.station.host = Some(Host {
            name: "plant".to_owned(),
            system: "linux".to_owned(),
        });
        let page = shown_of(|out| facts(&head, out));
        let said = |title: &str| {
            let (_, rest) = page.split_once(&format!("<dt>{title}</dt><dd>")).unwrap();
            rest.split_once("</dd>").unwrap().0.to_owned()
        };
        assert!(said("Exported by").contains("dora") && !said("Exported by").contains("eve"));
        assert!(said("Approved by").contains("eve") && !said("Approved by").contains("dora"));
        let at = |title: &str| page.find(&format!("<dt>{title}</dt>")).unwrap();
        let of_the_machine: Vec<&str> = head
            .attempt_facts()
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| !is_first(name))
            .collect();
        assert!(at("Result") < at("Bundle"), "{page}");
        assert!(!of_the_machine.is_empty());
        for name in of_the_machine {
            assert!(at("Bundle") < at(name), "{name}: {page}");
        }
    }

    #[test]
    fn a_station_shows_the_worst_of_its_own_checks() {
        let mut head = head();
        let policy = head.checks.iter_mut().find(|check| check.id == "policy").unwrap();
        policy.result = CheckResult::Fail;
        policy.note = "it is denied".to_owned();
        let page = shown_of(|out| journey(&head, out));
        let (stations, checks) = page.split_once("</ol>").unwrap();
        let failed = shown(CheckResult::Fail).0;
        assert_eq!(
            stations.matches(&format!("<li class=\"{failed}\">")).count(),
            1,
            "{stations}"
        );
        // What has nothing to add adds no empty line.
        assert!(checks.contains("<small>it is denied</small>") && !checks.contains("<small></small>"));
    }

    #[test]
    fn reasons_that_are_left_out_are_counted() {
        let page = |left_out: u64| {
            let mut head = head();
            head.refusals = vec![Refused {
                code: "key-revoked".to_owned(),
                expected: None,
                found: None,
                hint: None,
                reason: "the key is revoked".to_owned(),
                subject: "main-1".to_owned(),
            }];
            head.refusals_left_out = left_out;
            let mut out = Vec::new();
            refusals(&head, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(page(3).contains("and 3 more reasons"));
        assert!(page(0).contains("the key is revoked") && !page(0).contains("more reasons"));
    }
}
