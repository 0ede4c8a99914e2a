//! Reports on paper: PDF/A-3 with the signed report attached.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use flate2::read::ZlibDecoder;
use sealift::report::Format;

use crate::judged;
use crate::reports::{reports, rewritten, rewritten_as, varied};
use crate::tools;
use crate::world::World;

fn paper(world: &World, report: &str, name: &str) -> Vec<u8> {
    world
        .run(&format!("report show {report} --enclave en --format pdf --out {name}"))
        .done();
    fs::read(world.path(name)).unwrap()
}

fn find(bytes: &[u8], words: &[u8]) -> Option<usize> {
    bytes.windows(words.len()).position(|window| window == words)
}

/// The bytes of the one attached file.
fn attached(document: &[u8]) -> Vec<u8> {
    let at = find(document, b"/Type/EmbeddedFile")
        .or_else(|| find(document, b"/Type /EmbeddedFile"))
        .expect("a file is attached");
    let start = at + find(&document[at..], b"stream\n").unwrap() + 7;
    let mut bytes = Vec::new();
    ZlibDecoder::new(&document[start..]).read_to_end(&mut bytes).unwrap();
    bytes
}

/// What a program of others says of a file; nothing where it is not here.
fn asked(program: &str, arguments: &[&str], file: &Path) -> Option<String> {
    if !tools::has(program) {
        return None;
    }
    let output = Command::new(program).args(arguments).arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program}: {text}");
    Some(text)
}

#[test]
fn paper_carries_the_very_report_that_it_was_made_of() {
    let world = judged::imported();
    rewritten_as(&world, "varied.ndjson", (0..320).map(varied));
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    let refused = reports(&world).pop().unwrap();
    for (report, file, name) in [
        ("varied.ndjson", world.path("varied.ndjson"), "varied.pdf"),
        ("2", refused, "refused.pdf"),
    ] {
        let document = paper(&world, report, name);
        assert!(document.starts_with(b"%PDF-1.7"));
        // The metadata is there as it is, for whoever looks for the standard (ISO 19005-3 §6.6.4).
        for words in [
            "<pdfaid:part>3</pdfaid:part>",
            "<pdfaid:conformance>B</pdfaid:conformance>",
        ] {
            assert!(find(&document, words.as_bytes()).is_some(), "{words}");
        }
        let bytes = attached(&document);
        assert_eq!(bytes, fs::read(file).unwrap());
        // And what was attached is verified as the report is.
        fs::write(world.path("again.ndjson"), bytes).unwrap();
        let again = world.json("report verify again.ndjson --enclave en");
        assert_eq!(
            again["digest"],
            world.json(&format!("report verify {report} --enclave en"))["digest"]
        );
        // The same report gives the same bytes.
        assert_eq!(document, paper(&world, report, &format!("again-{name}")));
        let path = world.path(name);
        asked("qpdf", &["--check"], &path);
        if let Some(text) =
            asked("pdftotext", &["-layout"], &path).and_then(|_| fs::read_to_string(path.with_extension("txt")).ok())
        {
            let digest = again["digest"].as_str().unwrap();
            assert!(text.contains(digest), "{text}");
            assert!(text.contains("Controls") && text.contains("not-covered"), "{text}");
        }
        if let Some(folder) = std::env::var_os("SEALIFT_KEEP_PAGES") {
            fs::copy(&path, Path::new(&folder).join(name)).unwrap();
        }
    }
}

#[test]
fn paper_says_what_the_report_says_and_no_more() {
    let world = judged::imported();
    rewritten_as(&world, "varied.ndjson", (0..10).map(varied));
    paper(&world, "varied.ndjson", "varied.pdf");
    if asked("pdftotext", &["-layout"], &world.path("varied.pdf")).is_none() {
        return;
    }
    let text = fs::read_to_string(world.path("varied.txt")).unwrap();
    // Nobody approved; whoever exported did not approve as well.
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in ["Exported by dora", "Approved by nobody"] {
        assert!(words.contains(line), "{line}: {text}");
    }
    // Each sign stands before the proofs that came to it.
    for line in ["✓ sigstore: ", "? openpgp: ", "✕ openpgp: "] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let counted: Vec<&str> = text.lines().filter(|line| line.contains(" artifacts: ")).collect();
    assert!(
        !counted.is_empty() && counted.iter().all(|line| !line.contains(" 0 ")),
        "{counted:?}"
    );
    // Each control stands under its own regime, and that this is an evaluation is said above them alone.
    assert_eq!(text.matches("CIP-010-4 R1 1.6.1").count(), 1, "{text}");
    assert!(
        !text.contains("not covered: this enclave is for an evaluation"),
        "{text}"
    );
}

#[test]
fn no_name_draws_what_it_likes() {
    let world = judged::imported();
    let hostile = "中文 \u{202e}gpj\u{1b}[2J \u{fffe}\u{e000}\u{10ffff} (x) Tj ) \\ %";
    rewritten(&world, "hostile.ndjson", 3, hostile, hostile);
    paper(&world, "hostile.ndjson", "hostile.pdf");
    let path = world.path("hostile.pdf");
    asked("qpdf", &["--check"], &path);
    if asked("pdftotext", &["-layout"], &path).is_some() {
        let text = fs::read_to_string(world.path("hostile.txt")).unwrap();
        assert!(text.contains("\\u{4e2d}") && text.contains("\\u{202e}"), "{text}");
        assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'), "{text}");
    }
    // Nothing is made of a report that somebody touched, nor printed where a person looks.
    let text = fs::read_to_string(world.path("hostile.ndjson")).unwrap();
    fs::write(
        world.path("touched.ndjson"),
        text.replace("\"size\":1000", "\"size\":1001"),
    )
    .unwrap();
    let line = "report show touched.ndjson --enclave en --format pdf --out touched.pdf";
    assert_eq!(world.run(line).status, 1);
    assert!(!world.path("touched.pdf").exists());
    assert_eq!(world.run("report show 1 --enclave en --format pdf").status, 3);
    assert!(Format::ALL.contains(&Format::Pdf));
}

#[test]
fn a_large_report_is_counted_on_paper_and_named_by_its_digest() {
    let world = judged::imported();
    rewritten(&world, "large.ndjson", 30_000, "left-pad", &"because ".repeat(60));
    assert!(fs::metadata(world.path("large.ndjson")).unwrap().len() > 32 << 20);
    let document = paper(&world, "large.ndjson", "large.pdf");
    assert!(document.len() < 16 << 20, "{}", document.len());
    assert!(find(&document, b"/EmbeddedFile").is_none());
    let path = world.path("large.pdf");
    if asked("pdftotext", &[], &path).is_some() {
        let text = fs::read_to_string(world.path("large.txt")).unwrap();
        assert!(text.contains("26000 more artifacts") && text.contains("too large to be attached"));
    }
}
