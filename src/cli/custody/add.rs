//! `sealift custody add`: one more record, signed by whoever did it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde_json::json;

use super::medium::MediumArguments;
use super::words;
use crate::cli::files::{self, Existing};
use crate::cli::output::escape;
use crate::cli::progress::Bars;
use crate::cli::scanners::ScannersArgument;
use crate::cli::signer::SignerArguments;
use crate::cli::{Context, Exit, import};
use crate::crypto::strict_json::{self, Critical, Extensions};
use crate::import::custody::{LookedAfter, digest_of, look_after, scans, volumes_of};
use crate::import::open::Input;
use crate::import::{Run, look};
use crate::model::{CustodyEvent, Digest, Stop, Timestamp, Unable};
use crate::trust::custody::{Record, Sanitisation, ScannedBy, TimeBy};
use crate::trust::folder::TrustFolder;

/// What happened, and who says so.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The bundle's volumes and earlier records, or the folders that hold them
    #[arg(value_name = "BUNDLE", required = true)]
    bundle: Vec<PathBuf>,
    /// The folder `trust` with the enclave's pinned root
    #[arg(long, value_name = "FOLDER")]
    trust: PathBuf,
    /// What happened
    #[arg(long, value_name = "EVENT", value_parser = event())]
    event: CustodyEvent,
    #[command(flatten)]
    signer: SignerArguments,
    /// Only these volumes [default: those that are at hand, or all]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    volume: Vec<u32>,
    /// The bundle, where no volume is at hand any more and the records are about several
    #[arg(long, value_name = "SHA256")]
    manifest: Option<Digest>,
    /// When it happened [default: now, by this machine's clock]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Where
    #[arg(long, value_name = "TEXT")]
    place: Option<String>,
    /// Who had it before
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Who has it from then on: the carrier, or who received it
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// Who saw it
    #[arg(long, value_name = "NAME")]
    witness: Option<String>,
    /// What more there is to say
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    medium: MediumArguments,
    /// How the medium was made empty or destroyed
    #[arg(long, value_name = "TEXT")]
    method: Option<String>,
    /// The number of the certificate that says so
    #[arg(long, value_name = "NUMBER", requires = "method")]
    certificate: Option<String>,
    /// Read each volume at hand whole, and record its digest
    #[arg(long)]
    hash: bool,
    #[command(flatten)]
    scanners: ScannersArgument,
    /// Where contents may be unpacked while they are scanned [default: the system's folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// Where the record is written [default: the folder of the first BUNDLE]
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn event() -> impl clap::builder::TypedValueParser<Value = CustodyEvent> {
    let words = CustodyEvent::ALL.map(CustodyEvent::word);
    PossibleValuesParser::new(words).try_map(|word| CustodyEvent::named(&word).ok_or("no such event"))
}

/// Adds a record to the chain.
pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let trust = TrustFolder::open(&arguments.trust)?;
    let looked = look_after(&arguments.bundle, arguments.manifest, &trust, context.now)?;
    // A wrong passphrase is noticed before hours of reading.
    let signer = arguments.signer.open()?;
    let id = signer.public().id();
    let person = trust.current().document().keys.get(&id).map(|key| key.person.clone());
    let count = looked
        .manifest
        .as_ref()
        .and_then(|manifest| u32::try_from(manifest.volumes.len()).ok());
    let numbers = numbers(arguments, &looked, count)?;
    let scans = scanned(arguments, &trust, context)?;
    let digests = hashed(arguments, &looked, &numbers)?;
    let record = Record {
        at: arguments.at.unwrap_or(context.now),
        created: context.now,
        critical: Critical,
        event: arguments.event,
        ext: Extensions::new(),
        format: 1,
        from: arguments.from.clone(),
        manifest: looked.manifest_digest,
        medium: arguments.medium.medium(),
        note: arguments.note.clone(),
        place: arguments.place.clone(),
        previous: looked.chain.previous(&numbers),
        sanitisation: arguments.method.clone().map(|method| Sanitisation {
            certificate: arguments.certificate.clone(),
            method,
        }),
        scans,
        seal: arguments.medium.seal(),
        time_by: match arguments.at {
            Some(_) => TimeBy::Person,
            None => TimeBy::Clock,
        },
        to: arguments.to.clone(),
        volumes: volumes_of(&numbers, count, &digests),
        witness: arguments.witness.clone(),
    };
    let envelope = record
        .sign(signer.as_ref())
        .map_err(|error| Unable::new("cannot write the record").because(error))?;
    let digest = Digest::of(&strict_json::write(&record));
    let envelope = envelope.write();
    // Two persons may record the very same in the same second.
    let path = place(arguments, &looked, &record, &Digest::of(&envelope));
    files::write(&path, &envelope, Existing::Keep)?;

    // Whoever records that a seal is another one must hear at once that it is.
    let mut all = arguments.bundle.clone();
    all.push(path.clone());
    let after = look_after(&all, Some(looked.manifest_digest), &trust, context.now)?.chain;
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-custody-record/1",
            "digest": digest,
            "file": path.display().to_string(),
            "person": person,
            "record": record,
            "troubles": words::troubles_json(&after),
        }));
    } else {
        let by = person.as_deref().unwrap_or("a key that the root does not know");
        context.output.answer(&format!(
            "recorded by {}: {} {}: {}",
            escape(by),
            words::subject(looked.manifest.as_ref(), &looked.manifest_digest),
            record.event,
            path.display()
        ));
    }
    if person.is_none() {
        context.output.warn(
            "nobody whom the root knows has this key: the record is shown on the receiving side, and counts for nothing",
        );
    }
    words::warn(&after, context);
    Ok(Exit::Done)
}

