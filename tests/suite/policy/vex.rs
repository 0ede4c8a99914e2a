//! VEX documents, read. All are made for these tests.

use sealift::model::Digest;
use sealift::policy::{MAX_VEX_BYTES, MAX_VEX_CLAIMS, VexDocument, VexError, VexProduct, VexStatement, VexStatus};
use serde_json::{Value, json};

fn read(document: &Value) -> Result<VexDocument, VexError> {
    VexDocument::read(document.to_string().as_bytes())
}

fn openvex() -> Value {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://vex.example.com/1",
        "author": "Acme",
        "timestamp": "2026-11-01T10:00:00.5+02:00",
        "version": 1,
        "statements": [{
            "vulnerability": { "@id": "https://example.com/CVE-1", "name": "CVE-1", "aliases": ["GHSA-1"] },
            "products": [{ "@id": "pkg:npm/left-pad@1.3.0" }],
            "status": "not_affected",
            "justification": "vulnerable_code_not_present",
        }],
    })
}

fn csaf() -> Value {
    json!({
        "document": {
            "category": "csaf_vex", "csaf_version": "2.0", "title": "Acme",
            "tracking": { "id": "ACME-1", "status": "final", "version": "1", "current_release_date": "2026-11-01T08:00:00.000Z" },
        },
        "product_tree": {
            "branches": [{
                "category": "vendor", "name": "Acme",
                "branches": [{
                    "category": "product_version", "name": "1.3.0",
                    "product": { "name": "left-pad 1.3.0", "product_id": "P-1",
                        "product_identification_helper": { "purl": "pkg:npm/left-pad@1.3.0" } },
                }, {
                    "category": "product_version_range", "name": "vers:npm/>=1.0.0|<1.3.0",
                    "product": { "name": "left-pad 1", "product_id": "P-2",
                        "product_identification_helper": { "purl": "pkg:npm/left-pad" } },
                }],
            }],
            "full_product_names": [{ "name": "Plant", "product_id": "P-3" }],
            "relationships": [{ "category": "default_component_of", "product_reference": "P-1", "relates_to_product_reference": "P-3",
                "full_product_name": { "name": "left-pad in Plant", "product_id": "P-4" } }],
            "product_groups": [{ "group_id": "G-1", "product_ids": ["P-1", "P-2"] }],
        },
        "vulnerabilities": [{
            "cve": "CVE-1",
            "ids": [{ "system_name": "GitHub", "text": "GHSA-1" }],
            "product_status": { "known_not_affected": ["P-1", "P-3", "P-4"], "fixed": ["P-2"] },
            "flags": [{ "label": "vulnerable_code_not_present", "group_ids": ["G-1"] }],
        }],
    })
}

fn cyclonedx() -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 2,
        "serialNumber": "urn:uuid:00000000-0000-4000-8000-000000000000",
        "metadata": { "timestamp": "2026-11-01T08:00:00Z", "component": { "bom-ref": "own", "purl": "pkg:npm/app@1.0.0", "type": "application", "name": "app" } },
        "components": [{ "bom-ref": "one", "purl": "pkg:npm/left-pad@1.3.0", "type": "library", "name": "left-pad" }],
        "vulnerabilities": [{
            "id": "CVE-1", "references": [{ "id": "GHSA-1" }],
            "analysis": { "state": "not_affected", "justification": "code_not_present" },
            "affects": [{ "ref": "one" }, { "ref": "pkg:npm/right-pad@1.0.0" }, { "ref": "elsewhere" }],
        }],
    })
}

fn one(document: &Value) -> VexStatement {
    let mut read = read(document).unwrap();
    assert_eq!(read.statements.len(), 1);
    read.statements.remove(0)
}

#[test]
fn every_format_says_what_it_says() {
    let plain = |purl: &str| VexProduct {
        purl: purl.to_owned(),
        range: None,
        sha256: None,
        is_narrow: false,
    };
    let first = VexStatement {
        names: vec!["CVE-1".to_owned(), "GHSA-1".to_owned()],
        status: VexStatus::NotAffected,
        justification: Some("vulnerable_code_not_present".to_owned()),
        time: "2026-11-01T08:00:00Z".parse().unwrap(),
        products: vec![plain("pkg:npm/left-pad@1.3.0")],
    };
    assert_eq!(one(&openvex()), first);
    let cyclonedx = one(&cyclonedx());
    assert_eq!(cyclonedx.products[1], plain("pkg:npm/right-pad@1.0.0"));
    assert_eq!(
        (cyclonedx.products.len(), &cyclonedx.products[0]),
        (2, &first.products[0])
    );
    assert_eq!(
        (cyclonedx.names, cyclonedx.justification),
        (first.names.clone(), first.justification.clone())
    );
    let csaf = read(&csaf()).unwrap();
    assert_eq!((csaf.id.as_str(), csaf.format), ("ACME-1", "CSAF VEX"));
    let [fixed, prose, labelled] = csaf.statements.try_into().unwrap();
    assert_eq!(labelled, first);
    assert!(labelled.lowers());
    assert_eq!(fixed.status, VexStatus::Fixed);
    assert!(fixed.lowers() && fixed.products[0].range.is_some() && !fixed.products[0].is_narrow);
    // Without a flag nothing is lowered; and what is a part of something is not that part by itself.
    assert!(!prose.lowers());
    assert_eq!(prose.products.len(), 1);
    assert!(prose.products[0].is_narrow);
}

