//! Lockfiles of pip, uv, Poetry and PEP 751, against an index with attestations, one without, and a private one.

use sealift::model::Digest;
use serde_json::json;
use sha2::Digest as _;

use super::{Site, proofs};
use crate::http::{Response, Server};
use crate::wheel::FakeWheel;

fn wheel(name: &str) -> Vec<u8> {
    FakeWheel::new(name, "1.0").bytes()
}

fn file(name: &str) -> String {
    format!("{name}-1.0-py3-none-any.whl")
}

fn sha256(name: &str) -> String {
    Digest::of(&wheel(name)).hex()
}

const PROVENANCE: &str = r#"{"version":1,  "attestation_bundles":[{"publisher":{},"attestations":[]}]}"#;

/// A page of PEP 691; `more` are members of its only file.
fn page(name: &str, more: &str) -> String {
    let (file, sha256, size) = (file(name), sha256(name), wheel(name).len());
    format!(
        "{{\"meta\":{{\"api-version\":\"1.3\"}}, \"name\":\"{name}\", \"versions\":[\"1.0\"], \"files\":[{{\
         \"filename\":\"{file}\",\"url\":\"/files/{file}\",\"hashes\":{{\"sha256\":\"{sha256}\"}},\"size\":{size}{more}}}]}}\n"
    )
}

/// `/simple/` knows provenance: `proven` has it, `plain` has none. `/private/` has `inner`, and knows nothing of it.
fn index() -> Server {
    Server::start(|request| {
        let json = |text: String| {
            let mut response = Response::ok(text);
            let kind = "application/vnd.pypi.simple.v1+json".to_owned();
            response.headers.push(("content-type", kind));
            response
        };
        match request.path.as_str() {
            "/simple/proven/" => json(page("proven", ",\"provenance\":\"/integrity/proven\"")),
            "/simple/plain/" => json(page("plain", ",\"provenance\":null")),
            "/private/inner/" => json(page("inner", "")),
            "/integrity/proven" => Response::ok(PROVENANCE),
            path => match path.strip_prefix("/files/").and_then(|file| file.split('-').next()) {
                Some(name @ ("proven" | "plain" | "inner")) => Response::ok(wheel(name)),
                _ => Response::status(404),
            },
        }
    })
}

const NAMES: [&str; 3] = ["inner", "plain", "proven"];

fn index_of(name: &str) -> &'static str {
    if name == "inner" { "/private" } else { "/simple" }
}

