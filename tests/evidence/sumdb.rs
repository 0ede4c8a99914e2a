//! Go's checksum database: notes, heads and records of `06-go-checksum-notes`, and each check by itself.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::Signer as _;
use sealift::crypto::merkle::{Head, TreeError, check_consistency, check_inclusion, leaf_hash, tiles};
use sealift::evidence::sumdb::{HeadsError, check_heads, check_note};
use sealift::model::{Anchor, Artifact, Digest, Doubt, Fault, Finding, Level, LogProof, Material, Outcome};

use crate::data::{Judged, Row};
use crate::fixtures;
use crate::support::{DAY, anchor, artifact, judge, outcome, scoped, until};

const CONFIRMED: Outcome = Outcome::Confirmed(Level::Registry);
const NAME: &str = "sum.example.com";

fn wrong(fault: Fault) -> Outcome {
    Outcome::Contradicted(fault)
}

fn doubt(doubt: Doubt) -> Outcome {
    Outcome::Undecided(doubt)
}

fn digests(text: &str) -> Vec<Digest> {
    let decoded = text.lines().map(|line| STANDARD.decode(line).unwrap());
    decoded
        .map(|bytes| Digest::from_bytes(bytes.try_into().unwrap()))
        .collect()
}

/// The proof of misconduct, without its first line: the earlier tree's root as the later tree has it.
fn fork(text: &str) -> Vec<Digest> {
    digests(text).split_off(1)
}

/// Judges a row.
pub(crate) fn collection(row: &Row) -> Judged {
    let note = |key: &str, file: &str| check_note(&row.text(key), &row.read(file)).map(str::to_owned).map(drop);
    let log = |file: &str| format!("armory-drive-log/{file}");
    let records = ["00", "01"].map(|name| row.read(&log(&format!("log/seq/00/00/00/00/{name}"))));
    Judged::Answer(match row.case.as_str() {
        "fork/heads" => note("fork/server.vkey", "fork/tree5.note").and(note("fork/server.vkey", "fork/tree6.note")),
        "fork/together" => {
            let [one, other] = ["fork/tree5.note", "fork/tree6.note"].map(|file| row.read(file));
            let told = check_heads(
                &row.text("fork/server.vkey"),
                &one,
                &other,
                &fork(&row.text("fork/proof.txt")),
            );
            assert_eq!(told, Err(HeadsError::Tree(TreeError::Fork)));
            told.map(drop).map_err(|error| error.to_string())
        }
        "fork/altered" => note("fork/server.vkey", "fork/tree5-altered.note"),
        "gosum/test.sum" => {
            structural(&row.text("gosum/test.sum"));
            Ok(())
        }
        "armory/checkpoint" => note(&log("keys/armory-drive-log.pub"), &log("log/checkpoint")),
        "armory/wrong-key" => note(&log("keys/armory-drive.pub"), &log("log/checkpoint")),
        "armory/root" => {
            let text = row.text(&log("log/checkpoint"));
            let lines: Vec<&str> = text.lines().collect();
            let head = Head {
                size: lines[1].parse().unwrap(),
                root: digests(lines[2])[0],
            };
            let tile = records.each_ref().map(|record| *leaf_hash(record).as_bytes()).concat();
            (0..)
                .zip(&records)
                .try_for_each(|(index, record)| check_inclusion(record, index, &head, &[&tile]))
                .map_err(|error| error.to_string())
        }
        "armory/records" => records
            .iter()
            .try_for_each(|record| check_note(&row.text(&log("keys/armory-drive.pub")), record).map(drop)),
        case => {
            let name = case
                .strip_prefix("notes/")
                .unwrap_or_else(|| panic!("a new row: {case}"));
            note("notes/peter.vkey", &format!("notes/{name}.note"))
        }
    })
}

