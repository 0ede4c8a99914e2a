//! The summary in words, with who signed the report.

use std::io::{self, Write};

use super::{RenderError, Rendering, Subject};
use crate::model::escaped;
use crate::report::{Record, Report, summary};

/// The line that leads from a summary back to the report.
pub fn signed(report: &Report) -> String {
    format!(
        "  signed    by {}, root version {}; {}",
        report.persons.join(", "),
        report.root_version,
        report.digest
    )
}

pub(super) struct Summary {
    signed: String,
}

pub(super) fn begin(subject: &Subject<'_>, out: &mut dyn Write) -> io::Result<Summary> {
    for line in summary(subject.head()) {
        writeln!(out, "{}", escaped(&line))?;
    }
    Ok(Summary {
        signed: signed(subject.report),
    })
}

impl Rendering for Summary {
    fn record(&mut self, _: &Record, _: &mut dyn Write) -> Result<(), RenderError> {
        Ok(())
    }

    fn end(self: Box<Self>, out: &mut dyn Write) -> Result<(), RenderError> {
        Ok(writeln!(out, "{}", escaped(&self.signed))?)
    }
}
