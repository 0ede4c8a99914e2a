//! Where packages come from: one-line and deb822 sources (sources.list(5)).

use base64::Engine as _;

use super::ID;
use crate::archive::apt::Paragraph;
use crate::ecosystem::{NamedBy, SelectionError, UpstreamBase};

/// One suite of one archive, as a line of sources names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// The archive's address, with a slash at its end.
    pub(super) url: String,
    /// The suite; it ends in a slash where the archive has none.
    pub(super) suite: String,
    /// The components; none where the archive has no suites.
    pub(super) components: Vec<String>,
    /// The architectures; none where the line says nothing of them.
    pub(super) architectures: Vec<String>,
}

impl Source {
    /// Reads `[arch=amd64,i386] stable main contrib`: the scope of an upstream, written as in a one-line source.
    pub(super) fn of_base(base: &UpstreamBase) -> Option<Self> {
        let line = format!("deb {} {}", "http://x/", base.scope.as_deref()?);
        // The options stand before the address there.
        let line = match base.scope.as_deref()?.trim_start().strip_prefix('[') {
            None => line,
            Some(rest) => {
                let (options, rest) = rest.split_once(']')?;
                format!("deb [{options}] http://x/ {rest}")
            }
        };
        let parsed = read_line(&line).ok()??;
        Some(Self {
            url: with_slash(&base.url),
            ..parsed.source
        })
    }

    /// Writes the scope that [`Source::of_base`] reads.
    pub(super) fn scope(&self) -> String {
        let mut words = Vec::new();
        if !self.architectures.is_empty() {
            words.push(format!("[arch={}]", self.architectures.join(",")));
        }
        words.push(self.suite.clone());
        words.extend(self.components.iter().cloned());
        words.join(" ")
    }
}

pub(super) fn with_slash(url: &str) -> String {
    match url.ends_with('/') {
        true => url.to_owned(),
        false => format!("{url}/"),
    }
}

/// A source, with the credentials that stood in its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    source: Source,
    authorization: Option<String>,
}

impl Named {
    /// The upstream; sources that say nothing of architectures are for those of the client.
    pub(super) fn into_base(mut self, native: &[String]) -> UpstreamBase {
        if self.source.architectures.is_empty() {
            self.source.architectures = native.to_vec();
        }
        UpstreamBase {
            ecosystem: ID,
            scope: Some(self.source.scope()),
            url: self.source.url,
            authorization: self.authorization,
            named_by: NamedBy::Client,
        }
    }
}

/// Reads `sources.list` and its like. Sources of source packages, and those that are no web address, are passed over.
pub(super) fn read_list(file: &str, text: &str) -> Result<Vec<Named>, SelectionError> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let named = read_line(line).map_err(|reason| SelectionError::Malformed {
            file: file.to_owned(),
            reason: format!("line {}: {reason}", index + 1),
        })?;
        found.extend(named);
    }
    Ok(found)
}

fn read_line(line: &str) -> Result<Option<Named>, &'static str> {
    let line = line.split('#').next().unwrap_or(line).trim_ascii();
    let (kind, rest) = match line.split_once([' ', '\t']) {
        Some((kind, rest)) => (kind, rest.trim_ascii_start()),
        None if line.is_empty() => return Ok(None),
        None => return Err("it is not a source"),
    };
    match kind {
        "deb" => {}
        "deb-src" => return Ok(None),
        _ => return Err("it is not a source"),
    }
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("its options have no end")?,
        None => ("", rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let (url, suite) = (
        words.next().ok_or("it names no address")?,
        words.next().ok_or("it names no suite")?,
    );
    let mut architectures = Vec::new();
    for option in options.split_ascii_whitespace() {
        if let Some(list) = option.strip_prefix("arch=") {
            architectures = list.split(',').map(str::to_owned).collect();
        }
    }
    let components: Vec<String> = words.map(str::to_owned).collect();
    named(url, suite, components, architectures)
}

/// Reads a `.sources` file.
pub(super) fn read_sources(file: &str, text: &str) -> Result<Vec<Named>, SelectionError> {
    let malformed = |reason: String| SelectionError::Malformed {
        file: file.to_owned(),
        reason,
    };
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_ascii_end)
        .filter(|line| !line.starts_with('#'))
        .collect();
    let mut found = Vec::new();
    for paragraph in lines.split(|line| line.is_empty()).filter(|lines| !lines.is_empty()) {
        let text = paragraph.join("\n");
        let fields = Paragraph::read(&text).map_err(|error| malformed(error.to_string()))?;
        let off = fields
            .get("Enabled")
            .is_some_and(|value| ["no", "false", "without", "off", "disable"].contains(&value));
        if off || !fields.words("Types").any(|kind| kind == "deb") {
            continue;
        }
        let list = |name| fields.words(name).map(str::to_owned).collect::<Vec<_>>();
        for url in fields.words("URIs") {
            for suite in fields.words("Suites") {
                let named = named(url, suite, list("Components"), list("Architectures"));
                found.extend(named.map_err(|reason| malformed(reason.to_owned()))?);
            }
        }
    }
    Ok(found)
}

