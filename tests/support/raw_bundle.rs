//! A second, naive writer of bundle format 1, with a hook at every layer: tests change one thing and sign the rest
//! validly. Ours, and named as such: nothing here comes from a real registry.

use sealift::bundle::container::{header, padding};
use sealift::crypto::strict_json;
use sealift::model::Digest;
use sealift::trust::Kind;
use serde_json::{Value, json};

use crate::people;

/// One member of a volume.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) data: Vec<u8>,
}

/// An object before it is stored.
#[derive(Clone)]
pub(crate) struct RawObject {
    pub(crate) content: Vec<u8>,
    pub(crate) zstd: bool,
}

type Edit<T> = Option<Box<dyn Fn(&mut T)>>;

/// Changes at each layer; what lies above is digested and signed as changed.
#[derive(Default)]
pub(crate) struct Edits {
    /// The catalog's records.
    pub(crate) records: Edit<Vec<Value>>,
    /// The catalog's text.
    pub(crate) catalog_text: Edit<Vec<u8>>,
    /// The catalog's zstd frame.
    pub(crate) catalog_frame: Edit<Vec<u8>>,
    /// The manifest as JSON.
    pub(crate) manifest: Edit<Value>,
    /// The manifest's exact bytes.
    pub(crate) payload: Edit<Vec<u8>>,
    /// The envelope's bytes.
    pub(crate) envelope: Edit<Vec<u8>>,
    /// The members of each volume.
    pub(crate) members: Edit<Vec<Vec<Member>>>,
    /// The volumes' bytes.
    pub(crate) volumes: Edit<Vec<Vec<u8>>>,
    /// Signs with these keys and not the exporter's.
    pub(crate) signers: Option<Vec<u8>>,
    /// Signs as this kind and not as a manifest.
    pub(crate) kind: Option<Kind>,
}

/// A bundle's parts.
#[derive(Clone)]
pub(crate) struct RawBundle {
    pub(crate) objects: Vec<RawObject>,
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) roots: Vec<(u64, Vec<u8>)>,
    pub(crate) segment_size: usize,
    pub(crate) segments_per_volume: Option<usize>,
    pub(crate) sequence: u64,
    pub(crate) previous: Option<Digest>,
    pub(crate) plan: Vec<u8>,
}

const PLAN: &[u8] = b"{\"select\":[{\"files\":\"set\"}]}";

/// Bytes that do not compress, always the same for a seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}

impl RawBundle {
    /// Four plain files: a text (stored as zstd), noise of one and of several segments, and an empty one.
    pub(crate) fn sample() -> Self {
        let files = vec![
            ("readme.txt".to_owned(), b"carried across the gap\n".repeat(40)),
            ("noise.bin".to_owned(), noise(1, 300)),
            ("large.bin".to_owned(), noise(2, 10_000)),
            ("empty".to_owned(), Vec::new()),
        ];
        Self {
            objects: Vec::new(),
            files,
            roots: vec![(1, people::sealed_root(&people::root(), &[people::ANN, people::BOB]))],
            segment_size: 4096,
            segments_per_volume: None,
            sequence: 1,
            previous: None,
            plan: PLAN.to_vec(),
        }
    }

    /// The same, over two volumes; the large file crosses them.
    pub(crate) fn two_volumes() -> Self {
        Self {
            segments_per_volume: Some(4),
            ..Self::sample()
        }
    }

