//! A whole journey through the program: a sending side, a medium, an enclave, and its server.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::client::{self, Home};
use crate::packages::{self, Upstream};

const SEALIFT: &str = env!("CARGO_BIN_EXE_sealift");

/// Both sides of the gap, in one folder.
pub(crate) struct Site {
    home: Home,
    upstream: Upstream,
}

impl Site {
    /// An exporter and an enclave that trusts it. Nothing has been carried.
    pub(crate) fn empty() -> Self {
        let this = Self {
            home: Home::new(),
            upstream: Upstream::start(),
        };
        this.home.write("pass", "correct horse battery staple\n");
        this.run("init exporter exporter");
        this.run(
            "init enclave enclave --name plant-7 --profile evaluation --exporter alex=exporter/keys/export.pub.pem",
        );
        let shown: Value = serde_json::from_str(&this.run("--json root show enclave/trust/roots/1.dsse.json")).unwrap();
        let fingerprint = shown["fingerprint"].as_str().unwrap();
        this.run(&format!(
            "root pin enclave/trust/roots/1.dsse.json --folder exporter --fingerprint {fingerprint}"
        ));
        this
    }

    /// An enclave that has imported the first bundle: every ecosystem, from folders, with the documents of a registry.
    pub(crate) fn new() -> Self {
        let this = Self::empty();
        let python = packages::python();
        for name in ["towel-kit", "deep-thought", "mice"] {
            let own: Vec<_> = python
                .iter()
                .filter(|package| package.file.replace('_', "-").starts_with(name))
                .cloned()
                .collect();
            this.upstream.publish_python(name, &own);
        }
        let node = packages::node();
        for (name, latest) in [
            ("@deep/thought", "1.0.0"),
            ("answer", "1.1.0"),
            ("HyperThought", "1.0.0"),
        ] {
            let own: Vec<_> = node
                .iter()
                .filter(|(_, manifest)| manifest["name"] == name)
                .cloned()
                .collect();
            this.upstream.publish_node(name, latest, &own);
        }
        for package in python.iter().chain(node.iter().map(|(package, _)| package)) {
            this.home
                .write(Path::new("packages").join(&package.file), &package.bytes);
        }
        for (file, bytes) in crate::cargo::crates() {
            this.home.write(Path::new("packages").join(file), bytes);
        }
        this.home.write("handbook/guide.txt", "do not panic\n");
        this.home.write("handbook/maps/way out+1.txt", "left, then left\n");
        this.select(
            "- folder: packages\n\
             - files: handbook\n\x20 version: \"1.0\"\n\x20 folder: handbook\n",
        );
        this.carry(1);
        this
    }

    /// Writes the selection, with the registry as upstream.
    pub(crate) fn select(&self, entries: &str) {
        let indented: String = entries.lines().map(|line| format!("  {line}\n")).collect();
        self.home.write(
            "sealift.yaml",
            format!(
                "schema: sealift-selection/1\nselect:\n{indented}upstreams:\n\
                 \x20 - {{ecosystem: pypi, url: \"{}\"}}\n\
                 \x20 - {{ecosystem: npm, url: \"{}\"}}\n",
                self.upstream.url("/simple/"),
                self.upstream.url("/npm/"),
            ),
        );
    }

    /// Exports the selection, verifies the medium and imports it.
    pub(crate) fn carry(&self, number: u32) {
        self.export(number);
        self.run(&format!("verify --enclave enclave media-{number}"));
        self.run(&format!("import --enclave enclave media-{number}"));
    }

    /// Exports the selection. The sending side may reach its registry; the enclave's commands get no network.
    pub(crate) fn export(&self, number: u32) {
        let export = format!("export --exporter exporter --to plant-7 --select sealift.yaml --out media-{number}");
        client::succeeds(&mut self.reaching(&export));
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// A file below the folder that clients read.
    pub(crate) fn facade(&self, path: &str) -> PathBuf {
        self.home.path().join("enclave/repository").join(path)
    }

    /// Runs a command line of sealift without any network, and gives its answer.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> String {
        client::succeeds(self.sealift_from(self.home.command(SEALIFT)).args(line.split(' ')))
    }

    /// A command line of sealift without any network.
    pub(crate) fn sealift(&self, line: &str) -> Command {
        let mut command = self.sealift_from(self.home.command(SEALIFT));
        command.args(line.split(' '));
        command
    }

    /// A command line of the sending side, which may reach its registry.
    pub(crate) fn reaching(&self, line: &str) -> Command {
        let mut command = self.sealift_from(Command::new(SEALIFT));
        command.args(line.split(' '));
        command
    }

    fn sealift_from(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("SEALIFT_PASSPHRASE_FILE", self.home.path().join("pass"))
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Puts other bytes in the place of an object, behind the enclave's back.
    pub(crate) fn replace(&self, path: &str, bytes: &[u8]) {
        let path = std::fs::canonicalize(self.facade(path)).unwrap();
        let changed = path.with_extension("changed");
        std::fs::write(&changed, bytes).unwrap();
        std::fs::rename(changed, path).unwrap();
    }

    /// Starts `sealift serve`.
    pub(crate) fn serve(&self) -> Served {
        let mut command = self.sealift_from(self.home.command(SEALIFT));
        command.args(["serve", "--enclave", "enclave", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .trim()
            .strip_prefix("serving ")
            .expect("the URL it serves")
            .to_owned();
        Served { child, url }
    }
}

/// `sealift serve`, until the test is over.
pub(crate) struct Served {
    child: Child,
    pub(crate) url: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a client reaches the repository.
pub(crate) enum Reach<'a> {
    /// It reads the enclave's folder.
    Files(&'a Site),
    /// It asks the server.
    Http(&'a Site, Served),
}

impl<'a> Reach<'a> {
    pub(crate) fn http(site: &'a Site) -> Self {
        Self::Http(site, site.serve())
    }

    fn site(&self) -> &'a Site {
        match self {
            Self::Files(site) | Self::Http(site, _) => site,
        }
    }

    /// Lets `sealift client-config` write its lines into a folder of a home.
    pub(crate) fn configure(&self, ecosystem: &str, folder: &Path) {
        let write = folder.to_str().unwrap();
        let mut line = format!("client-config {ecosystem} --enclave enclave --write {write}");
        if let Self::Http(_, served) = self {
            line.push_str(&format!(" --url {}", served.url));
        }
        self.site().run(&line);
    }

    /// A client's command in a home: without network, or beside the server.
    pub(crate) fn command(&self, home: &Home, program: &Path) -> Command {
        match self {
            Self::Files(_) => home.command(program),
            Self::Http(_, served) => home.command_beside(served.child.id(), program),
        }
    }
}
