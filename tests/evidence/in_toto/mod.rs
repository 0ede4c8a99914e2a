//! in-toto: layout and links of `10-provenance-models-osv`, and each check by itself.

mod steps;

use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::Signer as _;
use sealift::evidence::{self, Context};
use sealift::model::{Anchor, Artifact, Digest, Doubt, Fault, Finding, Level, Material, Outcome};
use serde_json::{Value, json};

use crate::data::{Judged, Row};
use crate::fixtures;
use crate::support::{DAY, anchor, artifact, judge, outcome, scoped, time, until};

const CONFIRMED: Outcome = Outcome::Confirmed(Level::Publisher);

fn wrong(fault: Fault) -> Outcome {
    Outcome::Contradicted(fault)
}

fn doubt(doubt: Doubt) -> Outcome {
    Outcome::Undecided(doubt)
}

/// The collection has the archive's digest only, which is all that is asked.
const ARCHIVE: &str = "sha256:52947cb78b91ad01fe81cd6aef42d1f6817e92b9e6936c1e5aabb7c98514f355";

fn demo(file: &str, digest: &str) -> Artifact {
    Artifact {
        digest: digest.parse().unwrap(),
        ..artifact("files", "demo", "1", file, b"")
    }
}

fn demo_judged(files: Vec<Vec<u8>>, key: &str, artifact: &Artifact) -> Vec<Finding> {
    let anchors = [anchor("alice", Material::PublicKey(key.to_owned()))];
    judge("in-toto", files, artifact, b"", &anchors, DAY)
}

/// Judges a row.
pub(crate) fn collection(row: &Row) -> Judged {
    let mut files = vec!["demo.layout", "write-code.b7d643de.link", "package.d3ffd108.link"];
    if row.case == "in-toto/wrong-functionary" {
        files.pop();
    }
    let files = files.iter().map(|name| row.read(&format!("in-toto/{name}"))).collect();
    let artifact = demo("foo.tar.gz", ARCHIVE);
    Judged::Findings(demo_judged(files, &row.text("in-toto/alice.pub"), &artifact))
}

#[test]
fn a_real_layout_is_kept_by_its_links() {
    let names = ["demo.layout", "write-code.b7d643de.link", "package.d3ffd108.link"];
    let files = names.map(|name| fixtures::bytes(&format!("in-toto/{name}"))).to_vec();
    let key = fixtures::text("in-toto/alice.pub");
    let good = demo("foo.tar.gz", ARCHIVE);
    let findings = demo_judged(files.clone(), &key, &good);
    assert_eq!(outcome(&findings), CONFIRMED);
    let finding = &findings[0];
    assert!(finding.reason.contains("step `package`"), "{}", finding.reason);
    let steps: Vec<&str> = finding
        .claims
        .iter()
        .map(|(_, claim)| claim.split(' ').next().unwrap())
        .collect();
    assert_eq!(steps, ["write-code", "package"]);
    assert_eq!(finding.notes, ["inspection `untar` is a command, and was not run"]);
    assert_eq!(finding.algorithm.as_deref(), Some("RSA 2048 with SHA-256"));
    let other = Digest::of(b"other").to_string();
    for (file, digest) in [
        ("foo.tar.gz", other.as_str()),
        // An intermediate product.
        (
            "foo.py",
            "sha256:74dc3727c6e89308b39e4dfedf787e37841198b1fa165a27c013544a60502549",
        ),
        ("bar.tar.gz", ARCHIVE),
    ] {
        let findings = demo_judged(files.clone(), &key, &demo(file, digest));
        assert_eq!(outcome(&findings), wrong(Fault::SubjectDiffers), "{file}");
    }
    // The key is known by the id that the layout's signature states.
    let mut altered = files;
    altered[0] = String::from_utf8(altered[0].clone())
        .unwrap()
        .replacen("zcvf", "zcvg", 1)
        .into_bytes();
    assert_eq!(
        outcome(&demo_judged(altered, &key, &good)),
        wrong(Fault::SignatureWrong)
    );
}

fn key(seed: u8) -> FileKey {
    FileKey::from_seed(&[seed; 32])
}

