//! The library that verifies timestamp, snapshot and targets, behind this one file.
//!
//! What sigstore-tuf does: thresholds, versions, lengths, digests and expiry of each file against the one that names it. What it leaves to us:
//! the search through delegations (§5.6.7), which is bounded here, and the roots (`root.rs`). What we do again: thresholds, as the
//! library counts a key twice that has two ids, and does not verify strictly.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sigstore_tuf::{DelegatedRole, Error, TrustedMetadataSet};

use super::root::{Root, check_threshold};
use crate::evidence::reading::shown;
use crate::evidence::securesystems::{Document, keys};
use crate::evidence::sigstore::refusal::Refusal;
use crate::evidence::sigstore::statement::{Comparison, Digests, Subject};
use crate::model::{Digest, Doubt, Fault, Timestamp};

/// Hash bins of a proof that carries what it needs are a handful.
const MAX_ROLES: usize = 128;
/// Files that fit a role by version, digest and key ids are tried by their signatures: one or two for each role.
const MAX_TRIES: usize = 1024;
/// Paths that end in the artifact's file name; the same file for many systems.
const MAX_PATHS: usize = 64;

const TOP: &str = "targets";

/// A file of targets of which it is not known yet whose it is: files do not say that.
struct File<'f> {
    bytes: &'f [u8],
    sha256: String,
    version: Option<u64>,
    hints: Vec<String>,
    paths: Vec<String>,
    used: bool,
}

/// A repository's metadata that was found good.
pub(super) struct Repository {
    trusted: TrustedMetadataSet,
    roles: Vec<String>,
    /// The files of the roles.
    documents: BTreeMap<String, Document>,
    /// Who signed timestamp, snapshot and the top role.
    signers: BTreeSet<Digest>,
    /// Who signed the top role.
    top: BTreeSet<Digest>,
    /// Roles whose file the proof brings, and which are wrong: they count against what is delegated to them alone.
    failed: BTreeMap<String, Refusal>,
    /// What files list that are no role's, or a failed one's.
    unloaded: Vec<String>,
    at: jiff::Timestamp,
}

/// A target that is the artifact.
pub(super) struct Found {
    pub(super) path: String,
    pub(super) claims: Vec<(String, String)>,
    /// Who signed the role in which it stands.
    pub(super) own: BTreeSet<Digest>,
    /// Who signed what leads to it, that role among it.
    pub(super) signers: BTreeSet<Digest>,
}

/// Where a search ended.
enum Search {
    /// At the artifact: what is said of it, who signed the role in which it stands, where it is a delegated one, and who the roles on
    /// the way.
    Target(Vec<(String, String)>, Option<BTreeSet<Digest>>, BTreeSet<Digest>),
    /// A role says that nobody after it is to be asked.
    Ended,
    Nothing,
}

