//! Coordinates, lists of Maven's, and Gradle's files.

use sealift::ecosystem::{Files, Selection, SelectionError, Unpinned};
use sealift::model::Claim;

use super::maven;

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, SelectionError> {
        panic!("{path} is asked for")
    }
}

fn read(file: &str, text: &str) -> Result<Selection, SelectionError> {
    maven().read_lockfile(file, text, &NoFiles)
}

/// Name, version and file of what is wanted.
fn wanted(selection: &Selection) -> Vec<String> {
    let wanted = selection.wanted.iter();
    wanted
        .map(|wanted| {
            let file = wanted.file.as_deref().unwrap_or("*");
            format!("{} {} {file}", wanted.name, wanted.version)
        })
        .collect()
}

#[test]
fn names_of_lists() {
    for name in [
        "gradle.lockfile",
        "buildscript-gradle.lockfile",
        "verification-metadata.xml",
        "maven-dependencies.txt",
        "mvn.txt",
        "dependency-list.txt",
        "dependency-tree.txt",
    ] {
        assert!(maven().is_lockfile(name), "{name}");
    }
    for name in [
        "pom.xml",
        "requirements.txt",
        "dependencies.txt",
        "maven.xml",
        "Cargo.lock",
        "build.gradle",
    ] {
        assert!(!maven().is_lockfile(name), "{name}");
    }
    assert_eq!(maven().unpinned(), Unpinned::AsServed);
    assert!(read("pom.xml", "").is_err());
}

#[test]
fn coordinates_name_a_version_or_one_file() {
    let read = |lines: &[&str]| {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        maven().read_coordinates(&lines)
    };
    let selection = read(&[
        "org.example:lib:1.0",
        "org.example:lib:jar:1.0",
        "org.example:lib:jar:sources:1.0",
        "org.example:lib:test-jar:tests:1.0",
        "org.example:bom:pom:2",
        "org.example:dist:tar.gz:bin:2",
    ])
    .unwrap();
    assert_eq!(
        wanted(&selection),
        [
            "org.example:lib 1.0 *",
            "org.example:lib 1.0 lib-1.0-sources.jar",
            "org.example:lib 1.0 lib-1.0-tests.jar",
            "org.example:bom 2 bom-2.pom",
            "org.example:dist 2 dist-2.pom",
            "org.example:dist 2 dist-2-bin.tar.gz",
        ]
    );
    assert!(selection.wanted.iter().all(|wanted| wanted.claims.is_empty()));
    for wrong in [
        "",
        "lib",
        "org.example:lib",
        "org.example:lib:1.0-SNAPSHOT",
        "org.example:lib:1.0-20240501.101112-3",
        "org.example:lib:LATEST",
        "org.example:lib:RELEASE",
        "org.example:lib:[1,2)",
        "org.example:lib:1.+",
        "org.example:lib:${v}",
        "../x:lib:1",
        "org.example:../lib:1",
        "org.example:lib:../../x",
        "org.example:lib:jar:../x:1",
        "org.example:lib:j/r:1",
        "org.example:lib:jar.asc:1",
        "org.example:lib:jar:x:y:z:1",
        "org.example:bom:pom:LATEST",
        "../x:bom:pom:1",
    ] {
        assert!(read(&[wrong]).is_err(), "{wrong}");
    }
}

#[test]
fn what_the_dependency_plugin_prints() {
    let list = "[INFO] Scanning for projects...\n\
        [INFO] --- maven-dependency-plugin:3.6.0:list (default-cli) @ app ---\n\
        [INFO] \n\
        [INFO] The following files have been resolved:\n\
        [INFO]    org.apache.commons:commons-text:jar:1.12.0:compile -- module org.apache.commons.text\n\
        [INFO]    org.example:native:jar:linux-x86_64:2.0:runtime\n\
        [INFO]    org.example:tool:jar:3:system\n\
        [INFO] BUILD SUCCESS\n";
    let selection = read("maven-list.txt", list).unwrap();
    let expected = [
        "org.apache.commons:commons-text 1.12.0 *",
        "org.example:native 2.0 native-2.0.pom",
        "org.example:native 2.0 native-2.0-linux-x86_64.jar",
    ];
    assert_eq!(wanted(&selection), expected);
    assert!(
        selection
            .left_out
            .iter()
            .any(|what| what.contains("lies in the system"))
    );
    assert!(selection.left_out.iter().any(|what| what.contains("local repository")));

    let plain =
        "\nThe following files have been resolved:\n   # none of them\n   org.example:a:jar:1:compile\n   none\n";
    assert_eq!(
        wanted(&read("dependency-list.txt", plain).unwrap()),
        ["org.example:a 1 *"]
    );

    let tree = "com.example:app:jar:1.0-SNAPSHOT\n\
        +- org.example:a:jar:1:compile\n\
        |  +- org.example:b:jar:2:compile\n\
        |  \\- (org.example:a:jar:1:compile - omitted for duplicate)\n\
        \\- org.example:c:war:3:test\n";
    let selection = read("dependency-tree.txt", tree).unwrap();
    assert_eq!(
        wanted(&selection),
        [
            "org.example:a 1 *",
            "org.example:b 2 *",
            "org.example:c 3 c-3.pom",
            "org.example:c 3 c-3.war"
        ]
    );
    assert!(selection.left_out[0].contains("the project itself"));

    for wrong in [
        "org.example:a:jar:1:compile\nrubbish\n",
        "org.example:a\n",
        "+- org.example:a:jar:1-SNAPSHOT:compile\n",
        "org.example:a:jar:1:2:3:4:5\n",
    ] {
        let error = read("dependency-list.txt", wrong).unwrap_err().to_string();
        assert!(error.contains("line "), "{error}");
    }
}

