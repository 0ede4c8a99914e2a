//! Names, versions and files: `group:artifact`, and `artifact-version[-classifier].extension`.
//!
//! Source: Maven's documentation, "Guide to naming conventions" and "POM Reference"; Maven Resolver's
//! `Maven2RepositoryLayoutFactory` for paths.

use crate::ecosystem::{Coordinate, Mismatch, Recognised};
use crate::model::RelativePath;

/// A path holds group, artifact twice and version twice; 120 bytes each leave it below the limit of paths.
pub(super) const MAX_PART_BYTES: usize = 120;

/// Endings that the repository gives to pages of its own, or to proofs; a file so named would want their place.
const RESERVED_ENDINGS: [&str; 7] = [
    ".md5",
    ".sha1",
    ".sha256",
    ".sha512",
    ".asc",
    ".sigstore.json",
    ".sigstore",
];

/// Endings of two parts. Any other extension is what follows the last dot.
const LONG_EXTENSIONS: [&str; 5] = ["tar.gz", "tar.bz2", "tar.xz", "tar.zst", "kotlin_module.json"];

/// Endings of artifacts of other ecosystems, which are not guessed to be Maven's from their folder.
const OTHERS: [&str; 6] = ["whl", "crate", "tgz", "gem", "deb", "rpm"];

/// Which file of a version: a classifier, if it has one, and the extension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) classifier: Option<String>,
    pub(crate) extension: String,
}

impl Kind {
    pub(crate) fn new(extension: &str, classifier: Option<&str>) -> Self {
        Self {
            classifier: classifier.filter(|text| !text.is_empty()).map(str::to_owned),
            extension: extension.to_owned(),
        }
    }

    /// From a dependency's type (Maven's documentation, "Maven Artifact Handlers"): most types are their own extension.
    pub(crate) fn of_type(kind: &str, classifier: Option<&str>) -> Self {
        let (extension, usual) = match kind {
            "test-jar" => ("jar", Some("tests")),
            "ejb-client" => ("jar", Some("client")),
            "java-source" => ("jar", Some("sources")),
            "javadoc" => ("jar", Some("javadoc")),
            "maven-plugin" | "ejb" | "bundle" | "eclipse-plugin" | "hk2-jar" | "orbit" => ("jar", None),
            other => (other, None),
        };
        Self::new(extension, classifier.filter(|text| !text.is_empty()).or(usual))
    }
}

/// Splits a name into group and artifact, and checks both.
pub(crate) fn split(name: &str) -> Result<(&str, &str), Mismatch> {
    let (group, artifact) = name
        .split_once(':')
        .ok_or_else(|| Mismatch::new("a name is `group:artifact`").comparing("`group:artifact`", name))?;
    check_part("group", group)?;
    check_part("artifact", artifact)?;
    if group.split('.').any(str::is_empty) {
        return Err(Mismatch::new("a part of the group between dots is empty").comparing("`part.part`", group));
    }
    Ok((group, artifact))
}

fn check_part(what: &str, text: &str) -> Result<(), Mismatch> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let starts_well = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !starts_well || text.len() > MAX_PART_BYTES || !text.bytes().all(plain) {
        return Err(Mismatch::new(format!(
            "the {what} is not letters, digits, `.`, `_` and `-`, at most {MAX_PART_BYTES}"
        ))
        .comparing("such a text, beginning with a letter, digit or `_`", text));
    }
    Ok(())
}

/// Checks a version: one release, exactly. What changes under its name is refused.
pub(crate) fn check_version(version: &str) -> Result<(), Mismatch> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+~".contains(&byte);
    let starts_well = version.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !starts_well || version.len() > MAX_PART_BYTES || !version.bytes().all(plain) {
        return Err(Mismatch::new(format!(
            "the version is not letters, digits, `.`, `_`, `-`, `+` and `~`, at most {MAX_PART_BYTES}"
        ))
        .comparing("one exact version", version));
    }
    // Gradle's `1.+` is the newest that begins so.
    if is_snapshot(version) || matches!(version, "LATEST" | "RELEASE") || version.ends_with('+') {
        return Err(
            Mismatch::new("what is behind this version changes: only releases are carried")
                .comparing("a release", version),
        );
    }
    Ok(())
}

