//! Judges signatures: first each for itself, against every pinned certificate; then, for an artifact, whether who signed counts.

use super::anchor::{Keyring, Pinned};
use super::error::Error;
use super::hashes::Hashes;
use super::key::{self, Made, Unmade};
use super::sequoia::{Mode, Signature};
use super::strength::Strength;
use crate::evidence::{Context, outside};
use crate::model::{
    Anchor, Artifact, Content, Doubt, Fault, Finding, Level, Outcome, SignedAt, Signer, TimeSource, Timestamp,
};

/// Signatures over one message, each checked, to be asked about artifacts.
#[derive(Debug)]
pub(crate) struct Signatures {
    checked: Vec<Checked>,
}

/// One signature.
#[derive(Debug, Clone)]
struct Checked {
    /// Whether it is good by a pinned certificate. The level is the anchors' to say.
    state: State,
    reason: String,
    /// The certificate's fingerprint, or what the signature says about its issuer.
    signer: Option<String>,
    owner: Option<String>,
    /// The signing key, where it is not the primary one.
    key: Option<String>,
    algorithm: Option<String>,
    created: Option<Timestamp>,
    notes: Vec<String>,
    /// The places of the anchors that pin the certificate.
    anchors: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Wrong(Fault),
    Open(Doubt),
}

/// What is asked about signatures.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The id of the kind that asks.
    pub(crate) kind: &'a str,
    /// For which artifact.
    pub(crate) artifact: &'a Artifact,
    /// With what.
    pub(crate) context: &'a Context<'a>,
    /// Who signs proofs of that kind.
    pub(crate) signs: Signs,
    /// What further is asked of an anchor, such as the index's suite: why it does not count.
    pub(crate) refuses: &'a dyn Fn(&Anchor) -> Option<String>,
}

/// Who signs proofs of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signs {
    /// Whomever the anchor speaks for.
    AsAnchored,
    /// A registry or distribution, whatever the anchor says.
    Registry,
}

/// Refuses anchors that count for the indexes of some suites only: for proofs that are no index.
pub(crate) fn suites_only(anchor: &Anchor) -> Option<String> {
    (!anchor.suites.is_empty()).then(|| "it counts for signed indexes only".to_owned())
}

impl Signatures {
    /// Checks signatures over a message that is read once. `None` for no anchor.
    pub(super) fn check(
        signatures: &[Signature],
        allowed: Allowed,
        message: &mut dyn Content,
        context: &Context<'_>,
    ) -> Result<Option<Self>, Error> {
        let Some(keyring) = Keyring::of(context) else {
            return Ok(None);
        };
        let mut distinct: Vec<&Signature> = Vec::new();
        for signature in signatures {
            if !distinct.iter().any(|known| known.same(signature)) {
                distinct.push(signature);
            }
        }
        let candidates: Vec<Result<Candidate<'_>, Checked>> = distinct
            .into_iter()
            .map(|signature| candidate(signature, allowed, &keyring, context.now))
            .collect();
        let hashed = candidates
            .iter()
            .flatten()
            .map(|candidate| (candidate.signature, candidate.mode));
        let hashes = Hashes::of(message, hashed)?;
        let checked = candidates
            .into_iter()
            .map(|candidate| match candidate {
                Ok(candidate) => candidate.check(&hashes, allowed),
                Err(checked) => checked,
            })
            .collect();
        Ok(Some(Self { checked }))
    }

    /// Whether a pinned certificate made one of them, whatever its anchor's scope: then the message may be read.
    pub(crate) fn any_good(&self) -> bool {
        self.checked.iter().any(|checked| checked.state == State::Good)
    }

    /// One finding for each, but a certificate that signed well twice counts once.
    pub(crate) fn findings(&self, question: &Question<'_>) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for checked in &self.checked {
            let finding = checked.finding(question);
            let certificate = |finding: &Finding| {
                finding
                    .signers
                    .first()
                    .and_then(|signer| signer.keys().next().map(str::to_owned))
            };
            let again = finding.is_confirmed()
                && findings
                    .iter()
                    .any(|known| known.is_confirmed() && certificate(known) == certificate(&finding));
            if !again {
                findings.push(finding);
            }
        }
        findings
    }
}

/// What forms of signatures a message may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Signed text: text signatures, over lines whose ends the frame already made alike.
    Cleartext,
    /// Bytes. A text signature counts only if no carriage return lets it fit other bytes as well.
    Bytes,
}

