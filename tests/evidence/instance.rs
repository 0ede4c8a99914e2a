//! An instance of Sigstore of our own: an authority, a log and a clock that sign whatever a test wants signed.

use aws_lc_rs::digest::{SHA512, digest};
use aws_lc_rs::signature::EcdsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::model::{Anchor, Artifact, Finding, IdentityPattern, Material, Outcome, ScopePattern};
use serde_json::{Value, json};

use crate::forge::{self, Holder, Says, extension, seq, tlv};
use crate::support::{self, anchor, artifact};

/// When everything is signed, unless a test says otherwise: 2026-11-20T10:00:00Z.
pub(crate) const SIGNED: i64 = 1_795_168_800;
pub(crate) const SIGNED_TEXT: &str = "2026-11-20T10:00:00Z";
/// When everything is judged.
pub(crate) const NOW: &str = "2026-11-20T12:00:00Z";
pub(crate) const ISSUER: &str = "https://issuer.example.com";
pub(crate) const SUBJECT: &str = "https://forge.example.com/acme/tool/.github/workflows/release.yml@refs/tags/v1";
pub(crate) const BYTES: &[u8] = b"the artifact's bytes";
pub(crate) const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
pub(crate) const V03: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
pub(crate) const V02: &str = "application/vnd.dev.sigstore.bundle+json;version=0.2";
pub(crate) const V01: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn sha512(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA512, bytes))
}

/// The authority, the log and the clock.
pub(crate) struct Instance {
    pub(crate) authority: Holder,
    pub(crate) log: EcdsaKeyPair,
    clock_root: Holder,
    clock: Holder,
}

/// A log's name in its checkpoints.
const ORIGIN: &str = "log.example.com";

/// What a signer's certificate says.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) from: &'static str,
    pub(crate) until: &'static str,
    pub(crate) extensions: Vec<Vec<u8>>,
    pub(crate) purpose: &'static str,
}

impl Default for Named {
    fn default() -> Self {
        Self {
            from: "2026-11-20T09:55:00Z",
            until: "2026-11-20T10:05:00Z",
            extensions: vec![san(&[uri(SUBJECT)]), field(8, ISSUER), field(15, "1234")],
            purpose: forge::CODE,
        }
    }
}

pub(crate) fn uri(text: &str) -> Vec<u8> {
    tlv(0x86, text.as_bytes())
}

/// A subject alternative name.
pub(crate) fn san(names: &[Vec<u8>]) -> Vec<u8> {
    extension("2.5.29.17", true, &seq(names))
}

/// One of Fulcio's extensions as DER of a text.
pub(crate) fn field(arc: u32, text: &str) -> Vec<u8> {
    extension(
        &format!("1.3.6.1.4.1.57264.1.{arc}"),
        false,
        &tlv(0x0c, text.as_bytes()),
    )
}

/// The same as bare bytes, as the oldest are.
pub(crate) fn bare_field(arc: u32, text: &str) -> Vec<u8> {
    extension(&format!("1.3.6.1.4.1.57264.1.{arc}"), false, text.as_bytes())
}

/// A statement about the artifact.
pub(crate) fn statement(kind: &str, name: &str, digests: Value, predicate: Value) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": kind,
        "subject": [{"name": name, "digest": digests}],
        "predicate": predicate,
    })
}

/// Provenance about [`BYTES`].
pub(crate) fn provenance() -> Value {
    statement(
        PROVENANCE,
        "a.txt",
        json!({"sha256": hex::encode(forge::sha256(BYTES))}),
        json!({"runDetails": {"builder": {"id": "https://builder.example.com"}}}),
    )
}

/// What DSSE signs.
pub(crate) fn envelope_message(payload: &[u8]) -> Vec<u8> {
    const TYPE: &str = "application/vnd.in-toto+json";
    [
        format!("DSSEv1 {} {TYPE} {} ", TYPE.len(), payload.len()).as_bytes(),
        payload,
    ]
    .concat()
}

impl Instance {
    pub(crate) fn new() -> Self {
        let authority = Holder::alone(&Says::authority("Instance"));
        let clock_root = Holder::alone(&Says::authority("Clocks"));
        let clock = clock_root.issue(&Says {
            name: "Clock",
            purposes: Some((true, &[forge::STAMP])),
            serial: 77,
            ..Says::default()
        });
        Self {
            authority,
            log: forge::key(),
            clock_root,
            clock,
        }
    }

    /// The log's id.
    pub(crate) fn log_id(key: &EcdsaKeyPair) -> Vec<u8> {
        forge::sha256(&forge::key_info(key))
    }

