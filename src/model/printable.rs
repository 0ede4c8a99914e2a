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
