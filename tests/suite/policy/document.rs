//! The document: what is read, what is refused, what the page and the schema say.

use std::collections::BTreeSet;

use sealift::model::Code;
use sealift::policy::{self, Action, Mode, Policy, PolicyError, Profile};
use serde_json::Value;

use super::{policy, read, sample};

const HEAD: &str = "schema: sealift-policy/1\nid: test\nversion: 1\nprofile: standard\n";

/// Why a policy is refused that has these lines, and under which code.
fn refusal(lines: &str) -> (Code, String) {
    match read(&format!("{HEAD}{lines}")) {
        Ok(_) => panic!("{lines} was taken"),
        Err(error) => {
            let refusal = error.refusal("policy");
            (refusal.code, refusal.reason)
        }
    }
}

#[test]
fn the_sample_is_read_and_every_value_said() {
    let policy = read(sample()).unwrap();
    assert_eq!(policy.profile, Profile::Standard);
    assert_eq!(policy.mode, Mode::Enforce);
    assert_eq!(policy.publishers.len(), 2);
    // Plain files may be written in the singular.
    assert!(policy.ecosystems.contains_key("files"));
    // What the sample leaves to the profile is there.
    assert_eq!(policy.ecosystems["npm"].signers, 1);
    let bytes = policy.to_bytes();
    assert_eq!(Policy::read(&bytes).unwrap(), policy);
    assert_eq!(Policy::read(&bytes).unwrap().digest(), policy.digest());
}

#[test]
fn the_explicit_form_has_one_spelling() {
    let bytes = policy("").to_bytes();
    let text = String::from_utf8(bytes.clone()).unwrap();
    for wrong in [
        format!("{text}\n"),
        text.replace("\"default\":\"deny\",", ""),
        text.replace("{\"advisories\"", "{ \"advisories\""),
        text.replace("\"id\":\"test\"", "\"id\":\"test\",\"id\":\"test\""),
        text.replace("\"id\":", "\"identity\":"),
        text.replace("\"version\":1", "\"version\":1.0"),
        text.replace("\"default\":\"deny\"", "\"default\":\"allow\""),
    ] {
        assert_ne!(wrong, text);
        let error = Policy::read(wrong.as_bytes()).unwrap_err();
        assert_eq!(error.code(), Code::JsonNotStrict, "{wrong}");
    }
    let other = text.replace("sealift-policy-explicit/1", "sealift-policy-explicit/2");
    assert_eq!(
        Policy::read(other.as_bytes()).unwrap_err().code(),
        Code::PolicyMalformed
    );
    let long = vec![b' '; policy::MAX_POLICY_BYTES + 1];
    assert!(matches!(Policy::read(&long), Err(PolicyError::TooLong { .. })));
    let long = " ".repeat(policy::MAX_POLICY_BYTES + 1);
    assert!(matches!(read(&long), Err(PolicyError::TooLong { .. })));
}

#[test]
fn profiles_say_every_value_and_are_good_policies() {
    for profile in [Profile::Evaluation, Profile::Standard, Profile::Strict] {
        let this = Policy::of_profile(profile);
        assert_eq!(Policy::read(&this.to_bytes()).unwrap(), this);
    }
    assert_eq!(Policy::of_profile(Profile::Evaluation).mode, Mode::Evaluate);
    // Evaluation shows what standard would do: artifacts are judged by the same values.
    let (mut evaluation, standard) = (
        Policy::of_profile(Profile::Evaluation),
        Policy::of_profile(Profile::Standard),
    );
    evaluation.mode = standard.mode;
    evaluation.profile = standard.profile;
    evaluation.require = standard.require.clone();
    evaluation.custody = standard.custody.clone();
    assert_eq!(evaluation, standard);
}

#[test]
fn the_order_in_which_rules_are_written_leaves_no_trace() {
    let rules = [
        "  - {match: \"npm/a*\", evidence: publisher, until: \"2027-01-01\"}\n",
        "  - {match: \"npm/ab\", evidence: provenance, until: \"2027-01-01\"}\n",
    ];
    let one = policy(&format!(
        "publishers:\n{}{}internal: [npm/x, npm/y]\n",
        rules[0], rules[1]
    ));
    let other = policy(&format!(
        "internal: [npm/y, npm/x]\npublishers:\n{}{}",
        rules[1], rules[0]
    ));
    assert_eq!(one.to_bytes(), other.to_bytes());
}

