//! What clients find after an import, as a document in SPDX 2.3. Licences are not known to a report, and said to be not asserted.

use std::io::{self, Write};

use serde_json::json;

use super::json::Items;
use super::uuid::uuid;
use super::{RenderError, Rendering, Subject};
use crate::report::Record;

const NO_ASSERTION: &str = "NOASSERTION";

pub(super) struct Packages<'a> {
    subject: Subject<'a>,
    packages: Items,
    count: u64,
}

pub(super) fn begin<'a>(subject: Subject<'a>, out: &mut dyn Write) -> io::Result<Packages<'a>> {
    out.write_all(b"{")?;
    let head = subject.head();
    let report = &subject.report.digest;
    let bundle = head.bundle.as_ref().map_or_else(
        || "a bundle that nobody vouched for".to_owned(),
        |bundle| format!("bundle {}", bundle.label),
    );
    let mut fields = Items::default();
    fields.field(out, "spdxVersion", &"SPDX-2.3")?;
    fields.field(out, "dataLicense", &"CC0-1.0")?;
    fields.field(out, "SPDXID", &"SPDXRef-DOCUMENT")?;
    fields.field(out, "name", &format!("{bundle}, {}", head.outcome.word()))?;
    fields.field(out, "documentNamespace", &format!("urn:uuid:{}", uuid(report, "spdx")))?;
    fields.field(
        out,
        "creationInfo",
        &json!({
            "created": head.created,
            // SPDX 2.3 §6.8: a tool's name and version with a hyphen between them.
            "creators": [format!("Tool: {}", head.generator.replace(' ', "-"))],
            "comment": format!(
                "Made from report {} of enclave {}, {report}; the report is the record",
                head.number, head.station.name
            ),
        }),
    )?;
    fields.name(out, "packages")?;
    out.write_all(b"[")?;
    Ok(Packages {
        subject,
        packages: Items::default(),
        count: 0,
    })
}

impl Rendering for Packages<'_> {
    fn record(&mut self, record: &Record, out: &mut dyn Write) -> Result<(), RenderError> {
        if !self.subject.is_published(record) {
            return Ok(());
        }
        self.count += 1;
        let origin = if super::is_address(&record.origin) {
            record.origin.as_str()
        } else {
            NO_ASSERTION
        };
        let mut package = json!({
            "SPDXID": format!("SPDXRef-Package-{}", self.count),
            "name": record.name,
            "versionInfo": record.version,
            "packageFileName": record.file,
            "downloadLocation": origin,
            "filesAnalyzed": false,
            "checksums": [{ "algorithm": "SHA256", "checksumValue": record.digest.hex() }],
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": record.purl,
            }],
            "licenseConcluded": NO_ASSERTION,
            "licenseDeclared": NO_ASSERTION,
            "copyrightText": NO_ASSERTION,
            "supplier": NO_ASSERTION,
            "primaryPackagePurpose": if record.ecosystem == "files" { "FILE" } else { "LIBRARY" },
            "comment": format!("evidence level {}", record.level),
        });
        if let Some(licence) = record.about.as_ref().and_then(|about| about.licence.as_ref()) {
            // It may be no SPDX expression, or one with names that this document would have to define (SPDX 2.3 §7.15).
            package["licenseComments"] = json!(format!("its own metadata states: {licence}"));
        }
        if let Some(published) = record.about.as_ref().and_then(|about| about.published.as_ref()) {
            package["releaseDate"] = json!(published.time);
        }
        Ok(self.packages.item(out, &package)?)
    }

    fn end(self: Box<Self>, out: &mut dyn Write) -> Result<(), RenderError> {
        out.write_all(b"\n],\n\"relationships\":[")?;
        let mut relationships = Items::default();
        for number in 1..=self.count {
            let described = json!({
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": format!("SPDXRef-Package-{number}"),
            });
            relationships.item(out, &described)?;
        }
        Ok(out.write_all(b"\n]\n}\n")?)
    }
}
