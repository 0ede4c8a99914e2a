//! An enclave as a whole, and the commands that ask it and change it.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Command, Output};

use sealift::ecosystem::Held;
use sealift::enclave::{self, Enclave};
use sealift::ledger::BundleRecord;
use sealift::model::{Artifact, Digest, Document, Name, Proof, ProofState, RelativePath, Stop, Timestamp};
use sealift::repository::{NameFiles, Recovered, Sweep};
use sealift::store;

/// How far an import goes before it is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    Staged,
    Committed,
    Switched,
}

/// Imports one plain file of one name, as `import` does: begin, record, stage, sync, commit, switch.
pub(crate) fn import(enclave: &mut Enclave, sequence: u64, name: &str, version: &str, text: &str, until: Until) {
    let name = Name {
        ecosystem: "files".to_owned(),
        name: name.to_owned(),
    };
    let store = enclave.repository.store();
    let digest = store.put_bytes(text.as_bytes()).unwrap();
    let proof = store.put_bytes(format!("proof of {text}").as_bytes()).unwrap();
    let page = store.put_bytes(format!("page of {name}").as_bytes()).unwrap();
    let base = enclave.repository.current().unwrap().map(|current| current.root);
    let transaction = enclave
        .ledger
        .begin(BundleRecord {
            manifest: Digest::of(format!("manifest {sequence}").as_bytes()),
            stream: "plant\u{1b}[2J".to_owned(),
            epoch: 1,
            sequence,
            created: Timestamp::from_seconds(1_700_000_000),
            imported: Timestamp::from_seconds(1_700_000_100),
            root_version: 1,
            signers: vec!["alice".to_owned()],
        })
        .unwrap();
    transaction.object(&proof, 10).unwrap();
    transaction
        .artifact(&Held {
            artifact: Artifact {
                ecosystem: name.ecosystem.clone(),
                name: name.name.clone(),
                version: version.to_owned(),
                file: format!("{}.tar", name.name),
                digest,
                origin: "https://files.example.com/x".to_owned(),
                reason: "sealift.yaml".to_owned(),
                proofs: vec![Proof {
                    kind: "minisign".to_owned(),
                    state: ProofState::Present,
                    objects: vec![proof],
                }],
            },
            size: text.len() as u64,
            facts: serde_json::Value::Null,
            derived: BTreeMap::new(),
        })
        .unwrap();
    let document = Document {
        ecosystem: name.ecosystem.clone(),
        name: name.name.clone(),
        kind: "checksums".to_owned(),
        digest: store.put_bytes(format!("document {sequence}").as_bytes()).unwrap(),
        origin: "https://files.example.com/SHA256SUMS".to_owned(),
    };
    transaction.document(&document, 10).unwrap();
    let mut files: Vec<_> = transaction
        .held(&name)
        .unwrap()
        .into_iter()
        .map(|held| {
            let path = format!(
                "{}/{}/{}",
                held.artifact.name, held.artifact.version, held.artifact.file
            );
            (RelativePath::new(path).unwrap(), held.artifact.digest)
        })
        .collect();
    files.push((RelativePath::new(format!("{}/index", name.name)).unwrap(), page));
    transaction.paths(&name, files.iter().map(|(path, _)| path)).unwrap();
    let staged = enclave.repository.stage(base, &[NameFiles { name, files }]).unwrap();
    store::sync_file_systems([enclave.repository.folder()]).unwrap();
    if until == Until::Staged {
        return;
    }
    let generation = transaction.commit(staged.root().digest(), None).unwrap();
    if until == Until::Switched {
        enclave.repository.switch(generation.number, &staged).unwrap();
    }
}

pub(crate) fn new_enclave() -> (tempfile::TempDir, Enclave) {
    let folder = tempfile::tempdir().unwrap();
    let enclave = Enclave::create(folder.path(), "a test").unwrap();
    (folder, enclave)
}

fn read(folder: &Path, path: &str) -> Option<String> {
    std::fs::read_to_string(enclave::facade(folder).join(path)).ok()
}

