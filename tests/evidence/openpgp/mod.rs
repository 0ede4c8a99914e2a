//! OpenPGP: detached signatures, signed text, and the kinds that use them.

mod fixtures;
mod frames;
mod lists;
pub(crate) mod maker;
mod rpm;
mod several;
mod signatures;

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

pub(crate) fn rpm_packages(row: &Row) -> Judged {
    let key = row.root.trim_start_matches("rpm/");
    let bytes = row.read(&row.files);
    let file = row.files.trim_start_matches("rpm/");
    let (name, version) = if file.starts_with("hello") {
        ("hello", "2.0-1.x86_64")
    } else {
        ("rpm-basic", "1:2.3.4-5.el9")
    };
    let findings = judge(
        "rpm-signature",
        Vec::new(),
        &artifact("rpm", name, version, file, &bytes),
        &bytes,
        &[anchor("pinned", certificates(&row.read(&format!("rpm/{key}"))))],
        DAY,
    );
    Judged::Findings(findings)
}

pub(crate) fn helm(row: &Row) -> Judged {
    let proof = match row.case.as_str() {
        "helm/tampered" => "helm/msgblock.yaml.tampered",
        _ => "helm/hashtest-1.2.3.tgz.prov",
    };
    let bytes = row.read("helm/hashtest-1.2.3.tgz");
    Judged::Findings(judge(
        "helm-provenance",
        vec![row.read(proof)],
        &artifact("helm", "hashtest", "1.2.3", "hashtest-1.2.3.tgz", &bytes),
        &bytes,
        &[anchor("pinned", certificates(&row.read("helm/helm-test-key.pub")))],
        DAY,
    ))
}

pub(crate) fn cpan(row: &Row) -> Judged {
    let file = match row.case.as_str() {
        "cpan/swapped" => "CPAN-Test-Dummy-Perl5-Build-1.03.tar.gz",
        _ => "CPAN-Test-Dummy-Perl5-Make-1.05.tar.gz",
    };
    let bytes = row.read(&format!("cpan/ANDK/{file}"));
    let file = "CPAN-Test-Dummy-Perl5-Make-1.05.tar.gz";
    Judged::Findings(judge(
        "cpan-checksums",
        vec![row.read("cpan/ANDK/CHECKSUMS")],
        &artifact("cpan", "ANDK/CPAN-Test-Dummy-Perl5-Make", "1.05", file, &bytes),
        &bytes,
        &[anchor("pinned", certificates(&row.read("cpan/PAUSE2022.pub")))],
        DAY,
    ))
}

pub(crate) fn simple_signing(row: &Row) -> Judged {
    let bytes = row.read("simple-signing/image.manifest.json");
    Judged::Findings(judge(
        "simple-signing",
        vec![row.read(&row.case)],
        &artifact("oci", "testing/manifest", "latest", "manifest.json", &bytes),
        &bytes,
        &[anchor(
            "pinned",
            certificates(&row.read("simple-signing/public-key.gpg")),
        )],
        DAY,
    ))
}
