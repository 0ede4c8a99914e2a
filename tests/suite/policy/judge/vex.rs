//! What publishers say of vulnerabilities in their own products.

use sealift::model::{Code, Signer, Timestamp};
use sealift::policy::{Decision, VexSaid, VexStatus};

use super::*;
use crate::policy::now;

const ADVISORY: &str = r#"{"id":"GHSA-1","aliases":["CVE-1"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    "affected":[{"package":{"ecosystem":"npm","name":"left-pad"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.3.1"}]}]}]}"#;

/// A statement that clears `CVE-1`, said so many seconds ago.
fn said(author: &str, status: VexStatus, seconds_ago: i64) -> VexSaid {
    VexSaid {
        author: key(author),
        level: Level::Publisher,
        document: format!("OpenVEX of {author}"),
        names: vec!["CVE-1".to_owned()],
        status,
        justification: (status == VexStatus::NotAffected).then(|| "vulnerable_code_not_present".to_owned()),
        time: now().plus_seconds(-seconds_ago),
        is_exact: true,
    }
}

fn decided(record: &str, lines: &str, vex: &[VexSaid]) -> Decision {
    let artifact = left_pad();
    let findings = signed();
    let case = Case {
        vex,
        ..plain(&artifact, &findings)
    };
    Around::advised(&[record]).decide(&policy(lines), &case)
}

fn verdict(vex: &[VexSaid]) -> Verdict {
    decided(ADVISORY, "", vex).verdict
}

const NOT_AFFECTED: VexStatus = VexStatus::NotAffected;

#[test]
fn a_signed_statement_lowers_an_advisory_and_is_named() {
    let vex = [said("a1", NOT_AFFECTED, 60)];
    let decision = decided(ADVISORY, "", &vex);
    assert_eq!(found(&decision), ALLOWED);
    let hit = decision
        .hits
        .iter()
        .find(|hit| hit.code == Code::KnownVulnerable)
        .unwrap();
    let lowered = hit.lowered.as_ref().unwrap();
    assert_eq!(lowered.from, Verdict::Deny);
    assert_eq!(
        (lowered.status.as_str(), lowered.document.as_str()),
        ("not_affected", "OpenVEX of a1")
    );
    assert_eq!(lowered.justification.as_deref(), Some("vulnerable_code_not_present"));
    assert_eq!(lowered.stated, now().plus_seconds(-60));
    assert!(
        lowered.by.contains("a1")
            && hit.message.contains(&lowered.by)
            && hit.message.ends_with("not_affected, vulnerable_code_not_present"),
        "{hit:?}"
    );
    assert_eq!(verdict(&[said("a1", VexStatus::Fixed, 60)]), Verdict::Allow);
    // By the advisory's own id as well, and by an alias in other letters.
    for name in ["GHSA-1", "cve-1"] {
        let named = VexSaid {
            names: vec!["OTHER".to_owned(), name.to_owned()],
            ..vex[0].clone()
        };
        assert_eq!(verdict(&[named]), Verdict::Allow, "{name}");
    }
    // What the rule only mentions is not lowered.
    let mentioned = decided(ADVISORY, "advisories: {critical: record}\n", &vex);
    assert!(mentioned.hits.iter().all(|hit| hit.lowered.is_none()), "{mentioned:?}");
}

#[test]
fn nothing_else_lowers() {
    let good = said("a1", NOT_AFFECTED, 60);
    let changes: [fn(&mut VexSaid); 9] = [
        |said| said.level = Level::Registry,
        |said| said.level = Level::None,
        |said| said.is_exact = false,
        |said| said.names = vec!["CVE-10".to_owned()],
        |said| said.justification = None,
        |said| said.justification = Some("requires_configuration".to_owned()),
        |said| said.status = VexStatus::UnderInvestigation,
        |said| said.status = VexStatus::Affected,
        |said| said.time = now().plus_seconds(1),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut wrong = good.clone();
        change(&mut wrong);
        assert_eq!(verdict(&[wrong]), Verdict::Deny, "change {index} lowered it");
    }
    assert_eq!(
        found(&decided(
            ADVISORY,
            "advisories: {honour_vex: never}\n",
            std::slice::from_ref(&good)
        )),
        denied("known-vulnerable")
    );
    for malicious in [
        ADVISORY.replace("GHSA-1", "MAL-1"),
        ADVISORY.replace("[\"CVE-1\"]", "[\"CVE-1\",\"MAL-1\"]"),
        ADVISORY.replacen('{', "{\"database_specific\":{\"cwe_ids\":[\"CWE-506\"]},", 1),
    ] {
        let best = VexSaid {
            level: Level::Provenance,
            ..good.clone()
        };
        assert_eq!(found(&decided(&malicious, "", &[best])), denied("known-malicious"));
    }
}

