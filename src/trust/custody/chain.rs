//! Records in their order: which of them count, and what does not fit together (`bundle-spec/custody.md` §5).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::record::{Record, SealState};
use super::{MAX_CUSTODY_BYTES, MAX_CUSTODY_RECORDS};
use crate::crypto::dsse::Envelope;
use crate::model::{Code, CustodyEvent, Digest, Timestamp};
use crate::trust::{Kind, Revocations, Role, Root};

/// What two clocks on two sides may differ by: as much as a manifest's may (`bundle-spec/manifest.md` §4).
const MAX_CLOCKS_APART_SECONDS: i64 = 86_400;

/// Volumes of a bundle whose manifest is not at hand: as many as any has.
const MAX_VOLUMES: u32 = 10_000;

/// For which bundle records are judged, and when.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The bundle.
    pub manifest: Digest,
    /// How many volumes it has; `None` where its manifest is not at hand.
    pub volumes: Option<u32>,
    /// What the site no longer believes: revoked keys sign nothing.
    pub revocations: Option<&'a Revocations>,
    /// The clock.
    pub now: Timestamp,
}

/// All records that lie beside a bundle, in their order, and what is wrong with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// Those that count, each after those that it names; then those that do not.
    pub links: Vec<Link>,
    /// What does not fit together.
    pub troubles: Vec<Trouble>,
    heads: BTreeMap<u32, Digest>,
}

/// A record, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The digest of what was signed, by which the next one names it; of the whole file where it is none.
    pub digest: Digest,
    /// The file's name.
    pub file: String,
    /// The keys that signed it.
    pub keys: BTreeSet<String>,
    /// The persons whose keys they are, by the root.
    pub persons: BTreeSet<String>,
    /// Why it counts for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it says; none where it cannot be read.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub record: Option<Record>,
    /// The roles that their keys have.
    pub roles: BTreeSet<Role>,
    /// Whether it counts.
    pub word: Word,
}

/// Whether a record counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// A person whom the root knows signed it.
    Counts,
    /// Nobody whom the root knows has signed these bytes.
    UnknownSigner,
    /// Every key that signed it is revoked.
    KeyRevoked,
    /// It is about another bundle.
    Foreign,
    /// It is no record.
    Unreadable,
}

impl Word {
    /// What people read.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::UnknownSigner => "signed by nobody whom the root knows",
            Self::KeyRevoked => "signed with a revoked key",
            Self::Foreign => "about another bundle",
            Self::Unreadable => "no record",
        }
    }
}

/// Something that does not fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of thing.
    pub code: Code,
    /// The record's file.
    pub subject: String,
    /// In words.
    pub message: String,
}

impl Chain {
    /// Judges the files that lie beside a bundle, each with its name. Signers are looked for in `roots`, the newest first.
    pub fn judge(untrusted: &[(String, Vec<u8>)], roots: &[&Root], about: &About<'_>) -> Self {
        Self::judge_with(untrusted, Vec::new(), roots, about)
    }

    /// The same, where some files that are no records are known only as that, among what was told of the files.
    pub fn judge_with(untrusted: &[(String, Vec<u8>)], told: Vec<Link>, roots: &[&Root], about: &About<'_>) -> Self {
        let unreadable = told.into_iter().filter(|link| link.word == Word::Unreadable);
        let mut links: BTreeMap<Digest, Link> = unreadable.map(|link| (link.digest, link)).collect();
        let mut this = Self::default();
        for (file, bytes) in untrusted.iter().take(MAX_CUSTODY_RECORDS) {
            let link = read(file, bytes, roots, about);
            // One record lies on each of several media.
            match links.get_mut(&link.digest) {
                Some(known) if known.word == link.word => {
                    known.keys.extend(link.keys);
                    known.persons.extend(link.persons);
                    known.roles.extend(link.roles);
                }
                Some(known) if known.word < link.word => {}
                _ => {
                    links.insert(link.digest, link);
                }
            }
        }
        if untrusted.len() > MAX_CUSTODY_RECORDS {
            this.trouble(
                Code::CustodyRecordUnproven,
                "custody records",
                format!(
                    "{} lie there, and the first {MAX_CUSTODY_RECORDS} were looked at",
                    untrusted.len()
                ),
            );
        }
        let (counting, others): (Vec<Link>, Vec<Link>) =
            links.into_values().partition(|link| link.word == Word::Counts);
        let count = about.volumes.unwrap_or_else(|| highest(&counting));
        this.place(counting, count);
        this.compare(count, about.now);
        for link in others {
            let reason = link.reason.as_deref().unwrap_or_default();
            this.trouble(
                Code::CustodyRecordUnproven,
                &link.file,
                format!("it counts for nothing: {reason}"),
            );
            this.links.push(link);
        }
        this
    }

