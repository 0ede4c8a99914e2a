//! The packages that are carried: tiny ones in their real formats, and the registry documents that go with them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::Digest as _;

use crate::http::{Response, Server};
use crate::tgz::{Entry, tgz};
use crate::wheel::{FakeWheel, tar_gz};

/// A file as a registry publishes it.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

impl Package {
    pub(crate) fn sha256(&self) -> String {
        hex::encode(sha2::Sha256::digest(&self.bytes))
    }

    pub(crate) fn integrity(&self) -> String {
        format!("sha512-{}", STANDARD.encode(sha2::Sha512::digest(&self.bytes)))
    }
}

/// A wheel with one module, which knows its version, and a program that prints what `code` gives.
pub(crate) fn wheel(name: &str, version: &str, requires: &str, code: &str) -> Package {
    let info = format!("{name}-{version}.dist-info");
    let mut wheel = FakeWheel::new(name, version);
    let command = name.replace('_', "-");
    wheel.files.insert(
        0,
        (
            format!("{info}/entry_points.txt"),
            format!("[console_scripts]\n{command} = {name}:main\n").into(),
        ),
    );
    *wheel.file("/METADATA") =
        format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}\nText.\n").into();
    *wheel.file("/__init__.py") = format!("VERSION = '{version}'\n\n\ndef main():\n    {code}\n").into();
    wheel.record();
    Package {
        file: format!("{name}-{version}-py3-none-any.whl"),
        bytes: wheel.bytes(),
    }
}

/// A source distribution that brings its own build backend, so that building it needs nothing else.
fn sdist(name: &str, version: &str) -> Package {
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n");
    let backend = format!(
        "import os, zipfile\n\n\n\
         def build_wheel(folder, config_settings=None, metadata_directory=None):\n\
         \x20   file = '{name}-{version}-py3-none-any.whl'\n\
         \x20   info = '{name}-{version}.dist-info/'\n\
         \x20   with zipfile.ZipFile(os.path.join(folder, file), 'w') as wheel:\n\
         \x20       wheel.writestr('{name}.py', open('{name}.py').read())\n\
         \x20       wheel.writestr(info + 'METADATA', open('PKG-INFO').read())\n\
         \x20       wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n\
         \x20       wheel.writestr(info + 'RECORD', '')\n\
         \x20   return file\n"
    );
    let top = format!("{name}-{version}");
    Package {
        bytes: tar_gz(&[
            (&format!("{top}/PKG-INFO"), &metadata),
            (
                &format!("{top}/pyproject.toml"),
                "[build-system]\nrequires = []\nbuild-backend = \"own_backend\"\nbackend-path = [\".\"]\n",
            ),
            (&format!("{top}/own_backend.py"), &backend),
            (
                &format!("{top}/{name}.py"),
                &format!("VERSION = '{version} from source'\n"),
            ),
        ]),
        file: format!("{top}.tar.gz"),
    }
}

/// A package for npm with one module that exports `code`, and the rest of its `package.json`.
pub(crate) fn tarball(name: &str, version: &str, code: &str, rest: Value) -> (Package, Value) {
    let mut manifest = json!({ "name": name, "version": version, "main": "index.js" });
    manifest
        .as_object_mut()
        .unwrap()
        .extend(rest.as_object().unwrap().clone());
    let bytes = tgz(&[
        Entry::file("package/package.json", manifest.to_string()),
        Entry::file("package/index.js", format!("module.exports = {code};\n")),
        Entry::file(
            "package/cli.js",
            "#!/usr/bin/env node\nconsole.log(`the answer is ${require('./index.js')}`);\n",
        ),
    ]);
    let package = Package {
        file: format!("{}-{version}.tgz", name.replace('/', "-")),
        bytes,
    };
    (package, manifest)
}

/// The Python packages of the first bundle. The page of `deep-thought` yanks 1.2, and 2.0 is for no Python there is.
pub(crate) fn python() -> Vec<Package> {
    let script = "import towel_kit; print('42 with towel', towel_kit.VERSION)";
    vec![
        wheel("towel_kit", "1.0", "Requires-Python: >=3.8\n", "print('dry')"),
        wheel("deep_thought", "1.0", "Requires-Dist: Towel.Kit >=1.0\n", script),
        wheel("deep_thought", "1.1", "Requires-Dist: Towel.Kit >=1.0\n", script),
        wheel("deep_thought", "1.2", "Requires-Dist: Towel.Kit >=1.0\n", script),
        wheel("deep_thought", "2.0", "Requires-Python: >=4.2\n", script),
        sdist("mice", "1.0"),
    ]
}

