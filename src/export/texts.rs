//! Texts of a million artifacts in one allocation: a text by itself costs a pointer, a length, a capacity and the
//! allocator's own share, together more than most names are long.

/// A text within [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text {
    /// The lower 32 of the 48 bits that say where it begins.
    low: u32,
    /// The upper 16.
    high: u16,
    /// Its length; [`LONG`] where it lies by itself, and [`ABSENT`] where there is none.
    length: u16,
}

/// Longer than any name that a catalog may hold (512 bytes); such a text lies by itself.
const LONG: u16 = u16::MAX;

/// There is no text, which is not the same as an empty one.
const ABSENT: u16 = u16::MAX - 1;

impl Text {
    /// No text.
    pub(super) const NONE: Self = Self {
        low: 0,
        high: 0,
        length: ABSENT,
    };

    fn at(start: usize, length: u16) -> Self {
        // Memory ends before 48 bits do.
        Self {
            low: (start & 0xffff_ffff) as u32,
            high: (start >> 32 & 0xffff) as u16,
            length,
        }
    }

    const fn start(self) -> usize {
        (self.high as usize) << 32 | self.low as usize
    }
}

/// Many texts, none of which is ever removed.
#[derive(Debug, Default, Clone)]
pub(super) struct Texts {
    short: String,
    long: Vec<Box<str>>,
}

impl Texts {
    /// Keeps a text.
    pub(super) fn add(&mut self, text: &str) -> Text {
        if let Some(length) = u16::try_from(text.len()).ok().filter(|length| *length < ABSENT) {
            let text_at = Text::at(self.short.len(), length);
            self.short.push_str(text);
            text_at
        } else {
            self.long.push(text.into());
            Text::at(self.long.len() - 1, LONG)
        }
    }

    /// Keeps a text, if there is one.
    pub(super) fn add_option(&mut self, text: Option<&str>) -> Text {
        text.map_or(Text::NONE, |text| self.add(text))
    }

    /// The text; `None` for [`Text::NONE`].
    pub(super) fn option(&self, text: Text) -> Option<&str> {
        match text.length {
            ABSENT => None,
            LONG => self.long.get(text.start()).map(|text| &**text),
            length => self.short.get(text.start()..text.start() + usize::from(length)),
        }
    }

    /// The text; the empty one for [`Text::NONE`].
    pub(super) fn text(&self, text: Text) -> &str {
        self.option(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        let long = "x".repeat(65_534);
        let longer = "y".repeat(70_000);
        let mut texts = Texts::default();
        let all = ["", "one", "ünï", &long, &longer, "after", &long[1..]];
        let kept = all.map(|text| texts.add(text));
        for (text, kept) in all.iter().zip(kept) {
            assert_eq!(texts.option(kept), Some(*text));
        }
        assert_eq!(texts.option(Text::NONE), None);
        assert_eq!(texts.text(Text::NONE), "");
        let none = texts.add_option(None);
        assert_eq!(none, Text::NONE);
        assert_eq!(texts.long.len(), 2);
        assert_eq!(std::mem::size_of::<Text>(), 8);
        assert_eq!(Text::at(0x1234_5678_9abc, 7).start(), 0x1234_5678_9abc);
    }
}
