//! Signatures that lie beside plain files, from a folder or an address to what an enclave finds them worth.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use sealift::evidence::beside::ASKED_KINDS;
use sealift::model::Digest;
use sequoia_openpgp as openpgp;
use serde_json::{Value, json};

use super::{CREATED, Site, files, proofs};
use crate::http::{Response, Server};
use crate::tools::has;
use openpgp::cert::CertBuilder;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::SerializeInto as _;
use openpgp::serialize::stream::{Armorer, Message, Signer};

/// The identity of the conformance suite's signer.
const BEACON: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ACTIONS: &str = "https://token.actions.githubusercontent.com";

pub(super) fn fixture(path: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Somebody who signs with OpenPGP.
pub(super) struct Person(openpgp::Cert);

impl Person {
    pub(super) fn new(name: &str) -> Self {
        let builder = CertBuilder::general_purpose(Some(name)).set_creation_time(at(1_750_000_000));
        Self(builder.generate().unwrap().0)
    }

    pub(super) fn certificate(&self) -> Vec<u8> {
        self.0.armored().to_vec().unwrap()
    }

    pub(super) fn signs(&self, message: &[u8]) -> Vec<u8> {
        let mut sink = Vec::new();
        let writer = Armorer::new(Message::new(&mut sink)).kind(openpgp::armor::Kind::Signature);
        let mut signer = Signer::new(writer.build().unwrap(), self.pair())
            .unwrap()
            .detached()
            .creation_time(at(1_760_000_000))
            .build()
            .unwrap();
        signer.write_all(message).unwrap();
        signer.finalize().unwrap();
        sink
    }

    fn frames(&self, text: &str) -> Vec<u8> {
        let mut sink = Vec::new();
        let mut signer = Signer::new(Message::new(&mut sink), self.pair())
            .unwrap()
            .cleartext()
            .creation_time(at(1_760_000_000))
            .build()
            .unwrap();
        signer.write_all(text.as_bytes()).unwrap();
        signer.finalize().unwrap();
        sink
    }

    fn pair(&self) -> openpgp::crypto::KeyPair {
        let policy = StandardPolicy::new();
        let keys = self.0.keys().unencrypted_secret().with_policy(&policy, None);
        let key = keys.alive().revoked(false).for_signing().next().unwrap();
        key.key().clone().into_keypair().unwrap()
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A signify key pair of our own: the public key's file, and a signature's.
struct Signify(ed25519_dalek::SigningKey);

impl Signify {
    fn new() -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&[7; 32]))
    }

    fn text(comment: &str, tail: &[u8]) -> String {
        let line = STANDARD.encode([b"Ed".as_slice(), &[1; 8], tail].concat());
        format!("untrusted comment: {comment}\n{line}\n")
    }

    fn public(&self) -> String {
        Self::text("public key", self.0.verifying_key().as_bytes())
    }

    fn signs(&self, message: &[u8]) -> String {
        Self::text("signature", &self.0.sign(message).to_bytes())
    }
}

/// Pins anchors in an enclave of the profile `evaluation`: their names, and the arguments of `trust add`.
pub(super) fn pin(site: &Site, anchors: &[(&str, String)]) {
    site.succeeds("trust new trust.json");
    for (name, arguments) in anchors {
        site.succeeds(&format!("trust add trust.json {name} {arguments} --note test"));
    }
    site.succeeds("trust sign trust.json --key en/keys/import.pem");
    site.succeeds("trust install trust.json --enclave en");
}

/// What an artifact's proofs came to, as far as they are about signatures: kind, the outcome's JSON, and the anchors.
pub(super) fn all_judged(site: &Site, path: &str) -> Vec<(String, Value, Vec<String>)> {
    let found = site.json(&format!("where --enclave en {path}"));
    // Others may have the same bytes.
    let is_it = |one: &&Value| {
        let part = |name: &str| one["artifact"][name].as_str().unwrap_or_default().to_owned();
        let is_set = part("ecosystem") == "files";
        (!is_set || path.contains(&format!("/{}/", part("name")))) && path.ends_with(&format!("/{}", part("file")))
    };
    let one = found["found"].as_array().unwrap().iter().find(is_it);
    let one = one.unwrap_or_else(|| panic!("{path}: {found}"));
    let findings = one["judgement"]["findings"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = findings.filter(|finding| finding["kind"] != "digest-agreement");
    findings
        .map(|finding| {
            let anchors = finding["anchors"].as_array().into_iter().flatten().map(text).collect();
            (text(&finding["kind"]), finding["outcome"].clone(), anchors)
        })
        .collect()
}

/// The same by kind, where each has one.
fn judged(site: &Site, path: &str) -> BTreeMap<String, (Value, Vec<String>)> {
    let found = all_judged(site, path).into_iter();
    found
        .map(|(kind, outcome, anchors)| (kind, (outcome, anchors)))
        .collect()
}

/// What is said where an import is refused because a proof is wrong.
pub(super) fn wrong_proof(site: &Site, out: &str) -> String {
    let volumes = files(&site.path(out));
    let ran = site.run(&format!("import --enclave en {}", volumes[0].display()));
    assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("[evidence-invalid]"), "{}", ran.stderr);
    ran.stderr
}

