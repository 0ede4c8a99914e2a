//! A label as a picture: one layout of texts and a QR code on a grid of dots, drawn as SVG or as PNG.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use font8x8::legacy::BASIC_LEGACY;
use qrcode::{Color, EcLevel, QrCode};

/// An A7 label is 105 mm wide: at 300 dots an inch these are its dots.
const WIDTH: usize = 1240;

/// And it is 74 mm high; one with long names grows downward.
const MIN_HEIGHT: usize = 874;

/// How wide the label is on paper.
const WIDTH_MM: f64 = 105.0;

/// 300 dots an inch, in dots a metre as PNG has them (PNG third edition §11.3.4.3).
const DOTS_PER_METRE: u32 = 11_811;

/// Dots around everything.
const MARGIN: usize = 40;

/// The quiet zone of a QR code, in modules (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

/// Dots on a side of a QR code's module: about 0.68 mm, which every hand scanner reads.
const MODULE: usize = 8;

/// A glyph has eight by eight dots before it is scaled.
const GLYPH: usize = 8;

/// How large texts are: dots on the paper for a dot of the font.
const LARGE: usize = 5;
const MEDIUM: usize = 3;
const SMALL: usize = 2;

/// What a label says.
#[derive(Debug, Clone)]
pub(super) struct Label {
    /// What is read from a distance.
    pub(super) titles: Vec<String>,
    /// Beside the QR code.
    pub(super) beside: Vec<String>,
    /// Below it, what is read aloud.
    pub(super) spoken: Vec<String>,
    /// At the foot, in small letters: what is compared letter by letter.
    pub(super) below: Vec<String>,
    /// What the QR code holds.
    pub(super) code: String,
}

/// The text is too long for a QR code.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the text is too long for a QR code")]
pub(super) struct TooLong;

/// A label with places for everything.
#[derive(Debug)]
pub(super) struct Drawing {
    texts: Vec<Placed>,
    modules: Vec<bool>,
    side: usize,
    height: usize,
}

/// A line of text: its upper left corner, and its scale.
#[derive(Debug)]
struct Placed {
    x: usize,
    y: usize,
    scale: usize,
    text: String,
}

impl Drawing {
    /// Gives everything its place.
    pub(super) fn of(label: &Label) -> Result<Self, TooLong> {
        let code = QrCode::with_error_correction_level(&label.code, EcLevel::M).map_err(|_| TooLong)?;
        let side = code.width();
        let quiet = (side + 2 * QUIET) * MODULE;
        let mut texts = Vec::new();
        let x = quiet + MARGIN / 2;
        let y = column(&mut texts, &label.titles, (x, MARGIN), LARGE);
        let y = column(&mut texts, &label.beside, (x, y + MARGIN / 4), MEDIUM);
        let y = column(&mut texts, &label.spoken, (MARGIN, y.max(quiet) + MARGIN / 2), MEDIUM);
        let y = column(&mut texts, &label.below, (MARGIN, y + MARGIN / 2), SMALL);
        Ok(Self {
            texts,
            modules: code
                .to_colors()
                .into_iter()
                .map(|colour| colour == Color::Dark)
                .collect(),
            side,
            height: MIN_HEIGHT.max(y + MARGIN),
        })
    }

