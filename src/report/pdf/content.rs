//! What stands on the pages, from the first to the last.

use super::sheet::{Cell, Colour, INK, LINE, QUIET, Sheet, Text};
use crate::model::{Finding, Level};
use crate::report::attempt::of_day;
use crate::report::controls::{self, Status};
use crate::report::custody::{happened, signed};
use crate::report::tally::signer_words;
use crate::report::{Bundle, CheckResult, Head, Outcome, Record, Report, Standing};

const GOOD: Colour = (29, 107, 69);
const BAD: Colour = (163, 34, 44);
const WARN: Colour = (138, 90, 0);

/// The colours of levels, from the lowest, as on the page for a browser.
const LEVELS: [Colour; 5] = [
    (211, 217, 225),
    (237, 203, 109),
    (156, 196, 236),
    (58, 126, 191),
    (23, 63, 115),
];

pub(super) fn title(head: &Head) -> String {
    let word = match head.outcome {
        Outcome::Imported => "Imported",
        Outcome::Refused => "Refused",
    };
    let bundle = head.bundle.as_ref().map_or_else(
        || "a bundle that nobody vouched for".to_owned(),
        |bundle| format!("bundle {}", bundle.label),
    );
    format!("{word}: {bundle}")
}

/// A name with what it says, as a row of two columns.
fn fact(sheet: &mut Sheet, name: &str, texts: Vec<Text>) {
    sheet.row(vec![
        Cell {
            width: 90.0,
            texts: vec![Text::plain(name).coloured(QUIET)],
        },
        Cell {
            width: LINE - 90.0,
            texts,
        },
    ]);
}

pub(super) fn head(report: &Report, sheet: &mut Sheet) {
    let head = &report.head;
    let colour = match head.outcome {
        Outcome::Imported => GOOD,
        Outcome::Refused => BAD,
    };
    sheet.band(40.0, colour);
    sheet.paragraph(Text::plain(title(head)).bold().sized(17.0).coloured(colour));
    sheet.paragraph(Text::plain(format!(
        "Report {} of enclave {}, written {} by {}",
        head.number, head.station.name, head.created, head.generator
    )));
    if head.station.profile == "evaluation" {
        let words = "EVALUATION: in this enclave one person and one key may do everything.";
        sheet.paragraph(Text::plain(words).bold().coloured(WARN));
    }
    transfer(head, sheet);
    refusals(head, sheet);
    checks(head, sheet);
    levels(head, sheet);
    vouchers(head, sheet);
    changes(head, sheet);
    sheet.heading("Not checked");
    for line in &head.not_checked {
        sheet.paragraph(Text::plain(format!("– {line}")));
    }
    control_map(head, sheet)
}