/// The lines' hashes are those of the go.mod files, which are short enough to be known; the lying one is no zip's that could be here.
fn structural(lines: &str) {
    for (module, version, text) in GO_MODS {
        let start = format!("{module} {version}/go.mod h1:");
        let line = lines.lines().find(|line| line.starts_with(&start)).unwrap();
        let database = Database::with(&[format!("{line}\n")]);
        let told = |bytes: &[u8]| {
            let artifact = artifact("golang", module, version, &format!("{version}.mod"), bytes);
            outcome(&judge(
                "sumdb",
                database.proof(0),
                &artifact,
                bytes,
                &[database.anchor()],
                DAY,
            ))
        };
        assert_eq!(told(text.as_bytes()), CONFIRMED);
        assert_eq!(told(text.trim_end().as_bytes()), wrong(Fault::SubjectDiffers));
    }
}

/// Real files with real hashes (`go.sum`).
const GO_MODS: &[(&str, &str, &str)] = &[
    (
        "rsc.io/quote",
        "v1.5.2",
        "module \"rsc.io/quote\"\n\nrequire \"rsc.io/sampler\" v1.3.0\n",
    ),
    (
        "rsc.io/sampler",
        "v1.3.0",
        "module \"rsc.io/sampler\"\n\nrequire \"golang.org/x/text\" v0.0.0-20170915032832-14c0d48ead0c\n",
    ),
    (
        "golang.org/x/text",
        "v0.0.0-20170915032832-14c0d48ead0c",
        "module golang.org/x/text\n",
    ),
];

/// A database of ours, of at most 256 records.
pub(crate) struct Database {
    records: Vec<String>,
    key: FileKey,
}

impl Database {
    fn with(records: &[String]) -> Self {
        Self {
            records: records.to_vec(),
            key: FileKey::from_seed(&[1; 32]),
        }
    }

    fn verifier(key: &FileKey) -> String {
        let bytes = [&[1], key.public().bytes()].concat();
        format!("{NAME}+{}+{}", hex::encode(Self::hash(key)), STANDARD.encode(bytes))
    }

    fn hash(key: &FileKey) -> [u8; 4] {
        let digest = Digest::of(&[NAME.as_bytes(), b"\n\x01", key.public().bytes()].concat());
        digest.as_bytes()[..4].try_into().unwrap()
    }

    pub(crate) fn anchor(&self) -> Anchor {
        anchor("database", Material::NoteKey(Self::verifier(&self.key)))
    }

    pub(crate) fn leaves(&self) -> Vec<Digest> {
        self.records.iter().map(|record| leaf_hash(record.as_bytes())).collect()
    }

    fn tree(&self) -> String {
        let root = STANDARD.encode(root(&self.leaves()).as_bytes());
        format!("go.sum database tree\n{}\n{root}\n", self.records.len())
    }

    fn note(&self, text: &str) -> String {
        let signature = [&Self::hash(&self.key)[..], &self.key.sign(text.as_bytes()).unwrap()].concat();
        format!("{text}\n— {NAME} {}\n", STANDARD.encode(signature))
    }

    fn tile(&self) -> Vec<u8> {
        self.leaves().iter().flat_map(|leaf| *leaf.as_bytes()).collect()
    }

    fn answer(&self, index: usize, note: &str) -> Vec<u8> {
        format!("{index}\n{}\n{note}", self.records[index]).into_bytes()
    }

    pub(crate) fn proof(&self, index: usize) -> Vec<Vec<u8>> {
        vec![self.answer(index, &self.note(&self.tree())), self.tile()]
    }
}

pub(crate) fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Digest::of(&[&[1], &root(left).as_bytes()[..], &root(right).as_bytes()[..]].concat())
        }
    }
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// `dirhash.Hash1`.
fn h1(files: &[(&str, &str)]) -> String {
    let mut lines: Vec<(&str, String)> = files
        .iter()
        .map(|(name, text)| (*name, format!("{}  {name}\n", Digest::of(text.as_bytes()).hex())))
        .collect();
    lines.sort();
    let list: String = lines.into_iter().map(|(_, line)| line).collect();
    format!("h1:{}", STANDARD.encode(Digest::of(list.as_bytes()).as_bytes()))
}

