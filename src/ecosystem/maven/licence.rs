//! What a pom says about its licence: names as their authors wrote them, told by SPDX's identifiers where they are well known.
//!
//! Of several licences whoever uses the artifact may choose (Maven's documentation, "POM Reference", Licenses). What is not known is given as it was
//! written, and is then no SPDX expression.

use roxmltree::Node;

use super::xml;

/// Poms of aggregators list a handful.
const MAX_LICENCES: usize = 16;

/// A name is a line.
const MAX_NAME_BYTES: usize = 200;

/// Well-known names, in lower case without punctuation, and what SPDX calls them. What names no version where there are several is not here.
const NAMES: &[(&str, &str)] = &[
    ("the apache software license version 2 0", "Apache-2.0"),
    ("the apache license version 2 0", "Apache-2.0"),
    ("apache license version 2 0", "Apache-2.0"),
    ("apache software license version 2 0", "Apache-2.0"),
    ("apache license 2 0", "Apache-2.0"),
    ("apache 2 0", "Apache-2.0"),
    ("apache 2", "Apache-2.0"),
    ("apache 2 0 license", "Apache-2.0"),
    ("asl 2 0", "Apache-2.0"),
    ("the mit license", "MIT"),
    ("mit license", "MIT"),
    ("the mit license mit", "MIT"),
    ("bsd 2 clause license", "BSD-2-Clause"),
    ("the bsd 2 clause license", "BSD-2-Clause"),
    ("bsd 3 clause license", "BSD-3-Clause"),
    ("the bsd 3 clause license", "BSD-3-Clause"),
    ("new bsd license", "BSD-3-Clause"),
    ("revised bsd license", "BSD-3-Clause"),
    ("eclipse public license v1 0", "EPL-1.0"),
    ("eclipse public license 1 0", "EPL-1.0"),
    ("eclipse public license v2 0", "EPL-2.0"),
    ("eclipse public license v 2 0", "EPL-2.0"),
    ("eclipse public license 2 0", "EPL-2.0"),
    ("mozilla public license version 2 0", "MPL-2.0"),
    ("mozilla public license 2 0", "MPL-2.0"),
    ("gnu lesser general public license version 2 1", "LGPL-2.1-only"),
    ("cddl 1 1", "CDDL-1.1"),
    ("cddl 1 0", "CDDL-1.0"),
    ("bouncy castle licence", "MIT"),
    ("public domain cc0", "CC0-1.0"),
    ("cc0 1 0", "CC0-1.0"),
];

/// The licence of a pom, as an expression where it can be told.
pub(crate) fn of_project(project: Node<'_, '_>) -> Option<String> {
    let names: Vec<String> = xml::child(project, "licenses")
        .into_iter()
        .flat_map(|list| xml::children(list, "license"))
        .filter_map(|licence| xml::text(licence, "name"))
        .filter(|name| name.len() <= MAX_NAME_BYTES)
        .take(MAX_LICENCES)
        .collect();
    let mut known: Vec<&str> = names.iter().filter_map(|name| identifier(name)).collect();
    known.sort_unstable();
    known.dedup();
    if known.is_empty() {
        return names.into_iter().next();
    }
    Some(known.join(" OR "))
}

/// What SPDX calls a licence: the name itself where it is one of its identifiers, or a well-known name.
fn identifier(name: &str) -> Option<&'static str> {
    let plain: Vec<String> = name
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let plain = plain.join(" ");
    let of_identifier = NAMES.iter().find(|(_, id)| id.eq_ignore_ascii_case(name.trim()));
    let of_name = NAMES.iter().find(|(known, _)| *known == plain);
    of_identifier.or(of_name).map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(licences: &str) -> Option<String> {
        let text = format!("<project><licenses>{licences}</licenses></project>");
        of_project(xml::parse(&text, "project").unwrap().root_element())
    }

    #[test]
    fn well_known_names_are_told_and_others_stand_as_they_are() {
        let one = |name: &str| told(&format!("<license><name>{name}</name></license>"));
        for (name, expected) in [
            ("The Apache Software License, Version 2.0", "Apache-2.0"),
            ("Apache License, Version 2.0", "Apache-2.0"),
            ("Apache-2.0", "Apache-2.0"),
            ("apache-2.0", "Apache-2.0"),
            ("The MIT License", "MIT"),
            ("Eclipse Public License - v 2.0", "EPL-2.0"),
            // Which version, and which of several: nobody knows.
            ("Apache License", "Apache License"),
            ("BSD", "BSD"),
            ("GPL2 w/ CPE", "GPL2 w/ CPE"),
        ] {
            assert_eq!(one(name).as_deref(), Some(expected), "{name}");
        }
        let two = "<license><name>MIT License</name></license><license><name>Apache 2</name></license>";
        assert_eq!(told(two).as_deref(), Some("Apache-2.0 OR MIT"));
        assert_eq!(told("<license><url>https://example.com</url></license>"), None);
        assert_eq!(told(""), None);
        assert_eq!(one(""), None);
        assert_eq!(one(" "), None);
        assert_eq!(one(&"x".repeat(201)), None);
        assert!(NAMES.iter().all(|(name, _)| *name == name.to_ascii_lowercase()));
    }
}
