//! `sealift trust new`, `add`, `remove`, `revoke` and `sign`: documents on their way to being signed.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{ArgGroup, Args, ValueEnum};

use super::{Content, Context, Document, Stop, show, standing_document};
use crate::cli::files::{self, Existing};
use crate::cli::signer::SignerArguments;
use crate::evidence;
use crate::model::{
    Anchor, Code, Digest, IdentityPattern, Material, Refusal, ScopePattern, SpeaksFor, Timestamp, Unable,
};
use crate::trust::data::is_anchor_name;
use crate::trust::folder::TrustFolder;
use crate::trust::{self, Kind, Revocation, Revocations, Revoked, TrustData};

/// A keyring of a distribution has some 100 KiB, a trusted root 20.
const MAX_MATERIAL_BYTES: usize = 512 * 1024;

#[derive(Debug, Args)]
pub(super) struct New {
    /// The new file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The document that it follows, or a folder `trust` where it stands; its content is taken over
    #[arg(long, value_name = "FILE")]
    follows: Option<PathBuf>,
    /// Begin revocations instead of trust data
    #[arg(long)]
    revocations: bool,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The unsigned trust data
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The anchor's name: lower-case letters, digits, `.`, `_` and `-`
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    kind: MaterialType,
    /// Its file: certificates, keys, a trusted root, lines of allowed signers; for an identity none
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "issuer",
        conflicts_with = "issuer"
    )]
    from: Option<PathBuf>,
    #[command(flatten)]
    identity: IdentityArguments,
    /// For what it counts: `ecosystem/name` with `*` within a segment, such as `npm/@example/*` or, for a group of Maven, `maven/org.example:*`; `*` is everything
    #[arg(long, value_name = "PATTERN", required = true)]
    scope: Vec<String>,
    /// For signed indexes, the suites that it counts for [default: all in scope]
    #[arg(long, value_name = "SUITE")]
    suite: Vec<String>,
    /// Whom it speaks for
    #[arg(long, value_enum, default_value_t = SpeaksForArgument::Publisher)]
    speaks_for: SpeaksForArgument,
    /// It counts for nothing signed before this time
    #[arg(long, value_name = "TIME")]
    valid_from: Option<Timestamp>,
    /// It counts for nothing signed after this time
    #[arg(long, value_name = "TIME")]
    valid_until: Option<Timestamp>,
    /// Where it came from, and how it was checked
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Put it in the place of the anchor that has this name
    #[arg(long)]
    replace: bool,
}

/// Whom an identity provider vouches for.
#[derive(Debug, Args)]
struct IdentityArguments {
    /// The identity provider of an identity
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The identity's subject: an e-mail address, or a workflow's URI; `*` stays within a segment
    #[arg(long, value_name = "PATTERN", requires = "issuer")]
    subject: Option<String>,
    /// A further field of the identity, such as `owner_id=1234` or `ref=refs/tags/*`
    #[arg(long, value_name = "FIELD=PATTERN", requires = "issuer", value_parser = field)]
    field: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The unsigned trust data
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The anchor's name
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(super) struct Revoke {
    /// The unsigned revocations
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A key, by the fingerprint that `sealift where` shows or its OpenPGP key id, or by the id of a key of this site's own root
    #[arg(long, value_name = "FINGERPRINT", group = "what")]
    key: Option<String>,
    /// A certificate, by the SHA-256 that `sealift where` shows: a signer's, or one above it
    #[arg(long, value_name = "SHA256", group = "what")]
    certificate: Option<String>,
    /// A bundle, by its manifest's digest
    #[arg(long, value_name = "DIGEST", group = "what")]
    bundle: Option<Digest>,
    /// An artifact's bytes
    #[arg(long, value_name = "DIGEST", group = "what")]
    artifact: Option<Digest>,
    /// An identity, by its provider; with --subject and --field whom of it
    #[arg(long, value_name = "URL", group = "what")]
    issuer: Option<String>,
    /// The identity's subject
    #[arg(long, value_name = "PATTERN", requires = "issuer")]
    subject: Option<String>,
    /// A further field of the identity
    #[arg(long, value_name = "FIELD=PATTERN", requires = "issuer", value_parser = field)]
    field: Vec<(String, String)>,
    /// What was provably signed before this time still stands
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Sign {
    /// The document; the signature is added to it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    signer: SignerArguments,
}

/// The types of anchors on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MaterialType {
    /// OpenPGP certificates, armored or not
    Openpgp,
    /// A Sigstore trusted root, JSON
    SigstoreRoot,
    /// An identity that signs through Sigstore
    Identity,
    /// An npm registry's keys, JSON
    NpmKeys,
    /// A verifier key of a signed note, such as a checksum database's
    NoteKey,
    /// A bare public key, PEM or DER
    PublicKey,
    /// X.509 certificates, PEM or DER
    Certificates,
    /// X.509 certificates of timestamp authorities, PEM or DER
    TimestampCertificates,
    /// Lines of an OpenSSH allowed_signers file
    AllowedSigners,
    /// A minisign public key
    MinisignKey,
    /// A signify public key
    SignifyKey,
    /// A TUF root, JSON
    TufRoot,
}

/// Whom an anchor speaks for, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SpeaksForArgument {
    /// A registry or distribution
    Registry,
    /// The publisher of the artifacts in scope
    Publisher,
}