    /// The label as SVG, with nothing in it that would be loaded.
    pub(super) fn svg(&self) -> String {
        let mut svg = String::new();
        let height = self.height;
        #[expect(clippy::cast_precision_loss, reason = "a picture has some thousand dots")]
        let height_mm = height as f64 * WIDTH_MM / WIDTH as f64;
        let _ = writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH_MM}mm\" height=\"{height_mm:.1}mm\" viewBox=\"0 0 {WIDTH} {height}\">"
        );
        let _ = writeln!(svg, "<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>");
        let _ = write!(svg, "<path fill=\"#000\" shape-rendering=\"crispEdges\" d=\"");
        for (x, y) in self.dark() {
            let _ = write!(svg, "M{x} {y}h{MODULE}v{MODULE}h-{MODULE}z");
        }
        svg.push_str("\"/>\n<g font-family=\"monospace\" fill=\"#000\">\n");
        for text in &self.texts {
            let size = text.scale * GLYPH;
            let _ = writeln!(
                svg,
                "<text xml:space=\"preserve\" x=\"{}\" y=\"{}\" font-size=\"{}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
                text.x,
                text.y + size,
                size * 3 / 2,
                text.text.len() * size,
                escaped(&text.text)
            );
        }
        svg.push_str("</g>\n</svg>\n");
        svg
    }

    /// The label as PNG: one bit a dot, black on white.
    pub(super) fn png(&self) -> Vec<u8> {
        let mut picture = Picture::white(self.height);
        for (x, y) in self.dark() {
            picture.square(x, y, MODULE);
        }
        for text in &self.texts {
            for (place, letter) in text.text.bytes().enumerate() {
                let rows = BASIC_LEGACY.get(usize::from(letter)).unwrap_or(&BASIC_LEGACY[0]);
                for (row, bits) in rows.iter().enumerate() {
                    for column in (0..GLYPH).filter(|column| bits >> column & 1 == 1) {
                        let x = text.x + (place * GLYPH + column) * text.scale;
                        picture.square(x, text.y + row * text.scale, text.scale);
                    }
                }
            }
        }
        picture.png()
    }

    /// The upper left corners of the dark modules.
    fn dark(&self) -> impl Iterator<Item = (usize, usize)> {
        let dark = self.modules.iter().enumerate().filter(|(_, dark)| **dark);
        dark.map(|(place, _)| {
            (
                (place % self.side + QUIET) * MODULE,
                (place / self.side + QUIET) * MODULE,
            )
        })
    }
}

/// Puts lines under each other from a corner to the right margin. Gives where the next may begin.
fn column(texts: &mut Vec<Placed>, lines: &[String], corner: (usize, usize), scale: usize) -> usize {
    let (x, mut y) = corner;
    let columns = (WIDTH - MARGIN).saturating_sub(x) / (GLYPH * scale);
    for line in lines.iter().flat_map(|line| wrapped(line, columns.max(1))) {
        texts.push(Placed {
            x,
            y,
            scale,
            text: line,
        });
        y += GLYPH * scale * 3 / 2;
    }
    y
}

