//! Lockfiles of the real clients, and every way in which one may be wrong.

use std::collections::BTreeMap;

use sealift::ecosystem::{Files, Selection, SelectionError, Wanted};

use super::{fixture, pypi};

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

struct Folder(BTreeMap<&'static str, String>);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<String, SelectionError> {
        self.0.get(path).cloned().ok_or_else(|| SelectionError::Unreadable {
            path: path.to_owned(),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }
}

fn read(file: &str, text: &str) -> Result<Selection, SelectionError> {
    pypi().read_lockfile(file, text, &Folder(BTreeMap::new()))
}

fn refused(file: &str, text: &str) -> String {
    read(file, text).unwrap_err().to_string()
}

fn real(name: &str) -> Selection {
    read(name, &String::from_utf8(fixture(&format!("locks/{name}"))).unwrap()).unwrap()
}

/// Name, version and file, for comparing.
fn briefly(wanted: &[Wanted]) -> Vec<(String, Option<String>)> {
    wanted
        .iter()
        .map(|wanted| (format!("{} {}", wanted.name, wanted.version), wanted.file.clone()))
        .collect()
}

fn claims(wanted: &Wanted) -> Vec<String> {
    wanted.claims.iter().map(ToString::to_string).collect()
}

#[test]
fn lockfiles_are_known_by_name() {
    for name in [
        "requirements.txt",
        "requirements-dev.txt",
        "dev-requirements.txt",
        "pylock.toml",
        "pylock.dev.toml",
        "uv.lock",
        "poetry.lock",
        "pdm.lock",
        "Pipfile.lock",
    ] {
        assert!(pypi().is_lockfile(name), "{name}");
    }
    for name in [
        "Cargo.lock",
        "requirements.in",
        "notes.txt",
        "pylock..toml",
        "pylock.a.b.toml",
        "Pipfile",
    ] {
        assert!(!pypi().is_lockfile(name), "{name}");
    }
    assert!(refused("Cargo.lock", "").contains("not a lockfile of Python"));
}

#[test]
fn locks_with_file_names_agree() {
    let expected = [
        ("colorama 0.4.6", "colorama-0.4.6-py2.py3-none-any.whl"),
        ("colorama 0.4.6", "colorama-0.4.6.tar.gz"),
        ("idna 3.7", "idna-3.7-py3-none-any.whl"),
        ("idna 3.7", "idna-3.7.tar.gz"),
        ("six 1.16.0", "six-1.16.0-py2.py3-none-any.whl"),
        ("six 1.16.0", "six-1.16.0.tar.gz"),
    ]
    .map(|(name, file)| (name.to_owned(), Some(file.to_owned())));
    let mut digests = Vec::new();
    for lock in ["uv.lock", "pylock.toml", "poetry.lock"] {
        let mut selection = real(lock);
        selection.wanted.sort_by_key(|wanted| wanted.file.clone());
        assert_eq!(briefly(&selection.wanted), expected, "{lock}");
        assert_eq!(selection.left_out, Vec::<String>::new(), "{lock}");
        assert_eq!(selection.upstreams.len(), 1, "{lock}");
        assert_eq!(selection.upstreams[0].url, "https://index.example.com/simple");
        for wanted in &selection.wanted {
            assert_eq!(wanted.registry.as_deref(), Some("https://index.example.com/simple"));
            assert_eq!(wanted.urls.len(), usize::from(lock != "poetry.lock"), "{lock}");
        }
        digests.push(selection.wanted.iter().map(claims).collect::<Vec<_>>());
    }
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
}

#[test]
fn locks_without_file_names_accept_every_file_of_the_version() {
    for lock in ["requirements.txt", "requirements-pip-tools.txt", "Pipfile.lock"] {
        let selection = real(lock);
        let six = selection.wanted.iter().find(|wanted| wanted.name == "six").unwrap();
        assert_eq!((six.version.as_str(), &six.file), ("1.16.0", &None), "{lock}");
        assert_eq!(
            claims(six),
            [
                "sha256:1e61c37477a1626458e36f7b1d82aa5c9b094fa4802892072e49de9c60c4c926",
                "sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254",
            ]
        );
    }
    let pipenv = real("Pipfile.lock");
    assert_eq!(
        pipenv.wanted[0].registry.as_deref(),
        Some("https://index.example.com/simple")
    );
    let left_out = real("requirements-pip-tools.txt").left_out;
    assert_eq!(
        left_out,
        ["requirements-pip-tools.txt line 7: --find-links: name its folder in the selection"]
    );
}

#[test]
fn requirements_are_read_as_pip_reads_them() {
    let folder = Folder(BTreeMap::from([
        (
            "sub/more.txt",
            format!("-c ../pins.txt\nThird.Name\nfourth == 4 --hash={B}\n-r ../requirements.txt"),
        ),
        ("pins.txt", format!("third_name===3.0 --hash={B}\nunused==1")),
    ]));
    let text = format!(
        "\u{feff}# comment\n\
         --index-url https://user:secret@index.example.com/simple/\n\
         --extra-index-url=https://extra.example.com/simple\n\
         --only-binary :all:\n\
         First[extra, other]==1.0-rc1 ; python_version < \"3 -x\" and a == '#' \\\n    --hash={A} \\\n  --hash {B}  # why\n\
         Second (==2,>=1) --hash=sha512:{zeros} --hash=md5:00\n\
         -rsub/more.txt\n\
         -e ./tree\n\
         git-thing @ git+https://git.example.com/x.git@main\n\
         https://files.example.com/direct-1.0-py3-none-any.whl#sha256={hex}\n\
         other @ https://files.example.com/a/other-2.tar.gz ; os_name == 'x' --hash={B}\n\
         ./wheels/local-3-py3-none-any.whl --hash={B}\n\
         https://files.example.com/unhashed-1.0.tar.gz\n\
         https://files.example.com/main.tar.gz --hash={B}\n\
         fifth==5 ; python_version < '3 -x' --hash={A}\n\
         sixth-6+cu121-py3-none-any.whl --hash={A}\n",
        zeros = "0".repeat(128),
        hex = &A[7..],
    );
    let selection = pypi().read_lockfile("requirements.txt", &text, &folder).unwrap();
    let mut found = briefly(&selection.wanted);
    found.sort();
    let expected = [
        ("direct 1.0", Some("direct-1.0-py3-none-any.whl")),
        ("fifth 5", None),
        ("first 1.0rc1", None),
        ("fourth 4", None),
        ("local 3", Some("local-3-py3-none-any.whl")),
        ("other 2", Some("other-2.tar.gz")),
        ("second 2", None),
        ("sixth 6+cu121", Some("sixth-6+cu121-py3-none-any.whl")),
        ("third-name 3.0", None),
    ]
    .map(|(name, file)| (name.to_owned(), file.map(str::to_owned)));
    assert_eq!(found, expected);

    let find = |name: &str| selection.wanted.iter().find(|wanted| wanted.name == name).unwrap();
    assert_eq!(claims(find("first")), [A, B]);
    assert_eq!(find("second").claims.len(), 1);
    assert_eq!(claims(find("third-name")), [B]);
    assert_eq!(
        find("first").registry.as_deref(),
        Some("https://index.example.com/simple/")
    );
    assert_eq!(
        find("direct").urls,
        ["https://files.example.com/direct-1.0-py3-none-any.whl"]
    );
    assert_eq!((&find("direct").registry, &find("direct").path), (&None, &None));
    assert_eq!(
        find("local").path.as_deref().unwrap().to_str(),
        Some("wheels/local-3-py3-none-any.whl")
    );

    assert_eq!(selection.upstreams.len(), 2);
    assert_eq!(
        selection.upstreams[0].authorization.as_deref(),
        Some("Basic dXNlcjpzZWNyZXQ=")
    );
    assert_eq!(
        selection.left_out,
        [
            "requirements.txt line 10: an editable source tree",
            "requirements.txt line 11: a version control checkout has no digest",
            "requirements.txt line 15: unhashed-1.0.tar.gz has no hash",
            "requirements.txt line 16: a direct reference that is neither a wheel nor a source distribution",
        ]
    );
}

#[test]
fn the_same_requirement_twice_accepts_both_digests() {
    let text = format!("a==1 ; x == 'y' --hash={A}\nA==1.0 --hash={B}\na==2 --hash={B}\na==1 --hash={B}");
    let selection = read("requirements.txt", &text).unwrap();
    assert_eq!(selection.wanted.len(), 3);
    assert_eq!(claims(&selection.wanted[0]), [A, B]);
}

#[test]
fn requirements_that_are_not_pinned_are_refused() {
    let file = "requirements.txt";
    let unpinned = |text: &str| match read(file, text).unwrap_err() {
        SelectionError::Unpinned { entry, .. } => entry,
        other => panic!("{other}"),
    };
    assert_eq!(unpinned("a==1"), "requirements.txt line 1: a");
    assert_eq!(unpinned("a==1 --hash=md5:00"), "requirements.txt line 1: a");
    assert_eq!(unpinned("\n\na==1 \\\n"), "requirements.txt line 3: a");
    let malformed = |text: &str| refused(file, text).replace("requirements.txt: requirements.txt line 1: ", "");
    for specifier in ["", ">=1", "==1.*", "~=1.0", "!=1"] {
        assert_eq!(
            malformed(&format!("a{specifier} --hash={A}")),
            "a: it is not pinned with `==`"
        );
    }
    assert_eq!(malformed(&format!("a==1,==2 --hash={A}")), "it is pinned twice");
    assert_eq!(
        malformed(&format!("a==1x --hash={A}")),
        "a: `1x` is not a version by PEP 440"
    );
    assert_eq!(malformed("a 1"), "`1` is no version specifier");
    assert_eq!(malformed("a[b==1"), "extras do not end");
    assert_eq!(malformed("\u{e4}==1"), "`\u{e4}==1` is not a requirement");
    assert_eq!(
        malformed("a==1 --hash=sha256:00"),
        "a: `00` is not a digest of its algorithm"
    );
    assert_eq!(malformed("a==1 --hashes=x"), "option `--hashes` is not known");
    assert_eq!(malformed("--unknown x"), "option `--unknown` is not known");
    assert_eq!(
        malformed("-r https://x.example.com/r.txt"),
        "it includes something that is not a local file"
    );
    assert_eq!(malformed("-r"), "it includes something that is not a local file");
    assert_eq!(refused(file, "-r none.txt"), "cannot read none.txt");
    assert_eq!(
        refused(file, "-i ftp://secret@index.example.com/"),
        "requirements.txt: an index is not an http or https URL"
    );
    let other = format!("b @ https://files.example.com/a-1.tar.gz --hash={A}");
    assert_eq!(malformed(&other), "a-1.tar.gz is a file of a");
    let fault = malformed(&format!("b @ https://files.example.com/\u{e4}-1.tar.gz --hash={A}"));
    assert_eq!(fault, "a file's URL is not an http or https URL");
}

#[test]
fn includes_are_bounded() {
    struct Endless;
    impl Files for Endless {
        fn read(&self, path: &str) -> Result<String, SelectionError> {
            Ok(format!("-r ./{path}x"))
        }
    }
    let error = pypi().read_lockfile("requirements.txt", "-r a", &Endless).unwrap_err();
    assert!(
        error.to_string().ends_with("more than 100 files include each other"),
        "{error}"
    );
}

#[test]
fn an_index_that_needs_an_environment_variable_is_left_out() {
    let selection = read(
        "requirements.txt",
        "-i https://${TOKEN}@index.example.com/\n-i ../wheels",
    )
    .unwrap();
    assert!(selection.upstreams.is_empty());
    assert_eq!(selection.left_out.len(), 2);
}

#[test]
fn pylock_entries_are_checked() {
    let lock = |body: &str| format!("lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'a'\n{body}");
    let hashes = format!("hashes = {{ sha256 = '{}', md5 = '00' }}", &A[7..]);
    let text = lock(&format!(
        "version = '1.0'\nsdist = {{ path = './a-1.0.tar.gz', size = 3, {hashes} }}\n\
         [[packages]]\nname = 'b'\nvcs = {{ type = 'git', commit-id = 'x' }}\n\
         [[packages]]\nname = 'c'\ndirectory = {{ path = '.' }}\n\
         [[packages]]\nname = 'd'\narchive = {{ url = 'https://files.example.com/d-2.zip', {hashes} }}\n\
         [[packages]]\nname = 'e'\nwheels = [{{ name = 'e-1-py3-none-any.whl', {hashes} }}, {{ name = 'e.exe', {hashes} }}]"
    ));
    let selection = read("pylock.toml", &text).unwrap();
    let [a, d, e] = selection.wanted.as_slice() else {
        panic!()
    };
    assert_eq!(
        (a.size, a.path.as_deref().unwrap().to_str()),
        (Some(3), Some("./a-1.0.tar.gz"))
    );
    assert_eq!(
        (d.version.as_str(), d.urls[0].as_str()),
        ("2", "https://files.example.com/d-2.zip")
    );
    assert_eq!(e.file.as_deref(), Some("e-1-py3-none-any.whl"));
    assert_eq!(
        selection.left_out,
        [
            "a 1.0 has no wheel: what building it needs is in no lockfile",
            "b: a version control checkout has no digest",
            "c: a local source tree",
            "d 2 has no wheel: what building it needs is in no lockfile",
            "e: e.exe is neither a wheel nor a source distribution that sealift carries",
        ]
    );

    let refused = |text: &str| refused("pylock.toml", text);
    assert_eq!(
        refused("lock-version = '2.0'\npackages = []"),
        "pylock.toml: lock-version `2.0` is not 1.x"
    );
    assert!(refused("packages = []").contains("line 1: missing field `lock-version`"));
    assert!(refused("lock-version = '1.0'\npackages = [").starts_with("pylock.toml: line 2: "));
    assert_eq!(
        refused(&lock("wheels = [{ name = 'a-1-py3-none-any.whl' }]")),
        "pylock.toml: a: a-1-py3-none-any.whl has no hash"
    );
    assert_eq!(
        refused(&lock(&format!("sdist = {{ name = 'b-1.tar.gz', {hashes} }}"))),
        "pylock.toml: a: b-1.tar.gz is a file of b"
    );
    assert_eq!(
        refused(&lock(&format!(
            "version = '2'\nsdist = {{ name = 'a-1.tar.gz', {hashes} }}"
        ))),
        "pylock.toml: a 2: a-1.tar.gz is of version 1"
    );
    assert_eq!(
        refused(&lock(&format!("sdist = {{ {hashes} }}"))),
        "pylock.toml: a: a file has neither name nor URL"
    );
    assert_eq!(
        refused(&lock(&format!("sdist = {{ url = 'ftp://x/a-1.tar.gz', {hashes} }}"))),
        "pylock.toml: a: a file's URL is not an http or https URL"
    );
    assert_eq!(
        refused(&lock("").replace("'a'", "'../a'")),
        "pylock.toml: `../a` is not a project's name"
    );
}

#[test]
fn uv_sources_are_told_apart() {
    let package = |name: &str, source: &str, files: &str| {
        format!("[[package]]\nname = '{name}'\nversion = '1'\nsource = {{ {source} }}\n{files}\n")
    };
    let text = [
        "version = 1\n".to_owned(),
        package("me", "virtual = '.'", ""),
        package("beside", "editable = '../beside'", ""),
        package("git", "git = 'https://git.example.com/x?rev=1#1'", ""),
        package(
            "direct",
            "url = 'https://files.example.com/direct-1.tar.gz'",
            &format!("sdist = {{ hash = '{A}' }}"),
        ),
        package(
            "near",
            "path = 'near-1-py3-none-any.whl'",
            &format!("wheels = [{{ filename = 'near-1-py3-none-any.whl', hash = '{A}' }}]"),
        ),
        package(
            "flat",
            "registry = '../wheels'",
            &format!("wheels = [{{ path = 'flat-1-py3-none-any.whl', hash = '{A}' }}]"),
        ),
    ]
    .concat();
    let selection = read("uv.lock", &text).unwrap();
    let [direct, near, flat] = selection.wanted.as_slice() else {
        panic!()
    };
    assert_eq!(direct.urls, ["https://files.example.com/direct-1.tar.gz"]);
    assert_eq!(near.path.as_deref().unwrap().to_str(), Some("near-1-py3-none-any.whl"));
    assert_eq!(
        flat.path.as_deref().unwrap().to_str(),
        Some("../wheels/flat-1-py3-none-any.whl")
    );
    assert_eq!(
        selection.left_out,
        [
            "beside: a local source tree",
            "git: a version control checkout has no digest",
            "direct 1 has no wheel: what building it needs is in no lockfile",
        ]
    );

    let refused = |text: &str| refused("uv.lock", text);
    assert_eq!(refused("version = 2"), "uv.lock: version 2 is not 1");
    let registry = "registry = 'https://index.example.com/simple'";
    let one = |files: &str| refused(&format!("version = 1\n{}", package("a", registry, files)));
    assert_eq!(one(""), "uv.lock: a has no hash");
    assert_eq!(
        one(&format!(
            "wheels = [{{ filename = 'b-1-py3-none-any.whl', hash = '{A}' }}]"
        )),
        "uv.lock: a: b-1-py3-none-any.whl is a file of b"
    );
    assert_eq!(
        one("sdist = { url = 'https://files.example.com/a-1.tar.gz' }"),
        "uv.lock: a: https://files.example.com/a-1.tar.gz has no hash"
    );
}

#[test]
fn poetry_and_pdm_sources_are_told_apart() {
    let files = format!("files = [{{ file = 'a-1-py3-none-any.whl', hash = '{A}' }}]\n");
    let lock =
        |body: &str| format!("[[package]]\nname = 'a'\nversion = '1'\n{body}\n[metadata]\nlock-version = '2.1'\n");
    let source = |kind: &str, url: &str| format!("{files}[package.source]\ntype = '{kind}'\nurl = '{url}'\n");
    let one = |text: &str| read("poetry.lock", text).unwrap();

    let direct = one(&lock(&source("url", "https://files.example.com/a-1-py3-none-any.whl")));
    assert_eq!(
        direct.wanted[0].urls,
        ["https://files.example.com/a-1-py3-none-any.whl"]
    );
    let other = one(&lock(&source("url", "https://files.example.com/a-2-py3-none-any.whl")));
    assert!(other.wanted[0].urls.is_empty());
    let near = one(&lock(&source("file", "wheels/a-1-py3-none-any.whl")));
    assert_eq!(
        near.wanted[0].path.as_deref().unwrap().to_str(),
        Some("wheels/a-1-py3-none-any.whl")
    );
    for (kind, words) in [
        ("git", "a: a version control checkout has no digest"),
        ("directory", "a: a local source tree"),
    ] {
        let selection = one(&lock(&source(kind, "x")));
        assert!(selection.wanted.is_empty());
        assert_eq!(selection.left_out, [words]);
    }
    let old = one(&format!(
        "[[package]]\nname = 'a'\nversion = '1'\n[metadata]\nlock-version = '1.1'\n[metadata.files]\n\
         a = [{{ file = 'a-1-py3-none-any.whl', hash = '{A}' }}]\n"
    ));
    assert_eq!(claims(&old.wanted[0]), [A]);

    let pdm = |body: &str| lock(body).replace("lock-version = '2.1'", "lock_version = '4.5.0'");
    let static_urls = files.replace("file = 'a", "url = 'https://files.example.com/a");
    let selection = read("pdm.lock", &pdm(&static_urls)).unwrap();
    assert_eq!(
        selection.wanted[0].urls,
        ["https://files.example.com/a-1-py3-none-any.whl"]
    );
    let git = read("pdm.lock", &pdm("git = 'https://git.example.com/x'\n")).unwrap();
    assert_eq!(git.left_out, ["a: a version control checkout has no digest"]);
    let tree = read("pdm.lock", &pdm("path = './x'\n")).unwrap();
    assert_eq!(tree.left_out, ["a: a local source tree"]);

    let refused_poetry = |text: &str| refused("poetry.lock", text);
    assert_eq!(refused_poetry(&lock("")), "poetry.lock: a has no hash");
    assert_eq!(
        refused_poetry(&lock(&files.replace("'a-1", "'b-1"))),
        "poetry.lock: a: b-1-py3-none-any.whl is a file of b"
    );
    assert_eq!(
        refused_poetry(&lock("files = [{ file = 'a-1.tar.gz' }]")),
        "poetry.lock: a: a-1.tar.gz has no hash"
    );
    assert_eq!(
        refused_poetry(&lock(&source("new", "x"))),
        "poetry.lock: a: source of type `new` is not known"
    );
    assert_eq!(
        refused_poetry(&lock(&files).replace("2.1", "3.0")),
        "poetry.lock: lock version `3.0` is not 1.x or 2.x"
    );
    assert_eq!(
        refused("pdm.lock", &pdm(&files).replace("4.5.0", "5.0")),
        "pdm.lock: lock version `5.0` is not 4.x"
    );
}

#[test]
fn pipfile_entries_are_checked() {
    let lock = |package: &str| {
        format!(r#"{{"_meta":{{"pipfile-spec":6,"sources":[]}},"default":{{"A_b":{package}}},"develop":{{}}}}"#)
    };
    let good = read(
        "Pipfile.lock",
        &lock(&format!(r#"{{"version":"==1.0","hashes":["{A}"]}}"#)),
    )
    .unwrap();
    assert_eq!(briefly(&good.wanted), [("a-b 1.0".to_owned(), None)]);
    let left = read(
        "Pipfile.lock",
        &lock(r#"{"git":"https://git.example.com/x","ref":"1"}"#),
    )
    .unwrap();
    assert_eq!(left.left_out, ["a-b: a version control checkout has no digest"]);
    let left = read("Pipfile.lock", &lock(r#"{"path":"."}"#)).unwrap();
    assert_eq!(left.left_out, ["a-b: a local source tree or direct URL"]);
    let refused = |text: &str| refused("Pipfile.lock", text);
    assert_eq!(
        refused(&lock(r#"{"version":"==1.0"}"#)),
        "Pipfile.lock: a-b has no hash"
    );
    assert_eq!(
        refused(&lock(&format!(r#"{{"version":"*","hashes":["{A}"]}}"#))),
        "Pipfile.lock: a-b: it is not pinned with `==`"
    );
    assert_eq!(
        refused(&lock("{}").replace(":6", ":7")),
        "Pipfile.lock: pipfile-spec 7 is not 6"
    );
    assert!(refused("[").starts_with("Pipfile.lock: "));
}

proptest::proptest! {
    /// Text that people may have edited is read or refused; nothing panics.
    #[test]
    fn no_text_makes_a_reader_panic(text in "([-a-z0-9\\[\\]{}=<>;#@:/.\"'\\\\ \n\u{e4}]|--hash=|sha256:|==|://|\\$\\{){0,80}") {
        for file in ["requirements.txt", "uv.lock", "Pipfile.lock"] {
            let _ = read(file, &text);
        }
    }
}