impl From<SpeaksForArgument> for SpeaksFor {
    fn from(argument: SpeaksForArgument) -> Self {
        match argument {
            SpeaksForArgument::Registry => Self::Registry,
            SpeaksForArgument::Publisher => Self::Publisher,
        }
    }
}

/// Begins a document.
pub(super) fn new(arguments: &New, context: &Context) -> Result<(), Stop> {
    let kind = if arguments.revocations {
        Kind::Revocations
    } else {
        Kind::TrustData
    };
    let before = arguments
        .follows
        .as_deref()
        .map(|path| followed(path, kind))
        .transpose()?;
    let content = match before.map(|before| before.content) {
        Some(Content::TrustData(data)) => Content::TrustData(TrustData {
            version: data.version + 1,
            created: context.now,
            ..data
        }),
        Some(Content::Revocations(revocations)) => Content::Revocations(Revocations {
            version: revocations.version + 1,
            created: context.now,
            ..revocations
        }),
        None if arguments.revocations => Content::Revocations(Revocations::empty(1, context.now)),
        None => Content::TrustData(TrustData::empty(1, context.now)),
    };
    let document = Document::unsigned(content)?;
    files::write(&arguments.file, &document.bytes, Existing::Keep)?;
    show::print(&document, None, context)
}

/// The document that a new one follows: a file, whatever its kind, or what stands in a folder.
fn followed(path: &Path, kind: Kind) -> Result<Document, Stop> {
    if !path.is_dir() {
        return Document::read(path);
    }
    standing_document(&TrustFolder::open(path)?, kind)?.ok_or_else(|| {
        Unable::new(format!("no {kind} stand in `{}`", path.display()))
            .hint("leave out --follows to begin the first version")
            .into()
    })
}

/// Pins something.
pub(super) fn add(arguments: &Add, context: &Context) -> Result<(), Stop> {
    let (document, mut data) = trust_data(&arguments.file)?;
    if !is_anchor_name(&arguments.name) {
        return Err(Unable::new(format!("{:?} cannot name an anchor", arguments.name))
            .hint("1 to 64 of a-z 0-9 . _ -, the first a letter or digit")
            .into());
    }
    let anchor = Anchor {
        material: material(arguments)?,
        name: arguments.name.clone(),
        note: arguments.note.clone(),
        scope: arguments.scope.iter().map(ScopePattern::new).collect(),
        speaks_for: arguments.speaks_for.into(),
        suites: arguments.suite.clone(),
        valid_from: arguments.valid_from,
        valid_until: arguments.valid_until,
    };
    if data.anchor(&anchor.name).is_some() && !arguments.replace {
        return Err(Unable::new(format!("an anchor has the name `{}` already", anchor.name))
            .hint("--replace changes it; the persons who sign are shown what changes")
            .into());
    }
    let before = data.clone();
    data.put(anchor);
    evidence::check_follows(&before.anchors, &data.anchors).map_err(|reason| {
        Refusal::new(Code::TrustVersionOutOfOrder, arguments.name.clone(), reason)
            .hint("what is not bound to the anchor that stands is a new anchor under a new name")
    })?;
    write_changed(&arguments.file, &document, &before, data, context)
}

/// Takes an anchor out.
pub(super) fn remove(arguments: &Remove, context: &Context) -> Result<(), Stop> {
    let (document, mut data) = trust_data(&arguments.file)?;
    let before = data.clone();
    if data.remove(&arguments.name).is_none() {
        return Err(Unable::new(format!("no anchor has the name `{}`", arguments.name)).into());
    }
    write_changed(&arguments.file, &document, &before, data, context)
}

