//! From a signature that verifies to a finding: when it was made, and to which anchor its certificate leads.

use super::chain::find_anchor;
use super::{Certificate, Moment, Pins, Purpose, Refusal, Stamp, Verified};
use crate::evidence::Context;
use crate::model::{Artifact, Finding, Level, SignedAt, TimeSource, Timestamp};

/// What one kind judges for one artifact.
pub(crate) struct Case<'a> {
    pub(crate) kind: &'static str,
    pub(crate) artifact: &'a Artifact,
    pub(crate) signers: Pins<'a>,
    pub(crate) authorities: Pins<'a>,
    pub(crate) now: Timestamp,
}

impl<'a> Case<'a> {
    pub(crate) fn new(kind: &'static str, artifact: &'a Artifact, context: &Context<'a>) -> Self {
        Self {
            kind,
            artifact,
            signers: Pins::of_signers(context),
            authorities: Pins::of_authorities(context),
            now: context.now,
        }
    }

    /// All pinned certificates, for messages that leave their signer's out.
    pub(crate) fn pinned(&self) -> Vec<Certificate> {
        self.signers.certificates().cloned().collect()
    }
}

/// Concludes about a signature that covers the artifact. `most` bounds the level where the scheme says for whom it speaks.
pub(crate) fn conclude(
    case: &Case<'_>,
    verified: &Verified<'_>,
    pool: &[Certificate],
    purpose: &Purpose,
    stamp: Result<Stamp, Refusal>,
    most: Option<Level>,
) -> Finding {
    conclude_for(
        case,
        verified.certificate,
        &verified.algorithm,
        verified.claimed,
        pool,
        purpose,
        stamp,
        most,
    )
}

/// The same for a signature that is not of CMS.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of a signature, each of its own type"
)]
pub(crate) fn conclude_for(
    case: &Case<'_>,
    certificate: &Certificate,
    algorithm: &str,
    claimed: Option<Timestamp>,
    pool: &[Certificate],
    purpose: &Purpose,
    stamp: Result<Stamp, Refusal>,
    most: Option<Level>,
) -> Finding {
    let mut signed_at = claimed.map(|time| SignedAt {
        time,
        source: TimeSource::Signer,
    });
    let mut notes = Vec::new();
    let mut authority = None;
    let mut moment = Moment::now(case.now);
    let anchor = stamp.and_then(|stamp| {
        match stamp {
            Stamp::Missing => {}
            Stamp::Unproven { note } => notes.push(note),
            Stamp::Proven {
                moment: proven,
                signed_at: at,
                anchor,
                signer,
            } => {
                moment = proven;
                signed_at = Some(at);
                authority = Some((anchor, signer));
            }
        }
        find_anchor(
            case.kind,
            certificate,
            pool,
            purpose,
            &moment,
            &case.signers,
            case.artifact,
        )
    });
    let mut chain = Vec::new();
    let mut finding = match anchor {
        Ok((anchor, way)) => {
            chain = way;
            let own = anchor.speaks_for.level();
            let level = most.map_or(own, |most| most.min(own));
            notes.push("revocation of certificates was not asked for".to_owned());
            Finding::confirmed(
                case.kind,
                level,
                format!(
                    "signed by {}, which anchor `{}` pins",
                    certificate.subject(),
                    anchor.name
                ),
            )
            .resting_on(&anchor.name)
        }
        Err(refusal) => refusal.into_finding(case.kind),
    };
    if finding.is_confirmed()
        && let Some((authority, signer)) = authority
    {
        finding = finding.resting_on(&authority);
        finding.through.push(signer);
    }
    finding.algorithm = Some(algorithm.to_owned());
    finding.signed_at = signed_at;
    finding.notes.extend(notes);
    finding.by(certificate.signer_under(chain))
}
