//! Revocations: what this site no longer believes, as one signed, versioned document (`bundle-spec/trust-data.md` §3).

use serde::{Deserialize, Serialize};

use super::TrustError;
use crate::crypto::strict_json::{self, Critical, Extensions};
use crate::model::{
    Artifact, Digest, Doubt, Fault, Finding, IdentityPattern, Level, Outcome, PatternError, Signer, Timestamp,
    names_key, plain_fingerprint,
};

/// More than a site ever revokes; a document of that many still fits an envelope.
pub const MAX_REVOCATIONS: usize = 5000;

/// A reason is a sentence.
const MAX_REASON_BYTES: usize = 500;

/// What this site no longer believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocations {
    /// When it was written. A policy bounds its age.
    pub created: Timestamp,
    /// What a reader must know.
    pub critical: Critical,
    /// Facts that decide nothing.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub ext: Extensions,
    /// What is revoked, in any order. What was once listed stays listed.
    pub revoked: Vec<Revocation>,
    /// From 1; each next document has a higher one.
    pub version: u64,
}

/// One thing that is no longer believed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Since when: what was provably signed before still stands. Without it nothing stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_since: Option<Timestamp>,
    /// Why, in words.
    pub reason: String,
    /// What.
    pub what: Revoked,
}

/// What can be revoked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Revoked {
    /// A key, by the fingerprint that findings show.
    Key(String),
    /// A certificate, by the SHA-256 that findings show.
    Certificate(String),
    /// An identity.
    Identity(IdentityPattern),
    /// A bundle, by its manifest's digest.
    Bundle(Digest),
    /// An artifact's bytes.
    Artifact(Digest),
}

impl Revocations {
    /// A document that revokes nothing.
    pub fn empty(version: u64, created: Timestamp) -> Self {
        Self {
            created,
            critical: Critical,
            ext: Extensions::default(),
            revoked: Vec::new(),
            version,
        }
    }

    /// Reads a document and checks its rules. Who signed it is not looked at.
    pub fn read(untrusted_payload: &[u8]) -> Result<Self, TrustError> {
        let this: Self = strict_json::read(untrusted_payload)?;
        this.check()?;
        Ok(this)
    }

    /// Writes the payload that is signed. Fails where [`Revocations::read`] would.
    pub fn write(&self) -> Result<Vec<u8>, TrustError> {
        self.check()?;
        Ok(strict_json::write(self))
    }

    fn check(&self) -> Result<(), TrustError> {
        let fault = |field, reason| Err(TrustError::Field { field, reason });
        if self.version == 0 {
            return fault("version", "starts at 1");
        }
        if self.revoked.len() > MAX_REVOCATIONS {
            return fault("revoked", "has more than 5000 entries");
        }
        for revocation in &self.revoked {
            let reason = &revocation.reason;
            if reason.trim().is_empty() || reason.len() > MAX_REASON_BYTES || reason.chars().any(char::is_control) {
                return fault("reason", "must say why in 1 to 500 bytes");
            }
            match &revocation.what {
                Revoked::Key(text) if text.trim().is_empty() => return fault("what", "names no key"),
                // One that is misspelt would revoke nothing, and nobody would see it.
                Revoked::Certificate(text) if !is_sha256(text) => {
                    return fault(
                        "what",
                        "must name a certificate by the 64 hexadecimal digits of its SHA-256",
                    );
                }
                Revoked::Identity(pattern) => match pattern.check() {
                    // A revoked issuer revokes all whom it vouches for, so a pattern without more is no mistake here.
                    Ok(()) | Err(PatternError::Anybody) => {}
                    Err(_) => return fault("what", "has a pattern that fits no identity"),
                },
                _ => {}
            }
        }
        Ok(())
    }

    /// Fails if a document takes back what an earlier one revoked.
    pub fn check_follows(&self, earlier: &Self) -> Result<(), TrustError> {
        let kept = |revocation: &&Revocation| {
            self.revoked.iter().any(|now| {
                now.what == revocation.what
                    && match (now.invalid_since, revocation.invalid_since) {
                        // A date may move back, never forward.
                        (None, _) => true,
                        (Some(now), Some(before)) => now <= before,
                        (Some(_), None) => false,
                    }
            })
        };
        if earlier.revoked.iter().all(|revocation| kept(&revocation)) {
            return Ok(());
        }
        Err(TrustError::Field {
            field: "revoked",
            reason: "takes back what an earlier version revoked",
        })
    }

