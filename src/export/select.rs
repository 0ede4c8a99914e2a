//! The first step: a selection file or arguments in, exact artifacts out. Reads lockfiles and lists folders; asks nobody.
//! `bundle-spec/selection.md` has the file's format.
//!
//! Lockfiles come from projects that may be hostile. Their sizes are bounded, and they can name other lockfiles
//! (`-r other.txt`) and artifacts beside them; an artifact's bytes are used only if they have the stated digest.

mod choices;
mod document;
mod entries;
mod inputs;
mod listing;
mod plan;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ecosystem::{Ecosystem, Elsewhere, SelectionError, UpstreamBase, Wanted};
use crate::model::{Claim, Code, Refusal, Stop, Unable};

pub(super) use choices::{Choices, Interner, index, joined};
pub(super) use plan::PlanHead;

/// What to select: read from a selection file, or put together from arguments.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The stream that the bundle belongs to.
    pub stream: Option<String>,
    /// The enclave that it is for.
    pub recipient: Option<String>,
    /// What to take.
    pub inputs: Vec<Input>,
    /// Folders searched for the bytes before upstream is asked.
    pub from: Vec<PathBuf>,
    /// Upstreams, before those of the client's configuration.
    pub upstreams: Vec<UpstreamBase>,
    /// Patterns of names that are not taken, such as `left-*` or `npm/left-pad`.
    pub exclude: Vec<String>,
    /// Hosts that may be asked over plain http.
    pub plain_http: BTreeSet<String>,
}

/// One thing to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// All artifacts that a lockfile pins.
    Lockfile(Source),
    /// All artifacts in a folder that their names tell.
    Folder {
        /// The folder.
        source: Source,
        /// The ecosystem; without it, each name has to tell.
        ecosystem: Option<String>,
    },
    /// Artifacts named one by one.
    Coordinates {
        /// The ecosystem.
        ecosystem: String,
        /// The coordinates, as the ecosystem writes them.
        coordinates: Vec<String>,
    },
    /// All plain files in a folder, as one set.
    Files {
        /// The set's name.
        name: String,
        /// Its version.
        version: String,
        /// The folder.
        source: Source,
        /// The list of checksums, relative to the folder; without it `SHA256SUMS` if it is there.
        checksums: Option<PathBuf>,
    },
    /// One plain file.
    File {
        /// The set's name.
        name: String,
        /// Its version.
        version: String,
        /// The file's name in the set.
        file: String,
        /// Where it is.
        place: Place,
        /// Its digest.
        claim: Claim,
    },
}

/// A path as it was written, and as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How plan and reports name it.
    pub written: String,
    /// The path from here.
    pub path: PathBuf,
}

/// Where a plain file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    Path(Source),
    /// At an address.
    Url(String),
}

impl Source {
    /// Takes a path relative to a folder. An absolute path, or one that climbs, is named by its last component: plans and
    /// reports shall not tell where a project lies, and be the same wherever it lies.
    pub fn new(written: &Path, folder: &Path) -> Self {
        use std::path::Component;
        let plain: Option<Vec<&str>> = written
            .components()
            .filter(|component| *component != Component::CurDir)
            .map(|component| match component {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect();
        let name = match plain {
            Some(components) if !components.is_empty() => components.join("/"),
            _ => written
                .file_name()
                .map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned()),
        };
        Self {
            written: name,
            path: folder.join(written),
        }
    }
}

/// Exactly what shall be carried.
#[derive(Debug)]
pub struct Selected {
    choices: Arc<Choices>,
    left_out: Vec<String>,
    warnings: Vec<String>,
    from: Vec<PathBuf>,
    upstreams: Vec<UpstreamBase>,
    plain_http: BTreeSet<String>,
    plan: PlanHead,
}

/// A wanted artifact, and what asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The artifact.
    pub wanted: Wanted,
    /// The lockfiles or folders that ask for it, in words.
    pub reason: String,
    /// The upstreams that those lockfiles name for it.
    pub upstreams: Vec<UpstreamBase>,
}

/// What [`Selected::into_parts`] gives.
pub(super) struct SelectedParts {
    /// The artifacts, sorted.
    pub(super) choices: Arc<Choices>,
    /// What was seen and is not taken.
    pub(super) left_out: Vec<String>,
    /// What the operator should know.
    pub(super) warnings: Vec<String>,
    /// Folders to search.
    pub(super) from: Vec<PathBuf>,
    /// The upstreams that the selection names.
    pub(super) upstreams: Vec<UpstreamBase>,
    /// What was asked for, beside the artifacts.
    pub(super) plan: PlanHead,
}