impl Repository {
    /// Verifies a repository's files below its root, all as of one time. Whoever found the root saw that it is valid then.
    pub(super) fn open(
        root: &Root,
        timestamp: &[u8],
        snapshot: &[u8],
        targets: &[&[u8]],
        at: Timestamp,
    ) -> Result<Self, Refusal> {
        let at = jiff::Timestamp::from_second(at.seconds()).map_err(|_| Refusal::malformed("the time of judging"))?;
        if root.has_bare_points() {
            let reason = "the root lists keys as bare points, by which roots alone are judged";
            return Err(Refusal::doubt(Doubt::UnknownFormat, reason));
        }
        let mut trusted = TrustedMetadataSet::from_root(&root.bytes).map_err(|error| refusal("root", error))?;
        trusted
            .update_timestamp(timestamp, at)
            .map_err(|error| refusal("timestamp", error))?;
        trusted
            .update_snapshot(snapshot, at)
            .map_err(|error| refusal("snapshot", error))?;
        let mut signers = root.check_role(&Document::read(timestamp)?, "timestamp")?;
        signers.extend(root.check_role(&Document::read(snapshot)?, "snapshot")?);
        let mut this = Self {
            trusted,
            roles: Vec::new(),
            documents: BTreeMap::new(),
            signers,
            top: BTreeSet::new(),
            failed: BTreeMap::new(),
            unloaded: Vec::new(),
            at,
        };
        let mut files = targets
            .iter()
            .map(|bytes| File::read(bytes))
            .collect::<Result<Vec<_>, _>>()?;
        let mut tries = MAX_TRIES;
        let ids = root.ids(TOP).to_vec();
        this.load(TOP, &ids, None, &mut files, &mut tries)?;
        this.top = root.check_role(this.document(TOP)?, TOP)?;
        this.signers.extend(this.top.iter().copied());
        // Every role that a loaded one delegates to, as far as the proof brings its file: a search that needs another says so.
        let mut next = 0;
        while let Some(delegator) = this.roles.get(next).cloned() {
            next += 1;
            for role in this.delegated(&delegator) {
                if this.roles.contains(&role.name) {
                    continue;
                }
                let loaded = if this.roles.len() < MAX_ROLES {
                    let by = Some((delegator.as_str(), &role));
                    this.load(&role.name, &role.keyids, by, &mut files, &mut tries)
                } else {
                    let reason = format!("at most {MAX_ROLES} roles are judged");
                    Err(Refusal::doubt(Doubt::TooLarge, reason))
                };
                if let Err(refusal) = loaded {
                    this.failed.insert(role.name, refusal);
                }
            }
        }
        let unused = files.into_iter().filter(|file| !file.used);
        this.unloaded = unused.flat_map(|file| file.paths).collect();
        Ok(this)
    }

