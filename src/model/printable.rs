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