/// Revokes something.
pub(super) fn revoke(arguments: &Revoke, context: &Context) -> Result<(), Stop> {
    let document = Document::read(&arguments.file)?;
    document.check_unsigned(&arguments.file)?;
    let Content::Revocations(mut revocations) = document.content else {
        return Err(Unable::new(format!("`{}` holds trust data", arguments.file.display()))
            .hint("`sealift trust new --revocations` begins revocations")
            .into());
    };
    revocations.revoked.push(Revocation {
        invalid_since: arguments.since,
        reason: arguments.reason.clone(),
        what: revoked(arguments)?,
    });
    revocations.created = context.now;
    let document = Document::unsigned(Content::Revocations(revocations))?;
    files::write(&arguments.file, &document.bytes, Existing::Replace)?;
    show::print(&document, None, context)
}

/// Adds a signature.
pub(super) fn sign(arguments: &Sign, context: &Context) -> Result<(), Stop> {
    let mut document = Document::read(&arguments.file)?;
    // The person reads what they sign before the key is opened.
    show::print(&document, None, context)?;
    let signer = arguments.signer.open()?;
    trust::add_signature(&mut document.envelope, signer.as_ref())
        .map_err(|error| Unable::new(format!("cannot sign the {}", document.kind())).because(error))?;
    files::write(&arguments.file, &document.envelope.write(), Existing::Replace)?;
    if !context.output.wants_json() {
        context
            .output
            .answer(&format!("signed by the key {}", signer.public().id()));
    }
    Ok(())
}

fn trust_data(path: &Path) -> Result<(Document, TrustData), Stop> {
    let document = Document::read(path)?;
    document.check_unsigned(path)?;
    match &document.content {
        Content::TrustData(data) => {
            let data = data.clone();
            Ok((document, data))
        }
        Content::Revocations(_) => Err(Unable::new(format!("`{}` holds revocations", path.display()))
            .hint("`sealift trust new` begins trust data")
            .into()),
    }
}

fn write_changed(
    path: &Path,
    _document: &Document,
    before: &TrustData,
    mut data: TrustData,
    context: &Context,
) -> Result<(), Stop> {
    data.created = context.now;
    let changes = evidence::changes(Some(before), &data, &[]);
    let document = Document::unsigned(Content::TrustData(data))?;
    files::write(path, &document.bytes, Existing::Replace)?;
    show::print_changes(document.kind(), document.version(), &changes, context);
    Ok(())
}

fn material(arguments: &Add) -> Result<Material, Stop> {
    let subject = arguments.name.clone();
    let identity = arguments.kind == MaterialType::Identity;
    let Some(path) = &arguments.from else {
        let Some(issuer) = arguments.identity.issuer.clone().filter(|_| identity) else {
            return Err(Unable::new("an anchor of this type is made of a file")
                .hint("name it with --from")
                .into());
        };
        let pattern = IdentityPattern {
            issuer,
            subject: arguments.identity.subject.clone(),
            fields: arguments.identity.field.iter().cloned().collect(),
        };
        pattern
            .check()
            .map_err(|error| Refusal::new(Code::KeyNotAllowed, subject, error.to_string()))?;
        return Ok(Material::Identity(pattern));
    };
    let bytes = files::read(path, MAX_MATERIAL_BYTES)?;
    let looks_like = evidence::guess(&bytes);
    let refused = |reason: String| -> Stop {
        let refusal = Refusal::new(Code::KeyNotAllowed, subject.clone(), reason);
        match hint(arguments.kind, looks_like, path) {
            Some(hint) => refusal.hint(hint),
            None => refusal,
        }
        .into()
    };
    if looks_like == Some(evidence::Guess::Secret) {
        return Err(refused("it holds a secret key".to_owned()));
    }
    let text = match arguments.kind {
        MaterialType::Openpgp => evidence::armored(&bytes).map_err(refused)?,
        MaterialType::Certificates | MaterialType::TimestampCertificates => {
            pem("CERTIFICATE", bytes).map_err(refused)?
        }
        MaterialType::PublicKey => pem("PUBLIC KEY", bytes).map_err(refused)?,
        _ => text(bytes).map_err(refused)?,
    };
    let material = match arguments.kind {
        MaterialType::Openpgp => Material::Openpgp(text),
        MaterialType::SigstoreRoot => Material::SigstoreRoot(text),
        MaterialType::Identity => {
            return Err(Unable::new("an identity is not made of a file")
                .hint("give --issuer, and --subject or --field")
                .into());
        }
        MaterialType::NpmKeys => Material::NpmKeys(text),
        MaterialType::NoteKey => Material::NoteKey(text.trim().to_owned()),
        MaterialType::PublicKey => Material::PublicKey(text),
        MaterialType::Certificates => Material::Certificates(text),
        MaterialType::TimestampCertificates => Material::TimestampCertificates(text),
        MaterialType::AllowedSigners => Material::AllowedSigners(text),
        MaterialType::MinisignKey => Material::MinisignKey(text),
        MaterialType::SignifyKey => Material::SignifyKey(text),
        MaterialType::TufRoot => Material::TufRoot(text),
    };
    evidence::describe(&material).map_err(refused)?;
    Ok(material)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "it is not a text".to_owned())
}

