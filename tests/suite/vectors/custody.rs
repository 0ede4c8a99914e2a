//! Chains of custody: which records count, and what does not fit together (`bundle-spec/custody.md` §4, §5).

use sealift::crypto::strict_json;
use serde_json::{Value, json};

use super::*;

const UNPROVEN: &str = "custody-record-unproven";
const BROKEN: &str = "custody-chain-broken";

/// A chain of records about one bundle of two volumes.
#[derive(Default)]
struct Chained {
    files: Files,
    last: Vec<String>,
    hour: usize,
}

impl Chained {
    /// Adds a record that follows the last ones, an hour after them, by somebody with a numbered key.
    fn add(&mut self, event: &str, more: Value) -> &mut Self {
        self.add_by(event, more, &[people::EXPORTER])
    }

    fn add_by(&mut self, event: &str, more: Value, signers: &[u8]) -> &mut Self {
        self.hour += 1;
        let at = format!("2026-11-20T{:02}:00:00Z", self.hour);
        let mut record = json!({
            "at": at, "created": at, "critical": [], "event": event, "format": 1, "manifest": manifest(), "previous": self.last,
            "time_by": "clock",
        });
        for (name, value) in more.as_object().unwrap() {
            record[name] = value.clone();
        }
        let payload = strict_json::write(&record);
        let bytes = people::sealed(Kind::Custody, &payload, signers).write();
        self.last = vec![Digest::of(&payload).to_string()];
        self.files
            .insert(format!("main-1.custody-{:03}-{event}.dsse.json", self.hour), bytes);
        self
    }

    /// What the next one names as those before it.
    fn after(&mut self, last: &[&String]) -> &mut Self {
        self.last = last.iter().map(|digest| (*digest).clone()).collect();
        self.last.sort();
        self
    }

    fn last(&self) -> String {
        self.last[0].clone()
    }
}

fn manifest() -> String {
    Digest::of(b"manifest").to_string()
}

fn seal(number: &str, state: &str) -> Value {
    json!({ "seal": { "number": number, "state": state } })
}

fn both(one: &Value, other: &Value) -> Value {
    let mut both = one.clone();
    for (name, value) in other.as_object().unwrap() {
        both[name] = value.clone();
    }
    both
}

fn serial(number: &str) -> Value {
    json!({ "medium": { "kind": "USB stick", "serial": number } })
}

fn of_volume(number: u64, digest: Option<&str>) -> Value {
    let mut volume = json!({ "number": number });
    if let Some(text) = digest {
        volume["digest"] = Digest::of(text.as_bytes()).to_string().into();
    }
    json!({ "volumes": [volume] })
}

/// Written, sealed and handed over.
fn carried() -> Chained {
    let mut chain = Chained::default();
    chain
        .add("written", serial("4711"))
        .add("sealed", seal("A-1", "intact"))
        .add("handed-over", json!({ "from": "dora", "to": "eve", "witness": "fay" }));
    chain
}

struct Custodies<'v> {
    vectors: &'v mut Vectors,
}

impl Custodies<'_> {
    fn add(&mut self, name: &str, verdict: &str, why: &str, files: Files) -> &mut Files {
        let case = self
            .vectors
            .record("custody", &format!("custody/{name}"), verdict, why, files);
        case.manifest = Some(manifest());
        case.volumes = Some(2);
        self.vectors.files()
    }

    fn chain(&mut self, name: &str, verdict: &str, why: &str, chain: &Chained) {
        self.add(name, verdict, why, chain.files.clone());
    }

    /// One record, with other fields.
    fn one(&mut self, name: &str, verdict: &str, why: &str, event: &str, more: Value) {
        let mut chain = Chained::default();
        chain.add(event, more);
        self.chain(name, verdict, why, &chain);
    }
}

pub(super) fn custodies(v: &mut Vectors) {
    let mut v = Custodies { vectors: v };
    counting(&mut v);
    rules(&mut v);
    scans(&mut v);
    chains(&mut v);
    contents(&mut v);
}

