//! What each check of an attempt asked for, and what it found, in words (`bundle-spec/report.md` §2).

use super::authenticate::Position;
use super::memory::Order;
use super::record::Keeping;
use crate::bundle::manifest::Manifest;
use crate::model::{Digest, Refusal, bundle_label};
use crate::report::{EcosystemTally, Person, short};
use crate::trust::{Role, Root};

/// What the checks ask for and no part of the head says.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// How many persons seal.
    exporters: u32,
    /// How many approve.
    approvers: u32,
    /// The last bundle of the stream.
    last: Option<Position>,
    /// Whether that is the bundle itself, which came once more.
    is_again: bool,
    /// For whom the bundle says that it is.
    recipients: Vec<Digest>,
}

impl Asked {
    pub(super) fn of(root: &Root, manifest: &Manifest, order: &Order) -> Self {
        let threshold = |role: Role| root.roles.get(&role).map_or(0, |role| role.threshold.get());
        Self {
            exporters: threshold(Role::Export),
            approvers: threshold(Role::Approve),
            last: order.last,
            is_again: order.again,
            recipients: manifest.recipients.clone(),
        }
    }
}

/// What a check that failed asked for and found: as the first refusal says that compares something.
pub(super) fn refused<'r>(mut refusals: impl Iterator<Item = &'r Refusal>) -> (Option<String>, Option<String>) {
    match refusals.find(|refusal| refusal.expected.is_some() || refusal.found.is_some()) {
        Some(refusal) => (
            refusal.expected.as_deref().map(short),
            refusal.found.as_deref().map(short),
        ),
        None => (None, None),
    }
}

/// What a check that did not fail asked for and found.
pub(super) fn passed(id: &str, keeping: &Keeping<'_>) -> Option<(String, String)> {
    let (head, asked) = (&keeping.head, &keeping.asked);
    let bundle = head.bundle.as_ref()?;
    Some(match id {
        "container" => (
            "bundle format 1".to_owned(),
            format!("bundle format 1 on {}", count(bundle.volumes, "volume")),
        ),
        "seal" => (persons(asked.exporters, "export"), names(&head.people, "export")),
        "recipient" => {
            let named: Vec<String> = asked.recipients.iter().map(Digest::to_string).collect();
            (head.station.enclave.to_string(), short(&named.join(", ")))
        }
        "order" => (
            after(asked, bundle.epoch, &bundle.stream),
            format!("bundle {}", bundle.label),
        ),
        "freshness" => (
            format!("a time until {}", bundle.not_after),
            match &head.known_time {
                Some(known) => format!("{}, and {} was proven before", head.created, known.time),
                None => head.created.to_string(),
            },
        ),
        "approvals" => (persons(asked.approvers, "approve"), names(&head.people, "approve")),
        "objects" => {
            let objects = format!("{} of {} bytes", count(bundle.objects, "object"), bundle.object_bytes);
            (objects.clone(), objects)
        }
        "contents" => {
            let artifacts = count(bundle.artifacts, "artifact");
            (artifacts.clone(), artifacts)
        }
        "trust" => {
            let version = |kind: &str, standing: Option<u64>| match standing {
                Some(version) => format!("{kind} {version}"),
                None => format!("no {kind}"),
            };
            let trust = &head.trust;
            let found = [
                format!("root {}", trust.root.version),
                version("trust data", trust.trust_data.as_ref().map(|standing| standing.version)),
                version(
                    "revocations",
                    trust.revocations.as_ref().map(|standing| standing.version),
                ),
            ];
            ("nothing older than what stood before".to_owned(), found.join(", "))
        }
        "evidence" => {
            let evidence = &keeping.evidence;
            let confirmed: u64 = evidence.confirmed.values().sum();
            let found = format!(
                "{confirmed} confirmed; {} with a wrong one, {} with one that nobody could judge",
                count(evidence.contradicted, "artifact"),
                evidence.undecided
            );
            ("every proof that came".to_owned(), found)
        }
        "malware" if !head.scanners.is_empty() => {
            let said: Vec<String> = head.scanners.iter().map(|run| run.words()).collect();
            ("nothing found in any object".to_owned(), said.join("; "))
        }
        "custody" => {
            let found = head.custody.as_ref()?.words();
            ("records that fit together".to_owned(), found)
        }
        "policy" => ("every artifact admitted".to_owned(), decisions(&keeping.tallied())),
        "publication" => {
            let published = head.published.as_ref()?;
            (
                "one switch to a new generation".to_owned(),
                format!("generation {}, {}", published.generation, published.repository),
            )
        }
        _ => return None,
    })
}

fn after(asked: &Asked, epoch: u64, stream: &str) -> String {
    match asked.last.filter(|last| last.epoch == epoch) {
        Some(last) if asked.is_again => format!("bundle {} once more", bundle_label(stream, last.epoch, last.sequence)),
        Some(last) => format!(
            "what follows bundle {}",
            bundle_label(stream, last.epoch, last.sequence)
        ),
        None => "the first bundle of its stream and epoch".to_owned(),
    }
}

fn persons(threshold: u32, role: &str) -> String {
    match threshold {
        0 => format!("nobody with the role {role}"),
        1 => format!("1 person with the role {role}"),
        more => format!("{more} persons with the role {role}"),
    }
}

fn names(people: &[Person], role: &str) -> String {
    let named: Vec<&str> = people
        .iter()
        .filter(|person| person.role == role)
        .map(|person| person.person.as_str())
        .collect();
    if named.is_empty() {
        "nobody".to_owned()
    } else {
        short(&named.join(", "))
    }
}

fn count(number: u64, word: &str) -> String {
    let more = if number == 1 { "" } else { "s" };
    format!("{number} {word}{more}")
}

/// How many artifacts were decided about how.
fn decisions(ecosystems: &[EcosystemTally]) -> String {
    let words = ["allowed", "reviewed", "evaluation", "waiting", "denied"];
    let of = |word: &str| {
        ecosystems
            .iter()
            .filter_map(|tally| tally.decisions.get(word))
            .sum::<u64>()
    };
    let said: Vec<String> = words
        .into_iter()
        .filter(|word| of(word) > 0)
        .map(|word| format!("{} {word}", of(word)))
        .collect();
    if said.is_empty() {
        "no artifact".to_owned()
    } else {
        said.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Code;

    #[test]
    fn a_check_that_failed_says_what_its_first_comparison_says() {
        let plain = Refusal::new(Code::DigestMismatch, "a", "it differs");
        let said = Refusal::new(Code::DigestMismatch, "b", "it differs").comparing("one", "two");
        let both = [plain.clone(), said];
        assert_eq!(refused(both.iter()), (Some("one".to_owned()), Some("two".to_owned())));
        assert_eq!(refused([plain].iter()), (None, None));
    }
}
