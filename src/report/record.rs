//! What is said of one artifact (`bundle-spec/report.md` §3).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, Finding, Level, ProofState, Timestamp};

/// One artifact of a bundle: what it is, who vouched for it, and what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What its own metadata, its registry or a proof says of it; left out where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// Kinds of proof that were looked for and not found, or not looked for.
    pub absent: Vec<Absent>,
    /// What was decided; none where no policy was asked.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub decision: Option<Decided>,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its ecosystem.
    pub ecosystem: String,
    /// The file as the registry publishes it.
    pub file: String,
    /// What each proof came to.
    pub findings: Vec<Finding>,
    /// The highest level that its name had reached before; none where that was not asked.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub floor: Option<Level>,
    /// The level that it reaches.
    pub level: Level,
    /// Its name.
    pub name: String,
    /// Where the exporter got it, as the exporter says.
    pub origin: String,
    /// Its package URL.
    pub purl: String,
    /// What asked for it, as the exporter says.
    pub reason: String,
    /// The level that is asked for; none where no policy was asked.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub required: Option<Level>,
    /// What each scanner of the site said of it; left out where none was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scans: Vec<Scan>,
    /// Its size in bytes.
    pub size: u64,
    /// Its version.
    pub version: String,
}

impl Record {
    /// The kinds of proof that confirm who published it.
    pub fn identity_verified_by(&self) -> impl Iterator<Item = &str> {
        self.confirming(|finding| finding.level() > Level::Observed && !finding.signers.is_empty())
    }

    /// The kinds of proof that confirm its bytes.
    pub fn integrity_verified_by(&self) -> impl Iterator<Item = &str> {
        self.confirming(|_| true)
    }

    fn confirming(&self, is_meant: impl Fn(&Finding) -> bool) -> impl Iterator<Item = &str> {
        let findings = self.findings.iter().filter(|finding| finding.is_confirmed());
        let kinds: BTreeSet<&str> = findings
            .filter(|finding| is_meant(finding))
            .map(|finding| finding.kind.as_str())
            .collect();
        kinds.into_iter()
    }

    /// Whether its source offers a method to verify it: a proof came, or one was looked for where there are such.
    pub fn has_method(&self) -> bool {
        let is_offered = |finding: &Finding| !finding.is_confirmed() || finding.level() > Level::Observed;
        let is_missing = |absent: &Absent| absent.state == ProofState::Absent;
        self.findings.iter().any(is_offered) || self.absent.iter().any(is_missing)
    }
}

/// What is said of an artifact beside what it is and who vouches for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its licence, as its own metadata states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedAt>,
    /// The source that it was built of, where that has a name of its own, as name and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl About {
    /// What is said, in a phrase.
    pub fn words(&self) -> String {
        let said = [
            self.licence.as_ref().map(|licence| format!("licence {licence}")),
            self.published.as_ref().map(PublishedAt::words),
            self.source.as_ref().map(|source| format!("built of {source}")),
        ];
        said.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

impl PublishedAt {
    fn words(&self) -> String {
        let by = match self.by.as_str() {
            "proof" => "as a proof shows",
            "index" => "or before, as a signed index shows",
            _ => "as the registry says",
        };
        format!("published {} {by}", self.time)
    }
}

/// When an artifact was published, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedAt {
    /// `proof`: a time that a confirmed proof proves; `registry`: the registry's document, as the exporter brought it; `index`: at the latest then, by the
    /// signed index that lists it.
    pub by: String,
    /// When.
    pub time: Timestamp,
}

/// What a scanner said of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// What was found, or why it was not scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The scanner, one of the head's.
    pub engine: String,
    /// `clean`, `found` or `not-scanned`.
    pub result: String,
    /// `export` where somebody on the sending side recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
}

impl Scan {
    /// What it came to, in a phrase.
    pub fn words(&self) -> String {
        let detail = self
            .detail
            .as_ref()
            .map_or_else(String::new, |detail| format!(": {detail}"));
        let side = if self.side.is_some() { " (sending side)" } else { "" };
        format!("{}{side} {}{detail}", self.engine, self.result)
    }
}

/// A kind of proof that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// The kind.
    pub kind: String,
    /// Why it is not there.
    pub state: ProofState,
}