/// A signature by some pinned certificate, as it says.
struct Candidate<'s> {
    signature: &'s Signature,
    mode: Mode,
    pinned: Vec<Pinned>,
    template: Checked,
}

/// Everything that can be said before the message is hashed.
fn candidate<'s>(
    signature: &'s Signature,
    allowed: Allowed,
    keyring: &Keyring,
    now: Timestamp,
) -> Result<Candidate<'s>, Checked> {
    let mut template = Checked {
        state: State::Good,
        reason: String::new(),
        signer: None,
        owner: None,
        key: None,
        algorithm: None,
        created: None,
        notes: Vec::new(),
        anchors: Vec::new(),
    };
    let Some(claimed) = signature.claimed() else {
        return Err(template.ending(
            State::Open(Doubt::UnknownFormat),
            "a signature has a version or form that is not known here".to_owned(),
        ));
    };
    template.algorithm = Some(claimed.algorithm.clone());
    template.created = claimed.created;
    if claimed.issuers.is_empty() {
        return Err(template.ending(
            State::Open(Doubt::UnknownSigner),
            "the signature does not say whose it is".to_owned(),
        ));
    }
    let issuer = claimed.issuers.text();
    template.signer = Some(issuer.clone());
    let pinned = keyring.find(&claimed.issuers);
    let Some(first) = pinned.first() else {
        return Err(template.ending(
            State::Open(Doubt::UnknownSigner),
            format!("signed by key {issuer}, which no anchor pins"),
        ));
    };
    template.signer = Some(first.fingerprint.clone());
    template.anchors = pinned
        .iter()
        .flat_map(|pinned| pinned.anchors.iter().copied())
        .collect();
    // RFC 9580 §5.2.1: over a document.
    let mode = match (claimed.mode, allowed) {
        (Some(mode), Allowed::Bytes) => mode,
        // RFC 9580 §7: signed text is signed as text; GnuPG's readers take no other.
        (Some(Mode::Text), Allowed::Cleartext) => Mode::Text,
        _ => {
            return Err(template.ending(
                State::Wrong(Fault::Malformed),
                format!("the signature by key {issuer} is not over a document of this form"),
            ));
        }
    };
    match claimed.strength {
        Strength::Enough => {}
        Strength::Weak(why) => {
            return Err(template.ending(
                State::Wrong(Fault::Weak),
                format!("the signature by key {issuer} proves nothing: {why}"),
            ));
        }
        Strength::Unknown => {
            let reason = format!(
                "the signature by key {issuer} is {}, which is not verified here",
                claimed.algorithm
            );
            return Err(template.ending(State::Open(Doubt::UnknownAlgorithm), reason));
        }
    }
    if let Some(what) = claimed.unknown_critical {
        return Err(template.ending(
            State::Open(Doubt::UnknownFormat),
            format!("the signature by key {issuer} must not be believed without acting on its {what}, which is not known here"),
        ));
    }
    // RFC 9580 §5.2.3.11: signed in the future; §5.2.3.18: no longer counting.
    if let Some(created) = claimed.created {
        if created > now {
            return Err(template.ending(
                State::Wrong(Fault::TimeWrong),
                format!("the signature by key {issuer} says {created}, which is not yet; it is {now}"),
            ));
        }
        let end = claimed
            .valid_seconds
            .and_then(|seconds| i64::try_from(seconds).ok())
            .map(|seconds| created.plus_seconds(seconds));
        if let Some(end) = end.filter(|end| *end <= now) {
            return Err(template.ending(
                State::Wrong(Fault::Expired),
                format!("the signature by key {issuer} counted until {end}; it is {now}"),
            ));
        }
    }
    Ok(Candidate {
        signature,
        mode,
        pinned,
        template,
    })
}

impl Candidate<'_> {
    fn check(self, hashes: &Hashes, allowed: Allowed) -> Checked {
        let mut template = self.template;
        if self.mode == Mode::Text && allowed == Allowed::Bytes && hashes.has_carriage_return() {
            return template.ending(
                State::Open(Doubt::UnknownFormat),
                "a text signature leaves line ends open, and the file has carriage returns".to_owned(),
            );
        }
        let mut last = None;
        for pinned in self.pinned {
            template.signer = Some(pinned.fingerprint.clone());
            template.anchors.clone_from(&pinned.anchors);
            match key::check(self.signature, self.mode, hashes, &pinned.certificate) {
                Ok(made) => return template.good(made, &pinned.fingerprint),
                Err(Unmade::Wrong(fault, reason)) => last = Some(template.clone().ending(State::Wrong(fault), reason)),
                Err(Unmade::UnknownAlgorithm(name)) => {
                    last = Some(template.clone().ending(
                        State::Open(Doubt::UnknownAlgorithm),
                        format!("{name} is not verified here"),
                    ));
                }
            }
        }
        last.unwrap_or(template)
    }
}

