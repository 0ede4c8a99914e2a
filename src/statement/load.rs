//! Reading statements: each the one that state.db and the log name, and signed by whom its kind asks for.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Body, StatementError};
use crate::crypto::dsse::Envelope;
use crate::enclave::StatementFiles;
use crate::ledger::{Ledger, StatementRecord};
use crate::model::{Digest, Stop};
use crate::trust::{Kind, Revocations, Role, SignedBy, TrustError, TrustedRoot};

/// The kinds of statements.
const KINDS: [Kind; 6] = [
    Kind::Hold,
    Kind::Release,
    Kind::Tombstone,
    Kind::Renewal,
    Kind::Loss,
    Kind::Countersignature,
];

/// A statement that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// Its number, digest and time.
    pub record: StatementRecord,
    /// What it says.
    pub body: Body,
    /// Who signed it, sorted.
    pub persons: Vec<String>,
    /// With which keys, sorted.
    pub keys: Vec<String>,
}

impl Stated {
    fn new(record: StatementRecord, body: Body, signers: BTreeSet<SignedBy>) -> Self {
        Self {
            record,
            body,
            persons: persons(&signers),
            keys: signers.into_iter().map(|signer| signer.key.to_string()).collect(),
        }
    }

    /// How messages call it.
    pub fn subject(&self) -> String {
        subject(&self.record)
    }

    /// The objects that it says are removed.
    pub fn pruned_objects(&self) -> Vec<Digest> {
        match &self.body {
            Body::Tombstone(tombstone) => tombstone.objects().collect(),
            _ => Vec::new(),
        }
    }
}

/// The statements of an enclave.
#[derive(Debug, Default)]
pub struct Statements {
    stated: Vec<Stated>,
    // Those by keys that are revoked since, and why.
    lapsed: Vec<(Stated, String)>,
    refused: Vec<(StatementRecord, StatementError)>,
}

/// The role whose persons sign a kind of statement, as many as it asks for, or one where it is one person's word; `None`: one person with any role.
pub const fn role_of(kind: Kind) -> Option<Role> {
    match kind {
        Kind::Release | Kind::Loss => Some(Role::Trust),
        Kind::Tombstone | Kind::Renewal => Some(Role::Import),
        Kind::Countersignature => Some(Role::Approve),
        _ => None,
    }
}

/// The statements of an enclave's folder, as its memory names them.
pub fn of_enclave(
    enclave: &Path,
    ledger: &Ledger,
    roots: &[TrustedRoot],
    revocations: Option<&Revocations>,
) -> Result<Statements, Stop> {
    Statements::load(enclave, ledger.statements()?, roots, revocations)
}

impl Statements {
    /// Reads the statements that are named, and judges each.
    pub fn load(
        enclave: &Path,
        records: Vec<StatementRecord>,
        roots: &[TrustedRoot],
        revocations: Option<&Revocations>,
    ) -> Result<Self, Stop> {
        let files = StatementFiles::of(enclave);
        let mut this = Self::default();
        for record in records {
            let bytes = files.read(&record)?;
            match judge(&record, bytes.as_deref(), roots, revocations) {
                Ok(Judged { body, signers, lapsed }) => {
                    let stated = Stated::new(record, body, signers);
                    let Some(reason) = lapsed else {
                        this.stated.push(stated);
                        continue;
                    };
                    let error = StatementError::KeyRevoked { reason: reason.clone() };
                    this.refused.push((stated.record.clone(), error));
                    this.lapsed.push((stated, reason));
                }
                Err(error) => this.refused.push((record, error)),
            }
        }
        Ok(this)
    }

    /// Those that count.
    pub fn counting(&self) -> impl DoubleEndedIterator<Item = &Stated> {
        self.stated.iter()
    }

    /// Those that do not count any more because a key that signed them is revoked since, and why it is.
    pub fn lapsed(&self) -> impl Iterator<Item = (&Stated, &str)> {
        self.lapsed.iter().map(|(stated, reason)| (stated, reason.as_str()))
    }

    /// Those that do not count, and why.
    pub fn refused(&self) -> &[(StatementRecord, StatementError)] {
        &self.refused
    }

    /// Fails if one is missing or is not the one that was taken: what it held or told is not known. One whose key is revoked since only does not count.
    pub fn check(&self) -> Result<(), Stop> {
        let wrong = self
            .refused
            .iter()
            .filter(|(_, error)| !matches!(error, StatementError::KeyRevoked { .. }));
        let refusals: Vec<_> = wrong.map(|(record, error)| error.refusal(subject(record))).collect();
        if refusals.is_empty() {
            return Ok(());
        }
        Err(Stop::Refused(refusals))
    }
}

/// How messages call a statement.
pub(super) fn subject(record: &StatementRecord) -> String {
    format!("statement {} ({})", record.number, record.what)
}

fn persons(signers: &BTreeSet<SignedBy>) -> Vec<String> {
    let names: BTreeSet<&String> = signers.iter().map(|signer| &signer.person).collect();
    names.into_iter().cloned().collect()
}

/// A statement that is the one that was taken, and was signed as it should be.
struct Judged {
    body: Body,
    signers: BTreeSet<SignedBy>,
    // Why a key was revoked without which it does not count any more.
    lapsed: Option<String>,
}

