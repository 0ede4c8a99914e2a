//! An allowed_signers file (ssh-keygen(1), "ALLOWED SIGNERS"): who may sign, for what, and when.
//!
//! Two things are narrower than in `ssh-keygen`: a line without `namespaces` takes the namespace `file` only, as there is no
//! command line to name one; and a time without `Z` is read as UTC, as an enclave's judgement must not depend on a machine's time
//! zone. A line with `cert-authority` is refused, because certificates of SSH are not judged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::wire::{self, SshKey, WireError};
use crate::model::Timestamp;

/// The namespace of files (ssh-keygen(1), `-Y sign`).
const FILES: &str = "file";

/// A large organisation's list.
const MAX_LINES: usize = 10_000;

/// Who may sign with a key.
#[derive(Debug)]
pub(crate) struct AllowedSigner {
    /// The principals, as the file has them.
    pub(crate) principals: String,
    /// The key's own encoding, by which a signature names it.
    pub(crate) blob: Vec<u8>,
    /// The key, or why it can sign nothing.
    pub(crate) key: Result<SshKey, WireError>,
    namespaces: Option<Vec<String>>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
}

/// The file cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignersError {
    #[error("line {0} has no principals, key type and key")]
    Incomplete(usize),
    #[error("line {0} has a quote that does not end")]
    Quote(usize),
    #[error("line {line} has the option `{option}`, which is not known")]
    UnknownOption { line: usize, option: String },
    #[error("line {line} has `{option}` twice or without a fit value")]
    OptionValue { line: usize, option: &'static str },
    #[error("line {0} is for certificates of SSH, which are not judged")]
    CertificateAuthority(usize),
    #[error("line {0} has a key that cannot be read")]
    Key(usize),
    #[error("it has more than {MAX_LINES} lines")]
    TooMany,
    #[error("it has no signer")]
    Empty,
}

impl AllowedSigner {
    /// Whether a namespace is one of those that it may sign in.
    pub(crate) fn takes_namespace(&self, namespace: &str) -> bool {
        let Some(patterns) = &self.namespaces else {
            return namespace == FILES;
        };
        let mut taken = false;
        for pattern in patterns {
            match pattern.strip_prefix('!') {
                Some(excluded) if glob(excluded, namespace) => return false,
                Some(_) => {}
                None => taken |= glob(pattern, namespace),
            }
        }
        taken
    }

    /// The namespaces, for people.
    pub(crate) fn shown_namespaces(&self) -> String {
        self.namespaces
            .as_ref()
            .map_or_else(|| FILES.to_owned(), |patterns| patterns.join(","))
    }

    /// Whether its window holds a time (`valid-after` and `valid-before` of ssh-keygen(1)).
    pub(crate) fn is_valid_at(&self, time: Timestamp) -> bool {
        self.valid_after.is_none_or(|after| after <= time) && self.valid_before.is_none_or(|before| time < before)
    }
}

/// Reads the lines of an allowed_signers file.
pub(crate) fn read(text: &str) -> Result<Vec<AllowedSigner>, SignersError> {
    if text.lines().count() > MAX_LINES {
        return Err(SignersError::TooMany);
    }
    let mut signers = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            signers.push(read_line(index + 1, line)?);
        }
    }
    if signers.is_empty() {
        return Err(SignersError::Empty);
    }
    Ok(signers)
}

fn read_line(number: usize, line: &str) -> Result<AllowedSigner, SignersError> {
    let mut words = split(line, char::is_whitespace)
        .ok_or(SignersError::Quote(number))?
        .into_iter();
    let principals = words.next().ok_or(SignersError::Incomplete(number))?;
    let mut key_type = words.next().ok_or(SignersError::Incomplete(number))?;
    let mut options = String::new();
    if !wire::is_key_type(&key_type) {
        options = key_type;
        key_type = words.next().ok_or(SignersError::Incomplete(number))?;
    }
    let encoded = words.next().ok_or(SignersError::Incomplete(number))?;
    let blob = STANDARD.decode(encoded).map_err(|_| SignersError::Key(number))?;
    let key = match wire::read_key(&blob) {
        Ok(key) if key.type_name() == key_type => Ok(key),
        Ok(_) | Err(WireError::Malformed) => return Err(SignersError::Key(number)),
        Err(error) => Err(error),
    };
    let mut signer = AllowedSigner {
        principals: principals.replace('"', ""),
        blob,
        key,
        namespaces: None,
        valid_after: None,
        valid_before: None,
    };
    for option in split(&options, |character| character == ',').ok_or(SignersError::Quote(number))? {
        read_option(number, &option, &mut signer)?;
    }
    Ok(signer)
}

fn read_option(line: usize, option: &str, signer: &mut AllowedSigner) -> Result<(), SignersError> {
    let (name, value) = match option.split_once('=') {
        Some((name, value)) => (name, value.strip_prefix('"').and_then(|value| value.strip_suffix('"'))),
        None => (option, None),
    };
    let unfit = |option| SignersError::OptionValue { line, option };
    match name.to_ascii_lowercase().as_str() {
        "cert-authority" => Err(SignersError::CertificateAuthority(line)),
        "namespaces" => {
            let value = value.filter(|value| !value.is_empty()).ok_or(unfit("namespaces"))?;
            let patterns = value.split(',').map(str::to_owned).collect();
            put(&mut signer.namespaces, Some(patterns)).ok_or(unfit("namespaces"))
        }
        "valid-after" => put(&mut signer.valid_after, value.and_then(time)).ok_or(unfit("valid-after")),
        "valid-before" => put(&mut signer.valid_before, value.and_then(time)).ok_or(unfit("valid-before")),
        _ => Err(SignersError::UnknownOption {
            line,
            option: option.chars().take(40).collect(),
        }),
    }
}

