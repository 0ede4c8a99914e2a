//! What poms, jars and module metadata must say.

use std::io::Cursor;

use sealift::ecosystem::Mismatch;
use sealift::model::Code;

use super::{artifact, jar, maven, pom};

fn inspect(name: &str, version: &str, file: &str, bytes: &[u8]) -> Result<serde_json::Value, Mismatch> {
    let facts = maven().inspect(&artifact(name, version, file, bytes), &mut Cursor::new(bytes), &[])?;
    Ok(facts.json)
}

#[test]
fn a_pom_and_a_jar_that_holds_its_own_state_their_licence() {
    let licences = "<licenses><license><name>Apache License, Version 2.0</name></license></licenses>";
    let licence = |facts: &serde_json::Value| maven().stated(facts).licence;
    let text = pom("org.example", "lib", "1.0", licences);
    let facts = inspect("org.example:lib", "1.0", "lib-1.0.pom", text.as_bytes()).unwrap();
    assert_eq!(licence(&facts).as_deref(), Some("Apache-2.0"));
    let jar_with = |path: &str, pom: &str| {
        let bytes = jar(&[(path, pom)]);
        licence(&inspect("org.example:lib", "1.0", "lib-1.0.jar", &bytes).unwrap())
    };
    assert_eq!(
        jar_with("META-INF/maven/org.example/lib/pom.xml", &text).as_deref(),
        Some("Apache-2.0")
    );
    // Another's, and one that cannot be read, state nothing.
    assert_eq!(jar_with("META-INF/maven/org.example/other/pom.xml", &text), None);
    assert_eq!(jar_with("META-INF/maven/org.example/lib/pom.xml", "<project"), None);
}

#[test]
fn a_pom_says_its_coordinates() {
    let check = |text: &str| inspect("org.example:lib", "1.0", "lib-1.0.pom", text.as_bytes());
    let facts = check(&pom("org.example", "lib", "1.0", "")).unwrap();
    assert_eq!(facts["sha1"].as_str().unwrap().len(), 40);
    assert_eq!(facts["sha512"].as_str().unwrap().len(), 128);
    let parent = "<parent><groupId>org.example</groupId><artifactId>parent</artifactId><version>1.0</version></parent>";
    check(&format!("<project>{parent}<artifactId>lib</artifactId></project>")).unwrap();
    check(&pom("${project.parent.groupId}", "lib", "${revision}", parent)).unwrap();
    check(&pom(
        "org.example",
        "lib",
        "1.0",
        "<developers><developer><name>Laugst&oslash;l</name></developer></developers>",
    ))
    .unwrap();

    for (wrong, what) in [
        (pom("org.evil", "lib", "1.0", ""), "another groupId"),
        (pom("org.example", "other", "1.0", ""), "another artifactId"),
        (pom("org.example", "lib", "1.1", ""), "another version"),
        (pom("org.example", "lib", "1.${x}", ""), ""),
        (pom("org.example", "lib", "2.${x}", ""), "another version"),
        (pom("${x}.evil", "lib", "1.0", ""), "another groupId"),
        (pom("org.example", "l&iuml;b", "1.0", ""), "another artifactId"),
        (format!("<project>{parent}</project>"), "no artifactId"),
        (
            "<project><artifactId>lib</artifactId></project>".to_owned(),
            "no groupId",
        ),
        ("<metadata/>".to_owned(), "cannot be read"),
        ("not xml".to_owned(), "cannot be read"),
        (
            "<!DOCTYPE project [<!ENTITY g 'org.example'>]>".to_owned() + &pom("&g;", "lib", "1.0", ""),
            "cannot be read",
        ),
        (pom("org.example", "lib", "1.0", &" ".repeat(9 << 20)), "larger"),
    ] {
        let found = check(&wrong);
        if what.is_empty() {
            found.unwrap();
            continue;
        }
        let mismatch = found.unwrap_err();
        assert!(mismatch.reason.contains(what), "{mismatch:?}");
        assert_eq!(mismatch.code, Code::ArtifactMalformed);
    }
    let long = |bytes: usize| {
        pom(
            "org.example",
            "lib",
            "1.0",
            &" ".repeat(bytes - pom("org.example", "lib", "1.0", "").len()),
        )
    };
    check(&long(8 << 20)).unwrap();
    let reason = check(&long((8 << 20) + 1)).unwrap_err().reason;
    assert_eq!(reason, "it is larger than 8388608 bytes");
}

