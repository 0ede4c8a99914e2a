//! Command lines as files: each `tests/cli/*.toml` names a world and the lines that are run in it, with what each prints.
//!
//! `SEALIFT_WRITE_CLI=1 cargo test --test cli lines` writes the answers anew; read the difference before committing it.
//! What differs from run to run (digests, times, words, the folder) stands as a placeholder; digests are numbered, so
//! that equal ones are seen to be equal.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::key::Signer as _;
use sealift::model::{Code, Digest};
use serde::Deserialize;
use serde_json::json;

use crate::export::sending;
use crate::people;
use crate::world::{World, now};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows.
    why: String,
    /// One of those that [`world`] makes.
    world: String,
    step: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// The line, without the program's name.
    run: String,
    /// `NAME=value`, if the line needs something in its environment.
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    status: i32,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
}

/// Makes the world that a case names.
fn world(name: &str) -> World {
    match name {
        "enclave" => with_media(),
        "imported" => {
            let world = with_media();
            world.run("import --enclave en m1").done();
            world
        }
        "standard" => {
            let world = World::standard();
            world.medium(1, None);
            world.key(people::APPROVER, "eve.pem");
            world.key(people::EXPORTER, "dora.pem");
            world.key(people::ANN, "ann.pem");
            world
        }
        "judged" => crate::judged::imported(),
        "pinning" => pinning(),
        "policies" => policies(),
        "sending" => sending(),
        other => panic!("there is no world `{other}`"),
    }
}

/// An enclave with persons who may sign its trust data, and files that they could pin: good ones, secret ones, others.
fn pinning() -> World {
    let world = World::standard();
    world.key(people::ANN, "ann.pem");
    world.key(people::BOB, "bob.pem");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for (from, to) in [
        ("openpgp/dsa-key.asc", "maker.asc"),
        ("helm/helm-test-key.pub", "keyring.gpg"),
        ("rpm/rpm-testkey-v4-ed25519.asc", "other.asc"),
        ("sigstore/key-trusted_root.json", "trusted_root.json"),
        ("npm/registry-keys.json", "npm-keys.json"),
        ("cosign/cosign.pub", "cosign.pub"),
        ("gem/root.pem", "root.pem"),
        ("notation/tsa-globalsignRoot.pem", "tsa.pem"),
        ("minisign/test.pub", "minisign.pub"),
        ("signify/regresskey.pub", "signify.pub"),
        ("sshsig/ed25519.pub", "id_ed25519.pub"),
        ("tuf/1.root.json", "1.root.json"),
    ] {
        fs::copy(fixtures.join(from), world.path(to)).unwrap();
    }
    let write = |name: &str, content: &[u8]| fs::write(world.path(name), content).unwrap();
    let read = |name: &str| fs::read_to_string(world.path(name)).unwrap();
    let bare = read("id_ed25519.pub");
    write(
        "allowed_signers",
        format!("ann@example.com namespaces=\"file\" {bare}").as_bytes(),
    );
    write("sum.key", format!("{}\n", note_key(people::EXPORTER)).as_bytes());
    write(
        "broken.key",
        note_key(people::EXPORTER).replace("sum.", "fun.").as_bytes(),
    );
    let der = STANDARD
        .decode(
            read("root.pem")
                .lines()
                .filter(|line| !line.starts_with("---"))
                .collect::<String>(),
        )
        .unwrap();
    write("root.cer", &der);
    write("two.pem", read("cosign.pub").repeat(2).as_bytes());
    let root: serde_json::Value = serde_json::from_str(&read("trusted_root.json")).unwrap();
    write("roots.jsonl", format!("{root}\n{root}\n").as_bytes());
    write(
        "secret.pub",
        b"untrusted comment: minisign encrypted secret key\nRWRT\n",
    );
    // Somebody changed a root after it was signed.
    write(
        "altered.root.json",
        read("1.root.json")
            .replace("\"version\": 1,", "\"version\": 2,")
            .as_bytes(),
    );
    write("empty", b"");
    world
}

/// The verifier key of a signed note: `name+hash+base64` of the algorithm's octet and the key.
fn note_key(number: u8) -> String {
    let public = people::key(number).public().info().to_vec();
    // SubjectPublicKeyInfo of Ed25519 ends in the key's 32 octets.
    let key = [&[1], &public[public.len() - 32..]].concat();
    let name = "sum.example.com";
    let hash = Digest::of(&[name.as_bytes(), b"\n", &key].concat()).hex();
    format!("{name}+{}+{}", &hash[..8], STANDARD.encode(key))
}

