//! The seal: envelopes, signatures, and bundles that bring a newer root.

use super::*;

pub(super) fn seal(v: &mut Vectors) {
    v.edited(
        "seal/envelope_as_list",
        "json-not-strict",
        "the envelope is a list of its values",
        Edits {
            envelope: Some(Box::new(|bytes| {
                let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
                *bytes = serde_json::to_vec(&serde_json::json!([
                    value["payload"],
                    value["payloadType"],
                    value["signatures"]
                ]))
                .unwrap();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "seal/too_many_signatures",
        "preauth-limit-exceeded",
        "the envelope carries 65 signatures",
        Edits {
            envelope: Some(Box::new(|bytes| {
                let mut envelope = sealift::crypto::dsse::Envelope::read(bytes).unwrap();
                let first = envelope.signatures[0].clone();
                envelope.signatures = vec![first; 65];
                *bytes = envelope.write();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "seal/unknown_signer",
        "export-signature-invalid",
        "a key that no root names signed it",
        Edits {
            signers: Some(vec![99]),
            ..Edits::default()
        },
    );
    v.edited(
        "seal/other_role",
        "export-signature-invalid",
        "a key of the root signed it that has not the role export",
        Edits {
            signers: Some(vec![people::APPROVER]),
            ..Edits::default()
        },
    );
    v.edited(
        "seal/second_signature_unknown",
        "accepted",
        "an unknown signature beside the exporter's is passed over",
        Edits {
            signers: Some(vec![99, people::EXPORTER]),
            ..Edits::default()
        },
    );
    v.edited(
        "seal/other_kind",
        "wrong-document-kind",
        "the payload type is that of an approval",
        Edits {
            kind: Some(Kind::Approval),
            ..Edits::default()
        },
    );
    v.edited(
        "seal/payload_flipped",
        "export-signature-invalid",
        "one byte of the payload changed after signing",
        Edits {
            envelope: Some(Box::new(|bytes| {
                let mut envelope = sealift::crypto::dsse::Envelope::read(bytes).unwrap();
                let at = envelope.payload.len() - 4;
                envelope.payload[at] ^= 1;
                *bytes = envelope.write();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "seal/signature_flipped",
        "export-signature-invalid",
        "one byte of the signature changed",
        Edits {
            envelope: Some(Box::new(|bytes| {
                let mut envelope = sealift::crypto::dsse::Envelope::read(bytes).unwrap();
                envelope.signatures[0].bytes[5] ^= 1;
                *bytes = envelope.write();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "seal/no_signature",
        "export-signature-invalid",
        "the envelope carries no signature",
        Edits {
            envelope: Some(Box::new(|bytes| {
                let mut envelope = sealift::crypto::dsse::Envelope::read(bytes).unwrap();
                envelope.signatures.clear();
                *bytes = envelope.write();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "seal/envelope_duplicate_key",
        "json-not-strict",
        "the envelope has a key twice",
        Edits {
            envelope: Some(Box::new(|bytes| {
                let text = String::from_utf8(bytes.clone()).unwrap();
                *bytes = text.replacen('{', "{\"payloadType\":\"x\",", 1).into_bytes();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "seal/hostile_rest",
        "export-signature-invalid",
        "behind a bad signature stand a hostile catalog, object and header: none is reached",
        Edits {
            signers: Some(vec![99]),
            members: Some(Box::new(|volumes| {
                let at = volumes[0]
                    .iter()
                    .position(|member| member.name == "catalog.ndjson.zst")
                    .unwrap();
                volumes[0][at].data = vec![0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff, 0xff, 0xff];
            })),
            volumes: Some(Box::new(|volumes| {
                let start = position(&volumes[0], "objects/");
                volumes[0][start + 156] = b'2';
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "seal/approval_missing",
        "approvals-missing",
        "the root asks for an approval, and none came",
        Edits::default(),
    );
    v.files().remove("main-1.approval-eve.dsse.json");
    v.edited(
        "seal/approval_of_another",
        "approvals-missing",
        "the approval is for another manifest",
        Edits::default(),
    );
    v.files().insert(
        "main-1.approval-eve.dsse.json".into(),
        approval(&Digest::of(b"another"), people::APPROVER),
    );
    v.edited(
        "seal/approval_by_stranger",
        "approvals-missing",
        "the approval is signed by a key that no root names",
        Edits::default(),
    );
    v.files().insert(
        "main-1.approval-eve.dsse.json".into(),
        approval(&RawBundle::sample().manifest_digest(), 98),
    );
    v.edited(
        "seal/approval_by_exporter",
        "roles-not-separate",
        "the exporter approved their own bundle",
        Edits::default(),
    );
    v.files().insert(
        "main-1.approval-eve.dsse.json".into(),
        approval(&RawBundle::sample().manifest_digest(), people::EXPORTER),
    );
    rotation(v);
}

/// Bundles that bring a newer root.
pub(super) fn rotation(v: &mut Vectors) {
    let mut next = people::root();
    next.version = 2;
    people::give(&mut next, sealift::trust::Role::Export, "gus", 11);
    let good = people::sealed_root(&next, &[people::ANN, people::BOB]);
    let bundle = |root: Vec<u8>, version: u64| {
        let mut bundle = RawBundle::sample();
        bundle.roots.push((version, root));
        bundle
    };
    let signed_by_new = || Edits {
        signers: Some(vec![11]),
        ..Edits::default()
    };
    v.add(
        "seal/root_rotated",
        "accepted",
        "root 2 comes along, signed by root 1's persons, and names the key that signed",
        bundle(good.clone(), 2).build(&signed_by_new()),
    );
    v.add(
        "seal/root_chain_broken",
        "root-chain-broken",
        "root 2 comes along with one signature of two",
        bundle(people::sealed_root(&next, &[people::ANN]), 2).build(&signed_by_new()),
    );
    let mut third = next.clone();
    third.version = 3;
    v.add(
        "seal/root_skipped",
        "trust-version-out-of-order",
        "root 3 calls itself the second that travels",
        bundle(people::sealed_root(&third, &[people::ANN, people::BOB]), 2).build(&signed_by_new()),
    );
    let mut gone = people::root();
    gone.version = 2;
    gone.keys.remove(&people::id(people::EXPORTER));
    gone.roles.remove(&sealift::trust::Role::Export);
    people::give(&mut gone, sealift::trust::Role::Export, "gus", 11);
    v.add(
        "seal/exporter_rotated_out",
        "export-signature-invalid",
        "root 2 comes along and no longer names the key that signed",
        bundle(people::sealed_root(&gone, &[people::ANN, people::BOB]), 2).build(&Edits::default()),
    );
}