#[test]
fn names_and_files_must_fit_the_grammar() {
    for (name, version, file) in [
        ("lib", "1.0", "lib-1.0.txt"),
        ("org.example:lib", "1.0-SNAPSHOT", "lib-1.0-SNAPSHOT.txt"),
        ("org.example:lib", "1.0", "other-1.0.txt"),
        ("org.example:lib", "1.0", "lib-1.1.txt"),
        ("org.example:lib", "1.0", "lib-1.0.jar.asc"),
        ("org.example:lib", "1.0", "lib-1.0.jar.sha1"),
        ("org.example:lib", "1.0", "lib-1.0/../../x.txt"),
        ("../example:lib", "1.0", "lib-1.0.txt"),
        ("org.example:../lib", "1.0", "../lib-1.0.txt"),
        ("org.example:lib", "../1", "lib-../1.txt"),
        ("org.nul:lib", "1.0", "lib-1.0.txt"),
    ] {
        assert!(inspect(name, version, file, b"x").is_err(), "{name} {version} {file}");
    }
    inspect("org.example:lib", "1.0", "lib-1.0.txt", b"x").unwrap();
}

#[test]
fn a_jar_is_a_plain_zip_of_this_version() {
    let check = |bytes: &[u8]| inspect("org.example:lib", "1.0", "lib-1.0.jar", bytes);
    let own = "META-INF/maven/org.example/lib/pom.properties";
    check(&jar(&[])).unwrap();
    check(&jar(&[(
        own,
        "#Created\r\nversion=1.0\r\ngroupId=org.example\r\nartifactId=lib\r\n",
    )]))
    .unwrap();
    // Another's, within this one.
    check(&jar(&[("META-INF/maven/org.other/x/pom.properties", "version=7\n")])).unwrap();
    for wrong in [
        "version=1.1\n",
        "version=1.0\ngroupId=org.evil\n",
        "version = 2\n",
        "artifactId=x\n",
    ] {
        let mismatch = check(&jar(&[(own, wrong)])).unwrap_err();
        assert!(mismatch.reason.contains("pom.properties"), "{mismatch:?}");
    }
    assert!(check(&jar(&[(own, &"#".repeat(70_000))])).is_err(), "too long");

    let whole = jar(&[]);
    for (what, wrong) in [
        ("nothing", Vec::new()),
        ("a page", b"<html>not found</html>".to_vec()),
        ("cut off", whole[..whole.len() - 1].to_vec()),
        ("something before it", [b"#!/bin/sh\n", whole.as_slice()].concat()),
        ("something behind it", [whole.as_slice(), b"x"].concat()),
    ] {
        let mismatch = check(&wrong).unwrap_err();
        assert!(mismatch.reason.contains("no plain zip"), "{what}: {mismatch:?}");
    }
    // What is no zip by its ending may be anything.
    inspect("org.example:lib", "1.0", "lib-1.0-bin.tar.gz", b"x").unwrap();
    assert!(inspect("org.example:lib", "1.0", "lib-1.0-sources.jar", b"x").is_err());
    assert!(inspect("org.example:lib", "1.0", "lib-1.0.aar", b"x").is_err());
}

#[test]
fn a_plugin_tells_its_prefix() {
    let check = |descriptor: &str| {
        let bytes = jar(&[("META-INF/maven/plugin.xml", descriptor)]);
        inspect("org.example:lib", "1.0", "lib-1.0.jar", &bytes).unwrap()["plugin"].clone()
    };
    let descriptor = "<plugin><name>The &lt;lib&gt;</name><groupId>org.example</groupId><artifactId>lib</artifactId>\
        <goalPrefix>lib</goalPrefix></plugin>";
    assert_eq!(
        check(descriptor),
        serde_json::json!({"name": "The <lib>", "prefix": "lib"})
    );
    for none in [
        descriptor.replace("org.example", "org.apache.maven.plugins"),
        descriptor.replace("<artifactId>lib", "<artifactId>maven-deploy-plugin"),
        descriptor.replace("<goalPrefix>lib", "<goalPrefix>../x"),
        descriptor.replace("goalPrefix", "other"),
        "rubbish".to_owned(),
    ] {
        assert!(check(&none).is_null(), "{none}");
    }
}

#[test]
fn gradles_module_metadata_says_its_coordinates() {
    let module = |group: &str, name: &str, version: &str, url: &str| {
        let text = format!(
            r#"{{"formatVersion": "1.1", "component": {{"group": "{group}", "module": "{name}", "version": "{version}"{url}}}, "variants": []}}"#
        );
        inspect("org.example:lib", "1.0", "lib-1.0.module", text.as_bytes())
    };
    module("org.example", "lib", "1.0", "").unwrap();
    module(
        "org.example",
        "lib-multi",
        "1.0",
        r#", "url": "../../lib-multi/1.0/lib-multi-1.0.module""#,
    )
    .unwrap();
    assert!(module("org.evil", "lib", "1.0", "").is_err());
    assert!(module("org.example", "other", "1.0", "").is_err());
    assert!(module("org.example", "lib", "2.0", "").is_err());
    assert!(inspect("org.example:lib", "1.0", "lib-1.0.module", b"{}").is_err());
    assert!(inspect("org.example:lib", "1.0", "lib-1.0.module", b"<html>").is_err());
}