fn expect(site: &Site, file: &str, kind: &str, outcome: &Value, anchor: Option<&str>) {
    let found = judged(site, &format!("files/tools/1/{file}"));
    let (found, anchors) = found.get(kind).unwrap_or_else(|| panic!("{file}: {kind}: {found:?}"));
    assert_eq!(found, outcome, "{file}: {kind}");
    if let Some(anchor) = anchor {
        assert!(anchors.iter().any(|name| name == anchor), "{file}: {anchors:?}");
    }
}

const SELECTION: &str =
    "schema: sealift-selection/1\nselect:\n  - files: tools\n    version: \"1\"\n    folder: tools\n";

/// The next version of the set, from another folder.
const NEXT: &str = "schema: sealift-selection/1\nselect:\n  - files: tools\n    version: \"2\"\n    folder: changed\n";

/// The objects of each proof that came.
fn present(artifact: &Value) -> Vec<Vec<&str>> {
    let found = proofs(artifact).into_iter().filter(|(_, state, _)| *state == "present");
    found.map(|(.., objects)| objects).collect()
}

fn kinds(artifact: &Value) -> Vec<String> {
    let found = proofs(artifact).into_iter();
    found.map(|(kind, state, _)| format!("{kind} {state}")).collect()
}

#[test]
fn signatures_beside_files_are_judged_where_the_files_arrive() {
    let (site, ann, bob) = (Site::new(), Person::new("ann"), Person::new("bob"));
    let put = |name: &str, bytes: &[u8]| site.write(&format!("project/tools/{name}"), bytes);
    for (name, from) in [
        ("mini.txt", "minisign/test.txt"),
        ("mini.txt.minisig", "minisign/test-prehashed.minisig"),
        ("a.txt", "sigstore/a.txt"),
        ("a.txt.sigstore.json", "sigstore/statement.sigstore.json"),
        ("ssh", "sshsig/signed-data"),
        ("ssh.sig", "sshsig/ed25519.sig"),
        ("ssh-rsa", "sshsig/signed-data"),
        ("ssh-rsa.sig", "sshsig/rsa.sig"),
        ("sub/orders.txt", "signify/orders.txt"),
        ("sub/orders.txt.sig", "signify/orders.txt.sig"),
        ("tool.rpm", "rpm/rpm-basic-with-ed25519-2.3.4-5.el9.noarch.rpm"),
    ] {
        put(name, &fixture(from));
    }
    put("by-ann", b"ann's");
    put("by-ann.asc", &ann.signs(b"ann's"));
    put("by-bob", b"bob's");
    put("by-bob.asc", &bob.signs(b"bob's"));
    put("twice", b"both");
    let twice = ann.signs(b"both");
    put("twice.asc", &twice);
    put("twice.sig", &twice);
    put("bare", b"bare");
    // No signature, whatever it is called.
    put("bare.asc", b"a note\n");
    site.write("minisign.pub", fixture("minisign/test.pub"));
    site.write("signify.pub", fixture("signify/regresskey.pub"));
    site.write("ann.asc", ann.certificate());
    site.write("rpm.asc", fixture("rpm/rpm-testkey-v4-ed25519.asc"));
    site.write("root.json", fixture("sigstore/public-trusted_root.json"));
    let key = String::from_utf8(fixture("sshsig/ed25519.pub")).unwrap();
    site.write("signers", format!("tester namespaces=\"unittest\" {key}"));

    site.write("project/sealift.yaml", SELECTION);
    let exported = site.export("sealift.yaml", "media");
    assert_eq!(exported["artifacts"], 11, "{exported}");
    let scoped = |arguments: &str| format!("--type {arguments} --scope files/tools");
    pin(
        &site,
        &[
            ("minisign", scoped("minisign-key --from minisign.pub")),
            ("signify", scoped("signify-key --from signify.pub")),
            ("ssh", scoped("allowed-signers --from signers")),
            ("ann", scoped("openpgp --from ann.asc")),
            (
                "rpm",
                format!("{} --speaks-for registry", scoped("openpgp --from rpm.asc")),
            ),
            ("sigstore", scoped("sigstore-root --from root.json")),
            (
                "beacon",
                scoped(&format!("identity --issuer {ACTIONS} --subject {BEACON}")),
            ),
        ],
    );
    site.import("media");
    let listed = site.listed();
    let files: Vec<&str> = listed.iter().map(|one| one["file"].as_str().unwrap()).collect();
    assert_eq!(
        files,
        [
            "a.txt",
            "bare",
            "bare.asc",
            "by-ann",
            "by-bob",
            "mini.txt",
            "ssh",
            "ssh-rsa",
            "sub/orders.txt",
            "tool.rpm",
            "twice",
        ]
    );
    // What was looked for and does not lie beside a file is said: an unsigned file is not one of which nobody knows.
    for bare in &listed[1..3] {
        assert_eq!(
            kinds(bare),
            ASKED_KINDS.map(|kind| format!("{kind} not-served")),
            "{bare}"
        );
    }
    assert!(kinds(&listed[9]).contains(&"rpm-signature present".to_owned()));
    assert_eq!(present(&listed[9]), [vec![listed[9]["digest"].as_str().unwrap()]]);
    assert_eq!(
        present(&listed[10])[0].len(),
        1,
        "the same bytes are one object: {}",
        listed[10]
    );

    let confirmed = |level: &str| json!({ "confirmed": level });
    let publisher = confirmed("publisher");
    expect(&site, "mini.txt", "minisign", &publisher, Some("minisign"));
    expect(&site, "a.txt", "sigstore", &confirmed("provenance"), Some("beacon"));
    expect(&site, "ssh", "sshsig", &publisher, Some("ssh"));
    expect(&site, "sub/orders.txt", "signify", &publisher, Some("signify"));
    expect(&site, "by-ann", "openpgp", &publisher, Some("ann"));
    expect(&site, "twice", "openpgp", &publisher, Some("ann"));
    expect(&site, "tool.rpm", "rpm-signature", &confirmed("registry"), Some("rpm"));
    let unknown = json!({ "undecided": "unknown-signer" });
    expect(&site, "by-bob", "openpgp", &unknown, None);
    expect(&site, "ssh-rsa", "sshsig", &unknown, None);
    assert!(judged(&site, "files/tools/1/bare").is_empty());

    // People inside check again with the ordinary tools.
    let placed = |name: &str| std::fs::read(site.path("en/repository/files/tools/1").join(name)).unwrap();
    assert_eq!(placed("mini.txt.minisig"), fixture("minisign/test-prehashed.minisig"));
    assert_eq!(
        placed("a.txt.sigstore.json"),
        fixture("sigstore/statement.sigstore.json")
    );
    assert_eq!(placed("sub/orders.txt.sig"), fixture("signify/orders.txt.sig"));
    assert_eq!(placed("ssh.sshsig"), fixture("sshsig/ed25519.sig"));
    assert_eq!(
        placed("by-ann.asc"),
        std::fs::read(site.path("project/tools/by-ann.asc")).unwrap()
    );
    assert_eq!(placed("bare.asc"), b"a note\n");
    let list = String::from_utf8(placed("SHA256SUMS")).unwrap();
    assert_eq!(list.lines().count(), 11, "{list}");

    // The same signature beside other bytes.
    site.write("project/changed/mini.txt", "test?");
    site.write(
        "project/changed/mini.txt.minisig",
        fixture("minisign/test-prehashed.minisig"),
    );
    site.write("project/next.yaml", NEXT);
    site.export("next.yaml", "next");
    let said = wrong_proof(&site, "next");
    assert!(said.contains("mini.txt: minisign: "), "{said}");
    assert!(!site.path("en/repository/files/tools/2").exists());
}

