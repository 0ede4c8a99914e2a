//! `sealift root show`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Context, RootFile, Stop};
use crate::model::Digest;
use crate::trust::folder::TrustFolder;
use crate::trust::words::{self, WORDS_TO_PIN};
use crate::trust::{self, Profile, Role, Root, RootSignatures};

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The root's file, or a folder `trust` with a pinned root
    #[arg(value_name = "ROOT")]
    file: PathBuf,
    /// The root that it follows: shows what changes, and whose signatures of that root are missing
    #[arg(long, value_name = "ROOT")]
    previous: Option<PathBuf>,
}

/// Shows a root.
pub(super) fn run(arguments: &Show, context: &Context) -> Result<(), Stop> {
    let mut previous = arguments
        .previous
        .as_deref()
        .map(RootFile::read)
        .transpose()?
        .map(|file| file.root);
    let file = if arguments.file.is_dir() {
        let folder = TrustFolder::open(&arguments.file)?;
        let current = folder.current();
        if previous.is_none() {
            let before = current
                .document()
                .version
                .checked_sub(1)
                .and_then(|version| folder.root(version));
            previous = before.map(|root| root.document().clone());
        }
        RootFile::parse(current.envelope().to_vec(), "root")?
    } else {
        RootFile::read(&arguments.file)?
    };
    Shown::new(&file, previous.as_ref()).print(context);
    Ok(())
}

/// All that there is to say about a root.
pub(super) struct Shown<'a> {
    root: &'a Root,
    fingerprint: Digest,
    own: RootSignatures,
    previous: Option<(&'a Root, RootSignatures)>,
    hides_words: bool,
}

impl<'a> Shown<'a> {
    pub(super) fn new(file: &'a RootFile, previous: Option<&'a Root>) -> Self {
        let signatures = |root: &Root| {
            root.root_signatures(&file.envelope)
                .expect("the payload type was checked when the file was read")
        };
        Self {
            root: &file.root,
            fingerprint: Digest::of(&file.envelope.payload),
            own: signatures(&file.root),
            previous: previous.map(|previous| (previous, signatures(previous))),
            hides_words: false,
        }
    }

    /// Leaves out the fingerprint and words: whoever compares must not copy them from this very screen.
    pub(super) fn without_words(mut self) -> Self {
        self.hides_words = true;
        self
    }

    pub(super) fn print(&self, context: &Context) {
        if context.output.wants_json() {
            context.output.json(&self.json());
        } else {
            context.output.answer(&self.lines().join("\n"));
        }
    }

    /// Shows it in the conversation: to a person who is about to sign it.
    pub(super) fn say(&self, context: &Context) {
        context.output.say(&self.lines().join("\n"));
    }

    /// Says how far the signing has come; all of it as JSON.
    pub(super) fn print_signatures(&self, context: &Context) {
        if context.output.wants_json() {
            context.output.json(&self.json());
        } else {
            context.output.answer(&self.signature_lines().join("\n"));
        }
    }

    fn signature_lines(&self) -> Vec<String> {
        let previous = self
            .previous
            .as_ref()
            .map(|(previous, signatures)| format!("of root {:<4} {}", previous.version, signature_line(signatures)));
        std::iter::once(format!("signed by    {}", signature_line(&self.own)))
            .chain(previous)
            .collect()
    }

    fn lines(&self) -> Vec<String> {
        let root = self.root;
        let mut lines = vec![
            format!(
                "root         {} of enclave {}, epoch {}",
                root.version, root.enclave.name, root.epoch
            ),
            format!("enclave id   {}", root.enclave.id),
            format!("profile      {}", root.profile),
            format!("expires      {}", root.expires),
        ];
        if !self.hides_words {
            lines.push(format!("fingerprint  {}", self.fingerprint));
            lines.extend(word_lines(&self.fingerprint));
        }
        lines.push(String::new());
        for role in Role::ALL {
            let persons: Vec<_> = root.persons(role).into_iter().collect();
            let text = match root.threshold(role) {
                0 => "nobody, and none is asked for".to_owned(),
                threshold => format!("{threshold} of {}: {}", persons.len(), persons.join(", ")),
            };
            lines.push(format!("{:<13}{text}", role.name()));
        }
        lines.push(String::new());
        lines.extend(self.signature_lines());
        if let Some((previous, _)) = &self.previous {
            let changes = trust::diff(previous, root);
            lines.push(String::new());
            lines.push(format!("changes since root {}:", previous.version));
            if changes.is_empty() {
                lines.push("  none".to_owned());
            }
            lines.extend(changes.iter().map(|change| format!("  {change}")));
        }
        if root.profile == Profile::Evaluation {
            lines.push(String::new());
            lines.push("This is an evaluation: nothing keeps one person from doing everything.".to_owned());
        }
        lines
    }

    fn json(&self) -> Value {
        let root = self.root;
        let signatures = |signatures: &RootSignatures| json!({ "signed": signatures.signed, "open": signatures.open, "missing": signatures.missing });
        let roles: serde_json::Map<String, Value> = root
            .roles
            .iter()
            .map(|(role, keys)| {
                let role_json =
                    json!({ "threshold": keys.threshold, "persons": root.persons(*role), "keys": keys.keys });
                (role.name().to_owned(), role_json)
            })
            .collect();
        json!({
            "schema": "sealift-root/1",
            "version": root.version,
            "epoch": root.epoch,
            "expires": root.expires,
            "profile": root.profile,
            "enclave": root.enclave,
            "fingerprint": self.fingerprint,
            "words": words::of(&self.fingerprint, WORDS_TO_PIN),
            "roles": roles,
            "signatures": signatures(&self.own),
            "previous": self.previous.as_ref().map(|(previous, previous_signatures)| json!({
                "version": previous.version,
                "signatures": signatures(previous_signatures),
                "changes": trust::diff(previous, root),
            })),
        })
    }
}

fn word_lines(fingerprint: &Digest) -> Vec<String> {
    let words = words::of(fingerprint, WORDS_TO_PIN);
    let titles = ["words", ""];
    titles
        .iter()
        .zip(words.chunks(WORDS_TO_PIN / titles.len()))
        .map(|(title, words)| format!("{title:<13}{}", words.join(" ")))
        .collect()
}

fn signature_line(signatures: &RootSignatures) -> String {
    let signed = if signatures.signed.is_empty() {
        "nobody".to_owned()
    } else {
        signatures.signed.join(", ")
    };
    match signatures.missing {
        0 => format!("{signed} (enough)"),
        missing => format!("{signed} ({missing} more of {} needed)", signatures.open.join(", ")),
    }
}
