//! The file in which an administrator writes down the scanners of a machine.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::{ScanError, Scanner, Scanners};
use crate::crypto::yaml;

/// A few scanners with their arguments have a few KiB.
pub const MAX_CONFIGURATION_BYTES: usize = 64 << 10;

/// More scanners than any site has.
pub const MAX_SCANNERS: usize = 16;

/// Files of one run that gets a list: loading the definitions takes seconds, and is done once for so many.
pub const MAX_FILES: usize = 100_000;

/// Files of one run that gets paths as arguments: with a path of 255 bytes each a quarter of what Linux lets a program have (128 KiB an argument, 2 MiB in all).
const MAX_ARGUMENT_FILES: usize = 2_000;

/// A working day: no run takes longer.
pub const MAX_MINUTES: u32 = 480;

/// A version is a line.
pub(super) const MAX_VERSION_BYTES: usize = 64 << 10;

/// What stands for the file with the paths in a command.
pub const LIST: &str = "{list}";

/// Arguments of a command, and the bytes of each: a line that a person wrote.
const MAX_ARGUMENTS: usize = 100;
const MAX_ARGUMENT_BYTES: usize = 4096;

const DEFAULT_FILES: usize = 10_000;
const DEFAULT_ARGUMENT_FILES: usize = 500;
const DEFAULT_MINUTES: u32 = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[expect(dead_code, reason = "there is one, and anything else is refused")]
    schema: Schema,
    scanners: Vec<WrittenScanner>,
}

