//! A small world for the program: an enclave with a pinned root, and bundles that `raw_bundle` writes for it now. The
//! program reads the real clock, so times here are relative to it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use sealift::crypto::dsse::Envelope;
use sealift::ecosystem;
use sealift::enclave::Enclave;
use sealift::model::{Digest, Timestamp};
use sealift::policy::{Ecosystems, Policy};
use sealift::trust::folder::{Confirmed, TrustFolder};
use sealift::trust::{Kind, Profile, Root, TrustedRoot};
use serde_json::{Value, json};

use crate::people;
use crate::raw_bundle::{Edits, RawBundle};
use crate::tools;

/// The journeys of other tests are about persons and media: their plain files have no proofs, and their bundles no side data.
pub(crate) const PLAIN_POLICY: &str = "
schema: sealift-policy/1
id: plant-7
version: 1
profile: standard
require: { revocations_max_age_days: none, advisories_max_age_days: none, sequence_gap: refuse }
names: { first_seen: record, similar: record }
ecosystems: { files: { evidence: none } }
";

/// What every key of a world is encrypted with.
pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

/// Says something that `--show-output` shows: what was skipped, and why.
#[expect(
    clippy::print_stdout,
    reason = "the harness keeps a test's standard output and shows it"
)]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Verifies with the program that shares no code with this one, by an enclave's first root; nothing where there is no Python.
pub(crate) fn by_python(world: &World, arguments: &[&str]) -> Option<(i32, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/verify_bundle.py");
    if !tools::has("python3") {
        return None;
    }
    let output = Command::new("python3")
        .arg(script)
        .args(["--root", "en/trust/roots/1.dsse.json"])
        .args(arguments)
        .current_dir(world.path("."))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.code().unwrap(), String::from_utf8(text).unwrap()))
}

/// The clock of this machine.
pub(crate) fn now() -> Timestamp {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Timestamp::from_seconds(i64::try_from(seconds).unwrap())
}

