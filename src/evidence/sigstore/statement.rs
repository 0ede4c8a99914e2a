//! The signed statement about an artifact (in-toto Attestation Framework, `spec/v1/statement.md`): its subjects, and what it
//! claims.

use std::collections::BTreeMap;
use std::io::SeekFrom;

use serde_json::Value;

use super::library::Bundle;
use super::parse;
use super::refusal::{Refusal, shown};
use crate::model::{Algorithm, Artifact, Content, Doubt, Fault};

/// The payload type of a statement's envelope.
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const TYPES: &[&str] = &["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"];

/// Build provenance (SLSA).
const PROVENANCE: &[&str] = &[
    "https://slsa.dev/provenance/v0.1",
    "https://slsa.dev/provenance/v0.2",
    "https://slsa.dev/provenance/v1",
];
/// Statements that the artifact was published or released by the signer: the identifiers of PEP 740, npm, CEP 27 and its drafts,
/// and in-toto.
const PUBLISH: &[&str] = &[
    super::pypi::PUBLISH,
    super::npm::PUBLISH,
    super::lists::CONDA_PUBLISH,
    super::lists::CONDA_PUBLISH_DRAFT,
    "https://in-toto.io/attestation/release/v0.1",
    "https://in-toto.io/attestation/release/v0.2",
];
/// Statements that say no more than that the signer signed.
const SIGNATURE: &[&str] = &["https://sigstore.dev/cosign/sign/v1", super::model::SIGNATURE];
/// A verifier's verdict, which may be a bad one.
const VERDICT: &[&str] = &[
    "https://slsa.dev/verification_summary/v0.2",
    "https://slsa.dev/verification_summary/v1",
    "https://in-toto.io/attestation/test-result/v0.1",
];

/// The longest claim that goes into a finding, in characters.
const MAX_CLAIM: usize = 500;

/// What a statement says about the origin of its subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// Where and how it was built, or that the signer published it.
    Origin,
    /// That the signer signed it.
    Signed,
    /// A verdict that is not good.
    BadVerdict,
    /// Something else, which is shown.
    Else,
}

/// A statement whose form was checked.
#[derive(Debug)]
pub(crate) struct Statement {
    /// What kind of claim it makes.
    pub(crate) predicate_type: String,
    /// What it is about.
    pub(crate) subjects: Vec<Subject>,
    /// The claim.
    pub(crate) predicate: Value,
}

/// One thing that a statement is about.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Its name, which may be anything.
    pub(crate) name: String,
    /// Its digests, by the algorithm's name; at least one.
    pub(crate) digests: BTreeMap<String, String>,
}

impl Statement {
    /// Reads a payload.
    pub(crate) fn read(payload_type: &str, payload: &[u8]) -> Result<Self, Refusal> {
        if payload_type != PAYLOAD_TYPE {
            return Err(Refusal::doubt(
                Doubt::UnknownFormat,
                format!(
                    "the signed payload is of type `{}`, not an in-toto statement",
                    shown(payload_type)
                ),
            ));
        }
        let mut value = parse::text(payload)?;
        let malformed = |what: &str| Refusal::malformed(format!("the signed statement {what}"));
        let object = value.as_object_mut().ok_or_else(|| malformed("is not a JSON object"))?;
        match object.get("_type").and_then(Value::as_str) {
            Some(kind) if TYPES.contains(&kind) => {}
            Some(kind) => {
                return Err(Refusal::doubt(
                    Doubt::UnknownFormat,
                    format!(
                        "`{}` is no version of an in-toto statement that is known here",
                        shown(kind)
                    ),
                ));
            }
            None => return Err(malformed("does not say of which type it is")),
        }
        let predicate_type = match object.get("predicateType").and_then(Value::as_str) {
            Some(kind) if !kind.is_empty() => kind.to_owned(),
            _ => return Err(malformed("does not say what it claims")),
        };
        let subjects = object
            .get("subject")
            .and_then(Value::as_array)
            .ok_or_else(|| malformed("has no list of subjects"))?
            .iter()
            .map(read_subject)
            .collect::<Option<Vec<Subject>>>()
            .ok_or_else(|| malformed("has a subject without digests"))?;
        if subjects.is_empty() {
            return Err(malformed("is about nothing"));
        }
        Ok(Self {
            predicate_type,
            subjects,
            predicate: object.remove("predicate").unwrap_or(Value::Null),
        })
    }

