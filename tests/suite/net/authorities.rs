//! Certificate authorities that the clients' configuration names.

use sealift::ecosystem;
use sealift::export::connect::{Connection, connect};
use sealift::export::select::{Request, select};
use sealift::model::Stop;

use super::*;
use crate::surroundings::Surroundings;

const AUTHORITY: &str = include_str!("../../fixtures/tls/ca.pem");

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Connects as for an export of these lockfiles, and fetches what the server has.
fn fetched(lockfiles: &[(&str, String)], around: &Surroundings, url: &str) -> Result<bool, Stop> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in lockfiles {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let names: Vec<_> = lockfiles.iter().map(|(name, _)| name.into()).collect();
    let request = Request::from_arguments(&names, folder.path(), ecosystem::ALL).unwrap();
    let selected = select(request, ecosystem::ALL).unwrap();
    let connection = Connection {
        certificates: None,
        freshness: Freshness::Cached,
        limits: quick(),
        now: NEVER,
    };
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    let client = connect(&selected, ecosystem::ALL, around, &connection, &cache)?;
    let claims = [sha256(b"good")];
    let request = FileRequest {
        url,
        claims: &claims,
        size: None,
    };
    match client.fetch(&request, &|_| {}) {
        Ok(_) => Ok(true),
        Err(FetchError::Client(ClientError::Insecure { .. })) => Ok(false),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_clients_own_authorities_count() {
    let (url, _) = secure_server();
    let python = || [("requirements.txt", format!("a==1 --hash=sha256:{ZEROS}\n"))];
    let index = format!("[global]\nindex-url = {url}simple\n");
    let pip = |setting: &str| {
        let text = format!("{index}{setting}");
        Surroundings::default()
            .file("/etc/pip.conf", &text)
            .file("/etc/ca.pem", AUTHORITY)
            .file("/etc/text", "no certificate")
    };
    assert!(!fetched(&python(), &pip(""), &url).unwrap());
    assert!(fetched(&python(), &pip("cert = /etc/ca.pem\n"), &url).unwrap());
    for name in ["PIP_CERT", "REQUESTS_CA_BUNDLE"] {
        let around = pip("").variable(name, "/etc/ca.pem");
        assert!(fetched(&python(), &around, &url).unwrap(), "{name}");
    }
    // Another client's variable says nothing about pip's hosts while that client has no part in it.
    let other = pip("").variable("CARGO_HTTP_CAINFO", "/etc/ca.pem");
    assert!(!fetched(&python(), &other, &url).unwrap());

    let Err(Stop::Unable(absent)) = fetched(&python(), &pip("cert = /etc/absent.pem\n"), &url) else {
        panic!("a file that is not there was taken");
    };
    assert_eq!(absent.what, "cannot read /etc/absent.pem");
    assert!(absent.hint.unwrap().starts_with("cert in /etc/pip.conf names it"));
    let Err(Stop::Refused(refusals)) = fetched(&python(), &pip("cert = /etc/text\n"), &url) else {
        panic!("a text without certificates was taken");
    };
    assert_eq!(refusals[0].code, sealift::model::Code::SelectionMalformed);
    assert_eq!(refusals[0].subject, "/etc/text");
}

#[test]
fn nodes_variable_and_npms_cafile_count_for_npm() {
    let (url, _) = secure_server();
    let lock = format!(
        r#"{{"lockfileVersion":3,"packages":{{"node_modules/a":{{"version":"1.0.0","resolved":"{url}a/-/a-1.0.0.tgz","integrity":"sha512-{}"}}}}}}"#,
        "A".repeat(86) + "=="
    );
    let npm = || [("package-lock.json", lock.clone())];
    let around = || Surroundings::default().file("/etc/ca.pem", AUTHORITY);
    assert!(!fetched(&npm(), &around(), &url).unwrap());
    for (name, value) in [
        ("NODE_EXTRA_CA_CERTS", "/etc/ca.pem"),
        ("npm_config_cafile", "/etc/ca.pem"),
    ] {
        assert!(
            fetched(&npm(), &around().variable(name, value), &url).unwrap(),
            "{name}"
        );
    }
    let relative = around()
        .file("/project/.npmrc", "cafile=own.pem\n")
        .file("/project/own.pem", AUTHORITY);
    assert!(fetched(&npm(), &relative, &url).unwrap());
}
