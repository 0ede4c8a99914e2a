//! The signed text: the chart's metadata, a line of three dots, the files' digests.

use super::super::listed::{self, Said, base_name};
use super::super::openpgp::Signs;
use super::super::signed_text::Text;
use crate::model::{Artifact, Claim, Content};

/// What a provenance file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Provenance {
    name: String,
    version: String,
    files: Vec<(String, String)>,
}

impl Text for Provenance {
    const ID: &'static str = "helm-provenance";
    const NAME: &'static str = "provenance file";
    const SIGNS: Signs = Signs::AsAnchored;

    fn read(text: &[u8]) -> Result<Self, Said> {
        let malformed = |why: &str| Said::malformed(format!("the signed provenance {why}"));
        let text = std::str::from_utf8(text).map_err(|_| malformed("is not UTF-8"))?;
        let mut parts = text.split('\n').collect::<Vec<_>>();
        let dots: Vec<usize> = (0..parts.len()).filter(|at| parts[*at] == "...").collect();
        let [dots] = dots.as_slice() else {
            return Err(malformed("does not have its two parts"));
        };
        let sums = parts.split_off(*dots);
        // In a block mapping whatever stands at the line's front is a key of the outermost one (YAML 1.2.2 §8.2.2).
        let value = |key: &str| {
            let front = format!("{key}:");
            let mut values = parts.iter().filter_map(|line| line.strip_prefix(front.as_str()));
            match (values.next(), values.next()) {
                (Some(value), None) => Ok(unquoted(value.trim()).to_owned()),
                _ => Err(malformed(&format!("does not say the chart's {key} once"))),
            }
        };
        let (name, version) = (value("name")?, value("version")?);
        let mut files = Vec::new();
        let mut in_files = false;
        for line in sums.into_iter().skip(1) {
            if line.is_empty() {
                continue;
            }
            let Some(entry) = line.strip_prefix("  ") else {
                // Other lists, such as `images:`, are not about the archive.
                in_files = line == "files:";
                continue;
            };
            if !in_files {
                continue;
            }
            let (name, digest) = entry
                .split_once(": ")
                .filter(|(name, _)| !name.starts_with([' ', '-']))
                .ok_or_else(|| malformed("has a line that is no file's digest"))?;
            files.push((unquoted(name).to_owned(), unquoted(digest.trim()).to_owned()));
        }
        Ok(Self { name, version, files })
    }

    fn about(&self, artifact: &Artifact, content: &mut dyn Content) -> Result<Said, Said> {
        let file = base_name(&artifact.file);
        let mut entries = self.files.iter().filter(|(name, _)| name == file);
        let digest = match (entries.next(), entries.next()) {
            (Some((_, digest)), None) => digest,
            (Some(_), Some(_)) => return Err(Said::malformed(format!("the signed provenance lists `{file}` twice"))),
            (None, _) => return Err(Said::differs(format!("the signed provenance does not list `{file}`"))),
        };
        let stated = digest
            .strip_prefix("sha256:")
            .and_then(|digits| Claim::from_hex(crate::model::Algorithm::Sha256, digits).ok())
            .ok_or_else(|| Said::malformed(format!("the signed provenance has no SHA-256 digest of `{file}`")))?;
        listed::compare(&format!("`{file}`"), &stated, artifact, content)?;
        if artifact.ecosystem == "helm" && (artifact.name != self.name || artifact.version != self.version) {
            return Err(Said::differs(format!(
                "the signed provenance is about {} {}, not about {} {}",
                self.name, self.version, artifact.name, artifact.version
            )));
        }
        Ok(Said::Fits {
            claims: vec![
                ("chart".to_owned(), self.name.clone()),
                ("chart-version".to_owned(), self.version.clone()),
            ],
            notes: Vec::new(),
        })
    }
}

fn unquoted(text: &str) -> &str {
    let within = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(text)
}
