//! An enclave with a policy that decides, and what is brought to it.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::key::Signer as _;
use sealift::model::{Anchor, Digest, Level, Material, Name, ScopePattern, SpeaksFor};
use sealift::trust::folder::TrustFolder;
use sealift::trust::{Kind, TrustData};
use serde_json::{Value, json};

use crate::people;
use crate::raw_bundle::{Edits, RawBundle, RawObject};
use crate::world::{World, now};

/// Keys of two publishers.
pub(crate) const FIRST: u8 = 60;
pub(crate) const SECOND: u8 = 61;

/// The key of somebody who signs with signify.
pub(crate) const BESIDE: u8 = 64;

/// The key of somebody who speaks of vulnerabilities in one tool.
pub(crate) const TELLER: u8 = 63;

/// What every policy here says unless it says otherwise: nothing is asked of the bundle, and no proof of an artifact.
pub(crate) const PLAIN: &str = "
schema: sealift-policy/1
id: plant-7
version: VERSION
profile: standard
require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }
";
pub(crate) const FILES: &str = "ecosystems: { files: { evidence: none } }\n";
pub(crate) const NO_NAMES: &str = "names: { first_seen: allow, similar: allow }\n";

/// One plain file: its set's name, its version, its content, and who signed it.
pub(crate) struct File {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) content: String,
    pub(crate) signature: Option<Vec<u8>>,
    /// Signify's, beside it or alone.
    pub(crate) second: Option<Vec<u8>>,
}

pub(crate) fn file(name: &'static str, version: &'static str) -> File {
    File {
        name,
        version,
        content: format!("{name} {version}\n"),
        signature: None,
        second: None,
    }
}

pub(crate) fn signed(name: &'static str, version: &'static str, by: u8) -> File {
    let file = file(name, version);
    File {
        signature: Some(signature(file.content.as_bytes(), by)),
        ..file
    }
}

impl File {
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.content.as_bytes())
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    pub(crate) fn purl(&self) -> String {
        format!(
            "pkg:generic/{}@{}?checksum={}&file_name={}",
            self.name,
            self.version,
            self.digest(),
            self.file_name()
        )
    }
}

/// minisign's legacy form (its manual, "Signature format").
pub(crate) fn signature(content: &[u8], by: u8) -> Vec<u8> {
    let key = people::key(by);
    let own = key.sign(content).unwrap();
    let line = STANDARD.encode([b"Ed".as_slice(), &[by; 8], &own].concat());
    let comment = "of a test";
    let global = key.sign(&[own.as_slice(), comment.as_bytes()].concat()).unwrap();
    format!(
        "untrusted comment: of a test\n{line}\ntrusted comment: {comment}\n{}\n",
        STANDARD.encode(global)
    )
    .into_bytes()
}

/// signify's form, which is the first half of minisign's.
pub(crate) fn beside(content: &[u8]) -> Vec<u8> {
    let own = people::key(BESIDE).sign(content).unwrap();
    let line = STANDARD.encode([b"Ed".as_slice(), &[BESIDE; 8], &own].concat());
    format!("untrusted comment: of a test\n{line}\n").into_bytes()
}

fn minisign_key(number: u8) -> String {
    let key = people::key(number);
    format!(
        "untrusted comment: of a test\n{}\n",
        STANDARD.encode([b"Ed".as_slice(), &[number; 8], key.public().bytes()].concat())
    )
}

/// What a bundle carries beside its artifacts.
#[derive(Default)]
pub(crate) struct Beside {
    pub(crate) advisories: Option<String>,
    pub(crate) vex: Option<String>,
    pub(crate) popular_names: Option<String>,
    pub(crate) plan: Option<String>,
}

/// Enclaves, and what is brought to them.
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) last: Option<Digest>,
    pub(crate) number: u64,
    pub(crate) policies: u64,
}

impl Site {
    /// An enclave that pins both publishers, with a policy in addition to [`PLAIN`].
    pub(crate) fn new(policy: &str) -> Self {
        Self::of(World::new(), &[people::ANN], policy)
    }

    pub(crate) fn of(world: World, trusted: &[u8], policy: &str) -> Self {
        let mut data = TrustData::empty(1, now());
        for (name, material, scope) in [
            ("beside", Material::SignifyKey(minisign_key(BESIDE)), "*"),
            ("first", Material::MinisignKey(minisign_key(FIRST)), "*"),
            ("second", Material::MinisignKey(minisign_key(SECOND)), "*"),
            ("teller", Material::MinisignKey(minisign_key(TELLER)), "vex/files/tool"),
        ] {
            data.put(Anchor {
                material,
                name: name.to_owned(),
                note: "of a test".to_owned(),
                scope: vec![ScopePattern::new(scope)],
                speaks_for: SpeaksFor::Publisher,
                suites: Vec::new(),
                valid_from: None,
                valid_until: None,
            });
        }
        let mut trust = TrustFolder::open(&world.path("en/trust")).unwrap();
        let envelope = people::sealed(Kind::TrustData, &data.write().unwrap(), trusted).write();
        let next = trust.judge_next(Kind::TrustData, &envelope, None).unwrap().unwrap();
        trust.stand(&next).unwrap();
        let mut site = Self {
            world,
            last: None,
            number: 0,
            policies: 0,
        };
        site.policy(policy);
        site
    }

