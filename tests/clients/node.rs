//! npm, pnpm and Yarn 1 install from the server, with locks that they wrote themselves.

use std::path::PathBuf;
use std::process::Command;

use crate::client::{self, Home};
use crate::packages;
use crate::site::{Reach, Site};

const PROJECT: &str = r#"{
  "name": "app",
  "version": "1.0.0",
  "private": true,
  "dependencies": { "answer": "^1.0.0", "HyperThought": "1.0.0" }
}
"#;

/// A home with a project that is configured for the enclave.
struct Project<'a> {
    home: Home,
    reach: &'a Reach<'a>,
    client: PathBuf,
}

impl<'a> Project<'a> {
    /// `None` where the client is not on this machine.
    fn new(reach: &'a Reach<'a>, client: &str) -> Option<Self> {
        let (client, _) = (client::find(client)?, client::find("node")?);
        let home = Home::new();
        home.write("app/package.json", PROJECT);
        reach.configure("npm", &home.path().join("app"));
        Some(Self { home, reach, client })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.reach.command(&self.home, &self.client);
        command
            .current_dir(self.home.path().join("app"))
            // Yarn's cache of the superuser is not in the home; and a refusal need not be tried again for a minute.
            .env("YARN_CACHE_FOLDER", self.home.path().join("yarn-cache"))
            .env("npm_config_fetch_retries", "0")
            .args(words);
        command
    }

    /// Runs what was installed: the program, which asks the module of a scope, and the package with an old name.
    fn check(&self) {
        let app = self.home.path().join("app");
        let said = client::succeeds(
            self.home
                .command(app.join("node_modules/.bin/answer"))
                .current_dir(&app),
        );
        assert_eq!(said, "the answer is 42\n");
        let code = "console.log(require('HyperThought'), require('answer/package.json').version)";
        let said = client::succeeds(self.home.command("node").current_dir(&app).args(["-e", code]));
        assert_eq!(said, "loud 1.1.0\n");
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.home.path().join("app").join(file)).unwrap()
    }
}

/// A lock that the client writes with `words`; then, in another home, an install from it leaves it as it is.
fn lock_written_by(reach: &Reach<'_>, client: &str, words: &[&str], lock: &str) -> Option<String> {
    let project = Project::new(reach, client)?;
    client::succeeds(&mut project.command(words));
    project.check();
    Some(project.read(lock))
}

fn installs_unchanged(reach: &Reach<'_>, client: &str, words: &[&str], lock: &str, text: &str) {
    let Some(project) = Project::new(reach, client) else {
        return;
    };
    project.home.write(PathBuf::from("app").join(lock), text);
    client::succeeds(&mut project.command(words));
    project.check();
    assert_eq!(project.read(lock), text, "the lock stays as it was");
}

/// The lock as it would have been written outside, beside a registry at the root of its host.
fn from_outside(lock: &str, served: &str) -> String {
    let here = format!("{served}/npm/");
    assert!(lock.contains(&here), "{lock}");
    lock.replace(&here, "https://registry.example.com/")
}

/// Changes what the store holds after the import.
fn replace(site: &Site) {
    let other = packages::other_deep_thought();
    site.replace("npm/@deep/thought/-/thought-1.0.0.tgz", &other.bytes);
}

fn url<'a>(reach: &'a Reach<'_>) -> &'a str {
    match reach {
        Reach::Http(_, served) => &served.url,
        Reach::Files(_) => panic!("no client of npm's reads a registry from files"),
    }
}

#[test]
fn npm_installs_by_name_and_from_locks() {
    let site = Site::new();
    let reach = Reach::http(&site);
    let Some(lock) = lock_written_by(&reach, "npm", &["install"], "package-lock.json") else {
        return;
    };
    installs_unchanged(&reach, "npm", &["ci"], "package-lock.json", &lock);
    // With the URLs of another registry: `client-config` sets `replace-registry-host=always`.
    let outside = from_outside(&lock, url(&reach));
    installs_unchanged(&reach, "npm", &["ci"], "package-lock.json", &outside);
    // One that keeps its packages below a path.
    let below = lock.replace(url(&reach), "https://registry.example.com/artifacts");
    installs_unchanged(&reach, "npm", &["ci"], "package-lock.json", &below);
}

