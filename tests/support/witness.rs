//! Witnesses of logs, played with keys of numbered persons.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::key::Signer as _;
use sealift::model::Digest;

use crate::people;

/// The key of a witness, as it is pinned, and the line with which it signs a checkpoint (C2SP `tlog-cosignature.md`).
pub(crate) fn witness_line(checkpoint: &str, name: &str, number: u8) -> (String, String) {
    let key = people::key(number);
    let bytes = [&[4][..], key.public().bytes()].concat();
    let hash = Digest::of(&[name.as_bytes(), b"\n", &bytes].concat());
    let hash = &hash.as_bytes()[..4];
    let pinned = format!("{name}+{}+{}", hex::encode(hash), STANDARD.encode(&bytes));
    let body = format!("{}\n", checkpoint.split("\n\n").next().unwrap());
    let time = 1_800_000_000_u64;
    let signature = key
        .sign(format!("cosignature/v1\ntime {time}\n{body}").as_bytes())
        .unwrap();
    let line = [hash, &time.to_be_bytes(), &signature].concat();
    (pinned, format!("— {name} {}", STANDARD.encode(line)))
}
