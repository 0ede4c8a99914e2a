//! Pages of lines, cells and bars: as much layout as a report needs.

use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};

use super::PdfError;
use super::font::{Face, Weight};

/// A4 in points.
const WIDTH: f32 = 595.28;
const HEIGHT: f32 = 841.89;

/// The margin, and the line at the foot below which nothing of the report stands.
const MARGIN: f32 = 42.0;
const FOOT: f32 = HEIGHT - 50.0;

/// How wide a line of the report is.
pub(super) const LINE: f32 = WIDTH - 2.0 * MARGIN;

pub(super) type Colour = (u8, u8, u8);

pub(super) const INK: Colour = (28, 36, 48);
pub(super) const QUIET: Colour = (84, 94, 109);
pub(super) const RULE: Colour = (216, 222, 230);

/// A text with how it looks.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) words: String,
    pub(super) size: f32,
    pub(super) weight: Weight,
    pub(super) colour: Colour,
}

impl Text {
    pub(super) fn plain(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            size: 8.5,
            weight: Weight::Book,
            colour: INK,
        }
    }

    pub(super) fn small(words: impl Into<String>) -> Self {
        Self::plain(words).sized(7.0).coloured(QUIET)
    }

    pub(super) const fn bold(mut self) -> Self {
        self.weight = Weight::Bold;
        self
    }

    pub(super) const fn sized(mut self, size: f32) -> Self {
        self.size = size;
        self
    }

    pub(super) const fn coloured(mut self, colour: Colour) -> Self {
        self.colour = colour;
        self
    }
}

/// A column of a row: how wide, and the texts below each other.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) width: f32,
    pub(super) texts: Vec<Text>,
}

/// What is drawn on a page.
enum Mark {
    Text {
        x: f32,
        y: f32,
        text: Text,
    },
    Box {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        colour: Colour,
    },
}

/// The document, and the page that is being filled.
pub(super) struct Sheet {
    document: Document,
    book: Face,
    bold: Face,
    marks: Vec<Mark>,
    y: f32,
    page: u32,
    foot: String,
    settings: PageSettings,
}

impl Sheet {
    pub(super) fn new(document: Document, foot: &str) -> Result<Self, PdfError> {
        let mut book = Face::of(Weight::Book)?;
        let foot = book.shown(foot);
        Ok(Self {
            document,
            book,
            bold: Face::of(Weight::Bold)?,
            marks: Vec::new(),
            y: MARGIN,
            page: 0,
            foot,
            settings: PageSettings::from_wh(WIDTH, HEIGHT).ok_or(PdfError::Layout)?,
        })
    }

    const fn face(&mut self, weight: Weight) -> &mut Face {
        match weight {
            Weight::Book => &mut self.book,
            Weight::Bold => &mut self.bold,
        }
    }

    /// Leaves room, if anything stands above.
    pub(super) fn gap(&mut self, height: f32) {
        if self.y > MARGIN {
            self.y += height;
        }
    }

    /// A title, with room for some lines below it on the same page.
    pub(super) fn heading(&mut self, words: &str) {
        self.gap(14.0);
        self.keep(60.0);
        self.paragraph(Text::plain(words).bold().sized(11.0));
        self.marks.push(Mark::Box {
            x: MARGIN,
            y: self.y + 1.0,
            width: LINE,
            height: 0.6,
            colour: RULE,
        });
        self.y += 5.0;
    }

    pub(super) fn paragraph(&mut self, text: Text) {
        self.row(vec![Cell {
            width: LINE,
            texts: vec![text],
        }]);
    }

