//! The collection's indexes, and the comparison of verdicts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sealift::model::{Finding, Outcome};

use crate::support::stands_without;

/// One row of an `INDEX.md`.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The folder, such as `04-openpgp`.
    pub(crate) folder: &'static str,
    /// The case's name.
    pub(crate) case: String,
    /// The column "files".
    pub(crate) files: String,
    /// The column "trust root / key".
    pub(crate) root: String,
    /// The column "expected identity, issuer or policy".
    pub(crate) expected: String,
    /// `valid`, `invalid` or `structural`.
    pub(crate) verdict: String,
    /// Why.
    pub(crate) why: String,
}

impl Row {
    /// A file of the row's folder.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        root().unwrap().join(self.folder).join(relative)
    }

    /// A file's bytes.
    pub(crate) fn read(&self, relative: &str) -> Vec<u8> {
        let path = self.path(relative);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A file's text.
    pub(crate) fn text(&self, relative: &str) -> String {
        String::from_utf8(self.read(relative)).unwrap()
    }
}

/// What judging a case came to.
pub(crate) enum Judged {
    /// Findings of the kinds that were asked.
    Findings(Vec<Finding>),
    /// A check that gives no findings (an archive's reader, a list of advisories) accepted or refused it, and why.
    Answer(Result<(), String>),
}

/// Judges one case.
pub(crate) type Judge = fn(&Row) -> Judged;

/// Cases of a folder that one function judges.
pub(crate) struct Suite {
    /// The folder.
    pub(crate) folder: &'static str,
    /// The cases' common prefix.
    pub(crate) prefix: &'static str,
    /// The function.
    pub(crate) judge: Judge,
}

/// A row of the table.
pub(crate) const fn suite(folder: &'static str, prefix: &'static str, judge: Judge) -> Suite {
    Suite { folder, prefix, judge }
}

