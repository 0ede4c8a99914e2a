//! A verification summary for each artifact (in-toto Statement v1; SLSA 1.2, `verification_summary/v1`), one a line, as in-toto's
//! bundles of attestations are written.
//!
//! Signed, each line is a DSSE envelope of in-toto's own payload type, which none of sealift's documents has: so none of these can
//! ever stand for one of those. Unsigned, each line is the bare statement, which no verifier takes.
//!
//! What it says is what the report proves: `PASSED` where clients find the artifact and the site's rules admit it, a person's review
//! included; not where a policy only shows what it would do. No SLSA level is claimed, since no anchor says which level a builder
//! keeps. Input attestations are left out: a report does not hold their digests.

use std::io::Write;

use serde_json::json;

use super::json::value;
use super::{RenderError, Rendering, Subject, is_published};
use crate::crypto::dsse::{Envelope, Signature, pae};
use crate::crypto::key::Signer;
use crate::crypto::strict_json;
use crate::report::{Head, Record};

/// DSSE's payload type of in-toto statements (in-toto attestation framework, `spec/v1/envelope.md`).
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

pub(crate) const STATEMENT: &str = "https://in-toto.io/Statement/v1";

pub(crate) const PREDICATE: &str = "https://slsa.dev/verification_summary/v1";

/// The extension that names the report (SLSA 1.2, "Extension fields"): a URI, ignored by whoever does not know it.
pub(crate) const REPORT_FIELD: &str = "urn:sealift:report";

pub(super) struct Summaries<'a> {
    subject: Subject<'a>,
    signer: Option<&'a dyn Signer>,
}

pub(super) const fn begin<'a>(subject: Subject<'a>, signer: Option<&'a dyn Signer>) -> Summaries<'a> {
    Summaries { subject, signer }
}

/// Whether the site's own rules admit a record's artifact, and clients find it.
pub(crate) fn passes(head: &Head, record: &Record) -> bool {
    is_published(head, record)
        && record.decision.as_ref().is_some_and(|decision| {
            match (decision.admission.as_str(), decision.rules_say.as_str()) {
                ("allowed" | "reviewed", "allow") => true,
                (admission, rules_say) => (admission, rules_say) == ("reviewed", "review"),
            }
        })
}

impl Summaries<'_> {
    fn statement(&self, record: &Record) -> serde_json::Value {
        let head = self.subject.head();
        let passes = passes(head, record);
        let levels = if passes {
            vec![
                "SLSA_BUILD_LEVEL_UNEVALUATED".to_owned(),
                format!("SEALIFT_EVIDENCE_{}", record.level.word().to_ascii_uppercase()),
            ]
        } else {
            vec!["FAILED".to_owned()]
        };
        let policy = head.policy.as_ref().map_or_else(
            || json!({ "uri": "urn:sealift:policy:not-reached" }),
            |policy| {
                json!({
                    "uri": format!("urn:sealift:policy:{}:{}", policy.id, policy.version),
                    "digest": { "sha256": policy.digest.hex() },
                })
            },
        );
        json!({
            "_type": STATEMENT,
            "subject": [{ "name": record.file, "uri": record.purl, "digest": { "sha256": record.digest.hex() } }],
            "predicateType": PREDICATE,
            "predicate": {
                "verifier": {
                    "id": format!("urn:sealift:enclave:{}", head.station.enclave),
                    "version": { "sealift": head.generator.trim_start_matches("sealift ") },
                },
                "timeVerified": head.created,
                "resourceUri": record.purl,
                "policy": policy,
                "verificationResult": if passes { "PASSED" } else { "FAILED" },
                "verifiedLevels": levels,
                REPORT_FIELD: {
                    "number": head.number,
                    "digest": { "sha256": self.subject.report.digest.hex() },
                },
            },
        })
    }
}

impl Rendering for Summaries<'_> {
    fn record(&mut self, record: &Record, out: &mut dyn Write) -> Result<(), RenderError> {
        let statement = self.statement(record);
        let Some(signer) = self.signer else {
            value(out, &statement)?;
            return Ok(out.write_all(b"\n")?);
        };
        let payload = strict_json::write(&statement);
        let envelope = Envelope {
            signatures: vec![Signature {
                key_id: signer.public().id().to_string(),
                bytes: signer.sign(&pae(PAYLOAD_TYPE, &payload))?,
            }],
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload,
        };
        out.write_all(&envelope.write())?;
        Ok(out.write_all(b"\n")?)
    }

    fn end(self: Box<Self>, _: &mut dyn Write) -> Result<(), RenderError> {
        Ok(())
    }
}
