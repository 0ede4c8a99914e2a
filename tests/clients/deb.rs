//! apt installs into a root of its own from the enclave, and verifies the distribution's own signature.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use sealift::model::Timestamp;

use crate::client::{self, Home};
use crate::debian::{Key, Package, Signed, Suite};
use crate::http::{Response, Server};
use crate::site::{Reach, Site};

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap())
}

fn hours_ago(hours: i64) -> Timestamp {
    now().plus_seconds(-3600 * hours)
}

/// What a distribution serves at the moment.
#[derive(Clone)]
struct Archive {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    server: Server,
}

impl Archive {
    fn start() -> Self {
        let files: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let served = Arc::clone(&files);
        let server = Server::start(move |request| {
            let files = served.lock().unwrap();
            let file = request.path.strip_prefix("/debian/").and_then(|path| files.get(path));
            file.map_or_else(|| Response::status(404), |bytes| Response::ok(bytes.clone()))
        });
        Self { files, server }
    }

    fn publish(&self, suite: &Suite, key: &Key, signed: Signed) {
        let mut files = self.files.lock().unwrap();
        let folder = format!("dists/{}/", suite.name);
        files.retain(|path, _| !path.starts_with(&folder));
        files.extend(suite.files(key, signed));
    }

    /// The name of its folder in the enclave.
    fn name(&self) -> String {
        format!("{}/debian", self.server.address.replace(':', "_"))
    }

    /// Lets a site select packages of suites.
    fn select(&self, site: &Site, coordinates: &[&str], suites: &[&str]) {
        let mut text = "schema: sealift-selection/1\nselect:\n  - ecosystem: deb\n    coordinates:\n".to_owned();
        for coordinate in coordinates {
            text.push_str(&format!("      - \"{coordinate}\"\n"));
        }
        text.push_str("upstreams:\n");
        for suite in suites {
            text.push_str(&format!(
                "  - {{ecosystem: deb, url: \"http://{}/debian\", scope: \"[arch=amd64] {suite} main\"}}\n",
                self.server.address
            ));
        }
        site.home().write("sealift.yaml", text);
    }
}

/// Lets a site believe a key, for what it signs in `deb`.
fn trust(site: &Site, key: &Key) {
    site.home().write("archive.asc", key.public());
    site.run("trust new trust.json");
    site.run("trust add trust.json example --type openpgp --from archive.asc --scope deb/* --speaks-for registry --note test");
    site.run("trust sign trust.json --key enclave/keys/import.pem");
    site.run("trust install trust.json --enclave enclave");
}

fn towel(version: &str) -> Package {
    Package::new("towel", version, "amd64", "hat (>= 1)")
}

fn hat() -> Package {
    Package::new("hat", "1.0", "all", "")
}

/// An enclave that holds two packages of a suite, and says who vouches for them.
fn site(archive: &Archive, key: &Key, signed: Signed) -> Site {
    let site = Site::empty();
    trust(&site, key);
    archive.publish(
        &Suite::new(
            "stable",
            hours_ago(2),
            &[towel("1:4.2-1"), hat(), Package::new("fish", "1", "amd64", "")],
        ),
        key,
        signed,
    );
    archive.select(&site, &["towel=1:4.2-1", "hat=1.0"], &["stable"]);
    site.carry(1);
    let said = site.run("--json where --enclave enclave pkg:deb/towel@1:4.2-1?arch=amd64");
    assert!(said.contains("apt-release"), "{said}");
    site
}

/// A root with nothing installed, whose only source is the enclave.
struct Root<'a> {
    home: Home,
    reach: &'a Reach<'a>,
}

