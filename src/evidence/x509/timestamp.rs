//! Timestamp tokens (RFC 3161): a pinned authority proves that a signature existed at a time.

use der::asn1::{Int, OctetString};
use der::{Any, Decode, Reader, Sequence, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::ext::Extensions;
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::chain::find_anchor;
use super::oid::{EKU_TIME_STAMPING, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2, TST_INFO};
use super::{Certificate, Content, Hash, Moment, Pins, Purpose, Refusal, SignedMessage, Verified};
use crate::model::{Artifact, Doubt, Fault, Outcome, SignedAt, Signer, TimeSource, Timestamp};

/// Tokens on one signature: real ones have one, rarely two.
const MAX_TOKENS: usize = 4;

/// How far an authority's clock may be ahead of the one here, in seconds.
const MAX_AHEAD_SECONDS: i64 = 300;

/// RFC 3161 §2.3.
const PURPOSE: Purpose = Purpose {
    name: "timestamps",
    any_of: &[EKU_TIME_STAMPING],
    none_of: &[],
    may_be_unstated: false,
};

/// What a signature's timestamps came to.
#[derive(Debug)]
pub(crate) enum Stamp {
    /// There are none.
    Missing,
    /// There are some, and they prove nothing to this site.
    Unproven {
        /// Why, for a finding's notes.
        note: String,
    },
    /// A pinned authority says when.
    Proven {
        /// Between which times.
        moment: Moment,
        /// The time, for the finding.
        signed_at: SignedAt,
        /// The authority's anchor.
        anchor: String,
        /// The authority's certificate.
        signer: Signer,
    },
}

/// Judges the tokens (as DER) over some bytes, mostly a signature's value.
///
/// A token that is wrong is an error, even beside another that is right. One from an authority that is not pinned, or made
/// with a hash that no longer proves anything, only proves nothing.
pub(crate) fn prove_time(
    kind: &str,
    tokens: &[Vec<u8>],
    stamped: &[u8],
    authorities: &Pins<'_>,
    artifact: &Artifact,
    now: Timestamp,
) -> Result<Stamp, Refusal> {
    if tokens.len() > MAX_TOKENS {
        return Err(Refusal::unsure(
            Doubt::TooLarge,
            format!(
                "it has {} timestamps, and at most {MAX_TOKENS} are judged",
                tokens.len()
            ),
        ));
    }
    let mut best = Stamp::Missing;
    for token in tokens {
        match judge_token(kind, token, stamped, authorities, artifact, now) {
            Ok(proven) => best = proven,
            Err(refusal) => match refusal.outcome() {
                Outcome::Contradicted(fault) if fault != Fault::Weak => {
                    return Err(refusal.of("its timestamp").with_fault(Fault::TimeWrong));
                }
                _ if matches!(best, Stamp::Proven { .. }) => {}
                _ => {
                    best = Stamp::Unproven {
                        note: refusal.of("its timestamp proves nothing here").to_string(),
                    };
                }
            },
        }
    }
    Ok(best)
}

fn judge_token(
    kind: &str,
    token: &[u8],
    stamped: &[u8],
    authorities: &Pins<'_>,
    artifact: &Artifact,
    now: Timestamp,
) -> Result<Stamp, Refusal> {
    let message = SignedMessage::parse(token)?;
    // RFC 3161 §2.4.2: one signer, over a TSTInfo.
    if message.content_type() != TST_INFO || message.content_tag() != Some(Tag::OctetString) {
        return Err(Refusal::malformed("it is a signed message about something else"));
    }
    let content = message.content().unwrap_or_default();
    let mut signers = message.signers();
    let (Some(info), None) = (signers.next(), signers.next()) else {
        return Err(Refusal::malformed("it has not one signer"));
    };
    let digest = |hash: Hash| Ok(hash.of(content));
    let pinned: Vec<Certificate> = authorities.certificates().cloned().collect();
    let verified = message.verify(
        info,
        &Content::new(Some(TST_INFO), content.first().copied(), &digest),
        &pinned,
    )?;
    check_authority(&verified)?;

    let info = Info::parse(content)?;
    let hash = Hash::from_oid(&info.imprint.algorithm.oid)?;
    if hash.of(stamped).as_ref() != info.imprint.digest.as_bytes() {
        return Err(Refusal::wrong(Fault::TimeWrong, "it is about another signature"));
    }
    let moment = Moment {
        earliest: info.time.plus_seconds(-info.accuracy),
        latest: info.time.plus_seconds(info.accuracy),
        is_proven: true,
    };
    if moment.earliest > now.plus_seconds(MAX_AHEAD_SECONDS) {
        return Err(Refusal::wrong(
            Fault::TimeWrong,
            format!("it says {}, and now is {now}", info.time),
        ));
    }
    let (anchor, chain) = find_anchor(
        kind,
        verified.certificate,
        message.certificates(),
        &PURPOSE,
        &moment,
        authorities,
        artifact,
    )?;
    Ok(Stamp::Proven {
        moment,
        signed_at: SignedAt {
            time: info.time,
            source: TimeSource::TimestampAuthority,
        },
        anchor: anchor.name.clone(),
        signer: verified.certificate.signer_under(chain),
    })
}

/// RFC 3161 §2.3 and §2.4.2: the certificate is for timestamps and nothing else, says so critically, and the signed attributes
/// name it.
fn check_authority(verified: &Verified<'_>) -> Result<(), Refusal> {
    match verified.certificate.purposes()? {
        Some((true, purposes)) if purposes == [EKU_TIME_STAMPING] => {}
        _ => {
            return Err(Refusal::wrong(
                Fault::TimeWrong,
                "it is signed with a certificate that is not for timestamps alone",
            ));
        }
    }
    let names = verified
        .info
        .signed_attrs
        .iter()
        .flat_map(|attributes| attributes.iter());
    if !names
        .into_iter()
        .any(|attribute| matches!(attribute.oid, SIGNING_CERTIFICATE | SIGNING_CERTIFICATE_V2))
    {
        return Err(Refusal::malformed("it does not name the certificate that signed it"));
    }
    Ok(())
}

#[derive(Sequence)]
struct Imprint {
    algorithm: AlgorithmIdentifierOwned,
    digest: OctetString,
}

/// RFC 3161 §2.4.2.
struct Info {
    imprint: Imprint,
    time: Timestamp,
    /// In seconds, rounded up.
    accuracy: i64,
}

impl Info {
    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let broken = |_| Refusal::malformed("it is not of RFC 3161");
        let mut reader = SliceReader::new(bytes).map_err(broken)?;
        let parts: Vec<Any> = reader
            .sequence(|inner| {
                let mut parts = Vec::new();
                while !inner.is_finished() {
                    parts.push(Any::decode(inner)?);
                }
                Ok(parts)
            })
            .map_err(broken)?;
        reader.finish(()).map_err(broken)?;
        let mut parts = parts.iter();
        let mut next = || parts.next().ok_or_else(|| Refusal::malformed("it is not of RFC 3161"));
        if next()?.decode_as::<u8>().map_err(broken)? != 1 {
            return Err(Refusal::unsure(Doubt::UnknownFormat, "it is of another version than 1"));
        }
        // The policy, of which nothing is asked; the library's identifiers have three arcs at least, and this one may have two.
        if next()?.tag() != Tag::ObjectIdentifier {
            return Err(Refusal::malformed("it is not of RFC 3161"));
        }
        let imprint: Imprint = next()?.decode_as().map_err(broken)?;
        next()?.decode_as::<Int>().map_err(broken)?;
        let time = next()?;
        let time = (time.tag() == Tag::GeneralizedTime)
            .then(|| parse_time(time.value()))
            .flatten()
            .ok_or_else(|| Refusal::malformed("its time is not of RFC 3161"))?;
        let mut accuracy = 0;
        for part in parts {
            match part.tag() {
                Tag::Sequence => accuracy = parse_accuracy(part).map_err(broken)?,
                Tag::ContextSpecific {
                    number: TagNumber::N1, ..
                } => check_extensions(part)?,
                // Whether times are ordered, a nonce, and the authority's name, which its certificate states too.
                Tag::Boolean
                | Tag::Integer
                | Tag::ContextSpecific {
                    number: TagNumber::N0, ..
                } => {}
                _ => return Err(Refusal::malformed("it is not of RFC 3161")),
            }
        }
        Ok(Self {
            imprint,
            time,
            accuracy,
        })
    }
}

