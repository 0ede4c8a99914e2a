//! What the surroundings of npm's clients say about caches and registries.

use sealift::ecosystem::npm::Npm;
use sealift::ecosystem::{Ecosystem as _, Wanted};
use sealift::model::Claim;

use crate::surroundings::Surroundings;

fn wanted(name: &str) -> Wanted {
    Wanted {
        ecosystem: "npm",
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        file: None,
        claims: vec![
            Claim::from_hex_option(&format!("sha1:{}", "12".repeat(20))).unwrap(),
            Claim::from_hex_option(&format!("sha512:abcdef{}", "00".repeat(61))).unwrap(),
        ],
        urls: Vec::new(),
        registry: None,
        path: None,
        size: None,
    }
}

fn cached(name: &str, client: &Surroundings) -> Vec<String> {
    let paths = Npm.cached(&wanted(name), client);
    paths.iter().map(|path| path.to_str().unwrap().to_owned()).collect()
}

#[test]
fn caches_of_npm_and_yarn() {
    let paths = cached("@s/x", &Surroundings::default());
    let npm = format!("/home/.npm/_cacache/content-v2/sha512/ab/cd/ef{}", "00".repeat(61));
    let yarn = format!(
        "npm-@s-x-1.0.0-{}-integrity/node_modules/@s/x/.yarn-tarball.tgz",
        "12".repeat(20)
    );
    assert!(paths.contains(&npm), "{paths:#?}");
    assert!(paths.contains(&format!("/home/.cache/yarn/v6/{yarn}")), "{paths:#?}");
    assert!(!paths.iter().any(|path| path.contains("mirror")));
    // Yarn names its folders by SHA-1 alone.
    assert!(paths.iter().all(|path| !path.contains("-abcdef")), "{paths:#?}");

    let first = |client: &Surroundings| cached("x", client)[0].split("/_cacache").next().unwrap().to_owned();
    for (client, folder) in [
        (Surroundings::default().variable("npm_config_cache", "/c"), "/c"),
        (Surroundings::default().variable("NPM_CONFIG_CACHE", "/c"), "/c"),
        (Surroundings::default().variable("npm_config_cache", ""), "/home/.npm"),
        (
            Surroundings::default().file("/project/.npmrc", "cache = ./here\n"),
            "/project/./here",
        ),
        (
            Surroundings::default().file("/home/.npmrc", "cache=~/there"),
            "/home/there",
        ),
        (
            Surroundings::default()
                .variable("npm_config_userconfig", "/u")
                .file("/u", "cache=/c")
                .file("/home/.npmrc", "cache=/d"),
            "/c",
        ),
    ] {
        assert_eq!(first(&client), folder);
    }

    let elsewhere = Surroundings::default()
        .variable("YARN_CACHE_FOLDER", "/y")
        .file("/project/.yarnrc", "# mirror\nyarn-offline-mirror \"./mirror\"\n")
        .file("/home/.yarnrc", "\"yarn-offline-mirror\" /all\n");
    let paths = cached("@s/x", &elsewhere);
    for path in [
        "/project/./mirror/@s-x-1.0.0.tgz",
        "/all/@s-x-1.0.0.tgz",
        &format!("/y/v6/{yarn}"),
    ] {
        assert!(paths.contains(&path.to_owned()), "{path} in {paths:#?}");
    }
    assert!(!paths.iter().any(|path| path.starts_with("/home/.cache")));
    assert!(cached("x", &elsewhere).contains(&"/all/x-1.0.0.tgz".to_owned()));
}

/// Scope, URL and authorization of each base.
fn upstreams(client: &Surroundings) -> Vec<(Option<String>, String, Option<String>)> {
    let bases = Npm.upstreams(client).unwrap();
    bases
        .into_iter()
        .map(|base| {
            assert_eq!(base.ecosystem, "npm");
            (base.scope, base.url, base.authorization)
        })
        .collect()
}

fn base(scope: Option<&str>, url: &str, authorization: Option<&str>) -> (Option<String>, String, Option<String>) {
    (
        scope.map(str::to_owned),
        url.to_owned(),
        authorization.map(str::to_owned),
    )
}

#[test]
fn registries_come_from_configuration_alone() {
    assert_eq!(upstreams(&Surroundings::default()), []);
    let client = Surroundings::default()
        .variable("TOKEN", "secret")
        .file(
            "/project/.npmrc",
            "; comment\n# registry=https://commented.example.com\nregistry=https://first.example.com\n\
             registry = \"https://project.example.com/npm/\" \n@corp:registry=https://corp.example.com/a/b/ ; why\n\
             [section]\nnot a setting\n",
        )
        .file(
            "/home/.npmrc",
            "registry=https://home.example.com\n@corp:registry=https://other.example.com\n@home:registry=https://u:p@home.example.com/h\n\
             //corp.example.com/a/:_authToken=${TOKEN}\n//project.example.com/:_auth=YTpi\n//home.example.com/h/:username=me\n\
             //home.example.com/h/:_password=cGFzcw==\n",
        )
        .file("/project/.yarnrc", "registry \"https://yarn.example.com/\"\n")
        .file("/home/.yarnrc", "registry: https://yarn.example.com\n");
    assert_eq!(
        upstreams(&client),
        [
            base(Some("@corp"), "https://corp.example.com/a/b", Some("Bearer secret")),
            base(Some("@home"), "https://home.example.com/h", Some("Basic bWU6cGFzcw==")),
            base(None, "https://project.example.com/npm", Some("Basic YTpi")),
            base(None, "https://yarn.example.com", None),
        ]
    );
    let from_environment = client.variable("npm_config_registry", "https://env.example.com");
    assert_eq!(upstreams(&from_environment)[2].1, "https://env.example.com");
}