const MODULE: &str = "example.com/Tool";
const VERSION: &str = "v1.2.3";
const GO_MOD: &str = "module example.com/Tool\n";
const FILES: &[(&str, &str)] = &[
    ("example.com/Tool@v1.2.3/tool.go", "package tool\n"),
    ("example.com/Tool@v1.2.3/go.mod", GO_MOD),
];

fn record() -> String {
    let go_mod = h1(&[("go.mod", GO_MOD)]);
    format!("{MODULE} {VERSION} {}\n{MODULE} {VERSION}/go.mod {go_mod}\n", h1(FILES))
}

pub(crate) fn database() -> Database {
    let other = |number: usize| format!("example.com/other v0.0.{number} {}\n", h1(&[]));
    Database::with(&[other(0), other(1), record(), other(3), other(4)])
}

fn the_zip(bytes: &[u8]) -> Artifact {
    artifact("golang", MODULE, VERSION, "v1.2.3.zip", bytes)
}

pub(crate) fn judged(proof: Vec<Vec<u8>>, anchors: &[Anchor]) -> Vec<Finding> {
    let bytes = zip(FILES);
    judge("sumdb", proof, &the_zip(&bytes), &bytes, anchors, DAY)
}

fn told(proof: Vec<Vec<u8>>) -> Outcome {
    outcome(&judged(proof, &[database().anchor()]))
}

#[test]
fn real_heads_are_verified_and_a_fork_is_proven() {
    let key = fixtures::text("sumdb/server.vkey");
    let [one, other] = ["sumdb/tree5.note", "sumdb/tree6.note"].map(fixtures::bytes);
    let text = fixtures::text("sumdb/proof.txt");
    let (proof, forked) = (fork(&text), Err(HeadsError::Tree(TreeError::Fork)));
    assert_eq!(check_heads(&key, &one, &other, &proof), forked);
    assert_eq!(check_heads(&key, &other, &one, &proof), forked);
    let unfit = Err(HeadsError::Tree(TreeError::Proof));
    assert_eq!(check_heads(&key, &one, &other, &proof[1..]), unfit);
    assert_eq!(check_heads(&key, &one, &other, &digests(&text)), unfit);
    let head = |size, root| Head { size, root };
    let later = digests(check_note(&key, &other).unwrap().lines().nth(2).unwrap())[0];
    let (earlier, later) = (head(5, digests(&text)[0]), head(6, later));
    assert_eq!(check_consistency(&earlier, &later, &proof), Ok(()));
    assert_eq!(check_heads(&key, &one, &one, &[]).unwrap().size, 5);
    let altered = String::from_utf8(one.clone())
        .unwrap()
        .replacen("tree\n5", "tree\n4", 1);
    assert!(matches!(
        check_heads(&key, altered.as_bytes(), &other, &proof),
        Err(HeadsError::Head(_))
    ));
    assert!(
        check_note(&key, altered.as_bytes())
            .unwrap_err()
            .contains("does not fit")
    );
    let ours = Database::verifier(&FileKey::from_seed(&[1; 32]));
    assert!(check_note(&ours, &one).unwrap_err().contains("not signed by"));
}

