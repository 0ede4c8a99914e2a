//! How artifacts and bundles look to people and in JSON, the same in every command. Text that came in a bundle is escaped.

use serde_json::{Value, json};

use super::output::{bytes, escape};
use crate::ecosystem::purl;
use crate::import::decide::ArtifactDecision;
use crate::ledger::{BundleRecord, Entry, Judgement};
use crate::model::{Finding, LogProof, Outcome, Signer, TimeSource, bundle_label};
use crate::policy::{Lowered, Verdict};

/// Who holds an enclave's lock while a command changes it.
pub(super) fn holder(verb: &str) -> String {
    format!("sealift {verb}, process {}", std::process::id())
}

/// A bundle in a few words.
pub(super) fn bundle_text(bundle: &BundleRecord) -> String {
    format!(
        "bundle {}",
        escape(&bundle_label(&bundle.stream, bundle.epoch, bundle.sequence))
    )
}

/// A bundle with everything that is known of it.
pub(super) fn bundle_long(bundle: &BundleRecord) -> String {
    format!(
        "{}, imported {}, signed by {}, {}",
        bundle_text(bundle),
        bundle.imported,
        escape(&bundle.signers.join(" and ")),
        bundle.manifest
    )
}

pub(super) fn bundle_json(bundle: &BundleRecord) -> Value {
    json!({
        "manifest": bundle.manifest,
        "stream": bundle.stream,
        "epoch": bundle.epoch,
        "sequence": bundle.sequence,
        "created": bundle.created,
        "imported": bundle.imported,
        "root_version": bundle.root_version,
        "signers": bundle.signers,
    })
}

pub(super) fn entry_json(entry: &Entry) -> Value {
    let artifact = &entry.artifact;
    json!({
        "purl": purl(artifact),
        "ecosystem": artifact.ecosystem,
        "name": artifact.name,
        "version": artifact.version,
        "file": artifact.file,
        "digest": artifact.digest,
        "size": entry.size,
        "current": entry.is_current,
        "origin": artifact.origin,
        "reason": artifact.reason,
        "proofs": artifact.proofs,
        "first_bundle": bundle_json(&entry.first_bundle),
        "last_bundle": bundle_json(&entry.last_bundle),
    })
}

/// Everything that is known of an artifact, a line for each question. `places` are its paths in the repository.
pub(super) fn entry_text(entry: &Entry, places: &[String]) -> String {
    let artifact = &entry.artifact;
    let mut lines = vec![
        escape(&purl(artifact)),
        format!(
            "  file      {}, {}, {}",
            escape(&artifact.file),
            bytes(entry.size),
            artifact.digest
        ),
    ];
    if entry.is_current {
        lines.extend(places.iter().map(|place| format!("  at        {}", escape(place))));
    } else {
        lines.push("  at        nowhere: a rollback took it away".to_owned());
    }
    lines.push(format!("  came in   {}", bundle_long(&entry.first_bundle)));
    if entry.last_bundle != entry.first_bundle {
        lines.push(format!("  last in   {}", bundle_long(&entry.last_bundle)));
    }
    lines.push(format!("  asked by  {}", escape(&artifact.reason)));
    lines.push(format!(
        "  origin    {} (as the exporter says)",
        escape(&artifact.origin)
    ));
    for proof in &artifact.proofs {
        lines.push(format!("  proof     {}: {}", escape(&proof.kind), proof.state.word()));
        lines.extend(proof.objects.iter().map(|digest| format!("            {digest}")));
    }
    lines.join("\n")
}

/// What an artifact's proofs came to when they were last judged, a line for each finding.
pub(super) fn judgement_text(judgement: Option<&Judgement>) -> String {
    let Some(judgement) = judgement else {
        return "  level     none: nothing was judged".to_owned();
    };
    let mut lines = vec![format!("  level     {}, judged {}", judgement.level, judgement.judged)];
    for finding in &judgement.findings {
        lines.extend(finding_lines(finding));
    }
    if !judgement.decision.is_empty() {
        lines.extend(decision_lines(&judgement.decision));
    }
    lines.join("\n")
}

/// What was decided, by which policy, and everything that its rules found.
fn decision_lines(text: &str) -> Vec<String> {
    let Some(decided) = ArtifactDecision::read(text) else {
        return vec![format!("  decision  {}", escape(text))];
    };
    let decision = &decided.decision;
    let by = match decided.reviewed_by.as_slice() {
        [] => String::new(),
        persons => format!(" by {}", escape(&persons.join(", "))),
    };
    let floor = decided
        .floor
        .map_or_else(String::new, |floor| format!(", its name reached {floor} before"));
    let mut lines = vec![format!(
        "  decision  {}{by}: {} is asked for by {}, {} is reached{floor}; policy version {}, {}",
        decided.admission.word(),
        decision.required,
        escape(&decision.required_by),
        decision.reached,
        decided.policy_version,
        decided.policy
    )];
    for hit in &decision.hits {
        let waived = hit.waived_by.as_ref().map_or_else(String::new, |waiver| {
            let by = match hit.approved_by.as_slice() {
                [] => String::new(),
                persons => format!(", approved by {}", escape(&persons.join(", "))),
            };
            format!(", lifted by the waiver {}{by}", escape(waiver))
        });
        let lowered = hit
            .lowered
            .as_ref()
            .map_or_else(String::new, |lowered| format!(", {}", lowered_text(lowered)));
        lines.push(format!(
            "  {:<9} {} ({}){waived}{lowered} [{}]",
            match hit.verdict {
                Verdict::Allow => "noted",
                stands => stands.word(),
            },
            escape(&hit.message),
            escape(&hit.rule),
            hit.code
        ));
    }
    lines
}

