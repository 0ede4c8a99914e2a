//! What a repository is asked: where a file is, what checksums stand beside it, and which proofs.
//!
//! A repository is a tree of files, so a question is a path. Checksum files (`.sha512`, `.sha256`, `.sha1`) tell a broken
//! transfer and are no evidence: who can change a file can change them. Where a selection states no digest they are compared
//! all the same, SHA-1 too.
//!
//! Source: Maven Resolver's documentation, "Checksums" and "Expected checksums"; Sonatype's requirements for publishing
//! (`.asc` beside every file); the Maven Sigstore plugin (`.sigstore.json`).

use super::coordinate::{self, Kind};
use super::pom::Pom;
use super::xml;
use crate::ecosystem::{
    Companions, DocumentRequest, Fetched, Located, NewProof, Upstream, UpstreamBase, UpstreamError, Wanted,
};
use crate::model::{Algorithm, Artifact, Claim, Proof, ProofState};

/// The publisher's detached signature, `<file>.asc`.
pub(crate) const OPENPGP: &str = "openpgp";

/// The publisher's Sigstore bundle, `<file>.sigstore.json`.
pub(crate) const SIGSTORE: &str = "sigstore";

/// A signature has some 1 KiB; a file may have several.
const MAX_SIGNATURE_BYTES: u64 = 1 << 20;

/// A bundle has some 10 KiB.
const MAX_BUNDLE_BYTES: u64 = 4 << 20;

/// A checksum file holds one digest, at most with the file's name.
const MAX_CHECKSUM_BYTES: u64 = 4 << 10;

/// Checksum files, the strongest first.
const CHECKSUMS: [(&str, Algorithm); 3] = [
    (".sha512", Algorithm::Sha512),
    (".sha256", Algorithm::Sha256),
    (".sha1", Algorithm::Sha1),
];

/// Finds out where the wanted files are.
pub(crate) fn locate(wanted: &Wanted, upstream: &dyn Upstream) -> Result<Vec<Located>, UpstreamError> {
    let bases = bases(upstream)?;
    let folder = folder_of(&wanted.name, &wanted.version)?;
    match &wanted.file {
        // The digest decides, so every repository will do.
        Some(file) if !wanted.claims.is_empty() => Ok(bases
            .iter()
            .map(|base| Located {
                file: file.clone(),
                url: format!("{base}/{folder}/{file}"),
                claims: wanted.claims.clone(),
                size: wanted.size,
            })
            .collect()),
        Some(file) => {
            for base in &bases {
                if let Some(located) = with_checksum(format!("{base}/{folder}/{file}"), file, upstream)? {
                    return Ok(vec![located]);
                }
            }
            Ok(bases
                .iter()
                .map(|base| without_checksum(format!("{base}/{folder}/{file}"), file))
                .collect())
        }
        None => all_files(wanted, &folder, &bases, upstream),
    }
}

/// The pom, what its packaging says there is beside it, and Gradle's metadata where the pom speaks of it: from the first
/// repository that has the pom.
fn all_files(
    wanted: &Wanted,
    folder: &str,
    bases: &[String],
    upstream: &dyn Upstream,
) -> Result<Vec<Located>, UpstreamError> {
    let (_, id) = split(&wanted.name)?;
    let name = |extension: &str| coordinate::file_name(id, &wanted.version, &Kind::new(extension, None));
    let pom_file = name("pom");
    for base in bases {
        let Some(fetched) = upstream.document(&request(format!("{base}/{folder}/{pom_file}"), xml::MAX_BYTES))? else {
            continue;
        };
        let pom = Pom::read(&fetched.bytes).map_err(|reason| malformed(&fetched.url, reason))?;
        let at = |file: &str| format!("{base}/{folder}/{file}");
        let located = |file: &str| -> Result<Located, UpstreamError> {
            Ok(with_checksum(at(file), file, upstream)?.unwrap_or_else(|| without_checksum(at(file), file)))
        };
        let mut found = vec![located(&pom_file)?];
        if pom.packaging != "pom" {
            let extension = Kind::of_type(&pom.packaging, None).extension;
            let main = name(&extension);
            match with_checksum(at(&main), &main, upstream)? {
                Some(main) => found.push(main),
                None if pom.is_relocated => {}
                // A packaging of a plugin's own making mostly makes a jar.
                None if extension != "jar" => {
                    let jar = name("jar");
                    let other = with_checksum(at(&jar), &jar, upstream)?;
                    found.push(other.unwrap_or_else(|| without_checksum(at(&main), &main)));
                }
                None => found.push(without_checksum(at(&main), &main)),
            }
        }
        if pom.has_module {
            let module = name("module");
            found.extend(with_checksum(at(&module), &module, upstream)?);
        }
        return Ok(found);
    }
    Err(UpstreamError::NotListed {
        url: bases.first().cloned().unwrap_or_default(),
        what: format!("{folder}/{pom_file}"),
    })
}

