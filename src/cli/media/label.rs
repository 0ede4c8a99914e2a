//! `sealift media label`: what is stuck on a medium, made from the sealed manifest alone.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::draw::{Drawing, Label, TooLong};
use crate::bundle::manifest::Manifest;
use crate::cli::files::{self, Existing};
use crate::cli::output::{bytes, escape};
use crate::cli::{Context, Exit};
use crate::import::open::Input;
use crate::import::{Sealed, sealed};
use crate::model::{Digest, Stop, Unable};
use crate::trust::folder::TrustFolder;
use crate::trust::words::{self, WORDS_TO_IDENTIFY, WORDS_TO_PIN};

/// Which bundle, and where the pictures go.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Volumes of one bundle, or their folder; one is enough for the labels of all
    #[arg(value_name = "BUNDLE", required = true)]
    bundle: Vec<PathBuf>,
    /// The folder `trust` with the enclave's pinned root
    #[arg(long, value_name = "FOLDER")]
    trust: PathBuf,
    /// Only the label of this volume
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    volume: Option<u32>,
    /// Write the label as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the label as PNG, 105 mm wide at 300 dots an inch
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Write every label as SVG and PNG into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Prints and writes labels, once the seal is found good. The volumes' contents are not read: `verify` does that.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let trust = TrustFolder::open(&arguments.trust)?;
    let inputs = arguments.bundle.iter().cloned().map(Input::Path).collect();
    let bundle = sealed(inputs, &trust, context.now)?;
    let enclave = &trust.current().document().enclave.name;
    let volumes = bundle.manifest.volumes.len();
    let numbers: Vec<usize> = match arguments
        .volume
        .map(|number| usize::try_from(number).unwrap_or(usize::MAX))
    {
        Some(number) if number <= volumes => vec![number],
        Some(number) => {
            return Err(Unable::new(format!("there is no volume {number}"))
                .hint(format!("the bundle has {volumes}"))
                .into());
        }
        None => (1..=volumes).collect(),
    };
    if numbers.len() > 1 && (arguments.svg.is_some() || arguments.png.is_some()) {
        return Err(Unable::new("one file cannot hold the labels of several volumes")
            .hint("name one with --volume, or a folder with --out")
            .into());
    }
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder)
            .map_err(|error| Unable::new(format!("cannot make `{}`", folder.display())).because(error))?;
    }
    let mut labels = Vec::new();
    for number in numbers {
        let label = Volume {
            bundle: &bundle,
            enclave,
            number,
        };
        let mut written = Vec::new();
        for (path, picture) in wanted(arguments, &bundle.manifest, number) {
            let drawing = Drawing::of(&label.label())
                .map_err(|error: TooLong| Unable::new("cannot draw the label").because(error))?;
            let picture = match picture {
                Picture::Svg => drawing.svg().into_bytes(),
                Picture::Png => drawing.png(),
            };
            files::write(&path, &picture, Existing::Replace)?;
            written.push(path);
        }
        if context.output.wants_json() {
            labels.push(label.json(&written));
            continue;
        }
        if number > 1 && arguments.volume.is_none() {
            context.output.answer("");
        }
        context.output.answer(&label.text());
        for path in written {
            context.output.say(&format!("written: {}", path.display()));
        }
    }
    if context.output.wants_json() {
        context
            .output
            .json(&json!({ "schema": "sealift-labels/1", "labels": labels }));
    } else {
        context
            .output
            .say("the seal is good; what the volumes hold was not read (`sealift verify` reads it)");
    }
    Ok(Exit::Done)
}

enum Picture {
    Svg,
    Png,
}

/// Which pictures of a volume's label are written where.
fn wanted(arguments: &Arguments, manifest: &Manifest, number: usize) -> Vec<(PathBuf, Picture)> {
    let mut wanted = Vec::new();
    wanted.extend(arguments.svg.clone().map(|path| (path, Picture::Svg)));
    wanted.extend(arguments.png.clone().map(|path| (path, Picture::Png)));
    if let Some(folder) = &arguments.out {
        wanted.push((file(folder, manifest, number, "svg"), Picture::Svg));
        wanted.push((file(folder, manifest, number, "png"), Picture::Png));
    }
    wanted
}

/// A stream's name is that of a file too (manifest.md §3, rule 2).
fn file(folder: &Path, manifest: &Manifest, number: usize, extension: &str) -> PathBuf {
    folder.join(format!(
        "{}-{}-{}.label-{number}-of-{}.{extension}",
        manifest.stream,
        manifest.epoch,
        manifest.sequence,
        manifest.volumes.len()
    ))
}

