//! Lists of packages with their versions: what `apt-get --print-uris`, `apt list`, `dpkg -l` and dpkg's status say, and plain
//! `name=version` lines. Only the first states digests, and often weak ones; the rest is pinned by the signed index.

use super::ID;
use super::coordinate::{PackageFile, is_architecture, is_name, is_version};
use crate::archive::apt::Paragraph;
use crate::ecosystem::{Selection, SelectionError, Wanted};
use crate::model::{Algorithm, Claim};

/// Whether a file of this name is such a list: `apt-….txt`, `dpkg-….txt`, `dpkg-status`.
pub(super) fn is_lockfile(file_name: &str) -> bool {
    let is_text = |front: &str| file_name.starts_with(front) && file_name.ends_with(".txt");
    is_text("apt-") || is_text("dpkg-") || file_name == "dpkg-status"
}

/// Reads a list; its first line tells which kind it is.
pub(super) fn read(file_name: &str, text: &str) -> Result<Selection, SelectionError> {
    let mut selection = Selection::default();
    if text.lines().any(|line| line.starts_with("Package:")) {
        status(file_name, text, &mut selection)?;
        return Ok(selection);
    }
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with('#') || is_heading(line) {
            continue;
        }
        let wanted = read_line(line).map_err(|reason| SelectionError::Malformed {
            file: file_name.to_owned(),
            reason: format!("line {}: {reason}", index + 1),
        })?;
        match wanted {
            Some(wanted) => selection.wanted.push(wanted),
            None => selection.left_out.push(format!("{line}: it is not installed")),
        }
    }
    Ok(selection)
}

/// Reads `name=version` and `name:architecture=version`, one by one.
pub(super) fn read_coordinates(coordinates: &[String]) -> Result<Selection, SelectionError> {
    let mut selection = Selection::default();
    for coordinate in coordinates {
        let package = coordinate.split_once('=').ok_or("it is not `name=version`");
        let package = package.and_then(|(name, version)| wanted(name, version, None));
        selection
            .wanted
            .push(package.map_err(|reason| SelectionError::Malformed {
                file: "coordinates".to_owned(),
                reason: format!("{coordinate}: {reason}"),
            })?);
    }
    Ok(selection)
}

/// What the programs print around their lists.
fn is_heading(line: &str) -> bool {
    [
        "Listing...",
        "Desired=",
        "| Status=",
        "|/ Err?=",
        "||/ ",
        "+++-",
        "Reading package lists...",
        "Building dependency tree...",
        "Reading state information...",
    ]
    .iter()
    .any(|heading| line.starts_with(heading))
}

fn read_line(line: &str) -> Result<Option<Wanted>, &'static str> {
    if line.starts_with('\'') {
        return uri(line).map(Some);
    }
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match words[..] {
        [one] => match one.split_once('=') {
            Some((name, version)) => wanted(name, version, None).map(Some),
            None => Err("it names no version: write `name=version`, or give the output of `apt-get --print-uris`"),
        },
        // `dpkg -l`: two or three letters of state.
        [state, name, version, architecture, ..]
            if (2..=3).contains(&state.len()) && state.bytes().all(|byte| byte.is_ascii_alphabetic()) =>
        {
            match state.as_bytes()[1] {
                b'i' => wanted(name, version, Some(architecture)).map(Some),
                _ => Ok(None),
            }
        }
        // `apt list`.
        [name, version, architecture, ..] if name.contains('/') => {
            let name = name.split('/').next().unwrap_or(name);
            wanted(name, version, Some(architecture)).map(Some)
        }
        _ => Err("it is no list of packages that sealift knows"),
    }
}

