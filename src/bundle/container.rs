//! The container: a POSIX ustar archive whose every header is computed (`bundle-spec/container.md`).
//!
//! Threats: parser differentials of tar readers (PAX, GNU long names, links, devices, sizes, duplicates, trailing data).
//! Defence: nothing is parsed. Name and length of each member follow from the signed catalog; the reader computes
//! the 512 bytes and compares them. The one exception is the length of an envelope that is read before the signature is
//! checked: [`bounded_size`] takes it from the header, and the header is then computed from it and compared like any other.

/// A tar block, in bytes (IEEE Std 1003.1 pax, ustar interchange format).
pub const BLOCK: u64 = 512;

/// The two zero blocks at the end, in bytes.
pub const END: u64 = 2 * BLOCK;

/// The longest name that fits the header's name field, in bytes.
pub const MAX_MEMBER_NAME: usize = 100;

/// The largest member that eleven octal digits can say, in bytes.
pub const MAX_MEMBER_BYTES: u64 = (1 << 33) - 1;

/// The manifest's member name.
pub const MANIFEST: &str = "manifest.dsse.json";

/// The catalog's member name.
pub const CATALOG: &str = "catalog.ndjson.zst";

/// A travelling root's member name.
pub fn root_name(version: u64) -> String {
    format!("roots/{version}.dsse.json")
}

/// The name of the empty member that says which volume of the set this is.
pub fn volume_name(number: usize, count: usize) -> String {
    format!("volume/{number}-of-{count}")
}

/// Bytes of zero that follow a member's data.
pub const fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}

/// Bytes that a member takes: header, data and padding.
pub const fn member_bytes(size: u64) -> u64 {
    BLOCK + size + padding(size)
}

/// Computes the one header that a member of this name and size has.
///
/// # Panics
/// If the name is longer than 100 bytes or the size over 8 GiB - 1: names and sizes are ours, and bounded before.
pub fn header(name: &str, size: u64) -> [u8; 512] {
    assert!(
        name.len() <= MAX_MEMBER_NAME && size <= MAX_MEMBER_BYTES,
        "member names and sizes are bounded by the format"
    );
    let mut block = [0_u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    octal(&mut block[124..135], size);
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[329..337].copy_from_slice(b"0000000\0");
    block[337..345].copy_from_slice(b"0000000\0");
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut block[148..154], sum);
    block[154] = 0;
    block
}

/// Writes a number as octal digits with leading zeros.
fn octal(field: &mut [u8], mut number: u64) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (number & 7) as u8;
        number >>= 3;
    }
}

/// Takes a member's size out of a header that is not yet authenticated: eleven octal digits, at most `max_bytes`.
///
/// `None` where the digits are not octal; the caller computes the whole header from the size and compares it.
pub fn bounded_size(untrusted_header: &[u8; 512], max_bytes: u64) -> Option<Result<u64, u64>> {
    let mut size = 0_u64;
    for digit in &untrusted_header[124..135] {
        if !(b'0'..=b'7').contains(digit) {
            return None;
        }
        size = size << 3 | u64::from(digit - b'0');
    }
    Some(if size <= max_bytes { Ok(size) } else { Err(size) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tar_crate_reads_what_we_compute() {
        let block = header("objects/ab/cdef", 0o1234567);
        let parsed = tar::Header::from_byte_slice(&block);
        assert_eq!(parsed.path().unwrap().to_str(), Some("objects/ab/cdef"));
        assert_eq!(parsed.size().unwrap(), 0o1234567);
        assert_eq!(parsed.mode().unwrap(), 0o644);
        assert!(parsed.as_ustar().is_some());
        let mut again = parsed.clone();
        again.set_cksum();
        assert_eq!(again.cksum().unwrap(), parsed.cksum().unwrap());
    }

    #[test]
    fn sizes_are_bounded_before_anything_is_believed() {
        let block = header(MANIFEST, 1000);
        assert_eq!(bounded_size(&block, 1000), Some(Ok(1000)));
        assert_eq!(bounded_size(&block, 999), Some(Err(1000)));
        let mut base256 = block;
        base256[124] = 0x80;
        assert_eq!(bounded_size(&base256, u64::MAX), None);
    }

    #[test]
    fn padding_ends_on_a_block() {
        assert_eq!(
            [padding(0), padding(1), padding(511), padding(512), padding(513)],
            [0, 511, 1, 0, 511]
        );
        assert_eq!(member_bytes(513), 512 + 1024);
    }
}
