//! The sending side, one file per step, in the order of the data.
#![expect(clippy::disallowed_methods, reason = "sources are read and volumes are written here")]

pub mod select;
pub mod connect;
pub mod collect;
pub mod source;
pub mod describe;
pub mod foresee;
pub mod sign;
pub mod stream;
pub mod pack;
pub mod memory;
mod beside;
mod holdings;
mod texts;

use std::path::Path;

use crate::crypto::key::Signer;
use crate::model::Stop;

use collect::Collected;
use describe::{Contents, Heading, describe};
use memory::Sent;
use pack::{Packed, Progress, pack};
use sign::sign;
use stream::Stream;

/// Where the volumes go, and under which numbers.
pub struct Target<'a> {
    /// The folder on the medium.
    pub media: &'a Path,
    /// The stream whose next number the bundle has.
    pub stream: &'a mut Stream,
    /// Where is remembered what the bundle carried; nowhere where it is only tried out.
    pub sent: Option<&'a Sent>,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
}

/// The second half of the recipe, from what was collected to volumes on the media: describe, sign, pack.
pub fn export(
    collected: Collected,
    heading: &Heading,
    signers: &[&dyn Signer],
    spool: &Path,
    target: Target<'_>,
    threads: usize,
) -> Result<Packed, Stop> {
    let contents = Contents::new(collected, heading, spool)?;
    let described = describe(contents, heading, spool, threads)?;
    let sent = target.sent;
    let draft = sent.map(|sent| sent.draft(described.objects())).transpose()?;
    let signed = sign(described, signers)?;
    let packed = pack(signed, target, threads)?;
    if let (Some(sent), Some(draft)) = (sent, draft) {
        sent.keep(draft, &packed.manifest, packed.manifest_digest)?;
    }
    Ok(packed)
}
