//! The files that Maven and Gradle find.

use std::collections::BTreeMap;

use sealift::ecosystem::{Held, Members, Mismatch, PlacedContent};
use sealift::model::{Code, Digest, Proof, ProofState};
use serde_json::{Value, json};

use super::{artifact, maven};

fn held(name: &str, version: &str, file: &str, plugin: Value) -> Held {
    let mut facts = json!({"sha1": "a1", "sha512": "b2"});
    if !plugin.is_null() {
        facts["plugin"] = plugin;
    }
    Held {
        artifact: artifact(name, version, file, file.as_bytes()),
        size: 1,
        facts,
        derived: BTreeMap::new(),
    }
}

fn with_proof(mut held: Held, kind: &str, objects: Vec<Digest>) -> Held {
    held.artifact.proofs.push(Proof {
        kind: kind.to_owned(),
        objects,
        state: ProofState::Present,
    });
    held
}

fn paths(name: &str, held: &[Held]) -> Result<Vec<String>, Mismatch> {
    let files = maven().layout(name, held)?;
    Ok(files.iter().map(|file| file.path.to_string()).collect())
}

/// The metadata of a folder, made of these.
fn metadata(folder: &str, held: &[Held]) -> String {
    let files = maven().layout_shared(folder, held).unwrap();
    let paths: Vec<String> = files.iter().map(|file| file.path.to_string()).collect();
    let path = format!("{folder}/maven-metadata.xml");
    let expected = ["", ".sha1", ".sha256", ".sha512"].map(|ending| format!("{path}{ending}"));
    assert_eq!(paths, expected);
    let bytes: Vec<&[u8]> = files
        .iter()
        .map(|file| match &file.content {
            PlacedContent::Bytes(bytes) => bytes.as_slice(),
            PlacedContent::Object(_) => panic!("a page is made"),
        })
        .collect();
    assert_eq!(bytes[2], Digest::of(bytes[0]).hex().as_bytes());
    String::from_utf8(bytes[0].to_vec()).unwrap()
}

#[test]
fn a_file_stands_with_its_checksums_and_proofs() {
    let signature = Digest::of(b"signature");
    let jar = held("org.example:lib", "1.0", "lib-1.0.jar", Value::Null);
    let jar = with_proof(
        with_proof(jar, "openpgp", vec![signature]),
        "sigstore",
        vec![Digest::of(b"bundle")],
    );
    let files = maven().layout("org.example:lib", std::slice::from_ref(&jar)).unwrap();
    let at = |ending: &str| {
        let path = format!("org/example/lib/1.0/lib-1.0.jar{ending}");
        files
            .iter()
            .find(|file| file.path.as_str() == path)
            .unwrap()
            .content
            .clone()
    };
    assert_eq!(files.len(), 8);
    let bytes = |text: &str| PlacedContent::Bytes(text.as_bytes().to_vec());
    assert_eq!(at(""), PlacedContent::Object(jar.artifact.digest));
    assert_eq!((at(".sha1"), at(".sha512")), (bytes("a1"), bytes("b2")));
    assert_eq!(at(".sha256"), bytes(&jar.artifact.digest.hex()));
    assert_eq!(at(".asc"), PlacedContent::Object(signature));
    assert_eq!(at(".asc.sha256"), bytes(&signature.hex()));
    assert_eq!(at(".sigstore.json"), PlacedContent::Object(Digest::of(b"bundle")));

    // A proof that came in several parts cannot stand there as the one file that the registry has.
    let two = held("org.example:lib", "1.0", "lib-1.0.jar", Value::Null);
    let two = with_proof(two, "openpgp", vec![signature, Digest::of(b"other")]);
    assert_eq!(paths("org.example:lib", &[two]).unwrap().len(), 4);
}

#[test]
fn what_does_not_fit_is_refused() {
    for (name, version, file) in [
        ("org.example:lib", "1.0", "other-1.0.jar"),
        ("org.example:lib", "1.0-SNAPSHOT", "lib-1.0-SNAPSHOT.jar"),
        ("org.example:lib", "..", "lib-...jar"),
        ("..:lib", "1.0", "lib-1.0.jar"),
        ("lib", "1.0", "lib-1.0.jar"),
        ("org.aux:lib", "1.0", "lib-1.0.jar"),
    ] {
        assert!(
            paths(name, &[held(name, version, file, Value::Null)]).is_err(),
            "{name} {version} {file}"
        );
    }
    let twice = [
        held("o:lib", "1", "lib-1.jar", Value::Null),
        held("o:lib", "1", "lib-1.jar", Value::Null),
    ];
    assert_eq!(paths("o:lib", &twice).unwrap_err().code, Code::NameCollision);
    assert_eq!(paths("o:other", &twice[..1]).unwrap_err().code, Code::NameCollision);
    let mut odd = held("o:lib", "1", "lib-1.jar", Value::Null);
    odd.facts = json!({"sha1": 1});
    assert!(paths("o:lib", &[odd]).is_err());
}