/// What a publisher's statement lowered.
pub(super) fn lowered_text(lowered: &Lowered) -> String {
    let why = lowered
        .justification
        .as_ref()
        .map_or_else(String::new, |why| format!(" ({})", escape(why)));
    format!(
        "lowered from {} by {} in {} of {}: {}{why}",
        lowered.from.word(),
        escape(&lowered.by),
        escape(&lowered.document),
        lowered.stated,
        escape(&lowered.status)
    )
}

/// A finding: what it came to and why, then who signed, when, and on what that rests.
pub(super) fn finding_lines(finding: &Finding) -> Vec<String> {
    let (title, outcome) = match finding.outcome {
        Outcome::Confirmed(level) => ("confirmed", format!("{level} by ")),
        Outcome::Contradicted(_) => ("wrong", String::new()),
        Outcome::Undecided(_) => ("open", String::new()),
    };
    let mut lines = vec![format!(
        "  {title:<9} {outcome}{}: {}",
        escape(&finding.kind),
        escape(&finding.reason)
    )];
    let mut more = |title: &str, text: &str| lines.push(format!("            {title:<9} {}", escape(text)));
    let claimed = if finding.is_confirmed() {
        ""
    } else {
        " (as the proof says)"
    };
    for signer in &finding.signers {
        more("signer", &format!("{}{claimed}", signer_text(signer)));
    }
    for signer in finding.through.iter().filter(|one| !finding.signers.contains(one)) {
        more("through", &format!("{}{claimed}", signer_text(signer)));
    }
    if let Some(signed) = &finding.signed_at {
        more("signed", &format!("{}, {}", signed.time, time_source(signed.source)));
    }
    if let Some(log) = &finding.log {
        let proof = match log.proof {
            LogProof::Inclusion => "with a proof of inclusion",
            LogProof::Promise => "by the log's promise alone",
        };
        more("log", &format!("{}, entry {}, {proof}", log.id, log.index));
    }
    if let Some(algorithm) = &finding.algorithm {
        more("algorithm", algorithm);
    }
    if !finding.anchors.is_empty() {
        more("anchors", &finding.anchors.join(", "));
    }
    for (name, value) in &finding.claims {
        more("claims", &format!("{name} {value}"));
    }
    for note in &finding.notes {
        more("note", note);
    }
    lines
}

/// A signer in a few words.
pub(super) fn signer_text(signer: &Signer) -> String {
    match signer {
        Signer::Key {
            fingerprint,
            owner,
            subkey,
        } => {
            let owner = owner.as_ref().map_or_else(String::new, |owner| format!(" of {owner}"));
            let subkey = subkey
                .as_ref()
                .map_or_else(String::new, |subkey| format!(", with its subkey {subkey}"));
            format!("key {fingerprint}{owner}{subkey}")
        }
        Signer::Certificate {
            fingerprint,
            subject,
            issuer,
            chain,
        } => {
            let under = match chain.as_slice() {
                [] => String::new(),
                chain => format!(", under {}", chain.join(", ")),
            };
            format!("certificate {fingerprint} of {subject}, issued by {issuer}{under}")
        }
        Signer::Identity(identity) => format!("identity {identity}"),
    }
}

const fn time_source(source: TimeSource) -> &'static str {
    match source {
        TimeSource::Signer => "by the signer's own word",
        TimeSource::Log => "proven by a transparency log",
        TimeSource::TimestampAuthority => "proven by a timestamp authority",
    }
}

pub(super) fn judgement_json(judgement: Option<&Judgement>) -> Value {
    judgement.map_or(Value::Null, |judgement| {
        json!({
            "level": judgement.level,
            "findings": judgement.findings,
            "decision": ArtifactDecision::read(&judgement.decision).map_or_else(|| json!(judgement.decision), |decided| json!(decided)),
            "judged": judgement.judged,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Level;

    #[test]
    fn whoever_signed_is_not_shown_a_second_time() {
        let key = |fingerprint: &str| Signer::Key {
            fingerprint: fingerprint.to_owned(),
            owner: None,
            subkey: None,
        };
        let mut finding = Finding::confirmed("openpgp", Level::Publisher, "it fits");
        finding.signers = vec![key("AA11")];
        finding.through = vec![key("AA11"), key("BB22")];
        let lines = finding_lines(&finding);
        let through: Vec<&String> = lines.iter().filter(|line| line.contains("through")).collect();
        assert!(matches!(&through[..], [line] if line.contains("BB22")), "{lines:?}");
    }
}
