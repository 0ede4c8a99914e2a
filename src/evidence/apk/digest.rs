//! A package's digests ("APK Signature Scheme v2", "Integrity-protected contents"): of each megabyte of each section, and of
//! those together.

use std::io::{Read as _, SeekFrom};

use super::block::Sections;
use crate::evidence::x509::{Hash, Refusal};
use crate::model::{Content, Doubt};

const CHUNK_BYTES: u64 = 1 << 20;

/// The digest by each hash that was asked for.
pub(super) fn compute(
    content: &mut dyn Content,
    sections: &Sections,
    hashes: &[Hash],
) -> Result<Vec<(Hash, Vec<u8>)>, Refusal> {
    let unreadable = |_| Refusal::unsure(Doubt::Incomplete, "the package could not be read");
    let mut count: u32 = 0;
    // 64 bytes for each megabyte of the package.
    let mut chunks: Vec<Vec<u8>> = vec![Vec::new(); hashes.len()];
    let mut buffer = Vec::new();
    let mut take = |bytes: &[u8], count: &mut u32| {
        *count += 1;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let framed = [&[0xa5], &length[..], bytes].concat();
        for (hash, digests) in hashes.iter().zip(&mut chunks) {
            digests.extend_from_slice(hash.of(&framed).as_ref());
        }
    };
    for range in [&sections.contents, &sections.directory] {
        let mut at = range.start;
        while at < range.end {
            let length = CHUNK_BYTES.min(range.end - at);
            content.seek(SeekFrom::Start(at)).map_err(unreadable)?;
            buffer.clear();
            (&mut *content)
                .take(length)
                .read_to_end(&mut buffer)
                .map_err(unreadable)?;
            if buffer.len() as u64 != length {
                return Err(Refusal::malformed("it ends early"));
            }
            take(&buffer, &mut count);
            at += length;
        }
    }
    take(&sections.end, &mut count);
    Ok(hashes
        .iter()
        .zip(chunks)
        .map(|(hash, digests)| {
            let framed = [&[0x5a], &count.to_le_bytes()[..], &digests].concat();
            (*hash, hash.of(&framed).as_ref().to_vec())
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::model::{Fault, Outcome};

    #[test]
    fn a_package_that_ends_within_a_section_has_no_digest() {
        let digest = |contents, directory| {
            let sections = Sections {
                contents,
                directory,
                end: vec![7; 22],
            };
            compute(&mut Cursor::new(vec![1; 100]), &sections, &[Hash::Sha256]).map_err(|refusal| refusal.outcome())
        };
        assert!(digest(0..60, 60..100).is_ok());
        let malformed = Outcome::Contradicted(Fault::Malformed);
        assert_eq!(digest(0..101, 60..100), Err(malformed));
        assert_eq!(digest(0..60, 60..101), Err(malformed));
        assert_eq!(digest(200..201, 60..100), Err(malformed));
    }
}
