//! Lockfiles of npm, pnpm and Yarn 1, against a registry that signs and attests, and one that does not.

use std::collections::{BTreeMap, BTreeSet};

use sealift::ledger::{LedgerError, Use};
use sealift::model::{Algorithm, Digest, MultiHasher};
use serde_json::{Value, json};

use super::rehearsal::PLAIN;
use super::{Site, proofs};
use crate::http::{Response, Server};
use crate::tgz::{Entry, tgz};

pub(super) fn tarball(name: &str) -> Vec<u8> {
    tgz(&[
        Entry::file(
            "package/package.json",
            json!({"name": name, "version": "1.0.0"}).to_string(),
        ),
        Entry::file("package/index.js", format!("module.exports = '{name}'\n")),
    ])
}

/// Subresource integrity and SHA-1.
pub(super) fn hashes(bytes: &[u8]) -> (String, String) {
    let mut hasher = MultiHasher::new([Algorithm::Sha1, Algorithm::Sha512]);
    hasher.update(bytes);
    let (_, claims) = hasher.finish();
    let find = |algorithm| claims.iter().find(|claim| claim.algorithm() == algorithm).unwrap();
    (find(Algorithm::Sha512).integrity(), find(Algorithm::Sha1).hex())
}

fn file(name: &str) -> String {
    format!("{}-1.0.0.tgz", name.rsplit('/').next().unwrap())
}

/// A packument with one version; `proofs` are members of its `dist`.
fn packument(name: &str, base: &str, proofs: &Value) -> String {
    let (integrity, shasum) = hashes(&tarball(name));
    let mut dist = json!({
        "integrity": integrity, "shasum": shasum, "tarball": format!("{base}{name}/-/{}", file(name)),
    });
    for (key, value) in proofs.as_object().unwrap() {
        dist[key] = value.clone();
    }
    // Spaces show that the bytes are kept as they came.
    json!({
        "name": name, "dist-tags": {"latest": "1.0.0"}, "time": {"1.0.0": "2020-01-02T03:04:05.678Z"},
        "versions": {"1.0.0": {"name": name, "version": "1.0.0", "dist": dist}},
    })
    .to_string()
    .replacen("\"name\":", "\"name\" :  ", 1)
}

const KEYS: &str = r#"{"keys": [ {"keyid":"SHA256:x","keytype":"ecdsa-sha2-nistp256","key":"AA=="} ] }"#;

const ATTESTATIONS: &str = r#"{"attestations": [ {"predicateType":"x","bundle":{}} ] }"#;

/// `/public/` signs all and attests `proven`; `/corp/` is a mirror that strips proofs.
pub(super) fn registry() -> Server {
    registry_without(None)
}

/// The same, which lacks one tarball.
pub(super) fn registry_without(missing: Option<&'static str>) -> Server {
    Server::start(move |request| {
        if missing == Some(request.path.as_str()) {
            return Response::status(404);
        }
        let base = |path: &str| format!("http://{}{path}", request.host);
        let signatures = json!([{"keyid": "SHA256:x", "sig": "AA=="}]);
        let attestations = json!({"url": base("/public/-/npm/v1/attestations/proven@1.0.0"), "provenance": {}});
        let public = |name: &str, proofs: &Value| Response::ok(packument(name, &base("/public/"), proofs));
        match request.path.as_str() {
            "/public/proven" => public(
                "proven",
                &json!({"signatures": signatures, "attestations": attestations}),
            ),
            "/public/plain" => public("plain", &json!({"signatures": signatures})),
            "/public/-/npm/v1/keys" => Response::ok(KEYS),
            "/public/-/npm/v1/attestations/proven@1.0.0" => Response::ok(ATTESTATIONS),
            "/corp/@corp%2finner" => Response::ok(packument("@corp/inner", &base("/corp/"), &json!({}))),
            "/public/proven/-/proven-1.0.0.tgz" => Response::ok(tarball("proven")),
            "/public/plain/-/plain-1.0.0.tgz" => Response::ok(tarball("plain")),
            "/corp/@corp/inner/-/inner-1.0.0.tgz" => Response::ok(tarball("@corp/inner")),
            _ => Response::status(404),
        }
    })
}

const NAMES: [&str; 3] = ["proven", "plain", "@corp/inner"];

fn base_of(name: &str) -> &'static str {
    if name.starts_with("@corp/") {
        "/corp/"
    } else {
        "/public/"
    }
}

