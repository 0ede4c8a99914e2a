//! Judging: every rule is asked, every finding is kept, and the worst decides (`bundle-spec/policy.md` §4).

use std::collections::HashMap;

use serde::Serialize;

use super::document::{DenyRule, Mode, Policy, PublisherRule};
use super::explain;
use super::pattern::Pattern;
use super::rules::{self, Hits};
use super::spdx::{self, Licence};
use super::waiver::{self, Waivers};
use super::{Action, BundleFacts, Case, Day, Decision, Ecosystems, Hit, Surroundings, Verdict};
use crate::model::{Artifact, Code, Digest, Level, Timestamp};

/// From how many days before it an end is spoken of.
pub const NOTICE_DAYS: i64 = 60;

/// A policy, ready to judge many cases.
pub struct Judge<'a> {
    policy: &'a Policy,
    surroundings: Surroundings<'a>,
    index: Index<'a>,
    waivers: Waivers<'a>,
    licences: Vec<Licence>,
}

/// A policy's rules by ecosystem, with their names as the ecosystems' keys.
pub(crate) struct Index<'p> {
    /// Each as it is written, with the patterns that it stands for.
    internal: HashMap<&'p str, Vec<(Pattern, Vec<Pattern>)>>,
    publishers: HashMap<&'p str, Vec<(Pattern, &'p PublisherRule)>>,
    denied: HashMap<&'p str, Vec<(Pattern, &'p DenyRule)>>,
    denied_digests: HashMap<Digest, Vec<&'p DenyRule>>,
}

impl<'p> Index<'p> {
    fn new(policy: &'p Policy, ecosystems: &Ecosystems) -> Self {
        let mut this = Self {
            internal: HashMap::new(),
            publishers: HashMap::new(),
            denied: HashMap::new(),
            denied_digests: HashMap::new(),
        };
        for pattern in &policy.internal {
            let folded = pattern.clone().folded(ecosystems);
            let whole = std::iter::once(folded.clone()).chain(folded.rest_of_namespace());
            let entry = this.internal.entry(pattern.ecosystem()).or_default();
            entry.push((folded, whole.collect()));
        }
        for rule in &policy.publishers {
            let folded = rule.names.clone().folded(ecosystems);
            let entry = this.publishers.entry(rule.names.ecosystem()).or_default();
            entry.push((folded, rule));
        }
        for rule in &policy.deny {
            if let Some(pattern) = &rule.names {
                let folded = pattern.clone().folded(ecosystems);
                this.denied.entry(pattern.ecosystem()).or_default().push((folded, rule));
            }
            if let Some(digest) = rule.digest {
                this.denied_digests.entry(digest).or_default().push(rule);
            }
        }
        this
    }

    /// Those that make a name one of the site's own.
    pub(crate) fn internal(&self, ecosystem: &str, key: &str) -> impl Iterator<Item = &Pattern> {
        let written = self.internal.get(ecosystem).into_iter().flatten();
        let about = written.filter(move |(_, whole)| whole.iter().any(|pattern| pattern.covers(ecosystem, key)));
        about.map(|(pattern, _)| pattern)
    }

    pub(crate) fn denied(&self, ecosystem: &str) -> impl Iterator<Item = (&Pattern, &'p DenyRule)> {
        self.denied
            .get(ecosystem)
            .into_iter()
            .flatten()
            .map(|(pattern, rule)| (pattern, *rule))
    }

    pub(crate) fn denied_digest(&self, digest: &Digest) -> impl Iterator<Item = &'p DenyRule> {
        self.denied_digests.get(digest).into_iter().flatten().copied()
    }

    /// The rule in force that is about a name, and the narrowest one that will be. Of rules that are about one name each is within the
    /// next, since the policy was read.
    fn publisher(&self, ecosystem: &str, key: &str, now: Timestamp) -> Publishers<'p> {
        let mut found = Publishers::default();
        for (pattern, rule) in self.publishers.get(ecosystem).into_iter().flatten() {
            if !pattern.covers(ecosystem, key) {
                continue;
            }
            let place = if rule.effective.is_some_and(|day| day.start() > now) {
                &mut found.announced
            } else {
                &mut found.in_force
            };
            if place.is_none_or(|other| rule.names.is_within(&other.names)) {
                *place = Some(rule);
            }
        }
        // A rule that would not displace the present one announces nothing.
        if let (Some(announced), Some(in_force)) = (found.announced, found.in_force)
            && !announced.names.is_within(&in_force.names)
        {
            found.announced = None;
        }
        found
    }
}

#[derive(Default)]
struct Publishers<'p> {
    in_force: Option<&'p PublisherRule>,
    announced: Option<&'p PublisherRule>,
}