fn run(folder: &Path, verb: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sealift"))
        .arg(verb)
        .args(arguments)
        .arg("--enclave")
        .arg(folder)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(folder: &Path, verb: &str, arguments: &[&str]) -> serde_json::Value {
    let arguments = [arguments, &["--json"]].concat();
    serde_json::from_str(&stdout(&run(folder, verb, &arguments))).unwrap()
}

#[test]
fn killed_before_the_commit_nothing_has_happened() {
    let (folder, mut enclave) = new_enclave();
    import(&mut enclave, 1, "a", "1", "one", Until::Switched);
    import(&mut enclave, 2, "a", "2", "two", Until::Staged);
    drop(enclave);
    let mut enclave = Enclave::open(folder.path(), "a test").unwrap();
    assert_eq!(enclave.recovered, Recovered::Nothing);
    assert_eq!(read(folder.path(), "files/a/2/a.tar"), None);
    assert_eq!(enclave.ledger.status().unwrap().bundles, 1);
    import(&mut enclave, 2, "a", "2", "two", Until::Switched);
    assert_eq!(read(folder.path(), "files/a/2/a.tar").as_deref(), Some("two"));
    assert_eq!(read(folder.path(), "files/a/1/a.tar").as_deref(), Some("one"));
}

#[test]
fn killed_between_commit_and_switch_the_next_run_completes_it() {
    let (folder, mut enclave) = new_enclave();
    import(&mut enclave, 1, "a", "1", "one", Until::Switched);
    import(&mut enclave, 2, "a", "2", "two", Until::Committed);
    drop(enclave);
    assert_eq!(read(folder.path(), "files/a/2/a.tar"), None);
    let output = run(folder.path(), "status", &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: a switch was interrupted"));
    let enclave = Enclave::open(folder.path(), "a test").unwrap();
    assert_eq!(enclave.recovered, Recovered::Switched);
    assert_eq!(read(folder.path(), "files/a/2/a.tar").as_deref(), Some("two"));
    assert!(run(folder.path(), "status", &[]).stderr.is_empty());
}

#[test]
fn a_folder_that_is_no_enclave_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Enclave::open(folder.path(), "a test"), Err(Stop::Unable(_))));
    for (verb, arguments) in [
        ("status", &[][..]),
        ("list", &[]),
        ("gc", &[]),
        ("rollback", &["--reason", "x"]),
        ("where", &["x"]),
        ("serve", &[]),
    ] {
        let output = run(folder.path(), verb, arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{verb}: {text}");
        assert!(
            text.starts_with("error: there is no ") && text.contains("hint: "),
            "{verb}: {text}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_old_state_beside_a_newer_repository_is_refused() {
    let (folder, mut enclave) = new_enclave();
    import(&mut enclave, 1, "a", "1", "one", Until::Switched);
    drop(enclave);
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(name));
    }
    drop(sealift::ledger::Ledger::create(&folder.path().join("state.db")).unwrap());
    let output = run(folder.path(), "gc", &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.contains("the repository is at generation 1, and state.db knows only 0 [state-rolled-back]"),
        "{text}"
    );
    assert_eq!(read(folder.path(), "files/a/1/a.tar").as_deref(), Some("one"));
}

#[test]
fn a_held_enclave_is_not_changed_and_can_be_asked() {
    let (folder, mut enclave) = new_enclave();
    import(&mut enclave, 1, "a", "1", "one", Until::Switched);
    let output = run(folder.path(), "gc", &[]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("is in use by a test"), "{text}");
    assert_eq!(json(folder.path(), "status", &[])["bundles"], 1);
}

