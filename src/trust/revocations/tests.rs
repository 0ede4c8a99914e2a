use super::*;
use crate::model::{Identity, SignedAt, TimeSource};

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn revoking(what: Revoked, invalid_since: Option<Timestamp>) -> Revocations {
    let mut document = Revocations::empty(1, time(0));
    document.revoked.push(Revocation {
        invalid_since,
        reason: "stolen".to_owned(),
        what,
    });
    document
}

fn signed(at: Option<(i64, TimeSource)>) -> Finding {
    let mut finding = Finding::confirmed("openpgp", Level::Publisher, "good").by(Signer::key("ABCD 1234", None));
    finding.signed_at = at.map(|(seconds, source)| SignedAt {
        time: time(seconds),
        source,
    });
    finding
}

#[test]
fn what_rests_on_a_revoked_key_falls_unless_it_was_provably_signed_before() {
    let outcome = |since: Option<i64>, at: Option<(i64, TimeSource)>| {
        let mut finding = signed(at);
        revoking(Revoked::Key("abcd1234".to_owned()), since.map(time)).apply(&mut finding);
        finding.outcome
    };
    let falls = Outcome::Contradicted(Fault::Revoked);
    let stands = Outcome::Confirmed(Level::Publisher);
    assert_eq!(outcome(None, Some((5, TimeSource::Log))), falls);
    assert_eq!(outcome(Some(10), Some((5, TimeSource::Log))), stands);
    assert_eq!(outcome(Some(10), Some((10, TimeSource::Log))), falls);
    assert_eq!(outcome(Some(10), Some((5, TimeSource::Signer))), falls);
    assert_eq!(outcome(Some(10), None), falls);
    let reason = |at| {
        let mut finding = signed(at);
        revoking(Revoked::Key("abcd1234".to_owned()), Some(time(10))).apply(&mut finding);
        finding.reason
    };
    assert!(reason(None).contains("nothing proves that it was signed before"));
    assert!(!reason(Some((10, TimeSource::Log))).contains("nothing proves"));
    let mut other = signed(None);
    revoking(Revoked::Key("ffff".to_owned()), None).apply(&mut other);
    assert_eq!(other.outcome, stands);
    let mut not_a_certificate = signed(None);
    revoking(Revoked::Certificate("abcd1234".to_owned()), None).apply(&mut not_a_certificate);
    assert_eq!(not_a_certificate.outcome, stands);
    // What was wrong or could not be judged stays so.
    let mut wrong = signed(None);
    wrong.outcome = Outcome::Contradicted(Fault::SignatureWrong);
    revoking(Revoked::Key("abcd1234".to_owned()), None).apply(&mut wrong);
    assert_eq!(wrong.outcome, Outcome::Contradicted(Fault::SignatureWrong));
}

/// Kinds of evidence write a certificate's digest with and without the name of the hash.
#[test]
fn a_fingerprint_is_found_however_it_is_written() {
    let hex = "ab".repeat(32);
    let shown = |fingerprint: String| {
        Finding::confirmed("cms", Level::Publisher, "good").by(Signer::Certificate {
            fingerprint,
            subject: "CN=a".to_owned(),
            issuer: "CN=b".to_owned(),
            chain: Vec::new(),
        })
    };
    let colons: Vec<&str> = vec!["AB"; 32];
    for written in [&hex, &format!("sha256:{hex}"), &hex.to_uppercase(), &colons.join(":")] {
        for found in [hex.clone(), format!("sha256:{hex}")] {
            let mut finding = shown(found);
            let document = revoking(Revoked::Certificate(written.clone()), None);
            assert!(document.write().is_ok(), "{written}");
            document.apply(&mut finding);
            assert_eq!(finding.outcome, Outcome::Contradicted(Fault::Revoked), "{written}");
        }
        let own = revoking(Revoked::Key(written.clone()), None);
        assert!(own.key(&format!("sha256:{hex}")).is_some(), "{written}");
        assert!(own.key(&format!("sha256:{}", "ac".repeat(32))).is_none(), "{written}");
    }
    // Where case counts, it counts.
    let ssh = revoking(Revoked::Key("SHA256:aBc".to_owned()), None);
    assert!(ssh.key("SHA256:abc").is_none() && ssh.key("SHA256:aBc").is_some());
}

#[test]
fn an_identity_falls_with_its_issuer_or_its_pattern() {
    let signer = |subject: &str| {
        Finding::confirmed("sigstore", Level::Provenance, "good").by(Signer::Identity(Identity {
            issuer: "https://issuer.example.com".to_owned(),
            subject: subject.to_owned(),
            fields: Default::default(),
        }))
    };
    let pattern = |issuer: &str, subject: Option<&str>| {
        Revoked::Identity(IdentityPattern {
            issuer: issuer.to_owned(),
            subject: subject.map(str::to_owned),
            fields: Default::default(),
        })
    };
    for (what, falls) in [
        (pattern("https://issuer.example.com", None), true),
        (pattern("https://issuer.example.com", Some("*@example.com")), true),
        (pattern("https://issuer.example.com", Some("*@example.org")), false),
        (pattern("https://other.example.com", None), false),
    ] {
        let mut finding = signer("me@example.com");
        revoking(what.clone(), None).apply(&mut finding);
        assert_eq!(!finding.is_confirmed(), falls, "{what:?}");
    }
}