fn id(seed: u8) -> String {
    format!("key-{seed}")
}

fn key_object(seed: u8) -> Value {
    json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex::encode(key(seed).public().bytes())}})
}

/// A document, with its signers' seeds.
struct Signed {
    signed: Value,
    signers: Vec<u8>,
}

impl Signed {
    fn write(&self) -> Vec<u8> {
        // Sorted names, no white space and nothing to be escaped: the canonical form.
        let message = self.signed.to_string();
        let sign =
            |seed: &u8| json!({"keyid": id(*seed), "sig": hex::encode(key(*seed).sign(message.as_bytes()).unwrap())});
        let signatures: Vec<Value> = self.signers.iter().map(sign).collect();
        json!({"signed": self.signed, "signatures": signatures})
            .to_string()
            .into_bytes()
    }
}

/// A chain of ours: key 1 owns it, 2 compiles, 3 packs.
struct Project {
    layout: Signed,
    compile: Signed,
    pack: Signed,
    more: Vec<Signed>,
}

fn digest(text: &str) -> Value {
    json!({"sha256": Digest::of(text.as_bytes()).hex()})
}

fn link(name: &str, materials: Value, products: Value, seed: u8) -> Signed {
    Signed {
        signed: json!({"_type": "link", "name": name, "materials": materials, "products": products,
            "byproducts": {}, "command": ["make", name], "environment": {}}),
        signers: vec![seed],
    }
}

fn compiled(seed: u8) -> Signed {
    link(
        "compile",
        json!({"tool.c": digest("source")}),
        json!({"tool.c": digest("source"), "tool.o": digest("object")}),
        seed,
    )
}

impl Project {
    fn new() -> Self {
        let step = |name: &str, seed: u8, materials: Value, products: Value| {
            json!({"_type": "step", "name": name, "pubkeys": [id(seed)], "threshold": 1, "expected_command": ["make", name],
                "expected_materials": materials, "expected_products": products})
        };
        let matching = |pattern: &str, step: &str| json!(["MATCH", pattern, "WITH", "PRODUCTS", "FROM", step]);
        let layout = json!({"_type": "layout", "readme": "", "expires": "2027-01-01T00:00:00Z",
            "keys": {"key-2": key_object(2), "key-3": key_object(3), "key-4": key_object(4)},
            "steps": [
                step("compile", 2, json!([["ALLOW", "*.c"], ["DISALLOW", "*"]]),
                    json!([["CREATE", "tool.o"], ["ALLOW", "*.c"], ["DISALLOW", "*"]])),
                step("pack", 3, json!([matching("tool.o", "compile"), ["DISALLOW", "*"]]),
                    json!([["CREATE", "out/tool.bin"], ["ALLOW", "tool.o"], ["DISALLOW", "*"]])),
            ],
            "inspect": []});
        let packed = json!({"tool.o": digest("object"), "out/tool.bin": digest("binary")});
        Self {
            layout: Signed {
                signed: layout,
                signers: vec![1],
            },
            compile: compiled(2),
            pack: link("pack", json!({"tool.o": digest("object")}), packed, 3),
            more: Vec::new(),
        }
    }

    fn objects(&self) -> Vec<Vec<u8>> {
        let all = [&self.layout, &self.pack, &self.compile];
        all.into_iter().chain(&self.more).map(Signed::write).collect()
    }

    fn findings(&self) -> Vec<Finding> {
        judged(self.objects(), "tool.bin", b"binary", &[owner()])
    }

    fn told(&self) -> Outcome {
        outcome(&self.findings())
    }
}

fn owner() -> Anchor {
    anchor(
        "owner",
        Material::PublicKey(format!("Key-ID: key-1\n{}", key(1).public().to_pem())),
    )
}

fn judged(objects: Vec<Vec<u8>>, file: &str, bytes: &[u8], anchors: &[Anchor]) -> Vec<Finding> {
    let artifact = artifact("files", "tool", "1", file, bytes);
    judge("in-toto", objects, &artifact, bytes, anchors, DAY)
}

fn altered(change: impl FnOnce(&mut Project)) -> Project {
    let mut project = Project::new();
    change(&mut project);
    project
}