#[test]
fn signed_lists_are_proofs_of_the_files_that_they_name() {
    let (site, ann, signify) = (Site::new(), Person::new("ann"), Signify::new());
    let sum = |bytes: &[u8]| Digest::of(bytes).hex();
    // Two files of one name, in two folders.
    let list = format!("{}  a\n{}  sub/b\n{}  sub/a\n", sum(b"a"), sum(b"b"), sum(b"other"));
    for (name, bytes) in [
        ("tools/a", b"a".to_vec()),
        ("tools/sub/b", b"b".to_vec()),
        ("tools/sub/a", b"other".to_vec()),
        ("tools/SHA256SUMS", list.clone().into_bytes()),
        ("tools/SHA256SUMS.asc", ann.signs(list.as_bytes())),
        ("tools/SHA256SUMS.sig", signify.signs(list.as_bytes()).into_bytes()),
        ("inline/a", b"inline".to_vec()),
        ("inline/SHA256SUMS", ann.frames(&format!("{}  a\n", sum(b"inline")))),
    ] {
        site.write(&format!("project/{name}"), bytes);
    }
    site.write("ann.asc", ann.certificate());
    site.write("ours.pub", signify.public());
    let entry = |name: &str| format!("  - files: {name}\n    version: \"1\"\n    folder: {name}\n");
    let selection = ["tools", "inline"].map(entry).concat();
    site.write(
        "project/sealift.yaml",
        format!("schema: sealift-selection/1\nselect:\n{selection}"),
    );
    let exported = site.export("sealift.yaml", "media");
    assert_eq!(exported["artifacts"], 4, "{exported}");
    pin(
        &site,
        &[
            ("ann", "--type openpgp --from ann.asc --scope files/*".to_owned()),
            ("ours", "--type signify-key --from ours.pub --scope files/*".to_owned()),
        ],
    );
    site.import("media");
    let kind = "signed-checksums";
    for path in ["tools/1/a", "tools/1/sub/b", "tools/1/sub/a", "inline/1/a"] {
        let found = judged(&site, &format!("files/{path}"));
        assert_eq!(found[kind].0, json!({ "confirmed": "publisher" }), "{path}: {found:?}");
    }
    let placed = |name: &str| std::fs::read(site.path("en/repository/files").join(name)).unwrap();
    assert_eq!(placed("tools/1/sub/b.SHA256SUMS"), list.as_bytes());
    assert_eq!(
        placed("tools/1/a.2.SHA256SUMS.sig"),
        signify.signs(list.as_bytes()).as_bytes()
    );

    // Its author signed another text.
    site.write("project/changed/a", "changed");
    site.write("project/changed/SHA256SUMS", format!("{}  a\n", sum(b"changed")));
    site.write("project/changed/SHA256SUMS.asc", ann.signs(b"another"));
    site.write("project/next.yaml", NEXT);
    site.export("next.yaml", "next");
    let said = wrong_proof(&site, "next");
    assert!(said.contains("signed-checksums: "), "{said}");
}