fn transfer(head: &Head, sheet: &mut Sheet) {
    sheet.heading("The transfer");
    for (name, said) in head.attempt_facts() {
        fact(sheet, name, said.into_iter().map(Text::plain).collect());
    }
    if let Some(bundle) = &head.bundle {
        fact(
            sheet,
            "Bundle",
            vec![
                Text::plain(bundle.manifest.to_string()),
                Text::plain(format!(
                    "made {}, to be used before {}, by {}",
                    bundle.created, bundle.not_after, bundle.generator
                )),
                Text::plain(format!(
                    "{} artifacts and {} registry documents in {} objects of {} bytes, on {} volumes",
                    bundle.artifacts, bundle.documents, bundle.objects, bundle.object_bytes, bundle.volumes
                )),
            ],
        );
    }
    for (role, name) in [("export", "Exported by"), ("approve", "Approved by")] {
        let mut texts = Vec::new();
        for person in head.people.iter().filter(|person| person.role == role) {
            texts.push(Text::plain(person.person.as_str()).bold());
            texts.extend(person.keys.iter().map(|key| Text::small(key.as_str())));
            if let Some(approval) = &person.approval {
                let ticket = approval
                    .ticket
                    .as_ref()
                    .map_or_else(String::new, |ticket| format!(", ticket {ticket}"));
                texts.push(Text::small(format!(
                    "{}: {}{ticket}",
                    approval.created, approval.reason
                )));
            }
        }
        if texts.is_empty() {
            texts.push(Text::plain("nobody").coloured(QUIET));
        }
        fact(sheet, name, texts);
    }
    if let Some(published) = &head.published {
        fact(
            sheet,
            "Published",
            vec![
                Text::plain(format!(
                    "generation {}, {} new objects of {} bytes",
                    published.generation, published.new_objects, published.new_bytes
                )),
                Text::small(published.repository.to_string()),
            ],
        );
    }
    let root = &head.trust.root;
    fact(
        sheet,
        "Root",
        vec![
            Text::plain(format!("version {}", root.version)),
            Text::small(root.digest.to_string()),
        ],
    );
    for (name, standing) in [
        ("Trust data", &head.trust.trust_data),
        ("Revocations", &head.trust.revocations),
    ] {
        fact(sheet, name, stands(standing.as_ref()));
    }
    if let Some(policy) = &head.policy {
        let signed = if policy.signed_by.is_empty() {
            "what the root's profile brings; nobody signed it".to_owned()
        } else {
            format!("version {}, signed by {}", policy.version, policy.signed_by.join(", "))
        };
        let mode = if policy.mode == "evaluate" {
            "; it only shows what it would do"
        } else {
            ""
        };
        fact(
            sheet,
            "Policy",
            vec![
                Text::plain(format!("{}, {signed}{mode}", policy.id)),
                Text::small(policy.digest.to_string()),
            ],
        );
    }
    for run in &head.scanners {
        fact(sheet, "Scanned", vec![Text::plain(run.words())]);
    }
    if let Some(custody) = &head.custody {
        let mut texts = vec![Text::plain(custody.words())];
        texts.extend(
            custody
                .records
                .iter()
                .map(|link| Text::small(format!("{}: {}", happened(link), signed(link)))),
        );
        texts.extend(custody.named_words().map(Text::small));
        texts.extend(custody.troubles.iter().map(|trouble| Text::small(trouble.words())));
        fact(sheet, "Custody", texts);
    }
    if let Some(words) = head.bundle.as_ref().and_then(Bundle::delta_words) {
        fact(sheet, "Brings", vec![Text::plain(words)]);
    }
    if let Some(time) = &head.known_time {
        let words = format!(
            "this machine's clock; {} was proven before by {}",
            time.time, time.source
        );
        fact(sheet, "Time", vec![Text::plain(words)]);
    }
}

fn stands(standing: Option<&Standing>) -> Vec<Text> {
    standing.map_or_else(
        || vec![Text::plain("none").coloured(QUIET)],
        |standing| {
            vec![
                Text::plain(format!(
                    "version {} of {}, {} entries, signed by {}",
                    standing.version,
                    standing.created,
                    standing.entries,
                    standing.persons.join(", ")
                )),
                Text::small(standing.digest.to_string()),
            ]
        },
    )
}

fn refusals(head: &Head, sheet: &mut Sheet) {
    if head.refusals.is_empty() {
        return;
    }
    sheet.heading(match head.outcome {
        Outcome::Imported => "Kept out, and why",
        Outcome::Refused => "Refused, and why",
    });
    for refusal in &head.refusals {
        let mut texts = vec![
            Text::plain(refusal.subject.as_str()).bold(),
            Text::plain(format!("{} [{}]", refusal.reason, refusal.code)),
        ];
        for (word, text) in [("expected", &refusal.expected), ("found", &refusal.found)] {
            texts.extend(text.iter().map(|text| Text::small(format!("{word} {text}"))));
        }
        texts.extend(refusal.hint.iter().map(|hint| Text::small(hint.as_str())));
        marked(sheet, ("✕", BAD), texts);
    }
    if head.refusals_left_out > 0 {
        sheet.paragraph(Text::small(format!("and {} more reasons", head.refusals_left_out)));
    }
}

/// A row with a sign before it: colour never says anything alone.
fn marked(sheet: &mut Sheet, (sign, colour): (&str, Colour), texts: Vec<Text>) {
    sheet.row(vec![
        Cell {
            width: 16.0,
            texts: vec![Text::plain(sign).bold().coloured(colour)],
        },
        Cell {
            width: LINE - 16.0,
            texts,
        },
    ]);
    sheet.rule();
}

const fn sign(result: CheckResult) -> (&'static str, Colour) {
    match result {
        CheckResult::Pass => ("✓", GOOD),
        CheckResult::Fail => ("✕", BAD),
        CheckResult::Warn | CheckResult::Waived => ("!", WARN),
        CheckResult::NotApplicable => ("–", QUIET),
        CheckResult::MethodNotAvailable => ("○", QUIET),
        CheckResult::NotReached => ("·", QUIET),
    }
}

