//! The checks, in the order of apt-secure(8): signature, what the release is, its dates, the lists, the package.

use std::io::{Cursor, SeekFrom};

use sha2::{Digest as _, Sha512};

use super::list::List;
use super::{ID, package};
use crate::archive::apt::{IndexFile, Release, ReleaseError, packages_compression};
use crate::evidence::openpgp::{self, Question, Signatures, Signs};
use crate::evidence::{Context, Evidence, MAX_PROOF_BYTES};
use crate::model::{
    Algorithm, Anchor, Artifact, Content, Digest, Doubt, Fault, Finding, Order, Outcome, Timestamp, UpstreamState,
};

/// How many lists one proof may bring: a package stands in one, and a suite has some forty.
const MAX_LISTS: usize = 64;

/// A release may be dated a little ahead of this machine's clock, in seconds: a day, as bundles may.
const MAX_AHEAD_SECONDS: i64 = 86_400;

/// A signed release and its lists, read once for all that they name.
pub(super) struct Chain<'a> {
    context: &'a Context<'a>,
    signatures: Signatures,
    /// The digests of the objects that hold the signed text and its signature, and the files that they are.
    signed: Vec<(Digest, &'static str)>,
    /// `None` where no pinned key signed: then the text is not read.
    read: Option<Read>,
}

/// What the signed text says, or what is wrong with it, whatever artifact is asked about.
type Read = Result<Contents, Box<Finding>>;

pub(super) struct Contents {
    release: Release,
    /// Each list with its path; `None` of one in a compression that is not known here.
    pub(super) lists: Vec<(String, Option<List>)>,
}

impl<'a> Chain<'a> {
    pub(super) fn open(objects: Vec<Vec<u8>>, context: &'a Context<'a>) -> Result<Self, Box<Finding>> {
        let incomplete = |reason: &str| Box::new(Finding::undecided(ID, Doubt::Incomplete, reason));
        if objects.iter().any(|object| object.len() as u64 > MAX_PROOF_BYTES) || objects.len() > MAX_LISTS {
            return Err(Box::new(Finding::undecided(
                ID,
                Doubt::TooLarge,
                format!("an object has more than {MAX_PROOF_BYTES} bytes, or there are more than {MAX_LISTS}"),
            )));
        }
        let mut objects = objects.into_iter();
        let first = objects.next().ok_or_else(|| incomplete("the proof holds no release"))?;
        let (signatures, text, signed) = if openpgp::is_cleartext(&first) {
            let signed = openpgp::open_cleartext(&first, context, ID)?;
            let text = signed.content().map(<[u8]>::to_vec);
            (signed.signatures, text, vec![(Digest::of(&first), "InRelease")])
        } else {
            let signature = objects
                .next()
                .ok_or_else(|| incomplete("the release is not signed within, and no signature came beside it"))?;
            let signatures = openpgp::open_detached(&mut Cursor::new(&first), &signature, context, ID)?;
            let places = vec![(Digest::of(&first), "Release"), (Digest::of(&signature), "Release.gpg")];
            let text = signatures.any_good().then_some(first);
            (signatures, text, places)
        };
        let lists: Vec<Vec<u8>> = objects.collect();
        Ok(Self {
            context,
            signatures,
            signed,
            read: text.map(|text| read(&text, &lists, context)),
        })
    }

