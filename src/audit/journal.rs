//! Reading the journal of an import, which its report names by the digest of its lines.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use crate::bundle::frame::{self, DecodeError};
use crate::bundle::limits::MAX_ZSTD_WINDOW_LOG;
use crate::model::{Code, Hasher, Refusal, Stop, Unable};
use crate::report::Records;

/// A line holds one artifact's facts or the paths of one name: more than a catalog's line expands to is never written.
const MAX_LINE_BYTES: usize = 64 << 20;

/// The longest journal that is measured: of millions of artifacts. It is read as a stream.
const MAX_JOURNAL_BYTES: u64 = 64 << 30;

/// What a journal's lines are, where nothing names them: whoever signs that is believed.
pub(super) fn measure(path: &Path) -> Result<Records, Stop> {
    let cannot = || Unable::new(format!("cannot read {}", path.display()));
    let file = File::open(path).map_err(|error| cannot().because(error))?;
    let mut lines = zstd::stream::read::Decoder::new(file)
        .and_then(|mut decoder| decoder.window_log_max(MAX_ZSTD_WINDOW_LOG).map(|()| decoder))
        .map_err(|error| cannot().because(error))?
        .single_frame()
        .take(MAX_JOURNAL_BYTES);
    let (mut hasher, mut count, mut bytes) = (Hasher::new(), 0_u64, 0_u64);
    let mut part = vec![0; 64 << 10];
    loop {
        let length = lines.read(&mut part).map_err(|error| cannot().because(error))?;
        if length == 0 {
            break;
        }
        hasher.update(&part[..length]);
        bytes += length as u64;
        count += part[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    Ok(Records {
        bytes,
        count,
        digest: hasher.finish(),
    })
}

/// Calls back for each line of a journal. What was read is only verified when this returns.
pub(super) fn read(
    path: &Path,
    expected: &Records,
    visit: &mut dyn FnMut(&[u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let subject = path.display().to_string();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Refusal::new(Code::StateRolledBack, subject, "it is missing").into());
        }
        other => other.map_err(|error| Unable::new(format!("cannot open {subject}")).because(error))?,
    };
    let mut hasher = Hasher::new();
    let (mut count, mut line, mut stop) = (0_u64, Vec::new(), None);
    let decoded = frame::decode(BufReader::new(file), expected.bytes, |mut bytes| {
        hasher.update(bytes);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            line.extend(&bytes[..end]);
            bytes = &bytes[end + 1..];
            count += 1;
            if let Err(error) = visit(&line) {
                stop = Some(error);
                return Err(io::Error::other("stopped"));
            }
            line.clear();
        }
        if line.len() + bytes.len() > MAX_LINE_BYTES {
            return Err(io::Error::other("a line is too long"));
        }
        line.extend(bytes);
        Ok(())
    });
    if let Some(stop) = stop {
        return Err(stop);
    }
    if let Err(DecodeError::Stored(source)) = decoded {
        return Err(Unable::new(format!("cannot read {subject}")).because(source).into());
    }
    if let Err(error) = decoded {
        return Err(Refusal::new(Code::DigestMismatch, subject, format!("it cannot be read: {error}")).into());
    }
    let digest = hasher.finish();
    if (count, digest) != (expected.count, expected.digest) || !line.is_empty() {
        return Err(
            Refusal::new(Code::DigestMismatch, subject, "it is not the one that the report names")
                .comparing(expected.digest, digest)
                .into(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    /// Writes a journal, and gives what it is named as.
    fn written(folder: &Path, content: &[u8]) -> (std::path::PathBuf, Records) {
        let path = folder.join("journal");
        std::fs::write(&path, frame::encode(content).unwrap()).unwrap();
        let records = Records {
            bytes: content.len() as u64,
            count: content.iter().filter(|byte| **byte == b'\n').count() as u64,
            digest: Digest::of(content),
        };
        (path, records)
    }

    fn code(read: Result<(), Stop>) -> Option<Code> {
        match read {
            Ok(()) => None,
            Err(Stop::Refused(refusals)) => Some(refusals[0].code),
            Err(Stop::Unable(unable)) => panic!("{unable:?}"),
        }
    }

    #[test]
    fn a_journal_is_the_one_that_is_named_or_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, records) = written(folder.path(), b"one\ntwo\n");
        assert_eq!(measure(&path).unwrap(), records);
        let mut lines = Vec::new();
        read(&path, &records, &mut |line| {
            lines.push(line.to_vec());
            Ok(())
        })
        .unwrap();
        assert_eq!(lines, [&b"one"[..], b"two"]);
        let read = |records: &Records| code(read(&path, records, &mut |_| Ok(())));
        let digest = Digest::of(b"other");
        for wrong in [
            Records { digest, ..records },
            Records { count: 3, ..records },
            Records { bytes: 7, ..records },
            Records { bytes: 9, ..records },
        ] {
            assert_eq!(read(&wrong), Some(Code::DigestMismatch), "{wrong:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&records), Some(Code::StateRolledBack));
    }

    #[test]
    fn what_comes_after_the_last_line_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, records) = written(folder.path(), b"one\ntwo");
        assert_eq!(records.count, 1);
        assert_eq!(code(read(&path, &records, &mut |_| Ok(()))), Some(Code::DigestMismatch));
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut content = vec![b'x'; MAX_LINE_BYTES + (1 << 20)];
        content.push(b'\n');
        let (path, records) = written(folder.path(), &content);
        let mut longest = 0;
        let told = read(&path, &records, &mut |line| {
            longest = longest.max(line.len());
            Ok(())
        });
        assert_eq!((code(told), longest), (Some(Code::DigestMismatch), 0));
    }

    #[test]
    fn whoever_reads_may_stop() {
        let folder = tempfile::tempdir().unwrap();
        let (path, records) = written(folder.path(), b"one\ntwo\n");
        let mut count = 0;
        let stopped = read(&path, &records, &mut |_| {
            count += 1;
            Err(Refusal::new(Code::SizeExceeded, "a line", "enough").into())
        });
        assert_eq!((code(stopped), count), (Some(Code::SizeExceeded), 1));
    }
}
