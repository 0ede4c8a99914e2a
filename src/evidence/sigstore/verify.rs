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

use super::anchor::{self, PinnedKey, PinnedRoot};
use super::library::{self, Bundle, Root, Verified};
use super::parse::{self, Shape, Trust};
use super::refusal::{Refusal, shown};
use super::statement::{Comparison, Digests, Says, Statement, Subject};
use super::{authority, identity};
use crate::evidence::Context;
use crate::model::{
    Anchor, Doubt, Fault, Finding, Level, LogProof, Outcome, SignedAt, Signer, SpeaksFor, TimeSource, Timestamp,
};

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
        match self.examine(untrusted, digests, &mut finding) {
            Ok((level, reason)) => {
                finding.outcome = Outcome::Confirmed(level);
                finding.reason = reason;
            }
            Err(refusal) => {
                finding.outcome = refusal.outcome;
                finding.reason = refusal.reason;
            }
        }
        finding
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

    fn by_key(
        &self,
        shape: Shape,
        bundle: &Bundle,
        statement: Option<&Statement>,
        digests: &mut Digests<'_>,
        finding: &mut Finding,
    ) -> Result<(Level, String), Refusal> {
        let hint = shown(bundle.hint());
        finding.signers = vec![Signer::Key {
            fingerprint: hint.clone(),
            owner: None,
        }];
        let pinned = match self.rules.keys {
            Keys::Pinned => anchor::keys(self.context),
            Keys::Registry(kind) => {
                if statement.is_none_or(|statement| statement.predicate_type != kind) {
                    return Err(Refusal::doubt(
                        Doubt::UnknownFormat,
                        "a key signed what this registry signs by no key",
                    ));
                }
                super::npm::keys(self.context)
            }
            Keys::None => {
                return Err(Refusal::doubt(
                    Doubt::UnknownFormat,
                    "signed by a key, where this kind knows identities alone",
                ));
            }
        };
        let pinned = self.signing_key(pinned, bundle, digests)?;
        let (anchor, key) = (pinned.anchor, &pinned.key);
        finding.signers = vec![Signer::Key {
            fingerprint: pinned.name.clone().unwrap_or_else(|| key.fingerprint().to_string()),
            owner: Some(anchor.name.clone()),
        }];
        finding.algorithm = Some(library::algorithm(bundle, key).to_owned());
        finding.notes.extend(pinned.note.map(str::to_owned));

        let verified = self.log_of_key(shape, bundle, statement, &pinned, digests, finding)?;
        self.note_verified(&verified, finding)?;
        if let Some(statement) = statement {
            (self.rules.statement)(statement, digests)?;
        }
        let mut times: Vec<Timestamp> = verified.times.iter().map(|(time, _)| *time).collect();
        if times.is_empty() {
            finding.notes.push("nothing proves when it was signed".to_owned());
            times.push(self.context.now);
        }
        self.check_key_window(&pinned, &times, verified.times.is_empty())?;
        anchor::check_bounds(self.rules.id, anchor, digests.artifact(), times)?;
        finding.anchors.insert(0, anchor.name.clone());
        let level = match (self.rules.keys, statement.map(Statement::says)) {
            (_, Some(Says::BadVerdict)) => Level::None,
            (Keys::Registry(_), _) => Level::Registry,
            _ => anchor.speaks_for.level(),
        };
        if let Some(statement) = statement {
            note_statement(statement, finding);
        }
        Ok((level, format!("signed by the key that anchor `{}` pins", anchor.name)))
    }

    /// Finds the pinned key that made the signature.
    fn signing_key<'p>(
        &self,
        pinned: Vec<PinnedKey<'p>>,
        bundle: &Bundle,
        digests: &mut Digests<'_>,
    ) -> Result<PinnedKey<'p>, Refusal> {
        let artifact = digests.artifact();
        let hint = bundle.hint();
        if pinned.is_empty() {
            return Err(Refusal::doubt(
                Doubt::NoAnchor,
                format!("signed by a key (hint `{}`), and no key is pinned", shown(hint)),
            ));
        }
        let mut best = Refusal::doubt(
            Doubt::UnknownSigner,
            format!("signed by a key that is not pinned (hint `{}`)", shown(hint)),
        );
        for candidate in pinned {
            let named = candidate.is_named(hint);
            if candidate.name.is_some() && !named {
                // A registry's key counts under its own name only.
                continue;
            }
            let refusal = match candidate.key.verify_bundle(bundle, digests) {
                Ok(()) if candidate.anchor.covers(&artifact.ecosystem, &artifact.name) => return Ok(candidate),
                Ok(()) => match anchor::check_bounds(self.rules.id, candidate.anchor, artifact, [self.context.now]) {
                    Err(refusal) => refusal,
                    Ok(()) => return Ok(candidate),
                },
                Err(refusal) if named => refusal,
                Err(_) => continue,
            };
            if best.weight() < refusal.weight() {
                best = refusal;
            }
        }
        Err(best)
    }

    /// Verifies the log entries and timestamps of what a pinned key signed, if there are any and a root knows who made them.
    fn log_of_key(
        &self,
        shape: Shape,
        bundle: &Bundle,
        statement: Option<&Statement>,
        pinned: &PinnedKey<'_>,
        digests: &mut Digests<'_>,
        finding: &mut Finding,
    ) -> Result<Verified, Refusal> {
        let unlogged = Verified {
            times: Vec::new(),
            log: None,
        };
        if shape.entries == 0 {
            finding.notes.push("no transparency log has it".to_owned());
            return Ok(unlogged);
        }
        let artifact = digests.artifact();
        let subject = statement.map(any_subject).transpose()?;
        let mut best: Option<Refusal> = None;
        for PinnedRoot { anchor, root } in anchor::roots(self.context) {
            let verified = root.and_then(|root| {
                root.knows_logs(bundle)?;
                let stamped = root.knows_stampers(bundle).is_ok();
                let stripped;
                let bundle = if stamped {
                    bundle
                } else {
                    stripped = bundle.without_timestamps();
                    &stripped
                };
                let verified = root.verify_key(bundle, &pinned.key, subject.clone(), digests, self.context.now)?;
                let times = verified.times.iter().map(|(time, _)| *time);
                anchor::check_bounds(self.rules.id, anchor, artifact, times)?;
                Ok((stamped, verified))
            });
            match verified {
                Ok((stamped, verified)) => {
                    finding.anchors.push(anchor.name.clone());
                    if !stamped {
                        finding.notes.push(
                            "its timestamp is by an authority that no pinned root has, and was not checked".to_owned(),
                        );
                    }
                    return Ok(verified);
                }
                Err(refusal) if best.as_ref().is_none_or(|best| best.weight() < refusal.weight()) => {
                    best = Some(refusal);
                }
                Err(_) => {}
            }
        }
        match best {
            // What is wrong counts, although the key alone would do: somebody tampered with it. A clock that is behind decides nothing.
            Some(refusal) if refusal.outcome != Outcome::Undecided(Doubt::NoProvenTime) && !is_wrong(&refusal) => {
                finding
                    .notes
                    .push(format!("its log entry was not checked: {}", refusal.reason));
                Ok(unlogged)
            }
            Some(refusal) => Err(refusal),
            None => {
                finding
                    .notes
                    .push("its log entry was not checked: no Sigstore trusted root is pinned".to_owned());
                Ok(unlogged)
            }
        }
    }

    /// The registry's own window of a key, at every proven time, or now where nothing is proven.
    fn check_key_window(&self, pinned: &PinnedKey<'_>, times: &[Timestamp], unproven: bool) -> Result<(), Refusal> {
        let name = pinned.name.as_deref().unwrap_or("the key");
        for time in times {
            let outside = if pinned.valid_until.is_some_and(|until| *time > until) {
                format!("{name} had ended at {time}")
            } else if pinned.valid_from.is_some_and(|from| *time < from) {
                format!("{name} had not begun at {time}")
            } else {
                continue;
            };
            return Err(if unproven {
                Refusal::doubt(
                    Doubt::NoProvenTime,
                    format!("{outside}, and nothing proves when it was signed"),
                )
            } else {
                Refusal::wrong(Fault::NotValidThen, outside)
            });
        }
        Ok(())
    }

    /// Writes down what was verified, and refuses what was signed after the time at which is judged.
    fn note_verified(&self, verified: &Verified, finding: &mut Finding) -> Result<(), Refusal> {
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

const fn is_wrong(refusal: &Refusal) -> bool {
    matches!(refusal.outcome, Outcome::Contradicted(_))
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

fn note_statement(statement: &Statement, finding: &mut Finding) {
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
fn any_subject(statement: &Statement) -> Result<library::SubjectDigest, Refusal> {
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
