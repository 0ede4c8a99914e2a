//! The vectors of `bundle-spec/vectors`: every case is written by `raw_bundle`, lies in the repository as bytes with its
//! verdict, and is judged by the same steps that `verify` and `import` run.
//!
//! `SEALIFT_WRITE_VECTORS=1 cargo test --test suite vectors` writes them anew after a change of the format.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sealift::import::authenticate::{Approvals, GapRule, Imported, Judgement, Memory, Position, authenticate};
use sealift::import::open::{Input, open};
use sealift::import::verify_objects::{Silent, Verified, Workspace, verify_objects};
use sealift::model::{Digest, Stop, Timestamp};
use sealift::trust::{Kind, TrustedRoot};
use serde::{Deserialize, Serialize};

use crate::people;
use crate::raw_bundle::{Edits, Member, RawBundle, noise};

/// What a case says beside its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What is special about it.
    pub(crate) why: String,
    /// `accepted`, `incomplete`, or a refusal's code.
    pub(crate) verdict: String,
    /// The clock.
    pub(crate) now: String,
    /// What the enclave remembers; without it order is not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<CaseMemory>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseMemory {
    #[serde(default)]
    last_epoch: u64,
    #[serde(default)]
    last_sequence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_manifest: Option<String>,
    /// A manifest that was imported under this bundle's own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    same_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known_time: Option<String>,
    #[serde(default)]
    record_gaps: bool,
}

impl Memory for CaseMemory {
    fn last(&self, _stream: &str) -> Result<Option<Position>, Stop> {
        Ok(self.last_manifest.as_ref().map(|manifest| Position {
            epoch: self.last_epoch,
            sequence: self.last_sequence,
            manifest: manifest.parse().unwrap(),
        }))
    }

    fn numbered(&self, _stream: &str, _epoch: u64, _sequence: u64) -> Result<Option<Digest>, Stop> {
        Ok(self.same_number.as_ref().map(|manifest| manifest.parse().unwrap()))
    }

    fn imported(&self, manifest: &Digest) -> Result<Option<Imported>, Stop> {
        let known = self
            .last_manifest
            .iter()
            .chain(&self.same_number)
            .any(|known| *known == manifest.to_string());
        Ok(known.then(|| Imported {
            at: people::now(),
            generation: Some(1),
        }))
    }

    fn known_time(&self) -> Result<Option<(Timestamp, String)>, Stop> {
        Ok(self
            .known_time
            .as_ref()
            .map(|time| (time.parse().unwrap(), "bundle main 1".to_owned())))
    }

    fn gap_rule(&self) -> GapRule {
        if self.record_gaps {
            GapRule::Record
        } else {
            GapRule::Refuse
        }
    }

    fn kept_approvals(&self, _manifest: &Digest) -> Result<Vec<Vec<u8>>, Stop> {
        Ok(Vec::new())
    }
}

/// A case's files by name.
type Files = BTreeMap<String, Vec<u8>>;

struct Vectors {
    cases: Vec<(String, Case, Files)>,
}

impl Vectors {
    fn add(&mut self, name: &str, verdict: &str, why: &str, volumes: Vec<Vec<u8>>) -> &mut Case {
        let count = volumes.len();
        let files = volumes
            .into_iter()
            .enumerate()
            .map(|(index, bytes)| (format!("main-1.vol{:03}of{count:03}.tar", index + 1), bytes))
            .chain([(
                "root.dsse.json".to_owned(),
                people::sealed_root(&people::root(), &[people::ANN, people::BOB]),
            )])
            .chain([("main-1.approval-eve.dsse.json".to_owned(), Vec::new())])
            .collect();
        let refused = if matches!(verdict, "accepted" | "incomplete" | "already-imported") {
            ""
        } else {
            "_refused"
        };
        let case = Case {
            why: why.to_owned(),
            verdict: verdict.to_owned(),
            now: people::now().to_string(),
            memory: None,
        };
        self.cases.push((format!("{name}{refused}"), case, files));
        &mut self.cases.last_mut().unwrap().1
    }

    fn edited(&mut self, name: &str, verdict: &str, why: &str, edits: Edits) -> &mut Case {
        let volumes = RawBundle::sample().build(&edits);
        self.add(name, verdict, why, volumes)
    }

    fn files(&mut self) -> &mut Files {
        &mut self.cases.last_mut().unwrap().2
    }
}

fn volumes(edit: impl Fn(&mut Vec<Vec<u8>>) + 'static) -> Edits {
    Edits {
        volumes: Some(Box::new(edit)),
        ..Edits::default()
    }
}

fn first(edit: impl Fn(&mut Vec<u8>) + 'static) -> Edits {
    volumes(move |volumes| edit(&mut volumes[0]))
}

fn members(edit: impl Fn(&mut Vec<Member>) + 'static) -> Edits {
    Edits {
        members: Some(Box::new(move |volumes| edit(&mut volumes[0]))),
        ..Edits::default()
    }
}

fn manifest(edit: impl Fn(&mut serde_json::Value) + 'static) -> Edits {
    Edits {
        manifest: Some(Box::new(edit)),
        ..Edits::default()
    }
}

fn records(edit: impl Fn(&mut Vec<serde_json::Value>) + 'static) -> Edits {
    Edits {
        records: Some(Box::new(edit)),
        ..Edits::default()
    }
}

fn text(from: &'static str, to: &'static str) -> Edits {
    Edits {
        catalog_text: Some(Box::new(move |bytes| {
            *bytes = String::from_utf8(bytes.clone())
                .unwrap()
                .replacen(from, to, 1)
                .into_bytes();
        })),
        ..Edits::default()
    }
}