    pub(crate) fn policy(&mut self, policy: &str) {
        self.policies += 1;
        let plain = PLAIN.replace("VERSION", &self.policies.to_string());
        self.world.policy(&format!("{plain}{policy}"));
    }

    /// The next policy, signed by these.
    pub(crate) fn policy_by(&mut self, policy: &str, signers: &[u8]) {
        self.policies += 1;
        let plain = PLAIN.replace("VERSION", &self.policies.to_string());
        self.world.policy_by(&format!("{plain}{policy}"), signers);
    }

    /// Writes the next bundle, and gives its folder. Only [`Site::imports`] makes it the one that others follow.
    pub(crate) fn medium(&mut self, files: &[File], beside: &Beside) -> String {
        let mut bundle = RawBundle {
            files: Vec::new(),
            ..self.world.bundle(self.number + 1, self.last)
        };
        let mut coordinates: Vec<(String, String, String, Vec<Value>)> = Vec::new();
        for file in files {
            let proofs = file.signature.iter().chain(&file.second);
            let kinds = file.signature.iter().map(|_| "minisign").chain(["signify"]);
            let named = proofs
                .clone()
                .zip(kinds)
                .map(|(proof, kind)| json!({ "kind": kind, "objects": [Digest::of(proof)], "state": "present" }));
            coordinates.push((
                file.file_name(),
                file.name.to_owned(),
                file.version.to_owned(),
                named.collect(),
            ));
            bundle.objects.extend(proofs.cloned().map(object));
            bundle.files.push((file.file_name(), file.content.clone().into_bytes()));
        }
        let mut side_data = serde_json::Map::new();
        for (word, text) in [
            ("advisories", &beside.advisories),
            ("popular-names", &beside.popular_names),
            ("vex", &beside.vex),
        ] {
            if let Some(text) = text {
                side_data.insert(word.to_owned(), json!(Digest::of(text.as_bytes())));
                bundle.objects.push(object(text.clone().into_bytes()));
            }
        }
        if let Some(plan) = &beside.plan {
            bundle.plan = plan.clone().into_bytes();
        }
        let edits = Edits {
            records: Some(Box::new(move |records: &mut Vec<Value>| {
                for record in records.iter_mut().filter(|record| record.get("artifact").is_some()) {
                    let artifact = &mut record["artifact"];
                    let (_, name, version, proofs) =
                        coordinates.iter().find(|(file, ..)| artifact["file"] == *file).unwrap();
                    artifact["name"] = json!(name);
                    artifact["version"] = json!(version);
                    if !proofs.is_empty() {
                        artifact["proofs"] = json!(proofs);
                    }
                }
                let of = |record: &Value, field: &str| record["artifact"][field].as_str().map(str::to_owned);
                let first = records
                    .iter()
                    .position(|record| record.get("artifact").is_some())
                    .unwrap();
                records[first..].sort_by_key(|record| (of(record, "name"), of(record, "version"), of(record, "file")));
            })),
            ..World::edits(move |manifest| {
                if !side_data.is_empty() {
                    manifest["side_data"] = Value::Object(side_data.clone());
                }
            })
        };
        let folder = format!("m{}", fs::read_dir(self.world.path("")).unwrap().count());
        let digest = self.world.write(&folder, &bundle, &edits);
        fs::write(self.world.path(&format!("{folder}/digest")), digest.to_string()).unwrap();
        folder
    }

    pub(crate) fn plain(&mut self, files: &[File]) -> String {
        self.medium(files, &Beside::default())
    }

    /// Imports a medium; its bundle is the one that the next follows.
    pub(crate) fn imports(&mut self, folder: &str) -> Value {
        let report = self
            .world
            .json(&format!("import --enclave en {folder}/{}", self.volume()));
        self.number += 1;
        let digest = fs::read_to_string(self.world.path(&format!("{folder}/digest"))).unwrap();
        self.last = Some(digest.parse().unwrap());
        report
    }

    pub(crate) fn volume(&self) -> String {
        format!("main-{}.vol001of001.tar", self.number + 1)
    }

    /// A medium that is refused with a code, by a check and by an import alike.
    pub(crate) fn refused(&self, folder: &str, code: &str) -> String {
        let volume = format!("{folder}/{}", self.volume());
        self.world.refused(&format!("verify --enclave en {volume}"), code);
        self.world.refused(&format!("import --enclave en {volume}"), code)
    }

    pub(crate) fn refuses(&mut self, files: &[File], code: &str) -> String {
        let folder = self.plain(files);
        self.refused(&folder, code)
    }

    pub(crate) fn takes(&mut self, files: &[File]) -> Value {
        let folder = self.plain(files);
        self.imports(&folder)
    }

    pub(crate) fn floor(&self, name: &str) -> Option<Level> {
        let ledger = sealift::enclave::read(&self.world.path("en")).unwrap();
        let name = Name {
            ecosystem: "files".to_owned(),
            name: name.to_owned(),
        };
        ledger.floor(&name).unwrap()
    }
}

fn object(content: Vec<u8>) -> RawObject {
    RawObject { content, zstd: false }
}

/// A policy that asks for nothing but what is added.
pub(crate) fn lenient(more: &str) -> String {
    format!("{FILES}{NO_NAMES}{more}")
}
