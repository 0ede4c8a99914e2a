//! The two fonts, and how wide their characters are.

use std::collections::HashMap;

use krilla::Data;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider as _};

use super::PdfError;
use crate::model::is_printable;

const BOOK: &[u8] = include_bytes!("font/DejaVuSansCondensed.ttf");
const BOLD: &[u8] = include_bytes!("font/DejaVuSansCondensed-Bold.ttf");

/// How heavy a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Book,
    Bold,
}

/// A font that can measure.
pub(super) struct Face {
    font: Font,
    /// Glyph and advance of each character that was asked for, per unit of size; none where the font has no glyph.
    known: HashMap<char, Option<(GlyphId, f32)>>,
    source: FontRef<'static>,
}

impl Face {
    pub(super) fn of(weight: Weight) -> Result<Self, PdfError> {
        let bytes = match weight {
            Weight::Book => BOOK,
            Weight::Bold => BOLD,
        };
        Ok(Self {
            font: Font::new(Data::from(bytes), 0).ok_or(PdfError::Font)?,
            known: HashMap::new(),
            source: FontRef::new(bytes).map_err(|_| PdfError::Font)?,
        })
    }

    pub(super) fn font(&self) -> Font {
        self.font.clone()
    }

    fn glyph(&mut self, character: char) -> Option<(GlyphId, f32)> {
        if let Some(known) = self.known.get(&character) {
            return *known;
        }
        let found = self.source.charmap().map(character).and_then(|id| {
            let metrics = self.source.glyph_metrics(Size::new(1.0), LocationRef::default());
            Some((GlyphId::new(id.to_u32()), metrics.advance_width(id)?))
        });
        // A text has few different characters, and all that there are fit.
        self.known.insert(character, found);
        found
    }

    /// A text with only what the font can show: PDF/A has no place for a character without a glyph (ISO 19005-3 §6.2.11.8).
    pub(super) fn shown(&mut self, untrusted: &str) -> String {
        let mut text = String::with_capacity(untrusted.len());
        for character in untrusted.chars() {
            if is_printable(character) && self.glyph(character).is_some() {
                text.push(character);
            } else {
                text.extend(character.escape_unicode());
            }
        }
        text
    }

    /// The width of a character of size 1.
    fn advance(&mut self, character: char) -> f32 {
        self.glyph(character).map_or(0.0, |(_, advance)| advance)
    }

    /// Glyphs of a text that [`Face::shown`] gave.
    pub(super) fn glyphs(&mut self, text: &str) -> Vec<KrillaGlyph> {
        text.char_indices()
            .filter_map(|(place, character)| {
                let (glyph, advance) = self.glyph(character)?;
                let range = place..place + character.len_utf8();
                Some(KrillaGlyph::new(glyph, advance, 0.0, 0.0, 0.0, range, None))
            })
            .collect()
    }

    /// Parts a text that [`Face::shown`] gave into lines of a width: after spaces and signs if it can, and anywhere if it must.
    pub(super) fn lines(&mut self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        let mut reached = 0.0;
        // Where the line may end, in bytes.
        let mut good = 0;
        for character in text.chars() {
            let advance = self.advance(character) * size;
            if reached + advance > width && !line.is_empty() {
                let rest = if good > 0 { line.split_off(good) } else { String::new() };
                lines.push(line.trim_end().to_owned());
                line = rest;
                reached = line.chars().map(|character| self.advance(character) * size).sum();
                good = 0;
                if character == ' ' && line.is_empty() {
                    continue;
                }
            }
            line.push(character);
            reached += advance;
            if matches!(
                character,
                ' ' | '/' | '-' | '@' | ':' | '?' | '&' | '=' | ',' | ';' | '_' | '.'
            ) {
                good = line.len();
            }
        }
        if !line.is_empty() || lines.is_empty() {
            lines.push(line.trim_end().to_owned());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_glyph_is_shown_by_its_number() {
        let mut face = Face::of(Weight::Book).unwrap();
        assert_eq!(face.shown("Añб ✓ 中\u{202e}\u{0}"), "Añб ✓ \\u{4e2d}\\u{202e}\\u{0}");
        for sign in ['✓', '✕', '◐', '○', '·', '–', '→', '…'] {
            assert!(face.glyph(sign).is_some(), "{sign}");
        }
        assert!(Face::of(Weight::Bold).unwrap().glyph('✓').is_some());
    }

    #[test]
    fn lines_are_no_wider_than_asked_and_lose_nothing() {
        let mut face = Face::of(Weight::Book).unwrap();
        let text =
            "a few words and pkg:npm/%40acme/left-pad@1.0.0 and then averyveryveryverylongwordwithoutanyplacetobreakit";
        for width in [20.0, 60.0, 200.0, 1000.0] {
            let lines = face.lines(text, 9.0, width);
            for line in &lines {
                let wide: f32 = line.chars().map(|character| face.advance(character) * 9.0).sum();
                assert!(wide <= width, "{line}: {wide}");
            }
            let bare = |text: &str| text.replace(' ', "");
            assert_eq!(bare(&lines.concat()), bare(text));
        }
        assert_eq!(face.lines("", 9.0, 10.0), [""]);
        // Narrower than any character: one on each line.
        assert_eq!(face.lines("ab", 9.0, 0.1), ["a", "b"]);
    }
}