/// Gives the first artifact proofs of these kinds, each the artifact's own bytes.
fn besides(kinds: &'static [&'static str], state: &'static str) -> Edits {
    records(move |records| {
        let record = records.iter_mut().find(|record| !record["artifact"].is_null()).unwrap();
        let digest = record["artifact"]["digest"].clone();
        record["artifact"]["proofs"] = kinds
            .iter()
            .map(|kind| serde_json::json!({ "kind": kind, "objects": [digest], "state": state }))
            .collect();
    })
}

fn payload(from: &'static str, to: &'static str) -> Edits {
    Edits {
        payload: Some(Box::new(move |bytes| {
            let before = String::from_utf8(bytes.clone()).unwrap();
            let after = before.replacen(from, to, 1);
            assert_ne!(before, after, "nothing was changed");
            *bytes = after.into_bytes();
        })),
        ..Edits::default()
    }
}

/// The position of a member's header.
fn position(volume: &[u8], name: &str) -> usize {
    volume
        .chunks(512)
        .position(|block| block.starts_with(name.as_bytes()) && block[257..262] == *b"ustar")
        .map(|index| index * 512)
        .unwrap()
}

fn digest_of(index: usize) -> String {
    let sample = RawBundle::sample();
    Digest::of(&sample.files[index].1).to_string()
}

/// Every case, in the order of the chapters.
fn all() -> Vectors {
    let mut v = Vectors { cases: Vec::new() };
    container(&mut v);
    seal(&mut v);
    manifest_cases(&mut v);
    catalog(&mut v);
    objects(&mut v);
    volume_cases(&mut v);
    order(&mut v);
    for (name, case, files) in &mut v.cases {
        // A bundle of the standard profile needs its approval; cases about approvals bring their own.
        if files.get("main-1.approval-eve.dsse.json").is_some_and(Vec::is_empty) {
            let digest = manifest_digest_in(files);
            files.remove("main-1.approval-eve.dsse.json");
            if let Some(digest) = digest {
                files.insert(
                    "main-1.approval-eve.dsse.json".to_owned(),
                    approval(&digest, people::APPROVER),
                );
            }
        }
        assert!(!case.why.is_empty(), "{name}");
    }
    v
}

/// The digest of the manifest in the first volume, if it can be read.
fn manifest_digest_in(files: &Files) -> Option<Digest> {
    let (_, volume) = files.iter().find(|(name, _)| name.ends_with(".tar"))?;
    let size = usize::from_str_radix(std::str::from_utf8(volume.get(124..135)?).ok()?, 8).ok()?;
    let envelope = sealift::crypto::dsse::Envelope::read(volume.get(512..512 + size)?).ok()?;
    Some(Digest::of(&envelope.payload))
}

pub(crate) fn approval(manifest: &Digest, key: u8) -> Vec<u8> {
    let approval = sealift::trust::approval::Approval {
        manifest: *manifest,
        decision: sealift::trust::approval::Decision::Approved,
        seen: vec!["bundle main 1".to_owned()],
        reason: "monthly update".to_owned(),
        ticket: None,
        created: "2026-11-20T13:00:00Z".parse().unwrap(),
        expires: "2026-12-20T13:00:00Z".parse().unwrap(),
        ext: Default::default(),
        critical: Default::default(),
    };
    approval.sign(&people::key(key)).unwrap().write()
}

