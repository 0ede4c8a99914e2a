//! `sealift recheck`: what of all that is held no longer stands by today's trust data and revocations, and what today's policy would not admit.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::import::threads;
use super::output::{Lines, escape};
use super::progress::Bars;
use super::shown::{bundle_text, entry_json, finding_lines, holder};
use super::{Context, Exit, vex};
use crate::ecosystem::purl;
use crate::enclave::{self, Enclave};
use crate::import::decide::Admission;
use crate::import::journal;
use crate::import::recheck::{Again, Change, NotAdmitted, Rechecked, recheck};
use crate::import::site::Site;
use crate::ledger::{Ledger, Rejudging};
use crate::log::{Leaf, LogLines};
use crate::model::{Stop, Unable};
use crate::store::Store;
use crate::trust::folder::TrustFolder;

/// What to judge again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// Ask the policy about these advisories too: OSV records, one a line
    #[arg(long, value_name = "FILE")]
    advisories: Option<PathBuf>,
    /// Hear what signed VEX documents say of these advisories: a document with the signatures beside it, or all of a folder
    #[arg(long, value_name = "FILE|FOLDER", requires = "advisories")]
    vex: Vec<PathBuf>,
    /// Keep the new judgements in the place of the old ones
    #[arg(long)]
    record: bool,
    /// How many threads judge [default: all cores]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// How the document begins.
const BEGIN: &str = "{\"schema\":\"sealift-recheck/1\",\"changes\":[\n";

/// Judges everything again. Ends as refused where something no longer stands, or would not be admitted any more.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let folder = &arguments.enclave;
    if !arguments.record {
        return Ok(judge(arguments, &enclave::read(folder)?, None, context)?.0);
    }
    let enclave = Enclave::open(folder, &holder("recheck"))?;
    // The place of the leaf that will tell of it.
    let leaf = enclave.ledger.log()?.map(|state| state.size);
    let journal = leaf.map(|leaf| journal::begin(&enclave::recheck_journal(folder, leaf)));
    let mut record = enclave.ledger.rejudge(journal.transpose()?)?;
    let (exit, judged) = judge(arguments, &enclave.ledger, Some(&record), context)?;
    let journal = record.end_journal();
    let journal = journal.map_err(|error| Unable::new("cannot write what state.db takes in").because(error))?;
    let leaf = Leaf::Recheck {
        judged,
        lines: journal.map(|journal| LogLines {
            bytes: journal.bytes,
            count: journal.count,
            digest: journal.digest,
        }),
        time: context.now,
    };
    let mut logged = enclave.logged(&leaf)?;
    record.commit(logged.as_ref().map(|(_, state)| state))?;
    if let Some((log, _)) = &mut logged {
        log.committed(None)?;
    }
    Ok(exit)
}

fn judge(
    arguments: &Arguments,
    ledger: &Ledger,
    record: Option<&Rejudging<'_>>,
    context: &Context,
) -> Result<(Exit, u64), Stop> {
    let trust = TrustFolder::open(&arguments.enclave.join("trust"))?;
    let site = Site::load(&trust)?;
    site.check_not_rolled_back(&trust, ledger)?;
    let store = Store::open(arguments.enclave.join("store"))
        .map_err(|error| Unable::new("cannot read the enclave's store").because(error))?;
    let vex = vex::carried(&arguments.vex, context)?;
    let bars = Bars::new(context);
    let again = Again {
        ledger,
        store: &store,
        site: &site,
        profile: trust.current().document().profile,
        advisories: arguments.advisories.as_deref(),
        vex: &vex,
        max_transit_seconds: site.in_force().max_transit_seconds(),
        now: context.now,
        threads: threads(arguments.threads),
        progress: &bars,
        record,
    };
    let mut lines = context.output.lines();
    let is_json = context.output.wants_json();
    // Nothing is printed before something is judged: a refusal is a document of its own.
    let mut count = 0_u64;
    let total = recheck(&again, |change| {
        if is_json {
            let before = if count == 0 { BEGIN } else { "," };
            lines.line(&format!("{before}{}", change_json(&change)));
        } else {
            change_text(&change, &mut lines);
        }
        count += 1;
    })?;
    let asked = Asked {
        site: &site,
        not_asked: not_asked(&again),
        is_recorded: record.is_some(),
    };
    drop(bars);
    if is_json {
        let before = if count == 0 { BEGIN } else { "" };
        lines.line(&format!("{before}],\"total\":{}}}", total_json(&total, &asked)));
    } else {
        total_text(&total, &asked, &mut lines);
    }
    let exit = if total.stands() { Exit::Done } else { Exit::Refused };
    Ok((exit, total.judged))
}

fn change_text(change: &Change, lines: &mut Lines) {
    let entry = &change.entry;
    let rolled_back = if entry.is_current { "" } else { " (rolled back)" };
    let came = bundle_text(&entry.last_bundle);
    fallen_text(change, &purl(&entry.artifact), &[&came], rolled_back, lines);
}

