//! One right proof of every kind, real where a fixture is at hand, and all anchors that they need: what broken input begins with, and
//! what is measured.

use std::path::Path;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::key::Signer as _;
use sealift::model::{Anchor, Digest, IdentityPattern, Material};

use crate::tgz::{self, Entry};
use crate::{forge, maker, people, support};

/// What an artifact is called (ecosystem, name, version and file, a line each), its bytes, and the objects of its proof.
pub(crate) type Parts = Vec<Vec<u8>>;

/// When the inputs that are made here are signed.
pub(crate) const SIGNED: &str = "2026-11-20T12:00:00Z";

/// A day on which most of the fixtures' keys are valid.
pub(crate) const NOW: &str = "2027-01-01T00:00:00Z";

/// A fixture.
pub(crate) fn fixture(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A fixture that is text.
pub(crate) fn text(path: &str) -> String {
    String::from_utf8(fixture(path)).unwrap()
}

fn input(called: &str, content: &[u8], objects: &[Vec<u8>]) -> Parts {
    let mut parts = vec![called.replace(' ', "\n").into_bytes(), content.to_vec()];
    parts.extend(objects.iter().cloned());
    parts
}

/// Right input of a kind, the plainest first, and then what belongs to others.
pub(crate) fn inputs(kind: &str) -> Vec<Parts> {
    let f = |path: &str| fixture(path);
    let inside = |called: &str, paths: &[&str]| -> Vec<Parts> {
        paths.iter().map(|path| input(called, &fixture(path), &[])).collect()
    };
    let tool = b"tool".as_slice();
    let mut inputs = match kind {
        "apk-signature" => inside("files app 1 app.apk", PACKAGES),
        "authenticode" => inside(
            "files tool 1 tool.exe",
            &["authenticode/signed.exe", "authenticode/nested.exe"],
        ),
        "gem-signature" => inside("rubygems solo 1.0.0 solo-1.0.0.gem", &["gem/solo.gem", "gem/chain.gem"]),
        "jar-signature" => inside(
            "maven org.example:a 1 a-1.jar",
            &["jar/rsa.jar", "jar/ec.jar", "jar/part.jar", "jar/two.jar"],
        ),
        "nuget-signature" => inside(
            "nuget testpackage.authorsigned 1.0.0 x.nupkg",
            &["nuget/TestPackage.AuthorSigned.1.0.0.nupkg"],
        ),
        "rpm-signature" => inside(
            "rpm rpm-basic 1:2.3.4-5.el9 rpm-basic.rpm",
            &["rpm/rpm-basic-with-ed25519-2.3.4-5.el9.noarch.rpm"],
        ),
        "minisign" => vec![
            input(
                "files test 1 test.txt",
                &f("minisign/test.txt"),
                &[f("minisign/test-prehashed.minisig")],
            ),
            input(
                "files test 1 test.txt",
                &f("minisign/test.txt"),
                &[f("minisign/test-legacy.minisig")],
            ),
        ],
        "signify" => vec![input(
            "files orders 1 orders.txt",
            &f("signify/orders.txt"),
            &[f("signify/orders.txt.sig")],
        )],
        "sshsig" => vec![
            input(
                "files data 1 signed-data",
                &f("sshsig/signed-data"),
                &[f("sshsig/ed25519.sig")],
            ),
            input(
                "files data 1 signed-data",
                &f("sshsig/signed-data"),
                &[f("sshsig/rsa.sig")],
            ),
        ],
        "openpgp" => vec![
            input("files tool 1 tool", tool, &[maker().sign(SIGNED, tool)]),
            input("files data 1 data", &f("openpgp/dsa.asc"), &[f("openpgp/dsa.asc")]),
        ],
        "cms" => {
            let (root, leaf) = holders();
            let stamped = forge::detached_at(leaf, tool, &forge::timestamper(), "2025-01-01T00:00:00Z");
            vec![
                input(
                    "files tool 1 tool",
                    tool,
                    &[forge::detached(leaf, tool, &forge::How::default())],
                ),
                input("files tool 1 tool", tool, &[stamped]),
                input("files tool 1 tool", tool, std::slice::from_ref(&root.certificate)),
            ]
        }
        "helm-provenance" => vec![input(
            "helm hashtest 1.2.3 hashtest-1.2.3.tgz",
            &f("helm/hashtest-1.2.3.tgz"),
            &[f("helm/hashtest-1.2.3.tgz.prov")],
        )],
        "cosign" => vec![input(
            &format!("oci {} latest manifest.json", reference(&f("cosign/signature"))),
            &f("cosign/manifest.json"),
            &[f("cosign/signature")],
        )],
        "oci-content" => vec![input("files tool 1 tool", tool, &image(tool))],
        "raw-signature" => vec![input(
            "files tool 1 tool",
            tool,
            &[STANDARD.encode(forge::sign(raw_key(), tool)).into_bytes()],
        )],
        "dsse" => vec![
            input("files x 1 x", b"", &[f("dsse/gke-gce-pre.bcid-vsa.jsonl")]),
            input("files tool 1 tool", tool, &[envelope(tool)]),
        ],
        "npm-signature" => vec![input(
            "npm async 2.5.0 async-2.5.0.tgz",
            &f("npm/tarballs/async-2.5.0.tgz"),
            &[packument()],
        )],
        "notation" => vec![
            input(
                "oci example.com/a latest manifest.json",
                b"",
                &[f("notation/ca_valid_sig_env.json")],
            ),
            input(
                "oci example.com/a latest manifest.json",
                b"",
                &[f("notation/jwsWithTimestamp.sig")],
            ),
            input("oci example.com/a latest manifest.json", b"", &[cose()]),
        ],
        "simple-signing" => vec![input(
            "oci testing/manifest latest manifest.json",
            &f("simple_signing/image.manifest.json"),
            &[f("simple_signing/image.signature")],
        )],
        "repomd" => vec![repomd()],
        "signed-checksums" => {
            let list = format!("{}  tool\n", Digest::of(tool).hex()).into_bytes();
            let lines = String::from_utf8(list.clone()).unwrap();
            vec![
                input("files tool 1 tool", tool, &[list.clone(), maker().sign(SIGNED, &list)]),
                input(
                    "files tool 1 tool",
                    tool,
                    &[maker().cleartext(SIGNED, &lines).into_bytes()],
                ),
            ]
        }
        "cpan-checksums" => {
            let digest = Digest::of(tool).hex();
            let list = format!(
                "# CHECKSUMS file written on Fri Nov 20 12:00:00 2026 GMT by CPAN::Checksums (v2.12)\n$cksum = {{\n  'tool-1.0.tar.gz' => {{\n    \
                 'cpan_path' => 'T/TO/TOOL',\n    'sha256' => '{digest}',\n    'size' => 4,\n    'isdir' => 1\n  }},\n}};\n__END__\n"
            );
            vec![input(
                "cpan TOOL/tool 1.0 tool-1.0.tar.gz",
                tool,
                &[maker().cleartext(SIGNED, &list).into_bytes()],
            )]
        }
        "npm-attestations" => vec![input(
            "npm gundam-visor 1.0.1 gundam-visor-1.0.1.tgz",
            &f("npm/tarballs/gundam-visor-1.0.1.tgz"),
            &[f("sigstore/npm-gundam-visor-1.0.1.json")],
        )],
        "pypi-attestations" => vec![input(
            "pypi pypi-attestations 0.0.19 pypi_attestations-0.0.19.tar.gz",
            &f("pypi/pypi_attestations-0.0.19.tar.gz"),
            &[f("pypi/pypi_attestations-0.0.19.tar.gz.provenance")],
        )],
        "conda-attestations" => vec![input(
            "conda signed-package 2.1.0 signed-package-2.1.0-hb0f4dca_0.conda",
            &f("sigstore/signed-package-2.1.0-hb0f4dca_0.conda"),
            &[f("sigstore/conda.sigstore.json")],
        )],
        "model-signing" => vec![
            input(
                "huggingface model 1 signme-1",
                &f("sigstore/models/signme-1"),
                &[f("sigstore/models/v1.1.0-certificate.sig")],
            ),
            input(
                "huggingface model 1 signme-1",
                &f("sigstore/models/signme-1-by-key"),
                &[f("sigstore/models/v1.0.1-elliptic-key.sig")],
            ),
        ],
        "tuf" => {
            let files = ["timestamp", "2.snapshot", "1.targets", "2.delegatedrole"];
            let objects = files.map(|name| f(&format!("tuf/{name}.json")));
            vec![
                input(
                    "files delegatedrole/artifact 1 delegatedrole/artifact",
                    &f("tuf/artifact"),
                    &objects,
                ),
                input("files tool 1 tool", tool, &[f("tuf/1.root.json")]),
            ]
        }
        "apt-release" => {
            let deb = deb();
            let list = packages(&deb).into_bytes();
            let release = release(&list);
            let within = maker().cleartext(SIGNED, &release).into_bytes();
            let apart = maker().sign(SIGNED, release.as_bytes());
            let called = "deb towel0 1:4.2-0 towel0_4.2-0_all.deb";
            vec![
                input(called, &deb, &[within, list.clone()]),
                input(called, &deb, &[release.into_bytes(), apart, list]),
            ]
        }
        "in-toto" => {
            let files = ["demo.layout", "write-code.b7d643de.link", "package.d3ffd108.link"];
            let objects = files.map(|name| f(&format!("in-toto/{name}")));
            vec![input("files foo 1 foo.tar.gz", tool, &objects)]
        }
        "sumdb" => {
            let file = |name: &str| f(&format!("sumdb/module/{name}"));
            let objects: Vec<_> = std::iter::once(file("lookup"))
                .chain((0..7).map(|place| file(&format!("tile{place}"))))
                .collect();
            let called = |ending: &str| format!("golang rsc.io/quote v1.5.2 v1.5.2.{ending}");
            let real = ["zip", "mod"].map(|ending| input(&called(ending), &file(&format!("quote.{ending}")), &objects));
            [vec![module()], real.to_vec()].concat()
        }
        _ => Vec::new(),
    };
    if inputs.is_empty() || kind.contains("sigstore") || kind.contains("attestations") {
        inputs.extend(["message", "statement", "key", "rekor2", "forge-private"].map(|name| {
            input(
                "files a 1 a.txt",
                &fixture("sigstore/a.txt"),
                &[fixture(&format!("sigstore/{name}.sigstore.json"))],
            )
        }));
    }
    inputs
}

/// The name that a signature of cosign's is about.
fn reference(attachment: &[u8]) -> String {
    let json = attachment.strip_prefix(b"\0sigstore-json\n").unwrap();
    let attachment: serde_json::Value = serde_json::from_slice(json).unwrap();
    let payload = STANDARD.decode(attachment["payload"].as_str().unwrap()).unwrap();
    let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    let reference = &payload["critical"]["identity"]["docker-reference"];
    reference.as_str().unwrap().to_owned()
}

/// Android packages; the newest scheme first.
const PACKAGES: &[&str] = &[
    "apk/v3-only-with-rsa-pkcs1-sha256-2048.apk",
    "apk/v2-only-with-ecdsa-sha256-p256.apk",
    "apk/v1-only-two-signers.apk",
    "apk/v1v2v3-with-rsa-2048-lineage-3-signers.apk",
];

/// The certificates that lie plainly in some bytes, with a length of two bytes, as those of real keys have.
fn certificates_inside(bytes: &[u8]) -> Vec<Vec<u8>> {
    use der::{Decode as _, Encode as _};

    let mut found: Vec<Vec<u8>> = Vec::new();
    for start in 0..bytes.len().saturating_sub(4) {
        if bytes[start..start + 2] != [0x30, 0x82] {
            continue;
        }
        let length = usize::from(u16::from_be_bytes([bytes[start + 2], bytes[start + 3]])) + 4;
        let Some(der) = bytes.get(start..start + length) else {
            continue;
        };
        let whole = x509_cert::Certificate::from_der(der).and_then(|certificate| certificate.to_der());
        if whole.is_ok_and(|whole| whole == der) && !found.iter().any(|other| other == der) {
            found.push(der.to_vec());
        }
    }
    found
}

/// A root, and one whom it certified.
fn holders() -> &'static (forge::Holder, forge::Holder) {
    static HOLDERS: OnceLock<(forge::Holder, forge::Holder)> = OnceLock::new();
    HOLDERS.get_or_init(forge::Holder::pair)
}