#[test]
fn a_module_is_confirmed_by_its_zip_and_its_go_mod() {
    let database = database();
    let findings = judged(database.proof(2), &[database.anchor()]);
    assert_eq!(outcome(&findings), CONFIRMED);
    let finding = &findings[0];
    let log = finding.log.as_ref().unwrap();
    assert_eq!(
        (log.id.as_str(), log.index.as_str(), log.proof),
        (NAME, "2", LogProof::Inclusion)
    );
    assert_eq!(finding.claims[0], ("tree-size".to_owned(), "5".to_owned()));
    assert_eq!(finding.anchors, ["database"]);
    // Another zip with the same files, in another order.
    let files: Vec<(&str, &str)> = FILES.iter().rev().copied().collect();
    for (artifact_file, bytes, expected) in [
        ("v1.2.3.zip", zip(&files), CONFIRMED),
        ("v1.2.3.mod", GO_MOD.as_bytes().to_vec(), CONFIRMED),
        (
            "v1.2.3.mod",
            b"module example.com/tool\n".to_vec(),
            wrong(Fault::SubjectDiffers),
        ),
        ("v1.2.3.zip", zip(&FILES[..1]), wrong(Fault::SubjectDiffers)),
        (
            "v1.2.3.zip",
            zip(&[FILES[0], FILES[1], ("x", "")]),
            wrong(Fault::SubjectDiffers),
        ),
        ("v1.2.3.zip", GO_MOD.as_bytes().to_vec(), wrong(Fault::Malformed)),
        ("v1.2.3.zip", zip(&[("a\nb", "")]), wrong(Fault::Malformed)),
        ("v1.2.3.info", GO_MOD.as_bytes().to_vec(), doubt(Doubt::Incomplete)),
    ] {
        let artifact = artifact("golang", MODULE, VERSION, artifact_file, &bytes);
        let findings = judge("sumdb", database.proof(2), &artifact, &bytes, &[database.anchor()], DAY);
        assert_eq!(outcome(&findings), expected, "{artifact_file}");
    }
}

#[test]
fn a_record_counts_for_its_own_module_alone() {
    let database = database();
    let bytes = zip(FILES);
    for (name, version) in [
        ("example.com/tool", VERSION),
        (MODULE, "v1.2.4"),
        (MODULE, "v1.2.3+incompatible"),
        ("example.com/Tool v1.2.3", ""),
    ] {
        let artifact = artifact("golang", name, version, "v1.2.3.zip", &bytes);
        let findings = judge("sumdb", database.proof(2), &artifact, &bytes, &[database.anchor()], DAY);
        assert_eq!(outcome(&findings), wrong(Fault::SubjectDiffers), "{name} {version}");
    }
    // A record without the zip's line, and one with two.
    let lines = record();
    let (first, second) = lines.split_once('\n').unwrap();
    let only = Database::with(&[second.to_owned()]);
    assert_eq!(told(only.proof(0)), wrong(Fault::SubjectDiffers));
    let other = first.replace(&h1(FILES), &h1(&[]));
    let twice = Database::with(&[format!("{first}\n{other}\n")]);
    assert_eq!(told(twice.proof(0)), wrong(Fault::Malformed));
    let twice = Database::with(&[format!("{first}\n{first}\n")]);
    assert_eq!(told(twice.proof(0)), CONFIRMED);
    let garbage = Database::with(&["x\n".to_owned()]);
    assert_eq!(told(garbage.proof(0)), wrong(Fault::Malformed));
}