#[test]
fn names_are_brought_into_normal_form() {
    let policy = policy("internal: [\"pypi/Corp_Tools.*\"]\n");
    assert_eq!(policy.internal[0].to_string(), "pypi/corp-tools-*");
}

#[test]
fn what_no_policy_may_say_is_refused() {
    let pgp = "0123456789ABCDEF0123456789ABCDEF01234567";
    let publisher = |rest: &str| format!("publishers:\n  - {{match: \"npm/a\", until: \"2027-01-01\", {rest}}}\n");
    let waiver = |rest: &str, scope: &str, codes: &str, persons: &str, end: &str| {
        format!(
            "waivers:\n  - {{id: W, scope: \"{scope}\", digest: \"sha256:{}\", codes: {codes}, approved_by: {persons}, \
             expires: \"{end}\", reason: r{rest}}}\n",
            "1".repeat(64)
        )
    };
    let (low, two) = ("[evidence-too-low]", "[ann, bob]");
    for (lines, code, words) in [
        ("colour: red\n".to_owned(), Code::PolicyMalformed, "unknown field `colour`"),
        ("id: again\n".to_owned(), Code::PolicyMalformed, "duplicate"),
        ("names: &x {first_seen: allow}\n".to_owned(), Code::PolicyMalformed, "an anchor"),
        ("default: allow\n".to_owned(), Code::PolicyMalformed, "default"),
        ("ecosystems: {npm: {evidence: perfect}}\n".to_owned(), Code::PolicyMalformed, "perfect"),
        ("ecosystems: {npm: {evidense: none}}\n".to_owned(), Code::PolicyMalformed, "evidense"),
        ("ecosystems: {cobol: {}}\n".to_owned(), Code::PolicyMalformed, "needs `evidence`"),
        ("ecosystems: {file: {}, files: {}}\n".to_owned(), Code::PolicyMalformed, "twice"),
        ("ecosystems: {NPM: {evidence: none}}\n".to_owned(), Code::PolicyMalformed, "an ecosystem's id"),
        ("ecosystems: {\"\": {evidence: none}}\n".to_owned(), Code::PolicyMalformed, "an ecosystem's id"),
        ("ecosystems: {npm: {observers: 0}}\n".to_owned(), Code::PolicyMalformed, "from 1 to 64"),
        ("ecosystems: {npm: {observers: 2}}\n".to_owned(), Code::PolicyMalformed, "does not travel yet"),
        ("ecosystems: {npm: {unknown_age: review}}\n".to_owned(), Code::PolicyMalformed, "hides its age"),
        ("ecosystems: {files: {min_age_days: 1, unknown_age: record}}\n".to_owned(), Code::PolicyMalformed, "hides its age"),
        ("ecosystems: {npm: {signers: 65}}\n".to_owned(), Code::PolicyMalformed, "from 1 to 64"),
        ("ecosystems: {npm: {min_age_days: 99999}}\n".to_owned(), Code::PolicyMalformed, "century"),
        ("ecosystems: {npm: {max_age_days: 3}}\n".to_owned(), Code::PolicyMalformed, "younger"),
        ("ecosystems: {npm: {max_age_days: never}}\n".to_owned(), Code::PolicyMalformed, "`none`"),
        ("review_persons: 0\n".to_owned(), Code::PolicyMalformed, "review_persons"),
        ("require: {approvals: 100}\n".to_owned(), Code::PolicyMalformed, "require.approvals"),
        ("internal: [npm]\n".to_owned(), Code::PolicyMalformed, "is not a pattern"),
        ("internal: [npm/x@1]\n".to_owned(), Code::PolicyMalformed, "cannot tell versions apart"),
        ("internal: [npm/x, npm/X]\n".to_owned(), Code::PolicyMalformed, "twice"),
        (publisher(""), Code::PolicyMalformed, "or somebody who signs"),
        (publisher("pgp: [\"01234567\"]"), Code::PolicyMalformed, "whole fingerprint"),
        (publisher(&format!("pgp: [\"{}\"]", pgp.replace('F', "G"))), Code::PolicyMalformed, "whole fingerprint"),
        (publisher(&format!("pgp: [\"{pgp}\"], evidence: registry")), Code::PolicyMalformed, "less than their"),
        (publisher(&format!("pgp: [\"{pgp}\"], signers: 2")), Code::PolicyMalformed, "more signers"),
        // One key under two headings is one.
        (publisher(&format!("pgp: [\"{pgp}\"], keys: [\"{pgp}\"], signers: 2")), Code::PolicyMalformed, "more signers"),
        (publisher("identity: {issuer: forge}"), Code::PolicyMalformed, "a subject or a field"),
        (publisher("identity: {issuer: forge, subject: \"*\"}"), Code::PolicyMalformed, "is no pattern"),
        (publisher("identity: {issuer: \"*\", subject: a}"), Code::PolicyMalformed, "is no pattern"),
        (publisher("identity: {subject: a}"), Code::PolicyMalformed, "identity cannot be used"),
        (publisher("identity: {issuer: forge, workflow: a}"), Code::PolicyMalformed, "is no pattern"),
        (publisher("identity: {issuer: forge, owner_id: \"1\", workflow: \"*\"}"), Code::PolicyMalformed, "is no pattern"),
        (publisher("identity: {issuer: forge, colour: red}"), Code::PolicyMalformed, "no field of an identity"),
        ("publishers: [{match: npm/a, evidence: publisher}]\n".to_owned(), Code::PolicyMalformed, "until"),
        (
            "publishers: [{match: npm/a, evidence: publisher, until: \"2027-12-27\"}]\n".to_owned(),
            Code::PolicyMalformed,
            "more than 400 days",
        ),
        (
            "publishers: [{match: npm/a, evidence: publisher, until: \"soon\"}]\n".to_owned(),
            Code::PolicyMalformed,
            "is not a day",
        ),
        (
            "publishers:\n  - {match: \"npm/a*\", evidence: publisher, until: \"2027-01-01\"}\n  - {match: \"npm/*b\", \
             evidence: registry, until: \"2027-01-01\"}\n"
                .to_owned(),
            Code::PolicyMalformed,
            "neither is the narrower",
        ),
        (
            "publishers:\n  - {match: \"npm/a\", evidence: publisher, until: \"2027-01-01\"}\n  - {match: \"npm/A\", evidence: \
             registry, until: \"2027-01-01\"}\n"
                .to_owned(),
            Code::PolicyMalformed,
            "neither is the narrower",
        ),
        ("deny: [{reason: r}]\n".to_owned(), Code::PolicyMalformed, "`match` or `digest`"),
        ("deny: [{match: npm/a}]\n".to_owned(), Code::PolicyMalformed, "reason"),
        ("deny: [{match: npm/a, reason: \"\"}]\n".to_owned(), Code::PolicyMalformed, "a reason"),
        (
            format!("deny: [{{match: npm/a, digest: \"sha256:{}\", reason: r}}]\n", "1".repeat(64)),
            Code::PolicyMalformed,
            "two entries",
        ),
        ("licences: {allow: [\"MIT OR X\"]}\n".to_owned(), Code::PolicyMalformed, "an SPDX licence"),
        (
            "scan: [{engine: a, side: import}, {engine: a, side: import}]\n".to_owned(),
            Code::PolicyMalformed,
            "twice",
        ),
        (waiver("", "npm/a", low, two, "2027-01-01"), Code::WaiverInvalid, "one version"),
        (waiver("", "npm/a@>=1", low, two, "2027-01-01"), Code::WaiverInvalid, "one version"),
        (waiver("", "npm/*@1", low, two, "2027-01-01"), Code::WaiverInvalid, "one version"),
        (waiver("", "npm/a@1", "[]", two, "2027-01-01"), Code::WaiverInvalid, "no code"),
        (waiver("", "npm/a@1", "[no-such-code]", two, "2027-01-01"), Code::WaiverInvalid, "there is no code"),
        (waiver("", "npm/a@1", low, "[ann]", "2027-01-01"), Code::WaiverInvalid, "two persons"),
        (waiver("", "npm/a@1", low, "[ann, ann]", "2027-01-01"), Code::PolicyMalformed, "twice"),
        (waiver("", "npm/a@1", low, "[ann, Ann]", "2027-01-01"), Code::WaiverInvalid, "count as one person"),
        (waiver("", "npm/a@1", low, "[ann, bob, \" ANN\"]", "2027-01-01"), Code::WaiverInvalid, "count as one person"),
        (waiver("", "npm/a@1", "[revoked]", two, "2027-01-01"), Code::WaiverInvalid, "`revoked` is never waived"),
        (waiver("", "npm/a@1", low, two, "2027-02-20"), Code::PolicyMalformed, "more than 90 days"),
        (waiver(", colour: red", "npm/a@1", low, two, "2027-01-01"), Code::PolicyMalformed, "colour"),
    ] {
        let (found, reason) = refusal(&lines);
        assert_eq!(found, code, "{lines}: {reason}");
        assert!(reason.contains(words), "{lines}: {reason}");
    }
    let many: String = (0..=policy::MAX_RULES).map(|at| format!("npm/x{at}, ")).collect();
    assert!(refusal(&format!("internal: [{many}]\n")).1.contains("more than 10000"));
    // The last day that is taken.
    policy("publishers: [{match: npm/a, evidence: publisher, until: \"2027-12-26\"}]\n");
    policy(&waiver("", "npm/a@1", low, two, "2027-02-19"));
    // What has run out is read all the same: a policy grows old.
    policy(&waiver("", "npm/a@1", low, two, "2026-01-01"));
    assert!(read("schema: sealift-policy/2\nid: x\nversion: 1\nprofile: strict\n").is_err());
    assert!(read("schema: sealift-policy/1\nid: x\nversion: 0\nprofile: strict\n").is_err());
    assert!(read("schema: sealift-policy/1\nid: \"\"\nversion: 1\nprofile: strict\n").is_err());
}

