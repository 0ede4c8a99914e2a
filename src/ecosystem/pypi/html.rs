//! The little that an index page needs of HTML: tags with their attributes. Nothing is rendered or nested.

/// A start or end tag (HTML §13.2.5), with attribute values unescaped.
pub(crate) struct Tag {
    /// The name in lower case.
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// The first attribute of this name counts (HTML §13.2.5.33).
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Reads from behind the `<` to behind the `>`.
    pub(crate) fn read(text: &str) -> Option<(Self, &str)> {
        let is_end = |next: char| next.is_ascii_whitespace() || next == '>' || next == '/';
        let name_end = text.find(|next: char| next.is_ascii_whitespace() || next == '>')?;
        let mut tag = Self {
            name: text[..name_end].trim_end_matches('/').to_ascii_lowercase(),
            attributes: Vec::new(),
        };
        let mut rest = &text[name_end..];
        loop {
            rest = rest.trim_start_matches(|next: char| next.is_ascii_whitespace() || next == '/');
            if let Some(after) = rest.strip_prefix('>') {
                return Some((tag, after));
            }
            let key_end = rest.find(|next: char| is_end(next) || next == '=')?;
            let key = rest[..key_end].to_ascii_lowercase();
            rest = rest[key_end..].trim_start();
            let mut value = "";
            if let Some(after) = rest.strip_prefix('=') {
                let after = after.trim_start();
                let quote = after.chars().next().filter(|first| matches!(first, '"' | '\''));
                if let Some(quote) = quote {
                    (value, rest) = after[1..].split_once(quote)?;
                } else {
                    let end = after.find(|next: char| next.is_ascii_whitespace() || next == '>')?;
                    (value, rest) = after.split_at(end);
                }
            }
            tag.attributes.push((key, unescape(value)));
        }
    }
}

/// `&#x10ffff;`, the longest that is written in earnest.
const MAX_REFERENCE_BYTES: usize = 10;

/// Resolves the character references that indexes write; others stay as they are.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        // Looked for near by only: a page of ampersands must not take quadratic time.
        let end = rest.bytes().take(MAX_REFERENCE_BYTES).position(|byte| byte == b';');
        let reference = end.map(|end| &rest[1..end]);
        let character = reference.and_then(|reference| match reference {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => {
                let number = reference.strip_prefix('#')?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)
            }
        });
        match (character, reference) {
            (Some(character), Some(reference)) => {
                out.push(character);
                rest = &rest[reference.len() + 2..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}