impl Selected {
    /// The artifacts, sorted. Each is made anew from a compact table.
    pub fn wanted(&self) -> impl ExactSizeIterator<Item = Chosen> + '_ {
        (0..self.choices.len()).map(|at| self.choices.chosen(index(at)))
    }

    /// The artifacts as they are held.
    pub(super) const fn choices(&self) -> &Arc<Choices> {
        &self.choices
    }

    /// The folders to search.
    pub fn from(&self) -> &[PathBuf] {
        &self.from
    }

    /// What was seen and is not taken.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// What the operator should know.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The upstreams that the selection names.
    pub fn upstreams(&self) -> &[UpstreamBase] {
        &self.upstreams
    }

    /// The upstreams that the lockfiles name, some of them several times.
    pub fn lockfile_upstreams(&self) -> impl Iterator<Item = &UpstreamBase> {
        self.choices.all_upstreams()
    }

    /// The ids of the ecosystems that something is wanted of.
    pub fn ecosystems(&self) -> BTreeSet<&'static str> {
        self.choices.ecosystems().collect()
    }

    /// The hosts that may be asked over plain http.
    pub const fn plain_http(&self) -> &BTreeSet<String> {
        &self.plain_http
    }

    /// Every address that a lockfile or the selection names for a file.
    pub fn named_urls(&self) -> impl Iterator<Item = &str> {
        self.choices.urls()
    }

    /// The stream, if the selection names it.
    pub fn stream(&self) -> Option<&str> {
        self.plan.stream.as_deref()
    }

    /// The recipient, if the selection names it.
    pub fn recipient(&self) -> Option<&str> {
        self.plan.recipient.as_deref()
    }

    /// What was asked for, as strict JSON; its digest goes into the manifest.
    pub fn plan(&self) -> Vec<u8> {
        let mut text = Vec::new();
        self.plan
            .write(&self.choices, &mut text)
            .expect("memory can always be written to");
        text
    }

    pub(super) const fn plan_head(&self) -> &PlanHead {
        &self.plan
    }

    /// Gives everything to the next step.
    pub(super) fn into_parts(self) -> SelectedParts {
        SelectedParts {
            choices: self.choices,
            left_out: self.left_out,
            warnings: self.warnings,
            from: self.from,
            upstreams: self.upstreams,
            plan: self.plan,
        }
    }
}

