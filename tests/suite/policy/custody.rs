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