/// What a policy decided about an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// What became of it: `allowed`, `reviewed`, `evaluation`, `waiting` or `denied`.
    pub admission: String,
    /// Everything that the rules found.
    pub hits: Vec<DecisionHit>,
    /// The rule that asks for the level.
    pub required_by: String,
    /// The persons whose signed review admitted it.
    pub reviewed_by: Vec<String>,
    /// What the rules alone say; differs from the verdict where a policy only shows what it would do.
    pub rules_say: String,
    /// `allow`, `review` or `deny`.
    pub verdict: String,
}

impl Decided {
    /// Whether it is published.
    pub fn is_admitted(&self) -> bool {
        !matches!(self.admission.as_str(), "waiting" | "denied")
    }
}

/// A publisher's statement that lowers what a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoweredHit {
    /// Who signed it.
    pub by: String,
    /// The document that it stands in.
    pub document: String,
    /// What the rule would have made of the artifact.
    pub from: String,
    /// Why the artifact is not affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// When it was said.
    pub stated: Timestamp,
    /// `not_affected` or `fixed`.
    pub status: String,
}

/// Something that a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionHit {
    /// The persons who approved the waiver that lifts it; left out by versions that did not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// The stable code.
    pub code: String,
    /// The day from which the rule counts, if that was still to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_from: Option<String>,
    /// The publisher's statement that lowers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowered: Option<LoweredHit>,
    /// What was found.
    pub message: String,
    /// The rule's place in the policy.
    pub rule: String,
    /// What to do next.
    pub solution: String,
    /// What the rule makes of the artifact.
    pub verdict: String,
    /// The waiver that lifts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived_by: Option<String>,
}

#[cfg(test)]
impl Record {
    /// A record of a plain file, for tests: of its proofs alone they speak.
    pub(crate) fn plain(findings: Vec<Finding>) -> Self {
        Self {
            about: None,
            absent: Vec::new(),
            decision: None,
            digest: Digest::of(b""),
            ecosystem: "files".to_owned(),
            file: "a".to_owned(),
            findings,
            floor: None,
            level: Level::Provenance,
            name: "a".to_owned(),
            origin: String::new(),
            purl: "pkg:generic/a@1".to_owned(),
            reason: String::new(),
            required: None,
            scans: Vec::new(),
            size: 0,
            version: "1".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Doubt, Signer};

    #[test]
    fn a_source_offers_a_method_where_a_proof_came_or_is_missed() {
        let has = |findings: Vec<Finding>, absent: Option<ProofState>| {
            let absent = absent.map(|state| Absent {
                kind: "openpgp".to_owned(),
                state,
            });
            Record {
                absent: absent.into_iter().collect(),
                ..Record::plain(findings)
            }
            .has_method()
        };
        let seen = || Finding::confirmed("digest-agreement", Level::Observed, "agrees");
        assert!(!has(Vec::new(), None) && !has(vec![seen()], None));
        assert!(has(
            vec![Finding::undecided("openpgp", Doubt::NoAnchor, "nobody is pinned")],
            None
        ));
        assert!(has(
            vec![Finding::confirmed("minisign", Level::Publisher, "signed")],
            None
        ));
        assert!(has(vec![seen()], Some(ProofState::Absent)));
        assert!(!has(vec![seen()], Some(ProofState::NotServed)));
    }

    #[test]
    fn who_published_it_is_what_a_signer_confirms_beyond_what_was_seen() {
        let by = |finding: Finding| finding.by(Signer::key("K1".to_owned(), None));
        let record = Record::plain(vec![
            by(Finding::confirmed("minisign", Level::Publisher, "signed")),
            Finding::confirmed("sumdb", Level::Registry, "in the log"),
            by(Finding::confirmed("digest-agreement", Level::Observed, "agrees")),
            by(Finding::undecided("openpgp", Doubt::NoAnchor, "nobody is pinned")),
        ]);
        assert_eq!(record.identity_verified_by().collect::<Vec<_>>(), ["minisign"]);
        let integrity = ["digest-agreement", "minisign", "sumdb"];
        assert_eq!(record.integrity_verified_by().collect::<Vec<_>>(), integrity);
    }
}