/// A folder in which sealift is run: the enclave is `en`, media are `m1`, `m2` and so on.
pub(crate) struct World {
    folder: tempfile::TempDir,
    root: Root,
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn done(self) -> Self {
        assert_eq!(self.status, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A folder's files, links and special files, by path.
pub(crate) type Tree = BTreeMap<PathBuf, String>;

/// What an enclave shows and remembers, apart from keys and trust.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Published {
    facade: Tree,
    status: Option<Value>,
    generations: Tree,
}

impl World {
    /// An enclave that needs no approvals.
    pub(crate) fn new() -> Self {
        Self::with_root(people::root_without_approval())
    }

    /// An enclave of the profile `standard`, where eve or fay must approve.
    pub(crate) fn standard() -> Self {
        let world = Self::with_root(people::root());
        world.policy(PLAIN_POLICY);
        world
    }

    /// Lets a policy stand, signed by as many as the root asks for: ann, and bob.
    pub(crate) fn policy(&self, yaml: &str) {
        let signers: &[u8] = if self.root.profile == Profile::Evaluation {
            &[people::ANN]
        } else {
            &[people::ANN, people::BOB]
        };
        self.policy_by(yaml, signers);
    }

    /// Lets a policy stand that these have signed.
    pub(crate) fn policy_by(&self, yaml: &str, signers: &[u8]) {
        let ecosystems = Ecosystems {
            compare_versions: ecosystem::compare_versions,
            key: ecosystem::collision_key,
            spelling: ecosystem::spelling,
        };
        let policy = Policy::from_yaml(yaml, now(), &ecosystems).unwrap();
        let envelope = people::sealed(Kind::Policy, &policy.to_bytes(), signers).write();
        let mut trust = TrustFolder::open(&self.path("en/trust")).unwrap();
        let standing = trust.judge_next(Kind::Policy, &envelope, None).unwrap().unwrap();
        trust.stand(&standing).unwrap();
    }

    /// An enclave with a root that differs from the others'.
    pub(crate) fn of(root: Root) -> Self {
        Self::with_root(root)
    }

    fn with_root(mut root: Root) -> Self {
        root.expires = now().plus_days(700);
        let folder = tempfile::tempdir().unwrap();
        let envelope = people::sealed_root(&root, &[people::ANN, people::BOB]);
        let pinned = TrustedRoot::pinned(&envelope).unwrap();
        TrustFolder::pin(&folder.path().join("en/trust"), pinned, Confirmed::MadeHere, now()).unwrap();
        // As `sealift init enclave` does.
        drop(Enclave::create(&folder.path().join("en"), "a test").unwrap());
        fs::create_dir(folder.path().join("en/keys")).unwrap();
        people::key(people::STATION)
            .store(&folder.path().join("en/keys/import.pem"), PASSPHRASE)
            .unwrap();
        fs::write(folder.path().join("pass"), PASSPHRASE).unwrap();
        Self { folder, root }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// The sample bundle with a number of its own, one volume.
    pub(crate) fn bundle(&self, sequence: u64, previous: Option<Digest>) -> RawBundle {
        let mut bundle = RawBundle::sample();
        bundle.sequence = sequence;
        bundle.previous = previous;
        bundle.roots = vec![(1, people::sealed_root(&self.root, &[people::ANN, people::BOB]))];
        bundle.files.push((
            format!("only-in-{sequence}"),
            format!("number {sequence}\n").into_bytes(),
        ));
        bundle
    }

    /// Edits that set the times to now, and one thing more.
    pub(crate) fn edits(edit: impl Fn(&mut Value) + 'static) -> Edits {
        let (created, not_after) = (now(), now().plus_days(30));
        Edits {
            manifest: Some(Box::new(move |manifest: &mut Value| {
                manifest["created"] = json!(created);
                manifest["not_after"] = json!(not_after);
                edit(manifest);
            })),
            ..Edits::default()
        }
    }

    /// Writes a bundle's volumes into a folder, and gives the manifest's digest.
    pub(crate) fn write(&self, folder: &str, bundle: &RawBundle, edits: &Edits) -> Digest {
        let folder = self.path(folder);
        fs::create_dir_all(&folder).unwrap();
        let volumes = bundle.build(edits);
        let count = volumes.len();
        let digest = manifest_digest(&volumes[0]);
        for (index, bytes) in volumes.into_iter().enumerate() {
            let name = format!("main-{}.vol{:03}of{count:03}.tar", bundle.sequence, index + 1);
            fs::write(folder.join(name), bytes).unwrap();
        }
        digest
    }

    /// Writes bundle `sequence` into `m<sequence>`.
    pub(crate) fn medium(&self, sequence: u64, previous: Option<Digest>) -> Digest {
        self.write(
            &format!("m{sequence}"),
            &self.bundle(sequence, previous),
            &Self::edits(|_| {}),
        )
    }

    /// A command line that runs in the world's folder with an environment of its own.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealift"));
        command.args(line.split_whitespace());
        self.surround(&mut command);
        command
    }

    pub(crate) fn surround(&self, command: &mut Command) {
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("SEALIFT_PASSPHRASE_FILE", self.path("pass"))
            .stdin(Stdio::null());
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        Ran::of(self.command(line).output().unwrap())
    }

    pub(crate) fn json(&self, line: &str) -> Value {
        self.run(&format!("{line} --json")).done().json()
    }

    /// Runs a command line with bytes on its standard input.
    pub(crate) fn feed(&self, line: &str, bytes: &[u8]) -> Ran {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that refuses early closes its end, and that is no fault here.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Runs a command line that must be refused with a code, in words and as JSON, and that must change nothing.
    pub(crate) fn refused(&self, line: &str, code: &str) -> String {
        let before = self.published();
        let document = self.run(&format!("{line} --json"));
        assert_eq!(document.status, 1, "{line}: {}{}", document.stdout, document.stderr);
        let codes: Vec<Value> = document.json()["refusals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|refusal| refusal["code"].clone())
            .collect();
        assert!(codes.contains(&json!(code)), "{line}: {codes:?}");
        let ran = self.run(line);
        assert_eq!(ran.status, 1, "{line}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.is_empty(), "{line}: {}", ran.stdout);
        assert!(ran.stderr.contains("refused: "), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("[{code}]")), "{line}: {}", ran.stderr);
        assert_eq!(before, self.published(), "{line}");
        ran.stderr
    }

    /// Runs a command line that cannot be carried out, and that must change nothing.
    pub(crate) fn unable(&self, line: &str) -> String {
        let before = self.published();
        let ran = self.run(line);
        assert_eq!(ran.status, 3, "{line}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("error: "), "{line}: {}", ran.stderr);
        assert_eq!(before, self.published(), "{line}");
        ran.stderr
    }

    /// What stands in the staging folder.
    pub(crate) fn staging(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("en/staging")) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// What clients of the enclave see, and what it remembers.
    pub(crate) fn published(&self) -> Published {
        let status = self.path("en/state.db").exists().then(|| {
            let mut status = self.json("status --enclave en");
            // Progress of volumes is kept whatever becomes of a bundle.
            status["unfinished"] = Value::Null;
            status
        });
        let is_new = status.as_ref().is_none_or(|status| status["generation"].is_null());
        Published {
            facade: facade(&self.path("en")),
            // An enclave that nothing was imported into is the same with and without an empty memory.
            status: status.filter(|_| !is_new),
            generations: tree(&self.path("en/generations"), &[]),
        }
    }

    /// Writes the key of a numbered person as the program reads it.
    pub(crate) fn key(&self, number: u8, file: &str) {
        people::key(number).store(&self.path(file), PASSPHRASE).unwrap();
    }
}

/// The digest of the manifest in a volume.
pub(crate) fn manifest_digest(volume: &[u8]) -> Digest {
    let size = usize::from_str_radix(std::str::from_utf8(&volume[124..135]).unwrap(), 8).unwrap();
    Digest::of(&Envelope::read(&volume[512..512 + size]).unwrap().payload)
}

/// All that lies below a folder, apart from some names at its top; links are not followed.
pub(crate) fn tree(folder: &Path, without: &[&str]) -> Tree {
    let mut tree = Tree::new();
    collect(folder, folder, without, &mut tree);
    tree
}

fn collect(top: &Path, folder: &Path, without: &[&str], tree: &mut Tree) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let below = path.strip_prefix(top).unwrap().to_owned();
        if without.iter().any(|name| below == Path::new(name)) {
            continue;
        }
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        let text = if kind.is_dir() {
            collect(top, &path, without, tree);
            "folder".to_owned()
        } else if kind.is_symlink() {
            format!("link to {}", fs::read_link(&path).unwrap().display())
        } else if kind.is_file() {
            // The owner of an unreadable file can still see it.
            fs::read(&path).map_or_else(|error| error.to_string(), |bytes| Digest::of(&bytes).to_string())
        } else {
            format!("special {}", kind.is_fifo())
        };
        tree.insert(below, text);
    }
}

/// What clients read: every path of the façade with the digest of the bytes behind it. A link that leads nowhere is no
/// file to them.
pub(crate) fn facade(enclave: &Path) -> Tree {
    let mut seen = Tree::new();
    follow(&enclave.join("repository"), &enclave.join("repository"), &mut seen);
    seen
}

fn follow(top: &Path, folder: &Path, seen: &mut Tree) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() == ".now" {
            continue;
        }
        match fs::metadata(&path) {
            Ok(kind) if kind.is_dir() => follow(top, &path, seen),
            Ok(_) => {
                let digest = Digest::of(&fs::read(&path).unwrap()).to_string();
                seen.insert(path.strip_prefix(top).unwrap().to_owned(), digest);
            }
            Err(_) => {}
        }
    }
}
