//! A report in words, for a terminal: who vouched for what, and what was refused and why. Escaping is the printer's.

use super::controls::{self, REGIMES};
use super::custody::{happened, signed};
use super::{Bundle, Check, CheckResult, Head, Outcome, Standing};
use crate::model::Level;

/// How many vouchers a summary names; the report has them all.
const SHOWN_VOUCHERS: usize = 20;

/// What a summary says of the attempt itself, and under which word.
const SHOWN_FACTS: [(&str, &str); 4] = [
    ("Result", "result"),
    ("Belongs to", "for"),
    ("Program", "program"),
    ("Kept", "kept"),
];

/// How many reasons for a refusal a summary names.
const SHOWN_REFUSALS: usize = 20;

/// The lines of a summary, as raw text.
pub fn summary(head: &Head) -> Vec<String> {
    let mut lines = Vec::new();
    let bundle = head.bundle.as_ref().map_or_else(
        || "a bundle that nobody vouched for".to_owned(),
        |bundle| format!("bundle {}", bundle.label),
    );
    lines.push(match (head.outcome, &head.published) {
        (Outcome::Imported, Some(published)) => {
            format!(
                "report {}: {bundle}, imported as generation {}",
                head.number, published.generation
            )
        }
        (Outcome::Imported, None) => format!("report {}: {bundle}, imported", head.number),
        (Outcome::Refused, _) => format!("report {}: {bundle}, refused; nothing was changed", head.number),
    });
    lines.push(format!(
        "  written   {} at {} ({}), by {}",
        head.created, head.station.name, head.station.profile, head.generator
    ));
    for (name, said) in head.attempt_facts() {
        // A terminal shows what people act upon; the rest stands on the page and in the document.
        if let Some((_, word)) = SHOWN_FACTS.iter().find(|(fact, _)| *fact == name) {
            lines.push(format!("  {word:<9} {}", said.join("; ")));
        }
    }
    if let Some(bundle) = &head.bundle {
        lines.push(format!("  bundle    {}", bundle.manifest));
        lines.push(format!(
            "            made {}, use before {}, {} artifacts in {} volumes",
            bundle.created, bundle.not_after, bundle.artifacts, bundle.volumes
        ));
    }
    if let Some(words) = head.bundle.as_ref().and_then(Bundle::delta_words) {
        lines.push(format!("            {words}"));
    }
    lines.push(format!("  people    {}", people(head)));
    for person in &head.people {
        if let Some(approval) = &person.approval {
            let ticket = approval
                .ticket
                .as_ref()
                .map_or_else(String::new, |ticket| format!(" (ticket {ticket})"));
            lines.push(format!(
                "            {} approved {}: {}{ticket}",
                person.person, approval.created, approval.reason
            ));
        }
    }
    lines.push(format!("  trusted   {}", trusted(head)));
    if let Some(policy) = &head.policy {
        let signed = if policy.signed_by.is_empty() {
            "which nobody signed: the root's profile brings it".to_owned()
        } else {
            format!("version {}, signed by {}", policy.version, policy.signed_by.join(", "))
        };
        lines.push(format!("  policy    {}, {signed}, {}", policy.id, policy.digest));
    }
    if let Some(log) = &head.log {
        lines.push(format!("  log       {}", log.said()));
    }
    lines.extend(head.scanners.iter().map(|run| format!("  scanned   {}", run.words())));
    if let Some(custody) = &head.custody {
        lines.push(format!("  custody   {}", custody.words()));
        for link in &custody.records {
            lines.push(format!("            {}: {}", happened(link), signed(link)));
        }
        lines.extend(custody.named_words().map(|words| format!("            {words}")));
        lines.extend(
            custody
                .troubles
                .iter()
                .map(|trouble| format!("            {}", trouble.words())),
        );
    }
    lines.extend(head.trust.changes.iter().map(|change| format!("  changed   {change}")));
    checks(head, &mut lines);
    let word = match head.outcome {
        Outcome::Imported => "kept out",
        Outcome::Refused => "refused",
    };
    for refusal in head.refusals.iter().take(SHOWN_REFUSALS) {
        lines.push(format!(
            "  {word:<9} {}: {} [{}]",
            refusal.subject, refusal.reason, refusal.code
        ));
    }
    let more = (head.refusals.len().saturating_sub(SHOWN_REFUSALS) as u64).saturating_add(head.refusals_left_out);
    if more > 0 {
        lines.push(format!("            and {more} more"));
    }
    levels(head, &mut lines);
    vouchers(head, &mut lines);
    control_map(head, &mut lines);
    lines.extend(head.not_checked.iter().map(|line| format!("  not checked: {line}")));
    lines
}