impl<'a> Root<'a> {
    fn new(reach: &'a Reach<'a>, key: &Key) -> Self {
        let home = Home::new();
        for folder in [
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "etc/apt/trusted.gpg.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/lib/dpkg/info",
            "var/lib/dpkg/updates",
            "var/log/apt",
            "tmp",
        ] {
            home.folder(&format!("root/{folder}"));
        }
        for file in ["status", "available"] {
            home.write(Path::new("root/var/lib/dpkg").join(file), "");
        }
        let root = home.path().join("root");
        let root = root.to_str().unwrap();
        home.write(
            "apt.conf",
            format!(
                "Dir \"{root}/\";\nDir::State::status \"{root}/var/lib/dpkg/status\";\nDir::Log \"{root}/var/log/apt\";\n\
                 Dir::Bin::methods \"/usr/lib/apt/methods/\";\nAPT::Sandbox::User \"root\";\n\
                 APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\n\
                 DPkg::Options {{ \"--root={root}\"; \"--force-not-root\"; \"--force-bad-path\"; }};\n"
            ),
        );
        home.write("root/usr/share/keyrings/example.asc", key.public());
        reach.configure("deb", &home.path().join("root"));
        let this = Self { home, reach };
        // The one line that nobody but the people of this machine can know.
        this.edit(|line| match line.starts_with("# Signed-By:") {
            true => Some(format!("Signed-By: {root}/usr/share/keyrings/example.asc")),
            false => Some(line.to_owned()),
        });
        this
    }

    fn sources(&self) -> String {
        std::fs::read_to_string(self.home.path().join("root/etc/apt/sources.list.d/enclave.sources")).unwrap()
    }

    fn edit(&self, edit: impl Fn(&str) -> Option<String>) {
        let lines: Vec<String> = self.sources().lines().filter_map(edit).collect();
        self.home.write(
            "root/etc/apt/sources.list.d/enclave.sources",
            format!("{}\n", lines.join("\n")),
        );
    }

    fn apt(&self, words: &[&str]) -> Command {
        let apt = client::find("apt-get").unwrap();
        let mut command = self.reach.command(&self.home, &apt);
        command
            .current_dir(self.home.folder("downloads"))
            .env("APT_CONFIG", self.home.path().join("apt.conf"))
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(words);
        command
    }

    /// `update` without a word of warning.
    #[track_caller]
    fn updates(&self) {
        let output = self.apt(&["update"]).output().unwrap();
        let said = client::printed(&output);
        assert!(output.status.success(), "{said}");
        assert!(
            !said.contains("W:") && !said.contains("Err:") && !said.contains("Ign:"),
            "{said}"
        );
    }

    fn answer(&self, package: &str) -> Option<String> {
        std::fs::read_to_string(self.home.path().join(format!("root/usr/share/{package}/answer"))).ok()
    }

    fn downloaded(&self, file: &str) -> PathBuf {
        self.home.path().join("downloads").join(file)
    }
}

/// Installs for real, with what it depends on.
fn installs(reach: &Reach<'_>, key: &Key) {
    let root = Root::new(reach, key);
    root.updates();
    client::succeeds(&mut root.apt(&["install", "-y", "towel"]));
    assert_eq!(root.answer("towel").as_deref(), Some("1:4.2-1\n"));
    assert_eq!(root.answer("hat").as_deref(), Some("1.0\n"));
    // The index lists it, and nobody carried it.
    let said = client::fails(&mut root.apt(&["download", "fish"]));
    assert!(said.contains("Failed to fetch"), "{said}");
}

