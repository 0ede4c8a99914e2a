//! A bundle's place in its stream, its time and its approvals.

use super::*;

pub(super) fn order(v: &mut Vectors) {
    let number = |sequence: u64, previous: Option<&[u8]>| {
        let mut bundle = RawBundle::sample();
        bundle.sequence = sequence;
        bundle.previous = previous.map(Digest::of);
        bundle.build(&Edits::default())
    };
    let remember = |sequence: u64, manifest: &[u8]| CaseMemory {
        last_epoch: 1,
        last_sequence: sequence,
        last_manifest: Some(Digest::of(manifest).to_string()),
        ..CaseMemory::default()
    };
    v.add(
        "order/first",
        "accepted",
        "the first bundle of a stream",
        number(1, None),
    )
    .memory = Some(CaseMemory::default());
    v.add(
        "order/next",
        "accepted",
        "the next bundle of a stream",
        number(5, Some(b"four")),
    )
    .memory = Some(remember(4, b"four"));
    v.add(
        "order/rollback",
        "rollback",
        "number 4 after number 5",
        number(4, Some(b"three")),
    )
    .memory = Some(remember(5, b"five"));
    let mut memory = remember(7, b"seven");
    memory.same_number = Some(Digest::of(b"other").to_string());
    v.add(
        "order/number_reused",
        "sequence-reused",
        "another bundle with this number was imported",
        number(7, Some(b"six")),
    )
    .memory = Some(memory);
    v.add(
        "order/other_predecessor",
        "sequence-reused",
        "it follows another bundle than the one that was imported last",
        number(5, Some(b"other four")),
    )
    .memory = Some(remember(4, b"four"));
    v.add(
        "order/gap",
        "sequence-gap",
        "number 7 after number 5",
        number(7, Some(b"six")),
    )
    .memory = Some(remember(5, b"five"));
    v.add(
        "order/gap_recorded",
        "accepted",
        "number 7 after number 5, where the site records gaps",
        number(7, Some(b"six")),
    )
    .memory = Some(CaseMemory {
        record_gaps: true,
        ..remember(5, b"five")
    });
    v.add(
        "order/jump",
        "sequence-jump",
        "number 1000 after number 5",
        number(1000, Some(b"x")),
    )
    .memory = Some(CaseMemory {
        record_gaps: true,
        ..remember(5, b"five")
    });
    v.add(
        "order/already_imported",
        "already-imported",
        "the very bundle once more",
        number(1, None),
    )
    .memory = Some(CaseMemory {
        last_epoch: 1,
        last_sequence: 1,
        last_manifest: Some(RawBundle::sample().manifest_digest().to_string()),
        ..CaseMemory::default()
    });
    v.edited(
        "order/epoch_ahead",
        "sequence-jump",
        "an epoch that no root has begun",
        manifest(|manifest| manifest["epoch"] = 2.into()),
    )
    .memory = Some(CaseMemory::default());
    // Of an epoch that the root has ended; whoever remembers only the new one would take its first bundle.
    let mut later = people::root();
    later.epoch = 2;
    let later = people::sealed_root(&later, &[people::ANN, people::BOB]);
    let mut bundle = RawBundle::sample();
    bundle.roots = vec![(1, later.clone())];
    v.add(
        "order/epoch_behind",
        "rollback",
        "an epoch that the root has ended",
        bundle.build(&Edits::default()),
    )
    .memory = Some(CaseMemory::default());
    v.files().insert("root.dsse.json".into(), later);
    v.edited(
        "order/base_missing",
        "base-missing",
        "a delta whose base was not imported",
        manifest(|manifest| manifest["base"] = Digest::of(b"base").to_string().into()),
    )
    .memory = Some(CaseMemory::default());
    v.edited(
        "order/wrong_enclave",
        "wrong-enclave",
        "made for another enclave",
        manifest(|manifest| manifest["recipients"] = serde_json::json!([Digest::of(b"other").to_string()])),
    );
    v.edited(
        "order/expired",
        "bundle-expired",
        "its time to live has passed",
        Edits::default(),
    )
    .now = "2027-01-01T00:00:00Z".into();
    v.edited(
        "order/expired_by_known_time",
        "bundle-expired",
        "the clock is within its time, and a later time is known",
        Edits::default(),
    );
    let case = &mut v.cases.last_mut().unwrap().1;
    case.now = "2026-12-20T11:55:00Z".into();
    case.memory = Some(CaseMemory {
        known_time: Some("2026-12-20T12:00:01Z".into()),
        ..CaseMemory::default()
    });
    v.edited(
        "order/clock_behind",
        "clock-behind",
        "the clock shows an earlier time than is known",
        Edits::default(),
    )
    .memory = Some(CaseMemory {
        known_time: Some("2026-11-21T12:10:01Z".into()),
        ..CaseMemory::default()
    });
    v.edited(
        "order/from_the_future",
        "time-implausible",
        "it claims to be made in two days",
        Edits::default(),
    )
    .now = "2026-11-18T12:00:00Z".into();
    v.edited(
        "order/root_expired",
        "root-expired",
        "the root has expired",
        manifest(|manifest| manifest["not_after"] = "2028-12-20T12:00:00Z".into()),
    )
    .now = "2027-11-22T00:00:00Z".into();
}
