//! `sealift client-config`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{Context, Exit};
use crate::ecosystem::{self, ClientConfig, Ecosystem, Held, RepositoryPlace, Unpinned};
use crate::enclave;
use crate::ledger::Filter;
use crate::model::{Stop, Unable};

/// For which clients, and where to.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only these ecosystems
    #[arg(value_name = "ECOSYSTEM")]
    ecosystems: Vec<String>,
    /// The enclave's folder
    #[arg(long, value_name = "DIR")]
    enclave: PathBuf,
    /// The URL of `sealift serve`, for clients that are to ask it instead of reading the folder
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Write the files below this folder, such as a project's or the home folder
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Replace files that are there already
    #[arg(long, requires = "write")]
    overwrite: bool,
}

/// Prints or writes the lines.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let facade = enclave::facade(&arguments.enclave);
    let facade = std::fs::canonicalize(&facade)
        .map_err(|error| Unable::new(format!("cannot find {}", facade.display())).because(error))?;
    let mut configs = Vec::new();
    for wanted in &arguments.ecosystems {
        if ecosystem::find(wanted).is_none() {
            let known: Vec<_> = ecosystem::ALL.iter().map(|ecosystem| ecosystem.id()).collect();
            return Err(Unable::new(format!("there is no ecosystem `{wanted}`"))
                .hint(format!("there are {}", known.join(", ")))
                .into());
        }
    }
    for known in ecosystem::ALL {
        if arguments.ecosystems.is_empty() || arguments.ecosystems.iter().any(|wanted| wanted == known.id()) {
            let place = RepositoryPlace {
                folder: facade.join(known.id()),
                url: arguments.url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
            };
            configs.extend(known.client_config_of(&place, &indexes(*known, &arguments.enclave)?));
        }
    }
    let written = match &arguments.write {
        Some(folder) => write(folder, &configs, arguments.overwrite)?,
        None => Vec::new(),
    };
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-client-config/1",
            "clients": configs.iter().map(|config| json!({
                "client": config.client,
                "file": config.file,
                "text": config.text,
            })).collect::<Vec<_>>(),
            "written": written,
        }));
    } else if arguments.write.is_some() {
        for path in written {
            context.output.answer(&format!("wrote {}", path.display()));
        }
    } else {
        for config in configs {
            context.output.answer(&format!(
                "# {}: {}\n{}",
                config.client,
                config.file,
                config.text.trim_end()
            ));
            context.output.answer("");
        }
    }
    Ok(Exit::Done)
}

/// The signed indexes that are held: clients' lines may name each.
fn indexes(ecosystem: &dyn Ecosystem, folder: &Path) -> Result<Vec<Held>, Stop> {
    if ecosystem.unpinned() != Unpinned::FromIndex {
        return Ok(Vec::new());
    }
    let ledger = enclave::read(folder)?;
    let filter = Filter {
        ecosystem: Some(ecosystem.id().to_owned()),
        ..Filter::default()
    };
    let mut names = std::collections::BTreeSet::new();
    ledger.list(&filter, |entry| {
        if ecosystem.is_index(&entry.artifact.name) {
            names.insert(entry.artifact.full_name());
        }
        Ok::<_, Stop>(())
    })?;
    let mut held = Vec::new();
    for name in &names {
        held.extend(ledger.held(name)?);
    }
    Ok(held)
}

/// Writes each file whole; none is written if one is there that may not be replaced.
fn write(folder: &Path, configs: &[ClientConfig], overwrite: bool) -> Result<Vec<PathBuf>, Stop> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for config in configs {
        let path = folder.join(config.file);
        // Two clients may share one file.
        match files.iter_mut().find(|(known, _)| *known == path) {
            Some((_, text)) => *text = format!("{}\n\n{}", text.trim_end(), config.text),
            None => files.push((path, config.text.clone())),
        }
    }
    if let Some((path, _)) = files
        .iter()
        .find(|(path, _)| !overwrite && path.symlink_metadata().is_ok())
    {
        return Err(Unable::new(format!("{} is there already", path.display()))
            .hint("add the lines by hand, or replace the file with `--overwrite`")
            .into());
    }
    for (path, text) in &files {
        write_whole(path, text.as_bytes())
            .map_err(|error| Unable::new(format!("cannot write {}", path.display())).because(error))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

fn write_whole(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(client: &'static str, file: &'static str, text: &str) -> ClientConfig {
        ClientConfig {
            client,
            file,
            text: text.to_owned(),
        }
    }

    #[test]
    fn nothing_is_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let configs = [
            config("cargo", ".cargo/config.toml", "a\n"),
            config("npm", ".npmrc", "b\n"),
            config("pnpm", ".npmrc", "c\n"),
        ];
        let written = write(folder.path(), &configs, false).unwrap();
        assert_eq!(written.len(), 2);
        assert_eq!(std::fs::read_to_string(&written[0]).unwrap(), "a\n");
        assert_eq!(std::fs::read_to_string(&written[1]).unwrap(), "b\n\nc\n");
        std::fs::write(&written[1], "mine").unwrap();
        std::fs::remove_file(&written[0]).unwrap();
        assert!(write(folder.path(), &configs, false).is_err());
        assert!(!written[0].exists(), "all or nothing");
        assert_eq!(std::fs::read_to_string(&written[1]).unwrap(), "mine");
        write(folder.path(), &configs, true).unwrap();
        assert_eq!(std::fs::read_to_string(&written[1]).unwrap(), "b\n\nc\n");
    }
}