/// A selection cannot be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The selection file does not fit its format.
    #[error("{file} is not a selection")]
    Document {
        /// The file.
        file: String,
        /// Why.
        source: crate::crypto::yaml::YamlError,
    },
    /// An entry of the selection says too much, too little or nonsense.
    #[error("{place}: {reason}")]
    Entry {
        /// Which entry.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// An ecosystem that this program does not know.
    #[error("there is no ecosystem `{id}`")]
    UnknownEcosystem {
        /// The id.
        id: String,
    },
    /// A file is no lockfile that any ecosystem knows.
    #[error("{file} is not a lockfile that sealift knows")]
    UnknownLockfile {
        /// The file.
        file: String,
    },
    /// The lockfile cannot be read.
    #[error(transparent)]
    Lockfile(#[from] SelectionError),
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An artifact is pinned by nothing, or by SHA-1 only.
    #[error("{artifact} has no digest stronger than SHA-1")]
    Unpinned {
        /// The artifact.
        artifact: String,
        /// The lockfile.
        asked_by: String,
    },
    /// A list of checksums names a file that is not there.
    #[error("{list} names {file}, which is not there")]
    Missing {
        /// The list.
        list: String,
        /// The file.
        file: String,
    },
    /// Nothing is left to carry.
    #[error("the selection is empty")]
    Empty,
}

impl SelectError {
    /// A refusal where the selection is wrong; `Err` where this run failed.
    fn into_refusal(self) -> Result<Refusal, Unable> {
        let text = self.to_string();
        let malformed = |subject: String, reason: String| Refusal::new(Code::SelectionMalformed, subject, reason);
        Ok(match self {
            Self::Document { file, source } => {
                let cause = std::error::Error::source(&source).map_or_else(|| source.to_string(), ToString::to_string);
                malformed(file, cause)
            }
            Self::Entry { place, reason } => malformed(place, reason),
            Self::UnknownEcosystem { id } => malformed(id, "there is no such ecosystem".to_owned()),
            Self::UnknownLockfile { file } => malformed(file, "it is not a lockfile that sealift knows".to_owned())
                .hint("plain files need a name and version: see `files` in the selection file's description"),
            Self::Lockfile(SelectionError::Malformed { file, reason }) => malformed(file, reason),
            Self::Lockfile(SelectionError::Unpinned { file, entry }) => {
                Refusal::new(Code::SelectionUnpinned, entry, format!("{file} gives it no hash"))
            }
            Self::Lockfile(SelectionError::Unreadable { path, source }) => {
                return Err(Unable::new(format!("cannot read {path}")).because(source));
            }
            Self::Unreadable { source, .. } => return Err(Unable::new(text).because(source)),
            Self::Unpinned { artifact, asked_by } => Refusal::new(
                Code::SelectionUnpinned,
                artifact,
                format!("{asked_by} gives it no digest stronger than SHA-1"),
            ),
            Self::Missing { list, file } => Refusal::new(
                Code::ArtifactNotFound,
                file,
                format!("{list} names it, and it is not there"),
            ),
            Self::Empty => malformed("selection".to_owned(), text),
        })
    }
}

impl From<SelectError> for Stop {
    fn from(error: SelectError) -> Self {
        match error.into_refusal() {
            Ok(refusal) => refusal.into(),
            Err(unable) => unable.into(),
        }
    }
}

/// Reads all inputs. Everything that is wrong with them is said at once.
pub fn select(request: Request, ecosystems: &[&'static dyn Ecosystem]) -> Result<Selected, Stop> {
    let mut gathered = Gathered::default();
    let mut refusals = Vec::new();
    let mut plan_inputs = Vec::new();
    for input in &request.inputs {
        match inputs::read(input, ecosystems, &mut gathered) {
            Ok(planned) => plan_inputs.push(planned),
            Err(errors) => {
                for error in errors {
                    refusals.push(error.into_refusal()?);
                }
            }
        }
    }
    if !refusals.is_empty() {
        return Err(Stop::Refused(refusals));
    }
    gathered.choices.settle();
    gathered.exclude(&request.exclude);
    let Gathered {
        choices,
        mut left_out,
        elsewhere,
        warnings,
    } = gathered;
    if choices.len() == 0 {
        return Err(SelectError::Empty.into());
    }
    left_out.sort();
    left_out.dedup();
    let plan = PlanHead {
        elsewhere,
        exclude: request.exclude,
        inputs: plan_inputs,
        left_out: left_out.clone(),
        recipient: request.recipient,
        stream: request.stream,
    };
    Ok(Selected {
        choices: Arc::new(choices),
        left_out,
        warnings,
        from: request.from,
        upstreams: request.upstreams,
        plain_http: request.plain_http,
        plan,
    })
}

/// What the inputs gave so far. One artifact that several inputs want is one.
#[derive(Default)]
struct Gathered {
    choices: Choices,
    left_out: Vec<String>,
    elsewhere: BTreeSet<(&'static str, Elsewhere)>,
    warnings: Vec<String>,
}

impl Gathered {
    fn add(&mut self, wanted: Wanted, reason: &str, upstreams: Vec<UpstreamBase>) {
        self.choices.add(wanted, reason, upstreams);
    }

    fn exclude(&mut self, patterns: &[String]) {
        for pattern in patterns {
            let before = self.choices.len();
            let left_out = &mut self.left_out;
            self.choices.retain(|ecosystem, name, version| {
                let excluded = matches(pattern, name) || matches(pattern, &format!("{ecosystem}/{name}"));
                if excluded {
                    left_out.push(format!("{ecosystem} {name} {version}: excluded by `{pattern}`"));
                }
                !excluded
            });
            if self.choices.len() == before {
                self.warnings.push(format!("nothing is excluded by `{pattern}`"));
            }
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters and `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at_pattern, mut at_text) = (0, 0);
    // Where the last star stands, and how much text it has taken: on a mismatch it takes one more.
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(character) if *character == '?' || *character == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match &mut star {
                None => return false,
                Some((star_at, taken_to)) => {
                    *taken_to += 1;
                    at_pattern = *star_at + 1;
                    at_text = *taken_to;
                }
            },
        }
    }
    pattern[at_pattern..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("left-*", "left-pad", true),
            ("left-*", "bright-left-pad", false),
            ("*-types", "a-b-types", true),
            ("npm/@types/*", "npm/@types/node", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        // Time does not explode with the number of stars.
        assert!(!matches(&"a*".repeat(40), &format!("{}b", "a".repeat(39))));
    }

    #[test]
    fn written_paths_do_not_tell_where_a_project_lies() {
        let folder = Path::new("base");
        for (path, written) in [
            ("Cargo.lock", "Cargo.lock"),
            ("./sub/Cargo.lock", "sub/Cargo.lock"),
            ("../other/Cargo.lock", "Cargo.lock"),
            ("/secret/place/uv.lock", "uv.lock"),
            (".", "."),
        ] {
            assert_eq!(Source::new(Path::new(path), folder).written, written, "{path}");
        }
    }
}
