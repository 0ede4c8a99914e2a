//! What this site brings to the judging of a bundle: trust data and revocations that stand here, and newer ones that the bundle
//! brings, once enough persons with the role `trust` have signed them (`bundle-spec/trust-data.md` §4).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde::Serialize;

use super::authenticate::GapRule;
use crate::bundle::manifest::{Manifest, SideData};
use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::evidence;
use crate::ledger::Ledger;
use crate::model::{Code, Digest, Refusal, Stop, Timestamp, Unable};
use crate::policy::{self, Policy, RecordOrRefuse};
use crate::trust::folder::{FolderError, TrustFolder};
use crate::trust::{Kind, Profile, Revocations, Standing, TrustData, TrustedRoot, standing};

/// Trust data, revocations and the policy, each with the document that says so.
#[derive(Debug, Clone)]
pub struct Site {
    policy: Option<Standing>,
    in_force: InForce,
    carried_revocations: Option<Timestamp>,
    trust_data: Option<(Standing, TrustData)>,
    revocations: Option<(Standing, Revocations)>,
}

/// The policy by which an import is decided.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The policy.
    pub policy: Policy,
    /// Where it comes from.
    pub origin: Origin,
    /// Who signed it: somebody where it stands, or where a signed document was given.
    pub signed_by: Vec<String>,
}

/// Where a policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// None is signed: it is the root's profile's own.
    Profile,
    /// It was signed, and stands.
    Signed,
    /// It was given to an exporter, who asks what it would decide.
    Given,
}

impl InForce {
    /// A profile's own values, which nobody signed.
    pub fn of_profile(profile: Profile) -> Self {
        Self {
            policy: Policy::of_profile(match profile {
                Profile::Evaluation => policy::Profile::Evaluation,
                Profile::Standard => policy::Profile::Standard,
                Profile::Strict => policy::Profile::Strict,
            }),
            origin: Origin::Profile,
            signed_by: Vec::new(),
        }
    }

    /// A policy that somebody asks about; whether anybody signed it is not looked at.
    pub const fn given(policy: Policy) -> Self {
        Self {
            policy,
            origin: Origin::Given,
            signed_by: Vec::new(),
        }
    }

    /// A policy's document that somebody asks about. If enough persons of this root have signed it, they are known.
    pub fn given_document(policy: Policy, untrusted_envelope: &[u8], root: &TrustedRoot) -> Self {
        let signed_by = standing::judge(root, Kind::Policy, untrusted_envelope);
        Self {
            signed_by: signed_by.map_or_else(|_| Vec::new(), |standing| standing.persons),
            ..Self::given(policy)
        }
    }

    /// The persons whose signatures over the policy count; `None` where nobody has looked for any, or too few have signed yet.
    pub fn signers(&self) -> Option<&[String]> {
        let is_open = self.origin == Origin::Given && self.signed_by.is_empty();
        (!is_open).then_some(self.signed_by.as_slice())
    }

    /// What the site does when numbers are missing. Until a signed policy says otherwise they are refused.
    pub fn gap_rule(&self) -> GapRule {
        match self.policy.require.sequence_gap {
            RecordOrRefuse::Record if !self.signed_by.is_empty() => GapRule::Record,
            RecordOrRefuse::Record | RecordOrRefuse::Refuse => GapRule::Refuse,
        }
    }

    /// How long a bundle may have been on its way for a signed index to be judged as of its making, in seconds.
    pub fn max_transit_seconds(&self) -> u64 {
        u64::from(self.policy.require.max_transit_days) * 86_400
    }
}

/// What a bundle's side data changed.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// Documents that count from now on, to be kept.
    pub standing: Vec<Standing>,
    /// What changes, in words.
    pub changes: Vec<String>,
    /// What was not taken, and why, in words.
    pub notes: Vec<String>,
}

impl Site {
    /// Reads what stands in a trust folder.
    pub fn load(trust: &TrustFolder) -> Result<Self, Stop> {
        let damaged = |kind: Kind, standing: &Standing, source| FolderError::StandingDamaged {
            path: trust.path().join(kind.to_string()).join(standing.version.to_string()),
            source,
        };
        let mut this = Self {
            policy: None,
            in_force: InForce::of_profile(trust.current().document().profile),
            carried_revocations: None,
            trust_data: None,
            revocations: None,
        };
        if let Some(standing) = trust.standing(Kind::TrustData)? {
            let document =
                TrustData::read(&standing.payload).map_err(|error| damaged(Kind::TrustData, &standing, error))?;
            this.trust_data = Some((standing, document));
        }
        if let Some(standing) = trust.standing(Kind::Revocations)? {
            let document =
                Revocations::read(&standing.payload).map_err(|error| damaged(Kind::Revocations, &standing, error))?;
            this.revocations = Some((standing, document));
        }
        if let Some(standing) = trust.standing(Kind::Policy)? {
            let document = Policy::read(&standing.payload).map_err(|error| {
                Unable::new(format!(
                    "the policy version {} that stands here cannot be used",
                    standing.version
                ))
                .because(error)
                .code(Code::PolicyMalformed)
                .hint("have a policy signed that this version of sealift reads")
            })?;
            this.in_force = InForce {
                policy: document,
                origin: Origin::Signed,
                signed_by: standing.persons.clone(),
            };
            this.policy = Some(standing);
        }
        Ok(this)
    }