/// What cannot be met, or what anybody could evade, is refused with what to write instead: as people write it, and as it was signed.
#[test]
fn what_would_not_hold_is_refused_with_what_to_write() {
    let mut explicit = Policy::of_profile(Profile::Strict);
    let strict = explicit.ecosystems["cargo"].clone();
    for (observers, unknown_age, hint) in [
        (2, Action::Deny, "`observers: 1`"),
        (1, Action::Review, "`unknown_age: deny`"),
    ] {
        let cargo = explicit.ecosystems.get_mut("cargo").unwrap();
        cargo.clone_from(&strict);
        (cargo.observers, cargo.unknown_age) = (observers, unknown_age);
        let refusal = Policy::read(&explicit.to_bytes()).unwrap_err().refusal("policy");
        assert_eq!(refusal.code, Code::PolicyMalformed);
        assert!(refusal.hint.unwrap().contains(hint));
    }
    // Where no age is asked for, nobody misses one.
    let cargo = explicit.ecosystems.get_mut("cargo").unwrap();
    cargo.min_age_days = 0;
    Policy::read(&explicit.to_bytes()).unwrap();
}

/// Each is refused by the words of its own check, and taken at its bound.
#[test]
fn words_numbers_and_lists_are_bounded() {
    let digest = "1".repeat(64);
    let word = |length: usize| "a".repeat(length);
    let publisher = |pins: &str| format!("publishers: [{{match: npm/a, until: \"2027-01-01\", {pins}}}]\n");
    let waiver = |id: &str, person: &str, reason: &str| {
        format!(
            "{{id: \"{id}\", scope: \"npm/a@1\", digest: \"sha256:{digest}\", codes: [too-old], approved_by: [ann, \"{person}\"], \
             expires: \"2027-01-01\", reason: \"{reason}\"}}"
        )
    };
    type Place<'a> = (&'static str, usize, &'a dyn Fn(&str) -> String);
    let places: [Place<'_>; 9] = [
        ("scope", 200, &|text| {
            format!("ecosystems: {{npm: {{scope: [\"{text}\"]}}}}\n")
        }),
        ("keys", 200, &|text| publisher(&format!("keys: [\"{text}\"]"))),
        ("a field of an identity", 200, &|text| {
            publisher(&format!("identity: {{issuer: forge, owner_id: \"{text}\"}}"))
        }),
        ("an issuer", 200, &|text| {
            publisher(&format!("identity: {{issuer: \"{text}\", owner_id: \"1\"}}"))
        }),
        ("engine", 200, &|text| {
            format!("scan: [{{engine: \"{text}\", side: import}}]\n")
        }),
        ("reason of a denial", 2000, &|text| {
            format!("deny: [{{match: npm/a, reason: \"{text}\"}}]\n")
        }),
        ("id of a waiver", 200, &|text| {
            format!("waivers: [{}]\n", waiver(text, "bob", "r"))
        }),
        ("approver", 200, &|text| {
            format!("waivers: [{}]\n", waiver("W", text, "r"))
        }),
        ("reason of a waiver", 2000, &|text| {
            format!("waivers: [{}]\n", waiver("W", "bob", text))
        }),
    ];
    for (place, max, lines) in places {
        policy(&lines(&word(max)));
        let expected = if max == 200 {
            "without control characters"
        } else {
            "at most 2000 bytes"
        };
        for wrong in [&word(max + 1), "", " ", "a\\u0007b"] {
            let (code, reason) = refusal(&lines(wrong));
            assert_eq!(code, Code::PolicyMalformed, "{place} {wrong:?}: {reason}");
            assert!(reason.contains(expected), "{place} {wrong:?}: {reason}");
        }
    }
    let id = |text: &str| {
        read(&format!(
            "schema: sealift-policy/1\nid: \"{text}\"\nversion: 1\nprofile: standard\n"
        ))
    };
    assert!(id(&word(200)).is_ok() && id(&word(201)).is_err() && id("a\\u0007b").is_err());

    let version = |number: u64| {
        read(&format!(
            "schema: sealift-policy/1\nid: x\nversion: {number}\nprofile: standard\n"
        ))
    };
    assert!(version((1 << 53) - 1).is_ok());
    assert!(matches!(
        version(1 << 53),
        Err(PolicyError::Malformed {
            expected: "a number from 1",
            ..
        })
    ));

    for (lines, words) in [
        (
            "deny: [{match: npm/a, reason: r}, {match: npm/a, reason: s}]\n".to_owned(),
            "twice",
        ),
        (
            format!("deny: [{{digest: \"sha256:{digest}\", reason: r}}, {{digest: \"sha256:{digest}\", reason: s}}]\n"),
            "twice",
        ),
        (format!("waivers: [{0}, {0}]\n", waiver("W", "bob", "r")), "twice"),
        (publisher("keys: [a], signers: 0"), "from 1 to 64"),
        (
            "publishers: [{match: \"npm/a@1\", evidence: publisher, until: \"2027-01-01\"}]\n".to_owned(),
            "cannot tell versions apart",
        ),
        (
            format!("ecosystems: {{{}: {{evidence: none}}}}\n", word(201)),
            "an ecosystem's id",
        ),
        ("review_persons: 65\n".to_owned(), "from 1 to 64"),
        ("ecosystems: {npm: {max_age_days: 36526}}\n".to_owned(), "century"),
        ("require: {max_age_days: 36526}\n".to_owned(), "century"),
        ("require: {max_transit_days: 36526}\n".to_owned(), "century"),
        ("require: {revocations_max_age_days: 36526}\n".to_owned(), "century"),
        ("require: {advisories_max_age_days: 36526}\n".to_owned(), "century"),
        (
            "scan: [{engine: a, side: import, definitions_max_age_days: 36526}]\n".to_owned(),
            "century",
        ),
        ("retention: {report_days: 36526}\n".to_owned(), "century"),
    ] {
        let (code, reason) = refusal(&lines);
        assert_eq!(code, Code::PolicyMalformed, "{lines}: {reason}");
        assert!(reason.contains(words), "{lines}: {reason}");
    }
    policy("require: {max_age_days: 36525, max_transit_days: 36525}\n");
}

