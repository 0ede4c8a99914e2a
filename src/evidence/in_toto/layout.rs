//! Layouts and links as they are written (in-toto specification 1.0 §4.3, §4.4), bounded.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rules::{self, Rule};
use crate::evidence::reading;
use crate::evidence::securesystems::{Document, Keys, keys, texts};
use crate::evidence::sigstore::refusal::Refusal;
use crate::model::{Doubt, Timestamp};

/// A supply chain with a step for every team of a large vendor.
const MAX_STEPS: usize = 256;

/// What a project's owner wants to have happened.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) expires: Timestamp,
    pub(super) keys: Keys,
    pub(super) steps: Vec<Step>,
    pub(super) inspections: Vec<Inspection>,
}

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: String,
    /// The ids of the keys that may sign its links.
    pub(super) keys: Vec<String>,
    pub(super) threshold: u64,
    pub(super) command: Vec<String>,
    pub(super) materials: Vec<Rule>,
    pub(super) products: Vec<Rule>,
}

/// A command that a client would run; not run here.
#[derive(Debug)]
pub(super) struct Inspection {
    pub(super) name: String,
    /// What holds for the files that are brought to it.
    pub(super) materials: Vec<Rule>,
}

/// Files with their digests, by algorithm.
pub(super) type Files = BTreeMap<String, BTreeMap<String, String>>;

/// What was done in one step, as who did it says.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) document: Document,
    pub(super) name: String,
    pub(super) materials: Files,
    pub(super) products: Files,
    pub(super) command: Vec<String>,
}

fn malformed(what: &str) -> Refusal {
    Refusal::malformed(format!("the layout {what}"))
}

impl Layout {
    /// Reads a layout whose signature was verified.
    pub(super) fn read(signed: &Value) -> Result<Self, Refusal> {
        let expires = signed
            .get("expires")
            .and_then(Value::as_str)
            .and_then(reading::time)
            .ok_or_else(|| malformed("does not say when it expires"))?;
        let steps = list(signed, "steps")?
            .iter()
            .map(Step::read)
            .collect::<Result<Vec<_>, _>>()?;
        let inspections = list(signed, "inspect")?
            .iter()
            .map(Inspection::read)
            .collect::<Result<Vec<_>, _>>()?;
        if steps.is_empty() {
            return Err(malformed("has no steps"));
        }
        let names = steps.iter().map(|step| &step.name);
        let names = names.chain(inspections.iter().map(|inspection| &inspection.name));
        if names.collect::<BTreeSet<_>>().len() != steps.len() + inspections.len() {
            return Err(malformed("has two steps of one name"));
        }
        Ok(Self {
            expires,
            keys: keys(signed.get("keys"))?,
            steps,
            inspections,
        })
    }
}

impl Step {
    fn read(value: &Value) -> Result<Self, Refusal> {
        let owned =
            |name: &str| texts(value, name).map(|texts| texts.into_iter().map(str::to_owned).collect::<Vec<String>>());
        Ok(Self {
            name: name(value)?,
            keys: owned("pubkeys").ok_or_else(|| malformed("has a step without keys"))?,
            // A threshold of 0 would be met by nobody's link.
            threshold: value
                .get("threshold")
                .and_then(Value::as_u64)
                .filter(|threshold| *threshold > 0)
                .ok_or_else(|| malformed("has a step without a threshold"))?,
            command: owned("expected_command").unwrap_or_default(),
            materials: rules::read(value.get("expected_materials"))?,
            products: rules::read(value.get("expected_products"))?,
        })
    }
}

impl Inspection {
    fn read(value: &Value) -> Result<Self, Refusal> {
        Ok(Self {
            name: name(value)?,
            materials: rules::read(value.get("expected_materials"))?,
        })
    }
}

fn list<'v>(signed: &'v Value, name: &str) -> Result<&'v [Value], Refusal> {
    let list = signed
        .get(name)
        .and_then(Value::as_array)
        .ok_or_else(|| malformed("has no list of steps or of inspections"))?;
    if list.len() > MAX_STEPS {
        let reason = format!("{} steps, and at most {MAX_STEPS} are judged", list.len());
        return Err(Refusal::doubt(Doubt::TooLarge, reason));
    }
    Ok(list)
}

fn name(value: &Value) -> Result<String, Refusal> {
    let name = value
        .get("name")
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty());
    name.map(str::to_owned)
        .ok_or_else(|| malformed("has a step without a name"))
}

impl Link {
    /// Reads a link, of which nothing is believed before its step's keys were tried.
    pub(super) fn read(document: Document) -> Result<Self, Refusal> {
        let malformed = |what: &str| Refusal::malformed(format!("a link {what}"));
        let signed = &document.signed;
        let name = signed.get("name").and_then(Value::as_str);
        let files = |name: &str| {
            signed
                .get(name)
                .and_then(files)
                .ok_or_else(|| malformed("does not list its materials and products with their digests"))
        };
        let command = texts(signed, "command").unwrap_or_default();
        Ok(Self {
            name: name
                .ok_or_else(|| malformed("does not say of which step it is"))?
                .to_owned(),
            materials: files("materials")?,
            products: files("products")?,
            command: command.into_iter().map(str::to_owned).collect(),
            document,
        })
    }
}

fn files(value: &Value) -> Option<Files> {
    let digests = |value: &Value| {
        let digests = value.as_object()?.iter();
        let digests = digests.map(|(algorithm, digest)| Some((algorithm.clone(), digest.as_str()?.to_owned())));
        digests
            .collect::<Option<BTreeMap<_, _>>>()
            .filter(|digests| !digests.is_empty())
    };
    let files = value.as_object()?.iter();
    files
        .map(|(path, value)| Some((path.clone(), digests(value)?)))
        .collect()
}
