//! `sealift trust install`: a document counts from now on.

use std::path::PathBuf;

use clap::Args;

use super::{Content, Context, Document, Place, Stop, show, standing_document};
use crate::cli::shown::holder;
use crate::enclave::Enclave;
use crate::import::site;
use crate::trust::Kind;

#[derive(Debug, Args)]
pub(super) struct Install {
    /// The signed document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Verifies that enough persons have signed, and that the document follows the one that stands; then lets it stand.
pub(super) fn run(arguments: &Install, context: &Context) -> Result<(), Stop> {
    let document = Document::read(&arguments.file)?;
    // While an import runs, nothing changes beneath it.
    let enclave = arguments
        .place
        .enclave
        .as_deref()
        .map(|folder| Enclave::open(folder, &holder("trust install")))
        .transpose()?;
    let mut folder = arguments.place.open()?;
    let revocations = match standing_document(&folder, Kind::Revocations)?.map(|document| document.content) {
        Some(Content::Revocations(revocations)) => Some(revocations),
        _ => None,
    };
    let Some(next) = folder.judge_next(document.kind(), &document.bytes, revocations.as_ref())? else {
        show::print_changes(document.kind(), document.version(), &[], context);
        return Ok(());
    };
    let current = standing_document(&folder, document.kind())?;
    match (&document.content, current.as_ref().map(|current| &current.content)) {
        (Content::Revocations(new), Some(Content::Revocations(old))) => {
            site::check_revocations_follow("the revocations", Some(old), new)?;
        }
        (Content::TrustData(new), Some(Content::TrustData(old))) => {
            site::check_trust_data_follows("the trust data", Some(old), new)?;
        }
        _ => {}
    }
    let changes = show::changes(current.as_ref(), &document, &folder.trust_data_until_now())?;
    folder.stand(&next)?;
    if let Some(enclave) = &enclave {
        enclave
            .ledger
            .note_standing(&next.kind.to_string(), next.version, &next.digest)?;
    }
    show::print_changes(document.kind(), document.version(), &changes, context);
    Ok(())
}
