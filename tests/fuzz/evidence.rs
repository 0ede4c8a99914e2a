//! Every kind of evidence. An input is what the artifact is called, its bytes, and the proof's objects; the anchors are all that the
//! right inputs need.

use sealift::evidence;
use sealift::model::{Anchor, Digest, IdentityPattern, Material};

use crate::driver::{Parts, Target};
use crate::seeds::{fixture, text};
use crate::{forge, maker, support, tgz};

/// When the inputs that are made here are signed.
const SIGNED: &str = "2026-11-20T12:00:00Z";

/// A day on which most of the fixtures' keys are valid.
const NOW: &str = "2027-01-01T00:00:00Z";

/// Rounds for each kind, of which there are many.
const ROUNDS: u64 = 800;

/// Pinned roots and lists are read again in every round; compressed lists of packages may keep a window.
const MAX_BYTES: usize = 128 << 20;

/// Longest reason: it may show two names of 512 bytes, each of them escaped.
const MAX_REASON: usize = 8192;

/// Kinds whose signature lies within the artifact: not each of its bytes is signed.
const WITHIN: &[&str] = &[
    "apk-signature",
    "authenticode",
    "gem-signature",
    "jar-signature",
    "nuget-signature",
    "rpm-signature",
];

pub(crate) fn targets() -> Vec<Target> {
    evidence::ALL
        .iter()
        .map(|kind| Target {
            name: format!("evidence/{}", kind.id()),
            rounds: ROUNDS,
            max_bytes: MAX_BYTES,
            seeds: Box::new(move || seeds(kind.id())),
            read: {
                let signed: Vec<Digest> = seeds(kind.id()).iter().map(|seed| Digest::of(&seed[1])).collect();
                Box::new(move |parts| read(kind.id(), parts, &signed, &anchors()))
            },
        })
        .collect()
}

fn read(kind: &str, parts: &[Vec<u8>], signed: &[Digest], anchors: &[Anchor]) {
    let [called, content, objects @ ..] = parts else { return };
    let called = String::from_utf8_lossy(called);
    let mut words = called.split('\n');
    // catalog.md §3: 1 to 512 bytes each.
    let mut word = || -> String {
        let word = words.next().unwrap_or_default();
        word.chars()
            .scan(0, |length, character| {
                *length += character.len_utf8();
                (*length <= 512).then_some(character)
            })
            .collect()
    };
    let (ecosystem, name, version, file) = (word(), word(), word(), word());
    let artifact = support::artifact(&ecosystem, &name, &version, &file, content);
    let findings = support::judge(kind, objects.to_vec(), &artifact, content, anchors, NOW);
    for finding in &findings {
        let reason = &finding.reason;
        assert!(
            !reason.is_empty() && reason.len() < MAX_REASON && !reason.contains('\n'),
            "not a line for a person: {reason:?}"
        );
        if finding.is_confirmed() && !WITHIN.contains(&kind) {
            assert!(
                signed.contains(&artifact.digest),
                "bytes that nobody signed are confirmed: {reason}"
            );
        }
    }
}

fn input(called: &str, content: &[u8], objects: &[Vec<u8>]) -> Parts {
    let mut parts = vec![called.replace(' ', "\n").into_bytes(), content.to_vec()];
    parts.extend(objects.iter().cloned());
    parts
}

/// Right input of a kind, and what belongs to others.
fn seeds(kind: &str) -> Vec<Parts> {
    let f = |path: &str| fixture(path);
    let inside = |called: &str, paths: &[&str]| -> Vec<Parts> {
        paths.iter().map(|path| input(called, &fixture(path), &[])).collect()
    };
    let tool = b"tool".as_slice();
    let mut seeds = match kind {
        "apk-signature" => inside(
            "files app 1 app.apk",
            &[
                "apk/v1-only-two-signers.apk",
                "apk/v2-only-with-ecdsa-sha256-p256.apk",
                "apk/v3-only-with-rsa-pkcs1-sha256-2048.apk",
                "apk/v1v2v3-with-rsa-2048-lineage-3-signers.apk",
            ],
        ),
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
            let (root, leaf) = forge::Holder::pair();
            let stamped = forge::detached_at(&leaf, tool, &forge::timestamper(), "2025-01-01T00:00:00Z");
            vec![
                input(
                    "files tool 1 tool",
                    tool,
                    &[forge::detached(&leaf, tool, &forge::How::default())],
                ),
                input("files tool 1 tool", tool, &[stamped]),
                input("files tool 1 tool", tool, &[root.certificate]),
            ]
        }
        "helm-provenance" => vec![input(
            "helm hashtest 1.2.3 hashtest-1.2.3.tgz",
            &f("helm/hashtest-1.2.3.tgz"),
            &[f("helm/hashtest-1.2.3.tgz.prov")],
        )],
        "cosign" => vec![input(
            "oci example.com/a latest manifest.json",
            &f("cosign/manifest.json"),
            &[f("cosign/signature")],
        )],
        "dsse" => vec![input("files x 1 x", b"", &[f("dsse/gke-gce-pre.bcid-vsa.jsonl")])],
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
                 'sha256' => '{digest}',\n    'size' => 4,\n    'isdir' => 1\n  }},\n}};\n__END__\n"
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
        "tuf" => vec![input("files tool 1 tool", tool, &[TUF_ROOT.as_bytes().to_vec()])],
        _ => Vec::new(),
    };
    if seeds.is_empty() || kind.contains("sigstore") || kind.contains("attestations") {
        seeds.extend(["message", "statement", "key", "rekor2", "forge-private"].map(|name| {
            input(
                "files a 1 a.txt",
                &fixture("sigstore/a.txt"),
                &[fixture(&format!("sigstore/{name}.sigstore.json"))],
            )
        }));
    }
    seeds
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

const TUF_ROOT: &str = r#"{"signatures":[{"keyid":"aa","sig":"00"}],"signed":{"_type":"root","spec_version":"1.0.31","version":2,"expires":"2030-01-01T00:00:00Z","consistent_snapshot":true,"keys":{"aa":{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"}}},"roles":{"root":{"keyids":["aa"],"threshold":1},"timestamp":{"keyids":["aa"],"threshold":1},"snapshot":{"keyids":["aa"],"threshold":1},"targets":{"keyids":["aa"],"threshold":1}}}}"#;

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
        Material::NpmKeys(text("sigstore/npm-keys.json")),
        Material::PublicKey(text("cosign/cosign.pub")),
        Material::PublicKey(text("dsse/vsa_signing_public_key.pem")),
        Material::PublicKey(text("sigstore/key.pub")),
        Material::PublicKey(text("sigstore/models/signing-key-pub.pem")),
        Material::Certificates(text("sigstore/models/ca-cert.pem")),
        Material::TimestampCertificates(text("notation/tsa-globalsignRoot.pem")),
        Material::TufRoot(TUF_ROOT.replace("\"version\":2", "\"version\":1")),
        Material::Identity(IdentityPattern {
            issuer: "https://issuer.example.com".to_owned(),
            subject: Some("someone@example.com".to_owned()),
            ..IdentityPattern::default()
        }),
    ];
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