/// How many controls of each regime came to what; the page and the JSON document say which.
fn control_map(head: &Head, lines: &mut Vec<String>) {
    let width = REGIMES
        .iter()
        .map(|regime| regime.title.len())
        .max()
        .unwrap_or_default();
    lines.push(format!(
        "  {:<width$}  {:>9}{:>9}{:>13}",
        "controls", "satisfied", "partial", "not covered"
    ));
    for regime in REGIMES {
        let [satisfied, partial, not_covered] = controls::counts(regime, head);
        lines.push(format!(
            "    {:<width$}{satisfied:>9}{partial:>9}{not_covered:>13}",
            regime.title
        ));
    }
    lines.extend(controls::since_sealed(head).map(|words| format!("    {words}")));
}

fn people(head: &Head) -> String {
    let of = |role: &str| {
        let names: Vec<&str> = head
            .people
            .iter()
            .filter(|person| person.role == role)
            .map(|person| person.person.as_str())
            .collect();
        if names.is_empty() {
            "nobody".to_owned()
        } else {
            names.join(", ")
        }
    };
    format!("exported by {}, approved by {}", of("export"), of("approve"))
}

fn trusted(head: &Head) -> String {
    let version = |standing: &Option<Standing>| {
        standing
            .as_ref()
            .map_or_else(|| "none".to_owned(), |standing| format!("version {}", standing.version))
    };
    format!(
        "root version {}, trust data {}, revocations {}",
        head.trust.root.version,
        version(&head.trust.trust_data),
        version(&head.trust.revocations)
    )
}

fn checks(head: &Head, lines: &mut Vec<String>) {
    let passed = head
        .checks
        .iter()
        .filter(|check| check.result == CheckResult::Pass)
        .count();
    lines.push(format!("  checks    {passed} of {} passed", head.checks.len()));
    let others = head.checks.iter().filter(|check| check.result != CheckResult::Pass);
    for Check {
        id,
        result,
        title,
        note,
        codes,
        expected,
        observed,
        ..
    } in others
    {
        let mut text = format!("            {}: {id}, {title}", result.word());
        if let (Some(expected), Some(observed), CheckResult::Fail) = (expected, observed, result) {
            text.push_str(&format!(": asked for {expected}, found {observed}"));
        }
        if !note.is_empty() {
            text.push_str(&format!(": {note}"));
        }
        if !codes.is_empty() {
            text.push_str(&format!(" [{}]", codes.join(", ")));
        }
        lines.push(text);
    }
}

fn levels(head: &Head, lines: &mut Vec<String>) {
    if head.ecosystems.is_empty() {
        return;
    }
    let mut title = format!("  {:<10}{:>10}", "evidence", "artifacts");
    for level in Level::ALL {
        title.push_str(&format!("{:>12}", level.word()));
    }
    title.push_str(&format!("{:>9}{:>9}", "wrong", "open"));
    lines.push(title);
    for tally in &head.ecosystems {
        let mut line = format!("    {:<8}{:>10}", tally.ecosystem, tally.artifacts);
        for level in Level::ALL {
            line.push_str(&format!(
                "{:>12}",
                tally.levels.get(level.word()).copied().unwrap_or_default()
            ));
        }
        line.push_str(&format!("{:>9}{:>9}", tally.contradicted, tally.undecided));
        lines.push(line);
        let decided: Vec<String> = tally
            .decisions
            .iter()
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        if !decided.is_empty() {
            lines.push(format!("    {:<8}decided: {}", "", decided.join(", ")));
        }
    }
}

fn vouchers(head: &Head, lines: &mut Vec<String>) {
    if head.vouchers.is_empty() {
        return;
    }
    lines.push("  vouched for by".to_owned());
    for voucher in head.vouchers.iter().take(SHOWN_VOUCHERS) {
        lines.push(format!(
            "    {:<8}{:>10}  {} by {}: {}",
            voucher.ecosystem, voucher.artifacts, voucher.level, voucher.kind, voucher.signer
        ));
    }
    let more = (head.vouchers.len().saturating_sub(SHOWN_VOUCHERS) as u64).saturating_add(head.vouchers_left_out);
    if more > 0 {
        lines.push(format!("            and {more} more"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Person;
    use crate::report::controls::tests::head;

    #[test]
    fn persons_stand_by_what_they_did_and_checks_by_what_they_came_to() {
        let mut head = head();
        head.people = [("dora", "export"), ("eve", "approve")]
            .map(|(person, role)| Person {
                approval: None,
                keys: Vec::new(),
                person: person.to_owned(),
                role: role.to_owned(),
            })
            .to_vec();
        assert_eq!(people(&head), "exported by dora, approved by eve");
        let all = head.checks.len();
        head.checks[0].result = CheckResult::Warn;
        let mut lines = Vec::new();
        checks(&head, &mut lines);
        assert_eq!(lines[0], format!("  checks    {} of {all} passed", all - 1));
        assert_eq!(lines.len(), 2, "{lines:?}");
    }
}
