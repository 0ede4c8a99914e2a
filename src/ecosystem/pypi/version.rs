//! Versions of Python packages (PEP 440): one normal form, one order.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A version by PEP 440. Equality and order are those of installers: `1.0` equals `1.0.0`.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    epoch: u64,
    release: Vec<u64>,
    pre: Option<(Pre, u64)>,
    post: Option<u64>,
    dev: Option<u64>,
    local: Vec<Local>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pre {
    Alpha,
    Beta,
    Candidate,
}

/// A part of a local version: numbers sort after words (PEP 440, "Local version identifiers").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Word(String),
    Number(u64),
}

/// A text is not a version by PEP 440.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a version by PEP 440", .0.escape_debug())]
pub(crate) struct VersionError(String);

/// Longer than any real version, short enough for a file name.
const MAX_VERSION_BYTES: usize = 128;

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError(text.chars().take(100).collect());
        if text.len() > MAX_VERSION_BYTES || !text.is_ascii() {
            return Err(error());
        }
        parse(&text.trim().to_ascii_lowercase()).ok_or_else(error)
    }
}

fn parse(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (public, local) = match text.split_once('+') {
        Some((public, local)) => (public, read_local(local)?),
        None => (text, Vec::new()),
    };
    let mut rest = public;
    let mut epoch = 0;
    if let Some((before, after)) = rest.split_once('!') {
        epoch = whole_number(before)?;
        rest = after;
    }
    let mut release = vec![take_number(&mut rest)?];
    while let Some(mut after) = rest.strip_prefix('.') {
        let Some(number) = take_number(&mut after) else { break };
        release.push(number);
        rest = after;
    }
    let pre = take_labelled(
        &mut rest,
        &[
            ("alpha", Pre::Alpha),
            ("a", Pre::Alpha),
            ("beta", Pre::Beta),
            ("b", Pre::Beta),
            ("preview", Pre::Candidate),
            ("pre", Pre::Candidate),
            ("rc", Pre::Candidate),
            ("c", Pre::Candidate),
        ],
    )?;
    let mut post = take_labelled(&mut rest, &[("post", ()), ("rev", ()), ("r", ())])?.map(|(_, number)| number);
    if post.is_none()
        && let Some(mut after) = rest.strip_prefix('-')
        && let Some(number) = take_number(&mut after)
    {
        post = Some(number);
        rest = after;
    }
    let dev = take_labelled(&mut rest, &[("dev", ())])?.map(|(_, number)| number);
    rest.is_empty().then_some(Version {
        epoch,
        release,
        pre,
        post,
        dev,
        local,
    })
}

/// Takes `[-_.]? label [-_.]? number?`; `None` only where the number is too large.
fn take_labelled<T: Copy>(rest: &mut &str, labels: &[(&str, T)]) -> Option<Option<(T, u64)>> {
    let separators = ['-', '_', '.'];
    let start = rest.strip_prefix(separators).unwrap_or(rest);
    for (label, value) in labels {
        let Some(after) = start.strip_prefix(label) else {
            continue;
        };
        let mut number_at = after.strip_prefix(separators).unwrap_or(after);
        if number_at.starts_with(|next: char| next.is_ascii_digit()) {
            let number = take_number(&mut number_at)?;
            *rest = number_at;
            return Some(Some((*value, number)));
        }
        // Without a number a separator belongs to what follows: `1.0a.dev1`.
        *rest = after;
        return Some(Some((*value, 0)));
    }
    Some(None)
}

fn take_number(rest: &mut &str) -> Option<u64> {
    let digits = rest.len() - rest.trim_start_matches(|next: char| next.is_ascii_digit()).len();
    let number = rest[..digits].parse().ok()?;
    *rest = &rest[digits..];
    Some(number)
}

fn whole_number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

