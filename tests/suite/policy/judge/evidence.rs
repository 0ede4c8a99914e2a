//! What proofs must come to: levels, publishers, thresholds, floors.

use super::*;

#[test]
fn levels_are_asked_for_by_ecosystem_and_publisher() {
    let seen = [confirmed("digest-agreement", Level::Observed)];
    assert_eq!(judged("", &left_pad(), &seen), denied("evidence-too-low"));
    assert_eq!(judged("", &left_pad(), &[]), denied("evidence-too-low"));
    assert_eq!(judged("", &artifact("cargo", "x", "1.0.0"), &seen), ALLOWED);
    let lines = "publishers: [{match: \"npm/left-*\", evidence: publisher, until: \"2027-01-01\"}]\n";
    assert_eq!(judged(lines, &left_pad(), &signed()), denied("evidence-too-low"));
    assert_eq!(
        judged(lines, &artifact("npm", "right-pad", "1.0.0"), &signed()),
        ALLOWED
    );
    assert_eq!(
        judged(lines, &left_pad(), &[confirmed("sigstore", Level::Provenance)]),
        ALLOWED
    );
    // A publisher's rule never lowers.
    let lower = "publishers: [{match: npm/left-pad, evidence: observed, until: \"2027-01-01\"}]\n";
    assert_eq!(judged(lower, &left_pad(), &seen), denied("evidence-too-low"));
    // The narrowest decides, however they are written.
    let narrow = "publishers:\n  - {match: \"npm/*\", evidence: provenance, until: \"2027-01-01\"}\n  - {match: npm/left-pad, \
                  evidence: registry, until: \"2027-01-01\"}\n";
    assert_eq!(judged(narrow, &left_pad(), &signed()), ALLOWED);
    assert_eq!(
        judged(narrow, &artifact("npm", "x", "1.0.0"), &signed()),
        denied("evidence-too-low")
    );
    // One that is to come does not displace the present one.
    let later = "publishers:\n  - {match: \"npm/*\", evidence: provenance, until: \"2027-01-01\"}\n  - {match: npm/left-pad, \
                 evidence: registry, until: \"2027-01-01\", effective: \"2026-12-01\"}\n";
    assert_eq!(judged(later, &left_pad(), &signed()), denied("evidence-too-low"));
}

/// Each rule from its day on, and the narrowest in whatever order they stand.
#[test]
fn the_narrowest_rule_in_force_decides() {
    let since = |day: &str| {
        format!(
            "publishers:\n  - {{match: \"npm/*\", evidence: provenance, until: \"2027-01-01\"}}\n  - {{match: npm/left-pad, evidence: \
             registry, until: \"2027-01-01\", effective: \"{day}\"}}\n"
        )
    };
    assert_eq!(judged(&since("2026-11-21"), &left_pad(), &signed()), ALLOWED);
    assert_eq!(
        judged(&since("2026-11-22"), &left_pad(), &signed()),
        denied("evidence-too-low")
    );
    // `!` stands before `*`, and so the narrow one before the wide one.
    let lines = "ecosystems: {files: {evidence: observed}}\npublishers:\n  - {match: \"files/!x\", evidence: registry, until: \
                 \"2027-01-01\"}\n  - {match: \"files/*\", evidence: provenance, until: \"2027-01-01\"}\n";
    assert_eq!(judged(lines, &artifact("files", "!x", "1"), &signed()), ALLOWED);
    assert_eq!(
        judged(lines, &artifact("files", "x", "1"), &signed()),
        denied("evidence-too-low")
    );
}