fn maker() -> maker::Maker {
    maker::Maker::new(1, "2020-01-01T00:00:00Z")
}

/// The document that the kind reads, of one version.
fn packument() -> Vec<u8> {
    let version: serde_json::Value = serde_json::from_slice(&fixture("npm/dist/async-2.5.0.json")).unwrap();
    serde_json::json!({
        "name": "async", "versions": {"2.5.0": version}, "time": {"2.5.0": "2017-06-25T00:00:00.000Z"},
    })
    .to_string()
    .into_bytes()
}

fn repomd() -> Parts {
    let package = b"package".as_slice();
    let list = format!(
        "<?xml version=\"1.0\"?>\n<metadata packages=\"1\"><package type=\"rpm\"><name>tool</name><arch>noarch</arch>\
         <version epoch=\"1\" ver=\"1.2\" rel=\"3\"/><checksum type=\"sha256\" pkgid=\"YES\">{}</checksum><location href=\"tool.rpm\"/>\
         </package></metadata>\n",
        Digest::of(package).hex()
    );
    let list = tgz::gzip(list.as_bytes());
    let index = format!(
        "<?xml version=\"1.0\"?>\n<repomd><revision>1700000000</revision><data type=\"primary\"><checksum type=\"sha256\">{}</checksum>\
         <location href=\"repodata/primary.xml.gz\"/></data></repomd>\n",
        Digest::of(&list).hex()
    );
    let signature = maker().sign(SIGNED, index.as_bytes());
    input(
        "rpm tool 1:1.2-3 tool.rpm",
        package,
        &[index.into_bytes(), signature, list],
    )
}

