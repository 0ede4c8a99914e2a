//! Putting witnesses' signatures under the checkpoint (C2SP `tlog-cosignature.md`).

use std::path::Path;

use super::read::checkpoint_text;
use super::{Checkpoint, Cosigned, Log, LogError, LogState, MAX_CHECKPOINT_BYTES, Witness};

/// Adds the signatures of witnesses to the checkpoint that lies in a log's folder. They come under the very same checkpoint, or as lines alone. One by
/// a key that is not among those that are pinned, or that is wrong, is refused, and with it all. Gives who has signed. Only for who holds the enclave's lock.
pub fn cosign(
    folder: &Path,
    state: &LogState,
    untrusted: &str,
    witnesses: &[Witness],
) -> Result<Vec<Cosigned>, LogError> {
    let refuse = |reason: String| LogError::Cosignature { reason };
    let log = Log::open(folder, Some(state))?;
    let text = checkpoint_text(folder)?.ok_or_else(|| refuse("there is no checkpoint yet".to_owned()))?;
    let shown = Checkpoint::read(&text)?;
    if !shown.is_signed() {
        return Err(refuse("the checkpoint itself is not signed".to_owned()));
    }
    if untrusted.len() > MAX_CHECKPOINT_BYTES {
        return Err(refuse("it is too long".to_owned()));
    }
    let lines = match untrusted.split_once("\n\n") {
        Some((_, lines)) => {
            let other = Checkpoint::read(untrusted)?;
            if (&other.origin, other.head) != (&shown.origin, shown.head) {
                return Err(refuse(format!(
                    "it is under a checkpoint of {} leaves of {}, and the log's last one has {} of {}",
                    other.head.size, other.origin, shown.head.size, shown.origin
                )));
            }
            lines
        }
        None => untrusted,
    };
    let own = format!("— {} ", shown.origin);
    // An empty line is held already: one stands before the signatures.
    let new: Vec<&str> = lines
        .lines()
        .filter(|line| !line.starts_with(&own) && !text.lines().any(|held| held == *line))
        .collect();
    let mut whole = text;
    for line in &new {
        // Each by itself, under what the log has signed: no line vouches for another.
        let alone = format!("{}{line}\n", shown.clone().without_witnesses().text());
        let read = Checkpoint::read(&alone).map_err(|_| refuse("it has a line that is no signature".to_owned()))?;
        let signed = read.cosigned(witnesses);
        match signed.first() {
            Some(one) if one.time.is_some() => {}
            Some(one) if one.is_pinned => return Err(refuse(format!("the signature of {} is wrong", one.name))),
            Some(one) => return Err(refuse(format!("the key of {} is not pinned", one.name))),
            None => return Err(refuse("it has a line that is no signature".to_owned())),
        }
        whole.push_str(line);
        whole.push('\n');
    }
    let whole = Checkpoint::read(&whole)?;
    if !new.is_empty() {
        log.show(&whole)?;
    }
    Ok(whole.cosigned(witnesses))
}
