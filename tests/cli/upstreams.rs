//! How far upstreams had come: what goes backwards between two imports, or forks, is not believed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::key::Signer as _;
use sealift::model::{Anchor, Digest, Material, ScopePattern, SpeaksFor, Timestamp};
use sealift::trust::folder::TrustFolder;
use sealift::trust::{Kind, TrustData};
use serde_json::{Value, json};

use crate::debian::{Key, Package, Signed, Suite};
use crate::people;
use crate::raw_bundle::{Edits, RawObject};
use crate::world::{World, now};

/// An artifact with its proof.
struct Proven {
    ecosystem: &'static str,
    name: String,
    version: String,
    file: String,
    content: Vec<u8>,
    kind: &'static str,
    objects: Vec<Vec<u8>>,
}

/// An enclave that pins one key for everything, and what was imported last.
struct Site {
    world: World,
    last: Option<Digest>,
    number: u64,
}

impl Site {
    fn new(material: Material) -> Self {
        let world = World::new();
        let mut data = TrustData::empty(1, now());
        data.put(Anchor {
            material,
            name: "upstream".to_owned(),
            note: "of a test".to_owned(),
            scope: vec![ScopePattern::everything()],
            speaks_for: SpeaksFor::Registry,
            suites: Vec::new(),
            valid_from: None,
            valid_until: None,
        });
        let mut trust = TrustFolder::open(&world.path("en/trust")).unwrap();
        let envelope = people::sealed(Kind::TrustData, &data.write().unwrap(), &[people::ANN]).write();
        let next = trust.judge_next(Kind::TrustData, &envelope, None).unwrap().unwrap();
        trust.stand(&next).unwrap();
        Self {
            world,
            last: None,
            number: 0,
        }
    }

    /// Writes the next bundle, made at some time, into `medium`.
    fn writes(&self, proven: &[Proven], created: Timestamp) -> Digest {
        let mut bundle = self.world.bundle(self.number + 1, self.last);
        let mut added = Vec::new();
        for one in proven {
            let contents = one.objects.iter().chain([&one.content]);
            bundle.objects.extend(contents.map(|content| RawObject {
                content: content.clone(),
                zstd: false,
            }));
            let objects: Vec<String> = one
                .objects
                .iter()
                .map(|object| Digest::of(object).to_string())
                .collect();
            let proof = match objects.is_empty() {
                true => json!({ "kind": one.kind, "state": "absent" }),
                false => json!({ "kind": one.kind, "objects": objects, "state": "present" }),
            };
            added.push(json!({ "artifact": {
                "digest": Digest::of(&one.content).to_string(), "ecosystem": one.ecosystem, "file": one.file, "name": one.name,
                "origin": "folder", "proofs": [proof],
                "reason": "sealift.yaml", "version": one.version,
            }}));
        }
        let edits = Edits {
            records: Some(Box::new(move |records: &mut Vec<Value>| {
                records.extend(added.clone());
                let is_artifact = |record: &Value| record.get("artifact").is_some();
                let first = records.iter().position(is_artifact).unwrap();
                let key = |record: &Value| {
                    ["ecosystem", "name", "version", "file"]
                        .map(|field| record["artifact"][field].as_str().unwrap().to_owned())
                };
                records[first..].sort_by_key(key);
            })),
            ..World::edits(move |manifest| manifest["created"] = json!(created))
        };
        let _ = std::fs::remove_dir_all(self.world.path("medium"));
        self.world.write("medium", &bundle, &edits)
    }

    fn takes(&mut self, proven: &[Proven], created: Timestamp) {
        let digest = self.writes(proven, created);
        self.world.run("verify --enclave en medium").done();
        self.world.run("import --enclave en medium").done();
        self.number += 1;
        self.last = Some(digest);
    }

    fn refuses(&self, proven: &[Proven], created: Timestamp) -> String {
        self.writes(proven, created);
        self.world.refused("verify --enclave en medium", "evidence-invalid");
        self.world.refused("import --enclave en medium", "evidence-invalid")
    }

    /// The first finding about an artifact.
    fn finding(&self, name: &str, version: &str) -> Value {
        let found = self
            .world
            .json(&format!("where --enclave en pkg:generic/{name}@{version}"));
        found["found"][0]["judgement"]["findings"][0].clone()
    }
}

const INDEX: &str = "a.example.com/debian/dists/stable";

