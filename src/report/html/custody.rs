//! Who had the media: the records one below the other, in the order in which they follow.

use std::io::{self, Write};

use super::text;
use crate::report::Head;
use crate::report::custody::signed;
use crate::trust::custody::Word;

pub(super) fn custody(head: &Head, out: &mut dyn Write) -> io::Result<()> {
    let Some(custody) = &head.custody else {
        return Ok(());
    };
    writeln!(out, "<section><h2>Who had the media</h2>")?;
    if !custody.troubles.is_empty() {
        writeln!(out, "<ul class=\"refusals\">")?;
        for trouble in &custody.troubles {
            writeln!(
                out,
                "<li><b>{}</b> <code>{}</code><p>{}</p></li>",
                text(&trouble.subject),
                text(&trouble.code),
                text(&trouble.message)
            )?;
        }
        writeln!(out, "</ul>")?;
    }
    for words in custody.named_words() {
        writeln!(out, "<p>{}</p>", text(&words))?;
    }
    writeln!(out, "<ol class=\"custody\">")?;
    for link in &custody.records {
        let counts = link.word == Word::Counts;
        let is_in_trouble = custody.troubles.iter().any(|trouble| trouble.subject == link.file);
        let (class, sign) = match (counts, is_in_trouble) {
            (true, false) => ("good", "✓"),
            (true, true) => ("warn", "!"),
            (false, _) => ("open", "?"),
        };
        let (event, at) = link.record.as_ref().map_or_else(
            || ("unreadable".to_owned(), String::new()),
            |record| (record.event.to_string(), record.at.to_string()),
        );
        write!(
            out,
            "<li class=\"{class}\"><span class=\"sign\">{sign}</span><div><b>{event}</b> <span class=\"quiet\">{at}</span><p>{}</p><dl>",
            text(&signed(link))
        )?;
        for (name, said) in link.record.iter().flat_map(crate::trust::custody::Record::said) {
            write!(out, "<dt>{name}</dt><dd>{}</dd>", text(&said))?;
        }
        writeln!(out, "</dl></div></li>")?;
    }
    writeln!(out, "</ol>")?;
    let left_out = custody.records_left_out.saturating_add(custody.troubles_left_out);
    if left_out > 0 {
        writeln!(out, "<p class=\"quiet\">and {left_out} more</p>")?;
    }
    writeln!(
        out,
        "<p class=\"quiet\">Records are what persons say. That they follow one another, and who signed them, was checked.</p></section>"
    )
}