#[test]
fn status_and_list_show_what_is_held() {
    let (folder, mut enclave) = new_enclave();
    let text = stdout(&run(folder.path(), "status", &[]));
    assert!(text.starts_with("generation  none"), "{text}");
    import(&mut enclave, 1, "a", "1", "one", Until::Switched);
    import(&mut enclave, 2, "b", "1", "three", Until::Switched);
    drop(enclave);
    let text = stdout(&run(folder.path(), "status", &[]));
    assert!(
        text.contains("holds       files           2 names         2 artifacts        8 B"),
        "{text}"
    );
    assert!(
        text.contains("stream      plant\\u{1b}[2J at bundle plant\\u{1b}[2J 2") && !text.contains('\u{1b}'),
        "{text}"
    );
    let status = json(folder.path(), "status", &[]);
    assert_eq!(
        (&status["schema"], &status["generation"]["number"]),
        (&"sealift-status/1".into(), &2.into())
    );
    assert_eq!(status["last_bundle"]["sequence"], 2);
    assert_eq!(status["known_time"]["time"], "2023-11-14T22:13:20Z");

    let text = stdout(&run(folder.path(), "list", &[]));
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.lines().nth(1).unwrap().starts_with("files     a   "), "{text}");
    let list = json(folder.path(), "list", &["[b]"]);
    assert_eq!(list["artifacts"].as_array().unwrap().len(), 1);
    assert!(
        list["artifacts"][0]["purl"]
            .as_str()
            .unwrap()
            .starts_with("pkg:generic/b@1?checksum=sha256:")
    );
    assert_eq!(
        json(folder.path(), "list", &["--ecosystem", "npm"])["artifacts"],
        serde_json::json!([])
    );
}