/// What apt refuses: another key, another package, another list.
fn refuses(reach: &Reach<'_>, site: &Site, archive: &Archive, key: &Key) {
    let other = Root::new(reach, &Key::new(now()));
    let said = client::fails(&mut other.apt(&["update"]));
    assert!(said.contains("is not signed") || said.contains("NO_PUBKEY"), "{said}");

    let root = Root::new(reach, key);
    root.updates();
    let folder = format!("deb/{}", archive.name());
    let mut bytes = hat().bytes;
    *bytes.last_mut().unwrap() ^= 1;
    site.replace(&format!("{folder}/{}", hat().path()), &bytes);
    let said = client::fails(&mut root.apt(&["download", "hat"]));
    assert!(said.contains("Hash Sum mismatch"), "{said}");
    assert!(!root.downloaded(&hat().file()).exists());
    // What did not change is still taken.
    client::succeeds(&mut root.apt(&["download", "towel"]));
    assert!(root.downloaded(&towel("1:4.2-1").file()).exists());

    let lists = format!("{folder}/dists/stable/main/binary-amd64");
    let changed = crate::tgz::gzip(towel("1:4.2-1").paragraph().replace("hat", "fish").as_bytes());
    let mut paths = vec![site.facade(&format!("{lists}/Packages.gz"))];
    for algorithm in ["SHA256", "SHA512"] {
        let folder = std::fs::read_dir(site.facade(&format!("{lists}/by-hash/{algorithm}"))).unwrap();
        paths.extend(folder.map(|entry| entry.unwrap().path()));
    }
    assert_eq!(paths.len(), 3);
    for path in &paths {
        site.replace(path.strip_prefix(site.facade("")).unwrap().to_str().unwrap(), &changed);
    }
    let fresh = Root::new(reach, key);
    let said = client::fails(&mut fresh.apt(&["update"]));
    assert!(said.contains("mismatch") || said.contains("unexpected size"), "{said}");
}

#[test]
fn apt_from_the_folder() {
    if client::find("apt-get").is_none() {
        return;
    }
    let (archive, key) = (Archive::start(), Key::new(now()));
    let site = site(&archive, &key, Signed::Within);
    let reach = Reach::Files(&site);
    installs(&reach, &key);
    refuses(&reach, &site, &archive, &key);
}

#[test]
fn apt_over_http_with_the_signature_beside_the_release() {
    if client::find("apt-get").is_none() {
        return;
    }
    let (archive, key) = (Archive::start(), Key::new(now()));
    let site = site(&archive, &key, Signed::Apart);
    let reach = Reach::http(&site);
    let root = Root::new(&reach, &key);
    // Without `InRelease` apt says `Ign` and goes on with the two.
    let said = client::succeeds(&mut root.apt(&["update"]));
    assert!(!said.contains("Err:"), "{said}");
    client::succeeds(&mut root.apt(&["install", "-y", "towel"]));
    assert_eq!(root.answer("hat").as_deref(), Some("1.0\n"));
    refuses_over(&reach, &site, &archive, &key);
}

fn refuses_over(reach: &Reach<'_>, site: &Site, archive: &Archive, key: &Key) {
    let release = format!("deb/{}/dists/stable/Release", archive.name());
    let text = std::fs::read_to_string(site.facade(&release)).unwrap();
    site.replace(&release, text.replace("Origin: Example", "Origin: Debian").as_bytes());
    let root = Root::new(reach, key);
    let said = client::fails(&mut root.apt(&["update"]));
    assert!(said.contains("BADSIG") || said.contains("is not signed"), "{said}");
}

#[test]
fn apt_over_http() {
    if client::find("apt-get").is_none() {
        return;
    }
    let (archive, key) = (Archive::start(), Key::new(now()));
    let site = site(&archive, &key, Signed::Within);
    let reach = Reach::http(&site);
    installs(&reach, &key);
    refuses(&reach, &site, &archive, &key);
}

