//! Reads one input: a lockfile, a folder of artifacts, a set of plain files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Gathered, Input, Place, SelectError, Source};
use crate::ecosystem::files::{self, checksums};
use crate::ecosystem::{Ecosystem, Files, NamedBy, SelectionError, UpstreamBase, Wanted};
use crate::model::{Claim, Digest};

/// The largest lockfiles of monorepos have some 10 MiB.
const MAX_LOCKFILE_BYTES: u64 = 64 << 20;

/// A folder of downloads holds thousands; more is a wrong path, such as a whole disk.
const MAX_FOLDER_FILES: usize = 1_000_000;

/// Downloads lie flat or a few levels deep.
const MAX_FOLDER_DEPTH: usize = 16;

/// Reads an input; gives its entry in the plan, or all that is wrong with it.
pub(super) fn read(
    input: &Input,
    ecosystems: &[&'static dyn Ecosystem],
    gathered: &mut Gathered,
) -> Result<Value, Vec<SelectError>> {
    match input {
        Input::Lockfile(source) => lockfile(source, ecosystems, gathered),
        Input::Folder { source, ecosystem } => folder(source, ecosystem.as_deref(), ecosystems, gathered),
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
    let file = File::open(path)?;
    // A pipe or device would never end, or hang.
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a plain file"));
    }
    let mut text = String::new();
    file.take(MAX_LOCKFILE_BYTES + 1).read_to_string(&mut text)?;
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
    let mut errors = Vec::new();
    let for_one: BTreeSet<String> = selection
        .wanted
        .iter()
        .filter_map(|wanted| wanted.registry.clone())
        .collect();
    // What no entry names as its own registry holds for every entry, as with `--extra-index-url`.
    let for_all: Vec<UpstreamBase> = selection
        .upstreams
        .iter()
        .filter(|base| !for_one.contains(&base.url))
        .cloned()
        .collect();
    for mut wanted in selection.wanted {
        if Claim::strongest(&wanted.claims).is_none() && !ecosystem.has_signed_index() {
            errors.push(SelectError::Unpinned {
                artifact: format!("{} {} {}", wanted.ecosystem, wanted.name, wanted.version),
                asked_by: source.written.clone(),
            });
            continue;
        }
        wanted.path = wanted.path.map(|path| beside.join(path));
        let upstreams = upstreams_of(&wanted, &selection.upstreams, &for_all);
        gathered.add(wanted, &source.written, upstreams);
    }
    gathered.left_out.extend(
        selection
            .left_out
            .into_iter()
            .map(|what| format!("{}: {what}", source.written)),
    );
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
fn upstreams_of(wanted: &Wanted, named: &[UpstreamBase], for_all: &[UpstreamBase]) -> Vec<UpstreamBase> {
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
    for (relative, path) in &listing.files {
        let file_name = relative.rsplit('/').next().unwrap_or(relative);
        let known: Vec<_> = candidates
            .iter()
            .filter_map(|ecosystem| Some((ecosystem, ecosystem.recognise(file_name)?)))
            .collect();
        let leave = |gathered: &mut Gathered, why: &str| {
            gathered.left_out.push(format!("{}: {relative} {why}", source.written));
        };
        let (ecosystem, coordinate) = match known.as_slice() {
            [] => {
                leave(gathered, "is not named as an artifact");
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
            Some(stated) => match stated.get(relative.as_str()) {
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
            path: Some(path.clone()),
            size: None,
        };
        gathered.add(wanted, &source.written, Vec::new());
    }
    leave_special(source, &listing, gathered);
    Ok(json!({ "kind": "folder", "source": source.written, "ecosystem": ecosystem }))
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
    for (relative, path) in &listing.files {
        if Some(relative.as_str()) == list_name {
            continue;
        }
        let claims = match &stated {
            None => Vec::new(),
            Some(stated) => match stated.get(relative.as_str()) {
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
            plain(name, version, relative, claims, Some(path.clone()), Vec::new()),
            &source.written,
            Vec::new(),
        );
    }
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
    let entries = checksums::read(&text).map_err(|error| {
        vec![SelectError::Entry {
            place: list_name.clone(),
            reason: error.to_string(),
        }]
    })?;
    let present = listing.files.iter().map(|(relative, _)| relative.as_str());
    let missing: Vec<_> = checksums::compare(&entries, present)
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

/// A folder's plain files, sorted, without a list of checksums of the usual name; and what is neither file nor folder.
struct Listing {
    files: Vec<(String, PathBuf)>,
    special: Vec<String>,
}

fn list(folder: &Path) -> Result<Listing, SelectError> {
    let mut listing = Listing {
        files: Vec::new(),
        special: Vec::new(),
    };
    let unreadable = |path: &Path, source: std::io::Error| SelectError::Unreadable {
        path: path.to_owned(),
        source,
    };
    // The folder itself may be a link that the operator gave; links within it are not followed.
    let folder = fs::canonicalize(folder).map_err(|source| unreadable(folder, source))?;
    let walk = walkdir::WalkDir::new(&folder)
        .min_depth(1)
        .max_depth(MAX_FOLDER_DEPTH)
        .follow_links(false)
        .sort_by_file_name();
    for entry in walk {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(&folder).to_owned();
            unreadable(&path, error.into())
        })?;
        if entry.file_type().is_dir() {
            continue;
        }
        let relative = entry.path().strip_prefix(&folder).unwrap_or(entry.path());
        let Some(relative) = relative.to_str().map(|text| text.replace('\\', "/")) else {
            listing.special.push(relative.to_string_lossy().into_owned());
            continue;
        };
        if !entry.file_type().is_file() {
            listing.special.push(relative);
        } else if relative != checksums::LIST_NAME {
            listing.files.push((relative, entry.into_path()));
        }
        if listing.files.len() > MAX_FOLDER_FILES {
            return Err(unreadable(
                &folder,
                std::io::Error::other("it holds more than 1,000,000 files"),
            ));
        }
    }
    Ok(listing)
}

fn leave_special(source: &Source, listing: &Listing, gathered: &mut Gathered) {
    for relative in &listing.special {
        gathered
            .left_out
            .push(format!("{}: {relative} is not a plain file", source.written));
    }
}