/// Which records count.
fn counting(v: &mut Custodies<'_>) {
    v.add("none", "accepted", "no record at all", Files::new());
    v.chain("carried", "accepted", "written, sealed and handed over", &carried());
    let two = |why: &str, name: &str, verdict: &str, v: &mut Custodies<'_>, signers: &[u8]| {
        let mut chain = carried();
        let before = chain.last.clone();
        chain.add_by("inspected", json!({ "place": "the gate" }), signers);
        chain.last = before;
        chain.add("received", json!({}));
        v.chain(name, verdict, why, &chain);
    };
    two(
        "a record by somebody whom nobody here knows, beside a good chain",
        "by_a_stranger",
        UNPROVEN,
        v,
        &[99],
    );
    two(
        "a record that nobody has signed, beside a good chain",
        "unsigned",
        UNPROVEN,
        v,
        &[],
    );
    let mut chain = carried();
    chain.add_by("received", json!({}), &[99, people::STATION]);
    v.chain(
        "by_a_stranger_too",
        "accepted",
        "a stranger has signed beside somebody whom the root knows",
        &chain,
    );
    let mut files = carried().files;
    files.insert("main-1.custody-x.dsse.json".to_owned(), b"{}".to_vec());
    v.add("no_envelope", UNPROVEN, "a file that is no envelope", files);
    let mut files = carried().files;
    let sealed = people::sealed(Kind::Approval, b"{}", &[people::EXPORTER]).write();
    files.insert("main-1.custody-x.dsse.json".to_owned(), sealed);
    v.add("other_kind", UNPROVEN, "a document of another kind", files);
    let mut files = carried().files;
    let first = files.values().next().unwrap().clone();
    files.insert("main-1.custody-copy.dsse.json".to_owned(), first);
    v.add("copied", "accepted", "one record lies on two media", files);
    let mut files = carried().files;
    let record = files.values_mut().next().unwrap();
    let mut envelope = sealift::crypto::dsse::Envelope::read(record).unwrap();
    envelope.payload = String::from_utf8(envelope.payload)
        .unwrap()
        .replace("4711", "4712")
        .into_bytes();
    *record = envelope.write();
    let edited = Files::from([files.pop_first().unwrap()]);
    v.add(
        "payload_edited",
        UNPROVEN,
        "another payload under the signature",
        edited,
    );
    v.add(
        "by_a_revoked_key",
        UNPROVEN,
        "the only key that signed it is revoked",
        {
            let mut chain = Chained::default();
            chain.add_by("written", json!({}), &[people::STATION]);
            chain.files
        },
    )
    .insert("revocations.dsse.json".to_owned(), revoking(people::STATION));
    v.add(
        "by_a_revoked_key_too",
        "accepted",
        "one of the two keys that signed it is revoked",
        {
            let mut chain = Chained::default();
            chain.add_by("written", json!({}), &[people::STATION, people::EXPORTER]);
            chain.files
        },
    )
    .insert("revocations.dsse.json".to_owned(), revoking(people::STATION));
}

