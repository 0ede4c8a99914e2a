//! The control map: a bar for each regime, and its controls with the checks that answer them.

use std::io::{self, Write};

use super::picture::share;
use super::text;
use crate::report::Head;
use crate::report::controls::{self, Answer, Status};

/// A status as a class, a sign and a word: colour never says anything alone.
const fn shown(status: Status) -> (&'static str, &'static str, &'static str) {
    match status {
        Status::Satisfied => ("good", "✓", "satisfied"),
        Status::Partial => ("warn", "◐", "partial"),
        Status::NotCovered => ("none", "○", "not covered"),
    }
}

pub(super) fn controls(head: &Head, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<section><h2>Controls</h2>\n<p class=\"quiet\">What the checks of this import answer, and no more: a control is satisfied where \
         every check it rests on passed for every artifact and nothing that it asks for is left. Whether an organisation complies is \
         for its assessors to say.</p>"
    )?;
    if head.station.profile == "evaluation" {
        writeln!(
            out,
            "<p class=\"banner\">Nothing is satisfied here: {}.</p>",
            text(controls::EVALUATION)
        )?;
    }
    if let Some(words) = controls::since_sealed(head) {
        writeln!(out, "<p class=\"banner\">This map was {}.</p>", text(&words))?;
    }
    for regime in controls::REGIMES {
        let counts = controls::counts(regime, head);
        let all: u64 = counts.iter().sum();
        let words: Vec<String> = counts
            .iter()
            .zip(Status::ALL)
            .filter(|(count, _)| **count > 0)
            .map(|(count, status)| format!("{count} {}", shown(status).2))
            .collect();
        let words = words.join(", ");
        write!(
            out,
            "<details class=\"regime\"><summary><b>{}</b> <span>{words}</span>\n<svg viewBox=\"0 0 1000 12\" preserveAspectRatio=\"none\" \
             role=\"img\" aria-label=\"{}: {words}\">",
            text(regime.title),
            text(regime.title),
        )?;
        let mut done = 0;
        for (count, status) in counts.iter().zip(Status::ALL) {
            let before = share(done, all.max(1));
            done += count;
            let width = share(done, all.max(1)).saturating_sub(before);
            if width > 0 {
                write!(
                    out,
                    "<rect class=\"{}\" x=\"{before}\" y=\"0\" width=\"{width}\" height=\"12\"/>",
                    status.word()
                )?;
            }
        }
        writeln!(
            out,
            "</svg></summary>\n<p class=\"quiet\">The regime's text: {}.</p>\n<table class=\"controls\"><tbody>",
            regime.text.words()
        )?;
        for answer in controls::answers(head).filter(|answer| answer.regime == regime.id) {
            row(&answer, out)?;
        }
        writeln!(out, "</tbody></table></details>")?;
    }
    writeln!(out, "</section>")
}

fn row(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    let (class, sign, word) = shown(answer.status);
    let checks: Vec<String> = answer
        .checks
        .iter()
        .map(|said| format!("{} {}", said.check, said.result))
        .collect();
    write!(
        out,
        "<tr class=\"{class}\"><td><span class=\"sign\">{sign}</span></td><th scope=\"row\">{}</th><td>{}",
        text(answer.control),
        text(answer.asks)
    )?;
    if !checks.is_empty() {
        write!(out, "<small>{}</small>", text(&checks.join(" · ")))?;
    }
    // That is said once, above.
    for lacks in answer.lacks.iter().filter(|lacks| **lacks != controls::EVALUATION) {
        write!(out, "<small class=\"lacks\">not covered: {}</small>", text(lacks))?;
    }
    writeln!(out, "</td><td>{word}</td></tr>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::controls::tests::head;

    #[test]
    fn each_control_stands_once_under_its_regime_and_an_evaluation_is_told_once() {
        let page = |profile: &str| {
            let mut head = head();
            head.station.profile = profile.to_owned();
            let mut out = Vec::new();
            controls(&head, &mut out).unwrap();
            (controls::answers(&head).count(), String::from_utf8(out).unwrap())
        };
        let (count, standard) = page("standard");
        assert_eq!(standard.matches("<tr ").count(), count);
        let (_, evaluated) = page("evaluation");
        assert_eq!(evaluated.matches(controls::EVALUATION).count(), 1);
        // A status that no control has is not counted.
        for words in ["<span>0 ", ", 0 "] {
            assert!(!evaluated.contains(words), "{evaluated}");
        }
    }
}