#[test]
fn what_a_rule_to_come_will_ask_is_mentioned_where_it_will_be_the_one_that_counts() {
    let (here, pad) = (Around::new(), left_pad());
    let findings = signed();
    let said = |now: (&str, &str), to_come: (&str, &str)| {
        let policy = policy(&format!(
            "publishers:\n  - {{match: \"{}\", evidence: {}, until: \"2027-01-01\"}}\n  - {{match: \"{}\", evidence: {}, until: \"2027-01-01\", \
             effective: \"2026-12-01\"}}\n",
            now.0, now.1, to_come.0, to_come.1
        ));
        let decision = here.decide(&policy, &plain(&pad, &findings));
        assert_eq!(found(&decision), ALLOWED);
        let hits = decision.hits.into_iter();
        hits.filter_map(|hit| Some((hit.rule, hit.counts_from?.to_string())))
            .collect::<Vec<_>>()
    };
    let mentioned = ("publishers[npm/left-pad]".to_owned(), "2026-12-01".to_owned());
    assert_eq!(said(("npm/*", "registry"), ("npm/left-pad", "provenance")), [mentioned]);
    assert_eq!(said(("npm/*", "registry"), ("npm/left-pad", "registry")), []);
    // The narrower one that counts already goes on counting.
    assert_eq!(said(("npm/left-pad", "registry"), ("npm/*", "provenance")), []);
}

#[test]
fn the_decision_names_the_rule_that_asks() {
    let artifact = left_pad();
    let findings = signed();
    let policy = policy("publishers: [{match: npm/left-pad, evidence: publisher, until: \"2027-01-01\"}]\n");
    let decision = Around::new().decide(&policy, &plain(&artifact, &findings));
    assert_eq!(
        (decision.required, decision.reached),
        (Level::Publisher, Level::Registry)
    );
    assert_eq!(decision.required_by, "publishers[npm/left-pad]");
    let floor = Case {
        floor: Some(Level::Provenance),
        ..plain(&artifact, &findings)
    };
    let decision = Around::new().decide(&policy, &floor);
    assert_eq!(
        (decision.required, decision.required_by.as_str()),
        (Level::Provenance, "ecosystems.npm.floor")
    );
    // A floor that does not count is not named either.
    let ignored = super::policy("ecosystems: {npm: {floor: ignore}}\n");
    let decision = Around::new().decide(&ignored, &floor);
    assert_eq!(
        (decision.required, decision.required_by.as_str()),
        (Level::Registry, "ecosystems.npm.evidence")
    );
}

/// A signature that nobody could check is nobody's, even under a rule that asks for no level, as none that is read does.
#[test]
fn what_is_not_confirmed_has_no_signer() {
    let mut policy = policy("publishers: [{match: npm/left-pad, keys: [a1], until: \"2027-01-01\"}]\n");
    policy.publishers[0].evidence = Level::None;
    let artifact = left_pad();
    let signed_by = |findings: &[Finding]| found(&Around::new().decide(&policy, &plain(&artifact, findings)));
    let undecided = Finding::undecided("sigstore", Doubt::NoAnchor, "no anchor").by(key("a1"));
    assert_eq!(
        signed_by(&[confirmed("sigstore", Level::Publisher).by(key("a1"))]),
        ALLOWED
    );
    assert_eq!(signed_by(&[]), denied("evidence-too-low"));
    assert_eq!(signed_by(&[undecided]), denied("evidence-too-low"));
}

