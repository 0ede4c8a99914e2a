//! Maven builds a project with nothing in its local repository: dependencies, plugins, parents and BOMs come from the
//! enclave, with `-C`, so that every checksum counts.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::{self, Home};
use crate::site::{Reach, Site};

/// An enclave that has what a real build put into its local repository; `None` where there is none.
fn site() -> Option<Site> {
    client::find("mvn")?;
    client::find("javac")?;
    client::prepared("maven/done")?;
    let repository = client::prepared("maven/repository")?;
    let site = Site::empty();
    site.select(&format!(
        "- folder: {}\n\x20 ecosystem: maven\n",
        repository.to_str().unwrap()
    ));
    site.carry(1);
    Some(site)
}

/// A home with the project of the fixture, and settings for the enclave.
struct Project<'a> {
    home: Home,
    reach: &'a Reach<'a>,
}

impl<'a> Project<'a> {
    fn new(reach: &'a Reach<'a>) -> Self {
        let home = Home::new();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/maven/app");
        for file in [
            "pom.xml",
            "src/main/java/com/example/app/Main.java",
            "src/test/java/com/example/app/MainTest.java",
        ] {
            home.write(Path::new("app").join(file), std::fs::read(fixture.join(file)).unwrap());
        }
        reach.configure("maven", home.path());
        Self { home, reach }
    }

    /// Maven with this home: Java takes the user's home from elsewhere unless it is told.
    fn maven(&self, folder: &str, words: &[&str]) -> Command {
        let maven = client::find("mvn").unwrap();
        let mut command = self.reach.command(&self.home, &maven);
        command
            .current_dir(self.home.folder(folder))
            .env("MAVEN_OPTS", format!("-Duser.home={}", self.home.path().display()))
            .args(["-B", "-C"])
            .args(words);
        command
    }

    fn local(&self, path: &str) -> PathBuf {
        self.home.path().join(".m2/repository").join(path)
    }

    /// Runs what was built.
    fn answer(&self) -> String {
        let classes = [
            self.home.path().join("app/target/app-1.0.jar"),
            self.local("org/apache/commons/commons-text/1.12.0/commons-text-1.12.0.jar"),
            self.local("org/apache/commons/commons-lang3/3.14.0/commons-lang3-3.14.0.jar"),
        ];
        let classes = std::env::join_paths(classes).unwrap();
        let mut command = self.home.command("java");
        client::succeeds(command.arg("-cp").arg(classes).arg("com.example.app.Main"))
    }
}

/// A version range, an imported BOM, tests with a provider that the plugin finds while it runs.
fn builds(reach: &Reach<'_>) {
    let project = Project::new(reach);
    let said = client::succeeds(&mut project.maven("app", &["package"]));
    assert!(said.contains("Tests run: 1, Failures: 0"), "{said}");
    assert_eq!(project.answer(), "The Answer Is 42\n");
    // By its prefix, outside of any project: the group's metadata names the plugin, its own the version.
    let said = client::succeeds(&mut project.maven("elsewhere", &["surefire:help"]));
    assert!(said.contains("maven-surefire-plugin"), "{said}");
}

/// Bytes that changed in the store after the import: with `-C` a wrong checksum ends the build.
fn tampered(reach: &Reach<'_>, site: &Site) {
    site.replace(
        "maven/org/apache/commons/commons-text/1.12.0/commons-text-1.12.0.jar",
        b"PK something else",
    );
    let project = Project::new(reach);
    let said = client::fails(&mut project.maven("app", &["package"]));
    assert!(said.contains("Checksum validation failed"), "{said}");
}

#[test]
fn maven_from_the_folder() {
    let Some(site) = site() else {
        return;
    };
    let reach = Reach::Files(&site);
    builds(&reach);
    tampered(&reach, &site);
}

#[test]
fn maven_over_http() {
    let Some(site) = site() else {
        return;
    };
    let reach = Reach::http(&site);
    builds(&reach);
    tampered(&reach, &site);
    // What nobody carried is not there, and nobody else is asked.
    let project = Project::new(&reach);
    let said = client::fails(&mut project.maven("elsewhere", &["versions:help"]));
    assert!(said.contains("No plugin found for prefix 'versions'"), "{said}");
}