impl Checked {
    fn ending(mut self, state: State, reason: String) -> Self {
        self.state = state;
        self.reason = reason;
        self
    }

    fn good(mut self, made: Made, certificate: &str) -> Self {
        self.state = State::Good;
        self.key = (made.key != certificate).then_some(made.key);
        self.owner = made.owner;
        self.algorithm = Some(made.algorithm);
        self.notes = made.notes;
        self
    }

    /// What it says about an artifact.
    fn finding(&self, question: &Question<'_>) -> Finding {
        let Question {
            kind,
            artifact,
            context,
            ..
        } = *question;
        if self.anchors.is_empty() {
            let outcome = match self.state {
                State::Open(doubt) => Outcome::Undecided(doubt),
                State::Wrong(fault) => Outcome::Contradicted(fault),
                // Nothing is good by an anchor that is not there.
                State::Good => Outcome::Undecided(Doubt::UnknownSigner),
            };
            return self.complete(Finding::new(kind, outcome, self.reason.clone()));
        }
        // An anchor that does not count here makes its key nobody's: neither good nor bad.
        let mut counting: Vec<&Anchor> = Vec::new();
        let mut refused = None;
        for anchor in self.anchors.iter().filter_map(|place| context.anchors.get(*place)) {
            match self.refusal(anchor, question) {
                None => counting.push(anchor),
                Some(finding) => {
                    refused.get_or_insert(finding);
                }
            }
        }
        let Some(level) = counting.iter().map(|anchor| anchor.speaks_for.level()).max() else {
            let finding = refused.unwrap_or_else(|| {
                Finding::undecided(
                    kind,
                    Doubt::UnknownSigner,
                    "signed by a key that no anchor pins".to_owned(),
                )
            });
            return self.complete(finding);
        };
        let mut finding = match self.state {
            State::Wrong(fault) => Finding::contradicted(kind, fault, self.reason.clone()),
            State::Open(doubt) => Finding::undecided(kind, doubt, self.reason.clone()),
            State::Good => {
                let level = match question.signs {
                    Signs::AsAnchored => level,
                    Signs::Registry => Level::Registry,
                };
                let names: Vec<&str> = counting.iter().map(|anchor| anchor.name.as_str()).collect();
                let signer = self.owner.as_deref().or(self.signer.as_deref()).unwrap_or_default();
                Finding::confirmed(
                    kind,
                    level,
                    format!("{artifact}: signed by {signer}, pinned by `{}`", names.join("`, `")),
                )
            }
        };
        finding.anchors = counting.iter().map(|anchor| anchor.name.clone()).collect();
        self.complete(finding)
    }

    fn refusal(&self, anchor: &Anchor, question: &Question<'_>) -> Option<Finding> {
        let Question {
            kind,
            artifact,
            context,
            ..
        } = *question;
        // Nothing proves the time, so the time of judging counts; and what the signer claims must not lie outside either.
        outside(kind, anchor, artifact, context.now)
            .or_else(|| outside(kind, anchor, artifact, self.created.unwrap_or(context.now)))
            .or_else(|| {
                let why = (question.refuses)(anchor)?;
                Some(Finding::undecided(
                    kind,
                    Doubt::OutOfScope,
                    format!("signed by what anchor `{}` pins, but {why}", anchor.name),
                ))
            })
    }

    fn complete(&self, mut finding: Finding) -> Finding {
        if let Some(fingerprint) = &self.signer {
            finding.signers.push(Signer::Key {
                fingerprint: fingerprint.clone(),
                owner: self.owner.clone(),
                subkey: self.key.clone(),
            });
        }
        finding.signed_at = self.created.map(|time| SignedAt {
            time,
            source: TimeSource::Signer,
        });
        finding.algorithm.clone_from(&self.algorithm);
        finding.notes.extend(self.notes.iter().cloned());
        finding
    }
}
