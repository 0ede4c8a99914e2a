//! What a pom says about itself: its coordinates, through its parent where it leaves them out, and its packaging.
//!
//! Expressions (`${revision}`) are resolved from the pom's own properties and its parent's coordinates. What then is left
//! unresolved stands for any text: Maven resolves it from parents that are other artifacts, and poms like that are published.
//!
//! Source: Maven's documentation, "POM Reference"; Maven's model builder for the order of inheritance.

use std::collections::BTreeMap;

use roxmltree::Node;

use super::{licence, xml};

/// Resolving replaces expressions by texts that hold expressions: real poms go two deep.
const MAX_ROUNDS: usize = 8;

/// Coordinates are short; what grows beyond is no coordinate.
const MAX_VALUE_BYTES: usize = 1024;

/// A pom's own statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pom {
    pub(crate) group: Option<String>,
    pub(crate) artifact: Option<String>,
    pub(crate) version: Option<String>,
    /// `jar` where it says nothing.
    pub(crate) packaging: String,
    /// It only says where the artifact went: there need not be a file beside it.
    pub(crate) is_relocated: bool,
    /// Gradle's module metadata was published beside it (Gradle's documentation, "Understanding Gradle Module Metadata").
    pub(crate) has_module: bool,
    /// Its licence, as far as it says it itself and no parent does.
    pub(crate) licence: Option<String>,
}

/// The comment by which Gradle finds its module metadata.
const MODULE_MARK: &str = "published-with-gradle-metadata";

/// A repository that a pom or a settings file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    pub(crate) id: String,
    pub(crate) url: String,
}

impl Pom {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = xml::decode(bytes)?;
        let document = xml::parse(&text, "project")?;
        let project = document.root_element();
        let parent = xml::child(project, "parent");
        let own = |name: &str| xml::text(project, name);
        let inherited = |name: &str| own(name).or_else(|| xml::text(parent?, name));
        let (group, artifact, version) = (inherited("groupId"), own("artifactId"), inherited("version"));
        let mut values = BTreeMap::new();
        for name in ["groupId", "artifactId", "version"] {
            if let Some(value) = parent.and_then(|parent| xml::text(parent, name)) {
                values.insert(format!("project.parent.{name}"), value.clone());
                values.insert(format!("parent.{name}"), value);
            }
        }
        for (name, value) in [("groupId", &group), ("artifactId", &artifact), ("version", &version)] {
            if let Some(value) = value {
                for prefix in ["project.", "pom.", ""] {
                    values.insert(format!("{prefix}{name}"), value.clone());
                }
            }
        }
        // A property wins over nothing above: `${version}` is the project's.
        for property in xml::child(project, "properties")
            .into_iter()
            .flat_map(|properties| properties.children())
            .filter(Node::is_element)
        {
            let name = property.tag_name().name().to_owned();
            let value = property.text().unwrap_or_default().trim().to_owned();
            values.entry(name).or_insert(value);
        }
        let resolved = |value: Option<String>| value.map(|value| resolve(value, &values));
        Ok(Self {
            group: resolved(group),
            artifact: resolved(artifact),
            version: resolved(version),
            packaging: resolve(own("packaging").unwrap_or_else(|| "jar".to_owned()), &values),
            is_relocated: xml::child(project, "distributionManagement")
                .is_some_and(|management| xml::child(management, "relocation").is_some()),
            has_module: text.contains(MODULE_MARK),
            licence: licence::of_project(project),
        })
    }
}

fn resolve(mut value: String, values: &BTreeMap<String, String>) -> String {
    for _ in 0..MAX_ROUNDS {
        let Some((start, end)) = expression(&value) else {
            break;
        };
        let Some(found) = values.get(&value[start + 2..end]) else {
            break;
        };
        if value.len() + found.len() > MAX_VALUE_BYTES {
            break;
        }
        value.replace_range(start..=end, found);
    }
    value
}

/// Where the first `${…}` begins, and where its brace stands.
fn expression(text: &str) -> Option<(usize, usize)> {
    let start = text.find("${")?;
    let end = start + text[start..].find('}')?;
    Some((start, end))
}

/// Whether a stated text fits: equal, or equal around expressions that could not be resolved.
pub(crate) fn fits(stated: &str, expected: &str) -> bool {
    let mut literals = Vec::new();
    let mut rest = stated;
    while let Some((start, end)) = expression(rest) {
        literals.push(&rest[..start]);
        rest = &rest[end + 1..];
    }
    let Some((first, between)) = literals.split_first() else {
        return stated == expected;
    };
    let Some(mut middle) = expected
        .strip_prefix(first)
        .and_then(|middle| middle.strip_suffix(rest))
    else {
        return false;
    };
    for literal in between {
        match middle.find(literal) {
            Some(at) => middle = &middle[at + literal.len()..],
            None => return false,
        }
    }
    true
}

