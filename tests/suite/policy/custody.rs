//! What a policy asks of the records of who had the media.

use sealift::model::{Code, CustodyEvent};
use sealift::policy::{BundleFacts, CustodyFacts, Policy, Profile, ScanRole, Verdict, VolumeCustody};

use super::{Around, found, good_bundle, policy};

const ALLOWED: (Verdict, Vec<&str>) = (Verdict::Allow, Vec::new());

fn denied(code: &'static str) -> (Verdict, Vec<&'static str>) {
    (Verdict::Deny, vec![code])
}

#[test]
fn custody_is_asked_for_volume_by_volume() {
    let around = Around::new();
    let scanned = around.exported;
    let facts = |edit: &dyn Fn(&mut CustodyFacts)| {
        let good = VolumeCustody {
            events: [CustodyEvent::Sealed, CustodyEvent::Received].into(),
            seal_was_found: true,
            write_protected: Some(true),
            clean: [(ScanRole::Export, scanned)].into(),
        };
        let mut facts = CustodyFacts {
            troubles: Vec::new(),
            volumes: (1..=3).map(|number| (number, good.clone())).collect(),
        };
        edit(&mut facts);
        facts
    };
    let rule = "require: {approvals: 0, release_by_other_person: false, revocations_max_age_days: none, advisories_max_age_days: none}\n\
                custody: {events: [sealed, received], seals: both-sides, write_protected: true, scan_max_age_days: 2}\n";
    let policy = policy(rule);
    let judge = around.judge(&policy);
    let of = |facts: &CustodyFacts| {
        found(&judge.decide_bundle(&BundleFacts {
            custody: Some(facts),
            ..good_bundle()
        }))
    };
    assert_eq!(of(&facts(&|_| {})), ALLOWED);
    let second = |facts: &mut CustodyFacts, edit: &dyn Fn(&mut VolumeCustody)| edit(facts.volumes.get_mut(&2).unwrap());
    let wrong: [&dyn Fn(&mut VolumeCustody); 6] = [
        &|volume| {
            volume.events.remove(&CustodyEvent::Received);
        },
        &|volume| volume.seal_was_found = false,
        &|volume| volume.write_protected = Some(false),
        &|volume| volume.write_protected = None,
        &|volume| volume.clean.clear(),
        &|volume| volume.clean = [(ScanRole::Import, scanned)].into(),
    ];
    for edit in wrong {
        assert_eq!(of(&facts(&|facts| second(facts, edit))), denied("custody-incomplete"));
    }
    let old = facts(&|facts| {
        second(facts, &|volume| {
            volume.clean = [(ScanRole::Export, scanned.plus_seconds(-3 * 86_400))].into()
        })
    });
    assert_eq!(of(&old), denied("custody-incomplete"));
    for (code, verdict) in [
        (Code::CustodyChainBroken, denied("custody-chain-broken")),
        (Code::CustodyMediumDiffers, denied("custody-medium-differs")),
        (Code::CustodySealDiffers, denied("custody-seal-differs")),
        // Anybody can put a file beside others.
        (Code::CustodyRecordUnproven, ALLOWED),
    ] {
        assert_eq!(
            of(&facts(&|facts| facts.troubles.push((code, "why".to_owned())))),
            verdict
        );
    }
    // A policy of before there were records asks for nothing.
    let mut before = Policy::of_profile(Profile::Standard);
    before.custody = None;
    let again = Policy::read(&before.to_bytes()).unwrap();
    assert_eq!(again, before);
}

/// What each line asks for, and what it leaves to the others.
#[test]
fn custody_is_asked_for_only_where_a_rule_asks() {
    let around = Around::new();
    let quiet = "require: {approvals: 0, release_by_other_person: false, revocations_max_age_days: none, advisories_max_age_days: none}\n";
    let of = |rule: &str, facts: &CustodyFacts| {
        let policy = policy(&format!("{quiet}custody: {{{rule}}}\n"));
        let custody = Some(facts);
        around.judge(&policy).decide_bundle(&BundleFacts {
            custody,
            ..good_bundle()
        })
    };
    let trouble = |code| CustodyFacts {
        troubles: vec![(code, "why".to_owned())],
        ..CustodyFacts::default()
    };
    let (broken, other_seal) = (trouble(Code::CustodyChainBroken), trouble(Code::CustodySealDiffers));
    for (rule, chain, seal) in [
        ("chain: record", ALLOWED, denied("custody-seal-differs")),
        ("seals: record", denied("custody-chain-broken"), ALLOWED),
        (
            "seals: refuse, chain: refuse",
            denied("custody-chain-broken"),
            denied("custody-seal-differs"),
        ),
    ] {
        assert_eq!(found(&of(rule, &broken)), chain, "{rule}");
        assert_eq!(found(&of(rule, &other_seal)), seal, "{rule}");
    }
    // Nothing is recorded of either volume.
    let silent = CustodyFacts {
        volumes: [(1, VolumeCustody::default()), (2, VolumeCustody::default())].into(),
        ..CustodyFacts::default()
    };
    for rule in [
        "seals: refuse",
        "events: []",
        "write_protected: false",
        "scan_max_age_days: none",
    ] {
        assert_eq!(found(&of(rule, &silent)), ALLOWED, "{rule}");
    }
    for (rule, says) in [
        (
            "seals: both-sides",
            "2 volumes, 1 the first: the receiving side has not recorded the seal under which it was sent",
        ),
        (
            "events: [sealed]",
            "2 volumes, 1 the first: no record that counts says `sealed`",
        ),
        (
            "write_protected: true",
            "2 volumes, 1 the first: nobody recorded that its medium cannot be written to",
        ),
        (
            "scan_max_age_days: 1",
            "2 volumes, 1 the first: nobody whose scans count recorded within 1 day that nothing was found in it",
        ),
    ] {
        let decision = of(rule, &silent);
        assert_eq!(found(&decision), denied("custody-incomplete"), "{rule}");
        assert_eq!(decision.hits[0].message, says, "{rule}");
    }
    // Of several scans the newest of those that count does, and it may be as old as is said.
    let scanned = |scans: &[(ScanRole, i64)]| {
        let clean = scans
            .iter()
            .map(|(role, days)| (*role, around.now.plus_seconds(-days * 86_400)))
            .collect();
        let volume = VolumeCustody {
            clean,
            ..VolumeCustody::default()
        };
        CustodyFacts {
            volumes: [(1, volume)].into(),
            ..CustodyFacts::default()
        }
    };
    let lacks = denied("custody-incomplete");
    for (rule, scans, verdict) in [
        ("scan_max_age_days: 2", &[(ScanRole::Export, 2)][..], ALLOWED),
        ("scan_max_age_days: 2", &[(ScanRole::Export, 3)], lacks.clone()),
        (
            "scan_max_age_days: 2",
            &[(ScanRole::Export, 3), (ScanRole::Approve, 1)],
            ALLOWED,
        ),
        (
            "scan_max_age_days: 2",
            &[(ScanRole::Export, 3), (ScanRole::Import, 1)],
            lacks.clone(),
        ),
        (
            "scan_max_age_days: 2, scanned_by: [import]",
            &[(ScanRole::Export, 1), (ScanRole::Import, 3)],
            lacks,
        ),
        (
            "scan_max_age_days: 2, scanned_by: [import]",
            &[(ScanRole::Import, 2)],
            ALLOWED,
        ),
    ] {
        assert_eq!(found(&of(rule, &scanned(scans))), verdict, "{rule} {scans:?}");
    }
}