/// Policies, good and bad, and their tests.
fn policies() -> World {
    let world = World::new();
    let head = |version| format!("schema: sealift-policy/1\nid: plant-7\nversion: {version}\nprofile: standard\n");
    let write = |name: &str, text: String| fs::write(world.path(name), text).unwrap();
    write(
        "site.yaml",
        format!("{}ecosystems: {{npm: {{}}}}\ninternal: [\"npm/@corp/*\"]\n", head(1)),
    );
    write(
        "next.yaml",
        format!(
            "{}ecosystems: {{npm: {{evidence: provenance}}}}\ninternal: [\"npm/@corp/*\"]\ndeny: [{{match: \"npm/left-pad@<1.3.0\", reason: old}}]\n",
            head(2)
        ),
    );
    write("old.yaml", {
        let rule = "publishers: [{match: npm/left-pad, evidence: publisher, until: \"2026-01-01\"}]\n";
        format!(
            "{}ecosystems: {{npm: {{}}, cobol: {{evidence: none}}}}\n{rule}",
            head(1)
        )
    });
    write(
        "misspelt.yaml",
        format!("{}ecosystems: {{npm: {{evidense: none}}}}\n", head(1)),
    );
    write("standard.yaml", head(1));
    write("again.yaml", format!("{}version: 2\n", head(1)));
    write("both.yaml", {
        let rule =
            |names: &str| format!("  - {{match: \"npm/{names}\", evidence: publisher, until: \"2026-01-01\"}}\n");
        format!("{}publishers:\n{}{}", head(1), rule("a*"), rule("*b"))
    });
    write("waiver.yaml", {
        let waiver = "{id: W-1, scope: npm/x@1.0.0, codes: [internal-name], approved_by: [ann, bob], expires: \"2026-01-01\", reason: r";
        format!(
            "{}waivers: [{waiver}, digest: \"sha256:{}\"}}]\n",
            head(1),
            "1".repeat(64)
        )
    });
    let test = |name: &str, artifact: &str, expect: &str| {
        format!(
            "  - {{name: {name}, artifact: \"{artifact}\", known: true, published: \"2026-01-01T00:00:00Z\", findings: [{{kind: npm-signature, \
             confirmed: registry}}], expect: {expect}}}\n"
        )
    };
    let tests = "schema: sealift-policy-tests/1\nnow: \"2026-11-21T12:00:00Z\"\ntests:\n";
    write(
        "site.tests.yaml",
        format!(
            "{tests}{}{}",
            test("plain", "npm/left-pad@1.3.0", "allow"),
            test("own", "npm/@corp/x@1.0.0", "deny")
        ),
    );
    write(
        "wrong.tests.yaml",
        format!("{tests}{}", test("wrong", "npm/@corp/x@1.0.0", "allow")),
    );
    write(
        "empty.tests.yaml",
        format!("{tests}  - {{name: none, artifact: npm/x, expect: allow}}\n"),
    );
    world
}

/// An enclave into which nothing was imported, two good media, and bad ones.
fn with_media() -> World {
    let world = World::new();
    let first = world.medium(1, None);
    world.medium(2, Some(first));
    let bytes = fs::read(world.path("m1/main-1.vol001of001.tar")).unwrap();
    let edited = |name: &str, edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        edit(&mut bytes);
        fs::write(world.path(name), bytes).unwrap();
    };
    edited("flipped.tar", &|bytes| {
        let holds_bytes =
            |at: &usize| bytes[*at..].starts_with(b"objects/") && &bytes[at + 124..at + 135] != b"00000000000";
        let at = (0..bytes.len()).step_by(512).rfind(holds_bytes).unwrap() + 512;
        bytes[at] ^= 1;
    });
    edited("truncated.tar", &|bytes| bytes.truncate(bytes.len() - 1024));
    edited("forged.tar", &|bytes| {
        let at = bytes.windows(5).position(|window| window == b"\"sig\"").unwrap() + 10;
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    });
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    let second =
        |folder: &str, edits: crate::raw_bundle::Edits| world.write(folder, &world.bundle(2, Some(first)), &edits);
    let elsewhere = Digest::of(b"another enclave").to_string();
    second(
        "foreign",
        World::edits(move |manifest| manifest["recipients"] = json!([elsewhere])),
    );
    let (made, end) = (now().plus_seconds(-7200), now().plus_seconds(-3600));
    second(
        "expired",
        World::edits(move |manifest| {
            manifest["created"] = json!(made);
            manifest["not_after"] = json!(end);
        }),
    );
    world.write(
        "gap",
        &world.bundle(4, Some(Digest::of(b"three"))),
        &World::edits(|_| {}),
    );
    let mut split = world.bundle(1, None);
    split.segments_per_volume = Some(4);
    world.write("split", &split, &World::edits(|_| {}));
    world
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli")
}