fn checks(head: &Head, sheet: &mut Sheet) {
    sheet.heading("The journey and its checks");
    for check in &head.checks {
        let (sign, colour) = sign(check.result);
        let mut texts = vec![Text::plain(check.title.as_str())];
        texts.extend(check.compared().map(Text::small));
        if !check.note.is_empty() {
            texts.push(Text::small(check.note.as_str()));
        }
        if !check.codes.is_empty() {
            texts.push(Text::small(format!("[{}]", check.codes.join(", "))).coloured(BAD));
        }
        let mut result = vec![Text::plain(check.result.word())];
        result.extend(check.ended.map(|ended| Text::small(of_day(ended, head.created))));
        sheet.row(vec![
            Cell {
                width: 16.0,
                texts: vec![Text::plain(sign).bold().coloured(colour)],
            },
            Cell {
                width: 66.0,
                texts: vec![Text::plain(check.id.as_str()).bold()],
            },
            Cell {
                width: LINE - 182.0,
                texts,
            },
            Cell {
                width: 100.0,
                texts: result,
            },
        ]);
        sheet.rule();
    }
}

fn levels(head: &Head, sheet: &mut Sheet) {
    if head.ecosystems.is_empty() {
        return;
    }
    sheet.heading("Evidence");
    for tally in &head.ecosystems {
        let of = |level: Level| tally.levels.get(level.word()).copied().unwrap_or_default();
        let parts: Vec<(u64, Colour)> = Level::ALL
            .iter()
            .zip(LEVELS)
            .rev()
            .map(|(level, colour)| (of(*level), colour))
            .collect();
        let mut words: Vec<String> = Level::ALL
            .iter()
            .rev()
            .filter(|level| of(**level) > 0)
            .map(|level| format!("{} {level}", of(*level)))
            .collect();
        if tally.contradicted > 0 {
            words.push(format!("{} bring a proof that is wrong", tally.contradicted));
        }
        if tally.undecided > 0 {
            words.push(format!("{} bring a proof that could not be judged", tally.undecided));
        }
        let line = format!(
            "{}: {} artifacts: {}",
            tally.ecosystem,
            tally.artifacts,
            words.join(", ")
        );
        sheet.paragraph(Text::plain(line));
        sheet.bar(9.0, &parts);
    }
    sheet.paragraph(Text::small(
        "From dark to light: provenance (publisher, build and signing time proven by a log or authority), publisher (signed by a pinned \
         key), registry (a registry or distribution signed the digest), observed (only the exporter saw it), none.",
    ));
}

fn vouchers(head: &Head, sheet: &mut Sheet) {
    if head.ecosystems.is_empty() {
        return;
    }
    sheet.heading("Who vouched for what");
    if head.vouchers.is_empty() {
        return sheet.paragraph(Text::plain("Nobody: no proof was confirmed that names a signer.").coloured(QUIET));
    }
    for voucher in &head.vouchers {
        let cell = |width: f32, words: &str| Cell {
            width,
            texts: vec![Text::plain(words)],
        };
        let mut said = voucher.kind.clone();
        if !voucher.anchors.is_empty() {
            said.push_str(&format!(", pinned as {}", voucher.anchors.join(", ")));
        }
        sheet.row(vec![
            cell(46.0, &voucher.artifacts.to_string()),
            cell(56.0, &voucher.ecosystem),
            cell(64.0, voucher.level.word()),
            Cell {
                width: LINE - 166.0,
                texts: vec![Text::plain(voucher.signer.as_str()), Text::small(said)],
            },
        ]);
        sheet.rule();
    }
    if head.vouchers_left_out > 0 {
        let words = format!(
            "and {} more; the report lists them artifact by artifact",
            head.vouchers_left_out
        );
        sheet.paragraph(Text::small(words));
    }
}

fn changes(head: &Head, sheet: &mut Sheet) {
    let trust = &head.trust;
    if trust.changes.is_empty() && trust.new_roots.is_empty() {
        return;
    }
    sheet.heading("What the bundle changed of what is trusted");
    for root in &trust.new_roots {
        let words = format!("– root version {} counts from now on", root.version);
        sheet.paragraph(Text::plain(words));
    }
    for change in &trust.changes {
        sheet.paragraph(Text::plain(format!("– {change}")));
    }
    if trust.changes_left_out > 0 {
        sheet.paragraph(Text::small(format!("and {} more changes", trust.changes_left_out)));
    }
}

