//! Which definitions a scanner has: its first line, as ClamAV writes it, or a time.

use crate::model::Timestamp;

/// What a scanner knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definitions {
    /// Program and definitions, as the scanner calls them.
    pub version: String,
    /// When the definitions were made, if the scanner says it.
    pub made: Option<Timestamp>,
}

/// The longest line that is kept.
const MAX_LINE_BYTES: usize = 200;

/// Reads `ClamAV 1.4.6/27500/Fri Nov 20 09:35:12 2026` (its own clock is UTC here), `ClamAV 1.4.6` where it has no official definitions, or
/// `2026-11-20T09:35:12Z`, with a name behind it if there is one. `None` where it says nothing.
pub fn read(untrusted_stdout: &[u8]) -> Option<Definitions> {
    let text = String::from_utf8_lossy(untrusted_stdout);
    let line = text.lines().next()?.trim();
    if line.is_empty() || line.len() > MAX_LINE_BYTES || line.contains(char::is_control) {
        return None;
    }
    let mut words = line.splitn(2, ' ');
    if let Some(made) = words.next().and_then(|word| word.parse::<Timestamp>().ok()) {
        return Some(Definitions {
            version: words.next().unwrap_or_default().to_owned(),
            made: Some(made),
        });
    }
    let (version, date) = line.rsplit_once('/').unwrap_or((line, ""));
    let made = c_time(date);
    Some(Definitions {
        version: if made.is_some() { version } else { line }.to_owned(),
        made,
    })
}

/// `Fri Nov 20 09:35:12 2026`, as C's `ctime` writes a time.
fn c_time(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, month, day, time, year] = words.as_slice() else {
        return None;
    };
    let month = MONTHS.iter().position(|known| known == month)? + 1;
    let day: u8 = day.parse().ok()?;
    format!("{year}-{month:02}-{day:02}T{time}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_read_as_scanners_write_them() {
        let of =
            |text: &str| read(text.as_bytes()).map(|found| (found.version, found.made.map(|made| made.to_string())));
        let date = Some("2026-11-02T09:35:12Z".to_owned());
        assert_eq!(
            of("ClamAV 1.4.6/27500/Mon Nov  2 09:35:12 2026\n"),
            Some(("ClamAV 1.4.6/27500".to_owned(), date.clone()))
        );
        assert_eq!(
            of("2026-11-02T09:35:12Z Other 7\nmore"),
            Some(("Other 7".to_owned(), date.clone()))
        );
        assert_eq!(of("2026-11-02T09:35:12Z"), Some((String::new(), date)));
        // Without a date that can be read there is none.
        for text in [
            "ClamAV 1.4.6",
            "ClamAV 1.4.6/27500/Mon Nov 31 09:35:12 2026",
            "ClamAV 1.4.6/27500/Mon Foo 2 09:35:12 2026",
            "ClamAV 1.4.6/27500/yesterday",
            "2026-11-02",
        ] {
            assert_eq!(of(text), Some((text.to_owned(), None)), "{text}");
        }
        for text in ["", "\n", "a\u{1b}[2J", &"x".repeat(300)] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