    /// The one subject of kinds that allow no more.
    pub(crate) fn only_subject(&self) -> Result<&Subject, Refusal> {
        match self.subjects.as_slice() {
            [subject] => Ok(subject),
            subjects => Err(Refusal::wrong(
                Fault::SubjectDiffers,
                format!(
                    "the statement has {} subjects, where its kind allows one",
                    subjects.len()
                ),
            )),
        }
    }

    /// What it says about the origin of its subjects.
    pub(crate) fn says(&self) -> Says {
        let kind = self.predicate_type.as_str();
        if PROVENANCE.contains(&kind) || PUBLISH.contains(&kind) {
            Says::Origin
        } else if SIGNATURE.contains(&kind) {
            Says::Signed
        } else if VERDICT.contains(&kind) {
            let field = |name| self.predicate.get(name).and_then(Value::as_str);
            match field("verificationResult")
                .or_else(|| field("verification_result"))
                .or_else(|| field("result"))
            {
                Some("PASSED") => Says::Else,
                _ => Says::BadVerdict,
            }
        } else {
            Says::Else
        }
    }

    /// What the statement says beside the digest, for reports and policies.
    pub(crate) fn claims(&self) -> Vec<(String, String)> {
        let mut claims = vec![("predicate".to_owned(), shown(&self.predicate_type))];
        let mut claim = |name: &str, pointers: &[&str]| {
            let found = pointers
                .iter()
                .find_map(|pointer| self.predicate.pointer(pointer).and_then(Value::as_str));
            if let Some(text) = found.filter(|text| !text.is_empty()) {
                claims.push((name.to_owned(), text.chars().take(MAX_CLAIM).collect()));
            }
        };
        if !PROVENANCE.contains(&self.predicate_type.as_str()) {
            return claims;
        }
        // SLSA v1 `#schema`, SLSA v0.2 `#schema`, with the fields of GitHub's build types.
        claim("builder", &["/runDetails/builder/id", "/builder/id"]);
        claim("build-type", &["/buildDefinition/buildType", "/buildType"]);
        claim(
            "source",
            &[
                "/buildDefinition/externalParameters/workflow/repository",
                "/buildDefinition/externalParameters/source/uri",
                "/invocation/configSource/uri",
                "/buildDefinition/resolvedDependencies/0/uri",
                "/materials/0/uri",
            ],
        );
        claim(
            "ref",
            &[
                "/buildDefinition/externalParameters/workflow/ref",
                "/invocation/environment/GITHUB_REF",
            ],
        );
        claim(
            "commit",
            &[
                "/buildDefinition/resolvedDependencies/0/digest/gitCommit",
                "/buildDefinition/resolvedDependencies/0/digest/sha1",
                "/invocation/configSource/digest/sha1",
                "/materials/0/digest/sha1",
            ],
        );
        claim(
            "workflow",
            &[
                "/buildDefinition/externalParameters/workflow/path",
                "/invocation/configSource/entryPoint",
            ],
        );
        claim(
            "build-run",
            &["/runDetails/metadata/invocationId", "/metadata/buildInvocationId"],
        );
        claims
    }
}

fn read_subject(subject: &Value) -> Option<Subject> {
    let name = match subject.get("name") {
        None | Some(Value::Null) => String::new(),
        Some(name) => name.as_str()?.to_owned(),
    };
    let digests: BTreeMap<String, String> = subject
        .get("digest")?
        .as_object()?
        .iter()
        .map(|(algorithm, value)| Some((algorithm.clone(), value.as_str()?.to_owned())))
        .collect::<Option<_>>()?;
    if digests.is_empty() {
        return None;
    }
    Some(Subject { name, digests })
}

/// An artifact's digests: SHA-256 is known, the others are computed from its bytes when first asked for.
pub(crate) struct Digests<'a> {
    artifact: &'a Artifact,
    content: &'a mut dyn Content,
    others: BTreeMap<Algorithm, String>,
}

