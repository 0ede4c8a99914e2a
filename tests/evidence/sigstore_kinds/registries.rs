//! Attestations as registries serve them, each with what its registry demands.

use super::*;

fn wheel() -> Artifact {
    artifact("pypi", "some-tool", "1.0", "some_tool-1.0-py3-none-any.whl", BYTES)
}

/// An attestation of PEP 740 made of a bundle.
fn attestation(bundle: &Value) -> Value {
    let material = &bundle["verificationMaterial"];
    json!({
        "version": 1,
        "verification_material": {
            "certificate": material["certificate"]["rawBytes"],
            "transparency_entries": material["tlogEntries"],
        },
        "envelope": {
            "statement": bundle["dsseEnvelope"]["payload"],
            "signature": bundle["dsseEnvelope"]["signatures"][0]["sig"],
        },
    })
}

const PYPI_PUBLISH: &str = "https://docs.pypi.org/attestations/publish/v1";

#[test]
fn pypi_takes_attestations_and_provenance_objects() {
    let bytes = fixture("pypi/pypi_attestations-0.0.19.tar.gz");
    let sdist = artifact(
        "pypi",
        "pypi-attestations",
        "0.0.19",
        "pypi_attestations-0.0.19.tar.gz",
        &bytes,
    );
    let object = fixture("pypi/pypi_attestations-0.0.19.tar.gz.provenance");
    let anchors = vec![trusted("public-trusted_root.json")];
    let findings = real("pypi-attestations", object.clone(), &sdist, &bytes, anchors.clone());
    assert!(!findings.is_empty());
    assert!(
        findings.iter().all(|finding| finding.level() == Level::Provenance),
        "{findings:?}"
    );
    let mut newer: Value = serde_json::from_slice(&object).unwrap();
    newer["version"] = 2.into();
    let newer = newer.to_string().into_bytes();
    let findings = real("pypi-attestations", newer, &sdist, &bytes, anchors.clone());
    assert_eq!(outcomes(&findings), [doubt(Doubt::UnknownFormat)]);
    let mut renamed = sdist.clone();
    renamed.file = "pypi_attestations-0.0.20.tar.gz".to_owned();
    let findings = real("pypi-attestations", object, &renamed, &bytes, anchors);
    assert!(
        findings
            .iter()
            .all(|finding| finding.outcome == wrong(Fault::SubjectDiffers))
    );
}

#[test]
fn pypi_demands_one_subject_of_that_name_and_a_known_statement() {
    let instance = Instance::new();
    let anchors = everywhere(&instance);
    let signer = instance.signer(&Named::default());
    let digests = json!({"sha256": hex::encode(forge::sha256(BYTES))});
    let of = |kind: &str, name: &str, digests: Value| {
        attestation(&instance.stated(&statement(kind, name, digests, Value::Null), &signer, SIGNED))
    };
    let judged = |object: &Value| ours("pypi-attestations", object, &wheel(), &anchors);
    let file = "some_tool-1.0-py3-none-any.whl";
    let good = of(PYPI_PUBLISH, file, digests.clone());
    expect(&judged(&good), Outcome::Confirmed(Level::Provenance));
    let bundles = json!({"version": 1, "attestation_bundles": [{"publisher": {"kind": "x"}, "attestations": [good]}]});
    expect(&judged(&bundles), Outcome::Confirmed(Level::Provenance));
    expect(
        &judged(&of(PYPI_PUBLISH, "Some.Tool-1.0-py3-none-any.whl", digests.clone())),
        Outcome::Confirmed(Level::Provenance),
    );
    let differs = wrong(Fault::SubjectDiffers);
    expect(
        &judged(&of(PYPI_PUBLISH, "some_tool-1.1-py3-none-any.whl", digests.clone())),
        differs,
    );
    expect(
        &judged(&of(PYPI_PUBLISH, file, json!({"sha256": "0".repeat(64)}))),
        differs,
    );
    expect(
        &judged(&of(PYPI_PUBLISH, file, json!({"sha512": sha512(BYTES)}))),
        wrong(Fault::Malformed),
    );
    expect(
        &judged(&of("https://spdx.dev/Document", file, digests.clone())),
        doubt(Doubt::UnknownFormat),
    );
    let mut two = statement(PYPI_PUBLISH, file, digests, Value::Null);
    let subject = two["subject"][0].clone();
    two["subject"].as_array_mut().unwrap().push(subject);
    expect(&judged(&attestation(&instance.stated(&two, &signer, SIGNED))), differs);
    let mut version = good.clone();
    version["version"] = 2.into();
    expect(&judged(&version), doubt(Doubt::UnknownFormat));
    let mut inner = bundles.clone();
    inner["attestation_bundles"][0]["attestations"][0]["version"] = 2.into();
    expect(&judged(&inner), doubt(Doubt::UnknownFormat));
    let mut unlogged = good.clone();
    unlogged["verification_material"]
        .as_object_mut()
        .unwrap()
        .remove("transparency_entries");
    expect(&judged(&unlogged), wrong(Fault::Malformed));
    let mut lines = good;
    let long = lines["envelope"]["statement"].as_str().unwrap().to_owned();
    lines["envelope"]["statement"] = format!("{}\n{}\n", &long[..76], &long[76..]).into();
    expect(&judged(&lines), Outcome::Confirmed(Level::Provenance));
}

