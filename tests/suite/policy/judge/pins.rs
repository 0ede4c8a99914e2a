//! Each kind of evidence that names a signer is one that a publisher's rule can name.

use std::collections::BTreeSet;

use sealift::evidence;

use super::*;

/// The lists of a publisher's rule by which the kind's signers are named.
const KINDS: [(&str, &[&str]); 32] = [
    ("apk-signature", &["keys"]),
    ("apt-release", &["pgp"]),
    ("authenticode", &["keys"]),
    ("cms", &["keys"]),
    ("conda-attestations", &["identity", "keys"]),
    ("cosign", &["identity", "keys"]),
    ("cpan-checksums", &["pgp"]),
    ("dsse", &["keys"]),
    ("gem-signature", &["keys"]),
    ("helm-provenance", &["pgp"]),
    ("in-toto", &["keys"]),
    ("jar-signature", &["keys"]),
    ("minisign", &["keys"]),
    ("model-signing", &["identity", "keys"]),
    ("notation", &["keys"]),
    ("npm-attestations", &["identity", "keys"]),
    ("npm-signature", &["keys"]),
    ("nuget-signature", &["keys"]),
    // Whatever an image is signed with.
    ("oci-content", &["identity", "keys", "pgp"]),
    ("openpgp", &["pgp"]),
    ("pypi-attestations", &["identity", "keys"]),
    ("raw-signature", &["keys"]),
    ("repomd", &["pgp"]),
    ("rpm-signature", &["pgp"]),
    ("rubygems-attestations", &["identity", "keys"]),
    ("signed-checksums", &["pgp", "keys"]),
    ("signify", &["keys"]),
    ("sigstore", &["identity", "keys"]),
    ("simple-signing", &["pgp"]),
    ("sshsig", &["keys"]),
    ("sumdb", &["keys"]),
    ("tuf", &["keys"]),
];

#[test]
fn every_kind_has_a_list_that_names_its_signers() {
    let known: BTreeSet<&str> = evidence::ALL.iter().map(|kind| kind.id()).collect();
    let listed: BTreeSet<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(listed, known);
    let fingerprint = "0123456789ABCDEF0123456789ABCDEF01234567";
    for (kind, lists) in KINDS {
        let pgp = format!("pgp: [\"{fingerprint}\"]");
        for (list, pin, signer) in [
            ("pgp", pgp.as_str(), key(fingerprint)),
            ("keys", "keys: [\"sha256:ab01\"]", key("sha256:ab01")),
            ("keys", "keys: [\"AB:01\"]", key("sha256:ab01")),
            (
                "identity",
                "identity: {issuer: forge, owner_id: \"7\"}",
                identity("acme/tool", "7"),
            ),
        ] {
            let lines = format!("publishers: [{{match: npm/left-pad, until: \"2027-01-01\", {pin}}}]\n");
            let findings = [confirmed(kind, Level::Provenance).by(signer)];
            // Forty digits of a kind that is not signed with OpenPGP are something else; keys and identities are what they say.
            let expected = if list != "pgp" || lists.contains(&list) {
                ALLOWED
            } else {
                denied("identity-mismatch")
            };
            assert_eq!(judged(&lines, &left_pad(), &findings), expected, "{kind} {pin}");
        }
    }
}