    /// The bundles about which somebody known has signed one of these files.
    pub fn manifests(untrusted: &[(String, Vec<u8>)], roots: &[&Root], now: Timestamp) -> BTreeSet<Digest> {
        let about = About {
            manifest: Digest::of(b""),
            volumes: None,
            revocations: None,
            now,
        };
        let links = untrusted
            .iter()
            .take(MAX_CUSTODY_RECORDS)
            .map(|(file, bytes)| read(file, bytes, roots, &about));
        let known = links.filter(|link| !link.persons.is_empty());
        known.filter_map(|link| Some(link.record?.manifest)).collect()
    }

    /// The records that count, in their order.
    pub fn counting(&self) -> impl Iterator<Item = (&Link, &Record)> {
        self.links
            .iter()
            .filter(|link| link.word == Word::Counts)
            .filter_map(|link| Some((link, link.record.as_ref()?)))
    }

    /// What the next record about some volumes names as those before it; about all if none is named.
    pub fn previous(&self, volumes: &[u32]) -> Vec<Digest> {
        let heads = self
            .heads
            .iter()
            .filter(|(number, _)| volumes.is_empty() || volumes.contains(number));
        let set: BTreeSet<Digest> = heads.map(|(_, digest)| *digest).collect();
        set.into_iter().collect()
    }

    fn trouble(&mut self, code: Code, subject: &str, message: String) {
        self.troubles.push(Trouble {
            code,
            subject: subject.to_owned(),
            message,
        });
    }

    /// Puts records behind those that they name. Of two that could be next, the one that happened first is.
    fn place(&mut self, mut open: Vec<Link>, count: u32) {
        open.sort_by_key(|link| (link.record.as_ref().map(|record| record.at), link.digest));
        let mut placed: BTreeSet<Digest> = BTreeSet::new();
        while !open.is_empty() {
            let follows = |link: &Link| {
                let previous = link.record.iter().flat_map(|record| &record.previous);
                previous.into_iter().all(|digest| placed.contains(digest))
            };
            // Where none follows, something is missing: what is left is shown in the order of time.
            let next = open.iter().position(follows);
            let link = open.remove(next.unwrap_or_default());
            placed.insert(link.digest);
            self.follow(&link, next.is_some(), count);
            self.links.push(link);
        }
    }

    /// Compares what a record names with the last records about its volumes.
    fn follow(&mut self, link: &Link, has_all: bool, count: u32) {
        let Some(record) = &link.record else { return };
        let numbers = record.numbers(count);
        let last: BTreeSet<Digest> = numbers
            .iter()
            .filter_map(|number| self.heads.get(number))
            .copied()
            .collect();
        let named: BTreeSet<Digest> = record.previous.iter().copied().collect();
        if !has_all {
            self.trouble(
                Code::CustodyChainBroken,
                &link.file,
                "it follows a record that is not here: one was removed, or somebody changed it".to_owned(),
            );
        } else if last != named {
            self.trouble(
                Code::CustodyChainBroken,
                &link.file,
                "it does not follow the last record about its volumes: another was put between, or two followed one"
                    .to_owned(),
            );
        }
        for number in numbers {
            self.heads.insert(number, link.digest);
        }
    }

