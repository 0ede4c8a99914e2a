//! The policy decides: what it refuses stays outside, what it leaves to persons waits for their signatures, and what the enclave remembers of a
//! name is held against the next version. Each test fails if its rule is not asked.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::key::Signer as _;
use sealift::model::{Anchor, Digest, Level, Material, Name, ScopePattern, SpeaksFor};
use sealift::trust::folder::TrustFolder;
use sealift::trust::{Kind, Role, TrustData};
use serde_json::{Value, json};

use crate::people;
use crate::raw_bundle::{Edits, RawBundle, RawObject};
use crate::reviews::{digest, review};
use crate::world::{World, now};

/// Keys of two publishers.
pub(crate) const FIRST: u8 = 60;
const SECOND: u8 = 61;

/// The key of somebody who speaks of vulnerabilities in one tool.
pub(crate) const TELLER: u8 = 63;

/// What every policy here says unless it says otherwise: nothing is asked of the bundle, and no proof of an artifact.
const PLAIN: &str = "
schema: sealift-policy/1
id: plant-7
version: VERSION
profile: standard
require: { approvals: 0, revocations_max_age_days: none, advisories_max_age_days: none }
";
pub(crate) const FILES: &str = "ecosystems: { files: { evidence: none } }\n";
const NO_NAMES: &str = "names: { first_seen: allow, similar: allow }\n";

/// One plain file: its set's name, its version, its content, and who signed it.
pub(crate) struct File {
    name: &'static str,
    version: &'static str,
    content: String,
    signature: Option<Vec<u8>>,
}

pub(crate) fn file(name: &'static str, version: &'static str) -> File {
    File {
        name,
        version,
        content: format!("{name} {version}\n"),
        signature: None,
    }
}

fn signed(name: &'static str, version: &'static str, by: u8) -> File {
    let file = file(name, version);
    File {
        signature: Some(signature(file.content.as_bytes(), by)),
        ..file
    }
}

impl File {
    fn digest(&self) -> Digest {
        Digest::of(self.content.as_bytes())
    }

    fn file_name(&self) -> String {
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
    last: Option<Digest>,
    number: u64,
    policies: u64,
}

impl Site {
    /// An enclave that pins both publishers, with a policy in addition to [`PLAIN`].
    pub(crate) fn new(policy: &str) -> Self {
        Self::of(World::new(), &[people::ANN], policy)
    }