fn container(v: &mut Vectors) {
    v.edited(
        "container/good",
        "accepted",
        "four plain files in one volume",
        Edits::default(),
    );
    v.edited(
        "container/truncated",
        "object-missing",
        "the volume is cut off in its last object",
        first(|bytes| bytes.truncate(bytes.len() - 2000)),
    );
    v.edited(
        "container/end_missing",
        "object-missing",
        "the two zero blocks at the end are missing",
        first(|bytes| bytes.truncate(bytes.len() - 1024)),
    );
    v.edited(
        "container/trailing_byte",
        "container-not-exact",
        "a byte follows the end",
        first(|bytes| bytes.push(0)),
    );
    v.edited(
        "container/trailing_member",
        "container-not-exact",
        "a member follows the last object",
        members(|members| {
            members.push(Member {
                name: "objects/00/00".into(),
                data: vec![1],
            })
        }),
    );
    v.edited(
        "container/end_not_zero",
        "container-not-exact",
        "the end holds a byte",
        first(|bytes| *bytes.last_mut().unwrap() = 1),
    );
    v.edited(
        "container/padding_not_zero",
        "container-not-exact",
        "the padding after an object holds a byte",
        first(|bytes| {
            let at = position(bytes, "objects/");
            let size = usize::from_str_radix(std::str::from_utf8(&bytes[at + 124..at + 135]).unwrap(), 8).unwrap();
            bytes[at + 512 + size] = 1;
        }),
    );
    v.edited(
        "container/catalog_padding_not_zero",
        "container-not-exact",
        "the padding after the catalog holds a byte",
        first(|bytes| {
            let at = position(bytes, "volume/");
            bytes[at - 1] = 1;
        }),
    );
    for (field, at, byte) in [
        ("mode", 106, b'5'),
        ("owner", 114, b'1'),
        ("time", 146, b'1'),
        ("link_kind", 156, b'2'),
        ("pax_kind", 156, b'x'),
        ("device_kind", 156, b'3'),
        ("link_target", 157, b'/'),
        ("prefix", 345, b'x'),
    ] {
        v.edited(
            &format!("container/object_header_{field}"),
            "container-not-exact",
            "one field of an object's header is not the computed one, and its checksum fits",
            first(move |bytes| {
                let start = position(bytes, "objects/");
                bytes[start + at] = byte;
                fix_checksum(&mut bytes[start..start + 512]);
            }),
        );
    }
    v.edited(
        "container/object_header_checksum",
        "container-not-exact",
        "an object's header has another checksum",
        first(|bytes| {
            let start = position(bytes, "objects/");
            bytes[start + 150] ^= 1;
        }),
    );
    v.edited(
        "container/catalog_header_time",
        "container-not-exact",
        "the catalog's header is not the computed one",
        first(|bytes| {
            let start = position(bytes, "catalog.ndjson.zst");
            bytes[start + 146] = b'1';
            fix_checksum(&mut bytes[start..start + 512]);
        }),
    );
    v.edited(
        "container/objects_swapped",
        "container-not-exact",
        "two objects stand in each other's place",
        members(|members| {
            let count = members.len();
            members.swap(count - 1, count - 2);
        }),
    );
    v.edited(
        "container/object_twice",
        "container-not-exact",
        "an object stands there twice",
        members(|members| {
            let last = members.last().unwrap().clone();
            members.push(last);
        }),
    );
    v.edited(
        "container/object_left_out",
        "container-not-exact",
        "an object is not there",
        members(|members| {
            let count = members.len();
            members.remove(count - 2);
        }),
    );
    v.edited(
        "container/path_trick",
        "container-not-exact",
        "an object's member is named ../x",
        members(|members| members.last_mut().unwrap().name = "objects/../../x".into()),
    );
    v.edited(
        "container/manifest_renamed",
        "unknown-format",
        "the first member has another name",
        members(|members| members[0].name = "manifest.json".into()),
    );
    v.edited(
        "container/not_a_tar",
        "unknown-format",
        "the file is something else",
        first(|bytes| bytes[..512].copy_from_slice(&noise(9, 512))),
    );
    v.edited(
        "container/empty_file",
        "object-missing",
        "the file is empty",
        first(Vec::clear),
    );
    v.edited(
        "container/endless_envelope",
        "preauth-limit-exceeded",
        "the envelope claims to have 2 MiB",
        first(|bytes| {
            let header = sealift::bundle::container::header("manifest.dsse.json", 2 << 20);
            bytes[..512].copy_from_slice(&header);
        }),
    );
    v.edited(
        "container/base256_size",
        "unknown-format",
        "the first member's size is in GNU's binary form",
        first(|bytes| {
            bytes[124] = 0x80;
            fix_checksum(&mut bytes[..512]);
        }),
    );
    v.edited(
        "container/volume_mark_missing",
        "container-not-exact",
        "the member that says which volume this is is missing",
        members(|members| members.retain(|member| !member.name.starts_with("volume/"))),
    );
    v.edited(
        "container/root_not_listed",
        "container-not-exact",
        "a root travels that the manifest does not list",
        manifest(|manifest| manifest["roots"][0]["digest"] = Digest::of(b"other").to_string().into()),
    );
    v.edited(
        "container/root_size",
        "container-not-exact",
        "the manifest lists another size for the root",
        manifest(|manifest| manifest["roots"][0]["size"] = 17.into()),
    );
}

fn fix_checksum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

