//! The lockfiles of npm, pnpm and Yarn: what they ask for, and what is refused.

use sealift::ecosystem::npm::Npm;
use sealift::ecosystem::{Ecosystem as _, Files, Selection, SelectionError};

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, SelectionError> {
        panic!("nothing asks for {path}")
    }
}

const A: &str = "sha512-ISl80N0xiDxvQxbG2YnahKmS/4x8AvdZM5Cl0yvSYM0xHTsn1Af0NGqCAXTlkuCxlvB03VvSoM7VkK2B63vPJQ==";
const B: &str = "sha512-AYnb1nQyY49te+VRAVgmzfcgjYS91mY5P0TKUDCLEM+gNnA+3T6rWITXRLYCpahpqSQbN5cE+gHpnPyXjHWxcw==";
const SHA1: &str = "sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=";

fn read(file: &str, text: &str) -> Result<Selection, SelectionError> {
    Npm.read_lockfile(file, text, &NoFiles)
}

#[track_caller]
fn selected(file: &str, text: &str) -> Selection {
    match read(file, text) {
        Ok(selection) => selection,
        Err(error) => panic!("{error}\n{text}"),
    }
}

#[track_caller]
fn refused(file: &str, text: &str, what: &str) {
    match read(file, text) {
        Err(error) => assert!(error.to_string().contains(what), "{error}"),
        Ok(selection) => panic!("{selection:?}\nwas read from\n{text}"),
    }
}

fn names(selection: &Selection) -> Vec<String> {
    let mut names: Vec<String> = selection
        .wanted
        .iter()
        .map(|wanted| format!("{}@{}", wanted.name, wanted.version))
        .collect();
    names.sort();
    names
}

/// What every client's lock of the fixture's project asks for.
const PROJECT: [&str; 7] = [
    "@types/estree@1.0.6",
    "fsevents@2.3.3",
    "is-number@6.0.0",
    "is-number@7.0.0",
    "is-odd@3.0.1",
    "ms@2.1.2",
    "ms@2.1.3",
];

#[test]
fn every_client_s_lock_of_one_project_asks_for_the_same() {
    let locks = [
        (
            "package-lock.json",
            include_str!("../fixtures/npm/lockfiles/package-lock-v1.json"),
            true,
        ),
        (
            "npm-shrinkwrap.json",
            include_str!("../fixtures/npm/lockfiles/package-lock-v2.json"),
            true,
        ),
        (
            "package-lock.json",
            include_str!("../fixtures/npm/lockfiles/package-lock-v3.json"),
            true,
        ),
        (
            "package-lock.json",
            include_str!("../fixtures/npm/lockfiles/package-lock-v3-without-resolved.json"),
            false,
        ),
        (
            "pnpm-lock.yaml",
            include_str!("../fixtures/npm/lockfiles/pnpm-lock-9.yaml"),
            false,
        ),
        (
            "pnpm-lock.yaml",
            include_str!("../fixtures/npm/lockfiles/pnpm-lock-6.yaml"),
            false,
        ),
        ("yarn.lock", include_str!("../fixtures/npm/lockfiles/yarn-1.lock"), true),
    ];
    let mut claims: Option<Vec<String>> = None;
    for (file, text, has_urls) in locks {
        assert!(Npm.is_lockfile(file));
        let selection = selected(file, text);
        assert_eq!(names(&selection), PROJECT, "{file}");
        let mut strongest: Vec<String> = Vec::new();
        for wanted in &selection.wanted {
            assert_eq!(wanted.ecosystem, "npm");
            let base = wanted.name.rsplit('/').next().unwrap();
            assert_eq!(wanted.file, Some(format!("{base}-{}.tgz", wanted.version)));
            strongest.push(wanted.claims.last().unwrap().integrity());
            if has_urls {
                let url = format!(
                    "https://registry.example.com/{}/-/{base}-{}.tgz",
                    wanted.name, wanted.version
                );
                assert_eq!(wanted.urls, [url]);
                assert_eq!(wanted.registry.as_deref(), Some("https://registry.example.com"));
            } else {
                assert!(wanted.urls.is_empty() && wanted.registry.is_none());
            }
        }
        strongest.sort();
        assert!(strongest.iter().all(|claim| claim.starts_with("sha512-")));
        assert_eq!(*claims.get_or_insert(strongest.clone()), strongest, "{file}");
    }
    // A hash of every kind that Yarn 1 states is kept: its cache is found by the weaker one.
    let yarn = selected("yarn.lock", include_str!("../fixtures/npm/lockfiles/yarn-1.lock"));
    assert!(yarn.wanted.iter().all(|wanted| wanted.claims.len() == 2));
    assert_eq!(yarn.left_out, ["vendored: file:vendored is not from a registry"]);
}