#[test]
fn every_line_prints_what_its_file_says() {
    let rewrite = std::env::var_os("SEALIFT_WRITE_CLI").is_some();
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    assert!(paths.len() > 10, "the files are gone");
    let mut wrong = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let world = world(&case.world);
        let mut names = Names::new(&world);
        let found: Vec<Step> = case
            .step
            .iter()
            .map(|step| {
                let mut command = world.command(&step.run);
                if let Some((name, value)) = step.environment.as_deref().and_then(|text| text.split_once('=')) {
                    command.env(name, value);
                }
                let ran = crate::world::Ran::of(command.output().unwrap());
                let (stdout, stderr) = (names.replace(&ran.stdout), names.replace(&ran.stderr));
                Step {
                    status: ran.status,
                    stdout,
                    stderr,
                    ..step.clone()
                }
            })
            .collect();
        if rewrite {
            fs::write(&path, write(&case, &found)).unwrap();
            continue;
        }
        for (expected, found) in case.step.iter().zip(&found) {
            if expected != found {
                wrong.push(format!(
                    "{}: {}\n-- expected {expected:#?}\n-- found {found:#?}",
                    path.display(),
                    case.why
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nSEALIFT_WRITE_CLI=1 writes them anew",
        wrong.join("\n")
    );
}

#[test]
fn every_code_is_explained() {
    let world = World::new();
    for code in Code::ALL {
        let ran = world.run(&format!("explain {code}")).done();
        for line in code.lines() {
            let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
            let shown = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(shown.contains(&words), "{code}: {shown}");
        }
        assert_eq!(world.json(&format!("explain {code}"))["codes"][0]["code"], code.name());
    }
    let ran = world.run("explain no-such-code");
    assert!(matches!(ran.status, 2 | 3), "{}", ran.stderr);
}

fn write(case: &Case, steps: &[Step]) -> String {
    let mut text = format!("why = {}\nworld = {}\n", json!(case.why), json!(case.world));
    for step in steps {
        text.push_str(&format!("\n[[step]]\nrun = {}\n", json!(step.run)));
        if let Some(environment) = &step.environment {
            text.push_str(&format!("environment = {}\n", json!(environment)));
        }
        text.push_str(&format!("status = {}\n", step.status));
        for (name, value) in [("stdout", &step.stdout), ("stderr", &step.stderr)] {
            if !value.is_empty() {
                assert!(!value.contains("'''"), "it cannot be written as it is");
                text.push_str(&format!("{name} = '''\n{value}'''\n"));
            }
        }
    }
    text
}

/// Gives what differs from run to run a name.
struct Names {
    folder: String,
    digests: Vec<String>,
}

impl Names {
    fn new(world: &World) -> Self {
        Self {
            folder: world.path("").display().to_string().trim_end_matches('/').to_owned(),
            digests: Vec::new(),
        }
    }

    fn replace(&mut self, text: &str) -> String {
        let text = text.replace(&self.folder, "<folder>").replace('\u{1b}', "<ESC>");
        let text = self.digests(&text);
        let text = times(&text);
        let mut lines = Vec::new();
        let (mut in_words, mut after_words) = (false, false);
        for line in text.split('\n') {
            let start = line.trim_start();
            let indent = &line[..line.len() - start.len()];
            if in_words {
                in_words = !start.starts_with(']');
                if in_words {
                    continue;
                }
            }
            in_words =
                (start.starts_with("\"words\": [") || start.starts_with("\"key_words\": [")) && start.ends_with('[');
            let title = ["words", "root"]
                .into_iter()
                .find(|title| start.starts_with(&format!("{title}  ")));
            let goes_on = after_words
                && !indent.is_empty()
                && start.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b' ');
            after_words = title.is_some();
            match title {
                // Days from today's clock, and which of two bundles of nearly the same second came later.
                _ if start.starts_with("\"days_left\": ") => {
                    let end = if start.ends_with(',') { "," } else { "" };
                    lines.push(format!("{indent}\"days_left\": <days>{end}"));
                }
                _ if start.starts_with("known time  <time>, from bundle ") => {
                    lines.push(format!("{indent}known time  <time>, from <bundle>"));
                }
                Some("words") => lines.push(format!("{indent}words <words>")),
                _ if goes_on => lines.push(format!("{indent}<words>")),
                _ => lines.push(line.to_owned()),
            }
        }
        lines.join("\n")
    }

    /// Numbers digests in the order in which they come.
    fn digests(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(|character: char| character.is_ascii_hexdigit()) {
            out.push_str(&rest[..start]);
            rest = &rest[start..];
            let length = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
            let (run, after) = rest.split_at(length);
            if length == 64 {
                let number = self.digests.iter().position(|known| known == run).unwrap_or_else(|| {
                    self.digests.push(run.to_owned());
                    self.digests.len() - 1
                });
                out.push_str(&format!("<digest {}>", number + 1));
            } else {
                out.push_str(run);
            }
            rest = after;
        }
        out + rest
    }
}

/// Replaces times in UTC, to the second.
fn times(text: &str) -> String {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00Z";
    let bytes = text.as_bytes();
    let fits = |at: usize| {
        bytes.get(at..at + SHAPE.len()).is_some_and(|found| {
            found.iter().zip(SHAPE).all(|(byte, shape)| {
                if *shape == b'0' {
                    byte.is_ascii_digit()
                } else {
                    byte == shape
                }
            })
        })
    };
    let (mut out, mut start, mut at) = (String::new(), 0, 0);
    while at < bytes.len() {
        if fits(at) {
            out.push_str(&text[start..at]);
            out.push_str("<time>");
            at += SHAPE.len();
            start = at;
        } else {
            at += 1;
        }
    }
    out + &text[start..]
}
