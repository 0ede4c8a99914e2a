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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::Digest;
    use crate::report::controls::tests::head;
    use crate::report::{Custody, CustodyTrouble};
    use crate::trust::custody::Link;

    #[test]
    fn what_does_not_fit_together_stands_above_the_records() {
        let page = |troubles: Vec<CustodyTrouble>| {
            let mut head = head();
            head.custody = Some(Custody {
                records: Vec::new(),
                named: Vec::new(),
                records_left_out: 0,
                troubles,
                troubles_left_out: 0,
            });
            let mut out = Vec::new();
            custody(&head, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let trouble = CustodyTrouble {
            code: "custody-broken".to_owned(),
            message: "two follow <one>".to_owned(),
            subject: "a.custody-1.dsse.json".to_owned(),
        };
        let told = "<b>a.custody-1.dsse.json</b> <code>custody-broken</code><p>two follow &lt;one&gt;</p>";
        assert!(page(vec![trouble]).contains(told));
        assert!(!page(Vec::new()).contains("class=\"refusals\""));
    }

    #[test]
    fn only_the_record_that_is_in_trouble_is_marked() {
        let mut head = head();
        let record = |file: &str| Link {
            digest: Digest::of(file.as_bytes()),
            file: file.to_owned(),
            keys: BTreeSet::new(),
            persons: BTreeSet::new(),
            reason: None,
            record: None,
            roles: BTreeSet::new(),
            word: Word::Counts,
        };
        head.custody = Some(Custody {
            records: vec![record("a"), record("b")],
            named: Vec::new(),
            records_left_out: 0,
            troubles: vec![CustodyTrouble {
                code: "custody-seal-differs".to_owned(),
                message: "another seal".to_owned(),
                subject: "b".to_owned(),
            }],
            troubles_left_out: 0,
        });
        let mut out = Vec::new();
        custody(&head, &mut out).unwrap();
        let page = String::from_utf8(out).unwrap();
        let marked = |class: &str| page.matches(&format!("<li class=\"{class}\">")).count();
        assert_eq!((marked("good"), marked("warn")), (1, 1), "{page}");
    }
}
