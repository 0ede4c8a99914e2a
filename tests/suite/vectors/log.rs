//! The head of a log.

use sealift::crypto::key::Signer as _;
use sealift::trust::Role;

use super::*;
use crate::raw_records::{RawLog, note, origin};

pub(super) fn checkpoints(v: &mut Vectors) {
    let mut log = RawLog::default();
    for number in 0..5_u64 {
        log.add(&serde_json::json!({ "judged": number, "kind": "recheck", "time": "2026-11-20T12:00:00Z" }));
    }
    let own = origin(&people::root());
    let station = [people::STATION];
    let good = log.checkpoint(&own, 5, &station);
    let mut add = |name: &str, verdict: &str, why: &str, text: String| {
        let files = Files::from([("checkpoint".to_owned(), text.into_bytes())]);
        v.record("checkpoint", &format!("log/{name}"), verdict, why, files);
    };
    let accepted = "accepted";
    add("checkpoint", accepted, "signed by the role log", good.clone());
    add(
        "checkpoint_of_no_leaves",
        accepted,
        "a log that has begun and holds nothing",
        log.checkpoint(&own, 0, &station),
    );
    let witness = "— w.example.com/1 AAAAAAAAAAAAAAAA\n";
    add(
        "checkpoint_witnessed",
        accepted,
        "a witness whom nobody has pinned has added a line",
        format!("{good}{witness}"),
    );
    add(
        "checkpoint_signed_twice",
        accepted,
        "a line of somebody without the role stands before the one that counts",
        good.replacen(
            "\n\n",
            &format!("\n\n{}", last_line(&log.checkpoint(&own, 5, &[people::EXPORTER]))),
            1,
        ),
    );

    let read = "log-inconsistent";
    let root = log.root(5);
    let other = "sealift/plant-8/0123";
    add(
        "checkpoint_of_another_log",
        read,
        "its origin is another log's, which the same key signs",
        note(other, 5, &root, other, &station),
    );
    add("checkpoint_empty", read, "a file without a byte", String::new());
    add(
        "checkpoint_without_root",
        read,
        "the line with the root is missing",
        resigned(&format!("{own}\n5\n")),
    );
    add(
        "checkpoint_with_more",
        read,
        "a fourth line, which the tiles' specification allows and this log does not",
        resigned(&format!("{}more\n", body(&good))),
    );
    add(
        "checkpoint_size_spelt_otherwise",
        read,
        "the size has a zero before it",
        resigned(&body(&good).replace("\n5\n", "\n05\n")),
    );
    add(
        "checkpoint_size_negative",
        read,
        "the size is below zero",
        resigned(&body(&good).replace("\n5\n", "\n-5\n")),
    );
    add(
        "checkpoint_size_too_large",
        read,
        "the size is no integer of strict JSON",
        resigned(&body(&good).replace("\n5\n", "\n9007199254740992\n")),
    );
    add(
        "checkpoint_root_cut",
        read,
        "the root has 31 bytes",
        resigned(&body(&good).replace(
            &STANDARD.encode(root.as_bytes()),
            &STANDARD.encode(&root.as_bytes()[..31]),
        )),
    );
    add(
        "checkpoint_root_not_canonical",
        read,
        "bits of the root's last digit that say nothing are set",
        resigned(&unused_bits(&body(&good))),
    );
    add(
        "checkpoint_without_last_line_feed",
        read,
        "the last line of a signature is not ended",
        good.trim_end().to_owned(),
    );
    add(
        "checkpoint_line_without_dash",
        read,
        "a line of the signatures begins with a hyphen",
        good.replace("— ", "- "),
    );
    add(
        "checkpoint_line_with_plus_in_name",
        read,
        "a name among the signatures holds a plus sign",
        format!("{good}{}", witness.replace("w.ex", "w+ex")),
    );
    add(
        "checkpoint_line_with_space_in_name",
        read,
        "a name among the signatures holds a no-break space",
        format!("{good}{}", witness.replace("w.ex", "w\u{a0}ex")),
    );
    add(
        "checkpoint_line_not_canonical",
        read,
        "bits of a signature's last digit that say nothing are set",
        format!("{good}— w.example.com/1 AAAAAAAAAAAAAAB=\n"),
    );
    add(
        "checkpoint_line_without_signature",
        read,
        "a line among the signatures holds a key's hash alone",
        format!("{good}— w.example.com/1 AAAAAA==\n"),
    );
    add(
        "checkpoint_with_control_character",
        read,
        "a control character in a name among the signatures",
        format!("{good}{}", witness.replace("w.ex", "w\u{1b}ex")),
    );
    add(
        "checkpoint_of_many_signatures",
        read,
        "101 lines of signatures",
        format!("{good}{}", witness.repeat(100)),
    );
    add(
        "checkpoint_too_long",
        read,
        "more than 16 KiB",
        format!("{good}— w.example.com/1 {}\n", STANDARD.encode(vec![0; 13_000])),
    );

    let signed = "key-not-in-role";
    add(
        "checkpoint_unsigned",
        signed,
        "the three lines alone",
        log.checkpoint(&own, 5, &[]),
    );
    add(
        "checkpoint_by_another_role",
        signed,
        "signed by a key of the root that has not the role log",
        log.checkpoint(&own, 5, &[people::EXPORTER]),
    );
    add(
        "checkpoint_by_a_stranger",
        signed,
        "signed by a key that the root does not know",
        log.checkpoint(&own, 5, &[99]),
    );
    add(
        "checkpoint_signed_under_another_name",
        signed,
        "the right key signs under another name than the origin",
        note(&own, 5, &root, other, &station),
    );
    add(
        "checkpoint_size_edited",
        signed,
        "the signature is of another size",
        good.replace("\n5\n", "\n6\n"),
    );
    let (name, line) = (format!("— {own} "), last_line(&good));
    let encoded = line.trim_start_matches(&name).trim_end();
    let mut blob = STANDARD.decode(encoded).unwrap();
    blob[0] ^= 1;
    add(
        "checkpoint_signed_with_another_hash",
        signed,
        "the signature is good, and the key's hash before it is not",
        good.replace(encoded, &STANDARD.encode(&blob)),
    );
    blob[0] ^= 1;
    *blob.last_mut().unwrap() ^= 1;
    add(
        "checkpoint_signature_edited",
        signed,
        "a bit of the signature is changed",
        good.replace(encoded, &STANDARD.encode(&blob)),
    );

    v.record(
        "checkpoint",
        "log/checkpoint_not_in_utf_8",
        read,
        "a byte among the signatures that no text in UTF-8 has",
        Files::from([("checkpoint".to_owned(), [good.as_bytes(), b"\xff\n"].concat())]),
    );
    v.record(
        "checkpoint",
        "log/checkpoint_by_a_revoked_key",
        "key-revoked",
        "the key that signed it is revoked",
        Files::from([
            ("checkpoint".to_owned(), good.into_bytes()),
            ("revocations.dsse.json".to_owned(), revoking(people::STATION)),
        ]),
    );
    let mut two = people::root();
    people::give(&mut two, Role::Log, "bob", people::BOB);
    people::set_threshold(&mut two, Role::Log, 2);
    let root_of_two = people::sealed_root(&two, &[people::ANN, people::BOB]);
    for (name, verdict, why, signers) in [
        (
            "by_two",
            accepted,
            "two persons, as the root asks",
            &[people::STATION, people::BOB][..],
        ),
        (
            "by_one_of_two",
            signed,
            "one person where the root asks for two",
            &[people::STATION],
        ),
        (
            "by_one_twice",
            signed,
            "one person signs twice where the root asks for two",
            &[people::STATION, people::STATION],
        ),
    ] {
        let text = log.checkpoint(&own, 5, signers);
        let files = Files::from([
            ("checkpoint".to_owned(), text.into_bytes()),
            ("root.dsse.json".to_owned(), root_of_two.clone()),
        ]);
        v.record("checkpoint", &format!("log/checkpoint_{name}"), verdict, why, files);
    }
}

/// The three lines.
fn body(checkpoint: &str) -> String {
    format!("{}\n", checkpoint.split("\n\n").next().unwrap())
}

fn last_line(checkpoint: &str) -> String {
    format!("{}\n", checkpoint.trim_end().lines().last().unwrap())
}

/// The same signature, over what stands there now: only the reading can find fault.
fn resigned(body: &str) -> String {
    let own = origin(&people::root());
    let key = people::key(people::STATION);
    let named = Digest::of(&[own.as_bytes(), b"\n\x01", key.public().bytes()].concat());
    let signature = key.sign(body.as_bytes()).unwrap();
    let line = STANDARD.encode([&named.as_bytes()[..4], &signature].concat());
    format!("{body}\n— {own} {line}\n")
}

/// The root's base64 has four bits in its last digit, of which two say nothing.
fn unused_bits(body: &str) -> String {
    let at = body.rfind('=').unwrap() - 1;
    let next = char::from(body.as_bytes()[at] + 1);
    format!("{}{next}{}", &body[..at], &body[at + 1..])
}
