//! What the kinds that rest on X.509 share: signed messages of CMS (RFC 5652), certificate chains at a given time (RFC 5280) and
//! timestamp tokens (RFC 3161). One kind lives here, a detached CMS signature over the artifact ([`CMS`]).
//!
//! Threats, and what meets each:
//! - structures that cost more to read than to send (sets that are sorted, nesting): their shape is walked and bounded before a
//!   library reads them (`asn1.rs`);
//! - signed attributes passed off as a message: a signature without attributes never covers what could be attributes (`cms.rs`);
//! - another signer's certificate put in the signer's place: the attribute that names the certificate is compared (`cms.rs`);
//! - a certificate for another purpose, a CA's key used beyond its constraints, weak links in a chain: `chain.rs`;
//! - a signature made after the certificate's end and dated back: only a pinned timestamp authority proves a time (`timestamp.rs`);
//! - a timestamp authority's root used to vouch for code: it is pinned as another type of anchor (`anchor.rs`).
//!
//! Left to others: revocation, which is a matter of the site's trust data, since no list can be asked offline.

mod algorithm;
mod anchor;
mod asn1;
mod certificate;
mod chain;
mod cms;
mod detached;
mod judge;
mod oid;
mod refusal;
mod timestamp;

pub use anchor::{DescribeError, Described, describe};
pub use detached::{CMS, Cms};

pub(crate) use algorithm::{Hash, Hashes, Message, Scheme, rsa_bits, verify_signature};
pub(crate) use anchor::{Pins, read_pem};
pub(crate) use asn1::check_shape;
pub(crate) use certificate::Certificate;
pub(crate) use chain::{Moment, Purpose, check_key_strength, is_issued_by, may_sign_certificates};
pub(crate) use cms::{Content, SignedMessage, Verified, attribute, attributes, verify as verify_signer};
pub(crate) use judge::{Case, conclude, conclude_for};
pub(crate) use oid::*;
pub(crate) use refusal::Refusal;
pub(crate) use timestamp::{Stamp, prove_time};
