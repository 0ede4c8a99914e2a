//! ClamAV itself, with a database of one signature of our own.

use std::path::Path;

use crate::client;
use crate::site::Site;
use crate::tgz::{Entry, tgz};

/// What the test's own signature calls malware.
const EVIL: &str = "a wholly harmless text that a test calls malware\n";

/// An enclave whose scanner is ClamAV, and a medium with a folder's files.
fn carried(clamscan: &Path, files: &[(&str, &[u8])]) -> Site {
    let site = Site::empty();
    let home = site.home();
    // A body signature: name, any type, anywhere, bytes (ClamAV's manual, "Body-based Signatures").
    let bytes: String = EVIL.bytes().map(|byte| format!("{byte:02x}")).collect();
    home.write("clamav/test.ndb", format!("Test.Evil:0:*:{bytes}\n"));
    let scanners = format!(
        "schema: sealift-scanners/1\nscanners:\n  - engine: clamav\n    command: [\"{0}\", --stdout, --no-summary, \
         --alert-exceeds-max=yes, --max-filesize=1M, \"--database={1}\", \"--file-list={{list}}\"]\n    definitions: [\"{0}\", --version, \"--database={1}\"]\n",
        clamscan.display(),
        home.path().join("clamav").display()
    );
    home.write("enclave/scanners.yaml", scanners);
    for (name, content) in files {
        home.write(Path::new("handbook").join(name), content);
    }
    site.select("- files: handbook\n\x20 version: \"1.0\"\n\x20 folder: handbook\n");
    site.export(1);
    site
}

#[test]
fn clamav_finds_what_its_database_names_and_skips_nothing_silently() {
    let Some(clamscan) = client::find("clamscan") else {
        return;
    };
    let clamscan = std::fs::canonicalize(clamscan).unwrap();
    let clean = carried(&clamscan, &[("guide.txt", b"do not panic\n"), ("empty.txt", b"")]);
    let said = clean.run("import --enclave enclave media-1");
    assert!(said.contains("scanned  clamav (ClamAV "), "{said}");
    assert!(said.contains("nothing was found\n"), "{said}");

    // Within an archive, too.
    let packed = tgz(&[Entry::file("package/run.js", EVIL)]);
    for (name, content) in [("guide.txt", EVIL.as_bytes()), ("guide.tgz", packed.as_slice())] {
        let infected = carried(&clamscan, &[(name, content), ("clean.txt", b"clean\n")]);
        let said = client::fails(&mut infected.sealift("import --enclave enclave media-1"));
        assert!(said.contains("scan-positive"), "{name}: {said}");
        let report = infected.run("--json report show --enclave enclave");
        assert!(report.contains("clamav found Test.Evil.UNOFFICIAL"), "{name}: {report}");
    }

    // What is larger than what it looks at is not clean; without its switch it would be called so.
    let large = carried(&clamscan, &[("guide.bin", &[0x20; 2 << 20])]);
    let said = large.run("import --enclave enclave media-1");
    assert!(said.contains("1 were not scanned wholly"), "{said}");
}
