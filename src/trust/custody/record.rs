//! One record: what happened, to which volumes, on which medium, who says so.

use serde::{Deserialize, Serialize};

use super::MAX_CUSTODY_RECORDS;
use crate::crypto::dsse::Envelope;
use crate::crypto::key::{SignError, Signer};
use crate::crypto::strict_json::{self, Critical, Extensions};
use crate::model::{CustodyEvent, Digest, Timestamp};
use crate::trust::{Kind, TrustError};

/// A record's envelope: ten thousand volumes without their digests, or some hundred with them.
pub const MAX_CUSTODY_BYTES: usize = 256 << 10;

/// Names of persons, places, media and seals.
pub const MAX_CUSTODY_TEXT_BYTES: usize = 200;

/// A note is a paragraph.
pub const MAX_CUSTODY_NOTE_BYTES: usize = 2000;

/// Scanners of one record.
pub const MAX_CUSTODY_SCANS: usize = 16;

/// Objects of one scan that are told one by one: nobody carries a medium on which more was found.
pub const MAX_CUSTODY_TOLD: usize = 100;

/// What a record's format is called.
const FORMAT: u64 = 1;

/// Something that happened to media of one bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// When it happened.
    pub at: Timestamp,
    /// When this was written down, by the writer's clock.
    pub created: Timestamp,
    /// What a reader must know.
    #[serde(default)]
    pub critical: Critical,
    /// What happened.
    pub event: CustodyEvent,
    /// Facts that decide nothing.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub ext: Extensions,
    /// The format.
    pub format: u64,
    /// Who had it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The digest of the bundle's manifest.
    pub manifest: Digest,
    /// The medium, as somebody described it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<Medium>,
    /// What more there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The last records about its volumes, ascending; none for the first.
    pub previous: Vec<Digest>,
    /// How the medium was made empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sanitisation: Option<Sanitisation>,
    /// What scanners said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scans: Vec<ScannedBy>,
    /// The seal, and how it looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
    /// Where `at` comes from.
    pub time_by: TimeBy,
    /// Who has it from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The volumes, ascending; empty where it is about all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeOf>,
    /// Who saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
}

/// A volume that a record is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeOf {
    /// The digest of the whole file, where somebody read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Its number, from 1.
    pub number: u32,
}

/// A medium, as somebody described it. Nothing here is read from a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Medium {
    /// How much it holds, as it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<String>,
    /// What it is: a stick, a disc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What stands on its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Its serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Whether it can be written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_protection: Option<WriteProtection>,
}

/// Whether a medium can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteProtection {
    /// It can.
    None,
    /// Software keeps it from that.
    Software,
    /// A switch or a writer's bridge does.
    Hardware,
    /// It is a disc that is finished, or another medium that is written once.
    WriteOnce,
}

impl WriteProtection {
    /// The words, in the document and on the command line.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::None, "none"),
        (Self::Software, "software"),
        (Self::Hardware, "hardware"),
        (Self::WriteOnce, "write-once"),
    ];

    /// The word in the document.
    pub fn word(self) -> &'static str {
        word_of(&Self::ALL, self)
    }

    /// Whether anything keeps it from being written to.
    pub const fn is_protected(self) -> bool {
        !matches!(self, Self::None)
    }
}

/// A seal on a medium, or on what it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Its number.
    pub number: String,
    /// How it looked.
    pub state: SealState,
}

/// How a seal looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SealState {
    /// Nobody has touched it.
    Intact,
    /// Somebody has.
    Broken,
}

impl SealState {
    /// The words, in the document and on the command line.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Intact, "intact"), (Self::Broken, "broken")];

    /// The word in the document.
    pub fn word(self) -> &'static str {
        word_of(&Self::ALL, self)
    }
}

fn word_of<T: PartialEq>(words: &[(T, &'static str)], value: T) -> &'static str {
    words
        .iter()
        .find(|(one, _)| *one == value)
        .map_or("", |(_, word)| *word)
}

/// How a medium was made empty or destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sanitisation {
    /// What says so: a certificate's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// How.
    pub method: String,
}

/// Where the time of an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeBy {
    /// The clock of the machine on which this was written down, just then.
    Clock,
    /// Somebody said it.
    Person,
}

impl TimeBy {
    /// What people read.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Clock => "by the machine's clock",
            Self::Person => "as somebody said",
        }
    }
}