// npm.

const NPM_PUBLISH: &str = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";

fn package() -> Artifact {
    artifact("npm", "@acme/tool", "1.0.0", "tool-1.0.0.tgz", BYTES)
}

fn registry(keys: Value) -> Anchor {
    anchor("the registry", Material::NpmKeys(json!({"keys": keys}).to_string()))
}

#[test]
fn npm_has_the_registrys_word_and_the_publishers() {
    let bytes = fixture("npm/tarballs/gundam-visor-1.0.1.tgz");
    let package = artifact("npm", "gundam-visor", "1.0.1", "gundam-visor-1.0.1.tgz", &bytes);
    let object = fixture("sigstore/npm-gundam-visor-1.0.1.json");
    let keys = anchor("the registry", Material::NpmKeys(text("npm/registry-keys.json")));
    let findings = real(
        "npm-attestations",
        object.clone(),
        &package,
        &bytes,
        vec![trusted("public-trusted_root.json"), keys.clone()],
    );
    assert_eq!(
        outcomes(&findings),
        [
            Outcome::Confirmed(Level::Registry),
            Outcome::Confirmed(Level::Provenance)
        ],
        "{findings:?}"
    );
    // Without a root, the registry's key alone decides, but it had ended and nothing proves when it signed.
    let findings = support::judge("npm-attestations", vec![object], &package, &bytes, &[keys], DAY);
    assert_eq!(
        outcomes(&findings),
        [doubt(Doubt::NoProvenTime), doubt(Doubt::NoAnchor)]
    );
}