fn judge(
    record: &StatementRecord,
    untrusted: Option<&[u8]>,
    roots: &[TrustedRoot],
    revocations: Option<&Revocations>,
) -> Result<Judged, StatementError> {
    let kind = KINDS.into_iter().find(|kind| kind.name() == record.what);
    let kind = kind.ok_or_else(|| StatementError::UnknownKind {
        what: record.what.clone(),
    })?;
    let envelope = Envelope::read(untrusted.ok_or(StatementError::Missing)?).map_err(TrustError::from)?;
    let found = Digest::of(&envelope.payload);
    if found != record.digest {
        return Err(StatementError::Differs {
            expected: record.digest,
            found,
        });
    }
    let (signers, lapsed) = signers(kind, &envelope, roots, revocations)?;
    match (body(kind, &envelope, roots), lapsed) {
        (Ok(body), lapsed) => Ok(Judged { body, signers, lapsed }),
        (Err(_), Some(reason)) => Err(StatementError::KeyRevoked { reason }),
        (Err(error), None) => Err(error),
    }
}

/// Counts who has signed, by the newest root that knows enough of them: somebody who has left since has signed it all the same. Says too why too few of
/// their keys are still good, where that is so.
fn signers(
    kind: Kind,
    envelope: &Envelope,
    roots: &[TrustedRoot],
    revocations: Option<&Revocations>,
) -> Result<(BTreeSet<SignedBy>, Option<String>), StatementError> {
    let mut newest = None;
    for root in roots.iter().rev() {
        match enough(kind, envelope, root) {
            Ok(_) if kind == Kind::Hold => {
                // Whoever loses a key must not thereby end a hold.
                return Ok((root.document().all_signers(kind, envelope)?, None));
            }
            Ok(all) => {
                let good = without_revoked(envelope, revocations);
                return Ok(match enough(kind, &good, root) {
                    Ok(good) => (good, None),
                    Err(_) => {
                        let reason = revoked(&all, revocations);
                        (all, Some(reason))
                    }
                });
            }
            Err(error) => newest = newest.or(Some(error)),
        }
    }
    let nobody = TrustError::NotEnough {
        kind,
        role: role_of(kind).unwrap_or(Role::Trust),
        threshold: 1,
        persons: Vec::new(),
    };
    Err(newest.unwrap_or(nobody).into())
}

/// The signers that a kind asks for, by one root.
fn enough(kind: Kind, envelope: &Envelope, root: &TrustedRoot) -> Result<BTreeSet<SignedBy>, TrustError> {
    let role = role_of(kind);
    let signers = match role {
        None => root.document().all_signers(kind, envelope)?,
        Some(role) if kind == Kind::Countersignature => root.document().signers(role, kind, envelope)?,
        Some(role) => {
            root.verify(role, kind, envelope)?;
            return root.document().signers(role, kind, envelope);
        }
    };
    if signers.is_empty() {
        return Err(TrustError::NotEnough {
            kind,
            role: role.unwrap_or(Role::Root),
            threshold: 1,
            persons: Vec::new(),
        });
    }
    Ok(signers)
}

fn without_revoked(envelope: &Envelope, revocations: Option<&Revocations>) -> Envelope {
    let mut good = envelope.clone();
    good.signatures
        .retain(|signature| revocations.is_none_or(|document| document.key(&signature.key_id).is_none()));
    good
}

fn revoked(signers: &BTreeSet<SignedBy>, revocations: Option<&Revocations>) -> String {
    signers
        .iter()
        .find_map(|signer| revocations?.key(&signer.key.to_string()))
        .map_or_else(String::new, |revocation| revocation.reason.clone())
}

fn body(kind: Kind, envelope: &Envelope, roots: &[TrustedRoot]) -> Result<Body, StatementError> {
    let body = Body::read(kind, &envelope.payload)?;
    if let Some(root) = roots.last() {
        let expected = *root.document().enclave.id.digest();
        if *body.enclave() != expected {
            return Err(StatementError::WrongEnclave {
                expected,
                found: *body.enclave(),
            });
        }
    }
    Ok(body)
}

/// Judges a copy of a statement that is kept apart from its enclave's log, by its signatures alone. When it was taken is not known: its own word stands for
/// that.
pub fn judge_alone(
    number: u64,
    kind: Kind,
    untrusted: Option<&[u8]>,
    roots: &[TrustedRoot],
    revocations: Option<&Revocations>,
) -> Result<Stated, StatementError> {
    let envelope = Envelope::read(untrusted.ok_or(StatementError::Missing)?).map_err(TrustError::from)?;
    let (signers, lapsed) = signers(kind, &envelope, roots, revocations)?;
    if let Some(reason) = lapsed {
        return Err(StatementError::KeyRevoked { reason });
    }
    let body = body(kind, &envelope, roots)?;
    let record = StatementRecord {
        number,
        what: kind.name().to_owned(),
        digest: Digest::of(&envelope.payload),
        time: *body.created(),
    };
    Ok(Stated::new(record, body, signers))
}

/// Judges a statement that is to be taken now, by the current root, with no key that is revoked. Gives who has signed it.
pub fn judge_new(
    envelope: &Envelope,
    kind: Kind,
    root: &TrustedRoot,
    revocations: Option<&Revocations>,
) -> Result<(Body, Vec<String>), StatementError> {
    let all = enough(kind, envelope, root)?;
    let good = enough(kind, &without_revoked(envelope, revocations), root).map_err(|_| StatementError::KeyRevoked {
        reason: revoked(&all, revocations),
    })?;
    let body = body(kind, envelope, std::slice::from_ref(root))?;
    Ok((body, persons(&good)))
}
