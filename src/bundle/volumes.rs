//! Which segments lie in which volume (`bundle-spec/volumes.md`).

use std::borrow::Borrow;

use super::catalog::Object;
use super::container::{END, member_bytes};
use super::limits::{DEFAULT_SEGMENT_BYTES, MIN_SEGMENT_BYTES};
use super::manifest::VolumeSummary;

/// Sizes of volumes that people ask for by name, in bytes. Each is what really fits: a disc's and a file system's own
/// structures are taken off.
pub const NAMED_SIZES: [(&str, u64); 6] = [
    // FAT32's largest file is 4 GiB - 1 (Microsoft FAT specification, 6.6).
    ("fat32", (4 << 30) - 1),
    // 4,700,372,992 bytes (ECMA-267: 2,295,104 sectors of 2048), less 16 MiB for UDF or ISO 9660.
    ("dvd", 4_700_372_992 - (16 << 20)),
    // 8,547,991,552 bytes in two layers, less 16 MiB.
    ("dvd-dl", 8_547_991_552 - (16 << 20)),
    // 25,025,314,816 bytes with spare areas off (BD-R white paper), less 3 % for them and UDF.
    ("bd25", 24_220_008_448),
    // 50,050,629,632 bytes, less 3 %.
    ("bd50", 48_440_016_896),
    // 100,103,356,416 bytes, less 3 %.
    ("bd100", 96_880_033_792),
];

/// The objects do not fit into volumes of the size asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a volume of {volume_bytes} bytes has no room: manifest, roots and catalog take {head_bytes} bytes, a segment up to {segment_bytes}"
)]
pub struct TooSmall {
    /// The size asked for.
    pub volume_bytes: u64,
    /// What every volume carries before its objects.
    pub head_bytes: u64,
    /// The largest segment.
    pub segment_bytes: u64,
}

/// The segment size for volumes of a size: the default, or less for small volumes, so that little is lost at each end.
pub fn segment_size_for(volume_bytes: Option<u64>) -> u64 {
    let Some(volume_bytes) = volume_bytes else {
        return DEFAULT_SEGMENT_BYTES;
    };
    let sixteenth = (volume_bytes / 16).max(1);
    let power = 1_u64 << (63 - sixteenth.leading_zeros());
    power.clamp(MIN_SEGMENT_BYTES, DEFAULT_SEGMENT_BYTES)
}

/// Fills volumes in the catalog's order. `head_bytes` is what each volume carries before its objects.
pub fn plan(
    objects: impl IntoIterator<Item = impl Borrow<Object>>,
    segment_size: u64,
    head_bytes: u64,
    volume_bytes: Option<u64>,
) -> Result<Vec<VolumeSummary>, TooSmall> {
    let room = volume_bytes.map_or(u64::MAX, |bytes| bytes.saturating_sub(head_bytes + END));
    let mut volumes = Vec::new();
    let mut current = VolumeSummary { bytes: 0, segments: 0 };
    for object in objects {
        let object = object.borrow();
        for index in 0..object.segment_count(segment_size) {
            let bytes = member_bytes(object.segment_bytes(segment_size, index));
            if bytes > room {
                return Err(TooSmall {
                    volume_bytes: volume_bytes.unwrap_or(0),
                    head_bytes,
                    segment_bytes: bytes,
                });
            }
            if current.bytes + bytes > room {
                volumes.push(std::mem::replace(&mut current, VolumeSummary { bytes: 0, segments: 0 }));
            }
            current.bytes += bytes;
            current.segments += 1;
        }
    }
    if current.segments > 0 {
        volumes.push(current);
    }
    Ok(volumes)
}

/// Reads a size such as `4GiB`, `700MB`, `650000000` or one of the names; in bytes.
pub fn parse_size(text: &str) -> Option<u64> {
    if let Some((_, bytes)) = NAMED_SIZES.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)) {
        return Some(*bytes);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(unit).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::catalog::Encoding;
    use crate::model::Digest;

    fn object(size: u64) -> Object {
        Object {
            digest: Digest::of(&size.to_be_bytes()),
            encoding: Encoding::Identity,
            segments: Vec::new(),
            size,
            stored_size: None,
        }
    }

    #[test]
    fn volumes_truly_fit_and_large_objects_cross_them() {
        let objects = [object(100), object(1 << 20), object(300_000), object(0)];
        let volumes = plan(&objects, 65_536, 10_000, Some(400_000)).unwrap();
        assert!(volumes.len() > 3);
        for volume in &volumes {
            assert!(10_000 + volume.bytes + END <= 400_000);
        }
        let segments: u64 = volumes.iter().map(|volume| volume.segments).sum();
        assert_eq!(segments, 1 + 16 + 5 + 1);
        assert_eq!(plan(&objects, 65_536, 10_000, None).unwrap().len(), 1);
        assert!(plan(&objects, 65_536, 10_000, Some(70_000)).is_err());
    }

    #[test]
    fn sizes_in_words() {
        assert_eq!(parse_size("4GiB"), Some(4 << 30));
        assert_eq!(parse_size("700MB"), Some(700_000_000));
        assert_eq!(parse_size("DVD"), Some(4_700_372_992 - (16 << 20)));
        assert_eq!(parse_size("12"), Some(12));
        for wrong in ["", "0", "GiB", "-1", "4 XB", "99999999999999999999", "99999999999TiB"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
        assert_eq!(segment_size_for(Some(parse_size("dvd").unwrap())), 64 << 20);
        assert_eq!(segment_size_for(Some(10 << 20)), 512 << 10);
        assert_eq!(segment_size_for(Some(1)), MIN_SEGMENT_BYTES);
    }
}
