//! Where a package's sections lie, and what its signing block holds ("APK Signing Block", "Format").

use std::io::SeekFrom;
use std::ops::Range;

use super::read::Rest;
use crate::evidence::x509::Refusal;
use crate::model::{Content, Doubt};

const V2: u32 = 0x7109_871a;
const V3: u32 = 0xf053_68c0;
const V31: u32 = 0x1b93_ad61;

const MAGIC: &[u8; 16] = b"APK Sig Block 42";

/// Both lengths and the magic.
const FRAME_BYTES: u64 = 8 + 8 + 16;

/// Lineages and proofs of stores stay below a megabyte; some stores pad to the next megabytes.
const MAX_BLOCK_BYTES: u64 = 16 << 20;

/// Pairs in a block: real ones have about six.
const MAX_PAIRS: usize = 64;

const END_BYTES: u64 = 22;

/// A package's sections, which the digests cover.
pub(super) struct Sections {
    pub(super) contents: Range<u64>,
    pub(super) directory: Range<u64>,
    /// The end record as it was before the block was put in.
    pub(super) end: Vec<u8>,
}

/// The schemes' values; the ones of other identifiers are nobody's here.
pub(super) struct Block {
    pub(super) sections: Sections,
    pub(super) v2: Option<Vec<u8>>,
    pub(super) v3: Option<Vec<u8>>,
    pub(super) v31: Option<Vec<u8>>,
}

/// Finds the block; `None` where there is none.
pub(super) fn find(content: &mut dyn Content) -> Result<Option<Block>, Refusal> {
    let unreadable = |_| Refusal::unsure(Doubt::Incomplete, "the package could not be read");
    let length = content.seek(SeekFrom::End(0)).map_err(unreadable)?;
    let end_at = length
        .checked_sub(END_BYTES)
        .ok_or_else(|| Refusal::malformed("it is too short for a package"))?;
    let mut end = read_at(content, end_at, END_BYTES)?;
    // No comment, so that no reader finds another end record.
    if !end.starts_with(b"PK\x05\x06") || end[20..] != [0, 0] {
        return Err(Refusal::malformed(
            "it does not close with an end record without comment",
        ));
    }
    let mut fields = Rest(&end[12..20]);
    let directory_bytes = u64::from(fields.u32()?);
    let directory = u64::from(fields.u32()?);
    if directory + directory_bytes != end_at {
        return Err(Refusal::malformed("its directory does not reach its end record"));
    }
    let Some(foot_at) = directory.checked_sub(24) else {
        return Ok(None);
    };
    let foot = read_at(content, foot_at, 24)?;
    if !foot.ends_with(MAGIC) {
        return Ok(None);
    }
    let size = Rest(&foot).u64()?;
    let broken = || Refusal::malformed("its signing block has wrong lengths");
    if size > MAX_BLOCK_BYTES {
        return Err(Refusal::unsure(
            Doubt::TooLarge,
            "its signing block is larger than is judged",
        ));
    }
    let start = directory
        .checked_sub(size + 8)
        .filter(|_| size >= FRAME_BYTES - 8)
        .ok_or_else(broken)?;
    let bytes = read_at(content, start, size + 8)?;
    let mut rest = Rest(&bytes);
    if rest.u64()? != size {
        return Err(broken());
    }
    let pairs_bytes = bytes.len() - FRAME_BYTES as usize;
    let mut pairs = Rest(rest.bytes(pairs_bytes)?);
    let (mut v2, mut v3, mut v31) = (None, None, None);
    let mut count = 0;
    while !pairs.is_empty() {
        count += 1;
        if count > MAX_PAIRS {
            return Err(Refusal::unsure(
                Doubt::TooLarge,
                "its signing block has more parts than are judged",
            ));
        }
        let length = pairs.u64()?;
        let length = usize::try_from(length).map_err(|_| broken())?;
        let mut pair = Rest(pairs.bytes(length)?);
        let slot = match pair.u32()? {
            V2 => &mut v2,
            V3 => &mut v3,
            V31 => &mut v31,
            _ => continue,
        };
        if slot.replace(pair.0.to_vec()).is_some() {
            return Err(Refusal::malformed("its signing block has one scheme twice"));
        }
    }
    // "Integrity-protected contents": the offset is that of the block, where the directory would be without it.
    let offset = u32::try_from(start).map_err(|_| broken())?;
    end[16..20].copy_from_slice(&offset.to_le_bytes());
    Ok(Some(Block {
        sections: Sections {
            contents: 0..start,
            directory: directory..end_at,
            end,
        },
        v2,
        v3,
        v31,
    }))
}

fn read_at(content: &mut dyn Content, at: u64, length: u64) -> Result<Vec<u8>, Refusal> {
    use std::io::Read as _;
    let unreadable = |_| Refusal::unsure(Doubt::Incomplete, "the package could not be read");
    content.seek(SeekFrom::Start(at)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    content.take(length).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(Refusal::malformed("it ends early"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::model::{Fault, Outcome};

    #[test]
    fn a_block_has_room_for_its_frame() {
        let found = |size: u64, pairs: usize| {
            let block = [&size.to_le_bytes()[..], &vec![0; pairs], &size.to_le_bytes(), MAGIC].concat();
            // The magic alone, whose first half stands for the length, too.
            let block = &block[block.len() - size as usize - 8..];
            let mut end = vec![0; END_BYTES as usize];
            end[..4].copy_from_slice(b"PK\x05\x06");
            end[16..20].copy_from_slice(&u32::try_from(block.len()).unwrap().to_le_bytes());
            find(&mut Cursor::new([block, &end].concat())).map(|found| found.is_some())
        };
        assert_eq!(found(24, 0), Ok(true));
        let refused = found(16, 0).unwrap_err();
        assert_eq!(refused.outcome(), Outcome::Contradicted(Fault::Malformed));
    }

    #[test]
    fn what_became_shorter_is_not_read() {
        let read = |length| read_at(&mut Cursor::new(b"four"), 1, length);
        assert_eq!(read(3).unwrap(), b"our");
        assert_eq!(read(4).unwrap_err().outcome(), Outcome::Contradicted(Fault::Malformed));
    }
}
