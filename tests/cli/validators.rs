//! Renderings in the eyes of those who know their formats: veraPDF for PDF/A-3, the Nu checker for HTML, `xmllint` with the whole schema of JUnit, the
//! protobuf schemas of the in-toto framework for verification summaries. `scripts/clients` brings them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::judged;
use crate::reports::{rewritten, rewritten_as, varied};
use crate::tools;
use crate::world::World;

/// What a validator says of a file, and whether it is content; nothing where it is not on this machine.
fn asked(program: &str, arguments: &[&str], file: &Path) -> Option<(bool, String)> {
    let program = tools::find(program)?;
    let output = Command::new(program).args(arguments).arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Some((output.status.success(), text))
}

/// A world with reports of every kind: of some hundred artifacts, of an import, of a refusal, and of names that somebody chose to break things.
fn world() -> World {
    let world = judged::imported();
    rewritten_as(&world, "varied.ndjson", (0..320).map(varied));
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    rewritten(
        &world,
        "hostile.ndjson",
        3,
        "<a href='x'>&\"</style>\u{1b}\u{202e}",
        "--></script>]]>\u{0}(\\) Tj",
    );
    world
}

const REPORTS: [&str; 4] = ["varied.ndjson", "1", "2", "hostile.ndjson"];

/// Renders each report and fails unless a validator is content with all. Gives the file of the first.
fn content(world: &World, format: &str, program: &str, arguments: &[&str]) -> Option<std::path::PathBuf> {
    let mut first = None;
    for report in REPORTS {
        let name = format!("{report}.{format}");
        world
            .run(&format!(
                "report show {report} --enclave en --format {format} --out {name}"
            ))
            .done();
        let path = world.path(&name);
        let (is_content, text) = asked(program, arguments, &path)?;
        assert!(is_content, "{program} of {report}: {text}");
        first.get_or_insert(path);
    }
    first
}

/// Replaces some bytes with as many others, wherever they stand.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut found = 0;
    for at in 0..bytes.len().saturating_sub(from.len()) {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "{from} is not there");
    bytes
}

#[test]
fn verapdf_takes_paper_for_pdf_a_3() {
    let world = world();
    let Some(first) = content(&world, "pdf", "verapdf", &[]) else {
        return;
    };
    // And it looks: at what the metadata claim, at fonts, and how the report is attached (ISO 19005-3).
    let good = fs::read(first).unwrap();
    for (from, to, clause) in [
        ("<pdfaid:part>3<", "<pdfaid:part>2<", "clause 6.6.4"),
        ("/Metadata", "/Metadatz", "clause 6.6.2.1"),
        ("/CIDToGIDMap", "/CIDToGIDMaz", "clause 6.2.11.3.2"),
        ("/FontFile2", "/FontFilez", "clause 6.2.11.4.1"),
        ("/AFRelationship", "/AFRelationshiq", "clause 6.8"),
    ] {
        let broken = world.path("broken.pdf");
        fs::write(&broken, replaced(&good, from, to)).unwrap();
        let (is_content, text) = asked("verapdf", &[], &broken).unwrap();
        assert!(!is_content && text.contains(clause), "{from}: {text}");
    }
}

#[test]
fn the_nu_checker_takes_the_page_for_html() {
    let world = world();
    let Some(first) = content(&world, "html", "vnu", &["--Werror"]) else {
        return;
    };
    let good = fs::read_to_string(first).unwrap();
    for (from, to, why) in [
        ("</h1>", "</h2>", "h2"),
        ("<html lang=\"en\">", "<html lang=\"en\" wide>", "wide"),
        ("<title>", "<titel>", "titel"),
    ] {
        assert!(good.contains(from), "{from}");
        let broken = world.path("broken.html");
        fs::write(&broken, good.replacen(from, to, 1)).unwrap();
        let (is_content, text) = asked("vnu", &["--Werror"], &broken).unwrap();
        assert!(!is_content && text.contains(why), "{from}: {text}");
    }
}

#[test]
fn xmllint_takes_the_test_cases_for_junit() {
    let world = world();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schemas/junit-10.xsd");
    let arguments = ["--noout", "--nonet", "--schema", schema.to_str().unwrap()];
    let Some(first) = content(&world, "junit", "xmllint", &arguments) else {
        return;
    };
    let good = fs::read_to_string(first).unwrap();
    for (from, to) in [
        ("<testcase ", "<testcases "),
        ("<testsuite ", "<testsuite colour=\"red\" "),
    ] {
        let broken = world.path("broken.xml");
        fs::write(&broken, good.replacen(from, to, 1)).unwrap();
        assert!(!asked("xmllint", &arguments, &broken).unwrap().0, "{from}");
    }
}

#[test]
fn the_in_toto_framework_takes_the_summaries_for_its_own() {
    let world = world();
    let name = "varied.vsa";
    world
        .run(&format!(
            "report show varied.ndjson --enclave en --format vsa --out {name}"
        ))
        .done();
    let Some((is_content, text)) = asked("in-toto-summaries", &[], &world.path(name)) else {
        return;
    };
    assert!(is_content && text.contains("320 summaries"), "{text}");
    let good = fs::read_to_string(world.path(name)).unwrap();
    let line = good.lines().next().unwrap();
    for (from, to) in [
        ("\"verificationResult\"", "\"verificationresult\""),
        ("\"timeVerified\":\"", "\"timeVerified\":\"at "),
        ("\"predicateType\"", "\"predicate_kind\""),
        ("\"digest\":{\"sha256\"", "\"digests\":{\"sha256\""),
        ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v9"),
    ] {
        assert!(line.contains(from), "{from}: {line}");
        fs::write(world.path("broken.vsa"), format!("{}\n", line.replacen(from, to, 1))).unwrap();
        let (is_content, text) = asked("in-toto-summaries", &[], &world.path("broken.vsa")).unwrap();
        assert!(!is_content, "{from}: {text}");
    }
}
