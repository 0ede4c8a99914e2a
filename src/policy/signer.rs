//! Whether a signer is the one that is meant.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::document::{IdentityRule, PublisherRule};
use crate::model::{Finding, Identity, Signer, plain_fingerprint, segment_glob};

/// The kinds whose signatures are OpenPGP's, or may be.
const BY_OPENPGP: [&str; 9] = [
    "apt-release",
    "cpan-checksums",
    "helm-provenance",
    "oci-content",
    "openpgp",
    "repomd",
    "rpm-signature",
    "signed-checksums",
    "simple-signing",
];

/// Somebody whom a rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pin<'r> {
    Pgp(&'r str),
    Key(&'r str),
    Identity(&'r IdentityRule),
}

/// How many of those whom a rule names have signed: pairs of a signer and a pin, of which no two share the one or the other.
pub(crate) fn count_named(rule: &PublisherRule, findings: &[&Finding], issuers: &BTreeMap<String, String>) -> usize {
    let signers = findings
        .iter()
        .flat_map(|finding| finding.signers.iter().map(|signer| (finding.kind.as_str(), signer)))
        .map(|(kind, signer)| (signer, pins(rule, kind, signer, issuers)));
    let pins: Vec<BTreeSet<Pin<'_>>> = apart(signers).into_iter().map(|(_, pins)| pins).collect();
    let mut paired: BTreeMap<Pin<'_>, usize> = BTreeMap::new();
    (0..pins.len())
        .filter(|signer| pair(*signer, &pins, &mut paired, &mut BTreeSet::new()))
        .count()
}

/// Finds a signer a pin, and where all of his are taken, those who have them others (an augmenting path).
fn pair<'r>(
    signer: usize,
    pins: &[BTreeSet<Pin<'r>>],
    paired: &mut BTreeMap<Pin<'r>, usize>,
    tried: &mut BTreeSet<Pin<'r>>,
) -> bool {
    for pin in &pins[signer] {
        if !tried.insert(*pin) {
            continue;
        }
        let is_free = match paired.get(pin) {
            None => true,
            Some(other) => pair(*other, pins, paired, tried),
        };
        if is_free {
            paired.insert(*pin, signer);
            return true;
        }
    }
    false
}

/// The signers, each once, with all that belongs to them. An identity without numbers is everybody's who has its subject: it comes last,
/// so that it never makes one of two, and more evidence never fewer.
fn apart<'f, T: Ord + Copy>(
    signers: impl Iterator<Item = (&'f Signer, BTreeSet<T>)>,
) -> Vec<(&'f Signer, BTreeSet<T>)> {
    let mut all: Vec<(&Signer, BTreeSet<T>)> = signers.collect();
    all.sort_by_key(|(signer, _)| std::cmp::Reverse(numbers(signer)));
    let mut found: Vec<(&Signer, BTreeSet<T>)> = Vec::new();
    for (signer, belongings) in all {
        let mut is_new = true;
        for (_, others) in found.iter_mut().filter(|(other, _)| is_same(other, signer)) {
            others.extend(belongings.iter().copied());
            is_new = false;
        }
        if is_new {
            found.push((signer, belongings));
        }
    }
    found
}

/// How many of the numbers an identity has that tell it apart for good.
fn numbers(signer: &Signer) -> usize {
    match signer {
        Signer::Identity(identity) => NUMBERS.iter().filter_map(|name| number(identity, name)).count(),
        Signer::Key { .. } | Signer::Certificate { .. } => 0,
    }
}

/// Those of a rule's pins that a signer fits.
fn pins<'r>(
    rule: &'r PublisherRule,
    kind: &str,
    signer: &Signer,
    issuers: &BTreeMap<String, String>,
) -> BTreeSet<Pin<'r>> {
    match signer {
        Signer::Key { fingerprint, .. } => {
            // Fingerprints of other kinds may have as many digits.
            let pgp = BY_OPENPGP
                .contains(&kind)
                .then(|| rule.pgp.get(&fingerprint.to_ascii_uppercase()));
            let pgp = pgp.flatten().map(|text| Pin::Pgp(text));
            pgp.into_iter().chain(keys(rule, fingerprint)).collect()
        }
        Signer::Certificate { fingerprint, .. } => keys(rule, fingerprint).collect(),
        Signer::Identity(identity) => rule
            .identity
            .iter()
            .filter(|pattern| is(pattern, identity, issuers))
            .map(Pin::Identity)
            .collect(),
    }
}