/// A suite as it was so many days ago: its signed index, and a package of its own.
fn suite(key: &Key, days: i64, signed: Signed) -> Vec<Proven> {
    let date = now().plus_seconds(-86_400 * days);
    let package = Package::new("towel", &format!("4.{}", 100 - days), "amd64", "");
    let suite = Suite::new("stable", date, std::slice::from_ref(&package));
    let files = suite.files(key, signed);
    let file = |name: &str| files[&format!("dists/stable/{name}")].clone();
    let texts: &[&str] = match signed {
        Signed::Within => &["InRelease"],
        Signed::Apart => &["Release", "Release.gpg"],
    };
    let objects: Vec<Vec<u8>> = texts.iter().map(|name| file(name)).collect();
    let day: String = date
        .to_string()
        .chars()
        .filter(|one| !matches!(one, '-' | ':'))
        .collect();
    let version = format!("{day}.{}", &Digest::of(&objects[0]).hex()[..12]);
    let list = file("main/binary-amd64/Packages.gz");
    let mut proven = vec![Proven {
        ecosystem: "deb",
        name: package.name.clone(),
        version: package.version.clone(),
        file: package.file(),
        content: package.bytes,
        kind: "apt-release",
        objects: [objects.clone(), vec![list]].concat(),
    }];
    for name in texts {
        proven.push(Proven {
            ecosystem: "deb",
            name: INDEX.to_owned(),
            version: version.clone(),
            file: (*name).to_owned(),
            content: file(name),
            kind: "apt-release",
            objects: objects.clone(),
        });
    }
    proven
}

/// An enclave that pins a suite's key, and its packages and signed index on a medium.
pub(crate) fn with_an_index() -> World {
    let key = Key::new(now());
    let site = Site::new(Material::Openpgp(String::from_utf8(key.public()).unwrap()));
    site.writes(&suite(&key, 2, Signed::Within), now());
    site.world
}

#[test]
fn who_approves_sees_how_much_of_each_ecosystem_somebody_vouches_for() {
    let site = Site {
        world: World::standard(),
        last: None,
        number: 0,
    };
    let mut proven = suite(&Key::new(now()), 1, Signed::Within);
    proven[0].objects.clear();
    let manifest = site.writes(&proven, now());
    site.world.key(people::APPROVER, "eve.pem");
    let line = format!("approve medium --trust en/trust --key eve.pem --reason read --manifest {manifest}");
    let said = site.world.run(&line).done().stderr;
    let counted = |ecosystem: &str| {
        let line = said.lines().find(|line| line.starts_with(ecosystem)).unwrap();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert!(counted("deb").starts_with("2 artifacts of 2 names, "), "{said}");
    assert!(
        counted("deb").ends_with("; 1 with a publisher's or registry's proof"),
        "{said}"
    );
    assert!(counted("files").starts_with("5 artifacts of 1 names, "), "{said}");
    assert!(
        counted("files").ends_with("; 0 with a publisher's or registry's proof"),
        "{said}"
    );
}

#[test]
fn an_index_that_is_older_than_one_seen_before_takes_its_packages_with_it() {
    let key = Key::new(now());
    let mut site = Site::new(Material::Openpgp(String::from_utf8(key.public()).unwrap()));
    let yesterday = now().plus_seconds(-86_400);
    site.takes(&suite(&key, 2, Signed::Within), yesterday);
    for signed in [Signed::Within, Signed::Apart] {
        let said = site.refuses(&suite(&key, 3, signed), now());
        assert!(said.contains("was seen before this bundle was made"), "{said}");
        assert!(said.contains("pkg:deb/") && said.contains("towel@4.97"), "{said}");
        // The package alone would bring it too.
        assert_eq!(
            said.matches("[evidence-invalid]").count(),
            suite(&key, 3, signed).len(),
            "{said}"
        );
    }
    // A bundle that is older than the one that showed the newest state shows an older one, and nobody went backwards.
    site.takes(&suite(&key, 4, Signed::Within), yesterday.plus_seconds(-3600));
    site.takes(&suite(&key, 1, Signed::Within), now());
    site.refuses(&suite(&key, 2, Signed::Apart), now());
    // What is rolled back here makes nothing of it unseen.
    site.world.run("rollback --enclave en --to 1 --reason test").done();
    site.refuses(&suite(&key, 2, Signed::Apart), now());
}

#[test]
fn a_capsule_with_packages_and_their_signed_index_comes_to_the_same_again() {
    let key = Key::new(now());
    for signed in [Signed::Within, Signed::Apart] {
        let mut site = Site::new(Material::Openpgp(String::from_utf8(key.public()).unwrap()));
        let proven = suite(&key, 2, signed);
        site.takes(&proven, now());
        let report = site.world.json("report show 1 --enclave en");
        let findings = report.to_string().matches("\"kind\":\"apt-release\"").count();
        assert!(findings >= proven.len(), "{report}");
        site.world.run("report capsule 1 --enclave en --out a.tar").done();
        let line = "reverify a.tar --root en/trust/roots/1.dsse.json";
        let judged = site.world.json(line);
        assert_eq!(
            (&judged["total"]["differences"], &judged["total"]["not_judged_again"]),
            (&json!(0), &json!([])),
            "{judged}"
        );
        let text = site.world.run(line).done().stdout;
        assert!(!text.contains("method not available"), "{text}");
    }
}

const DATABASE: &str = "sum.example.com";

fn database_key() -> String {
    let key = [&[1][..], people::key(40).public().bytes()].concat();
    let digest = Digest::of(&[DATABASE.as_bytes(), b"\n", &key].concat());
    format!("{DATABASE}+{}+{}", &digest.hex()[..8], STANDARD.encode(key))
}

fn node(leaves: &[Digest]) -> Digest {
    match leaves {
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Digest::of(&[&[1], &node(left).as_bytes()[..], &node(right).as_bytes()[..]].concat())
        }
    }
}

