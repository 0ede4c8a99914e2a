//! pip and uv install from the folder and from the server.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::{self, Home};
use crate::packages::{self, Package};
use crate::site::{Reach, Site};

/// A home with a virtual environment and a project folder that is configured for the enclave.
struct Project<'a> {
    home: Home,
    reach: &'a Reach<'a>,
    client: PathBuf,
}

impl<'a> Project<'a> {
    /// `None` where the client is not on this machine.
    fn new(reach: &'a Reach<'a>, client: &str) -> Option<Self> {
        let (client, python) = (client::find(client)?, client::find("python3")?);
        let home = Home::new();
        client::succeeds(home.command(python).args(["-m", "venv", "--without-pip", "env"]));
        reach.configure("pypi", &home.folder("app"));
        Some(Self { home, reach, client })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.reach.command(&self.home, &self.client);
        command
            .current_dir(self.home.path().join("app"))
            .env("PIP_CONFIG_FILE", self.home.path().join("app/pip.conf"))
            .env("VIRTUAL_ENV", self.home.path().join("env"));
        if self.client.ends_with("pip") {
            command.arg("--python").arg(self.home.path().join("env/bin/python"));
        }
        command.args(words);
        command
    }

    /// What the installed program prints: it imports both packages.
    fn answer(&self) -> String {
        client::succeeds(&mut self.home.command(self.home.path().join("env/bin/deep-thought")))
    }

    fn version(&self, module: &str) -> String {
        let python = self.home.path().join("env/bin/python");
        let code = format!("import {module}; print({module}.VERSION)");
        client::succeeds(self.home.command(python).args(["-c", &code]))
            .trim()
            .to_owned()
    }

    fn lock(&self, packages: &[(&str, &Package)]) {
        let lines: String = packages
            .iter()
            .map(|(name, package)| format!("{name} --hash=sha256:{}\n", package.sha256()))
            .collect();
        self.home.write("app/requirements.txt", lines);
    }
}

fn package(file: &str) -> Package {
    packages::python()
        .into_iter()
        .find(|package| package.file.starts_with(file))
        .unwrap()
}

/// With hashes: what the lock names is installed, the yanked version where it is pinned, and nothing else.
fn locked(reach: &Reach<'_>, client: &str, install: &[&str]) {
    let Some(project) = Project::new(reach, client) else {
        return;
    };
    let towel = package("towel_kit-1.0");
    project.lock(&[
        ("deep-thought==1.0", &package("deep_thought-1.0")),
        ("towel-kit==1.0", &towel),
    ]);
    client::succeeds(&mut project.command(install));
    assert_eq!(project.answer(), "42 with towel 1.0\n");
    assert_eq!(project.version("deep_thought"), "1.0");
    // A lock outlives a yank.
    project.lock(&[
        ("deep-thought==1.2", &package("deep_thought-1.2")),
        ("towel-kit==1.0", &towel),
    ]);
    client::succeeds(&mut project.command(install));
    assert_eq!(project.version("deep_thought"), "1.2");
    // Another digest than the lock's.
    project.lock(&[
        ("deep-thought==1.1", &package("deep_thought-1.0")),
        ("towel-kit==1.0", &towel),
    ]);
    let said = client::fails(&mut project.command(install));
    assert!(
        said.to_lowercase().contains("hash"),
        "the refusal is about the hash: {said}"
    );
    assert_eq!(project.version("deep_thought"), "1.2");
}

/// By name: the newest version that is not yanked and fits this Python, with its dependency; and a source
/// distribution is built where it lies.
fn by_name(reach: &Reach<'_>, client: &str, install: &[&str]) {
    let Some(project) = Project::new(reach, client) else {
        return;
    };
    let words = [install, &["Deep.Thought", "mice"]].concat();
    client::succeeds(&mut project.command(&words));
    assert_eq!(project.version("deep_thought"), "1.1");
    assert_eq!(project.version("mice"), "1.0 from source");
    assert_eq!(project.answer(), "42 with towel 1.0\n");
    let words = [install, &["deep-thought==2.0"]].concat();
    let said = client::fails(&mut project.command(&words));
    assert!(said.contains("4.2"), "the refusal is about Python's version: {said}");
    let words = [install, &["unheard-of"]].concat();
    let said = client::fails(&mut project.command(&words));
    assert!(said.contains("unheard-of"), "{said}");
}

/// Bytes that changed in the store after the import: the index page still has the digest that was imported.
fn tampered(reach: &Reach<'_>, site: &Site, client: &str, install: &[&str]) {
    let Some(project) = Project::new(reach, client) else {
        return;
    };
    site.replace(
        "pypi/files/towel_kit-1.0-py3-none-any.whl",
        &packages::other_towel_kit().bytes,
    );
    let words = [install, &["towel-kit"]].concat();
    let said = client::fails(&mut project.command(&words)).to_lowercase();
    assert!(said.contains("hash"), "the refusal is about the hash: {said}");
}

const PIP_LOCKED: &[&str] = &["install", "--require-hashes", "-r", "requirements.txt"];
const UV_LOCKED: &[&str] = &["pip", "install", "--require-hashes", "-r", "requirements.txt"];
const UV_SYNC: &[&str] = &["pip", "sync", "--require-hashes", "requirements.txt"];

#[test]
fn pip_from_the_folder() {
    let site = Site::new();
    let reach = Reach::Files(&site);
    locked(&reach, "pip", PIP_LOCKED);
    by_name(&reach, "pip", &["install"]);
    tampered(&reach, &site, "pip", &["install"]);
}

#[test]
fn pip_over_http() {
    let site = Site::new();
    let reach = Reach::http(&site);
    locked(&reach, "pip", PIP_LOCKED);
    by_name(&reach, "pip", &["install"]);
    tampered(&reach, &site, "pip", &["install"]);
}

#[test]
fn uv_from_the_folder() {
    let site = Site::new();
    let reach = Reach::Files(&site);
    locked(&reach, "uv", UV_LOCKED);
    locked(&reach, "uv", UV_SYNC);
    by_name(&reach, "uv", &["pip", "install"]);
}

#[test]
fn uv_over_http() {
    let site = Site::new();
    let reach = Reach::http(&site);
    locked(&reach, "uv", UV_LOCKED);
    locked(&reach, "uv", UV_SYNC);
    by_name(&reach, "uv", &["pip", "install"]);
}

/// uv compares digests only where a lock names them.
#[test]
fn uv_refuses_changed_bytes_that_a_lock_names() {
    let site = Site::new();
    site.replace(
        "pypi/files/towel_kit-1.0-py3-none-any.whl",
        &packages::other_towel_kit().bytes,
    );
    for reach in [Reach::Files(&site), Reach::http(&site)] {
        let Some(project) = Project::new(&reach, "uv") else {
            return;
        };
        project.lock(&[("towel-kit==1.0", &package("towel_kit-1.0"))]);
        let said = client::fails(&mut project.command(UV_SYNC)).to_lowercase();
        assert!(said.contains("hash"), "{said}");
    }
}

/// pip's own file in the home folder, as an administrator would put it.
#[test]
fn pip_finds_its_configuration_in_the_home() {
    let Some(pip) = client::find("pip") else {
        return;
    };
    let site = Site::new();
    let reach = Reach::Files(&site);
    let home = Home::new();
    reach.configure("pypi", &home.folder(".config/pip"));
    let target = home.path().join("site");
    let mut command = reach.command(&home, &pip);
    command.args(["install", "--target"]).arg(&target).arg("towel-kit");
    client::succeeds(&mut command);
    assert!(Path::new(&target).join("towel_kit/__init__.py").is_file());
}
