//! Credentials of a netrc file, per host.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;

/// Logins by host. The entry `default` is not read: it would send a password to every host.
#[derive(Clone, Default)]
pub struct Netrc {
    authorizations: BTreeMap<String, String>,
}

impl Netrc {
    /// Reads the file's text. What cannot be understood is skipped, as curl and pip do.
    pub fn read(text: &str) -> Self {
        let mut this = Self::default();
        let mut entry = Entry::default();
        let mut in_macro = false;
        for line in text.lines() {
            // `macdef` runs to the next empty line.
            if in_macro {
                in_macro = !line.trim().is_empty();
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            while let Some(word) = words.next() {
                match word {
                    "machine" => {
                        this.keep(std::mem::take(&mut entry));
                        entry.host = words.next().map(str::to_ascii_lowercase);
                    }
                    "default" => this.keep(std::mem::take(&mut entry)),
                    "login" => entry.login = words.next().map(unquote),
                    "password" => entry.password = words.next().map(unquote),
                    "account" => {
                        words.next();
                    }
                    "macdef" => {
                        in_macro = true;
                        break;
                    }
                    comment if comment.starts_with('#') => break,
                    _ => {}
                }
            }
        }
        this.keep(entry);
        this
    }

    /// The `Authorization` header's value for a host.
    pub(crate) fn authorization(&self, host: &str) -> Option<&str> {
        self.authorizations.get(host).map(String::as_str)
    }

    fn keep(&mut self, entry: Entry) {
        if let (Some(host), Some(login)) = (entry.host, entry.login) {
            let pair = format!("{login}:{}", entry.password.unwrap_or_default());
            let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
            // The first entry of a host counts, as in curl and ftp.
            self.authorizations.entry(host).or_insert(value);
        }
    }
}

/// Hosts only: secrets are never printed.
impl fmt::Debug for Netrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.authorizations.keys()).finish()
    }
}

#[derive(Default)]
struct Entry {
    host: Option<String>,
    login: Option<String>,
    password: Option<String>,
}

fn unquote(word: &str) -> String {
    word.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(word)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_kept_apart() {
        let netrc = Netrc::read(
            "# machine no.example.com login a password b\n\
             machine Registry.example.com login ann password \"p w\nmachine index.example.com\n  login bob\n  password s3cret\n\
             macdef init\nmachine evil.example.com login x password y\n\n\
             machine index.example.com login other password other\n\
             default login any password all\n",
        );
        assert_eq!(netrc.authorization("index.example.com"), Some("Basic Ym9iOnMzY3JldA=="));
        assert!(netrc.authorization("registry.example.com").is_some());
        for host in ["no.example.com", "evil.example.com", "other.example.com", ""] {
            assert_eq!(netrc.authorization(host), None, "{host}");
        }
        assert!(!format!("{netrc:?}").contains("Basic"));
    }
}
