//! What a site's own people write and sign: policies, advisories, trust data, selections. Hostile less often, and still read from files
//! that came from elsewhere.

use std::path::Path;

use sealift::bundle::vex::CarriedVex;
use sealift::crypto::key::Signer as _;
use sealift::ecosystem;
use sealift::evidence;
use sealift::export::select::Request;
use sealift::model::Material;
use sealift::policy::{Advisories, Ecosystems, Fixtures, Policy, Profile, VexDocument};
use sealift::trust::{Revocations, TrustData, approval::Approval};

use crate::driver::{Parts, Target};
use crate::seeds::text;
use crate::{people, support};

const MAX_BYTES: usize = 32 << 20;

const ECOSYSTEMS: Ecosystems = Ecosystems {
    compare_versions: ecosystem::compare_versions,
    key: ecosystem::collision_key,
    spelling: ecosystem::spelling,
};

fn lossy(part: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(part)
}

pub(crate) fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "site/policy".to_owned(),
            rounds: 1500,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| {
                let explicit = [Profile::Evaluation, Profile::Standard, Profile::Strict]
                    .map(|profile| vec![Policy::of_profile(profile).to_bytes()]);
                let mut seeds = explicit.to_vec();
                Policy::from_yaml(POLICY, people::now(), &ECOSYSTEMS).unwrap();
                seeds.push(vec![POLICY.as_bytes().to_vec()]);
                seeds
            }),
            read: Box::new(|parts| {
                if let Ok(policy) = Policy::read(&parts[0]) {
                    assert_eq!(Policy::read(&policy.to_bytes()).unwrap(), policy);
                }
                if let Ok(policy) = Policy::from_yaml(&lossy(&parts[0]), people::now(), &ECOSYSTEMS) {
                    assert_eq!(Policy::read(&policy.to_bytes()).unwrap(), policy);
                }
            }),
        },
        Target {
            name: "site/policy-tests".to_owned(),
            rounds: 1000,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| {
                Fixtures::from_yaml(FIXTURES).unwrap();
                vec![vec![FIXTURES.as_bytes().to_vec()]]
            }),
            read: Box::new(|parts| {
                if let Ok(fixtures) = Fixtures::from_yaml(&lossy(&parts[0])) {
                    let _ = fixtures.run(&Policy::of_profile(Profile::Standard), &ECOSYSTEMS);
                }
            }),
        },
        Target {
            name: "site/advisories".to_owned(),
            rounds: 2000,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| ADVISORIES.iter().map(|text| vec![text.as_bytes().to_vec()]).collect()),
            read: Box::new(|parts| {
                let mut advisories = Advisories::new(people::now(), ECOSYSTEMS);
                if advisories.add(&parts[0]).is_err() {
                    let is_ours = ADVISORIES.iter().any(|text| text.as_bytes() == parts[0]);
                    assert!(!is_ours, "a right record is refused");
                    return;
                }
                for (ecosystem, name, version) in [
                    ("npm", "left-pad", "1.2.3"),
                    ("pypi", "requests", "2.0"),
                    ("cargo", "time", "0.1.0"),
                    ("maven", "org.example:lib", "1.0"),
                ] {
                    let _ = advisories.about(ecosystem, name, version, None, people::now());
                    let _ = advisories.about(ecosystem, name, version, Some("12"), people::now());
                }
            }),
        },
        Target {
            name: "site/vex".to_owned(),
            rounds: 2000,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| VEX.iter().map(|text| vec![text.as_bytes().to_vec()]).collect()),
            read: Box::new(|parts| {
                let Ok(document) = VexDocument::read(&parts[0]) else {
                    let is_ours = VEX.iter().any(|text| text.as_bytes() == parts[0]);
                    assert!(!is_ours, "a right document is refused");
                    return;
                };
                let compare = |one: &str, other: &str| ecosystem::compare_versions("npm", one, other);
                for product in document.statements.iter().flat_map(|statement| &statement.products) {
                    let _ = product.purl.parse::<ecosystem::Purl>();
                    let _ = product.range.as_ref().map(|range| range.holds("1.2.0", &compare));
                }
                let carried = CarriedVex {
                    document: parts[0].clone(),
                    name: "x.json".to_owned(),
                    signatures: Vec::new(),
                };
                assert_eq!(CarriedVex::read(&carried.write().unwrap()).unwrap(), carried);
            }),
        },
        Target {
            name: "site/carried-vex".to_owned(),
            rounds: 1000,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| vec![vec![CARRIED_VEX.as_bytes().to_vec()]]),
            read: Box::new(|parts| {
                if let Ok(carried) = CarriedVex::read(&parts[0]) {
                    assert_eq!(CarriedVex::read(&carried.write().unwrap()).unwrap(), carried);
                }
            }),
        },
        Target {
            name: "site/trust-data".to_owned(),
            rounds: 1500,
            max_bytes: MAX_BYTES,
            seeds: Box::new(trust_data),
            read: Box::new(|parts| {
                if let Ok(data) = TrustData::read(&parts[0]) {
                    assert_eq!(TrustData::read(&data.write().unwrap()).unwrap(), data);
                    for anchor in &data.anchors {
                        let _ = evidence::describe(&anchor.material);
                    }
                }
                if let Ok(revocations) = Revocations::read(&parts[0]) {
                    let _ = revocations.write();
                }
                let _ = Approval::read(&parts[0]);
            }),
        },
        Target {
            name: "site/anchors".to_owned(),
            rounds: 3000,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| {
                let texts = crate::proofs::anchors().into_iter();
                texts
                    .filter_map(|anchor| Some(vec![material_text(&anchor.material)?.into_bytes()]))
                    .collect()
            }),
            read: Box::new(|parts| {
                let _ = evidence::armored(&parts[0]);
                let text = lossy(&parts[0]).into_owned();
                for material in materials(&text) {
                    let _ = evidence::describe(&material);
                    let one = [support::anchor("one", material)];
                    let _ = evidence::check_follows(&one, &one);
                }
            }),
        },
        Target {
            name: "site/selection".to_owned(),
            rounds: 1500,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| vec![vec![SELECTION.as_bytes().to_vec()]]),
            read: Box::new(|parts| {
                let text = lossy(&parts[0]);
                let read = Request::read("sealift.yaml", &text, Path::new("/nowhere"), ecosystem::ALL);
                assert!(read.is_ok() || text != SELECTION, "a right selection is refused");
            }),
        },
        Target {
            name: "site/yaml".to_owned(),
            rounds: 1500,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| {
                let texts = [SELECTION, POLICY, FIXTURES, "a: &x [1, 2]\nb: *x\n<<: {c: !!str 1}\n"];
                texts.map(|text| vec![text.as_bytes().to_vec()]).to_vec()
            }),
            read: Box::new(|parts| {
                let _ = sealift::crypto::yaml::read::<serde_json::Value>(&lossy(&parts[0]));
            }),
        },
        Target {
            name: "site/keys".to_owned(),
            rounds: 1500,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| {
                let pem = people::key(1).public().to_pem().into_bytes();
                let private = people::key(1).to_pem("passphrase").unwrap().as_bytes().to_vec();
                vec![
                    vec![pem],
                    vec![private],
                    vec![text("cosign/cosign.pub").into_bytes()],
                    vec![text("sshsig/ed25519.pub").into_bytes()],
                    vec![text("sshsig/rsa.pub").into_bytes()],
                ]
            }),
            read: Box::new(|parts| {
                use sealift::crypto::{agent_key, foreign::ForeignKey, key::PublicKey};
                let text = lossy(&parts[0]);
                let _ = PublicKey::from_pem(&text);
                let _ = PublicKey::from_base64(&text);
                let _ = PublicKey::from_info(&parts[0]);
                let _ = ForeignKey::from_pem(&text);
                let _ = ForeignKey::from_info(&parts[0]);
                let _ = agent_key::read_public_line(&text);
            }),
        },
    ]
}