/// `name` may be `name:architecture`. Without an architecture the file is left open.
fn wanted(name: &str, version: &str, architecture: Option<&str>) -> Result<Wanted, &'static str> {
    let (name, own) = match name.split_once(':') {
        Some((name, own)) => (name, Some(own)),
        None => (name, None),
    };
    // What dpkg lists as `all` it never marks; elsewhere the mark is as good as the column.
    let architecture = architecture.or(own);
    if !is_name(name) || !is_version(version) || architecture.is_some_and(|architecture| !is_architecture(architecture))
    {
        return Err("it is not a package's name and version");
    }
    let file = architecture
        .and_then(|architecture| PackageFile::new(name, version, architecture))
        .map(|file| file.file());
    Ok(Wanted {
        ecosystem: ID,
        name: name.to_owned(),
        version: version.to_owned(),
        file,
        claims: Vec::new(),
        urls: Vec::new(),
        registry: None,
        path: None,
        size: None,
    })
}

/// `'URL' FILE SIZE HASH`.
fn uri(line: &str) -> Result<Wanted, &'static str> {
    let (url, rest) = line[1..].split_once('\'').ok_or("its address has no end")?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let (file, size, hash) = match words[..] {
        [file, size] => (file, size, ""),
        [file, size, hash] => (file, size, hash),
        _ => return Err("it is not an address, a file, a size and a digest"),
    };
    let package = PackageFile::read(file).ok_or("its file is not named as a package's")?;
    let size = size.parse().map_err(|_| "its size is not a number")?;
    let claim = match hash.split_once(':') {
        Some(("SHA256", digits)) => Some((Algorithm::Sha256, digits)),
        Some(("SHA512", digits)) => Some((Algorithm::Sha512, digits)),
        // MD5 and SHA-1 prove nothing, and are not kept: the signed index gives better ones.
        _ => None,
    };
    let claim = claim.map(|(algorithm, digits)| Claim::from_hex(algorithm, digits));
    let claim = claim.transpose().map_err(|_| "its digest cannot be read")?;
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    Ok(Wanted {
        ecosystem: ID,
        file: Some(package.file()),
        name: package.name,
        version: package.version,
        claims: claim.into_iter().collect(),
        urls: is_web.then(|| url.to_owned()).into_iter().collect(),
        registry: None,
        path: None,
        size: Some(size),
    })
}