#[test]
fn each_check_of_signature_and_tree_fails_alone() {
    let database = database();
    assert_eq!(told(database.proof(2)), CONFIRMED);
    let with_note = |note: &str| told(vec![database.answer(2, note), database.tile()]);
    let good = database.note(&database.tree());
    assert_eq!(with_note(&good), CONFIRMED);
    // The head of another tree, well signed, and one that nobody signed.
    let bigger = database.tree().replacen("\n5\n", "\n6\n", 1);
    assert_eq!(
        with_note(&good.replacen("\n5\n", "\n6\n", 1)),
        wrong(Fault::SignatureWrong)
    );
    assert_eq!(with_note(&database.note(&bigger)), doubt(Doubt::Incomplete));
    let other = format!("go.sum database tree\n5\n{}\n", STANDARD.encode([7; 32]));
    assert_eq!(with_note(&database.note(&other)), wrong(Fault::LogWrong));
    // Something else that the database's key signed.
    assert_eq!(with_note(&database.note("hello\n")), wrong(Fault::Malformed));
    assert_eq!(
        with_note(&database.note(&database.tree().replace("go.sum", "go.mod"))),
        wrong(Fault::Malformed)
    );
    // Another record under this one's number, this one under another's, and a number beyond the tree.
    let answer = |index: usize, record: &str| format!("{index}\n{record}\n{good}").into_bytes();
    for (index, record) in [
        (2, record().replace("h1:", "h1:A")),
        (1, record()),
        (3, record()),
        (5, record()),
        (9, record()),
    ] {
        assert_eq!(
            told(vec![answer(index, &record), database.tile()]),
            wrong(Fault::LogWrong),
            "{index}"
        );
    }
    // Tiles.
    let answer = database.answer(2, &good);
    let mut tile = database.tile();
    assert_eq!(told(vec![answer.clone()]), doubt(Doubt::Incomplete));
    assert_eq!(
        told(vec![answer.clone(), tile.clone(), tile.clone()]),
        doubt(Doubt::Incomplete)
    );
    assert_eq!(told(vec![answer.clone(), tile[1..].to_vec()]), doubt(Doubt::Incomplete));
    assert_eq!(
        told(vec![answer.clone(), tile[..128].to_vec()]),
        doubt(Doubt::Incomplete)
    );
    assert_eq!(told(vec![answer.clone(), [&tile[..], &[0; 32]].concat()]), CONFIRMED);
    tile[0] ^= 1;
    assert_eq!(told(vec![answer, tile]), wrong(Fault::LogWrong));
}

#[test]
fn anchors_count_as_far_as_they_reach() {
    let database = database();
    let material = || Material::NoteKey(Database::verifier(&database.key));
    let by = |anchors: &[Anchor]| outcome(&judged(database.proof(2), anchors));
    assert_eq!(by(&[]), doubt(Doubt::NoAnchor));
    assert_eq!(
        by(&[anchor("broken", Material::NoteKey("x".to_owned()))]),
        doubt(Doubt::NoAnchor)
    );
    let stranger = Material::NoteKey(Database::verifier(&FileKey::from_seed(&[2; 32])));
    assert_eq!(by(&[anchor("stranger", stranger.clone())]), doubt(Doubt::UnknownSigner));
    assert_eq!(by(&[anchor("stranger", stranger), database.anchor()]), CONFIRMED);
    assert_eq!(
        by(&[scoped("a", "golang/example.org/*", material())]),
        doubt(Doubt::OutOfScope)
    );
    assert_eq!(by(&[scoped("a", "golang/example.com/*", material())]), CONFIRMED);
    assert_eq!(
        by(&[until("a", "2026-11-20T11:59:59Z", material())]),
        doubt(Doubt::OutOfScope)
    );
}

#[test]
fn what_is_no_answer_is_refused_without_a_panic() {
    let database = database();
    assert_eq!(told(vec![]), doubt(Doubt::Incomplete));
    let good = database.answer(2, &database.note(&database.tree()));
    for length in 0..good.len() {
        let outcome = told(vec![good[..length].to_vec(), database.tile()]);
        assert_eq!(outcome, wrong(Fault::Malformed), "{length}");
    }
    for garbage in [vec![0; 1000], vec![b'\n'; 1000], vec![0xff; 10]] {
        assert_eq!(told(vec![garbage, database.tile()]), wrong(Fault::Malformed));
    }
    let huge = database.note(&(database.tree() + &"x".repeat(1_000_000) + "\n"));
    assert_eq!(
        told(vec![database.answer(2, &huge), database.tile()]),
        doubt(Doubt::TooLarge)
    );
}