#[test]
fn metadata_lists_what_is_held_in_mavens_order() {
    let versions = ["1.10", "1.9", "2.0-rc1", "1.9-beta-1"];
    let all: Vec<Held> = versions
        .iter()
        .flat_map(|version| {
            ["jar", "pom"].map(|ending| {
                held(
                    "org.example:lib",
                    version,
                    &format!("lib-{version}.{ending}"),
                    Value::Null,
                )
            })
        })
        .collect();
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata>\n  <groupId>org.example</groupId>\n  \
        <artifactId>lib</artifactId>\n  <versioning>\n    <latest>2.0-rc1</latest>\n    <release>1.10</release>\n    <versions>\n\
        \x20     <version>1.9-beta-1</version>\n      <version>1.9</version>\n      <version>1.10</version>\n\
        \x20     <version>2.0-rc1</version>\n    </versions>\n  </versioning>\n</metadata>\n";
    assert_eq!(metadata("org/example/lib", &all), expected);
    let mut turned = all.clone();
    turned.reverse();
    assert_eq!(metadata("org/example/lib", &turned), expected);
    let only = [held("o:lib", "1-rc1", "lib-1-rc1.pom", Value::Null)];
    assert!(metadata("o/lib", &only).contains("<release>1-rc1</release>"));
    assert!(maven().layout_shared("o/lib", &[]).unwrap().is_empty());
    // What is behind such a version changes, and a list of versions is there to be believed.
    let changing = held("o:lib", "1-SNAPSHOT", "lib-1-SNAPSHOT.pom", Value::Null);
    assert!(maven().layout_shared("o/lib", &[only[0].clone(), changing]).is_err());
}

#[test]
fn a_groups_plugins_and_an_artifacts_versions_share_a_page() {
    let plugin = |prefix: &str| json!({"name": format!("{prefix} & co"), "prefix": prefix});
    let old = held(
        "org.mojo:x-maven-plugin",
        "1.9",
        "x-maven-plugin-1.9.jar",
        plugin("old"),
    );
    let new = held(
        "org.mojo:x-maven-plugin",
        "1.10",
        "x-maven-plugin-1.10.jar",
        plugin("x"),
    );
    let mut unknown = new.clone();
    unknown.facts = json!({});
    assert!(maven().layout_shared("org/mojo", &[unknown]).is_err());
    let library = held("org.mojo:lib", "1", "lib-1.jar", Value::Null);
    let parent = held("org:mojo", "7", "mojo-7.pom", Value::Null);

    let shared = maven()
        .shared("org.mojo:x-maven-plugin", std::slice::from_ref(&new))
        .unwrap();
    let names: Vec<&str> = shared.iter().map(|shared| shared.name.as_str()).collect();
    assert_eq!(names, ["org/mojo/x-maven-plugin", "org/mojo"]);
    let members = [
        Members::Name("org:mojo".to_owned()),
        Members::Beginning("org.mojo:".to_owned()),
    ];
    assert_eq!(shared[1].members, members);
    // The artifact whose folder that is has a part in the very same page.
    assert_eq!(
        maven().shared("org:mojo", std::slice::from_ref(&parent)).unwrap(),
        shared[1..]
    );
    let shared = maven().shared("org.mojo:lib", std::slice::from_ref(&library)).unwrap();
    assert_eq!(shared.len(), 1, "what is no plugin is not in its group's page");
    // An artifact's folder with a dot is no group's.
    let shared = maven().shared("org:a.b", &[]).unwrap();
    assert_eq!(shared[0].members, [Members::Name("org:a.b".to_owned())]);

    let page = metadata("org/mojo", &[new.clone(), library.clone(), parent, old.clone()]);
    assert!(page.contains("<version>7</version>"), "{page}");
    assert!(page.contains("<artifactId>mojo</artifactId>"), "{page}");
    assert!(
        page.contains(
            "<name>x &amp; co</name>\n      <prefix>x</prefix>\n      <artifactId>x-maven-plugin</artifactId>"
        ),
        "the newest version's: {page}"
    );
    assert!(!page.contains("old"), "{page}");
    let page = metadata("org/mojo", &[new, library.clone(), old]);
    assert!(!page.contains("versioning"), "{page}");
    assert!(maven().layout_shared("org/mojo", &[library]).unwrap().is_empty());
}