fn journey(server: &Server, site: &Site, lockfile: &str) {
    let first = site.export(lockfile, "media");
    assert_eq!(
        (&first["artifacts"], &first["from"]["fetched"]),
        (&json!(3), &json!(3)),
        "{first}"
    );
    let asked = server.requests().len();
    let second = site.export(lockfile, "again");
    assert_eq!(server.requests().len(), asked, "a second export asks nobody");
    assert_eq!((&second["from"]["cache"], &second["requests"]), (&json!(3), &json!(0)));

    site.import("media");
    let listed = site.listed();
    let files: Vec<_> = listed
        .iter()
        .map(|artifact| artifact["file"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(files, NAMES.map(file));
    let [inner, plain, proven] = listed.as_slice() else {
        panic!()
    };
    assert_eq!(proofs(inner), [("pypi-attestations", "not-served", vec![])]);
    assert_eq!(proofs(plain), [("pypi-attestations", "absent", vec![])]);
    let (_, state, objects) = &proofs(proven)[0];
    assert_eq!((*state, objects.len()), ("present", 1));

    // What the index said lies in the enclave byte for byte.
    assert_eq!(site.object(objects[0]), PROVENANCE.as_bytes());
    assert_eq!(site.object(proven["digest"].as_str().unwrap()), wheel("proven"));
    let page = page("proven", ",\"provenance\":\"/integrity/proven\"");
    let digest = Digest::of(page.as_bytes()).to_string();
    assert_eq!(site.object(&digest), page.as_bytes());
    let found = site.json(&format!("where --enclave en {digest}"));
    assert_eq!(
        (&found["found"][0]["kind"], &found["found"][0]["name"]),
        (&json!("simple-json"), &json!("proven"))
    );
}

/// Nobody but its own index heard of the private name.
fn private_stays_private(server: &Server) {
    for path in server.paths() {
        let is_index = path.starts_with("/private/") || path.starts_with("/simple/");
        assert!(
            !is_index || path.starts_with("/private/") == path.contains("inner"),
            "{path}"
        );
    }
}

fn requirements() -> String {
    let lines = NAMES.map(|name| format!("{name}==1.0 \\\n    --hash=sha256:{}\n", sha256(name)));
    lines.concat()
}

#[test]
fn requirements_with_indexes_of_their_own() {
    let (server, site) = (index(), Site::new());
    let head = format!(
        "--index-url {}\n--extra-index-url {}\n",
        server.url("/simple"),
        server.url("/private")
    );
    site.write("project/requirements.txt", head + &requirements());
    journey(&server, &site, "requirements.txt");
}

#[test]
fn requirements_from_the_configured_indexes() {
    let (server, site) = (index(), Site::new());
    site.write("project/requirements.txt", requirements());
    let (index, extra) = (server.url("/simple"), server.url("/private"));
    site.write(
        "home/.config/pip/pip.conf",
        format!("[global]\nindex-url = {index}\nextra-index-url = {extra}\n"),
    );
    journey(&server, &site, "requirements.txt");
}

#[test]
fn pylock_names_files_and_indexes() {
    let (server, site) = (index(), Site::new());
    let mut text = "lock-version = \"1.0\"\ncreated-by = \"test\"\n".to_owned();
    for name in NAMES {
        let (index, url) = (
            server.url(index_of(name)),
            server.url(&format!("/files/{}", file(name))),
        );
        text.push_str(&format!(
            "\n[[packages]]\nname = \"{name}\"\nversion = \"1.0\"\nindex = \"{index}\"\n\
             wheels = [{{ name = \"{}\", url = \"{url}\", hashes = {{ sha256 = \"{}\" }} }}]\n",
            file(name),
            sha256(name)
        ));
    }
    site.write("project/pylock.toml", text);
    journey(&server, &site, "pylock.toml");
    private_stays_private(&server);
}

#[test]
fn uv_lock_names_files_and_indexes() {
    let (server, site) = (index(), Site::new());
    let mut text = "version = 1\nrevision = 3\n".to_owned();
    for name in NAMES {
        let (index, url) = (
            server.url(index_of(name)),
            server.url(&format!("/files/{}", file(name))),
        );
        text.push_str(&format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"1.0\"\nsource = {{ registry = \"{index}\" }}\n\
             wheels = [{{ url = \"{url}\", hash = \"sha256:{}\" }}]\n",
            sha256(name)
        ));
    }
    site.write("project/uv.lock", text);
    // The client's own index would hear of private names, if it were asked about them.
    let site = site.with_variable("UV_DEFAULT_INDEX", server.url("/simple"));
    journey(&server, &site, "uv.lock");
    private_stays_private(&server);
}

fn poetry_lock(server: &Server) -> String {
    let mut text = String::new();
    for name in NAMES {
        text.push_str(&format!(
            "[[package]]\nname = \"{name}\"\nversion = \"1.0\"\nfiles = [\n    {{file = \"{}\", hash = \"sha256:{}\"}},\n]\n\n",
            file(name),
            sha256(name)
        ));
        if name == "inner" {
            text.push_str(&format!(
                "[package.source]\ntype = \"legacy\"\nurl = \"{}\"\nreference = \"inner\"\n\n",
                server.url("/private")
            ));
        }
    }
    text + "[metadata]\nlock-version = \"2.1\"\npython-versions = \">=3.9\"\ncontent-hash = \"0\"\n"
}

#[test]
fn poetry_lock_names_an_index_where_it_is_not_the_configured_one() {
    let (server, site) = (index(), Site::new());
    site.write("project/poetry.lock", poetry_lock(&server));
    let site = site.with_variable("PIP_INDEX_URL", server.url("/simple"));
    journey(&server, &site, "poetry.lock");
    private_stays_private(&server);
}

#[test]
fn files_of_pips_and_poetrys_caches_are_not_fetched() {
    let (server, site) = (index(), Site::new());
    let url = server.url("/files/proven-1.0-py3-none-any.whl");
    site.write(
        "project/pylock.toml",
        format!(
            "lock-version = \"1.0\"\ncreated-by = \"test\"\n\n[[packages]]\nname = \"proven\"\nversion = \"1.0\"\n\
             index = \"{}\"\nwheels = [{{ url = \"{url}\", hashes = {{ sha256 = \"{}\" }} }}]\n",
            server.url("/simple"),
            sha256("proven")
        ),
    );
    let key = hex::encode(sha2::Sha224::digest(url.as_bytes()));
    let shards: Vec<_> = key.chars().take(5).map(String::from).collect();
    let body = format!("home/.cache/pip/http-v2/{}/{key}.body", shards.join("/"));
    site.write(&body, wheel("proven"));
    site.write("project/poetry.lock", poetry_lock(&server));
    let site = site.with_variable("PIP_INDEX_URL", server.url("/simple"));
    for name in ["inner", "plain"] {
        site.write(
            &format!("home/.cache/pypoetry/artifacts/aa/bb/cc/dd/{}", file(name)),
            wheel(name),
        );
    }
    let exported = site.json(&format!(
        "{} --select project/poetry.lock",
        super::export_line("pylock.toml", "media")
    ));
    // pip's cache is found by the URL in the one lockfile, Poetry's by the file's name in the other.
    assert_eq!(
        (&exported["from"]["client_caches"], &exported["from"]["fetched"]),
        (&json!(3), &json!(0)),
        "{exported}"
    );
    assert!(!server.paths().iter().any(|path| path.starts_with("/files/")));
    site.import("media");
    assert_eq!(site.listed().len(), 3);

    // A requirements file has no URL; the index says it.
    site.write(
        "project/requirements.txt",
        format!("proven==1.0 --hash=sha256:{}\n", sha256("proven")),
    );
    let only = site.export("requirements.txt", "only");
    assert_eq!(
        (&only["from"]["client_caches"], &only["from"]["fetched"]),
        (&json!(1), &json!(0)),
        "{only}"
    );
    // Other bytes at that place are passed over, and the file is fetched.
    site.write(&body, "other");
    let fetched = site.export("requirements.txt", "fetched");
    assert_eq!(fetched["from"]["fetched"], 1, "{fetched}");
}
