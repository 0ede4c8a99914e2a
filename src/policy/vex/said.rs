//! What signed statements say of one artifact, weighed against one advisory.

use serde::{Deserialize, Serialize};

use super::{VexStatus, lowers};
use crate::model::{Identity, Level, Signer, Timestamp};
use crate::policy::Verdict;
use crate::policy::advisory::Advised;
use crate::policy::signer::is_same;

/// A statement that somebody signed about an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VexSaid {
    /// Who signed it: statements of one author replace each other.
    pub author: Signer,
    /// How well the author is vouched for.
    pub level: Level,
    /// The document that it stands in.
    pub document: String,
    /// The names of the vulnerability.
    pub names: Vec<String>,
    /// What is said.
    pub status: VexStatus,
    /// Why it is not affected.
    pub justification: Option<String>,
    /// When it was said.
    pub time: Timestamp,
    /// Whether it is about exactly the artifact: only then may it lower something.
    pub is_exact: bool,
}

/// What a statement lowered, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lowered {
    /// Who signed the statement.
    pub by: String,
    /// The document that it stands in.
    pub document: String,
    /// What the rule would have made of the artifact.
    pub from: Verdict,
    /// Why it is not affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// The same as `by`, for whoever asks what rests on a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<Signer>,
    /// When it was said.
    pub stated: Timestamp,
    /// `not_affected` or `fixed`.
    pub status: String,
}

/// What all statements together say of an advisory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer<'s> {
    /// None that counts is about it, or none lowers it.
    Nothing,
    /// This one says that the artifact is not affected, or mended.
    Lowers(&'s VexSaid),
    /// One does, and this one of somebody else says that the artifact is affected.
    Disputed(&'s VexSaid),
}

impl VexSaid {
    fn is_about(&self, advised: &Advised) -> bool {
        let is = |name: &str| self.names.iter().any(|own| own.eq_ignore_ascii_case(name));
        is(&advised.id) || advised.aliases.iter().any(|alias| is(alias))
    }

    fn lowers(&self, now: Timestamp) -> bool {
        // What is dated ahead was not said yet.
        self.is_exact && self.time <= now && lowers(self.status, self.justification.as_deref())
    }

    /// Who signed it, in words.
    pub(crate) fn by(&self) -> String {
        match &self.author {
            Signer::Key {
                fingerprint,
                owner: Some(owner),
                ..
            } => format!("key {fingerprint} of {owner}"),
            Signer::Key {
                fingerprint,
                owner: None,
                ..
            } => format!("key {fingerprint}"),
            Signer::Certificate { subject, issuer, .. } => format!("certificate of {subject}, issued by {issuer}"),
            Signer::Identity(Identity { subject, issuer, .. }) => format!("{subject} ({issuer})"),
        }
    }
}

/// Weighs the statements about an advisory. Of one author only the latest counts, and of several of one time the one that lowers least; what one
/// author calls affected, no other clears.
pub(crate) fn answer<'s>(said: &'s [VexSaid], advised: &Advised, now: Timestamp) -> Answer<'s> {
    let about: Vec<&VexSaid> = said
        .iter()
        .filter(|said| said.level >= Level::Publisher && said.is_about(advised))
        .collect();
    let latest: Vec<&VexSaid> = about
        .iter()
        .copied()
        .filter(|one| {
            !about
                .iter()
                .any(|other| other.time > one.time && is_same(&one.author, &other.author))
        })
        .collect();
    let lowering = latest.iter().copied().filter(|one| {
        let mut own = latest.iter().filter(|other| is_same(&one.author, &other.author));
        own.all(|other| other.lowers(now))
    });
    // The same one whatever their order.
    let Some(lowering) = lowering.max_by_key(|one| (one.time, &one.document, one.by(), one.status)) else {
        return Answer::Nothing;
    };
    let against = latest.iter().copied().filter(|one| one.status == VexStatus::Affected);
    match against.max_by_key(|one| (one.time, &one.document, one.by())) {
        Some(against) => Answer::Disputed(against),
        None => Answer::Lowers(lowering),
    }
}
