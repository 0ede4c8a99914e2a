//! What a file that somebody wants to pin most likely is: only for hints to people, and for refusing what nobody should hand over.

/// What a file looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// A material, by the name of its type ([`crate::model::Material::type_name`]).
    Material(&'static str),
    /// A key that nobody but its owner should have.
    Secret,
    /// An SSH public key that says nothing of who may sign with it.
    BareSshKey,
    /// Several Sigstore trusted roots, one a line.
    SeveralRoots,
}

/// The marks of secrets in the formats of the materials, none of which stands in a public one.
const SECRETS: &[&str] = &[
    "PRIVATE KEY-----",
    "PRIVATE KEY BLOCK-----",
    "PRIVATE+KEY+",
    "minisign encrypted secret key",
    "minisign secret key",
    "signify secret key",
    "AGE-SECRET-KEY-",
];

/// A first octet that begins an OpenPGP public-key packet (RFC 9580 §4.2, §5.5.1.1), old and new form.
const PUBLIC_KEY_PACKETS: &[u8] = &[0x98, 0x99, 0x9a, 0xc6];

/// Guesses by the marks that each format puts at its beginning; `None` where nothing fits.
pub fn guess(bytes: &[u8]) -> Option<Guess> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return by_octets(bytes);
    };
    if SECRETS.iter().any(|mark| text.contains(mark)) {
        return Some(Guess::Secret);
    }
    let text = text.trim_start_matches('\u{feff}').trim();
    // Documents in JSON hold keys in PEM.
    if text.starts_with('{') {
        return by_json(text);
    }
    if text.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        return Some(Guess::Material("openpgp"));
    }
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return Some(Guess::Material("certificates"));
    }
    if text.contains("-----BEGIN PUBLIC KEY-----") {
        return Some(Guess::Material("public-key"));
    }
    let first = text.lines().find(|line| !line.starts_with('#'))?;
    if let Some(comment) = first.strip_prefix("untrusted comment:") {
        let is_minisign = comment.contains("minisign");
        return Some(Guess::Material(if is_minisign {
            "minisign-key"
        } else {
            "signify-key"
        }));
    }
    let words: Vec<&str> = first.split_whitespace().take(8).collect();
    let is_ssh = |word: &&str| {
        ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"]
            .iter()
            .any(|mark| word.starts_with(mark))
    };
    match words.iter().position(is_ssh) {
        Some(0) => return Some(Guess::BareSshKey),
        Some(_) => return Some(Guess::Material("allowed-signers")),
        None => {}
    }
    let hash = first.split('+').nth(1)?;
    let is_hash = hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then_some(Guess::Material("note-key"))
}

fn by_octets(bytes: &[u8]) -> Option<Guess> {
    match bytes {
        // Tags 5 and 7: secret keys and subkeys.
        [0x94 | 0x95 | 0x97 | 0x9c | 0x9d | 0xc5 | 0xc7, ..] => Some(Guess::Secret),
        [first, ..] if PUBLIC_KEY_PACKETS.contains(first) => Some(Guess::Material("openpgp")),
        // A SEQUENCE of more than 127 octets: DER of a certificate.
        [0x30, 0x82, ..] => Some(Guess::Material("certificates")),
        _ => None,
    }
}

fn by_json(text: &str) -> Option<Guess> {
    let roots = "application/vnd.dev.sigstore.trustedroot";
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        let several = text.lines().filter(|line| line.contains(roots)).count() > 1;
        return several.then_some(Guess::SeveralRoots);
    };
    if value["mediaType"]
        .as_str()
        .is_some_and(|media| media.starts_with(roots))
    {
        return Some(Guess::Material("sigstore-root"));
    }
    if value["signed"]["_type"] == "root" {
        return Some(Guess::Material("tuf-root"));
    }
    value["keys"].is_array().then_some(Guess::Material("npm-keys"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_told_by_its_marks() {
        let material = |name| Some(Guess::Material(name));
        for (bytes, expected) in [
            (&b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"[..], material("openpgp")),
            (b"\x99\x02\x0d\x04", material("openpgp")),
            (b"\x95\x02\x0d\x04", Some(Guess::Secret)),
            (b"Comment\n-----BEGIN CERTIFICATE-----\n", material("certificates")),
            (b"\x30\x82\x05\x0d", material("certificates")),
            (b"-----BEGIN PUBLIC KEY-----\n", material("public-key")),
            (b"-----BEGIN PRIVATE KEY-----\n", Some(Guess::Secret)),
            (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", Some(Guess::Secret)),
            (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", Some(Guess::Secret)),
            (b"untrusted comment: minisign public key 1\nRW", material("minisign-key")),
            (b"untrusted comment: minisign encrypted secret key\nRW", Some(Guess::Secret)),
            (b"untrusted comment: bsd public key\nRW", material("signify-key")),
            (b"untrusted comment: signify secret key\nRW", Some(Guess::Secret)),
            (b"ssh-ed25519 AAAA ann@example.com", Some(Guess::BareSshKey)),
            (b"# list\nann@example.com ssh-ed25519 AAAA", material("allowed-signers")),
            (b"ann@example.com namespaces=\"file\" ssh-ed25519 AAAA", material("allowed-signers")),
            (b"sum.example.com+033de0ae+Ac4z", material("note-key")),
            (b"PRIVATE+KEY+sum.example.com+033de0ae+Ac4z", Some(Guess::Secret)),
            (
                br#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#,
                material("sigstore-root"),
            ),
            (
                b"{\"mediaType\":\"application/vnd.dev.sigstore.trustedroot+json\"}\n{\"mediaType\":\"application/vnd.dev.sigstore.trustedroot+json\"}",
                Some(Guess::SeveralRoots),
            ),
            (
                br#"{"signed":{"_type":"root","keys":{"a":"-----BEGIN PUBLIC KEY-----"}}}"#,
                material("tuf-root"),
            ),
            (br#"{"keys":[]}"#, material("npm-keys")),
            (br#"{"a":1}"#, None),
            (b"{\n{\n", None),
            (b"{\"mediaType\":\"application/vnd.dev.sigstore.trustedroot+json\"\n{\n", None),
            (b"sum.example.com+033de0aef+Ac4z", None),
            (b"sum.example.com+033de0ag+Ac4z", None),
            (b"", None),
            (b"hello", None),
            (b"\xff\xff", None),
        ] {
            assert_eq!(guess(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
