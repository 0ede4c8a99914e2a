//! `sealift explain CODE`.

use clap::Args;
use serde_json::json;

use super::{Context, Exit};
use crate::model::{Code, Stop, Unable};

/// What to explain.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The code in square brackets behind a refusal; without one, all codes are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// Prints what a code means, or lists all codes.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let codes = match &arguments.code {
        None => Code::ALL.to_vec(),
        Some(name) => vec![Code::named(name).ok_or_else(|| {
            Unable::new(format!("there is no code `{name}`")).hint("`sealift explain` lists all codes")
        })?],
    };
    if context.output.wants_json() {
        let list: Vec<_> = codes
            .iter()
            .map(|code| json!({ "code": code.name(), "family": format!("{:?}", code.family()).to_lowercase(), "text": text(*code) }))
            .collect();
        context
            .output
            .json(&json!({ "schema": "sealift-codes/1", "codes": list }));
    } else if arguments.code.is_some() {
        context.output.answer(&format!("{}\n\n{}", codes[0], text(codes[0])));
    } else {
        for code in codes {
            context
                .output
                .answer(&format!("{:<26} {}", code.name(), code.lines()[0].trim()));
        }
    }
    Ok(Exit::Done)
}

/// The explanation as paragraphs.
fn text(code: Code) -> String {
    code.lines()
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join("\n")
}
