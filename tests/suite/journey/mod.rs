//! The whole journey through the program, as people run it: lockfiles of every client, registries on loopback, an enclave.

mod beside;
mod closure;
mod credentials;
mod keys;
mod maven;
mod npm;
mod proven;
mod pypi;
mod rehearsal;
mod trouble;
mod volumes;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The time that bundles say they were made at, so that they are the same in every run.
const CREATED: &str = "2026-11-01T00:00:00Z";

/// A sending and a receiving side: exporter `ex`, enclave `en`, a project, and the home of who exports.
pub(super) struct Site {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a run gave.
pub(super) struct Ran {
    pub(super) status: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Site {
    /// Keys take time to encrypt: all tests start from one commissioning, the exporter and the enclave copied.
    pub(super) fn new() -> Self {
        static COMMISSIONED: OnceLock<tempfile::TempDir> = OnceLock::new();
        let template = COMMISSIONED.get_or_init(|| {
            let site = Self::empty();
            for line in [
                "init exporter ex",
                "init enclave en --name plant-7 --profile evaluation --exporter alex=ex/keys/export.pub.pem",
            ] {
                site.succeeds(line);
            }
            let root = site.json("root show en/trust/roots/1.dsse.json");
            let fingerprint = root["fingerprint"].as_str().unwrap();
            site.succeeds(&format!(
                "root pin en/trust/roots/1.dsse.json --folder ex --fingerprint {fingerprint}"
            ));
            site.folder
        });
        let site = Self::empty();
        for part in ["ex", "en"] {
            copy(&template.path().join(part), &site.path(part));
        }
        site
    }

    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pass"), "correct horse battery staple\n").unwrap();
        for part in ["home", "project"] {
            std::fs::create_dir(folder.path().join(part)).unwrap();
        }
        Self {
            folder,
            variables: Vec::new(),
        }
    }

    pub(super) fn with_variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(super) fn run(&self, line: &str) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_sealift"))
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.path("home"))
            .env("SEALIFT_PASSPHRASE_FILE", self.path("pass"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran {
            status: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    pub(super) fn succeeds(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.status, 0, "{line}: {}{}", ran.stdout, ran.stderr);
        ran
    }

    pub(super) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.succeeds(&format!("--json {line}")).stdout).unwrap()
    }

    /// Exports a file of the project.
    pub(super) fn export(&self, select: &str, out: &str) -> Value {
        self.json(&export_line(select, out))
    }

    /// The refusals of an export that is refused, each with its code in brackets; nothing may have been written.
    pub(super) fn refused(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!(ran.status, 1, "{line}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("refused: "), "{}", ran.stderr);
        assert!(!self.path("media").exists());
        ran.stderr
    }

    /// Verifies and imports every volume in a folder.
    pub(super) fn import(&self, out: &str) {
        let volumes: Vec<String> = files(&self.path(out))
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let volumes = volumes.join(" ");
        self.succeeds(&format!("verify --enclave en {volumes}"));
        self.succeeds(&format!("import --enclave en {volumes}"));
    }

    /// Imports what an evaluation leaves to a person: the registries of these tests serve proofs that are none, and what is wrong is published
    /// nowhere without somebody's signature.
    pub(super) fn import_reviewed(&self, out: &str) {
        let volumes: Vec<String> = files(&self.path(out))
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let volumes = volumes.join(" ");
        for verb in ["verify", "import"] {
            let ran = self.run(&format!("{verb} --enclave en {volumes}"));
            assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.contains("[evidence-invalid]"), "{}", ran.stderr);
        }
        self.succeeds("review approve --all --enclave en --key en/keys/import.pem --reason fakes");
        self.succeeds(&format!("import --enclave en {volumes}"));
    }

    /// Lets a policy stand in a folder `trust`, signed by the enclave's own key, which has that role in an evaluation.
    pub(super) fn stand_policy(&self, yaml: &str, trust: &str) {
        self.write("site.yaml", yaml);
        for line in [
            "policy draft site.yaml policy.dsse.json",
            "policy sign policy.dsse.json --key en/keys/import.pem",
            &format!("policy install policy.dsse.json --trust {trust}"),
        ] {
            self.succeeds(line);
        }
    }

    /// What the enclave lists, sorted by file.
    pub(super) fn listed(&self) -> Vec<Value> {
        let list = self.json("list --enclave en");
        let mut artifacts = list["artifacts"].as_array().unwrap().clone();
        artifacts.sort_by_key(|artifact| artifact["file"].as_str().unwrap().to_owned());
        artifacts
    }

    /// The bytes of an object that the enclave holds.
    pub(super) fn object(&self, digest: &str) -> Vec<u8> {
        let (shard, rest) = digest.strip_prefix("sha256:").unwrap().split_at(2);
        std::fs::read(self.path("en/store/objects").join(shard).join(rest)).unwrap()
    }
}

pub(super) fn export_line(select: &str, out: &str) -> String {
    format!("export --exporter ex --select project/{select} --out {out} --created {CREATED}")
}

/// A proof's kind, its state, and its objects' digests.
pub(super) fn proofs(artifact: &Value) -> Vec<(&str, &str, Vec<&str>)> {
    let proofs = artifact["proofs"].as_array().unwrap();
    proofs
        .iter()
        .map(|proof| {
            let objects = proof["objects"].as_array();
            (
                proof["kind"].as_str().unwrap(),
                proof["state"].as_str().unwrap(),
                objects.into_iter().flatten().filter_map(Value::as_str).collect(),
            )
        })
        .collect()
}

/// The files in a folder, sorted.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for path in files(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
    let rights = std::fs::metadata(from).unwrap().permissions();
    std::fs::set_permissions(to, rights).unwrap();
}
