//! Which versions records are about, how bad they are, and what is no record.

use super::*;
use crate::policy::{Advised, Advisories};

const NUMBERS: Ecosystems = Ecosystems {
    compare_versions: |_, one, other| {
        let parts = |text: &str| {
            text.split('.')
                .map(|part| part.parse::<u64>().ok())
                .collect::<Option<Vec<_>>>()
        };
        Some(parts(one)?.cmp(&parts(other)?))
    },
    key: |_, name| name.to_lowercase(),
    spelling: |_, name| name.to_owned(),
};

fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

fn about(records: &[&str], version: &str) -> Vec<Advised> {
    let mut advisories = Advisories::new(now(), NUMBERS);
    for record in records {
        advisories.add(record.as_bytes()).unwrap();
    }
    advisories.about("npm", "x", version, None, now())
}

/// A record about npm's `x` with one range.
fn record(events: &str, rest: &str) -> String {
    format!(
        r#"{{"id":"A-1","affected":[{{"package":{{"ecosystem":"npm","name":"X"}},"ranges":[{{"type":"SEMVER","events":[{events}]}}]{rest}}}]}}"#
    )
}

fn certainty(events: &str, version: &str) -> Option<Certainty> {
    about(&[&record(events, "")], version)
        .first()
        .map(|found| found.certainty)
}

