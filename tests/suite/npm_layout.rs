//! The files that npm's clients find.

use std::collections::BTreeMap;

use sealift::ecosystem::npm::{Npm, REGISTRY, packument_path, tarball_path};
use sealift::ecosystem::{Ecosystem as _, Held, PlacedContent, RepositoryPlace};
use sealift::model::{Artifact, Digest};
use serde_json::{Value, json};

fn held(name: &str, version: &str, facts: Value) -> Held {
    let mut facts = facts;
    if facts.get("manifest").is_none() {
        facts["manifest"] = json!({"dist": {"integrity": "sha512-x", "shasum": "y"}});
    }
    Held {
        artifact: Artifact {
            ecosystem: "npm".to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            file: "ignored.tgz".to_owned(),
            digest: Digest::of(version.as_bytes()),
            origin: "cache".to_owned(),
            reason: "test".to_owned(),
            proofs: Vec::new(),
        },
        size: 1,
        facts,
        derived: BTreeMap::new(),
    }
}

/// The paths, and the packument.
fn layout(name: &str, held: &[Held]) -> (Vec<String>, Value) {
    let files = Npm.layout(name, held).unwrap();
    let mut packument = Value::Null;
    for file in &files {
        if let PlacedContent::Bytes(bytes) = &file.content {
            packument = serde_json::from_slice(bytes).unwrap();
        }
    }
    (files.iter().map(|file| file.path.to_string()).collect(), packument)
}

#[test]
fn a_package_is_a_packument_and_its_tarballs() {
    let held = [
        held("@s/x", "1.10.0", json!({"published": "2024-02-01T00:00:00.000Z"})),
        held(
            "@s/x",
            "1.9.0",
            json!({
                "manifest": {"name": "evil", "version": "6.6.6", "bin": {"x": "y"}, "dist": {"tarball": "https://evil.example.com/x.tgz"}},
                "published": "2024-01-01T00:00:00.000Z",
            }),
        ),
    ];
    let (paths, packument) = layout("@s/x", &held);
    assert_eq!(
        paths,
        ["@s/x/-/x-1.10.0.tgz", "@s/x/-/x-1.9.0.tgz", "@s/x/packument.json"]
    );
    assert_eq!(
        packument,
        json!({
            "_id": "@s/x", "name": "@s/x", "dist-tags": {"latest": "1.10.0"},
            "versions": {
                "1.9.0": {"name": "@s/x", "version": "1.9.0", "bin": {"x": "y"},
                    "dist": {"tarball": format!("{REGISTRY}/@s/x/-/x-1.9.0.tgz")}},
                "1.10.0": {"name": "@s/x", "version": "1.10.0",
                    "dist": {"integrity": "sha512-x", "shasum": "y", "tarball": format!("{REGISTRY}/@s/x/-/x-1.10.0.tgz")}},
            },
            "time": {"created": "2024-01-01T00:00:00.000Z", "modified": "2024-02-01T00:00:00.000Z",
                "1.9.0": "2024-01-01T00:00:00.000Z", "1.10.0": "2024-02-01T00:00:00.000Z"},
            "modified": "2024-02-01T00:00:00.000Z",
        })
    );
    let files = Npm.layout("@s/x", &held).unwrap();
    assert_eq!(files[0].content, PlacedContent::Object(Digest::of(b"1.10.0")));
    // The order in which they are held does not matter.
    let [first, second] = held;
    assert_eq!(Npm.layout("@s/x", &[second, first]).unwrap(), files);
    assert_eq!(Npm.layout("x", &[]).unwrap(), []);
}

#[test]
fn times_are_upstream_s_or_none() {
    let (_, packument) = layout("x", &[held("x", "1.0.0", json!({}))]);
    assert_eq!(packument["time"], json!({}));
    assert_eq!(packument.get("modified"), None);
    let (_, packument) = layout(
        "x",
        &[
            held(
                "x",
                "1.0.0",
                json!({"created": "2020-01-01T00:00:00Z", "modified": "2024-01-01T00:00:00Z"}),
            ),
            held(
                "x",
                "2.0.0",
                json!({"created": "2019-12-31T23:00:00-02:00", "modified": "2023-12-31T23:00:00Z",
                "published": "2025-01-01T00:00:00Z"}),
            ),
        ],
    );
    assert_eq!(
        packument["time"],
        json!({"created": "2020-01-01T00:00:00Z", "modified": "2024-01-01T00:00:00Z", "2.0.0": "2025-01-01T00:00:00Z"})
    );
}

