//! The argument that names this machine's scanners, and the file in which they stand.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::files;
use crate::model::{Stop, Unable};
use crate::scan::{MAX_CONFIGURATION_BYTES, Scanners};

/// Where an enclave's scanners stand, if nothing else is named.
const FILE: &str = "scanners.yaml";

/// Others than the owner may not write what is run here.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Which scanners look at what came.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScannersArgument {
    /// This machine's malware scanners, and how they are run [default: scanners.yaml in the enclave's folder, if it is there]
    #[arg(long, value_name = "FILE")]
    scanners: Option<PathBuf>,
}

impl ScannersArgument {
    /// Reads the scanners.
    pub(crate) fn open(&self, enclave: Option<&Path>) -> Result<Scanners, Stop> {
        let path = match (&self.scanners, enclave) {
            (Some(path), _) => path.clone(),
            (None, Some(enclave)) => {
                let path = enclave.join(FILE);
                // A link that leads nowhere is no site without scanners.
                if std::fs::symlink_metadata(&path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
                    return Ok(Scanners::none());
                }
                path
            }
            (None, None) => return Ok(Scanners::none()),
        };
        let cannot = || Unable::new(format!("cannot read the scanners of `{}`", path.display()));
        let metadata = std::fs::metadata(&path).map_err(|error| cannot().because(error))?;
        if metadata.permissions().mode() & WRITABLE_BY_OTHERS != 0 {
            return Err(Unable::new(format!(
                "others than its owner may write `{}`, which says what is run here",
                path.display()
            ))
            .hint(format!("`chmod go-w {}`", path.display()))
            .into());
        }
        let text = files::read_text(&path, MAX_CONFIGURATION_BYTES)?;
        Scanners::from_yaml(&text).map_err(|error| cannot().because(error).into())
    }
}