#[test]
fn codes_that_are_never_waived_cannot_be_named() {
    let may: BTreeSet<&str> = [
        "denylisted",
        "evidence-downgraded",
        "evidence-invalid",
        "evidence-too-low",
        "first-seen-name",
        "identity-mismatch",
        "known-malicious",
        "known-vulnerable",
        "licence-not-allowed",
        "no-rule-matches",
        "publisher-changed",
        "publisher-trust-ended",
        "scan-missing",
        "scan-positive",
        "similar-name",
        "too-new",
        "too-old",
    ]
    .into();
    for code in Code::ALL {
        let text = format!(
            "{HEAD}waivers:\n  - {{id: W, scope: \"npm/a@1\", digest: \"sha256:{}\", codes: [{code}], approved_by: [ann, bob], \
             expires: \"2027-01-01\", reason: r}}\n",
            "1".repeat(64)
        );
        assert_eq!(read(&text).is_ok(), may.contains(code.name()), "{code}");
    }
}

/// What the schema names is what the program reads, and the other way round.
#[test]
fn the_schema_has_the_programs_fields() {
    let schema: Value = serde_json::from_str(include_str!("../../../bundle-spec/schemas/policy.schema.json")).unwrap();
    let keys = |value: &Value| -> BTreeSet<String> {
        assert_eq!(value["additionalProperties"], false, "{value}");
        value["properties"].as_object().unwrap().keys().cloned().collect()
    };
    // The parser's complaint about an unknown key lists those that it knows.
    let known = |lines: &str| -> BTreeSet<String> {
        let (_, reason) = refusal(lines);
        let names = reason
            .split("expected one of")
            .nth(1)
            .unwrap_or_else(|| panic!("{lines}: {reason}"));
        names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    assert_eq!(known("xyz: 1\n"), keys(&schema));
    let part = |name: &str| &schema["properties"][name];
    for (lines, place) in [
        ("require: {xyz: 1}\n", part("require")),
        (
            "ecosystems: {npm: {xyz: 1}}\n",
            &part("ecosystems")["additionalProperties"],
        ),
        ("publishers: [{xyz: 1}]\n", &part("publishers")["items"]),
        ("names: {xyz: 1}\n", part("names")),
        ("advisories: {xyz: 1}\n", part("advisories")),
        ("deny: [{xyz: 1}]\n", &part("deny")["items"]),
        ("licences: {xyz: 1}\n", part("licences")),
        ("retention: {xyz: 1}\n", part("retention")),
        ("scan: [{xyz: 1}]\n", &part("scan")["items"]),
        ("waivers: [{xyz: 1}]\n", &part("waivers")["items"]),
    ] {
        assert_eq!(known(lines), keys(place), "{lines}");
    }
    // The words of an enumeration are those that the parser knows.
    let words = |value: &Value| -> BTreeSet<String> {
        let list = value["enum"].as_array().unwrap_or_else(|| panic!("{value}"));
        list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let definition = |name: &str| words(&schema["$defs"][name]);
    for (lines, expected) in [
        ("ecosystems: {npm: {evidence: xyz}}\n", definition("level")),
        ("names: {first_seen: xyz}\n", definition("action")),
        ("mode: xyz\n", words(part("mode"))),
        ("on_refusal: xyz\n", words(part("on_refusal"))),
        (
            "require: {closure: xyz}\n",
            words(&part("require")["properties"]["closure"]),
        ),
        (
            "require: {sequence_gap: xyz}\n",
            words(&part("require")["properties"]["sequence_gap"]),
        ),
        (
            "names: {compare_with: [xyz]}\n",
            words(&part("names")["properties"]["compare_with"]["items"]),
        ),
        (
            "advisories: {honour_vex: xyz}\n",
            words(&part("advisories")["properties"]["honour_vex"]),
        ),
        (
            "scan: [{engine: a, side: xyz}]\n",
            words(&part("scan")["items"]["properties"]["side"]),
        ),
        (
            "ecosystems: {npm: {floor: xyz}}\n",
            words(&part("ecosystems")["additionalProperties"]["properties"]["floor"]),
        ),
        (
            "ecosystems: {npm: {identity: xyz}}\n",
            words(&part("ecosystems")["additionalProperties"]["properties"]["identity"]),
        ),
    ] {
        let (_, reason) = refusal(lines);
        let named = reason.rsplit("expected").next().unwrap();
        let found: BTreeSet<String> = named.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(found, expected, "{lines}");
    }
    let identity: BTreeSet<String> = keys(&schema["$defs"]["identity"]);
    let fields = sealift::model::IDENTITY_FIELDS.iter().map(|(name, _)| *name);
    let known: BTreeSet<String> = fields
        .chain(["issuer", "subject", "workflow"])
        .map(str::to_owned)
        .collect();
    assert_eq!(identity, known);
    assert_eq!(
        schema["properties"]["profile"]["enum"],
        serde_json::json!(["evaluation", "standard", "strict"])
    );
}

#[test]
fn the_chapter_has_the_programs_limits() {
    let page = include_str!("../../../bundle-spec/policy.md");
    for (what, number) in [
        ("bytes of a policy", policy::MAX_POLICY_BYTES),
        ("entries of a list", policy::MAX_RULES),
        ("publishers' rules", policy::MAX_PUBLISHERS),
        ("days of trust in a publisher", policy::MAX_UNTIL_DAYS as usize),
        ("days of a waiver", policy::MAX_WAIVER_DAYS as usize),
        ("persons of a waiver, at least", policy::MIN_WAIVER_PERSONS),
        ("bytes of an advisory", policy::MAX_RECORD_BYTES),
        ("advisories of a snapshot", policy::MAX_RECORDS),
        ("bytes of a VEX document", policy::MAX_VEX_BYTES),
        ("pairs of statement and product in it", policy::MAX_VEX_CLAIMS),
        ("tests of a file", policy::MAX_FIXTURES),
    ] {
        let row = format!("| {what} | {number} |");
        assert!(page.contains(&row), "{row}");
    }
}
