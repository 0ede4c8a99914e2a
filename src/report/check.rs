//! The words and numbers of a report that its types alone do not bound (`bundle-spec/schemas/report.schema.json`): a reader that takes any word
//! shows one that no report says.

use super::{About, DecisionHit, Head, Keep, Outcome, Record, ReportError, Verdict};
use crate::model::{Digest, Level, ProofState, Timestamp};

const ADMISSIONS: [&str; 5] = ["allowed", "reviewed", "evaluation", "waiting", "denied"];
/// What of a basis may lie beside a report.
const PARTS: [&str; 11] = [
    "approvals.ndjson",
    "catalog.ndjson.zst",
    "custody.ndjson",
    "examined.ndjson.zst",
    "manifest.dsse.json",
    "memory.ndjson.zst",
    "objects.tar",
    "order.json",
    "reviews.ndjson",
    "scans.ndjson",
    "seen.ndjson",
];
const VERDICTS: [&str; 3] = ["allow", "review", "deny"];
const SIDE_DATA: [&str; 5] = ["advisories", "popular-names", "revocations", "trust-data", "vex"];

/// Fails with the name of a field.
fn demand(holds: bool, field: &'static str) -> Result<(), ReportError> {
    if holds {
        Ok(())
    } else {
        Err(ReportError::Word { field })
    }
}

/// Whether a text has the form of a code: words of small letters between hyphens.
fn is_code(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    text.split('-').all(is_word)
}

/// Whether a text has the form of a day: `2026-01-31`.
fn is_day(text: &str) -> bool {
    let fits = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(fits)
}

fn check_hits(hits: &[DecisionHit]) -> Result<(), ReportError> {
    for hit in hits {
        demand(is_code(&hit.code), "hits.code")?;
        demand(VERDICTS.contains(&hit.verdict.as_str()), "hits.verdict")?;
        demand(hit.counts_from.as_deref().is_none_or(is_day), "hits.counts_from")?;
        if let Some(lowered) = &hit.lowered {
            demand(VERDICTS.contains(&lowered.from.as_str()), "hits.lowered.from")?;
            let status = lowered.status.as_str();
            demand(matches!(status, "fixed" | "not_affected"), "hits.lowered.status")?;
        }
    }
    Ok(())
}