    /// Finds the file of a role among those that fit it. Where several fit, one that was not taken and lists what is delegated comes
    /// first: whoever serves files could present each of them as the role's, so no choice is weaker than another.
    fn load(
        &mut self,
        role: &str,
        ids: &[String],
        delegated: Option<(&str, &DelegatedRole)>,
        files: &mut [File<'_>],
        tries: &mut usize,
    ) -> Result<(), Refusal> {
        let pin = self
            .trusted
            .snapshot()
            .and_then(|snapshot| snapshot.meta.get(&format!("{role}.json")))
            .ok_or_else(|| {
                let reason = format!("the snapshot does not list role `{}`", shown(role));
                Refusal::doubt(Doubt::Incomplete, reason)
            })?
            .clone();
        let pinned = pin.hashes.as_ref().and_then(|hashes| hashes.get("sha256"));
        let signs = |file: &File<'_>| file.hints.iter().any(|hint| ids.contains(hint));
        let mut fitting: Vec<usize> = (0..files.len())
            .filter(|index| {
                let file = &files[*index];
                let is_named = pinned.is_none_or(|digest| digest.eq_ignore_ascii_case(&file.sha256));
                signs(file) && file.version == Some(pin.version) && is_named
            })
            .collect();
        fitting.sort_by_key(|index| {
            let file = &files[*index];
            let lists = delegated.is_some_and(|(_, role)| {
                let paths = file.paths.iter().take(MAX_PATHS);
                paths.filter(|path| role.matches_path(path).unwrap_or(false)).count() > 0
            });
            (file.used, !lists)
        });
        let mut best = match (delegated, files.iter().any(signs)) {
            (None, true) => Refusal::wrong(
                Fault::ChainWrong,
                format!("no file of role `{}` is the one that the snapshot names", shown(role)),
            ),
            _ => Refusal::doubt(
                Doubt::Incomplete,
                format!("the file of role `{}` is not in the proof", shown(role)),
            ),
        };
        for index in fitting {
            if *tries == 0 {
                return Err(Refusal::doubt(Doubt::TooLarge, "too many files fit too many roles"));
            }
            *tries -= 1;
            let bytes = files[index].bytes;
            let loaded = match delegated {
                None => self.trusted.update_targets(bytes, self.at).map(drop),
                Some((delegator, _)) => self
                    .trusted
                    .update_delegated_targets(bytes, role, delegator, self.at)
                    .map(drop),
            };
            match loaded {
                Ok(()) => {
                    files[index].used = true;
                    self.documents.insert(role.to_owned(), Document::read(bytes)?);
                    self.roles.push(role.to_owned());
                    return Ok(());
                }
                Err(error) => best = refusal(role, error),
            }
        }
        Err(best)
    }

    fn document(&self, role: &str) -> Result<&Document, Refusal> {
        self.documents.get(role).ok_or_else(|| {
            let reason = format!("the file of role `{}` is not in the proof", shown(role));
            Refusal::doubt(Doubt::Incomplete, reason)
        })
    }

    /// Whether a role's file may be reached through another one: by that one's keys for it, which may be others than those of a
    /// third one. Gives who signed it.
    fn check_delegated(&self, delegator: &str, role: &DelegatedRole) -> Result<BTreeSet<Digest>, Refusal> {
        self.trusted
            .verify_delegated_targets(&role.name, delegator, self.at)
            .map_err(|error| refusal(&role.name, error))?;
        let listed = keys(self.document(delegator)?.signed.pointer("/delegations/keys"))?;
        let threshold = u64::try_from(role.threshold).unwrap_or(u64::MAX);
        check_threshold(self.document(&role.name)?, &listed, &role.keyids, threshold, &role.name)
    }

    fn delegated(&self, delegator: &str) -> Vec<DelegatedRole> {
        self.trusted
            .targets_role(delegator)
            .and_then(|targets| targets.delegations.as_ref())
            .map(|delegations| delegations.roles.clone())
            .unwrap_or_default()
    }

    /// Finds the artifact among the targets: a path that is, or ends in, its file's name, as the first role says that is to be
    /// asked for it.
    pub(super) fn find(&self, digests: &mut Digests<'_>) -> Result<Found, Refusal> {
        let file = digests.artifact().file.clone();
        let is_called = |path: &&String| {
            path.strip_suffix(file.as_str())
                .is_some_and(|front| front.is_empty() || front.ends_with('/'))
        };
        let roles = self.roles.iter().filter_map(|role| self.trusted.targets_role(role));
        let listed = roles.flat_map(|targets| targets.targets.keys());
        let mut paths: Vec<&String> = listed.chain(&self.unloaded).filter(is_called).collect();
        paths.sort_unstable();
        paths.dedup();
        if paths.len() > MAX_PATHS {
            let reason = format!(
                "{} targets are called `{file}`, and at most {MAX_PATHS} are looked at",
                paths.len()
            );
            return Err(Refusal::doubt(Doubt::TooLarge, reason));
        }
        let mut best = Refusal::doubt(
            Doubt::Incomplete,
            format!("no target of the repository is called `{file}`"),
        );
        for path in paths {
            let mut visited = Vec::new();
            match self.search(TOP, path, digests, &mut visited) {
                Ok(Search::Target(mut claims, own, mut signers)) => {
                    claims.extend(self.versions());
                    signers.extend(self.signers.iter().copied());
                    return Ok(Found {
                        path: shown(path),
                        claims,
                        own: own.unwrap_or_else(|| self.top.clone()),
                        signers,
                    });
                }
                // What a file says that is no role's is nothing.
                Ok(Search::Ended | Search::Nothing) if self.unloaded.contains(path) => {}
                Ok(Search::Ended | Search::Nothing) => {
                    let refusal = Refusal::wrong(
                        Fault::ChainWrong,
                        format!("target `{}` stands in a role that nobody delegates it to", shown(path)),
                    );
                    if best.weight() < refusal.weight() {
                        best = refusal;
                    }
                }
                Err(refusal) if best.weight() <= refusal.weight() => best = refusal,
                Err(_) => {}
            }
        }
        Err(best)
    }

    /// Asks a role for a path, then those to which it delegates it, in their order (§5.6.7.2). Each is asked once, and no more are there
    /// than were loaded.
    fn search(
        &self,
        role: &str,
        path: &str,
        digests: &mut Digests<'_>,
        visited: &mut Vec<String>,
    ) -> Result<Search, Refusal> {
        if visited.iter().any(|known| known == role) {
            return Ok(Search::Nothing);
        }
        visited.push(role.to_owned());
        let Some(targets) = self.trusted.targets_role(role) else {
            let reason = format!("the file of role `{}` is not in the proof", shown(role));
            let missing = || Refusal::doubt(Doubt::Incomplete, reason);
            return Err(self.failed.get(role).cloned().unwrap_or_else(missing));
        };
        if let Some(target) = targets.target(path) {
            let subject = Subject {
                name: path.to_owned(),
                digests: target.hashes.clone(),
            };
            return match digests.compare(&subject)? {
                Comparison::Same => {
                    let claims = vec![("target".to_owned(), shown(path)), ("role".to_owned(), shown(role))];
                    Ok(Search::Target(claims, None, BTreeSet::new()))
                }
                Comparison::Differs => Err(Refusal::wrong(
                    Fault::SubjectDiffers,
                    format!("target `{}` of role `{}` has other bytes", shown(path), shown(role)),
                )),
                Comparison::Unknown => Err(Refusal::doubt(
                    Doubt::UnknownAlgorithm,
                    format!("target `{}` has no digest that is known here", shown(path)),
                )),
            };
        }
        for delegated in self.delegated(role) {
            if !delegated.matches_path(path).map_err(|error| refusal(role, error))? {
                continue;
            }
            let own = match self.trusted.targets_role(&delegated.name) {
                Some(_) => self.check_delegated(role, &delegated)?,
                None => BTreeSet::new(),
            };
            match self.search(&delegated.name, path, digests, visited)? {
                Search::Nothing if !delegated.terminating => {}
                Search::Nothing | Search::Ended => return Ok(Search::Ended),
                Search::Target(claims, standing, mut signers) => {
                    signers.extend(own.iter().copied());
                    return Ok(Search::Target(claims, standing.or(Some(own)), signers));
                }
            }
        }
        Ok(Search::Nothing)
    }

    /// What a client would compare with what it saw before.
    fn versions(&self) -> Vec<(String, String)> {
        let mut versions = vec![("root-version".to_owned(), self.trusted.root().version.to_string())];
        if let Some(timestamp) = self.trusted.timestamp() {
            versions.push(("timestamp-version".to_owned(), timestamp.version.to_string()));
        }
        if let Some(snapshot) = self.trusted.snapshot() {
            versions.push(("snapshot-version".to_owned(), snapshot.version.to_string()));
        }
        versions
    }
}

impl<'f> File<'f> {
    fn read(bytes: &'f [u8]) -> Result<Self, Refusal> {
        let document = Document::read(bytes)?;
        let targets = document.signed.get("targets").and_then(Value::as_object);
        Ok(Self {
            bytes,
            sha256: Digest::of(bytes).hex(),
            version: document.number("version"),
            hints: document.hints().map(str::to_owned).collect(),
            paths: targets
                .into_iter()
                .flat_map(|targets| targets.keys().cloned())
                .collect(),
            used: false,
        })
    }
}

/// The library's error, told apart as wrong or not to be judged.
fn refusal(role: &str, error: Error) -> Refusal {
    let reason = format!("role `{}`: {}", shown(role), shown(&error.to_string()));
    match error {
        Error::Expired { .. } => Refusal::wrong(Fault::Expired, reason),
        Error::ThresholdNotMet { .. } | Error::DuplicateSignature { .. } | Error::Crypto(_) => {
            Refusal::wrong(Fault::SignatureWrong, reason)
        }
        Error::IntegrityMismatch(_)
        | Error::Rollback { .. }
        | Error::EqualVersion { .. }
        | Error::BadRootVersion { .. } => Refusal::wrong(Fault::ChainWrong, reason),
        Error::UnsupportedScheme { .. } | Error::UnusableKey { .. } => Refusal::doubt(Doubt::UnknownAlgorithm, reason),
        Error::UnknownRole(_) | Error::TargetNotFound(_) | Error::NotRefreshed => {
            Refusal::doubt(Doubt::Incomplete, reason)
        }
        _ => Refusal::malformed(reason),
    }
}