#[test]
fn a_subkey_or_an_authority_that_is_revoked_takes_down_what_it_made() {
    const PRIMARY: &str = "0123456789ABCDEF0123456789ABCDEF01234567";
    const SUBKEY: &str = "89ABCDEF0123456789ABCDEF0123456789ABCDEF";
    let by_subkey = || {
        Finding::confirmed("openpgp", Level::Publisher, "good").by(Signer::Key {
            fingerprint: PRIMARY.to_owned(),
            owner: None,
            subkey: Some(SUBKEY.to_owned()),
        })
    };
    let (own, above) = ("1".repeat(64), "2".repeat(64));
    let by_certificate = || {
        Finding::confirmed("cms", Level::Publisher, "good").by(Signer::Certificate {
            fingerprint: own.clone(),
            subject: "CN=a".to_owned(),
            issuer: "CN=b".to_owned(),
            chain: vec![above.clone()],
        })
    };
    let through = || {
        let mut finding = signed(None);
        finding.through.push(Signer::key("CCCC", None));
        finding
    };
    let key = |text: &str| Revoked::Key(text.to_owned());
    for (mut finding, what, why) in [
        (by_subkey(), key(SUBKEY), "the subkey that signed it is revoked: stolen"),
        (
            by_subkey(),
            key(&SUBKEY[24..]),
            "the subkey that signed it is revoked: stolen",
        ),
        (by_subkey(), key(PRIMARY), "its signer is revoked: stolen"),
        (
            by_subkey(),
            key(&PRIMARY[24..].to_lowercase()),
            "its signer is revoked: stolen",
        ),
        (
            by_certificate(),
            Revoked::Certificate(above.clone()),
            "an authority of its signer is revoked: stolen",
        ),
        (
            through(),
            key("cccc"),
            "what it rests on does not stand: its signer is revoked: stolen",
        ),
    ] {
        revoking(what, None).apply(&mut finding);
        assert_eq!(finding.outcome, Outcome::Contradicted(Fault::Revoked));
        assert_eq!(finding.reason, why);
    }
    for (mut finding, what) in [
        (by_subkey(), key(&SUBKEY[32..])),
        (by_certificate(), key(&above)),
        (by_subkey(), Revoked::Certificate("3".repeat(64))),
    ] {
        revoking(what, None).apply(&mut finding);
        assert!(finding.is_confirmed());
    }
}

#[test]
fn of_several_who_signed_an_index_one_who_is_revoked_drops_out() {
    let by = |level, fingerprints: &[&str], anchors: &[&str]| {
        let mut finding = Finding::confirmed("apt-release", level, "good");
        finding.signers = fingerprints.iter().map(|own| Signer::key(*own, None)).collect();
        finding.anchors = anchors.iter().map(|own| (*own).to_owned()).collect();
        revoking(Revoked::Key("bb".to_owned()), None).apply(&mut finding);
        finding
    };
    let signer = Signer::key("aa", None);
    let own = by(Level::Registry, &["aa", "bb"], &["of-a", "of-b"]);
    assert_eq!(own.outcome, Outcome::Confirmed(Level::Registry));
    assert_eq!(
        (own.signers, own.anchors),
        (vec![signer.clone()], vec!["of-a".to_owned()])
    );
    assert_eq!(
        own.notes,
        ["another signature did not count: its signer is revoked: stolen"]
    );
    let shared = by(Level::Registry, &["bb", "aa"], &["both"]);
    assert_eq!(
        (shared.signers, shared.anchors),
        (vec![signer], vec!["both".to_owned()])
    );
    // Nobody else is left, or the level may be that of the one who is revoked.
    for alone in [
        by(Level::Registry, &["bb"], &["of-b"]),
        by(Level::Registry, &["bb", "BB"], &["of-b"]),
        by(Level::Publisher, &["aa", "bb"], &["of-a", "of-b"]),
    ] {
        assert_eq!(alone.outcome, Outcome::Contradicted(Fault::Revoked));
        assert_eq!(alone.reason, "its signer is revoked: stolen");
    }
}

#[test]
fn a_revocation_is_never_taken_back() {
    let key = || Revoked::Key("abcd".to_owned());
    let earlier = revoking(key(), Some(time(10)));
    assert!(revoking(key(), Some(time(10))).check_follows(&earlier).is_ok());
    assert!(revoking(key(), Some(time(9))).check_follows(&earlier).is_ok());
    assert!(revoking(key(), None).check_follows(&earlier).is_ok());
    assert!(revoking(key(), Some(time(11))).check_follows(&earlier).is_err());
    assert!(Revocations::empty(2, time(0)).check_follows(&earlier).is_err());
    let without_date = revoking(key(), None);
    assert!(earlier.check_follows(&without_date).is_err());
}

#[test]
fn every_rule_refuses() {
    let good = revoking(Revoked::Key("ab".to_owned()), None);
    assert_eq!(Revocations::read(&good.write().unwrap()).unwrap(), good);
    let wrong: [fn(&mut Revocations); 9] = [
        |document| document.version = 0,
        |document| document.revoked[0].reason = String::new(),
        |document| document.revoked[0].what = Revoked::Key(" ".to_owned()),
        |document| document.revoked[0].reason = "a\u{1b}[2J".to_owned(),
        |document| document.revoked[0].what = Revoked::Certificate("abcd".to_owned()),
        |document| document.revoked[0].what = Revoked::Certificate("x".repeat(64)),
        |document| document.revoked[0].what = Revoked::Identity(IdentityPattern::default()),
        |document| {
            document.revoked[0].what = Revoked::Identity(IdentityPattern {
                issuer: "https://issuer.example.com".to_owned(),
                subject: None,
                fields: [("colour".to_owned(), "red".to_owned())].into(),
            });
        },
        |document| document.revoked = vec![document.revoked[0].clone(); MAX_REVOCATIONS + 1],
    ];
    for (index, change) in wrong.iter().enumerate() {
        let mut document = good.clone();
        change(&mut document);
        assert!(document.write().is_err(), "change {index} passed");
    }
}