#[test]
fn yarn_4_pins_nothing_that_could_be_checked() {
    let text = include_str!("../fixtures/npm/lockfiles/yarn-4.lock");
    let error = read("yarn.lock", text).unwrap_err();
    assert!(matches!(error, SelectionError::Unpinned { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "yarn.lock: this lock of Yarn 2 or later lists checksums of Yarn's own zips; what the registry published has no hash"
    );
}

fn package_lock(packages: &str) -> String {
    format!("{{\"lockfileVersion\":3,\"packages\":{{{packages}}}}}")
}

#[test]
fn npm_s_special_entries() {
    let lock = package_lock(&format!(
        r#""": {{"dependencies": {{"direct": "https://h.example.com/direct.tgz"}}}},
        "node_modules/direct": {{"version": "1.0.0", "resolved": "https://h.example.com/direct.tgz", "integrity": "{A}"}},
        "node_modules/git": {{"version": "1.0.0", "resolved": "git+ssh://git@h.example.com/x.git#abc", "integrity": "{A}"}},
        "node_modules/file": {{"version": "1.0.0", "resolved": "file:x.tgz", "integrity": "{A}"}},
        "node_modules/linked": {{"resolved": "packages/linked", "link": true}},
        "packages/linked": {{"version": "1.0.0"}},
        "packages/linked/node_modules/@s/deep": {{"version": "1.0.0", "integrity": "{A}"}},
        "node_modules/bundler": {{"version": "1.0.0", "integrity": "{B}"}},
        "node_modules/bundler/node_modules/inside": {{"version": "1.0.0", "inBundle": true}},
        "node_modules/root-bundled": {{"version": "1.0.0", "inBundle": true, "integrity": "{A}"}},
        "node_modules/placeholder": {{"optional": true}},
        "node_modules/odd-place": {{"version": "1.0.0", "resolved": "https://u:p@h.example.com/download/odd", "integrity": "{A}"}},
        "node_modules/alias": {{"name": "@s/deep", "version": "1.0.0", "integrity": "{SHA1} {A}"}}"#
    ));
    let selection = selected("package-lock.json", &format!("\u{feff}{lock}"));
    assert_eq!(
        names(&selection),
        [
            "@s/deep@1.0.0",
            "bundler@1.0.0",
            "odd-place@1.0.0",
            "root-bundled@1.0.0"
        ]
    );
    assert_eq!(
        selection.left_out,
        [
            "direct: https://h.example.com/direct.tgz is a URL dependency",
            "git: git+ssh://h.example.com/x.git#abc is not from a registry",
            "file: file:x.tgz is not from a registry",
            "placeholder: the lockfile gives no version",
        ]
    );
    let odd = selection
        .wanted
        .iter()
        .find(|wanted| wanted.name == "odd-place")
        .unwrap();
    assert_eq!(odd.urls, ["https://h.example.com/download/odd"]);
    assert_eq!(odd.registry, None);
    // Both entries for one artifact count.
    let deep = selection.wanted.iter().find(|wanted| wanted.name == "@s/deep").unwrap();
    assert_eq!(deep.claims.len(), 2);

    let lock = format!(
        r#"{{"dependencies": {{
        "a": {{"version": "1.0.0", "integrity": "{A}", "dependencies": {{
            "b": {{"version": "1.0.0", "integrity": "{B}"}}, "inside": {{"version": "1.0.0", "bundled": true}}}}}},
        "c": {{"version": "npm:@s/c@1.0.0", "integrity": "{A}"}},
        "git": {{"version": "git+https://h.example.com/x.git#abc"}}, "tgz": {{"version": "file:x.tgz", "integrity": "{A}"}},
        "url": {{"version": "https://h.example.com/x.tgz", "integrity": "{A}"}}, "none": {{}},
        "odd": {{"version": "1.0.0", "resolved": "git+ssh://x", "integrity": "{A}"}},
        "bundle": {{"version": "1.0.0", "resolved": false, "integrity": "{A}"}}}}}}"#
    );
    let selection = selected("package-lock.json", &lock);
    assert_eq!(names(&selection), ["@s/c@1.0.0", "a@1.0.0", "b@1.0.0", "bundle@1.0.0"]);
    assert_eq!(selection.left_out.len(), 5, "{:?}", selection.left_out);
}