#[test]
fn what_the_last_step_made_is_confirmed() {
    let good = Project::new();
    let findings = good.findings();
    assert_eq!(outcome(&findings), CONFIRMED);
    assert!(findings[0].notes.is_empty(), "{:?}", findings[0].notes);
    assert_eq!(findings[0].anchors, ["owner"]);
    // Who took the steps can be revoked, as the owner can.
    let mut functionaries: Vec<String> = [2, 3].map(|seed| key(seed).public().id().to_string()).into();
    functionaries.sort();
    let through: Vec<&str> = findings[0].through.iter().flat_map(|signer| signer.keys()).collect();
    assert_eq!(through, functionaries);
    let by = |file: &str, bytes: &[u8]| outcome(&judged(good.objects(), file, bytes, &[owner()]));
    assert_eq!(by("tool.bin", b"other"), wrong(Fault::SubjectDiffers));
    assert_eq!(by("ool.bin", b"binary"), wrong(Fault::SubjectDiffers));
    assert_eq!(by("tool.c", b"source"), wrong(Fault::SubjectDiffers));
    let md5 = altered(|it| it.pack.signed["products"]["out/tool.bin"] = json!({"md5": "00"}));
    assert_eq!(md5.told(), doubt(Doubt::UnknownAlgorithm));
    let command = altered(|it| it.pack.signed["command"] = json!(["sh"])).findings();
    assert_eq!(outcome(&command), CONFIRMED);
    assert_eq!(
        command[0].notes,
        ["step `pack` was taken by another command than expected"]
    );
}

#[test]
fn the_layout_has_to_be_the_owners() {
    let good = Project::new();
    let by = |anchors: &[Anchor]| outcome(&judged(good.objects(), "tool.bin", b"binary", anchors));
    let pem = || Material::PublicKey(key(1).public().to_pem());
    assert_eq!(by(&[]), doubt(Doubt::NoAnchor));
    assert_eq!(by(&[anchor("any", pem())]), CONFIRMED);
    let stranger = Material::PublicKey(key(9).public().to_pem());
    assert_eq!(by(&[anchor("stranger", stranger.clone())]), doubt(Doubt::UnknownSigner));
    assert_eq!(by(&[anchor("stranger", stranger), owner()]), CONFIRMED);
    assert_eq!(by(&[scoped("a", "files/other", pem())]), doubt(Doubt::OutOfScope));
    assert_eq!(
        by(&[until("a", "2026-11-20T11:59:59Z", pem())]),
        doubt(Doubt::OutOfScope)
    );
    // A functionary's signature is not the owner's, and neither is another's under the owner's id.
    assert_eq!(
        altered(|it| it.layout.signers = vec![2]).told(),
        doubt(Doubt::UnknownSigner)
    );
    assert_eq!(
        altered(|it| it.layout.signers = vec![]).told(),
        doubt(Doubt::Incomplete)
    );
    let mut objects = good.objects();
    let text = String::from_utf8(objects[0].clone()).unwrap();
    objects[0] = text.replacen("\"readme\":\"\"", "\"readme\":\"x\"", 1).into_bytes();
    assert_eq!(
        outcome(&judged(objects, "tool.bin", b"binary", &[owner()])),
        wrong(Fault::SignatureWrong)
    );
    assert_eq!(altered(|it| it.layout.signers = vec![9, 1]).told(), CONFIRMED);
    // What is wrong is told before what is not known, whichever came first.
    for signers in [vec![9, 1], vec![1, 9]] {
        let mut objects = altered(|it| it.layout.signers = signers).objects();
        let text = String::from_utf8(objects[0].clone()).unwrap();
        objects[0] = text.replacen("\"readme\":\"\"", "\"readme\":\"x\"", 1).into_bytes();
        assert_eq!(
            outcome(&judged(objects, "tool.bin", b"binary", &[owner()])),
            wrong(Fault::SignatureWrong)
        );
    }
}