/// A rule that is about a name, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Its place in the policy.
    pub rule: String,
    /// What it says.
    pub says: String,
}

/// Trust or a waiver that ends soon, or has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// Its place in the policy.
    pub rule: String,
    /// Its last day.
    pub end: Day,
    /// How many days are left; negative if it has ended.
    pub days_left: i64,
}

impl<'a> Judge<'a> {
    /// Makes a policy ready to judge.
    pub fn new(policy: &'a Policy, surroundings: Surroundings<'a>) -> Self {
        Self {
            policy,
            surroundings,
            index: Index::new(policy, &surroundings.ecosystems),
            waivers: Waivers::new(policy),
            licences: spdx::allow_list(&policy.licences.allow),
        }
    }

    /// Decides about one artifact. Which others there are makes no difference.
    pub fn decide(&self, case: &Case<'_>) -> Decision {
        let (policy, surroundings) = (self.policy, &self.surroundings);
        let artifact = case.artifact;
        let key = self.key(artifact);
        let ecosystem = policy.ecosystems.get(&artifact.ecosystem);
        let publishers = self.index.publisher(&artifact.ecosystem, &key, surroundings.now);
        let required = rules::required(artifact, ecosystem, publishers.in_force, case.floor);

        let mut hits = Hits::default();
        if ecosystem.is_none() {
            hits.add(
                Code::NoRuleMatches,
                Action::Deny,
                "default",
                format!("the policy does not name {}", artifact.ecosystem),
                "name the ecosystem in the policy, with the evidence that it must have",
            );
        }
        rules::internal(&self.index, case, &key, &mut hits);
        rules::denied(&self.index, case, &key, surroundings, &mut hits);
        let mut vulnerable = Hits::default();
        rules::advisories(&policy.advisories, case, &key, surroundings, &mut hits, &mut vulnerable);
        rules::contradictions(case, &mut hits);
        let reached = rules::evidence(
            case,
            ecosystem,
            publishers.in_force,
            publishers.announced,
            surroundings,
            &mut hits,
        );
        hits.0.append(&mut vulnerable.0);
        rules::licence(&policy.licences, &self.licences, case, &mut hits);
        if let Some(rule) = ecosystem {
            rules::age(rule, required.level, case, &key, surroundings, &mut hits);
        }
        rules::names(&policy.names, case, surroundings, &mut hits);
        rules::scan(&policy.scan, case, surroundings, &mut hits);
        let mut hits = hits.0;
        self.waivers.apply(case, &key, surroundings, &mut hits);
        self.decision(hits, required, reached)
    }

    /// Decides about what is asked of the bundle as a whole. Nothing of it is ever waived.
    pub fn decide_bundle(&self, facts: &BundleFacts<'_>) -> Decision {
        let mut hits = Hits::default();
        rules::bundle(&self.policy.require, facts, &self.surroundings, &mut hits);
        if let (Some(rule), Some(custody)) = (&self.policy.custody, facts.custody) {
            rules::custody(rule, custody, &self.surroundings, &mut hits);
        }
        let required = rules::Required {
            level: Level::None,
            rule: "require".to_owned(),
        };
        self.decision(hits.0, required, Level::None)
    }

    /// Why revocations that were made at a time are too old by now, if they are.
    pub fn too_old(&self, revocations: Timestamp) -> Option<Hit> {
        let mut hits = Hits::default();
        rules::revocations_now(&self.policy.require, revocations, self.surroundings.now, &mut hits);
        hits.0.pop()
    }

    fn decision(&self, hits: Vec<Hit>, required: rules::Required, reached: Level) -> Decision {
        let worst = |hits: &mut dyn Iterator<Item = &Hit>| hits.map(|hit| hit.verdict).max().unwrap_or(Verdict::Allow);
        let rules_say = worst(&mut hits.iter());
        let verdict = match self.policy.mode {
            Mode::Enforce => rules_say,
            // What nobody may waive, nobody may try out either.
            Mode::Evaluate => {
                worst(&mut hits.iter().filter(|hit| !waiver::may_be_waived(hit.code))).max(Verdict::Review)
            }
        };
        Decision {
            verdict,
            rules_say,
            required: required.level,
            required_by: required.rule,
            reached,
            hits,
        }
    }

    /// The key under which names are compared.
    fn key(&self, artifact: &Artifact) -> String {
        (self.surroundings.ecosystems.key)(&artifact.ecosystem, &artifact.name)
    }

