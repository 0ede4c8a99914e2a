//! Runs real clients in an empty home, with no network but loopback.

#![expect(clippy::print_stderr, reason = "a machine that cannot confine clients is said")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use crate::tools::folders;
pub(crate) use crate::tools::{find, prepared};

/// How the network is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confinement {
    /// Nothing but loopback exists, in a namespace of one's own; the words make it.
    Namespace(&'static [&'static str]),
    /// The machine allows no namespaces: proxies that lead nowhere, which a client might ignore.
    DeadProxies,
}

/// Takes the network away as well as this machine allows, and says so once where that is not well.
pub(crate) fn confinement() -> Confinement {
    static FOUND: OnceLock<Confinement> = OnceLock::new();
    *FOUND.get_or_init(|| {
        for words in [
            ["unshare", "--net"].as_slice(),
            ["unshare", "--map-root-user", "--net"].as_slice(),
        ] {
            let tried = Command::new(words[0])
                .args(&words[1..])
                .args(["sh", "-c", LOOPBACK_UP])
                .stdin(Stdio::null())
                .output();
            if tried.is_ok_and(|output| output.status.success()) {
                return Confinement::Namespace(words);
            }
        }
        eprintln!("note: no network namespaces here, so clients only get proxies that lead nowhere");
        Confinement::DeadProxies
    })
}

/// Starts loopback in a new namespace.
const LOOPBACK_UP: &str = "ip link set lo up 2>/dev/null || ifconfig lo up";

/// A home with nothing in it, and no way out.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A folder below the home.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder in a temporary folder");
        folder
    }

    /// Writes a file below the home, with its folders.
    pub(crate) fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        let folder = path.parent().expect("a path below the home");
        std::fs::create_dir_all(folder).expect("a folder in a temporary folder");
        std::fs::write(path, content).expect("a file in a temporary folder");
    }

    /// A client's command: this home, an almost empty environment, no network but loopback.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match confinement() {
            Confinement::Namespace(words) => {
                let mut command = Command::new(words[0]);
                command
                    .args(&words[1..])
                    .args(["sh", "-c", &format!("{{ {LOOPBACK_UP}; }} && exec \"$@\""), "sh"])
                    .arg(program);
                command
            }
            Confinement::DeadProxies => Command::new(program),
        };
        self.empty(&mut command);
        command
    }

    /// The same, on the loopback of a process that [`Home::command`] began: a client beside its server.
    pub(crate) fn command_beside(&self, process: u32, program: impl AsRef<OsStr>) -> Command {
        let mut command = match confinement() {
            Confinement::Namespace(words) => {
                let mut command = Command::new("nsenter");
                command.args(["--target", &process.to_string(), "--net"]);
                if words.contains(&"--map-root-user") {
                    command.args(["--user", "--preserve-credentials"]);
                }
                command.arg(program);
                command
            }
            Confinement::DeadProxies => Command::new(program),
        };
        self.empty(&mut command);
        command
    }

    /// Takes the surroundings away from a command.
    fn empty(&self, command: &mut Command) {
        command
            .env_clear()
            .env("HOME", self.path())
            .env("LC_ALL", "C.UTF-8")
            .env(
                "PATH",
                std::env::join_paths(folders()).expect("folders that came from PATH"),
            )
            .current_dir(self.path())
            .stdin(Stdio::null());
        if confinement() == Confinement::DeadProxies {
            // Port 9 is `discard`; nothing listens there.
            for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
                command.env(name, "http://127.0.0.1:9");
            }
            command.env("NO_PROXY", "127.0.0.1,localhost");
        }
    }
}

/// Everything that a program printed.
pub(crate) fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Runs a command that must succeed, and gives what it printed on standard output.
#[track_caller]
pub(crate) fn succeeds(command: &mut Command) -> String {
    let output = command.output().expect("a program that can be started");
    assert!(output.status.success(), "{command:?}\n{}", printed(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command that must fail, and gives everything that it printed.
#[track_caller]
pub(crate) fn fails(command: &mut Command) -> String {
    let output = command.output().expect("a program that can be started");
    assert!(!output.status.success(), "{command:?}\n{}", printed(&output));
    printed(&output)
}
