//! The command lines about keys, roots and approvals, as people use them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use sealift::crypto::dsse::Envelope;
use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::Signer as _;
use sealift::model::{Digest, Timestamp};
use sealift::trust::folder::{Confirmed, TrustFolder};
use sealift::trust::words::{self, WORDS_TO_IDENTIFY};
use sealift::trust::{self, Kind, Profile, approval};
use serde_json::{Value, json};

use crate::raw_bundle::{Edits, RawBundle};

const PASSPHRASE: &str = "correct horse battery staple";

/// A folder in which sealift is run, with a passphrase file that every key uses.
pub(crate) struct Desk(tempfile::TempDir);

/// What a run gave.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Only the first line counts.
        std::fs::write(folder.path().join("pass"), format!("{PASSPHRASE}\nnot this\n")).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealift"));
        command
            .args(line.split_whitespace())
            .current_dir(self.path())
            .env_clear()
            .env("SEALIFT_PASSPHRASE_FILE", self.path().join("pass"));
        command
    }

    /// Runs a command line with nobody at the keyboard.
    pub(crate) fn run(&self, line: &str) -> Ran {
        Ran::of(self.command(line).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs a command line with somebody typing.
    fn type_into(&self, line: &str, typed: &str) -> Ran {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Runs a command line that must succeed, and gives its JSON.
    pub(crate) fn json(&self, line: &str) -> Value {
        let ran = self.run(&format!("--json {line}"));
        assert_eq!(ran.status, 0, "{line}: {}{}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// Runs a command line that must be refused with a code.
    pub(crate) fn refused(&self, line: &str, code: &str) {
        let ran = self.run(line);
        assert_eq!(ran.status, 1, "{line}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(&format!("[{code}]")), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains("refused: "), "{line}: {}", ran.stderr);
    }

    /// Runs a command line that cannot be carried out, and gives what it says.
    pub(crate) fn unable(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!(ran.status, 3, "{line}: {}{}", ran.stdout, ran.stderr);
        ran.stderr
    }

    fn key(&self, file: &str) -> FileKey {
        FileKey::load(&self.path().join(file), PASSPHRASE).unwrap()
    }

    /// An exporter, an enclave `plant-7`, and a root of the profile `standard` that nobody has signed.
    pub(crate) fn standard() -> Self {
        let desk = Self::new();
        desk.json("init exporter ex");
        for person in ["ann", "bob", "cyd", "eve", "gus"] {
            desk.json(&format!("key new {person}.pem"));
        }
        desk.json("init enclave en --name plant-7 --profile standard");
        desk.json(
            "root create --name plant-7 --enclave-key en/keys/import.pub.pem --profile standard -o r1.json \
             --root ann=ann.pub.pem --root bob=bob.pub.pem --root cyd=cyd.pub.pem \
             --export dora=ex/keys/export.pub.pem --approve eve=eve.pub.pem",
        );
        desk
    }

    /// The same with a root that is signed and pinned in the enclave.
    pub(crate) fn commissioned() -> Self {
        let desk = Self::standard();
        desk.json("root sign r1.json --key ann.pem");
        let shown = desk.json("root sign r1.json --key bob.pem");
        let fingerprint = shown["fingerprint"].as_str().unwrap();
        desk.json(&format!("root pin r1.json --folder en --fingerprint {fingerprint}"));
        desk
    }

    pub(crate) fn words(&self, file: &str) -> String {
        let shown = self.json(&format!("root show {file}"));
        let words: Vec<_> = shown["words"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect();
        words.join("-")
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[test]
fn a_new_key_is_encrypted_private_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    let made = desk.json("key new ann.pem");
    let shown = desk.json("key show ann.pub.pem");
    assert_eq!(made["keys"][0]["id"], shown["keys"][0]["id"]);
    assert_eq!(made["keys"][0]["id"], desk.key("ann.pem").public().id().to_string());
    let file = desk.path().join("ann.pem");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read_to_string(&file).unwrap();
    assert!(before.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert!(desk.unable("key new ann.pem").contains("exists already"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);

    std::fs::write(desk.path().join("empty"), "\n").unwrap();
    assert!(
        desk.unable("key new x.pem --passphrase-file empty")
            .contains("the passphrase is empty")
    );
    assert!(!desk.path().join("x.pem").exists());
}

#[test]
fn weak_public_keys_are_refused() {
    let desk = Desk::new();
    let pem = desk.key_pem_with([1_u8; 1].to_vec());
    std::fs::write(desk.path().join("weak.pem"), pem).unwrap();
    desk.refused("key show weak.pem", "key-not-allowed");
}

impl Desk {
    /// A PEM file of an Ed25519 key whose first bytes are given and the rest zero.
    fn key_pem_with(&self, mut bytes: Vec<u8>) -> String {
        use base64::Engine as _;
        bytes.resize(32, 0);
        let good = FileKey::from_seed(&[1; 32]);
        let info = [&good.public().info()[..12], &bytes].concat();
        let encoded = base64::engine::general_purpose::STANDARD.encode(info);
        format!("-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n")
    }
}

#[test]
fn an_evaluation_needs_one_person() {
    let desk = Desk::new();
    desk.json("init exporter ex");
    let line = "init enclave en --name demo --profile evaluation --exporter dora=ex/keys/export.pub.pem";
    let ran = desk.run(line);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("evaluation"), "a warning");
    assert!(desk.unable(line).contains("not empty"));

    let folder = TrustFolder::open(&desk.path().join("en/trust")).unwrap();
    assert_eq!(folder.pinned().confirmed, Confirmed::MadeHere);
    let root = folder.current();
    assert_eq!(root.document().profile, Profile::Evaluation);
    let envelope = trust::sign(Kind::Manifest, b"{}".to_vec(), &[&desk.key("ex/keys/export.pem")]).unwrap();
    assert!(root.verify(trust::Role::Export, Kind::Manifest, &envelope).is_ok());

    let words = desk.words("en/trust/roots/1.dsse.json");
    desk.json(&format!(
        "root pin en/trust/roots/1.dsse.json --folder ex --words {words}"
    ));
    assert!(TrustFolder::open(&desk.path().join("ex/trust/demo")).is_ok());
}

#[test]
fn what_is_wrong_is_found_before_anything_is_made() {
    let desk = Desk::new();
    assert_eq!(desk.run("init enclave en --name demo --profile evaluation").status, 2);
    assert_eq!(desk.run("root sign r1.json").status, 2);
    assert_eq!(desk.run("root sign r1.json --agent socket").status, 2);
    desk.json("init exporter ex");
    let line = "init enclave en --profile evaluation --exporter";
    desk.refused(
        &format!("{line} Dora=ex/keys/export.pub.pem --name demo"),
        "threshold-invalid",
    );
    assert!(
        desk.unable(&format!("{line} dora=ex/keys/export.pub.pem --name Demo"))
            .contains("cannot name")
    );
    assert!(
        desk.unable(&format!("{line} dora=absent --name demo"))
            .contains("cannot read")
    );
    let nobody = desk.unable("init exporter other --passphrase-file absent");
    assert!(nobody.contains("cannot read"), "{nobody}");
    // Whatever was wrong, nothing was made.
    assert!(!desk.path().join("en").exists() && !desk.path().join("other").exists());
}

#[test]
fn a_root_is_pinned_when_enough_persons_have_signed_and_the_words_fit() {
    let desk = Desk::standard();
    let words = desk.words("r1.json");
    let pin = format!("root pin r1.json --folder en --words {words}");
    desk.refused(&pin, "root-chain-broken");
    let shown = desk.json("root sign r1.json --key ann.pem");
    assert_eq!(
        shown["signatures"],
        json!({ "signed": ["ann"], "open": ["bob", "cyd"], "missing": 1 })
    );
    desk.refused(&pin, "root-chain-broken");
    // The approver has no say in roots.
    desk.refused("root sign r1.json --key eve.pem", "key-not-in-role");
    let shown = desk.json("root sign r1.json --key bob.pem");
    assert_eq!(shown["signatures"]["missing"], 0);

    desk.refused("root pin r1.json --folder en --words zoo", "not-rooted-in-pin");
    let other = Digest::of(b"another");
    desk.refused(
        &format!("root pin r1.json --folder en --fingerprint {other}"),
        "not-rooted-in-pin",
    );
    assert!(desk.unable("root pin r1.json --folder en").contains("nobody to type"));
    assert!(!TrustFolder::is_pinned(&desk.path().join("en/trust")));

    // Typed in two lines, as `root show` prints them.
    let (first, second) = words.split_at(words.match_indices('-').nth(5).unwrap().0);
    let typed = desk.type_into("root pin r1.json --folder en", &format!("{first}\n{second}\n"));
    assert_eq!(typed.status, 0, "{}", typed.stderr);
    // The screen on which the words are typed does not tell them.
    let shown_first = words.split('-').next().unwrap();
    assert!(
        !typed.stdout.split_whitespace().any(|word| word == shown_first),
        "{}",
        typed.stdout
    );
    let folder = TrustFolder::open(&desk.path().join("en/trust")).unwrap();
    assert_eq!(folder.pinned().confirmed, Confirmed::ByWords);
}

#[test]
fn an_enclave_pins_no_root_of_another() {
    let desk = Desk::standard();
    desk.json("root sign r1.json --key ann.pem");
    desk.json("root sign r1.json --key bob.pem");
    desk.json("init enclave other --name plant-8 --profile standard");
    let words = desk.words("r1.json");
    desk.refused(
        &format!("root pin r1.json --folder other --words {words}"),
        "wrong-enclave",
    );
    assert!(
        desk.unable(&format!("root pin r1.json --folder . --words {words}"))
            .contains("no folder of")
    );
}

#[test]
fn a_rotation_needs_the_old_and_the_new_persons() {
    let desk = Desk::commissioned();
    let shown = desk.json(
        "root rotate r1.json --remove bob --root gus=gus.pub.pem --trust gus=gus.pub.pem --policy gus=gus.pub.pem \
         --new-epoch -o r2.json",
    );
    let changes: Vec<_> = shown["previous"]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    for change in [
        "gus gets the role root",
        "bob loses the role policy",
        "the epoch changes from 1 to 2: every stream starts again at 1",
    ] {
        assert!(changes.contains(&change), "{changes:?}");
    }
    let pin = format!("root pin r2.json --folder en --words {}", desk.words("r2.json"));
    // By new persons only, then one of the old ones is missing still.
    desk.json("root sign r2.json --key gus.pem");
    desk.refused("root sign r2.json --key bob.pem", "key-not-in-role");
    desk.json("root sign r2.json --key bob.pem --previous r1.json");
    desk.refused(&pin, "root-chain-broken");
    let shown = desk.json("root sign r2.json --key ann.pem --previous r1.json");
    assert_eq!(shown["signatures"]["signed"], json!(["ann", "gus"]));
    assert_eq!(shown["previous"]["signatures"]["signed"], json!(["ann", "bob"]));
    desk.json(&pin);
    desk.refused(&pin, "trust-version-out-of-order");
    let shown = desk.json("root show en/trust");
    assert_eq!(shown["version"], 2);
    assert_eq!(shown["previous"]["version"], 1);
    assert!(
        desk.unable("root rotate r1.json --remove nobody -o r3.json")
            .contains("nothing to take away")
    );
}

#[test]
fn roots_that_cannot_work_are_not_written() {
    let desk = Desk::standard();
    let create = "root create --name plant-7 --enclave-key en/keys/import.pub.pem -o x.json --export dora=ex/keys/export.pub.pem";
    let root = "--root ann=ann.pub.pem --root bob=bob.pub.pem";
    desk.refused(
        &format!("{create} {root} --profile standard --approve eve=eve.pub.pem"),
        "threshold-invalid",
    );
    let root = format!("{root} --root cyd=cyd.pub.pem");
    desk.refused(&format!("{create} {root} --profile standard"), "threshold-invalid");
    desk.refused(
        &format!("{create} {root} --profile standard --approve dora=eve.pub.pem"),
        "roles-not-separate",
    );
    desk.refused(
        &format!("{create} {root} --profile standard --approve Eve=eve.pub.pem"),
        "threshold-invalid",
    );
    // Also where those who are left would be enough.
    desk.refused(
        &format!("{create} {root} --profile standard --approve eve=eve.pub.pem --log eve=ann.pub.pem"),
        "threshold-invalid",
    );
    // One key for two persons.
    desk.refused(
        &format!("{create} {root} --profile standard --approve eve=ann.pub.pem"),
        "threshold-invalid",
    );
    desk.refused(
        &format!("{create} {root} --profile strict --approve eve=eve.pub.pem"),
        "threshold-invalid",
    );
    assert!(!desk.path().join("x.json").exists());
    assert_eq!(
        desk.run(&format!("{create} {root} --profile standard --threshold root=0"))
            .status,
        2
    );
    let again = format!("{create} {root} --profile standard --approve eve=eve.pub.pem").replace("x.json", "r1.json");
    assert!(desk.unable(&again).contains("cannot write"));
}

/// A whole volume, made now by a key for an enclave.
fn volume(desk: &Desk, recipient: Digest, signer: FileKey) -> Digest {
    let root = std::fs::read(desk.path().join("en/trust/roots/1.dsse.json")).unwrap();
    let bundle = RawBundle {
        roots: vec![(1, root)],
        ..RawBundle::sample()
    };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let created = Timestamp::from_seconds(i64::try_from(now).unwrap() - 60);
    let edits = Edits {
        manifest: Some(Box::new(move |manifest| {
            manifest["created"] = json!(created);
            manifest["not_after"] = json!(created.plus_days(45));
            manifest["recipients"] = json!([recipient]);
        })),
        envelope: Some(Box::new(move |bytes| {
            let payload = Envelope::read(bytes).unwrap().payload;
            *bytes = trust::sign(Kind::Manifest, payload, &[&signer]).unwrap().write();
        })),
        ..Edits::default()
    };
    let volume = bundle.build(&edits).swap_remove(0);
    std::fs::create_dir_all(desk.path().join("media")).unwrap();
    std::fs::write(desk.path().join("media/main-1.tar"), &volume).unwrap();
    let size = usize::from_str_radix(std::str::from_utf8(&volume[124..135]).unwrap(), 8).unwrap();
    Digest::of(&Envelope::read(&volume[512..512 + size]).unwrap().payload)
}

#[test]
fn a_second_person_approves_what_they_have_seen() {
    let desk = Desk::commissioned();
    let folder = TrustFolder::open(&desk.path().join("en/trust")).unwrap();
    let root = folder.current();
    let manifest = volume(
        &desk,
        *root.document().enclave.id.digest(),
        desk.key("ex/keys/export.pem"),
    );
    let approve = "approve media --trust en/trust --key eve.pem --valid-days 30";

    // Nobody at the keyboard, the wrong words, another manifest, a person without the role, and the exporter.
    assert!(desk.unable(approve).contains("nobody to answer"));
    let typed = desk.type_into(approve, "zoo zoo zoo zoo\nfine\n");
    assert_eq!(typed.status, 1, "{}", typed.stderr);
    let other = Digest::of(b"another");
    desk.refused(
        &format!("{approve} --reason fine --manifest {other}"),
        "digest-mismatch",
    );
    let sure = format!("--reason reviewed --manifest {manifest}");
    desk.refused(
        &format!("approve media --trust en/trust --key ann.pem {sure}"),
        "approvals-missing",
    );
    desk.refused(
        &format!("approve media --trust en/trust --key ex/keys/export.pem {sure}"),
        "roles-not-separate",
    );
    assert_eq!(std::fs::read_dir(desk.path().join("media")).unwrap().count(), 1);

    let words = words::phrase(&manifest, WORDS_TO_IDENTIFY);
    let typed = desk.type_into(approve, &format!("{words}\nreviewed on Monday\n"));
    assert_eq!(typed.status, 0, "{}", typed.stderr);
    assert!(
        typed.stderr.contains("files        4 artifacts of 1 names"),
        "{}",
        typed.stderr
    );
    let file = desk.path().join("media/main-1-1.approval-eve.dsse.json");
    let envelope = Envelope::read(&std::fs::read(file).unwrap()).unwrap();
    let created = approval::Approval::read(&envelope.payload).unwrap().created;
    let approved = approval::verify(root, &manifest, &["dora".to_owned()], &[envelope], created).unwrap();
    assert_eq!(approved.persons, ["eve"]);
    assert_eq!(approved.approvals[0].reason, "reviewed on Monday");
    assert!(approved.approvals[0].seen.contains(&format!("manifest     {manifest}")));
    assert_eq!(approved.approvals[0].expires, created.plus_days(30));

    let rejected = desk.json(&format!("{approve} {sure} --reject -o no.json"));
    assert_eq!(rejected["approval"]["decision"], "rejected");
}

#[test]
fn what_nobody_may_export_is_not_shown_for_approval() {
    let desk = Desk::commissioned();
    let folder = TrustFolder::open(&desk.path().join("en/trust")).unwrap();
    let id = *folder.current().document().enclave.id.digest();
    let line =
        |manifest: Digest| format!("approve media --trust en/trust --key eve.pem --reason x --manifest {manifest}");
    let manifest = volume(&desk, id, desk.key("gus.pem"));
    desk.refused(&line(manifest), "export-signature-invalid");
    let manifest = volume(&desk, Digest::of(b"elsewhere"), desk.key("ex/keys/export.pem"));
    desk.refused(&line(manifest), "wrong-enclave");
}

#[test]
fn keys_with_wrong_passphrases_or_modes_are_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::standard();
    std::fs::write(desk.path().join("wrong"), "wrong").unwrap();
    let message = desk.unable("root sign r1.json --key ann.pem --passphrase-file wrong");
    assert!(message.contains("the passphrase is wrong"), "{message}");
    let key = desk.path().join("ann.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let message = desk.unable("root sign r1.json --key ann.pem");
    assert!(
        message.contains("others may read") && message.contains("hint: `chmod 600"),
        "{message}"
    );
    let unsigned = desk.json("root show r1.json");
    assert_eq!(unsigned["signatures"]["signed"], json!([]));
}

#[test]
fn files_that_are_no_roots_are_refused() {
    let desk = Desk::standard();
    let key = desk.key("ann.pem");
    let write = |envelope: Vec<u8>| std::fs::write(desk.path().join("x.json"), envelope).unwrap();
    write(trust::sign(Kind::Policy, b"{}".to_vec(), &[&key]).unwrap().write());
    desk.refused("root show x.json", "wrong-document-kind");
    write(trust::sign(Kind::Root, b"{}".to_vec(), &[&key]).unwrap().write());
    desk.refused("root show x.json", "json-not-strict");
    write(b"{}".to_vec());
    desk.refused("root sign x.json --key ann.pem", "json-not-strict");
    write(vec![b' '; 70_000]);
    assert!(desk.unable("root show x.json").contains("cannot read"));
}