fn trust_data() -> Vec<Parts> {
    let created = people::now();
    let mut data = TrustData::empty(1, created);
    for anchor in crate::proofs::anchors() {
        data.put(anchor);
    }
    let empty = TrustData::empty(2, created).write().unwrap();
    let revocations = Revocations::empty(1, created).write().unwrap();
    let mut seeds = vec![vec![empty], vec![revocations]];
    seeds.extend(data.write().ok().map(|bytes| vec![bytes]));
    seeds
}

/// The text of which a material is made; identities are no text.
fn material_text(material: &Material) -> Option<String> {
    match material {
        Material::Identity(_) => None,
        Material::Openpgp(text)
        | Material::SigstoreRoot(text)
        | Material::NpmKeys(text)
        | Material::NoteKey(text)
        | Material::PublicKey(text)
        | Material::Certificates(text)
        | Material::TimestampCertificates(text)
        | Material::AllowedSigners(text)
        | Material::MinisignKey(text)
        | Material::SignifyKey(text)
        | Material::TufRoot(text) => Some(text.clone()),
    }
}

/// A text as every kind of material.
fn materials(text: &str) -> Vec<Material> {
    let text = || text.to_owned();
    vec![
        Material::Openpgp(text()),
        Material::SigstoreRoot(text()),
        Material::NpmKeys(text()),
        Material::NoteKey(text()),
        Material::PublicKey(text()),
        Material::Certificates(text()),
        Material::AllowedSigners(text()),
        Material::MinisignKey(text()),
        Material::SignifyKey(text()),
        Material::TufRoot(text()),
    ]
}

