//! The object identifiers that more than one file needs, each with its place.

use der::asn1::ObjectIdentifier;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// RFC 5652 §4.
pub(crate) const ID_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
/// RFC 5652 §5.1.
pub(crate) const ID_SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
/// RFC 5652 §11.1.
pub(crate) const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
/// RFC 5652 §11.2.
pub(crate) const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
/// RFC 5652 §11.3.
pub(crate) const SIGNING_TIME: ObjectIdentifier = oid("1.2.840.113549.1.9.5");
/// RFC 5652 §11.4.
pub(crate) const COUNTERSIGNATURE: ObjectIdentifier = oid("1.2.840.113549.1.9.6");
/// RFC 2634 §5.4.
pub(crate) const SIGNING_CERTIFICATE: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.12");
/// RFC 5035 §3.
pub(crate) const SIGNING_CERTIFICATE_V2: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.47");
/// RFC 3161 appendix A.
pub(crate) const TIMESTAMP_TOKEN: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.14");
/// Authenticode's attribute for an RFC 3161 token.
pub(crate) const MICROSOFT_TIMESTAMP: ObjectIdentifier = oid("1.3.6.1.4.1.311.3.3.1");
/// RFC 3161 §2.4.2.
pub(crate) const TST_INFO: ObjectIdentifier = oid("1.2.840.113549.1.9.16.1.4");

/// RFC 5280 §4.2.1.12.
pub(crate) const EKU_ANY: ObjectIdentifier = oid("2.5.29.37.0");
/// RFC 5280 §4.2.1.12.
pub(crate) const EKU_SERVER_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.1");
/// RFC 5280 §4.2.1.12.
pub(crate) const EKU_CODE_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.3");
/// RFC 5280 §4.2.1.12.
pub(crate) const EKU_EMAIL: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.4");
/// RFC 3161 §2.3.
pub(crate) const EKU_TIME_STAMPING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.8");
/// RFC 5280 §4.2.1.12.
pub(crate) const EKU_OCSP: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.9");
/// Microsoft's lifetime signing, which NuGet forbids.
pub(crate) const EKU_LIFETIME_SIGNING: ObjectIdentifier = oid("1.3.6.1.4.1.311.10.3.13");

pub(crate) const SHA_256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
pub(crate) const SHA_384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
pub(crate) const SHA_512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
pub(crate) const SHA_1: ObjectIdentifier = oid("1.3.14.3.2.26");

/// RFC 8017 appendix A.1; also names the scheme PKCS#1 v1.5 in CMS (RFC 3370 §3.2).
pub(crate) const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
/// RFC 4055 §3.1.
pub(crate) const RSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
/// RFC 4055 §2.2.
pub(crate) const MGF_1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");
/// RFC 5480 §2.1.1.
pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier = oid("1.2.840.10045.2.1");
/// RFC 8410 §3.
pub(crate) const ED25519: ObjectIdentifier = oid("1.3.101.112");

pub(crate) const P_256: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
pub(crate) const P_384: ObjectIdentifier = oid("1.3.132.0.34");
pub(crate) const P_521: ObjectIdentifier = oid("1.3.132.0.35");

/// Signature algorithms that state their hash (RFC 4055 §5, RFC 5758 §3.2).
pub(crate) const WITH_HASH: &[(ObjectIdentifier, bool, ObjectIdentifier)] = &[
    (oid("1.2.840.113549.1.1.11"), true, SHA_256),
    (oid("1.2.840.113549.1.1.12"), true, SHA_384),
    (oid("1.2.840.113549.1.1.13"), true, SHA_512),
    (oid("1.2.840.10045.4.3.2"), false, SHA_256),
    (oid("1.2.840.10045.4.3.3"), false, SHA_384),
    (oid("1.2.840.10045.4.3.4"), false, SHA_512),
];

/// Hashes and signature algorithms that no longer prove anything, with their names: MD2, MD4, MD5, SHA-1, DSA.
pub(crate) const WEAK: &[(ObjectIdentifier, &str)] = &[
    (oid("1.2.840.113549.2.2"), "MD2"),
    (oid("1.2.840.113549.2.4"), "MD4"),
    (oid("1.2.840.113549.2.5"), "MD5"),
    (SHA_1, "SHA-1"),
    (oid("1.2.840.113549.1.1.2"), "RSA with MD2"),
    (oid("1.2.840.113549.1.1.4"), "RSA with MD5"),
    (oid("1.2.840.113549.1.1.5"), "RSA with SHA-1"),
    (oid("1.3.14.3.2.29"), "RSA with SHA-1"),
    (oid("1.2.840.10045.4.1"), "ECDSA with SHA-1"),
    (oid("1.2.840.10040.4.1"), "DSA"),
    (oid("1.2.840.10040.4.3"), "DSA with SHA-1"),
    (oid("2.16.840.1.101.3.4.3.1"), "DSA with SHA-224"),
    (oid("2.16.840.1.101.3.4.3.2"), "DSA with SHA-256"),
];