/// What a record keeps: all of these are about the form of one.
fn rules(v: &mut Custodies<'_>) {
    let mut wrong = |name: &str, why: &str, event: &str, more: Value| v.one(name, UNPROVEN, why, event, more);
    wrong(
        "of_another_bundle",
        "it is about another bundle",
        "written",
        json!({ "manifest": Digest::of(b"other").to_string() }),
    );
    wrong(
        "of_no_such_volume",
        "it is about volume 3 of 2",
        "written",
        of_volume(3, None),
    );
    wrong(
        "with_more",
        "a field that is not known",
        "written",
        json!({ "more": 1 }),
    );
    wrong(
        "critical",
        "an extension that a reader must know, and does not",
        "written",
        json!({ "critical": ["x"] }),
    );
    wrong("format_2", "format 2", "written", json!({ "format": 2 }));
    wrong(
        "no_such_event",
        "an event that is none",
        "written",
        json!({ "event": "forgotten" }),
    );
    wrong(
        "text_empty",
        "a text of white space",
        "written",
        json!({ "place": " " }),
    );
    wrong(
        "text_too_long",
        "a place of 201 bytes",
        "written",
        json!({ "place": "x".repeat(201) }),
    );
    wrong(
        "note_too_long",
        "a note of 2001 bytes",
        "written",
        json!({ "note": "x".repeat(2001) }),
    );
    wrong(
        "text_with_control",
        "a control character in a note",
        "written",
        json!({ "note": "a\nb" }),
    );
    wrong(
        "text_in_medium_empty",
        "a serial number of white space",
        "written",
        serial("\u{a0}"),
    );
    wrong(
        "before_it_happened",
        "it was written down before it happened",
        "written",
        json!({ "at": "2026-11-20T01:00:01Z", "time_by": "person" }),
    );
    wrong(
        "time_by_nobody",
        "it happened an hour before it was written down, and nobody said so",
        "written",
        json!({ "at": "2026-11-20T00:00:00Z" }),
    );
    let digests: Vec<String> = [b"b", b"a"].map(|text| Digest::of(text).to_string()).to_vec();
    let mut descending = digests.clone();
    descending.sort();
    descending.reverse();
    wrong(
        "previous_not_in_order",
        "`previous` does not ascend",
        "written",
        json!({ "previous": descending }),
    );
    wrong(
        "volumes_not_in_order",
        "its volumes do not ascend",
        "written",
        json!({ "volumes": [{ "number": 2 }, { "number": 1 }] }),
    );
    wrong(
        "volume_0",
        "a volume of number 0",
        "written",
        json!({ "volumes": [{ "number": 0 }] }),
    );
    wrong(
        "sealed_without_seal",
        "a medium is sealed with nothing",
        "sealed",
        json!({}),
    );
    wrong(
        "sealed_with_broken",
        "a medium is sealed with a broken seal",
        "sealed",
        seal("A-1", "broken"),
    );
    wrong(
        "handed_to_nobody",
        "a medium is handed over to nobody",
        "handed-over",
        json!({}),
    );
    wrong(
        "written_by_shredding",
        "the way in which a medium was destroyed, of one that was written",
        "written",
        json!({ "sanitisation": { "method": "shredded" } }),
    );
    v.one(
        "destroyed_by_shredding",
        "accepted",
        "the way in which a medium was destroyed",
        "destroyed",
        json!({ "sanitisation": { "certificate": "C-9", "method": "shredded" } }),
    );
    v.one(
        "time_by_person",
        "accepted",
        "somebody wrote down later what had happened",
        "received",
        json!({ "at": "2026-11-19T01:00:00Z", "time_by": "person" }),
    );
    v.one(
        "extended",
        "accepted",
        "an extension that decides nothing",
        "stored",
        json!({ "ext": { "example.com/x": 1 } }),
    );
}

