//! The levels of evidence as bars, one for each ecosystem, drawn in SVG, with the numbers beside them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{mark, text};
use crate::model::Level;
use crate::report::{EcosystemTally, Head};

/// A bar's length in the picture's own units; thousandths are exact enough for an eye.
const LENGTH: u64 = 1000;

/// What becomes of artifacts, and as what each is drawn.
const DECISIONS: [(&str, &str); 5] = [
    ("allowed", "allowed"),
    ("reviewed", "reviewed"),
    ("evaluation", "let-pass"),
    ("waiting", "waiting"),
    ("denied", "denied"),
];

/// From how many reasons on they are counted before they are listed.
const MANY_REASONS: usize = 8;

pub(super) fn levels(ecosystems: &[EcosystemTally], out: &mut dyn Write) -> io::Result<()> {
    if ecosystems.is_empty() {
        return Ok(());
    }
    write!(out, "<section><h2>Evidence</h2>\n<p class=\"legend\">")?;
    for level in Level::ALL.iter().rev() {
        write!(out, "{} ", mark(*level))?;
    }
    writeln!(out, "</p>")?;
    for tally in ecosystems {
        bar(tally, out)?;
    }
    writeln!(
        out,
        "<p class=\"quiet\">provenance: publisher, build and signing time proven by a log or authority. publisher: signed by a pinned key. \
         registry: a registry or distribution signed the digest. observed: only the exporter saw it.</p></section>"
    )
}

fn bar(tally: &EcosystemTally, out: &mut dyn Write) -> io::Result<()> {
    let all = tally.artifacts.max(1);
    let of = |level: Level| tally.levels.get(level.word()).copied().unwrap_or_default();
    let numbers: Vec<String> = Level::ALL
        .iter()
        .rev()
        .filter(|level| of(**level) > 0)
        .map(|level| format!("{} {}", of(*level), level.word()))
        .collect();
    let label = format!("{}: {}", tally.ecosystem, numbers.join(", "));
    write!(
        out,
        "<figure><figcaption><b>{}</b> <span>{} artifacts: {}</span></figcaption>\n\
         <svg viewBox=\"0 0 {LENGTH} 28\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        text(&tally.ecosystem),
        tally.artifacts,
        text(&numbers.join(", ")),
        text(&label)
    )?;
    let mut done = 0_u64;
    for level in Level::ALL.iter().rev() {
        let before = share(done, all);
        done = done.saturating_add(of(*level));
        let width = share(done, all).saturating_sub(before);
        if width > 0 {
            write!(
                out,
                "<rect class=\"{}\" x=\"{before}\" y=\"0\" width=\"{width}\" height=\"28\"/>",
                level.word()
            )?;
        }
    }
    writeln!(out, "</svg>")?;
    decided(tally, out)?;
    let mut notes = Vec::new();
    if tally.contradicted > 0 {
        notes.push(format!(
            "<b class=\"bad\">✕ {} bring a proof that is wrong</b>",
            tally.contradicted
        ));
    }
    if tally.undecided > 0 {
        notes.push(format!("? {} bring a proof that could not be judged", tally.undecided));
    }
    if !notes.is_empty() {
        writeln!(out, "<p class=\"notes\">{}</p>", notes.join(" · "))?;
    }
    writeln!(out, "</figure>")
}

/// What was decided, as a thinner bar under that of the levels.
fn decided(tally: &EcosystemTally, out: &mut dyn Write) -> io::Result<()> {
    let of = |word: &str| tally.decisions.get(word).copied().unwrap_or_default();
    let words: Vec<String> = DECISIONS
        .iter()
        .filter(|(word, _)| of(word) > 0)
        .map(|(word, _)| format!("{} {word}", of(word)))
        .collect();
    if words.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<svg class=\"decided\" viewBox=\"0 0 {LENGTH} 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
    )?;
    let mut done = 0_u64;
    for (word, class) in DECISIONS {
        let before = share(done, tally.artifacts.max(1));
        done = done.saturating_add(of(word));
        let width = share(done, tally.artifacts.max(1)).saturating_sub(before);
        if width > 0 {
            write!(
                out,
                "<rect class=\"{class}\" x=\"{before}\" y=\"0\" width=\"{width}\" height=\"8\"/>"
            )?;
        }
    }
    writeln!(out, "</svg>\n<p class=\"notes\">decided: {}</p>", words.join(", "))
}

/// What was refused by which code, the most first, as bars: a list of hundreds shows nobody what is behind it.
pub(super) fn reasons(head: &Head, out: &mut dyn Write) -> io::Result<()> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for refusal in &head.refusals {
        *counts.entry(&refusal.code).or_default() += 1;
    }
    if head.refusals.len() < MANY_REASONS {
        return Ok(());
    }
    let mut list: Vec<(&str, u64)> = counts.into_iter().collect();
    list.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    let most = list.first().map_or(1, |(_, count)| *count);
    writeln!(out, "<table class=\"reasons\"><tbody>")?;
    for (code, count) in list {
        writeln!(
            out,
            "<tr><th scope=\"row\"><code>{}</code></th><td class=\"number\">{count}</td><td>{}</td></tr>",
            text(code),
            length(count, most, "denied")
        )?;
    }
    writeln!(out, "</tbody></table>")
}

/// A count as a bar, against the largest beside it.
pub(super) fn length(count: u64, most: u64, class: &str) -> String {
    format!(
        "<svg class=\"length\" viewBox=\"0 0 {LENGTH} 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"{class}\" x=\"0\" y=\"0\" width=\"{}\" height=\"8\"/></svg>",
        share(count, most.max(1)).max(2)
    )
}

pub(super) fn share(part: u64, all: u64) -> u64 {
    let share = u128::from(part.min(all)) * u128::from(LENGTH) / u128::from(all);
    u64::try_from(share).unwrap_or(LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_their_length_and_no_more() {
        let tally = EcosystemTally {
            artifacts: 3,
            decisions: [("denied".to_owned(), 1), ("<y>".to_owned(), 1)].into(),
            ecosystem: "<x>".to_owned(),
            levels: [("provenance".to_owned(), 1), ("none".to_owned(), 2)].into(),
            contradicted: 1,
            ..EcosystemTally::default()
        };
        let mut out = Vec::new();
        levels(&[tally], &mut out).unwrap();
        let page = String::from_utf8(out).unwrap();
        assert!(
            page.contains("class=\"provenance\" x=\"0\" y=\"0\" width=\"333\""),
            "{page}"
        );
        assert!(
            page.contains("class=\"none\" x=\"333\" y=\"0\" width=\"667\""),
            "{page}"
        );
        assert!(page.contains("&lt;x&gt;") && !page.contains("<x>"), "{page}");
        assert!(
            page.contains("class=\"denied\" x=\"0\" y=\"0\" width=\"333\""),
            "{page}"
        );
        assert!(page.contains("decided: 1 denied") && !page.contains("<y>"), "{page}");
        assert!(page.contains("3 artifacts: 1 provenance, 2 none<"), "{page}");
        assert_eq!(share(u64::MAX, u64::MAX), LENGTH);
    }
}