/// How a subject's digests compare with an artifact's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// All that are known agree, and there is one.
    Same,
    /// One differs.
    Differs,
    /// It has only digests that prove nothing here.
    Unknown,
}

impl<'a> Digests<'a> {
    /// Of an artifact whose bytes were proven to have its digest.
    pub(crate) fn new(artifact: &'a Artifact, content: &'a mut dyn Content) -> Self {
        Self {
            artifact,
            content,
            others: BTreeMap::new(),
        }
    }

    /// The artifact.
    pub(crate) const fn artifact(&self) -> &'a Artifact {
        self.artifact
    }

    /// The artifact's bytes, from their beginning.
    pub(crate) fn content(&mut self) -> Result<&mut dyn Content, Refusal> {
        self.content.seek(SeekFrom::Start(0)).map_err(|_| unreadable())?;
        Ok(self.content)
    }

    /// Compares a subject's digests: each of a known algorithm has to agree (in-toto `spec/v1/digest_set.md`).
    pub(crate) fn compare(&mut self, subject: &Subject) -> Result<Comparison, Refusal> {
        let mut comparison = Comparison::Unknown;
        for (algorithm, value) in &subject.digests {
            let own = match algorithm.as_str() {
                "sha256" => self.artifact.digest.hex(),
                "sha384" => self.other(Algorithm::Sha384)?,
                "sha512" => self.other(Algorithm::Sha512)?,
                _ => continue,
            };
            if !own.eq_ignore_ascii_case(value) {
                return Ok(Comparison::Differs);
            }
            comparison = Comparison::Same;
        }
        Ok(comparison)
    }

    /// Compares the digest that a signature over the artifact states beside itself.
    pub(crate) fn check_message(&mut self, bundle: &Bundle) -> Result<(), Refusal> {
        let Some((algorithm, stated)) = bundle.message_digest() else {
            return Ok(());
        };
        let own = match algorithm {
            "sha256" => self.artifact.digest.hex(),
            "sha384" => self.other(Algorithm::Sha384)?,
            _ => self.other(Algorithm::Sha512)?,
        };
        let stated = hex::encode(stated);
        if own == stated {
            return Ok(());
        }
        Err(Refusal::wrong(
            Fault::SubjectDiffers,
            format!("the signature is about other bytes, with {algorithm} {stated}"),
        ))
    }

    /// Finds a subject that is the artifact; the error says what the statement is about instead.
    pub(crate) fn find<'s>(&mut self, statement: &'s Statement) -> Result<&'s Subject, Refusal> {
        let mut unknown = false;
        for subject in &statement.subjects {
            match self.compare(subject)? {
                Comparison::Same => return Ok(subject),
                Comparison::Differs => {}
                Comparison::Unknown => unknown = true,
            }
        }
        if unknown {
            return Err(Refusal::doubt(
                Doubt::UnknownAlgorithm,
                "the statement names its subject by digests that are too weak or not known here",
            ));
        }
        let first = &statement.subjects[0];
        let (algorithm, value) = first
            .digests
            .first_key_value()
            .expect("a subject without digests was refused when it was read");
        Err(Refusal::wrong(
            Fault::SubjectDiffers,
            format!(
                "the statement is about other bytes: `{}` with {algorithm} {}{}",
                shown(&first.name),
                shown(value),
                match statement.subjects.len() {
                    1 => String::new(),
                    number => format!(" and {} more", number - 1),
                }
            ),
        ))
    }

    fn other(&mut self, algorithm: Algorithm) -> Result<String, Refusal> {
        if let Some(known) = self.others.get(&algorithm) {
            return Ok(known.clone());
        }
        let value = self.content.digest(algorithm).map_err(|_| unreadable())?.hex();
        self.others.insert(algorithm, value.clone());
        Ok(value)
    }
}