/// A snapshot, or one that was deployed under its time (`1.0-20240501.101112-3`): both are parts of what changes.
pub(crate) fn is_snapshot(version: &str) -> bool {
    if version.to_ascii_uppercase().ends_with("SNAPSHOT") {
        return true;
    }
    let mut parts = version.rsplit('-');
    let (Some(build), Some(time)) = (parts.next(), parts.next()) else {
        return false;
    };
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = time
        .split_once('.')
        .is_some_and(|(day, hour)| digits(day, 8) && digits(hour, 6));
    is_time && !build.is_empty() && digits(build, build.len())
}

/// The file's name.
pub(crate) fn file_name(artifact: &str, version: &str, kind: &Kind) -> String {
    match &kind.classifier {
        None => format!("{artifact}-{version}.{}", kind.extension),
        Some(classifier) => format!("{artifact}-{version}-{classifier}.{}", kind.extension),
    }
}

/// Reads classifier and extension off a file's name, which must be one of this artifact and version.
pub(crate) fn kind_of(artifact: &str, version: &str, file: &str) -> Result<Kind, Mismatch> {
    let wrong = || {
        Mismatch::new("the file is not named after artifact and version")
            .comparing(format!("{artifact}-{version}[-classifier].extension"), file)
    };
    let lower = file.to_ascii_lowercase();
    if RESERVED_ENDINGS.iter().any(|ending| lower.ends_with(ending)) {
        return Err(
            Mismatch::new("a file with this ending is a checksum or a proof, and no artifact")
                .comparing("an artifact's ending", file),
        );
    }
    let rest = file
        .strip_prefix(artifact)
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|rest| rest.strip_prefix(version))
        .ok_or_else(wrong)?;
    let kind = if let Some(extension) = rest.strip_prefix('.') {
        Kind::new(extension, None)
    } else {
        let rest = rest.strip_prefix('-').ok_or_else(wrong)?;
        let long = LONG_EXTENSIONS.iter().find_map(|extension| {
            let classifier = rest.strip_suffix(extension)?.strip_suffix('.')?;
            Some((classifier, *extension))
        });
        let (classifier, extension) = long.or_else(|| rest.rsplit_once('.')).ok_or_else(wrong)?;
        if classifier.is_empty() {
            return Err(wrong());
        }
        Kind::new(extension, Some(classifier))
    };
    let plain = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+~".contains(&byte);
        text.len() <= MAX_PART_BYTES && text.bytes().all(plain)
    };
    if !plain(&kind.extension)
        || !kind
            .extension
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
        || !kind.classifier.as_deref().is_none_or(plain)
    {
        return Err(wrong());
    }
    Ok(kind)
}

/// The group's folder, below the repository's.
pub(crate) fn group_folder(group: &str) -> String {
    group.replace('.', "/")
}

/// The path of a file of an artifact, below the repository's folder.
pub(crate) fn path(name: &str, version: &str, file: &str) -> Result<RelativePath, Mismatch> {
    let (group, artifact) = split(name)?;
    check_version(version)?;
    kind_of(artifact, version, file)?;
    RelativePath::new(format!("{}/{artifact}/{version}/{file}", group_folder(group)))
        .map_err(|error| Mismatch::new(error.to_string()))
}

/// Says what a file in a folder is: a local or remote repository (`org/example/lib/1.0/lib-1.0.jar`), or Gradle's cache
/// (`org.example/lib/1.0/HASH/lib-1.0.jar`). The folder must be the root of the first.
pub(crate) fn recognise(relative: &str) -> Recognised {
    let components: Vec<&str> = relative.split('/').collect();
    let Some((file, folders)) = components.split_last() else {
        return Recognised::Unknown;
    };
    if folders.len() >= 2 && is_bookkeeping(file) {
        return Recognised::Bookkeeping;
    }
    let is_other = |file: &str| {
        file.rsplit_once('.')
            .is_some_and(|(_, ending)| OTHERS.contains(&ending))
    };
    let (group, artifact, version) = match folders {
        [.., group, artifact, version, hash] if is_hash(hash) && file.starts_with(&format!("{artifact}-{version}")) => {
            ((*group).to_owned(), *artifact, *version)
        }
        [group @ .., artifact, version] if !group.is_empty() => (group.join("."), *artifact, *version),
        _ => return Recognised::Unknown,
    };
    if !file.starts_with(&format!("{artifact}-")) || is_other(file) {
        return Recognised::Unknown;
    }
    // A snapshot's file is named by its time, its folder is not.
    if is_snapshot(version) {
        return Recognised::Refused("is a snapshot, which changes under its name");
    }
    let name = format!("{group}:{artifact}");
    if split(&name).is_err() || check_version(version).is_err() || kind_of(artifact, version, file).is_err() {
        return Recognised::Unknown;
    }
    Recognised::Artifact(Coordinate {
        name,
        version: version.to_owned(),
    })
}

