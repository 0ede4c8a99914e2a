//! CSAF 2.0 and 2.1, profile VEX (OASIS CSAF 2.0 §4.5; §3.2.2 product tree, §3.2.3 vulnerabilities).
//!
//! A product that is another one as a part of something (`relationships`) is not that other one: what is said of it lowers nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use super::vers::VersionRange;
use super::{MAX_VEX_CLAIMS, VexDocument, VexError, VexProduct, VexStatement, VexStatus, fault, names, text, time};

/// The most package URLs of one product: its builds.
const MAX_ADDRESSES: usize = 100;

#[derive(Deserialize)]
struct RawDocument {
    document: Head,
    #[serde(default)]
    product_tree: Tree,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Head {
    category: String,
    csaf_version: String,
    tracking: Tracking,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
    status: String,
    current_release_date: String,
}

#[derive(Default, Deserialize)]
struct Tree {
    #[serde(default)]
    branches: Vec<Branch>,
    #[serde(default)]
    full_product_names: Vec<FullName>,
    #[serde(default)]
    product_groups: Vec<Group>,
    #[serde(default)]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Branch {
    category: String,
    name: String,
    #[serde(default)]
    branches: Vec<Branch>,
    #[serde(default)]
    product: Option<FullName>,
}

#[derive(Deserialize)]
struct FullName {
    product_id: String,
    #[serde(default)]
    product_identification_helper: Option<Helper>,
}

#[derive(Deserialize)]
struct Helper {
    /// CSAF 2.0.
    #[serde(default)]
    purl: Option<String>,
    /// CSAF 2.1.
    #[serde(default)]
    purls: Vec<String>,
    #[serde(default)]
    hashes: Vec<Hashes>,
}

#[derive(Deserialize)]
struct Hashes {
    file_hashes: Vec<FileHash>,
}

#[derive(Deserialize)]
struct FileHash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
struct Group {
    group_id: String,
    product_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Relationship {
    full_product_name: FullName,
    product_reference: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    cve: Option<String>,
    #[serde(default)]
    ids: Vec<OtherId>,
    #[serde(default)]
    product_status: Status,
    #[serde(default)]
    flags: Vec<Flag>,
}

#[derive(Deserialize)]
struct OtherId {
    text: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    first_affected: Vec<String>,
    #[serde(default)]
    first_fixed: Vec<String>,
    #[serde(default)]
    fixed: Vec<String>,
    #[serde(default)]
    known_affected: Vec<String>,
    #[serde(default)]
    known_not_affected: Vec<String>,
    #[serde(default)]
    last_affected: Vec<String>,
    #[serde(default)]
    under_investigation: Vec<String>,
}

#[derive(Deserialize)]
struct Flag {
    label: String,
    #[serde(default)]
    group_ids: Vec<String>,
    #[serde(default)]
    product_ids: Vec<String>,
}

pub(super) fn read(untrusted_json: &[u8]) -> Result<VexDocument, VexError> {
    let raw: RawDocument = serde_json::from_slice(untrusted_json)?;
    if !["2.0", "2.1"].contains(&raw.document.csaf_version.as_str()) {
        return Err(fault("csaf_version", "is neither 2.0 nor 2.1"));
    }
    if raw.document.category != "csaf_vex" {
        return Err(fault("category", "is not `csaf_vex`"));
    }
    let tracking = raw.document.tracking;
    let (id, released) = (
        text("id", tracking.id)?,
        time("current_release_date", &tracking.current_release_date)?,
    );
    let format = "CSAF VEX";
    // CSAF 2.0 §3.2.1.12.7: a draft is for those who make it.
    if !["final", "interim"].contains(&tracking.status.as_str()) {
        return Ok(VexDocument {
            id,
            format,
            statements: Vec::new(),
        });
    }
    let products = Products::read(&raw.product_tree)?;
    let mut statements = Vec::new();
    let mut claims = 0;
    for vulnerability in &raw.vulnerabilities {
        let all = vulnerability.cve.iter().cloned();
        let all = names(
            "vulnerabilities",
            all.chain(vulnerability.ids.iter().map(|other| other.text.clone())),
        )?;
        for (status, justification, ids) in vulnerability.said(&products)? {
            let found: Vec<VexProduct> = ids.into_iter().flat_map(|id| products.of(id)).collect();
            claims += found.len();
            // Groups and several addresses of one product multiply what a document says.
            if claims > MAX_VEX_CLAIMS {
                return Err(VexError::TooMany);
            }
            statements.push(VexStatement {
                names: all.clone(),
                status,
                justification,
                time: released,
                products: found,
            });
        }
    }
    Ok(VexDocument { id, format, statements })
}

/// What is said of which products, by their ids.
type Said<'d> = (VexStatus, Option<String>, Vec<&'d str>);

impl Vulnerability {
    fn said<'d>(&'d self, products: &Products<'d>) -> Result<Vec<Said<'d>>, VexError> {
        let status = &self.product_status;
        let of =
            |lists: &[&'d [String]]| -> Vec<&'d str> { lists.iter().copied().flatten().map(String::as_str).collect() };
        let affected = of(&[&status.known_affected, &status.first_affected, &status.last_affected]);
        let under_investigation = of(&[&status.under_investigation]);
        // A product stands on one side only (CSAF 2.0 §6.1.6); where it stands on two, the worse one counts.
        let worse: HashSet<&str> = affected.iter().chain(&under_investigation).copied().collect();
        let good = |mut ids: Vec<&'d str>| {
            ids.retain(|id| !worse.contains(id));
            ids
        };
        let fixed = good(of(&[&status.fixed, &status.first_fixed]));
        let not_affected = good(of(&[&status.known_not_affected]));
        let mut by_label: BTreeMap<Option<&str>, Vec<&'d str>> = BTreeMap::new();
        let labels = self.labels(products)?;
        for id in not_affected {
            by_label.entry(labels.get(id).copied()).or_default().push(id);
        }
        let mut said: Vec<Said<'d>> = vec![
            (VexStatus::Affected, None, affected),
            (VexStatus::UnderInvestigation, None, under_investigation),
            (VexStatus::Fixed, None, fixed),
        ];
        for (label, ids) in by_label {
            said.push((VexStatus::NotAffected, label.map(str::to_owned), ids));
        }
        said.retain(|(_, _, ids)| !ids.is_empty());
        let mut all = said.iter().flat_map(|(_, _, ids)| ids);
        if all.any(|id| !products.by_id.contains_key(id)) {
            // CSAF 2.0 §6.1.1.
            return Err(fault(
                "product_status",
                "names a product that the product tree does not have",
            ));
        }
        Ok(said)
    }