/// The manifest of an image with one layer, and cosign's signature over it: a manifest of its own, and its payload.
fn image(layer: &[u8]) -> Vec<Vec<u8>> {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let blob = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes).to_string();
        serde_json::json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    };
    let manifest = |layer: &serde_json::Value| {
        let config = blob("application/vnd.oci.image.config.v1+json", b"{}");
        let manifest =
            serde_json::json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        manifest.to_string().into_bytes()
    };
    let image = manifest(&blob("application/vnd.oci.image.layer.v1.tar", layer));
    let payload = serde_json::json!({"critical": {
        "identity": {"docker-reference": "registry.example.com/tool"},
        "image": {"docker-manifest-digest": Digest::of(&image).to_string()},
        "type": "cosign container image signature",
    }});
    let payload = payload.to_string().into_bytes();
    let mut signed = blob("application/vnd.dev.cosign.simplesigning.v1+json", &payload);
    let signature = STANDARD.encode(people::key(41).sign(&payload).unwrap());
    signed["annotations"] = serde_json::json!({"dev.cosignproject.cosign/signature": signature});
    vec![image, manifest(&signed), payload]
}

/// An envelope of COSE_Sign1 (RFC 9052 §4.2) with the headers that Notation has, and a signature that is none.
fn cose() -> Vec<u8> {
    let head = |major: u8, length: usize| match length {
        0..24 => vec![major << 5 | length as u8],
        24..256 => vec![major << 5 | 24, length as u8],
        _ => [&[major << 5 | 25][..], &(length as u16).to_be_bytes()].concat(),
    };
    let bytes = |content: &[u8]| [head(2, content.len()), content.to_vec()].concat();
    let text = |content: &str| [head(3, content.len()), content.as_bytes().to_vec()].concat();
    let payload = "{\"targetArtifact\":{\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\
                   \"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":0}}";
    let certificate = forge::Holder::alone(&forge::Says::default()).certificate;
    let protected = [
        head(5, 5),
        vec![1, 0x26, 2, 0x81],
        text("io.cncf.notary.signingScheme"),
        vec![3],
        text("application/vnd.cncf.notary.payload.v1+json"),
        text("io.cncf.notary.signingScheme"),
        text("notary.x509"),
        text("io.cncf.notary.signingTime"),
        vec![0xc1, 0x1a, 0x69, 0, 0, 0],
    ]
    .concat();
    let unprotected = [head(5, 1), vec![0x18, 33, 0x81], bytes(&certificate)].concat();
    [
        vec![0xd2, 0x84],
        bytes(&protected),
        unprotected,
        bytes(payload.as_bytes()),
        bytes(&[1; 64]),
    ]
    .concat()
}