#[test]
fn gradles_lock() {
    let text = "# This is a Gradle generated file for dependency locking.\n\
        # Manual edits can break the build and are not advised.\n\
        com.google.guava:guava:33.0.0-jre=compileClasspath,runtimeClasspath\n\
        org.example:unused:1=\n\
        empty=annotationProcessor\n";
    let selection = read("gradle.lockfile", text).unwrap();
    assert_eq!(wanted(&selection), ["com.google.guava:guava 33.0.0-jre *"]);
    assert!(selection.left_out[0].contains("org.example:unused:1"));
    for wrong in [
        "guava\n",
        "guava=x\n",
        "a:b=x\n",
        "a:b:1-SNAPSHOT=x\n",
        "a:../b:1=x\n",
        "a:b:1\n",
    ] {
        assert!(read("gradle.lockfile", wrong).is_err(), "{wrong}");
    }
}

#[test]
fn gradles_verification_metadata() {
    let one = "11".repeat(32);
    let two = "22".repeat(32);
    let long = "33".repeat(64);
    let document = |components: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<verification-metadata xmlns=\"https://schema.gradle.org/dependency-verification\">\
             <configuration><verify-metadata>true</verify-metadata><trusted-keys><trusted-key id=\"AAAA\" group=\"org.example\"/>\
             </trusted-keys><ignored-keys><ignored-key id=\"CCCC\" reason=\"x\"/></ignored-keys></configuration><components>{components}</components></verification-metadata>"
        )
    };
    let text = document(&format!(
        "<component group=\"org.example\" name=\"lib\" version=\"1.0\">\
           <artifact name=\"lib-1.0.jar\"><pgp value=\"BBBB\"/><sha256 value=\"{}\"><also-trust value=\"{two}\"/></sha256></artifact>\
           <artifact name=\"lib-1.0.pom\"><sha256 value=\"{one}\"/><sha512 value=\"{long}\"/></artifact>\
           <artifact name=\"lib-1.0.module\"><sha1 value=\"00\"/></artifact>\
           <artifact name=\"renamed.jar\"><sha256 value=\"{one}\"/></artifact>\
         </component>",
        one.to_uppercase(),
    ));
    let selection = read("verification-metadata.xml", &text).unwrap();
    assert_eq!(
        wanted(&selection),
        ["org.example:lib 1.0 lib-1.0.jar", "org.example:lib 1.0 lib-1.0.pom"]
    );
    let claim = |text: String| Claim::from_hex_option(&text).unwrap();
    assert_eq!(
        selection.wanted[0].claims,
        [claim(format!("sha256:{one}")), claim(format!("sha256:{two}"))]
    );
    assert_eq!(
        selection.wanted[1].claims,
        [claim(format!("sha256:{one}")), claim(format!("sha512:{long}"))]
    );
    for (index, words) in [
        "lib-1.0.module has no digest",
        "renamed.jar is not named",
        "2 OpenPGP keys",
    ]
    .iter()
    .enumerate()
    {
        assert!(selection.left_out[index].contains(words), "{:?}", selection.left_out);
    }
    let component = |attributes: &str, artifact: &str| {
        document(&format!(
            "<component {attributes}><artifact name=\"lib-1.jar\">{artifact}</artifact></component>"
        ))
    };
    let good = format!("<sha256 value=\"{one}\"/>");
    for wrong in [
        "<verification-metadata>".to_owned(),
        "<other/>".to_owned(),
        "<!DOCTYPE x [<!ENTITY a 'b'>]><verification-metadata/>".to_owned(),
        component("group=\"o\" name=\"lib\" version=\"1\"", "<sha256 value=\"12\"/>"),
        component("group=\"o\" name=\"lib\" version=\"1\"", "<sha256/>"),
        component("group=\"../o\" name=\"lib\" version=\"1\"", &good),
        component("name=\"lib\" version=\"1\"", &good),
        document(&format!(
            "<component group=\"o\" name=\"lib\" version=\"1-SNAPSHOT\"><artifact name=\"lib-1-SNAPSHOT.jar\">{good}</artifact></component>"
        )),
    ] {
        assert!(read("verification-metadata.xml", &wrong).is_err(), "{wrong}");
    }
}
