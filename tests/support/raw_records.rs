//! A second, naive writer of what an enclave keeps: the log (a tree that is computed anew each time, as RFC 9162 §2.1 defines it), reports and
//! statements, with a hook at every layer: tests change one thing and sign the rest validly. Ours, and named as such.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::key::Signer as _;
use sealift::crypto::strict_json;
use sealift::model::Digest;
use sealift::trust::{Kind, Root};
use serde_json::{Value, json};

use crate::people;

/// When everything here was made, unless it says otherwise.
pub(crate) const CREATED: &str = "2026-11-20T12:00:00Z";

type Edit<T> = Option<Box<dyn Fn(&mut T)>>;

fn run<T>(edit: &Edit<T>, value: &mut T) {
    if let Some(edit) = edit {
        edit(value);
    }
}

/// The root of a tree of leaves (RFC 9162 §2.1.1).
fn tree(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            Digest::of(&[&[1][..], tree(left).as_bytes(), tree(right).as_bytes()].concat())
        }
    }
}

/// The largest power of two below a number.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// The proof that a tree holds that of its first leaves (RFC 9162 §2.1.4.1).
fn subproof(first: usize, leaves: &[Digest], is_whole: bool) -> Vec<Digest> {
    if first == leaves.len() {
        return if is_whole { Vec::new() } else { vec![tree(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if first <= left.len() {
        [subproof(first, left, is_whole), vec![tree(right)]].concat()
    } else {
        [subproof(first - left.len(), right, false), vec![tree(left)]].concat()
    }
}

/// The whole subtrees of a tree, from the left.
fn subtrees(leaves: &[Digest]) -> Vec<Digest> {
    let mut rest = leaves;
    let mut found = Vec::new();
    for bit in (0..usize::BITS).rev().map(|bit| 1_usize << bit) {
        if leaves.len() & bit != 0 {
            let (whole, after) = rest.split_at(bit);
            found.push(tree(whole));
            rest = after;
        }
    }
    found
}

fn texts(digests: &[Digest]) -> Vec<String> {
    digests.iter().map(Digest::to_string).collect()
}

/// A log that is held in memory.
#[derive(Clone, Default)]
pub(crate) struct RawLog {
    /// What its leaves say.
    pub(crate) leaves: Vec<Vec<u8>>,
    /// The sizes at which it was written down.
    flushed: Vec<usize>,
}

/// How the origin is written for an enclave.
pub(crate) fn origin(root: &Root) -> String {
    let id = root.enclave.id.to_string();
    format!("sealift/{}/{}", root.enclave.name, id.trim_start_matches("sha256:"))
}

/// A note of three lines, signed under a name by numbered keys.
pub(crate) fn note(origin: &str, size: usize, root: &Digest, name: &str, signers: &[u8]) -> String {
    let text = format!("{origin}\n{size}\n{}\n", STANDARD.encode(root.as_bytes()));
    let lines: String = signers
        .iter()
        .map(|number| {
            let key = people::key(*number);
            let named = Digest::of(&[name.as_bytes(), b"\n\x01", key.public().bytes()].concat());
            let signature = key.sign(text.as_bytes()).unwrap();
            let line = [&named.as_bytes()[..4], &signature].concat();
            format!("— {name} {}\n", STANDARD.encode(line))
        })
        .collect();
    if lines.is_empty() {
        text
    } else {
        format!("{text}\n{lines}")
    }
}

impl RawLog {
    fn hashes(&self, size: usize) -> Vec<Digest> {
        let of = |text: &Vec<u8>| Digest::of(&[&[0][..], text].concat());
        self.leaves[..size].iter().map(of).collect()
    }

    pub(crate) fn size(&self) -> usize {
        self.leaves.len()
    }

    pub(crate) fn add(&mut self, leaf: &Value) {
        self.leaves.push(strict_json::write(leaf));
    }

    /// Writes down how far it has come.
    pub(crate) fn flush(&mut self) {
        self.flushed.push(self.size());
    }

    pub(crate) fn root(&self, size: usize) -> Digest {
        tree(&self.hashes(size))
    }

    pub(crate) fn checkpoint(&self, origin: &str, size: usize, signers: &[u8]) -> String {
        note(origin, size, &self.root(size), origin, signers)
    }

    pub(crate) fn consistency(&self, first: usize, size: usize) -> Vec<String> {
        if first == 0 || first == size {
            return Vec::new();
        }
        texts(&subproof(first, &self.hashes(size), true))
    }

    pub(crate) fn subtrees(&self, size: usize) -> Vec<String> {
        texts(&subtrees(&self.hashes(size)))
    }

    /// The files below `tile`.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let whole = |from: usize| self.size() / 256 > from;
        for size in self.flushed.iter().copied().chain([self.size()]) {
            for first in (0..size).step_by(256) {
                let (index, end) = (first / 256, size.min(first + 256));
                if end - first < 256 && whole(index) {
                    continue;
                }
                let name = part(index, end - first);
                let entries = self.leaves[first..end].iter().flat_map(|text| {
                    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
                    [&length[..], text].concat()
                });
                files.insert(format!("tile/entries/{name}"), entries.collect());
                files.insert(format!("tile/0/{name}"), bytes(&self.hashes(size)[first..end]));
            }
            let tiles: Vec<Digest> = self.hashes(size).chunks_exact(256).map(tree).collect();
            if !tiles.is_empty() {
                files.insert(format!("tile/1/{}", part(0, tiles.len())), bytes(&tiles));
            }
        }
        files
    }
}

fn bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.as_bytes().to_vec()).collect()
}

fn part(index: usize, width: usize) -> String {
    assert!(index < 1000, "more than these vectors need");
    let beginning = if width < 256 {
        format!(".p/{width}")
    } else {
        String::new()
    };
    format!("{index:03}{beginning}")
}

/// Changes of a report at each layer; what lies above is digested and signed as changed.
#[derive(Default)]
pub(crate) struct ReportEdits {
    /// The records.
    pub(crate) records: Edit<Vec<Value>>,
    /// The lines of the records, after the head has named them.
    pub(crate) lines: Edit<Vec<u8>>,
    /// The head, before its leaf is made.
    pub(crate) head: Edit<Value>,
    /// What its leaves say.
    pub(crate) leaves: Edit<Vec<Value>>,
    /// The head with its part about the log.
    pub(crate) sealed: Edit<Value>,
    /// The head's exact bytes.
    pub(crate) payload: Edit<Vec<u8>>,
    /// The envelope's bytes.
    pub(crate) envelope: Edit<Vec<u8>>,
    /// Signs with these keys and not the station's.
    pub(crate) signers: Option<Vec<u8>>,
    /// Signs as this kind and not as a report.
    pub(crate) kind: Option<Kind>,
    /// Signs the checkpoint with these keys and not the station's.
    pub(crate) log_signers: Option<Vec<u8>>,
}

/// What an enclave keeps of its attempts, in memory.
#[derive(Clone)]
pub(crate) struct RawEnclave {
    pub(crate) root: Root,
    pub(crate) log: RawLog,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// The last report's number and digest.
    pub(crate) last: Option<(u64, Digest)>,
    /// The last checkpoint, and its size.
    pub(crate) checkpoint: Option<(String, usize)>,
    pub(crate) statements: u64,
}

impl RawEnclave {
    pub(crate) fn new() -> Self {
        Self {
            root: people::root(),
            log: RawLog::default(),
            files: BTreeMap::new(),
            last: None,
            checkpoint: None,
            statements: 0,
        }
    }

    /// Reports an attempt that was refused, with so many records. Gives the report.
    pub(crate) fn report(&mut self, artifacts: usize, edits: &ReportEdits) -> Vec<u8> {
        let number = self.last.map_or(1, |(number, _)| number + 1);
        let mut records: Vec<Value> = (0..artifacts).map(record).collect();
        run(&edits.records, &mut records);
        let lines: Vec<Vec<u8>> = records.iter().map(strict_json::write).collect();
        let mut text: Vec<u8> = lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
        let mut head = head(&self.root, number, self.last.as_ref());
        head["records"] = json!({
            "bytes": text.len(), "count": lines.len(), "digest": Digest::of(&text).to_string(),
        });
        if artifacts > 0 {
            head["bundle"] = bundle();
        }
        run(&edits.head, &mut head);
        let first = self.log.size();
        let mut leaves: Vec<Value> = records
            .iter()
            .zip(&lines)
            .map(|(record, line)| artifact_leaf(&head, record, line))
            .collect();
        leaves.push(attempt_leaf(&head));
        run(&edits.leaves, &mut leaves);
        leaves.iter().for_each(|leaf| self.log.add(leaf));
        self.log.flush();
        let size = self.log.size();
        let origin = origin(&self.root);
        let signers = edits.log_signers.clone().unwrap_or_else(|| vec![people::STATION]);
        let after = self.log.checkpoint(&origin, size, &signers);
        head["log"] = json!({
            "after": after,
            "before": self.checkpoint.as_ref().map(|(text, _)| text),
            "consistency": self.checkpoint.as_ref().map_or_else(Vec::new, |(_, before)| self.log.consistency(*before, size)),
            "first": first,
            "origin": origin,
            "subtrees": self.log.subtrees(first),
        });
        run(&edits.sealed, &mut head);
        let mut payload = strict_json::write(&head);
        run(&edits.payload, &mut payload);
        let signers = edits.signers.clone().unwrap_or_else(|| vec![people::STATION]);
        let mut envelope = people::sealed(edits.kind.unwrap_or(Kind::Report), &payload, &signers).write();
        run(&edits.envelope, &mut envelope);
        run(&edits.lines, &mut text);
        let report = [envelope, b"\n".to_vec(), text].concat();
        self.last = Some((number, Digest::of(&payload)));
        self.checkpoint = Some((after, size));
        let label = if artifacts > 0 {
            format!("main-{number}")
        } else {
            "unknown".to_owned()
        };
        self.files.insert(
            format!("reports/{number:06}-{label}-refused.report.ndjson"),
            report.clone(),
        );
        report
    }

    /// Takes a statement, as it stands: a file, and a leaf. Gives the digest of what was signed.
    pub(crate) fn state(&mut self, what: &str, kind: Kind, body: &Value, signers: &[u8]) -> Digest {
        self.statements += 1;
        let number = self.statements;
        let payload = strict_json::write(body);
        let digest = Digest::of(&payload);
        let envelope = people::sealed(kind, &payload, signers).write();
        self.files
            .insert(format!("statements/{number:06}-{what}.dsse.json"), envelope);
        self.log.add(&json!({
            "digest": digest.to_string(), "kind": "statement", "number": number, "time": CREATED, "what": what,
        }));
        self.log.flush();
        digest
    }

    /// Every file of it, the log's too.
    pub(crate) fn all(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files.clone();
        for (name, bytes) in self.log.files() {
            files.insert(format!("log/{name}"), bytes);
        }
        if let Some((text, _)) = &self.checkpoint {
            files.insert("log/checkpoint".to_owned(), text.clone().into_bytes());
        }
        files
    }
}

fn artifact_leaf(head: &Value, record: &Value, line: &[u8]) -> Value {
    json!({
        "artifact": record["digest"], "decision": record["decision"]["admission"], "kind": "artifact", "purl": record["purl"],
        "record": Digest::of(line).to_string(), "report": head["number"],
    })
}

fn attempt_leaf(head: &Value) -> Value {
    let refusals = head["refusals"].as_array().unwrap();
    let codes: BTreeSet<&str> = refusals
        .iter()
        .map(|refusal| refusal["code"].as_str().unwrap())
        .collect();
    json!({
        "bundle": head["bundle"].get("manifest"), "codes": codes, "count": head["records"]["count"], "created": head["created"],
        "generation": head["published"].get("generation"), "kind": "attempt", "outcome": head["outcome"],
        "previous": head["previous"].get("digest"), "records": head["records"]["digest"], "report": head["number"],
        "repository": head["published"].get("repository"),
    })
}

/// The head of a report of a refusal, without its part about the log.
fn head(root: &Root, number: u64, previous: Option<&(u64, Digest)>) -> Value {
    let root_digest = Digest::of(&root.write().unwrap()).to_string();
    json!({
        "bundle": null,
        "checks": [
            { "codes": ["wrong-enclave"], "id": "recipient", "method": "test", "note": "", "result": "fail", "title": "It is for this enclave" },
        ],
        "created": CREATED,
        "critical": [],
        "ecosystems": [],
        "format": 1,
        "generator": "raw records of the tests",
        "journal": null,
        "known_time": null,
        "log": null,
        "not_checked": [],
        "number": number,
        "outcome": "refused",
        "people": [],
        "policy": null,
        "previous": previous.map(|(number, digest)| json!({ "digest": digest.to_string(), "number": number })),
        "published": null,
        "records": null,
        "refusals": [
            { "code": "wrong-enclave", "expected": null, "found": null, "hint": null, "reason": "it was not made for plant-7", "subject": "bundle main 1" },
        ],
        "refusals_left_out": 0,
        "station": { "enclave": root.enclave.id.to_string(), "name": root.enclave.name, "profile": "standard" },
        "trust": {
            "changes": [], "changes_left_out": 0, "new_roots": [], "revocations": null,
            "root": { "digest": root_digest, "version": root.version }, "trust_data": null,
        },
        "vouchers": [],
        "vouchers_left_out": 0,
    })
}

fn bundle() -> Value {
    json!({
        "artifacts": 3, "base": null, "created": CREATED, "documents": 0, "epoch": 1, "generator": "raw records of the tests",
        "label": "bundle main 1", "manifest": Digest::of(b"manifest").to_string(), "not_after": "2026-12-20T12:00:00Z", "object_bytes": 300,
        "objects": 3, "plan": Digest::of(b"plan").to_string(), "previous": null, "sequence": 1, "side_data": {}, "stream": "main", "volumes": 1,
    })
}

/// The record of a plain file that was kept out.
fn record(index: usize) -> Value {
    let file = format!("file-{index}");
    json!({
        "absent": [],
        "decision": {
            "admission": "denied", "hits": [], "required_by": "ecosystems.files", "reviewed_by": [], "rules_say": "deny", "verdict": "deny",
        },
        "digest": Digest::of(file.as_bytes()).to_string(),
        "ecosystem": "files",
        "file": file,
        "findings": [],
        "floor": null,
        "level": "none",
        "name": "set",
        "origin": "folder",
        "purl": format!("pkg:generic/set@1.0?file_name={file}"),
        "reason": "sealift.yaml",
        "required": "observed",
        "size": file.len(),
        "version": "1.0",
    })
}