fn raw_key_pem() -> String {
    let info = STANDARD.encode(forge::key_info(raw_key()));
    format!("-----BEGIN PUBLIC KEY-----\n{info}\n-----END PUBLIC KEY-----\n")
}

/// The key of `cosign sign-blob`.
fn raw_key() -> &'static aws_lc_rs::signature::EcdsaKeyPair {
    static KEY: OnceLock<aws_lc_rs::signature::EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(forge::key)
}

/// An envelope of a bare key around provenance of some bytes.
fn envelope(about: &[u8]) -> Vec<u8> {
    const TYPE: &str = "application/vnd.in-toto+json";
    let statement = serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{"name": "tool", "digest": {"sha256": Digest::of(about).hex()}}],
        "predicate": {"runDetails": {"builder": {"id": "https://builder.example.com/1"}}},
    });
    let payload = statement.to_string().into_bytes();
    let signature = people::key(41)
        .sign(&sealift::crypto::dsse::pae(TYPE, &payload))
        .unwrap();
    let signatures = serde_json::json!([{"keyid": "", "sig": STANDARD.encode(signature)}]);
    serde_json::json!({"payloadType": TYPE, "payload": STANDARD.encode(&payload), "signatures": signatures})
        .to_string()
        .into_bytes()
}

/// The checksum database's name and key.
const DATABASE: &str = "sum.example.com";

