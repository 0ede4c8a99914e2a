//! Identities that an identity provider vouched for, and the patterns by which a site pins them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Who signed, as the certificate says it (Fulcio's OIDs 1.3.6.1.4.1.57264.1.*).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The identity provider, such as `https://token.actions.example.com`.
    pub issuer: String,
    /// The certificate's subject alternative name: an e-mail address or a workflow's URI.
    pub subject: String,
    /// What else the certificate says, by the names of [`IdentityPattern`]'s fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.subject, self.issuer)
    }
}

/// Whom a site expects: every field that is given must match. The issuer is compared exactly; in all others `*` stands for any
/// characters but `/` and `@`, so that it never crosses a segment. At least one field besides the issuer is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityPattern {
    /// The identity provider.
    pub issuer: String,
    /// The whole subject alternative name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Any further field, by its name in [`IDENTITY_FIELDS`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// The fields of an identity beside issuer and subject, and where a certificate states each: the last arc below
/// 1.3.6.1.4.1.57264.1. Numbers survive renames; names do not.
pub const IDENTITY_FIELDS: &[(&str, u32)] = &[
    ("build_signer", 9),
    ("build_config", 18),
    ("owner", 16),
    ("owner_id", 17),
    ("repository", 12),
    ("repository_id", 15),
    ("commit", 13),
    ("ref", 14),
    ("trigger", 20),
    ("runner", 11),
];

/// A pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It says nothing beside the issuer, so that everybody whom that issuer knows would match.
    #[error("an identity needs a subject or a field beside its issuer")]
    Anybody,
    /// A field that no certificate has.
    #[error("`{0}` is no field of an identity")]
    UnknownField(String),
    /// It holds what no pattern may hold.
    #[error("`{0}` is no pattern: `*` stands for characters within one segment, and at least one character is not `*`")]
    Malformed(String),
}

impl IdentityPattern {
    /// Checks that the pattern says who is meant.
    pub fn check(&self) -> Result<(), PatternError> {
        if self.issuer.is_empty() || self.issuer.contains('*') {
            return Err(PatternError::Malformed(self.issuer.clone()));
        }
        if self.subject.is_none() && self.fields.is_empty() {
            return Err(PatternError::Anybody);
        }
        for name in self.fields.keys() {
            if !IDENTITY_FIELDS.iter().any(|(known, _)| known == name) {
                return Err(PatternError::UnknownField(name.clone()));
            }
        }
        for pattern in self.subject.iter().chain(self.fields.values()) {
            if pattern.chars().all(|character| matches!(character, '*' | '/' | '@')) {
                return Err(PatternError::Malformed(pattern.clone()));
            }
        }
        Ok(())
    }

    /// Compares with an identity; the error names the first field that differs, what was expected and what was found.
    pub fn compare(&self, identity: &Identity) -> Result<(), Differs> {
        let differs = |field: &str, expected: &str, found: &str| {
            Err(Differs {
                field: field.to_owned(),
                expected: expected.to_owned(),
                found: found.to_owned(),
            })
        };
        if self.issuer != identity.issuer {
            return differs("issuer", &self.issuer, &identity.issuer);
        }
        if let Some(subject) = &self.subject
            && !segment_glob(subject, &identity.subject)
        {
            return differs("subject", subject, &identity.subject);
        }
        for (name, pattern) in &self.fields {
            let found = identity.fields.get(name).map_or("", String::as_str);
            if !segment_glob(pattern, found) {
                return differs(name, pattern, found);
            }
        }
        Ok(())
    }
}

/// An identity is not the one expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differs {
    /// The field.
    pub field: String,
    /// What the pattern says.
    pub expected: String,
    /// What the certificate says; empty where it says nothing.
    pub found: String,
}

