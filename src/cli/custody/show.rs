//! `sealift custody show`: the records of a bundle, in their order.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::words;
use crate::cli::{Context, Exit};
use crate::import::custody::look_after;
use crate::model::{Digest, Stop};
use crate::trust::custody::Named;
use crate::trust::folder::TrustFolder;
use crate::trust::words::{WORDS_TO_PIN, phrase};

/// Which bundle.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The bundle's volumes and records, or the folders that hold them; records alone will do
    #[arg(value_name = "BUNDLE", required = true)]
    bundle: Vec<PathBuf>,
    /// The folder `trust` with the enclave's pinned root
    #[arg(long, value_name = "FOLDER")]
    trust: PathBuf,
    /// The bundle, where no volume is at hand any more and the records are about several
    #[arg(long, value_name = "SHA256")]
    manifest: Option<Digest>,
    /// A last record, as who carried or sent the media said it by another way: its digest, or its twelve words; may be given again. Without it nobody
    /// sees that the last records were taken away
    #[arg(long, value_name = "SHA256|WORDS")]
    last: Vec<Named>,
}

/// Shows the records. What is broken or differs is a refusal, as for an import whose policy asks for it.
pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let trust = TrustFolder::open(&arguments.trust)?;
    let looked = look_after(&arguments.bundle, arguments.manifest, &trust, context.now)?;
    let chain = &looked.chain;
    chain.check_named(&arguments.last)?;
    let last = chain.previous(&[]);
    let is_good = chain.troubles.iter().all(|trouble| !words::is_wrong(trouble));
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-custody/1",
            "bundle": looked.manifest.as_ref().map(|manifest| manifest.label()),
            "manifest": looked.manifest_digest,
            "last": last,
            "records": chain.links,
            "troubles": words::troubles_json(chain),
        }));
    } else {
        let subject = words::subject(looked.manifest.as_ref(), &looked.manifest_digest);
        context.output.answer(&format!("chain of custody of {subject}"));
        for line in words::table(chain) {
            context.output.answer(&line);
        }
        for digest in &last {
            context.output.answer(&format!("  ends with {digest}"));
            context
                .output
                .answer(&format!("            {}", phrase(digest, WORDS_TO_PIN)));
        }
        words::warn(chain, context);
    }
    Ok(if is_good { Exit::Done } else { Exit::Refused })
}