/// A text in lines of so many letters, broken between words where that is possible. Only ASCII is left: the font has no more.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let plain: String = text
        .chars()
        .map(|letter| if (' '..='~').contains(&letter) { letter } else { '?' })
        .collect();
    for word in plain.split(' ') {
        let mut word = word;
        let line = lines.last_mut().map_or(0, |line| line.len());
        if line > 0 && line + 1 + word.len() > columns {
            lines.push(String::new());
        } else if line > 0
            && let Some(line) = lines.last_mut()
        {
            line.push(' ');
        }
        while word.len() > columns {
            let (front, rest) = word.split_at(columns);
            if let Some(line) = lines.last_mut() {
                line.push_str(front);
            }
            lines.push(String::new());
            word = rest;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
    }
    lines
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Dots, eight to a byte, the leftmost in the highest bit; set is white.
struct Picture {
    rows: Vec<[u8; WIDTH.div_ceil(8)]>,
}

impl Picture {
    fn white(height: usize) -> Self {
        Self {
            rows: vec![[0xff; WIDTH.div_ceil(8)]; height],
        }
    }

    /// Blackens a square; what lies outside the picture is left out.
    fn square(&mut self, x: usize, y: usize, side: usize) {
        for row in self.rows.iter_mut().skip(y).take(side) {
            for dot in x..(x + side).min(WIDTH) {
                row[dot / 8] &= !(0x80 >> (dot % 8));
            }
        }
    }

    /// The picture's file (PNG third edition §5, §11).
    fn png(&self) -> Vec<u8> {
        let number = |size: usize| u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes();
        let mut header = Vec::new();
        header.extend(number(WIDTH));
        header.extend(number(self.rows.len()));
        // One bit a dot, greyscale, deflate, the one set of filters, not interlaced.
        header.extend([1, 0, 0, 0, 0]);
        let mut dots = ZlibEncoder::new(Vec::new(), Compression::best());
        for row in &self.rows {
            // Filter 0: the row as it is. Writing into memory cannot fail.
            let _ = dots.write_all(&[0]).and_then(|()| dots.write_all(row));
        }
        let dots = dots.finish().unwrap_or_default();
        let mut density = Vec::new();
        density.extend(DOTS_PER_METRE.to_be_bytes());
        density.extend(DOTS_PER_METRE.to_be_bytes());
        density.push(1);
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, data) in [
            (b"IHDR", header.as_slice()),
            (b"pHYs", &density),
            (b"IDAT", &dots),
            (b"IEND", &[]),
        ] {
            let mut sum = Crc::new();
            sum.update(kind);
            sum.update(data);
            png.extend(number(data.len()));
            png.extend(kind);
            png.extend(data);
            png.extend(sum.sum().to_be_bytes());
        }
        png
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str) -> Label {
        Label {
            titles: vec![name.to_owned()],
            beside: vec!["made <today> & later".to_owned()],
            spoken: vec!["earth donkey dash".to_owned()],
            below: vec!["x".repeat(200)],
            code: "sealift-volume/1 sha256:00 main 1/1 1-of-1".to_owned(),
        }
    }

    #[test]
    fn lines_break_between_words_and_within_long_ones() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrapped("caf\u{e9} \u{202e}x", 20), ["caf? ?x"]);
        assert_eq!(wrapped("", 20), [""]);
    }

    #[test]
    fn every_letter_stays_on_the_paper() {
        for name in ["main 1", &"m".repeat(300), &"long words ".repeat(200)] {
            let drawing = Drawing::of(&label(name)).unwrap();
            for text in &drawing.texts {
                assert!(
                    text.x + text.text.len() * text.scale * GLYPH <= WIDTH - MARGIN,
                    "{text:?}"
                );
                assert!(text.y + text.scale * GLYPH <= drawing.height - MARGIN / 2, "{text:?}");
            }
            let code = (drawing.side + 2 * QUIET) * MODULE;
            let beside = drawing.texts.iter().filter(|text| text.y < code);
            assert!(beside.clone().count() > 0);
            assert!(
                beside.clone().all(|text| text.x >= code),
                "a text lies in the quiet zone"
            );
        }
    }

    #[test]
    fn markup_in_names_is_text() {
        let svg = Drawing::of(&label("<script>")).unwrap().svg();
        assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script"), "{svg}");
        assert!(roxmltree::Document::parse(&svg).is_ok());
    }

    #[test]
    fn a_text_that_no_code_holds_is_an_error() {
        let mut label = label("main 1");
        label.code = "x".repeat(5000);
        assert!(Drawing::of(&label).is_err());
    }

    #[test]
    fn the_picture_has_the_code_dot_by_dot() {
        let drawing = Drawing::of(&label("main 1")).unwrap();
        let png = drawing.png();
        let start = png.windows(4).position(|kind| kind == b"IDAT").unwrap();
        let mut dots = Vec::new();
        let mut reader = flate2::read::ZlibDecoder::new(&png[start + 4..]);
        std::io::Read::read_to_end(&mut reader, &mut dots).unwrap();
        let row = 1 + WIDTH.div_ceil(8);
        assert_eq!(dots.len(), row * drawing.height);
        let is_black = |x: usize, y: usize| dots[y * row + 1 + x / 8] >> (7 - x % 8) & 1 == 0;
        let expected = QrCode::with_error_correction_level(&label("main 1").code, EcLevel::M).unwrap();
        for y in 0..drawing.side {
            for x in 0..drawing.side {
                // The module's middle.
                let black = is_black((x + QUIET) * MODULE + 4, (y + QUIET) * MODULE + 4);
                assert_eq!(black, expected[(x, y)] == Color::Dark, "{x} {y}");
            }
        }
        // A letter of a name: the dots of `m` in the font, from the left.
        let named = drawing.texts.iter().find_map(|text| Some((text, text.text.find('m')?)));
        let (text, place) = named.unwrap();
        let letter: Vec<String> = (0..GLYPH)
            .map(|y| {
                let dot = |x: usize| is_black(text.x + (place * GLYPH + x) * text.scale, text.y + y * text.scale);
                (0..GLYPH).map(|x| if dot(x) { '#' } else { '.' }).collect()
            })
            .collect();
        let m = [
            "........", "........", "##..##..", "#######.", "#######.", "##.#.##.", "##...##.", "........",
        ];
        assert_eq!(letter, m);
    }
}