/// What became of an artifact, in lines.
pub(super) fn fallen_text<E>(change: &Change<E>, purl: &str, came_in: &[&str], more: &str, lines: &mut Lines) {
    let word = match (change.fell(), change.gained.is_empty()) {
        (true, _) => "fell",
        (false, false) => "rose",
        (false, true) => "held",
    };
    lines.line(&format!(
        "{word} {}  {} -> {}{more}",
        escape(purl),
        change.was,
        change.now
    ));
    for bundle in came_in {
        lines.line(&format!("  came in   {bundle}"));
    }
    if let Some(why) = &change.unreadable {
        lines.line(&format!("  not read  {}", escape(why)));
    }
    for (was, now) in &change.lost {
        lines.line(&format!(
            "  was       {} by {}: {}",
            was.level(),
            escape(&was.kind),
            escape(&was.reason)
        ));
        match now {
            Some(now) => finding_lines(now).iter().for_each(|line| lines.line(line)),
            None => lines.line("  gone      no finding stands in its place"),
        }
    }
    for finding in change.wrong.iter().chain(&change.gained) {
        finding_lines(finding).iter().for_each(|line| lines.line(line));
    }
    if let Some(found) = &change.not_admitted {
        let today = match (found.admission, found.is_news) {
            (Admission::Denied, _) => "would be denied today",
            (_, true) => "would wait for a decision today",
            (_, false) => "would wait for a decision today, as it did when it came",
        };
        lines.line(&format!("  policy    {today}"));
        for hit in &found.hits {
            lines.line(&format!(
                "  {:<9} {} [{}] ({})",
                hit.verdict.word(),
                escape(&hit.message),
                hit.code.name(),
                escape(&hit.rule)
            ));
        }
    }
}

fn not_admitted_json(found: &NotAdmitted) -> Value {
    json!({
        "admission": found.admission.word(),
        "was": found.was.map(Admission::word),
        "news": found.is_news,
        "required": found.required,
        "reached": found.reached,
        "hits": found.hits,
    })
}

fn change_json(change: &Change) -> Value {
    fallen_json(change, entry_json(&change.entry))
}

/// What became of an artifact.
pub(super) fn fallen_json<E>(change: &Change<E>, artifact: Value) -> Value {
    json!({
        "fell": change.fell(),
        "was": change.was,
        "now": change.now,
        "lost": change.lost.iter().map(|(was, now)| json!({ "was": was, "now": now })).collect::<Vec<_>>(),
        "wrong": change.wrong,
        "gained": change.gained,
        "unreadable": change.unreadable,
        "not_admitted": change.not_admitted.as_ref().map(not_admitted_json),
        "artifact": artifact,
    })
}

/// By what everything was judged.
struct Asked<'a> {
    site: &'a Site,
    not_asked: Vec<&'static str>,
    is_recorded: bool,
}

/// What today's policy was not asked.
fn not_asked(again: &Again<'_>) -> Vec<&'static str> {
    let mut parts = vec![
        "approvals, gaps and what a bundle carries: they are a bundle's",
        "scanners: nothing is scanned again",
    ];
    if again.advisories.is_none() {
        parts.push("advisories: give some with --advisories");
    }
    parts
}

fn total_json(total: &Rechecked, asked: &Asked<'_>) -> Value {
    let site = asked.site;
    let policy = site.in_force();
    let version = |standing: &crate::trust::Standing| json!({ "version": standing.version, "digest": standing.digest });
    json!({
        "judged": total.judged,
        "fallen": total.fallen,
        "risen": total.risen,
        "not_admitted": total.not_admitted,
        "stale": total.stale,
        "policy": { "id": policy.policy.id, "version": policy.policy.version, "digest": policy.policy.digest(), "origin": policy.origin },
        "not_asked": asked.not_asked,
        "recorded": asked.is_recorded,
        "trust_data": site.trust_data().map(|(standing, _)| version(standing)),
        "revocations": site.revocations().map(|(standing, _)| version(standing)),
    })
}

fn total_text(total: &Rechecked, asked: &Asked<'_>, lines: &mut Lines) {
    let site = asked.site;
    let version =
        |version: Option<u64>| version.map_or_else(|| "none".to_owned(), |version| format!("version {version}"));
    lines.line(&format!(
        "judged {} artifacts again: {} no longer stand as they did, {} are newly confirmed",
        total.judged, total.fallen, total.risen
    ));
    lines.line(&format!(
        "  by trust data {}, revocations {}",
        version(site.trust_data().map(|(standing, _)| standing.version)),
        version(site.revocations().map(|(standing, _)| standing.version))
    ));
    let policy = &site.in_force().policy;
    lines.line(&format!(
        "policy {} version {} would not admit {} of them any more",
        escape(&policy.id),
        policy.version,
        total.not_admitted
    ));
    if let Some(hit) = &total.stale {
        lines.line(&format!("  {} [{}] ({})", hit.message, hit.code.name(), hit.rule));
    }
    for part in &asked.not_asked {
        lines.line(&format!("  not asked: {part}"));
    }
    lines.line(if asked.is_recorded {
        "  the new judgements are kept; what clients find is as before"
    } else {
        "  nothing was changed; --record keeps the new judgements"
    });
}
