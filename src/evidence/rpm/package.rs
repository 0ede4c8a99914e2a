//! Signatures in a package's own header: of the main header as it is stored, which names the payload's digest.
//!
//! The proof is within the artifact and has no objects. Signatures over header and payload together (tags 1002 and 1005) are rpm's old
//! form: they are not judged. A header signature alone leaves the payload free, so the payload's digest is required and compared.

use std::io::Cursor;

use base64::Engine as _;

use super::super::listed::{self, Said};
use super::super::openpgp::{self, Question, Signs, suites_only};
use super::super::{Context, Evidence, EvidenceKind};
use super::Called;
use super::header::{self, Header};
use crate::model::{Algorithm, Artifact, Claim, Content, Doubt, Fault, Finding};

/// Signatures in packages' headers.
pub(crate) struct RpmSignature;

const ID: &str = "rpm-signature";

/// Tags of the signature header (rpm.org, "Signatures and digests").
const SIGNATURE_DSA: u32 = 267;
const SIGNATURE_RSA: u32 = 268;
const SIGNATURE_OPENPGP: u32 = 278;
const LEGACY_PGP: u32 = 1002;
const LEGACY_GPG: u32 = 1005;

/// Tags of the main header.
const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const ARCHITECTURE: u32 = 1022;
const PAYLOAD_DIGEST: u32 = 5092;
const PAYLOAD_DIGEST_ALGORITHM: u32 = 5093;

impl EvidenceKind for RpmSignature {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        if !objects.is_empty() {
            return Err(Box::new(Finding::undecided(
                ID,
                Doubt::UnknownFormat,
                "a package's signature is within it, and there are objects beside it",
            )));
        }
        Ok(Box::new(Inside { context }))
    }

    fn lies_in(&self, file: &str, untrusted: &mut dyn Content) -> bool {
        const SIGNATURES: [u32; 5] = [SIGNATURE_DSA, SIGNATURE_RSA, SIGNATURE_OPENPGP, LEGACY_PGP, LEGACY_GPG];
        file.ends_with(".rpm")
            && header::read(untrusted).is_ok_and(|(signatures, _)| SIGNATURES.iter().any(|tag| signatures.has(*tag)))
    }
}

struct Inside<'a> {
    context: &'a Context<'a>,
}

impl Evidence for Inside<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        match self.findings(artifact, content) {
            Ok(findings) => findings,
            Err(Said::Wrong(fault, reason)) => vec![Finding::contradicted(ID, fault, reason)],
            Err(Said::Open(doubt, reason)) => vec![Finding::undecided(ID, doubt, reason)],
            // Nothing fits before a signature has been judged.
            Err(Said::Fits { .. }) => Vec::new(),
        }
    }
}

impl Inside<'_> {
    fn findings(&self, artifact: &Artifact, content: &mut dyn Content) -> Result<Vec<Finding>, Said> {
        let (signature_header, main) = header::read(content)?;
        let signatures = signatures(&signature_header)?;
        let opened = openpgp::open_detached(&mut Cursor::new(main.bytes.as_slice()), &signatures, self.context, ID);
        let signatures = match opened {
            Ok(signatures) => signatures,
            Err(finding) => return Ok(vec![*finding]),
        };
        let findings = signatures.findings(&Question {
            kind: ID,
            artifact,
            context: self.context,
            signs: Signs::Registry,
            refuses: &suites_only,
        });
        if !findings.iter().any(Finding::is_confirmed) {
            return Ok(findings);
        }
        let said = about(&main, artifact, content).unwrap_or_else(|said| said);
        Ok(listed::weigh(findings, &said))
    }
}

/// All header signatures, as packets one after the other.
fn signatures(header: &Header) -> Result<Vec<u8>, Said> {
    let mut packets = Vec::new();
    for tag in [SIGNATURE_RSA, SIGNATURE_DSA] {
        packets.extend_from_slice(header.binary(tag)?.unwrap_or_default());
    }
    for encoded in header.texts(SIGNATURE_OPENPGP)?.unwrap_or_default() {
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .map_err(|_| Said::malformed("a signature of the package is not in base64"))?;
        packets.extend(decoded);
    }
    if !packets.is_empty() {
        return Ok(packets);
    }
    if header.has(LEGACY_PGP) || header.has(LEGACY_GPG) {
        return Err(Said::Open(
            Doubt::UnknownFormat,
            "the package has only a signature of rpm's old form, over header and payload, which is not judged"
                .to_owned(),
        ));
    }
    Err(Said::Open(Doubt::Incomplete, "the package is not signed".to_owned()))
}

/// What the signed header says about the payload, where the content stands, and about the artifact.
fn about(main: &Header, artifact: &Artifact, payload: &mut dyn Content) -> Result<Said, Said> {
    let text = |tag| {
        main.text(tag)?
            .map(str::to_owned)
            .ok_or_else(|| Said::malformed("the signed header does not say what package it is of"))
    };
    let called = Called {
        name: text(NAME)?,
        epoch: main.number(EPOCH)?.map(|epoch| epoch.to_string()),
        version: text(VERSION)?,
        release: text(RELEASE)?,
        architecture: text(ARCHITECTURE)?,
    };
    let stated = payload_digest(main)?;
    let found = listed::hash(stated.algorithm(), payload)?;
    if found != stated {
        return Err(Said::differs(format!(
            "the payload should have {stated}, and has {found}"
        )));
    }
    if artifact.ecosystem == "rpm" && !called.fits(artifact) {
        return Err(Said::differs(format!(
            "the package is {}, not {} {}",
            called.text(),
            artifact.name,
            artifact.version
        )));
    }
    Ok(Said::Fits {
        claims: vec![("package".to_owned(), called.text())],
        notes: Vec::new(),
    })
}

/// The digest of the payload as it is stored, with its algorithm by OpenPGP's number (RFC 9580 §9.5).
fn payload_digest(main: &Header) -> Result<Claim, Said> {
    let Some(digests) = main.texts(PAYLOAD_DIGEST)? else {
        return Err(Said::Open(
            Doubt::Incomplete,
            "the signed header does not say the payload's digest, as rpm before 4.14 did not".to_owned(),
        ));
    };
    let algorithm = match main.number(PAYLOAD_DIGEST_ALGORITHM)? {
        Some(8) | None => Algorithm::Sha256,
        Some(9) => Algorithm::Sha384,
        Some(10) => Algorithm::Sha512,
        Some(1..=3) => {
            return Err(Said::Wrong(
                Fault::Weak,
                "the payload's digest is of an algorithm that proves nothing".to_owned(),
            ));
        }
        Some(other) => {
            return Err(Said::Open(
                Doubt::UnknownAlgorithm,
                format!("the payload's digest is of algorithm {other}, which is not computed here"),
            ));
        }
    };
    match digests.as_slice() {
        [digits] => Claim::from_hex(algorithm, digits).map_err(|_| Said::malformed("the payload's digest is none")),
        _ => Err(Said::malformed("the payload has not one digest")),
    }
}