/// What one scanner said of all objects of the volumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScannedBy {
    /// When its definitions were made, if it says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definitions: Option<Timestamp>,
    /// Its name, as policies call it.
    pub engine: String,
    /// In how many objects it found something.
    pub found: u64,
    /// How many objects it was given.
    pub objects: u64,
    /// Why nothing that it said counts, but what it found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What it said of those that are not clean, ascending by digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
    /// How many objects it did not scan, or not wholly.
    pub unclear: u64,
    /// Program and definitions, as it calls them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// An object that is not clean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// What was found, or why it was not scanned.
    pub detail: String,
    /// The object.
    pub object: Digest,
    /// Which of the two.
    pub result: ScanTold,
}

/// What a scanner said of an object that is not clean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScanTold {
    /// It found something.
    Found,
    /// It did not scan it, or not wholly.
    NotScanned,
}

/// A record cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CustodyError {
    /// It does not keep its own rules.
    #[error("the custody record does not keep its rules")]
    Rules(#[from] TrustError),
    /// It cannot be signed.
    #[error("the custody record cannot be signed")]
    Sign(#[from] SignError),
}

impl Record {
    /// Reads a record. Who signed it is not looked at.
    ///
    /// # Errors
    /// [`TrustError`] for what is not strict JSON or does not keep the rules of a record.
    pub fn read(untrusted_payload: &[u8]) -> Result<Self, TrustError> {
        let this: Self = strict_json::read(untrusted_payload)?;
        this.check()?;
        Ok(this)
    }

    /// Seals the record with one person's key.
    ///
    /// # Errors
    /// [`CustodyError`] if it does not keep its rules, or the key cannot sign.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Envelope, CustodyError> {
        self.check()?;
        let payload = strict_json::write(self);
        if payload.len() > MAX_CUSTODY_BYTES / 2 {
            return Err(TrustError::Field {
                field: "volumes",
                reason: "are too many for one record",
            }
            .into());
        }
        Ok(crate::trust::sign(Kind::Custody, payload, &[signer])?)
    }

    /// The volumes that it is about, of so many.
    pub fn numbers(&self, count: u32) -> Vec<u32> {
        if self.volumes.is_empty() {
            return (1..=count).collect();
        }
        self.volumes.iter().map(|volume| volume.number).collect()
    }

    /// Texts that persons wrote, with how long each may be.
    fn texts(&self) -> impl Iterator<Item = (&'static str, &String, usize)> {
        let plain = [
            ("from", self.from.as_ref()),
            ("place", self.place.as_ref()),
            ("to", self.to.as_ref()),
            ("witness", self.witness.as_ref()),
            ("seal", self.seal.as_ref().map(|seal| &seal.number)),
        ];
        let sanitisation = self.sanitisation.iter().flat_map(|done| {
            [
                ("sanitisation", Some(&done.method)),
                ("sanitisation", done.certificate.as_ref()),
            ]
        });
        let medium = self.medium.iter().flat_map(|medium| {
            [
                &medium.capacity,
                &medium.kind,
                &medium.label,
                &medium.model,
                &medium.owner,
                &medium.serial,
                &medium.vendor,
            ]
            .map(|text| ("medium", text.as_ref()))
        });
        let scans = self
            .scans
            .iter()
            .flat_map(|scan| [("scans", Some(&scan.engine)), ("scans", scan.version.as_ref())]);
        let long = self
            .scans
            .iter()
            .flat_map(|scan| scan.told.iter().map(|told| &told.detail).chain(&scan.problem))
            .map(|text| ("scans", text, MAX_CUSTODY_NOTE_BYTES))
            .chain(self.note.iter().map(|note| ("note", note, MAX_CUSTODY_NOTE_BYTES)));
        plain
            .into_iter()
            .chain(sanitisation)
            .chain(medium)
            .chain(scans)
            .filter_map(|(field, text)| text.map(|text| (field, text, MAX_CUSTODY_TEXT_BYTES)))
            .chain(long)
    }

    /// Checks every rule of `bundle-spec/custody.md` §4 that the schema alone cannot say.
    fn check(&self) -> Result<(), TrustError> {
        let fault = |field, reason| Err(TrustError::Field { field, reason });
        if self.format != FORMAT {
            return fault("format", "is not 1");
        }
        for (field, text, max_bytes) in self.texts() {
            if text.trim().is_empty() {
                return fault(field, "is empty");
            }
            if text.len() > max_bytes {
                return fault(field, "is too long");
            }
            if text.chars().any(char::is_control) {
                return fault(field, "holds a control character");
            }
        }
        if self.at > self.created {
            return fault("at", "is after `created`");
        }
        if self.time_by == TimeBy::Clock && self.at != self.created {
            return fault("at", "is not `created`, and nobody said it");
        }
        if self.previous.len() > MAX_CUSTODY_RECORDS || self.previous.windows(2).any(|pair| pair[0] >= pair[1]) {
            return fault("previous", "is not in ascending order, or too long");
        }
        if self.volumes.first().is_some_and(|volume| volume.number == 0)
            || self.volumes.windows(2).any(|pair| pair[0].number >= pair[1].number)
        {
            return fault("volumes", "are not in ascending order from 1");
        }
        match self.event {
            CustodyEvent::Sealed if self.seal.as_ref().is_none_or(|seal| seal.state != SealState::Intact) => {
                return fault("seal", "is needed where a medium is sealed, and is intact then");
            }
            CustodyEvent::HandedOver if self.to.is_none() => {
                return fault("to", "is needed where a medium is handed over");
            }
            _ => {}
        }
        if self.sanitisation.is_some() && !matches!(self.event, CustodyEvent::Wiped | CustodyEvent::Destroyed) {
            return fault("sanitisation", "is of a medium that is wiped or destroyed");
        }
        self.check_scans()
    }

    fn check_scans(&self) -> Result<(), TrustError> {
        let fault = |reason| Err(TrustError::Field { field: "scans", reason });
        if (self.event == CustodyEvent::Scanned) == self.scans.is_empty() {
            return fault("stand where something was scanned, and only there");
        }
        if self.scans.len() > MAX_CUSTODY_SCANS {
            return fault("are more than 16");
        }
        if self.scans.windows(2).any(|pair| pair[0].engine >= pair[1].engine) {
            return fault("are not in the order of their engines");
        }
        for scan in &self.scans {
            if scan.told.len() > MAX_CUSTODY_TOLD || scan.told.windows(2).any(|pair| pair[0].object >= pair[1].object) {
                return fault("tell of objects that are not in ascending order, or too many");
            }
            let found = scan.told.iter().filter(|told| told.result == ScanTold::Found).count() as u64;
            let unclear = scan.told.len() as u64 - found;
            let is_whole = scan.problem.is_some() || (found == scan.found && unclear == scan.unclear);
            if found > scan.found || unclear > scan.unclear || !is_whole {
                return fault("count otherwise than they tell");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
impl Record {
    /// A record that says as little as one may, for tests.
    pub(crate) fn plain(event: CustodyEvent, at: Timestamp) -> Self {
        Self {
            at,
            created: at,
            critical: Critical,
            event,
            ext: Extensions::new(),
            format: FORMAT,
            from: None,
            manifest: Digest::of(b"manifest"),
            medium: None,
            note: None,
            place: None,
            previous: Vec::new(),
            sanitisation: None,
            scans: Vec::new(),
            seal: None,
            time_by: TimeBy::Clock,
            to: None,
            volumes: Vec::new(),
            witness: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::file_key::FileKey;

    fn signed(change: impl Fn(&mut Record)) -> Result<(), CustodyError> {
        let at = Timestamp::from_seconds(1_800_000_000);
        let mut record = Record::plain(CustodyEvent::Received, at);
        change(&mut record);
        record.sign(&FileKey::from_seed(&[7; 32])).map(drop)
    }

    #[test]
    fn a_record_that_nobody_would_read_is_not_signed() {
        let volumes = |count: u32| {
            let digest = Some(Digest::of(b"volume"));
            let volume = move |number| VolumeOf { digest, number };
            signed(|record| record.volumes = (1..=count).map(volume).collect())
        };
        assert!(signed(|_| {}).is_ok() && volumes(1000).is_ok());
        assert!(signed(|record| record.note = Some(" ".to_owned())).is_err());
        assert!(signed(|record| record.format = 2).is_err());
        // Too long for an envelope, though each rule holds.
        assert!(volumes(2000).is_err());
    }
}
