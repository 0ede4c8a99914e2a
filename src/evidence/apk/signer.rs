//! One signer of a signing block, and the lineage of its key.

use super::read::Rest;
use crate::evidence::x509::{Certificate, Hash, Message, Refusal, Scheme, verify_signature};
use crate::model::{Doubt, Fault};

/// "APK Signature Scheme v2", "Signature algorithm IDs". The ones of fs-verity hash otherwise, and stand beside one of these.
const ALGORITHMS: &[(u32, Scheme, Hash)] = &[
    (0x0101, Scheme::RsaPss { salt: 32 }, Hash::Sha256),
    (0x0102, Scheme::RsaPss { salt: 64 }, Hash::Sha512),
    (0x0103, Scheme::RsaPkcs1, Hash::Sha256),
    (0x0104, Scheme::RsaPkcs1, Hash::Sha512),
    (0x0201, Scheme::Ecdsa, Hash::Sha256),
    (0x0202, Scheme::Ecdsa, Hash::Sha512),
];

const DSA: u32 = 0x0301;

/// In a v2 signer: a newer scheme that signed too.
const STRIPPING_PROTECTION: u32 = 0xbeef_f00d;

/// In a v3 signer: certificates that led to this one.
const PROOF_OF_ROTATION: u32 = 0x3ba0_6f8c;

/// In a v3 signer: a v3.1 signer is for newer platforms.
const ROTATION_MIN_SDK: u32 = 0x559f_8b02;

/// "Proof-of-rotation", flags: a package of this key may be followed by one of the newer.
const INSTALLED_DATA: u32 = 1;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V2,
    V3,
}

/// A signer whose signatures verify with the key of its certificate.
pub(super) struct Signer {
    pub(super) certificate: Certificate,
    pub(super) algorithm: String,
    /// What the content must hash to.
    pub(super) digests: Vec<(Hash, Vec<u8>)>,
    /// Older certificates of the lineage, whose signer agreed to be followed.
    pub(super) ancestors: Vec<Certificate>,
    /// A v2 signer says that v3 signed too.
    pub(super) needs_v3: bool,
    /// A v3 signer says that v3.1 signed too.
    pub(super) needs_v31: bool,
}

/// Reads and verifies all signers of a scheme's value.
pub(super) fn read_all(value: &[u8], version: Version) -> Result<Vec<Signer>, Refusal> {
    let mut rest = Rest(value);
    let signers = rest.list()?;
    rest.end()?;
    if signers.is_empty() {
        return Err(Refusal::malformed("nobody signed it"));
    }
    signers.into_iter().map(|signer| read_one(signer, version)).collect()
}

fn read_one(mut rest: Rest<'_>, version: Version) -> Result<Signer, Refusal> {
    let signed = rest.part()?;
    let range = if version == Version::V3 {
        Some((rest.u32()?, rest.u32()?))
    } else {
        None
    };
    let signatures = pairs(rest.list()?)?;
    let key = rest.part()?.0;
    rest.end()?;

    let mut data = signed;
    let digests = pairs(data.list()?)?;
    let certificates = data.list()?;
    if version == Version::V3 && range != Some((data.u32()?, data.u32()?)) {
        return Err(Refusal::malformed("a signer states two ranges of platforms"));
    }
    let attributes = data.list()?;
    // Some signers of v2 leave four zeros behind.
    if data.0.iter().any(|byte| *byte != 0) || data.0.len() > 4 {
        data.end()?;
    }

    let certificate = certificates
        .first()
        .ok_or_else(|| Refusal::malformed("a signer brings no certificate"))
        .and_then(|der| Certificate::from_der(der.0))?;
    let own_key = der::Encode::to_der(certificate.key())
        .map_err(|_| Refusal::malformed("a signer's certificate has a broken key"))?;
    if own_key != key {
        return Err(Refusal::wrong(
            Fault::IdentityDiffers,
            "a signer's certificate is of another key than the one that signed",
        ));
    }
    let algorithm = verify(&certificate, signed.0, &signatures)?;
    // "Verification": both lists name the same algorithms, in the same order.
    let names = |list: &[(u32, &[u8])]| list.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    if names(&digests) != names(&signatures) {
        return Err(Refusal::malformed(
            "a signer's digests and signatures are of different algorithms",
        ));
    }
    let mut signer = Signer {
        digests: digests
            .iter()
            .filter_map(|(id, digest)| Some((find(*id)?.1, digest.to_vec())))
            .collect(),
        certificate,
        algorithm,
        ancestors: Vec::new(),
        needs_v3: false,
        needs_v31: false,
    };
    for mut attribute in attributes {
        match (attribute.u32()?, version) {
            (STRIPPING_PROTECTION, Version::V2) => signer.needs_v3 |= attribute.u32()? == 3,
            (ROTATION_MIN_SDK, Version::V3) => signer.needs_v31 = true,
            (PROOF_OF_ROTATION, Version::V3) => signer.ancestors = read_lineage(attribute, &signer.certificate)?,
            _ => {}
        }
    }
    Ok(signer)
}