#[test]
fn npm_takes_a_lock_without_urls() {
    let site = Site::new();
    let reach = Reach::http(&site);
    let words = ["install", "--omit-lockfile-registry-resolved"];
    let Some(lock) = lock_written_by(&reach, "npm", &words, "package-lock.json") else {
        return;
    };
    assert!(!lock.contains("resolved"), "{lock}");
    installs_unchanged(&reach, "npm", &["ci"], "package-lock.json", &lock);
}

#[test]
fn npm_adds_a_package_by_name() {
    let site = Site::new();
    let reach = Reach::http(&site);
    let Some(project) = Project::new(&reach, "npm") else {
        return;
    };
    client::succeeds(&mut project.command(&["install", "@deep/thought", "answer@1.0.0"]));
    let said = client::succeeds(
        project
            .home
            .command("node")
            .current_dir(project.home.path().join("app"))
            .args(["-p", "require('answer') + require('@deep/thought')"]),
    );
    assert_eq!(said, "old21\n");
    let said = client::succeeds(&mut project.command(&["view", "answer", "--json"]));
    assert!(said.contains("\"latest\": \"1.1.0\""), "{said}");
    let said = client::fails(&mut project.command(&["install", "unheard-of"]));
    assert!(said.contains("E404"), "{said}");
}

#[test]
fn npm_refuses_changed_bytes() {
    let site = Site::new();
    let reach = Reach::http(&site);
    let Some(lock) = lock_written_by(&reach, "npm", &["install"], "package-lock.json") else {
        return;
    };
    replace(&site);
    let Some(project) = Project::new(&reach, "npm") else {
        return;
    };
    project.home.write("app/package-lock.json", lock);
    for words in [["ci"].as_slice(), &["install"]] {
        let said = client::fails(&mut project.command(words));
        assert!(said.contains("EINTEGRITY"), "{said}");
        assert!(
            !project
                .home
                .path()
                .join("app/node_modules/@deep/thought/index.js")
                .exists()
        );
    }
}

#[test]
fn pnpm_installs_by_name_and_from_its_lock() {
    let site = Site::new();
    let reach = Reach::http(&site);
    let Some(lock) = lock_written_by(&reach, "pnpm", &["install"], "pnpm-lock.yaml") else {
        return;
    };
    assert!(!lock.contains("http"), "pnpm writes no URLs of its registry: {lock}");
    let words = ["install", "--frozen-lockfile"];
    installs_unchanged(&reach, "pnpm", &words, "pnpm-lock.yaml", &lock);
    replace(&site);
    let Some(project) = Project::new(&reach, "pnpm") else {
        return;
    };
    project.home.write("app/pnpm-lock.yaml", lock);
    let said = client::fails(&mut project.command(&words));
    assert!(said.contains("INTEGRITY"), "{said}");
}

#[test]
fn yarn_1_installs_by_name_and_from_a_lock_that_names_the_server() {
    let site = Site::new();
    let reach = Reach::http(&site);
    let Some(lock) = lock_written_by(&reach, "yarn", &["install"], "yarn.lock") else {
        return;
    };
    let words = ["install", "--frozen-lockfile"];
    installs_unchanged(&reach, "yarn", &words, "yarn.lock", &lock);
    replace(&site);
    let Some(project) = Project::new(&reach, "yarn") else {
        return;
    };
    project.home.write("app/yarn.lock", lock);
    let said = client::fails(&mut project.command(&words));
    assert!(said.to_lowercase().contains("integrity"), "{said}");
}