#[test]
fn a_key_is_described_before_it_is_pinned() {
    let line = Database::verifier(&FileKey::from_seed(&[1; 32]));
    let described = |line: &str| sealift::evidence::describe(&Material::NoteKey(line.to_owned()));
    let hash = hex::encode(Database::hash(&FileKey::from_seed(&[1; 32])));
    assert_eq!(described(&line).unwrap(), [format!("signs as {NAME}, key hash {hash}")]);
    assert!(described(&line.replacen("sum", "sun", 1)).is_err());
    assert!(described(NAME).is_err());
}

#[test]
fn no_byte_of_a_proof_may_change() {
    let database = database();
    let good = database.proof(2);
    assert_eq!(told(good.clone()), CONFIRMED);
    for (index, object) in good.iter().enumerate() {
        for place in 0..object.len() {
            let mut altered = good.clone();
            altered[index][place] ^= 1;
            assert_ne!(told(altered), CONFIRMED, "object {index} byte {place}");
        }
    }
}

#[test]
fn modules_are_no_larger_than_go_makes_them() {
    let database = database();
    let big = |file: &str, bytes: &[u8]| {
        let artifact = artifact("golang", MODULE, VERSION, file, bytes);
        outcome(&judge(
            "sumdb",
            database.proof(2),
            &artifact,
            bytes,
            &[database.anchor()],
            DAY,
        ))
    };
    assert_eq!(big("v1.2.3.mod", &vec![b'x'; (16 << 20) + 1]), doubt(Doubt::TooLarge));
    assert_eq!(big("v1.2.3.mod", &vec![b'x'; 16 << 20]), wrong(Fault::SubjectDiffers));
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let zeros = vec![0; 126 << 20];
    for name in ["a", "b", "c", "d"] {
        writer
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(&zeros).unwrap();
    }
    let zip = writer.finish().unwrap().into_inner();
    assert_eq!(big("v1.2.3.zip", &zip), doubt(Doubt::TooLarge));
}

#[test]
fn a_real_module_is_confirmed_through_three_levels_of_tiles() {
    let file = |name: &str| fixtures::bytes(&format!("sumdb/module/{name}"));
    let lookup = file("lookup");
    let needed = tiles(number(&lookup, 0), number(&lookup, 5));
    let mut proof = vec![lookup];
    proof.extend((0..needed.len()).map(|place| file(&format!("tile{place}"))));
    let database = anchor(
        "database",
        Material::NoteKey(fixtures::text("sumdb/module/database.vkey")),
    );
    let told = |version: &str, ending: &str, bytes: &[u8]| {
        let name = format!("{version}.{ending}");
        let artifact = artifact("golang", "rsc.io/quote", version, &name, bytes);
        outcome(&judge(
            "sumdb",
            proof.clone(),
            &artifact,
            bytes,
            std::slice::from_ref(&database),
            DAY,
        ))
    };
    for ending in ["zip", "mod"] {
        assert_eq!(told("v1.5.2", ending, &file(&format!("quote.{ending}"))), CONFIRMED);
        assert_eq!(
            told("v1.5.1", ending, &file(&format!("quote.{ending}"))),
            wrong(Fault::SubjectDiffers)
        );
    }
    assert_eq!(
        told("v1.5.2", "mod", b"module rsc.io/quote\n"),
        wrong(Fault::SubjectDiffers)
    );
    for place in 1..proof.len() {
        let mut altered = proof.clone();
        altered[place][3] ^= 1;
        let artifact = artifact("golang", "rsc.io/quote", "v1.5.2", "v1.5.2.mod", &file("quote.mod"));
        let findings = judge(
            "sumdb",
            altered,
            &artifact,
            &file("quote.mod"),
            std::slice::from_ref(&database),
            DAY,
        );
        assert_eq!(outcome(&findings), wrong(Fault::LogWrong), "tile {place}");
    }
}

/// The number in a line of an answer: the record's in the first, the tree's size in the sixth.
fn number(lookup: &[u8], line: usize) -> u64 {
    let text = std::str::from_utf8(lookup).unwrap();
    text.lines().nth(line).unwrap().parse().unwrap()
}
