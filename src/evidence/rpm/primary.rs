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

/// The largest list unpacked: the largest distributions have 300 MB.
const MAX_LIST_BYTES: u64 = 2 << 30;

/// The longest element of one package: with 100,000 provided names, 10 MB.
const MAX_PACKAGE_BYTES: usize = 32 << 20;

/// The most packages: the largest distributions have 100,000.
const MAX_PACKAGES: usize = 1_000_000;

/// The most nodes of one package.
const MAX_NODES: u32 = 1_000_000;

/// The largest window of a compressed list: `zstd --ultra`, `xz -9` and what they need beside it.
const MAX_WINDOW_LOG: u32 = 27;
const MAX_XZ_KIB: u32 = 128 << 10;

const PACKAGE: &[u8] = b"<package ";
const PACKAGE_END: &[u8] = b"</package>";

/// Reads the list.
pub(super) fn packages(compressed: &[u8]) -> Result<BTreeMap<Digest, Called>, Said> {
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
    let mut reader = BufReader::new(unpacked.take(MAX_LIST_BYTES + 1));
    let mut total = 0;
    // What stands before the first package opens the document, and binds the prefixes that packages use.
    let mut front = Vec::new();
    let more = until(&mut reader, PACKAGE, &mut front, &mut total)?;
    let front = text(&front)?;
    let opening = front.rfind("<metadata").map(|at| &front[at..]).ok_or_else(damaged)?;
    let opening = opening.strip_suffix("<package ").unwrap_or(opening);
    let mut packages = BTreeMap::new();
    let mut more = more;
    while more {
        let mut element = PACKAGE.to_vec();
        if !until(&mut reader, PACKAGE_END, &mut element, &mut total)? {
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
        if packages.len() > MAX_PACKAGES {
            return Err(too_large());
        }
        more = until(&mut reader, PACKAGE, &mut Vec::new(), &mut total)?;
    }
    Ok(packages)
}

/// Reads up to the end of a marker; `false` if the text ends first.
fn until(reader: &mut dyn BufRead, marker: &[u8], read: &mut Vec<u8>, total: &mut u64) -> Result<bool, Said> {
    let last = *marker.last().expect("markers are not empty");
    loop {
        let before = read.len();
        let room = (MAX_PACKAGE_BYTES + 1).saturating_sub(before) as u64;
        let length = reader.take(room).read_until(last, read).map_err(|_| damaged())?;
        *total += length as u64;
        if *total > MAX_LIST_BYTES || read.len() > MAX_PACKAGE_BYTES {
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
