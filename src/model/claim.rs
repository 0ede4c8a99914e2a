//! Digests that a lockfile or a registry states about an artifact, in whatever algorithm it uses.

use std::fmt;

use base64::Engine as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A digest algorithm that lockfiles use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-1: recorded where nothing better is stated, and never enough by itself.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// The lower-case name, as in Subresource Integrity and in hash options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The digest's length in bytes.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512]
            .into_iter()
            .find(|known| known.name() == name)
    }
}

/// A digest stated about an artifact by a lockfile or a registry document.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

/// A stated digest cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The algorithm is not one that sealift checks.
    #[error("digest algorithm of `{0}` is not known")]
    UnknownAlgorithm(String),
    /// The digits do not make a digest of that algorithm.
    #[error("`{0}` is not a digest of its algorithm")]
    Malformed(String),
}

impl Claim {
    /// Takes raw digest bytes.
    pub fn new(algorithm: Algorithm, bytes: Vec<u8>) -> Result<Self, ClaimError> {
        if bytes.len() != algorithm.length() {
            return Err(ClaimError::Malformed(hex::encode(bytes)));
        }
        Ok(Self { algorithm, bytes })
    }

    /// Reads `sha256:<hex>` or `sha512=<hex>`, as in Python's lockfiles.
    pub fn from_hex_option(text: &str) -> Result<Self, ClaimError> {
        let (name, digits) = text
            .split_once([':', '='])
            .ok_or_else(|| ClaimError::UnknownAlgorithm(shorten(text)))?;
        let algorithm = Algorithm::named(name).ok_or_else(|| ClaimError::UnknownAlgorithm(shorten(text)))?;
        Self::from_hex(algorithm, digits)
    }

    /// Reads hexadecimal digits of a known algorithm.
    pub fn from_hex(algorithm: Algorithm, digits: &str) -> Result<Self, ClaimError> {
        // In one piece: `hex::decode` lets its result grow.
        let mut bytes = vec![0; digits.len() / 2];
        let is_hex = hex::decode_to_slice(digits, &mut bytes).is_ok();
        let claim = is_hex.then(|| Self::new(algorithm, bytes).ok()).flatten();
        claim.ok_or_else(|| ClaimError::Malformed(shorten(digits)))
    }

    /// Reads Subresource Integrity (W3C SRI §3.5): the strongest of the space-separated hashes counts.
    pub fn from_integrity(text: &str) -> Result<Self, ClaimError> {
        text.split_ascii_whitespace()
            .filter_map(|item| {
                let (name, rest) = item.split_once('-')?;
                let encoded = rest.split('?').next().unwrap_or(rest);
                let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
                Self::new(Algorithm::named(name)?, bytes).ok()
            })
            .max_by_key(|claim| claim.algorithm)
            .ok_or_else(|| ClaimError::Malformed(shorten(text)))
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw digest.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest as Subresource Integrity, `sha512-<base64>`.
    pub fn integrity(&self) -> String {
        format!(
            "{}-{}",
            self.algorithm.name(),
            base64::engine::general_purpose::STANDARD.encode(&self.bytes)
        )
    }

    /// The hexadecimal digits.
    pub fn hex(&self) -> String {
        hex::encode(&self.bytes)
    }
}

/// Why found digests do not satisfy the stated ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsatisfied {
    /// Nothing is stated that is strong enough: no digest at all, or SHA-1 only.
    #[error("no digest stronger than SHA-1 is stated")]
    Unpinned,
    /// The digest is none of those stated in the strongest algorithm.
    #[error("expected {expected}, found {found}")]
    Differs {
        /// The stated digests of the strongest algorithm.
        expected: String,
        /// The found one.
        found: String,
    },
}

impl Claim {
    /// The strongest algorithm stated that is enough by itself: the one to compute.
    pub fn strongest(stated: &[Self]) -> Option<Algorithm> {
        stated
            .iter()
            .map(|claim| claim.algorithm)
            .max()
            .filter(|algorithm| *algorithm != Algorithm::Sha1)
    }

    /// Compares what was found with what was stated: the found digest of the strongest stated algorithm has to be one
    /// of those stated in it. Gives the one that fits.
    pub fn check(stated: &[Self], found: &[Self]) -> Result<Self, Unsatisfied> {
        let strongest = Self::strongest(stated).ok_or(Unsatisfied::Unpinned)?;
        let of_strongest = |claims: &[Self]| -> Vec<Self> {
            claims
                .iter()
                .filter(|claim| claim.algorithm == strongest)
                .cloned()
                .collect()
        };
        let (stated, found) = (of_strongest(stated), of_strongest(found));
        if let Some(fitting) = found.iter().find(|claim| stated.contains(claim)) {
            return Ok(fitting.clone());
        }
        let words = |claims: &[Self]| claims.iter().map(Self::to_string).collect::<Vec<_>>().join(" or ");
        Err(Unsatisfied::Differs {
            expected: words(&stated),
            found: words(&found),
        })
    }
}

