//! Keys and signatures: enrolment, published vectors, and the tools that others use.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use sealift::crypto::agent_key::{self, AgentError, AgentKey};
use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::{KeyAlgorithm, KeyError, PublicKey, Signer};
use sealift::model::Digest;
use serde_json::Value;

use crate::tools::has;

/// Every encoding of a point of small order: the canonical eight, and the six that name one of them otherwise
/// (Chalkias, Garillot, Nikolaenko: Taming the many EdDSAs, table 6).
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[test]
fn small_order_points_are_no_keys() {
    for (number, encoding) in SMALL_ORDER.iter().enumerate() {
        let error = PublicKey::ed25519(&hex::decode(encoding).unwrap()).unwrap_err();
        // The canonical eight are refused for their order; the others already for their spelling.
        let expected = if number < 8 {
            KeyError::SmallOrder
        } else {
            KeyError::NotCanonical
        };
        assert_eq!(error, expected, "{encoding}");
    }
}

#[test]
fn points_with_a_second_spelling_are_no_keys() {
    // y = 3 + p, which names the point with y = 3, and the same with the other sign; y = 2 is no point at all.
    for y in [0xf0_u8, 0xf1, 0xf2] {
        let mut bytes = [0xff_u8; 32];
        bytes[0] = y;
        bytes[31] = 0x7f;
        let error = PublicKey::ed25519(&bytes).unwrap_err();
        assert!(
            matches!(error, KeyError::NotCanonical | KeyError::NotAPoint(_)),
            "{y:x}: {error:?}"
        );
        let mut canonical = [0_u8; 32];
        canonical[0] = y - 0xed;
        let valid_point = PublicKey::ed25519(&canonical);
        assert_eq!(
            matches!(error, KeyError::NotAPoint(_)),
            matches!(valid_point, Err(KeyError::NotAPoint(_)))
        );
    }
}

#[test]
fn points_outside_the_prime_order_group_are_no_keys() {
    // The tenth of the "Taming" vectors uses this key of mixed order.
    let mixed = "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43";
    assert_eq!(
        PublicKey::ed25519(&hex::decode(mixed).unwrap()).unwrap_err(),
        KeyError::MixedOrder
    );
}

#[test]
fn signatures_with_a_small_order_r_are_refused() {
    // R is the neutral element and S = k * a for the secret scalar a, so that the plain equation of RFC 8032 holds.
    let key = FileKey::from_seed(&[1; 32]);
    let signature = hex::decode(
        "0100000000000000000000000000000000000000000000000000000000000000\
         95c0fdcc54fccad1f2b8bc9b96aa6837c82f86349e6576ad29ca3ece7b7ea905",
    )
    .unwrap();
    let plain = ed25519_dalek::VerifyingKey::from_bytes(key.public().bytes().try_into().unwrap()).unwrap();
    let parsed = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    assert!(ed25519_dalek::Verifier::verify(&plain, b"message", &parsed).is_ok());
    assert!(key.public().verify(b"message", &signature).is_err());
}

#[test]
fn keys_of_wrong_form_are_refused() {
    let key = FileKey::from_seed(&[1; 32]);
    let good = key.public().info().to_vec();
    assert_eq!(PublicKey::from_info(&good).unwrap(), *key.public());
    for wrong in [&good[..43], &good[1..], &[&good[..], &[0]].concat()[..], &[]] {
        assert!(PublicKey::from_info(wrong).is_err());
    }
    for (length, make) in [
        (65, PublicKey::p256 as fn(&[u8]) -> Result<PublicKey, KeyError>),
        (97, PublicKey::p384),
    ] {
        for first in [0, 2, 3, 4, 5, 6] {
            let mut bytes = vec![7; length];
            bytes[0] = first;
            assert!(matches!(make(&bytes), Err(KeyError::NotAPoint(_))));
        }
        assert!(make(&[0]).is_err());
        assert!(make(&[]).is_err());
    }
    // Other spellings of a good point, which the library below would take: compressed, and within its SubjectPublicKeyInfo.
    for (curve, make) in [
        (
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            PublicKey::p256 as fn(&[u8]) -> Result<PublicKey, KeyError>,
        ),
        (&ECDSA_P384_SHA384_ASN1_SIGNING, PublicKey::p384),
    ] {
        let pair = EcdsaKeyPair::generate(curve).unwrap();
        let point = pair.public_key().as_ref();
        let key = make(point).unwrap();
        let half = point.len() / 2;
        let compressed = [&[2 + (point[half * 2] & 1)], &point[1..=half]].concat();
        for other in [&compressed[..], key.info()] {
            assert!(matches!(make(other), Err(KeyError::NotAPoint(_))), "{other:?}");
        }
    }
}

