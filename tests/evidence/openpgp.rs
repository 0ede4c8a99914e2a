//! OpenPGP: detached signatures, signed text, and the kinds that use them.

use crate::data::{Judged, Row};
use crate::support::{DAY, anchor, artifact, certificates, judge};

/// `artifact + signature` of a row, over an artifact of an ecosystem.
fn detached(row: &Row, folder: &str, file: &str, signature: &str, root: &str, ecosystem: &str) -> Judged {
    let bytes = row.read(&format!("{folder}/{file}"));
    let anchors = [anchor("pinned", certificates(&row.read(root)))];
    Judged::Findings(judge(
        "openpgp",
        vec![row.read(&format!("{folder}/{signature}"))],
        &artifact(ecosystem, "org.example:case", "1", file, &bytes),
        &bytes,
        &anchors,
        DAY,
    ))
}

pub(crate) fn maven(row: &Row) -> Judged {
    let (file, signature) = row.files.split_once(" + ").unwrap();
    let signature = match signature {
        ".asc" => format!("{file}.asc"),
        other => other.to_owned(),
    };
    detached(
        row,
        "maven",
        file,
        &signature,
        &row.root[..row.root.find(".gpg").unwrap() + 4],
        "maven",
    )
}

pub(crate) fn debsrc(row: &Row) -> Judged {
    let file = if row.case.ends_with("swapped") {
        "hello_2.10-3.debian.tar.xz"
    } else {
        "hello_2.10.orig.tar.gz"
    };
    let root = "debsrc/hello-upstream-signing-key.asc";
    detached(row, "debsrc", file, "hello_2.10.orig.tar.gz.asc", root, "deb")
}
