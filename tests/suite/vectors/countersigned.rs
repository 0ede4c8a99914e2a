//! What persons say of reports (`bundle-spec/retention.md` §7).

use sealift::trust::{Role, Root};
use serde_json::{Value, json};

use super::retention::{Enclaves, FIRST, ROLLED_BACK, STRICT, absent, reported, statement, tombstone};
use super::*;
use crate::raw_records::{RawEnclave, ReportEdits};

/// What eve says of the first report.
fn countersignature(enclave: &RawEnclave) -> Value {
    statement(json!({
        "reason": "read to its end", "report": { "digest": absent(enclave)["digest"], "number": 1 }, "said": "accepted", "ticket": "T-2",
    }))
}

pub(super) fn all(v: &mut Enclaves<'_>) {
    let kind = Kind::Countersignature;
    let of = |mut enclave: RawEnclave, edit: fn(&mut Value), signers: &[u8]| {
        let mut body = countersignature(&enclave);
        edit(&mut body);
        enclave.state(kind.name(), kind, &body, signers);
        enclave
    };
    let as_it_is = |_: &mut Value| {};
    let eve = [people::APPROVER];
    let mut said = |name: &str, verdict: &str, why: &str, edit: fn(&mut Value), signers: &[u8]| {
        v.add(
            &format!("retention/countersignature{name}"),
            verdict,
            why,
            of(reported(), edit, signers).all(),
        );
    };
    said(
        "",
        "accepted",
        "a person with the role approve has read the first report",
        as_it_is,
        &eve,
    );
    said(
        "_objects",
        "accepted",
        "a person with the role approve objects to what the first report tells of",
        |body| body["said"] = "objected".into(),
        &eve,
    );
    said(
        "_by_a_stranger_too",
        "accepted",
        "the exporter has signed it as well, which counts for nothing",
        as_it_is,
        &[people::APPROVER, people::EXPORTER],
    );
    for (name, why, signer) in [
        ("_by_the_station", "the enclave's own key", people::STATION),
        ("_by_an_exporter", "a key with the role export", people::EXPORTER),
        (
            "_by_the_role_trust",
            "a key with the roles root, trust and policy",
            people::ANN,
        ),
        ("_by_a_stranger", "a key that the root does not know", 99),
    ] {
        let why = format!("it is signed by {why}, and by nobody with the role approve");
        said(name, "key-not-in-role", &why, as_it_is, &[signer]);
    }
    for (name, why, edit) in [
        (
            "_of_another_digest",
            "it is about another report of this number",
            (|body| body["report"]["digest"] = Digest::of(b"other").to_string().into()) as fn(&mut Value),
        ),
        (
            "_of_the_other_report",
            "it has the number of one report and the digest of another",
            |body| {
                body["report"]["number"] = 2.into();
            },
        ),
        ("_of_no_report", "it is about a report that is not there", |body| {
            body["report"]["number"] = 9.into();
        }),
    ] {
        said(name, ROLLED_BACK, why, edit, &eve);
    }
    said(
        "_of_another_enclave",
        "wrong-enclave",
        "it is another enclave's",
        |body| body["enclave"] = Digest::of(b"other").to_string().into(),
        &eve,
    );
    for (name, why, edit) in [
        (
            "_without_word",
            "it says neither that the report is accepted nor objected to",
            (|body| {
                body["said"] = "seen".into();
            }) as fn(&mut Value),
        ),
        ("_without_reason", "a reason of white space", |body| {
            body["reason"] = " ".into()
        }),
        ("_reason_too_long", "a reason of 2001 bytes", |body| {
            body["reason"] = "x".repeat(2001).into()
        }),
        ("_ticket_with_control", "a control character in the ticket", |body| {
            body["ticket"] = "a\nb".into()
        }),
        ("_number_0", "reports are numbered from 1", |body| {
            body["report"]["number"] = 0.into()
        }),
        ("_with_more", "a field that is not known", |body| {
            body["more"] = 1.into()
        }),
        ("_format_2", "format 2", |body| body["format"] = 2.into()),
    ] {
        said(name, STRICT, why, edit, &eve);
    }
    let exported = |person: &'static str, signer: u8| {
        let mut enclave = RawEnclave::new();
        let edits = ReportEdits {
            head: Some(Box::new(move |head: &mut Value| {
                head["people"] = json!([{
                    "approval": null, "keys": [people::id(signer).to_string()], "person": person, "role": "export",
                }]);
            })),
            ..ReportEdits::default()
        };
        enclave.report(0, &edits);
        enclave.report(1, &ReportEdits::default());
        of(enclave, as_it_is, &eve).all()
    };
    let separate = "roles-not-separate";
    v.add(
        "retention/countersignature_by_who_exported",
        separate,
        "the person exported the bundle, with another key",
        exported("eve", people::EXPORTER),
    );
    v.add(
        "retention/countersignature_by_the_key_that_exported",
        separate,
        "the key exported the bundle, under another name",
        exported("dora", people::APPROVER),
    );
    let under = |root: Root, signers: &[u8]| {
        let mut enclave = RawEnclave::new();
        enclave.root = root;
        enclave.report(0, &ReportEdits::default());
        enclave.report(1, &ReportEdits::default());
        let enclave = of(enclave, as_it_is, signers);
        let mut files = enclave.all();
        let root = people::sealed_root(&enclave.root, &[people::ANN, people::BOB]);
        files.insert("root.dsse.json".to_owned(), root);
        files
    };
    // A root in which the key of the reports may approve as well.
    let mut root = people::root();
    people::give(&mut root, Role::Approve, "station-plant-7", people::STATION);
    let files = under(root, &[people::STATION]);
    v.add(
        "retention/countersignature_by_who_signed",
        separate,
        "the key that signed the report countersigns it",
        files,
    );
    // Two must approve a bundle, and still one person's word about a report is one.
    let mut root = people::root();
    people::set_threshold(&mut root, Role::Approve, 2);
    let files = under(root, &eve);
    v.add(
        "retention/countersignature_where_two_approve",
        "accepted",
        "one person's word, where two must approve a bundle",
        files,
    );
    v.add(
        "retention/countersignature_by_a_revoked_key",
        "key-revoked",
        "the key that countersigned is revoked",
        of(reported(), as_it_is, &eve).all(),
    )
    .insert("revocations.dsse.json".to_owned(), revoking(people::APPROVER));
    let pruned = |edit: fn(&mut Value)| {
        let mut enclave = of(reported(), edit, &eve);
        let body = tombstone(&enclave);
        enclave.state("tombstone", Kind::Tombstone, &body, &[people::STATION]);
        enclave.files.remove(FIRST);
        enclave.all()
    };
    v.add(
        "retention/countersignature_of_a_pruned_report",
        "accepted",
        "the report that was countersigned is pruned since, and the tombstone has its digest",
        pruned(as_it_is),
    );
    v.add(
        "retention/countersignature_of_another_pruned_report",
        ROLLED_BACK,
        "the report of its number is pruned since, and was another one",
        pruned(|body| body["report"]["digest"] = Digest::of(b"other").to_string().into()),
    );
}
