//! `sealift policy explain`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{ECOSYSTEMS, read};
use crate::cli::output::escape;
use crate::cli::shown::lowered_text;
use crate::cli::where_::by_purl;
use crate::cli::{Context, Exit};
use crate::ecosystem::{self, Purl};
use crate::enclave;
use crate::import::decide::ArtifactDecision;
use crate::ledger::Use;
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
    /// Tell also what was decided about it in this enclave, and which statements of publishers lowered something
    #[arg(long, value_name = "FOLDER")]
    enclave: Option<PathBuf>,
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
            policy_signers: None,
        },
    );
    let trail = judge.explain(&artifact);
    let decided = match &arguments.enclave {
        Some(enclave) => decided(enclave, &arguments.purl)?,
        None => Vec::new(),
    };
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-policy-explained/1",
            "asked": arguments.purl,
            "policy": policy.digest(),
            "rules": trail,
            "decided": decided.iter().map(|(purl, decision)| json!({ "purl": purl, "decision": decision })).collect::<Vec<_>>(),
        }));
        return Ok(Exit::Done);
    }
    for applied in trail {
        context
            .output
            .answer(&format!("{}: {}", escape(&applied.rule), escape(&applied.says)));
    }
    for (purl, decision) in decided {
        let admission = decision.admission.word();
        let policy = decision.policy_version;
        let text = format!("{purl}: {admission} by policy version {policy} when it last came");
        context.output.answer(&text);
        for hit in &decision.decision.hits {
            let lowered = hit.lowered.as_ref().map(lowered_text);
            let waived = hit
                .waived_by
                .as_ref()
                .map(|waiver| format!("lifted by the waiver {}", escape(waiver)));
            let how = lowered.or(waived).unwrap_or_else(|| hit.verdict.word().to_owned());
            let said = escape(&hit.message);
            context
                .output
                .answer(&format!("  {}: {said}: {how} [{}]", escape(&hit.rule), hit.code));
        }
    }
    Ok(Exit::Done)
}

/// What was decided about what is held and fits a package URL, when it last came.
fn decided(enclave: &Path, purl: &str) -> Result<Vec<(String, ArtifactDecision)>, Stop> {
    let ledger = enclave::read(enclave)?;
    let mut found = Vec::new();
    for one in by_purl(&ledger, purl)? {
        let Use::Artifact(entry) = one else { continue };
        let decision = ledger
            .judgement(&entry)?
            .and_then(|judgement| ArtifactDecision::read(&judgement.decision));
        found.extend(decision.map(|decision| (ecosystem::purl(&entry.artifact), decision)));
    }
    Ok(found)
}
