//! Keeps the head small whatever came: it must fit an envelope.

use serde::Serialize;

/// A text from outside that is longer than this is cut: a sentence or a path fits many times.
pub(super) const MAX_TEXT_BYTES: usize = 1000;

/// Cuts a long text at a character's end, and says so.
pub fn short(text: &str) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text.to_owned();
    }
    let mut end = MAX_TEXT_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… ({} bytes in all)", &text[..end], text.len())
}

/// The first of some items that fit a number of bytes as JSON, and how many are left out.
#[derive(Debug)]
pub struct Shortened<T> {
    /// Those that fit.
    pub kept: Vec<T>,
    /// How many do not.
    pub left_out: u64,
}

impl<T: Serialize> Shortened<T> {
    /// Takes items while they fit.
    pub fn of(items: impl IntoIterator<Item = T>, max_bytes: usize) -> Self {
        let mut this = Self {
            kept: Vec::new(),
            left_out: 0,
        };
        let mut bytes = 0_usize;
        for item in items {
            let size = serde_json::to_vec(&item).map_or(usize::MAX, |text| text.len());
            bytes = bytes.saturating_add(size);
            if this.left_out == 0 && bytes <= max_bytes {
                this.kept.push(item);
            } else {
                this.left_out += 1;
            }
        }
        this
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_end_at_a_character() {
        assert_eq!(short("a"), "a");
        let text = "é".repeat(MAX_TEXT_BYTES);
        let cut = short(&text);
        assert!(cut.starts_with("éé") && cut.ends_with("… (2000 bytes in all)"), "{cut}");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let shortened = Shortened::of(["aaaa", "bbbb", "cccc", "d"], 13);
        assert_eq!((shortened.kept, shortened.left_out), (vec!["aaaa", "bbbb"], 2));
    }
}
