//! CycloneDX 1.4 to 1.6 with `vulnerabilities` (ECMA-424 §6, `vulnerabilities[].analysis` and `affects`).
//!
//! Only components of the document itself are looked up, by their `bom-ref`; versions and ranges in `affects` are not compared, and lower nothing.

use std::collections::HashMap;

use serde::Deserialize;

use super::{VexDocument, VexError, VexProduct, VexStatement, VexStatus, fault, names, text, time};

#[derive(Deserialize)]
struct RawDocument {
    #[serde(rename = "bomFormat")]
    bom_format: String,
    #[serde(rename = "serialNumber")]
    serial_number: String,
    #[serde(default)]
    version: Option<u64>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    component: Option<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "bom-ref", default)]
    bom_ref: Option<String>,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    hashes: Vec<Hash>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    updated: Option<String>,
    #[serde(default)]
    analysis: Option<Analysis>,
    #[serde(default)]
    affects: Vec<Affects>,
}

#[derive(Deserialize)]
struct Reference {
    id: String,
}

#[derive(Deserialize)]
struct Analysis {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    justification: Option<String>,
    #[serde(rename = "firstIssued", default)]
    first_issued: Option<String>,
    #[serde(rename = "lastUpdated", default)]
    last_updated: Option<String>,
}

#[derive(Deserialize)]
struct Affects {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    versions: Vec<serde::de::IgnoredAny>,
}

/// What is known of a component: its package URL, and whether a digest of it cannot be compared.
type Known = (String, Option<crate::model::Digest>, bool);

pub(super) fn read(untrusted_json: &[u8]) -> Result<VexDocument, VexError> {
    let raw: RawDocument = serde_json::from_slice(untrusted_json)?;
    if raw.bom_format != "CycloneDX" {
        return Err(fault("bomFormat", "is not CycloneDX"));
    }
    let mut known = HashMap::new();
    let own = raw.metadata.as_ref().and_then(|metadata| metadata.component.as_ref());
    for component in own.into_iter().chain(&raw.components) {
        take(component, &mut known)?;
    }
    let of_document = raw.metadata.as_ref().and_then(|metadata| metadata.timestamp.as_deref());
    let mut statements = Vec::new();
    for vulnerability in raw.vulnerabilities {
        let Some(analysis) = vulnerability.analysis else {
            continue;
        };
        let Some(status) = analysis.state.as_deref().and_then(status) else {
            continue;
        };
        let said = [
            analysis.last_updated.as_deref(),
            vulnerability.updated.as_deref(),
            analysis.first_issued.as_deref(),
            vulnerability.published.as_deref(),
            of_document,
        ];
        let said = said.into_iter().flatten().next();
        let all = vulnerability
            .id
            .into_iter()
            .chain(vulnerability.references.into_iter().map(|other| other.id));
        statements.push(VexStatement {
            names: names("vulnerabilities", all)?,
            status,
            justification: analysis.justification.map(justification).transpose()?,
            time: time("timestamp", said.unwrap_or_default())?,
            products: vulnerability
                .affects
                .into_iter()
                .filter_map(|affects| product(affects, &known))
                .collect(),
        });
    }
    Ok(VexDocument {
        id: text(
            "serialNumber",
            format!("{}/{}", raw.serial_number, raw.version.unwrap_or(1)),
        )?,
        format: "CycloneDX",
        statements,
    })
}

/// Takes a component and those within it. Their depth is the JSON library's.
fn take(component: &Component, known: &mut HashMap<String, Known>) -> Result<(), VexError> {
    if let (Some(reference), Some(purl)) = (&component.bom_ref, &component.purl) {
        let sha256 = component.hashes.iter().find(|hash| hash.alg == "SHA-256");
        let digest = sha256.and_then(|hash| format!("sha256:{}", hash.content).parse().ok());
        let is_unclear = !component.hashes.is_empty() && digest.is_none();
        if known
            .insert(reference.clone(), (purl.clone(), digest, is_unclear))
            .is_some()
        {
            return Err(fault("bom-ref", "names two components"));
        }
    }
    component.components.iter().try_for_each(|part| take(part, known))
}

fn product(affects: Affects, known: &HashMap<String, Known>) -> Option<VexProduct> {
    let (purl, sha256, is_unclear) = match known.get(&affects.reference) {
        Some(known) => known.clone(),
        None if affects.reference.starts_with("pkg:") => (affects.reference, None, false),
        None => return None,
    };
    Some(VexProduct {
        purl,
        range: None,
        sha256,
        is_narrow: is_unclear || !affects.versions.is_empty(),
    })
}

fn status(state: &str) -> Option<VexStatus> {
    match state {
        "not_affected" | "false_positive" => Some(VexStatus::NotAffected),
        "resolved" | "resolved_with_pedigree" => Some(VexStatus::Fixed),
        "in_triage" => Some(VexStatus::UnderInvestigation),
        "exploitable" => Some(VexStatus::Affected),
        _ => None,
    }
}

/// The reasons that hold wherever the code runs, in the words of the other formats. The rest hang on a configuration or surroundings that nobody here knows, and
/// are kept as they are.
fn justification(word: String) -> Result<String, VexError> {
    let common = match word.as_str() {
        "code_not_present" => "vulnerable_code_not_present",
        "code_not_reachable" => "vulnerable_code_not_in_execute_path",
        "protected_by_mitigating_control" => "inline_mitigations_already_exist",
        _ => return text("justification", word),
    };
    Ok(common.to_owned())
}
