//! Maven: coordinates from a repository on loopback, and a local repository as a build leaves it.

use serde_json::{Value, json};

use super::{Site, proofs};
use crate::http::{Response, Server};
use crate::maven::{jar, pom};

const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----\n\nAA==\n-----END PGP SIGNATURE-----\n";

fn sha1(bytes: &[u8]) -> String {
    use sha1::Digest as _;
    hex::encode(sha1::Sha1::digest(bytes))
}

fn file(path: &str) -> Option<Vec<u8>> {
    let (name, ending) = path
        .strip_prefix("/m2/org/example/")?
        .rsplit_once("/")?
        .1
        .rsplit_once('.')?;
    let parent = "<parent><groupId>org.example</groupId><artifactId>parent</artifactId><version>3</version></parent>";
    match (name, ending) {
        ("lib-1.0", "pom") => Some(pom("org.example", "lib", "1.0", parent).into()),
        ("lib-1.0", "jar") => Some(jar(&[(
            "META-INF/maven/org.example/lib/pom.properties",
            "version=1.0\ngroupId=org.example\nartifactId=lib\n",
        )])),
        ("lib-1.0-sources", "jar") => Some(jar(&[("Lib.java", "class Lib {}")])),
        ("parent-3", "pom") => Some(pom("org.example", "parent", "3", "<packaging>pom</packaging>").into()),
        _ => None,
    }
}

/// Has SHA-1 beside every file, and signs the library's jar.
fn repository() -> Server {
    Server::start(|request| {
        let path = request.path.as_str();
        if path.ends_with("lib-1.0.jar.asc") {
            return Response::ok(SIGNATURE);
        }
        let (of, is_checksum) = match path.strip_suffix(".sha1") {
            Some(of) => (of, true),
            None => (path, false),
        };
        match file(of) {
            Some(bytes) if is_checksum => Response::ok(sha1(&bytes)),
            Some(bytes) => Response::ok(bytes),
            None => Response::status(404),
        }
    })
}

fn selection(server: &Server) -> String {
    format!(
        "schema: sealift-selection/1\nselect:\n  - ecosystem: maven\n    coordinates:\n      - org.example:lib:1.0\n\
         \x20     - org.example:lib:jar:sources:1.0\n      - org.example:parent:pom:3\nupstreams:\n  - {{ecosystem: maven, url: \"{}\"}}\n",
        server.url("/m2/")
    )
}

fn read(site: &Site, path: &str) -> String {
    std::fs::read_to_string(site.path("en/repository/maven").join(path)).unwrap()
}

#[test]
fn coordinates_are_fetched_carried_and_published() {
    let (server, site) = (repository(), Site::new());
    site.write("project/sealift.yaml", selection(&server));
    let planned = site.json("export --exporter ex --select project/sealift.yaml --out media --dry-run");
    assert!(planned.to_string().contains("lib-1.0-sources.jar"), "{planned}");
    assert!(
        planned["warnings"].to_string().contains("3 entries have no digest"),
        "{planned}"
    );
    let first = site.export("sealift.yaml", "media");
    assert_eq!(
        (&first["artifacts"], &first["from"]["fetched"]),
        (&json!(4), &json!(4)),
        "{first}"
    );
    let asked = server.requests().len();
    let second = site.export("sealift.yaml", "again");
    assert_eq!(server.requests().len(), asked, "a second export asks nobody");
    assert_eq!(second["from"]["cache"], 4, "{second}");

    site.import_reviewed("media");
    let listed = site.listed();
    let files: Vec<&str> = listed
        .iter()
        .map(|artifact| artifact["file"].as_str().unwrap())
        .collect();
    assert_eq!(
        files,
        ["lib-1.0-sources.jar", "lib-1.0.jar", "lib-1.0.pom", "parent-3.pom"]
    );
    let states = |artifact: &Value| -> Vec<String> {
        let proofs = proofs(artifact);
        proofs
            .iter()
            .map(|(kind, state, _)| format!("{kind} {state}"))
            .collect()
    };
    assert_eq!(states(&listed[1]), ["openpgp present", "sigstore absent"]);
    assert_eq!(states(&listed[2]), ["openpgp absent", "sigstore absent"]);
    assert_eq!(states(&listed[3]), ["openpgp not-served", "sigstore not-served"]);
    assert!(
        listed[1]["reason"].as_str().unwrap().ends_with("(without a digest)"),
        "{}",
        listed[1]
    );
    assert_eq!(listed[1]["origin"], server.url("/m2/org/example/lib/1.0/lib-1.0.jar"));

    assert_eq!(read(&site, "org/example/lib/1.0/lib-1.0.jar.asc"), SIGNATURE);
    let jar = file("/m2/org/example/lib/1.0/lib-1.0.jar").unwrap();
    assert_eq!(read(&site, "org/example/lib/1.0/lib-1.0.jar.sha1"), sha1(&jar));
    assert!(read(&site, "org/example/lib/maven-metadata.xml").contains("<release>1.0</release>"));

    // Each file has a purl of its own.
    let found = site.json("where --enclave en pkg:maven/org.example/lib@1.0?classifier=sources&type=jar");
    let found = found["found"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        found[0]["places"],
        json!(["maven/org/example/lib/1.0/lib-1.0-sources.jar"])
    );
    let all = site.json("where --enclave en pkg:maven/org.example/lib@1.0");
    assert_eq!(all["found"].as_array().unwrap().len(), 3);
    let page = site
        .succeeds("where --enclave en maven/org/example/lib/maven-metadata.xml")
        .stdout;
    assert!(page.contains("a page that sealift made"), "{page}");
}

