//! pip's requirements files: <https://pip.pypa.io/en/stable/reference/requirements-file-format/>.
//!
//! As pip in `--require-hashes` mode: every requirement is pinned with `==` and has hashes, itself or by a constraint.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::super::coordinate::read_file_name;
use super::super::{ID, url};
use super::Draft;
use crate::ecosystem::{Files, SelectionError, Wanted};

/// Files that include each other: more is a mistake or an attack on our patience.
const MAX_INCLUDED: usize = 100;

/// What a requirements file and those that it includes say.
#[derive(Default)]
struct Gathered {
    requirements: Vec<Requirement>,
    constraints: BTreeMap<String, Vec<Requirement>>,
    index: Option<String>,
    visited: BTreeSet<(String, Role)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Requirements,
    Constraints,
}

/// A named requirement, with the place that it stands in.
struct Requirement {
    place: String,
    name: String,
    version: Option<String>,
    hashes: Vec<String>,
}

pub(super) fn read(draft: &mut Draft, text: &str, files: &dyn Files) -> Result<(), SelectionError> {
    let mut gathered = Gathered::default();
    let file = draft.file.clone();
    let own_name = file.rsplit('/').next().unwrap_or(&file).to_owned();
    gathered.visited.insert((own_name, Role::Requirements));
    read_file(draft, &mut gathered, &file, "", text, Role::Requirements, files)?;

    for requirement in std::mem::take(&mut gathered.requirements) {
        let constraints = gathered
            .constraints
            .get(&requirement.name)
            .map_or(&[][..], Vec::as_slice);
        let version = requirement
            .version
            .as_deref()
            .or_else(|| constraints.iter().find_map(|constraint| constraint.version.as_deref()))
            .ok_or_else(|| draft.malformed(format!("{}: it is not pinned with `==`", requirement.place)))?;
        let version = draft.version(&requirement.place, version)?;
        let mut hashes = requirement.hashes;
        if hashes.is_empty() {
            hashes = constraints
                .iter()
                .flat_map(|constraint| constraint.hashes.clone())
                .collect();
        }
        let claims = draft.claims(&requirement.place, hashes.iter().map(String::as_str))?;
        draft.want(Wanted {
            ecosystem: ID,
            name: requirement.name,
            version,
            file: None,
            claims,
            urls: Vec::new(),
            registry: gathered.index.clone(),
            path: None,
            size: None,
        });
    }
    Ok(())
}

/// Reads one file; `folder` is its folder, relative to the first file's.
fn read_file(
    draft: &mut Draft,
    gathered: &mut Gathered,
    file: &str,
    folder: &str,
    text: &str,
    role: Role,
    files: &dyn Files,
) -> Result<(), SelectionError> {
    for (number, line) in logical_lines(text) {
        let place = format!("{file} line {number}");
        if line.starts_with('-') {
            read_option(draft, gathered, &place, folder, &line, role, files)?;
        } else {
            read_requirement(draft, gathered, &place, folder, &line, role)?;
        }
    }
    Ok(())
}

/// Joins continued lines, drops comments and empty lines; each with the number of its first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        let (mut number, mut joined) = open.take().unwrap_or((index + 1, String::new()));
        if joined.is_empty() {
            number = index + 1;
        }
        // A comment ends a continuation, as in pip.
        if !is_comment && let Some(start) = line.strip_suffix('\\') {
            joined.push_str(start);
            open = Some((number, joined));
            continue;
        }
        joined.push(' ');
        joined.push_str(line);
        lines.push((number, joined));
    }
    lines.extend(open);
    lines
        .into_iter()
        .map(|(number, line)| (number, without_comment(&line).trim().to_owned()))
        .filter(|(_, line)| !line.is_empty())
        .collect()
}

/// A `#` starts a comment at the start or after white space; in a URL it is a fragment.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        if character == '#' && before.is_whitespace() {
            return &line[..at];
        }
        before = character;
    }
    line
}

/// Splits `--option=value`, `--option value`, `-o value` and `-ovalue`.
fn split_option(line: &str) -> (&str, &str) {
    let end = line
        .find(|next: char| next.is_whitespace() || next == '=')
        .unwrap_or(line.len());
    if !line.starts_with("--") && end > 2 && line.is_char_boundary(2) {
        return (&line[..2], line[2..].trim());
    }
    let value = &line[end..];
    (&line[..end], value.strip_prefix('=').unwrap_or(value).trim())
}

