//! `sealift recheck`: what of all that is held no longer stands by today's trust data and revocations.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::import::threads;
use super::output::{Lines, escape};
use super::progress::Bars;
use super::shown::{bundle_text, entry_json, finding_lines, holder};
use super::{Context, Exit};
use crate::ecosystem::purl;
use crate::enclave::{self, Enclave};
use crate::import::recheck::{Again, Change, Rechecked, recheck};
use crate::import::site::Site;
use crate::ledger::{Ledger, Rejudging};
use crate::log::Leaf;
use crate::model::{Stop, Unable};
use crate::store::Store;
use crate::trust::folder::TrustFolder;

/// What to judge again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// Keep the new judgements in the place of the old ones
    #[arg(long)]
    record: bool,
    /// How many threads judge [default: all cores]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Judges everything again. Ends as refused where something no longer stands.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let folder = &arguments.enclave;
    if !arguments.record {
        return Ok(judge(arguments, &enclave::read(folder)?, None, context)?.0);
    }
    let enclave = Enclave::open(folder, &holder("recheck"))?;
    let record = enclave.ledger.rejudge()?;
    let (exit, judged) = judge(arguments, &enclave.ledger, Some(&record), context)?;
    let leaf = Leaf::Recheck {
        judged,
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
    let site = site(&arguments.enclave, ledger)?;
    let store = Store::open(arguments.enclave.join("store"))
        .map_err(|error| Unable::new("cannot read the enclave's store").because(error))?;
    let bars = Bars::new(context);
    let again = Again {
        ledger,
        store: &store,
        site: &site,
        max_transit_seconds: site.in_force().max_transit_seconds(),
        now: context.now,
        threads: threads(arguments.threads),
        progress: &bars,
        record,
    };
    let mut lines = context.output.lines();
    let is_json = context.output.wants_json();
    if is_json {
        lines.line("{\"schema\":\"sealift-recheck/1\",\"changes\":[");
    }
    let mut count = 0_u64;
    let total = recheck(&again, |change| {
        if is_json {
            let comma = if count == 0 { "" } else { "," };
            lines.line(&format!("{comma}{}", change_json(&change)));
        } else {
            change_text(&change, &mut lines);
        }
        count += 1;
        Ok(())
    })?;
    drop(bars);
    if is_json {
        lines.line(&format!(
            "],\"total\":{}}}",
            total_json(&total, &site, record.is_some())
        ));
    } else {
        total_text(&total, &site, record.is_some(), &mut lines);
    }
    let exit = if total.fallen > 0 { Exit::Refused } else { Exit::Done };
    Ok((exit, total.judged))
}

fn site(folder: &Path, ledger: &Ledger) -> Result<Site, Stop> {
    let site = Site::load(&TrustFolder::open(&folder.join("trust"))?)?;
    site.check_not_rolled_back(ledger)?;
    Ok(site)
}

fn change_text(change: &Change, lines: &mut Lines) {
    let word = if change.fell() { "fell" } else { "rose" };
    lines.line(&format!(
        "{word} {}  {} -> {}{}",
        escape(&purl(&change.entry.artifact)),
        change.was,
        change.now,
        if change.entry.is_current { "" } else { " (rolled back)" }
    ));
    lines.line(&format!("  came in   {}", bundle_text(&change.entry.last_bundle)));
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
}

fn change_json(change: &Change) -> Value {
    json!({
        "fell": change.fell(),
        "was": change.was,
        "now": change.now,
        "lost": change.lost.iter().map(|(was, now)| json!({ "was": was, "now": now })).collect::<Vec<_>>(),
        "wrong": change.wrong,
        "gained": change.gained,
        "unreadable": change.unreadable,
        "artifact": entry_json(&change.entry),
    })
}

fn total_json(total: &Rechecked, site: &Site, is_recorded: bool) -> Value {
    let version = |standing: &crate::trust::Standing| json!({ "version": standing.version, "digest": standing.digest });
    json!({
        "judged": total.judged,
        "fallen": total.fallen,
        "risen": total.risen,
        "recorded": is_recorded,
        "trust_data": site.trust_data().map(|(standing, _)| version(standing)),
        "revocations": site.revocations().map(|(standing, _)| version(standing)),
    })
}

fn total_text(total: &Rechecked, site: &Site, is_recorded: bool, lines: &mut Lines) {
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
    lines.line(if is_recorded {
        "  the new judgements are kept; what clients find is as before"
    } else {
        "  nothing was changed; --record keeps the new judgements"
    });
}