#[derive(Deserialize)]
enum Schema {
    #[serde(rename = "sealift-scanners/1")]
    One,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScanner {
    engine: String,
    command: Vec<String>,
    definitions: Vec<String>,
    #[serde(default)]
    minutes: Option<u32>,
    #[serde(default)]
    files: Option<usize>,
}

impl Scanners {
    /// Reads the file's text.
    ///
    /// # Errors
    /// [`ScanError`] for what is not YAML as sealift reads it, does not fit the schema, or would call files clean that were not scanned.
    pub fn from_yaml(text: &str) -> Result<Self, ScanError> {
        if text.len() > MAX_CONFIGURATION_BYTES {
            return Err(wrong(
                "the file",
                format!("it has more than {MAX_CONFIGURATION_BYTES} bytes"),
            ));
        }
        let written: Written = yaml::read(text).map_err(|source| ScanError::Yaml { source })?;
        if written.scanners.len() > MAX_SCANNERS {
            return Err(wrong("scanners", format!("there are more than {MAX_SCANNERS}")));
        }
        let mut engines = BTreeSet::new();
        let scanners = written
            .scanners
            .into_iter()
            .enumerate()
            .map(|(index, written)| {
                let place = format!("scanners[{index}]");
                if !engines.insert(written.engine.clone()) {
                    return Err(wrong(&place, format!("`{}` is there twice", written.engine)));
                }
                scanner(written, &place)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { scanners })
    }
}

fn scanner(written: WrittenScanner, place: &str) -> Result<Scanner, ScanError> {
    let is_word = |text: &str| !text.is_empty() && text.len() <= 200 && !text.contains(char::is_control);
    if !is_word(&written.engine) {
        return Err(wrong(place, "`engine` is a name of at most 200 bytes"));
    }
    for (name, command) in [("command", &written.command), ("definitions", &written.definitions)] {
        check_command(&format!("{place}.{name}"), command)?;
    }
    let takes_list = written.command.iter().any(|part| part.contains(LIST));
    let (default, max) = if takes_list {
        (DEFAULT_FILES, MAX_FILES)
    } else {
        (DEFAULT_ARGUMENT_FILES, MAX_ARGUMENT_FILES)
    };
    let files = written.files.unwrap_or(default);
    if files == 0 || files > max {
        return Err(wrong(place, format!("`files` is a number from 1 to {max}")));
    }
    let minutes = written.minutes.unwrap_or(DEFAULT_MINUTES);
    if minutes == 0 || minutes > MAX_MINUTES {
        return Err(wrong(place, format!("`minutes` is a number from 1 to {MAX_MINUTES}")));
    }
    check_clamscan(place, &written.command)?;
    Ok(Scanner {
        engine: written.engine,
        command: written.command,
        definitions: written.definitions,
        limit: Duration::from_secs(u64::from(minutes) * 60),
        files,
    })
}

fn check_command(place: &str, command: &[String]) -> Result<(), ScanError> {
    let Some(program) = command.first() else {
        return Err(wrong(place, "it names no program"));
    };
    // A relative one would be searched for where somebody else may write.
    if !Path::new(program).is_absolute() {
        return Err(wrong(place, format!("`{program}` is no absolute path")));
    }
    let fits = |part: &String| part.len() <= MAX_ARGUMENT_BYTES && !part.contains('\0');
    if command.len() > MAX_ARGUMENTS || !command.iter().all(fits) {
        let what = format!("a command has at most {MAX_ARGUMENTS} arguments of at most {MAX_ARGUMENT_BYTES} bytes");
        return Err(wrong(place, what));
    }
    Ok(())
}

/// `clamscan` without these switches calls a file `OK` that it skipped for its size or depth, or names no clean file at all.
fn check_clamscan(place: &str, command: &[String]) -> Result<(), ScanError> {
    let is_clamscan = |part: &String| Path::new(part).file_name().is_some_and(|name| name == "clamscan");
    if !command.first().is_some_and(is_clamscan) {
        return Ok(());
    }
    if !command
        .iter()
        .any(|part| part == "--alert-exceeds-max=yes" || part == "--alert-exceeds-max")
    {
        return Err(wrong(
            place,
            "clamscan needs `--alert-exceeds-max=yes`: without it a file that it skipped for its size is called OK",
        ));
    }
    if command
        .iter()
        .any(|part| part == "--infected" || part == "-i" || part == "--suppress-ok-results" || part == "-o")
    {
        return Err(wrong(
            place,
            "clamscan must name the files that are clean, too: leave out `-i` and `-o`",
        ));
    }
    Ok(())
}

fn wrong(place: &str, what: impl Into<String>) -> ScanError {
    ScanError::Configuration {
        place: place.to_owned(),
        what: what.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(scanners: &str) -> Result<Scanners, ScanError> {
        Scanners::from_yaml(&format!("schema: sealift-scanners/1\nscanners:\n{scanners}"))
    }

    #[test]
    fn a_scanner_is_read_with_its_bounds() {
        let read = read(
            "  - engine: clamav\n    command: [/usr/bin/clamscan, --alert-exceeds-max=yes, \"--file-list={list}\"]\n    definitions: [/usr/bin/clamscan, --version]\n",
        )
        .unwrap();
        let scanner = read.iter().next().unwrap();
        assert_eq!((scanner.engine(), scanner.files()), ("clamav", DEFAULT_FILES));
        assert_eq!(scanner.limit, Duration::from_secs(3600));
    }

    #[test]
    fn what_would_call_unscanned_files_clean_is_refused() {
        let one = |command: &str, more: &str| {
            read(&format!(
                "  - {{engine: a, command: {command}, definitions: [/bin/v]{more}}}\n"
            ))
        };
        assert!(one("[/bin/scan]", "").is_ok());
        for (command, more) in [
            ("[]", ""),
            ("[scan]", ""),
            ("[./scan]", ""),
            ("[/usr/bin/clamscan]", ""),
            ("[/usr/bin/clamscan, --alert-exceeds-max=no]", ""),
            ("[/usr/bin/clamscan, --alert-exceeds-max=yes, -i]", ""),
            ("[/usr/bin/clamscan, --alert-exceeds-max=yes, --infected]", ""),
            ("[/usr/bin/clamscan, --alert-exceeds-max=yes, -o]", ""),
            (
                "[/usr/bin/clamscan, --alert-exceeds-max=yes, --suppress-ok-results]",
                "",
            ),
            ("[/bin/scan]", ", files: 0"),
            ("[/bin/scan]", ", files: 2001"),
            ("[/bin/scan, \"{list}\"]", ", files: 100001"),
            ("[/bin/scan]", ", minutes: 0"),
            ("[/bin/scan]", ", minutes: 481"),
            ("[/bin/scan]", ", shell: true"),
        ] {
            assert!(one(command, more).is_err(), "{command} {more}");
        }
        assert!(one("[/bin/scan, \"{list}\"]", ", files: 100000").is_ok());
        let twice = "  - {engine: a, command: [/bin/s], definitions: [/bin/v]}\n".repeat(2);
        assert!(read(&twice).is_err());
        let many: String = (0..=MAX_SCANNERS)
            .map(|number| format!("  - {{engine: e{number}, command: [/bin/s], definitions: [/bin/v]}}\n"))
            .collect();
        assert!(read(&many).is_err());
        assert!(Scanners::from_yaml("schema: sealift-scanners/2\nscanners: []\n").is_err());
        let least = "schema: sealift-scanners/1\nscanners: []\n";
        let long = |bytes: usize| format!("{least}{}", "#".repeat(bytes - least.len()));
        assert!(Scanners::from_yaml(&long(MAX_CONFIGURATION_BYTES)).is_ok());
        let error = Scanners::from_yaml(&long(MAX_CONFIGURATION_BYTES + 1)).unwrap_err();
        assert!(error.to_string().contains("more than 65536 bytes"), "{error}");
    }

    #[test]
    fn names_and_commands_are_what_a_person_writes() {
        let said = |engine: &str, command: &[String]| {
            let text = format!("  - {{engine: {engine:?}, command: {command:?}, definitions: [/bin/v]}}\n");
            read(&text).map(drop).map_err(|error| format!("{error:?}"))
        };
        let program = || "/bin/scan".to_owned();
        let command = |count: usize, length: usize| {
            let mut command = vec!["x".repeat(length); count];
            command[0] = program();
            command
        };
        assert_eq!(said(&"e".repeat(200), &command(1, 1)), Ok(()));
        for engine in [String::new(), "e".repeat(201), "two\tcolumns".to_owned()] {
            let error = said(&engine, &command(1, 1)).unwrap_err();
            assert!(error.contains("`engine` is a name of at most 200 bytes"), "{error}");
        }
        assert_eq!(said("e", &command(MAX_ARGUMENTS, 1)), Ok(()));
        assert_eq!(said("e", &command(2, MAX_ARGUMENT_BYTES)), Ok(()));
        for command in [
            command(MAX_ARGUMENTS + 1, 1),
            command(2, MAX_ARGUMENT_BYTES + 1),
            vec![program(), "a\0b".to_owned()],
        ] {
            let error = said("e", &command).unwrap_err();
            assert!(error.contains("at most 100 arguments of at most 4096 bytes"), "{error}");
        }
    }
}
