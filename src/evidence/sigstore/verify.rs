//! Judges one bundle: format, log and time, chain, signature, subject, identity, in this order (`sigstore-client-spec`, "Verification").
//!
//! Of a pinned root everything is asked that it can answer: one with transparency logs asks for an entry, one with logs of
//! certificates for a certificate's promise, and only one without logs (an instance with timestamp authorities alone) is content
//! without. What each proof reaches:
//!
//! | signer | log | statement | level |
//! |---|---|---|---|
//! | pinned identity | inclusion proof, proven time | provenance, publication | `provenance` |
//! | pinned identity | inclusion proof, proven time | none, another | `publisher` |
//! | pinned identity | promise alone, or a root without logs | any | `publisher` |
//! | pinned key | any | any | what the anchor speaks for |
//! | any of them | any | a verdict that is not good | `none` |
//!
//! An identity pinned as a registry's reaches `registry` at most.

use std::sync::Arc;

use serde_json::Value;

use super::anchor::{self, PinnedRoot};
use super::library::{self, Bundle, Root, Verified};
use super::parse::{self, Trust};
use super::refusal::{Refusal, settled, shown};
use super::statement::{Comparison, Digests, Says, Statement, Subject};
use super::{authority, identity};
use crate::evidence::Context;
use crate::model::{Anchor, Doubt, Finding, Level, LogProof, SignedAt, Signer, SpeaksFor, TimeSource, Timestamp};

/// What a kind expects of a bundle beyond its being good.
pub(crate) struct Rules {
    /// The kind's id.
    pub(crate) id: &'static str,
    /// Checks that the statement is about the artifact, and claims what this kind is for.
    pub(crate) statement: fn(&Statement, &mut Digests<'_>) -> Result<(), Refusal>,
    /// Whether a signature over the artifact itself counts.
    pub(crate) takes_messages: bool,
    /// Who may sign what.
    pub(crate) keys: Keys,
}

/// Whose keys, beside identities, a kind knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Any that the site pinned.
    Pinned,
    /// A registry's, for the statements of this kind, which nobody else signs.
    Registry(&'static str),
    /// Nobody's.
    None,
}

/// What judging is done with.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    /// What the kind expects.
    pub(crate) rules: &'static Rules,
    /// What the site brings.
    pub(crate) context: &'a Context<'a>,
}

impl Judge<'_> {
    /// Judges one bundle for one artifact.
    pub(crate) fn judge(&self, untrusted: &Value, digests: &mut Digests<'_>) -> Finding {
        let mut finding = Finding::undecided(self.rules.id, Doubt::Incomplete, String::new());
        let came_to = self.examine(untrusted, digests, &mut finding);
        settled(finding, came_to)
    }

    fn examine(
        &self,
        untrusted: &Value,
        digests: &mut Digests<'_>,
        finding: &mut Finding,
    ) -> Result<(Level, String), Refusal> {
        let shape = parse::shape(untrusted)?;
        let bundle = Bundle::read(untrusted)?;
        let statement = bundle
            .payload()
            .map(|(kind, payload)| Statement::read(kind, payload))
            .transpose()?;
        match &statement {
            Some(statement) => finding.claims = statement.claims(),
            None if self.rules.takes_messages => digests.check_message(&bundle)?,
            None => {
                return Err(Refusal::doubt(
                    Doubt::UnknownFormat,
                    "a signature over bytes, where this kind holds statements",
                ));
            }
        }
        if shape.trust == Trust::Key {
            self.by_key(shape, &bundle, statement.as_ref(), digests, finding)
        } else {
            self.by_identity(&bundle, statement.as_ref(), digests, finding)
        }
    }

    fn by_identity(
        &self,
        bundle: &Bundle,
        statement: Option<&Statement>,
        digests: &mut Digests<'_>,
        finding: &mut Finding,
    ) -> Result<(Level, String), Refusal> {
        let artifact = digests.artifact();
        if let (Keys::Registry(registry), Some(statement)) = (self.rules.keys, statement)
            && statement.predicate_type == registry
        {
            return Err(Refusal::doubt(
                Doubt::UnknownFormat,
                "a statement that the registry signs with its key, signed by a certificate",
            ));
        }
        let first = bundle.certificates().first().copied().unwrap_or_default();
        let certificate = identity::certificate(first)?;
        let named = identity::of(&certificate);
        finding.signers = vec![match &named {
            Ok(identity) => Signer::Identity(identity.clone()),
            Err(_) => identity::certificate_signer(&certificate),
        }];
        let key = authority::key_of(&certificate)?;
        finding.algorithm = Some(library::algorithm(bundle, &key).to_owned());

        let roots = anchor::roots(self.context);
        if let Some(refusal) = anchor::none_usable(&roots) {
            return Err(refusal);
        }
        let subject = statement.map(any_subject).transpose()?;
        let mut best: Option<Refusal> = None;
        let mut found: Option<(&Anchor, Arc<Root>, Verified)> = None;
        for PinnedRoot { anchor, root } in roots {
            let verified = root.and_then(|root| {
                root.knows(bundle)?;
                let verified = root.verify_identity(bundle, subject.clone(), digests, self.context.now)?;
                let times = verified.times.iter().map(|(time, _)| *time);
                anchor::check_bounds(self.rules.id, anchor, artifact, times)?;
                Ok((root, verified))
            });
            match verified {
                Ok((root, verified)) => {
                    found = Some((anchor, root, verified));
                    break;
                }
                Err(refusal) if best.as_ref().is_none_or(|best| best.weight() < refusal.weight()) => {
                    best = Some(refusal);
                }
                Err(_) => {}
            }
        }
        let Some((root_anchor, root, verified)) = found else {
            return Err(best.unwrap_or_else(|| Refusal::doubt(Doubt::NoAnchor, "no Sigstore trusted root is pinned")));
        };
        self.note_verified(&verified, finding)?;
        finding.anchors.push(root_anchor.name.clone());
        if !root.has_logs() {
            finding.notes.push("the pinned root has no transparency log".to_owned());
        }
        if !root.has_certificate_logs() {
            finding
                .notes
                .push("the pinned root has no log of certificates".to_owned());
        }
        if let Some(statement) = statement {
            (self.rules.statement)(statement, digests)?;
        }
        let identity = named?;
        let times: Vec<Timestamp> = verified.times.iter().map(|(time, _)| *time).collect();
        let pin = anchor::pin(self.rules.id, &identity, artifact, &times, self.context)?;
        finding.anchors.push(pin.name.clone());
        if anchor::pins_builder_alone(pin, &identity) {
            finding.notes.push(
                "the anchor pins a workflow of another repository than the source's: whoever uses it fits".to_owned(),
            );
        }
        let level = level_of(statement, &verified, finding).min(match pin.speaks_for {
            SpeaksFor::Registry => Level::Registry,
            SpeaksFor::Publisher => Level::Provenance,
        });
        let what = match statement.map(Statement::says) {
            Some(Says::BadVerdict) => "states a verdict that is not good",
            Some(_) => "stated it",
            None => "signed it",
        };
        Ok((
            level,
            format!(
                "{}, whom anchor `{}` pins, {what}",
                shown(&identity.to_string()),
                pin.name
            ),
        ))
    }

    /// Writes down what was verified, and refuses what was signed after the time at which is judged.
    pub(crate) fn note_verified(&self, verified: &Verified, finding: &mut Finding) -> Result<(), Refusal> {
        finding.signed_at = verified.times.first().map(|(time, source)| SignedAt {
            time: *time,
            source: *source,
        });
        finding.log.clone_from(&verified.log);
        if verified.log.as_ref().is_some_and(|log| log.proof == LogProof::Promise) {
            finding
                .notes
                .push("the log promised to include it; no inclusion proof was there to check".to_owned());
        }
        match verified.times.iter().find(|(time, _)| *time > self.context.now) {
            Some((time, _)) => Err(Refusal::doubt(
                Doubt::NoProvenTime,
                library::later_than_now(*time, self.context.now),
            )),
            None => Ok(()),
        }
    }
}