/// The companions are asked for beside the address, once; what is not there is not served.
#[test]
fn signatures_are_asked_for_beside_an_address() {
    let (site, ann) = (Site::new(), Person::new("ann"));
    let bytes = b"a tool".to_vec();
    let list = format!("{}  tool.bin\n", Digest::of(&bytes).hex());
    let served: BTreeMap<String, Vec<u8>> = [
        ("/d/tool.bin", bytes.clone()),
        ("/d/tool.bin.asc", ann.signs(&bytes)),
        ("/d/SHA256SUMS", list.clone().into_bytes()),
        ("/d/SHA256SUMS.asc", ann.signs(list.as_bytes())),
        ("/bare/tool.bin", bytes.clone()),
        ("/bare/SHA256SUMS", list.clone().into_bytes()),
    ]
    .map(|(path, bytes)| (path.to_owned(), bytes))
    .into();
    let server = Server::start(move |request| match served.get(&request.path) {
        Some(bytes) => Response::ok(bytes.clone()),
        // Some hosts answer to everything with a page for people, others with 403.
        None if request.path.ends_with(".sig") => Response::ok("<html>not found</html>"),
        None if request.path.ends_with(".minisig") => Response::status(403),
        None => Response::status(404),
    });
    let entry = |name: &str, path: &str| {
        format!(
            "  - files: {name}\n    version: \"1\"\n    url: {}\n    digest: {}\n",
            server.url(path),
            Digest::of(&bytes)
        )
    };
    let selection = [entry("tools", "/d/tool.bin"), entry("bare", "/bare/tool.bin")].concat();
    site.write(
        "project/sealift.yaml",
        format!("schema: sealift-selection/1\nselect:\n{selection}"),
    );
    let planned = site.json("export --exporter ex --select project/sealift.yaml --out media --dry-run");
    assert!(planned["without_proof"].to_string().contains("bare"), "{planned}");
    site.export("sealift.yaml", "media");
    // What a host answers by an error is asked again, and nothing else.
    let asked = || server.paths().iter().filter(|path| !path.ends_with(".minisig")).count();
    let before = asked();
    site.export("sealift.yaml", "again");
    assert_eq!(asked(), before, "a second export asks nobody");
    site.write("ann.asc", ann.certificate());
    let arguments = "--type openpgp --from ann.asc --scope files/tools".to_owned();
    pin(&site, &[("ann", arguments)]);
    site.import("media");
    let listed = site.listed();
    let by_name = |name: &str| listed.iter().find(|one| one["name"] == name).unwrap();
    let states = |present: &[&str]| -> Vec<String> {
        let kinds = [
            "cms",
            "dsse",
            "minisign",
            "openpgp",
            "raw-signature",
            "signed-checksums",
            "signify",
            "sigstore",
            "sshsig",
        ];
        let state = |kind: &str| {
            if present.contains(&kind) {
                "present"
            } else {
                "not-served"
            }
        };
        kinds.iter().map(|kind| format!("{kind} {}", state(kind))).collect()
    };
    assert_eq!(kinds(by_name("tools")), states(&["openpgp", "signed-checksums"]));
    assert_eq!(kinds(by_name("bare")), states(&[]));
    let found = judged(&site, "files/tools/1/tool.bin");
    for kind in ["openpgp", "signed-checksums"] {
        assert_eq!(found[kind].0, json!({ "confirmed": "publisher" }), "{found:?}");
    }
}

