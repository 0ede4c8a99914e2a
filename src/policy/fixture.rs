//! A policy's own tests: cases in YAML, each with the verdict that it must get (`bundle-spec/policy.md` §7).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::pattern::Pattern;
use super::{
    Advisories, Case, CompareWith, Decision, Ecosystems, Judge, KnownNames, Policy, PolicyError, RecordError, Scan,
    ScanResult, Side, Standing, Surroundings, Verdict, VexSaid, VexStatus, published,
};
use crate::crypto::yaml;
use crate::model::{
    Artifact, Code, Digest, Doubt, Fault, Finding, Identity, Level, Outcome as FindingOutcome, SignedAt, Signer,
    TimeSource, Timestamp,
};

/// The most cases of one file.
pub const MAX_FIXTURES: usize = 10_000;

/// A policy's own tests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixtures {
    #[expect(dead_code, reason = "there is one, and anything else is refused")]
    schema: Schema,
    now: Timestamp,
    #[serde(default)]
    exported: Option<Timestamp>,
    #[serde(default)]
    issuers: BTreeMap<String, String>,
    #[serde(default)]
    popular: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    held: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    advisories: Vec<serde_json::Value>,
    tests: Vec<Fixture>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Schema {
    #[serde(rename = "sealift-policy-tests/1")]
    One,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    name: String,
    artifact: Pattern,
    #[serde(default)]
    digest: Option<Digest>,
    #[serde(default)]
    findings: Vec<WrittenFinding>,
    #[serde(default)]
    observers: Option<u32>,
    #[serde(default)]
    floor: Option<Level>,
    #[serde(default)]
    pinned: Vec<WrittenSigner>,
    #[serde(default)]
    known: bool,
    #[serde(default)]
    published: Option<Timestamp>,
    #[serde(default)]
    licence: Option<String>,
    #[serde(default)]
    scans: Vec<WrittenScan>,
    #[serde(default)]
    release: Option<String>,
    #[serde(default)]
    cleared: Vec<String>,
    expect: Verdict,
    #[serde(default)]
    codes: Option<BTreeSet<String>>,
}

/// Exactly one of `confirmed`, `contradicted` and `undecided`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFinding {
    kind: String,
    #[serde(default)]
    confirmed: Option<Level>,
    #[serde(default)]
    contradicted: Option<Fault>,
    #[serde(default)]
    undecided: Option<Doubt>,
    #[serde(default)]
    by: Vec<WrittenSigner>,
    #[serde(default)]
    anchors: Vec<String>,
    /// The proven time of its signature.
    #[serde(default)]
    signed: Option<Timestamp>,
}

/// Exactly one of `key`, `certificate` and `identity`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSigner {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    certificate: Option<String>,
    #[serde(default)]
    identity: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScan {
    engine: String,
    side: Side,
    #[serde(default)]
    definitions: Option<Timestamp>,
    #[serde(default)]
    found: Option<String>,
    #[serde(default)]
    not_scanned: Option<String>,
}

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The test's name.
    pub name: String,
    /// What differs from what the test expects, in words; `None`: it passed.
    pub difference: Option<String>,
    /// What the policy decided.
    pub decision: Decision,
}

impl Fixtures {
    /// Reads a file of tests.
    ///
    /// # Errors
    /// [`PolicyError`] for what is not YAML as sealift reads it, or not of the schema.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        let this: Self = yaml::read(text)?;
        if this.tests.len() > MAX_FIXTURES {
            return Err(PolicyError::TooMany {
                rule: "tests".to_owned(),
                found: this.tests.len(),
                max: MAX_FIXTURES,
            });
        }
        for (index, test) in this.tests.iter().enumerate() {
            test.check(index)?;
        }
        Ok(this)
    }

    /// The time at which the tests judge.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Judges every case.
    ///
    /// # Errors
    /// [`RecordError`] if an advisory of the file is none.
    pub fn run(&self, policy: &Policy, ecosystems: &Ecosystems) -> Result<Vec<Outcome>, RecordError> {
        let exported = self.exported.unwrap_or(self.now);
        let mut advisories = Advisories::new(exported, *ecosystems);
        for record in &self.advisories {
            advisories.add(record.to_string().as_bytes())?;
        }
        let mut names = KnownNames::new();
        for (lists, because) in [
            (&self.popular, CompareWith::Popular),
            (&self.held, CompareWith::AlreadyHere),
        ] {
            for (ecosystem, list) in lists {
                for name in list {
                    names.add(ecosystem, &(ecosystems.spelling)(ecosystem, name), because);
                }
            }
        }
        let judge = Judge::new(
            policy,
            Surroundings {
                now: self.now,
                exported,
                advisories: Some(&advisories),
                names: &names,
                issuers: &self.issuers,
                ecosystems: *ecosystems,
                policy_signers: None,
            },
        );
        Ok(self.tests.iter().map(|test| test.run(&judge, self.now)).collect())
    }
}