    /// The policy that counts: the one that was signed, or as long as there is none, the values of the root's profile.
    pub const fn in_force(&self) -> &InForce {
        &self.in_force
    }

    /// When the revocations that the bundle brought were made, newer than ours or not; `None` if it brought none.
    pub const fn carried_revocations(&self) -> Option<Timestamp> {
        self.carried_revocations
    }

    /// Fails if the enclave remembers a newer version than stands in the folder: an older one was put back.
    pub fn check_not_rolled_back(&self, trust: &TrustFolder, ledger: &Ledger) -> Result<(), Stop> {
        match self.rolled_back(trust, ledger)?.into_iter().next() {
            None => Ok(()),
            Some(reason) => Err(Unable::new(reason)
                .code(Code::StateRolledBack)
                .hint("restore the enclave's folder `trust` from its own backup, and find out who put the older one there")
                .into()),
        }
    }

    /// What stands at an older version than the enclave remembers, in words.
    pub fn rolled_back(&self, trust: &TrustFolder, ledger: &Ledger) -> Result<Vec<String>, Stop> {
        let mut reasons = Vec::new();
        for (kind, standing) in self.versions(trust) {
            let Some((version, digest)) = ledger.standing(&kind.to_string())? else {
                continue;
            };
            let found = standing.map_or(0, |(version, _)| version);
            let is_same = standing.is_some_and(|(_, found)| found == digest);
            if found < version || (found == version && !is_same) {
                reasons.push(format!(
                    "the enclave's {kind} stands at version {found}, and this enclave has had version {version}{}",
                    if found == version { ", which was another" } else { "" }
                ));
            }
        }
        Ok(reasons)
    }

    /// Lets the enclave remember what stands now.
    pub fn remember(&self, trust: &TrustFolder, ledger: &Ledger) -> Result<(), Stop> {
        for (kind, standing) in self.versions(trust) {
            if let Some((version, digest)) = standing {
                ledger.note_standing(&kind.to_string(), version, &digest)?;
            }
        }
        Ok(())
    }

    /// The version and digest of every document that stands.
    fn versions(&self, trust: &TrustFolder) -> [(Kind, Option<(u64, Digest)>); 4] {
        let of = |standing: &Standing| (standing.version, standing.digest);
        let root = trust.current();
        [
            (Kind::Root, Some((root.document().version, root.fingerprint()))),
            (
                Kind::TrustData,
                self.trust_data.as_ref().map(|(standing, _)| of(standing)),
            ),
            (
                Kind::Revocations,
                self.revocations.as_ref().map(|(standing, _)| of(standing)),
            ),
            (Kind::Policy, self.policy.as_ref().map(of)),
        ]
    }

    /// The trust data that counts, with its version and digest.
    pub const fn trust_data(&self) -> Option<&(Standing, TrustData)> {
        self.trust_data.as_ref()
    }

    /// The revocations that count, with their version and digest.
    pub const fn revocations(&self) -> Option<&(Standing, Revocations)> {
        self.revocations.as_ref()
    }

    /// Takes newer trust data and revocations that a verified bundle brings. `path_of` says where an object lies.
    pub fn take(
        &mut self,
        manifest: &Manifest,
        trust: &TrustFolder,
        path_of: impl Fn(&Digest) -> std::path::PathBuf,
    ) -> Result<Brought, Stop> {
        let mut brought = Brought::default();
        // Revocations first: they may only take trust away.
        if let Some(digest) = manifest.side_data.get(&SideData::Revocations) {
            self.take_revocations(&read(&path_of(digest))?, trust, &mut brought)?;
        }
        if let Some(digest) = manifest.side_data.get(&SideData::TrustData) {
            self.take_trust_data(&read(&path_of(digest))?, trust, &mut brought)?;
        }
        Ok(brought)
    }

    fn take_revocations(&mut self, envelope: &[u8], trust: &TrustFolder, brought: &mut Brought) -> Result<(), Stop> {
        let created = self.take_newer_revocations(envelope, trust, brought)?;
        // An older one is not counted again, and may claim any time: it says no more than what stands.
        let ours = self.revocations.as_ref().map(|(_, document)| document.created);
        self.carried_revocations = created.into_iter().chain(ours).min();
        Ok(())
    }

    /// Takes revocations if they are newer, and gives when they say that they were made.
    fn take_newer_revocations(
        &mut self,
        envelope: &[u8],
        trust: &TrustFolder,
        brought: &mut Brought,
    ) -> Result<Option<Timestamp>, Stop> {
        let payload = Envelope::read(envelope).ok().map(|envelope| envelope.payload);
        let created = payload
            .and_then(|payload| Revocations::read(&payload).ok())
            .map(|document| document.created);
        let Some(standing) = self.newer(Kind::Revocations, envelope, trust, brought)? else {
            return Ok(created);
        };
        let document =
            Revocations::read(&standing.payload).map_err(|error| error.refusal("the bundle's revocations"))?;
        let earlier = self.revocations.as_ref().map(|(_, document)| document);
        check_revocations_follow("the bundle's revocations", earlier, &document)?;
        let before = self
            .revocations
            .as_ref()
            .map_or(0, |(_, document)| document.revoked.len());
        brought.changes.push(format!(
            "revocations version {} count from now on: {} more, signed by {}",
            standing.version,
            document.revoked.len().saturating_sub(before),
            standing.persons.join(", ")
        ));
        brought.standing.push(standing.clone());
        self.revocations = Some((standing, document));
        Ok(created)
    }