#[test]
fn only_those_who_are_named_count() {
    let pgp = "0123456789ABCDEF0123456789ABCDEF01234567";
    let lines = format!(
        "publishers: [{{match: npm/left-pad, pgp: [\"{}\"], until: \"2027-01-01\"}}]\n",
        pgp.to_lowercase()
    );
    let by = |kind: &str, signer: Signer| [confirmed(kind, Level::Publisher).by(signer)];
    // A list, a chart's provenance or a package's header may be signed with it as well.
    for kind in [
        "openpgp",
        "signed-checksums",
        "helm-provenance",
        "cpan-checksums",
        "rpm-signature",
    ] {
        assert_eq!(judged(&lines, &left_pad(), &by(kind, key(pgp))), ALLOWED, "{kind}");
    }
    assert_eq!(
        judged(&lines, &left_pad(), &by("openpgp", key(&pgp.replace('0', "1")))),
        denied("identity-mismatch")
    );
    // Forty digits of another kind are something else.
    assert_eq!(
        judged(&lines, &left_pad(), &by("minisign", key(pgp))),
        denied("identity-mismatch")
    );
    assert_eq!(judged(&lines, &left_pad(), &signed()), denied("evidence-too-low"));
    assert_eq!(judged(&lines, &left_pad(), &[]), denied("evidence-too-low"));
    // A better level by somebody else is not what is asked for.
    let other = [confirmed("sigstore", Level::Provenance).by(identity("acme/tool", "7"))];
    assert_eq!(judged(&lines, &left_pad(), &other), denied("identity-mismatch"));
    let lines = "publishers:\n  - {match: npm/left-pad, evidence: provenance, until: \"2027-01-01\", identity: {issuer: forge, owner_id: \"7\", \
                 repository: acme/tool, workflow: .forge/release.yml}}\n";
    assert_eq!(judged(lines, &left_pad(), &other), ALLOWED);
    let evil = [confirmed("sigstore", Level::Provenance).by(identity("evil-acme/tool", "7"))];
    assert_eq!(judged(lines, &left_pad(), &evil), denied("identity-mismatch"));
    let resurrected = [confirmed("sigstore", Level::Provenance).by(identity("acme/tool", "8"))];
    assert_eq!(judged(lines, &left_pad(), &resurrected), denied("identity-mismatch"));
    let unknown_alias = lines.replace("issuer: forge", "issuer: elsewhere");
    assert_eq!(judged(&unknown_alias, &left_pad(), &other), denied("identity-mismatch"));
    // The right one, at a lower level than the rule asks for.
    let low = [confirmed("sigstore", Level::Publisher).by(identity("acme/tool", "7"))];
    assert_eq!(judged(lines, &left_pad(), &low), denied("evidence-too-low"));
}

#[test]
fn thresholds_count_signers_once() {
    let lines = "publishers: [{match: npm/left-pad, keys: [a1, a2, a3], signers: 2, until: \"2027-01-01\"}]\n";
    let by = |names: &[&str]| -> Vec<Finding> {
        names
            .iter()
            .map(|name| confirmed("minisign", Level::Publisher).by(key(name)))
            .collect()
    };
    assert_eq!(judged(lines, &left_pad(), &by(&["a1", "a2"])), ALLOWED);
    assert_eq!(
        judged(lines, &left_pad(), &by(&["a1", "a1"])),
        denied("evidence-too-low")
    );
    assert_eq!(
        judged(lines, &left_pad(), &by(&["a1", "b1"])),
        denied("evidence-too-low")
    );
    let ecosystem = "ecosystems: {npm: {signers: 2}}\n";
    assert_eq!(judged(ecosystem, &left_pad(), &by(&["a1", "a2"])), ALLOWED);
    assert_eq!(
        judged(ecosystem, &left_pad(), &by(&["a1", "A1"])),
        denied("evidence-too-low")
    );
    let pinned_by_nobody =
        "publishers: [{match: npm/left-pad, evidence: publisher, signers: 2, until: \"2027-01-01\"}]\n";
    assert_eq!(
        judged(pinned_by_nobody, &left_pad(), &by(&["a1"])),
        denied("evidence-too-low")
    );
    assert_eq!(judged(pinned_by_nobody, &left_pad(), &by(&["a1", "a2"])), ALLOWED);
}

const PGP: &str = "0123456789ABCDEF0123456789ABCDEF01234567";

