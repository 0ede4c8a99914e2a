//! Names, versions and files of packages (Debian Policy §5.6), and the names under which archives' indexes are carried.

use crate::ecosystem::{Coordinate, Mismatch};
use crate::model::RelativePath;

/// The longest real names have some 100 characters, and a file's name has at most 255 with version and architecture.
const MAX_NAME_BYTES: usize = 128;

/// The longest real versions have some 80 characters.
const MAX_VERSION_BYTES: usize = 100;

const MAX_ARCHITECTURE_BYTES: usize = 20;

/// Whether a text is a package's name (Debian Policy §5.6.7).
pub(crate) fn is_name(text: &str) -> bool {
    (2..=MAX_NAME_BYTES).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte))
}

/// Whether a text is a version (deb-version(7)): perhaps an epoch, then letters, digits and `.+-~`; archives hold a few that
/// do not begin with a digit.
pub(crate) fn is_version(text: &str) -> bool {
    let rest = match text.split_once(':') {
        Some((epoch, rest)) => {
            if epoch.is_empty() || epoch.len() > 9 || !epoch.bytes().all(|byte| byte.is_ascii_digit()) {
                return false;
            }
            rest
        }
        None => text,
    };
    text.len() <= MAX_VERSION_BYTES
        && rest.starts_with(|first: char| first.is_ascii_alphanumeric())
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".+-~".contains(&byte))
}

/// Whether a text is an architecture's name.
pub(crate) fn is_architecture(text: &str) -> bool {
    (1..=MAX_ARCHITECTURE_BYTES).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A package's file: name, version and architecture make one name for it, wherever it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackageFile {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
}

impl PackageFile {
    /// Takes the three, if they are such.
    pub(crate) fn new(name: &str, version: &str, architecture: &str) -> Option<Self> {
        (is_name(name) && is_version(version) && is_architecture(architecture)).then(|| Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
        })
    }

    /// The name as apt's cache spells it: with the epoch, whose colon is escaped.
    pub(crate) fn file(&self) -> String {
        let version = self.version.replace(':', "%3a");
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }

    /// Reads such a name.
    pub(crate) fn read(file: &str) -> Option<Self> {
        let mut parts = file.strip_suffix(".deb")?.split('_');
        let (Some(name), Some(version), Some(architecture), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let this = Self::new(name, &version.replace("%3a", ":"), architecture)?;
        (this.file() == file).then_some(this)
    }

    pub(crate) fn coordinate(self) -> Coordinate {
        Coordinate {
            name: self.name,
            version: self.version,
        }
    }
}

/// Refuses an artifact whose file is not named by its name and version, and gives what the file's name says.
pub(crate) fn check_file_name(file: &str, name: &str, version: &str) -> Result<PackageFile, Mismatch> {
    PackageFile::read(file)
        .filter(|read| read.name == name && read.version == version)
        .ok_or_else(|| {
            Mismatch::new("the file's name is not that of the package and its version")
                .comparing(format!("{name}_{}_ARCHITECTURE.deb", version.replace(':', "%3a")), file)
        })
}

/// A suite of an archive: the name under which its signed index is carried, and where clients find it.
///
/// Written `ARCHIVE/dists/SUITE`, or `ARCHIVE::FOLDER/` for an archive without suites. No package's name holds a slash, and every
/// such name does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Suite {
    pub(crate) archive: String,
    /// As in a line of sources: it ends in a slash where the archive has no suites.
    pub(crate) suite: String,
}

impl Suite {
    pub(crate) fn new(archive: &str, suite: &str) -> Option<Self> {
        let is_flat = suite.ends_with('/');
        let folder = clean_folder(suite);
        let suite_is_plain = match is_flat {
            true => folder.is_empty() || is_folder(&folder),
            // Its parts are those of the folder: no empty one and no `.` is plain.
            false => is_folder(suite),
        };
        let is_good = is_folder(archive) && !archive.split('/').any(|part| part == "dists") && suite_is_plain;
        is_good.then(|| Self {
            archive: archive.to_owned(),
            suite: if is_flat && folder.is_empty() {
                "./".to_owned()
            } else if is_flat {
                format!("{folder}/")
            } else {
                suite.to_owned()
            },
        })
    }

    /// Reads a name.
    pub(crate) fn read(name: &str) -> Option<Self> {
        let (archive, suite) = name.split_once("::").or_else(|| name.split_once("/dists/"))?;
        Self::new(archive, suite).filter(|this| this.name() == name)
    }