#[test]
fn a_newer_index_takes_the_place_of_the_older_and_suites_stand_side_by_side() {
    if client::find("apt-get").is_none() {
        return;
    }
    let (archive, key) = (Archive::start(), Key::new(now()));
    let site = site(&archive, &key, Signed::Within);
    let updated = Suite::new("stable", hours_ago(1), &[towel("1:4.3-1"), hat()]);
    archive.publish(&updated, &key, Signed::Within);
    let security = Suite::new(
        "stable-security",
        hours_ago(1),
        &[Package::new("hat", "1.1", "all", "")],
    );
    archive.publish(&security, &key, Signed::Within);
    archive.select(&site, &["towel=1:4.3-1", "hat=1.1"], &["stable", "stable-security"]);
    site.carry(2);
    let reach = Reach::Files(&site);
    let root = Root::new(&reach, &key);
    assert!(
        root.sources().contains("Suites: stable-security\n"),
        "{}",
        root.sources()
    );
    root.updates();
    client::succeeds(&mut root.apt(&["install", "-y", "towel"]));
    assert_eq!(root.answer("towel").as_deref(), Some("1:4.3-1\n"));
    assert_eq!(root.answer("hat").as_deref(), Some("1.1\n"));
    // The older version keeps its place, where apt no longer sees it.
    assert!(
        site.facade(&format!("deb/{}/{}", archive.name(), towel("1:4.2-1").path()))
            .exists()
    );
    client::fails(&mut root.apt(&["install", "-y", "--allow-downgrades", "towel=1:4.2-1"]));
    // What only the first index lists and did not change is still found.
    client::succeeds(&mut root.apt(&["download", "hat=1.0"]));
}

#[test]
fn an_index_that_ran_out_is_refused_by_those_who_check_it() {
    if client::find("apt-get").is_none() {
        return;
    }
    let (archive, key) = (Archive::start(), Key::new(now()));
    let old = Suite::new("stable", hours_ago(24 * 20), &[towel("1:4.2-1"), hat()]);
    archive.publish(&old, &key, Signed::Within);
    // Where nobody pinned the archive's key, nobody can say that its index ran out.
    let site = Site::empty();
    archive.select(&site, &["towel=1:4.2-1", "hat=1.0"], &["stable"]);
    site.carry(1);
    let reach = Reach::Files(&site);
    let root = Root::new(&reach, &key);
    root.updates();
    root.edit(|line| (line != "Check-Valid-Until: no").then(|| line.to_owned()));
    let said = client::fails(&mut root.apt(&["update"]));
    assert!(said.contains("expired"), "{said}");
    // Where it is pinned, all that rests on the index is contradicted.
    let strict = Site::empty();
    trust(&strict, &key);
    archive.select(&strict, &["towel=1:4.2-1", "hat=1.0"], &["stable"]);
    strict.export(1);
    let said: serde_json::Value = serde_json::from_str(&strict.run("--json verify --enclave enclave media-1")).unwrap();
    assert_eq!(said["evidence"]["contradicted"], 4, "{said}");
}

#[test]
fn what_apt_keeps_is_enough_for_an_export_that_asks_nobody() {
    if client::find("apt-get").is_none() {
        return;
    }
    let (archive, key) = (Archive::start(), Key::new(now()));
    let first = site(&archive, &key, Signed::Within);
    let reach = Reach::http(&first);
    let root = Root::new(&reach, &key);
    root.updates();
    client::succeeds(&mut root.apt(&["install", "-y", "--download-only", "towel"]));

    let site = Site::empty();
    trust(&site, &key);
    // Its sources are those of the machine, and so are its lists and archives.
    site.home().write(
        "sealift.yaml",
        "schema: sealift-selection/1\nselect:\n  - ecosystem: deb\n    coordinates: [\"towel=1:4.2-1\", \"hat:all=1.0\"]\n",
    );
    let export = |select: &str| {
        let mut command = site.sealift(&format!(
            "export --exporter exporter --to plant-7 --select {select} --out media-1 --offline"
        ));
        command.env("APT_CONFIG", root.home.path().join("apt.conf"));
        command
    };
    client::succeeds(&mut export("sealift.yaml"));
    let said: serde_json::Value = serde_json::from_str(&site.run("--json import --enclave enclave media-1")).unwrap();
    assert_eq!(said["evidence"]["levels"]["registry"], 4, "{said}");
    // The index is in no plan, and nobody wonders why it came.
    assert_eq!(said["decisions"]["bundle"]["hits"], serde_json::json!([]), "{said}");

    site.home().write(
        "other.yaml",
        "schema: sealift-selection/1\nselect:\n  - ecosystem: deb\n    coordinates: [\"towel=1:9\"]\n",
    );
    let said = client::fails(&mut export("other.yaml"));
    assert!(
        said.contains("no copy of a signed index on this machine lists it"),
        "{said}"
    );
    // A folder of packages needs no index to be found, and is proven by it all the same.
    let folder = Site::empty();
    trust(&folder, &key);
    let archives = root.home.path().join("root/var/cache/apt/archives");
    folder.home().write(
        "sealift.yaml",
        format!(
            "schema: sealift-selection/1\nselect:\n  - ecosystem: deb\n    folder: \"{}\"\n",
            archives.display()
        ),
    );
    let mut command =
        folder.sealift("export --exporter exporter --to plant-7 --select sealift.yaml --out media-1 --offline");
    client::succeeds(command.env("APT_CONFIG", root.home.path().join("apt.conf")));
    let said: serde_json::Value = serde_json::from_str(&folder.run("--json import --enclave enclave media-1")).unwrap();
    assert_eq!(said["evidence"]["levels"]["registry"], 4, "{said}");
}