#[test]
fn a_secret_goes_to_its_own_place_only() {
    let authorization = |registry: &str, rest: &str| {
        let client = Surroundings::default()
            .variable("EMPTY_LINE", "a\r\nHost: b")
            .file("/home/.npmrc", &format!("registry={registry}\n{rest}\n"));
        upstreams(&client)[0].2.clone()
    };
    let bearer = Some("Bearer t".to_owned());
    assert_eq!(
        authorization("https://h.example.com:81/a/b/", "//h.example.com:81/a/b/:_authToken=t"),
        bearer
    );
    assert_eq!(
        authorization("https://h.example.com/a/b", "//h.example.com/a:_authToken=t"),
        bearer
    );
    assert_eq!(
        authorization("https://h.example.com/a", "//h.example.com/:_authToken=t"),
        bearer
    );
    for rest in [
        "//other.example.com/:_authToken=t",
        "//h.example.com.evil.example.com/:_authToken=t",
        "//h.example.co/:_authToken=t",
        "//h.example.com/ab/:_authToken=t",
        "//h.example.com:81/:_authToken=t",
        "//h.example.com/a/b/:_authToken=t",
        "//h.example.com/:_authToken=${NOT_SET}",
        "//h.example.com/:_authToken=${EMPTY_LINE}",
        "//h.example.com/:username=u",
        "//h.example.com/:username=u\n//h.example.com/:_password=***",
        "_authToken=t",
        "_auth=t",
    ] {
        assert_eq!(authorization("https://h.example.com/a", rest), None, "{rest}");
    }
    // The nearest place counts.
    assert_eq!(
        authorization(
            "https://h.example.com/a",
            "//h.example.com/:_authToken=far\n//h.example.com/a/:_authToken=t"
        ),
        bearer
    );
}

#[test]
fn variables_are_put_in() {
    let url = |text: &str| {
        let client = Surroundings::default()
            .variable("HOST", "h.example.com")
            .file("/home/.npmrc", text);
        Npm.upstreams(&client)
            .map(|bases| bases[0].url.clone())
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        url("registry=https://${HOST}/${NONE?}x").as_deref(),
        Ok("https://h.example.com/x")
    );
    assert_eq!(url("registry=https://h/${NONE}").as_deref(), Ok("https://h/${NONE}"));
    assert_eq!(url("registry=https://h/${HOST").as_deref(), Ok("https://h/${HOST"));
    for wrong in [
        "registry=h.example.com",
        "registry=file:///x",
        "@s:registry=ftp://u:p@h",
        "registry=https://a b",
    ] {
        let error = url(wrong).unwrap_err();
        assert!(
            error.starts_with("/home/.npmrc: the registry ") && error.ends_with(" is not a URL"),
            "{error}"
        );
        assert!(!error.contains("u:p"), "{error}");
    }
    let yarn = Surroundings::default().file("/project/.yarnrc", "registry x");
    assert_eq!(
        Npm.upstreams(&yarn).unwrap_err().to_string(),
        "/project/.yarnrc: the registry \"x\" is not a URL"
    );
}

#[test]
fn the_proxy_is_npm_s_own() {
    let proxy = |client: Surroundings| Npm.transport(&client).proxy.map(|(proxy, _)| proxy);
    let npmrc = "proxy=http://plain.example.com:1\nhttps-proxy=http://u:${P}@secure.example.com:2 ; comment\nnoproxy=corp.example.com\n";
    let client = Surroundings::default()
        .file("/home/.npmrc", npmrc)
        .variable("P", "secret");
    let transport = Npm.transport(&client);
    let (proxy_of, setting) = transport.proxy.unwrap();
    assert_eq!(proxy_of, "http://u:secret@secure.example.com:2");
    assert_eq!(setting, "https-proxy in /home/.npmrc");
    assert_eq!(transport.no_proxy.as_deref(), Some("corp.example.com"));
    let plain = Surroundings::default().file(
        "/project/.npmrc",
        "proxy=http://plain.example.com:1\nhttps-proxy=null\n",
    );
    assert_eq!(proxy(plain).as_deref(), Some("http://plain.example.com:1"));
    let variable = client.variable("npm_config_https_proxy", "http://variable.example.com");
    assert_eq!(proxy(variable).as_deref(), Some("http://variable.example.com"));
    assert_eq!(
        proxy(Surroundings::default().file("/home/.npmrc", "proxy=false\n")),
        None
    );
}

#[test]
fn a_registry_without_a_scope_is_nobody_s() {
    let client = Surroundings::default().file(
        "/home/.npmrc",
        "corp:registry=https://corp.example.com\n@home:registry=https://home.example.com\n",
    );
    assert_eq!(
        upstreams(&client),
        [base(Some("@home"), "https://home.example.com", None)]
    );
}

#[test]
fn more_authorities_have_a_path() {
    let named = |path: &str| {
        let client = Surroundings::default().variable("NODE_EXTRA_CA_CERTS", path);
        Npm.transport(&client).more_authorities.map(|named| named.path)
    };
    assert_eq!(named("/ca.pem"), Some("/ca.pem".into()));
    assert_eq!(named(""), None);
}
