//! What a site admits: documents, rules, bundles, properties.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sealift::ecosystem;
use sealift::model::{Artifact, Digest, Finding, Identity, Level, Signer, Timestamp};
use sealift::policy::{
    Advisories, BundleFacts, Case, Decision, Ecosystems, Gap, Judge, KnownNames, Policy, PolicyError, Published,
    PublishedBy, Standing, Surroundings, Verdict,
};

mod custody;
mod document;
mod explicit;
mod judge;
mod names;
mod properties;
mod review;
mod values;
mod vex;

pub(crate) const ECOSYSTEMS: Ecosystems = Ecosystems {
    compare_versions: ecosystem::compare_versions,
    key: ecosystem::collision_key,
    spelling: ecosystem::spelling,
};

/// The sample of the chapter, with every part of the language.
fn sample() -> &'static str {
    let page = include_str!("../../../bundle-spec/policy.md");
    page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap()
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn read(text: &str) -> Result<Policy, PolicyError> {
    Policy::from_yaml(text, now(), &ECOSYSTEMS)
}

/// A policy of the profile `standard` that lets known, plain things pass, and some lines more.
fn policy(lines: &str) -> Policy {
    let head = "schema: sealift-policy/1\nid: test\nversion: 1\nprofile: standard\n";
    read(&format!("{head}{lines}")).unwrap_or_else(|error| panic!("{lines}: {:?}", error.refusal("policy")))
}

fn artifact(ecosystem: &str, name: &str, version: &str) -> Artifact {
    Artifact {
        digest: Digest::of(format!("{ecosystem} {name} {version}").as_bytes()),
        ecosystem: ecosystem.to_owned(),
        file: "file".to_owned(),
        name: name.to_owned(),
        origin: "cache".to_owned(),
        proofs: Vec::new(),
        reason: "lock".to_owned(),
        version: version.to_owned(),
    }
}

fn key(fingerprint: &str) -> Signer {
    Signer::key(fingerprint.to_owned(), None)
}

fn identity(repository: &str, owner_id: &str) -> Signer {
    let fields = [
        ("owner_id", owner_id),
        ("repository_id", "99"),
        ("repository", &format!("https://forge.example.com/{repository}")),
    ];
    Signer::Identity(Identity {
        issuer: "https://issuer.example.com".to_owned(),
        subject: format!("https://forge.example.com/{repository}/.forge/release.yml@refs/tags/v1"),
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    })
}

fn confirmed(kind: &str, level: Level) -> Finding {
    Finding::confirmed(kind, level, "it fits")
}

/// What is around a case, owned.
struct Around {
    now: Timestamp,
    exported: Timestamp,
    advisories: Option<Advisories>,
    names: KnownNames,
    issuers: BTreeMap<String, String>,
    policy_signers: Option<Vec<String>>,
}

impl Around {
    fn new() -> Self {
        Self {
            now: now(),
            exported: now().plus_seconds(-86_400),
            advisories: None,
            names: KnownNames::new(),
            issuers: BTreeMap::from([("forge".to_owned(), "https://issuer.example.com".to_owned())]),
            policy_signers: None,
        }
    }

    /// As in an enclave whose policy these persons have signed.
    fn signed_by(persons: &[&str]) -> Self {
        Self {
            policy_signers: Some(persons.iter().map(|person| (*person).to_owned()).collect()),
            ..Self::new()
        }
    }

    fn advised(records: &[&str]) -> Self {
        let mut this = Self::new();
        let mut advisories = Advisories::new(this.exported, ECOSYSTEMS);
        for record in records {
            advisories.add(record.as_bytes()).unwrap();
        }
        this.advisories = Some(advisories);
        this
    }

    fn judge<'a>(&'a self, policy: &'a Policy) -> Judge<'a> {
        Judge::new(
            policy,
            Surroundings {
                now: self.now,
                exported: self.exported,
                advisories: self.advisories.as_ref(),
                names: &self.names,
                issuers: &self.issuers,
                ecosystems: ECOSYSTEMS,
                policy_signers: self.policy_signers.as_deref(),
            },
        )
    }

    fn decide(&self, policy: &Policy, case: &Case<'_>) -> Decision {
        self.judge(policy).decide(case)
    }
}

/// Published long ago, by the best source.
static LONG_AGO: LazyLock<[Published; 1]> = LazyLock::new(|| {
    [Published {
        time: "2026-01-01T00:00:00Z".parse().unwrap(),
        source: PublishedBy::Proof,
    }]
});

/// A case that every rule of `standard` lets pass: a known name, long published.
fn plain<'a>(artifact: &'a Artifact, findings: &'a [Finding]) -> Case<'a> {
    Case {
        standing: Standing::Known,
        published: &*LONG_AGO,
        licence: Some("MIT"),
        ..Case::new(artifact, findings)
    }
}

/// A bundle with which `standard` finds no fault.
fn good_bundle() -> BundleFacts<'static> {
    BundleFacts {
        exporters: &[],
        approvers: &[],
        importer: None,
        revocations: None,
        standing_revocations: None,
        gap: Gap::None,
        unplanned: &[],
        missing: &[],
        infected: &[],
        custody: None,
    }
}

/// The codes that made the verdict, and it.
fn found(decision: &Decision) -> (Verdict, Vec<&'static str>) {
    let mut codes: Vec<&str> = decision
        .hits
        .iter()
        .filter(|hit| hit.verdict > Verdict::Allow)
        .map(|hit| hit.code.name())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    (decision.verdict, codes)
}