impl Head {
    pub(super) fn check(&self) -> Result<(), ReportError> {
        demand(self.number > 0, "number")?;
        demand(
            self.previous.as_ref().is_none_or(|previous| previous.number > 0),
            "previous",
        )?;
        // A path is made of it.
        let is_known = |name: &str| PARTS.contains(&name);
        demand(self.basis.iter().all(|part| is_known(&part.name)), "basis")?;
        if let Some(bundle) = &self.bundle {
            let numbers = [bundle.epoch, bundle.sequence, bundle.volumes];
            demand(numbers.iter().all(|number| *number > 0), "bundle")?;
            let mut kinds = bundle.side_data.keys();
            demand(kinds.all(|kind| SIDE_DATA.contains(&kind.as_str())), "side_data")?;
        }
        for tally in &self.ecosystems {
            let mut levels = tally.levels.keys();
            let is_level = |word: &String| Level::ALL.iter().any(|level| level.word() == word);
            demand(levels.all(is_level), "ecosystems.levels")?;
            let mut decisions = tally.decisions.keys();
            demand(
                decisions.all(|word| ADMISSIONS.contains(&word.as_str())),
                "ecosystems.decisions",
            )?;
        }
        let mut codes = self.checks.iter().flat_map(|check| &check.codes);
        demand(codes.all(|code| is_code(code)), "checks.codes")?;
        demand(
            self.handling.as_ref().is_none_or(|handling| !handling.is_empty()),
            "handling",
        )?;
        let mut keep = self.retention.iter();
        demand(
            keep.all(|keep| *keep == Keep::of(&keep.class, keep.days, self.created)),
            "retention.until",
        )?;
        let is_refused = self.outcome == Outcome::Refused;
        let class = if is_refused { "refusal" } else { "report" };
        demand(
            self.retention.as_ref().is_none_or(|keep| keep.class == class),
            "retention.class",
        )?;
        // Whoever reads only the first word must not read another one than the rest says.
        let result = match self.waived {
            _ if is_refused => Verdict::Failed,
            Some(0) => Verdict::Passed,
            _ => Verdict::PassedWithWaivers,
        };
        demand(self.result.is_none_or(|said| said == result), "result")?;
        demand(self.result.is_some() == self.waived.is_some(), "waived")?;
        demand(self.control_map.is_none_or(|sealed| sealed.map > 0), "control_map")?;
        let mut times = self.checks.iter().map(|check| (check.started, check.ended));
        let is_in_order = |(started, ended): (Option<Timestamp>, Option<Timestamp>)| {
            started.is_none_or(|started| ended.is_some_and(|ended| started <= ended))
        };
        demand(times.all(is_in_order), "checks.ended")?;
        let mut lost = self.lost.iter();
        demand(lost.all(|lost| lost.number > 0 && lost.statement > 0), "lost")?;
        let mut keys = self.people.iter().flat_map(|person| &person.keys);
        demand(keys.all(|key| key.parse::<Digest>().is_ok()), "people.keys")?;
        let mut roles = self.people.iter().map(|person| person.role.as_str());
        demand(roles.all(|role| matches!(role, "export" | "approve")), "people.role")?;
        if let Some(policy) = &self.policy {
            demand(matches!(policy.mode.as_str(), "enforce" | "evaluate"), "policy.mode")?;
            check_hits(&policy.bundle)?;
        }
        demand(
            self.published.as_ref().is_none_or(|published| published.generation > 0),
            "published",
        )?;
        demand(
            self.refusals.iter().all(|refusal| is_code(&refusal.code)),
            "refusals.code",
        )?;
        let profiles = ["evaluation", "standard", "strict"];
        demand(profiles.contains(&self.station.profile.as_str()), "station.profile")?;
        let roots = std::iter::once(&self.trust.root)
            .chain(&self.trust.new_roots)
            .map(|root| root.version);
        let documents = [&self.trust.revocations, &self.trust.trust_data];
        let standing = documents.into_iter().flatten().map(|document| document.version);
        let mut versions = roots.chain(standing);
        demand(versions.all(|version| version > 0), "trust.version")
    }
}

impl Record {
    pub(super) fn check(&self) -> Result<(), ReportError> {
        demand(self.purl.starts_with("pkg:"), "purl")?;
        demand(
            self.absent.iter().all(|absent| absent.state != ProofState::Present),
            "absent.state",
        )?;
        let published = self.about.as_ref().and_then(|about| about.published.as_ref());
        let is_known = |by: &str| matches!(by, "index" | "proof" | "registry");
        demand(
            published.is_none_or(|published| is_known(&published.by)),
            "about.published.by",
        )?;
        demand(self.about != Some(About::default()), "about")?;
        for scan in &self.scans {
            demand(
                matches!(scan.result.as_str(), "clean" | "found" | "not-scanned"),
                "scans.result",
            )?;
            demand(scan.side.as_deref().is_none_or(|side| side == "export"), "scans.side")?;
        }
        let Some(decision) = &self.decision else { return Ok(()) };
        demand(ADMISSIONS.contains(&decision.admission.as_str()), "decision.admission")?;
        for verdict in [&decision.rules_say, &decision.verdict] {
            demand(VERDICTS.contains(&verdict.as_str()), "decision.verdict")?;
        }
        check_hits(&decision.hits)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_parts_are_those_that_an_import_keeps() {
        assert_eq!(super::PARTS, crate::import::basis::PARTS);
    }

    #[test]
    fn what_is_waived_is_said_with_the_result_or_neither_is() {
        use crate::report::Verdict;
        let checked = |result, waived| {
            let mut head = super::super::controls::tests::head();
            (head.result, head.waived) = (result, waived);
            head.check().map_err(|error| error.to_string())
        };
        assert_eq!(checked(None, None), Ok(()));
        assert_eq!(checked(Some(Verdict::Passed), Some(0)), Ok(()));
        for (result, waived) in [(None, Some(0)), (Some(Verdict::PassedWithWaivers), None)] {
            let error = checked(result, waived).unwrap_err();
            assert!(error.contains("waived"), "{error}");
        }
    }
}