#[test]
fn a_file_that_does_not_fit_its_checksum_is_refused() {
    let site = Site::new();
    let server = Server::start(|request| match request.path.strip_suffix(".sha1") {
        Some(path) if path.ends_with(".jar") => Response::ok(sha1(b"other")),
        Some(path) => file(path).map_or_else(|| Response::status(404), |bytes| Response::ok(sha1(&bytes))),
        None => file(&request.path).map_or_else(|| Response::status(404), Response::ok),
    });
    site.write("project/sealift.yaml", selection(&server));
    let refused = site.refused(&super::export_line("sealift.yaml", "media"));
    assert!(refused.contains("[lock-digest-mismatch]"), "{refused}");
    assert!(refused.contains(&sha1(b"other")), "{refused}");
}

/// Without a digest nothing but the host vouches for the bytes: a redirect to a host that nobody named is not followed.
#[test]
fn what_nobody_pins_comes_from_named_hosts_only() {
    let site = Site::new();
    let server = Server::start(|request| {
        if request.path.ends_with(".jar") {
            return Response::redirect("https://elsewhere.example.com/x.jar");
        }
        file(&request.path).map_or_else(|| Response::status(404), Response::ok)
    });
    site.write("project/sealift.yaml", selection(&server));
    let refused = site.refused(&super::export_line("sealift.yaml", "media"));
    assert!(refused.contains("elsewhere.example.com"), "{refused}");
}

#[test]
fn a_local_repository_is_taken_without_its_bookkeeping() {
    let site = Site::new();
    for path in ["lib/1.0/lib-1.0.pom", "lib/1.0/lib-1.0.jar", "parent/3/parent-3.pom"] {
        let bytes = file(&format!("/m2/org/example/{path}")).unwrap();
        site.write(&format!("m2/org/example/{path}"), &bytes);
        site.write(&format!("m2/org/example/{path}.sha1"), sha1(&bytes));
    }
    for path in [
        "lib/1.0/_remote.repositories",
        "lib/1.0/lib-1.0-sources.jar.lastUpdated",
        "lib/maven-metadata-central.xml",
        "lib/resolver-status.properties",
    ] {
        site.write(&format!("m2/org/example/{path}"), "x");
    }
    site.write("m2/org/example/lib/2-SNAPSHOT/lib-2-SNAPSHOT.jar", "x");
    let line = "--json export --exporter ex --select m2 --out media --created 2026-11-01T00:00:00Z --offline";
    let planned: Value = serde_json::from_str(&site.succeeds(&format!("{line} --dry-run")).stdout).unwrap();
    let exported: Value = serde_json::from_str(&site.succeeds(line).stdout).unwrap();
    assert_eq!(
        (&exported["artifacts"], &exported["from"]["folders"]),
        (&json!(3), &json!(3)),
        "{exported}"
    );
    let left_out = planned["left_out"].as_array().unwrap();
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    assert!(left_out[0].as_str().unwrap().contains("is a snapshot"));
    site.import("media");
    let listed = site.listed();
    assert!(listed.iter().all(|artifact| proofs(artifact)[0].1 == "not-asked"));
}

/// A second bundle adds a version and a plugin: the pages that names share hold what came before, too.
#[test]
fn shared_pages_grow_with_each_bundle() {
    let site = Site::new();
    let plugin = |id: &str| {
        jar(&[(
            "META-INF/maven/plugin.xml",
            &format!("<plugin><goalPrefix>{id}</goalPrefix></plugin>"),
        )])
    };
    let carry = |number: &str| {
        site.succeeds(&format!(
            "export --exporter ex --select m{number} --out media{number} --created 2026-11-0{number}T00:00:00Z --offline"
        ));
        site.import(&format!("media{number}"));
    };
    site.write("m1/org/mojo/a/1/a-1.jar", plugin("a"));
    site.write("m1/org/mojo/lib/1.9/lib-1.9.jar", jar(&[]));
    carry("1");
    site.write("m2/org/mojo/b/1/b-1.jar", plugin("b"));
    site.write("m2/org/mojo/lib/1.10/lib-1.10.jar", jar(&[]));
    // Its versions stand in the same file as the plugins of the group of that name.
    site.write(
        "m2/org/mojo/1/mojo-1.pom",
        pom("org", "mojo", "1", "<packaging>pom</packaging>"),
    );
    carry("2");
    let page = read(&site, "org/mojo/maven-metadata.xml");
    for part in ["<prefix>a</prefix>", "<prefix>b</prefix>", "<version>1</version>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = read(&site, "org/mojo/lib/maven-metadata.xml");
    assert!(
        page.contains("<version>1.9</version>\n      <version>1.10</version>"),
        "{page}"
    );
    assert!(page.contains("<latest>1.10</latest>"), "{page}");
    let kept = read(&site, "org/mojo/maven-metadata.xml.sha1");
    assert_eq!(kept, sha1(read(&site, "org/mojo/maven-metadata.xml").as_bytes()));
}
