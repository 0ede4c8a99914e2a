//! Signed gems (RubyGems, `Gem::Security`): a signature beside each member of the gem, and the signer's certificates in the
//! gem's metadata.
//!
//! What is signed is the member's SHA-256 digest, which is hashed once more by the signature (`Gem::Security::Signer#sign` is
//! given a digest). Threats: members without a signature, twice or unknown (`parse.rs`), a chain that the gem brings itself
//! (believed only from a pinned certificate on, `chain.rs`).

mod chain;
mod parse;

use super::embedded::{Embedded, EmbeddedKind};
use super::x509::{Case, Certificate, EC_PUBLIC_KEY, Hash, Message, RSA, Refusal, Scheme, read_pem, verify_signature};
use super::{Context, EvidenceKind};
use crate::model::{Artifact, Content, Doubt, Fault, Finding};

/// The kind.
pub const GEM: &dyn EvidenceKind = &EmbeddedKind(&Gem);

const ID: &str = "gem-signature";

struct Gem;

impl Embedded for Gem {
    fn id(&self) -> &'static str {
        ID
    }

    fn place(&self) -> &'static str {
        "a gem's signatures lie in the gem"
    }

    fn lies_in(&self, file: &str, untrusted: &mut dyn Content) -> bool {
        file.ends_with(".gem")
            && parse::read(untrusted).is_ok_and(|gem| gem.members.iter().any(|member| member.signature.is_some()))
    }

    fn judge(&self, artifact: &Artifact, content: &mut dyn Content, context: &Context<'_>) -> Vec<Finding> {
        vec![judge(artifact, content, context).unwrap_or_else(|refusal| refusal.into_finding(ID))]
    }
}

/// Judges a chain of certificates alone, PEM, the root first: whether a gem that it signs would be believed.
pub fn judge_chain(pem: &str, artifact: &Artifact, context: &Context<'_>) -> Finding {
    match read_chain(pem) {
        Ok(chain) => conclude(&chain, artifact, context),
        Err(refusal) => refusal.into_finding(ID),
    }
}

fn judge(artifact: &Artifact, content: &mut dyn Content, context: &Context<'_>) -> Result<Finding, Refusal> {
    let gem = parse::read(content)?;
    if gem.members.iter().all(|member| member.signature.is_none()) {
        return Err(Refusal::unsure(Doubt::Incomplete, "the gem is not signed"));
    }
    let chain = read_chain(&gem.chain)?;
    let signer = chain
        .last()
        .ok_or_else(|| Refusal::malformed("the gem's metadata hold no certificate"))?;
    let scheme = match signer.key().algorithm.oid {
        RSA => Scheme::RsaPkcs1,
        EC_PUBLIC_KEY => Scheme::Ecdsa,
        _ => {
            return Err(Refusal::unsure(
                Doubt::UnknownAlgorithm,
                "the gem is signed with a key that is not judged",
            ));
        }
    };
    let mut algorithm = None;
    for member in &gem.members {
        // `Gem::Security::Policy#verify`: every member has a signature.
        let signature = member.signature.as_ref().ok_or_else(|| {
            Refusal::wrong(
                Fault::SubjectDiffers,
                format!("the gem's {} is not signed", member.name),
            )
        })?;
        let verified = verify_signature(
            signer.key(),
            scheme,
            Hash::Sha256,
            &Message::Bytes(member.digest.as_ref()),
            signature,
        );
        algorithm = Some(verified.map_err(|refusal| refusal.of(&format!("the gem's {}", member.name)))?);
    }
    let mut finding = conclude(&chain, artifact, context);
    finding.algorithm = algorithm;
    Ok(finding)
}

fn read_chain(pem: &str) -> Result<Vec<Certificate>, Refusal> {
    /// Real gems have one certificate, rarely three.
    const MAX_CHAIN: usize = 16;
    let chain = read_pem(pem).map_err(|error| Refusal::malformed(format!("the gem's certificates: {error}")))?;
    if chain.len() > MAX_CHAIN {
        return Err(Refusal::unsure(
            Doubt::TooLarge,
            "the gem brings more certificates than are judged",
        ));
    }
    Ok(chain)
}

fn conclude(chain: &[Certificate], artifact: &Artifact, context: &Context<'_>) -> Finding {
    let case = Case::new(ID, artifact, context);
    let Some(signer) = chain.last() else {
        return Finding::contradicted(ID, Fault::Malformed, "the gem's metadata hold no certificate");
    };
    match chain::find_anchor(&case, chain) {
        Ok((anchor, above)) => Finding::confirmed(
            ID,
            anchor.speaks_for.level(),
            format!("signed by {}, which anchor `{}` pins", signer.subject(), anchor.name),
        )
        .resting_on(&anchor.name)
        .noting("revocation of certificates was not asked for")
        .by(signer.signer_under(above)),
        Err(refusal) => refusal.into_finding(ID).by(signer.signer()),
    }
}