    /// Why products are not affected: the flags of each (CSAF 2.0 §3.2.3.5).
    fn labels<'d>(&'d self, products: &Products<'d>) -> Result<HashMap<&'d str, &'d str>, VexError> {
        let mut labels = HashMap::new();
        let mut count = 0;
        for flag in &self.flags {
            let groups = flag
                .group_ids
                .iter()
                .filter_map(|group| products.groups.get(group.as_str()));
            for id in flag.product_ids.iter().chain(groups.copied().flatten()) {
                labels.entry(id.as_str()).or_insert(flag.label.as_str());
                count += 1;
                // A group that is named over and over is long each time.
                if count > MAX_VEX_CLAIMS {
                    return Err(VexError::TooMany);
                }
            }
        }
        Ok(labels)
    }
}

/// The products of a document, by their ids, each with its package URLs.
struct Products<'d> {
    by_id: HashMap<&'d str, Vec<VexProduct>>,
    groups: HashMap<&'d str, &'d [String]>,
}

impl<'d> Products<'d> {
    fn read(tree: &'d Tree) -> Result<Self, VexError> {
        let mut this = Self {
            by_id: HashMap::new(),
            groups: HashMap::new(),
        };
        for branch in &tree.branches {
            this.branch(branch)?;
        }
        for product in &tree.full_product_names {
            this.put(product, None, false)?;
        }
        // Relationships may build on each other, in any order; what they are of is not followed, since none of them lowers anything.
        for relationship in &tree.relationships {
            let of = this.by_id.get(relationship.product_reference.as_str()).cloned();
            this.put(&relationship.full_product_name, None, true)?;
            if let Some(held) = this.by_id.get_mut(relationship.full_product_name.product_id.as_str()) {
                held.extend(of.into_iter().flatten().map(|product| VexProduct {
                    is_narrow: true,
                    ..product
                }));
                if held.len() > MAX_ADDRESSES {
                    return Err(fault("relationships", "give one product more than 100 package URLs"));
                }
            }
        }
        for group in &tree.product_groups {
            this.groups.insert(&group.group_id, &group.product_ids);
        }
        Ok(this)
    }

