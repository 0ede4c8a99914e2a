//! Changes to input. Most formats wrap others: base64 and compression are taken off, changed within and put on again, and sums of
//! tar headers are made right, so that what lies behind is reached.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::der;
use crate::driver::Parts;

/// Numbers that are the same for the same target, seed and round (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(name: &str, seed: u64, round: u64) -> Self {
        let start = name
            .bytes()
            .fold(seed, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(start ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// Below a bound; 0 where that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if bound == 0 {
            0
        } else {
            (self.next() % bound as u64) as usize
        }
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Small lengths more often than large ones.
    fn length(&mut self, most: usize) -> usize {
        let bits = self.below(16);
        (1 + self.below(1 << bits)).min(most)
    }

    /// A range within so many bytes.
    fn range(&mut self, size: usize) -> std::ops::Range<usize> {
        let start = self.below(size);
        start..start + self.length(size - start)
    }
}

/// Inputs stay below this, so that rounds stay short.
const MAX_PART_BYTES: usize = 2 << 20;

/// Names, paths and words that parsers mind.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "", "..", "../../etc/passwd", "/", "\\", "\0", "\u{202e}", "\u{feff}", "con", ".", "-", "*", "%2e%2e%2f", "%", "null", "true",
    "\"", "'", "{}", "[]", "<!DOCTYPE a [<!ENTITY b \"b\">]>", "&b;", "--", "-----BEGIN ", "e308", "1e400", "NaN", "-0", "\r\n", "\n\n",
    "é", "e\u{301}", "ﬁ", "\u{1f600}", "__proto__", "sha256:", "sha512-", "#", ": ", "- ", "&a ", "*a", "!!str", "<<: ", "|", ">", "\t",
    "9999-12-31T23:59:60Z", "0000-00-00", "http://", "https://[::1]:99999/", "git+ssh://x", "file:///", "99999999999999999999",
];

const NUMBERS: &[u64] = &[
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// What deep nesting is made of.
const OPENERS: &[&str] = &["[", "{\"a\":", "(", "<a>", "- ", "[[a]]\n", "{a: ", "\u{30}\u{7f}", " "];

/// How deep: below it, parsers that recurse are still fine; above, input is larger than a mutation is worth.
const DEPTH: usize = 100_000;

/// Changes one to four things, and mends what would hide the changes.
pub(crate) fn mutate(random: &mut Random, parts: &mut Parts, seeds: &[Parts]) {
    for _ in 0..=random.below(4) {
        if random.one_in(24) {
            rearrange(random, parts, seeds);
        } else if !parts.is_empty() {
            let at = random.below(parts.len());
            let part = std::mem::take(&mut parts[at]);
            parts[at] = change(random, part, seeds, 0);
        }
    }
    if !random.one_in(8) {
        parts.iter_mut().for_each(|part| mend_tar(part));
    }
}

/// Parts in another order, one less, one twice, or one of another input.
fn rearrange(random: &mut Random, parts: &mut Parts, seeds: &[Parts]) {
    let (one, other) = (random.below(parts.len()), random.below(parts.len()));
    match random.below(4) {
        0 if !parts.is_empty() => parts.swap(one, other),
        1 if parts.len() > 1 => drop(parts.remove(one)),
        2 if !parts.is_empty() && parts.len() < 64 => parts.insert(other, parts[one].clone()),
        _ => {
            let strange = random.pick(seeds);
            if !strange.is_empty() && !parts.is_empty() {
                parts[one] = random.pick(strange).clone();
            }
        }
    }
}

/// One change to one part; `wrapped` counts the layers that were taken off.
fn change(random: &mut Random, mut part: Vec<u8>, seeds: &[Parts], wrapped: usize) -> Vec<u8> {
    if wrapped < 3
        && random.one_in(2)
        && let Some(changed) = within(random, &part, seeds, wrapped)
    {
        return changed;
    }
    let size = part.len();
    match random.below(14) {
        0 if size > 0 => part[random.below(size)] ^= 1 << random.below(8),
        1 if size > 0 => part[random.below(size)] = random.next() as u8,
        2 if size > 0 => number(random, &mut part),
        3 if size > 0 => drop(part.drain(random.range(size))),
        4 if size > 0 => {
            let range = random.range(size);
            let again = part[range.clone()].to_vec();
            part.splice(range.start..range.start, again);
        }
        5 => {
            let at = random.below(size + 1);
            let word = random.pick(WORDS).bytes();
            part.splice(at..at, word);
        }
        6 => {
            let source = random_seed(random, seeds);
            let strange = random.pick(source).clone();
            let range = random.range(strange.len());
            let at = random.below(size + 1);
            part.splice(at..at, strange.get(range).unwrap_or_default().to_vec());
        }
        7 => part.truncate(random.below(size + 1)),
        8 | 9 => digits(random, &mut part),
        10 => lines(random, &mut part),
        11 => quoted(random, &mut part),
        12 if random.one_in(4) => {
            let at = random.below(size + 1);
            let deep = random
                .pick(OPENERS)
                .repeat(random.length(DEPTH).max(random.below(DEPTH)));
            part.splice(at..at, deep.into_bytes());
        }
        13 if size > 0 && random.one_in(4) => {
            let range = random.range(size);
            let times = random.length(MAX_PART_BYTES / range.len().max(1));
            let many = part[range.clone()].repeat(times.min(20_000));
            part.splice(range.start..range.start, many);
        }
        _ => {
            if let Some(changed) = der::change(random, &part) {
                part = changed;
            }
        }
    }
    part.truncate(MAX_PART_BYTES);
    part
}

fn random_seed<'a>(random: &mut Random, seeds: &'a [Parts]) -> &'a [Vec<u8>] {
    let seed = random.pick(seeds);
    if seed.is_empty() { &EMPTY } else { seed }
}

