//! What the surroundings of Maven and Gradle say about caches, repositories, proxies and credentials; and our lines for them.

use std::path::PathBuf;

use sealift::ecosystem::{NamedBy, RepositoryPlace, UpstreamBase, Wanted};

use super::maven;
use crate::surroundings::Surroundings;

fn settings(inner: &str) -> Surroundings {
    Surroundings::default().file(
        "/home/.m2/settings.xml",
        &format!("<settings xmlns=\"http://maven.apache.org/SETTINGS/1.2.0\">{inner}</settings>"),
    )
}

fn upstreams(client: &Surroundings) -> Vec<(String, Option<String>)> {
    let bases: Vec<UpstreamBase> = maven().upstreams(client).unwrap();
    bases
        .into_iter()
        .map(|base| {
            assert_eq!(
                (base.named_by, base.scope, base.ecosystem),
                (NamedBy::Client, None, "maven")
            );
            (base.url, base.authorization)
        })
        .collect()
}

fn urls(client: &Surroundings) -> Vec<String> {
    upstreams(client).into_iter().map(|(url, _)| url).collect()
}

#[test]
fn there_is_no_repository_but_those_named() {
    assert!(urls(&Surroundings::default()).is_empty());
    assert!(urls(&settings("")).is_empty());
    assert!(maven().hint_without_upstream().unwrap().contains("--upstream maven="));
}