#[test]
fn the_layout_has_to_be_valid_when_it_was_exported() {
    let project = altered(|it| it.layout.signed["expires"] = json!("2026-11-20T11:00:00Z"));
    assert_eq!(project.told(), wrong(Fault::Expired));
    let at = |exported: &str, max_transit_seconds: u64| {
        let anchors = [owner()];
        let context = Context {
            anchors: &anchors,
            now: time(DAY),
            exported: time(exported),
            max_transit_seconds,
        };
        let proof = evidence::find("in-toto")
            .unwrap()
            .open(project.objects(), &context)
            .unwrap();
        let artifact = artifact("files", "tool", "1", "tool.bin", b"binary");
        outcome(&proof.judge(&artifact, &mut std::io::Cursor::new(b"binary")))
    };
    assert_eq!(at("2026-11-20T10:59:59Z", 7200), CONFIRMED);
    assert_eq!(at("2026-11-20T11:00:00Z", 7200), wrong(Fault::Expired));
    assert_eq!(at("2026-11-20T10:00:00Z", 7199), wrong(Fault::Expired));
}

#[test]
fn rules_hold_between_the_steps() {
    let chain = wrong(Fault::ChainWrong);
    // What was packed is not what was compiled.
    let swapped = altered(|it| it.pack.signed["materials"]["tool.o"] = digest("another object"));
    assert_eq!(swapped.told(), chain);
    let added = altered(|it| it.pack.signed["materials"]["extra.o"] = digest("extra"));
    assert_eq!(added.told(), chain);
    let added = altered(|it| it.pack.signed["products"]["extra.bin"] = digest("extra"));
    assert_eq!(added.told(), chain);
    let not_made = altered(|it| it.pack.signed["materials"]["out/tool.bin"] = digest("binary"));
    assert_eq!(not_made.told(), chain);
    let required = altered(|it| it.layout.signed["steps"][1]["expected_materials"] = json!([["REQUIRE", "tool.h"]]));
    assert_eq!(required.told(), chain);
}

#[test]
fn inspections_say_what_may_leave() {
    let inspected = |rules: Value| {
        altered(|it| {
            it.layout.signed["inspect"] = json!([{"_type": "inspection", "name": "look", "run": ["true"], "expected_materials": rules, "expected_products": []}]);
        })
    };
    let from = |step: &str, side: &str| json!(["MATCH", "*", "WITH", side, "IN", "out", "FROM", step]);
    let disallow = json!(["DISALLOW", "*"]);
    assert_eq!(inspected(json!([from("pack", "PRODUCTS"), disallow])).told(), CONFIRMED);
    assert_eq!(
        inspected(json!([from("compile", "PRODUCTS"), disallow])).told(),
        wrong(Fault::ChainWrong)
    );
    assert_eq!(inspected(json!([disallow])).told(), wrong(Fault::ChainWrong));
    assert_eq!(inspected(json!([["ALLOW", "*"], disallow])).told(), CONFIRMED);
    // A rule about another file lets nothing pass, and forbids nothing.
    assert_eq!(
        inspected(json!([["ALLOW", "else"], disallow])).told(),
        wrong(Fault::ChainWrong)
    );
    assert_eq!(
        inspected(json!([["DISALLOW", "else"], from("pack", "PRODUCTS")])).told(),
        CONFIRMED
    );
    let by =
        |rules: Value, file: &str, bytes: &[u8]| outcome(&judged(inspected(rules).objects(), file, bytes, &[owner()]));
    let ruled = json!([from("pack", "PRODUCTS"), disallow]);
    assert_eq!(by(ruled.clone(), "tool.bin", b"other"), wrong(Fault::SubjectDiffers));
    assert_eq!(by(ruled, "else.bin", b"binary"), wrong(Fault::ChainWrong));
    assert_eq!(
        by(json!([from("pack", "PRODUCTS")]), "tool.bin", b"other"),
        wrong(Fault::SubjectDiffers)
    );
    // An inspection may name a step before the last; only what it names leaves.
    let object = json!([["MATCH", "tool.o", "WITH", "PRODUCTS", "FROM", "compile"]]);
    assert_eq!(by(object.clone(), "tool.o", b"object"), CONFIRMED);
    assert_eq!(by(object, "tool.o", b"other"), wrong(Fault::SubjectDiffers));
    let source = json!([["MATCH", "tool.c", "WITH", "MATERIALS", "FROM", "compile"]]);
    assert_eq!(by(source, "tool.c", b"source"), wrong(Fault::SubjectDiffers));
}

