//! The list of packages: read one package at a time, so that memory does not grow with its markup.
//!
//! Its digest has been confirmed. Bounds keep a mistake of its signer from filling memory.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use roxmltree::{Document, ParsingOptions};

use super::super::listed::Said;
use super::Called;
use super::repomd::{checksum, child};
use crate::model::{Algorithm, Digest, Doubt};

/// The largest list that is read.
struct Limits {
    /// Unpacked: the largest distributions have 300 MB.
    list_bytes: u64,
    /// The element of one package: with 100,000 provided names, 10 MB.
    package_bytes: usize,
    /// The largest distributions have 100,000.
    packages: usize,
}

const LIMITS: Limits = Limits {
    list_bytes: 2 << 30,
    package_bytes: 32 << 20,
    packages: 1_000_000,
};

/// The most nodes of one package.
const MAX_NODES: u32 = 1_000_000;

/// The largest window of a compressed list: `zstd --ultra`, `xz -9` and what they need beside it.
const MAX_WINDOW_LOG: u32 = 27;
const MAX_XZ_KIB: u32 = 128 << 10;

const PACKAGE: &[u8] = b"<package ";
const PACKAGE_END: &[u8] = b"</package>";

/// Reads the list.
pub(super) fn packages(compressed: &[u8]) -> Result<BTreeMap<Digest, Called>, Said> {
    packages_within(&LIMITS, compressed)
}

fn packages_within(limits: &Limits, compressed: &[u8]) -> Result<BTreeMap<Digest, Called>, Said> {
    let unpacked: Box<dyn Read + '_> = match compressed {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(compressed)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut decoder = zstd::Decoder::with_buffer(compressed).map_err(|_| damaged())?;
            decoder.window_log_max(MAX_WINDOW_LOG).map_err(|_| damaged())?;
            Box::new(decoder)
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            Box::new(lzma_rust2::XzReader::new_mem_limit(compressed, true, MAX_XZ_KIB))
        }
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::read::MultiBzDecoder::new(compressed)),
        [b'<', ..] => Box::new(compressed),
        _ => {
            return Err(Said::Open(
                Doubt::UnknownFormat,
                "the list of packages is compressed in a way that is not known here".to_owned(),
            ));
        }
    };
    let mut list = List {
        limits,
        reader: BufReader::new(unpacked.take(limits.list_bytes + 1)),
        bytes: 0,
    };
    // What stands before the first package opens the document, and binds the prefixes that packages use.
    let mut front = Vec::new();
    let mut more = list.until(PACKAGE, &mut front)?;
    let front = text(&front)?;
    let opening = front.rfind("<metadata").map(|at| &front[at..]).ok_or_else(damaged)?;
    let opening = opening.strip_suffix("<package ").unwrap_or(opening);
    let mut packages = BTreeMap::new();
    while more {
        let mut element = PACKAGE.to_vec();
        if !list.until(PACKAGE_END, &mut element)? {
            return Err(damaged());
        }
        let (digest, called) = package(opening, text(&element)?)?;
        // The same package may be listed twice, and then as the same.
        match packages.insert(digest, called.clone()) {
            Some(known) if known != called => {
                return Err(Said::malformed("the list of packages calls one package by two names"));
            }
            _ => {}
        }
        if packages.len() > limits.packages {
            return Err(too_large());
        }
        more = list.until(PACKAGE, &mut Vec::new())?;
    }
    Ok(packages)
}

/// A list as it is read.
struct List<'a, R> {
    limits: &'a Limits,
    reader: R,
    /// What was read of it.
    bytes: u64,
}