#[test]
fn npm_demands_the_purl_the_sha512_and_the_right_signer() {
    let instance = Instance::new();
    let key = forge::key();
    let listed = |usage: &str, window: Value| {
        json!([{"keyId": "K", "keyUsage": usage, "publicKey": {
            "rawBytes": base64(forge::key_info(&key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": window}}])
    };
    let open = json!({"start": "2020-01-01T00:00:00.000Z"});
    let mut anchors = everywhere(&instance);
    anchors.push(registry(listed("npm:attestations", open.clone())));
    let digests = json!({"sha512": sha512(BYTES)});
    let purl = "pkg:npm/%40acme/tool@1.0.0";
    let published = json!({"name": "@acme/tool", "version": "1.0.0", "registry": "https://registry.example.com"});
    let publish = |purl: &str, digests: Value, predicate: Value| {
        let statement = statement(NPM_PUBLISH, purl, digests, predicate);
        let bundle = instance.stated_by_key(&statement, &key, "K", SIGNED);
        json!({"attestations": [{"predicateType": NPM_PUBLISH, "bundle": bundle}]})
    };
    let judged = |object: &Value| ours("npm-attestations", object, &package(), &anchors);
    let good = publish(purl, digests.clone(), published.clone());
    expect(&judged(&good), Outcome::Confirmed(Level::Registry));
    let differs = wrong(Fault::SubjectDiffers);
    expect(
        &judged(&publish("pkg:npm/@acme/tool@1.0.0", digests.clone(), published.clone())),
        differs,
    );
    expect(
        &judged(&publish(
            "pkg:npm/%40acme/tool@1.0.1",
            digests.clone(),
            published.clone(),
        )),
        differs,
    );
    expect(
        &judged(&publish(
            purl,
            digests.clone(),
            json!({"name": "@acme/tool", "version": "1.0.1"}),
        )),
        differs,
    );
    expect(
        &judged(&publish(purl, json!({"sha512": "0".repeat(128)}), published.clone())),
        differs,
    );
    let sha256 = json!({"sha256": hex::encode(forge::sha256(BYTES))});
    expect(
        &judged(&publish(purl, sha256, published.clone())),
        wrong(Fault::Malformed),
    );

    // Whose keys, for what, and when.
    let with = |keys: Value| {
        let mut anchors = everywhere(&instance);
        anchors.push(registry(keys));
        ours("npm-attestations", &good, &package(), &anchors)
    };
    expect(&with(listed("npm:signatures", open.clone())), doubt(Doubt::NoAnchor));
    let mut renamed = listed("npm:attestations", open.clone());
    renamed[0]["keyId"] = "L".into();
    expect(&with(renamed), doubt(Doubt::UnknownSigner));
    let mut other = listed("npm:attestations", open.clone());
    other[0]["publicKey"]["rawBytes"] = base64(forge::key_info(&forge::key())).into();
    expect(&with(other), wrong(Fault::SignatureWrong));
    let ended = json!({"start": "2020-01-01T00:00:00.000Z", "end": "2026-11-20T09:59:59.000Z"});
    expect(&with(listed("npm:attestations", ended)), wrong(Fault::NotValidThen));
    let begun = json!({"start": "2026-11-20T10:00:01.000Z"});
    expect(&with(listed("npm:attestations", begun)), wrong(Fault::NotValidThen));
    let unreadable = json!({"start": "2020", "end": "never"});
    expect(&with(listed("npm:attestations", unreadable)), doubt(Doubt::NoAnchor));
    let served = json!([{"keyid": "K", "keytype": "ecdsa-sha2-nistp256", "scheme": "ecdsa-sha2-nistp256",
        "key": base64(forge::key_info(&key)), "expires": null}]);
    let finding = with(served.clone());
    expect(&finding, Outcome::Confirmed(Level::Registry));
    assert!(finding.notes.iter().any(|note| note.contains("does not say")));
    let mut expired = served;
    expired[0]["expires"] = "2026-11-20T09:00:00.000Z".into();
    expect(&with(expired), wrong(Fault::NotValidThen));

    // The registry's statement by a person, provenance by a key, and other statements.
    let signer = instance.signer(&Named::default());
    let by_person = instance.stated(
        &statement(NPM_PUBLISH, purl, digests.clone(), published),
        &signer,
        SIGNED,
    );
    expect(&judged(&by_person), doubt(Doubt::UnknownFormat));
    let build = statement(PROVENANCE, purl, digests.clone(), json!({}));
    expect(
        &judged(&instance.stated_by_key(&build, &key, "K", SIGNED)),
        doubt(Doubt::UnknownFormat),
    );
    expect(
        &judged(&instance.stated(&build, &signer, SIGNED)),
        Outcome::Confirmed(Level::Provenance),
    );
    let sbom = statement("https://spdx.dev/Document", purl, digests, json!({}));
    expect(
        &judged(&instance.stated(&sbom, &signer, SIGNED)),
        doubt(Doubt::UnknownFormat),
    );
    // A signature over the tarball is none of this registry's.
    expect(
        &judged(&instance.signed(BYTES, &signer, SIGNED)),
        doubt(Doubt::UnknownFormat),
    );
}

// conda and RubyGems.

#[test]
fn conda_demands_the_files_name_and_nothing_but_sha256() {
    let bytes = fixture("sigstore/signed-package-2.1.0-hb0f4dca_0.conda");
    let file = "signed-package-2.1.0-hb0f4dca_0.conda";
    let package = artifact("conda", "signed-package", "2.1.0", file, &bytes);
    let list = [b"[".as_slice(), &fixture("sigstore/conda.sigstore.json"), b"]"].concat();
    let findings = real(
        "conda-attestations",
        list,
        &package,
        &bytes,
        vec![trusted("public-trusted_root.json")],
    );
    assert_eq!(
        outcomes(&findings),
        [Outcome::Confirmed(Level::Provenance)],
        "{findings:?}"
    );

    let instance = Instance::new();
    let anchors = everywhere(&instance);
    let signer = instance.signer(&Named::default());
    let package = artifact("conda", "tool", "1", "tool-1-0.conda", BYTES);
    let sha256 = hex::encode(forge::sha256(BYTES));
    const PUBLISH: &str = "https://schemas.conda.org/attestations-publish-1.schema.json";
    let judged = |kind: &str, name: &str, digests: Value| {
        let bundle = instance.stated(&statement(kind, name, digests, json!({})), &signer, SIGNED);
        ours("conda-attestations", &json!([bundle]), &package, &anchors)
    };
    let digests = json!({"sha256": sha256});
    expect(
        &judged(PUBLISH, "tool-1-0.conda", digests.clone()),
        Outcome::Confirmed(Level::Provenance),
    );
    expect(
        &judged(
            "https://schemas.conda.org/attestations/publish/v1",
            "tool-1-0.conda",
            digests.clone(),
        ),
        Outcome::Confirmed(Level::Provenance),
    );
    expect(
        &judged(PUBLISH, "tool-1-1.conda", digests.clone()),
        wrong(Fault::SubjectDiffers),
    );
    expect(
        &judged(PROVENANCE, "tool-1-0.conda", digests),
        doubt(Doubt::UnknownFormat),
    );
    let both = json!({"sha256": sha256, "sha512": sha512(BYTES)});
    expect(&judged(PUBLISH, "tool-1-0.conda", both), wrong(Fault::Malformed));
    let other = json!({"sha512": sha512(BYTES)});
    expect(&judged(PUBLISH, "tool-1-0.conda", other), wrong(Fault::Malformed));
}

#[test]
fn gems_bundles_are_repaired_in_a_copy_and_that_is_said() {
    let instance = Instance::new();
    let anchors = everywhere(&instance);
    let signer = instance.signer(&Named::default());
    let gem = artifact("rubygems", "tool", "1", "tool-1.gem", BYTES);
    let judged = |bundle: &Value| ours("rubygems-attestations", &json!([bundle]), &gem, &anchors);
    let said = |finding: &Finding, words: &str| finding.notes.iter().any(|note| note.contains(words));
    let message = instance.signed(BYTES, &signer, SIGNED);
    let finding = judged(&message);
    expect(&finding, Outcome::Confirmed(Level::Publisher));
    assert!(!said(&finding, "repaired"));
    let good = instance.stated(&provenance(), &signer, SIGNED);
    let mut kindless = good.clone();
    kindless["verificationMaterial"]["tlogEntries"][0]
        .as_object_mut()
        .unwrap()
        .remove("kindVersion");
    let finding = judged(&kindless);
    expect(&finding, Outcome::Confirmed(Level::Provenance));
    assert!(said(&finding, "repaired: the log entry's kind was missing"));
    let mut pem = good.clone();
    pem["verificationMaterial"]["certificate"]["rawBytes"] = base64(forge::pem(&[&signer])).into();
    let finding = judged(&pem);
    expect(&finding, Outcome::Confirmed(Level::Provenance));
    assert!(said(&finding, "PEM in base64"));
    // Elsewhere nothing is repaired.
    expect(&ours("sigstore", &kindless, &gem, &anchors), wrong(Fault::Malformed));
    expect(&ours("sigstore", &pem, &gem, &anchors), wrong(Fault::Malformed));
    // A key's signature is none of this registry's.
    let by_key = instance.stated_by_key(&provenance(), &forge::key(), "", SIGNED);
    expect(&judged(&by_key), doubt(Doubt::UnknownFormat));
}

// Whatever comes.