/// A module's go.mod, which is the first record in a tree with others.
fn module(name: &str, others: &[&str]) -> Proven {
    let file = format!("module {name}\n").into_bytes();
    let line = format!("{}  go.mod\n", Digest::of(&file).hex());
    let hash = STANDARD.encode(Digest::of(line.as_bytes()).as_bytes());
    let record = format!("{name} 1.0 h1:{hash}\n{name} 1.0/go.mod h1:{hash}\n");
    let records = std::iter::once(record.as_str()).chain(others.iter().copied());
    let leaves: Vec<Digest> = records
        .map(|record| Digest::of(&[&[0], record.as_bytes()].concat()))
        .collect();
    let head = format!(
        "go.sum database tree\n{}\n{}\n",
        leaves.len(),
        STANDARD.encode(node(&leaves).as_bytes())
    );
    let number = hex::decode(database_key().split('+').nth(1).unwrap()).unwrap();
    let signature = [number, people::key(40).sign(head.as_bytes()).unwrap()].concat();
    let answer = format!(
        "0\n{record}\n{head}\n\u{2014} {DATABASE} {}\n",
        STANDARD.encode(signature)
    );
    Proven {
        ecosystem: "files",
        name: name.to_owned(),
        version: "1.0".to_owned(),
        file: format!("{name}.mod"),
        content: file,
        kind: "sumdb",
        objects: vec![
            answer.into_bytes(),
            leaves.iter().flat_map(|leaf| leaf.as_bytes().to_vec()).collect(),
        ],
    }
}

#[test]
fn a_log_that_forks_is_not_believed_and_an_older_tree_cannot_be_judged() {
    let mut site = Site::new(Material::NoteKey(database_key()));
    let confirmed = json!({ "confirmed": "registry" });
    site.takes(&[module("one", &["x"])], now());
    assert_eq!(site.finding("one", "1.0")["outcome"], confirmed);

    let said = site.refuses(&[module("two", &["y"])], now());
    assert!(said.contains("it is forked"), "{said}");
    // One bundle alone can show it.
    let both = [module("three", &["x", "y"]), module("two", &["x", "z"])];
    assert!(site.refuses(&both, now()).contains("it is forked"));

    site.takes(&[module("two", &[])], now());
    let finding = site.finding("two", "1.0");
    assert_eq!(finding["outcome"], json!({ "undecided": "incomplete" }), "{finding}");
    assert!(
        finding["reason"]
            .as_str()
            .unwrap()
            .contains("of 2 records was seen before"),
        "{finding}"
    );

    site.takes(&[module("three", &["x", "y"])], now());
    let finding = site.finding("three", "1.0");
    assert_eq!(finding["outcome"], confirmed);
    let notes = finding["notes"].as_array().unwrap();
    assert!(
        notes
            .iter()
            .any(|note| note.as_str().unwrap().contains("the one of 2 records")),
        "{finding}"
    );
}