    pub(crate) fn of(world: World, trusted: &[u8], policy: &str) -> Self {
        let mut data = TrustData::empty(1, now());
        for (name, number, scope) in [
            ("first", FIRST, "*"),
            ("second", SECOND, "*"),
            ("teller", TELLER, "vex/files/tool"),
        ] {
            data.put(Anchor {
                material: Material::MinisignKey(minisign_key(number)),
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

    /// Writes the next bundle, and gives its folder. Only [`Site::imports`] makes it the one that others follow.
    pub(crate) fn medium(&mut self, files: &[File], beside: &Beside) -> String {
        let mut bundle = RawBundle {
            files: Vec::new(),
            ..self.world.bundle(self.number + 1, self.last)
        };
        let mut coordinates: Vec<(String, String, String, Option<String>)> = Vec::new();
        for file in files {
            let digest = file.signature.as_ref().map(|proof| Digest::of(proof).to_string());
            coordinates.push((file.file_name(), file.name.to_owned(), file.version.to_owned(), digest));
            bundle.objects.extend(file.signature.clone().map(object));
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
                    let (_, name, version, proof) =
                        coordinates.iter().find(|(file, ..)| artifact["file"] == *file).unwrap();
                    artifact["name"] = json!(name);
                    artifact["version"] = json!(version);
                    if let Some(proof) = proof {
                        artifact["proofs"] = json!([{ "kind": "minisign", "objects": [proof], "state": "present" }]);
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

    fn floor(&self, name: &str) -> Option<Level> {
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

#[test]
fn what_no_rule_names_is_not_admitted() {
    let mut site = Site::new("ecosystems: { npm: { evidence: none } }\n");
    let said = site.refuses(&[file("tool", "1.0")], "no-rule-matches");
    assert!(said.contains("pkg:generic/tool@1.0"), "{said}");
    site.policy(&lenient(""));
    let report = site.takes(&[file("tool", "1.0")]);
    assert_eq!(report["decisions"]["ecosystems"]["files"]["decisions"]["allowed"], 1);
    assert_eq!(report["decisions"]["policy"]["version"], 2);
}

#[test]
fn the_level_that_is_asked_for_is_reached_by_a_pinned_publisher_only() {
    let mut site = Site::new(&format!(
        "ecosystems: {{ files: {{ evidence: publisher }} }}\n{NO_NAMES}"
    ));
    site.refuses(&[file("tool", "1.0")], "evidence-too-low");
    site.refuses(&[signed("tool", "1.0", 62)], "evidence-too-low");
    // One that is short of it is enough to stop.
    site.refuses(
        &[signed("tool", "1.0", FIRST), file("other", "1.0")],
        "evidence-too-low",
    );
    site.takes(&[signed("tool", "1.0", FIRST)]);
    assert_eq!(site.floor("tool"), Some(Level::Publisher));
}

#[test]
fn a_proof_that_is_wrong_refuses_even_where_none_is_asked_for() {
    let mut site = Site::new(&lenient(""));
    let mut changed = signed("tool", "1.0", FIRST);
    changed.content.push('!');
    let said = site.refuses(&[changed], "evidence-invalid");
    assert!(said.contains("minisign"), "{said}");
    site.takes(&[signed("tool", "1.0", FIRST)]);
}

#[test]
fn evidence_never_declines_and_a_waiver_alone_lifts_that() {
    let mut site = Site::new(&lenient(""));
    site.takes(&[signed("tool", "1.0", FIRST)]);
    let said = site.refuses(&[file("tool", "1.1")], "evidence-downgraded");
    assert!(said.contains("`publisher`"), "{said}");
    assert_eq!(site.floor("tool"), Some(Level::Publisher));
    // Another name has its own floor.
    site.takes(&[file("other", "1.1")]);

    let waived = file("tool", "1.1");
    let expires = now().plus_days(60).to_string();
    let waiver = |codes: &str| {
        format!(
            "waivers: [{{ id: W-1, scope: \"files/tool@1.1\", codes: [{codes}], approved_by: [ann, bob], expires: \"{}\", digest: \"{}\", reason: \"CHG-1\" }}]\n",
            &expires[..10],
            waived.digest()
        )
    };
    site.policy(&lenient(&waiver("too-new")));
    site.refuses(&[file("tool", "1.1")], "evidence-downgraded");
    site.policy(&lenient(&waiver("evidence-downgraded")));
    // Other bytes are another matter.
    let mut others = file("tool", "1.1");
    others.content.push('!');
    site.refuses(&[others], "evidence-downgraded");
    let report = site.takes(&[file("tool", "1.1")]);
    assert_eq!(report["decisions"]["waived"], 1);
    let found = site.world.json("where --enclave en pkg:generic/tool@1.1");
    let decision = &found["found"][0]["judgement"]["decision"];
    assert_eq!(decision["decision"]["hits"][0]["waived_by"], "W-1", "{found}");
    // An auditor asks for it the other way round.
    let admitted = |more: &str| site.world.json(&format!("ask admitted --enclave en {more}"))["rows"].clone();
    let rows = admitted("--waiver W-1");
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(
        (&rows[0]["version"], &rows[0]["why"]),
        (&json!("1.1"), &json!("waiver W-1: evidence-downgraded"))
    );
    assert_eq!(admitted(""), rows);
    assert_eq!(admitted("--waiver W-2"), json!([]));
    let rule = decision["decision"]["hits"][0]["rule"].as_str().unwrap();
    assert!(
        !admitted(&format!("--rule {rule}")).as_array().unwrap().is_empty(),
        "{rule}"
    );
    assert_eq!(admitted("--rule nothing"), json!([]));
    // What was let pass once lowers nothing.
    assert_eq!(site.floor("tool"), Some(Level::Publisher));
    site.refuses(&[file("tool", "1.2")], "evidence-downgraded");
}

#[test]
fn a_publisher_is_pinned_by_the_first_import() {
    let pins = format!(
        "ecosystems: {{ files: {{ evidence: none, floor: ignore, identity: pin-on-first-import }} }}\n{NO_NAMES}"
    );
    let mut site = Site::new(&pins);
    site.takes(&[signed("tool", "1.0", FIRST)]);
    site.refuses(&[signed("tool", "1.1", SECOND)], "publisher-changed");
    site.takes(&[signed("tool", "1.1", FIRST)]);
    // A name of its own is its own.
    site.takes(&[signed("other", "1.0", SECOND)]);
    site.refuses(&[signed("other", "1.1", FIRST)], "publisher-changed");
}

#[test]
fn what_is_kept_out_pins_nobody_and_raises_no_floor() {
    let policy = |more: &str| {
        format!(
            "ecosystems: {{ files: {{ evidence: none, identity: pin-on-first-import }} }}\n{NO_NAMES}on_refusal: keep-out\n{more}"
        )
    };
    let bad = signed("tool", "1.0", SECOND);
    let mut site = Site::new(&policy("deny: [{ match: \"files/tool@1.0\", reason: hijacked }]\n"));
    let report = site.takes(&[signed("tool", "1.0", SECOND), file("other", "1.0")]);
    assert_eq!(report["decisions"]["kept_out"], 1);
    let kept_out = &report["decisions"]["kept_out_first"][0];
    assert_eq!(kept_out["code"], "denylisted");
    assert_eq!(kept_out["subject"], bad.purl());
    assert!(kept_out["reason"].as_str().unwrap().contains("hijacked"));
    let names: Vec<Value> = site.world.json("list --enclave en")["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| artifact["name"].clone())
        .collect();
    assert_eq!(names, [json!("other")]);
    assert_eq!(site.floor("tool"), None);
    for digest in [bad.digest(), Digest::of(bad.signature.as_ref().unwrap())] {
        let hex = digest.hex();
        let path = format!("en/store/objects/{}/{}", &hex[..2], &hex[2..]);
        assert!(!site.world.path(&path).exists(), "{path}");
    }
    assert!(!site.world.path("en/repository/files/tool").exists());
    site.takes(&[signed("tool", "1.1", FIRST)]);
    // Where nothing is left, nothing is imported.
    site.refuses(&[signed("tool", "1.0", SECOND)], "denylisted");
}

#[test]
fn names_of_the_site_itself_never_come_from_outside() {
    let own = file("corp-tool", "1.0");
    let waiver = format!(
        "waivers: [{{ id: W-1, scope: \"files/corp-tool@1.0\", codes: [denylisted, first-seen-name], approved_by: [ann, bob], expires: \"{}\", digest: \"{}\", reason: \"CHG-1\" }}]\n",
        &now().plus_days(60).to_string()[..10],
        own.digest()
    );
    let mut site = Site::new(&lenient(&format!("internal: [\"files/corp-*\"]\n{waiver}")));
    site.refuses(&[signed("corp-tool", "1.0", FIRST)], "internal-name");
    site.refuses(&[own], "internal-name");
    site.takes(&[file("corporation", "1.0")]);
}

#[test]
fn the_deny_list_names_versions_and_bytes() {
    let bytes = file("other", "2.0").digest();
    let deny = format!(
        "deny: [{{ match: \"files/tool@1.0\", reason: malicious }}, {{ digest: \"{bytes}\", reason: test }}]\n"
    );
    let mut site = Site::new(&lenient(&deny));
    site.refuses(&[signed("tool", "1.0", FIRST)], "denylisted");
    let renamed = File {
        content: file("other", "2.0").content,
        ..file("renamed", "3.0")
    };
    site.refuses(&[renamed], "denylisted");
    site.takes(&[file("tool", "1.1")]);
}

pub(crate) fn advisory(id: &str, name: &str, more: &str) -> String {
    json!({
        "id": id, "modified": now().to_string(),
        "affected": [{ "package": { "ecosystem": "files", "name": name }, "versions": ["1.0"] }],
    })
    .to_string()
    .replacen('{', &format!("{{{more}"), 1)
}

fn advised(lines: &[String]) -> Beside {
    Beside {
        advisories: Some(lines.join("\n")),
        ..Beside::default()
    }
}

#[test]
fn advisories_that_travel_are_asked() {
    let mut site = Site::new(&lenient(""));
    let bad = advised(&[advisory("OTHER-1", "other", ""), advisory("MAL-2026-1", "tool", "")]);
    let folder = site.medium(&[signed("tool", "1.0", FIRST)], &bad);
    let said = site.refused(&folder, "known-malicious");
    assert!(said.contains("MAL-2026-1"), "{said}");
    let critical = advisory("A-1", "tool", "\"database_specific\":{\"severity\":\"CRITICAL\"},");
    let folder = site.medium(&[file("tool", "1.0")], &advised(&[critical]));
    site.refused(&folder, "known-vulnerable");
    let withdrawn = advisory("MAL-2026-1", "tool", "\"withdrawn\":\"2026-01-01T00:00:00Z\",");
    let folder = site.medium(&[file("tool", "1.0")], &advised(&[withdrawn]));
    site.imports(&folder);
}

#[test]
fn side_data_that_cannot_be_read_refuses_the_bundle() {
    let mut site = Site::new(&lenient(""));
    let cut = advised(&[advisory("MAL-2026-1", "other", ""), "{\"id\":\"MAL-2026-2\"".to_owned()]);
    let folder = site.medium(&[file("tool", "1.0")], &cut);
    let said = site.refused(&folder, "side-data-malformed");
    assert!(said.contains("line 2"), "{said}");
    let names = Beside {
        popular_names: Some("requests\n".to_owned()),
        ..Beside::default()
    };
    let folder = site.medium(&[file("tool", "1.0")], &names);
    site.refused(&folder, "side-data-malformed");
}

#[test]
fn what_is_asked_of_the_bundle_is_asked() {
    let with = |from: &str, to: &str| {
        let plain = PLAIN.replace("VERSION", "1").replace(from, to);
        let world = World::new();
        world.policy(&format!("{plain}{FILES}{NO_NAMES}"));
        Site {
            world,
            last: None,
            number: 0,
            policies: 1,
        }
    };
    let mut site = with("advisories_max_age_days: none", "advisories_max_age_days: 7");
    site.refuses(&[file("tool", "1.0")], "side-data-stale");
    let old = advisory("A-1", "other", "").replace(&now().to_string(), "2020-01-01T00:00:00Z");
    let folder = site.medium(&[file("tool", "1.0")], &advised(&[old]));
    site.refused(&folder, "side-data-stale");
    let folder = site.medium(&[file("tool", "1.0")], &advised(&[advisory("A-1", "other", "")]));
    site.imports(&folder);

    let mut site = with("revocations_max_age_days: none", "revocations_max_age_days: 14");
    site.refuses(&[file("tool", "1.0")], "side-data-stale");
    let mut site = with("approvals: 0", "approvals: 1");
    site.refuses(&[file("tool", "1.0")], "approvals-missing");

    let plan = |version: &str| Beside {
        plan: Some(format!(
            "{{\"wanted\":[{{\"ecosystem\":\"files\",\"name\":\"tool\",\"version\":\"{version}\"}}]}}"
        )),
        ..Beside::default()
    };
    let mut site = with("none", "none");
    let folder = site.medium(&[file("tool", "1.0")], &plan("2.0"));
    site.refused(&folder, "not-in-plan");
    let folder = site.medium(&[file("tool", "1.0")], &plan("1.0"));
    site.imports(&folder);
}

#[test]
fn whoever_imports_has_not_exported() {
    let mut root = people::root_without_approval();
    people::give(&mut root, Role::Import, "dora", people::EXPORTER);
    let mut site = Site::of(World::of(root), &[people::ANN], &lenient(""));
    site.refuses(&[file("tool", "1.0")], "roles-not-separate");
}

#[test]
fn what_nobody_dates_is_too_new_where_the_policy_says_so() {
    let rule = |unknown: &str| {
        format!("ecosystems: {{ files: {{ evidence: none, min_age_days: 7, unknown_age: {unknown} }} }}\n{NO_NAMES}")
    };
    let mut site = Site::new(&rule("deny"));
    site.refuses(&[file("tool", "1.0")], "too-new");
    site.policy(&rule("record"));
    site.takes(&[file("tool", "1.0")]);
}

/// Reviews by a person with a key.

#[test]
fn an_evaluation_shows_what_would_be_and_publishes_nothing_that_is_wrong() {
    let world = World::new();
    let mut site = Site {
        world,
        last: None,
        number: 0,
        policies: 0,
    };
    let folder = site.plain(&[file("tool", "1.0")]);
    let report = site.imports(&folder);
    let decisions = &report["decisions"];
    assert_eq!(decisions["policy"]["mode"], "evaluate");
    assert_eq!(decisions["rules_say"], json!({ "deny": 1 }));
    assert_eq!(decisions["ecosystems"]["files"]["decisions"]["evaluation"], 1);

    let mut site = Site::new(&lenient("mode: evaluate\n"));
    site.world.key(people::ANN, "ann.pem");
    let mut changed = signed("tool", "1.0", FIRST);
    changed.content.push('!');
    let folder = site.plain(&[changed]);
    site.refused(&folder, "evidence-invalid");
    review(&site, "approve", "--all", "ann.pem").done();
    site.imports(&folder);
    site.policy(&lenient("mode: evaluate\ninternal: [\"files/corp-*\"]\n"));
    site.refuses(&[file("corp-x", "1.0")], "internal-name");
}

#[test]
fn a_policy_that_only_shows_admits_nothing_by_itself_elsewhere() {
    let policy = lenient("mode: evaluate\n");
    let mut site = Site::of(World::of(people::root()), &[people::ANN, people::BOB], &policy);
    let folder = site.plain(&[file("tool", "1.0")]);
    site.world.key(people::APPROVER, "eve.pem");
    let manifest = digest(&site, &folder);
    let volume = format!("{folder}/{}", site.volume());
    site.world
        .run(&format!(
            "approve {volume} --trust en/trust --key eve.pem --manifest {manifest} --reason seen --output {folder}/a.approval-eve.dsse.json"
        ))
        .done();
    site.world.refused(
        &format!("import --enclave en {volume} {folder}/a.approval-eve.dsse.json"),
        "review-needed",
    );
}

#[test]
fn a_check_without_the_enclave_says_what_it_did_not_ask() {
    let mut site = Site::new(&format!("{FILES}names: {{ first_seen: deny }}\n"));
    let folder = site.plain(&[file("tool", "1.0")]);
    site.refused(&folder, "first-seen-name");
    let checked = site
        .world
        .json(&format!("verify --trust en/trust {folder}/{}", site.volume()));
    let not_asked = checked["decisions"]["not_asked"].to_string();
    assert!(not_asked.contains("floors"), "{not_asked}");
}

#[test]
fn a_policy_counts_once_enough_persons_have_signed_it_and_never_goes_back() {
    let mut site = Site::of(World::of(people::root()), &[people::ANN, people::BOB], &lenient(""));
    for (number, name) in [
        (people::ANN, "ann.pem"),
        (people::BOB, "bob.pem"),
        (people::APPROVER, "eve.pem"),
    ] {
        site.world.key(number, name);
    }
    let world = &site.world;
    let yaml = |version: u64| {
        format!(
            "{}ecosystems: {{ npm: {{ evidence: registry }} }}\n",
            PLAIN.replace("VERSION", &version.to_string())
        )
    };
    fs::write(world.path("site.yaml"), yaml(2)).unwrap();
    world.run("policy draft site.yaml policy.dsse.json").done();
    let sign = |key: &str| world.run(&format!("policy sign policy.dsse.json --key {key}")).done();
    sign("ann.pem");
    sign("eve.pem");
    assert!(
        world
            .run("policy install policy.dsse.json --enclave en")
            .stderr
            .contains("[key-not-in-role]")
    );
    sign("bob.pem");
    let installed = world.json("policy install policy.dsse.json --enclave en");
    assert_eq!(installed["signed_by"], json!(["ann", "bob"]));
    let changes = installed["differences"].to_string();
    assert!(changes.contains("ecosystems.files"), "{changes}");
    assert!(
        world
            .run("policy show policy.dsse.json")
            .done()
            .stdout
            .contains("ecosystems.npm.evidence")
    );
    // The same version with other content does not count, and neither does an older one.
    for (version, more) in [(2, "on_refusal: keep-out\n"), (1, "")] {
        fs::write(world.path("again.yaml"), yaml(version) + more).unwrap();
        let file = format!("again-{version}.dsse.json");
        world.run(&format!("policy draft again.yaml {file}")).done();
        for key in ["ann.pem", "bob.pem"] {
            world.run(&format!("policy sign {file} --key {key}")).done();
        }
        let said = world.run(&format!("policy install {file} --enclave en")).stderr;
        assert!(said.contains("[trust-version-out-of-order]"), "{said}");
    }
    // What was put back by hand is found.
    fs::remove_file(world.path("en/trust/policies/2.dsse.json")).unwrap();
    let folder = site.plain(&[file("tool", "1.0")]);
    let said = site
        .world
        .unable(&format!("import --enclave en {folder}/{}", site.volume()));
    assert!(said.contains("[state-rolled-back]"), "{said}");
}