fn put<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    if place.is_some() {
        return None;
    }
    *place = Some(value?);
    Some(())
}

/// Splits at separators outside of double quotes, and leaves the quotes; `None` if a quote does not end.
fn split(text: &str, is_separator: impl Fn(char) -> bool) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut quoted = false;
    for character in text.chars() {
        if character == '"' {
            quoted = !quoted;
        }
        if !quoted && is_separator(character) {
            if !part.is_empty() {
                parts.push(std::mem::take(&mut part));
            }
        } else {
            part.push(character);
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    (!quoted).then_some(parts)
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with or without a `Z`.
fn time(text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z').unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (date, clock) = digits.split_at_checked(8)?;
    let clock = match clock.len() {
        0 => "000000".to_owned(),
        4 => format!("{clock}00"),
        6 => clock.to_owned(),
        _ => return None,
    };
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &clock[..2],
        &clock[2..4],
        &clock[4..]
    );
    text.parse().ok()
}

/// OpenSSH's patterns: `*` for any characters, `?` for one (ssh_config(5), PATTERNS). Linear but for what stars repeat.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = back else { return false };
                back = Some((star, from + 1));
                (p, t) = (star + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIlizSIN3DQV78VPNjVvvwjgf+P5HqbPYCYu3BOMdjAE";

    fn one(options: &str) -> Result<AllowedSigner, SignersError> {
        read(&format!("me@example.com {options} {KEY} a comment")).map(|mut signers| signers.remove(0))
    }

    #[test]
    fn namespaces_are_patterns_and_files_without_any() {
        let plain = one("").unwrap();
        assert_eq!(plain.principals, "me@example.com");
        assert!(plain.takes_namespace("file") && !plain.takes_namespace("git"));
        let some = one("namespaces=\"git,release-*,!release-x\"").unwrap();
        assert!(some.takes_namespace("git") && some.takes_namespace("release-1"));
        assert!(!some.takes_namespace("file") && !some.takes_namespace("release-x"));
        assert!(!one("namespaces=\"git-tag,gi\"").unwrap().takes_namespace("git"));
        assert!(one("namespaces=\"git**\"").unwrap().takes_namespace("git"));
        assert!(one("NAMESPACES=\"?it\"").unwrap().takes_namespace("git"));
        assert!(!one("namespaces=\"!git\"").unwrap().takes_namespace("file"));
    }

    #[test]
    fn windows_are_closed_at_their_start_and_open_at_their_end() {
        let signer = one("valid-after=\"20260101\",valid-before=\"202602010000Z\"").unwrap();
        let valid = |text: &str| signer.is_valid_at(text.parse().unwrap());
        assert!(valid("2026-01-01T00:00:00Z") && valid("2026-01-31T23:59:59Z"));
        assert!(!valid("2025-12-31T23:59:59Z") && !valid("2026-02-01T00:00:00Z"));
        assert!(one("valid-after=\"20260101123456Z\"").is_ok());
    }

    #[test]
    fn lines_that_are_not_understood_are_refused() {
        for (text, error) in [
            (String::new(), SignersError::Empty),
            ("# nobody\n\n".to_owned(), SignersError::Empty),
            ("me".to_owned(), SignersError::Incomplete(1)),
            ("me ssh-ed25519".to_owned(), SignersError::Incomplete(1)),
            (format!("\"me {KEY}"), SignersError::Quote(1)),
            ("me ssh-ed25519 !".to_owned(), SignersError::Key(1)),
            ("me ssh-ed25519 AAAA".to_owned(), SignersError::Key(1)),
            (
                format!("me {}", KEY.replacen("ssh-ed25519", "ssh-rsa", 1)),
                SignersError::Key(1),
            ),
            (
                format!("me {KEY}\n* cert-authority {KEY}"),
                SignersError::CertificateAuthority(2),
            ),
        ] {
            assert_eq!(read(&text).unwrap_err(), error, "{text}");
        }
        for option in [
            "namespaces=\"\"",
            "namespaces=file",
            "valid-after=\"2026\"",
            "valid-before=\"20261301\"",
            "valid-before=\"+0260101\"",
            // Eight bytes, and no eight digits.
            "valid-after=\"202é101\"",
            "valid-after=\"20260101é00\"",
            "valid-after=\"20260101\",valid-after=\"20260102\"",
            "namespaces=\"a\",namespaces=\"b\"",
        ] {
            assert!(matches!(one(option), Err(SignersError::OptionValue { .. })), "{option}");
        }
        assert!(matches!(
            one("no-touch-required"),
            Err(SignersError::UnknownOption { .. })
        ));
        assert_eq!(read(&"#\n".repeat(10_001)).unwrap_err(), SignersError::TooMany);
    }
}