const SELECTION: &str = "\
schema: sealift-selection/1
stream: main
recipient: plant-7
select:
  - lockfile: Cargo.lock
  - folder: downloads
    ecosystem: pypi
  - ecosystem: maven
    coordinates:
      - org.example:lib:1.0
      - org.example:lib:jar:sources:1.0
  - files: installers
    version: \"1.2\"
    folder: installers
    checksums: SHA256SUMS
  - files: toolchain
    version: \"1.95.0\"
    url: https://files.example.com/toolchain.tar.xz
    digest: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
from:
  - mirror
upstreams:
  - ecosystem: npm
    url: https://registry.example.com/
    scope: \"@corp\"
exclude:
  - left-*
allow-plain-http: []
";

const POLICY: &str = "\
schema: sealift-policy/1
id: plant
version: 3
profile: standard
require:
  approvals: 1
  max_age_days: 30
ecosystems:
  npm:
    evidence: registry
internal:
  - npm/@corp/*
deny:
  - match: npm/left-pad@<1.3.0
    reason: broken
waivers: []
";

const FIXTURES: &str = "\
schema: sealift-policy-tests/1
now: 2026-11-20T12:00:00Z
tests:
  - name: unsigned
    artifact: npm/left-pad@1.3.0
    expect: deny
";

const ADVISORIES: &[&str] = &[
    r#"{"schema_version":"1.7.0","id":"GHSA-aaaa-bbbb-cccc","modified":"2026-01-01T00:00:00Z","published":"2026-01-01T00:00:00Z","aliases":["CVE-2026-1"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},{"type":"CVSS_V4","score":"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}],"affected":[{"package":{"ecosystem":"npm","name":"left-pad","purl":"pkg:npm/left-pad"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.3.0"}]}],"versions":["1.2.3"],"database_specific":{"severity":"HIGH"}}]}"#,
    r#"{"id":"MAL-2026-1","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"requests"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"last_affected":"2.0"},{"introduced":"3"},{"limit":"*"}]}]}]}"#,
    r#"{"id":"RUSTSEC-2020-0071","modified":"2026-01-01T00:00:00Z","withdrawn":"2026-02-01T00:00:00Z","severity":[{"type":"CVSS_V2","score":"AV:N/AC:L/Au:N/C:P/I:P/A:P"}],"affected":[{"package":{"ecosystem":"crates.io","name":"time"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0.0.0-0"},{"fixed":"0.2.23"}]},{"type":"GIT","repo":"https://forge.example.com/time","events":[{"introduced":"0"}]}],"ecosystem_specific":{"affects":{"os":["linux"]}}},{"package":{"ecosystem":"Debian:12","name":"time"},"versions":["1"]},{"package":{"ecosystem":"Maven","name":"org.example:lib"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}"#,
];

const CARRIED_VEX: &str = r#"{"document":"e30=","name":"a.json","signatures":[{"bytes":"AA==","kind":"minisign"}]}"#;

const VEX: [&str; 3] = [
    r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://vex.example.com/1","timestamp":"2026-11-01T10:00:00.5+02:00","statements":[
        {"vulnerability":{"name":"CVE-1","aliases":["GHSA-1"]},"products":[{"@id":"pkg:npm/x@1.0.0","hashes":{"sha-256":"00"},"subcomponents":[]}],
         "status":"not_affected","justification":"component_not_present"},
        {"vulnerability":"CVE-2","products":["pkg:maven/org.example/lib@1.0?type=jar"],"status":"fixed","last_updated":"2026-11-02T00:00:00Z"}]}"#,
    r#"{"document":{"category":"csaf_vex","csaf_version":"2.1","tracking":{"id":"A-1","status":"final","current_release_date":"2026-11-01T08:00:00Z"}},
        "product_tree":{"branches":[{"category":"vendor","name":"A","branches":[{"category":"product_version_range","name":"vers:npm/>=1.0.0|!=1.1.0|<1.3.0",
          "product":{"product_id":"P-1","product_identification_helper":{"purls":["pkg:npm/x"],"hashes":[{"file_hashes":[{"algorithm":"sha512","value":"0"}]}]}}}]}],
          "relationships":[{"product_reference":"P-1","full_product_name":{"product_id":"P-2"}}],"product_groups":[{"group_id":"G","product_ids":["P-1"]}]},
        "vulnerabilities":[{"cve":"CVE-1","product_status":{"known_not_affected":["P-1"],"fixed":["P-2"]},"flags":[{"label":"component_not_present","group_ids":["G"]}]}]}"#,
    r#"{"bomFormat":"CycloneDX","serialNumber":"urn:uuid:1","metadata":{"timestamp":"2026-11-01T08:00:00Z"},
        "components":[{"bom-ref":"one","purl":"pkg:npm/x@1.0.0","hashes":[{"alg":"MD5","content":"0"}],"components":[{"bom-ref":"two","purl":"pkg:npm/y@1.0.0"}]}],
        "vulnerabilities":[{"id":"CVE-1","references":[{"id":"GHSA-1"}],"analysis":{"state":"exploitable","lastUpdated":"2026-11-02T08:00:00Z"},"affects":[{"ref":"two"}]}]}"#,
];
