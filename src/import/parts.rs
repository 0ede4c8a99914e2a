//! What a report says, out of what the steps of an import know.

use super::authenticate::Voucher;
use super::decide::{DecidedArtifact, Decisions, ScanTold, published};
use super::verify_evidence::JudgedArtifact;
use crate::bundle::manifest::Manifest;
use crate::ecosystem::{self, Stated, purl};
use crate::model::{Digest, Finding, ProofState, Refusal, Timestamp};
use crate::policy::{Hit, Mode};
use crate::report::{
    self, About, Absent, Bundle, Consent, Decided, DecisionHit, LoweredHit, Person, Policy, PublishedAt, Record,
    Refused, Shortened, Standing, Version, short,
};
use crate::trust::TrustedRoot;

/// How much of the head what the policy says of the bundle as a whole may take, in bytes.
const MAX_HIT_BYTES: usize = 32 * 1024;

pub(super) fn version(root: &TrustedRoot) -> Version {
    Version {
        digest: root.fingerprint(),
        version: root.document().version,
    }
}

pub(super) fn stands(standing: &crate::trust::Standing, created: Timestamp, entries: usize) -> Standing {
    Standing {
        created,
        digest: standing.digest,
        entries: entries as u64,
        persons: standing.persons.clone(),
        version: standing.version,
    }
}

pub(super) fn bundle(manifest: &Manifest, digest: Digest) -> Bundle {
    Bundle {
        artifacts: manifest.catalog.artifacts,
        base: manifest.base,
        base_source: manifest.base_source,
        created: manifest.created,
        documents: manifest.catalog.documents,
        epoch: manifest.epoch,
        generator: short(&manifest.generator),
        label: manifest.label(),
        manifest: digest,
        not_after: manifest.not_after,
        object_bytes: manifest.catalog.object_bytes,
        objects: manifest.catalog.objects,
        plan: manifest.plan,
        previous: manifest.previous,
        sequence: manifest.sequence,
        side_data: manifest
            .side_data
            .iter()
            .map(|(kind, digest)| (kind.word().to_owned(), *digest))
            .collect(),
        stream: manifest.stream.clone(),
        volumes: manifest.volumes.len() as u64,
    }
}

pub(super) fn people(voucher: &Voucher, root: &TrustedRoot) -> Vec<Person> {
    let keys = &root.document().keys;
    let exporters = voucher.exporters.iter().map(|person| Person {
        approval: None,
        keys: voucher
            .export_keys
            .iter()
            .filter(|id| keys.get(*id).is_some_and(|key| key.person == *person))
            .map(ToString::to_string)
            .collect(),
        person: person.clone(),
        role: "export".to_owned(),
    });
    let approvers = voucher
        .approvers
        .iter()
        .zip(&voucher.approved)
        .map(|(person, approval)| Person {
            approval: Some(Consent {
                created: approval.created,
                expires: approval.expires,
                reason: short(&approval.reason),
                ticket: approval.ticket.as_deref().map(short),
            }),
            keys: Vec::new(),
            person: person.clone(),
            role: "approve".to_owned(),
        });
    exporters.chain(approvers).collect()
}

pub(super) fn policy(decisions: &Decisions) -> Policy {
    Policy {
        bundle: Shortened::of(decisions.bundle.hits.iter().map(hit), MAX_HIT_BYTES).kept,
        digest: decisions.policy,
        id: short(&decisions.policy_id),
        mode: match decisions.mode {
            Mode::Enforce => "enforce",
            Mode::Evaluate => "evaluate",
        }
        .to_owned(),
        signed_by: decisions.policy_signed_by.clone(),
        version: decisions.policy_version,
    }
}

pub(super) fn record(artifact: DecidedArtifact) -> Record {
    let DecidedArtifact { judged, decided } = artifact;
    let level = judged.level();
    let size = judged.examined.size;
    let about = about(&judged);
    let findings: Vec<Finding> = judged.findings;
    let artifact = judged.examined.artifact;
    Record {
        about,
        absent: artifact
            .proofs
            .iter()
            .filter(|proof| proof.state != ProofState::Present)
            .map(|proof| Absent {
                kind: proof.kind.clone(),
                state: proof.state,
            })
            .collect(),
        digest: artifact.digest,
        purl: purl(&artifact),
        ecosystem: artifact.ecosystem,
        file: artifact.file,
        findings,
        floor: decided.floor,
        level,
        name: artifact.name,
        origin: artifact.origin,
        reason: artifact.reason,
        required: Some(decided.decision.required),
        scans: decided.scans.into_iter().map(scan).collect(),
        size,
        version: artifact.version,
        decision: Some(Decided {
            admission: decided.admission.word().to_owned(),
            hits: decided.decision.hits.iter().map(hit).collect(),
            required_by: short(&decided.decision.required_by),
            reviewed_by: decided.reviewed_by,
            rules_say: decided.decision.rules_say.word().to_owned(),
            verdict: decided.decision.verdict.word().to_owned(),
        }),
    }
}

/// What its metadata, its registry and its proofs say of it; none where they say nothing.
fn about(judged: &JudgedArtifact) -> Option<About> {
    let ecosystem = &judged.examined.artifact.ecosystem;
    let stated = ecosystem::find(ecosystem).map_or_else(Stated::default, |known| known.stated(&judged.examined.facts));
    let about = About {
        published: published(&judged.findings, &stated)
            .first()
            .map(|published| PublishedAt {
                by: published.source.word().to_owned(),
                time: published.time,
            }),
        licence: stated.licence.as_deref().map(short),
        source: stated
            .advised_as
            .map(|(name, version)| short(&format!("{name}@{version}"))),
    };
    (about != About::default()).then_some(about)
}

fn scan(told: ScanTold) -> report::Scan {
    report::Scan {
        detail: told.detail.as_deref().map(short),
        engine: short(&told.engine),
        result: told.result,
        side: told.side,
    }
}

fn hit(hit: &Hit) -> DecisionHit {
    DecisionHit {
        approved_by: hit.approved_by.iter().map(|person| short(person)).collect(),
        code: hit.code.name().to_owned(),
        counts_from: hit.counts_from.map(|day| day.to_string()),
        lowered: hit.lowered.as_ref().map(|lowered| LoweredHit {
            by: short(&lowered.by),
            document: short(&lowered.document),
            from: lowered.from.word().to_owned(),
            justification: lowered.justification.as_deref().map(short),
            stated: lowered.stated,
            status: lowered.status.clone(),
        }),
        message: short(&hit.message),
        rule: short(&hit.rule),
        solution: short(&hit.solution),
        verdict: hit.verdict.word().to_owned(),
        waived_by: hit.waived_by.as_deref().map(short),
    }
}

pub(super) fn refused(refusal: &Refusal) -> Refused {
    let text = |text: &Option<String>| text.as_deref().map(short);
    Refused {
        code: refusal.code.name().to_owned(),
        expected: text(&refusal.expected),
        found: text(&refusal.found),
        hint: text(&refusal.hint),
        reason: short(&refusal.reason),
        subject: short(&refusal.subject),
    }
}
