//! Reading for kinds: an artifact's bytes in pieces, times as others write them, text for reasons.

use std::io::{self, Read};

use crate::model::{Content, Timestamp};

/// A page of memory many times over, and little beside the artifact.
const PIECE: usize = 64 * 1024;

/// Passes all bytes on, from the first.
pub(crate) fn each_piece(content: &mut dyn Content, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    content.rewind()?;
    let mut piece = vec![0; PIECE];
    loop {
        match content.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => take(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// All bytes, from the first; `None` if there are more than `max_bytes`.
pub(crate) fn whole(content: &mut dyn Content, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    content.rewind()?;
    let mut bytes = Vec::new();
    content.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max_bytes).then_some(bytes))
}

/// A time of RFC 3339 in any of its spellings, to the second.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    // The longest that is seen has nine digits of a second and an offset.
    if text.len() > 40 {
        return None;
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    (time.as_second() >= 0).then(|| Timestamp::from_seconds(time.as_second()))
}

/// Text out of a proof, short enough for a reason and without what a terminal would act on.
pub(crate) fn shown(untrusted: &str) -> String {
    const LONGEST: usize = 200;
    let mut text: String = untrusted.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if untrusted.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn content_is_read_from_its_start_and_bounded() {
        let mut content = Cursor::new(vec![7; 200_000]);
        content.set_position(100);
        let mut seen = 0;
        each_piece(&mut content, |piece| seen += piece.len()).unwrap();
        assert_eq!(seen, 200_000);
        assert_eq!(whole(&mut content, 200_000).unwrap().unwrap().len(), 200_000);
        assert!(whole(&mut content, 199_999).unwrap().is_none());
    }

    #[test]
    fn times_are_read_in_each_spelling() {
        let expected = "2025-01-29T00:00:00Z".parse().unwrap();
        for text in ["2025-01-29T00:00:00.000Z", "2025-01-29T01:00:00+01:00"] {
            assert_eq!(time(text), Some(expected), "{text}");
        }
        let long = "2025-01-29T00:00:00.000000000+00:00[Europe/London]";
        for text in ["", "2025-01-29", "1969-01-01T00:00:00Z", &"2".repeat(100), long] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn shown_text_is_short_and_harmless() {
        assert_eq!(shown("a\u{1b}[31m"), "a\\u{1b}[31m");
        assert_eq!(shown(&"x".repeat(300)).chars().count(), 201);
    }
}