#[test]
fn a_document_of_the_first_version_is_read() {
    let mut old = openvex();
    old["@context"] = json!("https://openvex.dev/ns");
    old["version"] = json!("1");
    old["statements"][0]["vulnerability"] = json!("CVE-1");
    old["statements"][0]["products"] = json!(["pkg:npm/left-pad@1.3.0", "git"]);
    let said = one(&old);
    assert_eq!((said.names, said.products.len()), (vec!["CVE-1".to_owned()], 1));
    assert!(!said.products[0].is_narrow);
    old["statements"][0]["subcomponents"] = json!(["pkg:npm/x@1"]);
    assert!(one(&old).products[0].is_narrow);
}

#[test]
fn the_latest_time_that_is_stated_counts() {
    let time = |document: &Value| one(document).time.to_string();
    let mut document = openvex();
    document["last_updated"] = json!("2026-11-02T00:00:00Z");
    assert_eq!(time(&document), "2026-11-02T00:00:00Z");
    document["statements"][0]["timestamp"] = json!("2026-10-01T00:00:00Z");
    assert_eq!(time(&document), "2026-10-01T00:00:00Z");
    document["statements"][0]["last_updated"] = json!("2026-10-02T00:00:00Z");
    assert_eq!(time(&document), "2026-10-02T00:00:00Z");
    let mut document = cyclonedx();
    document["vulnerabilities"][0]["updated"] = json!("2026-10-01T00:00:00Z");
    assert_eq!(time(&document), "2026-10-01T00:00:00Z");
    document["vulnerabilities"][0]["analysis"]["lastUpdated"] = json!("2026-10-03T00:00:00Z");
    assert_eq!(time(&document), "2026-10-03T00:00:00Z");
}

#[test]
fn a_product_is_narrow_where_it_is_less_or_more_than_the_package() {
    let sha256 = Digest::of(b"x");
    let hex = sha256.hex();
    let product = |product: Value| {
        let mut document = openvex();
        document["statements"][0]["products"] = json!([product]);
        one(&document).products.remove(0)
    };
    let id = "pkg:npm/left-pad@1.3.0";
    let again = product(json!({ "@id": id, "identifiers": { "purl": id } }));
    assert!(!again.is_narrow && again.purl == id);
    let named = product(json!({ "@id": "https://example.com/x", "identifiers": { "purl": id } }));
    assert!(!named.is_narrow && named.purl == id);
    let digest = product(json!({ "@id": id, "hashes": { "sha-256": hex, "md5": "0" } }));
    assert_eq!((digest.sha256, digest.is_narrow), (Some(sha256), false));
    for narrow in [
        json!({ "@id": id, "subcomponents": [{ "@id": "pkg:npm/x@1" }] }),
        json!({ "@id": id, "hashes": { "md5": "0" } }),
        json!({ "@id": id, "hashes": { "sha-256": "0" } }),
        json!({ "@id": id, "hashes": { "md5": hex } }),
        json!({ "@id": id, "identifiers": { "purl": "pkg:npm/left-pad@1.2.0" } }),
    ] {
        assert!(product(narrow.clone()).is_narrow, "{narrow}");
    }
    // The digest is that of SHA-256; another one says of which bytes, and nobody here knows them.
    let hashed = |alg: &str| {
        let mut document = cyclonedx();
        document["components"][0]["hashes"] = json!([{ "alg": alg, "content": hex }]);
        one(&document).products.remove(0)
    };
    assert_eq!(
        (hashed("SHA-256").sha256, hashed("SHA-256").is_narrow),
        (Some(sha256), false)
    );
    assert_eq!((hashed("SHA3-256").sha256, hashed("SHA3-256").is_narrow), (None, true));
    let hashed = |algorithm: &str| {
        let mut document = csaf();
        let helper =
            &mut document["product_tree"]["branches"][0]["branches"][0]["product"]["product_identification_helper"];
        helper["hashes"] = json!([{ "filename": "x", "file_hashes": [{ "algorithm": algorithm, "value": hex }] }]);
        let statements = read(&document).unwrap().statements;
        let products = statements.into_iter().flat_map(|statement| statement.products);
        // As a part of another product it is narrow in any case.
        let whole = products
            .filter(|product| product.purl == id)
            .min_by_key(|product| product.is_narrow);
        whole.unwrap()
    };
    assert_eq!(
        (hashed("sha256").sha256, hashed("sha256").is_narrow),
        (Some(sha256), false)
    );
    assert_eq!((hashed("sha3-256").sha256, hashed("sha3-256").is_narrow), (None, true));
    let mut ranged = cyclonedx();
    ranged["vulnerabilities"][0]["affects"] = json!([{ "ref": "one", "versions": [{ "range": "vers:npm/*" }] }]);
    assert!(one(&ranged).products[0].is_narrow);
    let mut unread = csaf();
    unread["product_tree"]["branches"][0]["branches"][1]["name"] = json!("all of them");
    assert!(read(&unread).unwrap().statements[0].products[0].is_narrow);
}