#[test]
fn what_is_no_layout_is_refused_without_a_panic() {
    let malformed = wrong(Fault::Malformed);
    for (pointer, value) in [
        ("/expires", json!("tomorrow")),
        ("/steps", json!([])),
        ("/steps", json!({})),
        ("/inspect", Value::Null),
        ("/keys", json!([])),
        ("/steps/0/name", json!("")),
        ("/steps/0/name", json!("pack")),
        ("/steps/0/threshold", json!(0)),
        ("/steps/0/threshold", json!(-1)),
        ("/steps/0/pubkeys", json!([1])),
        ("/steps/0/expected_materials", json!([["ALLOW"]])),
        ("/steps/0/expected_products", Value::Null),
    ] {
        let project = altered(|it| *it.layout.signed.pointer_mut(pointer).unwrap() = value);
        assert_eq!(project.told(), malformed, "{pointer}");
    }
    for (name, value) in [
        ("materials", json!([])),
        ("products", json!({"a": {}})),
        ("name", json!(1)),
    ] {
        assert_eq!(altered(|it| it.pack.signed[name] = value).told(), malformed, "{name}");
    }
    let good = Project::new().objects();
    let told = |objects: Vec<Vec<u8>>| outcome(&judged(objects, "tool.bin", b"binary", &[owner()]));
    let text = String::from_utf8(good[0].clone()).unwrap();
    for garbage in [
        b"".to_vec(),
        b"null".to_vec(),
        b"{}".to_vec(),
        [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat(),
        text.replacen("{\"", "{\"signed\":{},\"", 1).into_bytes(),
        text.as_bytes()[..text.len() / 2].to_vec(),
        br#"{"signed":{"_type":"statement"},"signatures":[]}"#.to_vec(),
    ] {
        let mut objects = good.clone();
        objects[0] = garbage;
        assert_eq!(told(objects), malformed);
    }
    assert_eq!(told(vec![]), doubt(Doubt::Incomplete));
    assert_eq!(told(good[1..].to_vec()), doubt(Doubt::Incomplete));
    assert_eq!(told([&good[..], &good[..1]].concat()), doubt(Doubt::UnknownFormat));
    assert_eq!(told(vec![good[1].clone(); 513]), doubt(Doubt::TooLarge));
    let steps = altered(|it| {
        let step = it.layout.signed["steps"][0].clone();
        it.layout.signed["steps"] = json!(vec![step; 257]);
    });
    assert_eq!(steps.told(), doubt(Doubt::TooLarge));
}

#[test]
fn no_byte_of_what_is_signed_may_change() {
    let good = Project::new().objects();
    let signed = |object: &[u8]| serde_json::from_slice::<Value>(object).unwrap()["signed"].clone();
    for (index, object) in good.iter().enumerate() {
        for place in 0..object.len() {
            let mut altered = good.clone();
            altered[index][place] ^= 1;
            let findings = judged(altered.clone(), "tool.bin", b"binary", &[owner()]);
            if outcome(&findings) == CONFIRMED {
                assert_eq!(signed(&altered[index]), signed(object), "object {index} byte {place}");
            }
        }
    }
}

#[test]
fn what_is_told_of_a_long_chain_is_bounded() {
    let long = altered(|it| {
        let inspection = |number: usize| json!({"_type": "inspection", "name": format!("look-{number}"), "run": [], "expected_materials": [], "expected_products": []});
        it.layout.signed["inspect"] = (0..100).map(inspection).collect();
        let steps = it.layout.signed["steps"].as_array_mut().unwrap();
        let compile = steps[0].clone();
        for number in 0..100 {
            let name = format!("compile-{number}");
            let mut step = compile.clone();
            step["name"] = json!(name);
            steps.insert(0, step);
            let mut link = compiled(2);
            link.signed["name"] = json!(name);
            it.more.push(link);
        }
    });
    let findings = long.findings();
    assert_eq!(outcome(&findings), CONFIRMED);
    assert_eq!((findings[0].claims.len(), findings[0].notes.len()), (64, 64));
}