fn keys<'r>(rule: &'r PublisherRule, fingerprint: &str) -> impl Iterator<Item = Pin<'r>> {
    let keys = rule.keys.iter().filter(move |text| same_fingerprint(text, fingerprint));
    keys.map(|text| Pin::Key(text))
}

/// Whether an identity is the one that a rule means: every field that is given fits.
fn is(rule: &IdentityRule, identity: &Identity, issuers: &BTreeMap<String, String>) -> bool {
    rule.0.iter().all(|(name, expected)| match name.as_str() {
        "issuer" => issuer(expected, issuers) == Some(identity.issuer.as_str()),
        "subject" => segment_glob(expected, &identity.subject),
        "workflow" => workflow(identity).is_some_and(|found| segment_glob(expected, found)),
        _ => identity
            .fields
            .get(name)
            .is_some_and(|found| segment_glob(expected, found) || segment_glob(expected, without_host(found))),
    })
}

/// The address behind an alias; an address stands for itself. An alias that the trust data does not have fits nobody.
fn issuer<'a>(written: &'a str, issuers: &'a BTreeMap<String, String>) -> Option<&'a str> {
    if written.contains("://") {
        return Some(written);
    }
    issuers.get(written).map(String::as_str)
}

/// `owner/name` of `https://host/owner/name`.
fn without_host(url: &str) -> &str {
    url.split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or(url, |(_, path)| path)
}

/// The workflow's file in its repository: what the certificate's build configuration says, or else its subject, without the repository before
/// it and the ref behind.
fn workflow(identity: &Identity) -> Option<&str> {
    let whole = identity
        .fields
        .get("build_config")
        .map_or(identity.subject.as_str(), String::as_str);
    let path = without_host(whole).split('@').next()?;
    match identity.fields.get("repository").map(|url| without_host(url)) {
        Some(repository) => path.strip_prefix(repository)?.strip_prefix('/'),
        // Without a repository, the first two segments are the owner and its name.
        None => path.splitn(3, '/').nth(2),
    }
}

/// Whether two signers are one publisher. Keys and certificates are by their fingerprints, a certificate also by subject and issuer,
/// since authors renew them. Identities are by the numbers of owner and repository, which survive renames and are never
/// given to another; without numbers, by the subject up to its ref, which differs with every release.
pub(crate) fn is_same(one: &Signer, other: &Signer) -> bool {
    match (one, other) {
        (Signer::Key { fingerprint: one, .. }, Signer::Key { fingerprint: other, .. }) => same_fingerprint(one, other),
        (
            Signer::Certificate {
                fingerprint,
                subject,
                issuer,
                ..
            },
            Signer::Certificate {
                fingerprint: other_fingerprint,
                subject: other_subject,
                issuer: other_issuer,
                ..
            },
        ) => {
            same_fingerprint(fingerprint, other_fingerprint)
                || !subject.is_empty() && subject == other_subject && issuer == other_issuer
        }
        (Signer::Identity(one), Signer::Identity(other)) => same_identity(one, other),
        _ => false,
    }
}

/// Hexadecimal digits have two cases; the base64 of SSH does not.
fn same_fingerprint(one: &str, other: &str) -> bool {
    plain_fingerprint(one) == plain_fingerprint(other)
}

/// What survives renames, and is never given to another.
const NUMBERS: [&str; 2] = ["owner_id", "repository_id"];