/// The volumes that the record is about.
fn numbers(arguments: &Arguments, looked: &LookedAfter, count: Option<u32>) -> Result<Vec<u32>, Stop> {
    let mut numbers = arguments.volume.clone();
    numbers.sort_unstable();
    numbers.dedup();
    if let (Some(count), Some(last)) = (count, numbers.last())
        && *last > count
    {
        return Err(Unable::new(format!("there is no volume {last}"))
            .hint(format!("the bundle has {count}"))
            .into());
    }
    if numbers.is_empty() {
        numbers = looked.volumes.keys().copied().collect();
    }
    Ok(numbers)
}

/// The digests of the volumes, where they are asked for.
fn hashed(arguments: &Arguments, looked: &LookedAfter, numbers: &[u32]) -> Result<BTreeMap<u32, Digest>, Stop> {
    let mut digests = BTreeMap::new();
    if arguments.hash {
        for number in numbers {
            let path = looked.volumes.get(number).ok_or_else(|| {
                Unable::new(format!("volume {number} is not at hand, and cannot be read"))
                    .hint("leave out --hash, or name its file")
            })?;
            digests.insert(*number, digest_of(path)?);
        }
    }
    Ok(digests)
}

/// Verifies all volumes, and has this machine's scanners look at every object in them.
fn scanned(arguments: &Arguments, trust: &TrustFolder, context: &Context) -> Result<Vec<ScannedBy>, Stop> {
    if arguments.event != CustodyEvent::Scanned {
        return Ok(Vec::new());
    }
    let scanners = arguments.scanners.open(None)?;
    if scanners.is_empty() {
        return Err(Unable::new("no scanner is named")
            .hint("name this machine's with --scanners FILE")
            .into());
    }
    let scratch = import::scratch(arguments.scratch.as_deref())?;
    let bars = Bars::new(context);
    let run = Run {
        now: context.now,
        threads: import::threads(None),
        progress: &bars,
        scanners: &scanners,
        named: &[],
    };
    let inputs = arguments.bundle.iter().cloned().map(Input::Path).collect();
    let looked = look(inputs, trust.current(), None, scratch.path().to_owned(), &run)?;
    drop(bars);
    Ok(scans(&looked.scanned))
}

/// A name that sorts by time and stands beside the volumes'.
fn place(arguments: &Arguments, looked: &LookedAfter, record: &Record, digest: &Digest) -> PathBuf {
    let folder = arguments.out.clone().unwrap_or_else(|| {
        let first = &arguments.bundle[0];
        if first.is_dir() {
            first.clone()
        } else {
            first.parent().unwrap_or(Path::new("")).to_owned()
        }
    });
    let stem = looked.manifest.as_ref().map_or_else(
        || format!("bundle-{}", &looked.manifest_digest.hex()[..16]),
        |manifest| format!("{}-{}-{}", manifest.stream, manifest.epoch, manifest.sequence),
    );
    let time = record.at.to_string().replace([':', '-'], "");
    folder.join(format!(
        "{stem}.custody-{time}-{}-{}.dsse.json",
        record.event,
        &digest.hex()[..8]
    ))
}