fn scans(v: &mut Custodies<'_>) {
    let told = |name: &str, result: &str| json!({ "detail": "Eicar", "object": Digest::of(name.as_bytes()).to_string(), "result": result });
    let mut objects = vec![told("a", "found"), told("b", "not-scanned")];
    objects.sort_by_key(|one| one["object"].as_str().unwrap().to_owned());
    let scan = json!({ "engine": "clamav", "found": 1, "objects": 9, "told": objects, "unclear": 1 });
    let scanned = |edit: &dyn Fn(&mut Value)| {
        let mut all = json!({ "scans": [scan] });
        edit(&mut all);
        all
    };
    v.one(
        "scanned",
        "accepted",
        "what a scanner said",
        "scanned",
        scanned(&|_| {}),
    );
    v.one(
        "scanned_with_problem",
        "accepted",
        "a problem excuses that not all is told",
        "scanned",
        scanned(&|all| {
            all["scans"][0]["problem"] = "stopped".into();
            all["scans"][0]["unclear"] = 7.into();
        }),
    );
    let mut wrong = |name: &str, why: &str, event: &str, more: Value| v.one(name, UNPROVEN, why, event, more);
    wrong("scanned_by_nothing", "a scan without a scanner", "scanned", json!({}));
    wrong(
        "scan_of_another_event",
        "a scanner's word of a medium that was stored",
        "stored",
        scanned(&|_| {}),
    );
    wrong(
        "scanner_twice",
        "one scanner speaks twice",
        "scanned",
        scanned(&|all| {
            let again = all["scans"][0].clone();
            all["scans"].as_array_mut().unwrap().push(again);
        }),
    );
    wrong(
        "scan_told_out_of_order",
        "objects that do not ascend",
        "scanned",
        scanned(&|all| {
            all["scans"][0]["told"].as_array_mut().unwrap().reverse();
        }),
    );
    wrong(
        "scan_tells_less",
        "it counts two findings and tells one",
        "scanned",
        scanned(&|all| all["scans"][0]["found"] = 2.into()),
    );
    wrong(
        "scan_tells_less_unclear",
        "it counts two objects that were not scanned and tells of one",
        "scanned",
        scanned(&|all| all["scans"][0]["unclear"] = 2.into()),
    );
    wrong(
        "scan_tells_more",
        "it counts no finding and tells one",
        "scanned",
        scanned(&|all| all["scans"][0]["found"] = 0.into()),
    );
    wrong(
        "scan_tells_more_despite_problem",
        "it tells more than it counts, which no problem excuses",
        "scanned",
        scanned(&|all| {
            all["scans"][0]["problem"] = "stopped".into();
            all["scans"][0]["unclear"] = 0.into();
        }),
    );
}

/// How records follow one another.
fn chains(v: &mut Custodies<'_>) {
    let mut files = carried().files;
    files.pop_first();
    v.add("first_removed", BROKEN, "the first record is missing", files);
    let mut files = carried().files;
    files.remove("main-1.custody-002-sealed.dsse.json");
    v.add("middle_removed", BROKEN, "the record between two is missing", files);
    let mut files = carried().files;
    files.pop_last();
    v.add(
        "last_removed",
        "accepted",
        "the last record can be removed without a trace",
        files,
    );
    let mut chain = carried();
    let before = chain.last();
    chain.add("stored", json!({}));
    chain.after(&[&before]).add("received", json!({}));
    v.chain("two_follow_one", BROKEN, "two records follow the same one", &chain);
    let mut chain = carried();
    chain.after(&[]).add("received", json!({}));
    v.chain(
        "follows_nothing",
        BROKEN,
        "a record in the middle that names none before it",
        &chain,
    );

    // Two media go different ways, and come together.
    let ways = || {
        let mut chain = Chained::default();
        chain.add("written", json!({}));
        let first = chain.last();
        chain.add("stored", of_volume(1, None));
        let one = chain.last();
        chain.after(&[&first]).add("stored", of_volume(2, None));
        let two = chain.last();
        (chain, one, two)
    };
    let (mut chain, one, two) = ways();
    chain.after(&[&one, &two]).add("received", json!({}));
    v.chain(
        "two_ways",
        "accepted",
        "two media go different ways, and come together",
        &chain,
    );
    let mut chain = Chained::default();
    let digests = |texts: &[(u64, &str)]| {
        let volume = |(number, text): &(u64, &str)| json!({ "digest": Digest::of(text.as_bytes()).to_string(), "number": number });
        json!({ "volumes": texts.iter().map(volume).collect::<Vec<_>>() })
    };
    chain.add("written", digests(&[(1, "one"), (2, "two")]));
    let first = chain.last();
    chain.add("received", digests(&[(2, "two")]));
    v.chain(
        "each_volume_its_digest",
        "accepted",
        "a record gives the digests of two volumes, and the next one that of the second alone",
        &chain,
    );
    chain.after(&[&first]).add("received", digests(&[(1, "two")]));
    v.chain(
        "another_volumes_digest",
        "custody-medium-differs",
        "a volume has the digest that another one had",
        &chain,
    );
    let (mut chain, one, _) = ways();
    chain.after(&[&one]).add("received", json!({}));
    v.chain(
        "two_ways_and_one_named",
        BROKEN,
        "two media come together, and the record names the way of one",
        &chain,
    );

    let mut chain = carried();
    chain.add("received", json!({ "at": "2026-11-18T23:00:00Z", "time_by": "person" }));
    v.chain(
        "before_what_it_follows",
        BROKEN,
        "it happened more than a day before what it follows",
        &chain,
    );
    let mut chain = carried();
    chain.add("received", json!({ "at": "2026-11-19T03:00:00Z", "time_by": "person" }));
    v.chain(
        "a_day_before_what_it_follows",
        "accepted",
        "clocks that are a day apart",
        &chain,
    );
    let late = |time: &str| json!({ "at": time, "created": time });
    let mut chain = Chained::default();
    chain.add("written", late("2026-11-22T12:00:01Z"));
    v.chain(
        "from_the_future",
        BROKEN,
        "it was written down more than a day after now",
        &chain,
    );
    let mut chain = Chained::default();
    chain.add("written", late("2026-11-22T12:00:00Z"));
    v.chain(
        "from_tomorrow",
        "accepted",
        "it was written down a day after now",
        &chain,
    );
    let mut chain = carried();
    chain.add("destroyed", json!({})).add("received", json!({}));
    v.chain(
        "after_it_was_destroyed",
        BROKEN,
        "a medium is received that was destroyed before",
        &chain,
    );
    let mut chain = carried();
    chain.add("destroyed", json!({})).add("written", json!({}));
    v.chain(
        "written_after_it_was_destroyed",
        "accepted",
        "another medium is written in its place",
        &chain,
    );
}