static EMPTY: [Vec<u8>; 1] = [Vec::new()];

/// A number of one to eight bytes, of either order.
fn number(random: &mut Random, part: &mut [u8]) {
    let width = *random.pick(&[1, 2, 4, 8]);
    let value = if random.one_in(3) {
        random.below(1 << 20) as u64
    } else {
        *random.pick(NUMBERS)
    };
    let bytes = if random.one_in(2) {
        value.to_le_bytes()[..width].to_vec()
    } else {
        value.to_be_bytes()[8 - width..].to_vec()
    };
    let at = random.below(part.len());
    for (place, byte) in part[at..].iter_mut().zip(bytes) {
        *place = byte;
    }
}

/// A run of decimal digits becomes another number.
fn digits(random: &mut Random, part: &mut Vec<u8>) {
    let Some(range) = run(random, part, |byte| byte.is_ascii_digit(), 1) else {
        return;
    };
    let value = match random.below(4) {
        0 => random.pick(NUMBERS).to_string(),
        1 => format!("-{}", random.pick(NUMBERS)),
        2 => "9".repeat(random.length(5000)),
        _ => random.below(1 << 20).to_string(),
    };
    part.splice(range, value.into_bytes());
}

/// A line goes, comes twice, or stands elsewhere.
fn lines(random: &mut Random, part: &mut Vec<u8>) {
    let mut all: Vec<&[u8]> = part.split_inclusive(|byte| *byte == b'\n').collect();
    if all.len() < 2 {
        return;
    }
    let (one, other) = (random.below(all.len()), random.below(all.len()));
    match random.below(3) {
        0 => drop(all.remove(one)),
        1 => all.insert(other, all[one]),
        _ => all.swap(one, other),
    }
    *part = all.concat();
}

/// What stands between quotes becomes another word, or what stands elsewhere between quotes.
fn quoted(random: &mut Random, part: &mut Vec<u8>) {
    let quotes: Vec<usize> = (0..part.len()).filter(|at| part[*at] == b'"').collect();
    if quotes.len() < 2 {
        return;
    }
    let at = random.below(quotes.len() - 1);
    let word = if random.one_in(2) {
        let other = random.below(quotes.len() - 1);
        part[quotes[other] + 1..quotes[other + 1]].to_vec()
    } else {
        random.pick(WORDS).as_bytes().to_vec()
    };
    part.splice(quotes[at] + 1..quotes[at + 1], word);
}

/// A run of such bytes around a random place, if there is one of some length.
fn run(random: &mut Random, part: &[u8], fits: fn(u8) -> bool, least: usize) -> Option<std::ops::Range<usize>> {
    let from = random.below(part.len());
    let start = (from..part.len()).chain(0..from).find(|at| fits(part[*at]))?;
    let front = part[..start].iter().rev().take_while(|byte| fits(**byte)).count();
    let length = part[start..].iter().take_while(|byte| fits(**byte)).count();
    (front + length >= least).then_some(start - front..start + length)
}

/// Changes what is wrapped, and wraps it again; `None` where nothing is.
fn within(random: &mut Random, part: &[u8], seeds: &[Parts], wrapped: usize) -> Option<Vec<u8>> {
    if part.starts_with(&[0x1f, 0x8b]) {
        let mut inner = Vec::new();
        let decoder = flate2::read::MultiGzDecoder::new(part);
        decoder.take(MAX_PART_BYTES as u64).read_to_end(&mut inner).ok()?;
        let mut inner = change(random, inner, seeds, wrapped + 1);
        mend_tar(&mut inner);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&inner).ok()?;
        return encoder.finish().ok();
    }
    if part.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let mut inner = Vec::new();
        let decoder = zstd::stream::read::Decoder::new(part).ok()?;
        decoder.take(MAX_PART_BYTES as u64).read_to_end(&mut inner).ok()?;
        let inner = change(random, inner, seeds, wrapped + 1);
        return zstd::bulk::compress(&inner, 1).ok();
    }
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    let wrapped_lines = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\n".contains(&byte);
    let is_pem = random.one_in(3);
    let range = run(random, part, if is_pem { wrapped_lines } else { alphabet }, 16)?;
    let text: Vec<u8> = part[range.clone()]
        .iter()
        .copied()
        .filter(|byte| *byte != b'\n')
        .collect();
    let (inner, is_url) = match STANDARD.decode(&text) {
        Ok(inner) => (inner, false),
        Err(_) => (URL_SAFE_NO_PAD.decode(&text).ok()?, true),
    };
    let inner = change(random, inner, seeds, wrapped + 1);
    let encoded = if is_url {
        URL_SAFE_NO_PAD.encode(&inner)
    } else {
        STANDARD.encode(&inner)
    };
    let encoded = if is_pem {
        let lines: Vec<&[u8]> = encoded.as_bytes().chunks(64).collect();
        [b"\n", lines.join(&b'\n').as_slice(), b"\n"].concat()
    } else {
        encoded.into_bytes()
    };
    let mut changed = part.to_vec();
    changed.splice(range, encoded);
    Some(changed)
}

/// Makes the sums of all tar headers right (ustar Interchange Format): whoever makes a hostile archive does so, too.
fn mend_tar(part: &mut [u8]) {
    for header in part.chunks_exact_mut(512) {
        if header[257..262] != *b"ustar" {
            continue;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}