pub(super) fn package_lock(server: &Server, names: &[&str]) -> String {
    let mut packages = BTreeMap::from([(String::new(), json!({"name": "app"}))]);
    for name in names {
        let url = server.url(&format!("{}{name}/-/{}", base_of(name), file(name)));
        let entry = json!({"version": "1.0.0", "resolved": url, "integrity": hashes(&tarball(name)).0});
        packages.insert(format!("node_modules/{name}"), entry);
    }
    json!({"name": "app", "lockfileVersion": 3, "packages": packages}).to_string()
}

fn pnpm_lock() -> String {
    let packages: String = NAMES
        .iter()
        .map(|name| {
            format!(
                "\n  '{name}@1.0.0':\n    resolution: {{integrity: {}}}\n",
                hashes(&tarball(name)).0
            )
        })
        .collect();
    format!("lockfileVersion: '9.0'\n\nimporters:\n\n  .: {{}}\n\npackages:\n{packages}")
}

fn yarn_lock(server: &Server) -> String {
    let mut text = "# yarn lockfile v1\n\n".to_owned();
    for name in NAMES {
        let url = server.url(&format!("{}{name}/-/{}", base_of(name), file(name)));
        let (integrity, shasum) = hashes(&tarball(name));
        text.push_str(&format!(
            "\n\"{name}@^1.0.0\":\n  version \"1.0.0\"\n  resolved \"{url}#{shasum}\"\n  integrity {integrity}\n"
        ));
    }
    text
}

/// The client's configuration names both registries; only pnpm's lock needs it.
fn npmrc(server: &Server) -> String {
    format!(
        "registry={}\n@corp:registry={}\n",
        server.url("/public/"),
        server.url("/corp/")
    )
}

/// Exports twice, imports, and looks at everything that came.
fn journey(server: &Server, site: &Site, lockfile: &str) {
    let first = site.export(lockfile, "media");
    assert_eq!(first["artifacts"], 3, "{first}");
    assert_eq!(first["from"]["fetched"], 3, "{first}");
    let asked = server.requests().len();
    let second = site.export(lockfile, "again");
    assert_eq!(server.requests().len(), asked, "a second export asks nobody");
    assert_eq!((&second["from"]["cache"], &second["requests"]), (&json!(3), &json!(0)));
    assert_eq!(second["documents"], first["documents"]);

    site.import_reviewed("media");
    site.import_reviewed("again");
    let listed = site.listed();
    let files: Vec<_> = listed
        .iter()
        .map(|artifact| artifact["file"].as_str().unwrap())
        .collect();
    assert_eq!(files, ["inner-1.0.0.tgz", "plain-1.0.0.tgz", "proven-1.0.0.tgz"]);
    let [inner, plain, proven] = listed.as_slice() else {
        panic!()
    };
    let states = |artifact| -> Vec<String> {
        proofs(artifact)
            .iter()
            .map(|(kind, state, _)| format!("{kind} {state}"))
            .collect()
    };
    assert_eq!(
        states(inner),
        ["npm-signature not-served", "npm-attestations not-served"]
    );
    assert_eq!(states(plain), ["npm-signature present", "npm-attestations absent"]);
    assert_eq!(states(proven), ["npm-signature present", "npm-attestations present"]);

    // What the registry said lies in the enclave byte for byte.
    assert_eq!(site.object(proven["digest"].as_str().unwrap()), tarball("proven"));
    let signature = site.object(proofs(proven)[0].2[0]);
    let signatures = json!([{"keyid": "SHA256:x", "sig": "AA=="}]);
    let attested = json!({"url": server.url("/public/-/npm/v1/attestations/proven@1.0.0"), "provenance": {}});
    let proofs_of_proven = json!({"signatures": signatures, "attestations": attested});
    let served = packument("proven", &server.url("/public/"), &proofs_of_proven);
    assert_eq!(String::from_utf8(signature).unwrap(), served);
    assert_eq!(site.object(proofs(proven)[1].2[0]), ATTESTATIONS.as_bytes());
    let keys = sealift::model::Digest::of(KEYS.as_bytes()).to_string();
    let found = site.json(&format!("where --enclave en {keys}"));
    assert_eq!(found["found"][0]["kind"], "registry-keys", "{found}");
    assert_eq!(found["found"][0]["origin"], server.url("/public/-/npm/v1/keys"));
}

#[test]
fn package_lock_names_its_registries_itself() {
    let (server, site) = (registry(), Site::new());
    site.write("project/package-lock.json", package_lock(&server, &NAMES));
    journey(&server, &site, "package-lock.json");
}

