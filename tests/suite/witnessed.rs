//! Which signatures of witnesses come under the log's checkpoint, and what is refused with all that came along.

use std::fs;

use sealift::log::{Checkpoint, Log, LogError, LogState, MAX_CHECKPOINT_BYTES, Witness, checkpoint_text, cosign};

use crate::log::{ORIGIN, grown, key};
use crate::witness::witness_line;

const NAME: &str = "witness.example.com";

/// A log of five leaves, its state, and what was shown of it.
fn five() -> (tempfile::TempDir, LogState, String) {
    let folder = tempfile::tempdir().unwrap();
    let state = grown(folder.path(), None, 5);
    let text = checkpoint_text(folder.path()).unwrap().unwrap();
    (folder, state, text)
}

fn refused(folder: &std::path::Path, state: &LogState, untrusted: &str, witnesses: &[Witness]) -> String {
    let before = fs::read(folder.join("checkpoint")).unwrap();
    let Err(LogError::Cosignature { reason }) = cosign(folder, state, untrusted, witnesses) else {
        panic!("{untrusted} was taken, or is wrong in another way");
    };
    assert_eq!(fs::read(folder.join("checkpoint")).unwrap(), before);
    reason
}

#[test]
fn a_witness_that_is_pinned_signs_the_last_checkpoint_and_no_other() {
    let (folder, state, text) = five();
    let (pinned, line) = witness_line(&text, NAME, 70);
    let witness = [Witness::read(&pinned).unwrap()];
    assert!(refused(folder.path(), &state, &line, &[]).ends_with("is not pinned"));

    // Of the same log when it was shorter, and of another log.
    let shorter = tempfile::tempdir().unwrap();
    grown(shorter.path(), None, 4);
    let shorter = checkpoint_text(shorter.path()).unwrap().unwrap();
    let head = Checkpoint::read(&text).unwrap().head;
    let other = Checkpoint::make("sealift/plant-8/0123", head, Some(&key())).unwrap();
    for other in [shorter.as_str(), other.text()] {
        let (_, line) = witness_line(other, NAME, 70);
        assert!(
            refused(folder.path(), &state, &format!("{other}{line}\n"), &witness)
                .starts_with("it is under a checkpoint")
        );
        // Its line alone is a wrong signature of a key that is pinned.
        assert!(refused(folder.path(), &state, &line, &witness).ends_with("is wrong"));
    }

    let (_, stranger) = witness_line(&text, "other.example.com", 71);
    assert!(refused(folder.path(), &state, &format!("{line}\n{stranger}"), &witness).ends_with("is not pinned"));
    assert!(refused(folder.path(), &state, &format!("{line}\nno line"), &witness).ends_with("no signature"));

    // Alone or under the checkpoint, once, a blank line before it or not.
    for given in [line.clone(), format!("{text}{line}\n"), format!("\n{line}\n")] {
        let signed = cosign(folder.path(), &state, &given, &witness).unwrap();
        assert!(signed.len() == 1 && signed[0].time.is_some(), "{signed:?}");
        assert_eq!(
            checkpoint_text(folder.path()).unwrap().unwrap(),
            format!("{text}{line}\n")
        );
    }
}

#[test]
fn lines_for_a_checkpoint_are_read_up_to_a_limit() {
    let (folder, state, _) = five();
    // What the log has signed itself is passed over.
    let own = format!("— {ORIGIN} AAAA\n");
    let most = own.repeat(MAX_CHECKPOINT_BYTES / own.len());
    assert!(cosign(folder.path(), &state, &most, &[]).unwrap().is_empty());
    assert_eq!(
        refused(folder.path(), &state, &format!("{most}{own}"), &[]),
        "it is too long"
    );
}

#[test]
fn nobody_vouches_for_a_checkpoint_that_the_log_did_not_sign() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = grown(folder.path(), None, 5);
    let bare = {
        let mut log = Log::open(folder.path(), Some(&state)).unwrap();
        let bare = Checkpoint::make(ORIGIN, log.head(), None).unwrap();
        log.committed(Some(&bare)).unwrap();
        bare
    };
    state.checkpoint = bare.text().to_owned();
    let (pinned, line) = witness_line(bare.text(), NAME, 70);
    let witness = [Witness::read(&pinned).unwrap()];
    assert_eq!(
        refused(folder.path(), &state, &line, &witness),
        "the checkpoint itself is not signed"
    );
}