impl<R: BufRead> List<'_, R> {
    /// Reads up to the end of a marker; `false` if the text ends first.
    fn until(&mut self, marker: &[u8], read: &mut Vec<u8>) -> Result<bool, Said> {
        let last = *marker.last().expect("markers are not empty");
        let longest = self.limits.package_bytes;
        loop {
            let before = read.len();
            let room = (longest + 1).saturating_sub(before) as u64;
            let mut bounded = self.reader.by_ref().take(room);
            let length = bounded.read_until(last, read).map_err(|_| damaged())?;
            self.bytes += length as u64;
            if self.bytes > self.limits.list_bytes || read.len() > longest {
                return Err(too_large());
            }
            // Comments, sections and declarations could hide an element from a reader that looks for its tags.
            let from = before.saturating_sub(1);
            if read[from..].windows(2).any(|pair| pair == b"<!") {
                return Err(Said::Open(
                    Doubt::UnknownFormat,
                    "the list of packages has comments, sections or declarations, which are not read".to_owned(),
                ));
            }
            if length == 0 {
                return Ok(false);
            }
            if read.ends_with(marker) {
                return Ok(true);
            }
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, Said> {
    std::str::from_utf8(bytes).map_err(|_| damaged())
}

fn package(opening: &str, element: &str) -> Result<(Digest, Called), Said> {
    let whole = format!("{opening}{element}</metadata>");
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&whole, options).map_err(|_| damaged())?;
    let package = child(document.root_element(), "package").ok_or_else(damaged)?;
    let stated = checksum(child(package, "checksum").ok_or_else(damaged)?)?;
    let digest = match (stated.algorithm(), <[u8; 32]>::try_from(stated.bytes())) {
        (Algorithm::Sha256, Ok(bytes)) => Digest::from_bytes(bytes),
        _ => {
            return Err(Said::Open(
                Doubt::UnknownAlgorithm,
                "the list of packages has other digests than SHA-256".to_owned(),
            ));
        }
    };
    let field = |name| {
        child(package, name)
            .and_then(|node| node.text())
            .map(|text| text.trim().to_owned())
    };
    let version = child(package, "version").ok_or_else(damaged)?;
    let attribute = |name| version.attribute(name).map(str::to_owned);
    Ok((
        digest,
        Called {
            name: field("name").ok_or_else(damaged)?,
            epoch: attribute("epoch").filter(|epoch| epoch != "0"),
            version: attribute("ver").ok_or_else(damaged)?,
            release: attribute("rel").ok_or_else(damaged)?,
            architecture: field("arch").ok_or_else(damaged)?,
        },
    ))
}

fn damaged() -> Said {
    Said::malformed("the signed list of packages cannot be read")
}

fn too_large() -> Said {
    Said::Open(
        Doubt::TooLarge,
        "the list of packages is larger than what is judged".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of so many packages, which are all as long.
    fn list(count: usize) -> String {
        let package = |number| {
            let digest = Digest::of(format!("{number:04}").as_bytes()).hex();
            format!(
                "<package type=\"rpm\"><name>p{number:04}</name><arch>noarch</arch><version ver=\"1\" rel=\"1\"/>\
                 <checksum type=\"sha256\">{digest}</checksum></package>"
            )
        };
        let packages: String = (0..count).map(package).collect();
        format!("<metadata packages=\"{count}\">{packages}</metadata>")
    }

    fn counted(limits: &Limits, list: &str) -> Result<usize, Said> {
        packages_within(limits, list.as_bytes()).map(|packages| packages.len())
    }

    #[test]
    fn a_list_is_bounded_in_bytes_packages_and_the_bytes_of_each() {
        let text = list(10);
        let package = text.find("</package>").unwrap() + PACKAGE_END.len() - text.find("<package ").unwrap();
        let enough = || Limits {
            list_bytes: text.len() as u64,
            package_bytes: package,
            packages: 10,
        };
        assert_eq!(counted(&enough(), &text), Ok(10));
        for short in [
            Limits {
                list_bytes: text.len() as u64 - 1,
                ..enough()
            },
            Limits {
                package_bytes: package - 1,
                ..enough()
            },
            Limits {
                packages: 9,
                ..enough()
            },
        ] {
            assert_eq!(counted(&short, &text), Err(too_large()));
        }
    }

    #[test]
    fn the_epoch_0_is_none() {
        let named = |version: &str| {
            let text = list(1).replace("<version ", &format!("<version {version}"));
            let packages = packages_within(&LIMITS, text.as_bytes()).unwrap();
            packages.values().next().unwrap().text()
        };
        assert_eq!(named(""), "p0000-1-1.noarch");
        assert_eq!(named("epoch=\"0\" "), "p0000-1-1.noarch");
        assert_eq!(named("epoch=\"1\" "), "p0000-1:1-1.noarch");
    }
}