    /// A log as a trusted root lists it.
    pub(crate) fn listed(key: &EcdsaKeyPair) -> Value {
        json!({
            "baseUrl": "https://log.example.com",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": base64(forge::key_info(key)),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": "2021-01-01T00:00:00Z"},
            },
            "logId": {"keyId": base64(Self::log_id(key))},
        })
    }

    /// The trusted root, without logs of certificates.
    pub(crate) fn root(&self) -> Value {
        let chain = |certificates: &[&Holder]| -> Value {
            let list: Vec<Value> = certificates
                .iter()
                .map(|holder| json!({"rawBytes": base64(&holder.certificate)}))
                .collect();
            json!({"certificates": list})
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [Self::listed(&self.log)],
            "certificateAuthorities": [{
                "uri": "https://authority.example.com",
                "certChain": chain(&[&self.authority]),
                "validFor": {"start": "2021-01-01T00:00:00Z"},
            }],
            "ctlogs": [],
            "timestampAuthorities": [{
                "uri": "https://clock.example.com",
                "certChain": chain(&[&self.clock, &self.clock_root]),
                "validFor": {"start": "2021-01-01T00:00:00Z"},
            }],
        })
    }

    /// Somebody whom the authority certified.
    pub(crate) fn signer(&self, named: &Named) -> Holder {
        let purposes = [named.purpose];
        self.authority.issue(&Says {
            name: "",
            from: named.from,
            until: named.until,
            purposes: Some((false, &purposes)),
            more: named.extensions.clone(),
            serial: 99,
            ..Says::default()
        })
    }

    /// A log's entry with promise, inclusion proof and checkpoint: the first and only of its tree.
    pub(crate) fn entry(&self, kind: &str, spec: Value, time: i64) -> Value {
        let body = json!({"apiVersion": "0.0.1", "kind": kind, "spec": spec}).to_string();
        let mut entry = json!({
            "logIndex": "0",
            "logId": {"keyId": base64(Self::log_id(&self.log))},
            "kindVersion": {"kind": kind, "version": "0.0.1"},
            "integratedTime": time.to_string(),
            "canonicalizedBody": base64(&body),
        });
        self.promise(&mut entry, &self.log);
        self.include(&mut entry, &self.log);
        entry
    }

    /// Signs an entry's promise, as it stands.
    pub(crate) fn promise(&self, entry: &mut Value, key: &EcdsaKeyPair) {
        let signed = json!({
            "body": entry["canonicalizedBody"],
            "integratedTime": entry["integratedTime"].as_str().unwrap().parse::<i64>().unwrap(),
            "logID": hex::encode(Self::log_id(key)),
            "logIndex": 0,
        });
        entry["logId"]["keyId"] = base64(Self::log_id(key)).into();
        entry["inclusionPromise"] =
            json!({"signedEntryTimestamp": base64(forge::sign(key, signed.to_string().as_bytes()))});
    }

    /// Proves an entry's inclusion, up to a checkpoint by some key.
    pub(crate) fn include(&self, entry: &mut Value, key: &EcdsaKeyPair) {
        let body = STANDARD.decode(entry["canonicalizedBody"].as_str().unwrap()).unwrap();
        let leaf = forge::sha256(&[&[0], body.as_slice()].concat());
        let note = format!("{ORIGIN}\n1\n{}\n", base64(&leaf));
        let signature = [&Self::log_id(key)[..4], &forge::sign(key, note.as_bytes())].concat();
        entry["inclusionProof"] = json!({
            "logIndex": "0",
            "treeSize": "1",
            "rootHash": base64(&leaf),
            "hashes": [],
            "checkpoint": {"envelope": format!("{note}\n\u{2014} {ORIGIN} {}\n", base64(&signature))},
        });
    }

    /// A token of the clock over a signature.
    pub(crate) fn stamp(&self, signature: &[u8], at: &str) -> Value {
        json!({"signedTimestamp": base64(forge::token(&self.clock, signature, at, &forge::Tokened::default()))})
    }

    /// A bundle of v0.3 with a statement, signed by somebody with a certificate.
    pub(crate) fn stated(&self, statement: &Value, signer: &Holder, time: i64) -> Value {
        let payload = statement.to_string();
        let signature = forge::sign(&signer.key, &envelope_message(payload.as_bytes()));
        let pem = forge::pem(&[signer]);
        let spec = dsse_spec(payload.as_bytes(), &signature, &pem);
        json!({
            "mediaType": V03,
            "verificationMaterial": {
                "certificate": {"rawBytes": base64(&signer.certificate)},
                "tlogEntries": [self.entry("dsse", spec, time)],
            },
            "dsseEnvelope": envelope(payload.as_bytes(), &signature),
        })
    }

    /// A bundle of v0.3 with a signature over bytes.
    pub(crate) fn signed(&self, bytes: &[u8], signer: &Holder, time: i64) -> Value {
        let signature = forge::sign(&signer.key, bytes);
        let spec = record_spec(bytes, &signature, &forge::pem(&[signer]));
        json!({
            "mediaType": V03,
            "verificationMaterial": {
                "certificate": {"rawBytes": base64(&signer.certificate)},
                "tlogEntries": [self.entry("hashedrekord", spec, time)],
            },
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": base64(forge::sha256(bytes))},
                "signature": base64(&signature),
            },
        })
    }

    /// A bundle of v0.3 with a statement, signed by a key, with its entry.
    pub(crate) fn stated_by_key(&self, statement: &Value, key: &EcdsaKeyPair, hint: &str, time: i64) -> Value {
        let payload = statement.to_string();
        let signature = forge::sign(key, &envelope_message(payload.as_bytes()));
        let spec = dsse_spec(payload.as_bytes(), &signature, &key_pem(key));
        json!({
            "mediaType": V03,
            "verificationMaterial": {
                "publicKey": {"hint": hint},
                "tlogEntries": [self.entry("dsse", spec, time)],
            },
            "dsseEnvelope": envelope(payload.as_bytes(), &signature),
        })
    }

    /// The anchors that everything good needs: the root, and who may sign `files/tool`.
    pub(crate) fn anchors(&self) -> Vec<Anchor> {
        vec![root_anchor(&self.root()), pin(SUBJECT)]
    }
}

