//! The house rules that a machine can hold: who may name whom, who may touch disk, sockets and clock, and which test
//! files there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which rooms each room names. A new arrow belongs here first, with a thought about whether it points downward.
///
/// `enclave` joins `ledger` and `repository` and stands above both. `ledger` keeps what `ecosystem::Held` describes.
/// `export` takes only the lock from `repository`, for its own folder.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("archive", &["model"]),
    ("crypto", &["model"]),
    ("store", &["model"]),
    ("trust", &["model", "crypto"]),
    ("policy", &["model", "crypto"]),
    ("bundle", &["model", "archive", "crypto"]),
    ("evidence", &["model", "archive", "trust", "crypto"]),
    ("log", &["model", "crypto", "store", "trust"]),
    ("scan", &["model", "crypto"]),
    ("report", &["model", "crypto", "trust", "log"]),
    ("ecosystem", &["model", "archive", "crypto"]),
    ("repository", &["model", "store"]),
    ("ledger", &["model", "ecosystem"]),
    (
        "enclave",
        &[
            "model",
            "crypto",
            "ecosystem",
            "ledger",
            "log",
            "repository",
            "store",
            "trust",
        ],
    ),
    (
        "statement",
        &[
            "model",
            "crypto",
            "ecosystem",
            "enclave",
            "ledger",
            "policy",
            "report",
            "trust",
        ],
    ),
    ("net", &["model", "ecosystem"]),
    ("serve", &["model", "ecosystem"]),
    (
        "export",
        &[
            "model",
            "archive",
            "crypto",
            "bundle",
            "ecosystem",
            "evidence",
            "net",
            "repository",
            "trust",
        ],
    ),
    (
        "import",
        &[
            "model",
            "crypto",
            "bundle",
            "ecosystem",
            "enclave",
            "evidence",
            "ledger",
            "log",
            "policy",
            "report",
            "repository",
            "scan",
            "store",
            "trust",
        ],
    ),
    (
        "retention",
        &[
            "model",
            "crypto",
            "enclave",
            "import",
            "ledger",
            "policy",
            "report",
            "statement",
            "store",
            "trust",
        ],
    ),
    (
        "audit",
        &[
            "model",
            "crypto",
            "bundle",
            "enclave",
            "import",
            "ledger",
            "log",
            "policy",
            "report",
            "repository",
            "statement",
            "store",
            "trust",
        ],
    ),
    (
        "capsule",
        &[
            "model",
            "crypto",
            "bundle",
            "import",
            "report",
            "statement",
            "store",
            "trust",
        ],
    ),
    (
        "cli",
        &[
            "model",
            "audit",
            "crypto",
            "bundle",
            "capsule",
            "ecosystem",
            "enclave",
            "evidence",
            "export",
            "import",
            "ledger",
            "log",
            "net",
            "policy",
            "report",
            "repository",
            "retention",
            "scan",
            "serve",
            "statement",
            "store",
            "trust",
        ],
    ),
];

/// What only some files may name: a word, where it may stand, and why.
const OWNERS: &[(&str, &[&str], &str)] = &[
    ("SystemTime::now", &["src/cli/"], "time is an argument"),
    ("Timestamp::now", &[], "time is an argument"),
    (
        "Instant::now",
        &["src/net/", "src/scan/program.rs"],
        "only the network and programs that are run have time-outs",
    ),
    ("Stdio::", &["src/scan/program.rs"], "only scanners are run"),
    ("env::var", &["src/cli/"], "the environment is read by cli"),
    (
        "current_dir",
        &["src/cli/", "src/scan/program.rs"],
        "the environment is read by cli, and a scanner gets a folder of its own",
    ),
    ("home_dir", &["src/cli/"], "the environment is read by cli"),
    (
        "TcpStream",
        &["src/net/", "src/serve/"],
        "sockets belong to net and serve",
    ),
    ("TcpListener", &["src/serve/"], "only serve listens"),
    ("UdpSocket", &[], "nobody sends datagrams"),
    (
        "UnixStream",
        &["src/crypto/agent_key.rs"],
        "only the agent's key speaks to an agent",
    ),
    ("ureq", &["src/net/"], "only net calls out"),
    ("hyper", &["src/serve/"], "only serve answers"),
    (
        "serde_yaml",
        &["src/crypto/yaml.rs"],
        "an archived crate stays behind one file",
    ),
    ("process::exit", &[], "main returns an exit code"),
    ("todo!", &[], "nothing is a stub"),
    ("unimplemented!", &[], "nothing is a stub"),
];

/// At 500 lines a file is looked at again.
const LONG_FILE: usize = 500;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of Rust below a folder, with its text up to its own tests and without comments.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![here().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
                let code: Vec<&str> = code
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .collect();
                let name = path.strip_prefix(here()).unwrap().to_str().unwrap().to_owned();
                found.insert(name, code.join("\n"));
            }
        }
    }
    found
}

/// The rooms that a file names by `crate::room` or `crate::{room…}`.
fn named(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let group = after.strip_prefix('{').and_then(|group| group.split('}').next());
        for name in group
            .unwrap_or(after)
            .split(',')
            .take(if group.is_some() { usize::MAX } else { 1 })
        {
            let room: String = name
                .trim()
                .chars()
                .take_while(|character| character.is_alphanumeric() || *character == '_')
                .collect();
            rooms.insert(room);
        }
    }
    rooms.retain(|room| here().join("src").join(room).is_dir());
    rooms
}