    /// Takes a branch and those within it. Their depth is the JSON library's.
    fn branch(&mut self, branch: &'d Branch) -> Result<(), VexError> {
        if let Some(product) = &branch.product {
            let range = (branch.category == "product_version_range").then_some(branch.name.as_str());
            self.put(product, range, false)?;
        }
        branch.branches.iter().try_for_each(|part| self.branch(part))
    }

    fn put(&mut self, product: &'d FullName, range: Option<&str>, is_part: bool) -> Result<(), VexError> {
        let mut found = Vec::new();
        if let Some(helper) = &product.product_identification_helper {
            let files = helper.hashes.iter().flat_map(|hashes| &hashes.file_hashes);
            let sha256 = files.clone().find(|hash| hash.algorithm == "sha256");
            let sha256 = sha256.and_then(|hash| format!("sha256:{}", hash.value).parse().ok());
            let is_unclear = sha256.is_none() && files.count() > 0;
            let read = range.map(VersionRange::read);
            for purl in helper.purl.iter().chain(&helper.purls) {
                found.push(VexProduct {
                    purl: purl.clone(),
                    // A range that cannot be read might be any.
                    is_narrow: is_part || is_unclear || matches!(read, Some(None)),
                    range: read.clone().flatten(),
                    sha256,
                });
            }
        }
        if found.len() > MAX_ADDRESSES {
            return Err(fault("purls", "has more than 100 package URLs"));
        }
        // CSAF 2.0 §6.1.2.
        if self.by_id.insert(&product.product_id, found).is_some() {
            return Err(fault("product_tree", "has two products of one id"));
        }
        Ok(())
    }

    fn of(&self, id: &str) -> Vec<VexProduct> {
        self.by_id.get(id).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// While it is read, and not only of what was read: a small document could say more than there is memory for.
    #[test]
    fn claims_are_counted_as_they_are_multiplied() {
        let addresses: Vec<String> = (0..MAX_ADDRESSES)
            .map(|number| format!("pkg:npm/x{number}@1"))
            .collect();
        let claims = |times: usize| {
            let document = json!({
                "document": {
                    "category": "csaf_vex", "csaf_version": "2.0",
                    "tracking": { "id": "A", "status": "final", "current_release_date": "2026-11-01T08:00:00Z" },
                },
                "product_tree": { "full_product_names": [
                    { "product_id": "P", "product_identification_helper": { "purls": addresses } },
                ]},
                "vulnerabilities": [{ "cve": "CVE-1", "product_status": { "known_affected": vec!["P"; times] } }],
            });
            read(document.to_string().as_bytes()).map(|read| read.statements[0].products.len())
        };
        let most = MAX_VEX_CLAIMS / MAX_ADDRESSES;
        assert_eq!(claims(most).unwrap(), MAX_VEX_CLAIMS);
        assert!(matches!(claims(most + 1), Err(VexError::TooMany)));
    }
}