pub(crate) fn envelope(payload: &[u8], signature: &[u8]) -> Value {
    json!({
        "payload": base64(payload),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": base64(signature)}],
    })
}

fn dsse_spec(payload: &[u8], signature: &[u8], verifier: &str) -> Value {
    json!({
        "envelopeHash": {"algorithm": "sha256", "value": "0".repeat(64)},
        "payloadHash": {"algorithm": "sha256", "value": hex::encode(forge::sha256(payload))},
        "signatures": [{"signature": base64(signature), "verifier": base64(verifier)}],
    })
}

fn record_spec(bytes: &[u8], signature: &[u8], verifier: &str) -> Value {
    json!({
        "data": {"hash": {"algorithm": "sha256", "value": hex::encode(forge::sha256(bytes))}},
        "signature": {"content": base64(signature), "publicKey": {"content": base64(verifier)}},
    })
}

pub(crate) fn key_pem(key: &EcdsaKeyPair) -> String {
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        base64(forge::key_info(key))
    )
}

pub(crate) fn root_anchor(root: &Value) -> Anchor {
    anchor("the root", Material::SigstoreRoot(root.to_string()))
}

/// An anchor that pins a subject of [`ISSUER`] for `files/tool`.
pub(crate) fn pin(subject: &str) -> Anchor {
    let mut anchor = anchor(
        "the publisher",
        Material::Identity(IdentityPattern {
            issuer: ISSUER.to_owned(),
            subject: Some(subject.to_owned()),
            ..IdentityPattern::default()
        }),
    );
    anchor.scope = vec![ScopePattern::new("files/tool")];
    anchor
}

/// The artifact that everything is about.
pub(crate) fn tool() -> Artifact {
    artifact("files", "tool", "1", "a.txt", BYTES)
}

/// Judges one bundle about [`tool`] as `sigstore`.
pub(crate) fn judge(bundle: &Value, anchors: &[Anchor]) -> Finding {
    judge_at(bundle, anchors, NOW)
}

/// The same at another time.
pub(crate) fn judge_at(bundle: &Value, anchors: &[Anchor], now: &str) -> Finding {
    one(support::judge(
        "sigstore",
        vec![bundle.to_string().into_bytes()],
        &tool(),
        BYTES,
        anchors,
        now,
    ))
}

pub(crate) fn one(mut findings: Vec<Finding>) -> Finding {
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

/// Asserts an outcome, and shows the finding where it is another.
#[track_caller]
pub(crate) fn expect(finding: &Finding, outcome: Outcome) {
    assert_eq!(finding.outcome, outcome, "{finding:#?}");
    assert!(
        !finding.reason.is_empty() && !finding.reason.ends_with('.'),
        "{}",
        finding.reason
    );
}
