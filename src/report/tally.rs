//! Counts over all artifacts, in bounded memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Record;
use super::bound::{Shortened, short};
use crate::model::{Level, Signer};

/// How many different vouchers are told apart: every name of a large bundle may have its own. Each takes some hundred bytes.
const MAX_VOUCHERS: usize = 20_000;

/// How much of the head the list of vouchers may take, in bytes.
const MAX_VOUCHER_BYTES: usize = 128 * 1024;

/// How much of the head the ecosystems may take, in bytes; there are some twenty.
const MAX_ECOSYSTEM_BYTES: usize = 32 * 1024;

/// What the artifacts of one ecosystem came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EcosystemTally {
    /// How many artifacts.
    pub artifacts: u64,
    /// Their sizes together, in bytes.
    pub bytes: u64,
    /// How many bring a proof that is wrong.
    pub contradicted: u64,
    /// What became of how many, by the decision's word.
    pub decisions: BTreeMap<String, u64>,
    /// The ecosystem.
    pub ecosystem: String,
    /// How many reach each level, by its word.
    pub levels: BTreeMap<String, u64>,
    /// How many bring a proof that could not be judged.
    pub undecided: u64,
}

/// Somebody who vouched for artifacts, by confirmed findings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoucherTally {
    /// The anchors on which that rests.
    pub anchors: Vec<String>,
    /// For how many artifacts.
    pub artifacts: u64,
    /// The ecosystem.
    pub ecosystem: String,
    /// The kind of evidence.
    pub kind: String,
    /// The level that it lifts them to.
    pub level: Level,
    /// Who signed.
    pub signer: String,
}

/// The counts of a report.
#[derive(Debug, Default)]
pub struct Tally {
    ecosystems: BTreeMap<String, EcosystemTally>,
    vouchers: BTreeMap<Voucher, u64>,
    vouchers_left_out: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Voucher {
    ecosystem: String,
    kind: String,
    level: Level,
    signer: String,
    anchors: Vec<String>,
}

impl Tally {
    /// Counts one artifact.
    pub fn count(&mut self, record: &Record) {
        let tally = self
            .ecosystems
            .entry(record.ecosystem.clone())
            .or_insert_with(|| EcosystemTally {
                ecosystem: short(&record.ecosystem),
                ..EcosystemTally::default()
            });
        tally.artifacts += 1;
        tally.bytes = tally.bytes.saturating_add(record.size);
        *tally.levels.entry(record.level.word().to_owned()).or_default() += 1;
        if let Some(decision) = &record.decision {
            *tally.decisions.entry(short(&decision.admission)).or_default() += 1;
        }
        tally.contradicted += u64::from(record.findings.iter().any(|finding| finding.is_contradicted()));
        let is_open = |finding: &crate::model::Finding| !finding.is_confirmed() && !finding.is_contradicted();
        tally.undecided += u64::from(record.findings.iter().any(is_open));
        let mut seen: Vec<Voucher> = Vec::new();
        for finding in record.findings.iter().filter(|finding| finding.is_confirmed()) {
            for signer in &finding.signers {
                let voucher = Voucher {
                    ecosystem: record.ecosystem.clone(),
                    kind: finding.kind.clone(),
                    level: finding.level(),
                    signer: short(&signer_words(signer)),
                    anchors: finding.anchors.clone(),
                };
                // Twice by the same signer is one artifact.
                if !seen.contains(&voucher) {
                    seen.push(voucher);
                }
            }
        }
        for voucher in seen {
            if self.vouchers.len() < MAX_VOUCHERS || self.vouchers.contains_key(&voucher) {
                *self.vouchers.entry(voucher).or_default() += 1;
            } else {
                self.vouchers_left_out += 1;
            }
        }
    }

    /// The ecosystems, by name.
    pub fn ecosystems(&self) -> Vec<EcosystemTally> {
        Shortened::of(self.ecosystems.values().cloned(), MAX_ECOSYSTEM_BYTES).kept
    }

    /// Who vouched, the most first, and how many are left out.
    pub fn vouchers(&self) -> (Vec<VoucherTally>, u64) {
        let mut list: Vec<_> = self.vouchers.iter().collect();
        list.sort_by(|(one, many), (other, more)| more.cmp(many).then_with(|| one.cmp(other)));
        let shortened = Shortened::of(
            list.into_iter().map(|(voucher, artifacts)| VoucherTally {
                anchors: voucher.anchors.clone(),
                artifacts: *artifacts,
                ecosystem: voucher.ecosystem.clone(),
                kind: voucher.kind.clone(),
                level: voucher.level,
                signer: voucher.signer.clone(),
            }),
            MAX_VOUCHER_BYTES,
        );
        (
            shortened.kept,
            shortened.left_out.saturating_add(self.vouchers_left_out),
        )
    }
}

/// A signer in a few words.
pub(super) fn signer_words(signer: &Signer) -> String {
    match signer {
        Signer::Key {
            fingerprint,
            owner: Some(owner),
            ..
        } => format!("key {fingerprint} of {owner}"),
        Signer::Key { fingerprint, .. } => format!("key {fingerprint}"),
        Signer::Certificate {
            fingerprint,
            subject,
            issuer,
            ..
        } => format!("certificate {fingerprint} of {subject}, issued by {issuer}"),
        Signer::Identity(identity) => identity.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Doubt, Fault, Finding, Identity};

    fn by(subject: &str) -> Finding {
        Finding::confirmed("sigstore", Level::Provenance, "good".to_owned()).by(Signer::Identity(Identity {
            issuer: "https://issuer.example.com".to_owned(),
            subject: subject.to_owned(),
            fields: Default::default(),
        }))
    }

    #[test]
    fn what_is_wrong_and_what_is_open_are_counted_apart() {
        let counted = |finding: Finding| {
            let mut tally = Tally::default();
            tally.count(&Record::plain(vec![finding]));
            let own = tally.ecosystems().swap_remove(0);
            (own.contradicted, own.undecided)
        };
        assert_eq!(counted(by("one")), (0, 0));
        assert_eq!(
            counted(Finding::contradicted("openpgp", Fault::Revoked, "wrong")),
            (1, 0)
        );
        assert_eq!(counted(Finding::undecided("openpgp", Doubt::NoAnchor, "open")), (0, 1));
    }

    #[test]
    fn whoever_signs_one_artifact_twice_vouches_for_one() {
        let mut record = Record::plain(vec![by("one"), by("one"), by("two")]);
        let mut tally = Tally::default();
        tally.count(&record);
        record.findings.truncate(1);
        tally.count(&record);
        let (vouchers, left_out) = tally.vouchers();
        let counts: Vec<(&str, u64)> = vouchers
            .iter()
            .map(|one| (one.signer.as_str(), one.artifacts))
            .collect();
        assert_eq!((counts.len(), left_out), (2, 0), "{counts:?}");
        assert!(counts[0].0.contains("one") && counts[0].1 == 2, "{counts:?}");
        assert!(counts[1].0.contains("two") && counts[1].1 == 1, "{counts:?}");
    }
}