    /// The revocation of a bundle, if there is one.
    pub fn bundle(&self, manifest: &Digest) -> Option<&Revocation> {
        self.revoked
            .iter()
            .find(|revocation| matches!(&revocation.what, Revoked::Bundle(digest) if digest == manifest))
    }

    /// The revocation of one of this site's own keys, by its id.
    pub fn key(&self, id: &str) -> Option<&Revocation> {
        let id = plain_fingerprint(id);
        self.revoked
            .iter()
            .find(|revocation| matches!(&revocation.what, Revoked::Key(key) if plain_fingerprint(key) == id))
    }

    /// The revocation of an artifact's bytes, if there is one.
    pub fn artifact(&self, artifact: &Artifact) -> Option<&Revocation> {
        self.revoked
            .iter()
            .find(|revocation| matches!(&revocation.what, Revoked::Artifact(digest) if *digest == artifact.digest))
    }

    /// Turns a confirmed finding that rests on something revoked into a contradicted one. What somebody other than the signer
    /// proves to have been signed before the revocation's date stays as it is, with a note.
    ///
    /// Of several who signed one index each is enough (apt-secure(8)), so that one who is revoked only drops out. Elsewhere the level may rest on any of them.
    pub fn apply(&self, finding: &mut Finding) {
        if !finding.is_confirmed() {
            return;
        }
        let proven = finding
            .signed_at
            .as_ref()
            .filter(|signed| signed.source.is_proven())
            .map(|signed| signed.time);
        for beside in &finding.through {
            match self.against(beside, proven) {
                Against::Nothing => {}
                Against::Later(note) => finding.notes.push(note),
                Against::All(reason) => {
                    finding.outcome = Outcome::Contradicted(Fault::Revoked);
                    finding.reason = format!("what it rests on does not stand: {reason}");
                    return;
                }
            }
        }
        let against: Vec<Against> = finding
            .signers
            .iter()
            .map(|signer| self.against(signer, proven))
            .collect();
        let falls = |one: &Against| matches!(one, Against::All(_));
        let is_enough = finding.level() <= Level::Registry && !against.iter().all(falls);
        let has_own_anchors = finding.anchors.len() == finding.signers.len();
        for (place, one) in against.into_iter().enumerate().rev() {
            match one {
                Against::Nothing => {}
                Against::Later(note) => finding.notes.push(note),
                Against::All(reason) if is_enough => {
                    finding.signers.remove(place);
                    if has_own_anchors {
                        finding.anchors.remove(place);
                    }
                    finding.notes.push(format!("another signature did not count: {reason}"));
                }
                Against::All(reason) => {
                    finding.outcome = Outcome::Contradicted(Fault::Revoked);
                    finding.reason = reason;
                }
            }
        }
    }

    /// What is revoked of somebody who signed at a proven time, or at no proven one.
    fn against(&self, signer: &Signer, proven: Option<Timestamp>) -> Against {
        let mut found = Against::Nothing;
        for revocation in &self.revoked {
            let Some(who) = revocation.what.covers(signer) else {
                continue;
            };
            let why = &revocation.reason;
            match (revocation.invalid_since, proven) {
                (Some(since), Some(signed)) if signed < since => {
                    found = Against::Later(format!("{who} is revoked since {since}, after it was signed"));
                }
                (Some(since), None) => {
                    return Against::All(format!(
                        "{who} is revoked since {since} ({why}), and nothing proves that it was signed before"
                    ));
                }
                _ => return Against::All(format!("{who} is revoked: {why}")),
            }
        }
        found
    }
}

/// What revocations say against somebody who signed.
enum Against {
    Nothing,
    /// It was revoked later; in words.
    Later(String),
    /// Nothing of it stands; why.
    All(String),
}