impl Claim {
    /// Compares what was found with a registry's own checksums, where nobody else states a digest: of the strongest
    /// algorithm stated, which may be SHA-1, one has to fit. Gives the one that fits; where none is stated, the found
    /// SHA-256 digest.
    pub fn agree(stated: &[Self], found: &[Self]) -> Result<Self, Unsatisfied> {
        let algorithm = stated.iter().map(Self::algorithm).max();
        let of = |claims: &[Self], algorithm| {
            let fitting = claims.iter().filter(|claim| claim.algorithm == algorithm);
            fitting.map(Self::to_string).collect::<Vec<_>>().join(" or ")
        };
        let fitting = match algorithm {
            None => found.iter().find(|claim| claim.algorithm == Algorithm::Sha256),
            Some(algorithm) => found
                .iter()
                .find(|claim| claim.algorithm == algorithm && stated.contains(claim)),
        };
        fitting.cloned().ok_or_else(|| {
            let algorithm = algorithm.unwrap_or(Algorithm::Sha256);
            Unsatisfied::Differs {
                expected: of(stated, algorithm),
                found: of(found, algorithm),
            }
        })
    }
}

impl From<super::Digest> for Claim {
    fn from(digest: super::Digest) -> Self {
        Self {
            algorithm: Algorithm::Sha256,
            bytes: digest.as_bytes().to_vec(),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl Serialize for Claim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Claim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex_option(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Hashes bytes with several algorithms in one pass.
#[derive(Clone, Default)]
pub struct ClaimHasher {
    sha1: Option<sha1::Sha1>,
    sha256: Option<sha2::Sha256>,
    sha384: Option<sha2::Sha384>,
    sha512: Option<sha2::Sha512>,
}

impl ClaimHasher {
    /// Starts a hasher for each algorithm named.
    pub fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let mut this = Self::default();
        for algorithm in algorithms {
            match algorithm {
                Algorithm::Sha1 => this.sha1 = Some(sha1::Sha1::default()),
                Algorithm::Sha256 => this.sha256 = Some(sha2::Sha256::default()),
                Algorithm::Sha384 => this.sha384 = Some(sha2::Sha384::default()),
                Algorithm::Sha512 => this.sha512 = Some(sha2::Sha512::default()),
            }
        }
        this
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.sha1 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha256 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha384 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha512 {
            hasher.update(bytes);
        }
    }

    /// Every digest, in the algorithms' order.
    pub fn finish(self) -> Vec<Claim> {
        let claim = |algorithm, bytes: Option<Vec<u8>>| bytes.map(|bytes| Claim { algorithm, bytes });
        [
            claim(Algorithm::Sha1, self.sha1.map(|hasher| hasher.finalize().to_vec())),
            claim(Algorithm::Sha256, self.sha256.map(|hasher| hasher.finalize().to_vec())),
            claim(Algorithm::Sha384, self.sha384.map(|hasher| hasher.finalize().to_vec())),
            claim(Algorithm::Sha512, self.sha512.map(|hasher| hasher.finalize().to_vec())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Hashes bytes with SHA-256 and, at need, other algorithms in the same pass.
#[derive(Clone, Default)]
pub struct MultiHasher {
    sha256: sha2::Sha256,
    others: ClaimHasher,
}

impl MultiHasher {
    /// Starts hashers for SHA-256 and for each algorithm named.
    pub fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let others = algorithms
            .into_iter()
            .filter(|algorithm| *algorithm != Algorithm::Sha256);
        Self {
            sha256: sha2::Sha256::default(),
            others: ClaimHasher::new(others),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.others.update(bytes);
    }

    /// The SHA-256 digest, and every digest computed as a claim (SHA-256 included).
    pub fn finish(self) -> (super::Digest, Vec<Claim>) {
        let sha256: [u8; 32] = self.sha256.finalize().into();
        let mut claims = vec![Claim {
            algorithm: Algorithm::Sha256,
            bytes: sha256.to_vec(),
        }];
        claims.extend(self.others.finish());
        (super::Digest::from_bytes(sha256), claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_strongest_statement_counts() {
        let claims = |bytes: &[u8]| {
            let mut hasher = MultiHasher::new([Algorithm::Sha1, Algorithm::Sha512]);
            hasher.update(bytes);
            hasher.finish().1
        };
        let (good, evil) = (claims(b"good"), claims(b"evil"));
        assert_eq!(Claim::check(&good, &good).unwrap().algorithm(), Algorithm::Sha512);
        // One fitting weaker digest does not outweigh a strong one that differs.
        let mixed: Vec<Claim> = good
            .iter()
            .filter(|claim| claim.algorithm() != Algorithm::Sha512)
            .chain(evil.iter().filter(|claim| claim.algorithm() == Algorithm::Sha512))
            .cloned()
            .collect();
        assert!(matches!(Claim::check(&mixed, &good), Err(Unsatisfied::Differs { .. })));
        // A registry's own checksums are compared whatever their algorithm, and may be missing.
        assert_eq!(Claim::agree(&good, &good).unwrap().algorithm(), Algorithm::Sha512);
        assert_eq!(Claim::agree(&[], &good).unwrap().algorithm(), Algorithm::Sha256);
        let backwards: Vec<Claim> = good.iter().rev().cloned().collect();
        assert_eq!(Claim::agree(&[], &backwards).unwrap().algorithm(), Algorithm::Sha256);
        let weak = good[..].iter().filter(|claim| claim.algorithm() == Algorithm::Sha1);
        let weak: Vec<Claim> = weak.cloned().collect();
        assert_eq!(Claim::agree(&weak, &good).unwrap().algorithm(), Algorithm::Sha1);
        assert!(matches!(Claim::agree(&weak, &evil), Err(Unsatisfied::Differs { .. })));
        assert!(matches!(Claim::agree(&mixed, &good), Err(Unsatisfied::Differs { .. })));
        // One of several of the same strength is enough.
        let either = [good.clone(), evil].concat();
        assert!(Claim::check(&either, &good).is_ok());
        let sha1: Vec<Claim> = good
            .iter()
            .filter(|claim| claim.algorithm() == Algorithm::Sha1)
            .cloned()
            .collect();
        assert_eq!(Claim::check(&sha1, &good), Err(Unsatisfied::Unpinned));
        assert_eq!(Claim::check(&[], &good), Err(Unsatisfied::Unpinned));
        // An algorithm that was stated and not computed is no agreement.
        assert!(matches!(
            Claim::check(&good, &good[..1]),
            Err(Unsatisfied::Differs { .. })
        ));
    }

    /// FIPS 180-4's examples of "abc", and each algorithm once, however often it is asked for.
    #[test]
    fn digests_are_those_of_the_standard() {
        let all = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];
        let mut hasher = MultiHasher::new([all, all].concat());
        hasher.update(b"ab");
        hasher.update(b"c");
        let (digest, claims) = hasher.finish();
        assert_eq!(digest, crate::model::Digest::of(b"abc"));
        let found: Vec<String> = claims.iter().map(|claim| claim.to_string()[..20].to_owned()).collect();
        assert_eq!(
            found,
            [
                "sha256:ba7816bf8f01c",
                "sha1:a9993e364706816",
                "sha384:cb00753f45a35",
                "sha512:ddaf35a193617"
            ]
        );
    }

    #[test]
    fn the_strongest_integrity_counts() {
        let mut hasher = MultiHasher::new([Algorithm::Sha1, Algorithm::Sha512]);
        hasher.update(b"abc");
        let (_, claims) = hasher.finish();
        let line = claims.iter().map(Claim::integrity).collect::<Vec<_>>().join(" ");
        let read = Claim::from_integrity(&line).unwrap();
        assert_eq!(read.algorithm(), Algorithm::Sha512);
        assert!(claims.contains(&read));
        assert!(Claim::from_integrity("md5-AAAA").is_err());
        assert!(Claim::from_hex_option("sha256:00").is_err());
        assert!(Claim::from_hex_option("md5:900150983cd24fb0d6963f7d28e17f72").is_err());
    }

    #[test]
    fn digits_are_hexadecimal() {
        assert!(Claim::from_hex(Algorithm::Sha256, &"0a".repeat(32)).is_ok());
        for wrong in ["zz".repeat(32), "0a".repeat(31), "0a".repeat(33), "0".repeat(63)] {
            assert!(Claim::from_hex(Algorithm::Sha256, &wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_differs_is_told_in_the_algorithm_that_counts() {
        let claim = |algorithm: Algorithm, byte: u8, bytes: usize| Claim::new(algorithm, vec![byte; bytes]).unwrap();
        let stated = [claim(Algorithm::Sha1, 1, 20), claim(Algorithm::Sha512, 1, 64)];
        let found = [claim(Algorithm::Sha1, 1, 20), claim(Algorithm::Sha512, 2, 64)];
        assert_eq!(
            Claim::agree(&stated, &found),
            Err(Unsatisfied::Differs {
                expected: stated[1].to_string(),
                found: found[1].to_string(),
            })
        );
    }
}
