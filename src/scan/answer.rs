//! What a scanner says of each file, read from what it prints.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::ScanError;
use super::program::Output;

/// What a scanner says of a file, from the best to the worst.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// It looked at all of it, and found nothing.
    Clean,
    /// It did not look, or not at all of it, and why.
    Unclear(String),
    /// It found something, by this name.
    Found(String),
}

/// A line has a path and a name; a file may have a few, one for each name that is found.
const MAX_LINE_BYTES: usize = 4096;

/// What a name, or an error, is cut to.
const MAX_NAME_CHARS: usize = 200;

/// ClamAV's way to say that it skipped something for its size, depth or time. That is no malware, and nothing clean.
const LIMITS: &str = "Heuristics.Limits.Exceeded";

/// How much a scanner may print about some files.
pub(super) fn max_bytes(files: &[PathBuf]) -> usize {
    files.len().saturating_add(16).saturating_mul(MAX_LINE_BYTES)
}

/// Reads what a scanner printed about the files of `places`, and holds it against how it ended: 0, and nothing is found; 1, and something is;
/// 2, and some lines say of which files that they could not be read. Ended otherwise, it has said nothing that counts.
pub(super) fn read(output: &Output, places: &BTreeMap<String, usize>, program: &str) -> Result<Vec<Answer>, ScanError> {
    let mut answers: Vec<Option<Answer>> = vec![None; places.len()];
    for line in output.stdout.split(|byte| *byte == b'\n') {
        let Some((place, answer)) = std::str::from_utf8(line).ok().and_then(|line| of_line(line, places)) else {
            continue;
        };
        if let Some(known) = answers.get_mut(place) {
            *known = known.take().max(Some(answer));
        }
    }
    let any = |test: fn(&Answer) -> bool| answers.iter().flatten().any(test);
    let (found, unclear) = (
        any(|answer| matches!(answer, Answer::Found(_)) || is_limit(answer)),
        any(|answer| matches!(answer, Answer::Unclear(_)) && !is_limit(answer)),
    );
    let fits = match output.status {
        Some(0) => !found,
        Some(1) => found,
        Some(2) => unclear,
        _ => false,
    };
    // What was found is said, however it ended: nobody may hide malware by making a scanner fail.
    if !fits && !any(|answer| matches!(answer, Answer::Found(_))) {
        return Err(ScanError::Ended {
            program: program.to_owned(),
            status: output.status,
            said: output.said.clone(),
        });
    }
    Ok(answers
        .into_iter()
        .map(|answer| match answer {
            Some(Answer::Clean) if !fits => Answer::Unclear("the scanner ended otherwise than what it said".to_owned()),
            Some(answer) => answer,
            None => Answer::Unclear("the scanner said nothing about it".to_owned()),
        })
        .collect())
}

/// Reads what a scanner printed about files whose paths and places are given, and how it ended: what [`super::Scanner::scan`] does with a program's output.
///
/// # Errors
/// [`ScanError::Ended`], where it has said nothing that counts.
pub fn read_answers(
    untrusted_stdout: Vec<u8>,
    status: Option<i32>,
    places: &BTreeMap<String, usize>,
) -> Result<Vec<Answer>, ScanError> {
    let output = Output {
        status,
        stdout: untrusted_stdout,
        said: String::new(),
    };
    read(&output, places, "")
}

fn is_limit(answer: &Answer) -> bool {
    matches!(answer, Answer::Unclear(why) if why.contains(LIMITS))
}

/// `PATH: OK`, `PATH: Empty file`, `PATH: NAME FOUND`; anything else about a path is no answer that clears it.
fn of_line(line: &str, places: &BTreeMap<String, usize>) -> Option<(usize, Answer)> {
    if line.len() > MAX_LINE_BYTES {
        return None;
    }
    let line = line.trim_end_matches('\r');
    // A path may itself hold a colon and a space.
    let (place, said) = line
        .match_indices(": ")
        .find_map(|(at, _)| Some((*places.get(&line[..at])?, &line[at + 2..])))?;
    let answer = match said {
        "OK" | "Empty file" => Answer::Clean,
        _ => match said.strip_suffix(" FOUND") {
            Some(name) if name.starts_with(LIMITS) => {
                Answer::Unclear(format!("it was not scanned whole ({})", printable(name.as_bytes())))
            }
            Some(name) => Answer::Found(printable(name.as_bytes())),
            None => Answer::Unclear(printable(said.as_bytes())),
        },
    };
    Some((place, answer))
}