impl Fixture {
    fn check(&self, index: usize) -> Result<(), PolicyError> {
        let rule = || {
            format!(
                "tests[{}]",
                if self.name.is_empty() {
                    index.to_string()
                } else {
                    self.name.clone()
                }
            )
        };
        if !self.artifact.is_exact() {
            return Err(PolicyError::Malformed {
                rule: rule(),
                found: self.artifact.to_string(),
                expected: "one name and version, as in `npm/left-pad@1.3.0`",
            });
        }
        for finding in &self.findings {
            if finding.outcome().is_none() {
                return Err(PolicyError::Contradiction {
                    rule: rule(),
                    what: "a finding is one of `confirmed`, `contradicted` and `undecided`",
                });
            }
        }
        for signer in self
            .pinned
            .iter()
            .chain(self.findings.iter().flat_map(|finding| &finding.by))
        {
            if signer.read().is_none() {
                return Err(PolicyError::Contradiction {
                    rule: rule(),
                    what: "a signer is one of `key`, `certificate` and `identity`",
                });
            }
        }
        for code in self.codes.iter().flatten() {
            if Code::named(code).is_none() {
                return Err(PolicyError::Malformed {
                    rule: rule(),
                    found: code.clone(),
                    expected: "a code",
                });
            }
        }
        Ok(())
    }

    fn run(&self, judge: &Judge<'_>, now: Timestamp) -> Outcome {
        let version = self
            .artifact
            .versions()
            .and_then(|versions| versions.exact())
            .unwrap_or_default();
        let artifact = Artifact {
            digest: self.digest.unwrap_or_else(|| Digest::of(b"")),
            ecosystem: self.artifact.ecosystem().to_owned(),
            file: String::new(),
            name: self.artifact.name().to_owned(),
            origin: String::new(),
            proofs: Vec::new(),
            reason: String::new(),
            version: version.to_owned(),
        };
        let signers = |list: &[WrittenSigner]| list.iter().filter_map(WrittenSigner::read).collect::<Vec<_>>();
        let findings: Vec<Finding> = self
            .findings
            .iter()
            .filter_map(|written| {
                let mut finding = Finding::new(&written.kind, written.outcome()?, "as the test says");
                finding.signers = signers(&written.by);
                finding.anchors.clone_from(&written.anchors);
                finding.signed_at = written.signed.map(|time| SignedAt {
                    source: TimeSource::Log,
                    time,
                });
                Some(finding)
            })
            .collect();
        let scans: Vec<Scan> = self
            .scans
            .iter()
            .map(|scan| Scan {
                engine: scan.engine.clone(),
                side: scan.side,
                result: match (&scan.found, &scan.not_scanned) {
                    (Some(found), _) => ScanResult::Found(found.clone()),
                    (None, Some(why)) => ScanResult::NotScanned(why.clone()),
                    (None, None) => ScanResult::Clean,
                },
                definitions: scan.definitions,
                time: now,
            })
            .collect();
        let vex: Vec<VexSaid> = self
            .cleared
            .iter()
            .map(|advisory| VexSaid {
                author: Signer::key("of the test".to_owned(), None),
                level: Level::Publisher,
                document: "the test's own".to_owned(),
                names: vec![advisory.clone()],
                status: VexStatus::Fixed,
                justification: None,
                time: now,
                is_exact: true,
            })
            .collect();
        let pinned = signers(&self.pinned);
        let published = published(&findings, self.published);
        let case = Case {
            observers: self.observers.unwrap_or(1),
            floor: self.floor,
            pinned: &pinned,
            standing: if self.known {
                Standing::Known
            } else {
                Standing::FirstSeen
            },
            published: &published,
            licence: self.licence.as_deref(),
            scans: &scans,
            release: self.release.as_deref(),
            vex: &vex,
            ..Case::new(&artifact, &findings)
        };
        let decision = judge.decide(&case);
        Outcome {
            name: self.name.clone(),
            difference: self.difference(&decision),
            decision,
        }
    }