/// Neither one signer nor one pin counts twice, in whatever way they overlap.
#[test]
fn thresholds_pair_signers_with_pins() {
    let other = PGP.replace('0', "9");
    let rule = |pins: &str| {
        format!(
            "publishers: [{{match: npm/left-pad, evidence: publisher, {pins}, signers: 2, until: \"2027-01-01\"}}]\n"
        )
    };
    let by = |signers: &[(&str, Signer)]| -> Vec<Finding> {
        let findings = signers.iter();
        findings
            .map(|(kind, signer)| confirmed(kind, Level::Publisher).by(signer.clone()))
            .collect()
    };
    let few = denied("evidence-too-low");
    let check = |pins: &str, signers: &[(&str, Signer)], expected| {
        let mut findings = by(signers);
        for _ in 0..signers.len() {
            findings.rotate_left(1);
            assert_eq!(
                judged(&rule(pins), &left_pad(), &findings),
                expected,
                "{pins} {signers:?}"
            );
        }
    };
    // One key under two headings, in two spellings, and in two proofs.
    let both = format!("pgp: [\"{PGP}\", \"{other}\"], keys: [\"{PGP}\"]");
    check(&both, &[("openpgp", key(PGP))], few.clone());
    check(
        &both,
        &[("openpgp", key(PGP)), ("helm-provenance", key(PGP))],
        few.clone(),
    );
    check(&both, &[("openpgp", key(PGP)), ("openpgp", key(&other))], ALLOWED);
    check(
        "keys: [ab01, \"AB:01\", ab02]",
        &[("minisign", key("AB01"))],
        few.clone(),
    );
    check(
        "keys: [ab01, \"AB:01\", ab02]",
        &[("minisign", key("AB01")), ("minisign", key("ab02"))],
        ALLOWED,
    );
    // One identity that fits two entries, and two of which one fits both.
    let wide = "identity: [{issuer: forge, owner_id: \"7\"}, {issuer: forge, repository: acme/tool}]";
    let acme = |owner: &str| ("sigstore", identity("acme/tool", owner));
    check(wide, &[acme("7")], few.clone());
    check(wide, &[acme("7"), acme("8")], ALLOWED);
    check(wide, &[acme("8"), acme("9")], few.clone());
    let mixed = "keys: [a1], identity: [{issuer: forge, owner_id: \"7\"}, {issuer: forge, repository: acme/tool}]";
    check(mixed, &[acme("7"), ("minisign", key("a1"))], ALLOWED);
    check(mixed, &[acme("8"), ("minisign", key("a1")), acme("7")], ALLOWED);
    // A renewed certificate is its author's.
    let certificate = |fingerprint: &str, subject: &str| {
        let signer = Signer::Certificate {
            chain: Vec::new(),
            fingerprint: fingerprint.to_owned(),
            issuer: "CN=Authority".to_owned(),
            subject: subject.to_owned(),
        };
        ("cms", signer)
    };
    let renewed = "keys: [c1, c2]";
    check(
        renewed,
        &[certificate("c1", "CN=Ann"), certificate("c2", "CN=Ann")],
        few,
    );
    check(
        renewed,
        &[certificate("c1", "CN=Ann"), certificate("c2", "CN=Bob")],
        ALLOWED,
    );
}

/// Whoever was renamed is the same by a number; nobody is by a name that two have had.
#[test]
fn a_signer_without_numbers_makes_nobody_fewer() {
    let rule = "publishers: [{match: npm/left-pad, evidence: publisher, signers: 2, until: \"2027-01-01\", identity: [{issuer: forge, \
                owner_id: \"7\"}, {issuer: forge, owner_id: \"8\"}, {issuer: forge, repository: acme/tool}]}]\n";
    let Signer::Identity(mut nameless) = identity("acme/tool", "7") else {
        unreachable!()
    };
    nameless.fields.retain(|name, _| name == "repository");
    let by = |signer: Signer| confirmed("sigstore", Level::Publisher).by(signer);
    let nameless = by(Signer::Identity(nameless));
    let (seven, eight) = (by(identity("acme/tool", "7")), by(identity("acme/tool", "8")));
    let decide = |findings: &[Finding]| judged(rule, &left_pad(), findings);
    assert_eq!(decide(&[seven.clone(), nameless.clone()]), denied("evidence-too-low"));
    assert_eq!(decide(&[nameless.clone(), seven.clone()]), denied("evidence-too-low"));
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let all = [&seven, &eight, &nameless];
        let findings: Vec<Finding> = order.iter().map(|place| all[*place].clone()).collect();
        assert_eq!(decide(&findings), ALLOWED, "{order:?}");
        let unnamed = "ecosystems: {npm: {signers: 2}}\n";
        assert_eq!(judged(unnamed, &left_pad(), &findings), ALLOWED, "{order:?}");
    }
}