/// The key as a note names it, and its number.
fn database_key() -> (Vec<u8>, [u8; 4]) {
    let key = [&[1][..], people::key(40).public().bytes()].concat();
    let digest = forge::sha256(&[DATABASE.as_bytes(), b"\n", &key].concat());
    (key, [digest[0], digest[1], digest[2], digest[3]])
}

fn note_key() -> String {
    let (key, number) = database_key();
    format!("{DATABASE}+{}+{}", hex::encode(number), STANDARD.encode(key))
}

/// A module, the database's answer about it, and the one tile of a tree of one record (golang.org/x/mod/sumdb/tlog).
fn module() -> Parts {
    let file = b"module example.com/m\n".as_slice();
    let name = "example.com/m@v1.0.0/go.mod";
    let h1 = |listed: &str| {
        STANDARD.encode(forge::sha256(
            format!("{}  {listed}\n", hex::encode(forge::sha256(file))).as_bytes(),
        ))
    };
    let record = format!(
        "example.com/m v1.0.0 h1:{}\nexample.com/m v1.0.0/go.mod h1:{}\n",
        h1(name),
        h1("go.mod")
    );
    let leaf = forge::sha256(&[b"\0", record.as_bytes()].concat());
    let head = format!("go.sum database tree\n1\n{}\n", STANDARD.encode(&leaf));
    let signature = [
        database_key().1.to_vec(),
        people::key(40).sign(head.as_bytes()).unwrap(),
    ]
    .concat();
    let answer = format!(
        "0\n{record}\n{head}\n\u{2014} {DATABASE} {}\n",
        STANDARD.encode(signature)
    );
    let zip = forge::archive(&[(name, file)]);
    input("go example.com/m v1.0.0 v1.0.0.zip", &zip, &[answer.into_bytes(), leaf])
}