/// Seconds, thousandths and millionths, each of which may be missing.
fn parse_accuracy(part: &Any) -> der::Result<i64> {
    part.sequence(|inner| {
        let mut seconds = 0;
        while !inner.is_finished() {
            let part = Any::decode(inner)?;
            seconds += match part.tag() {
                Tag::Integer => i64::from(part.decode_as::<u32>()?),
                _ => 1,
            };
        }
        Ok(seconds)
    })
}

/// An extension that is critical must be understood, and none is.
fn check_extensions(part: &Any) -> Result<(), Refusal> {
    let broken = |_| Refusal::malformed("its extensions are not of RFC 3161");
    let mut reader = SliceReader::new(part.value()).map_err(broken)?;
    let mut extensions = Extensions::new();
    while !reader.is_finished() {
        extensions.push(reader.decode().map_err(broken)?);
    }
    if extensions.iter().any(|extension| extension.critical) {
        return Err(Refusal::unsure(
            Doubt::UnknownFormat,
            "it has a critical extension that is not known here",
        ));
    }
    Ok(())
}

/// `YYYYMMDDhhmmss[.f…]Z` (RFC 3161 §2.4.2); the fraction is cut.
fn parse_time(bytes: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !is_digits(whole) || fraction.is_some_and(|fraction| !is_digits(fraction)) {
        return None;
    }
    let (date, clock) = whole.split_at(8);
    format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &clock[..2],
        &clock[2..4],
        &clock[4..]
    )
    .parse()
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_fractions() {
        let at = |text: &str| parse_time(text.as_bytes()).map(|time| time.to_string());
        assert_eq!(at("20180222101500Z").unwrap(), "2018-02-22T10:15:00Z");
        assert_eq!(at("20180222101500.123Z").unwrap(), "2018-02-22T10:15:00Z");
        for wrong in [
            "20180222101500",
            "20180222101500.Z",
            "20181322101500Z",
            "2018022210150Z",
            "20180222101500+0100",
            "２0180222101500Z",
            "2018Z",
            "201é022210150Z",
            "",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_time_is_a_generalized_time() {
        let info = |tag: u8| {
            let parts = [
                // Its version and its policy.
                &[2, 1, 1, 6, 3, 0x2a, 3, 4][..],
                // What is stamped: no bytes by SHA-256, or so it says.
                &[0x30, 15, 0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 4, 0],
                &[2, 1, 5, tag, 15],
                b"20250601000000Z",
            ]
            .concat();
            Info::parse(&[&[0x30, parts.len() as u8], &parts[..]].concat()).map(|info| info.time.to_string())
        };
        assert_eq!(info(0x18).unwrap(), "2025-06-01T00:00:00Z");
        // UTCTime has two digits of a year, and text is no time.
        for tag in [0x17, 0x0c] {
            assert_eq!(
                info(tag).unwrap_err().outcome(),
                Outcome::Contradicted(Fault::Malformed)
            );
        }
    }
}