    /// What the signatures say for an artifact: one finding, for one good key of several is enough.
    fn signature(&self, artifact: &Artifact) -> Finding {
        let release = self
            .read
            .as_ref()
            .and_then(|read| read.as_ref().ok())
            .map(|read| &read.release);
        let refuses = |anchor: &Anchor| release.and_then(|release| of_another_suite(anchor, release));
        let question = Question {
            kind: ID,
            artifact,
            context: self.context,
            signs: Signs::Registry,
            refuses: &refuses,
        };
        let findings = self.signatures.findings(&question);
        let wrong = |finding: &Finding| finding.outcome == Outcome::Contradicted(Fault::SignatureWrong);
        // A pinned key's signature that does not fit the text is never outweighed; a weak or old one beside a good one is.
        let leading = findings
            .iter()
            .position(wrong)
            .or_else(|| findings.iter().position(Finding::is_confirmed))
            .or_else(|| findings.iter().position(Finding::is_contradicted))
            .or_else(|| {
                // What an anchor pins and does not count for says more than what nobody pins.
                let out = Outcome::Undecided(Doubt::OutOfScope);
                findings.iter().position(|finding| finding.outcome == out)
            })
            .unwrap_or(0);
        let Some(mut finding) = findings.get(leading).cloned() else {
            return Finding::undecided(ID, Doubt::Incomplete, "the release has no signature");
        };
        for (_, other) in findings.iter().enumerate().filter(|(at, _)| *at != leading) {
            if other.is_confirmed() && finding.is_confirmed() {
                finding.signers.extend(other.signers.iter().cloned());
                let anchors = other.anchors.iter().filter(|anchor| !finding.anchors.contains(anchor));
                finding.anchors.extend(anchors.cloned().collect::<Vec<_>>());
            } else {
                finding
                    .notes
                    .push(format!("another signature did not count: {}", other.reason));
            }
        }
        finding
    }
}

impl Evidence for Chain<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let mut finding = self.signature(artifact);
        if !finding.is_confirmed() {
            return vec![finding];
        }
        let contents = match &self.read {
            Some(Ok(contents)) => contents,
            Some(Err(wrong)) => return vec![like(&finding, (**wrong).clone())],
            // Confirmed by a signature, so the text was read.
            None => {
                return vec![Finding::undecided(
                    ID,
                    Doubt::Incomplete,
                    "the signed text was not read",
                )];
            }
        };
        let release = &contents.release;
        finding.claims.extend(claims(release));
        if release.valid_until.is_none() {
            finding
                .notes
                .push("the index never runs out: that it is the newest cannot be told from it".to_owned());
        }
        let judged = match is_index(artifact) {
            true => self.index(artifact, content, contents),
            false => package::judge(artifact, content, contents),
        };
        match judged {
            Ok(reason) => {
                let by = finding.anchors.join("`, `");
                finding.reason = format!("{reason}; the index is signed by what `{by}` pins");
                vec![finding]
            }
            Err(wrong) => vec![like(&finding, wrong)],
        }
    }
}

/// A finding of the chain, with who signed it.
fn like(signature: &Finding, wrong: Finding) -> Finding {
    Finding {
        signers: signature.signers.clone(),
        signed_at: signature.signed_at.clone(),
        algorithm: signature.algorithm.clone(),
        anchors: signature.anchors.clone(),
        claims: signature.claims.clone(),
        notes: signature.notes.clone(),
        ..wrong
    }
}

