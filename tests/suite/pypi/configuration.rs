//! What pip and uv have on a machine, and the lines that point them at the enclave.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sealift::ecosystem::{ClientEnvironment, RepositoryPlace, Wanted};

use super::pypi;

#[derive(Default)]
struct Machine {
    variables: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<&'static str, &'static str>,
}

impl ClientEnvironment for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn home(&self) -> Option<PathBuf> {
        Some("/home/me".into())
    }

    fn working_folder(&self) -> PathBuf {
        "/here".into()
    }

    fn read(&self, path: &Path) -> Option<String> {
        self.files.get(path.to_str()?).map(|text| (*text).to_owned())
    }
}

impl Machine {
    fn new(
        variables: impl IntoIterator<Item = (&'static str, &'static str)>,
        files: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Self {
        Self {
            variables: variables.into_iter().collect(),
            files: files.into_iter().collect(),
        }
    }

    fn upstreams(&self) -> Vec<String> {
        let bases = pypi().upstreams(self).unwrap();
        assert!(
            bases
                .iter()
                .all(|base| base.ecosystem == "pypi" && base.scope.is_none())
        );
        bases.into_iter().map(|base| base.url).collect()
    }

    fn refused(&self) -> String {
        pypi().upstreams(self).unwrap_err().to_string()
    }
}

#[test]
fn a_machine_that_names_no_index_has_none() {
    assert!(Machine::default().upstreams().is_empty());
    let other = Machine::new(
        [
            ("PIP_FIND_LINKS", "/wheels"),
            ("PIP_INDEX_URL", "file:///wheels"),
            ("UV_INDEX", "/wheels ./wheels"),
        ],
        [
            ("/here/pyproject.toml", "[project]\nname = 'x'\n"),
            ("/etc/pip.conf", "[global]\ntimeout = 3\n"),
        ],
    );
    assert!(other.upstreams().is_empty());
}

#[test]
fn variables_and_files_are_read_strongest_first() {
    let machine = Machine::new(
        [
            ("UV_DEFAULT_INDEX", "https://uv.example.com/simple"),
            (
                "UV_INDEX",
                "corp=https://corp.example.com/simple https://two.example.com/simple",
            ),
            ("UV_INDEX_CORP_USERNAME", "me"),
            ("UV_INDEX_CORP_PASSWORD", "p:w"),
            ("PIP_INDEX_URL", "https://pip.example.com/simple/"),
            (
                "PIP_EXTRA_INDEX_URL",
                "https://extra.example.com/simple\nhttps://uv.example.com/simple/",
            ),
            ("VIRTUAL_ENV", "/venv"),
        ],
        [
            (
                "/here/uv.toml",
                "[[index]]\nurl = 'https://toml.example.com/1'\n[[index]]\nurl = 'https://toml.example.com/0'\ndefault = true\n",
            ),
            (
                "/here/pyproject.toml",
                "[[tool.uv.index]]\nname = 'corp'\nurl = 'https://project.example.com/'\n\
              [tool.uv.pip]\nextra-index-url = ['https://project.example.com/pip']\n\
              [[tool.poetry.source]]\nname = 'x'\nurl = 'https://poetry.example.com/simple/'\n",
            ),
            (
                "/home/me/.config/uv/uv.toml",
                "index-url = 'https://home.example.com/uv'\n",
            ),
            (
                "/venv/pip.conf",
                "[install]\nindex_url: https://venv.example.com/simple\n[freeze]\nindex-url = https://no.example.com\n",
            ),
            (
                "/home/me/.config/pip/pip.conf",
                "# x\n[global]\nextra-index-url =\n    https://user:secret@home.example.com/1\n    https://home.example.com/2\n; y\n",
            ),
            (
                "/etc/pip.conf",
                "[global]\nindex-url = https://etc.example.com/simple\n",
            ),
        ],
    );
    assert_eq!(
        machine.upstreams(),
        [
            "https://uv.example.com/simple",
            "https://corp.example.com/simple",
            "https://two.example.com/simple",
            "https://toml.example.com/0",
            "https://toml.example.com/1",
            "https://project.example.com/",
            "https://poetry.example.com/simple/",
            "https://project.example.com/pip",
            "https://home.example.com/uv",
            "https://pip.example.com/simple/",
            "https://extra.example.com/simple",
            "https://venv.example.com/simple",
            "https://home.example.com/1",
            "https://home.example.com/2",
            "https://etc.example.com/simple",
        ]
    );
    let authorized: Vec<_> = pypi()
        .upstreams(&machine)
        .unwrap()
        .into_iter()
        .filter_map(|base| Some((base.url, base.authorization?)))
        .collect();
    assert_eq!(
        authorized,
        [
            ("https://corp.example.com/simple", "Basic bWU6cDp3"),
            ("https://project.example.com/", "Basic bWU6cDp3"),
            ("https://home.example.com/1", "Basic dXNlcjpzZWNyZXQ="),
        ]
        .map(|(url, header)| (url.to_owned(), header.to_owned()))
    );
}

#[test]
fn explicit_indexes_are_asked_for_nothing_else() {
    let machine = Machine::new(
        [],
        [(
            "/here/pyproject.toml",
            "[[tool.uv.index]]\nurl = 'https://uv.example.com/'\nexplicit = true\n\
             [[tool.poetry.source]]\nurl = 'https://poetry.example.com/'\npriority = 'explicit'\n",
        )],
    );
    assert!(machine.upstreams().is_empty());
}

#[test]
fn pips_own_file_variable_is_honoured() {
    let files = [
        ("/named.conf", "[global]\nindex-url = https://named.example.com/\n"),
        ("/etc/pip.conf", "[global]\nindex-url = https://etc.example.com/\n"),
    ];
    let named = Machine::new([("PIP_CONFIG_FILE", "/named.conf")], files);
    assert_eq!(
        named.upstreams(),
        ["https://named.example.com/", "https://etc.example.com/"]
    );
    let none = Machine::new([("PIP_CONFIG_FILE", "/dev/null")], files);
    assert!(none.upstreams().is_empty());
    let moved = Machine::new(
        [("XDG_CONFIG_HOME", "/cfg"), ("XDG_CONFIG_DIRS", "/shared:/more")],
        [
            ("/cfg/pip/pip.conf", "[global]\nindex-url = https://cfg.example.com/\n"),
            (
                "/more/pip/pip.conf",
                "[global]\nindex-url = https://more.example.com/\n",
            ),
            (
                "/home/me/.config/pip/pip.conf",
                "[global]\nindex-url = https://no.example.com/\n",
            ),
        ],
    );
    assert_eq!(
        moved.upstreams(),
        ["https://cfg.example.com/", "https://more.example.com/"]
    );
}

#[test]
fn configuration_that_cannot_be_read_is_an_error_without_its_secrets() {
    let variable = |name, value| Machine::new([(name, value)], []).refused();
    let wrong = "an index is not an http or https URL";
    for name in [
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "UV_INDEX_URL",
        "UV_INDEX",
        "UV_EXTRA_INDEX_URL",
    ] {
        assert_eq!(
            variable(name, "user:secret@index.example.com"),
            format!("{name}: {wrong}")
        );
    }
    let file = |path, text| Machine::new([], [(path, text)]).refused();
    assert_eq!(
        file("/etc/pip.conf", "[global]\nindex-url = ftp://x\n"),
        format!("/etc/pip.conf: {wrong}")
    );
    assert_eq!(
        file("/etc/pip.conf", "[global]\nnonsense\n"),
        "/etc/pip.conf: a line is neither a section nor a setting"
    );
    assert!(file("/here/uv.toml", "[").starts_with("/here/uv.toml: "));
    for (path, text) in [
        ("/here/pyproject.toml", "[[tool.uv.index]]\nurl = 'x'\n"),
        ("/here/pyproject.toml", "[[tool.poetry.source]]\nurl = 'x'\n"),
        ("/here/pyproject.toml", "[[tool.pdm.source]]\nurl = 'x'\n"),
        ("/here/pyproject.toml", "[tool.uv.pip]\nindex-url = 'x'\n"),
        ("/here/uv.toml", "index-url = 'x'\n"),
        ("/here/uv.toml", "extra-index-url = ['x']\n"),
        ("/home/me/.config/uv/uv.toml", "[[index]]\nurl = 'x'\n"),
    ] {
        assert_eq!(file(path, text), format!("{path}: {wrong}"), "{text}");
    }
}

#[test]
fn caches_that_keep_files_as_published_are_named() {
    let mut wanted = Wanted {
        ecosystem: "pypi",
        name: "foo".into(),
        version: "1.0".into(),
        file: Some("foo-1.0.tar.gz".into()),
        claims: Vec::new(),
        urls: vec!["https://files.example.com/foo-1.0.tar.gz".into()],
        registry: None,
        path: None,
        size: None,
    };
    let cached = |machine: &Machine, wanted: &Wanted| -> Vec<String> {
        let paths = pypi().cached(wanted, machine);
        paths.iter().map(|path| path.to_str().unwrap().to_owned()).collect()
    };
    let found = cached(&Machine::default(), &wanted);
    assert_eq!(found[0], "/home/me/.cache/pypoetry/artifacts/*/*/*/*/foo-1.0.tar.gz");
    // pip's own file for a response body: five folders of one digit, then SHA-224 of the URL.
    assert_eq!(
        found[1],
        "/home/me/.cache/pip/http-v2/c/2/7/3/8/c27388d58af149de485b7409f7627488a9835825254ce8f63a0b6ffe.body"
    );
    let moved = Machine::new([("XDG_CACHE_HOME", "/cache"), ("PIP_CACHE_DIR", "/pip")], []);
    let found = cached(&moved, &wanted);
    assert!(found[0].starts_with("/cache/pypoetry/") && found[1].starts_with("/pip/http-v2/"));
    wanted.urls.clear();
    wanted.file = Some("../../foo-1.0.tar.gz".into());
    assert!(cached(&moved, &wanted).is_empty());
}

#[test]
fn clients_are_pointed_at_one_index() {
    let configure = |folder: &str, url: Option<&str>| -> Vec<(&str, &str, String)> {
        let place = RepositoryPlace {
            folder: folder.into(),
            url: url.map(str::to_owned),
        };
        let config = pypi().client_config(&place).into_iter();
        config.map(|config| (config.client, config.file, config.text)).collect()
    };
    assert_eq!(
        configure("/srv/my enclave/repository/pypi", None),
        [
            (
                "pip",
                "pip.conf",
                "[global]\nindex-url = file:///srv/my%20enclave/repository/pypi/simple/\n".to_owned()
            ),
            (
                "uv",
                "uv.toml",
                "[[index]]\nurl = \"file:///srv/my%20enclave/repository/pypi/simple/\"\ndefault = true\n".to_owned()
            ),
        ]
    );
    let pip = |url| configure("/x", Some(url))[0].2.clone();
    assert_eq!(
        pip("http://127.0.0.1:8080"),
        "[global]\nindex-url = http://127.0.0.1:8080/pypi/simple/\n"
    );
    assert_eq!(
        pip("http://enclave.example.com:8080"),
        "[global]\nindex-url = http://enclave.example.com:8080/pypi/simple/\ntrusted-host = enclave.example.com:8080\n"
    );
    assert!(!pip("https://enclave.example.com").contains("trusted-host"));
    for trick in [
        "http://127.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com:80",
    ] {
        assert!(pip(trick).contains("trusted-host"), "{trick}");
    }
    for loopback in ["http://localhost", "http://[::1]:8080", "http://127.1.2.3:80"] {
        assert!(!pip(loopback).contains("trusted-host"), "{loopback}");
    }
}

#[test]
fn the_proxy_is_pip_s_own() {
    let files = [
        (
            "/home/me/.config/pip/pip.conf",
            "[global]\nproxy = http://proxy.example.com:3128\n",
        ),
        ("/etc/pip.conf", "[install]\nproxy = http://far.example.com\n"),
    ];
    let proxy = |machine: &Machine| pypi().transport(machine).proxy;
    let (address, setting) = proxy(&Machine::new([], files)).unwrap();
    assert_eq!(address, "http://proxy.example.com:3128");
    assert_eq!(setting, "proxy in /home/me/.config/pip/pip.conf");
    let variable = [("PIP_PROXY", "http://variable.example.com")];
    assert_eq!(
        proxy(&Machine::new(variable, files)).unwrap().0,
        "http://variable.example.com"
    );
    let other = [("/etc/pip.conf", "[freeze]\nproxy = http://far.example.com\n")];
    assert_eq!(proxy(&Machine::new([], other)), None);
}

#[test]
fn an_empty_variable_is_none() {
    let index = |variables: &[(&'static str, &'static str)], path: &'static str| {
        let text = "[global]\nindex-url = https://index.example.com/\n";
        !Machine::new(variables.iter().copied(), [(path, text)])
            .upstreams()
            .is_empty()
    };
    assert!(index(&[("XDG_CONFIG_HOME", "")], "/home/me/.config/pip/pip.conf"));
    assert!(index(&[("XDG_CONFIG_DIRS", "")], "/etc/xdg/pip/pip.conf"));
    assert!(!index(&[("PIP_CONFIG_FILE", "")], ""));
    assert!(!index(&[("VIRTUAL_ENV", "")], "pip.conf"));
    // pip has its file there directly.
    assert!(index(&[], "/etc/pip.conf"));
    assert!(!index(&[], "/etc/pip/pip.conf"));

    let file = ("/etc/pip.conf", "[global]\nproxy = http://proxy.example.com\n");
    let proxy = |variable: &'static str, file| {
        let machine = Machine::new([("PIP_PROXY", variable)], [file]);
        pypi().transport(&machine).proxy.map(|(proxy, _)| proxy)
    };
    assert_eq!(proxy("", file).as_deref(), Some("http://proxy.example.com"));
    assert_eq!(proxy("", ("/etc/pip.conf", "[global]\nproxy =\n")), None);

    let wanted = Wanted {
        ecosystem: "pypi",
        name: "foo".into(),
        version: "1.0".into(),
        file: Some("foo-1.0.tar.gz".into()),
        claims: Vec::new(),
        urls: vec!["https://files.example.com/foo-1.0.tar.gz".into()],
        registry: None,
        path: None,
        size: None,
    };
    for variable in ["POETRY_CACHE_DIR", "PIP_CACHE_DIR", "XDG_CACHE_HOME"] {
        let empty = Machine::new([(variable, "")], []);
        assert_eq!(
            pypi().cached(&wanted, &empty),
            pypi().cached(&wanted, &Machine::default()),
            "{variable}"
        );
    }
}