    fn take_trust_data(&mut self, envelope: &[u8], trust: &TrustFolder, brought: &mut Brought) -> Result<(), Stop> {
        let Some(standing) = self.newer(Kind::TrustData, envelope, trust, brought)? else {
            return Ok(());
        };
        let document = TrustData::read(&standing.payload).map_err(|error| error.refusal("the bundle's trust data"))?;
        let earlier = self.trust_data.as_ref().map(|(_, document)| document);
        check_trust_data_follows("the bundle's trust data", earlier, &document)?;
        brought.changes.push(format!(
            "trust data version {} counts from now on, signed by {}",
            standing.version,
            standing.persons.join(", ")
        ));
        brought
            .changes
            .extend(evidence::changes(earlier, &document, &trust.trust_data_until_now()));
        brought.standing.push(standing.clone());
        self.trust_data = Some((standing, document));
        Ok(())
    }

    /// A document that follows the one that stands. An older one is no fault: the exporter may not know the newer one yet.
    fn newer(
        &self,
        kind: Kind,
        envelope: &[u8],
        trust: &TrustFolder,
        brought: &mut Brought,
    ) -> Result<Option<Standing>, Stop> {
        use crate::trust::TrustError;
        let revocations = self.revocations.as_ref().map(|(_, document)| document);
        match trust.judge_next(kind, envelope, revocations) {
            Ok(next) => Ok(next),
            Err(FolderError::NotStanding(TrustError::StandingOutOfOrder { current, found, .. })) if found < current => {
                brought.notes.push(format!(
                    "the bundle's {kind} version {found} is older than version {current}, and was not taken"
                ));
                Ok(None)
            }
            Err(FolderError::NotStanding(error)) => Err(error.refusal(format!("the bundle's {kind}")).into()),
            Err(other) => Err(other.into()),
        }
    }
}

/// Fails if revocations take back what earlier ones revoked.
pub(crate) fn check_revocations_follow(
    subject: &str,
    earlier: Option<&Revocations>,
    next: &Revocations,
) -> Result<(), Refusal> {
    earlier
        .map_or(Ok(()), |earlier| next.check_follows(earlier))
        .map_err(|error| Refusal {
            code: Code::TrustVersionOutOfOrder,
            ..error.refusal(subject)
        })
}

/// Fails if an anchor's update is not bound to what was pinned under its name.
pub(crate) fn check_trust_data_follows(
    subject: &str,
    earlier: Option<&TrustData>,
    next: &TrustData,
) -> Result<(), Refusal> {
    evidence::check_follows(earlier.map_or(&[][..], |data| &data.anchors), &next.anchors).map_err(|reason| {
        Refusal::new(Code::TrustVersionOutOfOrder, subject, reason)
            .hint("what is not bound to the anchor that stands is a new anchor under a new name; remove the old one under its own")
    })
}

/// Reads an envelope that has been verified to be the listed object.
fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    let failed = |error: io::Error| Unable::new(format!("cannot read {}", path.display())).because(error);
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a longer file is seen to be longer.
    File::open(path)
        .map_err(failed)?
        .take(MAX_ENVELOPE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > MAX_ENVELOPE_BYTES {
        return Err(Refusal::new(
            Code::SizeExceeded,
            "the bundle's side data",
            "an envelope is longer than the limit",
        )
        .comparing(format!("at most {MAX_ENVELOPE_BYTES} bytes"), "more")
        .into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_signed_policy_lets_numbers_be_missing_and_an_open_one_is_signed_by_nobody_yet() {
        let policy = || Policy::of_profile(policy::Profile::Standard);
        assert_eq!(policy().require.sequence_gap, RecordOrRefuse::Record);
        let signed_by = |in_force: InForce, person: &str| InForce {
            signed_by: vec![person.to_owned()],
            ..in_force
        };
        let own = InForce::of_profile(Profile::Standard);
        let given = InForce::given(policy());
        for (in_force, gap, signers) in [
            (own.clone(), GapRule::Refuse, Some(0)),
            (signed_by(own, "ann"), GapRule::Record, Some(1)),
            (given.clone(), GapRule::Refuse, None),
            (signed_by(given, "ann"), GapRule::Record, Some(1)),
            (InForce::of_profile(Profile::Strict), GapRule::Refuse, Some(0)),
        ] {
            assert_eq!(in_force.gap_rule(), gap, "{in_force:?}");
            assert_eq!(in_force.signers().map(<[String]>::len), signers, "{in_force:?}");
        }
    }
}