/// dpkg's status file, or any list in its format: what is installed.
fn status(file_name: &str, text: &str, selection: &mut Selection) -> Result<(), SelectionError> {
    for (number, text) in text.split("\n\n").enumerate() {
        let text = text.trim_matches('\n');
        if text.is_empty() {
            continue;
        }
        let malformed = |reason: String| SelectionError::Malformed {
            file: file_name.to_owned(),
            reason: format!("paragraph {}: {reason}", number + 1),
        };
        let fields = Paragraph::read(text).map_err(|error| malformed(error.to_string()))?;
        let name = fields.get("Package").unwrap_or_default();
        if fields.words("Status").nth(2).is_some_and(|state| state != "installed") {
            selection.left_out.push(format!("{name}: it is not installed"));
            continue;
        }
        let (version, architecture) = (fields.get("Version").unwrap_or_default(), fields.get("Architecture"));
        let wanted = wanted(name, version, architecture).map_err(|reason| malformed(reason.to_owned()))?;
        selection.wanted.push(wanted);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let tell = |wanted: &Wanted| {
            format!(
                "{} {} {} {}",
                wanted.name,
                wanted.version,
                wanted.file.as_deref().unwrap_or("-"),
                wanted.claims.len()
            )
        };
        read("apt-list.txt", text).unwrap().wanted.iter().map(tell).collect()
    }

    #[test]
    fn every_kind_of_list_is_read() {
        let digest = "0d5f444f594e48c1e16a41d8fc628a09b24c658916a1274025c2330f2a802bed";
        let uris = format!(
            "Reading package lists...\n'http://a.example.com/pool/hello_2.10-3_amd64.deb' hello_2.10-3_amd64.deb 53080 \
             SHA256:{digest}\n'http://a.example.com/pool/x_1_all.deb' xx_1%3a1_all.deb 5 MD5Sum:00\n"
        );
        assert_eq!(
            told(&uris),
            ["hello 2.10-3 hello_2.10-3_amd64.deb 1", "xx 1:1 xx_1%3a1_all.deb 0"]
        );
        let read = read("apt-uris.txt", &uris).unwrap().wanted;
        assert_eq!(read[0].urls, ["http://a.example.com/pool/hello_2.10-3_amd64.deb"]);
        assert_eq!(read[0].size, Some(53080));
        // A file of this machine is nothing to fetch.
        let local = "'file:///srv/hello_2.10-3_amd64.deb' hello_2.10-3_amd64.deb 53080 MD5Sum:00\n";
        let local = super::read("apt-uris.txt", local).unwrap().wanted;
        assert_eq!((local[0].name.as_str(), local[0].urls.len()), ("hello", 0));
        assert_eq!(
            told("# mine\nhello=2.10-3\nlibc6:i386=1:2-3\n"),
            ["hello 2.10-3 - 0", "libc6 1:2-3 libc6_1%3a2-3_i386.deb 0"]
        );
        assert_eq!(
            told("Listing... Done\nhello/stable,now 2.10-3 amd64 [installed]\n"),
            ["hello 2.10-3 hello_2.10-3_amd64.deb 0"]
        );
        assert_eq!(
            told(
                "Desired=Unknown/Install\n| Status=Not\n|/ Err?=(none)\n||/ Name Version Architecture Description\n\
                 +++-====-=====\nii  libc6:amd64 2.36-9 amd64 GNU C\nrc  old 1 all gone\n"
            ),
            ["libc6 2.36-9 libc6_2.36-9_amd64.deb 0"]
        );
        assert_eq!(
            told(
                "Package: hello\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.10-3\nDescription: x\n y\n\n\
                 Package: old\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n"
            ),
            ["hello 2.10-3 hello_2.10-3_amd64.deb 0"]
        );
    }

    #[test]
    fn doubtful_lines_are_refused() {
        for wrong in [
            "hello",
            "hello=",
            "Hello=1",
            "hello=1 2",
            "hello:=1",
            "'http://a.example.com/x",
            "'http://a.example.com/x' x 5 SHA256:00",
            "'http://a.example.com/x' hello_1_all.deb five SHA256:00",
            "'http://a.example.com/x' hello_1_all.deb 5 SHA256:00",
            "'http://a.example.com/x' ../hello_1_all.deb 5 MD5Sum:00",
            "what is this",
            "ii hello",
            "i hello 1 amd64",
            "iiii hello 1 amd64",
            "i1 hello 1 amd64",
            "Package: hello\nPackage: hallo\n",
            "Package: hello\nArchitecture: amd64\n",
        ] {
            assert!(read("apt-list.txt", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn coordinates_are_names_with_versions() {
        let read = |text: &str| read_coordinates(&[text.to_owned()]).map(|selection| selection.wanted[0].clone());
        let plain = read("hello=2.10-3").unwrap();
        assert_eq!(
            (plain.name.as_str(), plain.version.as_str(), plain.file),
            ("hello", "2.10-3", None)
        );
        let file = read("libc6:i386=1:2-3").unwrap().file;
        assert_eq!(file.as_deref(), Some("libc6_1%3a2-3_i386.deb"));
        for wrong in [
            "hello",
            "hello=",
            "=1",
            "hello 1",
            "hello=1=2",
            "hello:=1",
            "Hello=1",
            "hello/stable",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lists_are_known_by_their_names() {
        for name in ["apt-uris.txt", "apt-packages.txt", "dpkg-list.txt", "dpkg-status"] {
            assert!(is_lockfile(name), "{name}");
        }
        for name in ["status", "apt.txt", "requirements.txt", "apt-uris"] {
            assert!(!is_lockfile(name), "{name}");
        }
    }
}
