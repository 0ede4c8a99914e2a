//! `sealift reverify --today`: what of a capsule would not be admitted any more, and why.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::files;
use super::output::{Lines, escape};
use super::policy;
use super::progress::Bars;
use super::recheck::{fallen_json, fallen_text};
use super::vex;
use crate::capsule::Capsule;
use crate::crypto::dsse::MAX_ENVELOPE_BYTES;
use crate::import::recheck::Rechecked;
use crate::import::replay_today::{TodayReplay, replay_today};
use crate::import::site::{InForce, Site};
use crate::model::{Stop, Timestamp, escaped_json};

/// What counts today.
#[derive(Debug, Args)]
pub(super) struct Today {
    /// Judge by today's trust and policy instead: what would not be admitted any more
    #[arg(long, conflicts_with = "as_of_report")]
    pub(super) today: bool,
    /// A newer root, trust data or revocations, signed as the enclave's root asks; may be given again, in their order
    #[arg(long, value_name = "FILE", requires = "today")]
    trust: Vec<PathBuf>,
    /// Ask this policy [default: the one that decided then]
    #[arg(long, value_name = "FILE", requires = "today")]
    policy: Option<PathBuf>,
    /// Ask the policy about these advisories too: OSV records, one a line
    #[arg(long, value_name = "FILE", requires = "today")]
    advisories: Option<PathBuf>,
    /// Hear what signed VEX documents say of these advisories: a document with the signatures beside it, or all of a folder
    #[arg(long, value_name = "FILE|FOLDER", requires = "advisories")]
    vex: Vec<PathBuf>,
    /// The time at which to judge [default: now]
    #[arg(long, value_name = "TIME", requires = "today", value_parser = super::ask::time)]
    at: Option<Timestamp>,
}

const BEGIN: &str = "{\"schema\":\"sealift-reverify/1\",\"mode\":\"today\",\"changes\":[\n";

/// What was not asked.
const NOT_ASKED: [&str; 2] = [
    "approvals, gaps and the age of side data: they are a bundle's",
    "scanners: nothing is scanned again",
];

/// Judges everything that was admitted, and says whether all of it stands and would be admitted.
pub(super) fn run(today: &Today, capsule: &Capsule, threads: usize, context: &Context) -> Result<bool, Stop> {
    let newer = today
        .trust
        .iter()
        .map(|path| Ok((path.display().to_string(), files::read(path, MAX_ENVELOPE_BYTES)?)))
        .collect::<Result<Vec<_>, Stop>>()?;
    let trust = capsule.trust_today(&newer)?;
    let site = Site::load(&trust)?;
    let now = today.at.unwrap_or(context.now);
    let given = match &today.policy {
        Some(path) => Some(policy::given(path, now, trust.current())?),
        None => None,
    };
    let in_force = given.as_ref().unwrap_or_else(|| site.in_force());
    let vex = vex::carried(&today.vex, context)?;
    let bars = Bars::new(context);
    let work = capsule.work();
    let again = TodayReplay {
        folder: &work,
        head: &capsule.head,
        site: &site,
        in_force,
        profile: trust.current().document().profile,
        advisories: today.advisories.as_deref(),
        vex: &vex,
        now,
        threads,
        progress: &bars,
    };
    let mut lines = context.output.lines();
    let is_json = context.output.wants_json();
    let mut count = 0_u64;
    let total = replay_today(&again, &mut capsule.report()?, &mut |change| {
        let record = &change.entry;
        if is_json {
            let before = if count == 0 { BEGIN } else { "," };
            let artifact = json!({
                "purl": record.purl, "ecosystem": record.ecosystem, "name": record.name,
                "version": record.version, "file": record.file, "digest": record.digest,
            });
            lines.line(&escaped_json(&format!("{before}{}", fallen_json(&change, artifact))));
        } else {
            fallen_text(&change, &record.purl, &[], "", &mut lines);
        }
        count += 1;
    })?;
    drop(bars);
    let asked = Asked {
        capsule,
        site: &site,
        in_force,
        now,
        advisories: today.advisories.as_deref(),
    };
    if is_json {
        let before = if count == 0 { BEGIN } else { "" };
        let total = total_json(total.as_ref(), &asked);
        lines.line(&escaped_json(&format!("{before}],\"total\":{total}}}")));
    } else {
        total_text(total.as_ref(), &asked, &mut lines);
    }
    Ok(total.is_none_or(|total| total.stands()))
}

/// By what it was judged.
struct Asked<'a> {
    capsule: &'a Capsule,
    site: &'a Site,
    in_force: &'a InForce,
    now: Timestamp,
    advisories: Option<&'a Path>,
}

impl Asked<'_> {
    fn not_asked(&self) -> Vec<&'static str> {
        let mut parts = NOT_ASKED.to_vec();
        if self.advisories.is_none() {
            parts.push("advisories: give some with --advisories");
        }
        parts
    }

    fn versions(&self) -> [Option<u64>; 2] {
        let site = self.site;
        [
            site.trust_data().map(|(standing, _)| standing.version),
            site.revocations().map(|(standing, _)| standing.version),
        ]
    }
}

fn total_json(total: Option<&Rechecked>, asked: &Asked<'_>) -> Value {
    let policy = &asked.in_force.policy;
    let [trust_data, revocations] = asked.versions();
    json!({
        "report": asked.capsule.head.number,
        "digest": asked.capsule.digest,
        "at": asked.now,
        "judged": total.map(|total| total.judged),
        "fallen": total.map(|total| total.fallen),
        "risen": total.map(|total| total.risen),
        "not_admitted": total.map(|total| total.not_admitted),
        "policy": { "id": policy.id, "version": policy.version, "digest": policy.digest(), "origin": asked.in_force.origin },
        "trust_data": trust_data,
        "revocations": revocations,
        "not_asked": asked.not_asked(),
    })
}

fn total_text(total: Option<&Rechecked>, asked: &Asked<'_>, lines: &mut Lines) {
    let head = &asked.capsule.head;
    let Some(total) = total else {
        let text = "nothing was judged: the attempt did not come to a decision";
        return lines.line(&format!(
            "report {} of {}: {text}",
            head.number,
            escape(&head.station.name)
        ));
    };
    let version =
        |version: Option<u64>| version.map_or_else(|| "none".to_owned(), |version| format!("version {version}"));
    let [trust_data, revocations] = asked.versions();
    lines.line(&format!(
        "judged what report {} of {} admitted, as of {}: of {} artifacts {} no longer stand as they did, {} are newly confirmed",
        head.number,
        escape(&head.station.name),
        asked.now,
        total.judged,
        total.fallen,
        total.risen
    ));
    lines.line(&format!(
        "  by trust data {}, revocations {}",
        version(trust_data),
        version(revocations)
    ));
    let policy = &asked.in_force.policy;
    lines.line(&format!(
        "policy {} version {} would not admit {} of them any more",
        escape(&policy.id),
        policy.version,
        total.not_admitted
    ));
    for part in asked.not_asked() {
        lines.line(&format!("  not asked: {part}"));
    }
}