fn room(path: &str) -> &str {
    path.split('/').nth(1).unwrap().trim_end_matches(".rs")
}

#[test]
fn rooms_name_each_other_only_as_the_map_allows() {
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let sources = sources("src");
    let mut wrong = Vec::new();
    for (path, code) in &sources {
        let room = room(path);
        if ["lib", "main"].contains(&room) {
            continue;
        }
        let allowed = ARROWS
            .iter()
            .find(|(name, _)| *name == room)
            .map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            wrong.push(format!("{path}: the room {room} is not on the map"));
            continue;
        };
        for other in named(code).into_iter().filter(|other| other != room) {
            if !allowed.contains(&other.as_str()) {
                wrong.push(format!("{path} names {other}"));
            }
            found.entry(room).or_default().insert(other);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Whatever the map says must not go round: each room stands above all that it names.
    let place = |room: &str| ARROWS.iter().position(|(name, _)| *name == room).unwrap();
    for (room, others) in ARROWS {
        assert!(
            others.iter().all(|other| place(other) < place(room)),
            "{room} names a room above it"
        );
    }
    assert!(!found["import"].contains("net") && !found["import"].contains("export"));
}

#[test]
fn disk_clock_sockets_and_environment_stay_with_their_owners() {
    let mut wrong = Vec::new();
    for (path, code) in sources("src") {
        for (word, owners, why) in OWNERS {
            if code.contains(word) && !owners.iter().any(|owner| path.starts_with(owner)) {
                wrong.push(format!("{path} has {word}: {why}"));
            }
        }
        let may_touch_disk = !["model", "archive", "bundle", "ecosystem"].contains(&room(&path));
        if code.contains("disallowed_methods") && !may_touch_disk {
            wrong.push(format!("{path} lifts a ban that this room has"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_receiving_side_alone_has_no_network_code() {
    let lib = fs::read_to_string(here().join("src/lib.rs")).unwrap();
    for (room, feature) in [("net", "export"), ("export", "export"), ("serve", "serve")] {
        let gate = format!("#[cfg(feature = \"{feature}\")]\npub mod {room};");
        assert!(lib.contains(&gate), "{room} is not behind the feature {feature}");
    }
    let tree = |features: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--locked",
                "--edges",
                "normal",
                "--prefix",
                "none",
                "--format",
                "{p}",
            ])
            .args(features)
            .current_dir(here())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .filter_map(|line| line.split(' ').next().map(str::to_owned))
            .collect::<BTreeSet<String>>()
    };
    let network = [
        "ureq",
        "rustls",
        "hyper",
        "hyper-util",
        "tokio",
        "tokio-rustls",
        "mio",
        "socket2",
    ];
    let (whole, alone) = (tree(&[]), tree(&["--no-default-features"]));
    for crate_name in ["ureq", "rustls", "hyper"] {
        assert!(
            whole.contains(crate_name),
            "{crate_name}: the list above is out of date"
        );
    }
    let found: Vec<_> = network.iter().filter(|name| alone.contains(**name)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_test_file_is_declared() {
    for folder in ["suite", "cli", "clients", "evidence", "fuzz"] {
        let folder = here().join("tests").join(folder);
        let main = fs::read_to_string(folder.join("main.rs")).unwrap();
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let is_test = path.is_dir() || path.extension().is_some_and(|extension| extension == "rs");
            if is_test && name != "main" {
                assert!(
                    main.contains(&format!("mod {name};")),
                    "{} is not declared",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn long_files_are_listed() {
    let long = |folder: &str| {
        let paths = sources(folder).into_keys();
        paths
            .map(|path| (fs::read_to_string(here().join(&path)).unwrap().lines().count(), path))
            .filter(|(lines, _)| *lines > LONG_FILE)
            .collect::<Vec<_>>()
    };
    for (lines, path) in long("src").into_iter().chain(long("tests")) {
        let _ = writeln!(std::io::stderr(), "warning: {path} has {lines} lines: look at it again");
    }
}

/// What `tests/switches/kept.txt` says of a check stays true only as long as the check stands where it says.
#[test]
fn checks_that_no_test_misses_stand_where_they_are_listed() {
    let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (mut reason, mut seen) = ("", BTreeSet::new());
    let listed = fs::read_to_string(here().join("tests/switches/kept.txt")).unwrap();
    for line in listed.lines() {
        let Some(check) = line.strip_prefix("    ") else {
            reason = line;
            continue;
        };
        assert!(reason.ends_with(':'), "{check}: no reason stands above it");
        assert!(seen.insert(check), "{check} is listed twice");
        let (kind, rest) = check.split_once(' ').unwrap();
        let (path, text) = rest.split_once(": ").unwrap();
        let kinds = ["refuse", "try", "tail", "else", "both", "such", "yes"];
        assert!(kinds.contains(&kind), "{check}");
        let source = fs::read_to_string(here().join(path)).unwrap_or_else(|error| panic!("{check}: {error}"));
        assert!(in_one_line(&source).contains(text), "{check}: it is not there");
    }
    assert!(!seen.is_empty());
}