#[test]
fn where_answers_for_urls_paths_and_digests() {
    let (folder, mut enclave) = new_enclave();
    import(&mut enclave, 1, "a", "1", "one", Until::Switched);
    import(&mut enclave, 2, "a", "2", "two", Until::Switched);
    drop(enclave);
    let inside = enclave::facade(folder.path()).join("files/a/1/a.tar");
    let digest = Digest::of(b"one");
    for what in [
        "pkg:generic/a@1",
        "files/a/1/a.tar",
        "repository/files/a/1/a.tar",
        inside.to_str().unwrap(),
        &digest.to_string(),
        &digest.hex(),
    ] {
        let found = json(folder.path(), "where", &[what]);
        assert_eq!(found["schema"], "sealift-where/1");
        let artifact = &found["found"][0]["artifact"];
        assert_eq!(
            (&found["found"][0]["is"], &artifact["version"]),
            (&"artifact".into(), &"1".into()),
            "{what}"
        );
        // Where its own bytes stand, and not the list beside them.
        assert_eq!(
            found["found"][0]["places"],
            serde_json::json!(["files/a/1/a.tar"]),
            "{what}"
        );
        assert_eq!(artifact["first_bundle"]["sequence"], 1, "{what}");
        assert_eq!(artifact["proofs"][0]["kind"], "minisign", "{what}");
    }
    let text = stdout(&run(folder.path(), "where", &["pkg:generic/a@2"]));
    for part in [
        "bundle plant\\u{1b}[2J 2",
        "signed by alice",
        "minisign: present",
        "asked by  sealift.yaml",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(
        json(folder.path(), "where", &["pkg:generic/a"])["found"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let is = |what: &str| json(folder.path(), "where", &[what])["found"][0]["is"].clone();
    assert_eq!(is(&Digest::of(b"proof of two").to_string()), "proof");
    assert_eq!(is(&Digest::of(b"document 1").to_string()), "document");
    assert_eq!(is(&Digest::of(b"manifest 1").to_string()), "manifest");
    assert_eq!(is("files/a/index"), "page");
    for nothing in [
        "files/a/3/a.tar",
        "pkg:generic/a*",
        "files/a",
        "../state.db",
        "pkg:generic/%zz",
        &Digest::of(b"no").to_string(),
    ] {
        let output = run(folder.path(), "where", &[nothing]);
        assert_eq!(output.status.code(), Some(3), "{nothing}");
    }
    // A folder is nothing that clients read, and no file that cannot be read.
    let said = String::from_utf8(run(folder.path(), "where", &["files/a"]).stderr).unwrap();
    assert!(!said.contains("cannot read"), "{said}");
}

#[test]
fn a_rollback_is_a_new_generation_with_its_reason() {
    let (folder, mut enclave) = new_enclave();
    import(&mut enclave, 1, "a", "1", "one", Until::Switched);
    drop(enclave);
    let output = run(folder.path(), "rollback", &["--reason", "x"]);
    assert_eq!(output.status.code(), Some(3), "there is nothing before");
    let mut enclave = Enclave::open(folder.path(), "a test").unwrap();
    import(&mut enclave, 2, "a", "2", "two", Until::Switched);
    drop(enclave);
    assert_eq!(
        run(folder.path(), "rollback", &[]).status.code(),
        Some(2),
        "a reason is needed"
    );
    let done = json(folder.path(), "rollback", &["--reason", "2 is broken"]);
    assert_eq!(
        (&done["generation"], &done["note"]),
        (&3.into(), &"rollback to 1: 2 is broken".into())
    );
    assert_eq!(read(folder.path(), "files/a/2/a.tar"), None);
    assert_eq!(read(folder.path(), "files/a/1/a.tar").as_deref(), Some("one"));
    let found = json(folder.path(), "where", &["pkg:generic/a@2"]);
    assert_eq!(found["found"][0]["artifact"]["current"], false);
    assert_eq!(
        json(folder.path(), "list", &[])["artifacts"].as_array().unwrap().len(),
        1
    );
    assert_eq!(
        json(folder.path(), "list", &["--all"])["artifacts"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    // The next import builds on what clients see now, and its numbers go on.
    let mut enclave = Enclave::open(folder.path(), "a test").unwrap();
    import(&mut enclave, 3, "a", "3", "three", Until::Switched);
    drop(enclave);
    assert_eq!(read(folder.path(), "files/a/2/a.tar"), None);
    assert_eq!(read(folder.path(), "files/a/3/a.tar").as_deref(), Some("three"));
    let text = stdout(&run(
        folder.path(),
        "rollback",
        &["--to", "2", "--reason", "it was fine"],
    ));
    assert_eq!(text, "generation 5: rollback to 2: it was fine\n");
    assert_eq!(read(folder.path(), "files/a/2/a.tar").as_deref(), Some("two"));
    assert_eq!(
        run(folder.path(), "rollback", &["--to", "9", "--reason", "x"])
            .status
            .code(),
        Some(3)
    );
}

#[test]
fn gc_keeps_what_clients_or_the_record_need() {
    let (folder, mut enclave) = new_enclave();
    import(&mut enclave, 1, "a", "1", "one", Until::Switched);
    import(&mut enclave, 2, "b", "1", "two", Until::Switched);
    import(&mut enclave, 3, "a", "2", "three", Until::Switched);
    enclave.repository.store().put_bytes(b"garbage").unwrap();
    drop(enclave);
    let dry = json(folder.path(), "gc", &["--keep", "1", "--dry-run"]);
    assert_eq!(
        (&dry["generations"], &dry["objects"], &dry["bytes"]),
        (&serde_json::json!([1, 2]), &1.into(), &7.into())
    );
    assert_eq!(
        json(folder.path(), "status", &[])["kept_generations"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let text = stdout(&run(folder.path(), "gc", &["--keep", "1"]));
    assert!(
        text.starts_with("removed generations 1, 2, ") && text.contains("1 objects of 7 B"),
        "{text}"
    );
    assert_eq!(
        json(folder.path(), "status", &[])["kept_generations"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for (path, text) in [
        ("files/a/1/a.tar", "one"),
        ("files/a/2/a.tar", "three"),
        ("files/b/1/b.tar", "two"),
    ] {
        assert_eq!(read(folder.path(), path).as_deref(), Some(text));
    }
    let again = json(folder.path(), "gc", &["--keep", "1"]);
    assert_eq!(
        (&again["nodes"], &again["objects"], &again["links"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(run(folder.path(), "gc", &["--keep", "0"]).status.code(), Some(2));
    let enclave = Enclave::open(folder.path(), "a test").unwrap();
    for text in ["proof of one", "document 1"] {
        assert!(
            enclave.repository.store().contains(&Digest::of(text.as_bytes())),
            "{text}"
        );
    }
}

#[test]
fn gc_leaves_objects_alone_while_a_bundle_is_still_coming() {
    let (folder, mut enclave) = new_enclave();
    import(&mut enclave, 1, "a", "1", "one", Until::Switched);
    let object = enclave.repository.store().put_bytes(b"of a volume that came").unwrap();
    let manifest = Digest::of(b"coming");
    enclave
        .ledger
        .volume_came(&manifest, 1, Timestamp::from_seconds(1))
        .unwrap();
    let one = NonZeroU32::new(1).unwrap();
    assert_eq!(
        enclave
            .sweep(one, &BTreeSet::new(), Sweep::Remove, Timestamp::from_seconds(0))
            .unwrap()
            .objects,
        0
    );
    drop(enclave);
    let output = run(folder.path(), "gc", &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("volumes of a bundle are still to come"));
    let enclave = Enclave::open(folder.path(), "a test").unwrap();
    enclave.ledger.forget_volumes(&manifest).unwrap();
    assert_eq!(
        enclave
            .sweep(one, &BTreeSet::new(), Sweep::Remove, Timestamp::from_seconds(0))
            .unwrap()
            .objects,
        1
    );
    assert!(!enclave.repository.store().contains(&object));
}

#[test]
fn a_swept_path_may_go_to_another_name() {
    let (_folder, mut enclave) = new_enclave();
    let name = |name: &str| Name {
        ecosystem: "files".to_owned(),
        name: name.to_owned(),
    };
    let path = RelativePath::new("shared/path").unwrap();
    let bundle = |sequence: u64| BundleRecord {
        manifest: Digest::of(&sequence.to_le_bytes()),
        stream: "s".to_owned(),
        epoch: 1,
        sequence,
        created: Timestamp::from_seconds(1),
        imported: Timestamp::from_seconds(1),
        root_version: 1,
        signers: Vec::new(),
    };
    let digest = enclave.repository.store().put_bytes(b"x").unwrap();
    let mut number = 0;
    let mut publish = |enclave: &mut Enclave, owner: &str, files: Vec<(RelativePath, Digest)>| {
        number += 1;
        let base = enclave.repository.current().unwrap().map(|current| current.root);
        let transaction = enclave.ledger.begin(bundle(number)).unwrap();
        transaction.paths(&name(owner), files.iter().map(|(path, _)| path))?;
        let change = NameFiles {
            name: name(owner),
            files,
        };
        let staged = enclave.repository.stage(base, &[change]).unwrap();
        let generation = transaction.commit(staged.root().digest(), None)?;
        enclave.repository.switch(generation.number, &staged).unwrap();
        Ok::<_, sealift::ledger::LedgerError>(())
    };
    publish(&mut enclave, "a", vec![(path.clone(), digest)]).unwrap();
    publish(&mut enclave, "a", Vec::new()).unwrap();
    publish(&mut enclave, "b", vec![(path.clone(), digest)]).unwrap_err();
    enclave
        .sweep(
            NonZeroU32::new(1).unwrap(),
            &BTreeSet::new(),
            Sweep::Remove,
            Timestamp::from_seconds(0),
        )
        .unwrap();
    enclave.repository.store().put_bytes(b"x").unwrap();
    publish(&mut enclave, "b", vec![(path, digest)]).unwrap();
}

#[cfg(feature = "serve")]
#[test]
fn serve_says_where_and_ends_when_asked() {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::Stdio;

    let (folder, mut enclave) = new_enclave();
    import(&mut enclave, 1, "a", "1", "one", Until::Switched);
    let mut server = Command::new(env!("CARGO_BIN_EXE_sealift"))
        .args(["serve", "--json", "--listen", "127.0.0.1:0", "--enclave"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["schema"], "sealift-serve/1");
    let address = ready["address"].as_str().unwrap();
    assert_eq!(ready["url"], format!("http://{address}"));
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(
        &mut stream,
        format!("GET /files/a/1/a.tar HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(
        reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("\r\n\r\none"),
        "{reply}"
    );
    let pid = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));

    let output = run(folder.path(), "serve", &["--listen", "192.0.2.1:0"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3));
    assert!(text.contains("warning: plain HTTP beyond this machine"), "{text}");
    assert!(text.contains("error: cannot listen on 192.0.2.1:0"), "{text}");
    for wrong in [&["--tls-cert", "x"][..], &["--host", "http://x"], &["--listen", "x"]] {
        assert_eq!(run(folder.path(), "serve", wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn client_config_names_unknown_ecosystems() {
    let (folder, _enclave) = new_enclave();
    let output = run(folder.path(), "client-config", &["cobol"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no ecosystem `cobol`"));
    let config = json(folder.path(), "client-config", &[]);
    assert_eq!(config["schema"], "sealift-client-config/1");
    let arguments = ["--write", "x", "--overwrite"];
    assert_eq!(
        run(folder.path(), "client-config", &arguments[2..]).status.code(),
        Some(2)
    );
}