    /// Cells beside each other, whose lines go on on the next page where they must.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        let mut columns: Vec<Vec<Text>> = Vec::new();
        for cell in &cells {
            let mut lines = Vec::new();
            for text in &cell.texts {
                let face = self.face(text.weight);
                let words = face.shown(&text.words);
                let wrapped = face.lines(&words, text.size, (cell.width - 6.0).max(text.size));
                lines.extend(wrapped.into_iter().map(|words| Text { words, ..text.clone() }));
            }
            columns.push(lines);
        }
        let height = |lines: &[Text]| lines.iter().map(|line| line.size * 1.3).sum::<f32>();
        let whole = columns.iter().map(|lines| height(lines)).fold(0.0, f32::max);
        // A row that is no longer than half a page stays together.
        if whole < HEIGHT / 2.0 {
            self.keep(whole);
        }
        let most = columns.iter().map(Vec::len).max().unwrap_or_default();
        for place in 0..most {
            let tallest = columns
                .iter()
                .filter_map(|lines| lines.get(place))
                .map(|line| line.size * 1.3)
                .fold(0.0, f32::max);
            self.keep(tallest);
            let mut x = MARGIN;
            for (cell, lines) in cells.iter().zip(&columns) {
                if let Some(text) = lines.get(place) {
                    self.marks.push(Mark::Text {
                        x,
                        y: self.y + text.size,
                        text: text.clone(),
                    });
                }
                x += cell.width;
            }
            self.y += tallest;
        }
    }

    /// A thin line between rows.
    pub(super) fn rule(&mut self) {
        self.marks.push(Mark::Box {
            x: MARGIN,
            y: self.y + 1.5,
            width: LINE,
            height: 0.3,
            colour: RULE,
        });
        self.y += 4.0;
    }

    /// A bar whose parts have their shares of the line.
    pub(super) fn bar(&mut self, height: f32, parts: &[(u64, Colour)]) {
        self.keep(height + 4.0);
        let all = parts.iter().map(|(count, _)| *count).sum::<u64>().max(1);
        let mut x = MARGIN;
        for (count, colour) in parts.iter().filter(|(count, _)| *count > 0) {
            // Counts are far below what a float can tell apart at the width of a line, and a bar is only looked at.
            let width = LINE * (*count as f32 / all as f32);
            self.marks.push(Mark::Box {
                x,
                y: self.y + 1.0,
                width,
                height,
                colour: *colour,
            });
            x += width;
        }
        self.y += height + 4.0;
    }

    /// A band behind what follows, from here on down.
    pub(super) fn band(&mut self, height: f32, colour: Colour) {
        self.marks.push(Mark::Box {
            x: MARGIN - 10.0,
            y: self.y,
            width: 4.0,
            height,
            colour,
        });
    }

    /// Begins another page unless as much room is left.
    fn keep(&mut self, height: f32) {
        if self.y + height > FOOT && self.y > MARGIN {
            self.turn();
        }
    }

    /// Draws the page that is full.
    fn turn(&mut self) {
        self.page += 1;
        let foot = format!("{} · page {}", self.foot, self.page);
        self.marks.push(Mark::Text {
            x: MARGIN,
            y: HEIGHT - 28.0,
            text: Text::small(foot).sized(6.5),
        });
        let marks = std::mem::take(&mut self.marks);
        let mut page = self.document.start_page_with(self.settings.clone());
        let mut surface = page.surface();
        for mark in marks {
            match mark {
                Mark::Text { x, y, text } => {
                    let face = match text.weight {
                        Weight::Book => &mut self.book,
                        Weight::Bold => &mut self.bold,
                    };
                    let glyphs = face.glyphs(&text.words);
                    if glyphs.is_empty() {
                        continue;
                    }
                    surface.set_fill(Some(fill(text.colour)));
                    surface.draw_glyphs(
                        Point::from_xy(x, y),
                        &glyphs,
                        face.font(),
                        &text.words,
                        text.size,
                        false,
                    );
                }
                Mark::Box {
                    x,
                    y,
                    width,
                    height,
                    colour,
                } => {
                    let mut path = PathBuilder::new();
                    if let Some(area) = Rect::from_xywh(x, y, width, height) {
                        path.push_rect(area);
                    }
                    if let Some(path) = path.finish() {
                        surface.set_fill(Some(fill(colour)));
                        surface.draw_path(&path);
                    }
                }
            }
        }
        surface.finish();
        page.finish();
        self.y = MARGIN;
    }

    /// Draws the last page and gives the document.
    pub(super) fn finish(mut self) -> Document {
        self.turn();
        self.document
    }
}

fn fill((red, green, blue): Colour) -> Fill {
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }
}
