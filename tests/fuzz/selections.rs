//! What names artifacts: lockfiles, coordinates, file names, versions, purls, addresses and credentials.

use sealift::ecosystem::{self, Files, Purl, SelectionError};
use sealift::net::{Address, Netrc};

use crate::driver::{Parts, Target};
use crate::seeds::{file, fixture};

/// Lockfiles have megabytes, and their trees take some times that.
const MAX_BYTES: usize = 32 << 20;

const VERIFICATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<verification-metadata xmlns="https://schema.example.com/dependency-verification">
  <configuration><verify-metadata>true</verify-metadata></configuration>
  <components>
    <component group="org.example" name="lib" version="1.0">
      <artifact name="lib-1.0.jar"><sha256 value="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" origin="me"/></artifact>
    </component>
  </components>
</verification-metadata>
"#;

const MAVEN_LIST: &str = "\
The following files have been resolved:
   org.example:lib:jar:1.0:compile -- module lib
[INFO] +- org.example:other:jar:tests:2.0:test
[INFO] |  \\- org.example:deep:pom:1.0:compile
";

const GRADLE: &str = "\
# This is a Gradle generated file for dependency locking.
org.example:lib:1.0=compileClasspath,runtimeClasspath
empty=annotationProcessor
";

const APT_URIS: &str = "\
'https://archive.example.com/debian/pool/main/t/towel/towel_4.2-1_all.deb' towel_1%3a4.2-1_all.deb 42 \
SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
towel=1:4.2-1
towel:amd64=1:4.2-1
";

const DPKG: &str = "\
||/ Name           Version      Architecture Description
+++-==============-============-============-=================================
ii  towel          1:4.2-1      all          one
rc  gone:amd64     2.0-3~bpo1   amd64        two
";

const STATUS: &str = "\
Package: towel
Status: install ok installed
Architecture: all
Version: 1:4.2-1
Description: one
 two
";

pub(crate) fn targets() -> Vec<Target> {
    let npm = [
        ("package-lock.json", "npm/lockfiles/package-lock-v1.json"),
        ("package-lock.json", "npm/lockfiles/package-lock-v2.json"),
        ("package-lock.json", "npm/lockfiles/package-lock-v3.json"),
        (
            "package-lock.json",
            "npm/lockfiles/package-lock-v3-without-resolved.json",
        ),
        ("pnpm-lock.yaml", "npm/lockfiles/pnpm-lock-6.yaml"),
        ("pnpm-lock.yaml", "npm/lockfiles/pnpm-lock-9.yaml"),
        ("yarn.lock", "npm/lockfiles/yarn-1.lock"),
        ("yarn.lock", "npm/lockfiles/yarn-4.lock"),
    ];
    let pypi = [
        ("requirements.txt", "pypi/locks/requirements.txt"),
        ("requirements.txt", "pypi/locks/requirements-pip-tools.txt"),
        ("pylock.toml", "pypi/locks/pylock.toml"),
        ("uv.lock", "pypi/locks/uv.lock"),
        ("poetry.lock", "pypi/locks/poetry.lock"),
        ("pdm.lock", "pypi/locks/pdm.lock"),
        ("Pipfile.lock", "pypi/locks/Pipfile.lock"),
    ];
    let named = |list: &'static [(&'static str, &'static str)]| {
        move || -> Vec<Parts> {
            list.iter()
                .map(|(name, path)| vec![name.as_bytes().to_vec(), fixture(path)])
                .collect()
        }
    };
    let texts = |list: &'static [(&'static str, &'static str)]| {
        move || -> Vec<Parts> {
            list.iter()
                .map(|(name, text)| vec![name.as_bytes().to_vec(), text.as_bytes().to_vec()])
                .collect()
        }
    };
    let npm: &'static [_] = npm.to_vec().leak();
    let pypi: &'static [_] = pypi.to_vec().leak();
    vec![
        lockfile("cargo", 700, || {
            vec![vec![b"Cargo.lock".to_vec(), first(&file("Cargo.lock"), 20_000)]]
        }),
        lockfile("npm", 1500, named(npm)),
        lockfile("pypi", 1500, named(pypi)),
        lockfile(
            "maven",
            1500,
            texts(&[
                ("verification-metadata.xml", VERIFICATION),
                ("maven-list.txt", MAVEN_LIST),
                ("gradle.lockfile", GRADLE),
            ]),
        ),
        lockfile(
            "deb",
            1500,
            texts(&[
                ("apt-uris.txt", APT_URIS),
                ("dpkg-list.txt", DPKG),
                ("dpkg-status", STATUS),
            ]),
        ),
        Target {
            name: "selection/words".to_owned(),
            rounds: 4000,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| WORDS.iter().map(|word| vec![word.as_bytes().to_vec()]).collect()),
            read: Box::new(|parts| words(&String::from_utf8_lossy(&parts[0]))),
        },
        Target {
            name: "selection/netrc".to_owned(),
            rounds: 1500,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| {
                let text = "machine index.example.com login a password \"b c\"\nmacdef init\ncd\n\ndefault login x password y # end\n";
                vec![vec![text.as_bytes().to_vec()]]
            }),
            read: Box::new(|parts| drop(Netrc::read(&String::from_utf8_lossy(&parts[0])))),
        },
    ]
}

