//! Several files as one, named by an index that stands first (`bundle-spec/capsule.md` §1): a capsule, and the objects that are kept of what was
//! refused.
//!
//! Threats, each with its defence:
//! - Names that lead elsewhere: whoever reads says where a part goes, and no path is ever taken from the file.
//! - A file that exhausts disk or memory: nothing is compressed, so what is written is no more than what was read; the index is bounded and read by lines.
#![expect(clippy::disallowed_methods, reason = "what is packed and unpacked lies in files")]

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bundle::parts::{PartsError, PartsReader, PartsWriter};
use crate::crypto::strict_json;
use crate::model::{Code, Digest, Part, Refusal, Stop, Unable};

/// A line of an index, in bytes: a name, a digest and a number, several times over.
pub const MAX_INDEX_LINE_BYTES: usize = 1024;

/// The member that names the others.
pub const INDEX: &str = "index.ndjson";

const OBJECTS: &str = "objects/";

/// The first line of an index.
pub trait Header: DeserializeOwned + Serialize {
    /// What the file is, for people.
    const WHAT: &'static str;
    /// The format that is read.
    const FORMAT: u64;
    /// How many parts it may have.
    const MAX_PARTS: u64;
    /// How large the index may be.
    const MAX_INDEX_BYTES: u64;
    /// The format that it says.
    fn format(&self) -> u64;
    /// The number of parts that it says.
    fn parts(&self) -> u64;
}

/// The name of an object's part.
pub fn object_name(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("{OBJECTS}{}/{}", &hex[..2], &hex[2..])
}

/// The object of a part's name, if it is one, in its only spelling.
pub fn object_of(name: &str) -> Option<Digest> {
    let object = name.strip_prefix(OBJECTS)?;
    let digest: Digest = format!("sha256:{}", object.replacen('/', "", 1)).parse().ok()?;
    (object_name(&digest) == name).then_some(digest)
}

/// An index, read line by line.
pub struct IndexReader<H> {
    lines: BufReader<File>,
    path: PathBuf,
    last: Option<String>,
    read: u64,
    /// The first line.
    pub header: H,
}

impl<H: Header> IndexReader<H> {
    /// Reads the first line.
    pub fn open(path: &Path) -> Result<Self, Stop> {
        let file = File::open(path).map_err(|error| cannot("read", path, error))?;
        let mut lines = BufReader::with_capacity(128 << 10, file);
        let header: H =
            line::<H, H>(&mut lines, path)?.ok_or_else(|| wrong::<H>(Code::JsonNotStrict, "it is empty"))?;
        if header.format() != H::FORMAT {
            let reason = format!("format {} of {} is not known", header.format(), H::WHAT);
            return Err(wrong::<H>(Code::UnknownFormat, &reason));
        }
        if header.parts() > H::MAX_PARTS {
            return Err(wrong::<H>(Code::SizeExceeded, "it names more parts than there may be"));
        }
        Ok(Self {
            lines,
            path: path.to_owned(),
            last: None,
            read: 0,
            header,
        })
    }

    /// The next part. Names ascend, so that none is there twice.
    #[expect(
        clippy::should_implement_trait,
        reason = "each step may fail: an iterator of results would go on after a failure"
    )]
    pub fn next(&mut self) -> Result<Option<Part>, Stop> {
        let said = self.header.parts();
        let part = match line::<H, Part>(&mut self.lines, &self.path)? {
            None if self.read == said => return Ok(None),
            Some(part) if self.read < said => part,
            part => {
                let more = if part.is_some() { "more than " } else { "" };
                let reason = format!("it names {more}{} parts, and says {said}", self.read);
                return Err(wrong::<H>(Code::ContainerNotExact, &reason));
            }
        };
        if self.last.as_ref().is_some_and(|last| *last >= part.name) {
            let reason = format!("`{}` is named twice, or out of order", part.name);
            return Err(wrong::<H>(Code::ContainerNotExact, &reason));
        }
        self.read += 1;
        self.last = Some(part.name.clone());
        Ok(Some(part))
    }
}

fn line<H: Header, T: DeserializeOwned + Serialize>(
    lines: &mut BufReader<File>,
    path: &Path,
) -> Result<Option<T>, Stop> {
    let mut line = Vec::new();
    lines
        .take(MAX_INDEX_LINE_BYTES as u64 + 1)
        .read_until(b'\n', &mut line)
        .map_err(|error| cannot("read", path, error))?;
    if line.is_empty() {
        return Ok(None);
    }
    let text = line
        .strip_suffix(b"\n")
        .filter(|_| line.len() <= MAX_INDEX_LINE_BYTES)
        .ok_or_else(|| wrong::<H>(Code::JsonNotStrict, "a line is too long, or is cut"))?;
    let read = strict_json::read_canonical(text).map(Some);
    read.map_err(|error| wrong::<H>(Code::JsonNotStrict, &error.to_string()))
}