#[test]
fn tags_name_held_versions_only() {
    let tags = |held: &[Held]| layout("x", held).1["dist-tags"].clone();
    let plain = |version: &str| held("x", version, json!({}));
    assert_eq!(
        tags(&[plain("1.9.0"), plain("1.10.0"), plain("2.0.0-rc.1")]),
        json!({"latest": "1.10.0"})
    );
    assert_eq!(
        tags(&[plain("2.0.0-rc.9"), plain("2.0.0-rc.10")]),
        json!({"latest": "2.0.0-rc.10"})
    );
    let told = |version: &str, latest: &str, modified: &str, tags: &[&str]| {
        held(
            "x",
            version,
            json!({"latest": latest, "modified": modified, "tags": tags}),
        )
    };
    // Upstream's `latest` counts where it is held, by the newest packument.
    let old = "2023-01-01T00:00:00Z";
    let new = "2024-01-01T00:00:00Z";
    assert_eq!(
        tags(&[
            told("1.0.0", "1.0.0", new, &["lts", "next"]),
            told("2.0.0", "2.0.0", old, &["next", "beta"])
        ]),
        json!({"latest": "1.0.0", "lts": "1.0.0", "next": "1.0.0", "beta": "2.0.0"})
    );
    assert_eq!(
        tags(&[told("1.0.0", "1.0.0", old, &[]), told("2.0.0", "9.0.0", new, &[])]),
        json!({"latest": "2.0.0"})
    );
    // No version calls itself `latest` by a tag.
    assert_eq!(
        tags(&[told("1.0.0", "2.0.0", new, &["latest"]), plain("2.0.0")]),
        json!({"latest": "2.0.0"})
    );
}

#[test]
fn names_stay_apart_on_every_file_system() {
    let path = |name: &str| packument_path(name).unwrap().to_string();
    assert_eq!(path("jsonstream"), "jsonstream/packument.json");
    assert_eq!(path("JSONStream"), "!j!s!o!n!stream/packument.json");
    assert_eq!(path("@S/x"), "@!s/x/packument.json");
    assert_eq!(path("con"), "!!con/packument.json");
    assert_eq!(path("@s/nul.js"), "@s/!!nul.js/packument.json");
    assert_eq!(
        tarball_path("JSONStream", "JSONStream-1.0.0-RC.1.tgz")
            .unwrap()
            .to_string(),
        "!j!s!o!n!stream/-/!j!s!o!n!stream-1.0.0-!r!c.1.tgz"
    );
    for wrong in ["", "..", "../x", "x/y", "@s", "x!", "a b", "é"] {
        assert!(packument_path(wrong).is_err(), "{wrong}");
    }
    for wrong in ["", "..", "../x.tgz", "a/b", "x!.tgz", "a\\b", "a:b"] {
        assert!(tarball_path("x", wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_cannot_be_laid_out_is_refused() {
    let refused = |name: &str, held: &[Held], what: &str| {
        let reason = Npm.layout(name, held).unwrap_err().reason;
        assert!(reason.contains(what), "{reason}");
    };
    let plain = || held("x", "1.0.0", json!({}));
    refused("x", &[plain(), plain()], "npm x 1.0.0 is held twice");
    refused("../x", &[plain()], "cannot be a path");
    refused("x", &[held("x", "1.0/../0", json!({}))], "is not a version");
    refused(
        "x",
        &[held("x", "1.0.0", json!({"unknown": 1}))],
        "facts about npm x 1.0.0 cannot be read",
    );
    refused("x", &[held("x", "1.0.0", json!({"manifest": {}}))], "have no `dist`");
}

#[test]
fn clients_are_pointed_at_the_server() {
    let config = |url: Option<&str>| {
        Npm.client_config(&RepositoryPlace {
            folder: "/repository/npm".into(),
            url: url.map(str::to_owned),
        })
    };
    assert!(config(None).is_empty());
    let all = config(Some("http://127.0.0.1:8080"));
    let find = |file: &str| &all.iter().find(|config| config.file == file).unwrap().text;
    assert!(find(".npmrc").starts_with("registry=http://127.0.0.1:8080/npm/\n"));
    assert!(find(".npmrc").contains("replace-registry-host=always\n"));
    assert!(find(".yarnrc").starts_with("registry \"http://127.0.0.1:8080/npm/\"\n"));
    assert_eq!(
        find(".yarnrc.yml"),
        "npmRegistryServer: \"http://127.0.0.1:8080/npm/\"\nunsafeHttpWhitelist:\n  - \"127.0.0.1\"\n"
    );
    let secure = config(Some("https://enclave.example.com"));
    assert_eq!(
        secure.iter().find(|config| config.file == ".yarnrc.yml").unwrap().text,
        "npmRegistryServer: \"https://enclave.example.com/npm/\"\n"
    );
}
