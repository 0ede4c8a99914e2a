//! Other people's programs that some tests need.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Whether a tool is there; a machine that promises all clients must have it.
pub(crate) fn has(tool: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {tool}")])
        .stdout(Stdio::null())
        .status()
        .unwrap()
        .success();
    if !found {
        assert_ne!(
            std::env::var("SEALIFT_ALL_CLIENTS").as_deref(),
            Ok("1"),
            "{tool} is missing"
        );
        let _ = writeln!(std::io::stderr(), "skipped: {tool} not found");
    }
    found
}