#[test]
fn only_reasons_about_the_code_itself_lower() {
    let lowers = |status: &str, justification: Value| {
        let mut document = openvex();
        document["statements"][0]["status"] = json!(status);
        document["statements"][0]["justification"] = justification;
        one(&document).lowers()
    };
    for good in [
        "component_not_present",
        "inline_mitigations_already_exist",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_not_present",
    ] {
        assert!(lowers("not_affected", json!(good)), "{good}");
        assert!(!lowers("under_investigation", json!(good)) && !lowers("affected", json!(good)));
    }
    assert!(lowers("fixed", Value::Null));
    assert!(!lowers("not_affected", Value::Null) && !lowers("not_affected", json!("we are sure")));
    for (state, why, expected) in [
        ("not_affected", json!("code_not_reachable"), true),
        ("not_affected", json!("requires_environment"), false),
        ("not_affected", json!("protected_at_perimeter"), false),
        ("false_positive", Value::Null, false),
        ("resolved", Value::Null, true),
        ("in_triage", json!("code_not_present"), false),
        ("exploitable", json!("code_not_present"), false),
    ] {
        let mut document = cyclonedx();
        document["vulnerabilities"][0]["analysis"] = json!({ "state": state, "justification": why });
        assert_eq!(one(&document).lowers(), expected, "{state} {why}");
    }
}

#[test]
fn a_product_on_two_sides_counts_on_the_worse_one() {
    for worse in [
        "known_affected",
        "first_affected",
        "last_affected",
        "under_investigation",
    ] {
        let mut document = csaf();
        document["vulnerabilities"][0]["product_status"][worse] = json!(["P-1", "P-2"]);
        let statements = read(&document).unwrap().statements;
        let mut lowering = statements.iter().filter(|statement| statement.lowers());
        assert!(
            lowering.all(|statement| statement.products.is_empty()),
            "{worse}: {statements:?}"
        );
        assert_eq!(statements[0].products.len(), 2);
    }
    let mut draft = csaf();
    draft["document"]["tracking"]["status"] = json!("draft");
    assert_eq!(read(&draft).unwrap().statements, []);
    draft["document"]["tracking"]["status"] = json!("interim");
    assert_eq!(read(&draft).unwrap().statements.len(), 3);
}