    /// Writes the volumes.
    pub(crate) fn build(&self, edits: &Edits) -> Vec<Vec<u8>> {
        let mut objects = self.objects.clone();
        objects.push(RawObject {
            content: self.plan.clone(),
            zstd: false,
        });
        for (name, content) in &self.files {
            objects.push(RawObject {
                content: content.clone(),
                zstd: name.ends_with(".txt"),
            });
        }
        objects.sort_by_key(|object| Digest::of(&object.content));
        objects.dedup_by_key(|object| Digest::of(&object.content));
        let mut records = Vec::new();
        let mut members = Vec::new();
        for object in &objects {
            let (record, own) = self.store(object);
            records.push(record);
            members.extend(own);
        }
        let mut artifacts: Vec<Value> = self
            .files
            .iter()
            .map(|(name, content)| artifact(name, content))
            .collect();
        artifacts.sort_by_key(|artifact| artifact["artifact"]["file"].as_str().unwrap().to_owned());
        records.extend(artifacts);
        run(&edits.records, &mut records);
        let mut text: Vec<u8> = records
            .iter()
            .flat_map(|record| [strict_json::write(record), b"\n".to_vec()].concat())
            .collect();
        run(&edits.catalog_text, &mut text);
        let mut frame = sealift::bundle::frame::encode(&text).unwrap();
        run(&edits.catalog_frame, &mut frame);
        let per_volume = self.segments_per_volume.unwrap_or(members.len());
        let mut volumes: Vec<Vec<Member>> = members.chunks(per_volume).map(<[Member]>::to_vec).collect();
        let count = |kind: &str| records.iter().filter(|record| record.get(kind).is_some()).count();
        let object_bytes: u64 = records
            .iter()
            .filter_map(|record| record["object"]["size"].as_u64())
            .sum();
        let mut manifest = json!({
            "base": null,
            "catalog": {
                "artifacts": count("artifact"), "content_size": text.len(), "digest": Digest::of(&frame).to_string(),
                "documents": count("document"), "object_bytes": object_bytes, "objects": count("object"), "size": frame.len(),
            },
            "created": "2026-11-20T12:00:00Z",
            "epoch": 1,
            "format": 1,
            "generator": "raw bundle of the tests",
            "not_after": "2026-12-20T12:00:00Z",
            "plan": Digest::of(&self.plan).to_string(),
            "previous": self.previous.map(|digest| digest.to_string()),
            "recipients": [people::id(people::STATION).to_string()],
            "roots": self.roots.iter().map(|(version, bytes)| json!({
                "digest": Digest::of(bytes).to_string(), "size": bytes.len(), "version": version,
            })).collect::<Vec<_>>(),
            "segment_size": self.segment_size,
            "sequence": self.sequence,
            "stream": "main",
            "volumes": volumes.iter().map(|members| json!({
                "bytes": members.iter().map(|member| 512 + member.data.len() as u64 + padding(member.data.len() as u64)).sum::<u64>(),
                "segments": members.len(),
            })).collect::<Vec<_>>(),
        });
        run(&edits.manifest, &mut manifest);
        let mut payload = strict_json::write(&manifest);
        run(&edits.payload, &mut payload);
        let signers = edits.signers.clone().unwrap_or_else(|| vec![people::EXPORTER]);
        let mut envelope = people::sealed(edits.kind.unwrap_or(Kind::Manifest), &payload, &signers).write();
        run(&edits.envelope, &mut envelope);
        let total = volumes.len();
        for (index, volume) in volumes.iter_mut().enumerate() {
            let mut head = vec![Member {
                name: "manifest.dsse.json".into(),
                data: envelope.clone(),
            }];
            for (version, bytes) in &self.roots {
                head.push(Member {
                    name: format!("roots/{version}.dsse.json"),
                    data: bytes.clone(),
                });
            }
            head.push(Member {
                name: "catalog.ndjson.zst".into(),
                data: frame.clone(),
            });
            head.push(Member {
                name: format!("volume/{}-of-{total}", index + 1),
                data: Vec::new(),
            });
            head.append(volume);
            *volume = head;
        }
        run(&edits.members, &mut volumes);
        let mut written: Vec<Vec<u8>> = volumes.iter().map(|members| tar(members)).collect();
        run(&edits.volumes, &mut written);
        written
    }

    /// The manifest's digest without edits.
    pub(crate) fn manifest_digest(&self) -> Digest {
        let volume = self.build(&Edits::default()).swap_remove(0);
        let size = usize::from_str_radix(std::str::from_utf8(&volume[124..135]).unwrap(), 8).unwrap();
        let envelope = sealift::crypto::dsse::Envelope::read(&volume[512..512 + size]).unwrap();
        Digest::of(&envelope.payload)
    }

    fn store(&self, object: &RawObject) -> (Value, Vec<Member>) {
        let digest = Digest::of(&object.content);
        let stored = if object.zstd {
            sealift::bundle::frame::encode(&object.content).unwrap()
        } else {
            object.content.clone()
        };
        let parts: Vec<&[u8]> = if stored.is_empty() {
            vec![&[]]
        } else {
            stored.chunks(self.segment_size).collect()
        };
        let mut record = json!({ "object": {
            "digest": digest.to_string(),
            "encoding": if object.zstd { "zstd" } else { "identity" },
            "size": object.content.len(),
        }});
        if object.zstd {
            record["object"]["stored_size"] = json!(stored.len());
        }
        if object.zstd || parts.len() > 1 {
            record["object"]["segments"] = parts.iter().map(|part| json!(Digest::of(part).to_string())).collect();
        }
        let hex = digest.hex();
        let suffix = if object.zstd { ".zst" } else { "" };
        let many = parts.len() > 1;
        let members = parts
            .iter()
            .enumerate()
            .map(|(index, part)| {
                let number = if many { format!(".{index:06}") } else { String::new() };
                Member {
                    name: format!("objects/{}/{}{suffix}{number}", &hex[..2], &hex[2..]),
                    data: part.to_vec(),
                }
            })
            .collect();
        (record, members)
    }
}

fn artifact(name: &str, content: &[u8]) -> Value {
    json!({ "artifact": {
        "digest": Digest::of(content).to_string(), "ecosystem": "files", "file": name, "name": "set",
        "origin": "folder", "proofs": [], "reason": "sealift.yaml", "version": "1.0",
    }})
}

fn run<T>(edit: &Edit<T>, value: &mut T) {
    if let Some(edit) = edit {
        edit(value);
    }
}

/// Writes members as our container has them.
pub(crate) fn tar(members: &[Member]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for member in members {
        let size = member.data.len() as u64;
        bytes.extend_from_slice(&header(&member.name, size));
        bytes.extend_from_slice(&member.data);
        bytes.resize(bytes.len() + padding(size) as usize, 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}
