//! What clients find while the enclave changes under a server that goes on.

use serde_json::json;

use crate::client::{self, Home};
use crate::packages;
use crate::site::{Reach, Site};

/// An address on the server as `curl` gets it: status, then body.
fn get(reach: &Reach<'_>, curl: &std::path::Path, path: &str) -> (String, String) {
    let Reach::Http(_, served) = reach else { unreachable!() };
    let home = Home::new();
    let mut command = reach.command(&home, curl);
    command
        .args(["--silent", "--write-out", "\n%{http_code}"])
        .arg(format!("{}{path}", served.url));
    let said = client::succeeds(&mut command);
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn a_second_import_shows_without_a_restart_and_goes_back() {
    let Some(curl) = client::find("curl") else {
        return;
    };
    let site = Site::new();
    let reach = Reach::http(&site);
    let get = |path: &str| get(&reach, &curl, path);
    assert_eq!(get("/pypi/simple/fish/").0, "404");
    assert_eq!(get("/npm/dolphin").0, "404");
    assert!(!get("/pypi/simple/").1.contains("fish"));
    assert!(!get("/npm/answer").1.contains("1.2.0"));

    // A new version of one name, and two names; by lockfile, so that the bytes come from the registry.
    let fish = packages::wheel("fish", "1.0", "Requires-Dist: towel-kit\n", "print('so long')");
    let towel = packages::wheel("towel_kit", "1.1", "", "print('wet')");
    site.upstream().publish_python("fish", std::slice::from_ref(&fish));
    site.upstream()
        .publish_python("towel-kit", std::slice::from_ref(&towel));
    site.home().write(
        "requirements.txt",
        format!(
            "fish==1.0 --hash=sha256:{}\ntowel-kit==1.1 --hash=sha256:{}\n",
            fish.sha256(),
            towel.sha256()
        ),
    );
    let dolphin = packages::tarball("dolphin", "1.0.0", "'thanks'", json!({}));
    let answer = packages::tarball("answer", "1.2.0", "43", json!({ "bin": { "answer": "cli.js" } }));
    let lock = json!({
        "name": "app", "version": "1.0.0", "lockfileVersion": 3,
        "packages": {
            "": { "name": "app", "version": "1.0.0" },
            "node_modules/dolphin": { "version": "1.0.0", "integrity": dolphin.0.integrity() },
            "node_modules/answer": { "version": "1.2.0", "integrity": answer.0.integrity() },
        },
    });
    site.upstream().publish_node("dolphin", "1.0.0", &[dolphin]);
    site.upstream().publish_node("answer", "1.2.0", &[answer]);
    site.home().write("package-lock.json", lock.to_string());
    site.select("- lockfile: requirements.txt\n- lockfile: package-lock.json\n");
    site.carry(2);

    let new = |path: &str, sign: &str, there: bool| {
        let (_, body) = get(path);
        assert_eq!(body.contains(sign), there, "{sign} in {path}: {body}");
    };
    let shows_second = |there: bool| {
        new("/pypi/simple/", "fish", there);
        new("/pypi/simple/fish/", "fish-1.0-py3-none-any.whl", there);
        new("/pypi/simple/towel-kit/", "towel_kit-1.1-", there);
        new("/pypi/simple/towel-kit/", "towel_kit-1.0-", true);
        new("/npm/answer", "1.2.0", there);
        new("/npm/answer", "1.1.0", true);
        new("/npm/dolphin", "dolphin-1.0.0.tgz", there);
        new("/cargo/index/le/af/leaf", "0.1.0", true);
    };
    shows_second(true);

    site.run("rollback --enclave enclave --reason because");
    shows_second(false);
    site.run("rollback --enclave enclave --to 2 --reason again");
    shows_second(true);
    site.run("gc --enclave enclave --keep 1");
    shows_second(true);
    for (path, sign) in [
        ("/pypi/files/towel_kit-1.0-py3-none-any.whl", "PK"),
        ("/files/handbook/1.0/guide.txt", "panic"),
    ] {
        let Reach::Http(_, served) = &reach else { unreachable!() };
        let home = Home::new();
        let mut command = reach.command(&home, &curl);
        command
            .args(["--fail", "--silent"])
            .arg(format!("{}{path}", served.url));
        assert!(client::succeeds(&mut command).contains(sign), "{path}");
    }
}