    fn difference(&self, decision: &Decision) -> Option<String> {
        if decision.rules_say != self.expect {
            return Some(format!(
                "expected {}, and the rules say {}",
                self.expect.word(),
                decision.rules_say.word()
            ));
        }
        let found: BTreeSet<&str> = decision
            .hits
            .iter()
            .filter(|hit| hit.verdict > Verdict::Allow)
            .map(|hit| hit.code.name())
            .collect();
        let expected: BTreeSet<&str> = self.codes.as_ref()?.iter().map(String::as_str).collect();
        let words = |codes: BTreeSet<&str>| {
            if codes.is_empty() {
                "no code".to_owned()
            } else {
                codes.into_iter().collect::<Vec<_>>().join(", ")
            }
        };
        (found != expected).then(|| format!("expected {}, and found {}", words(expected), words(found)))
    }
}

impl WrittenFinding {
    fn outcome(&self) -> Option<FindingOutcome> {
        match (self.confirmed, self.contradicted, self.undecided) {
            (Some(level), None, None) => Some(FindingOutcome::Confirmed(level)),
            (None, Some(fault), None) => Some(FindingOutcome::Contradicted(fault)),
            (None, None, Some(doubt)) => Some(FindingOutcome::Undecided(doubt)),
            _ => None,
        }
    }
}

impl WrittenSigner {
    fn read(&self) -> Option<Signer> {
        match (&self.key, &self.certificate, &self.identity) {
            (Some(key), None, None) => Some(Signer::key(key.clone(), None)),
            (None, Some(certificate), None) => Some(Signer::Certificate {
                fingerprint: certificate.clone(),
                subject: String::new(),
                issuer: String::new(),
                chain: Vec::new(),
            }),
            (None, None, Some(fields)) => {
                let mut fields = fields.clone();
                Some(Signer::Identity(Identity {
                    issuer: fields.remove("issuer")?,
                    subject: fields.remove("subject").unwrap_or_default(),
                    fields,
                }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads tests, each with these fields beside its name.
    fn read(tests: &[&str]) -> Result<Fixtures, String> {
        let tests: String = tests
            .iter()
            .map(|fields| format!("  - {{name: a, {fields}, expect: allow}}\n"))
            .collect();
        let text = format!("schema: sealift-policy-tests/1\nnow: 2026-11-20T12:00:00Z\ntests:\n{tests}");
        Fixtures::from_yaml(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_case_says_one_thing_of_each_proof_and_signer() {
        let one = |fields: &str| read(&[&format!("artifact: npm/left-pad@1.3.0, {fields}")]).map(drop);
        let proof = |fields: &str| one(&format!("findings: [{{kind: openpgp, {fields}}}]"));
        let signer = |fields: &str| one(&format!("pinned: [{fields}]"));
        let by = |fields: &str| proof(&format!("confirmed: publisher, by: [{fields}]"));
        assert_eq!(proof("confirmed: publisher"), Ok(()));
        for (said, expected) in [
            (proof("by: []"), "a finding is one of"),
            (proof("confirmed: publisher, contradicted: weak"), "a finding is one of"),
            (signer("{}"), "a signer is one of"),
            (signer("{key: a, certificate: b}"), "a signer is one of"),
            (by("{}"), "a signer is one of"),
            (by("{key: a, certificate: b}"), "a signer is one of"),
            (one("codes: [no-such-code]"), "a code"),
        ] {
            let error = said.unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        for good in [signer("{key: a}"), by("{certificate: b}"), one("codes: [key-revoked]")] {
            assert_eq!(good, Ok(()));
        }
        assert!(read(&["artifact: npm/left-pad"]).is_err());
    }

    #[test]
    fn cases_are_counted() {
        let many = |count| read(&vec!["artifact: npm/a@1"; count]).map(drop);
        assert_eq!(many(MAX_FIXTURES), Ok(()));
        let error = many(MAX_FIXTURES + 1).unwrap_err();
        assert!(error.contains("10001") && error.contains("10000"), "{error}");
    }
}
