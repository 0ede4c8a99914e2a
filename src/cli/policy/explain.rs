//! `sealift policy explain`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{ECOSYSTEMS, read};
use crate::cli::output::escape;
use crate::cli::{Context, Exit};
use crate::ecosystem::Purl;
use crate::model::{Artifact, Digest, Stop, Unable};
use crate::policy::{Judge, KnownNames, Surroundings};

/// What to explain.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A package URL with a version, such as `pkg:npm/left-pad@1.3.0`
    #[arg(value_name = "PURL")]
    purl: String,
    /// The policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The artifact's digest, where waivers and deny entries name it
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
}

/// Prints the rules that are about a package.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let policy = read(&arguments.policy, context.now)?;
    let purl: Purl = arguments
        .purl
        .parse()
        .map_err(|error| Unable::new("cannot read what was asked for").because(error))?;
    let version = purl.version.ok_or_else(|| {
        Unable::new(format!("{} has no version", arguments.purl)).hint("rules are about versions: add `@VERSION`")
    })?;
    let digest = match &arguments.digest {
        Some(text) => Some(
            text.parse::<Digest>()
                .map_err(|error| Unable::new("cannot read the digest").because(error))?,
        ),
        None => purl.digest,
    };
    let artifact = Artifact {
        // Nothing that anybody names has the digest of no bytes.
        digest: digest.unwrap_or_else(|| Digest::of(b"")),
        ecosystem: purl.ecosystem,
        file: purl.file.unwrap_or_default(),
        name: purl.name,
        origin: String::new(),
        proofs: Vec::new(),
        reason: String::new(),
        version,
    };
    let (names, issuers) = (KnownNames::new(), BTreeMap::new());
    let judge = Judge::new(
        &policy,
        Surroundings {
            now: context.now,
            exported: context.now,
            advisories: None,
            names: &names,
            issuers: &issuers,
            ecosystems: ECOSYSTEMS,
        },
    );
    let trail = judge.explain(&artifact);
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-policy-explained/1",
            "asked": arguments.purl,
            "policy": policy.digest(),
            "rules": trail,
        }));
        return Ok(Exit::Done);
    }
    for applied in trail {
        context
            .output
            .answer(&format!("{}: {}", escape(&applied.rule), escape(&applied.says)));
    }
    Ok(Exit::Done)
}