fn read_local(text: &str) -> Option<Vec<Local>> {
    text.split(['-', '_', '.'])
        .map(|part| {
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                None
            } else if part.bytes().all(|byte| byte.is_ascii_digit()) {
                part.parse().ok().map(Local::Number)
            } else {
                Some(Local::Word(part.to_owned()))
            }
        })
        .collect()
}

impl fmt::Display for Version {
    /// The normal form (PEP 440, "Normalization").
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(f, "{}!", self.epoch)?;
        }
        for (position, number) in self.release.iter().enumerate() {
            write!(f, "{}{number}", if position == 0 { "" } else { "." })?;
        }
        if let Some((kind, number)) = self.pre {
            let label = match kind {
                Pre::Alpha => "a",
                Pre::Beta => "b",
                Pre::Candidate => "rc",
            };
            write!(f, "{label}{number}")?;
        }
        if let Some(number) = self.post {
            write!(f, ".post{number}")?;
        }
        if let Some(number) = self.dev {
            write!(f, ".dev{number}")?;
        }
        for (position, part) in self.local.iter().enumerate() {
            f.write_str(if position == 0 { "+" } else { "." })?;
            match part {
                Local::Word(word) => f.write_str(word)?,
                Local::Number(number) => write!(f, "{number}")?,
            }
        }
        Ok(())
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Version {
    /// The sort key (PEP 440, "Summary of permitted suffixes and relative ordering").
    fn key(&self) -> impl Ord + '_ {
        let zeros = self.release.iter().rev().take_while(|number| **number == 0).count();
        let release = &self.release[..self.release.len() - zeros];
        // A development release of no pre- or post-release sorts before all pre-releases; a final one after them.
        let pre = match (self.pre, self.post, self.dev) {
            (Some((kind, number)), _, _) => (1, Some(kind), number),
            (None, None, Some(_)) => (0, None, 0),
            _ => (2, None, 0),
        };
        let dev = self.dev.map_or((1, 0), |number| (0, number));
        (self.epoch, release, pre, self.post, dev, &self.local)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn one_normal_form() {
        for (written, normal) in [
            ("1.0", "1.0"),
            ("v1.0", "1.0"),
            (" 1.0 ", "1.0"),
            ("01.002", "1.2"),
            ("1.0-ALPHA.1", "1.0a1"),
            ("1.0b", "1.0b0"),
            ("1.0pre2", "1.0rc2"),
            ("1.0-c3", "1.0rc3"),
            ("1.0-1", "1.0.post1"),
            ("1.0_post", "1.0.post0"),
            ("1.0.r4", "1.0.post4"),
            ("1.0.DEV456", "1.0.dev456"),
            ("1!2.0a1.post2.dev3+Ubuntu-01", "1!2.0a1.post2.dev3+ubuntu.1"),
            ("2023.7.22", "2023.7.22"),
        ] {
            assert_eq!(version(written).to_string(), normal, "{written}");
        }
    }

    #[test]
    fn others_are_refused() {
        let local = |bytes: usize| format!("{:a<bytes$}", "1.0+");
        assert!(local(128).parse::<Version>().is_ok());
        let long = local(129);
        for wrong in [
            "",
            "a",
            "1.0.",
            "1.0x",
            "2004d",
            "1.0+",
            "1.0+a..b",
            "1.0+a b",
            "1.*",
            "!1",
            "1!",
            "1.0--1",
            "../1",
            "1.0/2",
            "1.0\n2",
            "99999999999999999999999",
            "\u{a0}1.0",
            &long,
        ] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_order_is_that_of_the_standard() {
        let sorted = [
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.1.dev1",
            "1!0.1",
        ];
        for pair in sorted.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert_eq!(version("1.0"), version("1.0.0"));
        assert_ne!(version("1.0"), version("1.0.1"));
    }

    #[test]
    fn a_number_is_digits_alone() {
        assert_eq!(whole_number("12"), Some(12));
        for wrong in ["", "+1", "-1", " 1", "1a"] {
            assert_eq!(whole_number(wrong), None, "{wrong}");
        }
    }
}