    pub(crate) fn is_flat(&self) -> bool {
        self.suite.ends_with('/')
    }

    /// The name as an artifact's.
    pub(crate) fn name(&self) -> String {
        match self.is_flat() {
            true => format!("{}::{}", self.archive, self.suite),
            false => format!("{}/dists/{}", self.archive, self.suite),
        }
    }

    /// Where its signed index lies, below an archive's address or folder; empty, or with a slash at its end.
    pub(crate) fn folder_in_archive(&self) -> String {
        match (self.is_flat(), clean_folder(&self.suite)) {
            (true, folder) if folder.is_empty() => folder,
            (true, folder) => format!("{folder}/"),
            (false, suite) => format!("dists/{suite}/"),
        }
    }

    /// A file of the index, below the ecosystem's folder.
    pub(crate) fn path(&self, file: &str) -> Result<RelativePath, Mismatch> {
        RelativePath::new(format!("{}/{}{file}", self.archive, self.folder_in_archive()))
            .map_err(|error| Mismatch::new(error.to_string()))
    }
}

/// Whether a name is that of a suite's index, and not of a package.
pub(crate) fn is_index(name: &str) -> bool {
    name.contains('/')
}

/// The name of an archive: host and path of its address, so that one archive has one folder. `None` for what is no plain
/// address.
pub(crate) fn archive_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // A port's colon, and those that some archives have in their paths, cannot stand in a path on every disk.
    let archive = format!("{}/{path}", host.to_ascii_lowercase()).replace(':', "_");
    let archive = clean_folder(&archive);
    is_folder(&archive).then_some(archive)
}

/// A path without empty and `.` parts.
pub(crate) fn clean_folder(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    parts.join("/")
}

/// Whether a text is a path of plain parts.
fn is_folder(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-/".contains(&byte);
    text.bytes().all(plain) && RelativePath::new(text).is_ok()
}