fn named(
    url: &str,
    suite: &str,
    components: Vec<String>,
    architectures: Vec<String>,
) -> Result<Option<Named>, &'static str> {
    if components.is_empty() != suite.ends_with('/') {
        return Err("a suite needs components, and a folder has none");
    }
    let lower = url.to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return Ok(None);
    }
    let (url, authorization) = without_credentials(url);
    Ok(Some(Named {
        source: Source {
            url: with_slash(&url),
            suite: suite.to_owned(),
            components,
            architectures,
        },
        authorization,
    }))
}

/// Parts `https://user:password@host/` into the address and the header that goes with it (RFC 7617).
fn without_credentials(url: &str) -> (String, Option<String>) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url.to_owned(), None);
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some((user, host)) = authority.rsplit_once('@') else {
        return (url.to_owned(), None);
    };
    let user = crate::ecosystem::decode(user).unwrap_or_else(|| user.to_owned());
    let encoded = base64::engine::general_purpose::STANDARD.encode(user);
    (format!("{scheme}://{host}{path}"), Some(format!("Basic {encoded}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(found: &[Named]) -> Vec<String> {
        found
            .iter()
            .map(|named| format!("{} {}", named.source.url, named.source.scope()))
            .collect()
    }

    #[test]
    fn one_line_sources() {
        let text = "# a comment\n\ndeb https://a.example.com/debian stable main contrib # more\n\
                    deb-src https://a.example.com/debian stable main\n\
                    deb [ arch=amd64,i386 signed-by=/k.gpg ] http://b.example.com/x/ stable/updates main\n\
                    deb\thttps://user:pa%3Ass@c.example.com ./\ndeb cdrom:[x]/ stable main\ndeb file:/srv stable main\n";
        let found = read_list("sources.list", text).unwrap();
        assert_eq!(
            scopes(&found),
            [
                "https://a.example.com/debian/ stable main contrib",
                "http://b.example.com/x/ [arch=amd64,i386] stable/updates main",
                "https://c.example.com/ ./",
            ]
        );
        assert_eq!(found[2].authorization.as_deref(), Some("Basic dXNlcjpwYTpzcw=="));
        let base = found[0].clone().into_base(&["arm64".to_owned()]);
        assert_eq!(base.scope.as_deref(), Some("[arch=arm64] stable main contrib"));
        let source = Source::of_base(&base).unwrap();
        assert_eq!(
            (source.suite.as_str(), source.architectures),
            ("stable", vec!["arm64".to_owned()])
        );
        assert_eq!(source.components, ["main", "contrib"]);
        for wrong in [
            "deb",
            "x https://a.example.com stable main",
            "deb https://a.example.com",
            "deb [arch=amd64 https://a.example.com stable main",
            "deb https://a.example.com stable",
            "deb https://a.example.com ./ main",
        ] {
            assert!(read_list("sources.list", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn deb822_sources() {
        let text = "# a comment\nTypes: deb deb-src\nURIs: https://a.example.com/debian\nSuites: stable stable-updates\n\
                    Components: main\n# within\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n\n\n\
                    Enabled: no\nTypes: deb\nURIs: https://b.example.com\nSuites: stable\nComponents: main\n \n\
                    Enabled: yes\nTypes: deb\nURIs: https://c.example.com\nSuites: ./\nArchitectures: amd64 arm64\n\n\
                    Types: deb-src\nURIs: https://d.example.com\nSuites: x\nComponents: main\n";
        let found = read_sources("a.sources", text).unwrap();
        assert_eq!(
            scopes(&found),
            [
                "https://a.example.com/debian/ stable main",
                "https://a.example.com/debian/ stable-updates main",
                "https://c.example.com/ [arch=amd64,arm64] ./",
            ]
        );
        for wrong in [
            "Types: deb\nTypes: deb\n",
            "nonsense\n",
            "Types: deb\nURIs: https://a.example.com\nSuites: stable\n",
        ] {
            assert!(read_sources("a.sources", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_scope_that_is_none() {
        for scope in [None, Some(""), Some("stable"), Some("[arch=amd64 stable main")] {
            let base = UpstreamBase {
                ecosystem: ID,
                scope: scope.map(str::to_owned),
                url: "https://a.example.com".to_owned(),
                authorization: None,
                named_by: NamedBy::Operator,
            };
            assert_eq!(Source::of_base(&base), None, "{scope:?}");
        }
    }
}