impl Revoked {
    /// Whether it is about somebody who signed: about what of it, in words.
    fn covers(&self, signer: &Signer) -> Option<&'static str> {
        let same = |one: &str, other: &str| plain_fingerprint(one) == plain_fingerprint(other);
        let place = match self {
            Self::Key(revoked) => signer.keys().position(|key| names_key(revoked, key)),
            Self::Certificate(revoked) => signer.certificates().position(|one| same(revoked, one)),
            Self::Identity(pattern) => {
                let is_meant = matches!(signer, Signer::Identity(identity) if pattern.compare(identity).is_ok());
                is_meant.then_some(0)
            }
            Self::Bundle(_) | Self::Artifact(_) => None,
        };
        Some(match (place?, self) {
            (0, _) => "its signer",
            (_, Self::Certificate(_)) => "an authority of its signer",
            _ => "the subkey that signed it",
        })
    }
}

fn is_sha256(text: &str) -> bool {
    let plain = plain_fingerprint(text);
    plain.len() == 64 && plain.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A finding for an artifact whose very bytes are revoked.
pub fn revoked_artifact(revocation: &Revocation) -> Finding {
    Finding::contradicted(
        "revocation",
        Fault::Revoked,
        format!("this site revoked these bytes: {}", revocation.reason),
    )
}

/// A finding that says that nobody judged a proof of a kind that this program does not know.
pub fn unknown_kind(kind: &str) -> Finding {
    Finding::undecided(
        kind,
        Doubt::UnknownFormat,
        "this program does not judge proofs of this kind",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Identity, SignedAt, TimeSource};

    fn time(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn revoking(what: Revoked, invalid_since: Option<Timestamp>) -> Revocations {
        let mut document = Revocations::empty(1, time(0));
        document.revoked.push(Revocation {
            invalid_since,
            reason: "stolen".to_owned(),
            what,
        });
        document
    }

    fn signed(at: Option<(i64, TimeSource)>) -> Finding {
        let mut finding = Finding::confirmed("openpgp", Level::Publisher, "good").by(Signer::key("ABCD 1234", None));
        finding.signed_at = at.map(|(seconds, source)| SignedAt {
            time: time(seconds),
            source,
        });
        finding
    }

    #[test]
    fn what_rests_on_a_revoked_key_falls_unless_it_was_provably_signed_before() {
        let outcome = |since: Option<i64>, at: Option<(i64, TimeSource)>| {
            let mut finding = signed(at);
            revoking(Revoked::Key("abcd1234".to_owned()), since.map(time)).apply(&mut finding);
            finding.outcome
        };
        let falls = Outcome::Contradicted(Fault::Revoked);
        let stands = Outcome::Confirmed(Level::Publisher);
        assert_eq!(outcome(None, Some((5, TimeSource::Log))), falls);
        assert_eq!(outcome(Some(10), Some((5, TimeSource::Log))), stands);
        assert_eq!(outcome(Some(10), Some((10, TimeSource::Log))), falls);
        assert_eq!(outcome(Some(10), Some((5, TimeSource::Signer))), falls);
        assert_eq!(outcome(Some(10), None), falls);
        let reason = |at| {
            let mut finding = signed(at);
            revoking(Revoked::Key("abcd1234".to_owned()), Some(time(10))).apply(&mut finding);
            finding.reason
        };
        assert!(reason(None).contains("nothing proves that it was signed before"));
        assert!(!reason(Some((10, TimeSource::Log))).contains("nothing proves"));
        let mut other = signed(None);
        revoking(Revoked::Key("ffff".to_owned()), None).apply(&mut other);
        assert_eq!(other.outcome, stands);
        let mut not_a_certificate = signed(None);
        revoking(Revoked::Certificate("abcd1234".to_owned()), None).apply(&mut not_a_certificate);
        assert_eq!(not_a_certificate.outcome, stands);
        // What was wrong or could not be judged stays so.
        let mut wrong = signed(None);
        wrong.outcome = Outcome::Contradicted(Fault::SignatureWrong);
        revoking(Revoked::Key("abcd1234".to_owned()), None).apply(&mut wrong);
        assert_eq!(wrong.outcome, Outcome::Contradicted(Fault::SignatureWrong));
    }

    /// Kinds of evidence write a certificate's digest with and without the name of the hash.
    #[test]
    fn a_fingerprint_is_found_however_it_is_written() {
        let hex = "ab".repeat(32);
        let shown = |fingerprint: String| {
            Finding::confirmed("cms", Level::Publisher, "good").by(Signer::Certificate {
                fingerprint,
                subject: "CN=a".to_owned(),
                issuer: "CN=b".to_owned(),
                chain: Vec::new(),
            })
        };
        let colons: Vec<&str> = vec!["AB"; 32];
        for written in [&hex, &format!("sha256:{hex}"), &hex.to_uppercase(), &colons.join(":")] {
            for found in [hex.clone(), format!("sha256:{hex}")] {
                let mut finding = shown(found);
                let document = revoking(Revoked::Certificate(written.clone()), None);
                assert!(document.write().is_ok(), "{written}");
                document.apply(&mut finding);
                assert_eq!(finding.outcome, Outcome::Contradicted(Fault::Revoked), "{written}");
            }
            let own = revoking(Revoked::Key(written.clone()), None);
            assert!(own.key(&format!("sha256:{hex}")).is_some(), "{written}");
            assert!(own.key(&format!("sha256:{}", "ac".repeat(32))).is_none(), "{written}");
        }
        // Where case counts, it counts.
        let ssh = revoking(Revoked::Key("SHA256:aBc".to_owned()), None);
        assert!(ssh.key("SHA256:abc").is_none() && ssh.key("SHA256:aBc").is_some());
    }

    #[test]
    fn an_identity_falls_with_its_issuer_or_its_pattern() {
        let signer = |subject: &str| {
            Finding::confirmed("sigstore", Level::Provenance, "good").by(Signer::Identity(Identity {
                issuer: "https://issuer.example.com".to_owned(),
                subject: subject.to_owned(),
                fields: Default::default(),
            }))
        };
        let pattern = |issuer: &str, subject: Option<&str>| {
            Revoked::Identity(IdentityPattern {
                issuer: issuer.to_owned(),
                subject: subject.map(str::to_owned),
                fields: Default::default(),
            })
        };
        for (what, falls) in [
            (pattern("https://issuer.example.com", None), true),
            (pattern("https://issuer.example.com", Some("*@example.com")), true),
            (pattern("https://issuer.example.com", Some("*@example.org")), false),
            (pattern("https://other.example.com", None), false),
        ] {
            let mut finding = signer("me@example.com");
            revoking(what.clone(), None).apply(&mut finding);
            assert_eq!(!finding.is_confirmed(), falls, "{what:?}");
        }
    }

    #[test]
    fn a_subkey_or_an_authority_that_is_revoked_takes_down_what_it_made() {
        const PRIMARY: &str = "0123456789ABCDEF0123456789ABCDEF01234567";
        const SUBKEY: &str = "89ABCDEF0123456789ABCDEF0123456789ABCDEF";
        let by_subkey = || {
            Finding::confirmed("openpgp", Level::Publisher, "good").by(Signer::Key {
                fingerprint: PRIMARY.to_owned(),
                owner: None,
                subkey: Some(SUBKEY.to_owned()),
            })
        };
        let (own, above) = ("1".repeat(64), "2".repeat(64));
        let by_certificate = || {
            Finding::confirmed("cms", Level::Publisher, "good").by(Signer::Certificate {
                fingerprint: own.clone(),
                subject: "CN=a".to_owned(),
                issuer: "CN=b".to_owned(),
                chain: vec![above.clone()],
            })
        };
        let through = || {
            let mut finding = signed(None);
            finding.through.push(Signer::key("CCCC", None));
            finding
        };
        let key = |text: &str| Revoked::Key(text.to_owned());
        for (mut finding, what, why) in [
            (by_subkey(), key(SUBKEY), "the subkey that signed it is revoked: stolen"),
            (
                by_subkey(),
                key(&SUBKEY[24..]),
                "the subkey that signed it is revoked: stolen",
            ),
            (by_subkey(), key(PRIMARY), "its signer is revoked: stolen"),
            (
                by_subkey(),
                key(&PRIMARY[24..].to_lowercase()),
                "its signer is revoked: stolen",
            ),
            (
                by_certificate(),
                Revoked::Certificate(above.clone()),
                "an authority of its signer is revoked: stolen",
            ),
            (
                through(),
                key("cccc"),
                "what it rests on does not stand: its signer is revoked: stolen",
            ),
        ] {
            revoking(what, None).apply(&mut finding);
            assert_eq!(finding.outcome, Outcome::Contradicted(Fault::Revoked));
            assert_eq!(finding.reason, why);
        }
        for (mut finding, what) in [
            (by_subkey(), key(&SUBKEY[32..])),
            (by_certificate(), key(&above)),
            (by_subkey(), Revoked::Certificate("3".repeat(64))),
        ] {
            revoking(what, None).apply(&mut finding);
            assert!(finding.is_confirmed());
        }
    }

    #[test]
    fn of_several_who_signed_an_index_one_who_is_revoked_drops_out() {
        let by = |level, fingerprints: &[&str], anchors: &[&str]| {
            let mut finding = Finding::confirmed("apt-release", level, "good");
            finding.signers = fingerprints.iter().map(|own| Signer::key(*own, None)).collect();
            finding.anchors = anchors.iter().map(|own| (*own).to_owned()).collect();
            revoking(Revoked::Key("bb".to_owned()), None).apply(&mut finding);
            finding
        };
        let signer = Signer::key("aa", None);
        let own = by(Level::Registry, &["aa", "bb"], &["of-a", "of-b"]);
        assert_eq!(own.outcome, Outcome::Confirmed(Level::Registry));
        assert_eq!(
            (own.signers, own.anchors),
            (vec![signer.clone()], vec!["of-a".to_owned()])
        );
        assert_eq!(
            own.notes,
            ["another signature did not count: its signer is revoked: stolen"]
        );
        let shared = by(Level::Registry, &["bb", "aa"], &["both"]);
        assert_eq!(
            (shared.signers, shared.anchors),
            (vec![signer], vec!["both".to_owned()])
        );
        // Nobody else is left, or the level may be that of the one who is revoked.
        for alone in [
            by(Level::Registry, &["bb"], &["of-b"]),
            by(Level::Registry, &["bb", "BB"], &["of-b"]),
            by(Level::Publisher, &["aa", "bb"], &["of-a", "of-b"]),
        ] {
            assert_eq!(alone.outcome, Outcome::Contradicted(Fault::Revoked));
            assert_eq!(alone.reason, "its signer is revoked: stolen");
        }
    }

    #[test]
    fn a_revocation_is_never_taken_back() {
        let key = || Revoked::Key("abcd".to_owned());
        let earlier = revoking(key(), Some(time(10)));
        assert!(revoking(key(), Some(time(10))).check_follows(&earlier).is_ok());
        assert!(revoking(key(), Some(time(9))).check_follows(&earlier).is_ok());
        assert!(revoking(key(), None).check_follows(&earlier).is_ok());
        assert!(revoking(key(), Some(time(11))).check_follows(&earlier).is_err());
        assert!(Revocations::empty(2, time(0)).check_follows(&earlier).is_err());
        let without_date = revoking(key(), None);
        assert!(earlier.check_follows(&without_date).is_err());
    }

    #[test]
    fn every_rule_refuses() {
        let good = revoking(Revoked::Key("ab".to_owned()), None);
        assert_eq!(Revocations::read(&good.write().unwrap()).unwrap(), good);
        let wrong: [fn(&mut Revocations); 9] = [
            |document| document.version = 0,
            |document| document.revoked[0].reason = String::new(),
            |document| document.revoked[0].what = Revoked::Key(" ".to_owned()),
            |document| document.revoked[0].reason = "a\u{1b}[2J".to_owned(),
            |document| document.revoked[0].what = Revoked::Certificate("abcd".to_owned()),
            |document| document.revoked[0].what = Revoked::Certificate("x".repeat(64)),
            |document| document.revoked[0].what = Revoked::Identity(IdentityPattern::default()),
            |document| {
                document.revoked[0].what = Revoked::Identity(IdentityPattern {
                    issuer: "https://issuer.example.com".to_owned(),
                    subject: None,
                    fields: [("colour".to_owned(), "red".to_owned())].into(),
                });
            },
            |document| document.revoked = vec![document.revoked[0].clone(); MAX_REVOCATIONS + 1],
        ];
        for (index, change) in wrong.iter().enumerate() {
            let mut document = good.clone();
            change(&mut document);
            assert!(document.write().is_err(), "change {index} passed");
        }
    }
}