    /// Which rules are about a name and version, whatever its proofs come to: first those that name it, then those that are about all alike.
    pub fn explain(&self, artifact: &Artifact) -> Vec<Applied> {
        let key = self.key(artifact);
        let id = &artifact.ecosystem;
        let mut trail = Vec::new();
        let mut add = |rule: String, says: String| trail.push(Applied { rule, says });
        for pattern in self.index.internal(id, &key) {
            add(
                format!("internal[{pattern}]"),
                "it may never come from outside".to_owned(),
            );
        }
        for (pattern, rule) in self.index.denied(id).filter(|(pattern, _)| pattern.covers(id, &key)) {
            let holds = pattern.versions().map_or(Some(true), |versions| {
                versions.hold(id, &artifact.version, &self.surroundings.ecosystems)
            });
            if holds != Some(false) {
                add(rule.path(), format!("it is denied: {}", rule.reason));
            }
        }
        for rule in self.index.denied_digest(&artifact.digest) {
            add(rule.path(), format!("its bytes are denied: {}", rule.reason));
        }
        match self.policy.ecosystems.get(id) {
            None => add(
                "default".to_owned(),
                "the policy does not name its ecosystem: it is not admitted".to_owned(),
            ),
            Some(rule) => {
                add(format!("ecosystems.{id}"), ecosystem_words(rule));
            }
        }
        let publishers = self.index.publisher(id, &key, self.surroundings.now);
        for rule in publishers.in_force.into_iter().chain(publishers.announced) {
            add(rule.path(), publisher_words(rule));
        }
        trail.extend(explain::alike(self.policy, id, self.surroundings.now));
        let case = Case::new(artifact, &[]);
        let ecosystems = &self.surroundings.ecosystems;
        let elsewhere = explain::waivers_for_other_bytes(self.policy, artifact, &key, ecosystems);
        for one in self.waivers.of(&case, &key, &self.surroundings.ecosystems) {
            let codes: Vec<&str> = one.codes.iter().map(String::as_str).collect();
            let says = match waiver::problem(one, self.surroundings.now, self.surroundings.policy_signers) {
                None => format!(
                    "lifts {} until {}, once {} signed this policy: {}",
                    codes.join(", "),
                    one.expires,
                    one.persons(),
                    one.reason
                ),
                Some(problem) => problem,
            };
            trail.push(Applied { rule: one.path(), says });
        }
        trail.extend(elsewhere);
        trail.extend(explain::around(self.policy));
        trail
    }
}

fn ecosystem_words(rule: &super::EcosystemRule) -> String {
    let mut words = vec![format!("asks for `{}`", rule.evidence)];
    if rule.evidence == Level::Observed && rule.observers > 1 {
        words.push(format!("seen by {} stations", rule.observers));
    }
    if rule.signers > 1 {
        words.push(format!("by {} signers", rule.signers));
    }
    if !rule.scope.is_empty() {
        let anchors: Vec<&str> = rule.scope.iter().map(String::as_str).collect();
        words.push(format!("resting on {}", anchors.join(" or ")));
    }
    if rule.identity == super::IdentityMode::PinOnFirstImport {
        words.push("by whoever published it first".to_owned());
    }
    if rule.floor == super::Floor::Keep {
        words.push("never less than before".to_owned());
    }
    if rule.min_age_days > 0 {
        words.push(format!(
            "published {} before the export",
            rules::days(rule.min_age_days.into())
        ));
    }
    words.join(", ")
}

fn publisher_words(rule: &PublisherRule) -> String {
    let named: Vec<String> = rule
        .pgp
        .iter()
        .map(|text| format!("OpenPGP key {text}"))
        .chain(rule.keys.iter().map(|text| format!("key {text}")))
        .chain(rule.identity.iter().map(|identity| {
            let fields: Vec<String> = identity
                .0
                .iter()
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            format!("identity ({})", fields.join(", "))
        }))
        .collect();
    let mut words = format!("asks for `{}`", rule.evidence);
    if !named.is_empty() {
        words.push_str(&format!(" by {}", named.join(" or ")));
    }
    if rule.signers > 1 {
        words.push_str(&format!(", {} of them", rule.signers));
    }
    words.push_str(&format!(", until {}", rule.until));
    if let Some(day) = rule.effective {
        words.push_str(&format!(", from {day}"));
    }
    words
}

impl Policy {
    /// What ends within [`NOTICE_DAYS`], or has ended, soonest first.
    pub fn endings(&self, now: Timestamp) -> Vec<Ending> {
        let publishers = self.publishers.iter().map(|rule| (rule.path(), rule.until));
        let waivers = self.waivers.iter().map(|waiver| (waiver.path(), waiver.expires));
        let mut endings: Vec<Ending> = publishers
            .chain(waivers)
            .map(|(rule, end)| Ending {
                rule,
                end,
                days_left: end.days_after(now),
            })
            .filter(|ending| ending.days_left <= NOTICE_DAYS)
            .collect();
        endings.sort_by(|one, other| (one.end, &one.rule).cmp(&(other.end, &other.rule)));
        endings
    }
}