#[test]
fn pem_is_read_as_it_is_written() {
    let key = FileKey::from_seed(&[1; 32]);
    let pem = key.public().to_pem();
    assert_eq!(PublicKey::from_pem(&pem).unwrap(), *key.public());
    for wrong in [
        String::new(),
        pem.replace("PUBLIC", "PRIVATE"),
        format!("{pem}{pem}"),
        format!("x{pem}"),
        pem.replace('=', "*"),
    ] {
        assert!(PublicKey::from_pem(&wrong).is_err(), "{wrong}");
    }
}

/// RFC 8032 §7.1: seed, public key, message, signature.
const RFC_8032: [[&str; 4]; 3] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
];

#[test]
fn the_vectors_of_rfc_8032_are_signed_and_verified() {
    for [seed, public, message, signature] in RFC_8032 {
        let seed: [u8; 32] = hex::decode(seed).unwrap().try_into().unwrap();
        let key = FileKey::from_seed(&seed);
        let message = hex::decode(message).unwrap();
        assert_eq!(hex::encode(key.public().bytes()), public);
        assert_eq!(hex::encode(key.sign(&message).unwrap()), signature);
        assert!(key.public().verify(&message, &hex::decode(signature).unwrap()).is_ok());
    }
}

/// Runs a Wycheproof file; every case must come out as its `result` says.
fn wycheproof(file: &str, key_field: &str, make: fn(&[u8]) -> Result<PublicKey, KeyError>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/wycheproof")
        .join(file);
    let suite: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let bytes = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let mut cases = 0;
    let mut differing = Vec::new();
    for group in suite["testGroups"].as_array().unwrap() {
        let key = make(&bytes(&group["publicKey"][key_field]));
        for case in group["tests"].as_array().unwrap() {
            let verified = key
                .as_ref()
                .is_ok_and(|key| key.verify(&bytes(&case["msg"]), &bytes(&case["sig"])).is_ok());
            cases += 1;
            if verified != (case["result"] == "valid") {
                differing.push(format!("{}: {} ({})", case["tcId"], case["comment"], case["result"]));
            }
        }
    }
    assert_eq!(cases, suite["numberOfTests"].as_u64().unwrap());
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn wycheproof_ed25519() {
    wycheproof("ed25519_test.json", "pk", PublicKey::ed25519);
}

#[test]
fn wycheproof_ecdsa_p256() {
    wycheproof("ecdsa_secp256r1_sha256_test.json", "uncompressed", PublicKey::p256);
}

#[test]
fn wycheproof_ecdsa_p384() {
    wycheproof("ecdsa_secp384r1_sha384_test.json", "uncompressed", PublicKey::p384);
}

/// Runs a tool in a folder and gives its standard output.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn openssl_reads_our_key_files() {
    if !has("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = FileKey::generate().unwrap();
    key.store(&folder.path().join("key.pem"), "pass word").unwrap();
    let decrypt = ["pkey", "-in", "key.pem", "-passin", "pass:pass word", "-pubout"];
    assert_eq!(
        run(folder.path(), "openssl", &decrypt),
        key.public().to_pem().as_bytes()
    );

    // A key id is the digest of what openssl calls the public key in DER.
    std::fs::write(folder.path().join("public.pem"), key.public().to_pem()).unwrap();
    let der = run(
        folder.path(),
        "openssl",
        &["pkey", "-pubin", "-in", "public.pem", "-outform", "DER"],
    );
    assert_eq!(Digest::of(&der), *key.public().id().digest());
}

#[test]
fn key_files_of_openssl_are_read() {
    if !has("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let make = [
        "genpkey",
        "-algorithm",
        "ed25519",
        "-aes-256-cbc",
        "-pass",
        "pass:pw",
        "-out",
        "key.pem",
    ];
    run(folder.path(), "openssl", &make);
    run(folder.path(), "chmod", &["600", "key.pem"]);
    let key = FileKey::load(&folder.path().join("key.pem"), "pw").unwrap();
    let decrypt = ["pkey", "-in", "key.pem", "-passin", "pass:pw", "-pubout"];
    assert_eq!(
        run(folder.path(), "openssl", &decrypt),
        key.public().to_pem().as_bytes()
    );
}

#[test]
fn signatures_of_openssl_are_verified() {
    if !has("openssl") {
        return;
    }
    for (curve, hash, algorithm) in [
        ("P-256", "-sha256", KeyAlgorithm::P256),
        ("P-384", "-sha384", KeyAlgorithm::P384),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let curve = format!("ec_paramgen_curve:{curve}");
        run(
            folder,
            "openssl",
            &["genpkey", "-algorithm", "EC", "-pkeyopt", &curve, "-out", "key.pem"],
        );
        run(
            folder,
            "openssl",
            &["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"],
        );
        std::fs::write(folder.join("message"), b"message").unwrap();
        run(
            folder,
            "openssl",
            &["dgst", hash, "-sign", "key.pem", "-out", "signature", "message"],
        );
        let key = PublicKey::from_pem(&std::fs::read_to_string(folder.join("public.pem")).unwrap()).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let signature = std::fs::read(folder.join("signature")).unwrap();
        assert!(key.verify(b"message", &signature).is_ok());
        assert!(key.verify(b"massage", &signature).is_err());
        // Strict DER: not a byte more.
        assert!(key.verify(b"message", &[&signature[..], &[0]].concat()).is_err());
    }
}

/// An ssh-agent that ends with the test.
pub(crate) struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Agent {
    /// OpenSSH's agent behind the socket `agent.sock` in a folder; nothing where there is no OpenSSH.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        if !has("ssh-agent") || !has("ssh-add") || !has("ssh-keygen") {
            return None;
        }
        let socket = folder.join("agent.sock");
        let child = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..500 {
            if socket.exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Some(Self(child))
    }

    /// Makes a key and gives it to the agent; the public half is left as `NAME.pub`.
    pub(crate) fn add(&self, folder: &Path, kind: &str, name: &str) {
        run(
            folder,
            "ssh-keygen",
            &["-q", "-t", kind, "-N", "", "-C", "a comment", "-f", name],
        );
        let added = Command::new("ssh-add")
            .args(["-q", name])
            .current_dir(folder)
            .env("SSH_AUTH_SOCK", folder.join("agent.sock"))
            .status()
            .unwrap();
        assert!(added.success());
    }
}

#[test]
fn an_ssh_agent_signs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(agent) = Agent::start(folder) else { return };
    let socket = folder.join("agent.sock");
    run(
        folder,
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", "absent"],
    );
    for (kind, name) in [("ecdsa", "other"), ("ed25519", "ours")] {
        agent.add(folder, kind, name);
    }
    let public =
        |name: &str| agent_key::read_public_line(&std::fs::read_to_string(folder.join(format!("{name}.pub"))).unwrap());
    let ours = public("ours").unwrap();
    assert_eq!(agent_key::list(&socket).unwrap(), std::slice::from_ref(&ours));
    let key = AgentKey::connect(&socket, &ours).unwrap();
    let signature = key.sign(b"message").unwrap();
    assert!(ours.verify(b"message", &signature).is_ok());

    assert!(matches!(
        AgentKey::connect(&socket, &public("absent").unwrap()),
        Err(AgentError::UnknownKey)
    ));
    assert_eq!(public("other").unwrap_err(), KeyError::UnknownAlgorithm);
    assert!(matches!(
        AgentKey::connect(&folder.join("nobody"), &ours),
        Err(AgentError::Socket { .. })
    ));
}