fn pairs(list: Vec<Rest<'_>>) -> Result<Vec<(u32, &[u8])>, Refusal> {
    list.into_iter()
        .map(|mut pair| {
            let id = pair.u32()?;
            let value = pair.part()?.0;
            pair.end()?;
            Ok((id, value))
        })
        .collect()
}

fn find(id: u32) -> Option<(Scheme, Hash)> {
    ALGORITHMS
        .iter()
        .find(|(own, ..)| *own == id)
        .map(|(_, scheme, hash)| (*scheme, *hash))
}

/// Verifies every signature whose algorithm is known; there is at least one.
fn verify(certificate: &Certificate, signed: &[u8], signatures: &[(u32, &[u8])]) -> Result<String, Refusal> {
    let mut name = None;
    for (id, signature) in signatures {
        if let Some((scheme, hash)) = find(*id) {
            name = Some(verify_signature(
                certificate.key(),
                scheme,
                hash,
                &Message::Bytes(signed),
                signature,
            )?);
        }
    }
    name.ok_or_else(|| {
        if signatures.iter().any(|(id, _)| *id == DSA) {
            Refusal::wrong(Fault::Weak, "it is signed with DSA, which no longer proves anything")
        } else {
            Refusal::unsure(
                Doubt::UnknownAlgorithm,
                "it is signed with algorithms that are not judged",
            )
        }
    })
}

/// "APK Signature Scheme v3", "Proof-of-rotation struct": each certificate is signed by the one before, the last is the signer's.
fn read_lineage(mut rest: Rest<'_>, signer: &Certificate) -> Result<Vec<Certificate>, Refusal> {
    let wrong = |what: &str| Refusal::wrong(Fault::ChainWrong, format!("its lineage of keys {what}"));
    if rest.u32()? != 1 {
        return Err(Refusal::unsure(
            Doubt::UnknownFormat,
            "its lineage of keys is of another version than 1",
        ));
    }
    let mut levels: Vec<(Certificate, u32)> = Vec::new();
    let mut next_algorithm = 0;
    for mut level in rest.all_parts()? {
        let signed = level.part()?;
        let flags = level.u32()?;
        let algorithm = level.u32()?;
        let signature = level.part()?.0;
        level.end()?;
        let mut data = signed;
        let certificate = Certificate::from_der(data.part()?.0)?;
        let own_algorithm = data.u32()?;
        data.end()?;
        if let Some((previous, _)) = levels.last() {
            if own_algorithm != next_algorithm {
                return Err(wrong("names two algorithms for one signature"));
            }
            verify(previous, signed.0, &[(own_algorithm, signature)]).map_err(|refusal| match refusal.outcome() {
                crate::model::Outcome::Contradicted(Fault::SignatureWrong) => wrong("has a wrong signature"),
                _ => refusal,
            })?;
        }
        if levels.iter().any(|(other, _)| *other == certificate) {
            return Err(wrong("has a certificate twice"));
        }
        next_algorithm = algorithm;
        levels.push((certificate, flags));
    }
    match levels.pop() {
        Some((last, _)) if last == *signer => {}
        _ => return Err(wrong("does not end in the signer's certificate")),
    }
    // A key that may not be followed cuts off whatever is before it, too.
    let ancestors = levels
        .into_iter()
        .rev()
        .take_while(|(_, flags)| flags & INSTALLED_DATA != 0);
    Ok(ancestors.map(|(certificate, _)| certificate).collect())
}
