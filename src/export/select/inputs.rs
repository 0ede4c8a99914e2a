//! Reads one input: a lockfile, a folder of artifacts, a set of plain files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::listing::{Listing, list};
use super::{Gathered, Input, Place, SelectError, Source, entries};
use crate::ecosystem::files::{self, checksums};
use crate::ecosystem::{Ecosystem, Files, NamedBy, Recognised, SelectionError, UpstreamBase, Wanted};
use crate::export::beside;
use crate::model::{Claim, Digest};

/// The largest lockfiles of monorepos have some 10 MiB.
const MAX_LOCKFILE_BYTES: u64 = 64 << 20;

/// Reads an input; gives its entry in the plan, or all that is wrong with it.
pub(super) fn read(
    input: &Input,
    ecosystems: &[&'static dyn Ecosystem],
    gathered: &mut Gathered,
) -> Result<Value, Vec<SelectError>> {
    match input {
        Input::Lockfile(source) => lockfile(source, ecosystems, gathered),
        Input::Folder { source, ecosystem } => folder(source, ecosystem.as_deref(), ecosystems, gathered),
        Input::Coordinates { ecosystem, coordinates } => {
            entries::coordinates(ecosystem, coordinates, ecosystems, gathered).map_err(|error| vec![error])
        }
        Input::Files {
            name,
            version,
            source,
            checksums,
        } => file_set(name, version, source, checksums.as_deref(), gathered),
        Input::File {
            name,
            version,
            file,
            place,
            claim,
        } => single_file(name, version, file, place, claim, gathered).map_err(|error| vec![error]),
    }
}

/// Finds an ecosystem by its id.
pub(super) fn find(ecosystems: &[&'static dyn Ecosystem], id: &str) -> Result<&'static dyn Ecosystem, SelectError> {
    ecosystems
        .iter()
        .copied()
        .find(|ecosystem| ecosystem.id() == id)
        .ok_or_else(|| SelectError::UnknownEcosystem { id: id.to_owned() })
}

/// The ecosystem that reads lockfiles of that name.
pub(super) fn reader_of(file_name: &str, ecosystems: &[&'static dyn Ecosystem]) -> Option<&'static dyn Ecosystem> {
    ecosystems
        .iter()
        .copied()
        .find(|ecosystem| ecosystem.is_lockfile(file_name))
}

/// Reads a bounded text.
pub(super) fn read_text(path: &Path) -> Result<String, SelectError> {
    bounded_text(path).map_err(|source| SelectError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn bounded_text(path: &Path) -> std::io::Result<String> {
    // Looked at before it is opened: a pipe would hang, and a device would never end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a plain file"));
    }
    let mut text = String::new();
    File::open(path)?
        .take(MAX_LOCKFILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_LOCKFILE_BYTES {
        return Err(std::io::Error::other("it is larger than 64 MiB"));
    }
    Ok(text)
}

/// Files beside a lockfile.
struct Beside<'a>(&'a Path);

impl Files for Beside<'_> {
    fn read(&self, path: &str) -> Result<String, SelectionError> {
        bounded_text(&self.0.join(path)).map_err(|source| SelectionError::Unreadable {
            path: path.to_owned(),
            source,
        })
    }
}

fn lockfile(
    source: &Source,
    ecosystems: &[&'static dyn Ecosystem],
    gathered: &mut Gathered,
) -> Result<Value, Vec<SelectError>> {
    let one = |error: SelectError| vec![error];
    let file_name = source
        .path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let ecosystem = reader_of(&file_name, ecosystems).ok_or_else(|| {
        one(SelectError::UnknownLockfile {
            file: source.written.clone(),
        })
    })?;
    let text = read_text(&source.path).map_err(one)?;
    let beside = source.path.parent().unwrap_or(Path::new("."));
    let selection = ecosystem
        .read_lockfile(&file_name, &text, &Beside(beside))
        .map_err(|error| one(error.into()))?;
    let errors = entries::take(selection, ecosystem, &source.written, beside, gathered);
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(json!({
        "kind": "lockfile",
        "source": source.written,
        "digest": Digest::of(text.as_bytes()).to_string(),
    }))
}

/// The upstreams that a lockfile names for one of its entries: its registry, and those for all entries.
pub(super) fn upstreams_of(wanted: &Wanted, named: &[UpstreamBase], for_all: &[UpstreamBase]) -> Vec<UpstreamBase> {
    let own = wanted.registry.as_ref().map(|registry| UpstreamBase {
        ecosystem: wanted.ecosystem,
        scope: None,
        url: registry.clone(),
        authorization: named
            .iter()
            .find(|base| base.url == *registry)
            .and_then(|base| base.authorization.clone()),
        named_by: NamedBy::LockfileForName,
    });
    own.into_iter().chain(for_all.iter().cloned()).collect()
}

fn folder(
    source: &Source,
    ecosystem: Option<&str>,
    ecosystems: &[&'static dyn Ecosystem],
    gathered: &mut Gathered,
) -> Result<Value, Vec<SelectError>> {
    let one = |error: SelectError| vec![error];
    let candidates = match ecosystem {
        None => ecosystems.to_vec(),
        Some(id) => vec![find(ecosystems, id).map_err(one)?],
    };
    let listing = list(&source.path).map_err(one)?;
    let stated = stated(source, None, &listing)?;
    let mut proofs = Proofs::default();
    for (relative, path) in listing.files() {
        let relative = &*relative;
        let file_name = relative.rsplit('/').next().unwrap_or(relative);
        let said: Vec<_> = candidates
            .iter()
            .map(|ecosystem| (ecosystem, ecosystem.recognise_in_folder(relative)))
            .collect();
        let known: Vec<_> = said
            .iter()
            .filter_map(|(ecosystem, said)| match said {
                Recognised::Artifact(coordinate) => Some((*ecosystem, coordinate.clone())),
                _ => None,
            })
            .collect();
        let leave = |gathered: &mut Gathered, why: &str| {
            gathered.left_out.push(format!("{}: {relative} {why}", source.written));
        };
        let (ecosystem, coordinate) = match known.as_slice() {
            [] => {
                let refused = said.iter().find_map(|(_, said)| match said {
                    Recognised::Refused(why) => Some(*why),
                    _ => None,
                });
                let is_bookkeeping = said.iter().any(|(_, said)| *said == Recognised::Bookkeeping);
                if let Some(why) = refused {
                    leave(gathered, why);
                } else if !is_bookkeeping && !proofs.contains(&path) {
                    leave(gathered, "is not named as an artifact");
                }
                continue;
            }
            [(ecosystem, coordinate)] => (*ecosystem, coordinate.clone()),
            _ => {
                leave(gathered, "may belong to several ecosystems; name one");
                continue;
            }
        };
        let claims = match &stated {
            None => Vec::new(),
            Some(stated) => match stated.get(relative) {
                Some(claim) => vec![claim.clone()],
                None => {
                    leave(gathered, "is not in the list of checksums");
                    continue;
                }
            },
        };
        let wanted = Wanted {
            ecosystem: ecosystem.id(),
            name: coordinate.name,
            version: coordinate.version,
            file: Some(file_name.to_owned()),
            claims,
            urls: Vec::new(),
            registry: None,
            path: Some(path),
            size: None,
        };
        gathered.add(wanted, &source.written, Vec::new());
    }
    leave_special(source, &listing, gathered);
    Ok(json!({ "kind": "folder", "source": source.written, "ecosystem": ecosystem }))
}

/// What lies beside files in a folder and is a proof of them, folder by folder.
#[derive(Default)]
struct Proofs(HashMap<PathBuf, beside::Beside>);

impl Proofs {
    /// A folder that cannot be read holds no proofs; whoever reads its files says so.
    fn contains(&mut self, path: &Path) -> bool {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return false;
        };
        if !self.0.contains_key(folder) {
            let found = beside::Beside::read(folder).unwrap_or_default();
            self.0.insert(folder.to_owned(), found);
        }
        self.0.get(folder).is_some_and(|beside| beside.is_proof(name))
    }

    /// What image layouts lack, in words.
    fn lacking(&self) -> impl Iterator<Item = &str> {
        let found: BTreeSet<&str> = self.0.values().filter_map(beside::Beside::lacking).collect();
        found.into_iter()
    }
}

fn file_set(
    name: &str,
    version: &str,
    source: &Source,
    checksums: Option<&Path>,
    gathered: &mut Gathered,
) -> Result<Value, Vec<SelectError>> {
    check_set(name, version).map_err(|error| vec![error])?;
    let listing = list(&source.path).map_err(|error| vec![error])?;
    let stated = stated(source, checksums, &listing)?;
    let list_name = checksums.and_then(Path::to_str);
    let mut errors = Vec::new();
    let mut proofs = Proofs::default();
    for (relative, path) in listing.files() {
        let relative = &*relative;
        // A proof of another file is no file of the set.
        if Some(relative) == list_name || proofs.contains(&path) {
            continue;
        }
        let claims = match &stated {
            None => Vec::new(),
            Some(stated) => match stated.get(relative) {
                Some(claim) => vec![claim.clone()],
                None => {
                    gathered.left_out.push(format!(
                        "{}: {relative} is not in the list of checksums",
                        source.written
                    ));
                    continue;
                }
            },
        };
        if let Err(mismatch) = files::check_file(relative) {
            errors.push(SelectError::Entry {
                place: format!("{}: {relative}", source.written),
                reason: mismatch.reason,
            });
            continue;
        }
        gathered.add(
            plain(name, version, relative, claims, Some(path), Vec::new()),
            &source.written,
            Vec::new(),
        );
    }
    let lacking = proofs.lacking().map(|text| format!("{}: {text}", source.written));
    gathered.warnings.extend(lacking);
    leave_special(source, &listing, gathered);
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(json!({ "kind": "files", "source": source.written, "name": name, "version": version }))
}

fn single_file(
    name: &str,
    version: &str,
    file: &str,
    place: &Place,
    claim: &Claim,
    gathered: &mut Gathered,
) -> Result<Value, SelectError> {
    check_set(name, version)?;
    files::check_file(file).map_err(|mismatch| SelectError::Entry {
        place: format!("{name} {version}: {file}"),
        reason: mismatch.reason,
    })?;
    let claims = vec![claim.clone()];
    if Claim::strongest(&claims).is_none() {
        return Err(SelectError::Unpinned {
            artifact: format!("{} {name} {version}", files::ID),
            asked_by: "the selection".to_owned(),
        });
    }
    let (written, path, urls) = match place {
        Place::Path(source) => (source.written.clone(), Some(source.path.clone()), Vec::new()),
        Place::Url(url) => {
            // What is told of an address is without its query.
            let address = crate::net::Address::read(url).map_err(|error| SelectError::Entry {
                place: format!("{name} {version}: {file}"),
                reason: error.to_string(),
            })?;
            (address.to_string(), None, vec![url.clone()])
        }
    };
    gathered.add(plain(name, version, file, claims, path, urls), "selection", Vec::new());
    Ok(json!({
        "kind": "file", "source": written, "name": name, "version": version, "file": file, "digest": claim.to_string(),
    }))
}

fn plain(
    name: &str,
    version: &str,
    file: &str,
    claims: Vec<Claim>,
    path: Option<PathBuf>,
    urls: Vec<String>,
) -> Wanted {
    Wanted {
        ecosystem: files::ID,
        name: name.to_owned(),
        version: version.to_owned(),
        file: Some(file.to_owned()),
        claims,
        urls,
        registry: None,
        path,
        size: None,
    }
}

fn check_set(name: &str, version: &str) -> Result<(), SelectError> {
    files::check_name(name)
        .and_then(|()| files::check_version(version))
        .map_err(|mismatch| SelectError::Entry {
            place: format!("{name} {version}"),
            reason: mismatch.reason,
        })
}

/// The digests that a folder's list states, by relative path: the named list, or `SHA256SUMS` if it is there. A listed
/// file that is not there is an error.
fn stated(
    source: &Source,
    named: Option<&Path>,
    listing: &Listing,
) -> Result<Option<BTreeMap<String, Claim>>, Vec<SelectError>> {
    let path = match named {
        Some(name) => source.path.join(name),
        None => {
            let usual = source.path.join(checksums::LIST_NAME);
            if !usual.is_file() {
                return Ok(None);
            }
            usual
        }
    };
    let list_name = format!(
        "{}/{}",
        source.written,
        path.file_name().unwrap_or_default().to_string_lossy()
    );
    let text = read_text(&path).map_err(|error| vec![error])?;
    let entries = checksums::read(&checksums::unframed(&text)).map_err(|error| {
        vec![SelectError::Entry {
            place: list_name.clone(),
            reason: error.to_string(),
        }]
    })?;
    let missing: Vec<_> = listing
        .compare(&entries)
        .missing
        .into_iter()
        .map(|file| SelectError::Missing {
            list: list_name.clone(),
            file,
        })
        .collect();
    if !missing.is_empty() {
        return Err(missing);
    }
    Ok(Some(
        entries.into_iter().map(|entry| (entry.file, entry.claim)).collect(),
    ))
}

fn leave_special(source: &Source, listing: &Listing, gathered: &mut Gathered) {
    for relative in listing.special() {
        gathered
            .left_out
            .push(format!("{}: {relative} is not a plain file", source.written));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lockfile_is_a_plain_file_of_bounded_size() {
        let folder = tempfile::tempdir().unwrap();
        let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()));
        for path in [folder.path(), Path::new("/dev/null"), &pipe] {
            let error = bounded_text(path).unwrap_err();
            assert_eq!(error.to_string(), "it is not a plain file", "{}", path.display());
        }
        let opened = File::create(&file).unwrap();
        opened.set_len(MAX_LOCKFILE_BYTES).unwrap();
        assert_eq!(bounded_text(&file).unwrap().len() as u64, MAX_LOCKFILE_BYTES);
        opened.set_len(MAX_LOCKFILE_BYTES + 1).unwrap();
        assert!(bounded_text(&file).is_err());
    }

    #[test]
    fn one_file_of_a_set_has_the_names_that_a_folder_of_one_has() {
        let claim = Digest::of(b"x").into();
        let add = |name: &str, version: &str, file: &str| {
            let place = Place::Url("https://example.com/file".to_owned());
            single_file(name, version, file, &place, &claim, &mut Gathered::default())
        };
        assert!(add("set", "1.0", "file").is_ok());
        for (name, version, file) in [
            ("../set", "1.0", "file"),
            ("set", "1/0", "file"),
            ("set", "1.0", "../file"),
        ] {
            assert!(
                matches!(add(name, version, file), Err(SelectError::Entry { .. })),
                "{name} {version} {file}"
            );
        }
    }

    #[test]
    fn a_lockfile_that_is_no_text_is_not_an_empty_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"\xff\xfe").unwrap();
        assert!(bounded_text(file.path()).is_err());
    }

    #[test]
    fn a_registry_gets_its_own_password_and_no_other_s() {
        let base = |url: &str, authorization: &str| UpstreamBase {
            ecosystem: "npm",
            scope: None,
            url: url.to_owned(),
            authorization: Some(authorization.to_owned()),
            named_by: NamedBy::Client,
        };
        let named = [
            base("https://one.example.com/", "Bearer one"),
            base("https://two.example.com/", "Bearer two"),
        ];
        let authorization = |registry: &str| {
            let wanted = Wanted {
                ecosystem: "npm",
                name: "a".to_owned(),
                version: "1".to_owned(),
                file: None,
                claims: Vec::new(),
                urls: Vec::new(),
                registry: Some(registry.to_owned()),
                path: None,
                size: None,
            };
            upstreams_of(&wanted, &named, &[])[0].authorization.clone()
        };
        assert_eq!(authorization("https://two.example.com/").as_deref(), Some("Bearer two"));
        assert_eq!(authorization("https://three.example.com/"), None);
    }
}