fn level_of(statement: Option<&Statement>, verified: &Verified, finding: &mut Finding) -> Level {
    let included = verified
        .log
        .as_ref()
        .is_some_and(|log| log.proof == LogProof::Inclusion);
    let proven = verified
        .times
        .iter()
        .any(|(_, source): &(_, TimeSource)| source.is_proven());
    let Some(statement) = statement else {
        return Level::Publisher;
    };
    note_statement(statement, finding);
    match statement.says() {
        Says::BadVerdict => Level::None,
        Says::Origin if included && proven => Level::Provenance,
        Says::Origin | Says::Signed | Says::Else => Level::Publisher,
    }
}

/// Says of a statement what is weaker than usual.
pub(crate) fn note_statement(statement: &Statement, finding: &mut Finding) {
    let note = match statement.says() {
        Says::Else => format!(
            "its statement (`{}`) says nothing about the artifact's origin",
            shown(&statement.predicate_type)
        ),
        Says::BadVerdict => "its statement is a verdict that is not good".to_owned(),
        Says::Origin | Says::Signed => return,
    };
    finding.notes.push(note);
}

/// A digest of the statement's own, for the library to compare with the statement; the artifact is compared by the kind's rules.
pub(crate) fn any_subject(statement: &Statement) -> Result<library::SubjectDigest, Refusal> {
    statement
        .subjects
        .iter()
        .flat_map(|subject| &subject.digests)
        .find_map(|(algorithm, value)| library::subject_digest(algorithm, value))
        .ok_or_else(|| {
            Refusal::doubt(
                Doubt::UnknownAlgorithm,
                "the statement names its subject by digests that are too weak or not known here",
            )
        })
}

/// The statement is about the artifact, by digest; names are not compared.
pub(crate) fn by_digest(statement: &Statement, digests: &mut Digests<'_>) -> Result<(), Refusal> {
    digests.find(statement).map(|_: &Subject| ())
}

/// The statement's one subject is the artifact, by digest.
pub(crate) fn only_by_digest<'s>(statement: &'s Statement, digests: &mut Digests<'_>) -> Result<&'s Subject, Refusal> {
    let subject = statement.only_subject()?;
    match digests.compare(subject)? {
        Comparison::Same => Ok(subject),
        Comparison::Differs | Comparison::Unknown => digests.find(statement),
    }
}
