//! Signatures whose numbers were written with leading zeros: old writers in Go did so for one signature in two hundred, and
//! everybody but the library reads them.
//!
//! The number stays the same, and so does everything that is signed; only its length is written as RFC 9580 §3.2 has it.

/// The packet with its numbers written as they should be; `None` if it is not version 4, not by RSA, ECDSA or EdDSA, or has nothing to
/// repair.
pub(super) fn repaired(body: &[u8]) -> Option<Vec<u8>> {
    // RFC 9580 §5.2.3: version, type, algorithm, hash, two areas with their lengths, two bytes of the hash, numbers.
    let [4, _, algorithm, ..] = body else { return None };
    let numbers = match algorithm {
        1 | 3 => 1,
        19 | 22 => 2,
        _ => return None,
    };
    let hashed_at = 4;
    let unhashed_at = hashed_at + 2 + length(body, hashed_at)?;
    let numbers_at = unhashed_at + 2 + length(body, unhashed_at)? + 2;
    let mut packet = body.get(..numbers_at)?.to_vec();
    let mut at = numbers_at;
    for _ in 0..numbers {
        let bytes = length(body, at)?.div_ceil(8);
        let value = body.get(at + 2..at + 2 + bytes)?;
        at += 2 + bytes;
        let zeros = value.iter().take_while(|byte| **byte == 0).count();
        let value = &value[zeros..];
        let bits = value.len() * 8 - value.first().map_or(0, |byte| byte.leading_zeros() as usize);
        packet.extend(u16::try_from(bits).ok()?.to_be_bytes());
        packet.extend_from_slice(value);
    }
    if at != body.len() || packet == body {
        return None;
    }
    // RFC 9580 §4.2.1: a header of the current format with a length of five octets.
    let mut whole = vec![0xc2, 0xff];
    whole.extend(u32::try_from(packet.len()).ok()?.to_be_bytes());
    whole.extend(packet);
    Some(whole)
}

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(algorithm: u8, numbers: &[u8]) -> Vec<u8> {
        [&[4, 0, algorithm, 8, 0, 1, 9, 0, 0, 0xaa, 0xbb][..], numbers].concat()
    }

    #[test]
    fn only_leading_zeros_are_taken_away() {
        let packet = |numbers: &[u8]| {
            let body = body(1, numbers);
            [&[0xc2, 0xff, 0, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat()
        };
        // 16 bits that say 15, and 16 that say 7.
        assert_eq!(repaired(&body(1, &[0, 16, 0x7f, 1])), Some(packet(&[0, 15, 0x7f, 1])));
        assert_eq!(repaired(&body(1, &[0, 16, 0, 0x7f])), Some(packet(&[0, 7, 0x7f])));
        // Nothing to repair, or nothing that is understood.
        assert_eq!(repaired(&body(1, &[0, 16, 0xff, 1])), None);
        assert_eq!(repaired(&body(17, &[0, 16, 0x7f, 1])), None);
        assert_eq!(repaired(&body(22, &[0, 16, 0x7f, 1])), None);
        let whole = body(1, &[0, 16, 0x7f, 1]);
        for length in 0..whole.len() {
            assert_eq!(repaired(&whole[..length]), None);
        }
        assert_eq!(repaired(&[&whole[..], &[0]].concat()), None);
    }
}