/// Gives PEM as it is, and DER in PEM: both are what authorities publish.
fn pem(label: &str, bytes: Vec<u8>) -> Result<String, String> {
    /// A SEQUENCE, which every certificate and every key is.
    const SEQUENCE: u8 = 0x30;
    if bytes.first() != Some(&SEQUENCE) {
        return text(bytes);
    }
    let encoded = STANDARD.encode(bytes);
    let mut pem = format!("-----BEGIN {label}-----\n");
    // RFC 7468 §2: lines of 64 characters. Base64 is ASCII, so any cut is between characters.
    for start in (0..encoded.len()).step_by(64) {
        pem.push_str(&encoded[start..encoded.len().min(start + 64)]);
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    Ok(pem)
}

/// What to do about a file that cannot be pinned as it was said.
fn hint(kind: MaterialType, looks_like: Option<evidence::Guess>, path: &Path) -> Option<String> {
    let said = kind.to_possible_value()?.get_name().to_owned();
    match looks_like? {
        evidence::Guess::Secret => Some(format!(
            "give the public key, and see who else could read `{}`",
            path.display()
        )),
        evidence::Guess::BareSshKey => Some(
            "a line of allowed signers begins with whom the key belongs to: `ann@example.com namespaces=\"file\" ssh-ed25519 …`".to_owned(),
        ),
        evidence::Guess::SeveralRoots => {
            Some("it holds several trusted roots, one a line: write each into a file and an anchor of its own".to_owned())
        }
        evidence::Guess::Material(name) => {
            let is_other = name != said && !(name == "certificates" && said == "timestamp-certificates");
            is_other.then(|| format!("`{}` looks like --type {name}", path.display()))
        }
    }
}

fn revoked(arguments: &Revoke) -> Result<Revoked, Stop> {
    let identity = arguments.issuer.as_ref().map(|issuer| {
        Revoked::Identity(IdentityPattern {
            issuer: issuer.clone(),
            subject: arguments.subject.clone(),
            fields: arguments.field.iter().cloned().collect(),
        })
    });
    identity
        .or_else(|| arguments.key.clone().map(Revoked::Key))
        .or_else(|| arguments.certificate.clone().map(Revoked::Certificate))
        .or_else(|| arguments.bundle.map(Revoked::Bundle))
        .or_else(|| arguments.artifact.map(Revoked::Artifact))
        .ok_or_else(|| Unable::new("nothing to revoke is named").into())
}

/// Reads `FIELD=PATTERN`.
fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, pattern)) if !name.is_empty() && !pattern.is_empty() => Ok((name.to_owned(), pattern.to_owned())),
        _ => Err("must be FIELD=PATTERN".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_and_its_pattern_are_both_named() {
        assert_eq!(field("san=a=b"), Ok(("san".to_owned(), "a=b".to_owned())));
        for wrong in ["san", "san=", "=a", "="] {
            assert!(field(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_another_type_than_was_said_is_proposed() {
        let looks_like = |name| Some(evidence::Guess::Material(name));
        let proposed = |kind, name| hint(kind, looks_like(name), Path::new("a")).is_some();
        assert!(proposed(MaterialType::PublicKey, "certificates"));
        assert!(proposed(MaterialType::TimestampCertificates, "public-key"));
        assert!(!proposed(MaterialType::Certificates, "certificates"));
        // Which authority they are of does not show.
        assert!(!proposed(MaterialType::TimestampCertificates, "certificates"));
    }
}