fn number<'i>(identity: &'i Identity, name: &str) -> Option<&'i String> {
    identity.fields.get(name).filter(|text| !text.is_empty())
}

fn same_identity(one: &Identity, other: &Identity) -> bool {
    if one.issuer != other.issuer {
        return false;
    }
    let mut compared = 0;
    for name in NUMBERS {
        match (number(one, name), number(other, name)) {
            (Some(one), Some(other)) if one == other => compared += 1,
            (Some(_), Some(_)) => return false,
            // One of them has lost its number: the subject has to do.
            _ => {}
        }
    }
    compared == 2 || without_ref(&one.subject) == without_ref(&other.subject)
}

/// A workflow's URI up to its ref; an e-mail address whole.
fn without_ref(subject: &str) -> &str {
    if subject.contains("://") {
        subject.split('@').next().unwrap_or(subject)
    } else {
        subject
    }
}

/// How many signers there are, each counted once.
pub(crate) fn count<'a>(signers: impl Iterator<Item = &'a Signer>) -> usize {
    apart::<u8>(signers.map(|signer| (signer, BTreeSet::new()))).len()
}

/// A signer in a few words.
pub(crate) fn words(signer: &Signer) -> String {
    match signer {
        Signer::Key {
            fingerprint,
            owner: Some(owner),
            ..
        } => format!("{owner} (key {fingerprint})"),
        Signer::Key { fingerprint, .. } => format!("key {fingerprint}"),
        Signer::Certificate { subject, .. } => subject.clone(),
        Signer::Identity(identity) => identity.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(repository: &str, owner_id: &str, reference: &str) -> Identity {
        Identity {
            issuer: "https://issuer.example.com".to_owned(),
            subject: format!("https://forge.example.com/{repository}/.forge/release.yml@{reference}"),
            fields: [
                ("repository", format!("https://forge.example.com/{repository}")),
                ("owner_id", owner_id.to_owned()),
                ("repository_id", "9".to_owned()),
            ]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        }
    }

    fn rule(fields: &[(&str, &str)]) -> IdentityRule {
        IdentityRule(
            fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn every_field_of_an_identity_must_fit() {
        let issuers = BTreeMap::from([("forge".to_owned(), "https://issuer.example.com".to_owned())]);
        let found = identity("acme/tool", "7", "refs/tags/v1");
        let fits = |fields: &[(&str, &str)]| is(&rule(fields), &found, &issuers);
        assert!(fits(&[
            ("issuer", "forge"),
            ("repository", "acme/tool"),
            ("workflow", ".forge/release.yml"),
            ("owner_id", "7")
        ]));
        assert!(fits(&[
            ("issuer", "https://issuer.example.com"),
            ("repository", "https://forge.example.com/acme/*")
        ]));
        assert!(!fits(&[("issuer", "other"), ("owner_id", "7")]));
        assert!(!fits(&[("issuer", "https://other.example.com"), ("owner_id", "7")]));
        assert!(!fits(&[("issuer", "forge"), ("owner_id", "8")]));
        assert!(!fits(&[
            ("issuer", "forge"),
            ("owner_id", "7"),
            ("workflow", "release.yml")
        ]));
        assert!(!fits(&[
            ("issuer", "forge"),
            ("owner_id", "7"),
            ("workflow", ".forge/other.yml")
        ]));
        assert!(!fits(&[("issuer", "forge"), ("repository", "cme/tool")]));
        assert!(!fits(&[("issuer", "forge"), ("ref", "*x")]));
        let subject = "https://forge.example.com/acme/tool/.forge/release.yml";
        assert!(fits(&[
            ("issuer", "forge"),
            ("subject", &format!("{subject}@refs/tags/*"))
        ]));
        assert!(!fits(&[
            ("issuer", "forge"),
            ("subject", &format!("{subject}@refs/heads/*"))
        ]));
        // The workflow of another repository is not that of this one.
        let reused = Identity {
            fields: BTreeMap::from([(
                "repository".to_owned(),
                "https://forge.example.com/acme/other".to_owned(),
            )]),
            ..found
        };
        assert!(!is(
            &rule(&[("issuer", "forge"), ("workflow", ".forge/release.yml")]),
            &reused,
            &issuers
        ));
    }

    #[test]
    fn a_publisher_is_the_same_under_another_name_and_another_under_the_same() {
        let signer = |repository, owner, reference| Signer::Identity(identity(repository, owner, reference));
        let first = signer("acme/tool", "7", "refs/tags/v1");
        assert!(is_same(&first, &signer("acme/tool", "7", "refs/tags/v2")));
        assert!(is_same(&first, &signer("renamed/tool", "7", "refs/tags/v2")));
        assert!(!is_same(&first, &signer("acme/tool", "8", "refs/tags/v1")));
        let key = |text: &str| Signer::key(text.to_owned(), None);
        assert!(is_same(&key("ABCDEF01"), &key("abcdef01")));
        assert!(!is_same(&key("SHA256:ab"), &key("SHA256:AB")));
        assert!(!is_same(&key("ABCDEF01"), &first));
        assert_eq!(count([key("ABCDEF01"), key("abcdef01"), key("ABCDEF02")].iter()), 2);
    }

    /// An author's certificate is renewed under the same subject by the same issuer; who has neither is nobody's heir.
    #[test]
    fn a_renewed_certificate_is_the_same_publishers() {
        let certificate = |fingerprint: &str, subject: &str, issuer: &str| Signer::Certificate {
            chain: Vec::new(),
            fingerprint: fingerprint.to_owned(),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
        };
        let first = certificate("aa01", "CN=Ann", "CN=Authority");
        for (other, expected) in [
            (certificate("sha256:AA01", "CN=Bob", "CN=Other"), true),
            (certificate("bb02", "CN=Ann", "CN=Authority"), true),
            (certificate("bb02", "CN=Ann", "CN=Other"), false),
            (certificate("bb02", "CN=Bob", "CN=Authority"), false),
            (Signer::key("aa01", None), false),
        ] {
            assert_eq!(is_same(&first, &other), expected, "{other:?}");
            assert_eq!(is_same(&other, &first), expected, "{other:?}");
        }
        let nameless = |fingerprint| certificate(fingerprint, "", "CN=Authority");
        assert!(!is_same(&nameless("aa01"), &nameless("bb02")));
    }

    /// Where a number is missing the subject has to do, up to its ref.
    #[test]
    fn without_numbers_a_publisher_is_known_by_the_subject() {
        let without = |repository, reference, gone: &[&str]| {
            let mut identity = identity(repository, "7", reference);
            identity.fields.retain(|name, _| !gone.contains(&name.as_str()));
            Signer::Identity(identity)
        };
        for gone in [&["owner_id", "repository_id"][..], &["owner_id"], &["repository_id"]] {
            let first = without("acme/tool", "refs/tags/v1", gone);
            assert!(is_same(&first, &without("acme/tool", "refs/tags/v2", gone)), "{gone:?}");
            assert!(
                !is_same(&first, &without("renamed/tool", "refs/tags/v1", gone)),
                "{gone:?}"
            );
            assert!(is_same(&first, &without("acme/tool", "refs/tags/v2", &[])), "{gone:?}");
        }
        // An empty number is none.
        let empty = |repository| Signer::Identity(identity(repository, "", "refs/tags/v1"));
        assert!(!is_same(&empty("acme/tool"), &empty("renamed/tool")));
        let mail = |subject: &str| {
            Signer::Identity(Identity {
                issuer: "https://issuer.example.com".to_owned(),
                subject: subject.to_owned(),
                fields: BTreeMap::new(),
            })
        };
        assert!(is_same(&mail("me@example.com"), &mail("me@example.com")));
        assert!(!is_same(&mail("me@example.com"), &mail("me@example.org")));
    }
}