#[test]
fn what_is_no_document_is_refused() {
    let changed = |document: fn() -> Value, change: fn(&mut Value)| {
        let mut document = document();
        change(&mut document);
        document
    };
    for (index, wrong) in [
        json!({}),
        json!([]),
        json!({ "document": { "title": "x" } }),
        changed(openvex, |document| {
            document["@context"] = json!("https://example.com/ns/v0.2.0")
        }),
        changed(openvex, |document| {
            document["@context"] = json!("https://openvex.dev/nse")
        }),
        changed(openvex, |document| {
            document["@context"] = json!(["https://openvex.dev/ns/v0.2.0"])
        }),
        changed(openvex, |document| document["timestamp"] = json!("yesterday")),
        changed(openvex, |document| document["@id"] = json!("")),
        changed(openvex, |document| {
            document["statements"][0]["status"] = json!("harmless")
        }),
        changed(openvex, |document| {
            document["statements"][0]["vulnerability"] = json!({})
        }),
        changed(openvex, |document| {
            document["statements"][0]["vulnerability"]["aliases"] = json!(vec!["x"; 0])
        }),
        changed(csaf, |document| {
            document["document"]["category"] = json!("csaf_security_advisory")
        }),
        changed(csaf, |document| document["document"]["csaf_version"] = json!("1.2")),
        changed(csaf, |document| {
            document["document"]["tracking"]["current_release_date"] = json!("2026")
        }),
        changed(csaf, |document| {
            document["vulnerabilities"][0]["product_status"]["fixed"] = json!(["P-9"])
        }),
        changed(csaf, |document| {
            let names = document["product_tree"]["full_product_names"].as_array_mut().unwrap();
            names.push(json!({ "name": "x", "product_id": "P-1" }));
        }),
        changed(csaf, |document| {
            document["vulnerabilities"][0]["cve"] = Value::Null;
            document["vulnerabilities"][0]["ids"] = json!([]);
        }),
        changed(cyclonedx, |document| document["bomFormat"] = json!("SPDX")),
        changed(cyclonedx, |document| document["metadata"]["timestamp"] = Value::Null),
        changed(cyclonedx, |document| {
            document["components"][0]["bom-ref"] = json!("own")
        }),
        changed(cyclonedx, |document| {
            document["components"][0]["components"] = json!([{ "bom-ref": "own", "purl": "pkg:npm/within@1.0.0" }])
        }),
    ]
    .into_iter()
    .enumerate()
    {
        // The one that takes aliases away stays a document.
        assert_eq!(read(&wrong).is_ok(), index == 10, "{index}: {wrong}");
    }
    assert!(matches!(
        read(&json!({ "document": { "title": "x" } })),
        Err(VexError::Unknown)
    ));
    let twice = openvex()
        .to_string()
        .replacen("\"status\"", "\"status\":\"fixed\",\"status\"", 1);
    assert!(matches!(VexDocument::read(twice.as_bytes()), Err(VexError::Format(_))));
    let long = vec![b' '; MAX_VEX_BYTES + 1];
    assert!(matches!(VexDocument::read(&long), Err(VexError::TooLong { .. })));
    let mut many = openvex();
    many["statements"][0]["products"] = json!(vec!["pkg:npm/x@1"; MAX_VEX_CLAIMS + 1]);
    assert!(matches!(read(&many), Err(VexError::TooMany)));
    // One product with many addresses, said over and over.
    let claims = |times: usize| {
        let mut many = csaf();
        let addresses: Vec<String> = (0..100).map(|number| format!("pkg:npm/x{number}@1")).collect();
        many["product_tree"]["full_product_names"][0]["product_identification_helper"] = json!({ "purls": addresses });
        many["vulnerabilities"][0]["product_status"] = json!({ "known_affected": vec!["P-3"; times] });
        many["vulnerabilities"][0]["flags"] = json!([]);
        read(&many)
    };
    assert!(claims(MAX_VEX_CLAIMS / 100).is_ok());
    assert!(matches!(claims(MAX_VEX_CLAIMS / 100 + 1), Err(VexError::TooMany)));
    let mut many = csaf();
    let group: Vec<Value> = (0..500).map(|_| json!("P-1")).collect();
    many["product_tree"]["product_groups"][0]["product_ids"] = json!(group);
    many["vulnerabilities"][0]["flags"][0]["group_ids"] = json!(vec!["G-1"; 500]);
    assert!(matches!(read(&many), Err(VexError::TooMany)));
}

#[test]
fn names_texts_and_addresses_are_bounded() {
    let named = |aliases: Vec<String>| {
        let mut document = openvex();
        document["statements"][0]["vulnerability"]["aliases"] = json!(aliases);
        read(&document).map(|document| document.statements[0].names.len())
    };
    let numbered = |count: usize| (0..count).map(|number| format!("GHSA-{number}")).collect();
    assert_eq!(named(numbered(99)).unwrap(), 100);
    assert!(matches!(named(numbered(100)), Err(VexError::Field { .. })));
    // A name counts once, however often it stands there.
    assert_eq!(named(vec!["CVE-1".to_owned(); 200]).unwrap(), 1);

    for field in [
        "/@id",
        "/statements/0/justification",
        "/statements/0/vulnerability/name",
    ] {
        let long = |length: usize| {
            let mut document = openvex();
            *document.pointer_mut(field).unwrap() = json!("x".repeat(length));
            read(&document)
        };
        assert!(long(1000).is_ok(), "{field}");
        assert!(matches!(long(1001), Err(VexError::Field { .. })), "{field}");
    }

    let addressed = |own: usize, of_part: usize| {
        let purls = |count: usize| json!({ "purls": vec!["pkg:npm/left-pad@1.3.0"; count] });
        let mut document = csaf();
        let tree = &mut document["product_tree"];
        tree["branches"][0]["branches"][0]["product"]["product_identification_helper"] = purls(own);
        tree["relationships"][0]["full_product_name"]["product_identification_helper"] = purls(of_part);
        read(&document)
    };
    assert!(addressed(100, 0).is_ok() && addressed(60, 40).is_ok() && addressed(0, 100).is_ok());
    for (own, of_part, expected) in [(101, 0, "purls"), (0, 101, "purls"), (60, 41, "relationships")] {
        match addressed(own, of_part) {
            Err(VexError::Field { field, .. }) => assert_eq!(field, expected),
            told => panic!("{own} {of_part}: {told:?}"),
        }
    }
}
