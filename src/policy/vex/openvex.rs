//! OpenVEX 0.2.0, and the older form in which products and vulnerabilities are texts (openvex.dev/spec, `OPENVEX-SPEC.md`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{VexDocument, VexError, VexProduct, VexStatement, VexStatus, fault, names, text, time};

/// The context of every version of the format, up to the version.
const CONTEXT: &str = "https://openvex.dev/ns";

#[derive(Deserialize)]
struct RawDocument {
    #[serde(rename = "@context")]
    context: String,
    #[serde(rename = "@id")]
    id: String,
    timestamp: String,
    #[serde(default)]
    last_updated: Option<String>,
    statements: Vec<RawStatement>,
}

#[derive(Deserialize)]
struct RawStatement {
    vulnerability: RawVulnerability,
    #[serde(default)]
    products: Vec<RawProduct>,
    #[serde(default)]
    subcomponents: Vec<serde::de::IgnoredAny>,
    status: RawStatus,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawStatus {
    NotAffected,
    Affected,
    Fixed,
    UnderInvestigation,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawVulnerability {
    Old(String),
    New(Vulnerability),
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawProduct {
    Old(String),
    New(Product),
}

#[derive(Deserialize)]
struct Product {
    #[serde(rename = "@id", default)]
    id: Option<String>,
    #[serde(default)]
    identifiers: BTreeMap<String, String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    #[serde(default)]
    subcomponents: Vec<serde::de::IgnoredAny>,
}

pub(super) fn read(untrusted_json: &[u8]) -> Result<VexDocument, VexError> {
    let raw: RawDocument = serde_json::from_slice(untrusted_json)?;
    let version = raw.context.strip_prefix(CONTEXT);
    if !version.is_some_and(|version| version.is_empty() || version.starts_with(['/', '@'])) {
        return Err(fault("@context", "is not OpenVEX"));
    }
    // What a statement does not say of its time, its document says (OpenVEX, "Updating Statements with Inherited Data").
    let latest = |timestamp: Option<&str>, updated: Option<&str>| updated.or(timestamp).map(str::to_owned);
    let own = latest(Some(&raw.timestamp), raw.last_updated.as_deref()).unwrap_or_default();
    let mut statements = Vec::new();
    for statement in raw.statements {
        let said = latest(statement.timestamp.as_deref(), statement.last_updated.as_deref());
        let all = match statement.vulnerability {
            RawVulnerability::Old(name) => vec![name],
            RawVulnerability::New(known) => known.name.into_iter().chain(known.aliases).collect(),
        };
        let is_about_parts = !statement.subcomponents.is_empty();
        statements.push(VexStatement {
            names: names("vulnerability", all)?,
            status: match statement.status {
                RawStatus::NotAffected => VexStatus::NotAffected,
                RawStatus::Affected => VexStatus::Affected,
                RawStatus::Fixed => VexStatus::Fixed,
                RawStatus::UnderInvestigation => VexStatus::UnderInvestigation,
            },
            justification: statement
                .justification
                .map(|word| text("justification", word))
                .transpose()?,
            time: time("timestamp", said.as_deref().unwrap_or(&own))?,
            products: statement
                .products
                .into_iter()
                .filter_map(|product| product.read(is_about_parts))
                .collect(),
        });
    }
    Ok(VexDocument {
        id: text("@id", raw.id)?,
        format: "OpenVEX",
        statements,
    })
}

impl RawProduct {
    /// What has no package URL names nothing that is known here.
    fn read(self, is_about_parts: bool) -> Option<VexProduct> {
        let product = match self {
            Self::Old(id) => Product {
                id: Some(id),
                identifiers: BTreeMap::new(),
                hashes: BTreeMap::new(),
                subcomponents: Vec::new(),
            },
            Self::New(product) => product,
        };
        let stated = product.identifiers.get("purl").cloned();
        let own = product.id.filter(|id| id.starts_with("pkg:"));
        let differ = stated.is_some() && own.is_some() && stated != own;
        // Names of hash functions as IANA has them.
        let sha256 = product.hashes.get("sha-256").map(|hex| format!("sha256:{hex}").parse());
        Some(VexProduct {
            purl: stated.or(own)?,
            range: None,
            is_narrow: differ
                || is_about_parts
                || !product.subcomponents.is_empty()
                || (!product.hashes.is_empty() && !matches!(sha256, Some(Ok(_)))),
            sha256: sha256.and_then(Result::ok),
        })
    }
}