#[test]
fn trust_that_has_ended_refuses_and_does_not_fall_away() {
    let lines = "publishers: [{match: npm/left-pad, keys: [a1], until: \"2026-11-21\"}]\n";
    let policy = policy(lines);
    let artifact = left_pad();
    let findings = [confirmed("minisign", Level::Publisher).by(key("a1"))];
    let case = plain(&artifact, &findings);
    let mut around = Around::new();
    assert_eq!(found(&around.decide(&policy, &case)), ALLOWED);
    around.now = "2026-11-22T00:00:00Z".parse().unwrap();
    assert_eq!(found(&around.decide(&policy, &case)), denied("publisher-trust-ended"));
    // A document that says more than 400 days, however it came to be.
    around.now = "2025-10-01T00:00:00Z".parse().unwrap();
    assert_eq!(found(&around.decide(&policy, &case)), denied("publisher-trust-ended"));
}

#[test]
fn a_scope_admits_its_anchors_alone() {
    let lines = "ecosystems: {deb: {scope: [debian-13]}}\n";
    let deb = artifact("deb", "hello", "2.10-3");
    let by = |anchor: &str| [confirmed("apt-release", Level::Registry).resting_on(anchor)];
    assert_eq!(judged(lines, &deb, &by("debian-13")), ALLOWED);
    assert_eq!(judged(lines, &deb, &by("debian-12")), denied("evidence-too-low"));
    assert_eq!(judged(lines, &deb, &signed()), denied("evidence-too-low"));
    // What is wrong with it is said as what it is.
    let rule = |lines: &str, findings: &[Finding]| {
        let policy = policy(lines);
        let mut decision = Around::new().decide(&policy, &plain(&deb, findings));
        decision.hits.remove(0).rule
    };
    let seen = [confirmed("digest-agreement", Level::Observed)];
    assert_eq!(rule(lines, &by("debian-12")), "ecosystems.deb.scope");
    assert_eq!(rule(lines, &seen), "ecosystems.deb.evidence");
    assert_eq!(rule(lines, &[]), "ecosystems.deb.evidence");
    assert_eq!(rule("ecosystems: {deb: {}}\n", &seen), "ecosystems.deb.evidence");
    // Nobody signs what was only seen, so no anchor is asked for.
    let lower = "ecosystems: {deb: {evidence: observed, scope: [debian-13]}}\n";
    assert_eq!(judged(lower, &deb, &seen), ALLOWED);
    assert_eq!(judged(lower, &deb, &by("debian-12")), denied("evidence-too-low"));
}

#[test]
fn what_was_only_seen_must_be_seen_by_enough() {
    let of = |lines: &str| {
        let mut policy = policy(lines);
        // No policy that is read says so yet: the second observation does not travel.
        policy.ecosystems.get_mut("cargo").unwrap().observers = 2;
        policy
    };
    let policy = of("ecosystems: {cargo: {}}\n");
    let artifact = artifact("cargo", "x", "1.0.0");
    let seen = [confirmed("digest-agreement", Level::Observed)];
    let decide = |observers, findings| {
        let case = Case {
            observers,
            ..plain(&artifact, findings)
        };
        found(&Around::new().decide(&policy, &case))
    };
    assert_eq!(decide(1, &seen), denied("evidence-too-low"));
    assert_eq!(decide(2, &seen), ALLOWED);
    // Whoever signs needs no second pair of eyes.
    assert_eq!(decide(1, &[confirmed("sigstore", Level::Provenance)]), ALLOWED);
    // Where nothing is asked for, nobody is counted, and of what is seen no signers are.
    let unasked = of("ecosystems: {cargo: {evidence: none}}\n");
    assert_eq!(
        found(&Around::new().decide(&unasked, &plain(&artifact, &seen))),
        ALLOWED
    );
    assert_eq!(
        judged("ecosystems: {cargo: {evidence: none}}\n", &artifact, &[]),
        ALLOWED
    );
    assert_eq!(
        judged(
            "ecosystems: {cargo: {evidence: observed, signers: 2}}\n",
            &artifact,
            &seen
        ),
        ALLOWED
    );
}

