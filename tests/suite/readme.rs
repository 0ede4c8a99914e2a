//! The README's walk through, from commissioning to the import, is run as it stands.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use sealift::model::Digest;
use sealift::trust::words::{self, WORDS_TO_IDENTIFY};

use crate::cli_trust::Desk;
use crate::raw_bundle::noise;
use crate::tgz::{Entry, tgz};

/// One command line of the README, and the first line of what it is said to print.
#[derive(Debug)]
struct Shown {
    line: String,
    says: Option<String>,
}

fn walk_through() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, text) = text.split_once("### Commissioning, once").unwrap();
    let (text, _) = text.split_once("\nA refusal says what").unwrap();
    text.to_owned()
}

/// The file that begins with this line.
fn file(text: &str, first: &str) -> String {
    let lines = text.lines().skip_while(|line| line.trim() != first);
    let lines: Vec<&str> = lines.map_while(|line| line.strip_prefix("    ")).collect();
    assert!(!lines.is_empty(), "{first}");
    format!("{}\n", lines.join("\n"))
}

fn commands(text: &str) -> Vec<Shown> {
    let mut commands: Vec<Shown> = Vec::new();
    let mut lines = text.lines();
    let mut is_first = false;
    while let Some(line) = lines.next() {
        let Some(line) = line.strip_prefix("    ") else {
            is_first = false;
            continue;
        };
        let Some(command) = line.strip_prefix("$ sealift ") else {
            if is_first && let Some(last) = commands.last_mut() {
                last.says = Some(line.to_owned());
            }
            is_first = false;
            continue;
        };
        let mut command = command.to_owned();
        while let Some(open) = command.strip_suffix('\\') {
            command = format!("{open}{}", lines.next().unwrap().trim());
        }
        let (command, _comment) = command.split_once("  #").unwrap_or((&command, ""));
        commands.push(Shown {
            line: command.trim().to_owned(),
            says: None,
        });
        is_first = true;
    }
    commands
}

/// The operator's machine: a lockfile whose crate lies in Cargo's cache, and drivers of several volumes' size.
fn prepare(desk: &Desk) {
    let write = |name: &str, bytes: &[u8]| {
        let path = desk.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let manifest = "[package]\nname = \"leaf\"\nversion = \"1.0.0\"\nedition = \"2021\"\n";
    let packed = tgz(&[
        Entry::file("leaf-1.0.0/Cargo.toml", manifest),
        Entry::file("leaf-1.0.0/src/lib.rs", "//! Nothing.\n"),
    ]);
    let digest = Digest::of(&packed).hex();
    write("cargo/registry/cache/index-0/leaf-1.0.0.crate", &packed);
    // What Cargo keeps of the registry's index says when it was published (`src/ecosystem/cargo/index_cache.rs`).
    let line = format!(
        r#"{{"name":"leaf","vers":"1.0.0","deps":[],"cksum":"{digest}","features":{{}},"yanked":false,"pubtime":"2020-01-01T00:00:00Z"}}"#
    );
    let kept = [b"\x03\x02\0\0\0etag: \"1\"\x001.0.0\0", line.as_bytes(), b"\0"].concat();
    write("cargo/registry/index/index-0/.cache/le/af/leaf", &kept);
    let lock = format!(
        "version = 4\n\n[[package]]\nname = \"leaf\"\nversion = \"1.0.0\"\n\
         source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{digest}\"\n"
    );
    write("Cargo.lock", lock.as_bytes());
    let drivers = [
        ("drivers/firmware 2.1.bin", noise(1, 350 << 10)),
        ("drivers/notes.txt", b"notes\n".to_vec()),
    ];
    let mut sums = String::new();
    for (name, bytes) in &drivers {
        write(name, bytes);
        sums.push_str(&format!(
            "{}  {}\n",
            Digest::of(bytes).hex(),
            name.strip_prefix("drivers/").unwrap()
        ));
    }
    write("drivers/SHA256SUMS", sums.as_bytes());
    for person in ["ann", "bob", "cyd", "eve"] {
        desk.json(&format!("key new {person}.pem"));
    }
}

#[test]
fn the_walk_through_works_as_it_is_written() {
    let desk = Desk::new();
    prepare(&desk);
    let text = walk_through();
    for (name, first) in [
        ("policy.yaml", "schema: sealift-policy/1"),
        ("sealift.yaml", "schema: sealift-selection/1"),
    ] {
        fs::write(desk.path().join(name), file(&text, first)).unwrap();
    }
    let commands = commands(&text);
    assert!(commands.len() > 25, "{commands:#?}");
    let (mut typed_words, mut printed) = (String::new(), String::new());
    for Shown { line, says } in &commands {
        // The sizes and numbers of volumes are those of other artifacts.
        let mut command = line.replace("20MiB", "128KiB");
        if let Ok(media) = fs::read_dir(desk.path().join("media")) {
            let count = media
                .filter(|file| file.as_ref().unwrap().path().extension().unwrap() == "tar")
                .count();
            command = command.replace("of004.tar", &format!("of{count:03}.tar"));
        }
        if command.starts_with("root join") {
            for copy in ["root-1-ann.json", "root-1-bob.json"] {
                fs::copy(desk.path().join("root-1.json"), desk.path().join(copy)).unwrap();
            }
            typed_words = format!("{}\n", desk.words("root-1.json"));
        }
        // Who approves types the four words that the other side reads, and a reason.
        let typed = match command.split_whitespace().next() {
            Some("approve") => {
                let digest = printed.split("manifest sha256:").nth(1).unwrap();
                let digest: Digest = format!("sha256:{}", &digest[..64]).parse().unwrap();
                format!("{}\nseen\n", words::phrase(&digest, WORDS_TO_IDENTIFY))
            }
            _ => typed_words.clone(),
        };
        let mut child = desk
            .command(&command)
            .env("CARGO_HOME", desk.path().join("cargo"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Most of them read nothing.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        let output = child.wait_with_output().unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        let is_refused = says.as_ref().is_some_and(|says| says.starts_with("refused: "));
        assert_eq!(
            output.status.code(),
            Some(i32::from(is_refused)),
            "{line}\n{stdout}{stderr}"
        );
        if let Some(says) = says {
            // Its first words, as digests and numbers differ.
            let start: String = says.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
            let found = format!("{stdout}{stderr}")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            let start = if is_refused { "refused:".to_owned() } else { start };
            assert!(found.contains(&start), "{line}: {start:?} in {found}");
        }
        printed.push_str(&stdout);
    }
    assert!(printed.contains("imported bundle main 1 as generation 1"), "{printed}");
    assert!(printed.contains("nothing changed"), "{printed}");
}