/// The artifact's bytes could not be read.
pub(crate) fn unreadable() -> Refusal {
    Refusal::doubt(Doubt::Incomplete, "the signed bytes could not be read")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use aws_lc_rs::digest;

    use super::*;
    use crate::model::{Digest, Outcome};

    fn artifact() -> Artifact {
        Artifact::plain("files", "x", "1", "x", Digest::of(b"x"))
    }

    fn statement(subjects: &str) -> Result<Statement, Refusal> {
        let text = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":{subjects},"predicate":null}}"#
        );
        Statement::read(PAYLOAD_TYPE, text.as_bytes())
    }

    fn found(subjects: &str) -> Result<String, Outcome> {
        let artifact = artifact();
        let mut content = Cursor::new(b"x");
        let statement = statement(subjects).unwrap();
        Digests::new(&artifact, &mut content)
            .find(&statement)
            .map(|subject| subject.name.clone())
            .map_err(|refusal| refusal.outcome)
    }

    #[test]
    fn a_subject_is_the_artifact_if_all_known_digests_agree() {
        let sha256 = Digest::of(b"x").hex();
        let sha512 = hex::encode(digest::digest(&digest::SHA512, b"x"));
        let other = "0".repeat(128);
        let of = |digests: &str| format!(r#"[{{"name":"n","digest":{{{digests}}}}}]"#);
        let both = of(&format!(r#""sha256":"{sha256}","sha512":"{sha512}","md5":"zz""#));
        assert_eq!(found(&both), Ok("n".to_owned()));
        assert_eq!(found(&of(&format!(r#""sha512":"{sha512}""#))), Ok("n".to_owned()));
        let differs = Err(Outcome::Contradicted(Fault::SubjectDiffers));
        assert_eq!(
            found(&of(&format!(r#""sha256":"{sha256}","sha512":"{other}""#))),
            differs
        );
        assert_eq!(found(&of(r#""sha256":"""#)), differs);
        let weak = Err(Outcome::Undecided(Doubt::UnknownAlgorithm));
        assert_eq!(found(&of(r#""sha1":"11f6ad8ec52a2984abaafd7c3b516503785c2072""#)), weak);
        let second =
            format!(r#"[{{"name":"a","digest":{{"sha256":"00"}}}},{{"name":"b","digest":{{"sha256":"{sha256}"}}}}]"#);
        assert_eq!(found(&second), Ok("b".to_owned()));
    }

    #[test]
    fn a_statement_has_a_type_a_claim_and_subjects_with_digests() {
        for wrong in [
            "[]",
            "{}",
            r#"[{"name":"n"}]"#,
            r#"[{"name":"n","digest":{}}]"#,
            r#"[{"name":1,"digest":{"sha256":"00"}}]"#,
        ] {
            assert_eq!(
                statement(wrong).unwrap_err().outcome,
                Outcome::Contradicted(Fault::Malformed),
                "{wrong}"
            );
        }
        let unknown = Outcome::Undecided(Doubt::UnknownFormat);
        assert_eq!(Statement::read("text/plain", b"{}").unwrap_err().outcome, unknown);
        let other = br#"{"_type":"https://in-toto.io/Statement/v9","predicateType":"p","subject":[]}"#;
        assert_eq!(Statement::read(PAYLOAD_TYPE, other).unwrap_err().outcome, unknown);
        let none = br#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"00"}}]}"#;
        assert_eq!(
            Statement::read(PAYLOAD_TYPE, none).unwrap_err().outcome,
            Outcome::Contradicted(Fault::Malformed)
        );
    }

    #[test]
    fn a_bad_verdict_vouches_for_nothing() {
        let says = |kind: &str, predicate: &str| {
            let text = format!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"{kind}","subject":[{{"digest":{{"sha256":"00"}}}}],"predicate":{predicate}}}"#
            );
            Statement::read(PAYLOAD_TYPE, text.as_bytes()).unwrap().says()
        };
        assert_eq!(says(VERDICT[1], r#"{"verificationResult":"FAILED"}"#), Says::BadVerdict);
        assert_eq!(says(VERDICT[1], "{}"), Says::BadVerdict);
        assert_eq!(says(VERDICT[2], r#"{"result":"WARNED"}"#), Says::BadVerdict);
        assert_eq!(says(VERDICT[1], r#"{"verificationResult":"PASSED"}"#), Says::Else);
        assert_eq!(says(PROVENANCE[2], "{}"), Says::Origin);
        assert_eq!(says(SIGNATURE[0], "{}"), Says::Signed);
        assert_eq!(says("https://spdx.dev/Document", "{}"), Says::Else);
    }
}