/// Gradle names the folder by the file's SHA-1, without leading zeros.
fn is_hash(folder: &str) -> bool {
    (30..=40).contains(&folder.len()) && folder.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What clients write beside artifacts for themselves, or computed from them (facts: Maven, "Pitfalls").
fn is_bookkeeping(file: &str) -> bool {
    let is_metadata = file.starts_with("maven-metadata") && file.contains(".xml");
    let is_checksum = [".md5", ".sha1", ".sha256", ".sha512"]
        .iter()
        .any(|ending| file.ends_with(ending));
    is_metadata
        || is_checksum
        || file.ends_with(".lastUpdated")
        || matches!(
            file,
            "_remote.repositories" | "_maven.repositories" | "resolver-status.properties"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions() {
        for name in [
            "org.apache.commons:commons-lang3",
            "junit:junit",
            "a_b.c:D.e_f-g",
            "_x:y",
        ] {
            split(name).unwrap();
        }
        let long = format!("a:{}", "b".repeat(121));
        for wrong in [
            "junit", "", ":", "a:", ":b", "a:b:c", "a/b:c", "a:b/c", "..:b", "a..b:c", ".a:b", "a.:b", "a:..", "a b:c",
            "a:b\n", "é:b", "-a:b", &long,
        ] {
            assert!(split(wrong).is_err(), "{wrong:?}");
        }
        for version in [
            "1.0",
            "2",
            "1.0.0.Final",
            "r09",
            "1.0-beta-1",
            "33.0.0-jre",
            "1.0+build~x",
            "20040616",
        ] {
            check_version(version).unwrap();
        }
        for wrong in [
            "",
            "..",
            ".1",
            "-1",
            "1/2",
            "1 2",
            "[1,2)",
            "(,1]",
            "${x}",
            "LATEST",
            "1.+",
            "RELEASE",
            "1.0-SNAPSHOT",
            "1.0-snapshot",
            "SNAPSHOT",
            "1.0-20240501.101112-3",
        ] {
            assert!(check_version(wrong).is_err(), "{wrong:?}");
        }
        assert!(check_version(&"1".repeat(MAX_PART_BYTES)).is_ok());
        assert!(check_version(&"1".repeat(MAX_PART_BYTES + 1)).is_err());
        // Versions that only look like a time.
        for release in [
            "1.0-20240501-3",
            "1.0-20240501.101112",
            "1.0-2024050.101112-3",
            "1.0-2024x501.101112-3",
            "1.0-20240501.10111-3",
            "1.0-20240501.10111x-3",
            "1.0-20240501.101112-",
            "1.0-20240501.101112-x",
        ] {
            assert!(!is_snapshot(release), "{release}");
        }
    }

    #[test]
    fn files() {
        for (file, classifier, extension) in [
            ("lib-1.0.jar", None, "jar"),
            ("lib-1.0.pom", None, "pom"),
            ("lib-1.0.tar.gz", None, "tar.gz"),
            ("lib-1.0-sources.jar", Some("sources"), "jar"),
            ("lib-1.0-bin.tar.gz", Some("bin"), "tar.gz"),
            ("lib-1.0-jdk1.5.jar", Some("jdk1.5"), "jar"),
            ("lib-1.0-linux-x86_64.exe", Some("linux-x86_64"), "exe"),
        ] {
            let kind = kind_of("lib", "1.0", file).unwrap();
            assert_eq!(
                (kind.classifier.as_deref(), kind.extension.as_str()),
                (classifier, extension)
            );
            assert_eq!(file_name("lib", "1.0", &kind), file);
        }
        for wrong in [
            "lib-1.0",
            "lib-1.1.jar",
            "lib.jar",
            "lib-1.0.",
            "lib-1.0-.jar",
            "lib-1.0-x",
            "lib-1.0x.jar",
            "other-1.0.jar",
            "lib-1.0.jar.sha1",
            "lib-1.0.jar.MD5",
            "lib-1.0.pom.asc",
            "lib-1.0.jar.sigstore.json",
            "lib-1.0.jar.sha256",
            "lib-1.0.jar.sha512",
            "lib-1.0./jar",
            "lib-1.0..jar",
            "lib-1.0-a/b.jar",
            "../lib-1.0.jar",
            "lib-1.0.j r",
        ] {
            assert!(kind_of("lib", "1.0", wrong).is_err(), "{wrong:?}");
        }
        let long = |characters: usize| kind_of("lib", "1.0", &format!("lib-1.0-{}.jar", "x".repeat(characters)));
        assert!(long(MAX_PART_BYTES).is_ok() && long(MAX_PART_BYTES + 1).is_err());
        assert_eq!(
            path("a.b:lib", "1.0", "lib-1.0.jar").unwrap().as_str(),
            "a/b/lib/1.0/lib-1.0.jar"
        );
        assert!(path("a.con:lib", "1.0", "lib-1.0.jar").is_err(), "a device's name");
    }

    #[test]
    fn types_have_extensions_and_usual_classifiers() {
        for (kind, classifier, expected) in [
            ("jar", None, Kind::new("jar", None)),
            ("bundle", None, Kind::new("jar", None)),
            ("maven-plugin", None, Kind::new("jar", None)),
            ("test-jar", None, Kind::new("jar", Some("tests"))),
            ("test-jar", Some("it"), Kind::new("jar", Some("it"))),
            ("test-jar", Some(""), Kind::new("jar", Some("tests"))),
            ("jar", Some(""), Kind::new("jar", Some(""))),
            ("zip", Some("bin"), Kind::new("zip", Some("bin"))),
        ] {
            assert_eq!(Kind::of_type(kind, classifier), expected);
        }
        assert_eq!(Kind::new("jar", Some("")).classifier, None);
    }

    #[test]
    fn folders() {
        let artifact = |name: &str| {
            Recognised::Artifact(Coordinate {
                name: name.to_owned(),
                version: "1.0".to_owned(),
            })
        };
        let hash = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
        assert_eq!(
            recognise("org/example/lib/1.0/lib-1.0.jar"),
            artifact("org.example:lib")
        );
        assert_eq!(
            recognise("junit/junit/1.0/junit-1.0-sources.jar"),
            artifact("junit:junit")
        );
        assert_eq!(
            recognise(&format!("files-2.1/org.example/lib/1.0/{hash}/lib-1.0.pom")),
            artifact("org.example:lib")
        );
        // Neither name is one that clients write.
        for (file, name) in [
            ("a/maven-metadata/1.0/maven-metadata-1.0.jar", "a:maven-metadata"),
            ("a/lib/1.0/lib-1.0-features.xml", "a:lib"),
        ] {
            assert_eq!(recognise(file), artifact(name), "{file}");
        }
        for own in [
            "_remote.repositories",
            "lib-1.0.jar.lastUpdated",
            "resolver-status.properties",
            "maven-metadata-central.xml",
            "maven-metadata.xml.sha1",
            "lib-1.0.jar.sha1",
        ] {
            assert_eq!(
                recognise(&format!("org/example/lib/1.0/{own}")),
                Recognised::Bookkeeping,
                "{own}"
            );
        }
        assert!(matches!(
            recognise("a/lib/1-SNAPSHOT/lib-1-20240501.101112-3.jar"),
            Recognised::Refused(_)
        ));
        for unknown in [
            "lib-1.0.jar",
            "1.0/lib-1.0.jar",
            "lib/1.0/lib-1.0.jar",
            "a/lib/1.0/other-1.0.jar",
            "a/lib/1.0/lib-1.1.jar",
            "a/lib/1.0/lib-1.0.jar.asc",
            "a/lib/1.0/lib-1.0.tgz",
            "a/lib/1.0/lib-1.0-py3-none-any.whl",
            "settings.xml",
            "",
            "x/y.sha1",
            "a/b c/lib/1.0/lib-1.0.jar",
            "org.example/lib/1.0/0a1b2c/lib-1.0.jar",
            &format!("org.example/lib/1.0/0{hash}/lib-1.0.jar"),
            &format!("org.example/lib/1.0/{}/lib-1.0.jar", hash.to_uppercase()),
        ] {
            assert_eq!(recognise(unknown), Recognised::Unknown, "{unknown}");
        }
    }
}
