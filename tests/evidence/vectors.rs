//! Published vectors of `12-vectors`, against the functions by which everything else verifies and writes.

use std::collections::BTreeMap;

use sealift::crypto::foreign::{ForeignKey, Hash, Scheme};
use sealift::crypto::strict_json::{self, JsonError};
use serde_json::Value;

use crate::data::{Judged, Row};

/// Judges a row.
pub(crate) fn collection(row: &Row) -> Judged {
    if let Some(name) = row.case.strip_prefix("jcs/") {
        return Judged::Answer(canonical(row, name));
    }
    let scheme = match row.case.as_str() {
        "wycheproof/ed25519_test" => Scheme::Ed25519,
        "wycheproof/ecdsa_secp256r1_sha256_test" => Scheme::Ecdsa,
        "wycheproof/rsa_signature_2048_sha256_test" => Scheme::RsaPkcs1(Hash::Sha256),
        case => panic!("a new row: {case}"),
    };
    signatures(&row.why, &row.text(&format!("{}.json", row.case)), scheme);
    Judged::Answer(Ok(()))
}

/// Every signature comes out as its `result` says: what is only acceptable may be refused, and here is.
fn signatures(why: &str, suite: &str, scheme: Scheme) {
    let suite: Value = serde_json::from_str(suite).unwrap();
    let bytes = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut differing = Vec::new();
    for group in suite["testGroups"].as_array().unwrap() {
        let key = ForeignKey::from_info(&bytes(&group["publicKeyDer"]));
        for case in group["tests"].as_array().unwrap() {
            let result = case["result"].as_str().unwrap();
            *counts.entry(result).or_default() += 1;
            let verified = key
                .as_ref()
                .is_ok_and(|key| key.verify(scheme, &bytes(&case["msg"]), &bytes(&case["sig"])).is_ok());
            if verified != (result == "valid") {
                differing.push(format!("{}: {} ({result})", case["tcId"], case["comment"]));
            }
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
    let counted: Vec<String> = counts
        .iter()
        .map(|(result, count)| format!("{result} {count}"))
        .collect();
    assert_eq!(why, format!("tests by result: {}", counted.join(", ")));
}

/// The writer of documents against RFC 8785, as far as it goes: numbers are integers within 2^53, so that fractions and exponents are
/// out of scope (the reader refuses them, which is asserted), and are taken out or spelt as integers before.
fn canonical(row: &Row, name: &str) -> Result<(), String> {
    let mut input = row.text(&format!("jcs/input/{name}.json"));
    let mut output = row.text(&format!("jcs/output/{name}.json"));
    let refused = |text: &str| {
        matches!(
            strict_json::read::<Value>(text.trim_end().as_bytes()),
            Err(JsonError::NotAnInteger { .. })
        )
    };
    match name {
        "structures" => {
            assert!(refused(&input));
            input = input.replace("56.0", "56");
        }
        "values" => {
            assert!(refused(&input));
            for (text, start) in [(&mut input, "  \"numbers\": ["), (&mut output, ",\"numbers\":[")] {
                let from = text.find(start).unwrap();
                let length = text[from..].find(']').unwrap() + 1;
                text.replace_range(from..from + length, "");
            }
            input = input.replacen("{\n,", "{", 1);
        }
        _ => assert!(strict_json::read::<Value>(input.trim_end().as_bytes()).is_ok()),
    }
    let value: Value = serde_json::from_str(&input).unwrap();
    let written = String::from_utf8(strict_json::write(&value)).unwrap();
    if written == output {
        Ok(())
    } else {
        Err(format!("written as {written}"))
    }
}