#[test]
fn ranges_are_evaluated_in_the_order_of_versions() {
    const AFFECTED: Option<Certainty> = Some(Certainty::Affected);
    // Out of order, and with two introductions in a row, as in a real record.
    let several = r#"{"introduced":"0"},{"introduced":"4.0.1"},{"fixed":"4.0.5"},{"fixed":"3.0.21"}"#;
    for (events, version, expected) in [
        (several, "1.0", AFFECTED),
        (several, "3.0.20", AFFECTED),
        (several, "3.0.21", None),
        (several, "4.0.0", None),
        (several, "4.0.1", AFFECTED),
        (several, "4.0.5", None),
        (r#"{"introduced":"0"}"#, "1", AFFECTED),
        (r#"{"introduced":"0"}"#, "no version", AFFECTED),
        (r#"{"introduced":"2"}"#, "1", None),
        (r#"{"introduced":"2"}"#, "2", AFFECTED),
        (r#"{"introduced":"2"},{"last_affected":"2"}"#, "2", AFFECTED),
        (r#"{"introduced":"2"},{"last_affected":"2"}"#, "3", None),
        (r#"{"introduced":"1"},{"fixed":"2"},{"introduced":"2"}"#, "2", AFFECTED),
        (r#"{"introduced":"1"},{"introduced":"2"},{"fixed":"2"}"#, "2", AFFECTED),
        (r#"{"introduced":"1"},{"limit":"2"}"#, "2", None),
        (r#"{"introduced":"1"},{"limit":"*"}"#, "2", AFFECTED),
        (
            r#"{"introduced":"1"},{"fixed":"2"}"#,
            "no version",
            Some(Certainty::Unknown),
        ),
        (r#"{"introduced":"1"},{"fixed":"two"}"#, "1", Some(Certainty::Unknown)),
    ] {
        assert_eq!(certainty(events, version), expected, "{events} {version}");
    }
}

/// "0" is before all versions, also where it is none itself.
#[test]
fn what_is_introduced_at_nought_ends_with_its_fix() {
    let dotted = Ecosystems {
        compare_versions: |id, one, other| {
            let both = one.contains('.') && other.contains('.');
            both.then(|| (NUMBERS.compare_versions)(id, one, other)).flatten()
        },
        ..NUMBERS
    };
    for events in [
        r#"{"introduced":"0"},{"fixed":"2.0"}"#,
        r#"{"fixed":"2.0"},{"introduced":"0"}"#,
    ] {
        let mut advisories = Advisories::new(now(), dotted);
        advisories.add(record(events, "").as_bytes()).unwrap();
        for (version, is_affected) in [("1.0", true), ("2.0", false), ("3.0", false)] {
            let found = advisories.about("npm", "x", version, None, now());
            assert_eq!(found.len(), usize::from(is_affected), "{events} {version}");
        }
    }
}

#[test]
fn ecosystems_have_other_names_there() {
    for (theirs, ours) in [
        ("crates.io", "cargo"),
        ("Maven", "maven"),
        ("npm", "npm"),
        ("PyPI", "pypi"),
        ("Go", "go"),
        ("RubyGems", "rubygems"),
        ("NuGet", "nuget"),
        ("CPAN", "cpan"),
        ("Conda", "conda"),
        ("Debian:13", "deb"),
        ("Ubuntu:24.04:LTS", "deb"),
        ("Red Hat:enterprise_linux:9::baseos", "rpm"),
        ("Rocky Linux:9", "rpm"),
        ("AlmaLinux", "rpm"),
        ("SUSE:Linux Enterprise Server 15", "rpm"),
        ("openSUSE:Leap 15.6", "rpm"),
        ("Mageia:9", "rpm"),
        ("openEuler:24.03", "rpm"),
        ("Azure Linux:3", "rpm"),
        ("Hackage", "hackage"),
    ] {
        let text = format!(r#"{{"id":"A-1","affected":[{{"package":{{"ecosystem":"{theirs}","name":"x"}}}}]}}"#);
        assert_eq!(
            Record::read(text.as_bytes()).unwrap().affected[0].ecosystem,
            ours,
            "{theirs}"
        );
    }
}

#[test]
fn listed_versions_and_other_names() {
    let listed = r#"{"id":"A-2","affected":[{"package":{"ecosystem":"npm","name":"x"},"versions":["1.0"]}]}"#;
    assert_eq!(about(&[listed], "1.0").len(), 1);
    assert_eq!(about(&[listed], "1.1").len(), 0);
    let other = listed.replace("npm", "PyPI");
    assert_eq!(about(&[&other], "1.0").len(), 0);
    let nothing = r#"{"id":"A-3","affected":[{"package":{"ecosystem":"npm","name":"x"}}]}"#;
    assert_eq!(about(&[nothing], "1.0")[0].certainty, Certainty::Affected);
    // What cannot be compared is the same if it is written alike.
    assert_eq!(about(&[listed], "1.00").len(), 1);
    let odd = listed.replace("1.0", "beta");
    assert_eq!(about(&[&odd], "beta").len(), 1);
    assert_eq!(about(&[&odd], "gamma").len(), 0);
    let commits = r#"{"id":"A-3","affected":[{"package":{"ecosystem":"npm","name":"x"},"ranges":[{"type":"GIT","repo":"r","events":[]}]}]}"#;
    assert_eq!(about(&[commits], "1.0")[0].certainty, Certainty::Unknown);
}

#[test]
fn what_is_withdrawn_counts_until_then() {
    let record = |withdrawn: &str| {
        format!(
            r#"{{"id":"A-1","withdrawn":"{withdrawn}","affected":[{{"package":{{"ecosystem":"npm","name":"x"}}}}]}}"#
        )
    };
    assert_eq!(about(&[&record("2026-11-20T23:59:59.5Z")], "1").len(), 0);
    assert_eq!(about(&[&record("2026-11-22T00:00:00Z")], "1").len(), 1);
    assert!(matches!(
        Record::read(record("soon").as_bytes()),
        Err(RecordError::Time { .. })
    ));
}

#[test]
fn classes_are_the_worst_that_is_stated() {
    let class = |rest: &str| {
        let text = format!(r#"{{"id":"A-1","affected":[{{"package":{{"ecosystem":"npm","name":"x"}}}}],{rest}}}"#);
        about(&[&text], "1")[0].class
    };
    assert_eq!(class(r#""aliases":[]"#), Class::Unknown);
    assert_eq!(class(r#""database_specific":{"severity":"MODERATE"}"#), Class::Medium);
    assert_eq!(class(r#""database_specific":{"severity":7.5}"#), Class::Unknown);
    assert_eq!(class(r#""database_specific":["severity"]"#), Class::Unknown);
    let vector = r#""severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]"#;
    assert_eq!(class(vector), Class::Critical);
    assert_eq!(
        class(&format!(r#"{vector},"database_specific":{{"severity":"LOW"}}"#)),
        Class::Critical
    );
    for (text, expected) in [
        ("critical", Class::Critical),
        ("Important", Class::High),
        ("LOW", Class::Low),
        ("negligible", Class::Low),
        ("minor", Class::Low),
        ("terrible", Class::Unknown),
    ] {
        let stated = format!(r#""database_specific":{{"severity":"{text}"}}"#);
        assert_eq!(class(&stated), expected, "{text}");
    }
    assert_eq!(class(r#""aliases":["MAL-2024-1"]"#), Class::Malicious);
    assert_eq!(class(r#""database_specific":{"cwe_ids":["CWE-79"]}"#), Class::Unknown);
    assert_eq!(
        class(r#""database_specific":{"cwe_ids":["CWE-506"]}"#),
        Class::Malicious
    );
}

/// The record, and its entries for one name: the worst of all that is said counts, once.
#[test]
fn several_entries_of_a_record_are_one_advice() {
    let entry = |severity: &str, events: &str| {
        format!(
            r#"{{"package":{{"ecosystem":"npm","name":"x"}},"database_specific":{{"severity":"{severity}"}},"ranges":[{{"type":"SEMVER","events":[{events}]}}]}}"#
        )
    };
    let record = |own: &str, entries: &[String]| {
        let entries = entries.join(",");
        format!(r#"{{"id":"A-1","database_specific":{{"severity":"{own}"}},"affected":[{entries}]}}"#)
    };
    let (sure, unsure) = (
        r#"{"introduced":"0"},{"fixed":"9"}"#,
        r#"{"introduced":"0"},{"fixed":"nine"}"#,
    );
    for (own, entries, class, certainty) in [
        ("low", vec![entry("high", sure)], Class::High, Certainty::Affected),
        ("high", vec![entry("low", sure)], Class::High, Certainty::Affected),
        (
            "none",
            vec![entry("low", sure), entry("high", unsure)],
            Class::High,
            Certainty::Affected,
        ),
        (
            "none",
            vec![entry("high", unsure), entry("low", sure)],
            Class::High,
            Certainty::Affected,
        ),
        (
            "none",
            vec![entry("low", unsure), entry("low", unsure)],
            Class::Low,
            Certainty::Unknown,
        ),
    ] {
        let found = about(&[&record(own, &entries)], "1");
        let [advised] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(
            (advised.class, advised.certainty),
            (class, certainty),
            "{own} {entries:?}"
        );
        assert_eq!(advised.fixed.len(), entries.len());
    }
}

#[test]
fn a_fix_is_named_for_the_name_and_version() {
    let mut advisories = Advisories::new(now(), NUMBERS);
    advisories
        .add(record(r#"{"introduced":"0"},{"fixed":"1.2"}"#, "").as_bytes())
        .unwrap();
    assert_eq!(advisories.fix("npm", "x", "1.2", None, now()), Some("A-1"));
    assert_eq!(advisories.fix("npm", "x", "1.02", None, now()), Some("A-1"));
    assert_eq!(advisories.fix("npm", "x", "1.3", None, now()), None);
    assert_eq!(advisories.fix("npm", "x", "one", None, now()), None);
    advisories
        .add(record(r#"{"introduced":"0"},{"fixed":"one"}"#, "").as_bytes())
        .unwrap();
    assert_eq!(advisories.fix("npm", "x", "one", None, now()), Some("A-1"));
    assert_eq!(advisories.fix("npm", "y", "1.2", None, now()), None);
    let mut malicious = Advisories::new(now(), NUMBERS);
    malicious
        .add(
            record(r#"{"introduced":"0"},{"fixed":"1.2"}"#, "")
                .replace("A-1", "MAL-1")
                .as_bytes(),
        )
        .unwrap();
    assert_eq!(malicious.fix("npm", "x", "1.2", None, now()), None);
}

#[test]
fn releases_of_distributions_are_told_apart() {
    let mut advisories = Advisories::new(now(), NUMBERS);
    let text = r#"{"id":"D-1","affected":[{"package":{"ecosystem":"Debian:12","name":"x"}}]}"#;
    advisories.add(text.as_bytes()).unwrap();
    assert_eq!(advisories.about("deb", "x", "1", Some("12"), now()).len(), 1);
    assert_eq!(advisories.about("deb", "x", "1", Some("13"), now()).len(), 0);
    assert_eq!(advisories.about("deb", "x", "1", None, now()).len(), 1);
    // Behind Maven's colon stands a registry, and no release.
    advisories
        .add(
            text.replace("Debian:12", "Maven:https://registry.example.com")
                .as_bytes(),
        )
        .unwrap();
    assert_eq!(advisories.about("maven", "x", "1", Some("12"), now()).len(), 1);
}

#[test]
fn what_is_no_record_is_refused() {
    let refused = |text: &str| Record::read(text.as_bytes()).unwrap_err();
    assert!(matches!(refused("{}"), RecordError::Schema(_)));
    assert!(matches!(refused("[]"), RecordError::Schema(_)));
    assert!(matches!(refused(r#"{"id":"A","id":"B"}"#), RecordError::Schema(_)));
    assert!(matches!(refused(&"[".repeat(100_000)), RecordError::Schema(_)));
    let deep = format!(r#"{{"id":"A","database_specific":{}}}"#, "[".repeat(10_000));
    assert!(matches!(refused(&deep), RecordError::Schema(_)));
    assert!(matches!(
        refused(&" ".repeat(MAX_RECORD_BYTES + 1)),
        RecordError::TooLong { .. }
    ));
    for rest in [
        r#""versions":["1"]"#,
        r#""versions":["1"],"ranges":[{"type":"GIT","events":[]}]"#,
        r#""ranges":[{"type":"GIT","events":[]},{"type":"SEMVER","events":[{"introduced":"0"}]}]"#,
        r#""ranges":[]"#,
    ] {
        let text = format!(r#"{{"id":"A","affected":[{{{rest}}}]}}"#);
        assert!(matches!(refused(&text), RecordError::NoPackage { .. }), "{rest}");
    }
    for range in [
        r#"{"type":"SEMVER","events":[]}"#,
        r#"{"type":"SEMVER","events":[{"fixed":"1"}]}"#,
        r#"{"type":"SEMVER","events":[{"introduced":"0","fixed":"1"}]}"#,
        r#"{"type":"SEMVER","events":[{"introduced":"0"},{}]}"#,
        r#"{"type":"OTHER","events":[{"introduced":"0"}]}"#,
    ] {
        let text =
            format!(r#"{{"id":"A","affected":[{{"package":{{"ecosystem":"npm","name":"x"}},"ranges":[{range}]}}]}}"#);
        assert!(matches!(refused(&text), RecordError::Range { .. }), "{range}");
    }
    let git = r#"{"id":"A","affected":[{"ranges":[{"type":"GIT","events":[]}]}]}"#;
    assert!(Record::read(git.as_bytes()).unwrap().affected.is_empty());
}