#[test]
fn an_entry_without_a_strong_hash_is_refused() {
    for integrity in ["", SHA1, "md5-AAAA", "sha512-AAAA"] {
        let lock = package_lock(&format!(
            r#""node_modules/x": {{"version": "1.0.0", "resolved": "https://h/x/-/x-1.0.0.tgz", "integrity": "{integrity}"}}"#
        ));
        refused("package-lock.json", &lock, "package-lock.json: x@1.0.0 has no hash");
    }
    let many: Vec<String> = (10..22)
        .map(|number| format!(r#""node_modules/x{number}": {{"version": "1.0.0"}}"#))
        .collect();
    refused(
        "package-lock.json",
        &package_lock(&many.join(",")),
        "x19@1.0.0 and 2 more has no hash",
    );
    // One that has it vouches for the other.
    let lock = package_lock(&format!(
        r#""node_modules/x": {{"version": "1.0.0"}}, "node_modules/y/node_modules/x": {{"version": "1.0.0", "integrity": "{A}"}}"#
    ));
    assert_eq!(names(&selected("package-lock.json", &lock)), ["x@1.0.0"]);
    refused(
        "pnpm-lock.yaml",
        "lockfileVersion: '9.0'\npackages:\n  x@1.0.0:\n    resolution: {tarball: https://h/x}\n",
        "no hash",
    );
    refused(
        "yarn.lock",
        "x@1:\n  version \"1.0.0\"\n  resolved \"https://h/x/-/x-1.0.0.tgz#a9993e364706816aba3e25717850c26c9cd0d89d\"\n",
        "x@1.0.0 has no hash",
    );
}

#[test]
fn broken_package_locks_are_refused() {
    let refused = |text: &str, what: &str| refused("package-lock.json", text, what);
    refused("", "EOF");
    refused("[]", "invalid");
    refused(
        "{\"lockfileVersion\":4,\"packages\":{}}",
        "lockfile version 4 is not known",
    );
    refused("{\"lockfileVersion\":3}", "do not go together");
    refused("{\"lockfileVersion\":1,\"packages\":{}}", "do not go together");
    refused(
        &package_lock("\"node_modules/x\": {}, \"node_modules/x\": {}"),
        "\"node_modules/x\" stands twice",
    );
    refused(
        &package_lock("\"node_modules/x\": {\"version\": \"1.0.0\", \"version\": \"2.0.0\"}"),
        "duplicate field",
    );
    let one = |name: &str, version: &str| {
        package_lock(&format!(
            r#""node_modules/{name}": {{"version": "{version}", "integrity": "{A}"}}"#
        ))
    };
    refused(&one("../../x", "1.0.0"), "\"../../x\": a part of the name");
    refused(&one("a b", "1.0.0"), "names do not have");
    refused(&one("x", "../1.0.0"), "\"../1.0.0\" is not a version");
    refused(&one("x", "1.0"), "is not a version");
    refused(
        &package_lock(&format!(
            r#""node_modules/x": {{"version": "1.0.0", "integrity": "{A}"}},
               "node_modules/y/node_modules/x": {{"version": "1.0.0", "integrity": "{B}"}}"#
        )),
        "x@1.0.0 has two different hashes",
    );
    refused(&" ".repeat((64 << 20) + 1), "bytes");
}

#[test]
fn pnpm_s_special_entries() {
    let lock = format!(
        "lockfileVersion: '9.0'\npackages:\n  '@s/x@1.0.0':\n    resolution: {{integrity: {A}, tarball: 'https://h.example.com/x.tgz'}}\n  \
         'y@https://u:p@h.example.com/y.tgz':\n    resolution: {{tarball: 'https://h.example.com/y.tgz', integrity: {A}}}\n    version: 1.0.0\n  \
         z@file:z:\n    resolution: {{directory: z, type: directory}}\n  \
         node@22.0.0:\n    resolution: {{type: variations}}\n"
    );
    let selection = selected("pnpm-lock.yaml", &lock);
    assert_eq!(names(&selection), ["@s/x@1.0.0"]);
    assert_eq!(selection.wanted[0].urls, ["https://h.example.com/x.tgz"]);
    assert_eq!(
        selection.left_out,
        [
            "y@https://h.example.com/y.tgz is not from a registry",
            "z@file:z is not from a registry",
            "node@22.0.0 is of the kind `variations`, not from a registry",
        ]
    );
    // An address that is none of the web's is nothing to fetch.
    let local = format!(
        "lockfileVersion: '9.0'\npackages:\n  x@1.0.0:\n    resolution: {{integrity: {A}, tarball: 'file:x.tgz'}}\n"
    );
    assert!(selected("pnpm-lock.yaml", &local).wanted[0].urls.is_empty());
    let peers = format!(
        "lockfileVersion: '6.0'\npackages:\n  /@s/x@1.0.0(y@2.0.0):\n    resolution: {{integrity: {A}}}\n  \
         /@s/x@1.0.0(y@3.0.0):\n    resolution: {{integrity: {A}}}\n"
    );
    assert_eq!(names(&selected("pnpm-lock.yaml", &peers)), ["@s/x@1.0.0"]);

    for (text, what) in [
        ("lockfileVersion: 5.4\n", "lockfile version 5.4 is not known"),
        ("lockfileVersion: '12.0'\n", "lockfile version 12.0 is not known"),
        ("packages: {}\n", "lockfileVersion"),
        ("lockfileVersion: '9.0'\npackages: &a {}\n", "line 2: an anchor"),
        ("lockfileVersion: '9.0'\npackages:\n  x@1.0.0: {}\n", "resolution"),
        (
            "lockfileVersion: '9.0'\npackages: {a@1.0.0: {}, a@1.0.0: {}}\n",
            "duplicate",
        ),
    ] {
        refused("pnpm-lock.yaml", text, what);
    }
}

#[test]
fn yarn_s_special_entries() {
    let lock = format!(
        "# yarn lockfile v1\r\n\r\n\"@s/x@^1.0.0\", \"@s/x@>=1 <2\":\r\n  version \"1.0.0\"\r\n  \
         resolved \"https://u:p@h.example.com/@s/x/-/x-1.0.0.tgz#a9993e364706816aba3e25717850c26c9cd0d89d\"\r\n  integrity {A}\r\n  \
         dependencies:\r\n    y \"1\"\r\n    \"@s/z\" \"2\"\r\n  optionalDependencies:\r\n    fsevents \"1\"\r\n\r\n\
         y@1, y@^1:\n  version \"1.0.0\"\n  resolved y-1.0.0.tgz#a9993e364706816aba3e25717850c26c9cd0d89d\n  integrity {B}\n\n\
         \"g@git+ssh://git@h.example.com/g.git\":\n  version \"1.0.0\"\n  resolved \"git+ssh://git@h.example.com/g.git#abc\"\n\n\
         g2@user/repository:\n  version \"1.0.0\"\n  resolved \"https://h.example.com/g2.tar.gz#abc\"\n\n\
         bare@1:\n  version \"1.0.0\"\n  resolved \"bare-1.0.0#a9993e364706816aba3e25717850c26c9cd0d89d\"\n  integrity {A}\n\n\
         \"u@https://h.example.com/u.tgz\":\n  version \"1.0.0\"\n  resolved \"https://h.example.com/u.tgz#abc\"\n  integrity {A}\n"
    );
    let selection = selected("yarn.lock", &lock);
    assert_eq!(names(&selection), ["@s/x@1.0.0", "y@1.0.0"]);
    assert_eq!(selection.wanted[0].urls, ["https://h.example.com/@s/x/-/x-1.0.0.tgz"]);
    assert_eq!(selection.wanted[0].registry.as_deref(), Some("https://h.example.com"));
    assert!(selection.wanted[1].urls.is_empty());
    assert_eq!(
        selection.left_out,
        [
            "g: git+ssh://h.example.com/g.git is not from a registry",
            "g2: user/repository is not from a registry",
            "bare: 1 is not from a registry",
            "u: https://h.example.com/u.tgz is not from a registry",
        ]
    );

    for (text, what) in [
        ("<<<<<<< ours\n", "line 1: the mark of a merge conflict"),
        ("x@1:\n=======\n", "line 2: the mark"),
        ("x@1\n", "line 1: a line of patterns"),
        ("x@1 y@1:\n", "line 1: a line of patterns"),
        ("x@1: y\n", "line 1: a line of patterns"),
        (",:\n", "line 1: a line of patterns"),
        ("\"x@1:\n", "line 1: a text that is not of Yarn's syntax"),
        ("  version \"1.0.0\"\n", "line 1: a line that belongs to nothing"),
        ("x@1:\n version \"1.0.0\"\n", "line 2: a line that belongs to nothing"),
        (
            "x@1:\n  version \"1.0.0\"\n  version \"2.0.0\"\n",
            "line 3: a property that stands twice",
        ),
        (
            "x@1:\n  version \"1.0.0\" \"2.0.0\"\n",
            "line 2: a property that is not one",
        ),
        ("x:\n  version \"1.0.0\"\n", "\"x\" is not a pattern"),
        ("x@1, y@1:\n  version \"1.0.0\"\n", "\"x@1\" and \"y@1\" share an entry"),
    ] {
        refused("yarn.lock", text, what);
    }
}

/// Whoever needs such a name has it from there, and it is not missing in a bundle.
#[test]
fn names_that_something_else_fills_are_told() {
    let elsewhere = |file: &str, text: &str| -> Vec<String> {
        let selection = selected(file, text);
        assert!(selection.elsewhere.iter().all(|one| one.version.is_none()));
        selection.elsewhere.into_iter().map(|one| one.name).collect()
    };
    let registry = "https://registry.example.com";
    let lock = format!(
        r#"{{"lockfileVersion":3,"packages":{{"":{{"dependencies":{{"ms":"1"}}}},
        "node_modules/ms":{{"version":"2.1.3","resolved":"{registry}/ms/-/ms-2.1.3.tgz","integrity":"{A}"}},
        "node_modules/other":{{"name":"ms","version":"2.1.3","resolved":"{registry}/ms/-/ms-2.1.3.tgz","integrity":"{A}"}},
        "node_modules/ours":{{"resolved":"packages/ours","link":true}},"packages/ours":{{"version":"1.0.0"}},
        "node_modules/x":{{"version":"1.0.0","integrity":"{A}","dependencies":{{"of-url":"https://h.example.com/u.tgz"}}}},
        "node_modules/of-url":{{"version":"1.0.0","resolved":"https://h.example.com/u.tgz","integrity":"{A}"}},
        "node_modules/x/node_modules/of-git":{{"version":"1.0.0","resolved":"git+ssh://git@git.example.com/x.git#0"}}}}}}"#
    );
    assert_eq!(
        elsewhere("package-lock.json", &lock),
        ["of-git", "of-url", "other", "ours"]
    );
    let lock = format!(
        r#"{{"lockfileVersion":1,"dependencies":{{"ms":{{"version":"2.1.3","integrity":"{A}"}},
        "other":{{"version":"npm:ms@2.1.3","integrity":"{A}"}},"of-git":{{"version":"git+https://git.example.com/x.git#0"}}}}}}"#
    );
    assert_eq!(elsewhere("package-lock.json", &lock), ["of-git", "other"]);
    let lock = format!(
        "ms@^2.0.0:\n  version \"2.1.3\"\n  resolved \"{registry}/ms/-/ms-2.1.3.tgz\"\n  integrity {A}\n\n\
         \"other@npm:ms@^2.1.0\":\n  version \"2.1.3\"\n  resolved \"{registry}/ms/-/ms-2.1.3.tgz\"\n  integrity {A}\n\n\
         \"of-git@git+https://git.example.com/x.git\":\n  version \"1.0.0\"\n  resolved \"git+https://git.example.com/x.git#0\"\n"
    );
    assert_eq!(elsewhere("yarn.lock", &lock), ["of-git", "other"]);
    let ninth = format!(
        "lockfileVersion: '9.0'\noverrides:\n  gone: '-'\n  pinned: 2.0.0\npackages:\n  ms@2.1.3:\n    resolution: {{integrity: {A}}}\n\
         snapshots:\n  ms@2.1.3:\n    dependencies:\n      own: 1.0.0(peer@2.0.0)\n      other: ms@2.1.3\n      ours: link:../ours\n"
    );
    assert_eq!(elsewhere("pnpm-lock.yaml", &ninth), ["gone", "other", "ours"]);
    let sixth = format!(
        "lockfileVersion: '6.0'\npackages:\n  /ms@2.1.3:\n    resolution: {{integrity: {A}}}\n    dependencies:\n      own: 1.0.0\n      other: /ms@2.1.3\n"
    );
    assert_eq!(elsewhere("pnpm-lock.yaml", &sixth), ["other"]);
}