fn without_checksum(url: String, file: &str) -> Located {
    Located {
        file: file.to_owned(),
        url,
        claims: Vec::new(),
        size: None,
    }
}

/// A file with the strongest checksum that stands beside it; `None` where there is none.
fn with_checksum(url: String, file: &str, upstream: &dyn Upstream) -> Result<Option<Located>, UpstreamError> {
    for (ending, algorithm) in CHECKSUMS {
        let Some(fetched) = ask(upstream, format!("{url}{ending}"), MAX_CHECKSUM_BYTES)? else {
            continue;
        };
        // An upstream that answers with a page for people has none.
        if let Some(claim) = read_checksum(&fetched.bytes, algorithm) {
            let claims = vec![claim];
            return Ok(Some(Located {
                claims,
                ..without_checksum(url, file)
            }));
        }
    }
    Ok(None)
}

/// Reads `digest`, `digest  name`, or `name = digest`, in either case: all of them stand in repositories.
fn read_checksum(bytes: &[u8], algorithm: Algorithm) -> Option<Claim> {
    let text = std::str::from_utf8(bytes).ok()?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let digits = match line.rsplit_once('=') {
        Some((_, digits)) => digits.trim(),
        None => line.split_ascii_whitespace().next()?,
    };
    Claim::from_hex(algorithm, &digits.to_ascii_lowercase()).ok()
}

/// Asks for the proofs of each file of one name, where the file came from first.
pub(crate) fn accompany(
    name: &str,
    artifacts: &[Artifact],
    upstream: &dyn Upstream,
) -> Result<Companions, UpstreamError> {
    let bases = bases(upstream)?;
    let mut found = Vec::new();
    for artifact in artifacts {
        let folder = folder_of(name, &artifact.version)?;
        let path = format!("{folder}/{}", artifact.file);
        let mut own: Vec<&String> = bases.iter().collect();
        own.sort_by_key(|base| artifact.origin != format!("{base}/{path}"));
        found.push(proofs(&path, &own, upstream)?);
    }
    // A mirror may hold back what the repository behind it has: only one that gave a kind for some file of this name is
    // known to serve it. A repository is a tree of files, so one that gives `.asc` gives whatever stands beside it.
    let serves_openpgp = found.iter().any(|proofs| proofs.openpgp.is_some());
    let serves_sigstore = serves_openpgp || found.iter().any(|proofs| proofs.sigstore.is_some());
    let mut companions = Companions::default();
    for (artifact, proofs) in artifacts.iter().zip(found) {
        let openpgp = proof(OPENPGP, proofs.openpgp, serves_openpgp);
        let sigstore = proof(SIGSTORE, proofs.sigstore, serves_sigstore);
        companions.proofs.insert(artifact.file.clone(), vec![openpgp, sigstore]);
    }
    Ok(companions)
}

/// The proofs of one file, as they came.
#[derive(Default)]
struct Proofs {
    openpgp: Option<Vec<u8>>,
    sigstore: Option<Vec<u8>>,
}

/// Asks one repository after the other, until one has something.
fn proofs(path: &str, bases: &[&String], upstream: &dyn Upstream) -> Result<Proofs, UpstreamError> {
    for base in bases {
        let url = format!("{base}/{path}");
        let openpgp = ask(upstream, format!("{url}.asc"), MAX_SIGNATURE_BYTES)?
            .map(|fetched| fetched.bytes)
            .filter(|bytes| is_signature(bytes));
        let sigstore = ask(upstream, format!("{url}.sigstore.json"), MAX_BUNDLE_BYTES)?
            .map(|fetched| fetched.bytes)
            .filter(|bytes| is_bundle(bytes));
        if openpgp.is_some() || sigstore.is_some() {
            return Ok(Proofs { openpgp, sigstore });
        }
    }
    Ok(Proofs::default())
}