    /// Compares what the records say of each volume: time, seal, medium, bytes.
    fn compare(&mut self, count: u32, now: Timestamp) {
        let mut volumes: BTreeMap<u32, State> = BTreeMap::new();
        let mut found: Vec<(String, Said, Vec<u32>)> = Vec::new();
        for link in &self.links {
            let Some(record) = &link.record else { continue };
            let mut here: BTreeMap<Said, Vec<u32>> = BTreeMap::new();
            for number in record.numbers(count) {
                for said in volumes.entry(number).or_default().take(record, number) {
                    here.entry(said).or_default().push(number);
                }
            }
            if record.created > now.plus_seconds(MAX_CLOCKS_APART_SECONDS) {
                let message = format!("it claims to be written at {}, in the future", record.created);
                here.entry((Code::CustodyChainBroken, message)).or_default();
            }
            found.extend(
                here.into_iter()
                    .map(|(said, numbers)| (link.file.clone(), said, numbers)),
            );
        }
        for (file, (code, message), numbers) in found {
            let of = match numbers.as_slice() {
                [] => String::new(),
                _ if count == 1 => String::new(),
                [one] => format!("volume {one}: "),
                [first, .., last] => format!("{} volumes, {first} to {last}: ", numbers.len()),
            };
            self.trouble(code, &file, format!("{of}{message}"));
        }
    }
}

type Said = (Code, String);

/// What the records so far say of a volume.
#[derive(Default)]
struct State {
    at: Option<Timestamp>,
    seal: Option<String>,
    serial: Option<String>,
    digest: Option<Digest>,
    gone: Option<Timestamp>,
}

impl State {
    /// Takes a record that is about the volume, and says what of it contradicts those before.
    fn take(&mut self, record: &Record, number: u32) -> Vec<Said> {
        let mut said = Vec::new();
        if let Some(gone) = self.gone.filter(|_| record.event != CustodyEvent::Written) {
            said.push((
                Code::CustodyChainBroken,
                format!("its medium was destroyed at {gone}, before this"),
            ));
        }
        if let Some(before) = self
            .at
            .filter(|before| record.at.plus_seconds(MAX_CLOCKS_APART_SECONDS) < *before)
        {
            said.push((
                Code::CustodyChainBroken,
                format!("it happened at {}, and what it follows at {before}", record.at),
            ));
        }
        self.at = Some(record.at);
        said.extend(self.take_seal(record));
        self.take_medium(record, &mut said);
        let digest = record
            .volumes
            .iter()
            .find(|volume| volume.number == number)
            .and_then(|volume| volume.digest);
        match (self.digest, digest) {
            (Some(before), Some(after)) if before != after => said.push((
                Code::CustodyMediumDiffers,
                format!("the volume has {after}, and had {before}"),
            )),
            (None, after) => self.digest = after,
            _ => {}
        }
        said
    }

    fn take_seal(&mut self, record: &Record) -> Option<Said> {
        let seal = record.seal.as_ref();
        let mut said = None;
        if let Some(seal) = seal {
            let differs = self.seal.as_ref().filter(|before| **before != seal.number);
            if let Some(before) = differs {
                said = Some(format!("the seal is {}, and was {before}", seal.number));
            } else if seal.state == SealState::Broken {
                said = Some(format!("the seal {} was found broken", seal.number));
            }
        }
        match (record.event, seal) {
            // Without its seal a medium can get another one.
            (CustodyEvent::Opened, _) => self.seal = None,
            (CustodyEvent::Sealed, Some(seal)) => self.seal = Some(seal.number.clone()),
            _ => {}
        }
        said.map(|message| (Code::CustodySealDiffers, message))
    }