/// Whole lines from the beginning.
fn first(bytes: &[u8], most: usize) -> Vec<u8> {
    let end = bytes[..most.min(bytes.len())].iter().rposition(|byte| *byte == b'\n');
    bytes[..end.map_or(bytes.len(), |end| end + 1)].to_vec()
}

/// A lockfile's name, its text, and what lies beside it under any name.
fn lockfile(id: &'static str, rounds: u64, seeds: impl Fn() -> Vec<Parts> + 'static) -> Target {
    Target {
        name: format!("lockfile/{id}"),
        rounds,
        max_bytes: MAX_BYTES,
        seeds: Box::new(move || {
            let seeds = seeds();
            for seed in &seeds {
                let read = ecosystem::find(id).unwrap().read_lockfile(
                    &text(&seed[0]),
                    &text(&seed[1]),
                    &Beside(String::new()),
                );
                // Yarn's later locks have no digests of what was published.
                let is_read = read.is_ok() || text(&seed[1]).contains("__metadata:");
                assert!(is_read, "{}: {:?}", text(&seed[0]), read.err());
            }
            seeds
        }),
        read: Box::new(move |parts| {
            let [name, content, beside @ ..] = parts else { return };
            let beside = Beside(beside.first().map_or_else(String::new, |bytes| text(bytes)));
            let one = ecosystem::find(id).unwrap();
            let Ok(selection) = one.read_lockfile(&text(name), &text(content), &beside) else {
                return;
            };
            for wanted in &selection.wanted {
                let pinned = !wanted.claims.is_empty() || one.unpinned() != ecosystem::Unpinned::Refused;
                assert!(pinned, "an artifact without a digest is wanted: {wanted:?}");
            }
        }),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The same text wherever it is looked for, so that what includes itself is seen.
struct Beside(String);

impl Files for Beside {
    fn read(&self, _path: &str) -> Result<String, SelectionError> {
        Ok(self.0.clone())
    }
}

const WORDS: &[&str] = &[
    "pkg:npm/%40corp/left-pad@1.3.0?file=x#y",
    "pkg:maven/org.example/lib@1.0?classifier=sources",
    "org.example:lib:jar:sources:1.0",
    "foo-1.0-py3-none-any.whl",
    "foo-1.0+local.tar.gz",
    "left-pad-1.3.0.tgz",
    "serde-1.0.0.crate",
    "org/example/lib/1.0/lib-1.0-sources.jar",
    "1!2.0rc1.post3.dev4+local.5",
    "1.0.0-alpha.beta+build.11",
    "1.0-SNAPSHOT",
    "1:4.2-1~deb12u3",
    "https://user:pw@files.example.com:8443/a/b/../c?d=e#f",
    "https://[2001:db8::1]/x",
    "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
];

/// Everything that takes a word.
fn words(text: &str) {
    use sealift::model::{Claim, Digest, RelativePath, ScopePattern, Timestamp};
    let _ = text.parse::<Purl>();
    for one in ecosystem::ALL {
        let _ = one.recognise(text);
        let _ = one.recognise_in_folder(text);
        let _ = one.collision_key(text);
        let _ = one.is_lockfile(text);
        for other in ["1.0", "1.0.0-rc.1", text] {
            let order = one.compare_versions(text, other);
            let back = one.compare_versions(other, text);
            assert_eq!(
                order,
                back.map(std::cmp::Ordering::reverse),
                "{}: {text:?} {other:?}",
                one.id()
            );
        }
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let _ = one.read_coordinates(&lines);
    }
    let _ = ecosystem::decode(text);
    let _ = Claim::from_hex_option(text);
    let _ = text.parse::<Digest>();
    let _ = text.parse::<Timestamp>();
    let _ = RelativePath::new(text);
    let _ = ScopePattern::new(text).covers("npm", text);
    if let Ok(address) = Address::read(text) {
        let _ = address.join(text);
    }
    if let Ok(base) = Address::read("https://files.example.com/a/b") {
        let _ = base.join(text);
    }
}