/// Whether a text fits a pattern in which `*` stands for any characters but `/` and `@`.
pub fn segment_glob(pattern: &str, text: &str) -> bool {
    // Two pointers with one point to come back to: linear in practice, quadratic at worst, and never recursive.
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            back = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((star, from)) = back
            && !matches!(text[from], b'/' | b'@')
        {
            back = Some((star, from + 1));
            p = star + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_its_segment() {
        assert!(segment_glob("a/*/c", "a/b/c"));
        assert!(segment_glob("*@example.com", "me@example.com"));
        assert!(segment_glob("refs/tags/v*", "refs/tags/v1.2.3"));
        assert!(segment_glob("a*b*c", "a1b2b3c"));
        assert!(segment_glob("a*", "a") && segment_glob("**", ""));
        assert!(!segment_glob("a/*", "a/b/c"));
        assert!(!segment_glob("*@example.com", "me@evil@example.com"));
        assert!(!segment_glob("acme/tool", "evil-acme/tool"));
        assert!(!segment_glob("*", "a/b"));
        assert!(!segment_glob("acme/*", "acme"));
    }

    #[test]
    fn a_pattern_that_anybody_fits_is_refused() {
        let issuer = "https://issuer.example.com".to_owned();
        let anybody = IdentityPattern {
            issuer: issuer.clone(),
            ..IdentityPattern::default()
        };
        assert_eq!(anybody.check(), Err(PatternError::Anybody));
        let star = IdentityPattern {
            issuer: issuer.clone(),
            subject: Some("*@*".to_owned()),
            ..IdentityPattern::default()
        };
        assert_eq!(star.check(), Err(PatternError::Malformed("*@*".to_owned())));
        let good = IdentityPattern {
            subject: Some("*@example.com".to_owned()),
            fields: IDENTITY_FIELDS
                .iter()
                .map(|(name, _)| ((*name).to_owned(), "a*".to_owned()))
                .collect(),
            ..star.clone()
        };
        assert_eq!(good.check(), Ok(()));
        for subject in ["", "*", "/"] {
            let pattern = IdentityPattern {
                subject: Some(subject.to_owned()),
                ..star.clone()
            };
            assert_eq!(pattern.check(), Err(PatternError::Malformed(subject.to_owned())));
        }
        // Whoever vouches for identities is one, and is named.
        for vouching in ["", "*", "https://*.example.com"] {
            let pattern = IdentityPattern {
                issuer: vouching.to_owned(),
                subject: Some("me@example.com".to_owned()),
                fields: BTreeMap::new(),
            };
            assert_eq!(pattern.check(), Err(PatternError::Malformed(vouching.to_owned())));
        }
        let field = IdentityPattern {
            issuer,
            subject: None,
            fields: BTreeMap::from([("colour".to_owned(), "red".to_owned())]),
        };
        assert_eq!(field.check(), Err(PatternError::UnknownField("colour".to_owned())));
    }

    #[test]
    fn every_given_field_must_match() {
        let identity = Identity {
            issuer: "https://issuer.example.com".to_owned(),
            subject: "https://forge.example.com/acme/tool/.github/workflows/release.yml@refs/tags/v1".to_owned(),
            fields: BTreeMap::from([("owner_id".to_owned(), "7".to_owned())]),
        };
        let mut pattern = IdentityPattern {
            issuer: identity.issuer.clone(),
            subject: Some("https://forge.example.com/acme/tool/.github/workflows/release.yml@refs/tags/*".to_owned()),
            fields: BTreeMap::from([("owner_id".to_owned(), "7".to_owned())]),
        };
        assert_eq!(pattern.compare(&identity), Ok(()));
        pattern.fields.insert("owner_id".to_owned(), "8".to_owned());
        assert_eq!(pattern.compare(&identity).unwrap_err().field, "owner_id");
        pattern.fields = BTreeMap::from([("repository_id".to_owned(), "1".to_owned())]);
        assert_eq!(pattern.compare(&identity).unwrap_err().field, "repository_id");
        // What a certificate does not say fits no pattern but one that anything fits.
        let (expected, found) = ("1".to_owned(), String::new());
        assert_eq!(
            pattern.compare(&identity).unwrap_err(),
            Differs {
                field: "repository_id".to_owned(),
                expected,
                found
            }
        );
        pattern.subject = Some("https://forge.example.com/acme/*".to_owned());
        assert_eq!(pattern.compare(&identity).unwrap_err().field, "subject");
        pattern.issuer.push('x');
        assert_eq!(pattern.compare(&identity).unwrap_err().field, "issuer");
    }
}