fn seal(v: &mut Vectors) {
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
fn rotation(v: &mut Vectors) {
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

fn manifest_cases(v: &mut Vectors) {
    v.edited(
        "manifest/as_list",
        "json-not-strict",
        "the catalog's summary is a list of its values",
        manifest(|manifest| {
            let values: Vec<_> = manifest["catalog"].as_object().unwrap().values().cloned().collect();
            manifest["catalog"] = values.into();
        }),
    );
    v.edited(
        "manifest/duplicate_key",
        "json-not-strict",
        "`sequence` stands there twice",
        payload("\"sequence\":1", "\"sequence\":1,\"sequence\":1"),
    );
    v.edited(
        "manifest/side_data",
        "accepted",
        "a listed object travels as advisories",
        manifest(|manifest| manifest["side_data"] = serde_json::json!({ "advisories": manifest["plan"] })),
    );
    v.edited(
        "manifest/side_data_unknown",
        "json-not-strict",
        "side data of no known kind",
        manifest(|manifest| manifest["side_data"] = serde_json::json!({ "weather": manifest["plan"] })),
    );
    v.edited(
        "manifest/side_data_empty",
        "json-not-strict",
        "side data that could be left out",
        manifest(|manifest| manifest["side_data"] = serde_json::json!({})),
    );
    v.edited(
        "catalog/side_data_not_listed",
        "object-not-listed",
        "side data that the catalog does not list",
        manifest(|manifest| {
            let digest = sealift::model::Digest::of(b"not listed").to_string();
            manifest["side_data"] = serde_json::json!({ "revocations": digest });
        }),
    );
    v.edited(
        "manifest/unknown_field",
        "json-not-strict",
        "a field is not in the schema",
        payload("\"format\":1", "\"format\":1,\"formatted\":1"),
    );
    v.edited(
        "manifest/float",
        "json-not-strict",
        "a number has a fraction",
        payload("\"sequence\":1", "\"sequence\":1.0"),
    );
    v.edited(
        "manifest/negative",
        "json-not-strict",
        "a number is negative",
        payload("\"sequence\":1", "\"sequence\":-1"),
    );
    v.edited(
        "manifest/large_integer",
        "json-not-strict",
        "a number is over 2^53 - 1",
        payload("\"sequence\":1", "\"sequence\":9007199254740992"),
    );
    v.edited(
        "manifest/byte_order_mark",
        "json-not-strict",
        "a byte order mark stands in front",
        payload("{\"base\"", "\u{feff}{\"base\""),
    );
    v.edited(
        "manifest/trailing",
        "json-not-strict",
        "something follows the document",
        payload("}],\"segment", "}],\"segment").with_trailing(),
    );
    v.edited(
        "manifest/time_with_fraction",
        "json-not-strict",
        "a time has a fraction",
        payload("2026-11-20T12:00:00Z", "2026-11-20T12:00:00.0Z"),
    );
    v.edited(
        "manifest/digest_upper_case",
        "json-not-strict",
        "a digest is in capitals",
        payload("\"plan\":\"sha256:", "\"plan\":\"SHA256:"),
    );
    v.edited(
        "manifest/format_2",
        "unknown-format",
        "the format is a later one",
        payload("\"format\":1", "\"format\":2"),
    );
    v.edited(
        "manifest/critical_extension",
        "unknown-format",
        "an extension is critical",
        manifest(|manifest| manifest["critical"] = serde_json::json!(["tomorrow"])),
    );
    v.edited(
        "manifest/stream_name",
        "json-not-strict",
        "the stream's name is a path",
        manifest(|manifest| manifest["stream"] = "../x".into()),
    );
    v.edited(
        "manifest/sequence_0",
        "json-not-strict",
        "numbers begin at 1",
        manifest(|manifest| manifest["sequence"] = 0.into()),
    );
    v.edited(
        "manifest/first_has_previous",
        "json-not-strict",
        "the first bundle names one before it",
        manifest(|manifest| manifest["previous"] = Digest::of(b"x").to_string().into()),
    );
    v.edited(
        "manifest/ends_before_it_begins",
        "json-not-strict",
        "`not_after` lies before `created`",
        manifest(|manifest| manifest["not_after"] = "2026-11-19T12:00:00Z".into()),
    );
    v.edited(
        "manifest/recipients_out_of_order",
        "json-not-strict",
        "recipients do not ascend",
        manifest(|manifest| {
            let own = manifest["recipients"][0].clone();
            manifest["recipients"] = serde_json::json!([own, own]);
        }),
    );
    v.edited(
        "manifest/segment_size",
        "json-not-strict",
        "the segment size is no power of two",
        manifest(|manifest| manifest["segment_size"] = 4097.into()),
    );
    v.edited(
        "manifest/catalog_over_limit",
        "json-not-strict",
        "the catalog is over the limit",
        manifest(|manifest| manifest["catalog"]["size"] = ((1_u64 << 30) + 1).into()),
    );
    v.edited(
        "manifest/no_volume",
        "json-not-strict",
        "there are no volumes",
        manifest(|manifest| manifest["volumes"] = serde_json::json!([])),
    );
    v.edited(
        "manifest/roots_with_gap",
        "json-not-strict",
        "the roots do not follow one by one",
        manifest(|manifest| {
            let mut second = manifest["roots"][0].clone();
            second["version"] = 3.into();
            manifest["roots"].as_array_mut().unwrap().push(second);
        }),
    );
}

trait WithTrailing {
    fn with_trailing(self) -> Self;
}

impl WithTrailing for Edits {
    fn with_trailing(mut self) -> Self {
        self.payload = Some(Box::new(|bytes| bytes.extend_from_slice(b" {}")));
        self
    }
}

fn catalog(v: &mut Vectors) {
    v.edited(
        "catalog/flipped",
        "digest-mismatch",
        "one byte of the stored catalog changed",
        members(|members| {
            let catalog = members
                .iter_mut()
                .find(|member| member.name == "catalog.ndjson.zst")
                .unwrap();
            let middle = catalog.data.len() / 2;
            catalog.data[middle] ^= 1;
        }),
    );
    v.edited(
        "catalog/too_long",
        "size-exceeded",
        "the frame expands to more than the signed size",
        manifest(|manifest| {
            let size = manifest["catalog"]["content_size"].as_u64().unwrap();
            manifest["catalog"]["content_size"] = (size - 1).into();
        }),
    );
    v.edited(
        "catalog/too_short",
        "container-not-exact",
        "the frame expands to less than the signed size",
        manifest(|manifest| {
            let size = manifest["catalog"]["content_size"].as_u64().unwrap();
            manifest["catalog"]["content_size"] = (size + 1).into();
        }),
    );
    v.edited(
        "catalog/second_frame",
        "container-not-exact",
        "a second frame follows",
        Edits {
            catalog_frame: Some(Box::new(|frame| {
                let more = sealift::bundle::frame::encode(b"").unwrap();
                frame.extend(more);
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/skippable_frame",
        "container-not-exact",
        "a skippable frame stands in front",
        Edits {
            catalog_frame: Some(Box::new(|frame| {
                let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, b'x'];
                frame.splice(0..0, skippable);
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/not_zstd",
        "container-not-exact",
        "it is not compressed",
        Edits {
            catalog_frame: Some(Box::new(|frame| *frame = b"{}\n".to_vec())),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/large_window",
        "size-exceeded",
        "the frame asks for a window of 16 MiB",
        Edits {
            catalog_frame: Some(Box::new(|frame| {
                let text = zstd::bulk::decompress(frame, 1 << 20).unwrap();
                let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
                encoder.window_log(24).unwrap();
                encoder.include_contentsize(false).unwrap();
                std::io::Write::write_all(&mut encoder, &text).unwrap();
                *frame = encoder.finish().unwrap();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/large_window_of_little",
        "size-exceeded",
        "the frame asks for a window of 16 MiB, says its size, and its content would need none",
        Edits {
            catalog_frame: Some(Box::new(|frame| {
                let text = zstd::bulk::decompress(frame, 1 << 20).unwrap();
                let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
                encoder.include_contentsize(true).unwrap();
                encoder.set_pledged_src_size(Some(text.len() as u64)).unwrap();
                std::io::Write::write_all(&mut encoder, &text).unwrap();
                let small = encoder.finish().unwrap();
                // The header of a single segment, rewritten with a window of its own.
                assert_eq!(small[4] & 0xe0, 0x60);
                *frame = [&small[..4], &[0x40, 14 << 3], &small[5..]].concat();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/not_canonical",
        "json-not-strict",
        "a record has a space",
        text("\"name\":\"set\"", "\"name\": \"set\""),
    );
    v.edited(
        "catalog/encoding_as_map",
        "json-not-strict",
        "an encoding is a map, as some libraries write it",
        text("\"encoding\":\"identity\"", "\"encoding\":{\"identity\":null}"),
    );
    v.edited(
        "catalog/no_last_line_feed",
        "container-not-exact",
        "the last line does not end",
        Edits {
            catalog_text: Some(Box::new(|text| {
                text.pop();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/duplicate_key",
        "json-not-strict",
        "a record has a key twice",
        text("\"name\":\"set\"", "\"name\":\"set\",\"name\":\"set\""),
    );
    v.edited(
        "catalog/unknown_record",
        "json-not-strict",
        "a record is of no known kind",
        text("{\"artifact\":", "{\"artefact\":"),
    );
    v.edited(
        "catalog/empty_line",
        "json-not-strict",
        "a line is empty",
        text("\n", "\n\n"),
    );
    v.edited(
        "catalog/objects_out_of_order",
        "container-not-exact",
        "objects do not ascend",
        records(|records| records.swap(0, 1)),
    );
    v.edited(
        "catalog/object_twice",
        "container-not-exact",
        "an object is listed twice",
        records(|records| {
            let again = records[0].clone();
            records.insert(0, again);
        }),
    );
    v.edited(
        "catalog/object_after_artifact",
        "container-not-exact",
        "an object follows an artifact",
        records(|records| {
            let mut object = records[0].clone();
            object["object"]["digest"] = format!("sha256:{}", "f".repeat(64)).into();
            records.push(object);
        }),
    );
    v.edited(
        "catalog/artifact_twice",
        "container-not-exact",
        "an artifact is listed twice",
        records(|records| {
            let again = records.last().unwrap().clone();
            records.push(again);
        }),
    );
    v.edited(
        "catalog/artifact_without_object",
        "object-not-listed",
        "an artifact names an object that is not listed",
        records(|records| {
            records.last_mut().unwrap()["artifact"]["digest"] = Digest::of(b"nowhere").to_string().into();
        }),
    );
    v.edited(
        "catalog/plan_not_listed",
        "object-not-listed",
        "the plan is not listed",
        manifest(|manifest| manifest["plan"] = Digest::of(b"nowhere").to_string().into()),
    );
    v.edited(
        "catalog/unreferenced_object",
        "container-not-exact",
        "an object is listed that nothing names",
        records(|records| {
            records.pop();
        }),
    );
    v.edited(
        "catalog/count_of_objects",
        "container-not-exact",
        "the manifest counts one object more",
        manifest(|manifest| {
            let objects = manifest["catalog"]["objects"].as_u64().unwrap();
            manifest["catalog"]["objects"] = (objects + 1).into();
        }),
    );
    v.edited(
        "catalog/sum_of_bytes",
        "container-not-exact",
        "the manifest sums one byte more",
        manifest(|manifest| {
            let bytes = manifest["catalog"]["object_bytes"].as_u64().unwrap();
            manifest["catalog"]["object_bytes"] = (bytes + 1).into();
        }),
    );
    v.edited(
        "catalog/count_of_artifacts",
        "container-not-exact",
        "the manifest counts one artifact more",
        manifest(|manifest| {
            let artifacts = manifest["catalog"]["artifacts"].as_u64().unwrap();
            manifest["catalog"]["artifacts"] = (artifacts + 1).into();
        }),
    );
    v.edited(
        "catalog/stored_size_of_identity",
        "json-not-strict",
        "an object stored as it is has a `stored_size`",
        records(|records| {
            let record = records
                .iter_mut()
                .find(|record| record["object"]["encoding"] == "identity")
                .unwrap();
            record["object"]["stored_size"] = record["object"]["size"].clone();
        }),
    );
    v.edited(
        "catalog/zstd_not_smaller",
        "json-not-strict",
        "an object stored as zstd is not smaller for it",
        records(|records| {
            let record = records
                .iter_mut()
                .find(|record| record["object"]["encoding"] == "zstd")
                .unwrap();
            record["object"]["stored_size"] = record["object"]["size"].clone();
        }),
    );
    v.edited(
        "catalog/segments_too_few",
        "json-not-strict",
        "an object lists one segment too few",
        records(|records| {
            let record = records
                .iter_mut()
                .find(|record| {
                    record["object"]["segments"]
                        .as_array()
                        .is_some_and(|list| list.len() > 1)
                })
                .unwrap();
            record["object"]["segments"].as_array_mut().unwrap().pop();
        }),
    );
    v.edited(
        "catalog/unknown_ecosystem",
        "unknown-format",
        "an artifact is of no known ecosystem",
        text("\"ecosystem\":\"files\"", "\"ecosystem\":\"filez\""),
    );
    v.edited(
        "catalog/proof_besides_not_asked",
        "json-not-strict",
        "a proof that the ecosystem does not have is stated as one that nobody asked for",
        text(
            "\"proofs\":[]",
            "\"proofs\":[{\"kind\":\"sigstore\",\"state\":\"not-asked\"}]",
        ),
    );
    v.edited(
        "catalog/proof_besides_not_served",
        "accepted",
        "an artifact states two proofs that its ecosystem does not have, and that were asked for in vain",
        text(
            "\"proofs\":[]",
            "\"proofs\":[{\"kind\":\"openpgp\",\"state\":\"absent\"},{\"kind\":\"sigstore\",\"state\":\"not-served\"}]",
        ),
    );
    v.edited(
        "catalog/proof_besides",
        "accepted",
        "an artifact brings two proofs that its ecosystem does not have",
        besides(&["minisign", "openpgp"], "present"),
    );
    v.edited(
        "catalog/proof_besides_descends",
        "json-not-strict",
        "the proofs besides the ecosystem's do not ascend",
        besides(&["openpgp", "minisign"], "present"),
    );
    v.edited(
        "catalog/proof_besides_twice",
        "json-not-strict",
        "a proof besides the ecosystem's is stated twice",
        besides(&["openpgp", "openpgp"], "present"),
    );
    v.edited(
        "catalog/proof_besides_no_name",
        "json-not-strict",
        "a kind of proof has a name that is none",
        besides(&["Open PGP"], "present"),
    );
    v.edited(
        "catalog/proof_besides_too_many",
        "json-not-strict",
        "an artifact brings 17 proofs besides its ecosystem's",
        besides(
            &[
                "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
            ],
            "present",
        ),
    );
    v.edited(
        "catalog/empty_name",
        "unsafe-name",
        "an artifact has no name",
        text("\"name\":\"set\"", "\"name\":\"\""),
    );
    v.edited(
        "catalog/volume_bytes",
        "container-not-exact",
        "a volume's size is not the sum of its segments",
        manifest(|manifest| {
            let bytes = manifest["volumes"][0]["bytes"].as_u64().unwrap();
            manifest["volumes"][0]["bytes"] = (bytes + 512).into();
        }),
    );
    v.edited(
        "catalog/volume_segments",
        "container-not-exact",
        "a volume counts one segment more than there are",
        manifest(|manifest| {
            let segments = manifest["volumes"][0]["segments"].as_u64().unwrap();
            manifest["volumes"][0]["segments"] = (segments + 1).into();
        }),
    );
}

fn objects(v: &mut Vectors) {
    v.edited(
        "objects/small_flipped",
        "digest-mismatch",
        "one byte of a small object changed",
        members(|members| flip(members, 1)),
    );
    v.edited(
        "objects/large_flipped",
        "digest-mismatch",
        "one byte of a large object's second segment changed",
        members(|members| flip(members, 2)),
    );
    v.edited(
        "objects/zstd_flipped",
        "digest-mismatch",
        "one byte of a compressed object changed: it never reaches the decoder",
        members(|members| {
            let member = members
                .iter_mut()
                .find(|member| member.name.ends_with(".zst") && member.name.starts_with("objects/"))
                .unwrap();
            member.data[6] ^= 1;
        }),
    );
    v.edited(
        "objects/zstd_bomb",
        "size-exceeded",
        "a compressed object expands to more than its signed size",
        records(|records| {
            // The record says one byte less than the frame holds; digest and stored bytes are as signed.
            let record = records
                .iter_mut()
                .find(|record| record["object"]["encoding"] == "zstd")
                .unwrap();
            let size = record["object"]["size"].as_u64().unwrap();
            record["object"]["size"] = (size - 1).into();
        }),
    );
    v.edited(
        "objects/content_not_as_named",
        "digest-mismatch",
        "a compressed object's content is another one than its name says",
        Edits {
            records: Some(Box::new(|records| {
                let bytes = sealift::bundle::frame::encode(&b"carried Across the gap\n".repeat(40)).unwrap();
                let record = records
                    .iter_mut()
                    .find(|record| record["object"]["encoding"] == "zstd")
                    .unwrap();
                record["object"]["segments"][0] = Digest::of(&bytes).to_string().into();
                record["object"]["stored_size"] = bytes.len().into();
            })),
            members: Some(Box::new(|volumes| {
                let member = volumes[0]
                    .iter_mut()
                    .find(|member| member.name.ends_with(".zst") && member.name.starts_with("objects/"))
                    .unwrap();
                member.data = sealift::bundle::frame::encode(&b"carried Across the gap\n".repeat(40)).unwrap();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "objects/segments_not_the_object",
        "digest-mismatch",
        "every segment is as listed, and together they are not the object that is named",
        records(|records| {
            let noise = digest_of(2);
            let record = records
                .iter_mut()
                .find(|record| record["object"]["digest"] == noise)
                .unwrap();
            let segments = record["object"]["segments"].as_array_mut().unwrap();
            // The third segment's digest is kept; the member is exchanged below.
            segments[2] = Digest::of(&vec![7; 10_000 - 8192]).to_string().into();
        })
        .and_members(|members| {
            let member = members
                .iter_mut()
                .find(|member| member.name.ends_with(".000002"))
                .unwrap();
            member.data = vec![7; 10_000 - 8192];
        }),
    );
}

trait AndMembers {
    fn and_members(self, edit: impl Fn(&mut Vec<Member>) + 'static) -> Self;
}

impl AndMembers for Edits {
    fn and_members(mut self, edit: impl Fn(&mut Vec<Member>) + 'static) -> Self {
        self.members = Some(Box::new(move |volumes| edit(&mut volumes[0])));
        self
    }
}

/// Flips a byte of one of the sample's files.
fn flip(members: &mut [Member], file: usize) {
    let hex = digest_of(file)[7..].to_owned();
    let prefix = format!("objects/{}/{}", &hex[..2], &hex[2..]);
    let member = members
        .iter_mut()
        .filter(|member| member.name.starts_with(&prefix))
        .nth(usize::from(file == 2))
        .unwrap();
    member.data[100] ^= 1;
}

fn volume_cases(v: &mut Vectors) {
    let two = RawBundle::two_volumes();
    v.add(
        "volumes/two",
        "accepted",
        "two volumes; the large file crosses them",
        two.build(&Edits::default()),
    );
    v.add(
        "volumes/second_missing",
        "incomplete",
        "the second volume has not come yet",
        two.build(&Edits::default()),
    );
    v.files().retain(|name, _| !name.contains("vol002"));
    v.add(
        "volumes/first_missing",
        "incomplete",
        "the first volume has not come yet",
        two.build(&Edits::default()),
    );
    v.files().retain(|name, _| !name.contains("vol001"));
    v.add(
        "volumes/given_twice",
        "container-not-exact",
        "one volume is there under two names",
        two.build(&Edits::default()),
    );
    let first = v.files()["main-1.vol001of002.tar"].clone();
    v.files().insert("main-1.vol002of002.tar".into(), first);
    v.add(
        "volumes/mark_of_another",
        "container-not-exact",
        "the second volume calls itself the first",
        two.build(&Edits {
            members: Some(Box::new(|volumes| {
                for member in &mut volumes[1] {
                    if member.name.starts_with("volume/") {
                        member.name = "volume/1-of-2".into();
                    }
                }
            })),
            ..Edits::default()
        }),
    );
    v.files().retain(|name, _| !name.contains("vol001"));
    v.add(
        "volumes/of_two_bundles",
        "container-not-exact",
        "the second volume belongs to another bundle",
        two.build(&Edits::default()),
    );
    let mut other = two.clone();
    other.files[1].1 = noise(5, 300);
    let second = other.build(&Edits::default()).swap_remove(1);
    v.files().insert("main-1.vol002of002.tar".into(), second);
    v.add(
        "volumes/second_flipped",
        "digest-mismatch",
        "a byte of the second volume changed",
        two.build(&Edits {
            members: Some(Box::new(|volumes| {
                let last = volumes[1]
                    .iter_mut()
                    .rev()
                    .find(|member| !member.data.is_empty())
                    .unwrap();
                last.data[0] ^= 1;
            })),
            ..Edits::default()
        }),
    );
}

fn order(v: &mut Vectors) {
    let number = |sequence: u64, previous: Option<&[u8]>| {
        let mut bundle = RawBundle::sample();
        bundle.sequence = sequence;
        bundle.previous = previous.map(Digest::of);
        bundle.build(&Edits::default())
    };
    let remember = |sequence: u64, manifest: &[u8]| CaseMemory {
        last_epoch: 1,
        last_sequence: sequence,
        last_manifest: Some(Digest::of(manifest).to_string()),
        ..CaseMemory::default()
    };
    v.add(
        "order/first",
        "accepted",
        "the first bundle of a stream",
        number(1, None),
    )
    .memory = Some(CaseMemory::default());
    v.add(
        "order/next",
        "accepted",
        "the next bundle of a stream",
        number(5, Some(b"four")),
    )
    .memory = Some(remember(4, b"four"));
    v.add(
        "order/rollback",
        "rollback",
        "number 4 after number 5",
        number(4, Some(b"three")),
    )
    .memory = Some(remember(5, b"five"));
    let mut memory = remember(7, b"seven");
    memory.same_number = Some(Digest::of(b"other").to_string());
    v.add(
        "order/number_reused",
        "sequence-reused",
        "another bundle with this number was imported",
        number(7, Some(b"six")),
    )
    .memory = Some(memory);
    v.add(
        "order/other_predecessor",
        "sequence-reused",
        "it follows another bundle than the one that was imported last",
        number(5, Some(b"other four")),
    )
    .memory = Some(remember(4, b"four"));
    v.add(
        "order/gap",
        "sequence-gap",
        "number 7 after number 5",
        number(7, Some(b"six")),
    )
    .memory = Some(remember(5, b"five"));
    v.add(
        "order/gap_recorded",
        "accepted",
        "number 7 after number 5, where the site records gaps",
        number(7, Some(b"six")),
    )
    .memory = Some(CaseMemory {
        record_gaps: true,
        ..remember(5, b"five")
    });
    v.add(
        "order/jump",
        "sequence-jump",
        "number 1000 after number 5",
        number(1000, Some(b"x")),
    )
    .memory = Some(CaseMemory {
        record_gaps: true,
        ..remember(5, b"five")
    });
    v.add(
        "order/already_imported",
        "already-imported",
        "the very bundle once more",
        number(1, None),
    )
    .memory = Some(CaseMemory {
        last_epoch: 1,
        last_sequence: 1,
        last_manifest: Some(RawBundle::sample().manifest_digest().to_string()),
        ..CaseMemory::default()
    });
    v.edited(
        "order/epoch_ahead",
        "sequence-jump",
        "an epoch that no root has begun",
        manifest(|manifest| manifest["epoch"] = 2.into()),
    )
    .memory = Some(CaseMemory::default());
    v.edited(
        "order/base_missing",
        "base-missing",
        "a delta whose base was not imported",
        manifest(|manifest| manifest["base"] = Digest::of(b"base").to_string().into()),
    )
    .memory = Some(CaseMemory::default());
    v.edited(
        "order/wrong_enclave",
        "wrong-enclave",
        "made for another enclave",
        manifest(|manifest| manifest["recipients"] = serde_json::json!([Digest::of(b"other").to_string()])),
    );
    v.edited(
        "order/expired",
        "bundle-expired",
        "its time to live has passed",
        Edits::default(),
    )
    .now = "2027-01-01T00:00:00Z".into();
    v.edited(
        "order/expired_by_known_time",
        "bundle-expired",
        "the clock is within its time, and a later time is known",
        Edits::default(),
    );
    let case = &mut v.cases.last_mut().unwrap().1;
    case.now = "2026-12-20T11:55:00Z".into();
    case.memory = Some(CaseMemory {
        known_time: Some("2026-12-20T12:00:01Z".into()),
        ..CaseMemory::default()
    });
    v.edited(
        "order/clock_behind",
        "clock-behind",
        "the clock shows an earlier time than is known",
        Edits::default(),
    )
    .memory = Some(CaseMemory {
        known_time: Some("2026-11-21T12:10:01Z".into()),
        ..CaseMemory::default()
    });
    v.edited(
        "order/from_the_future",
        "time-implausible",
        "it claims to be made in two days",
        Edits::default(),
    )
    .now = "2026-11-18T12:00:00Z".into();
    v.edited(
        "order/root_expired",
        "root-expired",
        "the root has expired",
        manifest(|manifest| manifest["not_after"] = "2028-12-20T12:00:00Z".into()),
    )
    .now = "2027-11-22T00:00:00Z".into();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle-spec/vectors")
}

/// Runs the reader over a case's folder and gives its verdict.
pub(crate) fn judge(case: &Case, folder: &Path, staging: &Path) -> String {
    let root = TrustedRoot::pinned(&fs::read(folder.join("root.dsse.json")).unwrap()).unwrap();
    let judgement = Judgement {
        root: &root,
        now: case.now.parse().unwrap(),
        memory: case.memory.as_ref().map(|memory| memory as &dyn Memory),
        approvals: Approvals::Needed,
        revocations: None,
    };
    let workspace = Workspace {
        staging: staging.to_owned(),
        store: None,
        threads: 2,
        progress: &Silent,
    };
    let verified = open(vec![Input::Path(folder.to_owned())])
        .and_then(|opened| authenticate(opened, &judgement).result)
        .and_then(|authenticated| verify_objects(authenticated, &workspace));
    match verified {
        Ok(Verified::Intact(_)) => "accepted".to_owned(),
        Ok(Verified::Incomplete(_)) => "incomplete".to_owned(),
        Err(Stop::Refused(refusals)) => {
            for refusal in &refusals {
                assert!(!refusal.subject.is_empty() && !refusal.reason.is_empty(), "{refusal:?}");
            }
            refusals[0].code.name().to_owned()
        }
        Err(Stop::Unable(unable)) => format!("unable: {unable:?}"),
    }
}

#[test]
fn every_vector_gets_its_verdict() {
    let vectors = all();
    let folder = folder();
    if std::env::var_os("SEALIFT_WRITE_VECTORS").is_some() {
        for chapter in fs::read_dir(&folder).into_iter().flatten() {
            let path = chapter.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            }
        }
        for (name, case, files) in &vectors.cases {
            let place = folder.join(name);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("case.toml"), case_text(case)).unwrap();
            for (name, bytes) in files {
                fs::write(place.join(name), bytes).unwrap();
            }
        }
    }
    let mut wrong = Vec::new();
    for (name, case, files) in &vectors.cases {
        let place = folder.join(name);
        let written = fs::read_to_string(place.join("case.toml")).unwrap_or_default();
        if written != case_text(case) {
            wrong.push(format!("{name}: case.toml is not as the test writes it"));
            continue;
        }
        for (file, bytes) in files {
            if fs::read(place.join(file)).ok().as_ref() != Some(bytes) {
                wrong.push(format!("{name}: {file} is not as the test writes it"));
            }
        }
        let staging = tempfile::tempdir().unwrap();
        let verdict = judge(case, &place, staging.path());
        if verdict != case.verdict {
            wrong.push(format!("{name}: {verdict} and not {}", case.verdict));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(vectors.cases.len() > 100, "{} cases", vectors.cases.len());
}

#[test]
fn every_vector_in_the_folder_is_known() {
    let known: Vec<String> = all().cases.into_iter().map(|(name, ..)| name).collect();
    for chapter in fs::read_dir(folder()).unwrap() {
        let chapter = chapter.unwrap();
        if !chapter.path().is_dir() {
            continue;
        }
        for case in fs::read_dir(chapter.path()).unwrap() {
            let name = format!(
                "{}/{}",
                chapter.file_name().to_str().unwrap(),
                case.unwrap().file_name().to_str().unwrap()
            );
            assert!(known.contains(&name), "{name} is in the folder and not in the test");
        }
    }
}

pub(crate) fn case_text(case: &Case) -> String {
    let mut text = format!(
        "why = {:?}\nverdict = {:?}\nnow = {:?}\n",
        case.why, case.verdict, case.now
    );
    if let Some(memory) = &case.memory {
        text.push_str("\n[memory]\n");
        text.push_str(&format!(
            "last_epoch = {}\nlast_sequence = {}\n",
            memory.last_epoch, memory.last_sequence
        ));
        for (key, value) in [
            ("last_manifest", &memory.last_manifest),
            ("same_number", &memory.same_number),
            ("known_time", &memory.known_time),
        ] {
            if let Some(value) = value {
                text.push_str(&format!("{key} = {value:?}\n"));
            }
        }
        text.push_str(&format!("record_gaps = {}\n", memory.record_gaps));
    }
    text
}