fn wrong<H: Header>(code: Code, reason: &str) -> Stop {
    Refusal::new(code, format!("the index of {}", H::WHAT), reason).into()
}

/// Writes an index. `parts` gives each part with the file that holds it, in the order of their names. Gives the bytes of all parts.
pub fn write_index<H: Header>(
    path: &Path,
    header: &H,
    parts: impl Iterator<Item = Result<(Part, PathBuf), Stop>>,
) -> Result<u64, Stop> {
    let failed = |error| cannot("write", path, error);
    let mut output = BufWriter::new(File::create(path).map_err(failed)?);
    let mut line = |bytes: Vec<u8>| output.write_all(&bytes).and_then(|()| output.write_all(b"\n"));
    line(strict_json::write(header)).map_err(failed)?;
    let mut bytes = 0;
    for part in parts {
        let (part, _) = part?;
        bytes += part.bytes;
        line(strict_json::write(&part)).map_err(failed)?;
    }
    output.flush().map_err(failed)?;
    Ok(bytes)
}

/// Writes an index and the parts that it names as one file.
pub fn pack<H: Header>(
    output: impl Write,
    index: &Path,
    parts: impl Iterator<Item = Result<(Part, PathBuf), Stop>>,
) -> Result<(), Stop> {
    let mut writer = PartsWriter::new(BufWriter::with_capacity(1 << 20, output));
    let size = fs::metadata(index).map_err(|error| cannot("read", index, error))?.len();
    add(&mut writer, INDEX, index, size)?;
    for part in parts {
        let (part, path) = part?;
        let written = add(&mut writer, &part.name, &path, part.bytes)?;
        if written != part.digest {
            return Err(Refusal::new(
                Code::DigestMismatch,
                path.display().to_string(),
                "its bytes are not those that are named by digest",
            )
            .comparing(part.digest, written)
            .hint("`sealift audit` compares the whole enclave")
            .into());
        }
    }
    let failed = |error| cannot("write", Path::new(H::WHAT), error);
    writer.finish().map_err(failed)?.flush().map_err(failed)
}

fn add(writer: &mut PartsWriter<impl Write>, name: &str, path: &Path, size: u64) -> Result<Digest, Stop> {
    let failed = |error| cannot("copy", path, error);
    let mut file = BufReader::with_capacity(256 << 10, File::open(path).map_err(failed)?);
    writer.add(name, size, &mut file).map_err(failed)
}

/// Unpacks a file whose every part is as its index says. The index is written to a path of its own; `place` says where a part goes, and refuses
/// what has no place. Nothing of what it says is believed yet. Gives the first line.
pub fn unpack<H: Header>(
    input: impl Read,
    index: &Path,
    place: &mut dyn FnMut(&Part) -> Result<PathBuf, Stop>,
) -> Result<H, Stop> {
    let mut reader = PartsReader::new(BufReader::with_capacity(1 << 20, input));
    let mut parts = begin::<H>(&mut reader, index)?;
    while let Some(part) = parts.next()? {
        let path = place(&part)?;
        let found = write::<H>(&path, |output| reader.next(&part.name, part.bytes, output))?;
        if found != part.digest {
            return Err(mismatch::<H>(&part, found));
        }
    }
    reader.end().map_err(|error| refused::<H>(index, error))?;
    Ok(parts.header)
}

/// Reads the index alone, which is written to a path of its own.
pub fn index_of<H: Header>(input: impl Read, index: &Path) -> Result<IndexReader<H>, Stop> {
    begin(&mut PartsReader::new(input), index)
}

fn begin<H: Header>(reader: &mut PartsReader<impl Read>, index: &Path) -> Result<IndexReader<H>, Stop> {
    write::<H>(index, |output| reader.first(INDEX, H::MAX_INDEX_BYTES, output))?;
    IndexReader::open(index)
}

/// What is said of a part whose bytes are others.
pub fn mismatch<H: Header>(part: &Part, found: Digest) -> Stop {
    let reason = "its bytes are not those that are named by digest";
    refusal::<H>(Code::DigestMismatch, &part.name, reason)
        .comparing(part.digest, found)
        .into()
}

/// What is said of a part that may not be there.
pub fn refusal<H: Header>(code: Code, name: &str, reason: &str) -> Refusal {
    Refusal::new(code, format!("the part `{name}` of {}", H::WHAT), reason)
}