fn read_option(
    draft: &mut Draft,
    gathered: &mut Gathered,
    place: &str,
    folder: &str,
    line: &str,
    role: Role,
    files: &dyn Files,
) -> Result<(), SelectionError> {
    let (option, value) = split_option(line);
    let value = value.trim_matches(['"', '\'']);
    match option {
        "-r" | "--requirement" => include(draft, gathered, place, folder, value, role, files)?,
        "-c" | "--constraint" => include(draft, gathered, place, folder, value, Role::Constraints, files)?,
        "-i" | "--index-url" | "--pypi-url" => {
            if let Some(index) = draft.index(value)? {
                gathered.index = Some(index);
            }
        }
        "--extra-index-url" => drop(draft.index(value)?),
        "-f" | "--find-links" => draft.leave_out(format!("{place}: --find-links: name its folder in the selection")),
        "-e" | "--editable" => draft.leave_out(format!("{place}: an editable source tree")),
        "--no-index" => gathered.index = None,
        "--pre" | "--require-hashes" | "--prefer-binary" | "--no-binary" | "--only-binary" | "--trusted-host"
        | "--use-feature" => {}
        _ => return Err(draft.malformed(format!("{place}: option `{}` is not known", option.escape_debug()))),
    }
    Ok(())
}

fn include(
    draft: &mut Draft,
    gathered: &mut Gathered,
    place: &str,
    folder: &str,
    path: &str,
    role: Role,
    files: &dyn Files,
) -> Result<(), SelectionError> {
    if path.is_empty() || path.contains("://") {
        return Err(draft.malformed(format!("{place}: it includes something that is not a local file")));
    }
    let path = beside(folder, path);
    if !gathered.visited.insert((path.clone(), role)) {
        return Ok(());
    }
    if gathered.visited.len() > MAX_INCLUDED {
        return Err(draft.malformed(format!("{place}: more than {MAX_INCLUDED} files include each other")));
    }
    let text = files.read(&path)?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    read_file(draft, gathered, &path, &folder, &text, role, files)
}

/// A path that a file of `folder` names, relative to the first file's folder, without `.` and needless `..`.
fn beside(folder: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let from_root = if folder.starts_with('/') { "/" } else { "" };
    format!("{from_root}{}", parts.join("/"))
}

fn read_requirement(
    draft: &mut Draft,
    gathered: &mut Gathered,
    place: &str,
    folder: &str,
    line: &str,
    role: Role,
) -> Result<(), SelectionError> {
    let (requirement, hashes) = split_hashes(draft, place, line)?;
    let head = requirement.split(';').next().unwrap_or(requirement).trim();

    // `name [extras] @ url`, or a bare URL or path.
    let name_end = head
        .find(|next: char| !(next.is_ascii_alphanumeric() || matches!(next, '-' | '_' | '.')))
        .unwrap_or(head.len());
    let (name, rest) = head.split_at(name_end);
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => {
            let (_, after) = extras
                .split_once(']')
                .ok_or_else(|| draft.malformed(format!("{place}: extras do not end")))?;
            after.trim_start()
        }
        None => rest,
    };
    if let Some(target) = rest.strip_prefix('@') {
        // A marker is set off by white space there, for `;` may stand in a URL.
        let target = target.split_whitespace().next().unwrap_or_default();
        return read_direct(draft, place, folder, Some(name), target, &hashes);
    }
    // A file's own name has nothing that a requirement has behind its name.
    let is_path = head.contains('/') || read_file_name(head).is_some();
    if is_path {
        return read_direct(draft, place, folder, None, head, &hashes);
    }

    let name = draft
        .name(name)
        .map_err(|_| draft.malformed(format!("{place}: `{}` is not a requirement", head.escape_debug())))?;
    let requirement = Requirement {
        place: format!("{place}: {name}"),
        version: read_pin(draft, place, rest)?,
        name,
        hashes,
    };
    match role {
        Role::Requirements => gathered.requirements.push(requirement),
        Role::Constraints => gathered
            .constraints
            .entry(requirement.name.clone())
            .or_default()
            .push(requirement),
    }
    Ok(())
}