/// The first line of some output, without control characters, cut.
pub(super) fn printable(untrusted_bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(untrusted_bytes);
    let line = text.lines().next().unwrap_or_default().trim();
    line.chars()
        .filter(|character| !character.is_control())
        .take(MAX_NAME_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(stdout: &str, status: Option<i32>) -> Result<Vec<Answer>, ScanError> {
        let places = BTreeMap::from([("/s/a".to_owned(), 0), ("/s/b: c".to_owned(), 1)]);
        let output = Output {
            status,
            stdout: stdout.as_bytes().to_vec(),
            said: String::new(),
        };
        read(&output, &places, "/bin/scan")
    }

    fn unclear(text: &str) -> Answer {
        Answer::Unclear(text.to_owned())
    }

    const SILENT: &str = "the scanner said nothing about it";

    #[test]
    fn only_a_line_of_its_own_makes_a_file_clean() {
        let both = vec![Answer::Clean, Answer::Clean];
        assert_eq!(answers("/s/a: OK\n/s/b: c: Empty file\n", Some(0)).unwrap(), both);
        assert_eq!(
            answers("/s/a: OK\n/s/other: OK\nOK\n/s/b: OK\n", Some(0)).unwrap(),
            [Answer::Clean, unclear(SILENT)]
        );
        assert_eq!(answers("", Some(0)).unwrap(), [unclear(SILENT), unclear(SILENT)]);
        assert_eq!(
            answers("/s/a: Excluded\n/s/b: c: OK \n", Some(2)).unwrap(),
            [unclear("Excluded"), unclear("OK")]
        );
    }

    #[test]
    fn the_worst_line_counts_and_so_does_the_end() {
        let found = Answer::Found("Evil.A".to_owned());
        let said = "/s/a: Evil.A FOUND\n/s/a: OK\n/s/b: c: OK\n";
        assert_eq!(answers(said, Some(1)).unwrap(), [found.clone(), Answer::Clean]);
        // What is found stays found; nothing else is clean if the end does not fit.
        for status in [Some(0), Some(2), Some(137), None] {
            let answers = answers(said, status).unwrap();
            assert_eq!(answers[0], found);
            assert!(matches!(answers[1], Answer::Unclear(_)), "{status:?}");
        }
        for status in [Some(1), Some(2), Some(40), None] {
            assert!(answers("/s/a: OK\n/s/b: c: OK\n", status).is_err(), "{status:?}");
        }
        assert_eq!(
            answers("/s/a: Can't open file ERROR\n/s/b: c: OK\n", Some(2)).unwrap(),
            [unclear("Can't open file ERROR"), Answer::Clean]
        );
    }

    #[test]
    fn what_was_skipped_for_its_size_is_neither_clean_nor_malware() {
        let said = "/s/a: Heuristics.Limits.Exceeded.MaxFileSize FOUND\n/s/b: c: OK\n";
        let answers = answers(said, Some(1)).unwrap();
        assert!(matches!(&answers[0], Answer::Unclear(why) if why.contains("MaxFileSize")));
        assert_eq!(answers[1], Answer::Clean);
        // It ends then as with a finding. That some could not be read is said of none of these.
        assert!(super::tests::answers(said, Some(2)).is_err());
        assert!(super::tests::answers(said, Some(0)).is_err());
    }

    #[test]
    fn what_a_scanner_prints_moves_no_cursor() {
        assert_eq!(printable(b" Evil\x1b[2J.A\x07 \nmore"), "Evil[2J.A");
    }

    #[test]
    fn a_line_longer_than_any_real_one_says_nothing() {
        let said = |length: usize| {
            let line = format!("/s/a: {}", "x".repeat(length - "/s/a: ".len()));
            answers(&format!("{line}\n/s/b: c: OK\n"), Some(0)).unwrap()
        };
        let shown = "x".repeat(MAX_NAME_CHARS);
        assert_eq!(said(MAX_LINE_BYTES), [unclear(&shown), Answer::Clean]);
        assert_eq!(said(MAX_LINE_BYTES + 1), [unclear(SILENT), Answer::Clean]);
    }
}
