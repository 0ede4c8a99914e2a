//! `h1` hashes of modules (golang.org/x/mod/sumdb/dirhash `Hash1`): SHA-256 over a sorted list of names and their hashes.

use std::io::{self, Write};

use crate::archive::zip::{Zip, ZipError};
use crate::evidence::reading;
use crate::evidence::sigstore::refusal::Refusal;
use crate::model::{Content, Digest, Doubt, Hasher};

/// What a module's files may have together (golang.org/ref/mod, "Module zip files"): 500 MiB.
const MAX_ZIP_BYTES: u64 = 500 << 20;
/// The same for a go.mod: 16 MiB.
const MAX_MOD_BYTES: u64 = 16 << 20;

/// The hash of a zip: of what it holds, so that two zips may have the same.
pub(super) fn of_zip(content: &mut dyn Content) -> Result<Digest, Refusal> {
    content.rewind().map_err(|_| unreadable())?;
    let mut zip = Zip::open(content).map_err(|error| broken(&error))?;
    let total = zip
        .entries()
        .iter()
        .try_fold(0_u64, |sum, entry| sum.checked_add(entry.size()));
    if total.is_none_or(|total| total > MAX_ZIP_BYTES) {
        let reason = format!("the zip holds more than {MAX_ZIP_BYTES} bytes, which no module may");
        return Err(Refusal::doubt(Doubt::TooLarge, reason));
    }
    let mut lines = Vec::new();
    for position in 0..zip.entries().len() {
        let entry = &zip.entries()[position];
        let (name, is_folder) = (entry.name().to_owned(), entry.is_folder());
        let mut hash = Hash(Hasher::new());
        if !is_folder {
            zip.copy(position, &mut hash).map_err(|error| broken(&error))?;
        }
        lines.push((name, hash.0.finish()));
    }
    of_list(lines)
}

/// The hash of a go.mod.
pub(super) fn of_mod(content: &mut dyn Content) -> Result<Digest, Refusal> {
    let bytes = reading::whole(content, MAX_MOD_BYTES)
        .map_err(|_| unreadable())?
        .ok_or_else(|| {
            let reason = format!("a go.mod of more than {MAX_MOD_BYTES} bytes, which no module may have");
            Refusal::doubt(Doubt::TooLarge, reason)
        })?;
    of_list(vec![("go.mod".to_owned(), Digest::of(&bytes))])
}

fn of_list(mut lines: Vec<(String, Digest)>) -> Result<Digest, Refusal> {
    lines.sort();
    let mut hasher = Hasher::new();
    for (name, digest) in lines {
        // `Hash1` refuses it, as a line could then stand for two. The reader of zips knows no such name either.
        if name.contains('\n') {
            return Err(Refusal::malformed("the zip has a name with a line break"));
        }
        hasher.update(format!("{}  {name}\n", digest.hex()).as_bytes());
    }
    Ok(hasher.finish())
}

struct Hash(Hasher);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unreadable() -> Refusal {
    Refusal::doubt(Doubt::Incomplete, "the module's bytes could not be read")
}

fn broken(error: &ZipError) -> Refusal {
    match error {
        ZipError::Read(_) => unreadable(),
        ZipError::Limit { .. } => Refusal::doubt(Doubt::TooLarge, error.to_string()),
        _ => Refusal::malformed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_name_with_a_line_break_stands_for_no_two_files() {
        let hashed = |name: &str| {
            let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
            writer
                .start_file(name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(b"x").unwrap();
            of_zip(&mut writer.finish().unwrap())
        };
        assert!(hashed("example.com/a@v1.0.0/a.go").is_ok());
        // The reader of zips refuses it already.
        assert!(hashed("example.com/a@v1.0.0/a.go\n00  b").is_err());
        // So does the list by itself: these would be the lines of two files.
        let digest = Digest::of(b"x");
        let list = |name: &str| of_list(vec![(name.to_owned(), digest)]);
        assert!(list("a.go").is_ok());
        assert!(list(&format!("a.go\n{}  b.go", digest.hex())).is_err());
    }
}