/// Splits the options of one requirement off, and returns its hashes.
fn split_hashes<'a>(draft: &Draft, place: &str, line: &'a str) -> Result<(&'a str, Vec<String>), SelectionError> {
    let options_at = line.match_indices(" -").map(|(at, _)| at).find(|at| {
        let is_closed = |quote: char| line[..*at].matches(quote).count().is_multiple_of(2);
        is_closed('"') && is_closed('\'')
    });
    let Some(at) = options_at else {
        return Ok((line, Vec::new()));
    };
    let mut hashes = Vec::new();
    let mut words = line[at..].split_whitespace();
    while let Some(word) = words.next() {
        let (option, value) = word
            .split_once('=')
            .map_or((word, None), |(option, value)| (option, Some(value)));
        let value = match value {
            Some(value) => value,
            None => words.next().unwrap_or_default(),
        };
        match option {
            "--hash" => hashes.push(value.trim_matches(['"', '\'']).to_owned()),
            "--config-settings" | "--config-setting" | "-C" | "--global-option" => {}
            _ => {
                return Err(draft.malformed(format!("{place}: option `{}` is not known", option.escape_debug())));
            }
        }
    }
    Ok((&line[..at], hashes))
}

/// Finds the `==` or `===` clause of a version specifier; `None` where there is none.
fn read_pin(draft: &Draft, place: &str, specifier: &str) -> Result<Option<String>, SelectionError> {
    let specifier = specifier.trim();
    let specifier = specifier
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(specifier);
    let mut pin = None;
    for clause in specifier.split(',').map(str::trim).filter(|clause| !clause.is_empty()) {
        if !clause.starts_with(['=', '<', '>', '!', '~']) {
            return Err(draft.malformed(format!("{place}: `{}` is no version specifier", clause.escape_debug())));
        }
        let Some(version) = clause.strip_prefix("===").or_else(|| clause.strip_prefix("==")) else {
            continue;
        };
        if version.contains('*') {
            continue;
        }
        if pin.replace(version.trim().to_owned()).is_some() {
            return Err(draft.malformed(format!("{place}: it is pinned twice")));
        }
    }
    Ok(pin)
}

/// Takes a URL or local file where it is a distribution and has a hash; else leaves it out.
fn read_direct(
    draft: &mut Draft,
    place: &str,
    folder: &str,
    name: Option<&str>,
    target: &str,
    hashes: &[String],
) -> Result<(), SelectionError> {
    let (plain, fragment) = target.split_once('#').unwrap_or((target, ""));
    let mut hashes = hashes.to_vec();
    // `#sha256=…&egg=…`: pip takes a hash from there too.
    hashes.extend(
        fragment
            .split('&')
            .filter(|part| part.starts_with("sha"))
            .map(str::to_owned),
    );

    let is_remote = plain.starts_with("https://") || plain.starts_with("http://");
    let local = plain.strip_prefix("file://").unwrap_or(plain);
    let (url, file) = if is_remote {
        let url = draft.file_url(place, plain)?;
        let file = url::file_name(&url);
        (Some(url), file)
    } else if local.contains("://") {
        draft.leave_out(format!("{place}: a version control checkout has no digest"));
        return Ok(());
    } else {
        (None, local.rsplit('/').next().map(str::to_owned))
    };
    let Some((file, read)) = file.and_then(|file| read_file_name(&file).map(|read| (file, read))) else {
        draft.leave_out(format!(
            "{place}: a direct reference that is neither a wheel nor a source distribution"
        ));
        return Ok(());
    };
    if let Some(name) = name
        && draft.name(name)? != read.name
    {
        return Err(draft.malformed(format!("{place}: {file} is a file of {}", read.name)));
    }
    if hashes.is_empty() {
        draft.leave_out(format!("{place}: {file} has no hash"));
        return Ok(());
    }
    let claims = draft.claims(&format!("{place}: {file}"), hashes.iter().map(String::as_str))?;
    let path = url.is_none().then(|| PathBuf::from(beside(folder, local)));
    draft.want(Wanted {
        ecosystem: ID,
        name: read.name,
        version: read.version.to_string(),
        file: Some(file),
        claims,
        urls: url.into_iter().collect(),
        registry: None,
        path,
        size: None,
    });
    Ok(())
}