/// `towel_kit` 1.0 as somebody else would have it: valid in itself.
pub(crate) fn other_towel_kit() -> Package {
    wheel("towel_kit", "1.0", "Requires-Python: >=3.8\n", "print('not the one')")
}

/// `@deep/thought` 1.0.0 as somebody else would have it.
pub(crate) fn other_deep_thought() -> Package {
    tarball("@deep/thought", "1.0.0", "22", json!({})).0
}

/// The packages for npm of the first bundle: a scope, a program, a prerelease that no range takes, an old name with
/// capitals.
pub(crate) fn node() -> Vec<(Package, Value)> {
    let program = json!({ "bin": { "answer": "cli.js" }, "dependencies": { "@deep/thought": "^1.0.0" } });
    vec![
        tarball("@deep/thought", "1.0.0", "21", json!({})),
        tarball("answer", "1.0.0", "'old'", program.clone()),
        tarball("answer", "1.1.0", "2 * require('@deep/thought')", program.clone()),
        tarball("answer", "2.0.0-rc.1", "'too new'", program),
        tarball("HyperThought", "1.0.0", "'loud'", json!({})),
    ]
}

/// Answers by path: media type and body.
type Pages = Arc<Mutex<BTreeMap<String, (&'static str, Vec<u8>)>>>;

/// A registry that is only seen while exporting.
#[derive(Clone)]
pub(crate) struct Upstream {
    server: Server,
    pages: Pages,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let pages = Pages::default();
        let known = Arc::clone(&pages);
        let server = Server::start(move |request| {
            let Some((media_type, bytes)) = known.lock().unwrap().get(&request.path).cloned() else {
                return Response::status(404);
            };
            let mut response = Response::ok(bytes);
            response.headers.push(("content-type", media_type.to_owned()));
            response
        });
        Self { server, pages }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    fn put(&self, path: String, media_type: &'static str, bytes: Vec<u8>) {
        self.pages.lock().unwrap().insert(path, (media_type, bytes));
    }

    /// Publishes files with a project's page (PEP 691).
    pub(crate) fn publish_python(&self, name: &str, packages: &[Package]) {
        let files: Vec<Value> = packages
            .iter()
            .map(|package| {
                self.put(
                    format!("/files/{}", package.file),
                    "application/octet-stream",
                    package.bytes.clone(),
                );
                let mut file = json!({
                    "filename": package.file,
                    "url": self.url(&format!("/files/{}", package.file)),
                    "hashes": { "sha256": package.sha256() },
                    "size": package.bytes.len(),
                    "upload-time": "2024-05-01T10:00:00.000000Z",
                    "yanked": if package.file.contains("-1.2-") { json!("it forgot the question") } else { json!(false) },
                });
                if package.file.contains("-2.0-") && name == "deep-thought" {
                    file["requires-python"] = ">=4.2".into();
                }
                file
            })
            .collect();
        let page = json!({ "meta": { "api-version": "1.1" }, "name": name, "versions": [], "files": files });
        self.put(
            format!("/simple/{name}/"),
            "application/vnd.pypi.simple.v1+json",
            page.to_string().into(),
        );
    }

    /// Publishes tarballs with a packument.
    pub(crate) fn publish_node(&self, name: &str, latest: &str, packages: &[(Package, Value)]) {
        let mut versions = Map::new();
        let mut time = Map::new();
        for (package, manifest) in packages {
            let version = manifest["version"].as_str().unwrap();
            let base = name.rsplit('/').next().unwrap();
            let path = format!("/npm/{name}/-/{base}-{version}.tgz");
            let mut release = manifest.clone();
            release["dist"] = json!({
                "tarball": self.url(&path),
                "integrity": package.integrity(),
                "shasum": hex::encode(sha1::Sha1::digest(&package.bytes)),
            });
            self.put(path, "application/octet-stream", package.bytes.clone());
            time.insert(version.to_owned(), "2024-05-01T10:00:00.000Z".into());
            versions.insert(version.to_owned(), release);
        }
        let packument = json!({
            "_id": name,
            "name": name,
            "dist-tags": { "latest": latest },
            "versions": versions,
            "time": time,
        });
        self.put(
            format!("/npm/{}", name.replace('/', "%2f")),
            "application/json",
            packument.to_string().into(),
        );
    }
}
