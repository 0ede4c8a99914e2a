//! Text from outside that is safe to show: the one rule for terminals, reports and pages.

/// Whether a character may be shown as it is: no control, no mark that turns the direction of writing, nothing invisible.
pub fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Shows whatever may not be shown as it is as `\u{…}`.
pub fn escaped(text: &str) -> String {
    text.chars()
        .map(|character| {
            if is_printable(character) {
                character.to_string()
            } else {
                character.escape_unicode().to_string()
            }
        })
        .collect()
}

/// Makes a JSON document safe for a terminal without changing what it says: what [`escaped`] would show as `\u{…}` can
/// only stand inside strings, where JSON has an escape for it. Controls below U+0020 are escaped already; line ends are
/// the document's own.
pub fn escaped_json(document: &str) -> String {
    let mut text = String::with_capacity(document.len());
    for character in document.chars() {
        if character == '\n' || is_printable(character) {
            text.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_or_hides_text_is_not_printable() {
        for wrong in [
            '\0',
            '\n',
            '\u{1b}',
            '\u{7f}',
            '\u{9f}',
            '\u{61c}',
            '\u{200b}',
            '\u{200f}',
            '\u{2028}',
            '\u{202e}',
            '\u{2060}',
            '\u{206f}',
            '\u{feff}',
            '\u{fff9}',
            '\u{fffb}',
            '\u{e0000}',
            '\u{e007f}',
        ] {
            assert!(!is_printable(wrong), "{wrong:?}");
            assert_eq!(escaped(&format!("a{wrong}b")), format!("a{}b", wrong.escape_unicode()));
        }
        for right in [
            ' ',
            '~',
            '\u{a0}',
            'é',
            '\u{61b}',
            '\u{61d}',
            '\u{200a}',
            '\u{2010}',
            '\u{2027}',
            '\u{202f}',
            '\u{205f}',
            '\u{2070}',
            '\u{fefe}',
            '\u{fff8}',
            '\u{fffc}',
            '\u{dffff}',
            '\u{e0080}',
        ] {
            assert!(is_printable(right), "{right:?}");
            assert_eq!(escaped(&format!("a{right}b")), format!("a{right}b"));
        }
    }

    #[test]
    fn a_json_document_says_the_same_without_what_is_not_printable() {
        let said = "é \u{202e}moc\u{e0041}\u{feff}\u{7f}";
        let document = format!("[\n  \"{said}\"\n]");
        let safe = escaped_json(&document);
        assert_eq!(safe, "[\n  \"é \\u202emoc\\udb40\\udc41\\ufeff\\u007f\"\n]");
        assert_eq!(serde_json::from_str::<Vec<String>>(&safe).unwrap(), [said]);
    }
}