#[test]
fn a_message_of_openssl_is_judged_and_checked_again_by_openssl() {
    if !has("openssl") {
        return;
    }
    let site = Site::new();
    let openssl = |line: &str| {
        let ran = Command::new("openssl")
            .args(line.split_whitespace())
            .current_dir(site.path("project"))
            .output()
            .unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    site.write("project/tools/tool", "signed by a certificate\n");
    site.write("project/changed/tool", "changed since\n");
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out certificate.pem -days 3650 -subj /CN=maker -addext extendedKeyUsage=codeSigning,emailProtection -addext keyUsage=digitalSignature",
    );
    openssl(
        "cms -sign -binary -in tools/tool -signer certificate.pem -inkey key.pem -outform DER -out tools/tool.p7s -md sha256",
    );
    let message = std::fs::read(site.path("project/tools/tool.p7s")).unwrap();
    site.write("project/changed/tool.p7s", message);
    site.write("project/sealift.yaml", SELECTION);
    site.export("sealift.yaml", "media");
    let arguments = "--type certificates --from project/certificate.pem --scope files/tools".to_owned();
    pin(&site, &[("maker", arguments)]);
    site.import("media");
    let publisher = json!({ "confirmed": "publisher" });
    expect(&site, "tool", "cms", &publisher, Some("maker"));
    let place = site.path("en/repository/files/tools/1");
    openssl(&format!(
        "cms -verify -binary -inform DER -in {0}/tool.p7s -content {0}/tool -CAfile certificate.pem -purpose any -out checked",
        place.display()
    ));
    site.write("project/next.yaml", NEXT);
    site.export("next.yaml", "next");
    let said = wrong_proof(&site, "next");
    assert!(said.contains("cms: "), "{said}");
}

/// What was made at another time with the same files is the same bundle.
#[test]
fn a_selection_with_signatures_gives_the_same_bundle_again() {
    let (site, ann) = (Site::new(), Person::new("ann"));
    site.write("project/tools/a", "a");
    site.write("project/tools/a.asc", ann.signs(b"a"));
    site.write("project/sealift.yaml", SELECTION);
    let plan = |out: &str| {
        site.json(&format!(
            "export --exporter ex --select project/sealift.yaml --out {out} --created {CREATED} --dry-run"
        ))
    };
    assert_eq!(plan("one"), plan("two"));
    assert_eq!(plan("one")["without_proof"], json!([]), "{}", plan("one"));
}
