//! Who had the media, and in what state they came. Nothing here is ever waived.

use super::{Hits, days, days_between};
use crate::model::Code;
use crate::policy::custody::{CustodyFacts, CustodyRule, SealRule, VolumeCustody};
use crate::policy::document::RecordOrRefuse;
use crate::policy::{Action, Surroundings};

/// Compares what is recorded of a bundle's media with what the policy asks for.
pub(crate) fn custody(rule: &CustodyRule, facts: &CustodyFacts, surroundings: &Surroundings<'_>, hits: &mut Hits) {
    for (code, message) in &facts.troubles {
        let (action, path) = match code {
            // Anybody can put a file beside others.
            Code::CustodyRecordUnproven => (Action::Record, "custody"),
            Code::CustodySealDiffers if rule.seals == SealRule::Record => (Action::Record, "custody.seals"),
            Code::CustodySealDiffers => (Action::Deny, "custody.seals"),
            _ => (action(rule.chain), "custody.chain"),
        };
        let solution = "look at `sealift custody show`, and ask both sides who had the media";
        hits.add(*code, action, path, message.clone(), solution);
    }
    for event in &rule.events {
        lacks(
            facts,
            hits,
            "custody.events",
            &format!("no record that counts says `{event}`"),
            |volume| !volume.events.contains(event),
        );
    }
    if rule.seals == SealRule::BothSides {
        let what = "the receiving side has not recorded the seal under which it was sent";
        lacks(facts, hits, "custody.seals", what, |volume| !volume.seal_was_found);
    }
    if rule.write_protected {
        let what = "nobody recorded that its medium cannot be written to";
        lacks(facts, hits, "custody.write_protected", what, |volume| {
            volume.write_protected != Some(true)
        });
    }
    if let Some(max) = rule.scan_max_age_days {
        let is_old = |volume: &VolumeCustody| {
            let counting = volume.clean.iter().filter(|(role, _)| rule.scanned_by.contains(role));
            let newest = counting.map(|(_, at)| *at).max();
            newest.is_none_or(|at| days_between(at, surroundings.now) > i64::from(max))
        };
        let what = format!(
            "nobody whose scans count recorded within {} that nothing was found in it",
            days(max.into())
        );
        lacks(facts, hits, "custody.scan_max_age_days", &what, is_old);
    }
}

const fn action(rule: RecordOrRefuse) -> Action {
    match rule {
        RecordOrRefuse::Record => Action::Record,
        RecordOrRefuse::Refuse => Action::Deny,
    }
}

/// Refuses where some volumes lack something, and names the first of them.
fn lacks(facts: &CustodyFacts, hits: &mut Hits, rule: &str, what: &str, is_lacking: impl Fn(&VolumeCustody) -> bool) {
    let lacking: Vec<u32> = facts
        .volumes
        .iter()
        .filter(|(_, volume)| is_lacking(volume))
        .map(|(number, _)| *number)
        .collect();
    let Some(first) = lacking.first() else { return };
    let of = match lacking.len() {
        1 => format!("volume {first}"),
        count => format!("{count} volumes, {first} the first"),
    };
    hits.add(
        Code::CustodyIncomplete,
        Action::Deny,
        rule,
        format!("{of}: {what}"),
        "have whoever did it sign a record with `sealift custody add`",
    );
}