/// A volume of a bundle whose seal is good.
struct Volume<'a> {
    bundle: &'a Sealed,
    enclave: &'a str,
    number: usize,
}

impl Volume<'_> {
    /// What the QR code holds (custody.md §1).
    fn code(&self) -> String {
        let manifest = &self.bundle.manifest;
        format!(
            "sealift-volume/1 {} {} {}/{} {}-of-{}",
            self.bundle.manifest_digest,
            manifest.stream,
            manifest.epoch,
            manifest.sequence,
            self.number,
            manifest.volumes.len()
        )
    }

    /// The volume's bytes as the manifest names them: its segments with their headers.
    fn bytes(&self) -> u64 {
        let volume = self.number.checked_sub(1);
        volume
            .and_then(|place| self.bundle.manifest.volumes.get(place))
            .map_or(0, |volume| volume.bytes)
    }

    /// What the label says besides its titles: a name and a value each.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let manifest = &self.bundle.manifest;
        vec![
            ("for", format!("enclave {}", self.enclave)),
            ("by", self.bundle.exporters.join(", ")),
            ("made", manifest.created.to_string()),
            ("use until", manifest.not_after.to_string()),
            ("volume", format!("{} ({} bytes)", bytes(self.bytes()), self.bytes())),
            (
                "bundle",
                format!(
                    "{} artifacts, {} objects, {}",
                    manifest.catalog.artifacts,
                    manifest.catalog.objects,
                    bytes(manifest.catalog.object_bytes)
                ),
            ),
        ]
    }

    fn titles(&self) -> [String; 2] {
        let manifest = &self.bundle.manifest;
        [
            manifest.label(),
            format!("volume {} of {}", self.number, manifest.volumes.len()),
        ]
    }

    /// The recipients' ids, one a line; of many only the first, since paper ends somewhere.
    fn recipients(&self) -> Vec<String> {
        /// So many ids fit under the words.
        const SHOWN: usize = 4;
        let recipients = &self.bundle.manifest.recipients;
        let mut lines: Vec<String> = recipients.iter().take(SHOWN).map(Digest::to_string).collect();
        if recipients.len() > SHOWN {
            lines.push(format!("and {} more", recipients.len() - SHOWN));
        }
        lines
    }

    fn words(&self) -> String {
        words::phrase(&self.bundle.manifest_digest, WORDS_TO_PIN)
    }

    fn label(&self) -> Label {
        let mut beside: Vec<String> = vec!["sealift bundle".to_owned()];
        beside.extend(self.fields().iter().map(|(name, value)| format!("{name:<9} {value}")));
        let mut below = vec![
            "manifest".to_owned(),
            self.bundle.manifest_digest.to_string(),
            "recipient enclave".to_owned(),
        ];
        below.extend(self.recipients());
        Label {
            titles: self.titles().to_vec(),
            beside,
            spoken: vec![self.words()],
            below,
            code: self.code(),
        }
    }

    fn text(&self) -> String {
        let [title, volume] = self.titles();
        let mut lines = vec![format!("{title}, {volume}")];
        lines.extend(
            self.fields()
                .iter()
                .map(|(name, value)| format!("  {name:<10} {value}")),
        );
        for recipient in self.recipients() {
            lines.push(format!("  {:<10} {recipient}", "recipient"));
        }
        lines.push(format!("  {:<10} {}", "manifest", self.bundle.manifest_digest));
        lines.push(format!("  {:<10} {}", "words", self.words()));
        lines.push(format!("  {:<10} {}", "code", self.code()));
        lines.iter().map(|line| escape(line)).collect::<Vec<_>>().join("\n")
    }

    fn json(&self, written: &[PathBuf]) -> Value {
        let manifest = &self.bundle.manifest;
        json!({
            "bundle": manifest.label(),
            "stream": manifest.stream,
            "epoch": manifest.epoch,
            "sequence": manifest.sequence,
            "volume": self.number,
            "volumes": manifest.volumes.len(),
            "bytes": self.bytes(),
            "manifest": self.bundle.manifest_digest.to_string(),
            "words": words::of(&self.bundle.manifest_digest, WORDS_TO_PIN),
            "words_to_approve": words::of(&self.bundle.manifest_digest, WORDS_TO_IDENTIFY),
            "enclave": self.enclave,
            "recipients": manifest.recipients.iter().map(Digest::to_string).collect::<Vec<_>>(),
            "exporters": self.bundle.exporters,
            "created": manifest.created,
            "not_after": manifest.not_after,
            "code": self.code(),
            "written": written.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        })
    }
}