#[test]
fn of_one_author_the_latest_statement_counts_and_nobody_clears_what_another_calls_affected() {
    let (allow, deny) = (Verdict::Allow, Verdict::Deny);
    for (vex, expected) in [
        (
            vec![said("a1", VexStatus::Affected, 90), said("a1", NOT_AFFECTED, 60)],
            allow,
        ),
        (
            vec![said("a1", VexStatus::Affected, 60), said("a1", NOT_AFFECTED, 90)],
            deny,
        ),
        (
            vec![
                said("a1", VexStatus::UnderInvestigation, 60),
                said("a1", NOT_AFFECTED, 90),
            ],
            deny,
        ),
        (
            vec![
                said("a1", VexStatus::UnderInvestigation, 90),
                said("a1", VexStatus::Fixed, 60),
            ],
            allow,
        ),
        // Of one time the worse one.
        (
            vec![said("a1", VexStatus::Affected, 60), said("a1", NOT_AFFECTED, 60)],
            deny,
        ),
        (
            vec![
                said("a1", VexStatus::UnderInvestigation, 60),
                said("a1", NOT_AFFECTED, 60),
            ],
            deny,
        ),
        // Somebody else.
        (
            vec![said("a2", VexStatus::Affected, 90), said("a1", NOT_AFFECTED, 60)],
            deny,
        ),
        (
            vec![
                said("a2", VexStatus::UnderInvestigation, 60),
                said("a1", NOT_AFFECTED, 60),
            ],
            allow,
        ),
        (vec![said("a2", NOT_AFFECTED, 60), said("a1", NOT_AFFECTED, 60)], allow),
    ] {
        assert_eq!(verdict(&vex), expected, "{vex:?}");
        let reversed: Vec<VexSaid> = vex.into_iter().rev().collect();
        assert_eq!(verdict(&reversed), expected, "{reversed:?}");
    }
    // What is said against it is named.
    let vex = [said("a2", VexStatus::Affected, 90), said("a1", NOT_AFFECTED, 60)];
    let decision = decided(ADVISORY, "", &vex);
    let hit = decision
        .hits
        .iter()
        .find(|hit| hit.code == Code::KnownVulnerable)
        .unwrap();
    assert!(
        hit.message.contains("OpenVEX of a2") && hit.lowered.is_none(),
        "{hit:?}"
    );
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn statement() -> impl Strategy<Value = VexSaid> {
        (
            proptest::sample::select(vec!["a1", "a2"]),
            proptest::sample::select(vec![
                VexStatus::NotAffected,
                VexStatus::Fixed,
                VexStatus::UnderInvestigation,
                VexStatus::Affected,
            ]),
            proptest::sample::select(vec![-5_i64, 0, 60, 90]),
            proptest::sample::select(Level::ALL.to_vec()),
            any::<(bool, bool)>(),
        )
            .prop_map(|(author, status, seconds, level, (is_exact, is_named))| {
                let mut said = said(author, status, seconds);
                said.level = level;
                said.is_exact = is_exact;
                if !is_named {
                    said.names = vec!["CVE-2".to_owned()];
                }
                said
            })
    }

    fn record() -> impl Strategy<Value = String> {
        proptest::sample::select(vec![
            ADVISORY.to_owned(),
            ADVISORY.replace("GHSA-1", "MAL-1"),
            ADVISORY.replace("C:H/I:H/A:H", "C:L/I:N/A:N"),
            ADVISORY.replace("SEMVER", "GIT"),
        ])
    }

    proptest! {
        /// And taking them all away never improves a verdict, nor does taking away those of one author who calls nothing affected.
        #[test]
        fn statements_never_worsen(record in record(), vex in proptest::collection::vec(statement(), 0..6)) {
            let with = decided(&record, "", &vex).verdict;
            prop_assert!(with <= decided(&record, "", &[]).verdict);
            for author in ["a1", "a2"] {
                let (own, others): (Vec<VexSaid>, Vec<VexSaid>) = vex.iter().cloned().partition(|said| said.author == key(author));
                if own.iter().all(|said| said.status != VexStatus::Affected) {
                    prop_assert!(with <= decided(&record, "", &others).verdict);
                }
            }
        }

        /// Whatever is not signed by somebody whom the site names as a publisher changes nothing at all.
        #[test]
        fn what_is_not_signed_changes_nothing(record in record(), vex in proptest::collection::vec(statement(), 0..4), more in proptest::collection::vec(statement(), 0..4)) {
            let before = decided(&record, "", &vex);
            let unsigned = more.into_iter().map(|said| VexSaid { level: Level::Observed, ..said });
            let all: Vec<VexSaid> = vex.into_iter().chain(unsigned).collect();
            prop_assert_eq!(before, decided(&record, "", &all));
        }

        #[test]
        fn the_order_of_statements_does_not_matter(record in record(), vex in proptest::collection::vec(statement(), 0..6)) {
            let reversed: Vec<VexSaid> = vex.iter().rev().cloned().collect();
            prop_assert_eq!(decided(&record, "", &vex), decided(&record, "", &reversed));
        }

        #[test]
        fn a_malicious_version_is_never_cleared(vex in proptest::collection::vec(statement(), 0..6)) {
            let record = ADVISORY.replace("GHSA-1", "MAL-1");
            prop_assert_eq!(decided(&record, "", &vex).verdict, Verdict::Deny);
        }
    }
}

/// Used where a signer is made by hand.
#[test]
fn two_certificates_of_one_subject_are_one_author() {
    let certificate = |fingerprint: &str| Signer::Certificate {
        fingerprint: fingerprint.to_owned(),
        subject: "CN=Acme".to_owned(),
        issuer: "CN=CA".to_owned(),
        chain: Vec::new(),
    };
    let of = |fingerprint: &str, status, time: Timestamp| VexSaid {
        author: certificate(fingerprint),
        time,
        ..said("a1", status, 0)
    };
    let vex = [
        of("01", NOT_AFFECTED, now().plus_seconds(-90)),
        of("02", VexStatus::UnderInvestigation, now().plus_seconds(-60)),
    ];
    assert_eq!(verdict(&vex), Verdict::Deny);
}
