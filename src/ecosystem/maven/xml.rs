//! XML of poms, settings and metadata: bounded, without document type, and as lenient as Maven's own reader where old poms
//! need it.
//!
//! Threats, each with its defence:
//! - Entities that grow, or that read files: a document type is refused, so there are none to define.
//! - Names of HTML in old poms (`Laugst&oslash;l`), which Maven's reader passes over: each becomes U+FFFD, which is in no
//!   coordinate, so that a text that holds one never fits.
//! - Size: bytes and nodes are bounded. Nothing here or in the parser recurses with the depth of the document.

use roxmltree::{Document, Node, ParsingOptions};

/// The largest poms of generated platforms have 1 MiB; a plugin's descriptor may have 2.
pub(crate) const MAX_BYTES: u64 = 8 << 20;

/// A node costs some 60 bytes of memory; the largest poms have 100,000.
const MAX_NODES: u32 = 1 << 20;

/// Decodes a document: UTF-8, or where its declaration says so Latin-1, as old poms are.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {MAX_BYTES} bytes"));
    }
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) if says_latin(bytes) => bytes.iter().copied().map(char::from).collect(),
        Err(_) => return Err("it is not UTF-8".to_owned()),
    };
    Ok(without_named_entities(text))
}

fn says_latin(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_ascii_lowercase();
    let declaration = head.split("?>").next().unwrap_or_default();
    [
        "iso-8859-1",
        "iso-8859-15",
        "windows-1252",
        "cp1252",
        "latin1",
        "us-ascii",
    ]
    .iter()
    .any(|name| declaration.contains(name))
}

/// Puts U+FFFD in the place of `&name;`, but for the five that XML itself has.
fn without_named_entities(text: String) -> String {
    if !text.contains('&') {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('&') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        // The longest name in HTML has 31 letters.
        let name = after[1..]
            .char_indices()
            .take(32)
            .find(|(_, character)| *character == ';')
            .map(|(end, _)| &after[1..=end]);
        match name {
            Some(name)
                if !matches!(name, "lt" | "gt" | "amp" | "apos" | "quot")
                    && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
            {
                out.push('\u{fffd}');
                rest = &after[name.len() + 2..];
            }
            _ => {
                out.push('&');
                rest = &after[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Parses a decoded document, whose root must have this name.
pub(crate) fn parse<'a>(text: &'a str, root: &str) -> Result<Document<'a>, String> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    let found = document.root_element().tag_name().name();
    if found != root {
        return Err(format!("its root is `{found}` and not `{root}`"));
    }
    Ok(document)
}

/// The first child of a name, whatever its namespace: poms come with and without.
pub(crate) fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    children(node, name).next()
}

/// All children of a name.
pub(crate) fn children<'a, 'input, 'n>(
    node: Node<'a, 'input>,
    name: &'n str,
) -> impl Iterator<Item = Node<'a, 'input>> + use<'a, 'input, 'n> {
    node.children()
        // What is no element has an empty name.
        .filter(move |child| child.tag_name().name() == name)
}

/// The child's text, trimmed, comments in it left out; `None` where there is no child or it is empty.
pub(crate) fn text(node: Node<'_, '_>, name: &str) -> Option<String> {
    let child = child(node, name)?;
    let text: String = child
        .children()
        .filter(Node::is_text)
        .filter_map(|part| part.text())
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Writes a text so that it stands in an element or attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, String> {
        let text = decode(bytes)?;
        let document = parse(&text, "project")?;
        Ok(super::text(document.root_element(), "name").unwrap_or_default())
    }

    #[test]
    fn old_poms_are_read() {
        for (bytes, name) in [
            (&b"<project><name>a</name></project>"[..], "a"),
            (
                b"\xef\xbb\xbf<project xmlns=\"x\"><name> a\n<!-- b -->c </name></project>",
                "a\nc",
            ),
            (
                b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><project><name>\xf8</name></project>",
                "\u{f8}",
            ),
            (b"<project><name>a&oslash;b</name></project>", "a\u{fffd}b"),
            (b"<project><name>&lt;&amp;&#65;&quot;</name></project>", "<&A\""),
            (b"<project/>", ""),
        ] {
            assert_eq!(read(bytes).unwrap(), name);
        }
    }

    #[test]
    fn an_empty_text_is_none() {
        let document = parse("<project><a/><b> </b><c>d</c></project>", "project").unwrap();
        let read = |name| super::text(document.root_element(), name);
        assert_eq!((read("a"), read("b"), read("c")), (None, None, Some("d".to_owned())));
    }

    #[test]
    fn the_rest_is_refused() {
        let nodes = format!("<project>{}</project>", "<a/>".repeat(1 << 21));
        let long = vec![b' '; 8 << 20 | 1];
        assert!(decode(&long[1..]).is_ok());
        assert_eq!(decode(&long).unwrap_err(), "it is larger than 8388608 bytes");
        for wrong in [
            &b""[..],
            b"<project>",
            b"<other/>",
            b"<project><name>\xff</name></project>",
            b"<project><name>& b</name></project>",
            b"<!DOCTYPE project [<!ENTITY a \"b\">]><project><name>&a;</name></project>",
            b"<!DOCTYPE project [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><project/>",
            nodes.as_bytes(),
            &long,
        ] {
            assert!(
                read(wrong).is_err(),
                "{:?}",
                String::from_utf8_lossy(&wrong[..wrong.len().min(60)])
            );
        }
    }

    #[test]
    fn depth_does_not_end_the_program() {
        let depth = 200_000;
        let text = format!("<project>{}{}</project>", "<a>".repeat(depth), "</a>".repeat(depth));
        let _ = read(text.as_bytes());
    }
}