fn claims(release: &Release) -> Vec<(String, String)> {
    [
        ("origin", release.origin.clone()),
        ("suite", release.suite.clone()),
        ("codename", release.codename.clone()),
        ("date", Some(release.date.to_string())),
        ("valid-until", release.valid_until.map(|until| until.to_string())),
        ("release", debian_release(release)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

/// The release of Debian as advisories name it (OSV schema, "Defined ecosystems": `Debian:12`). Point releases fix and do not part.
fn debian_release(release: &Release) -> Option<String> {
    // The security archive calls itself `Debian`, too; `Debian Backports` has versions of its own.
    if release.origin.as_deref() != Some("Debian") {
        return None;
    }
    let version = release.version.as_deref()?;
    let major = version.split('.').next().unwrap_or(version);
    let is_number = (1..=3).contains(&major.len()) && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_number.then(|| major.to_owned())
}

/// Why an anchor does not count for a release, if its suites say so: a suite's name, codename or origin, or `ORIGIN/SUITE`.
fn of_another_suite(anchor: &Anchor, release: &Release) -> Option<String> {
    if anchor.suites.is_empty() {
        return None;
    }
    let is_it = |wanted: &String| {
        let by_origin = release.origin.as_deref().is_some_and(|origin| {
            origin == wanted
                || wanted
                    .strip_prefix(origin)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .is_some_and(|suite| release.is_called(suite))
        });
        by_origin || release.is_called(wanted)
    };
    if anchor.suites.iter().any(is_it) {
        return None;
    }
    let names: Vec<&str> = [&release.origin, &release.suite, &release.codename]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    Some(format!(
        "it counts for {}, and this index is of {}",
        anchor.suites.join(", "),
        if names.is_empty() {
            "nothing named".to_owned()
        } else {
            names.join(", ")
        }
    ))
}

/// Reads the signed text, and the lists that it names.
fn read(text: &[u8], lists: &[Vec<u8>], context: &Context<'_>) -> Read {
    let malformed = |reason: String| Box::new(Finding::contradicted(ID, Fault::Malformed, reason));
    let text = std::str::from_utf8(text).map_err(|_| malformed("the signed release is not UTF-8".to_owned()))?;
    let release = Release::read(text).map_err(|error| match error {
        ReleaseError::Weak => Box::new(Finding::contradicted(
            ID,
            Fault::Weak,
            "the signed release lists its indexes by MD5 or SHA-1 alone",
        )),
        error => malformed(format!("the signed release cannot be read: {}", told(&error))),
    })?;
    if release.date > context.now.plus_seconds(MAX_AHEAD_SECONDS) {
        return Err(Box::new(Finding::contradicted(
            ID,
            Fault::TimeWrong,
            format!(
                "the index is dated {}, which is not yet; it is {}",
                release.date, context.now
            ),
        )));
    }
    let at = context.index_time();
    if let Some(until) = release.valid_until.filter(|until| *until < at) {
        let when = if at == context.exported {
            "when it was exported"
        } else {
            "now"
        };
        return Err(Box::new(Finding::contradicted(
            ID,
            Fault::Expired,
            format!("the index was valid until {until}, and {when} it was {at}"),
        )));
    }
    let mut read = Vec::new();
    for bytes in lists {
        let digest = Digest::of(bytes);
        let path = listed_as(&release, bytes, &digest).ok_or_else(|| {
            Box::new(Finding::contradicted(
                ID,
                Fault::SubjectDiffers,
                format!(
                    "the signed release names no list of packages with {digest} and {} bytes",
                    bytes.len()
                ),
            ))
        })?;
        let list = packages_compression(path)
            .map(|compression| List::read(compression, bytes))
            .transpose()
            .map_err(|error| malformed(format!("the list {path} cannot be read: {}", told(&error))))?;
        read.push((path.to_owned(), list));
    }
    Ok(Contents { release, lists: read })
}

/// The path of a list of packages that a release names with these bytes.
fn listed_as<'r>(release: &'r Release, bytes: &[u8], digest: &Digest) -> Option<&'r str> {
    let mut sha512 = None;
    let found = release.files.iter().find(|(path, file)| {
        let is_list = path
            .rsplit('/')
            .next()
            .is_some_and(|name| name.split('.').next() == Some("Packages"));
        is_list && fits(file, bytes, digest, &mut sha512)
    });
    found.map(|(path, _)| path.as_str())
}

/// Whether bytes have the size and every strong digest that is listed; there is at least one.
fn fits(file: &IndexFile, bytes: &[u8], digest: &Digest, sha512: &mut Option<Vec<u8>>) -> bool {
    if file.size != bytes.len() as u64 {
        return false;
    }
    let is_sha256 = file.sha256.as_deref().map(|listed| listed == digest.as_bytes());
    let mut is_sha512 = || {
        let listed = file.sha512.as_ref()?;
        Some(sha512.get_or_insert_with(|| Sha512::digest(bytes).to_vec()) == listed)
    };
    match (is_sha256, is_sha256 != Some(false)) {
        (_, false) => false,
        (Some(_), true) => is_sha512() != Some(false),
        (None, true) => is_sha512() == Some(true),
    }
}

/// Whether an artifact is a part of an index itself: no package's name holds a slash.
fn is_index(artifact: &Artifact) -> bool {
    artifact.name.contains('/')
}

/// When a signed index was made, by the name under which it is carried. Names and suites that it states itself are no identity: archives of one
/// vendor state the same.
pub(super) fn state(artifact: &Artifact, finding: &Finding) -> Option<UpstreamState> {
    let is_signed_text = matches!(artifact.file.as_str(), "InRelease" | "Release");
    let date: Timestamp = finding.claim("date")?.parse().ok()?;
    (is_index(artifact) && is_signed_text).then(|| UpstreamState {
        kind: ID.to_owned(),
        subject: artifact.name.clone(),
        order: Order::Dates,
        place: u64::try_from(date.seconds()).unwrap_or_default(),
        mark: None,
        goes_with: Vec::new(),
    })
}

impl Chain<'_> {
    /// The signed text, its signature, or a list that it names, as artifacts.
    fn index(&self, artifact: &Artifact, content: &mut dyn Content, contents: &Contents) -> Result<String, Finding> {
        // `ARCHIVE/dists/SUITE` is asked for by that suite's name; an archive without suites has no name to compare.
        let suite = artifact.name.split_once("/dists/").map(|(_, suite)| suite);
        let is_called = |suite: &str| {
            let release = &contents.release;
            // Debian's security archive was `SUITE/updates` and named itself without (apt accepts the same).
            release.is_called(suite)
                || suite
                    .strip_suffix("/updates")
                    .is_some_and(|front| release.is_called(front))
        };
        if let Some(suite) = suite.filter(|suite| !is_called(suite)) {
            return Err(differs(format!(
                "the index stands for suite {suite}, and says that it is {}",
                [&contents.release.suite, &contents.release.codename]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
            )));
        }
        let is_signed = self
            .signed
            .iter()
            .any(|(digest, file)| *digest == artifact.digest && *file == artifact.file);
        if is_signed {
            return Ok(format!("{artifact}: it is the archive's signed index"));
        }
        // The digest is proven; size and the other digest are of the content.
        let listed = contents.release.files.get(&artifact.file);
        let fits = match listed {
            Some(file) => stands_for(file, artifact, content).map_err(|error| unread(artifact, &error))?,
            None => false,
        };
        if fits {
            return Ok(format!(
                "{artifact}: the signed index names {} with this digest",
                artifact.file
            ));
        }
        Err(differs(format!(
            "{artifact}: the signed index names no {} with {}",
            artifact.file, artifact.digest
        )))
    }
}

/// Whether a release lists exactly these bytes under an artifact's file.
fn stands_for(file: &IndexFile, artifact: &Artifact, content: &mut dyn Content) -> std::io::Result<bool> {
    let is_sha256 = file
        .sha256
        .as_deref()
        .map(|listed| listed == artifact.digest.as_bytes());
    if is_sha256 == Some(false) || content.seek(SeekFrom::End(0))? != file.size {
        return Ok(false);
    }
    let Some(sha512) = &file.sha512 else {
        return Ok(is_sha256.is_some());
    };
    Ok(content.digest(Algorithm::Sha512)?.bytes() == sha512.as_slice())
}

pub(super) fn unread(artifact: &Artifact, error: &std::io::Error) -> Finding {
    Finding::undecided(
        ID,
        Doubt::Incomplete,
        format!("{artifact}: it could not be read: {error}"),
    )
}

pub(super) fn differs(reason: String) -> Finding {
    Finding::contradicted(ID, Fault::SubjectDiffers, reason)
}

/// An error and its causes in one line.
fn told(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