/// The collection beside the checkout; `None` where it is not at hand.
pub(crate) fn root() -> Option<PathBuf> {
    let named = std::env::var_os("SEALIFT_SHARED_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    named
        .into_iter()
        .chain([beside, Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")])
        .find(|path| path.is_dir())
}

/// Reads an index's table.
pub(crate) fn rows(folder: &'static str) -> Vec<Row> {
    let text = fs::read_to_string(root().unwrap().join(folder).join("INDEX.md")).unwrap();
    text.lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| case"))
        .map(|line| {
            // A `\|` within a cell is a bar.
            let cells: Vec<String> = line
                .replace("\\|", "\u{1}")
                .trim_matches('|')
                .split(" | ")
                .map(|cell| cell.trim().replace('\u{1}', "|"))
                .collect();
            assert!(cells.len() >= 6, "{folder}: {line}");
            Row {
                folder,
                case: cells[0].clone(),
                files: cells[1].clone(),
                root: cells[2].clone(),
                expected: cells[3].clone(),
                verdict: cells[4].clone(),
                why: cells[5].clone(),
            }
        })
        .collect()
}

/// The folders of proofs: 11 holds archives, which `tests/suite` reads.
const FOLDERS: &[&str] = &[
    "01-sigstore-bundles",
    "02-pypi-attestations",
    "03-npm",
    "04-openpgp",
    "05-tuf",
    "06-go-checksum-notes",
    "07-oci",
    "08-minisign-signify-sshsig",
    "09-other-package-signatures",
    "10-provenance-models-osv",
    "12-vectors",
];

/// Known divergences: `folder/case = "reason"`, one a line. A divergence that has gone fails the test too.
fn divergences() -> BTreeMap<String, String> {
    lines(include_str!("divergences.txt"))
}

fn lines(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (case, reason) = line.split_once(": ").expect("`folder/case: text`");
            (case.to_owned(), reason.to_owned())
        })
        .collect()
}

/// The cases that the index calls invalid and that come to no contradiction, only to a doubt: `folder/case: Doubt`, one a line. Every other one is
/// contradicted, so that an anchor that is not found, or a form that is no longer understood, is not taken for a refusal.
fn doubted() -> BTreeMap<String, String> {
    lines(include_str!("doubted.txt"))
}

#[derive(Default)]
struct Count {
    agreed: usize,
    diverged: usize,
    out_of_scope: usize,
    not_yet: usize,
}

/// Judges every row of every index, and prints the counts.
#[expect(
    clippy::print_stdout,
    reason = "the harness keeps a test's standard output and shows it"
)]
pub(crate) fn run(suites: &[Suite], out_of_scope: &[(&str, &str, &str)], not_yet: &[(&str, &str)]) {
    if root().is_none() {
        assert!(
            std::env::var_os("SEALIFT_NEEDS_SHARED_DATA").is_none(),
            "the collection of signed data is not at hand"
        );
        println!("skipped: the collection of signed data is not at hand");
        return;
    }
    let only = std::env::var("SEALIFT_CASES").unwrap_or_default();
    let known = divergences();
    let mut doubted = doubted();
    let mut seen = BTreeSet::new();
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut wrong = Vec::new();
    for folder in FOLDERS {
        for row in rows(folder) {
            let id = format!("{folder}/{}", row.case);
            if !id.starts_with(&only) {
                continue;
            }
            let mine: Vec<&Suite> = suites
                .iter()
                .filter(|suite| suite.folder == *folder && row.case.starts_with(suite.prefix))
                .collect();
            let left: Vec<_> = out_of_scope
                .iter()
                .filter(|(of, prefix, _)| of == folder && row.case.starts_with(prefix))
                .collect();
            let count = counts.entry(folder).or_default();
            let late = not_yet
                .iter()
                .any(|(of, prefix)| of == folder && row.case.starts_with(prefix));
            if late && mine.is_empty() && left.is_empty() {
                count.not_yet += 1;
                continue;
            }
            if late {
                wrong.push(format!("{id}: listed as not judged yet, and claimed"));
                continue;
            }
            if mine.is_empty() && left.len() == 1 {
                count.out_of_scope += 1;
                continue;
            }
            if mine.len() != 1 || !left.is_empty() {
                wrong.push(format!(
                    "{id}: {} suites and {} exceptions claim it",
                    mine.len(),
                    left.len()
                ));
                continue;
            }
            let judged = catch_unwind(AssertUnwindSafe(|| (mine[0].judge)(&row)));
            let Ok(judged) = judged else {
                wrong.push(format!("{id}: the judge panicked"));
                continue;
            };
            let (accepted, said) = match judged {
                Judged::Answer(answer) => (answer.is_ok(), answer.err().unwrap_or_default()),
                Judged::Findings(findings) => {
                    let confirmed = findings.iter().filter(|finding| finding.is_confirmed());
                    wrong.extend(confirmed.filter_map(|finding| {
                        let why = stands_without(finding)?;
                        Some(format!("{id}: {why}"))
                    }));
                    if row.verdict == "invalid" {
                        wrong.extend(
                            refused_otherwise(&findings, doubted.remove(&id).as_deref())
                                .map(|why| format!("{id}: {why}")),
                        );
                    }
                    (accepts(&findings), tell(&findings))
                }
            };
            let agrees = match row.verdict.as_str() {
                "valid" => accepted,
                "invalid" => !accepted,
                // What the index leaves open, the judge settles by asserting within.
                _ => true,
            };
            match (agrees, known.contains_key(&id)) {
                (true, false) => count.agreed += 1,
                (false, true) => {
                    seen.insert(id);
                    count.diverged += 1;
                }
                (true, true) => wrong.push(format!("{id}: listed as a divergence, and agrees now")),
                (false, false) => wrong.push(format!(
                    "{id}: the index says {}, because {}: {said}",
                    row.verdict, row.why
                )),
            }
        }
    }
    for (folder, count) in &counts {
        println!(
            "{folder}: {} agreed, {} divergent, {} out of scope, {} not judged yet",
            count.agreed, count.diverged, count.out_of_scope, count.not_yet
        );
    }
    wrong.extend(
        doubted
            .into_keys()
            .filter(|id| id.starts_with(&only))
            .map(|id| format!("{id}: listed as doubted, and no such case is judged")),
    );
    for id in known.keys().filter(|id| id.starts_with(&only)) {
        assert!(
            seen.contains(id),
            "{id} is listed as a divergence, and no such case diverges"
        );
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// Why a case that must be refused is refused in another way than it was before.
fn refused_otherwise(findings: &[Finding], doubted: Option<&str>) -> Option<String> {
    if findings.iter().any(Finding::is_contradicted) {
        return doubted.map(|_| "listed as doubted, and it is contradicted".to_owned());
    }
    let doubts: BTreeSet<String> = findings
        .iter()
        .filter_map(|finding| match finding.outcome {
            Outcome::Undecided(doubt) => Some(format!("{doubt:?}")),
            _ => None,
        })
        .collect();
    let doubts = Vec::from_iter(doubts).join(", ");
    (doubted != Some(doubts.as_str())).then(|| format!("not contradicted, but in doubt: {doubts}"))
}

/// A case is accepted if something is confirmed and nothing is contradicted.
pub(crate) fn accepts(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::is_confirmed) && !findings.iter().any(Finding::is_contradicted)
}

fn tell(findings: &[Finding]) -> String {
    let told: Vec<String> = findings
        .iter()
        .map(|finding| {
            let outcome = match finding.outcome {
                Outcome::Confirmed(level) => format!("confirmed {level}"),
                Outcome::Contradicted(fault) => format!("contradicted {fault:?}"),
                Outcome::Undecided(doubt) => format!("undecided {doubt:?}"),
            };
            format!("{} {outcome}: {}", finding.kind, finding.reason)
        })
        .collect();
    if told.is_empty() {
        "no findings".to_owned()
    } else {
        told.join("; ")
    }
}
