//! The text of the format against the program: every number, code, field and name that `bundle-spec/` repeats.
//!
//! `SEALIFT_WRITE_SPEC=1 cargo test --test suite spec` writes `codes.md` anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sealift::bundle::catalog::{Encoding, Object, Record};
use sealift::bundle::manifest::{CatalogSummary, Manifest, TravellingRoot, VolumeSummary};
use sealift::bundle::{container, limits, volumes};
use sealift::crypto::{dsse, strict_json};
use sealift::ecosystem;
use sealift::model::{Artifact, Code, Digest, Document, Proof, ProofState, Timestamp};
use sealift::trust::{self, approval, custody, data, revocations};
use serde_json::Value;

fn place(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(place(path)).unwrap()
}

/// The chapters: name and text.
fn chapters() -> Vec<(String, String)> {
    let mut chapters: Vec<_> = fs::read_dir(place("bundle-spec"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md"))
        .map(|name| (name.clone(), read(&format!("bundle-spec/{name}"))))
        .collect();
    chapters.sort();
    chapters
}

/// The rows of a chapter's tables, as cells.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("|---"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

/// The words in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Every constant of the format, by name.
fn constants() -> BTreeMap<&'static str, u64> {
    let small = |value: usize| value as u64;
    let positive = |value: i64| value.unsigned_abs();
    BTreeMap::from([
        ("MAX_MANIFEST_ENVELOPE_BYTES", limits::MAX_MANIFEST_ENVELOPE_BYTES),
        ("MAX_ROOT_ENVELOPE_BYTES", limits::MAX_ROOT_ENVELOPE_BYTES),
        ("MAX_ROOTS", limits::MAX_ROOTS),
        ("MAX_CATALOG_BYTES", limits::MAX_CATALOG_BYTES),
        ("MAX_CATALOG_CONTENT_BYTES", limits::MAX_CATALOG_CONTENT_BYTES),
        ("MAX_CATALOG_LINE_BYTES", small(limits::MAX_CATALOG_LINE_BYTES)),
        ("MAX_OBJECTS", limits::MAX_OBJECTS),
        ("MAX_ARTIFACTS", limits::MAX_ARTIFACTS),
        ("MAX_DOCUMENTS", limits::MAX_DOCUMENTS),
        ("MAX_VOLUMES", small(limits::MAX_VOLUMES)),
        ("MAX_OBJECT_BYTES", limits::MAX_OBJECT_BYTES),
        ("MIN_SEGMENT_BYTES", limits::MIN_SEGMENT_BYTES),
        ("DEFAULT_SEGMENT_BYTES", limits::DEFAULT_SEGMENT_BYTES),
        ("MAX_SEGMENT_BYTES", limits::MAX_SEGMENT_BYTES),
        ("MAX_ZSTD_WINDOW_LOG", u64::from(limits::MAX_ZSTD_WINDOW_LOG)),
        ("MAX_RECIPIENTS", small(limits::MAX_RECIPIENTS)),
        ("MAX_PROOFS_BESIDES", small(limits::MAX_PROOFS_BESIDES)),
        ("MAX_KIND_BYTES", small(limits::MAX_KIND_BYTES)),
        ("MAX_NAME_BYTES", small(limits::MAX_NAME_BYTES)),
        ("MAX_PARTS", sealift::capsule::MAX_PARTS),
        ("MAX_INDEX_BYTES", sealift::capsule::MAX_INDEX_BYTES),
        (
            "MAX_INDEX_LINE_BYTES",
            small(sealift::import::packed::MAX_INDEX_LINE_BYTES),
        ),
        ("MAX_KEPT_OBJECTS", sealift::import::kept::MAX_KEPT_OBJECTS),
        ("MAX_KEPT_BYTES", sealift::import::kept::MAX_KEPT_BYTES),
        ("MAX_SEQUENCE_JUMP", limits::MAX_SEQUENCE_JUMP),
        ("MAX_CREATED_AHEAD_SECONDS", positive(limits::MAX_CREATED_AHEAD_SECONDS)),
        ("MAX_CLOCK_BEHIND_SECONDS", positive(limits::MAX_CLOCK_BEHIND_SECONDS)),
        ("MAX_MEMBER_NAME", small(container::MAX_MEMBER_NAME)),
        ("MAX_MEMBER_BYTES", container::MAX_MEMBER_BYTES),
        ("MAX_ENVELOPE_BYTES", small(dsse::MAX_ENVELOPE_BYTES)),
        ("MAX_SIGNATURES", small(dsse::MAX_SIGNATURES)),
        ("MAX_DEPTH", small(strict_json::MAX_DEPTH)),
        ("MAX_INTEGER", positive(strict_json::MAX_INTEGER)),
        ("MAX_ROOT_BYTES", small(trust::MAX_ROOT_BYTES)),
        ("MAX_ROOT_STEPS", small(trust::MAX_ROOT_STEPS)),
        ("MAX_APPROVALS", small(approval::MAX_APPROVALS)),
        ("MAX_REASON_BYTES", small(approval::MAX_REASON_BYTES)),
        ("MAX_SEEN_LINES", small(approval::MAX_SEEN_LINES)),
        ("MAX_TICKET_BYTES", small(approval::MAX_TICKET_BYTES)),
        (
            "MAX_REPORT_RECORD_BYTES",
            small(sealift::report::MAX_REPORT_RECORD_BYTES),
        ),
        ("MAX_HELD_OBJECTS", sealift::trust::receipt::MAX_HELD_OBJECTS),
        ("MAX_STREAMS", small(sealift::trust::receipt::MAX_STREAMS)),
        ("MAX_CUSTODY_RECORDS", small(custody::MAX_CUSTODY_RECORDS)),
        ("MAX_CUSTODY_BYTES", small(custody::MAX_CUSTODY_BYTES)),
        ("MAX_CUSTODY_TEXT_BYTES", small(custody::MAX_CUSTODY_TEXT_BYTES)),
        ("MAX_CUSTODY_NOTE_BYTES", small(custody::MAX_CUSTODY_NOTE_BYTES)),
        ("MAX_CUSTODY_SCANS", small(custody::MAX_CUSTODY_SCANS)),
        ("MAX_CUSTODY_TOLD", small(custody::MAX_CUSTODY_TOLD)),
        ("MAX_CHECKPOINT_BYTES", small(sealift::log::MAX_CHECKPOINT_BYTES)),
        ("MAX_PRUNED", small(sealift::statement::MAX_PRUNED)),
        ("MAX_ENTRY_BYTES", small(sealift::log::MAX_ENTRY_BYTES)),
        ("MAX_PROOF_HASHES", small(sealift::crypto::merkle::MAX_PROOF_HASHES)),
        ("MAX_ANCHORS", small(data::MAX_ANCHORS)),
        ("MAX_REVOCATIONS", small(revocations::MAX_REVOCATIONS)),
    ])
}

#[test]
fn every_limit_is_in_the_table_with_its_number() {
    let text = read("bundle-spec/limits.md");
    let listed: BTreeMap<&str, u64> = rows(&text)
        .filter(|cells| cells[2].starts_with('`'))
        .map(|cells| (cells[2].trim_matches('`'), cells[1].parse().unwrap()))
        .collect();
    assert_eq!(listed, constants());
}

#[test]
fn no_constant_of_the_format_is_left_out() {
    let known = constants();
    for file in [
        "src/bundle/limits.rs",
        "src/bundle/container.rs",
        "src/trust/approval.rs",
        "src/trust/data.rs",
        "src/trust/receipt.rs",
        "src/trust/custody/mod.rs",
        "src/trust/custody/record.rs",
        "src/trust/revocations.rs",
        "src/trust/trusted.rs",
        "src/capsule/index.rs",
        "src/import/packed.rs",
        "src/import/kept.rs",
        "src/crypto/dsse.rs",
        "src/crypto/strict_json.rs",
    ] {
        for line in read(file).lines() {
            let Some(name) = line.strip_prefix("pub const ").and_then(|rest| rest.split(':').next()) else {
                continue;
            };
            if name.starts_with("MAX_") || name.starts_with("MIN_") || name.starts_with("DEFAULT_") {
                assert!(known.contains_key(name), "{name} of {file} is not in limits.md");
            }
        }
    }
}

#[test]
fn the_reader_in_python_has_the_same_limits() {
    let known = constants();
    let mut compared = 0;
    for line in read("scripts/verify_bundle.py")
        .lines()
        .filter(|line| line.starts_with("MAX_") || line.starts_with("MIN_"))
    {
        let mut parts: Vec<&str> = line.split(" = ").collect();
        let values: Vec<u64> = parts.pop().unwrap().split(", ").map(number).collect();
        let names: Vec<&str> = parts.iter().flat_map(|names| names.split(", ")).collect();
        for (index, name) in names.iter().enumerate() {
            let found = values[index.min(values.len() - 1)];
            let expected = match *name {
                "MAX_ZSTD_WINDOW_BYTES" => 1 << limits::MAX_ZSTD_WINDOW_LOG,
                "MAX_JSON_DEPTH" => known["MAX_DEPTH"],
                "MAX_JSON_INTEGER" => known["MAX_INTEGER"],
                name => known[name],
            };
            assert_eq!(found, expected, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared} limits");
}

/// The value of `4 << 20`, `(1 << 53) - 1`, `10_000`.
fn number(text: &str) -> u64 {
    if let Some(inner) = text.strip_suffix(" - 1") {
        return number(inner.trim_matches(['(', ')'])) - 1;
    }
    let plain = |text: &str| text.replace('_', "").parse::<u64>().unwrap();
    text.split_once(" << ")
        .map_or_else(|| plain(text), |(left, right)| plain(left) << plain(right))
}

#[test]
fn the_codes_are_those_of_the_program() {
    let mut text = String::from(
        "# Codes\n\nEvery refusal has one code, which is never renamed and never reused. Where several things are wrong, the one \
         of the first family leads. This page\nis made from `src/model/code.rs`, and `sealift explain CODE` prints the same; \
         `SEALIFT_WRITE_SPEC=1 cargo test --test suite spec` writes it anew.\n",
    );
    let mut family = None;
    for code in Code::ALL {
        if family != Some(code.family()) {
            text.push_str(&format!("\n## {:?}\n", code.family()));
            family = Some(code.family());
        }
        text.push_str(&format!("\n### `{}`\n\n", code.name()));
        for line in code.lines() {
            text.push_str(line.trim());
            text.push('\n');
        }
    }
    if std::env::var_os("SEALIFT_WRITE_SPEC").is_some() {
        fs::write(place("bundle-spec/codes.md"), &text).unwrap();
    }
    assert_eq!(
        fs::read_to_string(place("bundle-spec/codes.md")).unwrap_or_default(),
        text
    );
}

/// Codes stand in square brackets; nothing else in backticks does.
#[test]
fn every_code_that_a_chapter_names_exists() {
    let mut named = BTreeSet::new();
    for (chapter, text) in chapters() {
        for bracket in text
            .split('[')
            .skip(1)
            .filter(|rest| rest.starts_with('`') || rest.starts_with("else `"))
        {
            for word in quoted(bracket.split(']').next().unwrap()) {
                if word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') && word.contains('-') {
                    assert!(Code::named(word).is_some(), "{chapter} names the code {word}");
                    named.insert(word.to_owned());
                }
            }
        }
    }
    assert!(named.len() > 20, "{named:?}");
}

/// A code that a vector shows is explained in a chapter, not only in the list of codes.
#[test]
fn every_code_of_a_vector_is_in_a_chapter() {
    let text: String = chapters()
        .into_iter()
        .filter(|(name, _)| name != "codes.md")
        .map(|(_, text)| text)
        .collect();
    let words: BTreeSet<&str> = quoted(&text).into_iter().collect();
    for chapter in fs::read_dir(place("bundle-spec/vectors")).unwrap() {
        let chapter = chapter.unwrap().path();
        // The root that most cases share lies beside the chapters.
        if chapter.is_file() {
            continue;
        }
        for case in fs::read_dir(chapter).unwrap() {
            let case = fs::read_to_string(case.unwrap().path().join("case.toml")).unwrap();
            let verdict = case
                .lines()
                .find_map(|line| line.strip_prefix("verdict = "))
                .unwrap()
                .trim_matches('"')
                .to_owned();
            assert!(words.contains(verdict.as_str()), "no chapter names {verdict}");
        }
    }
}

#[test]
fn the_map_names_every_chapter() {
    let map = read("bundle-spec/README.md");
    for (name, _) in chapters() {
        assert!(
            name == "README.md" || map.contains(&format!("[{name}]({name})")),
            "README.md does not name {name}"
        );
    }
}

/// `name.md §3` points at a section that exists.
#[test]
fn references_to_sections_lead_somewhere() {
    let chapters: BTreeMap<String, String> = chapters().into_iter().collect();
    let sources = [
        read("scripts/verify_bundle.py"),
        read("src/bundle/manifest.rs"),
        read("src/bundle/catalog.rs"),
        read("src/model/artifact.rs"),
    ];
    let mut found = 0;
    for text in chapters.values().chain(&sources) {
        for (at, _) in text.match_indices(".md §") {
            let start = text[..at]
                .rfind(|letter: char| !letter.is_ascii_alphanumeric())
                .map_or(0, |at| at + 1);
            let chapter = format!("{}.md", &text[start..at]);
            let section: String = text[at + ".md §".len()..]
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            let heading = format!("\n## {section}. ");
            // design.md and style.md are not chapters.
            if let Some(text) = chapters.get(&chapter) {
                assert!(text.contains(&heading), "{chapter} has no §{section}");
                found += 1;
            }
        }
    }
    assert!(found > 40, "{found} references");
}

#[test]
fn proof_kinds_are_those_of_the_ecosystems() {
    let text = read("bundle-spec/catalog.md");
    let python = read("scripts/verify_bundle.py");
    let listed: BTreeMap<&str, Vec<&str>> = rows(text.split("## 4. ").nth(1).unwrap().split("## 5. ").next().unwrap())
        .filter(|cells| cells.len() == 2 && ecosystem::find(cells[0].trim_matches('`')).is_some())
        .map(|cells| (cells[0].trim_matches('`'), quoted(cells[1])))
        .collect();
    let known: BTreeMap<&str, Vec<&str>> = ecosystem::ALL
        .iter()
        .map(|one| (one.id(), one.proof_kinds().to_vec()))
        .collect();
    assert_eq!(listed, known);
    for (id, kinds) in known {
        assert!(
            python.contains(&format!("    {id:?}: {kinds:?},")),
            "the reader in Python knows {id} otherwise"
        );
    }
}

#[test]
fn sizes_of_media_are_those_of_the_program() {
    let text = read("bundle-spec/volumes.md");
    let listed: Vec<(&str, u64)> = rows(&text)
        .filter_map(|cells| Some((cells[0].strip_prefix('`')?.strip_suffix('`')?, cells[1].parse().ok()?)))
        .collect();
    assert_eq!(listed, volumes::NAMED_SIZES);
}

/// The header's table, field by field, against the program.
#[test]
fn the_headers_table_adds_up() {
    let text = read("bundle-spec/container.md");
    let mut end = 0;
    for cells in rows(text.split("## 3. ").nth(1).unwrap().split("## 4. ").next().unwrap()).skip(1) {
        let (offset, length): (usize, usize) = (cells[0].parse().unwrap(), cells[1].parse().unwrap());
        assert_eq!(offset, end, "{cells:?}");
        end = offset + length;
        let field = &container::header("objects/ab/cd", 0o1234)[offset..end];
        if cells[2].contains("zeros") && !cells[2].contains("name in") {
            assert!(field.iter().all(|byte| *byte == 0), "{cells:?}");
        } else if let Some(value) = quoted(cells[2]).first() {
            assert!(field.starts_with(value.as_bytes()), "{cells:?}");
        }
    }
    assert_eq!(end, 512);
}

/// A schema of the format.
pub(crate) fn schema(name: &str) -> Value {
    serde_json::from_str(&read(&format!("bundle-spec/schemas/{name}.schema.json"))).unwrap()
}

/// Fails unless a closed schema names exactly a sample's fields, and asks for those that are always written.
pub(crate) fn same_fields(schema: &Value, fullest: &impl serde::Serialize, barest: &impl serde::Serialize) {
    let names = |value: Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(schema["additionalProperties"], false, "{schema}");
    assert_eq!(
        names(schema["properties"].clone()),
        names(serde_json::to_value(fullest).unwrap())
    );
    let required: BTreeSet<String> = schema["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    // What is written as null may be left out too: `base` and `previous`.
    let bare = serde_json::to_value(barest).unwrap();
    let written = bare
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(required, written);
}

#[test]
fn the_manifests_schema_has_its_fields() {
    let digest = Digest::of(b"x");
    let root = TravellingRoot {
        digest,
        size: 10,
        version: 1,
    };
    let volume = VolumeSummary {
        bytes: 1024,
        segments: 1,
    };
    let catalog = CatalogSummary {
        artifacts: 1,
        content_size: 10,
        digest,
        documents: 0,
        object_bytes: 1,
        objects: 1,
        size: 10,
    };
    let bare = Manifest {
        base: None,
        base_source: None,
        catalog: catalog.clone(),
        created: Timestamp::from_seconds(1000),
        critical: Vec::new(),
        side_data: std::collections::BTreeMap::new(),
        epoch: 1,
        format: 1,
        generator: "test".into(),
        not_after: Timestamp::from_seconds(2000),
        plan: digest,
        previous: None,
        recipients: vec![digest],
        roots: vec![root.clone()],
        segment_size: limits::DEFAULT_SEGMENT_BYTES,
        sequence: 1,
        stream: "main".into(),
        volumes: vec![volume.clone()],
    };
    let full = Manifest {
        base: Some(digest),
        base_source: Some(sealift::model::BaseSource::Memory),
        critical: vec!["x".into()],
        previous: Some(digest),
        side_data: [(sealift::bundle::manifest::SideData::Advisories, digest)].into(),
        ..bare.clone()
    };
    let schema = schema("manifest");
    same_fields(&schema, &full, &bare);
    let side_data: BTreeSet<String> = schema["properties"]["side_data"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let known: BTreeSet<String> = sealift::bundle::manifest::SideData::ALL
        .iter()
        .map(|kind| kind.word().to_owned())
        .collect();
    assert_eq!(side_data, known);
    same_fields(&schema["properties"]["catalog"], &catalog, &catalog);
    same_fields(&schema["properties"]["roots"]["items"], &root, &root);
    same_fields(&schema["properties"]["volumes"]["items"], &volume, &volume);
    let listed = read("bundle-spec/manifest.md");
    for name in schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| *name != "catalog")
    {
        assert!(
            listed.contains(&format!("| `{name}` |")),
            "manifest.md does not list {name}"
        );
    }
}

#[test]
fn the_catalogs_schema_has_its_fields() {
    let digest = Digest::of(b"x");
    let bare = Object {
        digest,
        encoding: Encoding::Identity,
        segments: Vec::new(),
        size: 1,
        stored_size: None,
    };
    let full = Object {
        segments: vec![digest],
        stored_size: Some(1),
        encoding: Encoding::Zstd,
        ..bare.clone()
    };
    let document = Document {
        ecosystem: "npm".into(),
        name: "x".into(),
        kind: "packument".into(),
        digest,
        origin: "cache".into(),
    };
    let absent = Proof {
        kind: "npm-signature".into(),
        state: ProofState::Absent,
        objects: Vec::new(),
    };
    let present = Proof {
        state: ProofState::Present,
        objects: vec![digest],
        ..absent.clone()
    };
    let artifact = Artifact {
        ecosystem: "npm".into(),
        name: "x".into(),
        version: "1".into(),
        file: "x-1.tgz".into(),
        digest,
        origin: "cache".into(),
        reason: "package-lock.json".into(),
        proofs: vec![absent.clone()],
    };
    let schema = schema("catalog-record");
    same_fields(&schema["properties"]["object"], &full, &bare);
    same_fields(&schema["properties"]["document"], &document, &document);
    same_fields(&schema["properties"]["artifact"], &artifact, &artifact);
    same_fields(&schema["$defs"]["proof"], &present, &absent);
    let kinds: BTreeSet<String> = [
        Record::Object(full),
        Record::Document(document),
        Record::Artifact(artifact),
    ]
    .iter()
    .flat_map(|record| {
        serde_json::to_value(record)
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    })
    .collect();
    assert_eq!(
        schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>(),
        kinds
    );
    let words = [
        ProofState::Present,
        ProofState::Absent,
        ProofState::NotServed,
        ProofState::NotAsked,
    ]
    .map(ProofState::word);
    assert_eq!(
        schema["$defs"]["proof"]["properties"]["state"]["enum"],
        serde_json::json!(words)
    );
    let ids: Vec<&str> = ecosystem::ALL.iter().map(|one| one.id()).collect();
    assert_eq!(schema["$defs"]["ecosystem"]["enum"], serde_json::json!(ids));
}