/// Some upstreams answer to everything with a page for people. What the signature is worth is judged elsewhere.
fn is_signature(bytes: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN PGP ";
    bytes.windows(BEGIN.len()).take(1024).any(|window| window == BEGIN)
}

fn is_bundle(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes).is_ok()
}

fn proof(kind: &'static str, bytes: Option<Vec<u8>>, is_served: bool) -> NewProof {
    match bytes {
        Some(bytes) => NewProof::Present(kind, vec![bytes]),
        None => NewProof::Without(Proof {
            kind: kind.to_owned(),
            state: if is_served {
                ProofState::Absent
            } else {
                ProofState::NotServed
            },
            objects: Vec::new(),
        }),
    }
}

/// Asks for a file that need not be there: repositories over object stores answer 403 for what they do not have.
fn ask(upstream: &dyn Upstream, url: String, max_bytes: u64) -> Result<Option<Fetched>, UpstreamError> {
    match upstream.document(&request(url, max_bytes)) {
        // 429 is about this client, not about the file.
        Err(UpstreamError::Status { status, .. }) if (400..500).contains(&status) && status != 429 => Ok(None),
        other => other,
    }
}

fn request(url: String, max_bytes: u64) -> DocumentRequest {
    DocumentRequest {
        url,
        accept: None,
        max_bytes,
    }
}

/// The repositories, without a slash at their end, each once.
fn bases(upstream: &dyn Upstream) -> Result<Vec<String>, UpstreamError> {
    let mut bases: Vec<String> = Vec::new();
    for UpstreamBase { url, .. } in upstream.bases(super::ID) {
        let url = url.trim_end_matches('/').to_owned();
        if !bases.contains(&url) {
            bases.push(url);
        }
    }
    if bases.is_empty() {
        return Err(UpstreamError::NoUpstream {
            ecosystem: super::ID.to_owned(),
        });
    }
    Ok(bases)
}

fn split(name: &str) -> Result<(&str, &str), UpstreamError> {
    coordinate::split(name).map_err(|mismatch| malformed(name, mismatch.reason))
}

fn folder_of(name: &str, version: &str) -> Result<String, UpstreamError> {
    let (group, id) = split(name)?;
    coordinate::check_version(version).map_err(|mismatch| malformed(name, mismatch.reason))?;
    let version = version.replace('+', "%2B");
    Ok(format!("{}/{id}/{version}", coordinate::group_folder(group)))
}

fn malformed(url: &str, reason: String) -> UpstreamError {
    UpstreamError::Malformed {
        url: url.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_files_have_several_styles() {
        let digits = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        let claim = Claim::from_hex(Algorithm::Sha1, digits).unwrap();
        for text in [
            digits.to_owned(),
            format!("{digits}\n"),
            format!("\n {}  lib-1.0.jar\r\n", digits.to_uppercase()),
            format!("{digits} */home/build/lib-1.0.jar"),
            format!("SHA1(lib-1.0.jar)= {digits}"),
        ] {
            assert_eq!(
                read_checksum(text.as_bytes(), Algorithm::Sha1).as_ref(),
                Some(&claim),
                "{text}"
            );
        }
        for wrong in ["", "\n", "<html>", &digits[1..], "lib-1.0.jar  "] {
            assert_eq!(read_checksum(wrong.as_bytes(), Algorithm::Sha1), None, "{wrong}");
        }
        assert_eq!(read_checksum(digits.as_bytes(), Algorithm::Sha256), None);
    }

    #[test]
    fn a_folder_is_of_one_version_that_does_not_change() {
        let folder = |version| folder_of("org.example:lib", version).ok();
        assert_eq!(folder("1.0+a").unwrap(), "org/example/lib/1.0%2Ba");
        for version in ["1.0-SNAPSHOT", "LATEST", "1.+", "..", "1.0/../../other", ""] {
            assert_eq!(folder(version), None, "{version}");
        }
    }
}
