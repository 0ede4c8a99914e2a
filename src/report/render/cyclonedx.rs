//! What clients find after an import, as a bill of materials in CycloneDX 1.6. Licences and dependencies are not known to a report,
//! and not said.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::Items;
use super::uuid::uuid;
use super::{RenderError, Rendering, Subject};
use crate::report::tally::signer_words;
use crate::report::{Head, Record};

pub(super) struct Bom<'a> {
    subject: Subject<'a>,
    components: Items,
    number: u64,
}

/// A name that only this program knows, with a value.
fn property(name: &str, value: impl Into<String>) -> Value {
    json!({ "name": format!("sealift:{name}"), "value": value.into() })
}

fn metadata(head: &Head, report: &crate::model::Digest) -> Value {
    let mut component = json!({ "type": "file", "bom-ref": "bundle", "name": "a bundle that nobody vouched for" });
    if let Some(bundle) = &head.bundle {
        component["name"] = json!(format!("bundle {}", bundle.label));
        component["version"] = json!(bundle.sequence.to_string());
        component["hashes"] = json!([{ "alg": "SHA-256", "content": bundle.manifest.hex() }]);
    }
    let (tool, version) = head.generator.split_once(' ').unwrap_or((&head.generator, "unknown"));
    let mut properties = vec![
        property("report", report.to_string()),
        property("outcome", head.outcome.word()),
        property("enclave", head.station.enclave.to_string()),
    ];
    if let Some(published) = &head.published {
        properties.push(property("generation", published.generation.to_string()));
    }
    json!({
        "timestamp": head.created,
        "tools": { "components": [{ "type": "application", "name": tool, "version": version }] },
        "component": component,
        "properties": properties,
    })
}

pub(super) fn begin<'a>(subject: Subject<'a>, out: &mut dyn Write) -> io::Result<Bom<'a>> {
    out.write_all(b"{")?;
    let mut fields = Items::default();
    let report = &subject.report.digest;
    fields.field(out, "$schema", &"http://cyclonedx.org/schema/bom-1.6.schema.json")?;
    fields.field(out, "bomFormat", &"CycloneDX")?;
    fields.field(out, "specVersion", &"1.6")?;
    fields.field(out, "serialNumber", &format!("urn:uuid:{}", uuid(report, "cyclonedx")))?;
    fields.field(out, "version", &1)?;
    fields.field(out, "metadata", &metadata(subject.head(), report))?;
    fields.name(out, "components")?;
    out.write_all(b"[")?;
    Ok(Bom {
        subject,
        components: Items::default(),
        number: 0,
    })
}

impl Rendering for Bom<'_> {
    fn record(&mut self, record: &Record, out: &mut dyn Write) -> Result<(), RenderError> {
        self.number += 1;
        if !self.subject.is_published(record) {
            return Ok(());
        }
        let mut properties = vec![
            property("file", record.file.as_str()),
            property("size", record.size.to_string()),
            property("level", record.level.word()),
        ];
        if let Some(decision) = &record.decision {
            properties.push(property("admission", decision.admission.as_str()));
        }
        if let Some(published) = record.about.as_ref().and_then(|about| about.published.as_ref()) {
            properties.push(property("published", published.time.to_string()));
            properties.push(property("published-by", published.by.as_str()));
        }
        for finding in record.findings.iter().filter(|finding| finding.is_confirmed()) {
            for signer in &finding.signers {
                let said = format!("{}: {}", finding.kind, signer_words(signer));
                properties.push(property("vouched-for-by", said));
            }
        }
        let mut component = json!({
            "type": if record.ecosystem == "files" { "file" } else { "library" },
            // Its place in the report, which is unique whatever two files of a version are called.
            "bom-ref": format!("artifact-{}", self.number),
            "name": record.name,
            "version": record.version,
            "purl": record.purl,
            "hashes": [{ "alg": "SHA-256", "content": record.digest.hex() }],
            "properties": properties,
        });
        let about = record.about.as_ref();
        if let Some(licence) = about.and_then(|about| about.licence.as_ref()) {
            component["licenses"] = json!([{ "license": { "name": licence, "acknowledgement": "declared" } }]);
        }
        if super::is_address(&record.origin) {
            component["externalReferences"] = json!([{
                "type": "distribution",
                "url": record.origin,
                "comment": "where the exporter says that it was fetched",
            }]);
        }
        Ok(self.components.item(out, &component)?)
    }

    fn end(self: Box<Self>, out: &mut dyn Write) -> Result<(), RenderError> {
        Ok(out.write_all(b"\n]\n}\n")?)
    }
}