    fn take_medium(&mut self, record: &Record, said: &mut Vec<Said>) {
        if record.event == CustodyEvent::Written {
            self.serial = None;
            self.gone = None;
        }
        if record.event == CustodyEvent::Destroyed {
            self.gone = Some(record.at);
        }
        let serial = record.medium.as_ref().and_then(|medium| medium.serial.as_ref());
        match (&self.serial, serial) {
            (Some(before), Some(after)) if before != after => said.push((
                Code::CustodyMediumDiffers,
                format!("the medium's serial number is {after}, and was {before}"),
            )),
            (None, Some(after)) => self.serial = Some(after.clone()),
            _ => {}
        }
    }
}

/// The highest volume of which a record speaks that counts, so that it is at most [`MAX_VOLUMES`].
fn highest(links: &[Link]) -> u32 {
    let numbers = links
        .iter()
        .filter_map(|link| link.record.as_ref())
        .flat_map(|record| &record.volumes)
        .map(|volume| volume.number);
    numbers.max().unwrap_or(1)
}

/// Reads one file. What nobody known has signed is read, too, so that people see it: by the same strict and bounded reader, and it decides nothing.
fn read(file: &str, untrusted: &[u8], roots: &[&Root], about: &About<'_>) -> Link {
    let mut link = Link {
        digest: Digest::of(untrusted),
        file: file.to_owned(),
        keys: BTreeSet::new(),
        persons: BTreeSet::new(),
        reason: None,
        record: None,
        roles: BTreeSet::new(),
        word: Word::Unreadable,
    };
    let (word, reason) = match judge(&mut link, untrusted, roots, about) {
        Ok(()) => (Word::Counts, None),
        Err((word, reason)) => (word, Some(reason)),
    };
    link.word = word;
    link.reason = reason;
    link
}

fn judge(link: &mut Link, untrusted: &[u8], roots: &[&Root], about: &About<'_>) -> Result<(), (Word, String)> {
    let unreadable = |reason: String| (Word::Unreadable, reason);
    if untrusted.len() > MAX_CUSTODY_BYTES {
        return Err(unreadable(format!("it has more than {MAX_CUSTODY_BYTES} bytes")));
    }
    let envelope = Envelope::read(untrusted).map_err(|error| unreadable(error.to_string()))?;
    Kind::Custody
        .check(&envelope)
        .map_err(|error| unreadable(error.to_string()))?;
    link.digest = Digest::of(&envelope.payload);
    let signed = signers(link, &envelope, roots, about);
    let record = Record::read(&envelope.payload).map_err(|error| unreadable(error.to_string()))?;
    let (manifest, highest) = (record.manifest, record.volumes.last().map_or(1, |volume| volume.number));
    link.record = Some(record);
    signed?;
    if manifest != about.manifest {
        return Err((Word::Foreign, format!("it is about another bundle, {manifest}")));
    }
    let count = about.volumes.unwrap_or(MAX_VOLUMES);
    if highest > count {
        return Err(unreadable(format!("it is about volume {highest} of {count}")));
    }
    Ok(())
}

/// Notes who signed: by the newest root that knows one of them.
fn signers(link: &mut Link, envelope: &Envelope, roots: &[&Root], about: &About<'_>) -> Result<(), (Word, String)> {
    let mut revoked = None;
    for root in roots {
        let signers = root.all_signers(Kind::Custody, envelope).unwrap_or_default();
        for signer in signers {
            let key = signer.key.to_string();
            if let Some(revocation) = about.revocations.and_then(|document| document.key(&key)) {
                revoked = Some(format!("the key {key} is revoked: {}", revocation.reason));
                continue;
            }
            let roles = root.roles.iter().filter(|(_, role)| role.keys.contains(&signer.key));
            link.roles.extend(roles.map(|(role, _)| *role));
            link.persons.insert(signer.person);
            link.keys.insert(key);
        }
        if !link.persons.is_empty() {
            return Ok(());
        }
    }
    Err(revoked.map_or_else(
        || {
            (
                Word::UnknownSigner,
                "nobody whom the root knows has signed it".to_owned(),
            )
        },
        |reason| (Word::KeyRevoked, reason),
    ))
}