/// The repositories for artifacts and plugins that a project, a profile or a whole pom names.
pub(crate) fn repositories(node: Node<'_, '_>) -> Vec<Repository> {
    let mut found = Vec::new();
    for (list, item) in [
        ("repositories", "repository"),
        ("pluginRepositories", "pluginRepository"),
    ] {
        for list in xml::children(node, list) {
            for repository in xml::children(list, item) {
                if let Some(url) = xml::text(repository, "url") {
                    let id = xml::text(repository, "id").unwrap_or_default();
                    found.push(Repository { id, url });
                }
            }
        }
    }
    found
}

/// The repositories of a project's pom and of its profiles.
pub(crate) fn all_repositories(bytes: &[u8]) -> Result<Vec<Repository>, String> {
    let text = xml::decode(bytes)?;
    let document = xml::parse(&text, "project")?;
    let project = document.root_element();
    let mut found = repositories(project);
    for profiles in xml::children(project, "profiles") {
        for profile in xml::children(profiles, "profile") {
            found.extend(repositories(profile));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(inner: &str) -> Pom {
        Pom::read(format!("<project>{inner}</project>").as_bytes()).unwrap()
    }

    #[test]
    fn coordinates_are_inherited() {
        let pom = read(
            "<parent><groupId>g</groupId><artifactId>p</artifactId><version>1</version></parent><artifactId>a</artifactId>",
        );
        assert_eq!(
            (pom.group.as_deref(), pom.artifact.as_deref(), pom.version.as_deref()),
            (Some("g"), Some("a"), Some("1"))
        );
        assert_eq!(pom.packaging, "jar");
        let pom = read(
            "<parent><groupId>g</groupId><version>1</version></parent><groupId>h</groupId><artifactId>a</artifactId>\
             <version>2</version><packaging>pom</packaging>",
        );
        assert_eq!((pom.group.as_deref(), pom.version.as_deref()), (Some("h"), Some("2")));
        assert_eq!(pom.packaging, "pom");
        assert_eq!(read("").artifact, None);
    }

    #[test]
    fn expressions_are_resolved_or_stand_for_anything() {
        let pom = read(
            "<parent><groupId>g</groupId><version>1</version></parent><groupId>${project.parent.groupId}.x</groupId>\
             <artifactId>a_${scala}</artifactId><version>${revision}</version>\
             <properties><scala>2.13</scala><revision>${major}.5</revision><major>3</major></properties>",
        );
        assert_eq!(pom.group.as_deref(), Some("g.x"));
        assert_eq!(pom.artifact.as_deref(), Some("a_2.13"));
        assert_eq!(pom.version.as_deref(), Some("3.5"));
        // One that leads to itself ends.
        let pom = read("<artifactId>a</artifactId><version>${x}</version><properties><x>${x}</x></properties>");
        assert_eq!(pom.version.as_deref(), Some("${x}"));
        let pom = read("<version>${x}</version><properties><x>${x}${x}${x}${x}</x></properties>");
        assert!(pom.version.unwrap().len() <= MAX_VALUE_BYTES);
        for (stated, expected, is_fit) in [
            ("1.0", "1.0", true),
            ("1.0", "1.1", false),
            ("${x}", "anything", true),
            ("a_${x}", "a_2.13", true),
            ("a_${x}", "b_2.13", false),
            ("${x}-core", "spark-core", true),
            ("${x}-core", "spark-sql", false),
            ("${x}.${y}.1", "1.2.1", true),
            ("${x}.${y}.1", "1.1", false),
            ("${x", "1", false),
        ] {
            assert_eq!(fits(stated, expected), is_fit, "{stated} {expected}");
        }
    }

    #[test]
    fn what_goes_with_a_pom() {
        assert!(read("<distributionManagement><relocation/></distributionManagement>").is_relocated);
        assert!(read("<!-- do_not_remove: published-with-gradle-metadata -->").has_module);
        let pom = read("<distributionManagement/>");
        assert!(!pom.is_relocated && !pom.has_module);
    }

    #[test]
    fn repositories_of_project_and_profiles() {
        let text = b"<project><repositories><repository><id>a</id><url>https://a.example.com/m</url></repository></repositories>
            <profiles><profile><pluginRepositories><pluginRepository><url>https://b.example.com</url></pluginRepository>
            <pluginRepository><id>none</id></pluginRepository></pluginRepositories></profile></profiles></project>";
        let found = all_repositories(text).unwrap();
        let urls: Vec<&str> = found.iter().map(|repository| repository.url.as_str()).collect();
        assert_eq!(urls, ["https://a.example.com/m", "https://b.example.com"]);
    }
}
