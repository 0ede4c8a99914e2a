//! Judges a bundle that a key signed which its owner keeps: the key is pinned, and log entries and timestamps are verified as far as a
//! pinned root knows who made them.

use super::anchor::{self, PinnedKey, PinnedRoot};
use super::library::{self, Bundle, Verified};
use super::parse::Shape;
use super::refusal::{Refusal, shown};
use super::statement::{Digests, Says, Statement, unreadable};
use super::verify::{Judge, Keys, any_subject, note_statement};
use crate::model::{Doubt, Fault, Finding, Level, Outcome, Signer, Timestamp};

impl Judge<'_> {
    /// Judges it.
    pub(crate) fn by_key(
        &self,
        shape: Shape,
        bundle: &Bundle,
        statement: Option<&Statement>,
        digests: &mut Digests<'_>,
        finding: &mut Finding,
    ) -> Result<(Level, String), Refusal> {
        let hint = shown(bundle.hint());
        finding.signers = vec![Signer::key(hint.clone(), None)];
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
        finding.signers = vec![Signer::key(
            pinned.name.clone().unwrap_or_else(|| key.fingerprint().to_string()),
            Some(anchor.name.clone()),
        )];
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
                // Bytes that cannot be read say nothing about a key.
                Err(refusal) if named || refusal == unreadable() => refusal,
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
                Err(refusal) if refusal == unreadable() => return Err(refusal),
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
}

const fn is_wrong(refusal: &Refusal) -> bool {
    matches!(refusal.outcome, Outcome::Contradicted(_))
}
