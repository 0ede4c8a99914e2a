//! What core metadata says about a licence: `License-Expression` (PEP 639), or the classifiers that name exactly one licence, or `License` as it is.

/// Longer expressions list every file's licence; nobody reads them.
const MAX_EXPRESSION_BYTES: usize = 4096;

/// Classifiers that name one licence of SPDX's list (PEP 639, "Mapping license classifiers to SPDX identifiers"). Those that name several are not here:
/// `BSD License`, `Apache Software License`, `GNU General Public License (GPL)`.
const CLASSIFIERS: &[(&str, &str)] = &[
    ("Boost Software License 1.0 (BSL-1.0)", "BSL-1.0"),
    ("Eclipse Public License 1.0 (EPL-1.0)", "EPL-1.0"),
    ("Eclipse Public License 2.0 (EPL-2.0)", "EPL-2.0"),
    ("European Union Public Licence 1.2 (EUPL 1.2)", "EUPL-1.2"),
    ("GNU Affero General Public License v3", "AGPL-3.0-only"),
    (
        "GNU Affero General Public License v3 or later (AGPLv3+)",
        "AGPL-3.0-or-later",
    ),
    ("GNU General Public License v2 (GPLv2)", "GPL-2.0-only"),
    ("GNU General Public License v2 or later (GPLv2+)", "GPL-2.0-or-later"),
    ("GNU General Public License v3 (GPLv3)", "GPL-3.0-only"),
    ("GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later"),
    ("GNU Lesser General Public License v2 (LGPLv2)", "LGPL-2.0-only"),
    (
        "GNU Lesser General Public License v2 or later (LGPLv2+)",
        "LGPL-2.0-or-later",
    ),
    ("GNU Lesser General Public License v3 (LGPLv3)", "LGPL-3.0-only"),
    (
        "GNU Lesser General Public License v3 or later (LGPLv3+)",
        "LGPL-3.0-or-later",
    ),
    ("ISC License (ISCL)", "ISC"),
    ("MIT License", "MIT"),
    ("MIT No Attribution License (MIT-0)", "MIT-0"),
    ("Mozilla Public License 1.1 (MPL 1.1)", "MPL-1.1"),
    ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
    ("The Unlicense (Unlicense)", "Unlicense"),
];

const OSI: &str = "License :: OSI Approved :: ";
const ANY: &str = "License :: ";
/// Says no more than that there is a licence.
const OSI_ALONE: &str = "License :: OSI Approved";

/// The fields about licences, as they are met.
#[derive(Debug, Default)]
pub(super) struct Fields {
    expression: Option<String>,
    text: Option<String>,
    classifiers: Vec<String>,
}

impl Fields {
    /// Takes a field; others than those about licences are passed over.
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) {
        let Ok(value) = std::str::from_utf8(value).map(str::trim) else {
            return;
        };
        if value.is_empty() || value.len() > MAX_EXPRESSION_BYTES {
            return;
        }
        let is = |name: &str| key.eq_ignore_ascii_case(name.as_bytes());
        if is("License-Expression") {
            self.expression.get_or_insert_with(|| value.to_owned());
        } else if is("License") {
            self.text.get_or_insert_with(|| value.to_owned());
        } else if is("Classifier") && value.starts_with(ANY) && value != OSI_ALONE {
            self.classifiers.push(value.to_owned());
        }
    }

    /// The field before goes on: a whole licence's text, and not its name.
    pub(super) fn fold(&mut self, key: &[u8]) {
        if key.eq_ignore_ascii_case(b"License") {
            self.text = None;
        }
    }

    /// What they say. Of several classifiers nobody knows whether one is enough, so all must be admitted.
    pub(super) fn stated(self) -> Option<String> {
        if self.expression.is_some() {
            return self.expression;
        }
        let known: Option<Vec<&str>> = self
            .classifiers
            .iter()
            .map(|classifier| identifier(classifier))
            .collect();
        match known {
            Some(known) if !known.is_empty() => Some(known.join(" AND ")),
            _ => self.text,
        }
    }
}

fn identifier(classifier: &str) -> Option<&'static str> {
    let name = classifier.strip_prefix(OSI).or_else(|| classifier.strip_prefix(ANY))?;
    CLASSIFIERS.iter().find(|(known, _)| *known == name).map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fields: &[(&str, &str)]) -> Option<String> {
        let mut all = Fields::default();
        for (key, value) in fields {
            all.take(key.as_bytes(), value.as_bytes());
        }
        all.stated()
    }

    #[test]
    fn the_most_exact_statement_counts() {
        let mit = ("Classifier", "License :: OSI Approved :: MIT License");
        let apache = ("Classifier", "License :: OSI Approved :: Apache Software License");
        let says = |text| Some(str::to_owned(text));
        assert_eq!(
            told(&[("license-expression", "MIT OR Apache-2.0"), mit]),
            says("MIT OR Apache-2.0")
        );
        assert_eq!(told(&[mit, ("License", "see LICENSE")]), says("MIT"));
        assert_eq!(told(&[("License", "Apache-2.0"), apache]), says("Apache-2.0"));
        let mpl = (
            "Classifier",
            "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
        );
        assert_eq!(told(&[mit, mpl]), says("MIT AND MPL-2.0"));
        // One that names several licences leaves it open, whatever stands beside it.
        assert_eq!(told(&[mit, apache]), None);
        assert_eq!(told(&[("Classifier", "License :: OSI Approved"), mit]), says("MIT"));
        assert_eq!(told(&[("Classifier", "Topic :: License")]), None);
        assert_eq!(told(&[("License", "")]), None);
        assert_eq!(told(&[("License", &"x".repeat(5000))]), None);
        let mut folded = Fields::default();
        folded.take(b"License", b"MIT License");
        folded.fold(b"License");
        assert_eq!(folded.stated(), None);
    }
}