/// What the records say of each volume.
fn contents(v: &mut Custodies<'_>) {
    let (seals, media) = ("custody-seal-differs", "custody-medium-differs");
    let mut add = |name: &str, verdict: &str, why: &str, event: &str, more: &Value| {
        let mut chain = carried();
        chain.add(event, more.clone());
        v.chain(name, verdict, why, &chain);
    };
    add(
        "same_seal",
        "accepted",
        "the seal is the one that was put on",
        "received",
        &seal("A-1", "intact"),
    );
    add(
        "another_seal",
        seals,
        "another seal than was put on",
        "received",
        &seal("A-2", "intact"),
    );
    add(
        "broken_seal",
        seals,
        "the seal was found broken",
        "received",
        &seal("A-1", "broken"),
    );
    add(
        "same_medium",
        "accepted",
        "the medium that was written",
        "received",
        &serial("4711"),
    );
    add(
        "another_medium",
        media,
        "another medium than was written",
        "received",
        &serial("4712"),
    );
    let mut chain = carried();
    chain
        .add("opened", seal("A-1", "intact"))
        .add("sealed", seal("A-2", "intact"));
    v.chain(
        "sealed_again",
        "accepted",
        "opened, and sealed with another seal",
        &chain,
    );
    let mut chain = carried();
    chain.add("sealed", seal("A-2", "intact"));
    v.chain(
        "sealed_over",
        seals,
        "sealed with another seal, and not opened before",
        &chain,
    );
    let mut chain = carried();
    chain.add("written", serial("4712"));
    v.chain("written_anew", "accepted", "written to another medium", &chain);
    let mut chain = Chained::default();
    chain
        .add("written", of_volume(1, Some("one")))
        .add("received", of_volume(1, Some("one")));
    v.chain(
        "same_bytes",
        "accepted",
        "the volume has the bytes that were written",
        &chain,
    );
    let mut chain = Chained::default();
    chain
        .add("written", of_volume(1, Some("one")))
        .add("received", of_volume(1, Some("two")));
    v.chain(
        "other_bytes",
        media,
        "the volume has other bytes than were written",
        &chain,
    );
    let mut chain = Chained::default();
    chain.add("written", both(&of_volume(1, Some("one")), &serial("4711")));
    chain
        .after(&[])
        .add("written", both(&of_volume(2, Some("two")), &serial("4712")));
    v.chain("two_media", "accepted", "each volume on its own medium", &chain);
}