fn write<H: Header>(
    path: &Path,
    read: impl FnOnce(&mut dyn Write) -> Result<Digest, PartsError>,
) -> Result<Digest, Stop> {
    let failed = |error| cannot("write", path, error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut output = BufWriter::with_capacity(256 << 10, File::create_new(path).map_err(failed)?);
    let digest = read(&mut output).map_err(|error| refused::<H>(path, error))?;
    output.flush().map_err(failed)?;
    Ok(digest)
}

fn refused<H: Header>(path: &Path, error: PartsError) -> Stop {
    let reason = error.to_string();
    let code = match error {
        PartsError::File(source) => {
            let what = format!("cannot read {}, or write `{}`", H::WHAT, path.display());
            return Unable::new(what).because(source).into();
        }
        PartsError::TooLarge { .. } => Code::SizeExceeded,
        PartsError::NotExact { .. } => Code::ContainerNotExact,
        PartsError::Cut { .. } => Code::ObjectMissing,
    };
    Refusal::new(code, H::WHAT, reason)
        .hint("copy it again from where it was made")
        .into()
}

/// What is said where a file cannot be read or written.
pub fn cannot(what: &str, path: &Path, error: io::Error) -> Stop {
    Unable::new(format!("cannot {what} `{}`", path.display()))
        .because(error)
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::kept::{Beyond, KeptIndex};

    fn part(name: String) -> Part {
        Part {
            bytes: 3,
            digest: Digest::of(b"one"),
            name,
        }
    }

    /// Reads back an index that says how many parts it has, and names these.
    fn read_back(parts: u64, names: &[&str]) -> Result<usize, Stop> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(INDEX);
        let header = KeptIndex {
            format: 1,
            left_out: Beyond::default(),
            parts,
        };
        let named = names.iter().map(|name| Ok((part((*name).to_owned()), PathBuf::new())));
        write_index(&path, &header, named).unwrap();
        let mut reader = IndexReader::<KeptIndex>::open(&path)?;
        let mut count = 0;
        while reader.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn code(result: Result<usize, Stop>) -> Option<Code> {
        match result {
            Err(Stop::Refused(refusals)) => Some(refusals[0].code),
            _ => None,
        }
    }

    #[test]
    fn an_index_names_as_many_parts_as_it_says_each_once() {
        assert_eq!(read_back(2, &["a", "b"]).unwrap(), 2);
        for (parts, names) in [
            (1, &["a", "b"][..]),
            (3, &["a", "b"]),
            (2, &["a", "a"]),
            (2, &["b", "a"]),
        ] {
            assert_eq!(
                code(read_back(parts, names)),
                Some(Code::ContainerNotExact),
                "{parts} {names:?}"
            );
        }
    }

    #[test]
    fn a_line_has_a_length() {
        let rest = strict_json::write(&part(String::new())).len() + 1;
        let longest = "n".repeat(MAX_INDEX_LINE_BYTES - rest);
        assert_eq!(read_back(1, &[&longest]).unwrap(), 1);
        assert_eq!(code(read_back(1, &[&format!("{longest}n")])), Some(Code::JsonNotStrict));
    }

    #[test]
    fn an_object_has_one_name() {
        let digest = Digest::of(b"one");
        let (name, hex) = (object_name(&digest), digest.hex());
        assert_eq!(object_of(&name), Some(digest));
        for other in [
            format!("{OBJECTS}{hex}"),
            format!("{OBJECTS}{}/{}", &hex[..3], &hex[3..]),
            format!("other/{}/{}", &hex[..2], &hex[2..]),
        ] {
            assert_eq!(object_of(&other), None, "{other}");
        }
    }

    /// An enclave whose object was exchanged for another of the same size makes no capsule.
    #[test]
    fn nothing_is_packed_under_the_digest_of_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let (index, object) = (folder.path().join(INDEX), folder.path().join("object"));
        let part = part(object_name(&Digest::of(b"one")));
        let parts = || std::iter::once(Ok((part.clone(), object.clone())));
        let header = KeptIndex {
            format: 1,
            left_out: Beyond::default(),
            parts: 1,
        };
        write_index(&index, &header, parts()).unwrap();
        fs::write(&object, b"one").unwrap();
        pack::<KeptIndex>(Vec::new(), &index, parts()).unwrap();
        fs::write(&object, b"two").unwrap();
        let Err(Stop::Refused(refusals)) = pack::<KeptIndex>(Vec::new(), &index, parts()) else {
            panic!("another object was packed");
        };
        assert_eq!(refusals[0].code, Code::DigestMismatch);
    }
}