/// All that the right inputs need, pinned for everything.
pub(crate) fn anchors() -> Vec<Anchor> {
    let mut materials = vec![
        maker().material(),
        support::certificates(&fixture("openpgp/dsa-key.asc")),
        support::certificates(&fixture("helm/helm-test-key.pub")),
        support::certificates(&fixture("rpm/rpm-testkey-v4-ed25519.asc")),
        support::certificates(&fixture("simple_signing/public-key.gpg")),
        Material::MinisignKey(text("minisign/test.pub")),
        Material::SignifyKey(text("signify/regresskey.pub")),
        Material::AllowedSigners(format!(
            "a@example.com namespaces=\"unittest\" {}",
            text("sshsig/ed25519.pub")
        )),
        Material::AllowedSigners(format!(
            "b@example.com namespaces=\"unittest\" {}",
            text("sshsig/rsa.pub")
        )),
        Material::NpmKeys(text("npm/registry-keys.json")),
        Material::PublicKey(text("cosign/cosign.pub")),
        Material::PublicKey(text("in-toto/alice.pub")),
        Material::PublicKey(text("dsse/vsa_signing_public_key.pem")),
        Material::PublicKey(people::key(41).public().to_pem()),
        Material::PublicKey(raw_key_pem()),
        Material::PublicKey(text("sigstore/key.pub")),
        Material::PublicKey(text("sigstore/models/signing-key-pub.pem")),
        Material::Certificates(text("sigstore/models/ca-cert.pem")),
        Material::TimestampCertificates(text("notation/tsa-globalsignRoot.pem")),
        Material::Certificates(forge::pem(&[&holders().0])),
        Material::TufRoot(text("tuf/1.root.json")),
        Material::NoteKey(note_key()),
        Material::NoteKey(text("sumdb/module/database.vkey")),
        Material::PublicKey(text("in-toto/alice.pub")),
        Material::Identity(IdentityPattern {
            issuer: "https://issuer.example.com".to_owned(),
            subject: Some("someone@example.com".to_owned()),
            ..IdentityPattern::default()
        }),
    ];
    for package in PACKAGES {
        let certificates = certificates_inside(&fixture(package));
        let certificates: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
        if !certificates.is_empty() {
            materials.push(Material::Certificates(forge::pem_of(&certificates)));
        }
    }
    let certificates = certificates_inside(&fixture("nuget/TestPackage.AuthorSigned.1.0.0.nupkg"));
    let certificates: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
    materials.push(Material::Certificates(forge::pem_of(&certificates)));
    materials.push(Material::TimestampCertificates(forge::pem_of(&certificates)));
    for name in ["public", "rekor2", "key", "forge"] {
        materials.push(Material::SigstoreRoot(text(&format!(
            "sigstore/{name}-trusted_root.json"
        ))));
    }
    for name in [
        "authenticode/signer.pem",
        "gem/root.pem",
        "gem/solo.pem",
        "jar/rsa.pem",
        "jar/ec.pem",
        "notation/NotationTestRoot.pem",
        "notation/TestTimestamp.crt",
    ] {
        materials.push(Material::Certificates(text(name)));
    }
    materials
        .into_iter()
        .enumerate()
        .map(|(index, material)| support::anchor(&format!("anchor-{index}"), material))
        .collect()
}

/// A package of Debian's form.
pub(crate) fn deb() -> Vec<u8> {
    let control = "Package: towel0\nVersion: 1:4.2-0\nArchitecture: all\n";
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", tgz::tgz(&[Entry::file("./control", control)])),
        ("data.tar.gz", tgz::tgz(&[Entry::file("./usr/share/towel", "x")])),
    ] {
        bytes.extend(
            format!(
                "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                0,
                0,
                0,
                100_644,
                content.len()
            )
            .into_bytes(),
        );
        bytes.extend(&content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

/// A list of packages, of which the first has these bytes.
pub(crate) fn packages(first: &[u8]) -> String {
    let digest = Digest::of(first).hex();
    let size = first.len();
    (0..3)
        .map(|number| {
            format!(
                "Package: towel{number}\nVersion: 1:4.2-{number}\nArchitecture: all\nFilename: pool/t/towel_{number}_all.deb\nSize: {size}\n\
                 Description: one\n two\n .\n\tthree\nSHA256: {digest}\n\n"
            )
        })
        .collect()
}

/// A signed index's text, with this list.
pub(crate) fn release(list: &[u8]) -> String {
    let digest = Digest::of(list).hex();
    let size = list.len();
    format!(
        "Origin: Example\nLabel: Example\nSuite: stable\nCodename: towel\nDate: Fri, 20 Nov 2026 12:00:00 UTC\n\
         Valid-Until: Fri, 05 Feb 2027 12:00:00 UTC\nArchitectures: amd64 all\nComponents: main\nSHA256:\n {digest} {size} main/binary-amd64/Packages\n \
         {digest} 99 main/binary-amd64/Packages.xz\n"
    )
}
