//! The records of an enclave together: log, reports, and statements about them (`bundle-spec/log.md` §8, `bundle-spec/retention.md` §2).

use sealift::crypto::strict_json;
use serde_json::{Value, json};

use super::*;
use crate::raw_records::{CREATED, RawEnclave, ReportEdits, origin};

const INCONSISTENT: &str = "log-inconsistent";
pub(super) const ROLLED_BACK: &str = "state-rolled-back";
pub(super) const STRICT: &str = "json-not-strict";

pub(super) fn statement(more: Value) -> Value {
    let mut body = json!({
        "created": CREATED, "critical": [], "enclave": people::id(people::STATION).to_string(), "format": 1,
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn hold() -> Value {
    statement(
        json!({ "name": "case-9", "reason": "asked for", "scope": { "kind": "purl", "purl": "pkg:generic/set" }, "ticket": "T-1" }),
    )
}

fn release(hold: &Digest) -> Value {
    statement(json!({ "hold": hold.to_string(), "reason": "it is over" }))
}

/// Two reports.
pub(super) fn reported() -> RawEnclave {
    let mut enclave = RawEnclave::new();
    enclave.report(0, &ReportEdits::default());
    enclave.report(1, &ReportEdits::default());
    enclave
}

pub(super) const FIRST: &str = "reports/000001-unknown-refused.report.ndjson";
const SECOND: &str = "reports/000002-main-2-refused.report.ndjson";

/// What is still known of the first report.
pub(super) fn absent(enclave: &RawEnclave) -> Value {
    let report = &enclave.files[FIRST];
    let end = report.iter().position(|byte| *byte == b'\n').unwrap();
    let head = sealift::crypto::dsse::Envelope::read(&report[..end]).unwrap().payload;
    json!({
        "created": CREATED, "digest": Digest::of(&head).to_string(), "file": FIRST.trim_start_matches("reports/"), "generation": null, "journal": null,
        "leaf": 0, "number": 1, "outcome": "refused", "previous": null, "repository": null,
    })
}

pub(super) fn tombstone(enclave: &RawEnclave) -> Value {
    let report = &enclave.files[FIRST];
    statement(json!({
        "at": CREATED,
        "entries": [{
            "class": "refusal", "days": 1, "digest": Digest::of(report).to_string(), "path": FIRST, "report": absent(enclave),
            "size": report.len(), "until": "2026-11-19T12:00:00Z",
        }],
        "policy": { "digest": Digest::of(b"policy").to_string(), "id": "plant-7", "version": 1 },
    }))
}

fn loss(enclave: &RawEnclave) -> Value {
    statement(json!({ "reason": "the disk broke", "reports": [absent(enclave)] }))
}

/// The list of a renewal, and what its statement says of it.
fn renewal(enclave: &RawEnclave, previous: Option<&Digest>) -> (Value, Vec<u8>) {
    let file = &enclave.files[FIRST];
    let mut list = strict_json::write(&json!({
        "digest": Digest::of(file).to_string(), "path": FIRST, "sha512": sha512(file), "size": file.len(),
    }));
    list.push(b'\n');
    let named =
        json!({ "bytes": list.len(), "count": 1, "digest": Digest::of(&list).to_string(), "sha512": sha512(&list) });
    (
        statement(json!({ "list": named, "previous": previous.map(Digest::to_string) })),
        list,
    )
}

fn sha512(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha512::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(super) struct Enclaves<'v> {
    vectors: &'v mut Vectors,
}

impl Enclaves<'_> {
    pub(super) fn add(&mut self, name: &str, verdict: &str, why: &str, files: Files) -> &mut Files {
        self.vectors.record("enclave", name, verdict, why, files);
        self.vectors.files()
    }

    /// Two reports, and a statement.
    fn stated(&mut self, name: &str, verdict: &str, why: &str, kind: Kind, body: &Value, signers: &[u8]) {
        let mut enclave = reported();
        enclave.state(kind.name(), kind, body, signers);
        self.add(&format!("retention/{name}"), verdict, why, enclave.all());
    }

    fn edited(&mut self, name: &str, verdict: &str, why: &str, edit: impl Fn(&mut Files)) {
        let mut files = reported().all();
        edit(&mut files);
        self.add(name, verdict, why, files);
    }
}

pub(super) fn enclaves(v: &mut Vectors) {
    let mut v = Enclaves { vectors: v };
    tiles(&mut v);
    orders(&mut v);
    statements(&mut v);
    removals(&mut v);
    renewals(&mut v);
    super::countersigned::all(&mut v);
}

fn flip(files: &mut Files, name: &str, at: usize) {
    files.get_mut(name).unwrap()[at] ^= 1;
}

/// `bundle-spec/log.md` §3 and §6.
fn tiles(v: &mut Enclaves<'_>) {
    v.edited("log/enclave", "accepted", "two reports, and the log of both", |_| {});
    let mut long = RawEnclave::new();
    for _ in 0..300 {
        long.log
            .add(&json!({ "generations": [], "kind": "sweep", "time": CREATED }));
    }
    long.report(0, &ReportEdits::default());
    let good = long.all();
    v.add(
        "log/whole_tiles",
        "accepted",
        "301 leaves, of which 256 make a whole tile",
        good.clone(),
    );
    for (name, file) in [
        ("whole_tile_edited", "log/tile/0/000"),
        ("upper_tile_edited", "log/tile/1/000.p/1"),
    ] {
        let mut files = good.clone();
        flip(&mut files, file, 5);
        v.add(
            &format!("log/{name}"),
            INCONSISTENT,
            "a bit of a hash is changed",
            files,
        );
    }
    let (entries, tile) = ("log/tile/entries/000.p/3", "log/tile/0/000.p/3");
    v.edited(
        "log/entry_edited",
        INCONSISTENT,
        "a leaf says something else",
        |files| {
            let text = String::from_utf8_lossy(&files[entries]).replacen("denied", "waiver", 1);
            files.insert(entries.to_owned(), text.into_bytes());
        },
    );
    v.edited("log/entries_cut", INCONSISTENT, "the last entry is cut", |files| {
        files.get_mut(entries).unwrap().pop();
    });
    v.edited(
        "log/entries_removed",
        INCONSISTENT,
        "the last entries are not there",
        |files| {
            files.remove(entries);
        },
    );
    v.edited("log/tile_edited", INCONSISTENT, "a bit of a hash is changed", |files| {
        flip(files, tile, 5)
    });
    v.edited("log/tile_cut", INCONSISTENT, "a hash is cut", |files| {
        files.get_mut(tile).unwrap().pop();
    });
    v.edited(
        "log/tile_removed",
        INCONSISTENT,
        "the last hashes are not there",
        |files| {
            files.remove(tile);
        },
    );
    v.edited(
        "log/file_more",
        INCONSISTENT,
        "a file that is no part of the log",
        |files| {
            files.insert("log/notes.txt".to_owned(), b"x".to_vec());
        },
    );
    v.edited(
        "log/tile_beyond",
        INCONSISTENT,
        "a tile of leaves that the log does not have",
        |files| {
            files.insert("log/tile/0/001.p/1".to_owned(), vec![0; 32]);
        },
    );
    // The key of the log signs another tree of the same size: what the reports prove finds it.
    let mut fork = reported();
    let station = [people::STATION];
    fork.log.leaves[1] = fork.log.leaves[2].clone();
    fork.checkpoint = Some((fork.log.checkpoint(&origin(&fork.root), 3, &station), 3));
    v.add(
        "log/forked",
        INCONSISTENT,
        "the whole log was written anew, with another leaf, and signed",
        fork.all(),
    );
    let mut unsigned = reported();
    unsigned.checkpoint = Some((
        unsigned.log.checkpoint(&origin(&unsigned.root), 3, &[people::EXPORTER]),
        3,
    ));
    v.add(
        "log/enclave_checkpoint_by_another_role",
        "key-not-in-role",
        "the log's own checkpoint is signed by a key without the role log",
        unsigned.all(),
    );
}

/// `bundle-spec/report.md` §1.
fn orders(v: &mut Enclaves<'_>) {
    v.edited(
        "report/last_removed",
        ROLLED_BACK,
        "the last report is not there",
        |files| {
            files.remove(SECOND);
        },
    );
    v.edited(
        "report/first_removed",
        ROLLED_BACK,
        "the first report is not there",
        |files| {
            files.remove(FIRST);
        },
    );
    v.edited(
        "report/renamed",
        ROLLED_BACK,
        "a report lies there under another number",
        |files| {
            let report = files.remove(SECOND).unwrap();
            files.insert(SECOND.replace("02", "03"), report);
        },
    );
    v.edited("report/twice", ROLLED_BACK, "a report lies there twice", |files| {
        files.insert(SECOND.replace("main-2", "main-9"), files[SECOND].clone());
    });
    let swapped = |edit: fn(&mut Value)| {
        let mut enclave = RawEnclave::new();
        enclave.report(0, &ReportEdits::default());
        let edits = ReportEdits {
            head: Some(Box::new(edit)),
            ..ReportEdits::default()
        };
        enclave.report(2, &edits);
        enclave.all()
    };
    v.add(
        "report/follows_another",
        ROLLED_BACK,
        "the second report names another one than the first before it",
        swapped(|head| head["previous"]["digest"] = Digest::of(b"other").to_string().into()),
    );
    v.add(
        "report/follows_nothing",
        ROLLED_BACK,
        "the second report names none before it",
        swapped(|head| head["previous"] = Value::Null),
    );
}

/// `bundle-spec/retention.md` §2 and §3.
fn statements(v: &mut Enclaves<'_>) {
    let dora = [people::EXPORTER];
    let two = [people::ANN, people::BOB];
    v.stated(
        "hold",
        "accepted",
        "one person holds, with whatever role",
        Kind::Hold,
        &hold(),
        &dora,
    );
    let mut enclave = reported();
    let held = enclave.state("hold", Kind::Hold, &hold(), &dora);
    enclave.state("release", Kind::Release, &release(&held), &two);
    v.add(
        "retention/release",
        "accepted",
        "two persons with the role trust end a hold",
        enclave.all(),
    );
    for (name, why, body) in [
        (
            "scope_everything",
            "a hold on everything",
            json!({ "kind": "everything" }),
        ),
        (
            "scope_bundle",
            "a hold on a bundle",
            json!({ "kind": "bundle", "manifest": Digest::of(b"manifest").to_string() }),
        ),
        (
            "scope_key",
            "a hold on what rests on a key",
            json!({ "key": "ab:cd", "kind": "key" }),
        ),
        (
            "scope_dates",
            "a hold on some days",
            json!({ "from": CREATED, "kind": "dates", "until": "2026-11-21T12:00:00Z" }),
        ),
    ] {
        let mut hold = hold();
        hold["scope"] = body;
        v.stated(name, "accepted", why, Kind::Hold, &hold, &dora);
    }
    for (name, why, edit) in [
        (
            "hold_with_more",
            "a field that is not known",
            (|hold| hold["more"] = 1.into()) as fn(&mut Value),
        ),
        ("hold_format_2", "format 2", |hold| hold["format"] = 2.into()),
        (
            "hold_critical",
            "an extension that a reader must know, and does not",
            |hold| hold["critical"] = json!(["x"]),
        ),
        ("hold_without_reason", "a reason of white space", |hold| {
            hold["reason"] = " ".into()
        }),
        ("hold_reason_too_long", "a reason of 2001 bytes", |hold| {
            hold["reason"] = "x".repeat(2001).into()
        }),
        (
            "hold_reason_with_control",
            "a control character in the reason",
            |hold| hold["reason"] = "a\nb".into(),
        ),
        ("hold_ticket_too_long", "a ticket of 201 bytes", |hold| {
            hold["ticket"] = "x".repeat(201).into()
        }),
        ("hold_name_with_space", "a name with a space", |hold| {
            hold["name"] = "case 9".into()
        }),
        ("hold_name_too_long", "a name of 65 letters", |hold| {
            hold["name"] = "x".repeat(65).into()
        }),
        ("hold_no_such_scope", "a scope that is none", |hold| {
            hold["scope"] = json!({ "kind": "nothing" })
        }),
        ("hold_no_purl", "a scope that names no package URL", |hold| {
            hold["scope"]["purl"] = "set".into()
        }),
        ("hold_scope_too_long", "a package URL of 2001 bytes", |hold| {
            hold["scope"]["purl"] = format!("pkg:{}", "x".repeat(1997)).into();
        }),
        ("hold_scope_ends_first", "days that end before they begin", |hold| {
            hold["scope"] = json!({ "from": CREATED, "kind": "dates", "until": CREATED });
        }),
    ] {
        let mut hold = hold();
        edit(&mut hold);
        v.stated(name, STRICT, why, Kind::Hold, &hold, &dora);
    }
    let mut other = hold();
    other["enclave"] = Digest::of(b"other").to_string().into();
    v.stated(
        "hold_of_another_enclave",
        "wrong-enclave",
        "it is another enclave's",
        Kind::Hold,
        &other,
        &dora,
    );
    let few = "key-not-in-role";
    v.stated(
        "hold_by_a_stranger",
        few,
        "nobody whom the root knows has signed it",
        Kind::Hold,
        &hold(),
        &[99],
    );
    let gone = release(&Digest::of(b"hold"));
    v.stated(
        "release_by_one",
        few,
        "one person ends a hold where the root asks for two",
        Kind::Release,
        &gone,
        &[people::ANN],
    );
    v.stated(
        "release_by_the_station",
        few,
        "the enclave's key ends a hold",
        Kind::Release,
        &gone,
        &[people::STATION],
    );

    let mut enclave = reported();
    enclave.state("hold", Kind::Release, &gone, &two);
    v.add(
        "retention/other_kind",
        "wrong-document-kind",
        "a release lies where the log tells of a hold",
        enclave.all(),
    );
    let mut enclave = reported();
    enclave.state("hope", Kind::Hold, &hold(), &dora);
    // Only a leaf that something signed covers counts whatever it tells of.
    enclave.report(0, &ReportEdits::default());
    v.add(
        "retention/no_such_kind",
        "unknown-format",
        "the log tells of a statement that is none",
        enclave.all(),
    );

    let held = |signers: &[u8]| {
        let mut enclave = reported();
        enclave.state("hold", Kind::Hold, &hold(), signers);
        enclave.report(0, &ReportEdits::default());
        enclave.all()
    };
    let file = "statements/000001-hold.dsse.json".to_owned();
    let mut files = held(&dora);
    files.remove(&file);
    v.add(
        "retention/hold_removed",
        ROLLED_BACK,
        "a hold of which the log tells is not there",
        files,
    );
    let mut files = held(&dora);
    let mut shorter = hold();
    shorter["scope"]["purl"] = "pkg:generic/other".into();
    files.insert(
        file,
        people::sealed(Kind::Hold, &strict_json::write(&shorter), &dora).write(),
    );
    v.add(
        "retention/hold_exchanged",
        ROLLED_BACK,
        "another hold, validly signed, lies in its place",
        files,
    );
    let mut files = held(&dora);
    let sealed = people::sealed(Kind::Hold, &strict_json::write(&hold()), &dora).write();
    files.insert("statements/000002-hold.dsse.json".to_owned(), sealed);
    v.add(
        "retention/hold_added",
        "enclave-differs",
        "a hold of which the log does not tell",
        files,
    );
    v.add(
        "retention/hold_by_a_revoked_key",
        "accepted",
        "whoever loses a key does not thereby end a hold",
        held(&dora),
    )
    .insert("revocations.dsse.json".to_owned(), revoking(people::EXPORTER));
    let mut enclave = reported();
    enclave.state("release", Kind::Release, &gone, &two);
    v.add(
        "retention/release_by_a_revoked_key",
        "key-revoked",
        "one of the two who ended a hold has a key that is revoked",
        enclave.all(),
    )
    .insert("revocations.dsse.json".to_owned(), revoking(people::BOB));
}

/// `bundle-spec/retention.md` §4 and §6.
fn removals(v: &mut Enclaves<'_>) {
    let two = [people::ANN, people::BOB];
    let station = [people::STATION];
    let removed = |kind: Kind, body: fn(&RawEnclave) -> Value, edit: fn(&mut Value), signers: &[u8]| {
        let mut enclave = reported();
        let mut body = body(&enclave);
        edit(&mut body);
        enclave.state(kind.name(), kind, &body, signers);
        enclave.files.remove(FIRST);
        enclave.all()
    };
    let as_it_is = |_: &mut Value| {};
    v.add(
        "retention/tombstone",
        "accepted",
        "the first report was pruned, and the tombstone keeps its place in the order",
        removed(Kind::Tombstone, tombstone, as_it_is, &station),
    );
    v.add(
        "retention/loss",
        "accepted",
        "the first report is lost, and two persons with the role trust have taken note",
        removed(Kind::Loss, loss, as_it_is, &two),
    );
    v.add(
        "retention/loss_by_one",
        "key-not-in-role",
        "one person takes note of a loss where the root asks for two",
        removed(Kind::Loss, loss, as_it_is, &[people::ANN]),
    );
    v.add(
        "retention/tombstone_by_another_role",
        "key-not-in-role",
        "a tombstone by a key without the role import",
        removed(Kind::Tombstone, tombstone, as_it_is, &[people::EXPORTER]),
    );
    for (name, why, edit) in [
        (
            "tombstone_of_another_digest",
            "the report that was pruned is not the one that the next names",
            (|body| body["entries"][0]["report"]["digest"] = Digest::of(b"other").to_string().into()) as fn(&mut Value),
        ),
        (
            "tombstone_of_another_order",
            "the report that was pruned followed one that never was",
            |body| {
                body["entries"][0]["report"]["previous"] = Digest::of(b"other").to_string().into();
            },
        ),
        (
            "tombstone_of_another_number",
            "another number than that of the report that is gone",
            |body| {
                body["entries"][0]["report"]["number"] = 7.into();
            },
        ),
    ] {
        v.add(
            &format!("retention/{name}"),
            ROLLED_BACK,
            why,
            removed(Kind::Tombstone, tombstone, edit, &station),
        );
    }
    for (name, why, edit) in [
        (
            "tombstone_of_nothing",
            "a tombstone that names nothing",
            (|body| body["entries"] = json!([])) as fn(&mut Value),
        ),
        (
            "tombstone_judged_later",
            "it was judged later than it was signed",
            |body| body["at"] = "2026-11-20T12:00:01Z".into(),
        ),
        ("tombstone_too_early", "what was to be kept for longer", |body| {
            body["entries"][0]["until"] = "2026-11-20T12:00:01Z".into();
        }),
        (
            "tombstone_of_a_statement",
            "a path where no records lie that are pruned",
            |body| {
                body["entries"][0]["path"] = "statements/000001-hold.dsse.json".into();
            },
        ),
        ("tombstone_of_another_folder", "a path that leads elsewhere", |body| {
            body["entries"][0]["path"] = "reports/../state.db".into();
        }),
        (
            "tombstone_without_report",
            "a report's entry without what is still known of it",
            |body| {
                body["entries"][0].as_object_mut().unwrap().remove("report");
            },
        ),
        (
            "tombstone_of_another_class",
            "what is known of a report, with an entry that is none",
            |body| {
                body["entries"][0]["class"] = "review".into();
            },
        ),
        ("tombstone_with_more", "a field of an entry that is not known", |body| {
            body["entries"][0]["more"] = 1.into()
        }),
    ] {
        v.add(
            &format!("retention/{name}"),
            STRICT,
            why,
            removed(Kind::Tombstone, tombstone, edit, &station),
        );
    }
    v.add(
        "retention/loss_of_nothing",
        STRICT,
        "a loss that names no report",
        removed(Kind::Loss, loss, |body| body["reports"] = json!([]), &two),
    );
    v.add(
        "retention/loss_twice",
        STRICT,
        "a loss that names one report twice",
        removed(
            Kind::Loss,
            loss,
            |body| body["reports"] = json!([body["reports"][0], body["reports"][0]]),
            &two,
        ),
    );
}

/// `bundle-spec/retention.md` §5.
fn renewals(v: &mut Enclaves<'_>) {
    let station = [people::STATION];
    let renewed = |edit: fn(&mut Value), list: fn(&mut Vec<u8>)| {
        let mut enclave = reported();
        let (mut body, mut lines) = renewal(&enclave, None);
        edit(&mut body);
        list(&mut lines);
        enclave.state("renewal", Kind::Renewal, &body, &station);
        enclave
            .files
            .insert("statements/000001-renewal.list.ndjson".to_owned(), lines);
        enclave.all()
    };
    let (same, whole) = (|_: &mut Value| {}, |_: &mut Vec<u8>| {});
    v.add(
        "retention/renewal",
        "accepted",
        "a report was sealed anew",
        renewed(same, whole),
    );
    let twice = |previous: fn(&Digest) -> Option<Digest>| {
        let mut enclave = reported();
        let (body, lines) = renewal(&enclave, None);
        let first = enclave.state("renewal", Kind::Renewal, &body, &station);
        enclave
            .files
            .insert("statements/000001-renewal.list.ndjson".to_owned(), lines);
        let (body, lines) = renewal(&enclave, previous(&first).as_ref());
        enclave.state("renewal", Kind::Renewal, &body, &station);
        enclave
            .files
            .insert("statements/000002-renewal.list.ndjson".to_owned(), lines);
        enclave.all()
    };
    v.add(
        "retention/renewal_again",
        "accepted",
        "two renewals, of which one follows the other",
        twice(|first| Some(*first)),
    );
    v.add(
        "retention/renewal_follows_nothing",
        ROLLED_BACK,
        "the second renewal names none before it",
        twice(|_| None),
    );
    v.add(
        "retention/renewal_follows_another",
        ROLLED_BACK,
        "the first renewal names one before it that never was",
        renewed(|body| body["previous"] = Digest::of(b"other").to_string().into(), whole),
    );
    let mut files = renewed(same, whole);
    files.remove("statements/000001-renewal.list.ndjson");
    v.add(
        "retention/renewal_without_list",
        ROLLED_BACK,
        "the list of what was sealed anew is not there",
        files,
    );
    let differ = "digest-mismatch";
    v.add(
        "retention/renewal_list_edited",
        differ,
        "a digit of the list is changed",
        renewed(same, |list| list[20] ^= 1),
    );
    v.add(
        "retention/renewal_list_cut",
        differ,
        "the list is cut",
        renewed(same, |list| {
            list.pop();
        }),
    );
    v.add(
        "retention/renewal_list_longer",
        differ,
        "a line too many in the list",
        renewed(same, |list| list.extend_from_within(..)),
    );
    for (name, field, value) in [
        ("bytes", "bytes", json!(1)),
        ("count", "count", json!(2)),
        ("sha512", "sha512", json!("0".repeat(128))),
    ] {
        let mut enclave = reported();
        let (mut body, lines) = renewal(&enclave, None);
        body["list"][field] = value;
        enclave.state("renewal", Kind::Renewal, &body, &station);
        enclave
            .files
            .insert("statements/000001-renewal.list.ndjson".to_owned(), lines);
        v.add(
            &format!("retention/renewal_of_other_{name}"),
            differ,
            &format!("the statement says other {name} of its list"),
            enclave.all(),
        );
    }
    v.add(
        "retention/renewal_sha512_cut",
        STRICT,
        "a SHA-512 of 127 digits",
        renewed(|body| body["list"]["sha512"] = "0".repeat(127).into(), whole),
    );
    let mut enclave = reported();
    let (body, lines) = renewal(&enclave, None);
    enclave.state("renewal", Kind::Renewal, &body, &[people::EXPORTER]);
    enclave
        .files
        .insert("statements/000001-renewal.list.ndjson".to_owned(), lines);
    v.add(
        "retention/renewal_by_another_role",
        "key-not-in-role",
        "a renewal by a key without the role import",
        enclave.all(),
    );
}