#[test]
fn mirrors_stand_for_what_they_cover() {
    let mirror = |of: &str, host: &str| {
        format!("<mirror><id>{host}</id><mirrorOf>{of}</mirrorOf><url>https://{host}.example.com/m2</url></mirror>")
    };
    let repositories = "<project><repositories>\
        <repository><id>corp</id><url>https://corp.example.com/m2</url></repository>\
        <repository><id>near</id><url>http://localhost/m2</url></repository>\
        <repository><id>disk</id><url>file:///srv/m2</url></repository></repositories></project>";
    for (mirrors, expected) in [
        (mirror("*", "all"), vec!["all"]),
        (mirror("external:*", "all"), vec!["all", "localhost"]),
        (mirror("*,!corp", "all"), vec!["all", "corp"]),
        (mirror("corp", "one"), vec!["one", "localhost"]),
        (mirror("central", "one"), vec!["one", "corp", "localhost"]),
        (mirror("external:http:*", "one"), vec!["one", "corp", "localhost"]),
        (
            "<mirror><id>b</id><mirrorOf>*</mirrorOf><url>http://0.0.0.0/</url><blocked>true</blocked></mirror>"
                .to_owned(),
            vec!["corp", "localhost"],
        ),
        (
            "<mirror><id>b</id><mirrorOf>*</mirrorOf><url>https://all.example.com/</url><blocked>false</blocked></mirror>"
                .to_owned(),
            vec!["all"],
        ),
    ] {
        let client = settings(&format!("<mirrors>{mirrors}</mirrors>")).file("/project/pom.xml", repositories);
        let hosts: Vec<String> = urls(&client)
            .iter()
            .map(|url| {
                url.split("//")
                    .nth(1)
                    .unwrap()
                    .split(['.', '/'])
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(hosts, expected, "{mirrors}");
    }
}

#[test]
fn servers_give_credentials_to_their_own_repository() {
    let client = settings(
        "<mirrors><mirror><id>m</id><mirrorOf>central</mirrorOf><url>https://m.example.com</url></mirror></mirrors>\
         <servers>\
         <server><id>m</id><username>u</username><password>${env.SECRET}</password></server>\
         <server><id>coded</id><username>u</username><password>{jSMOWnoPFgsHVpMvz5VrIt5kRbzGpI8u+9EF1iFQyJQ=}</password></server>\
         <server><id>unset</id><username>u</username><password>${env.NONE}</password></server></servers>\
         <profiles><profile><id>on</id><repositories>\
         <repository><id>coded</id><url>https://coded.example.com</url></repository>\
         <repository><id>unset</id><url>https://unset.example.com</url></repository></repositories>\
         <pluginRepositories><pluginRepository><id>p</id><url>https://u:p@p.example.com/x</url></pluginRepository></pluginRepositories>\
         </profile><profile><id>off</id><repositories><repository><url>https://off.example.com</url></repository></repositories></profile>\
         </profiles><activeProfiles><activeProfile>on</activeProfile></activeProfiles>",
    )
    .variable("SECRET", "s");
    assert_eq!(
        upstreams(&client),
        [
            ("https://m.example.com".to_owned(), Some("Basic dTpz".to_owned())),
            ("https://coded.example.com".to_owned(), None),
            ("https://unset.example.com".to_owned(), None),
            ("https://p.example.com/x".to_owned(), Some("Basic dTpw".to_owned())),
        ]
    );
}

/// Who configured a mirror shall not be led around it by a file that cannot be read.
#[test]
fn settings_that_cannot_be_read_are_an_error() {
    let client = Surroundings::default()
        .file("/home/.m2/settings.xml", "<settings><mirrors>")
        .file(
            "/project/pom.xml",
            "<project><repositories><repository><url>https://x.example.com</url></repository></repositories></project>",
        );
    let error = maven().upstreams(&client).unwrap_err().to_string();
    assert!(error.contains("settings.xml"), "{error}");
    // A project's own mistakes name no repository.
    assert!(urls(&Surroundings::default().file("/project/pom.xml", "<project>")).is_empty());
}

#[test]
fn the_installations_settings_come_after_the_users() {
    let of = |host: &str| {
        format!(
            "<settings><mirrors><mirror><mirrorOf>*</mirrorOf><url>https://{host}.example.com</url></mirror></mirrors></settings>"
        )
    };
    let client = Surroundings::default()
        .variable("MAVEN_HOME", "/opt/maven")
        .file("/opt/maven/conf/settings.xml", &of("global"))
        .file("/home/.m2/settings.xml", &of("own"));
    assert_eq!(urls(&client), ["https://own.example.com", "https://global.example.com"]);
}

#[test]
fn gradle_files_name_repositories() {
    let client = Surroundings::default()
        .file(
            "/project/settings.gradle",
            "pluginManagement { repositories { maven { url 'https://p.example.com/g' } } }",
        )
        .file(
            "/project/build.gradle.kts",
            "repositories { mavenCentral(); maven(\"https://k.example.com/g\") }",
        );
    assert_eq!(urls(&client), ["https://p.example.com/g", "https://k.example.com/g"]);
}

#[test]
fn proxies() {
    let client = settings(
        "<proxies><proxy><active>false</active><host>no.example.com</host></proxy>\
         <proxy><active>true</active><host>proxy.example.com</host><port>3128</port><username>u</username><password>p@/</password>\
         <nonProxyHosts>*.corp.example.com|localhost</nonProxyHosts></proxy></proxies>",
    );
    let transport = maven().transport(&client);
    let (proxy, setting) = transport.proxy.unwrap();
    assert_eq!(proxy, "http://u:p%40%2F@proxy.example.com:3128");
    assert!(setting.contains("settings.xml"));
    assert_eq!(transport.no_proxy.as_deref(), Some(".corp.example.com,localhost"));
    assert!(maven().transport(&Surroundings::default()).proxy.is_none());
}

#[test]
fn caches() {
    let mut wanted = Wanted {
        ecosystem: "maven",
        name: "org.example:lib".to_owned(),
        version: "1.0".to_owned(),
        file: Some("lib-1.0.jar".to_owned()),
        claims: Vec::new(),
        urls: Vec::new(),
        registry: None,
        path: None,
        size: None,
    };
    assert_eq!(
        maven().cached(&wanted, &Surroundings::default()),
        [
            PathBuf::from("/home/.m2/repository/org/example/lib/1.0/lib-1.0.jar"),
            PathBuf::from("/home/.gradle/caches/modules-2/files-2.1/org.example/lib/1.0/*/lib-1.0.jar"),
        ]
    );
    let client = settings("<localRepository>${env.R}/m2</localRepository>")
        .variable("R", "/r")
        .variable("GRADLE_USER_HOME", "/g");
    let paths = maven().cached(&wanted, &client);
    assert!(
        paths[0].starts_with("/r/m2/org") && paths[1].starts_with("/g/caches"),
        "{paths:?}"
    );
    wanted.name = "../x:lib".to_owned();
    assert!(maven().cached(&wanted, &client).is_empty());
}

#[test]
fn lines_for_the_clients() {
    let mut place = RepositoryPlace {
        folder: "/srv/the enclave/maven".into(),
        url: None,
    };
    let [maven_lines, gradle_lines] = maven().client_config(&place).try_into().unwrap();
    assert_eq!(
        (maven_lines.file, gradle_lines.file),
        (".m2/settings.xml", ".gradle/init.d/enclave.gradle")
    );
    assert!(maven_lines.text.contains("<mirrorOf>*</mirrorOf>"));
    assert!(
        maven_lines.text.contains("<url>file:///srv/the%20enclave/maven</url>"),
        "{}",
        maven_lines.text
    );
    assert!(gradle_lines.text.contains("uri('file:///srv/the%20enclave/maven')"));
    assert!(!gradle_lines.text.contains("allowInsecureProtocol"));
    // What we write can be read by us.
    let client = Surroundings::default().file("/home/.m2/settings.xml", &maven_lines.text);
    assert!(urls(&client).is_empty(), "a folder is no upstream");
    place.url = Some("http://127.0.0.1:8080".to_owned());
    let [maven_lines, gradle_lines] = maven().client_config(&place).try_into().unwrap();
    assert!(maven_lines.text.contains("<url>http://127.0.0.1:8080/maven/</url>"));
    assert!(
        gradle_lines
            .text
            .contains("uri('http://127.0.0.1:8080/maven/'); allowInsecureProtocol = true")
    );
}

#[test]
fn only_profiles_that_are_active_name_repositories() {
    let profile = |id: &str, activation: &str| {
        format!(
            "<profile><id>{id}</id><activation>{activation}</activation><repositories><repository><id>{id}</id>\
             <url>https://{id}.example.com/m2</url></repository></repositories></profile>"
        )
    };
    let by_default = |value: &str| format!("<activeByDefault>{value}</activeByDefault>");
    let client = settings(&format!(
        "<activeProfiles><activeProfile>named</activeProfile></activeProfiles><profiles>{}{}{}{}</profiles>",
        profile("named", ""),
        profile("usual", &by_default("true")),
        profile("unusual", &by_default("false")),
        profile("other", ""),
    ));
    let found = urls(&client);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found
            .iter()
            .all(|url| url.contains("//named.") || url.contains("//usual."))
    );
}