fn control_map(head: &Head, sheet: &mut Sheet) {
    sheet.heading("Controls");
    sheet.paragraph(Text::small(
        "What the checks of this import answer, and no more: a control is satisfied where every check it rests on passed for every \
         artifact and nothing that it asks for is left. Whether an organisation complies is for its assessors to say.",
    ));
    if head.station.profile == "evaluation" {
        let words = format!("Nothing is satisfied here: {}.", controls::EVALUATION);
        sheet.paragraph(Text::plain(words).bold().coloured(WARN));
    }
    if let Some(words) = controls::since_sealed(head) {
        sheet.paragraph(Text::plain(format!("This map was {words}.")).bold().coloured(WARN));
    }
    for regime in controls::REGIMES {
        let counts = controls::counts(regime, head);
        sheet.gap(6.0);
        let line = format!(
            "{}: {} satisfied, {} partial, {} not covered",
            regime.title, counts[0], counts[1], counts[2]
        );
        sheet.paragraph(Text::plain(line).bold());
        sheet.bar(
            4.0,
            &[(counts[0], GOOD), (counts[1], LEVELS[1]), (counts[2], LEVELS[0])],
        );
        sheet.paragraph(Text::small(format!("The regime's text: {}.", regime.text.words())));
        for answer in controls::answers(head).filter(|answer| answer.regime == regime.id) {
            let (sign, colour) = match answer.status {
                Status::Satisfied => ("✓", GOOD),
                Status::Partial => ("◐", WARN),
                Status::NotCovered => ("○", QUIET),
            };
            let mut small: Vec<String> = answer
                .checks
                .iter()
                .map(|said| format!("{} {}", said.check, said.result))
                .collect();
            let lacks = answer.lacks.iter().filter(|lacks| **lacks != controls::EVALUATION);
            small.extend(lacks.map(|lacks| format!("not covered: {lacks}")));
            let cell = |width: f32, texts: Vec<Text>| Cell { width, texts };
            sheet.row(vec![
                cell(16.0, vec![Text::plain(sign).bold().coloured(colour)]),
                cell(104.0, vec![Text::plain(answer.control).bold()]),
                cell(
                    LINE - 190.0,
                    vec![Text::plain(answer.asks), Text::small(small.join(" · "))],
                ),
                cell(70.0, vec![Text::plain(answer.status.word())]),
            ]);
        }
    }
}

/// Whether somebody should look at an artifact: a proof is wrong, or it is not published.
pub(super) fn is_troubled(record: &Record) -> bool {
    record.findings.iter().any(Finding::is_contradicted)
        || record.decision.as_ref().is_some_and(|decision| !decision.is_admitted())
}

pub(super) fn artifact(record: &Record, is_troubled: bool, sheet: &mut Sheet) {
    let colour = if is_troubled { BAD } else { INK };
    let mut said = Vec::new();
    for finding in &record.findings {
        let (sign, colour) = if finding.is_confirmed() {
            ("✓", GOOD)
        } else if finding.is_contradicted() {
            ("✕", BAD)
        } else {
            ("?", QUIET)
        };
        said.push(
            Text::plain(format!("{sign} {}: {}", finding.kind, finding.reason))
                .sized(7.5)
                .coloured(colour),
        );
        for signer in finding.signers.iter().filter(|_| finding.is_confirmed()) {
            said.push(Text::small(signer_words(signer)));
        }
    }
    for absent in &record.absent {
        said.push(Text::small(format!("– {}: {}", absent.kind, absent.state.word())));
    }
    for scan in &record.scans {
        said.push(Text::small(scan.words()));
    }
    let mut decided = vec![Text::plain(record.level.word()).bold()];
    if let Some(decision) = &record.decision {
        decided.push(Text::plain(decision.admission.as_str()).coloured(colour));
        for hit in &decision.hits {
            decided.push(Text::small(format!("{} [{}]", hit.message, hit.code)));
        }
    }
    let mut artifact = vec![
        Text::plain(record.purl.as_str()).bold().coloured(colour),
        Text::small(record.digest.to_string()).sized(6.0),
    ];
    artifact.extend(record.about.as_ref().map(|about| Text::small(about.words())));
    sheet.row(vec![
        Cell {
            width: 180.0,
            texts: artifact,
        },
        Cell {
            width: LINE - 350.0,
            texts: said,
        },
        Cell {
            width: 170.0,
            texts: decided,
        },
    ]);
    sheet.rule();
}

/// What leads from the paper back to the report, which alone is the record.
pub(super) fn closing(report: &Report, attached: Option<&str>) -> Vec<String> {
    vec![
        format!(
            "Made from report {}, whose seal and records were verified: signed by {} under root version {}. This document is no record; \
             the report is.",
            report.head.number,
            report.persons.join(", "),
            report.root_version
        ),
        report.digest.to_string(),
        attached.map_or_else(
            || "The report is too large to be attached.".to_owned(),
            |name| format!("The report is attached as {name}; `sealift report verify` verifies it."),
        ),
    ]
}

#[cfg(test)]
mod tests;