/// Where a package's file lies below the ecosystem's folder, from its archive and the path that the index gives. Only files named
/// `.deb`, and nothing where the archive's indexes lie.
pub(crate) fn pool_path(archive: &str, filename: &str) -> Result<RelativePath, Mismatch> {
    let wrong = || Mismatch::new("the index gives the package no plain path").comparing("a path to a .deb", filename);
    let below = clean_folder(filename);
    let is_plain = !filename.starts_with('/') && !filename.contains(' ');
    if !is_plain || !below.ends_with(".deb") || below.split('/').next() == Some("dists") {
        return Err(wrong());
    }
    let archive = Some(archive).filter(|archive| is_folder(archive)).ok_or_else(wrong)?;
    RelativePath::new(format!("{archive}/{below}")).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_name_version_and_architecture() {
        for (file, name, version, architecture) in [
            ("hello_2.10-3_amd64.deb", "hello", "2.10-3", "amd64"),
            (
                "openssh-client_1%3a9.2p1-2+deb12u7_amd64.deb",
                "openssh-client",
                "1:9.2p1-2+deb12u7",
                "amd64",
            ),
            ("libstdc++6_12.2.0~rc1-14_all.deb", "libstdc++6", "12.2.0~rc1-14", "all"),
        ] {
            let read = PackageFile::read(file).unwrap();
            assert_eq!(
                (read.name.as_str(), read.version.as_str(), read.architecture.as_str()),
                (name, version, architecture)
            );
            assert_eq!(read.file(), file);
            check_file_name(file, name, version).unwrap();
        }
        for wrong in [
            "hello_2.10-3.deb",
            "hello_2.10-3_amd64_x.deb",
            "hello_2.10-3_amd64.udeb",
            "Hello_2.10-3_amd64.deb",
            "h_2.10-3_amd64.deb",
            "-x_1_amd64.deb",
            "hello_1%3A2_amd64.deb",
            "hello_1:2_amd64.deb",
            "hello_%3a2_amd64.deb",
            "hello_x%3a2_amd64.deb",
            "hello_1%3a2%3a3_amd64.deb",
            "hello_~1_amd64.deb",
            "hello__amd64.deb",
            "hello_1_.deb",
            "hello_1/2_amd64.deb",
            "../hello_1_amd64.deb",
            "hello_1_AMD64.deb",
            "hello_1 _amd64.deb",
        ] {
            assert!(PackageFile::read(wrong).is_none(), "{wrong}");
        }
        assert!(check_file_name("hello_2.10-3_amd64.deb", "hello", "2.10-4").is_err());
        assert!(check_file_name("hello_2.10-3_amd64.deb", "hallo", "2.10-3").is_err());
    }

    #[test]
    fn suites_have_names_that_no_package_has() {
        for (archive, suite, name, file) in [
            (
                "a.example.com/debian",
                "stable",
                "a.example.com/debian/dists/stable",
                "a.example.com/debian/dists/stable/x",
            ),
            (
                "a/b",
                "stable/updates",
                "a/b/dists/stable/updates",
                "a/b/dists/stable/updates/x",
            ),
            ("a.example.com", "./", "a.example.com::./", "a.example.com/x"),
            ("a.example.com", "/", "a.example.com::./", "a.example.com/x"),
            ("a/b", "sub/./", "a/b::sub/", "a/b/sub/x"),
        ] {
            let suite = Suite::new(archive, suite).unwrap();
            assert_eq!(suite.name(), name);
            assert_eq!(Suite::read(name).as_ref(), Some(&suite));
            assert_eq!(suite.path("x").unwrap().as_str(), file);
            assert!(is_index(name) && !is_name(name));
        }
        for (archive, suite) in [
            ("", "stable"),
            ("a", ""),
            ("a", ".."),
            ("a", "../x/"),
            ("a/../b", "stable"),
            ("a//b", "stable"),
            ("a/dists/b", "stable"),
            ("dists", "stable"),
            ("a", "x//y"),
            ("a", "./x"),
            ("a", "x/."),
            ("a", "x y"),
            ("a b", "stable"),
            ("a:b", "stable"),
            ("a", "x:y"),
            ("/a", "stable"),
        ] {
            assert!(Suite::new(archive, suite).is_none(), "{archive} {suite}");
        }
        for wrong in ["hello", "a/b", "a::b", "a/dists/", "a::", "a::./x/", "::./", "/dists/x"] {
            assert!(Suite::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn archives_are_named_by_their_address() {
        for (url, archive) in [
            ("https://A.example.com/debian/", "a.example.com/debian"),
            ("http://127.0.0.1:8080/", "127.0.0.1_8080"),
            ("http://a.example.com", "a.example.com"),
            (
                "https://a.example.com/core:/stable:/v1.30/deb/",
                "a.example.com/core_/stable_/v1.30/deb",
            ),
        ] {
            assert_eq!(archive_of(url).as_deref(), Some(archive), "{url}");
        }
        for wrong in [
            "",
            "a",
            "http://",
            "http://a/../b",
            "http://a/%2e",
            "http://a/b?c",
            "http://[::1]/",
            "http://a/é",
        ] {
            assert_eq!(archive_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_package_lies_where_the_index_says_and_never_on_an_index() {
        assert_eq!(
            pool_path("a/debian", "pool/main/h/hello_1_all.deb").unwrap().as_str(),
            "a/debian/pool/main/h/hello_1_all.deb"
        );
        assert_eq!(
            pool_path("a", "./hello_1_all.deb").unwrap().as_str(),
            "a/hello_1_all.deb"
        );
        for wrong in [
            "",
            "x",
            "InRelease",
            "dists/stable/x.deb",
            "./dists/stable/x.deb",
            "/pool/x.deb",
            "pool/../x.deb",
            "../x.deb",
            "pool/x.deb/",
            "pool\\x.deb",
            "pool/x:y.deb",
            "pool/x y.deb",
        ] {
            let found = pool_path("a", wrong);
            assert!(found.is_err() || wrong == "pool/x.deb/", "{wrong}: {found:?}");
        }
        assert!(pool_path("../a", "x.deb").is_err());
        assert!(pool_path("a b", "x.deb").is_err());
    }

    #[test]
    fn versions_and_architectures_have_an_end_and_a_beginning() {
        for (version, expected) in [
            ("123456789:1", true),
            ("1234567890:1", false),
            (&*"1".repeat(MAX_VERSION_BYTES), true),
            (&*"1".repeat(MAX_VERSION_BYTES + 1), false),
        ] {
            assert_eq!(is_version(version), expected, "{version}");
        }
        for (architecture, expected) in [
            ("hurd-i386", true),
            (&*"a".repeat(MAX_ARCHITECTURE_BYTES), true),
            (&*"a".repeat(MAX_ARCHITECTURE_BYTES + 1), false),
            ("-i386", false),
            ("", false),
        ] {
            assert_eq!(is_architecture(architecture), expected, "{architecture}");
        }
    }
}
