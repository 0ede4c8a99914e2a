//! What the ledger remembers of a name.

use crate::ledger::Ledger;
use crate::model::{Level, Name, Signer, Stop};
use crate::policy::Standing;

/// What the ledger remembers of the name that was asked for last: catalogs list artifacts by name.
pub(super) struct Remembered {
    pub(super) name: Name,
    pub(super) floor: Option<Level>,
    pub(super) pinned: Vec<Signer>,
    pub(super) standing: Standing,
}

/// Asks the ledger about a name. Without one nothing is new and nothing is pinned.
pub(super) fn remember(name: Name, ledger: Option<&Ledger>) -> Result<Remembered, Stop> {
    let Some(ledger) = ledger else {
        return Ok(Remembered {
            name,
            floor: None,
            pinned: Vec::new(),
            standing: Standing::Known,
        });
    };
    let standing = if ledger.knows(&name)? {
        Standing::Known
    } else {
        Standing::FirstSeen
    };
    Ok(Remembered {
        floor: ledger.floor(&name)?,
        pinned: ledger.signers(&name)?,
        standing,
        name,
    })
}