#[test]
fn an_archive_without_https_is_named_for_it() {
    // No client is asked for.
    let site = Site::empty();
    site.home().write(
        "sealift.yaml",
        "schema: sealift-selection/1\nselect:\n  - ecosystem: deb\n    coordinates: [\"towel=1:4.2-1\"]\n\
         upstreams:\n  - {ecosystem: deb, url: \"http://archive.example.com/debian\", scope: \"stable main\"}\n",
    );
    let said =
        client::fails(&mut site.sealift("export --exporter exporter --to plant-7 --select sealift.yaml --out media-1"));
    assert!(
        said.contains("plain http") && said.contains("allow-plain-http"),
        "{said}"
    );
}

/// An advisory about a source, in a release.
fn advisory(id: &str, release: &str, source: &str, fixed: &str) -> String {
    let record = serde_json::json!({
        "id": id, "modified": now().to_string(), "severity": [],
        "affected": [{
            "package": { "ecosystem": format!("Debian:{release}"), "name": source },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": fixed }] }],
        }],
    });
    format!("{record}\n")
}

#[test]
fn advisories_find_packages_by_their_source_and_release() {
    let (archive, key) = (Archive::start(), Key::new(now()));
    let site = Site::empty();
    trust(&site, &key);
    let mut built = towel("1:4.2-1");
    built.rebuild("Source: galaxy (42-1)\n");
    let mut suite = Suite::new("stable", hours_ago(2), &[built, hat()]);
    suite.origin = "Debian";
    archive.publish(&suite, &key, Signed::Within);
    archive.select(&site, &["towel=1:4.2-1", "hat=1.0"], &["stable"]);
    site.home().write(
        "advisories.ndjson",
        [
            advisory("DSA-1", "12", "galaxy", "42-2"),
            // Fixed here, in another release, about another source, and about the package's own name.
            advisory("DSA-2", "12", "galaxy", "42-1"),
            advisory("DSA-3", "13", "galaxy", "42-2"),
            advisory("DSA-4", "12", "universe", "42-2"),
            advisory("DSA-5", "12", "towel", "1:5"),
        ]
        .concat(),
    );
    let export =
        "export --exporter exporter --to plant-7 --select sealift.yaml --advisories advisories.ndjson --out media-1";
    let mut command = site.reaching(export);
    client::succeeds(&mut command);
    site.run("import --enclave enclave media-1");
    let report = std::fs::read_dir(site.home().path().join("enclave/reports")).unwrap();
    let report: String = report
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
        .collect();
    let named: Vec<&str> = ["DSA-1", "DSA-2", "DSA-3", "DSA-4", "DSA-5"]
        .into_iter()
        .filter(|id| report.contains(id))
        .collect();
    assert_eq!(named, ["DSA-1"], "{report}");
}