#[test]
fn pnpm_lock_is_fetched_from_the_configured_registries() {
    let (server, site) = (registry(), Site::new());
    site.write("project/pnpm-lock.yaml", pnpm_lock());
    site.write("home/.npmrc", npmrc(&server));
    journey(&server, &site, "pnpm-lock.yaml");
    // A scope with a registry of its own is told to nobody else, nor are others told to it.
    for path in server.paths() {
        let is_about_a_name = !path.contains("/-/npm/v1/keys");
        assert!(
            !is_about_a_name || path.starts_with("/corp/") == path.contains("inner"),
            "{path}"
        );
    }
}

#[test]
fn yarn_lock_names_its_registries_itself() {
    let (server, site) = (registry(), Site::new());
    site.write("project/yarn.lock", yarn_lock(&server));
    journey(&server, &site, "yarn.lock");
}

#[test]
fn bytes_from_npms_cache_come_with_the_proofs_of_the_registry_in_the_lock() {
    let (server, site) = (registry(), Site::new());
    site.write("project/package-lock.json", package_lock(&server, &["proven"]));
    let (integrity, _) = hashes(&tarball("proven"));
    let digits = sealift::model::Claim::from_integrity(&integrity).unwrap().hex();
    let (first, second, rest) = (&digits[..2], &digits[2..4], &digits[4..]);
    site.write(
        &format!("home/.npm/_cacache/content-v2/sha512/{first}/{second}/{rest}"),
        tarball("proven"),
    );
    let exported = site.export("package-lock.json", "media");
    assert_eq!(exported["from"]["client_caches"], 1, "{exported}");
    assert!(!server.paths().iter().any(|path| path.ends_with(".tgz")));
    site.import_reviewed("media");
    let listed = site.listed();
    assert_eq!(listed[0]["origin"], "cache");
    assert_eq!(proofs(&listed[0])[1].1, "present");
}

#[test]
fn a_cache_and_no_registry_means_that_nobody_was_asked() {
    let site = Site::new();
    site.write("project/pnpm-lock.yaml", pnpm_lock());
    for name in NAMES {
        site.write(&format!("mirror/{}", file(name)), tarball(name));
    }
    let exported = site.json(&format!(
        "{} --from mirror",
        super::export_line("pnpm-lock.yaml", "media")
    ));
    assert_eq!(
        (&exported["from"]["folders"], &exported["requests"]),
        (&json!(3), &json!(0))
    );
    site.import("media");
    for artifact in site.listed() {
        assert!(
            proofs(&artifact).iter().all(|(_, state, _)| *state == "not-asked"),
            "{artifact}"
        );
    }
}

#[test]
fn what_the_policy_keeps_out_gets_no_page() {
    let (server, site) = (registry(), Site::new());
    let policy = PLAIN.replace("files: { evidence: none }", "npm: { evidence: none, min_age_days: 7 }");
    let deny = "deny: [{ match: \"npm/plain\", reason: test }]\non_refusal: keep-out\n";
    site.stand_policy(&format!("{policy}{deny}"), "en/trust");
    site.write(
        "project/package-lock.json",
        package_lock(&server, &["plain", "@corp/inner"]),
    );
    site.export("package-lock.json", "media");
    site.import("media");
    let names: Vec<Value> = site.listed().iter().map(|artifact| artifact["name"].clone()).collect();
    assert_eq!(names, [json!("@corp/inner")]);
    assert!(site.path("en/repository/npm/@corp/inner").exists());
    assert!(!site.path("en/repository/npm/plain").exists());
    // Nor does the enclave remember what the registry says of it.
    let ledger = sealift::enclave::read(&site.path("en")).unwrap();
    let mut described = BTreeSet::new();
    let visit = |digest: &Digest, _| -> Result<(), LedgerError> {
        for found in ledger.uses(digest)? {
            if let Use::Document { name, .. } = found {
                described.insert(name.name);
            }
        }
        Ok(())
    };
    ledger.for_each_object(visit).unwrap();
    assert!(described.iter().eq(["@corp/inner"]), "{described:?}");
}

#[test]
fn ages_are_counted_from_what_the_registry_says() {
    let (server, site) = (registry(), Site::new());
    let policy = PLAIN.replace(
        "files: { evidence: none }",
        "npm: { evidence: none, min_age_days: 36000 }",
    );
    site.stand_policy(&policy, "en/trust");
    site.write("project/package-lock.json", package_lock(&server, &["plain"]));
    site.export("package-lock.json", "media");
    let ran = site.run("import --enclave en media");
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("2020-01-02T03:04:05Z (the registry says)") && ran.stderr.contains("[too-new]"),
        "{}",
        ran.stderr
    );
}
