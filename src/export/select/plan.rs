//! The plan: what was asked for, as strict JSON.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use super::{Choices, index};
use crate::ecosystem::Elsewhere;

/// What the plan says beside the chosen artifacts.
#[derive(Debug, Clone, Default)]
pub(in crate::export) struct PlanHead {
    pub(super) elsewhere: BTreeSet<(&'static str, Elsewhere)>,
    pub(super) exclude: Vec<String>,
    pub(super) inputs: Vec<serde_json::Value>,
    pub(super) left_out: Vec<String>,
    pub(in crate::export) recipient: Option<String>,
    pub(in crate::export) stream: Option<String>,
}

/// The canonical text of what was asked for: keys sorted, no spaces, no paths of this machine, no times. Fields stand in the
/// order of their names, as they are written.
#[derive(Serialize)]
struct PlanText<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    elsewhere: Vec<OtherPlace<'a>>,
    exclude: &'a [String],
    inputs: &'a [serde_json::Value],
    left_out: &'a [String],
    recipient: &'a Option<String>,
    schema: &'static str,
    stream: &'a Option<String>,
    wanted: Wanted<'a>,
}

/// A name that a lockfile fills with something that is not carried.
#[derive(Serialize)]
struct OtherPlace<'a> {
    ecosystem: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

/// The chosen artifacts, written one by one.
struct Wanted<'a>(&'a Choices);

#[derive(Serialize)]
struct One<'a> {
    digests: Vec<&'a str>,
    ecosystem: &'static str,
    file: Option<&'a str>,
    name: &'a str,
    reason: &'a str,
    version: &'a str,
}

impl Serialize for Wanted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let choices = self.0;
        let mut all = serializer.serialize_seq(Some(choices.len()))?;
        for at in (0..choices.len()).map(index) {
            let (ecosystem, name, version) = choices.names(at);
            all.serialize_element(&One {
                digests: choices.claim_texts(at).collect(),
                ecosystem,
                file: choices.file(at),
                name,
                reason: choices.reason(choices.reason_at(at)),
                version,
            })?;
        }
        all.end()
    }
}

impl PlanHead {
    /// Writes the whole plan, without ever holding it.
    pub(in crate::export) fn write(&self, choices: &Choices, to: &mut dyn Write) -> io::Result<()> {
        let elsewhere = self.elsewhere.iter().map(|(ecosystem, one)| OtherPlace {
            ecosystem,
            name: &one.name,
            version: one.version.as_deref(),
        });
        let text = PlanText {
            elsewhere: elsewhere.collect(),
            exclude: &self.exclude,
            inputs: &self.inputs,
            left_out: &self.left_out,
            recipient: &self.recipient,
            schema: "sealift-plan/1",
            stream: &self.stream,
            wanted: Wanted(choices),
        };
        serde_json::to_writer(to, &text).map_err(io::Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::strict_json;
    use crate::ecosystem;
    use crate::model::{Algorithm, Claim};

    fn plan() -> (Choices, PlanHead) {
        let mut choices = Choices::default();
        for (file, claims) in [
            (None, vec![Claim::new(Algorithm::Sha256, vec![7; 32]).unwrap()]),
            (Some("a \u{7f}\"\\ü"), Vec::new()),
        ] {
            let wanted = ecosystem::Wanted {
                ecosystem: "files",
                name: "n".to_owned(),
                version: "1".to_owned(),
                file: file.map(str::to_owned),
                claims,
                urls: Vec::new(),
                registry: None,
                path: None,
                size: None,
            };
            choices.add(wanted, "why", Vec::new());
        }
        let head = PlanHead {
            inputs: vec![serde_json::json!({"z": 1, "a": null})],
            stream: Some("main".to_owned()),
            elsewhere: [("cargo", Some("1.0.0")), ("npm", None)]
                .map(|(ecosystem, version)| {
                    let name = "patched".to_owned();
                    let version = version.map(str::to_owned);
                    (ecosystem, Elsewhere { name, version })
                })
                .into(),
            ..PlanHead::default()
        };
        (choices, head)
    }

    #[test]
    fn a_plan_of_which_a_part_is_not_written_is_not_written() {
        /// Takes everything but one write.
        struct BadSpot {
            at: usize,
            writes: usize,
        }
        impl Write for BadSpot {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.writes += 1;
                match self.writes == self.at {
                    true => Err(io::Error::other("a bad spot")),
                    false => Ok(bytes.len()),
                }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (choices, head) = plan();
        let written = |at: usize| {
            let mut output = BadSpot { at, writes: 0 };
            (head.write(&choices, &mut output), output.writes)
        };
        let (whole, writes) = written(0);
        whole.unwrap();
        for at in 1..=writes {
            assert!(written(at).0.is_err(), "{at} of {writes}");
        }
    }

    #[test]
    fn what_is_written_at_once_is_strict_and_canonical() {
        let (choices, head) = plan();
        let mut text = Vec::new();
        head.write(&choices, &mut text).unwrap();
        let value: serde_json::Value = strict_json::read(&text).unwrap();
        assert_eq!(strict_json::write(&value), text);
        assert_eq!(value["wanted"][0]["digests"][0], format!("sha256:{}", "07".repeat(32)));
    }
}
