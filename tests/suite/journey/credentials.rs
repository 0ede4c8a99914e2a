//! Secrets reach their own host, and nothing else: no other host, no bundle, no plan, no message.

use std::io::Read as _;
use std::path::Path;

use super::npm::{package_lock, registry, registry_without};
use super::{Site, export_line, files};
use crate::http::{Response, Server};

const SECRET: &str = "s3cret-t0ken";

/// Looks for a text in a file; of what is compressed, in what it stands for.
fn holds(bytes: &[u8], needle: &str) -> bool {
    let found = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    let starts = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, window)| *window == magic)
        .map(|(at, _)| at);
    let mut frames = starts.filter_map(|at| {
        let mut content = Vec::new();
        let decoder = zstd::stream::read::Decoder::new(&bytes[at..]).ok()?;
        // Whatever stands behind a frame ends the reading, not what was read.
        let _ = decoder.single_frame().read_to_end(&mut content);
        Some(content)
    });
    found(bytes) || frames.any(|content| found(&content))
}

fn holds_anywhere(folder: &Path, needle: &str) -> Option<String> {
    files(folder).into_iter().find_map(|path| {
        if path.is_dir() {
            holds_anywhere(&path, needle)
        } else {
            holds(&std::fs::read(&path).unwrap(), needle).then(|| path.display().to_string())
        }
    })
}

#[test]
fn the_search_sees_through_compression() {
    let frame = zstd::encode_all(SECRET.repeat(100).as_bytes(), 3).unwrap();
    assert!(holds(&[b"before".as_slice(), &frame, b"behind"].concat(), SECRET));
    assert!(!holds(b"nothing", SECRET));
}

/// Both servers are on loopback, and told apart by their ports.
#[test]
fn a_token_goes_to_its_registry_and_nowhere_else() {
    // The lockfile's own address for `plain` is asked, because the configured registry does not have it.
    let own = registry_without(Some("/public/plain/-/plain-1.0.0.tgz"));
    let (other, site) = (registry(), Site::new());
    let lock = package_lock(&own, &["proven"]);
    let both = lock.replace(
        "\"node_modules/proven\"",
        &format!(
            "\"node_modules/plain\":{},\"node_modules/proven\"",
            serde_json::from_str::<serde_json::Value>(&package_lock(&other, &["plain"])).unwrap()["packages"]
                ["node_modules/plain"]
        ),
    );
    site.write("project/package-lock.json", both);
    site.write(
        "home/.npmrc",
        format!(
            "registry={}\n//{}/public/:_authToken={SECRET}\n",
            own.url("/public/"),
            own.address
        ),
    );
    let ran = site.succeeds(&export_line("package-lock.json", "media"));
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(SECRET));
    let of = |server: &Server| -> Vec<Option<String>> {
        let requests = server.requests().into_iter();
        requests
            .map(|request| request.header("authorization").map(str::to_owned))
            .collect()
    };
    assert!(
        of(&own)
            .iter()
            .all(|header| header.as_deref() == Some(&format!("Bearer {SECRET}")))
    );
    assert!(!of(&own).is_empty() && !of(&other).is_empty());
    assert!(of(&other).iter().all(Option::is_none));
    for folder in ["media", "ex"] {
        assert_eq!(holds_anywhere(&site.path(folder), SECRET), None, "{folder}");
    }
}

#[test]
fn a_password_in_a_lockfile_or_netrc_is_not_carried_or_told() {
    let server = Server::start(|request| match request.header("authorization") {
        None => Response::status(401),
        Some(_) => Response::status(403),
    });
    let site = Site::new();
    let with_password = server.url("/simple").replace("//", &format!("//user:{SECRET}@"));
    site.write(
        "project/requirements.txt",
        format!(
            "--index-url {with_password}\nfoo==1.0 --hash=sha256:{}\n",
            "0".repeat(64)
        ),
    );
    let said = site.refused(&export_line("requirements.txt", "media"));
    assert!(
        said.contains("[upstream-failed]") && said.contains("answered 403"),
        "{said}"
    );
    assert!(said.contains("netrc") && !said.contains(SECRET), "{said}");
    let sent = server.requests()[0].header("authorization").unwrap().to_owned();
    assert!(sent.starts_with("Basic "), "{sent}");

    site.write(
        "project/requirements.txt",
        format!(
            "--index-url {}\nfoo==1.0 --hash=sha256:{}\n",
            server.url("/simple"),
            "0".repeat(64)
        ),
    );
    site.write(
        "home/.netrc",
        format!("machine 127.0.0.1\nlogin user\npassword {SECRET}\n"),
    );
    let said = site.refused(&export_line("requirements.txt", "media"));
    assert!(said.contains("answered 403") && !said.contains(SECRET), "{said}");
    assert_eq!(
        server.requests().last().unwrap().header("authorization"),
        Some(sent.as_str())
    );
    assert_eq!(holds_anywhere(&site.path("ex"), SECRET), None);
}

#[test]
fn the_client_s_proxy_is_used_and_its_password_is_told_to_nobody() {
    let (server, site) = (registry(), Site::new());
    let lock = package_lock(&server, &["proven"]).replace(&server.address, "registry.example.com");
    site.write("project/package-lock.json", lock);
    site.write(
        "project/sealift.yaml",
        "schema: sealift-selection/1\nselect:\n  - lockfile: package-lock.json\nallow-plain-http: [registry.example.com]\n",
    );
    let proxy = format!("http://user:{SECRET}@{}", server.address);
    site.write("project/.npmrc", format!("https-proxy={proxy}\n"));
    let ran = site.succeeds(&export_line("sealift.yaml", "media"));
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(SECRET));
    assert!(!server.requests().is_empty());
    for request in server.requests() {
        assert!(request.host.starts_with("registry.example.com"), "{request:?}");
        assert_eq!(request.header("authorization"), None);
    }
    for folder in ["media", "ex"] {
        assert_eq!(holds_anywhere(&site.path(folder), SECRET), None, "{folder}");
    }
    // One that cannot be used is named without what it holds.
    site.write(
        "project/.npmrc",
        format!("https-proxy=socks5://user:{SECRET}@proxy.example.com\n"),
    );
    let ran = site.run(&export_line("sealift.yaml", "other"));
    assert_eq!(ran.status, 3);
    assert!(
        ran.stderr.contains("https-proxy in ") && !ran.stderr.contains(SECRET),
        "{}",
        ran.stderr
    );
}