#[test]
fn evidence_does_not_decline() {
    let artifact = left_pad();
    let decide = |lines: &str, floor, findings: &[Finding]| {
        let case = Case {
            floor: Some(floor),
            ..plain(&artifact, findings)
        };
        found(&Around::new().decide(&policy(lines), &case))
    };
    assert_eq!(decide("", Level::Provenance, &signed()), denied("evidence-downgraded"));
    assert_eq!(decide("", Level::Registry, &signed()), ALLOWED);
    assert_eq!(
        decide("ecosystems: {npm: {floor: ignore}}\n", Level::Provenance, &signed()),
        ALLOWED
    );
}

#[test]
fn the_first_publisher_is_kept() {
    let lines = "ecosystems: {npm: {identity: pin-on-first-import}}\n";
    let artifact = left_pad();
    let pinned = [identity("acme/tool", "7")];
    let decide = |lines: &str, pinned: &[Signer], findings: &[Finding]| {
        let case = Case {
            pinned,
            ..plain(&artifact, findings)
        };
        found(&Around::new().decide(&policy(lines), &case))
    };
    let by = |signer| [confirmed("sigstore", Level::Provenance).by(signer)];
    assert_eq!(decide(lines, &[], &by(identity("other/tool", "9"))), ALLOWED);
    assert_eq!(decide(lines, &pinned, &by(identity("renamed/tool", "7"))), ALLOWED);
    assert_eq!(
        decide(lines, &pinned, &by(identity("acme/tool", "8"))),
        denied("publisher-changed")
    );
    // The same numbers and the same workflow mean somebody else at another issuer.
    let mut elsewhere = identity("acme/tool", "7");
    if let Signer::Identity(identity) = &mut elsewhere {
        identity.issuer = "https://other.example.com".to_owned();
    }
    assert_eq!(decide(lines, &pinned, &by(elsewhere)), denied("publisher-changed"));
    // Signed by nobody is another publisher too.
    assert_eq!(decide(lines, &pinned, &signed()), denied("publisher-changed"));
    let told = |findings: &[Finding]| {
        let case = Case {
            pinned: &pinned,
            ..plain(&artifact, findings)
        };
        Around::new().decide(&policy(lines), &case).hits.remove(0).message
    };
    assert!(told(&signed()).ends_with("and this one by nobody"));
    assert!(told(&by(identity("acme/tool", "8"))).contains("and this one by https://forge.example.com/acme/tool/"));
    // Nor is a registry a publisher, whoever signs for it.
    let registry = confirmed("npm-signature", Level::Registry).by(identity("acme/tool", "7"));
    assert_eq!(decide(lines, &pinned, &[registry]), denied("publisher-changed"));
    assert_eq!(decide("", &pinned, &by(identity("acme/tool", "8"))), ALLOWED);
    // A rule that names the new one pins anew.
    let anew = format!(
        "{lines}publishers: [{{match: npm/left-pad, until: \"2027-01-01\", identity: {{issuer: forge, owner_id: \"8\"}}}}]\n"
    );
    assert_eq!(decide(&anew, &pinned, &by(identity("acme/tool", "8"))), ALLOWED);
}
