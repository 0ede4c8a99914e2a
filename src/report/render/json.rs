//! The whole report as one JSON document, and the pieces of which other renderings in JSON are written.

use std::io::{self, Write};

use serde::Serialize;

use super::{RenderError, Rendering, Subject};
use crate::model::escaped_json;
use crate::report::{Record, controls};

/// Writes a value on one line, safe for a terminal.
pub(super) fn value(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(value).map_err(io::Error::from)?;
    out.write_all(escaped_json(&text).as_bytes())
}

/// The items of an array or the fields of an object, one a line, with the commas between them.
#[derive(Debug, Default)]
pub(super) struct Items {
    count: u64,
}

impl Items {
    /// Writes an item of an array.
    pub(super) fn item(&mut self, out: &mut dyn Write, item: &impl Serialize) -> io::Result<()> {
        self.next(out)?;
        value(out, item)
    }

    /// Begins an item that the caller writes.
    pub(super) fn next(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let comma: &[u8] = if self.count == 0 { b"\n" } else { b",\n" };
        self.count += 1;
        out.write_all(comma)
    }

    /// Writes a field of an object.
    pub(super) fn field(&mut self, out: &mut dyn Write, name: &str, item: &impl Serialize) -> io::Result<()> {
        self.name(out, name)?;
        value(out, item)
    }

    /// Begins a field whose value the caller writes.
    pub(super) fn name(&mut self, out: &mut dyn Write, name: &str) -> io::Result<()> {
        self.next(out)?;
        value(out, &name)?;
        out.write_all(b":")
    }
}

/// The document's array of artifacts.
pub(super) struct Document {
    artifacts: Items,
}

pub(super) fn begin(subject: &Subject<'_>, out: &mut dyn Write) -> io::Result<Document> {
    out.write_all(b"{")?;
    let mut fields = Items::default();
    fields.field(out, "schema", &"sealift-report/1")?;
    fields.field(out, "digest", &subject.report.digest)?;
    let head = subject.head();
    fields.field(out, "controls", &controls::document(head))?;
    fields.field(out, "head", head)?;
    fields.name(out, "artifacts")?;
    out.write_all(b"[")?;
    Ok(Document {
        artifacts: Items::default(),
    })
}

impl Rendering for Document {
    fn record(&mut self, record: &Record, out: &mut dyn Write) -> Result<(), RenderError> {
        Ok(self.artifacts.item(out, record)?)
    }

    fn end(self: Box<Self>, out: &mut dyn Write) -> Result<(), RenderError> {
        Ok(out.write_all(b"\n]\n}\n")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_have_commas_between_them_and_no_controls() {
        let mut out = Vec::new();
        let mut items = Items::default();
        items.item(&mut out, &"a\u{9b}\u{202e}").unwrap();
        items.item(&mut out, &1).unwrap();
        items.field(&mut out, "b", &[()]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\n\"a\\u009b\\u202e\",\n1,\n\"b\":[null]"
        );
    }
}
